"""The routes `/readyz` and `/metrics`."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable, Iterator
from typing import Any, Literal, TypedDict

from flask import Blueprint, Flask, Response, g, jsonify, request
from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from mnist_classifier.core.errors import MnistError, NotReady
from mnist_classifier.web.services.observer import CONFIDENCE_SUM, INK_SUM, READINGS
from mnist_classifier.web.services.services import Services, services
from mnist_classifier.web.wire.operation import describe
from mnist_classifier.web.wire.paths import hide_paths

blueprint = Blueprint("health", __name__)

MEASURES = {"ink": INK_SUM, "confidence": CONFIDENCE_SUM}


class Readiness(TypedDict):
    """The server can read; `warnings` says what else does not work."""

    status: Literal["ready"]
    warnings: list[str]


def register(app: Flask) -> None:
    """Count every request that Flask answers."""
    app.before_request(_start)
    app.after_request(_observe)


def _start() -> None:
    g.started_s = time.perf_counter()


def _observe(response: Response) -> Response:
    # An unknown path must not become a label, because anybody can invent new ones.
    route = request.url_rule.rule if request.url_rule else "none"
    now = time.perf_counter()
    services().observer.observe_request(route, response.status_code, now - g.get("started_s", now))
    return response


@blueprint.get("/readyz")
@describe(Readiness, errors=(NotReady,))
def readyz() -> Response:
    """Check that a model is loaded; name what else does not work."""
    warnings = [hide_paths(warning, services().settings) for warning in check_ready()]
    return jsonify({"status": "ready", "warnings": warnings})


def check_ready() -> list[str]:
    """Check that a model is loaded; returns what else does not work.  Raises NotReady, with all reasons.

    Without the database or the model store, readings go on: if they took all
    servers out of service, nobody would get an answer. So would a probe that
    waits for them: it reports what the server remembers.
    """
    model, database = services().model, services().database
    try:
        model.current()
    except MnistError as error:
        raise NotReady("; ".join(filter(None, [error.public, database.trouble()]))) from error
    return [*filter(None, [database.trouble(), model.trouble])]


@blueprint.get("/metrics")
@describe(media=CONTENT_TYPE_LATEST.split(";")[0])
def metrics() -> Response:
    """Get metrics in the Prometheus text format."""
    registry = CollectorRegistry()
    registry.register(_Exposition(services()))
    if not services().observer.is_shared:  # with several processes it would show only one
        ProcessCollector(registry=registry)
    return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


class _Exposition(Collector):
    """The counters, and the current state of model and trainings."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def collect(self) -> Iterator[Metric]:
        """All metrics; prometheus-client calls this."""
        observed = self._services.observer.collect()
        yield from observed
        windows = _windows(observed)
        model = GaugeMetricFamily("mnist_model_info", "The model version in production.", labels=["version", "name"])
        with contextlib.suppress(MnistError):
            version = self._services.model.current().version
            model.add_metric([str(version.version), version.name], 1)
            windows.setdefault(str(version.version), {})
        yield model
        yield from drift(windows, self._references(windows))
        trainings = GaugeMetricFamily("mnist_trainings", "Trainings that are under way or wait.", labels=["status"])
        # The counters are worth having even without a database.
        for status, count in self._services.database.trainings().items():
            trainings.add_metric([status.value], count)
        yield trainings

    def _references(self, versions: Iterable[str]) -> dict[str, dict[str, Any]]:
        """Mean and standard deviation in the validation split by version; old versions lack them."""
        known = self._services.database.metrics(map(int, versions))
        figures = {str(version): metrics.get("validation", {}) for version, metrics in known.items()}
        return {version: each for version, each in figures.items() if each.keys() >= MEASURES.keys()}


def _windows(families: list[Metric]) -> dict[str, dict[str, float]]:
    """Version -> the gauges of its window by name."""
    windows: dict[str, dict[str, float]] = {}
    for family in families:
        if family.name in (READINGS, *MEASURES.values()):
            for sample in family.samples:
                windows.setdefault(sample.labels["version"], {})[family.name] = sample.value
    return windows


def drift(windows: dict[str, dict[str, float]], references: dict[str, dict[str, Any]]) -> Iterator[Metric]:
    """Compare the readings in the window with the validation split.

    mnist_drift is (mean of the window - mean of the split) / standard
    deviation in the split.  Chance alone moves it by about 1 / sqrt(readings).
    """
    labels = ["version", "measure"]
    recent = GaugeMetricFamily("mnist_recent_mean", "Mean over the readings in the window.", labels=labels)
    expected = GaugeMetricFamily("mnist_validation_mean", "Mean over the validation split.", labels=labels)
    deviation = GaugeMetricFamily("mnist_validation_sd", "Standard deviation in the validation split.", labels=labels)
    drifted = GaugeMetricFamily(
        "mnist_drift", "Difference of the two means, in standard deviations of the validation split.", labels=labels
    )
    for version, reference in references.items():
        for measure in MEASURES:
            expected.add_metric([version, measure], reference[measure]["mean"])
            deviation.add_metric([version, measure], reference[measure]["sd"])
    for version, window in windows.items():
        for measure, total in MEASURES.items():
            if not window.get(READINGS):
                continue
            mean = window[total] / window[READINGS]
            recent.add_metric([version, measure], mean)
            if version in references and references[version][measure]["sd"] > 0:
                known = references[version][measure]
                drifted.add_metric([version, measure], (mean - known["mean"]) / known["sd"])
    return iter((recent, expected, deviation, drifted))
