"""What the sections of a page share: what is worked, how it is said, and where numbers come from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from operator import attrgetter, eq
from typing import Any

import numpy as np

from ..dialects import Dialect
from ..digits import numbers_in
from ..figures import MOST_IN_CHAIN, Figure, Picture, figure_text, is_drawn
from ..graph import Cells, Node
from ..networks import Built
from ..notation import Quantity, Symbols
from ..ops import Array
from ..render import Speaker
from ..steps import Lines, Steps, chosen, entries_of, slots
from ..typeset import one_each
from ..worked import Worked
from .paths import onward_paths

MANY = 300  # weights above which `detail: normal` writes a table for each layer
MOST_PATHS = 6  # figures of one layer's weights
FEW = 6  # origins that are named one by one


@dataclass(frozen=True)
class Page:
    """What every section of a page needs: the numbers, the steps, and how to say things."""

    work: Worked
    say: Speaker
    first: int = 1  # the number of its first step

    @cached_property
    def steps(self) -> Steps:
        return Steps(self.work, self.first, self.per_sample, self.m)

    @property
    def m(self) -> Dialect:
        """What formulas are put together from."""
        return self.say.dialect

    @property
    def symbol(self) -> Symbols:
        return self.steps.symbol

    @cached_property
    def count(self) -> int:
        """How many weights and biases are trained."""
        return sum(int(trained.sum()) for trained in self.work.network.trained.values())

    @cached_property
    def in_tables(self) -> bool:
        """Whether each layer is a table, rather than a step for each weight."""
        detail = self.work.network.problem.writing.detail
        size = sum(layer.weights.size for layer in self.work.network.layers) * self.work.network.samples
        return detail == "normal" and size > MANY

    @property
    def only(self) -> bool:
        """Whether some weights are written, with what they rest on, and not all."""
        return self.steps.kept is not None

    @property
    def gradients_in_tables(self) -> bool:
        """Whether the weights of each layer are a table. Those that were asked for by name never are."""
        return self.in_tables and not self.only

    @property
    def written(self) -> int:
        """How many weights and biases are written."""
        return sum(len(entries) for parameters in self.steps.parameters for _, entries in parameters)

    @property
    def has_loss(self) -> bool:
        return self.work.network.loss is not None

    @property
    def per_sample(self) -> bool:
        """Whether adjoints of neurons are written without the 1/m of a mean: where the notation does, in scalars.

        Not where rounded numbers are carried: those were rounded with the 1/m in them.
        """
        net, writing = self.work.network, self.work.network.problem.writing
        mean = net.problem.reduction == "mean" and net.samples > 1
        return mean and self.view == "scalar" and writing.carry == "full" and writing.notation.delta_per_sample

    @property
    def updated(self) -> bool:
        return self.work.network.updated

    # ---- figures

    @cached_property
    def figures(self) -> dict[str, Figure]:
        """The figures of the page by their places: the network, its values, and the path of the first weight of a layer.

        The path's place is the number of the step that finds the gradient. With `only` each weight that is named has one.
        A page of results has none.
        """
        picture, values = Picture(self.work), "values" if self.first == 1 else f"values-{self.work.iteration}"
        found: dict[str, Figure] = {}
        if self.brief or not picture.fits:
            return found
        if self.first == 1:
            found["network"] = picture.given(self.say)
        if self.first == 1 and self.scalars and not self.in_tables and self.work.network.samples == 1:
            for parameters in reversed(self.steps.parameters) if len(picture.connections) <= MOST_IN_CHAIN else ():
                for leaf, entry in self.unfolded(parameters):
                    step = int(self.steps.numbering[Quantity("adjoint", leaf)][entry])
                    found[f"step {step}"] = picture.path(leaf, entry, self.say)
        if self.count:
            found["values"] = picture.values(self.say, values)
        return found

    def unfolded(self, parameters: Sequence[tuple[Node, Array]]) -> list[tuple[Node, int]]:
        """The weights of a layer whose whole chains are written: the first, or those that were asked for by name."""
        every = [(leaf, entry) for leaf, entries in parameters for entry in entries.tolist()]
        return every[:MOST_PATHS] if self.only else every[:1]

    def figure(self, place: str) -> str:
        """The figure that stands there, if the page has one."""
        if not is_drawn(self.say) or place not in self.figures:
            return ""
        return figure_text(self.say, self.figures[place])

    @property
    def values(self) -> dict[Node, Array]:
        return {node: array for (what, node), array in self.work.numbers.items() if what == "value"}

    def of_sample(self, node: Node, s: int) -> Array:
        """The entries of one sample, flat."""
        return entries_of(node, s, self.work.network.samples)

    def written_of_sample(self, quantity: Quantity, s: int) -> Array:
        """Those of them that are written."""
        return self.steps.written(quantity, self.of_sample(quantity.node, s))

    def every(self, node: Node) -> Array:
        return np.arange(node.size)

    @cached_property
    def onward(self) -> dict[Node, list[str]]:
        return onward_paths(self.work.network, self.steps)

    def through(self, layer: Built) -> bool:
        """Whether the deltas of a layer are found through its activations: as an adjoint times a slope."""
        return Quantity("slope", layer.activation) in self.work.numbers and not self.steps.from_scores(layer)

    def labels(self, node: Node, entries: Array | None = None) -> list[str]:
        """What the neurons of a node are called, or those that some entries belong to; safe for the format."""
        assert isinstance(node.cells, Cells)
        labels = [self.say.escape(label) for label in self.symbol.labels(node.cells)]
        return labels if entries is None else [labels[k] for k in (entries // self.work.network.samples).tolist()]

    @property
    def view(self) -> str:
        return self.work.network.problem.writing.view

    @property
    def scalars(self) -> bool:
        """Whether there are steps neuron by neuron and weight by weight."""
        return self.view != "matrix"

    @property
    def full(self) -> bool:
        return self.work.network.problem.writing.detail == "full"

    @property
    def brief(self) -> bool:
        return self.work.network.problem.writing.detail == "brief"

    def equalities(self, node: Node, entries: Array | None = None) -> str:
        """W_13 = 0.03, W_23 = 0.04: given entries and their numbers. A connection that does not exist is left out."""
        entries = np.arange(node.size) if entries is None else entries
        if node.op == "take":
            where = node.params["where"].ravel()[entries]
            node, entries = node.parents[0], where[where >= 0]
        quantity = Quantity("value", node)
        numbers = numbers_in(self.m, self.steps.plain(quantity, entries)[0])
        symbols = self.steps.symbols(quantity, entries)
        return self.say.word("separator").join(self.say.rows("equation", len(entries), left=symbols, right=numbers))

    def both(self, *equations: str) -> str:
        return self.say.word("separator").join(self.say.text("mathematics", tex=tex) for tex in equations)

    def printed(self, quantity: Quantity, entries: Array) -> list[str]:
        return numbers_in(self.m, self.steps.plain(quantity, entries)[0])

    def numbers_of(self, quantity: Quantity, entries: Array) -> list[str]:
        return [*map(str, self.steps.numbering[quantity][entries].tolist())]

    def origins(self, lines: Lines) -> list[str]:
        """Which step each number of a row comes from, as ` (Y_1: step 2, Y_2: step 4)`; nothing where all is given."""
        known = [
            (quantity, entries, group.owner)
            for group in lines.terms
            for quantity, entries in slots(group)
            if quantity in self.steps.numbering and quantity != lines.quantity
        ]
        if not known:
            return [""] * len(lines)
        distinct = len({quantity for quantity, _, _ in known}) == len(known)  # softmax reads one score twice
        if distinct and all(one_each(owner, len(lines)) for _, _, owner in known):
            columns = [self.origin_column(quantity, entries) for quantity, entries, _ in known]
            separator = self.say.word("origin_separator")
            joined = columns[0] if len(columns) == 1 else [separator.join(row) for row in zip(*columns, strict=True)]
            return self.say.rows("from_steps", len(lines), origins=joined)
        found: list[list[tuple[Quantity, int]]] = [[] for _ in range(len(lines))]
        for quantity, entries, owner in known:
            for row, entry in zip(owner.tolist(), entries.tolist(), strict=True):
                found[row].append((quantity, entry))
        said: dict[tuple[tuple[Quantity, int], ...], str] = {}
        keys = [tuple(dict.fromkeys(row)) for row in found]
        for key in dict.fromkeys(keys):
            said[key] = self.origin_text(key)
        return [said[key] for key in keys]

    def origin_column(self, quantity: Quantity, entries: Array) -> list[str]:
        """`Y_1: step 2` for each entry."""
        if quantity.node.size > len(entries):
            symbols, steps = self.steps.symbols(quantity, entries), self.numbers_of(quantity, entries)
            return self.say.rows("origin", len(entries), symbol=symbols, n=steps)
        every = np.arange(quantity.node.size)
        texts = self.say.rows(
            "origin", len(every), symbol=self.steps.symbols(quantity, every), n=self.numbers_of(quantity, every)
        )
        return chosen(texts, entries)

    def origin_text(self, origins: Sequence[tuple[Quantity, int]]) -> str:
        if not origins:
            return ""
        by_quantity: dict[Quantity, list[int]] = {}
        for quantity, entry in origins:
            by_quantity.setdefault(quantity, []).append(entry)
        return self.say.text(
            "from_steps", origins=self.say.word("origin_separator").join(self.origin_parts(by_quantity))
        )

    def origin_parts(self, by_quantity: dict[Quantity, list[int]]) -> Iterator[str]:
        for quantity, entries in by_quantity.items():
            symbols, steps = (
                self.steps.symbols(quantity, np.array(entries)),
                self.numbers_of(quantity, np.array(entries)),
            )
            if len(entries) <= FEW:
                yield from self.say.rows("origin", len(entries), symbol=symbols, n=steps)
            else:
                yield self.say.text("origins", first=symbols[0], last=symbols[-1], first_n=steps[0], last_n=steps[-1])


def said_of(page: Page, lines: Lines) -> dict[str, Any]:
    """What every step says: its number, its right sides, where its numbers come from."""
    return {"n": numbers(lines), "lines": right_sides(lines), "from_steps": page.origins(lines)}


def numbers(lines: Lines) -> list[str]:
    return [*map(str, lines.numbers_of_steps.tolist())]


def right_sides(*chunks: Lines) -> tuple[Sequence[str], ...]:
    """Symbols, numbers, result of every row; "" for a side that only repeats the result."""
    formulas, numbers, printed = (
        [text for lines in chunks for text in part(lines)] if len(chunks) > 1 else part(chunks[0])
        for part in (attrgetter("formulas"), attrgetter("numbers"), attrgetter("printed"))
    )
    return (*(without_repeats(side, printed) for side in (formulas, numbers) if side != printed), printed)


def without_repeats(side: Sequence[str], result: Sequence[str]) -> Sequence[str]:
    """The texts of a side, with "" for one that only repeats the result."""
    if not any(map(eq, side, result)):
        return side
    return ["" if text == same else text for text, same in zip(side, result, strict=True)]
