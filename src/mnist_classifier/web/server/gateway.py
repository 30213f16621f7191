"""Between the server and the application: takes whole requests in, hands them on as WSGI.

A WSGI application reads the body from the connection, and that read holds a
thread for as long as the client likes: sixteen that send nothing more stop
sixteen threads for ever.  Here bodies come in an event loop, where a client
that waits costs some kilobytes and no thread, and where waiting has an end.

What takes a millisecond is answered in the event loop itself, since the way to
a thread and back costs a quarter as much again; the rest, in threads.
Source: the ASGI specification 3.0; PEP 3333.
"""

from __future__ import annotations

import asyncio
import io
import sys
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextvars import Context, copy_context
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from mnist_classifier.web.server.connections import last_words

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication, WSGIEnvironment

Message: TypeAlias = dict[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Mapping[str, Any]]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]

# What has come of a body earns it more time, a second for so much: 400 kbit/s, a weak mobile network.
SLOWEST_BYTES_PER_S = 50_000
# Bodies up to this size are taken whatever else goes on; of the larger ones a process
# holds at most so many times the largest at a time, so that slow clients cannot fill the memory.
SMALL_BODY_BYTES = 65_536
LARGE_BODIES = 16

TOO_SLOW = (408, "request_timeout", "the request arrived too slowly; send it again")
BUSY = (503, "server_busy", "too many large requests at the same time; try again in a moment")


class Gateway:
    """An ASGI application around a WSGI one, for one process and one event loop.

    is_quick: whether a request, given as its environment and its body, is
    answered so soon that others can wait for it.  timeout_s: how long a body
    may take; a large one longer, at SLOWEST_BYTES_PER_S.  close: called when
    the server has ended.
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
        close: Callable[[], None] = lambda: None,
    ) -> None:
        self._application = application
        self._is_quick = is_quick
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="request")
        # A stream waits most of the time: in threads of its own it is in nobody's way.
        self._streaming = ThreadPoolExecutor(streams + 1, thread_name_prefix="stream")
        self._max_body_bytes = max_body_bytes
        self._timeout_s = timeout_s
        self._close = close
        self._held_bytes = 0

    async def __call__(self, scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
        """Answer one request, or accompany the server from its start to its end."""
        if scope["type"] == "lifespan":
            await self._accompany(receive, send)
        elif scope["type"] == "http":
            await self._exchange(scope, receive, send)

    async def _accompany(self, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._streaming.shutdown(wait=False, cancel_futures=True)
        self._close()
        await send({"type": "lifespan.shutdown.complete"})

    async def _exchange(self, scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
        received = _Received()
        environ = environment(scope)
        try:
            body = await self._receive(environ, receive, received)
            if body:
                environ["CONTENT_LENGTH"] = str(len(body))  # a body that came in pieces has its length here
            environ["wsgi.input"] = io.BytesIO(body)
            await self._answer(environ, body, received, receive, send)
        except _Refused as refused:
            await _send(send, _refusal(refused))
        except _Gone:
            pass
        finally:
            self._held_bytes -= received.held_bytes

    async def _receive(self, environ: WSGIEnvironment, receive: Receive, received: _Received) -> bytes:
        """Wait for the body, and take one byte more than allowed at most by a piece.

        One that is declared too large stays where it is; the application refuses it.
        """
        if int(environ.get("CONTENT_LENGTH") or 0) > self._max_body_bytes:
            return b""
        loop = asyncio.get_running_loop()
        started, pieces = loop.time(), []
        while not received.is_whole and received.held_bytes <= self._max_body_bytes:
            spent_s, earned_s = loop.time() - started, received.held_bytes / SLOWEST_BYTES_PER_S
            message = await _within(self._timeout_s + earned_s - spent_s, receive)
            if message["type"] != "http.request":
                raise _Gone
            piece, received.is_whole = message["body"], not message["more_body"]
            pieces.append(piece)
            received.held_bytes += len(piece)
            self._held_bytes += len(piece)
            is_large = received.held_bytes > SMALL_BODY_BYTES
            if is_large and self._held_bytes > LARGE_BODIES * self._max_body_bytes:
                raise _Refused(*BUSY)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    async def _answer(
        self, environ: WSGIEnvironment, body: bytes, received: _Received, receive: Receive, send: Send
    ) -> None:
        if self._is_quick(environ, body):
            reply = self._ask(environ, received)
        else:
            # One context from the first byte to the last: what the application notes there (a request's id) stays.
            context = copy_context()
            reply = await _in_thread(self._threads, context, self._ask, environ, received)
            if reply.stream is not None:
                await self._send_pieces(reply, reply.stream, context, receive, send)
                return
        await _send(send, reply)

    def _ask(self, environ: WSGIEnvironment, received: _Received) -> _Reply:
        """Ask the application.  A reply that says how long it is, is taken as a whole."""
        reply = _Reply(closes=not received.is_whole)
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
        self,
        reply: _Reply,
        pieces: Iterable[bytes],
        context: Context,
        receive: Receive,
        send: Send,
    ) -> None:
        """Send a reply as it comes, until it ends or nobody listens."""
        gone = asyncio.ensure_future(_until_gone(receive))
        try:
            await send(reply.beginning)
            iterator: Iterator[bytes] = iter(pieces)
            while (piece := await _in_thread(self._streaming, context, next, iterator, None)) is not None:
                if gone.done():
                    return
                await send({"type": "http.response.body", "body": piece, "more_body": True})
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            gone.cancel()
            _close(pieces)


class _Refused(Exception):
    """A request that never reaches the application.  Takes status, code, message."""


class _Gone(Exception):
    """Whoever asked has gone."""


@dataclass
class _Received:
    """How many bytes of a body have come, which count against the limit of the process, and whether that is all."""

    held_bytes: int = 0
    is_whole: bool = False


class _Reply:
    """What the application answers.  closes: the connection ends, since a body that was not read may follow."""

    def __init__(self, *, closes: bool = False) -> None:
        self._closes = closes
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

    @property
    def beginning(self) -> Message:
        """Status and headers as ASGI has them."""
        headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in self.headers]
        if self._closes:
            headers.append((b"connection", b"close"))
        return {"type": "http.response.start", "status": self.status, "headers": headers, "trailers": False}


def environment(scope: Mapping[str, Any]) -> WSGIEnvironment:
    """A request as PEP 3333 has it, without its body."""
    client, client_port = scope["client"] or ("", 0)
    server, server_port = scope["server"] or ("", 0)
    environ: WSGIEnvironment = {
        "REQUEST_METHOD": scope["method"],
        "SCRIPT_NAME": "",
        "PATH_INFO": _as_latin(scope["path"]),
        "QUERY_STRING": scope["query_string"].decode("latin-1"),
        "SERVER_NAME": server,
        "SERVER_PORT": str(server_port),
        "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
        "REMOTE_ADDR": client,
        "REMOTE_PORT": str(client_port),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope["scheme"],
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    for name, value in scope["headers"]:
        _add_header(environ, name.decode("latin-1"), value.decode("latin-1"))
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
    environ[key] = f"{environ[key]}{separator}{value}" if key in environ else value


def _as_latin(text: str) -> str:
    """Bytes of UTF-8 as WSGI wants them."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode("latin-1")


async def _within(limit_s: float, receive: Receive) -> Mapping[str, Any]:
    """What comes next from the client.  Raises _Refused when it takes too long."""
    task, is_late = asyncio.current_task(), False

    def give_up() -> None:
        nonlocal is_late
        is_late = True
        if task is not None:
            task.cancel()

    alarm = asyncio.get_running_loop().call_later(limit_s, give_up)
    try:
        return await receive()
    except asyncio.CancelledError:
        if is_late:
            raise _Refused(*TOO_SLOW) from None
        raise
    finally:
        alarm.cancel()


async def _until_gone(receive: Receive) -> None:
    """Wait until the client has left."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def _send(send: Send, reply: _Reply) -> None:
    """Send a reply that is there as a whole."""
    await send(reply.beginning)
    await send({"type": "http.response.body", "body": reply.body, "more_body": False})


def _in_thread(
    threads: ThreadPoolExecutor, context: Context, function: Callable[..., Any], *arguments: Any
) -> asyncio.Future[Any]:
    return asyncio.get_running_loop().run_in_executor(threads, context.run, function, *arguments)


def _refusal(refused: _Refused) -> _Reply:
    status, code, message = refused.args
    reply = _Reply()
    reply.status = status
    headers, reply.body = last_words(code, message)
    reply.headers = list(headers.items())
    return reply


def _close(pieces: Iterable[bytes]) -> None:
    if hasattr(pieces, "close"):
        pieces.close()


def _no_writing(_: bytes) -> None:
    raise NotImplementedError("return the pieces of the reply instead of writing them")
