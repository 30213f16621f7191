"""The model that answers, replaced without dropping a request."""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass, replace

from mnist_classifier.core.errors import MnistError, ModelMissing
from mnist_classifier.core.records import ModelVersion
from mnist_classifier.recognition.recogniser import Recogniser
from mnist_classifier.registry.aliases import BOX
from mnist_classifier.registry.versions import Registry

log = logging.getLogger(__name__)

# How long a promotion may go unnoticed.
CHECK_INTERVAL_S = 0.5


@dataclass(frozen=True)
class Loaded:
    """A version and the recogniser that was loaded from it."""

    version: ModelVersion
    recogniser: Recogniser


class ServedModel:
    """Follows the alias `production`.

    A new version is loaded beside the old one and then takes its place in one
    assignment; requests in flight finish on the old one.  A version that
    cannot be loaded is reported and the one before goes on answering; when
    there is none yet, the model in the box does.
    """

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._lock = threading.Lock()
        self._loaded: Loaded | None = None
        self._broken: int | None = None
        self._checked_at = float("-inf")

    def current(self) -> Loaded:
        """The model to answer with.  Raises ModelMissing when there is none at all."""
        if self.is_due:
            self._refresh()
        if self._loaded is None:
            raise ModelMissing("there is no model; train one (python train_model.py) or reinstall the package")
        return self._loaded

    @property
    def is_due(self) -> bool:
        """Whether the next question will look for another version first, in the database and on the disk."""
        return time.monotonic() - self._checked_at >= CHECK_INTERVAL_S

    def _refresh(self) -> None:
        # Whoever finds the lock taken answers with the model at hand; only
        # the very first requests have to wait for one.
        if not self._lock.acquire(blocking=self._loaded is None):
            return
        try:
            wanted = self._registry.aliases.production()
            if self._loaded is None or wanted not in (self._loaded.version.version, self._broken):
                self._loaded = self._load(wanted) or self._loaded or self._load(BOX)
            elif wanted == self._loaded.version.version != BOX:
                self._loaded = replace(self._loaded, version=self._registry.get(wanted))  # its name may be another
        except MnistError as error:
            log.error("the alias of the served model cannot be read: %s", error.message)
            self._loaded = self._loaded or self._load(BOX)
        finally:
            self._checked_at = time.monotonic()  # after a failure too: not every request is to try, and log it
            self._lock.release()

    def _load(self, version: int) -> Loaded | None:
        try:
            loaded = Loaded(self._registry.get(version), Recogniser.open(self._registry.folder(version)))
        except MnistError as error:
            log.error("model version %s cannot be served: %s", version, error.message)
            self._broken = version
            return None
        log.info("serving model version %s (%s)", version, loaded.version.name)
        self._broken = None
        return loaded
