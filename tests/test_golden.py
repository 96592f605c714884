"""Whole pages, small enough to read: what a reader sees changes only when somebody has looked at it.

To renew them after a wanted change: `EXPLAINER_RENEW=1 python -m pytest tests/test_golden.py`, then read the diff.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

import explainer
from explainer.problem import problem_from_text

GOLDEN = Path(__file__).parent / "golden"
ONE_NEURON = """\
title: One neuron
inputs: {X1: 2}
targets: {T: 1}
layers:
  - {neurons: [1], activation: tanh, weights: [[0.3]], biases: [-0.1]}
loss: half_squared_error
optimizer: {sgd: {learning_rate: 0.5}}
"""
PAGES = [
    ("one-neuron.en.md", {}, "markdown", "github"),
    ("one-neuron.zh.md", {"language": "zh"}, "markdown", "github"),
    ("one-neuron.myst.md", {"carry": "rounded", "digits": 3}, "markdown", "myst"),
    ("one-neuron.tex", {}, "latex", ""),
    ("one-neuron.brief.html", {"detail": "brief"}, "html", ""),
    ("one-neuron.json", {}, "json", ""),
    ("one-neuron.typ", {"detail": "brief"}, "typst", ""),
]


@pytest.mark.parametrize(("name", "options", "to", "flavour"), PAGES, ids=[page[0] for page in PAGES])
def test_a_page_is_as_it_was_last_read(name: str, options: dict[str, str], to: str, flavour: str) -> None:
    derivation = explainer.explain(problem_from_text(ONE_NEURON, **options))
    page = "".join(derivation.text(to, flavour=flavour))
    page = re.sub(
        r"(<style>|<script>).*?(</)", r"\1...\2", page, flags=re.DOTALL
    )  # files of their own, to be read there
    if os.environ.get("EXPLAINER_RENEW"):
        (GOLDEN / name).write_text(page, encoding="utf-8")
    assert page == (GOLDEN / name).read_text(encoding="utf-8")
