"""Reads what a page prints: the value of a TeX expression that has numbers only, and the equations of a page."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator

TOKEN = re.compile(r"\s*(\d+\.?\d*|\\[a-zA-Z]+|\\,|[-+(){}^,|e])")
FUNCTIONS: dict[str, Callable[..., float]] = {
    r"\tanh": math.tanh,
    r"\max": max,
    r"\min": min,
    r"\ln": math.log,
    r"\exp": math.exp,
}


class Reader:
    """A precedence-climbing reader; no more than the pages need, and nothing is skipped."""

    def __init__(self, text: str) -> None:
        self.tokens: list[str] = []
        text = text.replace(r"\left", "").replace(r"\right", "").strip()
        place = 0
        while place < len(text):
            found = TOKEN.match(text, place)
            if not found:
                raise ValueError(f"cannot read {text[place:]!r} of {text!r}")
            self.tokens.append(found[1])
            place = found.end()
        self.at = 0

    def peek(self) -> str:
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def take(self, expected: str = "") -> str:
        token = self.peek()
        if expected and token != expected:
            raise ValueError(f"{expected!r} expected, found {token!r} in {' '.join(self.tokens)}")
        self.at += 1
        return token

    def sum(self) -> float:
        value = -self.product() if self.peek() == "-" and self.take() else self.product()
        while self.peek() in ("+", "-"):
            value = value + self.product() if self.take() == "+" else value - self.product()
        return value

    def product(self) -> float:
        value = self.power()
        while self.peek() in (r"\times", r"\cdot", "(", r"\frac"):
            if self.peek() in (r"\times", r"\cdot"):
                self.take()
            value *= self.power()
        return value

    def power(self) -> float:
        base = self.atom()
        if self.peek() != "^":
            return base
        self.take()
        return base ** self.group("{", "}")

    def group(self, opening: str, closing: str) -> float:
        self.take(opening)
        value = self.sum()
        self.take(closing)
        return value

    def atom(self) -> float:
        token = self.peek()
        if token == "(":
            return self.group("(", ")")
        self.take()
        if token == "|":
            value = self.sum()
            self.take("|")
            return abs(value)
        if token == "e":
            return math.e
        if token == r"\frac":
            return self.group("{", "}") / self.group("{", "}")
        if token == r"\sqrt":
            return math.sqrt(self.group("{", "}"))
        if token in FUNCTIONS:
            self.take("(")
            arguments = [self.sum()]
            while self.peek() == ",":
                self.take()
                arguments.append(self.sum())
            self.take(")")
            return FUNCTIONS[token](*arguments)
        return float(token)


def value_of(text: str) -> float:
    """The value of a TeX expression with numbers only; ValueError where it is anything else."""
    reader = Reader(text)
    value = reader.sum()
    if reader.peek():
        raise ValueError(f"{reader.peek()!r} is left over in {text!r}")
    return value


EQUATION = re.compile(r"\\begin\{(aligned|align\*)\}\n(.*?)\n\\end\{\1\}", re.DOTALL)


def equations(page: str) -> Iterator[list[str]]:
    """Each displayed equation of a page in Markdown or LaTeX: left side, then each right side."""
    for found in EQUATION.finditer(page):
        text = re.sub(r" \\\\ &\\quad |\n *\\stepfrom\{.*\}", " ", found[2])
        left, *rights = re.split(r"\s*&= ", text)
        yield [left.strip(), *(right.removesuffix(r"\\").strip() for right in rights)]


def is_number(text: str) -> bool:
    return bool(re.fullmatch(r"-?\d+\.?\d*( \\times 10\^\{-?\d+\})?", text))
