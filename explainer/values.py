"""The numbers: forward pass, backward pass and numerical check, in NumPy."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from .errors import CheckFailed
from .graph import Node, descendants, order, readers
from .notation import quantity_of
from .ops import OPS, Array

Values = dict[Node, Array]
LOSSES = ("loss", "data_loss", "sample_loss", "loss_term", "penalty")  # their slopes stand within the lines of others
WEIGHTED = ("weighted_sum", "affine")
Rounding = Callable[[Array], Array]


def unrounded(array: Array) -> Array:
    return array


def by_hand(function: Callable[..., Any], /, *numbers: Any, **more: Any) -> Any:
    """What a function gives when rounded numbers are put in and worked as on paper.

    Sums, products and quotients of such numbers are exact, in fractions, so that a half is known to be one. Functions
    that have no fractions are worked in floats.
    """
    try:
        return function(*map(in_fractions, numbers), **{name: in_fractions(each) for name, each in more.items()})
    except (TypeError, AttributeError, ArithmeticError, ValueError):
        return function(*(in_floats(each) if isinstance(each, np.ndarray) else each for each in numbers), **more)


def in_fractions(number: Any) -> Any:
    """A number, or an array of numbers, as the decimals that it is printed with."""
    if isinstance(number, float):
        return Fraction(repr(float(number)))
    if isinstance(number, np.ndarray) and number.dtype == float:
        return np.array([Fraction(repr(each)) for each in number.ravel().tolist()], object).reshape(number.shape)
    return number


def in_floats(numbers: Any) -> Array:
    return np.asarray(numbers, float)


def computed(rounding: Rounding, function: Callable[..., Any], *numbers: Any, **more: Any) -> Array:
    """What a function gives: by hand, and in fractions still, where rounded numbers are carried."""
    return np.asarray(function(*numbers, **more) if rounding is unrounded else by_hand(function, *numbers, **more))


NOISE = 2.0**-50  # what is left of terms that cancel, relative to their size, is the rounding of floats and no number


def without_noise(sums: Array, sizes: Array) -> Array:
    """Sums with 0 where nothing but noise is left of terms as large as `sizes`."""
    return np.where((np.abs(sums) <= NOISE * sizes) & np.isfinite(sizes), 0.0, sums)


def sizes_of_terms(function: Callable[..., Any], *numbers: Array, **more: Any) -> Any:
    """How large the terms are that a sum of products adds up: the same of the sizes of its numbers."""
    return function(*map(np.abs, numbers), **{name: abs(each) for name, each in more.items()})


def forward(end: Node, known: Values, rounding: Rounding = unrounded, tidy: bool = False) -> Values:
    """The value of every node; `known` holds the leaves, and any other node that is not to be computed.

    `tidy`: a weighted sum that cancels is 0, not what the rounding of floats leaves.
    """
    values = dict(known)
    with np.errstate(over="ignore", invalid="ignore"):  # what is not finite is refused by name, not by warning
        for node in order(end):
            if node not in values:
                op, arguments = OPS[node.op], [values[p] for p in node.parents]
                found = computed(rounding, op.value, *arguments, **node.params)
                if tidy and rounding is unrounded and node.op in WEIGHTED:
                    found = without_noise(found, sizes_of_terms(op.value, *arguments, **node.params))
                values[node] = in_floats(found) if node.op == "take" and rounding is not unrounded else rounding(found)
    return values


@dataclass(frozen=True)
class Backward:
    """What the backward pass finds."""

    adjoints: Values  # dE/d(node)
    slopes: Values  # d(entry of node)/d(the entry it is a function of), for activations


def backward(end: Node, values: Values, starts: set[Node], rounding: Rounding | None = None) -> Backward:
    """The adjoint of every node that depends on one of `starts`, last first.

    With a rounding every slope and adjoint that has a line of its own is rounded when it is found and carried so, as
    by hand; the slopes are then the textbook's, taken at the rounded values.
    """
    wanted = descendants(end, starts)
    rounds = rounding or unrounded
    sums: Values = {end: np.ones(end.shape)}
    found = Backward({}, {})
    for node in reversed(order(end)):
        if node not in wanted or node not in sums:  # outputs that a loss is not worked through have no adjoint here
            continue
        written = node.op != "take" and quantity_of(node) not in LOSSES
        g = np.asarray(rounds(sums[node]) if written else sums[node])
        found.adjoints[node] = in_floats(g)
        if node.op == "leaf":
            continue
        op, arguments = OPS[node.op], [values[p] for p in node.parents]
        if op.slope is None and rounding is None:
            parts = op.vjp(g, values[node], *arguments, **node.params)
            if node.op in WEIGHTED:
                sizes = sizes_of_terms(op.vjp, g, values[node], *arguments, **node.params)
                parts = tuple(map(without_noise, parts, sizes))
        elif op.slope is None:
            parts = by_hand(op.vjp, g, values[node], *arguments, **node.params)
        elif rounding is None:
            found.slopes[node] = op.vjp(np.ones(node.shape), values[node], *arguments, **node.params)[0]
            parts = op.vjp(g, values[node], *arguments, **node.params)
        else:
            slope = by_hand(op.slope, values[node], *arguments, **node.params) + np.zeros(node.shape, int)
            found.slopes[node] = rounds(slope) if written else in_floats(slope)
            parts = (by_hand(np.multiply, g, found.slopes[node]),)
        for parent, part in zip(node.parents, parts, strict=False):
            if parent in wanted and part is not None:
                sums[parent] = sums.get(parent, 0) + part
    return found


# ---- the third opinion: differences of E itself

STEP = 1e-100  # of the complex step: E(w + ih) = E(w) + ih dE/dw, exact to the last digit for so small an h
CENTRAL_STEP = 6e-6  # of the central difference: balances truncation against rounding
COPIES = 1 << 16  # numbers evaluated at once, per node: bounds memory


@dataclass(frozen=True)
class Check:
    """What the numerical check of every gradient found."""

    method: str  # "complex step" or "central difference"
    worst_relative_error: float
    numerical: Values  # leaf -> the gradient found numerically


def check_gradients(end: Node, values: Values, gradients: Values, largest: float) -> Check:
    """Compare each gradient with a difference of E; `CheckFailed` where they do not agree.

    The complex step, or the central difference where an operation is at a kink or so near that one cannot tell. An
    error is relative to the gradient, or where that is more to a millionth of the `largest` adjoint on the way to it:
    what arrives may cancel, and then rounding is all that is left.
    """
    smooth = not any(is_near_kink(node, values) for node in order(end))
    numerical = {leaf: (complex_step if smooth else central)(end, values, leaf, gradients[leaf]) for leaf in gradients}
    worst = 0.0
    for leaf, g in gradients.items():
        scale = np.maximum(np.abs(g), max(1e-6 * largest, 1e-300))
        worst = max(worst, float((np.abs(numerical[leaf] - g) / scale).max(initial=0)))
    if not worst < (1e-9 if smooth else 1e-3):
        raise CheckFailed(f"a gradient differs from its numerical check by {worst:.1e} of its size; please report this")
    return Check("complex step" if smooth else "central difference", worst, numerical)


NEAR = 1e-4  # of a kink: farther away than a central difference reaches


def is_near_kink(node: Node, values: Values, near: float = NEAR) -> bool:
    """Whether an entry of the node is found where its operation has no derivative."""
    kink = OPS[node.op].kink if node.op != "leaf" else None
    if kink is None:
        return False
    return bool((np.abs(kink(*(values[p] for p in node.parents), **node.params)) < near).any())


def complex_step(end: Node, values: Values, leaf: Node, gradient: Array) -> Array:
    """dE/d(each entry of a leaf): the imaginary part of E(w + ih), over h."""
    found = np.zeros(leaf.size)
    for entries, loss in losses_after(end, values, leaf, 1j * STEP):
        found[entries] = loss.imag / STEP
    return found.reshape(leaf.shape)


def central(end: Node, values: Values, leaf: Node, gradient: Array) -> Array:
    """dE/d(each entry of a leaf): (E(w + h) - E(w - h)) / 2h.

    At a kink there is no derivative, only one from either side. A gradient between the two is a subgradient, and stands;
    so does any where an operation is exactly at its kink, as with weights of 0: several kinks at once need not leave
    it between.
    """
    exactly = any(is_near_kink(node, values, 1e-12) for node in order(end))
    above, below = np.zeros(leaf.size), np.zeros(leaf.size)
    for signed, found in ((CENTRAL_STEP, above), (-CENTRAL_STEP, below)):
        for entries, loss in losses_after(end, values, leaf, signed):
            found[entries] = (loss - values[end].item()) / signed
    middle, g = (above + below) / 2, gradient.ravel()
    low, high = np.minimum(above, below), np.maximum(above, below)
    bent = high - low > 1e-3 * np.maximum(np.abs(g), 1e-6)
    between = (low <= g + 1e-6) & (g - 1e-6 <= high)
    return np.where(bent & (between | exactly), g, middle).reshape(leaf.shape)


def losses_after(end: Node, values: Values, leaf: Node, change: complex) -> Iterator[tuple[Array, Array]]:
    """(entries, E with that one entry changed), many entries at a time."""
    reads = readers(end)
    size = max(1, COPIES // widest_after(end, leaf))
    for first in range(0, leaf.size, size):
        entries = np.arange(first, min(first + size, leaf.size))
        start, copies = first_effect(reads, values, leaf, entries, change)
        after = descendants(end, {start})
        known = {node: value for node, value in values.items() if node not in after}
        yield entries, forward(end, known | {start: copies})[end].reshape(len(entries))


def widest_after(end: Node, leaf: Node) -> int:
    return max(node.size for node in descendants(end, {leaf}) if node is not leaf)


def first_effect(
    reads: dict[Node, list[tuple[Node, int]]], values: Values, leaf: Node, entries: Array, change: complex
) -> tuple[Node, Array]:
    """A node and a copy of its value for each entry of the leaf, with that entry changed.

    Changing a weight changes one term of one pre-activation, so one activation, so one term of every pre-activation of
    the next layer: only these are computed anew. A leaf that is read twice (a shared weight) is itself the node.
    """
    if len(reads[leaf]) != 1 or reads[leaf][0][0].op not in WEIGHTED:
        copies = np.repeat(values[leaf][None], len(entries), axis=0).astype(type(change))
        copies.reshape(len(entries), -1)[np.arange(len(entries)), entries] += change
        return leaf, copies
    node, position = reads[leaf][0]
    neuron, source = np.unravel_index(entries, leaf.shape)
    before = values[leaf].ravel()[entries, None]
    factor = values[node.parents[1]][source] if position == 0 else node.params["bias_input"]
    new = values[node][neuron] + ((before + change) * factor - before * factor)
    while len(reads[node]) == 1 and len(reads[node][0][0].parents) == 1 and OPS[reads[node][0][0].op].slope:
        node = reads[node][0][0]
        new = OPS[node.op].value(new, **node.params)
    if len(reads[node]) == 1 and reads[node][0][0].op in WEIGHTED:
        reader = reads[node][0][0]
        column = values[reader.parents[0]][:, neuron].T[:, :, None]
        return reader, values[reader] + column * (new - values[node][neuron])[:, None, :]
    copies = np.repeat(values[node][None], len(entries), axis=0).astype(type(change))
    copies[np.arange(len(entries)), neuron] = new
    return node, copies
