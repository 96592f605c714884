"""Numbers as people write them: the value, and half a unit of the last place, which is what rounding can have done."""

from __future__ import annotations

import re
from typing import NamedTuple

NUMERAL = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d{1,3})?", re.ASCII)
MOST_DIGITS = 40
LARGEST = 300  # power of ten


class Numeral(NamedTuple):
    """A written number. `half` is 0 where it is known to all its digits, as in a cell of a spreadsheet."""

    text: str
    value: float
    half: float

    @property
    def decimals(self) -> int:
        """Places after the point; negative for whole tens."""
        mantissa, _, exponent = self.text.lower().partition("e")
        return len(mantissa.partition(".")[2]) - int(exponent or 0)

    @property
    def significant(self) -> int:
        """Digits from the first that is not 0; 0 for a zero."""
        mantissa = self.text.lower().partition("e")[0].lstrip("+-").replace(".", "")
        return len(mantissa.lstrip("0"))


def numeral(text: str) -> Numeral | None:
    """The number that the text is; None where it is none."""
    found = text.replace(" ", "")
    if found.startswith("(") and found.endswith(")"):
        found = found[1:-1]
    if not NUMERAL.fullmatch(found) or len(found) > MOST_DIGITS:
        return None
    mantissa, _, exponent = found.lower().partition("e")
    if abs(int(exponent or 0)) > LARGEST:
        return None
    places = len(mantissa.partition(".")[2]) - int(exponent or 0)
    return Numeral(found, float(found), 0.5 * 10.0**-places)
