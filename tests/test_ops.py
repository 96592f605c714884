"""Every operation agrees with its definition: value with element, vjp and the textbook slope with its derivative."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import sympy as sp

from explainer.ops import OPS
from explainer.values import unrounded

TWO = [(3, 2), (3, 2)]
SHAPES: dict[str, list[tuple[int, ...]]] = {
    "weighted_sum": [(2, 3), (3, 2)],
    "affine": [(2, 3), (3, 2), (2, 1)],
    "take": [(4,)],
    "add": [(), (2, 3), ()],
    **dict.fromkeys(("half_squared_error", "squared_error", "mean_squared_error", "absolute_error", "huber"), TWO),
    **dict.fromkeys(("hinge", "binary_cross_entropy", "cross_entropy", "multiclass_hinge"), TWO),
    **{key: [(3, 2), (3, 2), (3, 2)] for key in ("sigmoid_binary_cross_entropy", "softmax_cross_entropy")},
}
PARAMS: dict[str, dict[str, Any]] = {
    "affine": {"bias_input": -1.5},
    "take": {"where": np.array([[0, 3, -1], [3, 1, 0]])},
    "leaky_relu": {"slope": 0.01},
    "elu": {"alpha": 0.7},
    "mean_squared_error": {"outputs": 3},
    "huber": {"delta": 0.9},
    "multiclass_hinge": {"margin": 1.0},
    "mean": {"count": 6},
    "half_squares": {"rate": 0.3, "rank": 2},
}
UNIT = ("binary_cross_entropy", "cross_entropy")  # what these read lies between 0 and 1
FROM_SCORES = {"sigmoid_binary_cross_entropy": "sigmoid", "softmax_cross_entropy": "softmax"}
WRITTEN = ("formula", "function")  # operations that somebody writes: tested where they are read
CASES = [pytest.param(name, id=name) for name in OPS if name not in WRITTEN]


class Entries:
    """An argument written out: one symbol for each entry."""

    def __init__(self, argument: int, shape: tuple[int, ...]) -> None:
        self.shape, self.base = shape, sp.IndexedBase(f"x{argument}", real=True)

    def __call__(self, *index: Any) -> sp.Indexed:
        return self.base[index] if index else sp.Symbol(str(self.base), real=True)


def case(name: str, seed: int) -> tuple[list[np.ndarray], np.ndarray, list[Entries], dict[sp.Symbol, float], dict]:
    """Arrays, the operation's value, and each entry of the result by the definition."""
    rng = np.random.default_rng(seed)
    low, high = (0.1, 0.9) if name in UNIT else (-2, 2)
    arrays = [rng.uniform(low, high, shape) for shape in SHAPES.get(name, [(2, 3)])]
    params = PARAMS.get(name, {})
    entries = [Entries(k, a.shape) for k, a in enumerate(arrays)]
    shown: dict[sp.Symbol, sp.Expr] = {}
    if name in FROM_SCORES:  # the activations are those of the scores, the targets a distribution
        activation = OPS[FROM_SCORES[name]]
        arrays[1], arrays[2] = activation.value(arrays[0]), OPS["softmax"].value(arrays[2])
        shown = {entries[1](*i): sp.sympify(activation.element(i, entries[0])).doit() for i in np.ndindex(3, 2)}
    value = np.asarray(OPS[name].value(*arrays, **params))
    numbers = {e(*i): float(a[i]) for e, a in zip(entries, arrays, strict=True) for i in np.ndindex(*a.shape)}
    written = {
        i: sp.sympify(OPS[name].element(i, *entries, **params)).doit().subs(shown) for i in np.ndindex(*value.shape)
    }
    return arrays, value, entries, numbers, written


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", CASES)
def test_value_is_the_definition(name: str, seed: int) -> None:
    _, value, _, numbers, written = case(name, seed)
    for index, expression in written.items():
        assert value[index] == pytest.approx(float(expression.subs(numbers)), rel=1e-12, abs=1e-14)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", CASES)
def test_vjp_is_the_derivative_of_the_definition(name: str, seed: int) -> None:
    arrays, value, entries, numbers, written = case(name, seed)
    g = np.random.default_rng(seed + 10).normal(size=value.shape)
    adjoints = OPS[name].vjp(g, value, *arrays, **PARAMS.get(name, {}))
    for entry, array, adjoint in zip(entries, arrays, adjoints, strict=True):
        if adjoint is None:  # a target is given, and what is only shown is not gone through
            continue
        for index in np.ndindex(*array.shape):
            expected = sum(g[k] * float(x.diff(entry(*index)).subs(numbers)) for k, x in written.items())
            assert adjoint[index] == pytest.approx(expected, rel=1e-10, abs=1e-13)


@pytest.mark.parametrize(
    "name", [pytest.param(n, id=n) for n, op in OPS.items() if op.slope and n not in (*FROM_SCORES, *WRITTEN)]
)
def test_the_slope_that_textbooks_print_is_the_derivative_of_the_definition(name: str) -> None:
    arrays, value, entries, numbers, written = case(name, 0)
    slope = OPS[name].slope
    assert slope is not None
    for index, expression in written.items():
        symbols = [entry(*index) for entry in entries]
        printed = sp.sympify(slope(expression, *symbols, **PARAMS.get(name, {})))
        assert float(printed.subs(numbers)) == pytest.approx(
            float(expression.diff(symbols[0]).subs(numbers)), rel=1e-12
        )
        in_numbers = np.asarray(slope(value, *arrays, **PARAMS.get(name, {})) * np.ones(value.shape))[index]
        assert in_numbers == pytest.approx(float(printed.subs(numbers)), rel=1e-12)


def test_relu_has_slope_zero_at_its_kink() -> None:
    (adjoint,) = OPS["relu"].vjp(np.ones((1, 1)), np.zeros((1, 1)), np.zeros((1, 1)))
    assert adjoint.item() == 0


@pytest.mark.parametrize("z", [-800.0, -40.0, 40.0, 800.0])
def test_the_sigmoid_and_its_slope_stay_right_far_from_zero(z: float) -> None:
    array = np.array([[z]])
    value = OPS["sigmoid"].value(array)
    (slope,) = OPS["sigmoid"].vjp(np.ones((1, 1)), value, array)
    expected = sp.exp(-abs(sp.Integer(int(z)))) / (1 + sp.exp(-abs(sp.Integer(int(z))))) ** 2
    assert np.isfinite(value).all()
    assert slope.item() == pytest.approx(float(expected.evalf(30)), rel=1e-13, abs=1e-320)


@pytest.mark.parametrize(
    "name",
    [n for n in OPS if n not in ("take", "total", "mean", "add", "weighted_sum", "affine", "half_squares", *WRITTEN)],
)
def test_an_operation_works_on_many_copies_at_once(name: str) -> None:
    rng = np.random.default_rng(3)
    copies = [rng.uniform(0.1, 0.9, size=(4, *shape)) for shape in SHAPES.get(name, [(2, 3)])]
    params = PARAMS.get(name, {})
    together = OPS[name].value(*copies, **params)
    for k in range(4):
        assert np.allclose(together[k], OPS[name].value(*(c[k] for c in copies), **params), rtol=1e-14)


def test_unrounded_changes_nothing() -> None:
    array = np.array([0.1, 0.2])
    assert unrounded(array) is array
