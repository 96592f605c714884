"""Files -> claims. Text, CSV, Markdown, LaTeX and notebooks are read here, spreadsheets in `spreadsheets`.

Nothing is run and nothing is compiled: a working comes from somebody else. In text and tables every line is a claim or
has a reason why not; in Markdown, LaTeX and notebooks what is prose or program is no line of the working.
"""

from __future__ import annotations

import csv
import io
import json
import os
import re
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..errors import Fault, InputError
from ..plain import plain, without_matrices
from ..source import decoded, read_bytes
from .claims import LONGEST, Claim, claim, claims_of_line, uses_decimal_commas
from .numerals import numeral
from .samples import in_samples
from .spreadsheets import read_spreadsheet
from .tables import places_of, samples_across

LARGEST = 4 << 20  # bytes of a working
MOST_LINES = 20_000
READ = (".txt", ".md", ".markdown", ".tex", ".csv", ".tsv", ".xlsx", ".ipynb")
UNREADABLE = (  # what people hand in all the same
    *(".pdf", ".doc", ".docx", ".odt", ".rtf", ".pages", ".html", ".htm", ".xls", ".ods", ".numbers", ".zip"),
    *(".jpg", ".jpeg", ".png", ".heic"),
)
HEADINGS = {"name", "quantity", "line", "value", "result", "名称", "量", "数值", "结果"}

Lines = list[tuple[int, str]]  # (number in the file, text)


def read_working(path: str | os.PathLike[str]) -> list[Claim]:
    """The claims of a file; its ending says how it is read. InputError where it cannot be opened or is not what it says."""
    ending = Path(path).suffix.lower()
    if ending in (".xlsx", ".xlsm"):
        return read_spreadsheet(path)
    file = str(path)
    if ending in UNREADABLE:
        raise InputError([Fault(file, 1, 1, f"{ending} is not read", f"hand in one of {', '.join(READ)}")])
    return working_from_text(text_of(read_bytes(path, LARGEST, file, "keep only the working"), file), ending, file)


def text_of(data: bytes, file: str) -> str:
    """The text of a working: UTF-8, or as Chinese Excel saves .csv and every Excel saves text."""
    try:
        return decoded(data, file)
    except InputError:
        for encoding in ("utf-16",) if data[:2] in (BOM_UTF16_LE, BOM_UTF16_BE) else ("gb2312",):
            with suppress(UnicodeDecodeError):
                return data.decode(encoding)
        raise


def working_from_text(text: str, ending: str = ".txt", file: str = "<working>") -> list[Claim]:
    """The claims of a text that would stand in a file of this ending."""
    if text.count("\n") > MOST_LINES:
        raise InputError([Fault(file, MOST_LINES, 1, f"a working of more than {MOST_LINES:,} lines", "split it up")])
    readers: dict[str, Callable[[str, str], list[Claim]]] = {
        ".csv": of_table,
        ".tsv": of_table,
        ".md": of_markdown,
        ".markdown": of_markdown,
        ".tex": of_latex,
        ".ipynb": of_notebook,
    }
    found = readers.get(ending, of_text)(text, file)
    return found if ending == ".ipynb" else in_samples(found, enumerate(text.splitlines(), 1))


# ---- text


def of_text(text: str, file: str) -> list[Claim]:
    return claims_of([*enumerate(text.splitlines(), 1)])


def claims_of(lines: Lines) -> list[Claim]:
    """Every line read; one that begins with = goes on with the line before, as one does after an operation."""
    lines = joined(lines)
    commas = uses_decimal_commas([text for _, text in lines])
    return [found for number, text in lines for found in claims_of_line(text, number, commas)]


def joined(lines: Lines) -> Lines:
    found: Lines = []
    for number, text in lines:
        if (
            found
            and (re.match(r"\s*&?\s*(?:=(?!=)|≈|\\approx)", text) or is_unfinished(found[-1][1]))
            and text.strip(" =")
            and found[-1][1].strip()
            and len(found[-1][1]) < LONGEST
        ):
            found[-1] = (found[-1][0], f"{found[-1][1].rstrip()} {text.strip()}")
        else:
            found.append((number, text))
    return found


def is_unfinished(text: str) -> bool:
    """Whether a statement goes on in the next line: after an operation, or in the middle of an array."""
    value = text.rpartition("=")[2]
    return bool(UNFINISHED.search(text)) or (value.count("[") > value.count("]") and "=" in text)


# ---- tables


def of_table(text: str, file: str) -> list[Claim]:
    """A table with a name and a value in each row, and perhaps the expression between them."""
    text = text.removeprefix("\ufeff")
    delimiter = delimiter_of(text)
    try:
        rows = [
            (reader.line_num, row)
            for reader in [csv.reader(io.StringIO(text), delimiter=delimiter, strict=True)]
            for row in reader
        ]
    except csv.Error as error:
        raise InputError([Fault(file, 1, 1, f"a table that cannot be read ({error})", "save it as CSV anew")]) from None
    commas = delimiter != "," and uses_decimal_commas([f"x = {cell}" for _, row in rows for cell in row[1:]])
    stripped = [(number, [cell.strip() for cell in row]) for number, row in rows]
    if stripped and is_heading(stripped[0][1]):
        stripped = stripped[1:]
    return [
        replace(each, sample=sample)
        for number, cells, sample in by_headings(stripped)
        for each in claims_of_row(number, cells, delimiter, commas)
    ]


def by_headings(rows: list[tuple[int, list[str]]]) -> Iterator[tuple[int, list[str], str]]:
    """The rows, each a name and its value, and the sample: what stands under headings is taken apart."""
    for (number, cells), places in zip(rows, places_of([cells for _, cells in rows]), strict=True):
        if places is None:
            yield number, cells, ""
        else:
            yield from ((number, [name, cells[column]], sample) for name, column, sample in places)


def delimiter_of(text: str) -> str:
    first = [line for line in text.splitlines() if line.strip()][:20]
    counts = {each: sum(each in line for line in first) for each in (";", "\t", ",")}
    return max(counts, key=lambda each: (counts[each], each != ",")) if any(counts.values()) else ","


def is_heading(cells: list[str]) -> bool:
    is_named = bool(cells) and cells[0].lower() in HEADINGS and all(numeral(plain(cell)) is None for cell in cells)
    return is_named and not samples_across(cells)


def claims_of_row(number: int, cells: list[str], delimiter: str = ",", commas: bool = False) -> Iterator[Claim]:
    """What a row says; nothing where there is no value in it."""
    while cells and not cells[-1]:
        cells = cells[:-1]
    shown = f"{delimiter} ".join(cells) if delimiter == "," else delimiter.join(cells)
    if not cells or not cells[0] or cells[0].startswith("#") or len(cells) == 1:
        if len(cells) == 1 and "=" in cells[0]:
            yield from claims_of_line(cells[0], number, commas)
        return
    name, *middle, last = cells
    if delimiter == "," and middle and all(re.fullmatch(r"[+-]?\d+", plain(each)) for each in (*middle, last)):
        yield Claim(number, shown, name, fault="comma", detail=f"{middle[-1]},{last}")
        return
    if last.startswith("=") and numeral(plain(last[1:])) is None:
        yield Claim(number, shown, name, fault="formula", detail=last)
        return
    expressions = [each.lstrip("=") for each in middle if each]
    text = " = ".join([plain(name), *(plain(each) for each in expressions), plain(last.lstrip("="))])
    yield claim(text, number, shown, commas)


# ---- Markdown and LaTeX

INLINE = re.compile(r"(?<!\\)\$`?([^$]+?)`?\$|\\\((.+?)\\\)")
UNFINISHED = re.compile(
    r"=.*(?:[-+/×·]|(?<!\*)\*|\\cdot|\\times)\s*$"
)  # an operation whose other side is on the next line
SPACED = re.compile(r"\\\\\[\s*-?[\d.]+\s*[a-z]{2}\s*\]")  # the end of a line of mathematics, with a distance
FENCE = re.compile(r"^\s*(```+|~~~+)")
DISPLAY = re.compile(
    r"(\$\$|\\\[|\\\]|\\(?:begin|end)\{(?:equation|align|gather|eqnarray|multline|displaymath|math)\*?\})"
)
REMARK = re.compile(r"[^\W\d_]+(?:\s+[^\W\d_]+)+[.!]?\s*$")  # words behind a number: it is told, not stated
CELLS = re.compile(r"(?<!\\)&")
RULES = re.compile(r"\\(?:hline|toprule|midrule|bottomrule|cline\{[^}]*\}|centering)")
ENVIRONMENT = re.compile(
    r"\\(begin|end)\{(equation|align|aligned|gather|gathered|eqnarray|multline|split|displaymath|math)\*?\}"
)


def of_markdown(text: str, file: str) -> list[Claim]:
    """Tables, code and mathematics; of the rest only lines that are statements from end to end."""
    lines: Lines = []
    rows: list[tuple[int, list[str]]] = []
    prose: Lines = []
    fenced, depth = False, 0
    for number, line in enumerate(text.splitlines(), 1):
        line = SPACED.sub(r"\\\\", line)
        stripped = line.strip()
        if FENCE.match(line):
            fenced = not fenced
        elif fenced:
            lines += statements(number, line)
        elif depth or DISPLAY.search(line):
            pieces, depth = displayed(line, depth)
            for is_math, piece in pieces:
                lines += statements(number, piece) if is_math else ()
                prose += in_prose(number, piece) if not is_math else ()
        elif stripped.startswith("|"):
            cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", stripped.strip("|"))]
            if not all(re.fullmatch(r":?-+:?", cell) for cell in cells):
                rows.append((number, cells))
        elif INLINE.search(line) and not INLINE.sub("", line).strip(" .,;:*-0123456789)>"):
            whole = [(number, found[1] or found[2]) for found in INLINE.finditer(line)]
            lines += whole if any("=" in each for _, each in whole) else [(number, line)]
        else:
            prose += in_prose(number, line)
    commas = uses_decimal_commas([text for _, text in lines] + [f"x = {cell}" for _, row in rows for cell in row[1:]])
    found = claims_of([(n, each) for n, each in lines if each.strip()])
    found += [*of_rows(rows, commas), *readable(prose, commas)]
    return sorted(found, key=lambda each: each.line)


def of_rows(rows: list[tuple[int, list[str]]], commas: bool) -> Iterator[Claim]:
    """What tables in prose say."""
    for number, cells, sample in by_headings([(n, cells) for n, cells in rows if not is_heading(cells)]):
        yield from (replace(each, sample=sample) for each in table_row(number, cells, commas))


def table_row(number: int, cells: list[str], commas: bool) -> Iterator[Claim]:
    """A row of a table in prose: one that has no number in it is a heading or a remark."""
    if any(numeral(plain(cell)) or "," in cell or re.search(r"=\s*[-+]?\.?\d", plain(cell)) for cell in cells[1:]):
        yield from claims_of_row(number, cells, "|", commas)


def displayed(line: str, depth: int) -> tuple[list[tuple[bool, str]], int]:
    """The pieces of a line, each with whether it is mathematics set apart, and how deep the end of the line is in it."""
    pieces: list[tuple[bool, str]] = []
    for place, piece in enumerate(DISPLAY.split(line)):
        if place % 2 == 0:
            pieces += [(depth > 0, piece)] if piece.strip() else []
        elif piece == "$$":
            depth = int(not depth)
        else:
            depth = max(0, depth + (1 if piece == r"\[" or piece.startswith(r"\begin") else -1))
    return pieces, depth


def in_prose(number: int, line: str) -> Lines:
    """The formulas of a line of prose; the line itself where it has none."""
    formulas = [found[1] or found[2] for found in INLINE.finditer(line)]
    return [(number, each) for each in formulas if "=" in each] if formulas else [(number, line)]


def statements(number: int, line: str) -> Lines:
    r"""The pieces of a line of mathematics, cut at \\."""
    line = without_matrices(ENVIRONMENT.sub(" ", line))
    pieces = re.split(r"\\\\(?:\[[^\]]*\])?", line)
    return [(number, piece) for piece in pieces if piece.strip()]


def readable(lines: Lines, commas: bool) -> Iterator[Claim]:
    """Those lines of a text with prose in it that are statements of a number."""
    for number, text in joined(lines):
        bare = re.sub(r"^\s*(?:[-*+>]|\d+[.)])\s+", "", text)
        if "=" in bare and not REMARK.search(plain(bare)) and len(bare.partition("=")[0].split()) <= 3:
            yield from (each for each in claims_of_line(bare, number, commas) if not each.fault)


def of_latex(text: str, file: str) -> list[Claim]:
    """The mathematics of a LaTeX file, and lines that are statements. It is never compiled."""
    lines: Lines = []
    prose: Lines = []
    rows: list[tuple[int, list[str]]] = []
    depth, in_table = 0, False
    for number, raw in enumerate(text.splitlines(), 1):
        line = SPACED.sub(r"\\\\", re.sub(r"(?<!\\)%.*", "", raw))
        if r"\begin{tabular" in line:
            in_table = True
        elif r"\end{tabular" in line:
            in_table = False
        elif in_table:
            for row in re.split(r"\\\\", RULES.sub("", line)):
                rows += [(number, [cell.strip() for cell in CELLS.split(row)])] if row.strip() else []
        elif depth or DISPLAY.search(line):
            pieces, depth = displayed(line, depth)
            for is_math, piece in pieces:
                lines += statements(number, piece) if is_math else ()
                prose += in_prose(number, piece) if not is_math else ()
        elif INLINE.search(line) or not re.match(
            r"\s*\\(?:documentclass|usepackage|begin|end|section|title|author|date|maketitle|item)", line
        ):
            prose += in_prose(number, line)
    math = any("=" in each for _, each in lines)
    commas = uses_decimal_commas([each for _, each in lines + prose])
    found = claims_of([(n, each) for n, each in lines if each.strip()]) if math else []
    return sorted([*found, *of_rows(rows, commas), *readable(prose, commas)], key=lambda each: each.line)


# ---- notebooks


def of_notebook(text: str, file: str) -> list[Claim]:
    """The cells of a notebook as text. Lines are counted on through all cells; code is read, never run."""
    try:
        cells = json.loads(text)["cells"]
        sources = [(str(cell["cell_type"]), joined_source(cell["source"])) for cell in cells]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise InputError([Fault(file, 1, 1, "no notebook that can be read", "save it anew from Jupyter")]) from None
    found: list[Claim] = []
    before = 0
    for kind, source in sources:
        if kind == "markdown":
            claims: Iterable[Claim] = of_markdown(source, file)
        else:
            claims = readable([(n, line.partition("#")[0]) for n, line in enumerate(source.splitlines(), 1)], False)
        found += [moved(each, before) for each in claims]
        before += source.count("\n") + 1
    return in_samples(found, enumerate("\n".join(source for _, source in sources).split("\n"), 1))


def joined_source(source: Any) -> str:
    return source if isinstance(source, str) else "".join(str(line) for line in source)


def moved(found: Claim, lines: int) -> Claim:
    return replace(found, line=found.line + lines)
