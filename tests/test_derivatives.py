"""The rules of differentiation: right at every step, tidy, and with the endings that textbooks have."""

from __future__ import annotations

import random

import numpy as np
import pytest
import sympy as sp

from explainer.derivatives import ENDINGS, FORMS, VALUE, computed, derivative, ending, recognised, slope_in_value, steps
from explainer.expressions import FUNCTIONS, Tree, names, read, to_kink, to_sympy, value, written
from explainer.ops import OPS

DERIVATIVES = {  # of x, as they are written
    "3*x^2 - 4*x + 5": "6*x - 4",
    "x*x*x": "3*x^2",
    "7": "0",
    "x": "1",
    "-x": "-1",
    "0.5*x^2": "x",
    "0.25*x^2": "0.5*x",
    "x^0.5": "0.5*x^(-0.5)",
    "1/x": "-1/x^2",
    "2^x": "2^x*ln(2)",
    "x^x": "x^x*(ln(x) + 1)",
    "exp(-x)": "-exp(-x)",
    "1/(1 + exp(-x))": "exp(-x)/(1 + exp(-x))^2",
    "sqrt(1 + x^2)": "x/sqrt(1 + x^2)",
    "ln(a*x)": "1/x",
    "(2*x + 1)/(x - 3)": "(2*(x - 3) - (2*x + 1))/(x - 3)^2",
    "a*x/b": "a/b",
    "1e-3*x": "1e-3",
    "-(x + a)^2": "-2*(x + a)",
    "abs(a - x)": "-sign(a - x)",
    "relu(2*x)": "2*step(2*x)",
    "max(x, a)": "share_of_max(x, a)",
    "tanh(x)": "1 - tanh(x)^2",
}


@pytest.mark.parametrize("formula", DERIVATIVES)
def test_a_derivative_is_written_as_the_rules_give_it_and_tidied_up(formula: str) -> None:
    assert written(derivative(read(formula), "x")) == DERIVATIVES[formula]


def random_formula(rng: random.Random, deep: int = 3) -> str:
    if deep == 0:
        return rng.choice(["x", "x", "y", "2", "0.5", "3"])
    a, b = (random_formula(rng, deep - 1) for _ in range(2))
    return rng.choice(
        [f"({a} + {b})", f"({a} - {b})", f"{a}*{b}", f"({a})/(2 + ({b})^2)", f"-({a})", f"({a})^{rng.choice([2, 3])}"]
        + [f"{rng.choice(SMOOTH)}({a})", f"ln(2 + ({a})^2)", f"sqrt(1 + ({a})^2)", f"max({a}, {b})", f"abs({a})"]
    )


SMOOTH = ("exp", "sin", "cos", "tanh", "sigmoid", "softplus", "erf", "atan", "relu")


def numbers(tree: Tree, rng: random.Random) -> dict[str, float]:
    return {name: rng.uniform(-0.9, 0.9) for name in names(tree)} | {"x": rng.uniform(-0.9, 0.9)}


@pytest.mark.parametrize("seed", range(200))
def test_every_step_is_the_complex_step_of_what_it_is_of(seed: int) -> None:
    rng = random.Random(seed)  # noqa: S311
    tree = read(random_formula(rng))
    given = numbers(tree, rng)
    if not np.all(to_kink(tree, given) > 1e-6):
        return
    for step in steps(tree, "x"):
        expected = np.imag(value(step.of, {**given, "x": np.array(given["x"] + 1e-100j)})) / 1e-100
        if np.isfinite(expected):
            for found in (step.at_first, step.result, computed(step.result)):
                assert float(value(found, given)) == pytest.approx(float(expected), rel=1e-9, abs=1e-11), written(found)


@pytest.mark.parametrize("seed", range(60))
def test_a_derivative_is_the_one_that_sympy_finds(seed: int) -> None:
    rng = random.Random(seed)  # noqa: S311
    tree = read(random_formula(rng, 2))
    given = numbers(tree, rng)
    symbols = {name: sp.Symbol(name, real=True) for name in ("x", "y")}
    expected = to_sympy(tree, symbols).diff(symbols["x"]).subs({symbols[k]: v for k, v in given.items()})
    if np.all(to_kink(tree, given) > 1e-6):
        assert float(value(derivative(tree, "x"), given)) == pytest.approx(float(expected), rel=1e-9, abs=1e-11)


def test_a_step_uses_only_steps_before_it() -> None:
    for formula in DERIVATIVES:
        for place, step in enumerate(steps(read(formula), "x")):
            assert all(used < place for used in step.uses)


# ---- endings


@pytest.mark.parametrize("form", [form for each in ENDINGS for form in (each.of, *FORMS.get(each.of, ()))])
def test_every_line_of_an_ending_is_the_derivative(form: str) -> None:
    tree = read(form)
    variable = "u" if "u" in names(tree) else "p"
    found = ending(tree, variable)
    assert found is not None
    given = {"u": 0.6, "p": 0.3, "t": 0.8}
    given = {name: given[name] for name in names(tree)}
    expected = float(np.imag(value(tree, {**given, variable: np.array(given[variable] + 1e-100j)})) / 1e-100)
    for line in found[1]:
        assert float(value(line, {**given, VALUE.text: float(value(tree, given))})) == pytest.approx(
            expected, rel=1e-12
        )


@pytest.mark.parametrize(
    ("formula", "variable", "last"),
    [
        ("1/(1+exp(-x))", "x", "=*(1 - =)"),
        ("sigmoid(2*x + 1)", "x", "2*=*(1 - =)"),
        ("tanh(x)", "x", "1 - =^2"),
        ("(exp(x)-exp(-x))/(exp(x)+exp(-x))", "x", "1 - =^2"),
        ("ln(1+exp(x))", "x", "sigmoid(x)"),
        ("log(exp(x) + 1)", "x", "sigmoid(x)"),
        ("-(t*ln(p)+(1-t)*ln(1-p))", "p", "(p - t)/(p*(1 - p))"),
        ("-t*log(y)-(1-t)*log(1-y)", "y", "(y - t)/(y*(1 - y))"),
        ("-(t*ln(sigmoid(z))+(1-t)*ln(1-sigmoid(z)))", "z", "sigmoid(z) - t"),
        ("-(t*ln(1/(1+exp(-z)))+(1-t)*ln(1-1/(1+exp(-z))))", "z", "sigmoid(z) - t"),
        ("softplus(z) - t*z", "z", "sigmoid(z) - t"),
    ],
)
def test_an_ending_is_the_one_that_textbooks_have(formula: str, variable: str, last: str) -> None:
    found = ending(read(formula), variable)
    assert found is not None
    assert written(found[1][-1]) == last


def test_a_formula_without_a_known_ending_has_none() -> None:
    assert ending(read("x^2*sigmoid(x)"), "x") is None
    assert ending(read("-(x*ln(p)+(1-x)*ln(1-p))"), "x") is None  # by the target


# ---- the operations that are formulas

FORMULAS = [
    "1/(1+exp(-s0))",
    "s0*sigmoid(s0)",
    "ln(1+exp(s0))",
    "max(0.1*s0, s0)",
    "0.5*(s1-s0)^2",
    "abs(s0)*s1",
    "exp(s0)",
]


@pytest.mark.parametrize("formula", FORMULAS)
@pytest.mark.parametrize("op", ["formula", "function"])
def test_an_operation_that_is_a_formula_agrees_with_its_definition(op: str, formula: str) -> None:
    tree = read(formula)
    rng = np.random.default_rng(1)
    arrays = [rng.uniform(0.2, 2, (2, 3)) * np.sign(rng.normal(size=(2, 3))) for _ in names(tree)]
    symbols = [sp.Symbol(f"a{k}", real=True) for k in range(len(arrays))]
    definition = OPS[op].element((0, 0), *(lambda *at, s=s: s for s in symbols), expression=tree)
    result = OPS[op].value(*arrays, expression=tree)
    adjoints = OPS[op].vjp(np.ones((2, 3)), result, *arrays, expression=tree)
    for at in np.ndindex(2, 3):
        here = {s: float(a[at]) for s, a in zip(symbols, arrays, strict=True)}
        assert result[at] == pytest.approx(float(definition.subs(here)), rel=1e-12)
        for s, adjoint in zip(symbols, adjoints, strict=True):
            if adjoint is not None:
                assert adjoint[at] == pytest.approx(float(definition.diff(s).subs(here)), rel=1e-12)
    if op == "function":
        assert OPS[op].slope(result, *arrays, expression=tree) == pytest.approx(adjoints[0], rel=1e-9)


@pytest.mark.parametrize("z", [-800.0, -40.0, 40.0, 800.0])
def test_a_sigmoid_written_out_keeps_its_digits_far_from_zero(z: float) -> None:
    tree, array = read("1/(1+exp(-s0))"), np.array([[z]])
    (slope,) = OPS["function"].vjp(
        np.ones((1, 1)), OPS["function"].value(array, expression=tree), array, expression=tree
    )
    expected = sp.exp(-abs(sp.Integer(int(z)))) / (1 + sp.exp(-abs(sp.Integer(int(z))))) ** 2
    assert slope.item() == pytest.approx(float(expected.evalf(30)), rel=1e-13, abs=1e-320)


def test_slopes_at_kinks_are_the_conventions() -> None:
    zero = {"s0": np.array(0.0), "s1": np.array(0.0)}
    for formula, expected in (("relu(s0)", 0), ("abs(s0)", 0), ("max(s0, s1)", 0.5), ("min(s0, s1, s0)", 2 / 3)):
        assert float(value(derivative(read(formula), "s0"), zero)) == pytest.approx(expected)


def test_the_slope_of_a_formula_is_printed_in_its_own_value() -> None:
    assert written(slope_in_value(read("1/(1+exp(-s0))"), "s0")) == "=*(1 - =)"
    assert written(slope_in_value(read("exp(s0)"), "s0")) == "="
    assert written(slope_in_value(read("s0*sigmoid(s0)"), "s0")) == "sigmoid(s0) + s0*sigmoid(s0)*(1 - sigmoid(s0))"


def test_every_function_has_a_slope_and_a_name_in_sympy() -> None:
    for name, function in FUNCTIONS.items():
        assert function.slope or name in ("max", "min")
        assert function.sympy is not None
    assert recognised(read("1/(1+exp(-(a+b)))")) == read("sigmoid(a+b)")
