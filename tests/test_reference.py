"""Gradients of random networks agree with references of another make: 50 digits of mpmath, and PyTorch where it is there.

The reference is written from the page that says what a spec means, number by number, and knows nothing of arrays,
operations or derivatives: its gradients are differences in 80 digits, or PyTorch's own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import mpmath
import numpy as np
import pytest
from networks import problem_of

import explainer

# Each is (how the spec says it, the activations of a layer from its pre-activations). `m` has exp, log, tanh and erf.
ACTIVATIONS: dict[str, tuple[Any, Callable[[Any, list[Any]], list[Any]]]] = {
    "identity": ("identity", lambda m, z: z),
    "sigmoid": ("sigmoid", lambda m, z: [1 / (1 + m.exp(-e)) for e in z]),
    "tanh": ("tanh", lambda m, z: [m.tanh(e) for e in z]),
    "relu": ("relu", lambda m, z: [e if e > 0 else 0 * e for e in z]),
    "leaky_relu": ({"leaky_relu": {"slope": 0.2}}, lambda m, z: [e if e > 0 else 0.2 * e for e in z]),
    "elu": ({"elu": {"alpha": 0.7}}, lambda m, z: [e if e > 0 else 0.7 * (m.exp(e) - 1) for e in z]),
    "softplus": ("softplus", lambda m, z: [m.log(1 + m.exp(e)) for e in z]),
    "gelu": ("gelu", lambda m, z: [e / 2 * (1 + m.erf(e / root(m, 2))) for e in z]),
    "gelu by tanh": (
        {"gelu": {"approximate": "tanh"}},
        lambda m, z: [e / 2 * (1 + m.tanh(root(m, 2 / m.pi) * (e + 0.044715 * e**3))) for e in z],
    ),
    "silu": ("silu", lambda m, z: [e / (1 + m.exp(-e)) for e in z]),
    "softmax": ("softmax", lambda m, z: [m.exp(e) / sum(m.exp(other) for other in z) for e in z]),
    "smooth formula": ("z*exp(-z^2) + atan(z)/2", lambda m, z: [e * m.exp(-e * e) + m.atan(e) / 2 for e in z]),
    "bent formula": ("max(z, 0.1*z)^2 - abs(z + 0.3)", lambda m, z: [(e if e > 0 else e / 10) ** 2 - abs(e + 0.3) for e in z]),
}  # fmt: skip

# Each is (how the spec says it, which activations can stand before it, the loss of one sample).
ANY, SHARES = tuple(ACTIVATIONS), ("sigmoid", "softmax")
LOSSES: dict[str, tuple[Any, tuple[str, ...], Callable[[Any, list[float], list[Any]], Any]]] = {
    "half_squared_error": ("half_squared_error", ANY, lambda m, t, y: total((a - b) ** 2 / 2 for a, b in pairs(t, y))),
    "squared_error": ("squared_error", ANY, lambda m, t, y: total((a - b) ** 2 for a, b in pairs(t, y))),
    "mean_squared_error": (
        "mean_squared_error",
        ANY,
        lambda m, t, y: total((a - b) ** 2 for a, b in pairs(t, y)) / len(t),
    ),
    "absolute_error": ("absolute_error", ANY, lambda m, t, y: total(abs(a - b) for a, b in pairs(t, y))),
    "huber": (
        {"huber": {"delta": 0.8}},
        ANY,
        lambda m, t, y: total(r**2 / 2 if r <= 0.8 else 0.8 * (r - 0.4) for r in (abs(a - b) for a, b in pairs(t, y))),
    ),
    "hinge": ("hinge", ANY, lambda m, t, y: total(positive(1 - a * b) for a, b in pairs(t, y))),
    "multiclass_hinge": (
        {"multiclass_hinge": {"margin": 1.5}},
        ANY,
        lambda m, t, y: total(positive(b - y[t.index(1)] + 1.5) for a, b in pairs(t, y) if a != 1),
    ),
    "binary_cross_entropy": (
        "binary_cross_entropy",
        SHARES,
        lambda m, t, y: -total(a * m.log(b) + (1 - a) * m.log(1 - b) for a, b in pairs(t, y)),
    ),
    "cross_entropy": ("cross_entropy", SHARES, lambda m, t, y: -total(a * m.log(b) for a, b in pairs(t, y))),
    "smooth formula": (
        "ln(1 + exp(-t*y)) + (t - y)^4/4",
        ANY,
        lambda m, t, y: total(m.log(1 + m.exp(-a * b)) + (a - b) ** 4 / 4 for a, b in pairs(t, y)),
    ),
    "bent formula": (
        "max(t - y, 0.3*(y - t))",
        ANY,
        lambda m, t, y: total(a - b if a > b else 0.3 * (b - a) for a, b in pairs(t, y)),
    ),
}
PENALTIES: tuple[dict[str, Any], ...] = (
    {},
    {"lambda": 0.1},
    {"lambda": 0.3, "biases": True},
    {"lambda": 0.2, "per_sample": True},
)
COMBINATIONS = [(activation, loss) for activation in ACTIVATIONS for loss in LOSSES]


def pairs(t: list[float], y: list[Any]) -> Iterator[tuple[Any, Any]]:
    return zip(t, y, strict=True)


def total(terms: Iterator[Any]) -> Any:
    return sum(terms)


def positive(e: Any) -> Any:
    return e if e > 0 else 0 * e


def root(m: Any, number: Any) -> Any:
    return m.sqrt(m.mpf(number)) if m is mpmath.mp else float(number) ** 0.5


# ---- random networks


def activations_of(activation: str, loss: str) -> list[str]:
    """Of both layers: that of the combination, and at the end another where the loss needs shares."""
    turn = COMBINATIONS.index((activation, loss))
    return [activation, activation if activation in LOSSES[loss][1] else SHARES[turn % 2]]


def spec_of(activation: str, loss: str) -> dict[str, Any]:
    """A network of two layers; combinations take turns with samples, reductions, penalties and biases."""
    turn = COMBINATIONS.index((activation, loss))
    rng = np.random.default_rng(turn)
    samples, outputs = 1 + turn % 3, 2 + turn // 3 % 2
    sizes = [2, 2 + turn // 2 % 2, outputs]
    layers: list[dict[str, Any]] = []
    for before, after, name in zip(sizes, sizes[1:], activations_of(activation, loss), strict=False):
        weights = np.round(rng.normal(0, 1, (after, before)), 3).tolist()
        layers.append({"neurons": after, "activation": ACTIVATIONS[name][0], "weights": weights})
        if rng.random() < 0.7:
            layers[-1] |= {
                "biases": np.round(rng.normal(0, 1, after), 3).tolist(),
                "bias_input": float(rng.choice([1, -1, 0.5])),
            }
    targets = targets_of(loss, rng, outputs, samples)
    found: dict[str, Any] = {
        "inputs": {f"X{k + 1}": np.round(rng.normal(0, 1, samples), 3).tolist() for k in range(sizes[0])},
        "targets": {f"T{k + 1}": targets[k].tolist() for k in range(outputs)},
        "layers": layers,
        "loss": LOSSES[loss][0],
        "optimizer": {"sgd": {"learning_rate": 0.1}},
    }
    if turn % 5:
        found["reduction"] = ("sum", "mean")[turn // 5 % 2]
    if PENALTIES[turn // 2 % 4]:
        found["l2"] = PENALTIES[turn // 2 % 4]
    return found


def targets_of(loss: str, rng: np.random.Generator, outputs: int, samples: int) -> np.ndarray:
    """A row for each output: numbers, signs, shares or the right class, as the loss wants them."""
    if loss == "hinge":
        return rng.choice([-1.0, 1.0], (outputs, samples))
    if loss == "multiclass_hinge" or (loss == "cross_entropy" and rng.random() < 0.6):
        return np.eye(outputs)[:, rng.integers(outputs, size=samples)]
    if loss in ("binary_cross_entropy", "cross_entropy"):
        return np.round(rng.uniform(0, 1, (outputs, samples)), int(rng.integers(3)))
    return np.round(rng.normal(0, 1, (outputs, samples)), 3)


# ---- the reference


def parameters_of(spec: dict[str, Any]) -> dict[str, float]:
    """Everything that the loss is differentiated in, by name: weights, biases, and the inputs of each sample."""
    found, senders, first = {}, list(spec["inputs"]), 1
    for layer in spec["layers"]:
        labels = [str(k) for k in range(first, first + layer["neurons"])]
        for label, row in zip(labels, layer["weights"], strict=True):
            found |= {f"W[{sender},{label}]": weight for sender, weight in zip(senders, row, strict=True)}
        found |= {f"b[{label}]": bias for label, bias in zip(labels, layer.get("biases", ()), strict=False)}
        senders, first = labels, first + len(labels)
    several = len(spec["inputs"]["X1"]) > 1
    return found | {
        name + (f"#{s}" if several else ""): number
        for name, numbers in spec["inputs"].items()
        for s, number in enumerate(numbers, 1)
    }


def loss_of(spec: dict[str, Any], loss: str, names: list[str], given: dict[str, Any], m: Any) -> Any:
    """The loss of all samples; `names` are the activations of the layers."""
    samples = len(spec["inputs"]["X1"])
    losses = []
    for s in range(1, samples + 1):
        mark = f"#{s}" if samples > 1 else ""
        senders, first = list(spec["inputs"]), 1
        y = [given[name + mark] for name in senders]
        for layer, name in zip(spec["layers"], names, strict=True):
            labels = [str(k) for k in range(first, first + layer["neurons"])]
            z = [sum(given[f"W[{i},{j}]"] * e for i, e in zip(senders, y, strict=True)) for j in labels]
            if "biases" in layer:
                z = [e + layer["bias_input"] * given[f"b[{j}]"] for e, j in zip(z, labels, strict=True)]
            y, senders, first = ACTIVATIONS[name][1](m, z), labels, first + len(labels)
        losses.append(LOSSES[loss][2](m, [numbers[s - 1] for numbers in spec["targets"].values()], y))
    mean = spec.get("reduction", "mean" if loss == "mean_squared_error" else "sum") == "mean"
    penalty = spec.get("l2", {"lambda": 0})
    squares = sum(
        number**2 for name, number in given.items() if name[0] == "W" or (name[0] == "b" and "biases" in penalty)
    )
    rate = penalty["lambda"] / (samples if "per_sample" in penalty else 1)
    return sum(losses) / (samples if mean else 1) + squares * rate / 2


def by_differences(spec: dict[str, Any], loss: str, names: list[str]) -> tuple[float, dict[str, float]]:
    """The loss and its gradients, from differences over 1e-30 in numbers of 80 digits: good to 50."""
    with mpmath.workdps(80):
        m, h = mpmath.mp, mpmath.mpf(10) ** -30
        given = {name: m.mpf(number) for name, number in parameters_of(spec).items()}

        def at(name: str, change: Any) -> Any:
            return loss_of(spec, loss, names, given | {name: given[name] + change}, m)

        return float(loss_of(spec, loss, names, given, m)), {
            name: float((at(name, h) - at(name, -h)) / (2 * h)) for name in given
        }


def by_pytorch(spec: dict[str, Any], loss: str, names: list[str]) -> tuple[float, dict[str, float]]:
    import torch

    given = {n: torch.tensor(e, dtype=torch.float64, requires_grad=True) for n, e in parameters_of(spec).items()}
    end = loss_of(spec, loss, names, given, torch)
    end.backward()
    return end.item(), {name: 0.0 if e.grad is None else e.grad.item() for name, e in given.items()}


Reference = Callable[[dict[str, Any], str, list[str]], tuple[float, dict[str, float]]]


def compare(activation: str, loss: str, reference: Reference) -> explainer.Derivation:
    """The derivation of the network of a combination, its loss and every gradient found to be those of the reference."""
    spec = spec_of(activation, loss)
    end, gradients = reference(spec, loss, activations_of(activation, loss))
    derivation = explainer.explain(problem_of(spec))
    assert derivation.values["E"] == pytest.approx(end, rel=1e-12, abs=1e-14)
    least = 1e-6 * max(abs(number) for number in gradients.values())
    for name, number in gradients.items():
        off = abs(derivation.values[f"dE/d{name}"] - number)
        assert off <= 1e-10 * max(abs(number), least), (activation, loss, name)
    return derivation


@pytest.mark.parametrize(("activation", "loss"), COMBINATIONS)
def test_gradients_agree_with_a_reference_of_50_digits_and_with_complex_steps(activation: str, loss: str) -> None:
    check = compare(activation, loss, by_differences).check
    assert check is not None
    assert check.method == "central difference" or check.worst_relative_error < 1e-10


def test_gradients_agree_with_pytorch() -> None:
    pytest.importorskip("torch")
    for activation, loss in COMBINATIONS:
        compare(activation, loss, by_pytorch)
