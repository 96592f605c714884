"""`explainer train`: the updates against a plain loop, what is worked in full, what the page says, what is refused."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

import explainer
from explainer.cli import main
from explainer.problem import problem_from_text

EXAMPLES = Path(explainer.__file__).parent / "examples"
BATCH = """\
inputs: {A: [0, 1, 1], B: [1, 0, 1]}
targets: {T: [1, 1, 0]}
layers:
  - {neurons: 2, activation: tanh, weights: [[0.5, -0.3], [0.2, 0.8]], biases: [0.1, -0.2]}
  - {neurons: 1, activation: sigmoid, weights: [[0.7, -0.4]], biases: [0.05]}
loss: half_squared_error
reduction: mean
optimizer: OPTIMIZER
"""
Rule = Callable[[Any, Any, int], tuple[Any, Any]]  # gradient, states, t -> what is taken off, states


def plain_momentum(g: Any, states: Any, t: int) -> tuple[Any, Any]:
    v = 0.9 * states[0] + g
    return 0.5 * v, (v, states[1])


def plain_adam(g: Any, states: Any, t: int) -> tuple[Any, Any]:
    m, v = 0.9 * states[0] + 0.1 * g, 0.999 * states[1] + 0.001 * g * g
    return 0.5 * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8), (m, v)


RULES: dict[str, Rule] = {
    "{sgd: {learning_rate: 0.5}}": lambda g, states, t: (0.5 * g, states),
    "{momentum: {learning_rate: 0.5, beta: 0.9}}": plain_momentum,
    "{adam: {learning_rate: 0.5}}": plain_adam,
}


def plain_training(rule: Rule, epochs: int) -> Iterator[tuple[float, list[Any]]]:
    """The loss and the parameters before each update, by hand and without the package."""
    x, t = np.array([[0.0, 1, 1], [1, 0, 1]]), np.array([[1.0, 1, 0]])
    parameters: list[Any] = [
        np.array([[0.5, -0.3], [0.2, 0.8]]),
        np.array([[0.1], [-0.2]]),
        np.array([[0.7, -0.4]]),
        np.array([[0.05]]),
    ]
    states: list[Any] = [(0 * p, 0 * p) for p in parameters]
    for epoch in range(1, epochs + 1):
        w1, b1, w2, b2 = parameters
        h = np.tanh(w1 @ x + b1)
        y = 1 / (1 + np.exp(-(w2 @ h + b2)))
        yield float(((t - y) ** 2).sum() / 6), parameters
        d2 = (y - t) / 3 * y * (1 - y)
        d1 = (w2.T @ d2) * (1 - h * h)
        gradients = [d1 @ x.T, d1.sum(1, keepdims=True), d2 @ h.T, d2.sum(1, keepdims=True)]
        taken, states = zip(*(rule(g, s, epoch) for g, s in zip(gradients, states, strict=True)), strict=True)
        parameters = [p - step for p, step in zip(parameters, taken, strict=True)]


@pytest.fixture
def spec(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "net.yaml"
    path.write_text(BATCH.replace("OPTIMIZER", "{sgd: {learning_rate: 0.5}}"), "utf-8")
    return path


def train(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["train", "net.yaml", *arguments])


@pytest.mark.parametrize("optimizer", RULES)
def test_training_makes_the_updates_of_a_plain_loop(optimizer: str, spec: Path) -> None:
    spec.write_text(BATCH.replace("OPTIMIZER", optimizer), "utf-8")
    record = json.loads(train("--epochs", "120", "--show", "0,7,119", "--to", "json").stdout)
    plain = list(plain_training(RULES[optimizer], 121))
    assert [each["epoch"] for each in record["iterations"]] == [0, 7, 119]
    for each in record["iterations"]:
        loss, (w1, b1, w2, _) = plain[each["epoch"]]
        values = each["values"]
        assert values["E"] == pytest.approx(loss, rel=1e-9)
        assert values["W[B,1]"] == pytest.approx(w1[0, 1], rel=1e-9)
        assert values["b[2]"] == pytest.approx(b1[1, 0], rel=1e-9)
        assert values["W[2,3]"] == pytest.approx(w2[0, 1], rel=1e-9)
        assert values["E'"] == pytest.approx(plain[each["epoch"] + 1][0], rel=1e-9)


def test_several_updates_of_derive_are_the_first_of_a_training(spec: Path) -> None:
    derived = CliRunner().invoke(main, ["derive", "net.yaml", "--steps", "3", "--to", "json"])
    three = json.loads(derived.stdout)["iterations"]
    worked = json.loads(train("--epochs", "2", "--show", "0,1,2", "--to", "json").stdout)["iterations"]
    assert [each["values"] for each in worked] == [each["values"] for each in three]


def test_the_page_has_the_loss_over_the_epochs_and_says_where_it_begins(spec: Path) -> None:
    page = train("--epochs", "400", "--show", "3,400").stdout
    losses = [loss for loss, _ in plain_training(RULES["{sgd: {learning_rate: 0.5}}"], 401)]
    assert "The page begins after 3 updates, with the weights" in page
    rows = dict(re.findall(r"^\| (\d+) \| \$`([\d.]+)`\$ \|$", page, re.MULTILINE))
    assert set(rows) >= {"0", "400"}
    for epoch, shown in rows.items():
        assert float(shown) == pytest.approx(losses[int(epoch)], rel=1e-4)


def test_a_page_that_begins_with_the_given_weights_does_not_speak_of_updates_before(spec: Path) -> None:
    assert "The page begins" not in train("--epochs", "1").stdout
    assert "The page begins after 1 update, " in train("--epochs", "1", "--show", "1").stdout
    assert "从第 1 次更新之后开始推导" in train("--epochs", "1", "--show", "1", "--language", "zh").stdout


def test_the_html_has_the_curve_as_a_drawing(spec: Path) -> None:
    assert train("--epochs", "50", "-o", "net.html").exit_code == 0
    page = Path("net.html").read_text("utf-8")
    (points,) = re.findall(r'<polyline[^>]* points="([^"]+)"', page)
    heights = [float(point.split(",")[1]) for point in points.split()]
    assert len(heights) == 51
    assert heights == sorted(heights)  # the loss falls, so the curve goes down the page


def test_the_latex_has_the_same_curve(spec: Path) -> None:
    assert train("--epochs", "50", "-o", "net.html", "-o", "net.tex").exit_code == 0
    (points,) = re.findall(r'<polyline[^>]* points="([^"]+)"', Path("net.html").read_text("utf-8"))
    (coordinates,) = re.findall(r"plot coordinates \{(.*)\};", Path("net.tex").read_text("utf-8"))
    assert re.findall(r"\(([^)]*)\)", coordinates) == points.split()


def test_what_was_reached_is_told_in_one_line(spec: Path) -> None:
    losses = [loss for loss, _ in plain_training(RULES["{sgd: {learning_rate: 0.5}}"], 21)]
    result = train("--epochs", "20", "-o", "net.md")
    assert result.stderr == f"wrote net.md: E = {losses[0]:.5g} at first, {losses[-1]:.5g} after 20 epochs\n"
    assert result.stdout == ""


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--epochs", "5", "--show", "6"], "--show 6: the training goes from 0 to 5"),
        (["--epochs", "5", "--show", "one"], "--show takes whole numbers and commas"),
        (["--epochs", "0"], "0 is not in the range"),
        (["--epochs", "5", "-o", "net.xyz"], "net.xyz:1:1: .xyz is no format"),
        ([], "Missing option '--epochs'"),
    ],
)
def test_a_wrong_use_is_refused(arguments: list[str], said: str, spec: Path) -> None:
    result = train(*arguments)
    assert result.exit_code == 2
    assert said in result.stderr
    assert result.stdout == ""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("inputs: {a: 1}\ngraph: {c: a}\ndifferentiate: c\n", "a graph has nothing to train"),
        (BATCH.replace("optimizer: OPTIMIZER\n", ""), "there is nothing to train"),
    ],
)
def test_what_cannot_be_trained_is_refused(text: str, said: str, spec: Path) -> None:
    spec.write_text(text, "utf-8")
    result = train("--epochs", "5")
    assert result.exit_code == 2
    assert result.stderr.startswith("net.yaml:1:1: ")
    assert said in result.stderr


def test_a_training_that_runs_away_is_told(spec: Path) -> None:
    text = "inputs: {a: 3}\ntargets: {t: 1}\nlayers: [{neurons: 1, activation: identity, weights: [[2]]}]\n"
    spec.write_text(f"{text}loss: squared_error\noptimizer: {{sgd: {{learning_rate: 9}}}}\n", "utf-8")
    result = train("--epochs", "500")
    assert result.exit_code == 2
    assert re.match(r"net\.yaml:1:1: .+; .+\n$", result.stderr)


def test_rounded_carrying_is_carried_through_a_training() -> None:
    text = BATCH.replace("OPTIMIZER", "{sgd: {learning_rate: 0.5}}") + "carry: rounded\ndigits: 3\n"
    found = explainer.derivation.train(problem_from_text(text), 4, {4})
    for name in ("W[A,1]", "W[1,3]", "b[2]", "Y[3]#1"):
        assert found.values[name] == round(found.values[name], 3)
    exact = explainer.derivation.train(problem_from_text(text.replace("rounded", "full")), 4, {4})
    assert found.values["W[A,1]"] != exact.values["W[A,1]"]
    assert found.values["W[A,1]"] == pytest.approx(exact.values["W[A,1]"], abs=0.01)
