"""Count readings for drift in memory, and write the counts to the database in the background.

A process that is killed loses the counts of at most INTERVAL_S; readings never wait for the database.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from datetime import datetime, timezone

import numpy as np

from mnist_classifier.core.errors import MnistError
from mnist_classifier.core.records import LOW_CONFIDENCE, Verdict
from mnist_classifier.learning.reading_counts import Key, ReadingCounts, Tally
from mnist_classifier.recognition.batch import VERDICTS, Batch

log = logging.getLogger(__name__)

INTERVAL_S = 10.0
HOUR_S = 3600
# Hours that wait for a database that cannot be written; the oldest are dropped.  Four verdicts, some versions.
MOST_WAITING = 1000
# How long the end of a process waits for the last counts to be written.
PATIENCE_S = 2.0


class ReadingTally:
    """The counts of one process; thread-safe."""

    def __init__(self, counts: ReadingCounts) -> None:
        self._counts = counts
        self._lock = threading.Lock()
        self._tallies: dict[tuple[int, int, Verdict], Tally] = {}
        self._reported = ""
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._write_often, name="tally", daemon=True)

    def add(self, verdict: Verdict, confidence: float, ink: float | None, version: int) -> None:
        """Count one reading.  ink: None if unknown."""
        with self._lock:
            tally = self._tally(verdict, version)
            tally.count += 1
            if verdict is Verdict.BLANK:
                return
            tally.confidence_sum += confidence
            tally.low_confidence += confidence < LOW_CONFIDENCE
            if ink is not None:
                tally.ink_sum += ink
                tally.ink_count += 1

    def add_batch(self, batch: Batch, version: int) -> None:
        """Count many readings."""
        for code, verdict in enumerate(VERDICTS):
            rows = batch.verdicts == code
            if not (count := int(rows.sum())):
                continue
            found = Tally(count)
            if verdict is not Verdict.BLANK:
                confidences = batch.confidences[rows].astype(np.float64)
                found.confidence_sum = float(confidences.sum())
                found.low_confidence = int((confidences < LOW_CONFIDENCE).sum())
                found.ink_sum, found.ink_count = float(batch.ink[rows].sum(dtype=np.float64)), count
            with self._lock:
                self._tally(verdict, version).add(found)

    def flush(self) -> None:
        """Write the counts.  If that fails, they wait for the next time.  Raises MnistError."""
        with self._lock:
            waiting, self._tallies = self._tallies, {}
        if not waiting:
            return
        try:
            self._counts.add({_key(*names): tally for names, tally in waiting.items()})
        except BaseException:
            with self._lock:
                for names, tally in self._tallies.items():
                    waiting.setdefault(names, Tally()).add(tally)
                self._tallies = dict(sorted(waiting.items())[-MOST_WAITING:])
            raise

    def watch(self) -> None:
        """Write often, in a thread, until `close`; forget what is too old first."""
        self._thread.start()

    def close(self) -> None:
        """Write the last counts, and stop.  Does not wait long for a database that hangs."""
        self._closed.set()
        if self._thread.is_alive():
            self._thread.join(timeout=PATIENCE_S)

    def _tally(self, verdict: Verdict, version: int) -> Tally:
        names = int(time.time()) // HOUR_S, version, verdict
        tally = self._tallies.get(names)
        if tally is None:
            tally = self._tallies[names] = Tally()
        return tally

    def _write_often(self) -> None:
        self._try(self._counts.forget)
        while not self._closed.wait(INTERVAL_S):
            self._try(self.flush)
        self._try(self.flush)

    def _try(self, act: Callable[[], None]) -> None:
        try:
            act()
            self._reported = ""
        except MnistError as error:
            if error.message != self._reported:
                self._reported = error.message
                log.error("readings could not be counted for drift yet: %s", error.message)


def _key(hour: int, version: int, verdict: Verdict) -> Key:
    return Key(datetime.fromtimestamp(hour * HOUR_S, timezone.utc), version, verdict)
