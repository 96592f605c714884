"""What stands between the name and the value of a line: an expression, worked out with the writer's own numbers."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import product

import numpy as np

from ..expressions import FUNCTIONS, NotAFormula, Tree, exact, names, read, subtrees
from ..expressions import value as tree_value
from .numerals import NUMERAL, numeral

MOST_LITERALS = 60
SPELLINGS = {"sigmoid": "sigmoid", "sigma": "sigmoid", "sig": "sigmoid", "sgm": "sigmoid", "expit": "sigmoid"}
CONSTANTS = {"e": np.e}
# A name of a derivative or a weight inside an expression: dE/dY6, W_{36}, w3,6', E'.
WRITTEN_NAME = r"[A-Za-z]\w*(?:_?\{[^}]*\}|\[[^\]]*\])?"
QUANTITY = re.compile(
    rf"\(d\s*{WRITTEN_NAME}\)\s*/\s*\(d\s*{WRITTEN_NAME}\)|d{WRITTEN_NAME}/d{WRITTEN_NAME}|{WRITTEN_NAME}'*"
)
QUANTITY_OR_NUMBER = re.compile(rf"(?P<number>{NUMERAL.pattern.removeprefix('[+-]?')})|{QUANTITY.pattern}")


@dataclass(frozen=True)
class Expression:
    """An expression of a line. `literals`: its numbers as written; `symbols`: its names, and the quantities they are."""

    text: str
    tree: Tree
    literals: tuple[str, ...]
    symbols: Mapping[str, int]

    @property
    def in_numbers(self) -> bool:
        """Whether it speaks of no quantity by name."""
        return not self.symbols


def expression(text: str, find: Callable[[str], int | None]) -> Expression | None:
    """The expression that a text writes; None where it is none that can be worked out. `find` knows names."""
    symbols: dict[str, int] = {}

    def replaced(found: re.Match[str]) -> str:
        written = found[0]
        if found["number"]:
            return written
        word = re.sub(r"\W", "", written)
        after = found.string[found.end() :].lstrip()[:1]
        if word in SPELLINGS and after in ("(", "{"):
            return SPELLINGS[word]
        if (word in FUNCTIONS and after in ("(", "{")) or word == "pi":
            return word
        if written in CONSTANTS and after == "^":
            return written
        number = find(written)
        if number is None:
            raise NotAFormula(f"unknown name {written}", "")
        symbols.setdefault(f"q{number}", number)
        return f"q{number}"

    try:
        tree = read(explicit(QUANTITY_OR_NUMBER.sub(replaced, text)))
    except (NotAFormula, ValueError, OverflowError):
        return None
    literals = tuple(part.text for part in subtrees(tree) if part.kind == "number")
    if len(literals) > MOST_LITERALS or set(names(tree)) - set(symbols) - set(CONSTANTS):
        return None
    return Expression(text, tree, literals, symbols)


def explicit(text: str) -> str:
    """The expression with the signs put in that people leave out: 2(0.3), (1)(2), e^{-z}, square brackets."""
    text = text.replace("{", "(").replace("}", ")").replace("[", "(").replace("]", ")")
    text = re.sub(r"\|([^|]+)\|", r"abs(\1)", text)
    text = re.sub(r"(?<=[\d.)])\s*(?=\()", "*", text)
    text = re.sub(r"(?<=\))\s*(?=[\dA-Za-z])", "*", text)
    return re.sub(r"(?<=[\w.])\s+(?=[A-Za-z])", "*", text)


def worked_out(found: Expression, quantities: Mapping[int, float]) -> float | None:
    """The value of the expression with the writer's own numbers for its names; None where it has none."""
    known = {**CONSTANTS, **{name: quantities[number] for name, number in found.symbols.items()}}
    try:
        number = float(tree_value(found.tree, known))
    except (ValueError, OverflowError, ZeroDivisionError):
        return None
    return number if np.isfinite(number) else None


def uncertainty(found: Expression, quantities: Mapping[int, float], known: Callable[[str], bool]) -> float:
    """How far the value can move while each number in it that is nobody's own is anything that rounds to it.

    `known` says which numbers are exact: given ones, and those that stand on the sheet.
    """
    base = worked_out(found, quantities)
    loose = [text for text in dict.fromkeys(found.literals) if "." in text and not known(text)]
    if base is None or not loose:
        return 0.0
    moved = 0.0
    for text, side in product(loose, (-1, 1)):
        half = numeral(text)
        assert half is not None
        shifted = Tree("number", text=f"{max(float(exact(text)) + side * half.half, 0.0):.17g}")
        tree = _with(found.tree, text, shifted)
        value = worked_out(Expression(found.text, tree, found.literals, found.symbols), quantities)
        moved += abs(value - base) / 2 if value is not None else 0.0
    return moved


def _with(tree: Tree, text: str, other: Tree) -> Tree:
    if tree.kind == "number" and tree.text == text:
        return other
    return Tree(tree.kind, tuple(_with(part, text, other) for part in tree.parts), tree.text, tree.place)
