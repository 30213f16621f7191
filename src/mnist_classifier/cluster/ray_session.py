"""Connect to a Ray cluster, or start Ray on this machine and stop it again; Ray reports nothing to its makers."""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
import shutil
import signal
import socket
import tempfile
import threading
import warnings
from collections.abc import Iterator
from typing import Any

from mnist_classifier.cluster.storage import described
from mnist_classifier.core.errors import ClusterUnavailable

# Ray reads these when it is imported.
os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
# Ray Data warns at each start of a process, of a danger that our arguments do not have.
os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
# Silences a warning about graphics cards.
os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")

import ray  # noqa: E402
import ray.data  # noqa: E402
from ray._private import auto_init_hook  # noqa: E402

# The address that means: start Ray on this machine, for this command only.
LOCAL = "local"
# How long a cluster may take to answer.  Ray itself would wait for minutes, without a word.
REACHED_WITHIN_S = 10.0
TOKEN_VARIABLES = ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH")


def _end() -> None:
    # A thread of Ray Data that outlives the session would start another one, without a token.
    auto_init_hook.enable_auto_connect = False
    ray.shutdown()


@contextlib.contextmanager
def connected(address: str, cores: int | None = None) -> Iterator[int]:
    """Connect to the cluster at `address`; yields its number of cores.

    cores: how many a local Ray may use; by default all.  A cluster that runs
    already stays as it is.  Raises ClusterUnavailable.
    """
    with contextlib.ExitStack() as stack:
        options: dict[str, Any] = {"address": address}
        if address == LOCAL:
            stack.enter_context(_token())
            options |= {"num_cpus": cores, "include_dashboard": False, "_temp_dir": stack.enter_context(_session_dir())}
        else:
            _check_reachable(address)
        stack.callback(_end)
        try:
            with _without_stderr():
                ray.init(log_to_driver=False, logging_level=logging.ERROR, **options)
        except Exception as error:  # Ray raises ConnectionError, RuntimeError, ValueError and its own
            where = "Ray did not start" if address == LOCAL else f"the Ray cluster {address} cannot be used"
            raise ClusterUnavailable(f"{where}: {described(error)}") from error
        _be_quiet()
        stack.enter_context(_ended_politely())
        yield int(ray.cluster_resources().get("CPU", 1))


def _check_reachable(address: str) -> None:
    """Raise ClusterUnavailable if nothing listens at HOST:PORT; Ray checks other kinds of addresses itself."""
    host, colon, port = address.rpartition(":")
    if not colon or "/" in address or not port.isdecimal():
        return
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=REACHED_WITHIN_S).close()
    except (OSError, OverflowError) as error:
        raise ClusterUnavailable(
            f"the Ray cluster {address} cannot be reached ({described(error)}); "
            "check the address, and that Ray runs there"
        ) from error


@contextlib.contextmanager
def _ended_politely() -> Iterator[None]:
    """Let `kill` end the block as Ctrl-C does.  Ray would abort the process, and its folder would stay."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


@contextlib.contextmanager
def _token() -> Iterator[None]:
    """Give a local Ray a token of its own, so that nobody else can use it.  Ray would keep one in the user's home."""
    if os.environ.keys() & set(TOKEN_VARIABLES):
        yield
        return
    os.environ["RAY_AUTH_TOKEN"] = secrets.token_hex(32)
    try:
        yield
    finally:
        for name in TOKEN_VARIABLES:  # Ray sets the mode
            os.environ.pop(name, None)


@contextlib.contextmanager
def _session_dir() -> Iterator[str]:
    """A folder for Ray's sockets and logs, deleted afterwards.  Its path is short, because those of sockets must be."""
    folder = tempfile.mkdtemp(prefix="mnist-ray-", dir=None if os.name == "nt" else "/tmp")
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def _without_stderr() -> Iterator[None]:
    """Hide what Ray's C++ part writes while it starts; its errors become exceptions."""
    kept, null = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(null)


def _be_quiet() -> None:
    """Leave the terminal to the messages of this program; Ray's logs are in its session folder."""
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    # Such as: a job of one part does not use every core.
    warnings.filterwarnings("ignore", category=UserWarning, module=r"ray\.data\.")
    for name in ("ray", "ray.data"):
        logging.getLogger(name).setLevel(logging.ERROR)
