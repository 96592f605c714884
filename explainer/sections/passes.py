"""The forward pass, the loss and the backward pass."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from ..networks import Built
from ..notation import Quantity, tex_partial
from ..steps import Lines, backward_quantities
from .gradients import gradient_steps, gradient_table
from .opening import general_equations
from .page import Page, numbers, right_sides


def forward(page: Page) -> Iterator[str]:
    for number, layer in enumerate(page.work.network.layers, 1):
        yield page.say.text("layer", number=number, output=False)
        yield from (forward_table if page.in_tables else forward_steps)(page, layer)


def forward_steps(page: Page, layer: Built) -> Iterator[str]:
    found = [*page.steps.forward(layer)]
    activation = found[-1]
    function = page.say.word("function_name", name=layer.activation.op)
    first = 0
    for z in found[:-1]:
        part = slice(first, first + len(z))
        yield page.say.block(
            "forward_neuron",
            len(z),
            label=page.labels(layer.activation)[part],
            n=numbers(z),
            z=z.symbols,
            z_lines=right_sides(z),
            z_from=page.origins(z),
            m=numbers(activation)[part],
            y=activation.symbols[part],
            y_lines=tuple(side[part] for side in right_sides(activation)),
            function=function,
        )
        first += len(z)


def forward_table(page: Page, layer: Built) -> Iterator[str]:
    z, y = Quantity("value", layer.pre_activation), Quantity("value", layer.activation)
    entries = np.arange(layer.activation.size)
    if not page.brief:
        equations = general_equations(page.work, page.tex)
        yield page.say.text("forward_note", equations=page.both(equations["1"]["tex"], equations["2"]["tex"]))
    yield page.say.text(
        "forward_table", z=page.tex.general("pre_activation", "j"), y=page.tex.general("activation", "j")
    )
    yield page.say.block(
        "forward_row",
        len(entries),
        label=page.labels(layer.activation),
        n=page.numbers_of(z, entries),
        m=page.numbers_of(y, entries),
        z_printed=page.printed(z, entries),
        y_printed=page.printed(y, entries),
    )
    yield page.say.text("table_end")


def loss(page: Page) -> Iterator[str]:
    yield page.say.text("loss_opening", several=page.work.network.loss_terms is not None)
    yield from loss_lines(page, page.steps.loss())


def loss_lines(page: Page, found: Iterable[Lines]) -> Iterator[str]:
    for lines in found:
        yield page.say.block(
            "loss_line",
            len(lines),
            n=numbers(lines),
            symbol=lines.symbols,
            lines=right_sides(lines),
            from_steps=page.origins(lines),
        )


# ---- backward


def backward(page: Page) -> Iterator[str]:
    net = page.work.network
    if not page.brief:
        yield page.say.text("backward_opening")
    layers = [*zip(range(len(net.layers), 0, -1), reversed(net.layers), reversed(page.steps.parameters), strict=True)]
    for number, layer, parameters in layers:
        yield page.say.text("layer", number=number, output=layer is net.layers[-1])
        yield from (backward_table if page.in_tables else backward_steps)(page, layer)
        if not page.brief:
            yield from (gradient_table if page.in_tables else gradient_steps)(page, parameters)


def backward_steps(page: Page, layer: Built) -> Iterator[str]:
    *adjoints, slopes, deltas = page.steps.backward(layer)
    first = 0
    for adjoint in adjoints:
        part = slice(first, first + len(adjoint))
        yield page.say.block(
            "backward_neuron",
            len(adjoint),
            output=layer is page.work.network.layers[-1],
            label=page.labels(layer.activation)[part],
            n=numbers(adjoint),
            a=adjoint.symbols,
            a_lines=right_sides(adjoint),
            a_from=page.origins(adjoint),
            m=numbers(slopes)[part],
            s=slopes.symbols[part],
            s_lines=tuple(side[part] for side in right_sides(slopes)),
            s_from=page.origins(slopes)[part],
            p=numbers(deltas)[part],
            d=deltas.symbols[part],
            d_lines=tuple(side[part] for side in right_sides(deltas)[1:]),
            y=page.steps.symbols(Quantity("value", layer.activation), adjoint.entries),
            z=page.steps.symbols(Quantity("value", layer.pre_activation), adjoint.entries),
            loss=page.tex.loss,
            function=page.say.word("function_name", name=layer.activation.op),
        )
        first += len(adjoint)


def backward_table(page: Page, layer: Built) -> Iterator[str]:
    entries = np.arange(layer.activation.size)
    quantities = [Quantity(what, node) for what, node in backward_quantities(layer)]
    y, z = page.tex.general("activation", "j"), page.tex.general("pre_activation", "j")
    if not page.brief:
        equations = general_equations(page.work, page.tex)
        hidden = layer is not page.work.network.layers[-1]
        yield page.say.text(
            "backward_note",
            equations=page.both(
                *([equations["3"]["tex"]] if hidden and "3" in equations else []), equations["4"]["tex"]
            ),
        )
    yield page.say.text(
        "backward_table", a=tex_partial(page.tex.loss, y), s=tex_partial(y, z), d=page.tex.general("delta", "j")
    )
    columns = {
        name: page.printed(q, entries)
        for name, q in zip(("a_printed", "s_printed", "d_printed"), quantities, strict=True)
    }
    places = {name: page.numbers_of(q, entries) for name, q in zip("nmp", quantities, strict=True)}
    labels = page.labels(layer.activation)
    yield page.say.block("backward_row", len(entries), label=labels, **places, **columns)
    yield page.say.text("table_end")
