"""The page that shows the same network with other tools says what they print."""

from __future__ import annotations

import importlib.util
import re
import sys
from importlib.metadata import version
from pathlib import Path
from types import ModuleType

import pytest
from tex_numbers import as_decimal, exact

COMPARED = Path(__file__).parents[1] / "docs" / "compared"
PAGE = (COMPARED / "index.md").read_text("utf-8")
PINNED = dict(re.findall(r"^([\w-]+)==(\S+)$", (COMPARED / "requirements.txt").read_text("utf-8"), re.M))
THERE = all(importlib.util.find_spec(name) for name in ("handcalcs", "latexify"))
with_the_tools = pytest.mark.skipif(not THERE, reason="needs docs/compared/requirements.txt")


@pytest.fixture(scope="module")
def build() -> ModuleType:
    spec = importlib.util.spec_from_file_location("compared_build", COMPARED / "build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["compared_build"] = module
    spec.loader.exec_module(module)
    return module


def part(name: str) -> str:
    return re.search(rf"<!-- begin: {name} -->\n\n(.*?)\n<!-- end -->", PAGE, re.S)[1]  # type: ignore[index]


def test_the_programs_and_our_own_steps_stand_on_the_page_as_they_are(build: ModuleType) -> None:
    for name in ("code-handcalcs", "code-latexify", "code-sympy", "code-explainer", "one-explainer"):
        assert part(name) == build.PARTS[name](), f"{name}: run docs/compared/build.py"


@with_the_tools
def test_what_the_tools_print_stands_on_the_page(build: ModuleType) -> None:
    assert {name: version(name) for name in PINNED} == PINNED
    assert build.built(PAGE) == PAGE


@with_the_tools
def test_the_faults_that_the_page_counts_are_there(build: ModuleType) -> None:
    """Lines of handcalcs, read as they are meant: a number behind a sign has brackets around it."""
    found = [line for line in build.output("handcalcs", True).split("\n\\\\\n") if line.count("=") > 2]
    assert f"{len(found)} lines" in PAGE
    signs, wrong = 0, []
    for line in found:
        *_, numbers, result = [
            side.strip() for side in re.sub(r"\\\\|&|\\(begin|end)\{aligned\}|\$", "", line).split("=")
        ]
        signs += bool(re.search(r"(\\cdot|\+) -", numbers))
        value = exact(re.sub(r"(\\cdot|\+) (-[\d.]+)", r"\1 (\2)", re.sub(r"\s+", " ", numbers)))
        if abs(as_decimal(value) - as_decimal(exact(result))) > as_decimal(exact("0.000005")):
            wrong.append((numbers, result))
    assert f"{signs} have a sign" in PAGE
    assert f"In all, {len(wrong)} of" in PAGE
    assert (r"-0.00011 \cdot 4", "-0.00046") in wrong
