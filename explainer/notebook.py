r"""A page of Markdown as a notebook: nbformat 4.5, written as a stream. \x1e marks where a cell may begin."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

CUT = "\x1e"
AT_LINE = re.compile(f"(?m)^{CUT}")
METADATA = {  # any kernel will do: there is no code, but a reader may add some
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


def notebook(page: Iterator[str], language: str) -> Iterator[str]:
    """The notebook in pieces, a cell each; `language` is that of the page."""
    before = '{\n "cells": ['
    for number, text in enumerate(cells(page), 1):
        cell = {
            "cell_type": "markdown",
            "id": f"cell-{number}",
            "metadata": {},
            "source": text.splitlines(keepends=True),
        }
        yield f"{before}\n{json.dumps(cell, ensure_ascii=False)}"
        before = ","
    rest = {"metadata": METADATA | {"language": language}, "nbformat": 4, "nbformat_minor": 5}
    yield f"\n ],\n {json.dumps(rest, ensure_ascii=False)[1:]}\n"


def cells(page: Iterator[str]) -> Iterator[str]:
    """The page cut where a mark begins a line, without the other marks and without what is empty."""
    held = "\n"  # what comes before the page ends a line
    for chunk in page:
        *done, held = AT_LINE.split(held + chunk)
        yield from filter(None, map(cell, done))
    yield from filter(None, [cell(held)])


def cell(text: str) -> str:
    return text.replace(CUT, "").strip("\n")
