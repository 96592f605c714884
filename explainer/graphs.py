"""A computational graph worked out: every value, the partial of every edge, and both ways of putting them together.

edge      from a node to one that reads it; its partial is the derivative along that edge alone
adjoint   d(end)/d(node), all ways together: found backwards, from the end
tangent   d(node)/d(input), all ways together: found forwards, one sweep for each input
path      edges that lead from an input to the end, one after the other
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from .derivatives import VALUE, computed, derivative, recognised, slope_in_value
from .dialects import TEX, Dialect
from .digits import Precision, numbers_in, operands_in
from .errors import CheckFailed, ExplainerError
from .expressions import SLOPES, Tree, largest_part, names, number, substituted, subtrees, symbol, value
from .formula_text import FormulaText
from .graph import Cells, Node, apply, leaf, order
from .notation import name_in
from .problem import GraphProblem
from .render import Speaker
from .typeset import in_lines
from .values import (
    Backward,
    Check,
    Values,
    backward,
    by_hand,
    central,
    complex_step,
    forward,
    in_fractions,
    is_near_kink,
)


class Key(NamedTuple):
    """One number of a worked graph."""

    what: str  # value, edge, adjoint or tangent
    node: str  # the node; of an edge, the one that reads
    by: str = ""  # of an edge the node that is read, of a tangent the input


@dataclass(frozen=True)
class WorkedGraph:
    """All numbers of a graph. With `carry: rounded` each is rounded when found and carried so."""

    problem: GraphProblem
    precision: Precision
    numbers: Mapping[Key, float]
    check: Check

    @property
    def end(self) -> str:
        return self.problem.differentiate

    @cached_property
    def formulas(self) -> dict[str, Tree]:
        return dict(self.problem.nodes)

    @cached_property
    def leading(self) -> list[str]:
        """The nodes and inputs that lead to the end, and the end: each after those it reads."""
        found = leading(self.problem)
        return [each for each in (*self.problem.input_names, *self.formulas) if each in found]

    @cached_property
    def inputs(self) -> list[str]:
        """The inputs to differentiate by, as far as they lead to the end."""
        return [each for each in self.problem.with_respect_to if each in self.leading]

    @cached_property
    def depends(self) -> dict[str, set[str]]:
        """For each of those inputs, the nodes on a way from it to the end."""
        found: dict[str, set[str]] = {each: {each} for each in self.inputs}
        for node in self.leading:
            for each in self.inputs:
                if node in self.formulas and found[each] & set(names(self.formulas[node])):
                    found[each].add(node)
        return found

    @cached_property
    def moving(self) -> list[str]:
        """What lies on a way from one of the inputs to the end."""
        every: set[str] = set().union(*self.depends.values()) if self.depends else set()
        return [node for node in self.leading if node in every]

    @cached_property
    def edges(self) -> list[Key]:
        """Every edge on such a way, by the node that reads."""
        return [
            Key("edge", node, read)
            for node in self.moving
            if node in self.formulas
            for read in names(self.formulas[node])
            if read in self.moving
        ]

    def uses(self, node: str) -> list[str]:
        """The nodes that read this one, on the way to the end."""
        return [edge.node for edge in self.edges if edge.by == node]

    # ---- paths

    @cached_property
    def counts(self) -> dict[str, int]:
        """How many paths lead from each node to the end."""
        found = {self.end: 1}
        for node in reversed(self.moving):
            if node != self.end:
                found[node] = sum(found[user] for user in self.uses(node))
        return found

    @property
    def path_count(self) -> int:
        return sum(self.counts[each] for each in self.inputs)

    @cached_property
    def times_taken(self) -> dict[Key, int]:
        """How often the sum over all paths takes the partial of each edge."""
        arriving = {each: int(each in self.inputs) for each in self.moving}
        for edge in self.edges:
            arriving[edge.node] += arriving[edge.by]
        return {edge: arriving[edge.by] * self.counts[edge.node] for edge in self.edges}

    @property
    def path_multiplications(self) -> int:
        """Of the sum over all paths: one fewer than its path has edges, for each path."""
        return sum(self.times_taken.values()) - self.path_count

    @property
    def reverse_multiplications(self) -> int:
        """Of the reverse sweep: one for each edge; at the end itself the factor is 1 and takes none."""
        return sum(edge.node != self.end for edge in self.edges)

    @property
    def forward_multiplications(self) -> int:
        """Of the forward sweeps: one for each edge in each sweep, but for the edges out of its input."""
        return sum(edge.by in self.depends[each] and edge.by != each for each in self.inputs for edge in self.edges)

    def paths(self, start: str) -> Iterator[list[Key]]:
        """Every path from an input to the end, as edges."""
        pending: list[tuple[str, list[Key]]] = [(start, [])]
        while pending:
            node, so_far = pending.pop()
            if node == self.end:
                yield so_far
            for user in reversed(self.uses(node)):
                pending.append((user, [*so_far, Key("edge", user, node)]))


def leading(problem: GraphProblem) -> set[str]:
    """What the end depends on, and the end."""
    formulas, found = dict(problem.nodes), {problem.differentiate}
    for node, tree in reversed(problem.nodes):
        if node in found:
            found |= set(names(tree))
    return found | {problem.differentiate} if formulas else found


def worked_graph(problem: GraphProblem) -> WorkedGraph:
    """Every number of the graph, each derivative found forwards and backwards and checked by differences."""
    precision = Precision(problem.writing.significant, problem.writing.digits)
    bare = WorkedGraph(problem, precision, {}, Check("complex step", 0.0, {}))
    found = all_numbers(bare, float)
    check = checked(bare, found)
    if problem.writing.carry == "rounded":
        found = all_numbers(bare, lambda number: float(precision.texts(np.array([number]))[0]))
    return WorkedGraph(problem, precision, found, check)


def all_numbers(work: WorkedGraph, rounding: Callable[[Any], float]) -> dict[Key, float]:
    problem, carried = work.problem, work.problem.writing.carry == "rounded"

    def worked(tree: Tree, known: Mapping[str, float]) -> Any:
        return by_hand(lambda **given: value(tree, given), **known) if carried else value(tree, known)

    def product(one: float, other: float) -> Any:
        return in_fractions(one) * in_fractions(other) if carried else one * other

    values = {each: rounding(number) for each, number in zip(problem.input_names, problem.inputs, strict=True)}
    for node, tree in problem.nodes:
        values[node] = rounding(finite(node, worked(recognised(tree), values)))
    found = {Key("value", node): number for node, number in values.items()}
    for edge in work.edges:
        tree = work.formulas[edge.node]
        partial = slope_in_value(tree, edge.by) if carried else computed(derivative(recognised(tree), edge.by))
        slope = worked(partial, {**values, VALUE.text: values[edge.node]})
        found[edge] = rounding(finite(f"d{edge.node}/d{edge.by}", slope))
    for each in work.inputs:
        for node in work.moving:
            if node in work.depends[each]:
                ways = [product(found[edge], found[Key("tangent", edge.by, each)]) for edge in into(work, node, each)]
                found[Key("tangent", node, each)] = 1.0 if node == each else rounding(sum(ways))
    for node in reversed(work.moving):
        ways = [product(found[Key("adjoint", user)], found[Key("edge", user, node)]) for user in work.uses(node)]
        found[Key("adjoint", node)] = 1.0 if node == work.end else rounding(sum(ways))
    return found


def into(work: WorkedGraph, node: str, start: str) -> list[Key]:
    """The edges into a node that lie on a way from the input `start`."""
    return [edge for edge in work.edges if edge.node == node and edge.by in work.depends[start]]


def finite(what: str, worked: Any) -> Any:
    """A number, or the fraction that it is."""
    found = np.asarray(worked).item()
    if not np.isfinite(float(found)):
        raise ExplainerError(f"{what} is {float(found):g}; choose inputs at which the formula has a value")
    return found


def checked(work: WorkedGraph, found: Mapping[Key, float]) -> Check:
    """Forwards against backwards, against the vjp of the operations, and against the end with an input changed."""
    nodes: dict[str, Node] = {}
    given: Values = {}
    for each, given_number in zip(work.problem.input_names, work.problem.inputs, strict=True):
        nodes[each] = leaf(each, (), Cells("node", own={0: each}))
        given[nodes[each]] = np.array(given_number)
    for node, tree in work.problem.nodes:
        read = names(tree)
        slots = substituted(tree, {symbol(each): symbol(f"s{k}") for k, each in enumerate(read)})
        cells = Cells("node", own={0: node})
        nodes[node] = apply("formula", *(nodes[each] for each in read), name=node, cells=cells, expression=slots)
    end = nodes[work.end]
    if not work.inputs:
        return Check("complex step", 0.0, {})
    values = forward(end, given)
    found_backwards: Backward = backward(end, values, {nodes[each] for each in work.inputs})
    known = {key.node: number for key, number in found.items() if key.what == "value"}
    terms = (largest_part(derivative(work.formulas[edge.node], edge.by), known) for edge in work.edges)
    scale = max(*(abs(n) for key, n in found.items() if key.what in ("tangent", "adjoint", "edge")), *terms)
    for each in work.inputs:
        forwards, backwards = found[Key("tangent", work.end, each)], found[Key("adjoint", each)]
        vjp = float(found_backwards.adjoints[nodes[each]])
        if not max(abs(forwards - backwards), abs(vjp - backwards)) <= 1e-9 * abs(backwards) + 1e-12 * scale:
            raise CheckFailed(f"two derivations of d{work.end}/d{each} disagree; please report this")
    smooth = not any(is_near_kink(node, values) for node in order(end))
    numerical: Values = {}
    worst = 0.0
    for each in work.inputs:
        own = np.array(found[Key("adjoint", each)])
        numerical[nodes[each]] = (complex_step if smooth else central)(end, values, nodes[each], own)
        size = max(abs(float(own)), 1e-6 * scale, 1e-300)
        worst = max(worst, abs(float(numerical[nodes[each]] - own)) / size)
    if not worst < (1e-9 if smooth else 1e-3):
        raise CheckFailed(
            f"a derivative differs from its numerical check by {worst:.1e} of its size; please report this"
        )
    return Check("complex step" if smooth else "central difference", worst, numerical)


def numerical(work: WorkedGraph) -> list[float]:
    """What the check found for each input."""
    return [float(found) for found in work.check.numerical.values()]


# ---- names


def canonical(work: WorkedGraph, key: Key) -> str:
    if key.what == "value":
        return key.node
    if key.what == "adjoint":
        return f"d{work.end}/d{key.node}"
    along = f"d{key.node}/d{key.by}"
    if key.what == "tangent":
        return f"{along}|forward"
    return f"{along}|edge" if key.node == work.end else along


def named(work: WorkedGraph) -> Iterator[tuple[str, float]]:
    """(canonical name, number) of every quantity."""
    for key, found in work.numbers.items():
        if key != Key("adjoint", work.end) and not (key.what == "tangent" and key.node == key.by):
            yield canonical(work, key), found
    for each in work.problem.with_respect_to:
        if each not in work.leading:
            yield f"d{work.end}/d{each}", 0.0


# ---- lines: symbols, numbers, result


@dataclass(frozen=True)
class Line:
    """One step: a formula in symbols, the same in numbers, and its result. Texts are formulas without delimiters."""

    n: int
    kind: str
    key: Key
    left: str
    formula: str
    numbers: str
    printed: str
    uses: tuple[Key, ...]

    @property
    def rights(self) -> list[str]:
        """The right sides, each but those that only repeat the next."""
        sides = [side for side in (self.formula, self.numbers) if side != self.printed]
        return [*dict.fromkeys(sides), self.printed]


KINDS = {"value": "node", "edge": "partial", "tangent": "forward", "adjoint": "reverse"}


class Lines:
    """Makes the steps of a graph: values, partials, the forward sweeps, the reverse sweep, in this order."""

    def __init__(self, work: WorkedGraph, m: Dialect = TEX) -> None:
        self.work, self.m = work, m
        self.carried = work.problem.writing.carry == "rounded"
        taken = {*work.problem.input_names, *work.formulas}
        self.printer = FormulaText(m, self.symbol_of, euler="e" not in taken)
        self.number_of = {key: n for n, (key, _) in enumerate(self.trees, 1)}

    @cached_property
    def trees(self) -> list[tuple[Key, Tree]]:
        """What every step finds, and the formula by which it does; names in it are those of `key_name`."""
        work = self.work
        found: list[tuple[Key, Tree]] = []
        for node in work.leading:
            if node in work.formulas:
                found.append((Key("value", node), in_keys(work.formulas[node])))
        for edge in work.edges:
            partial = slope_in_value(work.formulas[edge.node], edge.by)
            found.append((edge, in_keys(substituted(partial, {VALUE: symbol(edge.node)}))))
        for each in work.inputs:
            for node in work.moving:
                if node in work.depends[each] and node != each:
                    ways = [(edge, Key("tangent", edge.by, each)) for edge in into(work, node, each)]
                    found.append((Key("tangent", node, each), sum_of_products(ways)))
        for node in reversed(work.moving):
            if node != work.end:
                ways = [(Key("adjoint", user), Key("edge", user, node)) for user in work.uses(node)]
                found.append((Key("adjoint", node), sum_of_products(ways)))
        return found

    @cached_property
    def all(self) -> dict[Key, Line]:
        return {key: self.line(key, tree) for key, tree in self.trees}

    def of(self, what: str) -> list[Line]:
        return [line for key, line in self.all.items() if key.what == what]

    def line(self, key: Key, tree: Tree) -> Line:
        operands = [key_of(text) for text in names(tree)]
        printed = numbers_in(self.m, [self.text(key)])[0]
        symbols, numbers = (
            in_terms(self.printer, tree, SYMBOLS_PER_LINE),
            self.in_numbers(tree, operands, self.work.numbers[key]),
        )
        uses = tuple(each for each in operands if each in self.number_of)
        return Line(self.number_of[key], KINDS[key.what], key, self.symbol(key), symbols, numbers, printed, uses)

    def over_paths(self, start: str, paths: Sequence[Sequence[Key]]) -> list[str]:
        """The right sides of the sum over some paths from an input: in symbols, in numbers, and the result."""
        products = [
            Tree("product", tuple(symbol(key_name(edge)) for edge in reversed(path)))
            if len(path) > 1
            else symbol(key_name(path[0]))
            for path in paths
        ]
        tree = products[0] if len(products) == 1 else Tree("sum", tuple(products))
        operands = [key_of(text) for text in names(tree)]
        found = float(value(tree, {key_name(edge): self.work.numbers[edge] for edge in operands}))
        numbers = self.in_numbers(tree, operands, found)
        printed = numbers_in(self.m, self.work.precision.texts(np.array([found]), keep_zeros=self.carried))[0]
        return [*dict.fromkeys((in_terms(self.printer, tree, SYMBOLS_PER_LINE), numbers, printed))]

    def text(self, key: Key, extra: int = 0) -> str:
        given = key.what == "value" and key.node not in self.work.formulas
        keep = self.carried and not given
        return self.work.precision.texts(np.array([self.work.numbers[key]]), extra, keep_zeros=keep)[0]

    def in_numbers(self, tree: Tree, operands: Sequence[Key], result: float) -> str:
        """The formula with numbers put in, with as many digits as it takes for the line to recompute."""
        known = {key_name(key): self.work.numbers[key] for key in operands}
        flat = {
            part: number(round(float(value(part, known)), 15).__str__().removesuffix(".0"))
            for part in subtrees(tree)
            if part.kind == "call" and part.text in SLOPES
        }
        tree = substituted(tree, {part: signed(found) for part, found in flat.items()})
        target = float(self.work.precision.texts(np.array([result]))[0])
        unit = float(self.work.precision.unit(np.array(target))) * (1 + 1e-9)
        texts: dict[str, str] = {}
        for extra in range(self.work.precision.most_extra + 1):
            texts = {key_name(key): self.text(key, extra) for key in operands}
            shown = float(value(tree, {text: float(found) for text, found in texts.items()}))
            if self.carried or abs(shown - target) <= unit:
                break
        m = self.m
        printer = FormulaText(
            m, lambda text, alone: (numbers_in if alone else operands_in)(m, [texts[text]])[0], True, self.printer.euler
        )
        return in_terms(printer, tree, NUMBERS_PER_LINE)

    # ---- symbols

    def symbol_of(self, text: str, alone: bool) -> str:
        return self.symbol(key_of(text))

    def symbol(self, key: Key) -> str:
        """A value by its name, a partial along one edge with round d, all ways together with straight d."""
        own = name_in(self.m, key.node)
        if key.what == "value":
            return own
        if key.what == "edge":
            return self.m.partial(own, name_in(self.m, key.by))
        if key.what == "tangent":
            return self.m.ratio(own, name_in(self.m, key.by))
        return self.m.ratio(name_in(self.m, self.work.end), own)


SYMBOLS_PER_LINE, NUMBERS_PER_LINE = 7, 10  # factors of a long sum of products


def in_terms(printer: FormulaText, tree: Tree, per_line: int) -> str:
    """A sum of products in lines of a few; any other formula as it is."""
    products = tree.kind == "sum" and any(part.kind == "product" for part in tree.parts)
    if not products:
        return printer.text(tree)
    longest = max(len(part.parts) for part in tree.parts)
    return in_lines(printer.m, [printer.text(part) for part in tree.parts], max(1, per_line // max(longest, 1)))


def signed(found: Tree) -> Tree:
    """A number with its sign as a tree."""
    return Tree("minus", (number(found.text[1:]),)) if found.text.startswith("-") else found


def key_name(key: Key) -> str:
    return "|".join(key)


def key_of(text: str) -> Key:
    what, node, by = text.split("|")
    return Key(what, node, by)


def in_keys(tree: Tree) -> Tree:
    return substituted(tree, {symbol(each): symbol(key_name(Key("value", each))) for each in names(tree)})


def sum_of_products(ways: Sequence[tuple[Key, Key]]) -> Tree:
    products = [Tree("product", (symbol(key_name(a)), symbol(key_name(b)))) for a, b in ways]
    return products[0] if len(products) == 1 else Tree("sum", tuple(products))


# ---- JSON


def graph_record(work: WorkedGraph, say: Speaker) -> Iterator[str]:
    """The derivation as JSON: the schema `explainer.derivation/1`."""
    lines, writing = Lines(work), work.problem.writing
    precision = {"significant": writing.significant} if writing.digits is None else {"digits": writing.digits}
    steps = [
        {
            "id": f"S{line.n}",
            "kind": line.kind,
            "name": canonical(work, line.key),
            "latex": TEX.in_one_line(line.formula),
            "numbers": TEX.in_one_line(line.numbers),
            "printed": line.printed,
            "value": work.numbers[line.key],
            "uses": [f"S{n}" for n in sorted(lines.number_of[key] for key in line.uses)],
            "reason": say.text("graph_reason", stage=line.kind),
        }
        for line in lines.all.values()
    ]
    check = {"method": work.check.method, "worst_relative_error": work.check.worst_relative_error}
    whole = {
        "schema": "explainer.derivation/1",
        "title": work.problem.title,
        "notation": writing.notation.name,
        "carry": writing.carry,
        **precision,
        "iterations": [{"values": dict(named(work)), "steps": steps, "check": check}],
    }
    yield json.dumps(whole, ensure_ascii=False, indent=1, allow_nan=False) + "\n"
