"""A derivation as JSON: schema `explainer.derivation/1`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from .dialects import TEX
from .matrices import Equation, equations_used, step_number
from .render import Speaker
from .steps import Lines, Steps, used_steps
from .worked import Worked, named

SCHEMA = "explainer.derivation/1"


def record(works: Sequence[Worked], say: Speaker, training: bool = False) -> Iterator[str]:
    """The JSON text, piece by piece: a line for each value and for each step."""
    problem = works[0].network.problem
    writing = problem.writing
    precision = {"significant": writing.significant} if writing.digits is None else {"digits": writing.digits}
    head = {
        "schema": SCHEMA,
        "title": problem.title,
        "notation": writing.notation.name,
        "carry": writing.carry,
        **precision,
    }
    yield "{" + ", ".join(f"{compact(key)}: {compact(value)}" for key, value in head.items())
    yield ',\n "iterations": ['
    following = 1
    for work in works:
        steps = Steps(work, following)
        epoch = f'"epoch": {work.iteration - 1}, ' if training else ""
        yield (",\n " if work is not works[0] else "") + f'{{{epoch}"values": {{\n'
        yield from lines_of(f"  {compact(name)}: {compact(number)}" for name, number in named(work))
        yield ' },\n "steps": [\n'
        yield from lines_of(f"  {compact(step)}" for step in step_records(steps, say))
        check = work.check and {"method": work.check.method, "worst_relative_error": work.check.worst_relative_error}
        yield f' ],\n "check": {compact(check)}}}'
        following = steps.following if len(works) > 1 else following
    yield "]}\n"


def step_records(steps: Steps, say: Speaker) -> Iterator[dict[str, Any]]:
    """Every step, in the order of their numbers."""
    for group in steps.groups():
        found = [step for item in group for step in item_records(steps, say, item)]
        yield from (step for _, step in sorted(found, key=lambda pair: pair[0]))


def item_records(steps: Steps, say: Speaker, item: Lines | Equation) -> Iterator[tuple[int, dict[str, Any]]]:
    return line_records(steps, say, item) if isinstance(item, Lines) else matrix_records(steps, say, item)


def line_records(steps: Steps, say: Speaker, lines: Lines) -> Iterator[tuple[int, dict[str, Any]]]:
    function = say.word("function_name", name=lines.quantity.node.op) if lines.kind in ("activation", "slope") else ""
    reason = say.text("reason", kind=lines.kind, function=function)
    values = steps.work.numbers[lines.quantity].ravel()[lines.entries].tolist()
    used, names = used_steps(lines, steps.numbering), lines.names
    for row, number in enumerate(lines.numbers_of_steps.tolist()):
        yield (
            number,
            {
                "id": f"S{number}",
                "kind": lines.kind,
                "name": names[row],
                "latex": TEX.in_one_line(lines.formulas[row]),
                "numbers": TEX.in_one_line(lines.numbers[row]),
                "printed": lines.printed[row],
                "value": values[row],
                "uses": [f"S{step}" for step in used[row]],
                "reason": reason,
            },
        )


def matrix_records(steps: Steps, say: Speaker, equation: Equation) -> Iterator[tuple[int, dict[str, Any]]]:
    """One record: `latex` is the whole right side, and there are no `numbers`."""
    shown, number = steps.matrices.shown(equation), step_number(steps.numbering, equation)
    yield (
        number,
        {
            "id": f"S{number}",
            "kind": "matrix",
            "name": equation.name,
            "latex": TEX.in_one_line(shown.latex),
            "printed": shown.printed,
            "value": equation.value.tolist(),
            "uses": [f"S{step}" for step in equations_used(steps.numbering, equation)],
            "reason": say.text("matrix_reason", what=equation.kind),
        },
    )


def compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def lines_of(lines: Iterable[str]) -> Iterator[str]:
    """The lines with a comma after each but the last."""
    before = ""
    for line in lines:
        yield before + line
        before = ",\n"
    yield "\n"
