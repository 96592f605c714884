"""Rows of a table as statements: a name and its value in a row, names above their values, or a neuron in each row.

Of several samples a table has a row or a column for each.

heading  the row above: what each column holds
owner    the first cell of a row where every other column holds a quantity of it: h1 under net and out
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from ..names import without_sample
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

SAMPLES = {"sample", "example", "pattern", "case", "#", "no", "no.", "n", "样本", "样例", "样本编号", "序号", "编号"}
TOTALS = {"total", "sum", "mean", "average", "all", "总和", "合计", "总计", "平均"}


class Place(NamedTuple):
    """Where a value stands in a row: the name of its quantity, its column, and its sample if the table says one."""

    name: str
    column: int
    sample: str = ""


Places = list[Place]


def column_of(heading: str) -> str | None:
    """What a column holds: net_{} for "Net input, I_j"."""
    pieces = re.split(r"[,(/)]\s*", plain(heading).lower())
    said = [re.sub(r"_\{?[ijk]\}?$", "", piece.strip()) for piece in (plain(heading).lower(), *pieces)]
    return next((HEADINGS[each] for each in said if each in HEADINGS), None)


def is_number(cell: str) -> bool:
    return numeral(plain(DECIMAL_COMMA.sub(".", cell))) is not None


def is_list(cell: str) -> bool:
    """Whether several numbers stand in one cell: (0, 1)."""
    return re.fullmatch(r"[\[(][-\d., ]+,[-\d., ]+[\])]", plain(cell)) is not None


def is_heading(cells: Sequence[str]) -> bool:
    """Whether a row can be the heading of others: several words, and no number."""
    return sum(map(bool, cells)) > 1 and not any(is_number(cell) or "=" in cell for cell in cells)


def is_owned(heading: Sequence[str]) -> bool:
    """Whether each row under the heading is of one neuron or weight, with a quantity of it in each column."""
    if re.search(r"\d", heading[0]):  # x1 begins a row of numbers
        return False
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
    return [Place(cells[name], value) for name, value in zip(names, values, strict=True)]


def sample_in(cell: str, is_bare: bool = False) -> str:
    """The number of the sample that a cell names and nothing else; `is_bare`: the number alone will do."""
    text = plain(cell).strip("*_ ()#")
    bare, sample = without_sample(text)
    return sample if sample and not bare.strip() else text if is_bare and text.isdecimal() else ""


def samples_across(cells: Sequence[str]) -> dict[int, str]:
    """The sample of each column, where a row names them: | | sample 1 | sample 2 | total |."""
    is_bare = bool(cells) and plain(cells[0]).lower().strip("*_ ") in SAMPLES
    found = {
        column: "" if plain(cell).lower() in TOTALS else sample_in(cell, is_bare)
        for column, cell in enumerate(cells)
        if column and cell
    }
    said = all(sample or plain(cells[column]).lower() in TOTALS for column, sample in found.items())
    return found if said and any(found.values()) and not is_number(cells[0]) else {}


def sample_column(heading: Sequence[str]) -> int | None:
    return next((k for k, cell in enumerate(heading) if plain(cell).lower().strip("*_ ") in SAMPLES), None)


def of_sample(heading: Sequence[str], cells: Sequence[str]) -> Places | None:
    """What stands where in a row of one sample, or of their total; None where the row is of neither."""
    column = sample_column(heading)
    first = column or 0
    if first >= len(cells):
        return None
    sample = sample_in(cells[first], is_bare=column is not None)
    label = plain(cells[first]).lower().strip("*_ ")
    is_total = label in TOTALS if column is None else label in TOTALS | {""}
    if not sample and (not is_total or is_owned(heading)):
        return None
    there = [(k, name) for k, name in enumerate(heading[: len(cells)]) if k != first and name]
    return [Place(name, k, sample) for k, name in there if re.search(r"\w", cells[k])]


def places_of(rows: Sequence[Sequence[str]]) -> list[Places | None]:
    """Of each row what stands where, by its heading; None where the row speaks for itself: a name, then its value."""
    found: list[Places | None] = []
    heading: Sequence[str] = ()
    across: dict[int, str] = {}
    place = -1  # of the heading
    below: list[int] = []  # the rows of numbers under one heading
    for cells in rows:
        found.append(pairs(cells))
        if found[-1]:
            continue
        if samples_across(cells):
            heading, across, found[-1] = (), samples_across(cells), []
            continue
        if is_heading(cells):
            number_rows(found, below)
            heading, across, place, below = cells, {}, len(found) - 1, []
            continue
        if across and cells and cells[0]:
            there = [(k, sample) for k, sample in across.items() if k < len(cells)]
            found[-1] = [Place(cells[0], k, sample) for k, sample in there if re.search(r"\w", cells[k])]
            continue
        if not heading or not any(cells):
            continue
        row = of_sample(heading, cells)
        if row is not None:
            found[-1] = row
        elif is_owned(heading):
            patterns = [column_of(cell) for cell in heading]
            owner = plain(cells[0])
            found[-1] = [
                Place(pattern.format(owner), column)
                for column, pattern in enumerate(patterns[: len(cells)])
                if column and pattern and cells[column]
            ]
        elif all(is_number(cell) or is_list(cell) for cell in cells if cell) and (below or sum(map(bool, cells)) > 1):
            below += [len(found) - 1] if cells[0] else []  # without its first number it is of their total
            found[-1] = [
                Place(name, column)
                for column, (name, cell) in enumerate(zip(heading, cells, strict=False))
                if name and cell
            ]
        else:
            continue
        found[place] = []
    number_rows(found, below)
    return found


def number_rows(found: list[Places | None], below: Sequence[int]) -> None:
    """Rows of numbers under one heading, where there are several, are of one sample after the other."""
    for sample, row in enumerate(below if len(below) > 1 else (), 1):
        found[row] = [place._replace(sample=str(sample)) for place in found[row] or ()]
