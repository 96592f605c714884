"""What a line is worth: marks for the method and for the number, and the digits that a teacher asks for."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from ..errors import ExplainerError
from .catalogue import FAMILY
from .marks import LineMarks
from .numerals import Numeral

KEEPS_METHOD = ("arithmetic", "misread-digits", "exchanged-digits", "decimal-point", "sign-lost", "copied-line")


class Digits(NamedTuple):
    """So many digits that a line must have: decimals, or significant ones."""

    how_many: int
    significant: bool

    def half(self, size: float) -> float:
        """Half a unit of the last place that is asked for, in a number of this size."""
        place = np.floor(np.log10(abs(size))) - self.how_many + 1 if self.significant and size else -self.how_many
        return float(0.5 * 10.0**place)

    def are_in(self, number: Numeral) -> bool:
        """Whether a written number has them."""
        return (number.significant if self.significant else number.decimals) >= self.how_many


def digits_of(text: str) -> Digits | None:
    """The digits that `4dp` (decimals) or `4sf` (significant figures) asks for; None where nothing is."""
    if not text:
        return None
    found = re.fullmatch(r"([0-9]{1,2})(dp|sf)", text.strip().lower())
    if not found or (found[2] == "sf" and int(found[1]) == 0):
        raise ExplainerError(f"{text!r} as the digits of a line; write 4dp for decimals, 4sf for significant figures")
    return Digits(int(found[1]), found[2] == "sf")


@dataclass(frozen=True)
class Scheme:
    """What a line is worth. A mistake that is made again costs its mark once."""

    method: float = 1.0
    accuracy: float = 1.0
    follow_through: bool = True  # whether a line that follows from a wrong one has its accuracy mark
    digits: float = 0.0  # what a line loses of its accuracy mark that has fewer digits than are asked for
    asked: str = ""  # how many digits are asked for: "4dp", "4sf"

    @property
    def of(self) -> float:
        """What a line is worth."""
        return self.method + self.accuracy

    def marks(self, verdict: str, short: bool) -> tuple[float, float]:
        """Those for the method and for the number of a line that was read, before it is known which slip it has."""
        if verdict == "wrong":
            return 0.0, 0.0
        accuracy = self.accuracy if verdict != "follow-through" or self.follow_through else 0.0
        return self.method, max(0.0, accuracy - self.digits) if short else accuracy


DEFAULT = Scheme()


def scored(lines: Sequence[LineMarks], scheme: Scheme) -> Iterator[LineMarks]:
    """The lines with their marks: a wrong one may keep that for the method."""
    charged: set[str] = set()
    for line in lines:
        misunderstood = FAMILY.get(line.slip or "", line.slip or "")
        kept = line.verdict == "wrong" and (line.slip in KEEPS_METHOD or misunderstood in charged)
        yield replace(line, method=scheme.method) if kept else line
        if misunderstood:
            charged.add(misunderstood)
