"""The slope of each activation and of the loss, from its formula to the form that the page uses, rule by rule."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from ..dialects import Dialect
from ..expressions import FUNCTIONS, SEVERAL, Tree, read_once, substituted, subtrees, symbol
from ..formulas import partials, plain
from ..graph import Node
from ..problem import Choice
from ..rules import Derived, Formulas, derived, is_chained, rules_used
from .opening import general_function, loss_slope, slope_node
from .page import Page

Piece = tuple[str, str]  # where a formula holds (a key of WHERE), and the formula
TRIVIAL = ("constant", "variable")  # rules that need no line

WHERE: Mapping[str, Callable[[Dialect, float], str]] = {  # "" is everywhere
    "above 0": lambda m, number: "z > 0",
    "below 0": lambda m, number: "z < 0",
    "near": lambda m, number: f"{m.bars_low('t - y')} {m.le} {number:g}",
    "far": lambda m, number: f"{m.bars_low('t - y')} > {number:g}",
}
PIECES: Mapping[str, Callable[[Mapping[str, Any]], Sequence[Piece]]] = {  # in z; a loss in y and t
    "identity": lambda n: [("", "z")],
    "sigmoid": lambda n: [("", "1/(1+exp(-z))")],
    "tanh": lambda n: [("", "(exp(z)-exp(-z))/(exp(z)+exp(-z))")],
    "relu": lambda n: [("above 0", "z"), ("below 0", "0*z")],
    "leaky_relu": lambda n: [("above 0", "z"), ("below 0", f"{n['slope']:g}*z")],
    "elu": lambda n: [("above 0", "z"), ("below 0", f"{n['alpha']:g}*(exp(z)-1)" if n["alpha"] != 1 else "exp(z)-1")],
    "softplus": lambda n: [("", "ln(1+exp(z))")],
    "silu": lambda n: [("", "z/(1+exp(-z))")],
    "gelu": lambda n: (
        [("", "z/2*(1+erf(z/sqrt(2)))")]
        if not n.get("approximate")
        else [("", "z/2*(1+tanh(sqrt(2/pi)*(z+0.044715*z^3)))")]
    ),
    "softmax": lambda n: [("", "exp(z)/(exp(z)+c)"), ("", "exp(w)/(exp(z)+c)")],
    "half_squared_error": lambda n: [("", "(t-y)^2/2")],
    "squared_error": lambda n: [("", "(t-y)^2")],
    "mean_squared_error": lambda n: [("", f"(t-y)^2/{n['outputs']}")],
    "absolute_error": lambda n: [("", "abs(t-y)")],
    "huber": lambda n: [("near", "(t-y)^2/2"), ("far", f"{n['delta']:g}*(abs(t-y)-{n['delta'] / 2:g})")],
    "hinge": lambda n: [("", "max(0,1-t*y)")],
    "multiclass_hinge": lambda n: [("", f"max(0,y-r+{n['margin']:g})")],
    "binary_cross_entropy": lambda n: [("", "-(t*ln(y)+(1-t)*ln(1-y))")],
    "cross_entropy": lambda n: [("", "-(t*ln(y))")],
}


def pieces_of(choice: Choice, outputs: int, argument: str) -> list[tuple[str, Tree]]:
    """The formulas of an activation (in z) or a loss (in y and t), with where each holds."""
    if choice.name == "function":
        names = {symbol("s0"): symbol(argument), symbol("s1"): symbol("t")}
        return [("", substituted(choice.numbers["expression"], names))]
    return [(where, read_once(text)) for where, text in PIECES[choice.name]({**choice.numbers, "outputs": outputs})]


def slopes(page: Page) -> Iterator[str]:
    """An appendix: the rules, then each function."""
    net, problem = page.work.network, page.work.network.problem
    count = len(problem.target_names)
    functions: dict[Any, tuple[str, Choice, Node | None]] = {}
    for made, layer in zip(net.layers, problem.layers, strict=True):
        functions.setdefault((made.activation.op, plain(made.activation)), ("z", layer.activation, made.activation))
    if problem.loss is not None:
        functions["loss"] = ("y", problem.loss, None)
    found = {
        key: [(where, derived(tree, variable)) for where, tree in pieces_of(choice, count, variable)]
        for key, (variable, choice, _) in functions.items()
    }
    every = [each for pieces in found.values() for _, each in pieces]
    formulas = Formulas(every[0], page.m)
    rules = [rule for rule in rules_used(*every) if rule not in TRIVIAL]
    yield page.say.text(
        "slopes_opening",
        loss=page.has_loss,
        rules=[
            page.say.text("derivative_rule", named=page.say.text("rule_name", rule=rule), tex=formulas.rule(rule))
            for rule in rules
        ],
    )
    for key, (variable, choice, node) in functions.items():
        name = page.say.word("function_name", name=node.op) if node is not None else ""
        yield page.say.text("slope_title", name=name, loss=key == "loss")
        yield from one_function(page, choice, found[key], variable)
        yield from ending_lines(page, node)


def one_function(page: Page, choice: Choice, pieces: Sequence[tuple[str, Derived]], variable: str) -> Iterator[str]:
    softmax, number = choice.name == "softmax", choice.numbers.get("delta", 0.0)
    if softmax:
        yield page.say.text("slope_softmax")
    for place, (where, found) in enumerate(pieces):
        formula = Formulas(found, page.m, "E" if variable == "y" else "y")
        if softmax:
            yield page.say.text("slope_softmax_part", itself=place == 0)
        condition = WHERE[where](page.m, number) if where else ""
        yield page.say.text(
            "slope_of",
            condition=condition,
            variable=formula.variable,
            left=formula.result,
            lines=[formula(found.formula)],
        )
        yield from steps(page, found, formula)
    for part in dict.fromkeys(
        part.text for _, each in pieces for part in subtrees(each.formula) if part.kind == "call"
    ):
        if part in SEVERAL or FUNCTIONS[part].kinked:
            yield page.say.text("derivative_kink", kinked="max" if part in SEVERAL else part)


def steps(page: Page, found: Derived, formula: Formulas) -> Iterator[str]:
    """A line for each rule but the trivial ones, and the short form."""
    shown = [step for step in found.steps if step.rule not in TRIVIAL] or [found.steps[-1]]
    for step in shown:
        yield page.say.text(
            "slope_step",
            named=page.say.text("rule_name", rule=step.rule),
            chained=is_chained(step),
            left=formula.slope_of(step.of),
            lines=list(dict.fromkeys((formula(step.at_first), formula(step.result)))),
        )
    if found.ending:
        which, lines = found.ending
        texts = list(dict.fromkeys([formula(found.steps[-1].result), *map(formula, lines)]))
        yield page.say.text(
            "derivative_short", ending=which.name, symbol=formula.result, left=formula.whole, lines=texts
        )


def ending_lines(page: Page, node: Node | None) -> Iterator[str]:
    """The slope as the rest of the page writes it."""
    if node is not None:
        yield page.say.text("slope_closing", slope=general_function(node, page.symbol)[1])
        return
    loss = slope_node(page)
    if len(partials(loss)) == 1:
        yield page.say.text("slope_closing", slope=loss_slope(page))
