"""Checkpoints: the state of a training in one safetensors file, so that it can continue after a crash.

The file is replaced atomically after each epoch, so a crash never leaves a damaged file.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load as from_safetensors
from safetensors.torch import save as to_safetensors
from torch import Tensor, nn

from mnist_classifier.core import files
from mnist_classifier.core.errors import CheckpointCorrupt

FACTS = "facts"


@dataclass(frozen=True)
class Checkpoint:
    """The state of a training: tensors by name, and other values (`facts`) that JSON can represent."""

    tensors: Mapping[str, Tensor]
    facts: Mapping[str, Any]

    def save(self, path: Path) -> None:
        """Write or replace the file at `path`."""
        path.parent.mkdir(parents=True, exist_ok=True)
        with files.replaced(path) as part:
            part.write_bytes(self.to_bytes())

    def to_bytes(self) -> bytes:
        """The state as the bytes of such a file."""
        tensors = {name: value.detach().cpu().contiguous() for name, value in self.tensors.items()}
        return to_safetensors(tensors, {FACTS: json.dumps(self.facts)})

    @classmethod
    def load(cls, path: Path) -> Checkpoint:
        """Read a file that `save` wrote.  Raises CheckpointCorrupt."""
        return cls.from_bytes(saved_bytes(path), path)

    @classmethod
    def from_bytes(cls, content: bytes, path: Path | None) -> Checkpoint:
        """Read the bytes of a file that `save` wrote.  path: for the message of CheckpointCorrupt, if known."""
        try:
            # The file begins with the length of its header, which is JSON.  Source: safetensors, "Format".
            header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
            return cls(from_safetensors(content), json.loads(header["__metadata__"][FACTS]))
        except (SafetensorError, KeyError, ValueError) as error:
            name = path or "the checkpoint of the first process"
            raise CheckpointCorrupt(f"{name} cannot be read: {error}; delete it to restart the run") from error

    def with_prefix(self, prefix: str) -> dict[str, Tensor]:
        """The tensors whose names begin with `prefix.`, by name without the prefix."""
        return {
            name.removeprefix(f"{prefix}."): value
            for name, value in self.tensors.items()
            if name.startswith(f"{prefix}.")
        }


def saved_bytes(path: Path) -> bytes:
    """Read the bytes of a checkpoint.  Raises CheckpointCorrupt."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise CheckpointCorrupt(f"{path} cannot be read: {error}; delete it to restart the run") from error


def prefixed(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Add the prefix that `Checkpoint.with_prefix` looks for."""
    return {f"{prefix}.{name}": value for name, value in tensors.items()}


def optimizer_tensors(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """Flatten the state of an optimizer to tensors named NUMBER.NAME, with the number of the parameter."""
    return {
        f"{number}.{name}": value
        for number, state in optimizer.state_dict()["state"].items()
        for name, value in state.items()
    }


def restore_optimizer(optimizer: torch.optim.Optimizer, tensors: Mapping[str, Tensor]) -> None:
    """Restore the state of an optimizer from `optimizer_tensors`.

    Tensors shaped like their parameter (momentum) get its memory layout, because fused kernels read both in that order.
    """
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    state: dict[int, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        number, _, key = name.partition(".")
        parameter = parameters[int(number)]
        is_momentum = value.shape == parameter.shape
        state.setdefault(int(number), {})[key] = torch.empty_like(parameter).copy_(value) if is_momentum else value
    optimizer.load_state_dict({**optimizer.state_dict(), "state": state})


def copied_state(network: nn.Module) -> dict[str, Tensor]:
    """Copy a network's tensors, so that further training does not change them."""
    return {name: value.detach().clone() for name, value in network.state_dict().items()}
