"""The steps of a derivation: each a formula in symbols, the same in numbers, and its result.

Steps of one pattern are made together, as `Lines`: a row is one step. Texts are formulas without delimiters.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any

import numpy as np
import sympy as sp

from .dialects import TEX, Dialect
from .digits import as_given, numbers_in
from .formulas import (
    Terms,
    by_case,
    constant_adjoint,
    delta_of_scores,
    evaluated,
    far_slope,
    loss_of_scores,
    partials,
    renamed,
    slot,
    softmax_terms,
    summed,
    uses,
    value_terms,
)
from .graph import Node, readers
from .matrices import Equation, Matrices
from .networks import Built
from .notation import Quantity, Symbols, canonical, quantity_of
from .ops import OPS, Array
from .optimizers import Line, rule_of
from .selection import rested_on
from .typeset import in_numbers, in_symbols, summed_texts
from .worked import LINES, ROWS, Worked


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


Parameters = Sequence[tuple[Node, Array]]
Made = Callable[[], Iterator["Lines | Equation"]]

LOSS_KINDS = {  # quantity -> kind of step
    "loss_term": "loss-term",
    "sample_loss": "sample-loss",
    "data_loss": "data-loss",
    "penalty": "penalty",
    "loss": "loss",
}
WHAT = {"w": "updated"}  # what a line of an update rule finds, where it is called otherwise than the line's own name
READS = {"w": "value", "g": "adjoint"}  # what it reads, likewise
FROM_SCORES = ("sigmoid_binary_cross_entropy", "softmax_cross_entropy")
FAR = 1e-10  # slopes below which a reader would need ten digits of y and more
LARGE = 500.0  # scores above which exp overflows when a reader works the line out
NEURONS = ("activation", "pre_activation")


def of_each_sample(work: Worked) -> Worked:
    """The same numbers with the adjoints of neurons without the 1/m of the mean over samples."""
    numbers = {
        quantity: array * work.network.samples
        if quantity.what == "adjoint" and quantity_of(quantity.node) in NEURONS
        else array
        for quantity, array in work.numbers.items()
    }
    return replace(work, numbers=numbers)


def without_factor(pattern: Any, factor: Any) -> Any:
    """A product without one of its factors."""
    if not pattern.is_Mul or pattern.args[0] != factor:
        return pattern
    rest = pattern.args[1:]
    return rest[0] if len(rest) == 1 else sp.Mul(*rest, evaluate=False)


@dataclass(frozen=True, eq=False)
class Block:
    """Steps that are numbered in turn: the first entry of each quantity, then the second of each, and so on."""

    quantities: tuple[tuple[Quantity, Array], ...]
    made: Made
    view: str = "both"  # the view that it belongs to
    also: tuple[tuple[Quantity, Array], ...] = ()  # entries whose step is the block's first, if they have none yet

    @property
    def count(self) -> int:
        return sum(len(entries) for _, entries in self.quantities)


class Steps:
    """Makes the steps of one iteration, in any order and as often as asked; the numbering is of the whole."""

    def __init__(self, work: Worked, first: int = 1, per_sample: bool = False, m: Dialect = TEX) -> None:
        """`per_sample`: adjoints of neurons are those of their own sample's loss, without the 1/m of a mean."""
        self.per_sample, self.m = per_sample, m
        self.work, self.first = of_each_sample(work) if per_sample else work, first
        notation, layers = work.network.problem.writing.notation, len(work.network.layers)
        self.symbol = Symbols(notation, layers, work.iteration, per_sample, m)
        self.reads = readers(work.network.end)
        self.carried = work.network.problem.writing.carry == "rounded"
        self._plain: dict[Quantity, tuple[list[str], Array]] = {}
        self._symbols: dict[Quantity, list[str]] = {}

    # ---- matrices

    @cached_property
    def matrices(self) -> Matrices:
        return Matrices(self.work, self.symbol)

    @property
    def view(self) -> str:
        return self.work.network.problem.writing.view

    def every_equation(self, stage: str, layer: Built) -> list[Equation]:
        """The matrix equations of a layer, where the view has any: of forwards, backwards, gradients or updates."""
        if self.view == "scalar":
            return []
        found: list[Equation] = getattr(self.matrices, stage)[self.work.network.layers.index(layer)]
        return found

    def equations(self, stage: str, layer: Built) -> list[Equation]:
        """Those of them that are written."""
        return [equation for equation in self.every_equation(stage, layer) if self.has_equation(equation)]

    def has_equation(self, equation: Equation) -> bool:
        """Whether a matrix equation is written: where any of its entries is."""
        if self.kept is None:
            return True
        what, node = equation.quantity
        entries = np.arange(node.size)
        if quantity_of(node) in ("weight", "bias", "threshold"):
            node, entries = self.matrices.trained_entries(node)
        return bool(len(self.written(Quantity(what, node), entries)))

    def shared(self, parameters: Sequence[tuple[Node, Array]]) -> list[tuple[Node, Array]]:
        """The parameters that have a gradient step even in the matrix view: they stand in several places."""
        found = []
        for leaf, entries in parameters if self.view == "matrix" else ():
            kept = entries[self.matrices.uses[entries] > 1] if leaf is self.matrices.pool else entries[:0]
            found += [(leaf, kept)] if len(kept) else []
        return found

    # ---- the order of the steps

    @cached_property
    def kept(self) -> dict[Quantity, Array] | None:
        """With `only`, which entries of each quantity are written; None: all.

        Those are the gradients and updates of the weights that it names, the loss, and what these rest on.
        """
        only, net = self.work.network.problem.writing.only, self.work.network
        if not only or net.loss is None:
            return None
        wanted = [
            (Quantity(what, leaf), entries[np.isin(canonical(Quantity("value", leaf), entries), only)])
            for parameters in self.every_parameter
            for leaf, entries in parameters
            for what in ("adjoint", *(["updated"] if net.updated else []))
        ]
        wanted += [(Quantity("value", node), np.arange(node.size)) for node in (*net.loss.of_samples, *net.loss.of_all)]
        return rested_on(wanted, [block.quantities for block in self.blocks() if block.view != "matrix"], self.terms_of)

    def written(self, quantity: Quantity, entries: Array) -> Array:
        """Those of some entries of a quantity that are written."""
        if self.kept is None:
            return entries
        return entries[self.kept[quantity][entries]] if quantity in self.kept else entries[:0]

    @cached_property
    def parameters(self) -> list[list[tuple[Node, Array]]]:
        """For each layer, the parameters whose gradients are written there."""
        found = [
            [(leaf, self.written(Quantity("adjoint", leaf), entries)) for leaf, entries in parameters]
            for parameters in self.every_parameter
        ]
        return [[(leaf, entries) for leaf, entries in parameters if len(entries)] for parameters in found]

    @cached_property
    def every_parameter(self) -> list[list[tuple[Node, Array]]]:
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
        """The number of the step that finds each entry of each quantity, 0 where none does; what is given is not in it."""
        found: dict[Quantity, Array] = {}
        following = self.first
        for block in self.plan():
            for offset, (quantity, entries) in enumerate(block.quantities):
                places = found.setdefault(quantity, np.zeros(quantity.node.size, int))
                places[entries] = following + offset + len(block.quantities) * np.arange(len(entries))
            for quantity, entries in block.also:
                places = found.setdefault(quantity, np.zeros(quantity.node.size, int))
                places[entries] = np.where(places[entries] > 0, places[entries], following)
            following += block.count
        return found

    @property
    def following(self) -> int:
        """The number after the last step's."""
        return self.first + sum(block.count for block in self.plan())

    def groups(self) -> Iterator[Sequence[Lines | Equation]]:
        """Every step. Those of one list are numbered in turn among themselves, and after those of the lists before."""
        for block in self.plan():
            found = [made for made in block.made() if isinstance(made, Lines) or self.has_equation(made)]
            yield from [found] if len(block.quantities) > 1 else ([made] for made in found)

    def plan(self) -> Iterator[Block]:
        """All steps of the view in order, written or not: a step keeps its number whatever is left out."""
        return (block for block in self.blocks() if self.view != "matrix" or block.view != "scalar")

    def blocks(self) -> Iterator[Block]:
        """The order of every view. With many samples each is worked by itself, then what is found from all of them."""
        net, together = self.work.network, self.work.network.samples == 1
        for layer in net.layers if self.view == "matrix" else ():
            yield from self.equation_blocks("forwards", layer)
        for s in range(net.samples):
            for layer in net.layers:
                yield from self.scalar_block(self.forward_quantities(layer, s), partial(self.forward, layer, s))
                yield from self.equation_blocks("forwards", layer) if together and self.view != "matrix" else ()
            for node in net.loss.of_samples if net.loss else ():
                yield self.loss_block("value", node, entries_of(node, s, net.samples))
        for layer in net.layers if not together and self.view == "both" else ():
            yield from self.equation_blocks("forwards", layer)
        if net.loss is None:
            return
        for node in net.loss.of_all:
            yield self.loss_block("value", node, np.arange(node.size))
        backwards = [*zip(reversed(net.layers), reversed(self.every_parameter), strict=True)]
        for s in range(net.samples) if not together else ():
            for layer, _ in backwards:
                yield from self.scalar_block(self.backward_quantities(layer, s), partial(self.backward, layer, s))
        for layer, parameters in backwards:
            if together:
                yield from self.scalar_block(self.backward_quantities(layer, 0), partial(self.backward, layer, 0))
            yield from self.gradient_blocks(layer, parameters)
        for parameters in self.every_parameter if net.updated else ():
            for leaf, entries in parameters:
                yield from self.scalar_block(
                    self.update_quantities(leaf, entries), partial(self.updates, leaf, entries)
                )
        for layer in net.layers if net.updated else ():
            yield from self.equation_blocks("updates", layer)
        if net.updated and net.loss:
            yield self.loss_block("updated", net.outputs, np.arange(net.outputs.size))
            for node in (*net.loss.of_samples, *net.loss.of_all):
                yield self.loss_block("updated", node, np.arange(node.size))

    def scalar_block(self, quantities: Sequence[tuple[Quantity, Array]], made: Made) -> Iterator[Block]:
        if quantities:
            yield Block(tuple(quantities), made, "scalar")

    def gradient_blocks(self, layer: Built, parameters: Parameters) -> Iterator[Block]:
        for leaf, entries in parameters:
            quantity = Quantity("adjoint", leaf)
            yield from self.scalar_block([(quantity, entries)], partial(self.gradients, [(leaf, entries)]))
        yield from self.equation_blocks("backwards", layer)
        yield from self.equation_blocks("gradients", layer)
        for leaf, entries in self.shared(parameters):
            yield Block(((Quantity("adjoint", leaf), entries),), partial(self.gradients, [(leaf, entries)]), "matrix")

    def equation_blocks(self, stage: str, layer: Built) -> Iterator[Block]:
        """A layer's matrix equations; in the matrix view each is the step of all its entries too."""
        for equation in self.every_equation(stage, layer):
            also: tuple[tuple[Quantity, Array], ...] = ()
            if self.view == "matrix" and stage in ("gradients", "updates"):
                leaf, entries = self.matrices.trained_entries(equation.quantity.node)
                also = ((Quantity("adjoint" if stage == "gradients" else "updated", leaf), entries),)
            elif self.view == "matrix":
                also = ((equation.quantity, np.arange(equation.quantity.node.size)),)
            yield Block(((equation.key, np.array([0])),), partial(iter, [equation]), "matrix", also)

    def loss_block(self, what: str, node: Node, entries: Array) -> Block:
        return Block(((Quantity(what, node), entries),), partial(self.loss_lines, what, node, entries))

    # ---- the kinds of step

    def forward_quantities(self, layer: Built, s: int) -> list[tuple[Quantity, Array]]:
        entries = entries_of(layer.activation, s, self.work.network.samples)
        return [(Quantity("value", node), entries) for node in (layer.pre_activation, layer.activation)]

    def forward(self, layer: Built, s: int, some: Array | None = None) -> Iterator[Lines]:
        """Pre-activations, then activations, of one sample; of `some` of its entries alone."""
        kinds = ("pre-activation", "activation")
        for kind, (quantity, entries) in zip(kinds, self.forward_quantities(layer, s), strict=True):
            chosen = self.written(quantity, entries if some is None else some)
            for part in in_chunks(chosen, longest_row(quantity.node)):
                yield self.lines(kind, quantity, part, self.value_terms(quantity.node, part))

    def value_terms(self, node: Node, entries: Array) -> list[Terms]:
        if OPS[node.op].jacobian is None:
            return value_terms(node, entries)
        scores = self.work.of("value", node.parents[0])
        highest = np.argmax(scores, axis=0) * scores.shape[1] + np.arange(scores.shape[1])
        return softmax_terms(node, entries, highest if np.abs(scores).max() > LARGE else None)

    def loss(self, nodes: Sequence[Node], entries: Callable[[Node], Array]) -> Iterator[Lines]:
        for node in nodes:
            yield from self.loss_lines("value", node, entries(node))

    def loss_lines(self, what: str, node: Node, entries: Array) -> Iterator[Lines]:
        """The loss or a part of it; with `updated`, the outputs too, found again with the updated parameters."""
        quantity, after = Quantity(what, node), "-after" if what == "updated" else ""
        entries = self.written(quantity, entries)
        if not len(entries):
            return
        if node is self.work.network.outputs:
            yield self.lines(
                "output-after", quantity, entries, [Terms(slot(0), (quantity,), (entries,), np.arange(len(entries)))]
            )
            return
        yield self.lines(LOSS_KINDS[quantity_of(node)] + after, quantity, entries, self.loss_terms(quantity, entries))

    def loss_terms(self, quantity: Quantity, entries: Array) -> list[Terms]:
        what, node = quantity
        ways = [value_terms(node, entries)]
        if node.op in FROM_SCORES:
            ways.append(loss_of_scores(node, entries))
        return self.first_right([self.with_updated(t) if what == "updated" else t for t in ways], quantity, entries)

    def backward_quantities(self, layer: Built, s: int) -> list[tuple[Quantity, Array]]:
        """For each neuron dE/dY, the slope dY/dz, and delta; the first two where they are numbers of their own."""
        entries = entries_of(layer.activation, s, self.work.network.samples)
        found = [
            Quantity("adjoint", layer.activation),
            Quantity("slope", layer.activation),
            Quantity("adjoint", layer.pre_activation),
        ]
        return [(quantity, entries) for quantity in found if quantity in self.work.numbers]

    def backward(self, layer: Built, s: int, some: Array | None = None) -> Iterator[Lines]:
        """Adjoints, slopes and deltas of one sample; of `some` of its entries alone."""
        y, z = layer.activation, layer.pre_activation
        for quantity, every in self.backward_quantities(layer, s):
            entries = self.written(quantity, every if some is None else some)
            if not len(entries):
                continue
            if quantity.node is z:
                yield self.lines("delta", quantity, entries, self.delta_terms(layer, entries))
            elif quantity.what == "slope":
                yield self.lines("slope", quantity, entries, self.slope_terms(y, entries))
            else:
                for part in in_chunks(entries, max((reader.size for reader, _ in self.reads[y]), default=1)):
                    yield self.lines("adjoint", quantity, part, self.adjoint_terms(y, part))

    def adjoint_terms(self, y: Node, entries: Array) -> list[Terms]:
        """dE/dY of each entry: the chain rule, or the slope of the loss beside the one that is worked from scores."""
        loss = self.work.network.loss
        if y is not self.work.network.outputs or loss is None or loss.from_activation is None:
            return self.uses(self.reads, y, entries)
        worked = loss.terms or loss.samples or loss.data or loss.end
        return self.uses(
            {**self.reads, y: [(loss.from_activation, 0)], loss.from_activation: self.reads[worked]}, y, entries
        )

    def uses(self, reads: dict[Node, list[tuple[Node, int]]], node: Node, entries: Array) -> list[Terms]:
        """The chain rule of a node's entries. Where adjoints are of one sample's loss the 1/m stands in the gradients."""
        terms = uses(reads, node, entries)
        if not self.per_sample:
            return terms
        share = sp.Rational(1, self.work.network.samples)
        if quantity_of(node) in NEURONS:
            return [replace(group, pattern=without_factor(group.pattern, share)) for group in terms]
        return [
            replace(group, pattern=sp.Mul(share, group.pattern, evaluate=False))
            if group.quantities[0].what == "adjoint"
            else group
            for group in terms
        ]

    def delta_terms(self, layer: Built, entries: Array) -> list[Terms]:
        y, z = layer.activation, layer.pre_activation
        if self.from_scores(layer) or OPS[y.op].slope is None:
            ways = [self.uses(self.reads, z, entries)]
            reader = self.reads[z][0][0]
            if reader.op == "sigmoid_binary_cross_entropy" and constant_adjoint(self.reads, reader) == 1:
                ways.append(delta_of_scores(reader, entries))
            return self.first_right(ways, Quantity("adjoint", z), entries)
        product = sp.Mul(slot(0), slot(1), evaluate=False)
        factors = (Quantity("adjoint", y), Quantity("slope", y))
        return [Terms(product, factors, (entries, entries), np.arange(len(entries)))]

    def first_right(self, ways: list[list[Terms]], quantity: Quantity, entries: Array) -> list[Terms]:
        """The first way to write some lines whose numbers, at full precision, give the results; else the last."""
        exact = self.shown(quantity, entries)
        for terms in ways[:-1]:
            off = np.abs(summed(terms, len(entries), self.shown) - exact)
            if self.carried or (off <= 0.5 * self.work.precision.unit(exact)).all():
                return terms
        return ways[-1]

    def from_scores(self, layer: Built) -> bool:
        """Whether the delta of this layer is found from the scores, not through the activations."""
        net = self.work.network
        return layer is net.layers[-1] and net.loss is not None and net.loss.from_activation is not None

    def slope_terms(self, y: Node, entries: Array) -> list[Terms]:
        """dY/dz of each entry: the textbook's form, or where that has no digits left the form in the pre-activation."""
        (slope_of,) = partials(y)
        quantities = tuple(Quantity("value", y if read.argument < 0 else y.parents[0]) for read in slope_of.term.reads)
        owner, far = np.arange(len(entries)), np.zeros(len(entries), bool)
        pattern = far_slope(y)
        if pattern is not None and not self.carried:
            slope = self.work.of("slope", y).ravel()[entries]
            textbook = evaluated(
                slope_of.term.pattern, tuple(self.work.numbers[q].ravel()[entries] for q in quantities)
            )
            far = (np.abs(slope) < FAR) | (np.abs(textbook - slope) > 0.5 * self.work.precision.unit(slope))
        near = Terms(slope_of.term.pattern, quantities, (entries[~far],) * len(quantities), owner[~far])
        if not far.any():
            return [near]
        return [near, Terms(pattern, (Quantity("value", y.parents[0]),), (entries[far],), owner[far])]

    def gradients(self, parameters: Parameters) -> Iterator[Lines]:
        for leaf, entries in parameters:
            chosen = self.written(Quantity("adjoint", leaf), entries)
            for part in in_chunks(chosen, self.work.network.samples):
                yield self.lines("gradient", Quantity("adjoint", leaf), part, self.uses(self.reads, leaf, part))

    def update_quantities(self, leaf: Node, entries: Array) -> list[tuple[Quantity, Array]]:
        """The states of the optimizer and the parameter itself, as one update finds them."""
        return [(Quantity(WHAT.get(line.finds, line.finds), leaf), entries) for line in self.rule]

    @cached_property
    def rule(self) -> tuple[Line, ...]:
        optimizer = self.work.network.problem.optimizer
        return rule_of(optimizer) if optimizer else ()

    def updates(self, leaf: Node, entries: Array) -> Iterator[Lines]:
        """The lines of the update rule, for some entries at a time."""
        for part in in_chunks(self.written(Quantity("updated", leaf), entries), 1):
            for line in self.rule:
                kind = "update" if line.finds == "w" else "state"
                yield self.lines(
                    kind, Quantity(WHAT.get(line.finds, line.finds), leaf), part, [self.rule_terms(line, leaf, part)]
                )

    def rule_terms(self, line: Line, leaf: Node, entries: Array) -> Terms:
        constants = self.work.network.constants
        pattern = line.at(self.work.iteration, {name: slot(k) for k, name in enumerate(line.names)})
        kept = [(k, name) for k, name in enumerate(line.names) if slot(k) in pattern.free_symbols]
        quantities, places = [], []
        for _, name in kept:
            constant = constants.get(name)
            quantities.append(Quantity("value", constant) if constant else Quantity(READS.get(name, name), leaf))
            places.append(np.zeros(len(entries), int) if constant else entries)
        pattern = renamed(pattern, {k: n for n, (k, _) in enumerate(kept)})
        return Terms(pattern, tuple(quantities), tuple(places), np.arange(len(entries)))

    def with_updated(self, terms: list[Terms]) -> list[Terms]:
        renewed = [tuple(self.if_updated(q) for q in group.quantities) for group in terms]
        return [Terms(g.pattern, q, g.entries, g.owner) for g, q in zip(terms, renewed, strict=True)]

    def if_updated(self, quantity: Quantity) -> Quantity:
        updated = Quantity("updated", quantity.node)
        return updated if updated in self.work.numbers else quantity

    # ---- what anything is made of

    def terms_of(self, quantity: Quantity, entries: Array) -> Sequence[Terms]:
        """The terms of some entries of a quantity that a step finds."""
        what, node = quantity
        if what == "value":
            kind = quantity_of(node)
            return self.loss_terms(quantity, entries) if kind in LOSS_KINDS else self.value_terms(node, entries)
        if what == "slope":
            return self.slope_terms(node, entries)
        if what == "adjoint":
            if node.op == "leaf":
                return self.uses(self.reads, node, entries)
            layer = next(
                layer for layer in self.work.network.layers if node in (layer.pre_activation, layer.activation)
            )
            if node is layer.pre_activation:
                return self.delta_terms(layer, entries)
            return self.adjoint_terms(node, entries)
        line = next(line for line in self.rule if WHAT.get(line.finds, line.finds) == what)
        return [self.rule_terms(line, node, entries)]

    # ---- text

    def lines(self, kind: str, quantity: Quantity, entries: Array, terms: Sequence[Terms]) -> Lines:
        rows = len(entries)
        plain, shown = self.plain(quantity, entries)
        symbols = [
            (in_symbols(self.m, g.pattern, [self.symbols(q, e) for q, e in slots(g)], len(g.owner)), g.owner)
            for g in terms
        ]
        cased = [case for group in terms for case in by_case(group, self.shown)]
        numbers = [
            (in_numbers(self.m, group.pattern, columns, len(group.owner)), group.owner)
            for group, columns in zip(cased, self.operands(cased, shown), strict=True)
        ]
        return Lines(
            kind,
            quantity,
            entries,
            terms,
            self.numbering[quantity][entries],
            self.symbols(quantity, entries),
            summed_texts(self.m, symbols, rows, max((self.width(texts) for texts, _ in symbols), default=1)),
            summed_texts(self.m, numbers, rows, max((widest(texts) for texts, _ in numbers), default=1)),
            numbers_in(self.m, plain),
        )

    def width(self, terms: Sequence[str]) -> int:
        """How wide the widest term of symbols is printed, with the sign before it, in characters, roughly."""
        return max([8, *(self.m.term_width(term) + 2 for term in terms[:: max(1, len(terms) // 50)])])

    def shown(self, quantity: Quantity, entries: Array) -> Array:
        return self.work.numbers[quantity].ravel()[entries]

    def symbols(self, quantity: Quantity, entries: Array) -> list[str]:
        if quantity.node.size > ROWS:
            return self.symbol.symbols(quantity, entries)
        if quantity not in self._symbols:
            self._symbols[quantity] = self.symbol.symbols(quantity, np.arange(quantity.node.size))
        return chosen(self._symbols[quantity], entries)

    def plain(self, quantity: Quantity, entries: Array) -> tuple[list[str], Array]:
        """The numbers as plain text, and as the text says they are."""
        numbers = self.work.numbers[quantity]
        found = self.carried and not (quantity.what == "value" and quantity.node.op == "leaf")  # a rounded result
        if numbers.size > ROWS:
            texts = self.texts(quantity, entries, keep_zeros=found)
            return texts, np.array(texts, float)
        if quantity not in self._plain:
            texts = self.texts(quantity, np.arange(numbers.size), keep_zeros=found)
            self._plain[quantity] = texts, np.array(texts, float)
        texts, shown = self._plain[quantity]
        return chosen(texts, entries), shown[entries]

    def texts(self, quantity: Quantity, entries: Array, extra: int = 0, keep_zeros: bool = False) -> list[str]:
        """Rounded; a number of the optimizer as it was given."""
        numbers = self.work.numbers[quantity].ravel()[entries]
        if quantity.node in self.work.network.constants.values():
            return as_given(numbers)
        return self.work.precision.texts(numbers, extra, keep_zeros)

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
        for extra in range(1, self.work.precision.most_extra + 1):
            total = np.zeros(len(result))
            for group, numbers, here in zip(terms, shown, places, strict=True):
                with np.errstate(all="ignore"):
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
        texts = self.texts(quantity, entries, extra)
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


def entries_of(node: Node, s: int, samples: int) -> Array:
    """The entries of one sample, flat."""
    return np.arange(s, node.size, samples)


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
