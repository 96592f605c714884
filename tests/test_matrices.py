"""The matrix view: its equations hold, its shapes are those of the arrays, and what is printed recomputes."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from networks import EXAMPLES, example, layered, problem_of, random_spec
from test_prose import SPECS, faults, plain

import explainer
from explainer import ops
from explainer.dialects import TEX
from explainer.errors import CheckFailed, InputError
from explainer.matrices import Equation, Matrices
from explainer.presets import NOTATIONS
from explainer.problem import Problem, problem_from_text
from explainer.steps import Steps
from explainer.worked import Worked, iterations
from explainer.written import Written, by, in_names, number_text

SHIPPED = [p.stem for p in sorted(Path(EXAMPLES).glob("*.yaml")) if "\ngraph:" not in p.read_text("utf-8")]
WRITINGS: list[dict[str, Any]] = [{}, {"carry": "rounded"}, {"digits": 4}, {"significant": 3}, {"significant": 9}]


def worked(problem: Problem) -> Worked:
    return next(iterations(problem))


def matrices(problem: Problem) -> Matrices:
    work = worked(problem)
    return Matrices(work, Steps(work).symbol)


def every(found: Matrices) -> list[Equation]:
    stages = [found.forwards, found.backwards, found.gradients, found.updates]
    return [equation for stage in stages for layer in stage for equation in layer]


def page(problem: Problem, to: str = "markdown") -> str:
    return "".join(explainer.explain(problem).text(to))


# ---- reading printed matrices back


TOKENS = re.compile(
    r"\\begin\{bmatrix\}.*?\\end\{bmatrix\}|\\mathbf\{1\}|\\odot|\\oslash|\\times|\\frac|\\sqrt|f|[()+{}-]|\d[\d.]*(?:e-?\d+)?"
)


class Reader:
    """The value of a right side in numbers: matrices, products, sums, odot, oslash, fractions, roots, brackets, f."""

    def __init__(self, text: str, function: Any) -> None:
        text = in_powers_of_ten(text).replace(r"\left", "").replace(r"\right", "")
        text = re.sub(r"([\d.]+)\^\{(\d+)\}", lambda power: repr(float(power[1]) ** int(power[2])), text)
        self.tokens = TOKENS.findall(text)
        self.function = function

    def take(self) -> str:
        return self.tokens.pop(0)

    def peek(self) -> str:
        return self.tokens[0] if self.tokens else ""

    def sum(self) -> Any:
        value = -self.product() if self.peek() == "-" and self.take() else self.product()
        while self.peek() in ("+", "-"):
            value = value + self.product() if self.take() == "+" else value - self.product()
        return value

    def product(self) -> Any:
        value = self.atom()
        while self.peek() and self.peek() not in "+-)}":
            sign = self.take() if self.peek() in (r"\odot", r"\oslash", r"\times") else ""
            right = self.atom()
            if sign == r"\odot" or np.ndim(value) == 0 or np.ndim(right) == 0:
                value = value * right
            else:
                value = value / right if sign == r"\oslash" else value @ right
        return value

    def atom(self) -> Any:
        token = self.take()
        if token in ("(", "{"):
            value = self.sum()
            assert self.take() == {"(": ")", "{": "}"}[token]
            return value
        if token == r"\frac":
            return self.atom() / self.atom()
        if token == r"\sqrt":
            return np.sqrt(self.atom())
        if token == "f":
            return self.function(self.atom())
        if token == r"\mathbf{1}":
            return 1.0
        return array_of(token) if "bmatrix" in token else float(token)


def in_powers_of_ten(text: str) -> str:
    return re.sub(r"(\d) \\times 10\^\{(-?\d+)\}", r"\1e\2", text)


def array_of(matrix: str) -> np.ndarray[Any, Any]:
    inside = in_powers_of_ten(matrix).removeprefix(r"\begin{bmatrix}").removesuffix(r"\end{bmatrix}")
    return np.array([[float(cell) for cell in row.split("&")] for row in inside.split(r"\\")])


def function_of(found: Matrices, equation: Equation) -> Any:
    node = equation.quantity.node
    return lambda z: ops.OPS[node.op].value(z, **node.params)


def assert_recomputes(found: Matrices, equation: Equation) -> None:
    shown = found.shown(equation)
    if not shown.numbers:
        return
    reader = Reader(shown.numbers, function_of(found, equation))
    value, printed = reader.sum(), array_of(shown.printed)
    assert not reader.tokens
    unit = found.work.precision.unit(printed)
    assert (np.abs(value - printed) <= unit * 1.001).all(), f"{shown.numbers} is not {shown.printed}"


# ---- the equations


@pytest.mark.parametrize("seed", range(60))
def test_every_equation_gives_the_numbers_that_the_passes_found(seed: int) -> None:
    found = matrices(problem_of(random_spec(seed)))
    for equation in every(found):
        assert equation.value.shape == equation.quantity.node.shape
        for form in equation.forms:
            allowed = 1e-9 * np.abs(equation.value) + 1e-12 * (1 + form.magnitude())
            assert (np.abs(form.value() - equation.value) <= allowed).all(), equation.name


@pytest.mark.parametrize("seed", range(30))
@pytest.mark.parametrize("writing", WRITINGS)
def test_every_line_of_matrices_recomputes_from_what_is_printed(seed: int, writing: dict[str, Any]) -> None:
    found = matrices(problem_of(random_spec(seed), **writing))
    for equation in every(found):
        assert_recomputes(found, equation)


@pytest.mark.parametrize("seed", range(20))
def test_gradients_of_weights_and_their_updates_stand_in_their_places(seed: int) -> None:
    spec = random_spec(seed)
    found, values = matrices(problem_of(spec)), explainer.explain(problem_of(spec)).values
    for at, layer in enumerate(found.net.problem.layers):
        senders = found.net.problem.layers[at - 1].labels if at else found.net.problem.input_names
        equation = next(e for e in found.updates[at] if e.kind == "weight_update")
        for row, receiver in enumerate(layer.labels):
            for column, sender in enumerate(senders):
                own = layer.weight_names.get((row, column))
                name = f"{own}'" if own else f"W'[{sender},{receiver}]"
                expected = values.get(name, 0.0)  # 0 where there is no connection
                assert equation.value[row, column] == pytest.approx(expected, rel=1e-12, abs=1e-300)


def test_a_wrong_rule_is_never_written(monkeypatch: pytest.MonkeyPatch) -> None:
    work = worked(example("2-2-3-1"))
    wrong = replace(ops.OPS["weighted_sum"], vjp=lambda g, out, W, x: (g @ x.T, -(W.T @ g)))
    monkeypatch.setitem(ops.OPS, "weighted_sum", wrong)
    with pytest.raises(CheckFailed, match="dE/dY"):
        every(Matrices(work, Steps(work).symbol))


def test_a_wrong_slope_is_never_written(monkeypatch: pytest.MonkeyPatch) -> None:
    work = worked(example("2-2-3-1"))
    found = Matrices(work, Steps(work).symbol)
    layer = found.net.layers[0].activation
    wrong = found.textbook_slope(layer) + 1
    monkeypatch.setattr(found, "slope", lambda y: [wrong])
    with pytest.raises(CheckFailed, match="dY/dz"):
        found.backwards  # noqa: B018


def test_the_equations_are_those_of_the_textbook() -> None:
    found = matrices(example("2-2-3-1"))
    said = {equation.name: found.shown(equation).symbols[-1:] for equation in every(found)}
    assert said["z[layer 2]"] == (r"\mathbf{W}_{2} \; \mathbf{Y}_{1}",)
    assert said["dE/dY[layer 3]"] == (r"-(\mathbf{T} - \mathbf{Y}_{3})",)
    assert said["delta[layer 1]"] == (
        r"(\mathbf{W}_{2}^{\mathsf{T}} \; \boldsymbol{\delta}_{2}) \odot f'(\mathbf{e}_{1})",
    )
    assert said["dE/dW[layer 2]"] == (r"\boldsymbol{\delta}_{2} \; \mathbf{Y}_{1}^{\mathsf{T}}",)
    assert said["dY/dz[layer 1]"] == (r"\mathbf{Y}_{1} \odot (\mathbf{1} - \mathbf{Y}_{1})",)
    assert said["W'[layer 1]"] == (r"\mathbf{W}_{1} - \eta \, \frac{\partial E}{\partial \mathbf{W}_{1}}",)


@pytest.mark.parametrize("value", [-1, 2, 0.5, 1])
def test_a_bias_input_multiplies_the_biases_and_their_gradient(value: float) -> None:
    spec = random_spec(1) | {"inputs": {"X1": 1, "X2": 2}, "targets": {"T": 0.5}}
    spec["layers"] = [
        {"neurons": 1, "activation": "tanh", "weights": [[0.1, 0.2]], "biases": [0.3], "bias_input": value}
    ]
    found = matrices(problem_of(spec))
    gradient = next(e for e in found.gradients[0] if e.kind == "bias_gradient")
    delta = next(e for e in found.backwards[0] if e.kind == "delta")
    assert gradient.value == pytest.approx(value * delta.value)


def test_a_connection_that_does_not_exist_has_a_masked_gradient_and_stays_0() -> None:
    found = matrices(example("relu-regression"))
    gradient, update = (stage[0][0] for stage in (found.gradients, found.updates))
    assert gradient.masked
    assert r"\odot \mathbf{M}_{1}" in found.shown(gradient).symbols[0]
    assert gradient.value[1, 2] == update.value[1, 2] == 0


def test_a_shared_weight_has_the_sum_of_its_places_in_each_of_them() -> None:
    found = matrices(example("shared-weight"))
    gradient, update = found.gradients[0][0], found.updates[0][0]
    assert gradient.shared == ("w",)
    assert found.given(found.net.layers[0].weights)[1][0].count("w") == 2
    total = found.gradient(found.net.layers[0].weights)
    assert total[0, 0] == total[1, 1] == pytest.approx(gradient.value[0, 0] + gradient.value[1, 1])
    assert update.value[0, 0] == update.value[1, 1]


def test_what_is_not_trained_is_masked_and_keeps_its_value() -> None:
    spec = json.loads(json.dumps(random_spec(1)))
    spec |= {"inputs": {"X1": 1, "X2": 2}, "targets": {"T": 0.5}, "frozen": ["W[X2,1]"]}
    spec["layers"] = [{"neurons": 1, "activation": "tanh", "weights": [[0.1, 0.2]]}]
    found = matrices(problem_of(spec))
    assert found.gradients[0][0].value[0, 1] == 0
    assert found.updates[0][0].value[0, 1] == 0.2


@pytest.mark.parametrize("seed", range(30))
@pytest.mark.parametrize("biases", [False, True])
def test_equations_hold_with_samples_penalties_and_every_optimizer(seed: int, biases: bool) -> None:
    rng = np.random.default_rng(seed)
    spec = random_spec(seed)
    for kind in ("inputs", "targets"):
        spec[kind] = {name: np.round(rng.uniform(-1, 1, 3), 2).tolist() for name in spec[kind]}
    spec |= {"l2": {"lambda": 0.1, "biases": biases}, "reduction": ["sum", "mean"][seed % 2], "steps": 2}
    optimizer = ["sgd", "momentum", "nesterov", "adagrad", "rmsprop", "adam"][seed % 6]
    spec["optimizer"] = {optimizer: {"learning_rate": 0.1}}
    for work in iterations(problem_of(spec)):
        found = Matrices(work, Steps(work).symbol)
        for equation in every(found):  # each is checked as it is made
            assert_recomputes(found, equation)


@pytest.mark.parametrize(
    ("activation", "loss", "delta"),
    [
        ("sigmoid", "binary_cross_entropy", r"\mathbf{Y}_{2} - \mathbf{T}"),
        ("softmax", "cross_entropy", r"\mathbf{Y}_{2} - \mathbf{T}"),
        ("tanh", "squared_error", r"\frac{\partial E}{\partial \mathbf{Y}_{2}} \odot f'(\mathbf{e}_{2})"),
    ],
)
def test_delta_of_the_output_is_the_rule_that_is_computed(activation: str, loss: str, delta: str) -> None:
    spec = {
        "inputs": {"X1": [0.5, -1], "X2": [1, 0.2]},
        "targets": {"T1": [0, 1], "T2": [1, 0]},
        "layers": [
            {"neurons": 3, "activation": "relu", "weights": [[0.1, 0.2], [0.3, -0.4], [0.5, 0.6]]},
            {"neurons": 2, "activation": activation, "weights": [[0.1, 0.2, 0.3], [-0.4, 0.5, 0.6]]},
        ],
        "loss": loss,
        "optimizer": {"sgd": {"learning_rate": 0.1}},
    }
    found = matrices(problem_of(spec))
    (shown,) = (found.shown(e) for e in found.backwards[1] if e.name == "delta[layer 2]")
    assert shown.symbols[0] == delta


# ---- shapes


@pytest.mark.parametrize("seed", range(20))
def test_the_shape_under_a_factor_is_that_of_its_array(seed: int) -> None:
    found = matrices(problem_of(random_spec(seed)))
    for equation in every(found):
        shown = found.shown(equation)
        assert shown.left_shape.endswith(f"_{{{by(TEX, equation.value.shape)}}}")
        for form, text in zip(equation.forms, shown.shapes, strict=True):
            shapes = re.findall(r"_\{(\d+) \\times (\d+)\}", text)
            leaves = [leaf.array.shape for leaf in form.leaves() if np.ndim(leaf.array) == 2]
            assert sorted(tuple(sorted(map(int, s))) for s in shapes) >= sorted(tuple(sorted(s)) for s in leaves)


def test_a_large_matrix_is_abbreviated_with_dots_and_a_small_one_is_not() -> None:
    text = page(layered(30, 20, 2, view="matrix"))
    assert r"\ddots" in text
    assert r"\underbrace{\mathbf{W}_{1}}_{20 \times 30}" in text
    assert r"\dots" not in page(example("2-2-3-1", view="matrix")).replace(r"\ddots", r"\dots")


MISMATCH = """\
inputs: {X1: 1, X2: 2}
layers:
  - {neurons: [1, 2], weights: [[0.1, 0.2], [0.3, 0.4]]}
  - {neurons: [3], weights: [[0.1, 0.2, 0.3]]}
"""


def test_a_shape_that_does_not_fit_is_told_with_the_shapes_in_the_language_of_the_spec() -> None:
    with pytest.raises(
        InputError, match="layer 2: weights are 1 x 3, so each neuron needs 3 inputs, but layer 1 gives 2"
    ):
        problem_from_text(MISMATCH)
    for said in (MISMATCH + "language: zh\n", MISMATCH):
        with pytest.raises(
            InputError, match="第 2 层维度不匹配：权重矩阵为 1 x 3，每个神经元需要 3 个输入，但第 1 层只有 2 个神经元"
        ):
            problem_from_text(said, language="zh")


# ---- pages


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("view", ["scalar", "matrix", "both"])
@pytest.mark.parametrize("name", SHIPPED)
def test_every_shipped_example_can_be_had_in_every_view(name: str, view: str, language: str) -> None:
    derivation = explainer.explain(example(name, view=view, language=language))
    for to in ("markdown", "latex", "html", "json"):
        text = "".join(derivation.text(to))
        assert ("bmatrix" in text or "<mtable" in text) == (view != "scalar") or to == "html"


@pytest.mark.parametrize("view", ["matrix", "both"])
@pytest.mark.parametrize("name", SHIPPED)
def test_steps_are_numbered_in_the_order_of_the_page_and_every_link_leads_to_one(name: str, view: str) -> None:
    text = page(example(name, view=view))
    anchors = [int(n) for n in re.findall(r'<a id="s(\d+)"', text)]
    assert anchors == list(range(1, len(anchors) + 1))
    assert set(map(int, re.findall(r"\(#s(\d+)\)", text))) <= set(anchors)


def test_the_matrix_view_has_no_steps_neuron_by_neuron_but_those_of_shared_weights_and_the_loss() -> None:
    steps = json.loads(page(example("shared-weight", view="matrix"), "json"))["iterations"][0]["steps"]
    assert {step["kind"] for step in steps if step["kind"] not in ("matrix", "gradient")} <= {
        *("loss-term", "loss", "output-after", "loss-term-after", "loss-after"),
    }
    assert [step["name"] for step in steps if step["kind"] == "gradient"] == ["dE/dw"]


def test_both_views_together_have_all_the_steps_of_each() -> None:
    steps = {
        view: json.loads(page(example("2-2-3-1", view=view), "json"))["iterations"][0]["steps"]
        for view in ("scalar", "matrix", "both")
    }
    names = {view: [step["name"] for step in found] for view, found in steps.items()}
    assert [name for name in names["both"] if "layer" not in name] == names["scalar"]
    assert [name for name in names["both"] if "layer" in name] == [name for name in names["matrix"] if "layer" in name]


def test_a_matrix_step_of_the_json_has_its_matrix_and_no_numbers() -> None:
    steps = json.loads(page(example("2-2-3-1", view="matrix"), "json"))["iterations"][0]["steps"]
    step = next(step for step in steps if step["name"] == "dE/dW[layer 3]")
    assert step["kind"] == "matrix"
    assert "numbers" not in step
    assert step["latex"].startswith(r"\boldsymbol{\delta}_{3} \; \mathbf{Y}_{2}^{\mathsf{T}} = \begin{bmatrix}")
    assert step["latex"].endswith(step["printed"])
    assert np.shape(step["value"]) == (1, 3)
    ids = {step["id"]: step["name"] for step in steps}
    assert [ids[used] for used in step["uses"]] == ["Y[layer 2]", "delta[layer 3]"]


# ---- names, and what is written


NAMES = {  # notation -> weights, new weights and delta of layer 2 of three, with sample s
    "numbered": (r"\mathbf{W}_{2}", r"\mathbf{W}'_{2}", r"\boldsymbol{\delta}_{2}^{(s)}"),
    "theta": (r"\boldsymbol{\Theta}^{(2)}", r"\boldsymbol{\Theta}'^{(2)}", r"\boldsymbol{\delta}^{(3)(s)}"),
    "nielsen": (r"\mathbf{w}^{3}", r"\mathbf{w}'^{3}", r"\boldsymbol{\delta}^{3,(s)}"),
    "rashid": (r"\mathbf{W}^{h1,h2}", r"\mathbf{W}^{h1,h2,\mathrm{new}}", r"\boldsymbol{\delta}^{h2,(s)}"),
    "mazur": (r"\mathbf{W}_{2}", r"\mathbf{W}_{2}^{+}", r"\boldsymbol{\delta}_{2}^{(s)}"),
    "layered": (r"\mathbf{W}^{[2]}", r"\mathbf{W}'^{[2]}", r"\boldsymbol{\delta}^{[2](s)}"),
}


@pytest.mark.parametrize("notation", NOTATIONS)
def test_a_matrix_is_called_what_its_entries_are_in_bold_with_the_mark_of_its_layer(notation: str) -> None:
    names = matrices(example("2-2-3-1", notation=notation)).names
    weight, delta = names.of("weight", 1), names.of("delta", 1)
    assert (weight.text(TEX), weight.text(TEX, updated=True), delta.text(TEX, sampled=True)) == NAMES[notation]


@pytest.mark.parametrize("notation", NOTATIONS)
def test_no_two_matrices_of_a_page_have_one_name(notation: str) -> None:
    for name in SHIPPED:
        found = matrices(example(name, notation=notation))
        values = [leaf.symbol for quantity, leaf in found.leaves.items() if quantity.what == "value"]
        assert len(values) == len(set(values))


def test_a_symbol_with_an_index_above_is_transposed_in_brackets() -> None:
    leaf = Written("leaf", symbol=r"\mathbf{W}^{[2]}", array=np.ones((2, 3)))
    assert leaf.T.text(TEX, partial(in_names, TEX)) == r"(\mathbf{W}^{[2]})^{\mathsf{T}}"


def test_a_factor_of_1_is_not_written_and_a_quarter_is_a_fraction() -> None:
    leaf = Written("leaf", symbol="A", array=np.ones((2, 3)))
    assert 1.0 * leaf is leaf
    assert (-1 * leaf).how == "negative"
    assert number_text(TEX, 1 / 3) == r"\frac{1}{3}"
    assert number_text(TEX, 0.25) == "0.25"


@pytest.mark.parametrize("view", ["matrix", "both"])
@pytest.mark.parametrize("name", SPECS)
def test_a_chinese_page_in_matrices_is_chinese_throughout(name: str, view: str) -> None:
    assert faults(plain(page(problem_from_text(SPECS[name], view=view, language="zh")))) == []
