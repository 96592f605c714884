"""Formulas that somebody wrote: read by a reader of our own, kept as trees as they were written, and worked out.

tree      a formula: numbers and names, and what is done with them
name      a quantity that the formula may speak of; no other word means anything
function  one row of FUNCTIONS: its value, its slope, and how SymPy calls it

Nothing is ever evaluated as code. A formula is scanned into tokens, read by precedence, and held to limits before any
arithmetic is done: what would take for ever, or has no value, is refused at its line and column.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from fractions import Fraction
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from .lazy import Lazy

if TYPE_CHECKING:
    import sympy as sp
else:
    sp = Lazy("sympy")

Array = np.ndarray[Any, np.dtype[Any]]

MAX_CHARACTERS = 2000
MAX_TOKENS = 600
MAX_DEPTH = 60
MAX_DIGITS = 30  # of one number
MAX_TEN = 300  # the largest power of ten of a number
MAX_POWER = 64
MAX_BITS = 2048  # of an exact constant


class NotAFormula(Exception):
    """Why a text is no formula, and where in it: `found` and `remedy` are the halves of a fault."""

    def __init__(self, found: str, remedy: str, line: int = 1, column: int = 1) -> None:
        super().__init__(f"{line}:{column}: {found}; {remedy}")
        self.found, self.remedy, self.line, self.column = found, remedy, line, column


# ---- trees


@dataclass(frozen=True)
class Tree:
    """A formula as it was written.

    A sum or a product has all its terms or factors side by side; what is subtracted is a term with a minus.
    """

    kind: str  # number, name, call, sum, product, quotient, power, minus
    parts: tuple[Tree, ...] = ()
    text: str = ""  # the number as written, the name, or the function's name
    place: tuple[int, int] = field(default=(1, 1), compare=False)  # line and column where it stands


def number(value: int | Fraction | str) -> Tree:
    """A number; a fraction that ends is written as a decimal, one that does not as a quotient."""
    if isinstance(value, str):
        return Tree("number", text=value)
    if value < 0:
        return Tree("minus", (number(-value),))
    exact = Fraction(value)
    if exact.denominator == 1:
        return Tree("number", text=str(exact.numerator))
    return Tree("quotient", (number(exact.numerator), number(exact.denominator)))


def symbol(text: str) -> Tree:
    return Tree("name", text=text)


def call(function: str, *parts: Tree) -> Tree:
    return Tree("call", parts, function)


ZERO, ONE = number(0), number(1)


def subtrees(tree: Tree) -> Iterator[Tree]:
    """The tree and everything in it, the parts of a tree after it."""
    stack = [tree]
    while stack:
        found = stack.pop()
        yield found
        stack.extend(reversed(found.parts))


def depth(tree: Tree) -> int:
    """How many levels the formula has; without recursion, since it may have too many."""
    deepest, level = 0, [tree]
    while level:
        deepest += 1
        level = [part for each in level for part in each.parts]
    return deepest


def names(tree: Tree) -> list[str]:
    """The names in a formula, in the order in which they are first met."""
    return list(dict.fromkeys(part.text for part in subtrees(tree) if part.kind == "name" and part.text != "pi"))


def substituted(tree: Tree, found: Mapping[Tree, Tree]) -> Tree:
    """The tree with some of its subtrees replaced."""
    if tree in found:
        return found[tree]
    return replace(tree, parts=tuple(substituted(part, found) for part in tree.parts)) if tree.parts else tree


def exact(text: str) -> Fraction:
    """The number that a decimal says, exactly."""
    mantissa, _, exponent = text.lower().partition("e")
    whole, _, decimals = mantissa.partition(".")
    return Fraction(int((whole + decimals) or "0"), 10 ** len(decimals)) * Fraction(10) ** int(exponent or 0)


# ---- functions


def sigmoid(z: Array) -> Array:
    """1/(1 + exp(-z)) without overflow; complex z too."""
    if not np.iscomplexobj(z):
        small = np.exp(-np.abs(z))
        return np.asarray(np.where(z > 0, 1, small) / (1 + small))
    small = np.exp(np.where(z.real > 0, -z, z))
    return np.asarray(np.where(z.real > 0, 1, small) / (1 + small))


def softplus(z: Array) -> Array:
    """ln(1 + exp(z)) without overflow; complex z too."""
    return np.asarray(np.where(z.real > 0, z, 0) + np.log1p(np.exp(np.where(z.real > 0, -z, z))))


def size(z: Array) -> Array:
    return np.asarray(np.where(z.real < 0, -z, z))


def erf(z: Array) -> Array:
    """The error function; of z + ih, with h so small that its square is nothing, too."""
    found = np.vectorize(math.erf, otypes=[float])(z.real)
    slope = 2 / math.sqrt(math.pi) * np.exp(-(z.real**2))
    return np.asarray(found + 1j * z.imag * slope if np.iscomplexobj(z) else found)


def one_plus_erf(z: Array) -> Array:
    """1 + erf(z), with all its digits where erf(z) is nearly -1."""
    found = np.vectorize(math.erfc, otypes=[float])(-z.real)
    return np.asarray(found + (erf(z) - erf(z.real)) if np.iscomplexobj(z) else found)


def larger(a: Array, b: Array) -> Array:
    return np.asarray(np.where(a.real >= b.real, a, b))


def largest(first: Array, *others: Array) -> Array:
    found = first
    for other in others:
        found = larger(found, other)
    return found


def share(first: Array, *others: Array) -> Array:
    """The slope of max in its first argument: 1 where that is the largest, shared equally among ties, otherwise 0."""
    top = largest(first, *others).real
    ties = sum(each.real == top for each in (first, *others))
    return np.asarray(np.where(first.real == top, 1 / ties, 0.0))


def share_in_sympy(first: Any, *others: Any) -> Any:
    """The same in SymPy, for one rival or for rivals that do not tie among themselves."""
    rival = sp.Max(*others)
    return sp.Piecewise((1, first > rival), (0, first < rival), (sp.Rational(1, 2), True))


class Function(NamedTuple):
    """One function. `slope` is its derivative in its argument u, written as one would read it."""

    value: Callable[..., Array]
    slope: str = ""
    sympy: Callable[..., Any] | None = None
    most: int = 1  # how many arguments it may have
    exists: Callable[[Fraction], bool] = lambda u: True  # whether it has a value at a constant
    computed: str = ""  # the slope in a form that keeps its digits where `slope` cancels
    kinked: bool = False


def positive(u: Fraction) -> bool:
    return u > 0


def in_range(u: Fraction) -> bool:
    return abs(u) <= 709


def up_to_one(u: Fraction) -> bool:
    return abs(u) <= 1


FUNCTIONS: dict[str, Function] = {
    "exp": Function(np.exp, "exp(u)", lambda u: sp.exp(u), exists=in_range),
    "ln": Function(np.log, "1/u", lambda u: sp.log(u), exists=positive),
    "log": Function(np.log, "1/u", lambda u: sp.log(u), exists=positive),
    "log10": Function(
        lambda u: np.log(u) / math.log(10), "1/(u*ln(10))", lambda u: sp.log(u) / sp.log(10), 1, positive
    ),
    "log2": Function(lambda u: np.log(u) / math.log(2), "1/(u*ln(2))", lambda u: sp.log(u) / sp.log(2), 1, positive),
    "sqrt": Function(np.sqrt, "1/(2*sqrt(u))", lambda u: sp.sqrt(u), exists=lambda u: u >= 0),
    "abs": Function(size, "sign(u)", lambda u: sp.Abs(u), kinked=True),
    "sin": Function(np.sin, "cos(u)", lambda u: sp.sin(u)),
    "cos": Function(np.cos, "-sin(u)", lambda u: sp.cos(u)),
    "tan": Function(np.tan, "1/cos(u)^2", lambda u: sp.tan(u)),
    "asin": Function(np.arcsin, "1/sqrt(1-u^2)", lambda u: sp.asin(u), exists=up_to_one),
    "acos": Function(np.arccos, "-1/sqrt(1-u^2)", lambda u: sp.acos(u), exists=up_to_one),
    "atan": Function(np.arctan, "1/(1+u^2)", lambda u: sp.atan(u)),
    "sinh": Function(np.sinh, "cosh(u)", lambda u: sp.sinh(u), exists=in_range),
    "cosh": Function(np.cosh, "sinh(u)", lambda u: sp.cosh(u), exists=in_range),
    "tanh": Function(np.tanh, "1-tanh(u)^2", lambda u: sp.tanh(u), computed="1/cosh(u)^2"),
    "erf": Function(erf, "2/sqrt(pi)*exp(-u^2)", lambda u: sp.erf(u)),
    "sigmoid": Function(
        sigmoid, "sigmoid(u)*(1-sigmoid(u))", lambda u: 1 / (1 + sp.exp(-u)), computed="sigmoid(u)*sigmoid(-u)"
    ),
    "softplus": Function(softplus, "sigmoid(u)", lambda u: sp.log(1 + sp.exp(u))),
    "relu": Function(
        lambda u: np.where(u.real > 0, u, 0.0), "step(u)", lambda u: sp.Piecewise((u, u > 0), (0, True)), kinked=True
    ),
    "max": Function(largest, sympy=lambda *u: sp.Max(*u), most=16, kinked=True),
    "min": Function(lambda *u: -largest(*(-each for each in u)), sympy=lambda *u: sp.Min(*u), most=16, kinked=True),
}
# What slopes are made of beside these; nobody can write them, and they are flat, so that their own slope is 0.
SLOPES: dict[str, Function] = {
    "sign": Function(lambda u: np.sign(u.real), sympy=lambda u: sp.sign(u)),
    "step": Function(lambda u: np.where(u.real > 0, 1.0, 0.0), sympy=lambda u: sp.Piecewise((1, u > 0), (0, True))),
    "share_of_max": Function(share, sympy=share_in_sympy, most=16),
    "share_of_min": Function(
        lambda *u: share(*(-each for each in u)), sympy=lambda *u: share_in_sympy(*(-each for each in u)), most=16
    ),
}
SEVERAL = ("max", "min")


def is_kinked(tree: Tree) -> bool:
    """Whether the formula is made with a function that has a kink somewhere."""
    return any(
        part.kind == "call" and part.text in FUNCTIONS and FUNCTIONS[part.text].kinked for part in subtrees(tree)
    )


def to_kink(tree: Tree, given: Mapping[str, Any]) -> Any:
    """How far the nearest kink is, for each of these numbers: what tells the largest argument from the next."""
    found = np.asarray(np.inf)
    for part in subtrees(tree):
        if part.kind == "call" and part.text in FUNCTIONS and FUNCTIONS[part.text].kinked:
            rivals = [np.real(value(each, given)) for each in part.parts]
            rivals += [] if part.text in SEVERAL else [np.zeros(())]  # |u| and relu bend where u is 0
            ranked = np.sort(np.broadcast_arrays(*rivals), axis=0)
            found = np.minimum(found, ranked[1] - ranked[0] if part.text == "min" else ranked[-1] - ranked[-2])
    return found


# ---- the value of a tree


def value(tree: Tree, given: Mapping[str, Any]) -> Any:
    """The value of the formula with numbers or arrays for its names, by walking the tree. Complex ones and fractions too."""
    fractions = any(np.asarray(each).dtype == object for each in given.values())
    with np.errstate(all="ignore"):  # what is not finite is refused by name, not by warning
        return _value(tree, given, exact if fractions else lambda text: float(exact(text)))


def _value(tree: Tree, given: Mapping[str, Any], number: Callable[[str], Any]) -> Any:
    if tree.kind == "number":
        return np.asarray(number(tree.text))
    if tree.kind == "name":
        return np.asarray(given.get(tree.text, math.pi))
    parts = [_value(part, given, number) for part in tree.parts]
    if tree.kind == "call":
        return np.asarray((FUNCTIONS.get(tree.text) or SLOPES[tree.text]).value(*parts))
    found = parts[0]
    if tree.kind == "minus":
        return -found
    if tree.kind == "power":
        return np.asarray(found ** parts[1])
    for part in parts[1:]:
        found = found + part if tree.kind == "sum" else found * part if tree.kind == "product" else found / part
    return np.asarray(found)


def largest_part(tree: Tree, given: Mapping[str, Any]) -> float:
    """How large the numbers are that a formula adds up: the yardstick for what rounding may do to its value."""
    sizes = [abs(float(value(part, given))) for part in subtrees(tree) if part.kind in ("product", "quotient", "power")]
    return max([size for size in sizes if math.isfinite(size)], default=0.0)


def to_sympy(tree: Tree, symbols: Mapping[str, Any]) -> Any:
    """The formula in SymPy, from which an independent derivative can be had. Its form is SymPy's own."""
    if tree.kind == "number":
        return sp.Rational(*exact(tree.text).as_integer_ratio())
    if tree.kind == "name":
        return symbols.get(tree.text, sp.pi)
    parts = [to_sympy(part, symbols) for part in tree.parts]
    if tree.kind == "call":
        made = (FUNCTIONS.get(tree.text) or SLOPES[tree.text]).sympy
        assert made is not None
        return made(*parts)
    build: dict[str, Callable[..., Any]] = {
        "sum": lambda *terms: sp.Add(*terms),
        "product": lambda *factors: sp.Mul(*factors),
        "quotient": lambda above, below: above / below,
        "power": lambda base, exponent: base**exponent,
        "minus": lambda part: -part,
    }
    return build[tree.kind](*parts)


# ---- tokens

TOKEN = re.compile(
    r"(?P<space>[ \t\r\n]+)"
    r"|(?P<number>(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)"
    r"|(?P<name>[A-Za-zΑ-Ωα-ω][A-Za-zΑ-Ωα-ω0-9_]*)"
    r"|(?P<sign>\*\*|[-+*/^(),×·⋅−÷])",
    re.ASCII,
)
SAME = {"**": "^", "×": "*", "·": "*", "⋅": "*", "−": "-", "÷": "/"}
ALLOWED = "write numbers, names, + - * / ^, brackets and functions such as exp(z)"


class Token(NamedTuple):
    kind: str  # number, name, sign or end
    text: str
    line: int
    column: int

    def fault(self, found: str, remedy: str) -> NotAFormula:
        return NotAFormula(found, remedy, self.line, self.column)


def tokens(text: str, limited: bool = True) -> list[Token]:
    """The pieces of a formula, the end among them. One that we put together ourselves may be longer than one read."""
    if limited and len(text) > MAX_CHARACTERS:
        raise NotAFormula(f"a formula of {len(text):,} characters", f"write at most {MAX_CHARACTERS:,}")
    found: list[Token] = []
    line, start, at = 1, 0, 0
    while at < len(text):
        match = TOKEN.match(text, at)
        here = Token("", "", line, at - start + 1)
        if not match:
            raise here.fault(f"{_character(text[at])} in a formula", _instead(text[at]))
        kind, piece = str(match.lastgroup), match.group()
        if kind == "space":
            lines = piece.count("\n")
            if lines:
                line, start = line + lines, at + piece.rindex("\n") + 1
        else:
            if kind == "number" and limited:
                _check_number(piece, text[match.end() : match.end() + 1], here)
            found.append(Token(kind, SAME.get(piece, piece), *here[2:]))
        if limited and len(found) > MAX_TOKENS:
            raise here.fault(f"a formula of more than {MAX_TOKENS} numbers, names and signs", "split it up")
        at = match.end()
    return [*found, Token("end", "", line, at - start + 1)]


def _check_number(piece: str, after: str, here: Token) -> None:
    mantissa, _, exponent = piece.lower().partition("e")
    if len(mantissa) > MAX_DIGITS + 1:
        raise here.fault(f"a number of {len(mantissa)} digits", f"write at most {MAX_DIGITS}")
    if len(exponent) > 5 or (exponent and abs(int(exponent)) > MAX_TEN):
        shown = exponent if len(exponent) <= 10 else exponent[:8] + "..."
        raise here.fault(f"a number with the power of ten {shown}", f"stay within 1e-{MAX_TEN} and 1e{MAX_TEN}")
    if after == ".":
        raise here.fault("a number with two decimal points", "write one")
    if after and (after.isalpha() or after == "_"):
        remedy = "write its digits side by side" if after == "_" else f"write {piece}*{after}... for a product"
        raise here.fault(f"a number that runs into {after!r}", remedy)


def _character(character: str) -> str:
    if character.isascii() and character.isprintable():
        return f"the character {character!r}"
    kind = unicodedata.category(character)
    what = "the invisible character" if kind in ("Cf", "Cc", "Co", "Cn", "Cs", "Zs", "Zl", "Zp") else "the character"
    shown = f"U+{ord(character):04X} {unicodedata.name(character, '')}".strip()
    return f"{what} {shown}"


def _instead(character: str) -> str:
    near = unicodedata.normalize("NFKC", character)
    if near != character and near.isascii() and near.isprintable():
        return f"write {near}"
    if unicodedata.category(character).startswith(("C", "Z")):
        return "delete it"
    return {"[": "write ( )", "]": "write ( )", "{": "write ( )", "}": "write ( )"}.get(character, ALLOWED)


# ---- reading


def read(text: str, known: Collection[str] | None = None) -> Tree:
    """The formula that `text` writes, over the names in `known` (None: over any names); NotAFormula where it is none."""
    reader = _Reader(tokens(text), known)
    if reader.next.kind == "end":
        raise reader.next.fault("an empty formula", "write a formula such as 1/(1+exp(-z))")
    tree = reader.sum(0)
    if reader.next.kind != "end":
        raise reader.unexpected()
    if depth(tree) > MAX_DEPTH:
        raise NotAFormula(f"a formula nested deeper than {MAX_DEPTH}", "split it up")
    _check_constants(tree)
    return tree


class _Reader:
    """Reads by precedence: a sum of products of powers. A minus binds as in mathematics, -x^2 is -(x^2)."""

    def __init__(
        self, found: list[Token], known: Collection[str] | None, functions: Mapping[str, Function] = FUNCTIONS
    ) -> None:
        self.tokens, self.at, self.known, self.functions = found, 0, known, functions

    @property
    def next(self) -> Token:
        return self.tokens[self.at]

    def take(self) -> Token:
        self.at += 1
        return self.tokens[self.at - 1]

    def is_next(self, *signs: str) -> bool:
        return self.next.kind == "sign" and self.next.text in signs

    def made(self, token: Token, kind: str, parts: tuple[Tree, ...], text: str = "") -> Tree:
        return Tree(kind, parts, text, (token.line, token.column))

    def sum(self, depth: int) -> Tree:
        if depth > MAX_DEPTH:
            raise self.next.fault(f"brackets or signs nested deeper than {MAX_DEPTH}", "split the formula up")
        first = self.next
        terms: list[Tree] = []
        while not terms or self.is_next("+", "-"):
            sign = self.take() if self.is_next("+", "-") else None
            term = self.product(depth)
            terms.append(self.made(sign, "minus", (term,)) if sign and sign.text == "-" else term)
        return terms[0] if len(terms) == 1 else self.made(first, "sum", tuple(terms))

    def product(self, depth: int) -> Tree:
        first = self.next
        found = self.power(depth)
        factors = [found]
        while self.is_next("*", "/"):
            sign = self.take()
            factor = self.power(depth)
            if sign.text == "*":
                factors.append(factor)
                continue
            above = factors[0] if len(factors) == 1 else self.made(first, "product", tuple(factors))
            factors = [self.made(sign, "quotient", (above, factor))]
        if self.next.kind in ("number", "name") or self.is_next("("):
            shown = shortened(self.next.text)
            raise self.next.fault(f"no sign before {shown!r}", f"write * before {shown!r} for a product")
        return factors[0] if len(factors) == 1 else self.made(first, "product", tuple(factors))

    def power(self, depth: int) -> Tree:
        if depth > MAX_DEPTH:
            raise self.next.fault(f"brackets or signs nested deeper than {MAX_DEPTH}", "split the formula up")
        if self.is_next("+", "-"):
            sign = self.take()
            part = self.power(depth + 1)
            return self.made(sign, "minus", (part,)) if sign.text == "-" else part
        base = self.atom(depth)
        if not self.is_next("^"):
            return base
        sign = self.take()
        return self.made(sign, "power", (base, self.power(depth + 1)))

    def atom(self, depth: int) -> Tree:
        token = self.take()
        if token.kind == "number":
            return self.made(token, "number", (), token.text)
        if token.kind == "name":
            return self.called(token, depth) if self.is_next("(") else self.named(token)
        if token.kind == "sign" and token.text == "(":
            inside = self.sum(depth + 1)
            self.close()
            return inside
        self.at -= 1
        raise self.unexpected()

    def named(self, token: Token) -> Tree:
        if token.text == "pi" or (
            token.text in self.known if self.known is not None else token.text not in self.functions
        ):
            return self.made(token, "name", (), token.text)
        shown = shortened(token.text)
        if token.text in self.functions:
            raise token.fault(f"{shown} without an argument", f"write {shown}(...)")
        raise token.fault(f"unknown name {shown!r}", self.suggestion(token.text))

    def called(self, token: Token, depth: int) -> Tree:
        shown = shortened(token.text)
        if token.text not in self.functions:
            if token.text == "pi" or (self.known is not None and token.text in self.known):
                raise self.next.fault(f"no sign after {shown!r}", f"write {shown}*(...) for a product")
            near = get_close_matches(token.text, self.functions, 1)
            have = f"did you mean {near[0]}?" if near else f"there are {', '.join(self.functions)}"
            raise token.fault(f"unknown function {shown!r}", have)
        self.take()
        parts = [] if self.is_next(")") else [self.sum(depth + 1)]
        while self.is_next(","):
            self.take()
            parts.append(self.sum(depth + 1))
        self.close()
        least = 2 if token.text in SEVERAL else 1
        if not least <= len(parts) <= self.functions[token.text].most:
            wanted = "two or more numbers" if token.text in SEVERAL else "one number"
            have = {0: "nothing", 1: "one"}.get(len(parts), str(len(parts)))
            raise token.fault(f"{shown} is of {wanted}, but has {have}", f"give it {wanted}")
        return self.made(token, "call", tuple(parts), token.text)

    def close(self) -> None:
        if not self.is_next(")"):
            if self.next.kind == "end":
                raise self.next.fault("a bracket that is not closed", "write )")
            raise self.unexpected()
        self.take()

    def unexpected(self) -> NotAFormula:
        if self.next.kind == "end":
            return self.next.fault("the formula ends too early", "write what is missing")
        shown = shortened(self.next.text)
        remedy = {")": "write as many ( as )", ",": "use commas between the arguments of max and min alone"}
        return self.next.fault(
            f"{shown!r} where it cannot stand", remedy.get(shown, "write a number or a name before it")
        )

    def suggestion(self, word: str) -> str:
        known = sorted(self.known or ())
        if word in ("e", "E"):
            return "write exp(...) for a power of e"
        near = get_close_matches(word, [*known, "pi", *FUNCTIONS], 1)
        if near:
            return f"did you mean {near[0]}?"
        return f"a formula here may use {', '.join([*known[:8], 'pi'])}"


def shortened(text: str, limit: int = 40) -> str:
    return text if len(text) <= limit else f"{text[: limit - 3]}..."


# ---- constants, held to their limits before anything is computed


def _check_constants(tree: Tree) -> Fraction | None:
    """The exact value of a part without names; refused where it has none, or would be too large. None: not exact."""
    if tree.kind == "number":
        return exact(tree.text)
    if tree.kind == "name":
        return None
    parts = [_check_constants(part) for part in tree.parts]
    found = {"call": _constant_call, "power": _constant_power}.get(tree.kind, _constant_sum)(tree, parts)
    if found is None and not names(tree) and not np.isfinite(value(tree, {})):
        raise _fault(tree, "a part of the formula that has no value", "write what has a value")
    return found


def _fault(tree: Tree, found: str, remedy: str) -> NotAFormula:
    return NotAFormula(found, remedy, *tree.place)


def _constant_call(tree: Tree, parts: list[Fraction | None]) -> None:
    function, first = FUNCTIONS[tree.text], parts[0]
    if first is not None and not function.exists(first):
        why = "too large a number" if function.exists is in_range else "a number that it has no value for"
        raise _fault(tree, f"{tree.text} of {why}", "write one that it has a value for")


def _constant_power(tree: Tree, parts: list[Fraction | None]) -> Fraction | None:
    base, exponent = parts
    if exponent is not None and (abs(exponent) > MAX_POWER or exponent.denominator > 10**MAX_DIGITS):
        raise _fault(tree, f"an exponent beyond {MAX_POWER}", f"stay within {MAX_POWER}")
    if base is None or exponent is None:
        return None
    if base == 0 and exponent <= 0:
        raise _fault(tree, "0 to a power that is not positive", "write a positive exponent")
    if base < 0 and exponent.denominator != 1:
        raise _fault(tree, "a root of a negative number", "take roots of positive numbers")
    if _bits(base) * abs(exponent) > MAX_BITS:
        raise _fault(tree, f"a constant of more than {MAX_BITS} bits", "write smaller numbers")
    return base ** int(exponent) if exponent.denominator == 1 else None


def _constant_sum(tree: Tree, parts: list[Fraction | None]) -> Fraction | None:
    if tree.kind == "quotient" and parts[1] == 0:
        raise _fault(tree, "a division by 0", "divide by another number")
    found = parts[0]
    for part in parts[1:]:
        if found is None or part is None:
            return None
        found = found + part if tree.kind == "sum" else found * part if tree.kind == "product" else found / part
        if _bits(found) > MAX_BITS:
            raise _fault(tree, f"a constant of more than {MAX_BITS} bits", "write smaller numbers")
    return -found if tree.kind == "minus" and found is not None else found


def _bits(number: Fraction) -> int:
    return max(number.numerator.bit_length(), number.denominator.bit_length())


# ---- writing back

SUM, PRODUCT, POWER, ATOM = range(4)  # how tightly a text holds together


def written(tree: Tree, least: int = SUM) -> str:
    """The formula in the grammar that it is read by."""
    text, tightness = _written(tree)
    return text if tightness >= least else f"({text})"


def _written(tree: Tree) -> tuple[str, int]:
    parts = tree.parts
    if tree.kind in ("number", "name"):
        return tree.text, ATOM
    if tree.kind == "call":
        return f"{tree.text}({', '.join(map(written, parts))})", ATOM
    if tree.kind == "sum":
        signs = ("-" if part.kind == "minus" else "+" for part in parts)
        terms = (written(part.parts[0] if part.kind == "minus" else part, PRODUCT) for part in parts)
        text = " ".join(f"{sign} {term}" for sign, term in zip(signs, terms, strict=True))
        return text.removeprefix("+ ").replace("- ", "-", text.startswith("- ")), SUM
    if tree.kind == "minus":
        return f"-{written(parts[0], PRODUCT)}", SUM
    if tree.kind == "product":
        return "*".join([written(parts[0], PRODUCT), *(written(part, POWER) for part in parts[1:])]), PRODUCT
    if tree.kind == "quotient":
        return f"{written(parts[0], PRODUCT)}/{written(parts[1], POWER)}", PRODUCT
    return f"{written(parts[0], ATOM)}^{written(parts[1], POWER)}", POWER


@cache
def read_once(text: str) -> Tree:
    """A formula of our own: of a table, or put together from others."""
    return _Reader(tokens(text, limited=False), None, {**FUNCTIONS, **SLOPES}).sum(0)
