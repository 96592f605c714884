"""Marked regions of Markdown files, rewritten in place: what GitHub and others show is an ordinary page.

    <!-- explainer:begin net.yaml detail=brief -->
    ... what stands here is replaced ...
    <!-- explainer:end -->

The spec may also stand in the first comment, from its second line. Docusaurus writes comments as {/* ... */}.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import Fault, InputError, printable
from ..publish import write
from ..source import decoded, read_bytes
from .core import OptionFault, Place, Style, embedded, fault_of, place_of, read_options, read_words
from .fences import OPEN, closes

MAX_BYTES = 16 << 20
FLAVOURS = ("github", "myst", "mkdocs", "jupyter")
BEGIN = re.compile(r"(?P<indent> {0,3})(?:<!--|\{/\*) *explainer:begin\b *(?P<rest>.*)")
END = re.compile(r" {0,3}(?:<!--|\{/\*) *explainer:end *(?:-->|\*/\}) *")
CLOSE = re.compile(r" *(?:-->|\*/\}) *$")


@dataclass(frozen=True)
class Region:
    """What stands between two marks: lines from 1, the marks themselves not among them."""

    begin: int  # of its first mark
    first: int
    end: int  # of its last mark
    said: str  # in the first mark
    body: str  # the spec in the first mark, or nothing


@dataclass(frozen=True)
class Page:
    """A file with its regions as they are now."""

    file: str
    new: str
    stale: tuple[int, ...]  # lines of the regions that differ
    regions: int
    faults: tuple[Fault, ...]


def embed(files: Sequence[str], check: bool) -> tuple[str, bool]:
    """Rewrite the regions of the files, all of them or none; with `check` only say what would change.

    What was done, in lines, and whether anything was out of date. InputError with every fault of every file.
    """
    pages = [page_of(file) for file in dict.fromkeys(files)]
    if faults := [fault for page in pages for fault in page.faults]:
        raise InputError(faults)
    stale = [page for page in pages if page.stale]
    if check:
        remedy = "run `explainer embed` on the file"
        faults = [
            Fault(page.file, line, 1, "this derivation is out of date", remedy) for page in stale for line in page.stale
        ]
        return "\n".join(map(str, faults)), bool(stale)
    write({Path(page.file): iter([page.new]) for page in stale})
    count = sum(page.regions for page in pages)
    written = f"wrote {', '.join(page.file for page in stale)}" if stale else "nothing has changed"
    return (
        f"{written}: {count} derivation{'' if count == 1 else 's'} in {len(pages)} file{'' if len(pages) == 1 else 's'}",
        bool(stale),
    )


def page_of(file: str) -> Page:
    """The file, and what it should be."""
    faults: list[Fault] = []
    try:
        old = decoded(read_bytes(file, MAX_BYTES, file), file)
    except InputError as error:
        return Page(file, "", (), 0, tuple(error.faults))
    raw = old.split("\n")
    lines = [line.removesuffix("\r") for line in raw]
    new: list[str] = []
    stale: list[int] = []
    done = 0
    regions = list(regions_of(lines, file, faults))
    for number, region in enumerate(regions, 1):
        text, found = text_of(region, file, number)
        faults += found
        inside = ["", *text.rstrip("\n").split("\n"), ""]
        if lines[region.first - 1 : region.end - 1] != inside:
            stale.append(region.begin)
        ending = "\r" if raw[region.begin - 1].endswith("\r") else ""
        new += [*raw[done : region.first - 1], *(line + ending for line in inside)]
        done = region.end - 1
    return Page(file, "\n".join([*new, *raw[done:]]), tuple(stale), len(regions), tuple(faults))


def regions_of(lines: Sequence[str], file: str, faults: list[Fault]) -> Iterator[Region]:
    """The regions of a file; marks inside code blocks are examples, and stay as they are."""
    fence, number = "", 0
    while number < len(lines):
        line = lines[number]
        number += 1
        if fence:
            fence = "" if closes(line, fence) else fence
        elif opened := OPEN.match(line):
            fence = opened["fence"]
        elif begin := BEGIN.match(line):
            region = region_at(lines, number, begin["rest"], file, faults)
            if region:
                yield region
                number = region.end
        elif END.fullmatch(line):
            faults.append(Fault(file, number, 1, "a region ends here that did not begin", "take the mark out"))


def region_at(lines: Sequence[str], begin: int, rest: str, file: str, faults: list[Fault]) -> Region | None:
    """The region whose first mark begins on that line; None, with a fault, where it has no end."""
    first = begin
    while not CLOSE.search(lines[first - 1]):
        first += 1
        if first > len(lines):
            faults.append(Fault(file, begin, 1, "the comment that begins here has no end", "end it with -->"))
            return None
    body = [*lines[begin:first]]
    if body:
        body[-1] = CLOSE.sub("", body[-1])
    else:
        rest = CLOSE.sub("", rest)
    for end in range(first + 1, len(lines) + 1):
        if END.fullmatch(lines[end - 1]):
            return Region(begin, first + 1, end, rest.strip(), "\n".join(body))
        if BEGIN.match(lines[end - 1]):
            break
    faults.append(Fault(file, begin, 1, "the region that begins here has no end", "add <!-- explainer:end -->"))
    return None


def text_of(region: Region, file: str, number: int) -> tuple[str, tuple[Fault, ...]]:
    """What should stand in a region, or why that cannot be said."""
    try:
        place, writing, style = understood(region, file, number)
    except OptionFault as error:
        return "", (fault_of(error, file, region.begin),)
    page = embedded(place, writing, style)
    return page.text, page.faults


def understood(region: Region, file: str, number: int) -> tuple[Place, dict[str, Any], Style]:
    """A mark as the place of a spec, its options and its style. OptionFault where it cannot be used."""
    names, written = read_words(region.said)
    flavour = written.pop("flavour", "github")
    if flavour not in FLAVOURS:
        raise OptionFault(f"unknown flavour {printable(flavour)!r}; known here: {', '.join(FLAVOURS)}")
    writing, style = read_options(written, Path(file).parent)
    if style.get("figures"):
        raise OptionFault("figures is not for regions; draw one with `explainer diagram`, and link to its file")
    if number > 1 and "label" not in style:
        style["label"] = f"explainer-{number}"
    place = place_of(names, region.body, file, region.begin, Path(file).parent)
    return place, writing, Style("markdown", flavour, **style)
