"""Python-Markdown, and so MkDocs, Material and Zensical: blocks fenced as `explainer` become derivations.

MkDocs knows of no plugin of ours, and Zensical runs none; both run extensions of Python-Markdown.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from markdown import Markdown
from markdown.extensions import Extension
from markdown.preprocessors import Preprocessor

from ..errors import Fault, InputError
from . import html
from .core import OptionFault, Spot, Style, embedded, fault_of, found_in, lines_of, place_of, read_options, read_words
from .fences import Fence, fences

LOG = logging.getLogger("mkdocs.plugins.explainer")  # whose warnings `mkdocs build --strict` counts


class ExplainerExtension(Extension):
    def __init__(self, **kwargs: Any) -> None:
        self.config = {
            "math": ["mathml", "How mathematics is written: mathml, or arithmatex for MathJax and KaTeX"],
            "defaults": [{}, "Options for all derivations"],
            "strict": [False, "A fault ends the build, where the host does not count warnings: Zensical"],
            "folder": ["", "The folder of specs, where the host does not say which document is being built"],
        }
        super().__init__(**kwargs)
        if self.getConfig("math") not in html.MATH:
            raise ValueError(f"explainer: math is {self.getConfig('math')!r}; write mathml or arithmatex")

    def extendMarkdown(self, md: Markdown) -> None:  # noqa: N802
        md.registerExtension(self)
        md.preprocessors.register(
            Blocks(md, self), "explainer", 28
        )  # after whitespace is put right (30), before fenced code (25)


def makeExtension(**kwargs: Any) -> ExplainerExtension:  # noqa: N802
    return ExplainerExtension(**kwargs)


class Blocks(Preprocessor):
    """Puts derivations in the place of their blocks, out of reach of what comes after."""

    def __init__(self, md: Markdown, extension: ExplainerExtension) -> None:
        super().__init__(md)
        self.extension = extension

    def run(self, lines: list[str]) -> list[str]:
        file, root = document_of(self.md)
        done, new = 0, []
        for number, fence in enumerate(fences(lines), 1):
            stored = self.md.htmlStash.store(self.derivation(fence, number, file, root))
            new += [*lines[done : fence.start], "", f"{fence.indent}{stored}", ""]
            done = fence.end + 1
        return [*new, *lines[done:]]

    def derivation(self, fence: Fence, number: int, file: Path | None, root: Path | None) -> str:
        """The page as HTML, or a box that says what is wrong; then there is a warning too."""
        name, spot = str(file or "<document>"), spot_of(fence, number, file)
        folder = file.parent if file else Path(self.extension.getConfig("folder") or ".")
        try:
            names, written = read_words(fence.said)
            writing, style = read_options(written, folder)
            defaults, everywhere = read_options(self.extension.getConfig("defaults"), root or Path())
            style = everywhere | style
            if names and names[0].startswith("/"):
                folder, names = root or folder, [names[0].lstrip("/"), *names[1:]]
            place = place_of(names, "\n".join(fence.body), name, spot.head, folder, spot.first, spot.indent)
        except OptionFault as error:
            return self.refused([fault_of(error, name, spot.head)])
        label = style.get("label") or ("explainer" if number == 1 else f"explainer-{number}")
        how = Style("parts", **{**style, "label": label})
        found = embedded(place, writing, how, defaults)
        if found.faults:
            return self.refused(found.faults)
        return html.page(found.text, style.get("level", 2), self.extension.getConfig("math"))

    def refused(self, faults: Sequence[Fault]) -> str:
        for fault in faults:
            LOG.warning("%s", fault)
        if self.extension.getConfig("strict"):
            raise InputError(faults)
        return html.errors(faults)


def spot_of(fence: Fence, number: int, file: Path | None) -> Spot:
    """Where a block stands in its file, in which there may be more above it: metadata. It is one of so many there, too."""
    same = next(islice(fences(lines_of(file) if file else ()), number - 1, None), None)
    if file and (same is None or (same.said, same.body) != (fence.said, fence.body)):
        found = found_in(file, fence.said, fence.body)  # documents put together from others
        if found:
            return found
    here = (same or fence).start + 1
    return Spot(here, here + 1, len((same or fence).indent))


def document_of(md: Markdown) -> tuple[Path | None, Path | None]:
    """The document that is being built and the folder of all documents, where the host leaves word of them."""
    if "relpath" in md.treeprocessors:  # MkDocs
        file: Any = getattr(md.treeprocessors["relpath"], "file", None)
        if path := getattr(file, "abs_src_path", None):
            return Path(path), Path(path[: -len(file.src_path)])
    if "rendering_context" in md.preprocessors:  # Zensical
        context = md.preprocessors["rendering_context"]
        root = Path(context.config.get("docs_dir", "docs"))
        return root / context.page.path, root
    return None, None
