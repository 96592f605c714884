"""PDF: every shipped page is set without a fault, can be read aloud, and says what the page says; and who is told what
is missing."""

from __future__ import annotations

import io
import json
import math
import re
import shutil
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pypdf
import pytest
from click.testing import CliRunner, Result
from networks import EXAMPLES, example, layered, problem_of, random_spec
from tex_numbers import value_of

import explainer
from explainer import pdf, publish
from explainer.cli import main
from explainer.dialects import TEX, TYPST
from explainer.differentiation import differentiate
from explainer.digits import Precision
from explainer.errors import CheckFailed, OutputError
from explainer.finish import typst_escaped
from explainer.problem import Problem, problem_from_text
from explainer.render import Setting, Speaker
from explainer.spoken import in_words
from explainer.steps import Lines, Steps
from explainer.worked import iterations

typst = pytest.importorskip("typst")
SHIPPED = sorted(path.stem for path in Path(EXAMPLES).glob("*.yaml"))
FAMILIES = {info.family for info in typst.Fonts().fonts()}
CHINESE_IS_THERE = bool(FAMILIES & set(pdf.CHINESE))
LANGUAGES = [
    "en",
    pytest.param("zh", marks=pytest.mark.skipif(not CHINESE_IS_THERE, reason="no font here has Chinese")),
]
HOSTILE = r"""Title #let x = [1] $a$ "q" 'p' \ ` ~ @y <z> *b* _c_ // d /* e */ = f - g + h [ ( { % ^ & | ; : , . ! ?"""


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


def pdf_of(page: Any, **options: Any) -> pypdf.PdfReader:
    """The PDF of something that has pages; a fault or a warning of Typst's is an error."""
    return pypdf.PdfReader(io.BytesIO(b"".join(page.written(Setting("pdf", **options)))))


def text_of(reader: pypdf.PdfReader) -> str:
    """The words and numbers of a PDF, without the gaps between them."""
    text = unicodedata.normalize("NFKC", "".join(page.extract_text() for page in reader.pages))
    return re.sub(r"\s", "", text).replace("−", "-")


# ---- every page


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", SHIPPED)
def test_every_shipped_page_becomes_a_pdf_that_has_its_numbers(name: str, language: str) -> None:
    derivation = explainer.explain(explainer.read_problem(Path(EXAMPLES) / f"{name}.yaml", language=language))
    reader = pdf_of(derivation)
    text, problem = text_of(reader), derivation.problem
    names = r"de/d[ab]$|[a-e]$" if "graph" in type(problem).__name__.lower() else r"E'?$|dE/d[Ww][^#]*$|[Ww]\d?'[^#]*$"
    values = [number for key, number in derivation.values.items() if re.match(names, key)]
    assert len(values) > 2
    for number in Precision(problem.writing.significant, problem.writing.digits).texts(np.array(values)):
        assert number.partition("e")[0] in text, number
    assert reader.metadata is not None
    assert reader.metadata.title == derivation.problem.title
    assert reader.trailer["/Root"]["/Lang"].startswith(language)


@pytest.mark.parametrize("notation", ["theta", "nielsen", "rashid", "mazur", "layered"])
def test_every_notation_can_be_set(notation: str) -> None:
    pdf_of(explainer.explain(example("shared-weight", notation=notation, view="both")))


@pytest.mark.parametrize("seed", range(4))
def test_random_networks_can_be_set(seed: int) -> None:
    writing = [{}, {"view": "both"}, {"carry": "rounded", "digits": 4}, {"detail": "brief", "notation": "mazur"}][
        seed % 4
    ]
    pdf_of(explainer.explain(problem_of(random_spec(seed) | writing)))


def test_a_training_with_its_curve_and_a_larger_network_in_tables_can_be_set(tmp_path: Path) -> None:
    assert run(
        "train", str(Path(EXAMPLES) / "batch-3-4-1.yaml"), "--epochs=9", "--show=0,9", "-o", str(tmp_path / "t.pdf")
    )
    assert "Thelossovertheepochs" in text_of(pypdf.PdfReader(tmp_path / "t.pdf"))
    assert len(pdf_of(explainer.explain(layered(40, 10, 2))).pages) > 3


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    "formula", ["1/(1+exp(-x))", "max(x,x^2)*abs(x)", "x^x*ln(x)", "log10(x)+asin(x/2)", "erf(sqrt(x))"]
)
def test_a_derivative_can_be_set(formula: str, language: str) -> None:
    found = differentiate(formula, "x")
    assert b"".join(found.written(Setting("pdf"), language)).startswith(b"%PDF")


def test_nothing_stands_outside_the_margins() -> None:
    formula = "max(x,x^2)*abs(x) + relu(x)/x^3*exp(-x*x) + tanh(x)*sin(x)/(1 + cos(x))"
    pages = [pdf_of(differentiate(formula, "x")), pdf_of(explainer.explain(example("batch-3-4-1", view="both")))]
    for reader in pages:
        for page in reader.pages:
            ends: list[float] = []
            page.extract_text(
                visitor_text=lambda text, cm, tm, font, size, ends=ends: ends.append(tm[4] * cm[0] + cm[4])
            )  # type: ignore[misc]
            assert max(ends) <= float(page.mediabox.width) * 188 / 210 + 0.1


# ---- the same as TeX


class Typst:
    """Reads a number in Typst: a formula that has numbers only."""

    NAMES: ClassVar = {
        "frac": lambda a, b: a / b,
        "sqrt": math.sqrt,
        "abs": abs,
        "ln": math.log,
        "tanh": math.tanh,
        "max": max,
    }
    NAMES |= {"min": min, "exp": math.exp, "erf": math.erf, "sqrt": math.sqrt, "e": math.e}

    @classmethod
    def value_of(cls, text: str) -> float:
        text = TYPST.in_one_line(text).replace(r"\,", ",").replace("^", "**")
        text = re.sub(r'op\("(\w+)"\)', r"\1", re.sub(r"\b(?:times|dot)\b", "*", text))
        assert not re.search(r"[^-+*/(),.\w\s]|__", text), text
        return float(eval(text, {"__builtins__": {}}, cls.NAMES))  # noqa: S307  # of a text that we made, and looked through


def all_lines(problem: Problem) -> Iterator[tuple[Lines, Lines]]:
    """Every group of steps in TeX and in Typst."""
    work = next(iterations(problem))
    groups = zip(Steps(work).groups(), Steps(work, m=TYPST).groups(), strict=True)
    yield from (
        (a, b) for two in groups for a, b in zip(*two, strict=True) if isinstance(a, Lines) and isinstance(b, Lines)
    )


@pytest.mark.parametrize("seed", range(10))
def test_a_line_in_typst_has_the_numbers_of_the_same_line_in_tex(seed: int) -> None:
    seen = 0
    for tex, typ in all_lines(problem_of(random_spec(seed))):
        assert len(tex) == len(typ)
        for row in range(len(tex)):
            if r"\begin" in tex.numbers[row]:
                continue
            numbers = TEX.in_one_line(tex.numbers[row])
            assert Typst.value_of(typ.numbers[row]) == pytest.approx(value_of(numbers), rel=1e-9, abs=1e-14)
            assert Typst.value_of(typ.printed[row]) == pytest.approx(value_of(tex.printed[row]), rel=1e-14)
            seen += 1
    assert seen > 20


@pytest.mark.parametrize("seed", range(10))
def test_a_line_in_typst_has_the_letters_of_the_same_line_in_tex(seed: int) -> None:
    """Letters, digits and signs, as both dialects name them, in the order in which they stand."""
    for tex, typ in all_lines(problem_of(random_spec(seed))):
        for side in ("symbols", "formulas"):
            for a, b in zip(getattr(tex, side), getattr(typ, side), strict=True):
                assert letters(a) == letters(b)


def letters(formula: str) -> str:
    formula = re.sub(r"\\(?:frac|mathrm|operatorname|sqrt|left|right|quad|begin|end|,)|\{cases\}|\\\\", " ", formula)
    formula = re.sub(r"\b(?:frac|word|op|sqrt|quad|cases|thin)\b|abs\(", " ", formula)
    formula = formula.replace(r"\cdot", "dot").replace(r"\le", "<=").replace(r"\ge", ">=")
    return re.sub(r"[^A-Za-z0-9+=<>.'-]", "", formula)


# ---- for those who hear a page


@pytest.mark.parametrize(
    ("formula", "said"),
    [
        ("W'_(3 6)", "W' sub 36"),
        ("W_(\\( X 1 \\) 1) = -0.5", "W sub (X1)1 = −0.5"),
        (
            "frac(partial E, partial W_(3 6)) &= delta_(6) Y_(3)",
            "the partial derivative of E by W sub 36 = δ sub 6 Y sub 3",
        ),
        ('0.1 times (-0.2) \\ & quad "" + 3', "0.1 × (−0.2); + 3"),
        ('frac(e^(2), e^(2) \\ "" + e^(3))', "(e super 2) over (e super 2; + e super 3)"),
        ("sum_(s=1)^(4) frac(1, 2)", "the sum from s=1 to 4 of 1 over 2"),
        ("bold(upright(W))_(2)^(sans(T))", "W sub 2 transposed"),
        ('op("max")(0\\, u)', "max (0, u)"),
        ("mat(1 , 2 ; 3 , 4 )", "the matrix with the rows: 1, 2; 3, 4; end of the matrix"),
    ],
)
def test_a_formula_is_read_aloud(formula: str, said: str) -> None:
    say = Speaker("en", Setting())
    assert in_words(formula, lambda place: say.word("spoken", place=place)) == said


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_words_of_a_formula_are_words(language: str) -> None:
    """No command of Typst's is left in them."""
    page = "".join(explainer.explain(example("2-2-2-named", view="both", language=language)).text("typst"))
    said = re.findall(r'(?:inline|lines)\("((?:[^"\\]|\\.)*)"', page)
    assert len(said) > 300
    assert not [text for text in said if re.search(r"frac|mat\(|upright|bold|partial [A-Z]|quad|times|\\[^\"]", text)]


# ---- what is told


def test_the_same_problem_gives_the_same_file() -> None:
    made = [b"".join(explainer.explain(example("2-2-3-1")).written(Setting("pdf"))) for _ in range(2)]
    assert made[0] == made[1]


def test_texts_of_the_author_are_set_as_they_are() -> None:
    graph = {"inputs": {"a": 2, "b": 1}, "graph": {"e": "a * b"}, "differentiate": "e"}
    problem = problem_from_text(json.dumps({"title": HOSTILE, "remarks": [HOSTILE, HOSTILE], **graph}))
    reader = pdf_of(explainer.explain(problem))
    assert reader.metadata is not None
    assert reader.metadata.title == problem.title
    assert re.sub(r"\s", "", "[1]$a$") in text_of(reader)


def test_what_typst_reads_is_escaped() -> None:
    assert typst_escaped("#a [b]\n$c$") == r"\#a \[b\] \$c\$"


def test_without_the_extra_it_is_said_how_to_get_it_and_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pdf, "find_spec", lambda name: None)
    spec = str(Path(EXAMPLES) / "2-2-3-1.yaml")
    result = run("derive", spec, "-o", str(tmp_path / "a.md"), "-o", str(tmp_path / "a.pdf"))
    assert result.exit_code == 2
    assert result.stderr == f'{tmp_path}/a.pdf:1:1: a PDF needs the typst wheel; run pip install "explainer[pdf]"\n'
    assert [*tmp_path.iterdir()] == []


def test_demo_says_how_to_get_a_pdf_where_it_cannot_make_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pdf, "find_spec", lambda name: None)
    result = run("demo", str(tmp_path / "demo"))
    assert result.exit_code == 0
    assert result.stdout.splitlines()[-1].endswith('run pip install "explainer[pdf]"')
    assert not (tmp_path / "demo" / "derivation.pdf").exists()


def test_where_no_font_has_chinese_it_is_said_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pdf, "CHINESE", ())
    spec = str(Path(EXAMPLES) / "2-2-3-1.yaml")
    result = run("derive", spec, "--language", "zh", "-o", str(tmp_path / "a.pdf"))
    assert result.exit_code == 2
    assert re.fullmatch(
        r".*a\.pdf:1:1: no font here has Chinese, such as . \(U\+[0-9A-F]{4}\); .*fonts-noto-cjk.*\n", result.stderr
    )
    assert [*tmp_path.iterdir()] == []


def test_an_english_page_needs_no_font_with_chinese(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pdf, "CHINESE", ())
    assert "E=0.4225" in text_of(pdf_of(explainer.explain(example("linear-1-5"))))


def test_a_sum_that_is_longer_than_a_page_is_printed_to_its_end() -> None:
    weights = {"random": "normal", "seed": 1}
    layers = [{"neurons": [1], "activation": "identity", "weights": weights}]
    spec = {"inputs": {f"X{k}": k / 100 for k in range(1, 401)}, "layers": layers, "detail": "full"}
    text = text_of(pdf_of(explainer.explain(problem_of(spec))))
    assert [k for k in range(1, 401) if f"W(X{k})1X{k}" not in text] == []


def test_a_character_that_no_font_has_is_named_and_never_an_empty_box() -> None:
    page = '#set document(title: "x")\nA \U000ffffd here'
    with pytest.raises(pdf.Unprintable, match=r"no font here has .*U\+FFFFD"):
        list(pdf.by_typst(iter([page]), chinese=False))


@pytest.mark.parametrize(
    "page", ["#nonsense", '#set document(title: "x")\n$ x $', '#set text(font: "No Such Font")\nx']
)
def test_a_fault_of_ours_is_told_with_its_place(page: str) -> None:
    with pytest.raises(CheckFailed, match=r"of the page in Typst|Typst found"):
        list(pdf.by_typst(iter([page]), chinese=False))


def test_a_file_that_cannot_be_written_keeps_what_was_there(tmp_path: Path) -> None:
    (tmp_path / "a.pdf").write_bytes(b"old")

    def broken() -> Iterator[bytes]:
        yield b"new"
        raise pdf.Unprintable("nothing; nothing")

    with pytest.raises(OutputError, match=r"a\.pdf:1:1: nothing; nothing"):
        publish.write({tmp_path / "b.txt": iter(["text"]), tmp_path / "a.pdf": broken()})
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"a.pdf": b"old"}


# ---- by TeX


def test_without_latexmk_it_is_said_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda program: None)
    spec = str(Path(EXAMPLES) / "2-2-3-1.yaml")
    result = run("derive", spec, "--pdf-engine", "latexmk", "-o", str(tmp_path / "a.pdf"))
    assert result.exit_code == 2
    assert re.fullmatch(r".*a\.pdf:1:1: there is no latexmk; install TeX Live .*\n", result.stderr)


@pytest.mark.skipif(not (shutil.which("latexmk") and shutil.which("pdflatex")), reason="needs TeX")
def test_latexmk_makes_a_pdf_of_the_page_in_latex() -> None:
    assert "0.045065" in text_of(pdf_of(explainer.explain(example("2-2-3-1")), pdf_engine="latexmk"))


@pytest.mark.skipif(not (shutil.which("latexmk") and shutil.which("xelatex")), reason="needs TeX")
def test_a_chinese_page_in_latex_is_made_by_xelatex() -> None:
    reader = pdf_of(explainer.explain(example("linear-1-5", language="zh")), pdf_engine="latexmk")
    assert reader.metadata is not None
    assert "xdvipdfmx" in str(reader.metadata.producer)
    assert "0.4225" in text_of(reader)


@pytest.mark.skipif(not (shutil.which("latexmk") and shutil.which("pdflatex")), reason="needs TeX")
def test_a_fault_of_latex_is_told_with_its_line() -> None:
    page = "\\documentclass{article}\n\\begin{document}\n\\nonsense\n\\end{document}\n"
    with pytest.raises(CheckFailed, match="LaTeX found on line 3 of the page in LaTeX: Undefined control sequence"):
        list(pdf.by_latexmk(iter([page]), chinese=False))


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", [name for name in SHIPPED if name not in ("e-a-plus-b", "2-2-3-1-repeated")])
def test_a_page_of_results_is_one_page(name: str, language: str) -> None:
    reader = pdf_of(explainer.explain(example(name, detail="brief", language=language)))
    assert len(reader.pages) == 1
