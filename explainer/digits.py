"""How numbers are printed and rounded. Rounding lives here alone: values stay float64."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from math import floor
from typing import Any

import numpy as np

from .dialects import Dialect
from .ops import Array

FEWEST = 3  # significant digits that a small number keeps where decimals are asked for
MOST = 17  # significant digits that tell one float from all others
SURE = 15  # significant digits of a decimal that a float keeps


@dataclass(frozen=True)
class Precision:
    """How many digits a number shows: `decimals` after the point or, where that is None, `significant` ones."""

    significant: int = 5
    decimals: int | None = None

    @property
    def fewest(self) -> int:
        """Significant digits that a number keeps where decimals are asked for: a small one as well."""
        return max(1, min(FEWEST, self.decimals or 0))

    @property
    def most_extra(self) -> int:
        """Digits that the operands of a line may have beyond those of its result, to recompute."""
        return MOST - (self.significant if self.decimals is None else self.fewest)

    def texts(self, numbers: Array, extra: int = 0, keep_zeros: bool = False) -> list[str]:
        """Each number as plain text, rounded half up: 0.54380, -1.0013e-05; never -0.

        A zero at the end means that the digit was found to be 0; where the number ends there it is left out, unless
        `keep_zeros` asks for it. Numbers may be fractions: a half is then known to be one.
        """
        flat = np.asarray(numbers, float).ravel() + 0.0  # -0.0 + 0.0 is 0.0
        exact = np.ravel(numbers)
        if self.decimals is None:
            return significant_texts(flat, exact, self.significant + extra, keep_zeros)
        fewest, most = self.fewest + extra, min(SURE + extra, MOST)
        return decimal_texts(flat, exact, self.decimals + extra, fewest, most, keep_zeros)

    def unit(self, numbers: Array) -> Array:
        """What one unit of the last digit shown is worth, for each number."""
        with np.errstate(divide="ignore"):
            magnitude = np.where(numbers == 0, 0, np.floor(np.log10(np.abs(numbers))))
        if self.decimals is None:
            return np.asarray(10.0 ** (magnitude - self.significant + 1))
        small = too_small(numbers, self.decimals, self.fewest)
        large = np.maximum(10.0**-self.decimals, 10.0 ** (magnitude - SURE + 1))
        return np.where(small, 10.0 ** (magnitude - self.fewest + 1), large)

    def rounded(self, numbers: Array) -> Array:
        """Each number as it is printed."""
        return np.array(self.texts(numbers), float).reshape(np.shape(numbers))


def as_given(numbers: Array) -> list[str]:
    """Each number with the digits that somebody wrote it with."""
    return [f"{number:.15g}" for number in np.ravel(numbers).tolist()]


def significant_texts(flat: Array, exact: Array, significant: int, keep_zeros: bool = False) -> list[str]:
    texts = (f"%.{significant}g\n" * flat.size % tuple(flat.tolist())).split("\n")[:-1]
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        magnitude = np.floor(np.log10(np.abs(flat)))
        scaled = np.abs(flat) * 10.0 ** (significant - 1 - magnitude)
        scaled = np.where(np.isfinite(scaled), scaled, 0)
    for k in np.flatnonzero(near_tie(scaled)).tolist():
        texts[k] = f"%.{significant}g" % half_up(exact[k], int(magnitude[k]) - significant + 1)
    zeros = np.flatnonzero((np.rint(scaled) % 10 == 0) & (flat != 0) & (keep_zeros | ~ends(scaled))).tolist()
    shown = (f"%#.{significant}g\n" * len(zeros) % tuple(float(texts[k]) for k in zeros)).split("\n")
    for k, text in zip(zeros, shown, strict=False):
        texts[k] = text.removesuffix(".").replace(".e", "e")
    return texts


def decimal_texts(
    flat: Array, exact: Array, places: int, fewest: int, most: int, keep_zeros: bool = False
) -> list[str]:
    """With so many decimals, but no fewer significant digits than `fewest` and no more than `most`."""
    texts = (f"%.{places}f\n" * flat.size % tuple(flat.tolist())).split("\n")[:-1]
    scaled, small = np.abs(flat) * 10.0**places, too_small(flat, places, fewest)
    for k in np.flatnonzero(near_tie(scaled)).tolist():
        texts[k] = f"{half_up(exact[k], -places):f}"
    for k in np.flatnonzero(ends(scaled) & ~small & ((flat == 0) | (not keep_zeros))).tolist():
        texts[k] = texts[k].rstrip("0").removesuffix(".") if "." in texts[k] else texts[k]
    for chosen, significant in ((small, fewest), (scaled >= 10.0**most, most)):
        for k in np.flatnonzero(chosen).tolist():
            texts[k] = significant_texts(flat[k : k + 1], exact[k : k + 1], significant, keep_zeros)[0]
    return texts


def half_up(number: Any, place: int) -> Decimal:
    """A number rounded to whole multiples of 10^place; a float is the decimal that it is printed as."""
    exact = number if isinstance(number, Fraction) else Fraction(f"{float(number):.15g}")
    whole = floor(abs(exact) / Fraction(10) ** place + Fraction(1, 2))
    return Decimal(whole if exact > 0 else -whole).scaleb(place)


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
