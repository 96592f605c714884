"""One core for all hosts: the page from the cache, faults at their true places; and regions rewritten in place."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import jinja2
import numpy as np
import pytest
from click.testing import CliRunner

import explainer
from explainer.cli import main
from explainer.embed import core
from explainer.embed.core import OPTIONS, Embedded, OptionFault, Place, Style, embedded, listed, read_options
from explainer.embed.parts import parts
from explainer.problem import Options
from explainer.render import templates_folder

EXAMPLES = Path(explainer.__file__).parent / "examples"
SPEC = """\
inputs: {X1: 2}
targets: {T: 1}
layers:
  - {neurons: [1], activation: tanh, weights: [[0.3]], biases: [-0.1]}
loss: half_squared_error
"""
HOW = Style("markdown", "github")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EXPLAINER_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def worked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Grows whenever a page is worked out, and not taken from the cache."""
    times: list[int] = []
    original = core.worked

    def counted(*arguments: object) -> object:
        times.append(1)
        return original(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(core, "worked", counted)
    return times


def inside(text: str = SPEC, line: int = 10, indent: int = 3, **more: object) -> Place:
    return Place("doc.md", None, text, line, indent, head=8, **more)  # type: ignore[arg-type]


def in_file(path: Path, text: str = SPEC) -> Place:
    path.write_text(text, "utf-8")
    return Place(str(path), path)


# ---- the page


def test_the_page_is_that_of_the_derivation() -> None:
    found = embedded(inside(), {"digits": 3}, HOW)
    alone = "".join(explainer.explain(core_problem(digits=3)).text()).removeprefix("# \n\n")
    assert re.sub("^#+", "#", found.text, flags=re.M) == re.sub("^#+", "#", alone, flags=re.M)


def core_problem(**options: object) -> object:
    from explainer.problem import problem_from_text

    return problem_from_text(SPEC, **options)  # type: ignore[arg-type]


def test_the_options_are_those_of_the_command_line() -> None:
    assert set(OPTIONS) == set(Options.__annotations__)


def test_defaults_hold_where_neither_spec_nor_options_say_something() -> None:
    chinese = embedded(inside(), {}, HOW, {"language": "zh"}).text
    assert "前向传播" in chinese
    assert "Forward pass" in embedded(inside("language: en\n" + SPEC), {}, HOW, {"language": "zh"}).text
    assert "Forward pass" in embedded(inside(), {"language": "en"}, HOW, {"language": "zh"}).text
    assert "3 decimals" in embedded(inside(), {"digits": 3}, HOW, {"significant": 7}).text


def test_anchors_are_told_apart_by_their_label_and_links_follow_them() -> None:
    for style in (Style("markdown", "github", "a"), Style("markdown", "myst", "a"), Style("parts", "", "a")):
        text = embedded(inside(), {}, style).text
        ids = set(re.findall(r'id="([^"]+)"', text))
        links = set(re.findall(r'(?:\]\(#|href="#|to=")([^")]+)', text))
        assert links <= ids
        assert all(name.startswith("a-") for name in ids)


@pytest.mark.parametrize(("level", "first"), [(1, "# One"), (2, "## One"), (5, "##### One")])
def test_headings_begin_at_the_level_that_was_asked_for(level: int, first: str) -> None:
    text = embedded(inside("title: One\n" + SPEC), {}, Style("markdown", "github", level=level)).text
    assert text.startswith(f"{first}\n")
    deepest = max(len(marks) for marks in re.findall("^(#+) ", text, re.M))
    assert deepest == min(6, level + 3)


def test_the_parts_are_well_formed_whatever_a_title_holds() -> None:
    hostile = 'title: \'</p><m> & "x" <b id="s1">\'\n'
    tree = parts(embedded(inside(hostile + SPEC), {}, Style("parts", label="k")).text)
    assert tree[0].text == '</p><m> & "x" <b id="s1">'
    assert {part.tag for part in tree.iter()} <= {
        *["page", "h", "p", "d", "ul", "ol", "li", "box", "table", "tr", "th", "td", "m", "b", "a", "t"]
    }


def test_figures_stand_in_a_page_where_they_are_asked_for() -> None:
    path = EXAMPLES / "2-2-3-1.yaml"
    place = Place(str(path), path)
    assert "<fig" not in embedded(place, {}, Style("parts")).text
    tree = parts(embedded(place, {}, Style("parts", label="k", figures=True)).text)
    figures = explainer.explain(explainer.read_problem(path)).figures()
    assert [each.get("id") for each in tree.iter("fig")] == [f"k-figure-{each.name}" for each in figures]
    assert [each.findtext("svg") for each in tree.iter("fig")] == [each.svg() for each in figures]
    assert [each.findtext("tikz") for each in tree.iter("fig")] == [each.tikz() for each in figures]
    assert [each.get("alt") for each in tree.iter("fig")] == [each.alt for each in figures]


def test_parts_say_what_the_markdown_says() -> None:
    path = EXAMPLES / "2-2-3-1.yaml"
    tree = parts(embedded(Place(str(path), path), {}, Style("parts")).text)
    markdown = "".join(explainer.explain(explainer.read_problem(path)).text("markdown", flavour="jupyter"))
    for part in tree.iter("d"):
        assert re.sub(r"\s", "", part.text or "") in re.sub(r"\s", "", markdown)
    assert len(list(tree.iter("d"))) == markdown.count("$$") // 2


def test_every_format_has_the_macros_that_markdown_has() -> None:
    """A macro with other arguments would fail only on the page that calls it."""
    environment = jinja2.Environment(loader=jinja2.FileSystemLoader(templates_folder()), trim_blocks=True)  # noqa: S701
    environment.globals.update(format="parts", flavour="")
    others = {"cut", "away", "marked", "sign", "strong", "typed"}  # all but the first for marks, which are not embedded

    def macros(name: str) -> dict[str, list[str]]:
        found = {
            key: each
            for key, each in vars(environment.get_template(f"formats/{name}.j2").module).items()
            if callable(each)
        }
        of_marks = ("style", "script")
        return {key: [each for each in found[key].arguments if each not in of_marks] for key in {*found} - others}

    assert macros("parts") == macros("markdown")


# ---- faults


def test_a_fault_in_a_document_is_told_at_its_line_and_column_there() -> None:
    found = embedded(inside(SPEC.replace("tanh", "tanhh").replace("T: 1", "T: 1,5")), {}, HOW)
    assert [(fault.file, fault.line, fault.column) for fault in found.faults] == [
        ("doc.md", 11, 19),
        ("doc.md", 13, 35),
    ]
    assert found.text == ""


def test_a_fault_of_an_option_is_told_where_the_options_stand() -> None:
    (fault,) = embedded(inside(), {"notation": "numbred"}, HOW).faults
    assert (fault.line, fault.column) == (8, 1)
    assert "did you mean" in fault.remedy or "numbered" in fault.remedy


def test_a_fault_of_an_option_of_a_spec_in_a_file_is_told_in_the_document(tmp_path: Path) -> None:
    place = replace(in_file(tmp_path / "net.yaml"), document="doc.md", head=8)
    (fault,) = embedded(place, {"notation": "numbred"}, HOW).faults
    assert str(fault) == "doc.md:8:1: notation: unknown value 'numbred'; did you mean 'numbered'?"


def test_a_fault_of_a_spec_in_a_file_is_told_there(tmp_path: Path) -> None:
    place = in_file(tmp_path / "net.yaml", SPEC.replace("tanh", "tanhh"))
    (fault,) = embedded(place, {}, HOW).faults
    assert str(fault).startswith(f"{tmp_path / 'net.yaml'}:4:32: unknown activation 'tanhh'")
    missing = embedded(Place("no.yaml", tmp_path / "no.yaml"), {}, HOW)
    assert [str(fault) for fault in missing.faults] == ["no.yaml:1:1: there is no such file; check its name and folder"]
    assert missing.files == (tmp_path / "no.yaml",)


@pytest.mark.parametrize("text", ["words", "[1]", "layers: [1]", "layers: {weights: a.csv}", "", "inputs: {"])
def test_what_is_no_spec_at_all_is_a_fault(text: str) -> None:
    assert embedded(inside(text + "\n"), {}, HOW).faults


def test_what_goes_wrong_while_working_is_told_at_the_spec() -> None:
    large = SPEC.replace("tanh", "identity").replace("X1: 2", "X1: 1e300").replace("0.3", "1e300")
    (fault,) = embedded(inside(large), {}, HOW).faults
    assert (fault.file, fault.line, fault.column) == ("doc.md", 10, 4)


@pytest.mark.parametrize(
    ("written", "found"),
    [
        ({"digit": "3"}, "there is no option 'digit'; did you mean 'digits'?"),
        ({"wat": "3"}, "there is no option 'wat'; known here: notation, "),
        ({"digits": "three"}, "digits is 'three'; write a whole number"),
        ({"figures": "maybe"}, "figures is 'maybe'; write yes or no"),
        ({"level": "9"}, "level is 9; write a number from 1 to 6"),
        ({"label": "1 2"}, "label is '1 2'; write a letter"),
    ],
)
def test_an_option_that_cannot_be_read_is_told_with_what_would_do(written: dict[str, str], found: str) -> None:
    with pytest.raises(OptionFault, match=re.escape(found)):
        read_options(written)


def test_an_option_may_be_a_number_or_what_yaml_makes_of_yes_and_no() -> None:
    assert read_options({"digits": 3, "level": 2}) == ({"digits": 3}, {"level": 2})
    found = [read_options({"figures": each})[1]["figures"] for each in ("yes", True, "no", False)]
    assert found == [True, True, False, False]


def test_a_block_is_found_in_its_document_by_its_body_or_by_the_spec_that_it_names(tmp_path: Path) -> None:
    path = tmp_path / "doc.md"
    path.write_text(
        "---\n---\n```{explainer} net.yaml\n:digits: 3\n```\n- ```{explainer}\n  :digits: 3\n  a\n  ```\n", "utf-8"
    )
    assert core.found_in(path, "net.yaml", []) == core.Spot(3, 4)
    assert core.found_in(path, "", ["a"]) == core.Spot(6, 8, 2)
    assert core.found_in(path, "net.yaml", [], line=4) is None
    assert core.found_in(path, "other.yaml", []) is None
    assert core.found_in(tmp_path / "no.md", "", ["a"]) is None


def test_names_are_parted_at_commas_outside_brackets() -> None:
    assert listed("W[1,3], b[3],w5") == ("W[1,3]", "b[3]", "w5")


# ---- the cache


def test_the_same_page_is_worked_out_once(worked: list[int]) -> None:
    first, second = embedded(inside(), {}, HOW), embedded(inside(line=99), {}, HOW)
    assert first.text == second.text != ""
    assert len(worked) == 1
    embedded(inside(), {}, Style("markdown", "github", "other", 4))  # a label and a level cost nothing
    assert len(worked) == 1


Change = Callable[[], Embedded]


@pytest.mark.parametrize(
    "change",
    [
        lambda: embedded(inside(SPEC.replace("0.3", "0.4")), {}, HOW),
        lambda: embedded(inside(), {"digits": 2}, HOW),
        lambda: embedded(inside(), {}, HOW, {"digits": 2}),
        lambda: embedded(inside(), {}, Style("markdown", "myst")),
        lambda: embedded(inside(), {}, Style("parts")),
        lambda: embedded(inside(), {}, Style("markdown", figures=True)),
    ],
)
def test_whatever_changes_the_page_is_worked_out_anew(worked: list[int], change: Change) -> None:
    embedded(inside(), {}, HOW)
    change()
    assert len(worked) == 2


def test_another_version_of_ours_works_pages_out_anew(worked: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    embedded(inside(), {}, HOW)
    monkeypatch.setattr(core, "ours", lambda: "another")
    embedded(inside(), {}, HOW)
    assert len(worked) == 2


def test_a_page_depends_on_the_data_files_of_its_spec(tmp_path: Path, worked: list[int]) -> None:
    np.savez(tmp_path / "w.npz", W=[[0.3]])
    (tmp_path / "x.csv").write_text("X1\n2\n")
    text = SPEC.replace("[[0.3]]", "w.npz#W").replace("{X1: 2}", "x.csv")
    first = embedded(inside(text, folder=tmp_path), {}, HOW)
    assert set(first.files) == {tmp_path / "w.npz", tmp_path / "x.csv"}
    assert embedded(inside(text, folder=tmp_path), {}, HOW) == first
    assert len(worked) == 1
    (tmp_path / "x.csv").write_text("X1\n3\n")
    assert embedded(inside(text, folder=tmp_path), {}, HOW).text != first.text
    (tmp_path / "x.csv").unlink()
    wrong = embedded(inside(text, folder=tmp_path), {}, HOW)
    assert wrong.faults
    assert set(wrong.files) == set(first.files)  # a host that has shown the fault looks again when they change


def test_a_page_depends_on_the_templates_of_its_author(tmp_path: Path, worked: list[int]) -> None:
    own = tmp_path / "own" / "prose" / "en" / "steps.j2"
    own.parent.mkdir(parents=True)
    writing, style = read_options({"templates": "own"}, tmp_path)
    assert (writing, style) == ({}, {"templates": str(tmp_path / "own")})
    how = Style("markdown", "github", **style)
    (fault,) = embedded(inside(), {}, how).faults
    assert fault.file == str(tmp_path / "own")
    for word in ("Line", "Zeile"):
        own.write_text(f"{{% macro step_title(n) %}}{word} {{{{ n }}}}.{{% endmacro %}}\n", "utf-8")
        found = embedded(inside(), {}, how)
        assert f"**{word} 1.**" in found.text
        assert found.files == (own,)
    embedded(inside(), {}, how)
    assert len(worked) == 3
    own.write_text("{% macro step_title(n) %}{{ n", "utf-8")
    (fault,) = embedded(inside(), {}, how).faults
    assert (fault.file, fault.line) == (str(own), 1)


def test_a_damaged_entry_is_worked_out_anew(cache: Path, worked: list[int]) -> None:
    first = embedded(inside(), {}, HOW)
    for data in (b"", b"\x00" * 9, core.zlib.compress(b"[]"), core.zlib.compress(b'{"files": {"a": 1}}')):
        for path in cache.glob("??/*"):
            path.write_bytes(data)
        assert embedded(inside(), {}, HOW) == first
    assert len(worked) == 5


def test_a_cache_that_cannot_be_written_stops_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("EXPLAINER_CACHE", str(tmp_path / "file"))
    assert embedded(inside(), {}, HOW).text


def test_a_page_is_not_kept_where_its_data_changed_while_it_was_worked_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text, original = SPEC.replace("{X1: 2}", "x.csv"), core.worked
    (tmp_path / "x.csv").write_text("X1\n2\n")

    def slow(*arguments: object) -> object:
        found = original(*arguments)  # type: ignore[arg-type]
        (tmp_path / "x.csv").write_text("X1\n30\n")
        return found

    monkeypatch.setattr(core, "worked", slow)
    old = embedded(inside(text, folder=tmp_path), {}, HOW).text
    monkeypatch.setattr(core, "worked", original)
    new = embedded(inside(text, folder=tmp_path), {}, HOW).text
    assert "X_{1} = 2" in old
    assert "X_{1} = 30" in new


def test_a_cache_that_can_only_be_read_is_read(worked: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise PermissionError

    first = embedded(inside(), {}, HOW)
    monkeypatch.setattr(os, "utime", refused)
    assert embedded(inside(), {}, HOW) == first
    assert len(worked) == 1


def test_what_cannot_be_put_in_its_place_leaves_nothing_behind(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "replace", refused)
    assert embedded(inside(), {}, HOW).text
    assert [path for path in cache.rglob("*") if path.is_file()] == []


def test_what_nobody_asks_for_leaves_the_cache(cache: Path) -> None:
    embedded(inside(), {}, HOW)
    (old,) = cache.glob("??/*")
    os.utime(old, (0, 0))
    core.tidied.cache_clear()
    embedded(inside(), {"digits": 2}, HOW)
    assert not old.exists()
    assert len([*cache.glob("??/*")]) == 1


def test_a_page_from_the_cache_imports_neither_sympy_nor_numpy() -> None:
    embedded(Place("x", EXAMPLES / "2-2-3-1.yaml"), {}, HOW)
    code = (
        "import sys; from pathlib import Path; from explainer.embed.core import *; "
        f"text = embedded(Place('x', Path({str(EXAMPLES / '2-2-3-1.yaml')!r})), {{}}, Style()).text; "
        "print(len(text) > 1000, sorted({'sympy', 'numpy', 'jinja2', 'pydantic'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "True []\n"


# ---- regions


def document(tmp_path: Path, *lines: str) -> Path:
    (tmp_path / "net.yaml").write_text(SPEC, "utf-8")
    path = tmp_path / "doc.md"
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


def run(*arguments: object) -> tuple[int, str]:
    done = CliRunner().invoke(main, ["embed", *map(str, arguments)])
    return done.exit_code, done.output


def test_a_region_is_rewritten_and_the_rest_is_left_alone(tmp_path: Path) -> None:
    path = document(
        tmp_path, "Before.", "<!-- explainer:begin net.yaml digits=3 -->", "old", "<!-- explainer:end -->", "After."
    )
    assert run(path) == (0, f"wrote {path}: 1 derivation in 1 file\n")
    text = path.read_text("utf-8")
    page = embedded(Place("", tmp_path / "net.yaml"), {"digits": 3}, HOW).text.rstrip()
    assert text == (
        f"Before.\n<!-- explainer:begin net.yaml digits=3 -->\n\n{page}\n\n<!-- explainer:end -->\nAfter.\n"
    )
    assert run(path) == (0, "nothing has changed: 1 derivation in 1 file\n")
    assert path.read_text("utf-8") == text


def test_check_exits_with_1_where_a_region_is_out_of_date_and_writes_nothing(tmp_path: Path) -> None:
    path = document(tmp_path, "<!-- explainer:begin net.yaml -->", "<!-- explainer:end -->")
    stale = path.read_text("utf-8")
    assert run("--check", path) == (
        1,
        f"{path}:1:1: this derivation is out of date; run `explainer embed` on the file\n",
    )
    assert path.read_text("utf-8") == stale
    run(path)
    assert run("--check", path) == (0, "")
    (tmp_path / "net.yaml").write_text(SPEC.replace("0.3", "0.35"), "utf-8")
    assert run("--check", path)[0] == 1


def test_a_spec_may_stand_in_the_mark_itself(tmp_path: Path) -> None:
    path = document(tmp_path, "<!-- explainer:begin detail=brief", *SPEC.splitlines(), "-->", "<!-- explainer:end -->")
    assert run(path)[0] == 0
    assert "complex step" in path.read_text("utf-8")
    path = document(tmp_path, "", "{/* explainer:begin", SPEC.replace("0.3", "0,3") + "*/}", "{/* explainer:end */}")
    code, output = run(path)
    assert code == 2
    assert output.startswith(f"{path}:6:")


def test_two_regions_have_anchors_of_their_own(tmp_path: Path) -> None:
    mark = "<!-- explainer:begin net.yaml -->\n<!-- explainer:end -->"
    path = document(tmp_path, mark, mark)
    run(path)
    ids = re.findall(r'id="([^"]+)"', path.read_text("utf-8"))
    assert len(ids) == len(set(ids)) > 10


def test_marks_in_a_code_block_are_examples(tmp_path: Path) -> None:
    path = document(tmp_path, "```md", "<!-- explainer:begin net.yaml -->", "<!-- explainer:end -->", "```")
    assert run(path) == (0, "nothing has changed: 0 derivations in 1 file\n")


def test_a_line_that_begins_with_code_opens_no_code_block(tmp_path: Path) -> None:
    path = document(tmp_path, "```a``` is code.", "<!-- explainer:begin net.yaml -->", "<!-- explainer:end -->")
    assert run(path) == (0, f"wrote {path}: 1 derivation in 1 file\n")


def test_the_line_ends_of_a_file_stay_as_they_are(tmp_path: Path) -> None:
    path = document(tmp_path)
    path.write_bytes(b"a\n<!-- explainer:begin net.yaml -->\r\n<!-- explainer:end -->\r\n")
    run(path)
    data = path.read_bytes()
    assert data.startswith(b"a\n<")
    assert data.count(b"\n") - 1 == data.count(b"\r\n") > 10
    assert run("--check", path)[0] == 0


@pytest.mark.parametrize(
    ("lines", "line", "found"),
    [
        (["<!-- explainer:begin net.yaml -->"], 1, "the region that begins here has no end"),
        (["<!-- explainer:begin net.yaml"], 1, "the comment that begins here has no end"),
        (["", "<!-- explainer:end -->"], 2, "a region ends here that did not begin"),
        (["<!-- explainer:begin net.yaml -->", "<!-- explainer:begin net.yaml -->"], 1, "has no end"),
        (["<!-- explainer:begin -->", "<!-- explainer:end -->"], 1, "there is neither a file nor a body; name a spec"),
        (["<!-- explainer:begin a.yaml b.yaml -->", "<!-- explainer:end -->"], 1, "it names more than one file"),
        (["<!-- explainer:begin net.yaml digit=3 -->", "<!-- explainer:end -->"], 1, "there is no option 'digit'"),
        (["<!-- explainer:begin net.yaml figures=yes -->", "<!-- explainer:end -->"], 1, "figures is not for regions"),
        (["<!-- explainer:begin net.yaml flavour=gitlab -->", "<!-- explainer:end -->"], 1, "unknown flavour"),
        (["<!-- explainer:begin 'net.yaml -->", "<!-- explainer:end -->"], 1, "a quotation mark stands alone"),
    ],
)
def test_a_mark_that_cannot_be_used_is_told_at_its_line(
    tmp_path: Path, lines: list[str], line: int, found: str
) -> None:
    path = document(tmp_path, *lines)
    before = path.read_text("utf-8")
    code, output = run(path)
    assert code == 2
    assert output.startswith(f"{path}:{line}:1: ")
    assert found in output
    assert path.read_text("utf-8") == before


def test_when_one_file_is_wrong_none_is_written(tmp_path: Path) -> None:
    good = document(tmp_path, "<!-- explainer:begin net.yaml -->", "<!-- explainer:end -->")
    before = good.read_text("utf-8")
    bad = tmp_path / "bad.md"
    bad.write_text("<!-- explainer:begin no.yaml -->\n<!-- explainer:end -->\n", "utf-8")
    code, output = run(good, bad)
    assert (code, output) == (2, f"{bad}:1:1: there is no file {tmp_path / 'no.yaml'}; check its name and folder\n")
    assert good.read_text("utf-8") == before


def test_the_hook_for_pre_commit_runs_a_command_that_there_is() -> None:
    import yaml

    (hook,) = yaml.safe_load((Path(__file__).parent.parent / ".pre-commit-hooks.yaml").read_text("utf-8"))
    program, command = hook["entry"].split()
    assert program == "explainer"
    assert command in main.commands
