"""The closed set of operations. One operation is one line of a derivation.

Each is stated three ways, and `tests/test_ops.py` holds the second and third to the first:

element  its definition, as a student reads it: one entry of the result, in SymPy
value    the same on whole arrays, in NumPy; arrays may carry further axes in front, one for each copy
vjp      its derivative: from the adjoint of the result to the adjoint of each argument

Arrays are (neurons, samples). An activation or a loss also has the slope that textbooks print, y (1 - y) for the
sigmoid; the test holds it to the same definition. `vjp` may compute the slope in another form, one that keeps its
digits where y (1 - y) cancels: the sigmoid's is s(z) s(-z).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .lazy import Lazy

if TYPE_CHECKING:
    import sympy as sp
else:
    sp = Lazy("sympy")

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True)
class Op:
    """One operation. Arguments are called in the order of `Node.parents`; params by name."""

    name: str
    element: Callable[..., Any]  # (index, *entries, **params) -> Expr; entries[k](*index) is one entry of argument k
    value: Callable[..., Any]  # (*arrays, **params) -> array
    vjp: Callable[..., Any]  # (g, out, *arrays, **params) -> one adjoint for each argument
    slope: Callable[..., Any] | None = None  # (out, *entries) -> d(out)/d(first argument), as textbooks print it
    kinked: bool = False  # not differentiable everywhere: where it is not, `slope` states the convention
    far: Callable[..., Any] | None = None  # the slope in z, for where y is so near its limit that `slope` has no digits


OPS: dict[str, Op] = {}


def define(
    name: str, element: Any, value: Any, vjp: Any, slope: Any = None, kinked: bool = False, far: Any = None
) -> None:
    OPS[name] = Op(name, element, value, vjp, slope, kinked, far)


def total(term: Callable[..., Any], *lengths: Any) -> Any:
    """The sum of term(k, ...) with k from 0 to length - 1, as SymPy's `Sum`."""
    indices = [sp.Symbol(name, integer=True) for name in ("k", "l")[: len(lengths)]]
    return sp.Sum(term(*indices), *((k, 0, n - 1) for k, n in zip(indices, lengths, strict=True)))


# ---- weighted sums

define(
    "weighted_sum",
    lambda at, W, x: total(lambda k: W(at[0], k) * x(k, at[1]), W.shape[1]),
    lambda W, x: W @ x,
    lambda g, out, W, x: (g @ x.T, W.T @ g),
)
define(
    "affine",
    lambda at, W, x, b, bias_input: (
        total(lambda k: W(at[0], k) * x(k, at[1]), W.shape[1]) + bias_input * b(at[0], sp.S.Zero)
    ),
    lambda W, x, b, bias_input: W @ x + bias_input * b,
    lambda g, out, W, x, b, bias_input: (g @ x.T, W.T @ g, bias_input * g.sum(axis=1, keepdims=True)),
)

# ---- activations: y = f(z), entry by entry, with dy/dz written in z and y


def activation(
    name: str, element: Any, value: Any, slope: Any, stable: Any = None, kinked: bool = False, far: Any = None
) -> None:
    """`slope(y, z)` is what the page prints; `stable(y, z)`, where given, is what is computed."""
    rule = stable or slope
    define(name, lambda at, z: element(z(*at)), value, lambda g, y, z: (g * rule(y, z),), slope, kinked, far)


def sigmoid(z: Array) -> Array:
    """1/(1 + exp(-z)) without overflow; complex z too."""
    small = np.exp(np.where(z.real > 0, -z, z))
    return np.asarray(np.where(z.real > 0, 1, small) / (1 + small))


def relu_slope(y: Any, z: Any) -> Any:
    """1 above 0, else 0: at 0 the slope is 0 by convention."""
    return np.where(z > 0, 1.0, 0.0) if isinstance(z, np.ndarray) else sp.Piecewise((1, z > 0), (0, True))


activation("identity", lambda z: z, lambda z: z + 0.0, lambda y, z: y * 0 + 1)
activation(
    "sigmoid",
    lambda z: 1 / (1 + sp.exp(-z)),
    sigmoid,
    lambda y, z: y * (1 - y),
    stable=lambda y, z: sigmoid(z) * sigmoid(-z),
    far=lambda z: sp.exp(-abs(z)) / (1 + sp.exp(-abs(z))) ** 2,
)
activation(
    "tanh",
    lambda z: sp.tanh(z),
    np.tanh,
    lambda y, z: 1 - y**2,
    stable=lambda y, z: 1 / np.cosh(z) ** 2,
    far=lambda z: 4 * sp.exp(-2 * abs(z)) / (1 + sp.exp(-2 * abs(z))) ** 2,
)
activation(
    "relu", lambda z: sp.Max(0, z), lambda z: np.where(z.real > 0, z, 0.0), lambda y, z: relu_slope(y, z), kinked=True
)

# ---- losses of one output: y against its target t


def loss(name: str, element: Any, value: Any, slope: Any) -> None:
    """`slope(y, t)` is dE/dy as the page prints it. Targets are given, so their adjoint is never asked for."""
    define(
        name,
        lambda at, y, t: element(y(*at), t(*at)),
        value,
        lambda g, out, y, t: (g * slope(out, y, t), None),
        slope,
    )


def times(number: int, term: Any) -> Any:
    """number (term), the brackets kept: SymPy would multiply the number in."""
    return sp.Mul(number, term, evaluate=False) if isinstance(term, sp.Expr) else number * term


loss(
    "half_squared_error",
    lambda y, t: (t - y) ** 2 / 2,
    lambda y, t: (t - y) ** 2 / 2,
    lambda out, y, t: times(-1, t - y),
)
loss("squared_error", lambda y, t: (t - y) ** 2, lambda y, t: (t - y) ** 2, lambda out, y, t: times(-2, t - y))

define(
    "total",  # of all entries
    lambda at, x: total(lambda k, n: x(k, n), *x.shape),
    lambda x: x.sum(axis=(-2, -1)),
    lambda g, out, x: (g * np.ones(x.shape),),
)

# ---- moving entries about: weights that share a name, and connections that do not exist, are this


def moved(x: Array, where: Array) -> Array:
    """x.flat[where], and 0 where `where` is -1. Axes in front of the last stay."""
    return np.concatenate([x, np.zeros((*x.shape[:-1], 1))], axis=-1)[..., where]


define(
    "take",
    lambda at, x, where: sp.S.Zero if where[at] < 0 else x(where[at]),
    moved,
    lambda g, out, x, where: (np.bincount(where.ravel() + 1, g.ravel(), x.size + 1)[1:],),
)


def kinks(op: str, argument: Array) -> Array:
    """Where an operation is evaluated at its kink."""
    return (argument == 0) if OPS[op].kinked else np.zeros(argument.shape, bool)


Params = Mapping[str, Any]
