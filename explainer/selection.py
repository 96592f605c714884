"""What a part of a derivation rests on: the steps that some results are found from, and those that these are found from.

row     steps that are written together: a neuron's pre-activation and its activation; its adjoint, slope and delta
kept    for each quantity, which of its entries are written
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np

from .formulas import Terms
from .notation import Quantity
from .ops import Array

Entries = Sequence[
    tuple[Quantity, Array]
]  # of one block the quantities have equally many entries: a row is one of each


def rested_on(
    results: Entries, blocks: Iterable[Entries], terms: Callable[[Quantity, Array], Sequence[Terms]]
) -> dict[Quantity, Array]:
    """Which entries of each quantity the results rest on, themselves among them.

    `blocks` are all steps in order, each after those it uses; `terms` says what entries of a quantity are made of.
    """
    kept: dict[Quantity, Array] = {}
    for quantity, entries in results:
        keep(kept, quantity, entries)
    for block in reversed([*blocks]):
        done = np.zeros(len(block[0][1]), bool)
        while (rows := wanted_rows(kept, block) & ~done).any():  # a row may rest on another: softmax reads all scores
            done |= rows
            for quantity, entries in block:
                keep(kept, quantity, entries[rows])
                for group in terms(quantity, entries[rows]):
                    for read, places in zip(group.quantities, group.entries, strict=True):
                        keep(kept, read, places)
    return kept


def wanted_rows(kept: dict[Quantity, Array], block: Entries) -> Array:
    """The rows of a block of which any entry is kept."""
    found = np.zeros(len(block[0][1]), bool)
    for quantity, entries in block:
        if quantity in kept:
            found |= kept[quantity][entries]
    return found


def keep(kept: dict[Quantity, Array], quantity: Quantity, entries: Array) -> None:
    kept.setdefault(quantity, np.zeros(quantity.node.size, bool))[entries] = True
