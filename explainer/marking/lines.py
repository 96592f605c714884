"""The lines that a working may have: every quantity of a derivation as a function of those before it.

line    one quantity and the ways in which it is found
way     a formula for it: the numbers that it reads, and what it makes of them
number  its place among all quantities; arrays have one row for each quantity and one column for each sheet
given   a quantity that the exercise states: an input, a target, a weight, the learning rate

No derivative is written here: a way is a pattern of `formulas`, a row of `optimizers`, or a formula of the author's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np

from ..formulas import FUNCTIONS, Terms, evaluated
from ..ops import Array

Value = Callable[[Array], Array]  # of the numbers read, (reads, ...), to the number found, (...)


@dataclass(frozen=True, eq=False)
class Way:
    """One formula for a line."""

    reads: Array  # which quantities, each once
    value: Value
    where_written: tuple[int, ...] = ()  # holds only where one of these quantities is written
    after: int = -1  # holds only where this quantity was written before the line


@dataclass(frozen=True, eq=False)
class Line:
    """One quantity. The first way is the derivation's; others are as good to a reader, but round differently."""

    number: int
    ways: tuple[Way, ...]


@dataclass(frozen=True)
class Roles:
    """What the catalogue of mistakes may speak of at a line: its kind, and quantities and numbers by name.

    A quantity is its number, several are an array of numbers; a float is a number that is known beforehand.
    """

    kind: str
    known: dict[str, Any] = field(default_factory=dict)


class Lines:
    """All quantities of a problem. Lines are made when they are asked for: a large network has thousands."""

    def __init__(self) -> None:
        self.numbers: dict[str, int] = {}  # by canonical name
        self.names: dict[int, str] = {}
        self.given: set[int] = set()
        self.true: Array = np.zeros(0)  # the right value of each quantity
        self.inputs: frozenset[str] = frozenset()  # their names
        self.targets: list[list[int]] = []  # of each sample
        self._made: dict[int, Line] = {}

    def make(self, number: int) -> Line:
        raise NotImplementedError

    def asked(self) -> list[int]:
        """The lines of a full sheet, in the order of the derivation."""
        return [number for number in self.numbers.values() if number not in self.given]

    def line(self, number: int) -> Line:
        """The line of a quantity that is not given."""
        if number not in self._made:
            self._made[number] = self.make(number)
        return self._made[number]

    def order(self, wanted: Iterable[int]) -> list[int]:
        """The wanted quantities and all they depend on, given ones left out: each after those it reads."""
        found: dict[int, None] = {}
        stack = [(number, False) for number in reversed(list(wanted))]
        while stack:
            number, done = stack.pop()
            if done:
                found[number] = None
            elif number not in found and number not in self.given:
                stack.append((number, True))
                before = dict.fromkeys(k for way in self.line(number).ways if way.after < 0 for k in way.reads.tolist())
                stack.extend((k, False) for k in reversed(before))
        return list(found)


# ---- ways


def way_of_terms(terms: Sequence[Terms], numbers: Callable[[Any, Array], Array], **more: Any) -> Way:
    """The sum of the terms; `numbers` finds the quantities that fill their slots."""
    groups = [
        (group.pattern, [numbers(q, e) for q, e in zip(group.quantities, group.entries, strict=True)], len(group.owner))
        for group in terms
    ]
    reads = np.unique(np.concatenate([np.zeros(0, int), *(slot for _, slots, _ in groups for slot in slots)]))
    parts = [
        (compiled(pattern), [np.searchsorted(reads, slot) for slot in slots], count) for pattern, slots, count in groups
    ]

    def value(read: Array) -> Array:
        found: Any = 0.0
        for function, slots, count in parts:
            term = function([read[slot] for slot in slots])
            found = found + (term.sum(axis=0) if slots else term * count)
        return np.asarray(found) if np.shape(found) == read.shape[1:] else np.broadcast_to(found, read.shape[1:])

    return Way(reads, value, **more)


def way_of_roles(function: Callable[..., Any], known: dict[str, Any], **more: Any) -> Way:
    """A function of roles, whose quantities are read by it."""
    places = {role: np.asarray(number) for role, number in known.items() if not isinstance(number, float)}
    reads = np.unique(np.concatenate([np.zeros(0, int), *(place.ravel() for place in places.values())]))
    slots = {role: np.searchsorted(reads, place) for role, place in places.items()}
    fixed = {role: number for role, number in known.items() if isinstance(number, float)}

    def value(read: Array) -> Array:
        found = function(**{role: read[slot] for role, slot in slots.items()}, **fixed)
        return found if np.shape(found) == read.shape[1:] else np.broadcast_to(np.asarray(found, float), read.shape[1:])

    return Way(reads, value, **more)


@cache
def compiled(pattern: Any) -> Callable[[Sequence[Array]], Any]:
    """A pattern as a function of what is in its slots: its tree walked once, not for each number."""
    if pattern.is_Symbol:
        place = int(pattern.name[1:])
        return lambda slots: slots[place]
    if pattern.is_Number or pattern.is_NumberSymbol:
        constant = float(pattern)
        return lambda slots: constant
    if not (pattern.is_Add or pattern.is_Mul or pattern.is_Pow) and pattern.func not in FUNCTIONS:
        return lambda slots: evaluated(pattern, tuple(slots))
    parts = [compiled(part) for part in pattern.args]
    if pattern.is_Add:
        return lambda slots: sum(part(slots) for part in parts)
    if pattern.is_Mul:
        return lambda slots: product(part(slots) for part in parts)
    if pattern.is_Pow:
        base, exponent = parts
        return lambda slots: np.asarray(base(slots)) ** exponent(slots)
    function = FUNCTIONS[pattern.func]
    return lambda slots: function(*(part(slots) for part in parts))


def product(factors: Iterable[Any]) -> Any:
    found: Any = 1.0
    for factor in factors:
        found = found * factor
    return found
