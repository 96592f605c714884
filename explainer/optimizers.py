"""How a parameter is updated: each rule a few lines, each line written once, for numbers and for SymPy alike.

A line finds one quantity from others by name: `w` the parameter, `g` its gradient, the numbers of the optimizer by
their names, a state by its name (as found in this iteration) or with `_old` (as the iteration before left it, 0 at
first), and `t`, the number of the iteration. The last line of every rule finds the new parameter.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from inspect import signature
from typing import Any, NamedTuple

import numpy as np

from .lazy import Lazy
from .ops import in_turn, times
from .problem import Choice

sp: Any = Lazy("sympy")


class Line(NamedTuple):
    """One line of a rule: what it finds, and how."""

    finds: str
    rule: Callable[..., Any]

    @property
    def names(self) -> list[str]:
        """What the rule reads, in order; `t` is a number known beforehand."""
        return [name for name in signature(self.rule).parameters if name != "t"]

    def at(self, t: int, found: Mapping[str, Any]) -> Any:
        """What the line finds, from everything found so far."""
        iteration = {"t": t} if "t" in signature(self.rule).parameters else {}
        return self.rule(**{name: found[name] for name in self.names}, **iteration)


def root(x: Any) -> Any:
    if hasattr(x, "root"):  # a written matrix
        return x.root()
    return np.sqrt(x) if isinstance(x, np.ndarray | float) else sp.sqrt(x)


RULES: dict[str, tuple[Line, ...]] = {
    "sgd": (Line("w", lambda w, learning_rate, g: w - learning_rate * g),),
    "momentum": (
        Line("v", lambda beta, v_old, g: in_turn(beta * v_old, g)),
        Line("w", lambda w, learning_rate, v: w - learning_rate * v),
    ),
    "momentum, averaged": (
        Line("v", lambda beta, v_old, g: in_turn(beta * v_old, times(1 - beta, g))),
        Line("w", lambda w, learning_rate, v: w - learning_rate * v),
    ),
    "nesterov": (
        Line("v", lambda beta, v_old, g: in_turn(beta * v_old, g)),
        Line("w", lambda w, learning_rate, g, beta, v: w - times(learning_rate, in_turn(g, beta * v))),
    ),
    "adagrad": (
        Line("s", lambda s_old, g: in_turn(s_old, g**2)),
        Line("w", lambda w, learning_rate, g, s, epsilon: w - learning_rate * g / in_turn(root(s), epsilon)),
    ),
    "rmsprop": (
        Line("s", lambda beta, s_old, g: in_turn(beta * s_old, times(1 - beta, g**2))),
        Line("w", lambda w, learning_rate, g, s, epsilon: w - learning_rate * g / in_turn(root(s), epsilon)),
    ),
    "adam": (
        Line("m", lambda beta1, m_old, g: in_turn(beta1 * m_old, times(1 - beta1, g))),
        Line("v", lambda beta2, v_old, g: in_turn(beta2 * v_old, times(1 - beta2, g**2))),
        Line("m_hat", lambda m, beta1, t: m / (1 - beta1**t)),
        Line("v_hat", lambda v, beta2, t: v / (1 - beta2**t)),
        Line(
            "w",
            lambda w, learning_rate, m_hat, v_hat, epsilon: w - learning_rate * m_hat / in_turn(root(v_hat), epsilon),
        ),
    ),
}
STATES = ("m", "v", "s", "m_hat", "v_hat")


def rule_of(choice: Choice) -> tuple[Line, ...]:
    """The lines of an optimizer."""
    averaged = choice.name == "momentum" and choice.numbers.get("averaged")
    return RULES["momentum, averaged" if averaged else choice.name]


def carried_states(rule: tuple[Line, ...]) -> list[str]:
    """The states that the next iteration reads."""
    return [line.finds for line in rule if any(f"{line.finds}_old" in other.names for other in rule)]
