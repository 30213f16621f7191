"""An installation that can be asked anything, and what schemathesis has to know of its document.

Nothing here trains or downloads: the one place for trainings is taken by a
run that does not end, and the only mirror does not answer.
"""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import hypothesis.strategies as st
import numpy as np
import pytest
import schemathesis
from flask import Flask
from schemathesis.config import (
    ChecksConfig,
    GenerationConfig,
    PhasesConfig,
    PositiveDataAcceptanceConfig,
    ProjectConfig,
    ProjectsConfig,
    SchemathesisConfig,
    StatefulPhaseConfig,
)
from schemathesis.engine import events, from_schema
from schemathesis.engine.recorder import ScenarioRecorder

from mnist_classifier.core.records import Reading, RunStatus, Verdict
from mnist_classifier.core.settings import Settings
from mnist_classifier.core.train_config import TrainConfig
from mnist_classifier.data import mnist
from mnist_classifier.evaluation.acceptance.archive import export_version
from mnist_classifier.learning.correction_files import export
from mnist_classifier.learning.corrections import NewCorrection
from mnist_classifier.learning.proposals import Candidate
from mnist_classifier.recognition.imaging.decode import encode_png
from mnist_classifier.registry.aliases import PRODUCTION
from mnist_classifier.web.app import create_app
from mnist_classifier.web.services.services import EXTENSION, Services
from tests.handwriting import glyphs
from tests.versions import save

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

# A schema cannot say which bytes are a picture, nor that a version exists: 400 is an answer to valid data too.
ACCEPTED = ["2xx", "400", "401", "403", "404", "409"]


def contract_app(home: Path, patch: pytest.MonkeyPatch) -> Flask:
    """An application with versions, trainings and small MNIST files; `patch` is undone by the caller."""
    few = glyphs(12)

    def load(directories: object, split: str) -> mnist.Images:
        rows = np.arange(200 if split == mnist.TEST else 5_100) % 12
        return mnist.Images(few.images[rows], few.labels[rows])

    patch.setattr(mnist, "load", load)
    mirrors = {**mnist.ensure.__kwdefaults__, "mirrors": ("http://127.0.0.1:9/",)}
    patch.setattr(mnist.ensure, "__kwdefaults__", mirrors)
    patch.setattr(Settings, "data_dirs", lambda self: [home / "data"])
    app = create_app(Settings(home=home, data_dir=home / "data"), is_stopping=lambda: True)
    app.testing = False  # errors must be answered, not raised
    services: Services = app.extensions[EXTENSION]
    for name in ("one", "two", "three"):
        save(services.registry, name=name)
    services.registry.aliases.move(PRODUCTION, 1)
    busy = services.runs.create(TrainConfig())
    services.runs.start(busy.id, pid=1)
    ended = services.runs.enqueue(TrainConfig())
    services.runs.add_event(ended.id, "message", {"text": "hello"})
    services.runs.finish(ended.id, RunStatus.SUCCEEDED, "version 1", 1)
    services.corrections.add_many(
        [
            NewCorrection(glyph, int(label), "api", writer)
            for glyph, label, writer in zip(few.images, few.labels, ("", "Anna", "Ben"), strict=False)
        ]
    )
    unsure = Reading(1, 0.6, (0.0, 0.6, *[0.05] * 8), Verdict.AMBIGUOUS)
    services.proposals.add([Candidate(glyph, unsure, 1) for glyph in few.images[-2:]])
    teach_media(export_version(services.registry, 3), export(services.corrections.examples(), "idx"))
    app.wsgi_app = _Tidy(app.wsgi_app)  # type: ignore[method-assign]
    return app


class _Tidy:
    """A client that closes what it sends."""

    def __init__(self, application: WSGIApplication) -> None:
        self.application = application

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        with environ["wsgi.input"] as body:  # werkzeug's client leaves the temporary file of a large form open
            content = io.BytesIO(body.read())
        return self.application(environ | {"wsgi.input": content}, start_response)


def teach_media(archive: bytes, corrections: bytes) -> None:
    """Tell schemathesis what pictures, strokes and archives are."""
    pictures = st.sampled_from([encode_png(picture) for picture in _pictures()])
    schemathesis.openapi.format("base64-image", pictures.map(lambda data: base64.b64encode(data).decode()))
    schemathesis.openapi.format("image", pictures)
    schemathesis.openapi.media_type("image/*", pictures, aliases=["image/png", "application/octet-stream"])
    point = st.lists(st.integers(-100, 600), min_size=2, max_size=2)
    schemathesis.openapi.format("json-strokes", st.lists(st.lists(point, min_size=1), max_size=3).map(json.dumps))
    side = st.integers(1, 100)
    boxes = st.tuples(side, side, side, side)
    fields = st.dictionaries(st.text("abc", min_size=1), boxes, min_size=1, max_size=3)
    schemathesis.openapi.format(
        "json-fields", fields.map(lambda found: json.dumps([{"name": name, "box": box} for name, box in found.items()]))
    )
    schemathesis.openapi.format("archive", st.just(archive))
    schemathesis.openapi.format("corrections", st.just(corrections))
    schemathesis.openapi.media_type("application/zip", st.sampled_from([archive, corrections]))


def _pictures() -> list[np.ndarray]:
    blank = np.full((40, 40), 255, np.uint8)
    stroke = blank.copy()
    stroke[5:35, 18:22] = 0
    noise = np.random.default_rng(0).integers(0, 256, (28, 28), np.uint8)
    return [blank, stroke, np.hstack([stroke, stroke]), noise]


@dataclass(frozen=True)
class Outcome:
    """What a run of schemathesis found."""

    requests: int
    operations: frozenset[str]
    violations: tuple[str, ...]
    unsent: tuple[str, ...]


def try_contract(app: Flask, examples: int, *, stateful: bool = False, only: str | None = None) -> Outcome:
    """Ask every operation of the document that the application serves, and apply every check of schemathesis.

    examples: random requests to each operation, besides those that go along the bounds of its schema.
    stateful: also sequences of requests that build on each other.  only: the one path to try.
    """
    generation = GenerationConfig(max_examples=examples, deterministic=True)
    project = ProjectConfig(
        checks=ChecksConfig(positive_data_acceptance=PositiveDataAcceptanceConfig(expected_statuses=ACCEPTED)),
        phases=PhasesConfig(stateful=StatefulPhaseConfig(enabled=stateful)),
        generation=generation,
    )
    config = SchemathesisConfig(seed=0, projects=ProjectsConfig(default=project))
    schema = schemathesis.openapi.from_wsgi("/openapi.json", app, config=config)
    if only is not None:
        schema = schema.include(path=only)
    requests, operations, violations, unsent = 0, set(), {}, []
    for event in from_schema(schema).execute():
        if isinstance(event, events.NonFatalError):
            unsent.append(f"{event.label}: {event.value}")  # what it made up could not be put into a request
        elif isinstance(event, events.FatalError):
            raise event.exception
        elif isinstance(event, events.ScenarioFinished):
            requests += len(event.recorder.interactions)
            operations.add(event.recorder.label)
            violations |= dict(_violations(event.recorder))
    return Outcome(requests, frozenset(operations), tuple(violations.values()), tuple(unsent))


def _violations(recorder: ScenarioRecorder) -> Iterator[tuple[str, str]]:
    """Kind of each failed check, and words with the request that made it fail."""
    for checks in recorder.checks.values():
        for check in checks:
            if check.failure_info is not None:
                failure = check.failure_info.failure
                words = f"{recorder.label}: {check.name}: {failure.title}: {failure.message}"
                yield f"{recorder.label} {check.name}", f"{words[:1000]}\n{check.failure_info.code_sample[:1000]}"
