"""Marking a hand calculation: the rule, what is read, what is said. Published workings are in `test_workings`."""

from __future__ import annotations

import io
import json
import warnings
import zipfile
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from networks import example, random_spec
from students import (
    Habit,
    Mistaken,
    finite,
    judged,
    mistakes_of,
    networks,
    students,
)

import explainer
from explainer.cli import main
from explainer.digits import Precision
from explainer.errors import InputError
from explainer.marking.catalogue import CODES
from explainer.marking.checking import Checker
from explainer.marking.claims import claims_of_line
from explainer.marking.handling import CODES as HANDLING
from explainer.marking.handling import edits
from explainer.marking.judging import Judging, Status, Written
from explainer.marking.lint import lint
from explainer.marking.network_lines import NetworkLines
from explainer.marking.reading import working_from_text
from explainer.marking.rule import agrees, spread, value
from explainer.marking.scheme import Scheme
from explainer.problem import problem_from_text
from explainer.render import Setting, Speaker
from explainer.steps import Lines as StepLines
from explainer.steps import Steps

HERE = Path(__file__).parent
SPEC = str(Path(explainer.__file__).parent / "examples" / "2-2-3-1.yaml")
SEED = "".join(
    f"{line[0]}\n"
    for line in yaml.safe_load((HERE / "workings" / "networks.yaml").read_text("utf-8"))["seed_001"]["lines"]
)


SUMMED = """\
inputs:  {x1: [0.5, -1, 2], x2: [1.5, 0.4, -0.6]}
targets: {t: [0.3, 0.8, 0.1]}
layers:
  - {neurons: [h1, h2], activation: tanh, weights: [[0.2, -0.4], [0.7, 0.1]], biases: [0.05, -0.15]}
  - {neurons: [out], activation: sigmoid, weights: [[0.6, -0.9]], biases: [0.2]}
loss: half_squared_error
optimizer: {sgd: {learning_rate: 0.3}}
"""


@cache
def summed() -> Checker:
    """A batch of three whose losses are added."""
    return Checker(problem_from_text(SUMMED))


@cache
def checker(name: str = "2-2-3-1") -> Checker:
    return Checker(example(name) if not name.endswith(".yaml") else explainer.read_problem(HERE / "cases" / name))


@cache
def worked_networks() -> dict[str, NetworkLines]:
    return networks()


def verdicts(text: str, name: str = "2-2-3-1") -> list[str]:
    return [line.verdict for line in checker(name).check(text + "\n").lines]


# ---- the lines are the derivation


@pytest.mark.parametrize("name", ["2-2-3-1", "2-2-2-named", "batch-3-4-1", "softmax-3", "theta-2-2-1", "2-2-3-1-repeated", "shared-weight", "relu-regression"])  # fmt: skip
def test_every_way_of_every_line_finds_the_number_of_the_derivation(name: str) -> None:
    lines = NetworkLines(example(name))
    assert set(explainer.explain(example(name)).values) <= set(lines.numbers)
    for number in set(lines.numbers.values()) - lines.given:
        for way in lines.line(number).ways:
            assert value(way, lines.true[:, None]) == pytest.approx(lines.true[number], rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("seed", range(12))
def test_lines_of_random_networks_find_the_numbers_of_the_derivation(seed: int) -> None:
    lines = NetworkLines(problem_from_text(json.dumps(random_spec(seed)), "net.json"))  # type: ignore[arg-type]
    for number in set(lines.numbers.values()) - lines.given:
        for way in lines.line(number).ways:
            assert value(way, lines.true[:, None]) == pytest.approx(lines.true[number], rel=1e-9, abs=1e-11)


def test_lines_of_a_graph_find_its_numbers() -> None:
    lines = checker("e-a-plus-b").lines
    for number in set(lines.numbers.values()) - lines.given:
        (way,) = lines.line(number).ways
        assert value(way, lines.true[:, None]) == pytest.approx(lines.true[number])


# ---- the rule


def test_a_number_agrees_exactly_when_some_numbers_in_the_box_round_to_it() -> None:
    lines = checker().lines
    k = lines.numbers["z[3]"]
    numbers, box = lines.true[:, None].copy(), np.zeros((len(lines.true), 1))
    for name, written in (("Y[1]", 0.52), ("Y[2]", 0.60)):
        numbers[lines.numbers[name]], box[lines.numbers[name]] = written, 0.005
    f, p = spread(lines.line(k).ways[0], numbers, box)
    assert f[0] == pytest.approx(0.03 * 0.52 + 0.04 * 0.60)
    assert p[0] == pytest.approx(0.03 * 0.005 + 0.04 * 0.005)
    edge = f + p
    assert agrees(edge, f, p, np.zeros(1))[0]
    assert not agrees(edge + 1e-6, f, p, np.zeros(1))[0]


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_no_correct_sheet_is_ever_flagged(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(worked_networks())))
    goes_on_with = data.draw(st.sampled_from(["paper", "memory", "mixed"]))
    digits = data.draw(st.integers(2, 5))
    habit = Habit(digits, None, goes_on_with) if data.draw(st.booleans()) else Habit(None, digits + 1, goes_on_with)
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    lines = worked_networks()[name]
    skipped = frozenset(k for k in lines.asked() if rng.random() < 0.3)
    found = students(lines, habit, 50, rng, skipped=skipped)
    for number, status in judged(lines, habit, found).status.items():
        assert (status[found.sane] == Status.AGREES).all(), lines.names[number]


@settings(max_examples=40, deadline=None)
@given(st.integers(2, 6), st.booleans(), st.sampled_from(["2-2-3-1", "2-2-2-named", "softmax-3", "relu-regression"]), st.integers(0, 10**6))  # fmt: skip
def test_no_correct_sheet_is_flagged_when_it_is_read_from_text(
    digits: int, decimals: bool, name: str, seed: int
) -> None:
    """By the text alone: how finely the student rounds has to be found out."""
    rng = np.random.default_rng(seed)
    lines = checker(name).lines
    precision = Precision(decimals=digits) if decimals else Precision(significant=digits)
    numbers, rows = lines.true.copy(), []
    asked = [k for k in lines.asked() if rng.random() < 0.8]
    for k in lines.order(asked):
        numbers[k] = finite(value(lines.line(k).ways[0], numbers[:, None]))[0]
        text = precision.texts(np.array([numbers[k]]), keep_zeros=bool(rng.random() < 0.5))[0]
        numbers[k] = float(text) if rng.random() < 0.5 or k not in asked else numbers[k]
        if k in asked:
            rows.append(f"{lines.names[k]} = {text}")
    if decimals and any("e" in row for row in rows):  # small numbers keep more places: no plain habit of places
        return
    marks = checker(name).check("\n".join(rows) + "\n")
    assert [(line.text, line.message) for line in marks.lines if line.verdict in ("wrong", "unread", "unknown")] == []


def one_of_each() -> list[tuple[NetworkLines, Mistaken]]:
    """Every mistake of the catalogue at one line of one network."""
    rng = np.random.default_rng(5)
    found: dict[str, tuple[NetworkLines, Mistaken]] = {}
    for lines in worked_networks().values():
        every = mistakes_of(lines, lines.asked())
        rng.shuffle(every)  # type: ignore[arg-type]
        for each in every:
            found.setdefault(each.slug, (lines, each))
    return [*found.values()]


def test_every_mistake_that_no_rounding_could_hide_is_caught_at_its_line_and_nowhere_before() -> None:
    habit, rng = Habit(decimals=4), np.random.default_rng(7)
    slugs = set()
    for lines, mistake in one_of_each():
        found = students(lines, habit, 20, rng, mistake=mistake)
        if mistake.number not in found.changed:
            continue
        judging = Judging(lines, found.written, found.true, habit.scratch)
        result = judging.judge()
        judging.know(mistake.way.reads.tolist())
        f2, p2 = spread(mistake.way, result.numbers, result.box)
        visible = found.changed[mistake.number] & found.sane & np.isfinite(p2)
        h = found.written.halves[mistake.number]
        for way in judging.ways(lines.line(mistake.number)):
            f, p = spread(way, result.numbers, result.box)
            visible &= np.abs(f - f2) > 4 * (h + p + p2)
        assert (result.status[mistake.number][visible] >= Status.ANYWAY).all(), (
            mistake.slug,
            lines.names[mistake.number],
        )
        order = list(result.status)
        for k in order[: order.index(mistake.number)]:
            assert (result.status[k][found.sane] == Status.AGREES).all()
        slugs |= {mistake.slug} if visible.any() else set()
    assert len(slugs) > 70


# ---- the catalogue


OURS = {"one-sample-only", "sample-left-out", "averaged-for-summed", "negated-error"}  # beyond the survey's


def test_the_catalogue_has_86_misconceptions_of_the_survey_4_of_ours_and_11_slips_of_the_hand() -> None:
    assert len(set(CODES) - OURS) == 86
    assert len(CODES) == len(set(CODES.values())) == 86 + len(OURS)
    assert len(HANDLING) == 11
    assert not set(CODES) & set(HANDLING)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_mistake_has_a_name_and_a_sentence(language: str) -> None:
    say = Speaker(language, Setting())
    blanks = dict.fromkeys(("read", "was", "other", "value", "at"), "")
    for slug in CODES:
        assert say.text("mark_slip_name", slug=slug)
        assert "0.5" in say.text("mark_slip", slug=slug, own="0.5", confidence="sure", **blanks)


def test_every_mistake_of_the_catalogue_is_made_somewhere_and_named() -> None:
    """A deliberately broken working for each: its line is flagged, and the mistake is among the candidates."""
    from explainer.marking.network_roles import roles_of

    specs = [example(name) for name in ("2-2-3-1", "2-2-2-named", "rashid-3-3-3")]
    specs += [lines.net.problem for lines in worked_networks().values()]
    bodies = {
        "momentum, averaged": "momentum: {learning_rate: 0.1, averaged: true}",
        "rmsprop": "rmsprop: {learning_rate: 0.1}",
    }
    from students import BATCH

    specs += [problem_from_text(BATCH.replace("OPTIMIZER", body)) for body in bodies.values()]  # type: ignore[misc]
    specs.append(summed().problem)
    left = set(CODES)
    for problem in specs:
        marker = Checker(problem)
        lines = marker.lines
        assert isinstance(lines, NetworkLines)
        for each in mistakes_of(lines, lines.asked()):
            if each.slug not in left or roles_of(lines, each.number).kind == "partial":
                continue
            rows = broken(lines, each)
            if rows is None:
                continue
            marks = marker.check(rows)
            line = next(found for found in marks.lines if found.name == lines.names[each.number])
            if line.verdict == "wrong" and each.slug in line.candidates:
                left.discard(each.slug)
    assert left == set()


def broken(lines: NetworkLines, mistake: Mistaken) -> str | None:
    """A right sheet of nine digits with one mistake in it, up to that line; None where it does not show."""
    wanted = lines.order([k for k in mistake.way.reads.tolist() if k not in lines.given])
    wrong = float(finite(value(mistake.way, lines.true[:, None]))[0])
    if abs(wrong - lines.true[mistake.number]) < 1e-6 or mistake.number in wanted:
        return None
    rows = [f"{lines.names[k]} = {lines.true[k]:.9f}" for k in wanted if k in lines.names]
    return "\n".join([*rows, f"{lines.names[mistake.number]} = {wrong:.9f}", ""])


def test_one_slip_of_the_hand_reaches_what_it_should() -> None:
    found = {(each.slug, each.text) for each in edits("0.06246")}
    assert {("misread-digits", "0.0246"), ("exchanged-digits", "0.02646"), ("sign-lost", "-0.06246"), ("decimal-point", "0.6246")} <= found  # fmt: skip
    assert len([each for each in edits("-0.5") if each.value == 0.5]) == 1


# ---- the tutorial


def test_the_tutorial_has_four_slips_and_says_what_they_are() -> None:
    marks = checker().check(SEED)
    assert marks.first_wrong == 8
    assert marks.counts == {"right": 12, "rounding": 0, "follow-through": 2, "wrong": 4, "unread": 0, "unknown": 0}
    said = {line.name: line.message for line in marks.lines}
    assert "0.0246 for 0.06246" in said["Y[4]"]
    assert "0.1746973" in said["z[6]"]
    assert "dE/dY6" in said["dE/dW[3,6]"]


# ---- conventions


def test_a_weight_may_have_its_indices_in_the_other_order() -> None:
    marks = checker().check("w63' = 0.0945\nw_{13} = 0.03\n")
    assert [line.name for line in marks.lines] == ["W'[3,6]", "W[1,3]"]
    assert [slug for slug, _ in marks.conventions] == ["index-order"]


def test_a_sheet_that_cuts_digits_off_is_told_so_once() -> None:
    lines = checker().lines
    names = ["z[3]", "z[4]", "z[5]", "Y[1]", "Y[2]", "Y[3]", "Y[4]", "Y[5]", "z[6]", "Y[6]", "E", "delta[6]"]
    numbers = lines.true.copy()
    rows = []
    for k in lines.order([lines.numbers[name] for name in names]):
        numbers[k] = np.trunc(float(value(lines.line(k).ways[0], numbers[:, None])[0]) * 1e4 + 1e-9) / 1e4
        rows += [f"{lines.names[k]} = {numbers[k]:.4f}"] if lines.names[k] in names else []
    marks = checker().check("\n".join(rows) + "\n")
    assert [slug for slug, _ in marks.conventions] == ["truncating"]
    assert not marks.counts["wrong"]


def test_a_batch_may_be_averaged_where_the_exercise_sums_it() -> None:
    problem = example("batch-3-4-1")
    from dataclasses import replace

    other = NetworkLines(replace(problem, reduction="mean"))
    rows = [f"{other.names[k]} = {other.true[k]:.6f}" for k in other.asked() if "dE/dW" not in other.names[k]]
    marks = Checker(problem).check("\n".join(rows) + "\n")
    assert [slug for slug, _ in marks.conventions] == ["batch-averaged"]
    assert not marks.counts["wrong"]


def averaged_at_the_end() -> list[str]:
    """A sheet with deltas of each sample alone, whose loss, gradients and new weights are those of the mean."""
    from dataclasses import replace

    problem = summed().problem
    mean = NetworkLines(replace(problem, reduction="mean"))  # type: ignore[type-var]
    names = [name for name in mean.names.values() if name.startswith(("z[", "Y[", "delta[out]"))]
    names += ["E", "dE/dW[h1,out]", "dE/dW[h2,out]", "dE/db[out]", "W'[h1,out]", "W'[h2,out]", "b'[out]"]
    number = {name: mean.true[mean.numbers[name]] * (3 if name.startswith("delta") else 1) for name in names}
    return [f"{name} = {number[name]:.5f}" for name in names]


def test_a_sheet_that_averages_at_the_end_is_right_whichever_of_its_lines_are_left_out() -> None:
    rows = averaged_at_the_end()
    totals = rows[-7:]
    for left_out in range(2 ** len(totals)):
        kept = [row for k, row in enumerate(totals) if not left_out >> k & 1]
        gradients = [row for row in kept if row.startswith("dE/d")]
        if len(gradients) < 2:  # nothing to be told from a slip
            continue
        marks = summed().check("\n".join([*rows[:-7], *kept, ""]))
        assert marks.faultless, kept
        assert [slug for slug, _ in marks.conventions] == ["batch-averaged", "delta-per-sample"]


def test_gradients_of_the_mean_under_a_summed_loss_are_no_convention() -> None:
    rows = [row for row in averaged_at_the_end() if not row.startswith(("E =", "W'", "b'"))]
    marks = summed().check("\n".join(["E = 0.07969", *rows, ""]))
    assert [line.slip for line in marks.lines if line.verdict == "wrong"] == ["averaged-for-summed"] * 3
    assert not marks.conventions


def test_a_total_of_one_sample_or_of_all_but_one_says_which_it_is() -> None:
    rows = [
        *averaged_at_the_end()[:-7],
        "dE/dW[h1,out] = 0.05230",
        "dE/db[out] = 0.02712 - 0.03392 = -0.00680",
        "E = 0.06229",
    ]
    first, second, third = summed().check("\n".join([*rows, ""])).lines[-3:]
    assert [line.slip for line in (first, second, third)] == ["one-sample-only", "sample-left-out", "one-sample-only"]
    assert all("It is sample 3." in line.message for line in (first, second, third))
    assert [line.method for line in (first, second, third)] == [0, 0, 1]


def test_one_misunderstanding_at_two_places_costs_its_mark_once() -> None:
    from explainer.marking.catalogue import FAMILIES

    assert {slug for family in FAMILIES for slug in family} <= set(CODES)
    lines = checker().lines
    true = dict(zip(lines.numbers, lines.true[list(lines.numbers.values())], strict=True))
    rows = [f"{name} = {number:.9f}" for name, number in true.items() if name.startswith(("z[", "Y[", "dE/dY["))]
    at_z = {name: true[f"z[{name}]"] * (1 - true[f"z[{name}]"]) for name in ("6", "3")}
    rows.append(f"delta[6] = {true['dE/dY[6]'] * at_z['6']:.9f}")
    rows.append(f"delta[3] = {true['dE/dY[3]'] * at_z['3']:.9f}")
    marked = checker().check("\n".join([*rows, ""])).lines[-2:]
    assert [line.verdict for line in marked] == ["wrong", "wrong"]
    assert [line.slip for line in marked] == ["derivative-at-z", "hidden-derivative-at-z"]
    assert [line.method for line in marked] == [0, 1]


# ---- what a line shows, and in whose words it is told

HIDDEN = "out_h1 = 0.59327\ndelta_o1 = 0.1384986\ndelta_o2 = -0.0380982\n"
BACK = 0.1384986 * 0.4 - 0.0380982 * 0.5


def last_of(text: str) -> Any:
    return checker("2-2-2-named").check(text + "\n").lines[-1]


def test_an_expression_of_own_numbers_and_another_formula_is_told_so_and_nothing_is_guessed() -> None:
    expression = "(0.1384986*0.4 + (-0.0380982)*0.5)*0.59327*0.59327"
    for above in (HIDDEN, ""):
        line = last_of(f"{above}delta_h1 = {expression} = {BACK * 0.59327 * 0.59327:.6f}")
        assert (line.verdict, line.slip, line.candidates) == ("wrong", None, ())
        assert "the numbers are yours; the formula is not: delta_h1 = " in line.message
    strange = last_of(f"{HIDDEN}delta_h1 = (0.1384986*0.4 + (-0.0380982)*0.5)*0.7*0.7 = {BACK * 0.49:.6f}")
    assert "the numbers are yours" not in strange.message
    known = last_of(f"{HIDDEN}delta_h1 = 0.1384986*0.4 + (-0.0380982)*0.5 = {BACK:.6f}")
    assert known.slip == "missing-hidden-derivative"


def test_targets_that_were_exchanged_are_a_number_that_was_copied_from_the_wrong_place() -> None:
    lines = checker("2-2-2-named").lines
    first, second = (float(lines.true[lines.numbers[f"Y[{name}]"]]) for name in ("o1", "o2"))
    above = f"out_o1 = {first:.6f}\nout_o2 = {second:.6f}\n"
    delta = last_of(f"{above}delta_o1 = {(first - 0.99) * first * (1 - first):.6f}")
    both = last_of(f"{above}E = {((first - 0.99) ** 2 + (second - 0.01) ** 2) / 2:.6f}")
    assert [line.slip for line in (delta, both)] == ["copied-line"] * 2
    names = checker("2-2-2-named").problem.target_names  # type: ignore[union-attr]
    assert f"you used {names[1]} in the place of {names[0]}." in delta.message
    assert f"you used {names[1]}, {names[0]} in the place of {names[0]}, {names[1]}." in both.message


def test_a_number_that_is_written_only_later_is_not_what_was_misread() -> None:
    misread = f"delta_h1 = {BACK * 0.5327 * (1 - 0.5327):.6f}"
    assert "misread-digits" in last_of(HIDDEN + misread).candidates
    later = checker("2-2-2-named").check(f"{misread}\n{HIDDEN}").lines[0]
    assert later.verdict == "wrong"
    assert not set(later.candidates) & set(HANDLING)


def test_quantities_are_called_as_the_writer_calls_them_and_else_as_the_page_does() -> None:
    assert last_of("net o1 = 1.2\nout_o1 = 0.76852").message == "Right with your own net o1."
    assert last_of("\\delta_{o1} = 0.20000\ndE/dw5 = 0.11865").message == "Right with your own delta_o1."
    z = 1.105906
    on_the_way = last_of(f"net_o1 = {z}\nout_o1 = 0.751365\ndelta_o1 = {0.741365 * z * (1 - z):.6f}")
    assert on_the_way.slip == "derivative-at-z"
    assert "on the way, at " in on_the_way.message
    assert "[" not in on_the_way.message


# ---- reading

SAME = {
    "text": ("Y1 = 0.52498\n", ".txt"),
    "Unicode": ("Ｙ１ ＝ ０．５２４９８。\n", ".txt"),
    "LaTeX": (r"$Y_{1}=\tfrac{1}{1+e^{-0.1}}=0.52498$" + "\n", ".tex"),
    "LaTeX in an environment": ("\\begin{align}\nY_{1} &= \\sigma(0.1) \\\\\n&= 0.52498\n\\end{align}\n", ".tex"),
    "Markdown with math": ("# Forward\n\nThe output is $Y_1 = 0.52498$ here.\n", ".md"),
    "a block of math": ("$$\nY_1 = \\frac{1}{1+e^{-0.1}} = 0.52498\n$$\n", ".md"),
    "a table": ("| name | value |\n|---|---|\n| $Y_1$ | 0.52498 |\n", ".md"),
    "CSV": ("name,value\nY1,0.52498\n", ".csv"),
    "CSV with decimal commas": ("name;value\nY1;0,52498\n", ".csv"),
    "decimal comma": ("Y1 = 0,52498\n", ".txt"),
    "decimal comma in brackets": ("Y1 = (0,52498)\n", ".txt"),
    "a notebook": (
        json.dumps({"cells": [{"cell_type": "code", "source": ["import numpy\n", "Y1 = 0.52498  # out\n"]}]}),
        ".ipynb",
    ),
    "a neuron in each row": ("neuron,out,remark\n1,0.52498,right?\n", ".csv"),
    "a neuron in each row, with decimal commas": ("Neuron;Out\n1;0,52498\n", ".csv"),
    "an arrow": ("Y1 ← sigmoid(0.1) ≈ 0.52498\n", ".txt"),
    "a colon": ("output of 1: 0.52498\n", ".txt"),
    "prose before a name": ("Therefore, Y1 = 0.52498\n", ".txt"),
    "a calculation over two lines": ("Y1 = 1 /\n (1+exp(-0.1)) = 0.52498\n", ".txt"),
    "a chain over two lines": ("Y1 = 1/(1+exp(-0.1))\n   = 0.52498\n", ".txt"),
}


@pytest.mark.parametrize("how", SAME)
def test_a_statement_is_read_however_it_is_written(how: str) -> None:
    text, ending = SAME[how]
    marks = checker().marks(working_from_text(text, ending))
    assert [(line.name, line.given, line.verdict) for line in marks.lines] == [("Y[1]", "0.52498", "right")]


@pytest.mark.parametrize(
    "text",
    [
        "W36", "w36", "W_36", "W_{36}", "dE/dW36", "dE_dW36", "∂E/∂W36", r"\frac{\partial E}{\partial W_{36}}",
        "grad W36", "W36'", "W36 new", "W36^+", "new W36", "Y_6", "e6", "z6", "net6", "out6", "d6", "δ6", "delta_6",
        "W(X1)1", "ΔW36", "E_total", "E'", "Y6'",
    ],
)  # fmt: skip
def test_names_that_people_write_can_mean_one_thing_only(text: str) -> None:
    assert len(checker().names.all(text)) == 1


@pytest.mark.parametrize("notation", ["numbered", "theta", "nielsen", "rashid", "mazur", "layered"])
def test_every_symbol_of_the_page_is_understood_in_its_notation(notation: str) -> None:
    marker = Checker(example("2-2-3-1", notation=notation))
    lines = marker.lines
    assert isinstance(lines, NetworkLines)
    for group in Steps(lines.works[0]).groups():
        for item in group:
            assert isinstance(item, StepLines)
            for name, symbol in zip(item.names, item.symbols, strict=True):
                assert marker.find(symbol) == lines.numbers[name], symbol
    if notation == "nielsen":
        assert marker.find("a_1^2") == marker.find("a^{2}_{1}") == lines.numbers["Y[1]"]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "gb2312", "utf-16"])
def test_a_working_is_read_as_excel_saves_it(encoding: str, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("名称,数值\nδ6,-0.08837\nY1,0.52498\n", encoding)
    marks = checker().check(tmp_path / "a.csv")
    assert [line.verdict for line in marks.lines] == ["right", "right"]


def test_a_working_in_another_encoding_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes("Größe = 1\n".encode("latin-1") + b"caf\xe9 = 2\n")
    with pytest.raises(InputError, match="not UTF-8"):
        checker().check(tmp_path / "a.txt")


@pytest.mark.parametrize(
    "text",
    [
        "net_h1 (sample 2)", "sample 2: net_h1", "Sample 2 net_h1", "net_h1(2)", "net_h1[2]", "net_h1,2", "net_h1^{(2)}",
        "net_{h1,2}", "net_h1 for sample 2", "net_h1 of pattern 2", "样本2的net_h1", "样本2: net_h1", "第2个样本的net_h1",
        "第 2 个样本的 h1 的净输入", "net_h1（样本2）", "z[h1]#2",
    ],
)  # fmt: skip
def test_a_name_says_its_sample_as_people_do(text: str) -> None:
    assert summed().names.all(text) == ["z[h1]#2"]


def test_an_output_is_called_by_its_target_in_a_batch_too() -> None:
    assert summed().names.find("y_t (sample 2)") == "Y[out]#2"
    assert summed().names.find("delta_t#1") == "delta[out]#1"


def test_totals_and_contributions_are_told_apart_by_their_samples() -> None:
    names = summed().names
    assert names.find("dE/dW[h1,out]") == "dE/dW[h1,out]"
    assert names.find("dE/dW[h1,out] (sample 2)") == "dE/dW[h1,out]#2"
    assert names.find("E") == "E"
    assert names.find("E (sample 3)") == "E#3"
    assert names.find("dout_h1/dnet_h1 (sample 1)") == "dY[h1]#1/dz[h1]#1"


def test_a_sample_that_there_is_not_is_none_of_those_there_are() -> None:
    assert summed().names.all("net_h1 (sample 4)") == []
    assert checker().names.all("e1 (sample 1)") == ["z[1]"]
    assert checker().names.all("e1 (sample 2)") == []


@pytest.mark.parametrize(("language", "words"), [("en", "net_h1 (sample 1)"), ("zh", "样本 1 的 net_h1")])
def test_a_name_without_its_sample_is_told_to_say_which(language: str, words: str) -> None:
    (line,) = Checker(summed().problem, language).check("net_h1 = -0.45\n").lines
    assert line.verdict == "unknown"
    assert words in line.message
    assert "z[h1]#1" in line.message
    assert "delta" not in line.message


def test_what_is_suggested_in_the_place_of_a_name_is_written_as_people_write_and_understood() -> None:
    names = checker("2-2-2-named").names
    found = {text: names.suggested(text) for text in ("out_hl", "net_o3", "out_h3", "sigma_o1", "w9'")}
    assert found["out_hl"] == ["out_h1", "out_h2"]
    assert found["net_o3"] == ["net_o1", "net_o2"]
    assert found["out_h3"] == ["out_h1", "out_h2"]
    assert "delta_o1" in found["sigma_o1"]
    assert all("'" in each for each in found["w9'"])
    assert all(len(names.all(each)) == 1 for near in found.values() for each in near)
    assert summed().names.suggested("out_hl") == ["out_h1 (sample 1)", "out_h2 (sample 1)"]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("w5的新值", "w5'"),
        ("w5 的新权重", "w5'"),
        ("隐藏层h1输出", "Y[h1]"),
        ("权重w5的更新量", "step[w5]"),
        ("输出层误差项o1", "delta[o1]"),
        ("输出o1", "Y[o1]"),
        ("净输入o1", "z[o1]"),
        ("h1 的 δ", "delta[h1]"),
        ("dnet_o1", "delta[o1]"),
    ],
)
def test_a_chinese_phrase_for_a_quantity_is_understood(text: str, name: str) -> None:
    assert checker("2-2-2-named").names.find(text) == name


def test_dw_is_what_it_is_elsewhere_on_the_sheet_and_else_the_gradient() -> None:
    def names(text: str) -> list[str | None]:
        return [line.name for line in checker("2-2-2-named").check(text + "\n").lines]

    right = checker("2-2-2-named").right
    gradients = "".join(f"dw{k} = {right[f'dE/dw{k}']:.6f}\n" for k in (5, 6))
    steps = "".join(f"dw{k} = {right[f'step[w{k}]']:.6f}\n" for k in (5, 6))
    assert names(gradients + "dw7 = 7.5")[2] == "dE/dw7"
    assert names(steps + "dw7 = 7.5")[2] == "step[w7]"
    assert names("out_o1 = 0.75\ndw7 = 7.5")[1] == "dE/dw7"


def test_words_before_display_mathematics_are_no_part_of_its_name() -> None:
    tex = r"The output is \[ Y_1 = 0.52498 \] and \begin{equation} Y_2 = 0.60348 \end{equation} so \(e_1 = 0.1\)."
    for ending in (".tex", ".md"):
        found = [claim.name for claim in working_from_text(tex, ending)]
        assert sorted(found) == ["Y_1", "Y_2", "e_1"]


def test_a_sentence_that_tells_of_a_number_is_no_line_of_a_working() -> None:
    text = "Because Y1 = 0.52498 I think so.\n\nY2 = 0.60348\n\nSo e1 = 0.1.\n"
    assert [claim.line for claim in working_from_text(text, ".md")] == [3, 5]


def test_a_name_that_is_not_known_gets_the_nearest_ones() -> None:
    (line,) = checker().check("W37 = 0.1\n").lines
    assert line.verdict == "unknown"
    assert "W36" in line.message


def test_a_named_weight_is_understood_by_its_place() -> None:
    assert checker("2-2-2-named").names.find("dE/dW[i1,h1]") == "dE/dw1"


UNREAD = {
    "forward pass": "no_equation",
    "= 0.5": "no_name",
    "Y1 = ": "no_number",
    "Y1 = sigmoid(e1)": "no_value",
    r"Y1 = \input{/etc/passwd} = 0.5": "command",
    "y = 1,234": "comma",
    "Y1 = 0.5\u202e2": "hidden",
    "Y1 = 1e999": "no_number",
    "Y1 = " + "1+" * 2000 + "1": "too_long",
}


@pytest.mark.parametrize("text", UNREAD)
def test_a_line_that_cannot_be_read_says_why(text: str) -> None:
    (found,) = claims_of_line(text, 1)
    assert found.fault == UNREAD[text]
    (line,) = checker().check(text + "\n").lines
    assert line.verdict == "unread"
    assert line.message


def test_comments_and_blank_lines_are_no_lines_of_a_working() -> None:
    assert verdicts("# forward\n\nY1 = 0.52498\n") == ["right"]


def test_hostile_expressions_are_not_worked_out(tmp_path: Path) -> None:
    for text in ("Y1 = 9**9**9**9 = 0.52498", "Y1 = __import__('os') = 0.52498", "Y1 = " + "(" * 300 + " = 0.52498"):
        assert verdicts(text) == ["right"]


def test_notebooks_that_are_none_are_refused() -> None:
    with pytest.raises(InputError, match="no notebook"):
        working_from_text("[" * 5000, ".ipynb")


# ---- what is said


def test_expressions_are_three_claims() -> None:
    right = "Y1 = 0.52498\nY2 = 0.60348\n"
    (*_, line) = checker().check(right + "e3 = 0.03*0.52498 + 0.04*0.60348 = 0.0599\n").lines
    assert (line.verdict, line.slip) == ("wrong", "arithmetic")
    (*_, line) = checker().check(right + "e3 = 0.03*0.52498 + 0.04*0.06348 = 0.01829\n").lines
    assert (line.verdict, line.slip) == ("wrong", "exchanged-digits")
    (*_, line) = checker().check(right + "e3 = 0.04*0.52498 + 0.03*0.60348 = 0.03910\n").lines
    assert (line.verdict, line.slip) == ("wrong", "swapped-weights")
    (*_, line) = checker().check(right + "e3 = W13*Y1 + W23*Y2 = 0.03989\n").lines
    assert line.verdict == "right"


def test_a_path_that_is_left_out_of_a_graph_is_named() -> None:
    marks = checker("e-a-plus-b").check("c = 3\nd = 2\nde/dc = 2\nde/dd = 3\nde/db = 3\n")
    assert [line.verdict for line in marks.lines] == ["right"] * 4 + ["wrong"]
    assert marks.lines[-1].candidates[0] == "one-path"


def test_a_mistake_made_again_is_charged_once() -> None:
    lines = checker().lines
    g = [f"dE/dW[{i},6] = {lines.true[lines.numbers[f'dE/dW[{i},6]']]:.6f}" for i in (3, 4, 5)]
    new = [
        f"W'[{i},6] = {lines.true[lines.numbers[f'W[{i},6]']] + 0.1 * lines.true[lines.numbers[f'dE/dW[{i},6]']]:.6f}"
        for i in (3, 4, 5)
    ]
    marks = checker().check("\n".join([*g, *new, ""]))
    wrong = [line for line in marks.lines if line.verdict == "wrong"]
    assert [line.slip for line in wrong] == ["step-direction"] * 3
    assert [line.method for line in wrong] == [0, 1, 1]


def test_the_scheme_says_what_a_line_is_worth() -> None:
    marks = Checker(example("2-2-3-1"), None, Scheme(2, 1, follow_through=False)).check(SEED)
    follows = [line for line in marks.lines if line.verdict == "follow-through"]
    assert {(line.method, line.accuracy) for line in follows} == {(2, 0)}
    assert marks.score[1] == 3 * 18


def test_a_line_that_a_slip_has_made_trivial_is_left_to_the_marker() -> None:
    rows = ["delta[6] = 0", "dE/dW[3,6] = 0", "dE/dW[4,6] = 0"]
    marks = checker().check("\n".join(["Y[6] = 0.5438", *rows, ""]))
    assert [line.verdict for line in marks.lines] == ["right", "wrong", "follow-through", "follow-through"]
    assert "trivial" in marks.lines[2].message


def test_a_number_that_needs_no_rounding_has_no_last_digit_to_be_one_off() -> None:
    assert verdicts("e1 = 0.1") == ["right"]
    assert verdicts("e1 = 0.2") == ["wrong"]
    assert verdicts("e2 = 0.43") == ["wrong"]


def test_a_last_digit_that_is_one_off_is_a_small_matter_only_where_it_is_small() -> None:
    assert verdicts("Y1 = 0.5249") == ["rounding"]
    assert verdicts("Y2 = 0.61") == ["wrong"]


def test_a_weight_under_its_own_name_is_the_updated_one_where_it_is_worked_out() -> None:
    (line,) = checker().check("W36 = 0.09 - 0.1*(-0.0451) = 0.0945\n").lines
    assert (line.name, line.verdict) == ("W'[3,6]", "right")
    (line,) = checker().check("W36 = 0.08\n").lines
    assert (line.name, line.verdict) == ("W[3,6]", "wrong")


def test_a_loss_that_is_written_anew_after_an_update_is_the_updated_network_s() -> None:
    marks = checker().check("E = 0.0634\nW36' = 0.0945\nE = 0.0628\n")
    assert [(line.name, line.verdict) for line in marks.lines] == [
        ("E", "right"),
        ("W'[3,6]", "right"),
        ("E'", "right"),
    ]


def test_a_step_the_wrong_way_is_no_threshold() -> None:
    spec = "{inputs: {x: 1}, targets: {t: 1}, layers: [{neurons: [y], weights: [[0.5]], biases: [B]}], loss: half_squared_error, optimizer: {sgd: {learning_rate: 0.1}}}"
    marker = Checker(problem_from_text(spec.replace("B", "0"), "net.yaml"))
    assert [line.verdict for line in marker.check("b_y' = -0.05\nE = 0.125\n").lines] == ["wrong", "right"]


def test_an_array_whose_layer_cannot_be_told_says_so() -> None:
    (line,) = checker().check("q = [1, 2, 3, 4]\n").lines
    assert line.verdict == "unread"
    assert "layer" in line.message


def test_a_name_that_stands_twice_is_marked_twice_and_the_last_is_gone_on_with() -> None:
    text = "Y1 = 0.52498\nY2 = 0.60348\ne3 = 0.0499\nY3 = 0.51247\ne3 = 0.0399\ne4 = 0.06246"
    assert verdicts(text) == ["right", "right", "wrong", "follow-through", "right", "right"]


def test_json_is_as_the_contract_says() -> None:
    found = json.loads(checker().check(SEED).text("json"))
    assert found["schema"] == "explainer.marks/1"
    line = found["lines"][7]
    assert {key: line[key] for key in ("line", "text", "name", "given", "verdict", "slip", "candidates")} == {
        "line": 8, "text": "Y4 = 0.50615", "name": "Y[4]", "given": "0.50615", "verdict": "wrong",
        "slip": "misread-digits", "candidates": ["misread-digits"],
    }  # fmt: skip
    assert line["expected"] == pytest.approx(0.5156094, abs=1e-6)
    assert line["from_own"] == pytest.approx(0.5156099, abs=1e-6)


@pytest.mark.parametrize("to", ["text", "md", "html", "tex"])
@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_report_names_the_first_wrong_line(to: str, language: str) -> None:
    text = Checker(example("2-2-3-1"), language).check(SEED).text(to)
    assert "0.50615" in text
    assert "0.0246" in text


@pytest.mark.parametrize("to", ["text", "md", "html", "tex"])
def test_nothing_is_left_in_a_report_for_a_later_hand(to: str) -> None:
    assert [c for c in checker().check(SEED).text(to) if not c.isprintable() and c != "\n"] == []


def test_text_of_the_students_is_escaped() -> None:
    text = checker().check("<script>x</script> = 0.5\n| a | = 1\n").text("html")
    assert "<script>x" not in text
    assert "&lt;script&gt;x" in text


# ---- the documents


@pytest.mark.parametrize("ending", ["txt", "md", "tex", "csv", "ipynb", "xlsx"])
def test_the_example_working_is_marked_alike_in_every_format(ending: str) -> None:
    marks = checker().check(HERE.parent / "docs" / "examples" / "workings" / f"update-w36.{ending}")
    assert marks.counts == {"right": 11, "rounding": 0, "follow-through": 2, "wrong": 4, "unread": 0, "unknown": 0}
    slips = [line.slip for line in marks.lines if line.slip]
    assert slips == ["misread-digits", "arithmetic", "sign", "step-direction"]


def test_the_catalogue_in_the_reference_has_every_mistake_with_its_sentence() -> None:
    page = (HERE.parent / "docs" / "reference" / "mistakes.md").read_text("utf-8")
    say = Speaker("en", Setting())
    blanks = dict.fromkeys(("read", "was", "other", "value", "at"), "")
    for slug, code in (CODES | HANDLING).items():
        assert f"| {code} | `{slug}` |" in page
    for slug in CODES:
        said = say.text("mark_slip", slug=slug, own="0", confidence="sure", **blanks)
        assert f"| {said.partition(' Your own numbers')[0]} |" in page


# ---- commands


def run(*arguments: str) -> Any:
    return CliRunner().invoke(main, ["check", *arguments])


def test_check_ends_with_1_where_a_line_is_wrong_and_with_0_where_none_is(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(SEED, "utf-8")
    (tmp_path / "b.txt").write_text("Y1 = 0.52498\n", "utf-8")
    assert run(SPEC, str(tmp_path / "a.txt")).exit_code == 1
    assert run(SPEC, str(tmp_path / "b.txt")).exit_code == 0
    missing = run(SPEC, str(tmp_path / "c.txt"))
    assert missing.exit_code == 2
    assert "there is no such file" in missing.output


@pytest.mark.parametrize("ending", [".json", ".md", ".html", ".tex", ".txt"])
def test_check_writes_the_format_of_the_ending(tmp_path: Path, ending: str) -> None:
    (tmp_path / "a.txt").write_text(SEED, "utf-8")
    result = run(SPEC, str(tmp_path / "a.txt"), "-o", str(tmp_path / f"marks{ending}"))
    assert result.exit_code == 1
    assert result.output.startswith(f"wrote {tmp_path / f'marks{ending}'}: 12 right")
    assert "0.50615" in (tmp_path / f"marks{ending}").read_text("utf-8")


@pytest.mark.parametrize("ending", [".csv", ".md", ".xlsx"])
def test_a_blank_sheet_that_is_filled_in_is_read_again(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"sheet{ending}"
    assert run("--blank", SPEC, "-o", str(path)).exit_code == 0
    lines = checker().lines
    right = {lines.names[k]: f"{lines.true[k]:.5f}" for k in lines.asked()}
    if ending == ".xlsx":
        from openpyxl import load_workbook

        book = load_workbook(path)
        for row in book.active.iter_rows(min_row=2):
            row[2].value, row[2].number_format = float(right[row[0].value]), "0.00000"
        book.save(path)
    else:
        text = path.read_text("utf-8")
        for name, number in right.items():
            text = text.replace(f"\n{name},,", f"\n{name},,{number}").replace(
                f"\n| {name} |  |  |", f"\n| {name} |  | {number} |"
            )
            text = text.replace(f'\n"{name}",,', f'\n"{name}",,{number}')
        path.write_text(text, "utf-8")
    result = run(SPEC, str(path), "--to", "json")
    marks = json.loads(result.output)
    assert result.exit_code == 0, [line for line in marks["lines"] if line["verdict"] in ("wrong", "unread", "unknown")]
    assert len(marks["lines"]) == len(right)


def test_a_folder_is_marked_though_one_file_is_bad(tmp_path: Path) -> None:
    folder = tmp_path / "class"
    folder.mkdir()
    (folder / "a.txt").write_text(SEED, "utf-8")
    (folder / "b.csv").write_text("name;value\nY1;0,52498\n", "utf-8")
    (folder / "c.txt").write_bytes(b"\xff\xfe")
    (folder / "=d.txt").write_text("Y1 = 0.52498\n", "utf-8")
    result = run(SPEC, str(folder), "-o", str(tmp_path / "report.csv"))
    assert result.exit_code == 1
    rows = (tmp_path / "report.csv").read_text("utf-8").splitlines()
    assert [row.split(",")[0] for row in rows] == ["file", "'=d.txt", "a.txt", "b.csv", "c.txt"]
    assert "nothing in it could be marked" in rows[-1]
    assert "step-direction" in result.output


def test_lint_says_what_numbers_cannot_show() -> None:
    found = lint(example("relu-regression"))
    assert "dE/dW[X1,3]" in found.hidden["own-output"]  # the neuron is off: every product with its delta is 0
    shown = lint(example("2-2-3-1"))
    assert shown.hidden == {}
    assert shown.share[3] < shown.share[4] < 1
    assert max(shown.digits.values()) <= 6
    assert shown.proposals
    result = CliRunner().invoke(main, ["lint", SPEC.replace("2-2-3-1", "linear-1-5")])
    assert result.exit_code == 0
    assert "significant digits" in result.output


def test_a_scheme_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(SEED, "utf-8")
    result = run(SPEC, str(tmp_path / "a.txt"), "--scheme", "method=x")
    assert result.exit_code == 2


def test_written_values_may_be_of_many_sheets_at_once() -> None:
    lines = checker().lines
    assert isinstance(lines, NetworkLines)
    k = lines.numbers["z[1]"]
    written = Written({k: np.array([0.1, 0.2])}, {k: np.array([0.05, 0.05])})
    true = np.repeat(lines.true[:, None], 2, axis=1)
    result = Judging(lines, written, true, Habit(decimals=1).scratch).judge()
    assert result.status[k].tolist() == [Status.AGREES, Status.SLIP]


# ---- spreadsheets that are no friends

SHEET = '<worksheet><sheetData><row r="1">{}</row></sheetData></worksheet>'
GOOD = '<c r="A1" t="inlineStr"><is><t>Y1</t></is></c><c r="B1"><v>0.52498</v></c>'


def workbook(parts: dict[str, str | bytes]) -> bytes:
    file = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        warnings.simplefilter("ignore")
        for name, text in parts.items():
            archive.writestr(name.removesuffix("|"), text)
    return file.getvalue()


def sheet(cells: str) -> bytes:
    return workbook({"xl/worksheets/sheet1.xml": SHEET.format(cells)})


def verdicts_of(data: bytes, tmp_path: Path) -> list[tuple[str | None, str]]:
    path = tmp_path / "a.xlsx"
    path.write_bytes(data)
    return [(line.given, line.verdict) for line in checker().check(path).lines]


ENTITY = '<!DOCTYPE x [<!ENTITY a "{}">]>'
HOSTILE = {
    "an entity bomb": workbook({"xl/worksheets/sheet1.xml": ENTITY.format("a" * 99) + SHEET.format("&a;" * 999)}),
    "a file read by an entity": workbook(
        {"xl/worksheets/sheet1.xml": '<!DOCTYPE x SYSTEM "file:///etc/passwd">' + SHEET.format(GOOD)}
    ),
    "a zip bomb": workbook({"xl/worksheets/sheet1.xml": " " * (33 << 20)}),
    "two parts of one name": workbook(
        {"xl/worksheets/sheet1.xml": SHEET.format(GOOD), "xl/worksheets/sheet1.xml|": SHEET.format("")}
    ),
    "a part outside": workbook({"../sheet1.xml": SHEET.format(GOOD)}),
    "macros": workbook({"xl/worksheets/sheet1.xml": SHEET.format(GOOD), "xl/vbaProject.bin": b"x"}),
    "links to other files": workbook(
        {"xl/worksheets/sheet1.xml": SHEET.format(GOOD), "xl/externalLinks/externalLink1.xml": b"x"}
    ),
    "no sheet": workbook({"xl/other.xml": "<x/>"}),
    "broken XML": workbook({"xl/worksheets/sheet1.xml": "<worksheet><sheetData>"}),
    "a page renamed": b"<html></html>",
    "thousands of parts": workbook({f"a{k}": "" for k in range(600)}),
    "a broken archive": sheet(GOOD)[:-30],
}


@pytest.mark.parametrize("what", HOSTILE)
def test_a_hostile_spreadsheet_is_refused_in_one_line(what: str, tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    path.write_bytes(HOSTILE[what])
    result = run(SPEC, str(path))
    assert result.exit_code == 2
    assert result.output.startswith(f"{path}:1:1: ")
    assert result.output.count("\n") == 1


def test_a_cell_is_as_fine_as_it_is_shown(tmp_path: Path) -> None:
    assert verdicts_of(sheet(GOOD), tmp_path) == [("0.52498", "right")]
    full = GOOD.replace("0.52498", "0.52497918747894")
    assert verdicts_of(sheet(full), tmp_path) == [("0.52497918747894", "right")]
    styles = '<styleSheet><numFmts><numFmt numFmtId="164" formatCode="0.000"/></numFmts><cellXfs><xf numFmtId="164"/></cellXfs></styleSheet>'
    shown = workbook({"xl/worksheets/sheet1.xml": SHEET.format(full), "xl/styles.xml": styles})
    assert verdicts_of(shown, tmp_path) == [("0.525", "right")]


def rows(*grid: tuple[str, ...]) -> bytes:
    """A spreadsheet of these cells."""

    def cell(place: str, text: str) -> str:
        number = text.lstrip("-").replace(".", "").isdigit()
        return (
            f'<c r="{place}"><v>{text}</v></c>'
            if number
            else f'<c r="{place}" t="inlineStr"><is><t>{text}</t></is></c>'
        )

    cells = (
        "".join(cell(f"{'ABCD'[k]}{n}", text) for k, text in enumerate(row) if text) for n, row in enumerate(grid, 1)
    )
    data = "".join(f"<row>{row}</row>" for row in cells)
    return workbook({"xl/worksheets/sheet1.xml": f"<worksheet><sheetData>{data}</sheetData></worksheet>"})


def test_a_spreadsheet_may_have_names_above_values_or_a_neuron_in_each_row(tmp_path: Path) -> None:
    right = [("0.1", "right"), ("0.52498", "right")]
    assert verdicts_of(rows(("e1", "Y1"), ("0.1", "0.52498")), tmp_path) == right
    assert verdicts_of(rows(("neuron", "net", "out"), ("1", "0.1", "0.52498")), tmp_path) == right
    assert verdicts_of(rows(("e1", "0.1", "Y1", "0.52498")), tmp_path) == right


def test_a_spreadsheet_may_have_a_row_or_a_column_for_each_sample(tmp_path: Path) -> None:
    sheets = (
        (("sample", "net_h1", "net_h2"), ("1", "-0.45", "0.35"), ("2", "-0.31", "-0.81")),
        (("", "sample 1", "sample 2"), ("net_h1", "-0.45", "-0.31"), ("net_h2", "0.35", "-0.81")),
        (("Sample 1",), ("net_h1", "-0.45"), ("net_h2", "0.35"), ("Sample 2",), ("net_h1", "-0.31"), ("net_h2", "-0.81")),
    )  # fmt: skip
    right = {("z[h1]#1", "right"), ("z[h2]#1", "right"), ("z[h1]#2", "right"), ("z[h2]#2", "right")}
    for grid in sheets:
        path = tmp_path / "w.xlsx"
        path.write_bytes(rows(*grid))
        lines = summed().check(path).lines
        assert len(lines) == 4
        assert {(line.name, line.verdict) for line in lines} == right


def test_a_formula_of_a_spreadsheet_is_an_expression(tmp_path: Path) -> None:
    cells = '<c r="A1" t="inlineStr"><is><t>e1</t></is></c><c r="B1"><f>0.01*2+0.02*4</f><v>{}</v></c>'
    assert verdicts_of(sheet(cells.format("0.1")), tmp_path) == [("0.1", "right")]
    assert verdicts_of(sheet(cells.replace("<v>{}</v>", "")), tmp_path) == [("0.1", "right")]
    wrong = cells.replace("0.01*2+0.02*4", "SUM(C1:D9)").replace("<v>{}</v>", "")
    assert [verdict for _, verdict in verdicts_of(sheet(wrong), tmp_path)] == ["unread"]


def test_cells_that_are_far_away_or_in_error_do_no_harm(tmp_path: Path) -> None:
    far = GOOD + '<c r="XFD1048576"><v>1</v></c><c r="C1" t="e"><v>#DIV/0!</v></c>'
    assert verdicts_of(sheet(far), tmp_path) == [("0.52498", "right")]


LINES = st.lists(
    st.text(st.sampled_from("WYe0123456789.=+-*/^(){}[]\\_,'\"|$#&;: \tdE∂δ，。０１×²−"), max_size=40), max_size=6
).map("\n".join)


@settings(max_examples=150, deadline=None)
@given(st.one_of(LINES, st.text(max_size=120)), st.sampled_from([".txt", ".md", ".tex", ".csv", ".ipynb"]))
def test_whatever_is_handed_in_is_read_or_refused(text: str, ending: str) -> None:
    try:
        claims = working_from_text(text, ending)
    except InputError:
        return
    marks = checker().marks(claims)
    assert len(marks.lines) == len(claims)
    assert {line.verdict for line in marks.lines} <= {
        "right",
        "rounding",
        "follow-through",
        "wrong",
        "unread",
        "unknown",
    }
    json.loads(marks.text("json"))
