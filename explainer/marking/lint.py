"""What an exercise's numbers can tell: which mistakes they show, and with how many digits.

A mistake shows at a line where the numbers that it leads to cannot be the right ones, rounded. Where an input is 1, or
two weights are equal, some mistakes give the right number: no marker can find them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from ..graph import Node
from ..ops import Array
from ..problem import GraphProblem, Problem
from .catalogue import mistaken, mistakes_at
from .lines import Lines, Way
from .network_lines import NetworkLines
from .network_roles import roles_of
from .rule import spread, value

FIGURES = (2, 3, 4, 5, 6, 8)  # significant digits that are looked at
MOST_LINES = 2000
SAME = 1e-9  # of a number: nearer than this two formulas give one value
GOOD = 4  # significant digits at which proposals are compared


@dataclass(frozen=True)
class Proposal:
    """Another number for a given quantity, and what it would show: shares of the mistakes."""

    name: str
    now: float
    better: float
    share: float


@dataclass(frozen=True)
class Lint:
    """What the numbers of an exercise can tell.

    `pairs`: how many (line, mistake) there are; `share`: of them what shows, by significant digits; `hidden`: by
    mistake, the lines at which it gives the right number; `digits`: how many significant digits each line needs for
    all the others to show.
    """

    pairs: int
    share: dict[int, float]
    hidden: dict[str, list[str]] = field(default_factory=dict)
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
    return Lint(len(meant), share, hidden, digits, tuple(proposals(lines, meant)))


def pairs_of(lines: NetworkLines, numbers: Sequence[int]) -> list[Pair]:
    found = []
    for k in numbers:
        roles, line = roles_of(lines, k), lines.line(k)
        by_slug: dict[str, list[Way]] = {}
        for mistake in mistakes_at(roles):
            by_slug.setdefault(mistake.slug, []).extend(mistaken(mistake, line, roles))
        found += [Pair(k, slug, line.ways[0], tuple(ways)) for slug, ways in by_slug.items() if ways]
    return found


def is_same(pair: Pair, numbers: Array) -> bool:
    """Whether every way of the mistake gives the right number."""
    right = value(pair.right, numbers)
    return all(bool((np.abs(value(way, numbers) - right) <= SAME * (1e-3 + np.abs(right))).all()) for way in pair.wrong)


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


def proposals(lines: NetworkLines, pairs: Sequence[Pair], most: int = 3) -> list[Proposal]:
    """Single numbers whose change shows more mistakes, the best first; targets and optimizers stay as they are."""
    base = share_shown(pairs, lines.true[:, None])[0]
    found = []
    rng = np.random.default_rng(1)
    for node in lines.net.given:
        if node in lines.net.constants.values() or node is lines.net.targets or len(pairs) > 3000:
            continue
        for entry in range(min(node.size, 12)):
            number = lines.first(1, "value", node) + entry
            best = best_change(lines, pairs, number, node, rng)
            if best is not None and best[1] > base + 0.5 / max(1, len(pairs)):
                found.append(Proposal(lines.names[number], float(lines.true[number]), best[0], best[1]))
    return sorted(found, key=lambda each: -each.share)[:most]


def best_change(
    lines: NetworkLines, pairs: Sequence[Pair], number: int, node: Node, rng: np.random.Generator
) -> tuple[float, float] | None:
    """(number, share of the mistakes that show with it) of the best that was tried; as many decimals as there are, or one more."""
    now = float(lines.true[number])
    decimals = min(len(f"{now:.6f}".rstrip("0").partition(".")[2]), 4)
    tried = np.unique(
        np.round(now + rng.uniform(-1, 1, 8) * max(abs(now) * 0.6, 10.0 ** -(decimals + 1)), max(decimals, 1))
    )
    tried = tried[(tried != now) & (tried != 0)]
    if not len(tried):
        return None
    numbers = np.repeat(lines.true[:, None], len(tried), axis=1)
    numbers[number] = tried
    shares = share_shown(pairs, reworked(lines, numbers))
    best = int(np.argmax(shares))
    return float(tried[best]), float(shares[best])


def share_shown(pairs: Sequence[Pair], numbers: Array) -> Array:
    counts = np.zeros(numbers.shape[1])
    for pair in pairs:
        counts += shows(pair, numbers, GOOD)
    return np.asarray(counts / max(1, len(pairs)))
