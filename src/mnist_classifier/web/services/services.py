"""The objects that the routes share; the application factory builds them once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from flask import current_app

from mnist_classifier.core.database import Store
from mnist_classifier.core.errors import InvalidInput, VersionMissing
from mnist_classifier.core.records import ModelVersion, Reading
from mnist_classifier.core.settings import Settings
from mnist_classifier.evaluation.explore import Explorer
from mnist_classifier.learning.corrections import Corrections
from mnist_classifier.learning.personal_models import PersonalModels
from mnist_classifier.learning.proposals import Proposals
from mnist_classifier.recognition.imaging.preprocess import Prepared, mean_ink
from mnist_classifier.recognition.numbers.several import SEVERAL
from mnist_classifier.recognition.recogniser import AS_FITTED, needs_hint
from mnist_classifier.registry.aliases import PRODUCTION
from mnist_classifier.registry.versions import Registry
from mnist_classifier.runs.jobs import Jobs
from mnist_classifier.runs.recipe_times import RecipeTimes
from mnist_classifier.runs.run_log import Runs
from mnist_classifier.web.http.access import Access
from mnist_classifier.web.http.event_loop import TakesLong
from mnist_classifier.web.services.database_state import DatabaseState
from mnist_classifier.web.services.drift_watch import DriftWatch
from mnist_classifier.web.services.mnist_files import MnistFiles
from mnist_classifier.web.services.observer import Observer
from mnist_classifier.web.services.proposer import Proposer
from mnist_classifier.web.services.reading_tally import ReadingTally
from mnist_classifier.web.services.retention import Retention
from mnist_classifier.web.services.served_model import Loaded, ServedModel
from mnist_classifier.web.services.shared_rates import SharedRates
from mnist_classifier.web.services.streams import Streams

EXTENSION = "mnist-classifier"


@dataclass(frozen=True)
class Services:
    """The shared objects of one application."""

    settings: Settings
    access: Access
    store: Store
    registry: Registry
    runs: Runs
    corrections: Corrections
    personal: PersonalModels
    retention: Retention
    jobs: Jobs
    recipe_times: RecipeTimes
    streams: Streams
    model: ServedModel
    database: DatabaseState
    mnist_files: MnistFiles
    explorer: Explorer
    observer: Observer
    tally: ReadingTally
    drift: DriftWatch
    proposals: Proposals
    proposer: Proposer | None
    rates: SharedRates | None

    def watch(self) -> None:
        """Start the threads that follow what other processes do, until `close`."""
        self.jobs.watch_queue()
        self.model.watch()
        self.database.watch()
        self.retention.watch()
        self.tally.watch()
        if self.proposer is not None:
            self.proposer.watch()
        if self.rates is not None:
            self.rates.watch()

    def read(
        self,
        loaded: Loaded,
        prepared: Prepared,
        thresholds: Mapping[str, float] = AS_FITTED,
        *,
        in_event_loop: bool = False,
    ) -> Reading:
        """Read a prepared image and count the reading.

        Raises TakesLong in the event loop if the picture has to be read as a number.
        """
        reading = loaded.recogniser.first_reading(prepared, thresholds)
        if in_event_loop and needs_hint(reading, prepared):
            raise TakesLong
        reading = loaded.recogniser.with_hint(reading, prepared, thresholds)
        ink = None if prepared.glyph is None else float(mean_ink(prepared.glyph)[0])
        # Several digits in one picture, or thresholds of the request, say nothing about the handwriting.
        is_typical = not (thresholds or loaded.is_personal or SEVERAL in reading.warnings)
        self.observer.observe_reading(
            reading.verdict, reading.confidence, ink, loaded.version.version, is_typical=is_typical
        )
        if self.proposer is not None and is_typical and prepared.glyph is not None:
            self.proposer.offer(reading, prepared.glyph, loaded.version.version)
        return reading

    def close(self) -> None:
        """End streams and background threads, and close the database."""
        self.streams.close()
        self.model.close()
        self.database.close()
        self.retention.close()
        self.tally.close()
        if self.proposer is not None:
            self.proposer.close()
        if self.rates is not None:
            self.rates.close()
        self.jobs.close()
        self.recipe_times.close()
        self.store.close()


def services() -> Services:
    """The shared objects of the current application."""
    found: Services = current_app.extensions[EXTENSION]
    return found


def chosen_version(wanted: str) -> ModelVersion:
    """A model version by its number or by the alias `production`.

    Raises InvalidInput if `wanted` is neither, VersionMissing, and ModelMissing
    if there is no model at all.
    """
    if wanted == PRODUCTION:
        return services().model.current().version
    if not (wanted.isascii() and wanted.isdecimal()) or len(wanted) > 9:
        message = f"version must be {PRODUCTION!r} or a whole number from 0, not {wanted[:40]!r}"
        raise InvalidInput(message, field="version")
    try:
        return services().registry.get(int(wanted))
    except VersionMissing as error:
        raise VersionMissing(error.message, field="version") from None


def chosen_model(wanted: str) -> Loaded:
    """A model version as in `chosen_version`, with its recogniser.

    Besides the one in production, the two versions used last stay loaded.
    """
    current = services().model.current()
    if wanted in (PRODUCTION, str(current.version.version)):
        return current
    version = chosen_version(wanted)
    return Loaded(version, services().explorer.recogniser(version.version))


def personal_model(writer: str, wanted: str) -> Loaded:
    """The version in production with a writer's personal model; `wanted` may name that version.

    Raises PersonalModelMissing, TooFewExamples, and InvalidInput for another version.
    """
    current = services().model.current()
    if wanted not in (PRODUCTION, str(current.version.version)):
        raise InvalidInput("a personal model belongs to the version in production; leave out version", field="version")
    return Loaded(current.version, services().personal.recogniser(writer, current.version.version), is_personal=True)
