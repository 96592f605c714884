"""Marks a working: the verdict of every line, the mistake it was, and what follows from it."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property

import numpy as np

from ..digits import Precision
from ..graphs import Lines as GraphSteps
from ..graphs import canonical as named_in_graph
from ..names import Names
from ..plain import typed_out
from ..problem import GraphProblem, Problem
from ..render import Setting, Speaker
from .arrays import Shapes, taken_apart
from .catalogue import CODES, mistaken, mistakes_at
from .claims import Claim
from .conventions import Reading, best_reading
from .diagnosis import Candidate, Diagnosing
from .graph_lines import GraphLines
from .judging import AGREES, ANYWAY, LAST_DIGIT, RECOVERED, SLIP, TRUNCATED
from .lines import Lines, Roles
from .marks import LineMarks, Marks
from .meaning import in_place, of_sample_or_total
from .network_lines import NetworkLines
from .network_roles import roles_of
from .reading import read_working, working_from_text
from .rule import NOISE, SLACK, spread
from .scheme import DEFAULT, Scheme, digits_of, scored
from .sheet import Entry, Reckoned, fineness, sheet_of, with_last
from .step_numbers import Page, Step, comparable, page_of

LOOSE = 0.1  # of a number: where rounding can move it by more, agreeing with it says little
SPARED = 1  # digits that a line may have fewer than the rest of the sheet where it is right all the same
STATUS_CODES = {TRUNCATED: "R01", LAST_DIGIT: "R02", RECOVERED: "R11", ANYWAY: "R11"}
TELLING = 0.5  # share of the mistakes that the right numbers tell apart, which the writer's own must tell apart too
MOST_NAMES = 10_000  # that are remembered
MOST_STEPS = 3000  # quantities of a derivation, up to which a line is linked to its step


def check(
    problem: Problem | GraphProblem,
    working: str | os.PathLike[str],
    language: str | None = None,
    scheme: Scheme = DEFAULT,
) -> Marks:
    """Mark a hand calculation of the problem.

    `working` is the text itself where it has a = or a line end in it, else the path of a file; an `os.PathLike` is
    always a path. Raises InputError where a file cannot be read.
    """
    return Checker(problem, language, scheme).check(working)


class Checker:
    """Marks many workings of one problem: its lines are made once."""

    def __init__(self, problem: Problem | GraphProblem, language: str | None = None, scheme: Scheme = DEFAULT) -> None:
        self.problem, self.scheme, self.asked = problem, scheme, digits_of(scheme.asked)
        self.language = language or problem.writing.language
        self.say = Speaker(self.language, Setting())
        self.lines = lines_of(problem)
        if isinstance(problem, GraphProblem):
            self.shapes, self.names = Shapes(), Names(self.lines.numbers, other_names(self.lines))
        else:
            layers = [layer.labels for layer in problem.layers]
            self.shapes = Shapes([problem.input_names, *layers], problem.target_names, problem.inputs.shape[1])
            targets = dict(zip(problem.target_names, layers[-1], strict=False))
            self.names = Names(self.lines.numbers, other_names(self.lines), layers, targets)
        self._roles: dict[tuple[int, int], Roles] = {}
        self._variants: dict[str, Lines] = {}
        self._found: dict[str, int | None] = {}

    def check(self, working: str | os.PathLike[str]) -> Marks:
        if isinstance(working, str) and ("=" in working or "\n" in working):
            return self.marks(working_from_text(working))
        return self.marks(read_working(working))

    def find(self, text: str) -> int | None:
        """The quantity that a name means; a class writes the same names again and again."""
        if text not in self._found:
            if len(self._found) > MOST_NAMES:
                self._found.clear()
            self._found[text] = self.quantity_of(text)
        return self._found[text]

    def claimed(self, claim: Claim) -> int | None:
        """The quantity that a claim is of, where its name can mean one only."""
        if not claim.name or claim.fault:
            return None
        found = [number for number in map(self.find, claim.names) if number is not None]
        return of_sample_or_total(claim, found, self.lines)

    def options(self, claim: Claim) -> list[int]:
        """The quantities that a claim can be of, where its name can mean several."""
        return next(
            ([self.lines.numbers[each] for each in found] for found in map(self.names.all, claim.names) if found), []
        )

    def quantity_of(self, text: str) -> int | None:
        name = self.page.names.get(comparable(text)) or self.names.find(text)
        return None if name is None else self.lines.numbers[name]

    @cached_property
    def right(self) -> dict[str, float]:
        """The right value of each quantity, by every name that it has."""
        named = {name: float(self.lines.true[number]) for name, number in self.lines.numbers.items()}
        return named | {other: named[name] for other, name in other_names(self.lines).items()}

    def roles_of(self, lines: Lines) -> Callable[[int], Roles]:
        def found(number: int) -> Roles:
            key = id(lines), number
            if key not in self._roles:
                self._roles[key] = roles_in(lines, number)
            return self._roles[key]

        return found

    def variant(self, problem: Problem) -> Lines:
        """The lines of the exercise as somebody else may understand it."""
        key = f"{problem.reduction} {problem.loss} {problem.optimizer}"
        if key not in self._variants:
            self._variants[key] = lines_of(problem)
        return self._variants[key]

    @cached_property
    def page(self) -> Page:
        """What the page of the derivation says of each quantity; nothing for a large network."""
        if isinstance(self.lines, GraphLines):
            steps = GraphSteps(self.lines.work)
            return Page(
                {
                    named_in_graph(self.lines.work, key): Step(f"S{line.n}", line.left, tuple(line.rights))
                    for key, line in steps.all.items()
                }
            )
        assert isinstance(self.lines, NetworkLines)
        return page_of(self.lines.works) if len(self.lines.numbers) <= MOST_STEPS else Page()

    # ---- marks

    def marks(self, claims: Sequence[Claim]) -> Marks:
        """The marks of a working that has been read."""
        claims = taken_apart(claims, self.shapes, self.right, self.names.find)
        named = in_place([(claim, self.claimed(claim)) for claim in claims], self.lines, self.options)
        readable = [(claim, number) for claim, number in named if number is not None]
        sheet = sheet_of(self.lines, readable, self.find)
        judging = sheet.judging()
        judging.judge()
        plain = Reading(self.lines, sheet, judging)
        reading = best_reading(plain, self.problem, self.variant) if plain.slips or plain.cut > 1 else plain
        explained = _Explained(self, reading)
        of_claims = iter(explained.entries())
        found = [self.unclaimed(claim) if number is None else next(of_claims) for claim, number in named]
        conventions = [(each.slug, self.say.text("mark_convention", slug=each.slug)) for each in reading.conventions]
        turned = [claim for claim, number in readable if self.names.is_turned(claim.name)]
        if turned:
            conventions.append(("index-order", self.say.text("mark_convention", slug="index-order")))
        return Marks(tuple(scored(found, self.scheme)), tuple(conventions), self.language, self.problem.title)

    def unclaimed(self, claim: Claim) -> LineMarks:
        """A line that could not be read, or names nothing that there is."""
        if claim.fault:
            message = self.say.text("mark_unread", fault=claim.fault, detail=claim.detail)
            return LineMarks(claim.line, claim.text, "unread", message=message)
        near = self.names.suggested(claim.name)
        several = len(self.names.all(claim.name)) > 1
        sampled = not several and bool(self.names.of_samples(claim.name))
        message = self.say.text("mark_unknown", name=claim.name, near=near, several=several, sampled=sampled)
        given = claim.value.text if claim.value else None
        return LineMarks(claim.line, claim.text, "unknown", given=given, message=message)


def roles_in(lines: Lines, number: int) -> Roles:
    if isinstance(lines, NetworkLines):
        return roles_of(lines, number)
    return lines.roles(number) if isinstance(lines, GraphLines) else Roles("node")


def lines_of(problem: Problem | GraphProblem) -> Lines:
    return GraphLines(problem) if isinstance(problem, GraphProblem) else NetworkLines(problem)


def other_names(lines: Lines) -> Mapping[str, str]:
    """Names that are understood in the place of canonical ones."""
    found = {"eta": "learning_rate", "lr": "learning_rate", "alpha": "learning_rate"}
    if isinstance(lines, GraphLines):
        end = f"d{lines.work.end}/d"
        for name in (each for each in lines.numbers if each.startswith(end)):
            below = name.removeprefix(end)
            found |= dict.fromkeys((f"d{below}", f"{below}.grad", f"grad {below}", f"grad_{below}"), name)
    if isinstance(lines, NetworkLines):
        found = {other: name for other, name in found.items() if name in lines.numbers}
        found |= dict(lines.by_place())
    return {other: name for other, name in found.items() if other not in lines.numbers and name in lines.numbers}


class _Explained:
    """The entries of a sheet, judged and explained. `wanted`: which quantities are, where not all of them."""

    def __init__(self, checker: Checker, reading: Reading, wanted: Collection[int] | None = None) -> None:
        self.checker, self.reading, self.say = checker, reading, checker.say
        self.lines, self.sheet, self.judging = reading.lines, reading.sheet, reading.judging
        self.found = reading.judging.found
        self.places = fineness(self.sheet.entries).clear_places
        self.roles = checker.roles_of(self.lines)
        self.diagnosing = Diagnosing(self.lines, self.sheet, self.judging, self.roles)
        slips = (k for k in wanted or self.sheet.last if self.found.status[k][0] == SLIP)
        self.candidates = {k: self.diagnosing.candidates(k) for k in slips}
        self.counts = Counter(each.slug for found in self.candidates.values() for each in found)

    def entries(self) -> Iterator[LineMarks]:
        for entry in self.sheet.entries:
            last = self.sheet.last[entry.number]
            if entry is last:
                yield self.marked(entry)
            elif entry.value.text == last.value.text:
                yield replace(self.marked(last), line=entry.claim.line, text=entry.claim.text)
            else:
                yield self.before(entry).marked(entry)

    def before(self, entry: Entry) -> _Explained:
        """The same sheet before a quantity was written anew: with this one of the lines that write it."""
        entries = (each for each in self.sheet.entries if each.number != entry.number or each is entry)
        sheet = with_last(replace(self.sheet, entries=tuple(entries)))
        judging = sheet.judging()
        judging.judge()
        return _Explained(self.checker, replace(self.reading, sheet=sheet, judging=judging), {entry.number})

    def marked(self, entry: Entry) -> LineMarks:
        k = entry.number
        status, factor = int(self.found.status[k][0]), entry.factor
        exact, tainted = bool(self.is_exact(entry)), bool(self.found.tainted[k][0])
        name = self.lines.names[k]
        expected, own = float(self.lines.true[k]) * factor, float(self.found.f[k][0]) * factor
        verdict = "right" if exact else "follow-through" if tainted else "rounding"
        if status in (TRUNCATED, LAST_DIGIT):
            verdict = "rounding"
        short = status != SLIP and self.is_short(entry)
        scheme = self.checker.scheme
        method, accuracy = scheme.marks("wrong" if status == SLIP else verdict, short)
        line = LineMarks(
            entry.claim.line,
            entry.claim.text,
            verdict,
            name,
            entry.value.text,
            expected,
            own,
            message="" if status == SLIP else self.message(entry, status, verdict, tainted, short),
            code=STATUS_CODES.get(status),
            found_by=self.checker.page.steps.get(name),
            short=short,
            method=method,
            accuracy=accuracy,
            of=scheme.of,
        )
        return self.wrong(line, entry) if status == SLIP else line

    def is_exact(self, entry: Entry) -> bool:
        true = float(self.lines.true[entry.number])
        short = abs(entry.own - true)
        if self.sheet.truncates:
            return short <= 2 * entry.half * (1 + 1e-6) and (abs(entry.own) <= abs(true) + entry.half * 1e-6)
        return short <= entry.half * (1 + 1e-6) + 1e-12 * (1 + abs(true))

    def is_short(self, entry: Entry) -> bool:
        """Whether digits are missing that are asked for: more than zeros at the end, of what follows or of the truth."""
        asked, k = self.checker.asked, entry.number
        if asked is None or asked.are_in(entry.value):
            return False
        meant = (float(number) * entry.factor for number in (self.found.f[k][0], self.lines.true[k]))
        return all(abs(entry.value.value - number) > asked.half(number) * (1 + SLACK) for number in meant)

    # ---- sentences

    def message(self, entry: Entry, status: int, verdict: str, tainted: bool, short: bool) -> str:
        return self.together([*self.sentences(entry, status, verdict, tainted, short)])

    def sentences(self, entry: Entry, status: int, verdict: str, tainted: bool, short: bool) -> Iterator[str]:
        """What is said of a line that is not wrong."""
        k = entry.number
        if status == RECOVERED:
            yield self.say.text("mark_recovered", others=[self.called(n) for n in self.found.recovered_from.get(k, ())])
        elif status != AGREES:
            own = self.number(self.found.f[k][0] * entry.factor, entry)
            if status == ANYWAY:
                yield self.say.text("mark_anyway", own=own)
            else:
                yield self.say.text("mark_last_place", cut=status == TRUNCATED, own=own)
        else:
            if verdict == "follow-through":
                yield self.say.text("mark_follows", due=self.due(k))
                if self.is_trivial(k):
                    yield self.say.text("mark_trivial")
            elif verdict == "rounding":
                yield self.say.text("mark_rounding")
            yield from self.remarks(entry, short)
        if short:
            asked = self.checker.asked
            assert asked is not None
            yield self.say.text("mark_short", count=asked.how_many, significant=asked.significant)

    def together(self, sentences: list[str]) -> str:
        return self.say.text("mark_together", sentences=sentences) if len(sentences) > 1 else "".join(sentences)

    def remarks(self, entry: Entry, short: bool) -> Iterator[str]:
        """What is to be said beside the verdict: fewer digits than the others, an expression with another value."""
        if self.places is not None and not short:
            half, k = 0.5 * 10.0**-self.places, entry.number
            missing = self.places - entry.value.decimals
            if (
                missing > (SPARED if self.is_exact(entry) else 0)
                and abs(entry.own - self.found.f[k][0]) > half + self.found.p[k][0]
            ):
                yield self.say.text("mark_few_digits")
        if not self.is_exact(entry) and self.found.p[entry.number][0] > LOOSE * abs(self.found.f[entry.number][0]):
            yield self.say.text("mark_loose")
        for each in reversed(entry.expressions):
            reckoned = Reckoned.of(each, self.sheet, self.judging)
            if reckoned and not reckoned.gives(entry):
                yield self.say.text("mark_other_expression", value=f"{reckoned.value:.7g}")
            break

    def due(self, number: int) -> list[str]:
        """The wrong lines that a line follows from, nearest first."""
        found: dict[int, None] = {}
        seen = {number}
        stack = [number]
        while stack:
            k = stack.pop()
            if k in self.lines.given:
                continue
            for n in self.lines.line(k).ways[0].reads.tolist():
                if n in self.found.flagged and self.found.flagged[n][0]:
                    found[n] = None
                elif n not in seen and n in self.found.tainted and self.found.tainted[n][0]:
                    seen.add(n)
                    stack.append(n)
        return [self.called(n) for n in found]

    def is_trivial(self, number: int) -> bool:
        """Whether a wrong line has made this one so simple that being right in it shows little."""
        line, roles = self.lines.line(number), self.roles(number)
        told = [0, 0]
        true = self.lines.true[:, None]
        exact = np.zeros(true.shape)
        own_width = float(self.sheet.last[number].half)
        for mistake in mistakes_at(roles):
            for way in mistaken(mistake, line, roles):
                self.judging.know(way.reads.tolist())
                for place, (numbers, box) in enumerate(((true, exact), (self.found.numbers, self.found.box))):
                    f, p = spread(line.ways[0], numbers, box)
                    f2, p2 = spread(way, numbers, box)
                    told[place] += bool(abs(f2[0] - f[0]) > p[0] + p2[0] + 2 * own_width)
        return told[1] < TELLING * told[0]

    def wrong(self, line: LineMarks, entry: Entry) -> LineMarks:
        found = sorted(
            self.candidates.get(entry.number, []),
            key=lambda each: (each.confidence == "possible", each.slug not in CODES, -self.counts[each.slug]),
        )
        own = self.number(line.from_own or 0.0, entry)
        if entry.number in self.lines.given:
            said = self.say.text("mark_given_wrong", value=f"{line.expected:.12g}")
        elif not found and self.diagnosing.has_other_formula(entry.number):
            formula = line.found_by and typed_out(f"{line.found_by.symbol} = {line.found_by.rights[0]}")
            said = self.say.text("mark_other_formula", own=own, formula=formula or "")
        elif not found:
            said = self.say.text("mark_unexplained", own=own)
        else:
            said = self.say.text("mark_slip", slug=found[0].slug, own=own, **self.details(found[0]))
            if len(found) > 1:
                others = [self.say.text("mark_slip_name", slug=each.slug) for each in found[1:4]]
                said = self.together([said, self.say.text("mark_also", others=others)])
        best: Candidate | None = found[0] if found else None
        return replace(
            line,
            verdict="wrong",
            slip=best.slug if best else None,
            code=best.code if best else None,
            message=said,
            candidates=tuple(each.slug for each in found),
        )

    def details(self, candidate: Candidate) -> dict[str, str]:
        empty = {"read": "", "was": "", "other": "", "value": "", "at": ""}
        named = {key: self.symbol_of(text) for key, text in candidate.detail.items()}
        return {**empty, **named, "confidence": candidate.confidence}

    def called(self, number: int) -> str:
        """A quantity as the writer calls it, else as the page does."""
        return self.symbol_of(self.sheet.called(number))

    def symbol_of(self, name: str) -> str:
        """The page's symbol for a canonical name, in plain characters; the name as it is where the writer has it so."""
        step, entry = self.checker.page.steps.get(name), self.sheet.last.get(self.lines.numbers.get(name, -1))
        return typed_out(step.symbol) if step and not (entry and entry.claim.name == name) else name

    def number(self, value: float, entry: Entry) -> str:
        """A number with a digit more than the line has."""
        figures = min(max(entry.value.significant, 3) + 1, 12)
        value = 0.0 if abs(value) < NOISE else value
        return Precision(figures).texts(np.array([value]))[0]
