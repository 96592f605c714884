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

from .errors import OutputError, printable
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


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file that is no text, whole or not at all. Raises OutputError where that cannot be done."""
    with refusal_for(path):
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
        try:
            with open(handle, "wb") as file:
                file.write(content)
            os.chmod(name, mode_of(path))
            os.replace(name, path)
        except OSError:
            os.unlink(name)
            raise


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

# ---- what the templates of HTML leave to be done: mathematics, where sections end, and long tables

MATH = re.compile("\x04([^\x03]*)\x03|([(（]?)\x02([^\x03]*)\x03([-,.;:?!)，。；：？！、）]*)")
STRUCTURE = re.compile("\x05([0-9])|\x06|\x07|(<thead>.*?</thead>)")
ROWS = 100  # of a table; a longer one takes a browser minutes, as each row moves all the others


def finished(page: Iterator[str], setting: Setting) -> Iterator[str]:
    """The page with what its templates leave to be done."""
    return with_mathml(with_structure(page)) if setting.format == "html" else page


def with_structure(chunks: Iterator[str]) -> Iterator[str]:
    """The page with its sections ended, headings of the level at which they stand, and no table longer than `ROWS`.

    A section starts at \\x05 and a level, and ends those before it that are as deep; level 0 ends all and starts none.
    \\x06 is the level of its heading: one more than that of the section around it, so none is left out. \\x07 is the
    start of a row; a long table goes on in another one with the same head.
    """
    inside: list[str] = []
    head, rows = "", 0

    def put(found: re.Match[str]) -> str:
        nonlocal head, rows
        if found[2]:
            head, rows = found[2], 0
            return head
        if found[0] == "\x06":
            return str(len(inside) + 1)
        if found[0] == "\x07":
            rows += 1
            return "" if rows == 1 or rows % ROWS != 1 else TABLE_GOES_ON.format(head)
        before = len(inside)
        inside[:] = [each for each in inside if each < found[1]]
        ended = "</section>\n" * (before - len(inside))
        inside.extend([found[1]] if found[1] > "0" else [])
        return ended

    for chunk in chunks:
        yield STRUCTURE.sub(put, chunk)


TABLE_GOES_ON = """</tbody>
</table></div>
<div class="table long"><table>
{}
<tbody>
"""


def with_mathml(chunks: Iterator[str]) -> Iterator[str]:
    """The page with its marked TeX (\\x02 inline, \\x04 on lines of its own, to \\x03) as MathML."""
    for chunk in chunks:
        yield MATH.sub(put_mathml, chunk)


def put_mathml(found: re.Match[str]) -> str:
    """A formula as MathML. A bracket before it and punctuation after it stay on its line."""
    display, before, tex, after = found.groups()
    if display is not None:
        return mathml(display, True)
    text = f"{before}{mathml(tex, False)}{after}"
    return f'<span class="whole">{text}</span>' if before or after else text


PLAIN = re.compile(r"-?[\w.]+", re.ASCII)
ALIGNED = re.compile(
    r' style="text-align: (?:right;justify-items: end;padding-right|left;justify-items: start;padding-left): 0;"'
)


@cache
def converter(annotated: bool) -> Callable[..., str]:
    from math_core import LatexToMathML  # only pages in HTML need it

    return LatexToMathML(annotation=annotated).convert_with_local_state


def mathml(tex: str, display: bool) -> str:
    """TeX as MathML. A number or a letter needs no TeX beside it; the styles of the page align the lines of a display."""
    converted = converter(annotated=PLAIN.fullmatch(tex) is None)(tex, displaystyle=display)
    return ALIGNED.sub("", converted) if display else converted
