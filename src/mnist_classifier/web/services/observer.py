"""Counts requests and readings for `/metrics`.

An Observer does not use Flask and may be called from any thread:

    observer.observe_request("/predict", 200, seconds)
    observer.observe_reading(Verdict.DIGIT, confidence=0.998, ink=0.13, version=3)

Several server processes share their counts through the files of
prometheus-client (see `shared_metrics` in web/server/server.py).
"""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    multiprocess,
    values,
)
from prometheus_client.metrics_core import Metric

from mnist_classifier.core.records import Verdict
from mnist_classifier.recognition.batch import VERDICTS, Batch
from mnist_classifier.web.services.reading_tally import ReadingTally

# Seconds.  Reading a digit takes under a millisecond, reading a number tens of milliseconds.
DURATIONS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
# Most confidences are above 0.99; below about 0.7 the model in the box answers `ambiguous`.
CONFIDENCES = (0.3, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.999, 0.9999, 1.0)
# Readings from which drift is computed: the standard error of their mean is 3 % of their standard deviation.
RECENT = 1000
# How often to write the gauges of the window.  Writing them each time would double the cost of an observation.
SHOW_INTERVAL_S = 0.1

# Leave out the `_created` lines: nobody needs the time when each series began.
disable_created_metrics()  # type: ignore[no-untyped-call]

READINGS = "mnist_recent_readings"
# Prometheus reserves names that end in _sum for histograms and summaries.
INK_SUM, CONFIDENCE_SUM = "mnist_recent_summed_ink", "mnist_recent_summed_confidence"


class Observer:
    """Counts requests and readings.  An observation takes a few microseconds.

    tally: counts readings for drift.
    """

    def __init__(self, tally: ReadingTally | None = None) -> None:
        self._tally = tally
        self.is_shared = bool(values.ValueClass._multiprocess)
        self._registry = CollectorRegistry()
        self._requests = Histogram(
            "mnist_request_duration_seconds",
            "Time until a request was answered, by route and status class.",
            ["route", "status"],
            buckets=DURATIONS,
            registry=self._registry,
        )
        self._readings = Counter(
            "mnist_readings", "Readings by verdict.", ["verdict", "version"], registry=self._registry
        )
        self._confidences = CountedHistogram(
            "mnist_reading_confidence",
            "Confidence of readings that are not blank.",
            ["version"],
            buckets=CONFIDENCES,
            registry=self._registry,
        )
        self._recent = {
            name: Gauge(name, text, ["version"], multiprocess_mode="livesum", registry=self._registry)
            for name, text in (
                (READINGS, f"Readings in the window: the last {RECENT} of each process."),
                (INK_SUM, "Sum of the mean ink of the glyphs in the window, each 0 to 1."),
                (CONFIDENCE_SUM, "Sum of the confidences in the window."),
            )
        }
        self._request_series: dict[tuple[str, int], Histogram] = {}
        self._version_series: dict[int, _Version] = {}
        self._lock = threading.Lock()

    def observe_request(self, route: str, status: int, seconds: float) -> None:
        """Count a request.  route: the template, such as /api/runs/<id>, never the path itself."""
        kind = status // 100
        series = self._request_series.get((route, kind))
        if series is None:
            series = self._request_series[route, kind] = self._requests.labels(route, f"{kind}xx")
        series.observe(seconds)

    def observe_reading(
        self, verdict: Verdict, confidence: float, ink: float | None, version: int, *, is_typical: bool = True
    ) -> None:
        """Count a reading by a model version.

        ink: the mean of the glyph's pixels, 0 to 1; None leaves the reading
        out of the window, as for a number.
        is_typical: False if the verdict does not come from the digit and the model alone; it is no sign of drift then.
        """
        if is_typical and self._tally is not None:
            self._tally.add(verdict, confidence, ink, version)
        series = self._version_series.get(version) or self._add_version(version)
        series.verdicts[verdict].inc()
        if verdict is Verdict.BLANK:
            return
        series.confidence.observe(confidence)
        if ink is not None:
            series.window.extend([(confidence, ink)])

    def observe_batch(self, batch: Batch, version: int, *, is_typical: bool = True) -> None:
        """Count many readings at once."""
        if is_typical and self._tally is not None:
            self._tally.add_batch(batch, version)
        series = self._version_series.get(version) or self._add_version(version)
        counts = np.bincount(batch.verdicts, minlength=len(VERDICTS))
        for verdict, count in zip(VERDICTS, counts, strict=True):
            series.verdicts[verdict].inc(int(count))
        drawn = batch.verdicts != VERDICTS.index(Verdict.BLANK)
        confidences, ink = batch.confidences[drawn].astype(np.float64), batch.ink[drawn]
        buckets = np.bincount(np.searchsorted(CONFIDENCES, confidences))
        series.confidence.add(buckets.tolist(), float(confidences.sum()))
        series.window.extend(zip(confidences[-RECENT:].tolist(), ink[-RECENT:].tolist(), strict=True))

    def _add_version(self, version: int) -> _Version:
        label = str(version)
        with self._lock:
            if version not in self._version_series:
                self._version_series[version] = _Version(
                    {verdict: self._readings.labels(verdict.value, label) for verdict in VERDICTS},
                    self._confidences.labels(label),
                    Window(*(gauge.labels(label) for gauge in self._recent.values())),
                )
            return self._version_series[version]

    def collect(self) -> list[Metric]:
        """Every metric, over all server processes."""
        for series in list(self._version_series.values()):
            series.window.show()
        registry = self._registry
        if self.is_shared:
            registry = CollectorRegistry()
            multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return list(registry.collect())


class CountedHistogram(Histogram):
    """A histogram that accepts many observations at once."""

    def add(self, counts: Sequence[int], total: float) -> None:
        """Add observations.  counts: how many in each bucket, from the first on; total: their sum."""
        for bucket, count in zip(self._buckets, counts, strict=False):
            bucket.inc(count)
        self._sum.inc(total)


class Window:
    """The last RECENT readings, as gauges of their number and sums.

    Sums can be added over processes; means could not.
    """

    def __init__(self, readings: Gauge, ink_sum: Gauge, confidence_sum: Gauge) -> None:
        self._gauges = readings, ink_sum, confidence_sum
        self._readings: deque[tuple[float, float]] = deque(maxlen=RECENT)
        self._shown_at = float("-inf")
        self._lock = threading.Lock()

    def extend(self, readings: Iterable[tuple[float, float]]) -> None:
        """Add readings: (confidence, ink) of each."""
        with self._lock:
            self._readings.extend(readings)
        if time.monotonic() - self._shown_at > SHOW_INTERVAL_S:
            self.show()

    def show(self) -> None:
        """Update the gauges."""
        with self._lock:
            self._shown_at = time.monotonic()
            confidences, ink = zip(*self._readings, strict=True) if self._readings else ((), ())
            values = len(self._readings), math.fsum(ink), math.fsum(confidences)
            for gauge, value in zip(self._gauges, values, strict=True):
                gauge.set(value)


class _Version(NamedTuple):
    """The series of one model version, looked up once."""

    verdicts: dict[Verdict, Counter]
    confidence: CountedHistogram
    window: Window
