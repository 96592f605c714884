"""A model from elsewhere, as a list of layers.

    Dense        the weights (out, in) and biases of one fully connected layer
    Activated    an activation, as a spec writes it
    Passed       what does nothing to a sample outside training: dropout, a flattening of what is flat already
    Unexplained  anything else, with what was found and what would do

Nothing here imports a framework: its objects are known by the names of their classes and attributes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..arrays import Array
from ..errors import Fault, InputError


@dataclass(frozen=True)
class Dense:
    name: str  # as a fault calls it: "layer 2 (Linear)"
    weights: Array  # (out, in), float64
    biases: Array | None = None  # (out,)
    trained: bool = True
    kinds: frozenset[str] = frozenset()  # how the model holds them: "float32"


@dataclass(frozen=True)
class Activated:
    name: str
    activation: Any  # a name, a name with numbers, or a formula in z; "log_softmax" goes with one loss alone


@dataclass(frozen=True)
class Passed:
    name: str
    kind: str  # "Dropout"


@dataclass(frozen=True)
class Unexplained:
    name: str
    found: str = "this version cannot explain it"
    remedy: str = "take it out, or explain the part of the model before it"


Layer = Dense | Activated | Passed | Unexplained


@dataclass(frozen=True)
class Goal:
    """What a model is trained towards, as a spec says it."""

    loss: Any
    reduction: str | None = None  # of the samples' losses
    end: str | None = None  # the activation that the loss itself applies to the scores it is given
    wants: str | None = None  # the activation that has to stand before it: others it would change
    penalty: float = 0.0  # lambda/2m times the sum of the squares of the weights is added


@dataclass(frozen=True)
class Model:
    """What could be read of a model."""

    file: str  # what faults call it
    framework: str  # "PyTorch"
    layers: tuple[Layer, ...]
    loss: Any = None  # the framework's own, or a Goal, where the model knows what it is trained towards
    classes: tuple[Any, ...] = ()  # the labels that targets may be written in, in the order of the outputs

    @property
    def precision(self) -> str:
        """How its weights are held, in a word: "float32", or "float16 and float32"."""
        return " and ".join(sorted({kind for each in self.layers if isinstance(each, Dense) for kind in each.kinds}))


CODE = "is code, which is not read"


def refusal(file: str, found: str, remedy: str) -> InputError:
    return InputError([Fault(file, 1, 1, found, remedy)])


# ---- numbers

FLOATS = frozenset({"bfloat16", "float16", "float32", "float64"})


def plain(values: Any) -> Any:
    """An array of NumPy, or what it takes for one, from a tensor of PyTorch too; in float64 there, as it has no bfloat16."""
    return values.detach().cpu().double().numpy() if hasattr(values, "detach") else values


def float64(values: Any) -> Array:
    """The same numbers in float64, where each one of a narrower kind is held exactly."""
    return np.asarray(plain(values)).astype(np.float64)


def kind_of(values: Any) -> str:
    """The kind of number that an array of any framework holds: "float32"."""
    return str(values.dtype).rpartition(".")[2] if hasattr(values, "dtype") else "float64"


def dense(name: str, weights: Any, biases: Any = None, trained: bool = True, kind: str = "") -> Layer:
    """A layer of weights (out, in), where they are such: a table of finite numbers, and a bias for each row."""
    given = [each for each in (weights, biases) if each is not None]
    kinds = frozenset({kind} if kind else map(kind_of, given))
    if strange := sorted(kinds - FLOATS):
        return Unexplained(name, f"it holds numbers of the kind {strange[0]}", "hold them as float32")
    weights, biases = float64(weights), None if biases is None else float64(biases)
    if weights.ndim != 2 or weights.size == 0:
        return Unexplained(name, f"its weights are {' x '.join(map(str, weights.shape)) or 'one number'}, not a table")
    if biases is not None and biases.shape != weights.shape[:1]:
        return Unexplained(name, f"it has {biases.size} biases for {len(weights)} neurons")
    if not all(np.isfinite(values).all() for values in (weights, biases) if values is not None):
        return Unexplained(name, "it holds numbers that are not finite", "train the model again, or mend them")
    return Dense(name, weights, biases, trained, kinds)


# ---- activations

SELU = "1.0507009873554805*max(z, 0) + 1.7580993408473766*(exp(min(z, 0)) - 1)"
NAMED: Mapping[str, Any] = {  # squeezed names of all frameworks -> as a spec writes it
    **dict.fromkeys(("identity", "linear"), "identity"),
    **dict.fromkeys(("sigmoid", "logistic"), "sigmoid"),
    **dict.fromkeys(("silu", "swish"), "silu"),
    **{name: name for name in ("tanh", "relu", "softplus", "gelu", "softmax")},
    "logsoftmax": "log_softmax",
    "softsign": "z/(1 + abs(z))",
    "exponential": "exp(z)",
    "mish": "z*tanh(softplus(z))",
    "relu6": "min(relu(z), 6)",
    "logsigmoid": "-softplus(-z)",
    "tanhshrink": "z - tanh(z)",
    "selu": SELU,
}
PASSED = frozenset({"dropout", "alphadropout", "gaussiandropout", "gaussiannoise", "inputlayer", "flatten"})


def squeezed(name: str) -> str:
    """leaky_relu, LeakyReLU and LeakyRelu are one name."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


def activated(
    name: str, kind: str, numbers: Callable[[str], Any], table: Mapping[str, Callable[[Callable[[str], Any]], Any]]
) -> Layer:
    """The activation called `kind`: by the framework's `table` of those with numbers, else by its name alone."""
    own = table.get(squeezed(kind))
    found = own(numbers) if own else NAMED.get(squeezed(kind))
    return Unexplained(name) if found is None else Activated(name, found)
