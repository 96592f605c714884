"""Every line that is printed recomputes from the digits that are printed.

The pages are read back as text. `--networks 1000` has so many random networks written and read instead of a few:

    python -m pytest tests/test_recompute.py --networks 1000
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Set
from decimal import Decimal
from pathlib import Path
from typing import Any

import mpmath
import numpy as np
import pytest
from networks import any_spec, any_writing, example, problem_of
from tex_numbers import (
    Number,
    as_decimal,
    equations,
    exact,
    has_symbols,
    is_matrix_of_numbers,
    is_number,
    last_place,
    mathematics,
    rounded,
    rows,
)

import explainer
from explainer.dialects import TEX
from explainer.digits import Precision
from explainer.errors import ExplainerError

EXAMPLES = ["2-2-3-1", "2-2-2-named", "relu-regression", "shared-weight"]
NETWORKS = sorted(
    path.stem
    for path in Path(explainer.__file__).parent.glob("examples/*.yaml")
    if "\nlayers:" in path.read_text("utf-8")
)
WRITINGS: list[dict[str, Any]] = [
    {},
    {"carry": "rounded"},
    {"digits": 4},
    {"digits": 3, "carry": "rounded"},
    {"significant": 3},
    {"significant": 9, "language": "zh"},
]
Line = tuple[str, str]  # a right side in numbers, and the result it is said to have


def lines(page: str) -> Iterator[Line]:
    """Every `= numbers = result` of a page, and those of its tables."""
    for _, *rights in equations(page):
        yield from results(rights)
    for cells in rows(page):
        yield from results(cells[: cells.index(last) + 1] if (last := result_of(cells)) else [])


def results(sides: list[str]) -> Iterator[Line]:
    """Each side in numbers with the result at the end; no side may be anything but symbols or numbers."""
    *before, result = sides or [""]
    if has_symbols(result):
        assert all(map(has_symbols, before)), sides
        return
    for side in before:
        if not has_symbols(side):
            assert is_number(result) or is_matrix_of_numbers(result), sides
            assert side != result, f"{side} stands there twice"
            yield side, result


def result_of(cells: list[str]) -> str:
    """The cell of a row that holds the result of the numbers before it; "" where it has none."""
    worked = [k for k, cell in enumerate(cells) if not has_symbols(cell) and not is_number(cell)]
    return cells[worked[-1] + 1] if worked else ""


def assert_recomputes(numbers: str, printed: str, writing: dict[str, Any]) -> None:
    """One unit of the last place is allowed, and with `carry: rounded` nothing.

    With `carry: full` a line may also be worked out in floats, as it was: the last of them tell y from 1 in ln(y).
    """
    results = [as_decimal(each) for each in entries(exact(printed))]
    if not all_recompute(entries(exact(numbers)), results, writing):
        assert writing.get("carry") != "rounded", f"{numbers} = {exact(numbers)}, printed {printed}"
        in_floats = entries(exact(numbers, mpmath.fp))
        assert all_recompute(in_floats, results, writing), f"{numbers} = {exact(numbers)}, printed {printed}"


def entries(value: Number) -> list[Number]:
    return list(np.ravel(np.array(value, dtype=object)))


def all_recompute(found: list[Number], results: list[Decimal], writing: dict[str, Any]) -> bool:
    return len(found) == len(results) and all(map(recomputes, found, results, [writing] * len(found)))


def recomputes(value: Number, result: Decimal, writing: dict[str, Any]) -> bool:
    if writing.get("carry") == "rounded":
        return bool(rounded(value, **writing) == result)
    unit = Decimal(1).scaleb(last_place(result, **writing))
    return bool(abs(as_decimal(value) - result) <= unit * (1 + Decimal("1e-9")))


def assert_page_recomputes(page: str, writing: dict[str, Any], known: Set[Line] = frozenset()) -> set[Line]:
    """Every `= numbers = result` of a page but those `known` to; which there are."""
    found = set(lines(page))
    for line in found - known:
        assert_recomputes(*line, writing)
    return found


def worked_lines(derivation: explainer.Derivation) -> set[Line]:
    """What the JSON says has a line of its own: every step but those that only repeat a number."""
    record = json.loads("".join(derivation.text("json")))
    steps = [step for iteration in record["iterations"] for step in iteration["steps"] if step["kind"] != "matrix"]
    for step in steps:
        assert (step["printed"] == "0") == (step["value"] == 0), step
    return {(step["numbers"], step["printed"]) for step in steps if step["numbers"] != step["printed"]}


SIGNS = r"(?:[-+]|\\times|\\cdot|\\;|\\,|\\odot|\\oslash)"
WRONG = {
    "two signs in a row": rf"{SIGNS} ?(?:\\quad )?[-+]",
    "a negative zero": r"-0(\.0*)?(?![.\d])",
    "a number that lost its digits": r"(?<![.\d])0\.0+(?!\d)",
    "no number": r"\b(nan|inf|None)\b|\\ue",
    "a line broken where it cannot be": r"&\\quad",
}


def assert_well_written(page: str) -> None:
    for text in mathematics(page):
        for what, pattern in WRONG.items():
            assert not re.search(pattern, text), f"{what}: {text}"


def assert_all_recomputes(derivation: explainer.Derivation, writing: dict[str, Any]) -> None:
    """Both pages are well written, and every line that the JSON knows of stands there and recomputes."""
    expected, known = worked_lines(derivation), set[Line]()
    for to in ("markdown", "latex"):
        page = "".join(derivation.text(to))
        assert_well_written(page)
        found = assert_page_recomputes(page, writing, known)
        known |= found
        if deltas_apart(derivation):
            assert len(found) >= 0.9 * len(expected)
        else:
            assert expected - found == set()


def deltas_apart(derivation: explainer.Derivation) -> bool:
    """Whether the page writes deltas without the 1/m of a mean, which the JSON has in them."""
    problem = derivation.problem
    notation, writing = problem.writing.notation, problem.writing
    mean = problem.reduction == "mean" and problem.inputs.shape[1] > 1
    return mean and notation.delta_per_sample and writing.view == "scalar" and writing.carry == "full"


@pytest.mark.parametrize("writing", WRITINGS, ids=str)
@pytest.mark.parametrize("name", NETWORKS)
def test_every_line_of_a_shipped_example_recomputes(name: str, writing: dict[str, Any]) -> None:
    assert_all_recomputes(explainer.explain(example(name, **writing)), writing)


@pytest.mark.parametrize("carry", ["full", "rounded"])
def test_every_line_of_a_random_network_recomputes(network: int, carry: str) -> None:
    writing = any_writing(network) | {"carry": carry}
    found = explained(problem_of(any_spec(network), **writing))
    if isinstance(found, str):
        assert carry == "rounded", found
        assert "an output was rounded to 0 or 1" in found
    else:
        assert_all_recomputes(found, writing)


def explained(problem: explainer.Problem) -> explainer.Derivation | str:
    """The derivation, or why there is none."""
    try:
        return explainer.explain(problem)
    except ExplainerError as refusal:
        return str(refusal)


SAID = {  # what a page says of its policy
    ("full", "en"): "computed with all",
    ("full", "zh"): "计算时则?保留全部",
    ("rounded", "en"): r"carried so|rounded numbers? (?:is|are) used from there on",
    ("rounded", "zh"): "再代入后面的计算",
}


@pytest.mark.parametrize("detail", ["brief", "normal"])
@pytest.mark.parametrize("name", ["2-2-3-1", "e-a-plus-b"])
@pytest.mark.parametrize(("carry", "language"), SAID)
def test_a_page_says_how_its_numbers_are_carried(carry: str, language: str, name: str, detail: str) -> None:
    derivation = explainer.explain(example(name, carry=carry, language=language, detail=detail))
    assert json.loads("".join(derivation.text("json")))["carry"] == carry
    for to in ("markdown", "latex", "html"):
        page = "".join(derivation.text(to))
        assert [bool(re.search(said, page)) for (_, tongue), said in SAID.items() if tongue == language] == [
            own == carry for own, tongue in SAID if tongue == language
        ]


def test_the_numbers_of_an_optimizer_are_shown_as_they_were_given() -> None:
    spec = any_spec(0) | {"optimizer": {"adam": {"learning_rate": 0.0125, "beta2": 0.9995}}}
    for carry in ("full", "rounded"):
        page = "".join(explainer.explain(problem_of(spec, significant=2, carry=carry)).text("markdown"))
        assert r"(1 - 0.9995) \times" in page
        assert "0.0125" in page


@pytest.mark.parametrize(
    ("activation", "x", "slope"),
    [("max(0.1*z, z, 0)", 0, "0.36667"), ("max(z, z^2, 1)", 1, "1"), ("min(z, z^2, 1, z^3)", 1, "1.5")],
)
def test_a_tie_of_several_shares_the_slope_among_all_of_them(activation: str, x: float, slope: str) -> None:
    layer = {"neurons": 1, "activation": activation, "weights": [[1.0]]}
    spec = {"inputs": {"X1": x}, "targets": {"T": 0.5}, "layers": [layer], "loss": "half_squared_error"}
    derivation = explainer.explain(problem_of(spec))
    steps = json.loads("".join(derivation.text("json")))["iterations"][0]["steps"]
    assert [step["printed"] for step in steps if step["kind"] == "slope"] == [slope]


def test_a_sum_that_cancels_is_0_and_not_the_noise_of_floats() -> None:
    assert 0.1 * 3 - 0.3 * 1 != 0
    layer = {"neurons": 1, "activation": "sigmoid", "weights": [[0.1, -0.3]]}
    spec = {"inputs": {"X1": 3, "X2": 1}, "targets": {"T": 0}, "layers": [layer], "loss": "half_squared_error"}
    assert explainer.explain(problem_of(spec)).values["z[1]"] == 0


@pytest.mark.parametrize("digits", [{}, {"significant": 9}])
def test_a_softmax_over_ten_classes_stands_in_lines_that_fit_a_page(digits: dict[str, int]) -> None:
    targets = {f"T{k}": int(k == 3) for k in range(10)}
    layers = [{"neurons": 10, "activation": "softmax", "weights": {"random": "normal", "scale": 0.5, "seed": 2}}]
    spec = {"inputs": {"X1": 1, "X2": -0.3}, "targets": targets, "layers": layers, "loss": "cross_entropy"}
    derivation = explainer.explain(problem_of(spec, **digits))
    stacks = re.findall(r"\\begin\{gathered\} (.*?) \\end\{gathered\}", "".join(derivation.text("markdown")))
    assert {tuple(line.count("e^") for line in stack.split(TEX.stack_break)) for stack in stacks} == {(6, 4)}
    assert_all_recomputes(derivation, digits)


def test_a_rounded_half_is_known_where_floats_miss_it() -> None:
    assert Precision(decimals=6).texts(np.array([-0.063 + 0.5 * 0.125367])) == ["-0.000316"]
    layer = {"neurons": 1, "weights": [[-0.125367]], "biases": [-0.063]}
    spec = {"inputs": {"X1": -0.5}, "targets": {"T": 0}, "layers": [layer], "loss": "half_squared_error"}
    assert explainer.explain(problem_of(spec, digits=6, carry="rounded")).values["z[1]"] == -0.000317


def test_a_half_is_rounded_up_as_by_hand() -> None:
    assert Precision(2).texts(np.array([0.125, 0.135, -0.125, 2.5])) == ["0.13", "0.14", "-0.13", "2.5"]
    assert Precision(decimals=2).texts(np.array([2.675, 1.005, -2.675])) == ["2.68", "1.01", "-2.68"]


def test_a_zero_at_the_end_is_kept_where_the_number_goes_on_and_left_out_where_it_ends() -> None:
    assert Precision(5).texts(np.array([0.5437986, 0.1, 2.0, 0.0999999])) == ["0.54380", "0.1", "2", "0.10000"]


def test_unit_of_a_result_is_that_of_its_last_digit() -> None:
    assert math.isclose(Precision(5).unit(np.array([0.5438]))[0], 1e-5)
    assert math.isclose(Precision(decimals=4).unit(np.array([12.5]))[0], 1e-4)


@pytest.mark.parametrize("detail", ["brief", "normal", "full"])
@pytest.mark.parametrize("name", EXAMPLES)
def test_every_link_of_a_page_leads_somewhere(name: str, detail: str) -> None:
    derivation = explainer.explain(example(name, detail=detail))
    for to, link, target in (
        ("markdown", r"\]\(#(\w+)\)", r'<a id="(\w+)">'),
        ("html", r'href="#(\w+)"', r'id="(\w+)"'),
        ("latex", r"\\stepref\{(\w+)\}", r"\\step(?:mark|anchor)\{(\w+)\}"),
    ):
        page = "".join(derivation.text(to))
        targets = re.findall(target, page)
        assert set(re.findall(link, page)) <= set(targets)
        assert len(targets) == len(set(targets))
