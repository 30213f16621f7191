"""uvicorn's connection, with limits on the time and memory that one client can take.

uvicorn parses everything as soon as it arrives and waits forever. A connection
here parses one request at a time, limits all bytes outside bodies, and closes
when the client stalls.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from functools import partial
from typing import Any

from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from mnist_classifier.web.http.refusal import refusal
from mnist_classifier.web.server.gateway import Gateway
from mnist_classifier.web.server.transport import Transport

# Connections of one process. Further clients are asked to try again.
MAX_CONNECTIONS = 1024
# Time limit for the head of the next request, and for a client that reads nothing of its reply.
HEAD_TIMEOUT_S = 15.0
LARGEST_HEAD_BYTES = 65_536
# The same limit as Python's http.client and Apache; a browser sends about 20.
MOST_HEADERS = 100
# Limit for chunk sizes, chunk extensions and trailers, plus a byte for each 16 of the body.
# A chunk of 100 bytes needs 7.
FRAMING_BYTES, BODY_BYTES_PER_FRAMING_BYTE = 65_536, 16

CLOSES = ("Connection", "close")
END_OF_HEAD = b"\r\n\r\n"
# Shortest piece of a chunked body to parse, so that a body full of END_OF_HEAD costs no more than others.
SHORTEST_PIECE_BYTES = 1024
# Headers, and options of the header Connection, with which a client offers another protocol.
UPGRADE_NAMES = {b"upgrade", b"http2-settings"}

HEAD_TOO_LARGE = (
    431,
    "head_too_large",
    f"the head of the request has more than {LARGEST_HEAD_BYTES:,} bytes or {MOST_HEADERS} headers",
)
FRAMING_TOO_LARGE = (413, "request_too_large", "the request has too many chunks, chunk extensions or trailers")
INVALID = (400, "invalid_request", "this is not a valid HTTP request")
TOO_MANY_CONNECTIONS = (503, "server_busy", "the server has too many connections; try again in a moment")


class Connection(HttpToolsProtocol):
    """One client's connection, for as many requests as it sends."""

    head_timeout_s = HEAD_TIMEOUT_S
    most_connections = MAX_CONNECTIONS

    transport: Transport  # type: ignore[assignment]
    # Deadline of the next head, in loop time; None while a request is in progress.
    _head_until: float | None = None
    # Bytes that have arrived but are not parsed yet.
    _unparsed = b""
    # Whether the next byte belongs to a head.
    _in_head = True
    # Bytes still to come of a body with a declared length.
    _left_bytes = 0
    # Bytes parsed of the current body, and of the current head or framing.
    _body_bytes = 0
    _other_bytes = 0
    _fault = INVALID
    # Bytes sent at the last check; None if nothing was left to send.
    _sent_bytes: int | None = None
    _alarm: asyncio.TimerHandle
    # A request that has arrived in one piece and has no task.
    _whole: RequestResponseCycle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # uvicorn's signature
        """Wait for a request, or refuse the connection if there are too many."""
        super().connection_made(transport)
        self.transport, self.flow = Transport(transport, self), _Flow(transport, self)
        self._wait_for_head()
        self._alarm = self.loop.call_later(self.head_timeout_s, self._check_progress)
        if len(self.connections) > self.most_connections:
            self.connections.discard(self)
            self._refuse(*TOO_MANY_CONNECTIONS)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting."""
        self._alarm.cancel()
        self._unparsed = b""
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse the new bytes, or keep them until the request before them is answered."""
        self._unset_keepalive_if_required()
        if not self.transport.is_closing():
            self._unparsed += data
            self._parse()

    def _parse(self) -> None:
        """Parse one request at a time: a parsed request takes a hundred times its size."""
        while self._unparsed and not self.transport.is_closing():
            if self.has_pending_request:
                self.flow.pause_reading()
                return
            end = self._end_of_piece()
            if not end:
                return
            piece, self._unparsed = self._unparsed[:end], self._unparsed[end:]
            self._feed(piece)
            if self._whole is not None and not self._whole.more_body:
                self._answer(self._whole)

    @property
    def has_pending_request(self) -> bool:
        """Whether more bytes have arrived after a request that is not answered yet."""
        is_answered = self.cycle is None or self.cycle.response_complete
        return bool(self._unparsed) and (bool(self.pipeline) or (self._in_head and not is_answered))

    def _end_of_piece(self) -> int:
        """How many bytes to parse next: never more than one request, 0 to wait for more bytes.

        The parser does not report where a request ended, so each piece ends where one may end.
        """
        if self._left_bytes:
            return self._left_bytes
        found = self._unparsed.find(END_OF_HEAD, 0 if self._in_head else SHORTEST_PIECE_BYTES)
        if found >= 0:
            return found + len(END_OF_HEAD)
        kept = len(END_OF_HEAD) - 1 if self._in_head else 0  # the start of END_OF_HEAD, perhaps
        return max(0, len(self._unparsed) - kept)

    def _feed(self, piece: bytes) -> None:
        """Parse a piece; refuse the request if its head or framing exceeds the limit."""
        self._other_bytes += len(piece)
        if self._in_head and self._other_bytes > LARGEST_HEAD_BYTES:
            self._refuse(*HEAD_TOO_LARGE)
            return
        try:
            self.parser.feed_data(piece)
        except HttpParserUpgrade:
            self._ignore_upgrade()
        except HttpParserError:
            self._refuse(*self._fault)
        else:
            if self._other_bytes > FRAMING_BYTES + self._body_bytes // BODY_BYTES_PER_FRAMING_BYTE:
                self._refuse(*FRAMING_TOO_LARGE)

    def _ignore_upgrade(self) -> None:
        """Parse the head again without the offer of another protocol; the parser would skip the body."""
        method = self.parser.get_method()
        if method == b"CONNECT":
            self._refuse(*INVALID)
            return
        lines = [b"%b %b HTTP/%b" % (method, self.url, self.parser.get_http_version().encode())]
        lines += [b"%b: %b" % header for header in _without_upgrade(self.headers)]
        self.parser = HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
        self._other_bytes = 0
        self._feed(b"\r\n".join(lines) + END_OF_HEAD)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Add a header; drop trailers."""
        if not self._in_head:
            return
        if len(self.headers) >= MOST_HEADERS:
            self._fault = HEAD_TOO_LARGE
            raise ValueError("too many headers")  # stops the parser
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Start answering the request."""
        if self.parser.should_upgrade():
            return
        self._head_until = None
        self._in_head = False
        self._other_bytes = self._body_bytes = 0
        self._left_bytes = next((int(value) for name, value in self.headers if name == b"content-length"), 0)
        super().on_headers_complete()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        is_whole = 0 < self._left_bytes == len(self._unparsed) and not cycle.waiting_for_100_continue
        # A task waits until the client has read enough.
        if is_whole and isinstance(app, Gateway) and not self.flow.write_paused:
            self._whole = cycle  # parse its body first
        else:
            super()._start_asgi_task(cycle, app)

    def _answer(self, cycle: RequestResponseCycle) -> None:
        """Answer a request that has arrived whole: at once if it is quick, otherwise in a task, which costs more."""
        self._whole = None
        try:
            reply = self.app.answer_at_once(cycle.scope, bytes(cycle.body))
        except Exception as error:
            super()._start_asgi_task(cycle, partial(_fail, error))
            return
        if reply is None:
            super()._start_asgi_task(cycle, self.app)
            return
        closes = [] if cycle.keep_alive else [(b"connection", b"close")]
        headers = (*self.server_state.default_headers, *reply.head["headers"], *closes)
        lines = [b"%b: %b\r\n" % header for header in headers]
        self.transport.write(b"".join((STATUS_LINE[reply.status], *lines, b"\r\n", reply.body)))
        cycle.response_started = cycle.response_complete = True
        if not cycle.keep_alive:
            self.transport.close()
        self.on_response_complete()

    def on_body(self, body: bytes) -> None:
        """Add a part of the body."""
        self._body_bytes += len(body)
        self._other_bytes -= len(body)
        self._left_bytes = max(0, self._left_bytes - len(body))
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Expect the next head."""
        if self.parser.should_upgrade():
            return
        self._in_head = True
        self._other_bytes = 0
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Wait for the next request, or parse it if it has arrived already."""
        super().on_response_complete()
        if self.cycle.response_complete:
            self._wait_for_head()
        self._parse()

    def shutdown(self) -> None:
        """Close as soon as the current request is answered."""
        super().shutdown()
        self.transport.stop_draining()

    @property
    def expects_more(self) -> bool:
        """Whether the client is still sending a request."""
        return not self._in_head or self._other_bytes > 0 or bool(self._unparsed)

    def ignore_the_rest(self) -> None:
        """Discard whatever the client still sends, for a limited time."""
        self._unparsed = b""
        self._wait_for_head()
        self.flow.resume_reading()

    def _wait_for_head(self) -> None:
        self._head_until = self.loop.time() + self.head_timeout_s

    def _check_progress(self) -> None:
        """Close the connection if it has waited too long.  One timer per connection costs requests nothing."""
        sent_bytes = self.transport.sent_bytes if self.transport.get_write_buffer_size() else None
        is_stuck = sent_bytes is not None and sent_bytes == self._sent_bytes
        self._sent_bytes = sent_bytes
        left_s = self.head_timeout_s
        if self._head_until is not None and sent_bytes is None:
            left_s = self._head_until - self.loop.time()
        if is_stuck or left_s <= 0:
            self.transport.abort()
            return
        self._alarm = self.loop.call_later(left_s, self._check_progress)

    def _refuse(self, status: int, code: str, message: str) -> None:
        """Send an error and close; give up the request in progress."""
        if self.cycle and not self.cycle.response_complete:
            if self.cycle.response_started:
                self.transport.abort()
                return
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        # The headers of a request that is no valid one are those before its fault.
        accept = b",".join(value for name, value in self.headers or () if name == b"accept").decode("latin-1")
        headers, body = refusal(status, code, message, CLOSES, accept)
        head = "".join(f"{name.lower()}: {value}\r\n" for name, value in headers)
        self.transport.write(STATUS_LINE[status] + head.encode("latin-1") + b"\r\n" + body)
        self.transport.drain()


class _Flow(FlowControl):
    """Stops reading from a client whose next request has arrived already."""

    def __init__(self, transport: asyncio.Transport, connection: Connection) -> None:
        super().__init__(transport)
        self._connection = connection

    def resume_reading(self) -> None:
        """Read on.  uvicorn calls this whenever the application waits for the client."""
        if not self._connection.has_pending_request:
            super().resume_reading()


async def _fail(error: Exception, *_: object) -> None:
    """An application that fails, so that uvicorn logs the error and answers 500."""
    raise error


def _without_upgrade(headers: list[tuple[bytes, bytes]]) -> Iterator[tuple[bytes, bytes]]:
    """The headers without offers of another protocol."""
    for name, value in headers:
        if name == b"connection":
            options = (option.strip() for option in value.split(b","))
            yield name, b", ".join(option for option in options if option.lower() not in UPGRADE_NAMES)
        elif name not in UPGRADE_NAMES:
            yield name, value
