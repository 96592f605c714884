"""Compiles the LaTeX of every shipped example, and fails on whatever a reader would see or miss.

    python tests/typesetting.py [--only TEXT] [--sheet DIR] [--jobs N]

Each is compiled as a handout and as a talk, in English (pdflatex, lualatex) and in Chinese (xelatex), and one example in
every notation, view and detail. What is wrong with one: a line or a frame that is overfull, a warning of LaTeX or hyperref, a
missing character, a link that leads nowhere, a frame made smaller by more than a third, and any number or step
of the source that is not in the text of the PDF. --sheet puts the pages of each into one picture.

It needs TeX (pdflatex, lualatex, xelatex with ctex, beamer), pdftotext, and for --sheet pdftoppm and montage.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import explainer
from explainer.presets import NOTATIONS

EXAMPLES = Path(explainer.__file__).parent / "examples"
ENGINES = {"en": ("pdflatex", "lualatex"), "zh": ("xelatex",)}
MOST = {"2-2-3-1-repeated"}  # hundreds of frames that are like those of another: as a handout only
FAULTS = re.compile(
    r"^(?:Overfull .*|LaTeX Warning: .*|Package hyperref Warning: .*|Missing character: .*|pdfTeX warning.*|! .*"
    r"|Class beamer Warning: Frame text is shrunk by a factor of (?:3[4-9]|[4-9]\d|\d{3,})[.\d]* percent.*)$",
    re.MULTILINE,
)
PASSES = 5


@dataclass(frozen=True)
class Case:
    """One document: an example, how it is written, how it is set, and what compiles it."""

    name: str
    engine: str
    document_class: str = "article"
    options: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return " ".join([self.name, self.document_class, *self.options.values(), self.engine])


def cases() -> Iterator[Case]:
    names = sorted(path.stem for path in EXAMPLES.glob("*.yaml"))
    for language, engines in ENGINES.items():
        for name in names:
            for engine in engines:
                yield Case(name, engine, options={"language": language})
            if name not in MOST:
                yield Case(name, engines[0], "beamer", {"language": language})
        for notation in NOTATIONS:
            yield Case("2-2-2-1-bias", engines[0], options={"language": language, "notation": notation})
        for options in ({"view": "both"}, {"detail": "brief"}, {"detail": "full"}):
            for document_class in ("article", "beamer"):
                yield Case("batch-3-4-1", engines[0], document_class, {"language": language, **options})


@dataclass(frozen=True)
class Result:
    case: Case
    faults: tuple[str, ...]
    pages: int
    seconds: float


def compiled(case: Case, folder: Path, sheets: Path | None = None) -> Result:
    """What came of one document, in a folder of its own."""
    began = time.monotonic()
    derivation = explainer.explain(explainer.read_problem(EXAMPLES / f"{case.name}.yaml", **case.options))
    source = "".join(derivation.text("latex", document_class=case.document_class))
    faults, pages = faults_of(source, case.engine, folder)
    if sheets is not None and pages:
        sheet(folder / "page.pdf", sheets / f"{str(case).replace(' ', '_')}.png")
    return Result(case, faults, pages, time.monotonic() - began)


def faults_of(source: str, engine: str, folder: Path) -> tuple[tuple[str, ...], int]:
    """What is wrong with a document once it is compiled, and how many pages it has. Leaves page.pdf in the folder."""
    (folder / "page.tex").write_text(source, "utf-8")
    for _ in range(PASSES):
        run = subprocess.run(
            [engine, "-interaction=nonstopmode", "-halt-on-error", "page.tex"], cwd=folder, capture_output=True
        )
        log = (folder / "page.log").read_text("utf-8", errors="replace")
        if run.returncode or not re.search(r"Rerun|rerun to get", log.partition("Here is how much")[0]):
            break
    faults = list(dict.fromkeys(FAULTS.findall(log)))
    if run.returncode:
        return tuple(faults or [f"{engine} failed"]), 0
    text = subprocess.run(
        ["pdftotext", "-layout", "page.pdf", "-"], cwd=folder, capture_output=True, check=True, text=True
    ).stdout
    return (*faults, *lost(source, text)), text.count("\f")


NUMBER = re.compile(r"(?<![\d.])\d+\.\d+")
STEP = re.compile(r"\\stepmark\{s\d+\}\{([^{}]*\d+[^{}]*)\}|\\stepanchor\{s\d+\}([^$\n]*?\d+)")


def lost(source: str, text: str) -> Iterator[str]:
    """The decimals and the names of steps that the source has more often than the text of the PDF."""
    body = re.sub(
        r"(?s)(\\begin\{tikzpicture\}).*?(?=\\end\{tikzpicture\})", r"\1", source.partition(r"\begin{document}")[2]
    )
    body = re.sub(r"[\d.]+(?:\\(?:linewidth|baselineskip|textheight)|ex\b|em\b)", "", body)
    printed = Counter(NUMBER.findall(re.sub(r"[{}^]", " ", body)))
    shown = "".join(text.split())
    for number, count in printed.items():
        if len(re.findall(rf"(?<![\d.]){re.escape(number)}", text)) < count:
            yield f"lost: {number}"
    for first, second in STEP.findall(body):
        name = "".join((first or second).split())
        if name not in shown:
            yield f"lost: {first or second}"


def sheet(pdf: Path, picture: Path) -> None:
    """The first 60 pages in one picture."""
    subprocess.run(["pdftoppm", "-r", "40", "-l", "60", "-png", pdf, pdf.with_suffix("")], check=True)
    pages = sorted(pdf.parent.glob("page-*.png"))
    subprocess.run(["montage", *pages, "-tile", "8x", "-geometry", "+4+4", "-background", "gray", picture], check=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", metavar="TEXT", help="those whose line in the table has TEXT")
    parser.add_argument("--sheet", type=Path, metavar="DIR", help="a picture of the pages of each, into DIR")
    parser.add_argument("--jobs", type=int, default=2, metavar="N", help="how many at a time (2)")
    given = parser.parse_args()
    chosen = [case for case in cases() if given.only in str(case)]
    missing = [tool for tool in {case.engine for case in chosen} | {"pdftotext"} if shutil.which(tool) is None]
    if missing:
        print(f"not installed: {', '.join(sorted(missing))}", file=sys.stderr)
        return 2
    if given.sheet is not None:
        given.sheet.mkdir(parents=True, exist_ok=True)

    def work(case: Case) -> Result:
        with tempfile.TemporaryDirectory() as folder:
            return compiled(case, Path(folder), given.sheet)

    bad = 0
    began = time.monotonic()
    with ThreadPoolExecutor(given.jobs) as pool:
        for result in pool.map(work, chosen):
            bad += bool(result.faults)
            verdict = "ok" if not result.faults else f"{len(result.faults)} faults"
            print(f"{result.case!s:<52} {result.pages:>5} pages {result.seconds:>6.1f} s  {verdict}", flush=True)
            for fault in result.faults[:5]:
                print(f"    {fault}")
    print(f"{len(chosen)} documents, {bad} with faults, {time.monotonic() - began:.0f} s")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
