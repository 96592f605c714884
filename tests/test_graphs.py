"""Computational graphs: published ones are reproduced, two ways agree, every line recomputes, paths are counted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from tex_numbers import equations, is_number, value_of

import explainer
from explainer.derivation import GraphDerivation
from explainer.digits import Precision
from explainer.graphs import Key, canonical, worked_graph
from explainer.problem import GraphProblem, problem_from_text

CASES = [
    case for case in yaml.safe_load((Path(__file__).parent / "cases_graph.yaml").read_text("utf-8")) if "spec" in case
]
COLAH = "inputs: {a: 2, b: 1}\ngraph:\n  c: a + b\n  d: b + 1\n  e: c * d\ndifferentiate: e\n"


def problem(spec: dict[str, Any], **options: Any) -> GraphProblem:
    found = problem_from_text(json.dumps(spec), "graph.json", **options)
    assert isinstance(found, GraphProblem)
    return found


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_a_published_graph_is_reproduced(case: dict[str, Any]) -> None:
    derivation = explainer.explain(problem(case["spec"]))
    for name, number in case["values"].items():
        assert derivation.values[name] == pytest.approx(number, rel=1e-14, abs=1e-14), name
    assert derivation.check is not None
    assert derivation.check.worst_relative_error < 1e-9
    work = worked_graph(problem(case["spec"]))
    taken = {canonical(work, edge): times for edge, times in work.times_taken.items()}
    assert case.get("taken", {}).items() <= taken.items()


@pytest.mark.parametrize(
    "writing", [{}, {"carry": "rounded"}, {"digits": 3}, {"significant": 3, "carry": "rounded"}], ids=str
)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_every_step_of_a_graph_recomputes(case: dict[str, Any], writing: dict[str, Any]) -> None:
    found = json.loads("".join(explainer.explain(problem(case["spec"], **writing)).text("json")))
    precision = Precision(writing.get("significant", 5), writing.get("digits"))
    for step in found["iterations"][0]["steps"]:
        value, result = value_of(step["numbers"]), value_of(step["printed"])
        if writing.get("carry") == "rounded":
            assert float(precision.texts(np.array([value]))[0]) == pytest.approx(result, rel=1e-12), step
        else:
            assert abs(value - result) <= float(precision.unit(np.array(result))) * (1 + 1e-6), step
        assert step["uses"] == [used for used in step["uses"] if int(used[1:]) < int(step["id"][1:])]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_every_line_of_the_page_of_a_graph_recomputes(case: dict[str, Any]) -> None:
    page = "".join(explainer.explain(problem(case["spec"])).text("markdown"))
    lines = [rights for _, *rights in equations(page) if len(rights) > 2 and is_number(rights[-1])]
    assert lines
    for *_, numbers, result in lines:
        unit = float(Precision().unit(np.array(value_of(result))))
        assert abs(value_of(numbers) - value_of(result)) <= unit * (1 + 1e-6), numbers


def test_a_path_is_a_product_and_paths_add_up() -> None:
    work = worked_graph(problem_from_text(COLAH))  # type: ignore[arg-type]
    products = [[work.numbers[edge] for edge in path] for path in work.paths("b")]
    assert sorted(float(np.prod(product)) for product in products) == [2, 3]
    assert sum(float(np.prod(product)) for product in products) == work.numbers[Key("adjoint", "b")] == 5
    assert (work.path_count, sum(work.times_taken.values()), len(work.edges)) == (3, 6, 5)
    assert (work.path_multiplications, work.reverse_multiplications, work.forward_multiplications) == (3, 3, 3)


def test_the_paths_of_a_ladder_double_with_every_rung_and_its_edges_do_not() -> None:
    graph = {"n1": "x + 1"} | {f"n{k}": f"n{k - 1} * sin(n{k - 2})" for k in range(3, 41)} | {"n2": "x*n1"}
    work = worked_graph(problem({"inputs": {"x": 0.9}, "graph": graph, "differentiate": "n40"}))
    assert work.path_count > 10**7
    assert work.reverse_multiplications < 100
    page = "".join(GraphDerivation(work.problem).text("markdown"))
    assert f"{work.path_count} paths" in page


def test_nodes_may_stand_in_any_order_and_need_not_all_lead_to_the_end() -> None:
    spec = {"inputs": {"x": 2, "q": 7}, "graph": {"f": "2*g", "g": "x^2", "aside": "x*q"}, "differentiate": "f"}
    values = explainer.explain(problem(spec)).values
    assert (values["f"], values["df/dx"], values["df/dq"], values["aside"]) == (8, 8, 0, 14)


def test_an_edge_into_the_end_has_a_name_of_its_own() -> None:
    values = explainer.explain(
        problem({"inputs": {"a": 3}, "graph": {"c": "a^2", "e": "c*a"}, "differentiate": "e"})
    ).values
    assert (values["de/da"], values["de/da|edge"], values["dc/da"], values["de/dc|edge"]) == (27, 9, 6, 3)


def test_at_a_kink_the_check_is_a_central_difference_and_the_slope_the_convention() -> None:
    spec = {"inputs": {"x": 0, "y": 0}, "graph": {"f": "relu(x) + max(x, y) + abs(y)"}, "differentiate": "f"}
    derivation = explainer.explain(problem(spec))
    assert (derivation.values["df/dx"], derivation.values["df/dy"]) == (0.5, 0.5)
    assert derivation.check is not None
    assert derivation.check.method == "central difference"


def test_a_node_without_a_value_is_an_error_that_names_it() -> None:
    spec = {"inputs": {"x": -1}, "graph": {"c": "x - 1", "d": "ln(c)", "e": "d + 1"}, "differentiate": "e"}
    with pytest.raises(explainer.ExplainerError, match=r"^d is nan"):
        explainer.explain(problem(spec))


FAULTS = {
    "  c: a + b\n  d: b + k\n": "net.yaml:4:10: unknown name 'k'; a formula here may use a, b, c, d, pi",
    '  c: a + b\n  d: "b + k"\n': "net.yaml:4:11: unknown name 'k'; a formula here may use a, b, c, d, pi",
    "  c: 9^9^9\n  d: b\n": "net.yaml:3:7: an exponent beyond 64; stay within 64",
    "  c: d\n  d: c\n": "net.yaml:3:3: c depends on itself; let each node use earlier ones only",
    "  a: b + 1\n  d: b\n": "net.yaml:3:3: a is the name of an input too; give one of them another name",
    "  exp: a\n  d: b\n": "net.yaml:3:3: exp already has a meaning in formulas; choose another name",
    "  c: a\n  e: b\n": "net.yaml:5:16: d is no node of the graph; ",
    "  c: a\n  d: b\nview: matrix\n": "net.yaml:5:7: view matrix of a graph; leave it out: every node is a single number",
    "  c: a\n  d: b\nreduction: sum\n": "net.yaml:5:1: 'reduction' beside 'graph'; keep one of the two",
    "  c: a\n  d: b\nwith_respect_to: [q]\n": "net.yaml:5:19: q is no input; ",
}


@pytest.mark.parametrize("graph", FAULTS)
def test_a_faulty_graph_is_refused_at_its_place(graph: str) -> None:
    with pytest.raises(explainer.InputError) as error:
        problem_from_text(f"inputs: {{a: 2, b: 1}}\ngraph:\n{graph}differentiate: d\n", "net.yaml")
    assert str(error.value.faults[0]).startswith(FAULTS[graph])


def test_a_graph_takes_one_sample_and_something_to_differentiate() -> None:
    with pytest.raises(explainer.InputError, match="2 samples for a graph"):
        problem_from_text("inputs: {a: [1, 2]}\ngraph: {c: a}\ndifferentiate: c\n")
    with pytest.raises(explainer.InputError, match="no 'differentiate'"):
        problem_from_text("inputs: {a: 1}\ngraph: {c: a}\n")


def test_the_remarks_of_a_graph_stand_at_its_end() -> None:
    found = problem_from_text("inputs: {a: 2}\ngraph: {c: a*a}\ndifferentiate: c\nremarks: ['Twice a,  or 4.']\n")
    assert "".join(explainer.explain(found).text("markdown")).rstrip().endswith("## Remarks\n\n- Twice a, or 4.")


# ---- networks with formulas

NETWORK = """\
inputs: {X1: 2, X2: -1}
targets: {T: 0.9, U: 0.2}
layers:
  - {neurons: 2, activation: "FIRST", weights: [[0.1, 0.2], [0.3, -0.4]], biases: [0.1, -0.1]}
  - {neurons: 2, activation: "SECOND", weights: [[0.5, -0.2], [0.1, 0.7]]}
loss: LOSS
optimizer: {sgd: {learning_rate: 0.5}}
"""
SAME = [  # the same network with names and with formulas
    (("sigmoid", "tanh", "half_squared_error"), ("1/(1+exp(-z))", "(exp(z)-exp(-z))/(exp(z)+exp(-z))", "0.5*(t-y)^2")),
    (("relu", "identity", "squared_error"), ("max(z, 0)", "1*z", "(t-y)^2")),
    (("softplus", "sigmoid", "binary_cross_entropy"), ("ln(1+exp(z))", "sigmoid(z)", "-(t*ln(y)+(1-t)*ln(1-y))")),
    (("silu", "identity", "absolute_error"), ("z*sigmoid(z)", "z + 0", "abs(t-y)")),
]


def network(*parts: str) -> str:
    text = NETWORK
    for place, part in zip(("FIRST", "SECOND", "LOSS"), parts, strict=True):
        text = text.replace(place, part)
    return text


@pytest.mark.parametrize(("by_name", "by_formula"), SAME)
def test_a_network_of_formulas_is_the_network_of_their_names(
    by_name: tuple[str, ...], by_formula: tuple[str, ...]
) -> None:
    named, written = (explainer.explain(problem_from_text(network(*each))).values for each in (by_name, by_formula))
    for key, number in named.items():
        if key in written:
            assert written[key] == pytest.approx(number, rel=1e-12, abs=1e-15), key
    assert {key for key in named if key.startswith(("dE/d", "W'", "b'"))} <= written.keys() | {"dE/dY[3]", "dE/dY[4]"}


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("to", ["markdown", "latex", "html", "json"])
def test_a_network_of_formulas_has_a_page(to: str, language: str) -> None:
    text = network("max(0.1*z, z)", "z*sigmoid(1.5*z)", "0.5*(t-y)^2 + 0.1*abs(y)")
    page = "".join(explainer.explain(problem_from_text(text, language=language)).text(to))
    assert "1.5" in page
    assert "0.1" in page


def test_a_formula_is_printed_as_it_was_written_and_its_slope_as_textbooks_have_it() -> None:
    page = "".join(explainer.explain(problem_from_text(network("1/(1+exp(-z))", "0.5*z", "0.5*(t-y)^2"))).text())
    assert r"f(e_{j}) = \frac{1}{1 + e^{-e_{j}}}`$, with the slope $`f'(e_{j}) = Y_{j} (1 - Y_{j})" in page
    assert "0.5 e_{j}" in page
    assert r"0.5 (T - Y_{3})^{2}" in page


@pytest.mark.parametrize(
    ("parts", "fault"),
    [
        (("1/(1+exp(-x))", "tanh", "squared_error"), ":4:41: unknown name 'x'; a formula here may use z, pi"),
        (("2*pi", "tanh", "squared_error"), ":4:30: the formula '2*pi' has no z; let it depend on it"),
        (("tanh", "tanh", "(t-y)^2 + z"), ":6:17: unknown name 'z'; a formula here may use t, y, pi"),
        (("tanh", "tanh", "9**9**9**9"), ":6:11: an exponent beyond 64"),
        (("z + __import__('os')", "tanh", "(t-y)^2"), ":4:35: the character '_' in a formula"),
    ],
)
def test_a_faulty_formula_is_refused_at_its_column_in_the_spec(parts: tuple[str, ...], fault: str) -> None:
    with pytest.raises(explainer.InputError) as error:
        problem_from_text(network(*parts), "net.yaml")
    assert f"net.yaml{fault}" in str(error.value)
