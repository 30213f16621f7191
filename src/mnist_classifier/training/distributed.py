"""Train one network in several processes.  Only this module knows PyTorch Distributed.

Each process trains on its shard of every batch.  Gradients, BatchNorm statistics and decisions cover the whole batch,
and every process draws the same random numbers, so the number of processes changes the result only by rounding.
Later passes of an epoch are the exception: each process shuffles its own images.

A `Store` of torchrun carries messages between the processes before their group exists and after one has failed.
"""

from __future__ import annotations

import json
import math
import signal
import threading
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.distributed_c10d import PrefixStore, Store
from torch.distributed.rendezvous import rendezvous

from mnist_classifier.core.errors import InvalidConfig, WorkerFailed, WorkerLost
from mnist_classifier.core.settings import Launch
from mnist_classifier.training.shared_layers import share_layers
from mnist_classifier.training.workers import COLLECTIVE_TIMEOUT_S, Workers

# How long to wait while others download MNIST or generate digits.
PREPARATION_TIMEOUT_S = 3600.0
# How long after a lost connection to wait for the reason.
REASON_TIMEOUT_S = 1.0
POLL_S = 0.05
FAILURE = "failure"


class Group(Workers):
    """Several processes that torchrun has started.

    Raises WorkerLost from any method if another process has ended or does not answer.
    """

    def __init__(self, launch: Launch) -> None:
        self.rank, self.size, self.local_rank = launch.rank, launch.size, launch.local_rank
        if launch.threads:
            torch.set_num_threads(launch.threads)
        with _lost_workers():
            meeting = rendezvous("env://", timeout=timedelta(seconds=COLLECTIVE_TIMEOUT_S))
            store, _, _ = next(iter(meeting))
            self._store = PrefixStore(_meet(store, self.rank, self.size), store)
        self.batch_size = 0
        self._interrupted = False
        self._parameters: list[nn.Parameter] = []
        self._device = torch.device("cpu")

    def announce(self, facts: Mapping[str, Any]) -> None:
        """Tell all processes what to do; only the first one calls this."""
        self._store.set("task", json.dumps(facts))

    def task(self) -> dict[str, Any]:
        """What the first process announced."""
        self._await("task")
        facts: dict[str, Any] = json.loads(self._store.get("task"))
        return facts

    def start(self) -> None:
        """Wait until all processes are ready to train, and connect them.  Raises WorkerLost, WorkerFailed."""
        self._store.set(f"ready/{self.rank}", "")
        for rank in range(self.size):
            self._await(f"ready/{rank}")
        backends = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
        try:
            dist.init_process_group(
                backends,
                store=PrefixStore("group", self._store),
                rank=self.rank,
                world_size=self.size,
                timeout=timedelta(seconds=COLLECTIVE_TIMEOUT_S),
            )
        except RuntimeError as error:
            if reason := self.failure():
                raise WorkerLost(reason) from error
            # Nearly always a fault of this host, such as an unknown network interface.
            raise WorkerFailed(f"this process cannot connect to the others: {_first_line(error)}") from error

    def close(self) -> None:
        """Disconnect from the other processes, which notice it."""
        with suppress(RuntimeError):
            if dist.is_initialized():
                dist.destroy_process_group()

    def fail(self, reason: str) -> None:
        """Tell the other processes why this one ends.  Only the first reason counts."""
        with suppress(RuntimeError):
            self._store.compare_set(FAILURE, "", f"process {self.rank} failed: {reason}")

    def failure(self) -> str | None:
        """Why another process failed; None if it said nothing."""
        deadline = time.monotonic() + REASON_TIMEOUT_S
        with suppress(RuntimeError):
            while time.monotonic() < deadline:
                if self._store.check([FAILURE]):
                    return bytes(self._store.get(FAILURE)).decode()
                time.sleep(POLL_S)
        return None

    def _await(self, key: str) -> None:
        """Wait for a key of the store, and notice if a process fails in the meantime."""
        deadline = time.monotonic() + PREPARATION_TIMEOUT_S
        with _lost_workers():
            while not self._store.check([key]):
                if self._store.check([FAILURE]) or time.monotonic() > deadline:
                    raise WorkerLost("another process of this training did not become ready in time")
                time.sleep(POLL_S)

    def place(self, device: torch.device) -> torch.device:
        """The GPU of this process, or the CPU.

        Raises InvalidConfig if there are too few GPUs, and for MPS, which cannot exchange tensors.
        """
        if device.type == "mps":
            raise InvalidConfig("several processes cannot train on one MPS device; add --device cpu", field="device")
        if device.type == "cuda":
            count = torch.cuda.device_count()
            if self.local_rank >= count:
                raise InvalidConfig(
                    f"this host has {count} GPUs and more processes; start at most {count} here, or add --device cpu",
                    field="device",
                )
            device = torch.device("cuda", self.local_rank)
            torch.cuda.set_device(device)
        self._device = device
        return device

    def prepare(self, network: nn.Module) -> None:
        """Let BatchNorm and dropout work on the whole batch."""
        self._parameters = list(network.parameters())
        share_layers(network, self)

    def share(self, content: bytes | None) -> bytes | None:
        """The bytes that the first process passes, or None if it passes none, in every process."""
        length = torch.tensor([-1 if content is None else len(content)], device=self._device)
        self._broadcast(length)
        if length < 0:
            return None
        data = torch.empty(int(length), dtype=torch.uint8, device=self._device)
        if self.rank == 0:
            data.copy_(torch.frombuffer(bytearray(content), dtype=torch.uint8) if content else data)
        self._broadcast(data)
        return data.cpu().numpy().tobytes()

    def shard(self, count: int) -> slice:
        """The rows of a batch of `count` images that this process trains on.

        With fewer images than processes, some have none.  The first process has one, because it shows images.
        """
        self.batch_size = count
        return self._rows(count)

    def _rows(self, count: int) -> slice:
        ends = [math.ceil(count * rank / self.size) for rank in (self.rank, self.rank + 1)]
        return slice(*ends)

    def part(self, values: Tensor) -> Tensor:
        """The shard of something that every process has for the whole batch."""
        return values[self.shard(len(values))]

    def backward(self, loss: Tensor, correct: Tensor, stop: bool) -> tuple[Tensor, Tensor, bool]:
        """Compute the gradients of the whole batch as `Workers.backward` does, with a single exchange."""
        rows = self.shard(self.batch_size)
        share = (rows.stop - rows.start) / self.batch_size
        (loss * share).backward()
        gradients = [p.grad for p in self._parameters if p.grad is not None]
        asked = torch.tensor(float(stop or self._interrupted), device=loss.device)
        facts = torch.stack([loss.detach() * share, correct.float(), asked])
        flat = torch.cat([*(gradient.reshape(-1) for gradient in gradients), facts])
        self.add(flat)
        parts = torch.split(flat, [*(gradient.numel() for gradient in gradients), len(facts)])
        for gradient, part in zip(gradients, parts[:-1], strict=True):
            gradient.copy_(part.view_as(gradient))
        whole_loss, whole_correct, votes = parts[-1].unbind()
        return whole_loss, whole_correct.long(), bool(votes)

    def joined(self, logits: Tensor, count: int) -> Tensor:
        """The (count, C) answers to all images, from each process's (M, C) answers to its shard, on the CPU."""
        whole = torch.zeros(count, logits.shape[1], device=self._device)
        whole[self._rows(count)] = logits.to(self._device)
        self.add(whole)
        return whole.cpu()

    def agree(self, figures: tuple[float, float]) -> tuple[float, float]:
        """The figures of the first process, by which all of them decide."""
        values = torch.tensor(figures, dtype=torch.float64, device=self._device)
        self._broadcast(values)
        first, second = values.tolist()
        return first, second

    def add(self, values: Tensor) -> Tensor:
        """Replace values by their sums over all processes.  Raises WorkerLost."""
        with _lost_workers():
            dist.all_reduce(values)
        return values

    def _broadcast(self, values: Tensor) -> None:
        with _lost_workers():
            dist.broadcast(values, src=0)

    @contextmanager
    def uninterrupted(self) -> Iterator[None]:
        """Let Ctrl-C end the block only between two steps, in all processes after the same step."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return

        def remember(number: int, frame: object) -> None:
            self._interrupted = True

        before = signal.signal(signal.SIGINT, remember)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)

    @contextmanager
    def ended_politely(self) -> Iterator[None]:
        """Let SIGTERM raise WorkerLost in the block, so that the first process can record why it ends.

        torchrun sends SIGTERM as soon as another process has ended, and SIGKILL 30 s later.
        """

        def end(number: int, frame: object) -> None:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            raise WorkerLost("torchrun ended this process")

        signal.signal(signal.SIGTERM, end)
        try:
            yield
        finally:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)


@contextmanager
def joined(launch: Launch) -> Iterator[Workers]:
    """The processes that torchrun has started together with this one, until the end of the block."""
    if launch.size == 1:
        yield Workers()
        return
    group = Group(launch)
    try:
        yield group
    finally:
        group.close()


def _meet(store: Store, rank: int, size: int) -> str:
    """Agree with all other processes on a name that no earlier attempt had.

    torchrun keeps its store when it restarts processes, so it may have keys of an earlier attempt, and the count of
    restarts differs between hosts.  So each process writes a random number, and the first one answers with all of them.
    """
    own = uuid.uuid4().hex
    store.set(f"hello/{rank}", own)
    keys = [f"hello/{each}" for each in range(size)]
    offer: dict[str, Any] | None = None
    deadline = time.monotonic() + PREPARATION_TIMEOUT_S
    while time.monotonic() < deadline:
        if rank == 0 and store.check(keys):
            said = [store.get(key).decode() for key in keys]
            if offer is None or offer["said"] != said:
                offer = {"name": uuid.uuid4().hex, "said": said}
                store.set("offer", json.dumps(offer))
            if store.check([f"{offer['name']}/{each}" for each in range(1, size)]):
                store.set(offer["name"], "")
        elif rank and store.check(["offer"]):
            offer = json.loads(store.get("offer"))
            if offer["said"][rank : rank + 1] == [own]:
                store.set(f"{offer['name']}/{rank}", "")
        if offer and own in offer["said"] and store.check([offer["name"]]):
            return str(offer["name"])
        time.sleep(POLL_S)
    raise WorkerLost("the other processes of this training did not start in time")


@contextmanager
def _lost_workers() -> Iterator[None]:
    """Raise WorkerLost if the connection to another process fails."""
    try:
        yield
    except RuntimeError as error:  # PyTorch's errors of process groups and stores are RuntimeErrors
        message = f"another process of this training has ended, or its host does not answer: {_first_line(error)}"
        raise WorkerLost(message) from error


def _first_line(error: RuntimeError) -> str:
    """The message of PyTorch, without the stack of its C++ code."""
    return str(error).partition("\n")[0]
