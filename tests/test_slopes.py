"""The appendix of slopes: what is differentiated there is the activation or the loss that is computed."""

from __future__ import annotations

import re
from inspect import signature
from typing import Any

import numpy as np
import pytest
from networks import EXAMPLES, example, problem_of

import explainer
from explainer.expressions import value
from explainer.ops import OPS
from explainer.problem import Choice, Problem
from explainer.rules import derived
from explainer.sections.slopes import PIECES, WHERE, pieces_of
from explainer.spec import ActivationNumbers, LossNumbers, keys_of

NUMBERS: dict[str, dict[str, Any]] = {
    "leaky_relu": {"slope": 0.2},
    "elu": {"alpha": 1.5},
    "huber": {"delta": 0.5},
    "mean_squared_error": {"outputs": 3},
}
POINTS = np.array([-2.3, -0.4, 0.3, 0.7])
TARGET = 0.6
HOLDS = {
    "": lambda place: True,
    "above 0": lambda place: place > 0,
    "below 0": lambda place: place < 0,
    "near": lambda place: abs(TARGET - place) <= 0.5,
    "far": lambda place: abs(TARGET - place) > 0.5,
}
SLOPED = [(name, name) for name in PIECES if name in OPS and OPS[name].slope] + [("gelu", "gelu_tanh")]


@pytest.mark.parametrize(("name", "op"), SLOPED, ids=[op for _, op in SLOPED])
def test_the_formula_and_its_derivative_are_those_of_the_operation(name: str, op: str) -> None:
    numbers = NUMBERS.get(name, {})
    argument, *others = ("y", TARGET) if "t" in signature(OPS[op].slope).parameters else ("z",)
    pieces = pieces_of(Choice(name, {**numbers, "approximate": float(op == "gelu_tanh")}), 3, argument)
    for place in POINTS[POINTS > 0] if "entropy" in name else POINTS:
        arrays = [np.array([[place]]), *(np.array([[each]]) for each in others)]
        result = OPS[op].value(*arrays, **numbers)
        slope = OPS[op].vjp(np.ones((1, 1)), result, *arrays, **numbers)[0]
        holding = [tree for where, tree in pieces if HOLDS[where](place)]
        assert len(holding) == 1
        given = {argument: place, "t": TARGET}
        assert value(holding[0], given) == pytest.approx(result.item(), rel=1e-12)
        assert value(derived(holding[0], argument).steps[-1].result, given) == pytest.approx(slope.item(), rel=1e-9)


def test_every_activation_and_every_loss_has_its_formula() -> None:

    assert {*keys_of(ActivationNumbers), *keys_of(LossNumbers)} == set(PIECES)
    assert set(HOLDS) == {"", *WHERE}


def full(name: str, **options: Any) -> str:
    return "".join(explainer.explain(example(name, detail="full", **options)).text())


@pytest.mark.parametrize(
    "name", [p.stem for p in sorted(EXAMPLES.glob("*.yaml")) if isinstance(example(p.stem), Problem)]
)
@pytest.mark.parametrize("language", ["en", "zh"])
def test_full_pages_link_each_activation_to_the_appendix(name: str, language: str) -> None:
    text = full(name, language=language)
    assert text.count('<a id="slopes"></a>') == 1
    assert "(#rules)" in text.split('<a id="slopes"></a>')[0]


def test_a_normal_page_has_no_appendix() -> None:
    assert "slopes" not in "".join(explainer.explain(example("2-2-3-1")).text())


def test_the_sigmoid_ends_in_the_form_that_the_page_uses() -> None:
    appendix = full("2-2-3-1").split('<a id="slopes"></a>')[1]
    assert r"\frac{e^{-z}}{(1 + e^{-z})^{2}}" in appendix
    assert re.search(r"&= y \(1 - y\)\n.*f'\(e_\{j\}\) = Y_\{j\} \(1 - Y_\{j\}\)", appendix, re.DOTALL)


def test_a_formula_of_the_authors_own_is_differentiated_too() -> None:
    spec = {
        "inputs": {"X1": 1},
        "targets": {"T": 0.5},
        "layers": [{"neurons": 1, "weights": [[0.3]], "activation": "z/(1+z^2)"}],
        "loss": "(t-y)^4",
    }
    appendix = "".join(explainer.explain(problem_of(spec, detail="full")).text()).split('<a id="slopes"></a>')[1]
    assert "By the quotient rule:" in appendix
    assert r"4 (t - y)^{3} \cdot (-1)" in appendix
