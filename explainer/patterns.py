"""Formulas that somebody wrote, as patterns: opaque to SymPy, so that they are printed as they were written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sympy as sp
from sympy.core.symbol import Str

from .derivatives import tidied
from .expressions import ONE, SLOPES, ZERO, Tree, call, names, number, read_once, substituted, subtrees, symbol, written


class Written(sp.Expr):  # type: ignore[misc]  # SymPy has no types
    """A formula over s0, s1, ..., as text, and the slots that stand for these."""

    is_commutative = True
    is_real = True

    def __new__(cls, text: Any, *slots: Any) -> Any:
        return sp.Expr.__new__(cls, text, *slots)

    @property
    def tree(self) -> Tree:
        return read_once(str(self.args[0]))

    @property
    def slots(self) -> dict[str, Any]:
        """What stands for each name."""
        return {f"s{k}": slot for k, slot in enumerate(self.args[1:])}


def pattern_of(tree: Tree, slots: Mapping[str, Any]) -> Any:
    """The formula as a pattern; where a slope depends on which side of a kink one is, with a case for each side."""
    flat = next((part for part in subtrees(tree) if part.kind == "call" and part.text in SLOPES), None)
    if flat is None:
        return plain_pattern(tree, slots)
    first, *others = flat.parts
    if flat.text.startswith("share_of_") and len(others) > 1:
        return shared_pattern(tree, slots, flat)
    if flat.text.startswith("share_of_"):
        which = flat.text.removeprefix("share_of_")
        (rival,) = others
        back = call(flat.text, rival, first)  # what the rival has of the slope
        half = number("0.5")
        sides = [(ONE, ZERO, which == "max"), (ZERO, ONE, which != "max")]
        tests = [(first, rival) if ahead else (rival, first) for _, _, ahead in sides]
        cases = [({flat: own, back: other}, test) for (own, other, _), test in zip(sides, tests, strict=True)]
        last = {flat: half, back: half}
    elif flat.text == "step":
        cases, last = [({flat: ONE}, (first, ZERO))], {flat: ZERO}
    else:
        minus_one = Tree("minus", (ONE,))
        cases, last = [({flat: ONE}, (first, ZERO)), ({flat: minus_one}, (ZERO, first))], {flat: ZERO}
    pairs = [
        (pattern_of(tidied(substituted(tree, found)), slots), greater(*(plain_pattern(side, slots) for side in test)))
        for found, test in cases
    ]
    return sp.Piecewise(*pairs, (pattern_of(tidied(substituted(tree, last)), slots), True), evaluate=False)


def shared_pattern(tree: Tree, slots: Mapping[str, Any], flat: Tree) -> Any:
    """As `pattern_of`, of the share of one among several: among ties the slope is divided by how many there are."""
    which = flat.text.removeprefix("share_of_")
    first, *others = flat.parts

    def having(share: Tree) -> Any:
        return pattern_of(tidied(substituted(tree, {flat: share})), slots)

    def compared(one: Tree, rest: list[Tree], ahead: Any, behind: Any, level: Any) -> Any:
        """Three cases: whether one of the arguments is ahead of the rest, behind them, or level with the best."""
        rival = rest[0] if len(rest) == 1 else call(which, *rest)
        sides = [plain_pattern(each, slots) for each in (one, rival)]
        above, below = sides if which == "max" else sides[::-1]
        return sp.Piecewise(
            (ahead, greater(above, below)), (behind, greater(below, above)), (level, True), evaluate=False
        )

    def divided(ties: int, rest: list[Tree]) -> Any:
        """The share where so many are level, and some of the rest with them."""
        if len(rest) == 1:
            return having(Tree("quotient", (ONE, number(str(ties + 1)))))
        one, *last = rest
        alone = having(Tree("quotient", (ONE, number(str(ties + 1)))))
        return compared(one, last, alone, divided(ties, last), divided(ties + 1, last))

    return compared(first, others, having(ONE), having(ZERO), divided(1, others))


def greater(left: Any, right: Any) -> Any:
    return sp.StrictGreaterThan(left, right, evaluate=False)


def plain_pattern(tree: Tree, slots: Mapping[str, Any]) -> Any:
    if tree.kind == "name" and tree.text in slots:
        return slots[tree.text]
    if tree in (ZERO, ONE):
        return sp.Integer(tree.text)
    used = names(tree)
    own = substituted(tree, {symbol(each): symbol(f"s{k}") for k, each in enumerate(used)})
    return Written(Str(written(own)), *(slots[each] for each in used))
