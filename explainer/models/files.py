"""Models in files: safetensors, `.keras` and ONNX. They come from strangers: bounded in size, and never a pickle.

What reads a format is an extra of the package, imported when a file of that kind is met.
"""

from __future__ import annotations

import io
import json
import os
import zipfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from math import prod
from typing import Any

import numpy as np

from ..arrays import MAX_NUMBERS
from ..errors import InputError
from ..source import read_bytes, shortened
from .layers import SELU, Dense, Layer, Model, Passed, Unexplained, activated, dense, refusal
from .objects import keras_layers, parameters

MAX_MODEL_BYTES = 32 << 20  # as many weights as a network may have, with what an optimiser keeps of each
MAX_CONFIG_BYTES = 4 << 20
MAX_FIELDS = 100_000  # of an ONNX file: each takes its reader far more memory than the two bytes that it may be

PICKLED = "it is a pickle, which can run any code when it is read"
SAFE = "save it as .safetensors, .keras or .onnx"
REFUSED: Mapping[str, tuple[str, str]] = {
    **dict.fromkeys((".pt", ".pth", ".bin", ".ckpt", ".pkl", ".pickle", ".joblib", ".sav"), (PICKLED, SAFE)),
    **dict.fromkeys((".h5", ".hdf5"), ("it is a model of an older Keras", "load it in Keras 3 and save it as .keras")),
}


def read_file(path: str | os.PathLike[str], activations: Sequence[Any] = (), order: Sequence[str] = ()) -> Model:
    """What is to be known of the model in a file; InputError where it cannot be read."""
    file = os.fspath(path)
    ending = os.path.splitext(file)[1].lower()
    if ending in REFUSED:
        raise refusal(file, *REFUSED[ending])
    if ending not in READERS:
        raise refusal(file, f"{ending or 'no ending'} is no kind of model that can be read", SAFE)
    data = read_bytes(path, MAX_MODEL_BYTES, file, f"give a model of at most {MAX_NUMBERS:,} weights")
    try:
        return READERS[ending](data, file, activations, order)
    except InputError:
        raise
    except ImportError:
        extra = "onnx" if ending == ".onnx" else "models"
        raise refusal(file, f"reading {ending} needs a package", f"pip install 'explainer[{extra}]'") from None
    except Exception:  # whatever a stranger's file makes of itself, here or in the library that reads it
        raise refusal(file, f"it is no {ending} file that can be read, or cut short", "save it again") from None


def bounded(counts: Iterable[int], file: str) -> None:
    """InputError where there are more numbers than a network may have weights; asked before any is read."""
    if (total := sum(counts)) > MAX_NUMBERS:
        raise refusal(file, f"it holds {total:,} numbers", f"give a model of at most {MAX_NUMBERS:,}")


# ---- safetensors

TENSOR_KINDS = {"F64": "<f8", "F32": "<f4", "F16": "<f2"}  # as the format calls them -> as NumPy does


def read_safetensors(data: bytes, file: str, activations: Sequence[Any], order: Sequence[str]) -> Model:
    import safetensors

    if int.from_bytes(data[:8], "little") > MAX_CONFIG_BYTES:
        raise ValueError("its head is too large")
    tensors = dict(safetensors.deserialize(data))
    bounded((prod(tensor["shape"]) for tensor in tensors.values()), file)
    others = {name: each["dtype"] for name, each in tensors.items() if each["dtype"] not in TENSOR_KINDS}
    kinds = {name.rpartition(".")[0]: "bfloat16" if kind == "BF16" else kind for name, kind in others.items()}
    return parameters({name: values_of(each) for name, each in tensors.items()}, activations, order, file, kinds)


def values_of(tensor: Mapping[str, Any]) -> Any:
    """The numbers of a tensor; of a kind that weights do not have, its shape alone."""
    kind, data, shape = tensor["dtype"], tensor["data"], tensor["shape"]
    if kind == "BF16":  # the upper half of a float32
        return (np.frombuffer(data, "<u2").astype("<u4") << 16).view("<f4").reshape(shape)
    return np.frombuffer(data, TENSOR_KINDS[kind]).reshape(shape) if kind in TENSOR_KINDS else np.empty(shape, bool)


# ---- Keras


def read_keras(data: bytes, file: str, activations: Sequence[Any], order: Sequence[str]) -> Model:
    """A `.keras` file: a zip of the configuration as JSON, and of the weights as HDF5."""
    import h5py

    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        config = json.loads(member(archive, "config.json", MAX_CONFIG_BYTES))
        stored = member(archive, "model.weights.h5", MAX_MODEL_BYTES)
    inner = config["config"]
    with h5py.File(io.BytesIO(stored), "r") as weights:
        arrays = keras_weights(weights, inner.get("layers", ()))
        bounded((prod(array.shape) for several in arrays.values() for array in several), file)
        held = {name: [array[()] for array in several] for name, several in arrays.items()}
    layers = keras_layers(inner, config.get("class_name", "the model"), held, file)
    compiled = config.get("compile_config") or {}
    return Model(file, "Keras", layers, "weighted" if compiled.get("loss_weights") else compiled.get("loss"))


def member(archive: zipfile.ZipFile, name: str, limit: int) -> bytes:
    """A file of the archive, never more than `limit` bytes whatever its head claims."""
    with archive.open(name) as stream:
        data = stream.read(limit + 1)
    if len(data) > limit:
        raise ValueError(name)
    return data


def keras_weights(weights: Any, layers: Sequence[Any]) -> dict[str, list[Any]]:
    """The arrays of each dense layer by its name; Keras stores the k-th of them as `dense_k`."""
    found: dict[str, list[Any]] = {}
    names = [each["config"]["name"] for each in layers if each["class_name"] == "Dense"]
    for k, name in enumerate(names):
        group = hard_linked(weights, "layers", f"dense_{k}" if k else "dense", "vars")
        found[name] = [hard_linked(group, str(place)) for place in range(len(group))]
        if not all(is_plain(array) for array in found[name]):
            raise ValueError(name)
    return found


def is_plain(array: Any) -> bool:
    """Whether an array of HDF5 holds its own numbers, and not in pieces that are larger than it is said to be."""
    piece = prod(array.chunks or ())
    return not array.external and not array.is_virtual and array.dtype.itemsize <= 8 and piece <= MAX_NUMBERS


def hard_linked(group: Any, *path: str) -> Any:
    """What stands at the path, reached by hard links alone: others can lead into other files."""
    for name in path:
        link = group.get(name, getlink=True)
        if type(link).__name__ != "HardLink":
            raise ValueError(name)
        group = group[name]
    return group


# ---- ONNX

Node = Any
FLOATING = (1, 10, 11, 16)  # what a Cast may turn numbers into: FLOAT, FLOAT16, DOUBLE, BFLOAT16
FIRST = (None, 1, -1)  # the axis of the outputs of a sample
ONNX_NUMBERS: Mapping[str, Callable[[Callable[[str], Any]], Any]] = {
    "leakyrelu": lambda of: {"leaky_relu": {"slope": float32(of("alpha"), 0.01)}},
    "elu": lambda of: {"elu": {"alpha": float32(of("alpha"), 1.0)}},
    "gelu": lambda of: {"gelu": {"approximate": "tanh"}} if of("approximate") == b"tanh" else "gelu",
    "selu": lambda of: SELU if of("alpha") is None and of("gamma") is None else None,
    "swish": lambda of: "silu" if of("alpha") in (None, 1) else None,
    "softmax": lambda of: "softmax" if of("axis") in FIRST else None,
    "logsoftmax": lambda of: "log_softmax" if of("axis") in FIRST else None,
    "hardsigmoid": lambda of: f"max(0, min(1, {float32(of('alpha'), 0.2)}*z + {float32(of('beta'), 0.5)}))",
}
PASSING: Mapping[str, Callable[[Callable[[str], Any]], bool]] = {
    "Identity": lambda of: True,
    "Dropout": lambda of: True,
    "Flatten": lambda of: of("axis") in FIRST,
    "Cast": lambda of: of("to") in FLOATING,
}


def float32(value: Any, otherwise: float) -> float:
    """The shortest decimal that a number in float32 stands for: 0.01, not 0.009999999776482582."""
    return float(str(np.float32(otherwise if value is None else value)))


def read_onnx(data: bytes, file: str, activations: Sequence[Any], order: Sequence[str]) -> Model:
    """A graph in which each node is fed by the one before: Gemm, MatMul and Add, and activations."""
    import onnx
    from onnx import numpy_helper

    if fields_of(data, onnx.ModelProto.DESCRIPTOR) > MAX_FIELDS:
        raise ValueError("it has too many fields")
    graph = onnx.load_model_from_string(data).graph
    if any(tensor.data_location == onnx.TensorProto.EXTERNAL for tensor in graph.initializer):
        raise refusal(file, "its weights are in another file", "save it with the weights inside")
    bounded((prod(tensor.dims) for tensor in graph.initializer), file)
    held = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    inputs = [each.name for each in graph.input if each.name not in held]
    if len(inputs) != 1:
        raise refusal(file, f"it has {len(inputs)} inputs", "only models with one input are read")
    return Model(file, "ONNX", tuple(onnx_layers(graph, held, inputs[0])))


def fields_of(data: bytes, kind: Any) -> int:
    """How many fields a protocol buffer has, those inside others included; a few more than MAX_FIELDS at most."""
    count, waiting = 0, [(memoryview(data), kind)]
    while waiting and count <= MAX_FIELDS:
        rest, kind = waiting.pop()
        at = 0
        while at < len(rest) and count <= MAX_FIELDS:
            count += 1
            tag, at = varint(rest, at)
            if tag & 7 == 2:  # bytes, a text or a message, with its length before it
                length, at = varint(rest, at)
                inner = kind.fields_by_number.get(tag >> 3)
                if inner is not None and inner.message_type is not None:
                    waiting.append((rest[at : at + length], inner.message_type))
                at += length
            elif tag & 7 == 0:
                _, at = varint(rest, at)
            else:
                at += {1: 8, 5: 4}[tag & 7]
    return count


def varint(data: memoryview, at: int) -> tuple[int, int]:
    """A whole number of a protocol buffer, and where it ends: seven bits a byte, the lowest first."""
    value = 0
    for k in range(10):
        value |= (data[at + k] & 127) << (7 * k)
        if data[at + k] < 128:
            return value, at + k + 1
    raise ValueError("a number of more than ten bytes")


def onnx_layers(graph: Any, held: Mapping[str, Any], flowing: str) -> list[Layer]:
    """The layers on the one way through the graph; `flowing` is what the next node has to take."""
    found: list[Layer] = []
    for place, node in enumerate(graph.node, 1):
        name = f"node {place} ({shortened(node.op_type)}{' ' + repr(shortened(node.name)) if node.name else ''})"
        sources = [each for each in node.input if each and each not in held]
        if sources != [flowing]:
            fed = ", ".join(map(shortened, sources[:12])) or "nothing"
            found.append(Unexplained(name, f"it is fed by {fed}", "only a row is read"))
        elif node.domain not in ("", "ai.onnx"):
            found.append(Unexplained(name, f"it is an operation of {shortened(node.domain)}"))
        else:
            found.append(onnx_layer(name, node, held, found))
        flowing = node.output[0]
    ends = [each.name for each in graph.output]
    if ends != [flowing]:
        said = ", ".join(map(shortened, ends[:12])) or "not told"
        found.append(Unexplained("the model", f"its outputs are {said}", "give one, at the end of the row"))
    return found


def onnx_layer(name: str, node: Node, held: Mapping[str, Any], before: list[Layer]) -> Layer:
    attributes = {each.name: each for each in node.attribute}

    def number(key: str) -> Any:
        each = attributes.get(key)
        return None if each is None else {1: each.f, 2: each.i, 3: each.s}.get(each.type)

    arrays = [held[each] for each in node.input if each in held]
    first = node.input[0] not in held  # what flows is multiplied from the left
    if node.op_type == "Gemm" and first and len(arrays) == len(node.input) - 1:
        return gemm(name, arrays, number)
    if node.op_type == "MatMul" and first and len(arrays) == 1:
        return dense(name, arrays[0].T)
    last = before[-1] if before else None
    if node.op_type == "Add" and len(arrays) == 1 and isinstance(last, Dense) and last.biases is None:
        before.pop()
        return with_biases(last.name, last.weights, arrays[0], "".join(last.kinds))
    if node.op_type in PASSING and PASSING[node.op_type](number):
        return Passed(name, node.op_type)
    return activated(name, node.op_type, number, ONNX_NUMBERS)


def gemm(name: str, arrays: Sequence[Any], number: Callable[[str], Any]) -> Layer:
    """alpha x W + beta b: the factors are 1 in every network that was trained as one."""
    if number("transA") or number("alpha") not in (None, 1.0) or number("beta") not in (None, 1.0):
        return Unexplained(name, "it scales or turns what it is given")
    weights = arrays[0] if number("transB") else arrays[0].T
    return with_biases(name, weights, arrays[1]) if len(arrays) > 1 else dense(name, weights)


def with_biases(name: str, weights: Any, biases: Any, kind: str = "") -> Layer:
    """A dense layer whose biases stand as a row, or as one number for all."""
    if biases.size not in (1, len(weights)) or biases.shape[-1:] not in ((), (biases.size,)):
        return Unexplained(name, f"its biases are {' x '.join(map(str, biases.shape))} for {len(weights)} neurons")
    return dense(name, weights, np.broadcast_to(biases.reshape(-1), len(weights)), kind=kind)


READERS: Mapping[str, Callable[[bytes, str, Sequence[Any], Sequence[str]], Model]] = {
    ".safetensors": read_safetensors,
    ".keras": read_keras,
    ".onnx": read_onnx,
}
