"""The derivative of one formula, rule by rule: every step of it, its check, and how it is written."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np

from .derivatives import VALUE, Ending, Step, ending, steps, with_argument
from .dialects import Dialect
from .errors import CheckFailed, ExplainerError
from .expressions import FUNCTIONS, Tree, call, largest_part, names, symbol, to_kink, value, written
from .formula_text import FormulaText
from .notation import name_in

RULES: Mapping[
    str, Callable[[Dialect, str], str]
] = {  # in u and v, which depend on the variable x, and c, which does not
    "constant": lambda m, x: "c' = 0",
    "variable": lambda m, x: f"{x}' = 1",
    "factor": lambda m, x: "(c u)' = c u'",
    "sum": lambda m, x: "(u + v)' = u' + v'",
    "product": lambda m, x: "(u v)' = u' v + u v'",
    "quotient": lambda m, x: m.brackets(m.fraction("u", "v")) + "' = " + m.fraction("u' v - u v'", "v" + m.sup(2)),
    "reciprocal": lambda m, x: m.brackets(m.fraction("c", "v")) + "' = -" + m.fraction("c v'", "v" + m.sup(2)),
    "power": lambda m, x: f"(u{m.sup('c')})' = c u{m.sup('c - 1')} u'",
    "exponential": lambda m, x: f"(c{m.sup('u')})' = c{m.sup('u')} {m.called('ln')}(c) u'",
    "power_of_both": lambda m, x: (
        f"(u{m.sup('v')})' = u{m.sup('v')} " + m.brackets(f"v' {m.called('ln')}(u) + " + m.fraction("v u'", "u"))
    ),
    "max": lambda m, x: f"{m.called('max')}(u{m.comma}v)' = {m.called('H')}(u - v) u' + {m.called('H')}(v - u) v'",
    "min": lambda m, x: f"{m.called('min')}(u{m.comma}v)' = {m.called('H')}(v - u) u' + {m.called('H')}(u - v) v'",
}


@dataclass(frozen=True)
class Point:
    """One place where the derivative was checked."""

    given: Mapping[str, float]
    found: float  # by the formula
    numerical: float  # by a complex step


@dataclass(frozen=True)
class Derived:
    """The derivative of a formula, checked."""

    formula: Tree
    variable: str
    steps: tuple[Step, ...]
    ending: tuple[Ending, list[Tree]] | None  # the short form that textbooks end with
    points: tuple[Point, ...]

    @property
    def worst(self) -> float:
        """The largest relative difference from the complex step."""
        return max(abs(p.found - p.numerical) / max(abs(p.numerical), 1e-300) for p in self.points)


class Undefined(ExplainerError):
    """No value of the formula could be computed, so nothing could be checked."""


def derived(formula: Tree, variable: str) -> Derived:
    """The derivative, each step of it checked; Undefined where no value could be computed."""
    found, short = steps(formula, variable), ending(formula, variable)
    return Derived(formula, variable, found, short, checked(found, short, variable, names(formula)))


# ---- the check

PLACES = (0.3, 0.8, -0.6, 1.7, -2.4, 3.2, 0.05, 7.5, -11.0, 40.0)  # of the variable
OTHERS = ((0.7, 0.4, 1.3, 0.9, 2.1), (2.3, 5.1, 3.7, 1.9, 8.3), (-0.7, 0.4, -1.3, 0.9, -2.1))  # of the other names
ENOUGH = 3
H = 1e-100


def checked(found: tuple[Step, ...], short: Any, variable: str, known: list[str]) -> tuple[Point, ...]:
    """A few places where every step was found to be the derivative of what it is of; CheckFailed where one is not."""
    points: list[Point] = []
    whole = found[-1].of
    others = [each for each in known if each != variable]
    for values, place in product(OTHERS, PLACES):
        given = {each: values[k % len(values)] for k, each in enumerate(others)} | {variable: place}
        if len(points) == ENOUGH:
            break
        if not np.all(to_kink(whole, given) > 1e-6):
            continue
        pairs = [(float(value(step.result, given)), slope(step.of, given, variable)) for step in found]
        if not np.isfinite(pairs).all() or not np.isfinite(float(value(whole, given))):
            continue
        for step, (a, b) in zip(found, pairs, strict=True):
            if not abs(a - b) <= 1e-9 * abs(b) + 1e-11 * max(1.0, largest_part(step.result, given)):
                raise CheckFailed(f"a derivative of {written(step.of)} differs from its check; please report this")
        for line in short[1] if short else ():
            a = float(value(line, {**given, VALUE.text: float(value(whole, given))}))
            if not abs(a - pairs[-1][1]) <= 1e-8 * abs(pairs[-1][1]) + 1e-11:
                raise CheckFailed(f"a short form of the derivative differs from its check: {written(line)}")
        points.append(Point(given, *pairs[-1]))
    if not points:
        raise Undefined("no value of this formula could be computed")
    return tuple(points)


def slope(tree: Tree, given: Mapping[str, float], variable: str) -> float:
    """d(tree)/d(variable) by a complex step."""
    return float(np.imag(value(tree, {**given, variable: np.asarray(given[variable] + 1j * H)})) / H)


# ---- how it is written


class Formulas:
    """The formulas of one differentiation, in a dialect."""

    def __init__(self, found: Derived, m: Dialect, result: str = "") -> None:
        """`result` is what the value of the formula is called; else a letter that is free."""
        self.m = m
        self.variable = name_in(m, found.variable)
        self.known = names(found.formula)
        self.result = result or next(each for each in ("y", "f", "w", "q", "y_1") if each not in self.known)
        self.printer = FormulaText(
            m, lambda each, alone: self.result if each == VALUE.text else name_in(m, each), euler="e" not in self.known
        )

    def __call__(self, tree: Tree) -> str:
        return self.printer.text(tree)

    def slope_of(self, tree: Tree) -> str:
        return f"{self.m.fraction('d', f'd {self.variable}')} {self.m.square(self(tree))}"

    @property
    def whole(self) -> str:
        return self.m.ratio(self.result, self.variable)

    def rule(self, rule: str) -> str:
        """The rule in general: of a formula u, or of formulas u and v."""
        if rule in RULES:
            return RULES[rule](self.m, self.variable)
        printer = FormulaText(self.m, lambda each, alone: each, euler=self.printer.euler)
        u = symbol("u")
        form = with_argument(FUNCTIONS[rule].slope, u)
        text = printer.text(form, 1)
        gap = self.m.dot if text.startswith("-") or text.endswith(")") else " "
        return f"({printer.text(call(rule, u))})' = {text}{gap}u'"


def rules_used(*found: Derived) -> list[str]:
    """The rules in the order in which they are first met."""
    return list(dict.fromkeys(step.rule for each in found for step in each.steps))


def is_chained(step: Step) -> bool:
    """Whether the chain rule is used: a function, or a power, of something other than the variable itself."""
    outer = step.rule in FUNCTIONS or step.rule in ("power", "exponential", "power_of_both")
    return outer and any(part.kind not in ("name", "number") for part in step.of.parts) and bool(step.uses)
