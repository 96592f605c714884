"""Formulas as TeX, in the form in which they were written: nothing is sorted, folded or multiplied out."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from .digits import tex_power
from .expressions import ATOM, POWER, PRODUCT, SUM, Tree, read_once, substituted, symbol

NAMED = {
    **{name: rf"\{name}" for name in ("ln", "sin", "cos", "tan", "sinh", "cosh", "tanh", "max", "min")},
    "log": r"\ln",
    "log10": r"\log_{10}",
    "log2": r"\log_{2}",
    "asin": r"\arcsin",
    "acos": r"\arccos",
    "atan": r"\arctan",
    **{name: rf"\operatorname{{{name}}}" for name in ("erf", "sigmoid", "softplus", "relu", "step")},
    "sign": r"\operatorname{sgn}",
}
SPELT_OUT = {"sigmoid": "1/(1 + exp(-u))", "softplus": "ln(1 + exp(u))", "relu": "max(0, u)"}  # where numbers stand
BARE = ("sin", "cos", "tan", "sinh", "cosh", "tanh", "ln", "log")  # their powers are written \sin^{2}(x)


class FormulaTex:
    """Prints formulas. `atom` gives the text of a name, and is told whether it stands alone.

    In numbers there is a cross between all factors. `euler` is whether e is free for 2.718..., otherwise exp is written.
    """

    def __init__(self, atom: Callable[[str, bool], str], in_numbers: bool = False, euler: bool = True) -> None:
        self.atom, self.in_numbers, self.euler = atom, in_numbers, euler

    def text(self, tree: Tree, least: int = SUM) -> str:
        """The formula, in brackets where it holds together less tightly than its place asks for."""
        text, tightness = self.made(tree, least)
        return text if tightness >= least else in_brackets(text)

    def made(self, tree: Tree, least: int) -> tuple[str, int]:
        if tree.kind == "number":
            return tex_power(tree.text.lower()), PRODUCT if "e" in tree.text.lower() else ATOM
        if tree.kind == "name":
            return r"\pi" if tree.text == "pi" else self.atom(tree.text, least == SUM), ATOM
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
            return r" \times "
        signed = after.startswith(("(-", r"\left(-")) or before.endswith(r"\right)")
        return r" \cdot " if signed or after[0] in ".0123456789" or after.startswith(r"\frac") else " "

    def quotient(self, tree: Tree) -> tuple[str, int]:
        above, below = tree.parts
        return rf"\frac{{{self.text(above)}}}{{{self.text(below)}}}", POWER

    def power(self, tree: Tree) -> tuple[str, int]:
        base, exponent = tree.parts
        if base.kind == "call" and base.text in BARE and not self.in_numbers and exponent.kind == "number":
            return f"{NAMED[base.text]}^{{{self.text(exponent)}}}({self.text(base.parts[0])})", POWER
        return f"{self.text(base, ATOM)}^{{{self.text(exponent)}}}", POWER

    def call(self, tree: Tree) -> tuple[str, int]:
        name, parts = tree.text, tree.parts
        if self.in_numbers and name in SPELT_OUT:
            return self.made(substituted(read_once(SPELT_OUT[name]), {symbol("u"): parts[0]}), SUM)
        if name == "exp":
            inner = self.text(parts[0])
            return (f"e^{{{inner}}}", POWER) if self.euler else (rf"\exp{in_brackets(inner)}", POWER)
        if name == "sqrt":
            return rf"\sqrt{{{self.text(parts[0])}}}", ATOM
        if name == "abs":
            return rf"\left|{self.text(parts[0])}\right|", ATOM
        if name.startswith("share_of_"):
            first, *others = parts
            rivals = others[0] if len(others) == 1 else Tree("call", tuple(others), name.removeprefix("share_of_"))
            pair = (first, rivals) if name.endswith("max") else (rivals, first)
            ahead = Tree("sum", (pair[0], Tree("minus", (pair[1],))))
            return rf"\operatorname{{H}}{in_brackets(self.text(ahead))}", POWER
        return f"{NAMED[name]}{in_brackets(', '.join(map(self.text, parts)))}", POWER


PRINT: Mapping[str, Callable[[FormulaTex, Tree], tuple[str, int]]] = {
    "sum": FormulaTex.sum,
    "minus": FormulaTex.minus,
    "product": FormulaTex.product,
    "quotient": FormulaTex.quotient,
    "power": FormulaTex.power,
    "call": FormulaTex.call,
}


def in_brackets(text: str) -> str:
    return rf"\left({text}\right)" if r"\frac" in text else f"({text})"
