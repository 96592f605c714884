"""What somebody typed, made safe for the page that it is shown on: nothing in it is obeyed, and it looks as it did."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from functools import partial

from ..finish import ESCAPES, latex_escaped

LATEX_ASCII = {"`": r"\textasciigrave{}", "-": "-{}"}  # and no dash of two hyphens
LATEX_SIGNS = {
    "−": "-", "–": "-", "—": "-", "′": "'", "’": "'", "‘": "'", "×": r"\times", "·": r"\cdot", "⋅": r"\cdot",
    "∙": r"\cdot", "∗": "*", "÷": r"\div", "∂": r"\partial", "∇": r"\nabla", "≈": r"\approx", "≠": r"\ne", "≤": r"\le",
    "≥": r"\ge", "±": r"\pm", "→": r"\to", "⇒": r"\Rightarrow", "√": r"\surd", "∑": r"\Sigma", "∞": r"\infty",
    "…": r"\dots", "“": "``", "”": "''", "\N{REPLACEMENT CHARACTER}": r"\diamond",
}  # fmt: skip
CAPITALS = (
    "Gamma",
    "Delta",
    "Theta",
    "Xi",
    "Pi",
    "Sigma",
    "Upsilon",
    "Phi",
    "Psi",
    "Omega",
)  # that are no Latin letters
RENAMED = {"LAMDA": "lambda", "FINAL SIGMA": "varsigma", "OMICRON": "o"}
WIDE = ("W", "F")  # of East Asian widths: takes two columns
LINKED = re.compile(r"(:(?=//)|(?<=www)\.|@)")  # what makes a text an address
BEHIND_SIGNS = re.compile(r"(?<=[^\w\s.])(?=\S)")
LONG = re.compile(r"([^\s\0]{30})(?=[^\s\0])")
CHINESE = "“”‘’—…"  # punctuation that a Chinese page has in its own font


def shown(text: str) -> str:
    """The text as a terminal may show it."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


def columns(text: str) -> int:
    """How many columns of a terminal the text takes."""
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in WIDE else 1 for c in text)


def escape_for(format: str, language: str) -> Callable[[str], str]:
    """What makes a text safe for a page in this format and language."""
    if format == "latex":
        return partial(latex_text, chinese=language == "zh")
    return unlinked if format == "markdown" else ESCAPES[format]


def unlinked(text: str) -> str:
    """Markdown in which no address becomes a link by itself."""
    return LINKED.sub(r"\\\1", ESCAPES["markdown"](text))


def latex_text(text: str, chinese: bool) -> str:
    return "".join(latex_character(c, chinese) for c in text)


def latex_character(c: str, chinese: bool) -> str:
    """A character as every engine can set it; what the fonts of a page have not is named by its number."""
    if c.isascii():
        return LATEX_ASCII.get(c, latex_escaped(c))
    if chinese and (c in CHINESE or (unicodedata.east_asian_width(c) in WIDE and c < "\U00010000")):
        return c
    if c in LATEX_SIGNS:
        sign = LATEX_SIGNS[c]
        return rf"\ensuremath{{{sign}}}" if sign.startswith("\\") else sign
    name = unicodedata.name(c, "")
    for kind in ("SMALL", "CAPITAL"):
        if name.startswith(f"GREEK {kind} LETTER ") and " WITH " not in name:
            return greek(name.removeprefix(f"GREEK {kind} LETTER "), kind == "CAPITAL")
    parts = unicodedata.decomposition(c)
    if parts.startswith(("<super>", "<sub>")):
        script = "super" if parts.startswith("<super>") else "sub"
        return rf"\text{script}script{{{latex_text(unicodedata.normalize('NFKC', c), chinese)}}}"
    if "\u00a1" <= c <= "\u00ff" or ("\u0100" <= c <= "\u017f" and parts and "<" not in parts):
        return c
    usual = unicodedata.normalize("NFKC", c)
    return latex_text(usual, chinese) if usual != c else f"[U+{ord(c):04X}]"


def greek(name: str, capital: bool) -> str:
    letter = RENAMED.get(name, name.lower())
    if not capital:
        return rf"\ensuremath{{\{letter}}}" if len(letter) > 1 else letter
    letter = letter.capitalize()
    if letter == "Lambda" or letter in CAPITALS:
        return rf"\ensuremath{{\{letter}}}"
    return {"Chi": "X", "Eta": "H", "Rho": "P"}.get(letter, letter[0])


def breakable(text: str, chinese: bool) -> str:
    """LaTeX of a text in which a line may end behind every sign, and within what is very long."""
    marked = LONG.sub("\\1\0", BEHIND_SIGNS.sub("\0", text))
    return "".join(r"\allowbreak " if c == "\0" else latex_character(c, chinese) for c in marked)
