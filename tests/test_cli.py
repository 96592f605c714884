"""The commands, as a user meets them: what is written, what is said, and with which exit code."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

import explainer
from explainer.cli import main

EXAMPLES = {path.stem: path for path in Path(explainer.__file__).parent.glob("examples/*.yaml")}
SPEC = EXAMPLES["2-2-3-1"].read_text("utf-8")
BAD_SPEC = SPEC.replace("activation: sigmoid, weights: [[0.01", "activation: sigmod, weights: [[0.01").replace(
    "0.07, 0.08]", "0.07]"
)
FAULT = re.compile(r"[^:\n]+:[1-9]\d*:[1-9]\d*: .+; .+")
BEGINS = {
    "md": "# Updating W36",
    "tex": r"\documentclass",
    "html": "<!DOCTYPE html>",
    "json": '{"schema": "explainer.derivation/1"',
    "typ": "#let language",
}
DEMO = ("md", "tex", "html", "json")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in that holds `net.yaml` and nothing else."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.yaml").write_text(SPEC, "utf-8")
    return tmp_path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


def explained(*arguments: str) -> str:
    """What a run that must end well writes to standard output."""
    result = run(*arguments)
    assert result.exit_code == 0, result.output
    return result.stdout


def in_a_process(*arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *arguments], cwd=cwd, capture_output=True, text=True, encoding="utf-8")


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def assert_refused(result: Result, *said: str) -> None:
    """Exit code 2, nothing on standard output, and a line of FILE:LINE:COLUMN for each fault."""
    assert result.exit_code == 2
    assert result.stdout == ""
    lines = result.stderr.splitlines()
    assert len(lines) == len(said)
    for line, part in zip(lines, said, strict=True):
        assert FAULT.fullmatch(line), line
        assert part in line


# ---- demo


def test_demo_writes_every_format_and_the_headline_numbers(folder: Path) -> None:
    said = explained("demo")
    assert files(folder) == {"net.yaml", *(f"explainer-demo/derivation.{ending}" for ending in (*DEMO, "pdf"))}
    assert (folder / "explainer-demo/derivation.pdf").read_bytes().startswith(b"%PDF")
    for ending in DEMO:
        begin = BEGINS[ending]
        page = (folder / f"explainer-demo/derivation.{ending}").read_text("utf-8")
        assert page.startswith(begin)
        assert "0.045065" in page, "dE/dW36"
        assert f"explainer-demo/derivation.{ending}" in said.replace("\\", "/")
    assert "E = 0.06344 before the update, 0.062817 after" in said
    assert "explainer-demo/derivation.pdf" in said.replace("\\", "/")


def test_demo_writes_into_the_folder_and_in_the_language_that_it_is_told(folder: Path) -> None:
    explained("demo", "deep/er", "--language", "zh")
    assert "反向传播" in (folder / "deep/er/derivation.md").read_text("utf-8")


def test_demo_refuses_a_folder_that_cannot_be_made(folder: Path) -> None:
    assert_refused(run("demo", "net.yaml/x"), "net.yaml")
    assert files(folder) == {"net.yaml"}


# ---- derive: what is written where


@pytest.mark.parametrize(("ending", "begin"), BEGINS.items())
def test_the_ending_of_the_file_says_in_which_format_it_is(folder: Path, ending: str, begin: str) -> None:
    explained("derive", "net.yaml", "-o", f"page.{ending}")
    assert (folder / f"page.{ending}").read_text("utf-8").startswith(begin)


@pytest.mark.parametrize(
    ("to", "ending"),
    [("markdown", "md"), ("md", "md"), ("latex", "tex"), ("tex", "tex"), ("html", "html"), ("json", "json")],
)
def test_to_says_the_format_where_the_ending_does_not(folder: Path, to: str, ending: str) -> None:
    explained("derive", "net.yaml", "--to", to, "-o", "page.txt")
    assert (folder / "page.txt").read_text("utf-8").startswith(BEGINS[ending])
    assert explained("derive", "net.yaml", "--to", to).startswith(BEGINS[ending])


def test_several_outputs_are_written_in_one_run(folder: Path) -> None:
    result = run("derive", "net.yaml", *(part for ending in BEGINS for part in ("-o", f"a.{ending}")))
    assert result.exit_code == 0
    assert files(folder) == {"net.yaml", *(f"a.{ending}" for ending in BEGINS)}
    assert result.stdout == ""
    assert result.stderr.startswith(
        "wrote a.md, a.tex, a.html, a.json, a.typ: E = 0.06344 before the update, 0.062817 after"
    )


def test_the_summary_is_one_line_on_standard_error(folder: Path) -> None:
    result = run("derive", "net.yaml", "-o", "a.md")
    assert re.fullmatch(
        r"wrote a\.md: E = 0\.06344 before the update, 0\.062817 after; "
        r"13 gradients checked by complex step, worst relative error \d\.\de-\d\d\n",
        result.stderr,
    )


@pytest.mark.parametrize("arguments", [[], ["-o", "-"], ["-o", "b.md", "-o", "-"]])
def test_without_a_file_or_with_a_dash_the_page_goes_to_standard_output(folder: Path, arguments: list[str]) -> None:
    explained("derive", "net.yaml", "-o", "a.md")
    assert explained("derive", "net.yaml", *arguments) == (folder / "a.md").read_text("utf-8")


def test_a_page_is_the_same_each_time_it_is_written(folder: Path) -> None:
    assert explained("derive", "net.yaml", "--to", "html") == explained("derive", "net.yaml", "--to", "html")


# ---- derive: how it is written


@pytest.mark.parametrize(
    ("flavour", "inline", "display"),
    [
        ("github", "$`E`$", "```math\n"),
        ("myst", "$E$", "```{math}\n"),
        ("mkdocs", "$E$", "$$\n"),
        ("jupyter", "$E$", "$$\n"),
    ],
)
def test_each_flavour_marks_mathematics_as_its_host_reads_it(
    folder: Path, flavour: str, inline: str, display: str
) -> None:
    page = explained("derive", "net.yaml", "--flavour", flavour)
    assert inline in page
    assert display in page


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--significant", "3"], {"significant": 3, "carry": "full"}),
        (["--digits", "3"], {"digits": 3, "carry": "full"}),
        (["--carry", "rounded"], {"significant": 5, "carry": "rounded"}),
        (["--notation", "numbered"], {"notation": "numbered"}),
    ],
)
def test_options_say_how_numbers_are_written(folder: Path, options: list[str], expected: dict[str, Any]) -> None:
    found = json.loads(explained("derive", "net.yaml", "--to", "json", *options))
    assert {key: found[key] for key in expected} == expected


def test_detail_says_how_much_is_written(folder: Path) -> None:
    brief, normal = (explained("derive", "net.yaml", "--detail", detail) for detail in ("brief", "normal"))
    assert len(brief) < len(normal) / 3


def test_the_command_line_wins_over_the_spec(folder: Path) -> None:
    (folder / "net.yaml").write_text(SPEC + "language: zh\nsignificant: 3\n", "utf-8")
    assert "反向传播" in explained("derive", "net.yaml")
    assert "反向传播" not in explained("derive", "net.yaml", "--language", "en")
    assert json.loads(explained("derive", "net.yaml", "--to", "json", "--significant", "7"))["significant"] == 7


def test_a_network_without_a_loss_is_worked_forward_only(folder: Path) -> None:
    (folder / "net.yaml").write_text("inputs: {a: 1}\nlayers: [{neurons: 1, weights: [[2]]}]\n", "utf-8")
    result = run("derive", "net.yaml", "-o", "a.md")
    assert result.stderr == "wrote a.md: forward pass only: no loss was given\n"


# ---- derive: what is refused


def test_a_bad_spec_is_refused_with_all_its_faults_and_nothing_is_written(folder: Path) -> None:
    (folder / "bad.yaml").write_text(BAD_SPEC, "utf-8")
    (folder / "old.md").write_text("old", "utf-8")
    result = run("derive", "bad.yaml", "-o", "old.md", "-o", "new.html")
    assert_refused(result, "bad.yaml:5:35: unknown activation 'sigmod'", "bad.yaml:6:85: layer 2: row 3")
    assert (folder / "old.md").read_text("utf-8") == "old"
    assert files(folder) == {"net.yaml", "bad.yaml", "old.md"}


def test_a_spec_that_is_not_there_is_refused(folder: Path) -> None:
    assert_refused(run("derive", "no.yaml"), "no.yaml:1:1: there is no such file")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("a.docx", ".docx is no format"),
        ("a", "no ending"),
        ("nowhere/a.md", "nowhere"),
        ("folder.md", "folder.md"),
    ],
)
def test_an_output_that_cannot_be_is_refused_and_nothing_is_written(folder: Path, name: str, said: str) -> None:
    (folder / "folder.md").mkdir()
    assert_refused(run("derive", "net.yaml", "-o", "good.md", "-o", name), said)
    assert files(folder) == {"net.yaml"}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--digits", "99"], "option --digits: "),
        (["--digits", "3", "--significant", "4"], "both 'digits' and 'significant'"),
        (["--only", "W36,W37"], "option --only: there is no weight or bias 'W37'; did you mean W[3,6]"),
        (["--notation", "greek"], "option --notation: "),
    ],
)
def test_an_option_that_cannot_be_followed_is_refused(folder: Path, options: list[str], said: str) -> None:
    assert_refused(run("derive", "net.yaml", "-o", "a.md", *options), said)
    assert files(folder) == {"net.yaml"}


@pytest.mark.parametrize("arguments", [["--language", "fr"], ["--to", "docx"], ["--nonsense"], []])
def test_a_wrong_use_of_the_command_line_is_refused_with_its_usage(folder: Path, arguments: list[str]) -> None:
    result = run("derive", *(["net.yaml", *arguments] if arguments else []))
    assert result.exit_code == 2
    assert result.stderr.startswith("Usage: ")


def test_a_file_name_is_said_on_one_line_with_nothing_that_a_terminal_obeys(folder: Path) -> None:
    assert_refused(run("derive", "no\n\x1b[31m.yaml"), r"no\u000a\u001b[31m.yaml:1:1: ")
    assert_refused(run("derive", "net.yaml", "-o", "no\n/\x1b[31m.md"), r"no\u000a/\u001b[31m.md")


def test_a_refusal_has_no_traceback_and_exit_code_2(folder: Path) -> None:
    (folder / "bad.yaml").write_text(BAD_SPEC, "utf-8")
    ended = in_a_process("-m", "explainer", "derive", "bad.yaml", "-o", "a.md", cwd=folder)
    assert ended.returncode == 2
    assert ended.stdout == ""
    assert [bool(FAULT.fullmatch(line)) for line in ended.stderr.splitlines()] == [True, True]


# ---- examples, schema, help


def test_examples_lists_each_shipped_example_with_its_title() -> None:
    listed = dict(line.split(maxsplit=1) for line in explained("examples").splitlines())
    assert set(listed) == set(EXAMPLES)
    assert listed["2-2-3-1"] == "Updating W36 by back-propagation"


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_is_printed_as_it_is_shipped_and_can_be_worked(folder: Path, name: str) -> None:
    spec = explained("examples", name)
    assert spec == EXAMPLES[name].read_text("utf-8")
    (folder / "mine.yaml").write_text(spec, "utf-8")
    explained("derive", "mine.yaml", "-o", "mine.html")


def test_an_unknown_example_is_refused_with_those_that_there_are() -> None:
    result = run("examples", "nope")
    assert result.exit_code == 2
    assert all(name in result.stderr for name in EXAMPLES)


def test_schema_is_a_json_schema_of_the_spec() -> None:
    schema = json.loads(explained("schema"))
    assert schema["$schema"].startswith("https://json-schema.org/")
    assert {"title", "inputs", "targets", "layers", "loss", "optimizer"} <= set(schema["properties"])


def test_version_is_that_of_the_package() -> None:
    assert explained("--version").split()[-1] == explainer.__version__


@pytest.mark.parametrize("arguments", [["--help"], ["derive", "--help"], ["--version"], ["examples"]])
def test_a_cold_start_loads_neither_numpy_nor_sympy_for_what_needs_neither(arguments: list[str]) -> None:
    program = (
        "import sys\n"
        "from explainer.cli import main\n"
        f"main({arguments!r}, standalone_mode=False)\n"
        "print(sorted({'sympy', 'numpy', 'pydantic', 'yaml', 'jinja2'} & set(sys.modules)), file=sys.stderr)\n"
    )
    ended = in_a_process("-c", program)
    assert ended.returncode == 0
    assert ended.stderr == "[]\n"
