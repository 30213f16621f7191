"""What every peer serves: the network of the model in the box, and what such examples do before it.

A picture is decoded by Pillow, made grey, resized to 28x28, divided by 255 and
normalised, one request at a time.  No box is looked for, nothing is centred
and nothing refused: less work than ours, which only drawings that are made as
MNIST's were survive.
"""

from __future__ import annotations

import base64
import io
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file
from torch import Tensor, nn

FOLDER = Path(os.environ.get("PEER_MODEL_DIR", Path(__file__).parents[3] / "src/mnist_classifier/pretrained"))
MEAN, STD = 0.1307, 0.3081


def block(inputs: int, outputs: int, kernel: int, layers: int) -> nn.Sequential:
    """(N, inputs, S, S) -> (N, outputs, S/2, S/2)."""
    modules: list[nn.Module] = []
    for layer in range(layers):
        modules.append(nn.Conv2d(inputs if layer == 0 else outputs, outputs, kernel, padding=kernel // 2, bias=False))
        if layer == layers - 1:
            modules.append(nn.MaxPool2d(2))
        modules += [nn.BatchNorm2d(outputs), nn.ReLU()]
    return nn.Sequential(*modules)


class Net(nn.Module):
    """The network that the manifest describes, for reading alone: dropout is left out."""

    def __init__(self, sizes: dict[str, Any]) -> None:
        super().__init__()
        side = 28 // sizes["patch"] // 4
        self.patches = nn.PixelUnshuffle(sizes["patch"])
        inputs = sizes["patch"] ** 2
        self.block1 = block(inputs, sizes["conv1_channels"], sizes["conv1_kernel"], sizes["conv1_layers"])
        self.block2 = block(
            sizes["conv1_channels"], sizes["conv2_channels"], sizes["conv2_kernel"], sizes["conv2_layers"]
        )
        self.hidden = nn.Sequential(
            nn.Identity(),
            nn.Linear(sizes["conv2_channels"] * side**2, sizes["hidden_units"], bias=False),
            nn.BatchNorm1d(sizes["hidden_units"]),
            nn.ReLU(),
        )
        self.output = nn.Linear(sizes["hidden_units"], sizes["classes"])

    def forward(self, x: Tensor) -> Tensor:
        """(N, 1, 28, 28) normalised -> (N, classes) logits."""
        x = self.block2(self.block1(self.patches(x)))
        logits: Tensor = self.output(self.hidden(x.permute(0, 2, 3, 1).flatten(1)))
        return logits


def load(folder: Path = FOLDER) -> Net:
    """The network with its weights.  One thread computes: two processes share two cores."""
    torch.set_num_threads(1)
    architecture = json.loads((folder / "manifest.json").read_text("utf-8"))["architecture"]
    if architecture["class"] != "MNISTClassifier":
        raise SystemExit(f"the peers know no {architecture['class']}; serve a single network")
    network = Net(architecture["arguments"])
    network.load_state_dict(load_file(folder / "weights.safetensors"))
    return network.eval()


def decode(image: str) -> Tensor:
    """Base64 of a picture -> (1, 1, 28, 28) normalised."""
    with Image.open(io.BytesIO(base64.b64decode(image))) as picture:
        grey = picture.convert("L").resize((28, 28))
    pixels = (np.asarray(grey, np.float32) / 255 - MEAN) / STD
    return torch.from_numpy(pixels)[None, None]


def read(network: Net, image: str) -> dict[str, Any]:
    """One picture -> its digit."""
    return judge(network, decode(image))


def judge(network: Net, pixels: Tensor) -> dict[str, Any]:
    """(1, 1, 28, 28) -> the digit, its probability and all ten."""
    with torch.inference_mode():
        probabilities = network(pixels)[0, :10].softmax(0).tolist()
    prediction = max(range(10), key=probabilities.__getitem__)
    return {"prediction": prediction, "confidence": probabilities[prediction], "probabilities": probabilities}
