"""Reports of marked workings, those of a class, blank sheets, and what is said of an exercise's numbers."""

from __future__ import annotations

import csv
import html
import io
import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from browser import browser, find
from click.testing import CliRunner, Result
from networks import example
from test_marking import SEED, SPEC, checker

import explainer
from explainer import cli
from explainer.marking.blank import blank
from explainer.marking.checking import Checker
from explainer.marking.lint import lint
from explainer.marking.reading import READ, UNREADABLE
from explainer.marking.scheme import Scheme
from explainer.marking.workers import Lost, done
from explainer.problem import problem_from_text

PAGES = ["html", "md", "tex"]
NASTY = r"""Y1 = 0.52498 $x$ | `a` <b>bold</b>
Y_{4} & Y^5 % # \alpha ~ {x} = 0.6
∂E/∂W₃₆ = 0.12 × 10⁻² ≈ 0.3
@all :smile: http://example.org/?a=b&c=d = 0.4 \| x
[link](javascript:alert(1)) = 1
"quoted" 'single' -- --- <!-- c --> &lt = 2
中文 Y5 = 0.70 “引号”
É ł ő ß œ 😀 ﬁ Ω Λ ϑ ½ ‰ = 0.3
Y6 = 0.5438012345678901234567890123456789012345678901234567890123456789+0.1 = 0.77
\input{/etc/passwd} = 0.1
\end{document} = 0.1
"""


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli.main, ["check", *arguments])


# ---- the step behind a wrong line


@pytest.mark.parametrize("to", PAGES)
def test_a_report_has_the_step_of_every_wrong_line_and_links_to_it(to: str) -> None:
    text = checker().check(SEED).text(to)
    link, place = {
        "html": ('href="#{}"', 'id="{}"'),
        "md": ("](#{})", '<a id="{}"></a>'),
        "tex": (r"\stepref{{{}}}", r"\stepmark{{{}}}"),
    }[to]
    steps = [line.step for line in checker().check(SEED).lines if line.verdict == "wrong" and line.step]
    assert len(steps) == 4
    for step in steps:
        assert link.format(step.lower()) in text
        assert text.count(place.format(step.lower())) == 1
    assert r"\frac{1}{1 + e^{-0.062458}}" in text  # the numbers of the step that finds Y4


@pytest.mark.parametrize("name", ["2-2-3-1", "softmax-3", "batch-3-4-1", "theta-2-2-1", "e-a-plus-b"])
@pytest.mark.parametrize("to", ["html", "markdown", "latex"])
def test_what_a_report_links_to_is_in_the_derivation(name: str, to: str) -> None:
    page = "".join(explainer.explain(example(name)).text(to))
    steps = [step.id.lower() for step in checker(name).page.steps.values()]
    mark = {"html": 'id="{}"', "markdown": '<a id="{}"></a>', "latex": "{{{}}}"}[to]
    assert steps
    assert [step for step in steps if mark.format(step) not in page] == []


@pytest.mark.parametrize("to", PAGES)
def test_a_link_to_the_derivation_may_have_any_name_of_a_file(to: str) -> None:
    text = checker().check(SEED).text(to, page='my "file" #1 & 50%.html')
    address = {
        "html": 'href="my%20%22file%22%20%231%20&amp;%2050%.html#s8"',
        "md": "(<my%20%22file%22%20%231%20&amp;%2050%.html#s8>)",
        "tex": r"\href{my\%20\%22file\%22\%20\%231\%20\&\%2050\%.html\#s8}",
    }[to]
    assert address in text


def test_the_text_says_what_to_run_to_see_the_steps() -> None:
    marks = checker().check(SEED)
    assert "explainer derive 'my net.yaml' -o derivation.html" in marks.text(spec="my net.yaml")
    assert "step S8, derivation.html#s8" in marks.text(page="derivation.html")
    assert "explainer derive" not in checker().check("Y1 = 0.52498\n").text(spec="my.yaml")


# ---- what a student typed


def test_every_line_of_a_student_is_one_row_of_the_markdown_as_it_was_typed() -> None:
    text = checker().check(NASTY).text("md")
    rows = [line for line in text.splitlines() if re.match(r"\| (?:<a [^>]*></a>)?\d", line)]
    assert len(rows) == NASTY.count("\n")
    for row, typed in zip(rows, NASTY.splitlines(), strict=True):
        cells = re.findall(r"(?:\\.|[^|\\])+", row)
        assert len(cells) == 4
        code = cells[1].partition("<code>")[2].partition("</code>")[0]
        assert re.sub(r"\\(?=[!-/:-@\[-`{-~])(.)", r"\1", code) == typed
        assert re.search(r"(?<!\\)[<`$|&*_]|(?<!\\)://|(?<!\\)@", code) is None


def test_every_line_of_a_student_is_in_the_html_as_it_was_typed() -> None:
    text = checker().check(NASTY).text("html")
    typed = [html.unescape(code) for code in re.findall(r"<td><code>(.*?)</code>", text)]
    assert typed == NASTY.splitlines()
    assert "<script" not in text


@pytest.mark.parametrize(("language", "engine"), [("en", "pdflatex"), ("en", "xelatex"), ("zh", "xelatex")])
def test_latex_finds_nothing_wrong_with_a_report(language: str, engine: str, tmp_path: Path) -> None:
    if shutil.which(engine) is None:
        pytest.skip(f"not installed: {engine}")
    marks = Checker(example("2-2-3-1"), language).check(NASTY + SEED)
    (tmp_path / "marks.tex").write_text(marks.text("tex", page="a & b#1.html"), "utf-8")
    command = [engine, "-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape", "marks.tex"]
    for _ in range(2):
        subprocess.run(command, cwd=tmp_path, capture_output=True, check=True)
    log = (tmp_path / "marks.log").read_text("utf-8", "replace")
    assert re.findall(r"Missing character.*|Overfull.*", log) == []


# ---- languages, colours, the browser


MARKUP = re.compile(
    r"(?s).*\\begin\{document\}|<style>.*</style>|<[^>]*>|\\\w+\{(?:line|s)\d+\}|\(#\w+\)|\\tikz\[[^]]*\]|\\\w+|\{\w+\*?\}"
)


@pytest.mark.parametrize("to", ["text", *PAGES])
def test_a_chinese_report_speaks_chinese_throughout(to: str) -> None:
    problem, scheme = replace(example("2-2-3-1"), title="更新 W36"), Scheme(asked="6sf")
    typed = SEED + "q = 3\nY1\nW63' = 0.0945\n"
    english = Checker(problem, "en", scheme).check(typed).text()
    text = Checker(problem, "zh", scheme).check(typed).text(to)
    words = set(re.findall("[A-Za-z]{3,}", english)) - {"delta", "NAME", "VALUE"}
    assert {"wrong", "first", "right", "digits", "other", "marks"} <= words
    assert words & set(re.findall("[A-Za-z]{3,}", MARKUP.sub(" ", text))) == set()
    for word in ("错误", "正确", "第一处错误", "有效数字", "下标"):
        assert word in text


def test_colour_is_for_terminals_whose_owner_wants_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert cli.has_colours()
    monkeypatch.setenv("NO_COLOR", "1")
    assert not cli.has_colours()


def test_a_coloured_line_says_its_verdict_in_words_and_signs_too() -> None:
    plain, coloured = checker().check(SEED).text(), checker().check(SEED).text(colour=True)
    assert re.sub(r"\x1b\[[\d;]*m", "", coloured) == plain
    assert "\x1b[1;31m" in coloured  # the first wrong line stands out
    assert coloured.count("\x1b[1;31m") == 1


@pytest.mark.skipif(find() is None, reason="not installed: chromium")
def test_a_report_in_a_browser_fits_a_telephone_and_leads_to_the_step(tmp_path: Path) -> None:
    explainer.explain(example("2-2-3-1")).save(tmp_path / "derivation.html")
    report = checker().check(SEED + NASTY).text("html", page="derivation.html")
    (tmp_path / "marks.html").write_text(report, "utf-8")
    with browser() as tab:
        tab.open(tmp_path / "marks.html", width=390)
        assert tab.run("document.documentElement.scrollWidth") <= 390
        assert tab.errors == []
        tab.run("document.querySelector('.first .said a').click()")
        assert tab.run("document.querySelector(':target').textContent") == "Step 8"
        tab.run("document.querySelector('a[href=\"derivation.html#s8\"]').click()")
        tab.wait("location.pathname.endsWith('derivation.html') && document.querySelector(':target')")
        assert tab.run("document.querySelector(':target').textContent").startswith("Step 8")


# ---- digits that are asked for


def test_too_few_digits_are_said_and_are_no_mistake() -> None:
    free = checker()
    for text in (SEED, "Y1 = 0.525\nY2 = 0.6\nz1 = 0.1\nE = 0.06\n"):
        plain = free.check(text)
        asked = Checker(free.problem, None, Scheme(asked="4dp")).check(text)
        assert [line.verdict for line in asked.lines] == [line.verdict for line in plain.lines]
        assert asked.score == plain.score
    assert [line.short for line in asked.lines] == [False, True, False, True]  # Y1 is 0.5250, z1 0.1000
    assert all("4 decimals" in line.message for line in asked.lines if line.short)
    assert [line.get("too_few_digits") for line in asked.record()["lines"]] == [None, True, None, True]


def test_too_few_digits_cost_what_the_scheme_says_and_never_more_than_the_mark_for_the_number() -> None:
    text = "Y2 = 0.603\nY1 = 0.525\n"
    for loss, score in ((0, 4), (0.5, 3.5), (5, 3)):
        scheme = Scheme(digits=loss, asked="4sf")
        assert Checker(example("2-2-3-1"), None, scheme).check(text).score == (score, 4)


@pytest.mark.parametrize("text", ["4", "dp", "0sf", "-1dp", "4xx", "4 dp"])
def test_digits_that_are_none_are_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(SEED, "utf-8")
    result = run(SPEC, str(tmp_path / "a.txt"), "--digits", text)
    assert result.exit_code == 2
    assert "4dp" in result.output


# ---- a class


def test_a_class_has_a_report_for_each_working(tmp_path: Path) -> None:
    folder = tmp_path / "class"
    folder.mkdir()
    (folder / "ada.txt").write_text(SEED, "utf-8")
    (folder / "bob.csv").write_text("name,value\nY1,0.52498\n", "utf-8")
    (folder / "empty.txt").write_text("", "utf-8")
    (folder / "scan.pdf").write_bytes(b"%PDF")
    result = run(SPEC, str(folder), "-o", str(tmp_path / "all.csv"), "-o", f"{tmp_path}/reports/", "--jobs", "2")
    assert result.exit_code == 1
    assert sorted(path.name for path in (tmp_path / "reports").iterdir()) == ["ada.txt.html", "bob.csv.html"]
    assert "0.50615" in (tmp_path / "reports" / "ada.txt.html").read_text("utf-8")
    rows = {row["file"]: row for row in csv.DictReader(io.StringIO((tmp_path / "all.csv").read_text("utf-8")))}
    assert "nothing in it could be marked" in rows["empty.txt"]["error"]
    assert ".pdf is not read" in rows["scan.pdf"]["error"]
    assert rows["ada.txt"]["wrong"] == "4"
    assert "4 workings: 1 without a fault, 2 that could not be used" in result.output


def test_a_folder_may_have_one_of_its_own_for_each_student(tmp_path: Path) -> None:
    for student in ("ada", "bob"):
        (tmp_path / "class" / student).mkdir(parents=True)
        (tmp_path / "class" / student / "1.txt").write_text("Y1 = 0.52498\n", "utf-8")
    result = run(SPEC, str(tmp_path / "class"), "-o", str(tmp_path / "all.csv"), "-o", f"{tmp_path}/reports/")
    assert result.exit_code == 0
    assert [line.partition(",")[0] for line in (tmp_path / "all.csv").read_text("utf-8").split()] == [
        "file",
        "ada/1.txt",
        "bob/1.txt",
    ]
    assert sorted(path.name for path in (tmp_path / "reports").iterdir()) == ["ada_1.txt.html", "bob_1.txt.html"]


def test_an_empty_folder_is_said_to_be_the_one_at_fault(tmp_path: Path) -> None:
    result = run(SPEC, str(tmp_path))
    assert (result.exit_code, result.output.partition(";")[0]) == (2, f"{tmp_path}:1:1: there are no workings in it")


def test_lines_that_could_not_be_marked_are_left_to_a_person() -> None:
    marks = checker().check("Y1 = 0.52498\nfoo = 3\nbar = 4\n")
    assert marks.unmarked == 2
    assert "2 of 2 marks, without the 2 lines that are not read or not known: please mark them by hand" in marks.text()
    assert "Of the lines that could be marked none is wrong." in marks.text()


def test_no_kind_of_file_is_both_read_and_refused() -> None:
    assert not {*UNREADABLE} & {*READ, ""}


def test_a_table_with_chinese_names_says_to_excel_what_it_is(tmp_path: Path) -> None:
    folder = tmp_path / "class"
    folder.mkdir()
    (folder / "王小明.txt").write_text("Y1 = 0.52498\n", "utf-8")
    assert run(SPEC, str(folder), "-o", str(tmp_path / "all.csv")).exit_code == 0
    assert (tmp_path / "all.csv").read_bytes().startswith("\ufefffile".encode())


def test_a_class_that_is_stopped_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(*_: object) -> str:
        raise KeyboardInterrupt

    (tmp_path / "class").mkdir()
    (tmp_path / "class" / "ada.txt").write_text(SEED, "utf-8")
    monkeypatch.setattr("explainer.marking.commands.table", stopped)
    result = run(SPEC, str(tmp_path / "class"), "-o", str(tmp_path / "all.csv"))
    assert result.exit_code == 130
    assert [path.name for path in tmp_path.iterdir()] == ["class"]


def working(ending: str = "") -> Callable[[str], str]:
    """What the processes of the test below run: each task is what is done."""

    def work(task: str) -> str:
        if task == "die":
            os._exit(3)
        if task == "hang":
            time.sleep(60)
        return task + ending

    return work


@pytest.mark.parametrize("jobs", [1, 3])
def test_a_task_that_dies_or_hangs_costs_no_other(jobs: int) -> None:
    tasks = ["a", "die", "b", "hang", "die", "c"]
    began = time.monotonic()
    found = dict(done(working, ("!",), tasks, jobs, seconds=1.0))
    assert time.monotonic() - began < 50
    said = [str(found[place]) for place in range(len(tasks))]
    assert said == ["a!", "has died", "b!", "takes too long", "has died", "c!"]
    assert isinstance(found[1], Lost)


# ---- blank sheets


def test_a_blank_sheet_speaks_the_language_of_the_spec() -> None:
    problem = example("2-2-3-1")
    chinese = replace(problem, writing=replace(problem.writing, language="zh"))
    assert blank(chinese, Path("a.csv")).decode("utf-8-sig").startswith("名称,算式,数值\n")
    assert blank(problem, Path("a.csv")).decode().startswith("name,working,value\n")


def test_the_value_of_a_filled_sheet_is_in_the_column_of_values(tmp_path: Path) -> None:
    openpyxl = pytest.importorskip("openpyxl")
    path = tmp_path / "sheet.xlsx"
    path.write_bytes(blank(example("2-2-3-1"), path))
    book = openpyxl.load_workbook(path)
    rows = {row[0].value: row for row in book.active.iter_rows(min_row=2)}
    filled = {
        "z[1]": ("=0.01*2+0.02*4", 0.1),
        "z[2]": ("=0.05*2+0.08*4", 0.52),
        "Y[1]": (None, "=1/(1+EXP(-0.1))"),
        "Y[3]": (None, "0,50997"),
        "Y[4]": (None, "about a half"),
    }
    for name, (by, number) in filled.items():
        rows[name][1].value, rows[name][2].value = by, number
    book.save(path)
    found = {line.text.split()[0]: line for line in checker().check(path).lines}
    verdicts = {name: line.verdict for name, line in found.items()}
    assert verdicts == {"z[1]": "right", "z[2]": "wrong", "Y[1]": "right", "Y[3]": "right", "Y[4]": "unread"}
    assert found["z[2]"].slip == "arithmetic"  # what is beside the value is the expression, not the value


# ---- what an exercise's numbers can tell


def test_lint_names_two_mistakes_that_give_one_number() -> None:
    found = lint(example("2-2-3-1"))
    assert found.alike["swapped-weights", "missing-input"] == ["z[1]"]
    lines = checker().lines
    x1, x2, w1, w2 = (lines.true[lines.numbers[name]] for name in ("X1", "X2", "W[X1,1]", "W[X2,1]"))
    assert w2 * x1 + w1 * x2 == pytest.approx(w2 * x2, rel=1e-12)  # 0.02 * 2 + 0.01 * 4 and 0.02 * 4


def test_the_numbers_that_lint_proposes_tell_more_when_they_are_taken() -> None:
    text = Path(SPEC).read_text("utf-8")
    before = lint(problem_from_text(text))
    places = {"X1": ("X1: 2", "X1: {}"), "X2": ("X2: 4", "X2: {}"), "W[X2,1]": ("[[0.01, 0.02]", "[[0.01, {}]")}
    tried = [each for each in before.proposals if each.name in places]
    assert len(tried) >= 2
    for each in tried:
        old, new = places[each.name]
        assert text.count(old) == 1
        after = lint(problem_from_text(text.replace(old, new.format(each.better))))
        alike = sum(len(lines) for lines in after.alike.values())
        assert (after.share[4], alike) == (pytest.approx(each.share), each.alike)
        assert after.share[4] >= before.share[4]
        assert alike <= sum(len(lines) for lines in before.alike.values())
        assert (after.share[4], -alike) != (before.share[4], -sum(len(lines) for lines in before.alike.values()))
