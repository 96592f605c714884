"""LaTeX: a handout, a fragment for a document of one's own, and a talk; and what TeX says to them, where it is there."""

from __future__ import annotations

import re
import shutil
from collections import Counter
from pathlib import Path

import pytest
from networks import EXAMPLES, example, problem_of
from test_golden import ONE_NEURON
from typesetting import NUMBER, Case, compiled, faults_of, lost

import explainer
from explainer.cli import main
from explainer.errors import ExplainerError
from explainer.frames import ROWS, frames
from explainer.problem import problem_from_text

NAMES = sorted(path.stem for path in EXAMPLES.glob("*.yaml"))
FRAME = re.compile(r"\\begin\{frame\}.*?\\end\{frame\}", re.DOTALL)


def latex(name: str, document_class: str = "article", fragment: bool = False, **options: str) -> str:
    derivation = explainer.explain(example(name, **options))
    return "".join(derivation.text("latex", document_class=document_class, fragment=fragment))


def needs(*engines: str) -> pytest.MarkDecorator:
    missing = [tool for tool in (*engines, "pdftotext") if shutil.which(tool) is None]
    return pytest.mark.skipif(bool(missing), reason=f"not installed: {', '.join(missing)}")


# ---- the handout


def test_where_numbers_come_from_stands_in_the_row_of_the_numbers() -> None:
    page = latex("2-2-3-1")
    rows = re.findall(r"^(.*)\n    \\stepfrom\{(.*)\}( \\\\)?$", page, re.MULTILINE)
    assert len(rows) > 30
    for numbers, origins, more in rows:
        assert re.search(r"&= .*\d\.\d", numbers)
        assert r"\stepref{s" in origins
        assert more


def test_a_handout_has_no_source_in_its_sentences() -> None:
    page = latex("2-2-3-1")
    assert not re.search(r"\\stepmark\{\w+\}\{Step \d+\.\}.*\\stepref\{s", page)


@pytest.mark.parametrize("width", [12, 60])
def test_no_line_of_symbols_has_more_terms_than_fit(width: int) -> None:
    spec = {
        "inputs": {f"X{k}": 0.5 for k in range(1, width + 1)},
        "targets": {"T": 1},
        "layers": [{"neurons": 1, "activation": "tanh", "weights": [[0.1] * width]}],
        "loss": "half_squared_error",
    }
    page = "".join(explainer.explain(problem_of(spec)).text("latex"))
    (sum_of_symbols,) = re.findall(r"e_\{1\} &= (W.*X.*) \\\\\n", page)
    assert max(line.count("W") for line in sum_of_symbols.split(r"\\")) <= 6


# ---- the fragment


@pytest.mark.parametrize("document_class", ["article", "beamer"])
@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_fragment_says_what_the_document_says_without_its_preamble(language: str, document_class: str) -> None:
    whole = latex("2-2-2-named", document_class, language=language)
    part = latex("2-2-2-named", document_class, fragment=True, language=language)
    for command in (r"\documentclass", r"\begin{document}", r"\end{document}", r"\newcommand"):
        assert command not in part
    assert Counter(NUMBER.findall(part)) >= Counter(NUMBER.findall(whole.partition(r"\begin{document}")[2]))


def test_the_headings_of_a_fragment_begin_at_section_and_those_of_a_document_below_its_title() -> None:
    assert re.findall(r"^\\section\{(.*)\}$", latex("2-2-3-1", fragment=True), re.MULTILINE) == [
        "Updating W36 by back-propagation"
    ]
    sections = re.findall(r"^\\section\{(.*)\}$", latex("2-2-3-1"), re.MULTILINE)
    assert sections == re.findall(r"^\\subsection\{(.*)\}$", latex("2-2-3-1", fragment=True), re.MULTILINE)


def test_a_fragment_names_the_packages_that_the_document_loads() -> None:
    whole, part = latex("2-2-3-1"), latex("2-2-3-1", fragment=True)
    named = set(re.findall(r"\w+", re.findall(r"^% +\\usepackage\{(.*)\}$", part, re.MULTILINE)[0]))
    loaded = {
        package
        for packages in re.findall(r"^\\usepackage(?:\[.*\])?\{(.*)\}$", whole, re.MULTILINE)
        for package in packages.split(",")
    }
    assert named == loaded - {"geometry", "iftex"}


# ---- the talk


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("name", NAMES)
def test_a_talk_has_the_steps_and_the_numbers_of_the_handout(name: str, language: str) -> None:
    handout, talk = latex(name, language=language), latex(name, "beamer", language=language)
    assert not re.search("[\x1c-\x1f]", handout + talk)
    steps = re.compile(r"\\step(?:mark|anchor)\{(\w+)\}")
    assert steps.findall(talk) == steps.findall(handout)
    bodies = [page.partition(r"\begin{document}")[2] for page in (handout, talk)]
    bodies = [re.sub(r"\{[\d.]+\\linewidth\}", "", body) for body in bodies]
    assert Counter(NUMBER.findall(bodies[1])) == Counter(NUMBER.findall(bodies[0]))


def test_all_that_is_shown_in_a_talk_is_on_a_frame_and_a_frame_has_one_step() -> None:
    talk = latex("2-2-3-1", "beamer", view="both").partition(r"\maketitle")[2]
    assert talk.count(r"\begin{frame}") == talk.count(r"\end{frame}") == len(FRAME.findall(talk)) > 90
    between = FRAME.sub("", talk).replace(r"\end{document}", "")
    assert re.sub(r"^\\(?:section|settalkpart|settalkunit)\{.*\}$", "", between, flags=re.MULTILINE).strip() == ""
    for frame in FRAME.findall(talk):
        assert frame.count(r"\stepmark{") <= 1 or r"\begin{tabular}" in frame
        assert frame.count(r"\begin{align*}") <= 1
        assert frame.partition("\n")[2].removesuffix(r"\end{frame}").strip()


def test_the_lines_of_a_step_come_one_after_the_other_and_what_follows_comes_last() -> None:
    for frame in FRAME.findall(latex("2-2-3-1", "beamer")):
        if r"\begin{align*}" in frame:
            shown = [int(n) for n in re.findall(r"\\uncover<(\d+)->\{", frame)]
            assert shown == [*range(1, len(shown) + 1)]
            assert re.findall(r"\\onslide<(\d+)->", frame) == ([str(len(shown))] if len(shown) > 1 else [])


def test_a_long_sum_goes_on_another_frame() -> None:
    spec = {
        "inputs": {f"X{k}": 0.5 for k in range(1, 80)},
        "targets": {"T": 1},
        "layers": [{"neurons": 1, "activation": "tanh", "weights": [[0.1] * 79]}],
        "loss": "half_squared_error",
    }
    talk = "".join(explainer.explain(problem_of(spec)).text("latex", document_class="beamer"))
    for frame in FRAME.findall(talk):
        assert frame.count(r"\\") <= 12
        assert frame.count(r"\begin{align*}") == frame.count(r"\end{align*}")
        assert frame.count("{") == frame.count("}")


def test_a_long_table_goes_on_another_frame_with_its_head() -> None:
    row = "\x1ca & b \\\\\n"
    page = "\x1e(\n\x1f\x1f)\n\x1f" + row * (2 * ROWS + 1) + "\x1e\x1f\x1f\x1fend"
    whole = "".join(frames(iter([page])))
    assert whole == "(\n" + row[1:] * ROWS + ")\n(\n" + row[1:] * ROWS + ")\n(\n" + row[1:] + ")\nend\n\n"


def test_blank_frames_are_left_out_and_what_is_joined_makes_no_frame() -> None:
    mark = "\x1e[\n\x1f\x1f]\n\x1f"
    assert (
        "".join(frames(iter(["x\n" + mark + "\n" + mark + "a\x1d" + mark + "b", "c\n" + mark]))) == "x\n\n[\nabc\n]\n"
    )


# ---- what cannot be


@pytest.mark.parametrize(("name", "options"), [("a.md", ["--class", "beamer"]), ("a.html", ["--fragment"])])
def test_a_class_or_a_fragment_of_another_format_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, options: list[str]
) -> None:
    from click.testing import CliRunner

    monkeypatch.chdir(tmp_path)
    Path("net.yaml").write_text(ONE_NEURON, "utf-8")
    result = CliRunner().invoke(main, ["derive", "net.yaml", "-o", name, *options])
    assert result.exit_code == 2
    assert result.stderr.startswith("net.yaml:1:1: ")
    assert "is for LaTeX" in result.stderr
    assert not Path(name).exists()


def test_a_class_of_another_format_is_refused_in_python() -> None:
    derivation = explainer.explain(problem_from_text(ONE_NEURON))
    with pytest.raises(ExplainerError, match="beamer is for LaTeX, not for html"):
        derivation.text("html", document_class="beamer")


# ---- what TeX says


def test_what_the_pdf_does_not_have_is_told() -> None:
    source = r"\begin{document}\stepmark{s1}{Step 1.} $0.25^{2} + \frac{1}{0.5} = 0.25$ \stepmark{s2}{Step 2.} $0.75$"
    assert [*lost(source, "Step 1. 0.252 + 1 0.5 = 0.25 Step 2. 0.75")] == []
    assert [*lost(source, "Step 1. 0.252 + 1 0.5 Step 3.")] == ["lost: 0.25", "lost: 0.75", "lost: Step 2."]


@needs("pdflatex")
@pytest.mark.parametrize("document_class", ["article", "beamer"])
def test_pdflatex_finds_nothing_wrong_with_a_page_and_all_of_it_is_in_the_pdf(
    document_class: str, tmp_path: Path
) -> None:
    case = Case("e-a-plus-b", "pdflatex", document_class, {"language": "en"})
    assert compiled(case, tmp_path).faults == ()


@needs("xelatex")
def test_xelatex_finds_nothing_wrong_with_a_chinese_page(tmp_path: Path) -> None:
    assert compiled(Case("e-a-plus-b", "xelatex", "article", {"language": "zh"}), tmp_path).faults == ()


@needs("pdflatex")
def test_two_fragments_in_a_document_have_links_of_their_own(tmp_path: Path) -> None:
    part = "".join(explainer.explain(problem_from_text(ONE_NEURON)).text("latex", fragment=True))
    packages = re.findall(r"^% +(\\usepackage\{.*\})$", part, re.MULTILINE)[0]
    host = rf"\documentclass{{article}}{packages}\begin{{document}}{part}{part}\end{{document}}"
    faults, pages = faults_of(host, "pdflatex", tmp_path)
    assert faults == ()
    assert pages > 1
