"""All the numbers of one iteration: every value, slope, adjoint and gradient, the update, and their checks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from .digits import Precision
from .errors import CheckFailed, ExplainerError
from .formulas import Terms, summed, uses
from .graph import Node, readers
from .networks import Built, Network, network
from .notation import Quantity, canonical, cell_names, quantity_of
from .ops import OPS, Array
from .optimizers import Line, carried_states, rule_of
from .problem import Problem
from .values import (
    LOSSES,
    Backward,
    Check,
    Rounding,
    Values,
    backward,
    check_gradients,
    computed,
    forward,
    unrounded,
)

ROWS = 30_000  # entries looked at in one go, and whose texts are kept: bounds memory
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
    iteration: int = 1

    def of(self, what: str, node: Node) -> Array:
        return self.numbers[Quantity(what, node)]

    @property
    def loss_before(self) -> float | None:
        return self.of("value", self.network.end).item() if self.network.loss else None

    @property
    def loss_after(self) -> float | None:
        return self.of("updated", self.network.end).item() if self.network.updated else None


def iterations(problem: Problem) -> Iterator[Worked]:
    """Each update that the problem asks for, worked from the parameters and states that the one before left."""
    net = network(problem)
    given, states = net.given, dict[Quantity, Array]()
    for t in range(1, problem.writing.steps + 1):
        work = worked(net, given, states, t)
        yield work
        if problem.optimizer is None or not net.updated:
            return
        given, states = left_over(net, given, work.numbers)


def left_over(net: Network, given: Values, found: Mapping[Quantity, Array]) -> tuple[Values, dict[Quantity, Array]]:
    """The parameters and the states of the optimizer that an update leaves to the next."""
    assert net.problem.optimizer is not None
    carried = carried_states(rule_of(net.problem.optimizer))
    new = {leaf: found[Quantity("updated", leaf)] for leaf in net.trained}
    return given | new, {Quantity(f"{name}_old", leaf): found[Quantity(name, leaf)] for name in carried for leaf in new}


def rounding_of(problem: Problem) -> Rounding:
    """What happens to a number between one line and the next."""
    writing = problem.writing
    return Precision(writing.significant, writing.digits).rounded if writing.carry == "rounded" else unrounded


def as_shown(net: Network, given: Values, rounding: Rounding) -> Values:
    """What is given, as rounding shows it. The numbers of the optimizer are shown as they are: 0.999 is not 1."""
    return {leaf: array if leaf in net.constants.values() else rounding(array) for leaf, array in given.items()}


@np.errstate(all="ignore")  # what is not finite is refused by name
def worked(net: Network, given: Values, states: Mapping[Quantity, Array], iteration: int = 1) -> Worked:
    """Every number of one iteration, each gradient derived twice and checked by differences of E."""
    problem = net.problem
    precision = Precision(problem.writing.significant, problem.writing.digits)
    rounding = rounding_of(problem)
    values, found, check = forward(net.end, given, tidy=True), Backward({}, {}), None
    refuse_infinite(values, TOO_LARGE if rounding is unrounded else TOO_ROUND)
    if net.loss is not None:
        found = backward(net.end, values, set(net.trained) | {net.inputs})
        refuse_infinite(found.adjoints, TOO_LARGE if rounding is unrounded else TOO_ROUND, "adjoint")
        check_uses(net, values, found)
        if net.trained:
            largest = max(float(np.abs(g).max(initial=0)) for node, g in found.adjoints.items() if node is not net.end)
            check = check_gradients(net.end, values, {leaf: found.adjoints[leaf] for leaf in net.trained}, largest)
    if rounding is not unrounded:
        values = forward(net.end, as_shown(net, given, rounding), rounding)
        refuse_infinite(values, TOO_ROUND)
        if net.loss is not None:
            found = backward(net.end, values, set(net.trained) | {net.inputs}, rounding)
            refuse_infinite(found.adjoints, TOO_ROUND, "adjoint")
    return Worked(net, precision, numbers(net, values, found, states, iteration, rounding), check, iteration)


def numbers(
    net: Network,
    values: Values,
    found: Backward,
    states: Mapping[Quantity, Array],
    iteration: int,
    rounding: Rounding,
) -> dict[Quantity, Array]:
    """Every number by quantity, in the order of a derivation."""
    slopes = {node: slope for node, slope in found.slopes.items() if quantity_of(node) == "activation"}
    adjoints = dict(found.adjoints)
    if net.loss is not None and net.loss.from_activation is not None:
        adjoint, slope = beside_the_scores(net, values, rounding)
        adjoints, slopes = adjoint | adjoints, slope | slopes
    after = updates(net, values, found, states, iteration, rounding)
    by_what: dict[str, Values] = {"value": values, "adjoint": adjoints, "slope": slopes}
    known = {Quantity(what, node): array for what, arrays in by_what.items() for node, array in arrays.items()}
    return known | after


def beside_the_scores(net: Network, values: Values, rounding: Rounding) -> tuple[Values, Values]:
    """dE/dY and dY/dz of outputs whose delta is found without them, where both are numbers; for the page to show."""
    assert net.loss is not None
    assert net.loss.from_activation is not None
    loss, y = net.loss.from_activation, net.outputs
    z = values[net.layers[-1].pre_activation]
    share = 1 / net.samples if net.problem.reduction == "mean" else 1
    adjoint = OPS[loss.op].vjp(share * np.ones(loss.shape), None, values[y], *(values[p] for p in loss.parents[1:]))[0]
    slope = OPS[y.op].vjp(np.ones(y.shape), values[y], z)[0] if OPS[y.op].slope else np.zeros(y.shape)
    if not (np.isfinite(adjoint).all() and (np.abs(adjoint) < 1e9).all()):
        return {}, {}
    return {y: rounding(adjoint)}, ({y: rounding(slope)} if OPS[y.op].slope else {})


def updates(
    net: Network,
    values: Values,
    found: Backward,
    states: Mapping[Quantity, Array],
    iteration: int,
    rounding: Rounding,
) -> dict[Quantity, Array]:
    """Each parameter after the update, the states and the step it took, and the outputs and the loss found with them."""
    if not net.updated:
        return {}
    made = stepped(net, values, found.adjoints, states, iteration, rounding)
    for leaf in net.trained:
        step = computed(rounding, np.subtract, made[Quantity("updated", leaf)], values[leaf])
        made[Quantity("step", leaf)] = rounding(step)
    new = {leaf: made.get(Quantity("updated", leaf), values[leaf]) for leaf in net.given}
    after = forward(net.end, new, rounding, tidy=True)
    refuse_infinite(after, TOO_LARGE if rounding is unrounded else TOO_ROUND)
    shown = [net.outputs, *net.loss.of_samples, *net.loss.of_all] if net.loss else []
    if net.loss and net.loss.from_activation is not None:  # such a loss may be written in the scores
        shown.insert(0, net.layers[-1].pre_activation)
    return made | {Quantity("updated", node): after[node] for node in shown}


def stepped(
    net: Network,
    values: Values,
    adjoints: Values,
    states: Mapping[Quantity, Array],
    iteration: int,
    rounding: Rounding,
) -> dict[Quantity, Array]:
    """Each parameter after one update, and the states of the optimizer before and after it."""
    assert net.problem.optimizer is not None
    rule, made = rule_of(net.problem.optimizer), dict[Quantity, Array]()
    constants = {name: values[node] for name, node in net.constants.items()}
    for leaf, trained in net.trained.items():
        known = constants | {"w": values[leaf], "g": adjoints[leaf]}
        for name in carried_states(rule):
            old = Quantity(f"{name}_old", leaf)
            known[old.what] = made[old] = states.get(old, np.zeros(leaf.shape))
        for line in rule:
            known[line.finds] = rounding(computed(rounding, partial(line_at, line, iteration), **known))
            if line.finds != "w":
                made[Quantity(line.finds, leaf)] = known[line.finds]
        made[Quantity("updated", leaf)] = np.where(trained, known["w"], values[leaf])
    return made


def line_at(line: Line, iteration: int, **found: Any) -> Any:
    return line.at(iteration, found)


TOO_LARGE = "give smaller inputs or weights, or a smaller learning rate"
LOGARITHMS = ("binary_cross_entropy", "cross_entropy")
LOGARITHM = "this loss takes the logarithm of outputs between 0 and 1: let the last layer be sigmoid or softmax"
TOO_ROUND = "carry more digits, or write carry: full"
ROUNDED_AWAY = "an output was rounded to 0 or 1, and this loss takes its logarithm or divides by it"


def refuse_infinite(values: Values, remedy: str = TOO_LARGE, what: str = "value") -> None:
    """A number that is none is an error at the first place it appears."""
    for node, array in values.items():
        wrong = np.flatnonzero(~np.isfinite(array))
        if len(wrong):
            name = canonical(Quantity(what, node), wrong[:1])[0]
            found = f"{name} is {array.ravel()[wrong[0]]:g}"
            if node.op in LOGARITHMS or (what == "adjoint" and any(each.op in LOGARITHMS for each in values)):
                found, remedy = (f"{found}: {ROUNDED_AWAY}", remedy) if remedy == TOO_ROUND else (found, LOGARITHM)
            raise ExplainerError(f"{found}; {remedy}")


# ---- the second derivation


def check_uses(net: Network, values: Values, found: Backward) -> None:
    """Each adjoint again, as the chain rule's sum over uses; `CheckFailed` where the vjp found another number."""
    reads = readers(net.end)
    known = {Quantity("value", n): a for n, a in values.items()} | {
        Quantity("adjoint", n): a for n, a in found.adjoints.items()
    }
    for node, adjoint in found.adjoints.items():
        if node.op == "take" or quantity_of(node) in LOSSES:
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
        if node.op == "take" or node in net.constants.values() or what.endswith("_old"):
            continue
        if what == "adjoint" and quantity_of(node) in LOSSES:
            continue
        kept = net.trained[node].ravel() if node in net.trained and what != "value" else np.ones(array.size, bool)
        entries = np.flatnonzero(kept)
        yield from zip(canonical(quantity, entries), array.ravel()[entries].tolist(), strict=True)
    if net.loss is not None:
        source = net.inputs
        for layer in net.layers:
            yield from named_partials(work, layer, source)
            if layer is net.layers[-1] and separable(net) and source is not net.inputs:
                yield from named_shares(work, layer, source)
            if net.samples > 1:
                yield from named_contributions(work, layer, source)
            source = layer.activation


def separable(net: Network) -> bool:
    """Whether the loss is a sum over outputs, each of one neuron, of one sample."""
    terms = net.loss.terms if net.loss else None
    return terms is not None and net.samples == 1 and terms.size == net.outputs.size and bool(OPS[net.outputs.op].slope)


def named_contributions(work: Worked, layer: Built, source: Node) -> Iterator[tuple[str, float]]:
    """dE/dW#s: what each sample adds to the gradient of a weight."""
    delta, incoming = work.of("adjoint", layer.pre_activation), work.of("value", source)
    for node in (layer.weights, layer.biases):
        if node is None:
            continue
        there = np.flatnonzero(node.params["where"] >= 0) if node.op == "take" else np.arange(node.size)
        neuron, sender = np.unravel_index(there, node.shape)
        leaf, places = (node.parents[0], node.params["where"].ravel()[there]) if node.op == "take" else (node, there)
        if leaf not in work.network.trained:
            continue
        trained = work.network.trained[leaf].ravel()[places]
        names = canonical(Quantity("adjoint", leaf), places)
        found: dict[str, float] = {}
        for s in range(work.network.samples):
            factor = incoming[sender, s] if node is layer.weights else float(layer.pre_activation.params["bias_input"])
            for name, number, kept in zip(names, (delta[neuron, s] * factor).tolist(), trained.tolist(), strict=True):
                if kept:
                    found[f"{name}#{s + 1}"] = found.get(f"{name}#{s + 1}", 0) + number
        yield from found.items()


def named_partials(work: Worked, layer: Built, source: Node) -> Iterator[tuple[str, float]]:
    """dz/dW, dz/dY and dz/db of one layer."""
    z, W = layer.pre_activation, layer.weights
    there = np.flatnonzero(W.params["where"] >= 0) if W.op == "take" else np.arange(W.size)
    neuron, sender = np.unravel_index(there, W.shape)
    above, below = cell_names(z.cells, neuron), cell_names(source.cells, sender)
    weights = cell_names(W.cells, there)
    if work.network.samples > 1:
        return  # dz/dW of each sample is the sample's activation, which has a name already
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
    terms = work.network.loss.terms if work.network.loss else None
    assert terms is not None
    above, below = (cell_names(node.cells, np.arange(node.size)) for node in (terms, source))
    for k, loss in enumerate(above):
        for j, activation in enumerate(below):
            yield f"d{loss}/d{activation}", float(delta[k, 0] * weights[k, j])
