"""What the page says of each quantity: the step that finds it, and its symbol in the page's notation."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from ..plain import plain
from ..steps import Lines, Steps
from ..worked import Worked

SCRIPT = r"[_^](?:\{[^{}]*\}|\([^()]*\)|\[[^\[\]]*\]|[A-Za-z0-9]+)"
SCRIPTED = re.compile(rf"([A-Za-z]+)((?:{SCRIPT})+)")


@dataclass(frozen=True)
class Step:
    """A step as the page has it; texts are formulas without delimiters."""

    id: str  # S14
    symbol: str  # the left side
    rights: tuple[str, ...]  # the right sides: symbols, numbers, result


@dataclass(frozen=True)
class Page:
    """By canonical name the step that finds it, and by symbol the canonical name."""

    steps: dict[str, Step] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)


def page_of(works: Sequence[Worked]) -> Page:
    """The steps of the first iteration. A symbol that stands for two quantities is left out."""
    steps: dict[str, Step] = {}
    names: dict[str, str | None] = {}
    for group in Steps(works[0]).groups():
        for item in group:
            if isinstance(item, Lines):
                sides = zip(item.formulas, item.numbers, item.printed, strict=True)
                for name, symbol, number, (*before, result) in zip(
                    item.names, item.symbols, item.numbers_of_steps.tolist(), sides, strict=True
                ):
                    rights = dict.fromkeys([*(side for side in before if side != result), result])
                    steps[name] = Step(f"S{number}", symbol, tuple(rights))
                    shown = comparable(symbol)
                    names[shown] = name if names.get(shown, name) == name else None
    return Page(steps, {symbol: name for symbol, name in names.items() if name is not None})


def comparable(symbol: str) -> str:
    """A symbol without what only sets it: a^{(2)}_{1} and a_1^{(2)} alike."""
    text = SCRIPTED.sub(in_order, plain(symbol).replace("'", "^{new}").replace("{new}{new}", "{new}"))
    return re.sub(r"[{}\s\\]", "", text)


def in_order(found: re.Match[str]) -> str:
    """A letter with its subscript before its superscript."""
    scripts = re.findall(SCRIPT, found[2])
    return found[1] + "".join(sorted(scripts, key=lambda each: each[0] == "^"))
