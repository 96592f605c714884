"""Conventions that a whole sheet keeps to: other than the exercise's, but no mistakes.

A convention says either that the writer's numbers are ours times a factor (a delta with the other sign), or that the
exercise was understood as another one that is as good (the batch averaged, not summed). One is taken up only where the
sheet bears it out: fewer lines are wrong with it, and lines that depend on it come out right.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial

from ..problem import Choice, GraphProblem, Problem
from .judging import AGREES, LAST_DIGIT, SLIP, TRUNCATED, Judging
from .lines import Lines
from .network_lines import NetworkLines
from .sheet import Sheet, with_last

LEAST = 2  # lines that a convention must put right
ROUNDS = 3  # conventions of one sheet


@dataclass(frozen=True)
class Convention:
    """One convention. `factors`: of the writer's numbers to ours, by kind of line; `problem`: the exercise it makes."""

    slug: str
    factors: Mapping[str, float] = field(default_factory=dict)
    problem: Problem | None = None
    truncates: bool = False


@dataclass(frozen=True)
class Reading:
    """A sheet read by some conventions, and judged."""

    lines: Lines
    sheet: Sheet
    judging: Judging
    conventions: tuple[Convention, ...] = ()

    @property
    def slips(self) -> int:
        return sum(bool(self.judging.found.status[k][0] == SLIP) for k in self.sheet.last)

    @property
    def cut(self) -> int:
        statuses = (self.judging.found.status[k][0] for k in self.sheet.last)
        return sum(bool(status in (TRUNCATED, LAST_DIGIT)) for status in statuses)

    def is_right(self, name: str) -> bool:
        """Whether a line agrees, and no line before it is wrong."""
        number = self.lines.numbers[name]
        found = self.judging.found
        return bool(found.status[number][0] == AGREES and not found.tainted[number][0])

    @property
    def right(self) -> int:
        return sum(self.is_right(name) for name in self.names)

    @property
    def names(self) -> list[str]:
        return [self.lines.names[k] for k in self.sheet.last]


def kind_of(name: str, lines: Lines) -> str:
    """The kind of line that a factor may apply to."""
    head = name.partition("#")[0].partition("@")[0]
    if head.startswith("delta["):
        return "delta"
    if head.startswith("dE/d"):
        return "error" if head.startswith("dE/dY[") or head[4:] in lines.inputs else "gradient"
    if head.startswith("dE["):
        return "error"
    if head in ("E", "E'", "E_data") or head.startswith(("E[", "E'[")):
        return "loss"
    if is_bias(head, lines):
        return "bias"
    return "velocity" if head.startswith("v[") else ""


def is_bias(head: str, lines: Lines) -> bool:
    """Whether the name is a bias, its step or its new value."""
    return isinstance(lines, NetworkLines) and re.sub(r"^step\[(.*)\]$", r"\1", head).replace("'", "") in lines.biases


LATER = {"gradient", "velocity", ""}  # kinds that come after deltas


def possible(problem: Problem | GraphProblem) -> Iterator[Convention]:
    """The conventions that an exercise leaves room for."""
    if isinstance(problem, GraphProblem) or problem.loss is None:
        return
    for kinds in (("delta",), ("delta", "error"), ("delta", "gradient"), ("delta", "error", "gradient")):
        yield Convention("delta-negated", dict.fromkeys(kinds, -1.0))
    if any(layer.biases is not None for layer in problem.layers):
        yield Convention("bias-as-threshold", {"bias": -1.0})
    samples = problem.inputs.shape[1]
    if samples > 1:
        other = "sum" if problem.reduction == "mean" else "mean"
        yield Convention(
            f"batch-{'summed' if other == 'sum' else 'averaged'}", problem=replace(problem, reduction=other)
        )
        if problem.reduction == "mean":
            yield Convention("delta-per-sample", {"delta#": float(samples), "error#": float(samples)})
            yield Convention(
                "delta-per-sample", {"delta#": float(samples), "error#": float(samples), "gradient#": float(samples)}
            )
    other_loss = {"half_squared_error": "squared_error", "squared_error": "half_squared_error"}.get(problem.loss.name)
    if other_loss:
        slug = "loss-without-half" if other_loss == "squared_error" else "loss-with-half"
        yield Convention(slug, problem=replace(problem, loss=Choice(other_loss)))
        yield Convention(slug, {"loss": 2.0 if other_loss == "squared_error" else 0.5})
    if problem.optimizer is not None and problem.optimizer.name == "momentum":
        averaged = bool(problem.optimizer.numbers.get("averaged"))
        numbers = {**problem.optimizer.numbers, "averaged": not averaged}
        slug = "velocity-plain" if averaged else "velocity-averaged"
        yield Convention(slug, problem=replace(problem, optimizer=Choice("momentum", numbers)))
        if not averaged:
            yield Convention("velocity-with-rate", {"velocity": -float(problem.optimizer.numbers["learning_rate"])})


def read_with(reading: Reading, convention: Convention, lines_of: Callable[[Problem], Lines]) -> Reading:
    """The same sheet, by one convention more."""
    lines = lines_of(convention.problem) if convention.problem is not None else reading.lines
    entries = []
    for entry in reading.sheet.entries:
        name = reading.lines.names[entry.number]
        factor = factor_of(name, convention.factors, reading.lines)
        entries.append(replace(entry, number=lines.numbers[name], factor=entry.factor * factor))
    sheet = with_last(Sheet(lines, tuple(entries), reading.sheet.truncates or convention.truncates))
    judging = sheet.judging()
    judging.judge()
    return Reading(lines, sheet, judging, (*reading.conventions, convention))


def factor_of(name: str, factors: Mapping[str, float], lines: Lines) -> float:
    kind = kind_of(name, lines)
    sampled = factors.get(f"{kind}#") if "#" in name else None
    return factors.get(kind, 1.0) if sampled is None else sampled


def best_reading(plain: Reading, problem: Problem | GraphProblem, lines_of: Callable[[Problem], Lines]) -> Reading:
    """The sheet by the conventions that it bears out; as it stands where there are none."""
    found = plain
    for _ in range(ROUNDS):
        if not found.slips:
            break
        current = next((c.problem for c in reversed(found.conventions) if c.problem is not None), problem)
        taken = {c.slug for c in found.conventions}
        tried = [read_with(found, c, lines_of) for c in possible(current) if c.slug not in taken]
        better = [each for each in (*tried, *averaged_late(found, tried, lines_of)) if is_borne_out(found, each)]
        better = better or [*both(found, tried, lines_of)]
        if not better:
            break
        found = min(better, key=lambda each: (each.slips - each.right, len(each.conventions[-1].factors)))
    if found.cut >= LEAST:
        cut_off = read_with(found, Convention("truncating", truncates=True), lines_of)
        if cut_off.slips <= found.slips and cut_off.cut == 0:
            found = cut_off
    return found


def averaged_late(before: Reading, tried: list[Reading], lines_of: Callable[[Problem], Lines]) -> Iterator[Reading]:
    """The mean for the sum, and deltas of each sample alone: one convention to whoever divides at the end.

    Each of the two makes lines wrong that the other puts right; together they make none wrong.
    """
    for averaged in (each for each in tried if each.conventions[-1].slug == "batch-averaged"):
        problem = averaged.conventions[-1].problem
        assert problem is not None
        for late in (each for each in possible(problem) if each.slug == "delta-per-sample"):
            after = read_with(averaged, late, lines_of)
            if all(after.is_right(name) for name in before.names if before.is_right(name)):
                yield after


def both(before: Reading, tried: list[Reading], lines_of: Callable[[Problem], Lines]) -> Iterator[Reading]:
    """Thresholds and a delta with the other sign: each makes the other's lines wrong, so that they show only together."""
    of_slug = [(each, each.conventions[-1]) for each in tried]
    for thresholds in (each for each, convention in of_slug if convention.slug == "bias-as-threshold"):
        for negated in (convention for _, convention in of_slug if convention.slug == "delta-negated"):
            after = read_with(thresholds, negated, lines_of)
            shown = any(shows_threshold(name, after.lines) and after.is_right(name) for name in after.names)
            if shown and after.slips < before.slips and after.right >= before.right + 2 * LEAST:
                yield after


def is_borne_out(before: Reading, after: Reading) -> bool:
    """Whether a convention explains what nothing else does: see the module."""
    convention = after.conventions[-1]
    if after.slips > before.slips or (after.slips == before.slips and after.right < before.right + LEAST):
        return False
    if convention.slug == "delta-negated" and not any(is_late(name, before.lines) for name in before.names):
        return set(convention.factors) == {"delta"} and deltas_agree(after)  # nothing on the sheet says which was meant
    mended = [name for name in before.names if after.is_right(name) and not before.is_right(name)]
    if len(mended) < LEAST:
        return False
    if convention.slug == "bias-as-threshold":
        return any(map(partial(shows_threshold, lines=after.lines), mended))
    if convention.slug != "delta-negated":
        return True
    kinds = {name: kind_of(name, after.lines) for name in mended}
    apart = [name for name, kind in kinds.items() if kind not in convention.factors and kind in LATER]
    if "gradient" in convention.factors:  # a gradient has its sign by definition: the update must show what is meant
        apart = [name for name in apart if "'" in name or name.startswith("step[")]
    return bool(apart)


def shows_threshold(name: str, lines: Lines) -> bool:
    """Whether the sign of a bias shows in a line: a step alone may have gone the wrong way."""
    given = lines.numbers.get(name.replace("'", "", 1))
    return given in lines.given and is_bias(name, lines) and bool(lines.true[given] != 0)


def is_late(name: str, lines: Lines) -> bool:
    """Whether a line comes after the deltas: a gradient, an update, or what the updated network gives."""
    return kind_of(name, lines) == "gradient" or name.startswith("step[") or "'" in name


def deltas_agree(reading: Reading) -> bool:
    """Whether several deltas are on the sheet, and all of them agree with what comes before."""
    deltas = [reading.lines.numbers[name] for name in reading.names if kind_of(name, reading.lines) == "delta"]
    return len(deltas) >= LEAST and all(reading.judging.found.status[k][0] == AGREES for k in deltas)
