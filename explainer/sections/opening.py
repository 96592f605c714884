"""What stands before the first step: what is given, what is agreed, which equations are used."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ..dialects import Dialect
from ..formulas import definition, partials, plain, slot
from ..graph import Cells, Node, Picked, order
from ..networks import Network
from ..notation import STATES, Quantity, Symbols
from ..optimizers import rule_of
from ..typeset import in_symbols
from ..values import is_near_kink
from ..worked import Worked
from .page import MANY, Page


def question(page: Page) -> Iterator[str]:
    net, say = page.work.network, page.say
    if net.loss is None:
        yield say.text("question_forward", sizes=sizes(net))
    else:
        yield say.text("question", sizes=sizes(net), one=page.count == 1, count=str(page.count), loss=page.symbol.loss)
    if page.only:
        yield say.text("only", weights=only_these(page), again=net.problem.writing.steps > 1)


def only_these(page: Page) -> str:
    """The weights that the page is for; of many, how many there are."""
    symbols = [
        symbol
        for parameters in page.steps.parameters
        for leaf, entries in parameters
        for symbol in page.steps.symbols(Quantity("value", leaf), entries)
    ]
    return page.both(*symbols) if len(symbols) <= MANY else page.say.text("given_numbers", count=len(symbols))


def sizes(net: Network) -> str:
    """2-2-3-1: how many inputs, and how many neurons in each layer."""
    return "-".join(str(node.shape[0]) for node in (net.inputs, *(layer.activation for layer in net.layers)))


def given(page: Page) -> Iterator[str]:
    net, say = page.work.network, page.say
    yield page.figure("network")
    yield from data(page, MANY)
    if page.work.iteration > 1:
        yield say.text("given_later", updates=page.work.iteration - 1)
    for number, layer in enumerate(net.layers, 1):
        yield say.text(
            "given_layer",
            number=page.symbol.layer(number),
            function=say.word("function_name", name=layer.activation.op),
        )
        labels = page.labels(layer.activation)
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


def data(page: Page, most: int) -> Iterator[str]:
    """Inputs, targets and the numbers of the optimizer; many samples in a table. More than `most` are only counted."""
    net, say = page.work.network, page.say
    nodes = [node for node in (net.inputs, net.targets) if node is not None]
    table = net.samples > 1 and sum(node.size for node in nodes) <= most
    rate = say.word("separator").join(page.equalities(node) for node in net.constants.values())
    if not table:
        given = [
            page.equalities(node) if node.size <= most else say.text("given_numbers", count=node.size) for node in nodes
        ]
        yield say.text("given", inputs=given[0], targets=given[1] if len(given) > 1 else "", rate=rate)
        return
    heads = [
        symbol
        for node in nodes
        for symbol in page.symbol.cell_symbols(without_samples(node.cells), np.arange(node.shape[0]))
    ]
    columns = [
        page.printed(Quantity("value", node), row) for node in nodes for row in np.arange(node.size).reshape(node.shape)
    ]
    rows = [
        [str(s), *(say.text("mathematics", tex=cell) for cell in row)]
        for s, row in enumerate(zip(*columns, strict=True), 1)
    ]
    yield say.text("given_samples", rate=rate, heads=heads, rows=rows, with_targets=len(nodes) > 1)


def conventions(page: Page) -> Iterator[str]:
    yield page.say.text("conventions", items=list(convention_items(page)))


def convention_items(page: Page) -> Iterator[str]:
    yield from all_but_rounding(page)
    yield page.say.text("convention_rounded" if page.steps.carried else "convention_full", count=digits_shown(page))


def digits_shown(page: Page) -> str:
    """How many digits numbers are shown with, in words."""
    writing = page.work.network.problem.writing
    if writing.digits is None:
        return page.say.text("significant", count=writing.significant)
    return page.say.text("decimals", count=writing.digits)


def all_but_rounding(page: Page) -> Iterator[str]:
    net, say, symbol = page.work.network, page.say, page.symbol
    problem = net.problem
    first = net.layers[-1]
    sender = net.layers[-2].activation if len(net.layers) > 1 else net.inputs
    if isinstance(first.weights.cells, Cells) and first.weights.op == "leaf" and not first.weights.cells.own:
        one = np.array([0])
        entries = [one, one, one]
        if symbol.notation.numbering == "positions" and first.weights.size > 1:  # two different indices say more
            entries = [one + 1, one + (first.weights.shape[1] > 1), one + (first.weights.shape[1] == 1)]
        weight, from_, to = (
            symbol.cell_symbols(without_samples(node.cells), entry)[0]
            for node, entry in zip((first.weights, sender, first.pre_activation), entries, strict=True)
        )
        yield say.text(
            "convention_index", weight=weight, sender=from_, receiver=to, sender_first=symbol.notation.sender_first
        )
    yield from notation_items(page)
    z = symbol.general("pre_activation", "j")
    if symbol.notation.symbols["pre_activation"].base == "e":
        yield say.text("convention_euler", symbol=z)
    if problem.loss is not None and net.loss is not None:
        if problem.loss.name in SQUARES:
            yield say.text(SQUARES[problem.loss.name], derivative=loss_slope(page))
        if net.loss.from_activation is not None:
            yield say.text("convention_scores", softmax=net.outputs.op == "softmax")
        if net.samples > 1:
            mean = "convention_mean_apart" if page.per_sample else "convention_mean"
            yield say.text(mean if problem.reduction == "mean" else "convention_sum", count=net.samples)
        if problem.penalty is not None:
            biases, m = problem.penalty.biases, net.samples if problem.penalty.per_sample else 0
            yield say.text("convention_penalty", biases=biases, rate=f"{problem.penalty.rate:g}", m=m)
        delta = symbol.general("delta", "j")
        yield say.text("convention_delta", equation=f"{delta} = {page.m.partial(loss_of_neurons(symbol), z)}")
    if net.updated:
        yield say.text("convention_old")
    for value in sorted(
        {layer.bias_input for layer in problem.layers if layer.biases is not None and layer.bias_input != 1}
    ):
        yield say.text("convention_bias_input", value=f"{value:g}")
    for name in dict.fromkeys(node.op for node in order(net.end) if is_near_kink(node, page.values)):
        yield say.text("convention_kink", name=name)
    if problem.frozen:
        yield say.text("convention_frozen", names=frozen_names(page))


SQUARES = {  # loss -> the convention on its factor
    "half_squared_error": "convention_half",
    "squared_error": "convention_no_half",
    "mean_squared_error": "convention_mean_square",
}


def loss_slope(page: Page) -> str:
    """dE/dY = ... of one output; of many samples, of the first one's own loss."""
    loss = slope_node(page)
    (partial,) = partials(loss)
    nodes = (*loss.parents, loss)  # a read of -1 is of the loss itself
    symbols = [page.steps.symbols(Quantity("value", node), np.array([0]))[0] for node in nodes]
    slope = in_symbols(page.m, partial.term.pattern, [[symbols[read.argument]] for read in partial.term.reads], 1)[0]
    samples = Cells("sample_loss", ("",), ("1",), sampled=True)
    of_one = page.symbol.cell_symbols(samples, np.array([0]))[0] if page.work.network.samples > 1 else page.symbol.loss
    return f"{page.m.partial(of_one, symbols[0])} = {slope}"


def slope_node(page: Page) -> Node:
    """The loss as it is worked from activations, for one output or one sample."""
    loss = page.work.network.loss
    assert loss is not None
    return loss.from_activation or loss.terms or loss.samples or loss.data or loss.end


def notation_items(page: Page) -> Iterator[str]:
    """What the notation has of its own: how layers are counted, where biases stand, what stands for the names given."""
    net, say, symbol = page.work.network, page.say, page.symbol
    notation = symbol.notation
    weight = symbol.of_layer("weight", 1)
    if "{layer}" in notation.symbols["weight"].sub + notation.symbols["weight"].sup:
        marks = [symbol.layer(0), symbol.layer(1)]
        if isinstance(notation.input_layer, int):
            bare = notation.symbols["activation"].sup == ("{layer}",)
            yield say.text("convention_layers", weight=weight, sender=marks[0], receiver=marks[1], bare=bare)
        else:
            yield say.text(
                "convention_letters", weight=weight, sender=marks[0], receiver=marks[1], hidden=len(net.layers) > 1
            )
    for layer in reversed(net.layers):
        cells = layer.biases.cells if layer.biases is not None else None
        if isinstance(cells, Cells) and not cells.own and "0" in notation.symbols[cells.quantity].sub:
            yield say.text("convention_bias_index", bias=symbol.cell_symbols(cells, np.array([0]))[0])
            break
    for node in net.given:
        if isinstance(node.cells, Cells) and node.cells.quantity in ("input", "target") and node.size <= MANY:
            names = node.cells.rows
            if notation.symbols[node.cells.quantity].base == "{name}" or numbered(names):
                continue
            symbols = symbol.cell_symbols(without_samples(node.cells), np.arange(len(names)))
            items = [
                say.text("name_of", symbol=s, name=say.escape(name)) for s, name in zip(symbols, names, strict=True)
            ]
            yield say.text("convention_names", names=say.word("separator").join(items))


def without_samples(cells: Cells | Picked) -> Cells | Picked:
    """The same, of no sample in particular."""
    return replace(cells, columns=("",), sampled=False) if isinstance(cells, Cells) and cells.sampled else cells


def numbered(names: Sequence[str]) -> bool:
    """Whether names say no more than positions: X1, X2, X3, or a letter alone."""
    if len(names) == 1 and len(names[0]) == 1:
        return True
    return all(len(name) > 1 and name[1:] == str(k) for k, name in enumerate(names, 1))


def frozen_names(page: Page) -> str:
    found = []
    for leaf, trained in page.work.network.trained.items():
        entries = np.flatnonzero(~trained.ravel())
        found += [page.say.text("mathematics", tex=s) for s in page.steps.symbols(Quantity("value", leaf), entries)]
    return page.say.word("separator").join(found)


def equations(page: Page) -> Iterator[str]:
    say, formulas = page.say, general_equations(page.work, page.symbol)
    yield say.text(
        "equations",
        items=[say.text(f"equation_{n}", **tex) for n, tex in formulas.items()],
        numbers=[*formulas],
    )
    yield say.text("equations_note", inputs=page.symbol.general_input())
    activations = {
        (layer.activation.op, plain(layer.activation)): layer.activation for layer in page.work.network.layers
    }
    for (name, _), node in activations.items():
        function, slope = general_function(node, page.symbol)
        yield say.text(
            "equation_function",
            name=say.word("function_name", name=name),
            function=function,
            slope=slope,
            derived=page.full and page.has_loss,
        )


# ---- the equations in general


def general_equations(work: Worked, symbol: Symbols) -> dict[str, dict[str, Any]]:
    """The numbered equations, at neurons i, j and k, as this network needs them."""
    net = work.network
    m = symbol.m
    z, y, y_i = (
        symbol.general("pre_activation", "j"),
        symbol.general("activation", "j"),
        symbol.general("activation", "i"),
    )
    w, e = symbol.general("weight", "j", "i"), symbol.loss
    delta, g = symbol.general("delta", "j"), m.partial(e, w)
    biased = [layer for layer in net.problem.layers if layer.biases is not None]
    b = symbol.general("threshold" if biased and biased[0].bias_input < 0 else "bias", "j")
    sign = {True: "-", False: "+"}[bool(biased and biased[0].bias_input < 0)]
    f, i, j = symbol.function, symbol.notation.sender, symbol.notation.receiver
    found: dict[str, dict[str, Any]] = {
        "1": {
            "tex": f"{z} = {m.sum_over(i)} {w} {y_i}" + (f" {sign} {b}" if biased else ""),
            "biased": bool(biased),
            "neuron": j,
        },
        "2": {"tex": f"{y} = {f}({z})", "letter": f},
    }
    if net.loss is None:
        return found
    own = loss_of_neurons(symbol)
    if len(net.layers) > 1:
        found["3"] = {"tex": f"{m.partial(own, y_i)} = {m.sum_over(j)} {delta} {w}", "neuron": i, "fed": j}
    found["4"] = {"tex": f"{delta} = {m.partial(own, z)} = {m.partial(own, y)} {m.thin}{f}'({z})"}
    if net.trained:
        mean = f"{m.fraction(1, net.samples)} {m.sum_over('s')} " if symbol.per_sample else ""
        of_bias = f"{m.partial(e, b)} = {'-' if sign == '-' else ''}{mean}{delta}" if biased else ""
        shrink = penalty_term(m, work, w)
        found["5"] = {"tex": f"{g} = {mean}{delta} {y_i}{shrink}", "bias": of_bias, "shared": is_shared(work)}
    if net.updated:
        found["6"] = {"lines": [*rule_in_general(work, symbol, w, g)], "descent": is_plain_descent(work)}
    return found


def loss_of_neurons(symbol: Symbols) -> str:
    """What the adjoints of neurons are of: the loss, or the loss of their own sample."""
    samples = Cells("sample_loss", ("",), ("s",), sampled=True)
    return symbol.cell_symbols(samples, np.array([0]))[0] if symbol.per_sample else symbol.loss


def penalty_term(m: Dialect, work: Worked, w: str) -> str:
    """What L2 adds to the gradient of a weight."""
    penalty = work.network.problem.penalty
    if penalty is None:
        return ""
    rate = m.greek("lambda")
    return f" + {m.fraction(rate, work.network.samples) if penalty.per_sample else rate} {w}"


def is_plain_descent(work: Worked) -> bool:
    optimizer = work.network.problem.optimizer
    return optimizer is not None and optimizer.name == "sgd"


def rule_in_general(work: Worked, symbol: Symbols, w: str, g: str) -> Iterator[str]:
    """The lines of the optimizer, at no weight in particular; `old` marks what the update before left."""
    assert work.network.problem.optimizer is not None
    m = symbol.m
    known = {"w": w, "g": "g" if not is_plain_descent(work) else g}
    known |= {name: symbol.cell_symbols(node.cells, np.array([0]))[0] for name, node in work.network.constants.items()}
    for name in STATES:
        letter, _, hat = name.partition("_")
        known[name] = m.hat(letter) if hat else letter
        known[f"{name}_old"] = letter + m.sub(m.text("old"))
    known["new"] = symbol.general("weight", "j", "i", updated=True)
    if not is_plain_descent(work):
        yield f"g = {g}"
    for line in rule_of(work.network.problem.optimizer):
        count = len(line.names)
        pattern = line.at(slot(count), {name: slot(k) for k, name in enumerate(line.names)})
        right = in_symbols(m, pattern, [*([known[name]] for name in line.names), ["t"]], 1)[0]
        yield f"{known['new' if line.finds == 'w' else line.finds]} = {right}"


def is_shared(work: Worked) -> bool:
    """Whether a trained parameter is used more than once."""
    pools = [leaf for leaf in work.network.trained if isinstance(leaf.cells, Picked)]
    places = [n.params["where"] for n in order(work.network.end) if n.op == "take" and n.parents[0] in pools]
    used = np.concatenate([where[where >= 0] for where in places] or [np.zeros(0, int)])
    return len(used) > len(np.unique(used))


def general_function(node: Node, symbol: Symbols) -> tuple[str, str]:
    """f(e) = ... and f'(e) = ... of an activation; of softmax, each output and its partials."""
    m, z, y = symbol.m, symbol.general("pre_activation", "j"), symbol.general("activation", "j")
    if node.op == "softmax":
        z_k, y_k = symbol.general("pre_activation", "k"), symbol.general("activation", "k")
        j, k = symbol.notation.receiver, symbol.notation.peer
        function = f"{y} = {m.fraction('e' + m.sup(z), f'{m.sum_over(k)} e{m.sup(z_k)}')}"
        own, other = f"{m.partial(y, z)} = {y} (1 - {y})", f"{m.partial(y_k, z)} = -{y_k} {y}"
        return function, f"{own}, {m.wide}{other} {m.wider}({k}{m.ne}{j})"
    (term,), (partial,) = definition(node), partials(node)
    function = in_symbols(m, term.pattern, [[z]], 1)[0]
    slope = in_symbols(m, partial.term.pattern, [[y if read.argument < 0 else z] for read in partial.term.reads], 1)[0]
    return f"{symbol.function}({z}) = {function}", f"{symbol.function}'({z}) = {slope}"
