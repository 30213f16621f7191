"""Store uncertain readings in the background, so that people can label them.

A reading only puts its glyph into a queue.  If the database cannot be written
or is slow, the queue fills up and further readings are not kept.
"""

from __future__ import annotations

import contextlib
import logging
import queue
import threading

from mnist_classifier.core.arrays import Bytes
from mnist_classifier.core.errors import MnistError
from mnist_classifier.core.records import Reading
from mnist_classifier.learning.proposals import Candidate, Proposals, is_uncertain

log = logging.getLogger(__name__)

MOST_WAITING = 200
# Collect readings for so long, so that many share a transaction.
PAUSE_S = 0.5
PATIENCE_S = 2.0


class Proposer:
    """Takes the readings of one process."""

    def __init__(self, proposals: Proposals) -> None:
        self._proposals = proposals
        self._waiting: queue.Queue[Candidate] = queue.Queue(MOST_WAITING)
        self._reported = ""
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._store_often, name="proposals", daemon=True)

    def offer(self, reading: Reading, glyph: Bytes, version: int) -> None:
        """Keep a reading if it is uncertain and there is room.  Takes microseconds and never fails."""
        if not self._waiting.full() and is_uncertain(reading):
            with contextlib.suppress(queue.Full):
                self._waiting.put_nowait(Candidate(glyph.copy(), reading, version))

    def store(self) -> bool:
        """Store what waits; returns whether anything did.  Raises MnistError; the readings are gone then."""
        found = list[Candidate]()
        while not self._waiting.empty():
            found.append(self._waiting.get_nowait())
        if found:
            self._proposals.add(found)
        return bool(found)

    def watch(self) -> None:
        """Store often, in a thread, until `close`."""
        self._thread.start()

    def close(self) -> None:
        """Store the last ones, and stop.  Does not wait long for a database that hangs."""
        self._closed.set()
        if self._thread.is_alive():
            self._thread.join(timeout=PATIENCE_S)

    def _store_often(self) -> None:
        while True:
            is_last = self._closed.wait(PAUSE_S)
            try:
                if self.store():
                    self._reported = ""
            except MnistError as error:
                if error.message != self._reported:
                    self._reported = error.message
                    log.error("uncertain readings could not be kept for labelling: %s", error.message)
            if is_last:
                return
