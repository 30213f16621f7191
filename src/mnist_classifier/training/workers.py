"""The processes of one training, as the training loop sees them.

`distributed` has the ones that torchrun starts; without it, a training has one process.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from mnist_classifier.core.errors import InvalidConfig
from mnist_classifier.core.train_config import TrainConfig
from mnist_classifier.training.checkpoint import Checkpoint
from mnist_classifier.training.device import choose_device, choose_precision
from mnist_classifier.training.ensemble import Network, build_network, describe_network

# How long one process waits for another within a step or at the end of an epoch.  A process that dies closes its
# connection, which is noticed at once.  Only a host without power or network is silent for so long.
COLLECTIVE_TIMEOUT_S = 120.0


class Workers:
    """The processes of one training: here a single one; a `Group` has the same methods for several."""

    rank = 0
    size = 1

    def prepare(self, network: nn.Module) -> None:
        """Replace the modules whose result depends on the whole batch."""

    def place(self, device: torch.device) -> torch.device:
        """The device of this process."""
        return device

    def share(self, content: bytes | None) -> bytes | None:
        """The bytes that the first process passes, or None if it passes none, in every process."""
        return content

    def shard(self, count: int) -> slice:
        """The rows of a batch of `count` images that this process trains on."""
        return slice(0, count)

    def backward(self, loss: Tensor, correct: Tensor, stop: bool) -> tuple[Tensor, Tensor, bool]:
        """Compute the gradients of the whole batch.

        loss: mean over the shard; correct: right answers in the shard; stop: whether this process wants to end.
        Returns loss and right answers of the whole batch, and whether any process wants to end.
        """
        loss.backward()  # type: ignore[no-untyped-call]
        return loss.detach(), correct, stop

    def joined(self, logits: Tensor, count: int) -> Tensor:
        """The (count, C) answers to all images, from each process's (M, C) answers to its shard, on the CPU."""
        return logits

    def agree(self, figures: tuple[float, float]) -> tuple[float, float]:
        """The figures of the first process, by which all of them decide."""
        return figures

    @contextmanager
    def uninterrupted(self) -> Iterator[None]:
        """Let Ctrl-C end the block only between two steps, in all processes after the same step."""
        yield

    @contextmanager
    def ended_politely(self) -> Iterator[None]:
        """Let SIGTERM raise WorkerLost in the block, so that the first process can record why it ends."""
        yield

    def announce(self, facts: Mapping[str, Any]) -> None:
        """Tell all processes what to do; only the first one calls this."""

    def task(self) -> dict[str, Any]:
        """What the first process announced."""
        raise NotImplementedError("a process that trains alone is the first one")

    def start(self) -> None:
        """Wait until all processes are ready to train, and connect them.  Raises WorkerLost, WorkerFailed."""

    def fail(self, reason: str) -> None:
        """Tell the other processes why this one ends.  Only the first reason counts."""

    def failure(self) -> str | None:
        """Why another process failed; None if it said nothing."""
        return None


def agreed_choice(config: TrainConfig, workers: Workers) -> tuple[torch.device, torch.dtype]:
    """The kind of device and the data type of the first process, for all, because `auto` differs between hosts.

    Raises InvalidConfig if this host has no such device.
    """
    device = choose_device(config.device)
    precision = "bfloat16" if choose_precision(config.precision, device) is torch.bfloat16 else "float32"
    kind, precision = (workers.share(f"{device.type} {precision}".encode()) or b"").decode().split()
    if kind != device.type:
        try:
            device = choose_device(kind)
        except InvalidConfig as error:
            raise InvalidConfig(
                f"the first process trains on {kind}, which this host lacks; add --device cpu", field="device"
            ) from error
    return device, choose_precision(precision, device)


def shared_network(network: Network | None, workers: Workers) -> Network | None:
    """The network that the first process passes, in every process."""
    if workers.size == 1:
        return network
    sent = None if network is None else Checkpoint(network.state_dict(), describe_network(network)).to_bytes()
    received = Checkpoint.from_bytes(workers.share(sent) or b"", None)
    built = build_network(received.facts)
    built.load_state_dict(dict(received.tensors))
    return built.eval()
