"""A formula in words, for those who hear a page: read from the mathematics of Typst, as `dialects` writes it.

A sign is written as its character, which a screen reader knows in its own language. Only what is shown by place alone,
such as a fraction or a script, takes words, and these are in the prose.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

from .dialects import GREEK

TOKEN = re.compile(r'"[^"]*"|\\\S|[A-Za-z][A-Za-z.]*[A-Za-z]|[0-9][0-9.]*|->|<=|>=|!=|\.\.\.|\S')
SUM = "∑"
SIGNS = {
    **{
        name: unicodedata.lookup(f"GREEK {'SMALL' if name.islower() else 'CAPITAL'} LETTER {name}")
        for name in GREEK
        if "ambda" not in name
    },
    "lambda": "λ",
    "Lambda": "Λ",
    "pi": "π",
    "partial": "∂",
    "sum": SUM,
    "times": "×",
    "dot": "·",
    "dot.o": "⊙",
    "slash.o": "⊘",
    "-": "−",
    "->": "→",
    "<=": "≤",
    ">=": "≥",
    "!=": "≠",
    **dict.fromkeys(("...", "dots.c", "dots.v", "dots.down"), "…"),
    **dict.fromkeys(("thin", "thick", "quad", "&"), ""),
    "\\": ";",  # a new line
}
LOOKS = ("bold", "upright", "word", "op", "sans")  # how a thing looks, not what it is
FORMS = {"frac": "fraction", "sqrt": "root", "abs": "absolute", "hat": "hat", "underbrace": "underbrace"}
ROWS = {"mat": ";", "cases": ","}  # what separates the rows
PLACES = (*FORMS.values(), *ROWS, "partial", "ratio", "sub", "super", "transposed", "sum_over", "sum_to")  # of `spoken`

MINUS = re.compile(r"(^|[(\[]|[=×·;,→] )− ")  # one that is no subtraction

Words = Callable[[str], str]  # of a kind of place: a text with a %s for each part


def in_words(formula: str, words: Words) -> str:
    """The formula as it is read aloud."""
    return Reader(formula, words).until()


class Reader:
    """Reads one formula, from left to right."""

    def __init__(self, formula: str, words: Words) -> None:
        self.tokens, self.words = TOKEN.findall(formula)[::-1], words  # the next one last

    def until(self, *ends: str) -> str:
        """What stands before one of these, or before the end."""
        pieces: list[str] = []
        while self.tokens and self.tokens[-1] not in ends:
            self.add_to(pieces)
        return MINUS.sub(r"\1−", re.sub(r" (?=[,;)\]])|(?<=[(\[]) | (?=')", "", " ".join(filter(None, pieces))))

    def add_to(self, pieces: list[str]) -> None:
        """Put the next thing after the pieces before it; a script takes in what it stands at."""
        token = self.tokens.pop()
        begins = bool(self.tokens) and self.tokens[-1] == "("
        if token in ("_", "^"):
            pieces[-1:] = [self.with_script(pieces[-1] if pieces else "", token)]
        elif begins and token in LOOKS:
            pieces += self.parts(",")
        elif begins and token in FORMS:
            pieces.append(self.form(FORMS[token], self.parts(",")))
        elif begins and token in ROWS:
            pieces.append(self.words(token) % "; ".join(self.parts(ROWS[token])))
        elif token == "(":
            pieces.append(f"({self.until(')')})")
            self.tokens.pop()
        else:
            bare = token.strip('"') if token[0] == '"' else token[1:] if len(token) == 2 and token[0] == "\\" else token
            pieces.append(SIGNS.get(bare, bare))

    def parts(self, separator: str) -> list[str]:
        """The parts in the brackets that begin here."""
        found = []
        while self.tokens and self.tokens.pop() != ")":
            found.append(self.until(separator, ")"))
        return found

    def form(self, kind: str, parts: list[str]) -> str:
        if kind == "fraction" and all(part.startswith("∂ ") for part in parts):
            kind, parts = "partial", [part[2:] for part in parts]
        elif kind == "fraction" and all(re.match(r"d \S", part) for part in parts):
            kind, parts = "ratio", [part[2:] for part in parts]
        elif kind == "fraction":
            parts = [f"({part})" if " " in part else part for part in parts]
        return self.words(kind) % tuple(parts)

    def with_script(self, base: str, sign: str) -> str:
        script = self.script()
        if base == SUM and self.tokens and self.tokens[-1] == "^":
            self.tokens.pop()
            return self.words("sum_to") % (script, self.script())
        if base == SUM:
            return self.words("sum_over") % script
        if sign == "^" and script == "T":
            return self.words("transposed") % base
        return self.words("sub" if sign == "_" else "super") % (base, script)

    def script(self) -> str:
        """What stands in a script; letters and digits side by side are one."""
        pieces: list[str] = []
        if self.tokens[-1] == "(":
            pieces = self.parts("")
        else:
            self.add_to(pieces)
        whole = "".join(pieces)
        return (
            whole.replace(" ", "") if all(len(p.strip("()[],")) < 2 or p.isdecimal() for p in whole.split()) else whole
        )
