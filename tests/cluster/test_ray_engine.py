# ruff: noqa: E402
"""`mnist predict --engine ray`, with Ray on this machine and on two hosts."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

if importlib.util.find_spec("ray") is None and os.environ.get("CI") != "true":
    pytest.skip("needs the extra `cluster`", allow_module_level=True)

from mnist_classifier.cluster.engine import MOST_ATTEMPTS
from mnist_classifier.core.settings import Settings, import_path
from mnist_classifier.data import mnist
from tests.cluster.ray_inputs import rows, write_array, write_parquet, write_pictures, write_tar
from tests.hosts import Host, can_make_hosts, two_hosts

pytestmark = [pytest.mark.cluster, pytest.mark.slow]

COMMAND = ("-m", "mnist_classifier", "predict", "--engine", "ray")
DEADLINE_S = 300
# Enough work for a process to be killed in the middle.
SHARDS, PER_SHARD = 8, 480


@pytest.fixture
def environment(settings: Settings) -> dict[str, str]:
    # Ray keeps nothing in the home of the user, so one that cannot be written to is good enough.
    variables = {"MNIST_HOME": str(settings.home), "PYTHONPATH": import_path(), "HOME": "/dev/null"}
    return {**variables, "RAY_ADDRESS": ""}


@pytest.fixture
def shards(tmp_path: Path, digits: mnist.Images) -> Path:
    """Archives of the same pictures in turn: 0, 1, 7, 0, 1, 7 ..."""
    folder = tmp_path / "shards"
    folder.mkdir()
    first = write_tar(folder / "0.tar", np.tile(digits.images, (PER_SHARD // 12, 1, 1)))
    for number in range(1, SHARDS):
        shutil.copyfile(first, folder / f"{number}.tar")
    return folder


@contextlib.contextmanager
def started(*arguments: str, environment: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    """The command, in a group of its own."""
    command = [sys.executable, *COMMAND, *arguments]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    with subprocess.Popen(
        command, env={**os.environ, **environment}, encoding="utf-8", start_new_session=True, **pipes
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def wait_until(condition: Callable[[], object], process: subprocess.Popen[str] | None = None) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline, "it took too long"
        assert process is None or process.poll() is None, process.communicate()[0]
        time.sleep(0.02)


def parts(output: Path) -> list[Path]:
    return sorted((output / "readings").glob("part-*.parquet"))


def environ_of(process: int) -> bytes:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{process}/environ").read_bytes()
    return b""


def processes_of(environment: dict[str, str]) -> list[int]:
    """Every process that a command of this test started: they alone have this MNIST_HOME."""
    mark = f"MNIST_HOME={environment['MNIST_HOME']}\0".encode()
    found = (int(path.name) for path in Path("/proc").glob("[0-9]*"))
    return [each for each in found if mark in environ_of(each)]


def session_of(environment: dict[str, str]) -> Path:
    """The folder of the Ray that a command of this test started."""
    lines = [path.read_text() for each in processes_of(environment) if (path := Path(f"/proc/{each}/cmdline")).exists()]
    (folder,) = set(re.findall(r"/tmp/mnist-ray-\w+", "\n".join(lines)))
    return Path(folder)


def readers(environment: dict[str, str]) -> list[int]:
    """The processes that read."""
    names = {each: Path(f"/proc/{each}/cmdline") for each in processes_of(environment)}
    return [each for each, path in names.items() if path.exists() and b"ray::MapWorker" in path.read_bytes()]


def check_each_picture_is_there_once(output: Path, shards: Path, digits: mnist.Images) -> None:
    found = [(row["source"], row["index"], row["prediction"]) for row in rows(output)]
    labels = np.tile(digits.labels, PER_SHARD // 12).tolist()
    assert found == [
        (str(shard), index, label) for shard in sorted(shards.iterdir()) for index, label in enumerate(labels)
    ]


def kill_the_reader_of(pipe: Path, environment: dict[str, str], command: subprocess.Popen[str]) -> None:
    """Wait until a process reads from a pipe, and kill it; nothing if the command ends instead."""
    descriptors: list[int] = []

    def is_read() -> bool:
        with contextlib.suppress(OSError):  # nobody reads
            descriptors.append(os.open(pipe, os.O_WRONLY | os.O_NONBLOCK))
        return bool(descriptors)

    wait_until(lambda: is_read() or command.poll() is not None)
    if not descriptors:
        return
    try:
        wait_until(lambda: any(has_open(each, pipe) for each in readers(environment)))
        for each in readers(environment):
            if has_open(each, pipe):
                os.kill(each, signal.SIGKILL)
                wait_until(lambda: not has_open(each, pipe))  # noqa: B023 - or the next call would kill it once more
    finally:
        os.close(descriptors[0])


def has_open(process: int, file: Path) -> bool:
    with contextlib.suppress(OSError):
        return any(os.readlink(each) == str(file) for each in Path(f"/proc/{process}/fd").iterdir())
    return False


def test_killed_processes_lose_nothing_and_repeat_nothing(
    tmp_path: Path, shards: Path, digits: mnist.Images, environment: dict[str, str]
) -> None:
    output = tmp_path / "out"
    pipe = tmp_path / "deadly.tar"
    os.mkfifo(pipe)
    with started(str(shards), str(pipe), "--output", str(output), environment=environment) as command:
        wait_until(lambda: parts(output), command)
        os.kill(
            readers(environment)[0], signal.SIGKILL
        )  # on a busy machine this may be the one that waits for the pipe
        for _ in range(MOST_ATTEMPTS):
            kill_the_reader_of(pipe, environment, command)
        said, _ = command.communicate(timeout=DEADLINE_S)
    check_each_picture_is_there_once(output, shards, digits)
    assert command.returncode == 1
    assert f"{pipe}: its process died {MOST_ATTEMPTS} times while reading this part" in said
    assert "Error: 1 part could not be finished" in said
    assert not (output / "_SUCCESS").exists()
    wait_until(lambda: not processes_of(environment))


def test_many_inputs_start_few_processes(tmp_path: Path, digits: mnist.Images, environment: dict[str, str]) -> None:
    first = write_tar(tmp_path / "0.tar", digits.images)
    inputs = [first, *(shutil.copyfile(first, tmp_path / f"{number}.tar") for number in range(1, 24))]
    most = 0
    arguments = (*map(str, inputs), "--output", str(tmp_path / "out"), "--jobs", "2")
    with started(*arguments, environment=environment) as command:
        while command.poll() is None:
            names = [Path(f"/proc/{each}/cmdline") for each in processes_of(environment)]
            with contextlib.suppress(OSError):  # it has ended
                most = max(most, sum(b"ray::" in name.read_bytes() for name in names))
            time.sleep(0.1)
        said, _ = command.communicate()
    assert said == f"{tmp_path / 'out'}: {24 * 12} readings\n"
    assert 0 < most <= 12
    wait_until(lambda: not processes_of(environment))


def test_the_same_command_continues_after_the_first_was_killed(
    tmp_path: Path, shards: Path, digits: mnist.Images, environment: dict[str, str]
) -> None:
    output = tmp_path / "out"
    arguments = (str(shards), "--output", str(output))
    with started(*arguments, environment=environment) as command:
        wait_until(lambda: len(parts(output)) > 1, command)
        session = session_of(environment)
        command.kill()
    wait_until(lambda: not processes_of(environment))
    shutil.rmtree(session)  # nobody was left to delete it
    before = {path: path.stat().st_mtime_ns for path in parts(output)}
    assert not (output / "_SUCCESS").exists()

    (shards / "broken.tar").write_bytes((shards / "0.tar").read_bytes()[:5000])
    with started(*arguments, environment=environment) as command:
        said, _ = command.communicate(timeout=DEADLINE_S)
    assert command.returncode == 1
    assert f"{len(before)} of {SHARDS + 1} parts were complete before" in said
    assert f"{shards}/broken.tar is damaged or cut short" in said
    assert f"Error: 1 picture could not be read; {output}/errors lists them" in said
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert (output / "_SUCCESS").exists()
    (shards / "broken.tar").unlink()
    broken = {row["source"] for row in rows(output)} - set(map(str, shards.iterdir()))
    assert broken == {str(shards / "broken.tar")}
    assert len(rows(output)) > SHARDS * PER_SHARD

    with started(*arguments, "--ambiguous-below", "0.9", environment=environment) as command:
        said, _ = command.communicate(timeout=DEADLINE_S)
    assert command.returncode == 1
    assert said.startswith(f"Error: {output} belongs to another job (options.thresholds.ambiguous_below: null there")


def test_kill_ends_the_command_with_its_processes_and_files(
    tmp_path: Path, shards: Path, environment: dict[str, str]
) -> None:
    with started(str(shards), "--output", str(tmp_path / "out"), environment=environment) as command:
        wait_until(lambda: len(parts(tmp_path / "out")) > 1, command)
        session = session_of(environment)
        command.terminate()
        said, _ = command.communicate(timeout=DEADLINE_S)
    assert said.endswith("run the same command again to continue\n")
    assert "SIGTERM" not in said
    wait_until(lambda: not processes_of(environment))
    assert not session.exists()


def test_what_outlives_the_session_does_not_start_another(environment: dict[str, str]) -> None:
    script = "import ray\nfrom mnist_classifier.cluster.ray_session import connected\n"
    script += "with connected('local', 1): pass\nray.put(1)"
    command = [sys.executable, "-c", script]
    ended = subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True, timeout=120)
    assert ended.returncode == 1
    assert "ray.init()" in ended.stderr.splitlines()[-1]
    # Ray looks for a token first when it starts.
    assert "authentication" not in ended.stderr


# --- two hosts ----------------------------------------------------------------------------------------


@pytest.fixture
def hosts() -> Iterator[tuple[Host, Host]]:
    if not can_make_hosts():
        if os.environ.get("CI") == "true":
            pytest.fail("needs root and iproute2", pytrace=False)
        pytest.skip("needs root and iproute2")
    with two_hosts() as pair:
        yield pair


@contextlib.contextmanager
def ray_cluster(hosts: tuple[Host, Host], environment: dict[str, str]) -> Iterator[str]:
    """A Ray cluster with one core on each host, which is guarded by a token; yields its address."""
    ray = ("-m", "ray.scripts.scripts", "start", "--block", "--num-cpus=1", "--disable-usage-stats")
    address = f"{hosts[0].address}:6379"
    # The paths of Ray's sockets must be short.
    with tempfile.TemporaryDirectory(dir="/tmp", prefix="mr-", ignore_cleanup_errors=True) as folder:
        head = ("--head", "--port=6379", "--include-dashboard=false", f"--temp-dir={folder}")
        with (
            hosts[0].python(*ray, *head, f"--node-ip-address={hosts[0].address}", environment=environment) as first,
            hosts[1].python(
                *ray, f"--address={address}", f"--node-ip-address={hosts[1].address}", environment=environment
            ) as second,
        ):
            for process in (first, second):
                assert process.stdout is not None
                said = ""
                for line in process.stdout:
                    said += line
                    if "Ray runtime started" in line:
                        break
                else:
                    pytest.fail(said)
            yield address


def test_two_hosts_read_a_job_together(
    hosts: tuple[Host, Host], tmp_path: Path, digits: mnist.Images, environment: dict[str, str]
) -> None:
    environment |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
    output = tmp_path / "out"
    shard = write_tar(tmp_path / "whole.tar", digits.images)
    pipe = tmp_path / "0.tar"
    os.mkfifo(pipe)
    inputs = [
        pipe,
        write_pictures(tmp_path / "pictures", digits.images),
        write_parquet(tmp_path / "a.parquet", digits.images),
        write_array(tmp_path / "a.npy", digits.images),
        *(shutil.copyfile(shard, tmp_path / f"{number}.tar") for number in range(1, 5)),
    ]
    with ray_cluster(hosts, environment) as address:
        arguments = (*COMMAND, *map(str, inputs), "--output", str(output), "--ray-address", address)
        with hosts[0].python(*arguments, environment=environment) as command:
            # The first host to begin waits for the pipe, so the other one reads as well.
            wait_until(lambda: parts(output), command)
            pipe.write_bytes(shard.read_bytes())
            said, _ = command.communicate(timeout=DEADLINE_S)
    assert command.returncode == 0, said
    assert said == f"{output}: {8 * 12} readings by 2 machines\n"
    found = [(row["source"], row["member"], row["index"]) for row in rows(output)]
    assert len(found) == len(set(found)) == 8 * 12
    wait_until(lambda: not processes_of(environment))
