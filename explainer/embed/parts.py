"""A page in parts (`templates/formats/parts.j2`), as a tree that adapters turn into what their host understands."""

from __future__ import annotations

from collections.abc import Iterator
from xml.etree import ElementTree

Part = ElementTree.Element


def parts(text: str) -> Part:
    """The parts of a page that we wrote ourselves; nobody else's XML is ever read here."""
    return ElementTree.fromstring(f"<page>{text}</page>")  # noqa: S314


def pieces(part: Part) -> Iterator[str | Part]:
    """What stands inside a part, in order: text, and parts."""
    if part.text:
        yield part.text
    for child in part:
        yield child
        if child.tail:
            yield child.tail


def rows(table: Part) -> tuple[list[Part], list[list[Part]]]:
    """The cells at the head of a table, and those of its rows."""
    head, *body = ([*row] for row in table)
    return head, body


def fitted(figure: Part) -> str:
    """The drawing of a figure in LaTeX, made smaller where it is wider than the text. It needs the package tikz."""
    drawing = (figure.findtext("tikz") or "").strip()
    smaller = r"\ifdim\wd0>\linewidth\resizebox{\linewidth}{!}{\usebox0}\else\usebox0\fi"
    return f"\\begin{{center}}\n\\sbox0{{%\n{drawing}%\n}}{smaller}\n\\end{{center}}"
