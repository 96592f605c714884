"""`explainer differentiate`: pages in every format and language, each line true, and faults at their column."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from explainer.cli import main
from explainer.dialects import TEX
from explainer.differentiation import differentiate
from explainer.errors import InputError
from explainer.expressions import FUNCTIONS
from explainer.rules import RULES, Formulas, is_chained

FORMULAS = [
    ("1/(1+exp(-x))", "x"),
    ("tanh(x)", "x"),
    ("ln(1+exp(x))", "x"),
    ("-(t*ln(p)+(1-t)*ln(1-p))", "p"),
    ("-(t*ln(sigmoid(z))+(1-t)*ln(1-sigmoid(z)))", "z"),
    ("max(x, a)*relu(x)/abs(x - 3)", "x"),
    ("x^x + 2^x + x^3 + sqrt(x)", "x"),
    ("asin(x/9) + acos(x/9) + atan(x) + erf(x) + log10(x^2 + 1) + log2(x^2 + 1)", "x"),
]


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("to", ["markdown", "latex", "html"])
@pytest.mark.parametrize(("formula", "variable"), FORMULAS)
def test_a_formula_has_a_page_on_which_every_link_leads_somewhere(
    formula: str, variable: str, to: str, language: str
) -> None:
    page = "".join(differentiate(formula, variable).text(to, language))
    link, target = {
        "markdown": (r"\]\(#(\w+)\)", r'<a id="(\w+)">'),
        "html": (r'href="#(\w+)"', r'id="(\w+)"'),
        "latex": (r"\\stepref\{(\w+)\}", r"\\step(?:mark|anchor)\{(\w+)\}"),
    }[to]
    assert set(re.findall(link, page)) <= set(re.findall(target, page))
    if to == "latex":
        assert not re.search(r"[-+] ?-|\\cdot -|\ue000", page)


@pytest.mark.parametrize(("formula", "variable"), FORMULAS)
def test_every_step_names_a_rule_that_the_page_lists_and_steps_before_it(formula: str, variable: str) -> None:
    found = json.loads("".join(differentiate(formula, variable).text("json")))
    for place, step in enumerate(found["steps"], 1):
        assert step["id"] == f"S{place}"
        assert step["kind"] in RULES or step["kind"] in FUNCTIONS
        assert all(int(used[1:]) < place for used in step["uses"])
    assert found["check"]["worst_relative_error"] < 1e-9
    assert len(found["check"]["points"]) == 3


@pytest.mark.parametrize(
    ("formula", "variable", "line"),
    [
        ("1/(1+exp(-x))", "x", "&= y (1 - y)"),
        ("tanh(x)", "x", "&= 1 - y^{2}"),
        ("ln(1+exp(x))", "x", r"&= \operatorname{sigmoid}(x)"),
        ("-(t*ln(p)+(1-t)*ln(1-p))", "p", r"&= \frac{p - t}{p (1 - p)}"),
        ("softplus(z) - t*z", "z", "&= p - t"),
        ("1/(1+exp(-y))", "y", "&= f (1 - f)"),  # y is taken
    ],
)
def test_a_page_ends_as_textbooks_do(formula: str, variable: str, line: str) -> None:
    page = "".join(differentiate(formula, variable).text())
    assert line in page.partition("## The short form")[2]


def test_the_chain_rule_is_named_where_it_is_used() -> None:
    chained = [step.rule for step in differentiate("exp(-x)*exp(x)*(2*x)^3*x^2", "x").steps if is_chained(step)]
    assert chained == ["exp", "power"]


def test_every_rule_is_stated_in_general() -> None:
    symbols = Formulas(differentiate("x^2", "x"), TEX)
    for rule in (*RULES, *(name for name in FUNCTIONS if name not in RULES)):
        assert re.search(r"' = ", symbols.rule(rule)), rule


@pytest.mark.parametrize(
    ("formula", "variable", "fault"),
    [
        ("x*(y", "x", "EXPR:1:5: a bracket that is not closed"),
        ("x + y", "q", "EXPR:1:1: there is no 'q' in the formula; name one of x, y"),
        ("x", "2", "EXPR:1:1: '2' is no name"),
        ("pi*x", "pi", "EXPR:1:1: 'pi' is no name"),
        ("sqrt(0 - x^2 - 1)", "x", "EXPR:1:1: no value of this formula could be computed"),
        ("__import__('os')*x", "x", "EXPR:1:1: the character '_'"),
    ],
)
def test_a_formula_that_cannot_be_used_is_refused(formula: str, variable: str, fault: str) -> None:
    with pytest.raises(InputError) as error:
        differentiate(formula, variable)
    assert str(error.value).startswith(fault)


# ---- the command


def test_the_command_writes_files_and_says_what_it_found(tmp_path: Path) -> None:
    outputs = [str(tmp_path / f"s.{ending}") for ending in ("md", "tex", "html", "json")]
    arguments = [argument for output in outputs for argument in ("-o", output)]
    result = CliRunner().invoke(main, ["differentiate", "1/(1+exp(-x))", "x", *arguments, "--language", "zh"])
    assert result.exit_code == 0, result.output
    assert "exp(-x)/(1 + exp(-x))^2; 6 steps checked by complex step" in result.output
    assert all(Path(output).read_text("utf-8") for output in outputs)
    assert "求导法则" in Path(outputs[0]).read_text("utf-8")


@pytest.mark.parametrize("formula", ["-x^2", "-(x+1)", "-2*x", " x"])
def test_a_formula_may_begin_with_a_minus(formula: str) -> None:
    result = CliRunner().invoke(main, ["differentiate", formula, "x", "--to", "json"])
    assert result.exit_code == 0, result.output


def test_a_fault_exits_with_2_and_its_column() -> None:
    result = CliRunner().invoke(main, ["differentiate", "-x + y z", "x"])
    assert (result.exit_code, result.output.splitlines()[0][:11]) == (2, "EXPR:1:8: n")
