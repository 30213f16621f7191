"""The model in production, replaced without dropping a request."""

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

# How often to look for a promotion.
CHECK_INTERVAL_S = 0.5


@dataclass(frozen=True)
class Loaded:
    """A model version and its recogniser."""

    version: ModelVersion
    recogniser: Recogniser


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
        self._broken: int | None = None
        self._checked_at = float("-inf")

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
        return time.monotonic() - self._checked_at >= CHECK_INTERVAL_S

    def _refresh(self) -> None:
        # While one thread checks, the others use the loaded model. Only while none is loaded do they wait.
        if not self._lock.acquire(blocking=self._loaded is None):
            return
        try:
            wanted = self._registry.aliases.production()
            if self._loaded is None or wanted not in (self._loaded.version.version, self._broken):
                self._loaded = self._load(wanted) or self._loaded or self._load(BOX)
            elif wanted == self._loaded.version.version != BOX:
                self._loaded = replace(self._loaded, version=self._registry.get(wanted))  # it may have been renamed
        except MnistError as error:
            log.error("could not read which version is in production: %s", error.message)
            self._loaded = self._loaded or self._load(BOX)
        finally:
            self._checked_at = time.monotonic()  # after a failure too, so that not every request tries and logs it
            self._lock.release()

    def _load(self, version: int) -> Loaded | None:
        try:
            loaded = Loaded(self._registry.get(version), Recogniser.open(self._registry.folder(version)))
        except MnistError as error:
            log.error("could not load model version %s: %s", version, error.message)
            self._broken = version
            return None
        log.info("serving model version %s (%s)", version, loaded.version.name)
        self._broken = None
        return loaded
