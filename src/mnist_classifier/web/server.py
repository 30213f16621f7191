"""Serve the application: find a port, say where, run until told to stop."""

from __future__ import annotations

import contextlib
import logging
import socket

import waitress

from mnist_classifier.config import Settings
from mnist_classifier.errors import ModelMissing, PortTaken
from mnist_classifier.web import create_app
from mnist_classifier.web.access import check_openness
from mnist_classifier.web.services import EXTENSION
from mnist_classifier.web.serving import ServedModel

log = logging.getLogger(__name__)

PORTS_TO_TRY = 50
# Above this waitress itself refuses a body, in plain text; below it the
# application does, in its own words.
SERVER_BODY_LIMIT = 200_000_000


def serve(settings: Settings, *, strict_port: bool) -> None:
    """Serve until Ctrl-C.

    strict_port: fail when the port is taken, rather than take the next free
    one.  Raises PortTaken, OpenWithoutToken.
    """
    check_openness(settings)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("waitress").setLevel(logging.ERROR)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    with contextlib.closing(open_port(settings.host, settings.port, strict=strict_port)) as listener:
        app = create_app(settings)
        services = app.extensions[EXTENSION]
        _load_model(services.model)
        server = waitress.create_server(
            app,
            sockets=[listener],
            threads=settings.server_threads,
            max_request_body_size=max(SERVER_BODY_LIMIT, settings.max_body_bytes),
            ident=None,
            channel_request_lookahead=1,  # tells a stream that nobody listens any more
        )
        print(_banner(settings, listener), flush=True)
        try:
            server.run()
        finally:
            server.close()
            active = services.runs.active()
            if active is not None:
                print(f"Run {active.id} goes on training; `mnist runs cancel {active.id}` stops it.", flush=True)
            services.close()


def _load_model(model: ServedModel) -> None:
    """Load before the first request; the page can train one where there is none."""
    try:
        model.current()
    except ModelMissing as error:
        log.warning(error.message)


def open_port(host: str, port: int, *, strict: bool) -> socket.socket:
    """Bind the port, or the next free one after it.

    Raises PortTaken when there is none, or `strict` and the port is taken.
    """
    last = port if strict else min(port + PORTS_TO_TRY, 65535)
    for candidate in range(port, last + 1):
        if not _answers(host, candidate):
            try:
                return _bind(host, candidate)
            except OSError as error:
                reason = error.strerror or str(error)
        else:
            reason = "another program answers there"
    raise PortTaken(
        f"cannot listen on {host}:{port}: {reason}; choose another with --port, or stop the program that uses it"
    )


def _answers(host: str, port: int) -> bool:
    """Whether somebody listens already.

    Binding alone does not tell: macOS lets a second program bind 127.0.0.1
    while AirPlay has the same port on all addresses.
    """
    probe = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(host, host)
    try:
        socket.create_connection((probe, port), timeout=0.3).close()
    except OSError:
        return False
    return True


def _bind(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(1024)
    except OSError:
        listener.close()
        raise
    return listener


def _banner(settings: Settings, listener: socket.socket) -> str:
    port = listener.getsockname()[1]
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    moved = f"Port {settings.port} is taken by another program, so this is {port}.\n" if port != settings.port else ""
    return f"{moved}mnist-classifier is ready: http://{host}:{port}/  (Ctrl-C stops it)"
