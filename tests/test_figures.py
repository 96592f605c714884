"""Figures: what is drawn, that nothing touches, and how they stand in pages and files."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import xml.etree.ElementTree as ET
from functools import cache
from itertools import combinations
from pathlib import Path

import pytest
from click.testing import CliRunner
from networks import EXAMPLES, example, layered, work_of

import explainer
from explainer.cli import main
from explainer.derivation import Derivation
from explainer.diagram import Corners, Drawing, overlap
from explainer.figures import Figure, Picture
from explainer.lettering import WIDTHS, lettering, width_of
from explainer.presets import NOTATIONS
from explainer.problem import GraphProblem, problem_from_text

NAMES = sorted(path.stem for path in EXAMPLES.glob("*.yaml"))
SVG = "{http://www.w3.org/2000/svg}"


@cache
def derivation(name: str, **options: str) -> Derivation:
    return explainer.explain(example(name, **options))


@cache
def figures(name: str, **options: str) -> list[Figure]:
    """The figures of the page and, of a network, the path of every weight and bias."""
    found = derivation(name, **options)
    if isinstance(found.problem, GraphProblem):
        return found.figures()
    picture = Picture(found._work)
    names = dict.fromkeys(each.name for each in (*picture.connections, *picture.biases.values()))
    return [found.figure("network"), found.figure("values"), *(found.figure("path", each) for each in names)]


# ---- letters


@pytest.mark.parametrize(
    ("tex", "runs"),
    [
        ("W_{36}", [("W", 0, True), ("36", -1, False)]),
        (r"\Theta^{(1)}_{10}", [("Θ", 0, False), ("(1)", 1, False), ("10", -1, False)]),
        (r"\mathrm{out}_{h1}", [("out", 0, False), ("h", -1, True), ("1", -1, False)]),
        (r"w^{ih,\mathrm{new}}_{1,2}", [("w", 0, True), ("ih", 1, True), (",new", 1, False), ("1,2", -1, False)]),
        ("W'_{36}", [("W", 0, True), ("′", 0, False), ("36", -1, False)]),
        (r"-4.5 \times 10^{-5}", [("−4.5 × 10", 0, False), ("−5", 1, False)]),
        (r"\partial c/\partial a", [("∂", 0, False), ("c", 0, True), ("/∂", 0, False), ("a", 0, True)]),
        ("x_a", [("x", 0, True), ("a", -1, True)]),
    ],
)
def test_a_symbol_is_read_as_runs_of_letters(tex: str, runs: list[tuple[str, int, bool]]) -> None:
    assert [(run.text, run.level, run.italic) for run in lettering(tex).runs] == runs


def test_what_stands_above_and_below_begins_at_one_place() -> None:
    _, above, below = lettering(r"w^{ih}_{12}").runs[:3]
    assert above.x == below.x


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("notation", NOTATIONS)
def test_every_symbol_of_a_figure_is_read_to_the_end(name: str, notation: str) -> None:
    for figure in figures(name, notation=notation):
        for part in figure.drawing.parts:
            for label in part.labels:
                assert not set("\\{}^_$") & set(label.letters.plain), label.tex


def test_letters_are_as_wide_as_those_of_a_font_of_the_same_measure() -> None:
    from matplotlib import get_data_path
    from matplotlib.ft2font import FT2Font, LoadFlags

    for italic, file in ((False, "STIXGeneral.ttf"), (True, "STIXGeneralItalic.ttf")):
        font = FT2Font(f"{get_data_path()}/fonts/ttf/{file}")
        font.set_size(100, 72)
        for letter, width in WIDTHS[italic].items():
            if letter.isascii() and letter.isalnum():
                shown = font.load_char(ord(letter), flags=LoadFlags.NO_HINTING).linearHoriAdvance / 65536 / 100
                assert shown == pytest.approx(width, abs=0.06), letter


def test_letters_that_times_does_not_have_take_room_too() -> None:
    assert width_of("损失") == 2.0
    assert width_of("δ") > 0.4


# ---- nothing touches


def rooms(drawing: Drawing) -> list[tuple[str, Corners]]:
    return [(label.tex, label.corners) for part in drawing.parts for label in part.labels]


def inside(small: Corners, large: Corners) -> bool:
    (left, top), _, (right, bottom), _ = large
    return all(left <= x <= right and top <= y <= bottom for x, y in small)


def assert_nothing_touches(drawing: Drawing) -> None:
    labels = rooms(drawing)
    outlines = [outline.box.corners for part in drawing.parts for outline in part.outlines]
    for (one, room), (other, second) in combinations(labels, 2):
        assert not overlap(room, second), f"{one} touches {other}"
    for one, other in combinations(outlines, 2):
        assert not overlap(one, other)
    for tex, room in labels:
        for outline in outlines:
            assert inside(room, outline) or not overlap(room, outline), f"{tex} touches a shape"
        assert all(0 <= x <= drawing.width and 0 <= y <= drawing.height for x, y in room), f"{tex} leaves the sheet"


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("notation", NOTATIONS)
def test_no_label_touches_anything(name: str, notation: str) -> None:
    for figure in figures(name, notation=notation):
        assert_nothing_touches(figure.drawing)


@pytest.mark.parametrize("name", NAMES)
def test_a_drawing_is_the_same_in_both_languages(name: str) -> None:
    english = {each.name: each for each in figures(name, notation=example(name).writing.notation.name)}
    for chinese in derivation(name, language="zh").figures():
        if chinese.name in english:
            assert chinese.drawing == english[chinese.name].drawing
            assert chinese.title != english[chinese.name].title
            assert re.search("[\u4e00-\u9fff]", chinese.alt)


@pytest.mark.parametrize(
    "sizes", [(1, 1), (3, 3, 3), (4, 3, 4), (5, 5, 1), (12, 12), (13, 2), (784, 30, 10), (1, 2, 3, 4, 5)]
)
def test_no_label_touches_anything_in_networks_of_other_sizes(sizes: tuple[int, ...]) -> None:
    found = explainer.explain(layered(*sizes))
    for kind in ("network", "values"):
        assert_nothing_touches(found.figure(kind).drawing)


GRAPHS = {
    "long edges": "{title: a, inputs: {a: 2, b: 1}, graph: {c: a + b, d: sin(c), e: d * a, f: exp(e) + b}, differentiate: f}",
    "many nodes": "{title: a, inputs: {x: 0.5, y: -1, z: 2}, graph: {p: x*y, q: y/z, r: p + q, s: p*q, t: r*s + x, "
    "u: sqrt(z + t^2)}, differentiate: u}",
    "a constant": "{title: a, inputs: {x: 2}, graph: {y: 3 * x, z: 1/(1 + exp(-y))}, differentiate: z}",
}


@pytest.mark.parametrize("spec", GRAPHS.values(), ids=GRAPHS)
def test_no_label_touches_anything_in_other_graphs(spec: str) -> None:
    (figure,) = explainer.explain(problem_from_text(spec)).figures()
    assert_nothing_touches(figure.drawing)


# ---- what is drawn


def named_parts(figure: Figure, kind: str) -> dict[str, ET.Element]:
    root = ET.fromstring(figure.svg())  # noqa: S314
    return {each.get("data-name", ""): each for each in root.iter(f"{SVG}g") if each.get("class") == kind}


@pytest.mark.parametrize("name", [name for name in NAMES if name != "e-a-plus-b"])
def test_every_weight_bias_neuron_and_input_is_drawn_under_its_canonical_name(name: str) -> None:
    found = derivation(name)
    figure = found.figure("network")
    gradients = {
        each.removeprefix("dE/d") for each in found.values if re.fullmatch(r"dE/d(?:[Wb]\[[^\]]*\]|[a-z]\d*)", each)
    }
    assert gradients <= {*named_parts(figure, "weight"), *found.problem.input_names}
    assert [*named_parts(figure, "neuron")] == [label for layer in found.problem.layers for label in layer.labels]
    assert [*named_parts(figure, "input")] == [*found.problem.input_names]


def test_a_connection_that_does_not_exist_is_not_drawn() -> None:
    drawn = named_parts(derivation("relu-regression").figure("network"), "weight")
    assert "W[X2,2]" in drawn
    assert "W[X3,2]" not in drawn


def test_the_path_of_a_weight_is_every_way_to_the_loss_and_nothing_else() -> None:
    drawing = derivation("2-2-3-1").figure("path", "W13").drawing
    strong = {(part.kind, part.name) for part in drawing.parts if part.tone == "strong"}
    assert strong == {
        ("weight", "W[1,3]"),
        ("neuron", "3"),
        ("weight", "W[3,6]"),
        ("neuron", "6"),
        ("link", "6"),
        ("loss", "E"),
    }
    assert {part.tone for part in drawing.parts} == {"strong", "pale"}


def test_a_shared_weight_has_a_path_from_each_of_its_places() -> None:
    drawing = derivation("shared-weight").figure("path", "w").drawing
    assert [part.name for part in drawing.parts if part.tone == "strong"].count("w") == 2


def test_the_numbers_drawn_are_those_of_the_steps() -> None:
    found = derivation("2-2-3-1")
    weights = named_parts(found.figure("values"), "weight")
    for name, part in weights.items():
        (text,) = part.iter(f"{SVG}text")
        assert float("".join(text.itertext()).replace("−", "-")) == pytest.approx(found.values[f"dE/d{name}"], rel=1e-4)
        assert text.get("class") == "gradient"


def test_what_is_found_backwards_is_in_italics_and_what_is_found_forwards_upright() -> None:
    svg = derivation("e-a-plus-b").figure().svg()
    for text in re.findall(r'<text [^>]*class="(value|gradient)".*?</text>', svg):
        assert text in ("value", "gradient")
    for voice, spans in re.findall(r'<text [^>]*class="(\w+)"[^>]*>(.*?)</text>', svg):
        slanted = re.findall(r"<tspan[^>]*>", spans)
        if voice != "plain":
            assert all(("italic" in each) == (voice == "gradient") for each in slanted)


def test_a_large_layer_is_drawn_with_dots_in_its_middle() -> None:
    figure = explainer.explain(layered(20, 3, 2)).figure("network")
    assert len(named_parts(figure, "input")) == 5
    assert [part.kind for part in figure.drawing.parts].count("dots") == 1
    assert "some neurons" in figure.alt


def test_a_network_of_too_many_layers_has_no_figures_and_says_so() -> None:
    found = explainer.explain(layered(*[1] * 12))
    assert found.figures() == []
    assert "<figure" not in "".join(found.text("html"))
    with pytest.raises(explainer.ExplainerError, match="too many layers"):
        found.figure()


def test_the_graph_shows_values_adjoints_and_partials() -> None:
    figure = derivation("e-a-plus-b").figure()
    texts = {name: "".join(part.itertext()) for name, part in named_parts(figure, "node").items()}
    assert texts["c"] == "c = a + b3de/dc = 2"
    edges = {name: "".join(part.itertext()) for name, part in named_parts(figure, "edge").items()}
    assert edges["dc/da"] == "∂c/∂a = 1"
    assert edges["de/dc|edge"] == "∂e/∂c = 2"


# ---- SVG and TikZ


@pytest.mark.parametrize("place", ["page", "file", "print"])
@pytest.mark.parametrize("name", ["2-2-3-1", "e-a-plus-b"])
def test_the_svg_is_whole_and_speaks_for_itself(name: str, place: str) -> None:
    figure = derivation(name, language="zh").figure()
    svg = figure.svg(place)
    root = ET.fromstring(svg)  # noqa: S314
    assert root.get("role") == "img"
    assert root.findtext(f"{SVG}title") == figure.title
    assert root.findtext(f"{SVG}desc") == figure.alt
    assert "http" not in svg.replace("http://www.w3.org/2000/svg", "")
    assert "url(" not in svg
    assert ("var(--" in svg) == (place != "print")
    assert ("currentColor" in svg) == (place != "print")


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="TeX is not installed here")
def test_every_figure_compiles_without_an_overfull_line(tmp_path: Path) -> None:
    page = [r"\documentclass{article}\usepackage{amsmath,tikz}\begin{document}\parindent0pt"]
    page += [rf"\resizebox{{\linewidth}}{{!}}{{{each.tikz()}}}\par" for n in NAMES for each in derivation(n).figures()]
    (tmp_path / "all.tex").write_text("\n".join([*page, r"\end{document}"]), "utf-8")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "all.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-800:]
    assert "Overfull" not in done.stdout


# ---- in pages and files


def test_a_page_has_the_network_its_values_and_the_path_of_the_first_weight_of_each_layer() -> None:
    found = derivation("2-2-3-1")
    names = ["network", "path-W-3-6", "path-W-1-3", "path-W-X1-1", "values"]
    assert [figure.name for figure in found.figures()] == names
    html, latex = ("".join(found.text(to)) for to in ("html", "latex"))
    assert re.findall(r'<figure id="figure-([^"]*)"', html) == names
    assert latex.count(r"\begin{tikzpicture}") == len(names)


def test_a_page_of_results_has_no_figures() -> None:
    assert derivation("2-2-3-1", detail="brief").figures() == []


def test_each_weight_that_was_asked_for_has_its_way_drawn() -> None:
    names = [each.name for each in explainer.explain(example("2-2-3-1", only=["W46", "W13", "W23"])).figures()]
    assert len([name for name in names if name.startswith("path")]) == 3


def test_a_page_in_markdown_has_no_figures_unless_asked_for(tmp_path: Path) -> None:
    found = derivation("e-a-plus-b")
    assert "![" not in "".join(found.text("markdown"))
    found.save(tmp_path / "my graph.md", figures=True)
    page = (tmp_path / "my graph.md").read_text("utf-8")
    assert re.findall(r"^!\[.+\]\(([^)]*)\)$", page, re.M) == ["my%20graph-graph.svg"]
    assert ET.parse(tmp_path / "my graph-graph.svg").getroot().tag == f"{SVG}svg"  # noqa: S314


def test_every_figure_that_markdown_links_to_is_written(tmp_path: Path) -> None:
    run = CliRunner().invoke(
        main, ["derive", str(EXAMPLES / "2-2-3-1-repeated.yaml"), "--figures", "-o", str(tmp_path / "a.md")]
    )
    assert run.exit_code == 0, run.output
    links = re.findall(r"^!\[.+\]\(([^)]*)\)$", (tmp_path / "a.md").read_text("utf-8"), re.M)
    assert len(links) == 9
    assert sorted(links) == sorted(path.name for path in tmp_path.glob("*.svg"))


@pytest.mark.parametrize("ending", ["svg", "tex"])
@pytest.mark.parametrize("options", [[], ["--values"], ["--path", "W36"], ["--language", "zh"]], ids=" ".join)
def test_a_drawing_is_written_by_itself(tmp_path: Path, ending: str, options: list[str]) -> None:
    target = tmp_path / f"net.{ending}"
    run = CliRunner().invoke(main, ["diagram", str(EXAMPLES / "2-2-3-1.yaml"), "-o", str(target), *options])
    assert run.exit_code == 0, run.output
    assert target.read_text("utf-8").startswith("<svg" if ending == "svg" else r"\begin{tikzpicture}")


@pytest.mark.parametrize(
    ("spec", "options", "said"),
    [
        ("2-2-3-1", ["--path", "W99"], "'W99' is no weight or bias; write W[3,6] or b[6]"),
        ("e-a-plus-b", ["--path", "W36"], "a graph has no weights"),
        ("2-2-3-1", ["--path", "W36", "--values"], "choose one"),
    ],
)
def test_a_drawing_that_cannot_be_is_refused(tmp_path: Path, spec: str, options: list[str], said: str) -> None:
    run = CliRunner().invoke(main, ["diagram", str(EXAMPLES / f"{spec}.yaml"), "-o", str(tmp_path / "a.svg"), *options])
    assert run.exit_code == 2
    assert said in run.output
    assert not [*tmp_path.iterdir()]


def test_a_drawing_in_another_format_is_refused(tmp_path: Path) -> None:
    target = tmp_path / "a.png"
    run = CliRunner().invoke(main, ["diagram", str(EXAMPLES / "2-2-3-1.yaml"), "-o", str(target)])
    assert (run.exit_code, run.output) == (2, f"{target}:1:1: no drawing has this ending; write to .svg, .tex\n")


def test_figures_of_a_forward_pass_alone_have_no_loss() -> None:
    found = explainer.explain(
        problem_from_text("{title: a, inputs: {x: 1}, layers: [{neurons: 2, weights: [[1], [2]]}]}")
    )
    assert work_of(found.problem).network.loss is None
    assert "loss" not in found.figure("network").title
    assert not named_parts(found.figure("values"), "loss")


PICTURES = {
    "network": ("2-2-3-1", "network", ""),
    "values": ("2-2-3-1", "values", ""),
    "path": ("2-2-3-1", "path", "W[X1,1]"),
    "graph": ("e-a-plus-b", "network", ""),
}


@pytest.mark.parametrize("picture", PICTURES)
def test_the_pictures_in_the_docs_are_what_is_drawn(picture: str) -> None:
    name, kind, weight = PICTURES[picture]
    path = Path(__file__).parent.parent / f"docs/images/figure-{picture}.svg"
    drawn = derivation(name).figure(kind, weight).svg("file")
    if os.environ.get("EXPLAINER_RENEW"):
        path.write_text(drawn, "utf-8")
    assert path.read_text("utf-8") == drawn
