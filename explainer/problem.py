"""What a teacher writes, understood: the spec of one network with every shape and name checked."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from pathlib import Path
from typing import Any, TypedDict, TypeVar, Unpack

import numpy as np

from .arrays import MAX_NUMBERS, Array, Table, Unusable, drawn, read_table
from .errors import Fault, InputError, suggestion
from .expressions import FUNCTIONS, NotAFormula, Tree, names, read, substituted, symbol
from .misfits import checked_spec, flow, stands
from .names import Names, primed
from .presets import NOTATIONS, PLACEHOLDERS, Notation, SymbolFault, alike, changed, read_script, read_symbol
from .source import Source, TreePath, read_source, read_text, shortened
from .spec import (
    MAX_NEURONS,
    ActivationNumbers,
    Draw,
    LayerSpec,
    LossNumbers,
    NotationSpec,
    OneOf,
    OptimizerNumbers,
    Spec,
    keys_of,
)


@dataclass(frozen=True)
class Choice:
    """An activation, a loss or an optimizer: its name and its numbers, `{leaky_relu: {slope: 0.01}}`.

    One that is written as a formula is called `function`, and has the formula as its `expression`.
    """

    name: str
    numbers: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Layer:
    """One layer of neurons and the weights that lead into it."""

    labels: tuple[str, ...]
    activation: Choice
    weights: Array  # (neurons, sources); nan where there is no connection
    weight_names: Mapping[tuple[int, int], str] = field(default_factory=dict)  # (neuron, source) -> name
    biases: Array | None = None  # (neurons,); None: the neurons have none
    bias_names: Mapping[int, str] = field(default_factory=dict)
    bias_input: float = 1.0


@dataclass(frozen=True)
class Penalty:
    """L2: lambda/2 times the sum of the squares of the weights, added to the loss."""

    rate: float  # lambda
    biases: bool = False  # takes the biases in
    per_sample: bool = False  # divides by the number of samples


@dataclass(frozen=True)
class Writing:
    """How the derivation is written: the options that the spec and the command line share."""

    notation: Notation = NOTATIONS["numbered"]
    language: str = "en"
    digits: int | None = None  # decimals; None: significant digits count instead
    significant: int = 5
    carry: str = "full"
    detail: str = "normal"
    view: str = "scalar"
    steps: int = 1
    only: tuple[str, ...] = ()  # canonical names of the weights and biases that are written; (): all


@dataclass(frozen=True)
class Problem:
    """One network, its sample, its loss and its optimizer, ready to be worked."""

    title: str
    input_names: tuple[str, ...]
    inputs: Array  # (names, samples)
    layers: tuple[Layer, ...]
    target_names: tuple[str, ...] = ()
    targets: Array | None = None  # (names, samples); None: only the forward pass is worked
    loss: Choice | None = None
    reduction: str = "sum"  # of the samples' losses
    penalty: Penalty | None = None
    optimizer: Choice | None = None
    frozen: frozenset[str] = frozenset()  # canonical names: W[3,6], b[6], or a given name
    writing: Writing = Writing()
    remarks: tuple[str, ...] = ()  # what the author adds at the end


@dataclass(frozen=True)
class GraphProblem:
    """A computational graph, and what is to be differentiated in it."""

    title: str
    input_names: tuple[str, ...]
    inputs: tuple[float, ...]
    nodes: tuple[tuple[str, Tree], ...]  # each after those it reads
    differentiate: str
    with_respect_to: tuple[str, ...]
    writing: Writing = Writing()
    remarks: tuple[str, ...] = ()


FIT: Mapping[str, tuple[Callable[[Array], Any], str, str]] = {  # loss -> which samples' targets it can use, said twice
    "hinge": (
        lambda t: np.isin(t, (-1, 1)).all(axis=0),
        "targets of -1 or 1",
        "write 1 for the class and -1 for the rest",
    ),
    "multiclass_hinge": (
        lambda t: np.isin(t, (0, 1)).all(axis=0) & (t.sum(axis=0) == 1) & (len(t) > 1),
        "one target of 1 among zeros",
        "write 1 for the right class and 0 for the others",
    ),
    "binary_cross_entropy": (
        lambda t: ((t >= 0) & (t <= 1)).all(axis=0),
        "targets from 0 to 1",
        "write 0 or 1, or a probability",
    ),
    "cross_entropy": (
        lambda t: (t >= 0).all(axis=0),
        "targets of 0 or more",
        "write 1 for the class and 0 for the rest",
    ),
}


class Options(TypedDict, total=False):
    """What the command line may say of `Writing`, over what the spec says; None is as if it were not said."""

    notation: str | None
    language: str | None
    digits: int | None
    significant: int | None
    carry: str | None
    detail: str | None
    view: str | None
    steps: int | None
    only: Sequence[str] | None


def read_problem(path: str | os.PathLike[str], **options: Unpack[Options]) -> Problem | GraphProblem:
    """The problem that the spec at `path` describes; InputError with all its faults where it cannot be worked."""
    return _problem(read_source(path), Path(path).parent, options)


def problem_from_text(
    text: str,
    file: str = "<spec>",
    folder: str | os.PathLike[str] | None = None,
    **options: Unpack[Options],
) -> Problem | GraphProblem:
    """The problem that a spec inside another document describes; its data files are in `folder`."""
    return _problem(read_text(text, file), folder, options)


def _problem(source: Source, folder: str | os.PathLike[str] | None, options: Options) -> Problem | GraphProblem:
    source = _with_options(source, options)
    spec, faults = checked_spec(source)
    reading = _Reading(source, folder, [*source.faults, *faults])
    problem = reading.problem(spec) if spec is not None else None
    if reading.faults or problem is None:
        raise InputError(reading.faults)
    return problem


def _with_options(source: Source, options: Options) -> Source:
    unknown = set(options) - set(Options.__annotations__)
    if unknown:
        raise TypeError(f"unknown option {min(unknown)!r}; {suggestion(min(unknown), Options.__annotations__)}")
    said = {name: value for name, value in options.items() if value is not None}
    if "only" in said:
        said["only"] = list(options["only"] or ())
    if len({"digits", "significant"} & set(said)) == 1:  # the one that is said takes the place of the other
        source = source.without("digits", "significant")
    return source.with_options(said)


# ------------------------------------------------------------------------------------------------------------ reading

RESERVED = {"E": "the loss"}
COUNTS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
Read = TypeVar("Read")


@dataclass(frozen=True)
class _Given:
    """The first place where a weight or bias with a name stands."""

    value: float
    path: TreePath
    kind: str  # "weight" or "bias"


@dataclass
class _Reading:
    """A spec on its way to a problem. What is wrong is noted, and the rest is read on, so that all is told at once."""

    source: Source
    folder: str | os.PathLike[str] | None
    faults: list[Fault]
    given: dict[str, _Given] = field(default_factory=dict)
    weights_so_far: int = 0
    whole: bool = True  # all weights and biases could be read, so that a name not found does not exist

    def note(self, path: TreePath, found: str, remedy: str) -> None:
        self.faults.append(self.source.fault(path, found, remedy))

    def note_key(self, path: TreePath, found: str, remedy: str) -> None:
        self.faults.append(self.source.fault_at_key(path, found, remedy))

    # -- the whole

    def problem(self, spec: Spec) -> Problem | GraphProblem | None:
        if spec.graph is not None:
            return self.graph(spec, spec.graph)
        for name in ("differentiate", "with_respect_to"):
            if getattr(spec, name) is not None:
                self.note_key((name,), f"{name!r} goes with 'graph'", "leave it out")
        input_names, inputs = self.columns(spec.inputs, "inputs", "X")
        target_names, targets = self.columns(spec.targets, "targets", "T") if spec.targets is not None else ((), None)
        layers = self.layers(spec, input_names)
        self.check_training(spec)
        self.check_samples(inputs, targets)
        if layers and targets is not None:
            self.check_targets(target_names, layers[-1])
        self.check_names(input_names, target_names, layers)
        loss = self.choice(("loss",), spec.loss, LossNumbers) if spec.loss is not None else None
        if loss is not None and targets is not None and loss.name in FIT:
            self.check_fit(loss.name, targets)
        optimizer = None
        if spec.optimizer is not None:
            optimizer = self.choice(("optimizer",), spec.optimizer, OptimizerNumbers)
        frozen = frozenset(self.parameters("frozen", spec.frozen, input_names, layers))
        only = self.only(spec.only or (), input_names, layers, frozen)
        return Problem(
            title=" ".join(spec.title.split()),
            input_names=input_names,
            inputs=inputs,
            layers=layers,
            target_names=target_names,
            targets=targets,
            loss=loss,
            reduction=spec.reduction or ("mean" if loss and loss.name == "mean_squared_error" else "sum"),
            penalty=Penalty(spec.l2.lambda_, spec.l2.biases, spec.l2.per_sample) if spec.l2 else None,
            optimizer=optimizer,
            frozen=frozen,
            writing=replace(self.writing(spec), only=only),
            remarks=_in_one_line(spec.remarks),
        )

    def graph(self, spec: Spec, formulas: Mapping[str, str]) -> GraphProblem | None:
        for key in ("layers", "targets", "loss", "optimizer", "reduction", "l2", "frozen", "bias_input"):
            if key in spec.model_fields_set:
                self.note_key((key,), f"{key!r} beside 'graph'", "keep one of the two")
        if spec.only:
            self.note_key(("only",), "'only' beside 'graph'", "name the inputs in with_respect_to")
        if spec.view != "scalar":
            self.note(("view",), f"view {spec.view} of a graph", "leave it out: every node is a single number")
        input_names, inputs = self.columns(spec.inputs, "inputs", "X")
        if inputs.shape[1] > 1:
            self.note(("inputs",), f"{inputs.shape[1]} samples for a graph", "give each input one number")
        nodes = self.nodes(formulas, input_names)
        end = spec.differentiate
        if end is None:
            self.note_key(("graph",), "the graph has no 'differentiate'", "add the node to differentiate")
        elif end not in formulas:
            self.note(("differentiate",), f"{end} is no node of the graph", suggestion(end, formulas))
        for place, each in enumerate(spec.with_respect_to or ()):
            if each not in input_names:
                self.note(("with_respect_to", place), f"{each} is no input", suggestion(each, input_names))
        writing = self.writing(spec)
        if end is None or nodes is None or inputs.size == 0:
            return None
        title, by = " ".join(spec.title.split()), tuple(dict.fromkeys(spec.with_respect_to or input_names))
        values, remarks = tuple(inputs[:, 0].tolist()), _in_one_line(spec.remarks)
        return GraphProblem(title, input_names, values, nodes, end, by, writing, remarks)

    def nodes(self, formulas: Mapping[str, str], input_names: tuple[str, ...]) -> tuple[tuple[str, Tree], ...] | None:
        """The nodes of a graph, each after those it reads; None where one cannot be read."""
        known, trees = {*input_names, *formulas}, dict[str, Tree]()
        for each in (*input_names, *formulas):
            path = ("graph", each) if each in formulas else ("inputs", each)
            if each in FUNCTIONS or each == "pi":
                self.note_key(path, f"{each} already has a meaning in formulas", "choose another name")
            elif each in formulas and each in input_names:
                self.note_key(path, f"{each} is the name of an input too", "give one of them another name")
        for each, text in formulas.items():
            tree = self.formula(("graph", each), text, known)
            if tree is not None:
                trees[each] = tree
        if len(trees) < len(formulas):
            return None
        placed: dict[str, Tree] = {}
        while len(placed) < len(trees):
            ready = [
                n for n in trees if n not in placed and all(r in placed or r not in trees for r in names(trees[n]))
            ]
            if not ready:
                stuck = next(each for each in trees if each not in placed)
                self.note_key(("graph", stuck), f"{stuck} depends on itself", "let each node use earlier ones only")
                return None
            placed |= {each: trees[each] for each in ready}
        return tuple(placed.items())

    def formula(self, path: TreePath, text: str, known: Iterable[str]) -> Tree | None:
        """The formula in a value of the spec; None, with the fault noted where it stands, where it cannot be read."""
        try:
            return read(text, frozenset(known))
        except NotAFormula as error:
            place = (error.line, error.column)
            self.faults.append(self.source.fault_inside(path, text, place, error.found, error.remedy))
            return None

    def check_training(self, spec: Spec) -> None:
        pairs = (("targets", "loss", "loss: half_squared_error"), ("loss", "targets", "targets: {T: 0.9}"))
        for here, absent, example in pairs:
            if here in spec.model_fields_set and not stands(absent, self.source.tree):
                remedy = f"add {example}, or leave {here} out for the forward pass alone"
                self.note_key((here,), f"there is {here!r} but no {absent!r}", remedy)

    def check_samples(self, inputs: Array, targets: Array | None) -> None:
        if targets is not None and inputs.shape[1] != targets.shape[1]:
            found = f"there {_are(targets.shape[1], 'sample')} of targets, but {inputs.shape[1]} of inputs"
            self.note(("targets",), found, "give one target for each sample of the inputs")

    def check_fit(self, loss: str, targets: Array) -> None:
        """Whether a loss can use the targets: hinges want signs or a class, cross entropies probabilities."""
        fits, wanted, remedy = FIT[loss]
        wrong = np.flatnonzero(~np.asarray(fits(targets)))
        if len(wrong):
            sample = f" of sample {wrong[0] + 1}" if targets.shape[1] > 1 else ""
            shown = ", ".join(f"{t:g}" for t in targets[:, wrong[0]])
            self.note(("targets",), f"{loss} wants {wanted}, but the targets{sample} are {shown}", remedy)

    def check_targets(self, names: tuple[str, ...], last: Layer) -> None:
        if names and len(names) != len(last.labels):  # no names: the file of targets could not be read
            have = f"there {_are(len(names), 'target')}, but the last layer has {_counted(len(last.labels), 'neuron')}"
            self.note(("targets",), have, f"give {_counted(len(last.labels), 'target')}, one for each neuron")

    # -- inputs and targets

    def columns(self, data: Any, key: str, letter: str) -> tuple[tuple[str, ...], Array]:
        """The names, and the numbers as (names, samples)."""
        if isinstance(data, str):
            return self.columns_of_file(data, key, letter)
        columns = [column if isinstance(column, list) else [column] for column in data.values()]
        first = len(columns[0])
        for name, column in zip(data, columns, strict=True):
            if len(column) != first:
                found = f"{name} has {_counted(len(column), 'sample')}, but {next(iter(data))} has {first}"
                self.note((key, name), found, "give all of them the same number of samples")
                return tuple(data), np.zeros((len(data), 1))
        return tuple(data), np.array(columns, dtype=np.float64)

    def columns_of_file(self, name: str, key: str, letter: str) -> tuple[tuple[str, ...], Array]:
        table = self.tried((key,), lambda: read_table(self.folder, name, self.source.file, header=True))
        if table is None:
            return (), np.zeros((0, 1))
        rows = np.atleast_2d(table.values)
        if rows.ndim > 2 or rows.size == 0:
            found = f"{name} is {_by(rows.shape)}"
            self.note((key,), found, "give it one row for each sample, one column for each name")
            return (), np.zeros((0, 1))
        return table.names or tuple(f"{letter}{number + 1}" for number in range(rows.shape[1])), rows.T.copy()

    def tried(self, path: TreePath, read: Callable[[], Read]) -> Read | None:
        """What `read` gives; None, with the fault noted, where it cannot be had."""
        try:
            return read()
        except Unusable as error:
            self.note(path, error.found, error.remedy)
        except InputError as error:
            self.faults += error.faults
        return None

    # -- layers

    def layers(self, spec: Spec, input_names: tuple[str, ...]) -> tuple[Layer, ...]:
        if spec.layers is None:
            if stands("layers", self.source.tree) or stands("graph", self.source.tree):
                return ()
            self.note((), "the spec has no 'layers'", "add layers: [{neurons: 1, weights: [[0.1, 0.2]]}]")
            return ()
        counts = (layer.neurons if isinstance(layer.neurons, int) else len(layer.neurons) for layer in spec.layers)
        if sum(counts) > MAX_NEURONS:
            self.note(("layers",), f"more than {MAX_NEURONS:,} neurons", "describe a smaller network")
            return ()
        layers: list[Layer] = []
        known_inputs = bool(input_names)
        labels = self.labels(spec.layers)
        for place, layer in enumerate(spec.layers):
            sources = layers[-1].labels if layers else input_names
            layers.append(self.layer(spec, layer, place, labels[place], sources if known_inputs or layers else None))
        return tuple(layers)

    def labels(self, layers: Iterable[LayerSpec]) -> list[tuple[str, ...]]:
        """The labels of each layer; a count goes on from the highest number used so far."""
        every: list[tuple[str, ...]] = []
        first: dict[str, TreePath] = {}
        highest = 0
        for place, layer in enumerate(layers):
            path: TreePath = ("layers", place, "neurons")
            if isinstance(layer.neurons, int):
                own = tuple(str(highest + 1 + number) for number in range(layer.neurons))
            else:
                own = tuple(map(str, layer.neurons))
            for number, label in enumerate(own):
                if label in first:
                    found = f"label {label} is already that of a neuron on line {self.source.line(first[label])}"
                    self.note((*path, number), found, "give each neuron a label of its own")
                first.setdefault(label, path)
            highest = max([highest, *(int(label) for label in own if label.isdecimal() and label.isascii())])
            every.append(own)
        return every

    def layer(
        self, spec: Spec, layer: LayerSpec, place: int, labels: tuple[str, ...], sources: tuple[str, ...] | None
    ) -> Layer:
        path: TreePath = ("layers", place)
        weights, weight_names = self.weights(layer, place, labels, sources)
        biases, bias_names = self.biases(layer, place, labels)
        if biases is None and self.whole:
            for row in np.flatnonzero(np.isnan(weights).all(axis=1)).tolist():
                found = f"layer {place + 1}: neuron {labels[row]} has neither a connection nor a bias"
                self.note((*path, "weights", row), found, "give it at least one weight")
        return Layer(
            labels=labels,
            activation=self.choice((*path, "activation"), layer.activation, ActivationNumbers),
            weights=weights,
            weight_names=weight_names,
            biases=biases,
            bias_names=bias_names,
            bias_input=spec.bias_input if layer.bias_input is None else layer.bias_input,
        )

    def weights(
        self, layer: LayerSpec, place: int, labels: tuple[str, ...], sources: tuple[str, ...] | None
    ) -> tuple[Array, dict[tuple[int, int], str]]:
        """The weights that lead into a layer, and the names of those that have one. `sources` None: not known."""
        path: TreePath = ("layers", place, "weights")
        nothing: Array = np.broadcast_to(np.float64(0), (len(labels), len(sources or ())))  # takes no memory
        self.weights_so_far += nothing.size
        if self.weights_so_far > MAX_NUMBERS:
            self.note(path, f"more than {MAX_NUMBERS:,} weights", "describe a smaller network")
            self.whole = False
            return nothing, {}
        names: dict[tuple[int, int], str] = {}
        values: Array | None
        if isinstance(layer.weights, Draw):
            values = self.draw(path, layer.weights, nothing.shape)
        elif isinstance(layer.weights, str):
            values = self.array(path, layer.weights)
        else:
            values, names = self.matrix(path, layer.weights, place, sources)
        if values is None or not self.weights_fit(path, values.shape, place, labels, sources):
            self.whole = False
            return nothing, {}
        return values, names

    def matrix(
        self, path: TreePath, rows: list[Any], place: int, sources: tuple[str, ...] | None
    ) -> tuple[Array | None, dict[tuple[int, int], str]]:
        names: dict[tuple[int, int], str] = {}
        values: list[list[float]] = []
        for i, row in enumerate(rows):
            values.append([])
            for j, entry in enumerate(row):
                value, name = self.entry((*path, i, j), entry, "weight")
                values[-1].append(value)
                if name is not None:
                    names[i, j] = name
        widths = [len(row) for row in rows]
        usual = len(sources) if sources and len(sources) in widths else widths[0]
        for i, width in enumerate(widths):
            if width != usual:
                found = f"layer {place + 1}: row {i + 1} of the weights has {_counted(width, 'number')}, another has"
                self.note((*path, i), f"{found} {usual}", f"give each row {_counted(usual, 'number')}")
        return (np.array(values) if len(set(widths)) == 1 else None), names

    def entry(self, path: TreePath, entry: Any, kind: str) -> tuple[float, str | None]:
        """The number and, where it has one, the name of a weight or bias."""
        if entry is None:
            return np.nan, None
        if not isinstance(entry, dict):
            return entry, None
        ((name, value),) = entry.items()
        first = self.given.setdefault(name, _Given(value, path, kind))
        line = self.source.line(first.path)
        if first.kind != kind:
            self.note((*path, name), f"{name} is a {first.kind} on line {line}", f"give the {kind} another name")
        elif first.value != value:
            found = f"{name} is {value:g} here, but {first.value:g} on line {line}"
            self.note((*path, name), found, "give it one value, or give the two different names")
        return value, name

    def weights_fit(
        self,
        path: TreePath,
        shape: tuple[int, ...],
        place: int,
        labels: tuple[str, ...],
        sources: tuple[str, ...] | None,
    ) -> bool:
        where = f"layer {place + 1}: weights are {_by(shape)}"
        if len(shape) != 2:
            self.note(path, where, "give a table with one row for each neuron of the layer")
            return False
        rows, width = shape
        if rows != len(labels):
            found = f"{where}, {_counted(rows, 'row')} for {_counted(len(labels), 'neuron')}"
            self.note(path, found, f"give {_counted(len(labels), 'row')}, or the layer {_worded(rows, 'neuron')}")
        if sources is not None and width != len(sources):
            before = f"layer {place} gives {len(sources)}" if place else f"there {_are(len(sources), 'input')}"
            change = f"layer {place} {_worded(width, 'neuron')}" if place else f"the network {_worded(width, 'input')}"
            found = f"{where}, so each neuron needs {_counted(width, 'input')}, but {before}"
            remedy = f"give each row {_counted(len(sources), 'number')}, or {change}"
            if self.source.tree.get("language") == "zh":
                found, remedy = _mismatch_in_chinese(place, shape, len(sources))
            self.note(path, found, remedy)
        return rows == len(labels) and sources is not None and width == len(sources)

    def biases(self, layer: LayerSpec, place: int, labels: tuple[str, ...]) -> tuple[Array | None, dict[int, str]]:
        if layer.biases is None:
            return None, {}
        path: TreePath = ("layers", place, "biases")
        names: dict[int, str] = {}
        values: Array | None
        if isinstance(layer.biases, Draw):
            values = self.draw(path, layer.biases, (len(labels),))
        elif isinstance(layer.biases, str):
            values = self.array(path, layer.biases)
        else:
            entries = [self.entry((*path, j), entry, "bias") for j, entry in enumerate(layer.biases)]
            values = np.array([value for value, _ in entries])
            names = {j: name for j, (_, name) in enumerate(entries) if name is not None}
        if values is None:
            self.whole = False
            return np.zeros(len(labels)), {}
        if values.size != len(labels) or max(values.shape, default=1) != values.size:
            have = f"layer {place + 1}: there {_are(values.size, 'bias')}"
            found = f"{have}, but the layer has {_counted(len(labels), 'neuron')}"
            self.note(path, found, f"give {_counted(len(labels), 'bias')}, one for each neuron, or leave biases out")
            self.whole = False
            return np.zeros(len(labels)), {}
        return values.reshape(len(labels)), names

    def draw(self, path: TreePath, draw: Draw, shape: tuple[int, ...]) -> Array | None:
        return self.tried(path, lambda: drawn(draw.random, draw.scale, draw.seed, shape))

    def array(self, path: TreePath, name: str) -> Array | None:
        table: Table | None = self.tried(path, lambda: read_table(self.folder, name, self.source.file, header=False))
        return table.values if table else None

    # -- choices, names, the page

    def choice(self, path: TreePath, written: str | OneOf, family: type[OneOf]) -> Choice:
        """A choice with all its numbers, those of the contract where the spec gives none."""
        feature = str(path[-1])
        if isinstance(written, OneOf):
            (name,) = written.model_fields_set
            return Choice(name, _numbers(getattr(written, name).model_dump()))
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_-]*", written) or written in ("z", "t", "y"):
            if family is OptimizerNumbers:
                self.note(path, f"unknown optimizer {shortened(written)!r}", suggestion(written, keys_of(family)))
                return Choice(written)
            return self.function(path, written, ("z",) if feature == "activation" else ("y", "t"))
        if written not in keys_of(family):
            self.note(path, f"unknown {feature} {shortened(written)!r}", suggestion(written, keys_of(family)))
            return Choice(written)
        if family is OptimizerNumbers:
            remedy = f"write optimizer: {flow({written: {'learning_rate': 0.1}})}"
            self.note(path, f"{written} has no 'learning_rate'", remedy)
            return Choice(written)
        return Choice(written, _numbers(_defaults(family, written)))

    def function(self, path: TreePath, written: str, arguments: tuple[str, ...]) -> Choice:
        """An activation or a loss that is written as a formula in z, or in y and t."""
        tree = self.formula(path, written, arguments)
        if tree is not None and arguments[0] not in names(tree):
            self.note(path, f"the formula {shortened(written)!r} has no {arguments[0]}", "let it depend on it")
        if tree is None:
            return Choice("identity")  # stands in, so that the rest can be looked at too
        slots = {symbol(each): symbol(f"s{k}") for k, each in enumerate(arguments)}
        return Choice("function", {"expression": substituted(tree, slots)})

    def check_names(self, inputs: Iterable[str], targets: Iterable[str], layers: Iterable[Layer]) -> None:
        """No two quantities with one name."""
        seen = dict(RESERVED)
        for path, name, what in self.names_in_order(inputs, targets, layers):
            if name in seen:
                note = self.note if what == "a neuron" else self.note_key
                note(path, f"{name} is the name of {what}, but also of {seen[name]}", "give one of them another name")
            seen.setdefault(name, what)

    def names_in_order(
        self, inputs: Iterable[str], targets: Iterable[str], layers: Iterable[Layer]
    ) -> Iterator[tuple[TreePath, str, str]]:
        yield from ((("inputs", name), name, "an input") for name in inputs)
        yield from ((("targets", name), name, "a target") for name in targets)
        taken = {*inputs, *RESERVED}
        for place, layer in enumerate(layers):
            for number, label in enumerate(layer.labels):
                if label in taken:
                    yield ("layers", place, "neurons", number), label, "a neuron"
        labels = {label for layer in layers for label in layer.labels}
        for name, given in self.given.items():
            if name in labels:
                remedy = f"name the {given.kind} otherwise"
                self.note_key((*given.path, name), f"{name} is the name of a neuron too", remedy)
            else:
                yield (*given.path, name), name, f"a {given.kind}"

    def parameters(
        self, key: str, written: Sequence[str], input_names: tuple[str, ...], layers: tuple[Layer, ...]
    ) -> dict[str, int]:
        """Canonical names of the weights and biases that a list names, and where in it each is named first.

        A weight is named by itself, by its gradient, or by its new value.
        """
        found: dict[str, int] = {}
        if not (written and layers and self.whole):
            return found
        names = ParameterNames(input_names, layers)
        for place, text in enumerate(written):
            meant = names.meant(text)
            if len(meant) == 1:
                found.setdefault(meant[0], place)
            elif meant:
                remedy = "write the one that is meant"
                self.note((key, place), f"{shortened(text)!r} can mean {_listed(meant, 'or')}", remedy)
            else:
                near = names.near(text)
                remedy = f"did you mean {_listed(near, 'or')}?" if near else PARAMETERS
                self.note((key, place), f"there is no weight or bias {shortened(text)!r}", remedy)
        return found

    def only(
        self, written: Sequence[str], input_names: tuple[str, ...], layers: tuple[Layer, ...], frozen: frozenset[str]
    ) -> tuple[str, ...]:
        """The weights and biases that the page is for."""
        if written and not stands("loss", self.source.tree):
            self.note_key(
                ("only",), "only, but there is no loss to derive", "add targets and a loss, or leave only out"
            )
            return ()
        found = self.parameters("only", written, input_names, layers)
        for name in frozen & set(found):
            remedy = "leave it out of 'only', or out of 'frozen'"
            self.note(("only", found[name]), f"{name} is frozen, so it has no gradient", remedy)
        return tuple(found)

    def notation(self, spec: NotationSpec) -> Notation:
        """A notation written in the spec; its base where what is written cannot be used."""
        base = NOTATIONS[spec.base]
        said = {key: value for key, value in spec.model_dump(exclude={"base"}).items() if value is not None}
        symbols = {key: value for key, value in said.items() if key in PLACEHOLDERS}
        settings = {key: value for key, value in said.items() if key not in PLACEHOLDERS}
        before = len(self.faults)
        for key, text in symbols.items():
            self.check_symbol(key, read_symbol, text, PLACEHOLDERS[key])
        if "sample" in said:
            settings["sample"] = self.check_symbol("sample", read_script, said["sample"], ("sample",))
            if settings["sample"] and "{sample}" not in settings["sample"]:
                self.note(("notation", "sample"), "sample: no {sample} in it", "write ({sample})")
        for key in ("sender", "receiver"):
            if not re.fullmatch(r"[a-zA-Z]", said.get(key, "i")):
                self.note(("notation", key), f"{key}: {said[key]!r} is not a letter", "write one letter")
        if len(self.faults) > before:
            return base
        found = changed(base, "own", symbols, **settings)
        return found if self.check_alike(found, [*symbols]) else base

    def check_symbol(
        self, key: str, read: Callable[[str, tuple[str, ...]], Read], text: str, placeholders: tuple[str, ...]
    ) -> Read | None:
        """What a text of the grammar writes; None, with the fault noted, where it writes nothing."""
        try:
            return read(text, placeholders)
        except SymbolFault as error:
            self.note(("notation", key), f"{key}: {error.found}", error.remedy)
        return None

    def check_alike(self, notation: Notation, own: list[str]) -> bool:
        """Whether no two things would have one symbol, and e is left to the number."""
        for key in own:
            if notation.symbols[key].base == "e" and key != "pre_activation":
                self.note(("notation", key), f"{key}: e is the number 2.718...", "choose another letter")
                return False
        if notation.sender == notation.receiver:
            self.note(("notation",), f"sender and receiver are both {notation.sender}", "give them two letters")
            return False
        pair = alike(notation)
        if pair:
            first, second = pair
            key = next((key for key in (second, first) if key in own), "")
            if first == second:
                found = f"two {first.replace('_', '-')}s of a network would have one symbol"
                remedy = f"put more of {', '.join(f'{{{p}}}' for p in PLACEHOLDERS[first] if p != 'name')} into it"
            else:
                found, remedy = f"{first} and {second} would have one symbol", "give one of them another letter"
            self.note(("notation", key) if key else ("notation",), found, remedy)
        return pair is None

    def writing(self, spec: Spec) -> Writing:
        if spec.digits is not None and spec.significant is not None:
            self.note_key(("significant",), "both 'digits' and 'significant'", "keep one of the two")
        if spec.steps > 1 and not stands("optimizer", self.source.tree):
            self.note(("steps",), f"{spec.steps} steps without an optimizer", "add an optimizer, or leave steps out")
        return Writing(
            notation=NOTATIONS[spec.notation] if isinstance(spec.notation, str) else self.notation(spec.notation),
            language=spec.language,
            digits=spec.digits,
            significant=spec.significant or Writing.significant,
            carry=spec.carry,
            detail=spec.detail,
            view=spec.view,
            steps=spec.steps,
        )


def _numbers(dumped: Mapping[str, Any]) -> dict[str, float]:
    """The numbers of a choice; `averaged: true` is 1, and so is `approximate: tanh`."""
    return {name: float(value == "tanh" if isinstance(value, str) else value) for name, value in dumped.items()}


def _defaults(family: type[OneOf], name: str) -> dict[str, Any]:
    return dict(getattr(family.model_validate({name: {}}), name).model_dump())


# ------------------------------------------------------------------------------------------------ names of parameters


PARAMETERS = "write W[FROM,TO], b[NEURON] or a name that was given"


class ParameterNames:
    """What people write for the weights and biases of a network: themselves, their gradients or their new values."""

    def __init__(self, input_names: tuple[str, ...], layers: tuple[Layer, ...]) -> None:
        self._canonical: dict[str, str] = {}  # by every name that is understood
        places: dict[str, str] = {}  # of one that has a name of its own -> that name
        sources = input_names
        for layer in layers:
            for (i, end), (j, start) in product(enumerate(layer.labels), enumerate(sources)):
                if not np.isnan(layer.weights[i, j]):
                    self._note(f"W[{start},{end}]", layer.weight_names.get((i, j)), places)
            for i, label in enumerate(layer.labels) if layer.biases is not None else ():
                self._note(f"b[{label}]", layer.bias_names.get(i), places)
            sources = layer.labels
        self._names = Names(self._canonical, places)

    def _note(self, place: str, own: str | None, places: dict[str, str]) -> None:
        name = own or place
        self._canonical.update({name: name, f"dE/d{name}": name, primed(name): name})
        if own:
            places[place] = own

    def meant(self, text: str) -> list[str]:
        """The canonical names of those that a text can mean."""
        return [] if self._names.is_turned(text) else sorted({self._canonical[name] for name in self._names.all(text)})

    def near(self, text: str) -> list[str]:
        """Some that look like it."""
        return list(dict.fromkeys(self._canonical[name] for name in self._names.near(text)))


# -------------------------------------------------------------------------------------------------------------- words

PLURALS = {"bias": "biases"}


def _in_one_line(texts: Sequence[str]) -> tuple[str, ...]:
    """Each text in one line, with single spaces."""
    return tuple(" ".join(text.split()) for text in texts)


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {PLURALS.get(noun, noun + 's')}"


def _worded(number: int, noun: str) -> str:
    counted = _counted(number, noun)
    return counted.replace(str(number), COUNTS[number], 1) if number < len(COUNTS) else counted


def _are(number: int, noun: str) -> str:
    return f"{'is' if number == 1 else 'are'} {_counted(number, noun)}"


def _by(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape)) or "a single number"


def _mismatch_in_chinese(place: int, shape: tuple[int, ...], senders: int) -> tuple[str, str]:
    """What is found and what would do, where the weights of a layer do not fit the layer before."""
    width, before = shape[1], f"第 {place} 层只有 {senders} 个神经元" if place else f"网络只有 {senders} 个输入"
    have = before if senders < width else before.replace("只有", "有")
    found = f"第 {place + 1} 层维度不匹配：权重矩阵为 {_by(shape)}，每个神经元需要 {width} 个输入，但{have}"
    change = f"把第 {place} 层改为 {width} 个神经元" if place else f"给出 {width} 个输入"
    return found, f"每行写 {senders} 个数，或者{change}"


def _listed(words: Sequence[str], joint: str = "and") -> str:
    return f" {joint} ".join(filter(None, (", ".join(words[:-1]), words[-1])))
