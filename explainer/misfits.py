"""What does not fit the schema, said in our words and at its place.

Pydantic finds all of it at once; a table gives the words for each kind of misfit. What only follows from another
misfit is left out, and what can be set aside is, so that the checks of `explainer.problem` see the rest.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from .errors import Fault, nearest, suggestion
from .source import A_NUMBER, Source, TreePath, number_remedy, shortened
from .spec import EXAMPLES, INNER, LETTERS, TAGS, Spec, keys_of

MAX_FAULTS = 100  # told at once: a spec of another kind has one at every value


@dataclass(frozen=True)
class Misfit:
    """One place where the tree does not fit the schema."""

    kind: str  # pydantic's name for it
    path: TreePath
    value: Any
    limits: Mapping[str, Any]

    @property
    def key(self) -> str:
        """The key that the value belongs to."""
        return next((str(part) for part in reversed(self.path) if isinstance(part, str)), "the spec")


Words = tuple[str, str]  # what was found; what would do


def checked_spec(source: Source) -> tuple[Spec | None, list[Fault]]:
    """The spec that the tree writes, and all faults of its shape.

    A tree with faults still gives a spec where they can be set aside without changing what the rest means: the
    checks that follow can then report on the rest in the same run.
    """
    tree, faults = _without_empty_keys(source)
    spec, misfits = _validated(tree)
    misfits = [misfit for misfit in misfits if misfit.path not in faults]  # an empty key is not missing as well
    found = [*faults.values(), *(_fault(source, misfit) for misfit in _worth_saying(misfits))][:MAX_FAULTS]
    if misfits and spec is None:
        spec, _ = _validated(_set_aside(tree, misfits))
    return spec, found


def _validated(tree: Any) -> tuple[Spec | None, list[Misfit]]:
    try:
        return Spec.model_validate(tree), []
    except ValidationError as error:
        details = error.errors(include_url=False)
    return None, [
        Misfit(
            kind=detail["type"],
            path=tuple(part for part in detail["loc"] if part not in TAGS),
            value=detail["input"],
            limits=detail.get("ctx", {}),
        )
        for detail in details
    ]


def _without_empty_keys(source: Source) -> tuple[Any, dict[TreePath, Fault]]:
    """The tree without keys that have no value, and a fault for each of them."""
    faults: dict[TreePath, Fault] = {}

    def filled(node: Any, path: TreePath) -> Any:
        if isinstance(node, list):
            return [filled(item, (*path, place)) for place, item in enumerate(node)]
        if not isinstance(node, dict):
            return node
        for key in (key for key, value in node.items() if value is None):
            remedy = f"write {_written(key)}, or leave the key out" if key in EXAMPLES else "write a number after it"
            if key.isdecimal():  # {X1: 0,5} is two keys
                remedy = "write a decimal point, not a comma"
            faults[(*path, key)] = source.fault_at_key((*path, key), f"{shortened(key)!r} has no value", remedy)
        return {key: filled(value, (*path, key)) for key, value in node.items() if value is not None}

    return filled(source.tree, ()), faults


HARMLESS = {"title", "notation", "language", "digits", "significant", "carry", "detail", "view", "steps", "only"}


def _set_aside(tree: Any, misfits: Iterable[Misfit]) -> Any:
    """A copy of the tree without unknown keys and bad settings of the page, and with 0 for bad numbers in lists."""
    tree = _copied(tree)
    for misfit in misfits:
        parent, last = _at(tree, misfit.path[:-1]), misfit.path[-1] if misfit.path else None
        if isinstance(parent, dict) and (misfit.kind == "extra_forbidden" or misfit.path[0] in HARMLESS):
            parent.pop(last, None)
        if misfit.kind == "float_type" and parent is not None:
            parent[last] = 0.0
    return tree


def _copied(node: Any) -> Any:
    if isinstance(node, dict):
        return {key: _copied(value) for key, value in node.items()}
    return [_copied(item) for item in node] if isinstance(node, list) else node


def _at(tree: Any, path: TreePath) -> Any:
    for part in path:
        known = isinstance(part, str) if isinstance(tree, dict) else isinstance(tree, list) and isinstance(part, int)
        if not known or (isinstance(tree, dict) and part not in tree):
            return None
        tree = tree[part]
    return tree


def _worth_saying(misfits: list[Misfit]) -> Iterator[Misfit]:
    """The misfits without those that only follow from another."""
    bad_keys = {misfit.path[:-1] for misfit in misfits if misfit.path[-1:] == ("[key]",)}
    unknown = {misfit.path for misfit in misfits if misfit.kind == "extra_forbidden"}
    said: set[tuple[str, TreePath]] = set()
    for misfit in misfits:
        parent = misfit.path[:-1]
        once = (misfit.kind, parent if misfit.kind == "list_type" else misfit.path)
        misspelt = misfit.kind == "missing" and any(
            path[:-1] == parent and misfit.path[-1] == nearest(str(path[-1]), _known_keys(path)) for path in unknown
        )
        if once not in said and not misspelt and misfit.path not in bad_keys:
            said.add(once)
            yield misfit


def _fault(source: Source, misfit: Misfit) -> Fault:
    words = WORDS.get(misfit.kind, _unfit)(misfit)
    if misfit.path[-1:] == ("[key]",):
        return source.fault_at_key(misfit.path[:-1], *words)
    if misfit.kind == "extra_forbidden":
        return source.fault_at_key(misfit.path, *words)
    return source.fault(misfit.path, *words)


def stands(key: str, tree: Any) -> bool:
    """Whether a top key is there, be it misspelt: what is misspelt is a fault, but is not missing too."""
    known = keys_of(Spec)
    return any(own == key or (own not in known and nearest(own, known) == key) for own in tree)


def shown(value: Any) -> str:
    """A value as a fault names it."""
    kinds = {dict: "a mapping", list: "a list", type(None): "nothing"}
    if type(value) in kinds:
        return kinds[type(value)]
    if isinstance(value, bool):
        return str(value).lower()
    return repr(shortened(value)) if isinstance(value, str) else str(value)


def flow(value: Any) -> str:
    """A value as YAML on one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {flow(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(flow, value)) + "]"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _written(key: str) -> str:
    return f"{key}: {flow(EXAMPLES[key])}"


def _known_keys(path: TreePath) -> tuple[str, ...]:
    """The keys that may stand beside the last one of `path`."""
    around = [part for part in path[:-1] if isinstance(part, str)]
    return keys_of(INNER.get(around[-1], Spec) if around else Spec)


def _unfit(misfit: Misfit) -> Words:
    found = f"{misfit.key}: {shown(misfit.value)} does not fit here"
    return found, f"write {_written(misfit.key)}" if misfit.key in EXAMPLES else "see the reference of the spec"


def _unknown_key(misfit: Misfit) -> Words:
    key = str(misfit.path[-1])
    return f"unknown key {shortened(key)!r}", suggestion(key, _known_keys(misfit.path))


def _missing(misfit: Misfit) -> Words:
    key = str(misfit.path[-1])
    around = [str(part) for part in misfit.path[:-1] if isinstance(part, str)]
    where = {"layers": "this layer"}.get(around[-1], around[-1]) if around else "the spec"
    return f"{where} has no {key!r}", f"add {_written(key)}"


def _no_number(misfit: Misfit) -> Words:
    remedy = number_remedy(misfit.value) if isinstance(misfit.value, str) else A_NUMBER
    return f"{misfit.key}: {shown(misfit.value)} is not a number", remedy


def _no_whole_number(misfit: Misfit) -> Words:
    if misfit.key == "neurons":
        remedy = "write labels such as [1, 2] or [h1, h2], or how many neurons there are"
        return f"neurons: {shown(misfit.value)} is neither a label nor a count", remedy
    return f"{misfit.key}: {shown(misfit.value)} is not a whole number", f"write {_written(misfit.key)}"


def _no_name(misfit: Misfit) -> Words:
    if misfit.key == "neurons":
        return f"{shown(misfit.value)} is not a label", "write at most 30 letters, digits and underscores"
    word = str(misfit.value)
    remedy = "write a letter, then letters, digits and underscores, at most 30 characters"
    foreign = next((letter for letter in word if not re.match(f"[{LETTERS}]", letter) and letter.isalpha()), None)
    looks = f" (it has U+{ord(foreign):04X}, {unicodedata.name(foreign, 'another letter')})" if foreign else ""
    return f"{shown(word)} is not a name{looks}", remedy


def _out_of_bounds(misfit: Misfit) -> Words:
    sides = {"ge": "{} or more", "gt": "a number above {}", "le": "{} or less", "lt": "a number below {}"}
    bounds = [words.format(f"{misfit.limits[side]:g}") for side, words in sides.items() if side in misfit.limits]
    if misfit.key == "neurons" and isinstance(misfit.path[-1], int):
        return _no_name(misfit)
    return f"{misfit.key} is {misfit.value}", f"write {' and '.join(bounds)}"


def _not_in_list(misfit: Misfit) -> Words:
    known = str(misfit.limits["expected"]).replace("'", "").replace(" or ", ", ").split(", ")
    return f"{misfit.key}: unknown value {shown(misfit.value)}", suggestion(str(misfit.value), known)


def _too_long(misfit: Misfit) -> Words:
    if misfit.kind == "too_long" and isinstance(misfit.value, dict):
        return "more than one name for one number", "write {NAME: NUMBER}"
    return f"{misfit.key} is too long", f"write at most {misfit.limits['max_length']}"


def _empty(misfit: Misfit) -> Words:
    remedy = f"write {_written(misfit.key)}" if misfit.key in EXAMPLES else A_NUMBER
    return f"{misfit.key}: {shown(misfit.value)} with nothing in it", remedy


def _no_truth(misfit: Misfit) -> Words:
    return f"{misfit.key}: {shown(misfit.value)} is neither true nor false", "write true or false"


def _no_text(misfit: Misfit) -> Words:
    if isinstance(misfit.value, int | float):
        return f"{misfit.key}: {shown(misfit.value)} is not text", "put it in quotes"
    return _unfit(misfit)


def _not_one(misfit: Misfit) -> Words:
    return f"{misfit.key}: there must be exactly one choice", f"write {_written(misfit.key)}"


def _wrong_kind(misfit: Misfit) -> Words:
    if not misfit.path:
        return f"the spec is {shown(misfit.value)}", "write keys and values, such as inputs: {X1: 2, X2: 4}"
    if misfit.key == "layers":
        return f"layers: {shown(misfit.value)} is not a layer", f"write {_written('layers')}"
    if misfit.key == "weights" and isinstance(misfit.path[-1], int):
        return f"weights: {shown(misfit.value)} where a row is expected", f"write a list of rows, {_written('weights')}"
    return _unfit(misfit)


WORDS: Mapping[str, Callable[[Misfit], Words]] = {
    "missing": _missing,
    "extra_forbidden": _unknown_key,
    "float_type": _no_number,
    "finite_number": _no_number,
    "int_type": _no_whole_number,
    "int_from_float": _no_whole_number,
    "bool_type": _no_truth,
    "string_pattern_mismatch": _no_name,
    "string_too_long": _too_long,
    "too_long": _too_long,
    "too_short": _empty,
    "literal_error": _not_in_list,
    "greater_than": _out_of_bounds,
    "greater_than_equal": _out_of_bounds,
    "less_than": _out_of_bounds,
    "less_than_equal": _out_of_bounds,
    "list_type": _wrong_kind,
    "dict_type": _wrong_kind,
    "model_type": _wrong_kind,
    "string_type": _no_text,
    "one_key": _not_one,
}
