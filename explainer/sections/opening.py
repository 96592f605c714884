"""What stands before the first step: what is given, what is agreed, which equations are used."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ..formulas import definition, partials
from ..graph import Cells, Picked, order
from ..notation import Quantity, Tex, tex_partial, tex_primed
from ..ops import OPS
from ..typeset import in_symbols
from ..worked import Worked
from .page import MANY, Page


def question(page: Page) -> Iterator[str]:
    net, say = page.work.network, page.say
    sizes = "-".join(str(node.size) for node in (net.inputs, *(layer.activation for layer in net.layers)))
    if net.problem.loss is None:
        yield say.text("question_forward", sizes=sizes)
    else:
        yield say.text("question", sizes=sizes, parameters=page.count, loss=page.tex.loss)


def given(page: Page) -> Iterator[str]:
    net, say = page.work.network, page.say
    targets = next((node for node in net.given if node.name == "t"), None)
    yield say.text(
        "given",
        inputs=page.equalities(net.inputs)
        if net.inputs.size <= MANY
        else say.text("given_inputs", count=net.inputs.size),
        targets=page.equalities(targets) if targets is not None else "",
        rate=page.equalities(net.learning_rate) if net.learning_rate in net.given else "",
    )
    for number, layer in enumerate(net.layers, 1):
        yield say.text("given_layer", number=number, function=say.word("function_name", name=layer.activation.op))
        labels = net.problem.layers[number - 1].labels
        if layer.weights.size > MANY:
            yield say.text("given_many", first=labels[0], last=labels[-1], count=layer.weights.size)
            continue
        weights = [
            page.equalities(layer.weights, row) for row in np.arange(layer.weights.size).reshape(layer.weights.shape)
        ]
        rows = [[label, cell] for label, cell in zip(labels, weights, strict=True)]
        if layer.biases is not None:
            for row, place in zip(rows, range(len(labels)), strict=True):
                row.append(page.equalities(layer.biases, np.array([place])))
        yield say.text("given_weights", rows=rows, biases=layer.biases is not None)


def conventions(page: Page) -> Iterator[str]:
    yield page.say.text("conventions", items=list(convention_items(page)))


def convention_items(page: Page) -> Iterator[str]:
    net, say, tex = page.work.network, page.say, page.tex
    problem, writing = net.problem, net.problem.writing
    first = net.layers[-1]
    sender = net.layers[-2].activation if len(net.layers) > 1 else net.inputs
    if isinstance(first.weights.cells, Cells) and first.weights.op == "leaf" and not first.weights.cells.own:
        one = np.array([0])
        weight, from_, to = (
            tex.symbols(Quantity("value", n), one)[0] for n in (first.weights, sender, first.pre_activation)
        )
        yield say.text("convention_index", weight=weight, sender=from_, receiver=to)
    z = tex.general("pre_activation", "j")
    if z.startswith("e"):
        yield say.text("convention_euler", symbol=z)
    if problem.loss is not None:
        loss = net.loss_terms if net.loss_terms is not None else net.end
        (partial,) = partials(loss)
        y, t = (
            page.tex.symbols(Quantity("value", loss.parents[0]), np.array([0]))[0],
            page.tex.symbols(Quantity("value", loss.parents[1]), np.array([0]))[0],
        )
        ratio, slope = tex_partial(tex.loss, y), in_symbols(partial.term.pattern, [[y], [t]], 1)[0]
        half = problem.loss.name == "half_squared_error"
        yield say.text("convention_half" if half else "convention_no_half", derivative=f"{ratio} = {slope}")
        delta = tex.general("delta", "j")
        yield say.text("convention_delta", equation=f"{delta} = {tex_partial(tex.loss, z)}")
    if net.trained:
        yield say.text("convention_old")
    for value in sorted(
        {layer.bias_input for layer in problem.layers if layer.biases is not None and layer.bias_input != 1}
    ):
        yield say.text("convention_bias_input", value=f"{value:g}")
    if any(OPS[layer.activation.op].kinked for layer in net.layers):
        yield say.text("convention_relu")
    if problem.frozen:
        yield say.text("convention_frozen", names=frozen_names(page))
    count = (
        say.text("significant", count=writing.significant)
        if writing.digits is None
        else say.text("decimals", count=writing.digits)
    )
    yield say.text("convention_rounded" if writing.carry == "rounded" else "convention_full", count=count)


def frozen_names(page: Page) -> str:
    found = []
    for leaf, trained in page.work.network.trained.items():
        entries = np.flatnonzero(~trained.ravel())
        found += [page.say.text("mathematics", tex=s) for s in page.steps.symbols(Quantity("value", leaf), entries)]
    return page.say.word("separator").join(found)


def equations(page: Page) -> Iterator[str]:
    say, formulas = page.say, general_equations(page.work, page.tex)
    yield say.text("equations", items=[say.text(f"equation_{n}", **tex) for n, tex in formulas.items()])
    yield say.text("equations_note")
    for name in dict.fromkeys(layer.activation.op for layer in page.work.network.layers):
        function, slope = general_function(page.work, page.tex, name)
        yield say.text("equation_function", name=say.word("function_name", name=name), function=function, slope=slope)


# ---- the equations in general


def general_equations(work: Worked, tex: Tex) -> dict[str, dict[str, Any]]:
    """The numbered equations, at neurons i, j and k, as this network needs them."""
    net = work.network
    z, y, y_i = tex.general("pre_activation", "j"), tex.general("activation", "j"), tex.general("activation", "i")
    w, e = tex.general("weight", "j", "i"), tex.loss
    delta, g = tex.general("delta", "j"), tex_partial(e, w)
    biased = [layer for layer in net.problem.layers if layer.biases is not None]
    b = tex.general("threshold" if biased and biased[0].bias_input < 0 else "bias", "j")
    sign = {True: "-", False: "+"}[bool(biased and biased[0].bias_input < 0)]
    found: dict[str, dict[str, Any]] = {
        "1": {"tex": rf"{z} = \sum_i {w} {y_i}" + (f" {sign} {b}" if biased else ""), "biased": bool(biased)},
        "2": {"tex": f"{y} = f({z})"},
    }
    if net.problem.loss is None:
        return found
    if len(net.layers) > 1:
        found["3"] = {"tex": rf"{tex_partial(e, y_i)} = \sum_j {delta} {w}"}
    found["4"] = {"tex": rf"{delta} = {tex_partial(e, z)} = {tex_partial(e, y)} \, f'({z})"}
    if net.trained:
        of_bias = rf"{tex_partial(e, b)} = {'-' if sign == '-' else ''}{delta}" if biased else ""
        found["5"] = {"tex": rf"{g} = {delta} {y_i}", "bias": of_bias, "shared": is_shared(work)}
        found["6"] = {"tex": rf"{tex_primed(w)} = {w} - {tex.learning_rate} {g}"}
    return found


def is_shared(work: Worked) -> bool:
    """Whether a trained parameter is used more than once."""
    pools = [leaf for leaf in work.network.trained if isinstance(leaf.cells, Picked)]
    places = [n.params["where"] for n in order(work.network.end) if n.op == "take" and n.parents[0] in pools]
    used = np.concatenate([where[where >= 0] for where in places] or [np.zeros(0, int)])
    return len(used) > len(np.unique(used))


def general_function(work: Worked, tex: Tex, name: str) -> tuple[str, str]:
    """f(e) = ... and f'(e) = ... of an activation."""
    node = next(layer.activation for layer in work.network.layers if layer.activation.op == name)
    z, y = tex.general("pre_activation", "j"), tex.general("activation", "j")
    (term,), (partial,) = definition(node), partials(node)
    function = in_symbols(term.pattern, [[z]], 1)[0]
    slope = in_symbols(partial.term.pattern, [[y if read.argument < 0 else z] for read in partial.term.reads], 1)[0]
    return f"f({z}) = {function}", f"f'({z}) = {slope}"
