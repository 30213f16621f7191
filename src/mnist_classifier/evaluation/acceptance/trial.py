"""Try an imported model version in a separate process with limited memory and time.

Bad files or a bad network do harm only there, before the server opens any of
them.  `python -m mnist_classifier.evaluation.acceptance.trial FOLDER` reads glyphs from
standard input, 784 bytes each, and prints {"digits": [...]} or {"error": "..."}.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import numpy as np

from mnist_classifier.core.arrays import Bytes
from mnist_classifier.core.decodable import decodable
from mnist_classifier.core.errors import InvalidArchive, ModelCorrupt, ModelError
from mnist_classifier.core.settings import import_path
from mnist_classifier.evaluation.acceptance.onnx_check import check_onnx
from mnist_classifier.evaluation.acceptance.weights_check import check_weights
from mnist_classifier.evaluation.self_test import open_tested
from mnist_classifier.recognition.recogniser import BATCH
from mnist_classifier.registry.manifest import MANIFEST_FILE, ONNX_FILE, ROBUSTNESS_FILE, WEIGHTS_FILE, verify
from mnist_classifier.registry.manifest_types import Robustness, parse

# The widest network that the settings allow needs 1.1 GB for a batch.
MOST_MEMORY_BYTES = 1_500_000_000
MOST_TIME_S = 60
# CPU time to load a network and read one glyph.  The slowest recipe reads a glyph in 0.5 ms.
MOST_LOADING_S = 2.0


@decodable
class Outcome(msgspec.Struct):
    """The output of the process."""

    digits: list[int] = []
    error: str = ""


def run(folder: Path, glyphs: Bytes) -> Bytes:
    """Check the version in `folder`, and return the digits, (N,), that it reads in (N, 28, 28) glyphs.

    Raises InvalidArchive.
    """
    try:
        # The process gets no settings of the server, so no token either.
        ended = subprocess.run(
            [sys.executable, "-m", "mnist_classifier.evaluation.acceptance.trial", str(folder)],
            input=glyphs.tobytes(),
            capture_output=True,
            timeout=MOST_TIME_S,
            env={
                **{name: value for name, value in os.environ.items() if not name.startswith("MNIST_")},
                "PYTHONPATH": import_path(),
                "OPENBLAS_NUM_THREADS": "1",
            },
        )
    except subprocess.TimeoutExpired:
        raise InvalidArchive(f"the network needs more than {MOST_TIME_S} s for {len(glyphs)} images") from None
    try:
        outcome = msgspec.json.decode(ended.stdout, type=Outcome)
    except msgspec.MsgspecError:
        memory = f"{MOST_MEMORY_BYTES / 1e9:g} GB of memory"
        raise InvalidArchive(f"the network cannot be run: it crashes, or needs more than {memory}") from None
    if outcome.error:
        raise InvalidArchive(outcome.error[:500])
    return np.array(outcome.digits, np.uint8)


def check(folder: Path, glyphs: Bytes) -> list[int]:
    """Check the version in `folder`, whose manifest was checked, and return the digits that it reads.

    Runs in the separate process, which a bad file may crash.  Raises ModelError.
    """
    manifest = verify(folder)
    names = {path.name for path in folder.iterdir()}
    if unlisted := sorted(names - {MANIFEST_FILE, ROBUSTNESS_FILE} - set(manifest["files"])):
        raise ModelCorrupt(f"the manifest does not list {', '.join(unlisted)}")
    check_weights((folder / WEIGHTS_FILE).read_bytes())
    check_onnx((folder / ONNX_FILE).read_bytes(), BATCH)
    if ROBUSTNESS_FILE in names:
        parse((folder / ROBUSTNESS_FILE).read_bytes(), Robustness, ROBUSTNESS_FILE)
    return _read_glyphs(folder, glyphs)


def _read_glyphs(folder: Path, glyphs: Bytes) -> list[int]:
    # CPU time, because a busy machine must not make a network look slow.
    started_s = time.process_time()
    recogniser = open_tested(folder)
    recogniser.check_interface()
    if time.process_time() - started_s > MOST_LOADING_S:
        raise ModelCorrupt("the network needs seconds for one image")
    try:
        # The largest batch that the server sends.
        recogniser.opinions(np.zeros((BATCH, 28, 28), np.uint8))
        digits: list[int] = recogniser.opinions(glyphs)[:, :10].argmax(axis=1).tolist()
    except Exception as error:  # ONNX Runtime's exceptions have no common class
        raise ModelCorrupt(f"the network does not answer a batch of images: {error}") from error
    return digits


def limit_resources() -> None:
    """Limit the memory and time of this process; Windows has no such limits, only MOST_TIME_S of `run`."""
    try:
        import resource
    except ImportError:
        return
    for limit, most in (
        (resource.RLIMIT_DATA, MOST_MEMORY_BYTES),
        (resource.RLIMIT_CPU, MOST_TIME_S),
        (resource.RLIMIT_CORE, 0),
    ):
        _, ceiling = resource.getrlimit(limit)
        resource.setrlimit(limit, (most if ceiling == resource.RLIM_INFINITY else min(most, ceiling), ceiling))


def main() -> None:
    """Check the folder that the command line names."""
    limit_resources()
    folder = Path(sys.argv[1])
    glyphs = np.frombuffer(sys.stdin.buffer.read(), np.uint8).reshape(-1, 28, 28)
    try:
        outcome = Outcome(digits=check(folder, glyphs))
    except ModelError as error:
        # The sender must not see paths of this machine.
        outcome = Outcome(error=error.message.replace(f"{folder}{os.sep}", "").replace(str(folder), "the archive"))
    print(json.dumps(msgspec.to_builtins(outcome)))


if __name__ == "__main__":
    main()
