"""Serve the application: find a port, start the server processes, run until told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import logging
import multiprocessing
import os
import socket
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from multiprocessing.synchronize import Event as EventType
from typing import TYPE_CHECKING, Any

from uvicorn.config import STARTUP_FAILURE, Config

from mnist_classifier.core import logs
from mnist_classifier.core.errors import MnistError, ModelMissing, OpenWithoutToken, PortTaken
from mnist_classifier.core.settings import Settings, is_loopback
from mnist_classifier.web.server.watcher import GRACE_S, HUNG_S, Watcher, end_with_watcher

if TYPE_CHECKING:
    from mnist_classifier.web.server.gateway import Gateway

log = logging.getLogger(__name__)

PORTS_TO_TRY = 50
# Addresses that mean every address of this computer, and one at which to reach it.
PROBES = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}
# prometheus-client reads it when it is imported.
METRICS_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
# Environment variables of server processes.
PROCESS_VARIABLES = {
    # With matrices as small as ours, OpenBLAS's other threads only spin, for more than half of a request's CPU time.
    "OPENBLAS_NUM_THREADS": "1",
    # Otherwise glibc gives each thread a heap, and each heap keeps the memory of its largest request.
    "MALLOC_ARENA_MAX": "2",
}
# How long an idle connection stays open.
KEEP_ALIVE_S = 15
# Connections that wait to be accepted.
BACKLOG = 1024
# With one socket for all, the process that wakes first takes every waiting connection. Linux spreads connections over
# sockets with SO_REUSEPORT (source: socket(7)). Elsewhere the option is missing or means something else.
EACH_LISTENS = sys.platform == "linux"


def serve(settings: Settings, *, strict_port: bool) -> None:
    """Serve until Ctrl-C or SIGTERM, then finish the requests in progress.

    strict_port: fail if the port is taken, instead of taking the next free
    one.  Raises PortTaken, OpenWithoutToken.
    """
    check_openness(settings)
    logs.configure(settings)
    port = free_port(settings.host, settings.port, strict=strict_port)
    processes = multiprocessing.get_context("spawn")
    stopping, failed = processes.Event(), processes.Event()
    threading.Thread(target=_announce, args=(settings, port, stopping), daemon=True).start()
    try:
        with contextlib.ExitStack() as stack:
            variables = stack.enter_context(process_variables())
            if settings.workers > 1:
                stack.enter_context(shared_metrics())
            # A single process shares the parent's socket, so connections that wait survive its restart.
            own_sockets = settings.workers > 1 and EACH_LISTENS
            listener = None if own_sockets else stack.enter_context(_listening(settings.host, port))
            make_gateway = partial(_make_gateway, settings, stopping, failed, variables)
            Watcher(_config(settings, port, make_gateway, own_sockets), listener, stopping, forget_process).run()
    finally:
        _report_training(settings)
    if failed.is_set():
        sys.exit(1)


def _config(settings: Settings, port: int, make_gateway: Callable[[], Gateway], own_sockets: bool) -> Config:
    """Settings of uvicorn.  own_sockets: each server process opens its own socket."""
    return Config(
        make_gateway,
        factory=True,
        host=settings.host,
        port=port,
        workers=settings.workers,
        loop=f"{__name__}:new_loop" if own_sockets else "auto",
        http="mnist_classifier.web.server.connections:Connection",
        ws="none",
        lifespan="on",
        interface="asgi3",
        log_config=None,
        log_level="error",  # uvicorn's warnings are about malformed requests
        access_log=False,
        proxy_headers=False,
        server_header=False,
        backlog=BACKLOG,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=GRACE_S,
        timeout_worker_healthcheck=HUNG_S,
    )


def new_loop() -> asyncio.AbstractEventLoop:
    """An event loop whose servers share a port with other processes (SO_REUSEPORT); not on Windows."""
    import uvloop

    class Loop(uvloop.Loop):
        async def create_server(self, *args: Any, **kwargs: Any) -> Any:
            return await super().create_server(*args, reuse_port=True, **kwargs)

    return Loop()


@contextlib.contextmanager
def process_variables() -> Iterator[tuple[str, ...]]:
    """Set those of PROCESS_VARIABLES that are not set yet, for child processes; yields their names."""
    missing = {name: value for name, value in PROCESS_VARIABLES.items() if name not in os.environ}
    with _environment(missing):
        yield tuple(missing)


@contextlib.contextmanager
def shared_metrics() -> Iterator[None]:
    """Let child processes count together (see web/services/observer.py).

    If PROMETHEUS_MULTIPROC_DIR names a folder already, use and keep it.
    """
    if os.environ.get(METRICS_VARIABLE):
        yield
        return
    with tempfile.TemporaryDirectory(prefix="mnist-metrics-") as folder, _environment({METRICS_VARIABLE: folder}):
        yield


@contextlib.contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Set environment variables, and remove them afterwards."""
    os.environ.update(variables)
    try:
        yield
    finally:
        for name in variables:
            os.environ.pop(name, None)


@contextlib.contextmanager
def _listening(host: str, port: int) -> Iterator[socket.socket]:
    """A listening socket.  Raises OSError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, port), family=family, backlog=BACKLOG) as listener:
        yield listener


def _make_gateway(settings: Settings, stopping: EventType, failed: EventType, variables: tuple[str, ...]) -> Gateway:
    """Make the application in a server process.  variables: the names that `process_variables` yielded."""
    # Imported here, so that the supervising process stays small.
    from mnist_classifier.web.app import create_app
    from mnist_classifier.web.routes.fast_path import is_quick
    from mnist_classifier.web.server.gateway import Gateway
    from mnist_classifier.web.services.services import EXTENSION

    for name in variables:
        del os.environ[name]  # already in effect here; a training that this process starts may use all threads
    logs.configure(settings)
    end_with_watcher()
    try:
        app = create_app(settings, stopping.is_set)
    except MnistError as error:
        if not failed.is_set():  # only one process reports it
            failed.set()
            print(f"Error: {error.message}", file=sys.stderr, flush=True)
        sys.exit(STARTUP_FAILURE)
    services = app.extensions[EXTENSION]
    services.store.keep_open()
    try:
        services.model.current()  # before the first request
    except ModelMissing as error:  # the page can train one
        log.warning(error.message)
    services.watch()
    return Gateway(
        app,
        partial(is_quick, model=services.model, root_path=settings.root_path),
        threads=settings.server_threads,
        streams=settings.max_streams,
        max_body_bytes=settings.max_body_bytes,
        timeout_s=settings.body_timeout_s,
        close=services.close,
    )


def _announce(settings: Settings, port: int, stopping: EventType) -> None:
    """Print the address as soon as the application answers there."""
    while not stopping.wait(0.02):
        if _is_ready(settings.host, port):
            print(_banner(settings, port), flush=True)
            return


def _is_ready(host: str, port: int) -> bool:
    probe = http.client.HTTPConnection(PROBES.get(host, host), port, timeout=5)
    with contextlib.closing(probe), contextlib.suppress(OSError, http.client.HTTPException):
        probe.request("GET", "/healthz")
        return probe.getresponse().status == 200
    return False


def _report_training(settings: Settings) -> None:
    """Tell the user if a training goes on; it is a process of its own."""
    from mnist_classifier.core.database import Store
    from mnist_classifier.runs.run_log import Runs

    with contextlib.suppress(MnistError), contextlib.closing(Store(settings.resolved_database_url)) as store:
        active = Runs(store, settings.claims_dir).active()
        if active is not None:
            print(f"Run {active.id} continues training; to stop it, run `mnist runs cancel {active.id}`.", flush=True)


def check_openness(settings: Settings) -> None:
    """Raise OpenWithoutToken if anybody on the network could change something."""
    if is_loopback(settings.host) or settings.token or settings.insecure:
        return
    raise OpenWithoutToken(
        f"without a token, any computer that reaches {settings.host or 'this one'} could start trainings and delete "
        "models; set a token (MNIST_TOKEN or --token; "
        "make one with: python -c 'import secrets; print(secrets.token_urlsafe())'), listen on 127.0.0.1, "
        "or use --insecure (MNIST_INSECURE=1) if you trust your network"
    )


def forget_process(pid: int) -> None:
    """Drop the gauges of a dead process from the shared metrics; its counters stay."""
    if not os.environ.get(METRICS_VARIABLE):
        return
    from prometheus_client import multiprocess

    multiprocess.mark_process_dead(pid)  # type: ignore[no-untyped-call]


def free_port(host: str, port: int, *, strict: bool) -> int:
    """The port, or the next free one after it.

    Raises PortTaken if there is none, or if `strict` and the port is taken.
    """
    last = port if strict else min(port + PORTS_TO_TRY, 65535)
    for candidate in range(port, last + 1):
        if _answers(host, candidate):
            reason = "another program uses this port"
            continue
        try:
            with _listening(host, candidate):
                return candidate
        except OSError as error:
            # create_server appends the address, which the message has already.
            reason = (error.strerror or str(error)).partition(" (while attempting")[0]
    raise PortTaken(f"cannot listen on {host}:{port}: {reason}; choose another port with --port")


def _answers(host: str, port: int) -> bool:
    """Whether a program listens there.

    Binding does not tell: macOS lets a program bind 127.0.0.1 while AirPlay
    has the same port on all addresses.
    """
    with contextlib.suppress(OSError), socket.create_connection((PROBES.get(host, host), port), timeout=0.3):
        return True
    return False


def _banner(settings: Settings, port: int) -> str:
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    moved = f"Port {settings.port} is taken, so the server uses {port}.\n" if port != settings.port else ""
    return f"{moved}mnist-classifier is ready: http://{host}:{port}{settings.root_path}/  (Ctrl-C stops it)"
