"""Trainings in several processes, for the tests.  python -m tests.training.together FOLDER is one of them.

It reads its tasks in FOLDER/tasks.json and writes what it saw to FOLDER/RANK.json.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zlib
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from mnist_classifier.core.settings import Launch
from mnist_classifier.core.train_config import TrainConfig
from mnist_classifier.training.data import TrainingData
from mnist_classifier.training.distributed import joined
from mnist_classifier.training.loop import Observer, Trainer
from mnist_classifier.training.workers import Workers
from tests.processes import free_port
from tests.training.conftest import made_up_digits

WAIT_S = 200.0


@dataclass(frozen=True)
class Task:
    """A training on made-up digits.  stop_rank: the process that wants to stop in step `stop_step`."""

    config: dict[str, Any]
    images: int
    checkpoint: str | None = None
    stop_rank: int | None = None
    stop_step: int = 0


@dataclass(frozen=True)
class Seen:
    """What one process saw of its training: the loss of every step, and how it ended."""

    losses: list[float]
    validation: list[float]
    best_epoch: int
    weights: int  # their checksum
    cancelled: bool
    shown: list[int] = field(compare=False)  # images of its shard of the first batch of each epoch


def train_together(size: int, folder: Path, tasks: Sequence[Task]) -> list[list[Seen]]:
    """Do tasks, one after the other, in `size` new processes; returns what each process saw of each task."""
    (folder / "tasks.json").write_text(json.dumps([asdict(task) for task in tasks]))
    port = free_port()
    with ExitStack() as stack:
        processes = [stack.enter_context(started(folder, variables(rank, size, port))) for rank in range(size)]
        for process in processes:
            stack.callback(process.kill)
        errors = [process.communicate(timeout=WAIT_S)[1] for process in processes]
    assert not any(process.returncode for process in processes), "\n".join(errors)
    seen = [json.loads((folder / f"{rank}.json").read_text()) for rank in range(size)]
    return [[Seen(**values) for values in of_task] for of_task in zip(*seen, strict=True)]


def started(folder: Path, environment: Mapping[str, str]) -> subprocess.Popen[str]:
    """One of the processes."""
    return subprocess.Popen(
        [sys.executable, "-m", "tests.training.together", str(folder)],
        env={**os.environ, **environment},
        stderr=subprocess.PIPE,
        encoding="utf-8",
    )


def variables(rank: int, size: int, port: int) -> Mapping[str, str]:
    """The variables that torchrun would set."""
    return {
        "RANK": str(rank),
        "WORLD_SIZE": str(size),
        "LOCAL_RANK": str(rank),
        "LOCAL_WORLD_SIZE": str(size),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
        "TORCHELASTIC_RUN_ID": "test",
        "TORCHELASTIC_RESTART_COUNT": "0",
        "PYTHONPATH": os.pathsep.join(sys.path),
    }


def learn(task: Task, workers: Workers) -> Seen:
    """Train as one of the processes."""
    images, labels = made_up_digits(task.images + 200, seed=1)
    rows = np.arange(len(labels))
    data = TrainingData.from_arrays(images, labels, rows[: task.images], rows[task.images :])
    losses: list[float] = []
    shown: list[int] = []
    observer = Observer(
        should_stop=lambda: workers.rank == task.stop_rank and len(losses) + 1 == task.stop_step,
        on_batch=lambda epoch, pixels, labels: shown.append(len(pixels)),
    )
    checkpoint = Path(task.checkpoint) if task.checkpoint and workers.rank == 0 else None
    trainer = Trainer(TrainConfig.from_mapping(task.config), data, observer, checkpoint, None, workers)
    step = trainer._step

    def watched(*batch: Any) -> Any:
        result = step(*batch)
        losses.append(result[0].item())
        return result

    trainer._step = watched  # type: ignore[method-assign]
    result = trainer.run()
    weights = b"".join(value.numpy().tobytes() for value in result.network.state_dict().values())
    validation = [epoch.validation_loss for epoch in result.epochs]
    return Seen(losses, validation, result.best_epoch, zlib.crc32(weights), result.cancelled, shown)


def main(folder: Path) -> None:
    """Do the tasks of a folder."""
    with joined(Launch.from_environment()) as workers:
        workers.start()
        seen = [learn(Task(**task), workers) for task in json.loads((folder / "tasks.json").read_text())]
        (folder / f"{workers.rank}.json").write_text(json.dumps([asdict(each) for each in seen]))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
