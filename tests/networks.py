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
