"""Networks that tests work: specs as text, and random ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

import explainer
from explainer.problem import Problem, problem_from_text
from explainer.worked import Worked, iterations

EXAMPLES = Path(explainer.__file__).parent / "examples"


def example(name: str, **options: Any) -> Problem:
    return explainer.read_problem(EXAMPLES / f"{name}.yaml", **options)


def random_spec(seed: int) -> dict[str, Any]:
    """A spec of a few layers; weights may be missing, named or shared, biases there or not."""
    rng = np.random.default_rng(seed)
    sizes = rng.integers(1, 5, size=rng.integers(2, 5)).tolist()
    scale = float(rng.choice([0.1, 1.0, 3.0]))
    layers = []
    for before, size in zip(sizes, sizes[1:], strict=False):
        weights = np.round(rng.normal(0, scale, (size, before)), int(rng.integers(1, 8))).tolist()
        if before > 1 and rng.random() < 0.3:
            weights[int(rng.integers(size))][int(rng.integers(before))] = None
        layer: dict[str, Any] = {
            "neurons": size,
            "activation": str(rng.choice(["sigmoid", "tanh", "relu", "identity"])),
            "weights": weights,
        }
        if rng.random() < 0.5:
            layer["biases"] = np.round(rng.normal(0, scale, size), 3).tolist()
            if rng.random() < 0.3:
                layer["bias_input"] = float(rng.choice([-1, 2, 0.5]))
        layers.append(layer)
    if rng.random() < 0.4:
        share(layers, rng)
    return {
        "title": f"Network {seed}",
        "inputs": {f"X{k + 1}": float(x) for k, x in enumerate(np.round(rng.normal(0, 2, sizes[0]), 2))},
        "targets": {f"T{k + 1}": float(t) for k, t in enumerate(np.round(rng.uniform(-1, 1, sizes[-1]), 2))},
        "layers": layers,
        "loss": str(rng.choice(["half_squared_error", "squared_error"])),
        "optimizer": {"sgd": {"learning_rate": float(rng.choice([0.01, 0.1, 0.5]))}},
    }


def share(layers: list[dict[str, Any]], rng: np.random.Generator) -> None:
    """Give two weights, anywhere, one name and so one value."""
    value = float(np.round(rng.normal(), 2))
    for layer in (layers[0], layers[-1]):
        row = layer["weights"][int(rng.integers(len(layer["weights"])))]
        row[int(rng.integers(len(row)))] = {"s": value}


OPTIMIZERS = ("sgd", "momentum", "nesterov", "adagrad", "rmsprop", "adam")
BATCH_LOSSES = ("half_squared_error", "squared_error", "absolute_error", "huber", "binary_cross_entropy")


def random_batch_spec(seed: int) -> dict[str, Any]:
    """The same with two or three samples, any loss, any optimizer and often L2; the weights are half the size."""
    spec, rng = random_spec(seed), np.random.default_rng(1000 + seed)
    samples = int(rng.integers(2, 4))
    spec["inputs"] = {name: np.round(rng.uniform(-1, 1, samples), 2).tolist() for name in spec["inputs"]}
    spec["targets"] = {name: np.round(rng.uniform(0.05, 0.95, samples), 2).tolist() for name in spec["targets"]}
    for layer in spec["layers"]:
        layer["weights"] = [[round(w / 2, 3) if isinstance(w, float) else w for w in row] for row in layer["weights"]]
    spec["loss"], spec["reduction"] = str(rng.choice(BATCH_LOSSES)), str(rng.choice(["sum", "mean"]))
    if spec["loss"] == "binary_cross_entropy":
        spec["layers"][-1]["activation"] = "sigmoid"
    if rng.random() < 0.5:
        spec["l2"] = {"lambda": 0.3, "per_sample": bool(rng.random() < 0.5), "biases": bool(rng.random() < 0.5)}
    spec["optimizer"] = {str(rng.choice(OPTIMIZERS)): {"learning_rate": 0.3}}
    return spec


def problem_of(spec: dict[str, Any], **options: Any) -> Problem:
    return problem_from_text(json.dumps(spec), "random.json", **options)


def work_of(problem: Problem) -> Worked:
    """The first iteration's numbers."""
    return next(iterations(problem))


def layered(*sizes: int, activation: str = "sigmoid", seed: int = 0, **writing: Any) -> Problem:
    """A fully connected network with weights drawn by us, of any size."""
    rng = np.random.default_rng(seed)
    spec = {
        "inputs": {f"X{k + 1}": round(float(x), 4) for k, x in enumerate(rng.uniform(0, 1, sizes[0]))},
        "targets": {f"T{k + 1}": round(float(t), 4) for k, t in enumerate(rng.uniform(0.1, 0.9, sizes[-1]))},
        "layers": [
            {
                "neurons": after,
                "activation": activation,
                "weights": {"random": "normal", "scale": float(1 / np.sqrt(before)), "seed": seed + k},
            }
            for k, (before, after) in enumerate(zip(sizes, sizes[1:], strict=False))
        ],
        "loss": "half_squared_error",
        "optimizer": {"sgd": {"learning_rate": 0.1}},
        **writing,
    }
    return problem_of(spec)


# ---- everything a spec can hold

ACTIVATIONS: tuple[Any, ...] = (
    "sigmoid",
    "tanh",
    "relu",
    "identity",
    {"leaky_relu": {"slope": 0.2}},
    {"elu": {"alpha": 0.7}},
    "softplus",
    "gelu",
    {"gelu": {"approximate": "tanh"}},
    "silu",
    "softmax",
    "z/(1 + abs(z))",
    "sin(z) + 0.1*z^2",
    "max(0.1*z, z, 0)",
)
LOSSES: tuple[Any, ...] = (
    "half_squared_error",
    "squared_error",
    "mean_squared_error",
    "absolute_error",
    {"huber": {"delta": 0.4}},
    "hinge",
    {"multiclass_hinge": {"margin": 0.5}},
    "binary_cross_entropy",
    "cross_entropy",
    "(t - y)^4/4",
)
UPDATES: tuple[Any, ...] = (
    {"sgd": {}},
    {"momentum": {}},
    {"momentum": {"averaged": True, "beta": 0.7}},
    {"nesterov": {}},
    {"adagrad": {}},
    {"rmsprop": {}},
    {"adam": {}},
    None,
)


def any_spec(seed: int) -> dict[str, Any]:
    """A spec with any activation, loss, optimizer and penalty, one sample or a few, and weights of any kind."""
    rng = np.random.default_rng(50_000 + seed)
    spec = random_spec(seed)
    samples = int(rng.choice([1, 1, 2, 3]))
    for layer in spec["layers"]:
        layer["activation"] = picked(rng, ACTIVATIONS)
        if layer["activation"] == "softmax" and layer["neurons"] == 1:
            layer["activation"] = "tanh"
    last, loss = spec["layers"][-1], picked(rng, LOSSES)
    if loss == "cross_entropy" and last["neurons"] == 1:
        loss = "binary_cross_entropy"
    if loss == {"multiclass_hinge": {"margin": 0.5}} and last["neurons"] == 1:
        loss = "hinge"
    if loss in ("binary_cross_entropy", "cross_entropy"):
        last["activation"] = "softmax" if loss == "cross_entropy" else "sigmoid"
    targets = rng.uniform(-1, 1, (last["neurons"], samples))
    if loss == "hinge":
        targets = np.where(targets > 0, 1.0, -1.0)
    elif (isinstance(loss, dict) and "multiclass_hinge" in loss) or (loss == "cross_entropy" and rng.random() < 0.7):
        targets = np.eye(last["neurons"])[:, rng.integers(last["neurons"], size=samples)]
    elif loss in ("binary_cross_entropy", "cross_entropy"):
        targets = np.abs(targets) if rng.random() < 0.5 else np.round(np.abs(targets))
    inputs = rng.normal(0, float(rng.choice([0.3, 1, 3])), (len(spec["inputs"]), samples))
    places = int(rng.integers(1, 5))
    spec["inputs"] = dict(zip(spec["inputs"], plain(np.round(inputs, places)), strict=True))
    spec["targets"] = dict(zip(spec["targets"], plain(np.round(targets, 2)), strict=True))
    spec["loss"] = loss
    if samples > 1:
        spec["reduction"] = str(rng.choice(["sum", "mean"]))
    if rng.random() < 0.3:
        spec["l2"] = {"lambda": 0.3, "per_sample": bool(rng.random() < 0.5), "biases": bool(rng.random() < 0.5)}
    optimizer = picked(rng, UPDATES)
    if optimizer is None:
        del spec["optimizer"]
    else:
        ((name, numbers),) = optimizer.items()
        spec["optimizer"] = {name: {"learning_rate": float(rng.choice([0.001, 0.1, 0.5])), **numbers}}
        spec["steps"] = int(rng.choice([1, 1, 1, 2]))
    return spec


def picked(rng: np.random.Generator, choices: tuple[Any, ...]) -> Any:
    return choices[int(rng.integers(len(choices)))]


def plain(columns: np.ndarray) -> list[Any]:
    """Each row as a list, or as a number where it has but one."""
    return [row if len(row) > 1 else row[0] for row in columns.tolist()]


NOTATIONS = ("numbered", "theta", "nielsen", "rashid", "mazur", "layered")
DIGITS: tuple[dict[str, int], ...] = (
    {},
    {"digits": 4},
    {"significant": 3},
    {"digits": 2},
    {"significant": 9},
    {"digits": 6},
    {"significant": 2},
)


def any_writing(seed: int) -> dict[str, Any]:
    """How the network of a seed is written: 84 seeds in turn have every notation, language and number of digits."""
    return {
        "notation": NOTATIONS[seed % 6],
        "language": ("en", "zh")[seed // 6 % 2],
        "view": ("scalar", "scalar", "both")[seed // 12 % 3],
        **DIGITS[seed % 7],
    }
