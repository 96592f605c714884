"""Models from elsewhere: their gradients are those of their framework, and what cannot be explained is named."""

from __future__ import annotations

import io
import json
import os
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

import explainer
from explainer.cli import main
from explainer.models.layers import float64
from explainer.models.objects import read_object

MODELS = Path(__file__).parent / "models"
KNOWN = json.loads((MODELS / "gradients.json").read_text("utf-8"))
X = np.array(KNOWN["X"])


def gradients(problem: Any) -> tuple[float, list[np.ndarray]]:
    """The loss, and the gradients of each layer's weights (out, in) and biases, as the derivation has them."""
    values = explainer.explain(problem).values
    found: list[np.ndarray] = []
    senders = list(problem.input_names)
    for layer in problem.layers:
        found.append(np.array([[values[f"dE/dW[{i},{j}]"] for i in senders] for j in layer.labels]))
        if layer.biases is not None:
            found.append(np.array([values[f"dE/db[{j}]"] for j in layer.labels]))
        senders = layer.labels
    return values["E"], found


def assert_agree(problem: Any, loss: float, theirs: Sequence[Any], within: float) -> None:
    """Ours and theirs differ by no more than `within`, relative to the largest of each array."""
    ours = gradients(problem)
    assert abs(ours[0] - loss) <= within * abs(loss)
    assert len(ours[1]) == len(theirs)
    for mine, other in zip(ours[1], map(np.asarray, theirs), strict=True):
        assert mine.shape == other.shape
        assert np.abs(mine - other).max() <= within * np.abs(other).max()


def fault_of(*arguments: Any, **options: Any) -> list[str]:
    with pytest.raises(explainer.InputError) as caught:
        explainer.from_model(*arguments, **options)
    return [str(fault) for fault in caught.value.faults]


def expected(name: str) -> tuple[float, list[Any]]:
    known = KNOWN[name]
    return known["E"], [each[key] for each in known["layers"] for key in "Wb"]


# ---- files


def test_the_gradients_of_a_safetensors_file_are_those_of_pytorch() -> None:
    pytest.importorskip("safetensors")
    problem = explainer.from_model(
        MODELS / "torch.safetensors", X, KNOWN["T"], loss="cross_entropy", activations=["tanh", "softmax"]
    )
    loss, theirs = expected("torch")
    assert_agree(problem_with(problem, "mean"), loss, theirs, 1e-6)


def problem_with(problem: Any, reduction: str) -> Any:
    import dataclasses

    return dataclasses.replace(problem, reduction=reduction)


def test_the_gradients_of_a_keras_file_are_those_of_keras() -> None:
    pytest.importorskip("h5py")
    problem = explainer.from_model(MODELS / "keras.keras", X, KNOWN["T"])
    assert_agree(problem, *expected("keras"), within=1e-6)


def test_the_gradients_of_an_onnx_file_are_those_of_pytorch() -> None:
    pytest.importorskip("onnx")
    torch_loss = torch_layer("CrossEntropyLoss", reduction="mean")
    problem = explainer.from_model(MODELS / "torch.onnx", X, KNOWN["T"], loss=torch_loss)
    assert_agree(problem, *expected("torch"), within=1e-6)


def test_a_pickle_is_refused_and_never_opened(tmp_path: Path) -> None:
    for ending in (".pt", ".pth", ".bin", ".pkl", ".joblib"):
        missing = tmp_path / f"model{ending}"  # it would be told that there is no such file
        (line,) = fault_of(missing, [1, 2])
        assert line.startswith(f"{missing}:1:1: it is a pickle, which can run any code")


@pytest.mark.parametrize("name", ["torch.safetensors", "keras.keras", "torch.onnx"])
def test_a_file_cut_short_or_of_another_kind_is_told_in_one_line(tmp_path: Path, name: str) -> None:
    pytest.importorskip({"torch.onnx": "onnx", "keras.keras": "h5py"}.get(name, "safetensors"))
    whole = (MODELS / name).read_bytes()
    for k, data in enumerate((whole[: len(whole) // 2], b"", b"\xff" * 64, b"{}" * 40)):
        path = tmp_path / f"{k}{Path(name).suffix}"
        path.write_bytes(data)
        (line,) = fault_of(path, [1, 2], activations=["tanh", "tanh"])
        assert line.startswith(f"{path}:1:1: it is no {path.suffix} file") or "it has 0 inputs" in line


def test_a_keras_file_whose_weights_lead_into_another_file_is_refused(tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    with zipfile.ZipFile(MODELS / "keras.keras") as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with h5py.File(tmp_path / "secret.h5", "w") as secret:
        secret["x"] = np.ones((2, 3), np.float32)
    stream = io.BytesIO(members["model.weights.h5"])
    with h5py.File(stream, "r+") as weights:
        del weights["layers/dense/vars/0"]
        weights["layers/dense/vars/0"] = h5py.ExternalLink(str(tmp_path / "secret.h5"), "/x")
    members["model.weights.h5"] = stream.getvalue()
    with zipfile.ZipFile(tmp_path / "bad.keras", "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    (line,) = fault_of(tmp_path / "bad.keras", [1, 2])
    assert "it is no .keras file" in line


def test_a_missing_package_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    for module, file, extra in (("h5py", "keras.keras", "models"), ("onnx", "torch.onnx", "onnx")):
        monkeypatch.setitem(sys.modules, module, None)
        (line,) = fault_of(MODELS / file, [1, 2])
        assert line.endswith(f"needs a package; pip install 'explainer[{extra}]'")


# ---- objects that look like those of a framework, without it


def looks_like(module: str, name: str, *bases: type, **attributes: Any) -> Any:
    """An object whose class has the name and the module of a framework's."""
    return type(name, bases, {"__module__": module, **attributes})()


class Tensor:
    """What a PyTorch parameter shows of itself."""

    dtype = "torch.float32"
    requires_grad = True

    def __init__(self, values: Any) -> None:
        self.values = np.asarray(values, np.float32)
        self.ndim = self.values.ndim

    def detach(self) -> Tensor:
        return self

    cpu = detach
    double = detach

    def numpy(self) -> np.ndarray:
        return self.values.astype(np.float64)


def torch_layer(name: str, **attributes: Any) -> Any:
    return looks_like("torch.nn.modules.x", name, **attributes)


def linear(weights: Any, biases: Any = None, **more: Any) -> Any:
    return torch_layer("Linear", weight=Tensor(weights), bias=None if biases is None else Tensor(biases), **more)


class SequentialLike:
    __module__ = "torch.nn.modules.container"

    def __init__(self, *layers: Any) -> None:
        self.layers = layers
        self._modules = dict(enumerate(layers))

    def __iter__(self) -> Iterator[Any]:
        return iter(self.layers)

    def forward(self) -> None: ...


Sequential = type("Sequential", (SequentialLike,), {"__module__": "torch.nn.modules.container"})


def test_what_cannot_be_explained_is_named_layer_by_layer() -> None:
    model = Sequential(
        linear([[1, 2]]), torch_layer("BatchNorm1d"), torch_layer("ReLU"), torch_layer("Sigmoid"), linear([[1, 2, 3]])
    )
    assert [line.split(": ", 1)[1] for line in fault_of(model, [1, 2])] == [
        "layer 2 (BatchNorm1d): this version cannot explain it; take it out, or explain the part of the model before it",
        "layer 4 (Sigmoid): it follows relu with no weights between; give a layer one activation",
        "layer 5 (Linear): it wants 3 inputs, but the layer before gives 1; take it out, or explain the part of the model before it",
    ]


def test_a_module_whose_forward_pass_is_code_is_refused() -> None:
    model = looks_like("torch.nn.modules.module", "Net", _modules={"fc1": linear([[1, 2]])})
    (line,) = fault_of(model, [1, 2])
    assert "what Net does with its layers is code" in line
    own = type("Own", (Sequential,), {"forward": lambda self: None})
    (line,) = fault_of(own(linear([[1, 2]])), [1, 2])
    assert "what Own does with its layers is code" in line


def test_weights_used_twice_are_not_taken_for_two() -> None:
    same = linear([[1, 2], [3, 4]])
    (line,) = fault_of(Sequential(same, torch_layer("Tanh"), same), [1, 2])
    assert "layer 3 (Linear): it shares weights with layer 1 (Linear); give every layer its own" in line
    first, second = linear([[1, 2], [3, 4]]), linear([[1, 2], [3, 4]])
    second.weight = first.weight
    (line,) = fault_of(Sequential(first, second), [1, 2])
    assert "layer 2 (Linear): it shares weights with layer 1" in line


def test_a_model_that_already_ends_with_softmax_is_not_given_a_second_one() -> None:
    model = Sequential(linear([[1, 2], [3, 4]]), torch_layer("Softmax", dim=1))
    loss = torch_layer("CrossEntropyLoss", reduction="mean")
    (line,) = fault_of(model, [1, 2], 0, loss=loss)
    assert "the loss: it follows softmax" in line


def test_layers_that_are_not_trained_are_frozen() -> None:
    first, second = linear([[1, 2]], [3]), linear([[1]], [2])
    for each in (first.weight, first.bias):
        each.requires_grad = False
    problem = explainer.from_model(Sequential(first, second), [1, 2], [1], loss="half_squared_error")
    assert problem.frozen == {"W[X1,1]", "W[X2,1]", "b[1]"}


def test_float32_is_said_on_the_page_and_its_numbers_are_exact() -> None:
    model = Sequential(linear([[0.1, 2]]))
    problem = explainer.from_model(model, [1, 2])
    assert problem.layers[0].weights[0, 0] == float(np.float32(0.1))
    page = "".join(explainer.explain(problem).text())
    assert "a model of PyTorch, which holds them in float32" in page
    chinese = explainer.from_model(model, [1, 2], language="zh")
    assert "模型以 float32 保存" in "".join(explainer.explain(chinese).text())
    assert explainer.from_model(model, [1, 2], decimals=1).layers[0].weights[0, 0] == 0.1


def test_the_order_of_flax_layers_is_found_by_shape_or_asked_for() -> None:
    def layer(into: int, out: int) -> dict[str, np.ndarray]:
        return {"kernel": np.arange(into * out, dtype=np.float32).reshape(into, out), "bias": np.zeros(out, np.float32)}

    tree = {"params": {"Dense_0": layer(3, 1), "Dense_1": layer(2, 3)}}  # Dense_0 is the output layer
    problem = explainer.from_model(tree, [1, 2], activations=["tanh", "linear"])
    assert [layer.weights.shape for layer in problem.layers] == [(3, 2), (1, 3)]
    assert problem.layers[0].weights.tolist() == [[0, 3], [1, 4], [2, 5]]
    square = {"params": {"Dense_0": layer(2, 2), "Dense_1": layer(2, 2)}}
    (line,) = fault_of(square, [1, 2], activations=["tanh", "linear"])
    assert "the order of the layers Dense_0, Dense_1 does not follow from their shapes; name them in order" in line
    explainer.from_model(square, [1, 2], activations=["tanh", "linear"], order=["Dense_1", "Dense_0"])
    (line,) = fault_of(tree, [1, 2])
    assert "it has 2 layers (Dense_1, Dense_0), and activations do not stand in it" in line


@pytest.mark.parametrize(
    ("inputs", "found"),
    [
        (["a", "b"], "the inputs are not numbers in rows of one length"),
        ([[1], [1, 2]], "the inputs are not numbers in rows of one length"),
        ([1, 2, 3], "the inputs are 3"),
        ([[1], [2]], "1 inputs are given"),
        ([1, np.nan], "not all finite"),
    ],
)
def test_inputs_that_do_not_fit_are_told_with_what_would(inputs: Any, found: str) -> None:
    (line,) = fault_of(Sequential(linear([[1, 2]])), inputs)
    assert found in line


def test_large_weights_go_into_a_file_beside_the_spec(tmp_path: Path) -> None:
    safetensors = pytest.importorskip("safetensors.numpy")
    weights = np.random.default_rng(0).normal(size=(30, 20)).astype(np.float16)
    safetensors.save_file({"0.weight": weights}, tmp_path / "big.safetensors")
    samples = ",".join(["1"] * 20)
    runner = CliRunner()
    line = ["import", str(tmp_path / "big.safetensors"), "--inputs", samples, "--activations", "relu"]
    assert "too many to stand in a spec" in runner.invoke(main, line).output
    done = runner.invoke(main, [*line, "-o", str(tmp_path / "net.yaml")])
    assert done.exit_code == 0, done.output
    assert sorted(path.name for path in tmp_path.iterdir()) == ["big.safetensors", "net.npz", "net.yaml"]
    assert np.array_equal(explainer.read_problem(tmp_path / "net.yaml").layers[0].weights, float64(weights))


def test_an_imported_spec_is_read_before_it_is_written(tmp_path: Path) -> None:
    pytest.importorskip("safetensors")
    output = tmp_path / "net.yaml"
    line = ["import", str(MODELS / "torch.safetensors"), "--inputs", "1,2", "--activations", "tanh,softmax"]
    done = CliRunner().invoke(main, [*line, "--targets", "0,1", "--loss", "crossentropy", "-o", str(output)])
    assert done.exit_code == 2
    assert "unknown loss 'crossentropy'" in done.output
    assert not output.exists()
    done = CliRunner().invoke(main, [*line, "--targets", "1", "--loss", "cross_entropy", "-o", str(output)])
    assert done.exit_code == 0
    assert explainer.read_problem(output).targets.tolist() == [[0.0], [1.0]]  # type: ignore[union-attr]


def test_an_activation_that_two_frameworks_write_in_two_ways_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    for kind, attributes, written in (
        ("LeakyReLU", {"negative_slope": 0.2}, {"leaky_relu": {"slope": 0.2}}),
        ("ReLU6", {}, "min(relu(z), 6)"),
        ("GELU", {"approximate": "tanh"}, {"gelu": {"approximate": "tanh"}}),
        ("Hardtanh", {"min_val": -1, "max_val": 1}, "min(max(z, -1.0), 1.0)"),
    ):
        found = read_object(torch_layer(kind, **attributes)).layers[0]
        assert found.activation == written  # type: ignore[union-attr]


def test_what_only_looks_like_a_layer_or_a_loss_of_pytorch_is_refused() -> None:
    own = looks_like("lecture3", "Tanh")
    (line,) = fault_of(Sequential(linear([[1, 2]]), own), [1, 2])
    assert "layer 2 (Tanh): what lecture3.Tanh does is code, which is not read" in line
    (line,) = fault_of(Sequential(linear([[1, 2]])), [1, 2], [1], loss=looks_like("lecture3", "MSELoss"))
    assert "the loss MSELoss with these settings is not read; give the loss as a spec says it" in line
    for settings in ({"ignore_index": 1}, {"label_smoothing": 0.1}, {"weight": [1, 2]}, {"reduction": "none"}):
        loss = torch_layer("CrossEntropyLoss", **settings)
        (line,) = fault_of(Sequential(linear([[1, 2], [3, 4]])), [1, 2], 1, loss=loss)
        assert "the loss CrossEntropyLoss with these settings is not read" in line
    (line,) = fault_of(Sequential(linear([[1, 2]]), torch_layer("Softplus", beta=1, threshold=2)), [1, 2])
    assert "layer 2 (Softplus): this version cannot explain it" in line


def test_modules_that_have_layers_of_their_own_are_named_beside_the_other_faults() -> None:
    block = looks_like("torch.nn.modules.transformer", "TransformerEncoderLayer", _modules={"0": linear([[1]])})
    hooked = linear([[1, 2], [3, 4]], _forward_hooks={0: print})
    lines = fault_of(Sequential(hooked, block, torch_layer("BatchNorm1d")), [1, 2])
    assert [line.split(": ", 1)[1].split(";")[0] for line in lines] == [
        "layer 1 (Linear): hooks change what it does",
        "layer 2 (TransformerEncoderLayer): what TransformerEncoderLayer does with its layers is code, which is not read",
        "layer 3 (BatchNorm1d): this version cannot explain it",
    ]


def test_a_state_dict_is_read_in_the_order_of_its_sequential_and_says_its_precision() -> None:
    tensors = {
        "net.2.0.weight": Tensor([[1, 2], [3, 4]]),
        "net.0.weight": Tensor([[5, 6], [7, 8]]),
        "net.10.weight": Tensor([[9, 1]]),
    }
    problem = explainer.from_model(tensors, [1, 2], activations=["tanh", "relu", "identity"])
    assert [layer.weights[0, 0] for layer in problem.layers] == [5, 1, 9]
    assert "which holds them in float32" in "".join(explainer.explain(problem).text())
    alone = {"weight": Tensor([[1, 2]]), "bias": Tensor([3])}
    assert explainer.from_model(alone, [1, 2], activations=["tanh"]).layers[0].biases.tolist() == [3]


def test_a_bfloat16_file_has_its_numbers_and_its_precision(tmp_path: Path) -> None:
    pytest.importorskip("safetensors")
    head = json.dumps({"0.weight": {"dtype": "BF16", "shape": [1, 2], "data_offsets": [0, 4]}}).encode()
    data = np.array([1.5, -0.3], "<f4").view("<u4") >> 16
    path = tmp_path / "net.safetensors"
    path.write_bytes(len(head).to_bytes(8, "little") + head + data.astype("<u2").tobytes())
    problem = explainer.from_model(path, [1, 2], activations=["tanh"])
    assert problem.layers[0].weights.tolist() == [[1.5, -0.298828125]]
    assert "which holds them in bfloat16" in "".join(explainer.explain(problem).text())


def test_logarithms_are_taken_of_shares_alone_and_losses_of_pytorch_go_by_their_names() -> None:
    model = Sequential(linear([[1, 2], [3, 4]]))
    (line,) = fault_of(model, [1, 2], 1, loss="cross_entropy")
    assert "it takes logarithms of the outputs, which come from identity; where it is one of scores, say Cross" in line
    problem = explainer.from_model(model, [1, 2], 1, loss="CrossEntropyLoss")
    assert (problem.layers[0].activation.name, problem.loss.name, problem.reduction) == (
        "softmax",
        "cross_entropy",
        "mean",
    )
    (line,) = fault_of(model, [1, 2], [1, 0], loss="FocalLoss")
    assert "the loss FocalLoss with these settings is not read; give the loss as a spec says it" in line


@pytest.mark.parametrize("outputs", [1, 2])
@pytest.mark.parametrize("score", [0.5, 20.0, 40.0, 800.0])
def test_a_loss_of_scores_is_exact_where_the_sigmoid_is_all_but_1(outputs: int, score: float) -> None:
    """Of a score z and a target of 0 the slope is 1/(1 + exp(-z)), and the loss ln(1 + exp(z))."""
    model = Sequential(linear([[score]] * outputs))
    loss = torch_layer("BCEWithLogitsLoss", reduction="mean")
    values = explainer.explain(explainer.from_model(model, [1], [0] * outputs, loss=loss)).values
    assert values["E"] == pytest.approx(np.logaddexp(0, score), rel=1e-14)
    assert values["dE/dW[X1,1]"] * outputs == pytest.approx(1 / (1 + np.exp(-score)), rel=1e-14)


def test_targets_that_all_but_add_up_to_1_are_worked_as_they_are() -> None:
    """The slope of cross entropy with softmax is y - t only where they do; shares in float32 often miss it by 1e-7."""
    model = Sequential(linear([[1, 2], [3, 4]]))
    shares = np.array([0.333333, 0.666666])
    values = explainer.explain(explainer.from_model(model, [0.1, 0.2], shares, loss="CrossEntropyLoss")).values
    y, t = np.array([values["Y[1]"], values["Y[2]"]]), shares
    assert np.allclose([values["delta[1]"], values["delta[2]"]], y * t.sum() - t, rtol=1e-12, atol=0)


def test_what_cannot_stand_in_a_spec_is_told(tmp_path: Path) -> None:
    (line,) = fault_of(Sequential(linear([[1, 2]])), [1, 2], title="\udcff")
    assert "it holds bytes that are no text; write it in UTF-8" in line.replace("what is said of it", "it")
    (line,) = fault_of(Sequential(linear([[1, 2]])), {"a: b": 1, "c": 2})
    assert "'a: b' is not a name" in line
    safetensors = pytest.importorskip("safetensors.numpy")
    safetensors.save_file({"0.weight": np.ones((30, 20), np.float32)}, tmp_path / "big.safetensors")
    line_ = ["import", str(tmp_path / "big.safetensors"), "--inputs", ",".join(["1"] * 20), "--activations", "relu"]
    done = CliRunner().invoke(main, [*line_, "-o", str(tmp_path / "a#b.yaml")])
    assert done.exit_code == 0, done.output
    assert explainer.read_problem(tmp_path / "a#b.yaml").layers[0].weights.shape == (30, 20)


def test_classes_may_stand_in_a_column() -> None:
    model = Sequential(linear([[1, 2], [3, 4]]))
    loss = torch_layer("CrossEntropyLoss", reduction="mean")
    problem = explainer.from_model(model, [[1, 2], [3, 4]], [[1], [0]], loss=loss)
    assert problem.targets.tolist() == [[0, 1], [1, 0]]


@pytest.mark.parametrize(
    ("name", "more"),
    [
        ("torch.safetensors", ["--activations", "tanh,softmax", "--loss", "cross_entropy"]),
        ("keras.keras", []),
        ("torch.onnx", ["--loss", "half_squared_error"]),
    ],
)
@pytest.mark.parametrize("language", ["en", "zh"])
def test_an_imported_spec_can_be_read_and_derived(
    name: str, more: Sequence[str], language: str, tmp_path: Path
) -> None:
    """It has a title, a row of weights in a line, and each number so that it is the model's own when read again."""
    pytest.importorskip({"torch.onnx": "onnx", "keras.keras": "h5py"}.get(name, "safetensors"))
    spec, page = tmp_path / "net.yaml", tmp_path / "net.html"
    line = ["import", str(MODELS / name), "--inputs", "1,2", "--targets", "1,0", "--language", language, *more]
    for output in ("-", str(spec)):
        done = CliRunner().invoke(main, [*line, "-o", output])
        assert done.exit_code == 0, done.output
    written = spec.read_text("utf-8")
    assert not Path("-").exists()
    framework = "Keras" if "keras" in name else "ONNX" if "onnx" in name else "PyTorch"
    title = f"Back-propagation in a model of {framework}" if language == "en" else f"{framework} 模型的反向传播"
    assert written.startswith(f'title: "{title}"\n')
    rows = [line for line in written.splitlines() if line.startswith("      - [")]
    assert len(rows) == 5
    values = [number for row in rows for number in json.loads(row.removeprefix("      - "))]
    assert all(float(np.float32(value)) == value for value in values)
    assert CliRunner().invoke(main, ["derive", str(spec), "-o", str(page)]).exit_code == 0
    assert f"<h1>{title}</h1>" in page.read_text("utf-8")


# ---- the frameworks themselves, where they are installed

TORCH_CASES: list[tuple[str, str, Mapping[str, Any]]] = [
    ("Tanh", "MSELoss", {}),
    ("Sigmoid", "MSELoss", {"reduction": "sum"}),
    ("LeakyReLU", "L1Loss", {}),
    ("ELU", "CrossEntropyLoss", {}),
    ("GELU", "BCEWithLogitsLoss", {}),
    ("SiLU", "HuberLoss", {"reduction": "sum", "delta": 0.5}),
    ("Mish", "MSELoss", {}),
    ("SELU", "BCEWithLogitsLoss", {"reduction": "sum"}),
    ("Softplus", "CrossEntropyLoss", {"reduction": "sum"}),
    ("Softsign", "MSELoss", {}),
    ("Hardsigmoid", "MSELoss", {}),
]


@pytest.mark.parametrize("double", [False, True], ids=["float32", "float64"])
@pytest.mark.parametrize(("activation", "loss", "settings"), TORCH_CASES)
def test_gradients_are_those_of_pytorch(activation: str, loss: str, settings: Mapping[str, Any], double: bool) -> None:
    torch = pytest.importorskip("torch")
    torch.manual_seed(3)
    kind = torch.float64 if double else torch.float32
    model = torch.nn.Sequential(
        torch.nn.Linear(2, 3), getattr(torch.nn, activation)(), torch.nn.Sequential(torch.nn.Linear(3, 2))
    ).to(kind)
    x = torch.randn(4, 2, dtype=kind)
    t = torch.tensor([0, 1, 1, 0]) if loss == "CrossEntropyLoss" else torch.rand(4, 2, dtype=kind)
    criterion = getattr(torch.nn, loss)(**settings)
    end = criterion(model(x), t)
    end.backward()
    theirs = [parameter.grad.double().numpy() for parameter in model.parameters()]
    problem = explainer.from_model(model, x, t, loss=criterion)
    rough = not double or activation == "Hardsigmoid"  # its slope of 1/6 is a float32 in PyTorch
    assert_agree(problem, end.item(), theirs, 1e-6 if rough else 1e-10)


TORCH_ACTIVATIONS: list[tuple[str, Mapping[str, Any]]] = [
    ("Tanh", {}),
    ("Sigmoid", {}),
    ("ReLU", {}),
    ("LeakyReLU", {"negative_slope": 0.2}),
    ("ELU", {"alpha": 0.7}),
    ("GELU", {}),
    ("GELU", {"approximate": "tanh"}),
    ("SiLU", {}),
    ("Softplus", {"beta": 2.0}),
    ("Softsign", {}),
    ("Mish", {}),
    ("SELU", {}),
    ("ReLU6", {}),
    ("Hardtanh", {"min_val": -0.5, "max_val": 0.7}),
    ("LogSigmoid", {}),
    ("Tanhshrink", {}),
    ("Identity", {}),
]
TORCH_LOSSES: list[tuple[str, Mapping[str, Any], str]] = [  # with what stands before it, and its targets
    ("MSELoss", {}, "numbers"),
    ("L1Loss", {}, "numbers"),
    ("HuberLoss", {"delta": 0.5}, "numbers"),
    ("SmoothL1Loss", {}, "numbers"),
    ("CrossEntropyLoss", {}, "classes"),
    ("CrossEntropyLoss", {}, "shares"),
    ("NLLLoss", {}, "classes after LogSoftmax"),
    ("BCELoss", {}, "between 0 and 1 after Sigmoid"),
    ("BCEWithLogitsLoss", {}, "between 0 and 1"),
]


@pytest.mark.parametrize("seed", range(36))
def test_gradients_of_random_networks_are_those_of_pytorch(seed: int) -> None:
    """In float64, also of weights that were made in float32: what PyTorch finds in float32 has its own rounding in it."""
    torch = pytest.importorskip("torch")
    nn = torch.nn
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    kind, settings, targets = TORCH_LOSSES[seed % len(TORCH_LOSSES)]
    outputs = int(rng.integers(2, 4)) if "classes" in targets or "shares" in targets else int(rng.integers(1, 4))
    sizes = [*(int(rng.integers(1, 4)) for _ in range(rng.integers(1, 4))), outputs]
    rows: list[Any] = []
    for k, (wide, after) in enumerate(pairwise(sizes)):
        name, numbers = TORCH_ACTIVATIONS[(seed + k) % len(TORCH_ACTIVATIONS)]
        inner = [getattr(nn, name)(**numbers)] if k < len(sizes) - 2 or targets == "numbers" else []
        rows.append(nn.Sequential(nn.Linear(wide, after, bias=bool(rng.integers(2))), *inner, nn.Dropout(0.5)))
    ends = {"LogSoftmax": nn.LogSoftmax(dim=1), "Sigmoid": nn.Sigmoid()}
    rows[-1] = nn.Sequential(*list(rows[-1])[:-1], *(end for word, end in ends.items() if word in targets))
    model = nn.Sequential(*rows).eval()
    model = model.double() if seed % 2 else model
    samples = int(rng.integers(1, 5))
    x = torch.randn(samples, sizes[0], dtype=torch.float64)
    if targets.startswith("classes"):
        t = torch.randint(0, outputs, (samples,))
    else:
        t = torch.randn(samples, outputs, dtype=torch.float64)
        t = t.sigmoid() if "between" in targets else t.softmax(1) if targets == "shares" else t
    loss = getattr(nn, kind)(reduction=("mean", "sum")[int(rng.integers(2))], **settings)
    problem = explainer.from_model(model, x, t, loss=loss)
    model = model.double()
    end = loss(model(x), t)
    end.backward()
    assert_agree(problem, end.item(), [each.grad.numpy() for each in model.parameters()], 1e-10)


def test_log_softmax_with_nllloss_is_softmax_with_cross_entropy() -> None:
    torch = pytest.importorskip("torch")
    torch.manual_seed(4)
    model = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.LogSoftmax(dim=1)).double()
    x, t = torch.randn(3, 2, dtype=torch.float64), torch.tensor([2, 0, 1])
    end = torch.nn.NLLLoss()(model(x), t)
    end.backward()
    theirs = [parameter.grad.numpy() for parameter in model.parameters()]
    assert_agree(explainer.from_model(model, x, t, loss=torch.nn.NLLLoss()), end.item(), theirs, 1e-10)


SKLEARN_CASES = [
    ("tanh", 1, "classifier"),
    ("logistic", 3, "classifier"),
    ("relu", 3, "labels"),
    ("identity", 1, "classifier"),
    ("relu", 1, "regressor"),
    ("tanh", 2, "regressor"),
]


@pytest.mark.parametrize("kind", [np.float32, np.float64])
@pytest.mark.parametrize(("activation", "outputs", "what"), SKLEARN_CASES)
def test_gradients_are_those_of_scikit_learn(activation: str, outputs: int, what: str, kind: type) -> None:
    """Its own back-propagation, L2 included; the loss that it reports averages over outputs, its gradients do not."""
    network = pytest.importorskip("sklearn.neural_network")
    rng = np.random.default_rng(5)
    x = rng.normal(size=(6, 2)).astype(kind)
    if what != "regressor":
        y: Any = np.array(["a", "b"] * 3 if outputs == 1 else ["a", "b", "c"] * 2)
        y = rng.integers(0, 2, (6, outputs)) if what == "labels" else y  # several at once, or none
        model = network.MLPClassifier(
            hidden_layer_sizes=(3,), activation=activation, alpha=0.2, max_iter=3, batch_size=6
        )
    else:
        y = rng.normal(size=6 if outputs == 1 else (6, outputs)).astype(kind)
        model = network.MLPRegressor(
            hidden_layer_sizes=(3,), activation=activation, alpha=0.2, max_iter=3, batch_size=6
        )
    model.set_params(random_state=0)
    with pytest.warns(UserWarning, match="Maximum iterations"):
        model.fit(x, y)
    theirs = backprop(model, x, y)
    problem = explainer.from_model(model, x, y)
    loss = explainer.explain(problem).values["E"]
    assert_agree(problem, loss, theirs, 1e-10 if kind is np.float64 else 1e-6)


def backprop(model: Any, x: np.ndarray, y: Any) -> list[np.ndarray]:
    """The gradients that scikit-learn's own training step computes, as (out, in)."""
    if hasattr(model, "classes_") and y.ndim == 1:
        coded = (y[:, None] == model.classes_).astype(x.dtype)
        coded = coded[:, 1:] if len(model.classes_) == 2 else coded
    else:
        coded = y.reshape(len(x), -1)
    sizes = [x.shape[1], *(len(each) for each in model.intercepts_)]
    activations = [x] + [np.empty((len(x), size), x.dtype) for size in sizes[1:]]
    deltas = [np.empty_like(each) for each in activations[1:]]
    weights = [np.empty_like(each) for each in model.coefs_]
    biases = [np.empty_like(each) for each in model.intercepts_]
    import inspect

    given = [x, coded, activations, deltas, weights, biases]
    if "sample_weight" in inspect.signature(model._backprop).parameters:
        given.insert(2, None)
    model._backprop(*given)
    return [each for pair in zip((w.T for w in weights), biases, strict=True) for each in pair]


@pytest.mark.filterwarnings("ignore:__array__:DeprecationWarning")  # of Keras itself, on PyTorch
def test_gradients_are_those_of_keras() -> None:
    torch, keras = keras_on_torch()
    keras.utils.set_random_seed(6)
    start = keras.Input((2,))
    row = keras.layers.Dense(3, activation="leaky_relu", bias_initializer="random_normal")(start)
    row = keras.layers.Dense(2, activation="gelu")(keras.layers.Activation("linear")(row))
    model = keras.Model(start, keras.layers.ReLU(max_value=6)(keras.layers.Dense(1, use_bias=False)(row)))
    model.compile(loss="mse")
    x, t = torch.tensor([[0.5, -1.0], [1.5, 2.0]]), torch.tensor([[2.0], [3.0]])
    end = ((model(x) - t) ** 2).mean()
    end.backward()
    theirs = [np.asarray(each.value.grad).T for each in model.trainable_weights]
    assert_agree(explainer.from_model(model, x, t), end.item(), theirs, 1e-6)


KERAS_CASES: list[tuple[str, Mapping[str, Any], Any, str]] = [  # a loss, the hidden activation, and the last one
    ("MeanSquaredError", {}, "elu", "linear"),
    ("MeanSquaredError", {"reduction": "sum"}, "mish", "linear"),
    ("MeanAbsoluteError", {"reduction": "sum"}, "selu", "linear"),
    ("Huber", {"delta": 0.4}, "softsign", "linear"),
    ("Huber", {"delta": 0.4, "reduction": "sum"}, "hard_sigmoid", "linear"),
    ("BinaryCrossentropy", {"from_logits": True}, "log_sigmoid", "linear"),
    ("BinaryCrossentropy", {"reduction": "sum"}, "hard_tanh", "sigmoid"),
    ("CategoricalCrossentropy", {"from_logits": True}, "relu6", "linear"),
    ("CategoricalCrossentropy", {}, "tanh_shrink", "softmax"),
    ("SparseCategoricalCrossentropy", {"from_logits": True, "reduction": "sum"}, "softplus", "linear"),
    ("SparseCategoricalCrossentropy", {}, "exponential", "softmax"),
]


@pytest.mark.filterwarnings("ignore:__array__:DeprecationWarning")  # of Keras itself, on PyTorch
@pytest.mark.parametrize(("loss", "settings", "activation", "last"), KERAS_CASES)
def test_gradients_of_each_loss_are_those_of_keras_in_memory_and_in_a_file(
    loss: str, settings: Mapping[str, Any], activation: str, last: str, tmp_path: Path
) -> None:
    torch, keras = keras_on_torch()
    keras.utils.set_random_seed(7)
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((2,)),
            layers.Dense(3, activation=activation, bias_initializer="random_normal"),
            layers.Dropout(0.5),
            layers.Dense(2, activation=last, use_bias=False),
        ]
    )
    model.compile(loss=getattr(keras.losses, loss)(**settings))
    x = torch.tensor([[0.5, -1.0], [1.5, 2.0], [-0.25, 0.75]])
    classes = torch.tensor([[0], [1], [1]])
    t = classes if loss.startswith("Sparse") else torch.tensor([[0.25, 0.75], [0.5, 0.5], [1.0, 0.0]])
    end = model.loss(t, model(x))
    end.backward()
    theirs = [np.asarray(each.value.grad).T for each in model.trainable_weights]
    assert_agree(explainer.from_model(model, x, t), end.item(), theirs, 1e-6)
    model.save(tmp_path / "model.keras")
    if loss == "Huber":  # Keras forgets its delta when it writes it
        (line,) = fault_of(tmp_path / "model.keras", x, t)
        assert "the loss Huber with these settings is not read" in line
    else:
        pytest.importorskip("h5py")
        assert_agree(explainer.from_model(tmp_path / "model.keras", x, t), end.item(), theirs, 1e-6)


@pytest.mark.filterwarnings("ignore:__array__:DeprecationWarning")  # of Keras itself, on PyTorch
def test_what_keras_does_otherwise_than_its_names_say_is_refused() -> None:
    _, keras = keras_on_torch()
    layers = keras.layers

    def tanh(z: Any) -> Any:
        return 2 * z

    def row(*more: Any) -> Any:
        return keras.Sequential([keras.Input((2,)), *more])

    start = keras.Input((2,))
    hidden = layers.Dense(2)(start)
    for model, found in (
        (row(layers.Dense(2, activation=tanh)), "its activation is code, which is not read"),
        (row(layers.Dense(2, activity_regularizer="l2")), "its regularizer is not read"),
        (row(layers.Dense(2), layers.ReLU(threshold=0.5)), "layer 3 (ReLU 're_lu"),
        (keras.Model(start, [hidden, layers.Dense(1)(hidden)]), "the model: its outputs are dense"),
        (keras.Model(start, layers.Add()([hidden, start])), "only layers in one row are read"),
    ):
        (line,) = fault_of(model, [1, 2])
        assert found in line
    model = row(layers.Dense(2, activation="sigmoid"))
    for loss, found in (
        ("categorical_crossentropy", "the loss: it divides the outputs by their sum first; end with softmax"),
        (keras.losses.CategoricalCrossentropy(label_smoothing=0.1), "the loss CategoricalCrossentropy with these"),
        (lambda t, y: t - y, "the loss <lambda> with these settings is not read"),
    ):
        model.compile(loss=loss)
        (line,) = fault_of(model, [1, 2], [0, 1])
        assert found in line
    model.compile(loss="mse", loss_weights=[2.0])
    (line,) = fault_of(model, [1, 2], [0, 1])
    assert "the loss weighted with these settings is not read" in line


def keras_on_torch() -> tuple[Any, Any]:
    torch = pytest.importorskip("torch")
    os.environ.setdefault("KERAS_BACKEND", "torch")
    return torch, pytest.importorskip("keras")


def test_gradients_are_those_of_flax() -> None:
    """The outer layer is made first here: Dense_0 is the output layer."""
    jax = pytest.importorskip("jax")
    nn = pytest.importorskip("flax.linen")

    class Net(nn.Module):  # type: ignore[misc,name-defined]
        @nn.compact
        def __call__(self, x: Any) -> Any:
            return nn.Dense(1)(nn.tanh(nn.Dense(3)(x)))

    x, t = np.array([[0.5, -1.0], [1.5, 2.0]], np.float32), np.array([[0.3], [0.7]], np.float32)
    tree = Net().init(jax.random.PRNGKey(0), x)
    end, slopes = jax.value_and_grad(lambda tree: ((Net().apply(tree, x) - t) ** 2).mean())(tree)
    layers = slopes["params"]
    theirs = [np.asarray(layers[name][leaf]).T for name in ("Dense_1", "Dense_0") for leaf in ("kernel", "bias")]
    problem = explainer.from_model(tree, x, t, loss="mean_squared_error", activations=["tanh", "identity"])
    assert_agree(problem, float(end), theirs, 1e-6)
