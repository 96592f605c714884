"""The forward pass, the loss and the backward pass."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np

from ..networks import Built
from ..notation import Quantity
from ..ops import Array
from ..steps import Lines, longest_row
from .gradients import gradient_steps, gradient_table
from .matrices import backward_in_matrices, forward_in_matrices
from .opening import general_equations
from .page import Page, numbers, right_sides, said_of

FEW_TERMS = 12  # of a sum that is written out for the one neuron that stands for the others of its table


def forward(page: Page) -> Iterator[str]:
    net = page.work.network
    yield page.say.text(
        "forward_opening",
        z=page.symbol.general("pre_activation", "j"),
        y=page.symbol.general("activation", "j"),
        scalars=page.scalars,
    )
    if not page.scalars:
        yield from layers_in_matrices(page)
    for s in range(net.samples):
        if net.samples > 1 and page.scalars:
            yield page.say.text("sample", number=s + 1)
        for number, layer in enumerate(net.layers, 1) if page.scalars else ():
            if not len(page.written_of_sample(Quantity("value", layer.activation), s)):
                continue
            yield page.say.text("layer", number=page.symbol.layer(number), output=False)
            yield from (forward_table if page.in_tables else forward_steps)(page, layer, s)
            if net.samples == 1:
                yield from forward_in_matrices(page, layer)
        if net.loss is not None and net.samples > 1:
            nodes = net.loss.of_samples
            yield from loss_lines(page, page.steps.loss(nodes, partial(page.of_sample, s=s)))
    if net.samples > 1 and page.view == "both":
        yield page.say.text("all_samples")
        yield from layers_in_matrices(page)


def layers_in_matrices(page: Page) -> Iterator[str]:
    for number, layer in enumerate(page.work.network.layers, 1):
        yield page.say.text("layer", number=page.symbol.layer(number), output=False)
        yield from forward_in_matrices(page, layer)


def forward_steps(page: Page, layer: Built, s: int, some: Array | None = None) -> Iterator[str]:
    found = [*page.steps.forward(layer, s, some)]
    activation = found[-1]
    function = page.say.word("function_name", name=layer.activation.op)
    first = 0
    for z in found[:-1]:
        part = slice(first, first + len(z))
        yield page.say.block(
            "forward_neuron",
            len(z),
            label=page.labels(layer.activation, z.entries),
            n=numbers(z),
            z=z.symbols,
            z_lines=right_sides(z),
            z_from=page.origins(z),
            m=numbers(activation)[part],
            y=activation.symbols[part],
            y_lines=tuple(side[part] for side in right_sides(activation)),
            y_from=page.origins(activation)[part] if layer.activation.op == "softmax" else "",
            function=function,
        )
        first += len(z)


def forward_table(page: Page, layer: Built, s: int) -> Iterator[str]:
    z, y = Quantity("value", layer.pre_activation), Quantity("value", layer.activation)
    entries = page.written_of_sample(y, s)
    worked = longest_row(layer.pre_activation) <= FEW_TERMS and layer.activation.op != "softmax"
    if worked:
        yield page.say.text("forward_first", label=page.labels(layer.activation, entries[:1])[0])
        yield from forward_steps(page, layer, s, entries[:1])
        entries = entries[1:]
    if not len(entries):
        return
    equations = general_equations(page.work, page.symbol)
    shown = page.both(equations["1"]["tex"], equations["2"]["tex"])
    yield page.say.text("forward_note", equations=shown, rest=worked)
    yield page.say.text(
        "forward_table", z=page.symbol.general("pre_activation", "j"), y=page.symbol.general("activation", "j")
    )
    yield page.say.block(
        "forward_row",
        len(entries),
        label=page.labels(layer.activation, entries),
        n=page.numbers_of(z, entries),
        m=page.numbers_of(y, entries),
        z_printed=page.printed(z, entries),
        y_printed=page.printed(y, entries),
    )
    yield page.say.text("table_end")


def loss(page: Page) -> Iterator[str]:
    net = page.work.network
    assert net.loss is not None
    assert net.problem.loss is not None
    yield page.say.text("loss_opening", loss=net.problem.loss.name, several=net.outputs.shape[0] > 1)
    if net.samples == 1:
        yield from loss_lines(page, page.steps.loss(net.loss.of_samples, page.every))
    yield from loss_lines(page, page.steps.loss(net.loss.of_all, page.every))


def loss_lines(page: Page, found: Iterable[Lines]) -> Iterator[str]:
    for lines in found:
        kind, after, net = lines.kind.removesuffix("-after"), lines.kind.endswith("-after"), page.work.network
        of_outputs = kind == "loss-term" and lines.quantity.node.size == net.outputs.size
        yield page.say.block(
            "loss_line",
            len(lines),
            what=page.say.word(
                "loss_what", loss_kind=kind, over=over(page, lines), mean=net.problem.reduction == "mean"
            ),
            y=page.steps.symbols(Quantity("updated" if after else "value", net.outputs), lines.entries)
            if of_outputs
            else "",
            named=of_outputs,
            symbol=lines.symbols,
            **said_of(page, lines),
        )


# ---- backward


def backward(page: Page) -> Iterator[str]:
    net = page.work.network
    yield page.say.text("backward_opening")
    if net.loss is not None and net.loss.from_activation is not None:
        yield from scores_derivation(page)
    for s in range(net.samples) if net.samples > 1 and page.scalars else ():
        yield page.say.text("sample", number=s + 1)
        for number, layer in zip(range(len(net.layers), 0, -1), reversed(net.layers), strict=True):
            if not len(page.written_of_sample(Quantity("adjoint", layer.pre_activation), s)):
                continue
            yield page.say.text("layer", number=page.symbol.layer(number), output=layer is net.layers[-1])
            yield from (backward_table if page.in_tables else backward_steps)(page, layer, s)
    if net.samples > 1:
        yield page.say.text("all_samples")
    layers = [*zip(range(len(net.layers), 0, -1), reversed(net.layers), reversed(page.steps.parameters), strict=True)]
    for number, layer, parameters in layers:
        if not len(page.steps.written(delta := Quantity("adjoint", layer.pre_activation), page.every(delta.node))):
            continue
        yield page.say.text("layer", number=page.symbol.layer(number), output=layer is net.layers[-1])
        if page.scalars and net.samples == 1:
            yield from (backward_table if page.in_tables else backward_steps)(page, layer, 0)
        if page.scalars:
            yield from (gradient_table if page.gradients_in_tables else gradient_steps)(page, parameters)
        yield from backward_in_matrices(page, layer, parameters)


def scores_derivation(page: Page) -> Iterator[str]:
    """Why delta is p - t: in symbols, at outputs j and k."""
    symbol, softmax = page.symbol, page.work.network.outputs.op == "softmax"
    names = {
        f"{name}_{k}": symbol.general(quantity, k)
        for name, quantity in (("y", "activation"), ("z", "pre_activation"))
        for k in "jk"
    }
    mean = page.work.network.problem.reduction == "mean" and page.work.network.samples > 1 and not page.per_sample
    yield page.say.text(
        "scores_softmax" if softmax else "scores_sigmoid",
        share=page.work.network.samples if mean else 0,
        delta=symbol.general("delta", "j"),
        loss=symbol.loss,
        **names,
    )


def backward_steps(page: Page, layer: Built, s: int, some: Array | None = None) -> Iterator[str]:
    found = dict(by_kind(page.steps.backward(layer, s, some)))
    delta, loss = found["delta"], page.symbol.loss
    every = delta[0].entries if len(delta) == 1 else np.concatenate([lines.entries for lines in delta])
    fields: dict[str, Any] = {
        "label": page.labels(layer.activation, every),
        "y": page.steps.symbols(Quantity("value", layer.activation), every),
        "z": page.steps.symbols(Quantity("value", layer.pre_activation), every),
        "p": column(delta, numbers),
        "d": column(delta, lambda lines: lines.symbols),
        "d_from": column(delta, page.origins),
    }
    output, function = layer is page.work.network.layers[-1], page.say.word("function_name", name=layer.activation.op)
    rows, parts = (
        len(every),
        [page.say.rows("backward_title", len(every), label=fields["label"], z=fields["z"], loss=loss)],
    )
    if "adjoint" in found:
        a = found["adjoint"]
        parts.append(
            page.say.rows(
                "backward_adjoint",
                rows,
                output=output,
                n=column(a, numbers),
                y=fields["y"],
                left=column(a, lambda lines: lines.symbols),
                lines=sides_of(a),
                from_steps=column(a, page.origins),
            )
        )
    if "slope" in found:
        slope = found["slope"]
        parts.append(
            page.say.rows(
                "backward_slope",
                rows,
                n=column(slope, numbers),
                z=fields["z"],
                left=column(slope, lambda lines: lines.symbols),
                lines=sides_of(slope),
                from_steps=column(slope, page.origins),
                function=function,
            )
        )
    if page.through(layer):
        parts.append(
            page.say.rows(
                "backward_delta",
                rows,
                output=output,
                n=column(found["adjoint"], numbers),
                m=column(found["slope"], numbers),
                p=fields["p"],
                d=fields["d"],
                y=fields["y"],
                z=fields["z"],
                a=column(found["adjoint"], lambda lines: lines.symbols),
                s=column(found["slope"], lambda lines: lines.symbols),
                spelt=factors_spelt(page, found["adjoint"], found["slope"]),
                lines=sides_of(delta)[1:],
                function=function,
            )
        )
    else:
        scores = page.steps.from_scores(layer)
        parts.append(
            page.say.rows(
                "backward_scores",
                rows,
                scores=scores,
                p=fields["p"],
                d=fields["d"],
                lines=sides_of(delta),
                from_steps=fields["d_from"],
            )
        )
    yield "".join("".join(row) for row in zip(*parts, strict=True))


def over(page: Page, lines: Lines) -> str:
    """What a loss is the sum of: outputs, samples, or data and penalty; "" where it is a sum of nothing."""
    net, node = page.work.network, lines.quantity.node
    assert net.loss is not None
    if node is net.loss.end and net.loss.penalties:
        return "penalty"
    if node in net.loss.of_all and net.samples > 1:
        return "samples"
    return "outputs" if net.loss.terms is not None and node is not net.loss.terms else ""


SHORT = 32  # characters of a factor, as printed, that still stands over a label


def factors_spelt(page: Page, adjoint: Sequence[Lines], slope: Sequence[Lines]) -> tuple[Sequence[str], ...]:
    """The two factors of delta as their own steps found them, where there is room for a label under each; else none."""
    texts = [column(lines, lambda each: each.formulas) for lines in (adjoint, slope)]
    if any(page.m.line_break in text or len(page.m.bare(text)) > SHORT for each in texts for text in each):
        return ()
    first = [text if text.startswith("-") else page.m.brackets(text) for text in texts[0]]
    return first, [page.m.brackets(text) if is_sum(text) else text for text in texts[1]]


def is_sum(text: str) -> bool:
    """Whether a formula is a sum, not a product that has sums in brackets."""
    depth = 0
    for place, sign in enumerate(text):
        depth += (sign in "({[") - (sign in ")}]")
        if depth == 0 and (text[place : place + 3] in (" + ", " - ") or (sign == "-" and place == 0)):
            return True
    return False


def by_kind(found: Iterable[Lines]) -> list[tuple[str, list[Lines]]]:
    kinds: dict[str, list[Lines]] = {}
    for lines in found:
        kinds.setdefault(lines.kind, []).append(lines)
    return [*kinds.items()]


def column(found: Sequence[Lines], part: Callable[[Lines], Sequence[str]]) -> list[str]:
    """A text of every row of several chunks."""
    return [text for lines in found for text in part(lines)]


def sides_of(found: Sequence[Lines]) -> tuple[Sequence[str], ...]:
    """The right sides of every row of several chunks."""
    return right_sides(*found)


def backward_table(page: Page, layer: Built, s: int) -> Iterator[str]:
    entries = page.written_of_sample(Quantity("adjoint", layer.pre_activation), s)
    readers = page.steps.reads[layer.activation]
    worked = max((reader.shape[0] for reader, _ in readers), default=1) <= FEW_TERMS and page.through(layer)
    if worked:
        yield page.say.text("forward_first", label=page.labels(layer.activation, entries[:1])[0])
        yield from backward_steps(page, layer, s, entries[:1])
        entries = entries[1:]
    if not len(entries):
        return
    quantities = [quantity for quantity, _ in page.steps.backward_quantities(layer, s)]
    y, z = page.symbol.general("activation", "j"), page.symbol.general("pre_activation", "j")
    equations = general_equations(page.work, page.symbol)
    hidden = layer is not page.work.network.layers[-1]
    yield page.say.text(
        "backward_note",
        rest=worked,
        equations=page.both(*([equations["3"]["tex"]] if hidden and "3" in equations else []), equations["4"]["tex"]),
    )
    heads = {"slope": page.m.partial(y, z), "adjoint": page.m.partial(page.symbol.loss, y)}
    general = [
        page.symbol.general("delta", "j") if q.node is layer.pre_activation else heads[q.what] for q in quantities
    ]
    yield page.say.text("backward_table", heads=general)
    yield page.say.block(
        "backward_row",
        len(entries),
        label=page.labels(layer.activation, entries),
        steps=tuple(page.numbers_of(quantity, entries) for quantity in quantities),
        cells=tuple(page.printed(quantity, entries) for quantity in quantities),
    )
    yield page.say.text("table_end")
