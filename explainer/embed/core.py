"""From a spec, wherever it stands, to a page for a host: text, or faults at their true places. The same page costs once.

A page is kept on disk under a digest of all that it depends on: the spec, the data files that it reads, the options,
our templates and our code. What is found there is handed out without importing NumPy, SymPy or Jinja.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shlex
import sys
import tempfile
import time
import zlib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from .. import __version__
from ..errors import ExplainerError, Fault, InputError, printable

KEPT_DAYS = 30  # for which a page that nobody asks for stays in the cache
HERE = Path(__file__).parent.parent

# ---- what a host hands over


@dataclass(frozen=True)
class Place:
    """Where a spec stands: in a file of its own, or inside a document (`text`), from `line` on, `indent` characters in."""

    file: str  # what faults call it: the spec, or the document that it stands in
    path: Path | None = None  # of a spec in a file of its own
    text: str | None = None  # of a spec inside a document
    line: int = 1  # of the document, where the text begins
    indent: int = 0
    head: int = 1  # the line of the document that has the options
    folder: Path | None = None  # where the data files of a spec inside a document are; None: it may have none


@dataclass(frozen=True)
class Style:
    """How a page is set for a host: a format of ours, and what makes it a part of another document."""

    format: str = "markdown"  # or "parts", for hosts that build their own nodes
    flavour: str = "github"
    label: str = ""  # put before the anchors, so that two pages in one document differ
    level: int = 2  # of the title, in Markdown; the headings below go on from it
    templates: str = ""  # a folder of templates of the author's own


@dataclass(frozen=True)
class Embedded:
    """A page for a host, or what is wrong with its spec."""

    text: str = ""
    faults: tuple[Fault, ...] = ()
    files: tuple[Path, ...] = ()  # which it was made from


# ---- options, as hosts write them

WHOLE = ("digits", "significant", "steps")
OPTIONS = ("notation", "language", *WHOLE, "carry", "detail", "view", "only")
STYLES = ("label", "level", "templates")


class OptionFault(ValueError):
    """An option that cannot be used: what was found, then "; ", then what would do."""


def read_options(written: Mapping[str, str], folder: Path = Path()) -> tuple[dict[str, Any], dict[str, Any]]:
    """Options of a host, as text, as those of the writing and those of the style. Raises OptionFault.

    Templates are in a folder that is named from `folder` on.
    """
    writing: dict[str, Any] = {}
    style: dict[str, Any] = {}
    for name, text in written.items():
        if name not in OPTIONS + STYLES:
            raise OptionFault(f"there is no option {printable(name)!r}; there are {', '.join(OPTIONS + STYLES)}")
        value = text.strip()
        if name in (*WHOLE, "level") and not re.fullmatch("[0-9]{1,9}", value):
            raise OptionFault(f"{name} is {printable(value)!r}; write a whole number")
        if name == "label" and not re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]{0,60}", value):
            raise OptionFault(f"label is {printable(value)!r}; write a letter, then letters, digits, - and _")
        if name == "level" and not 1 <= int(value) <= 6:
            raise OptionFault(f"level is {value}; write a number from 1 to 6")
        if name == "templates":
            value = os.path.normpath(folder / value)
        target = style if name in STYLES else writing
        target[name] = int(value) if name in (*WHOLE, "level") else listed(value) if name == "only" else value
    return writing, style


def listed(text: str) -> tuple[str, ...]:
    """The names in a list with commas, those within brackets left alone: W[1,3],b[3]."""
    return tuple(name.strip() for name in re.split(r",(?![^\[({]*[\])}])", text))


def read_words(text: str) -> tuple[list[str], dict[str, str]]:
    """What follows the name of a mark, a fence or a magic: `net.yaml digits=3`, as names and options. Raises OptionFault."""
    try:
        words = shlex.split(text)
    except ValueError:
        raise OptionFault("a quotation mark stands alone; close it") from None
    return [word for word in words if "=" not in word], dict(word.split("=", 1) for word in words if "=" in word)


# ---- where a spec stands


def place_of(
    names: Sequence[str], body: str, file: str, line: int, folder: Path, first: int = 0, indent: int = 0
) -> Place:
    """Where the spec of a mark on a line of a document stands: the file that is named, else the body. OptionFault."""
    if len(names) + bool(body.strip()) != 1:
        raise OptionFault("it has not one spec; name a file, or write the spec into the body")
    if names:
        return Place(os.path.normpath(folder / names[0]), Path(os.path.normpath(folder / names[0])))
    return Place(file, None, body.rstrip("\n") + "\n", first or line + 1, indent, line, folder)


def found_in(file: Path, body: Sequence[str], line: int = 1) -> tuple[int, int] | None:
    """The line on which a body begins in its file, from `line` on, and how far in; hosts do not count alike."""
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError):
        return None  # a docstring, say
    wanted = [text.strip() for text in body]
    for start in range(max(0, line - 1), len(lines) - len(body) + 1):
        if [text.strip() for text in lines[start : start + len(body)]] == wanted:
            return start + 1, lines[start].find(body[0]) if body[0] in lines[start] else 0
    return None


# ---- the page


def embedded(
    place: Place, options: Mapping[str, Any], style: Style, defaults: Mapping[str, Any] | None = None
) -> Embedded:
    """The page of the spec at a place, from the cache where nothing has changed.

    Options win over what the spec says of them; `defaults` hold where it says nothing.
    """
    found = unstyled(place, options, style, defaults or {})
    return replace(found, text=styled(found.text, style))


def unstyled(place: Place, options: Mapping[str, Any], style: Style, defaults: Mapping[str, Any]) -> Embedded:
    """The page as it is in the cache, before it is made a part of one document."""
    try:
        text = place.text if place.path is None else read_spec(place)
    except InputError as error:
        return Embedded(faults=tuple(error.faults), files=(place.path,) if place.path else ())
    templates = templates_in(style.templates)
    own = ((place.path,) if place.path else ()) + templates
    folder = place.path.parent if place.path else place.folder
    named = str(place.path and place.path.suffix.lower() == ".json")
    said = [sorted(each.items()) for each in (options, defaults)]
    theirs = [(str(path), digest_of(path)) for path in templates]
    wanted = [text or "", named, *said, style.format, style.flavour, style.templates, theirs, ours()]
    entry = Entry(hashlib.sha256(json.dumps(wanted).encode()).hexdigest())
    found = entry.text(folder)
    if found is not None:
        return Embedded(found.text, files=own + found.files)
    try:
        page, names = worked(text or "", place, folder, options, style, defaults)
    except InputError as error:  # it may be one of a data file, which is then the one to mend
        data = tuple(folder / name for name in named_in(text or "", folder)) if folder else ()
        return Embedded(faults=tuple(at(place, fault) for fault in error.faults), files=own + data)
    except ExplainerError as error:
        found_, _, remedy = str(error).partition("; ")
        fault = Fault(place.file, place.line, place.indent + 1, found_, remedy or "change the spec")
        return Embedded(faults=(fault,), files=own)
    entry.keep(page, folder, names)
    return Embedded(page, files=own + tuple((folder or Path()) / name for name in names))


def read_spec(place: Place) -> str:
    """The text of a spec in a file. InputError where it cannot be read."""
    from ..source import MAX_SPEC_BYTES, decoded, read_bytes

    return decoded(read_bytes(place.path or "", MAX_SPEC_BYTES, place.file), place.file)


def worked(
    text: str,
    place: Place,
    folder: Path | None,
    options: Mapping[str, Any],
    style: Style,
    defaults: Mapping[str, Any],
) -> tuple[str, list[str]]:
    """The page, made anew, and the names of the data files that its spec reads."""
    from ..derivation import explain
    from ..problem import problem_from_text
    from ..source import read_text

    name = place.file if place.path else "spec.yaml"
    tree = read_text(text, name).tree
    said = {*tree, *options} if isinstance(tree, dict) else {*options}
    said |= {"digits", "significant"} if said & {"digits", "significant"} else set()  # of the two one is enough
    unsaid = {key: value for key, value in defaults.items() if key not in said}
    problem = problem_from_text(text, name, folder, **{**unsaid, **options})
    page = "".join(explain(problem).text(style.format, flavour=style.flavour, templates=style.templates or None))
    return page, data_files(tree)


def templates_in(folder: str) -> tuple[Path, ...]:
    """The templates in a folder of the author's, where there are any that we would read."""
    found = (path for each in ("prose/*/*.j2", "formats/*") for path in Path(folder).glob(each)) if folder else ()
    return tuple(sorted(path for path in found if path.is_file()))


def named_in(text: str, folder: Path) -> list[str]:
    """The data files that a faulty spec names, as far as it can be read and they are where they may be."""
    from ..source import inside, read_text

    try:
        tree = read_text(text, "spec.yaml").tree
    except InputError:
        return []
    layers = tree.get("layers") if isinstance(tree, dict) else None
    sound = isinstance(layers, list | None) and all(isinstance(layer, dict) for layer in layers or ())
    return [name for name in data_files(tree) if inside(folder, name)] if isinstance(tree, dict) and sound else []


def data_files(tree: Mapping[str, Any]) -> list[str]:
    """The data files that a spec names, relative to its folder."""
    values = [tree.get("inputs"), tree.get("targets")]
    values += [layer.get(key) for layer in tree.get("layers") or () for key in ("weights", "biases")]
    return sorted({value.partition("#")[0] for value in values if isinstance(value, str)})


def fault_of(error: OptionFault, file: str, line: int) -> Fault:
    """An option that cannot be used, where it stands in a document."""
    found, _, remedy = str(error).partition("; ")
    return Fault(file, line, 1, found, remedy)


def at(place: Place, fault: Fault) -> Fault:
    """A fault of the spec where it stands in the document; one in another file stays where it is."""
    if place.path is not None or fault.file != "spec.yaml":
        return fault
    if fault.found.startswith("option --"):
        return replace(fault, file=place.file, line=place.head, column=1)
    return replace(fault, file=place.file, line=place.line + fault.line - 1, column=place.indent + fault.column)


# ---- a page as a part of another document

ANCHORS = {
    "markdown": re.compile(r'<a id="|<a href="#|\]\(#'),  # nobody's text has one of these: it is escaped
    "parts": re.compile(r' (?:id|to)="'),
}
HEADING = re.compile(r"^(#{1,4})(?= )", re.MULTILINE)


def styled(page: str, style: Style) -> str:
    """The page with anchors of its own, and headings below those around it."""
    if style.label:
        page = ANCHORS[style.format].sub(lambda found: f"{found[0]}{style.label}-", page)
    if style.format == "markdown":
        untitled = page.removeprefix("# \n\n")  # of a spec without a title
        above = style.level - (1 if page is untitled else 2)
        page = HEADING.sub(lambda found: "#" * min(6, len(found[1]) + above), untitled)
    return page


# ---- the cache


@dataclass(frozen=True)
class Entry:
    """A page on disk, by the digest of what it was made from. A file: data files with their digests, then the text."""

    name: str

    @property
    def path(self) -> Path:
        return cache_folder() / self.name[:2] / f"{self.name[2:]}.z"

    def text(self, folder: Path | None) -> Embedded | None:
        """The page, where it is there and its data files are as they were."""
        try:
            kept = json.loads(zlib.decompress(self.path.read_bytes()))
            files = {(folder or Path()) / name: digest for name, digest in kept["files"].items()}
            if any(digest_of(path) != digest for path, digest in files.items()):
                return None
            os.utime(self.path)
            return Embedded(str(kept["page"]), files=tuple(files))
        except (OSError, ValueError, KeyError, TypeError, AttributeError, zlib.error):
            return None

    def keep(self, page: str, folder: Path | None, names: Sequence[str]) -> None:
        """Put the page there; where that cannot be done, the next run works it out again."""
        with suppress(OSError):
            files = {name: digest_of((folder or Path()) / name) for name in names}
            data = zlib.compress(json.dumps({"files": files, "page": page}).encode(), 1)
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(dir=self.path.parent)
            with open(handle, "wb") as file:
                file.write(data)
            os.replace(name, self.path)
            tidied(str(cache_folder()))


def cache_folder() -> Path:
    """Where pages are kept: EXPLAINER_CACHE, or a folder among the caches of the user."""
    if named := os.environ.get("EXPLAINER_CACHE"):
        return Path(named)
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or tempfile.gettempdir()) / "explainer" / "cache"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "explainer"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "explainer"


@cache
def tidied(folder: str) -> None:
    """Takes away what nobody has asked for in a while; once in a run."""
    oldest = time.time() - KEPT_DAYS * 86400
    for path in Path(folder).glob("??/*"):
        with suppress(OSError):
            if path.stat().st_mtime < oldest:
                path.unlink()


def digest_of(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@cache
def ours() -> str:
    """A digest of our code and our templates: another version writes another page."""
    inside = HERE / "templates"
    folders = [HERE] if inside.is_dir() else [HERE, HERE.parent / "templates"]
    every = hashlib.sha256(__version__.encode())
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            if path.suffix in (".py", ".j2", ".css", ".js"):
                every.update(f"{path.relative_to(folder)}\0".encode() + path.read_bytes())
    return every.hexdigest()


# ---- faults, as hosts say them


def said(fault: Fault) -> str:
    """What is wrong and what would do, for a host that says the place itself."""
    return printable(f"{fault.found}; {fault.remedy}")
