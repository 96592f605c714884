"""Files of models that mean harm, or only look like a model: each is refused in a line, and takes little memory."""

from __future__ import annotations

import io
import json
import os
import struct
import tracemalloc
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from explainer.cli import main

MODELS = Path(__file__).parent / "models"
MEBIBYTE = 1 << 20


def refused(path: Path, *more: str) -> list[str]:
    """The lines that `explainer import` refuses the file with; it takes at most 128 MiB of Python's memory."""
    tracemalloc.start()
    try:
        done = CliRunner().invoke(main, ["import", str(path), "--inputs", "1,2", *more])
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert done.exit_code == 2, done.output
    assert isinstance(done.exception, SystemExit)
    assert most < 128 * MEBIBYTE
    lines = done.output.splitlines()
    assert lines
    for line in lines:
        assert line.startswith(f"{path}:1:1: ")
        assert len(line) < 500 + len(str(path))
        assert "; " in line
    return [line.removeprefix(f"{path}:1:1: ") for line in lines]


# ---- safetensors


def tensors(head: bytes | Mapping[str, Any], data: bytes = b"") -> bytes:
    written = head if isinstance(head, bytes) else json.dumps(head).encode()
    return struct.pack("<Q", len(written)) + written + data


def tensor(kind: str, *shape: int, start: int = 0, size: int = 4) -> dict[str, Any]:
    return {"dtype": kind, "shape": list(shape), "data_offsets": [start, start + size]}


UNREADABLE = "file that can be read, or cut short; save it again"
SAFETENSORS: Mapping[str, tuple[bytes, str]] = {
    "a head of exabytes": (struct.pack("<Q", 1 << 62) + b"{}", UNREADABLE),
    "a head of very many": (tensors({f"{k}": tensor("F32", 0, size=0) for k in range(100_000)}), UNREADABLE),
    "brackets": (tensors(b"[" * 100_000), UNREADABLE),
    "a shape of exabytes": (tensors({"0.weight": tensor("F32", 1 << 40, 1 << 40)}, bytes(4)), UNREADABLE),
    "a hundred dimensions": (tensors({"0.weight": tensor("F32", *[1] * 100)}, bytes(4)), UNREADABLE),
    "too many weights": (
        tensors({"0.weight": tensor("F16", 1500, 1500, size=4_500_000)}, bytes(4_500_000)),
        "it holds 2,250,000 numbers; give a model of at most 2,000,000",
    ),
    "whole numbers": (
        tensors({"0.weight": tensor("I64", 1, 2, size=16)}, bytes(16)),
        "0: it holds numbers of the kind I64; hold them as float32",
    ),
    "not a number": (
        tensors({"0.weight": tensor("F32", 1, 2, size=8)}, np.array([np.nan, 1], "<f4").tobytes()),
        "0: it holds numbers that are not finite; train the model again, or mend them",
    ),
    "a name that a terminal obeys": (
        tensors({"\x1b[31m\n.weight": tensor("F32", 1)}, bytes(4)),
        r"\u001b[31m\u000a.weight: it is no weight or bias of a dense layer; leave it out of the file",
    ),
    "a name of megabytes": (tensors({"a" * 3_000_000: tensor("F32", 1)}, bytes(4)), "it is no weight or bias"),
    "a convolution": (
        tensors({"conv.weight": tensor("F32", 1, 1, 1)}, bytes(4)),
        "conv.weight: it is no weight or bias of a dense layer; leave it out of the file",
    ),
    "orders without end": (
        tensors(
            {f"{chr(97 + k)}.weight": tensor("F32", 2, 2, start=16 * k, size=16) for k in range(20)}
            | {"z.weight": tensor("F32", 5, 7, start=320, size=140)},
            bytes(460),
        ),
        "the order of the layers a, b, c, d, e, f, g, h, i, j, k, l and 9 more does not follow from their shapes",
    ),
}


@pytest.mark.parametrize("what", SAFETENSORS)
def test_a_safetensors_file_that_is_no_network_is_refused(what: str, tmp_path: Path) -> None:
    pytest.importorskip("safetensors")
    data, found = SAFETENSORS[what]
    path = tmp_path / "bad.safetensors"
    path.write_bytes(data)
    (line,) = refused(path, "--activations", "tanh")
    assert found in line


# ---- Keras


def members() -> dict[str, bytes]:
    with zipfile.ZipFile(MODELS / "keras.keras") as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def keras_file(path: Path, **changed: bytes) -> Path:
    """The model beside the tests with other members: `config_json`, `model_weights_h5`."""
    named = {"config_json": "config.json", "model_weights_h5": "model.weights.h5"}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in (members() | {named.get(key, key): value for key, value in changed.items()}).items():
            archive.writestr(name, data)
    return path


def with_config(change: Callable[[Any], Any]) -> bytes:
    config = json.loads(members()["config.json"])
    change(config)
    return json.dumps(config).encode()


def with_array(**made: Any) -> bytes:
    """The weights, with another array in the place of the first."""
    import h5py

    stream = io.BytesIO(members()["model.weights.h5"])
    with h5py.File(stream, "r+") as weights:
        del weights["layers/dense/vars/0"]
        weights.create_dataset("layers/dense/vars/0", **made)
    return stream.getvalue()


def activation(written: Any) -> Callable[[Any], Any]:
    return lambda config: config["config"]["layers"][1]["config"].update(activation=written)


CONFIGS: Mapping[str, tuple[Callable[[Any], Any], str]] = {
    "a layer that is a number": (lambda config: config["config"]["layers"].append(5), UNREADABLE),
    "a layer whose name is a list": (
        lambda config: config["config"]["layers"][2]["config"].update(name=[1]),
        UNREADABLE,
    ),
    "no layers": (lambda config: config.update(config={}), "what Sequential does is code, which is not read"),
    "an activation that is a number": (activation(5), "layer 2 (Dense 'hidden'): this version cannot explain it"),
    "a slope that is a formula": (
        activation({"module": "keras.layers", "class_name": "LeakyReLU", "config": {"negative_slope": "1+1"}}),
        UNREADABLE,
    ),
    "code in an activation": (
        activation({"class_name": "__lambda__", "config": {"code": "..."}}),
        "layer 2 (Dense 'hidden'): its activation is code, which is not read",
    ),
    "a layer of somebody's own": (
        lambda config: config["config"]["layers"][1].update(module="mine", registered_name="mine>Dense"),
        "layer 2 (Dense 'hidden'): what mine>Dense does is code, which is not read",
    ),
}


@pytest.mark.parametrize("what", CONFIGS)
def test_a_keras_file_with_a_configuration_of_its_own_is_refused(what: str, tmp_path: Path) -> None:
    pytest.importorskip("h5py")
    change, found = CONFIGS[what]
    (line,) = refused(keras_file(tmp_path / "bad.keras", config_json=with_config(change)))
    assert found in line


ARRAYS: Mapping[str, tuple[Mapping[str, Any], str]] = {
    "exabytes": ({"shape": (1 << 30, 1 << 30), "dtype": "f4", "chunks": (1, 1)}, "it holds 1,152,921,504,606,846,987"),
    "numbers that overflow": ({"shape": (1 << 32, 1 << 32), "dtype": "f4", "chunks": (1, 1)}, "it holds 18,446,744"),
    "long texts": ({"shape": (2, 3), "dtype": "S100000000", "chunks": (1, 1)}, UNREADABLE),
    "one piece of gigabytes": (
        {"shape": (2, 3), "maxshape": (None, None), "dtype": "f4", "chunks": (20_000, 20_000), "compression": "gzip"},
        UNREADABLE,
    ),
    "zeros, packed": (
        {"shape": (1500, 1500), "dtype": "f4", "compression": "gzip", "fillvalue": 1.0},
        "it holds 2,250,011 numbers; give a model of at most 2,000,000",
    ),
    "complex numbers": ({"data": np.ones((2, 3), "c8")}, "it holds numbers of the kind complex64"),
    "one number": ({"data": np.float32(1)}, "its weights are one number, not a table"),
}


@pytest.mark.parametrize("what", ARRAYS)
def test_a_keras_file_with_other_arrays_than_weights_is_refused(what: str, tmp_path: Path) -> None:
    pytest.importorskip("h5py")
    made, found = ARRAYS[what]
    lines = refused(keras_file(tmp_path / "bad.keras", model_weights_h5=with_array(**made)))
    assert any(found in line for line in lines)


def test_a_keras_file_is_unpacked_in_memory_and_only_so_far(tmp_path: Path) -> None:
    pytest.importorskip("h5py")
    folder = tmp_path / "models"
    folder.mkdir()
    for name, changed in {
        "config": {"config_json": b" " * (100 * MEBIBYTE)},
        "weights": {"model_weights_h5": bytes(200 * MEBIBYTE)},
        "brackets": {"config_json": b"[" * 3_000_000},
    }.items():
        (line,) = refused(keras_file(folder / f"{name}.keras", **changed))
        assert UNREADABLE in line
    outside = keras_file(folder / "outside.keras", **{"../outside": b"x"})
    assert CliRunner().invoke(main, ["import", str(outside), "--inputs", "1,2"]).exit_code == 0
    assert [path.name for path in tmp_path.iterdir()] == ["models"]


# ---- ONNX

W, B = np.arange(6, dtype=np.float32).reshape(3, 2), np.arange(3, dtype=np.float32)
GRAPHS: Mapping[str, tuple[list[tuple[Any, ...]], Mapping[str, np.ndarray], str, str]] = {
    "weights from the left": ([("Gemm", "W x", "y")], {"W": W}, "y", "node 1 (Gemm): this version cannot"),
    "a product that is added to": ([("Gemm", "W V x", "y")], {"W": W, "V": W.T}, "y", "node 1 (Gemm): this version"),
    "a factor": ([("Gemm", "x W B", "y", {"transB": 1, "alpha": 0.5})], {"W": W, "B": B}, "y", "it scales or turns"),
    "biases in a column": (
        [("MatMul", "x W", "h"), ("Add", "h B", "y")],
        {"W": W.T, "B": B.reshape(3, 1)},
        "y",
        "its biases are 3 x 1 for 3 neurons",
    ),
    "two outputs": (
        [("Gemm", "x W", "h", {"transB": 1}), ("Tanh", "h", "y")],
        {"W": W},
        "h y",
        "the model: its outputs are h, y",
    ),
    "an output in the middle": (
        [("Gemm", "x W", "h", {"transB": 1}), ("Tanh", "h", "y")],
        {"W": W},
        "h",
        "the model: its outputs are h; give one, at the end",
    ),
    "a cast to whole numbers": (
        [("Gemm", "x W", "h", {"transB": 1}), ("Cast", "h", "y", {"to": 7})],
        {"W": W},
        "y",
        "node 2 (Cast): this version cannot",
    ),
    "an operation of somebody's own": (
        [("Gemm", "x W", "h", {"transB": 1}), ("Tanh", "h", "y", {"domain": "mine"})],
        {"W": W},
        "y",
        "node 2 (Tanh): it is an operation of mine",
    ),
    "another SELU": (
        [("Gemm", "x W", "h", {"transB": 1}), ("Selu", "h", "y", {"alpha": 2.0})],
        {"W": W},
        "y",
        "node 2 (Selu): this version cannot",
    ),
    "quantized weights": ([("Gemm", "x W", "y")], {"W": W.T.astype(np.int8)}, "y", "numbers of the kind int8"),
}


@pytest.mark.parametrize("what", GRAPHS)
def test_an_onnx_graph_that_only_looks_like_a_network_is_refused(what: str, tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx")
    nodes, held, outputs, found = GRAPHS[what]
    make = onnx.helper
    graph = make.make_graph(
        [make.make_node(kind, ins.split(), [out], **dict(*more)) for kind, ins, out, *more in nodes],
        "graph",
        [make.make_tensor_value_info("x", 1, None)],
        [make.make_tensor_value_info(name, 1, None) for name in outputs.split()],
        [onnx.numpy_helper.from_array(np.ascontiguousarray(values), name) for name, values in held.items()],
    )
    path = tmp_path / "bad.onnx"
    path.write_bytes(make.make_model(graph).SerializeToString())
    (line,) = refused(path)
    assert found in line


def varint(value: int) -> bytes:
    return (bytes([value & 127 | 128]) + varint(value >> 7)) if value > 127 else bytes([value])


def test_an_onnx_file_of_empty_fields_is_refused_before_it_is_read(tmp_path: Path) -> None:
    """Two bytes of the file would take some eighty times as much memory; what reads them is not asked to."""
    onnx = pytest.importorskip("onnx")
    inner = bytes([1 << 3 | 2, 0]) * (4 * MEBIBYTE)  # nodes
    path = tmp_path / "bad.onnx"
    path.write_bytes(b"\x3a" + varint(len(inner)) + inner)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(onnx, "load_model_from_string", lambda data: pytest.fail("it was read"))
        (line,) = refused(path)
    assert UNREADABLE in line


# ---- what is no file of a model


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "folder.onnx").mkdir()
    (line,) = refused(tmp_path / "folder.onnx")
    assert line == "this is a folder; name a file"
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe.keras")
        (line,) = refused(tmp_path / "pipe.keras")
        assert line == "this is not a regular file; name a file"
    large = tmp_path / "large.safetensors"
    with large.open("wb") as file:
        file.truncate(33 * MEBIBYTE)
    (line,) = refused(large)
    assert line == "the file is larger than 32 MiB; give a model of at most 2,000,000 weights"


def test_a_spec_is_never_written_over_a_model(tmp_path: Path) -> None:
    model = tmp_path / "net.keras"
    model.write_bytes((MODELS / "keras.keras").read_bytes())
    done = CliRunner().invoke(main, ["import", str(model), "--inputs", "1,2", "-o", str(model)])
    assert done.exit_code == 2
    assert done.output == f"{model}:1:1: a spec has another ending; write to a file that ends in .yaml\n"
    assert model.read_bytes() == (MODELS / "keras.keras").read_bytes()
