"""Between Granian and the application: takes whole requests in, hands them on as WSGI.

Granian lets a WSGI application read the body from the connection, and that
read holds a thread for as long as the client likes: sixteen that send nothing
more stop sixteen threads for ever.  Through RSGI, its other interface, bodies
come in an event loop, where a client that waits costs some kilobytes and no
thread, and where waiting has an end.

What takes a millisecond is answered in the event loop itself, since the way to
a thread and back costs a quarter as much again; the rest, in threads.
Source: the RSGI specification 1.5 in Granian's documentation; PEP 3333.
"""

from __future__ import annotations

import asyncio
import io
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import Context, copy_context
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson
from granian.rsgi import HTTPProtocol, ProtocolClosed, Scope  # type: ignore[attr-defined] # it has no __all__

from mnist_classifier.web.security import HEADERS

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication, WSGIEnvironment

# What has come of a large body earns it more time, a second for so much: 400 kbit/s, a weak mobile network.
SLOWEST_BYTES_PER_S = 50_000
# Bodies up to this size are taken as they are; of the larger ones a process
# holds at most so many times the largest at a time, so that slow clients cannot fill the memory.
SMALL_BODY_BYTES = 65_536
LARGE_BODIES = 16

TOO_SLOW = (408, "request_timeout", "the request came too slowly and was given up; send it again")
BUSY = (503, "server_busy", "too many large requests at the same time; try again in a moment")
CUT_OFF = (400, "invalid_input", "the connection ended before the request did")


class Gateway:
    """An RSGI application around a WSGI one, for one process and one event loop.

    is_quick: whether a request, given as its environment and its body, is
    answered so soon that others can wait for it.  timeout_s: how long a body
    may take; a large one longer, at SLOWEST_BYTES_PER_S.
    """

    def __init__(
        self,
        application: WSGIApplication,
        is_quick: Callable[[WSGIEnvironment, bytes], bool],
        *,
        threads: int,
        streams: int,
        max_body_bytes: int,
        timeout_s: float,
    ) -> None:
        self._application = application
        self._is_quick = is_quick
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="request")
        # A stream waits most of the time: in threads of its own it is in nobody's way.
        self._streaming = ThreadPoolExecutor(streams + 1, thread_name_prefix="stream")
        self._max_body_bytes = max_body_bytes
        self._timeout_s = timeout_s
        self._held_bytes = 0

    def __rsgi_del__(self, loop: asyncio.AbstractEventLoop) -> None:
        """The event loop has ended."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._streaming.shutdown(wait=False, cancel_futures=True)

    async def __rsgi__(self, scope: Scope, protocol: HTTPProtocol) -> None:
        """Answer one request."""
        received = _Received()
        try:
            await self._receive(scope, protocol, received)
            await self._answer(environment(scope, received.body), received.body, protocol)
        except _Refused as refused:
            _refuse(protocol, refused)
        except ProtocolClosed:
            pass  # whoever asked has gone
        finally:
            self._held_bytes -= received.held_bytes

    async def _receive(self, scope: Scope, protocol: HTTPProtocol, received: _Received) -> None:
        """Wait for the body.  One that is declared too large stays where it is; the application refuses it."""
        declared = scope.headers.get("content-length")
        if declared is None:
            if scope.headers.get("transfer-encoding") is not None:
                await self._receive_pieces(protocol, received)
            return
        length = int(declared)  # the server has checked that it is a number
        if length > self._max_body_bytes:
            return
        if length > SMALL_BODY_BYTES:
            await self._receive_pieces(protocol, received)
        elif length:
            received.body = await _within(self._timeout_s, protocol())
        if len(received.body) < length:
            raise _Refused(*CUT_OFF)

    async def _receive_pieces(self, protocol: HTTPProtocol, received: _Received) -> None:
        """Take a body in that may be large, one byte more than allowed at most by a piece."""
        pieces: list[bytes] = []
        started = time.monotonic()
        waiting = protocol.__aiter__()
        while received.held_bytes <= self._max_body_bytes:
            spent_s, earned_s = time.monotonic() - started, received.held_bytes / SLOWEST_BYTES_PER_S
            try:
                piece = await _within(self._timeout_s + earned_s - spent_s, waiting.__anext__())
            except StopAsyncIteration:
                break
            pieces.append(piece)
            received.held_bytes += len(piece)
            self._held_bytes += len(piece)
            if self._held_bytes > LARGE_BODIES * self._max_body_bytes:
                raise _Refused(*BUSY)
        received.body = b"".join(pieces)

    async def _answer(self, environ: WSGIEnvironment, body: bytes, protocol: HTTPProtocol) -> None:
        if self._is_quick(environ, body):
            reply = self._ask(environ)
        else:
            # One context from the first byte to the last: what the application notes there (a request's id) stays.
            context = copy_context()
            reply = await _in_thread(self._threads, context, self._ask, environ)
            if reply.stream is not None:
                await self._send_pieces(reply, reply.stream, context, protocol)
                return
        protocol.response_bytes(reply.status, reply.headers, reply.body)

    def _ask(self, environ: WSGIEnvironment) -> _Reply:
        """Ask the application.  A reply that says how long it is, is taken as a whole."""
        reply = _Reply()
        pieces = self._application(environ, reply.start)
        if isinstance(pieces, list):
            reply.body = b"".join(pieces)
        elif reply.has_length or environ["REQUEST_METHOD"] == "HEAD":
            try:
                reply.body = b"".join(pieces)
            finally:
                _close(pieces)
        else:
            reply.stream = pieces
        return reply

    async def _send_pieces(
        self, reply: _Reply, pieces: Iterable[bytes], context: Context, protocol: HTTPProtocol
    ) -> None:
        """Send a reply as it comes, until it ends or nobody listens."""
        try:
            transport = protocol.response_stream(reply.status, reply.headers)
            iterator: Iterator[bytes] = iter(pieces)
            while (piece := await _in_thread(self._streaming, context, next, iterator, None)) is not None:
                await transport.send_bytes(piece)
        finally:
            _close(pieces)


class _Refused(Exception):
    """A request that never reaches the application.  Takes status, code, message."""


@dataclass
class _Received:
    """What has come of a body; `held_bytes` of it count against the limit of the process."""

    body: bytes = b""
    held_bytes: int = 0


class _Reply:
    """What the application answers."""

    def __init__(self) -> None:
        self.status = 500
        self.headers: list[tuple[str, str]] = []
        self.body = b""
        self.stream: Iterable[bytes] | None = None

    def start(self, status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Callable[[bytes], object]:
        """WSGI's start_response.  Its result, for applications older than WSGI's iterables, is not provided."""
        self.status, self.headers = int(status[:3]), headers
        return _no_writing

    @property
    def has_length(self) -> bool:
        """Whether the reply says how long it is."""
        return any(name.lower() == "content-length" for name, _ in self.headers)


def environment(scope: Scope, body: bytes) -> WSGIEnvironment:
    """A request as PEP 3333 has it; a body that came in pieces has its length here."""
    client, _, client_port = scope.client.rpartition(":")
    server, _, server_port = scope.server.rpartition(":")
    environ: WSGIEnvironment = {
        "REQUEST_METHOD": scope.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": _as_latin(scope.path),
        "QUERY_STRING": scope.query_string,
        "SERVER_NAME": server,
        "SERVER_PORT": server_port,
        "SERVER_PROTOCOL": f"HTTP/{scope.http_version}",
        "REMOTE_ADDR": client.strip("[]"),
        "REMOTE_PORT": client_port,
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope.scheme,
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    for name, value in scope.headers.items():
        _add_header(environ, name, value)
    if body:
        environ["CONTENT_LENGTH"] = str(len(body))
    return environ


def _add_header(environ: WSGIEnvironment, name: str, value: str) -> None:
    # A name with `_` would become the same key as one with `-`, which a proxy may have checked.
    if "_" in name or name == "transfer-encoding":
        return
    if name in ("content-type", "content-length"):
        environ[name.upper().replace("-", "_")] = value
        return
    key = "HTTP_" + name.upper().replace("-", "_")
    separator = "; " if name == "cookie" else ","
    environ[key] = f"{environ[key]}{separator}{_as_latin(value)}" if key in environ else _as_latin(value)


def _as_latin(text: str) -> str:
    """Bytes of UTF-8 as WSGI wants them."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode("latin-1")


async def _within(limit_s: float, waiting: Any) -> bytes:
    """What one of the server's futures brings.  Raises _Refused when it takes too long."""
    alarm = asyncio.get_running_loop().call_later(limit_s, waiting.cancel)
    try:
        data: bytes = await waiting
    except asyncio.CancelledError:
        raise _Refused(*TOO_SLOW) from None
    finally:
        alarm.cancel()
    return data


def _in_thread(
    threads: ThreadPoolExecutor, context: Context, function: Callable[..., Any], *arguments: Any
) -> asyncio.Future[Any]:
    return asyncio.get_running_loop().run_in_executor(threads, context.run, function, *arguments)


def _refuse(protocol: HTTPProtocol, refused: _Refused) -> None:
    status, code, message = refused.args
    body = orjson.dumps({"error": {"code": code, "message": message, "field": None}})
    headers = [("Content-Type", "application/json"), ("Connection", "close"), *HEADERS.items()]
    protocol.response_bytes(status, headers, body)


def _close(pieces: Iterable[bytes]) -> None:
    if hasattr(pieces, "close"):
        pieces.close()


def _no_writing(_: bytes) -> None:
    raise NotImplementedError("return the pieces of the reply instead of writing them")
