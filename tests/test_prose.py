"""The prose: every language says the same things, and Chinese pages are Chinese throughout."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jinja2
import pytest

from explainer.derivatives import ENDINGS
from explainer.dialects import TEX
from explainer.document import SECTIONS, document
from explainer.expressions import FUNCTIONS
from explainer.finish import ESCAPES
from explainer.marking.catalogue import CODES as MISTAKES
from explainer.marking.handling import CODES as HANDLING
from explainer.marking.marks import VERDICTS
from explainer.problem import problem_from_text
from explainer.render import Setting, Speaker, templates_folder
from explainer.rules import RULES
from explainer.sections.graph import SECTIONS as GRAPH_SECTIONS
from explainer.spoken import PLACES
from explainer.worked import iterations

PROSE = templates_folder() / "prose"
NAMED = ("misread-digits", "arithmetic", "exchanged-digits", "decimal-point", "sign-lost", "copied-line")
CONVENTIONS = (
    *("delta-negated", "loss-without-half", "loss-with-half", "index-order", "batch-summed", "batch-averaged"),
    *(
        "bias-as-threshold",
        "delta-per-sample",
        "velocity-averaged",
        "velocity-plain",
        "velocity-with-rate",
        "truncating",
    ),
)
FAULTS_OF_LINES = (
    *("too_long", "hidden", "command", "no_equation", "no_name", "no_value", "no_number", "comma", "formula"),
    "error_cell",
)
MARKED_ROW = {"line": "7", "place": "line7", "statement": "7", "remark": "对。", "verdict": "right", "word": "正确"}
MARKED_ROW |= {"marks": "7"}
LANGUAGES = sorted(path.name for path in PROSE.iterdir() if path.is_dir())
GLOSSARY = Path(__file__).parent.parent / "docs" / "glossary.md"

SAYS_ALL = """\
title: 更新
inputs: {X1: 2, X2: 4}
targets: {T1: 0.9, T2: 0.1}
layers:
  - neurons: [h1, h2]
    activation: HIDDEN
    weights: [[{w1: 0.1}, 0.2], [{w1: 0.1}, -0.3]]
    biases: [{b1: 0.35}, 0.1]
    bias_input: -1
  - neurons: 2
    activation: sigmoid
    weights: [[0.4, 0.45], [0.5, 0.55]]
loss: LOSS
optimizer: {sgd: {learning_rate: 0.5}}
frozen: [b1]
language: zh
"""
SPECS = {
    "ordinary": SAYS_ALL,
    "with a kink": SAYS_ALL.replace("HIDDEN", "relu").replace("0.5}}", "500}}"),
    "carried by hand": SAYS_ALL.replace("HIDDEN", "tanh") + "carry: rounded\ndigits: 4\n",
    "brief": SAYS_ALL.replace("HIDDEN", "identity") + "detail: brief\n",
    "in tables": SAYS_ALL.split("layers:")[0]
    + "layers:\n  - neurons: 200\n    activation: tanh\n    weights: {random: normal, scale: 0.1, seed: 1}\n"
    + "  - neurons: 2\n    weights: {random: normal, scale: 0.1, seed: 2}\n"
    + SAYS_ALL[SAYS_ALL.index("loss:") : SAYS_ALL.index("frozen:")],
    "forward alone": "title: 前向\ninputs: {X1: 2}\nlayers:\n  - neurons: 1\n    weights: [[0.1]]\n",
}
SPECS = {name: text.replace("HIDDEN", "sigmoid").replace("LOSS", "half_squared_error") for name, text in SPECS.items()}

# what stands for the fields of a macro, where a plain text does not do
FLAG = (False, True)
SAMPLES: dict[str, tuple[Any, ...]] = dict.fromkeys(
    ("several", "output", "smooth", "rounded", "links", "biased", "shared", "sender_first", "hidden", "bare"), FLAG
)
SAMPLES |= dict.fromkeys(("samples", "missing", "frozen", "update", "penalised"), FLAG)
SAMPLES |= {
    "biases": FLAG,
    "contents": ([("given", "7")],),
    "rows": ([["7", "7"]],),
    "items": (["7", "7"],),
    "which": ("inputs", "weights", "biases"),
    "what": (
        *("pre_activation", "activation", "adjoint_output", "adjoint", "slope", "delta", "delta_scores"),
        *("weight_gradient", "bias_gradient", "weight_update", "bias_update", "state"),
    ),
    "factors": (["7\n\n"],),
    "whole_numbers": ([], ["7"]),
    "bias": ("", "7"),
    **dict.fromkeys(("scores", "softmax", "descent", "updated", "plain"), FLAG),
    "named": ("和的求导法则",),
    "heads": (["7"],),
    "numbers": (["7", "7"],),
    "steps": (["7"],),
    "cells": (["7"],),
    "count": ("7 位小数",),
    "function": ("tanh 函数",),
    "check_name": ("复步法",),
    "id": tuple(name for name, *_ in SECTIONS),
    "name": ("sigmoid", "tanh", "relu", "identity", "softmax"),
    "kind": (
        *("pre-activation", "activation", "loss-term", "loss", "adjoint", "slope", "delta", "gradient", "update"),
        *("output-after", "loss-term-after", "loss-after", "sample-loss", "data-loss", "penalty", "state"),
    ),
} | {name: (["7"],) for name in ("lines", "z_lines", "y_lines", "a_lines", "s_lines", "d_lines")}
SAMPLES |= dict.fromkeys(("chained", "small"), FLAG)
SAMPLES |= {
    "part": ("rules", "steps", "short", "check"),
    "chapter": tuple(name for name, *_ in GRAPH_SECTIONS),
    "stage": ("node", "partial", "forward", "reverse"),
    "kinked": ("relu", "abs", "max"),
    "rule": (*RULES, *(name for name in FUNCTIONS if name not in RULES)),
    "ending": tuple({each.name for each in ENDINGS}),
    "named": ("和的求导法则",),
    "heads": (["7"],),
    "numbers": (["7", "7"],),
    "cells": (["7"],),
    "kinds": (["7"], ["7", "8"]),
    "precision": ("float64", "float32"),
    "decimals": ("", "3"),
    "place": tuple(PLACES),
    "drawing": ("",),
}
SAMPLES |= dict.fromkeys(
    ("with_targets", "derived", "itself", "one", "again", "asked", "rest", "mean", "scalars"), FLAG
)
SAMPLES |= {
    "sign": ("negative", "positive", "zero"),
    "loss_kind": ("loss-term", "sample-loss", "data-loss", "penalty", "loss"),
    "over": ("", "outputs", "samples", "penalty"),
    "spelt": ([], ["7", "7"]),
    "optimizer": ("momentum", "nesterov", "adagrad", "rmsprop", "adam"),
    "state": ("m", "v", "s", "m_hat", "v_hat"),
    "change": ("", "7"),
    "predicted": ("", "7"),
}
SAMPLES |= {
    "functions": (["Sigmoid 函数", "tanh 函数"],),
    "rules": (["7"],),
    "condition": ("", "7"),
    "id": (*SAMPLES["id"], "results"),
}
SAMPLES |= dict.fromkeys(("from_steps", "y_from", "z_from", "a_from", "s_from"), ("", "（7）"))
SAMPLES |= dict.fromkeys(("cut", "more"), FLAG)
SAMPLES |= {
    "slug": (*MISTAKES, *HANDLING, *CONVENTIONS),
    "confidence": ("sure", "possible"),
    "fault": FAULTS_OF_LINES,
    "verdict": VERDICTS,
    "near": ([], ["7", "7"]),
    "due": (["7", "7"],),
    "others": (["7", "7"],),
    "counts": ([], ["7", "7"]),
    "notes": (["7"],),
    "sentences": (["对。", "错。"],),
    "unusable": (0, 7),
    "read": ("", "7"),
    "was": ("", "7"),
    "at": ("", "7", "everywhere"),
    **dict.fromkeys(("linked", "significant", "wrong"), FLAG),
    **dict.fromkeys(("address", "page"), ("", "7")),
    "marked": ([MARKED_ROW],),
    "rights": (["7"],),
}


def macros(language: str) -> dict[str, Any]:
    """Every macro of a language, by file and name, set in Markdown."""
    loader = jinja2.FileSystemLoader(templates_folder())
    environment = jinja2.Environment(loader=loader, undefined=jinja2.StrictUndefined, trim_blocks=True)  # noqa: S701
    environment.globals.update(format="markdown", flavour="github", maths=TEX.forms)
    found: dict[str, Any] = {}
    for path in sorted((PROSE / language).glob("*.j2")):
        module = environment.get_template(f"prose/{language}/{path.name}").module
        found |= {f"{path.name}: {name}": macro for name, macro in vars(module).items() if callable(macro)}
    return found


SLUGS = {  # the slugs that a macro knows sentences for, where it does not know all
    "mark_convention": CONVENTIONS,
    "mark_slip": (*MISTAKES, *(slug for slug in HANDLING if slug in NAMED)),
    "mark_slip_name": (*MISTAKES, *(slug for slug in HANDLING if slug in NAMED)),
    "mark_class_slip": ("sign",),
    "lint_hidden_row": ("sign",),
}


def all_said(language: str) -> Iterator[tuple[str, str]]:
    """What each macro says, in every one of its cases."""
    for name, macro in macros(language).items():
        samples = SAMPLES | ({"slug": SLUGS[name.split(": ")[1]]} if name.split(": ")[1] in SLUGS else {})
        for fields in itertools.product(*(samples.get(argument, ("7",)) for argument in macro.arguments)):
            yield name, macro(**dict(zip(macro.arguments, fields, strict=True)))


def page(spec: str) -> str:
    return "".join(document([*iterations(problem_from_text(spec))], Speaker("zh", Setting(), ESCAPES["markdown"])))


def plain(markdown: str) -> str:
    """The words of a page: formulas become $, links their text."""
    words = re.sub(r"```math\n.*?\n```|<a id=\"\w+\"></a>", "", markdown, flags=re.DOTALL)
    words = re.sub(r"\$`[^`]*`\$", "$", words)
    return re.sub(r"\]\(#\w+\)|\[|\*\*", "", words)


FAULTS = {
    "an English phrase": r"[A-Za-z]{2,}[ ,.]+[A-Za-z]{2,}",
    "half-width punctuation after a Chinese character": r"[一-鿿][,:;.?!()]",
    "half-width punctuation after a formula": r"\$[,:;.?!]",
    "a space beside full-width punctuation": r"[^\n|>] [，。：；？、（）]|[，。：；？、（] (?!\|)|）[ ](?!\|)",
    "a formula without a space beside a Chinese character": r"[一-鿿]\$|\$[一-鿿]",
    "a number or a Latin word without a space beside a Chinese character": r"[一-鿿][0-9A-Za-z]|[0-9A-Za-z][一-鿿]",
    "doubled punctuation": r"[，。：；？、]{2}|（）",
    "a placeholder": r"None|True|False|[\ue000-\uf8ff]",
}


def faults(words: str) -> list[str]:
    found = [(what, re.search(pattern, words, re.MULTILINE)) for what, pattern in FAULTS.items()]
    said = [f"{what}: {words[max(0, at.start() - 20) : at.end() + 20]!r}" for what, at in found if at]
    return said + (["brackets that do not pair"] if words.count("（") != words.count("）") else [])


def glossary() -> dict[str, tuple[str, str]]:
    """English term -> what it is, and the Chinese term."""
    rows = re.findall(r"^\| ([^|]+) \| ([^|]+) \| ([^|]+) \|", GLOSSARY.read_text("utf-8"), re.MULTILINE)
    return {term: (meaning, chinese) for term, meaning, chinese in rows if term != "term"}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_the_same_macros_with_the_same_parameters(language: str) -> None:
    wanted = {name: macro.arguments for name, macro in macros("en").items()}
    assert {name: macro.arguments for name, macro in macros(language).items()} == wanted


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_macro_can_be_said_in_all_its_cases(language: str) -> None:
    said = {name for name, _ in all_said(language)}
    assert said == macros(language).keys()


def test_whatever_is_said_in_chinese_is_chinese() -> None:
    found = [f"{name}: {fault}" for name, text in all_said("zh") for fault in faults(plain(text))]
    assert found == []


@pytest.mark.parametrize("name", SPECS)
def test_a_chinese_page_is_chinese_throughout(name: str) -> None:
    assert faults(plain(page(SPECS[name]))) == []


def test_words_under_a_brace_are_chinese() -> None:
    under = re.findall(r"\\text\{([^}]*)\}", page(SPECS["ordinary"]))
    assert "传回 " in under
    assert all(re.fullmatch(r"(?:(?:Sigmoid|tanh|ReLU) )?[一-鿿 ]+", words) for words in under)


def test_the_faults_that_are_looked_for_are_found() -> None:
    for bad in ("the loss 减小", "损失,", "损失：$ 。", "损失$", "第1 步", "（见第 1 步", "损失：："):
        assert faults(bad), bad
    assert faults("由式 (1)（$ 见第 2 步）求 Sigmoid 函数在 $ 处的值：") == []


TERMS = """node, entry, leaf, weight, bias, input, target, sample, batch, epoch, pre-activation, activation, output,
loss, local partial derivative, adjoint, delta, gradient, forward pass, backward pass, vjp (vector-Jacobian product),
update, learning rate, chain rule, path, kink, subgradient, complex step, central difference"""


@pytest.mark.parametrize("term", TERMS.replace("\n", " ").split(", "))
def test_the_glossary_has_the_term(term: str) -> None:
    meaning, chinese = glossary()[term]
    assert re.fullmatch(r"[A-Z][^|]*\.", meaning)
    assert re.fullmatch(r"[一-鿿]+(?:-[一-鿿]+)?", chinese)


def test_the_glossary_gives_each_thing_a_chinese_term_of_its_own() -> None:
    chinese = [term for _, term in glossary().values()]
    assert len(chinese) == len(set(chinese))


def test_chinese_pages_use_the_terms_of_the_glossary() -> None:
    pages = "".join(page(SPECS[name]) for name in ("ordinary", "with a kink"))
    used = """
    weight, bias, input, target, pre-activation, activation, activation function, output, loss, delta, gradient,
    forward pass, backward pass, update, learning rate, chain rule, path, complex step, slope, error that arrives"""
    terms = glossary()
    assert [term for term in re.split(r",\s+", used.strip()) if terms[term][1] not in pages] == []


@pytest.mark.parametrize("other", ["正向传播", "后向传播", "加权输入", "净输入", "学习速率", "权值", "偏差", "代价"])
def test_chinese_prose_has_no_second_word_for_a_thing(other: str) -> None:
    assert [path.name for path in (PROSE / "zh").glob("*.j2") if other in path.read_text("utf-8")] == []
