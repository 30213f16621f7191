"""Read a million pictures with Ray Data: the rate on one core and on all, memory over time, a killed process.

    python bench/reading_at_scale.py [--images 1000000] [--shards tar|parquet] [--quick]

Writes MNIST test images as PNG files into shards of 2,000 in a temporary folder (about 1 GB for a million as tar),
and reads a tenth of them on one core, then all on all cores.  Halfway it kills a process that reads.  The rates leave
out the start of Ray: they count from the moment when the first part of each core is done.  Then it checks that the
output has every picture exactly once.  Memory is that of the command with all processes of Ray (PSS).
Needs Linux and the extra `cluster`.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import signal
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from measuring import RESULTS, data_environment, machine, process_tree, processor_s, tree_memory_mb, write_result
from mnist_classifier.core.settings import Settings
from mnist_classifier.data import mnist
from mnist_classifier.recognition.imaging.decode import encode_png

PER_SHARD = 2000
QUICK_IMAGES = 20_000
# Fewer parts make no rate: several reports of Ray arrive at once.
FEWEST_PARTS = 10
MEMORY_EVERY_S = 2.0
GOAL = 0.8


def main() -> None:
    """Measure, print, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=1_000_000)
    parser.add_argument("--shards", choices=("tar", "parquet"), default="tar")
    parser.add_argument("--quick", action="store_true", help=f"read {QUICK_IMAGES:,} pictures only")
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder for reading_at_scale.json")
    parser.add_argument("--run", nargs=3, metavar=("CORES", "INPUT", "OUTPUT"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.run:
        _run(*arguments.run)
        return
    shards = max(FEWEST_PARTS, (QUICK_IMAGES if arguments.quick else arguments.images) // PER_SHARD)
    before = machine()
    with tempfile.TemporaryDirectory(prefix="mnist-scale-") as folder:
        everything, tenth = Path(folder, "all"), Path(folder, "tenth")
        write_shards(everything, shards, arguments.shards)
        tenth.mkdir()
        for shard in sorted(everything.iterdir())[: max(FEWEST_PARTS, shards // 10)]:
            os.link(shard, tenth / shard.name)
        one = measure(1, tenth, Path(folder, "one"), kill=False)
        every = measure(os.cpu_count() or 1, everything, Path(folder, "every"), kill=True)
        faults = lost_and_repeated(everything, Path(folder, "every"))
        sizes = {"input_bytes": _size(everything), "output_bytes": _size(Path(folder, "every", "readings"))}
    result = summary(before, shards, arguments.shards, one, every, faults)
    result |= {name: round(size / result["images"]) for name, size in sizes.items()}
    write_result("reading_at_scale", result, table=table(result), folder=arguments.results)


# --- inputs -------------------------------------------------------------------------------------------


def write_shards(folder: Path, shards: int, kind: str) -> None:
    """Write shards of PER_SHARD pictures: the MNIST test images in turn."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    folder.mkdir()
    images = mnist.load(Settings.from_environment().data_dirs(), mnist.TEST).images
    files = [encode_png(image) for image in images]
    for number in range(shards):
        some = [files[(number * PER_SHARD + each) % len(files)] for each in range(PER_SHARD)]
        path = folder / f"{number:06}.{kind}"
        if kind == "parquet":
            pq.write_table(pa.table({"image": some}), path)
        else:
            _write_tar(path, some)


def _write_tar(path: Path, files: list[bytes]) -> None:
    with tarfile.open(path, "w") as archive:
        for index, data in enumerate(files):
            member = tarfile.TarInfo(f"{index:06}.png")
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.iterdir())


# --- one run ------------------------------------------------------------------------------------------


def _run(cores: str, source: str, output: str) -> None:
    """Read a job, and print time, readings and parts whenever a part is done.  A process of its own."""
    from mnist_classifier.cluster import engine
    from mnist_classifier.cluster.job import Job, checked_inputs, opened_model
    from mnist_classifier.recognition.bulk import DIGIT, Task
    from mnist_classifier.recognition.numbers.expected import ANYTHING

    settings = Settings.from_environment()
    job = Job(checked_inputs([source]), output, Task(DIGIT, ANYTHING, ()), {}, settings.max_image_pixels)

    def show(totals: engine.Totals) -> None:
        print(json.dumps([time.time(), totals.readings, len(totals.keys)]), flush=True)

    engine.run(job, opened_model(None, settings), cores=int(cores), on_part=show)


@dataclass
class Run:
    """Measurements of a run.

    done: time, readings and parts at the end of each part; memory_mb: over time; command_s: processor time of the
    command itself, which hands out the parts.
    """

    cores: int
    seconds: float = 0.0
    done: list[tuple[float, int, int]] = field(default_factory=list)
    memory_mb: list[float] = field(default_factory=list)
    killed: int = 0
    command_s: float = 0.0

    @property
    def rate(self) -> float:
        """Pictures per second, from the moment when each core had done a part."""
        (began, before, _), (ended, after, _) = self.done[self.cores - 1], self.done[-1]
        return (after - before) / (ended - began)


def measure(cores: int, source: Path, output: Path, *, kill: bool) -> Run:
    """Run a job in a process of its own."""
    run = Run(cores)
    began = time.monotonic()
    parts = len(list(source.iterdir()))
    command = [sys.executable, __file__, "--run", str(cores), str(source), str(output)]
    with tempfile.TemporaryDirectory() as home:
        environment = os.environ | data_environment() | {"MNIST_HOME": home}
        with (
            subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process,
            _memory(process.pid, run),
        ):
            assert process.stdout is not None
            for line in process.stdout:
                # Ray writes there too when a process dies.
                with contextlib.suppress(ValueError):
                    run.done.append(tuple(json.loads(line)))
                if kill and not run.killed and len(run.done) >= parts // 2:
                    run.killed = _kill_one(process.pid)
        if process.returncode != 0:
            raise SystemExit("the job failed")
    run.seconds = time.monotonic() - began
    return run


@contextlib.contextmanager
def _memory(pid: int, run: Run) -> Iterator[None]:
    """Sample the memory of a process tree until the block ends."""
    ended = threading.Event()

    def sample() -> None:
        while not ended.wait(MEMORY_EVERY_S):
            run.memory_mb.append(tree_memory_mb(pid) or 0.0)
            run.command_s = max(run.command_s, processor_s(pid))

    thread = threading.Thread(target=sample)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _kill_one(pid: int) -> int:
    """Kill a process that reads; returns how many were killed."""
    for each in process_tree(pid):
        if b"ray::MapWorker" in Path(f"/proc/{each}/cmdline").read_bytes():
            os.kill(each, signal.SIGKILL)
            return 1
    return 0


# --- results ------------------------------------------------------------------------------------------


def lost_and_repeated(source: Path, output: Path) -> dict[str, int]:
    """Count the pictures that the output does not have, and those that it has twice."""
    import pyarrow.parquet as pq

    seen = {str(shard): np.zeros(PER_SHARD, np.int64) for shard in source.iterdir()}
    for file in (output / "readings").iterdir():
        rows = pq.read_table(file, columns=["source", "index"])
        for name, index in zip(rows["source"].to_pylist(), rows["index"].to_pylist(), strict=True):
            seen[name][index] += 1
    counts = np.concatenate(list(seen.values()))
    return {"lost": int((counts == 0).sum()), "repeated": int((counts > 1).sum())}


def summary(
    before: dict[str, Any], shards: int, kind: str, one: Run, every: Run, faults: dict[str, int]
) -> dict[str, Any]:
    """Everything that was measured."""
    # The first samples show Ray starting.
    started = [megabytes for megabytes in every.memory_mb[len(every.memory_mb) // 4 :] if megabytes]
    halves = started[: len(started) // 2], started[len(started) // 2 :]
    return {
        "machine": before,
        "images": shards * PER_SHARD,
        "shards": kind,
        "images_per_s_one_core": round(one.rate),
        "images_per_s_all_cores": round(every.rate),
        "share_of_cores": round(every.rate / (every.cores * one.rate), 3),
        "goal": GOAL,
        "seconds_with_start": round(every.seconds, 1),
        "killed_processes": every.killed,
        **faults,
        "pictures_per_part": PER_SHARD,
        # The difference of the runs leaves out the start; the time between parts still makes this too large.
        "command_s_per_part": round((every.command_s - one.command_s) / max(1, shards - len(one.done)), 5),
        "peak_memory_mb": [max(half, default=None) for half in halves],
        "runs": [asdict(one), asdict(every)],
    }


def table(result: dict[str, Any]) -> str:
    """The figures as a table."""
    cores = result["machine"]["cores"]
    rows = [
        ("pictures", f"{result['images']:,} in {result['shards']} shards"),
        ("pictures per second, one core", f"{result['images_per_s_one_core']:,}"),
        (f"pictures per second, {cores} cores", f"{result['images_per_s_all_cores']:,}"),
        ("share of cores x one core", f"{result['share_of_cores']:.0%} (goal {GOAL:.0%})"),
        ("time with the start of Ray", f"{result['seconds_with_start']:,} s"),
        ("processes killed", str(result["killed_processes"])),
        ("pictures lost, repeated", f"{result['lost']}, {result['repeated']}"),
        ("largest memory, first and second half", " and ".join(f"{each} MB" for each in result["peak_memory_mb"])),
    ]
    return "\n".join(f"{name:40} {value}" for name, value in rows)


if __name__ == "__main__":
    main()
