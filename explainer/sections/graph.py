"""The page of a computational graph: values, partials, forwards, backwards, side by side, and the paths."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..digits import number_in, numbers_in
from ..expressions import FUNCTIONS, SEVERAL, subtrees
from ..figures import Figure, figure_text, graph_figure, is_drawn
from ..graphs import Key, Line, Lines, WorkedGraph, numerical
from ..notation import name_in
from ..render import Speaker
from .closing import remarks

MOST_SWEEPS = 60  # lines of forward sweeps that are written out; above that, those of the first input alone
MOST_PATHS = 30  # paths that are written out


@dataclass(frozen=True)
class GraphPage:
    """What the sections share: the numbers, the lines, and how to say things."""

    work: WorkedGraph
    say: Speaker

    @cached_property
    def lines(self) -> Lines:
        return Lines(self.work, self.say.dialect)

    @property
    def figures(self) -> list[Figure]:
        found = graph_figure(self.work, self.say)
        return [found] if found else []

    @property
    def brief(self) -> bool:
        return self.work.problem.writing.detail == "brief"

    @property
    def end(self) -> str:
        return self.name(self.work.end)

    def name(self, node: str) -> str:
        return name_in(self.say.dialect, node)

    def listed(self, names: list[str]) -> str:
        return self.say.word("graph_and").join(self.say.text("mathematics", tex=self.name(each)) for each in names)

    def printed(self, key: Key) -> str:
        return numbers_in(self.say.dialect, [self.lines.text(key)])[0] if key in self.work.numbers else ""

    def steps(self, lines: list[Line]) -> Iterator[str]:
        for line in lines:
            origins = self.say.word("origin_separator").join(self.origins(line))
            yield self.say.text(
                "graph_step",
                n=str(line.n),
                stage=line.kind,
                node=self.name(line.key.node),
                left=line.left,
                lines=line.rights,
                from_steps=self.say.text("from_steps", origins=origins) if origins else "",
            )

    def origins(self, line: Line) -> Iterator[str]:
        for key in line.uses:
            n = str(self.lines.number_of[key])
            yield self.say.text("derivative_origin", symbol=self.lines.symbol(key), n=n)


def given(page: GraphPage) -> Iterator[str]:
    work, say = page.work, page.say
    inputs = [
        say.text("equation", left=page.name(each), right=page.printed(Key("value", each)))
        for each in work.problem.input_names
    ]
    yield say.text("graph_inputs", inputs=say.word("separator").join(inputs))
    for node in work.formulas:
        if node in work.leading:
            line = page.lines.all[Key("value", node)]
            yield say.text("graph_node", left=line.left, formula=line.formula)
    yield say.text("graph_nodes_end", end=page.end, inputs=page.listed(work.inputs))
    if is_drawn(say):
        yield from (figure_text(say, figure) for figure in page.figures)


def conventions(page: GraphPage) -> Iterator[str]:
    say, writing = page.say, page.work.problem.writing
    used = [part.text for tree in page.work.formulas.values() for part in subtrees(tree) if part.kind == "call"]
    kinked = dict.fromkeys("max" if each in SEVERAL else each for each in used if FUNCTIONS[each].kinked)
    unit, number = ("significant", writing.significant) if writing.digits is None else ("decimals", writing.digits)
    count = say.text(unit, count=number)
    others = [
        say.text("graph_convention_d", end=page.end),
        *(say.text("graph_convention_kink", kinked=each) for each in kinked),
    ]
    digits = say.text("graph_convention_digits", count=count, rounded=writing.carry == "rounded")
    yield say.text("conventions", items=[digits] if page.brief else [*others, digits])


def values(page: GraphPage) -> Iterator[str]:
    yield page.say.text("graph_values_opening")
    yield from page.steps(page.lines.of("value"))


def partials(page: GraphPage) -> Iterator[str]:
    yield page.say.text("graph_partials_opening", count=len(page.work.edges))
    yield from page.steps(page.lines.of("edge"))


def forwards(page: GraphPage) -> Iterator[str]:
    """One sweep for each input."""
    lines = page.lines.of("tangent")
    starts = page.work.inputs if len(lines) <= MOST_SWEEPS else page.work.inputs[:1]
    yield page.say.text("graph_forward_opening", several=len(page.work.inputs) > 1)
    for start in starts:
        yield page.say.text(
            "graph_sweep",
            start=page.name(start),
            of=page.say.dialect.ratio(page.name(start), page.name(start)) + " = 1",
        )
        yield from page.steps([line for line in lines if line.key.by == start])
    if len(starts) < len(page.work.inputs):
        yield page.say.text("graph_other_sweeps")


def backwards(page: GraphPage) -> Iterator[str]:
    of = page.say.dialect.ratio(page.end, page.end) + " = 1"
    yield page.say.text("graph_reverse_opening", end=page.end, of=of)
    yield from page.steps(page.lines.of("adjoint"))


def together(page: GraphPage) -> Iterator[str]:
    """Forwards and backwards side by side."""
    work, say, m = page.work, page.say, page.say.dialect
    tangents = [m.ratio(m.anything, page.name(each)) for each in work.inputs]
    yield say.text("graph_together_opening", inputs=page.listed(work.inputs), end=page.end)
    heads = [say.text("graph_forward_head", tex=tex) for tex in tangents]
    yield say.text("graph_together_table", heads=heads, reverse=m.ratio(page.end, m.anything))
    for node in work.moving:
        found = [page.printed(Key("tangent", node, each)) or "0" for each in work.inputs]
        yield say.text(
            "graph_together_row",
            node=page.name(node),
            value=page.printed(Key("value", node)),
            cells=[say.text("mathematics", tex=each) for each in found],
            reverse=page.printed(Key("adjoint", node)),
        )
    yield say.text("table_end")
    if len(work.inputs) > 1:
        rounded = work.problem.writing.carry == "rounded"
        yield say.text("graph_together_closing", end=page.end, count=len(work.inputs), rounded=rounded)


def paths(page: GraphPage) -> Iterator[str]:
    """The sum over all paths, and how much is done again and again in it."""
    work, say = page.work, page.say
    yield say.text("graph_paths_opening", count=work.path_count, end=page.end)
    if work.path_count <= MOST_PATHS:
        for start in work.inputs:
            found = [*work.paths(start)]
            ways = [say.dialect.to.join(map(page.name, (start, *(edge.node for edge in path)))) for path in found]
            yield say.text(
                "graph_paths",
                ways=say.word("separator").join(say.text("mathematics", tex=way) for way in ways),
                left=page.lines.symbol(Key("adjoint", start)),
                lines=page.lines.over_paths(start, found),
            )
    yield say.text("graph_counts_opening")
    yield say.text("graph_counts_table")
    for edge in work.edges:
        yield say.text("graph_counts_row", edge=page.lines.symbol(edge), times=str(work.times_taken[edge]))
    total = sum(work.times_taken.values())
    yield say.text("graph_counts_total", times=total, edges=len(work.edges))
    yield say.text("table_end")
    saved = work.path_multiplications - work.reverse_multiplications
    yield say.text(
        "graph_saved",
        paths=work.path_multiplications,
        reverse=work.reverse_multiplications,
        forward=work.forward_multiplications,
        times=total,
        edges=len(work.edges),
        saved=saved,
        small=saved <= 0,
    )


def check(page: GraphPage) -> Iterator[str]:
    work, say = page.work, page.say
    smooth = work.check.method == "complex step"
    yield say.text("graph_check", smooth=smooth, worst=worst_error(page, work.check.worst_relative_error))
    yield say.text("graph_check_table", check_name=say.text("check_name", smooth=smooth))
    for start, found in zip(work.inputs, numerical(work), strict=True):
        key = Key("adjoint", start)
        shown = numbers_in(say.dialect, work.precision.texts(np.array([found])))[0]
        yield say.text("graph_check_row", left=page.lines.symbol(key), printed=page.printed(key), check=shown)
    yield say.text("table_end")


def worst_error(page: GraphPage, found: float) -> str:
    return number_in(page.say.dialect, f"{found:.1e}") if found else "0"


Section = Callable[[GraphPage], Iterator[str]]
SECTIONS: list[tuple[str, Section, bool]] = [  # name, text, and whether a brief page has it
    ("given", given, True),
    ("conventions", conventions, True),
    ("values", values, True),
    ("partials", partials, False),
    ("forwards", forwards, False),
    ("backwards", backwards, False),
    ("together", together, True),
    ("paths", paths, False),
    ("check", check, True),
]


def graph_document(work: WorkedGraph, say: Speaker) -> Iterator[str]:
    """The page of a graph, piece by piece."""
    page = GraphPage(work, say)
    sections = [(name, text) for name, text, in_brief in SECTIONS if in_brief or not page.brief]
    contents = [[name, say.text("graph_section", chapter=name)] for name, _ in sections]
    yield say.text("begin", title=say.escape(work.problem.title), contents=contents)
    yield say.text("graph_question", end=page.end, inputs=page.listed(work.inputs))
    for (name, text), (_, title) in zip(sections, contents, strict=True):
        yield say.text("section", id=name, title=title)
        yield from text(page)
    yield from remarks(say, work.problem.remarks)
    yield say.text("end")
