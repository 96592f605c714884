"""From a spec, wherever it stands, to a page for a host: text, or faults at their true places. The same page costs once.

A page is kept on disk under a digest of all that it depends on: the spec, the data files that it reads, the options,
our templates and our code. What is found there is handed out without importing NumPy, SymPy or Jinja.
"""

from __future__ import annotations

import gc
import hashlib
import json
import os
import re
import shlex
import sys
import tempfile
import time
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from .. import __version__
from ..errors import ExplainerError, Fault, InputError, printable, suggestion

INSIDE_DOCUMENT = "spec.yaml"  # what we call a spec without a file of its own, until its document is named
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
    document: str = ""  # that asks for the page, and
    head: int = 1  # its line that has the options
    folder: Path | None = None  # where the data files of a spec inside a document are; None: it may have none


@dataclass(frozen=True)
class Style:
    """How a page is set for a host: a format of ours, and what makes it a part of another document."""

    format: str = "markdown"  # or "parts", for hosts that build their own nodes
    flavour: str = "github"
    label: str = ""  # put before the anchors, so that two pages in one document differ
    level: int = 2  # of the title, in Markdown; the headings below go on from it
    templates: str = ""  # a folder of templates of the author's own
    figures: bool = False  # in the page


@dataclass(frozen=True)
class Embedded:
    """A page for a host, or what is wrong with its spec."""

    text: str = ""
    faults: tuple[Fault, ...] = ()
    files: tuple[Path, ...] = ()  # which it was made from


# ---- options, as hosts write them

WHOLE = ("digits", "significant", "steps")
OPTIONS = ("notation", "language", *WHOLE, "carry", "detail", "view", "only")
STYLES = ("label", "level", "templates", "figures")
LABEL = re.compile("[A-Za-z][A-Za-z0-9_-]{0,60}")


class OptionFault(ValueError):
    """An option that cannot be used: what was found, then "; ", then what would do."""


def read_options(written: Mapping[str, Any], folder: Path = Path()) -> tuple[dict[str, Any], dict[str, Any]]:
    """Options of a host, as text or numbers, as those of the writing and those of the style. Raises OptionFault.

    Templates are in a folder that is named from `folder` on.
    """
    writing: dict[str, Any] = {}
    style: dict[str, Any] = {}
    for name, given in written.items():
        if name not in OPTIONS + STYLES:
            raise OptionFault(f"there is no option {printable(name)!r}; {suggestion(name, OPTIONS + STYLES)}")
        value = str(given).strip()
        if name in (*WHOLE, "level") and not re.fullmatch("[0-9]{1,9}", value):
            raise OptionFault(f"{name} is {printable(value)!r}; write a whole number")
        if name == "label" and not LABEL.fullmatch(value):
            raise OptionFault(f"label is {printable(value)!r}; write a letter, then letters, digits, - and _")
        if name == "level" and not 1 <= int(value) <= 6:
            raise OptionFault(f"level is {value}; write a number from 1 to 6")
        if name == "figures" and value not in ANSWERS:
            raise OptionFault(f"figures is {printable(value)!r}; write yes or no")
        target = style if name in STYLES else writing
        target[name] = READ[name](value) if name in READ else value
    if "templates" in style:
        style["templates"] = os.path.normpath(folder / style["templates"])
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


ANSWERS = {"yes": True, "no": False, "True": True, "False": False}
READ: Mapping[str, Callable[[str], Any]] = {
    **dict.fromkeys((*WHOLE, "level"), int),
    "only": listed,
    "figures": ANSWERS.__getitem__,
}

# ---- where a spec stands


def place_of(
    names: Sequence[str], body: str, document: str, head: int, folder: Path, first: int = 0, indent: int = 0
) -> Place:
    """Where the spec of a block of a document stands: the file that is named, else the body. OptionFault.

    `head` is the line of the block that has the options; the body is below it, or at `first`.
    """
    if len(names) > 1:
        raise OptionFault("it names more than one file; name one")
    if names and body.strip():
        raise OptionFault("there are both a file and a body; keep one of the two")
    if names:
        path = os.path.normpath(folder / names[0])
        return Place(path, Path(path), document=document, head=head)
    if not body.strip():
        raise OptionFault("there is neither a file nor a body; name a spec, or write it into the body")
    return Place(document, None, body.rstrip("\n") + "\n", first or head + 1, indent, document, head, folder)


@dataclass(frozen=True)
class Spot:
    """Where a block stands in its document: hosts do not count lines alike, or tell none."""

    head: int  # the line that opens it
    first: int  # that on which its body begins
    indent: int = 0  # of its body


def lines_of(file: Path) -> list[str]:
    """The lines of a document; none where it is not a file: a docstring, say."""
    try:
        return file.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError):
        return []


def found_in(file: Path, named: str, body: Sequence[str], line: int = 1) -> Spot | None:
    """Where a block stands in its file, from a line on: known by its body, or by the spec that it names."""
    lines = lines_of(file)
    opening = [number for number, text in enumerate(lines, 1) if re.search(r"\bexplainer\b", text)]
    if not any(text.strip() for text in body):
        return next((Spot(head, head + 1) for head in opening if head >= line and named in lines[head - 1]), None)
    wanted = [text.strip() for text in body]
    for start in range(max(0, line - 1), len(lines) - len(body) + 1):
        if [text.strip() for text in lines[start : start + len(body)]] == wanted:
            head = max((number for number in opening if number <= start), default=start)
            return Spot(head, start + 1, max(0, lines[start].find(body[0])))
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
    how = [style.format, style.flavour, style.templates, style.figures]
    wanted = [text or "", named, *said, *how, theirs, ours()]
    entry = Entry(hashlib.sha256(json.dumps(wanted).encode()).hexdigest())
    found = entry.text(folder)
    if found is not None:
        return Embedded(found.text, files=own + found.files)
    files: dict[Path, Stamp] = {}
    try:
        with uncollected():
            from ..source import read_text

            tree = read_text(text or "", place.file if place.path else INSIDE_DOCUMENT).tree
            files = {path: stamp_of(path) for path in [(folder or Path()) / name for name in data_files(tree)]}
            page = worked(text or "", tree, place, folder, options, style, defaults)
    except InputError as error:
        return Embedded(faults=tuple(at(place, fault) for fault in error.faults), files=(*own, *files))
    except ExplainerError as error:
        found_, _, remedy = str(error).partition("; ")
        fault = Fault(place.file, place.line, place.indent + 1, found_, remedy or "change the spec")
        return Embedded(faults=(fault,), files=(*own, *files))
    entry.keep(page, folder, files)
    return Embedded(page, files=(*own, *files))


@contextmanager
def uncollected() -> Iterator[None]:
    """Makes a page without looking for garbage again and again: in all that a host and SymPy hold there is little."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def read_spec(place: Place) -> str:
    """The text of a spec in a file. InputError where it cannot be read; of one that is not there where it is asked for."""
    from ..source import MAX_SPEC_BYTES, decoded, read_bytes

    if place.document and not os.path.lexists(place.path or ""):
        raise InputError(
            [Fault(place.document, place.head, 1, f"there is no file {place.file}", "check its name and folder")]
        )
    return decoded(read_bytes(place.path or "", MAX_SPEC_BYTES, place.file), place.file)


def worked(
    text: str,
    tree: Any,
    place: Place,
    folder: Path | None,
    options: Mapping[str, Any],
    style: Style,
    defaults: Mapping[str, Any],
) -> str:
    """The page, made anew."""
    from ..derivation import explain
    from ..problem import problem_from_text
    from ..render import INSIDE

    said = {*tree, *options} if isinstance(tree, dict) else {*options}
    said |= {"digits", "significant"} if said & {"digits", "significant"} else set()  # of the two one is enough
    unsaid = {key: value for key, value in defaults.items() if key not in said}
    name = place.file if place.path else INSIDE_DOCUMENT
    problem = problem_from_text(text, name, folder, **{**unsaid, **options})
    how = {"flavour": style.flavour, "templates": style.templates or None, "figures": INSIDE if style.figures else ""}
    return "".join(explain(problem).text(style.format, **how))


def templates_in(folder: str) -> tuple[Path, ...]:
    """The templates in a folder of the author's, where there are any that we would read."""
    found = (path for each in ("prose/*/*.j2", "formats/*") for path in Path(folder).glob(each)) if folder else ()
    return tuple(sorted(path for path in found if path.is_file()))


def data_files(tree: Any) -> list[str]:
    """The data files that a spec names, relative to its folder; whether it can be read is not known yet."""
    top = tree if isinstance(tree, dict) else {}
    layers = found if isinstance(found := top.get("layers"), list) else []
    values = [top.get("inputs"), top.get("targets")]
    values += [layer.get(key) for layer in layers if isinstance(layer, dict) for key in ("weights", "biases")]
    return sorted({value.partition("#")[0] for value in values if isinstance(value, str)})


def fault_of(error: OptionFault, file: str, line: int) -> Fault:
    """An option that cannot be used, where it stands in a document."""
    found, _, remedy = str(error).partition("; ")
    return Fault(file, line, 1, found, remedy)


def at(place: Place, fault: Fault) -> Fault:
    """A fault of the spec where it stands in the document; one in another file stays where it is."""
    if fault.found.startswith("option --"):
        found = fault.found.partition(": ")[2]
        return Fault(place.document or place.file, place.head, 1, found, fault.remedy)
    if place.path is not None or fault.file != INSIDE_DOCUMENT:
        return fault
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
            with suppress(OSError):  # a cache that is only read
                os.utime(self.path)
            return Embedded(str(kept["page"]), files=tuple(files))
        except (OSError, ValueError, KeyError, TypeError, AttributeError, zlib.error):
            return None

    def keep(self, page: str, folder: Path | None, seen: Mapping[Path, Stamp]) -> None:
        """Put the page there; where that cannot be done, or a data file has changed since, the next run works it out again."""
        with suppress(OSError):
            files = {str(path.relative_to(folder or Path())): digest_of(path) for path in seen}
            if any(stamp_of(path) != stamp for path, stamp in seen.items()):
                return
            data = zlib.compress(json.dumps({"files": files, "page": page}).encode(), 1)
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(dir=self.path.parent)
            try:
                with open(handle, "wb") as file:
                    file.write(data)
                os.replace(name, self.path)
            except OSError:
                os.unlink(name)
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


Stamp = tuple[int, int, int] | None  # of a file: it changes when the file does


def stamp_of(path: Path) -> Stamp:
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


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


def told(fault: Fault) -> str:
    """A fault for the page itself, which does not say where its document lies on somebody's disk."""
    return f"{Path(fault.file).name}:{fault.line}:{fault.column}: {said(fault)}"


def said(fault: Fault) -> str:
    """What is wrong and what would do, for a host that says the place itself."""
    return printable(f"{fault.found}; {fault.remedy}")
