"""From a problem to its graph: which operations a network is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np

from .graph import Cells, Node, Picked, apply, leaf
from .notation import cell_names
from .ops import Array
from .problem import Choice, Layer, Problem
from .values import Values


@dataclass(frozen=True, eq=False)
class Built:
    """One layer in the graph."""

    weights: Node
    biases: Node | None
    pre_activation: Node
    activation: Node


@dataclass(frozen=True, eq=False)
class Loss:
    """The loss in the graph, and what it is put together from; each is None where it would only repeat the next."""

    end: Node
    terms: Node | None = None  # of each output (and sample)
    samples: Node | None = None  # of each sample
    data: Node | None = None  # without the penalties
    penalties: tuple[Node, ...] = ()
    from_activation: Node | None = None  # where `end` is worked from scores: the same loss of the activation, beside it

    @property
    def of_samples(self) -> tuple[Node, ...]:
        """What is found for each sample."""
        return tuple(node for node in (self.terms, self.samples) if node is not None)

    @property
    def of_all(self) -> tuple[Node, ...]:
        """What is found once, from all samples."""
        return tuple(node for node in (self.data, *self.penalties, self.end) if node is not None)


@dataclass(frozen=True, eq=False)
class Network:
    """A problem as a graph, and the places in it that a derivation speaks of."""

    problem: Problem
    end: Node  # the loss, or the last activation where there is none
    given: Values  # every leaf's numbers
    inputs: Node
    targets: Node | None
    layers: tuple[Built, ...]
    loss: Loss | None
    trained: dict[Node, Array]  # parameter leaf -> which of its entries are trained
    constants: Mapping[str, Node]  # the numbers of the optimizer, by name

    @property
    def outputs(self) -> Node:
        return self.layers[-1].activation

    @property
    def updated(self) -> bool:
        """Whether there is an update: something to train, and an optimizer."""
        return bool(self.trained) and self.problem.optimizer is not None

    @property
    def learning_rate(self) -> Node | None:
        return self.constants.get("learning_rate")

    @property
    def samples(self) -> int:
        return self.inputs.shape[1]


def network(problem: Problem) -> Network:
    """The graph of a feed-forward network: each layer a weighted sum and an activation, then the loss."""
    parameters = Parameters(problem)
    given: Values = {}
    inputs = leaf("x", problem.inputs.shape, in_samples("input", problem.input_names, problem))
    given[inputs] = problem.inputs
    x, layers = inputs, []
    for number, layer in enumerate(problem.layers, 1):
        weights, biases = parameters.weights[number - 1], parameters.biases[number - 1]
        name, cells = f"z{number}", in_samples("pre_activation", layer.labels, problem, number)
        if biases is None:
            z = apply("weighted_sum", weights, x, name=name, cells=cells)
        else:
            z = apply("affine", weights, x, biases, name=name, cells=cells, bias_input=layer.bias_input)
        op, numbers = activation_of(layer.activation)
        x = apply(op, z, name=f"a{number}", cells=in_samples("activation", layer.labels, problem, number), **numbers)
        layers.append(Built(weights, biases, z, x))
    targets, loss = None, None
    if problem.loss is not None and problem.targets is not None:
        targets = leaf("t", problem.targets.shape, in_samples("target", problem.target_names, problem, len(layers)))
        given[targets] = problem.targets
        loss = with_penalties(problem, data_loss(problem, layers[-1], targets), parameters)
    trained = parameters.trained if loss is not None else {}
    constants = {
        name: leaf(name, (), Cells(name))
        for name in (problem.optimizer.numbers if problem.optimizer else ())
        if name != "averaged"
    }
    given |= {node: np.array(problem.optimizer.numbers[name]) for name, node in constants.items() if problem.optimizer}
    end = loss.end if loss else x
    return Network(problem, end, given | parameters.given, inputs, targets, tuple(layers), loss, trained, constants)


def in_samples(quantity: str, labels: tuple[str, ...], problem: Problem, layer: int = 0) -> Cells:
    """Cells with a row for each label and a column for each sample."""
    count = problem.inputs.shape[1]
    neurons = problem.layers[-1].labels if quantity == "target" else ()
    if count == 1:
        return Cells(quantity, labels, layer=layer, neurons=neurons)
    samples = tuple(str(s) for s in range(1, count + 1))
    return Cells(quantity, labels, samples, sampled=True, layer=layer, neurons=neurons)


def activation_of(choice: Choice) -> tuple[str, dict[str, Any]]:
    """The operation of an activation, and its numbers."""
    numbers = dict(choice.numbers)
    if choice.name == "gelu":
        return ("gelu_tanh" if numbers.get("approximate") else "gelu"), {}
    return choice.name, numbers


# ---- the loss


def data_loss(problem: Problem, last: Built, targets: Node) -> Loss:
    """The loss of the samples, summed or averaged."""
    assert problem.loss is not None
    samples, whole = targets.shape[1], problem.penalty is None
    terms, beside = loss_of_outputs(problem, last, targets)
    alone = terms.shape[0] == 1
    if samples == 1:
        if alone:
            return Loss(called(terms, Cells("loss") if whole else Cells("data_loss")), from_activation=beside)
        end = apply("total", terms, name="E", cells=Cells("loss" if whole else "data_loss"))
        return Loss(end, terms, from_activation=beside)
    cells = in_samples("sample_loss", ("",), problem)
    per_sample = called(terms, cells) if alone else apply("column_total", terms, name="Es", cells=cells)
    op, count = ("mean", {"count": samples}) if problem.reduction == "mean" else ("total", {})
    end = apply(op, per_sample, name="E", cells=Cells("loss" if whole else "data_loss"), **count)
    return Loss(end, None if alone else terms, per_sample, from_activation=beside)


def called(node: Node, cells: Cells) -> Node:
    """The same operation with other names for its entries."""
    return Node(node.name, node.shape, cells, node.op, node.parents, node.params)


def loss_of_outputs(problem: Problem, last: Built, targets: Node) -> tuple[Node, Node | None]:
    """The loss of each output, or of all; where it is worked from scores, also the same loss of the activations."""
    assert problem.loss is not None
    name, numbers = problem.loss.name, dict(problem.loss.numbers)
    z, y = last.pre_activation, last.activation
    cells = in_samples("loss_term", problem.layers[-1].labels, problem, len(problem.layers))
    if name == "multiclass_hinge":
        return margins(y, problem, cells, **numbers), None
    if name == "mean_squared_error":
        numbers = {"outputs": targets.shape[0]}
    plain = apply(name, y, targets, name="Ek", cells=cells, **numbers)
    if problem.writing.carry == "rounded":  # by hand the loss is worked from the activations that are on the paper
        return plain, None
    if (name, y.op) == ("binary_cross_entropy", "sigmoid"):
        return apply("sigmoid_binary_cross_entropy", z, y, targets, name="Ek", cells=cells), plain
    if (name, y.op) == ("cross_entropy", "softmax") and are_shares(targets_of(problem)):
        one = in_samples("loss_term", ("",), problem)
        return apply("softmax_cross_entropy", z, y, targets, name="Ek", cells=one), plain
    return plain, None


def targets_of(problem: Problem) -> Array:
    assert problem.targets is not None
    return problem.targets


def are_shares(targets: Array) -> bool:
    """Whether the targets of each sample add up to 1, but for the rounding of the sum: y - t is the slope only then."""
    return bool((np.abs(targets.sum(axis=0) - 1) <= 1e-14).all())


def margins(y: Node, problem: Problem, cells: Cells, margin: float) -> Node:
    """max(0, score - right score + margin) of every wrong class."""
    classes, samples = y.shape
    right = np.argmax(targets_of(problem), axis=0)
    wrong = np.array([[k for k in range(classes) if k != r] for r in right]).T  # (classes - 1, samples)
    columns = np.arange(samples)
    places = wrong * samples + columns
    nodes = (
        apply("take", y, name=name, cells=y.cells, where=where, rank=2)
        for name, where in (("wrong", places), ("right", np.broadcast_to(right * samples + columns, places.shape)))
    )
    picked = Picked(tuple((cells, int(place)) for place in places.ravel()))
    return apply("multiclass_hinge", *nodes, name="Ek", cells=picked, margin=margin)


def with_penalties(problem: Problem, loss: Loss, parameters: Parameters) -> Loss:
    """The loss with L2 added: lambda/2 times the sum of squares, a part for each layer's weights."""
    if problem.penalty is None:
        return loss
    samples = problem.inputs.shape[1] if problem.penalty.per_sample else 1
    rate = float(Fraction(repr(problem.penalty.rate)) / samples)  # 0.3 / 3 is 0.1, as by hand
    penalties = tuple(
        apply(
            "half_squares",
            node,
            name=f"R{number}",
            cells=Cells("penalty", (str(number),)),
            rate=rate,
            rank=len(node.shape),
            axes=len(loss.end.shape),  # as many as the loss it is added to, one number or (1, 1)
        )
        for number, node in enumerate(parameters.penalised(problem.penalty.biases), 1)
    )
    end = apply("add", loss.end, *penalties, name="E", cells=Cells("loss"))
    return Loss(end, loss.terms, loss.samples, loss.end, penalties, loss.from_activation)


class Plan(NamedTuple):
    """A node that will take its entries from the pool."""

    name: str
    cells: Cells
    where: Array  # which entry of the pool each entry is; -1: none


class Parameters:
    """The weights and biases of a problem as nodes.

    A layer whose weights all exist and are used once is a leaf. Where a name is used twice, or a connection is missing,
    the parameters of that layer are entries of one leaf, taken from there to their places: one entry for a name,
    however often it is used.
    """

    def __init__(self, problem: Problem) -> None:
        self.given: Values = {}
        self.trained: dict[Node, Array] = {}
        self.frozen = problem.frozen
        self.uses = Counter(
            name for layer in problem.layers for name in [*layer.weight_names.values(), *layer.bias_names.values()]
        )
        self.picked: list[tuple[Cells, int]] = []
        self.picked_values: list[float] = []
        self.place_of: dict[str, int] = {}
        sources = problem.input_names
        plans: list[Plan | Node | None] = []
        for number, layer in enumerate(problem.layers, 1):
            plans.append(self.plan(f"W{number}", layer.weights, weight_cells(layer, sources, number)))
            plans.append(
                self.plan(f"b{number}", layer.biases[:, None], bias_cells(layer, number))
                if layer.biases is not None
                else None
            )
            sources = layer.labels
        self.pooled = pool = self.pool()
        nodes = [self.placed(plan, pool) for plan in plans]
        self.weights = [node for node in nodes[::2] if node is not None]
        self.biases = nodes[1::2]

    def plan(self, name: str, values: Array, cells: Cells) -> Node | Plan:
        """A leaf, or where each entry of the array is found in the pool (-1: nowhere)."""
        if not np.isnan(values).any() and all(self.uses[own] == 1 for own in cells.own.values()):
            node = leaf(name, values.shape, cells)
            self.register(node, values, np.arange(node.size))
            return node
        where = np.full(values.size, -1)
        for flat in np.flatnonzero(~np.isnan(values.ravel())).tolist():
            own = cells.own.get(flat)
            place = self.place_of.get(own, len(self.picked)) if own else len(self.picked)
            if place == len(self.picked):
                self.picked.append((cells, flat))
                self.picked_values.append(float(values.ravel()[flat]))
                if own:
                    self.place_of[own] = place
            where[flat] = place
        return Plan(name, cells, where.reshape(values.shape))

    def pool(self) -> Node | None:
        if not self.picked:
            return None
        node = leaf("p", (len(self.picked),), Picked(tuple(self.picked)))
        self.register(node, np.array(self.picked_values), np.arange(node.size))
        return node

    def placed(self, plan: Node | Plan | None, pool: Node | None) -> Node | None:
        if plan is None or isinstance(plan, Node):
            return plan
        assert pool is not None
        return apply("take", pool, name=plan.name, cells=plan.cells, where=plan.where)

    def penalised(self, biases: bool) -> list[Node]:
        """What L2 takes the squares of: the weights, each once, and the biases where they are asked for."""
        found = []
        for node in [*self.weights, *(self.biases if biases else ())]:
            if node is None or node.op == "take":
                continue
            found.append(node)
        chosen = [k for k, (cells, _) in enumerate(self.picked) if biases or cells.quantity == "weight"]
        if self.pooled is not None and chosen:
            picked = Picked(tuple(self.picked[k] for k in chosen))
            found.append(apply("take", self.pooled, name="squared", cells=picked, where=np.array(chosen)))
        return found

    def register(self, node: Node, values: Array, entries: Array) -> None:
        self.given[node] = values
        if not self.frozen:
            self.trained[node] = np.ones(node.shape, bool)
        else:
            trained = [name not in self.frozen for name in cell_names(node.cells, entries)]
            self.trained[node] = np.array(trained, bool).reshape(node.shape)


def weight_cells(layer: Layer, sources: tuple[str, ...], number: int) -> Cells:
    own = {neuron * len(sources) + source: name for (neuron, source), name in layer.weight_names.items()}
    return Cells("weight", layer.labels, sources, own, from_inputs=number == 1, layer=number)


def bias_cells(layer: Layer, number: int) -> Cells:
    quantity = "threshold" if layer.bias_input < 0 else "bias"
    return Cells(quantity, layer.labels, own=dict(layer.bias_names), layer=number)
