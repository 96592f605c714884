"""What is said, in which order; how it is said is for the templates."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import sympy as sp

from .digits import tex_numbers, tex_power
from .formulas import Terms, definition, partials, renamed, slot, uses
from .graph import Node
from .networks import Built
from .notation import Quantity, Tex, tex_partial
from .ops import OPS, Array
from .render import Speaker
from .steps import Lines, Steps, backward_quantities, slots
from .typeset import BREAK, in_symbols, one_each
from .worked import Worked

MANY = 300  # weights above which `detail: normal` writes a table for each layer
FEW = 6  # origins that are named one by one


def document(work: Worked, say: Speaker) -> Iterator[str]:
    """The page of one derivation, piece by piece."""
    page = Page(work, say)
    sections = [(name, part) for name, part in SECTIONS if name in page.sections]
    contents = [[name, say.text("section_title", id=name)] for name, _ in sections]
    yield say.text("begin", title=say.escape(work.network.problem.title), contents=contents)
    yield from page.question()
    for name, part in sections:
        yield say.text("section", id=name, title=say.text("section_title", id=name))
        yield from part(page)
    yield say.text("end")


@dataclass(frozen=True)
class Page:
    """The sections of a page, each as a stream of text."""

    work: Worked
    say: Speaker

    @cached_property
    def steps(self) -> Steps:
        return Steps(self.work)

    @property
    def tex(self) -> Tex:
        return self.steps.tex

    @cached_property
    def count(self) -> int:
        """How many weights and biases are trained."""
        return sum(int(trained.sum()) for trained in self.work.network.trained.values())

    @cached_property
    def in_tables(self) -> bool:
        """Whether each layer is a table, rather than a step for each weight."""
        detail = self.work.network.problem.writing.detail
        size = sum(layer.weights.size for layer in self.work.network.layers)
        return detail == "brief" or (detail == "normal" and size > MANY)

    @property
    def brief(self) -> bool:
        return self.work.network.problem.writing.detail == "brief"

    @cached_property
    def sections(self) -> set[str]:
        problem, found = self.work.network.problem, {"given", "forward"}
        if not self.brief:
            found |= {"conventions", "equations"}
        if problem.loss is not None:
            found |= {"loss", "backward"}
        if self.work.network.trained:
            found |= {"helped", "summary"} if self.brief else {"update", "helped", "summary"}
        return found

    # ---- before the first step

    def question(self) -> Iterator[str]:
        net, say = self.work.network, self.say
        sizes = "-".join(str(node.size) for node in (net.inputs, *(layer.activation for layer in net.layers)))
        if net.problem.loss is None:
            yield say.text("question_forward", sizes=sizes)
        else:
            yield say.text("question", sizes=sizes, parameters=self.count, loss=self.tex.loss)

    def given(self) -> Iterator[str]:
        net, say = self.work.network, self.say
        targets = next((node for node in net.given if node.name == "t"), None)
        yield say.text(
            "given",
            inputs=self.equalities(net.inputs) if net.inputs.size <= MANY else str(net.inputs.size),
            targets=self.equalities(targets) if targets is not None else "",
            rate=self.equalities(net.learning_rate) if net.learning_rate in net.given else "",
        )
        for number, layer in enumerate(net.layers, 1):
            yield say.text("given_layer", number=number, function=say.text("function_name", name=layer.activation.op))
            labels = net.problem.layers[number - 1].labels
            if layer.weights.size > MANY:
                yield say.text("given_many", first=labels[0], last=labels[-1], count=layer.weights.size)
                continue
            weights = [self.equalities(layer.weights, row) for row in np.arange(layer.weights.size).reshape(layer.weights.shape)]
            rows = [[label, cell] for label, cell in zip(labels, weights, strict=True)]
            if layer.biases is not None:
                for row, place in zip(rows, range(len(labels)), strict=True):
                    row.append(self.equalities(layer.biases, np.array([place])))
            yield say.text("given_weights", rows=rows, biases=layer.biases is not None)

    def equalities(self, node: Node, entries: Array | None = None) -> str:
        """W_13 = 0.03, W_23 = 0.04: given entries and their numbers. A connection that does not exist is left out."""
        entries = np.arange(node.size) if entries is None else entries
        if node.op == "take":
            where = node.params["where"].ravel()[entries]
            node, entries = node.parents[0], where[where >= 0]
        quantity = Quantity("value", node)
        numbers = tex_numbers(self.steps.plain(quantity, entries)[0])
        symbols = self.steps.symbols(quantity, entries)
        return self.say.text("separator").join(self.say.rows("equation", len(entries), left=symbols, right=numbers))

    def conventions(self) -> Iterator[str]:
        yield self.say.text("conventions", items=list(self.convention_items()))

    def convention_items(self) -> Iterator[str]:
        net, say, tex = self.work.network, self.say, self.tex
        problem, writing = net.problem, net.problem.writing
        first = net.layers[-1]
        sender = net.layers[-2].activation if len(net.layers) > 1 else net.inputs
        if first.weights.op == "leaf" and not first.weights.cells.own:  # type: ignore[union-attr]
            one = np.array([0])
            weight, from_, to = (tex.symbols(Quantity("value", n), one)[0] for n in (first.weights, sender, first.pre_activation))
            yield say.text("convention_index", weight=weight, sender=from_, receiver=to)
        z = tex.general("pre_activation", "j")
        if z.startswith("e"):
            yield say.text("convention_euler", symbol=z)
        if problem.loss is not None:
            loss = net.loss_terms if net.loss_terms is not None else net.end
            (partial,) = partials(loss)
            y, t = self.tex.symbols(Quantity("value", loss.parents[0]), np.array([0]))[0], self.tex.symbols(Quantity("value", loss.parents[1]), np.array([0]))[0]
            ratio, slope = tex_partial(tex.loss, y), in_symbols(partial.term.pattern, [[y], [t]], 1)[0]
            half = problem.loss.name == "half_squared_error"
            yield say.text("convention_half" if half else "convention_no_half", derivative=f"{ratio} = {slope}")
            delta = tex.general("delta", "j")
            yield say.text("convention_delta", equation=f"{delta} = {tex_partial(tex.loss, z)}")
        if net.trained:
            yield say.text("convention_old")
        for value in sorted({layer.bias_input for layer in problem.layers if layer.biases is not None and layer.bias_input != 1}):
            yield say.text("convention_bias_input", value=f"{value:g}")
        if any(OPS[layer.activation.op].kinked for layer in net.layers):
            yield say.text("convention_relu")
        if problem.frozen:
            yield say.text("convention_frozen", names=self.frozen_names())
        count = say.text("significant", count=writing.significant) if writing.digits is None else say.text("decimals", count=writing.digits)
        yield say.text("convention_rounded" if writing.carry == "rounded" else "convention_full", count=count)

    def frozen_names(self) -> str:
        found = []
        for leaf, trained in self.work.network.trained.items():
            entries = np.flatnonzero(~trained.ravel())
            found += [self.say.text("mathematics", tex=s) for s in self.steps.symbols(Quantity("value", leaf), entries)]
        return self.say.text("separator").join(found)

    def equations(self) -> Iterator[str]:
        say, formulas = self.say, general_equations(self.work, self.tex)
        yield say.text("equations", items=[say.text(f"equation_{n}", **tex) for n, tex in formulas.items()])
        yield say.text("equations_note")
        for name in dict.fromkeys(layer.activation.op for layer in self.work.network.layers):
            function, slope = general_function(self.work, self.tex, name)
            yield say.text("equation_function", name=say.text("function_name", name=name), function=function, slope=slope)

    # ---- forward

    def forward(self) -> Iterator[str]:
        for number, layer in enumerate(self.work.network.layers, 1):
            yield self.say.text("layer", number=number, output=False)
            yield from (self.forward_table if self.in_tables else self.forward_steps)(layer)

    def forward_steps(self, layer: Built) -> Iterator[str]:
        found = [*self.steps.forward(layer)]
        activation = found[-1]
        function = self.say.text("function_name", name=layer.activation.op)
        first = 0
        for z in found[:-1]:
            part = slice(first, first + len(z))
            yield self.say.block(
                "forward_neuron",
                len(z),
                label=[*map(self.say.escape, layer.activation.cells.rows[part])],  # type: ignore[union-attr]
                n=numbers(z),
                z=z.symbols,
                z_lines=right_sides(z),
                z_from=self.origins(z),
                m=numbers(activation)[part],
                y=activation.symbols[part],
                y_lines=tuple(side[part] for side in right_sides(activation)),
                function=function,
            )
            first += len(z)

    def forward_table(self, layer: Built) -> Iterator[str]:
        z, y = Quantity("value", layer.pre_activation), Quantity("value", layer.activation)
        entries = np.arange(layer.activation.size)
        if not self.brief:
            equations = general_equations(self.work, self.tex)
            yield self.say.text("forward_note", equations=self.both(equations["1"]["tex"], equations["2"]["tex"]))
        yield self.say.text("forward_table", z=self.tex.general("pre_activation", "j"), y=self.tex.general("activation", "j"))
        yield self.say.block(
            "forward_row",
            len(entries),
            label=[*map(self.say.escape, layer.activation.cells.rows)],  # type: ignore[union-attr]
            n=self.numbers_of(z, entries),
            m=self.numbers_of(y, entries),
            z_printed=self.printed(z, entries),
            y_printed=self.printed(y, entries),
        )
        yield self.say.text("table_end")

    def both(self, *equations: str) -> str:
        return self.say.text("separator").join(self.say.text("mathematics", tex=tex) for tex in equations)

    # ---- loss

    def loss(self) -> Iterator[str]:
        yield self.say.text("loss_opening", several=self.work.network.loss_terms is not None)
        yield from self.loss_lines(self.steps.loss())

    def loss_lines(self, found: Iterator[Lines]) -> Iterator[str]:
        for lines in found:
            yield self.say.block(
                "loss_line",
                len(lines),
                n=numbers(lines),
                symbol=lines.symbols,
                lines=right_sides(lines),
                from_steps=self.origins(lines),
            )

    # ---- backward

    def backward(self) -> Iterator[str]:
        net = self.work.network
        if not self.brief:
            yield self.say.text("backward_opening")
        layers = [*zip(range(len(net.layers), 0, -1), reversed(net.layers), reversed(self.steps.parameters), strict=True)]
        for number, layer, parameters in layers:
            yield self.say.text("layer", number=number, output=layer is net.layers[-1])
            yield from (self.backward_table if self.in_tables else self.backward_steps)(layer)
            if not self.brief:
                yield from (self.gradient_table if self.in_tables else self.gradient_steps)(layer, parameters)

    def backward_steps(self, layer: Built) -> Iterator[str]:
        *adjoints, slopes, deltas = self.steps.backward(layer)
        first = 0
        for adjoint in adjoints:
            part = slice(first, first + len(adjoint))
            yield self.say.block(
                "backward_neuron",
                len(adjoint),
                output=layer is self.work.network.layers[-1],
                label=[*map(self.say.escape, layer.activation.cells.rows[part])],  # type: ignore[union-attr]
                n=numbers(adjoint),
                a=adjoint.symbols,
                a_lines=right_sides(adjoint),
                a_from=self.origins(adjoint),
                m=numbers(slopes)[part],
                s=slopes.symbols[part],
                s_lines=tuple(side[part] for side in right_sides(slopes)),
                s_from=self.origins(slopes)[part],
                p=numbers(deltas)[part],
                d=deltas.symbols[part],
                d_lines=tuple(side[part] for side in right_sides(deltas)[1:]),
                y=self.steps.symbols(Quantity("value", layer.activation), adjoint.entries),
                z=self.steps.symbols(Quantity("value", layer.pre_activation), adjoint.entries),
                loss=self.tex.loss,
                function=self.say.text("function_name", name=layer.activation.op),
            )
            first += len(adjoint)

    def backward_table(self, layer: Built) -> Iterator[str]:
        entries = np.arange(layer.activation.size)
        quantities = [Quantity(what, node) for what, node in backward_quantities(layer)]
        y, z = self.tex.general("activation", "j"), self.tex.general("pre_activation", "j")
        if not self.brief:
            equations = general_equations(self.work, self.tex)
            hidden = layer is not self.work.network.layers[-1]
            yield self.say.text("backward_note", equations=self.both(*([equations["3"]["tex"]] if hidden and "3" in equations else []), equations["4"]["tex"]))
        yield self.say.text("backward_table", a=tex_partial(self.tex.loss, y), s=tex_partial(y, z), d=self.tex.general("delta", "j"))
        columns = {name: self.printed(q, entries) for name, q in zip(("a_printed", "s_printed", "d_printed"), quantities, strict=True)}
        places = {name: self.numbers_of(q, entries) for name, q in zip("nmp", quantities, strict=True)}
        labels = [*map(self.say.escape, layer.activation.cells.rows)]  # type: ignore[union-attr]
        yield self.say.block("backward_row", len(entries), label=labels, **places, **columns)
        yield self.say.text("table_end")

    # ---- gradients

    def gradient_steps(self, layer: Built, parameters: Sequence[tuple[Node, Array]]) -> Iterator[str]:
        first = True
        for lines in self.steps.gradients(parameters):
            fields = self.gradient_fields(lines)
            paths, sides, origins = self.paths(lines), right_sides(lines), self.origins(lines)
            if first:
                heads = {name: value if isinstance(value, str) else value[0] for name, value in fields.items()}
                yield self.chain(lines, path=paths[0], lines_=[side[0] for side in sides], from_steps=origins[0], **heads)
                fields = {name: value if isinstance(value, str) else value[1:] for name, value in fields.items()}
                paths, sides, origins = paths[1:], tuple(side[1:] for side in sides), origins[1:]
            yield self.say.block("gradient", len(paths), path=paths, lines=sides, from_steps=origins, **fields)
            first = False

    def gradient_fields(self, lines: Lines) -> dict[str, Any]:
        check = self.work.check
        assert check is not None
        shown = self.work.precision.texts(check.numerical[lines.quantity.node].ravel()[lines.entries])
        return {
            "n": numbers(lines),
            "w": self.steps.symbols(Quantity("value", lines.quantity.node), lines.entries),
            "loss": self.tex.loss,
            "g": lines.symbols,
            "check": tex_numbers(shown),
            "check_name": self.say.text("check_name", smooth=check.method == "complex step"),
        }

    def chain(self, lines: Lines, lines_: list[str], **fields: Any) -> str:
        """The first gradient of a layer with the whole chain: dE/dY * dY/dz * dz/dw, once for each use."""
        whole, factors, terms = [], [], []
        w = fields["w"]
        for group in lines.terms:
            for place in np.flatnonzero(group.owner == 0).tolist():
                z, one = group.quantities[0].node, group.entries[0][place : place + 1]
                y = self.steps.reads[z][0][0]
                adjoint, slope, value = Quantity("adjoint", y), Quantity("slope", y), Quantity("value", z)
                z_symbol = self.steps.symbols(value, one)[0]
                partial = tex_partial(z_symbol, w)
                whole.append(r" \cdot ".join([self.steps.symbols(adjoint, one)[0], self.steps.symbols(slope, one)[0], partial]))
                y_symbol = self.steps.symbols(Quantity("value", y), one)[0]
                worked = self.steps.lines("adjoint", adjoint, one, uses(self.steps.reads, y, one))
                factors.append(self.say.text("chain_adjoint", equation=in_one_line(worked), n=numbers(worked)[0], y=y_symbol))
                function = self.say.text("function_name", name=y.op)
                worked = self.steps.lines("slope", slope, one, self.steps.slope_terms(y, one))
                factors.append(self.say.text("chain_slope", equation=in_one_line(worked), n=numbers(worked)[0], function=function))
                rest = [(q, e[place : place + 1]) for q, e in slots(group)[1:]]
                pattern = without_first(group.pattern)
                equation = f"{partial} = {in_symbols(pattern, [self.steps.symbols(q, e) for q, e in rest], 1)[0]}"
                shown = [tex_numbers(self.steps.plain(q, e)[0])[0] for q, e in rest]
                factors.append(self.say.text("chain_partial", equation=" = ".join([equation, *shown]), z=z_symbol, w=w))
                product = sp.Mul(slot(0), slot(1), *([] if pattern == 1 else [renamed(pattern, {k: k + 2 for k in range(len(rest))})]), evaluate=False)
                terms.append(Terms(product, (adjoint, slope, *(q for q, _ in rest)), (one, one, *(e for _, e in rest)), np.array([0])))
        whole_numbers = []
        if not self.steps.carried:  # carried by hand, the product of three need not round as delta times activation does
            made = self.steps.lines("gradient", lines.quantity, lines.entries[:1], terms)
            whole_numbers = [made.numbers[0], made.printed[0]]
        return self.say.text("chain", lines=lines_, whole=" + ".join(whole), factors=factors, whole_numbers=whole_numbers, several=len(terms) > 1, **fields)

    def gradient_table(self, layer: Built, parameters: Sequence[tuple[Node, Array]]) -> Iterator[str]:
        equations = general_equations(self.work, self.tex)["5"]
        yield self.say.text("gradient_note", equations=self.both(*filter(None, equations.values())))
        yield self.say.text("gradient_table", g=tex_partial(self.tex.loss, self.tex.general("weight", "j", "i")))
        for lines in self.steps.gradients(parameters):
            fields = self.gradient_fields(lines)
            columns = {name: fields[name] for name in ("n", "w", "check")}
            yield self.say.block(
                "gradient_row", len(lines), formula=lines.formulas, numbers=lines.numbers, printed=lines.printed, **columns
            )
        yield self.say.text("table_end")

    def paths(self, lines: Lines) -> list[str]:
        r"""W_13 \to e_3 \to Y_3 \to ... \to E for each row; one path for each use."""
        starts = self.steps.symbols(Quantity("value", lines.quantity.node), lines.entries)
        ways = [(self.onward[group.quantities[0].node], group) for group in lines.terms]
        if len(ways) == 1 and one_each(ways[0][1].owner, len(lines)):
            ((onward, group),) = ways
            return [rf"{start} \to {onward[k]}" for start, k in zip(starts, group.entries[0].tolist(), strict=True)]
        found: list[list[str]] = [[] for _ in range(len(lines))]
        for onward, group in ways:
            for row, neuron in zip(group.owner.tolist(), group.entries[0].tolist(), strict=True):
                found[row].append(rf"{starts[row]} \to {onward[neuron]}")
        return [r",\; ".join(paths) for paths in found]

    @cached_property
    def onward(self) -> dict[Node, list[str]]:
        """For each neuron of each layer, the way from its pre-activation to the loss."""
        net, found = self.work.network, {}
        for at, layer in enumerate(net.layers):
            z, y = (self.steps.symbols(Quantity("value", n), np.arange(n.size)) for n in (layer.pre_activation, layer.activation))
            known: dict[tuple[int, ...], str] = {}
            rows = []
            for neuron in range(len(z)):
                reached = tuple(self.reached(at, (neuron,)))
                if reached not in known:
                    known[reached] = self.rest_of_path(at, reached)
                rows.append(rf"{z[neuron]} \to {y[neuron]} \to {known[reached]}")
            found[layer.pre_activation] = rows
        return found

    def reached(self, at: int, neurons: Sequence[int]) -> list[int]:
        """The neurons of the next layer that some of these lead to."""
        net = self.work.network
        if at + 1 == len(net.layers):
            return []
        weights = net.layers[at + 1].weights
        there = weights.params["where"] >= 0 if weights.op == "take" else np.ones(weights.shape, bool)
        return np.flatnonzero(there[:, list(neurons)].any(axis=1)).tolist()

    def rest_of_path(self, at: int, reached: Sequence[int]) -> str:
        net, parts = self.work.network, []
        while reached:
            at += 1
            for node in (net.layers[at].pre_activation, net.layers[at].activation):
                parts.append(some(self.steps.symbols(Quantity("value", node), np.array(reached))))
            reached = self.reached(at, reached)
        return r" \to ".join([*parts, self.tex.loss])

    # ---- update

    def update(self) -> Iterator[str]:
        yield self.say.text("update_opening")
        if self.in_tables:
            yield self.say.text("update_table")
        for parameters in self.steps.parameters:
            for lines in self.steps.updates(parameters):
                old = self.steps.symbols(Quantity("value", lines.quantity.node), lines.entries)
                if self.in_tables:
                    yield self.say.block("update_row", len(lines), n=numbers(lines), w=old, numbers=lines.numbers, printed=lines.printed)
                    continue
                yield self.say.block(
                    "update",
                    len(lines),
                    n=numbers(lines),
                    w=lines.symbols,
                    lines=right_sides(lines),
                    from_steps=self.origins(lines),
                    sign=self.signs(lines, old),
                )
        if self.in_tables:
            yield self.say.text("table_end")

    def signs(self, lines: Lines, symbols: Sequence[str]) -> list[str]:
        """What the sign of each gradient means for its weight."""
        gradient = self.work.of("adjoint", lines.quantity.node).ravel()[lines.entries]
        said = {sign: self.say.rows(f"sign_{name}", len(symbols), w=symbols) for sign, name in ((-1, "negative"), (0, "zero"), (1, "positive")) if (np.sign(gradient) == sign).any()}
        return [said[sign][k] for k, sign in enumerate(np.sign(gradient).astype(int).tolist())]

    # ---- after the last step

    def helped(self) -> Iterator[str]:
        net, say = self.work.network, self.say
        outputs, *losses = self.steps.loss_after()
        equations = say.rows("equation", len(outputs), left=outputs.symbols, right=outputs.printed)
        yield say.text("helped_opening", outputs=say.text("separator").join(equations))
        if not self.brief:
            yield from self.loss_lines(iter(losses))
        before, after = self.work.loss_before, self.work.loss_after
        assert before is not None and after is not None
        verdict = "better" if after < before else "worse" if after > before else "same"
        shown = tex_numbers(self.work.precision.texts(np.array([before, after])))
        yield say.text(f"verdict_{verdict}", before=rf"{self.tex.loss} = {shown[0]}", after=f"{tex_primed_loss(self.tex)} = {shown[1]}")

    def summary(self) -> Iterator[str]:
        check, net = self.work.check, self.work.network
        assert check is not None
        worst = tex_power(f"{check.worst_relative_error:.1e}")
        yield self.say.text("summary_opening", smooth=check.method == "complex step", worst=worst, rounded=self.steps.carried)
        if self.count > MANY:
            yield self.say.text("summary_many", count=self.count)
            return
        yield self.say.text("summary_table", updates=True)
        for parameters in self.steps.parameters:
            for leaf, entries in parameters:
                value, gradient, new = (Quantity(what, leaf) for what in ("value", "adjoint", "updated"))
                yield self.say.block(
                    "summary_row",
                    len(entries),
                    w=self.steps.symbols(value, entries),
                    old=self.printed(value, entries),
                    gradient=self.printed(gradient, entries),
                    check=tex_numbers(self.work.precision.texts(check.numerical[leaf].ravel()[entries])),
                    new=self.printed(new, entries),
                    n=self.numbers_of(gradient, entries),
                    m=self.numbers_of(new, entries),
                )
        yield self.say.text("table_end")

    # ---- small things

    def printed(self, quantity: Quantity, entries: Array) -> list[str]:
        return tex_numbers(self.steps.plain(quantity, entries)[0])

    def numbers_of(self, quantity: Quantity, entries: Array) -> list[str]:
        return [*map(str, self.steps.numbering[quantity][entries].tolist())]

    def origins(self, lines: Lines) -> list[str]:
        """Which step each number of a row comes from, as ` (Y_1: step 2, Y_2: step 4)`; nothing where all is given."""
        known = [
            (quantity, entries, group.owner)
            for group in lines.terms
            for quantity, entries in slots(group)
            if quantity in self.steps.numbering and quantity != lines.quantity
        ]
        if not known:
            return [""] * len(lines)
        if all(one_each(owner, len(lines)) for _, _, owner in known):
            columns = [self.origin_column(quantity, entries) for quantity, entries, _ in known]
            separator = self.say.text("separator")
            joined = columns[0] if len(columns) == 1 else [separator.join(row) for row in zip(*columns, strict=True)]
            return self.say.rows("from_steps", len(lines), origins=joined)
        found: list[list[tuple[Quantity, int]]] = [[] for _ in range(len(lines))]
        for quantity, entries, owner in known:
            for row, entry in zip(owner.tolist(), entries.tolist(), strict=True):
                found[row].append((quantity, entry))
        said: dict[tuple[tuple[Quantity, int], ...], str] = {}
        keys = [tuple(dict.fromkeys(row)) for row in found]
        for key in dict.fromkeys(keys):
            said[key] = self.origin_text(key)
        return [said[key] for key in keys]

    def origin_column(self, quantity: Quantity, entries: Array) -> list[str]:
        """`Y_1: step 2` for each entry."""
        if quantity.node.size > len(entries):
            symbols, steps = self.steps.symbols(quantity, entries), self.numbers_of(quantity, entries)
            return self.say.rows("origin", len(entries), symbol=symbols, n=steps)
        every = np.arange(quantity.node.size)
        texts = self.say.rows("origin", len(every), symbol=self.steps.symbols(quantity, every), n=self.numbers_of(quantity, every))
        return [texts[k] for k in entries.tolist()]

    def origin_text(self, origins: Sequence[tuple[Quantity, int]]) -> str:
        if not origins:
            return ""
        by_quantity: dict[Quantity, list[int]] = {}
        for quantity, entry in origins:
            by_quantity.setdefault(quantity, []).append(entry)
        return self.say.text("from_steps", origins=self.say.text("separator").join(self.origin_parts(by_quantity)))

    def origin_parts(self, by_quantity: dict[Quantity, list[int]]) -> Iterator[str]:
        for quantity, entries in by_quantity.items():
            symbols, steps = self.steps.symbols(quantity, np.array(entries)), self.numbers_of(quantity, np.array(entries))
            if len(entries) <= FEW:
                yield from self.say.rows("origin", len(entries), symbol=symbols, n=steps)
            else:
                yield self.say.text("origins", first=symbols[0], last=symbols[-1], first_n=steps[0], last_n=steps[-1])


SECTIONS = [
    ("given", Page.given),
    ("conventions", Page.conventions),
    ("equations", Page.equations),
    ("forward", Page.forward),
    ("loss", Page.loss),
    ("backward", Page.backward),
    ("update", Page.update),
    ("helped", Page.helped),
    ("summary", Page.summary),
]


def numbers(lines: Lines) -> list[str]:
    return [*map(str, lines.numbers_of_steps.tolist())]


def right_sides(lines: Lines) -> tuple[Sequence[str], ...]:
    """Symbols, numbers, result: each but those that only repeat the next."""
    sides = [side for side in (lines.formulas, lines.numbers) if side != lines.printed]
    return (*sides, lines.printed)


def in_one_line(lines: Lines) -> str:
    """The first row as one equation; a sum too long for a line is left to its own step."""
    sides = [side[0] for side in right_sides(lines) if BREAK not in side[0]]
    return " = ".join([lines.symbols[0], *sides])


def without_first(pattern: Any) -> Any:
    """The partial of a chain-rule term: its pattern without the adjoint in slot 0."""
    if pattern == slot(0):
        return sp.Integer(1)
    rest = [part for part in pattern.args if part != slot(0)]
    count = len(pattern.free_symbols) - 1
    partial = rest[0] if len(rest) == 1 else sp.Mul(*rest, evaluate=False)
    return renamed(partial, {k + 1: k for k in range(count)})


def some(symbols: Sequence[str]) -> str:
    """A few symbols as they are, many by the first and the last."""
    return ", ".join(symbols) if len(symbols) <= 3 else rf"{symbols[0]}, \dots, {symbols[-1]}"


def tex_primed_loss(tex: Tex) -> str:
    return f"{tex.loss}'"


# ---- the equations in general


def general_equations(work: Worked, tex: Tex) -> dict[str, dict[str, str]]:
    """The numbered equations, at neurons i, j and k, as this network needs them."""
    net = work.network
    z, y, y_i = tex.general("pre_activation", "j"), tex.general("activation", "j"), tex.general("activation", "i")
    w, e = tex.general("weight", "j", "i"), tex.loss
    delta, g = tex.general("delta", "j"), tex_partial(e, w)
    biased = [layer for layer in net.problem.layers if layer.biases is not None]
    b = tex.general("threshold" if biased and biased[0].bias_input < 0 else "bias", "j")
    sign = {True: "-", False: "+"}[bool(biased and biased[0].bias_input < 0)]
    found = {"1": {"tex": rf"{z} = \sum_i {w} {y_i}" + (f" {sign} {b}" if biased else "")}, "2": {"tex": f"{y} = f({z})"}}
    if net.problem.loss is None:
        return found
    if len(net.layers) > 1:
        found["3"] = {"tex": rf"{tex_partial(e, y_i)} = \sum_j {delta} {w}"}
    found["4"] = {"tex": rf"{delta} = {tex_partial(e, z)} = {tex_partial(e, y)} \, f'({z})"}
    if net.trained:
        of_bias = rf"{tex_partial(e, b)} = {'-' if sign == '-' else ''}{delta}" if biased else ""
        found["5"] = {"tex": rf"{g} = {delta} {y_i}", "bias": of_bias}
        found["6"] = {"tex": rf"{tex.general('weight', 'j', 'i').replace('_', chr(39) + '_', 1)} = {w} - {tex.learning_rate} {g}"}
    return found


def general_function(work: Worked, tex: Tex, name: str) -> tuple[str, str]:
    """f(e) = ... and f'(e) = ... of an activation."""
    node = next(layer.activation for layer in work.network.layers if layer.activation.op == name)
    z, y = tex.general("pre_activation", "j"), tex.general("activation", "j")
    (term,), (partial,) = definition(node), partials(node)
    function = in_symbols(term.pattern, [[z]], 1)[0]
    slope = in_symbols(partial.term.pattern, [[y if read.argument < 0 else z] for read in partial.term.reads], 1)[0]
    return f"f({z}) = {function}", f"f'({z}) = {slope}"
