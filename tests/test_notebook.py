"""Notebooks: valid, a step in a cell, and the same text as the page in Markdown."""

from __future__ import annotations

import json
import re
from pathlib import Path

import nbformat
import pytest
from networks import EXAMPLES, example

import explainer
from explainer.derivation import train
from explainer.differentiation import differentiate
from explainer.notebook import CUT, cells, notebook
from explainer.render import Setting

NAMES = sorted(path.stem for path in EXAMPLES.glob("*.yaml"))


def read(text: str) -> nbformat.NotebookNode:
    found = nbformat.reads(text, as_version=4)
    nbformat.validate(found)
    assert (found.nbformat, found.nbformat_minor) == (4, 5)
    return found


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("name", NAMES)
def test_the_notebook_of_an_example_is_valid_and_says_what_the_page_in_markdown_says(name: str, language: str) -> None:
    derivation = explainer.explain(example(name, language=language))
    found = read("".join(derivation.text("notebook")))
    page = "".join(derivation.text("markdown", flavour="jupyter"))
    assert "".join("".join(cell.source.split()) for cell in found.cells) == "".join(page.split())
    assert found.metadata.language == language
    assert CUT not in page


def test_a_cell_has_one_step_or_one_heading() -> None:
    found = read("".join(explainer.explain(example("2-2-3-1", view="both")).text("notebook")))
    steps = [n for cell in found.cells for n in re.findall(r"<a id=\"s(\d+)\"></a>(?:\*\*Step|Step)", cell.source)]
    assert len(steps) == len(set(steps)) > 60
    for cell in found.cells:
        assert len(re.findall(r"(?:\*\*|</a>)Step \d+\.", cell.source)) <= 1
        if re.search(r"^#{2,3} ", cell.source, re.MULTILINE):
            assert len(cell.source.splitlines()) <= 2


def test_a_table_is_never_cut() -> None:
    found = read("".join(explainer.explain(example("2-2-3-1", detail="brief")).text("notebook")))
    for cell in found.cells:
        for table in re.findall(r"(?:^\|.*\n?)+", cell.source, re.MULTILINE):
            rows = [line.count("|") for line in table.splitlines()]
            assert len(rows) > 2
            assert len(set(rows)) == 1


def test_cells_have_the_same_names_every_time() -> None:
    derivation = explainer.explain(example("2-2-2-named"))
    pages = ["".join(derivation.text("notebook")) for _ in range(2)]
    assert pages[0] == pages[1]
    names = [cell.id for cell in read(pages[0]).cells]
    assert len(names) == len(set(names))


def test_every_link_of_a_notebook_leads_into_one_of_its_cells() -> None:
    found = read("".join(explainer.explain(example("shared-weight")).text("notebook")))
    whole = "\n".join(cell.source for cell in found.cells)
    assert set(re.findall(r"\]\(#(\w+)\)", whole)) <= set(re.findall(r'<a id="(\w+)">', whole))


def test_a_training_and_the_derivative_of_a_formula_can_be_notebooks() -> None:
    read("".join(train(example("batch-3-4-1"), 3, {0, 3}).text("notebook")))
    read("".join(differentiate("1/(1+exp(-x))", "x").written(Setting("notebook"))))


def test_a_file_that_ends_in_ipynb_is_a_notebook(tmp_path: Path) -> None:
    path = tmp_path / "my.ipynb"
    explainer.explain(example("2-2-3-1")).save(path)
    assert "Updating W36" in read(path.read_text("utf-8")).cells[0].source


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_cells_do_not_depend_on_how_the_page_is_handed_on(size: int) -> None:
    page = f"# T\n\ntext\n{CUT}a {CUT}b\n{CUT}{CUT}c\n\n{CUT}"
    assert [*cells(page[k : k + size] for k in range(0, len(page), size))] == ["# T\n\ntext", "a b", "c"]


def test_text_that_would_end_a_string_of_json_stays_text() -> None:
    page = '# "q" \\ \u2028 \x0b\nmore\n'
    whole = "".join(notebook(iter([page]), "en"))
    assert "".join(json.loads(whole)["cells"][0]["source"]) == page.strip("\n")
