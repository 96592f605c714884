"""What the catalogue of mistakes may speak of at each line of a network: the weights, the neighbours, the other layer.

A role that a line has not is left out, and mistakes that need it do not apply there. What one of several may stand for
(another source, another input) is a choice: a list of quantities, tried one by one.
"""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np

from ..graph import Node
from ..notation import Quantity, quantity_of
from ..ops import Array
from .lines import Roles
from .network_lines import NetworkLines

MOST_INPUTS = 12  # of a neuron, up to which pairs of them are looked at
MOST_SAMPLES = 30  # of a batch, up to which each of them is looked at
LOSS_CELLS = ("loss", "data_loss", "sample_loss", "loss_term")


def roles_of(lines: NetworkLines, number: int) -> Roles:
    """The roles at the line of a quantity."""
    apart = lines.apart(number)
    if apart is not None:
        return apart
    k, quantity, entry = lines.block_of(number)
    return _Finding(lines, k, quantity, entry).roles()


class _Finding:
    def __init__(self, lines: NetworkLines, k: int, quantity: Quantity, entry: int) -> None:
        self.lines, self.k, self.what, self.node, self.entry = lines, k, quantity.what, quantity.node, entry
        self.net = lines.net
        self.place = np.unravel_index(entry, self.node.shape) if self.node.shape else ()

    def roles(self) -> Roles:
        if self.what == "value" or (self.what == "updated" and self.node.op != "leaf"):
            return self.of_pass()
        if self.what == "slope":
            return self.of_slope()
        if self.what == "adjoint":
            return self.of_adjoint()
        return self.of_update()

    # ---- places

    def at(self, what: str, node: Node) -> Array:
        return self.lines.at(self.k, what, node)

    def layer_of(self, node: Node) -> int:
        """The layer of a pre-activation, an activation or a slope, from 0."""
        return next(n for n, layer in enumerate(self.net.layers) if node in (layer.pre_activation, layer.activation))

    def source(self, n: int) -> Node:
        return self.net.layers[n - 1].activation if n else self.net.inputs

    @staticmethod
    def there(**known: Any) -> dict[str, Any]:
        """The roles that there are: -1 stands for no entry."""
        found = {}
        for role, number in known.items():
            if isinstance(number, float) or (
                number is not None and np.size(number) and not (np.asarray(number) < 0).any()
            ):
                found[role] = number
        return found

    # ---- forwards, with the old weights or the new

    def of_pass(self) -> Roles:
        kind = quantity_of(self.node)
        if kind == "pre_activation":
            return self.weighted_sum()
        if kind == "activation":
            n, (j, s) = self.layer_of(self.node), self.place
            z = self.at(self.what, self.net.layers[n].pre_activation)
            return Roles("activation", {self.node.op: 1.0} | self.there(z=z[j, s], zs=z[:, s], j=float(j)))
        if kind in LOSS_CELLS and self.net.targets is not None:
            return self.loss(kind)
        return Roles(kind)

    def weighted_sum(self) -> Roles:
        n, (j, s) = self.layer_of(self.node), self.place
        layer = self.net.layers[n]
        W, x = self.at(self.what, layer.weights), self.at(self.what, self.source(n))[:, s]
        kept = W[j] >= 0
        known = self.there(w=W[j][kept], x=x[kept])
        if layer.biases is not None:
            known |= self.there(
                b=self.at(self.what, layer.biases)[j, 0], c=float(layer.pre_activation.params["bias_input"])
            )
        else:
            known |= {"b": 0.0, "c": 1.0}
        if (1 if layer.biases is None else 0) < kept.sum() <= MOST_INPUTS:
            w, x = known["w"], known["x"]
            known["w_swapped"] = [swapped(w, i, k) for i, k in combinations(range(len(w)), 2)]
            known["w_and_x_but_one"] = [np.array([np.delete(w, i), np.delete(x, i)]) for i in range(len(w))]
        if n:
            known |= self.there(z_before=self.at(self.what, self.net.layers[n - 1].pre_activation)[:, s][kept])
        if W.shape[0] == W.shape[1] and kept.all():
            known |= self.there(w_turned=W[:, j])
        return Roles("weighted_sum", known)

    def loss(self, kind: str) -> Roles:
        net, problem = self.net, self.net.problem
        assert net.targets is not None
        assert problem.loss is not None
        y, t = self.at(self.what, net.outputs), self.lines.at(1, "value", net.targets)
        if kind == "loss_term":
            place = self.place if self.node.shape == y.shape else (slice(None), self.place[-1])
            y, t = y[place], t[place]
        elif kind == "sample_loss":
            y, t = y[:, self.place[-1]], t[:, self.place[-1]]
        known: dict[str, Any] = {problem.loss.name: 1.0, "m": float(net.samples)}
        whole = kind in ("loss", "data_loss")
        known["penalty"] = 0.0
        if net.samples > 1:
            known["batch"] = 1.0
            if problem.reduction == "mean":
                known["mean"] = 1.0
        known["share"] = 1 / net.samples if whole and problem.reduction == "mean" else 1.0
        if kind == "loss" and net.loss is not None and net.loss.penalties and problem.penalty is not None:
            penalties = [int(self.lines.at(self.k, self.what, node).ravel()[0]) for node in net.loss.penalties]
            known |= {"l2": 1.0, "penalty": np.array(penalties), "rate": problem.penalty.rate}
            biases = [self.at(self.what, layer.biases).ravel() for layer in net.layers if layer.biases is not None]
            if biases and not problem.penalty.biases:
                known["biases"] = np.unique(np.concatenate(biases))
            known["penalty_scale"] = 1 / net.samples if problem.penalty.per_sample else 1.0
        if whole and net.loss is not None and net.loss.samples is not None:
            known |= self.one_of_samples("loss", np.ravel(self.at(self.what, net.loss.samples)))
        return Roles("loss", known | self.there(y=np.ravel(y), t=np.ravel(t)))

    def one_of_samples(self, role: str, parts: Array) -> dict[str, Any]:
        """What each sample alone gives, and what all but one do; `parts` has a column for each sample."""
        samples = parts.shape[-1]
        if not 1 < samples <= MOST_SAMPLES:
            return {}
        found = {f"one_{role}": [parts[..., s] for s in range(samples)]}
        if samples > 2:
            found[f"but_one_{role}"] = [np.delete(parts, s, axis=-1) for s in range(samples)]
        return found

    # ---- backwards

    def of_slope(self) -> Roles:
        n, (j, s) = self.layer_of(self.node), self.place
        z, y = self.at("value", self.net.layers[n].pre_activation), self.at("value", self.node)
        return Roles("slope", {self.node.op: 1.0} | self.there(z=z[j, s], y=y[j, s]))

    def of_adjoint(self) -> Roles:
        kind = quantity_of(self.node)
        if self.node is self.net.inputs:
            return self.back_propagated(-1)
        if self.node is self.net.outputs:
            return self.output_error()
        if kind == "activation":
            return self.back_propagated(self.layer_of(self.node))
        if kind == "pre_activation":
            n = self.layer_of(self.node)
            return self.output_delta() if n == len(self.net.layers) - 1 else self.hidden_delta(n)
        return self.gradient()

    def output_error(self) -> Roles:
        j, s = self.place
        assert self.net.problem.loss is not None
        assert self.net.targets is not None
        y, t = self.at("value", self.net.outputs)[j, s], self.lines.at(1, "value", self.net.targets)[j, s]
        return Roles(
            "output_error", {self.net.problem.loss.name: 1.0, "m": float(self.net.samples)} | self.there(y=y, t=t)
        )

    def output_delta(self) -> Roles:
        j, s = self.place
        output = self.net.outputs
        assert self.net.problem.loss is not None
        assert self.net.targets is not None
        known = {output.op: 1.0, self.net.problem.loss.name: 1.0, "m": float(self.net.samples)}
        y, t = self.at("value", output)[j, s], self.lines.at(1, "value", self.net.targets)[j, s]
        known |= self.there(y=y, t=t, z=self.at("value", self.node)[j, s])
        if self.lines.reads[self.node][0][0] is not output:
            return Roles("delta_of_scores", known)
        if self.lines.has(self.k, "adjoint", output):
            known |= self.there(g=self.at("adjoint", output)[j, s])
        if self.lines.has(self.k, "slope", output):
            known |= self.there(s=self.at("slope", output)[j, s])
        return Roles("output_delta", known)

    def back_propagated(self, n: int) -> Roles:
        """dE/dY of a neuron of layer n, or dE/dX: the sum over the next layer."""
        return Roles("hidden_error", self.sent_back(n) | {"s": 1.0})

    def hidden_delta(self, n: int) -> Roles:
        j, s = self.place
        layer = self.net.layers[n]
        known = {layer.activation.op: 1.0} | self.sent_back(n)
        known |= self.there(y=self.at("value", layer.activation)[j, s], z=self.at("value", self.node)[j, s])
        if self.lines.has(self.k, "slope", layer.activation):
            known |= self.there(s=self.at("slope", layer.activation)[j, s])
        if self.lines.has(self.k, "adjoint", layer.activation):
            known |= self.there(g=self.at("adjoint", layer.activation)[j, s])
        return Roles("hidden_delta", known)

    def sent_back(self, n: int) -> dict[str, Any]:
        """The weights that leave a neuron of layer n (-1: an input), and the deltas that come back over them."""
        j, s = self.place
        after = self.net.layers[n + 1]
        W, d = self.at("value", after.weights), self.at("adjoint", after.pre_activation)[:, s]
        kept = W[:, j] >= 0
        known = self.there(w=W[kept, j], d=d[kept])
        known |= self.there(y_after=self.at("value", after.activation)[:, s][kept])
        if kept.sum() > 1:
            known["one_way"] = [np.array(pair) for pair in zip(W[kept, j], d[kept], strict=True)]
        if self.net.updated:
            known |= self.there(w_new=self.at("updated", after.weights)[kept, j])
        if W.shape[0] == W.shape[1] and kept.all():
            known |= self.there(w_turned=W[j, :])
        if n >= 0 and kept.sum() == 1:
            known["w_into"] = [w for w in self.at("value", self.net.layers[n].weights)[j] if w >= 0]
        return known

    # ---- gradients and updates

    def parameter_places(self) -> list[tuple[int, bool, int, int]]:
        """(layer, whether a weight, row, column) of every place that a parameter has."""
        found = []
        number = int(self.lines.at(1, "value", self.node).ravel()[self.entry])
        for n, layer in enumerate(self.net.layers):
            for is_weight, node in ((True, layer.weights), (False, layer.biases)):
                if node is not None:
                    places = np.argwhere(self.lines.at(1, "value", node) == number)
                    found += [(n, is_weight, int(j), int(i)) for j, i in places]
        return found

    def gradient(self) -> Roles:
        places = self.parameter_places()
        known: dict[str, Any] = {"m": float(self.net.samples), "rate": 0.0}
        if self.net.samples > 1:
            known["batch"] = 1.0
        penalty = self.net.problem.penalty
        w = self.at("value", self.node).ravel()[self.entry]
        weight = places[0][1]
        if penalty is not None and (weight or penalty.biases):
            known |= {"l2": 1.0, "rate": penalty.rate / (self.net.samples if penalty.per_sample else 1)}
        elif penalty is not None:
            known["bias_rate"] = penalty.rate / (self.net.samples if penalty.per_sample else 1)
        if self.net.problem.reduction == "mean" and self.net.samples > 1:
            known["mean"] = 1.0
        known |= self.there(w=w)
        if len(places) > 1:
            return Roles("shared_gradient", known)
        n, _, j, i = places[0]
        layer = self.net.layers[n]
        deltas = self.at("adjoint", layer.pre_activation)
        known |= self.there(d=deltas[j])
        if len(deltas) > 1:
            known["other_d"] = [deltas[k] for k in range(len(deltas)) if k != j]
        if not weight:
            known |= self.one_of_samples("delta", deltas[j])
            return Roles("bias_gradient", known | {"c": float(layer.pre_activation.params["bias_input"])})
        x = self.at("value", self.source(n))
        known |= self.one_of_samples("sample", np.array([deltas[j], x[i]]))
        known |= self.there(a=x[i], y_own=self.at("value", layer.activation)[j])
        if len(x) > 1:
            known["other_a"] = [x[k] for k in range(len(x)) if k != i]
        if n:
            known |= self.there(z_before=self.at("value", self.net.layers[n - 1].pre_activation)[i])
        return Roles("gradient", known)

    def of_update(self) -> Roles:
        optimizer = self.net.problem.optimizer
        assert optimizer is not None
        name = "averaged" if optimizer.numbers.get("averaged") else optimizer.name
        leaf, entry = self.node, self.entry
        places = self.parameter_places()
        known: dict[str, Any] = {name: 1.0, "t": float(self.k)}
        named = ("w", "g", *self.net.constants, "v_old", "m_old", "s_old", "m", "v", "s", "m_hat", "v_hat")
        for role in named:
            if (
                role in self.net.constants
                or role in ("w", "g")
                or self.lines.has(self.k, role, leaf)
                or role.endswith("_old")
            ):
                try:
                    known[role] = self.lines.state(self.k, role, leaf, entry)
                except KeyError:
                    continue
        n, weight, j, _ = places[0]
        if self.net.samples == 1 and len(places) == 1:
            known |= self.there(d=self.at("adjoint", self.net.layers[n].pre_activation)[j, 0])
        kind = {"updated": "update", "step": "step"}.get(self.what, f"state_{self.what}")
        return Roles(kind if weight or kind not in ("update", "step") else f"bias_{kind}", known)


def swapped(numbers: Array, i: int, k: int) -> Array:
    """The same numbers, two of them exchanged."""
    found = numbers.copy()
    found[[i, k]] = numbers[[k, i]]
    return found
