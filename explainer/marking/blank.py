"""The empty sheet to fill in: every line of the derivation by the name that `check` knows it by."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from ..errors import ExplainerError, NotBuilt
from ..problem import GraphProblem, Problem
from ..render import Setting, Speaker
from .checking import lines_of

MOST_LINES = 5000


def blank_names(problem: Problem | GraphProblem) -> list[str]:
    """The lines of a full sheet, in the order in which they can be worked."""
    lines = lines_of(problem)
    wanted = set(lines.asked())
    if len(wanted) > MOST_LINES:
        raise ExplainerError(f"a sheet of {len(wanted):,} lines; give a smaller network")
    return [lines.names[number] for number in lines.order(sorted(wanted)) if number in wanted]


def blank(problem: Problem | GraphProblem, path: Path) -> bytes:
    """The sheet as a file: .csv, .md or .xlsx."""
    names, ending = blank_names(problem), path.suffix.lower()
    heads = Speaker(problem.writing.language, Setting()).text("mark_sheet_heads").split("|")
    if ending == ".csv":
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows([heads, *((name, "", "") for name in names)])
        return for_excel(text.getvalue()).encode()
    if ending == ".md":
        rows = [f"| {' | '.join(heads)} |", "| --- | --- | --- |", *(f"| {name} |  |  |" for name in names)]
        return "\n".join([f"# {problem.title}", "", *rows, ""]).encode()
    if ending == ".xlsx":
        return workbook(problem.title, heads, names)
    raise NotBuilt(f"{path}:1:1: {ending or 'no ending'} is no format of a sheet; write to .csv, .md, .xlsx")


def for_excel(text: str) -> str:
    """A table with the mark by which Excel knows UTF-8, where it is needed."""
    return text if text.isascii() else f"\ufeff{text}"


def workbook(title: str, heads: Sequence[str], names: Sequence[str]) -> bytes:
    """The sheet as a workbook; needs openpyxl, which only writes here."""
    try:
        from openpyxl import Workbook
        from openpyxl.styles import Font
    except ImportError:
        raise ExplainerError('writing .xlsx needs openpyxl; run: pip install "explainer[xlsx]"') from None
    book = Workbook()
    sheet = book.active
    sheet.title = "working"
    sheet.append(heads)
    for name in names:
        sheet.append((name, None, None))
    for column, width in (("A", 18), ("B", 50), ("C", 18)):
        sheet.column_dimensions[column].width = width
        sheet[f"{column}1"].font = Font(bold=True)
    sheet.freeze_panes = "B2"
    book.properties.title = title
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()
