"""Jupyter: `%%explainer` works the spec in its cell, `%explainer net.yaml` that in a file; both return the derivation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..derivation import Derivation, explain
from ..errors import ExplainerError, Fault, InputError
from ..problem import problem_from_text, read_problem
from .core import OptionFault, place_of, read_options, read_words, said

CELL = "<explainer cell>"


def load(shell: Any) -> None:
    shell.register_magic_function(magic, "line_cell", "explainer")


def magic(line: str, cell: str | None = None) -> Derivation:
    """The derivation of a spec: `%explainer net.yaml digits=3`, or `%%explainer digits=3` above the spec."""
    try:
        names, written = read_words(line)
        writing, style = read_options(written)
        if style:
            raise OptionFault(f"{', '.join(style)} is not for notebooks; take it out")
        place = place_of(names, cell or "", CELL, 1, Path.cwd())
    except OptionFault as error:
        raise SyntaxError(str(error), (CELL, 1, 1, f"%explainer {line}")) from None
    try:
        if place.path:
            return explain(read_problem(place.path, **writing))
        return explain(problem_from_text(cell or "", CELL, place.folder, **writing))
    except InputError as error:
        raise pointed(error.faults, line, cell or "") from None
    except ExplainerError as error:
        raise SyntaxError(str(error), (CELL, 1, 1, f"%explainer {line}")) from None


def pointed(faults: list[Fault], line: str, cell: str) -> SyntaxError:
    """The first fault as an error that a notebook shows with a caret, and the others after it."""
    first, lines = faults[0], cell.split("\n")
    others = [f"line {fault.line}, column {fault.column}: {said(fault)}" for fault in faults[1:]]
    message = "\n".join([said(first), *others])
    if first.file != CELL:
        return SyntaxError(message, (first.file, first.line, first.column, None))
    if first.found.startswith("option --"):
        return SyntaxError(message, (CELL, 1, 1, f"%explainer {line}"))
    text = lines[first.line - 1] if first.line <= len(lines) else ""
    return SyntaxError(message, (CELL, first.line + 1, first.column, text))
