"""Delete corrections that are older than the retention, at the start and then daily."""

from __future__ import annotations

import logging
import threading

from mnist_classifier.core.errors import MnistError
from mnist_classifier.learning.corrections import Corrections

log = logging.getLogger(__name__)

DAY_S = 24 * 3600.0


class Retention:
    """Deletes what is older than `days`; 0 keeps everything."""

    def __init__(self, corrections: Corrections, days: int) -> None:
        self._corrections = corrections
        self._days = days
        self._closed = threading.Event()

    def expire(self) -> None:
        """Delete what is too old now.  Raises MnistError."""
        if self._days and (count := self._corrections.expire(self._days)):
            log.info("deleted %d corrections that were older than %d days", count, self._days)

    def watch(self) -> None:
        """Delete daily, in a thread, until `close`."""
        if self._days:
            threading.Thread(target=self._daily, name="retention", daemon=True).start()

    def close(self) -> None:
        """Stop watching."""
        self._closed.set()

    def _daily(self) -> None:
        while not self._closed.wait(DAY_S):
            try:
                self.expire()
            except MnistError as error:
                log.error("old corrections could not be deleted: %s", error.message)
