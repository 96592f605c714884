"""Of which sample a line of a working is: of the one that a heading above it names, or the line itself before its names.

heading  a line that only names a sample: `Sample 2:`, `### 样本 2`, **Sample 2 (x1 = 0, x2 = 1)**, or begins: for sample 2
inputs   a line that names a sample and copies what is given of it: it is a heading, too, and is marked
end      a heading of what is of all samples: Total, Update, or one of Markdown or LaTeX that is no deeper
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from ..names import has_sample_word, without_sample
from ..plain import plain
from .claims import Claim

SECTIONS = ("section", "subsection", "subsubsection", "paragraph", "subparagraph")
SECTION = re.compile(rf"\s*\\({'|'.join(SECTIONS)})\*?\s*\{{(.*?)\}}(.*)")
DECORATION = re.compile(
    r"\\(?:textbf|emph|textit|underline|noindent|item)\b|[*`{}]|_(?!\w)|^\s*(?:[-+>]|\d+[.)])\s|^\s*[-=~]{2,}|[-=~]{2,}\s*$"
)
SPOKEN = re.compile(r"(?:(?:now|next|then|first)[ ,]+)?(?:for|take|consider) |(?:接着|然后|现在)?对于?", re.IGNORECASE)
BRACKETS = re.compile(r"\([^()]*\)")
GIVEN = re.compile(r"\W*(?:x|t|i|inputs?|targets?|输入|目标)_?\d*\W*", re.IGNORECASE)
OF_ALL = re.compile(
    r"(?:(?:and |the |now )?(?:totals?|sums?|all samples|batch|updates?|weight updates?|new weights)\b|合计|总和|总计|总梯度"
    r"|所有样本|全部样本|权重更新|更新).{0,40}",
    re.IGNORECASE,
)
MOST_WORDS = 4  # beside the sample in a heading
DEEPEST = 9  # the level of a heading that is none of Markdown or LaTeX


def in_samples(claims: Sequence[Claim], lines: Iterable[tuple[int, str]]) -> list[Claim]:
    """The claims with the sample each is of; what only names a sample is no claim. `lines`: all there are, by number."""
    of_lines = dict(samples_of(lines))
    if not of_lines:
        return [*claims]
    found = [(claim, *of_lines.get(claim.line, ("", False))) for claim in claims]
    return [
        replace(claim, sample=sample) if sample and not claim.sample else claim
        for claim, sample, is_heading in found
        if not is_heading
    ]


def samples_of(lines: Iterable[tuple[int, str]]) -> Iterator[tuple[int, tuple[str, bool]]]:
    """The sample of each line that is of one, and whether the line is only a heading."""
    now, level = "", DEEPEST
    for number, text in lines:
        if not now and not has_sample_word(text):
            continue
        depth, title = heading_of(text)
        sample = headed(title, depth)
        if sample:
            now, level = sample, depth
            yield number, (now, True)
            continue
        if depth <= level < DEEPEST or depth < level == DEEPEST or OF_ALL.fullmatch(title):
            now, level = "", DEEPEST
        own = own_sample(text)
        if own and is_of_given(title):
            now = own
        if own or now:
            yield number, (own or now, False)


def heading_of(text: str) -> tuple[int, str]:
    """How deep a heading is, DEEPEST where it is an ordinary line, and the words of the line."""
    section = SECTION.match(text)
    hashes = re.match(r"\s*(#+)\s", text)
    depth = SECTIONS.index(section[1]) + 1 if section else len(hashes[1]) if hashes else DEEPEST
    title = f"{section[2]}{section[3]}" if section else text[hashes.end() :] if hashes else text
    return depth, plain(DECORATION.sub("", title)).strip(" \t,;|:.")


def headed(title: str, depth: int) -> str:
    """The sample that a heading names; nothing where the line says more."""
    bare, sample = without_sample(BRACKETS.sub("", title).strip(" :."))
    is_short = not re.search(r"[=\d]", bare) and len(bare.split()) <= MOST_WORDS
    if is_short and (depth < DEEPEST or not bare.strip(" :,.-")):
        return sample
    spoken = SPOKEN.match(title) if "=" not in title else None  # For sample 2 we get:
    return without_sample(title[spoken.end() :])[1] if spoken and begins_with_sample(title[spoken.end() :]) else ""


def begins_with_sample(text: str) -> bool:
    bare, sample = without_sample(text)
    return bool(sample) and text.endswith(bare)


def own_sample(text: str) -> str:
    """The sample that a line names before its statements."""
    before = re.split(r"[:：]", text, maxsplit=1)[0]
    bare, sample = without_sample(plain(DECORATION.sub("", before)).strip())
    return sample if not bare.strip() else ""


def is_of_given(title: str) -> bool:
    names = [piece.split(",")[-1] for piece in title.partition(":")[2].split("=")[:-1]]
    return bool(names) and all(map(GIVEN.fullmatch, names))
