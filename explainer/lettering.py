r"""Symbols in TeX as runs of letters, for what has no TeX: W_{36} is W in italics and 36 below it.

run      letters of one kind in one place; widths are those of Times, in em
level    0 on the line, 1 above it, -1 below it

What is understood is what our own symbols and numbers are made of. A command that is not known stands as its name.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from .dialects import GREEK

SMALL = 0.7  # size of what stands above or below


@dataclass(frozen=True)
class Run:
    """Letters of one kind, from `x` on, in em."""

    text: str
    level: int
    italic: bool
    x: float
    width: float


@dataclass(frozen=True)
class Lettering:
    """A symbol as runs, and how much room it takes, in em: its width, and how far it goes above and below the line."""

    runs: tuple[Run, ...]
    width: float
    above: float
    below: float

    @property
    def plain(self) -> str:
        """The letters one after the other."""
        return "".join(run.text for run in self.runs).strip()


def greek(name: str) -> str:
    kind = "CAPITAL" if name[0].isupper() else "SMALL"
    known = {"lambda": "LAMDA", "epsilon": "EPSILON"}.get(name.lower(), name.upper())
    return unicodedata.lookup(f"GREEK {kind} LETTER {known}")


SIGNS = {
    **{rf"\{name}": greek(name) for name in GREEK},
    r"\partial": "∂",
    r"\times": " × ",
    r"\cdot": " · ",
    r"\to": " → ",
    r"\dots": "…",
    r"\cdots": "⋯",
    r"\vdots": "⋮",
    r"\sqrt": "√",
    r"\,": " ",
    r"\;": " ",
    r"\ ": " ",
    r"\_": "_",
    r"\left": "",
    r"\right": "",
    "-": "−",
    "'": "′",
    "=": " = ",
    "+": " + ",
}
SPACED = ("=", "+", "-", r"\times", r"\cdot", r"\to")  # between two terms
TOKEN = re.compile(r"\\(?:mathrm|mathit|text|operatorname)\{[^{}]*\}|\\[A-Za-z]+|\\.|[{}^_]|\s+|\d+(?:\.\d+)?|.")
UPRIGHT = re.compile(r"\\(?:mathrm|text|operatorname)\{([^{}]*)\}")

ROMAN = {
    200: "|",
    250: " ,.·",
    278: "/:;ijlt\\",
    333: "()-[]If′r",
    389: "Js",
    444: "acez?",
    480: "{}",
    500: "0123456789bdghknopquvxy*_#$√",
    556: "FPS",
    564: "+=−×<>",
    611: "ELTZ",
    667: "BCR",
    722: "ADGHKNOQUVXYw",
    778: "m",
    889: "M",
    944: "W",
    1000: "→…⋯",
}
ITALIC = {
    278: "fijlt",
    333: "I",
    389: "rsz",
    444: "Jcekvxy",
    500: "Sabdghnopqu",
    556: "LTYZ",
    611: "ABEFPRVX",
    667: "CKNw",
    722: "DGHOQUm",
    833: "MW",
}
WIDTHS = {
    italic: {letter: width / 1000 for width, letters in table.items() for letter in letters}
    for italic, table in ((False, ROMAN), (True, ITALIC))
}


def width_of(text: str, italic: bool = False) -> float:
    """How wide the text is, in em; a letter that Times does not have as a Chinese one, or as a wide Latin one."""
    return sum(width_of_letter(letter, italic) for letter in text)


def width_of_letter(letter: str, italic: bool) -> float:
    for table in (WIDTHS[italic], WIDTHS[False]):
        if letter in table:
            return table[letter]
    if unicodedata.combining(letter):
        return 0.0
    return 1.0 if unicodedata.east_asian_width(letter) in "WF" else 0.75 if letter.isupper() else 0.6


@lru_cache(maxsize=4096)
def lettering(tex: str, italic: bool | None = None) -> Lettering:
    """The symbol, number or equation as runs. Letters are in italics and digits upright, unless `italic` says so for all."""
    runs: list[Run] = []
    x = 0.0  # where the next letter on the line begins
    ends = {1: 0.0, -1: 0.0}  # where the scripts of the letter before end
    for text, level, slanted in pieces(tex):
        slanted = slanted if italic is None else italic and not text.isspace()
        size = SMALL if level else 1.0
        width = size * width_of(text, slanted)
        if level:
            start = max(x, ends[level])
            ends[level] = start + width
        else:
            start = max(x, *ends.values())
            x = start + width
            ends = {1: x, -1: x}
        last = runs[-1] if runs else None
        if last and (last.level, last.italic) == (level, slanted) and abs(last.x + last.width - start) < 1e-9:
            runs[-1] = Run(last.text + text, level, slanted, last.x, last.width + width)
        else:
            runs.append(Run(text, level, slanted, start, width))
    levels = {run.level for run in runs}
    return Lettering(tuple(runs), max(x, *ends.values()), 0.98 if 1 in levels else 0.72, 0.42 if -1 in levels else 0.24)


def pieces(tex: str) -> Iterator[tuple[str, int, bool]]:
    """(text, level, italic) of every letter or number."""
    levels = [0]  # of the groups that are open
    pending: int | None = None  # the level of what comes next, if it is a script
    before = ""
    for token in TOKEN.findall(tex):
        level = levels[-1]
        if token in "^_":
            pending = level or (1 if token == "^" else -1)
            continue
        if token == "{":
            levels.append(level if pending is None else pending)
        elif token == "}":
            levels.pop()
        elif not token.isspace():
            place = level if pending is None else pending
            yield letters(token, place, before)
            before = token
        elif before.startswith("\\") and before[1:] in WORDS:
            yield " ", level, False
        pending = None
        if token in "({":
            before = ""


WORDS = ("ln", "sin", "cos", "tan", "sinh", "cosh", "tanh", "max", "min", "arcsin", "arccos", "arctan", "exp")


def letters(token: str, level: int, before: str) -> tuple[str, int, bool]:
    if found := UPRIGHT.fullmatch(token):
        return found[1], level, False
    if token in SPACED and not level:
        binary = bool(before) and before not in SPACED and before not in (",",)
        sign = SIGNS.get(token, token).strip()
        return (f" {sign} " if binary else sign), level, False
    text = SIGNS.get(token, token.lstrip("\\")).strip(" " if level else "")
    if token == ",":
        text = ", " if not level else ","
    name = token.startswith("\\") and token[1:] not in GREEK
    return text, level, text.isalpha() and not name and not (text.isupper() and token.startswith("\\"))
