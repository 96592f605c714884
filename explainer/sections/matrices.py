"""The matrix view: each layer's steps once more, or instead, as equations of whole matrices."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from ..graph import Node
from ..matrices import Equation, step_of, used
from ..networks import Built
from ..notation import Quantity
from ..ops import Array
from ..written import transposed_in
from .gradients import gradient_steps
from .page import Page

Parameters = Sequence[tuple[Node, Array]]


def in_matrices(page: Page) -> Iterator[str]:
    """What the letters mean, and the equations of a layer in general."""
    names, net = page.steps.matrices.names, page.work.network
    yield page.say.text(
        "matrices",
        weight=names.of("weight", 0).text(page.m),
        samples=net.inputs.shape[1] > 1,
        items=[page.both(*equations) for equations in general_equations(page)],
    )


def general_equations(page: Page) -> Iterator[list[str]]:
    """The numbered equations, of a whole layer l; as many of them as there are of one neuron."""
    m, names, net, f = page.m, page.steps.matrices.names, page.work.network, page.symbol.function
    quantities = ("weight", "pre_activation", "activation", "delta")
    w, z, y, delta = (names.general(quantity).text(m) for quantity in quantities)
    loss, before = page.symbol.loss, names.general("activation", -1).text(m)
    biased = [layer for layer in net.problem.layers if layer.biases is not None]
    threshold = bool(biased) and biased[0].bias_input < 0
    b, sign = names.general("threshold" if threshold else "bias").text(m), "-" if threshold else "+"
    yield [f"{z} = {w}{m.beside}{before}" + (f" {sign} {b}" if biased else "")]
    yield [f"{y} = {f}({z})"]
    if not page.has_loss:
        return
    if len(net.layers) > 1:
        back = transposed_in(m, names.general("weight", 1).text(m))
        yield [f"{m.partial(loss, y)} = {back}{m.beside}{names.general('delta', 1).text(m)}"]
    yield [f"{delta} = {m.partial(loss, y)}{m.odot}{f}'({z})"]
    if net.trained:
        of_one = names.general("delta").text(m, sampled=True)
        summed = f"{m.sum_over('s')} {of_one}" if net.samples > 1 else delta
        found = [f"{m.partial(loss, w)} = {delta}{m.beside}{transposed_in(m, before)}"]
        yield found + ([f"{m.partial(loss, b)} = {'-' if threshold else ''}{summed}"] if biased else [])
    if net.trained and net.problem.optimizer is not None and net.problem.optimizer.name == "sgd":
        new = names.general("weight").text(m, updated=True)
        yield [f"{new} = {w} - {page.symbol.learning_rate} {m.thin}{m.partial(loss, w)}"]


def forward_in_matrices(page: Page, layer: Built) -> Iterator[str]:
    if page.view == "scalar":
        return
    yield from heading(page)
    yield from given(page, layer)
    for equation in page.steps.equations("forwards", layer):
        yield from step(page, layer, equation)


def given(page: Page, layer: Built) -> Iterator[str]:
    """Which entry stands where: the weights, the biases, and before the first layer the inputs."""
    first = layer is page.work.network.layers[0]
    nodes = [("inputs", page.work.network.inputs)] if first else []
    nodes += [("weights", layer.weights)] + ([("biases", layer.biases)] if layer.biases is not None else [])
    for what, node in nodes:
        left, lines = page.steps.matrices.given(node)
        missing = page.steps.matrices.missing(node)
        several = node.shape[1] > 1
        yield page.say.text("matrix_given", which=what, left=left, lines=lines, missing=missing, several=several)


def backward_in_matrices(page: Page, layer: Built, parameters: Parameters) -> Iterator[str]:
    if page.view == "scalar":
        return
    yield from heading(page)
    for equation in page.steps.equations("backwards", layer):
        yield from step(page, layer, equation)
    for equation in page.steps.equations("gradients", layer):
        yield from step(page, layer, equation)
        yield from notes(page, equation)
    shared = page.steps.shared(parameters)
    if shared:
        yield page.say.text("matrix_shared_steps")
        yield from gradient_steps(page, shared, chained=False)


def update_in_matrices(page: Page) -> Iterator[str]:
    if page.view == "scalar":
        return
    yield from heading(page)
    for layer in page.work.network.layers:
        for equation in page.steps.equations("updates", layer):
            yield from step(page, layer, equation)
            yield from notes(page, equation)


def heading(page: Page) -> Iterator[str]:
    if page.view == "both":
        yield page.say.text("matrix_heading")


def step(page: Page, layer: Built, equation: Equation) -> Iterator[str]:
    shown = page.steps.matrices.shown(equation)
    yield page.say.text(
        "matrix_step",
        n=str(int(page.steps.numbering[equation.key][0])),
        what=equation.kind,
        left=shown.left_shape,
        lines=shown.rights,
        from_steps=origins(page, equation),
        function=page.say.word("function_name", name=layer.activation.op),
        samples=page.work.network.inputs.shape[1] > 1,
        biased=layer.biases is not None,
    )


def origins(page: Page, equation: Equation) -> str:
    """Which steps the matrices on the right side come from."""
    numbering, matrices = page.steps.numbering, page.steps.matrices
    leaves = matrices.leaves
    found = [(leaves[q].symbol, step_of(numbering, q)) for q in used(equation) if q in leaves and step_of(numbering, q)]
    if equation.shared and equation.kind.endswith("update"):
        quantity, entries = matrices.shared_gradients(equation.quantity.node)
        steps = numbering[quantity][entries].tolist()
        found += zip(page.steps.symbols(quantity, entries), steps, strict=True)
    if not found:
        return ""
    parts = [page.say.text("origin", symbol=tex, n=str(n)) for tex, n in found]
    return page.say.text("from_steps", origins=page.say.word("origin_separator").join(parts))


def notes(page: Page, equation: Equation) -> Iterator[str]:
    """What must be said of connections that do not exist, weights that are not trained, and shared ones."""
    matrices, node = page.steps.matrices, equation.quantity.node
    update = equation.kind.endswith("update")
    if equation.masked:
        missing = matrices.missing(node)
        there = np.ones(node.shape, bool) if node.op != "take" else node.params["where"] >= 0
        frozen = not bool(matrices.mask(node)[there].all())
        yield page.say.text(
            "matrix_masked", mask=matrices.mask_name(node), missing=missing, frozen=frozen, update=update
        )
    if equation.shared:
        weights = page.say.word("separator").join(page.say.text("mathematics", tex=tex) for tex in equation.shared)
        gradient = matrices.leaves[Quantity("value", node)].symbol
        partial = page.m.partial(page.symbol.loss, gradient)
        yield page.say.text(
            "matrix_shared",
            weights=weights,
            partial=partial,
            whole=matrices.whole_name(node),
            update=update,
            penalised=bool(matrices.penalties(node)),
        )
