"""The update, whether it helped, and everything in one table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from itertools import islice

import numpy as np

from ..digits import Precision, number_in, numbers_in
from ..notation import Quantity, cell_names
from ..render import Speaker
from ..steps import Lines
from .matrices import update_in_matrices
from .page import MANY, Page, numbers, said_of
from .passes import loss_lines


def update(page: Page) -> Iterator[str]:
    yield page.say.text("update_opening", plain=len(page.steps.rule) == 1)
    if page.scalars:
        yield from update_steps(page)
    yield from update_in_matrices(page)


def update_steps(page: Page) -> Iterator[str]:
    if page.gradients_in_tables:
        yield page.say.text("update_table")
    for parameters in page.steps.parameters:
        for leaf, entries in parameters:
            rule = len(page.steps.rule)
            made = page.steps.updates(leaf, entries)
            while chunk := [*islice(made, rule)]:
                *states, lines = chunk
                yield update_rows(page, lines) if page.gradients_in_tables else update_blocks(page, states, lines)
    if page.gradients_in_tables:
        yield page.say.text("table_end")


def update_rows(page: Page, lines: Lines) -> str:
    old = page.steps.symbols(Quantity("value", lines.quantity.node), lines.entries)
    return page.say.block(
        "update_row", len(lines), n=numbers(lines), w=old, numbers=lines.numbers, printed=lines.printed
    )


def update_blocks(page: Page, states: Sequence[Lines], lines: Lines) -> str:
    """The new states of the optimizer, then the parameter."""
    optimizer = page.work.network.problem.optimizer
    assert optimizer is not None
    old = page.steps.symbols(Quantity("value", lines.quantity.node), lines.entries)
    parts = [
        page.say.rows(
            "update_state",
            len(state),
            what=page.say.word("state_what", optimizer=optimizer.name, state=state.quantity.what),
            left=state.symbols,
            **said_of(page, state),
        )
        for state in states
    ]
    last = page.say.rows(
        "update",
        len(lines),
        w=lines.symbols,
        sign=signs(page, lines, old),
        **said_of(page, lines),
    )
    return "".join("".join(row) for row in zip(*parts, last, strict=True))


def signs(page: Page, lines: Lines, symbols: Sequence[str]) -> list[str]:
    """Which way each weight goes, and why: by its gradient, or with a state by what the update takes off."""
    leaf = lines.quantity.node
    signs = -np.sign(page.work.of("updated", leaf) - page.work.of("value", leaf)).ravel()[lines.entries]
    plain = len(page.steps.rule) == 1
    found = [""] * len(symbols)
    for sign, name in ((-1, "negative"), (0, "zero"), (1, "positive")):
        rows = np.flatnonzero(signs == sign).tolist()
        chosen = [symbols[k] for k in rows]
        for row, text in zip(rows, page.say.rows(f"sign_{name}", len(rows), w=chosen, plain=plain), strict=True):
            found[row] = text
    return found


def helped(page: Page) -> Iterator[str]:
    say = page.say
    net = page.work.network
    assert net.loss is not None
    (outputs,) = page.steps.loss_lines("updated", net.outputs, page.every(net.outputs))
    nodes = (*net.loss.of_samples, *net.loss.of_all)
    losses = (lines for node in nodes for lines in page.steps.loss_lines("updated", node, page.every(node)))
    equations = say.rows("output_after", len(outputs), n=numbers(outputs), left=outputs.symbols, right=outputs.printed)
    yield say.text("helped_opening", outputs=say.word("separator").join(equations))
    yield from loss_lines(page, losses)
    yield verdict(page)


def verdict(page: Page, short: bool = False) -> str:
    """Whether the loss is smaller after the update; unless it is to be short, beside what the gradients foretold."""
    before, after = page.work.loss_before, page.work.loss_after
    assert before is not None
    assert after is not None
    texts = page.work.precision.texts(np.array([before, after]))
    shown, (old, new) = numbers_in(page.m, texts), (Decimal(text) for text in texts)
    found = "better" if after < before else "worse" if after > before else "same"
    foretold = Precision(2).texts(np.array([abs(predicted(page))]))
    return page.say.text(
        f"verdict_{found}",
        before=f"{page.symbol.loss} = {shown[0]}",
        after=f"{page.symbol.general('loss', updated=True)} = {shown[1]}",
        change=numbers_in(page.m, [decimal_text(abs(old - new))])[0] if old != new else "",
        predicted=numbers_in(page.m, foretold)[0] if predicted(page) < 0 and not short else "",
    )


def decimal_text(number: Decimal) -> str:
    """As numbers are printed: with a power of ten where it is below 0.0001."""
    return f"{number.normalize():{'f' if number >= Decimal('0.0001') else 'e'}}"


def predicted(page: Page) -> float:
    """The change of the loss that the gradients foretell: each times the change of its weight, added up."""
    work = page.work
    return sum(
        float((work.of("adjoint", leaf) * work.of("step", leaf))[trained].sum())
        for leaf, trained in work.network.trained.items()
    )


def summary(page: Page) -> Iterator[str]:
    yield check_sentence(page)
    yield page.figure("values")
    if page.written > MANY:
        yield page.say.text("summary_many" if page.scalars else "matrix_summary_many", count=page.count)
        return
    yield from weight_table(page, links=True)


def weight_table(page: Page, links: bool) -> Iterator[str]:
    """A row for each weight that is written; with `links` to the steps that found its gradient and its new value."""
    check = page.work.check
    assert check is not None
    yield page.say.text("summary_table", links=links, updated=page.updated)
    for parameters in page.steps.parameters:
        for leaf, entries in parameters:
            value, gradient, new = (Quantity(what, leaf) for what in ("value", "adjoint", "updated"))
            after = new if page.updated else gradient
            yield page.say.block(
                "summary_row",
                len(entries),
                name=[page.say.escape(name) for name in cell_names(leaf.cells, entries)],
                w=page.steps.symbols(value, entries),
                old=page.printed(value, entries),
                gradient=page.printed(gradient, entries),
                check=numbers_in(page.m, page.work.precision.texts(check.numerical[leaf].ravel()[entries])),
                new=page.printed(after, entries),
                n=page.numbers_of(gradient, entries),
                m=page.numbers_of(after, entries),
                links=links,
                updated=page.updated,
            )
    yield page.say.text("table_end")


def check_sentence(page: Page, short: bool = False) -> str:
    """How the gradients were checked, and how well they agree."""
    check = page.work.check
    assert check is not None
    worst = number_in(page.m, f"{check.worst_relative_error:.1e}") if check.worst_relative_error else "0"
    return page.say.text(
        "check_short" if short else "summary_opening",
        smooth=check.method == "complex step",
        worst=worst,
        rounded=page.steps.carried,
    )


def progress(pages: Sequence[Page]) -> Iterator[str]:
    """The loss before the first update and after each."""
    first = pages[0]
    losses = [first.work.loss_before, *(page.work.loss_after for page in pages)]
    shown = numbers_in(first.m, first.work.precision.texts(np.array(losses, float)))
    rows = [[str(k), first.say.text("mathematics", tex=text)] for k, text in enumerate(shown)]
    yield first.say.text("progress", rows=rows, loss=first.symbol.loss)


ROWS = 20  # of the table of a training


def curve_table(page: Page, curve: Sequence[tuple[int, float]]) -> Iterator[str]:
    """The loss over the epochs: as a curve where the format can draw, and some of its points in a table."""
    chosen = [curve[k] for k in sorted({round(k) for k in np.linspace(0, len(curve) - 1, min(ROWS, len(curve)))})]
    shown = numbers_in(page.m, page.work.precision.texts(np.array([loss for _, loss in chosen])))
    rows = [
        [str(epoch), page.say.text("mathematics", tex=text)] for (epoch, _), text in zip(chosen, shown, strict=True)
    ]
    yield page.say.text(
        "curve", points=polyline(curve), last=str(curve[-1][0]), highest=f"{max(y for _, y in curve):.3g}"
    )
    yield page.say.text("progress", rows=rows, loss=page.symbol.loss)


def polyline(curve: Sequence[tuple[int, float]]) -> str:
    """The points of the curve in a box of 600 by 240, for SVG."""
    last, highest = max(curve[-1][0], 1), max(max(y for _, y in curve), 1e-300)
    return " ".join(f"{600 * x / last:.1f},{240 - 230 * y / highest:.1f}" for x, y in curve)


def remarks(say: Speaker, texts: Sequence[str]) -> Iterator[str]:
    """What the author of the spec adds, in words of their own."""
    if texts:
        yield say.text("section", id="remarks", title=say.text("section_title", id="remarks"))
        yield say.text("remarks", items=[say.escape(text) for text in texts])
