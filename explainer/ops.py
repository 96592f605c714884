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

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .derivatives import VALUE, computed, derivative, recognised, slope_in_value
from .expressions import Tree, one_plus_erf, sigmoid, softplus, to_kink, to_sympy
from .expressions import value as tree_value
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
    vjp: Callable[..., Any]  # (g, out, *arrays, **params) -> one adjoint for each argument; None: never asked for
    slope: Callable[..., Any] | None = (
        None  # (out, *entries, **params) -> d(out)/d(first argument), as textbooks print it
    )
    kink: Callable[..., Any] | None = (
        None  # (*arrays, **params) -> 0 where it has no derivative; `slope` has the convention
    )
    far: Callable[..., Any] | None = (
        None  # (z, **params) -> the slope in z, for where y is so near its limit that `slope` has no digits
    )
    through: tuple[int, ...] | None = (
        None  # the arguments that have adjoints: not targets, nor what is only shown; None: all
    )
    jacobian: tuple[Any, Any] | None = None  # d(out)/d(the entry beside it), d(out)/d(another entry of its column)


OPS: dict[str, Op] = {}


def define(name: str, element: Any, value: Any, vjp: Any, **more: Any) -> None:
    OPS[name] = Op(name, element, value, vjp, **more)


def total(term: Callable[..., Any], *lengths: Any) -> Any:
    """The sum of term(k, ...) with k from 0 to length - 1, as SymPy's `Sum`."""
    indices = [sp.Symbol(name, integer=True) for name in ("k", "l")[: len(lengths)]]
    return sp.Sum(term(*indices), *((k, 0, n - 1) for k, n in zip(indices, lengths, strict=True)))


def times(number: Any, term: Any) -> Any:
    """number (term), the brackets kept: SymPy would multiply the number in."""
    return sp.Mul(number, term, evaluate=False) if isinstance(term, sp.Expr) else number * term


def in_turn(first: Any, second: Any) -> Any:
    """first + second, in this order; SymPy would sort them."""
    return sp.Add(first, second, evaluate=False) if isinstance(first, sp.Expr) else first + second


def cases(*pairs: tuple[Any, Any], otherwise: Any) -> Any:
    """The value of the first condition that holds: (value, condition) pairs, of SymPy or of arrays."""
    if any(isinstance(part, np.ndarray) for pair in pairs for part in pair):
        return np.select([condition for _, condition in pairs], [value for value, _ in pairs], otherwise)
    return sp.Piecewise(*pairs, (otherwise, True))


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


def activation(name: str, element: Any, value: Any, slope: Any, stable: Any = None, **more: Any) -> None:
    """`slope(y, z)` is what the page prints; `stable(y, z)`, where given, is what is computed."""
    rule = stable or slope
    define(
        name,
        lambda at, z, **params: element(z(*at), **params),
        value,
        lambda g, y, z, **params: (g * rule(y, z, **params),),
        slope=slope,
        **more,
    )


def positive(z: Any) -> Any:
    return z.real > 0 if isinstance(z, np.ndarray) else z > 0


def sigmoid_slope(z: Array) -> Array:
    """s(z) s(-z), of real z."""
    small = np.exp(-np.abs(z))
    return np.asarray(small / (1 + small) ** 2)


activation("identity", lambda z: z, lambda z: z + 0.0, lambda y, z: y * 0 + 1)
activation(
    "sigmoid",
    lambda z: 1 / (1 + sp.exp(-z)),
    sigmoid,
    lambda y, z: y * (1 - y),
    stable=lambda y, z: sigmoid_slope(z),
    far=lambda z: sp.exp(-abs(z)) / (1 + sp.exp(-abs(z))) ** 2,
)
activation(
    "tanh",
    lambda z: sp.tanh(z),
    np.tanh,
    lambda y, z: 1 - y**2,
    stable=lambda y, z: 1 / np.cosh(np.clip(z, -350, 350)) ** 2,
    far=lambda z: 4 * sp.exp(-2 * abs(z)) / (1 + sp.exp(-2 * abs(z))) ** 2,
)
activation(
    "relu",
    lambda z: sp.Max(0, z),
    lambda z: np.where(positive(z), z, 0.0),
    lambda y, z: cases((1 + 0 * z, positive(z)), otherwise=0),
    kink=lambda z: z,
)
activation(
    "leaky_relu",
    lambda z, slope: cases((z, positive(z)), otherwise=slope * z),
    lambda z, slope: np.where(positive(z), z, slope * z),
    lambda y, z, slope: cases((1 + 0 * z, positive(z)), otherwise=slope),
    kink=lambda z, slope: z,
)
activation(
    "elu",
    lambda z, alpha: cases((z, positive(z)), otherwise=times(alpha, sp.exp(z) - 1)),
    lambda z, alpha: np.where(positive(z), z, alpha * np.expm1(np.where(positive(z), 0, z))),
    lambda y, z, alpha: cases((1 + 0 * z, positive(z)), otherwise=y + alpha),
    stable=lambda y, z, alpha: np.where(z > 0, 1, alpha * np.exp(np.minimum(z, 0))),
    far=lambda z, alpha: times(alpha, sp.exp(z)),
    kink=lambda z, alpha: z if alpha != 1 else 1 + 0 * z,
)
activation(
    "softplus",
    lambda z: sp.log(1 + sp.exp(z)),
    softplus,
    lambda y, z: 1 / (1 + (np.exp(-z) if isinstance(z, np.ndarray) else sp.exp(-z))),
    stable=lambda y, z: sigmoid(z),
)
activation(
    "silu",
    lambda z: z / (1 + sp.exp(-z)),
    lambda z: z * sigmoid(z),
    lambda y, z: (
        sigmoid(z) * (1 + z * sigmoid(-z))
        if isinstance(z, np.ndarray)
        else (1 + sp.exp(-z) + z * sp.exp(-z)) / (1 + sp.exp(-z)) ** 2
    ),
)
activation(
    "gelu",
    lambda z: times(z / 2, 1 + sp.erf(z / sp.sqrt(2))),
    lambda z: z / 2 * one_plus_erf(z / math.sqrt(2)),
    lambda y, z: (
        one_plus_erf(z / math.sqrt(2)) / 2 + z * np.exp(-(z**2) / 2) / math.sqrt(2 * math.pi)
        if isinstance(z, np.ndarray)
        else times(sp.Rational(1, 2), 1 + sp.erf(z / sp.sqrt(2))) + z * sp.exp(-(z**2) / 2) / sp.sqrt(2 * sp.pi)
    ),
)
INNER = math.sqrt(2 / math.pi), 0.044715  # of the approximation of gelu by tanh


def gelu_inner(z: Any) -> Any:
    """What the tanh is taken of, in gelu's approximation."""
    if isinstance(z, np.ndarray):
        return INNER[0] * (z + INNER[1] * z**3)
    return sp.sqrt(2 / sp.pi) * (z + sp.Float("0.044715") * z**3)


activation(
    "gelu_tanh",
    lambda z: z / 2 * (1 + sp.tanh(gelu_inner(z))),
    lambda z: z * sigmoid(2 * gelu_inner(z)),
    lambda y, z: (
        sigmoid(2 * gelu_inner(z)) + 2 * z * sigmoid_slope(2 * gelu_inner(z)) * INNER[0] * (1 + 3 * INNER[1] * z**2)
        if isinstance(z, np.ndarray)
        else (1 + sp.tanh(gelu_inner(z))) / 2
        + z / 2 * (1 - sp.tanh(gelu_inner(z)) ** 2) * sp.sqrt(2 / sp.pi) * (1 + 3 * sp.Float("0.044715") * z**2)
    ),
)

# ---- softmax: each entry of a column reads the whole column


def softmax(z: Array) -> Array:
    e = np.exp(z - z.real.max(axis=-2, keepdims=True))
    return np.asarray(e / e.sum(axis=-2, keepdims=True))


def log_softmax(z: Array) -> Array:
    shifted = z - z.real.max(axis=-2, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=-2, keepdims=True)))


define(
    "softmax",
    lambda at, z: sp.exp(z(*at)) / total(lambda k: sp.exp(z(k, at[1])), z.shape[0]),
    softmax,
    lambda g, y, z: (y * (g - (g * y).sum(axis=-2, keepdims=True)),),
    jacobian=(lambda y: y * (1 - y), lambda y, other: -y * other),
)

# ---- losses of one output: y against its target t


def loss(name: str, element: Any, value: Any, slope: Any, stable: Any = None, **more: Any) -> None:
    """`slope(E, y, t)` is dE/dy as the page prints it. Targets are given, so their adjoint is never asked for."""
    rule = stable or slope
    define(
        name,
        lambda at, y, t, **params: element(y(*at), t(*at), **params),
        value,
        lambda g, out, y, t, **params: (g * rule(out, y, t, **params), None),
        slope=slope,
        through=(0,),
        **more,
    )


loss(
    "half_squared_error",
    lambda y, t: (t - y) ** 2 / 2,
    lambda y, t: (t - y) ** 2 / 2,
    lambda E, y, t: times(-1, t - y),
)
loss(
    "squared_error",
    lambda y, t: (t - y) ** 2,
    lambda y, t: (t - y) ** 2,
    lambda E, y, t: times(-2, t - y),
)
loss(
    "mean_squared_error",  # its part of the mean over `outputs`
    lambda y, t, outputs: (t - y) ** 2 / outputs,
    lambda y, t, outputs: (t - y) ** 2 / outputs,
    lambda E, y, t, outputs: (
        -2 * (t - y) / outputs if isinstance(y, np.ndarray) else times(sp.Rational(-2, outputs), t - y)
    ),
)
loss(
    "absolute_error",
    lambda y, t: abs(t - y),
    lambda y, t: np.where((t - y).real > 0, t - y, y - t),
    lambda E, y, t: cases((-1 + 0 * y, t > y), (1 + 0 * y, t < y), otherwise=0),
    kink=lambda y, t: t - y,
)
loss(
    "huber",
    lambda y, t, delta: cases(((t - y) ** 2 / 2, abs(t - y) <= delta), otherwise=times(delta, abs(t - y) - delta / 2)),
    lambda y, t, delta: np.where(
        np.abs((t - y).real) <= delta, (t - y) ** 2 / 2, delta * (np.where((t - y).real > 0, t - y, y - t) - delta / 2)
    ),
    lambda E, y, t, delta: cases(
        (times(-1, t - y), abs(t - y) <= delta), (-delta + 0 * y, t - y > delta), otherwise=delta
    ),
)
loss(
    "hinge",
    lambda y, t: sp.Max(0, 1 - t * y),
    lambda y, t: np.where((1 - t * y).real > 0, 1 - t * y, 0.0),
    lambda E, y, t: cases((-t + 0 * y, t * y < 1), otherwise=0),
    kink=lambda y, t: 1 - t * y,
)
loss(
    "binary_cross_entropy",
    lambda y, t: times(-1, in_turn(t * sp.log(y), (1 - t) * sp.log(1 - y))),
    lambda y, t: -(xlogy(t, y) + xlogy(1 - t, 1 - y)),
    lambda E, y, t: (y - t) / (y * (1 - y)),
)
loss(
    "cross_entropy",
    lambda y, t: times(-1, t * sp.log(y)),
    lambda y, t: -xlogy(t, y),
    lambda E, y, t: -t / y,
    stable=lambda E, y, t: np.where(t == 0, 0.0, -t / np.where(t == 0, 1, y)),
)
define(
    "multiclass_hinge",  # of one wrong class: its score against that of the right one
    lambda at, y, right, margin: sp.Max(0, y(*at) - right(*at) + margin),
    lambda y, right, margin: np.where((y - right + margin).real > 0, y - right + margin, 0.0),
    lambda g, out, y, right, margin: (g * (y - right + margin > 0), -g * (y - right + margin > 0)),
    kink=lambda y, right, margin: y - right + margin,
)


def xlogy(x: Array, y: Array) -> Array:
    """x ln y, and 0 where x is 0."""
    zero = x == 0
    return np.asarray(np.where(zero, 0, x * np.log(np.where(zero, 1, y))))


def others(y: Array) -> Array:
    """For each entry the sum of the others in its column: 1 - y of a softmax, without cancelling."""
    return np.asarray((np.ones((len(y), len(y))) - np.eye(len(y))) @ y)


# ---- losses worked from scores: a loss and the activation before it as one, where ln 0 cannot happen

# Arguments are the scores z, the activations y (shown, but not gone through) and the targets t; `slope` is in z.
define(
    "sigmoid_binary_cross_entropy",
    lambda at, z, y, t: times(-1, in_turn(t(*at) * sp.log(y(*at)), (1 - t(*at)) * sp.log(1 - y(*at)))),
    lambda z, y, t: t * softplus(-z) + (1 - t) * softplus(z),
    lambda g, out, z, y, t: (g * ((1 - t) * sigmoid(z) - t * sigmoid(-z)), None, None),
    slope=lambda E, z, y, t: y - t,
    through=(0,),
)
define(
    "softmax_cross_entropy",  # of each sample; its targets add up to 1
    lambda at, z, y, t: total(lambda k: times(-1, t(k, at[1]) * sp.log(y(k, at[1]))), z.shape[0]),
    lambda z, y, t: np.where(t == 0, 0.0, -t * log_softmax(z)).sum(axis=-2, keepdims=True),
    lambda g, out, z, y, t: (g * (y * (1 - t) - t * others(y)), None, None),
    slope=lambda E, z, y, t: y - t,
    through=(0,),
)

# ---- sums

define(
    "total",  # of all entries
    lambda at, x: total(lambda k, n: x(k, n), *x.shape),
    lambda x: x.sum(axis=(-2, -1)),
    lambda g, out, x: (g * np.ones(x.shape, int),),
)
define(
    "column_total",  # of each sample's entries
    lambda at, x: total(lambda k: x(k, at[1]), x.shape[0]),
    lambda x: x.sum(axis=-2, keepdims=True),
    lambda g, out, x: (g * np.ones(x.shape, int),),
)
define(
    "mean",  # of all entries, `count` of them
    lambda at, x, count: total(lambda k, n: x(k, n) / count, *x.shape),
    lambda x, count: x.sum(axis=(-2, -1)) / count,
    lambda g, out, x, count: (g / count * np.ones(x.shape, int),),
)
define(
    "half_squares",  # the L2 penalty: rate/2 times the sum of the squares of an array of `rank` axes; it has `axes`
    lambda at, w, rate, rank, axes=0: total(lambda *k: rate / 2 * w(*k) ** 2, *w.shape),
    lambda w, rate, rank, axes=0: rate / 2 * (w**2).sum(axis=tuple(range(-rank, 0)))[(..., *[None] * axes)],
    lambda g, out, w, rate, rank, axes=0: (g.sum() * rate * w,),
)
define(
    "add",  # arrays that may be single numbers
    lambda at, *x: sum(e(*at[: len(e.shape)]) for e in x),
    lambda *x: sum(x),
    lambda g, out, *x: tuple(g if np.ndim(e) else g.sum() for e in x),
)

# ---- moving entries about: weights that share a name, and connections that do not exist, are this


def moved(x: Array, where: Array, rank: int = 1) -> Array:
    """x.flat[where], and 0 where `where` is -1. The last `rank` axes are moved, those in front stay."""
    flat = x.reshape(*x.shape[: x.ndim - rank], -1)
    return np.concatenate([flat, np.zeros((*flat.shape[:-1], 1))], axis=-1)[..., where]


def collected(g: Array, where: Array, size: int) -> Array:
    """For each of so many entries the sum of g where it was taken to."""
    if g.dtype != object:
        return np.bincount(where.ravel() + 1, g.ravel(), size + 1)[1:]
    sums = np.zeros(size + 1, object)
    np.add.at(sums, where.ravel() + 1, g.ravel())
    return sums[1:]


define(
    "take",
    lambda at, x, where, rank=1: (
        sp.S.Zero if where[at] < 0 else x(*(int(k) for k in np.unravel_index(where[at], x.shape)))
    ),
    moved,
    lambda g, out, x, where, rank=1: (collected(g, where, x.size).reshape(x.shape),),
)

# ---- formulas that somebody wrote: a tree over the names s0, s1, ... of its arguments


def in_arguments(parts: Any) -> dict[str, Any]:
    return {f"s{k}": part for k, part in enumerate(parts)}


def formula_adjoints(g: Array, out: Array, *parts: Array, expression: Tree) -> tuple[Array, ...]:
    """g times the partial derivative in each argument, found by the rules of `derivatives`."""
    return tuple(
        np.asarray(g * tree_value(computed(derivative(recognised(expression), name)), in_arguments(parts)))
        for name in in_arguments(parts)
    )


def formula_slope(out: Any, *parts: Any, expression: Tree) -> Any:
    """The derivative in the first argument, as textbooks print it."""
    printed = slope_in_value(expression, "s0")
    if isinstance(out, np.ndarray):
        return tree_value(printed, {VALUE.text: out, **in_arguments(parts)})
    return to_sympy(printed, {VALUE.text: out, **in_arguments(parts)})


define(
    "formula",  # of any number of arguments: a node of a computational graph
    lambda at, *parts, expression: to_sympy(expression, in_arguments(part(*at) for part in parts)),
    lambda *parts, expression: tree_value(recognised(expression), in_arguments(parts)),
    formula_adjoints,
    kink=lambda *parts, expression: to_kink(expression, in_arguments(parts)),
)
define(
    "function",  # a formula whose first argument alone is asked for: an activation of z, a loss of y and t
    OPS["formula"].element,
    lambda first, *rest, expression: (
        tree_value(recognised(expression), in_arguments((first, *rest))) + np.zeros(np.shape(first), int)
    ),
    lambda g, out, *parts, expression: (
        formula_adjoints(g, out, *parts, expression=expression)[0],
        *(None for _ in parts[1:]),
    ),
    slope=formula_slope,
    kink=OPS["formula"].kink,
)
