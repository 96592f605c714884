"""Published worked examples: what their authors print, recomputed, comes out of a spec in their notation.

`cases/` has the specs, one or more for each example, and `expected.yaml` with every number: compared, or excused with
the reason why it is none that a derivation finds.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import yaml

import explainer
from explainer.expressions import read, value
from explainer.optimizers import RULES, carried_states
from explainer.problem import Problem, problem_from_text
from explainer.training import trained
from explainer.worked import named

HERE = Path(__file__).parent / "cases"
DATA = yaml.safe_load((HERE / "expected.yaml").read_text("utf-8"))
CASES: Mapping[str, Mapping[str, Any]] = DATA["cases"]
ABOUT = ("source", "numbers", "excused")  # keys of a case that hold no numbers to compare
SPECS = sorted(path.name for path in HERE.glob("*.yaml") if path.name != "expected.yaml")
Numbers = Mapping[int, Mapping[str, float]]  # by iteration, by name


# ---- what a spec finds


class Row(NamedTuple):
    """One number of an example."""

    case: str
    where: str  # a spec, a rule, or `computed`
    theirs: str  # what the author calls it
    ours: str
    number: float
    within: float = 0


ROWS = [
    Row(case, where, theirs, ours, *map(float, number))
    for case, rows in CASES.items()
    for where, numbers in rows.items()
    if where not in ABOUT
    for theirs, ours, *number in numbers
]


def names_in(ours: str) -> list[tuple[str, int]]:
    """The names that are spoken of, each with its iteration."""
    found = re.findall(r"\{([^{}]+)\}", ours) or [ours]
    return [(name.partition("@")[0], int(name.partition("@")[2] or 1)) for name in found]


@cache
def found(where: str) -> Numbers:
    """Every number of a spec in all iterations that are spoken of, or of a rule whose gradients are given."""
    if where.startswith("rule "):
        return dict(enumerate(states(**DATA["rules"][where.removeprefix("rule ")]), 1))
    problem = explainer.read_problem(HERE / where)
    asked = {k for row in ROWS if row.where == where for _, k in names_in(row.ours)}
    if asked <= {1} or not isinstance(problem, Problem):
        return {1: explainer.explain(problem).values}
    works = trained(problem, max(asked) - 1, {k - 1 for k in asked}).worked
    return {work.iteration: dict(named(work)) for work in works}


def states(optimizer: str, gradients: list[float], **constants: float) -> Iterator[dict[str, float]]:
    """What an optimizer holds after each of the gradients, from a parameter that begins at 0."""
    w, kept = 0.0, {f"{name}_old": 0.0 for name in carried_states(RULES[optimizer])}
    for t, g in enumerate(gradients, 1):
        known = {**constants, **kept, "w": w, "g": float(g)}
        for line in RULES[optimizer]:
            known[line.finds] = float(line.at(t, known))
        yield known | {"step": known["w"] - w}
        w, kept = known["w"], {name: known[name.removesuffix("_old")] for name in kept}


def number(where: str, ours: str) -> float:
    """A number by its name, or by a formula of names in braces."""
    numbers = [found(where)[k][name] for name, k in names_in(ours)]
    if "{" not in ours:
        return numbers[0]
    letters = [f"n{k}" for k in range(len(numbers))]
    slots = iter(letters)
    tree = read(re.sub(r"\{[^{}]+\}", lambda _: next(slots), ours), letters)
    return float(value(tree, {name: np.asarray(n) for name, n in zip(letters, numbers, strict=True)}))


def vector(where: str, names: Callable[[str], bool]) -> np.ndarray:
    return np.array([number for name, number in found(where)[1].items() if names(name)])


def cosine(a: np.ndarray, b: np.ndarray) -> float:
    return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))


# ---- numbers that are of many quantities at once

THREE_FOUR_ONE = "mlp_trask_3_4_1.yaml"


def is_weight_gradient(name: str) -> bool:
    return name.startswith("dE/dW[") and "#" not in name


def update_of_the_code() -> np.ndarray:
    """What `s1 += k1.T.dot(k2_delta)` and `s0 += k0.T.dot(k1_delta)` add, in the order of our weights."""
    weights = vector(THREE_FOUR_ONE, lambda name: name.startswith("W["))
    s0, s1 = weights[:12].reshape(4, 3).T, weights[12:].reshape(1, 4).T
    k0, y = np.array([[0, 0, 1], [0, 1, 1], [1, 0, 1], [1, 1, 1]]), np.array([[0], [1], [1], [0]])
    k1 = 1 / (1 + np.exp(-k0 @ s0))
    k2 = 1 / (1 + np.exp(-k1 @ s1))
    k2_delta = (y - k2) * k2 * (1 - k2)
    k1_delta = k2_delta @ s1.T * k1 * (1 - k1)
    return np.concatenate([(k0.T @ k1_delta).T.ravel(), (k1.T @ k2_delta).T.ravel()])


def cosine_with_half_squares() -> float:
    return cosine(update_of_the_code(), -vector(THREE_FOUR_ONE, is_weight_gradient))


def cosine_with_sizes() -> float:
    return cosine(update_of_the_code(), -vector("seed_000_sizes.yaml", is_weight_gradient))


def length_over_sizes() -> float:
    sizes = vector("seed_000_sizes.yaml", is_weight_gradient)
    return float(np.linalg.norm(update_of_the_code()) / np.linalg.norm(sizes))


def by_the_book(spec: str, inputs: int, outputs: int, error: float) -> np.ndarray:
    """alpha aside, what the book's rule adds to the weights from the inputs; the errors are `error` times dE/do."""
    values = found(spec)[1]
    errors = [error * values[f"dE/dY[o{k}]"] for k in range(1, outputs + 1)]
    hidden = [
        sum(values[f"W[h{j},o{k}]"] * e for k, e in enumerate(errors, 1)) * values[f"dY[h{j}]/dz[h{j}]"]
        for j in range(1, inputs + 1)
    ]
    return np.array([h * values[f"i{i}"] for h in hidden for i in range(1, inputs + 1)])


def from_inputs(name: str) -> bool:
    return name.startswith("dE/dW[i")


def cosine_of_the_book() -> float:
    return cosine(by_the_book("seed_004.yaml", 3, 3, -0.5), -vector("seed_004.yaml", from_inputs))


def length_of_the_book() -> float:
    gradient = vector("seed_004.yaml", from_inputs) / 2
    return float(np.linalg.norm(by_the_book("seed_004.yaml", 3, 3, -0.5)) / np.linalg.norm(gradient))


COUNTEREXAMPLE = "seed_004_counterexample_0.1.yaml"


def cosine_of_the_book_in_the_counterexample() -> float:
    return cosine(by_the_book(COUNTEREXAMPLE, 2, 2, -1), -vector(COUNTEREXAMPLE, from_inputs))


def loss_after_the_books_step(alpha: float) -> float:
    spec = yaml.safe_load((HERE / COUNTEREXAMPLE).read_text("utf-8"))
    changed = np.array(spec["layers"][0]["weights"]) + alpha * by_the_book(COUNTEREXAMPLE, 2, 2, -1).reshape(2, 2)
    spec["layers"][0]["weights"] = changed.tolist()
    return 2 * explainer.explain(problem_from_text(yaml.safe_dump(spec), "changed.yaml")).values["E"]


def loss_after_the_books_step_of_a_hundredth() -> float:
    return loss_after_the_books_step(0.01)


def loss_after_the_books_step_of_a_tenth() -> float:
    return loss_after_the_books_step(0.1)


def distance_of_the_planted_bugs() -> float:
    """Of the gradients with dW2 twice and db1 four times as large, relative to their sizes."""
    gradients = {
        name: number
        for name, number in found("gradcheck_coursera.yaml")[1].items()
        if name.startswith(("dE/dW[", "dE/db[")) and "#" not in name
    }
    right = np.array([*gradients.values()])
    planted = right * [factor_of_the_bug(name) for name in gradients]
    return float(np.linalg.norm(planted - right) / (np.linalg.norm(planted) + np.linalg.norm(right)))


def factor_of_the_bug(name: str) -> int:
    neuron = int(re.findall(r"[0-9]+", name)[-1])  # 1 to 5 are the first layer, 6 to 8 the second
    return {("W", True): 2, ("b", False): 4}.get((name[4], neuron > 5), 1) if neuron < 9 else 1


COMPUTED = {
    function.__name__: function
    for function in (
        cosine_with_half_squares,
        cosine_with_sizes,
        length_over_sizes,
        cosine_of_the_book,
        length_of_the_book,
        cosine_of_the_book_in_the_counterexample,
        loss_after_the_books_step_of_a_hundredth,
        loss_after_the_books_step_of_a_tenth,
        distance_of_the_planted_bugs,
    )
}


# ---- the tests


@pytest.mark.parametrize("case", CASES)
def test_every_number_of_a_published_example_is_found(case: str) -> None:
    rows = [row for row in ROWS if row.case == case]
    numbers = [COMPUTED[row.ours]() if row.where == "computed" else number(row.where, row.ours) for row in rows]
    off = [abs(number - row.number) for number, row in zip(numbers, rows, strict=True)]
    allowed = [max(1e-9 * abs(row.number), row.within, 1e-15) for row in rows]
    assert [(row, n) for row, n, by, most in zip(rows, numbers, off, allowed, strict=True) if not by <= most] == []


@pytest.mark.parametrize("case", CASES)
def test_every_number_of_an_example_is_compared_or_excused_with_a_reason(case: str) -> None:
    excused = CASES[case].get("excused", [])
    theirs = [row.theirs for row in ROWS if row.case == case] + [row[0] for row in excused]
    assert len(theirs) == len(set(theirs)) == CASES[case]["numbers"]
    assert all(np.isfinite(float(number)) and len(reason) > 20 for _, number, reason in excused)


def test_every_spec_belongs_to_an_example() -> None:
    used = {row.where for row in ROWS} | set(re.findall(r'"(\S+\.yaml)"', Path(__file__).read_text("utf-8")))
    assert set(SPECS) <= used


@pytest.mark.parametrize("spec", SPECS)
def test_a_spec_names_its_source_and_its_page_can_be_written(spec: str) -> None:
    assert (HERE / spec).read_text("utf-8").startswith("# ")
    derivation = explainer.explain(explainer.read_problem(HERE / spec))
    for to in ("markdown", "latex"):
        assert len("".join(derivation.text(to))) > 1000
