"""What a name means where it stands: the same name is a weight before it is updated, and its new value after."""

from __future__ import annotations

import re
from collections import Counter
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


def in_place(named: Sequence[Named], lines: Lines, options: Callable[[Claim], Sequence[int]]) -> list[Named]:
    """The claims with what their names mean where they stand. `options`: what a name can mean that can mean several."""
    so_far = _SoFar(lines)
    of_names = [options(claim) if number is None and claim.value is not None else () for claim, number in named]
    d_is = what_d_is([(claim, each) for (claim, _), each in zip(named, of_names, strict=True) if each], lines)
    found: list[Named] = []
    for (claim, number), meant in zip(named, of_names, strict=True):
        if claim.value is not None:
            if number is None:
                number = so_far.of_score(claim)
            if number is None:
                number = of_kind(d_is, claim, meant, lines) if is_d(meant, lines) else nearest(claim, meant, lines)
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


def is_d(options: Sequence[int], lines: Lines) -> bool:
    """Whether a name can be either the gradient or the step of one parameter: dw5."""
    return len(options) == 2 and {lines.names[k][:4] for k in options} == {"dE/d", "step"}


def what_d_is(claims: Sequence[tuple[Claim, Sequence[int]]], lines: Lines) -> str:
    """How the names begin of what this writer calls dw: of those whose value is one of the two, most are."""
    found = [close_to(claim, options, lines) for claim, options in claims if is_d(options, lines)]
    clear = Counter(lines.names[close[0]][:4] for close in found if len(close) == 1)
    return "step" if clear["step"] > clear["dE/d"] else "dE/d" if clear["dE/d"] else ""


def of_kind(d_is: str, claim: Claim, options: Sequence[int], lines: Lines) -> int:
    """The gradient or the step: what the value is, else what the others are that are called so, else the gradient."""
    close = close_to(claim, options, lines)
    if len(close) == 1:
        return close[0]
    sized = None if d_is else nearest(claim, options, lines)
    return sized if sized is not None else next(k for k in options if lines.names[k].startswith(d_is or "dE/d"))


def close_to(claim: Claim, options: Iterable[int], lines: Lines) -> list[int]:
    """Those of the quantities that the value is near to, whatever its sign."""
    assert claim.value is not None
    value, true = claim.value, lines.true
    return [k for k in options if abs(abs(true[k]) - abs(value.value)) <= value.half + NEAR * abs(true[k])]


def of_sample_or_total(claim: Claim, found: Sequence[int], lines: Lines) -> int | None:
    """The quantity of the sample that is spoken of; the total where there is one under that name, and the value is its."""
    if len(found) > 1 and claim.value is not None:
        close = close_to(claim, found, lines)
        return close[0] if len(close) == 1 else found[0]
    return found[0] if found else None


def nearest(claim: Claim, options: Iterable[int], lines: Lines) -> int | None:
    """Of several quantities that a name can mean the one, if it is only one, whose size the value has."""
    assert claim.value is not None
    size = abs(claim.value.value)
    close = close_to(claim, options, lines)
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
