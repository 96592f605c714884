r"""A page of LaTeX as the frames of a talk, written as a stream.

mark    \x1e, what opens a frame, \x1f, what parts it where a sum is too long for it, \x1f, what closes it, \x1f; the
        frame goes on to the next mark. Three times nothing marks what stands outside of frames.
joint   \x1d: the mark right behind it does not count
cut     \x1c: the beginning of a row; a table is cut there into several frames
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from .dialects import TEX

MARK = re.compile("\x1e([^\x1f]*)\x1f([^\x1f]*)\x1f([^\x1f]*)\x1f")
JOINED = re.compile(f"\x1d({MARK.pattern})?")
CUT = "\x1c"
ROWS = 9  # of a table, on a frame
LINES = 9  # of sums, on a frame


def frames(page: Iterator[str]) -> Iterator[str]:
    """The page with what opens and closes its frames. No piece of the page ends within a mark."""
    mark: Sequence[str] = ("", "", "")
    held: list[str] = []
    for chunk in page:
        first, *marked = MARK.split(JOINED.sub("", chunk))
        held.append(first)
        for k in range(0, len(marked), 4):
            yield framed(mark, "".join(held))
            mark, held = marked[k : k + 3], [marked[k + 3]]
    yield framed(mark, "".join(held))


def framed(mark: Sequence[str], text: str) -> str:
    """The text in as many frames as it takes: in none where it is blank."""
    opening, parting, closing = mark
    _, *rows = text.split(CUT)
    if rows:
        return "".join(opening + "".join(rows[k : k + ROWS]) + closing for k in range(0, len(rows), ROWS))
    if not text.strip():
        return ""
    lines = text.strip("\n").split(TEX.line_break)
    most = LINES if parting else len(lines)
    parts = [TEX.line_break.join(lines[k : k + most]) for k in range(0, len(lines), most)]
    return opening + parting.join(parts) + "\n" + (closing or "\n")
