"""The report of a marked working: on a terminal, as Markdown, HTML or LaTeX, or as JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from ..finish import ESCAPES, finished
from ..render import Setting, Speaker

if TYPE_CHECKING:
    from .checking import LineMarks, Marks

FORMATS = {
    "text": "text",
    "json": "json",
    "md": "markdown",
    "markdown": "markdown",
    "html": "html",
    "tex": "latex",
    "latex": "latex",
}
COLOURS = {"right": 32, "rounding": 32, "follow-through": 36, "wrong": 31, "unread": 33, "unknown": 33}  # of terminals
SIGNS = {"right": "✓", "rounding": "≈", "follow-through": "→", "wrong": "✗", "unread": "?", "unknown": "?"}
WIDEST = 60  # characters of a statement on the terminal


def report(marks: Marks, to: str, colour: bool = False) -> str:
    """The marks as a text. `to`: text, json, md, html or tex; `colour`: with the codes that terminals show as colours."""
    if to == "json":
        return json.dumps(marks.record(), ensure_ascii=False, indent=1, allow_nan=False) + "\n"
    if to == "text":
        return on_terminal(marks, colour)
    format = FORMATS[to]
    setting = Setting(format)
    say, escape = Speaker(marks.language, setting), ESCAPES[format]
    rows = [row_of(line, say, escape) for line in marks.lines]
    page = say.text(
        "mark_page",
        title=escape(say.text("mark_title", title=marks.title)),
        language=marks.language,
        lead=escape(lead(marks, say)),
        notes=[escape(each) for each in notes(marks, say)],
        heads=say.text("mark_heads").split("|"),
        rows=rows,
    )
    return "".join(finished(iter([page]), setting, marks.language))


def row_of(line: LineMarks, say: Speaker, escape: Callable[[str], str]) -> list[str]:
    """The cells of a line in a table: its number, what it says and what is said of it, the verdict, the marks."""
    statement = say.text("mark_statement", text=escape(shown(line.text)), remark=escape(remark(line, say)))
    verdict = say.text("mark_verdict", verdict=line.verdict)
    return [
        str(line.line),
        statement,
        say.text("mark_strong", text=verdict) if line.verdict == "wrong" else verdict,
        marks_of(line),
    ]


def on_terminal(marks: Marks, colour: bool) -> str:
    say = Speaker(marks.language, Setting())
    paint: Callable[[str, str], str] = painted if colour else lambda text, verdict: text
    width = min(WIDEST, max((len(line.text) for line in marks.lines), default=0))
    pieces = []
    for line in marks.lines:
        verdict = say.text("mark_verdict", verdict=line.verdict)
        head = f"{line.line:>4}  {SIGNS[line.verdict]} {shown(line.text):<{width}}  {verdict}"
        pieces.append(paint(head.rstrip(), line.verdict))
        said = remark(line, say)
        if said and line.verdict != "rounding":
            pieces.append(f"        {said}")
    return "\n".join([*pieces, "", lead(marks, say), *(f"- {each}" for each in notes(marks, say))]) + "\n"


def painted(text: str, verdict: str) -> str:
    return f"\x1b[{COLOURS[verdict]}m{text}\x1b[0m"


def shown(text: str) -> str:
    """The text as a terminal may show it: nothing in it is obeyed."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


def lead(marks: Marks, say: Speaker) -> str:
    counts = [say.text("mark_count", verdict=verdict, count=count) for verdict, count in marks.counts.items() if count]
    scored, of = marks.score
    return say.text("mark_summary", counts=counts, scored=f"{scored:g}", of=f"{of:g}")


def notes(marks: Marks, say: Speaker) -> list[str]:
    first = next((line for line in marks.lines if line.verdict == "wrong"), None)
    found = [say.text("mark_first", line=first.line, text=shown(first.text)) if first else say.text("mark_none_wrong")]
    return [*found, *(message for _, message in marks.conventions), *marks.remarks]


def remark(line: LineMarks, say: Speaker) -> str:
    """The sentence, for a wrong line with the right value and the step that finds it."""
    said = [shown(line.message)] if line.message else []
    if line.verdict == "wrong" and line.expected is not None:
        said.append(say.text("mark_right", expected=f"{line.expected:.7g}", step=line.step or ""))
    return say.text("mark_together", sentences=said)


def marks_of(line: LineMarks) -> str:
    return f"{line.method + line.accuracy:g}/{line.of:g}" if line.of else ""


def endings() -> Mapping[str, str]:
    """The format of a report by the ending of its file."""
    return {".txt": "text", ".json": "json", ".md": "md", ".html": "html", ".tex": "tex"}
