"""Shared by the measurements: start a server, describe the machine, write results as a table and JSON."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

from mnist_classifier.core.settings import Settings

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "bench" / "results"


class running_server:  # noqa: N801 - used as a context manager, like a function
    """`python app.py` in its own process, with an empty MNIST_HOME; yields its address."""

    def __init__(self) -> None:
        self.pid = 0

    def __enter__(self) -> str:
        self._home = tempfile.TemporaryDirectory()
        self._process = subprocess.Popen(
            [sys.executable, str(ROOT / "app.py")],
            env=os.environ | data_environment() | {"MNIST_HOME": self._home.name},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self.pid = self._process.pid
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if found := re.search(r"http://\S+/", line):
                return found[0]
        raise SystemExit("the server did not start")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        self._process.communicate(timeout=20)
        self._home.cleanup()


def data_environment() -> dict[str, str]:
    """The variable that lets a process with another MNIST_HOME find the MNIST files of this one."""
    for folder in Settings.from_environment().data_dirs():
        if any(folder.glob("t10k-images*")):
            return {"MNIST_DATA_DIR": str(folder)}
    raise SystemExit("the MNIST files are missing; run `mnist data` to download them")


def machine() -> dict[str, Any]:
    """The machine of the measurement, and its load."""
    name = platform.processor() or platform.machine()
    if sys.platform == "linux":
        found = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
        name = found[1] if found else name
    return {
        "processor": name,
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "load_before": load_average(),
    }


def load_average() -> float | None:
    """The load average of the last minute; None if the system has none."""
    return round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None


def peak_mb() -> float | None:
    """Largest resident memory of this process so far; None on Windows.

    On Linux it includes the memory of the parent at the fork, so the parent must be small.
    """
    if sys.platform == "win32":
        return None
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak * (1 if sys.platform == "darwin" else 1024) / 1e6, 1)


def process_tree(pid: int) -> list[int]:
    """A process and all its descendants (elsewhere than on Linux, only the process)."""
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            # The name in brackets may contain anything, so the fields are counted from its end.
            parent = int(stat.read_text(errors="replace").rpartition(")")[2].split()[1])
            children.setdefault(parent, []).append(int(stat.parent.name))
    tree = [pid]
    for each in tree:
        tree += children.get(each, [])
    return tree


def memory_mb(pid: int) -> float | None:
    """Memory of a process: its own pages and its share of shared pages (PSS); None if unknown."""
    try:
        found = re.search(r"^Pss:\s+(\d+) kB", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.MULTILINE)
    except OSError:
        return None
    return round(int(found[1]) * 1024 / 1e6, 1) if found else None


def tree_memory_mb(pid: int) -> float | None:
    """Memory of a process and all its descendants; None if unknown."""
    known = [each for each in map(memory_mb, process_tree(pid)) if each is not None]
    return round(sum(known), 1) if known else None


def processor_s(pid: int) -> float:
    """Processor time of a process so far (Linux, else 0)."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def descriptors(pid: int) -> int | None:
    """Open descriptors of a process (Linux, else None)."""
    try:
        return len(os.listdir(f"/proc/{pid}/fd"))
    except OSError:
        return None


def write_result(name: str, result: dict[str, Any], *, table: str | None = None, folder: Path = RESULTS) -> None:
    """Print a result, as `table` if given, and write it to FOLDER/NAME.json."""
    print(table or "\n".join(f"{key:24} {value}" for key, value in result.items()))
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.json").write_text(json.dumps(result, indent=1) + "\n", "utf-8")


def output_until_killed(work: Callable[[Callable[[str], object]], None], life_s: float) -> str:
    """Fork a child that works and says what it does, kill it after `life_s`, and return what it said.

    A new process would spend its whole life importing.  POSIX only.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        try:
            work(lambda words: os.write(writing, f"{words}\n".encode()))
        except BaseException as error:
            os.write(writing, f"failed {error!r}\n".encode())
        finally:
            os._exit(1)
    os.close(writing)
    time.sleep(life_s)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    with os.fdopen(reading) as pipe:
        words = pipe.read()
    if "failed" in words:
        raise SystemExit(f"the child failed by itself: {words}")
    return words
