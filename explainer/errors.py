"""What can go wrong, said to the person who can mend it.

    ExplainerError
    ├── InputError      a file cannot be used: one `Fault` for each thing to mend (exit code 2)
    ├── NotBuilt        what was asked for is understood, but not built yet (exit code 2)
    ├── OutputError     a file cannot be written (exit code 2)
    └── CheckFailed     two derivations of one number disagree: a defect of ours, never the reader's

Every message says what was found, where, and what would do.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches


class ExplainerError(Exception):
    """The root: catch this to catch all that `explainer` raises on purpose."""


@dataclass(frozen=True, order=True)
class Fault:
    """One thing to mend in a file: FILE:LINE:COLUMN: what was found; what would do."""

    file: str
    line: int  # from 1
    column: int  # from 1, in characters
    found: str
    remedy: str

    def __str__(self) -> str:
        return printable(f"{self.file}:{self.line}:{self.column}: {self.found}; {self.remedy}")


class InputError(ExplainerError):
    """A file that cannot be used. `faults` holds everything found wrong with it, in the order of the file."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = sorted(set(faults))
        super().__init__("\n".join(map(str, self.faults)))


class NotBuilt(ExplainerError):
    """A part of the contract that this version does not have."""


class OutputError(ExplainerError):
    """A file that cannot be written."""


class CheckFailed(ExplainerError):
    """Two independent derivations of the same number disagree."""


def printable(text: str) -> str:
    """The text on one line, with what a terminal would obey, not show, written out."""
    return "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in text)


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that `word` was most likely meant to be."""
    by_case = {name.lower(): name for name in known}
    close = get_close_matches(word.lower(), by_case, n=1, cutoff=0.6)
    return by_case[close[0]] if close else None


def suggestion(word: str, known: Iterable[str]) -> str:
    """What would do in place of an unknown word: the nearest known one, or all of them."""
    known = tuple(known)
    near = nearest(word, known)
    return f"did you mean {near!r}?" if near else f"known here: {', '.join(known)}"
