"""What a page costs: microseconds of CPU per weight, beside a floor that writes the same bytes.

    python tests/benchmarks/run.py [--repeat 3] [SIZES ...]

The floor is one `%` over a ready skeleton of the finished page (every decimal number in it a slot) and the writing of
its bytes, in the same run. Imports, the reading of templates and a first small page are not counted. Ratios are what
to compare: CPU seconds depend on the machine.
"""

from __future__ import annotations

import argparse
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from networks import example, layered, work_of

import explainer
from explainer.derivation import Derivation

SIZES = ["64-64-10", "784-30-10", "784-100-10"]
NUMBER = re.compile(r"(?<![\w.{])-?\d+\.(\d+)")


def cpu(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def floor(page: str, path: Path) -> float:
    """CPU seconds of one `%` that makes the page, and of writing it."""
    parts, numbers, place = [], [], 0
    for found in NUMBER.finditer(page):
        form = f"%.{len(found[1])}f"
        if form % float(found[0]) == found[0]:
            parts += [page[place : found.start()].replace("%", "%%"), form]
            numbers.append(float(found[0]))
            place = found.end()
    skeleton, values = "".join([*parts, page[place:].replace("%", "%%")]), tuple(numbers)
    if skeleton % values != page:
        raise AssertionError("the floor writes another page")
    filling = min(cpu(lambda: skeleton % values) for _ in range(7))
    return filling + min(cpu(lambda: path.write_text(page, encoding="utf-8")) for _ in range(7))


def measured(sizes: str, ending: str, folder: Path, repeat: int) -> str:
    problem = layered(*map(int, sizes.split("-")), detail="full")
    path = folder / f"page{ending}"
    working, writing = [], []
    for _ in range(repeat):
        found = []
        working.append(cpu(lambda keep=found: keep.append(Derivation(problem, [work_of(problem)]))))  # type: ignore[misc]
        writing.append(cpu(lambda keep=found: keep[0].save(path)))  # type: ignore[misc]
    weights = sum(layer.weights.size for layer in problem.layers)
    page = path.read_text(encoding="utf-8")
    lowest, work, write = floor(page, path), min(working), min(writing)
    per = 1e6 / weights
    return (
        f"{sizes:>11} {ending:>5} {weights:>7} {len(page) / weights:>6.0f} {work * per:>8.2f} {write * per:>8.2f} "
        f"{(work + write) * per:>8.2f} {lowest * per:>8.2f} {(work + write) / lowest:>7.2f} {peak_above_imports(sizes):>9.1f}"
    )


def peak_above_imports(sizes: str) -> float:
    """MiB of memory at most above that of the imported process, writing the Markdown page in a process of its own."""
    code = (
        f"import sys; sys.path[:0] = {[str(Path(__file__).parent), str(Path(__file__).parents[1])]!r}; "
        f"import run; run.report_peak({sizes!r})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return float(done.stdout)


def report_peak(sizes: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        explainer.explain(example("2-2-3-1")).save(Path(folder) / "warm.md")
        before = highest()
        explainer.explain(layered(*map(int, sizes.split("-")), detail="full")).save(Path(folder) / "page.md")
        print((highest() - before) / 1024)


def highest() -> int:
    """KiB of memory at most since the process began. Linux counts what the parent had in getrusage's figure."""
    status = Path("/proc/self/status")
    if status.exists():
        return int(re.search(r"VmHWM:\s+(\d+)", status.read_text())[1])  # type: ignore[index]
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sizes", nargs="*", default=SIZES)
    parser.add_argument("--repeat", type=int, default=5)
    options = parser.parse_args()
    print("microseconds of CPU per weight; memory in MiB above the imported process")
    print(
        f"{'network':>11} {'':>5} {'weights':>7} {'bytes':>6} {'working':>8} {'writing':>8} "
        f"{'both':>8} {'floor':>8} {'ratio':>7} {'memory':>9}"
    )
    with tempfile.TemporaryDirectory() as folder:
        for warm in (example("2-2-3-1"), example("2-2-2-named"), layered(70, 7, 3, detail="full")):
            explainer.explain(warm).save(Path(folder) / "warm.md", Path(folder) / "warm.tex")
        for sizes in options.sizes:
            for ending in (".md", ".tex"):
                print(measured(sizes, ending, Path(folder), options.repeat), flush=True)


if __name__ == "__main__":
    main()
