"""What the routes work with, built once by the application factory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from flask import current_app

from mnist_classifier.core.database import Store
from mnist_classifier.core.errors import InvalidInput, VersionMissing
from mnist_classifier.core.records import ModelVersion, Reading
from mnist_classifier.core.settings import Settings
from mnist_classifier.evaluation.explore import Explorer
from mnist_classifier.recognition.imaging.preprocess import Prepared, mean_ink
from mnist_classifier.recognition.recogniser import AS_FITTED
from mnist_classifier.registry.aliases import PRODUCTION
from mnist_classifier.registry.versions import Registry
from mnist_classifier.runs.jobs import Jobs
from mnist_classifier.runs.run_log import Runs
from mnist_classifier.web.http.access import Access
from mnist_classifier.web.services.observer import Observer
from mnist_classifier.web.services.served_model import Loaded, ServedModel
from mnist_classifier.web.services.streams import Streams
from mnist_classifier.web.services.testset import TestSet

EXTENSION = "mnist-classifier"


@dataclass(frozen=True)
class Services:
    """Everything behind the routes of one application."""

    settings: Settings
    access: Access
    store: Store
    registry: Registry
    runs: Runs
    jobs: Jobs
    streams: Streams
    model: ServedModel
    test_set: TestSet
    explorer: Explorer
    observer: Observer

    def read(self, loaded: Loaded, prepared: Prepared, thresholds: Mapping[str, float] = AS_FITTED) -> Reading:
        """Read an image that is made ready, and count what was read."""
        reading = loaded.recogniser.read_prepared(prepared, thresholds)
        ink = None if prepared.glyph is None else float(mean_ink(prepared.glyph)[0])
        self.observer.observe_reading(reading.verdict, reading.confidence, ink, loaded.version.version)
        return reading

    def close(self) -> None:
        """End what goes on in threads, and leave the database."""
        self.streams.close()
        self.jobs.close()
        self.store.close()


def services() -> Services:
    """The services of the application that handles this request."""
    found: Services = current_app.extensions[EXTENSION]
    return found


def chosen_version(wanted: str) -> ModelVersion:
    """The version of that number, or with `production` the one that answers /predict.

    Raises InvalidInput for what is no version, VersionMissing, and ModelMissing
    where there is none at all.
    """
    room = services()
    if wanted == PRODUCTION:
        return room.model.current().version
    if not (wanted.isascii() and wanted.isdecimal()) or len(wanted) > 9:
        message = f"version must be {PRODUCTION!r} or a whole number from 0, not {wanted[:40]!r}"
        raise InvalidInput(message, field="version")
    try:
        return room.registry.get(int(wanted))
    except VersionMissing as error:
        raise VersionMissing(error.message, field="version") from None


def chosen_model(wanted: str) -> Loaded:
    """The same with its network.  Of versions that are not in production the two latest stay loaded."""
    room = services()
    current = room.model.current()
    if wanted in (PRODUCTION, str(current.version.version)):
        return current
    version = chosen_version(wanted)
    return Loaded(version, room.explorer.recogniser(version.version))
