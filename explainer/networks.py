"""From a problem to its graph: which operations a network is."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from .graph import Cells, Node, Picked, apply, leaf
from .notation import cell_names
from .ops import Array
from .problem import Layer, Problem
from .values import Values


@dataclass(frozen=True, eq=False)
class Built:
    """One layer in the graph."""

    weights: Node
    biases: Node | None
    pre_activation: Node
    activation: Node


@dataclass(frozen=True, eq=False)
class Network:
    """A problem as a graph, and the places in it that a derivation speaks of."""

    problem: Problem
    end: Node  # the loss, or the last activation where there is none
    given: Values  # every leaf's numbers
    inputs: Node
    layers: tuple[Built, ...]
    loss_terms: Node | None  # the loss of each output, where there are several
    trained: dict[Node, Array]  # parameter leaf -> which of its entries are trained
    learning_rate: Node

    @property
    def outputs(self) -> Node:
        return self.layers[-1].activation


def network(problem: Problem) -> Network:
    """The graph of a feed-forward network: each layer a weighted sum and an activation, then the loss."""
    parameters = Parameters(problem)
    given: Values = {}
    inputs = leaf("x", problem.inputs.shape, Cells("input", problem.input_names))
    given[inputs] = problem.inputs
    x, layers = inputs, []
    for number, layer in enumerate(problem.layers, 1):
        weights, biases = parameters.weights[number - 1], parameters.biases[number - 1]
        name, cells = f"z{number}", Cells("pre_activation", layer.labels)
        if biases is None:
            z = apply("weighted_sum", weights, x, name=name, cells=cells)
        else:
            z = apply("affine", weights, x, biases, name=name, cells=cells, bias_input=layer.bias_input)
        x = apply(layer.activation.name, z, name=f"a{number}", cells=Cells("activation", layer.labels))
        layers.append(Built(weights, biases, z, x))
    end, terms = x, None
    if problem.loss is not None and problem.targets is not None:
        target = leaf("t", problem.targets.shape, Cells("target", problem.target_names))
        given[target] = problem.targets
        several = target.size > 1
        name, labels = ("Ek", problem.layers[-1].labels) if several else ("E", ("",))
        end = apply(problem.loss.name, x, target, name=name, cells=Cells("loss_term" if several else "loss", labels))
        if several:
            terms, end = end, apply("total", end, name="E", cells=Cells("loss"))
    trained = parameters.trained if end is not x and problem.optimizer is not None else {}
    rate = leaf("eta", (), Cells("learning_rate"))
    if problem.optimizer is not None:
        given[rate] = np.array(problem.optimizer.numbers["learning_rate"])
    return Network(problem, end, given | parameters.given, inputs, tuple(layers), terms, trained, rate)


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
            plans.append(self.plan(f"W{number}", layer.weights, weight_cells(layer, sources, number == 1)))
            plans.append(
                self.plan(f"b{number}", layer.biases[:, None], bias_cells(layer)) if layer.biases is not None else None
            )
            sources = layer.labels
        pool = self.pool()
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

    def register(self, node: Node, values: Array, entries: Array) -> None:
        self.given[node] = values
        if not self.frozen:
            self.trained[node] = np.ones(node.shape, bool)
        else:
            trained = [name not in self.frozen for name in cell_names(node.cells, entries)]
            self.trained[node] = np.array(trained, bool).reshape(node.shape)


def weight_cells(layer: Layer, sources: tuple[str, ...], from_inputs: bool) -> Cells:
    own = {neuron * len(sources) + source: name for (neuron, source), name in layer.weight_names.items()}
    return Cells("weight", layer.labels, sources, own, from_inputs)


def bias_cells(layer: Layer) -> Cells:
    quantity = "threshold" if layer.bias_input < 0 else "bias"
    return Cells(quantity, layer.labels, own=dict(layer.bias_names))
