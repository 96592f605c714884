"""Rows of a table as statements: a name and its value in a row, names above their values, or a neuron in each row.

heading  the row above: what each column holds
owner    the first cell of a row where every other column holds a quantity of it: h1 under net and out
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from ..plain import plain
from .claims import DECIMAL_COMMA
from .numerals import numeral

# What a column holds, by the words of its heading; {} is the owner of the row.
COLUMNS: dict[str, tuple[str, ...]] = {
    "net_{}": (
        *("net", "z", "s", "i", "in", "input", "net input", "weighted sum", "sum", "pre-activation", "净输入", "输入"),
        *("加权和", "加权输入"),
    ),
    "out_{}": ("out", "o", "y", "a", "h", "output", "activation", "输出", "激活值"),
    "delta_{}": ("delta", "d", "err", "error term", "误差项"),
    "dE/d{}": ("de/dw", "gradient", "grad", "dl/dw", "dj/dw", "梯度", "偏导数"),
    "Delta {}": ("deltaw", "delta w", "step", "change", "更新量", "变化量"),
    "{}'": (
        "new",
        "new value",
        "new weight",
        "updated",
        "updated value",
        "w'",
        "w+",
        "w new",
        "新值",
        "新权重",
        "更新后",
    ),
    "{}": ("old", "old value", "old weight", "initial", "初值", "旧值", "原值", "更新前"),
}
HEADINGS = {word: pattern for pattern, words in COLUMNS.items() for word in words}
OWNERS = {
    "neuron",
    "unit",
    "node",
    "weight",
    "parameter",
    "layer",
    "unit, j",
    "unit j",
    "神经元",
    "单元",
    "节点",
    "权重",
    "参数",
}

Places = list[tuple[str, int]]  # of a row: the names of quantities, and the columns of their values


def column_of(heading: str) -> str | None:
    """What a column holds: net_{} for "Net input, I_j"."""
    pieces = re.split(r"[,(/)]\s*", plain(heading).lower())
    said = [re.sub(r"_\{?[ijk]\}?$", "", piece.strip()) for piece in (plain(heading).lower(), *pieces)]
    return next((HEADINGS[each] for each in said if each in HEADINGS), None)


def is_number(cell: str) -> bool:
    return numeral(plain(DECIMAL_COMMA.sub(".", cell))) is not None


def is_heading(cells: Sequence[str]) -> bool:
    """Whether a row can be the heading of others: several words, and no number."""
    return sum(map(bool, cells)) > 1 and not any(is_number(cell) or "=" in cell for cell in cells)


def is_owned(heading: Sequence[str]) -> bool:
    """Whether each row under the heading is of one neuron or weight, with a quantity of it in each column."""
    columns = sum(column_of(cell) is not None for cell in heading[1:])
    return columns > 1 or (columns == 1 and plain(heading[0]).lower().strip() in OWNERS)


def pairs(cells: Sequence[str]) -> Places | None:
    """The names and values of a row in which they take turns."""
    there = [column for column, cell in enumerate(cells) if cell]
    names, values = there[::2], there[1::2]
    if len(names) < 2 or len(names) != len(values) or not all(is_number(cells[column]) for column in values):
        return None
    if not all(re.match(r"[^\W\d]", plain(cells[column])) for column in names):
        return None
    return [(cells[name], value) for name, value in zip(names, values, strict=True)]


def places_of(rows: Sequence[Sequence[str]]) -> list[Places | None]:
    """Of each row what stands where, by its heading; None where the row speaks for itself: a name, then its value."""
    found: list[Places | None] = []
    heading: Sequence[str] = ()
    place = -1  # of the heading
    for cells in rows:
        found.append(pairs(cells))
        if found[-1]:
            continue
        if is_heading(cells):
            heading, place = cells, len(found) - 1
            continue
        if not heading or not any(cells):
            continue
        if is_owned(heading):
            patterns = [column_of(cell) for cell in heading]
            owner = plain(cells[0])
            found[-1] = [
                (pattern.format(owner), column)
                for column, pattern in enumerate(patterns[: len(cells)])
                if column and pattern and cells[column]
            ]
        elif all(is_number(cell) for cell in cells if cell) and sum(map(bool, cells)) > 1:
            found[-1] = [
                (name, column) for column, (name, cell) in enumerate(zip(heading, cells, strict=False)) if name and cell
            ]
        else:
            continue
        found[place] = []
    return found
