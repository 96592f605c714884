"""The README and the docs tell the truth: what they show is what the code prints."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

import explainer
from explainer.cli import main

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text("utf-8")
EXAMPLE = Path(explainer.__file__).parent / "examples" / "2-2-3-1.yaml"
DOCS = sorted(ROOT.glob("docs/**/*.md"))
BLOCK = re.compile(
    r"^(?:<!-- (?P<note>[^\n]*) -->\n)?(?P<fence>`{3,})(?P<kind>[a-z]*)\n(?P<text>.*?)^(?P=fence)$", re.M | re.S
)


def blocks(page: str, kind: str) -> list[str]:
    return [found["text"] for found in BLOCK.finditer(page) if found["kind"] == kind]


def run(line: str) -> str:
    """What a command prints, on standard output and standard error; `> FILE` is followed."""
    line, _, target = line.partition(" > ")
    program, *arguments = shlex.split(line)
    assert program == "explainer", line
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code in (0, 1, 2), result.output
    if target:
        Path(target).write_text(result.stdout, "utf-8")
        return result.stderr
    return result.output


def comparable(text: str) -> str:
    """The text without what differs from machine to machine: the last bits of the check."""
    return re.sub(r"worst relative error \S+", "worst relative error ...", text)


# ---- the README


def test_the_spec_in_the_readme_is_the_shipped_example() -> None:
    assert blocks(README, "yaml") == [EXAMPLE.read_text("utf-8")]


def test_the_excerpt_in_the_readme_is_in_the_page() -> None:
    page = "".join(explainer.explain(explainer.read_problem(EXAMPLE)).text("markdown"))
    excerpts = blocks(README, "markdown") + blocks(README, "math")
    assert excerpts
    assert [excerpt for excerpt in excerpts if excerpt not in page] == []


def test_the_readme_counts_the_steps_right() -> None:
    page = "".join(explainer.explain(explainer.read_problem(EXAMPLE)).text("json"))
    (count,) = re.findall(r"The page has (\d+) numbered steps", README)
    assert page.count('{"id": "S') == int(count)
    assert f'"id": "S{count}"' in page


def test_the_commands_in_the_readme_print_what_it_shows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    lines = [line for text in blocks(README, "sh") for line in text.splitlines() if line.startswith("explainer ")]
    printed = [run(line) for line in lines]
    assert lines
    assert [comparable(text) for text in blocks(README, "text")] == [comparable(printed[-1])]


def test_the_readme_has_one_line_for_the_demo_and_one_for_the_tests() -> None:
    lines = [line for text in blocks(README, "sh") for line in text.splitlines() if line.startswith("python3 ")]
    assert [line.rpartition("&& ")[2] for line in lines] == [".venv/bin/explainer demo", ".venv/bin/python -m pytest"]


@pytest.mark.parametrize("page", [ROOT / "README.md", *DOCS], ids=lambda path: str(path.relative_to(ROOT)))
def test_every_command_that_a_page_names_exists(page: Path) -> None:
    text = re.sub(r"^(`{4,}).*?^\1", "", page.read_text("utf-8"), flags=re.M | re.S)  # documents within the document
    code = re.findall(r"`explainer ([a-z]+)[^`]*`|(?:^|/|\$ |run )explainer ([a-z]+)", text, re.M)
    assert {first or second for first, second in code} <= set(main.commands)


def test_the_picture_in_the_readme_is_there_and_small() -> None:
    (name,) = re.findall(r'<img src="([^"]+)"', README)
    picture = (ROOT / name).read_bytes()
    assert picture.startswith(b"\x89PNG")
    assert len(picture) < 200_000


# ---- the docs


def anchors(page: str) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", re.sub(r"^```.*?^```", "", page, flags=re.M | re.S), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", [ROOT / "README.md", *DOCS], ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_of_a_page_leads_somewhere(page: Path) -> None:
    text = re.sub(r"^(`{3,}).*?^\1", "", page.read_text("utf-8"), flags=re.M | re.S)
    text = re.sub(r"\$`[^`]*`\$", "", text)  # a^{[2](1)} is no link
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        name, _, anchor = link.partition("#")
        if name.startswith(("https:", "http:")):
            continue
        target = page.parent / name if name else page
        assert target.is_file(), link
        assert not anchor or anchor in anchors(target.read_text("utf-8")), link


SESSIONS = [page for page in DOCS if "```console" in page.read_text("utf-8")]


@pytest.mark.parametrize("page", SESSIONS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_session_in_the_docs_prints_what_it_shows(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for found in BLOCK.finditer(page.read_text("utf-8")):
        if note := re.fullmatch(r"file: (\S+)", found["note"] or ""):
            Path(note[1]).write_text(found["text"], "utf-8")
        elif note := re.fullmatch(r"line (\d+) of (\S+)", found["note"] or ""):
            lines = Path(note[2]).read_text("utf-8").splitlines(keepends=True)
            lines[int(note[1]) - 1] = found["text"]
            Path(note[2]).write_text("".join(lines), "utf-8")
        elif found["kind"] == "console":
            commands = re.findall(r"^\$ (.+)$", found["text"], re.M)
            shown = "".join(f"$ {line}\n{run(line)}" for line in commands)
            assert comparable(shown) == comparable(found["text"])


def test_the_json_in_the_reference_is_what_is_written() -> None:
    def shortened(text: str) -> str:
        return re.sub(r"(\d\.\d{12})\d+", r"\1", text)  # the last bits differ from machine to machine

    written = "".join(explainer.explain(explainer.read_problem(EXAMPLE)).text("json"))
    shown = blocks((ROOT / "docs/reference/json.md").read_text("utf-8"), "json")
    assert len(shown) == 2
    assert [text for text in shown if shortened(text.rstrip()) not in shortened(written)] == []


def test_a_spec_in_the_docs_that_shows_a_shipped_example_is_that_example() -> None:
    shipped = [path.read_text("utf-8") for path in EXAMPLE.parent.glob("*.yaml")]
    for name in ("tutorial.md", "how-to/textbook-network.md"):
        texts = blocks((ROOT / "docs" / name).read_text("utf-8"), "yaml")
        assert any(text in shipped for text in texts), name
