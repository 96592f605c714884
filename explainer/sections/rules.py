"""A derivative rule by rule: the rules that it takes, a step for each use of one, and the short form at the end."""

from __future__ import annotations

from collections.abc import Iterator

from ..expressions import FUNCTIONS, SEVERAL, subtrees
from ..render import Speaker
from ..rules import Derived, Formulas, is_chained, rules_used


def rule_list(found: Derived, say: Speaker, formula: Formulas) -> Iterator[str]:
    yield say.text("derivative_rules_opening", variable=formula.variable)
    yield say.text(
        "derivative_rules",
        items=[
            say.text("derivative_rule", named=say.text("rule_name", rule=r), tex=formula.rule(r))
            for r in rules_used(found)
        ],
    )
    if any(is_chained(step) for step in found.steps):
        yield say.text("derivative_chain", variable=formula.variable)
    for part in dict.fromkeys(part.text for part in subtrees(found.formula) if part.kind == "call"):
        if part in SEVERAL or FUNCTIONS[part].kinked:
            yield say.text("derivative_kink", kinked="max" if part in SEVERAL else part)


def step_list(found: Derived, say: Speaker, formula: Formulas) -> Iterator[str]:
    rules = rules_used(found)
    for n, step in enumerate(found.steps, 1):
        lines = list(dict.fromkeys((formula(step.at_first), formula(step.result))))
        origins = say.word("origin_separator").join(
            say.text("derivative_origin", symbol=formula(found.steps[k].of), n=str(k + 1)) for k in step.uses
        )
        yield say.text(
            "derivative_step",
            n=str(n),
            named=say.text("rule_name", rule=step.rule),
            number=str(rules.index(step.rule) + 1),
            chained=is_chained(step),
            left=formula.slope_of(step.of),
            lines=lines,
            from_steps=say.text("from_steps", origins=origins) if origins else "",
        )


def short_form(found: Derived, say: Speaker, formula: Formulas) -> Iterator[str]:
    assert found.ending is not None
    which, lines = found.ending
    texts = list(dict.fromkeys([formula(found.steps[-1].result), *map(formula, lines)]))
    if which.name == "log_loss_of_logits":
        probability = next(each for each in ("p", formula.m.hat("p")) if each not in formula.known)
        target = formula(lines[-1]).partition(" - ")[2]
        texts += [f"{probability} - {target}"] if lines[-1].kind == "sum" else []
        yield say.text("derivative_short", ending=which.name, symbol=probability, left=formula.whole, lines=texts)
    else:
        yield say.text("derivative_short", ending=which.name, symbol=formula.result, left=formula.whole, lines=texts)
