"""How numbers are printed and rounded. Rounding lives here alone: values stay float64."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Context, Decimal

import numpy as np

from .dialects import Dialect
from .ops import Array

FEWEST = 3  # significant digits that a small number keeps where decimals are asked for
MOST_EXTRA = 12  # digits that the operands of a line may have beyond those of its result, to recompute


@dataclass(frozen=True)
class Precision:
    """How many digits a number shows: `decimals` after the point or, where that is None, `significant` ones."""

    significant: int = 5
    decimals: int | None = None

    def texts(self, numbers: Array, extra: int = 0, keep_zeros: bool = False) -> list[str]:
        """Each number as plain text, rounded half up: 0.54380, -1.0013e-05; never -0.

        A zero at the end means that the digit was found to be 0; where the number ends there it is left out, unless
        `keep_zeros` asks for it.
        """
        flat = np.asarray(numbers, float).ravel() + 0.0  # -0.0 + 0.0 is 0.0
        if self.decimals is None:
            return significant_texts(flat, self.significant + extra, keep_zeros)
        fewest = min(FEWEST, self.decimals)
        return decimal_texts(flat, self.decimals + extra, fewest + extra, keep_zeros)

    def unit(self, numbers: Array) -> Array:
        """What one unit of the last digit shown is worth, for each number."""
        with np.errstate(divide="ignore"):
            magnitude = np.where(numbers == 0, 0, np.floor(np.log10(np.abs(numbers))))
        if self.decimals is None:
            return np.asarray(10.0 ** (magnitude - self.significant + 1))
        fewest = min(FEWEST, self.decimals)
        small = too_small(numbers, self.decimals, fewest)
        return np.where(small, 10.0 ** (magnitude - fewest + 1), 10.0**-self.decimals)

    def rounded(self, numbers: Array) -> Array:
        """Each number as it is printed."""
        return np.array(self.texts(numbers), float).reshape(np.shape(numbers))


def significant_texts(flat: Array, significant: int, keep_zeros: bool = False) -> list[str]:
    texts = (f"%.{significant}g\n" * flat.size % tuple(flat.tolist())).split("\n")[:-1]
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        magnitude = np.floor(np.log10(np.abs(flat)))
        scaled = np.where(np.isfinite(magnitude), np.abs(flat) * 10.0 ** (significant - 1 - magnitude), 0)
    for k in np.flatnonzero(near_tie(scaled)).tolist():
        context = Context(prec=significant, rounding=ROUND_HALF_UP)
        texts[k] = f"%.{significant}g" % context.create_decimal(f"{flat[k]:.15g}")
    zeros = np.flatnonzero((np.rint(scaled) % 10 == 0) & (flat != 0) & (keep_zeros | ~ends(scaled))).tolist()
    shown = (f"%#.{significant}g\n" * len(zeros) % tuple(float(texts[k]) for k in zeros)).split("\n")
    for k, text in zip(zeros, shown, strict=False):
        texts[k] = text.removesuffix(".").replace(".e", "e")
    return texts


def decimal_texts(flat: Array, places: int, fewest: int, keep_zeros: bool = False) -> list[str]:
    texts = (f"%.{places}f\n" * flat.size % tuple(flat.tolist())).split("\n")[:-1]
    scaled, small = np.abs(flat) * 10.0**places, too_small(flat, places, fewest)
    for k in np.flatnonzero(near_tie(scaled)).tolist():
        exact = Decimal(f"{flat[k]:.15g}")
        texts[k] = str(exact.quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_UP))
    for k in np.flatnonzero(ends(scaled) & ~small & ((flat == 0) | (not keep_zeros))).tolist():
        texts[k] = texts[k].rstrip("0").removesuffix(".") if "." in texts[k] else texts[k]
    for k in np.flatnonzero(small).tolist():
        texts[k] = significant_texts(flat[k : k + 1], fewest, keep_zeros)[0]
    return texts


def ends(scaled: Array) -> Array:
    """Where a number in whole units has nothing behind them, but for what binary fractions leave."""
    return np.asarray(np.abs(scaled - np.rint(scaled)) <= np.maximum(1e-8, 1e-13 * scaled))


def near_tie(scaled: Array) -> Array:
    """Where a number to be cut to whole units lies so near a half that its binary value may be on the wrong side.

    Nowhere among numbers that are shown to the last digits they have: those are no decimals of somebody's.
    """
    return np.asarray((np.abs(scaled - np.floor(scaled) - 0.5) <= 1e-14 * scaled + 1e-300) & (scaled < 1e13))


def too_small(flat: Array, places: int, fewest: int) -> Array:
    """Where so many decimals would leave a number fewer significant digits than `fewest`."""
    return np.asarray((flat != 0) & (np.abs(flat) < 10.0 ** (fewest - 1 - places)))


# ---- in formulas


def numbers_in(m: Dialect, texts: Sequence[str]) -> list[str]:
    r"""-1.0013e-05 as -1.0013 \times 10^{-5}."""
    return [text if "e" not in text else number_in(m, text) for text in texts]


def operands_in(m: Dialect, texts: Sequence[str]) -> list[str]:
    """Numbers as parts of a formula: in brackets where they have a sign or a power of ten."""
    return [text if text[0] != "-" and "e" not in text else f"({number_in(m, text)})" for text in texts]


def number_in(m: Dialect, text: str) -> str:
    mantissa, _, exponent = text.partition("e")
    return m.power_of_ten % (mantissa, int(exponent)) if exponent else mantissa
