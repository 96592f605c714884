"""What is said, in which order; how it is said is for the templates."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from .render import Speaker
from .sections import brief
from .sections.closing import curve_table, helped, progress, remarks, summary, update
from .sections.matrices import in_matrices
from .sections.opening import conventions, equations, given, question
from .sections.page import Page
from .sections.passes import backward, forward, loss
from .sections.slopes import slopes
from .worked import Worked

Section = Callable[[Page], Iterator[str]]

SECTIONS: list[tuple[str, Section, Callable[[Page], bool]]] = [  # name, text, and whether a page has it
    ("given", given, lambda page: True),
    ("conventions", conventions, lambda page: True),
    ("equations", equations, lambda page: True),
    ("matrices", in_matrices, lambda page: page.view != "scalar"),
    ("forward", forward, lambda page: True),
    ("loss", loss, lambda page: page.has_loss),
    ("backward", backward, lambda page: page.has_loss),
    ("update", update, lambda page: page.updated),
    ("helped", helped, lambda page: page.updated and not page.only),  # it rests on every weight
    ("summary", summary, lambda page: page.count > 0),
    ("slopes", slopes, lambda page: page.full and page.has_loss),
]

BRIEF: list[tuple[str, Section, Callable[[Page], bool]]] = [  # the page of results
    ("results", brief.results, lambda page: True),
]

AGAIN = ("results", "forward", "loss", "backward", "update", "helped", "summary")  # worked anew for every update


Curve = Sequence[tuple[int, float]]


def document(works: Sequence[Worked], say: Speaker, curve: Curve = ()) -> Iterator[str]:
    """The page of one derivation, piece by piece; of several updates, one after the other.

    `curve` is (epoch, loss) of a training of which the updates are a few; the page says which.
    """
    pages = pages_of(works, say)
    sections = [
        (anchor(page, name), title(page, name, len(pages), bool(curve)), section, page)
        for page in pages
        for name, section, has in (BRIEF if page.brief else SECTIONS)
        if has(page) and (page is pages[0] or name in AGAIN)
    ]
    contents = [[name, heading] for name, heading, _, _ in sections]
    yield say.text("begin", title=say.escape(works[0].network.problem.title), contents=contents)
    yield from (brief.given if pages[0].brief else question)(pages[0])
    for name, heading, section, page in sections:
        yield say.text("section", id=name, title=heading)
        yield from section(page)
    if curve:
        yield from curve_table(pages[0], curve)
    elif len(pages) > 1:
        yield from progress(pages)
    if not pages[0].brief:
        yield from remarks(say, works[0].network.problem.remarks)
    yield say.text("end")


def pages_of(works: Sequence[Worked], say: Speaker) -> list[Page]:
    """A page for each update; their steps are numbered on."""
    pages, following = [], 1
    for work in works:
        pages.append(Page(work, say, following))
        if len(works) > 1:
            following = pages[-1].steps.following
    return pages


def anchor(page: Page, name: str) -> str:
    return name if page.work.iteration == 1 else f"{name}-{page.work.iteration}"


def title(page: Page, name: str, updates: int, training: bool) -> str:
    """The heading of a section, with the number of the update where there are several."""
    text = page.say.text("section_title", id=name)
    if name not in AGAIN or (updates == 1 and not training):
        return text
    if training:
        return page.say.text("epoch_title", number=page.work.iteration - 1, title=text)
    return page.say.text("iteration_title", number=page.work.iteration, title=text)
