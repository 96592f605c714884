"""Spreadsheets, read safely: of an .xlsx file its first sheet, as names and values.

The file is a zip archive of XML. It comes from somebody else, so sizes are bounded before anything is unpacked, a
DOCTYPE is refused (entities are how XML makes gigabytes of a line, or reads other files), and macros and links to other
files are refused too. Formulas are read as the expressions that they are; none is run but by our own reader.
"""

from __future__ import annotations

import os
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from io import BytesIO
from xml.parsers import expat

import numpy as np

from ..errors import Fault, InputError
from ..expressions import NotAFormula, read
from ..expressions import value as tree_value
from ..plain import plain
from ..source import read_bytes
from .claims import Claim, claim
from .formula_claims import explicit
from .numerals import Numeral, numeral
from .samples import in_samples
from .tables import places_of

LARGEST = 8 << 20  # bytes of the file
UNPACKED = 32 << 20  # of all its parts
MOST_PARTS, MOST_ROWS, MOST_COLUMNS, LONGEST = 500, 5000, 26, 2000
BUILT_IN = {1: 0, 2: 2, 3: 0, 4: 2}  # decimals of the number formats that every spreadsheet knows
VALUE_HEADINGS = {"value", "result", "数值", "结果"}
FULL = 12  # significant digits from which a number is known to all it has


class Unusable(Exception):
    """Why a file is no spreadsheet that is read here: what was found, and what would do."""


@dataclass
class Cell:
    """One cell: what stands in it, the formula behind it, and how many decimals it is shown with."""

    text: str = ""
    formula: str = ""
    is_text: bool = False
    decimals: int | None = None


def read_spreadsheet(path: str | os.PathLike[str]) -> list[Claim]:
    """The claims of the first sheet of an .xlsx file: in each row the first text is a name, the next number its value."""
    file = str(path)
    data = read_bytes(path, LARGEST, file)
    try:
        cells = cells_of(data)
    except Unusable as error:
        found, remedy = error.args
        raise InputError([Fault(file, 1, 1, found, remedy)]) from None
    rows: dict[int, dict[int, Cell]] = {}
    for (row, column), cell in cells.items():
        rows.setdefault(row, {})[column] = cell
    values = {place: number_of(cell) for place, cell in cells.items() if not cell.is_text}
    value_column = value_column_of(rows[min(rows)]) if rows else None
    taken = by_headings(rows) if value_column is None else ((row, rows[row], "") for row in sorted(rows))
    found = [
        replace(each, sample=sample)
        for row, there, sample in taken
        for each in claims_of_row(row, there, values, value_column)
    ]
    texts = ((row, " ".join(cell.text for _, cell in sorted(rows[row].items()))) for row in sorted(rows))
    return in_samples(found, texts)


def by_headings(rows: Mapping[int, Mapping[int, Cell]]) -> Iterator[tuple[int, Mapping[int, Cell], str]]:
    """The rows, each a name and its value, and the sample: what stands under headings is taken apart."""
    numbers = sorted(rows)
    grid = [[texts_of(rows[row].get(column)) for column in range(1, max(rows[row], default=0) + 1)] for row in numbers]
    for row, places in zip(numbers, places_of(grid), strict=True):
        if places is None:
            yield row, rows[row], ""
        else:
            for name, column, sample in places:
                yield row, {1: Cell(name, is_text=True), 2: rows[row][column + 1]}, sample


def texts_of(cell: Cell | None) -> str:
    """What a cell shows; a number where its formula was never worked out."""
    return "" if cell is None else cell.text or ("0" if cell.formula else "")


# ---- the archive


def cells_of(data: bytes) -> dict[tuple[int, int], Cell]:
    """Every cell of the first sheet, by row and column from 1."""
    try:
        archive = zipfile.ZipFile(BytesIO(data))
        parts = archive.infolist()
    except (zipfile.BadZipFile, ValueError, OSError):
        raise Unusable("no .xlsx file", "save the sheet as .xlsx, or as .csv") from None
    names = [part.filename for part in parts]
    if len(names) != len(set(names)) or any(".." in name or name.startswith(("/", "\\")) for name in names):
        raise Unusable("an .xlsx file with parts that hide one another", "save it anew")
    if any("vbaProject" in name or "externalLink" in name for name in names):
        raise Unusable("a spreadsheet with macros or links to other files", "save it as .xlsx without them, or as .csv")
    if len(parts) > MOST_PARTS or sum(part.file_size for part in parts) > UNPACKED:
        raise Unusable("a spreadsheet that is too large", "save only the sheet with the working")
    shared = strings_of(part(archive, "xl/sharedStrings.xml", names))
    formats = formats_of(part(archive, "xl/styles.xml", names))
    sheet = next((name for name in sorted(names) if re.fullmatch(r"xl/worksheets/sheet\d+\.xml", name)), None)
    if sheet is None:
        raise Unusable("an .xlsx file without a sheet", "save it anew")
    return sheet_cells(part(archive, sheet, names), shared, formats)


def part(archive: zipfile.ZipFile, name: str, names: list[str]) -> bytes:
    """One part, unpacked no further than the limit, whatever size it claims to have."""
    if name not in names:
        return b""
    try:
        with archive.open(name) as stream:
            data = stream.read(UNPACKED + 1)
    except (zipfile.BadZipFile, zlib.error, RuntimeError, NotImplementedError, OSError, EOFError, ValueError):
        raise Unusable(f"an .xlsx file whose part {name} is broken", "save it anew") from None
    if len(data) > UNPACKED:
        raise Unusable("a spreadsheet that is too large", "save only the sheet with the working")
    return data


def parsed(
    data: bytes, start: Callable[[str, dict[str, str]], None], end: Callable[[str], None], text: Callable[[str], None]
) -> None:
    """The XML walked through. A DOCTYPE is refused before any entity can be one."""
    if not data:
        return
    parser = expat.ParserCreate()
    parser.buffer_text = True

    def refuse(*_: object) -> None:
        raise Unusable("a spreadsheet with a DOCTYPE in it", "save it anew from a spreadsheet program")

    parser.StartDoctypeDeclHandler = refuse
    parser.EntityDeclHandler = refuse
    parser.StartElementHandler = lambda name, attributes: start(name.rpartition(":")[2], attributes)
    parser.EndElementHandler = lambda name: end(name.rpartition(":")[2])
    parser.CharacterDataHandler = text
    try:
        parser.Parse(data, True)
    except expat.ExpatError:
        raise Unusable("a spreadsheet whose XML is broken", "save it anew") from None


def strings_of(data: bytes) -> list[str]:
    found: list[str] = []
    reading = [False]

    def start(name: str, _: dict[str, str]) -> None:
        if name == "si":
            found.append("")
        reading[0] = name == "t"

    def text(piece: str) -> None:
        if reading[0] and found and len(found[-1]) <= LONGEST:
            found[-1] += piece

    def end(name: str) -> None:
        reading[0] = False

    parsed(data, start, end, text)
    return found


def formats_of(data: bytes) -> list[int | None]:
    """Of each cell style how many decimals it shows; None: as many as there are."""
    own: dict[int, int | None] = {}
    styles: list[int] = []
    inside = [False]

    def start(name: str, attributes: dict[str, str]) -> None:
        if name == "numFmt":
            own[whole(attributes.get("numFmtId", ""))] = decimals_of(attributes.get("formatCode", ""))
        elif name == "cellXfs":
            inside[0] = True
        elif name == "xf" and inside[0]:
            styles.append(whole(attributes.get("numFmtId", "0")))

    def end(name: str) -> None:
        if name == "cellXfs":
            inside[0] = False

    parsed(data, start, end, lambda _: None)
    return [own.get(number, BUILT_IN.get(number)) for number in styles]


def whole(text: str) -> int:
    return int(text) if re.fullmatch(r"\d{1,9}", text) else 0


def decimals_of(code: str) -> int | None:
    found = re.fullmatch(r"[#,]*0(?:\.(0+))?(?:_.*|;.*)?", code)
    return len(found[1] or "") if found else None


def sheet_cells(data: bytes, shared: list[str], formats: list[int | None]) -> dict[tuple[int, int], Cell]:
    cells: dict[tuple[int, int], Cell] = {}
    now: list[Cell | None] = [None]
    kind, reading = [""], [""]

    def start(name: str, attributes: dict[str, str]) -> None:
        if name == "c":
            place = place_of(attributes.get("r", ""))
            style = whole(attributes.get("s", "0"))
            cell = Cell(decimals=formats[style] if style < len(formats) else None)
            now[0], kind[0] = cell, attributes.get("t", "n")
            if place is not None:
                cells[place] = cell
        reading[0] = name if name in ("v", "f", "t") else ""

    def text(piece: str) -> None:
        cell = now[0]
        if cell is None or len(cell.text) + len(cell.formula) > LONGEST:
            return
        if reading[0] == "f":
            cell.formula += piece
        elif reading[0]:
            cell.text += piece

    def end(name: str) -> None:
        cell = now[0]
        if name == "c" and cell is not None:
            if kind[0] == "s":
                index = whole(cell.text)
                cell.text = shared[index] if index < len(shared) else ""
            cell.is_text = kind[0] in ("s", "str", "inlineStr", "e", "b")
            now[0] = None
        reading[0] = ""

    parsed(data, start, end, text)
    return cells


def place_of(name: str) -> tuple[int, int] | None:
    """(row, column) of a cell called B7; None where it is outside what is read."""
    found = re.fullmatch(r"([A-Z]{1,3})(\d{1,7})", name)
    if not found:
        return None
    column = 0
    for letter in found[1]:
        column = column * 26 + ord(letter) - 64
    row = int(found[2])
    return (row, column) if column <= MOST_COLUMNS and row <= MOST_ROWS else None


# ---- rows


def number_of(cell: Cell) -> Numeral | None:
    """The number in a cell, with what its format shows of it; all of it where the format says nothing."""
    found = numeral(cell.text)
    if found is None:
        return None
    if cell.decimals is not None:
        return numeral(f"{found.value:.{cell.decimals}f}")
    shown = numeral(repr(found.value).removesuffix(".0"))
    if shown is not None and (cell.formula or shown.significant >= FULL):
        return shown._replace(half=0.0)
    return shown


def value_column_of(heading: Mapping[int, Cell]) -> int | None:
    """The column that the first row calls that of the values."""
    if not all(cell.is_text for cell in heading.values()):
        return None
    return next((c for c, cell in heading.items() if cell.text.strip().lower() in VALUE_HEADINGS), None)


def claims_of_row(
    row: int,
    there: Mapping[int, Cell],
    values: Mapping[tuple[int, int], Numeral | None],
    value_column: int | None = None,
) -> list[Claim]:
    columns = sorted(there)
    name_column = next((c for c in columns if there[c].is_text and there[c].text.strip()), None)
    if name_column is None:
        return []
    name = plain(there[name_column].text)
    shown = " ".join(cell.text or f"={cell.formula}" for cell in (there[c] for c in columns))
    if name.startswith("#"):
        return []
    texts = [there[c] for c in columns if c > name_column and there[c].is_text and there[c].text.strip()]
    filled = [c for c in columns if c > name_column and not there[c].is_text and (there[c].text or there[c].formula)]
    column = value_column if value_column in filled else next(iter(filled), None)
    if column is None:
        typed = next((each for each in texts if numeral(plain(each.text))), None)
        if typed is not None:
            return [Claim(row, shown, name, (), numeral(plain(typed.text)))]
        if any(each.text.startswith("#") for each in texts):
            return [Claim(row, shown, name, fault="error_cell", detail=texts[0].text)]
        other = there.get(value_column or 0)
        if other is None or other.text.strip().lower() in VALUE_HEADINGS:
            return []
        return [claim(f"{name} = {plain(other.text)}", row, shown, decimal_comma=False)]
    cell = there[column]
    expressions = tuple(plain(each.text).lstrip("=").strip() for each in texts[:1])
    before = next((there[c].formula for c in filled if c < column and there[c].formula), "")
    if before and not cell.formula:
        expressions = (*expressions, *filter(None, [in_numbers(before, values)]))
    if cell.formula:
        formula = in_numbers(cell.formula, values)
        expressions = (*expressions, formula) if formula else expressions
    value = number_of(cell)
    if value is None and cell.formula and expressions:
        value = computed(expressions[-1])
    if value is None:
        return [
            Claim(
                row,
                shown,
                name,
                expressions,
                fault="formula" if cell.formula else "no_number",
                detail=cell.text or f"={cell.formula}",
            )
        ]
    return [Claim(row, shown, name, expressions, value)]


def in_numbers(formula: str, values: Mapping[tuple[int, int], Numeral | None]) -> str:
    """A formula with the numbers of its cells put in; empty where it has more than arithmetic."""
    missing = []

    def number(found: re.Match[str]) -> str:
        place = place_of(found[0].replace("$", ""))
        value = values.get(place) if place else None
        if value is None:
            missing.append(found[0])
            return "0"
        return f"({value.text})"

    text = re.sub(r"\$?\b[A-Z]{1,2}\$?\d{1,4}\b(?!\()", number, formula)
    text = re.sub(r"\b(EXP|LN|SQRT|TANH|ABS|MAX|MIN)\b", lambda f: f[0].lower(), text)
    return "" if missing or re.search(r"[!:]|[A-Z]{2,}", text) or len(text) > LONGEST else text


def computed(text: str) -> Numeral | None:
    """The value of a formula that its file has no value of."""
    try:
        value = float(tree_value(read(explicit(text), ()), {}))
    except (NotAFormula, ValueError, OverflowError):
        return None
    found = numeral(repr(value)) if np.isfinite(value) else None
    return found._replace(half=0.0) if found else None
