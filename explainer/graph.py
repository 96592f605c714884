"""The computational graph: named arrays, each an operation applied to earlier ones.

node     a named array: x, W1, z1, a1, E              entry    one number of it: z1[2, 0]
leaf     a node that is given: an input, a target, a weight, a bias
adjoint  dE/d(node); called delta when the node is a pre-activation, gradient when it is a weight
use      one place an entry is read; the chain rule has one term for each use
cells    what the entries of a node are called
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np

from .ops import OPS


@dataclass(frozen=True, eq=False)
class Cells:
    """What the entries of a node are called: a quantity and the labels along its axes.

    `rows` are the neurons an entry belongs to or leads into; `columns` the neurons or inputs it comes from (weights).
    """

    quantity: str  # a key of `Notation.symbols`
    rows: tuple[str, ...] = ("",)
    columns: tuple[str, ...] = ("",)
    own: Mapping[int, str] = field(default_factory=dict)  # flat index -> the name the author gave
    from_inputs: bool = False  # the columns are inputs, not neurons
    sampled: bool = False  # the columns are the samples of a batch
    layer: int = 0  # of the rows; 0 is the inputs
    neurons: tuple[str, ...] = ()  # the labels that the rows belong to, where `rows` are names (of targets)


@dataclass(frozen=True, eq=False)
class Picked:
    """Entries that are called what the entries of other nodes are called: (cells, flat index) of each."""

    cells: tuple[tuple[Cells, int], ...]


@dataclass(frozen=True, eq=False)
class Node:
    """A named array. Nodes are compared by identity: the same node is the same place in the graph."""

    name: str
    shape: tuple[int, ...]
    cells: Cells | Picked
    op: str = "leaf"
    parents: tuple[Node, ...] = ()
    params: Mapping[str, Any] = field(default_factory=dict)

    @property
    def size(self) -> int:
        return int(np.prod(self.shape))


def leaf(name: str, shape: tuple[int, ...], cells: Cells | Picked) -> Node:
    return Node(name, shape, cells)


def apply(op: str, *parents: Node, name: str, cells: Cells | Picked, **params: Any) -> Node:
    """The operation applied to earlier nodes; its shape is found by trying it on ones."""
    shape = np.shape(OPS[op].value(*(np.ones(p.shape) for p in parents), **params))
    return Node(name, shape, cells, op, parents, params)


@lru_cache(maxsize=64)
def order(end: Node) -> tuple[Node, ...]:
    """Every node that `end` depends on, and `end`: parents first."""
    found: dict[Node, None] = {}
    stack = [(end, False)]
    while stack:
        node, parents_done = stack.pop()
        if parents_done:
            found[node] = None
        elif node not in found:
            stack.append((node, True))
            stack.extend((p, False) for p in reversed(node.parents))
    return tuple(found)


def readers(end: Node) -> dict[Node, list[tuple[Node, int]]]:
    """For each node, the nodes through which `end` depends on it, and as which argument they read it."""
    found: dict[Node, list[tuple[Node, int]]] = {node: [] for node in order(end)}
    for node in reversed(order(end)):
        if node.op == "leaf" or (node is not end and not found[node]):
            continue
        through = OPS[node.op].through
        for position, parent in enumerate(node.parents):
            if through is None or position in through:
                found[parent].insert(0, (node, position))
    return found


def descendants(end: Node, starts: set[Node]) -> set[Node]:
    """Every node whose value depends on one of `starts`, which are among them."""
    found: set[Node] = set()
    for node in order(end):
        if node in starts or any(p in found for p in node.parents):
            found.add(node)
    return found
