"""Notations: every preset says the same things in its own symbols, and in no others."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
from networks import example, layered, problem_of, random_spec
from test_prose import faults, plain
from test_recompute import EXAMPLES, assert_page_recomputes, assert_recomputes
from tex_numbers import equations

import explainer
from explainer.dialects import GREEK, TEX
from explainer.errors import InputError
from explainer.notation import Quantity, Symbols, canonical, name_in
from explainer.presets import (
    NOTATIONS,
    PLACEHOLDERS,
    SymbolFault,
    alike,
    read_symbol,
    symbol_in,
    with_sample,
)
from explainer.problem import Problem, problem_from_text
from explainer.spec import Preset
from explainer.worked import Worked, iterations

PRESETS = sorted(NOTATIONS)
DOCS = Path(__file__).parent.parent / "docs" / "reference"
BIASED = """\
title: Two samples of what a notation has to write
inputs: {X1: 0.05, X2: 0.10}
targets: {T1: 0.01, T2: 0.99}
layers:
  - {neurons: [1, 2], activation: tanh, weights: [[0.15, 0.2], [0.25, {w4: 0.3}]], biases: [0.35, -0.35]}
  - {neurons: [3, 4], activation: sigmoid, weights: [[0.4, 0.45], [0.5, 0.55]], biases: [0.6, 0.6]}
loss: half_squared_error
optimizer: {sgd: {learning_rate: 0.5}}
"""
OWN = {
    "weights by their ends": {"base": "numbered", "weight": "w_{pair}", "activation": "h_{row}"},
    "braces of their own": {"base": "layered", "weight": "V^{[{layer}]}_{{row},{column}}", "loss": "E_{total}"},
    "a letter for each layer": {"base": "rashid", "activation": "out^{layer}_{row}", "updated": "plus"},
    "a base word": {"base": "mazur", "pre_activation": "sum_{row}", "input": "x_{row}", "sample": "[sample]"},
    "Greek letters below": {"base": "theta", "bias": "beta^{(layer)}_{alpha row}", "input_layer": 0},
}


def page(problem: Problem, to: str = "markdown") -> str:
    return "".join(explainer.explain(problem).text(to))


def formulas(markdown: str) -> list[str]:
    """The TeX of a page, in text and on lines of its own."""
    return re.findall(r"\$`([^`]*)`\$", markdown) + re.findall(r"```math\n(.*?)```", markdown, re.DOTALL)


def every_symbol(work: Worked) -> Iterator[tuple[str, str]]:
    """(canonical name, TeX) of every quantity that a page can show."""
    tex = Symbols(work.network.problem.writing.notation, len(work.network.layers))
    for quantity, array in work.numbers.items():
        if quantity.node.op != "take" and not quantity.what.endswith("_old"):
            entries = np.arange(array.size)
            yield from zip(canonical(quantity, entries), tex.symbols(quantity, entries), strict=True)


# ---- pages in every preset


def test_the_spec_knows_every_preset() -> None:
    assert set(get_args(Preset)) == set(NOTATIONS)


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_has_a_symbol_for_every_quantity_and_none_twice(preset: str) -> None:
    assert NOTATIONS[preset].symbols.keys() >= PLACEHOLDERS.keys()
    assert alike(NOTATIONS[preset]) is None


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("name", EXAMPLES)
@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_works_every_example_in_every_format(preset: str, name: str, language: str) -> None:
    problem = example(name, notation=preset, language=language)
    found = {to: page(problem, to) for to in ("markdown", "latex", "html")}
    for to in ("markdown", "latex"):
        assert len(assert_page_recomputes(found[to], {})) > 20
    assert found["html"].count("<math") > 50
    if language == "zh":
        assert faults(plain(found["markdown"].partition("\n")[2])) == []


@pytest.mark.parametrize("detail", ["brief", "normal"])
@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_can_be_set_in_tables(preset: str, detail: str) -> None:
    found = page(layered(40, 12, 2, notation=preset, detail=detail))
    z, y = (tex.general(q, "j") for tex in [Symbols(NOTATIONS[preset], 2)] for q in ("pre_activation", "activation"))
    assert f"| $`{z}`$ | $`{y}`$ |" in found


COMMANDS = (
    r"""frac partial cdot times to underbrace begin end left right sum dots max quad tanh Delta displaystyle le"""
)


def bases(tex: str) -> set[str]:
    """The letters and words of a formula that are no command of TeX and not the number e."""
    tex = re.sub(r"\\text\{[^}]*\}|\\(?:begin|end)\{\w+\}|\be\^(?=\{)", " ", tex)
    words = set(re.findall(r"\\mathrm\{(\w+)\}", tex))
    tex = re.sub(r"\\mathrm\{\w+\}", " ", tex)
    commands = set(re.findall(r"\\([a-zA-Z]+)", tex)) - set(COMMANDS.split())
    return words | commands | set(re.findall(r"[a-zA-Z]", re.sub(r"\\[a-zA-Z]+", " ", tex)))


@pytest.mark.parametrize("preset", PRESETS)
def test_every_symbol_of_a_page_comes_from_its_preset(preset: str) -> None:
    notation = NOTATIONS[preset]
    symbols = [notation.symbols[quantity] for quantity in PLACEHOLDERS]
    parts = [part for s in symbols for part in (s.base, *s.sub, *s.sup)]
    allowed = bases(" ".join(TEX.base(part) for part in parts if part.isalpha()))
    allowed |= {notation.sender, notation.receiver, *(["l"] if notation.marks_layers else [])}
    allowed |= {"new": {"new", "i", "h", "o"}}.get(notation.updated, set())
    named = any(notation.symbols[quantity].base == "{name}" for quantity in ("input", "target"))
    allowed |= {"X", "T"} if named else set()
    for name in ("2-2-3-1", "relu-regression"):
        found = {base for tex in formulas(page(example(name, notation=preset))) for base in bases(tex)}
        if name == "relu-regression":
            problem = example(name)
            given = [*problem.input_names, *problem.target_names]
            labels = [label for layer in problem.layers for label in layer.labels]
            names = set("".join(given)) if named else set()
            if notation.numbering == "labels":
                names |= set("".join([*labels, *given]))
            found -= names
        assert found <= allowed, found - allowed


@pytest.mark.parametrize("preset", PRESETS)
def test_the_number_e_is_explained_only_where_e_is_a_pre_activation_too(preset: str) -> None:
    assert ("2.71828" in page(example("2-2-3-1", notation=preset))) == (preset == "numbered")


@pytest.mark.parametrize("preset", [*PRESETS, *OWN])
def test_every_quantity_has_a_symbol_of_its_own(preset: str) -> None:
    notation = OWN.get(preset, preset)
    drawn = {"random": "normal", "scale": 0.1, "seed": 1}
    wide = {**random_spec(1), "layers": [{"neurons": 12, "weights": drawn, "biases": drawn}] * 2}
    wide |= {"inputs": {f"X{k}": k for k in range(1, 13)}, "targets": {f"T{k}": k for k in range(1, 13)}}
    problems = [problem_of({**spec, "notation": notation}) for spec in [wide, *map(random_spec, range(40))]]
    if preset in PRESETS:
        problems += [example(name, notation=preset) for name in EXAMPLES]
    for problem in problems:
        symbols: dict[str, str] = {}
        for name, tex in every_symbol(next(iterations(problem))):
            assert symbols.setdefault(tex, name) == name, f"{tex} is {name} and {symbols[tex]}"
        assert len(set(symbols.values())) == len(symbols)


BATCH = """\
inputs: {X1: [0, 1, 1], X2: [1, 0, 1]}
targets: {T1: [0, 1, 1], T2: [1, 0, 0]}
layers:
  - {neurons: 2, activation: tanh, weights: [[0.15, 0.2], [0.25, {w4: 0.3}]], biases: [0.35, -0.35]}
  - {neurons: 2, activation: sigmoid, weights: [[0.4, 0.45], [0.5, 0.55]], biases: [0.6, 0.6]}
loss: squared_error
reduction: mean
l2: {lambda: 0.1}
optimizer: {adam: {learning_rate: 0.01}}
"""


@pytest.mark.parametrize("preset", PRESETS)
def test_samples_and_the_states_of_an_optimizer_have_symbols_of_their_own(preset: str) -> None:
    problem = problem_from_text(BATCH, notation=preset)
    symbols: dict[str, str] = {}
    for name, tex in every_symbol(next(iterations(problem))):
        assert symbols.setdefault(tex, name) == name, f"{tex} is {name} and {symbols[tex]}"
    for to in ("markdown", "latex"):
        assert len(assert_page_recomputes(page(problem, to), {})) > 100


@pytest.mark.parametrize("preset", PRESETS)
def test_the_sentence_on_index_order_is_right(preset: str) -> None:
    for language, said in (("en", ("sender's", "receiver's")), ("zh", ("起点在前", "终点在前"))):
        found = page(problem_from_text(BIASED, notation=preset, language=language))
        (line,) = (line for line in found.splitlines() if any(words in line for words in said) and "0}" not in line)
        weight, *neurons = re.findall(r"\$`([^`]*)`\$", line)
        sender, receiver = (re.findall(r"_\{(\w+)\}", tex)[0] for tex in neurons)
        indices = re.findall(r"\w", re.findall(r"_\{([^}]*)\}", weight)[0])
        assert sender != receiver
        assert indices == ([sender, receiver] if said[0] in line else [receiver, sender])


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("seed", range(5))
def test_every_step_of_a_random_network_recomputes_in_every_preset(preset: str, seed: int) -> None:
    for writing in ({}, {"carry": "rounded", "digits": 3}):
        problem = problem_of(random_spec(seed), notation=preset, **writing)
        for step in json.loads(page(problem, "json"))["iterations"][0]["steps"]:
            assert_recomputes(step["numbers"], step["printed"], writing)
        assert_page_recomputes(page(problem), writing)


@pytest.mark.parametrize("preset", PRESETS)
def test_json_keeps_its_names_and_numbers_in_every_preset(preset: str) -> None:
    wanted, found = (json.loads(page(example("2-2-2-named", notation=name), "json")) for name in ("numbered", preset))
    assert found.pop("notation") == preset
    assert wanted.pop("notation") == "numbered"
    for record in (wanted, found):
        for step in record["iterations"][0]["steps"]:
            assert bool(step.pop("latex"))
    assert found == wanted


@pytest.mark.parametrize("preset", PRESETS)
def test_nothing_has_two_things_above_it(preset: str) -> None:
    """As in a^{2}_{1}^{2}, which TeX refuses."""
    for problem in [problem_from_text(BIASED, notation=preset), example("shared-weight", notation=preset)]:
        for sides in equations(page(problem)):
            assert not re.search(r"\^\{[^{}]*\}_\{[^{}]*\}\^|'_\{[^{}]*\}\^|'_\{[^{}]*\}'", " = ".join(sides))


@pytest.mark.parametrize("preset", PRESETS)
def test_a_name_of_its_own_is_shown_as_it_was_given(preset: str) -> None:
    found = page(problem_from_text(BIASED, notation=preset))
    assert "$`w_{4} = 0.3`$" in found
    assert name_in(TEX, "w4", NOTATIONS[preset].updated) in found or r"\frac{\partial" in found


def test_what_a_symbol_stands_for_is_said_where_the_name_was_another() -> None:
    spec = BIASED.replace("X1", "hours").replace("X2", "sleep")
    said = page(problem_from_text(spec, notation="theta"))
    assert "- What was given has these symbols: $`x_{1}`$ is hours, $`x_{2}`$ is sleep.\n" in said
    assert "these symbols" not in page(problem_from_text(BIASED, notation="theta"))
    assert "these symbols" not in page(problem_from_text(spec, notation="numbered"))


def test_a_bias_of_theta_has_the_index_0() -> None:
    found = page(problem_from_text(BIASED, notation="theta"))
    assert r"z^{(3)}_{1} &= \Theta^{(2)}_{11} a^{(2)}_{1} + \Theta^{(2)}_{12} a^{(2)}_{2} + \Theta^{(2)}_{10}" in found
    assert r"it has 0 in the place of the sender's index: $`\Theta^{(2)}_{10}`$" in found


def test_a_power_of_a_symbol_that_has_something_above_it_is_of_its_brackets() -> None:
    assert r"\frac{\partial a^{2}_{1}}{\partial z^{2}_{1}} &= 1 - (a^{2}_{1})^{2}" in page(
        problem_from_text(BIASED, notation="nielsen")
    )


def test_delta_is_per_sample_in_theta_alone() -> None:
    assert [name for name in PRESETS if NOTATIONS[name].delta_per_sample] == ["theta"]


def test_layers_are_called_as_the_preset_counts_them() -> None:
    headings = {
        preset: re.findall(r"^### Layer (\w+) \(", page(example("2-2-3-1", notation=preset)), re.MULTILINE)
        for preset in PRESETS
    }
    assert headings["theta"] == headings["nielsen"] == ["2", "3", "4"]
    assert headings["layered"] == headings["numbered"] == headings["mazur"] == ["1", "2", "3"]
    assert headings["rashid"] == ["h1", "h2", "o"]
    assert r"w^{ih}_{1,2}" in page(problem_from_text(BIASED, notation="rashid"))


# ---- symbols as they are written


@pytest.mark.parametrize(
    ("text", "tex"),
    [
        ("Theta^{(layer)}_{row column}", r"\Theta^{(2)}_{31}"),
        ("w_{pair}", "w_{13}"),
        ("w_{{row},{column}}", "w_{3,1}"),
        ("w^{layer}_{row column}", "w^{2}_{31}"),
        ("omega_pair", r"\omega_{13}"),
        ("w_{alpha row column}^{new, [layer]}", r"w^{\mathrm{new},[2]}_{\alpha 31}"),
    ],
)
def test_a_symbol_is_written_by_its_base_and_scripts(text: str, tex: str) -> None:
    places = {"{row}": "3", "{column}": "1", "{layer}": "2"}
    assert symbol_in(TEX, read_symbol(text, PLACEHOLDERS["weight"]), places) == tex


@pytest.mark.parametrize(
    "text", [r"\input", "$x$", "w_{\\}", "w_{$}", "w%", "w_{#}", "w_{a}b", "w_{{a b}}", "w_{&}", "", "1", "w^"]
)
def test_no_text_of_a_symbol_reaches_tex_as_it_is(text: str) -> None:
    with pytest.raises(SymbolFault):
        read_symbol(text, PLACEHOLDERS["weight"])


@pytest.mark.parametrize("name", OWN)
def test_a_notation_of_ones_own_is_worked_like_a_preset(name: str) -> None:
    problem = problem_from_text(BIASED + f"notation: {json.dumps(OWN[name])}\n")
    assert problem.writing.notation.name == "own"
    for to in ("markdown", "latex"):
        assert len(assert_page_recomputes(page(problem, to), {})) > 20
    assert page(problem, "html")


def test_a_notation_of_ones_own_shows_its_symbols() -> None:
    problem = problem_from_text(BIASED + f"notation: {json.dumps(OWN['weights by their ends'])}\n")
    assert r"e_{3} &= w_{13} h_{1} + w_{23} h_{2} + b_{3}" in page(problem)
    assert r"w_{(X1)1}" in page(problem)


def test_a_sample_is_marked_after_all_else_that_stands_above() -> None:
    found = {}
    for preset in PRESETS:
        notation = NOTATIONS[preset]
        marked = with_sample(notation.symbols["activation"], notation.sample)
        found[preset] = symbol_in(TEX, marked, {"{row}": "6", "{layer}": "2", "{sample}": "s"})
    assert found["numbered"] == "Y^{(s)}_{6}"
    assert found["theta"] == "a^{(2)(s)}_{6}"
    assert found["nielsen"] == "a^{2,(s)}_{6}"
    assert found["layered"] == "a^{[2](s)}_{6}"


@pytest.mark.parametrize(
    ("symbol", "mark", "new"),
    [
        ("W_{36}", "prime", "W'_{36}"),
        ("E", "plus", "E^{+}"),
        ("Theta^{(1)}_{12}", "prime", r"\Theta'^{(1)}_{12}"),
        ("w^{[1]}_{1,2}", "new", r"w^{[1],\mathrm{new}}_{1,2}"),
        ("net_{o1}", "prime", r"\mathrm{net}'_{o1}"),
        ("E_{total}", "plus", r"E^{+}_{\mathrm{total}}"),
    ],
)
def test_a_new_value_is_marked_beside_what_stands_above(symbol: str, mark: str, new: str) -> None:
    assert symbol_in(TEX, read_symbol(symbol, ()), {}, updated=mark) == new


def test_a_new_value_of_a_name_is_marked_likewise() -> None:
    assert name_in(TEX, "_a_", "plus") == r"\mathrm{\_a\_}^{+}"
    assert name_in(TEX, "w_5", "prime") == "w'_{5}"


def test_a_preset_that_is_said_at_the_call_wins_over_a_notation_in_the_spec() -> None:
    text = BIASED + "notation: {weight: 'v_{pair}'}\n"
    assert problem_from_text(text, notation="theta").writing.notation is NOTATIONS["theta"]


def test_a_symbol_that_cannot_be_used_is_told_with_the_other_faults() -> None:
    with pytest.raises(InputError) as caught:
        problem_from_text(BIASED + 'digits: 99\nnotation:\n  weight: "w_{neuron"\n  loss: "L^{x}y"\n', "net.yaml")
    assert [(fault.line, fault.column) for fault in caught.value.faults] == [(9, 9), (11, 11), (12, 9)]


# ---- the reference


def row(name: str, symbols: dict[str, dict[str, str]]) -> str:
    return " | ".join(f"$`{symbols[preset][name]}`$" for preset in NOTATIONS)


def shown(preset: str) -> dict[str, str]:
    """The symbols of the table, by canonical name."""
    work = next(iterations(problem_from_text(BIASED, notation=preset)))
    tex, notation = Symbols(NOTATIONS[preset], 2), NOTATIONS[preset]
    found = dict(every_symbol(work))
    marked = with_sample(notation.symbols["activation"], notation.sample)
    cells = work.network.outputs.cells
    places = {"{row}": tex.labels(cells)[0], "{layer}": tex.layer(2), "{sample}": "2"}  # type: ignore[arg-type]
    slope = Quantity("slope", work.network.outputs)
    return found | {"Y[3]#2": symbol_in(TEX, marked, places), "dY[3]/dz[3]": tex.symbols(slope, np.array([0]))[0]}


def test_the_table_of_the_reference_is_what_the_code_writes() -> None:
    page = (DOCS / "notations.md").read_text("utf-8")
    symbols: dict[str, Any] = {preset: shown(preset) for preset in NOTATIONS}
    rows = re.findall(r"^\| [^|`]+ `([^`]+)` \| (.*) \|$", page, re.MULTILINE)
    assert len(rows) > 15
    assert [(name, cells) for name, cells in rows if cells != row(name, symbols)] == []


def test_the_equations_of_the_reference_are_what_the_code_writes() -> None:
    page = (DOCS / "notations.md").read_text("utf-8")
    for preset in NOTATIONS:
        said = "".join(explainer.explain(problem_from_text(BIASED, notation=preset)).text())
        (first,) = re.findall(r"- \*\*\(1\)\*\* Pre-activation: (\$`.*?`\$)", said)
        (fifth,) = re.findall(r"- \*\*\(5\)\*\* Gradient: (\$`.*?`\$)", said)
        assert f"| `{preset}` | {first} | {fifth} |" in page


def test_greek_letters_are_those_of_tex() -> None:
    assert len(GREEK) == 34
