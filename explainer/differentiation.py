"""The derivative of one formula as a page of its own."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from .dialects import TEX
from .digits import Precision, number_in, numbers_in
from .errors import Fault, InputError
from .expressions import FUNCTIONS, NotAFormula, names, read, written
from .finish import ESCAPES, finished
from .notation import name_in
from .publish import Chunks, published
from .render import Setting, Speaker, streamed
from .rules import Derived, Formulas, Undefined, derived
from .sections.rules import rule_list, short_form, step_list

SCHEMA = "explainer.differentiation/1"
FILE = "EXPR"  # what faults call the formula
NAME = re.compile(r"[A-Za-zΑ-Ωα-ω][A-Za-zΑ-Ωα-ω0-9_]{0,29}")


@dataclass(frozen=True)
class Differentiation(Derived):
    """The derivative of a formula. Make one with `differentiate`."""

    @property
    def derivative(self) -> str:
        """The derivative as the rules give it, in the grammar that formulas are read by."""
        return written(self.steps[-1].result)

    @property
    def verdict(self) -> str:
        """How well it was checked, in a few words."""
        return f"{len(self.steps)} steps checked by complex step, worst relative error {self.worst:.1e}"

    def text(self, to: str = "markdown", language: str = "en", **options: Any) -> Iterator[str]:
        """The page in pieces. `to` is markdown, latex, html, typst or json; the options are those of `Setting`."""
        return self._text(Setting(to, **options), language)

    def written(self, setting: Setting, language: str = "en") -> Chunks:
        """The page in pieces, as it is set: texts, or the bytes of a PDF."""
        return published(partial(self._text, language=language), setting, language)

    def _text(self, setting: Setting, language: str) -> Iterator[str]:
        if setting.format == "json":
            return record(self, Speaker(language, Setting(templates=setting.templates)))
        page = document(self, Speaker(language, setting, ESCAPES[setting.format]), language)
        return finished(streamed(page), setting, language)


def differentiate(formula: str, variable: str) -> Differentiation:
    """The derivative of a formula, each step of it checked; InputError where the formula cannot be read."""
    if not NAME.fullmatch(variable) or variable == "pi" or variable in FUNCTIONS:
        raise refusal(f"{variable!r} is no name", "name the variable by a letter, such as x")
    try:
        tree = read(formula)
    except NotAFormula as error:
        raise InputError([Fault(FILE, error.line, error.column, error.found, error.remedy)]) from None
    known = names(tree)
    if variable not in known:
        raise refusal(f"there is no {variable!r} in the formula", f"name one of {', '.join(known) or 'its names'}")
    for each in known:
        if len(each) > 30:
            raise refusal(f"a name of {len(each)} characters", "write at most 30")
    try:
        return Differentiation(**vars(derived(tree, variable)))
    except Undefined as error:
        raise refusal(str(error), "check where it is defined") from None


def refusal(found: str, remedy: str) -> InputError:
    return InputError([Fault(FILE, 1, 1, found, remedy)])


# ---- the page


def document(found: Differentiation, say: Speaker, language: str) -> Iterator[str]:
    """The page, piece by piece."""
    formula = Formulas(found, say.dialect)
    parts = ["rules", "steps", *(["short"] if found.ending else []), "check"]
    titles = {part: say.text("derivative_section", part=part) for part in parts}
    title = say.text(
        "derivative_title", formula=say.escape(written(found.formula)), variable=say.escape(found.variable)
    )
    yield say.text("begin", title=title, contents=[[part, titles[part]] for part in parts])
    yield say.text(
        "derivative_question", left=formula.result, lines=[formula(found.formula)], variable=formula.variable
    )
    sections = {"rules": rule_list, "steps": step_list, "short": short_form, "check": check_table}
    for part in parts:
        yield say.text("section", id=part, title=titles[part])
        yield from sections[part](found, say, formula)
    yield say.text("end")


def check_table(found: Differentiation, say: Speaker, formula: Formulas) -> Iterator[str]:
    precision = Precision(8)
    yield say.text(
        "derivative_check",
        variable=formula.variable,
        worst=number_in(formula.m, f"{found.worst:.1e}") if found.worst else "0",
    )
    yield say.text("derivative_table", left=formula.whole)
    for point in found.points:
        place = ", ".join(f"{name_in(formula.m, each)} = {number:g}" for each, number in point.given.items())
        a, b = numbers_in(formula.m, precision.texts(np.array([point.found, point.numerical])))
        yield say.text("derivative_row", place=place, printed=a, check=b)
    yield say.text("table_end")


# ---- JSON


def record(found: Differentiation, say: Speaker) -> Iterator[str]:
    formula = Formulas(found, TEX)
    whole: dict[str, Any] = {
        "schema": SCHEMA,
        "formula": written(found.formula),
        "variable": found.variable,
        "derivative": found.derivative,
        "latex": formula(found.steps[-1].result),
        "short": None,
        "steps": [
            {
                "id": f"S{n}",
                "kind": step.rule,
                "of": written(step.of),
                "derivative": written(step.result),
                "latex": formula(step.at_first),
                "printed": formula(step.result),
                "uses": [f"S{k + 1}" for k in step.uses],
                "reason": say.text("rule_name", rule=step.rule),
            }
            for n, step in enumerate(found.steps, 1)
        ],
        "check": {
            "method": "complex step",
            "points": [{"given": dict(p.given), "value": p.found, "numerical": p.numerical} for p in found.points],
            "worst_relative_error": found.worst,
        },
    }
    if found.ending:
        whole["short"] = {
            "name": found.ending[0].name,
            "value": formula.result,
            "latex": [*map(formula, found.ending[1])],
        }
    yield json.dumps(whole, ensure_ascii=False, indent=1, allow_nan=False) + "\n"
