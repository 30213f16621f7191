"""Live streams of a run's events, as server-sent events.

A stream reads the database, so it shows what any process writes. A client that
reconnects continues after the last event that it received. Each stream holds a
thread of the server, so their number is limited.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator, Iterator

import msgspec

from mnist_classifier.core.errors import MnistError, TooManyStreams
from mnist_classifier.core.records import RunEvent
from mnist_classifier.runs.run_log import Runs
from mnist_classifier.web.wire import runs as run_views

POLL_S = 0.25
# Proxies close silent connections, and only a write shows that the client has gone. At the same times, the stream
# checks whether the worker is still alive.
HEARTBEAT_S = 4.0
EVENTS_AT_ONCE = 200
# How soon a browser reconnects.
RETRY_MS = 1000


class Streams:
    """The live streams of one process.  They end when `is_stopping` returns True; browsers reconnect."""

    def __init__(self, runs: Runs, limit: int, is_stopping: Callable[[], bool] = lambda: False) -> None:
        self._runs = runs
        self._is_stopping = is_stopping
        self._limit = limit
        self._places = threading.BoundedSemaphore(limit)
        self._closed = threading.Event()

    def follow(self, run_id: int, after: int) -> Iterator[bytes]:
        """The events of a run after event number `after`; close it to free its place.

        Raises TooManyStreams.
        """
        stream = self._stream(run_id, after)
        next(stream)  # once a generator has started, closing it runs its `finally`
        return stream

    def close(self) -> None:
        """End every stream; browsers reconnect when the server is back."""
        self._closed.set()

    def _stream(self, run_id: int, after: int) -> Generator[bytes, None, None]:
        if not self._places.acquire(blocking=False):
            raise TooManyStreams(f"all {self._limit} live streams are taken; ask for /api/runs/{run_id}/events instead")
        try:
            yield b""
            yield f"retry: {RETRY_MS}\n\n".encode()
            yield from self._lines(run_id, after)
        finally:
            self._places.release()

    def _lines(self, run_id: int, after: int) -> Iterator[bytes]:
        written_at = time.monotonic()
        while not self._closed.is_set() and not self._is_stopping():
            try:
                # Read the run before its events, so that none from before its end is missed.
                run = self._runs.get(run_id)
                events = self._runs.events(run_id, after=after, limit=EVENTS_AT_ONCE)
            except MnistError as error:
                yield _line("trouble", {"message": error.public})
                return
            for event in events:
                after = event.sequence
                yield _event(event)
            if events:
                written_at = time.monotonic()
                continue
            if run.status.is_final:
                yield _line("end", run_views.run(run))
                return
            if time.monotonic() - written_at >= HEARTBEAT_S:
                written_at = time.monotonic()
                self._runs.mark_interrupted()
                yield b": heartbeat\n\n"
            self._closed.wait(POLL_S)


def _event(event: RunEvent) -> bytes:
    return f"id: {event.sequence}\n".encode() + _line(event.kind, run_views.event(event))


def _line(kind: str, data: object) -> bytes:
    return b"event: %s\ndata: %s\n\n" % (kind.encode(), msgspec.json.encode(data))
