"""The model in production, replaced without dropping a request."""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass, replace

from mnist_classifier.core.errors import (
    DatabaseBusy,
    DatabaseUnreachable,
    MnistError,
    ModelMissing,
    StorageFull,
    StoreUnreachable,
)
from mnist_classifier.core.records import ModelVersion
from mnist_classifier.recognition.recogniser import Recogniser
from mnist_classifier.registry.aliases import BOX
from mnist_classifier.registry.versions import Registry

log = logging.getLogger(__name__)

# How often to look for a promotion.
CHECK_INTERVAL_S = 0.5
# How often to try a version again that was damaged or missing: somebody may restore its files.
RETRY_S = 30.0
# Errors that may end by themselves.
PASSING = (DatabaseBusy, DatabaseUnreachable, StorageFull, StoreUnreachable)


@dataclass(frozen=True)
class Loaded:
    """A model version and its recogniser.

    is_personal: it reads for one writer, so its readings say nothing about how the version reads.
    """

    version: ModelVersion
    recogniser: Recogniser
    is_personal: bool = False


class ServedModel:
    """Follows the alias `production`.

    A new version is loaded while the old one answers, and then replaces it;
    requests in progress finish with the old one. If a version cannot be loaded,
    the log says why and the previous one keeps answering, or the model in the
    box if there is none.
    """

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._lock = threading.Lock()
        self._loaded: Loaded | None = None
        # A version that could not be loaded, not to be tried again until a moment.
        self._broken: int | None = None
        self._retry_at = float("inf")
        self._checked_at = float("-inf")
        self._closed = threading.Event()
        self._watcher: threading.Thread | None = None
        # Why another version answers than the one in production, or why this is unknown; empty: all is well.
        self.trouble = ""

    def current(self) -> Loaded:
        """The model to answer with.  Raises ModelMissing if there is none."""
        if self.is_due:
            self._refresh()
        if self._loaded is None:
            raise ModelMissing("there is no model; train one (python train_model.py) or reinstall the package")
        return self._loaded

    @property
    def is_due(self) -> bool:
        """Whether the next call of `current` checks the database and the disk for a promotion."""
        if self._watcher is not None and self._loaded is not None:
            return False
        return time.monotonic() - self._checked_at >= CHECK_INTERVAL_S

    def watch(self) -> None:
        """Check for promotions in a thread until `close`, so that no request waits for the database or the store."""
        self._watcher = threading.Thread(target=self._watch, name="promotions", daemon=True)
        self._watcher.start()

    def close(self) -> None:
        """Stop watching.  Does not wait for a check that hangs; its thread ends with the process."""
        self._closed.set()
        if self._watcher is not None:
            self._watcher.join(timeout=CHECK_INTERVAL_S)

    def _watch(self) -> None:
        while not self._closed.wait(CHECK_INTERVAL_S):
            self._refresh()

    def _refresh(self) -> None:
        # While one thread checks, the others use the loaded model. Only while none is loaded do they wait.
        if not self._lock.acquire(blocking=self._loaded is None):
            return
        try:
            wanted = self._registry.aliases.production()
            if time.monotonic() >= self._retry_at:
                self._broken = None
            if self._loaded is None or wanted not in (self._loaded.version.version, self._broken):
                if (loaded := self._load(wanted)) is not None:
                    self._broken = None
                self._loaded = loaded or self._loaded or self._load(BOX)
            elif wanted == self._loaded.version.version:
                if wanted != BOX:
                    self._loaded = replace(self._loaded, version=self._registry.get(wanted))  # it may have been renamed
                self._report("")
        except MnistError as error:
            self._broken = None
            self._report("could not read which version is in production", error)
            self._loaded = self._loaded or self._load(BOX)
        finally:
            self._checked_at = time.monotonic()  # after a failure too, so that not every request tries and logs it
            self._lock.release()

    def _load(self, version: int) -> Loaded | None:
        try:
            loaded = Loaded(self._registry.get(version), Recogniser.open(self._registry.folder(version)))
        except MnistError as error:
            self._report(f"could not load model version {version}", error)
            # Try again if the cause may go away by itself.
            self._broken = None if isinstance(error, PASSING) else version
            self._retry_at = time.monotonic() + RETRY_S
            return None
        log.info("serving model version %s (%s)", version, loaded.version.name)
        return loaded

    def _report(self, what: str, error: MnistError | None = None) -> None:
        """Log a trouble once, and its end."""
        trouble = "" if error is None else f"{what}: {error.public}"
        if trouble == self.trouble:
            return
        if error is None:
            log.info("the version in production answers again")
        else:
            log.error("%s: %s", what, error.message)
        self.trouble = trouble
