"""Serve the application: find a port, say where, run until told to stop."""

from __future__ import annotations

import contextlib
import http.client
import logging
import multiprocessing
import os
import socket
import sys
import tempfile
import threading
from collections.abc import Iterator
from functools import partial
from multiprocessing.synchronize import Event as EventType
from typing import TYPE_CHECKING

from uvicorn.config import STARTUP_FAILURE, Config

from mnist_classifier.core import logs
from mnist_classifier.core.errors import MnistError, ModelMissing, OpenWithoutToken, PortTaken
from mnist_classifier.core.settings import Settings, is_loopback
from mnist_classifier.web.server.watcher import GRACE_S, HUNG_S, Watcher, end_with_watcher

if TYPE_CHECKING:
    from mnist_classifier.web.server.gateway import Gateway
    from mnist_classifier.web.services.served_model import ServedModel

log = logging.getLogger(__name__)

PORTS_TO_TRY = 50
# Where to knock at an address that stands for all of a machine's.
PROBES = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}
# prometheus-client looks at it when it is imported.
METRICS_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
# What a process that serves is to find when it starts.
PROCESS_VARIABLES = {
    # Our matrices are so small that OpenBLAS's other threads do nothing but spin: they took more than half of the
    # processor time of a request.
    "OPENBLAS_NUM_THREADS": "1",
    # glibc gives each of many threads a heap of its own, and each keeps what its largest request has needed.
    "MALLOC_ARENA_MAX": "2",
}
# How long a connection may stay open with nothing to do.
KEEP_ALIVE_S = 15
# Connections that wait until a process takes them.
BACKLOG = 1024
# Processes that accept from one socket do not share fairly: whoever wakes first takes all that wait, and one of two
# answered everybody.  Linux deals connections out among sockets with SO_REUSEPORT (source: socket(7)); elsewhere the
# option means something else, or is not there.
EACH_LISTENS = sys.platform == "linux"


def serve(settings: Settings, *, strict_port: bool) -> None:
    """Serve until Ctrl-C or SIGTERM; requests in flight are answered first.

    strict_port: fail when the port is taken, rather than take the next free
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
            # Alone, a process that is started anew finds the connections that wait for it.
            has_own = settings.workers > 1 and EACH_LISTENS
            listener = None if has_own else stack.enter_context(_listening(settings.host, port))
            config = Config(
                partial(_load, settings, stopping, failed, variables),
                factory=True,
                host=settings.host,
                port=port,
                workers=settings.workers,
                loop="mnist_classifier.web.server.connections:new_loop" if has_own else "auto",
                http="mnist_classifier.web.server.connections:Connection",
                ws="none",
                lifespan="on",
                interface="asgi3",
                log_config=None,
                log_level="error",  # warnings are about what strangers send
                access_log=False,
                proxy_headers=False,
                server_header=False,
                backlog=BACKLOG,
                timeout_keep_alive=KEEP_ALIVE_S,
                timeout_graceful_shutdown=GRACE_S,
                timeout_worker_healthcheck=HUNG_S,
            )
            Watcher(config, listener, stopping, forget_process).run()
    finally:
        _mention_training(settings)
    if failed.is_set():
        sys.exit(1)


@contextlib.contextmanager
def process_variables() -> Iterator[tuple[str, ...]]:
    """Give PROCESS_VARIABLES to processes that are started inside; yields the names of those that were not set."""
    added = tuple(name for name in PROCESS_VARIABLES if name not in os.environ)
    os.environ.update({name: PROCESS_VARIABLES[name] for name in added})
    try:
        yield added
    finally:
        for name in added:
            os.environ.pop(name, None)


@contextlib.contextmanager
def _listening(host: str, port: int) -> Iterator[socket.socket]:
    """A socket that processes take connections from."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, port), family=family, backlog=BACKLOG) as listener:
        listener.set_inheritable(True)
        yield listener


def _load(settings: Settings, stopping: EventType, failed: EventType, variables: tuple[str, ...]) -> Gateway:
    """The application, in a worker process; variables: what `process_variables` added."""
    # Here, and not above: the process that watches over this one stays small without the application.
    from mnist_classifier.web.app import create_app
    from mnist_classifier.web.routes.fast_path import is_quick
    from mnist_classifier.web.server.gateway import Gateway
    from mnist_classifier.web.services.services import EXTENSION

    for name in variables:
        del os.environ[name]  # it was read when this process started; a training is to have all threads
    logs.configure(settings)
    end_with_watcher()
    try:
        app = create_app(settings, stopping.is_set)
    except MnistError as error:
        if not failed.is_set():  # several processes say it once
            failed.set()
            print(f"Error: {error.message}", file=sys.stderr, flush=True)
        sys.exit(STARTUP_FAILURE)
    services = app.extensions[EXTENSION]
    services.store.keep_open()
    services.jobs.watch()
    _load_model(services.model)
    return Gateway(
        app,
        partial(is_quick, model=services.model, root_path=settings.root_path),
        threads=settings.server_threads,
        streams=settings.max_streams,
        max_body_bytes=settings.max_body_bytes,
        timeout_s=settings.body_timeout_s,
        close=services.close,
    )


def _load_model(model: ServedModel) -> None:
    """Load before the first request; the page can train one where there is none."""
    try:
        model.current()
    except ModelMissing as error:
        log.warning(error.message)


def _announce(settings: Settings, port: int, stopping: EventType) -> None:
    """Say where the application is, once it answers there."""
    while not stopping.wait(0.02):
        if _is_ready(settings.host, port):
            print(_banner(settings, port), flush=True)
            return


def _is_ready(host: str, port: int) -> bool:
    connection = http.client.HTTPConnection(PROBES.get(host, host), port, timeout=5)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _mention_training(settings: Settings) -> None:
    """A training is a process of its own: it does not end with the server."""
    from mnist_classifier.core.database import Store
    from mnist_classifier.runs.run_log import Runs

    with contextlib.suppress(MnistError), contextlib.closing(Store(settings.resolved_database_url)) as store:
        active = Runs(store, settings.claims_dir).active()
        if active is not None:
            print(f"Run {active.id} continues training; to stop it, run `mnist runs cancel {active.id}`.", flush=True)


def check_openness(settings: Settings) -> None:
    """Raise OpenWithoutToken where anybody on the network could change something."""
    if is_loopback(settings.host) or settings.token or settings.insecure:
        return
    raise OpenWithoutToken(
        f"without a token, any computer that reaches {settings.host or 'this one'} could start trainings and delete "
        "models; set a token (MNIST_TOKEN or --token; "
        "make one with: python -c 'import secrets; print(secrets.token_urlsafe())'), listen on 127.0.0.1, "
        "or use --insecure (MNIST_INSECURE=1) if you trust your network"
    )


@contextlib.contextmanager
def shared_metrics() -> Iterator[None]:
    """Let processes that are started inside count together (see web/services/observer.py).

    A folder that PROMETHEUS_MULTIPROC_DIR names already is used and left.
    """
    if os.environ.get(METRICS_VARIABLE):
        yield
        return
    with tempfile.TemporaryDirectory(prefix="mnist-metrics-") as folder:
        os.environ[METRICS_VARIABLE] = folder
        try:
            yield
        finally:
            del os.environ[METRICS_VARIABLE]


def forget_process(pid: int) -> None:
    """Leave what a process that has ended read out of the window; its counts stay."""
    if not os.environ.get(METRICS_VARIABLE):
        return
    from prometheus_client import multiprocess

    multiprocess.mark_process_dead(pid)  # type: ignore[no-untyped-call]


def free_port(host: str, port: int, *, strict: bool) -> int:
    """The port, or the next free one after it.

    Raises PortTaken when there is none, or `strict` and the port is taken.
    """
    last = port if strict else min(port + PORTS_TO_TRY, 65535)
    for candidate in range(port, last + 1):
        if _answers(host, candidate):
            reason = "another program uses this port"
            continue
        try:
            _try_to_bind(host, candidate)
        except OSError as error:
            reason = error.strerror or str(error)
        else:
            return candidate
    raise PortTaken(f"cannot listen on {host}:{port}: {reason}; choose another port with --port")


def _answers(host: str, port: int) -> bool:
    """Whether somebody listens already.

    Binding alone does not tell: macOS lets a second program bind 127.0.0.1
    while AirPlay has the same port on all addresses.
    """
    try:
        socket.create_connection((PROBES.get(host, host), port), timeout=0.3).close()
    except OSError:
        return False
    return True


def _try_to_bind(host: str, port: int) -> None:
    """Raises OSError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))


def _banner(settings: Settings, port: int) -> str:
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    moved = f"Port {settings.port} is taken, so the server uses {port}.\n" if port != settings.port else ""
    return f"{moved}mnist-classifier is ready: http://{host}:{port}{settings.root_path}/  (Ctrl-C stops it)"
