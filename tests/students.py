"""Students who work by hand: they round what they write, go on with what is written or with what the calculator holds,
leave lines out, drop zeros, and, if told to, make one mistake of the catalogue. Many sheets at once.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from networks import example

from explainer.marking.catalogue import mistaken, mistakes_at
from explainer.marking.judging import Judged, Judging, Written
from explainer.marking.lines import Way
from explainer.marking.network_lines import NetworkLines
from explainer.marking.network_roles import roles_of
from explainer.marking.rule import value
from explainer.problem import problem_from_text

Array = np.ndarray[Any, np.dtype[Any]]
LARGEST = 1e6

TANH = """\
title: Tanh and a sigmoid with cross entropy
inputs: {x1: 0.8, x2: -1.2}
targets: {t: 0.75}
layers:
  - {neurons: 2, activation: tanh, weights: [[0.2, -0.4], [0.7, 0.3]], biases: [0.1, -0.3]}
  - {neurons: 1, activation: sigmoid, weights: [[0.5, -0.6]], biases: [0.25]}
loss: binary_cross_entropy
optimizer: {sgd: {learning_rate: 0.5}}
"""
SOFTMAX = """\
title: ReLU and softmax
inputs: {x1: 1.5, x2: 0.6}
targets: {t1: 1, t2: 0, t3: 0}
layers:
  - {neurons: 2, activation: relu, weights: [[0.3, 0.5], [-0.6, 0.2]], biases: [0.1, 0.1]}
  - {neurons: 3, activation: softmax, weights: [[0.4, 0.7], [-0.3, 0.2], [0.1, -0.5]], biases: [0.2, -0.1, 0.1]}
loss: cross_entropy
optimizer: {sgd: {learning_rate: 0.1}}
"""
BATCH = """\
title: A batch, a penalty and an optimizer
inputs: {x1: [0.5, -1.2, 2.0], x2: [0.3, 0.8, -0.4]}
targets: {t: [0.3, -0.2, 0.9]}
layers:
  - {neurons: 2, activation: tanh, weights: [[0.4, -0.2], [0.3, 0.6]], biases: [0.3, -0.1]}
  - {neurons: 1, weights: [[0.4, 0.5]], biases: [0.3]}
loss: half_squared_error
reduction: mean
l2: {lambda: 0.5, per_sample: true}
steps: 2
optimizer: {OPTIMIZER}
"""


def networks() -> dict[str, NetworkLines]:
    """The networks that students work."""
    texts = {"tanh": TANH, "softmax": SOFTMAX}
    texts |= {
        f"batch, {name}": BATCH.replace("OPTIMIZER", f"{name}: {{learning_rate: 0.1}}") for name in ("momentum", "adam")
    }
    found = {name: NetworkLines(problem_from_text(text)) for name, text in texts.items()}  # type: ignore[arg-type]
    found |= {name: NetworkLines(example(name)) for name in ("2-2-3-1", "2-2-2-named")}
    return found


@dataclass(frozen=True)
class Habit:
    """How a student rounds, and what is gone on with: paper (the written number), memory (the calculator's) or mixed."""

    decimals: int | None = None
    figures: int | None = None
    goes_on_with: str = "paper"
    drops_zeros: bool = True

    def places(self, x: Array) -> Array:
        """A unit of the last place."""
        if self.decimals is not None:
            return np.full(x.shape, 10.0**-self.decimals)
        assert self.figures is not None
        with np.errstate(divide="ignore"):
            magnitude = np.floor(np.log10(np.where(x == 0, 1.0, np.abs(x))))
        return np.asarray(10.0 ** (magnitude - self.figures + 1))

    def rounded(self, x: Array) -> Array:
        unit = self.places(x)
        return np.asarray(np.sign(x) * np.floor(np.abs(x) / unit + 0.5 + 1e-9) * unit)

    def scratch(self, size: Array) -> Array:
        return self.places(size) / 2

    def half(self, s: Array, rng: np.random.Generator) -> Array:
        """Half a unit of the last place that is seen; half of the numbers lose the zeros at their end."""
        unit = self.places(s)
        if not self.drops_zeros:
            return unit / 2
        drop, count = rng.random(s.shape) < 0.5, np.round(s / unit)
        for _ in range(7):
            shorter = drop & (count % 10 == 0) & (count != 0) & (unit < 1)
            count, unit = np.where(shorter, count / 10, count), np.where(shorter, unit * 10, unit)
        return unit / 2  # a zero keeps its places: a bare 0 counts as written to those of the sheet


@dataclass
class Sheets:
    """What many students wrote: `written` for the rule, and `memory`, which nobody else sees."""

    written: Written
    memory: Array
    true: Array
    paper: Array
    sane: Array  # without numbers that nobody writes: a second moment rounded to 0 makes steps of millions
    changed: dict[int, Array] = field(default_factory=dict)  # of a line with a mistake: where it shows in the digits


@dataclass(frozen=True)
class Mistaken:
    """A mistake that is made at one line."""

    number: int
    slug: str
    way: Way


def given_numbers(lines: NetworkLines, sheets: int, rng: np.random.Generator, fixed: bool) -> Array:
    """Exercises: the numbers of the problem, or others for its weights, inputs and targets."""
    numbers = np.repeat(lines.true[:, None], sheets, axis=1)
    net = lines.net
    if fixed:
        return numbers
    for node in net.given:
        if node in net.constants.values():
            continue
        kind = "target" if node is net.targets else "input" if node is net.inputs else "parameter"
        if kind == "target" and net.outputs.op == "softmax":
            continue
        low, high = {"target": (0.05, 0.95), "input": (-2, 2), "parameter": (-1, 1)}[kind]
        drawn = np.round(rng.uniform(low, high, (node.size, sheets)), 2)
        first = lines.first(1, "value", node)
        numbers[first : first + node.size] = np.where(np.abs(drawn) < 0.05, 0.05, drawn)
    return numbers


def worked_exactly(lines: NetworkLines, numbers: Array, order: Iterable[int]) -> Array:
    found = numbers.copy()
    for k in order:
        found[k] = value(lines.line(k).ways[0], found)
    return found


def students(
    lines: NetworkLines,
    habit: Habit,
    sheets: int,
    rng: np.random.Generator,
    fixed: bool = False,
    skipped: frozenset[int] = frozenset(),
    mistake: Mistaken | None = None,
) -> Sheets:
    """Many students with one habit, each with an exercise of their own."""
    wanted = [k for k in lines.asked() if k not in skipped]
    order = lines.order(wanted)
    numbers = given_numbers(lines, sheets, rng, fixed)
    true = worked_exactly(lines, numbers, order)
    if mistake is not None:  # what is read too early has to be worked before
        first = lines.order(k for k in mistake.way.reads.tolist() if k not in lines.given)
        order = list(dict.fromkeys([*first, *order])) if mistake.number not in first else order
    memory, paper = numbers.copy(), numbers.copy()
    values: dict[int, Array] = {}
    halves: dict[int, Array] = {}
    found = Sheets(Written(values, halves), memory, true, paper, np.ones(sheets, bool))
    on_sheet = set(wanted)
    for k in order:
        right = way_gone(lines, k, on_sheet, rng)
        way = mistake.way if mistake is not None and mistake.number == k else right
        read = memory if habit.goes_on_with == "memory" else paper
        if habit.goes_on_with == "mixed":
            read = np.where(rng.random(memory.shape) < 0.5, memory, paper)
        memory[k] = finite(value(way, read))
        paper[k] = habit.rounded(memory[k])
        found.sane &= np.abs(memory[k]) < LARGEST
        if k in on_sheet:
            values[k], halves[k] = paper[k], habit.half(paper[k], rng)
        if way is not right:
            found.changed[k] = paper[k] != habit.rounded(finite(value(right, read)))
    return found


def finite(x: Array) -> Array:
    """What somebody would write: no infinity, and a 0 where binary arithmetic leaves its noise of a difference."""
    x = np.clip(np.nan_to_num(x, nan=0.0, posinf=1e12, neginf=-1e12), -1e12, 1e12)
    return np.where(np.abs(x) < 1e-15, 0.0, x)


def way_gone(lines: NetworkLines, number: int, on_sheet: set[int], rng: np.random.Generator) -> Way:
    """One of the ways, where what it needs is on the sheet."""
    ways = [way for way in lines.line(number).ways if way.after < 0]
    ways = [way for way in ways if not way.where_written or set(way.where_written) <= on_sheet]
    return ways[int(rng.integers(len(ways)))]


def judged(lines: NetworkLines, habit: Habit, found: Sheets) -> Judged:
    return Judging(lines, found.written, found.true, habit.scratch).judge()


def mistakes_of(lines: NetworkLines, numbers: Iterable[int]) -> list[Mistaken]:
    """Every mistake that can be made at these lines."""
    made = []
    for k in numbers:
        roles = roles_of(lines, k)
        for mistake in mistakes_at(roles):
            made += [Mistaken(k, mistake.slug, way) for way in mistaken(mistake, lines.line(k), roles)]
    return made
