"""Writes the code and the output that the page in this folder shows: python docs/compared/build.py

The programs need the packages of requirements.txt beside explainer. What they print stands on the page between
`<!-- begin: NAME -->` and `<!-- end -->`; nothing else in it is touched.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import explainer

HERE = Path(__file__).parent
SHIPPED = Path(explainer.__file__).parent / "examples" / "2-2-3-1.yaml"
MARKED = re.compile(r"(?P<begin><!-- begin: (?P<name>[a-z0-9-]+) -->\n).*?(?P<end><!-- end -->)", re.S)
STEPS = ("delta[6]", "dE/dW[3,6]", "W'[3,6]")  # of explainer, for the one weight


@lru_cache
def output(tool: str, whole: bool = False) -> str:
    """What a program of this folder prints."""
    command = [sys.executable, str(HERE / f"with_{tool}.py"), *(["whole"] if whole else [])]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout  # noqa: S603


def code(tool: str) -> str:
    return f"```python\n{(HERE / f'with_{tool}.py').read_text('utf-8')}```\n"


def spec() -> str:
    return f"```yaml\n{SHIPPED.read_text('utf-8')}```\n"


def one(tool: str) -> str:
    """The mathematics that a program prints for the one weight, a block for each of its formulas."""
    tex = output(tool).replace("$$", "").strip()
    blocks = [tex] if r"\begin" in tex else tex.splitlines()
    return "\n".join(f"```math\n{block}\n```\n" for block in blocks)


@lru_cache
def derivation() -> explainer.Derivation:
    return explainer.explain(explainer.read_problem(SHIPPED))


def own() -> str:
    """Some steps of our page, as they stand there."""
    page = "".join(derivation().text("markdown"))
    numbers = {step["name"]: step["id"].lower() for step in steps()}
    places = {each: page.index(f'<a id="{each}">') for each in numbers.values()}
    following = sorted([*places.values(), *(found.start() for found in re.finditer(r"^#", page, re.M))])
    pieces = []
    for name in STEPS:
        start = places[numbers[name]]
        end = next(place for place in following if place > start)
        pieces.append(re.sub(r'<a id="[^"]*"></a>', "", page[start:end]).strip())
    return re.sub(r"\[([^\]\n$`]*)\]\(#[a-z0-9-]+\)", r"\1", "\n\n".join(pieces)) + "\n"


def steps() -> list[dict[str, str]]:
    found: list[dict[str, str]] = json.loads("".join(derivation().text("json")))["iterations"][0]["steps"]
    return found


def sizes() -> str:
    rows = [
        (
            tool,
            str(len([line for line in (HERE / f"with_{tool}.py").read_text("utf-8").splitlines() if line.strip()])),
            f"{len(output(tool)):,}",
            f"{len(output(tool, True)):,}",
        )
        for tool in ("handcalcs", "latexify", "sympy")
    ]
    page = "".join(derivation().text("markdown"))
    lines = [line for line in SHIPPED.read_text("utf-8").splitlines() if line.strip()]
    rows.append(("explainer", f"{len(lines)}, of YAML", "", f"{len(page):,}, words and all"))
    head = ["", "lines typed for the whole", "characters of mathematics, one weight", "the whole network"]
    return "\n".join("| " + " | ".join(row) + " |" for row in (head, ["---"] * len(head), *rows)) + "\n"


PARTS: dict[str, Callable[[], str]] = {
    **{f"code-{tool}": lambda tool=tool: code(tool) for tool in ("handcalcs", "latexify", "sympy")},
    **{f"one-{tool}": lambda tool=tool: one(tool) for tool in ("handcalcs", "latexify", "sympy")},
    "code-explainer": spec,
    "one-explainer": own,
    "sizes": sizes,
}


def built(page: str) -> str:
    """The page with its parts as they are now."""
    return MARKED.sub(lambda found: f"{found['begin']}\n{PARTS[found['name']]()}\n{found['end']}", page)


def main() -> None:
    path = HERE / "index.md"
    page = path.read_text("utf-8")
    if (new := built(page)) != page:
        path.write_text(new, "utf-8")
        print(f"wrote {path.name}")


if __name__ == "__main__":
    main()
