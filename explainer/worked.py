"""All the numbers of one iteration: every value, slope, adjoint and gradient, the update, and their checks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from .digits import Precision
from .errors import CheckFailed, ExplainerError
from .formulas import Terms, summed, uses
from .graph import Node, readers
from .networks import Built, Network, network
from .notation import Quantity, canonical, cell_names, quantity_of
from .ops import Array
from .optimizers import RULES
from .problem import Problem
from .values import Backward, Check, Rounding, Values, backward, check_gradients, forward, unrounded

ROWS = 20_000  # entries looked at in one go: bounds memory
LINES = 3_000  # of text made in one go: what fits the processor's cache


@dataclass(frozen=True, eq=False)
class Worked:
    """The numbers of one iteration, by quantity.

    With `carry: rounded` each is rounded when found and carried so; the check is then of the unrounded network.
    """

    network: Network
    precision: Precision
    numbers: dict[Quantity, Array]
    check: Check | None  # None where nothing is trained

    def of(self, what: str, node: Node) -> Array:
        return self.numbers[Quantity(what, node)]

    @property
    def loss_before(self) -> float | None:
        return self.of("value", self.network.end).item() if self.network.problem.loss else None

    @property
    def loss_after(self) -> float | None:
        return self.of("updated", self.network.end).item() if self.network.trained else None


def worked(problem: Problem) -> Worked:
    """Every number of the derivation, each gradient derived twice and checked by differences of E."""
    net, writing = network(problem), problem.writing
    precision = Precision(writing.significant, writing.digits)
    values, found, check = forward(net.end, net.given), Backward({}, {}), None
    refuse_infinite(values)
    if problem.loss is not None:
        found = backward(net.end, values, set(net.trained) | {net.inputs})
        check_uses(net, values, found)
        if net.trained:
            check = check_gradients(net.end, values, {leaf: found.adjoints[leaf] for leaf in net.trained})
    rounding: Rounding = unrounded
    if writing.carry == "rounded":
        rounding = precision.rounded
        values = forward(net.end, {leaf: rounding(given) for leaf, given in net.given.items()}, rounding)
        if problem.loss is not None:
            found = backward(net.end, values, set(net.trained) | {net.inputs}, rounding)
    return Worked(net, precision, numbers(net, values, found, rounding), check)


def numbers(net: Network, values: Values, found: Backward, rounding: Rounding) -> dict[Quantity, Array]:
    """Every number by quantity, in the order of a derivation."""
    slopes = {node: slope for node, slope in found.slopes.items() if quantity_of(node) == "activation"}
    found_by_what = {
        "value": values,
        "adjoint": found.adjoints,
        "slope": slopes,
        **updates(net, values, found, rounding),
    }
    return {Quantity(what, node): array for what, arrays in found_by_what.items() for node, array in arrays.items()}


def updates(net: Network, values: Values, found: Backward, rounding: Rounding) -> dict[str, Values]:
    """Each parameter after the update, the step it took, and the outputs and the loss found with the new ones."""
    if not net.trained or net.problem.optimizer is None:
        return {}
    rule, rate = RULES[net.problem.optimizer.name], values[net.learning_rate]
    updated: Values = {}
    for leaf, trained in net.trained.items():
        updated[leaf] = np.where(trained, rounding(rule(values[leaf], rate, found.adjoints[leaf])), values[leaf])
    steps = {leaf: rounding(new - values[leaf]) for leaf, new in updated.items()}
    after = forward(net.end, {leaf: updated.get(leaf, values[leaf]) for leaf in net.given}, rounding)
    refuse_infinite(after)
    ends = [node for node in (net.outputs, net.loss_terms, net.end) if node is not None]
    return {"updated": updated | {node: after[node] for node in ends}, "step": steps}


def refuse_infinite(values: Values) -> None:
    """A number that is none is an error at the first place it appears."""
    for node, array in values.items():
        wrong = np.flatnonzero(~np.isfinite(array))
        if len(wrong):
            name = canonical(Quantity("value", node), wrong[:1])[0]
            raise ExplainerError(
                f"{name} is {array.ravel()[wrong[0]]:g}; give smaller inputs or weights, or a smaller learning rate"
            )


# ---- the second derivation


def check_uses(net: Network, values: Values, found: Backward) -> None:
    """Each adjoint again, as the chain rule's sum over uses; `CheckFailed` where the vjp found another number."""
    reads = readers(net.end)
    known = {Quantity("value", n): a for n, a in values.items()} | {
        Quantity("adjoint", n): a for n, a in found.adjoints.items()
    }
    for node, adjoint in found.adjoints.items():
        if node.op == "take" or node is net.end or quantity_of(node) == "loss_term":
            continue
        for first in range(0, node.size, ROWS):
            entries = np.arange(first, min(first + ROWS, node.size))
            terms = uses(reads, node, entries)
            total = summed(terms, len(entries), lambda q, e: known[q].ravel()[e])
            vjp = adjoint.ravel()[entries]
            if not (np.abs(total - vjp) <= 1e-9 * np.abs(vjp) + 1e-13 * arriving(terms, len(entries), known)).all():
                raise CheckFailed(
                    f"the sum over uses and the vjp disagree on an adjoint of {node.name}; please report this"
                )


def arriving(terms: list[Terms], rows: int, known: dict[Quantity, Array]) -> Array:
    """How large the adjoints are that a row's terms start from: the yardstick for what rounding may do to them."""
    sizes = np.full(rows, 1e-3)
    for group in terms:
        first = (
            np.abs(known[group.quantities[0]].ravel()[group.entries[0]])
            if group.quantities
            else np.ones(len(group.owner))
        )
        sizes += np.bincount(group.owner, first, rows)
    return sizes


# ---- by canonical name


def named(work: Worked) -> Iterator[tuple[str, float]]:
    """(canonical name, number) of every quantity."""
    net = work.network
    for quantity, array in work.numbers.items():
        what, node = quantity
        if node.op == "take" or (what == "adjoint" and (node is net.end or node is net.loss_terms)):
            continue
        if node is net.learning_rate:
            continue
        kept = net.trained[node].ravel() if node in net.trained and what != "value" else np.ones(array.size, bool)
        entries = np.flatnonzero(kept)
        yield from zip(canonical(quantity, entries), array.ravel()[entries].tolist(), strict=True)
    if net.problem.loss is not None:
        source = net.inputs
        for layer in net.layers:
            yield from named_partials(work, layer, source)
            if layer is net.layers[-1] and net.loss_terms is not None and source is not net.inputs:
                yield from named_shares(work, layer, source)
            source = layer.activation


def named_partials(work: Worked, layer: Built, source: Node) -> Iterator[tuple[str, float]]:
    """dz/dW, dz/dY and dz/db of one layer."""
    z, W = layer.pre_activation, layer.weights
    there = np.flatnonzero(W.params["where"] >= 0) if W.op == "take" else np.arange(W.size)
    neuron, sender = np.unravel_index(there, W.shape)
    above, below = cell_names(z.cells, neuron), cell_names(source.cells, sender)
    weights = cell_names(W.cells, there)
    weight, activation = work.of("value", W).ravel()[there].tolist(), work.of("value", source).ravel()[sender].tolist()
    by_weight: dict[str, float] = {}  # a weight that a neuron has twice adds up
    for a, w, number in zip(above, weights, activation, strict=True):
        by_weight[f"d{a}/d{w}"] = by_weight.get(f"d{a}/d{w}", 0) + number
    yield from by_weight.items()
    yield from zip((f"d{a}/d{b}" for a, b in zip(above, below, strict=True)), weight, strict=True)
    if layer.biases is not None:
        every = np.arange(z.size)
        for a, b in zip(cell_names(z.cells, every), cell_names(layer.biases.cells, every), strict=True):
            yield f"d{a}/d{b}", float(z.params["bias_input"])


def named_shares(work: Worked, output: Built, source: Node) -> Iterator[tuple[str, float]]:
    """dE[k]/dY[j]: what each output's loss alone sends back to a neuron of the layer before."""
    delta, weights = work.of("adjoint", output.pre_activation), work.of("value", output.weights)
    above, below = (cell_names(node.cells, np.arange(node.size)) for node in (work.network.end.parents[0], source))
    for k, loss in enumerate(above):
        for j, activation in enumerate(below):
            yield f"d{loss}/d{activation}", float(delta[k, 0] * weights[k, j])
