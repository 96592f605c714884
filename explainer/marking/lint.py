"""What an exercise's numbers can tell: which mistakes they show, with how many digits, and which they tell apart.

A mistake shows at a line where the numbers that it leads to cannot be the right ones, rounded. Where an input is 1, or
two weights are equal, some mistakes give the right number: no marker can find them. Others give one and the same wrong
number: no marker can say which of the two it was.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np

from ..ops import Array
from ..problem import GraphProblem, Problem
from .catalogue import mistaken, mistakes_at
from .lines import Lines, Way
from .network_lines import NetworkLines
from .network_roles import roles_of
from .rule import spread, value

FIGURES = (2, 3, 4, 5, 6, 8)  # significant digits that are looked at
MOST_LINES = 2000
MOST_PAIRS = 3000  # (line, mistake), up to which other numbers are tried
MOST_ENTRIES = 12  # of each matrix that are tried
SAME = 1e-9  # of a number: nearer than this two formulas give one value
GOOD = 4  # significant digits at which proposals are compared


@dataclass(frozen=True)
class Proposal:
    """Another number for a given quantity, the share of the mistakes that would show, and how many would look alike."""

    name: str
    now: float
    better: float
    share: float
    alike: int


@dataclass(frozen=True)
class Lint:
    """What the numbers of an exercise can tell.

    `pairs`: how many (line, mistake) there are; `share`: of them what shows, by significant digits; `hidden`: by
    mistake, the lines at which it gives the right number; `alike`: by two mistakes, the lines at which they give one
    wrong number, though with other numbers they would not; `digits`: how many significant digits each line needs for
    all mistakes to show that can.
    """

    pairs: int
    share: dict[int, float]
    hidden: dict[str, list[str]] = field(default_factory=dict)
    alike: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    digits: dict[str, int] = field(default_factory=dict)
    proposals: tuple[Proposal, ...] = ()


@dataclass(frozen=True)
class Pair:
    """One mistake at one line: the right way and the ways that it may go."""

    number: int
    slug: str
    right: Way
    wrong: tuple[Way, ...]


def lint(problem: Problem | GraphProblem) -> Lint:
    """What the numbers of the problem can tell. A graph has no mistakes of the catalogue, and nothing to tell."""
    if isinstance(problem, GraphProblem):
        return Lint(0, {})
    lines = NetworkLines(problem)
    pairs = pairs_of(lines, lines.asked()[:MOST_LINES])
    right = lines.true[:, None]
    there = [pair for pair in pairs if not is_same(pair, right)]
    hidden: dict[str, list[str]] = {}
    for pair in pairs:
        if is_same(pair, right) and not is_always_same(lines, pair):
            hidden.setdefault(pair.slug, []).append(lines.names[pair.number])
    meant = there + [pair for pair in pairs if lines.names[pair.number] in hidden.get(pair.slug, ())]
    shown = {figures: [shows(pair, right, figures)[0] for pair in there] for figures in FIGURES}
    digits: dict[str, int] = {}
    for place, pair in enumerate(there):
        needed = next((figures for figures in FIGURES if shown[figures][place]), None)
        if needed is not None:
            name = lines.names[pair.number]
            digits[name] = max(digits.get(name, 0), needed)
    share = {figures: float(np.sum(found)) / max(1, len(meant)) for figures, found in shown.items()}
    rivals = rivals_of(lines, pairs)
    alike: dict[tuple[str, str], list[str]] = {}
    for rival, there_too in zip(rivals, are_alike(rivals, right), strict=True):
        if there_too[0]:
            alike.setdefault((rival.one.slug, rival.other.slug), []).append(lines.names[rival.one.number])
    return Lint(len(meant), share, hidden, alike, digits, tuple(proposals(lines, meant, rivals)))


def pairs_of(lines: NetworkLines, numbers: Sequence[int]) -> list[Pair]:
    found = []
    for k in numbers:
        roles, line = roles_of(lines, k), lines.line(k)
        by_slug: dict[str, list[Way]] = {}
        for mistake in mistakes_at(roles):
            by_slug.setdefault(mistake.slug, []).extend(mistaken(mistake, line, roles))
        found += [Pair(k, slug, line.ways[0], tuple(ways)) for slug, ways in by_slug.items() if ways]
    return found


@dataclass(frozen=True)
class Rivals:
    """Two mistakes that can be made at one line."""

    one: Pair
    other: Pair


def rivals_of(lines: NetworkLines, pairs: Sequence[Pair]) -> list[Rivals]:
    """Those that give two numbers in general: what is one mistake by two names is left out."""
    by_line: dict[int, list[Pair]] = {}
    for pair in pairs:
        by_line.setdefault(pair.number, []).append(pair)
    found = [Rivals(*two) for here in by_line.values() for two in combinations(here, 2)]
    some = are_alike(found, other_numbers(lines, np.random.default_rng(0), 4))
    return [rivals for rivals, always in zip(found, some, strict=True) if not always.all()]


def are_alike(rivals: Sequence[Rivals], numbers: Array) -> list[Array]:
    """Of each two, whether they give one wrong number in some way, on each sheet."""
    known: dict[int, Array] = {}

    def values(pair: Pair) -> Array:
        if id(pair) not in known:
            right = value(pair.right, numbers)
            found = np.array([value(way, numbers) for way in pair.wrong])
            known[id(pair)] = np.where(is_near(found, right), np.nan, found)
        return known[id(pair)]

    return [np.asarray(is_near(values(two.one)[:, None], values(two.other)).any(axis=(0, 1))) for two in rivals]


def is_near(a: Array, b: Array) -> Array:
    return np.asarray(np.abs(a - b) <= SAME * (1e-3 + np.abs(b)))


def is_same(pair: Pair, numbers: Array) -> bool:
    """Whether every way of the mistake gives the right number."""
    right = value(pair.right, numbers)
    return all(bool(is_near(value(way, numbers), right).all()) for way in pair.wrong)


def is_always_same(lines: NetworkLines, pair: Pair) -> bool:
    """Whether the mistake is none here whatever the numbers are: its formula is the right one."""
    return is_same(pair, other_numbers(lines, np.random.default_rng(0), 4))


def shows(pair: Pair, numbers: Array, figures: int) -> Array:
    """Whether the mistake shows in some way, on each sheet, when every line has so many significant digits."""
    box = halves(numbers, figures)
    f, p = spread(pair.right, numbers, box)
    h = halves(f, figures)
    found = np.zeros(numbers.shape[1], bool)
    for way in pair.wrong:
        f2, p2 = spread(way, numbers, box)
        found |= np.abs(f2 - f) > p + p2 + h + halves(f2, figures)
    return found


def halves(numbers: Array, figures: int) -> Array:
    """Half a unit of the last of so many significant digits; 0 where a number has no more digits than that."""
    with np.errstate(divide="ignore", invalid="ignore"):
        magnitude = np.floor(np.log10(np.where(numbers == 0, 1.0, np.abs(numbers))))
        unit = 10.0 ** (magnitude - figures + 1)
        exact = np.abs(numbers - np.round(numbers / unit) * unit) <= 1e-12 * np.abs(numbers)
    return np.where(exact | ~np.isfinite(numbers), 0.0, unit / 2)


# ---- better numbers


def other_numbers(lines: NetworkLines, rng: np.random.Generator, count: int) -> Array:
    """The derivation with all given numbers somewhat changed, a column for each try."""
    numbers = np.repeat(lines.true[:, None], count, axis=1)
    for node in lines.net.given:
        if node in lines.net.constants.values() or node is lines.net.targets:
            continue
        first = lines.first(1, "value", node)
        rows = slice(first, first + node.size)
        numbers[rows] = numbers[rows] * rng.uniform(0.5, 1.5, (node.size, count)) + rng.uniform(
            0.01, 0.2, (node.size, count)
        )
    return reworked(lines, numbers)


def reworked(lines: Lines, numbers: Array) -> Array:
    for k in lines.order(n for n in lines.numbers.values() if n not in lines.given):
        numbers[k] = value(lines.line(k).ways[0], numbers)
    return numbers


def proposals(lines: NetworkLines, pairs: Sequence[Pair], rivals: Sequence[Rivals], most: int = 3) -> list[Proposal]:
    """Single numbers with which fewer mistakes are hidden or look alike, the best first.

    Targets and optimizers stay as they are.
    """
    if len(pairs) > MOST_PAIRS:
        return []
    now = Seen.of(pairs, rivals, lines.true[:, None])
    found = []
    rng = np.random.default_rng(1)
    for node in lines.net.given:
        if node in lines.net.constants.values() or node is lines.net.targets:
            continue
        for entry in range(min(node.size, MOST_ENTRIES)):
            number = lines.first(1, "value", node) + entry
            tried = others_for(float(lines.true[number]), rng)
            numbers = np.repeat(lines.true[:, None], len(tried), axis=1)
            numbers[number] = tried
            seen = Seen.of(pairs, rivals, reworked(lines, numbers))
            good = (seen.shown >= now.shown) & (seen.alike <= now.alike)
            gain = np.where(good, seen.shown - now.shown + now.alike - seen.alike, 0)
            best = int(np.argmax(gain)) if len(tried) else 0
            if len(tried) and gain[best] > 0:
                share = float(seen.shown[best] / max(1, len(pairs)))
                name, better = lines.names[number], float(tried[best])
                found.append(
                    (int(gain[best]), Proposal(name, float(lines.true[number]), better, share, int(seen.alike[best])))
                )
    return [proposal for _, proposal in sorted(found, key=lambda each: -each[0])[:most]]


@dataclass(frozen=True)
class Seen:
    """On each sheet, how many mistakes show and how many two look alike."""

    shown: Array
    alike: Array

    @staticmethod
    def of(pairs: Sequence[Pair], rivals: Sequence[Rivals], numbers: Array) -> Seen:
        none = np.zeros(numbers.shape[1], int)
        return Seen(sum((shows(each, numbers, GOOD) for each in pairs), none), sum(are_alike(rivals, numbers), none))


def others_for(now: float, rng: np.random.Generator) -> Array:
    """Numbers to try in the place of one: with as many decimals as it has, at least one and at most four."""
    decimals = min(len(f"{now:.6f}".rstrip("0").partition(".")[2]), 4)
    tried = now + rng.uniform(-1, 1, 8) * max(abs(now) * 0.6, 10.0 ** -(decimals + 1))
    tried = np.unique(np.round(tried, max(decimals, 1)))
    return np.asarray(tried[(tried != now) & (tried != 0)])
