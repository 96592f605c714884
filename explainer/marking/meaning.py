"""What a name means where it stands: the same name is a weight before it is updated, and its new value after."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence

from ..names import FUNCTION, primed
from ..plain import plain
from .claims import Claim
from .lines import Lines

Named = tuple[Claim, int | None]  # with the number of its quantity, where it has one

BACKWARDS = ("delta[", "dE/d", "step[")  # how names begin of what is worked before a parameter is updated
ERRORS = ("e", "err", "error", "Error", "误差")
NEAR = 0.02  # of a quantity, how far off a value may be to be taken for it
OPERATION = re.compile(r"[\w)\]}]\s*[-+*/(]")


def in_place(named: Sequence[Named], lines: Lines, options: Callable[[str], Iterable[int]]) -> list[Named]:
    """The claims with what their names mean where they stand.

    A parameter that is worked out, or that has another value once there are deltas or gradients, is the updated one.
    What is written anew after an update, with another value, is what the updated network gives.
    """
    found: list[Named] = []
    written: dict[int, float] = {}
    backwards = updated = False
    scores: dict[str, int] = {}  # by the value of a weighted sum, as it is written
    for claim, number in named:
        if number is None and claim.value is not None:
            number = of_score(claim, scores, lines) or nearest(claim, options(claim.name), lines)
        if number is not None and claim.value is not None:
            number = error_signal(claim, number, lines)
            value, half, new = claim.value.value, claim.value.half, lines.numbers.get(primed(lines.names[number]))
            is_given = number in lines.given
            before = float(lines.true[number]) if is_given else written.get(number, value)
            changed = abs(value - before) > half
            worked = any(OPERATION.search(each) for each in claim.expressions)
            if new is not None and (
                changed + worked + backwards >= 2 or (changed and abs(value - lines.true[new]) <= half)
                if is_given
                else updated and changed
            ):
                number = new
            name = lines.names[number]
            backwards = backwards or name.startswith(BACKWARDS)
            updated = updated or ("'" in name and lines.numbers.get(name.replace("'", "", 1)) in lines.given)
            written[number] = value
            if name.startswith("z["):
                scores[claim.value.text] = number
        found.append((claim, number))
    return found


def of_score(claim: Claim, scores: Mapping[str, int], lines: Lines) -> int | None:
    """The activation that sigmoid(0.3775) is: that of the neuron whose weighted sum was written so."""
    applied = re.fullmatch(rf"(?:{FUNCTION})\s*\(\s*([-\d.]+)\s*\)", plain(claim.name))
    score = scores.get(applied[1]) if applied else None
    return None if score is None else lines.numbers.get(lines.names[score].replace("z", "Y", 1))


def nearest(claim: Claim, options: Iterable[int], lines: Lines) -> int | None:
    """Of several quantities that a name can mean the one, if it is only one, whose size the value has."""
    assert claim.value is not None
    size = abs(claim.value.value)
    found = [k for k in options if abs(abs(lines.true[k]) - size) <= claim.value.half + NEAR * abs(lines.true[k])]
    return found[0] if len(found) == 1 else None


def error_signal(claim: Claim, number: int, lines: Lines) -> int:
    """The quantity; of e and error, which to some are the loss and to others t - y, the one whose size it has."""
    if claim.name not in ERRORS or claim.value is None or lines.names[number] != "E":
        return number
    slopes = [name for name in lines.numbers if name.startswith("dE/dY[")]
    if not slopes or any(name.startswith("E[") for name in lines.numbers):  # of several outputs each has its own
        return number
    last = lines.numbers[slopes[0]]  # they stand in the order in which they are worked: the output's first
    loss, error = float(lines.true[number]), abs(float(lines.true[last]))
    size = abs(claim.value.value)
    return last if abs(size - error) < abs(size - loss) else number
