"""Written matrices: arithmetic on them writes a formula instead of computing one.

The `vjp` rules of `ops.OPS` are plain arithmetic, so run on these they give the matrix equations of the backward pass,
and no chain rule is stated a second time. A formula is a small tree, and everything that is done with it is a walk over
that same tree: its names, its names with the shape under each factor, its numbers, and its value. So what is checked is
what is printed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from .dialects import Dialect, printed_width
from .notation import Quantity
from .ops import Array
from .presets import script_sign
from .typeset import ATOM, POWER, PRODUCT, SUM, is_negative, is_reciprocal


class NotWritten(Exception):
    """An operation that has no form in matrices: its result is shown without a formula."""


LeafText = Callable[["Written", bool], str]  # of a leaf, and whether it is transposed


class Name(NamedTuple):
    """The symbol of a matrix, as a notation marks new values and samples."""

    base: str
    sub: str = ""
    sup: str = ""
    new: str = "prime"  # of Notation.updated
    sample: str = "(s)"

    def text(self, m: Dialect, updated: bool = False, sampled: bool = False) -> str:
        mark = {"prime": "", "plus": "+", "new": m.word("new")}[self.new] if updated else ""
        above = self.sup
        for more in filter(None, (mark, self.sample if sampled else "")):
            above += (script_sign(m, ",") if above and above[-1] not in ")]" and more != "+" else "") + more
        prime = "'" if updated and self.new == "prime" else ""
        scripts = [m.sub % self.sub if self.sub else "", m.sup % above if above else ""]
        return self.base + prime + "".join(reversed(scripts) if prime else scripts)  # TeX takes ' and ^ together only


@dataclass(frozen=True, eq=False)
class Written:
    """A matrix as it is written: a leaf, or an operation on others."""

    how: str  # a key of HOWS; "leaf" or "number"
    parts: tuple[Written, ...] = ()
    symbol: str = ""  # of a leaf; the name of a function
    sampled: str = ""  # a leaf in the formula of one sample
    array: Any = None  # a leaf's numbers
    quantity: Quantity | None = None  # where a leaf's numbers are from
    function: Callable[[Array], Array] | None = None  # that is applied to each entry

    __array_ufunc__ = None  # an array beside one of these leaves the operation to it

    @property
    def T(self) -> Written:  # noqa: N802
        return Written("transposed", (self,))

    @property
    def shape(self) -> tuple[int, ...]:
        return np.shape(self.value())

    def __matmul__(self, other: Any) -> Written:
        return Written("matmul", (self, as_written(other)))

    def __mul__(self, other: Any) -> Written:
        return product(self, as_written(other))

    def __rmul__(self, other: Any) -> Written:
        return product(as_written(other), self)

    def __truediv__(self, other: Any) -> Written:
        return quotient(self, as_written(other))

    def __rtruediv__(self, other: Any) -> Written:
        return quotient(as_written(other), self)

    def __add__(self, other: Any) -> Written:
        return added(self, as_written(other))

    def __radd__(self, other: Any) -> Written:
        return added(as_written(other), self)

    def __sub__(self, other: Any) -> Written:
        return added(self, -as_written(other))

    def __rsub__(self, other: Any) -> Written:
        return added(as_written(other), -self)

    def __neg__(self) -> Written:
        if self.how == "negative":
            return self.parts[0]
        return Written("negative", (self,))

    def __pow__(self, exponent: int) -> Written:
        return Written("power", (self, as_written(exponent)))

    def root(self) -> Written:
        """The square root of each entry."""
        return Written("root", (self,))

    def sum(self, axis: int | None = None, keepdims: bool = False) -> Written:
        """Over samples (the last axis) or over neurons; the sum over one sample is the matrix itself."""
        if axis is None and is_scalar(self):
            return self
        if axis not in (1, -1, 0, -2) or not keepdims:
            raise NotWritten("a sum that keeps no axis")
        over_samples = axis in (1, -1)
        if self.shape[1 if over_samples else 0] == 1:
            return self
        return Written("over_samples" if over_samples else "over_rows", (self,))

    # ---- its value

    def value(self, of: Callable[[Written], Array] | None = None) -> Array:
        """What the formula gives, with each leaf's own numbers or those that `of` says."""
        if not self.parts:
            return np.asarray(self.array if of is None or self.how == "number" else of(self))
        if self.how == "over_samples":
            whole = self.parts[0]
            each = [whole.value(partial(one_sample, s=s, of=of)) for s in range(samples_of(whole))]
            return np.asarray(np.sum(each, axis=0))
        parts = [part.value(of) for part in self.parts]
        return np.asarray(self.function(*parts) if self.function else HOWS[self.how].value(*parts))

    def magnitude(self) -> Array:
        """How large the numbers are that its value is the sum of: the yardstick for what rounding may do to it."""
        if not self.parts:
            return np.asarray(np.abs(self.array))
        if self.function or self.how == "over_samples":
            return np.abs(self.value()) + 1
        parts = [part.magnitude() for part in self.parts]
        if self.how in ("divided", "fraction", "root"):
            return np.abs(self.value())
        if self.how in ("negative", "subtracted"):
            return np.asarray(parts[0] + parts[1] if len(parts) > 1 else parts[0])
        return np.asarray(HOWS[self.how].value(*parts))

    def leaves(self) -> Iterator[Written]:
        if self.how == "leaf":
            yield self
        for part in self.parts:
            yield from part.leaves()

    # ---- its text

    def text(self, m: Dialect, leaf_text: LeafText, width: float = np.inf, term_by_term: bool = False) -> str | None:
        """The formula with each leaf (and whether it is transposed) as `leaf_text` says, broken where it is too wide.

        None where it cannot be broken so that it fits. Sums over samples are written out if they are asked for
        `term_by_term`.
        """
        lines: list[str] = []
        room = 0.0
        for before, text in Printer(m, leaf_text, term_by_term).pieces(self)[0]:
            needed = printed_width(before + text, m)
            if needed > width:
                return None
            if lines and needed <= room:
                lines[-1] += before + text
                room -= needed
                continue
            sign = (m.times if before == m.beside else before).strip()
            lines.append(f"{sign} {text}" if lines else before + text)
            room = width - needed
        return m.line_break.join(lines)


def as_written(value: Any) -> Written:
    if isinstance(value, Written):
        return value
    if isinstance(value, int | float | Fraction | np.number):
        return number(value)
    raise NotWritten(f"{type(value).__name__} in a matrix formula")


def number(value: Any) -> Written:
    return Written("number", array=np.array(float(value)))


def number_text(m: Dialect, value: float) -> str:
    """A number: as it is, or as the fraction that it is."""
    found = Fraction(value).limit_denominator(1000)
    exact = abs(float(found) - value) <= 1e-15 * abs(value)
    size = abs(found) if exact else abs(value)
    text = f"{float(size):g}"
    if exact and float(text) != float(size):
        text = m.fraction(abs(found.numerator), found.denominator)
    elif not exact:
        text = f"{float(size):.12g}"
    return ("-" if value < 0 else "") + text


def is_number(part: Written) -> bool:
    return part.how == "number"


def product(a: Written, b: Written) -> Written:
    """The elementwise product, or a multiple of a matrix; a factor of 1 or -1 is not written."""
    if is_number(b) and not is_number(a):
        a, b = b, a
    if is_number(a):
        if float(a.array) == 1:
            return b
        if float(a.array) == -1:
            return -b
        if b.how == "negative":
            return -product(a, b.parts[0])
        if b.how == "scaled" and is_number(b.parts[0]):
            return product(number(float(a.array) * float(b.parts[0].array)), b.parts[1])
        if float(a.array) < 0:
            return -Written("scaled", (number(-float(a.array)), b))
        return Written("scaled", (a, b))
    if a.how == "negative":
        return -product(a.parts[0], b)
    if is_scalar(b) and not is_scalar(a):
        a, b = b, a
    return Written("scaled" if is_scalar(a) else "times", (a, b))


def quotient(a: Written, b: Written) -> Written:
    """Entry by entry; by a number it is a fraction."""
    return Written("fraction" if is_scalar(b) else "divided", (a, b))


def is_scalar(part: Written) -> bool:
    return np.ndim(part.value()) == 0


def added(a: Written, b: Written) -> Written:
    if is_number(a) and float(a.array) == 0:
        return b
    return Written("subtracted", (a, b.parts[0])) if b.how == "negative" else Written("added", (a, b))


def samples_of(formula: Written) -> int:
    return max((int(leaf.array.shape[1]) for leaf in formula.leaves() if leaf.sampled), default=1)


def one_sample(leaf: Written, s: int, of: Callable[[Written], Array] | None) -> Array:
    array = np.asarray(leaf.array if of is None else of(leaf))
    return array[:, s : s + 1] if leaf.sampled and array.ndim == 2 else array


# ---- how each is computed and printed

Pieces = list[tuple[str, str]]  # what stands before a piece, and the piece: a line may be broken before each


class How(NamedTuple):
    value: Callable[..., Any]
    tightness: int = PRODUCT


HOWS = {
    "matmul": How(lambda a, b: a @ b),
    "times": How(lambda a, b: a * b),
    "divided": How(lambda a, b: a / b),
    "fraction": How(lambda a, b: a / b, POWER),
    "root": How(np.sqrt, ATOM),
    "scaled": How(lambda a, b: a * b),
    "added": How(lambda a, b: a + b, SUM),
    "subtracted": How(lambda a, b: a - b, SUM),
    "negative": How(lambda a: -a, SUM),
    "transposed": How(lambda a: np.swapaxes(a, -1, -2), ATOM),
    "power": How(lambda a, n: a**n, POWER),
    "over_rows": How(lambda a: a.sum(axis=-2, keepdims=True) + 0 * a),
    "applied": How(lambda a: a, ATOM),
}


class Printer:
    """Prints one formula, each leaf as it is told."""

    def __init__(self, m: Dialect, leaf_text: LeafText, term_by_term: bool = False) -> None:
        self.m, self.leaf_text, self.term_by_term = m, leaf_text, term_by_term
        self.signs = {  # between two parts
            "matmul": m.beside,
            "times": m.odot,
            "divided": m.oslash,
            "scaled": f" {m.thin}",
            "added": " + ",
            "subtracted": " - ",
        }

    def text(self, formula: Written, least: int) -> str:
        """As one piece, in brackets where it holds together less tightly than its place asks for."""
        pieces, tightness = self.pieces(formula)
        text = "".join(before + piece for before, piece in pieces)
        return self.m.brackets(text) if tightness < least else text

    def pieces(self, formula: Written) -> tuple[Pieces, int]:
        how, parts, m = formula.how, formula.parts, self.m
        if how == "number":
            return [("", number_text(m, float(formula.array)))], SUM if formula.array < 0 else ATOM
        if how == "ones":
            return [("", m.bold(1))], ATOM
        if how == "leaf":
            return [("", self.leaf_text(formula, False))], ATOM
        if how == "transposed":
            inner = parts[0]
            text = self.leaf_text(inner, True) if inner.how == "leaf" else self.text(inner, ATOM + 1) + m.transposed
            return [("", text)], ATOM
        if how == "applied":
            return [("", formula.symbol + m.brackets(self.text(parts[0], SUM)))], ATOM
        if how == "power":
            base = self.text(parts[0], ATOM)
            exponent = number_text(m, float(parts[1].array))
            if is_scalar(parts[0]):
                return [("", base + m.sup(exponent))], POWER
            if int(parts[1].array) == 2:
                return [("", base), (m.odot, base)], PRODUCT
            return [("", base + m.sup(f"{m.odot_sign} {exponent}"))], POWER
        if how == "over_samples":
            return self.over_samples(parts[0], samples_of(parts[0]))
        if how == "fraction":
            return [("", m.fraction(self.text(parts[0], SUM), self.text(parts[1], SUM)))], POWER
        if how == "root":
            return [("", m.root(self.text(parts[0], SUM)))], ATOM
        if how == "over_rows":
            ones = m.bold(1)
            return [("", f"{ones} {m.thin}{ones}{m.transposed} {self.text(parts[0], PRODUCT + 1)}")], PRODUCT
        if how == "negative":
            return [("", "-" + self.text(parts[0], PRODUCT))], SUM
        return self.joined(how, *parts), HOWS[how].tightness

    def over_samples(self, term: Written, samples: int) -> tuple[Pieces, int]:
        if not self.term_by_term:
            single = Printer(self.m, partial(of_one_sample, self.m)).text(term, PRODUCT)
            return [("", f"{self.m.sum_to('s=1', samples)} {single}")], PRODUCT
        pieces: Pieces = []
        for s in range(samples):
            each = Printer(self.m, lambda leaf, transposed, s=s: self.leaf_text(of_sample(leaf, s), transposed))  # type: ignore[misc]
            pieces.append((" + " if s else "", each.text(term, PRODUCT)))
        return pieces, SUM

    def joined(self, how: str, a: Written, b: Written) -> Pieces:
        """Two parts with the sign between them. Products of one kind need no brackets among themselves."""
        sign = self.signs[how]
        if how in ("added", "subtracted"):
            a, b = ones_for(a, b), ones_for(b, a)
            first, _ = self.pieces(a)
            rest, tightness = self.pieces(b)
            if tightness == SUM and (how == "subtracted" or b.how == "negative" or is_number(b)):
                rest = [("", self.text(b, PRODUCT))]
        else:
            plain = a.how == "scaled" or (a.how == how and how != "divided")
            first = self.pieces(a)[0] if plain else [("", self.text(a, POWER))]
            together = how in ("matmul", "times", "scaled") and b.how in (how, "matmul" if how == "scaled" else how)
            rest = self.pieces(b)[0] if together else [("", self.text(b, POWER))]
        if how == "scaled":  # a number stays with its matrix
            return [(first[0][0], "".join(b + text for b, text in first) + sign + rest[0][1]), *rest[1:]]
        return [*first, (sign, rest[0][1]), *rest[1:]]


def ones_for(part: Written, beside: Written) -> Written:
    """A number that is added to a matrix is a matrix of that number: 1 is written as one of ones."""
    if is_number(part) and float(part.array) == 1 and not is_scalar(beside):
        return Written("ones", array=part.array)
    return part


def of_sample(leaf: Written, s: int) -> Written:
    """A leaf's column of one sample."""
    return replace(leaf, array=one_sample(leaf, s, None))


def of_one_sample(m: Dialect, leaf: Written, transposed: bool) -> str:
    symbol = leaf.sampled or leaf.symbol
    return transposed_in(m, symbol) if transposed else symbol


def in_names(m: Dialect, leaf: Written, transposed: bool) -> str:
    return transposed_in(m, leaf.symbol) if transposed else leaf.symbol


def transposed_in(m: Dialect, symbol: str) -> str:
    return (m.brackets(symbol) if "^" in symbol or m.tall[0] in symbol else symbol) + m.transposed


def with_shape(m: Dialect, leaf: Written, transposed: bool) -> str:
    r"""\underbrace{W_2}_{3 \times 2}."""
    text, array = in_names(m, leaf, transposed), np.asarray(leaf.array)
    if array.ndim != 2:
        return text
    return m.underbrace(text, by(m, array.T.shape if transposed else array.shape))


def by(m: Dialect, shape: Sequence[int]) -> str:
    return m.times.join(map(str, shape))


# ---- matrices of texts

MOST = 8  # rows or columns that a matrix is written with in full
SHOWN = 3  # rows or columns of one that is not, before the dots


def matrix(m: Dialect, cells: Sequence[Sequence[str]]) -> str:
    return m.matrix(m.row_break.join(m.cell_break.join(row) for row in cells))


def abbreviated(m: Dialect, cells: list[list[str]], width: float) -> tuple[str, bool]:
    """The matrix, and whether all of it is there: what is too large stands behind dots."""
    rows, columns = len(cells), len(cells[0])
    kept = columns if columns <= MOST else SHOWN
    while kept > 1 and printed_width(matrix(m, cut(m, cells, rows, kept)), m) > width:
        kept = min(kept - 1, columns - 2)
    whole = kept >= columns and rows <= MOST
    return matrix(m, cut(m, cells, rows, max(kept, 1))), whole


def cut(m: Dialect, cells: list[list[str]], rows: int, kept: int) -> list[list[str]]:
    """The first rows and columns, dots, and the last of each."""
    columns = len(cells[0])
    narrow = [[*row[:kept], m.cdots, row[-1]] if kept < columns - 1 else list(row) for row in cells]
    if rows <= MOST:
        return narrow
    dots = [m.ddots if cell == m.cdots else m.vdots for cell in narrow[0]]
    return [*narrow[:SHOWN], dots, narrow[-1]]


# ---- a slope as textbooks print it


def of_pattern(pattern: Any, slots: Sequence[Written]) -> Written:
    """The same formula on matrices, entry by entry.

    A slope is stated for one entry, and may be in cases or in functions that matrices have no common sign for: those
    are NotWritten, and the page keeps f'(z).
    """
    if pattern.is_Symbol:
        return slots[int(pattern.name[1:])]
    if pattern.is_Rational or pattern.is_Float:
        return number(float(pattern))
    if pattern.is_Add:
        first, *rest = (of_pattern(part, slots) for part in sorted(pattern.args, key=is_negative))
        for part in rest:
            first = first + part
        return first
    if pattern.is_Mul:
        above = [of_pattern(part, slots) for part in pattern.args if not is_reciprocal(part)]
        below = [of_pattern(1 / part, slots) for part in pattern.args if is_reciprocal(part)]
        return products(above, below)
    if pattern.is_Pow and pattern.exp.is_Integer:
        base = of_pattern(pattern.base, slots)
        return base ** int(pattern.exp) if pattern.exp > 0 else 1 / base ** int(-pattern.exp)
    raise NotWritten(type(pattern).__name__)


def products(above: list[Written], below: list[Written]) -> Written:
    numbers = [part for part in above if is_number(part)]
    found: Any = float(np.prod([float(part.array) for part in numbers])) if numbers else 1
    rest = [part for part in above if not is_number(part)]
    whole: Any = None
    for part in rest:
        whole = part if whole is None else whole * part
    for part in below:
        whole = (1 if whole is None else whole) / part
    return as_written(found if whole is None else found * whole)
