"""The steps of a derivation: each a formula in symbols, the same in numbers, and its result.

Steps of one pattern are made together, as `Lines`: a row is one step. Texts are TeX without delimiters.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import sympy as sp

from .digits import tex_numbers, tex_operands
from .formulas import Terms, evaluated, far_slope, partials, slot, uses, value_terms
from .graph import Node, readers
from .networks import Built
from .notation import NOTATIONS, Quantity, Tex, canonical
from .ops import Array
from .optimizers import formula
from .typeset import in_numbers, in_symbols, summed_texts
from .worked import LINES, ROWS, Worked

MOST_EXTRA = 12  # digits that a line's operands may have beyond those of its result


@dataclass(frozen=True, eq=False)
class Lines:
    """Steps of one kind, a row each."""

    kind: str
    quantity: Quantity
    entries: Array  # which entries of the quantity the rows are
    terms: Sequence[Terms]  # what each row is the sum of
    numbers_of_steps: Array
    symbols: Sequence[str]  # the left side
    formulas: Sequence[str]  # the right side, in symbols
    numbers: Sequence[str]  # the same with numbers put in
    printed: Sequence[str]  # the result

    @property
    def names(self) -> list[str]:
        """Canonical names."""
        return canonical(self.quantity, self.entries)

    def __len__(self) -> int:
        return len(self.entries)


class Steps:
    """Makes the steps of one iteration, in any order and as often as asked; the numbering is of the whole."""

    def __init__(self, work: Worked) -> None:
        self.work = work
        self.tex = Tex(NOTATIONS[work.network.problem.writing.notation])
        self.reads = readers(work.network.end)
        self.carried = work.network.problem.writing.carry == "rounded"
        self._plain: dict[Quantity, tuple[list[str], Array]] = {}
        self._symbols: dict[Quantity, list[str]] = {}

    # ---- the order of the steps

    @cached_property
    def parameters(self) -> list[list[tuple[Node, Array]]]:
        """For each layer, the trained parameters whose gradients are found there: (leaf, entries).

        A shared one belongs to the first layer that uses it: going backwards, all its deltas are known there.
        """
        net, seen = self.work.network, set[int]()
        found: list[list[tuple[Node, Array]]] = []
        for layer in net.layers:
            here: list[tuple[Node, Array]] = []
            for node in (layer.weights, layer.biases):
                if node is None:
                    continue
                leaf, entries = node, np.arange(node.size)
                if node.op == "take":
                    leaf = node.parents[0]
                    places = list(
                        dict.fromkeys(k for k in node.params["where"].ravel().tolist() if k >= 0 and k not in seen)
                    )
                    seen.update(places)
                    entries = np.array(places, int)
                if leaf in net.trained:
                    entries = entries[net.trained[leaf].ravel()[entries]]
                    if len(entries):
                        here.append((leaf, entries))
            found.append(here)
        return found

    @cached_property
    def numbering(self) -> dict[Quantity, Array]:
        """The number of the step that finds each entry of each quantity; what is given has none."""
        return dict(self._numbered())

    def _numbered(self) -> Iterator[tuple[Quantity, Array]]:
        net, following = self.work.network, 1
        for layer in net.layers:
            count = layer.activation.size
            for offset, node in enumerate((layer.pre_activation, layer.activation)):
                yield Quantity("value", node), following + offset + 2 * np.arange(count)
            following += 2 * count
        if net.problem.loss is None:
            return
        for node in filter(None, (net.loss_terms, net.end)):
            yield Quantity("value", node), following + np.arange(node.size)
            following += node.size
        gradients = {leaf: np.zeros(leaf.size, int) for leaf in net.trained}
        for layer, parameters in zip(reversed(net.layers), reversed(self.parameters), strict=True):
            count = layer.activation.size
            for offset, (what, node) in enumerate(backward_quantities(layer)):
                yield Quantity(what, node), following + offset + 3 * np.arange(count)
            following += 3 * count
            for leaf, entries in parameters:
                gradients[leaf][entries] = following + np.arange(len(entries))
                following += len(entries)
        updates = {leaf: np.zeros(leaf.size, int) for leaf in net.trained}
        for parameters in self.parameters:
            for leaf, entries in parameters:
                updates[leaf][entries] = following + np.arange(len(entries))
                following += len(entries)
        yield from ((Quantity("adjoint", leaf), array) for leaf, array in gradients.items())
        yield from ((Quantity("updated", leaf), array) for leaf, array in updates.items())
        if net.trained:
            for node in filter(None, (net.outputs, net.loss_terms, net.end)):
                yield Quantity("updated", node), following + np.arange(node.size)
                following += node.size

    def groups(self) -> Iterator[list[Lines]]:
        """Every step. Those of one list are numbered in turn among themselves, and after those of the lists before."""
        net = self.work.network
        for layer in net.layers:
            yield list(self.forward(layer))
        if net.problem.loss is None:
            return
        yield list(self.loss())
        for layer, parameters in zip(reversed(net.layers), reversed(self.parameters), strict=True):
            yield list(self.backward(layer))
            yield from ([lines] for lines in self.gradients(parameters))
        for parameters in self.parameters:
            yield from ([lines] for lines in self.updates(parameters))
        yield list(self.loss_after())

    # ---- the kinds of step

    def forward(self, layer: Built) -> Iterator[Lines]:
        for kind, node in (("pre-activation", layer.pre_activation), ("activation", layer.activation)):
            for entries in in_chunks(np.arange(node.size), longest_row(node)):
                yield self.lines(kind, Quantity("value", node), entries, value_terms(node, entries))

    def loss(self) -> Iterator[Lines]:
        net = self.work.network
        for kind, node in (("loss-term", net.loss_terms), ("loss", net.end)):
            if node is not None:
                entries = np.arange(node.size)
                yield self.lines(kind, Quantity("value", node), entries, value_terms(node, entries))

    def backward(self, layer: Built) -> Iterator[Lines]:
        """For each neuron dE/dY, the slope dY/dz, and delta, their product."""
        z, y = layer.pre_activation, layer.activation
        entries = np.arange(y.size)
        for part in in_chunks(entries, max(reader.size for reader, _ in self.reads[y])):
            yield self.lines("adjoint", Quantity("adjoint", y), part, uses(self.reads, y, part))
        yield self.lines("slope", Quantity("slope", y), entries, self.slope_terms(y, entries))
        product = sp.Mul(slot(0), slot(1), evaluate=False)
        factors = (Quantity("adjoint", y), Quantity("slope", y))
        yield self.lines(
            "delta", Quantity("adjoint", z), entries, [Terms(product, factors, (entries, entries), entries)]
        )

    def slope_terms(self, y: Node, entries: Array) -> list[Terms]:
        """dY/dz of each entry: the textbook's form, or where that has no digits left the form in the pre-activation."""
        (partial,) = partials(y)
        quantities = tuple(Quantity("value", y if read.argument < 0 else y.parents[0]) for read in partial.term.reads)
        owner, far = np.arange(len(entries)), np.zeros(len(entries), bool)
        pattern = far_slope(y.op)
        if pattern is not None and not self.carried:
            slope = self.work.of("slope", y).ravel()[entries]
            textbook = evaluated(partial.term.pattern, tuple(self.work.numbers[q].ravel()[entries] for q in quantities))
            far = np.abs(textbook - slope) > 0.5 * self.work.precision.unit(slope)
        near = Terms(partial.term.pattern, quantities, (entries[~far],) * len(quantities), owner[~far])
        if not far.any():
            return [near]
        return [near, Terms(pattern, (Quantity("value", y.parents[0]),), (entries[far],), owner[far])]

    def gradients(self, parameters: Sequence[tuple[Node, Array]]) -> Iterator[Lines]:
        for leaf, entries in parameters:
            for part in in_chunks(entries, 1):
                yield self.lines("gradient", Quantity("adjoint", leaf), part, uses(self.reads, leaf, part))

    def updates(self, parameters: Sequence[tuple[Node, Array]]) -> Iterator[Lines]:
        net = self.work.network
        assert net.problem.optimizer is not None
        pattern = formula(net.problem.optimizer.name)
        for leaf, entries in parameters:
            quantities = Quantity("value", leaf), Quantity("value", net.learning_rate), Quantity("adjoint", leaf)
            for part in in_chunks(entries, 1):
                slots = part, np.zeros(len(part), int), part
                terms = [Terms(pattern, quantities, slots, np.arange(len(part)))]
                yield self.lines("update", Quantity("updated", leaf), part, terms)

    def loss_after(self) -> Iterator[Lines]:
        """The outputs and the loss, found again with the updated parameters."""
        net = self.work.network
        if not net.trained:
            return
        outputs = Quantity("updated", net.outputs)
        entries = np.arange(net.outputs.size)
        yield self.lines("output-after", outputs, entries, [Terms(slot(0), (outputs,), (entries,), entries)])
        for kind, node in (("loss-term-after", net.loss_terms), ("loss-after", net.end)):
            if node is not None:
                entries = np.arange(node.size)
                yield self.lines(
                    kind, Quantity("updated", node), entries, self.with_updated(value_terms(node, entries))
                )

    def with_updated(self, terms: list[Terms]) -> list[Terms]:
        renewed = [tuple(self.if_updated(q) for q in group.quantities) for group in terms]
        return [Terms(g.pattern, q, g.entries, g.owner) for g, q in zip(terms, renewed, strict=True)]

    def if_updated(self, quantity: Quantity) -> Quantity:
        updated = Quantity("updated", quantity.node)
        return updated if updated in self.work.numbers else quantity

    # ---- text

    def lines(self, kind: str, quantity: Quantity, entries: Array, terms: Sequence[Terms]) -> Lines:
        rows = len(entries)
        plain, shown = self.plain(quantity, entries)
        symbols = [
            (in_symbols(g.pattern, [self.symbols(q, e) for q, e in slots(g)], len(g.owner)), g.owner) for g in terms
        ]
        operands = self.operands(terms, shown)
        numbers = []
        for group, columns in zip(terms, operands, strict=True):
            if isinstance(group.pattern, sp.Piecewise):  # in numbers, the case that holds: the result
                numbers.append((tex_operands([plain[k] for k in group.owner.tolist()]), group.owner))
            else:
                numbers.append((in_numbers(group.pattern, columns, len(group.owner)), group.owner))
        return Lines(
            kind,
            quantity,
            entries,
            terms,
            self.numbering[quantity][entries],
            self.symbols(quantity, entries),
            summed_texts(symbols, rows, 8),
            summed_texts(numbers, rows, max((widest(texts) for texts, _ in numbers), default=1)),
            tex_numbers(plain),
        )

    def symbols(self, quantity: Quantity, entries: Array) -> list[str]:
        if quantity.node.size > ROWS:
            return self.tex.symbols(quantity, entries)
        if quantity not in self._symbols:
            self._symbols[quantity] = self.tex.symbols(quantity, np.arange(quantity.node.size))
        return chosen(self._symbols[quantity], entries)

    def plain(self, quantity: Quantity, entries: Array) -> tuple[list[str], Array]:
        """The numbers as plain text, and as the text says they are."""
        precision, numbers = self.work.precision, self.work.numbers[quantity]
        found = self.carried and not (quantity.what == "value" and quantity.node.op == "leaf")  # a rounded result
        if numbers.size > ROWS:
            texts = precision.texts(numbers.ravel()[entries], keep_zeros=found)
            return texts, np.array(texts, float)
        if quantity not in self._plain:
            texts = precision.texts(numbers, keep_zeros=found)
            self._plain[quantity] = texts, np.array(texts, float)
        texts, shown = self._plain[quantity]
        return chosen(texts, entries), shown[entries]

    def operands(self, terms: Sequence[Terms], result: Array) -> list[list[list[str]]]:
        """The plain text of each slot's number, with as many digits as it takes for each row to recompute.

        A row recomputes when what is printed on its right side gives its result, as it is printed, within one unit of
        the last place.
        """
        columns = [[self.plain(q, e) for q, e in slots(group)] for group in terms]
        texts = [[text for text, _ in group] for group in columns]
        if self.carried:
            return texts
        shown = [[number for _, number in group] for group in columns]
        unit = self.work.precision.unit(result) * (1 + 1e-9)
        rows, places = np.arange(len(result)), [np.arange(len(group.owner)) for group in terms]
        for extra in range(1, MOST_EXTRA + 1):
            total = np.zeros(len(result))
            for group, numbers, here in zip(terms, shown, places, strict=True):
                found = evaluated(group.pattern, tuple(numbers)) * np.ones(len(here))
                total += np.bincount(group.owner[here], found, len(result))
            rows = rows[~(np.abs(total[rows] - result[rows]) <= unit[rows])]
            if not len(rows):
                break
            places = [here[np.isin(group.owner[here], rows)] for group, here in zip(terms, places, strict=True)]
            shown = []
            for group, group_texts, here in zip(terms, texts, places, strict=True):
                shown.append(
                    [
                        self.longer(q, e[here], extra, column, here)
                        for (q, e), column in zip(slots(group), group_texts, strict=True)
                    ]
                )
        return texts

    def longer(self, quantity: Quantity, entries: Array, extra: int, column: list[str], places: Array) -> Array:
        """Put longer texts into their places in a column; the numbers they show."""
        texts = self.work.precision.texts(self.work.numbers[quantity].ravel()[entries], extra)
        for place, text in zip(places.tolist(), texts, strict=True):
            column[place] = text
        return np.array(texts, float)


def chosen(texts: list[str], entries: Array) -> list[str]:
    """The texts at some places; a slice where they stand side by side."""
    if len(entries) and entries[-1] - entries[0] == len(entries) - 1 and (np.diff(entries) == 1).all():
        return texts[entries[0] : entries[-1] + 1]
    return [texts[k] for k in entries.tolist()]


def slots(group: Terms) -> list[tuple[Quantity, Array]]:
    return list(zip(group.quantities, group.entries, strict=True))


def widest(texts: Sequence[str]) -> int:
    """How wide the widest text is printed, roughly: a cross and its spaces are 3 characters, not 8."""
    return max(map(len, texts[:: max(1, len(texts) // 50)]), default=1) - 4


def backward_quantities(layer: Built) -> tuple[tuple[str, Node], ...]:
    """What is found for each neuron going backwards, in order."""
    return ("adjoint", layer.activation), ("slope", layer.activation), ("adjoint", layer.pre_activation)


def longest_row(node: Node) -> int:
    return node.parents[0].shape[1] if node.op in ("weighted_sum", "affine") else 1


def in_chunks(entries: Array, terms_per_row: int) -> Iterator[Array]:
    """The entries a few at a time, so that no more than ROWS terms are in hand."""
    rows = max(1, LINES // max(terms_per_row, 1))
    for first in range(0, len(entries), rows):
        yield entries[first : first + rows]


def used_steps(lines: Lines, numbering: dict[Quantity, Array]) -> list[list[int]]:
    """The numbers of the steps that each row uses, in ascending order."""
    found: list[set[int]] = [set() for _ in range(len(lines))]
    for group in lines.terms:
        for quantity, entries in slots(group):
            if quantity in numbering and quantity != lines.quantity:
                for row, number in zip(group.owner.tolist(), numbering[quantity][entries].tolist(), strict=True):
                    found[row].add(number)
    return [sorted(steps - {0}) for steps in found]
