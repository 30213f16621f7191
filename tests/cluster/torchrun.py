"""Trainings that a real torchrun starts, for the tests."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from mnist_classifier.core.settings import Settings, import_path

# A network that learns 500 images in a fraction of a second.
SMALL = {
    "train_images": 500,
    "batch_size": 32,
    "learning_rate": 0.01,
    "conv1_channels": 8,
    "conv2_channels": 16,
    "hidden_units": 32,
    "patience": 0,
}


def train_command(*options: str, program: str = "", **flags: object) -> list[str]:
    """The arguments of Python that train SMALL, changed by `flags`, with torchrun.

    program: a script that does what `python -m mnist_classifier` does.
    """
    values = [f"--{name.replace('_', '-')}={value}" for name, value in {**SMALL, **flags}.items()]
    return [
        "-m",
        "torch.distributed.run",
        *options,
        *([program] if program else ["-m", "mnist_classifier"]),
        "train",
        *values,
    ]


@contextlib.contextmanager
def torchrun(settings: Settings, *options: str, program: str = "", **flags: object) -> Iterator[subprocess.Popen[str]]:
    """torchrun with two processes; all of them are gone at the end."""
    command = [sys.executable, *train_command("--nproc-per-node=2", *options, program=program, **flags)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    with subprocess.Popen(command, env=environment(settings), encoding="utf-8", **pipes) as process:  # type: ignore[call-overload]
        try:
            yield process
        finally:
            process.kill()
            for pid in ranks(settings).values():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)


def environment(settings: Settings) -> Mapping[str, str]:
    """The variables of a torchrun that uses this installation, and no mirror."""
    return {**os.environ, **settings.to_environment(), "PYTHONPATH": import_path(), "https_proxy": "http://127.0.0.1:9"}


def ranks(settings: Settings) -> dict[int, int]:
    """The processes of an installation that torchrun has started: process id by rank."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            variables = (folder / "environ").read_bytes().split(b"\0")
            rank = [int(value[5:]) for value in variables if value.startswith(b"RANK=")]
            if rank and f"MNIST_HOME={settings.home}".encode() in variables:
                found[rank[0]] = int(folder.name)
    return found
