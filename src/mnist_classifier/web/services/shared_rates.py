"""Share the requests of each client among server processes, so that all of them together keep the rate limit.

Every second, a process writes how many requests it admitted from each busy
client, and takes what the others admitted from its own buckets.  A client may
exceed the limit for about a second; the debt is then paid back, so the average
is right.  No request waits for this: it happens in a thread of its own, and
without the database each process goes by its own count.
"""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

import sqlalchemy as sa

from mnist_classifier.core.database import Store
from mnist_classifier.core.errors import MnistError
from mnist_classifier.core.tables import request_counts
from mnist_classifier.web.http.limits import RateLimiter

log = logging.getLogger(__name__)

INTERVAL_S = 1.0
# Remove the row of a process that has been silent for so long.  By then, its clients' buckets are full again.
SILENT_S = 60.0


@dataclass(frozen=True)
class _Seen:
    """What another process wrote last, and when this one first saw it, by its own clock."""

    sequence: int
    counts: Mapping[str, int]
    at: float


class SharedRates:
    """Exchanges the counts of one process with those of all others on the same database."""

    def __init__(self, store: Store, limiter: RateLimiter) -> None:
        self._store, self._limiter = store, limiter
        self._server = uuid.uuid4().hex
        self._sequence = 0
        self._written: dict[str, int] = {}
        # None: what the others wrote so far is not known, so it cannot be said what they have admitted since.
        self._seen: dict[str, _Seen] | None = None
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._exchange_often, name="rates", daemon=True)

    def watch(self) -> None:
        """Exchange counts every second until `close`."""
        self._thread.start()

    def close(self) -> None:
        """Stop, and remove the row of this process.  Does not wait long for a database that hangs."""
        self._closed.set()
        if self._thread.is_alive():
            self._thread.join(timeout=INTERVAL_S)
        if self._sequence:
            with suppress(MnistError):
                self._remove({self._server: self._sequence})

    def exchange(self, now: float | None = None) -> None:
        """Write the counts of this process if they changed, and take over those of the others.

        now: by time.monotonic().  Raises MnistError, and starts anew the next time.
        """
        now = time.monotonic() if now is None else now
        seen, self._seen = self._seen, None
        self._write(self._limiter.counts(now))
        found = self._read(seen or {}, now)
        if seen is not None:
            admitted: dict[str, int] = {}
            for server, each in found.items():
                for client, count in _since(seen.get(server), each).items():
                    admitted[client] = admitted.get(client, 0) + count
            self._limiter.absorb(admitted, len(found) + 1, now)
        silent = {server: each.sequence for server, each in found.items() if now - each.at > SILENT_S}
        if silent:
            self._remove(silent)
        self._seen = found

    def _exchange_often(self) -> None:
        reported = ""
        while not self._closed.wait(INTERVAL_S):
            try:
                self.exchange()
                reported = ""
            except MnistError as error:
                if error.message != reported:
                    reported = error.message
                    log.error("each server process now counts requests for itself: %s", error.message)

    def _write(self, counts: dict[str, int]) -> None:
        if counts == self._written:
            return
        values = {"sequence": self._sequence + 1, "counts": counts}
        own = request_counts.c.server == self._server
        with self._store.writing() as connection:
            if not connection.execute(request_counts.update().where(own).values(**values)).rowcount:
                connection.execute(request_counts.insert().values(server=self._server, **values))
        self._sequence, self._written = self._sequence + 1, counts

    def _read(self, seen: Mapping[str, _Seen], now: float) -> dict[str, _Seen]:
        with self._store.reading() as connection:
            rows = connection.execute(sa.select(request_counts).where(request_counts.c.server != self._server)).all()
        found = {}
        for server, sequence, counts in rows:
            known = seen.get(server)
            is_known = known is not None and known.sequence == sequence
            found[server] = known if known is not None and is_known else _Seen(sequence, counts, now)
        return found

    def _remove(self, rows: Mapping[str, int]) -> None:
        """Delete rows, unless their processes have written again."""
        with self._store.writing() as connection:
            for server, sequence in rows.items():
                chosen = (request_counts.c.server == server) & (request_counts.c.sequence == sequence)
                connection.execute(request_counts.delete().where(chosen))


def _since(before: _Seen | None, after: _Seen) -> dict[str, int]:
    """The requests that a process admitted since it was last seen.  A smaller count began anew."""
    known = before.counts if before is not None else {}
    changes = {client: count - known.get(client, 0) for client, count in after.counts.items()}
    return {client: change if change >= 0 else after.counts[client] for client, change in changes.items() if change}
