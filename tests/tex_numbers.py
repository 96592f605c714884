"""Reads written pages back: every statement of a page in Markdown or LaTeX, and what its numbers come to.

Nothing of the package is used. A side of a statement either has symbols in it, or it is numbers only and is worked out
with two hundred digits; a side that is neither is an error, so that nothing is skipped in silence.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Any

import mpmath
import numpy as np

from explainer.dialects import TEX

mp = mpmath.mp.clone()
mp.dps = 200

Number = Any  # an mpf, or a matrix of them as an array of objects


# ---- expressions that have numbers only

TOKEN = re.compile(
    r"\s*(\d+\.?\d*|\\(?:begin|end)\{bmatrix\}|\\operatorname\{\w+\}|\\mathbf\{1\}|\\mathsf\{T\}"
    r"|\\log_\{\d+\}|\\[a-zA-Z]+|\\[,;\\]|[-+(){}^,|&e])"
)


def method(name: str) -> Callable[..., Number]:
    return lambda by, *parts: getattr(by, name)(*parts)


FUNCTIONS: dict[str, Callable[..., Number]] = {
    **{rf"\{name}": method(name) for name in ("ln", "exp", "sin", "cos", "tan", "sinh", "cosh", "tanh")},
    **{rf"\arc{name}": method(f"a{name}") for name in ("sin", "cos", "tan")},
    r"\max": lambda _, *parts: max(parts),
    r"\min": lambda _, *parts: min(parts),
    r"\operatorname{erf}": method("erf"),
    r"\operatorname{sgn}": method("sign"),
    r"\log_{10}": lambda by, x: by.log(x, 10),
    r"\log_{2}": lambda by, x: by.log(x, 2),
}
SIGNS = {r"\times", r"\cdot", r"\;", r"\,", r"\odot", r"\oslash"}
OPENING = {"(", r"\frac", r"\begin{bmatrix}", r"\mathbf{1}", r"\sqrt"}  # what may follow a factor without a sign
GRAMMAR = {*FUNCTIONS, *SIGNS, *OPENING, r"\end{bmatrix}", r"\mathsf{T}", r"\left", r"\right", r"\pi", r"\quad", "e"}


def multiplied(sign: str, a: Number, b: Number) -> Number:
    matrices = np.ndim(a) == 2 and np.ndim(b) == 2
    if sign == r"\;" or (sign == r"\times" and matrices):
        return a @ b
    return a / b if sign == r"\oslash" else a * b


class Reader:
    """A precedence-climbing reader; no more than the pages need, and nothing is skipped."""

    def __init__(self, text: str, by: Any = mp) -> None:
        self.by = by  # mpmath's arithmetic: of any precision, or `fp` for that of floats
        self.tokens: list[str] = []
        text = re.sub(r"\\left|\\right(?![a-z])", "", text).strip()
        place = 0
        while place < len(text):
            found = TOKEN.match(text, place)
            if not found:
                raise ValueError(f"cannot read {text[place:]!r} of {text!r}")
            self.tokens.append(found[1])
            place = found.end()
        self.at = 0

    def peek(self, ahead: int = 0) -> str:
        return self.tokens[self.at + ahead] if self.at + ahead < len(self.tokens) else ""

    def take(self, expected: str = "") -> str:
        token = self.peek()
        if not token or (expected and token != expected):
            raise ValueError(f"{expected!r} expected, found {token!r} in {' '.join(self.tokens)}")
        self.at += 1
        return token

    def sum(self) -> Number:
        value = -self.product() if self.peek() == "-" and self.take() else self.product()
        while self.peek() in ("+", "-"):
            value = value + self.product() if self.take() == "+" else value - self.product()
        return value

    def product(self) -> Number:
        if [self.peek(k) for k in range(5)] == [r"\mathbf{1}", r"\,", r"\mathbf{1}", "^", "{"]:
            return self.column_sums()
        value = self.power()
        while self.peek() in SIGNS or self.peek() in OPENING:
            sign = self.take() if self.peek() in SIGNS else ""
            value = multiplied(sign, value, self.power())
        return value

    def column_sums(self) -> Number:
        r"""\mathbf{1} \, \mathbf{1}^T A: in every row the sums of the columns of A."""
        for _ in range(7):
            self.take()
        matrix = self.power()
        return matrix.sum(axis=0, keepdims=True) + 0 * matrix

    def power(self) -> Number:
        base = self.atom()
        while self.peek() == "^":
            self.take()
            if self.peek(1) == r"\mathsf{T}":
                self.take("{")
                self.take()
                self.take("}")
                base = base.T
            else:
                base = base ** self.group("{", "}")
        return base

    def group(self, opening: str, closing: str) -> Number:
        self.take(opening)
        if self.peek() == r"\odot":  # a power entry by entry
            self.take()
        value = self.sum()
        self.take(closing)
        return value

    def atom(self) -> Number:
        token = self.peek()
        if token == "(":
            return self.group("(", ")")
        self.take()
        if token == "|":
            value = self.sum()
            self.take("|")
            return abs(value)
        if token == "e":
            self.take("^")
            return self.by.exp(self.group("{", "}"))
        if token == r"\frac":
            return self.group("{", "}") / self.group("{", "}")
        if token == r"\sqrt":
            return rooted(self.by, self.group("{", "}"))
        if token == r"\begin{bmatrix}":
            return self.matrix()
        if token in (r"\pi", r"\mathbf{1}"):
            return +self.by.pi if token == r"\pi" else self.by.mpf(1)
        if token in FUNCTIONS:
            self.take("(")
            arguments = [self.sum()]
            while self.peek() == ",":
                self.take()
                arguments.append(self.sum())
            self.take(")")
            return FUNCTIONS[token](self.by, *arguments)
        if not token[0].isdigit():
            raise ValueError(f"{token!r} is no number, in {' '.join(self.tokens)}")
        return self.by.mpf(token)

    def matrix(self) -> Number:
        rows: list[list[Number]] = [[]]
        while True:
            rows[-1].append(self.sum())
            sign = self.take()
            if sign == r"\end{bmatrix}":
                return np.array(rows, dtype=object)
            if sign == r"\\":
                rows.append([])


def rooted(by: Any, value: Number) -> Number:
    return np.vectorize(by.sqrt, otypes=[object])(value) if np.ndim(value) else by.sqrt(value)


def exact(text: str, by: Any = mp) -> Number:
    """The value of a TeX expression with numbers only, to two hundred digits; ValueError where it is anything else."""
    reader = Reader(text, by)
    value = reader.sum()
    if reader.peek():
        raise ValueError(f"{reader.peek()!r} is left over in {text!r}")
    return value


def value_of(text: str) -> float:
    """The same as a float."""
    return float(exact(text))


WORD = re.compile(
    r"\\(?:begin|end)\{\w+\}|\\operatorname\{\w+\}|\\math\w+\{[^{}]*\}|\\log_\{\d+\}|\\[a-zA-Z]+|[a-zA-Z_]|\\cdots|'"
)


def has_symbols(text: str) -> bool:
    """Whether anything in it is neither a number nor what stands between numbers."""
    return any(word not in GRAMMAR for word in WORD.findall(text))


def is_number(text: str) -> bool:
    return bool(re.fullmatch(r"-?\d+\.?\d*( \\times 10\^\{-?\d+\})?", text))


def is_matrix_of_numbers(text: str) -> bool:
    inside = re.fullmatch(r"\\begin\{bmatrix\} (.*) \\end\{bmatrix\}", text)
    return bool(inside) and all(is_number(each) for each in re.split(r" & | \\\\ ", inside[1]))


# ---- rounding, as it is done by hand

SURE = 15  # significant digits of a decimal that a float keeps
FEWEST = 3  # significant digits that a small number keeps where decimals are asked for


def last_place(value: Decimal, significant: int = 5, digits: int | None = None, **_: Any) -> int:
    """The power of ten of the last digit that a value is shown with."""
    if digits is not None:
        significant = max(1, min(FEWEST, digits))
        if not value or value.adjusted() >= significant - 1 - digits:
            return max(-digits, value.adjusted() - SURE + 1)
    return value.adjusted() - significant + 1 if value else -significant + 1


def as_decimal(value: Number) -> Decimal:
    """To 150 digits: what a number in base 2 adds behind them, or leaves of a difference, is left out."""
    if abs(value) < 1e-180:
        return Decimal(0)
    return Context(prec=150).create_decimal(mp.nstr(mp.mpf(value), 160, strip_zeros=False))


def rounded(value: Number, **writing: Any) -> Decimal:
    """Half up, to the digits asked for."""
    exactly = as_decimal(value)
    place = Decimal(1).scaleb(last_place(exactly, **writing))
    return exactly.quantize(place, ROUND_HALF_UP, Context(prec=400))


# ---- the statements of a page

DISPLAY = re.compile(r"\\begin\{(aligned|align\*)\}\n(.*?)\n\\end\{\1\}", re.DOTALL)
INLINE = re.compile(r"\$`([^`]*)`\$|(?<![\\$])\$(?![$`])([^$]*)\$(?!\$)")
TABLES = re.compile(r"\\begin\{longtable\}(?:.|\n)*?\\end\{longtable\}|(?:^\|.*\|\n)+", re.MULTILINE)


def equations(page: str) -> Iterator[list[str]]:
    """Each displayed equation of a page in Markdown or LaTeX: left side, then each right side."""
    for found in DISPLAY.finditer(page):
        text = TEX.in_one_line(re.sub(r"\n *\\stepfrom\{.*\}", " ", found[2]))
        left, *rights = re.split(r"\s*&= ", text)
        yield [left.strip(), *(right.removesuffix(r"\\").strip() for right in rights)]


def inline(page: str) -> list[str]:
    """Every formula within the text."""
    return [github or plain for github, plain in INLINE.findall(DISPLAY.sub("", page))]


def rows(page: str) -> Iterator[list[str]]:
    """The formulas of each row of each table."""
    for table in TABLES.findall(DISPLAY.sub("", page)):
        for line in table.splitlines():
            if cells := inline(line):
                yield cells


def mathematics(page: str) -> list[str]:
    """All that is set as mathematics."""
    return [side for sides in equations(page) for side in sides] + inline(page)
