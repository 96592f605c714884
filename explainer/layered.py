"""Where everything goes in a drawing that is read from left to right, column by column.

place    what stands in a column: an input, a neuron, a node of a graph
joint    a line from a place to one further right, with or without a label
gap      what lies between two columns; all labels of a gap stand one below the other, each on its own line
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from .diagram import SIZE, Corners, Drawing, Label, Line, Outline, Part, Point, drawing_of, overlap, under

LINE = 18.0  # from one line of text to the next
APART = 6.0  # the least that labels keep from each other and from shapes
CIRCLE = 38.0  # the least size of a neuron
TALLEST = 620.0  # what a drawing may grow to, for labels to find room
STEEPEST = 0.75  # the slope of a line
FURTHEST = 270.0  # how far apart columns are put for the sake of slopes


@dataclass(frozen=True)
class Text:
    """What a label says."""

    tex: str
    voice: str = "plain"


@dataclass(frozen=True)
class Spot:
    """One place. `bias` is a label over it whose arrow leads into it, with the name of that weight."""

    key: str
    kind: str  # of the part: input, neuron, node, loss, dots
    name: str = ""
    text: str = ""  # inside, in TeX
    round: bool = False
    left: tuple[Text, ...] = ()
    over: tuple[Text, ...] = ()
    under: tuple[Text, ...] = ()
    right: tuple[Text, ...] = ()
    bias: Joint | None = None
    tone: str = "normal"


@dataclass(frozen=True)
class Joint:
    """A line between two places, by their keys."""

    start: str
    end: str
    kind: str
    name: str = ""
    text: Text | None = None
    tone: str = "normal"
    arrow: bool = True


@dataclass(frozen=True)
class Bend:
    """Where a line passes a column on its way to one further right."""

    key: str


Column = Sequence[Spot | Bend]


@dataclass
class Sheet:
    """A layout on its way: sizes first, then places."""

    columns: Sequence[Column]
    joints: Sequence[Joint]
    routes: Mapping[int, Sequence[str]]  # joint -> the keys it passes, its start and its end with them
    along: bool  # labels lie along their lines, over them, rather than level and on them
    circles: set[str] = field(default_factory=set)
    sizes: dict[str, tuple[float, float]] = field(default_factory=dict)
    at: dict[str, Point] = field(default_factory=dict)


def layered(columns: Sequence[Sequence[Spot]], joints: Sequence[Joint], along: bool = True) -> Drawing:
    """The drawing of some columns and the lines between them.

    Labels lie along their lines, over them; otherwise they stand level, on their lines, which suits a few short ones.
    """
    full, routes = with_bends(columns, joints)
    sheet = Sheet(full, joints, routes, along)
    measure(sheet)
    least = rows_needed(sheet)
    tallest = max(least, TALLEST / max(map(len, full)))
    best: tuple[float, float, list[Found]] | None = None
    for row in sorted({min(least * times, tallest) for times in ROWS}):
        found = [best_gap(sheet, gap, row) for gap in range(len(full) - 1)]
        cost = sum(each.cost for each in found) + 0.004 * (row - least)
        if best is None or cost < best[0]:
            best = cost, row, found
        if all(each.cost < GOOD for each in found):
            break
    assert best is not None
    _, row, found = best
    place(sheet, row, [each.stretch for each in found])
    places = {number: t for each in found for number, t in each.places.items()}
    return drawing_of([*joint_parts(sheet, places), *spot_parts(sheet)])


ROWS = (1.0, 1.25, 1.55, 2.0)  # how much further apart rows are tried, for labels that find no room
STRETCHES = (1.0, 1.2, 1.45)  # and columns
GOOD = 0.5  # what a gap may cost without a larger one being tried


@dataclass(frozen=True)
class Found:
    """What a gap comes to: where on its line each label stands, none where there is no room for all of them."""

    stretch: float
    cost: float
    places: Mapping[int, float]


# ---- columns


def with_bends(
    columns: Sequence[Sequence[Spot]], joints: Sequence[Joint]
) -> tuple[list[list[Spot | Bend]], dict[int, list[str]]]:
    """The columns with a bend wherever a line passes one, and the way of each line."""
    home = {spot.key: number for number, column in enumerate(columns) for spot in column}
    full: list[list[Spot | Bend]] = [list(column) for column in columns]
    routes: dict[int, list[str]] = {}
    for number, joint in enumerate(joints):
        way = [joint.start]
        for passed in range(home[joint.start] + 1, home[joint.end]):
            bend = Bend(f"{number}@{passed}")
            full[passed].append(bend)
            way.append(bend.key)
        routes[number] = [*way, joint.end]
    if any(isinstance(each, Bend) for column in full for each in column):
        untangle(full, routes)
    return full, routes


def untangle(columns: list[list[Spot | Bend]], routes: Mapping[int, Sequence[str]]) -> None:
    """Order each column by where its neighbours stand, to and fro, and keep the order with the fewest crossings."""
    pairs = [pair for way in routes.values() for pair in zip(way, way[1:], strict=False)]
    best, fewest = [list(column) for column in columns], crossings(columns, pairs)
    for sweep in range(8):
        forwards = sweep % 2 == 0
        numbers = range(1, len(columns)) if forwards else range(len(columns) - 2, -1, -1)
        for number in numbers:
            beside = columns[number - 1 if forwards else number + 1]
            height = {
                each.key: k / max(len(beside) - 1, 1) if len(beside) > 1 else 0.5 for k, each in enumerate(beside)
            }
            near = neighbours(pairs, forwards)
            before = {each.key: k for k, each in enumerate(columns[number])}
            columns[number].sort(key=lambda each: (mean_height(near.get(each.key, []), height), before[each.key]))
        found = crossings(columns, pairs)
        if found < fewest:
            best, fewest = [list(column) for column in columns], found
    columns[:] = best


def neighbours(pairs: Sequence[tuple[str, str]], forwards: bool) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for start, end in pairs:
        found.setdefault(end if forwards else start, []).append(start if forwards else end)
    return found


def mean_height(near: Sequence[str], height: Mapping[str, float]) -> float:
    known = [height[key] for key in near if key in height]
    return sum(known) / len(known) if known else 0.5


def crossings(columns: Sequence[Column], pairs: Sequence[tuple[str, str]]) -> int:
    row = {each.key: k for column in columns for k, each in enumerate(column)}
    home = {each.key: k for k, column in enumerate(columns) for each in column}
    return sum(
        home[a] == home[c] and (row[a] - row[c]) * (row[b] - row[d]) < 0
        for k, (a, b) in enumerate(pairs)
        for c, d in pairs[k + 1 :]
    )


# ---- sizes


def measure(sheet: Sheet) -> None:
    """How large each shape is: circles are all of one size, boxes as wide as what they hold."""
    spots = [each for column in sheet.columns for each in column if isinstance(each, Spot)]
    width = {spot.key: Label(spot.text, 0, 0).letters.width * SIZE for spot in spots}
    circle = max([CIRCLE] + [width[spot.key] + 12 for spot in spots if spot.round])
    for spot in spots:
        if spot.kind == "dots":
            sheet.sizes[spot.key] = (0.0, 0.0)
        elif spot.round:
            sheet.circles.add(spot.key)
            sheet.sizes[spot.key] = (circle, circle)
        else:
            sheet.sizes[spot.key] = (max(30.0, width[spot.key] + 16), 30.0)
    for column in sheet.columns:
        for each in column:
            sheet.sizes.setdefault(each.key, (0.0, 0.0))


BIAS_ARROW = 15.0


def reach(sheet: Sheet, each: Spot | Bend) -> tuple[float, float]:
    """How far a place goes above and below its middle, with what stands over and under it."""
    if isinstance(each, Bend):
        return 8.0, 8.0
    half = sheet.sizes[each.key][1] / 2
    over = len(each.over) * LINE + (BIAS_ARROW + (LINE + 4 if each.bias.text else 4) if each.bias else 0)
    return half + over, half + len(each.under) * LINE + (4 if each.under else 0)


def rows_needed(sheet: Sheet) -> float:
    """The least height of a row in which no place touches the next."""
    least = 46.0
    for column in sheet.columns:
        for upper, lower in zip(column, column[1:], strict=False):
            least = max(least, reach(sheet, upper)[1] + reach(sheet, lower)[0] + APART + 2)
    return least


def place(sheet: Sheet, row: float, stretches: Sequence[float]) -> None:
    """Columns from left to right, each in the middle of the height."""
    x = 0.0
    for number, column in enumerate(sheet.columns):
        if number:
            x += distance(sheet, number - 1, row) * stretches[number - 1]
        for k, each in enumerate(column):
            sheet.at[each.key] = (x, (k - (len(column) - 1) / 2) * row)


def distance(sheet: Sheet, gap: int, row: float) -> float:
    """From the middle of a column to that of the next: room for the labels, and no line too steep."""
    before, after = sheet.columns[gap], sheet.columns[gap + 1]
    labels = [width_of_text(joint.text) for joint in sheet.joints if joint.text and labelled_gap(sheet, joint) == gap]
    halves = half_width(sheet, before) + half_width(sheet, after)
    drops = [
        abs((after_k - (len(after) - 1) / 2) - (before_k - (len(before) - 1) / 2)) * row
        for before_k, after_k in touching(sheet, gap)
    ]
    sides = side_room(before, after)
    slopes = min(max(drops, default=0.0) / STEEPEST, FURTHEST)
    return max(halves + max(labels, default=0.0) + 44 + sides, halves + 50 + sides, slopes)


def half_width(sheet: Sheet, column: Column) -> float:
    return max(sheet.sizes[each.key][0] for each in column) / 2


def side_room(before: Column, after: Column) -> float:
    """What stands beside shapes in a gap, and what goes further than they do."""
    right = [width_of_text(text) for each in before if isinstance(each, Spot) for text in each.right]
    left = [width_of_text(text) for each in after if isinstance(each, Spot) for text in each.left]
    under = [
        width_of_text(text) / 2 - CIRCLE / 2
        for each in (*before, *after)
        if isinstance(each, Spot)
        for text in (*each.under, *each.over)
    ]
    return max(right, default=0.0) + max(left, default=0.0) + max([*under, 0.0])


def width_of_text(text: Text | None) -> float:
    if text is None:
        return 0.0
    box = Label(text.tex, 0, 0, text.voice).level
    return box.right - box.left


def touching(sheet: Sheet, gap: int) -> list[tuple[int, int]]:
    """The rows that lines of a gap begin and end in."""
    before, after = ({each.key: k for k, each in enumerate(sheet.columns[at])} for at in (gap, gap + 1))
    return [(before[a], after[b]) for _, (a, b) in segments(sheet, gap)]


# ---- labels


def labelled_gap(sheet: Sheet, joint: Joint) -> int:
    """The gap in which the label of a line stands: the first that it passes."""
    return next(k for k, column in enumerate(sheet.columns) if any(each.key == joint.start for each in column))


def best_gap(sheet: Sheet, gap: int, row: float) -> Found:
    """The labels of a gap in the least width in which they find good places, or in the best of a few widths."""
    numbers = [k for k, joint in enumerate(sheet.joints) if joint.text and labelled_gap(sheet, joint) == gap]
    if not numbers:
        return Found(1.0, 0.0, {})
    best = Found(1.0, NO_ROOM, {})
    for stretch in STRETCHES:
        place(sheet, row, [stretch] * (len(sheet.columns) - 1))
        cost, places = label_places(sheet, gap, numbers)
        if cost < best.cost:
            best = Found(stretch, cost, places)
        if cost < GOOD:
            break
    return best


NO_ROOM = 1000.0


@dataclass(frozen=True)
class Candidate:
    """A place that a label may have, and what is wrong with it."""

    t: float
    label: Label
    corners: Corners
    cost: float


def label_places(sheet: Sheet, gap: int, numbers: Sequence[int]) -> tuple[float, dict[int, float]]:
    """Where on its line each label stands, and what it costs; NO_ROOM where they cannot all stand without touching.

    Labels gather at one part of the way as far as they can; each goes where no other line runs under it.
    """
    fixed = [room for spot in spots_beside(sheet, gap) for room in spot_room(sheet, spot)]
    lines = [(number, segment(sheet, pair)) for number, pair in segments(sheet, gap)]
    choices = {number: candidates(sheet, number, fixed, lines) for number in numbers}
    found = (chosen_places(choices, preferred) for preferred in PREFERRED)
    return min(found, key=lambda each: each[0])


PREFERRED = (0.5, 0.36, 0.64, 0.25, 0.75)  # parts of the way at which the labels of a gap may gather


def chosen_places(choices: Mapping[int, list[Candidate]], preferred: float) -> tuple[float, dict[int, float]]:
    """A place for each label, as near to a part of the way as may be: those with the fewest choices choose first."""

    def cost(each: Candidate) -> float:
        return each.cost + abs(each.t - preferred)

    chosen: dict[int, Candidate] = {}
    for number in sorted(choices, key=lambda number: len(choices[number])):
        free = (each for each in sorted(choices[number], key=cost) if not any(touch(each, c) for c in chosen.values()))
        first = next(free, None)
        if first is None:
            return NO_ROOM, {}
        chosen[number] = first
    astray = sum(abs(each.t - preferred) for each in chosen.values()) / len(chosen) + 0.1 * abs(preferred - 0.5)
    return sum(each.cost for each in chosen.values()) + astray, {number: each.t for number, each in chosen.items()}


def candidates(
    sheet: Sheet, number: int, fixed: Sequence[Corners], lines: Sequence[tuple[int, tuple[Point, Point]]]
) -> list[Candidate]:
    """The places on its line where a label touches nothing that is there already; each costs what runs under it."""
    found = []
    for percent in range(10, 91, 3):
        label = joint_label(sheet, number, percent / 100)
        if not ends_clear(sheet, number, label):
            continue
        corners = label.corners
        if any(near(label, room) and overlap(corners, room, 3) for room in fixed):
            continue
        passing = [
            other
            for other, line in lines
            if other != number and passes(*line, label) and under(*line, label) is not None
        ]
        cost = sum(0.05 if sheet.joints[other].tone == "pale" else 2.0 for other in passing)
        found.append(Candidate(percent / 100, label, corners, cost))
    return found


def near(label: Label, corners: Corners) -> bool:
    """Whether a label can touch a rectangle at all."""
    x, y = (corners[0][0] + corners[2][0]) / 2, (corners[0][1] + corners[2][1]) / 2
    reach = math.dist(corners[0], corners[2]) / 2 + label.letters.width * SIZE / 2 + SIZE
    return math.dist((x, y), (label.x, label.y)) < reach


def passes(start: Point, end: Point, label: Label) -> bool:
    """Whether a straight line comes so near to a label that it may run under it."""
    across, down = end[0] - start[0], end[1] - start[1]
    apart = abs(across * (start[1] - label.y) - down * (start[0] - label.x))
    return apart < (label.letters.width * SIZE * 0.6 + SIZE) * max(math.hypot(across, down), 1e-9)


def touch(one: Candidate, other: Candidate) -> bool:
    return near(one.label, other.corners) and overlap(one.corners, other.corners, 2)


def spots_beside(sheet: Sheet, gap: int) -> list[Spot]:
    """The places of the columns on both sides of a gap."""
    return [each for column in sheet.columns[gap : gap + 2] for each in column if isinstance(each, Spot)]


def ends_clear(sheet: Sheet, number: int, label: Label) -> bool:
    """Whether a label leaves both ends of its line free, and the tip of the arrow."""
    way = sheet.routes[number]
    (x0, y0), (x1, y1) = segment(sheet, (way[0], way[1]))
    steep = math.hypot(x1 - x0, y1 - y0) / max(x1 - x0, 1e-9)
    half = label.letters.width * SIZE / 2 / (steep if label.angle else 1)
    return label.x - half > x0 + 4 and label.x + half < x1 - 11


def segments(sheet: Sheet, gap: int) -> list[tuple[int, tuple[str, str]]]:
    """The lines of a gap: which joint each belongs to, and its ends."""
    before = {each.key for each in sheet.columns[gap]}
    after = {each.key for each in sheet.columns[gap + 1]}
    return [
        (number, (a, b))
        for number, way in sheet.routes.items()
        for a, b in zip(way, way[1:], strict=False)
        if a in before and b in after
    ]


def segment(sheet: Sheet, pair: tuple[str, str]) -> tuple[Point, Point]:
    """A straight line from the edge of one shape to the edge of the next."""
    return trimmed(sheet, *pair), trimmed(sheet, *reversed(pair))


def trimmed(sheet: Sheet, key: str, towards: str) -> Point:
    """The point on the edge of a shape in the direction of another place."""
    (x, y), (x1, y1) = sheet.at[key], sheet.at[towards]
    width, height = sheet.sizes[key]
    if not width:
        return x, y
    length = ((x1 - x) ** 2 + (y1 - y) ** 2) ** 0.5
    if key in sheet.circles:
        away = (width / 2 + 1.5) / length
    else:
        away = min((width / 2 + 1.5) / max(abs(x1 - x), 1e-9), (height / 2 + 1.5) / max(abs(y1 - y), 1e-9))
    return x + away * (x1 - x), y + away * (y1 - y)


def spots_of(sheet: Sheet) -> list[Spot]:
    return [each for column in sheet.columns for each in column if isinstance(each, Spot)]


def joint_label(sheet: Sheet, number: int, t: float) -> Label:
    """The label of a line in its gap, in the middle of its own line."""
    joint, way = sheet.joints[number], sheet.routes[number]
    assert joint.text is not None
    (x0, y0), (x1, y1) = segment(sheet, (way[0], way[1]))
    left, right = sheet.at[way[0]][0], sheet.at[way[1]][0]
    x = left + t * (right - left)
    y = y0 + (y1 - y0) * (x - x0) / (x1 - x0)
    if not sheet.along:
        return centred(joint.text, x, y)
    angle = math.degrees(math.atan2(y1 - y0, x1 - x0))
    foot = Label(joint.text.tex, x, y, joint.text.voice, angle)
    away = foot.letters.below * SIZE + 1.5
    return replace(foot, x=x + away * math.sin(math.radians(angle)), y=y - away * math.cos(math.radians(angle)))


def centred(text: Text, x: float, y: float) -> Label:
    """A label with the middle of its letters at a height."""
    return Label(text.tex, x, y + 0.24 * SIZE, text.voice)


# ---- parts


def spot_room(sheet: Sheet, spot: Spot) -> list[Corners]:
    """What a place covers: its shape and all that stands around it."""
    part = spot_part(sheet, spot)
    bias = [label.corners for each in bias_parts(sheet, spot) for label in each.labels]
    return [each.box.corners for each in part.outlines] + [each.corners for each in part.labels] + bias


def spot_parts(sheet: Sheet) -> list[Part]:
    return [part for spot in spots_of(sheet) for part in (*bias_parts(sheet, spot), spot_part(sheet, spot))]


def spot_part(sheet: Sheet, spot: Spot) -> Part:
    (x, y), (width, height) = sheet.at[spot.key], sheet.sizes[spot.key]
    labels = [centred(Text(spot.text), x, y)] if spot.text else []
    for k, text in enumerate(reversed(spot.over)):
        labels.append(Label(text.tex, x, y - height / 2 - 7 - LINE * k, text.voice))
    for k, text in enumerate(spot.under):
        labels.append(Label(text.tex, x, y + height / 2 + LINE * (k + 1), text.voice))
    for text in spot.left:
        labels.append(centred(text, x - width / 2 - 6 - width_of_text(text) / 2, y))
    for k, text in enumerate(spot.right):
        lift = LINE * (k - (len(spot.right) - 1) / 2)
        labels.append(centred(text, x + width / 2 + 6 + width_of_text(text) / 2, y + lift))
    corner = width / 2 if spot.round else 5.0
    outlines = (Outline(x, y, width, height, corner),) if width else ()
    return Part(spot.kind, spot.name, outlines, (), tuple(labels), spot.tone)


def bias_parts(sheet: Sheet, spot: Spot) -> list[Part]:
    """The arrow of a bias, from above, with its label over it."""
    if spot.bias is None:
        return []
    x, y = sheet.at[spot.key]
    edge = y - sheet.sizes[spot.key][1] / 2 - 1.5
    line = Line(((x, edge - BIAS_ARROW), (x, edge)), arrow=True)
    text = spot.bias.text
    labels = (Label(text.tex, x, edge - BIAS_ARROW - 8, text.voice),) if text else ()
    return [Part(spot.bias.kind, spot.bias.name, (), (line,), labels, spot.bias.tone, ("", spot.name))]


def joint_parts(sheet: Sheet, places: Mapping[int, float]) -> list[Part]:
    """Every line with its label; pale ones first, so that strong ones lie over them."""
    found, names = [], {spot.key: spot.name for spot in spots_of(sheet)}
    for number, joint in enumerate(sheet.joints):
        way, ends = sheet.routes[number], (names[joint.start], names[joint.end])
        points = [
            trimmed(sheet, way[0], way[1]),
            *(sheet.at[key] for key in way[1:-1]),
            trimmed(sheet, way[-1], way[-2]),
        ]
        labels = (joint_label(sheet, number, places[number]),) if number in places else ()
        line = Line(tuple(points), joint.arrow)
        found.append(Part(joint.kind, joint.name, (), (line,), labels, joint.tone, ends))
    return sorted(found, key=lambda part: ("pale", "normal", "strong").index(part.tone))
