"""`only`: a page of some weights, and of what they rest on."""

from __future__ import annotations

import json
import re
from functools import cache
from itertools import product
from typing import Any

import numpy as np
import pytest
from networks import EXAMPLES, example, layered, problem_of, random_batch_spec, random_spec

import explainer
from explainer.problem import GraphProblem, Problem

NETWORKS = [path.stem for path in sorted(EXAMPLES.glob("*.yaml")) if isinstance(example(path.stem), Problem)]
ENDS = ("update", "gradient", "state", "loss", "sample-loss", "matrix")  # what nothing else may rest on


def page(problem: Problem, to: str = "markdown") -> str:
    return "".join(explainer.explain(problem).text(to))


def steps_of(problem: Problem) -> dict[str, dict[str, Any]]:
    return {step["id"]: step for step in json.loads(page(problem, "json"))["iterations"][0]["steps"]}


@cache
def gradients_of(name: str) -> tuple[str, ...]:
    """The weights and biases of an example that have a gradient."""
    values = explainer.explain(example(name)).values
    return tuple(key[4:] for key in values if re.fullmatch(r"dE/d([Wb]\[.*\]|w\w*|b\w*)", key))


def some_of(names: tuple[str, ...], seed: int) -> list[str]:
    """Two of them, or one where there is one."""
    return [names[k] for k in np.random.default_rng(seed).permutation(len(names))[:2]]


def assert_part_of(part: dict[str, dict[str, Any]], whole: dict[str, dict[str, Any]], only: list[str]) -> None:
    """The steps are some of the whole's, word for word; each is the loss, one of `only`, or what these rest on."""
    assert part.items() <= whole.items()
    used = {step for found in part.values() for step in found["uses"]}
    assert used <= part.keys()
    ends = [found for key, found in part.items() if key not in used]
    wanted = {f"dE/d{name}" for name in only}
    assert wanted <= {found["name"] for found in part.values()}
    names = {found["name"] for found in part.values()}
    for found in ends:
        beside = re.sub(
            r"^(dE/dY|dY)(\[\w+\]).*?(#\d+)?$", r"delta\2\3", found["name"]
        )  # shown beside a delta of scores
        assert found["kind"] in ENDS or beside in names, found["name"]


@pytest.mark.parametrize("name", NETWORKS)
def test_a_part_is_steps_of_the_whole_with_their_numbers_and_all_that_they_use(name: str) -> None:
    for seed in range(3):
        only = some_of(gradients_of(name), seed)
        assert_part_of(steps_of(example(name, only=only)), steps_of(example(name)), only)


@pytest.mark.parametrize(
    ("name", "view", "detail"), [*product(NETWORKS, ("scalar", "matrix", "both"), ("brief", "normal"))]
)
def test_every_link_of_a_part_leads_to_a_step_of_it(name: str, view: str, detail: str) -> None:
    only = some_of(gradients_of(name), len(name))
    text = page(example(name, only=only, view=view, detail=detail))
    anchors = re.findall(r'<a id="(\w+)"', text)
    assert len(anchors) == len(set(anchors))
    assert set(re.findall(r"\(#(\w+)\)", text)) <= set(anchors)


@pytest.mark.parametrize("seed", range(12))
def test_random_networks_and_batches_are_cut_down_to_what_one_weight_rests_on(seed: int) -> None:
    spec = random_spec(seed) if seed % 2 else random_batch_spec(seed)
    whole = steps_of(problem_of(spec))
    names = [found["name"][4:] for found in whole.values() if found["kind"] == "gradient"]
    only = [names[seed % len(names)]]
    part = steps_of(problem_of(spec, only=only))
    assert_part_of(part, whole, only)
    assert [found["name"] for found in part.values() if found["kind"] == "gradient"] == [f"dE/d{only[0]}"]


def test_a_weight_of_the_last_layer_rests_on_no_delta_before_it() -> None:
    names = {found["name"] for found in steps_of(example("2-2-3-1", only=["W36"])).values()}
    assert {name for name in names if "delta" in name} == {"delta[6]"}
    assert {name for name in names if name.startswith("dE/dW")} == {"dE/dW[3,6]"}
    assert {name for name in names if "'" in name} == {"W'[3,6]"}
    assert {"z[1]", "Y[5]", "E"} <= names


def test_a_hidden_weight_rests_on_the_deltas_that_reach_its_neuron_alone() -> None:
    names = {found["name"] for found in steps_of(example("2-2-3-1", only=["W13"])).values()}
    assert {name for name in names if "delta" in name} == {"delta[6]", "delta[3]"}


def test_the_values_of_the_json_are_all_there() -> None:
    part, whole = (json.loads(page(example("2-2-3-1", **options), "json")) for options in ({"only": ["W36"]}, {}))
    assert part["iterations"][0]["values"] == whole["iterations"][0]["values"]


@pytest.mark.parametrize("name", ["W36", "w36", "W_36", "W_{36}", "dE/dW36", "∂E/∂W36", "grad W36", "W36'", "W36 new"])
def test_a_weight_is_named_as_people_write_it(name: str) -> None:
    assert example("2-2-3-1", only=[name]).writing.only == ("W[3,6]",)


def test_a_weight_of_the_first_layer_is_named_by_its_input() -> None:
    assert example("2-2-3-1", only=["W(X1)1", "WX21"]).writing.only == ("W[X1,1]", "W[X2,1]")


def test_a_named_weight_is_understood_by_the_place_where_it_stands() -> None:
    spec = random_spec(1)
    spec["layers"][0]["weights"][0][0] = {"first": 0.5}
    label = problem_of(spec).layers[0].labels[0]
    assert problem_of(spec, only=[f"W[X1,{label}]", "first"]).writing.only == ("first",)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_each_weight_that_was_asked_for_has_its_whole_chain_and_no_others_have(language: str) -> None:
    text = page(example("2-2-3-1", only=["W46", "W56", "W14"], language=language))
    assert text.count(r"\frac{\partial E}{\partial Y_{6}} \cdot \frac{\partial Y_{6}}{\partial e_{6}} \cdot") == 2
    assert text.count(r"\frac{\partial E}{\partial Y_{4}} \cdot \frac{\partial Y_{4}}{\partial e_{4}} \cdot") == 1
    assert r"W_{36} \to" not in text


def test_a_large_network_writes_the_weights_that_were_asked_for_as_steps() -> None:
    text = page(layered(20, 20, 2, only=["W[X3,7]"]))
    assert text.count(r"\cdot \frac{\partial e_{7}}{\partial W_{(X3)7}}") == 1
    assert "#### <a id=" in text
    assert len(text) < 60_000


def test_several_updates_are_cut_down_alike() -> None:
    found = json.loads(page(example("2-2-3-1", only=["W36"], steps=2), "json"))["iterations"]
    first, second = ([step["name"] for step in iteration["steps"]] for iteration in found)
    assert first == second
    assert found[1]["steps"][0]["id"] != "S1"


def test_a_graph_names_its_inputs_otherwise() -> None:
    with pytest.raises(explainer.InputError, match="name the inputs in with_respect_to"):
        assert isinstance(explainer.read_problem(EXAMPLES / "e-a-plus-b.yaml", only=["a"]), GraphProblem)
