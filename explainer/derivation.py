"""The public face: a problem explained, shown in a notebook, saved as a page."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from os import PathLike
from pathlib import Path

from .document import document
from .errors import NotBuilt
from .problem import Problem
from .publish import ESCAPES, with_mathml, write
from .record import record
from .render import Speaker, streamed
from .values import Check
from .worked import Worked, iterations, named

FORMATS = {".md": "markdown", ".tex": "latex", ".html": "html", ".json": "json"}
LATER = (".pdf", ".ipynb", ".typ")
FLAVOURS = ("github", "myst", "mkdocs", "jupyter")


class Derivation:
    """The worked derivation of one problem. Make one with `explain`.

    `problem` is what was given, `values` every quantity by its canonical name ("dE/dW[3,6]"), `check` what the
    numerical check of the gradients found (None where nothing is trained).
    """

    def __init__(self, problem: Problem, works: Sequence[Worked]) -> None:
        self.problem = problem
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

    def text(self, to: str = "markdown", flavour: str = "github") -> Iterator[str]:
        """The page in pieces. `to` is markdown, latex, html or json; `flavour` is of the mathematics in Markdown."""
        if to == "json":
            return streamed(record(self._works))
        say = Speaker(self.problem.writing.language, to, flavour, ESCAPES[to])
        page = streamed(document(self._works, say))
        return with_mathml(page) if to == "html" else page

    def save(self, *paths: str | PathLike[str], flavour: str = "github") -> None:
        """Write the page into files; each one's ending says in which format. All are replaced, or none is.

        Raises NotBuilt for an ending that has no format, OutputError where a file cannot be written.
        """
        save([(Path(path), format_of(path)) for path in paths], self, flavour)

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        return {"text/markdown": "".join(self.text("markdown", "jupyter")), "text/plain": repr(self)}

    def __repr__(self) -> str:
        return f"<Derivation {self.problem.title!r}: {self.parameters} weights and biases>"


def explain(problem: Problem) -> Derivation:
    """Work a problem: forward pass, backward pass and update, every gradient derived twice and checked numerically.

    Raises CheckFailed where the derivations disagree, and InputError or ExplainerError where a number is not finite.
    """
    return Derivation(problem, [*iterations(problem)])


def save(outputs: Iterable[tuple[Path, str]], derivation: Derivation, flavour: str) -> None:
    write({path: derivation.text(to, flavour) for path, to in outputs})


def format_of(path: str | PathLike[str]) -> str:
    """The format that a file's ending stands for."""
    ending = Path(path).suffix.lower()
    if ending in FORMATS:
        return FORMATS[ending]
    found = "is not built yet" if ending in LATER else "is no format"
    raise NotBuilt(f"{path}: {ending or 'no ending'} {found}; write to {', '.join(FORMATS)}")
