"""The lines of a computational graph: its nodes, the partial of every edge, and what both sweeps find."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..expressions import Tree, names, value
from ..graphs import Key, canonical, key_name, worked_graph
from ..graphs import Lines as Steps
from ..graphs import named as named_in_graph
from ..ops import Array
from ..problem import GraphProblem
from .lines import Line, Lines, Roles, Way


class GraphLines(Lines):
    """Every quantity of a computational graph."""

    def __init__(self, problem: GraphProblem) -> None:
        super().__init__()
        work = worked_graph(replace(problem, writing=replace(problem.writing, carry="full")))
        self.trees: dict[int, Tree] = {}
        numbers = {key_name(key): k for k, key in enumerate(work.numbers)}
        self.true = np.array([*work.numbers.values()], float)
        for key, number in zip(work.numbers, numbers.values(), strict=True):
            if key != Key("adjoint", work.end) and not (key.what == "tangent" and key.node == key.by):
                self.numbers[canonical(work, key)] = number
                self.names[number] = canonical(work, key)
        for key, tree in Steps(work).trees:
            self.trees[numbers[key_name(key)]] = tree
        self.given = set(numbers.values()) - set(self.trees)
        for name, found in named_in_graph(work):
            if (
                name not in self.numbers
            ):  # the derivative in an input that does not lead to the end: 0, whatever was done
                self.numbers[name], self.names[len(self.true)] = len(self.true), name
                self.given.add(len(self.true))
                self.true = np.append(self.true, found)
        self._numbers = numbers
        self.work = work

    def make(self, number: int) -> Line:
        tree = self.trees[number]
        read = names(tree)
        reads = np.array(sorted(self._numbers[name] for name in read), int)
        places = {name: int(np.searchsorted(reads, self._numbers[name])) for name in read}

        def found(numbers: Array) -> Array:
            there = {name: numbers[place] for name, place in places.items()}
            return np.broadcast_to(np.asarray(value(tree, there), float), numbers.shape[1:])

        return Line(number, (Way(reads, found),))

    def roles(self, number: int) -> Roles:
        """What the catalogue may speak of: at a derivative that is a sum over several ways, each of these."""
        tree = self.trees.get(number)
        if tree is None or tree.kind != "sum" or "/d" not in self.names.get(number, ""):
            return Roles("node")
        ways = [[self._numbers.get(factor.text) for factor in part.parts] for part in tree.parts]
        if any(part.kind != "product" for part in tree.parts) or any(len(way) != 2 or None in way for way in ways):
            return Roles("node")
        return Roles("hidden_error", {"one_way": [np.array(way) for way in ways], "s": 1.0})

    def asked(self) -> list[int]:
        """The lines of a full sheet: the sweep backwards is asked for, those forwards are not."""
        return [number for name, number in self.numbers.items() if number not in self.given and "|forward" not in name]
