"""The loss of a framework, as a spec says it.

PyTorch and Keras average over samples and over outputs alike, cross entropy over samples alone. So each loss is here
twice: summed over the outputs of a sample, and averaged over n of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .layers import Goal, squeezed

BCE = "-(t*ln(y) + (1 - t)*ln(1 - y))/{n}"

# squeezed name -> (summed over outputs, averaged over n, what the loss itself applies to the scores that it is given)
SQUARED = ("squared_error", "mean_squared_error", "")
ABSOLUTE = ("absolute_error", "abs(t - y)/{n}", "")
LOSSES: Mapping[str, tuple[str, str, str]] = {
    **dict.fromkeys(("mseloss", "meansquarederror", "mse"), SQUARED),
    **dict.fromkeys(("l1loss", "meanabsoluteerror", "mae"), ABSOLUTE),
    "crossentropyloss": ("cross_entropy", "cross_entropy", "softmax"),
    "nllloss": ("cross_entropy", "cross_entropy", "log_softmax"),
    "bceloss": ("binary_cross_entropy", BCE, ""),
    "bcewithlogitsloss": ("binary_cross_entropy", BCE, "sigmoid"),
    "categoricalcrossentropy": ("cross_entropy", "cross_entropy", "softmax where from_logits"),
    "sparsecategoricalcrossentropy": ("cross_entropy", "cross_entropy", "softmax where from_logits"),
    "binarycrossentropy": ("binary_cross_entropy", BCE, "sigmoid where from_logits"),
    "huberloss": ("huber", "", ""),
    "huber": ("huber", "", ""),
}
CHANGED = ("label_smoothing", "weight", "pos_weight")  # attributes that make another loss of it


def goal_of(loss: Any, outputs: int) -> Goal | None:
    """The goal that a framework's loss, an object or the name of one, stands for; None where a spec cannot say it."""
    kind = loss if isinstance(loss, str) else getattr(loss, "__name__", type(loss).__name__)
    if squeezed(kind) not in LOSSES:
        return None
    summed, averaged, end = LOSSES[squeezed(kind)]
    reduction = getattr(loss, "reduction", "mean")
    reduction = "mean" if reduction in ("mean", "sum_over_batch_size") else reduction
    if reduction not in ("mean", "sum") or any(is_set(getattr(loss, name, None)) for name in CHANGED):
        return None
    written: Any = summed if reduction == "sum" or outputs == 1 else averaged.format(n=outputs)
    if not written:
        return None
    if written == "huber":
        written = {"huber": {"delta": float(getattr(loss, "delta", 1.0))}}
    end, _, where = end.partition(" where ")
    return Goal(written, reduction, end if end and (not where or getattr(loss, where, False)) else None)


def is_set(value: Any) -> bool:
    """Whether an attribute says something: neither None nor 0."""
    return value is not None and not (isinstance(value, (int, float)) and value == 0)
