"""The catalogue of mistakes: what people compute in the place of a line's formula.

A row is one misconception: its public name, its letter code, the kinds of line it is made at, what has to be so for it
to be one there, and what is computed instead, as a function of the roles that the line has (`network_roles`). The
sentence that is said to the reader stands under the same name in the templates. A row whose numbers cannot be told from
the right formula's is never offered: the rule has accepted the line before.

The rows and their letter codes follow a survey of published mistakes; the sources are in the reference. Four rows are
ours, from sheets that people tried: A08, A09, A10 and B13.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from inspect import signature
from itertools import product
from typing import Any

import numpy as np

from ..expressions import sigmoid
from ..ops import Array
from .lines import Line, Roles, Way, way_of_roles

Formula = Callable[..., Any]


@dataclass(frozen=True)
class Mistake:
    """One misconception. `formulas` are what it may compute; a role that they name and the line has not rules it out."""

    code: str
    slug: str
    kinds: tuple[str, ...]
    formulas: tuple[Formula, ...]
    needs: tuple[str, ...] = ()  # traits of which the line must have one
    unless: tuple[str, ...] = ()  # traits of which it must have none


def total(x: Any) -> Any:
    """The sum over the first axis, of a role that stands for several quantities."""
    return x.sum(axis=0) if isinstance(x, np.ndarray) else x


def relu(z: Array) -> Array:
    return np.maximum(z, 0.0)


def sigmoid_slope(y: Array) -> Array:
    return np.asarray(y * (1 - y))


def row(code: str, slug: str, kinds: str, *formulas: Formula, needs: str = "", unless: str = "") -> Mistake:
    return Mistake(code, slug, tuple(kinds.split()), formulas, tuple(needs.split()), tuple(unless.split()))


SQUARED = "half_squared_error squared_error mean_squared_error"
ENTROPY = "cross_entropy binary_cross_entropy"
UPDATES = "update step bias_update bias_step"
TEN = np.log(10)

FORWARDS = (
    row("F01", "activation-skipped", "activation", lambda z: z, unless="identity"),
    row("F02", "sigmoid-sign", "activation", lambda z: sigmoid(-z), needs="sigmoid"),
    row("F03", "base-ten-exponential", "activation", lambda z: 1 / (1 + 10.0**-z), needs="sigmoid"),
    row("F04", "sigmoid-brackets", "activation", lambda z: 1 + np.exp(-z), needs="sigmoid"),
    row("F05", "wrong-activation", "activation", lambda z: sigmoid(z), lambda z: np.tanh(z), lambda z: relu(z), unless="softmax"),
    row("F06", "tan-for-tanh", "activation", lambda z: np.tan(z), lambda z: np.tan(z * np.pi / 180), needs="tanh"),
    row("F07", "relu-absolute", "activation", lambda z: np.abs(z), needs="relu"),
    row("F08", "pre-activations-as-inputs", "weighted_sum", lambda w, z_before, b, c: total(w * z_before) + c * b),
    row("F09", "transposed-weights", "weighted_sum", lambda w_turned, x, b, c: total(w_turned * x) + c * b),
    row("F10", "swapped-weights", "weighted_sum", lambda w_swapped, x, b, c: total(w_swapped * x) + c * b),
    row("F11", "missing-input", "weighted_sum", lambda w_and_x_but_one, b, c: total(w_and_x_but_one[0] * w_and_x_but_one[1]) + c * b),
    row("F12", "missing-bias", "weighted_sum", lambda w, x: total(w * x)),
    row("F13", "bias-sign", "weighted_sum", lambda w, x, b, c: total(w * x) - c * b),
    row("F14", "unweighted-sum", "weighted_sum", lambda x, b, c: total(x) + c * b),
    row("F15", "softmax-without-exponential", "activation", lambda z, zs: z / total(zs), needs="softmax"),
    row("F16", "sigmoid-for-softmax", "activation", lambda z: sigmoid(z), needs="softmax"),
    row("F17", "softmax-without-own-class", "activation", lambda z, zs: np.exp(z) / (total(np.exp(zs)) - np.exp(z)), needs="softmax"),
    row("F18", "sigmoid-numerator", "activation", lambda z: z * sigmoid(z), needs="sigmoid"),
)  # fmt: skip

LOSSES = (
    row("L01", "half-factor", "loss", lambda right, penalty: 2 * right - total(penalty), needs="half_squared_error"),
    row("L01", "half-factor", "loss", lambda right, penalty: (right + total(penalty)) / 2, needs="squared_error mean_squared_error"),
    row("L02", "error-not-squared", "loss", lambda y, t, share: share * total(np.abs(t - y)), lambda y, t, share: share * total(np.abs(t - y)) / 2, needs=SQUARED),
    row("L03", "logarithm-base", "loss", lambda right, penalty: (right - total(penalty)) / TEN + total(penalty), needs=ENTROPY),
    row("L04", "cross-entropy-sign", "loss", lambda right, penalty: 2 * total(penalty) - right, needs=ENTROPY),
    row("L05", "missing-cross-entropy-term", "loss", lambda y, t, share, penalty: total(penalty) - share * total(t * np.log(y)), needs="binary_cross_entropy"),
    row("L06", "loss-not-averaged", "loss", lambda right, penalty, m: m * (right - total(penalty)) + total(penalty), lambda right, m: m * right, needs="batch"),
    row("L07", "bias-in-penalty", "loss", lambda right, rate, biases, penalty_scale: right + penalty_scale * rate / 2 * total(biases**2), needs="l2"),
    row("L08", "penalty-forgotten", "loss", lambda right, penalty: right - total(penalty), lambda right, penalty, m: right + (m - 1) * total(penalty), needs="l2"),
)  # fmt: skip

OUTPUTS = (
    row("B01", "sign", "output_error", lambda right: -right),
    row("B02", "derivative-factor", "output_error", lambda right: 2 * right, lambda right: right / 2, needs=SQUARED),
    row("B03", "square-kept", "output_error", lambda y, t: (t - y) ** 2, lambda y, t: (t - y) ** 2 / 2, lambda y, t: -((t - y) ** 2), needs=SQUARED),
    row("B04", "derivative-at-z", "slope", lambda z: z * (1 - z), needs="sigmoid"),
    row("B05", "activation-twice", "slope", lambda y: sigmoid_slope(sigmoid(y)), needs="sigmoid"),
    row("B05", "activation-twice", "slope", lambda y: 1 - np.tanh(y) ** 2, needs="tanh"),
    row("B06", "half-of-derivative", "slope", lambda y: y, lambda y: 1 - y, needs="sigmoid"),
    row("B07", "other-derivative", "slope", lambda y: 1 - y**2, lambda y: y * (1 + y), lambda y: (1 - y) ** 2, lambda y: y * (y - 1), needs="sigmoid"),
    row("B07", "other-derivative", "slope", lambda y: y * (1 - y), lambda y: 1 + y**2, lambda y: 1 - y, lambda y: -(y**2), needs="tanh"),
    row("B08", "missing-activation-derivative", "output_delta", lambda g: g, unless="identity"),
    row("B09", "delta-sign", "output_delta delta_of_scores", lambda right: -right),
    row("B10", "loss-for-derivative", "output_delta", lambda y, t, s: (t - y) ** 2 / 2 * s, needs=SQUARED),
    row("B11", "extra-activation-derivative", "delta_of_scores", lambda right, y: right * sigmoid_slope(y)),
    row("B12", "softmax-elementwise", "delta_of_scores", lambda y, t: -t * (1 - y), needs="softmax"),
    row("B13", "negated-error", "output_delta", lambda g: -g, unless="identity"),
)  # fmt: skip

HIDDEN = (
    row("H01", "missing-hidden-derivative", "hidden_delta", lambda g: g, unless="identity relu"),
    row("H02", "hidden-derivative-at-z", "hidden_delta", lambda g, z: g * z * (1 - z), needs="sigmoid"),
    row("H02", "hidden-derivative-at-z", "hidden_delta", lambda g, z: g * (1 - z**2), needs="tanh"),
    row("H03", "hidden-activation-twice", "hidden_delta", lambda g, y: g * sigmoid_slope(sigmoid(y)), needs="sigmoid"),
    row("H03", "hidden-activation-twice", "hidden_delta", lambda g, y: g * (1 - np.tanh(y) ** 2), needs="tanh"),
    row("H04", "one-path", "hidden_delta hidden_error", lambda one_way, s: one_way[0] * one_way[1] * s),
    row("H05", "updated-weights-used", "hidden_delta hidden_error", lambda w_new, d, s: total(w_new * d) * s),
    row("H06", "weight-left-out", "hidden_delta hidden_error", lambda d, s: total(d) * s),
    row("H07", "transposed-weights-back", "hidden_delta hidden_error", lambda w_turned, d, s: total(w_turned * d) * s),
    row("H08", "incoming-weight", "hidden_delta hidden_error", lambda w_into, d, s: w_into * total(d) * s),
    row("H09", "next-derivative", "hidden_delta", lambda w, d, y_after: total(w * d * sigmoid_slope(y_after)), needs="sigmoid"),
    row("H10", "error-splitting", "hidden_delta hidden_error", lambda w, d, s, one_way: total(w * d) / total(w) * s + 0 * one_way[0]),
    row("H11", "relu-derivative", "hidden_delta", lambda g: g, lambda g, z: g * z, needs="relu"),
    row("H12", "other-hidden-derivative", "hidden_delta", lambda g, y: g * (1 - y**2), needs="sigmoid"),
    row("H12", "other-hidden-derivative", "hidden_delta", lambda g, y: g * y * (1 - y), lambda g, y: g * (1 - y), lambda g, y: g * (1 + y**2), needs="tanh"),
    row("H13", "hidden-sign", "hidden_delta hidden_error", lambda right: -right),
)  # fmt: skip

GRADIENTS = (
    row("G01", "own-output", "gradient", lambda d, y_own, rate, w: total(d * y_own) + rate * w),
    row("G02", "weight-for-activation", "gradient", lambda d, w, rate: total(d) * w + rate * w),
    row("G03", "source-pre-activation", "gradient", lambda d, z_before, rate, w: total(d * z_before) + rate * w),
    row("G04", "activation-left-out", "gradient", lambda d, rate, w: total(d) + rate * w, unless="batch"),
    row("G05", "wrong-source", "gradient", lambda d, other_a, rate, w: total(d * other_a) + rate * w),
    row("G06", "wrong-target", "gradient", lambda other_d, a, rate, w: total(other_d * a) + rate * w),
    row("G06", "wrong-target", "bias_gradient", lambda other_d, c: c * total(other_d)),
    row("G07", "gradient-sign", "gradient bias_gradient shared_gradient", lambda right: -right),
)  # fmt: skip

BATCHES = (
    row("A01", "not-averaged", "gradient", lambda d, a, m, rate, w: m * total(d * a) + rate * w, lambda right, m: m * right, needs="mean"),
    row("A01", "not-averaged", "bias_gradient", lambda right, m: m * right, needs="mean"),
    row("A02", "averaged-twice", "gradient bias_gradient", lambda right, m: right / m, lambda right, m: right * m / (m - 1), lambda right: right / 2, needs="mean"),
    row("A03", "penalty-gradient-forgotten", "gradient", lambda d, a: total(d * a), needs="l2"),
    row("A04", "penalty-gradient-scale", "gradient", lambda d, a, rate, w: total(d * a) - rate * w, lambda d, a, rate, w, m: total(d * a) + m * rate * w, lambda d, a, rate, w: total(d * a) + 2 * rate * w, lambda d, a, rate, w: total(d * a) + rate * w**2, lambda d, a, rate, w: total(d * a) + rate + 0 * w, needs="l2"),
    row("A05", "bias-penalised", "bias_gradient", lambda right, bias_rate, w: right + bias_rate * w),
    row("A06", "inputs-left-out", "gradient", lambda d, rate, w: total(d) + rate * w, needs="batch"),
    row("A07", "product-of-means", "gradient", lambda d, a, m, rate, w: total(d) * total(a) / m + rate * w, needs="batch"),
    row("A08", "one-sample-only", "gradient", lambda one_sample, rate, w: one_sample[0] * one_sample[1] + rate * w),
    row("A08", "one-sample-only", "bias_gradient", lambda one_delta, c: c * one_delta),
    row("A08", "one-sample-only", "gradient", lambda one_sample, m, rate, w: m * one_sample[0] * one_sample[1] + rate * w, needs="mean"),
    row("A08", "one-sample-only", "bias_gradient", lambda one_delta, c, m: c * m * one_delta, needs="mean"),
    row("A08", "one-sample-only", "loss", lambda one_loss, penalty: one_loss + total(penalty)),
    row("A08", "one-sample-only", "loss", lambda one_loss, share, penalty: share * one_loss + total(penalty), needs="mean"),
    row("A09", "sample-left-out", "gradient", lambda but_one_sample, rate, w: total(but_one_sample[0] * but_one_sample[1]) + rate * w),
    row("A09", "sample-left-out", "bias_gradient", lambda but_one_delta, c: c * total(but_one_delta)),
    row("A09", "sample-left-out", "loss", lambda but_one_loss, share, penalty: share * total(but_one_loss) + total(penalty)),
    row("A10", "averaged-for-summed", "gradient", lambda d, a, m, rate, w: total(d * a) / m + rate * w, needs="batch", unless="mean"),
    row("A10", "averaged-for-summed", "bias_gradient", lambda d, c, m: c * total(d) / m, needs="batch", unless="mean"),
    row("A10", "averaged-for-summed", "loss", lambda right, penalty, m: (right - total(penalty)) / m + total(penalty), needs="batch", unless="mean"),
)  # fmt: skip

STEPS = (
    row("U01", "step-direction", UPDATES, lambda w, learning_rate, g: w + learning_rate * g, needs="sgd"),
    row("U02", "learning-rate-forgotten", UPDATES, lambda w, g: w - g, lambda w, g: w + g, needs="sgd"),
    row("U03", "old-weight-forgotten", "update bias_update", lambda learning_rate, g: -learning_rate * g, lambda learning_rate, g: learning_rate * g, needs="sgd"),
    row("U04", "learning-rate-on-all", UPDATES, lambda w, learning_rate, g: learning_rate * (w - g), needs="sgd"),
    row("U05", "delta-for-gradient", "update step", lambda w, learning_rate, d: w - learning_rate * d, needs="sgd"),
    row("U06", "multiplicative-update", UPDATES, lambda w, learning_rate, g: w * (1 - learning_rate * g), needs="sgd"),
    row("U07", "learning-rate-misplaced", UPDATES, lambda w, learning_rate, g: w - g / learning_rate, lambda w, learning_rate, g: w - learning_rate**2 * g, needs="sgd"),
    row("U08", "bias-not-updated", "bias_update", lambda w: w),
)  # fmt: skip

OPTIMIZERS = (
    row("O01", "momentum-sign", "state_v", lambda beta, v_old, g: beta * v_old - g),
    row("O02", "old-velocity-forgotten", "state_v", lambda g: g, needs="momentum averaged nesterov"),
    row("O03", "averaged-velocity", "state_v", lambda beta, v_old, g: beta * v_old + (1 - beta) * g, needs="momentum nesterov"),
    row("O03", "averaged-velocity", "state_v", lambda beta, v_old, g: beta * v_old + g, needs="averaged"),
    row("O04", "beta-on-gradient", "state_v", lambda beta, v_old, g: v_old + beta * g),
    row("O05", "velocity-added", UPDATES, lambda w, learning_rate, v: w + learning_rate * v, needs="momentum averaged nesterov"),
    row("O06", "correction-forgotten", "state_m_hat", lambda m: m),
    row("O06", "correction-forgotten", "state_v_hat", lambda v: v),
    row("O07", "correction-without-power", "state_m_hat", lambda m, beta1: m / (1 - beta1)),
    row("O07", "correction-without-power", "state_v_hat", lambda v, beta2: v / (1 - beta2)),
    row("O08", "correction-multiplied", "state_m_hat", lambda m, beta1, t: m * (1 - beta1**t)),
    row("O08", "correction-multiplied", "state_v_hat", lambda v, beta2, t: v * (1 - beta2**t)),
    row("O09", "second-moment-not-squared", "state_v", lambda beta2, v_old, g: beta2 * v_old + (1 - beta2) * g),
    row("O09", "second-moment-not-squared", "state_s", lambda beta, s_old, g: beta * s_old + (1 - beta) * g, needs="rmsprop"),
    row("O10", "root-missing", UPDATES, lambda w, learning_rate, m_hat, v_hat, epsilon: w - learning_rate * m_hat / (v_hat + epsilon)),
    row("O10", "root-missing", UPDATES, lambda w, learning_rate, g, s, epsilon: w - learning_rate * g / (s + epsilon), needs="adagrad rmsprop"),
    row("O11", "uncorrected-moments", UPDATES, lambda w, learning_rate, m, v, epsilon: w - learning_rate * m / (np.sqrt(v) + epsilon), needs="adam"),
    row("O12", "adaptive-step-added", UPDATES, lambda w, learning_rate, m_hat, v_hat, epsilon: w + learning_rate * m_hat / (np.sqrt(v_hat) + epsilon)),
    row("O12", "adaptive-step-added", UPDATES, lambda w, learning_rate, g, s, epsilon: w + learning_rate * g / (np.sqrt(s) + epsilon), needs="adagrad rmsprop"),
    row("O13", "betas-exchanged", "state_m", lambda beta1, m_old, g: (1 - beta1) * m_old + beta1 * g),
    row("O13", "betas-exchanged", "state_v", lambda beta2, v_old, g: (1 - beta2) * v_old + beta2 * g**2),
    row("O13", "betas-exchanged", "state_s", lambda beta, s_old, g: (1 - beta) * s_old + beta * g**2, needs="rmsprop"),
)  # fmt: skip

CATALOGUE: tuple[Mistake, ...] = (
    *FORWARDS, *LOSSES, *OUTPUTS, *HIDDEN, *GRADIENTS, *BATCHES, *STEPS, *OPTIMIZERS,
)  # fmt: skip
CODES = {mistake.slug: mistake.code for mistake in CATALOGUE}

FAMILIES = (  # one misunderstanding, made at several places
    ("derivative-at-z", "hidden-derivative-at-z"),
    ("activation-twice", "hidden-activation-twice"),
    ("other-derivative", "other-hidden-derivative"),
    ("missing-activation-derivative", "negated-error", "missing-hidden-derivative"),
    ("delta-sign", "hidden-sign"),
    ("penalty-forgotten", "penalty-gradient-forgotten"),
    ("bias-in-penalty", "bias-penalised"),
    ("loss-not-averaged", "not-averaged"),
)
FAMILY = {slug: family[0] for family in FAMILIES for slug in family}  # by the first of them


def mistakes_at(roles: Roles) -> Iterator[Mistake]:
    """The rows that apply at a line."""
    for mistake in CATALOGUE:
        if roles.kind not in mistake.kinds or any(trait in roles.known for trait in mistake.unless):
            continue
        if not mistake.needs or any(trait in roles.known for trait in mistake.needs):
            yield mistake


def mistaken(mistake: Mistake, line: Line, roles: Roles) -> Iterator[Way]:
    """The ways that somebody with the misconception may go at the line; none where a role is missing."""
    for formula in mistake.formulas:
        asked = [name for name in names_asked(formula) if name != "right"]
        if any(name not in roles.known for name in asked):
            continue
        options = [roles.known[name] if isinstance(roles.known[name], list) else [roles.known[name]] for name in asked]
        for chosen in product(*options):
            known = dict(zip(asked, chosen, strict=True))
            yield with_right(formula, known, line, roles)


@cache
def names_asked(formula: Formula) -> tuple[str, ...]:
    """What a formula of the table asks for, by name."""
    return tuple(signature(formula).parameters)


def with_right(formula: Formula, known: dict[str, Any], line: Line, roles: Roles) -> Way:
    """The formula of the roles and of `right`, what the right formula gives; of a step, less the old weight."""
    asks_right = "right" in names_asked(formula)
    is_step = roles.kind in ("step", "bias_step")
    if not asks_right and not is_step:
        return way_of_roles(formula, known)
    parts = way_of_roles(formula, known) if not asks_right else None
    own = np.concatenate([np.zeros(0, int), *(np.ravel(v) for v in known.values() if not isinstance(v, float))])
    right = line.ways[0]
    extra = [int(roles.known["w"])] if is_step else []
    reads = np.unique(np.concatenate([right.reads, own, extra]).astype(int))
    slots = {k: v if isinstance(v, float) else np.searchsorted(reads, np.asarray(v)) for k, v in known.items()}
    of_right = np.searchsorted(reads, right.reads)
    of_parts = np.searchsorted(reads, parts.reads) if parts is not None else None

    def value(read: Array) -> Array:
        if parts is not None:
            found = parts.value(read[of_parts])
        else:
            numbers = {k: v if isinstance(v, float) else read[v] for k, v in slots.items()}
            found = np.broadcast_to(formula(right=right.value(read[of_right]), **numbers), read.shape[1:])
        return np.asarray(found - read[np.searchsorted(reads, extra[0])] if is_step else found, float)

    return Way(reads, value)
