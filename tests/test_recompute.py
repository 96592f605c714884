"""Every line that is printed recomputes from the digits that are printed."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from networks import example, problem_of, random_batch_spec, random_spec
from tex_numbers import equations, is_number, value_of

import explainer
from explainer.digits import Precision

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


def unit(printed: str, writing: dict[str, Any]) -> float:
    """What one unit of the last digit of a result is worth."""
    value = value_of(printed)
    precision = Precision(writing.get("significant", 5), writing.get("digits"))
    return float(precision.unit(np.array(value)))


def assert_recomputes(numbers: str, printed: str, writing: dict[str, Any]) -> None:
    value, result = value_of(numbers), value_of(printed)
    if writing.get("carry") == "rounded":
        shown = Precision(writing.get("significant", 5), writing.get("digits")).texts(np.array([value]))[0]
        assert float(shown) == pytest.approx(result, rel=1e-12), f"{numbers} = {value}, printed {printed}"
    else:
        assert abs(value - result) <= unit(printed, writing) * (1 + 1e-6), f"{numbers} = {value}, printed {printed}"


def pages(problem: explainer.Problem) -> list[str]:
    derivation = explainer.explain(problem)
    return ["".join(derivation.text(to)) for to in ("markdown", "latex")]


def assert_page_recomputes(page: str, writing: dict[str, Any]) -> int:
    """Every `= numbers = result` of a page; how many there are."""
    found = 0
    for _, *rights in equations(page):
        if len(rights) >= 2 and is_number(rights[-1]):
            try:
                value_of(rights[-2])
            except ValueError:
                continue  # symbols straight to the result: Y'_6 = 0.54555, or the case that holds
            assert_recomputes(rights[-2], rights[-1], writing)
            found += 1
    return found


@pytest.mark.parametrize("writing", WRITINGS, ids=str)
@pytest.mark.parametrize("name", NETWORKS)
def test_every_line_of_a_shipped_example_recomputes(name: str, writing: dict[str, Any]) -> None:
    for page in pages(example(name, **writing)):
        assert assert_page_recomputes(page, writing) > 12


@pytest.mark.parametrize("seed", range(40))
@pytest.mark.parametrize("writing", WRITINGS, ids=str)
def test_every_step_of_a_random_network_recomputes(seed: int, writing: dict[str, Any]) -> None:
    problem = problem_of(random_spec(seed), **writing)
    record = json.loads("".join(explainer.explain(problem).text("json")))
    for step in record["iterations"][0]["steps"]:
        assert_recomputes(step["numbers"], step["printed"], writing)


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("writing", [*WRITINGS, {"notation": "theta"}], ids=str)
def test_every_step_and_every_line_of_a_random_batch_recomputes(seed: int, writing: dict[str, Any]) -> None:
    derivation = explainer.explain(problem_of(random_batch_spec(seed), **writing))
    record = json.loads("".join(derivation.text("json")))
    for step in record["iterations"][0]["steps"]:
        assert_recomputes(step["numbers"], step["printed"], writing)
    assert assert_page_recomputes("".join(derivation.text("markdown")), writing) > 20


@pytest.mark.parametrize("seed", range(20))
def test_no_page_has_two_signs_in_a_row_or_a_negative_zero(seed: int) -> None:
    for page in pages(problem_of(random_spec(seed))):
        mathematics = "\n".join(side for sides in equations(page) for side in sides)
        assert not re.search(r"[-+] ?-|\\times -|\\cdot -", mathematics)
        assert not re.search(r"(?<!e\^\{)-0(\.0*)?(?![.\d])", mathematics)


@pytest.mark.parametrize("digits", [2, 4])
def test_no_number_loses_all_its_digits(digits: int) -> None:
    for seed in range(20):
        record = json.loads("".join(explainer.explain(problem_of(random_spec(seed), digits=digits)).text("json")))
        for step in record["iterations"][0]["steps"]:
            assert (value_of(step["printed"]) == 0) == (step["value"] == 0), step


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
