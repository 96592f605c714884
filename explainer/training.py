"""Many updates: all are made, a few are worked in full."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import lru_cache, partial

import numpy as np

from .errors import ExplainerError
from .graph import descendants, order, readers
from .networks import Network, network
from .notation import Quantity
from .ops import OPS, Array
from .problem import Problem
from .values import Values, backward, forward, unrounded
from .worked import TOO_LARGE, TOO_ROUND, Worked, as_shown, left_over, refuse_infinite, rounding_of, stepped, worked

POINTS = 200  # of the curve


@dataclass(frozen=True, eq=False)
class Training:
    """Some epochs worked in full, and the loss over all of them."""

    worked: list[Worked]  # `iteration` is one more than the number of updates before it
    curve: list[tuple[int, float]]  # (epoch, loss before its update)


def trained(
    problem: Problem, epochs: int, show: Collection[int], report: Callable[[int], None] = lambda epoch: None
) -> Training:
    """Make `epochs` updates, each over all samples; work those in full that start after so many updates as `show` says.

    `report` is called now and then with the number of updates made.
    """
    net = network(problem)
    if not net.trained or problem.optimizer is None:
        raise ExplainerError("there is nothing to train; add targets, a loss and an optimizer")
    found = Training([], [])
    given, states = net.given, dict[Quantity, Array]()
    every = max(1, epochs // POINTS)
    rounding = rounding_of(problem)
    for epoch in range(epochs + 1):
        if epoch in show:
            found.worked.append(worked(net, given, states, epoch + 1))
        noted = epoch % every == 0 or epoch == epochs
        with np.errstate(all="ignore"):  # what is not finite is refused by name, not by warning
            given, states, loss = advanced(net, given, states, epoch + 1, rounding)
        if noted:
            refuse_infinite({net.end: np.asarray(loss)}, TOO_LARGE if rounding is unrounded else TOO_ROUND)
            found.curve.append((epoch, float(loss)))
            report(epoch)
    return found


def advanced(
    net: Network, given: Values, states: Mapping[Quantity, Array], iteration: int, rounding: Callable[[Array], Array]
) -> tuple[Values, dict[Quantity, Array], float]:
    """Parameters and states after one more update, and the loss before it."""
    if rounding is unrounded:
        values, adjoints = passes(net).both(given)
    else:
        values = forward(net.end, as_shown(net, given, rounding), rounding)
        adjoints = backward(net.end, values, set(net.trained), rounding).adjoints
    made = stepped(net, values, adjoints, states, iteration, rounding)
    return *left_over(net, given, made), values[net.end].item()


@lru_cache(maxsize=8)
def passes(net: Network) -> Passes:
    return Passes(net)


class Passes:
    """The forward and the backward pass of one network, laid out once for thousands of updates.

    The same operations in the same order as `values.forward` and `values.backward`, without asking anew what depends
    on what.
    """

    def __init__(self, net: Network) -> None:
        nodes = order(net.end)
        wanted = descendants(net.end, set(net.trained))
        reads = readers(net.end)
        self.end = net.end
        self.forwards = [(n, partial(OPS[n.op].value, **n.params), n.parents) for n in nodes if n.op != "leaf"]
        self.backwards = [
            (n, partial(OPS[n.op].vjp, **n.params), n.parents)
            for n in reversed(nodes)
            if n.op != "leaf" and n in wanted and (reads[n] or n is net.end)
        ]
        self.wanted = wanted

    def both(self, given: Values) -> tuple[Values, Values]:
        """The value and the adjoint of every node."""
        values = dict(given)
        for node, value, parents in self.forwards:
            values[node] = value(*[values[p] for p in parents])
        adjoints: Values = {self.end: np.ones(self.end.shape)}
        for node, vjp, parents in self.backwards:
            parts = vjp(adjoints[node], values[node], *[values[p] for p in parents])
            for parent, part in zip(parents, parts, strict=False):
                if part is not None and parent in self.wanted:
                    adjoints[parent] = adjoints[parent] + part if parent in adjoints else part
        return values, adjoints
