"""A working as numbers: which quantity each claim is of, which value is gone on with, and how finely the sheet rounds."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from ..ops import Array
from ..plain import typed_out
from .claims import Claim
from .formula_claims import Expression, expression, uncertainty, worked_out
from .judging import Judging, Scratch, Written
from .lines import Lines
from .numerals import Numeral
from .rule import NOISE, SLACK

LONGEST_NAME = 20  # characters of a name that is said again as it was written


@dataclass(frozen=True)
class Entry:
    """A claim whose quantity and value are known."""

    claim: Claim
    number: int
    value: Numeral
    expressions: tuple[Expression, ...] = ()
    factor: float = 1.0  # of the writer's number to ours, by a convention

    @property
    def half(self) -> float:
        return self.value.half / abs(self.factor)

    @property
    def own(self) -> float:
        """The written number in our convention."""
        return self.value.value / self.factor


@dataclass(frozen=True)
class Sheet:
    """The entries of a working, in the order of the file."""

    lines: Lines
    entries: tuple[Entry, ...]
    truncates: bool = False
    last: Mapping[int, Entry] = field(default_factory=dict)  # of each quantity the entry that is gone on with

    def written(self) -> Written:
        earlier: dict[int, list[tuple[float, float]]] = {}
        for entry in self.entries:
            if entry is not self.last[entry.number]:
                earlier.setdefault(entry.number, []).append((entry.own, entry.half))
        return Written(
            {k: np.array([entry.own]) for k, entry in self.last.items()},
            {k: np.array([entry.half]) for k, entry in self.last.items()},
            {entry.number: place for place, entry in enumerate(self.entries)},
            earlier,
            self.truncates,
        )

    def called(self, number: int) -> str:
        """A quantity as the writer calls it, where that is short; else by its canonical name."""
        claim = self.last[number].claim if number in self.last else None
        own = typed_out(claim.names[0] if "#" in self.lines.names[number] else claim.name) if claim else ""
        return own if own and len(own) <= LONGEST_NAME and own.count(" ") < 2 else self.lines.names.get(number, "")

    def judging(self) -> Judging:
        return Judging(self.lines, self.written(), self.lines.true[:, None], scratch_of(self), self.rescue)

    def rescue(self, judging: Judging, number: int, f: float, p: float) -> bool:
        """Whether the line's own expression, with terms that were rounded on the way, leads from the formula to its number."""
        entry = self.last[number]
        for each in entry.expressions:
            found = Reckoned.of(each, self, judging)
            if found and found.fits(f, p) and found.gives(entry):
                return True
        return False


@dataclass(frozen=True)
class Reckoned:
    """An expression worked out: its value, how far its loose numbers can move that, and how far all of them can."""

    value: float
    loose: float
    all: float
    factor: float

    @staticmethod
    def of(each: Expression, sheet: Sheet, judging: Judging, factor: float = 1.0) -> Reckoned | None:
        numbers = judging.found.numbers[:, 0]
        quantities = {k: float(numbers[k]) for k in each.symbols.values()}
        value = worked_out(each, quantities)
        if value is None:
            return None
        given = {f"{sheet.lines.true[k]:.12g}" for k in sheet.lines.given} | {"0.5", "1.0", "2.0"}
        on_sheet = {entry.value.text.lstrip("+-") for entry in sheet.entries}
        loose = uncertainty(each, quantities, lambda text: text in on_sheet or f"{float(text):.12g}" in given)
        every = uncertainty(each, quantities, lambda text: f"{float(text):.12g}" in given)
        named = sum(float(judging.found.box[k, 0]) for k in each.symbols.values())
        return Reckoned(value, loose, every + named, factor)

    def fits(self, f: float, p: float) -> bool:
        """Whether the formula gives the expression's value too."""
        return abs(self.value - f) <= (p + self.loose) * (1 + SLACK) + NOISE * (1 + abs(f)) + 1e-9 * abs(f)

    def gives(self, entry: Entry) -> bool:
        """Whether the written number is the expression's value, rounded."""
        return abs(self.value - entry.value.value) <= (entry.value.half + self.all) * (1 + SLACK) + NOISE


def sheet_of(lines: Lines, found: Sequence[tuple[Claim, int]], find: Callable[[str], int | None]) -> Sheet:
    """The sheet that these claims make, each with the number of its quantity."""
    entries = []
    for claim, number in found:
        assert claim.value is not None
        of_line = in_sample(lines.names[number].partition("#")[2], find)
        read = (expression(text, of_line) for text in claim.expressions)
        known = tuple(each for each in read if each is not None)
        entries.append(Entry(claim, number, claim.value, known, sign_of_error(claim, number, lines)))
    return with_last(Sheet(lines, tuple(in_single_precision(with_fine_zeros(entries)))))


def in_sample(sample: str, find: Callable[[str], int | None]) -> Callable[[str], int | None]:
    """What a name means in the calculation of a line of this sample: net_h1 is that sample's."""
    if not sample.isdigit():
        return find

    def found(name: str) -> int | None:
        number = find(f"{name}#{sample}")
        return find(name) if number is None else number

    return found


def is_error(name: str) -> bool:
    """Whether a name is that of an error, which to some is the loss and to others t - y."""
    return bool(re.fullmatch(r"(?:e|err|[Ee]rror|误差)(?:_?[({]?\w+[)}]?)?", name))


def sign_of_error(claim: Claim, number: int, lines: Lines) -> float:
    """-1 where t - y is written for what is y - t: an error has its sign by nobody's definition."""
    assert claim.value is not None
    if not lines.names[number].startswith("dE/dY[") or not is_error(claim.name):
        return 1.0
    return -1.0 if claim.value.value * float(lines.true[number]) < 0 else 1.0


def with_last(sheet: Sheet) -> Sheet:
    return replace(sheet, last={entry.number: entry for entry in sheet.entries})


def with_fine_zeros(entries: Sequence[Entry]) -> list[Entry]:
    """A bare 0 on a sheet of decimals is a zero to as many places as the sheet has, not anything below a half."""
    places = fineness(entries).places
    return [
        replace(entry, value=entry.value._replace(half=0.5 * 10.0**-places))
        if entry.value.value == 0 and "." not in entry.value.text and places > 0
        else entry
        for entry in entries
    ]


# ---- numbers of a program in single precision

MANY = 8  # significant digits: with fewer, any number can be one of single precision


def is_single(value: Numeral) -> bool:
    """Whether the number is one of single precision, or the shortest decimal for one."""
    with np.errstate(over="ignore"):
        single = np.float32(value.value)
    return float(single) == value.value or float(str(single)) == value.value


def keeps_single_precision(entries: Sequence[Entry]) -> bool:
    long = [entry.value for entry in entries if len(entry.value.text) > MANY <= entry.value.significant]
    return bool(long) and all(map(is_single, long))


def unit(size: Array) -> Array:
    """How far apart numbers of single precision are at this size."""
    return np.asarray(np.spacing(np.minimum(np.abs(size), 1e30).astype(np.float32)), float)


def in_single_precision(entries: Sequence[Entry]) -> list[Entry]:
    """The entries; what a program in single precision printed is no finer than that, whatever its digits."""
    if not keeps_single_precision(entries):
        return [*entries]
    return [
        replace(entry, value=entry.value._replace(half=max(entry.value.half, float(unit(np.array(entry.value.value))))))
        for entry in entries
    ]


# ---- how finely a sheet rounds


@dataclass(frozen=True)
class Fineness:
    """What the numbers of a sheet that have a point have in common."""

    count: int  # of such numbers
    places: int  # after the point, that most have, and how many have them
    by_places: int
    figures: int  # likewise significant digits
    by_figures: int

    @property
    def clear_places(self) -> int | None:
        """The places that a sheet clearly keeps to; None where it goes by figures, or by nothing."""
        clear = self.count > 2 and self.by_places > self.by_figures and 2 * self.by_places > self.count
        return self.places if clear else None


def fineness(entries: Sequence[Entry]) -> Fineness:
    shown = [entry.value for entry in entries if "." in entry.value.text]
    if not shown:
        return Fineness(0, 0, 0, 0, 0)
    places, figures = Counter(value.decimals for value in shown), Counter(value.significant for value in shown)
    most_places = max(places, key=lambda each: (places[each], each))
    most_figures = max(figures, key=lambda each: (figures[each], each))
    return Fineness(len(shown), most_places, places[most_places], most_figures, figures[most_figures])


def scratch_of(sheet: Sheet) -> Scratch:
    """Half a unit of how this writer rounds a number that is not on the sheet: by places, by figures, or the coarser.

    The habit is what most lines have in common; where neither is clear, both are allowed for.
    """
    if keeps_single_precision(sheet.entries):
        return unit
    habit = fineness(sheet.entries)
    if not habit.count:
        return lambda size: np.zeros(size.shape)

    def of_places(size: Array) -> Array:
        return np.full(size.shape, 0.5 * 10.0**-habit.places)

    def of_figures(size: Array) -> Array:
        with np.errstate(divide="ignore", invalid="ignore"):
            magnitude = np.floor(np.log10(np.where((size > 0) & np.isfinite(size), size, 1.0)))
        return np.where((size > 0) & np.isfinite(size), 0.5 * 10.0 ** (magnitude - habit.figures + 1), 0.0)

    if abs(habit.by_places - habit.by_figures) > 0.2 * habit.count:
        return of_places if habit.by_places > habit.by_figures else of_figures
    return lambda size: np.maximum(of_places(size), of_figures(size))
