"""A model from elsewhere, its samples and its loss as a spec: one that stands in a file, or is worked at once."""

from __future__ import annotations

import io
import json
import os
import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Unpack

import numpy as np

from ..arrays import MAX_NUMBERS, Array, Unusable, read_table
from ..errors import Fault, InputError
from ..problem import GraphProblem, Options, Problem, read_problem
from ..publish import Chunks, write
from ..render import Setting, Speaker
from ..source import NotANumber, decimal, shortened
from .files import read_file
from .goals import goal_of, name_of
from .layers import Activated, Dense, Goal, Layer, Model, Passed, Unexplained, float64, refusal
from .objects import read_object

MAX_INLINE = 400  # weights of a layer that stand in the spec itself
OF_SCORES = {"cross_entropy": "CrossEntropyLoss", "binary_cross_entropy": "BCEWithLogitsLoss"}  # PyTorch's names
CLASSES = ("cross_entropy", "multiclass_hinge")  # losses whose targets may be given as the number of a class


@dataclass(frozen=True)
class Asked:
    """What is said about a model that does not stand in it."""

    loss: Any = None
    optimizer: Any = None
    title: str = ""
    activations: Sequence[Any] = ()
    order: Sequence[str] = ()
    decimals: int | None = None  # that the weights are rounded to
    language: str = "en"


@dataclass(frozen=True)
class Imported:
    """A spec as text, with the arrays that are too large to stand in it; their file is `arrays_file`."""

    file: str  # what faults call the model
    text: str
    notes: tuple[str, ...]  # what the reader of the spec should know of the model
    arrays_file: str = ""
    arrays: Mapping[str, Array] = field(default_factory=dict)


def from_model(
    model: Any,
    inputs: Any,
    targets: Any = None,
    *,
    loss: Any = None,
    optimizer: Any = None,
    title: str = "",
    activations: Sequence[Any] = (),
    order: Sequence[str] = (),
    decimals: int | None = None,
    **options: Unpack[Options],
) -> Problem | GraphProblem:
    """The problem of explaining what back-propagation does in a model that there is already.

    `model` is a PyTorch nn.Sequential, a Keras model, a fitted scikit-learn MLP, the parameters of Flax, or the path
    of a .safetensors, .keras or .onnx file. `inputs` is one sample (features,) or several (samples, features), or
    numbers by name; `targets` likewise, or classes. `loss` is as a spec says it, or the framework's own object; left
    out, it is the one that the model was trained with, where the model knows it. Parameters alone have no activations:
    `activations` names one for each layer, `order` the layers where their shapes leave it open. `decimals` rounds the
    weights. Raises InputError with everything that cannot be explained, layer by layer.
    """
    asked = Asked(loss, optimizer, title, activations, order, decimals, options.get("language") or "en")
    return problem_of(imported(model, inputs, targets, asked), options)


def problem_of(found: Imported, options: Options) -> Problem | GraphProblem:
    """What the spec describes, read as it will be from its file."""
    with tempfile.TemporaryDirectory() as folder:
        spec = Path(folder) / "model.yaml"
        spec.write_text(found.text, encoding="utf-8")
        if found.arrays:
            (Path(folder) / found.arrays_file).write_bytes(saved(found.arrays))
        try:
            return read_problem(spec, **options)
        except InputError as error:  # the spec is ours: a fault is one of what was given
            raise InputError(Fault(found.file, 1, 1, fault.found, fault.remedy) for fault in error.faults) from None


def imported(model: Any, inputs: Any, targets: Any, asked: Asked, stem: str = "model") -> Imported:
    """The spec of a model, see `from_model`; arrays that are too large for it are for the file STEM.npz beside it."""
    if isinstance(model, (str, os.PathLike)):
        read = read_file(model, asked.activations, asked.order)
    else:
        read = read_object(model, asked.activations, asked.order)
    sound = not any(isinstance(layer, Unexplained) for layer in read.layers)  # else these are what is told
    goal = goal_for(read, asked.loss) if targets is not None and sound else None
    layers = joined(read, goal)
    columns = samples(read.file, inputs, layers[0][0].weights.shape[1], "X", "input")
    say = Speaker(asked.language, Setting())
    notes = notes_on(read, asked, say)
    arrays: dict[str, Array] = {}
    spec: dict[str, Any] = {
        "title": asked.title or say.text("model_title", framework=read.framework, forward=goal is None),
        "language": asked.language if asked.language != "en" else None,
        "inputs": columns,
        "targets": goal and targets_of(read, targets, len(layers[-1][0].weights), goal, columns),
        "layers": [
            written(*layer, place, arrays, f"{stem}.npz", asked.decimals) for place, layer in enumerate(layers, 1)
        ],
        "loss": goal and goal.loss,
        "reduction": goal and goal.reduction,
        "l2": {"lambda": goal.penalty, "per_sample": True} if goal and goal.penalty else None,
        "optimizer": asked.optimizer,
        "frozen": frozen(layers, list(columns)),
        "remarks": notes,
    }
    text = yaml_text({key: value for key, value in spec.items() if value})
    if text != text.encode("utf-8", "replace").decode("utf-8"):
        raise refusal(read.file, "what is said of it holds bytes that are no text", "write it in UTF-8")
    return Imported(read.file, text, tuple(notes), f"{stem}.npz" if arrays else "", arrays)


def import_model(
    path: str,
    output: Path | None,
    inputs: str,
    targets: str | None = None,
    activations: str | None = None,
    order: str | None = None,
    **more: Any,
) -> str:
    """What `explainer import` does: the spec as text where `output` is None, else in that file, with a line on it.

    `inputs` and `targets` are numbers with commas between them, or a file of samples; `more` is for `Asked`.
    """
    output = None if output == Path("-") else output
    if output and output.suffix.lower() not in (".yaml", ".yml"):
        raise refusal(str(output), "a spec has another ending", "write to a file that ends in .yaml")
    asked = Asked(activations=listed(activations), order=listed(order), **more)
    given = numbers_of(path, inputs), None if targets is None else numbers_of(path, targets)
    found = imported(path, *given, asked, re.sub(r"[#:\\]", "-", output.stem) if output else "model")
    problem_of(found, {})
    if output is None:
        if found.arrays:
            raise refusal(path, "its weights are too many to stand in a spec", "write to a file with -o net.yaml")
        return found.text
    beside = output.with_name(found.arrays_file) if found.arrays else None
    files: dict[Path, Chunks] = {beside: iter([saved(found.arrays)])} if beside else {}
    write(files | {output: iter([found.text])})
    return f"wrote {output}{f', {beside}' if beside else ''}: {' '.join(found.notes)}"


def listed(text: str | None) -> list[str]:
    return text.split(",") if text else []


def numbers_of(path: str, text: str) -> Array:
    """One sample, `0.5,1`; or the samples of a .csv or .npy file. Whole numbers in one column may be classes."""
    try:
        values = np.array([decimal(part.strip()) for part in text.split(",")])
    except NotANumber as error:
        folder, name = os.path.split(text)
        if "." not in name:
            raise refusal(path, error.found, "write numbers with commas between them, or name a data file") from None
        try:
            values = read_table(folder or ".", name, os.path.join(folder, "spec"), header=True).values
        except Unusable as unusable:
            raise refusal(path, unusable.found.replace("beside the spec", "there"), unusable.remedy) from None
        values = values[:, 0] if values.ndim == 2 and values.shape[1] == 1 else values
    whole = values.ndim == 1 and np.array_equal(values, values.round())
    return values.astype(np.int64) if whole else values


def saved(arrays: Mapping[str, Array]) -> bytes:
    """The arrays as a .npz file."""
    stream = io.BytesIO()
    np.savez(stream, **arrays)  # type: ignore[arg-type]
    return stream.getvalue()


# ---- layers


def joined(read: Model, goal: Goal | None) -> list[tuple[Dense, Any]]:
    """Each dense layer with its activation; InputError with everything else that does something to a sample."""
    faults: list[Unexplained] = []
    found: list[tuple[Dense, Any]] = []
    for layer in with_end(read.layers, goal):
        if isinstance(layer, Unexplained):
            faults.append(layer)
        elif isinstance(layer, Dense):
            if found and found[-1][0].weights.shape[0] != layer.weights.shape[1]:
                wants, gives = layer.weights.shape[1], found[-1][0].weights.shape[0]
                faults.append(Unexplained(layer.name, f"it wants {wants} inputs, but the layer before gives {gives}"))
            found.append((layer, "identity"))
        elif isinstance(layer, Activated) and layer.activation != "identity":
            if not found:
                faults.append(Unexplained(layer.name, "it acts on the inputs", "apply it to the inputs yourself"))
            elif found[-1][1] != "identity":
                before = f"it follows {shown(found[-1][1])} with no weights between"
                faults.append(Unexplained(layer.name, before, "give a layer one activation"))
            elif layer.activation == "log_softmax":
                faults.append(Unexplained(layer.name, "log-softmax goes with NLLLoss alone", "give loss=NLLLoss()"))
            else:
                found[-1] = (found[-1][0], layer.activation)
    if goal and goal.wants and found and found[-1][1] != goal.wants:
        faults.append(Unexplained("the loss", "it divides the outputs by their sum first", f"end with {goal.wants}"))
    elif not faults and goal and shown(goal.loss) in OF_SCORES and found and not may_be_shares(found[-1][1]):
        end, remedy = shown(found[-1][1]), f"where it is one of scores, say {OF_SCORES[shown(goal.loss)]}"
        faults.append(Unexplained("the loss", f"it takes logarithms of the outputs, which come from {end}", remedy))
    if not found and not faults:
        raise refusal(read.file, "it has no layer with weights", "give a model that was built and trained")
    if faults:
        raise InputError(
            Fault(read.file, 1, 1, f"{shortened(layer.name, 100)}: {layer.found}", layer.remedy) for layer in faults
        )
    return found


def with_end(layers: Sequence[Layer], goal: Goal | None) -> list[Layer]:
    """The layers, with what the loss itself applies to the scores at the end."""
    if goal is None or goal.end is None:
        return [*layers]
    if goal.end != "log_softmax":
        return [*layers, Activated("the loss", goal.end)]
    last = layers[-1] if layers else None
    if isinstance(last, Activated) and last.activation == "log_softmax":
        return [*layers[:-1], Activated(last.name, "softmax")]
    return [*layers, Unexplained("the loss", "NLLLoss wants the logarithms of shares", "end with LogSoftmax(dim=1)")]


def may_be_shares(activation: Any) -> bool:
    """Whether its values lie between 0 and 1; of a formula nothing is known."""
    return activation in ("sigmoid", "softmax") or (isinstance(activation, str) and not set(activation) <= PLAIN)


def shown(activation: Any) -> str:
    return next(iter(activation)) if isinstance(activation, Mapping) else str(activation)


def frozen(layers: Sequence[tuple[Dense, Any]], inputs: Sequence[str]) -> list[str]:
    """The names of the weights and biases that the model does not train."""
    names: list[str] = []
    senders, following = [*inputs], 1
    for layer, _ in layers:
        labels = [str(following + k) for k in range(len(layer.weights))]
        if not layer.trained:
            names += [f"W[{start},{end}]" for end in labels for start in senders]
            names += [f"b[{label}]" for label in labels if layer.biases is not None]
        senders, following = labels, following + len(labels)
    return names


# ---- the goal and the samples


def goal_for(read: Model, loss: Any) -> Goal:
    """What the model is trained towards: as told, in words of a spec or by a framework's object, or by itself.

    A name that ends in Loss is one of PyTorch's: CrossEntropyLoss, with its defaults.
    """
    if isinstance(loss, Mapping) or (isinstance(loss, str) and not loss.endswith("Loss")):
        return Goal(loss)
    own = read.loss if loss is None else loss
    if own is None:
        raise refusal(read.file, "there are targets but no loss", "give one, such as loss='half_squared_error'")
    dense = [layer for layer in read.layers if isinstance(layer, Dense)]
    goal = own if isinstance(own, Goal) else goal_of(own, len(dense[-1].weights) if dense else 1)
    if goal is None:
        found = f"the loss {shortened(name_of(own))} with these settings is not read"
        raise refusal(read.file, found, "give the loss as a spec says it")
    return goal


def samples(file: str, values: Any, width: int, letter: str, what: str) -> dict[str, Any]:
    """Columns by name: as they are named, or X1, X2, ... from one sample or from rows of samples."""
    would_do = f"give {width} numbers, or rows of {width}"
    try:
        named = isinstance(values, Mapping)
        columns = named_columns(values) if named else numbered_columns(values, width, letter)
    except (TypeError, ValueError):
        raise refusal(file, f"the {what}s are not numbers in rows of one length", would_do) from None
    if isinstance(columns, str):
        raise refusal(file, f"the {what}s are {columns}", would_do)
    if len(columns) != width:
        found = f"{len(columns)} {what}s are given, but the model wants {width}"
        raise refusal(file, found, f"give {width}, one for each")
    if not all(np.isfinite(column).all() for column in columns.values()):
        raise refusal(file, f"the {what}s are not all finite", "leave out samples that are not whole")
    return {name: column.tolist() if len(column) > 1 else column.item() for name, column in columns.items()}


def named_columns(values: Mapping[Any, Any]) -> dict[str, Array]:
    return {str(name): np.atleast_1d(np.asarray(each, np.float64)) for name, each in values.items()}


def numbered_columns(values: Any, width: int, letter: str) -> dict[str, Array] | str:
    """The columns X1, X2, ...; where there are no rows, what the shape is."""
    rows = float64(values)
    rows = rows.reshape(1, -1) if rows.ndim < 2 and rows.size == width else rows
    rows = rows.reshape(-1, 1) if rows.ndim == 1 and width == 1 else rows
    if rows.ndim != 2:
        return " x ".join(map(str, rows.shape)) or "one number"
    return {f"{letter}{k + 1}" if width > 1 or letter == "X" else letter: rows[:, k] for k in range(rows.shape[1])}


def targets_of(read: Model, targets: Any, outputs: int, goal: Goal, inputs: Mapping[str, Any]) -> dict[str, Any]:
    count = np.size(next(iter(inputs.values())))
    return samples(read.file, coded(read, targets, outputs, goal, count), outputs, "T", "target")


def coded(read: Model, targets: Any, outputs: int, goal: Goal, count: int) -> Any:
    """The targets as numbers of the outputs, where they are given as classes."""
    if isinstance(targets, Mapping):
        return targets
    try:
        given = np.asarray(targets.detach().cpu() if hasattr(targets, "detach") else targets)
    except ValueError:
        return targets  # rows of several lengths, which are refused later
    classes = list(read.classes)
    one_each = given.size == count and given.ndim < (2 if outputs == 1 else 3)  # Keras has classes in a column, too
    if not classes and goal.loss in CLASSES and given.dtype.kind in "iu" and one_each:
        classes = list(range(outputs))
    if not classes:
        return given
    unknown = [label for label in given.ravel().tolist() if label not in classes]
    if unknown:
        raise refusal(read.file, f"{unknown[0]} is no class of the model", f"its classes are {classes}")
    places = np.array([classes.index(label) for label in given.ravel().tolist()])
    return places.reshape(-1, 1) if outputs == 1 else np.eye(outputs)[places]


# ---- the text


def written(
    layer: Dense, activation: Any, place: int, arrays: dict[str, Array], file: str, decimals: int | None
) -> dict[str, Any]:
    """One layer as the spec has it; large arrays go into `arrays`."""
    weights = layer.weights if decimals is None else layer.weights.round(decimals)
    biases = layer.biases if layer.biases is None or decimals is None else layer.biases.round(decimals)
    inline = weights.size <= MAX_INLINE
    if weights.size > MAX_NUMBERS:
        raise refusal(file, f"{layer.name}: {weights.size:,} weights", f"give a layer of at most {MAX_NUMBERS:,}")
    if not inline:
        arrays |= {f"W{place}": weights} | ({} if biases is None else {f"b{place}": biases})
    found: dict[str, Any] = {
        "neurons": len(weights),
        "activation": activation,
        "weights": (weights + 0.0).tolist() if inline else f"{file}#W{place}",
    }
    if biases is not None:
        found["biases"] = (biases + 0.0).tolist() if inline else f"{file}#b{place}"
    return found


def notes_on(read: Model, asked: Asked, say: Speaker) -> list[str]:
    """What the page says about the model, in its language."""
    notes = [
        say.text(
            "model_origin",
            framework=read.framework,
            precision=read.precision,
            decimals="" if asked.decimals is None else str(asked.decimals),
        )
    ]
    passed = dict.fromkeys(layer.kind for layer in read.layers if isinstance(layer, Passed))
    passed.pop("InputLayer", None)
    return notes + ([say.text("model_passed", kinds=[*passed])] if passed else [])


def yaml_text(spec: Mapping[str, Any]) -> str:
    """The spec as YAML that one likes to read and change: a line for each key, and for each row of weights."""
    lines: list[str] = []
    for key, value in spec.items():
        if key == "layers":
            lines.append("layers:")
            for layer in value:
                lines += layer_lines(layer)
        elif key == "remarks":
            lines += ["remarks:", *(f"  - {flow(text)}" for text in value)]
        else:
            lines.append(f"{key}: {flow(value)}")
    return "\n".join(lines) + "\n"


def layer_lines(layer: Mapping[str, Any]) -> list[str]:
    lines: list[str] = []
    for key, value in layer.items():
        start = "  - " if not lines else "    "
        if key == "weights" and isinstance(value, list):
            lines += [f"{start}weights:", *(f"      - {flow(row)}" for row in value)]
        else:
            lines.append(f"{start}{key}: {flow(value)}")
    return lines


PLAIN = frozenset("abcdefghijklmnopqrstuvwxyz_")


def flow(value: Any) -> str:
    """A value on one line: JSON, which is YAML too, with keys and simple words left without quotes."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key_of(key)}: {flow(each)}" for key, each in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(flow, value)) + "]"
    if isinstance(value, str) and value and set(value) <= PLAIN:
        return value
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return json.dumps(value, ensure_ascii=False)


def key_of(name: str) -> str:
    """A name as a key: in quotes where it is more than letters and digits."""
    return name if re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name) else flow(name)
