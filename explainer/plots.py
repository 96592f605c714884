"""Curves of the loss: along one weight with the step that was taken, and over the epochs of a training.

They are drawn with matplotlib, which comes with the extra `plot` and is imported here when it is used.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from .errors import ExplainerError, printable
from .graph import Node
from .notation import Quantity, Symbols
from .ops import Array
from .render import Speaker
from .values import forward
from .worked import Worked

POINTS = 161  # of a curve
NEAR = 0.25  # a step that is a smaller part of the picture gets a picture of its own
ENDINGS = (".svg", ".png", ".pdf")
SIZE = (4.6, 3.4)  # inches
INK, CURVE, SLOPE, STEP = "#1b1b1f", "#0b57a4", "#b3400e", "#1b7f3b"


@dataclass(frozen=True)
class Along:
    """The loss along one weight, everything else fixed."""

    symbol: str  # TeX
    loss: str  # TeX
    weight: float
    value: float  # of the loss at the weight
    gradient: float
    new: float | None  # the weight after the update, None where there is none
    new_value: float | None  # of the loss there, with this weight alone changed
    wide: tuple[Array, Array]  # weights, losses
    near: tuple[Array, Array] | None  # the same around the step, where it is too small to be seen


def along(work: Worked, leaf: Node, entry: int) -> Along:
    """The numbers of the plot for one weight or bias. Raises ExplainerError where it is not trained."""
    net = work.network
    trained = net.trained.get(leaf)
    tex = Symbols(net.problem.writing.notation, len(net.layers), work.iteration)
    symbol = tex.symbols(Quantity("value", leaf), np.array([entry]))[0]
    if trained is None or not trained.ravel()[entry]:
        raise ExplainerError("that weight is not trained; choose one that has a gradient")
    given = {node: work.of("value", node) for node in net.given}

    def loss(weight: float) -> float:
        changed = given[leaf].astype(float).copy()
        changed.ravel()[entry] = weight
        return float(forward(net.end, given | {leaf: changed})[net.end].item())

    def curve(low: float, high: float) -> tuple[Array, Array]:
        weights = np.linspace(low, high, POINTS)
        return weights, np.array([loss(each) for each in weights.tolist()])

    weight = float(given[leaf].ravel()[entry])
    new = float(work.of("updated", leaf).ravel()[entry]) if net.updated else None
    step = 0.0 if new is None else abs(new - weight)
    reach = max(1.5, 1.5 * abs(weight), 3 * step)
    near = None
    if new is not None and 0 < step < NEAR * reach:
        near = curve(min(weight, new) - 0.8 * step, max(weight, new) + 0.8 * step)
    with np.errstate(all="ignore"):
        wide = curve(weight - reach, weight + reach)
        gradient = float(work.of("adjoint", leaf).ravel()[entry])
        after = None if new is None else loss(new)
        return Along(symbol, tex.loss, weight, loss(weight), gradient, new, after, wide, near)


def plot_along(found: Along, say: Speaker, path: Path) -> bytes:
    """The picture, in the format of the path's ending."""
    title = say.text("plot_along_title", what=f"${found.symbol}$")
    with drawing(say, title, 1 if found.near is None else 2) as (figure, axes):
        for k, curve in enumerate(each for each in (found.wide, found.near) if each is not None):
            axis = axes[k]
            weights, losses = curve
            seen = np.isfinite(losses)
            axis.plot(weights[seen], losses[seen], color=CURVE, linewidth=1.8, label=say.text("plot_loss"))
            shown = np.array(weights[[0, -1]] if k else found.weight + np.array([-0.55, 0.55]) * np.ptp(weights) / 2)
            tangent = found.value + found.gradient * (shown - found.weight)
            slope = say.text("plot_tangent")
            axis.plot(shown, tangent, color=SLOPE, linestyle="--", linewidth=1.3, label=slope)
            axis.plot([found.weight], [found.value], "o", color=INK, markersize=5, label=say.text("plot_before"))
            if found.new is not None and found.new_value is not None and (k or found.near is None):
                arrow = {"arrowstyle": "-|>", "color": STEP, "linewidth": 1.6, "shrinkA": 4, "shrinkB": 4}
                start, end = (found.weight, found.value), (found.new, found.new_value)
                axis.annotate("", xy=end, xytext=start, arrowprops=arrow)
                axis.plot(*end, "s", color=STEP, markersize=5, label=say.text("plot_after"))
            axis.set_xlabel(f"${found.symbol}$")
            axis.ticklabel_format(useOffset=False)
            axis.set_title(say.text("plot_near" if k else "plot_wide"), fontsize=9.5)
            axis.legend(frameon=False, fontsize=8.5)
        axes[0].set_ylabel(f"${found.loss}$")
        return saved(figure, path)


def plot_epochs(curve: Sequence[tuple[int, float]], loss: str, say: Speaker, path: Path) -> bytes:
    """The picture of (epoch, loss), in the format of the path's ending. `loss` is its symbol in TeX."""
    with drawing(say, say.text("plot_epochs_title"), 1) as (figure, (axis,)):
        epochs, losses = [epoch for epoch, _ in curve], [value for _, value in curve]
        axis.plot(epochs, losses, color=CURVE, linewidth=1.8)
        if min(losses) > 0 and max(losses) > 50 * min(losses):
            axis.set_yscale("log")
        axis.set_xlabel(say.text("plot_epochs_axis"))
        axis.set_ylabel(f"${loss}$")
        return saved(figure, path)


# ---- matplotlib


@contextmanager
def drawing(say: Speaker, title: str, columns: int) -> Iterator[tuple[Any, Any]]:
    """A figure and its axes side by side, set up so that every letter of the page's language can be seen."""
    try:
        import matplotlib as mpl
        from matplotlib.figure import Figure
    except ImportError:
        raise ExplainerError('plots need matplotlib; install it with: pip install "explainer[plot]"') from None
    settings: Any = {
        "font.family": fonts_for(say),
        "mathtext.fontset": "stix",
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.labelsize": 12,
        "svg.hashsalt": "explainer",
    }
    with mpl.rc_context(settings):
        figure = Figure(figsize=(SIZE[0] * columns, SIZE[1]), layout="constrained")
        figure.suptitle(title, fontsize=11.5)
        yield figure, figure.subplots(1, columns, squeeze=False)[0]


WORDS = ("loss", "tangent", "before", "after", "near", "wide", "epochs_title", "epochs_axis")


def fonts_for(say: Speaker) -> list[str]:
    """Fonts that have every letter of what a plot says. Raises ExplainerError where none of this machine does."""
    from matplotlib import font_manager

    needed = {letter for word in WORDS for letter in say.text(f"plot_{word}") if not letter.isspace()}
    needed |= {letter for letter in say.text("plot_along_title", what="") if not letter.isspace()}
    plain = "DejaVu Serif"
    missing = needed - letters_of(font_manager.findfont(plain))
    if not missing:
        return [plain]
    for entry in sorted(font_manager.fontManager.ttflist, key=preference):
        if entry.weight in (400, "normal", "regular") and missing <= letters_of(entry.fname):
            return [entry.name, plain]
    raise ExplainerError(
        f"no font that matplotlib finds here has the letter {printable(min(missing))}; install one,"
        " for example the package fonts-noto-cjk, or Noto Serif CJK SC from Google Fonts"
    )


def preference(entry: Any) -> tuple[bool, bool, str]:
    """Chinese faces with serifs first."""
    return ("CJK SC" not in entry.name and "Song" not in entry.name, "Serif" not in entry.name, entry.name)


def letters_of(font: str) -> set[str]:
    from matplotlib.ft2font import FT2Font

    try:
        return {chr(code) for code in FT2Font(font).get_charmap()}
    except (OSError, RuntimeError):
        return set()


def saved(figure: Any, path: Path) -> bytes:
    ending = path.suffix.lower()
    into = BytesIO()
    metadata = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}}.get(ending)
    figure.savefig(into, format=ending.removeprefix("."), dpi=200, metadata=metadata)
    return into.getvalue()
