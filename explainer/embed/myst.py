"""Jupyter Book 2 and mystmd: an executable plugin, `explainer-myst`, with the directive `explainer`.

One process is started for each directive, so little is imported until a page has to be worked out.
"""

from __future__ import annotations

import base64
import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..errors import Fault
from .core import OPTIONS, STYLES, OptionFault, Spot, Style, embedded, fault_of, found_in, place_of, read_options
from .parts import Part, parts, pieces

Node = dict[str, Any]

DIRECTIVE = {
    "name": "explainer",
    "doc": "A worked derivation of back-propagation, of the spec in the body or in the file that is named.",
    "arg": {"type": "string", "doc": "The file of the spec"},
    "options": {name: {"type": "string"} for name in (*OPTIONS, *STYLES)},
    "body": {"type": "string", "doc": "The spec"},
}


def main() -> None:
    """Without arguments says what there is; with `--directive explainer` turns one, from standard input, into nodes."""
    if len(sys.argv) < 2:
        json.dump({"name": "explainer", "directives": [DIRECTIVE]}, sys.stdout)
    else:
        json.dump(nodes_of(json.load(sys.stdin)), sys.stdout)


def nodes_of(data: Mapping[str, Any]) -> list[Node]:
    body = data.get("body") or ""
    names = [data["arg"]] if data.get("arg") else []
    start = data.get("node", {}).get("position", {}).get("start", {}).get("line", 1)
    file, spot = position(names, body.rstrip("\n").split("\n"), start)
    folder = Path(file).parent
    try:
        writing, style = read_options(data.get("options") or {}, folder)
        place = place_of(names, body, file, spot.head, folder, spot.first, spot.indent)
    except OptionFault as error:
        return refused([fault_of(error, file, spot.head)])
    label = style.get("label") or f"explainer-{start}"
    found = embedded(place, writing, Style("parts", **{**style, "label": label}))
    if found.faults:
        return refused(found.faults)
    nodes = Nodes(style.get("level", 2), bool(style.get("label")))
    return [{"type": "div", "class": "explainer", "children": nodes.blocks(parts(found.text))}]


def position(names: Sequence[str], body: Sequence[str], line: int) -> tuple[str, Spot]:
    """The document and the place of a directive: mystmd tells the line alone, so the document is looked for.

    Of several it is the one that has the spec beside it, and in which the directive is nearest to the line.
    """
    known = "".join(names), body
    spots = {path: found_in(path, *known, line) or found_in(path, *known) for path in documents()}
    found = [(path, spot) for path, spot in spots.items() if spot]
    if not found:
        return "<document>", Spot(line, line + 1)

    def far(each: tuple[Path, Spot]) -> tuple[bool, int]:
        path, spot = each
        return not all((path.parent / name).exists() for name in names), abs(spot.head - line)

    path, spot = min(found, key=far)
    return str(path), spot


def documents() -> Iterator[Path]:
    """The documents of the project, which is in the current folder."""
    for folder, inner, files in os.walk("."):
        inner[:] = sorted(name for name in inner if name[0] != "." and name not in ("_build", "node_modules"))
        yield from (Path(folder, name) for name in sorted(files) if name.endswith(".md"))


def refused(faults: Iterable[Fault]) -> list[Node]:
    """Ends the plugin: mystmd then reports the directive as an error, with what stands on standard error."""
    sys.stderr.write("".join(f"{fault}\n" for fault in faults))
    sys.exit(2)


class Nodes:
    """Parts as nodes of MyST."""

    def __init__(self, level: int, labelled: bool) -> None:
        self.above, self.labelled, self.step = level - 1, labelled, ""

    def blocks(self, part: Iterable[Part]) -> list[Node]:
        return [node for child in part for node in BLOCKS[child.tag](self, child)]

    def heading(self, part: Part) -> list[Node]:
        self.step = part.get("id", self.step)
        node = {"type": "heading", "depth": min(6, int(part.get("n", "1")) + self.above), "enumerated": False}
        return [{**node, **named(part.get("id")), "children": self.inline(part)}]

    def paragraph(self, part: Part) -> list[Node]:
        return [{"type": "paragraph", "children": self.inline(part)}]

    def display(self, part: Part) -> list[Node]:
        label = f"{self.step}-eq" if self.labelled and self.step else None
        self.step = ""
        return [{"type": "math", "value": part.text or "", "enumerated": bool(label), **named(label)}]

    def bullets(self, part: Part) -> list[Node]:
        items = [{"type": "listItem", "spread": False, "children": self.inline(item)} for item in part]
        return [{"type": "list", "ordered": False, "spread": False, "children": items}]

    def numbered(self, part: Part) -> list[Node]:
        return [
            {"type": "paragraph", "children": [strong(f"({item.get('n')})"), plain(" "), *self.inline(item)]}
            for item in part
        ]

    def box(self, part: Part) -> list[Node]:
        title = {"type": "admonitionTitle", "children": [plain("".join(part[0].itertext()))]}
        return [{"type": "admonition", "kind": "note", "children": [title, *self.blocks(part[1:])]}]

    def table(self, part: Part) -> list[Node]:
        rows = [
            {
                "type": "tableRow",
                "children": [
                    {
                        "type": "tableCell",
                        **({"header": True} if cell.tag == "th" else {}),
                        "children": self.inline(cell),
                    }
                    for cell in row
                ],
            }
            for row in part
        ]
        return [{"type": "table", "children": rows}]

    def figure(self, part: Part) -> list[Node]:
        data = base64.b64encode((part.findtext("svg") or "").encode()).decode()
        image = {"type": "image", "url": f"data:image/svg+xml;base64,{data}", "alt": part.get("alt")}
        caption = {"type": "caption", "children": self.paragraph(part[-1])}
        children = [image, caption]
        return [
            {"type": "container", "kind": "figure", "enumerated": False, **named(part.get("id")), "children": children}
        ]

    def inline(self, part: Part) -> list[Node]:
        return [plain(piece) if isinstance(piece, str) else self.piece(piece) for piece in pieces(part)]

    def piece(self, part: Part) -> Node:
        if part.tag == "m":
            return {"type": "inlineMath", "value": part.text or ""}
        if part.tag == "t":
            self.step = str(part.get("id"))
            return {"type": "span", **named(self.step), "children": []}
        if part.tag == "a":
            return {"type": "crossReference", **named(part.get("to")), "children": self.inline(part)}
        return {"type": "strong", "children": self.inline(part)}


def named(label: str | None) -> Node:
    return {"identifier": label.lower(), "label": label, "html_id": label.lower()} if label else {}


def plain(text: str) -> Node:
    return {"type": "text", "value": text}


def strong(text: str) -> Node:
    return {"type": "strong", "children": [plain(text)]}


BLOCKS: Mapping[str, Callable[[Nodes, Part], list[Node]]] = {
    "h": Nodes.heading,
    "p": Nodes.paragraph,
    "d": Nodes.display,
    "ul": Nodes.bullets,
    "ol": Nodes.numbered,
    "box": Nodes.box,
    "table": Nodes.table,
    "fig": Nodes.figure,
}

if __name__ == "__main__":
    main()
