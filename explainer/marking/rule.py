"""When does a written number agree? The rule, for many sheets at once.

s  a written number             h  half a unit of its last place
f  what its formula makes of the numbers written before it
b  how far the number in the writer's head or calculator can be from each of those
p  how far f can move while each of them moves by its b

A number agrees when |s - f| <= h + p. This is the sharpest test that never faults somebody who used the right formula
on their own numbers and only rounded: f of a box is an interval, so some numbers in the box give s exactly when the
inequality holds. A writer who agrees has b = min(h, |s - f| + p): exact numbers stay exact, whatever was rounded
before. The proof is in `docs/decisions/0012-tolerance-from-the-writers-own-rounding.md`.
"""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np

from ..ops import Array
from .lines import Way

SLACK = 1e-6  # of a tolerance, and
NOISE = 1e-12  # of a number: what binary arithmetic does to decimals
MOST_CORNERS = 7  # uncertain numbers of a line whose combinations are all tried
MOST_MIDDLES = 4  # and up to which each is also tried unmoved


class Overlay:
    """Some columns of an array, with some rows of their own: what a few changes would do, without a copy of the rest."""

    def __init__(self, base: Array, columns: Array) -> None:
        self.base, self.columns, self.rows = base, columns, dict[int, Any]()

    def __setitem__(self, row: int, values: Any) -> None:
        self.rows[row] = values

    def __getitem__(self, rows: Array) -> Array:
        found = np.asarray(self.base[np.ix_(rows, self.columns)])
        for place, row in enumerate(rows.tolist()):
            if row in self.rows:
                found[place] = self.rows[row]
        return found


Numbers = Array | Overlay  # (quantities, sheets)


def value(way: Way, numbers: Array) -> Array:
    """What the way finds from the numbers, (quantities, sheets)."""
    with np.errstate(all="ignore"):
        return np.asarray(way.value(numbers[way.reads]), float)


def spread(way: Way, numbers: Numbers, box: Numbers) -> tuple[Array, Array]:
    """(f, p) of each sheet: what the way finds, and how far that can move in the box.

    Each number is moved alone, and what they do is added; all are moved together to both extremes too, which finds
    more where the formula is not linear. Where there is no value in the box (the logarithm of 0), p is infinite.
    """
    read, width = numbers[way.reads], box[way.reads]
    moved = np.asarray(width.any(axis=1)).nonzero()[0]
    count = len(moved)
    with np.errstate(all="ignore"):
        if not count:
            f = np.asarray(way.value(read), float)
            return np.nan_to_num(f, nan=0.0, posinf=0.0, neginf=0.0), np.where(np.isfinite(f), 0.0, np.inf)
        copies = np.repeat(read[:, None, :], 2 * count + 1, axis=1)
        alone = np.arange(count)
        copies[moved, alone] += width[moved]
        copies[moved, alone + count] -= width[moved]
        found = np.asarray(way.value(copies), float)
        f, up, down = found[-1], found[:count], found[count:-1]
        p = distance(np.maximum(np.abs(up - f), np.abs(down - f))).sum(axis=0)
        if count > 1:
            ends = np.repeat(read[:, None, :], 2, axis=1)
            shift = np.where(up < down, -1.0, 1.0) * width[moved]  # of 0 times 0 both factors have to move
            ends[moved, 0] += shift
            ends[moved, 1] -= shift
            p = np.maximum(p, distance(np.abs(np.asarray(way.value(ends), float) - f)).max(axis=0))
    finite = np.isfinite(f)
    return np.where(finite, f, 0.0), np.where(finite, p, np.inf)


def corners(way: Way, numbers: Array, box: Array, sheets: Array) -> Array:
    """p of some sheets, from all corners of the box: exact where the formula is linear or monotone in each number.

    0 where too many numbers are uncertain to try them all.
    """
    read, width = numbers[np.ix_(way.reads, sheets)], box[np.ix_(way.reads, sheets)]
    moved = np.flatnonzero(width.any(axis=1))
    if not 1 < len(moved) <= MOST_CORNERS:
        return np.zeros(read.shape[1])
    signs = np.array([*product((-1, 0, 1) if len(moved) <= MOST_MIDDLES else (-1, 1), repeat=len(moved))], float).T
    copies = np.repeat(read[:, None, :], signs.shape[1] + 1, axis=1)
    copies[moved, 1:] += signs[:, :, None] * width[moved][:, None, :]
    with np.errstate(all="ignore"):
        found = np.asarray(way.value(copies), float)
        return np.asarray(distance(np.abs(found[1:] - found[0])).max(axis=0))


def distance(moves: Array) -> Array:
    return np.where(np.isfinite(moves), moves, np.inf)


def agrees(s: Array, f: Array, p: Array, h: Array) -> Array:
    """The rule."""
    with np.errstate(invalid="ignore"):
        return np.asarray(np.abs(s - f) <= (h + p) * (1 + SLACK) + NOISE * (1 + np.abs(f)))
