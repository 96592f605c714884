"""What things are called: canonical names, which are ASCII and the same for all, and the symbols of each notation.

A symbol is data, a base with a subscript and a superscript, so that each format can set it its own way. In these,
`{row}` stands for the label of the neuron an entry belongs to or leads into, `{column}` for the one it comes from, and
`{pair}` for both, written as W_36 where labels are single characters and as W_10,12 where they are not.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

from .graph import Cells, Node, Picked
from .ops import Array


class Symbol(NamedTuple):
    base: str  # a letter, the name of a Greek letter, or a word
    sub: str = ""
    sup: str = ""


@dataclass(frozen=True)
class Notation:
    """How one course writes: a symbol for each quantity. Data only."""

    name: str
    symbols: Mapping[str, Symbol]


NOTATIONS = {
    "numbered": Notation(
        "numbered",
        {
            "weight": Symbol("W", "{pair}"),
            "bias": Symbol("b", "{row}"),
            "threshold": Symbol("theta", "{row}"),
            "pre_activation": Symbol("e", "{row}"),
            "activation": Symbol("Y", "{row}"),
            "delta": Symbol("delta", "{row}"),
            "loss": Symbol("E"),
            "loss_term": Symbol("E", "{row}"),
            "learning_rate": Symbol("eta"),
            "slope": Symbol("f", "", "prime"),
        },
    )
}

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
}


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
    head, bracket, tail = name.partition("[")
    return f"{head}'{bracket}{tail}"


def quantity_of(node: Node) -> str:
    return node.cells.quantity if isinstance(node.cells, Cells) else "parameter"


def cell_names(cells: Cells | Picked, entries: Array, quantity: str = "") -> list[str]:
    if isinstance(cells, Picked):
        return [cell_names(where, flat)[0] for where, flat in picked(cells, entries)]
    return spelled(cells, entries, CANONICAL[quantity or cells.quantity], str, str)


def picked(cells: Picked, entries: Array) -> list[tuple[Cells, Array]]:
    """Where each entry has its name from, one by one."""
    import numpy as np

    return [(cells.cells[k][0], np.array([cells.cells[k][1]])) for k in entries.tolist()]


def spelled(
    cells: Cells, entries: Array, pattern: str, label: Callable[[str], str], own: Callable[[str], str]
) -> list[str]:
    """The pattern with the labels of each entry put in; an entry that has a name of its own has that."""
    rows, around = pieces(cells, pattern, label)
    n = len(around)
    texts = [around[k % n][0] + rows[k // n] + around[k % n][1] for k in entries.tolist()]
    if cells.own:
        return [own(cells.own[k]) if k in cells.own else text for k, text in zip(entries.tolist(), texts, strict=True)]
    return texts


@cache
def pieces(cells: Cells, pattern: str, label: Callable[[str], str]) -> tuple[list[str], list[tuple[str, str]]]:
    """The label of each row, and for each column what stands before and after it."""
    if "{row}" not in pattern:
        return [""] * len(cells.rows), [(pattern.replace("{column}", label(c)), "") for c in cells.columns]
    halves = [pattern.replace("{column}", label(c)).partition("{row}") for c in cells.columns]
    return [label(r) for r in cells.rows], [(before, after) for before, _, after in halves]


# ---- symbols in TeX

GREEK = frozenset(
    [
        "alpha",
        "beta",
        "gamma",
        "delta",
        "epsilon",
        "zeta",
        "eta",
        "theta",
        "iota",
        "kappa",
        "lambda",
        "mu",
        "nu",
        "xi",
        "pi",
        "rho",
        "sigma",
        "tau",
        "upsilon",
        "phi",
        "chi",
        "psi",
        "omega",
        "Gamma",
        "Delta",
        "Theta",
        "Lambda",
        "Xi",
        "Pi",
        "Sigma",
        "Upsilon",
        "Phi",
        "Psi",
        "Omega",
    ]
)
NAME = re.compile(r"(?P<base>[^\W\d_]+)_?(?P<rest>\w*)")


class Tex:
    """Symbols of one notation, in TeX."""

    def __init__(self, notation: Notation) -> None:
        self.notation = notation
        self.loss = self.general("loss", "")
        self.learning_rate = self.general("learning_rate", "")
        self._last: tuple[Cells | Picked, Array, list[str]] | None = None

    def symbols(self, quantity: Quantity, entries: Array) -> list[str]:
        """The symbol of each entry (flat indices)."""
        what, node = quantity
        if what == "adjoint" and quantity_of(node) == "pre_activation":
            return self.cell_symbols(node.cells, entries, "delta")
        own = self.own_symbols(node.cells, entries)
        if what == "value":
            return own
        if what == "updated":
            return [tex_primed(s) for s in own]
        if what == "step":
            return [rf"\Delta {s}" for s in own]
        if what == "slope":
            return [
                tex_partial(a, b) for a, b in zip(own, self.cell_symbols(node.parents[0].cells, entries), strict=True)
            ]
        return [tex_partial(self.loss, s) for s in own]

    def own_symbols(self, cells: Cells | Picked, entries: Array) -> list[str]:
        """As `cell_symbols`; remembers the last answer, since a line asks for the same entries several times."""
        if self._last is None or self._last[0] is not cells or self._last[1] is not entries:
            self._last = cells, entries, self.cell_symbols(cells, entries)
        return self._last[2]

    def cell_symbols(self, cells: Cells | Picked, entries: Array, quantity: str = "") -> list[str]:
        if isinstance(cells, Picked):
            return [self.cell_symbols(where, flat)[0] for where, flat in picked(cells, entries)]
        quantity = quantity or cells.quantity
        if quantity in ("input", "target"):
            return [tex_name(cells.rows[k]) for k in entries.tolist()]
        return spelled(cells, entries, self.pattern(quantity, cells), tex_label, tex_name)

    def pattern(self, quantity: str, cells: Cells) -> str:
        symbol = self.notation.symbols[quantity]
        sub = symbol.sub.replace("{pair}", tex_pair(cells))
        return tex_base(symbol.base) + (f"_{{{sub}}}" if sub else "") + (f"^{{{symbol.sup}}}" if symbol.sup else "")

    def general(self, quantity: str, row: str, column: str = "") -> str:
        """The symbol of no entry in particular: W_{ij}."""
        symbol = self.notation.symbols[quantity]
        sub = symbol.sub.replace("{pair}", column + row).replace("{row}", row)
        return tex_base(symbol.base) + (f"_{{{sub}}}" if sub else "")


def tex_partial(above: str, below: str) -> str:
    return rf"\frac{{\partial {above}}}{{\partial {below}}}"


def tex_primed(symbol: str) -> str:
    """W'_{36} from W_{36}."""
    head, line, tail = symbol.partition("_")
    return f"{head}'{line}{tail}"


def tex_pair(cells: Cells) -> str:
    """How the two labels of a weight stand together, the sender first."""
    if cells.from_inputs:
        return "({column}){row}"
    short = all(len(label) == 1 for label in (*cells.rows, *cells.columns))
    return "{column}{row}" if short else "{column},{row}"


def tex_base(base: str) -> str:
    """A letter in italics, a Greek letter, or a word upright."""
    if base in GREEK:
        return f"\\{base}"
    return base if len(base) == 1 else rf"\mathrm{{{base}}}"


def tex_label(label: str) -> str:
    r"""A label as a subscript: digits and letters; a _ is escaped."""
    return label.replace("_", r"\_")


def tex_name(name: str) -> str:
    """A name that somebody gave: X1 is X with the subscript 1."""
    found = NAME.fullmatch(name)
    if not found:
        return rf"\mathrm{{{tex_label(name)}}}"
    base, rest = found["base"], found["rest"]
    return tex_base(base) + (f"_{{{tex_label(rest)}}}" if rest else "")
