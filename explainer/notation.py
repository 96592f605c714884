"""What things are called: canonical names, which are ASCII and the same for all, and the symbols of a notation.

In a pattern `{row}` stands for the label of the neuron an entry belongs to or leads into, and `{column}` for the one it
comes from. How each notation writes is data, in `presets`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from typing import NamedTuple

from .dialects import TEX, Dialect
from .graph import Cells, Node, Picked
from .ops import Array
from .presets import (
    PLACEHOLDERS,
    Notation,
    Symbol,
    bias_mark,
    layer_mark,
    marked,
    script_in,
    symbol_in,
    weight_mark,
    with_sample,
)

CANONICAL = {
    "input": "{row}",
    "target": "{row}",
    "weight": "W[{column},{row}]",
    "bias": "b[{row}]",
    "threshold": "b[{row}]",
    "pre_activation": "z[{row}]",
    "activation": "Y[{row}]",
    "delta": "delta[{row}]",
    "learning_rate": "learning_rate",
    "loss": "E",
    "loss_term": "E[{row}]",
    "sample_loss": "E",
    "data_loss": "E_data",
    "penalty": "R[{row}]",
    "beta": "beta",
    "beta1": "beta1",
    "beta2": "beta2",
    "epsilon": "epsilon",
    "averaged": "averaged",
}


STATES = ("m", "v", "s", "m_hat", "v_hat")  # of optimizers


class Quantity(NamedTuple):
    """What a derivation finds about a node: its value, its adjoint, its slope, ..."""

    what: str
    node: Node


def canonical(quantity: Quantity, entries: Array) -> list[str]:
    """The canonical name of each entry (flat indices)."""
    what, node = quantity
    return {
        "value": lambda: cell_names(node.cells, entries),
        "updated": lambda: [primed(name) for name in cell_names(node.cells, entries)],
        "step": lambda: [f"step[{name}]" for name in cell_names(node.cells, entries)],
        **dict.fromkeys(STATES, lambda: [f"{what}[{name}]" for name in cell_names(node.cells, entries)]),
        "slope": lambda: ratios(cell_names(node.cells, entries), cell_names(node.parents[0].cells, entries)),
        "adjoint": lambda: (
            cell_names(node.cells, entries, "delta")
            if quantity_of(node) == "pre_activation"
            else ratios(["E"] * len(entries), cell_names(node.cells, entries))
        ),
    }[what]()


def ratios(above: list[str], below: list[str]) -> list[str]:
    return [f"d{a}/d{b}" for a, b in zip(above, below, strict=True)]


def primed(name: str) -> str:
    """W'[3,6] from W[3,6]; w5' from w5."""
    return re.sub(r"^[^\[#]+", lambda head: f"{head[0]}'", name)


def quantity_of(node: Node) -> str:
    """What a node's entries are; a `parameter` where weights and biases stand together."""
    if isinstance(node.cells, Cells):
        return node.cells.quantity
    first, _ = node.cells.cells[0]
    return "loss_term" if first.quantity == "loss_term" else "parameter"


def cell_names(cells: Cells | Picked, entries: Array, quantity: str = "") -> list[str]:
    if isinstance(cells, Picked):
        return [cell_names(where, flat)[0] for where, flat in picked(cells, entries)]
    pattern = CANONICAL[quantity or cells.quantity] + ("#{column}" if cells.sampled else "")
    return spelled(cells, entries, pattern, str, str, "names")


def picked(cells: Picked, entries: Array) -> list[tuple[Cells, Array]]:
    """Where each entry has its name from, one by one."""
    import numpy as np

    return [(cells.cells[k][0], np.array([cells.cells[k][1]])) for k in entries.tolist()]


def spelled(
    cells: Cells, entries: Array, pattern: str, label: Callable[[str], str], own: Callable[[str], str], by: str
) -> list[str]:
    """The pattern with the labels of each entry put in; an entry that has a name of its own has that."""
    rows, around = pieces(cells, pattern, label, by)
    n = len(around)
    texts = [around[k % n][0] + rows[k // n] + around[k % n][1] for k in entries.tolist()]
    if cells.own:
        return [own(cells.own[k]) if k in cells.own else text for k, text in zip(entries.tolist(), texts, strict=True)]
    return texts


@cache
def pieces(cells: Cells, pattern: str, label: Callable[[str], str], by: str) -> tuple[list[str], list[tuple[str, str]]]:
    """The label of each row, and for each column what stands before and after it."""
    rows, columns = ends(cells, by)
    if "{row}" not in pattern:
        return [""] * len(rows), [(pattern.replace("{column}", label(c)), "") for c in columns]
    halves = [pattern.replace("{column}", label(c)).partition("{row}") for c in columns]
    return [label(r) for r in rows], [(before, after) for before, _, after in halves]


def ends(cells: Cells, by: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What rows and columns are called: by the names of targets, the labels of neurons, or positions in the layer."""
    if by == "positions" and cells.quantity in PLACEHOLDERS:
        return positions(len(cells.rows)), positions(len(cells.columns))
    return cells.neurons if by == "labels" and cells.neurons else cells.rows, cells.columns


def positions(count: int) -> tuple[str, ...]:
    return tuple(map(str, range(1, count + 1)))


# ---- symbols

NAME = re.compile(r"(?P<base>[^\W\d_]+)_?(?P<rest>\w*)")


class Symbols:
    """Symbols of one notation in one dialect, for a network of so many layers and one iteration of its training."""

    def __init__(
        self, notation: Notation, layers: int, iteration: int = 1, per_sample: bool = False, m: Dialect = TEX
    ) -> None:
        self.notation, self.layers, self.iteration, self.m = notation, layers, iteration, m
        self.per_sample = per_sample  # adjoints of neurons are of their own sample's loss
        self.loss = self.general("loss")
        self.learning_rate = self.general("learning_rate")
        self.function = self.general("function")
        self._last: tuple[Cells | Picked, Array, list[str]] | None = None

    def symbols(self, quantity: Quantity, entries: Array) -> list[str]:
        """The symbol of each entry (flat indices)."""
        what, node = quantity
        if what == "adjoint" and quantity_of(node) == "pre_activation":
            return self.cell_symbols(node.cells, entries, "delta")
        if what == "updated":
            return self.cell_symbols(node.cells, entries, updated=True)
        own = self.own_symbols(node.cells, entries)
        if what == "value":
            return own
        if what == "step":
            return [f"{self.m.greek('Delta')} {s}" for s in own]
        if what.removesuffix("_old") in STATES:
            return [self.state(what, symbol, quantity_of(node)) for symbol in own]
        if what == "slope":
            below = self.cell_symbols(node.parents[0].cells, entries)
            return [self.m.partial % pair for pair in zip(own, below, strict=True)]
        if self.per_sample and quantity_of(node) == "activation" and isinstance(node.cells, Cells):
            samples = Cells("sample_loss", ("",), node.cells.columns, sampled=True)
            losses = self.cell_symbols(samples, entries % len(node.cells.columns))
            return [self.m.partial % pair for pair in zip(losses, own, strict=True)]
        return [self.m.partial % (self.loss, s) for s in own]

    def own_symbols(self, cells: Cells | Picked, entries: Array) -> list[str]:
        """As `cell_symbols`; remembers the last answer, since a line asks for the same entries several times."""
        if self._last is None or self._last[0] is not cells or self._last[1] is not entries:
            self._last = cells, entries, self.cell_symbols(cells, entries)
        return self._last[2]

    def cell_symbols(
        self, cells: Cells | Picked, entries: Array, quantity: str = "", updated: bool = False
    ) -> list[str]:
        if isinstance(cells, Picked):
            return [self.cell_symbols(where, flat, quantity, updated)[0] for where, flat in picked(cells, entries)]
        quantity = quantity or cells.quantity
        if self.notation.symbols[quantity].base == "{name}":
            return self.named(cells, entries)
        pattern, own = self.pattern(quantity, cells, updated), self.updated_name if updated else self.name
        return spelled(cells, entries, pattern, self.m.label, own, self.notation.numbering)

    def named(self, cells: Cells, entries: Array) -> list[str]:
        """The names of inputs or targets, each with its sample where there are several."""
        samples = [""]
        if cells.sampled:
            mark = with_sample(Symbol(""), self.notation.sample)
            samples = [self.m.sup % script_in(self.m, mark.sup, {"{sample}": column}) for column in cells.columns]
        names, n = [self.name(row) for row in cells.rows], len(samples)
        return [names[k // n] + samples[k % n] for k in entries.tolist()]

    def state(self, what: str, symbol: str, quantity: str) -> str:
        """A state of the optimizer: m_{36} of W_{36}, m_{b_6} of b_6; `old` is what the update before left."""
        base, _, hat = what.removesuffix("_old").partition("_")
        begins, ends = (self.m.base(self.notation.symbols["weight"].base) + self.m.sub).split("%s")
        own = quantity == "weight" and symbol.startswith(begins) and symbol.endswith(ends)
        sub = symbol[len(begins) : -len(ends)] if own else symbol
        letter = self.m.hat % base if hat else base
        old = self.m.sup % self.m.word("old") if what.endswith("_old") else ""
        return letter + self.m.sub % sub + old

    def name(self, name: str) -> str:
        """A name that somebody gave: X1 is X with the subscript 1."""
        return name_in(self.m, name)

    def updated_name(self, name: str) -> str:
        return name_in(self.m, name, self.notation.updated)

    def pattern(self, quantity: str, cells: Cells, updated: bool = False) -> str:
        """The symbol of every entry, with {row} and {column} where the labels go."""
        rows, columns = ends(cells, self.notation.numbering)
        symbol, indices = self.notation.symbols[quantity], [*rows, *columns]
        if cells.sampled:
            symbol, indices = with_sample(symbol, self.notation.sample), [*rows]
        named = cells.from_inputs and self.notation.numbering == "labels"
        places = {"{layer}": self.mark(quantity, cells.layer), "{sample}": "{column}"}
        commas, mark = any(len(index) > 1 for index in indices), self.notation.updated if updated else ""
        return symbol_in(self.m, symbol, places, commas, named, mark)

    def mark(self, quantity: str, layer: int) -> str:
        """How a symbol of a layer is marked; a weight or a bias is marked with either end, or with both."""
        return self.ends_mark(quantity, self.layer(layer - 1) if layer else "", self.layer(layer))

    def ends_mark(self, quantity: str, sender: str, receiver: str) -> str:
        if quantity == "weight":
            return weight_mark(self.notation, sender, receiver)
        return bias_mark(self.notation, sender, receiver) if quantity in ("bias", "threshold") else receiver

    def layer(self, number: int) -> str:
        """What a layer is called. 0 is the inputs; without layers in its symbols a notation counts those of neurons."""
        if not self.notation.marks_layers:
            return str(number)
        return layer_mark(self.notation, number, self.layers)

    def labels(self, cells: Cells) -> tuple[str, ...]:
        """What the neurons of a layer are called in words."""
        return ends(cells, self.notation.numbering)[0]

    def general(self, quantity: str, row: str = "", column: str = "", updated: bool = False) -> str:
        """The symbol of no entry in particular: W_{ij}.

        In row and column, "j" is the neuron that receives, "i" one that sends to it, and "k" another one of the layer of
        j, whatever letters the notation has for them. The receiver is in layer l.
        """
        letters = {"": "", "i": self.notation.sender, "j": self.notation.receiver, "k": self.notation.peer}
        sender, receiver = ("l-1", "l") if isinstance(self.notation.input_layer, int) else ("", "")
        mark = self.ends_mark(quantity, sender, sender if row == "i" else receiver)
        places = {"{row}": letters[row], "{column}": letters[column], "{layer}": mark}
        mark_of_new = self.notation.updated if updated else ""
        return symbol_in(self.m, self.notation.symbols[quantity], places, updated=mark_of_new)

    def general_input(self) -> str:
        """What takes the place of the activations before the first layer: a^{(1)}_{i} = x_{i}; nothing to say where empty."""
        activation, given = (self.notation.symbols[quantity] for quantity in ("activation", "input"))
        if not self.notation.marks_layers or given.base == "{name}":
            return ""
        letter = {"{row}": self.notation.sender, "{layer}": self.layer(0)}
        return f"{symbol_in(self.m, activation, letter)} = {symbol_in(self.m, given, letter)}"

    def of_layer(self, quantity: str, layer: int) -> str:
        r"""The symbol for a layer as a whole, where the notation marks layers: \Theta^{(1)}."""
        symbol = self.notation.symbols[quantity]
        sub, sup = (script if "{layer}" in script else () for script in (symbol.sub, symbol.sup))
        return symbol_in(self.m, symbol._replace(sub=sub, sup=sup), {"{layer}": self.mark(quantity, layer)})


def name_in(m: Dialect, name: str, updated: str = "") -> str:
    """A name that somebody gave: X1 is X with the subscript 1. `updated` is of `Notation`."""
    found = NAME.fullmatch(name)
    if not found:
        return marked(m, m.word(name), "", updated=updated)
    return marked(m, m.base(found["base"]), m.label(found["rest"]), updated=updated)
