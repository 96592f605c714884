"""What a name means where it stands: the same name is a weight before it is updated, and its new value after."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ..names import primed
from .claims import Claim
from .lines import Lines

Named = tuple[Claim, int | None]  # with the number of its quantity, where it has one

BACKWARDS = ("delta[", "dE/d", "step[")  # how names begin of what is worked before a parameter is updated
ERRORS = ("e", "err", "error", "Error", "误差")
OPERATION = re.compile(r"[\w)\]}]\s*[-+*/(]")


def in_place(named: Sequence[Named], lines: Lines) -> list[Named]:
    """The claims with what their names mean where they stand.

    A parameter that is worked out, or that has another value once there are deltas or gradients, is the updated one.
    What is written anew after an update, with another value, is what the updated network gives.
    """
    found: list[Named] = []
    written: dict[int, float] = {}
    backwards = updated = False
    for claim, number in named:
        if number is not None and claim.value is not None:
            number = error_signal(claim, number, lines)
            value, half, new = claim.value.value, claim.value.half, lines.numbers.get(primed(lines.names[number]))
            is_given = number in lines.given
            before = float(lines.true[number]) if is_given else written.get(number, value)
            changed = abs(value - before) > half
            worked = any(OPERATION.search(each) for each in claim.expressions)
            if new is not None and (changed + worked + backwards >= 2 if is_given else updated and changed):
                number = new
            name = lines.names[number]
            backwards = backwards or name.startswith(BACKWARDS)
            updated = updated or ("'" in name and lines.numbers.get(name.replace("'", "", 1)) in lines.given)
            written[number] = value
        found.append((claim, number))
    return found


def error_signal(claim: Claim, number: int, lines: Lines) -> int:
    """The quantity; of e and error, which to some are the loss and to others t - y, the one whose size it has."""
    several = any(name.startswith("E[") for name in lines.numbers)
    slopes = (
        [name for name in lines.numbers if name.startswith("dE/dY[")] if claim.name in ERRORS and not several else []
    )
    if lines.names[number] != "E" or not slopes or claim.value is None:
        return number
    last = lines.numbers[slopes[0]]  # errors stand in the order in which they are worked: the output's first
    loss, error = float(lines.true[number]), abs(float(lines.true[last]))
    size = abs(claim.value.value)
    return last if abs(size - error) < abs(size - loss) else number
