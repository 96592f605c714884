"""These pages as a site, built with our own directive: python -m sphinx -W docs docs/_build"""

from __future__ import annotations

import re
from typing import Any

project = "explainer"
extensions = ["myst_parser", "explainer.embed.sphinx"]
exclude_patterns = ["_build"]
myst_enable_extensions = ["dollarmath"]
myst_fence_as_directive = ["math"]
myst_heading_anchors = 4
suppress_warnings = ["myst.xref_missing", "toc.not_included"]  # links into the repository; the index is a list of links


def without_backticks(app: Any, docname: str, source: list[str]) -> None:
    """Mathematics as MyST has it, where GitHub has $`...`$; code blocks stay as they are."""
    blocks = re.split(r"(^(`{3,}).*?^\2$)", source[0], flags=re.MULTILINE | re.DOTALL)
    texts = [re.sub(r"\$`([^`]*)`\$", r"$\1$", text) for text in blocks[::3]]
    source[0] = "".join(text + block for text, block in zip(texts, [*blocks[1::3], ""], strict=True))


def setup(app: Any) -> None:
    app.connect("source-read", without_backticks)
