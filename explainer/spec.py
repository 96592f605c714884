"""The schema of a spec: every key there is, what it means, and what may stand there.

The models are the one list of keys. From them come the JSON Schema for editors, the shape checks, and the words of
the faults: the example of a key is what a fault tells the reader to write. What shapes alone cannot show (whether
sizes fit, whether names are known) is checked in `explainer.problem`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, model_validator
from pydantic_core import PydanticCustomError

LETTERS = "A-Za-zΑ-Ωα-ω"
NAME = rf"^[{LETTERS}][{LETTERS}0-9_]{{0,29}}$"
LABEL = rf"^[{LETTERS}0-9_]{{1,30}}$"
MAX_NEURONS = 100_000  # in one network
MAX_STEPS = 1000

Name = Annotated[str, Field(pattern=NAME)]
Number = Annotated[float, Field(allow_inf_nan=False)]


# Which of the forms a value has, where several may stand: pydantic then reports on that form alone.


def mapping_or_list(value: Any) -> str:
    return "<mapping>" if isinstance(value, dict) else "<text>" if isinstance(value, str) else "<list>"


def text_or_mapping(value: Any) -> str:
    return "<text>" if isinstance(value, str) else "<mapping>"


def list_or_number(value: Any) -> str:
    return "<list>" if isinstance(value, list) else "<number>"


def entry_kind(value: Any) -> str:
    return "<nothing>" if value is None else bias_kind(value)


def bias_kind(value: Any) -> str:
    return "<mapping>" if isinstance(value, dict) else "<number>"


def label_kind(value: Any) -> str:
    return "<text>" if isinstance(value, str) else "<number>"


TAGS = ("<mapping>", "<list>", "<text>", "<nothing>", "<number>")


class Part(BaseModel):
    """A mapping of the spec: the keys below and no others, each of the very type it asks for."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, populate_by_name=False)


# ------------------------------------------------------------------------------------ numbers, and what stands for them

Named = Annotated[dict[Name, Number], Field(min_length=1, max_length=1, description="A number with a name: {w5: 0.4}")]
Weight = Annotated[
    Annotated[Number, Tag("<number>")] | Annotated[Named, Tag("<mapping>")] | Annotated[None, Tag("<nothing>")],
    Discriminator(entry_kind),
]
Bias = Annotated[Annotated[Number, Tag("<number>")] | Annotated[Named, Tag("<mapping>")], Discriminator(bias_kind)]
Row = Annotated[list[Weight], Field(min_length=1)]
Matrix = Annotated[list[Row], Field(min_length=1)]
DataFile = Annotated[
    str, Field(description="A .csv, .npy or .npz#key file, relative to the spec and in its folder or below")
]


class Draw(Part):
    """Numbers drawn at random, the same ones every time."""

    random: Literal["normal", "uniform"] = Field(
        description="normal: scale times a standard normal number; uniform: evenly from -scale to scale",
        examples=["normal"],
    )
    scale: Number = Field(default=1.0, ge=0, description="How large the numbers are", examples=[0.1])
    seed: int = Field(ge=0, lt=2**63, description="Any whole number; another seed draws other numbers", examples=[1])


Weights = Annotated[
    Annotated[Matrix, Tag("<list>")] | Annotated[DataFile, Tag("<text>")] | Annotated[Draw, Tag("<mapping>")],
    Discriminator(mapping_or_list),
]
Biases = Annotated[
    Annotated[list[Bias], Field(min_length=1), Tag("<list>")]
    | Annotated[DataFile, Tag("<text>")]
    | Annotated[Draw, Tag("<mapping>")],
    Discriminator(mapping_or_list),
]
Samples = Annotated[list[Number], Field(min_length=1)]
Column = Annotated[
    Annotated[Number, Tag("<number>")] | Annotated[Samples, Tag("<list>")], Discriminator(list_or_number)
]
Columns = Annotated[dict[Name, Column], Field(min_length=1)]
Data = Annotated[
    Annotated[Columns, Tag("<mapping>")] | Annotated[DataFile, Tag("<text>")], Discriminator(text_or_mapping)
]


Label = Annotated[
    Annotated[int, Field(ge=0), Tag("<number>")] | Annotated[str, Field(pattern=LABEL), Tag("<text>")],
    Discriminator(label_kind),
]
Neurons = Annotated[
    Annotated[int, Field(ge=1, le=MAX_NEURONS), Tag("<number>")]
    | Annotated[list[Label], Field(min_length=1, max_length=MAX_NEURONS), Tag("<list>")],
    Discriminator(list_or_number),
]

# ----------------------------------------------------------------------------- activations, losses, optimizers: one of


class Plain(Part):
    """A choice that has no numbers of its own."""


class OneOf(Part):
    """A choice written with its numbers, {leaky_relu: {slope: 0.01}}: exactly one key."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1, "maxProperties": 1})

    @model_validator(mode="after")
    def one_key(self) -> OneOf:
        if len(self.model_fields_set) != 1:
            raise PydanticCustomError("one_key", "one choice")
        return self


def _choice(description: str, **more: Any) -> Any:
    return Field(default=None, description=description, **more)


class LeakyRelu(Part):
    slope: Number = Field(default=0.01, description="The slope for z below 0, and at 0", examples=[0.01])


class Elu(Part):
    alpha: Number = Field(default=1.0, description="alpha (exp(z) - 1) for z below 0", examples=[1])


class Gelu(Part):
    approximate: Literal["none", "tanh"] = Field(
        default="none", description="none: with the error function, exact; tanh: the usual formula", examples=["tanh"]
    )


class ActivationNumbers(OneOf):
    """An activation with its numbers."""

    identity: Plain | None = _choice("z itself")
    sigmoid: Plain | None = _choice("1 / (1 + exp(-z))")
    tanh: Plain | None = _choice("The hyperbolic tangent of z")
    relu: Plain | None = _choice("z above 0, otherwise 0; its derivative at 0 is 0")
    leaky_relu: LeakyRelu | None = _choice("z above 0, otherwise slope times z")
    elu: Elu | None = _choice("z above 0, otherwise alpha (exp(z) - 1)")
    softplus: Plain | None = _choice("ln(1 + exp(z))")
    gelu: Gelu | None = _choice("z times the share of a normal distribution below z")
    silu: Plain | None = _choice("z times sigmoid(z)")
    softmax: Plain | None = _choice("exp(z) of each neuron over the sum of exp(z) in the layer")


class Huber(Part):
    delta: Number = Field(default=1.0, gt=0, description="Where the square turns into a straight line", examples=[1])


class MulticlassHinge(Part):
    margin: Number = Field(default=1.0, description="By how much the right class must lead", examples=[1])


class LossNumbers(OneOf):
    """A loss with its numbers."""

    half_squared_error: Plain | None = _choice("1/2 sum (t - y)^2 over the outputs")
    squared_error: Plain | None = _choice("sum (t - y)^2 over the outputs")
    mean_squared_error: Plain | None = _choice("1/n sum (t - y)^2 over the n outputs")
    absolute_error: Plain | None = _choice("sum |t - y| over the outputs")
    huber: Huber | None = _choice("1/2 r^2 where |r| <= delta, otherwise delta (|r| - delta/2), r = t - y")
    hinge: Plain | None = _choice("sum max(0, 1 - t y), with targets -1 or 1")
    multiclass_hinge: MulticlassHinge | None = _choice("sum max(0, y - y_right + margin) over the wrong classes")
    binary_cross_entropy: Plain | None = _choice("-sum (t ln y + (1 - t) ln(1 - y))")
    cross_entropy: Plain | None = _choice("-sum t ln y")


class Sgd(Part):
    learning_rate: Number = Field(gt=0, description="eta: the share of the gradient that is taken off", examples=[0.1])


class Momentum(Sgd):
    beta: Number = Field(default=0.9, ge=0, lt=1, description="How much of the last step is kept", examples=[0.9])
    averaged: bool = Field(
        default=False, description="true: v = beta v + (1 - beta) g instead of v = beta v + g", examples=[True]
    )


class Nesterov(Sgd):
    beta: Number = Field(default=0.9, ge=0, lt=1, description="How much of the last step is kept", examples=[0.9])


class Adagrad(Sgd):
    epsilon: Number = Field(default=1e-8, ge=0, description="Keeps the divisor above 0", examples=[1e-8])


class Rmsprop(Adagrad):
    beta: Number = Field(default=0.9, ge=0, lt=1, description="How much of the last s is kept", examples=[0.9])


class Adam(Adagrad):
    beta1: Number = Field(default=0.9, ge=0, lt=1, description="How much of the last m is kept", examples=[0.9])
    beta2: Number = Field(default=0.999, ge=0, lt=1, description="How much of the last v is kept", examples=[0.999])


class OptimizerNumbers(OneOf):
    """An optimizer with its numbers; g is the gradient, eta the learning rate."""

    sgd: Sgd | None = _choice("w - eta g", examples=[{"learning_rate": 0.1}])
    momentum: Momentum | None = _choice("v = beta v + g, then w - eta v", examples=[{"learning_rate": 0.1}])
    nesterov: Nesterov | None = _choice("v = beta v + g, then w - eta (g + beta v)", examples=[{"learning_rate": 0.1}])
    adagrad: Adagrad | None = _choice("s = s + g^2, then w - eta g / (sqrt(s) + epsilon)")
    rmsprop: Rmsprop | None = _choice("s = beta s + (1 - beta) g^2, then as adagrad")
    adam: Adam | None = _choice("averages of g and g^2, both corrected for their start at 0")


Activation = Annotated[
    Annotated[str, Tag("<text>")] | Annotated[ActivationNumbers, Tag("<mapping>")], Discriminator(text_or_mapping)
]
Loss = Annotated[
    Annotated[str, Tag("<text>")] | Annotated[LossNumbers, Tag("<mapping>")], Discriminator(text_or_mapping)
]
Optimizer = Annotated[
    Annotated[str, Tag("<text>")] | Annotated[OptimizerNumbers, Tag("<mapping>")], Discriminator(text_or_mapping)
]
Preset = Literal["numbered", "theta", "nielsen", "rashid", "mazur", "layered"]


def _symbol(description: str, example: str) -> Any:
    return Field(default=None, description=description, examples=[example])


class NotationSpec(Part):
    """A notation of one's own: a preset, and what is written otherwise."""

    base: Preset = Field(default="numbered", description="The preset that it starts from", examples=["numbered"])
    weight: str | None = _symbol("A weight, with {column} where it comes from and {row} where it leads", "w_{pair}")
    bias: str | None = _symbol("The bias of a neuron", "b_{row}")
    threshold: str | None = _symbol("The same, where bias_input is below 0", "theta_{row}")
    pre_activation: str | None = _symbol("The weighted sum that arrives at a neuron", "z_{row}")
    activation: str | None = _symbol("What a neuron sends on", "h_{row}")
    input: str | None = _symbol("An input; {name} shows it as it is called", "x_{row}")
    target: str | None = _symbol("A target; {name} shows it as it is called", "t_{row}")
    delta: str | None = _symbol("The derivative of the loss in a pre-activation", "delta_{row}")
    loss: str | None = _symbol("The loss", "L")
    loss_term: str | None = _symbol("The loss of one output, where there are several", "L_{row}")
    learning_rate: str | None = _symbol("The learning rate", "alpha")
    function: str | None = _symbol("An activation function, in general equations", "g")
    sample: str | None = _symbol("What is put above a symbol to mark a sample", "({sample})")
    sender: str | None = _symbol("In general equations, the index of the neuron that sends", "i")
    receiver: str | None = _symbol("In general equations, the index of the neuron that receives", "j")
    numbering: Literal["labels", "positions"] | None = Field(
        default=None,
        description="labels: neurons as the spec labels them; positions: counted from 1 within their layer",
        examples=["positions"],
    )
    input_layer: Literal[0, 1, "i"] | None = Field(
        default=None,
        description="What {layer} is for the inputs: 0 or 1, and counted on; or i (inputs i, hidden h, output o)",
        examples=[0],
    )
    weight_layer: Literal["receiver", "sender", "both"] | None = Field(
        default=None, description="Whose layer {layer} is for a weight or a bias", examples=["sender"]
    )
    updated: Literal["prime", "plus", "new"] | None = Field(
        default=None, description="How a value after the update is marked", examples=["plus"]
    )
    delta_per_sample: bool | None = Field(
        default=None, description="true: delta is shown without the 1/m of a mean over m samples", examples=[True]
    )


Notation = Annotated[
    Annotated[Preset, Tag("<text>")] | Annotated[NotationSpec, Tag("<mapping>")], Discriminator(text_or_mapping)
]

# ----------------------------------------------------------------------------------------------------------- the spec

BIAS_INPUT = "What each bias is multiplied by; -1 writes z = sum(w x) - theta. For all layers at the top, or in a layer"


class L2(Part):
    """The sum of squares of the weights, added to the loss."""

    lambda_: Number = Field(
        alias="lambda", ge=0, description="lambda/2 times the sum of w^2 is added to the loss", examples=[0.1]
    )
    biases: bool = Field(default=False, description="true: the biases are in the sum too", examples=[True])
    per_sample: bool = Field(
        default=False, description="true: divided by the number of samples, lambda/2m", examples=[True]
    )


class LayerSpec(Part):
    """One layer of neurons, with the weights and biases that lead into it."""

    neurons: Neurons = Field(
        description="The labels of the neurons, or how many there are (labels then go on from the layer before)",
        examples=[[1, 2]],
    )
    activation: Activation = Field(
        default="identity",
        description="A name, a name with numbers {leaky_relu: {slope: 0.01}}, or a formula in z",
        examples=["sigmoid"],
    )
    weights: Weights = Field(
        description="A row for each neuron of this layer with one number for each neuron (or input) before it; "
        "{w5: 0.4} names a weight, null is a connection that does not exist; or a data file; or numbers at random",
        examples=[[[0.1, 0.2], [0.3, 0.4]]],
    )
    biases: Biases | None = Field(
        default=None,
        description="One number for each neuron; {b1: 0.35} names a bias. Without them the neurons have no bias",
        examples=[[0.35, 0.35]],
    )
    bias_input: Number | None = Field(default=None, description=BIAS_INPUT, examples=[-1])


class Spec(Part):
    """One network with its sample, its loss and its optimizer, to be worked by back-propagation."""

    title: str = Field(default="", max_length=200, description="The heading of the page", examples=["A small network"])
    inputs: Data = Field(
        description="The inputs by name, each a number, or a list with one number for each sample; or a data file",
        examples=[{"X1": 2, "X2": 4}],
    )
    targets: Data | None = Field(
        default=None,
        description="What the last layer should give, by name, one for each of its neurons; or a data file",
        examples=[{"T": 0.9}],
    )
    layers: list[LayerSpec] | None = Field(
        default=None,
        min_length=1,
        max_length=100,
        description="The layers in order, each fed by the one before",
        examples=[[{"neurons": 1, "weights": [[0.1, 0.2]]}]],
    )
    loss: Loss | None = Field(
        default=None,
        description="A name, a name with numbers {huber: {delta: 1}}, or a formula in t and y",
        examples=["half_squared_error"],
    )
    reduction: Literal["sum", "mean"] | None = Field(
        default=None,
        description="How the losses of several samples are put together (sum; mean for mean_squared_error)",
        examples=["sum"],
    )
    optimizer: Optimizer | None = Field(
        default=None,
        description="How weights are updated; without one the page ends at the gradients",
        examples=[{"sgd": {"learning_rate": 0.1}}],
    )
    l2: L2 | None = Field(
        default=None, description="L2 regularisation: a penalty on large weights", examples=[{"lambda": 0.1}]
    )
    remarks: list[str] = Field(
        default_factory=list,
        max_length=50,
        description="What you want to add at the end of the page, a text for each point",
        examples=[["The hidden layer has no biases."]],
    )
    frozen: list[str] = Field(
        default=[], description="Weights and biases that are not trained, by name", examples=[["b1", "W[1,3]"]]
    )
    bias_input: Number = Field(default=1.0, description=BIAS_INPUT, examples=[-1])
    graph: Annotated[dict[Name, str], Field(min_length=1)] | None = Field(
        default=None,
        description="Instead of layers: named formulas in the inputs and in each other",
        examples=[{"c": "a + b"}],
    )
    differentiate: Name | None = Field(
        default=None, description="With graph: the node whose derivatives are worked", examples=["e"]
    )
    with_respect_to: Annotated[list[Name], Field(min_length=1)] | None = Field(
        default=None, description="With graph: the inputs to differentiate by (all of them)", examples=[["b"]]
    )
    notation: Notation = Field(
        default="numbered",
        description="The symbols on the page: the name of a preset, or a preset with symbols of one's own",
        examples=["numbered"],
    )
    language: Literal["en", "zh"] = Field(
        default="en", description="The language of the page: English or Chinese", examples=["en"]
    )
    digits: int | None = Field(default=None, ge=0, le=15, description="Decimals that are printed", examples=[4])
    significant: int | None = Field(
        default=None, ge=1, le=15, description="Significant digits that are printed (5)", examples=[5]
    )
    carry: Literal["full", "rounded"] = Field(
        default="full",
        description="full: computed at full precision; rounded: on with the numbers as printed",
        examples=["full"],
    )
    detail: Literal["brief", "normal", "full"] = Field(
        default="normal",
        description="How much is written out; normal: every weight of a network of up to 300, otherwise a table",
        examples=["normal"],
    )
    view: Literal["scalar", "matrix", "both"] = Field(
        default="scalar", description="Neuron by neuron, as matrix equations, or both", examples=["scalar"]
    )
    steps: int = Field(default=1, ge=1, le=MAX_STEPS, description="How many updates are worked", examples=[1])
    only: Annotated[list[str], Field(min_length=1)] | None = Field(
        default=None, description="Only these quantities, and what they need", examples=[["W[1,3]"]]
    )


PARTS: tuple[type[Part], ...] = (
    *(Spec, LayerSpec, Draw, L2, ActivationNumbers, LossNumbers, OptimizerNumbers, LeakyRelu, Elu, Gelu, Huber),
    *(MulticlassHinge, Sgd, Momentum, Nesterov, Adagrad, Rmsprop, Adam, NotationSpec),
)


def keys_of(part: type[Part]) -> tuple[str, ...]:
    return tuple(field.alias or name for name, field in part.model_fields.items())


EXAMPLES: Mapping[str, Any] = {
    field.alias or name: field.examples[0]
    for part in reversed(PARTS)  # so that `biases` is the one of a layer, not the one of l2
    for name, field in part.model_fields.items()
    if field.examples
}
INNER: Mapping[str, type[Part]] = {
    "layers": LayerSpec,
    "weights": Draw,
    "biases": Draw,
    "l2": L2,
    "notation": NotationSpec,
    "activation": ActivationNumbers,
    "loss": LossNumbers,
    "optimizer": OptimizerNumbers,
    **{
        name: get_args(field.annotation)[0]
        for choices in (ActivationNumbers, LossNumbers, OptimizerNumbers)
        for name, field in choices.model_fields.items()
    },
}


def json_schema() -> dict[str, Any]:
    """The JSON Schema of a spec, for editors that complete and check while one writes."""
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **_without_null(Spec.model_json_schema())}
    schema["title"] = "explainer spec"
    schema["oneOf"] = [{"required": ["layers"]}, {"required": ["graph"]}]
    return schema


def _without_null(schema: Any) -> Any:
    """The schema without `null` for keys that may be left out: an empty key is a fault."""
    if isinstance(schema, list):
        return [_without_null(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    tidy = {key: _without_null(value) for key, value in schema.items()}
    if tidy.get("default", ...) is None:
        del tidy["default"]
        forms = [form for form in tidy.pop("anyOf", []) if form != {"type": "null"}]
        tidy = {**forms[0], **tidy} if len(forms) == 1 else {**tidy, "anyOf": forms}
    return tidy
