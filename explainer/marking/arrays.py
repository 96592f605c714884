"""A layer at once: a = [0.59, 0.60] and W2 = [[0.4, 0.45], [0.5, 0.55]] as one claim for each number.

shape   which quantities an array can be of: a layer of as many neurons, weights between two of as many
reading the letters of its name: z, a, delta, b, W, with d for a gradient and a prime for a new value
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from ..names import HEADS, primed, tidy, without_prime
from ..plain import plain
from .claims import LIST, Claim


@dataclass(frozen=True)
class Shapes:
    """What an array can be of. `layers`: the names of the inputs, then the labels of the neurons of each layer."""

    layers: Sequence[Sequence[str]] = ()
    targets: Sequence[str] = ()
    samples: int = 1


INPUTS, TARGETS = ("x", "i", "input", "inputs"), ("t", "y", "target", "targets")
FAR = 0.1  # of the numbers themselves, by how much an array may be off to be taken for this quantity and no other
OUTPUT, HIDDEN = ("o", "out", "output"), ("h", "hidden")
LETTERS = {
    head.lower(): quantity for quantity in ("W", "b", "z", "Y", "delta") for head in HEADS[quantity]
} | dict.fromkeys(("a", "h", "o", "p", "y", "yhat", "l"), "Y")


def taken_apart(
    claims: Sequence[Claim], shapes: Shapes, true: Mapping[str, float], find: Callable[[str], str | None]
) -> list[Claim]:
    """The claims; each array as one claim for each of its numbers. `true`: the right value of each name."""
    return [each for claim in claims for each in (entries_of(claim, shapes, true, find) if claim.array else (claim,))]


def entries_of(
    claim: Claim, shapes: Shapes, true: Mapping[str, float], find: Callable[[str], str | None]
) -> Iterator[Claim]:
    numbers = [number for row in claim.array for number in row]
    of_layers = candidates(claim, shapes)
    if claim.sample:
        of_layers = ([f"{name}#{claim.sample}" for name in names] for names in of_layers)
    over_samples = [find(f"{claim.name}#{s}") or "" for s in range(1, shapes.samples + 1)]
    listed = LIST.fullmatch(plain(claim.name))
    if listed:
        names_of = (replace(claim, name=each.strip()).names for each in listed[1].split(","))
        of_layers = iter([[next(filter(None, map(find, names)), "") for names in names_of]])
    possible = [over_samples, *of_layers] if len(numbers) == shapes.samples > 1 else of_layers
    fitting = [names for names in possible if len(names) == len(numbers) and all(name in true for name in names)]
    if not fitting:
        yield replace(claim, fault="array", array=())
        return

    def off(names: Sequence[str]) -> float:
        """How far the numbers are from those of the names, before the update or after."""
        pairs = [
            (n.value, [true[each] for each in (name, primed(name)) if each in true])
            for n, name in zip(numbers, names, strict=True)
        ]
        return sum(min(abs(value - right) for right in rights) for value, rights in pairs)

    size = sum(abs(number.value) for number in numbers)
    best = min(fitting, key=lambda names: (off(names) > FAR * size, off(names) if off(names) <= FAR * size else 0.0))
    for number, name in zip(numbers, best, strict=True):
        yield replace(claim, name=name, value=number, expressions=(), array=(), sample="")


def candidates(claim: Claim, shapes: Shapes) -> Iterator[list[str]]:
    """The names that the numbers of an array can have, row by row."""
    text, new = without_prime(tidy(plain(claim.name)))
    over = re.fullmatch(r"\(?d[ELJ]?\)?/\(?d(.+?)\)?", text)
    if over:
        head, gradient = over[1], True
    else:
        gradient = bool(re.match(r"d_?[WwbzZ]", text)) or text.startswith("grad")
        head = re.sub(r"^(?:grad|d)_?", "", text) if gradient else text
    found = re.fullmatch(r"(delta|yhat|y_hat|[A-Za-z]+?)_?\^?[\[(_]*(\d*|[A-Za-z]+)[\])]*", head)
    if not found:
        return
    quantity, which = LETTERS.get(found[1].replace("_", "").lower()), found[2].lower()
    rows, columns = len(claim.array), max(map(len, claim.array))
    layers, m = shapes.layers, shapes.samples
    for letters, known in ((INPUTS, layers[0] if layers else ()), (TARGETS, shapes.targets)):
        if found[1].lower() in letters:
            yield from of_samples(known, rows, columns, m)
    places = [place for place in range(1, len(layers)) if is_meant(which, place, len(layers) - 1)]
    for place in sorted(places, key=lambda place: which != str(place)) if quantity else ():
        labels, before = layers[place], layers[place - 1]
        assert quantity is not None
        if quantity == "W" and (rows, columns) in ((len(labels), len(before)), (len(before), len(labels))):
            by_receiver = (rows, columns) == (len(labels), len(before))
            for turned in {not by_receiver, len(labels) == len(before)}:
                pairs = (
                    [(i, j) for j in labels for i in before] if not turned else [(i, j) for i in before for j in labels]
                )
                yield [named("W", f"{i},{j}", gradient, new) for i, j in pairs]
        elif quantity != "W":
            yield from of_samples([named(quantity, label, gradient, new) for label in labels], rows, columns, m)


def of_samples(names: Sequence[str], rows: int, columns: int, samples: int) -> Iterator[list[str]]:
    """The names of an array of a layer: one for each neuron, or for each neuron and sample, either way round."""
    if len(names) == rows * columns and 1 in (rows, columns):
        yield [*names]
    if samples > 1 and (rows, columns) == (samples, len(names)):
        yield [f"{name}#{s}" for s in range(1, samples + 1) for name in names]
    if samples > 1 and (rows, columns) == (len(names), samples):
        yield [f"{name}#{s}" for name in names for s in range(1, samples + 1)]


def is_meant(which: str, place: int, last: int) -> bool:
    """Whether what stands behind the letter can be this layer: its number, with or without the inputs, or h and o."""
    if which.isdigit():
        return int(which) in (place, place + 1)
    return not which or (which in OUTPUT and place == last) or (which in HIDDEN and place < last)


def named(quantity: str, place: str, gradient: bool, new: bool) -> str:
    if gradient:
        return f"delta[{place}]" if quantity == "z" else f"dE/d{quantity}[{place}]"
    return f"{quantity}{new * chr(39)}[{place}]"
