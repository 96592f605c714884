"""The lines of a network, read off its graph: forwards, backwards, updates, and what the updated network gives."""

from __future__ import annotations

from bisect import bisect
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from inspect import signature
from itertools import product
from typing import Any, NamedTuple

import numpy as np
import sympy as sp

from ..formulas import RESULT, Terms, partials, placed, softmax_terms, uses, value_terms
from ..graph import Cells, Node, order, readers
from ..networks import Network
from ..notation import Quantity, canonical, cell_names, quantity_of
from ..ops import Array
from ..optimizers import rule_of
from ..problem import Problem
from ..values import LOSSES, forward
from ..worked import Worked, iterations, named
from .lines import Line, Lines, Roles, Way, way_of_roles, way_of_terms

MOST_EXPONENT = 200  # of e, beyond which softmax is not worked by its exponentials
ZERO_TARGETS = ("cross_entropy", "softmax_cross_entropy")  # losses in which a target of 0 leaves its term out


class Block(NamedTuple):
    """All entries of one quantity in one iteration; they are numbered on from `first`."""

    first: int
    iteration: int
    quantity: Quantity


class NetworkLines(Lines):
    """Every quantity of a network, over all iterations that its problem asks for."""

    def __init__(self, problem: Problem) -> None:
        super().__init__()
        full = replace(problem, writing=replace(problem.writing, carry="full"))  # a sheet is held to the right values
        self.works = [*iterations(full)]
        self.inputs = frozenset(problem.input_names)
        self.net: Network = self.works[0].network
        self.reads = readers(self.net.end)
        self.blocks: list[Block] = []
        self._first: dict[tuple[int, Quantity], int] = {}
        self._apart: dict[int, tuple[Callable[[], tuple[Way, ...]], Roles]] = {}
        self._leaves = {node for node in order(self.net.end) if node.op == "leaf"} | set(self.net.constants.values())
        self._activation_of = {layer.pre_activation: layer.activation for layer in self.net.layers}
        self._place = {
            node: (which, number)
            for number, layer in enumerate(self.net.layers)
            for which, node in zip(("w", "b", "z", "y"), (layer.weights, layer.biases, layer.pre_activation, layer.activation), strict=True)
            if node is not None
        }  # fmt: skip
        true: list[Array] = []
        for work in self.works:
            true += self._number(work)
        self._end = sum(part.size for part in true)
        self._exponentials: dict[int, list[int]] = {}  # of an output of softmax: its own number's, and all of them
        for work in self.works:
            self._number_apart(work, true)
            self._number_exponentials(work.iteration, true)
        self.true = np.concatenate([part.ravel() for part in true])
        if self.net.targets is not None:
            self.targets = self.at(1, "value", self.net.targets).T.tolist()

    # ---- numbering

    def _number(self, work: Worked) -> Iterator[Array]:
        """The values of each block of an iteration, the blocks being numbered on the way."""
        k, found = work.iteration, dict(work.numbers)
        if self.net.updated:
            new = {node: work.numbers.get(Quantity("updated", node), array) for node, array in self.net.given.items()}
            if k > 1:
                new |= {
                    node: found.get(Quantity("updated", node), found[Quantity("value", node)]) for node in self._leaves
                }
            after = forward(self.net.end, new)
            for node in order(self.net.end):
                if node.op not in ("leaf", "take"):
                    found.setdefault(Quantity("updated", node), after[node])
        for quantity, array in found.items():
            if self._is_elsewhere(k, quantity):
                continue
            first = self.blocks[-1].first + self.blocks[-1].quantity.node.size if self.blocks else 0
            self.blocks.append(Block(first, k, quantity))
            self._first[k, quantity] = first
            given = quantity.what.endswith("_old") or (quantity.what == "value" and quantity.node.op == "leaf")
            if given:
                self.given |= set(range(first, first + array.size))
            if not quantity.what.endswith("_old"):
                self._name(quantity, first, k)
            yield np.asarray(array, float)

    def _is_elsewhere(self, k: int, quantity: Quantity) -> bool:
        """Whether the quantity is another one's, or none that is spoken of."""
        what, node = quantity
        if node.op == "take" or (what == "adjoint" and quantity_of(node) in LOSSES):
            return True
        return k > 1 and ((what == "value" and node.op == "leaf") or what.endswith("_old"))

    def _name(self, quantity: Quantity, first: int, k: int) -> None:
        what, node = quantity
        kept = np.arange(node.size)
        if node in self.net.trained and what != "value":
            kept = np.flatnonzero(self.net.trained[node].ravel())
        for name, entry in zip(canonical(quantity, kept), kept.tolist(), strict=True):
            self._called(name, first + entry, k)

    def _called(self, name: str, number: int, k: int) -> None:
        full = name if k == 1 else f"{name}@{k}"
        self.numbers.setdefault(full, number)
        self.names.setdefault(number, full)

    def _number_apart(self, work: Worked, true: list[Array]) -> None:
        """Quantities that are another one's under a name of their own, or parts of one: dz/dW, shares, contributions."""
        k = work.iteration
        right = dict(named(work))
        makers = {**self._aliases(k), **self._shares(k), **self._contributions(k)}
        for name, number in right.items():
            full = name if k == 1 else f"{name}@{k}"
            if full in self.numbers or name not in makers:
                continue
            self._apart[self._end] = makers[name]
            self._called(name, self._end, k)
            true.append(np.array([number]))
            self._end += 1

    def _number_exponentials(self, k: int, true: list[Array]) -> None:
        """exp[o]: what softmax divides by its sum; many write it down, and most round it on scratch paper."""
        for layer, what in product(self.net.layers, ("value", "updated")):
            y, z = layer.activation, layer.pre_activation
            if y.op != "softmax" or not self.has(k, what, y):
                continue
            outputs, scores = self.at(k, what, y), self.at(k, what, z)
            found = np.exp(np.minimum(np.concatenate([part.ravel() for part in true])[scores], MOST_EXPONENT + 1))
            if np.log(found).max() > MOST_EXPONENT:
                continue
            own = self._end + np.arange(z.size).reshape(z.shape)
            self._exponentials |= {
                int(outputs[i, s]): [int(own[i, s]), *own[:, s].tolist()] for i, s in np.ndindex(z.shape)
            }
            for number, score in zip(own.ravel().tolist(), scores.ravel().tolist(), strict=True):
                self._apart[number] = (exponential_of(score), Roles("exponential"))
                self._called(self.names[score].partition("@")[0].replace("z", "exp", 1), number, k)
            true.append(found)
            self._end += z.size

    def first(self, k: int, what: str, node: Node) -> int:
        return self._first[k, Quantity(what, node)]

    def has(self, k: int, what: str, node: Node) -> bool:
        return (k, Quantity(what, node)) in self._first

    def at(self, k: int, what: str, node: Node) -> Array:
        """The number of each entry of a quantity, in the shape of its node; -1 where there is no entry."""
        if node.op == "take":
            where = node.params["where"]
            return np.where(where < 0, -1, self.at(k, what, node.parents[0]).ravel()[where])
        if what == "value" and node.op == "leaf" and k > 1:
            return self.at(k - 1, "updated", node) if node in self.net.trained else self.at(1, "value", node)
        if what.endswith("_old") and k > 1:
            return self.at(k - 1, what.removesuffix("_old"), node)
        if what == "updated" and node.op == "leaf":
            if node not in self.net.trained:
                return self.at(k, "value", node)
            own = self.first(k, what, node) + np.arange(node.size).reshape(node.shape)
            return np.where(self.net.trained[node], own, self.at(k, "value", node))
        return self.first(k, what, node) + np.arange(node.size).reshape(node.shape)

    def entries(self, k: int, now: str = "value") -> Callable[[Quantity, Array], Array]:
        """Finds the numbers of a quantity's entries; `now` is "updated" in the pass with the new weights."""
        return lambda q, e: self.at(k, now if q.what == "value" else q.what, q.node).ravel()[e]

    def block_of(self, number: int) -> tuple[int, Quantity, int]:
        """(iteration, quantity, entry) of a number."""
        block = self.blocks[bisect(self.blocks, number, key=lambda each: each.first) - 1]
        return block.iteration, block.quantity, number - block.first

    # ---- ways

    def make(self, number: int) -> Line:
        if number in self._apart:
            return Line(number, self._apart[number][0]())
        k, (what, node), entry = self.block_of(number)
        if what in ("value", "updated") and node.op != "leaf":
            ways: tuple[Way, ...] = (way_of_terms(self.definition(node, entry), self.entries(k, what)),)
            if number in self._exponentials:
                own, *every = self._exponentials[number]
                ways += (way_of_roles(lambda e, es: e / es.sum(axis=0), {"e": own, "es": np.array(every)}),)
        elif what == "slope":
            ways = (way_of_terms([slope_terms(node, entry)], self.entries(k)),)
        elif what == "adjoint":
            ways = tuple(self.adjoint_ways(k, node, entry))
        else:
            ways = tuple(self.update_ways(k, what, node, entry))
        return Line(number, ways)

    def definition(self, node: Node, entry: int) -> list[Terms]:
        row = np.array([entry])
        if node.op == "softmax":
            return softmax_terms(node, row, None)
        terms = value_terms(node, row)
        if node.op in ZERO_TARGETS and self.net.targets is not None:
            targets = self.net.given[self.net.targets].ravel()
            terms = [without_zero_targets(group, self.net.targets, targets) for group in terms]
        return terms

    def adjoint_ways(self, k: int, node: Node, entry: int) -> Iterator[Way]:
        row, numbers = np.array([entry]), self.entries(k)
        loss = self.net.loss
        beside = loss.from_activation if loss else None
        if beside is not None and node is self.net.outputs:
            share = sp.Rational(1, self.net.samples) if self.net.problem.reduction == "mean" else sp.S.One
            terms = uses({node: [(beside, 0)], beside: []}, node, row)
            yield way_of_terms([scaled(group, share) for group in terms], numbers)
            return
        output = self._activation_of.get(node)
        slopes = output is not None and self.has(k, "slope", output) and self.has(k, "adjoint", output)
        if slopes and output is not None:
            pair = {"g": self.at(k, "adjoint", output).ravel()[entry], "s": self.at(k, "slope", output).ravel()[entry]}
            by_slope = way_of_roles(lambda g, s: g * s, pair)
            if self.reads[node][0][0] is output:
                yield by_slope
                return
            yield way_of_terms(uses(self.reads, node, row), numbers)
            yield by_slope
            return
        yield way_of_terms(uses(self.reads, node, row), numbers)
        name = self.names.get(self.at(k, "adjoint", node).ravel()[entry], "")
        parts = self._parts_of(name.partition("@")[0], k)
        if parts:
            penalties = [t for t in uses(self.reads, node, row) if node in self.net.trained and is_penalty(t, node)]
            yield plus(way_of_terms(penalties, numbers), parts)

    def _parts_of(self, name: str, k: int) -> list[int]:
        """The quantities of their own that add up to this one: contributions of samples, shares of outputs."""
        mark = "" if k == 1 else f"@{k}"
        if self.net.samples > 1:
            found = [self.numbers.get(f"{name}#{s + 1}{mark}") for s in range(self.net.samples)]
        else:
            terms = self.net.loss.terms if self.net.loss else None
            if terms is None or "/d" not in name:
                return []
            above = cell_names(terms.cells, np.arange(terms.size))
            found = [self.numbers.get(f"d{each}/d{name.partition('/d')[2]}{mark}") for each in above]
        return [number for number in found if number is not None] if None not in found else []

    def update_ways(self, k: int, what: str, leaf: Node, entry: int) -> Iterator[Way]:
        assert self.net.problem.optimizer is not None
        rule = rule_of(self.net.problem.optimizer)
        finds = "w" if what in ("updated", "step") else what
        line = next(each for each in rule if each.finds == finds)
        known = {name: self.state(k, name, leaf, entry) for name in line.names}
        here = {"w": self.state(k, "w", leaf, entry)}
        iteration = {"t": k} if "t" in signature(line.rule).parameters else {}
        if what == "step":
            yield way_of_roles(lambda **found: line.rule(**found, **iteration) - found["w"], known)
            new = int(self.at(k, "updated", leaf).ravel()[entry])
            yield way_of_roles(lambda w, new: new - w, here | {"new": new}, after=new)
            return
        yield way_of_roles(lambda **found: line.rule(**found, **iteration), known)
        if what == "updated":
            step = int(self.at(k, "step", leaf).ravel()[entry])
            yield way_of_roles(lambda w, step: w + step, here | {"step": step}, after=step)

    def state(self, k: int, name: str, leaf: Node, entry: int) -> int:
        """The number of what a line of the optimizer calls by this name."""
        if name in self.net.constants:
            return int(self.at(1, "value", self.net.constants[name]))
        what = {"w": "value", "g": "adjoint"}.get(name, name)
        return int(self.at(k, what, leaf).ravel()[entry])

    # ---- quantities under a name of their own

    def _layers(self) -> Iterator[tuple[Any, Node]]:
        source = self.net.inputs
        for layer in self.net.layers:
            yield layer, source
            source = layer.activation

    def _aliases(self, k: int) -> dict[str, Any]:
        """dz/dW, dz/dY and dz/db, which are an activation, a weight and the bias input."""
        if self.net.samples > 1 or self.net.loss is None:
            return {}
        found: dict[str, Any] = {}
        for layer, source in self._layers():
            W, z = layer.weights, layer.pre_activation
            there = np.flatnonzero(self.at(k, "value", W).ravel() >= 0)
            neuron, sender = np.unravel_index(there, W.shape)
            above, below = cell_names(z.cells, neuron), cell_names(source.cells, sender)
            weights, of_weight = cell_names(W.cells, there), self.at(k, "value", W).ravel()[there].tolist()
            of_source = self.at(k, "value", source).ravel()[sender].tolist()
            summed: dict[str, list[int]] = {}
            for a, w, number in zip(above, weights, of_source, strict=True):
                summed.setdefault(f"d{a}/d{w}", []).append(number)
            found |= {name: (total_of(numbers), Roles("partial")) for name, numbers in summed.items()}
            found |= {
                f"d{a}/d{b}": (total_of([number]), Roles("partial"))
                for a, b, number in zip(above, below, of_weight, strict=True)
            }
            if layer.biases is not None:
                every, c = np.arange(z.size), float(z.params["bias_input"])
                for a, b in zip(cell_names(z.cells, every), cell_names(layer.biases.cells, every), strict=True):
                    found[f"d{a}/d{b}"] = (constant(c), Roles("partial"))
        return found

    def _shares(self, k: int) -> dict[str, Any]:
        """dE[o]/dY[h]: what each output's loss alone sends back."""
        net = self.net
        terms = net.loss.terms if net.loss else None
        if terms is None or net.samples > 1 or len(net.layers) < 2:
            return {}
        output, source = net.layers[-1], net.layers[-2].activation
        if not self.has(k, "adjoint", output.pre_activation):
            return {}
        deltas, weights = self.at(k, "adjoint", output.pre_activation), self.at(k, "value", output.weights)
        above, below = (cell_names(node.cells, np.arange(node.size)) for node in (terms, source))
        return {
            f"d{loss}/d{activation}": (product_of([(int(deltas[o, 0]), int(weights[o, h]))]), Roles("share"))
            for o, loss in enumerate(above)
            for h, activation in enumerate(below)
            if o < len(deltas) and weights[o, h] >= 0
        }

    def _contributions(self, k: int) -> dict[str, Any]:
        """dE/dW#s: what each sample adds to the gradient of a weight."""
        if self.net.samples < 2 or self.net.loss is None:
            return {}
        pairs: dict[str, list[Any]] = {}
        roles: dict[str, Roles] = {}
        for layer, source in self._layers():
            deltas, incoming = self.at(k, "adjoint", layer.pre_activation), self.at(k, "value", source)
            for node in (layer.weights, layer.biases):
                if node is None:
                    continue
                gradient = Quantity("adjoint", node.parents[0] if node.op == "take" else node)
                for place in range(node.size):
                    entry = int(node.params["where"].ravel()[place]) if node.op == "take" else place
                    if entry < 0 or gradient.node not in self.net.trained:
                        continue
                    (name,) = canonical(gradient, np.array([entry]))
                    j, i = np.unravel_index(place, node.shape)
                    for s in range(self.net.samples):
                        factor: Any = int(incoming[i, s])
                        if node is layer.biases:
                            factor = float(layer.pre_activation.params["bias_input"])
                        pairs.setdefault(f"{name}#{s + 1}", []).append((int(deltas[j, s]), factor))
                        kind = "gradient" if node is layer.weights else "bias_gradient"
                        own = {"d": deltas[j, s : s + 1], "m": float(self.net.samples)}
                        own |= {"a": incoming[i, s : s + 1]} if kind == "gradient" else {}
                        roles[f"{name}#{s + 1}"] = Roles(kind, own)
        return {name: (product_of(each), roles[name]) for name, each in pairs.items()}

    def asked(self) -> list[int]:
        """The lines of a full sheet: none twice under another name, and with the new weights only the outputs."""
        right = {
            name if work.iteration == 1 else f"{name}@{work.iteration}"
            for work in self.works
            for name, _ in named(work)
        }
        return [
            number
            for name, number in self.numbers.items()
            if name in right and number not in self.given and not name.startswith(("dz[", "z'[", "step["))
        ]

    @cached_property
    def biases(self) -> frozenset[str]:
        """The names of all biases."""
        nodes = [layer.biases for layer in self.net.layers if layer.biases is not None]
        every = [node.parents[0] if node.op == "take" else node for node in nodes]
        return frozenset(name for node in every for name in cell_names(node.cells, np.arange(node.size)))

    def by_place(self) -> Iterator[tuple[str, str]]:
        """(W[i1,h1], w1): the name by place of each parameter that the author named."""
        for layer in self.net.layers:
            for node in (layer.weights, layer.biases):
                if node is None:
                    continue
                cells = node.cells
                if not isinstance(cells, Cells) or not cells.own:
                    continue
                bare = replace(cells, own={})
                places = np.array(sorted(cells.own))
                yield from zip(cell_names(bare, places), (cells.own[k] for k in places.tolist()), strict=True)

    def apart(self, number: int) -> Roles | None:
        """The roles at a quantity under a name of its own; None at any other."""
        return self._apart[number][1] if number in self._apart else None


# ---- small ways


def total_of(numbers: Sequence[int]) -> Callable[[], tuple[Way, ...]]:
    return lambda: (way_of_roles(lambda x: x.sum(axis=0), {"x": np.array(numbers)}),)


def exponential_of(score: int) -> Callable[[], tuple[Way, ...]]:
    return lambda: (way_of_roles(lambda z: np.exp(z), {"z": score}),)


def constant(c: float) -> Callable[[], tuple[Way, ...]]:
    return lambda: (Way(np.zeros(0, int), lambda read: np.full(read.shape[1:], c)),)


def product_of(pairs: Sequence[tuple[int, Any]]) -> Callable[[], tuple[Way, ...]]:
    """The sum of products of two quantities, or of a quantity and a number."""
    first = np.array([a for a, _ in pairs])
    if isinstance(pairs[0][1], float):
        c = float(pairs[0][1])
        return lambda: (way_of_roles(lambda x: c * x.sum(axis=0), {"x": first}),)
    second = np.array([b for _, b in pairs])
    return lambda: (way_of_roles(lambda x, y: (x * y).sum(axis=0), {"x": first, "y": second}),)


def plus(way: Way, parts: list[int]) -> Way:
    """The way's number and the sum of the parts, for somebody who has written one of them."""
    reads = np.unique(np.concatenate([way.reads, np.array(parts)]))
    own, others = np.searchsorted(reads, way.reads), np.searchsorted(reads, np.array(parts))

    def value(read: Array) -> Array:
        rest = way.value(read[own]) if len(own) else 0.0
        return np.asarray(rest + read[others].sum(axis=0))

    return Way(reads, value, where_written=tuple(parts))


def is_penalty(terms: Terms, leaf: Node) -> bool:
    """Whether these terms of a gradient are the penalty's: they read the weight itself, and no adjoint."""
    return all(q.what == "value" for q in terms.quantities) and any(q.node is leaf for q in terms.quantities)


def slope_terms(node: Node, entry: int) -> Terms:
    """dy/dz of one activation, as textbooks print it."""
    (partial,) = partials(node)
    at = dict(zip(RESULT, np.unravel_index(np.array([entry]), node.shape), strict=True))
    found = [placed(node, read, at) for read in partial.term.reads]
    return Terms(partial.term.pattern, tuple(q for q, _ in found), tuple(e for _, e in found), np.zeros(1, int))


def scaled(group: Terms, share: Any) -> Terms:
    if share == 1:
        return group
    return replace(group, pattern=sp.Mul(share, group.pattern, evaluate=False))


def without_zero_targets(group: Terms, targets: Node, values: Array) -> Terms:
    """The terms without those whose target is 0: 0 ln y is 0 whatever y is."""
    kept = np.ones(len(group.owner), bool)
    for quantity, entries in zip(group.quantities, group.entries, strict=True):
        if quantity.node is targets:
            kept &= values[entries] != 0
    return Terms(group.pattern, group.quantities, tuple(e[kept] for e in group.entries), group.owner[kept])
