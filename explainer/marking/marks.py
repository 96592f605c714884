"""The marks of a working, and the report that shows them: on a terminal, as Markdown, HTML or LaTeX, or as JSON."""

from __future__ import annotations

import json
import shlex
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from ..finish import finished
from ..render import Setting, Speaker
from .step_numbers import Step
from .typed import breakable, columns, escape_for, shown

VERDICTS = ("right", "rounding", "follow-through", "wrong", "unread", "unknown")
UNMARKED = ("unread", "unknown")
FAULTY = ("wrong", *UNMARKED)
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
AMBER, BOLD = 33, 1
SIGNS = {"right": "✓", "rounding": "≈", "follow-through": "→", "wrong": "✗", "unread": "?", "unknown": "?"}
WIDEST = 60  # columns of a statement on the terminal
IN_ADDRESSES = "/:?&=%~+,;@!"  # stand in the address of a page as they are


@dataclass(frozen=True)
class LineMarks:
    """What is said of one line of a working."""

    line: int  # of the file
    text: str
    verdict: str
    name: str | None = None  # canonical
    given: str | None = None
    expected: float | None = None  # the right value, in the writer's convention
    from_own: float | None = None  # what the writer's own numbers give
    slip: str | None = None
    message: str = ""
    candidates: tuple[str, ...] = ()
    code: str | None = None
    found_by: Step | None = None  # what the derivation says of the quantity
    short: bool = False  # it has fewer digits than the teacher asks for
    method: float = 0.0  # marks, and
    accuracy: float = 0.0
    of: float = 0.0  # what the line is worth

    @property
    def step(self) -> str | None:
        """The step of the derivation that finds the quantity."""
        return self.found_by.id if self.found_by else None

    def record(self) -> dict[str, Any]:
        """The line as JSON has it."""
        found: dict[str, Any] = {"line": self.line, "text": self.text, "name": self.name, "given": self.given}
        found |= {"expected": self.expected, "from_own": self.from_own, "verdict": self.verdict, "slip": self.slip}
        found |= {"message": self.message, "candidates": list(self.candidates)}
        others = {"code": self.code, "step": self.step, "too_few_digits": self.short}
        return found | {key: value for key, value in others.items() if value}


@dataclass(frozen=True)
class Marks:
    """The marks of a working: `lines` in the order of the file, and the conventions that it keeps to."""

    lines: tuple[LineMarks, ...]
    conventions: tuple[tuple[str, str], ...] = ()  # (id, sentence)
    language: str = "en"
    title: str = ""
    remarks: tuple[str, ...] = ()  # on the sheet as a whole

    @property
    def counts(self) -> dict[str, int]:
        """How many lines have each verdict."""
        found = Counter(line.verdict for line in self.lines)
        return {verdict: found[verdict] for verdict in VERDICTS}

    @property
    def unmarked(self) -> int:
        """How many lines have no marks, because they could not be read or name nothing."""
        return sum(line.verdict in UNMARKED for line in self.lines)

    @property
    def first(self) -> LineMarks | None:
        """The first wrong line."""
        return next((line for line in self.lines if line.verdict == "wrong"), None)

    @property
    def first_wrong(self) -> int | None:
        """The line of the file with the first wrong line; None where none is."""
        return self.first.line if self.first else None

    @property
    def score(self) -> tuple[float, float]:
        """(marks, of how many)."""
        return sum(line.method + line.accuracy for line in self.lines), sum(line.of for line in self.lines)

    @property
    def faultless(self) -> bool:
        return not any(line.verdict in FAULTY for line in self.lines)

    @property
    def summary(self) -> str:
        """How many lines have which verdict, and the score, in a sentence."""
        return lead(self, Speaker(self.language, Setting()))

    def record(self) -> dict[str, Any]:
        """The marks as JSON has them: schema `explainer.marks/1`."""
        return {
            "schema": "explainer.marks/1",
            "first_wrong": self.first_wrong,
            "conventions": [{"id": slug, "message": message} for slug, message in self.conventions],
            "counts": self.counts,
            "score": list(self.score),
            "lines": [line.record() for line in self.lines],
        }

    def text(self, to: str = "text", colour: bool = False, page: str = "", spec: str = "") -> str:
        """The report. `to` is text, json, md, html or tex.

        `page`: the address of the derivation, as the report may link to it; `spec`: the file of the exercise, for the
        command that writes the derivation.
        """
        return report(self, to, colour, page, spec)

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        return {"text/markdown": self.text("md"), "text/plain": self.text("text")}

    def __repr__(self) -> str:
        counts = ", ".join(f"{count} {verdict}" for verdict, count in self.counts.items() if count)
        return f"<Marks: {counts}>"


# ---- the report


def report(marks: Marks, to: str, colour: bool = False, page: str = "", spec: str = "") -> str:
    """The marks as a text.

    `to`: text, json, md, html or tex; `colour`: with the codes that terminals show as colours; `page`: the address of
    the derivation; `spec`: the file of the exercise.
    """
    if to == "json":
        return json.dumps(marks.record(), ensure_ascii=False, indent=1, allow_nan=False) + "\n"
    return on_terminal(marks, colour, page, spec) if to == "text" else on_page(marks, FORMATS[to], page)


# ---- a page


def on_page(marks: Marks, format: str, page: str) -> str:
    setting = Setting(format)
    say, escape = Speaker(marks.language, setting), escape_for(format, marks.language)
    text = say.text(
        "mark_page",
        title=escape(say.text("mark_title", title=marks.title)),
        language=marks.language,
        lead=escape(lead(marks, say)),
        notes=notes(marks, say, lambda text: typed(text, say, marks.language), escape),
        heads=say.text("mark_heads").split("|"),
        marked=[row_of(line, marks, say, escape) for line in marks.lines],
        steps=steps_of(marks, say, quote(page, IN_ADDRESSES)),
    )
    return "".join(finished(iter([text]), setting, marks.language))


def row_of(line: LineMarks, marks: Marks, say: Speaker, escape: Callable[[str], str]) -> dict[str, Any]:
    """A line of a working, as the table has it."""
    wrong = line.verdict == "wrong"
    first = line is marks.first
    return {
        "line": str(line.line),
        "place": place_of(line) if first else "",
        "statement": typed(line.text, say, marks.language),
        "remark": remark(line, say, escape, linked=True),
        "verdict": line.verdict,
        "word": say.text("mark_word", verdict=line.verdict, sign=SIGNS[line.verdict], wrong=wrong),
        "first": first,
        "short": line.short,
        "marks": marks_of(line),
    }


def typed(text: str, say: Speaker, language: str) -> str:
    """What somebody typed, as a page shows it."""
    format = say.setting.format
    safe = breakable(shown(text), language == "zh") if format == "latex" else escape_for(format, language)(shown(text))
    return say.text("mark_typed", text=safe)


def steps_of(marks: Marks, say: Speaker, address: str) -> list[str]:
    """The steps of the derivation that find the wrong lines, each once."""
    lines: dict[str, list[LineMarks]] = {}
    for line in marks.lines:
        if line.verdict == "wrong" and line.found_by:
            lines.setdefault(line.found_by.id, []).append(line)
    found = []
    for id, here in lines.items():
        step = here[0].found_by
        assert step is not None
        found.append(
            say.text(
                "mark_step",
                n=id[1:],
                lines=[str(line.line) for line in here],
                address=f"{address}#{id.lower()}" if address else "",
                left=step.symbol,
                rights=step.rights,
            )
        )
    return found


# ---- a terminal, or a plain text


def on_terminal(marks: Marks, colour: bool, page: str, spec: str) -> str:
    say = Speaker(marks.language, Setting())
    width = min(WIDEST, max((columns(shown(line.text)) for line in marks.lines), default=0))
    pieces = []
    for line in marks.lines:
        text = shown(line.text)
        space = " " * (width - columns(text))
        verdict = say.text("mark_verdict", verdict=line.verdict)
        head = f"{line.line:>4}  {SIGNS[line.verdict]} {text}{space}  {verdict}"
        pieces.append(painted(head.rstrip(), line, line is marks.first) if colour else head.rstrip())
        said = remark(line, say, page=page)
        if said and (line.verdict != "rounding" or line.short):
            pieces.append(f"        {said}")
    pieces += ["", lead(marks, say), *(f"- {each}" for each in notes(marks, say))]
    if spec and not page and any(line.verdict == "wrong" and line.step for line in marks.lines):
        command = f"explainer derive {shlex.quote(shown(spec))} -o derivation.html"
        pieces.append(f"- {say.text('mark_where', command=command)}")
    return "\n".join(pieces) + "\n"


def painted(text: str, line: LineMarks, first: bool) -> str:
    """The text in the colour of the verdict; the first wrong line is bold."""
    hue = AMBER if line.short else COLOURS[line.verdict]
    return f"\x1b[{f'{BOLD};' if first else ''}{hue}m{text}\x1b[0m"


# ---- what both say


def lead(marks: Marks, say: Speaker) -> str:
    counts = [say.text("mark_count", verdict=verdict, count=count) for verdict, count in marks.counts.items() if count]
    scored, of = marks.score
    return say.text("mark_summary", counts=counts, scored=f"{scored:g}", of=f"{of:g}", unmarked=marks.unmarked)


def notes(
    marks: Marks,
    say: Speaker,
    typed: Callable[[str], str] | None = None,
    escape: Callable[[str], str] = str,
) -> list[str]:
    """What is said of the whole sheet; where there is `typed`, on a page with links."""
    first = marks.first
    if first is None:
        said = escape(say.text("mark_none_wrong", unmarked=marks.unmarked))
    else:
        text, place = ((typed or shown)(first.text), place_of(first) if typed else "")
        said = say.text("mark_first", line=str(first.line), text=text, place=place)
    return [said, *(escape(message) for _, message in marks.conventions), *map(escape, marks.remarks)]


def place_of(line: LineMarks) -> str:
    return f"line{line.line}"


def remark(
    line: LineMarks, say: Speaker, escape: Callable[[str], str] = str, linked: bool = False, page: str = ""
) -> str:
    """The sentence, for a wrong line with the right value and the step that finds it."""
    said = [escape(shown(line.message))] if line.message else []
    if line.verdict == "wrong" and line.expected is not None:
        expected = escape(f"{line.expected:.7g}")
        said.append(say.text("mark_right", expected=expected, n=(line.step or "")[1:], linked=linked, page=page))
    return say.text("mark_together", sentences=said)


def marks_of(line: LineMarks) -> str:
    return f"{line.method + line.accuracy:g}/{line.of:g}" if line.of else ""


def endings() -> Mapping[str, str]:
    """The format of a report by the ending of its file."""
    return {".txt": "text", ".json": "json", ".md": "md", ".html": "html", ".tex": "tex"}
