"""`mnist predict` with one process and with all cores: pictures, numbers and glyphs a second, and memory.

    python bench/predict.py [--quick] [--rounds 3]

Each command reads two inputs that differ only in length.  The difference of
their times gives the rate, without the start of Python and of the processes.
The goal is 90 % of the number of cores times the rate of one process, and for
glyphs 95 % of the rate of the network alone.  Processor time says how much of
a shortfall is work, and how much a busy machine.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from load import pictures
from measuring import machine, tree_memory_mb, write_result
from mnist_classifier.core.arrays import Bytes
from mnist_classifier.core.processors import usable_cores
from mnist_classifier.core.settings import PRETRAINED_DIR
from mnist_classifier.recognition.batch import GLYPHS_PER_CALL
from mnist_classifier.recognition.imaging.decode import encode_png
from mnist_classifier.recognition.recogniser import Recogniser

# Files on the disk; longer lists name them again.
FILES = 1000


@dataclass(frozen=True)
class Kind:
    """An input: what it is called, options of the command, and how many there are in the short and the long one."""

    name: str
    short: int
    long: int
    options: tuple[str, ...] = ()


KINDS = (
    Kind("PNG of 28 px", 20_000, 80_000),
    Kind("canvas PNG of 280 px", 4_000, 20_000),
    Kind("numbers of four digits", 100, 400, ("--number",)),
    Kind("glyphs in .npy", 40_000, 160_000),
)
MEMORY_INPUTS = (10_000, 1_000_000)


@dataclass(frozen=True)
class Run:
    """A command: its time, processor time and largest memory."""

    wall_s: float
    processor_s: float
    peak_mb: float


def main() -> None:
    """Measure every kind of input, then memory; print a table and write bench/results/predict.json."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--quick",
        action="store_true",
        help="a hundredth of the input, one round, start included: only shows that it works",
    )
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    scale, rounds = (100, 1) if options.quick else (1, options.rounds)
    before = machine()
    with tempfile.TemporaryDirectory() as folder:
        images = pictures.test_images(FILES).images
        rows = [measure(Path(folder), images, kind, scale, rounds) for kind in KINDS]
        memory = [memory_of(Path(folder), images, count // scale) for count in MEMORY_INPUTS]
    network = network_rate(images, seconds=2 if scale == 1 else 0.2)
    rows[-1]["network_per_s"] = round(network)
    rows[-1]["of_network"] = round(rows[-1]["all_per_s"] / network, 3)
    result = {**before, "quick": options.quick, "rounds": rounds, "rates": rows, "memory": memory}
    write_result("predict", result, table=table(rows, memory))


def measure(folder: Path, images: Bytes, kind: Kind, scale: int, rounds: int) -> dict[str, Any]:
    """Rates of one process and of all, from medians of pairs that run one after the other."""
    cores = usable_cores()
    # A hundredth is read so quickly that the difference of two lengths would be noise.
    short, long = kind.short if scale == 1 else 0, kind.long // scale
    inputs = [make_input(folder, images, kind, count) for count in (short, long) if count]
    pairs = [[difference(inputs, kind.options, jobs) for jobs in (1, cores)] for _ in range(rounds)]
    count = long - short
    one, all_cores = (median(pair[side].wall_s for pair in pairs) for side in (0, 1))
    return {
        "kind": kind.name,
        "count": count,
        "cores": cores,
        "one_per_s": round(count / one, 1),
        "all_per_s": round(count / all_cores, 1),
        "of_cores": round(median(pair[0].wall_s / pair[1].wall_s for pair in pairs) / cores, 3),
        "processor_of_one": round(median(pair[0].processor_s / pair[1].processor_s for pair in pairs), 3),
    }


def difference(inputs: Sequence[Sequence[str]], options: Sequence[str], jobs: int) -> Run:
    """What the longer input takes more than the shorter one, if there is one."""
    *shorter, long = (run([*each, *options, "--jobs", str(jobs)]) for each in inputs)
    short = shorter[0] if shorter else Run(0, 0, 0)
    return Run(long.wall_s - short.wall_s, long.processor_s - short.processor_s, long.peak_mb)


def make_input(folder: Path, images: Bytes, kind: Kind, count: int) -> list[str]:
    """Write an input; returns the arguments that name it."""
    if kind.name.startswith("glyphs"):
        path = folder / f"{count}.npy"
        np.save(path, images[np.arange(count) % len(images)])
        return [str(path)]
    files = list(write_pictures(folder / kind.name, images, kind))
    listed = folder / f"{kind.name}-{count}.txt"
    listed.write_text("".join(f"{files[number % len(files)]}\n" for number in range(count)))
    return ["--files-from", str(listed)]


def write_pictures(folder: Path, images: Bytes, kind: Kind) -> Iterator[Path]:
    """The pictures of a kind, at most FILES."""
    folder.mkdir(exist_ok=True)
    for number, image in enumerate(images):
        path = folder / f"{number:04}.png"
        if not path.exists():
            path.write_bytes(picture_of(image, images[number : number + 4], kind))
        yield path


def picture_of(image: Bytes, four: Bytes, kind: Kind) -> bytes:
    """The file of a picture."""
    if kind.name.startswith("canvas"):
        return pictures.grey_png(image)
    return encode_png(np.hstack([*four]).repeat(3, 0).repeat(3, 1) if "--number" in kind.options else image)


def memory_of(folder: Path, images: Bytes, count: int) -> dict[str, float]:
    """Largest memory of the command and its processes for a number of pictures."""
    found = run(make_input(folder, images, KINDS[0], count))
    return {"inputs": count, "peak_mb": found.peak_mb}


def run(arguments: Sequence[str]) -> Run:
    """Run `mnist predict` with its output to a file."""
    used = _children_s()
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "mnist_classifier", "predict", *arguments, "--output", f"{folder}/out.jsonl"]
        with subprocess.Popen(command) as process, _PeakMemory(process.pid) as peak:
            status = process.wait()
    if status:
        raise SystemExit(f"the command failed with {status}: {' '.join(command)}")
    return Run(time.perf_counter() - started, _children_s() - used, peak.mb)


def _children_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


class _PeakMemory:
    """Looks five times a second how much memory a process and its children use."""

    def __init__(self, pid: int) -> None:
        self.mb = 0.0
        self._pid, self._has_ended = pid, threading.Event()
        self._thread = threading.Thread(target=self._look)

    def __enter__(self) -> _PeakMemory:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._has_ended.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._has_ended.wait(0.2):
            self.mb = max(self.mb, tree_memory_mb(self._pid) or 0.0)


def network_rate(images: Bytes, seconds: float) -> float:
    """Glyphs a second of `Recogniser.opinions` alone, in parts of GLYPHS_PER_CALL on all cores."""
    recogniser = Recogniser.open(PRETRAINED_DIR)
    part = images[:GLYPHS_PER_CALL]

    def read(until: float) -> int:
        count = 0
        while time.perf_counter() < until:
            count += len(recogniser.opinions(part))
        return count

    with ThreadPoolExecutor(usable_cores()) as pool:
        started = time.perf_counter()
        counts = pool.map(read, [started + seconds] * usable_cores())
        return sum(counts) / (time.perf_counter() - started)


def table(rows: Sequence[dict[str, Any]], memory: Sequence[dict[str, float]]) -> str:
    """The results as text."""
    lines = [f"{'input':24} {'one/s':>9} {'all/s':>9} {'of cores':>9} {'processor':>10}"]
    lines += [
        f"{row['kind']:24} {row['one_per_s']:9,} {row['all_per_s']:9,} {row['of_cores']:9.1%} "
        f"{row['processor_of_one']:10.1%}"
        for row in rows
    ]
    lines.append(f"network alone {rows[-1]['network_per_s']:,} glyphs/s; of that {rows[-1]['of_network']:.1%}")
    lines += [f"{row['inputs']:9,} pictures: peak {row['peak_mb']:.0f} MB, all processes" for row in memory]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
