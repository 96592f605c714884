"""Pages to files: each is replaced whole or not at all."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from .errors import OutputError, printable
from .pdf import ENGINES, Unprintable
from .render import Setting

Chunks = Iterator[str] | Iterator[bytes]


def published(page: Callable[[Setting], Iterator[str]], setting: Setting, language: str) -> Chunks:
    """The page as it is written to a file; `page` makes its text."""
    if setting.format != "pdf":
        return page(setting)
    source, compiled = ENGINES[setting.pdf_engine]
    return compiled(page(replace(setting, format=source)), language == "zh")


def write(files: Mapping[Path, Chunks]) -> None:
    """Each text, or what is no text, in its file. All are written beside their places first; if anything fails, every file stays as it was.

    A link is followed. What is there and no regular file (a device, a pipe) is written to, not replaced.
    """
    staged: dict[Path, str] = {}
    kept: dict[Path, str] = {}
    try:
        for path, chunks in files.items():
            with refusal_for(path):
                place = Path(os.path.realpath(path))
                if place.exists() and not place.is_file() and not place.is_dir():
                    with place.open("wb") as file:
                        file.writelines(encoded(chunks))
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


def stage(path: Path, chunks: Chunks, staged: dict[Path, str]) -> str:
    """The name of a new file beside `path` that holds them."""
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, "is a folder", str(path))
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    staged[path] = name
    with open(handle, "wb", buffering=1 << 20) as file:
        file.writelines(encoded(chunks))
        file.flush()
        os.fsync(file.fileno())
    os.chmod(name, mode_of(path))
    return name


def encoded(chunks: Chunks) -> Iterator[bytes]:
    """As bytes: text is UTF-8 with \\n at the ends of lines."""
    return (chunk if isinstance(chunk, bytes) else chunk.encode() for chunk in chunks)


@contextmanager
def refusal_for(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OutputError(f"{printable(str(path))}:1:1: {error.strerror}; choose another place to write to") from None
    except Unprintable as error:
        raise OutputError(f"{printable(str(path))}:1:1: {error}") from None


def mode_of(path: Path) -> int:
    """The permissions of the file that is replaced, or those that a new file gets here."""
    with suppress(OSError):
        return path.stat().st_mode & 0o777
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask
