"""Makes the models beside this file with their frameworks, and the gradients that these find in them.

    KERAS_BACKEND=torch python tests/models/make.py

It needs torch, keras, onnx and safetensors; the tests need only what reads the files.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

os.environ.setdefault("KERAS_BACKEND", "torch")

import keras
import safetensors.torch
import torch
from torch import nn

HERE = Path(__file__).parent
X = torch.tensor([[0.5, -1.0], [1.5, 0.25], [-0.75, 2.0]])
T = torch.tensor([0, 1, 1])


def gradients(loss: torch.Tensor, layers: list[tuple[Any, Any]]) -> dict[str, Any]:
    """The loss and its gradients in the weights, as (out, in), and biases of each layer."""
    loss.backward()
    return {"E": loss.item(), "layers": [{"W": w().tolist(), "b": b().tolist()} for w, b in layers]}


def main() -> None:
    torch.manual_seed(1)
    found = {"X": X.tolist(), "T": T.tolist()}
    model = nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Dropout(0.5), nn.Linear(3, 2)).eval()
    found["torch"] = gradients(
        nn.CrossEntropyLoss()(model(X), T),
        [(lambda k=k: model[k].weight.grad, lambda k=k: model[k].bias.grad) for k in (0, 3)],
    )
    safetensors.torch.save_file(model.state_dict(), HERE / "torch.safetensors")
    torch.onnx.export(model, (X,), str(HERE / "torch.onnx"), dynamo=False)

    keras.utils.set_random_seed(2)
    layers = keras.layers
    other = keras.Sequential(
        [
            keras.Input((2,)),
            layers.Dense(3, activation="tanh", name="hidden", bias_initializer="random_normal"),
            layers.Dropout(0.5),
            layers.Dense(2, name="scores", bias_initializer="random_normal"),
            layers.Softmax(name="shares"),
        ]
    )
    other.compile(loss="sparse_categorical_crossentropy")
    loss = torch.nn.functional.nll_loss(torch.log(other(X)), T)
    dense = [layer for layer in other.layers if isinstance(layer, layers.Dense)]
    found["keras"] = gradients(
        loss, [(lambda d=d: d.kernel.value.grad.T, lambda d=d: d.bias.value.grad) for d in dense]
    )
    other.save(HERE / "keras.keras")
    (HERE / "gradients.json").write_text(json.dumps(found) + "\n", "utf-8")


if __name__ == "__main__":
    main()
