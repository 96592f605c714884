"""Formulas are kept as they were written, hostile ones refused where they are wrong, and values are right at the edges."""

from __future__ import annotations

import math
import random
from contextlib import suppress
from pathlib import Path

import mpmath
import numpy as np
import pytest
from networks import problem_of

import explainer
from explainer.expressions import (
    FUNCTIONS,
    MAX_CHARACTERS,
    NotAFormula,
    Tree,
    depth,
    is_kinked,
    names,
    read,
    read_once,
    to_kink,
    value,
    written,
)

KNOWN = ("x", "y")
FILE = Path(__file__).parent / "hostile_expressions.txt"


def hostile() -> list[tuple[int, str, str]]:
    """(column, how the message begins, the formula) of each line of the file."""
    lines = [line for line in FILE.read_text("utf-8").splitlines() if line and not line.startswith("#")]
    rows = [line.split(" | ", 2) for line in lines]
    return [(int(column), said, formula.encode("ascii").decode("unicode_escape")) for column, said, formula in rows]


@pytest.mark.parametrize(("column", "said", "formula"), hostile())
def test_a_hostile_formula_is_refused_where_it_is_wrong(column: int, said: str, formula: str) -> None:
    with pytest.raises(NotAFormula) as error:
        read(formula, KNOWN)
    assert (error.value.line, error.value.column) == (1, column)
    assert error.value.found.startswith(said)
    assert error.value.remedy


def test_a_formula_that_is_too_long_or_too_deep_is_refused_before_it_is_read() -> None:
    for formula in ("x+" * 1000 + "x", "(" * 5000, "-" * 700 + "x", "x" * (MAX_CHARACTERS + 1)):
        with pytest.raises(NotAFormula):
            read(formula, KNOWN)
    for formula in ("(" * 70 + "x" + ")" * 70, "-" * 70 + "x", "exp(" * 61 + "x" + ")" * 61, "x" + "/x" * 100):
        with pytest.raises(NotAFormula, match="nested deeper than 60"):
            read(formula, KNOWN)
    assert depth(read("+".join(["x"] * 300), KNOWN)) == 2


def test_a_fault_on_a_later_line_has_its_line_and_column() -> None:
    with pytest.raises(NotAFormula) as error:
        read("x +\n  y $ 2", KNOWN)
    assert (error.value.line, error.value.column) == (2, 5)


@pytest.mark.parametrize("seed", range(300))
def test_whatever_is_typed_is_read_or_refused_and_nothing_else_happens(seed: int) -> None:
    rng = random.Random(seed)  # noqa: S311
    pieces = [*"xy()+-*/^,.0123456789 _e", "**", "exp", "ln(", "max(", "1e9", "pi", "\u200b", "é", "\n", "sqrt(-1)"]
    formula = "".join(rng.choice(pieces) for _ in range(rng.randrange(1, 25)))
    with suppress(NotAFormula):
        tree = read(formula, KNOWN)
        assert read(written(tree), KNOWN) == tree


WANTED = {  # formula -> its value at x = 0.3, y = 0.7
    "-x^2": -(0.3**2),
    "(-x)^2": 0.3**2,
    "2^-x": 2**-0.3,
    "2^3^2/2^9": 1,
    "x**2": 0.09,
    "1 - 2 - 3": -4,
    "8/2/2": 2,
    "8/2*2": 8,
    "-x*y": -0.21,
    "x*-y": -0.21,
    "x - -y": 1.0,
    "1/(1+exp(-x))": 1 / (1 + math.exp(-0.3)),
    "ln(x) - log(x)": 0,
    "log10(1000) + log2(8)": 6,
    "max(x, y, 0.5) + min(x, y)": 1.0,
    "abs(x-y)": 0.4,
    "2*pi": 2 * math.pi,
    ".5 + 2. + 1e-1 + 1E+1": 12.6,
    "((x))": 0.3,
    "x × y ÷ 2 − 1 · 1": 0.3 * 0.7 / 2 - 1,
    "x\n + y": 1.0,
    "sqrt(x)^2": 0.3,
    "atan(1)*4": math.pi,
    "0^x": 0.0,
}


@pytest.mark.parametrize("formula", WANTED)
def test_a_wanted_formula_has_the_value_that_it_has_in_mathematics(formula: str) -> None:
    assert float(value(read(formula, KNOWN), {"x": 0.3, "y": 0.7})) == pytest.approx(
        WANTED[formula], rel=1e-14, abs=1e-14
    )


@pytest.mark.parametrize(
    "formula", ["0.5*(t - y)^2", "1/2*(t - y)^2", "1e-3*x", "x - (y - x)", "(x + y) + x", "x/(y/x)"]
)
def test_a_formula_is_written_back_as_it_was_read(formula: str) -> None:
    assert written(read(formula)) == formula


def test_names_are_those_that_are_declared_and_mean_nothing_else() -> None:
    assert names(read("E + beta*S - lambda/N", ("E", "beta", "S", "lambda", "N"))) == ["E", "beta", "S", "lambda", "N"]
    assert read("exp", ("exp",)) == Tree("name", text="exp")


# ---- functions

AT = {"ln": 0.3, "log": 0.3, "log10": 0.3, "log2": 0.3, "sqrt": 0.3}
REFERENCE = {
    "ln": mpmath.log,
    "log": mpmath.log,
    "log10": mpmath.log10,
    "log2": lambda u: mpmath.log(u, 2),
    "abs": abs,
    "sigmoid": lambda u: 1 / (1 + mpmath.exp(-u)),
    "softplus": lambda u: mpmath.log1p(mpmath.exp(u)),
    "relu": lambda u: max(u, mpmath.mpf(0)),
}
SMOOTH = [name for name in FUNCTIONS if name not in ("max", "min")]


@pytest.mark.parametrize("name", SMOOTH)
def test_a_function_agrees_with_fifty_digits(name: str) -> None:
    mpmath.mp.dps = 50
    exact = REFERENCE.get(name) or getattr(mpmath, name)
    for x in (0.3, 0.9) if name in AT or name in ("asin", "acos") else (-20.0, -0.4, 0.3, 2.7, 30.0):
        assert float(FUNCTIONS[name].value(np.array(x))) == pytest.approx(float(exact(mpmath.mpf(x))), rel=4e-14)


@pytest.mark.parametrize("name", SMOOTH)
def test_a_slope_agrees_with_a_complex_step(name: str) -> None:
    function = FUNCTIONS[name]
    for x in (0.3, 0.7):
        expected = function.value(np.array(x + 1e-100j)).imag / 1e-100
        for form in filter(None, (function.slope, function.computed)):
            assert float(value(read_once(form), {"u": x})) == pytest.approx(float(expected), rel=1e-13)


@pytest.mark.parametrize("z", [-800.0, -40.0, 40.0, 800.0])
def test_sigmoid_and_softplus_stay_right_far_from_zero(z: float) -> None:
    given = {"z": np.array(z)}
    assert float(value(read("sigmoid(z)"), given)) == pytest.approx(
        1 / (1 + math.exp(-z)) if z > -700 else 0, rel=1e-14
    )
    assert float(value(read("softplus(z)"), given)) == pytest.approx(
        max(z, 0) + math.log1p(math.exp(-abs(z))), rel=1e-14
    )


def test_a_formula_knows_how_far_its_nearest_kink_is() -> None:
    tree = read("relu(x) + abs(x - 1) + max(x, y)")
    assert is_kinked(tree)
    assert not is_kinked(read("x^2"))
    assert to_kink(tree, {"x": np.array([0.25, 0.9]), "y": np.array([5.0, 0.8])}) == pytest.approx([0.25, 0.1])
    assert to_kink(read("x^2"), {"x": np.array([0.0])}) == np.inf


def test_a_slope_may_have_longer_numbers_than_a_formula_that_is_read() -> None:
    """Constants multiplied together have more digits than any of them: those of SELU have 32."""
    selu = "1.0507009873554805*(max(0,z) + 1.6732632423543772*(exp(min(0,z)) - 1))"
    spec = {
        "inputs": {"X1": 1},
        "targets": {"T": 1},
        "layers": [{"neurons": 1, "activation": selu, "weights": [[-0.5]]}],
        "loss": "half_squared_error",
    }
    values = explainer.explain(problem_of(spec)).values
    assert values["dY[1]/dz[1]"] == pytest.approx(1.0507009873554805 * 1.6732632423543772 * np.exp(-0.5), rel=1e-14)
