"""The public face: a problem explained, shown in a notebook, saved as a page."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from os import PathLike
from pathlib import Path
from typing import Any
from urllib.parse import quote

from .document import document, pages_of
from .errors import ExplainerError, NotBuilt, printable
from .figures import Figure, Picture, place_of
from .finish import ESCAPES, finished
from .graph import Node
from .graphs import graph_record, worked_graph
from .graphs import named as named_in_graph
from .plots import ENDINGS, along, plot_along, plot_epochs
from .problem import GraphProblem, ParameterNames, Problem
from .publish import Chunks, published, write
from .record import record
from .render import INSIDE, Setting, Speaker, streamed
from .sections.graph import GraphPage, graph_document
from .training import trained
from .values import Check
from .worked import Worked, iterations, named

FORMATS = {
    ".md": "markdown",
    ".tex": "latex",
    ".html": "html",
    ".json": "json",
    ".ipynb": "notebook",
    ".typ": "typst",
    ".pdf": "pdf",
}


class Derivation:
    """The worked derivation of one problem. Make one with `explain`.

    `problem` is what was given, `values` every quantity by its canonical name ("dE/dW[3,6]"), `check` what the
    numerical check of the gradients found (None where nothing is trained).
    """

    curve: Sequence[tuple[int, float]] = ()  # of a training: (epoch, loss before its update)

    def __init__(self, problem: Problem, works: Sequence[Worked], curve: Sequence[tuple[int, float]] = ()) -> None:
        self.problem: Problem | GraphProblem = problem
        self.curve = curve
        self._works = works
        self._work = works[0]

    @property
    def values(self) -> dict[str, float]:
        """Every quantity of the first update at full precision, or as carried with `carry: rounded`."""
        return dict(named(self._work))

    @property
    def check(self) -> Check | None:
        return self._work.check

    @property
    def parameters(self) -> int:
        """How many weights and biases are trained."""
        return sum(int(trained.sum()) for trained in self._work.network.trained.values())

    @property
    def losses(self) -> tuple[float | None, float | None]:
        """The loss before the first update and after the last; None where there is none."""
        return self._work.loss_before, self._works[-1].loss_after

    def figures(self, to: str = "markdown") -> list[Figure]:
        """The figures of the page; `to` is the format in which their captions are set."""
        return [
            figure for page in pages_of(self._works, self._speaker(Setting(to))) for figure in page.figures.values()
        ]

    def figure(self, kind: str = "network", weight: str = "") -> Figure:
        """One figure: the `network`, its `values` after both passes, or the `path` of a weight to the loss.

        Raises ExplainerError for a weight that there is not, or a network too large to draw.
        """
        picture, say = Picture(self._work), self._speaker(Setting())
        if not picture.fits:
            raise ExplainerError("the network has too many layers to draw; draw one of fewer")
        if kind == "path":
            return picture.path(*parameter(self._work, weight), say)
        return picture.values(say) if kind == "values" else picture.given(say)

    def plot(self, path: str | PathLike[str], weight: str = "") -> None:
        """Draw the loss along a weight, or without one over the epochs of a training, into an SVG, PNG or PDF file.

        Needs the extra `plot`. Raises ExplainerError without it, and for what cannot be drawn.
        """
        target, say = plot_path(path), self._speaker(Setting())
        if weight:
            picture = plot_along(along(self._work, *parameter(self._work, weight)), say, target)
        elif self.curve:
            loss = Picture(self._work).tex.loss
            picture = plot_epochs(self.curve, loss, say, target)
        else:
            raise ExplainerError("there is no training to plot; train the problem, or name a weight")
        write({target: iter([picture])})

    def text(self, to: str = "markdown", **options: Any) -> Iterator[str]:
        """The page in pieces. `to` is markdown, latex, html, typst, notebook or json; the options are those of `Setting`."""
        return self._text(Setting(to, **options))

    def written(self, setting: Setting) -> Chunks:
        """The page in pieces, as it is set: texts, or the bytes of a PDF."""
        return published(self._text, setting, self.problem.writing.language)

    def _text(self, setting: Setting) -> Iterator[str]:
        if setting.format == "json":
            return self._record(self._speaker(Setting(templates=setting.templates)))
        return finished(streamed(self._page(setting)), setting, self.problem.writing.language)

    def _speaker(self, setting: Setting) -> Speaker:
        return Speaker(self.problem.writing.language, setting, ESCAPES[setting.format])

    def _page(self, setting: Setting) -> Iterator[str]:
        """The page as its templates write it."""
        return document(self._works, self._speaker(setting), self.curve)

    def _record(self, say: Speaker) -> Iterator[str]:
        """The derivation as JSON."""
        return streamed(record(self._works, say, training=bool(self.curve)))

    def save(self, *paths: str | PathLike[str], figures: bool = False, **options: Any) -> None:
        """Write the page into files; each one's ending says in which format. All are replaced, or none is.

        With `figures` those of a page in Markdown are written beside it as SVG. The options are those of `Setting`.
        Raises NotBuilt for an ending that has no format, OutputError where a file cannot be written.
        """
        files: dict[Path, Chunks] = {}
        for path in map(Path, paths):
            setting = setting_of(path, format_of(path), figures, **options)
            files |= {path: self.written(setting)} | figures_beside(self, path, setting)
        write(files)

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        return {"text/markdown": "".join(self.text(flavour="jupyter", figures=INSIDE)), "text/plain": repr(self)}

    def __repr__(self) -> str:
        return f"<Derivation {self.problem.title!r}: {self.parameters} weights and biases>"


class GraphDerivation(Derivation):
    """The worked derivation of a computational graph: the same face, with nothing trained and no losses."""

    def __init__(self, problem: GraphProblem) -> None:
        self.problem = problem
        self._graph = worked_graph(problem)

    @property
    def values(self) -> dict[str, float]:
        return dict(named_in_graph(self._graph))

    @property
    def check(self) -> Check:
        return self._graph.check

    @property
    def parameters(self) -> int:
        return 0

    @property
    def losses(self) -> tuple[None, None]:
        return None, None

    @property
    def headline(self) -> str:
        """The result and its derivatives, in a line."""
        end, values = self._graph.end, self.values
        found = [f"d{end}/d{each} = {values[f'd{end}/d{each}']:.5g}" for each in self._graph.problem.with_respect_to]
        check = f"checked by {self.check.method}, worst relative error {self.check.worst_relative_error:.1e}"
        return f"{end} = {values[end]:.5g}; {', '.join(found)}; {check}"

    def figures(self, to: str = "markdown") -> list[Figure]:
        return GraphPage(self._graph, self._speaker(Setting(to))).figures

    def figure(self, kind: str = "network", weight: str = "") -> Figure:
        if weight or kind == "path":
            raise ExplainerError("a graph has no weights; draw it as a whole")
        if not self.figures():
            raise ExplainerError("the graph is too large to draw; draw a smaller one")
        return self.figures()[0]

    def plot(self, path: str | PathLike[str], weight: str = "") -> None:
        raise ExplainerError("a graph has no weights and no training; plot a network in layers")

    def _page(self, setting: Setting) -> Iterator[str]:
        return graph_document(self._graph, self._speaker(setting))

    def _record(self, say: Speaker) -> Iterator[str]:
        return streamed(graph_record(self._graph, say))

    def __repr__(self) -> str:
        return f"<Derivation {self.problem.title!r}: a graph of {len(self._graph.problem.nodes)} nodes>"


def parameter(work: Worked, name: str) -> tuple[Node, int]:
    """The leaf and the entry of the weight or bias that a name means, as people write names: W36, w_36, W[3,6]."""
    problem = work.network.problem
    meant = ParameterNames(problem.input_names, problem.layers).meant(name)
    found = [place for each in meant if (place := place_of(work, each))]
    if len(found) != 1:
        several = (
            f"can be {' or '.join(meant)}; write one of these"
            if meant
            else "is no weight or bias; write W[3,6] or b[6]"
        )
        raise ExplainerError(f"{printable(repr(name))} {several}")
    return found[0]


def explain(problem: Problem | GraphProblem) -> Derivation:
    """Work a problem: forward pass, backward pass and update, every gradient derived twice and checked numerically.

    Raises CheckFailed where the derivations disagree, and InputError or ExplainerError where a number is not finite.
    """
    if isinstance(problem, GraphProblem):
        return GraphDerivation(problem)
    return Derivation(problem, [*iterations(problem)])


def train(
    problem: Problem | GraphProblem,
    epochs: int,
    show: Collection[int],
    report: Callable[[int], None] = lambda epoch: None,
) -> Derivation:
    """Make `epochs` updates over all samples; work those in full that start after so many updates as `show` says."""
    if isinstance(problem, GraphProblem):
        raise ExplainerError("a graph has nothing to train; give a network in layers")
    found = trained(problem, epochs, show, report)
    return Derivation(problem, found.worked, found.curve)


def setting_of(path: Path, format: str, figures: bool = False, **options: Any) -> Setting:
    """How a page is set in a file; with `figures`, a format that has them in files of their own refers to them."""
    return Setting(format, figures=quote(path.stem) if figures and format == "markdown" else "", **options)


def figures_beside(found: Derivation, path: Path, setting: Setting) -> dict[Path, Chunks]:
    """The figures of a page that has them in files of their own, as `net-network.svg` beside `net.md`."""
    return {
        path.with_name(f"{path.stem}-{figure.name}.svg"): iter([figure.svg("file")])
        for figure in (found.figures() if setting.figures else ())
    }


def save_figure(figure: Figure, path: Path) -> None:
    """Write a figure as a tikzpicture into a .tex, as SVG into any other file."""
    write({path: iter([figure.tikz() if path.suffix.lower() == ".tex" else figure.svg("file")])})


def plot_path(path: str | PathLike[str]) -> Path:
    """The path of a plot, if its ending is that of a picture."""
    if Path(path).suffix.lower() not in ENDINGS:
        raise NotBuilt(f"{printable(str(path))}:1:1: no picture has this ending; write to {', '.join(ENDINGS)}")
    return Path(path)


def format_of(path: str | PathLike[str]) -> str:
    """The format that a file's ending stands for."""
    ending = Path(path).suffix.lower()
    if ending in FORMATS:
        return FORMATS[ending]
    raise NotBuilt(f"{path}:1:1: {ending or 'no ending'} is no format; write to {', '.join(FORMATS)}")
