"""Templates to text: `templates/prose/<language>` says what is said, `templates/formats/<format>.j2` how it is set.

A macro of the prose is rendered once for each shape of what it is given, with a marker character in the place of each
text; the skeleton that comes out is then filled a row at a time. Templates are given plain data only, and run in
Jinja's sandbox.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, partial
from os import PathLike
from pathlib import Path
from typing import Any

from jinja2 import FileSystemLoader, StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

from .dialects import Dialect, dialect_of
from .errors import ExplainerError
from .own_templates import OwnFile, OwnTemplates, own_files

FIRST = 0xE100  # private use, and not the slots of `typeset`
MARKER = re.compile("([\ue100-\ue3ff])")
HERE = Path(__file__).parent

Text = str | Sequence[str]  # the same for all rows, or one for each
Field = Text | bool | tuple[Text, ...]
Shape = tuple[bool, ...]


INSIDE = "data:"  # figures stand in the page itself


@dataclass(frozen=True)
class Setting:
    """How a page is set: the format, and what can be chosen within it."""

    format: str = "markdown"  # markdown, latex, html, typst, pdf, notebook or json
    flavour: str = "github"  # of the mathematics in Markdown
    figures: str = ""  # what the names of files with figures begin with, where a format has them in files; or INSIDE
    pdf_engine: str = "typst"  # of `pdf.ENGINES`
    document_class: str = "article"  # of LaTeX: article or beamer
    fragment: bool = False  # of LaTeX: without a preamble, to be read in by a document
    templates: str | PathLike[str] | None = None  # a folder of templates that are read after ours

    def __post_init__(self) -> None:
        """Raises ExplainerError where the format has no such choice."""
        through_latex = self.format == "latex" or (self.format == "pdf" and self.pdf_engine == "latexmk")
        if self.document_class != "article" and not through_latex:
            raise ExplainerError(f"the class {self.document_class} is for LaTeX, not for {self.format}; write to .tex")
        if self.fragment and self.format != "latex":
            raise ExplainerError(f"a fragment is for LaTeX, not for {self.format}; write to .tex")

    @property
    def dialect(self) -> Dialect:
        """What formulas are put together from."""
        return dialect_of(self.format)


def known_of(setting: Setting) -> dict[str, str | bool]:
    """What templates know of the setting. `format` is that of `formats` which sets the page."""
    known: dict[str, str | bool] = {"format": setting.format, "flavour": setting.flavour, "fragment": setting.fragment}
    if setting.format == "notebook":  # Markdown in cells
        known |= {"format": "markdown", "flavour": "notebook"}
    elif setting.document_class == "beamer":
        known |= {"format": "beamer"}
    return known


def templates_folder() -> Path:
    """Where the templates are: inside the installed package, or beside it in a checkout."""
    inside = HERE / "templates"
    return inside if inside.is_dir() else HERE.parent / "templates"


@cache
def macros(language: str, setting: Setting) -> dict[str, Callable[..., str]]:
    """Every macro of the prose, by name."""
    folder = templates_folder()
    environment = ImmutableSandboxedEnvironment(
        loader=FileSystemLoader(folder), undefined=StrictUndefined, trim_blocks=True, autoescape=False
    )
    environment.globals.update(known_to_templates(setting))
    found: dict[str, Callable[..., str]] = {}
    for path in sorted((folder / "prose" / language).glob("*.j2")):
        module = environment.get_template(f"prose/{language}/{path.name}").module
        found |= {name: macro for name, macro in vars(module).items() if callable(macro)}
    return found


def known_to_templates(setting: Setting) -> dict[str, Any]:
    """What every template can name."""
    return {**known_of(setting), "maths": setting.dialect.forms}


@cache
def over_ours(files: tuple[OwnFile, ...], language: str, setting: Setting) -> OwnTemplates:
    """Our templates with those of the reader put over them."""
    folder = templates_folder()
    ours = {path.relative_to(folder).as_posix(): path.read_text("utf-8") for path in sorted(folder.rglob("*.*"))}
    return OwnTemplates(files, ours, language, known_to_templates(setting))


@cache
def skeletons(language: str, setting: Setting, files: tuple[OwnFile, ...] = ()) -> dict[Any, list[str]]:
    """The macros rendered so far, cut at their markers: they are the same for every page."""
    return {}


def said(macros: dict[str, Callable[..., str]], name: str, fields: dict[str, Any]) -> str:
    """What a macro of ours says."""
    return str(macros[name](**fields))


class Speaker:
    """Says things in one language and one format. `escape` makes a text of the reader's safe for that format."""

    def __init__(self, language: str, setting: Setting, escape: Callable[[str], str] = str) -> None:
        """InputError where templates of the reader's cannot be used; so do the texts that need them."""
        self.escape, self.setting, self.dialect = escape, setting, setting.dialect
        self._words: dict[Any, str] = {}
        files = own_files(setting.templates) if setting.templates is not None else ()
        self._skeletons = skeletons(language, setting, files)
        if files:
            self._say = over_ours(files, language, setting).say
        else:
            self._say = partial(said, macros(language, setting))

    def text(self, macro: str, **fields: Any) -> str:
        """One text, from plain data."""
        return self._say(macro, fields)

    def word(self, macro: str, **fields: str | bool) -> str:
        """As `text`, for the small pieces that are asked for again and again."""
        key = macro, tuple(fields.items())
        if key not in self._words:
            self._words[key] = self.text(macro, **fields)
        return self._words[key]

    def rows(self, macro: str, rows: int, **fields: Field) -> list[str]:
        """One text for each row. A field is the same for all (a str), or has a text for each row (a list).

        A tuple of such becomes a list in the template, without the texts that are "" in a row; a bool is passed on as
        it is.
        """
        if gaps := gaps_of(fields, rows):
            return self._rows_by_shape(macro, gaps, fields)
        texts: list[Text] = []
        shape: dict[str, Any] = {}
        for name, value in fields.items():
            if isinstance(value, bool):
                shape[name] = value
            elif isinstance(value, tuple):
                shape[name] = tuple(range(len(texts), len(texts) + len(value)))
                texts.extend(value)
            else:
                shape[name] = len(texts)
                texts.append(value)
        parts = self._skeleton(macro, shape)
        form, columns = [parts[0]], []
        for code, after in zip(parts[1::2], parts[2::2], strict=True):
            text = texts[ord(code) - FIRST]
            if isinstance(text, str):
                form.append(text)
            else:
                form.append("\ue0ff")
                columns.append(text)
            form.append(after)
        if not columns:
            return ["".join(form)] * rows
        pattern = "".join(form).replace("%", "%%").replace("\ue0ff", "%s")
        return [pattern % row for row in zip(*columns, strict=True)]

    def _rows_by_shape(self, macro: str, gaps: Sequence[Shape], fields: dict[str, Field]) -> list[str]:
        """As `rows`, the rows of each shape at a time."""
        found = [""] * len(gaps)
        for shape in dict.fromkeys(gaps):
            places = [row for row, own in enumerate(gaps) if own == shape]
            alike = {name: at_places(value, places) for name, value in fields.items()}
            for row, text in zip(places, self.rows(macro, len(places), **alike), strict=True):
                found[row] = text
        return found

    def block(self, macro: str, rows: int, **fields: Field) -> str:
        """All rows as one text."""
        return "".join(self.rows(macro, rows, **fields))

    def _skeleton(self, macro: str, shape: dict[str, Any]) -> list[str]:
        """What the macro says, cut at the markers: text, marker, text, marker, ..., text."""
        key = macro, tuple(shape.items())
        if key not in self._skeletons:
            marked = {name: marked_field(value) for name, value in shape.items()}
            self._skeletons[key] = MARKER.split(self.text(macro, **marked))
        return self._skeletons[key]


def gaps_of(fields: dict[str, Field], rows: int) -> list[Shape]:
    """For each row, which texts of tuples are "" in it; [] where none is."""
    columns = [
        text for value in fields.values() if isinstance(value, tuple) for text in value if not isinstance(text, str)
    ]
    if not any("" in column for column in columns):
        return []
    return [tuple(column[row] == "" for column in columns) for row in range(rows)]


def at_places(value: Field, places: Sequence[int]) -> Field:
    """A field of some rows only, without the texts of a tuple that are "" there."""
    if isinstance(value, str | bool):
        return value
    if isinstance(value, tuple):
        parts = (part if isinstance(part, str) else [part[row] for row in places] for part in value)
        return tuple(part for part in parts if isinstance(part, str) or part[0])
    return [value[row] for row in places]


def marked_field(value: Any) -> Any:
    if isinstance(value, bool):
        return value
    return [chr(FIRST + k) for k in value] if isinstance(value, tuple) else chr(FIRST + value)


def streamed(chunks: Iterator[str], least: int = 1 << 16) -> Iterator[str]:
    """The same text in pieces of a useful size."""
    held: list[str] = []
    size = 0
    for chunk in chunks:
        held.append(chunk)
        size += len(chunk)
        if size >= least:
            yield "".join(held)
            held, size = [], 0
    yield "".join(held)
