"""Numbers that do not stand in the spec itself: data files beside it, and draws from a seeded generator."""

from __future__ import annotations

import io
import os
import re
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from .errors import Fault, InputError
from .source import A_NUMBER, NotANumber, decimal, decoded, inside, is_hidden, number_remedy, read_bytes, shortened
from .spec import NAME

Array = NDArray[np.float64]

MAX_DATA_BYTES = 64 << 20
MAX_NUMBERS = 2_000_000  # in one array, and of weights in one network

NUMBER = r"[-+\u2212]?(?:[0-9]{1,40}(?:\.[0-9]{0,40})?|\.[0-9]{1,40})(?:[eE][-+]?(?:[0-2]?[0-9]{1,2}|300))?"
ROW = re.compile(rf"{NUMBER}(?:[,;\t]{NUMBER})*")  # the common case, a hundred times faster than cell by cell


class Unusable(Exception):
    """Why an array cannot be had: `found` and `remedy` are the halves of a fault of the spec."""

    def __init__(self, found: str, remedy: str) -> None:
        super().__init__(found)
        self.found, self.remedy = found, remedy


@dataclass(frozen=True)
class Table:
    """The numbers of a file, and the names at its head where it has them."""

    values: Array
    names: tuple[str, ...] = ()


DRAWS: Mapping[str, Callable[[np.random.Generator, float, tuple[int, ...]], Array]] = {
    "normal": lambda generator, scale, shape: scale * generator.standard_normal(shape),
    "uniform": lambda generator, scale, shape: generator.uniform(-scale, scale, shape),
}


def drawn(kind: Literal["normal", "uniform"], scale: float, seed: int, shape: tuple[int, ...]) -> Array:
    """Random numbers, the same for the same seed: each array has a generator of its own."""
    values = DRAWS[kind](np.random.default_rng(seed), scale, shape)
    if not np.isfinite(values).all():
        raise Unusable(f"scale {scale:g} gives numbers that are not finite", "write a smaller scale")
    return values


def read_table(folder: str | os.PathLike[str] | None, name: str, spec: str, header: bool) -> Table:
    """The data file `name` in the folder of the spec; with `header`, a first row of names is allowed in a CSV file.

    Unusable where the spec names a file that will not do, InputError where a cell of the file will not do.
    """
    file_name, _, key = name.partition("#")
    read = READERS.get(os.path.splitext(file_name)[1].lower())
    if read is None or bool(key) != file_name.lower().endswith(".npz"):
        raise Unusable(f"{shortened(name)!r} is no data file", "name a .csv, .npy or .npz#key file")
    if folder is None:
        raise Unusable("a spec without a folder has no data files", "save the spec as a file beside its data")
    path = inside(folder, file_name)
    if path is None:
        raise Unusable(f"{shortened(name)!r} leaves the folder of the spec", "keep data files in that folder")
    if not path.is_file():
        raise Unusable(f"there is no file {shortened(file_name)!r} beside the spec", "check its name and folder")
    file = os.path.join(os.path.dirname(spec), file_name)
    table = read(read_bytes(path, MAX_DATA_BYTES, file), file, key, header)
    if not np.isfinite(table.values).all():
        raise Unusable(f"{shortened(name)} holds numbers that are not finite", "replace nan and inf in it")
    return table


# ---------------------------------------------------------------------------------------------------------------- CSV


def _csv_table(data: bytes, file: str, key: str, header: bool) -> Table:
    lines = [(number, line) for number, line in enumerate(_lines(decoded(data, file)), 1) if line.strip()]
    if not lines:
        raise Unusable(f"{file} is empty", "write one row of numbers a line")
    separator = next((mark for mark in ";\t," if mark in lines[0][1]), ",")
    names: tuple[str, ...] = ()
    if header and not DECIMAL_START.match(lines[0][1].strip()):
        names = _names(file, *lines.pop(0), separator)
    rows: list[list[float]] = []
    faults: list[Fault] = []
    width = len(names) or len(lines[0][1].split(separator)) if lines else 0
    for number, line in lines:
        row, row_faults = _row(file, number, line, separator, width)
        faults += row_faults
        rows.append(row)
        if len(faults) >= MAX_FAULTS or len(rows) * width > MAX_NUMBERS:
            break
    if faults:
        raise InputError(faults[:MAX_FAULTS])
    if len(rows) * width > MAX_NUMBERS:
        raise Unusable(f"{file} holds more than {MAX_NUMBERS:,} numbers", "give a smaller array")
    return Table(np.array(rows, dtype=np.float64).reshape(len(rows), width), names)


DECIMAL_START = re.compile(r"[-+\u2212.0-9]")
MAX_FAULTS = 20  # of one file: a file in a wrong format has one in every cell


def _lines(text: str) -> list[str]:
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def _names(file: str, number: int, line: str, separator: str) -> tuple[str, ...]:
    cells = [cell.strip().strip('"') for cell in line.split(separator)]
    if not all(re.fullmatch(NAME, cell) for cell in cells) or len(set(cells)) < len(cells):
        remedy = "write each name once: a letter, then letters, digits and underscores"
        raise InputError([Fault(file, number, 1, "the first row is neither numbers nor names", remedy)])
    return tuple(cells)


def _row(file: str, number: int, line: str, separator: str, width: int) -> tuple[list[float], list[Fault]]:
    cells = line.split(separator)
    if len(cells) != width:
        remedy = "give all rows the same number of cells"
        if separator == "," and len(cells) == 2 * width:
            remedy = "write decimal points; is the comma a decimal comma?"
        return [], [Fault(file, number, 1, f"{len(cells)} cells where {width} are expected", remedy)]
    if ROW.fullmatch(line):
        return [float(cell.replace("\u2212", "-")) for cell in cells], []
    values: list[float] = []
    faults: list[Fault] = []
    column = 1
    for cell in cells:
        try:
            values.append(_cell(cell))
        except NotANumber as error:
            left = len(cell) - len(cell.lstrip())
            faults.append(Fault(file, number, column + left, error.found, error.remedy))
        column += len(cell) + 1
    return values, faults


def _cell(text: str) -> float:
    hidden = next(filter(is_hidden, text), None)
    if hidden is not None:
        raise NotANumber(f"invisible character U+{ord(hidden):04X}", "delete it")
    if not text.strip():
        raise NotANumber("an empty cell", "write a number in each cell")
    try:
        return decimal(text.strip().replace("\u2212", "-"))
    except NotANumber as error:
        hint = number_remedy(text.strip())  # of the text as it stands in the file
        raise NotANumber(error.found, error.remedy if hint == A_NUMBER else hint) from None


# -------------------------------------------------------------------------------------------------------- .npy and .npz

BROKEN = "save it again with numpy.save or numpy.savez, as numbers"


def _npy_table(data: bytes, file: str, key: str, header: bool) -> Table:
    stream = io.BytesIO(data)
    try:
        shape, kind = _npy_head(stream)
    except Exception:
        raise Unusable(f"{file} is no array of numbers", BROKEN) from None
    if kind not in "fiu":
        raise Unusable(f"{file} holds no plain numbers", BROKEN)
    count = 1
    for size in shape:
        count *= size
    if count > MAX_NUMBERS:  # before memory is taken for what the head claims
        raise Unusable(f"{file} holds more than {MAX_NUMBERS:,} numbers", "give a smaller array")
    stream.seek(0)
    try:
        with np.errstate(over="ignore"):
            values = np.lib.format.read_array(stream, allow_pickle=False).astype(np.float64)
    except (ValueError, EOFError, OSError, TypeError):
        raise Unusable(f"{file} is cut short or damaged", BROKEN) from None
    return Table(values)


def _npy_head(stream: io.BytesIO) -> tuple[tuple[int, ...], str]:
    version = np.lib.format.read_magic(stream)
    read = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}[version]
    shape, _, dtype = read(stream)
    return shape, dtype.kind


def _npz_table(data: bytes, file: str, key: str, header: bool) -> Table:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            keys = [name.removesuffix(".npy") for name in archive.namelist()]
            if key not in keys:
                raise Unusable(f"{file} has no array {shortened(key)!r}", f"it has {shortened(', '.join(keys), 200)}")
            with archive.open(f"{key}.npy") as stream:
                member = stream.read(MAX_DATA_BYTES + 1)
    except Unusable:
        raise
    except Exception:
        raise Unusable(f"{file} is no archive of arrays", BROKEN) from None
    if len(member) > MAX_DATA_BYTES:
        raise Unusable(f"{file}#{key} is larger than {MAX_DATA_BYTES >> 20} MiB", "give a smaller array")
    return _npy_table(member, f"{file}#{key}", key, header)


READERS: Mapping[str, Callable[[bytes, str, str, bool], Table]] = {
    ".csv": _csv_table,
    ".npy": _npy_table,
    ".npz": _npz_table,
}
