"""What was done at a line that no rounding explains: every mistake of the catalogue and every slip of the hand that
leads from the writer's own numbers to the written one, ranked by how unlikely a coincidence is.

An expression that stands on the line is evidence, not a guess: whether it is the formula (method), whether its numbers
are the writer's own (copying), and whether its value is what was written (arithmetic) are three questions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice, permutations, takewhile

import numpy as np

from ..ops import Array
from .catalogue import CATALOGUE, CODES, Mistake, mistaken, mistakes_at
from .handling import CODES as HANDLING
from .handling import edits
from .judging import Judging, through_unwritten
from .lines import Lines, Roles, Way
from .numerals import numeral
from .rule import SLACK, Overlay, agrees, spread
from .sheet import Entry, Reckoned, Sheet

RolesOf = Callable[[int], Roles]
OF_ONE_SAMPLE = ("one-sample-only", "sample-left-out")
CONSTANTS = ("0.5", "1", "2")  # of formulas: nobody has to write them down first
FARTHEST = 40  # unwritten lines before a line, at which mistakes are looked for
MOST_SIBLINGS = 30  # quantities of one kind that may have been taken for one another
MOST_READ = 60  # numbers of one line that may have been misread
MOST_LINES = 3000  # of a derivation that is worked anew with a mistake in it
SPREAD = 0.7  # of the logarithm of how far off a wrong number is, among those that one compares with
SURE, LIKELY = 0.01, 0.1  # chances of coincidence


@dataclass(frozen=True)
class Candidate:
    """One explanation. `chance`: how likely a wrong number is to fit it, or one of its kind, by coincidence."""

    slug: str
    chance: float
    detail: dict[str, str] = field(default_factory=dict)

    @property
    def code(self) -> str:
        return CODES.get(self.slug) or HANDLING[self.slug]

    @property
    def confidence(self) -> str:
        return "sure" if self.chance < SURE else "likely" if self.chance < LIKELY else "possible"


class Diagnosing:
    """Explains the flagged lines of one sheet."""

    def __init__(self, lines: Lines, sheet: Sheet, judging: Judging, roles_of: RolesOf) -> None:
        self.lines, self.sheet, self.judging, self.roles_of = lines, sheet, judging, roles_of
        self.numbers, self.box = judging.found.numbers, judging.found.box
        self._derived: dict[str, Derived] = {}

    def derived(self, slug: str) -> Derived:
        """The derivation from the given numbers alone, with this mistake in it."""
        if slug not in self._derived:
            rows = [mistake for mistake in CATALOGUE if mistake.slug == slug]
            self._derived[slug] = Derived(self.lines, self.roles_of, rows)
        return self._derived[slug]

    def candidates(self, number: int) -> list[Candidate]:
        """The explanations of a flagged line, the best first; each once."""
        line = _Line(self, number)
        found = [*line.evident()]
        by_expression = self.has_other_formula(number)
        if not found:
            found = [*line.mistakes(), *(() if by_expression else line.slips())]
        if not any(each.chance < LIKELY for each in found):
            before = [*line.mistakes_before()]
            found += before or [*(() if by_expression else line.mistakes_everywhere())]
        best: dict[str, Candidate] = {}
        for each in sorted(found, key=weight):
            best.setdefault(each.slug, each)
        return list(best.values())

    def has_other_formula(self, number: int) -> bool:
        """Whether the line's own expression is right in all but its formula: in its arithmetic and in its numbers."""
        return _Line(self, number).has_other_formula()


def weight(candidate: Candidate) -> tuple[float, bool, float]:
    """How far down the list: by what could be coincidence; a misconception comes before a slip of the hand as unlikely."""
    by_confidence = {"sure": 0.0, "likely": 1.0, "possible": 2.0}
    return by_confidence[candidate.confidence], candidate.slug not in CODES, candidate.chance


class _Line:
    """One flagged line."""

    def __init__(self, diagnosing: Diagnosing, number: int) -> None:
        self.all, self.number = diagnosing, number
        self.lines, self.judging = diagnosing.lines, diagnosing.judging
        found, written = self.judging.found, self.judging.written
        self.s, self.h = written.values[number], written.halves[number]
        self.f, self.p = found.f[number], found.p[number]
        self.entry: Entry = diagnosing.sheet.last[number]
        self.given = number in self.lines.given

    @cached_property
    def way(self) -> Way:
        return self.lines.line(self.number).ways[0]

    @cached_property
    def deviation(self) -> float:
        """How far the written number is from what follows."""
        return float(max(abs(self.s[0] - self.f[0]), self.h[0]))

    def density(self, value: float, width: float) -> float:
        """How likely it is that some wrong number about as far off as this one lies within `width` of a value.

        A value that is much nearer or much farther off could not have been hit.
        """
        away = abs(value - float(self.f[0])) / self.deviation
        if away <= 0 or not np.isfinite(away):
            return 0.0
        return float(min(1.0, 2 * width / (3 * self.deviation)) * np.exp(-0.5 * (np.log(away) / SPREAD) ** 2))

    def fits(self, f: Array, p: Array) -> bool:
        return bool(np.isfinite(p[0]) and agrees(self.s, f, p, self.h)[0])

    # ---- the catalogue

    def mistakes(self) -> Iterator[Candidate]:
        """Mistakes made at this very line."""
        if self.given:
            return
        line, roles = self.lines.line(self.number), self.all.roles_of(self.number)
        chance, hits = 0.0, []
        for mistake in mistakes_at(roles):
            for way in mistaken(mistake, line, roles):
                f, p = self.with_way(way)
                if np.isfinite(p[0]):
                    chance += self.density(float(f[0]), float(self.h[0] + p[0]))
                    if self.fits(f, p):
                        hits.append((mistake.slug, float(self.h[0] + p[0]), self.sample_of(mistake, way, roles)))
        for slug, _, detail in sorted(hits, key=lambda hit: hit[1]):
            yield Candidate(slug, min(1.0, chance), detail)

    def sample_of(self, mistake: Mistake, way: Way, roles: Roles) -> dict[str, str]:
        """The sample that is alone in a total, or left out of it; nothing where the mistake is another."""
        if mistake.slug not in OF_ONE_SAMPLE:
            return {}
        names = (self.lines.names.get(k, "").partition("@")[0] for k in way.reads.tolist())
        read = {name.partition("#")[2] for name in names if "#" in name}
        every = {str(s + 1) for s in range(int(roles.known["m"]))}
        return {"other": min(read if len(read) == 1 else every - read)}

    def with_way(self, way: Way) -> tuple[Array, Array]:
        self.judging.know(way.reads.tolist())
        return spread(way, self.all.numbers, self.all.box)

    def mistakes_before(self) -> Iterator[Candidate]:
        """Mistakes made at an unwritten line on the way to this one."""
        if self.given:
            return
        before = self.judging.between(self.way)[-FARTHEST:]
        for place, k in enumerate(reversed(before)):
            roles, line = self.all.roles_of(k), self.lines.line(k)
            for mistake in mistakes_at(roles):
                for way in mistaken(mistake, line, roles):
                    f, p = self.with_way(way)
                    if not np.isfinite(p[0]):
                        continue
                    numbers, box = self.judging.changed()
                    numbers[k], box[k] = f, p + self.judging.scratch(np.abs(f) + p)
                    f, p = self.after(k, before[len(before) - place :], numbers, box)
                    if self.fits(f, p):
                        yield Candidate(
                            mistake.slug,
                            self.density(float(f[0]), float(self.h[0] + p[0])) * len(before),
                            {"at": self.lines.names.get(k, "")},
                        )

    def after(self, changed: int, later: list[int], numbers: Overlay, box: Overlay) -> tuple[Array, Array]:
        """(f, p) of the line with an unwritten number changed: what reads it is worked out anew."""
        moved = {changed}
        for k in later:
            way = self.lines.line(k).ways[0]
            if moved & set(way.reads.tolist()):
                f, p = spread(way, numbers, box)
                numbers[k], box[k] = f, p + self.judging.scratch(np.abs(f) + p)
                moved.add(k)
        return spread(self.way, numbers, box)

    def mistakes_everywhere(self) -> Iterator[Candidate]:
        """Mistakes made all through a derivation of which only the result is here: somebody ran a program."""
        if self.given or len(self.lines.numbers) > MOST_LINES:
            return
        chance, hits = 0.0, []
        for slug in CODES:
            value = self.all.derived(slug).value(self.number)
            if value is None or np.isclose(value, self.lines.true[self.number], rtol=1e-12, atol=0):
                continue
            chance += self.density(value, float(self.h[0]))
            if abs(value - self.s[0]) <= self.h[0] * (1 + 1e-6):
                hits.append(slug)
        yield from (Candidate(slug, min(1.0, chance), {"at": "everywhere"}) for slug in hits)

    # ---- the hand

    def slips(self) -> Iterator[Candidate]:
        yield from self.slips_of_result()
        if self.given:
            return
        yield from self.copied_result()
        yield from self.slips_of_inputs()
        yield from self.exchanged_targets()

    def slips_of_result(self) -> Iterator[Candidate]:
        """One slip away from what follows."""
        if not np.isfinite(self.p[0]):
            return
        factor = self.entry.factor
        yield from self.ranked(
            [
                (each.slug, each.value / factor, float(self.p[0]) + min(float(self.h[0]), each.half / abs(factor)))
                for each in edits(self.entry.value.text)
            ]
        )

    def ranked(self, tried: list[tuple[str, float, float]]) -> Iterator[Candidate]:
        """Those of the tried numbers that hit, (slip, number, width), each kind with the chance that one of its kind does."""
        chances: dict[str, float] = {}
        for slug, value, width in tried:
            chances[slug] = chances.get(slug, 0.0) + self.density(value, width)
        for slug, value, width in tried:
            if abs(value - self.f[0]) <= width * (1 + 1e-6):
                yield Candidate(slug, min(1.0, chances[slug]))

    def copied_result(self) -> Iterator[Candidate]:
        """The written number is that of another line of its kind."""
        for other in self.siblings(self.number):
            stood = self.stood(other)
            if stood and stood.value.text == self.entry.value.text:
                yield Candidate(
                    "copied-line",
                    self.density(float(self.s[0]), float(self.h[0])),
                    {"other": self.all.sheet.called(other)},
                )

    def slips_of_inputs(self) -> Iterator[Candidate]:
        """What was read was one slip away from what stands there, or stood on another line."""
        met = through_unwritten(self.lines, self.judging.written.values, self.way)[1]
        direct = [k for k in self.way.reads.tolist() if k in self.lines.given]
        chances: dict[str, float] = {}
        hits: list[tuple[str, dict[str, str]]] = []
        for k in [*dict.fromkeys([*met, *direct])][:MOST_READ]:
            tried = self.readings_of(k)
            if not tried:
                continue
            f, p = self.with_inputs(k, [value for _, value, _ in tried])
            for (slug, _, detail), value, width in zip(tried, f, self.h[0] + p, strict=True):
                if np.isfinite(width):
                    chances[slug] = chances.get(slug, 0.0) + self.density(float(value), float(width))
                    if abs(value - self.s[0]) <= width * (1 + 1e-6):
                        hits.append((slug, detail))
        yield from (Candidate(slug, min(1.0, chances[slug]), detail) for slug, detail in hits)

    def readings_of(self, k: int) -> list[tuple[str, float, dict[str, str]]]:
        """What may have been read in the place of quantity k: (slip, number, what is said of it)."""
        if k not in self.lines.given and not self.stood(k):
            return []
        was = self.text_of(k)
        factor = self.all.sheet.last[k].factor if k in self.all.sheet.last else 1.0
        name = self.all.sheet.called(k)
        tried = [(e.slug, e.value / factor, {"read": e.text, "was": was, "other": name}) for e in edits(was)]
        tried += [
            ("copied-line", float(self.all.numbers[n, 0]), {"other": self.all.sheet.called(n), "was": name})
            for n in self.siblings(k)
            if n in self.lines.given or self.stood(n)
        ]
        return tried

    def exchanged_targets(self) -> Iterator[Candidate]:
        """A target that was taken for another one of its sample, or two that were exchanged."""
        every = [pair for sample in self.lines.targets for pair in permutations(sample, 2)]
        pairs = [(one, other) for one, other in every if one in self.needed]
        chance, tried, hits = 0.0, set(), []
        for one, other in pairs[:MOST_READ]:
            own, its = float(self.all.numbers[one, 0]), float(self.all.numbers[other, 0])
            for changes in ({one: its}, {one: its, other: own}):
                numbers, box = self.judging.changed()
                for k, value in changes.items():
                    numbers[k] = value
                f, p = self.judging.again(self.way, numbers, box)
                if not np.isfinite(p[0]) or float(f[0]) in tried:
                    continue
                tried.add(float(f[0]))
                chance += self.density(float(f[0]), float(self.h[0] + p[0]))
                if self.fits(f, p):
                    names = [self.all.sheet.called(k) for k in (one, other)][: len(changes)]
                    turned = [self.all.sheet.called(k) for k in (other, one)][: len(changes)]
                    hits.append({"other": ", ".join(turned), "was": ", ".join(names)})
        yield from (Candidate("copied-line", min(1.0, chance), detail) for detail in hits)

    def stood(self, number: int) -> Entry | None:
        """What the sheet had for a quantity when this line was written: above it, or in a table, which has no order."""
        last = self.all.sheet.last.get(number)
        beside = last if last and all("|" in entry.claim.text for entry in (last, self.entry)) else None
        return self.above.get(number, beside)

    @cached_property
    def above(self) -> dict[int, Entry]:
        """What the sheet had for each quantity above this line."""
        return {each.number: each for each in takewhile(lambda each: each is not self.entry, self.all.sheet.entries)}

    def with_inputs(self, k: int, values: list[float]) -> tuple[Array, Array]:
        """(f, p) of the line once for each number that may have been read in the place of quantity k."""
        numbers, box = self.judging.changed(len(values))
        numbers[k], box[k] = values, 0.0
        return self.judging.again(self.way, numbers, box)

    def text_of(self, number: int) -> str:
        """How a quantity stands on the sheet, or in the exercise."""
        stood = self.stood(number) or self.all.sheet.last.get(number)
        if stood:
            return stood.value.text
        return f"{self.lines.true[number]:.12g}"

    def siblings(self, number: int) -> list[int]:
        """Quantities of the same kind: Y5 beside Y4."""
        name = self.lines.names.get(number, "")
        head, bracket, _ = name.partition("[")
        if not bracket:
            return []
        same = (n for other, n in self.lines.numbers.items() if other.startswith(f"{head}[") and n != number)
        return [*islice(same, MOST_SIBLINGS)]

    # ---- the line's own expression

    def evident(self) -> Iterator[Candidate]:
        """What the expression proves; nothing where there is none, or where it proves nothing."""
        found = self.all.sheet
        for each in reversed(self.entry.expressions):
            reckoned = Reckoned.of(each, found, self.judging)
            if reckoned is None:
                continue
            value = f"{reckoned.value:.8g}"
            method, arithmetic = self.is_method(reckoned), reckoned.gives(self.entry)
            if method and not arithmetic:
                opposite = abs(reckoned.value + self.entry.value.value) <= self.h[0]  # the sign is what is wrong
                yield from (mistake for mistake in self.mistakes() if opposite or mistake.chance < SURE)
                yield Candidate("arithmetic", 0.0, {"value": value})
                return
            if arithmetic and not method and each.in_numbers:
                yield from self.mistakes()
                yield from self.copying(each.literals, reckoned)
                return

    def has_other_formula(self) -> bool:
        """Whether an expression has the line's value, though not by its formula, and all its numbers are the writer's."""
        if self.given:
            return False
        for each in self.entry.expressions:
            reckoned = Reckoned.of(each, self.all.sheet, self.judging)
            if reckoned and each.in_numbers and reckoned.gives(self.entry) and not self.is_method(reckoned):
                return all(map(self.is_own, each.literals))
        return False

    def is_own(self, literal: str) -> bool:
        """Whether a number of an expression stands on the sheet or in the exercise, or is one that the line needs."""
        there = (*self.all.sheet.last, *self.lines.given)
        if literal in CONSTANTS or any(float(literal) == abs(float(self.text_of(k))) for k in there):
            return True
        reads, written = np.array([*self.needed], int), numeral(literal)
        off = np.abs(np.abs(self.all.numbers[reads, 0]) - float(literal)) - self.all.box[reads, 0]
        return written is not None and bool((off <= written.half * (1 + SLACK)).any())

    @cached_property
    def needed(self) -> frozenset[int]:
        """What the line reads, itself or on the way over unwritten lines."""
        ways = [self.way, *(self.lines.line(k).ways[0] for k in self.judging.between(self.way))]
        return frozenset(k for way in ways for k in way.reads.tolist())

    def is_method(self, reckoned: Reckoned) -> bool:
        return reckoned.fits(float(self.f[0]) * self.entry.factor, float(self.p[0]) * abs(self.entry.factor))

    def copying(self, literals: Iterable[str], reckoned: Reckoned) -> Iterator[Candidate]:
        """A number of the expression that takes the place of one of the line's own."""
        if self.given:
            return
        for k in self.way.reads.tolist():
            was = self.text_of(k)
            for literal in dict.fromkeys(literals):
                own = self.all.numbers[k, 0]
                for value in (float(literal), -float(literal)) if own < 0 else (float(literal),):
                    numbers, box = self.judging.changed()
                    numbers[k] = value
                    f, p = self.judging.again(self.way, numbers, box)
                    if not (reckoned.fits(float(f[0]), float(p[0])) and value != own):
                        continue
                    detail = {
                        "read": f"{'-' if value < 0 else ''}{literal}",
                        "was": was,
                        "other": self.all.sheet.called(k),
                    }
                    slug = next((e.slug for e in edits(was) if abs(e.value - value) <= 1e-9 * (1 + abs(value))), None)
                    same = [n for n in self.siblings(k) if self.text_of(n) == detail["read"]]
                    if same:
                        yield Candidate("copied-line", 0.0, detail | {"other": self.all.sheet.called(same[0])})
                    elif slug:
                        yield Candidate(slug, 0.0, detail)


class Derived:
    """A derivation from the given numbers alone, with a mistake made wherever it can be."""

    def __init__(self, lines: Lines, roles_of: RolesOf, rows: list[Mistake]) -> None:
        self.lines, self.roles_of, self.rows = lines, roles_of, rows
        self.known: dict[int, float] = {}
        self.ways: dict[int, Way] = {}

    def value(self, number: int) -> float | None:
        """The number found; None where it has none, or where the mistake reads what it leads to."""
        stack = [(number, False)]
        under_way: set[int] = set()
        while stack:
            k, done = stack.pop()
            if k in self.known:
                continue
            if k in self.lines.given:
                self.known[k] = float(self.lines.true[k])
                continue
            way = self.way(k)
            if done:
                numbers = np.array([self.known[n] for n in way.reads.tolist()])[:, None]
                with np.errstate(all="ignore"):
                    self.known[k] = float(np.asarray(way.value(numbers)).ravel()[0])
                continue
            if k in under_way:
                return None
            under_way.add(k)
            stack.append((k, True))
            stack.extend((n, False) for n in way.reads.tolist() if n not in self.known)
        found = self.known[number]
        return found if np.isfinite(found) else None

    def way(self, number: int) -> Way:
        if number not in self.ways:
            line = self.lines.line(number)
            roles = self.roles_of(number)
            there = mistakes_at(roles) if any(roles.kind in row.kinds for row in self.rows) else iter(())
            wrong = next(
                (way for mistake in there if mistake in self.rows for way in mistaken(mistake, line, roles)), None
            )
            self.ways[number] = wrong or line.ways[0]
        return self.ways[number]
