"""Reading a spec: what is good is read exactly, and what is bad is told at its place."""

from __future__ import annotations

import os
import re
from pathlib import Path

import numpy as np
import pytest
import spec_files

from explainer.errors import InputError
from explainer.problem import Choice, Problem, problem_from_text, read_problem
from explainer.source import MAX_SPEC_BYTES, plain_value, read_text
from explainer.spec import PARTS, json_schema, keys_of

HERE = Path(__file__).parent
BAD = re.findall(
    r"^(.+)\n\.\n((?:.*\n)*?)\.\n((?:.*\n)*?)\.\n", (HERE / "bad_specs.md").read_text("utf-8"), re.MULTILINE
)

STEP_BY_STEP = """\
title: A step by step example
inputs: {i1: 0.05, i2: 0.10}
targets: {T1: 0.01, T2: 0.99}
layers:
  - neurons: [h1, h2]
    activation: sigmoid
    weights: [[{w1: 0.15}, {w2: 0.20}], [{w3: 0.25}, {w4: 0.30}]]
    biases: [{b1: 0.35}, {b1: 0.35}]
  - neurons: [o1, o2]
    activation: sigmoid
    weights: [[{w5: 0.40}, {w6: 0.45}], [{w7: 0.50}, {w8: 0.55}]]
    biases: [{b2: 0.60}, {b2: 0.60}]
loss: half_squared_error
optimizer: {sgd: {learning_rate: 0.5}}
frozen: [b1, b2]
"""
UPDATING_W36 = """\
title: Updating W36 by back-propagation
inputs:  {X1: 2, X2: 4}
targets: {T: 0.9}
layers:
  - neurons: [1, 2]                # a list of labels, or a count (labels then go on from the layer before)
    activation: sigmoid            # a name, or a formula in z such as "1/(1+exp(-z))"
    weights: [[0.01, 0.02], [0.05, 0.08]]   # row = receiving neuron, column = sending neuron
  - neurons: [3, 4, 5]
    activation: sigmoid
    weights: [[0.03, 0.04], [0.05, 0.06], [0.07, 0.08]]
  - neurons: [6]
    activation: sigmoid
    weights: [[0.09, 0.1, 0.15]]
loss: half_squared_error
optimizer: {sgd: {learning_rate: 0.1}}
"""
SMALL = "inputs: {X1: 2, X2: 4}\nlayers:\n  - neurons: 1\n    weights: [[0.1, 0.2]]\n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("lecture") / "specs"
    path.mkdir()
    return spec_files.make(path)


def faults_of(text: str | bytes, file: str = "net.yaml", folder: Path | None = None) -> str:
    with pytest.raises(InputError) as caught:
        problem_from_text(text if isinstance(text, str) else text.decode(), file, folder)
    return str(caught.value)


def with_weights(weights: str, folder: Path, more: str = "") -> Problem:
    return problem_from_text(SMALL.replace("[[0.1, 0.2]]", weights) + more, "net.yaml", folder)


# ------------------------------------------------------------------------------------------------------------ good specs


def test_the_network_of_the_contract_is_read_exactly() -> None:
    problem = problem_from_text(UPDATING_W36)
    assert problem.title == "Updating W36 by back-propagation"
    assert problem.input_names == ("X1", "X2")
    assert problem.inputs.tolist() == [[2.0], [4.0]]
    assert [layer.labels for layer in problem.layers] == [("1", "2"), ("3", "4", "5"), ("6",)]
    assert problem.layers[1].weights.tolist() == [[0.03, 0.04], [0.05, 0.06], [0.07, 0.08]]
    assert all(layer.activation == Choice("sigmoid", {}) for layer in problem.layers)
    assert all(layer.biases is None and layer.bias_input == 1 for layer in problem.layers)
    assert problem.target_names == ("T",)
    assert problem.targets is not None
    assert problem.targets.tolist() == [[0.9]]
    assert problem.loss == Choice("half_squared_error", {})
    assert problem.optimizer == Choice("sgd", {"learning_rate": 0.1})
    assert problem.reduction == "sum"


def test_named_weights_and_shared_biases_keep_their_names() -> None:
    problem = problem_from_text(STEP_BY_STEP)
    first, last = problem.layers
    assert first.weights.tolist() == [[0.15, 0.2], [0.25, 0.3]]
    assert first.weight_names == {(0, 0): "w1", (0, 1): "w2", (1, 0): "w3", (1, 1): "w4"}
    assert last.biases is not None
    assert last.biases.tolist() == [0.6, 0.6]
    assert last.bias_names == {0: "b2", 1: "b2"}
    assert problem.frozen == {"b1", "b2"}


def test_json_and_yaml_say_the_same() -> None:
    text = '{"inputs": {"X1": 2, "X2": 4},\n\t"layers": [{"neurons": 1, "weights": [[0.1, 2e-1]]}]}'
    assert repr(problem_from_text(text, "net.json")) == repr(problem_from_text(SMALL))


def test_a_count_goes_on_from_the_highest_number_so_far() -> None:
    text = (
        "inputs: {a: 1}\nlayers:\n- {neurons: [7, h], weights: [[1], [2]]}\n- {neurons: 2, weights: [[1, 2], [3, 4]]}\n"
    )
    assert problem_from_text(text).layers[1].labels == ("8", "9")


def test_a_missing_activation_is_identity_and_null_is_no_connection() -> None:
    layer = with_weights("[[null, 0.2]]", HERE).layers[0]
    assert layer.activation == Choice("identity", {})
    assert np.isnan(layer.weights[0, 0])


def test_the_bias_input_of_the_top_holds_for_every_layer_that_has_none() -> None:
    text = SMALL + "  - {neurons: 1, weights: [[1]], biases: [0.5], bias_input: 2}\nbias_input: -1\n"
    assert [layer.bias_input for layer in problem_from_text(text).layers] == [-1.0, 2.0]


@pytest.mark.parametrize("written", ["W36", "w36", "W_36", "W_{36}", "W[3,6]", "W[3, 6]", "W(3)6", "w[3,6]", "W_{3,6}"])
def test_a_frozen_weight_may_be_written_as_people_do(written: str) -> None:
    assert problem_from_text(UPDATING_W36 + f"frozen: ['{written}']\n").frozen == {"W[3,6]"}


@pytest.mark.parametrize(
    ("written", "name"), [("W[i1,h1]", "w1"), ("b[h1]", "b1"), ("b_h2", "b1"), ("W_{i2,h1}", "w2")]
)
def test_a_named_weight_is_understood_in_its_place(written: str, name: str) -> None:
    assert problem_from_text(STEP_BY_STEP.replace("[b1, b2]", f"['{written}']")).frozen == {name}


def test_a_bias_may_be_frozen_by_its_place() -> None:
    text = UPDATING_W36.replace("[[0.09, 0.1, 0.15]]", "[[0.09, 0.1, 0.15]]\n    biases: [1]") + "frozen: [b6]\n"
    assert problem_from_text(text).frozen == {"b[6]"}


@pytest.mark.parametrize(
    ("text", "value"),
    [("1e-3", 0.001), ("010", 10), ("-.5", -0.5), ("+1.", 1.0), ("on", "on"), ("no", "no"), ("12:30", "12:30")]
    + [("1_000", "1_000"), ("~", None), ("", None), ("True", True), ("y", "y"), ("0.1.2", "0.1.2"), ("2001-01-01", "2001-01-01")],
)  # fmt: skip
def test_plain_scalars_mean_what_yaml_1_2_says(text: str, value: object) -> None:
    assert plain_value(text) == value
    assert type(plain_value(text)) is type(value)


def test_every_value_and_key_has_its_place() -> None:
    source = read_text("a: 1\nb:\n  - [x, {c: 2}]\n")
    assert source.tree == {"a": 1, "b": [["x", {"c": 2}]]}
    assert source.values["b", 0, 1, "c"] == (3, 13)
    assert source.keys["b", 0, 1, "c"] == (3, 10)


# ------------------------------------------------------------------------------------------------------- files and draws


@pytest.mark.parametrize("weights", ["[[0.1, 0.2]]", "arrays.npz#W1"])
def test_weights_come_from_files_as_from_the_spec(folder: Path, weights: str) -> None:
    assert with_weights(weights, folder).layers[0].weights.tolist() == [[0.1, 0.2]]


def test_weights_of_single_precision_keep_their_value(folder: Path) -> None:
    assert with_weights("w.npy", folder).layers[0].weights.tolist() == [
        [float(np.float32(0.1)), float(np.float32(0.2))]
    ]


@pytest.mark.parametrize(
    ("name", "rows"), [("good.csv", [[0.1, 0.2], [-0.03, -4]]), ("semicolon.csv", [[0.1, 0.2], [0.3, 0.4]])]
)
def test_a_csv_of_weights_has_one_row_for_each_neuron(folder: Path, name: str, rows: list[list[float]]) -> None:
    text = SMALL.replace("neurons: 1", "neurons: 2").replace("[[0.1, 0.2]]", name)
    assert problem_from_text(text, folder=folder).layers[0].weights.tolist() == rows


@pytest.mark.parametrize(("name", "names"), [("one_row.csv", ("X2", "X7")), ("nameless.csv", ("X1", "X2"))])
def test_a_file_of_inputs_has_its_names_at_its_head_or_numbers_them(
    folder: Path, name: str, names: tuple[str, ...]
) -> None:
    problem = problem_from_text(SMALL.replace("{X1: 2, X2: 4}", name), folder=folder)
    assert problem.input_names == names
    assert problem.inputs.tolist() == [[2.0], [4.0]]


def test_draws_are_those_of_the_contract(folder: Path) -> None:
    normal = with_weights(
        "{random: normal, scale: 0.1, seed: 1}", folder, "    biases: {random: uniform, scale: 2, seed: 1}\n"
    )
    assert (normal.layers[0].weights == 0.1 * np.random.default_rng(1).standard_normal((1, 2))).all()
    assert (normal.layers[0].biases == np.random.default_rng(1).uniform(-2, 2, (1,))).all()


def test_a_million_weights_may_be_drawn() -> None:
    text = "inputs: {X1: 1}\nlayers:\n" + "".join(
        f"- {{neurons: 1000, weights: {{random: normal, seed: {seed}}}}}\n" for seed in (1, 2)
    )
    assert problem_from_text(text).layers[1].weights.shape == (1000, 1000)


def test_more_weights_than_the_limit_are_refused_before_they_take_memory() -> None:
    text = "inputs: {X1: 1}\nlayers:\n" + "- {neurons: 40000, weights: {random: normal, seed: 1}}\n" * 2
    assert faults_of(text) == "net.yaml:4:29: more than 2,000,000 weights; describe a smaller network"


def test_a_file_that_claims_more_than_it_holds_takes_no_memory(folder: Path) -> None:
    assert "bomb.npy holds more than 2,000,000 numbers" in faults_of(
        SMALL.replace("[[0.1, 0.2]]", "bomb.npy"), folder=folder
    )


def test_a_file_of_inputs_has_a_row_for_each_sample(folder: Path) -> None:
    problem = problem_from_text(SMALL.replace("{X1: 2, X2: 4}", "rows.csv"), folder=folder)
    assert problem.inputs.shape[0] == 2
    assert problem.inputs.shape[1] > 1


def test_a_spec_in_a_folder_reads_the_data_beside_it(folder: Path) -> None:
    spec = folder / "net.yaml"
    spec.write_text(SMALL.replace("[[0.1, 0.2]]", "arrays.npz#W1"))
    assert read_problem(spec).layers[0].weights.tolist() == [[0.1, 0.2]]


# ------------------------------------------------------------------------------------------------------------- bad specs


@pytest.mark.parametrize(("spec", "expected"), [case[1:] for case in BAD], ids=[case[0] for case in BAD])
def test_a_bad_spec_is_told_at_its_place(
    spec: str, expected: str, request: pytest.FixtureRequest, folder: Path
) -> None:
    file = "net.json" if "net.json" in request.node.name else "net.yaml"
    assert faults_of(spec, file, folder) == expected.rstrip("\n")


def test_there_are_many_bad_specs() -> None:
    assert len(BAD) >= 100
    assert len({title for title, _, _ in BAD}) == len(BAD)


HIDDEN = {  # they cannot be seen, so they are written here as escapes
    "title: a\u202eb\n": "net.yaml:1:9: invisible character U+202E (RIGHT-TO-LEFT OVERRIDE); delete it",
    "title: a # \u200b\n": "net.yaml:1:12: invisible character U+200B (ZERO WIDTH SPACE); delete it",
    "title: \ue000\n": "net.yaml:1:8: invisible character U+E000 (a control or private character); delete it",
    "title: a\0\n": "net.yaml:1:9: invisible character U+0000 (a control or private character); delete it",
    "title: a\ninputs: \x1b[31m\n": "net.yaml:2:9: invisible character U+001B (a control or private character); delete it",
    'title: "a\\u202e"\n' + SMALL: "net.yaml:1:8: invisible character U+202E (RIGHT-TO-LEFT OVERRIDE); delete it",
}


@pytest.mark.parametrize(("text", "expected"), HIDDEN.items())
def test_hidden_characters_are_refused_by_code_point(text: str, expected: str) -> None:
    assert faults_of(text) == expected


ALIASES = "".join(
    f"{name}: &{name} [{', '.join(['*' + before] * 9)}]\n" for before, name in zip("abcdefg", "bcdefgh", strict=True)
)
BOMBS = {
    "billion laughs": "a: &a [x, x]\n" + ALIASES,
    "an alias of itself": "layers: &l [*l, 1]\n",
    "deep blocks": "".join(" " * depth + "a:\n" for depth in range(1200)),
    "deep lists": "[" * 50_000,
    "deep JSON": '{"a":' * 50_000,
    "a huge number": f"inputs: {{X1: {'9' * 5000}}}\n",
    "a huge exponent": "inputs: {X1: 1e999999999}\n",
    "a long line": "title: " + "a" * 100_000 + "\n" + SMALL,
    "too many values": "inputs: {X1: [" + "1," * 200_001 + "]}\n",
    "too much text": "#" * (MAX_SPEC_BYTES + 1),
    "unknown keys without end": "".join(f"key{number}: 1\n" for number in range(5000)),
    "a formula as a bomb": SMALL + "loss: 9**9**9**9\ntargets: {T: 1}\n",
}


@pytest.mark.parametrize("file", ["net.yaml", "net.json"])
@pytest.mark.parametrize("text", BOMBS.values(), ids=BOMBS.keys())
def test_a_bomb_is_refused_with_faults_and_nothing_else(text: str, file: str) -> None:
    assert all(line.startswith(file + ":") for line in faults_of(text, file).splitlines())


ENCODINGS = {
    b"title: caf\xe9\n": "1:11: byte 0xe9 is not UTF-8; save the file as UTF-8",
    "title: a".encode("utf-16"): "1:1: the file is UTF-16; save it as UTF-8",
    b"": "1:1: the spec is empty; see `explainer examples` for specs to start from",
}


@pytest.mark.parametrize(("data", "expected"), ENCODINGS.items())
def test_an_encoding_that_is_not_utf_8_is_told_at_its_byte(tmp_path: Path, data: bytes, expected: str) -> None:
    spec = tmp_path / "net.yaml"
    spec.write_bytes(data)
    with pytest.raises(InputError) as caught:
        read_problem(spec)
    assert str(caught.value) == f"{spec}:{expected}"


def test_a_byte_order_mark_and_windows_line_ends_do_no_harm(tmp_path: Path) -> None:
    spec = tmp_path / "net.yaml"
    spec.write_bytes(b"\xef\xbb\xbf" + SMALL.replace("\n", "\r\n").encode())
    assert repr(read_problem(spec)) == repr(problem_from_text(SMALL))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no named pipes")
def test_what_is_no_regular_file_is_refused_and_does_not_block(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.yaml")
    for path, found in (
        (tmp_path / "pipe.yaml", "not a regular file"),
        (tmp_path, "a folder"),
        (tmp_path / "no", "no such file"),
    ):
        with pytest.raises(InputError, match=found):
            read_problem(path)


def test_a_file_name_cannot_forge_another_line() -> None:
    assert "\n" not in faults_of("[", "evil\n::error.yaml")


# --------------------------------------------------------------------------------------------------------------- options


def test_what_is_said_at_the_call_wins() -> None:
    problem = problem_from_text(
        "language: en\nsignificant: 7\n" + SMALL, language="zh", carry="rounded", digits=4, view=None
    )
    assert problem.writing.language == "zh"
    assert problem.writing.carry == "rounded"
    assert (problem.writing.digits, problem.writing.significant) == (4, 5)


def test_significant_digits_said_at_the_call_win_over_decimals_in_the_spec() -> None:
    writing = problem_from_text("digits: 4\n" + SMALL, significant=6).writing
    assert (writing.digits, writing.significant) == (None, 6)


def test_a_bad_option_is_told_as_an_option() -> None:
    with pytest.raises(InputError) as caught:
        problem_from_text(SMALL, "net.yaml", digits=99)
    assert str(caught.value) == "net.yaml:1:1: option --digits: digits is 99; write 15 or less"
    with pytest.raises(InputError, match="option --only: only, but there is no loss"):
        problem_from_text(SMALL, only=["W9"])


def test_an_unknown_option_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(TypeError, match="did you mean 'digits'"):
        problem_from_text(SMALL, digit=3)  # type: ignore[call-arg]


# --------------------------------------------------------------------------------------------------- schema and reference


def described(node: object) -> list[str]:
    """The properties of a JSON Schema that have no description."""
    if isinstance(node, list):
        return [name for item in node for name in described(item)]
    if not isinstance(node, dict):
        return []
    bare = [name for name, about in node.get("properties", {}).items() if "description" not in about]
    return bare + [name for item in node.values() for name in described(item)]


def test_every_key_of_the_schema_is_described() -> None:
    assert described(json_schema()) == []


@pytest.mark.parametrize("key", sorted({key for part in PARTS for key in keys_of(part)}))
def test_every_key_of_the_schema_is_in_the_reference(key: str) -> None:
    page = (HERE.parent / "docs" / "reference" / "spec.md").read_text("utf-8")
    assert f"`{key}`" in page


def test_the_examples_of_the_reference_can_be_read(tmp_path: Path) -> None:
    page = (HERE.parent / "docs" / "reference" / "spec.md").read_text("utf-8")
    whole = re.findall(r"```yaml\n(title: .*?)```", page, re.DOTALL)
    assert len(whole) >= 2
    for text in whole:
        problem_from_text(text)
