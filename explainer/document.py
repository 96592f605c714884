"""What is said, in which order; how it is said is for the templates."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from .render import Speaker
from .sections.closing import helped, summary, update
from .sections.opening import conventions, equations, given, question
from .sections.page import Page
from .sections.passes import backward, forward, loss
from .worked import Worked

Section = Callable[[Page], Iterator[str]]

SECTIONS: list[tuple[str, Section, Callable[[Page], bool]]] = [  # name, text, and whether a page has it
    ("given", given, lambda page: True),
    ("conventions", conventions, lambda page: not page.brief),
    ("equations", equations, lambda page: not page.brief),
    ("forward", forward, lambda page: True),
    ("loss", loss, lambda page: page.has_loss),
    ("backward", backward, lambda page: page.has_loss),
    ("update", update, lambda page: page.count > 0 and not page.brief),
    ("helped", helped, lambda page: page.count > 0),
    ("summary", summary, lambda page: page.count > 0),
]


def document(work: Worked, say: Speaker) -> Iterator[str]:
    """The page of one derivation, piece by piece."""
    page = Page(work, say)
    sections = [(name, section) for name, section, has in SECTIONS if has(page)]
    contents = [[name, say.text("section_title", id=name)] for name, _ in sections]
    yield say.text("begin", title=say.escape(work.network.problem.title), contents=contents)
    yield from question(page)
    for name, section in sections:
        yield say.text("section", id=name, title=say.text("section_title", id=name))
        yield from section(page)
    yield say.text("end")
