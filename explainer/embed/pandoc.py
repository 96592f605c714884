"""Pandoc, and so Quarto, Word and EPUB: a JSON filter, `pandoc --filter explainer-pandoc`.

A code block of the class `explainer` becomes a derivation, in elements of Pandoc, which writes them in any format.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from ..errors import Fault, InputError
from .core import LABEL, OptionFault, Spot, Style, embedded, fault_of, found_in, place_of, read_options
from .html import drawing
from .parts import Part, fitted, parts, pieces, rows

Element = dict[str, Any]
BARE = ["", [], []]  # an element without id, classes and attributes
DRAWN = ("html", "epub", "chunkedhtml", "revealjs", "slidy", "s5", "dzslides", "latex", "beamer")
DOCUMENTS = (".md", ".markdown", ".qmd", ".rmd", ".txt", ".rst", ".org", ".tex")


def main() -> None:
    """Reads the document from standard input and writes it to standard output; exit code 2 where a spec is wrong."""
    document = json.load(sys.stdin)
    faults: list[Fault] = []
    filtered = Filter(faults, source_of(document["meta"]), sys.argv[1] if len(sys.argv) > 1 else "")
    document["blocks"] = filtered.blocks(document["blocks"])
    if filtered.drawn and filtered.to in ("latex", "beamer"):
        document["meta"]["header-includes"] = with_tikz(document["meta"].get("header-includes"))
    if faults:
        sys.stderr.write(f"{InputError(faults)}\n")
        sys.exit(2)
    json.dump(document, sys.stdout)


def source_of(meta: Mapping[str, Any]) -> str | None:
    """The document's own name, where it says one: Pandoc does not tell its filters."""
    said = meta.get("explainer-source", {})
    return "".join(each.get("c", " ") for each in said["c"]) if said.get("t") == "MetaInlines" else said.get("c")


def with_tikz(header: Any) -> Element:
    """What stands in the header, and what drawings in LaTeX need."""
    before = [] if header is None else header["c"] if header["t"] == "MetaList" else [header]
    return {"t": "MetaList", "c": [*before, {"t": "MetaBlocks", "c": [raw("latex", r"\usepackage{tikz}")]}]}


class Filter:
    """Puts derivations in the place of their blocks, wherever these stand."""

    def __init__(self, faults: list[Fault], source: str | None, to: str = "") -> None:
        self.faults, self.source, self.to, self.count = faults, source, to, 0
        self.drawn = False  # whether there is a figure
        self.reached: dict[Path, int] = {}  # lines of documents, of the last block that was found there

    def blocks(self, node: Any) -> Any:
        if isinstance(node, list):
            return [self.blocks(each) for each in node]
        if isinstance(node, dict) and node.get("t") == "CodeBlock" and "explainer" in node["c"][0][1]:
            return self.derivation(*node["c"])
        if isinstance(node, dict):
            return {key: self.blocks(value) for key, value in node.items()}
        return node

    def derivation(self, attributes: list[Any], body: str) -> Element:
        self.count += 1
        name, _, pairs = attributes
        written = {key: value for key, value in pairs if not key.startswith("data-")}
        names = [spec] if (spec := written.pop("spec", None)) else []
        file, spot = self.position("".join(names), body.split("\n"))
        folder = Path(file).parent
        try:
            writing, style = read_options(written, folder)
            place = place_of(names, body, file, spot.head, folder, spot.first, spot.indent)
        except OptionFault as error:
            self.faults.append(fault_of(error, file, spot.head))
            return {"t": "Null"}
        own = style.get("label") or (name if LABEL.fullmatch(name) else "")
        label = own or ("explainer" if self.count == 1 else f"explainer-{self.count}")
        found = embedded(place, writing, Style("parts", **{**style, "label": label}))
        self.faults += found.faults
        self.drawn |= style.get("figures", False)
        elements = Elements(style.get("level", 2), label, self.to).blocks(parts(found.text))
        return {"t": "Div", "c": [["", ["explainer"], []], elements]}

    def position(self, named: str, body: list[str]) -> tuple[str, Spot]:
        """The document and the place of a block: Pandoc does not tell them, so they are looked for."""
        here = (path for path in Path().glob("*") if path.suffix.lower() in DOCUMENTS)
        for path in [Path(self.source)] if self.source else sorted(here):
            after = self.reached.get(path, 0) + 1
            if spot := found_in(path, named, body, after) or found_in(path, named, body):
                self.reached[path] = spot.first
                return str(path), spot
        return self.source or "<document>", Spot(1, 1)


class Elements:
    """Parts as elements of Pandoc."""

    def __init__(self, level: int, label: str, to: str) -> None:
        self.above, self.label, self.to, self.headings = level - 1, label, to, 0

    def blocks(self, part: Iterable[Part]) -> list[Element]:
        return [element for child in part for element in BLOCKS[child.tag](self, child)]

    def heading(self, part: Part) -> list[Element]:
        self.headings += 1
        name = part.get("id") or f"{self.label}-h{self.headings}"  # EPUB wants one on every heading
        attributes = [name, ["unnumbered", "unlisted"], []]
        return [{"t": "Header", "c": [min(6, int(part.get("n", "1")) + self.above), attributes, self.inline(part)]}]

    def paragraph(self, part: Part) -> list[Element]:
        return [{"t": "Para", "c": self.inline(part)}]

    def display(self, part: Part) -> list[Element]:
        return [{"t": "Para", "c": [{"t": "Math", "c": [{"t": "DisplayMath"}, part.text or ""]}]}]

    def bullets(self, part: Part) -> list[Element]:
        return [{"t": "BulletList", "c": [[{"t": "Plain", "c": self.inline(item)}] for item in part]}]

    def numbered(self, part: Part) -> list[Element]:
        numbers = [{"t": "Strong", "c": [text(f"({item.get('n')})")]} for item in part]
        return [
            {"t": "Para", "c": [number, {"t": "Space"}, *self.inline(item)]}
            for number, item in zip(numbers, part, strict=True)
        ]

    def box(self, part: Part) -> list[Element]:
        return [{"t": "BlockQuote", "c": self.blocks(part)}]

    def table(self, part: Part) -> list[Element]:
        head, body = rows(part)
        columns = [[{"t": "AlignDefault"}, {"t": "ColWidthDefault"}] for _ in head]
        foot: list[Any] = [BARE, []]
        return [
            {
                "t": "Table",
                "c": [
                    BARE,
                    [None, []],
                    columns,
                    [BARE, [self.row(head)]],
                    [[BARE, 0, [], list(map(self.row, body))]],
                    foot,
                ],
            }
        ]

    def figure(self, part: Part) -> list[Element]:
        """The drawing where it can be drawn; elsewhere what is seen in it, in words."""
        if not self.to.startswith(DRAWN):
            return [{"t": "Para", "c": [text(part.get("alt", ""))]}]
        inside = [raw("html", drawing(part)), raw("latex", fitted(part)), *self.paragraph(part[-1])]
        return [{"t": "Div", "c": [[part.get("id"), ["figure"], []], inside]}]

    def row(self, cells: list[Part]) -> list[Any]:
        return [
            BARE,
            [[BARE, {"t": "AlignDefault"}, 1, 1, [{"t": "Plain", "c": self.inline(cell)}]] for cell in cells],
        ]

    def inline(self, part: Part) -> list[Element]:
        return [text(piece) if isinstance(piece, str) else self.piece(piece) for piece in pieces(part)]

    def piece(self, part: Part) -> Element:
        if part.tag == "m":
            return {"t": "Math", "c": [{"t": "InlineMath"}, part.text or ""]}
        if part.tag == "t":
            return {"t": "Span", "c": [[part.get("id"), [], []], []]}
        if part.tag == "a":
            return {"t": "Link", "c": [BARE, self.inline(part), [f"#{part.get('to')}", ""]]}
        return {"t": "Strong", "c": self.inline(part)}


def raw(format: str, words: str) -> Element:
    """What Pandoc puts into this format alone."""
    return {"t": "RawBlock", "c": [format, words]}


def text(words: str) -> Element:
    """Text whose spaces are spaces: a Str is allowed to have them."""
    return {"t": "Str", "c": words.replace("\n", " ")}


BLOCKS: Mapping[str, Callable[[Elements, Part], list[Element]]] = {
    "h": Elements.heading,
    "p": Elements.paragraph,
    "d": Elements.display,
    "ul": Elements.bullets,
    "ol": Elements.numbered,
    "box": Elements.box,
    "table": Elements.table,
    "fig": Elements.figure,
}

if __name__ == "__main__":
    main()
