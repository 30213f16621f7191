"""The real server as a process of its own: what only it can show."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from mnist_classifier.core.database import Store
from mnist_classifier.core.settings import Settings
from mnist_classifier.core.train_config import TrainConfig
from mnist_classifier.runs.run_log import Runs
from mnist_classifier.web.server.server import PROCESS_VARIABLES, process_variables
from mnist_classifier.web.server.watcher import GRACE_S
from tests.processes import free_port
from tests.web.routes.test_predict import SEVEN

pytestmark = [pytest.mark.slow, pytest.mark.skipif(os.name == "nt", reason="stops servers with POSIX signals")]
on_linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks for processes in /proc")


# The program, whose watcher takes a process for hung after 3 s in place of 30.
IMPATIENT = """
from mnist_classifier.cli import main as cli
from mnist_classifier.web.server import watcher
if __name__ == "__main__":
    watcher.HUNG_S = 3
    cli.main()
"""


@contextmanager
def serving(
    home: Path, *, program: tuple[str, ...] = ("-m", "mnist_classifier"), port: int = 0, **environment: str
) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A server at a port, or a free one: its process, and its host and port."""
    process = subprocess.Popen(
        [sys.executable, *program, "serve", "--port", str(port or free_port())],
        env={**os.environ, "MNIST_HOME": str(home), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    try:
        said = ""
        for line in process.stdout:
            said += line
            if "ready" in line:
                break
        else:
            raise AssertionError(said)
        yield process, urlsplit(line.split()[-4]).netloc
    finally:
        process.terminate()
        process.communicate(timeout=30)


@contextmanager
def asked(address: str, path: str) -> Iterator[http.client.HTTPResponse]:
    with closing(http.client.HTTPConnection(address, timeout=20)) as connection:
        connection.request("GET", path)
        with connection.getresponse() as reply:
            yield reply


def status_of(address: str, path: str) -> int:
    with asked(address, path) as reply:
        return reply.status


@pytest.fixture
def run_id(tmp_path: Path) -> int:
    """A run that this very process seems to train."""
    settings = Settings(home=tmp_path)
    with closing(Store(settings.resolved_database_url)) as store:
        runs = Runs(store, settings.claims_dir)
        run = runs.create(TrainConfig())
        runs.start(run.id, pid=os.getpid())
    return run.id


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_request_in_flight_is_answered_before_the_server_ends(tmp_path: Path, workers: str):
    body = json.dumps({"image": SEVEN}).encode()
    with serving(tmp_path, MNIST_WORKERS=workers) as (process, address):
        host, port = address.split(":")
        with socket.create_connection((host, int(port)), timeout=20) as client:
            head = f"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
            client.sendall(head.encode() + b"\r\n\r\n" + body[:1000])
            time.sleep(0.3)
            process.send_signal(signal.SIGTERM)
            time.sleep(0.5)
            client.sendall(body[1000:])
            with closing(http.client.HTTPResponse(client)) as reply:
                reply.begin()
                assert reply.status == 200
                assert json.loads(reply.read())["prediction"] == 7
        assert process.wait(30) == 0


def test_clients_that_send_nothing_more_hold_nobody_up(tmp_path: Path):
    body = json.dumps({"image": SEVEN}).encode()
    head = f"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    with serving(tmp_path, MNIST_SERVER_THREADS="2", MNIST_BODY_TIMEOUT_S="6") as (_, address), ExitStack() as stack:
        host, port = address.split(":")
        slow = [stack.enter_context(socket.create_connection((host, int(port)), timeout=20)) for _ in range(50)]
        for client in slow:
            client.sendall(head.encode() + body[:1000])
        assert status_of(address, "/model-status") == 200
        with closing(http.client.HTTPConnection(address, timeout=20)) as connection:
            connection.request("POST", "/predict", body, {"Content-Type": "application/json"})
            assert json.loads(connection.getresponse().read())["prediction"] == 7
        assert select.select(slow, [], [], 0)[0] == []  # all of them are still waited for
        assert slow[0].recv(10_000).startswith(b"HTTP/1.1 408")


def test_streams_do_not_keep_the_server_from_ending(tmp_path: Path, run_id: int):
    with serving(tmp_path) as (process, address), asked(address, f"/api/runs/{run_id}/stream") as stream:
        assert stream.readline().startswith(b"retry:")
        started = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
        assert time.monotonic() - started < GRACE_S  # for so long it would wait for a reply that does not end


def test_a_stream_that_nobody_reads_any_more_gives_its_place_back(tmp_path: Path, run_id: int):
    path = f"/api/runs/{run_id}/stream"
    with serving(tmp_path, MNIST_MAX_STREAMS="1") as (_, address):
        with asked(address, path) as stream:
            assert stream.readline().startswith(b"retry:")
            assert status_of(address, path) == 503
        deadline = time.monotonic() + 60
        while (status := status_of(address, path)) != 200 and time.monotonic() < deadline:
            time.sleep(0.2)
        assert status == 200


def test_what_stands_in_the_way_of_starting_is_said(tmp_path: Path):
    (tmp_path / "mnist.db").write_bytes(b"this is no database" * 100)
    process = subprocess.run(
        [sys.executable, "-m", "mnist_classifier", "serve", "--port", "0"],
        env={**os.environ, "MNIST_HOME": str(tmp_path), "MNIST_PORT": "5000"},
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert process.returncode == 1
    assert "Error:" in process.stderr
    assert "Traceback" not in process.stderr


@on_linux
@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_process_that_is_killed_is_replaced(tmp_path: Path, workers: str):
    with serving(tmp_path, MNIST_WORKERS=workers) as (process, address):
        before = serving_processes(process.pid)
        assert len(before) == int(workers)
        os.kill(before[0], signal.SIGKILL)
        deadline = time.monotonic() + 60
        while set(serving_processes(process.pid)) & {before[0]} or len(serving_processes(process.pid)) < int(workers):
            assert time.monotonic() < deadline
            time.sleep(0.1)
        while time.monotonic() < deadline:
            try:
                if status_of(address, "/healthz") == 200:
                    return
            except OSError:
                time.sleep(0.1)
        raise AssertionError("nobody answers any more")


@on_linux
def test_only_a_process_that_hangs_is_replaced(tmp_path: Path):
    with serving(tmp_path, program=("-c", IMPATIENT), MNIST_WORKERS="2") as (process, address):
        busy, hung = serving_processes(process.pid)
        os.kill(busy, signal.SIGSTOP)
        time.sleep(1)  # a third as long as the watcher waits
        os.kill(busy, signal.SIGCONT)
        os.kill(hung, signal.SIGSTOP)
        wait_until(lambda: hung not in serving_processes(process.pid))
        wait_until(lambda: len(serving_processes(process.pid)) == 2)
        assert busy in serving_processes(process.pid)
        assert status_of(address, "/healthz") == 200
        process.terminate()
        said, _ = process.communicate(timeout=30)
    assert f"server process {hung} hung for 3 s; replacing it" in said
    assert str(busy) not in said


@on_linux
def test_a_process_that_is_busy_for_eight_seconds_is_left_alone(tmp_path: Path):
    with serving(tmp_path) as (process, address):
        before = serving_processes(process.pid)
        os.kill(before[0], signal.SIGSTOP)
        time.sleep(8)
        os.kill(before[0], signal.SIGCONT)
        assert status_of(address, "/healthz") == 200
        assert serving_processes(process.pid) == before


@on_linux
def test_a_watcher_that_was_stopped_itself_takes_nobody_for_hung(tmp_path: Path):
    with serving(tmp_path, program=("-c", IMPATIENT)) as (process, address):
        before = serving_processes(process.pid)
        for pid in (*before, process.pid):
            os.kill(pid, signal.SIGSTOP)
        time.sleep(4)  # longer than the watcher waits
        os.kill(process.pid, signal.SIGCONT)
        time.sleep(0.3)  # it checks, and nobody has answered it
        os.kill(before[0], signal.SIGCONT)
        assert status_of(address, "/healthz") == 200
        assert serving_processes(process.pid) == before


@on_linux
def test_nobody_serves_on_when_the_watcher_is_killed(tmp_path: Path):
    port = free_port()
    with serving(tmp_path, port=port, MNIST_WORKERS="2") as (process, _):
        orphans = serving_processes(process.pid)
        process.kill()
        process.wait(30)
        wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in orphans))
    with serving(tmp_path, port=port) as (_, address):
        assert status_of(address, "/healthz") == 200


@on_linux
def test_a_process_that_does_not_end_is_killed_when_the_server_is_told_to_stop(tmp_path: Path):
    program = IMPATIENT.replace("HUNG_S = 3", "KILL_AFTER_S = 1")
    with serving(tmp_path, program=("-c", program)) as (process, _):
        os.kill(serving_processes(process.pid)[0], signal.SIGSTOP)
        process.terminate()
        said, _ = process.communicate(timeout=30)
        assert process.returncode == 0
    assert "did not end within 1 s; killing it" in said


def test_sigterm_under_load_breaks_no_reply(tmp_path: Path):
    with serving(tmp_path, MNIST_WORKERS="2") as (process, address), under_load(address) as outcomes:
        wait_until(lambda: len(outcomes) > 200)
        process.terminate()
        assert process.wait(30) == 0
    # A connection that the server never accepted is reset; what it began to answer, it answers.
    assert set(outcomes) <= {200, "refused"}


@on_linux
def test_a_process_killed_under_load_costs_only_what_it_was_answering(tmp_path: Path):
    with serving(tmp_path, MNIST_WORKERS="2") as (process, address), under_load(address) as outcomes:
        killed = serving_processes(process.pid)[0]
        wait_until(lambda: len(outcomes) > 200)
        os.kill(killed, signal.SIGKILL)
        wait_until(lambda: killed not in serving_processes(process.pid))
        wait_until(lambda: len(serving_processes(process.pid)) == 2)
        answered = outcomes.count(200)
        wait_until(lambda: outcomes.count(200) > answered + 200)
    assert len(outcomes) - outcomes.count(200) <= LOAD_CONNECTIONS


LOAD_CONNECTIONS = 4


@contextmanager
def under_load(address: str) -> Iterator[list[int | str]]:
    """Requests in a row on several connections each; yields what became of them."""
    outcomes: list[int | str] = []
    is_over = threading.Event()

    def ask() -> None:
        body = json.dumps({"image": SEVEN}).encode()
        while not is_over.is_set():
            outcomes.append(outcome_of(address, body))

    threads = [threading.Thread(target=ask) for _ in range(LOAD_CONNECTIONS)]
    for thread in threads:
        thread.start()
    try:
        yield outcomes
    finally:
        is_over.set()
        for thread in threads:
            thread.join()


def outcome_of(address: str, body: bytes) -> int | str:
    """The status of a whole, right reply; `refused` if not a byte came."""
    with closing(http.client.HTTPConnection(address, timeout=20)) as connection:
        try:
            connection.request("POST", "/predict", body, {"Content-Type": "application/json"})
            reply = connection.getresponse()
        except (ConnectionError, http.client.RemoteDisconnected):
            time.sleep(0.01)
            return "refused"
        try:
            return reply.status if json.loads(reply.read())["prediction"] == 7 else "wrong"
        except (OSError, http.client.HTTPException, ValueError):
            return "cut off"


def wait_until(is_so: Callable[[], bool], timeout_s: float = 60) -> None:
    deadline = time.monotonic() + timeout_s
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def serving_processes(parent: int) -> list[int]:
    """The children of a server that answer requests."""
    found = []
    for pid in Path(f"/proc/{parent}/task/{parent}/children").read_text().split():
        with contextlib.suppress(OSError):  # it may have ended since
            if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes():
                found.append(int(pid))
    return found


@on_linux
def test_processes_that_serve_find_their_variables_when_they_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    for name in PROCESS_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    with serving(tmp_path) as (process, _):
        environments = [Path(f"/proc/{pid}/environ").read_bytes() for pid in serving_processes(process.pid)]
    assert environments
    for name, value in PROCESS_VARIABLES.items():
        assert all(f"{name}={value}".encode() in each.split(b"\0") for each in environments)


def test_a_variable_that_somebody_has_set_stays(monkeypatch: pytest.MonkeyPatch):
    chosen, other = PROCESS_VARIABLES
    monkeypatch.setenv(chosen, "3")
    monkeypatch.delenv(other, raising=False)
    with process_variables() as added:
        assert added == (other,)
        assert os.environ[chosen] == "3"
        assert os.environ[other] == PROCESS_VARIABLES[other]
    assert os.environ[chosen] == "3"
    assert other not in os.environ
