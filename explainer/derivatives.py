"""The rules of differentiation, on formulas as trees.

rule      how the derivative of one kind of formula is made from those of its parts
step      one rule, used once: what it is used on, what it gives at first, and the same tidied up
ending    the short form that textbooks end with: y (1 - y) for the sigmoid

Tidying does what everybody does without a word: 0 and 1 go, signs move to the front, numbers are multiplied together.
Like factors above and below a bar cancel. Nothing is expanded or factored, so the form stays the one the rules give.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from itertools import permutations

from .expressions import FUNCTIONS, ONE, ZERO, Tree, call, exact, names, number, read_once, substituted, symbol

# ---- formulas put together, and tidied up


def minus(part: Tree) -> Tree:
    if part.kind == "minus":
        return part.parts[0]
    return part if part == ZERO else Tree("minus", (part,))


def plus(*terms: Tree) -> Tree:
    """The sum, without its zeros, numbers put together."""
    flat = [each for term in terms for each in (term.parts if term.kind == "sum" else (term,))]
    kept = like_terms([term for term in flat if numeric(term) is None])
    constant = sum_of(term for term in flat if numeric(term) is not None)
    if constant is not None:
        kept.append(constant)
    if not kept:
        return ZERO
    return kept[0] if len(kept) == 1 else Tree("sum", tuple(kept))


def like_terms(terms: Sequence[Tree]) -> list[Tree]:
    """The terms, those that differ by a number alone put together: 2 x + x as 3 x."""
    groups: dict[Tree, list[tuple[Fraction, Tree]]] = {}
    for term in terms:
        coefficient, rest = split(term)
        groups.setdefault(rest, []).append((coefficient, term))
    found: list[Tree] = []
    for rest, group in groups.items():
        total = sum((coefficient for coefficient, _ in group), Fraction(0))
        if len(group) == 1:
            found.append(group[0][1])
        elif total:
            found.append(times(number(total), rest))
    return found


def split(term: Tree) -> tuple[Fraction, Tree]:
    """A term as a number times the rest."""
    if term.kind == "minus":
        coefficient, rest = split(term.parts[0])
        return -coefficient, rest
    if term.kind == "product" and term.parts[0].kind == "number":
        return exact(term.parts[0].text), product_of(term.parts[1:])
    return Fraction(1), term


def sum_of(numbers: Iterator[Tree]) -> Tree | None:
    found = list(numbers)
    total = sum((value for each in found if (value := numeric(each)) is not None), Fraction(0))
    if len(found) == 1 and total:
        return found[0]
    return tidy_number(total, found) if total else None


def times(*factors: Tree) -> Tree:
    """The product: one sign, one number, the rest in order, over one bar where there is a division."""
    above: list[Tree] = []
    below: list[Tree] = []
    sign = gathered(factors, above, below)
    if ZERO in above:
        return ZERO
    numbers = [each for each in above if numeric(each) is not None and each != ONE]
    dividers = [each for each in below if numeric(each) is not None and each != ONE]
    above, below = gathered_powers(above, below)
    top, bottom = coefficient(numbers, dividers)
    found = tuple(each for each in (top, *above) if each != ONE)
    under = tuple(each for each in (bottom, *below) if each != ONE)
    whole = product_of(found)
    if under:
        whole = Tree("quotient", (whole, product_of(under)))
    return minus(whole) if sign < 0 else whole


def gathered(factors: Sequence[Tree], above: list[Tree], below: list[Tree]) -> int:
    """Put every factor above or below the bar; the sign of all."""
    sign = 1
    for factor in factors:
        if factor.kind == "minus":
            sign *= -gathered(factor.parts, above, below)
        elif factor.kind == "product":
            sign *= gathered(factor.parts, above, below)
        elif factor.kind == "quotient":
            sign *= gathered(factor.parts[:1], above, below) * gathered(factor.parts[1:], below, above)
        else:
            above.append(factor)
    return sign


def gathered_powers(above: Sequence[Tree], below: Sequence[Tree]) -> tuple[list[Tree], list[Tree]]:
    """The factors that are no numbers, like ones put together: x x as x^2, and x over x^2 as 1 over x."""
    exponents: dict[Tree, list[int]] = {}
    for factors, sign in ((above, 1), (below, -1)):
        for factor in factors:
            if numeric(factor) is None:
                base, exponent = whole_power(factor)
                exponents.setdefault(base, []).append(sign * exponent)
    totals = {base: sum(found) for base, found in exponents.items()}
    tops = [power(base, number(total)) for base, total in totals.items() if total > 0]
    return tops, [power(base, number(-total)) for base, total in totals.items() if total < 0]


def whole_power(factor: Tree) -> tuple[Tree, int]:
    """The factor as a base and a whole exponent."""
    if factor.kind == "power" and factor.parts[1].kind == "number":
        exponent = exact(factor.parts[1].text)
        if exponent.denominator == 1 and exponent > 0:
            return factor.parts[0], int(exponent)
    return factor, 1


def product_of(factors: tuple[Tree, ...]) -> Tree:
    return Tree("product", factors) if len(factors) > 1 else factors[0] if factors else ONE


def coefficient(above: list[Tree], below: list[Tree]) -> tuple[Tree, Tree]:
    """The numbers above and below the bar, each as one; a lone one stays as it was written."""
    top, bottom = (product_number(numbers) for numbers in (above, below))
    if not below:
        return (above[0] if len(above) == 1 else tidy_number(top, above)), ONE
    found = top / bottom
    if not above or (found.denominator == bottom.denominator == 1 == top.denominator and found.numerator == top):
        return (above[0] if len(above) == 1 else tidy_number(top, above)), (
            below[0] if len(below) == 1 else tidy_number(bottom, below)
        )
    if any("." in each.text for each in (*above, *below)):
        return tidy_number(found, [*above, *below]), ONE
    return number(found.numerator), number(found.denominator)


def product_number(numbers: Sequence[Tree]) -> Fraction:
    found = Fraction(1)
    for each in numbers:
        found *= exact(each.text)
    return found


def power(base: Tree, exponent: Tree) -> Tree:
    if exponent == ONE:
        return base
    return ONE if exponent == ZERO else Tree("power", (base, exponent))


def numeric(tree: Tree) -> Fraction | None:
    """The exact value of a plain number, with a minus or without."""
    if tree.kind == "number":
        return exact(tree.text)
    return -exact(tree.parts[0].text) if tree.kind == "minus" and tree.parts[0].kind == "number" else None


def tidy_number(found: Fraction, like: Sequence[Tree]) -> Tree:
    """The number, as a decimal where one of those it comes from was."""
    if found < 0:
        return minus(tidy_number(-found, like))
    ends = found.denominator
    for prime in (2, 5):
        while ends % prime == 0:
            ends //= prime
    if found.denominator > 1 and ends == 1 and any("." in (each.text or each.parts[0].text) for each in like):
        digits = next(k for k in range(1, 400) if (found * 10**k).denominator == 1)
        whole, rest = divmod(int(found * 10**digits), 10**digits)
        return number(f"{whole}.{rest:0{digits}d}")
    return number(found)


def tidied(tree: Tree) -> Tree:
    """The formula, tidied up from the inside out."""
    parts = tuple(tidied(part) for part in tree.parts)
    if tree.kind == "quotient":
        return times(Tree("quotient", parts))
    made: dict[str, Callable[..., Tree]] = {"sum": plus, "product": times, "minus": minus, "power": power}
    return made[tree.kind](*parts) if tree.kind in made else Tree(tree.kind, parts, tree.text)


def with_argument(form: str, argument: Tree) -> Tree:
    """One of our own formulas in u, with something in the place of u."""
    return substituted(read_once(form), {symbol("u"): argument})


# ---- the rules


@dataclass(frozen=True)
class Step:
    """One rule, used once: d(of)/d(variable) = at_first = result."""

    rule: str  # a key of RULES, or the name of a function
    of: Tree
    at_first: Tree
    result: Tree
    uses: tuple[int, ...]  # the steps whose results it takes, by their place in the list


@cache
def derivative(tree: Tree, variable: str) -> Tree:
    """d(tree)/d(variable), tidied up."""
    return steps(tree, variable)[-1].result


@cache
def steps(tree: Tree, variable: str) -> tuple[Step, ...]:
    """Every rule that it takes, each after those whose results it uses; the last is of the whole formula."""
    found: dict[Tree, Step] = {}
    order: list[Step] = []
    pending = [(tree, False)]
    while pending:
        part, ready = pending.pop()
        if part in found:
            continue
        needs = needed(part, variable)
        if not ready and any(each not in found for each in needs):
            pending.append((part, True))
            pending.extend((each, False) for each in reversed(needs))
            continue
        rule, at_first, result = applied(part, variable, {each: found[each].result for each in needs})
        uses = tuple(sorted({order.index(found[each]) for each in needs}))
        found[part] = Step(rule, part, at_first, result, uses)
        order.append(found[part])
    return tuple(order)


def depends(tree: Tree, variable: str) -> bool:
    return variable in names(tree)


def needed(tree: Tree, variable: str) -> list[Tree]:
    """The parts whose derivatives the rule for this formula asks for."""
    if not depends(tree, variable) or tree.kind == "name":
        return []
    if tree.kind == "sum":
        return list(dict.fromkeys(without_minus(part) for part in tree.parts))
    return list(dict.fromkeys(part for part in tree.parts if depends(part, variable)))


def without_minus(tree: Tree) -> Tree:
    return tree.parts[0] if tree.kind == "minus" else tree


def applied(tree: Tree, variable: str, known: Mapping[Tree, Tree]) -> tuple[str, Tree, Tree]:
    """(rule, what it gives at first, the same tidied up); `known` holds the derivatives of the parts."""
    if not depends(tree, variable):
        return "constant", ZERO, ZERO
    if tree.kind == "name":
        return "variable", ONE, ONE
    if tree.kind == "call":
        return function_rule(tree, variable, known)
    return {
        "sum": sum_rule,
        "minus": minus_rule,
        "product": product_rule,
        "quotient": quotient_rule,
        "power": power_rule,
    }[tree.kind](tree, variable, known)


Made = tuple[str, Tree, Tree]


def sum_rule(tree: Tree, variable: str, known: Mapping[Tree, Tree]) -> Made:
    terms = [known[without_minus(part)] for part in tree.parts]
    signed = [minus_of(t) if part.kind == "minus" else t for part, t in zip(tree.parts, terms, strict=True)]
    tidied = [minus(t) if part.kind == "minus" else t for part, t in zip(tree.parts, terms, strict=True)]
    return "sum", Tree("sum", tuple(signed)), plus(*tidied)


def minus_of(tree: Tree) -> Tree:
    """The tree with a minus before it, as it stands."""
    return Tree("minus", (tree,))


def minus_rule(tree: Tree, variable: str, known: Mapping[Tree, Tree]) -> Made:
    inner = known[tree.parts[0]]
    return "factor", minus_of(inner), minus(inner)


def product_rule(tree: Tree, variable: str, known: Mapping[Tree, Tree]) -> Made:
    moving = [part for part in tree.parts if depends(part, variable)]
    fixed = [part for part in tree.parts if not depends(part, variable)]
    if len(moving) == 1:
        inner = known[moving[0]]
        return "factor", Tree("product", (*fixed, inner)), times(*fixed, inner)
    terms, tidied = [], []
    for place, part in enumerate(tree.parts):
        if depends(part, variable):
            factors = (*tree.parts[:place], known[part], *tree.parts[place + 1 :])
            terms.append(Tree("product", factors))
            tidied.append(times(*factors))
    return "product", Tree("sum", tuple(terms)), plus(*tidied)


def quotient_rule(tree: Tree, variable: str, known: Mapping[Tree, Tree]) -> Made:
    above, below = tree.parts
    square = power(below, number(2))
    if not depends(below, variable):
        return "factor", Tree("quotient", (known[above], below)), times(known[above], Tree("quotient", (ONE, below)))
    if not depends(above, variable):
        first = minus_of(Tree("quotient", (product_of((above, known[below])), square)))
        return "reciprocal", first, minus(times(Tree("quotient", (times(above, known[below]), square))))
    first = Tree("sum", (Tree("product", (known[above], below)), minus_of(Tree("product", (above, known[below])))))
    whole = plus(times(known[above], below), minus(times(above, known[below])))
    return "quotient", Tree("quotient", (first, square)), times(Tree("quotient", (whole, square)))


def power_rule(tree: Tree, variable: str, known: Mapping[Tree, Tree]) -> Made:
    base, exponent = tree.parts
    if not depends(exponent, variable):
        less = plus(exponent, number(-1))
        inner = known[base]
        outer = (exponent, power(base, less))
        if base.kind == "name":
            return "power", product_of(outer), times(*outer)
        return "power", Tree("product", (*outer, inner)), times(*outer, inner)
    if not depends(base, variable):
        factors = (tree, call("ln", base), known[exponent])
        return "exponential", Tree("product", factors), times(*factors)
    first = Tree("product", (known[exponent], call("ln", base)))
    second = Tree("quotient", (product_of((exponent, known[base])), base))
    whole = plus(times(known[exponent], call("ln", base)), times(exponent, known[base], Tree("quotient", (ONE, base))))
    return "power_of_both", Tree("product", (tree, Tree("sum", (first, second)))), times(tree, whole)


def function_rule(tree: Tree, variable: str, known: Mapping[Tree, Tree]) -> Made:
    if tree.text in ("max", "min"):
        terms, tidied = [], []
        for place, part in enumerate(tree.parts):
            if depends(part, variable):
                others = (*tree.parts[:place], *tree.parts[place + 1 :])
                factors = (call(f"share_of_{tree.text}", part, *others), known[part])
                terms.append(Tree("product", factors))
                tidied.append(times(*factors))
        return tree.text, terms[0] if len(terms) == 1 else Tree("sum", tuple(terms)), plus(*tidied)
    if tree.text not in FUNCTIONS:  # a slope of a kinked function: flat
        return "constant", ZERO, ZERO
    (argument,) = tree.parts
    slope = with_argument(FUNCTIONS[tree.text].slope, argument)
    if argument.kind == "name":
        return tree.text, slope, times(slope)
    return tree.text, Tree("product", (slope, known[argument])), times(slope, known[argument])


# ---- what is computed: the same derivative with slopes that keep their digits

STABLE = [(f.slope, f.computed) for f in FUNCTIONS.values() if f.computed]


@cache
def computed(tree: Tree) -> Tree:
    """A form of a derivative that keeps its digits where the printed one cancels."""
    found = Tree(tree.kind, tuple(computed(part) for part in tree.parts), tree.text, tree.place)
    for form, stable in STABLE:
        bound = matched(read_once(form), found)
        if bound is not None:
            return substituted(read_once(stable), bound)
    return rest_computed(found)


def rest_computed(tree: Tree) -> Tree:
    """A product that has the two factors of a slope among others."""
    if tree.kind != "product":
        return tree
    for form, stable in STABLE:
        pattern = read_once(form)
        if pattern.kind != "product":
            continue
        for pair in permutations(range(len(tree.parts)), 2):
            bound = matched(pattern, Tree("product", tuple(tree.parts[k] for k in pair)))
            if bound is not None:
                rest = [part for k, part in enumerate(tree.parts) if k not in pair]
                return Tree("product", (*rest, substituted(read_once(stable), bound)))
    return tree


# ---- formulas that are another in disguise

SAME: list[tuple[str, str]] = [  # what may be written, and the function that it is
    ("1/(1+exp(-u))", "sigmoid(u)"),
    ("exp(u)/(1+exp(u))", "sigmoid(u)"),
    ("ln(1+exp(u))", "softplus(u)"),
    ("(exp(u)-exp(-u))/(exp(u)+exp(-u))", "tanh(u)"),
    ("sinh(u)/cosh(u)", "tanh(u)"),
    ("(exp(2*u)-1)/(exp(2*u)+1)", "tanh(u)"),
    ("(1-exp(-2*u))/(1+exp(-2*u))", "tanh(u)"),
    ("max(0,u)", "relu(u)"),
]


@cache
def recognised(tree: Tree) -> Tree:
    """The formula with what is a sigmoid, a softplus or a tanh in other words called so."""
    found = Tree(tree.kind, tuple(recognised(part) for part in tree.parts), tree.text, tree.place)
    for form, function in SAME:
        bound = matched(read_once(form), found)
        if bound is not None:
            return substituted(read_once(function), bound)
    return found


@dataclass(frozen=True)
class Ending:
    """The last lines of a derivation that everybody knows: from what the rules gave to the short form."""

    name: str
    of: str  # the formula, in u and in t and p
    lines: tuple[str, ...]  # the derivative in u or p, rewritten; y is VALUE


ENDINGS = [
    Ending(
        "log_loss_of_logits",
        "-(t*ln(sigmoid(p))+(1-t)*ln(1-sigmoid(p)))",
        ("-t*(1-sigmoid(p))+(1-t)*sigmoid(p)", "sigmoid(p)-t"),
    ),
    Ending(
        "log_loss",
        "-(t*ln(p)+(1-t)*ln(1-p))",
        ("-t/p+(1-t)/(1-p)", "(-t*(1-p)+(1-t)*p)/(p*(1-p))", "(p-t)/(p*(1-p))"),
    ),
    Ending("sigmoid", "1/(1+exp(-u))", ("1/(1+exp(-u))*(exp(-u)/(1+exp(-u)))", "y*(1-y)")),
    Ending("sigmoid", "exp(u)/(1+exp(u))", ("exp(u)/(1+exp(u))*(1/(1+exp(u)))", "y*(1-y)")),
    Ending("sigmoid", "sigmoid(u)", ("sigmoid(u)*(1-sigmoid(u))", "y*(1-y)")),
    Ending("softmax", "exp(u)/(exp(u)+t)", ("exp(u)/(exp(u)+t)*(t/(exp(u)+t))", "y*(1-y)")),
    Ending(
        "tanh",
        "(exp(u)-exp(-u))/(exp(u)+exp(-u))",
        ("((exp(u)+exp(-u))^2-(exp(u)-exp(-u))^2)/(exp(u)+exp(-u))^2", "1-y^2"),
    ),
    Ending("tanh", "sinh(u)/cosh(u)", ("(cosh(u)^2-sinh(u)^2)/cosh(u)^2", "1-y^2")),
    Ending("tanh", "(exp(2*u)-1)/(exp(2*u)+1)", ("4*exp(2*u)/(exp(2*u)+1)^2", "1-y^2")),
    Ending("tanh", "(1-exp(-2*u))/(1+exp(-2*u))", ("4*exp(-2*u)/(1+exp(-2*u))^2", "1-y^2")),
    Ending("tanh", "tanh(u)", ("1-tanh(u)^2", "1-y^2")),
    Ending("softplus", "ln(1+exp(u))", ("exp(u)/(1+exp(u))", "1/(1+exp(-u))", "sigmoid(u)")),
    Ending("softplus", "softplus(u)", ("sigmoid(u)",)),
]
FORMS = {  # other ways to write the log loss
    "-(t*ln(p)+(1-t)*ln(1-p))": ("-t*ln(p)-(1-t)*ln(1-p)",),
    "-(t*ln(sigmoid(p))+(1-t)*ln(1-sigmoid(p)))": (
        "-t*ln(sigmoid(p))-(1-t)*ln(1-sigmoid(p))",
        "softplus(p)-t*p",
        "softplus(p)-p*t",
    ),
}


def ending(tree: Tree, variable: str) -> tuple[Ending, list[Tree]] | None:
    """The ending that this formula has in textbooks: its lines with the inner derivative; None where it has none.

    The formula is looked at as it was written, and then with its disguises taken off.
    """
    for each in ENDINGS:
        for form in (each.of, *FORMS.get(each.of, ())):
            for candidate in (natural(tree), recognised(natural(tree))):
                bound = matched(read_once(form), candidate)
                if bound is not None and fits(bound, variable):
                    inner = bound.get(symbol("u"), bound.get(symbol("p"), symbol(variable)))
                    slope = derivative(inner, variable)
                    bound[symbol("y")] = VALUE
                    lines = [times_kept(substituted(read_once(line), bound), slope) for line in each.lines]
                    return each, lines
    return None


def natural(tree: Tree) -> Tree:
    """The tree with `log` written as `ln`, which it is."""
    text = "ln" if tree.kind == "call" and tree.text == "log" else tree.text
    return Tree(tree.kind, tuple(natural(part) for part in tree.parts), text, tree.place)


def times_kept(tree: Tree, slope: Tree) -> Tree:
    """The tree times the inner slope; the tree as it is where that is 1."""
    return tree if slope == ONE else times(slope, tree)


def fits(bound: Mapping[Tree, Tree], variable: str) -> bool:
    """Whether what stands for the target is free of the variable, and what stands for the rest is not."""
    target = bound.get(symbol("t"))
    inner = bound.get(symbol("u"), bound.get(symbol("p")))
    return (target is None or not depends(target, variable)) and inner is not None and depends(inner, variable)


WILD = frozenset("utp")
VALUE = symbol("=")  # stands for the value of the whole formula; no name that anybody can write


def matched(pattern: Tree, tree: Tree, bound: Mapping[Tree, Tree] | None = None) -> dict[Tree, Tree] | None:
    """What u, t and p of the pattern stand for in the tree; sums and products match in any order."""
    found = dict(bound or {})
    if pattern.kind == "name" and pattern.text in WILD:
        if pattern not in found:
            return {**found, pattern: tree}
        return found if found[pattern] == tree else None
    if (pattern.kind, pattern.text, len(pattern.parts)) != (tree.kind, tree.text, len(tree.parts)):
        return None
    orders = permutations(tree.parts) if pattern.kind in ("sum", "product") and len(tree.parts) <= 4 else [tree.parts]
    for parts in orders:
        trial: dict[Tree, Tree] | None = dict(found)
        for inner, part in zip(pattern.parts, parts, strict=True):
            trial = matched(inner, part, trial)
            if trial is None:
                break
        if trial is not None:
            return trial
    return None


# ---- slopes in the value of the formula itself


def slope_in_value(tree: Tree, variable: str) -> Tree:
    """d(tree)/d(variable) as textbooks print it, with VALUE where the value of the formula itself stands in it."""
    known = ending(tree, variable)
    found = known[1][-1] if known else derivative(tree, variable)
    return substituted(found, {tree: VALUE})
