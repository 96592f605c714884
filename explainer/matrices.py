"""The matrix view: the rules of `ops.OPS` run on written matrices instead of arrays of numbers.

A weighted sum's `value` and `vjp`, the sums over outputs and samples, the L2 penalty are plain arithmetic: run on
`Written` they write z = W a + b, W^T delta and delta a^T. An activation or a loss that has a slope may compute it with
NumPy, in a form that keeps its digits (the sigmoid's is s(z) s(-z)). Its vjp is always `g * slope`, so here it is g
times f'(z), and f'(z) is spelt out from `Op.slope`, the textbook's, through the pattern that the scalar view prints.

Every equation is worked out from its own formula, and compared with what the backward pass found, before it is shown.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any

import numpy as np

from .digits import as_given, numbers_in, operands_in
from .errors import CheckFailed
from .formulas import partials
from .graph import Cells, Node, readers
from .networks import Built
from .notation import Quantity, Symbols, quantity_of
from .ops import OPS, Array
from .optimizers import STATES, rule_of
from .presets import script_in
from .worked import Worked
from .written import (
    MOST,
    Name,
    NotWritten,
    Written,
    abbreviated,
    as_written,
    in_names,
    number,
    number_text,
    of_pattern,
    with_shape,
)

WIDTH = 64  # digits, as printed, that a right side may be wide


STATES_AND_OLD = {*STATES, *(f"{name}_old" for name in STATES)}

# ---- what matrices are called

OWN = {"mask": "M", "gradient": "G", "mask of biases": "m", "gradient of biases": "g"}  # what no notation has
LETTERS: Mapping[str, Mapping[str, str]] = {  # of a notation whose entries have other letters than its matrices
    "mazur": {"weight": "W"},
    "rashid": {"weight": "W", "pre_activation": "X", "activation": "O"},
}
INDICES = ("{row}", "{column}", "{pair}", ",")  # what a matrix as a whole has not


class Names:
    """The symbols of a network's matrices: those of their entries in bold, with the layer in place of the neuron."""

    def __init__(self, work: Worked, symbol: Symbols) -> None:
        self.of_entry, self.net, self.notation, self.m = symbol, work.network, symbol.notation, symbol.m

    def of(self, quantity: str, layer: int) -> Name:
        """The symbol of a quantity of a layer, counted from 0."""
        return self.symbol(quantity, self.of_entry.mark(self.shape_of(quantity), layer + 1), str(layer + 1))

    def general(self, quantity: str, shift: int = 0) -> Name:
        """The symbol of a quantity of layer l, or of a layer so many after it."""
        before, here = ("l" + (f" {'+' if n > 0 else '-'} {abs(n)}" if n else "") for n in (shift - 1, shift))
        return self.symbol(quantity, self.of_entry.ends_mark(self.shape_of(quantity), before, here), here)

    def symbol(self, quantity: str, mark: str, number: str) -> Name:
        """As the notation marks its layers, or by the number of the layer where it does not."""
        symbol = self.notation.symbols[self.shape_of(quantity)]
        sub, sup = (tuple(part for part in script if part not in INDICES) for script in (symbol.sub, symbol.sup))
        marked = "{layer}" in (*sub, *sup)
        below, above = (script_in(self.m, script, {"{layer}": mark}) for script in (sub, sup))
        letter = OWN.get(quantity) or LETTERS.get(self.notation.name, {}).get(quantity, symbol.base)
        return self.name(letter, below if marked else self.m.label(number), above if marked else "")

    def shape_of(self, quantity: str) -> str:
        """The quantity that stands in the places of this one: masks and gradients are marked as what they are of."""
        return ("bias" if quantity.endswith("biases") else "weight") if quantity in OWN else quantity

    def given(self, node: Node) -> Name:
        """Inputs or targets: the notation's letter, or the one that their own names share, X for X1 and X2."""
        kind = quantity_of(node)
        symbol = self.notation.symbols[kind]
        if symbol.base != "{name}":
            return self.name(symbol.base)
        names = [names for names in (self.net.problem.input_names, self.net.problem.target_names) if names]
        letters = [letter_of(each) for each in names]
        assert isinstance(node.cells, Cells)
        own = letter_of(node.cells.rows)
        return self.name(own if own and letters.count(own) == 1 else kind[0].replace("i", "x"))

    def name(self, letter: str, sub: str = "", sup: str = "") -> Name:
        sample = script_in(self.m, self.notation.sample, {"{sample}": "s"})
        return Name(self.m.bold_base(letter), sub, sup, self.notation.updated, sample)


def letter_of(names: Sequence[str]) -> str | None:
    """X for X1, X2; None where they do not share one letter."""
    letters = {name.rstrip("0123456789").rstrip("_") for name in names}
    (letter,) = letters if len(letters) == 1 else ("",)
    return letter if len(letter) == 1 else None


# ---- the equations


@dataclass(frozen=True, eq=False)
class Equation:
    """One matrix equation: what it finds, and its right side in one form or more."""

    kind: str
    name: str  # canonical: delta[layer 2]
    quantity: Quantity  # what it finds; the node may be one that takes its entries from elsewhere
    left: Written
    forms: tuple[Written, ...]  # () where it has no form in matrices; the first is put in numbers
    value: Array
    found: bool = True  # a result, not data
    masked: bool = False  # entries of the gradient are left out
    shared: tuple[str, ...] = ()  # the symbols of weights that stand in other places too

    @property
    def key(self) -> Quantity:
        """Under which its step is numbered."""
        return key_of(self.quantity)


def key_of(quantity: Quantity) -> Quantity:
    return Quantity(f"matrix {quantity.what}", quantity.node)


@dataclass(frozen=True)
class Shown:
    """An equation as text."""

    left: str
    left_shape: str  # the left side with its shape under it
    symbols: tuple[str, ...]  # the right side
    shapes: tuple[str, ...]  # the same with the shape under each factor; what repeats another form has none
    numbers: str  # "" where it would be too wide, or only repeat the result
    printed: str

    @property
    def rights(self) -> list[str]:
        return [*self.shapes, *([self.numbers] if self.numbers else []), self.printed]

    @property
    def latex(self) -> str:
        return " = ".join([*self.symbols, *([self.numbers] if self.numbers else []), self.printed])


class Matrices:
    """Makes the matrix equations of one iteration, layer by layer (counted from 0), each once."""

    def __init__(self, work: Worked, symbol: Symbols) -> None:
        self.work, self.symbol, self.net, self.m = work, symbol, work.network, symbol.m
        self.names = Names(work, symbol)
        self.reads = readers(self.net.end)
        self.carried = self.net.problem.writing.carry == "rounded"
        self.leaves: dict[Quantity, Written] = {}
        for node in self.net.given:
            if quantity_of(node) in ("input", "target"):
                self.name(Quantity("value", node), self.names.given(node))
        for at, layer in enumerate(self.net.layers):
            for node in filter(None, (layer.weights, layer.biases, layer.pre_activation, layer.activation)):
                assert isinstance(node.cells, Cells)
                self.name(Quantity("value", node), self.names.of(node.cells.quantity, at))
            self.name(Quantity("adjoint", layer.pre_activation), self.names.of("delta", at))

    # ---- leaves

    def name(self, quantity: Quantity, name: Name) -> None:
        """A value, by its name, and what is found about it, by the names that follow from it."""
        node, numbers = quantity.node, self.work.numbers
        per_sample = quantity_of(node) in ("input", "target", "pre_activation", "activation")
        self.leaves[quantity] = self.leaf(
            quantity, name.text(self.m), name.text(self.m, sampled=True) if per_sample else ""
        )
        if quantity.what == "adjoint":
            return
        updated = Quantity("updated", node)
        self.leaves[updated] = self.leaf(updated, name.text(self.m, updated=True), array=self.updated(node))
        found = {"adjoint": self.m.partial(self.symbol.loss, name.text(self.m))}
        if node.op != "leaf" and quantity_of(node) == "activation":
            z = self.leaves[Quantity("value", node.parents[0])]
            found["slope"] = f"{self.symbol.function}'({z.symbol})"
        for what, symbol in found.items():
            q = Quantity(what, node)
            if q in numbers and q not in self.leaves:
                own, one = name.text(self.m), name.text(self.m, sampled=True)
                self.leaves[q] = self.leaf(q, symbol, symbol.replace(own, one) if per_sample else "")

    def leaf(self, quantity: Quantity, symbol: str, sampled: str = "", array: Any = None) -> Written:
        numbers = self.work.numbers.get(quantity) if array is None else array
        return Written("leaf", symbol=symbol, sampled=sampled, array=numbers, quantity=quantity)

    def updated(self, node: Node) -> Array | None:
        pool = node.parents[0] if node.op == "take" else node
        new = self.work.numbers.get(Quantity("updated", pool))
        return new if new is None or node is pool else self.placed(node, new)

    def placed(self, node: Node, entries: Array) -> Array:
        """Entries of the leaf that a node takes its own from, in their places; 0 where there is none."""
        return np.asarray(OPS["take"].value(entries, **node.params))

    # ---- each stage, once

    @cached_property
    def forwards(self) -> list[list[Equation]]:
        return [list(self.forward(at)) for at in range(len(self.net.layers))]

    @cached_property
    def backwards(self) -> list[list[Equation]]:
        return [list(self.backward(at)) for at in range(len(self.net.layers))]

    @cached_property
    def gradients(self) -> list[list[Equation]]:
        return [list(self.gradient_equations(at)) for at in range(len(self.net.layers))]

    @cached_property
    def updates(self) -> list[list[Equation]]:
        return [list(self.update_equations(at)) for at in range(len(self.net.layers))]

    # ---- forward

    def forward(self, at: int) -> Iterator[Equation]:
        layer = self.net.layers[at]
        z, y = layer.pre_activation, layer.activation
        form = OPS[z.op].value(*(self.leaves[Quantity("value", p)] for p in z.parents), **z.params)
        yield self.equation("pre_activation", f"z[layer {at + 1}]", Quantity("value", z), [form])
        inside = self.leaves[Quantity("value", z)]
        form = Written(
            "applied", (inside,), symbol=self.symbol.function, function=lambda array: OPS[y.op].value(array, **y.params)
        )
        yield self.equation("activation", f"Y[layer {at + 1}]", Quantity("value", y), [form])

    # ---- backward

    def backward(self, at: int) -> Iterator[Equation]:
        """How fast the loss changes with each activation, the slopes, and delta."""
        layer = self.net.layers[at]
        z, y = layer.pre_activation, layer.activation
        arriving = self.contributions(y)
        spelt: dict[Quantity, Written] = {}
        if arriving is None or arriving:
            quantity = Quantity("adjoint", y)
            kind = "adjoint_output" if layer is self.net.layers[-1] else "adjoint"
            forms = [summed(arriving)] if arriving else []
            yield self.equation(kind, f"dE/dY[layer {at + 1}]", quantity, forms)
            spelt |= {quantity: forms[0]} if forms else {}
        quantity = Quantity("slope", y)
        if quantity in self.leaves and (arriving is None or arriving):
            yield self.equation("slope", f"dY/dz[layer {at + 1}]", quantity, self.slope(y))
        found = self.contributions(z)
        forms = [summed(found)] if found else []
        adjoint = Quantity("adjoint", y)
        if forms and adjoint in spelt and layer is not self.net.layers[-1] and not self.carried:
            forms.append(put_in(forms[0], {adjoint: spelt[adjoint]}))
        kind = "delta" if adjoint in self.leaves and (arriving is None or arriving) else "delta_scores"
        yield self.equation(kind, f"delta[layer {at + 1}]", Quantity("adjoint", z), forms)

    def contributions(self, node: Node) -> list[Written] | None:
        """What each reader of a node sends back to it: its rule, run on written matrices. None: it has no such form."""
        try:
            return [part for reader, k in self.reads[node] for part in self.sent_back(reader, k)]
        except (NotWritten, KeyError):
            return None

    def sent_back(self, reader: Node, argument: int, as_read: Written | None = None) -> Iterator[Written]:
        """The adjoint of one argument, as far as it comes through this reader."""
        op = OPS[reader.op]
        if Quantity("adjoint", reader) not in self.work.numbers:
            return
        if reader.op == "take":
            raise NotWritten(reader.op)
        g = self.arriving(reader)
        if op.slope is not None:
            if argument != 0:
                return  # targets, and outputs beside their scores, are not differentiated by
            slope = self.leaves.get(Quantity("slope", reader))
            yield g * (slope if slope is not None else self.textbook_slope(reader))
            return
        out = self.leaves.get(Quantity("value", reader), as_written(0))
        arguments = [self.leaves.get(Quantity("value", p)) for p in reader.parents]
        if as_read is not None:
            arguments[argument] = as_read
        if arguments[argument] is None:
            raise NotWritten(reader.op)
        yield op.vjp(g, out, *arguments, **reader.params)[argument]

    def arriving(self, reader: Node) -> Any:
        """The adjoint of a reader: by its name, or where it is the same throughout (1, or 1/m) as a number."""
        quantity = Quantity("adjoint", reader)
        if quantity in self.leaves:
            return self.leaves[quantity]
        array = np.asarray(self.work.numbers[quantity])
        if array.size and (array == array.flat[0]).all():
            return number(float(array.flat[0]))
        raise NotWritten(reader.op)

    def slope(self, y: Node) -> list[Written]:
        """f'(z) spelt out, where it can be in matrices and has all its digits so."""
        try:
            return [self.textbook_slope(y)] if OPS[y.op].slope is not None else []
        except NotWritten:
            return []

    def textbook_slope(self, node: Node) -> Written:
        """The slope that the scalar view prints, on matrices."""
        term = next(found.term for found in partials(node) if found.read.argument == 0)
        nodes = [node if read.argument < 0 else node.parents[read.argument] for read in term.reads]
        try:
            slots = [self.leaves[Quantity("value", n)] for n in nodes]
        except KeyError:
            raise NotWritten(node.op) from None
        found = of_pattern(term.pattern, slots)
        if found.how == "number":  # the slope of a straight line: a matrix of that number
            symbol = self.m.bold(1) if found.array == 1 else number_text(self.m, float(found.array))
            found = Written("leaf", symbol=symbol, array=found.array * np.ones(node.shape))
        return found

    # ---- gradients and the update

    def gradient_equations(self, at: int) -> Iterator[Equation]:
        for kind, node in self.parameters(at):
            mask, shared = self.mask(node), self.shared(node)
            forms = self.gradient_forms(node, mask)
            name = f"dE/d{'W' if kind == 'weight' else 'b'}[layer {at + 1}]"
            left = self.m.partial(self.symbol.loss, self.leaves[Quantity("value", node)].symbol)
            quantity = Quantity("adjoint", node)
            value = self.gradient(node)
            if shared:
                value = self.work.numbers[quantity] * mask
            yield self.equation(
                f"{kind}_gradient",
                name,
                quantity,
                forms,
                left=Written("leaf", symbol=left, array=value, quantity=quantity),
                masked=not mask.all(),
                shared=shared,
            )

    def gradient_forms(self, node: Node, mask: Array) -> list[Written]:
        """delta a^T, with a mask where entries are left out, and for many samples the same as a sum over them."""
        found = self.contributions(node)
        if found and not self.shared(node):
            try:
                found += self.penalties(node)
            except (NotWritten, KeyError):
                found = None
        if not found:
            return []
        forms = [summed(found)]
        first = found[0]
        if first.how == "matmul" and max(leaf.array.shape[1] for leaf in first.leaves() if leaf.sampled) > 1:
            forms.append(summed([Written("over_samples", (first,)), *found[1:]]))
        if mask.all():
            return forms
        kept = Written("leaf", symbol=self.mask_name(node), array=mask.astype(float))
        return [form * kept for form in forms]

    def penalties(self, node: Node) -> list[Written]:
        """What L2 sends to weights that are entries of the pool: it reads the pool, each entry once, not their places."""
        if node.op != "take":
            return []
        leaf, entries = self.trained_entries(node)
        readers = [reader for reader, _ in self.reads[leaf] if reader not in self.taken]
        own = self.leaves[Quantity("value", node)]
        return [
            part
            for reader in readers
            if np.isin(entries, reader.params["where"]).all()
            for penalty, k in self.reads[reader]
            for part in self.sent_back(penalty, k, own)
        ]

    def update_equations(self, at: int) -> Iterator[Equation]:
        """Every line of the optimizer's rule."""
        optimizer = self.net.problem.optimizer
        if optimizer is None:
            return
        for kind, node in self.parameters(at):
            letter = "W" if kind == "weight" else "b"
            pool = node.parents[0] if node.op == "take" else node
            found: dict[str, Any] = {name: self.constant(n) for name, n in self.net.constants.items()}
            found |= {"w": self.leaves[Quantity("value", node)], "g": self.gradient_leaf(node)}
            for line in rule_of(optimizer):
                for name in {line.finds, *line.names} & STATES_AND_OLD:
                    found[name] = self.state(name, node, pool)
                last = line.finds == "w"
                quantity = Quantity("updated" if last else line.finds, node)
                left = self.leaves[quantity] if last else found[line.finds]
                yield self.equation(
                    f"{kind}_update" if last else "state",
                    f"{letter}'[layer {at + 1}]" if last else f"{line.finds}[{letter}[layer {at + 1}]]",
                    quantity,
                    [line.at(self.work.iteration, found)],
                    left=left,
                    shared=self.shared(node) if "g" in line.names else (),
                    masked=last and not self.mask(node).all(),
                )

    def constant(self, node: Node) -> Written:
        """A number of the optimizer."""
        quantity = Quantity("value", node)
        known = quantity_of(node) in self.symbol.notation.symbols
        symbol = self.symbol.symbols(quantity, np.array([0]))[0] if known else self.symbol.name(node.name)
        return Written("leaf", symbol=symbol, array=self.work.numbers[quantity], quantity=quantity)

    def state(self, name: str, node: Node, pool: Node) -> Written:
        """A state of the optimizer for each weight of a layer; `_old` as the iteration before left it."""
        quantity = Quantity(name, pool)
        array = self.work.numbers.get(quantity, np.zeros(pool.shape))
        array = (array if node is pool else self.placed(node, array)) * self.mask(node)
        letter, _, hat = name.removesuffix("_old").partition("_")
        bold = self.m.bold_base(letter)
        old = self.m.word("old") if name.endswith("_old") else ""
        of = Name(self.m.hat(bold) if hat else bold, self.leaves[Quantity("value", node)].symbol, old)
        return Written("leaf", symbol=of.text(self.m), array=array, quantity=Quantity(name, node))

    def gradient_leaf(self, node: Node) -> Written:
        """The gradient that the update takes: where weights are shared, with their sums in their places."""
        array, quantity = self.gradient(node), Quantity("adjoint", node)
        symbol = self.m.partial(self.symbol.loss, self.leaves[Quantity("value", node)].symbol)
        if self.shared(node):
            symbol = self.whole_name(node)
        return Written("leaf", symbol=symbol, array=array, quantity=quantity)

    def layer_of(self, node: Node) -> int:
        return next(at for at, layer in enumerate(self.net.layers) if node in (layer.weights, layer.biases))

    def mask_name(self, node: Node) -> str:
        return self.names.of("mask" if quantity_of(node) == "weight" else "mask of biases", self.layer_of(node)).text(
            self.m
        )

    def whole_name(self, node: Node) -> str:
        """What the gradient is called in which shared weights have their sums."""
        own = "gradient" if quantity_of(node) == "weight" else "gradient of biases"
        return self.names.of(own, self.layer_of(node)).text(self.m)

    def parameters(self, at: int) -> Iterator[tuple[str, Node]]:
        """The weights and the biases of a layer, where any of them is trained."""
        layer: Built = self.net.layers[at]
        for kind, node in (("weight", layer.weights), ("bias", layer.biases)):
            if node is not None and self.mask(node).any():
                yield kind, node

    def mask(self, node: Node) -> Array:
        """Which entries of a layer's weights or biases exist and are trained."""
        pool = node.parents[0] if node.op == "take" else node
        trained = self.net.trained.get(pool)
        if trained is None:
            return np.zeros(node.shape, bool)
        return self.placed(node, trained.astype(float)) > 0 if node.op == "take" else trained

    def trained_entries(self, node: Node) -> tuple[Node, Array]:
        """The leaf that a layer's weights or biases are, or take their entries from, and which of these are trained."""
        pool = node.parents[0] if node.op == "take" else node
        entries = node.params["where"].ravel() if node.op == "take" else np.arange(node.size)
        return pool, entries[self.mask(node).ravel()]

    def missing(self, node: Node) -> bool:
        """Whether a connection of the layer does not exist."""
        return node.op == "take" and bool((node.params["where"] < 0).any())

    def gradient(self, node: Node) -> Array:
        """The gradient of each entry's weight, in its place; 0 where there is none."""
        pool = node.parents[0] if node.op == "take" else node
        found = self.work.of("adjoint", pool)
        return (found if node is pool else self.placed(node, found)) * self.mask(node)

    def shared(self, node: Node) -> tuple[str, ...]:
        """The symbols of the trained weights here that stand in other places too."""
        (_, leaf), entries = self.shared_gradients(node)
        return tuple(self.symbol.symbols(Quantity("value", leaf), entries)) if len(entries) else ()

    def shared_gradients(self, node: Node) -> tuple[Quantity, Array]:
        """Where their gradients are."""
        leaf, entries = self.trained_entries(node)
        several = [k for k in dict.fromkeys(entries.tolist()) if node.op == "take" and self.uses[k] > 1]
        return Quantity("adjoint", leaf), np.array(several, int)

    @cached_property
    def taken(self) -> list[Node]:
        """The weights and biases that take their entries from elsewhere."""
        every = [node for layer in self.net.layers for node in (layer.weights, layer.biases)]
        return [node for node in every if node is not None and node.op == "take"]

    @cached_property
    def pool(self) -> Node | None:
        """Where they take them from."""
        return self.taken[0].parents[0] if self.taken else None

    @cached_property
    def uses(self) -> Array:
        """How often each entry of the pool is used."""
        places = np.concatenate([node.params["where"].ravel() for node in self.taken] or [np.zeros(0, int)])
        return np.bincount(places[places >= 0], minlength=self.pool.size if self.pool is not None else 0)

    # ---- an equation, checked

    def equation(
        self,
        kind: str,
        name: str,
        quantity: Quantity,
        forms: Sequence[Written],
        left: Written | None = None,
        **more: Any,
    ) -> Equation:
        left = self.leaves[quantity] if left is None else left
        value = np.asarray(left.array)
        kept = tuple(form for form in forms if self.agrees(form, value, name))
        return Equation(kind, name, quantity, left, kept, value, **more)

    def agrees(self, form: Written, value: Array, name: str) -> bool:
        """Whether a formula gives the value: CheckFailed where it does not."""
        found = form.value()
        tolerance = 1e-9 * np.abs(value) + 1e-12 * form.magnitude() + 1e-300
        if self.carried:  # the result was rounded
            tolerance = tolerance + self.work.precision.unit(value)
        if found.shape != value.shape or not (np.abs(found - value) <= tolerance).all():
            raise CheckFailed(f"the matrix equation of {name} does not give its numbers; please report this")
        return True

    # ---- text

    def shown(self, equation: Equation) -> Shown:
        value, forms = equation.value, equation.forms
        cells = self.texts(value, equation.found)
        printed, whole = abbreviated(self.m, cells, WIDTH)
        names, with_shapes = partial(in_names, self.m), partial(with_shape, self.m)
        symbols = tuple(text for form in forms if (text := form.text(self.m, names)))
        shapes = tuple(text for form in forms if (text := form.text(self.m, with_shapes)))
        small = whole and all(max(np.shape(leaf.array), default=0) <= MOST for form in forms for leaf in form.leaves())
        numbers = self.in_numbers(forms[0], value) if forms and small else ""
        return Shown(
            names(equation.left, False),
            with_shapes(equation.left, False),
            symbols,
            shapes,
            numbers if numbers != printed else "",
            printed,
        )

    def texts(self, array: Array, found: bool, extra: int = 0) -> list[list[str]]:
        texts = numbers_in(self.m, self.work.precision.texts(array, extra, keep_zeros=found and self.carried))
        columns = array.shape[1]
        return [texts[k : k + columns] for k in range(0, len(texts), columns)]

    def in_numbers(self, form: Written, value: Array) -> str:
        """The formula with numbers put in, with as many more digits as it takes to give the result as it is printed.

        "" where it would be too wide, or where no more digits help.
        """
        shown = self.work.precision.rounded(value)
        unit = self.work.precision.unit(shown) * (1 + 1e-9)
        for extra in range(1 if self.carried else self.work.precision.most_extra + 1):
            with np.errstate(all="ignore"):  # what rounding leaves below a fraction may be 0
                found = form.value(partial(self.rounded, extra=extra))
            if self.carried or (np.abs(found - shown) <= unit).all():
                return form.text(self.m, partial(self.leaf_numbers, extra=extra), WIDTH, term_by_term=True) or ""
        return ""

    def rounded(self, leaf: Written, extra: int) -> Array:
        array = np.asarray(leaf.array)
        if array.ndim != 2:  # a number of the optimizer
            return array
        return np.array(self.work.precision.texts(array, extra), float).reshape(array.shape)

    def leaf_numbers(self, leaf: Written, transposed: bool, extra: int) -> str:
        array = np.asarray(leaf.array, float)
        found = leaf.quantity is not None and not (leaf.quantity.what == "value" and leaf.quantity.node.op == "leaf")
        if array.ndim != 2:
            return operands_in(self.m, as_given(array))[0]
        return abbreviated(self.m, self.texts(array.T if transposed else array, found, extra), np.inf)[0]

    # ---- what is given, entry by entry

    def given(self, node: Node) -> tuple[str, list[str]]:
        """A matrix of symbols and the same of numbers: which entry stands where."""
        leaf = self.leaves[Quantity("value", node)]
        array = np.asarray(leaf.array)
        symbols = np.full(array.size, "0", dtype=object)
        if node.op == "take":
            where = node.params["where"].ravel()
            there = np.flatnonzero(where >= 0)
            symbols[there] = self.symbol.symbols(Quantity("value", node.parents[0]), where[there])
        else:
            every = np.arange(node.size)
            symbols[:] = self.symbol.symbols(Quantity("value", node), every)
        names: list[list[str]] = symbols.reshape(array.shape).tolist()
        texts, _ = abbreviated(self.m, names, WIDTH)
        numbers, _ = abbreviated(self.m, self.texts(array, False), WIDTH)
        return with_shape(self.m, leaf, False), [texts, numbers]


def summed(parts: Sequence[Written]) -> Written:
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    return total


def put_in(form: Written, spelt: Mapping[Quantity, Written]) -> Written:
    """The formula with some of its leaves spelt out."""
    if form.quantity is not None and form.quantity in spelt:
        return spelt[form.quantity]
    return replace(form, parts=tuple(put_in(part, spelt) for part in form.parts)) if form.parts else form


# ---- the numbers of their steps


def step_number(numbering: Mapping[Quantity, Array], equation: Equation) -> int:
    return int(numbering[equation.key][0])


def equations_used(numbering: Mapping[Quantity, Array], equation: Equation) -> list[int]:
    """The numbers of the matrix equations whose results this one uses, in ascending order."""
    return sorted({step_of(numbering, q) for q in used(equation)} - {0})


def used(equation: Equation) -> list[Quantity]:
    """What stands on the right side as it is put in numbers, each once."""
    leaves = [leaf for form in equation.forms[:1] for leaf in form.leaves()]
    found = dict.fromkeys(leaf.quantity for leaf in leaves if leaf.quantity is not None)
    return [quantity for quantity in found if quantity != equation.quantity]


def step_of(numbering: Mapping[Quantity, Array], quantity: Quantity) -> int:
    key = key_of(quantity)
    return int(numbering[key][0]) if key in numbering else 0
