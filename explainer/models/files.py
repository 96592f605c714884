"""Models in files: safetensors, `.keras` and ONNX. They come from strangers: bounded in size, and never a pickle.

What reads a format is an extra of the package, imported when a file of that kind is met.
"""

from __future__ import annotations

import io
import json
import os
import zipfile
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ..arrays import MAX_NUMBERS, Array
from ..source import read_bytes
from .layers import Dense, Layer, Model, Passed, Unexplained, activated, dense, float64, precision_of, refusal
from .objects import keras_layers, parameters

MAX_MODEL_BYTES = 256 << 20
MAX_CONFIG_BYTES = 4 << 20

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
    data = read_bytes(path, MAX_MODEL_BYTES, file)
    try:
        return READERS[ending](data, file, activations, order)
    except ImportError:
        extra = "onnx" if ending == ".onnx" else "models"
        raise refusal(file, f"reading {ending} needs a package", f"pip install 'explainer[{extra}]'") from None


# ---- safetensors

TENSOR_KINDS: Mapping[str, tuple[str, str]] = {  # as the format calls it -> (as NumPy does, as people do)
    "F64": ("<f8", "float64"),
    "F32": ("<f4", "float32"),
    "F16": ("<f2", "float16"),
    "BF16": ("<u2", "bfloat16"),
}


def read_safetensors(data: bytes, file: str, activations: Sequence[Any], order: Sequence[str]) -> Model:
    import safetensors

    try:
        tensors = dict(safetensors.deserialize(data))  # type: ignore[no-untyped-call]
    except Exception:
        raise refusal(file, "it is no safetensors file, or cut short", "save it again") from None
    kinds = {tensor["dtype"] for tensor in tensors.values()}
    if strange := sorted(kinds - set(TENSOR_KINDS)):
        raise refusal(file, f"it holds numbers of the kind {strange[0]}", "save it as float32")
    read = {name: tensor_values(tensor["data"], tensor["dtype"], tensor["shape"]) for name, tensor in tensors.items()}
    return parameters(read, activations, order, file, {TENSOR_KINDS[kind][1] for kind in kinds})


def tensor_values(data: bytes | bytearray, kind: str, shape: Sequence[int]) -> Array:
    values = np.frombuffer(data, TENSOR_KINDS[kind][0])
    if kind == "BF16":  # the upper half of a float32
        values = (values.astype("<u4") << 16).view("<f4")
    return float64(values).reshape(shape)


# ---- Keras


def read_keras(data: bytes, file: str, activations: Sequence[Any], order: Sequence[str]) -> Model:
    """A `.keras` file: a zip of the configuration as JSON, and of the weights as HDF5."""
    import h5py

    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            config = json.loads(member(archive, "config.json", MAX_CONFIG_BYTES))
            stored = member(archive, "model.weights.h5", MAX_MODEL_BYTES)
        inner = config["config"]
        with h5py.File(io.BytesIO(stored), "r") as weights:
            held, kinds = keras_weights(weights, inner["layers"])
    except ImportError:
        raise
    except Exception:
        raise refusal(file, "it is no .keras file of a sequential or functional model", "save it again") from None
    layers = keras_layers(inner, config.get("class_name", "the model"), held, file)
    loss = (config.get("compile_config") or {}).get("loss")
    return Model(file, "Keras", precision_of(kinds), layers, loss if isinstance(loss, str) else None)


def member(archive: zipfile.ZipFile, name: str, limit: int) -> bytes:
    """A file of the archive, never more than `limit` bytes whatever its head claims."""
    with archive.open(name) as stream:
        data = stream.read(limit + 1)
    if len(data) > limit:
        raise ValueError(name)
    return data


def keras_weights(weights: Any, layers: Sequence[Any]) -> tuple[dict[str, list[Array]], set[str]]:
    """The arrays of each dense layer by its name; Keras stores the k-th of them as `dense_k`."""
    found: dict[str, list[Array]] = {}
    kinds: set[str] = set()
    names = [each["config"]["name"] for each in layers if each["class_name"] == "Dense"]
    for k, name in enumerate(names):
        group = plain(weights, "layers", f"dense_{k}" if k else "dense", "vars")
        arrays = [plain(group, str(place)) for place in range(len(group))]
        if sum(int(array.size) for array in arrays) > MAX_NUMBERS or any(array.external for array in arrays):
            raise ValueError(name)
        kinds |= {str(array.dtype) for array in arrays}
        found[name] = [float64(array[()]) for array in arrays]
    return found, kinds


def plain(group: Any, *path: str) -> Any:
    """What stands at the path, reached by hard links alone: others can lead into other files."""
    for name in path:
        link = group.get(name, getlink=True)
        if type(link).__name__ != "HardLink":
            raise ValueError(name)
        group = group[name]
    if getattr(group, "is_virtual", False):
        raise ValueError(path)
    return group


# ---- ONNX

Node = Any
ONNX_NUMBERS: Mapping[str, Callable[[Callable[[str], Any]], Any]] = {
    "leakyrelu": lambda of: {"leaky_relu": {"slope": float32(of("alpha"), 0.01)}},
    "elu": lambda of: {"elu": {"alpha": float32(of("alpha"), 1.0)}},
    "gelu": lambda of: {"gelu": {"approximate": "tanh"}} if of("approximate") == b"tanh" else "gelu",
    "softmax": lambda of: "softmax" if of("axis") in (None, 1, -1) else None,
    "logsoftmax": lambda of: "log_softmax" if of("axis") in (None, 1, -1) else None,
    "hardsigmoid": lambda of: f"max(0, min(1, {float32(of('alpha'), 0.2)}*z + {float32(of('beta'), 0.5)}))",
}


def float32(value: Any, otherwise: float) -> float:
    """The shortest decimal that a number in float32 stands for: 0.01, not 0.009999999776482582."""
    return float(str(np.float32(otherwise if value is None else value)))


def read_onnx(data: bytes, file: str, activations: Sequence[Any], order: Sequence[str]) -> Model:
    """A graph in which each node is fed by the one before: Gemm, MatMul and Add, and activations."""
    import onnx
    from onnx import numpy_helper

    try:
        graph = onnx.load_model_from_string(data).graph
        external = any(tensor.data_location == onnx.TensorProto.EXTERNAL for tensor in graph.initializer)
        held = {} if external else {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    except Exception:
        raise refusal(file, "it is no ONNX file, or cut short", "save it again") from None
    if external:
        raise refusal(file, "its weights are in another file", "save it with the weights inside")
    inputs = [each.name for each in graph.input if each.name not in held]
    if len(inputs) != 1:
        raise refusal(file, f"it has {len(inputs)} inputs", "only models with one input are read")
    kinds = {str(values.dtype) for values in held.values() if values.dtype.kind == "f"}
    return Model(file, "ONNX", precision_of(kinds), tuple(onnx_layers(graph.node, held, inputs[0])))


def onnx_layers(nodes: Sequence[Node], held: Mapping[str, Any], flowing: str) -> list[Layer]:
    """The layers on the one way through the graph; `flowing` is what the next node has to take."""
    found: list[Layer] = []
    for place, node in enumerate(nodes, 1):
        name = f"node {place} ({node.op_type}{' ' + repr(node.name) if node.name else ''})"
        sources = [each for each in node.input if each and each not in held]
        if sources != [flowing]:
            found.append(Unexplained(name, f"it is fed by {', '.join(sources) or 'nothing'}", "only a row is read"))
        else:
            found.append(onnx_layer(name, node, held, found))
        flowing = node.output[0]
    return [layer for layer in found if layer is not None]


def onnx_layer(name: str, node: Node, held: Mapping[str, Any], before: list[Layer]) -> Layer:
    attributes = {each.name: each for each in node.attribute}

    def number(key: str) -> Any:
        each = attributes.get(key)
        return None if each is None else {1: each.f, 2: each.i, 3: each.s}.get(each.type)

    arrays = [float64(held[each]) for each in node.input if each in held]
    if node.op_type == "Gemm":
        return gemm(name, arrays, number)
    if node.op_type == "MatMul" and len(arrays) == 1 and node.input[1] in held:
        return dense(name, arrays[0].T, None)
    last = before[-1] if before else None
    if node.op_type == "Add" and isinstance(last, Dense) and last.biases is None:
        before.pop()
        return dense(last.name, last.weights, arrays[0].reshape(-1))
    if node.op_type in ("Dropout", "Identity", "Flatten", "Cast"):
        return Passed(name, node.op_type)
    return activated(name, node.op_type, number, ONNX_NUMBERS)


def gemm(name: str, arrays: Sequence[Array], number: Callable[[str], Any]) -> Layer:
    """alpha x W + beta b: the factors are 1 in every network that was trained as one."""
    if number("transA") or number("alpha") not in (None, 1.0) or number("beta") not in (None, 1.0):
        return Unexplained(name, "it scales or turns what it is given")
    biases = arrays[1].reshape(-1) if len(arrays) > 1 else None
    return dense(name, arrays[0] if number("transB") else arrays[0].T, biases)


READERS: Mapping[str, Callable[[bytes, str, Sequence[Any], Sequence[str]], Model]] = {
    ".safetensors": read_safetensors,
    ".keras": read_keras,
    ".onnx": read_onnx,
}
