"""The public face: a problem explained, shown in a notebook, saved as a page."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

from .document import document
from .errors import ExplainerError, NotBuilt
from .graphs import graph_record, worked_graph
from .graphs import named as named_in_graph
from .problem import GraphProblem, Problem
from .publish import ESCAPES, Chunks, finished, published, write
from .record import record
from .render import Setting, Speaker, streamed
from .sections.graph import graph_document
from .training import trained
from .values import Check
from .worked import Worked, iterations, named

FORMATS = {
    ".md": "markdown",
    ".tex": "latex",
    ".html": "html",
    ".json": "json",
    ".typ": "typst",
    ".pdf": "pdf",
}
LATER = (".ipynb",)


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

    def text(self, to: str = "markdown", **options: Any) -> Iterator[str]:
        """The page in pieces. `to` is markdown, latex, html, typst or json; the options are those of `Setting`."""
        return self._text(Setting(to, **options))

    def written(self, setting: Setting) -> Chunks:
        """The page in pieces, as it is set: texts, or the bytes of a PDF."""
        return published(self._text, setting, self.problem.writing.language)

    def _text(self, setting: Setting) -> Iterator[str]:
        if setting.format == "json":
            return self._record()
        return finished(streamed(self._page(setting)), setting, self.problem.writing.language)

    def _page(self, setting: Setting) -> Iterator[str]:
        """The page as its templates write it."""
        say = Speaker(self.problem.writing.language, setting, ESCAPES[setting.format])
        return document(self._works, say, self.curve)

    def _record(self) -> Iterator[str]:
        """The derivation as JSON."""
        return streamed(record(self._works, training=bool(self.curve)))

    def save(self, *paths: str | PathLike[str], **options: Any) -> None:
        """Write the page into files; each one's ending says in which format. All are replaced, or none is.

        The options are those of `Setting`. Raises NotBuilt for an ending that has no format, OutputError where a file
        cannot be written.
        """
        write({Path(path): self.written(Setting(format_of(path), **options)) for path in paths})

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        return {"text/markdown": "".join(self.text(flavour="jupyter")), "text/plain": repr(self)}

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

    def _page(self, setting: Setting) -> Iterator[str]:
        return graph_document(self._graph, Speaker(self.problem.writing.language, setting, ESCAPES[setting.format]))

    def _record(self) -> Iterator[str]:
        return streamed(graph_record(self._graph, Speaker(self.problem.writing.language, Setting())))

    def __repr__(self) -> str:
        return f"<Derivation {self.problem.title!r}: a graph of {len(self._graph.problem.nodes)} nodes>"


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


def format_of(path: str | PathLike[str]) -> str:
    """The format that a file's ending stands for."""
    ending = Path(path).suffix.lower()
    if ending in FORMATS:
        return FORMATS[ending]
    found = "is not built yet" if ending in LATER else "is no format"
    raise NotBuilt(f"{path}:1:1: {ending or 'no ending'} {found}; write to {', '.join(FORMATS)}")
