"""The scalar view: the expression of any entry, everywhere it is used, and its local partials, in SymPy.

An operation is looked at once, at an entry whose indices are symbols: its definition is a sum of terms, each a
`pattern` in which _0, _1, ... stand for the entries that the term reads. Every concrete line of a derivation is such a
pattern with names or numbers put in, so SymPy's work does not grow with the network.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import sympy as sp

from .derivatives import VALUE, slope_in_value
from .expressions import names, one_plus_erf, sigmoid
from .expressions import value as tree_value
from .graph import Node
from .notation import Quantity
from .ops import OPS, Array
from .patterns import Written, pattern_of

# ---- the definition of an operation, at a general entry


@dataclass(frozen=True)
class Read:
    """One array that a term reads: which argument, and at what index (in the symbols of the definition)."""

    argument: int  # -1: the result itself
    index: tuple[sp.Expr, ...]


@dataclass(frozen=True)
class Term:
    """One term of a definition. `over` are the indices it is summed over."""

    pattern: sp.Expr
    reads: tuple[Read, ...]  # what _0, _1, ... stand for
    over: tuple[sp.Symbol, ...]


@dataclass(frozen=True)
class Partial:
    """d(result entry)/d(entry read), of one read of one term."""

    read: Read
    term: Term  # its pattern is the partial
    apart: bool = False  # holds only where the entry read is not the one beside the result


def slot(k: int) -> sp.Symbol:
    return sp.Symbol(f"_{k}", real=True)


RESULT = sp.Symbol("i", integer=True), sp.Symbol("j", integer=True)  # the indices of the result's entry


def definition(node: Node) -> tuple[Term, ...]:
    """The terms of one entry of the node's operation."""
    return _definition(node.op, len(node.shape), tuple(len(p.shape) for p in node.parents), plain(node))


def partials(node: Node) -> tuple[Partial, ...]:
    """The local partial of the operation for each of its reads: the textbook's where there is one, else by SymPy."""
    return _partials(node.op, len(node.shape), tuple(len(p.shape) for p in node.parents), plain(node))


def plain(node: Node) -> tuple[tuple[str, Any], ...]:
    return tuple(sorted((k, v) for k, v in node.params.items() if not isinstance(v, np.ndarray)))


class GeneralEntries:
    """An argument as `Op.element` reads it, when its size is left open."""

    def __init__(self, argument: int, dimensions: int) -> None:
        self.shape = tuple(sp.Symbol(f"n{argument}_{axis}", integer=True) for axis in range(dimensions))
        self.base = sp.IndexedBase(f"argument{argument}", real=True)

    def __call__(self, *index: Any) -> sp.Expr:
        return self.base[index or sp.S.Zero]  # a single number has no index, but SymPy wants one


@cache
def _definition(op: str, rank: int, ranks: tuple[int, ...], params: tuple[tuple[str, Any], ...]) -> tuple[Term, ...]:
    if op in WRITTEN:
        reads = tuple(Read(k, RESULT[:n]) for k, n in enumerate(ranks))
        pattern = pattern_of(dict(params)["expression"], {f"s{k}": slot(k) for k in range(len(ranks))})
        return (repatterned(pattern, reads, ()),)
    entries = [GeneralEntries(k, n) for k, n in enumerate(ranks)]
    terms = terms_of(OPS[op].element(RESULT[:rank], *entries, **number_params(params)), ranks)
    return tuple(sorted(terms, key=lambda term: not term.over))  # the sum over inputs, then the bias


@cache
def _partials(op: str, rank: int, ranks: tuple[int, ...], params: tuple[tuple[str, Any], ...]) -> tuple[Partial, ...]:
    own, result = OPS[op], Read(-1, RESULT[:rank])
    if own.jacobian is not None:
        beside, elsewhere = own.jacobian
        other = (sp.Symbol("k", integer=True), RESULT[1])
        return (
            Partial(Read(0, RESULT), Term(beside(slot(0)), (result,), ())),
            Partial(
                Read(0, other), Term(elsewhere(slot(0), slot(1)), (result, Read(-1, other)), other[:1]), apart=True
            ),
        )
    if own.slope is not None:
        beside = Read(0, RESULT[: ranks[0]]) if rank else Read(0, ())
        if op in COLUMN_LOSSES:
            beside = Read(0, (sp.Symbol("k", integer=True), RESULT[1]))
        over = beside.index[:1] if op in COLUMN_LOSSES else ()
        reads = (result, *(Read(a, beside.index) for a in range(len(ranks))))
        slope = (
            written_slope(params)
            if op in WRITTEN
            else own.slope(*map(slot, range(len(reads))), **number_params(params))
        )
        return (Partial(beside, repatterned(slope, reads, over)),)
    return tuple(
        Partial(read, repatterned(term.pattern.rewrite(sp.Max, sp.Piecewise).diff(slot(k)), term.reads, term.over))
        for term in _definition(op, rank, ranks, params)
        for k, read in enumerate(term.reads)
    )


WRITTEN = ("formula", "function")  # operations that are formulas: printed as they were written


def written_slope(params: tuple[tuple[str, Any], ...]) -> Any:
    """The slope of a formula in its first argument: slot 0 is its value, slots 1, 2, ... its arguments."""
    tree = slope_in_value(dict(params)["expression"], "s0")
    return pattern_of(tree, {each: slot(0 if each == VALUE.text else int(each[1:]) + 1) for each in names(tree)})


def stepped(slope: Any) -> Any:
    """The slope with its jumps written as cases: 0 at a kink, where SymPy would have a half."""
    return slope.replace(sp.Heaviside, lambda x, *_: sp.Piecewise((1, x > 0), (0, True)))


COLUMN_LOSSES = ("softmax_cross_entropy",)  # one number for a column: their result has one row


def number_params(params: tuple[tuple[str, Any], ...]) -> dict[str, Any]:
    """Parameters as SymPy numbers; a whole one as such: -1.0 is -1."""
    return {k: sp.Float(v) if isinstance(v, float) and v != int(v) else sp.Integer(v) for k, v in params}


def terms_of(expression: sp.Expr, ranks: tuple[int, ...]) -> Iterator[Term]:
    for part in sp.Add.make_args(expression) if has_sum(expression) else [expression]:
        limits = part.limits if isinstance(part, sp.Sum) else ()
        body = part.function if isinstance(part, sp.Sum) else part
        atoms = sorted(body.atoms(sp.Indexed), key=lambda atom: str(atom.base))
        arguments = [int(str(atom.base).removeprefix("argument")) for atom in atoms]
        reads = tuple(Read(k, tuple(atom.indices)[: ranks[k]]) for k, atom in zip(arguments, atoms, strict=True))
        pattern = rebuilt(body, {atom: slot(k) for k, atom in enumerate(atoms)})
        yield Term(pattern, reads, tuple(limit[0] for limit in limits))


def has_sum(expression: sp.Expr) -> bool:
    return any(isinstance(part, sp.Sum) for part in sp.Add.make_args(expression))


def repatterned(pattern: sp.Expr, reads: tuple[Read, ...], over: tuple[sp.Symbol, ...]) -> Term:
    """The pattern with only the slots that it still has, numbered anew."""
    kept = [k for k in range(len(reads)) if slot(k) in pattern.free_symbols]
    return Term(renamed(pattern, {k: n for n, k in enumerate(kept)}), tuple(reads[k] for k in kept), over)


def renamed(pattern: Any, numbers: dict[int, int]) -> Any:
    """The pattern with slot k called slot numbers[k]. SymPy would rebuild it, and multiply -(t - y) out."""
    return rebuilt(pattern, {slot(old): slot(new) for old, new in numbers.items()})


def rebuilt(pattern: Any, found: Mapping[Any, Any]) -> Any:
    """The pattern with parts of it replaced, and nothing multiplied out."""
    if pattern in found:
        return found[pattern]
    if not pattern.args:
        return pattern
    unevaluated = {"evaluate": False} if isinstance(pattern, sp.Add | sp.Mul | sp.Pow | sp.Piecewise) else {}
    return pattern.func(*(rebuilt(part, found) for part in pattern.args), **unevaluated)


def far_slope(node: Node) -> sp.Expr | None:
    """The slope of an activation in its pre-activation, _0, for where y leaves it no digits; None where none is needed."""
    far = OPS[node.op].far
    return far(slot(0), **number_params(plain(node))) if far else None


# ---- concrete terms, many at a time


@dataclass(frozen=True)
class Terms:
    """Terms of one pattern: term r belongs to row `owner[r]` and has entry `entries[k][r]` of `quantities[k]` in slot k."""

    pattern: sp.Expr
    quantities: tuple[Quantity, ...]
    entries: tuple[Array, ...]
    owner: Array


def value_terms(node: Node, rows: Array) -> list[Terms]:
    """What the entries `rows` (flat) of a node are the sum of. Row k of the result is rows[k]."""
    at = dict(zip(RESULT, np.unravel_index(rows, node.shape), strict=False)) if node.shape else {}
    found = []
    for term in definition(node):
        indices, owner = spread(at, term.over, sizes(node, term), len(rows))
        found.append(dropped(term, [placed(node, read, indices) for read in term.reads], owner))
    return found


def softmax_terms(node: Node, rows: Array, largest: Array | None) -> list[Terms]:
    """exp(z_j) over the sum of all exp(z_k) of its column, each z less the column's `largest` entry where it is given."""
    scores, (count, samples) = node.parents[0], node.shape
    away = slot(count + 1) if largest is not None else 0
    powers = [sp.exp(slot(k) - away) for k in range(count + 1)]
    pattern = sp.Mul(powers[0], sp.Pow(sp.Add(*powers[1:], evaluate=False), -1, evaluate=False), evaluate=False)
    column = rows % samples
    entries = (rows, *(k * samples + column for k in range(count)))
    if largest is not None:
        entries = (*entries, largest[column])
    return [Terms(pattern, (Quantity("value", scores),) * len(entries), entries, np.arange(len(rows)))]


def loss_of_scores(node: Node, rows: Array) -> list[Terms]:
    """A loss worked from scores, written in the scores themselves: for where ln(y) or ln(1 - y) has no digits left."""
    z, _, t = node.parents
    samples, owner = z.shape[1], np.arange(len(rows))
    if node.op == "sigmoid_binary_cross_entropy":
        score, target = slot(0), slot(1)
        rest = sp.log(1 + sp.exp(-sp.Abs(score)))
        pattern = sp.Add(sp.Max(0, score), -target * score, rest, evaluate=False)
        return [Terms(pattern, (Quantity("value", z), Quantity("value", t)), (rows, rows), owner)]
    count = z.shape[0]
    powers = [sp.exp(slot(j + 2) - slot(1)) for j in range(count)]
    pattern = sp.Mul(slot(0), sp.log(sp.Add(*powers, evaluate=False)), evaluate=False)
    quantities = (Quantity("value", t), *(Quantity("value", z),) * (count + 1))
    column = [j * samples + rows for j in range(count)]
    return [Terms(pattern, quantities, (column[k], column[k], *column), owner) for k in range(count)]


def delta_of_scores(node: Node, rows: Array) -> list[Terms]:
    """dE/dz of a sigmoid with binary cross entropy, in the score: (1 - t) s(z) - t s(-z)."""
    z, _, t = node.parents
    score, target = slot(0), slot(1)
    parts = (1 - target) / (1 + sp.exp(-score)), -target / (1 + sp.exp(score))
    quantities = Quantity("value", z), Quantity("value", t)
    return [Terms(sp.Add(*parts, evaluate=False), quantities, (rows, rows), np.arange(len(rows)))]


def uses(reads: dict[Node, list[tuple[Node, int]]], node: Node, entries: Array) -> list[Terms]:
    """The chain rule for entries of a node: one term adjoint(reader) * partial for each use.

    `reads` is `graph.readers(end)`. Slot 0 of each pattern is the adjoint of the reading entry; where that is the end
    itself, whose adjoint is 1, the pattern is the partial alone.
    """
    found = []
    for reader, position in reads[node]:
        if reader.op == "take":
            owner, places = inverse(reader.params["where"], entries)
            found += [Terms(t.pattern, t.quantities, t.entries, owner[t.owner]) for t in uses(reads, reader, places)]
            continue
        for partial in partials(reader):
            if partial.read.argument == position:
                found.append(use_terms(reads, reader, partial, np.unravel_index(entries, node.shape)))
    return [terms for terms in found if len(terms.owner)]


def use_terms(
    reads: dict[Node, list[tuple[Node, int]]], reader: Node, partial: Partial, index: tuple[Array, ...]
) -> Terms:
    read, term = partial.read, partial.term
    at = {symbol: k for symbol, k in zip(read.index, index, strict=True) if isinstance(symbol, sp.Symbol)}
    free = tuple(s for s in (*RESULT[: len(reader.shape)], *term.over) if s not in at)
    lengths = {**dict(zip(RESULT, reader.shape, strict=False)), **sizes(reader, term)}
    indices, owner = spread(at, free, lengths, len(index[0]))
    if partial.apart:
        elsewhere = indices[read.index[0]] != indices[RESULT[0]]
        indices, owner = {s: k[elsewhere] for s, k in indices.items()}, owner[elsewhere]
    slots = [placed(reader, r, indices) for r in term.reads]
    constant = constant_adjoint(reads, reader)
    if constant is not None:
        pattern = term.pattern if constant == 1 else sp.Mul(constant, term.pattern, evaluate=False)
        return dropped(Term(pattern, term.reads, term.over), slots, owner)
    result = Read(-1, RESULT[: len(reader.shape)])
    adjoint = placed(reader, Read(-1, (sp.S.Zero, RESULT[1])) if reader.op in COLUMN_LOSSES else result, indices)
    shifted = renamed(term.pattern, {k: k + 1 for k in range(len(slots))})
    product = sp.Mul(slot(0), shifted, evaluate=False) if shifted != 1 else slot(0)
    whole = Term(product, (read, *term.reads), term.over)
    return dropped(whole, [(Quantity("adjoint", reader), adjoint[1]), *slots], owner)


def constant_adjoint(reads: dict[Node, list[tuple[Node, int]]], node: Node) -> Any:
    """dE/d(node) where it is a number known beforehand: the loss, and what it is the plain sum or mean of; else None."""
    if not reads[node]:
        return sp.S.One
    if len(reads[node]) > 1:
        return None
    reader, _ = reads[node][0]
    factor = {"total": 1, "column_total": 1, "add": 1, "mean": sp.Rational(1, reader.params.get("count", 1))}.get(
        reader.op
    )
    further = constant_adjoint(reads, reader) if factor is not None else None
    return None if further is None else factor * further


def spread(
    at: dict[sp.Symbol, Array], free: tuple[sp.Symbol, ...], lengths: dict[sp.Symbol, int], rows: int
) -> tuple[dict[sp.Symbol, Array], Array]:
    """Every index of every term: each row once for every value of the free indices, row by row."""
    grid = np.indices([lengths[s] for s in free]).reshape(len(free), -1) if free else np.zeros((0, 1), int)
    copies = grid.shape[1]
    indices = {s: np.repeat(k, copies) for s, k in at.items()}
    indices |= {s: np.tile(grid[n], rows) for n, s in enumerate(free)}
    return indices, np.repeat(np.arange(rows), copies)


def sizes(node: Node, term: Term) -> dict[sp.Symbol, int]:
    """How far each summed index runs: as far as the axes that it walks along."""
    return {
        symbol: (node if read.argument < 0 else node.parents[read.argument]).shape[axis]
        for read in term.reads
        for axis, symbol in enumerate(read.index)
        if symbol in term.over
    }


def placed(node: Node, read: Read, indices: dict[sp.Symbol, Array]) -> tuple[Quantity, Array]:
    """The entries that a read reaches: flat, and where they were before they were moved about (-1: nowhere)."""
    source = node if read.argument < 0 else node.parents[read.argument]
    rows = len(next(iter(indices.values()))) if indices else 1
    index = [indices[s] if s in indices else np.full(rows, int(s)) for s in read.index]
    flat = np.ravel_multi_index(index, source.shape) if source.shape else np.zeros(rows, int)
    if source.op == "take":
        return Quantity("value", source.parents[0]), source.params["where"].ravel()[flat]
    return Quantity("value", source), flat


def dropped(term: Term, slots: list[tuple[Quantity, Array]], owner: Array) -> Terms:
    """The terms, without those that read an entry that does not exist."""
    there = np.ones(len(owner), bool)
    for _, entries in slots:
        there &= entries >= 0
    if there.all():
        return Terms(term.pattern, tuple(q for q, _ in slots), tuple(e for _, e in slots), owner)
    return Terms(term.pattern, tuple(q for q, _ in slots), tuple(e[there] for _, e in slots), owner[there])


def inverse(where: Array, entries: Array) -> tuple[Array, Array]:
    """(owner, place) of every place that was filled from one of the entries; owner counts within `entries`."""
    flat = where.ravel()
    sequence = np.argsort(flat, kind="stable")
    first, last = np.searchsorted(flat[sequence], entries), np.searchsorted(flat[sequence], entries, side="right")
    owner = np.repeat(np.arange(len(entries)), last - first)
    return owner, np.concatenate([sequence[a:b] for a, b in zip(first, last, strict=True)] or [np.zeros(0, int)])


# ---- patterns in numbers

FUNCTIONS: dict[Any, Callable[..., Any]] = {
    sp.erf: np.vectorize(math.erf, otypes=[float]),
    sp.Add: lambda *parts: sum(parts),
    sp.Mul: lambda *parts: np.prod(np.broadcast_arrays(*parts), axis=0) if len(parts) > 1 else parts[0],
    sp.Pow: lambda base, power: base**power,
    sp.exp: np.exp,
    sp.log: np.log,
    sp.tanh: np.tanh,
    sp.Abs: np.abs,
    sp.Max: lambda *parts: np.maximum.reduce(np.broadcast_arrays(*parts)),
}


ONE_PLUS: dict[Any, Callable[..., Any]] = {  # 1 and a function that comes near -1, with all their digits
    sp.erf: lambda x: one_plus_erf(np.asarray(x)),
    sp.tanh: lambda x: 2 * sigmoid(2 * np.asarray(x)),
}


def evaluated(pattern: sp.Expr, slots: tuple[Array, ...]) -> Array:
    """The pattern's value with arrays in its slots, by walking its tree: nothing is compiled."""
    if pattern.is_Symbol:
        return slots[int(pattern.name[1:])]
    if pattern.is_Number or pattern.is_NumberSymbol:
        return np.asarray(float(pattern))
    if pattern.is_Add and pattern.args[0] == 1 and pattern.args[1].func in ONE_PLUS:
        return np.asarray(ONE_PLUS[pattern.args[1].func](evaluated(pattern.args[1].args[0], slots)))
    if isinstance(pattern, Written):
        return np.asarray(tree_value(pattern.tree, {s: evaluated(part, slots) for s, part in pattern.slots.items()}))
    if isinstance(pattern, sp.Piecewise):
        return np.select([holds(c, slots) for _, c in pattern.args], [evaluated(e, slots) for e, _ in pattern.args])
    return np.asarray(FUNCTIONS[pattern.func](*(evaluated(part, slots) for part in pattern.args)))


def holds(condition: Any, slots: tuple[Array, ...]) -> Array:
    if condition == sp.true:
        return np.ones(np.shape(slots[0]), bool)
    compare = {
        sp.StrictGreaterThan: np.greater,
        sp.StrictLessThan: np.less,
        sp.GreaterThan: np.greater_equal,
        sp.LessThan: np.less_equal,
    }[condition.func]
    return np.asarray(compare(*(evaluated(side, slots) for side in condition.args)))


def by_case(group: Terms, slots: Callable[[Quantity, Array], Array]) -> list[Terms]:
    """The terms of a pattern that distinguishes cases, sorted by the case that holds, each with the pattern it has there."""
    found = [part for part in sp.preorder_traversal(group.pattern) if isinstance(part, sp.Piecewise)]
    if not found:
        return [group]
    numbers = tuple(slots(q, e) for q, e in zip(group.quantities, group.entries, strict=True))
    left, sorted_terms = np.ones(len(group.owner), bool), []
    for value, condition in found[0].args:
        here = left & (holds(condition, numbers) if condition != sp.true else left)
        left &= ~here
        if here.any():
            pattern = one_number(rebuilt(group.pattern, {found[0]: value}))
            kept = [k for k in range(len(numbers)) if slot(k) in pattern.free_symbols]
            found_here = Terms(
                renamed(pattern, {k: n for n, k in enumerate(kept)}),
                tuple(group.quantities[k] for k in kept),
                tuple(group.entries[k][here] for k in kept),
                group.owner[here],
            )
            sorted_terms += by_case(found_here, slots)
    return sorted_terms


def one_number(pattern: Any) -> Any:
    """A product in which a case has put a number beside another: the two as one, 1/4 (-1) as -1/4."""
    if not pattern.is_Mul or sum(bool(part.is_Number) for part in pattern.args) < 2:
        return pattern
    number = sp.Mul(*(part for part in pattern.args if part.is_Number))
    rest = [part for part in pattern.args if not part.is_Number]
    return sp.Mul(*([number] if number != 1 or not rest else []), *rest, evaluate=False) if rest else number


def summed(terms: list[Terms], rows: int, slots: Callable[[Quantity, Array], Array]) -> Array:
    """The sum of each row's terms, the numbers of the slots being asked for by quantity and entry."""
    found = np.zeros(rows)
    for group in terms:
        numbers = tuple(slots(q, e) for q, e in zip(group.quantities, group.entries, strict=True))
        with np.errstate(all="ignore"):  # what is not finite shows in the sum
            found += np.bincount(group.owner, evaluated(group.pattern, numbers) * np.ones(len(group.owner)), rows)
    return found
