"""Where everything goes in a drawing that is read from left to right, column by column.

place    what stands in a column: an input, a neuron, a node of a graph
joint    a line from a place to one further right, with or without a label
gap      what lies between two columns; all labels of a gap stand one below the other, each on its own line
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from .diagram import SIZE, Box, Drawing, Label, Line, Outline, Part, Point, drawing_of, inside

LINE = 17.0  # from one line of text to the next
APART = 6.0  # the least that labels keep from each other and from shapes
CIRCLE = 38.0  # the least size of a neuron
TALLEST = 660.0  # a drawing with labels; one that would be taller has none
WIDEST_ROW = 118.0  # from a place to the next below it, so that labels fit; beyond that they are left out
STEEPEST = 1.0  # the slope of a line
FURTHEST = 250.0  # how far apart columns are put for the sake of slopes


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
    sizes: dict[str, tuple[float, float]] = field(default_factory=dict)
    at: dict[str, Point] = field(default_factory=dict)


def layered(columns: Sequence[Sequence[Spot]], joints: Sequence[Joint]) -> Drawing:
    """The drawing of some columns and the lines between them."""
    full, routes = with_bends(columns, joints)
    sheet = Sheet(full, joints, routes)
    measure(sheet)
    row = rows_needed(sheet)
    chosen: dict[int, float] = {}
    for row in steps_up(row, longest(sheet)):
        place(sheet, row)
        found = [gap_position(sheet, gap) for gap in range(len(full) - 1)]
        if all(each is not None for each in found):
            chosen = {gap: t for gap, t in enumerate(found) if t is not None}
            break
    else:  # some gap has no room for its labels: those are left out
        place(sheet, rows_needed(sheet))
        found = [gap_position(sheet, gap) for gap in range(len(full) - 1)]
        chosen = {gap: t for gap, t in enumerate(found) if t is not None}
    return drawing_of([*joint_parts(sheet, chosen), *spot_parts(sheet)])


def longest(sheet: Sheet) -> int:
    return max(len(column) for column in sheet.columns)


def steps_up(row: float, rows: int) -> list[float]:
    """Heights of a row to try, from the least to the largest that is allowed."""
    largest = max(row, min(WIDEST_ROW, TALLEST / max(rows, 1)))
    found = [row]
    while found[-1] + 3 <= largest:
        found.append(found[-1] + 3)
    return found


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
            height = {each.key: k / max(len(beside) - 1, 1) if len(beside) > 1 else 0.5 for k, each in enumerate(beside)}
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


def place(sheet: Sheet, row: float) -> None:
    """Columns from left to right, each in the middle of the height."""
    x = 0.0
    for number, column in enumerate(sheet.columns):
        if number:
            x += distance(sheet, number - 1, row)
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
    box = Label(text.tex, 0, 0, text.voice).box
    return box.right - box.left


def touching(sheet: Sheet, gap: int) -> list[tuple[int, int]]:
    """The rows that lines of a gap begin and end in."""
    before = {each.key: k for k, each in enumerate(sheet.columns[gap])}
    after = {each.key: k for k, each in enumerate(sheet.columns[gap + 1])}
    return [
        (before[a], after[b])
        for way in sheet.routes.values()
        for a, b in zip(way, way[1:], strict=False)
        if a in before and b in after
    ]


# ---- labels


def labelled_gap(sheet: Sheet, joint: Joint) -> int:
    """The gap in which the label of a line stands: the first that it passes."""
    return next(k for k, column in enumerate(sheet.columns) if any(each.key == joint.start for each in column))


def gap_position(sheet: Sheet, gap: int) -> float | None:
    """Where between its two columns the labels of a gap stand, as part of the way; None where there is no room.

    Among the places where no label touches another, or anything else, the one where the fewest lines pass under them;
    then the one where the labels are furthest apart.
    """
    numbers = [k for k, joint in enumerate(sheet.joints) if joint.text and labelled_gap(sheet, joint) == gap]
    if not numbers:
        return 0.5
    fixed = [box for spot in spots_of(sheet) for box in spot_boxes(sheet, spot)]
    ends = [segment(sheet, way) for way in segments(sheet, gap)]
    best: tuple[float, float] | None = None
    for percent in range(16, 85):
        t = percent / 100
        boxes = [joint_label(sheet, k, t).box for k in numbers]
        if any(box.meets(other, 3) for box in boxes for other in fixed):
            continue
        if any(box.meets(other, 1.5) for k, box in enumerate(boxes) for other in boxes[k + 1 :]):
            continue
        passing = sum(inside(*line, box, 0.0) is not None for line in ends for box in boxes) - len(boxes)
        heights = sorted((box.top + box.bottom) / 2 for box in boxes)
        closest = min((b - a for a, b in zip(heights, heights[1:], strict=False)), default=100.0)
        cost = passing - 0.02 * min(closest, 60.0) + 0.3 * abs(t - 0.5)
        if best is None or cost < best[0] - 1e-9:
            best = cost, t
    return best[1] if best else None


def segments(sheet: Sheet, gap: int) -> list[tuple[str, str]]:
    before = {each.key for each in sheet.columns[gap]}
    after = {each.key for each in sheet.columns[gap + 1]}
    return [
        (a, b)
        for way in sheet.routes.values()
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
    if is_round(sheet, key):
        away = (width / 2 + 1.5) / length
    else:
        away = min((width / 2 + 1.5) / max(abs(x1 - x), 1e-9), (height / 2 + 1.5) / max(abs(y1 - y), 1e-9))
    return x + away * (x1 - x), y + away * (y1 - y)


def is_round(sheet: Sheet, key: str) -> bool:
    return any(spot.key == key and spot.round for spot in spots_of(sheet))


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
    return centred(joint.text, x, y)


def centred(text: Text, x: float, y: float) -> Label:
    """A label with the middle of its letters at a height."""
    return Label(text.tex, x, y + 0.24 * SIZE, text.voice)


# ---- parts


def spot_boxes(sheet: Sheet, spot: Spot) -> list[Box]:
    part = spot_part(sheet, spot)
    bias = [label.box for each in bias_parts(sheet, spot) for label in each.labels]
    return [each.box for each in part.outlines] + [each.box for each in part.labels] + bias


def spot_parts(sheet: Sheet) -> list[Part]:
    return [part for spot in spots_of(sheet) for part in (*bias_parts(sheet, spot), spot_part(sheet, spot))]


def spot_part(sheet: Sheet, spot: Spot) -> Part:
    (x, y), (width, height) = sheet.at[spot.key], sheet.sizes[spot.key]
    labels = [centred(Text(spot.text), x, y)] if spot.text else []
    for k, text in enumerate(spot.under):
        labels.append(Label(text.tex, x, y + height / 2 + LINE * (k + 1), text.voice))
    for k, text in enumerate(reversed(spot.over)):
        labels.append(Label(text.tex, x, y - height / 2 - 7 - LINE * k, text.voice))
    for text in spot.left:
        labels.append(centred(text, x - width / 2 - 6 - width_of_text(text) / 2, y))
    for text in spot.right:
        labels.append(centred(text, x + width / 2 + 6 + width_of_text(text) / 2, y))
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
    return [Part(spot.bias.kind, spot.bias.name, (), (line,), labels, spot.bias.tone)]


def joint_parts(sheet: Sheet, chosen: Mapping[int, float]) -> list[Part]:
    """Every line with its label; pale ones first, so that strong ones lie over them."""
    found = []
    for number, joint in enumerate(sheet.joints):
        way = sheet.routes[number]
        points = [trimmed(sheet, way[0], way[1]), *(sheet.at[key] for key in way[1:-1]), trimmed(sheet, way[-1], way[-2])]
        gap = labelled_gap(sheet, joint)
        labels = (joint_label(sheet, number, chosen[gap]),) if joint.text and gap in chosen else ()
        found.append(Part(joint.kind, joint.name, (), (Line(tuple(points), joint.arrow),), labels, joint.tone))
    return sorted(found, key=lambda part: ("pale", "normal", "strong").index(part.tone))
