"""The loss of a framework, as a spec says it.

PyTorch and Keras average over samples and over outputs alike, cross entropy over samples alone. So each loss is here
twice: summed over the outputs of a sample, and averaged over n of them. Where samples are summed, PyTorch sums over
outputs too; Keras still averages over them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from .layers import Goal, squeezed

BCE = "-(t*ln(y) + (1 - t)*ln(1 - y))/{n}"
BCE_OF_SCORES = "(softplus(y) - t*y)/{n}"  # the same of a sigmoid, exact also where that is all but 0 or 1
HUBER = "min(abs(t - y), {delta})*(abs(t - y) - min(abs(t - y), {delta})/2)/{n}"

# squeezed name -> (summed over outputs, averaged over n, what the loss itself applies to the scores that it is given)
SQUARED = ("squared_error", "mean_squared_error", "")
ABSOLUTE = ("absolute_error", "abs(t - y)/{n}", "")
SHARES = ("cross_entropy", "cross_entropy", "")
SCORES = ("cross_entropy", "cross_entropy", "softmax")
BINARY_SCORES = ("binary_cross_entropy", BCE_OF_SCORES, "sigmoid")
DIVIDING = ("categoricalcrossentropy", "sparsecategoricalcrossentropy")  # by the sum of the outputs: of a softmax, by 1
LOSSES: Mapping[str, tuple[str, str, str]] = {
    **dict.fromkeys(("mseloss", "meansquarederror", "mse"), SQUARED),
    **dict.fromkeys(("l1loss", "meanabsoluteerror", "mae"), ABSOLUTE),
    **dict.fromkeys(("huberloss", "huber", "smoothl1loss"), ("huber", HUBER, "")),
    **dict.fromkeys(DIVIDING, SHARES),
    **dict.fromkeys(("crossentropyloss", *(f"{name} from logits" for name in DIVIDING)), SCORES),
    "nllloss": ("cross_entropy", "cross_entropy", "log_softmax"),
    **dict.fromkeys(("bceloss", "binarycrossentropy"), ("binary_cross_entropy", BCE, "")),
    **dict.fromkeys(("bcewithlogitsloss", "binarycrossentropy from logits"), BINARY_SCORES),
}
UNCHANGED: Mapping[str, Callable[[Any], bool]] = {  # the settings with which a loss is the one that is read here
    "label_smoothing": lambda value: value == 0,
    "weight": lambda value: value is None,
    "pos_weight": lambda value: value is None,
    "ignore_index": lambda value: value < 0,
    "ignore_class": lambda value: value is None,
    "axis": lambda value: value in (-1, 1),
    "beta": lambda value: value == 1,  # SmoothL1Loss is then HuberLoss
}


@dataclass(frozen=True)
class Said:
    """What a framework's loss says of itself."""

    kind: str
    setting: Callable[..., Any]  # by its name, and what stands for it where there is none
    averages: bool = True  # over outputs, however samples are put together


def said_by(loss: Any) -> Said | None:
    """A name or a configuration of Keras, or an object of either framework; None where it is somebody's own."""
    if isinstance(loss, str):
        return Said(loss, {}.get)
    if isinstance(loss, Mapping):
        inner = loss.get("config")
        if loss.get("class_name") == "function":
            return Said(str(inner), {}.get)
        if str(loss.get("module")).partition(".")[0] != "keras" or not isinstance(inner, Mapping):
            return None
        if loss.get("class_name") == "Huber" and "delta" not in inner:
            return None  # as Keras writes it: it forgets delta
        return Said(str(loss.get("class_name")), inner.get)
    kind = getattr(loss, "__name__", type(loss).__name__)
    home = getattr(loss if hasattr(loss, "__name__") else type(loss), "__module__", "")
    if home.startswith("torch.nn."):
        return Said(kind, lambda name, other=None: getattr(loss, name, other), averages=False)
    if home.partition(".")[0] != "keras":
        return None
    settings = dict(loss.get_config()) if hasattr(loss, "get_config") else {}
    return Said(kind, (settings | getattr(loss, "_fn_kwargs", {})).get)  # Keras leaves Huber's delta out of the first


def name_of(loss: Any) -> str:
    """What a loss is called, for a fault."""
    if isinstance(loss, Mapping):
        return str(loss.get("config") if loss.get("class_name") == "function" else loss.get("class_name"))
    return loss if isinstance(loss, str) else str(getattr(loss, "__name__", type(loss).__name__))


def goal_of(loss: Any, outputs: int) -> Goal | None:
    """The goal that a framework's loss stands for; None where a spec cannot say it."""
    said = said_by(loss)
    if said is None:
        return None
    kind = squeezed(said.kind) + (" from logits" if said.setting("from_logits", False) else "")
    if kind not in LOSSES:
        return None
    reduction = said.setting("reduction", "mean")
    reduction = "mean" if reduction == "sum_over_batch_size" else reduction
    missing = object()
    settings = {name: said.setting(name, missing) for name in UNCHANGED}
    changed = [name for name, value in settings.items() if value is not missing and not UNCHANGED[name](value)]
    if reduction not in ("mean", "sum") or changed:
        return None
    summed, averaged, end = LOSSES[kind]
    delta = float(said.setting("delta", 1.0))
    written: Any = {"huber": {"delta": delta}} if summed == "huber" else summed
    if outputs > 1 and (said.averages or reduction == "mean"):
        written = averaged.format(n=outputs, delta=delta)
        end = "" if averaged == BCE_OF_SCORES else end
    return Goal(written, reduction, end or None, "softmax" if kind in DIVIDING else None)
