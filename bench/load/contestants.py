"""The measured servers: ours, and the peers of bench/peers/serving with their best documented settings."""

from __future__ import annotations

import contextlib
import http.client
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from urllib.parse import urlsplit

from measuring import ROOT, data_environment

SERVING = ROOT / "bench" / "peers" / "serving"
OURS = "mnist-classifier"
# BentoML and TorchServe take tens of seconds on a busy machine.
START_TIMEOUT_S = 120
INSTALL_TIMEOUT_S = 1200


@dataclass(frozen=True)
class Contestant:
    """A server: its command, with {port}, {bin} and {folder} to fill in, and its settings."""

    name: str
    command: tuple[str, ...]
    note: str
    path: str = "/predict"
    prepare: tuple[tuple[str, ...], ...] = ()
    needs: str = ""


PEERS = (
    Contestant(
        "flask",
        ("{bin}/flask", "--app", "flask_server", "run", "--port", "{port}"),
        "Flask's development server, a thread a request",
    ),
    Contestant(
        "fastapi",
        ("{bin}/uvicorn", "fastapi_server:app", "--port", "{port}", "--workers", "2", "--log-level", "warning"),
        "uvicorn with uvloop and httptools, 2 workers",
    ),
    Contestant(
        "litserve",
        ("{bin}/python", f"{SERVING}/litserve_server.py", "{port}"),
        "workers_per_device=2, and as many API servers, its default",
    ),
    Contestant(
        "bentoml",
        ("{bin}/bentoml", "serve", "bentoml_service:Digits", "--port", "{port}", "--working-dir", str(SERVING)),
        "workers=2",
    ),
    Contestant(
        "torchserve",
        (
            *("{bin}/torchserve", "--start", "--foreground", "--no-config-snapshots", "--disable-token-auth"),
            *(
                "--model-store",
                "{folder}",
                "--models",
                "digits=digits.mar",
                "--ts-config",
                "{folder}/config.properties",
            ),
        ),
        "default_workers_per_model=2",
        path="/predictions/digits",
        prepare=(
            (
                *(
                    "{bin}/torch-model-archiver",
                    "--model-name",
                    "digits",
                    "--version",
                    "1.0",
                    "--export-path",
                    "{folder}",
                ),
                *("--handler", f"{SERVING}/torchserve_handler.py"),
                *("--serialized-file", f"{ROOT}/src/mnist_classifier/pretrained/weights.safetensors"),
                *("--extra-files", f"{ROOT}/src/mnist_classifier/pretrained/manifest.json,{SERVING}/model.py"),
            ),
        ),
        needs="java",
    ),
)
TORCHSERVE_CONFIG = """inference_address=http://127.0.0.1:{port}
management_address=http://127.0.0.1:{second}
metrics_address=http://127.0.0.1:{third}
default_workers_per_model=2
"""


def ours(workers: int) -> Contestant:
    """Our server, started from the checkout."""
    return Contestant(
        OURS,
        (sys.executable, str(ROOT / "app.py"), "--port", "{port}", "--workers", str(workers)),
        f"--workers {workers}",
    )


def install_peers(folder: Path) -> Path:
    """Create a virtual environment for the peers; returns its bin folder.  The first time takes minutes."""
    programs = folder / "bin"
    stamp = folder / "installed.txt"
    wanted = (SERVING / "requirements.txt").read_text("utf-8")
    if stamp.is_file() and stamp.read_text("utf-8") == wanted:
        return programs
    print(f"Installing the peers into {folder}; this takes minutes.", file=sys.stderr, flush=True)
    subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
    command = [str(programs / "python"), "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    subprocess.run([*command, "-r", str(SERVING / "requirements.txt")], check=True, timeout=INSTALL_TIMEOUT_S)
    stamp.write_text(wanted, "utf-8")
    return programs


class serving:  # noqa: N801 - used as a context manager, like a function
    """A running contestant in its own process group and folder; measures how soon it answered `body`.

    Raises SystemExit if it does not start.
    """

    def __init__(self, contestant: Contestant, programs: Path | None, body: bytes) -> None:
        self.contestant = contestant
        self._programs = programs
        self._body = body
        self.first_answer_s = 0.0

    def __enter__(self) -> serving:
        self._folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        self.home = Path(self._folder.name)
        ports = _free_ports(3)
        self.address = f"http://127.0.0.1:{ports[0]}"
        (self.home / "config.properties").write_text(
            TORCHSERVE_CONFIG.format(port=ports[0], second=ports[1], third=ports[2])
        )
        fill = {"port": ports[0], "bin": self._programs, "folder": self.home}
        for command in self.contestant.prepare:
            self._run(command, fill)
        started = time.perf_counter()
        self._log = (self.home / "log.txt").open("w+")
        self._process = subprocess.Popen(
            [part.format(**fill) for part in self.contestant.command],
            cwd=self.home,
            env=self._environment(),
            stdout=self._log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self.pid = self._process.pid
        try:
            self._wait()
        except BaseException:
            self._stop()
            raise
        self.first_answer_s = time.perf_counter() - started
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def _environment(self) -> dict[str, str]:
        own = {"BENTOML_HOME": str(self.home), "BENTOML_DO_NOT_TRACK": "True"}
        own |= {"LOG_LOCATION": str(self.home), "METRICS_LOCATION": str(self.home)}  # TorchServe's
        if self.contestant.name == OURS:
            own |= {"MNIST_HOME": str(self.home), **data_environment()}
        else:
            own |= {"PYTHONPATH": str(SERVING), "PATH": f"{self._programs}{os.pathsep}{os.environ['PATH']}"}
        # A training uses all threads, so a limit in the environment of the measurement must not reach it.
        inherited = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
        return inherited | own

    def _run(self, command: tuple[str, ...], fill: Mapping[str, object]) -> None:
        words = [part.format(**fill) for part in command]
        result = subprocess.run(
            words, cwd=self.home, env=self._environment(), capture_output=True, text=True, timeout=START_TIMEOUT_S
        )
        if result.returncode != 0:
            raise SystemExit(f"{words[0]} failed: {result.stdout}{result.stderr}")

    def _wait(self) -> None:
        deadline = time.monotonic() + START_TIMEOUT_S
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self._log.seek(0)
                raise SystemExit(f"{self.contestant.name} did not start: {self._log.read()[-2000:]}")
            time.sleep(0.01)

    def _answers(self) -> bool:
        try:
            return ask(self.address, self.contestant.path, self._body)[0] == 200
        except (OSError, http.client.HTTPException):
            return False

    def _stop(self) -> None:
        self._process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(15)
        # Some servers leave child processes behind.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._log.close()
        self._folder.cleanup()


def ask(
    address: str,
    path: str,
    body: bytes | None,
    content_type: str = "application/json",
    more_headers: Mapping[str, str] | None = None,
) -> tuple[int, bytes]:
    """One request: POST with a body, GET without."""
    connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=60)
    try:
        headers = {**({} if body is None else {"Content-Type": content_type}), **(more_headers or {})}
        connection.request("GET" if body is None else "POST", path, body, headers)
        reply = connection.getresponse()
        return reply.status, reply.read()
    finally:
        connection.close()


def why_not(contestant: Contestant) -> str:
    """The reason why a contestant cannot run, or an empty text."""
    if contestant.needs and shutil.which(contestant.needs) is None:
        return f"left out: it needs {contestant.needs}"
    return ""


def _free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports: list[int] = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports
