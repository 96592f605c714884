"""Parts as HTML, for hosts that put it into pages of their own. The mathematics is MathML, or left to their script."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from html import escape

from ..errors import Fault
from .core import told
from .parts import Part, parts, pieces

Math = Callable[[str, bool], str]  # TeX, and whether it stands on lines of its own


def page(text: str, level: int, math: str) -> str:
    """The page as HTML; its title has the level."""
    return f'<div class="explainer">\n{Html(level, MATH[math]).blocks(parts(text))}</div>'


def errors(faults: Sequence[Fault]) -> str:
    """What is wrong, for the page: a box that the usual themes draw."""
    lines = "".join(f"<p>{escape(told(fault))}</p>" for fault in faults)
    return f'<div class="explainer admonition danger"><p class="admonition-title">explainer</p>{lines}</div>'


def mathml(tex: str, display: bool) -> str:
    """With the styles that align the lines of a display: the styles of our own pages are not there."""
    from ..finish import PLAIN, converter  # math-core

    return converter(annotated=PLAIN.fullmatch(tex) is None)(tex, displaystyle=display)


def arithmatex(tex: str, display: bool) -> str:
    """As `pymdownx.arithmatex` leaves it with `generic: true`, for MathJax or KaTeX."""
    opening, closing, tag = (r"\[", r"\]", "div") if display else (r"\(", r"\)", "span")
    return f'<{tag} class="arithmatex">{opening}{escape(tex)}{closing}</{tag}>'


MATH: Mapping[str, Math] = {"mathml": mathml, "arithmatex": arithmatex}


def drawing(figure: Part) -> str:
    """The drawing of a figure, which is pushed aside on a narrow screen, and stays readable."""
    wide = 'style="max-width: max(100%, 34rem); height: auto"'
    inner = (figure.findtext("svg") or "").replace("<svg ", f"<svg {wide} ", 1)
    return f'<div style="overflow: auto hidden">{inner}</div>'


class Html:
    def __init__(self, level: int, math: Math) -> None:
        self.above, self.math = level - 1, math

    def blocks(self, part: Part) -> str:
        return "".join(self.block(child) for child in part)

    def block(self, part: Part) -> str:
        if part.tag == "h":
            name, level = part.get("id"), min(6, int(part.get("n", "1")) + self.above)
            return f"<h{level}{f' id={chr(34)}{name}{chr(34)}' if name else ''}>{self.inline(part)}</h{level}>\n"
        if part.tag == "p":
            return f"<p>{self.inline(part)}</p>\n"
        if part.tag == "d":
            return f'<div style="overflow: auto hidden; padding: 0.2em 0; margin-bottom: 1em">{self.math(part.text or "", True)}</div>\n'
        if part.tag == "ul":
            return f"<ul>{''.join(f'<li>{self.inline(item)}</li>' for item in part)}</ul>\n"
        if part.tag == "ol":
            return "".join(f"<p><strong>({item.get('n')})</strong> {self.inline(item)}</p>\n" for item in part)
        if part.tag == "box":
            title = "".join(part[0].itertext())
            inner = "".join(map(self.block, part[1:]))
            return f'<div class="admonition note"><p class="admonition-title">{escape(title)}</p>\n{inner}</div>\n'
        if part.tag == "fig":
            caption = f"<figcaption>{self.inline(part[-1])}</figcaption>"
            return f'<figure id="{part.get("id")}" style="margin: 1em 0">{drawing(part)}{caption}</figure>\n'
        head, body = self.row(part[0]), "".join(map(self.row, part[1:]))
        return f"<table>\n<thead>{head}</thead>\n<tbody>\n{body}</tbody>\n</table>\n"

    def row(self, part: Part) -> str:
        return f"<tr>{''.join(f'<{cell.tag}>{self.inline(cell)}</{cell.tag}>' for cell in part)}</tr>\n"

    def inline(self, part: Part) -> str:
        return "".join(
            escape(piece, quote=False) if isinstance(piece, str) else self.piece(piece) for piece in pieces(part)
        )

    def piece(self, part: Part) -> str:
        if part.tag == "m":
            return self.math(part.text or "", False)
        if part.tag == "t":
            return f'<a id="{part.get("id")}"></a>'
        if part.tag == "a":
            return f'<a href="#{part.get("to")}">{self.inline(part)}</a>'
        return f"<strong>{self.inline(part)}</strong>"
