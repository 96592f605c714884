"""The way from each neuron to the loss."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ..dialects import Dialect
from ..graph import Cells, Node
from ..networks import Network
from ..steps import Steps


def onward_paths(net: Network, steps: Steps) -> dict[Node, list[str]]:
    r"""For each neuron of each layer, from its pre-activation to the loss: e_3 \to Y_3 \to e_6 \to Y_6 \to E."""
    found = {}
    for at, layer in enumerate(net.layers):
        every = np.arange(layer.activation.shape[0])
        z, y = (unsampled(steps, node) for node in (layer.pre_activation, layer.activation))
        known: dict[tuple[int, ...], str] = {}
        rows = []
        for neuron in every.tolist():
            reached = tuple(next_neurons(net, at, (neuron,)))
            if reached not in known:
                known[reached] = rest_of_path(net, steps, at, reached)
            rows.append(steps.m.to.join((z[neuron], y[neuron], known[reached])))
        found[layer.pre_activation] = rows
    return found


def unsampled(steps: Steps, node: Node) -> list[str]:
    """The symbols of a layer's neurons, of no sample in particular."""
    assert isinstance(node.cells, Cells)
    cells = replace(node.cells, columns=("",), sampled=False)
    return steps.symbol.cell_symbols(cells, np.arange(len(cells.rows)))


def next_neurons(net: Network, at: int, neurons: Sequence[int]) -> list[int]:
    """The neurons of the layer after `at` that some of these lead to."""
    if at + 1 == len(net.layers):
        return []
    weights = net.layers[at + 1].weights
    if weights.op != "take":
        return list(range(weights.shape[0]))
    there = weights.params["where"] >= 0
    found: list[int] = np.flatnonzero(there[:, list(neurons)].any(axis=1)).tolist()
    return found


def rest_of_path(net: Network, steps: Steps, at: int, reached: Sequence[int]) -> str:
    parts = []
    while reached:
        at += 1
        for node in (net.layers[at].pre_activation, net.layers[at].activation):
            every = unsampled(steps, node)
            parts.append(some(steps.m, [every[k] for k in reached]))
        reached = next_neurons(net, at, reached)
    return steps.m.to.join([*parts, steps.symbol.loss])


def some(m: Dialect, symbols: Sequence[str]) -> str:
    """A few symbols as they are, many by the first and the last."""
    return ", ".join(symbols) if len(symbols) <= 3 else f"{symbols[0]}, {m.dots}, {symbols[-1]}"
