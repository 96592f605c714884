"""Drawings as data, and the two writers that draw them: SVG and TikZ.

part      what belongs together: a weight with its line and its label, a neuron with its circle and its numbers
outline   a box or a circle        line   a polyline        label   a symbol or a number, in TeX
tone      how a part stands out: normal, strong or pale
voice     how a label is set: plain; value, upright, of the forward pass; gradient, in italics, of the backward pass

Lengths are pixels, y goes down. Lines are interrupted under labels, so that nothing has to be painted over.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from .lettering import SMALL, Lettering, Run, lettering

SIZE = 14.0  # of the letters
POINTS = 0.715  # a pixel in TikZ, so that the letters are of 10 points
MARGIN = 1.12  # Computer Modern and the fonts of a browser may be a little wider than Times

Point = tuple[float, float]
Corners = tuple[Point, ...]  # of a rectangle that may be turned


@dataclass(frozen=True)
class Box:
    """A rectangle: its corners at the upper left and the lower right."""

    left: float
    top: float
    right: float
    bottom: float

    @property
    def corners(self) -> Corners:
        return (
            (self.left, self.top),
            (self.right, self.top),
            (self.right, self.bottom),
            (self.left, self.bottom),
        )


@dataclass(frozen=True)
class Label:
    """A symbol, a number or an equation.

    (x, y) is the middle of its line, at the foot of the letters, about which it is turned by `angle` (in degrees,
    clockwise).
    """

    tex: str
    x: float
    y: float
    voice: str = "plain"
    angle: float = 0.0

    @property
    def letters(self) -> Lettering:
        return lettering(self.tex, True if self.voice == "gradient" else None)

    @property
    def level(self) -> Box:
        """The room it takes before it is turned."""
        letters = self.letters
        half = letters.width * SIZE * MARGIN / 2
        return Box(self.x - half, self.y - letters.above * SIZE, self.x + half, self.y + letters.below * SIZE)

    @property
    def corners(self) -> Corners:
        return tuple(turned(corner, (self.x, self.y), self.angle) for corner in self.level.corners)


@dataclass(frozen=True)
class Outline:
    """A box with round corners; `corner` is their radius, half of the size for a circle. (x, y) is its middle."""

    x: float
    y: float
    width: float
    height: float
    corner: float

    @property
    def box(self) -> Box:
        across, down = self.width / 2, self.height / 2
        return Box(self.x - across, self.y - down, self.x + across, self.y + down)


@dataclass(frozen=True)
class Line:
    """A polyline; it ends in a tip where it is an arrow."""

    points: tuple[Point, ...]
    arrow: bool = False


@dataclass(frozen=True)
class Part:
    """What belongs together. In SVG `kind` is its class, `name` its data-name, `ends` its data-from and data-to."""

    kind: str  # input, neuron, loss, weight, link, node, edge, dots
    name: str
    outlines: tuple[Outline, ...] = ()
    lines: tuple[Line, ...] = ()
    labels: tuple[Label, ...] = ()
    tone: str = "normal"
    ends: tuple[str, str] = ("", "")  # the names of the parts that its line leads from and to


@dataclass(frozen=True)
class Drawing:
    """Parts on a sheet."""

    width: float
    height: float
    parts: tuple[Part, ...]


# ---- rectangles, turned or not


def turned(point: Point, about: Point, angle: float) -> Point:
    """The point turned clockwise about another one, by degrees."""
    cos, sin = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    across, down = point[0] - about[0], point[1] - about[1]
    return about[0] + across * cos - down * sin, about[1] + across * sin + down * cos


def overlap(one: Corners, other: Corners, gap: float = 0.0) -> bool:
    """Whether two rectangles overlap, or come nearer than the gap: whether no side of either lies between them."""
    for (x0, y0), (x1, y1) in (*pairwise(one[:3]), *pairwise(other[:3])):
        length = max(math.hypot(x1 - x0, y1 - y0), 1e-9)
        along = ((x1 - x0) / length, (y1 - y0) / length)
        first, second = ([x * along[0] + y * along[1] for x, y in corners] for corners in (one, other))
        if max(first) + gap <= min(second) or max(second) + gap <= min(first):
            return False
    return True


# ---- lines under labels


def drawing_of(parts: Sequence[Part], border: float = 6.0) -> Drawing:
    """The parts moved onto a sheet that just holds them, their lines interrupted under all labels."""
    points = [point for part in parts for line in part.lines for point in line.points]
    points += [point for part in parts for each in part.labels for point in each.corners]
    points += [point for part in parts for each in part.outlines for point in each.box.corners]
    left, right = min(x for x, _ in points) - border, max(x for x, _ in points) + border
    top, bottom = min(y for _, y in points) - border, max(y for _, y in points) + border
    labels = [label for part in parts for label in part.labels]
    cut = [
        replace(part, lines=tuple(piece for line in part.lines for piece in cut_line(line, labels))) for part in parts
    ]
    return Drawing(right - left, bottom - top, tuple(moved(part, -left, -top) for part in cut))


def moved(part: Part, across: float, down: float) -> Part:
    return replace(
        part,
        outlines=tuple(replace(each, x=each.x + across, y=each.y + down) for each in part.outlines),
        labels=tuple(replace(each, x=each.x + across, y=each.y + down) for each in part.labels),
        lines=tuple(replace(line, points=tuple((x + across, y + down) for x, y in line.points)) for line in part.lines),
    )


def cut_line(line: Line, labels: Sequence[Label]) -> Iterator[Line]:
    """What is left of a line outside the labels; the last piece keeps the tip."""
    so_far: list[Point] = [line.points[0]]
    for start, end in pairwise(line.points):
        hidden = merged(under(start, end, label, 2.0) for label in labels)
        for first, last in hidden:
            so_far.append(between(start, end, first))
            if len(so_far) > 1 and so_far[0] != so_far[-1]:
                yield Line(tuple(so_far))
            so_far = [between(start, end, last)]
        so_far.append(end)
    if so_far[0] != so_far[-1]:
        yield Line(tuple(so_far), line.arrow)


def between(start: Point, end: Point, t: float) -> Point:
    return start[0] + t * (end[0] - start[0]), start[1] + t * (end[1] - start[1])


def under(start: Point, end: Point, label: Label, gap: float = 0.0) -> tuple[float, float] | None:
    """Which stretch of a straight line lies under a label, as parts of its length; None where it does not meet it."""
    box, first, last = label.level, 0.0, 1.0
    if label.angle:
        start, end = (turned(point, (label.x, label.y), -label.angle) for point in (start, end))
    sides = ((box.left - gap, box.right + gap), (box.top, box.bottom))
    for a, b, (low, high) in zip(start, end, sides, strict=True):
        if a == b:
            if not low < a < high:
                return None
            continue
        enter, leave = sorted(((low - a) / (b - a), (high - a) / (b - a)))
        first, last = max(first, enter), min(last, leave)
    return (first, last) if last - first > 1e-9 else None


def merged(stretches: Iterable[tuple[float, float] | None]) -> list[tuple[float, float]]:
    """The stretches from first to last, those that overlap as one."""
    found: list[tuple[float, float]] = []
    for first, last in sorted(each for each in stretches if each is not None):
        if found and first <= found[-1][1]:
            found[-1] = found[-1][0], max(found[-1][1], last)
        else:
            found.append((first, last))
    return found


# ---- SVG

VARIABLES = {  # in a page that has these CSS variables they decide; what stands here is for everywhere else
    "plain": "currentColor",
    "value": "var(--forward, #0b57a4)",
    "gradient": "var(--backward, #b3400e)",
}
LITERAL = {"plain": "#1b1b1f", "value": "#0b57a4", "gradient": "#b3400e"}
FONTS = "'STIX Two Text','Times New Roman',Times,'Liberation Serif','Nimbus Roman','TeX Gyre Termes','New Computer Modern',serif"
STROKES = {"normal": 1.1, "strong": 2.4, "pale": 1.0}
PALE = 0.28


ALONE = (
    "<style>svg{color-scheme:light dark;color:#1b1b1f}@media (prefers-color-scheme:dark)"
    "{svg{color:#e4e5e9;--forward:#8ab8ff;--backward:#ffab7d}}</style>"
)


def svg(drawing: Drawing, title: str, description: str = "", place: str = "page") -> str:
    """The drawing as SVG without anything from outside, for a place.

    page    inside HTML: colours are CSS variables with fallbacks, and the colour of the text around
    file    a file of its own: it knows itself what it looks like on a light and on a dark ground
    print   where there are no CSS variables: plain colours
    """
    colours = LITERAL if place == "print" else VARIABLES
    ink = colours["plain"]
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {n(drawing.width)} {n(drawing.height)}"'
        f' width="{n(drawing.width)}" height="{n(drawing.height)}" role="img" class="diagram"'
        f' fill="none" stroke="{ink}" stroke-width="{n(STROKES["normal"])}" stroke-linejoin="round"'
        f' font-family="{FONTS}" font-size="{n(SIZE)}">'
    )
    texts = [f"<title>{escaped(title)}</title>"] + ([f"<desc>{escaped(description)}</desc>"] if description else [])
    texts += [ALONE] if place == "file" else []
    parts = [svg_part(part, colours) for part in drawing.parts]
    return "\n".join([head, *texts, *parts, "</svg>"]) + "\n"


def svg_part(part: Part, colours: Mapping[str, str]) -> str:
    tone = {
        "normal": "",
        "strong": f' stroke-width="{n(STROKES["strong"])}"',
        "pale": f' opacity="{n(PALE)}"',
    }[part.tone]
    shapes = [
        *(svg_line(line, part.tone, colours["plain"]) for line in part.lines),
        *(svg_outline(outline) for outline in part.outlines),
        *(svg_label(label, colours) for label in part.labels),
    ]
    known = {"data-name": part.name, "data-from": part.ends[0], "data-to": part.ends[1]}
    named = "".join(f' {key}="{escaped(text)}"' for key, text in known.items() if text)
    return f'<g class="{part.kind}"{named}{tone}>{"".join(shapes)}</g>'


def svg_outline(outline: Outline) -> str:
    box = outline.box
    if 2 * outline.corner >= min(outline.width, outline.height) and outline.width == outline.height:
        return f'<circle cx="{n(outline.x)}" cy="{n(outline.y)}" r="{n(outline.width / 2)}"/>'
    return (
        f'<rect x="{n(box.left)}" y="{n(box.top)}" width="{n(outline.width)}" height="{n(outline.height)}"'
        f' rx="{n(outline.corner)}"/>'
    )


TIP = 7.0  # the length of the tip of an arrow


def svg_line(line: Line, tone: str, ink: str) -> str:
    points = line.points
    if not line.arrow:
        return polyline(points)
    (x0, y0), (x, y) = points[-2:]
    length = max(((x - x0) ** 2 + (y - y0) ** 2) ** 0.5, 1e-9)
    along, size = ((x - x0) / length, (y - y0) / length), TIP * (1.3 if tone == "strong" else 1)
    back = (x - size * along[0], y - size * along[1])
    corners = [(back[0] - side * 0.36 * size * along[1], back[1] + side * 0.36 * size * along[0]) for side in (1, -1)]
    tip = " ".join(f"{n(a)},{n(b)}" for a, b in ((x, y), *corners))
    shaft = (*points[:-1], (x - 0.7 * size * along[0], y - 0.7 * size * along[1]))
    return polyline(shaft) + f'<polygon points="{tip}" fill="{ink}" stroke="none"/>'


def polyline(points: Sequence[Point]) -> str:
    return f'<path d="M{" L".join(f"{n(x)} {n(y)}" for x, y in points)}"/>'


def svg_label(label: Label, colours: Mapping[str, str]) -> str:
    letters = label.letters
    left = label.x - letters.width * SIZE / 2
    spans = "".join(svg_run(run, left, label.y) for run in letters.runs)
    turn = f' transform="rotate({n(label.angle)} {n(label.x)} {n(label.y)})"' if label.angle else ""
    return f'<text fill="{colours[label.voice]}" stroke="none" class="{label.voice}" xml:space="preserve"{turn}>{spans}</text>'


LIFT = {0: 0.0, 1: -0.42, -1: 0.22}  # of what stands above or below, in em


def svg_run(run: Run, left: float, foot: float) -> str:
    """A run at its place, and as wide as it was taken to be, whatever font the reader has."""
    size = SIZE * (SMALL if run.level else 1)
    style = ' font-style="italic"' if run.italic else ""
    style += f' font-size="{n(size)}"' if run.level else ""
    x, y = left + run.x * SIZE, foot + LIFT[run.level] * SIZE
    fitted = f' textLength="{n(run.width * SIZE)}" lengthAdjust="spacingAndGlyphs"'
    return f'<tspan x="{n(x)}" y="{n(y)}"{style}{fitted}>{escaped(run.text)}</tspan>'


def n(number: float) -> str:
    """A length with two decimals at most."""
    return f"{number:.2f}".rstrip("0").rstrip(".") if abs(number) >= 0.005 else "0"


def escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")


# ---- TikZ

COLOURS = {"value": "{rgb,255:red,11;green,87;blue,164}", "gradient": "{rgb,255:red,179;green,64;blue,14}"}
TIKZ_TONES = {"normal": "line width=0.5pt", "strong": "line width=1.3pt", "pale": f"line width=0.5pt,opacity={PALE}"}


def tikz(drawing: Drawing) -> str:
    """The drawing as a tikzpicture; its document needs the packages tikz and amsmath."""
    head = (
        rf"\begin{{tikzpicture}}[x={POINTS}pt,y=-{POINTS}pt,font=\small,"
        r"label/.style={anchor=base,inner sep=0pt,outer sep=0pt},"
        rf"value/.style={{text={COLOURS['value']}}},gradient/.style={{text={COLOURS['gradient']}}},plain/.style={{}}]"
    )
    box = rf"\useasboundingbox (0,0) rectangle ({n(drawing.width)},{n(drawing.height)});"
    return "\n".join([head, box, *(tikz_part(part) for part in drawing.parts), r"\end{tikzpicture}"]) + "\n"


def tikz_part(part: Part) -> str:
    lines = [
        rf"\draw{'[-latex]' if line.arrow else ''} {' -- '.join(f'({n(x)},{n(y)})' for x, y in line.points)};"
        for line in part.lines
    ]
    outlines = [tikz_outline(outline) for outline in part.outlines]
    labels = [
        rf"\node[label,{label.voice}{f',rotate={n(-label.angle)}' if label.angle else ''}]"
        rf" at ({n(label.x)},{n(label.y)}) {{${tikz_tex(label)}$}};"
        for label in part.labels
    ]
    return "\n".join([rf"\begin{{scope}}[{TIKZ_TONES[part.tone]}]", *lines, *outlines, *labels, r"\end{scope}"])


def tikz_tex(label: Label) -> str:
    return rf"\mathit{{{label.tex}}}" if label.voice == "gradient" else label.tex


def tikz_outline(outline: Outline) -> str:
    box, corner = outline.box, outline.corner * POINTS
    if 2 * outline.corner >= outline.height and outline.width == outline.height:
        return rf"\draw ({n(outline.x)},{n(outline.y)}) circle[radius={n(corner)}pt];"
    return rf"\draw[rounded corners={n(corner)}pt] ({n(box.left)},{n(box.top)}) rectangle ({n(box.right)},{n(box.bottom)});"
