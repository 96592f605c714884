"""Patterns as text: SymPy's expressions printed once, then filled with names or numbers, thousands at a time.

A pattern is printed with a marker character for each slot, one for a slot that stands among other things (a negative
number there is bracketed) and one for a slot that stands alone, as in tanh(z). What is printed is cut at the markers
into a skeleton; filling it is list work only, so the cost of a weight does not grow with what its formula means.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
import sympy as sp

from .dialects import Dialect
from .digits import numbers_in, operands_in
from .formula_text import FormulaText
from .ops import Array

FIRST = 0xE000  # private use: no text of a reader's holds these characters
MARKER = re.compile("([\ue000-\ue0ff])")


def marker(k: int, alone: bool) -> str:
    return chr(FIRST + 2 * k + alone)


# ---- the printer

PER_ROW = 6  # terms under a fraction bar that stand side by side
SUM, PRODUCT, POWER, ATOM = range(4)  # how tightly a text holds together
NAMED = {sp.tanh: "tanh", sp.log: "ln", sp.sinh: "sinh", sp.cosh: "cosh", sp.erf: "erf"}


class PatternText:
    """Prints one pattern. `times` stands between factors: a space between symbols, a cross between numbers."""

    def __init__(self, m: Dialect, times: str) -> None:
        self.m, self.times = m, times

    def text(self, pattern: Any, least: int = SUM) -> str:
        """The pattern, in brackets where it holds together less tightly than its place asks for."""
        if pattern.is_Symbol:
            return marker(int(pattern.name[1:]), alone=least == SUM)
        kind = next(kind for kind in type(pattern).__mro__ if kind.__name__ in PRINT)
        text, tightness = PRINT[kind.__name__](self, pattern)
        return text if tightness >= least else self.m.brackets(text)

    def add(self, pattern: Any) -> tuple[str, int]:
        return joined(self.terms(pattern)), SUM

    def terms(self, pattern: Any) -> list[str]:
        parts = sorted(pattern.args, key=is_negative)
        return ["-" + self.text(-p, PRODUCT) if is_negative(p) else self.text(p, PRODUCT) for p in parts]

    def under(self, pattern: Any) -> str:
        """What stands under a fraction bar: a long sum, as of a softmax over ten classes, in several lines."""
        if not pattern.is_Add or len(pattern.args) <= PER_ROW:
            return self.text(pattern)
        terms = self.terms(pattern)
        rows = [joined(terms[k : k + PER_ROW]) for k in range(0, len(terms), PER_ROW)]
        return self.m.stack(joined(rows, f"{self.m.stack_break} + ", f"{self.m.stack_break} - "))

    def mul(self, pattern: Any) -> tuple[str, int]:
        number, rest = split_number(flat_factors(pattern))
        below = [part for part in rest if is_reciprocal(part)]
        above = [part for part in rest if not is_reciprocal(part)]
        alone = len(above) == 1 and below
        text = self.times.join(self.text(part, SUM if alone else POWER) for part in above)
        if below:
            bottom = [sp.Pow(part.base, -part.exp) for part in below]
            under = self.under(bottom[0]) if len(bottom) == 1 else self.times.join(self.text(b, POWER) for b in bottom)
            text = self.m.fraction(text or self.number(abs(number)), under)
            number = number if above else sp.sign(number)
        sign = "-" if number < 0 else ""
        size = "" if abs(number) == 1 else self.number(abs(number))
        gap = self.times if size and not (self.times == " " and text.startswith("(")) else ""
        return sign + size + gap + text, SUM if sign else PRODUCT

    def pow(self, pattern: Any) -> tuple[str, int]:
        if pattern.exp.is_Number and pattern.exp < 0:
            under = self.under(
                sp.Pow(pattern.base, -pattern.exp, evaluate=False) if pattern.exp != -1 else pattern.base
            )
            return self.m.fraction(1, under), PRODUCT
        if pattern.exp == sp.Rational(1, 2):
            return self.m.root(self.text(pattern.base)), ATOM
        return self.text(pattern.base, ATOM) + self.m.sup(self.text(pattern.exp)), POWER

    def exp(self, pattern: Any) -> tuple[str, int]:
        return "e" + self.m.sup(self.text(pattern.args[0])), POWER

    def function(self, pattern: Any) -> tuple[str, int]:
        return self.m.called(NAMED[pattern.func]) + self.m.brackets_low(self.text(pattern.args[0])), POWER

    def abs(self, pattern: Any) -> tuple[str, int]:
        return self.m.bars_low(self.text(pattern.args[0])), ATOM

    def max(self, pattern: Any) -> tuple[str, int]:
        parts = [self.text(part) for part in sorted(pattern.args, key=str)]
        return self.m.called("max") + self.m.brackets_low(self.m.comma.join(parts)), POWER

    def rational(self, pattern: Any) -> tuple[str, int]:
        return self.number(pattern), SUM if pattern < 0 else PRODUCT if pattern.is_Rational and pattern.q > 1 else ATOM

    def constant(self, pattern: Any) -> tuple[str, int]:
        return {sp.pi: self.m.pi, sp.E: "e"}[pattern], ATOM

    def piecewise(self, pattern: Any) -> tuple[str, int]:
        """Each case with its condition; that of the last is that no other holds."""
        *first, (other, _) = pattern.args
        cases = [self.m.case(self.text(value), self.condition(test)) for value, test in first]
        cases.append(self.m.case(self.text(other), self.otherwise([test for _, test in first])))
        return self.m.cases(self.m.case_break.join(cases)), ATOM

    def written(self, pattern: Any) -> tuple[str, int]:
        """A formula as somebody wrote it."""
        slots = pattern.slots
        printer = FormulaText(
            self.m, lambda each, alone: self.text(slots[each], SUM if alone else ATOM), self.times != " "
        )
        return printer.made(pattern.tree, SUM)

    def otherwise(self, tests: Sequence[Any]) -> str:
        """That none of the tests holds: neither greater nor less is equal."""
        if len(tests) == 2 and (tests[0].gts, tests[0].lts) == (tests[1].lts, tests[1].gts):
            return f"{self.text(tests[0].lhs)} = {self.text(tests[0].rhs)}"
        return self.m.comma.join(self.condition(~test) for test in tests)

    def condition(self, test: Any) -> str:
        sign = {
            sp.StrictGreaterThan: " > ",
            sp.StrictLessThan: " < ",
            sp.LessThan: self.m.le,
            sp.GreaterThan: self.m.ge,
        }[test.func]
        return self.text(test.lhs) + sign + self.text(test.rhs)

    def number(self, value: Any) -> str:
        if value < 0:
            return "-" + self.number(-value)
        if value.is_Float:
            return f"{float(value):.12g}"
        return str(value) if value.q == 1 else self.m.fraction(value.p, value.q)


PRINT: dict[str, Any] = {
    "Add": PatternText.add,
    "Mul": PatternText.mul,
    "Pow": PatternText.pow,
    "exp": PatternText.exp,
    "Abs": PatternText.abs,
    "Max": PatternText.max,
    "Rational": PatternText.rational,
    "Float": PatternText.rational,
    "NumberSymbol": PatternText.constant,
    "Piecewise": PatternText.piecewise,
    "Function": PatternText.function,
    "Written": PatternText.written,
}


def joined(terms: Sequence[str], plus: str = " + ", minus: str = " - ") -> str:
    """Terms as a sum; one that begins with a minus sign is subtracted."""
    return plus.join(terms).replace(f"{plus}-", minus).replace(f"{minus}(0) ", f"{minus}0 ")


def is_negative(term: Any) -> bool:
    return bool(term.could_extract_minus_sign())


def is_reciprocal(factor: Any) -> bool:
    return bool(factor.is_Pow and factor.exp.is_Number and factor.exp < 0)


def flat_factors(product: Any) -> list[Any]:
    """The factors of a product, those of products within it among them."""
    return [f for part in product.args for f in (flat_factors(part) if part.is_Mul else [part])]


def split_number(factors: Sequence[Any]) -> tuple[Any, list[Any]]:
    """The numbers among some factors multiplied together, and the others."""
    numbers = [part for part in factors if part.is_Number]
    return sp.Mul(*numbers), [part for part in factors if not part.is_Number]


# ---- filling

Skeleton = tuple[
    tuple[str, ...], tuple[tuple[int, bool], ...]
]  # the texts between slots, and (slot, alone) between them


@cache
def skeleton(pattern: Any, m: Dialect, times: str) -> Skeleton:
    """The printed pattern, cut at its markers."""
    parts = MARKER.split(PatternText(m, times).text(pattern))
    codes = [ord(part) - FIRST for part in parts[1::2]]
    return tuple(parts[::2]), tuple((code // 2, bool(code % 2)) for code in codes)


def filled(parts: Sequence[str], columns: Sequence[Sequence[str]], rows: int) -> list[str]:
    """One text for each row: parts[0], the first column's text, parts[1], ..."""
    if not columns:
        return [parts[0]] * rows
    form = "%s".join(part.replace("%", "%%") for part in parts)
    return [form % row for row in zip(*columns, strict=True)]


def in_symbols(m: Dialect, pattern: Any, symbols: Sequence[Sequence[str]], rows: int) -> list[str]:
    """The pattern with each row's symbols in its slots."""
    parts, slots = skeleton(pattern, m, " ")
    columns = [
        raised(m, symbols[k]) if after.startswith("^") else symbols[k]
        for (k, _), after in zip(slots, parts[1:], strict=True)
    ]
    columns = [apart(m, c) if before == " " else c for c, before in zip(columns, parts, strict=False)]
    return filled(parts, columns, rows)


def apart(m: Dialect, symbols: Sequence[str]) -> Sequence[str]:
    """Symbols as they follow another factor: a word keeps a little away from it."""
    return [m.thin + symbol if symbol.startswith(m.word_begins) else symbol for symbol in symbols]


def raised(m: Dialect, symbols: Sequence[str]) -> Sequence[str]:
    """Symbols as they stand under a power: a fraction, or one that has something above it already, in brackets."""
    marks = ("^", "'", m.tall[0])
    return [m.brackets(symbol) if any(mark in symbol for mark in marks) else symbol for symbol in symbols]


def in_numbers(m: Dialect, pattern: Any, numbers: Sequence[Sequence[str]], rows: int) -> list[str]:
    """The pattern with each row's numbers (plain texts, see `digits`) in its slots, bracketed where they need it."""
    parts, slots = skeleton(pattern, m, m.times)
    operands = [(numbers_in if alone else operands_in)(m, numbers[k]) for k, alone in slots]
    for place, (part, column) in enumerate(zip(parts, operands, strict=False)):
        if part.endswith("-"):  # -0 would look like a number of its own
            operands[place] = ["(0)" if text == "0" else text for text in column]
    return filled(parts, operands, rows)


PER_LINE = 64  # characters, as printed, that a line of a sum may have


def summed_texts(m: Dialect, groups: Sequence[tuple[Sequence[str], Array]], rows: int, width: int) -> list[str]:
    r"""The terms of each row as a sum, broken into lines where it is long.

    Each group holds the terms of one pattern and the row each belongs to; a row's terms stand in the order of the
    groups. `width` is how wide the widest term is printed, in characters.
    """
    if len(groups) == 1 and one_each(groups[0][1], rows):
        return list(groups[0][0])
    per_line = max(1, PER_LINE // max(width, 1))
    collected: list[list[str]] = [[] for _ in range(rows)]
    for texts, owner in groups:
        if one_each(owner, rows):
            for row, text in zip(collected, texts, strict=True):
                row.append(text)
            continue
        bounds = np.searchsorted(owner, np.arange(rows + 1)).tolist()
        for k, row in enumerate(collected):
            row.extend(texts[bounds[k] : bounds[k + 1]])
    return [in_lines(m, terms, per_line) for terms in collected]


def one_each(owner: Array, rows: int) -> bool:
    """Whether every row has exactly one of the terms, in turn."""
    return len(owner) == rows and bool((owner == np.arange(rows)).all())


def in_lines(m: Dialect, terms: Sequence[str], per_line: int) -> str:
    if not terms:
        return "0"
    if len(terms) == 1:
        return terms[0]
    lines = [joined(terms[k : k + per_line]) for k in range(0, len(terms), per_line)]
    return joined(lines, f"{m.line_break}+ ", f"{m.line_break}- ")
