"""Fenced blocks of Markdown: which are derivations, and which only show one."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

OPEN = re.compile(r"(?P<indent>[ \t]*)(?P<fence>`{3,}|~{3,}) *(?P<info>[^`]*)$")
OURS = re.compile(r"\{? *\.?explainer\b *(?P<rest>[^}]*)\}?\s*$")


@dataclass(frozen=True)
class Fence:
    """A fenced block; lines count from 0."""

    start: int
    end: int  # the line of its closing fence, or the last
    indent: str
    said: str  # after the name
    body: tuple[str, ...]  # without its indentation


def fences(lines: Sequence[str]) -> Iterator[Fence]:
    """The blocks called `explainer`, those inside other blocks left out."""
    number = 0
    while number < len(lines):
        found = OPEN.match(lines[number])
        if not found:
            number += 1
            continue
        end = next((k for k in range(number + 1, len(lines)) if closes(lines[k], found["fence"])), len(lines) - 1)
        if ours := OURS.match(found["info"]):
            indent = found["indent"]
            body = tuple(line.removeprefix(indent) for line in lines[number + 1 : end])
            yield Fence(number, end, indent, ours["rest"].strip(), body)
        number = end + 1


def closes(line: str, fence: str) -> bool:
    mark = line.strip()
    return len(mark) >= len(fence) and set(mark) == {fence[0]}
