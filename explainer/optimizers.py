"""How a parameter is updated: each rule written once, for numbers and for SymPy alike.

A rule takes the parameter w, the learning rate eta and the gradient g; `formula` is the same rule with slots for
them, in that order.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .formulas import slot

RULES: dict[str, Callable[..., Any]] = {
    "sgd": lambda w, eta, g: w - eta * g,
}


def formula(name: str) -> Any:
    """The rule as a pattern: _0 is w, _1 eta, _2 g."""
    return RULES[name](slot(0), slot(1), slot(2))
