"""Models in memory: PyTorch's Sequential, Keras, scikit-learn's MLP, parameters in mappings; known by their look."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from ..source import shortened
from .layers import (
    CODE,
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
    plain,
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
    "softplus": lambda of: None if of("threshold") != 20 else softplus(float(of("beta"))),  # beyond, PyTorch has z
    "hardtanh": lambda of: f"min(max(z, {float(of('min_val'))}), {float(of('max_val'))})",
    "hardsigmoid": lambda of: "max(0, min(1, z/6 + 0.5))",
    "softmax": lambda of: "softmax" if of("dim") in (None, 1, -1) else None,
    "logsoftmax": lambda of: "log_softmax" if of("dim") in (None, 1, -1) else None,
}


def softplus(beta: float) -> str:
    return "softplus" if beta == 1 else f"softplus({beta}*z)/{beta}"


def pytorch(model: Any) -> Model:
    """An nn.Sequential, or a single layer; of another module the order of work is code, which is not read."""
    owners: dict[int, str] = {}
    modules = [(f"layer {place} ({type(each).__name__})", each) for place, each in enumerate(flattened(model), 1)]
    return Model("PyTorch model", "PyTorch", tuple(torch_layer(*each, owners) for each in modules))


HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")


def hooked(module: Any) -> bool:
    return any(getattr(module, name, None) for name in HOOKS)


def flattened(module: Any) -> Iterator[Any]:
    """The layers of a Sequential in order, those of a Sequential inside it in its place."""
    sequential: Any = next((cls for cls in type(module).__mro__ if cls.__name__ == "Sequential"), None)
    if sequential is not None and getattr(type(module), "forward", None) is sequential.forward and not hooked(module):
        for child in module:
            yield from flattened(child)
    else:
        yield module


def torch_layer(name: str, module: Any, owners: dict[int, str]) -> Layer:
    """`owners` has the layer that each tensor of weights was met in first, by its identity."""
    kind = type(module).__name__
    if kind == "LazyLinear" or getattr(getattr(module, "weight", None), "is_meta", False):
        return Unexplained(name, "it has no weights yet", "give the model an input once, or load its weights")
    if hooked(module):
        return Unexplained(name, "hooks change what it does", "take the hooks off")
    if getattr(module, "_modules", None):
        return Unexplained(name, f"what {kind} does with its layers {CODE}", "put the layers into an nn.Sequential")
    if not type(module).__module__.startswith("torch.nn.modules."):
        return Unexplained(name, f"what {type(module).__module__}.{kind} does {CODE}")
    if kind == "Linear":
        return linear(name, module, owners)
    if squeezed(kind) in PASSED:
        return Passed(name, kind)
    return activated(name, kind, lambda attribute: getattr(module, attribute), TORCH)


def linear(name: str, module: Any, owners: dict[int, str]) -> Layer:
    held = [each for each in (module.weight, module.bias) if each is not None]
    shared = [owners[id(each)] for each in held if id(each) in owners]
    owners |= {id(each): name for each in held}
    if shared:
        return Unexplained(name, f"it shares weights with {shared[0]}", "give every layer its own weights")
    if len({each.requires_grad for each in held}) > 1:
        return Unexplained(name, "only a part of it is trained", "set requires_grad alike for weights and biases")
    return dense(name, module.weight, module.bias, module.weight.requires_grad)


# ---- Keras

KERAS: Mapping[
    str, Callable[[Numbers], Any]
] = {  # the attribute of a layer, or of an activation: None where it has none
    "leakyrelu": lambda of: {"leaky_relu": {"slope": slope(of, 0.2)}},
    "elu": lambda of: {"elu": {"alpha": float(1 if of("alpha") is None else of("alpha"))}},
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
    own = {layer.name for layer in model.layers if is_own(getattr(layer, "activation", None))}
    layers = keras_layers(config, type(model).__name__, weights, "Keras model", own)
    weighted = getattr(getattr(model, "_compile_loss", None), "_user_loss_weights", None)
    return Model("Keras model", "Keras", layers, "weighted" if weighted else getattr(model, "loss", None))


def is_own(activation: Any) -> bool:
    """Whether it is a function of somebody's own; Keras writes one called `tanh` as if it were its tanh."""
    return hasattr(activation, "__name__") and not is_of_keras(getattr(activation, "__module__", None))


def is_of_keras(module: Any) -> bool:
    return str(module).partition(".")[0] == "keras"


def keras_layers(
    config: Mapping[str, Any],
    kind: str,
    weights: Mapping[str, Sequence[Any]],
    file: str,
    own: Collection[str] = (),
) -> tuple[Layer, ...]:
    """The layers of a model's configuration. `weights` has what each layer holds, by its name.

    The layers in `own` have an activation of somebody's own.
    """
    written = config.get("layers")
    if not isinstance(written, list):
        raise refusal(file, f"what {kind} does {CODE}", "build it as a Sequential model")
    found: list[Layer] = []
    before = ""
    for place, each in enumerate(written, 1):
        said, layer = each.get("config", {}), each.get("class_name", "")
        called = said.get("name", "")
        name = f"layer {place} ({layer} {called!r})"
        sources = [*histories(each.get("inbound_nodes"))]
        if len(each.get("inbound_nodes") or ()) > 1 or sources not in ([], [before]):
            found.append(Unexplained(name, f"it is fed by {', '.join(sources)}", "only layers in one row are read"))
        elif not is_of_keras(each.get("module")):
            found.append(Unexplained(name, f"what {each.get('registered_name') or layer} does {CODE}"))
        elif called in own:
            found.append(Unexplained(name, f"its activation {CODE}", "take one that Keras has"))
        else:
            found += keras_layer(name, layer, said, weights.get(called, ()))
        before = called
    if len(ends := [*names_of(config.get("output_layers"))]) > 1 or ends not in ([], [before]):
        found.append(Unexplained("the model", f"its outputs are {', '.join(ends)}", "give one, at the end of the row"))
    return tuple(found)


def names_of(ends: Any) -> Iterator[str]:
    """The layers that the outputs of a functional model come from: one [name, 0, 0], or several."""
    if isinstance(ends, (list, tuple)) and ends and isinstance(ends[0], str):
        yield ends[0]
    elif isinstance(ends, (list, tuple, Mapping)):
        for each in ends.values() if isinstance(ends, Mapping) else ends:
            yield from names_of(each)


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
            found = f"it holds {len(weights)} arrays" if weights else "it has no weights yet"
            yield Unexplained(name, found, "build the model by giving it an input, and quantize nothing")
            return
        biases = weights[1] if len(weights) > 1 else None
        yield dense(name, weights[0].T, biases, bool(config.get("trainable", True)))
        if any(config.get(f"{what}_regularizer") for what in ("kernel", "bias", "activity")):
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
        if not isinstance(inner, Mapping) or not is_of_keras(written.get("module")):
            return Unexplained(name, f"its activation {CODE}", "take one that Keras has")
        return activated(name, str(written.get("class_name")), inner.get, KERAS)
    return activated(name, str(written), lambda attribute: None, KERAS)


# ---- scikit-learn


def scikit_learn(model: Any) -> Model:
    """A fitted MLPClassifier or MLPRegressor: weights are (in, out), L2 is lambda/2m."""
    activations = [model.activation] * (len(model.coefs_) - 1) + [model.out_activation_]
    layers: list[Layer] = []
    for place, (weights, biases, activation) in enumerate(
        zip(model.coefs_, model.intercepts_, activations, strict=True), 1
    ):
        name = f"layer {place}"
        layers.append(dense(name, weights.T, biases))
        layers.append(activated(name, activation, lambda attribute: None, {}))
    losses = {"softmax": "cross_entropy", "logistic": "binary_cross_entropy", "identity": "half_squared_error"}
    squared_or_log = getattr(model, "loss", "log_loss") in ("log_loss", "squared_error")
    goal = Goal(losses[model.out_activation_], "mean", penalty=float(model.alpha)) if squared_or_log else None
    several = model.out_activation_ == "logistic" and model.n_outputs_ > 1  # labels at once, told as 0 and 1
    classes = () if several else tuple(np.asarray(getattr(model, "classes_", ())).tolist())
    return Model(type(model).__name__, "scikit-learn", tuple(layers), goal, classes)


# ---- parameters without a model: Flax, a state_dict, safetensors

KERNELS = {"weight": False, "kernel": True, "bias": False}  # what a layer's arrays are called -> whether (in, out)


def parameters(
    tree: Mapping[str, Any],
    activations: Sequence[Any],
    order: Sequence[str],
    file: str = "parameters",
    kinds: Mapping[str, str] | None = None,
) -> Model:
    """Weights by name, `params/Dense_0/kernel` or `0.weight`; which activation follows each has to be told.

    `kinds` has how the numbers of a layer were held, by its name, where its arrays do not say it.
    """
    arrays: dict[str, dict[str, Any]] = {}
    strange: list[Layer] = []
    broken: set[str] = set()  # layers that have something strange, which are named once
    for path, values in leaves(tree):
        layer, _, leaf = path.rpartition(".")
        if leaf in KERNELS and np.ndim(values) == 2 - (leaf == "bias"):
            arrays.setdefault(layer.removeprefix("params.") or "the layer", {})[leaf] = values
        else:
            strange.append(Unexplained(path, "it is no weight or bias of a dense layer", "leave it out of the file"))
            broken.add(layer.removeprefix("params."))
    found = {
        name: dense_of(name, each, (kinds or {}).get(name, "")) for name, each in arrays.items() if name not in broken
    }
    strange += [layer for layer in found.values() if isinstance(layer, Unexplained)]
    framework = "Flax" if any("kernel" in each for each in arrays.values()) else "PyTorch"
    if strange:
        return Model(file, framework, tuple(strange))
    row = ordered({name: layer for name, layer in found.items() if isinstance(layer, Dense)}, order, file)
    if len(activations) != len(row):
        said = f"{len(activations)} activations are given" if activations else "activations do not stand in it"
        names = listed(each.name for each in row)
        raise refusal(file, f"it has {len(row)} layers ({names}), and {said}", "name one activation for each layer")
    pairs = zip(row, activations, strict=True)
    layers = [part for each, name in pairs for part in (each, Activated(each.name, named_activation(name)))]
    return Model(file, framework, tuple(layers))


def named_activation(written: Any) -> Any:
    """What stands for an activation where a reader names it: a framework's name, or as in a spec."""
    return NAMED.get(squeezed(written), written) if isinstance(written, str) else written


def leaves(tree: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    """Every array of nested mappings, with its path joined by dots."""
    for name, value in tree.items():
        if isinstance(value, Mapping):
            yield from leaves(value, f"{before}{name}.")
        else:
            yield f"{before}{name}", value


def dense_of(name: str, arrays: Mapping[str, Any], kind: str = "") -> Layer:
    tables = [leaf for leaf in arrays if leaf != "bias"]
    if len(tables) != 1:
        found = "it has both a weight and a kernel" if tables else "it has biases and no weights"
        return Unexplained(name, found, "leave it out of the file")
    held = arrays[tables[0]]
    weights = np.transpose(plain(held)) if KERNELS[tables[0]] else held
    return dense(name, weights, arrays.get("bias"), kind=kind)


def ordered(layers: Mapping[str, Dense], order: Sequence[str], file: str) -> list[Dense]:
    """The layers from input to output: as told, as numbered in a Sequential, or in the only order that fits."""
    if order:
        if sorted(order) != sorted(layers):
            found = f"its layers are {listed(sorted(layers))}, not {listed(order)}"
            raise refusal(file, found, "name each of them once, in order")
        return [layers[name] for name in order]
    places = {name: place_in_sequential(name) for name in layers}
    if all(numbers for _, numbers in places.values()) and len({owner for owner, _ in places.values()}) == 1:
        return [layers[name] for name in sorted(layers, key=places.__getitem__)]
    rows = rows_of([*layers.values()])
    names = listed(sorted(layers))
    if rows == []:
        raise refusal(file, f"the layers {names} fit one another in no order", "only layers in one row are read")
    if rows is None or len(rows) > 1:
        raise refusal(file, f"the order of the layers {names} does not follow from their shapes", "name them in order")
    return rows[0]


def place_in_sequential(name: str) -> tuple[str, tuple[int, ...]]:
    """net.0.2 stands in the Sequential `net`, in the one that is its 0th, as the 2nd; Dense_0 in none."""
    owner, numbers = name.split("."), []
    while owner and re.fullmatch("[0-9]{1,9}", owner[-1]):
        numbers.append(int(owner.pop()))
    return ".".join(owner), tuple(reversed(numbers))


def listed(names: Iterable[str], most: int = 12) -> str:
    """The names with commas; of very many the first, and how many more there are."""
    every = [*names]
    more = f" and {len(every) - most} more" if len(every) > most else ""
    return ", ".join(shortened(name) for name in every[:most]) + more


def rows_of(layers: Sequence[Dense], patience: int = 10_000) -> list[list[Dense]] | None:
    """The orders in which each layer takes what the one before it gives; two at most. None where it takes too long."""
    if len(layers) > 50:
        return None
    found: list[list[Dense]] = []
    waiting: list[tuple[list[Dense], list[Dense]]] = [([], [*layers])]
    while waiting and len(found) < 2:
        if not (patience := patience - 1):
            return None
        row, left = waiting.pop()
        if not left:
            found.append(row)
        for layer in left:
            if not row or layer.weights.shape[1] == row[-1].weights.shape[0]:
                waiting.append(([*row, layer], [other for other in left if other is not layer]))
    return found
