"""What `explainer check` and `explainer lint` do. Each returns what is printed, and how the command ends."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from ..errors import ExplainerError, NotBuilt, OutputError
from ..problem import GraphProblem, Problem
from ..publish import Chunks, write
from ..render import Setting, Speaker
from .blank import blank, for_excel
from .checking import Checker
from .classes import Result, mark_all, summary, table, workings_in
from .lint import Lint, lint
from .marks import Marks, endings
from .scheme import Scheme

ENDING_OF = {to: ending for ending, to in endings().items()}


@dataclass(frozen=True)
class Shown:
    """How a report is shown: its format, where it is printed; in colour; and what it links to."""

    to: str | None = None
    colour: bool = False
    page: str = ""  # the address of the derivation
    spec: str = ""  # the file of the exercise

    def text(self, marks: Marks, to: str, printed: bool = False) -> str:
        return marks.text(to, printed and self.colour, self.page, self.spec)


def checked(
    problem: Problem | GraphProblem, working: Path, outputs: Sequence[str], scheme: Scheme, shown: Shown
) -> tuple[str, int]:
    """One working marked: (what to print, exit code). Where the report goes to files, their names and the counts."""
    formats = formats_of(outputs, shown.to)
    marks = Checker(problem, None, scheme).check(working)
    write({path: iter([shown.text(marks, each)]) for path, each in formats})
    if formats and "-" not in outputs:
        printed = f"wrote {', '.join(str(path) for path, _ in formats)}: {marks.summary}\n"
    else:
        printed = shown.text(marks, shown.to or "text", printed=True)
    return printed, 0 if marks.faultless else 1


def formats_of(outputs: Sequence[str], to: str | None) -> list[tuple[Path, str]]:
    """Each file and its format: what its ending says, else what --to says."""
    found = []
    for name in dict.fromkeys(outputs):
        if name == "-":
            continue
        path = Path(name)
        ending = endings().get(path.suffix.lower(), to)
        if ending is None:
            raise NotBuilt(
                f"{path}:1:1: {path.suffix or 'no ending'} is no format of marks; write to {', '.join(endings())}"
            )
        found.append((path, ending))
    return found


def checked_class(
    problem: Problem | GraphProblem,
    folder: Path,
    outputs: Sequence[str],
    scheme: Scheme,
    shown: Shown,
    jobs: int,
    report: Callable[[int, int], None],
) -> tuple[str, int]:
    """A folder of workings marked: (what to print, exit code).

    The table goes to the files and a report for each working to the folders, the summary is printed.
    """
    paths = workings_in(folder)
    files = [Path(name) for name in dict.fromkeys(outputs) if name != "-"]
    folders = [Path(name) for name in dict.fromkeys(outputs) if is_folder(name)]
    for path in files:
        if path.suffix.lower() != ".csv" and path not in folders:
            raise NotBuilt(
                f"{path}:1:1: the marks of a folder are a table; write to .csv, or to a folder with / at its end"
            )
    marked = mark_all(problem, paths, None, scheme, jobs, lambda done: report(done, len(paths)))
    results = [
        replace(each, file=path.relative_to(folder).as_posix()) for path, each in zip(paths, marked, strict=True)
    ]
    text = table(results)
    reports = {place: reports_in(place, results, shown) for place in folders}
    pages = {path: page for each in reports.values() for path, page in each.items()}
    write({path: iter([for_excel(text)]) for path in files if path not in folders} | pages)
    say = Speaker(problem.writing.language, Setting())
    found = summary(results)
    lines = [("mark_class_line", {"name": name, "count": count}) for name, count in found.lines]
    slips = [
        ("mark_class_slip", {"name": say.text("mark_slip_name", slug=slug), "slug": slug, "count": count})
        for slug, count in found.slips
    ]
    said = [say.text("mark_class", files=found.files, faultless=found.faultless, unusable=found.unusable)]
    said += [say.text(macro, **fields) for macro, fields in (*lines, *slips)]
    said += [say.text("mark_class_reports", count=len(each), folder=str(place)) for place, each in reports.items()]
    printed = "\n".join(said) + "\n"
    return (printed if outputs and "-" not in outputs else text + printed), 0 if found.faultless == found.files else 1


def is_folder(name: str) -> bool:
    return name.endswith(("/", os.sep)) or Path(name).is_dir()


def reports_in(folder: Path, results: Iterable[Result], shown: Shown) -> dict[Path, Chunks]:
    """The report of each working that could be used, in a file that is called as it is: ada.txt.html, bob_1.txt.html."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder}:1:1: {error.strerror}; choose another folder") from None
    to = shown.to or "html"

    def written(marks: Marks) -> Iterator[str]:
        yield shown.text(marks, to)

    return {
        folder / f"{each.file.replace('/', '_')}{ENDING_OF[to]}": written(each.marks)
        for each in results
        if each.marks is not None
    }


def blank_sheets(problem: Problem | GraphProblem, outputs: Iterable[str]) -> str:
    """The empty sheet in each of these files: what to print."""
    files: dict[Path, Chunks] = {Path(name): iter([blank(problem, Path(name))]) for name in dict.fromkeys(outputs)}
    if not files:
        raise NotBuilt("--blank: no file to write to; give one with -o, as in -o sheet.csv")
    write(files)
    return "".join(f"{path}\n" for path in files)


def linted(problem: Problem | GraphProblem, to: str) -> str:
    """What the numbers of an exercise can tell, as text or JSON."""
    found = lint(problem)
    if to == "json":
        record = {"schema": "explainer.lint/1", **asdict(found)}
        record["share"] = {str(figures): share for figures, share in found.share.items()}
        record["alike"] = [{"slips": list(two), "lines": lines} for two, lines in found.alike.items()]
        return json.dumps(record, ensure_ascii=False, indent=1) + "\n"
    return linted_text(found, Speaker(problem.writing.language, Setting()))


def linted_text(found: Lint, say: Speaker) -> str:
    if not found.pairs:
        return say.text("lint_nothing") + "\n"
    said = [say.text("lint_opening", pairs=found.pairs)]
    said += [f"  {say.text('lint_share', figures=k, share=f'{100 * share:.1f}')}" for k, share in found.share.items()]
    if found.hidden:
        said += ["", say.text("lint_hidden")]
        said += [
            f"  {say.text('lint_hidden_row', name=say.text('mark_slip_name', slug=slug), slug=slug, lines=lines[:6], more=len(lines) > 6)}"
            for slug, lines in found.hidden.items()
        ]
    if found.alike:
        said += ["", say.text("lint_alike")]
        said += [f"  {alike_text(two, lines, say)}" for two, lines in found.alike.items()]
    said += ["", say.text("lint_digits")]
    by_digits: dict[int, list[str]] = {}
    for name, digits in found.digits.items():
        by_digits.setdefault(digits, []).append(name)
    said += [f"  {say.text('lint_digits_row', digits=k, lines=by_digits[k])}" for k in sorted(by_digits)]
    if found.proposals:
        said += ["", say.text("lint_proposals")]
        said += [
            f"  {say.text('lint_proposal', name=each.name, now=f'{each.now:g}', better=f'{each.better:g}', share=f'{100 * each.share:.1f}', alike=each.alike)}"
            for each in found.proposals
        ]
    return "\n".join(said) + "\n"


def alike_text(two: tuple[str, str], lines: Sequence[str], say: Speaker) -> str:
    named = [say.text("lint_mistake", name=say.text("mark_slip_name", slug=slug), slug=slug) for slug in two]
    return say.text("lint_alike_row", first=named[0], second=named[1], lines=lines[:6], more=len(lines) > 6)


def scheme_of(text: str | None, digits: str | None = None) -> Scheme:
    """The scheme that `--scheme method=1,accuracy=1,follow-through=yes,digits=0` and `--digits 4dp` say."""
    found: dict[str, Any] = {"asked": digits or ""}
    for part in (text or "").split(","):
        name, _, value = part.partition("=")
        key = name.strip().replace("-", "_")
        if not part.strip():
            continue
        if key == "follow_through" and value.strip() in ("yes", "no"):
            found[key] = value.strip() == "yes"
        elif key in ("method", "accuracy", "digits") and value.strip().replace(".", "", 1).isdigit():
            found[key] = float(value)
        else:
            raise ExplainerError(f"--scheme {part.strip()!r}; write method=1,accuracy=1,follow-through=yes,digits=0")
    return Scheme(**found)
