"""A whole class: a folder of workings, one for each student, marked in processes of their own."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import ExplainerError, Fault, InputError, OutputError
from ..problem import GraphProblem, Problem
from .checking import Checker
from .marks import VERDICTS, Marks
from .reading import READ, UNREADABLE
from .scheme import DEFAULT, Scheme
from .workers import Lost, done

MOST_FILES = 20_000
MOST_SECONDS = 60.0  # for one file
HEADS = ("file", *VERDICTS, "score", "of", "first_wrong", "wrong_lines", "slips", "error")
DANGEROUS = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet program would run


@dataclass(frozen=True)
class Result:
    """The marks of one file, or why there are none."""

    file: str
    marks: Marks | None = None
    error: str = ""


def workings_in(folder: Path) -> list[Path]:
    """The workings of a folder, and of the folders in it, in which a course system puts those of each student; by name."""
    try:
        inside = [path for path in folder.iterdir() if not path.name.startswith(".")]
        inside += [path for each in inside if each.is_dir() for path in each.iterdir() if not path.name.startswith(".")]
    except OSError as error:
        raise OutputError(f"{folder}:1:1: {error.strerror}; name a folder that can be read") from None
    found = sorted(path for path in inside if path.suffix.lower() in (*READ, *UNREADABLE, "") and path.is_file())
    if not found:
        raise InputError(
            [Fault(str(folder), 1, 1, "there are no workings in it", "put one file there for each student")]
        )
    if len(found) > MOST_FILES:
        raise ExplainerError(f"{folder} has {len(found):,} files in it; mark at most {MOST_FILES:,} at once")
    return found


def mark_all(
    problem: Problem | GraphProblem,
    paths: Sequence[Path],
    language: str | None = None,
    scheme: Scheme = DEFAULT,
    jobs: int = 1,
    report: Callable[[int], None] = lambda done: None,
    seconds: float = MOST_SECONDS,
) -> list[Result]:
    """The results, in the order of the files.

    They are marked in processes of their own: one that dies, or is not done with a file after so many seconds, is
    replaced, and the file is left unmarked. `report` is called with how many files are done.
    """
    found: dict[int, Result] = {}
    for place, result in done(Marking, (problem, language, scheme), paths, jobs, seconds):
        if isinstance(result, Lost):
            result = Result(paths[place].name, error=f"{paths[place]}:1:1: {LOST[str(result)].format(seconds=seconds)}")
        found[place] = result
        report(len(found))
    return [found[place] for place in range(len(paths))]


LOST = {
    "takes too long": "not marked within {seconds:g} seconds; look whether it is a working",
    "has died": "could not be marked, the process died over it; look whether it is a working",
}


class Marking:
    """What marks one file after the other."""

    def __init__(self, problem: Problem | GraphProblem, language: str | None, scheme: Scheme) -> None:
        self.checker = Checker(problem, language, scheme)

    def __call__(self, path: Path) -> Result:
        try:
            marks = self.checker.check(path)
            if not marks.lines:
                return Result(
                    path.name, error=f"{path}:1:1: nothing in it could be marked; write NAME = VALUE on a line"
                )
            return Result(path.name, marks)
        except ExplainerError as error:
            return Result(path.name, error=str(error))
        except Exception as error:  # one file must not end the marking of a class
            return Result(
                path.name, error=f"{path}:1:1: could not be marked ({type(error).__name__}); please report this"
            )


# ---- reports


def table(results: Sequence[Result]) -> str:
    """The results as CSV, a row for each file. Nothing in it is run by a spreadsheet program."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(HEADS)
    for result in results:
        writer.writerow([harmless(cell) for cell in row_of(result)])
    return text.getvalue()


def row_of(result: Result) -> list[str]:
    marks = result.marks
    if marks is None:
        return [result.file, *[""] * (len(HEADS) - 2), result.error]
    wrong = [line for line in marks.lines if line.verdict == "wrong"]
    scored, of = marks.score
    counts = [str(count) for count in marks.counts.values()]
    names = " ".join(line.name or "" for line in wrong)
    slips = " ".join(dict.fromkeys(line.slip or "unexplained" for line in wrong))
    first = "" if marks.first_wrong is None else str(marks.first_wrong)
    return [result.file, *counts, f"{scored:g}", f"{of:g}", first, names, slips, ""]


def harmless(text: str) -> str:
    return f"'{text}" if text.startswith(DANGEROUS) else text


@dataclass(frozen=True)
class Summary:
    """A class at a glance: how many files, how many without a fault, which lines fail and which mistakes are made."""

    files: int
    faultless: int
    unusable: int
    lines: list[tuple[str, int]]  # (line, in how many workings it is wrong), the most first
    slips: list[tuple[str, int]]


def summary(results: Sequence[Result], most: int = 5) -> Summary:
    marked = [result.marks for result in results if result.marks is not None]
    lines = Counter(
        name for marks in marked for name in {line.name or "" for line in marks.lines if line.verdict == "wrong"}
    )
    slips = Counter(slip for marks in marked for slip in {line.slip for line in marks.lines if line.slip})
    return Summary(
        len(results),
        sum(marks.faultless for marks in marked),
        len(results) - len(marked),
        lines.most_common(most),
        slips.most_common(most),
    )
