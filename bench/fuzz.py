"""Fuzz the readers with damaged pictures and requests; report crashes, hangs and growing memory.

    python bench/fuzz.py                      # a million inputs on every core
    python bench/fuzz.py --inputs 20000       # a short run
    python bench/fuzz.py --replay 4711        # repeat one input, with its traceback
    python bench/fuzz.py --engine atheris     # guided by coverage; needs pip install atheris

Input N depends only on the seed and N.  Every fourth is a request (JSON, or a file of glyphs) to the application.
Child processes read the inputs.  This process kills a child that is silent for LONGEST_S and keeps its input as a
hang; it replaces a child that dies and keeps its input as a crash.  The only allowed errors are those of
core/errors.py, and every reading must satisfy fuzzing/target.py.  The exit status is 1 if anything was found.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import importlib.util
import multiprocessing
import os
import random
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import Any

from fuzzing.damage import input_of
from fuzzing.requests import request_of
from fuzzing.target import Bodies, Pictures
from measuring import RESULTS, ROOT, machine, write_result

LONGEST_S = 20.0
SLOW_S = 2.0
# Largest growth of a process in the second half of its inputs, when its caches are full.
MOST_GROWTH_MB = 30.0
REPORT_EVERY = 500
NUMBERS_EVERY = 32  # reading a number takes five times as long
REQUESTS_EVERY = 4
CORPUS = ROOT / "tests" / "corpus"


@dataclass
class Found:
    """The findings of the children so far."""

    outcomes: Counter[str] = field(default_factory=Counter)
    bugs: dict[str, tuple[int, str]] = field(default_factory=dict)  # where -> input, traceback
    kept: list[tuple[str, int]] = field(default_factory=list)  # kind, input
    slowest_s: float = 0.0
    slowest: int = 0
    memory_mb: dict[int, list[float]] = field(default_factory=dict)


@dataclass
class Child:
    """A process that reads every `step`-th input from `next_number` on."""

    slot: int
    process: SpawnProcess
    pipe: Connection
    next_number: int
    heard_at: float


@functools.cache
def corpus() -> tuple[bytes, ...]:
    """The saved corpus, in a fixed order."""
    return tuple(path.read_bytes() for path in sorted(CORPUS.glob("*.bin")))


def make_input(seed: int, number: int) -> bytes:
    """Make input `number`: a picture, or a request."""
    chance = random.Random(f"{seed} {number}")
    return request_of(chance) if is_request(number) else input_of(chance, corpus())


def is_request(number: int) -> bool:
    """Whether input `number` is a request to the application."""
    return number % REQUESTS_EVERY == 3


class Reader:
    """Reads inputs of both kinds."""

    def __init__(self, home: Path) -> None:
        self._pictures, self._application = Pictures(), Bodies(home)

    def check(self, data: bytes, number: int) -> str:
        """Read an input; returns its outcome.  Raises AssertionError, and any error that is a bug."""
        if is_request(number):
            return self._application.check_request(data)
        return self._pictures.check(data, as_number=number % NUMBERS_EVERY == 0)

    def close(self) -> None:
        """Close the database."""
        self._application.close()


def read_inputs(pipe: Connection, seed: int, first: int, last: int, step: int) -> None:
    """Read inputs in a child process.  Announces each input, and reports outcomes from time to time."""
    with tempfile.TemporaryDirectory() as home, contextlib.closing(Reader(Path(home))) as reader:
        _read_inputs(reader, pipe, seed, range(first, last, step))


def _read_inputs(reader: Reader, pipe: Connection, seed: int, numbers: range) -> None:
    outcomes, slowest = Counter[str](), (0.0, numbers.start)
    for count, number in enumerate(numbers, 1):
        data = make_input(seed, number)
        pipe.send(("at", number))
        started = time.perf_counter()
        try:
            outcomes[reader.check(data, number)] += 1
        except Exception as error:
            pipe.send(("bug", number, _place(error), traceback.format_exc()))
            outcomes["bug"] += 1
        slowest = max(slowest, (time.perf_counter() - started, number))
        if count == len(numbers) or count % REPORT_EVERY == 0:
            pipe.send(("so far", outcomes, slowest, resident_mb()))
            outcomes = Counter[str]()
    pipe.send(("end",))


def _place(error: Exception) -> str:
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} at {Path(frame.filename).name}:{frame.lineno}"


def resident_mb() -> float:
    """Resident memory of this process (Linux, else 0)."""
    if sys.platform != "linux":
        return 0.0
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


class Watch:
    """Child processes that share `inputs` inputs, and their supervision."""

    def __init__(self, seed: int, inputs: int, workers: int) -> None:
        self.found = Found()
        self._seed, self._inputs, self._workers = seed, inputs, workers
        self._context = multiprocessing.get_context("spawn")
        self._children = [self._start(slot, slot) for slot in range(min(workers, inputs))]

    def run(self) -> Found:
        """Run until every input was read."""
        while self._children:
            ready = wait([child.pipe for child in self._children], timeout=0.5)
            for child in list(self._children):
                if child.pipe in ready:
                    self._hear(child)
                elif time.monotonic() - child.heard_at > LONGEST_S:
                    self._replace(child, "hang")
        return self.found

    def _start(self, slot: int, first: int) -> Child:
        pipe, theirs = self._context.Pipe(duplex=False)
        process = self._context.Process(
            target=read_inputs, args=(theirs, self._seed, first, self._inputs, self._workers), daemon=True
        )
        process.start()
        theirs.close()
        # A child also needs time for its imports.
        return Child(slot, process, pipe, first, time.monotonic() + LONGEST_S)

    def _hear(self, child: Child) -> None:
        try:
            kind, *said = child.pipe.recv()
        except EOFError:
            self._replace(child, "crash")
            return
        child.heard_at = time.monotonic()
        if kind == "at":
            (child.next_number,) = said
        elif kind == "bug":
            number, place, trace = said
            if place not in self.found.bugs:
                self.found.bugs[place] = number, trace
                self.found.kept.append(("bug", number))
        elif kind == "so far":
            outcomes, (slowest_s, slowest), memory_mb = said
            self.found.outcomes += outcomes
            if slowest_s > self.found.slowest_s:
                self.found.slowest_s, self.found.slowest = slowest_s, slowest
            if slowest_s > SLOW_S:
                self.found.kept.append(("slow", slowest))
            self.found.memory_mb.setdefault(child.process.pid or 0, []).append(memory_mb)
        elif kind == "end":
            self._forget(child)

    def _replace(self, child: Child, what: str) -> None:
        """Keep the input that the child hung on or died of, and start another child after it."""
        child.process.kill()
        self._forget(child)
        self.found.outcomes[what] += 1
        self.found.kept.append((what, child.next_number))
        following = child.next_number + self._workers
        if following < self._inputs:
            self._children.append(self._start(child.slot, following))

    def _forget(self, child: Child) -> None:
        child.process.join()
        child.pipe.close()
        self._children.remove(child)


def main() -> None:
    """Fuzz, print, write JSON and the inputs with findings."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--inputs", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    parser.add_argument("--engine", choices=("damage", "atheris"), default="damage")
    parser.add_argument("--replay", type=int, metavar="NUMBER", help="read one input again, in this process")
    parser.add_argument("--results", type=Path, default=RESULTS)
    options = parser.parse_args()
    if options.replay is not None:
        data = make_input(options.seed, options.replay)
        print(f"{len(data)} bytes: {data[:40]!r}...")
        with tempfile.TemporaryDirectory() as home, contextlib.closing(Reader(Path(home))) as reader:
            print(reader.check(data, options.replay))
    elif options.engine == "atheris":
        raise SystemExit(run_atheris(options.inputs, options.seed, options.results / "fuzz"))
    else:
        raise SystemExit(run_damage(options.inputs, options.seed, options.workers, options.results))


def run_damage(inputs: int, seed: int, workers: int, results: Path) -> int:
    """Fuzz in child processes; returns 1 if anything was found."""
    # As in the server.  With one heap for each thread, memory would grow at random.
    os.environ["MALLOC_ARENA_MAX"] = "2"
    facts, started = machine(), time.perf_counter()
    found = Watch(seed, inputs, workers).run()
    seconds = time.perf_counter() - started
    grown = [reports[-1] - reports[len(reports) // 2] for reports in found.memory_mb.values()]
    result: dict[str, Any] = {
        "machine": facts,
        "inputs": inputs,
        "seed": seed,
        "seconds": round(seconds, 1),
        "inputs_per_s": round(inputs / seconds, 1),
        "outcomes": dict(found.outcomes.most_common()),
        "slowest_s": round(found.slowest_s, 3),
        "slowest_input": found.slowest,
        "memory_mb": [_quarters(reports) for reports in found.memory_mb.values()],
        "most_growth_mb": round(max(grown, default=0.0), 1),
        "bugs": {place: number for place, (number, _) in found.bugs.items()},
    }
    keep(found, seed, results / "fuzz")
    write_result("fuzz", result, folder=results)
    for place, (number, trace) in found.bugs.items():
        print(f"\ninput {number}: {place}\n{trace}")
    wrong = found.outcomes["bug"] + found.outcomes["crash"] + found.outcomes["hang"]
    return int(wrong > 0 or result["most_growth_mb"] > MOST_GROWTH_MB)


def _quarters(reports: list[float]) -> list[float]:
    """The first, the last and three values in between."""
    return [round(reports[(len(reports) - 1) * quarter // 4], 1) for quarter in range(5)]


def keep(found: Found, seed: int, folder: Path) -> None:
    """Write the inputs with findings."""
    for kind, number in found.kept:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{kind}-{seed}-{number}.bin").write_bytes(make_input(seed, number))


def run_atheris(inputs: int, seed: int, folder: Path) -> int:
    """Run libFuzzer, with its corpus and findings in `folder`; returns its exit status."""
    if importlib.util.find_spec("atheris") is None:
        print("atheris is not installed: pip install atheris==3.0.0 (Linux, Python 3.11 to 3.13)", file=sys.stderr)
        return 2
    grown = folder / "grown"
    grown.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "fuzzing.guided", str(grown), str(CORPUS), f"-runs={inputs}", f"-seed={seed + 1}"]
    limits = [f"-timeout={LONGEST_S:.0f}", "-rss_limit_mb=2048", "-max_len=20000", f"-artifact_prefix={folder}/"]
    return subprocess.run([*command, *limits], cwd=ROOT / "bench").returncode


if __name__ == "__main__":
    main()
