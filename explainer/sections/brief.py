"""The page of results: what went in, what every neuron and every weight came to, and whether the update helped."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

from ..notation import Quantity
from .closing import check_sentence, verdict, weight_table
from .opening import data, digits_shown, sizes
from .page import Page

ROWS = 40  # of a table that still leaves room for the rest of a page
SHORT = 40  # characters of a formula, as printed
FEW = 8  # outputs whose losses are written out


def given(page: Page) -> Iterator[str]:
    """The network, its sample and its loss, in a few lines."""
    net, say = page.work.network, page.say
    functions = [say.word("function_name", name=layer.activation.op) for layer in net.layers]
    yield say.text(
        "brief_network",
        sizes=sizes(net),
        functions=list(dict.fromkeys(functions)) if len(set(functions)) == 1 else functions,
        samples=net.samples > 1,
        number=str(net.samples),
        count=str(page.count) if page.has_loss and page.count else "",
        loss=page.symbol.loss,
    )
    yield from data(page, ROWS)


def results(page: Page) -> Iterator[str]:
    """The neurons, the loss and the weights."""
    yield from neurons(page)
    if page.has_loss:
        yield from loss(page)
    if page.count:
        yield from weights(page)
    yield page.say.text("brief_digits", count=digits_shown(page), rounded=page.steps.carried)


def neurons(page: Page) -> Iterator[str]:
    """A row for each neuron of one sample; of many samples, or of many neurons, the outputs alone."""
    net = page.work.network
    every = sum(layer.activation.size for layer in net.layers)
    layers = net.layers if net.samples == 1 and every <= ROWS else net.layers[-1:]
    if layers[0].activation.size > ROWS:
        yield page.say.text("brief_many", count=layers[0].activation.size)
        return
    deltas = page.has_loss and all(Quantity("adjoint", layer.pre_activation) in page.work.numbers for layer in layers)
    kinds = ("pre_activation", "activation", *(["delta"] if deltas else []))
    yield page.say.text(
        "brief_neurons", heads=[page.symbol.general(kind, "j") for kind in kinds], samples=net.samples > 1
    )
    for layer in layers:
        z, y = layer.pre_activation, layer.activation
        found = [Quantity("value", z), Quantity("value", y), *([Quantity("adjoint", z)] if deltas else [])]
        for s in range(net.samples):
            entries = page.of_sample(y, s)
            yield page.say.block(
                "brief_neuron",
                len(entries),
                label=page.labels(y, entries),
                sample=str(s + 1) if net.samples > 1 else "",
                cells=tuple(page.printed(quantity, entries) for quantity in found),
                samples=net.samples > 1,
            )
    yield page.say.text("table_end")


def loss(page: Page) -> Iterator[str]:
    """The loss of each output of one sample, where there are a few; the loss; and the loss after the update."""
    net = page.work.network
    assert net.loss is not None
    nodes = net.loss.of_samples if net.samples == 1 else ()
    found = chain.from_iterable(
        page.steps.loss([node], page.every) for node in (*nodes, *net.loss.of_all) if node.size <= FEW
    )
    items = [
        page.say.text("mathematics", tex=" = ".join([symbol, *short_formula(page, formula, printed), printed]))
        for lines in found
        for symbol, formula, printed in zip(lines.symbols, lines.formulas, lines.printed, strict=True)
    ]
    yield page.say.text("brief_loss", items=items)
    if page.updated and not page.only:
        yield verdict(page, short=True)


def short_formula(page: Page, formula: str, printed: str) -> list[str]:
    """The formula, where it is a short one of a single sample, and not only the number again."""
    short = page.work.network.samples == 1 and len(page.m.bare(formula)) <= SHORT
    return [formula] if short and formula != printed else []


def weights(page: Page) -> Iterator[str]:
    """A row for each weight that is written, where a page has room for them."""
    if page.written > 2 * ROWS:
        yield page.say.text("brief_many_weights", count=page.written)
    else:
        yield from weight_table(page, links=False)
    yield check_sentence(page, short=True)
