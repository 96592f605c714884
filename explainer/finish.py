"""What the templates of a format leave to be done: texts made safe for it, its formulas, and how its parts end."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import cache
from html import escape

from .errors import ExplainerError, printable
from .frames import frames
from .notebook import notebook
from .render import Setting, Speaker
from .spoken import in_words

# ---- text of the reader's, made safe for each format

MARKDOWN = re.compile(r"([\\`*_{}\[\]<>#|$~&])")
LATEX = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
LATEX |= {c: f"\\{c}" for c in "#$%&_{}"}
HTML = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;"}


def markdown_escaped(text: str) -> str:
    return MARKDOWN.sub(r"\\\1", text)


def latex_escaped(text: str) -> str:
    return "".join(LATEX.get(c, c) for c in text)


def html_escaped(text: str) -> str:
    return "".join(HTML.get(c, c) for c in text)


def typst_escaped(text: str) -> str:
    return re.sub(r"([!-/:-@\[-`{-~])", r"\\\1", " ".join(text.split()))


ESCAPES: dict[str, Callable[[str], str]] = {
    "markdown": markdown_escaped,
    "notebook": markdown_escaped,
    "latex": latex_escaped,
    "html": html_escaped,
    "parts": html_escaped,
    "typst": typst_escaped,
}

# ---- what its templates leave to be done

MATH = re.compile("([\x02\x04])([^\x03]*)\x03")
STRUCTURE = re.compile("\x05([0-9])|\x06|\x07|(<thead>.*?</thead>)")
ROWS = 100  # of a table; a longer one takes a browser minutes, as each row moves all the others


def finished(page: Iterator[str], setting: Setting, language: str) -> Iterator[str]:
    """The page with what its templates leave to be done."""
    if setting.document_class == "beamer":
        return frames(page)
    return FINISHES[setting.format](page, language) if setting.format in FINISHES else page


# ---- in HTML: where sections end, and long tables


def with_structure(chunks: Iterator[str]) -> Iterator[str]:
    """The page with its sections ended, headings of the level at which they stand, and no table longer than `ROWS`.

    A section starts at \\x05 and a level, and ends those before it that are as deep; level 0 ends all and starts none.
    \\x06 is the level of its heading: one more than that of the section around it, so none is left out. \\x07 is the
    start of a row; a long table goes on in another one with the same head.
    """
    inside: list[str] = []
    head, rows = "", 0

    def put(found: re.Match[str]) -> str:
        nonlocal head, rows
        if found[2]:
            head, rows = found[2], 0
            return head
        if found[0] == "\x06":
            return str(len(inside) + 1)
        if found[0] == "\x07":
            rows += 1
            return "" if rows == 1 or rows % ROWS != 1 else TABLE_GOES_ON.format(head)
        before = len(inside)
        inside[:] = [each for each in inside if each < found[1]]
        ended = "</section>\n" * (before - len(inside))
        inside.extend([found[1]] if found[1] > "0" else [])
        return ended

    for chunk in chunks:
        yield STRUCTURE.sub(put, chunk)


TABLE_GOES_ON = """</tbody>
</table></div>
<div class="table long"><table>
{}
<tbody>
"""


# ---- formulas


def with_mathml(chunks: Iterator[str]) -> Iterator[str]:
    """The page with its marked TeX (\\x02 inline, \\x04 on lines of its own, to \\x03) as MathML."""
    for chunk in chunks:
        yield PUNCTUATED.sub(put_mathml, chunk)


def with_marked_tex(chunks: Iterator[str]) -> Iterator[str]:
    """The parts of a page with their marked TeX made safe for XML."""
    for chunk in chunks:
        yield MATH.sub(lambda found: escape(found[2], quote=False), chunk)


PUNCTUATED = re.compile("\x04([^\x03]*)\x03|([(（]?)\x02([^\x03]*)\x03([-,.;:?!)，。；：？！、）]*)")


def put_mathml(found: re.Match[str]) -> str:
    """A formula as MathML. A bracket before it and punctuation after it stay on its line."""
    display, before, tex, after = found.groups()
    if display is not None:
        return mathml(display, True)
    text = f"{before}{mathml(tex, False)}{after}"
    return f'<span class="whole">{text}</span>' if before or after else text


PLAIN = re.compile(r"-?[\w.]+", re.ASCII)
ALIGNED = re.compile(
    r' style="text-align: (?:right;justify-items: end;padding-right|left;justify-items: start;padding-left): 0;"'
)


def with_words(chunks: Iterator[str], language: str) -> Iterator[str]:
    """The page with its marked mathematics in Typst, each formula with its words for those who hear the page."""
    say = Speaker(language, Setting())
    known: dict[str, str] = {}
    for chunk in chunks:
        yield MATH.sub(lambda found: equation(found[2], found[1] == "\x04", say, known), chunk)


def equation(formula: str, display: bool, say: Speaker, known: dict[str, str]) -> str:
    """A call of `inline` in text, or of `lines` in code."""
    if formula not in known:
        known[formula] = in_words(formula, lambda place: say.word("spoken", place=place)).replace('"', r"\"")
    return f'lines("{known[formula]}", $ {formula} $)' if display else f'#inline("{known[formula]}", ${formula}$);'


@cache
def converter(annotated: bool) -> Callable[..., str]:
    from math_core import LatexToMathML  # only pages in HTML need it

    return LatexToMathML(annotation=annotated).convert_with_local_state


def mathml(tex: str, display: bool) -> str:
    """TeX as MathML. A number or a letter needs no TeX beside it; the styles of the page align the lines of a display.

    Raises ExplainerError where a template of the reader's wrote what is no TeX.
    """
    try:
        converted = converter(annotated=PLAIN.fullmatch(tex) is None)(tex, displaystyle=display)
    except Exception as error:
        if type(error).__name__ != "LatexError":
            raise
        remedy = "mend the template that writes it"
        raise ExplainerError(f"this is no mathematics that HTML can show: {printable(tex[:80])}; {remedy}") from None
    return ALIGNED.sub("", converted) if display else converted


FINISHES: dict[str, Callable[[Iterator[str], str], Iterator[str]]] = {  # format -> from the page and its language
    "html": lambda page, language: with_mathml(with_structure(page)),
    "notebook": notebook,
    "parts": lambda page, language: with_marked_tex(page),
    "typst": with_words,
}
