"""What marking finds and what it costs, on simulated sheets.

    python tests/benchmarks/marking.py [--sheets 300] [--mistakes 20] [--networks NAME,...] [--seed 1] [--costs]

Correct sheets: six networks, six ways to round, three ways to go on (with what is written, with what the calculator
holds, with either), 30 % of the lines left out, zeros dropped. `--sheets` is the number in each of these 108 cells;
30000 makes 3.24 million. Every sheet that is flagged is printed: there must be none. Sheets with a mistake: every mistake of
the catalogue at one line of each network where it can be made; `--mistakes` is the number of sheets for each. Where a
mistake changes a digit and is not caught, somebody with the right formula must be able to have written the same: such
numbers are looked for, and the missed sheets for which there are none are counted: the few there are because p is taken
as large on both sides as on the wider one. A line that cannot be checked, because something is divided by a written 0, is
not counted as missed. `--costs`: only what marking costs.

Ends with 1 where a correct sheet is flagged, or a mistake is not caught that no rounding could hide.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import time
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
from networks import example
from students import Habit, Mistaken, Sheets, judged, mistakes_of, networks, students

from explainer.marking.catalogue import mistaken, mistakes_at
from explainer.marking.checking import Checker
from explainer.marking.classes import mark_all, workings_in
from explainer.marking.judging import Judged, Judging, Status
from explainer.marking.lines import Way
from explainer.marking.network_lines import NetworkLines
from explainer.marking.network_roles import roles_of
from explainer.marking.rule import agrees, corners, spread

ROUNDINGS = [{"decimals": k} for k in (2, 3, 4, 5)] + [{"figures": k} for k in (3, 4)]
TRIES = 1000  # points of a box that are tried, three times
AT_ONCE = 2000  # sheets judged together: bounds memory


def correct_sheets(found: dict[str, NetworkLines], sheets: int, seed: int) -> bool:
    """Prints how many are flagged; whether none is."""
    rng, start = np.random.default_rng(seed), time.process_time()
    count = Counter[str]()
    for name, lines in found.items():
        for goes_on_with in ("paper", "memory", "mixed"):
            for rounding in ROUNDINGS:
                habit = Habit(**rounding, goes_on_with=goes_on_with)
                for first in range(0, sheets, AT_ONCE):
                    asked = lines.asked()
                    skipped = frozenset(k for k in asked if rng.random() < 0.3)
                    made = students(lines, habit, min(AT_ONCE, sheets - first), rng, skipped=skipped)
                    result, flagged = judged(lines, habit, made), np.zeros(made.sane.shape, bool)
                    for k, status in result.status.items():
                        wrong = made.sane & ~flagged & (status != Status.AGREES)
                        for sheet in np.flatnonzero(wrong):
                            print(f"  flagged: {name}, {habit}: {described(lines, result, made, k, sheet)}")
                        flagged |= wrong
                        count["lines"] += int(made.sane.sum())
                    count["sheets"] += int(made.sane.sum())
                    count["flagged"] += int(flagged.sum())
                    count["set aside"] += int((~made.sane).sum())
    print(
        f"correct sheets: {count['flagged']} of {count['sheets']:,} flagged ({count['lines']:,} lines, "
        f"{count['set aside']:,} with numbers over a million set aside; {time.process_time() - start:.0f} s of CPU)",
        flush=True,
    )
    return not count["flagged"]


def described(lines: NetworkLines, result: Judged, made: Sheets, number: int, sheet: int) -> str:
    """A line of a sheet, and what it was worked from: each number as written, its b, as the calculator held it."""
    read = {
        lines.names[k]: tuple(float(x[k, sheet]) for x in (result.numbers, result.box, made.memory))
        for k in lines.line(number).ways[0].reads.tolist()
    }
    return (
        f"{lines.names[number]} = {made.written.values[number][sheet]} within {made.written.halves[number][sheet]}, "
        f"found {result.f[number][sheet]} within {result.p[number][sheet]}, from {read}"
    )


def sheets_with_a_mistake(found: dict[str, NetworkLines], sheets: int) -> bool:
    """Prints what is caught and named; whether every mistake is caught that no rounding could hide."""
    print("one mistake in each sheet:", flush=True)
    all_caught = True
    for rounding in [{"decimals": k} for k in (2, 3, 4, 5)] + [{"figures": 4}]:
        rng, count = np.random.default_rng(2), Counter[str]()
        habit = Habit(**rounding)
        for lines in found.values():
            every = mistakes_of(lines, lines.asked())
            rng.shuffle(every)  # type: ignore[arg-type]
            for mistake in {each.slug: each for each in every}.values():
                one_mistake(lines, habit, sheets, mistake, rng, count)
        rate = {name: count[name] / max(1, count[of]) for name, of in RATES.items()}
        label = f"{next(iter(rounding.values()))} {'decimals' if 'decimals' in rounding else 'figures'}"
        print(
            f"  {label}: caught where it shows {rate['visible, caught']:.3%}, of those that change a digit {rate['caught']:.2%}"
            f" ({rate['noticed']:.2%} with too few digits; missed {count['missed']}, of which {count['unexplained']} "
            f"without numbers that explain them); named {rate['among']:.2%}, alone {rate['alone']:.1%},"
            f" first {rate['first']:.1%}; earlier lines flagged {count['earlier']}, later {rate['later']:.4%}"
            f" ({count['changed']:,} sheets)",
            flush=True,
        )
        all_caught &= count["visible, caught"] == count["visible"]
    return all_caught


RATES = {
    "visible, caught": "visible",
    "caught": "changed",
    "noticed": "changed",
    "among": "flagged",
    "alone": "flagged",
    "first": "flagged",
    "later": "later lines",
}


def one_mistake(
    lines: NetworkLines, habit: Habit, sheets: int, mistake: Mistaken, rng: np.random.Generator, count: Counter[str]
) -> None:
    made = students(lines, habit, sheets, rng, mistake=mistake)
    k = mistake.number
    if k not in made.changed:
        return
    judging = Judging(lines, made.written, made.true, habit.scratch)
    result = judging.judge()
    s, h = made.written.values[k], made.written.halves[k]
    changed = made.changed[k] & made.sane
    caught = changed & (result.status[k] >= Status.ANYWAY)
    fine = habit.places(s) / 2  # half a unit of the places that the sheet has
    coarse = changed & ~caught & (h > fine) & (np.abs(s - result.f[k]) > fine + result.p[k])
    visible = changed & shows(judging, result, mistake, h)
    order = list(result.status)
    after = order[order.index(k) + 1 :]
    count["changed"] += int(changed.sum())
    count["caught"] += int(caught.sum())
    count["noticed"] += int((caught | coarse).sum())
    count["visible"] += int(visible.sum())
    count["visible, caught"] += int((visible & caught).sum())
    missed = np.flatnonzero(changed & (result.status[k] == Status.AGREES) & np.isfinite(result.p[k]))
    count["missed"] += len(missed)
    count["unexplained"] += int((~explained(judging, result, k, missed, rng)).sum())
    count["earlier"] += sum(int((changed & (result.status[n] >= Status.ANYWAY)).sum()) for n in order[: order.index(k)])
    count["later"] += sum(int((changed & (result.status[n] >= Status.ANYWAY)).sum()) for n in after)
    count["later lines"] += int(changed.sum()) * len(after)
    flagged = changed & (result.status[k] == Status.SLIP)
    if flagged.any():
        named(lines, judging, result, mistake, flagged, count)


def shows(judging: Judging, result: Judged, mistake: Mistaken, h: np.ndarray) -> np.ndarray:
    """Where no rounding could lead to both: the two intervals of what can be written do not meet."""
    judging.know(mistake.way.reads.tolist())
    every = np.arange(len(h))

    def widest(way: Way) -> tuple[np.ndarray, np.ndarray]:
        f, p = spread(way, result.numbers, result.box)
        return f, np.maximum(p, corners(way, result.numbers, result.box, every))

    f2, p2 = widest(mistake.way)
    found = np.isfinite(p2)
    for way in judging.ways(judging.lines.line(mistake.number)):
        f, p = widest(way)
        found &= np.isfinite(p) & (np.abs(f - f2) > (2 * h + p + p2) * 1.00001)
    return found


def explained(
    judging: Judging, result: Judged, number: int, sheets: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Where the right formula can find the written number: from numbers in the box that are looked for at random.

    Between two numbers that lead below and above it there are some that lead to it.
    """
    s, h = judging.written.values[number][sheets], judging.written.halves[number][sheets] * (1 + 1e-6)
    found = np.zeros(len(sheets), bool)
    for way in judging.ways(judging.lines.line(number)):
        read, width = result.numbers[np.ix_(way.reads, sheets)], result.box[np.ix_(way.reads, sheets)]
        low = high = way.value(read)
        for moves in (np.sign, np.round, np.asarray) * TRIES:
            found |= (low <= s + h) & (high >= s - h)
            if found.all():
                break
            with np.errstate(all="ignore"):
                at = way.value(read + moves(rng.uniform(-1, 1, read.shape)) * width)
            low, high = np.fmin(low, at), np.fmax(high, at)
    return found


def named(
    lines: NetworkLines, judging: Judging, result: Judged, mistake: Mistaken, flagged: np.ndarray, count: Counter[str]
) -> None:
    """Whether the mistake is among those that fit, is the only one, or fits best."""
    k = mistake.number
    s, h = judging.written.values[k], judging.written.halves[k]
    widths: dict[str, np.ndarray] = {}
    roles = roles_of(lines, k)
    for each in mistakes_at(roles):
        for way in mistaken(each, lines.line(k), roles):
            judging.know(way.reads.tolist())
            f, p = spread(way, result.numbers, result.box)
            fits = np.isfinite(p) & agrees(s, f, p, h)
            widths[each.slug] = np.minimum(
                widths.get(each.slug, np.full(len(s), np.inf)), np.where(fits, h + p, np.inf)
            )
    table, slugs = np.array([*widths.values()]), list(widths)
    own = slugs.index(mistake.slug)
    hit = flagged & np.isfinite(table[own])
    count["flagged"] += int(flagged.sum())
    count["among"] += int(hit.sum())
    count["alone"] += int((hit & (np.isfinite(table).sum(axis=0) == 1)).sum())
    count["first"] += int((hit & (table.argmin(axis=0) == own)).sum())


def costs() -> None:
    checker = Checker(example("2-2-3-1"))
    lines = checker.lines
    names = [lines.names[k] for k in lines.order(lines.asked()) if k in set(lines.asked())][:47]
    rows = [f"{name} = {lines.true[lines.numbers[name]]:.5f}" for name in names]
    slip = [row if not row.startswith("Y[4]") else "Y[4] = 0.50615" for row in rows]
    for label, text, times in (("a right sheet", rows, 50), ("a sheet with a slip", slip, 5)):
        working = "\n".join(text) + "\n"
        checker.check(working)
        start = time.process_time()
        for _ in range(times):
            checker.check(working)
        print(f"{label} of {len(text)} lines: {(time.process_time() - start) / times * 1000:.1f} ms")


def class_of(lines: NetworkLines, size: int) -> list[str]:
    """Workings of one exercise: every second one has a mistake of the catalogue in it, and all round in their own way."""
    rng = np.random.default_rng(3)
    mistakes = mistakes_of(lines, lines.asked())
    return [
        working(
            lines,
            ROUNDINGS[int(rng.integers(2, 6))],
            mistakes[int(rng.integers(len(mistakes)))] if k % 2 else None,
            rng,
        )
        for k in range(size)
    ]


def working(lines: NetworkLines, rounding: dict[str, int], mistake: Mistaken | None, rng: np.random.Generator) -> str:
    written = students(lines, Habit(**rounding), 1, rng, fixed=True, mistake=mistake).written
    rows = []
    for k, value in written.values.items():
        decimals = max(0, round(-np.log10(2 * written.halves[k][0])))
        rows.append(f"{lines.names[k]} = {value[0]:.{decimals}f}\n")
    return "".join(rows)


def folder(size: int = 300, jobs: int = 2) -> None:
    problem = example("2-2-3-1")
    lines = Checker(problem).lines
    assert isinstance(lines, NetworkLines)
    with TemporaryDirectory() as name:
        for k, text in enumerate(class_of(lines, size)):
            Path(name, f"{k:03}.txt").write_text(text, "utf-8")
        began, before = time.perf_counter(), os.times()
        results = [*mark_all(problem, workings_in(Path(name)), jobs=jobs)]
        after, took = os.times(), time.perf_counter() - began
    spent = sum(after[:4]) - sum(before[:4])  # of this process and of those that it waited for
    marked = [result.marks for result in results if result.marks is not None]
    print(
        f"a folder of {size} sheets in {jobs} processes: {took:.0f} s, {spent:.0f} s of CPU "
        f"({sum(each.faultless for each in marked)} without a fault, {sum(len(each.lines) for each in marked):,} lines)",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sheets", type=int, default=300)
    parser.add_argument("--mistakes", type=int, default=20)
    parser.add_argument("--networks", default="")
    parser.add_argument("--seed", type=int, default=1, help="of the correct sheets")
    parser.add_argument("--costs", action="store_true")
    chosen = parser.parse_args()
    found = networks()
    if chosen.networks:
        found = {name: found[name] for name in re.split(r",(?! )", chosen.networks)}
    costs()
    folder()
    if chosen.costs:
        return
    right = correct_sheets(found, chosen.sheets, chosen.seed)
    caught = sheets_with_a_mistake(found, chosen.mistakes)
    sys.exit(0 if right and caught else 1)


if __name__ == "__main__":
    main()
