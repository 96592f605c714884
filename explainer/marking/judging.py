"""Every written line held to the rule, in the order in which lines depend on one another; many sheets at once.

flagged    no rounding explains the line: an error was made in it
tainted    a line before it is flagged
anchor     what is gone on with after a line: the written number, right or wrong
suspect    a flagged line that this one depends on; somebody may have gone on with its right value after all
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import IntEnum
from itertools import combinations

import numpy as np

from ..ops import Array
from .lines import Line, Lines, Way
from .rule import NOISE, SLACK, Overlay, agrees, corners, spread

MOST_SUSPECTS = 6
LITTLE = 0.01  # of a number: by no more than this may a unit of its last place move it, for that to be a small matter
TOGETHER = 3  # suspects whose right values are tried at once


class Status(IntEnum):
    """What is found about a written line, the first that holds."""

    AGREES = 0  # with the writer's own numbers, up to rounding
    RECOVERED = 1  # with the right value of a flagged line
    ANYWAY = 2  # it is the right value, though it does not follow
    TRUNCATED = 3  # cut off, not rounded
    LAST_DIGIT = 4  # the last digit is one off
    SLIP = 5


AGREES, RECOVERED, ANYWAY, TRUNCATED, LAST_DIGIT, SLIP = map(int, Status)  # as numbers, in arrays of them


@dataclass(frozen=True)
class Written:
    """What stands on the sheets: of each line its value and half a unit of its last place, (sheets,)."""

    values: Mapping[int, Array]
    halves: Mapping[int, Array]
    place: Mapping[int, int] = field(default_factory=dict)  # where in the sheet a line stands
    earlier: Mapping[int, Sequence[tuple[float, float]]] = field(
        default_factory=dict
    )  # values it had before, with halves
    truncates: bool = False  # digits are cut off all over the sheet


@dataclass
class Judged:
    """What was found, by line. `numbers` and `box` have a row for each quantity: anchors, and their b."""

    numbers: Array
    box: Array
    status: dict[int, Array] = field(default_factory=dict)
    f: dict[int, Array] = field(default_factory=dict)  # what the line follows from the numbers before it
    p: dict[int, Array] = field(default_factory=dict)
    flagged: dict[int, Array] = field(default_factory=dict)
    tainted: dict[int, Array] = field(default_factory=dict)
    recovered_from: dict[int, tuple[int, ...]] = field(
        default_factory=dict
    )  # of one sheet: whose right values were used
    used_earlier: dict[int, tuple[int, ...]] = field(default_factory=dict)  # of one sheet: whose earlier values


@dataclass(frozen=True)
class Gone:
    """A way gone with the writer's numbers: whether the written number agrees, f and p, and its b if it does."""

    ok: Array
    f: Array
    p: Array
    width: Array

    def or_else(self, other: Gone) -> Gone:
        """The two ways together: where this one does not agree the other, and the larger b where both do."""
        both = np.maximum(np.where(self.ok, self.width, 0), other.width)
        use = other.ok & ~self.ok
        return Gone(
            self.ok | other.ok,
            np.where(use, other.f, self.f),
            np.where(use, other.p, self.p),
            np.where(other.ok, both, self.width),
        )

    def with_some(self, sheets: Array, f: Array, p: Array, width: Array) -> Gone:
        """The same, but for some sheets, on which it agrees with this f, p and b."""
        ok, own_f, own_p, own_width = self.ok.copy(), self.f.copy(), self.p.copy(), self.width.copy()
        ok[sheets], own_f[sheets], own_p[sheets], own_width[sheets] = True, f, p, width
        return Gone(ok, own_f, own_p, own_width)


Scratch = Callable[[Array], Array]  # half a unit of how a number of this size is rounded on scratch paper
Rescue = Callable[["Judging", int, float, float], bool]  # whether a line's own expression explains its number after all


class Judging:
    """Holds written lines to the rule, and goes on from what is found.

    `true`: the right value of each quantity, (quantities, sheets).
    """

    def __init__(
        self, lines: Lines, written: Written, true: Array, scratch: Scratch, rescue: Rescue | None = None
    ) -> None:
        self.lines, self.written, self.true, self.scratch, self.rescue = lines, written, true, scratch, rescue
        self.found = Judged(true.copy(), np.zeros(true.shape))
        self.never = np.zeros(true.shape[1], bool)
        self.agreed = np.full(true.shape[1], AGREES)
        self.corrected: dict[int, tuple[Array, Array]] = {}
        self.known: set[int] = set()
        for number in written.values:
            if number in lines.given:
                self.copied(number)

    def judge(self, sequence: Sequence[int] | None = None) -> Judged:
        """Every written line, and what is needed for it."""
        self.work(self.lines.order(self.written.values) if sequence is None else sequence)
        return self.found

    def know(self, numbers: Iterable[int]) -> None:
        """Work out unwritten lines that no written one needs."""
        wanted = [k for k in numbers if k not in self.known and k not in self.lines.given]
        if wanted:
            self.work([k for k in self.lines.order(wanted) if k not in self.known])

    def work(self, sequence: Iterable[int]) -> None:
        for number in sequence:
            self.known.add(number)
            line = self.lines.line(number)
            if number in self.written.values:
                self.line(line)
            else:
                self.unwritten(line)

    def copied(self, number: int) -> None:
        """A number of the exercise that was written down again: right, or gone on with as it was written."""
        found, s, h = self.found, self.written.values[number], self.written.halves[number]
        exact = self.is_exact(number)
        found.status[number] = np.where(exact, AGREES, SLIP)
        found.f[number], found.p[number] = self.true[number], np.zeros(s.shape)
        found.flagged[number], found.tainted[number] = ~exact, self.never
        if not exact.all():
            self.corrected[number] = self.true[number], h
        found.numbers[number] = np.where(exact, self.true[number], s)

    # ---- ways

    def ways(self, line: Line) -> Iterator[Way]:
        """The ways that this writer can have gone."""
        values, place = self.written.values, self.written.place
        for way in line.ways:
            if way.after >= 0 and not (
                way.after in values and place.get(way.after, -1) < place.get(line.number, len(place))
            ):
                continue
            if not way.where_written or any(k in values for k in way.where_written):
                yield way

    def is_tainted(self, way: Way) -> Array:
        found = self.never
        if not self.corrected and not self.found.used_earlier:  # nothing is flagged so far
            return found
        for k in way.reads.tolist():
            if k in self.found.tainted:
                found = found | self.found.tainted[k]
            if k in self.found.flagged:
                found = found | self.found.flagged[k]
        return found

    # ---- lines that are not written

    def unwritten(self, line: Line) -> None:
        """Computed from what is written, and rounded on scratch paper, it may be.

        Where there are several ways it may have gone any of them, unless there is an error in one.
        """
        found, number = self.found, line.number
        ways = [*self.ways(line)]
        f, p = spread(ways[0], found.numbers, found.box)
        tainted = self.is_tainted(ways[0])
        for way in ways[1:]:
            f2, p2 = spread(way, found.numbers, found.box)
            taint = self.is_tainted(way)
            f, p = np.where(taint, f2, f), np.where(taint, p2, np.maximum(p, np.abs(f2 - f) + p2))
            tainted = tainted | taint
        found.numbers[number], found.box[number], found.tainted[number] = f, p + self.scratch(np.abs(f) + p), tainted

    # ---- lines that are

    def line(self, line: Line) -> None:
        found, number = self.found, line.number
        s, h = self.written.values[number], self.written.halves[number]
        ways = [*self.ways(line)]
        first, *others = [self.gone(way, s, h) for way in ways]
        best, tainted = first, self.is_tainted(ways[0])
        if not others and first.ok.all():
            found.status[number], found.f[number], found.p[number] = self.agreed, first.f, first.p
            found.flagged[number], found.tainted[number] = self.never, tainted
            found.numbers[number], found.box[number] = s, first.width
            return
        for way, other in zip(ways[1:], others, strict=True):
            best, tainted = best.or_else(other), tainted | self.is_tainted(way)
        if not best.ok.all():
            best = self.at_corners(best, ways, s, h)
        status = np.where(best.ok, AGREES, SLIP)
        if not best.ok.all() and self.rescue and self.rescue(self, number, float(best.f[0]), float(best.p[0])):
            status, best = np.array([AGREES]), replace(best, width=h)
        if (status == SLIP).any():
            status, best = self.explained(line, ways[0], status, best)
            exact = self.is_exact(number)
            tainted = (tainted | (number in found.used_earlier)) & ~((status != AGREES) & exact) & (status != RECOVERED)
        found.status[number], found.f[number], found.p[number] = status, best.f, best.p
        found.flagged[number], found.tainted[number] = status == SLIP, tainted
        found.numbers[number], found.box[number] = s, np.where(status <= RECOVERED, best.width, h)
        if found.flagged[number].any():
            self.corrected[number] = first.f, first.p + h

    def gone(self, way: Way, s: Array, h: Array) -> Gone:
        f, p = spread(way, self.found.numbers, self.found.box)
        return Gone(self.agrees(s, f, p, h), f, p, np.minimum(h, np.abs(s - f) + p))

    def at_corners(self, best: Gone, ways: Sequence[Way], s: Array, h: Array) -> Gone:
        """The sheets on which no way agrees, once more, with every corner of the box."""
        numbers, box = self.found.numbers, self.found.box
        sheets = np.flatnonzero(~best.ok)
        for way in ways:
            f, p = spread(way, Overlay(numbers, sheets), Overlay(box, sheets))
            p = np.maximum(p, corners(way, numbers, box, sheets))
            ok = self.agrees(s[sheets], f, p, h[sheets])
            best = best.with_some(sheets[ok], f[ok], p[ok], np.minimum(h[sheets], np.abs(s[sheets] - f) + p)[ok])
        return best

    def agrees(self, s: Array, f: Array, p: Array, h: Array) -> Array:
        return cut_off(s, f, p, h) if self.written.truncates else agrees(s, f, p, h)

    def is_exact(self, number: int) -> Array:
        s, h = self.written.values[number], self.written.halves[number]
        true = self.true[number]
        if self.written.truncates:
            return cut_off(s, true, np.zeros(s.shape), h)
        return np.asarray(np.abs(s - true) <= h * (1 + SLACK) + NOISE * (1 + np.abs(true)))

    def explained(self, line: Line, way: Way, status: Array, best: Gone) -> tuple[Array, Gone]:
        """The sheets on which the line does not agree, once more: what else may have been done."""
        number = line.number
        s, h = self.written.values[number], self.written.halves[number]
        status = status.copy()
        for chosen, sheets, f, p, width in self.retried(line, way, np.flatnonzero(status == SLIP)):
            good = (status[sheets] == SLIP) & self.agrees(s[sheets], f, p, h[sheets])
            status[sheets[good]] = RECOVERED
            best = best.with_some(sheets[good], f[good], p[good], width[good])
            if good.all() and len(s) == 1:
                self.found.recovered_from[number] = chosen
                break
        if (status == SLIP).any() and self.written.earlier:
            status, best = self.with_earlier(line, way, status, best)
        status[(status == SLIP) & self.is_exact(number)] = ANYWAY
        is_cut, is_near = next_door(s, best.f, best.p, h)
        status[(status == SLIP) & is_cut] = TRUNCATED
        status[(status == SLIP) & is_near & (2 * h <= LITTLE * np.abs(s))] = LAST_DIGIT
        return status, best

    def retried(
        self, line: Line, way: Way, sheets: Array
    ) -> Iterator[tuple[tuple[int, ...], Array, Array, Array, Array]]:
        """What the line would be with the right values of some suspects: (which, sheets, f, p, b)."""
        suspects = [k for k in self.suspects(way) if k in self.corrected][:MOST_SUSPECTS]
        h, s = self.written.halves[line.number][sheets], self.written.values[line.number][sheets]
        for count in range(1, min(TOGETHER, len(suspects)) + 1):
            for chosen in combinations(suspects, count):
                numbers, box = Overlay(self.found.numbers, sheets), Overlay(self.found.box, sheets)
                for k in chosen:
                    flagged = self.found.flagged[k][sheets]
                    right, wide = self.corrected[k]
                    numbers[k] = np.where(flagged, right[sheets], self.found.numbers[k, sheets])
                    box[k] = np.where(flagged, wide[sheets], self.found.box[k, sheets])
                f, p = self.again(way, numbers, box)
                yield chosen, sheets, f, p, np.minimum(h, np.abs(s - f) + p)

    def changed(self, copies: int = 1) -> tuple[Overlay, Overlay]:
        """The numbers of one sheet and their b, so many times, to be changed."""
        columns = np.zeros(copies, int)
        return Overlay(self.found.numbers, columns), Overlay(self.found.box, columns)

    def again(self, way: Way, numbers: Overlay, box: Overlay) -> tuple[Array, Array]:
        """(f, p) after other numbers have been put in: the unwritten lines on the way are computed anew."""
        for k in self.between(way):
            f, p = spread(self.lines.line(k).ways[0], numbers, box)
            numbers[k], box[k] = f, p + self.scratch(np.abs(f) + p)
        return spread(way, numbers, box)

    def with_earlier(self, line: Line, way: Way, status: Array, best: Gone) -> tuple[Array, Gone]:
        """The line with values that stood on the sheet before they were mended; of one sheet."""
        s, h = self.written.values[line.number], self.written.halves[line.number]
        for k in self.suspects(way):
            for value, half in self.written.earlier.get(k, ()):
                numbers, box = self.changed()
                numbers[k], box[k] = value, half
                f, p = self.again(way, numbers, box)
                if status[0] == SLIP and self.agrees(s, f, p, h)[0]:
                    status, best = np.array([AGREES]), Gone(np.array([True]), f, p, h)
                    self.found.used_earlier[line.number] = (k,)
        return status, best

    def between(self, way: Way) -> list[int]:
        """The unwritten lines that the way reads, and those that they read, in order."""
        return through_unwritten(self.lines, self.written.values, way)[0]

    def suspects(self, way: Way) -> list[int]:
        return through_unwritten(self.lines, self.written.values, way)[1]


def through_unwritten(lines: Lines, written: Mapping[int, object], way: Way) -> tuple[list[int], list[int]]:
    """(unwritten lines on the way in order, written lines that are met first)."""
    found: dict[int, None] = {}
    met: dict[int, None] = {}
    stack = [(k, False) for k in way.reads.tolist()]
    while stack:
        k, done = stack.pop()
        if done:
            found[k] = None
        elif k in written:
            met[k] = None
        elif k not in found and k not in lines.given:
            stack.append((k, True))
            stack.extend((n, False) for n in lines.line(k).ways[0].reads.tolist())
    return list(found), list(met)


def next_door(s: Array, f: Array, p: Array, h: Array) -> tuple[Array, Array]:
    """Whether s is f with its further digits cut off, and whether it is one of the two numbers that f stands between.

    Neither, where s is a whole unit off: a number that needs no rounding has no other number next door.
    """
    near = np.abs(s - f) < (2 * h + p) * (1 - SLACK)
    return near & (np.abs(s) <= np.abs(f) + p), near


def cut_off(s: Array, f: Array, p: Array, h: Array) -> Array:
    """The rule for somebody who cuts digits off: s is f less its further digits, up to a whole unit towards zero."""
    sign = np.where(f < 0, -1.0, 1.0)
    short = sign * (f - s)
    slack = SLACK * h + NOISE * (1 + np.abs(f))
    return np.asarray((short >= -p - slack) & (short <= 2 * h + p + slack))
