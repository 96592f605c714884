"""Formulas as text, in the form in which they were written: nothing is sorted, folded or multiplied out."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from .dialects import Dialect
from .digits import number_in
from .expressions import ATOM, POWER, PRODUCT, SUM, Tree, read_once, substituted, symbol

CALLED = {"log": "ln", "asin": "arcsin", "acos": "arccos", "atan": "arctan", "sign": "sgn"}  # otherwise by the name
BASES = {"log10": 10, "log2": 2}
SPELT_OUT = {"sigmoid": "1/(1 + exp(-u))", "softplus": "ln(1 + exp(u))", "relu": "max(0, u)"}  # where numbers stand
BARE = ("sin", "cos", "tan", "sinh", "cosh", "tanh", "ln", "log")  # their powers are written \sin^{2}(x)


class FormulaText:
    """Prints formulas. `atom` gives the text of a name, and is told whether it stands alone.

    In numbers there is a cross between all factors. `euler` is whether e is free for 2.718..., otherwise exp is written.
    """

    def __init__(
        self, m: Dialect, atom: Callable[[str, bool], str], in_numbers: bool = False, euler: bool = True
    ) -> None:
        self.m, self.atom, self.in_numbers, self.euler = m, atom, in_numbers, euler

    def text(self, tree: Tree, least: int = SUM) -> str:
        """The formula, in brackets where it holds together less tightly than its place asks for."""
        text, tightness = self.made(tree, least)
        return text if tightness >= least else self.m.brackets(text)

    def made(self, tree: Tree, least: int) -> tuple[str, int]:
        if tree.kind == "number":
            return number_in(self.m, tree.text.lower()), PRODUCT if "e" in tree.text.lower() else ATOM
        if tree.kind == "name":
            return self.m.pi if tree.text == "pi" else self.atom(tree.text, least == SUM), ATOM
        return PRINT[tree.kind](self, tree)

    def sum(self, tree: Tree) -> tuple[str, int]:
        text = ""
        for part in tree.parts:
            negative = part.kind == "minus"
            sign = " - " if negative else " + "
            text += sign + self.text(part.parts[0] if negative else part, PRODUCT)
        return ("-" + text[3:] if text.startswith(" - ") else text[3:]), SUM

    def minus(self, tree: Tree) -> tuple[str, int]:
        return "-" + self.text(tree.parts[0], PRODUCT), SUM

    def product(self, tree: Tree) -> tuple[str, int]:
        texts = [self.text(part, POWER) for part in tree.parts]
        text = texts[0]
        for before, each in zip(texts, texts[1:], strict=False):
            text += self.between(before, each) + each
        return text, PRODUCT

    def between(self, before: str, after: str) -> str:
        if self.in_numbers:
            return self.m.times
        signed = after.startswith(self.m.signed) or before.endswith(self.m.tall_ends)
        return self.m.dot if signed or after[0] in ".0123456789" or after.startswith(self.m.tall[0]) else " "

    def quotient(self, tree: Tree) -> tuple[str, int]:
        above, below = tree.parts
        return self.m.fraction(self.text(above), self.text(below)), POWER

    def power(self, tree: Tree) -> tuple[str, int]:
        base, exponent = tree.parts
        if base.kind == "call" and base.text in BARE and not self.in_numbers and exponent.kind == "number":
            raised = self.called(base.text) + self.m.sup(self.text(exponent))
            return raised + self.m.brackets_low(self.text(base.parts[0])), POWER
        return self.text(base, ATOM) + self.m.sup(self.text(exponent)), POWER

    def called(self, function: str) -> str:
        """The name of a function, with the base of a logarithm."""
        if function in BASES:
            return self.m.called("log") + self.m.sub(BASES[function])
        return self.m.called(CALLED.get(function, function))

    def call(self, tree: Tree) -> tuple[str, int]:
        name, parts = tree.text, tree.parts
        if self.in_numbers and name in SPELT_OUT:
            return self.made(substituted(read_once(SPELT_OUT[name]), {symbol("u"): parts[0]}), SUM)
        if name == "exp":
            inner = self.text(parts[0])
            return ("e" + self.m.sup(inner) if self.euler else self.m.called("exp") + self.m.brackets(inner)), POWER
        if name == "sqrt":
            return self.m.root(self.text(parts[0])), ATOM
        if name == "abs":
            return self.m.bars_tall(self.text(parts[0])), ATOM
        if name.startswith("share_of_"):
            first, *others = parts
            rivals = others[0] if len(others) == 1 else Tree("call", tuple(others), name.removeprefix("share_of_"))
            pair = (first, rivals) if name.endswith("max") else (rivals, first)
            ahead = Tree("sum", (pair[0], Tree("minus", (pair[1],))))
            return self.m.called("H") + self.m.brackets(self.text(ahead)), POWER
        return self.called(name) + self.m.brackets(self.m.comma.join(map(self.text, parts))), POWER


PRINT: Mapping[str, Callable[[FormulaText, Tree], tuple[str, int]]] = {
    "sum": FormulaText.sum,
    "minus": FormulaText.minus,
    "product": FormulaText.product,
    "quotient": FormulaText.quotient,
    "power": FormulaText.power,
    "call": FormulaText.call,
}
