"""The numbers of whole derivations."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from networks import example, layered, problem_of, random_spec, work_of

import explainer
from explainer.formulas import summed, uses
from explainer.graph import order, readers
from explainer.notation import Quantity
from explainer.steps import Steps, used_steps
from explainer.worked import named

SEED_001 = {  # every number of the 2-2-3-1 network, as recomputed by hand with all digits
    "z[1]": 0.1,
    "Y[1]": 0.52497918747894,
    "z[2]": 0.42,
    "Y[2]": 0.6034832498647263,
    "z[3]": 0.03988870561895726,
    "Y[3]": 0.5099708543802548,
    "z[4]": 0.06245795436583058,
    "Y[4]": 0.5156094145659463,
    "z[5]": 0.08502720311270391,
    "Y[5]": 0.521244003471399,
    "z[6]": 0.17564491887152742,
    "Y[6]": 0.5437986843049571,
    "E": 0.0634396886514398,
    "dE/dY[6]": -0.3562013156950429,
    "dY[6]/dz[6]": 0.2480816752531547,
    "delta[1]": -0.00010012942139500292,
    "delta[2]": -0.00011403244003229056,
    "delta[3]": -0.0019874672563053946,
    "delta[4]": -0.0022070223819206005,
    "delta[5]": -0.003307781109982882,
    "delta[6]": -0.08836701912500407,
    "dE/dW[1,3]": -0.0010433789453562043,
    "dE/dW[2,3]": -0.0011994031988349105,
    "dE/dW[1,4]": -0.0011586408168085117,
    "dE/dW[2,4]": -0.0013319010395656332,
    "dE/dW[1,5]": -0.0017365162394769997,
    "dE/dW[2,5]": -0.001996190494093621,
    "dE/dW[X1,1]": -0.00020025884279000584,
    "dE/dW[X2,1]": -0.0004005176855800117,
    "dE/dW[X1,2]": -0.00022806488006458112,
    "dE/dW[X2,2]": -0.00045612976012916225,
    "dE/dW[3,6]": -0.04506460424221464,
    "dE/dW[4,6]": -0.04556286699798113,
    "dE/dW[5,6]": -0.0460607788235508,
    "W'[X1,1]": 0.010020025884279,
    "W'[X2,1]": 0.020040051768558,
    "W'[X1,2]": 0.05002280648800646,
    "W'[X2,2]": 0.08004561297601291,
    "W'[1,3]": 0.03010433789453562,
    "W'[2,3]": 0.040119940319883494,
    "W'[1,4]": 0.05011586408168085,
    "W'[2,4]": 0.06013319010395656,
    "W'[1,5]": 0.0701736516239477,
    "W'[2,5]": 0.08019961904940937,
    "W'[3,6]": 0.09450646042422146,
    "W'[4,6]": 0.10455628669979812,
    "W'[5,6]": 0.1546060778823551,
    "E'": 0.06281721922182935,
    "step[W[3,6]]": 0.00450646042422146,
    "dz[6]/dW[3,6]": 0.5099708543802548,
    "dz[6]/dY[3]": 0.09,
}

MAZUR = {  # the 2-2-2 network with named weights: https://mattmazur.com/2015/03/17/a-step-by-step-backpropagation-example/
    "z[h1]": 0.3775,
    "Y[h1]": 0.5932699921071872,
    "Y[h2]": 0.596884378259767,
    "z[o1]": 1.10590596705977,
    "Y[o1]": 0.7513650695523157,
    "Y[o2]": 0.7729284653214625,
    "E[o1]": 0.274811083176155,
    "E[o2]": 0.023560025583847746,
    "E": 0.2983711087600027,
    "dE/dY[o1]": 0.7413650695523157,
    "dY[o1]/dz[o1]": 0.18681560180895948,
    "dE/dw5": 0.08216704056423077,
    "delta[o1]": 0.13849856162855695,
    "w5'": 0.35891647971788465,
    "w6'": 0.4086661860762334,
    "w7'": 0.5113012702387375,
    "w8'": 0.5613701211079891,
    "dE[o1]/dY[h1]": 0.05539942465142278,
    "dE[o2]/dY[h1]": -0.019049118258278118,
    "dE/dY[h1]": 0.03635030639314466,
    "dY[h1]/dz[h1]": 0.24130070857232525,
    "dE/dw1": 0.0004385677344743465,
    "w1'": 0.1497807161327628,
    "w2'": 0.19956143226552567,
    "w3'": 0.24975114363236958,
    "w4'": 0.29950229,
    "E'": 0.29102777369359933,
}


@pytest.mark.parametrize(("name", "expected"), [("2-2-3-1", SEED_001), ("2-2-2-named", MAZUR)])
def test_every_number_of_a_published_example_is_found(name: str, expected: dict[str, float]) -> None:
    values = explainer.explain(example(name)).values
    for quantity, number in expected.items():
        assert values[quantity] == pytest.approx(number, rel=3e-8), quantity
    assert values["E'"] == pytest.approx(expected["E'"], rel=1e-14)


def test_a_frozen_parameter_has_neither_gradient_nor_update() -> None:
    values = explainer.explain(example("2-2-2-named")).values
    assert values["b1"] == 0.35
    assert not {"dE/db1", "b1'", "step[b1]"} & set(values)


def test_the_gradients_of_a_shared_weight_add() -> None:
    spec = json.loads(json.dumps(random_spec(1)))
    spec["layers"] = [
        {"neurons": 2, "activation": "tanh", "weights": [[{"s": 0.3}, 0.1], [0.2, {"s": 0.3}]], "biases": [0.1, 0.2]},
        {"neurons": 1, "activation": "sigmoid", "weights": [[{"s": 0.3}, -0.4]]},
    ]
    spec["inputs"], spec["targets"] = {"X1": 0.7, "X2": -0.4}, {"T": 1}
    shared = explainer.explain(problem_of(spec)).values
    for k, layer in enumerate(spec["layers"]):
        layer["weights"] = [[w["s"] if isinstance(w, dict) else w for w in row] for row in layer["weights"]]
        del k
    apart = explainer.explain(problem_of(spec)).values
    together = apart["dE/dW[X1,1]"] + apart["dE/dW[X2,2]"] + apart["dE/dW[1,3]"]
    assert shared["dE/ds"] == pytest.approx(together, rel=1e-13)


@pytest.mark.parametrize("seed", range(60))
def test_gradients_agree_with_a_complex_step_or_a_central_difference(seed: int) -> None:
    check = work_of(problem_of(random_spec(seed))).check
    assert check is not None
    assert check.worst_relative_error < (1e-12 if check.method == "complex step" else 1e-3)


@pytest.mark.parametrize("seed", range(20))
def test_the_numbers_do_not_depend_on_how_they_are_written(seed: int) -> None:
    spec = random_spec(seed)
    one = explainer.explain(problem_of(spec)).values
    other = explainer.explain(problem_of(spec, digits=2, language="zh", detail="brief")).values
    assert one == other


def test_a_wrong_gradient_is_never_written(monkeypatch: pytest.MonkeyPatch) -> None:
    from explainer import ops

    op = ops.OPS["sigmoid"]
    wrong = ops.Op(op.name, op.element, op.value, lambda g, y, z: (g * y,), op.slope)
    monkeypatch.setitem(ops.OPS, "sigmoid", wrong)
    with pytest.raises(explainer.CheckFailed):
        explainer.explain(example("2-2-3-1"))


def test_a_wrong_definition_is_never_written(monkeypatch: pytest.MonkeyPatch) -> None:
    from explainer import ops, values

    op = ops.OPS["sigmoid"]
    monkeypatch.setitem(ops.OPS, "sigmoid", ops.Op(op.name, op.element, lambda z: values.OPS["tanh"].value(z), op.vjp))
    with pytest.raises(explainer.CheckFailed):
        explainer.explain(example("2-2-3-1"))


def test_a_number_that_is_none_is_an_error_that_names_it() -> None:
    spec = random_spec(0)
    spec["layers"] = [{"neurons": 1, "activation": "identity", "weights": [[1e300]]}]
    spec["inputs"], spec["targets"] = {"X1": 1e300}, {"T": 0}
    with pytest.raises(explainer.ExplainerError, match=r"z\[1\] is inf"):
        explainer.explain(problem_of(spec))


def test_every_step_uses_only_steps_before_it() -> None:
    for name in ("2-2-3-1", "2-2-2-named", "relu-regression", "shared-weight"):
        steps = Steps(work_of(example(name)))
        seen = 0
        for group in steps.groups():
            numbers = sorted(n for lines in group for n in lines.numbers_of_steps.tolist())
            assert numbers == list(range(seen + 1, seen + len(numbers) + 1))
            seen += len(numbers)
            for lines in group:
                for number, used in zip(lines.numbers_of_steps, used_steps(lines, steps.numbering), strict=True):
                    assert all(0 < step < number for step in used)


def test_the_sum_over_uses_is_the_vjp_for_every_node() -> None:
    for seed in range(30):
        work = work_of(problem_of(random_spec(seed)))
        net = work.network
        reads = readers(net.end)
        for node in order(net.end):
            quantity = Quantity("adjoint", node)
            if (
                quantity in work.numbers
                and node.op != "take"
                and reads[node]
                and node is not (net.loss and net.loss.terms)
            ):
                terms = uses(reads, node, np.arange(node.size))
                total = summed(terms, node.size, lambda q, e, known=work.numbers: known[q].ravel()[e])
                assert total == pytest.approx(work.numbers[quantity].ravel(), rel=1e-9, abs=1e-12)


def test_canonical_names_are_unique() -> None:
    for seed in range(30):
        names = [name for name, _ in named(work_of(problem_of(random_spec(seed))))]
        assert len(names) == len(set(names))


def test_a_large_network_is_flat_in_memory_and_right() -> None:
    derivation = explainer.explain(layered(784, 30, 10, detail="full"))
    assert derivation.check is not None
    assert derivation.check.worst_relative_error < 1e-9
    assert derivation.parameters == 784 * 30 + 300


def test_a_forward_pass_alone_needs_neither_targets_nor_loss() -> None:
    spec: dict[str, Any] = random_spec(5)
    for key in ("targets", "loss", "optimizer"):
        del spec[key]
    derivation = explainer.explain(problem_of(spec))
    assert derivation.losses == (None, None)
    assert derivation.check is None
    assert not any(name.startswith("dE") for name in derivation.values)
    assert "".join(derivation.text("markdown"))


def test_a_derivation_shows_itself_in_a_notebook_without_html() -> None:
    bundle = explainer.explain(example("2-2-3-1"))._repr_mimebundle_()
    assert set(bundle) == {"text/markdown", "text/plain"}
    assert r"\frac{\partial E}{\partial W_{36}}" in bundle["text/markdown"]
