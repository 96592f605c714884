"""Templates of the reader's: what they may do, and what is said where they cannot be used."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path

import pytest
from click.testing import CliRunner
from networks import EXAMPLES, example

import explainer
from explainer.cli import main
from explainer.derivation import train
from explainer.differentiation import differentiate
from explainer.render import Setting, macros, templates_folder

IMPORT = '{% import "formats/" ~ format ~ ".j2" as f with context %}\n'


def check(body: str) -> str:
    """A template that says the check of a gradient in its own way."""
    return f"{IMPORT}{{% macro gradient_check(check, check_name) %}}{body}{{% endmacro %}}"


def folder_with(tmp_path: Path, *files: tuple[str, str]) -> Path:
    for name, text in files:
        place = tmp_path / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, "utf-8")
    return tmp_path


def page(folder: Path, to: str = "markdown", name: str = "2-2-3-1", **options: str) -> str:
    return "".join(explainer.explain(example(name, **options)).text(to, templates=str(folder)))


def refusal(folder: Path, to: str = "markdown") -> str:
    """What is said of the folder, which is called DIR."""
    with pytest.raises(explainer.InputError) as caught:
        page(folder, to)
    return str(caught.value).replace(str(folder), "DIR")


# ---- what wins


def test_a_macro_takes_the_place_of_ours_and_the_rest_stays(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, ("prose/en/steps.j2", check('{{ f.paragraph("Found: " ~ f.math(check)) }}')))
    ours, theirs = "".join(explainer.explain(example("2-2-3-1")).text()), page(folder)
    assert theirs.count("Found: $`-0.045065`$") == 1
    assert "Check, by" not in theirs
    assert [line for line in ours.split("\n") if "Check, by" not in line] == [
        line for line in theirs.split("\n") if "Found:" not in line
    ]


def test_it_wins_wherever_our_own_macros_call_it_whatever_its_file_is_called(tmp_path: Path) -> None:
    title = (
        IMPORT + '{% macro gradient_title(n, w, loss, path) %}{{ f.unit("About " ~ f.math(w), "s" ~ n) }}{% endmacro %}'
    )
    text = page(folder_with(tmp_path, ("prose/en/mine.j2", title)))
    assert text.count("About $`W_{") == 13


def test_a_format_is_changed_macro_by_macro_too(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, ("formats/markdown.j2", "{% macro math(tex) %}\\({{ tex }}\\){% endmacro %}"))
    assert "\\(X_{1} = 2\\)" in page(folder)
    assert page(folder, "latex") == "".join(explainer.explain(example("2-2-3-1")).text("latex"))


def test_a_style_sheet_is_read_after_ours(tmp_path: Path) -> None:
    text = page(folder_with(tmp_path, ("formats/page.css", "h1 { color: teal }\n")), "html")
    assert text.index("h1 { color: teal }") > text.index("<style>")
    assert "--link" in text


def test_each_language_has_its_own(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, ("prose/zh/steps.j2", check("{{ f.paragraph(check_name) }}")))
    assert "复步法\n" in page(folder, language="zh")
    assert page(folder) == "".join(explainer.explain(example("2-2-3-1")).text())


def test_a_macro_asks_for_what_it_needs_and_no_more(tmp_path: Path) -> None:
    text = IMPORT + "{% macro gradient_check(check) %}{{ f.paragraph(check) }}{% endmacro %}"
    gradient = IMPORT + "{% macro gradient(w, g, lines) %}{{ f.display(g, lines) }}{% endmacro %}"
    assert (
        page(folder_with(tmp_path, ("prose/en/a.j2", gradient))).count("complex step:") == 3
    )  # the whole chains are ours
    assert "takes not more than 1" in refusal(folder_with(tmp_path, ("prose/en/b.j2", text)))  # ours call it with two


def test_the_reasons_in_the_json_can_be_said_otherwise_too(tmp_path: Path) -> None:
    text = "{% macro reason(kind) %}{{ kind }} it is{% endmacro %}"
    assert '"reason": "gradient it is"' in page(folder_with(tmp_path, ("prose/en/a.j2", text)), "json")
    assert "there are no templates here" in refusal(tmp_path / "prose", "json")


def test_a_change_of_a_file_is_seen_by_the_next_page(tmp_path: Path) -> None:
    for word in ("first", "second"):
        assert word in page(folder_with(tmp_path, ("prose/en/a.j2", check(f"{{{{ f.paragraph('{word}') }}}}"))))


def test_derivatives_graphs_and_trainings_have_them_too(tmp_path: Path) -> None:
    text = "{% macro table_end() %}THE END{% endmacro %}"
    folder = folder_with(tmp_path, ("formats/markdown.j2", text))
    assert "THE END" in "".join(differentiate("x^2", "x").text(templates=str(folder)))
    assert "THE END" in page(folder, name="e-a-plus-b")
    assert "THE END" in "".join(train(example("2-2-3-1"), 2, [0]).text(templates=str(folder)))


# ---- what cannot be used

BAD = {
    "{{ ''.__class__.__mro__ }}": "'__class__' is not for templates",
    "{{ check['__class__'] }}": "access to attribute '__class__' of 'str' object is unsafe",
    "{{ check.format(1) }}": "only macros can be called",
    "{{ check.center(999999999) }}": "only macros can be called",
    "{{ f.math.__call__('x') }}": "'__call__' is not for templates",
    "{{ nothing }}": "'nothing' is undefined; its macro knows check, check_name",
    "{{ range(10) }}": "'range' is undefined",
    "{{ lipsum() }}": "'lipsum' is undefined",
    "{% for i in range(99) %}x{% endfor %}": "'range' is undefined",
    "{{ 'a' * 9 }}": "* is not allowed in a template",
    "{{ 2 ** 9 }}": "** is not allowed in a template",
    "{{ '%9d' % 1 }}": "% is not allowed in a template",
    "{{ 'a'|center(9) }}": "the filter center is not allowed",
    "{{ [check]|map(attribute='__class__') }}": "the filter map is not allowed",
    "{% include '../../etc/passwd' %}": "only our templates and yours can be read in",
    "{% do check %}": "Encountered unknown tag 'do'",
    "{% for x in %}": "Expected an expression",
    "{{ gradient_check(check, check_name) }}": "macros that call each other without end",
    "{{ '\\ue105' }}": "a character that cannot be printed",
    "\ue105": "a character that cannot be printed",
    "{% set a = check ~ 'xxxxxxxxxx' %}" + "{% set a = a ~ a %}" * 60: "this makes too much text",
    "{% set a = [1, 2] %}" + "{% set a = a + a %}" * 60: "this makes too much text",
    "{% set a = 'xxxxxxxxxx' %}" + "{% set a = a|replace('x', a) %}" * 20: "this makes too much text",
    "{% set a = 'xxxxxxxxxx' %}" + "{% set a %}{{ a }}{{ a }}{% endset %}" * 60: "this makes too much text",
    "{% set a = 'xxxxxxxxxx' %}" + "{% set a = [a, a, a, a, a]|join(a) %}" * 20: "this makes too much text",
    "".join(f"{{% for a{k} in 'xxxxxxxxxx' %}}" for k in range(9))
    + "x"
    + "{% endfor %}" * 9: "this goes on for too long",
    "{% for x in '1' %}" * 30 + "{% endfor %}" * 30: "too many statically nested blocks",
    "{{ " + "(" * 2000 + "1" + ")" * 2000 + " }}": "too deep inside each other",
    "{{ [" + "check, " * 1000 + "] }}" + "{{ check }}" * 3000: None,
}


@pytest.mark.parametrize("body", BAD, ids=range(len(BAD)))
def test_a_hostile_macro_ends_in_one_error_at_its_line_soon(tmp_path: Path, body: str) -> None:
    folder, begun = folder_with(tmp_path, ("prose/en/steps.j2", check(body))), time.perf_counter()
    said = BAD[body]
    if said is None:
        page(folder)
    else:
        assert said in refusal(folder)
        assert all(line.startswith("DIR/prose/en/steps.j2:") for line in refusal(folder).split("\n"))
    assert time.perf_counter() - begun < 20


def test_macros_that_double_and_call_on_and_on_are_stopped(tmp_path: Path) -> None:
    calls = "".join(
        f"{{% macro a{k}() %}}{{{{ a{k + 1}() }}}}{{{{ a{k + 1}() }}}}{{% endmacro %}}\n" for k in range(40)
    )
    said = refusal(
        folder_with(tmp_path, ("prose/en/a.j2", calls + "{% macro a40() %}{% endmacro %}" + check("{{ a0() }}")))
    )
    assert "this goes on for too long" in said
    double = "{% macro d(x) %}{{ x }}{{ x }}{% endmacro %}" + check("{{ " + "d(" * 40 + "check" + ")" * 40 + " }}")
    assert "this makes too much text" in refusal(folder_with(tmp_path, ("prose/en/a.j2", double)))


def test_what_is_wrong_is_told_all_at_once_and_at_its_line(tmp_path: Path) -> None:
    text = IMPORT + "\n{% macro gradeint_check(check) %}x{% endmacro %}\nhello\n{% extends check %}\n"
    assert refusal(folder_with(tmp_path, ("prose/en/steps.j2", text))).split("\n") == [
        "DIR/prose/en/steps.j2:3:1: no macro is called 'gradeint_check', so this one is never used; "
        "did you mean 'gradient_check'?",
        "DIR/prose/en/steps.j2:4:1: text outside a macro is never written; put it into a macro",
        "DIR/prose/en/steps.j2:5:1: extends is not allowed in a template; "
        "use plain text, if, for, set, ~ and the macros of f",
    ]


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ([], "DIR:1:1: there are no templates here; put macros into prose/en/NAME.j2 or formats/FORMAT.j2"),
        (
            [("steps.j2", "")],
            "DIR:1:1: there are no templates here; put macros into prose/en/NAME.j2 or formats/FORMAT.j2",
        ),
        (
            [("prose/fr/steps.j2", "")],
            "DIR/prose/fr/steps.j2:1:1: there is no such language; put it into prose/en or prose/zh",
        ),
        (
            [("formats/markdwn.j2", "")],
            "DIR/formats/markdwn.j2:1:1: no template of ours has this name; did you mean 'formats/markdown.j2'?",
        ),
        (
            [("prose/en/a.j2", "x" * 70_000)],
            "DIR/prose/en/a.j2:1:1: the file is larger than 64 KiB; keep what you do not change out of it",
        ),
        (
            [("prose/en/a.j2", '{% import "/etc/passwd" as g %}')],
            "DIR/prose/en/a.j2:1:1: only our templates and yours can be read in; begin its name with formats/ or prose/",
        ),
    ],
)
def test_a_folder_that_cannot_be_used_is_said_so(tmp_path: Path, files: list[tuple[str, str]], said: str) -> None:
    assert refusal(folder_with(tmp_path, *files)) == said


@pytest.mark.parametrize(
    "name", [p.relative_to(templates_folder()).as_posix() for p in templates_folder().rglob("*.*")]
)
def test_a_copy_of_any_of_our_templates_can_be_changed(tmp_path: Path, name: str) -> None:
    folder = folder_with(tmp_path, (name, (templates_folder() / name).read_text("utf-8")))
    assert page(folder) == "".join(explainer.explain(example("2-2-3-1")).text())


def test_a_link_out_of_the_folder_is_not_followed(tmp_path: Path) -> None:
    outside = tmp_path / "outside.j2"
    outside.write_text("secret", "utf-8")
    folder = folder_with(tmp_path / "own", ("prose/en/a.j2", ""))
    (folder / "prose/en/b.j2").symlink_to(outside)
    assert refusal(folder) == "DIR/prose/en/b.j2:1:1: this link leads out of the folder; put a copy in its place"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_a_pipe_in_the_folder_does_not_block(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, ("prose/en/a.j2", ""))
    os.mkfifo(folder / "prose/en/b.j2")
    assert "b.j2:1:1: this is not a regular file" in refusal(folder)


def test_a_file_that_is_not_text_is_said_so(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, ("prose/en/a.j2", ""))
    (folder / "prose/en/b.j2").write_bytes(b"ok\n\xff")
    assert "b.j2:2:1: byte 0xff is not UTF-8" in refusal(folder)


def test_mathematics_that_html_cannot_show_is_said_so(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, ("prose/en/a.j2", check('{{ f.math("\\\\frac{") }}')))
    with pytest.raises(explainer.ExplainerError, match="no mathematics that HTML can show"):
        page(folder, "html")


def test_on_the_command_line_a_bad_template_is_exit_code_2_and_nothing_is_written(tmp_path: Path) -> None:
    folder = folder_with(tmp_path / "own", ("prose/en/a.j2", check("{{ nothing }}")))
    target = tmp_path / "page.md"
    arguments = ["derive", str(EXAMPLES / "2-2-3-1.yaml"), "--templates", str(folder), "-o", str(target)]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 2
    assert result.stderr == f"{folder}/prose/en/a.j2:2:1: 'nothing' is undefined; its macro knows check, check_name\n"
    assert not target.exists()


# ---- the how-to

HOW_TO = (Path(__file__).parent.parent / "docs/how-to/templates.md").read_text("utf-8")


def test_the_worked_example_of_the_how_to_writes_what_it_shows(tmp_path: Path) -> None:
    template = HOW_TO.split("```jinja\n")[1].split("```\n")[0]
    shown = HOW_TO.split("````markdown\n")[1].split("````\n")[0]
    text = page(folder_with(tmp_path, ("prose/en/gradients.j2", template)))
    assert shown in text
    assert "Check, by" not in text
    assert text.count(": the gradient of $`W") == 13


def test_the_arguments_that_the_how_to_lists_are_those_of_our_macros() -> None:
    rows = re.findall(r"^\| `(\w+)` \| [^|]* \| (.*) \|$", HOW_TO, re.MULTILINE)
    assert len(rows) >= 8
    for language in ("en", "zh"):
        ours = macros(language, Setting())
        for name, arguments in rows:
            assert list(ours[name].arguments) == re.findall(r"`(\w+)`", arguments), name  # type: ignore[attr-defined]


def test_the_faults_that_the_how_to_shows_are_told_so(tmp_path: Path) -> None:
    undefined = IMPORT + "\n\n{% macro gradient_title(n, w) %}{{ path }}{% endmacro %}"
    own = IMPORT + "\n\n{% macro update(n, w) %}{{ path }}{% endmacro %}\n"
    assert "'path' is undefined; its macro knows n, w" in refusal(folder_with(tmp_path, ("prose/en/a.j2", own)))
    assert "its macro knows n, w" in HOW_TO
    misspelt = refusal(folder_with(tmp_path, ("prose/en/a.j2", undefined + "{% macro gradeint() %}{% endmacro %}")))
    assert "no macro is called 'gradeint', so this one is never used; did you mean 'gradient'?" in misspelt
    assert "no macro is called 'gradeint', so this one is never used; did you mean 'gradient'?" in HOW_TO
