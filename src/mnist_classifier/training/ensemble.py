"""Networks that average other networks (ensembles), and loading networks by their manifest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias, cast

import torch
from safetensors.torch import load_file
from torch import Generator, Tensor, nn

from mnist_classifier.core.errors import ModelCorrupt
from mnist_classifier.registry.manifest import WEIGHTS_FILE, verify
from mnist_classifier.training.network import MNISTClassifier, multiply_accumulates, parameter_count


class Ensemble(nn.Module):
    """Networks whose probabilities are averaged.

    forward: (N, 1, 28, 28) float, ink = 1.0 -> (N, C) logits: the logarithm of the sum of the probabilities.
    """

    def __init__(self, members: Sequence[MNISTClassifier]) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)

    @property
    def arguments(self) -> dict[str, Any]:
        """The arguments of `build_network`."""
        return {"members": [member.arguments for member in self.networks]}

    @property
    def networks(self) -> list[MNISTClassifier]:
        """The members."""
        return [cast("MNISTClassifier", member) for member in self.members]

    def forward(self, pixels: Tensor) -> Tensor:
        """(N, 1, 28, 28) -> (N, C) logits."""
        log_probabilities = torch.stack([member(pixels).float().log_softmax(dim=1) for member in self.members])
        return log_probabilities.logsumexp(dim=0)

    def one_of(self, generator: Generator) -> MNISTClassifier:
        """A random member."""
        return self.networks[int(torch.randint(len(self.members), (), generator=generator))]


Network: TypeAlias = MNISTClassifier | Ensemble


def build_network(architecture: Mapping[str, Any]) -> Network:
    """Build a network with random weights from a manifest's `architecture`.

    Raises ModelCorrupt if it describes no known network.
    """
    kind, arguments = architecture.get("class"), architecture.get("arguments", {})
    try:
        if kind == Ensemble.__name__:
            return Ensemble([MNISTClassifier(**member) for member in arguments["members"]])
        if kind == MNISTClassifier.__name__:
            return MNISTClassifier(**arguments)
    except (KeyError, TypeError, ValueError) as error:
        raise ModelCorrupt(f"the manifest describes no network that can be built: {error}") from error
    raise ModelCorrupt(f"the manifest asks for a network of class {kind!r}; known are MNISTClassifier and Ensemble")


def load_network(folder: Path) -> Network:
    """Check the files of a model version and load its network, in evaluation mode.

    Raises ModelMissing, ModelCorrupt.
    """
    network = build_network(verify(folder)["architecture"])
    network.load_state_dict(load_file(folder / WEIGHTS_FILE))
    return network.eval()


def members_of(network: Network) -> list[MNISTClassifier]:
    """The members of an ensemble, or the single network itself."""
    return network.networks if isinstance(network, Ensemble) else [network]


def describe_network(network: Network) -> dict[str, Any]:
    """The manifest's `architecture`: how to build the network again, and its size."""
    return {
        "class": type(network).__name__,
        "arguments": network.arguments,
        "parameters": parameter_count(network),
        "multiply_accumulates": sum(map(multiply_accumulates, members_of(network))),
    }
