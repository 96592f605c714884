"""Text to files: each is replaced whole or not at all."""

from __future__ import annotations

import errno
import os
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

from .errors import ExplainerError, OutputError, printable
from .render import Setting


def write(files: Mapping[Path, Iterator[str]]) -> None:
    """Each text in its file. All are written beside their places first; if anything fails, every file stays as it was.

    A link is followed. What is there and no regular file (a device, a pipe) is written to, not replaced.
    """
    staged: dict[Path, str] = {}
    kept: dict[Path, str] = {}
    try:
        for path, chunks in files.items():
            with refusal_for(path):
                place = Path(os.path.realpath(path))
                if place.exists() and not place.is_file() and not place.is_dir():
                    place.open("w", encoding="utf-8", newline="\n").writelines(chunks)
                else:
                    staged[place] = stage(place, chunks, staged)
        put_in_place(staged, kept)
    finally:
        for name in (*staged.values(), *kept.values()):
            with suppress(FileNotFoundError):
                os.unlink(name)


def put_in_place(staged: Mapping[Path, str], kept: dict[Path, str]) -> None:
    """Replace every file; if one cannot be, put those back that were. `kept` has the names of the old ones meanwhile."""
    done: list[Path] = []
    for path, name in staged.items():
        try:
            with refusal_for(path):
                if path.exists():
                    kept[path] = f"{name}.old"
                    os.link(path, kept[path])
                os.replace(name, path)
                done.append(path)
        except OutputError:
            for other in done:
                if other in kept:
                    os.replace(kept[other], other)
                else:
                    other.unlink()
            raise


def stage(path: Path, chunks: Iterator[str], staged: dict[Path, str]) -> str:
    """The name of a new file beside `path` that holds the text."""
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, "is a folder", str(path))
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    staged[path] = name
    with open(handle, "w", encoding="utf-8", newline="\n", buffering=1 << 20) as file:
        file.writelines(chunks)
        file.flush()
        os.fsync(file.fileno())
    os.chmod(name, mode_of(path))
    return name


@contextmanager
def refusal_for(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OutputError(f"{printable(str(path))}:1:1: {error.strerror}; choose another place to write to") from None


def mode_of(path: Path) -> int:
    """The permissions of the file that is replaced, or those that a new file gets here."""
    with suppress(OSError):
        return path.stat().st_mode & 0o777
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask


# ---- text of the reader's, made safe for each format

MARKDOWN = re.compile(r"([\\`*_{}\[\]<>#|$~&])")
LATEX = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
LATEX |= {c: f"\\{c}" for c in "#$%&_{}"}
HTML = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;"}


def markdown_escaped(text: str) -> str:
    return MARKDOWN.sub(r"\\\1", text)


def latex_escaped(text: str) -> str:
    return "".join(LATEX.get(c, c) for c in text)


def html_escaped(text: str) -> str:
    return "".join(HTML.get(c, c) for c in text)


ESCAPES: dict[str, Callable[[str], str]] = {
    "markdown": markdown_escaped,
    "latex": latex_escaped,
    "html": html_escaped,
}

# ---- mathematics in HTML

MATH = re.compile("([\x02\x04])([^\x03]*)\x03")


def finished(page: Iterator[str], setting: Setting) -> Iterator[str]:
    """The page with what its templates leave to be done."""
    return with_mathml(page) if setting.format == "html" else page


def with_mathml(chunks: Iterator[str]) -> Iterator[str]:
    """The page with its marked TeX (\\x02 inline, \\x04 on lines of its own, to \\x03) as MathML."""
    for chunk in chunks:
        yield MATH.sub(lambda found: mathml(found[2], found[1] == "\x04"), chunk)


@cache
def converter() -> Callable[..., str]:
    from math_core import LatexToMathML  # only pages in HTML need it

    return LatexToMathML(annotation=True).convert_with_local_state


def mathml(tex: str, display: bool) -> str:
    """MathML of TeX; ExplainerError where a template wrote what is none."""
    try:
        return converter()(tex, displaystyle=display)
    except Exception as error:
        if type(error).__name__ != "LatexError":
            raise
        remedy = "mend the template that writes it"
        raise ExplainerError(f"this is no mathematics that HTML can show: {printable(tex[:80])}; {remedy}") from None
