"""Models in memory: PyTorch's Sequential, Keras, scikit-learn's MLP, parameters in mappings; known by their look."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from ..arrays import Array
from .layers import (
    NAMED,
    PASSED,
    Activated,
    Dense,
    Goal,
    Layer,
    Model,
    Passed,
    Unexplained,
    activated,
    dense,
    float64,
    precision_of,
    refusal,
    squeezed,
)

Numbers = Callable[[str], Any]  # the attribute of a layer by its name


def read_object(model: Any, activations: Sequence[Any] = (), order: Sequence[str] = ()) -> Model:
    """What is to be known of a model in memory; InputError where it is none that can be read."""
    ours = {cls.__module__.partition(".")[0]: None for cls in type(model).__mro__}
    if "keras" in ours:  # first: on PyTorch, its models are modules of PyTorch too
        return keras(model)
    if "torch" in ours:
        return pytorch(model)
    if hasattr(model, "coefs_") and hasattr(model, "intercepts_"):
        return scikit_learn(model)
    if isinstance(model, Mapping):
        return parameters(model, activations, order)
    if "sklearn" in ours:
        name = type(model).__name__
        raise refusal(name, f"{name} has no weights of a network", "give a fitted MLPClassifier or MLPRegressor")
    found = f"{type(model).__module__}.{type(model).__name__} is no model that can be read"
    raise refusal(type(model).__name__, found, "give an nn.Sequential, a Keras model, an MLP* or Flax parameters")


# ---- PyTorch

TORCH: Mapping[str, Callable[[Numbers], Any]] = {
    "leakyrelu": lambda of: {"leaky_relu": {"slope": float(of("negative_slope"))}},
    "elu": lambda of: {"elu": {"alpha": float(of("alpha"))}},
    "gelu": lambda of: {"gelu": {"approximate": of("approximate")}},
    "softplus": lambda of: "softplus" if of("beta") == 1 else f"softplus({float(of('beta'))}*z)/{float(of('beta'))}",
    "hardtanh": lambda of: f"min(max(z, {float(of('min_val'))}), {float(of('max_val'))})",
    "hardsigmoid": lambda of: "max(0, min(1, z/6 + 0.5))",
    "softmax": lambda of: "softmax" if of("dim") in (None, 1, -1) else None,
    "logsoftmax": lambda of: "log_softmax" if of("dim") in (None, 1, -1) else None,
}


def pytorch(model: Any) -> Model:
    """An nn.Sequential, or a single layer; of another module the order of work is code, which is not read."""
    kinds: set[str] = set()
    seen: dict[int, str] = {}
    layers: list[Layer] = []
    for place, module in enumerate(flattened(model), 1):
        name = f"layer {place} ({type(module).__name__})"
        if id(module) in seen and getattr(module, "weight", None) is not None:
            layers.append(Unexplained(name, f"it is {seen[id(module)]} again", "give every layer its own weights"))
            continue
        seen[id(module)] = name
        layers.append(torch_layer(name, module, kinds))
    return Model("PyTorch model", "PyTorch", precision_of(kinds), tuple(layers))


def flattened(module: Any) -> Iterator[Any]:
    """The layers of a Sequential in order, those of a Sequential inside it in its place."""
    sequential: Any = next((cls for cls in type(module).__mro__ if cls.__name__ == "Sequential"), None)
    if sequential is not None and getattr(type(module), "forward", None) is sequential.forward:
        for child in module:
            yield from flattened(child)
    elif isinstance(getattr(module, "_modules", None), Mapping) and module._modules:
        found = f"what {type(module).__name__} does with its layers is code, which is not read"
        raise refusal("PyTorch model", found, "put the layers into an nn.Sequential")
    else:
        yield module


def torch_layer(name: str, module: Any, kinds: set[str]) -> Layer:
    kind = type(module).__name__
    if getattr(module, "_forward_hooks", None) or getattr(module, "_forward_pre_hooks", None):
        return Unexplained(name, "hooks change what it does", "take the hooks off")
    if kind == "Linear":
        kinds |= {str(each.dtype) for each in (module.weight, module.bias) if each is not None}
        biases = None if module.bias is None else tensor(module.bias)
        trained = [each.requires_grad for each in (module.weight, module.bias) if each is not None]
        if len(set(trained)) > 1:
            return Unexplained(name, "only a part of it is trained", "set requires_grad alike for weights and biases")
        return dense(name, tensor(module.weight), biases, trained[0])
    if squeezed(kind) in PASSED:
        return Passed(name, kind)
    return activated(name, kind, lambda attribute: getattr(module, attribute), TORCH)


def tensor(values: Any) -> Array:
    return float64(values.detach().cpu().double().numpy())


# ---- Keras

KERAS: Mapping[
    str, Callable[[Numbers], Any]
] = {  # the attribute of a layer, or of an activation: None where it has none
    "leakyrelu": lambda of: {"leaky_relu": {"slope": slope(of, 0.2)}},
    "elu": lambda of: {"elu": {"alpha": float(of("alpha") or 1)}},
    "relu": lambda of: bent(of),
    "gelu": lambda of: {"gelu": {"approximate": "tanh"}} if of("approximate") else "gelu",
    "hardsigmoid": lambda of: "max(0, min(1, z/6 + 0.5))",
    "hardtanh": lambda of: "min(max(z, -1), 1)",
    "softmax": lambda of: "softmax" if of("axis") in (None, -1, 1) else None,
}


def slope(of: Numbers, otherwise: float) -> float:
    return float(otherwise if of("negative_slope") is None else of("negative_slope"))


def bent(of: Numbers) -> Any:
    """Keras writes several activations as a ReLU with numbers."""
    if of("threshold"):
        return None
    if of("max_value") is not None:
        return None if of("negative_slope") else f"min(max(z, 0), {float(of('max_value'))})"
    return {"leaky_relu": {"slope": slope(of, 0)}} if of("negative_slope") else "relu"


def keras(model: Any) -> Model:
    """A Sequential, or a functional model whose layers stand in one row."""
    config = model.get_config()
    weights = {layer.name: layer.get_weights() for layer in model.layers}
    layers = keras_layers(config, type(model).__name__, weights, "Keras model")
    kinds = {str(each.dtype) for several in weights.values() for each in several}
    return Model("Keras model", "Keras", precision_of(kinds), layers, getattr(model, "loss", None))


def keras_layers(
    config: Mapping[str, Any], kind: str, weights: Mapping[str, Sequence[Any]], file: str
) -> tuple[Layer, ...]:
    """The layers of a model's configuration. `weights` has what each layer holds, by its name."""
    written = config.get("layers")
    if not isinstance(written, list):
        raise refusal(file, f"what {kind} does is code, which is not read", "build it as a Sequential model")
    found: list[Layer] = []
    before = ""
    for place, each in enumerate(written, 1):
        own, layer = each.get("config", {}), each.get("class_name", "")
        name = f"layer {place} ({layer} {own.get('name', '')!r})"
        sources = [*histories(each.get("inbound_nodes"))]
        if len(each.get("inbound_nodes") or ()) > 1 or sources not in ([], [before]):
            found.append(Unexplained(name, f"it is fed by {', '.join(sources)}", "only layers in one row are read"))
        else:
            found += keras_layer(name, layer, own, weights.get(own.get("name", ""), ()))
        before = own.get("name", "")
    return tuple(found)


def histories(node: Any) -> Iterator[str]:
    """The names of the layers that a call is fed by, wherever they stand in its arguments."""
    if isinstance(node, Mapping):
        if isinstance(node.get("keras_history"), (list, tuple)):
            yield str(node["keras_history"][0])
        for value in node.values():
            yield from histories(value)
    elif isinstance(node, (list, tuple)):
        for value in node:
            yield from histories(value)


def keras_layer(name: str, kind: str, config: Mapping[str, Any], weights: Sequence[Any]) -> Iterator[Layer]:
    if kind == "Dense":
        if len(weights) != 1 + bool(config.get("use_bias", True)):
            yield Unexplained(name, "it has no weights yet", "build the model by giving it an input")
            return
        biases = float64(weights[1]) if len(weights) > 1 else None
        yield dense(name, float64(weights[0]).T, biases, bool(config.get("trainable", True)))
        if config.get("kernel_regularizer") or config.get("bias_regularizer"):
            yield Unexplained(name, "its regularizer is not read", "take it off, and write l2 into the spec")
        yield keras_activation(name, config.get("activation") or "linear")
    elif kind == "Activation":
        yield keras_activation(name, config.get("activation") or "linear")
    elif squeezed(kind) in PASSED:
        yield Passed(name, kind)
    else:
        yield activated(name, kind, config.get, KERAS)


def keras_activation(name: str, written: Any) -> Layer:
    """An activation inside a layer: its name, or an object with numbers."""
    if isinstance(written, Mapping):
        inner = written.get("config")
        kind = inner if isinstance(inner, str) else written.get("class_name", "")
        numbers = inner if isinstance(inner, Mapping) else {}
        return activated(name, str(kind), numbers.get, KERAS)
    return activated(name, str(written), lambda attribute: None, KERAS)


# ---- scikit-learn


def scikit_learn(model: Any) -> Model:
    """A fitted MLPClassifier or MLPRegressor: weights are (in, out), L2 is lambda/2m."""
    kinds = {str(values.dtype) for values in (*model.coefs_, *model.intercepts_)}
    activations = [model.activation] * (len(model.coefs_) - 1) + [model.out_activation_]
    layers: list[Layer] = []
    for place, (weights, biases, activation) in enumerate(
        zip(model.coefs_, model.intercepts_, activations, strict=True), 1
    ):
        name = f"layer {place}"
        layers.append(dense(name, float64(weights).T, float64(biases)))
        layers.append(activated(name, activation, lambda attribute: None, {}))
    losses = {"softmax": "cross_entropy", "logistic": "binary_cross_entropy", "identity": "half_squared_error"}
    squared_or_log = getattr(model, "loss", "log_loss") in ("log_loss", "squared_error")
    goal = Goal(losses[model.out_activation_], "mean", penalty=float(model.alpha)) if squared_or_log else None
    classes = tuple(np.asarray(getattr(model, "classes_", ())).tolist())
    name = type(model).__name__
    return Model(name, "scikit-learn", precision_of(kinds), tuple(layers), goal, classes)


# ---- parameters without a model: Flax, a state_dict, safetensors

KERNELS = {"weight": False, "kernel": True, "bias": False}  # what a layer's arrays are called -> whether (in, out)


def parameters(
    tree: Mapping[str, Any],
    activations: Sequence[Any],
    order: Sequence[str],
    file: str = "parameters",
    kinds: set[str] | None = None,
) -> Model:
    """Weights by name, `params/Dense_0/kernel` or `0.weight`; which activation follows each has to be told."""
    arrays: dict[str, dict[str, Any]] = {}
    strange: list[Layer] = []
    for path, values in leaves(tree):
        layer, _, leaf = path.rpartition(".")
        if leaf in KERNELS and np.ndim(values) == 2 - (leaf == "bias"):
            arrays.setdefault(layer.removeprefix("params."), {})[leaf] = values
        else:
            strange.append(Unexplained(path, "it is no weight or bias of a dense layer", "leave it out of the file"))
    for lonely in [name for name, each in arrays.items() if set(each) == {"bias"}]:
        strange.append(Unexplained(lonely, "it has biases and no weights", "leave it out of the file"))
        del arrays[lonely]
    kinds = kinds or {str(values.dtype) for each in arrays.values() for values in each.values()}
    found = {name: dense_of(name, each) for name, each in arrays.items()}
    row = ordered(found, order, file)
    if not strange and len(activations) != len(row):
        names = ", ".join(each.name for each in row)
        said = f"{len(activations)} activations are given" if activations else "activations do not stand in it"
        raise refusal(file, f"it has {len(row)} layers ({names}), and {said}", "name one activation for each layer")
    layers: list[Layer] = [*strange]
    for each, activation in zip(row, activations, strict=False):
        layers += [each, Activated(each.name, named_activation(activation))]
    framework = "Flax" if any("kernel" in each for each in arrays.values()) else "PyTorch"
    return Model(file, framework, precision_of(kinds), tuple(layers or row))


def named_activation(written: Any) -> Any:
    """What stands for an activation where a reader names it: a framework's name, or as in a spec."""
    return NAMED.get(squeezed(written), written) if isinstance(written, str) else written


def leaves(tree: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    """Every array of nested mappings, with its path joined by dots."""
    for name, value in tree.items():
        if isinstance(value, Mapping):
            yield from leaves(value, f"{before}{name}.")
        else:
            yield f"{before}{name}", value.detach().cpu().double().numpy() if hasattr(value, "detach") else value


def dense_of(name: str, arrays: Mapping[str, Any]) -> Layer:
    (leaf,) = [leaf for leaf in arrays if leaf != "bias"]
    weights = float64(arrays[leaf])
    return dense(name, weights.T if KERNELS[leaf] else weights, float64(arrays["bias"]) if "bias" in arrays else None)


def ordered(layers: Mapping[str, Layer], order: Sequence[str], file: str) -> list[Layer]:
    """The layers from input to output: as told, as numbered in a Sequential, or in the only order that fits."""
    if order:
        if sorted(order) != sorted(layers):
            names = ", ".join(sorted(layers))
            raise refusal(file, f"its layers are {names}, not {', '.join(order)}", "name each of them once, in order")
        return [layers[name] for name in order]
    if all(re.fullmatch(r"[0-9]+", name) for name in layers):
        return [layers[name] for name in sorted(layers, key=int)]
    rows = rows_of([layer for layer in layers.values() if isinstance(layer, Dense)])
    if len(rows) == 1 and len(rows[0]) == len(layers):
        return [*rows[0]]
    names = ", ".join(sorted(layers))
    if not rows:
        raise refusal(file, f"the layers {names} fit one another in no order", "only layers in one row are read")
    raise refusal(file, f"the layers {names} fit one another in more than one order", "name them in their order")


def rows_of(layers: Sequence[Dense], limit: int = 2) -> list[list[Dense]]:
    """Orders in which each layer takes what the one before it gives; no more than `limit` are looked for."""
    found: list[list[Dense]] = []

    def grow(row: list[Dense], left: list[Dense]) -> None:
        if not left:
            found.append(row)
        for layer in left:
            if len(found) < limit and (not row or layer.weights.shape[1] == row[-1].weights.shape[0]):
                grow([*row, layer], [other for other in left if other is not layer])

    grow([], [*layers])
    return found
