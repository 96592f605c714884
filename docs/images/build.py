"""The picture in the README: one step of a page, as Chromium shows it. Run it after a change of the page, and look.

.venv/bin/python docs/images/build.py
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from browser import Browser, browser  # noqa: E402

import explainer  # noqa: E402

STEP = "s17"  # how W36 changes E
EDGE = 28  # pixels around it


def main() -> None:
    problem = explainer.read_problem(ROOT / "explainer/examples/2-2-3-1.yaml")
    with tempfile.TemporaryDirectory() as folder, browser() as chromium:
        page = Path(folder) / "page.html"
        explainer.explain(problem).save(page)
        chromium.open(page, 860, scripts=False, prefers_color_scheme="light")
        x, y, width, height = box_of(chromium, STEP)
        chromium.screenshot(
            ROOT / "docs/images/page.png",
            x=x - EDGE,
            y=y - EDGE,
            width=width + 2 * EDGE,
            height=height + 2 * EDGE,
            scale=1.6,  # the README wants less than 200 KB
        )


def box_of(chromium: Browser, name: str) -> list[float]:
    """Where an element is on its page: x, y, width, height. Asked of the document's tree, which needs no script."""
    document = chromium("DOM.getDocument")["root"]["nodeId"]
    node = chromium("DOM.querySelector", nodeId=document, selector=f"#{name}")["nodeId"]
    corners = chromium("DOM.getBoxModel", nodeId=node)["model"]["border"]
    return [corners[0], corners[1], corners[2] - corners[0], corners[5] - corners[1]]


if __name__ == "__main__":
    main()
