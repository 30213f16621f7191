"""Receive whole requests, call the WSGI application and send its replies.

A WSGI application reads the body from the connection and holds a thread while
it waits: sixteen clients that stop sending would block sixteen threads forever.
The gateway receives bodies in the event loop. There a waiting client costs a
few kilobytes and no thread, and has a time limit.

The event loop itself answers requests that take about a millisecond, because
handing one to a thread and back would add a quarter to that. Threads answer the
others, and those that turn out to take longer. Source: the ASGI specification 3.0; PEP 3333.
"""

from __future__ import annotations

import asyncio
import io
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextvars import Context, copy_context
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from mnist_classifier.web.http.event_loop import IN_EVENT_LOOP, TOOK_LONG, TakesLong
from mnist_classifier.web.http.refusal import refusal
from mnist_classifier.web.server.environ import environment

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication, WSGIEnvironment

Message: TypeAlias = dict[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Mapping[str, Any]]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]

# The time limit of a body grows by a second for so many bytes received: 400 kbit/s, a weak mobile network.
SLOWEST_BYTES_PER_S = 50_000
# Bodies up to this size are always accepted. Larger ones together may hold LARGE_BODIES times the largest body,
# so that slow clients cannot fill the memory.
SMALL_BODY_BYTES = 65_536
LARGE_BODIES = 16

CLOSES = ("Connection", "close")
TOO_SLOW = (408, "request_timeout", "the request arrived too slowly; send it again")
BUSY = (503, "server_busy", "too many large requests at the same time; try again in a moment")


class Gateway:
    """An ASGI application that wraps a WSGI application, for one process and one event loop.

    is_quick: takes the environment and the body; True if the event loop may
    answer the request itself.
    threads: for requests.  streams: most live streams at a time, which have
    threads of their own.
    timeout_s: time limit for a body, plus a second for SLOWEST_BYTES_PER_S bytes.
    close: called when the server has stopped.
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
        # Streams wait most of the time, so they get threads of their own, and one more for other replies in pieces.
        self._streaming = ThreadPoolExecutor(streams + 1, thread_name_prefix="stream")
        self._max_body_bytes = max_body_bytes
        self._timeout_s = timeout_s
        self._close = close
        self._held_bytes = 0

    async def __call__(self, scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
        """Answer one request, or follow the server from start to shutdown."""
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] == "http":
            await self._exchange(scope, receive, send)

    def answer_at_once(self, scope: dict[str, Any], body: bytes) -> _Reply | None:
        """The reply to a request that has arrived whole; None if it is not quick.

        If the application says that it takes long, `scope` keeps the environment for the next attempt.
        """
        environ = environment(scope)
        if len(body) > self._max_body_bytes or not self._is_quick(environ, body):
            return None
        environ["wsgi.input"] = io.BytesIO(body)
        reply = self._ask_at_once(environ, body, _Received(is_whole=True))
        if reply is None:
            scope[TOOK_LONG] = environ
        return reply

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._streaming.shutdown(wait=False, cancel_futures=True)
        self._close()
        await send({"type": "lifespan.shutdown.complete"})

    async def _exchange(self, scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
        received = _Received()
        environ = scope.get(TOOK_LONG) or environment(scope)
        try:
            body = await self._receive(environ, receive, received)
            if body:
                environ["CONTENT_LENGTH"] = str(len(body))  # a chunked body did not declare it
            environ["wsgi.input"] = io.BytesIO(body)
            await self._answer(environ, body, received, receive, send)
        except _Refused as refused:
            await _send(send, refused.reply(environ.get("HTTP_ACCEPT", "")))
        except _ClientGone:
            pass
        finally:
            self._held_bytes -= received.held_bytes

    async def _receive(self, environ: WSGIEnvironment, receive: Receive, received: _Received) -> bytes:
        """Receive the body, but stop at the first piece that exceeds the limit.

        Returns nothing if the declared length exceeds the limit. The
        application sees the length in either case and refuses the request.
        """
        if int(environ.get("CONTENT_LENGTH") or 0) > self._max_body_bytes:
            return b""
        loop = asyncio.get_running_loop()
        started, pieces = loop.time(), []
        while not received.is_whole and received.held_bytes <= self._max_body_bytes:
            spent_s, extra_s = loop.time() - started, received.held_bytes / SLOWEST_BYTES_PER_S
            message = await _receive_within(self._timeout_s + extra_s - spent_s, receive)
            if message["type"] != "http.request":
                raise _ClientGone
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
        is_quick = TOOK_LONG not in environ and self._is_quick(environ, body)
        reply = self._ask_at_once(environ, body, received) if is_quick else None
        if reply is None:
            # All threads that work on a request share one context, so that its request id stays set.
            context = copy_context()
            reply = await _in_thread(self._threads, context, self._ask, environ, received)
            if reply.stream is not None:
                await self._send_pieces(reply, reply.stream, context, receive, send)
                return
        await _send(send, reply)

    def _ask_at_once(self, environ: WSGIEnvironment, body: bytes, received: _Received) -> _Reply | None:
        """Call the application in the event loop; None if it says that the answer takes long."""
        environ[IN_EVENT_LOOP] = True
        try:
            return self._ask(environ, received)
        except TakesLong:
            environ["wsgi.input"] = io.BytesIO(body)
            environ[TOOK_LONG] = True
            return None
        finally:
            del environ[IN_EVENT_LOOP]

    def _ask(self, environ: WSGIEnvironment, received: _Received) -> _Reply:
        """Call the application; a reply is streamed only if it declares no length."""
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
        """Send pieces as the application makes them, until they end or the client disconnects."""
        gone = asyncio.ensure_future(_until_gone(receive))
        try:
            await send(reply.head)
            iterator: Iterator[bytes] = iter(pieces)
            while (piece := await _in_thread(self._streaming, context, next, iterator, None)) is not None:
                if gone.done():
                    return
                await send({"type": "http.response.body", "body": piece, "more_body": True})
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            gone.cancel()
            _close(pieces)


class _ClientGone(Exception):
    """The client has disconnected."""


@dataclass
class _Received:
    """How much of a body has arrived. `held_bytes` count against the limit of the process."""

    held_bytes: int = 0
    is_whole: bool = False


class _Reply:
    """A reply. closes: close the connection afterwards, because unread bytes of the body may follow."""

    def __init__(self, *, closes: bool = False) -> None:
        self._closes = closes
        self.status = 500
        self.headers: list[tuple[str, str]] = []
        self.body = b""
        self.stream: Iterable[bytes] | None = None

    def start(self, status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Callable[[bytes], object]:
        """WSGI's start_response. The `write` that it returns always raises NotImplementedError."""
        self.status, self.headers = int(status[:3]), headers
        return _no_writing

    @property
    def has_length(self) -> bool:
        """Whether the reply declares its length."""
        return any(name.lower() == "content-length" for name, _ in self.headers)

    @property
    def head(self) -> Message:
        """Status and headers in ASGI's form."""
        headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in self.headers]
        if self._closes:
            headers.append((b"connection", b"close"))
        return {"type": "http.response.start", "status": self.status, "headers": headers, "trailers": False}


class _Refused(Exception):
    """A request that is answered without the application."""

    def __init__(self, status: int, code: str, message: str) -> None:
        self._reason = status, code, message

    def reply(self, accept: str) -> _Reply:
        """What the client gets.  accept: the header Accept of its request."""
        made = _Reply()
        made.status = self._reason[0]
        made.headers, made.body = refusal(*self._reason, CLOSES, accept)
        return made


async def _receive_within(limit_s: float, receive: Receive) -> Mapping[str, Any]:
    """The next message from the client.  Raises _Refused after `limit_s`."""
    # asyncio.timeout needs Python 3.11, and wait_for makes a task for each message.
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
    """Wait until the client disconnects."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def _send(send: Send, reply: _Reply) -> None:
    """Send a complete reply."""
    await send(reply.head)
    await send({"type": "http.response.body", "body": reply.body, "more_body": False})


def _in_thread(
    threads: ThreadPoolExecutor, context: Context, function: Callable[..., Any], *arguments: Any
) -> asyncio.Future[Any]:
    return asyncio.get_running_loop().run_in_executor(threads, context.run, function, *arguments)


def _close(pieces: Iterable[bytes]) -> None:
    if hasattr(pieces, "close"):
        pieces.close()


def _no_writing(_: bytes) -> None:
    raise NotImplementedError("return the pieces of the reply instead of writing them")
