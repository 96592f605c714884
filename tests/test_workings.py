"""Published hand calculations, marked: what their authors print, and the verdict of every line.

The verdicts in `workings/` are those that a published survey of these calculations gives, each from an independent
recomputation: what agrees is right, what drifts is rounding, a slip is wrong where it is made, and what is carried from
it follows through. `notations.yaml` has calculations in the notations and formats of other books.

Left out of that survey are: pages that print no number of their own; logs of programs that draw random numbers;
convolutions, and cells of LSTM and RNN with random weights; finite differences, which differ from the derivative by
construction; and Mazur's network after 10,000 updates, more than a derivation works.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

import explainer
from explainer.marking.checking import Checker
from explainer.marking.reading import working_from_text
from explainer.problem import problem_from_text

HERE = Path(__file__).parent
FILES = sorted((HERE / "workings").glob("*.yaml"))
WORKINGS: dict[str, dict[str, Any]] = {
    f"{file.stem}-{name}": case for file in FILES for name, case in yaml.safe_load(file.read_text("utf-8")).items()
}
STATUSES = {"R01": "truncated", "R02": "last-digit"}


@cache
def checker(spec: str, steps: int | None) -> Checker:
    """A spec of `cases/`, or the text of one."""
    if spec.endswith(".yaml") and not steps:
        return Checker(explainer.read_problem(HERE / "cases" / spec))
    text = (HERE / "cases" / spec).read_text("utf-8") if spec.endswith(".yaml") else spec
    return Checker(problem_from_text(text + (f"\nsteps: {steps}\n" if steps else ""), "working.yaml"))


def marked(case: dict[str, Any]) -> explainer.Marks:
    spec = case["spec"] if isinstance(case["spec"], str) else json.dumps(case["spec"])
    text = case.get("text") or "\n".join(line[0] for line in case["lines"]) + "\n"
    return checker(spec, case.get("steps")).marks(working_from_text(text, case.get("ending", ".txt")))


def said_of(case: dict[str, Any]) -> list[tuple[str, str, str | None]]:
    """(statement or quantity, verdict, mistake where the case names one) of each line."""
    marks = marked(case)
    wanted = case.get("marks") or case["lines"]
    assert len(marks.lines) == len(wanted)
    return [
        (
            line.name or "" if "marks" in case else line.text,
            line.verdict,
            (line.slip or STATUSES.get(line.code or "")) if len(row) > 2 else None,
        )
        for line, row in zip(marks.lines, wanted, strict=True)
    ]


@pytest.mark.parametrize("name", WORKINGS)
def test_a_published_working_is_marked_line_by_line(name: str) -> None:
    case = WORKINGS[name]
    wanted = [(*row, None)[:3] for row in case.get("marks") or case["lines"]]
    assert said_of(case) == wanted
    assert [slug for slug, _ in marked(case).conventions] == case.get("conventions", [])


def test_no_working_is_listed_twice_and_each_has_a_line() -> None:
    names = [name for file in FILES for name in yaml.safe_load(file.read_text("utf-8"))]
    assert len(names) == len(set(names))
    assert all(case.get("marks") or case["lines"] for case in WORKINGS.values())
