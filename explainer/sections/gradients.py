"""The gradient of every weight and bias: a step each, the first of a layer with its whole chain; or a table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy as sp

from ..digits import Precision, numbers_in
from ..formulas import Terms, renamed, slot, uses
from ..graph import Node
from ..notation import Quantity
from ..ops import Array
from ..steps import Lines, slots
from ..typeset import in_symbols, one_each
from .opening import general_equations
from .page import Page, numbers, right_sides

Parameters = Sequence[tuple[Node, Array]]


def gradient_steps(page: Page, parameters: Parameters, chained: bool = True) -> Iterator[str]:
    """A step for each: the first with its whole chain, or each one that was asked for by name."""
    unfolded = 1 if chained else 0
    for lines in page.steps.gradients(parameters):
        fields = step_fields(page, lines)
        count = len(lines) if chained and page.only else min(unfolded, len(lines))
        for row in range(count):
            own = row_of(fields, row) | {"drawing": page.figure(f"step {fields['n'][row]}")}
            yield chain(page, lines, row, own)
        yield page.say.block("gradient", len(lines) - count, **rows_from(fields, count))
        unfolded = 0


def step_fields(page: Page, lines: Lines) -> dict[str, Any]:
    """What every gradient step says."""
    return gradient_fields(page, lines) | {
        "path": paths(page, lines),
        "lines": right_sides(lines),
        "from_steps": page.origins(lines),
    }


def row_of(fields: dict[str, Any], row: int) -> dict[str, Any]:
    """The fields of one row."""
    return {
        name: value
        if isinstance(value, str)
        else [v[row] for v in value if v[row]]
        if isinstance(value, tuple)
        else value[row]
        for name, value in fields.items()
    }


def rows_from(fields: dict[str, Any], row: int) -> dict[str, Any]:
    """The fields of a row and those after it."""
    return {
        name: value
        if isinstance(value, str)
        else tuple(v[row:] for v in value)
        if isinstance(value, tuple)
        else value[row:]
        for name, value in fields.items()
    }


def gradient_fields(page: Page, lines: Lines) -> dict[str, Any]:
    check = page.work.check
    assert check is not None
    shown = page.work.precision.texts(check.numerical[lines.quantity.node].ravel()[lines.entries])
    return {
        "n": numbers(lines),
        "w": page.steps.symbols(Quantity("value", lines.quantity.node), lines.entries),
        "loss": page.symbol.loss,
        "g": lines.symbols,
        "check": numbers_in(page.m, shown),
        "check_name": page.say.word("check_name", smooth=check.method == "complex step"),
    }


def gradient_table(page: Page, parameters: Parameters) -> Iterator[str]:
    """The first weight with its whole chain, the others in a table."""
    leaf, entries = parameters[0]
    for lines in page.steps.gradients([(leaf, entries[:1])]):
        yield chain(page, lines, 0, row_of(step_fields(page, lines), 0))
    rest = [(leaf, entries[1:]), *parameters[1:]]
    equation = general_equations(page.work, page.symbol)["5"]
    yield page.say.text(
        "gradient_note", equations=page.both(*filter(None, (equation["tex"], equation["bias"]))), rest=True
    )
    yield page.say.text("gradient_table", g=page.m.partial(page.symbol.loss, page.symbol.general("weight", "j", "i")))
    for lines in page.steps.gradients(rest):
        fields = gradient_fields(page, lines)
        yield page.say.block(
            "gradient_row",
            len(lines),
            n=fields["n"],
            w=fields["w"],
            formula=lines.formulas,
            numbers=lines.numbers,
            printed=lines.printed,
            check=fields["check"],
        )
    yield page.say.text("table_end")


# ---- the whole chain


@dataclass(frozen=True, eq=False)
class Link:
    """One use of a weight, as three factors: dE/dY, dY/dz, dz/dw."""

    z: Node
    y: Node
    entry: Array  # of the neuron, in z and y
    partial: Any  # the pattern of dz/dw
    slots: list[tuple[Quantity, Array]]  # what it has in its slots

    @property
    def terms(self) -> Terms:
        """The product of the three."""
        moved = renamed(self.partial, {k: k + 2 for k in range(len(self.slots))})
        factors = [slot(0), slot(1)] + ([] if self.partial == 1 else [moved])
        quantities = Quantity("adjoint", self.y), Quantity("slope", self.y), *(q for q, _ in self.slots)
        entries = self.entry, self.entry, *(e for _, e in self.slots)
        return Terms(sp.Mul(*factors, evaluate=False), quantities, entries, np.array([0]))


def links(page: Page, lines: Lines, row: int) -> list[Link]:
    """Every use of the weight of one row."""
    found = []
    for group in lines.terms:
        z = group.quantities[0].node
        if group.quantities[0].what != "adjoint":  # the penalty
            continue
        y = next(layer.activation for layer in page.work.network.layers if layer.pre_activation is z)
        for place in np.flatnonzero(group.owner == row).tolist():
            one = slice(place, place + 1)
            rest = [(quantity, entries[one]) for quantity, entries in slots(group)[1:]]
            found.append(Link(z, y, group.entries[0][one], without_adjoint(group.pattern), rest))
    return found


def without_adjoint(pattern: Any) -> Any:
    """The partial of a chain-rule term: its pattern without the adjoint in slot 0."""
    if pattern == slot(0):
        return sp.Integer(1)
    rest = [part for part in pattern.args if part != slot(0)]
    partial = rest[0] if len(rest) == 1 else sp.Mul(*rest, evaluate=False)
    return renamed(partial, {k + 1: k for k in range(len(pattern.free_symbols) - 1)})


def chain(page: Page, lines: Lines, row: int, fields: dict[str, Any]) -> str:
    """A gradient with the whole chain written out, once for each use of the weight."""
    used = links(page, lines, row)
    if (
        page.work.network.samples > 1
        or any(not chained(page, link) for link in used)
        or len(used) < uses_of(lines, row)
    ):
        return page.say.block(
            "gradient", 1, **{k: [v] if k != "lines" else tuple([x] for x in v) for k, v in fields.items()}
        )
    products = [page.m.dot.join(page.steps.symbols(q, e)[0] for q, e in ratios(link)) for link in used]
    whole = [
        product + page.m.dot + partial_symbol(page, link, fields["w"])
        for product, link in zip(products, used, strict=True)
    ]
    whole_numbers: Sequence[str] = []
    if not page.steps.carried:  # carried by hand, the product of three need not round as delta times activation does
        made = page.steps.lines("gradient", lines.quantity, lines.entries[row : row + 1], [link.terms for link in used])
        whole_numbers = [made.numbers[0], made.printed[0]]
    return page.say.text(
        "chain",
        whole=f"{page.m.line_break}+ ".join(" + ".join(whole[k : k + 2]) for k in range(0, len(whole), 2)),
        factors=[text for link in used for text in factors(page, link, fields["w"])],
        whole_numbers=whole_numbers,
        several=len(used) > 1,
        asked=page.only,
        **rate(page, lines, row),
        **fields,
    )


NUDGE = 0.01  # by which a weight is thought to grow


def rate(page: Page, lines: Lines, row: int) -> dict[str, str]:
    """What a gradient means: by how much the loss changes, nearly, when the weight grows a little."""
    gradient = float(page.work.numbers[lines.quantity].ravel()[lines.entries[row]])
    sign = "negative" if gradient < 0 else "positive" if gradient > 0 else "zero"
    change = Precision(2).texts(np.array([abs(gradient) * NUDGE]))
    return {"sign": sign, "nudge": f"{NUDGE:g}", "change": numbers_in(page.m, change)[0]}


def uses_of(lines: Lines, row: int) -> int:
    """How many terms a row has."""
    return sum(int((group.owner == row).sum()) for group in lines.terms)


def chained(page: Page, link: Link) -> bool:
    """Whether the three factors are numbers of their own: not where delta is found from the scores, or by softmax."""
    layer = next(layer for layer in page.work.network.layers if layer.pre_activation is link.z)
    known = all(Quantity(what, link.y) in page.work.numbers for what in ("adjoint", "slope"))
    return known and not page.steps.from_scores(layer)


def ratios(link: Link) -> list[tuple[Quantity, Array]]:
    return [(Quantity(what, link.y), link.entry) for what in ("adjoint", "slope")]


def partial_symbol(page: Page, link: Link, w: str) -> str:
    return page.m.partial(page.steps.symbols(Quantity("value", link.z), link.entry)[0], w)


def factors(page: Page, link: Link, w: str) -> Iterator[str]:
    """Each of the three factors, derived and worked."""
    steps, say = page.steps, page.say
    y, z = (steps.symbols(Quantity("value", node), link.entry)[0] for node in (link.y, link.z))
    adjoint = steps.lines("adjoint", Quantity("adjoint", link.y), link.entry, uses(steps.reads, link.y, link.entry))
    slope = steps.lines("slope", Quantity("slope", link.y), link.entry, steps.slope_terms(link.y, link.entry))
    left, right = one_row(page, adjoint)
    yield say.text("chain_adjoint", left=left, lines=right, n=numbers(adjoint)[0], y=y)
    left, right = one_row(page, slope)
    function = say.word("function_name", name=link.y.op)
    yield say.text("chain_slope", left=left, lines=right, n=numbers(slope)[0], function=function)
    formula = in_symbols(page.m, link.partial, [steps.symbols(q, e) for q, e in link.slots], 1)[0]
    shown = [numbers_in(page.m, steps.plain(q, e)[0])[0] for q, e in link.slots]
    yield say.text("chain_partial", left=partial_symbol(page, link, w), lines=[formula, *shown], z=z, w=w)


def one_row(page: Page, lines: Lines) -> tuple[str, list[str]]:
    """The left side and the right sides of the only row; of one that a table found, where it is long, the result."""
    rights = [side[0] for side in right_sides(lines) if side[0]]
    long = page.in_tables and any(page.m.line_break in text for text in rights)
    return lines.symbols[0], rights[-1:] if long else rights


# ---- paths


def paths(page: Page, lines: Lines) -> list[str]:
    r"""W_13 \to e_3 \to Y_3 \to ... \to E for each row; one path for each use."""
    starts = page.steps.symbols(Quantity("value", lines.quantity.node), lines.entries)
    samples = page.work.network.samples
    ways = [
        (page.onward[group.quantities[0].node], group) for group in lines.terms if group.quantities[0].what == "adjoint"
    ]
    if len(ways) == 1 and one_each(ways[0][1].owner, len(lines)):
        ((onward, group),) = ways
        neurons = group.entries[0] // samples
        return [start + page.m.to + onward[k] for start, k in zip(starts, neurons.tolist(), strict=True)]
    found: list[dict[str, None]] = [{} for _ in range(len(lines))]
    for onward, group in ways:
        for row, neuron in zip(group.owner.tolist(), (group.entries[0] // samples).tolist(), strict=True):
            found[row][starts[row] + page.m.to + onward[neuron]] = None
    return [f",{page.m.beside.lstrip()}".join(paths) for paths in found]
