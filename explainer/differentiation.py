"""The derivative of one formula, rule by rule: what is found, its check, and its page."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np

from .derivatives import VALUE, Ending, Step, ending, steps, with_argument
from .dialects import TEX, Dialect
from .digits import Precision, number_in, numbers_in
from .errors import CheckFailed, Fault, InputError
from .expressions import (
    FUNCTIONS,
    SEVERAL,
    NotAFormula,
    Tree,
    call,
    largest_part,
    names,
    read,
    subtrees,
    symbol,
    to_kink,
    value,
    written,
)
from .formula_text import FormulaText
from .notation import name_in
from .publish import ESCAPES, finished
from .render import Setting, Speaker, streamed

SCHEMA = "explainer.differentiation/1"
FILE = "EXPR"  # what faults call the formula
NAME = re.compile(r"[A-Za-zΑ-Ωα-ω][A-Za-zΑ-Ωα-ω0-9_]{0,29}")

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
class Differentiation:
    """The derivative of a formula. Make one with `differentiate`."""

    formula: Tree
    variable: str
    steps: tuple[Step, ...]
    ending: tuple[Ending, list[Tree]] | None
    points: tuple[Point, ...]

    @property
    def derivative(self) -> str:
        """The derivative as the rules give it, in the grammar that formulas are read by."""
        return written(self.steps[-1].result)

    @property
    def verdict(self) -> str:
        """How well it was checked, in a few words."""
        return f"{len(self.steps)} steps checked by complex step, worst relative error {self.worst:.1e}"

    @property
    def worst(self) -> float:
        """The largest relative difference from the complex step."""
        return max(abs(p.found - p.numerical) / max(abs(p.numerical), 1e-300) for p in self.points)

    def text(self, to: str = "markdown", language: str = "en", **options: Any) -> Iterator[str]:
        """The page in pieces. `to` is markdown, latex, html or json; the options are those of `Setting`."""
        return self.written(Setting(to, **options), language)

    def written(self, setting: Setting, language: str = "en") -> Iterator[str]:
        """The page in pieces, as it is set."""
        if setting.format == "json":
            return record(self, Speaker(language, Setting()))
        page = document(self, Speaker(language, setting, ESCAPES[setting.format]), language)
        return finished(streamed(page), setting)


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
    found = steps(tree, variable)
    short = ending(tree, variable)
    return Differentiation(tree, variable, found, short, checked(found, short, variable, known))


def refusal(found: str, remedy: str) -> InputError:
    return InputError([Fault(FILE, 1, 1, found, remedy)])


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
        raise refusal("no value of this formula could be computed", "check where it is defined")
    return tuple(points)


def slope(tree: Tree, given: Mapping[str, float], variable: str) -> float:
    """d(tree)/d(variable) by a complex step."""
    return float(np.imag(value(tree, {**given, variable: np.asarray(given[variable] + 1j * H)})) / H)


# ---- the page


class Formulas:
    """The formulas of one differentiation, in a dialect."""

    def __init__(self, found: Differentiation, m: Dialect) -> None:
        self.m = m
        self.variable = name_in(m, found.variable)
        self.known = names(found.formula)
        self.result = next(each for each in ("y", "f", "w", "q", "y_1") if each not in self.known)
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


def rules_used(found: Differentiation) -> list[str]:
    """The rules in the order in which they are first met."""
    return list(dict.fromkeys(step.rule for step in found.steps))


def is_chained(step: Step) -> bool:
    """Whether the chain rule is used: a function, or a power, of something other than the variable itself."""
    outer = step.rule in FUNCTIONS or step.rule in ("power", "exponential", "power_of_both")
    return outer and any(part.kind not in ("name", "number") for part in step.of.parts) and bool(step.uses)


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


def rule_list(found: Differentiation, say: Speaker, formula: Formulas) -> Iterator[str]:
    yield say.text("derivative_rules_opening", variable=formula.variable)
    yield say.text(
        "derivative_rules",
        items=[
            say.text("derivative_rule", named=say.text("rule_name", rule=r), tex=formula.rule(r))
            for r in rules_used(found)
        ],
    )
    if any(is_chained(step) for step in found.steps):
        yield say.text("derivative_chain", variable=formula.variable)
    for part in dict.fromkeys(part.text for part in subtrees(found.formula) if part.kind == "call"):
        if part in SEVERAL or FUNCTIONS[part].kinked:
            yield say.text("derivative_kink", kinked="max" if part in SEVERAL else part)


def step_list(found: Differentiation, say: Speaker, formula: Formulas) -> Iterator[str]:
    rules = rules_used(found)
    for n, step in enumerate(found.steps, 1):
        lines = list(dict.fromkeys((formula(step.at_first), formula(step.result))))
        origins = say.word("separator").join(
            say.text("derivative_origin", symbol=formula(found.steps[k].of), n=str(k + 1)) for k in step.uses
        )
        yield say.text(
            "derivative_step",
            n=str(n),
            named=say.text("rule_name", rule=step.rule),
            number=str(rules.index(step.rule) + 1),
            chained=is_chained(step),
            left=formula.slope_of(step.of),
            lines=lines,
            from_steps=say.text("from_steps", origins=origins) if origins else "",
        )


def short_form(found: Differentiation, say: Speaker, formula: Formulas) -> Iterator[str]:
    assert found.ending is not None
    which, lines = found.ending
    texts = list(dict.fromkeys([formula(found.steps[-1].result), *map(formula, lines)]))
    if which.name == "log_loss_of_logits":
        probability = next(each for each in ("p", formula.m.hat("p")) if each not in formula.known)
        target = formula(lines[-1]).partition(" - ")[2]
        texts += [f"{probability} - {target}"] if lines[-1].kind == "sum" else []
        yield say.text("derivative_short", ending=which.name, symbol=probability, left=formula.whole, lines=texts)
    else:
        yield say.text("derivative_short", ending=which.name, symbol=formula.result, left=formula.whole, lines=texts)


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
