"""Sphinx, in reST and MyST: the directive `explainer`, and nodes that every builder of Sphinx knows how to write.

While documents are read, a page is one node that holds its parts as text; the nodes that a reader sees are made when
documents are written. Each of the many transforms between would otherwise walk over a thousand nodes of every page.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

from .. import __version__
from .core import (
    OPTIONS,
    STYLES,
    OptionFault,
    Place,
    Style,
    embedded,
    fault_of,
    found_in,
    ours,
    place_of,
    read_options,
    said,
    told,
    uncollected,
)
from .html import drawing
from .parts import Part, fitted, parts, pieces, rows

LOG = logging.getLogger(__name__)


def setup(app: Sphinx) -> dict[str, Any]:
    app.add_config_value("explainer_defaults", {}, "env", dict)
    app.add_directive("explainer", Explainer)
    app.add_node(page)
    app.add_post_transform(Pages)
    return {
        "version": __version__,
        "env_version": int(ours()[:7], 16),  # another version of ours writes other pages
        "parallel_read_safe": True,
        "parallel_write_safe": True,
    }


class Explainer(SphinxDirective):
    """A derivation: of the spec in the body, or in the file that the argument names."""

    optional_arguments = 1
    final_argument_whitespace = True
    has_content = True
    option_spec: ClassVar[dict[str, Callable[[str], Any]]] = dict.fromkeys(
        (*OPTIONS, *STYLES), directives.unchanged_required
    )

    def run(self) -> list[nodes.Node]:
        file, line = self.get_source_info()
        file = os.path.abspath(file)
        try:
            writing, style = read_options(self.options, Path(file).parent)
            defaults, everywhere = read_options(self.config.explainer_defaults, Path(self.env.srcdir))
            defaults, style = language_of(self.config.language) | defaults, everywhere | style
            place = self.place(file, line)
        except OptionFault as error:
            return self.refused([fault_of(error, file, line)])
        label = style.get("label", "")
        prefix = label or f"explainer-{self.env.new_serialno('explainer') + 1}"
        found = embedded(place, writing, Style("parts", **{**style, "label": prefix}), defaults)
        for path in found.files:
            self.env.note_dependency(str(path))
        if found.faults:
            return self.refused(found.faults)
        whole = page("", nodes.math("E", "E"), text=found.text, level=style.get("level", 2))
        whole["labels"] = self.equations(label, found.text)
        whole += (equation(name, number, self.env.docname) for name, number in whole["labels"].items())
        self.set_source_info(whole)
        return [whole]

    def equations(self, label: str, text: str) -> dict[str, Any]:
        """The numbers of the equations of the page that can be referred to: the first of each step, LABEL-s17."""
        domain: Any = self.env.get_domain("math")
        found = {}
        for name in steps_with_equations(parts(text)) if label else ():
            domain.note_equation(self.env.docname, name, location=self.get_location())
            found[name] = domain.get_equation_number_for(name)
        return found

    def place(self, file: str, line: int) -> Place:
        """A docstring has a name and lines of its own; where it is found in its module these are told."""
        names = [self.env.relfn2path(name)[1] for name in self.arguments]
        module, inside, _ = file.partition(":docstring of ")
        found = found_in(Path(module), "", self.content, 1 if inside else line) if self.content else None
        if not found:
            return place_of(names, "\n".join(self.content), file, line, Path(module).parent, self.first)
        head = found.head if inside else line
        return place_of(names, "\n".join(self.content), module, head, Path(module).parent, found.first, found.indent)

    @property
    def first(self) -> int:
        """The line of the body, as docutils counts; 0 without a body."""
        return self.content.offset(0) + 1 if self.content else 0

    def refused(self, faults: Any) -> list[nodes.Node]:
        """A warning for each fault at its place, and the same on the page."""
        for fault in faults:
            LOG.warning(said(fault), location=f"{fault.file}:{fault.line}:{fault.column}", type="explainer")
        return [nodes.error("", *(nodes.paragraph("", told(fault)) for fault in faults))]


def language_of(host: str) -> dict[str, str]:
    """The language of the project, where we write it."""
    return {"language": "zh"} if host.lower().startswith("zh") else {}


# ---- parts to nodes


class page(nodes.General, nodes.Element):  # noqa: N801, as docutils names nodes
    """A page as text, in parts.

    Its children are mathematics, by which Sphinx knows that the document has some, and the equations that it may number.
    """


def equation(label: str, number: int, docname: str, text: str = "") -> nodes.math_block:
    """One that can be referred to."""
    ids = [nodes.make_id(f"equation-{label}")]
    return nodes.math_block(text, text, nowrap=False, docname=docname, label=label, number=number, ids=ids)


class Pages(SphinxPostTransform):
    """Puts the nodes of each page in its place."""

    default_priority = 900  # after the others, which find nothing to do in them

    def run(self, **_: Any) -> None:
        for whole in [*self.document.findall(page)]:
            with uncollected():
                made = Nodes(self.env.docname, whole, self.app.builder.format).made
            if self.app.builder.format == "latex" and "<tikz>" in whole["text"]:
                self.draw()
            opening = next((k for k, node in enumerate(made) if isinstance(node, nodes.target)), len(made))
            steps = nodes.container("", *made[opening:], classes=["no-search"])  # thousands of numbers and no words
            whole.replace_self(nodes.container("", *made[:opening], steps, classes=["explainer"]))

    def draw(self) -> None:
        """What a document in LaTeX with a drawing needs."""
        if not self.app.registry.has_latex_package("tikz"):
            self.app.add_latex_package("tikz")


def steps_with_equations(whole: Part) -> Iterator[str]:
    """The ids of steps that have an equation."""
    step = ""
    for part in whole.iter():
        if part.tag in ("h", "t"):
            step = part.get("id", step)
        if part.tag == "d" and step:
            yield step
            step = ""


DRAWINGS: Mapping[str, Callable[[Part], str]] = {"html": drawing, "latex": fitted}


class Nodes:
    """Turns the parts of a page into nodes."""

    def __init__(self, docname: str, whole: page, to: str) -> None:
        self.docname, self.to = docname, to
        self.labels: Mapping[str, int] = whole["labels"]
        self.above = int(whole["level"]) - 1
        self.source, self.line = whole.source, whole.line
        self.step = ""  # whose equation comes next
        self.made = self.blocks(parts(whole["text"]))

    def blocks(self, part: Part) -> list[nodes.Node]:
        return [node for child in part for node in BLOCKS[child.tag](self, child)]

    def heading(self, part: Part) -> Iterator[nodes.Node]:
        node = nodes.rubric("", "", *self.inline(part), classes=["explainer"])
        node["heading-level"] = min(6, int(part.get("n", "1")) + self.above)
        self.step = part.get("id", self.step)
        if part.get("id"):
            yield nodes.target("", "", ids=[self.step])
        yield node

    def paragraph(self, part: Part) -> Iterator[nodes.Node]:
        yield nodes.paragraph("", "", *self.inline(part))

    def display(self, part: Part) -> Iterator[nodes.Node]:
        text, number = part.text or "", self.labels.get(self.step)
        if number is None:
            node = nodes.math_block(text, text, nowrap=False, docname=self.docname, label=None, number=None)
        else:
            node = equation(self.step, number, self.docname, text)
        node.source, node.line = self.source, self.line
        self.step = ""
        yield node

    def bullets(self, part: Part) -> Iterator[nodes.Node]:
        items = (nodes.list_item("", nodes.paragraph("", "", *self.inline(item))) for item in part)
        yield nodes.bullet_list("", *items, bullet="-")

    def numbered(self, part: Part) -> Iterator[nodes.Node]:
        """Each with its number in front, which need not go up by one."""
        for item in part:
            number = nodes.strong("", f"({item.get('n')})")
            yield nodes.paragraph("", "", number, nodes.Text(" "), *self.inline(item))

    def box(self, part: Part) -> Iterator[nodes.Node]:
        title = nodes.title("", *[nodes.Text("".join(part[0].itertext()))])
        yield nodes.admonition("", title, *[node for child in part[1:] for node in BLOCKS[child.tag](self, child)])

    def table(self, part: Part) -> Iterator[nodes.Node]:
        head, body = rows(part)
        columns = zip(head, *body[:10], strict=False)
        widths = [min(40, max(len("".join(cell.itertext())) for cell in column)) for column in columns]
        group = nodes.tgroup("", *(nodes.colspec(colwidth=width) for width in widths), cols=len(head))
        group += nodes.thead("", self.row(head))
        group += nodes.tbody("", *map(self.row, body))
        yield nodes.table("", group, classes=["colwidths-auto"])

    def figure(self, part: Part) -> Iterator[nodes.Node]:
        """The drawing where it can be drawn; elsewhere what is seen in it, in words."""
        if self.to not in DRAWINGS:
            yield nodes.paragraph("", part.get("alt"))
            return
        text = DRAWINGS[self.to](part)
        caption = nodes.paragraph("", "", *self.inline(part[-1]))
        yield nodes.container("", nodes.raw("", text, format=self.to), caption, ids=[part.get("id")])

    def row(self, cells: list[Part]) -> nodes.row:
        return nodes.row("", *(nodes.entry("", nodes.paragraph("", "", *self.inline(cell))) for cell in cells))

    def inline(self, part: Part) -> list[nodes.Node]:
        return [nodes.Text(piece) if isinstance(piece, str) else self.piece(piece) for piece in pieces(part)]

    def piece(self, part: Part) -> nodes.Node:
        if part.tag == "m":
            return nodes.math(part.text, part.text or "")
        if part.tag == "t":
            self.step = str(part.get("id"))
            return nodes.target("", "", ids=[self.step])
        if part.tag == "a":
            return nodes.reference("", "", *self.inline(part), internal=True, refid=part.get("to"))
        return nodes.strong("", "", *self.inline(part))


BLOCKS: Mapping[str, Callable[[Nodes, Part], Iterator[nodes.Node]]] = {
    "h": Nodes.heading,
    "p": Nodes.paragraph,
    "d": Nodes.display,
    "ul": Nodes.bullets,
    "ol": Nodes.numbered,
    "box": Nodes.box,
    "table": Nodes.table,
    "fig": Nodes.figure,
}
