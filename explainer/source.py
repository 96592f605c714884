"""The text of a file as plain Python data in which every value still knows its line and column.

    tree     what was written: mappings, lists, text, numbers, true and false, nothing (None)
    path     the way to a value: ("layers", 0, "weights", 2, 1)
    place    (line, column) of a value or of a key, both from 1

Files come from strangers, so reading is bounded in size, depth and number of values, and takes of YAML only what can
be seen on the page: no anchors, no aliases, no tags, no second document, no key twice, no invisible character. Plain
scalars mean what YAML 1.2 (core schema) says: `1e-3` is a number, `010` is ten, `on`, `no` and `12:30` are text.
"""

from __future__ import annotations

import json
import math
import os
import re
import stat
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from .errors import Fault, InputError

TreePath = tuple[str | int, ...]
Place = tuple[int, int]

MAX_SPEC_BYTES = 4 << 20
MAX_DEPTH = 16
MAX_VALUES = 200_000  # of numbers and texts; and of lists and mappings
MAX_TEXT = 2000  # characters of one text
MAX_DIGITS = 60  # of one number
MAX_EXPONENT = 300
MAX_CHARACTER_FAULTS = 20  # a binary file would otherwise fill the screen

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True)
class Source:
    """A file as data, with the place of everything in it."""

    file: str
    tree: Any
    values: Mapping[TreePath, Place] = field(default_factory=dict)
    keys: Mapping[TreePath, Place] = field(default_factory=dict)
    faults: tuple[Fault, ...] = ()  # found so far, where the rest could still be read
    options: frozenset[str] = frozenset()  # top keys that come from the command line, not from the file
    lines: tuple[str, ...] = ()  # of the file

    def fault(self, path: TreePath, found: str, remedy: str) -> Fault:
        """A fault at the value of `path`; at the nearest value around it where it has none of its own."""
        return self._fault(self.values, path, found, remedy)

    def fault_at_key(self, path: TreePath, found: str, remedy: str) -> Fault:
        """A fault at the key that `path` ends with."""
        return self._fault(self.keys if path in self.keys else self.values, path, found, remedy)

    def fault_inside(self, path: TreePath, text: str, place: Place, found: str, remedy: str) -> Fault:
        """A fault at a place inside the text that is the value of `path`; at its start where it stands in other words."""
        whole = self.fault(path, found, remedy)
        line = self.lines[whole.line - 1] if whole.line <= len(self.lines) else ""
        for quote in (0, 1):
            start = whole.column - 1 + quote
            if place[0] == 1 and line.startswith(text, start):
                return replace(whole, column=start + place[1])
        return whole

    def line(self, path: TreePath) -> int:
        return self.values.get(path, (1, 1))[0]

    def with_options(self, options: Mapping[str, Any]) -> Source:
        """The same source, as if `options` were its top keys: what is wrong with them is told in the same way."""
        if not options or not isinstance(self.tree, dict):
            return self
        return replace(self, tree={**self.tree, **options}, options=frozenset(options))

    def without(self, *keys: str) -> Source:
        """The same source without these top keys."""
        if not isinstance(self.tree, dict):
            return self
        return replace(self, tree={key: value for key, value in self.tree.items() if key not in keys})

    def _fault(self, places: Mapping[TreePath, Place], path: TreePath, found: str, remedy: str) -> Fault:
        if path and path[0] in self.options:
            return Fault(self.file, 1, 1, f"option --{path[0]}: {found}", remedy)
        while path and path not in places:
            path, places = path[:-1], self.values
        return Fault(self.file, *places.get(path, (1, 1)), found, remedy)


# ---------------------------------------------------------------------------------------------------------- bytes, text


def read_source(path: str | os.PathLike[str]) -> Source:
    """The YAML file at `path` as data, or the JSON file where its name ends in `.json`."""
    file = os.fspath(path)
    return read_text(decoded(read_bytes(path, MAX_SPEC_BYTES, file), file), file)


def read_text(text: str, file: str = "<spec>") -> Source:
    """`text` as data; `file` is what faults call it."""
    if len(text.encode("utf-8", "surrogatepass")) > MAX_SPEC_BYTES:
        raise _refusal(file, (1, 1), *_too_large(MAX_SPEC_BYTES))
    text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    if faults := list(_hidden_character_faults(text, file)):
        raise InputError(faults)
    events = _json_events(text, file) if file.lower().endswith(".json") else _yaml_events(text, file)
    return replace(_source(events, file), lines=tuple(text.split("\n")))


def read_bytes(path: str | os.PathLike[str], limit: int, file: str, smaller: str = "") -> bytes:
    """All of a regular file, never more than `limit` bytes; `file` is what faults call it, `smaller` says what would do."""
    flags = ("O_NONBLOCK", "O_CLOEXEC", "O_BINARY")  # a pipe must not block
    try:
        number = os.open(path, os.O_RDONLY | sum(getattr(os, flag, 0) for flag in flags))
    except FileNotFoundError:
        raise _refusal(file, (1, 1), "there is no such file", "check its name and folder") from None
    except (OSError, ValueError) as error:
        raise _refusal(file, (1, 1), f"the file cannot be opened ({_reason(error)})", "check its permissions") from None
    try:
        kind = os.fstat(number).st_mode
        if not stat.S_ISREG(kind):
            found = "this is a folder" if stat.S_ISDIR(kind) else "this is not a regular file"
            raise _refusal(file, (1, 1), found, "name a file")
        with os.fdopen(number, "rb", closefd=False) as stream:
            data = stream.read(limit + 1)
    except OSError as error:
        raise _refusal(file, (1, 1), f"the file cannot be read ({_reason(error)})", "check the file") from None
    finally:
        os.close(number)
    if len(data) > limit:
        found, remedy = _too_large(limit)
        raise _refusal(file, (1, 1), found, smaller or remedy)
    return data


def inside(folder: str | os.PathLike[str], name: str) -> Path | None:
    """The file `name` of `folder`, links followed; None where it is not a plain relative path that stays in there."""
    parts = name.split("/")
    if re.search(r"[\\:\0]", name) or any(part in ("", ".", "..") for part in parts):
        return None
    root = os.path.realpath(folder)
    real = os.path.realpath(os.path.join(root, *parts))
    return Path(real) if os.path.commonpath([root, real]) == root else None


def decoded(data: bytes, file: str) -> str:
    """UTF-8 text, without the mark that some editors put before it."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise _refusal(file, (1, 1), "the file is UTF-16", "save it as UTF-8")
    data = data.removeprefix(b"\xef\xbb\xbf")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8")
        place = (before.count("\n") + 1, len(before) - before.rfind("\n"))
        raise _refusal(file, place, f"byte 0x{data[error.start]:02x} is not UTF-8", "save the file as UTF-8") from None


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or "its name cannot be used"


def _too_large(limit: int) -> tuple[str, str]:
    return f"the file is larger than {limit >> 20} MiB", "keep large arrays in .npy or .csv files of up to 64 MiB"


def _hidden_character_faults(text: str, file: str) -> Iterator[Fault]:
    left = MAX_CHARACTER_FAULTS
    for number, line in enumerate(text.split("\n"), 1):
        if line.isascii() and line.isprintable():
            continue
        for column, character in enumerate(line, 1):
            if is_hidden(character):
                yield Fault(file, number, column, *_hidden(character))
                left -= 1
            if not left:
                return


def is_hidden(character: str) -> bool:
    """Not to be seen on the page, or with no agreed meaning: control, format, private, unassigned characters."""
    return character not in "\t\n" and unicodedata.category(character) in ("Cc", "Cf", "Co", "Cn", "Cs", "Zl", "Zp")


def _hidden(character: str) -> tuple[str, str]:
    name = unicodedata.name(character, "a control or private character")
    return f"invisible character U+{ord(character):04X} ({name})", "delete it"


def _refusal(file: str, place: Place, found: str, remedy: str) -> InputError:
    return InputError([Fault(file, *place, found, remedy)])


# ------------------------------------------------------------------------------------------------------------ numbers

DECIMAL = re.compile(r"[-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE]([-+]?[0-9]+))?", re.ASCII)
WHOLE = re.compile(r"[-+]?[0-9]+", re.ASCII)
NOT_FINITE = re.compile(r"[-+]?(?:\.?inf|\.?nan|infinity)", re.IGNORECASE)
A_NUMBER = "write a decimal number such as 0.05"

# What people write for a number, and what would do; the first that fits is told.
NUMBER_HINTS: tuple[tuple[str, str], ...] = (
    (r"[-+\u2212]?[0-9]+,[0-9]+", "write a decimal point, not a comma"),
    (r"\u2212[0-9.eE+-]+", "write the minus sign as - (this one is U+2212)"),
    (r"[-+]?[0-9]+(_[0-9]+)+", "write the digits without _"),
    (r"[-+]?[0-9]+/[0-9]+", "work the fraction out and write a decimal number"),
    (r"[-+]?[0-9.]+ *%", "write the share itself, such as 0.05 for 5 %"),
    (r"[=@].*", "write the value, not a spreadsheet formula"),
    (NOT_FINITE.pattern, "write a finite number"),
)


class NotANumber(Exception):
    """Text that is no number we take: `found` and `remedy` are the halves of a fault."""

    def __init__(self, found: str, remedy: str) -> None:
        super().__init__(found)
        self.found, self.remedy = found, remedy


def decimal(text: str) -> float:
    """The number that `text` writes in plain ASCII decimals, or NotANumber."""
    match = DECIMAL.fullmatch(text)
    if not match:
        raise NotANumber(f"{shortened(text)!r} is not a number", number_remedy(text))
    if len(text) > MAX_DIGITS + 10 or sum(map(str.isdigit, text)) > MAX_DIGITS:
        raise NotANumber(f"a number of {len(text)} characters", f"write at most {MAX_DIGITS} digits")
    value = float(text)
    if abs(int(match[1] or 0)) > MAX_EXPONENT or not math.isfinite(value):
        raise NotANumber(f"{text} is out of range", f"write an exponent between -{MAX_EXPONENT} and {MAX_EXPONENT}")
    return value


def number_remedy(text: str) -> str:
    """What would do in place of `text`, where a number must stand."""
    return next((hint for form, hint in NUMBER_HINTS if re.fullmatch(form, text, re.IGNORECASE)), A_NUMBER)


def shortened(text: str, limit: int = 40) -> str:
    return text if len(text) <= limit else text[: limit - 3] + "..."


CORE_WORDS: Mapping[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
REFUSED_FORMS: tuple[tuple[str, str, str], ...] = (
    (r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)|-?Infinity|NaN", "is not a finite number", "write a finite number"),
    (r"0o[0-7]+|0x[0-9a-fA-F]+", "is not a decimal number", "write it in decimal, or in quotes if it is text"),
)


def plain_value(text: str) -> str | float | int | bool | None:
    """What a scalar without quotes means by the core schema of YAML 1.2; NotANumber for a number we do not take."""
    if text in CORE_WORDS:
        return CORE_WORDS[text]
    for form, found, remedy in REFUSED_FORMS:
        if re.fullmatch(form, text):
            raise NotANumber(f"{shortened(text)} {found}", remedy)
    if not DECIMAL.fullmatch(text):
        return text
    value = decimal(text)
    return int(text) if WHOLE.fullmatch(text) else value


# ------------------------------------------------------------------------------------------------------------- events


class Event(NamedTuple):
    """One thing met on the way through a file; YAML and JSON are told in the same events."""

    kind: str  # "scalar", "list", "mapping", or "end" of either
    place: Place
    text: str = ""
    plain: bool = False  # without quotes, so that it may be a number


SIMPLE_SYNTAX = "check brackets, quotes, colons and indentation here"
YAML_REFUSED: tuple[tuple[type[yaml.Event], str, str, str], ...] = (
    (yaml.AliasEvent, "anchor", "alias *{}", "write the value out where it is used"),
    (yaml.NodeEvent, "anchor", "anchor &{}", "leave it out, and write the value where it is used"),
    (yaml.NodeEvent, "tag", "tag {}", "leave it out, or put the text in quotes"),
)
YAML_KINDS: tuple[tuple[type[yaml.Event], str], ...] = (
    (yaml.MappingStartEvent, "mapping"),
    (yaml.SequenceStartEvent, "list"),
    (yaml.CollectionEndEvent, "end"),
)


def _yaml_events(text: str, file: str) -> Iterator[Event]:
    documents = 0
    try:
        for event in yaml.parse(text, Loader=LOADER):
            place = _place(event.start_mark)
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    raise _refusal(file, place, "a second document starts here", "keep one spec in one file")
            if refusal := _yaml_refusal(event):
                raise _refusal(file, place, *refusal)
            if isinstance(event, yaml.ScalarEvent):
                yield Event("scalar", place, event.value, plain=not event.style)
            for kind, name in YAML_KINDS:
                if isinstance(event, kind):
                    yield Event(name, place)
    except yaml.MarkedYAMLError as error:
        raise _refusal(file, *_yaml_syntax_fault(error, text)) from None
    except yaml.YAMLError:
        raise _refusal(file, (1, 1), "this is not YAML", SIMPLE_SYNTAX) from None


def _place(mark: Any) -> Place:
    return (mark.line + 1, mark.column + 1) if mark else (1, 1)


def _yaml_refusal(event: yaml.Event) -> tuple[str, str] | None:
    for kind, attribute, found, remedy in YAML_REFUSED:
        if isinstance(event, kind) and getattr(event, attribute, None):
            name = str(getattr(event, attribute)).replace("tag:yaml.org,2002:", "!!")
            return found.format(shortened(name)) + " is not allowed in a spec", remedy
    if isinstance(event, yaml.DocumentStartEvent) and event.version not in (None, (1, 2)):
        return "a spec is YAML 1.2", "leave the line %YAML out"
    return None


TIGHT = re.compile(r"[ -]*\w+:(?=[\[{\w'\"])")  # a name, with its value right behind the colon


def _yaml_syntax_fault(error: yaml.MarkedYAMLError, text: str) -> tuple[Place, str, str]:
    place = _place(error.problem_mark or error.context_mark)
    lines = text.split("\n")
    line = lines[place[0] - 1] if place[0] <= len(lines) else ""
    if "\t" in line[: len(line) - len(line.lstrip())]:
        return (place[0], line.index("\t") + 1), "a tab in the indentation", "indent with spaces"
    tight = TIGHT.match(line)
    if tight and tight.end() < place[1]:
        return (place[0], tight.end()), "there is no space after this colon", "write one: `name: value`"
    return place, f"this is not YAML: {error.problem or 'it cannot be read'}", SIMPLE_SYNTAX


JSON_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{}]|[^\s,:\[\]{}"]+|\n')
JSON_KINDS = {"[": "list", "{": "mapping", "]": "end", "}": "end"}


def _json_events(text: str, file: str) -> Iterator[Event]:
    try:  # for the syntax alone: Python's reader gives no places, and would take numbers of any size
        json.loads(text, parse_int=str, parse_float=str, parse_constant=str)
    except json.JSONDecodeError as error:
        place = (error.lineno, error.colno)
        raise _refusal(file, place, f"this is not JSON: {error.msg}", "check brackets, quotes, commas") from None
    except RecursionError:
        raise _refusal(file, (1, 1), *TOO_DEEP) from None
    line, start = 1, 0
    for match in JSON_TOKEN.finditer(text):
        token, place = match[0], (line, match.start() - start + 1)
        if token == "\n":
            line, start = line + 1, match.end()
        elif token in JSON_KINDS:
            yield Event(JSON_KINDS[token], place)
        else:
            quoted = token.startswith('"')
            yield Event("scalar", place, json.loads(token) if quoted else token, plain=not quoted)


# --------------------------------------------------------------------------------------------------------------- tree

TOO_DEEP = (f"nested deeper than {MAX_DEPTH}", "a spec needs no more than seven levels")
TOO_MANY = (f"more than {MAX_VALUES:,} values", "keep large arrays in .npy or .csv files beside the spec")


@dataclass
class _Open:
    """A list or mapping whose end has not been met yet."""

    path: TreePath
    node: list[Any] | dict[str, Any]
    key: str | None = None  # of the mapping entry whose value comes next


@dataclass
class _Growing:
    """A source while it is read."""

    file: str
    tree: Any = None
    values: dict[TreePath, Place] = field(default_factory=dict)
    keys: dict[TreePath, Place] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    stack: list[_Open] = field(default_factory=list)
    scalars: int = 0

    def take(self, event: Event) -> None:
        if event.kind == "end":
            self.stack.pop()
        elif self.stack and isinstance(self.stack[-1].node, dict) and self.stack[-1].key is None:
            self.take_key(event)
        else:
            self.take_value(event)

    def take_key(self, event: Event) -> None:
        mapping = self.stack[-1]
        if event.kind != "scalar" or not event.text:
            raise _refusal(self.file, event.place, "a key that is not plain text", "write KEY: VALUE")
        path = (*mapping.path, self.checked_text(event))
        if event.text in mapping.node:
            line, column = self.keys[path]
            found = f"key {shortened(event.text)!r} stands here a second time; the first is at {line}:{column}"
            self.faults.append(Fault(self.file, *event.place, found, "keep one of the two"))
        self.keys.setdefault(path, event.place)
        mapping.key = event.text

    def take_value(self, event: Event) -> None:
        path = self.attach(event, self.value(event))
        self.values.setdefault(path, event.place)
        self.scalars += event.kind == "scalar"
        if self.scalars > MAX_VALUES or len(self.values) - self.scalars > MAX_VALUES:
            raise _refusal(self.file, event.place, *TOO_MANY)
        if len(self.stack) > MAX_DEPTH:
            raise _refusal(self.file, event.place, *TOO_DEEP)

    def attach(self, event: Event, value: Any) -> TreePath:
        path: TreePath = ()
        if not self.stack:
            self.tree = value
        else:
            parent = self.stack[-1]
            if isinstance(parent.node, list):
                path = (*parent.path, len(parent.node))
                parent.node.append(value)
            else:
                path = (*parent.path, str(parent.key))
                parent.node.setdefault(str(parent.key), value)  # of a key that stands twice, the first holds
                parent.key = None
        if event.kind != "scalar":
            self.stack.append(_Open(path, value))
        return path

    def value(self, event: Event) -> Any:
        if event.kind != "scalar":
            return [] if event.kind == "list" else {}
        if not event.plain:
            return self.checked_text(event)
        try:
            return plain_value(self.checked_text(event))
        except NotANumber as error:
            self.faults.append(Fault(self.file, *event.place, error.found, error.remedy))
            return 1.0  # stands in, so that the rest can be looked at too

    def checked_text(self, event: Event) -> str:
        if len(event.text) > MAX_TEXT:
            remedy = f"write at most {MAX_TEXT}"
            self.faults.append(Fault(self.file, *event.place, f"a text of {len(event.text)} characters", remedy))
        hidden = next(filter(is_hidden, event.text), None)  # written as an escape, "\u202e"
        if hidden is not None:
            self.faults.append(Fault(self.file, *event.place, *_hidden(hidden)))
        return event.text


def _source(events: Iterable[Event], file: str) -> Source:
    growing = _Growing(file)
    for event in events:
        growing.take(event)
    if not growing.values:
        raise _refusal(file, (1, 1), "the spec is empty", "see `explainer examples` for specs to start from")
    return Source(file, growing.tree, growing.values, growing.keys, tuple(growing.faults))
