"""What derivations cost a build of Sphinx: seconds of CPU, beside the same project without them.

    python tests/benchmarks/embeds.py [--embeds 50] [--detail brief] [--only W36]

A project of ten documents is built four times: anew with an empty cache (every derivation is worked out), anew with a
full one, then with nothing changed, and with nothing changed and no extension of ours. Each embed has inputs of its own.
It needs the extra `docs-test`.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

EXAMPLE = Path(__file__).parents[2] / "explainer" / "examples" / "2-2-3-1.yaml"
DOCUMENTS = 10


def project(folder: Path, embeds: int, options: list[str]) -> Path:
    """A project with so many derivations, each the shipped example with another input."""
    folder.mkdir()
    extensions = ["explainer.embed.sphinx"] if embeds else []
    (folder / "conf.py").write_text(f"extensions = {extensions}\n", "utf-8")
    names = [f"page{k}" for k in range(DOCUMENTS)]
    toc = "".join(f"   {name}\n" for name in names)
    (folder / "index.rst").write_text(f"Notes\n=====\n\n.. toctree::\n\n{toc}", "utf-8")
    for k, name in enumerate(names):
        text = [f"Page {k}\n======\n\nSome text with :math:`a`.\n"]
        for number in range(k, embeds, DOCUMENTS):
            spec = EXAMPLE.read_text("utf-8").replace("X1: 2", f"X1: {2 + number / 1000}")
            lines = [
                ".. explainer::",
                *(f"   {option}" for option in options),
                "",
                *(f"   {line}" for line in spec.splitlines()),
            ]
            text.append("\n".join(lines) + "\n")
        (folder / f"{name}.rst").write_text("\n".join(text), "utf-8")
    return folder


def build(folder: Path) -> float:
    """Seconds of CPU of one build."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    line = [sys.executable, "-m", "sphinx", "-W", "-q", "-b", "html", str(folder), str(folder / "_build")]
    subprocess.run(line, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def least(folder: Path, repeat: int, fresh: bool, cold: bool = False) -> float:
    found = []
    for _ in range(repeat):
        if fresh:
            shutil.rmtree(folder / "_build", ignore_errors=True)
        if cold:
            shutil.rmtree(os.environ["EXPLAINER_CACHE"], ignore_errors=True)
        found.append(build(folder))
    return min(found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--embeds", type=int, default=50)
    parser.add_argument("--detail", default="normal")
    parser.add_argument("--only", default="")
    parser.add_argument("--repeat", type=int, default=3)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        os.environ["EXPLAINER_CACHE"] = f"{place}/cache"
        none = project(Path(place) / "none", 0, [])
        some = project(
            Path(place) / "some",
            asked.embeds,
            [f":detail: {asked.detail}", *([f":only: {asked.only}"] if asked.only else [])],
        )
        without = least(none, asked.repeat, fresh=True)
        cold, warm = (least(some, asked.repeat, fresh=True, cold=cold) for cold in (True, False))
        same, same_without = (least(each, asked.repeat, fresh=False) for each in (some, none))
    print(
        f"{asked.embeds} derivations, detail {asked.detail}{f', only {asked.only}' if asked.only else ''}: seconds of CPU"
    )
    print(f"{'without':>32} {without:6.2f}")
    print(f"{'anew, nothing in the cache':>32} {cold:6.2f}  {cold - without:+.2f}")
    print(f"{'anew, all in the cache':>32} {warm:6.2f}  {warm - without:+.2f}")
    print(f"{'nothing changed':>32} {same:6.2f}  {same / same_without:.2f} times that without")


if __name__ == "__main__":
    main()
