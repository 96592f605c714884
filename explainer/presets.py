r"""How each course writes: a symbol for every quantity, as data; and the grammar in which a spec can change them.

A symbol is a base with what stands below and above it, `Theta^{(layer)}_{row column}`.

base         a letter, the name of a Greek letter, or a word of letters, which is set upright
script       what stands in `_{...}` or `^{...}`: letters, names of Greek letters, words, whole numbers, ( ) [ ] , ; + - *
placeholder  a word of a script that stands for something else, with braces of its own or without:
             row      the neuron an entry belongs to or leads into
             column   the neuron or input it comes from
             pair     both, the sender first; an input that is called by its name stands in brackets
             layer    the layer, as the notation counts them
             sample   the sample; in `sample` alone
             {name}   in place of a whole symbol: what the spec calls an input or a target

Nothing of a text reaches a formula but what this grammar knows.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any, NamedTuple

from .dialects import GREEK, TEX, Dialect

MAX_WORD = 12  # letters of a word
MAX_SYMBOL = 80  # characters of a symbol, as it is written in a spec

Script = tuple[str, ...]  # words, numbers, signs, and placeholders in braces: ("(", "{layer}", ")")


class Symbol(NamedTuple):
    """A base as it is written, `{name}` where a thing is shown as it was named, with its scripts."""

    base: str
    sub: Script = ()
    sup: Script = ()


@dataclass(frozen=True, eq=False)
class Notation:
    """How one course writes. Data only."""

    name: str
    symbols: Mapping[str, Symbol] = field(repr=False)  # by quantity: the keys of `PLACEHOLDERS` and `COMMON`
    sample: Script = ("(", "{sample}", ")")  # what marks a sample, after all else that stands above
    sender: str = "i"  # the index of the neuron that sends, in general equations
    receiver: str = "j"  # and of the one that receives
    numbering: str = "labels"  # of neurons: labels, as in the spec; or positions, counted within their layer
    input_layer: int | str = 1  # what the inputs' layer is called: 0, 1, or i (inputs i, hidden h, output o)
    weight_layer: str = "receiver"  # whose layer a weight is marked with: receiver, sender or both
    updated: str = "prime"  # how a new value is marked: prime, plus or new
    delta_per_sample: bool = False  # delta is shown without the 1/m of a mean over samples

    @property
    def sender_first(self) -> bool:
        """Whether the index of the neuron that sends stands before that of the one that receives."""
        script = self.symbols["weight"].sub + self.symbols["weight"].sup
        return "{pair}" in script or ("{row}" in script and "{column}" in script[: script.index("{row}")])

    @property
    def peer(self) -> str:
        """The index of another neuron in the layer of the one that receives."""
        return next(letter for letter in "kim" if letter not in (self.sender, self.receiver))

    @property
    def marks_layers(self) -> bool:
        return any("{layer}" in symbol.sub + symbol.sup for symbol in self.symbols.values())


# The quantities that have a symbol, with the placeholders that each can have.
PLACEHOLDERS: Mapping[str, tuple[str, ...]] = {
    "weight": ("row", "column", "pair", "layer"),
    "bias": ("row", "layer"),
    "threshold": ("row", "layer"),
    "pre_activation": ("row", "layer"),
    "activation": ("row", "layer"),
    "input": ("row", "name"),
    "target": ("row", "name"),
    "delta": ("row", "layer"),
    "loss": (),
    "loss_term": ("row",),
    "learning_rate": (),
    "function": (),
}

# ---- the grammar


class SymbolFault(Exception):
    """A text that writes no symbol: `found` and `remedy` are the halves of a fault."""

    def __init__(self, found: str, remedy: str) -> None:
        super().__init__(found)
        self.found, self.remedy = found, remedy


SHAPE = re.compile(r"(?P<base>\{name\}|[A-Za-z]+)(?P<scripts>.*)")
SCRIPT = re.compile(r"(?P<place>[_^])(?:\{(?P<inside>(?:[^{}]|\{[^{}]*\})*)\}|(?P<one>[A-Za-z]+|[0-9]+))")
PART = re.compile(r"\{(?P<braced>[^{}]*)\}|(?P<word>[A-Za-z]+)|(?P<digits>[0-9]+)|(?P<sign>[()\[\],;+*-])|(?P<gap> +)")
EXAMPLE = "write a base with scripts, such as w_{row column}"


def read_symbol(text: str, placeholders: tuple[str, ...]) -> Symbol:
    """The symbol that a text writes, or SymbolFault."""
    shape = SHAPE.fullmatch(text.strip())
    if len(text) > MAX_SYMBOL:
        raise SymbolFault(f"a symbol of {len(text)} characters", f"write at most {MAX_SYMBOL}")
    if not shape:
        raise SymbolFault(f"{text!r} does not begin with a letter", EXAMPLE)
    if shape["base"] == "{name}":
        if "name" not in placeholders or shape["scripts"]:
            raise SymbolFault(f"{text!r}: {{name}} is for a whole input or target", EXAMPLE)
        return Symbol("{name}")
    found: dict[str, Script] = {}
    place = 0
    while place < len(shape["scripts"]):
        match = SCRIPT.match(shape["scripts"], place)
        if not match:
            raise SymbolFault(f"{text!r}: {shape['scripts'][place:]!r} is neither _{{...}} nor ^{{...}}", EXAMPLE)
        if match["place"] in found:
            raise SymbolFault(f"{text!r} has two {match['place']}", "put all of it between one pair of braces")
        found[match["place"]] = read_script(match["inside"] or match["one"] or "", placeholders)
        place = match.end()
    placed = [part for parts in found.values() for part in parts if part.startswith("{")]
    if len(placed) != len(set(placed)) or ("{pair}" in placed and {"{row}", "{column}"} & set(placed)):
        raise SymbolFault(f"{text!r} has a placeholder twice", "keep each once; pair is column and row")
    return Symbol(checked_word(shape["base"]), found.get("_", ()), found.get("^", ()))


def read_script(text: str, placeholders: tuple[str, ...]) -> Script:
    """The parts of a script, or SymbolFault."""
    return tuple(parts(text, placeholders))


def parts(text: str, placeholders: tuple[str, ...]) -> Iterator[str]:
    known = [name for name in placeholders if name != "name"]
    remedy = f"what can stand here is {', '.join(known)}" if known else "leave it out"
    place = 0
    while place < len(text):
        match = PART.match(text, place)
        if not match:
            raise SymbolFault(
                f"{text[place]!r} cannot stand in a symbol", "write letters, digits and ( ) [ ] , ; + - *"
            )
        word = match["braced"] if match["braced"] is not None else match["word"]
        if word is not None and word.strip() in placeholders:
            yield f"{{{word.strip()}}}"
        elif match["braced"] is not None or word in ALL_PLACEHOLDERS:
            raise SymbolFault(f"{{{word}}} cannot stand here", remedy)
        elif word is not None:
            yield checked_word(word)
        elif not match["gap"]:
            yield match[0]
        place = match.end()


ALL_PLACEHOLDERS = frozenset(["row", "column", "pair", "layer", "sample", "name"])


def checked_word(word: str) -> str:
    if len(word) > MAX_WORD:
        raise SymbolFault(f"a word of {len(word)} letters", f"write at most {MAX_WORD}")
    return word


# ---- from a symbol to a formula


def symbol_in(
    m: Dialect,
    symbol: Symbol,
    places: Mapping[str, str],
    commas: bool = False,
    bracketed: bool = False,
    updated: str = "",
) -> str:
    """The symbol with its placeholders filled.

    With `commas` they stand between neighbouring indices; with `bracketed` the sender of a pair stands in brackets.
    `updated`, of `Notation`, marks a new value: W'_{36}, w^{+}_{5}, w^{ih,\\mathrm{new}}_{1,2}.
    """
    sub, sup = (script_in(m, script, places, commas, bracketed) for script in (symbol.sub, symbol.sup))
    return marked(m, m.base(symbol.base), sub, sup, updated)


def marked(m: Dialect, base: str, sub: str, sup: str = "", updated: str = "") -> str:
    """A base with its scripts and the mark of a new value."""
    if updated == "prime":
        base += "'"
    elif updated == "plus":
        sup += "+"
    elif updated == "new":
        sup += (script_sign(m, ",") if sup else "") + m.word("new")
    return base + (m.sup % sup if sup else "") + (m.sub % sub if sub else "")


SIGNS = ("", *"()[],;+*-")


def script_in(
    m: Dialect, script: Script, places: Mapping[str, str], commas: bool = False, bracketed: bool = False
) -> str:
    pair = ("(", "{column}", ")", "{row}") if bracketed else ("{column}", "{row}")
    parts = [part for whole in script for part in (pair if whole == "{pair}" else (whole,))]
    if all(places.get(part, part) in SIGNS for part in parts):
        return ""  # nothing is left to stand between the brackets
    texts = [script_part(m, part, places) for part in parts]
    found = texts[:1]
    for (before, after), text in zip(pairwise(parts), texts[1:], strict=True):
        comma = commas and is_index(before) and is_index(after)
        after_greek = before in GREEK and not m.script_gap  # \alpha b, not \alphab
        found += [script_sign(m, ",") if comma else " " if after_greek else m.script_gap, text]
    return "".join(found)


def script_part(m: Dialect, part: str, places: Mapping[str, str]) -> str:
    """A part of a script as it is written; what stands for a placeholder may be one that is filled later."""
    found = places.get(part)
    if found is not None:
        return found if found.startswith("{") else m.label(found)
    if part.startswith("{"):
        return part
    return m.base(part) if part.isalpha() else script_sign(m, part)


def script_sign(m: Dialect, sign: str) -> str:
    return m.script_signs.get(sign, sign)


def is_index(part: str) -> bool:
    return part in ("{row}", "{column}") or part.isdecimal()


def with_sample(symbol: Symbol, sample: Script) -> Symbol:
    """The symbol with the mark of a sample after all else that stands above it."""
    comma = () if not symbol.sup or symbol.sup[-1] in (")", "]") else (",",)
    return symbol._replace(sup=symbol.sup + comma + sample)


def layer_mark(notation: Notation, layer: int, layers: int) -> str:
    """What a layer of `layers` is called; layer 0 is the inputs."""
    if isinstance(notation.input_layer, int):
        return str(layer + notation.input_layer)
    if layer in (0, layers):
        return "o" if layer else "i"
    return "h" if layers == 2 else f"h{layer}"


def weight_mark(notation: Notation, sender: str, receiver: str) -> str:
    """How a weight between two layers is marked, from the marks of the layers."""
    if notation.weight_layer == "both":
        return sender + ("," if len(sender + receiver) > 2 else "") + receiver
    return sender if notation.weight_layer == "sender" else receiver


def bias_mark(notation: Notation, sender: str, receiver: str) -> str:
    return sender if notation.weight_layer == "sender" else receiver


# ---- what a page could not tell apart


def alike(notation: Notation) -> tuple[str, str] | None:
    """Two quantities of which a network of two layers would have one symbol for both; the same twice where two of one kind would."""
    for bias in ("bias", "threshold"):
        seen: dict[str, str] = {}
        for quantity, text in every_symbol(notation, bias):
            if text in seen:
                return seen[text], quantity
            seen[text] = quantity
    return None


def every_symbol(notation: Notation, bias: str) -> Iterator[tuple[str, str]]:
    """(quantity, symbol) of everything in a network of two inputs and two layers of two neurons."""
    labels = [["X1", "X2"], ["1", "2"], ["3", "4"]]
    if notation.numbering == "positions":
        labels = [["1", "2"]] * 3
    marks = [layer_mark(notation, layer, 2) for layer in range(3)]

    def written(quantity: str, row: str = "", column: str = "", layer: str = "") -> tuple[str, str]:
        places = {"{row}": row, "{column}": column, "{layer}": layer}
        return quantity, symbol_in(TEX, notation.symbols[quantity], places, bracketed=column.startswith("X"))

    yield from (written(quantity) for quantity in ("loss", "learning_rate", "function"))
    for quantity, layer in (("input", 0), ("target", 2), ("loss_term", 2)):
        if notation.symbols[quantity].base != "{name}":
            yield from (written(quantity, row) for row in labels[layer])
    for layer in (1, 2):
        sender, receiver = marks[layer - 1 : layer + 1]
        for row in labels[layer]:
            for quantity in ("pre_activation", "activation", "delta"):
                yield written(quantity, row, layer=receiver)
            yield written(bias, row, layer=bias_mark(notation, sender, receiver))
            for column in labels[layer - 1]:
                yield written("weight", row, column, weight_mark(notation, sender, receiver))


# ---- the presets


def changed(base: Notation, name: str, symbols: Mapping[str, str], **settings: Any) -> Notation:
    """A notation after another one, with other symbols (as texts of the grammar) and settings."""
    own = {quantity: read_symbol(text, PLACEHOLDERS[quantity]) for quantity, text in symbols.items()}
    return with_parts(replace(base, name=name, symbols={**base.symbols, **own}, **settings))


COMMON = {  # quantities that all notations write alike, beside the loss in parts
    "penalty": read_symbol("R_{row}", ("row",)),
    "beta": read_symbol("beta", ()),
    "beta1": read_symbol("beta_{1}", ()),
    "beta2": read_symbol("beta_{2}", ()),
    "epsilon": read_symbol("epsilon", ()),
}


def with_parts(notation: Notation) -> Notation:
    """The notation with the parts of the loss written after the loss: of a sample, and without the penalties."""
    loss = notation.symbols["loss"]
    parts = {"sample_loss": loss, "data_loss": loss._replace(sub=("0",))}
    return replace(notation, symbols={**COMMON, **notation.symbols, **parts})


BLANK = Notation("", {})
PRESETS = (
    changed(  # the weights of a network drawn with its neurons numbered through
        BLANK,
        "numbered",
        {
            "weight": "W_{pair}",
            "bias": "b_{row}",
            "threshold": "theta_{row}",
            "pre_activation": "e_{row}",
            "activation": "Y_{row}",
            "input": "{name}",
            "target": "{name}",
            "delta": "delta_{row}",
            "loss": "E",
            "loss_term": "E_{row}",
            "learning_rate": "eta",
            "function": "f",
        },
    ),
    changed(  # Andrew Ng, Machine Learning: a bias is the weight of a unit 0
        BLANK,
        "theta",
        {
            "weight": "Theta^{(layer)}_{row column}",
            "bias": "Theta^{(layer)}_{row 0}",
            "threshold": "Theta^{(layer)}_{row 0}",
            "pre_activation": "z^{(layer)}_{row}",
            "activation": "a^{(layer)}_{row}",
            "input": "x_{row}",
            "target": "y_{row}",
            "delta": "delta^{(layer)}_{row}",
            "loss": "J",
            "loss_term": "J_{row}",
            "learning_rate": "alpha",
            "function": "g",
        },
        numbering="positions",
        weight_layer="sender",
        delta_per_sample=True,
    ),
    changed(  # Michael Nielsen, Neural Networks and Deep Learning
        BLANK,
        "nielsen",
        {
            "weight": "w^{layer}_{row column}",
            "bias": "b^{layer}_{row}",
            "threshold": "theta^{layer}_{row}",
            "pre_activation": "z^{layer}_{row}",
            "activation": "a^{layer}_{row}",
            "input": "x_{row}",
            "target": "y_{row}",
            "delta": "delta^{layer}_{row}",
            "loss": "C",
            "loss_term": "C_{row}",
            "learning_rate": "eta",
            "function": "sigma",
        },
        sender="k",
        numbering="positions",
    ),
    changed(  # Tariq Rashid, Make Your Own Neural Network
        BLANK,
        "rashid",
        {
            "weight": "w^{layer}_{column,row}",
            "bias": "b^{layer}_{row}",
            "threshold": "theta^{layer}_{row}",
            "pre_activation": "x^{layer}_{row}",
            "activation": "o^{layer}_{row}",
            "input": "I_{row}",
            "target": "t_{row}",
            "delta": "delta^{layer}_{row}",
            "loss": "E",
            "loss_term": "E_{row}",
            "learning_rate": "alpha",
            "function": "f",
        },
        sender="j",
        receiver="k",
        numbering="positions",
        input_layer="i",
        weight_layer="both",
        updated="new",
    ),
    changed(  # Matt Mazur, A Step by Step Backpropagation Example
        BLANK,
        "mazur",
        {
            "weight": "w_{column row}",
            "bias": "b_{row}",
            "threshold": "theta_{row}",
            "pre_activation": "net_{row}",
            "activation": "out_{row}",
            "input": "{name}",
            "target": "target_{row}",
            "delta": "delta_{row}",
            "loss": "E_{total}",
            "loss_term": "E_{row}",
            "learning_rate": "eta",
            "function": "f",
        },
        updated="plus",
    ),
    changed(  # as in most courses on deep learning: the inputs are layer 0
        BLANK,
        "layered",
        {
            "weight": "W^{[layer]}_{row column}",
            "bias": "b^{[layer]}_{row}",
            "threshold": "theta^{[layer]}_{row}",
            "pre_activation": "z^{[layer]}_{row}",
            "activation": "a^{[layer]}_{row}",
            "input": "x_{row}",
            "target": "y_{row}",
            "delta": "delta^{[layer]}_{row}",
            "loss": "L",
            "loss_term": "L_{row}",
            "learning_rate": "alpha",
            "function": "g",
        },
        numbering="positions",
        input_layer=0,
    ),
)
NOTATIONS: Mapping[str, Notation] = {preset.name: preset for preset in PRESETS}
