"""What the server counts while it works, for `/metrics`.

An Observer knows nothing of Flask and may be called from any thread, and at
any place that answers requests:

    observer.observe_request("/predict", 200, seconds)
    observer.observe_reading(Verdict.DIGIT, confidence=0.998, ink=0.13, version=3)

Several worker processes share what they count through files, which is
prometheus-client's own way: `server.shared_metrics` around the whole server.
"""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Iterable, Sequence

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

# Seconds.  A reading takes under a millisecond, a number of several digits tens of them.
DURATIONS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
# Most readings are above 0.99; the model in the box calls them ambiguous from about 0.7 down.
CONFIDENCES = (0.3, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.999, 0.9999, 1.0)
# The readings that drift is worked out of: the standard error of their mean is
# 3 % of the standard deviation of one.
RECENT = 1000
# How old another process may find the window.  Gauges in a shared file are
# half of what an observation costs.
SHOW_INTERVAL_S = 0.1

# When each series began is not worth a line for each.
disable_created_metrics()  # type: ignore[no-untyped-call]

READINGS = "mnist_recent_readings"
# Prometheus keeps names that end in _sum for histograms and summaries.
INK_SUM, CONFIDENCE_SUM = "mnist_recent_summed_ink", "mnist_recent_summed_confidence"


class Observer:
    """Counts requests and readings.

    Each application has one.  An observation takes some microseconds.
    """

    def __init__(self) -> None:
        self.is_shared = bool(values.ValueClass._multiprocess)
        self._registry = CollectorRegistry()
        self._requests = Histogram(
            "mnist_request_duration_seconds",
            "Time until a request was answered, by route and class of status.",
            ["route", "status"],
            buckets=DURATIONS,
            registry=self._registry,
        )
        self._readings = Counter(
            "mnist_readings", "Readings by verdict.", ["verdict", "version"], registry=self._registry
        )
        self._confidences = CountedHistogram(
            "mnist_reading_confidence",
            "Confidence of the readings of something that is drawn.",
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
        """One answered request.

        route: the template, such as /api/runs/<id>, never the path itself.
        """
        kind = status // 100
        series = self._request_series.get((route, kind))
        if series is None:
            series = self._request_series[route, kind] = self._requests.labels(route, f"{kind}xx")
        series.observe(seconds)

    def observe_reading(self, verdict: Verdict, confidence: float, ink: float | None, version: int) -> None:
        """One reading by a model version.

        ink: the mean of the glyph's pixels, 0 to 1; None where it is not
        known, such as in a number, which leaves the reading out of the window.
        """
        series = self._version_series.get(version) or self._add_version(version)
        series.verdicts[verdict].inc()
        if verdict is Verdict.BLANK:
            return
        series.confidence.observe(confidence)
        if ink is not None:
            series.window.add(confidence, ink)

    def observe_batch(self, batch: Batch, version: int) -> None:
        """Many readings at once."""
        series = self._version_series.get(version) or self._add_version(version)
        counts = np.bincount(batch.verdicts, minlength=len(VERDICTS))
        for verdict, count in zip(VERDICTS, counts, strict=True):
            series.verdicts[verdict].inc(int(count))
        drawn = batch.verdicts != VERDICTS.index(Verdict.BLANK)
        confidences, ink = batch.confidences[drawn].astype(np.float64), batch.ink[drawn]
        buckets = np.bincount(np.searchsorted(CONFIDENCES, confidences))
        series.confidence.add(buckets.tolist(), float(confidences.sum()))
        series.window.extend(confidences[-RECENT:].tolist(), ink[-RECENT:].tolist())

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
        """Everything that was counted, by all processes that share it."""
        for series in list(self._version_series.values()):
            series.window.show()
        registry = self._registry
        if self.is_shared:
            registry = CollectorRegistry()
            multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return list(registry.collect())


class CountedHistogram(Histogram):
    """A histogram that takes many observations at once."""

    def add(self, counts: Sequence[int], total: float) -> None:
        """Observations by bucket, from the first on, and their sum."""
        for bucket, count in zip(self._buckets, counts, strict=False):
            bucket.inc(count)
        self._sum.inc(total)


class Window:
    """The last RECENT readings, as gauges of their number and sums.

    Sums can be added up over processes; means could not.
    """

    def __init__(self, readings: Gauge, ink_sum: Gauge, confidence_sum: Gauge) -> None:
        self._gauges = readings, ink_sum, confidence_sum
        self._readings: deque[tuple[float, float]] = deque(maxlen=RECENT)
        self._sums = [0.0, 0.0]  # confidence, ink
        self._until_exact = RECENT
        self._shown_at = float("-inf")
        self._lock = threading.Lock()

    def add(self, confidence: float, ink: float) -> None:
        """One reading more; the oldest goes."""
        with self._lock:
            readings, sums = self._readings, self._sums
            if len(readings) == RECENT:
                old_confidence, old_ink = readings[0]
                sums[0] -= old_confidence
                sums[1] -= old_ink
            readings.append((confidence, ink))
            sums[0] += confidence
            sums[1] += ink
            self._until_exact -= 1
            if self._until_exact == 0:  # rounding errors must not add up for ever
                self._add_up()
            now = time.monotonic()
            if now - self._shown_at > SHOW_INTERVAL_S:
                self._shown_at = now
                self._show()

    def extend(self, confidences: Iterable[float], ink: Iterable[float]) -> None:
        """Several readings more."""
        with self._lock:
            self._readings.extend(zip(confidences, ink, strict=True))
            self._add_up()
            self._show()

    def show(self) -> None:
        """Bring the gauges up to date."""
        with self._lock:
            self._show()

    def _add_up(self) -> None:
        self._sums = [math.fsum(column) for column in zip(*self._readings, strict=True)] or [0.0, 0.0]
        self._until_exact = RECENT

    def _show(self) -> None:
        readings, ink_sum, confidence_sum = self._gauges
        readings.set(len(self._readings))
        ink_sum.set(self._sums[1])
        confidence_sum.set(self._sums[0])


class _Version:
    """The series of one model version, looked up once."""

    def __init__(self, verdicts: dict[Verdict, Counter], confidence: CountedHistogram, window: Window) -> None:
        self.verdicts = verdicts
        self.confidence = confidence
        self.window = window
