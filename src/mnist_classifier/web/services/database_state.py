"""What the database said last, for probes and metrics: neither may wait for a database that does not answer."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Mapping
from typing import Any

from mnist_classifier.core.errors import DatabaseUnreachable, MnistError, VersionMissing
from mnist_classifier.core.records import RunStatus
from mnist_classifier.registry.versions import Registry
from mnist_classifier.runs.run_log import Runs

# How often to ask the database.
INTERVAL_S = 1.0
# A database that takes longer than this counts as unreachable.
SILENT_S = 2.0


class DatabaseState:
    """Remembers whether the database answers, and what the metrics show of it.

    After `watch`, a thread asks the database and no other method does. Before, every method asks it.
    """

    def __init__(self, registry: Registry, runs: Runs) -> None:
        self._registry = registry
        self._runs = runs
        self._trouble = ""
        self._trainings: Mapping[RunStatus, int] = {}
        # The metrics of the versions that somebody asked for; manifests never change.
        self._versions: dict[int, dict[str, Any] | None] = {}
        self._asking_since: float | None = None
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None

    def watch(self) -> None:
        """Ask the database in a thread until `close`."""
        self._ask()
        self._thread = threading.Thread(target=self._ask_often, name="database", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop watching.  Does not wait for a database that hangs; the thread ends with the process."""
        self._closed.set()
        if self._thread is not None:
            self._thread.join(timeout=INTERVAL_S)

    def trouble(self) -> str:
        """Why the database cannot be used; empty: it answers."""
        self._ask_unless_watched()
        since = self._asking_since
        if since is not None and time.monotonic() - since > SILENT_S:
            return DatabaseUnreachable("").public
        return self._trouble

    def trainings(self) -> Mapping[RunStatus, int]:
        """The numbers of running and of queued runs; empty while the database cannot be used."""
        return {} if self.trouble() else self._trainings

    def metrics(self, versions: Iterable[int]) -> dict[int, dict[str, Any]]:
        """The metrics of these versions.  Those not known yet are left out, and looked up the next time."""
        wanted = tuple(versions)
        for version in wanted:
            self._versions.setdefault(version, None)
        self._ask_unless_watched()
        known = {version: self._versions[version] for version in wanted}
        return {version: metrics for version, metrics in known.items() if metrics is not None}

    def _ask_often(self) -> None:
        while not self._closed.wait(INTERVAL_S):
            self._ask()

    def _ask_unless_watched(self) -> None:
        if self._thread is None:
            self._ask()

    def _ask(self) -> None:
        self._asking_since = time.monotonic()
        try:
            self._trainings = self._runs.active_counts()
            for version in [version for version, known in tuple(self._versions.items()) if known is None]:
                self._versions[version] = self._metrics_of(version)
            self._trouble = ""
        except MnistError as error:
            self._trouble = error.public
        finally:
            self._asking_since = None

    def _metrics_of(self, version: int) -> dict[str, Any] | None:
        try:
            return self._registry.get(version).metrics
        except VersionMissing:
            return {}
