"""Slips of the hand: a written number that is one edit away from the one that was meant."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from .numerals import numeral

POWERS = (-3, -2, -1, 1, 2, 3)  # of ten, by which a decimal point slips


class Edit(NamedTuple):
    """One slip: the catalogue's name for it, the number that comes out, how that is written, and how finely."""

    slug: str
    value: float
    text: str
    half: float  # half a unit of its last place


CODES = {
    "truncated": "R01",
    "last-digit": "R02",
    "too-few-digits": "R03",
    "misread-digits": "R04",  # a digit dropped, added or changed in a number that was copied
    "arithmetic": "R05",  # the line's own expression gives another number, or one digit of the result is wrong
    "exchanged-digits": "R06",
    "decimal-point": "R07",
    "sign-lost": "R08",
    "copied-line": "R09",  # the value of another line was used
    "calculator": "R10",  # in degrees, or without a bracket: F04 and F06 say which
    "right-after-wrong": "R11",
}


def edits(text: str) -> Iterator[Edit]:
    """Every number that is one slip away from a written one, each once."""
    written = numeral(text)
    if written is None:
        return
    negative, bare = text.startswith("-"), text.lstrip("+-")
    mantissa, mark, exponent = bare.partition("e")
    seen = {round(written.value, 14)}
    for power in POWERS:
        moved = written.value * 10.0**power
        if round(moved, 14) not in seen:
            seen.add(round(moved, 14))
            yield Edit("decimal-point", moved, f"{moved:.12g}", written.half * 10.0**power)
    for slug, edited in (("sign-lost", mantissa if negative else f"-{mantissa}"), *digit_edits(mantissa)):
        signed = edited if slug == "sign-lost" or not negative else f"-{edited}"
        found = numeral(f"{signed}{mark}{exponent}")
        if found is not None and round(found.value, 14) not in seen:
            seen.add(round(found.value, 14))
            yield Edit(slug, found.value, found.text, found.half)


def digit_edits(digits: str) -> Iterator[tuple[str, str]]:
    places = [k for k, c in enumerate(digits) if c.isdigit()]
    for a, b in zip(places, places[1:], strict=False):
        if digits[a] != digits[b] and b == a + 1:  # not across the point
            swapped = [*digits]
            swapped[a], swapped[b] = digits[b], digits[a]
            yield "exchanged-digits", "".join(swapped)
    for k in places:
        yield "misread-digits", digits[:k] + digits[k + 1 :]
        for c in "0123456789":
            yield "misread-digits", digits[:k] + c + digits[k + 1 :]
            yield "misread-digits", digits[:k] + c + digits[k:]
    yield from (("misread-digits", digits + c) for c in "0123456789")
