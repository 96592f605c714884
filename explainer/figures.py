"""The figures of a page: a network with its weights, its numbers after both passes, the way of one weight, a graph.

Each is a drawing with what is said about it. Symbols and numbers are those of the page.
"""

from __future__ import annotations

import base64
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from .diagram import Drawing, escaped, svg, tikz
from .dialects import TEX, Dialect
from .digits import numbers_in
from .expressions import PRODUCT, SUM, Tree, names
from .formula_text import FormulaText
from .graph import Cells, Node
from .graphs import Key, WorkedGraph
from .graphs import canonical as canonical_in_graph
from .layered import Joint, Spot, Text, layered
from .lettering import lettering
from .notation import Quantity, Symbols, cell_names, name_in
from .ops import Array
from .render import INSIDE, Speaker
from .worked import Worked

MOST_IN_COLUMN = 12  # neurons; of a larger layer the first few and the last are drawn
FIRST = 4
MOST_COLUMNS = 9
MOST_LABELS = 12  # between two columns; where there are more lines none of them has a label
MOST_EDGES = 60  # of a graph that is drawn
WIDEST = 850.0  # of a drawing with numbers beside its symbols; one that would be wider has symbols alone
MOST_IN_CHAIN = 40  # lines of a network whose paths are drawn beside the steps
MOST_INTERRUPTED = 4  # lines that numbers beside symbols may cover; where they would cover more, symbols stand alone
WIDEST_FORMULA = 13.0  # in a node of a graph, in em


@dataclass(frozen=True)
class Figure:
    """A drawing, and what is said about it.

    `name` tells the figures of a page apart, and goes into the names of files. `title` says in plain words what is seen,
    `alt` says it to those who cannot see it, `caption` is the title as the format of the page sets it.
    """

    name: str
    drawing: Drawing
    title: str
    alt: str
    caption: str

    def svg(self, place: str = "page") -> str:
        """SVG for a place: a `page` in HTML, a `file` of its own, or `print`, which has no CSS variables."""
        return svg(self.drawing, self.title, self.alt, place)

    def tikz(self) -> str:
        """A tikzpicture."""
        return tikz(self.drawing)


def image(figure: Figure) -> str:
    """An image of HTML with the drawing in it: what shows Markdown to readers of notebooks draws no SVG."""
    data = base64.b64encode(figure.svg("file").encode()).decode()
    return f'<img alt="{escaped(figure.alt)}" src="data:image/svg+xml;base64,{data}" />'


def drawings(figure: Figure) -> str:
    """For a host that takes one of the two."""
    return f"<svg>\x02{figure.svg()}\x03</svg><tikz>\x02{figure.tikz()}\x03</tikz>"


BODIES: Mapping[str, Callable[[Figure], str]] = {  # format -> how a figure stands in the page itself
    "html": Figure.svg,
    "latex": Figure.tikz,
    "typst": lambda figure: figure.svg("print"),
    "markdown": image,
    "parts": drawings,
}
ALWAYS = ("html", "latex", "typst")  # have their figures in the page; the others have them where they are asked for


def is_drawn(say: Speaker) -> bool:
    """Whether pages of this kind have figures: in themselves, or in files beside them."""
    return say.setting.format in ALWAYS or bool(say.setting.figures)


def figure_text(say: Speaker, figure: Figure) -> str:
    """The figure in a page: drawn there, or a link to its file."""
    inside = say.setting.format in ALWAYS or say.setting.figures == INSIDE
    return say.text(
        "figure",
        id=f"figure-{figure.name}",
        body=BODIES[say.setting.format](figure) if inside else "",
        link="" if inside else f"{say.setting.figures}-{figure.name}.svg",
        caption=figure.caption,
        alt=say.escape(figure.alt),
    )


# ---- networks


@dataclass(frozen=True, eq=False)
class Connection:
    """A weight or a bias in its place: from a neuron (None for a bias) to one of `layer`; the numbers are positions."""

    layer: int
    sender: int | None
    receiver: int
    leaf: Node
    entry: int

    @property
    def at(self) -> Array:
        return np.array([self.entry])

    @property
    def name(self) -> str:
        """Its canonical name."""
        return cell_names(self.leaf.cells, self.at)[0]


@dataclass(frozen=True, eq=False)
class Picture:
    """Makes the drawings of one worked network."""

    work: Worked

    @cached_property
    def tex(self) -> Symbols:
        """The symbols in the drawing: TeX, whatever the page around it is in."""
        return self.symbols_in(TEX)

    def symbols_in(self, m: Dialect) -> Symbols:
        net = self.work.network
        return Symbols(net.problem.writing.notation, len(net.layers), self.work.iteration, m=m)

    @cached_property
    def nodes(self) -> list[Node]:
        """The inputs, then the activations of each layer."""
        net = self.work.network
        return [net.inputs, *(layer.activation for layer in net.layers)]

    @cached_property
    def shown(self) -> list[list[int]]:
        """Which inputs and neurons are drawn."""
        sizes = [node.shape[0] for node in self.nodes]
        return [[*range(size)] if size <= MOST_IN_COLUMN else [*range(FIRST), size - 1] for size in sizes]

    @cached_property
    def connections(self) -> list[Connection]:
        """Every weight that is drawn."""
        return [each for number in range(1, len(self.nodes)) for each in self.weights_of(number)]

    def weights_of(self, number: int) -> Iterator[Connection]:
        layer = self.work.network.layers[number - 1]
        for receiver in self.shown[number]:
            for sender in self.shown[number - 1]:
                flat = receiver * layer.weights.shape[1] + sender
                if found := leaf_entry(layer.weights, flat):
                    yield Connection(number, sender, receiver, *found)

    @cached_property
    def biases(self) -> dict[tuple[int, int], Connection]:
        """The bias of each neuron that is drawn, by layer and position."""
        return {
            (number, receiver): Connection(number, None, receiver, *found)
            for number, layer in enumerate(self.work.network.layers, 1)
            for receiver in self.shown[number]
            if layer.biases is not None and (found := leaf_entry(layer.biases, receiver))
        }

    @property
    def fits(self) -> bool:
        return len(self.nodes) <= MOST_COLUMNS

    @cached_property
    def labelled(self) -> set[Connection]:
        """The weights and biases that have room for labels."""
        lines = Counter(each.layer for each in self.connections)
        return {each for each in (*self.connections, *self.biases.values()) if lines[each.layer] <= MOST_LABELS}

    # ---- texts

    def symbol(self, each: Connection) -> str:
        return self.tex.symbols(Quantity("value", each.leaf), each.at)[0]

    def number(self, quantity: Quantity, entry: int) -> str:
        return numbers_in(TEX, self.work.precision.texts(self.work.numbers[quantity].ravel()[entry : entry + 1]))[0]

    def both(self, each: Connection) -> str:
        return f"{self.symbol(each)} = {self.number(Quantity('value', each.leaf), each.entry)}"

    def gradient(self, each: Connection) -> Text | None:
        """Of a weight or bias that is trained; None where a bias only repeats the delta of its neuron."""
        trained = self.work.network.trained.get(each.leaf)
        if trained is None or not trained.ravel()[each.entry]:
            return None
        found = self.number(Quantity("adjoint", each.leaf), each.entry)
        z = self.work.network.layers[each.layer - 1].pre_activation
        if each.sender is None and z.shape[1] == 1 and self.number(Quantity("adjoint", z), each.receiver) == found:
            return None
        return Text(found, "gradient")

    def neuron_symbols(self, number: int, quantity: str = "") -> list[str]:
        """The symbols of a column, of no sample in particular."""
        node = self.nodes[number]
        assert isinstance(node.cells, Cells)
        cells = replace(node.cells, columns=("",), sampled=False)
        return self.tex.cell_symbols(cells, np.arange(len(cells.rows)), quantity)

    # ---- the three drawings

    def given(self, say: Speaker) -> Figure:
        """The network as it is given: symbols, and the numbers where there is room."""
        every = self.labelled
        drawing = self.drawn({each: Text(self.both(each)) for each in every}, given=True)
        if every and (drawing.width > WIDEST or interrupted(drawing) > MOST_INTERRUPTED):
            drawing = self.drawn({each: Text(self.symbol(each)) for each in every}, given=True)
        there = self.work.network.loss is not None
        symbol, called = (self.symbols_in(say.dialect).loss, lettering(self.tex.loss).plain) if there else ("", "")
        return self.figure("network", drawing, say, symbol, called)

    def values(self, say: Speaker, called: str = "values") -> Figure:
        """After both passes: under each neuron its value and its delta, on each line the gradient of its weight."""
        texts = {each: text for each in self.labelled if (text := self.gradient(each))}
        drawing = self.drawn(texts, numbers=self.work.network.samples == 1)
        return self.figure(called, drawing, say)

    def path(self, leaf: Node, entry: int, say: Speaker) -> Figure:
        """The ways from one weight or bias to the loss, strong; the rest pale."""
        every = [*self.connections, *self.biases.values()]
        starts = [each for each in every if (each.leaf, each.entry) == (leaf, entry)]
        strong, reached = set(starts), {(each.layer, each.receiver) for each in starts}
        for each in self.connections:  # from left to right
            if (each.layer - 1, each.sender) in reached:
                strong.add(each)
                reached.add((each.layer, each.receiver))
        texts = {each: Text(self.symbol(each)) for each in strong & self.labelled}
        name = cell_names(leaf.cells, np.array([entry]))[0]
        drawing = self.drawn(texts, strong=strong, reached=reached)
        symbol = self.symbols_in(say.dialect).symbols(Quantity("value", leaf), np.array([entry]))[0]
        return self.figure("path-" + re.sub(r"\W+", "-", name).strip("-"), drawing, say, symbol, name)

    def figure(self, name: str, drawing: Drawing, say: Speaker, symbol: str = "", called: str = "") -> Figure:
        """The drawing with its texts. They speak of the loss or the weight by its symbol, or as it is `called`."""
        kind, one = name.partition("-")[0], self.work.network.samples == 1
        of = self.work.network.loss is not None
        title, caption = (
            say.text(f"figure_{kind}_title", what=what, one=one, loss=of)
            for what in (called, say.text("mathematics", tex=symbol) if symbol else "")
        )
        alt = say.text(
            f"figure_{kind}_alt",
            what=called,
            one=one,
            loss=of,
            sizes=[str(node.shape[0]) for node in self.nodes],
            abbreviated=any(len(k) < node.shape[0] for k, node in zip(self.shown, self.nodes, strict=True)),
            biases=bool(self.biases),
        )
        return Figure(name, drawing, title, alt, caption)

    # ---- from the network to places and lines

    def drawn(
        self,
        texts: Mapping[Connection, Text],
        given: bool = False,
        numbers: bool = False,
        strong: set[Connection] | None = None,
        reached: set[tuple[int, int]] | None = None,
    ) -> Drawing:
        """The network. `given` adds what is given beside it, `numbers` what the passes find; `strong` is the path."""

        def tone(on_path: bool) -> str:
            return "normal" if strong is None else "strong" if on_path else "pale"

        joints = [
            Joint(
                f"{each.layer - 1}:{each.sender}",
                f"{each.layer}:{each.receiver}",
                "weight",
                each.name,
                texts.get(each),
                tone(strong is not None and each in strong),
            )
            for each in self.connections
        ]
        columns = [
            self.column(number, texts, given or numbers, numbers, strong, reached) for number in range(len(self.nodes))
        ]
        if self.work.network.loss is not None:
            last = len(self.nodes) - 1
            columns.append([self.loss_spot(given, numbers, tone(True))])
            joints += [
                Joint(f"{last}:{k}", "loss", "link", self.names(last)[k], None, tone((last, k) in (reached or ())))
                for k in self.shown[last]
            ]
        return layered(columns, joints, along=strong is None)

    def names(self, number: int) -> tuple[str, ...]:
        cells = self.nodes[number].cells
        assert isinstance(cells, Cells)
        return cells.rows

    def column(
        self,
        number: int,
        texts: Mapping[Connection, Text],
        inputs: bool,
        numbers: bool,
        strong: set[Connection] | None,
        reached: set[tuple[int, int]] | None,
    ) -> list[Spot]:
        """The inputs or the neurons of a layer, the middle of a large one as dots."""
        symbols, labels, single = self.neuron_symbols(number), self.names(number), self.work.network.samples == 1
        found = []
        for k in self.shown[number]:
            tone = "normal" if reached is None else "strong" if (number, k) in reached else "pale"
            value = self.number(Quantity("value", self.nodes[number]), k) if single else ""
            bias = self.biases.get((number, k))
            found.append(
                Spot(
                    key=f"{number}:{k}",
                    kind="neuron" if number else "input",
                    name=labels[k],
                    text=symbols[k],
                    round=number > 0,
                    left=(Text(value, "value"),) if inputs and single and not number else (),
                    under=self.found_at(number, k) if numbers and number else (),
                    bias=self.bias_joint(bias, texts.get(bias), strong) if bias else None,
                    tone=tone,
                )
            )
        if len(found) < self.nodes[number].shape[0]:
            found.insert(
                FIRST, Spot(f"{number}:dots", "dots", text=r"\vdots", tone="normal" if reached is None else "pale")
            )
        return found

    def bias_joint(self, bias: Connection, text: Text | None, strong: set[Connection] | None) -> Joint:
        tone = "normal" if strong is None else "strong" if bias in strong else "pale"
        return Joint("", "", "weight", bias.name, text, tone)

    def found_at(self, number: int, k: int) -> tuple[Text, ...]:
        """What the passes find at a neuron: its value and its delta."""
        layer = self.work.network.layers[number - 1]
        found = [Text(self.number(Quantity("value", layer.activation), k), "value")]
        delta = Quantity("adjoint", layer.pre_activation)
        return (*found, Text(self.number(delta, k), "gradient")) if delta in self.work.numbers else tuple(found)

    def loss_spot(self, given: bool, numbers: bool, tone: str) -> Spot:
        """The loss, with the targets under it where they are given, or its value."""
        net, beside = self.work.network, tuple[Text, ...]()
        assert net.targets is not None
        if numbers:
            beside = (Text(self.number(Quantity("value", net.end), 0), "value"),)
        elif given and net.samples == 1 and net.targets.size <= 4:
            quantity = Quantity("value", net.targets)
            symbols = self.tex.symbols(quantity, np.arange(net.targets.size))
            beside = tuple(Text(f"{symbol} = {self.number(quantity, k)}", "value") for k, symbol in enumerate(symbols))
        return Spot("loss", "loss", "E", self.tex.loss, right=beside, tone=tone)


def interrupted(drawing: Drawing) -> int:
    """How many times a line is interrupted."""
    return sum(len(part.lines) - 1 for part in drawing.parts if part.lines)


def leaf_entry(node: Node, flat: int) -> tuple[Node, int] | None:
    """The leaf that holds an entry, and where in it; None for a connection that does not exist."""
    if node.op != "take":
        return node, flat
    where = int(node.params["where"].ravel()[flat])
    return (node.parents[0], where) if where >= 0 else None


# ---- computational graphs


class OneLine(FormulaText):
    """Prints formulas on one line: a fraction as a/b."""

    def made(self, tree: Tree, least: int) -> tuple[str, int]:
        if tree.kind != "quotient":
            return super().made(tree, least)
        above, below = tree.parts
        return f"{self.text(above, PRODUCT)}/{self.text(below, PRODUCT + 1)}", PRODUCT


def graph_figure(work: WorkedGraph, say: Speaker) -> Figure | None:
    """The graph with the value of each node over it and its adjoint under it, and on each edge its partial."""
    columns = graph_columns(work)
    reads = [(node, each) for node in work.leading if node in work.formulas for each in names(work.formulas[node])]
    if len(columns) > MOST_COLUMNS or max(map(len, columns)) > MOST_IN_COLUMN or len(reads) > MOST_EDGES:
        return None
    spots = [[graph_spot(work, node) for node in column] for column in columns]
    joints = [graph_joint(work, Key("edge", node, each)) for node, each in reads]
    title = say.text("figure_graph_title")
    alt = say.text("figure_graph_alt", end=work.end, nodes=[*work.formulas], inputs=[*work.problem.input_names])
    return Figure("graph", layered(spots, joints), title, alt, title)


def graph_columns(work: WorkedGraph) -> list[list[str]]:
    """Each node one column after the last that it reads; an input right before the first that reads it."""
    place: dict[str, int] = {}
    for node in work.leading:
        if node in work.formulas:
            place[node] = 1 + max((place.get(each, 0) for each in names(work.formulas[node])), default=0)
    for each in work.leading:
        if each not in work.formulas:
            place[each] = (
                min(
                    (place[node] for node in place if node in work.formulas and each in names(work.formulas[node])),
                    default=1,
                )
                - 1
            )
    columns: list[list[str]] = [[] for _ in range(max(place.values()) + 1)]
    for node in work.leading:
        columns[place[node]].append(node)
    return [column for column in columns if column]


def graph_spot(work: WorkedGraph, node: str) -> Spot:
    value, adjoint = Key("value", node), Key("adjoint", node)
    text = name_in(TEX, node)
    if node in work.formulas:
        printer = OneLine(TEX, lambda name, alone: name_in(TEX, name), euler="e" not in work.leading)
        formula = printer.text(work.formulas[node], SUM)
        text = f"{text} = {formula}" if lettering(f"{text} = {formula}").width <= WIDEST_FORMULA else text
    over = (Text(printed(work, value), "value"),)
    under: tuple[Text, ...] = ()
    if adjoint in work.numbers:
        under = (Text(rf"d{name_in(TEX, work.end)}/d{name_in(TEX, node)} = {printed(work, adjoint)}", "gradient"),)
    return Spot(node, "node", node, text, over=over, under=under)


def graph_joint(work: WorkedGraph, edge: Key) -> Joint:
    text = None
    if edge in work.numbers:
        symbol = rf"\partial {name_in(TEX, edge.node)}/\partial {name_in(TEX, edge.by)}"
        text = Text(f"{symbol} = {printed(work, edge)}")
    return Joint(edge.by, edge.node, "edge", canonical_in_graph(work, edge), text)


def printed(work: WorkedGraph, key: Key) -> str:
    return numbers_in(TEX, work.precision.texts(np.array([work.numbers[key]])))[0]


# ---- names


def place_of(work: Worked, name: str) -> tuple[Node, int] | None:
    """The leaf and the entry of a weight or bias, by its canonical name."""
    net = work.network
    for leaf in net.given:
        quantity = leaf.cells.quantity if isinstance(leaf.cells, Cells) else "weight"
        if quantity in ("weight", "bias", "threshold"):
            known = cell_names(leaf.cells, np.arange(leaf.size))
            if name in known:
                return leaf, known.index(name)
    return None
