"""What a name means where it stands: the same name is a weight before it is updated, and its new value after."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence

from ..names import FUNCTION, primed
from ..plain import plain
from .claims import Claim
from .lines import Lines
from .sheet import is_error

Named = tuple[Claim, int | None]  # with the number of its quantity, where it has one

BACKWARDS = ("delta[", "dE/d", "step[")  # how names begin of what is worked before a parameter is updated
SCALE = 2.0  # how many times larger or smaller it may be, where no other quantity is as near
NEAR = 0.02  # of a quantity, how far off a value may be to be taken for it
OPERATION = re.compile(r"[\w)\]}]\s*[-+*/(]")


def in_place(named: Sequence[Named], lines: Lines, options: Callable[[str], Iterable[int]]) -> list[Named]:
    """The claims with what their names mean where they stand. `options`: what a name can mean that can mean several."""
    so_far = _SoFar(lines)
    found: list[Named] = []
    for claim, number in named:
        if claim.value is not None:
            if number is None:
                number = so_far.of_score(claim)
            if number is None:
                number = nearest(claim, options(claim.name), lines)
            if number is not None:
                number = so_far.updated(claim, error_signal(claim, number, lines))
                so_far.add(claim, number)
        found.append((claim, number))
    return found


class _SoFar:
    """What stands above a claim."""

    def __init__(self, lines: Lines) -> None:
        self.lines = lines
        self.written: dict[int, float] = {}
        self.scores: dict[str, int] = {}  # weighted sums, by the value as it is written
        self.is_backwards = self.is_updated = False  # whether there are deltas or gradients; new parameters

    def add(self, claim: Claim, number: int) -> None:
        assert claim.value is not None
        name = self.lines.names[number]
        self.written[number] = claim.value.value
        self.is_backwards |= name.startswith(BACKWARDS)
        self.is_updated |= "'" in name and self.lines.numbers.get(name.replace("'", "", 1)) in self.lines.given
        if name.startswith("z["):
            self.scores[claim.value.text] = number

    def updated(self, claim: Claim, number: int) -> int:
        """The quantity after the update, where that is what is claimed.

        A parameter that is worked out, that has another value once there are deltas or gradients, or that has its new
        value; what is written anew after an update with another value; what is nearer to what the updated network gives.
        """
        new = self.lines.numbers.get(primed(self.lines.names[number]))
        if new is None or claim.value is None:
            return number
        value, half = claim.value.value, claim.value.half
        old_away, new_away = abs(value - self.lines.true[number]), abs(value - self.lines.true[new])
        if number in self.lines.given:
            signs = (old_away > half, any(map(OPERATION.search, claim.expressions)), self.is_backwards)
            return new if sum(signs) > 1 or (old_away > half >= new_away) else number
        if number in self.written:
            return new if self.is_updated and abs(value - self.written[number]) > half else number
        return new if self.is_updated and old_away > half and new_away < old_away else number

    def of_score(self, claim: Claim) -> int | None:
        """The activation that sigmoid(0.3775) is: that of the neuron whose weighted sum was written so."""
        applied = re.fullmatch(rf"(?:{FUNCTION})\s*\(\s*([-\d.]+)\s*\)", plain(claim.name))
        score = self.scores.get(applied[1]) if applied else None
        return None if score is None else self.lines.numbers.get(self.lines.names[score].replace("z", "Y", 1))


def nearest(claim: Claim, options: Iterable[int], lines: Lines) -> int | None:
    """Of several quantities that a name can mean the one, if it is only one, whose size the value has."""
    assert claim.value is not None
    size = abs(claim.value.value)
    close = [k for k in options if abs(abs(lines.true[k]) - size) <= claim.value.half + NEAR * abs(lines.true[k])]
    if not close:
        close = [k for k in options if size <= SCALE * abs(lines.true[k]) and abs(lines.true[k]) <= SCALE * size]
    return close[0] if len(close) == 1 else None


def error_signal(claim: Claim, number: int, lines: Lines) -> int:
    """The quantity; of e and error, which to some are t - y and to others the loss or a sum, the one whose size it has."""
    assert claim.value is not None
    name = lines.names[number]
    if not name.startswith(("E", "z[")) or not is_error(claim.name):
        return number
    label = name.partition("[")[2]
    several = any(each.startswith("E[") for each in lines.numbers)
    ends = (
        ("dE/dY[" + label,) if label else () if several else tuple(n for n in lines.numbers if n.startswith("dE/dY["))
    )
    signal = lines.numbers.get(ends[0]) if ends else None  # errors stand in the order in which they are worked
    if signal is None or (label and lines.names[signal] not in of_outputs(lines)):
        return number
    size, error = abs(claim.value.value), abs(float(lines.true[signal]))
    is_near = abs(size - error) < abs(size - float(lines.true[number]))
    return signal if is_near and (not label or abs(size - error) <= claim.value.half + NEAR * error) else number


def of_outputs(lines: Lines) -> list[str]:
    """The slopes of the loss in each output, whose errors are t - y; those of hidden neurons come after them."""
    slopes = [name for name in lines.numbers if name.startswith("dE/dY[")]
    return slopes[: max(1, sum(name.startswith("E[") for name in lines.numbers))]
