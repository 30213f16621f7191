from __future__ import annotations

import os
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from mnist_classifier.core.records import Verdict
from mnist_classifier.recognition.batch import VERDICTS, Batch
from mnist_classifier.web.services.observer import CONFIDENCE_SUM, CONFIDENCES, INK_SUM, READINGS, RECENT, Observer


def samples(observer: Observer) -> dict[tuple[str, ...], float]:
    """(name, label values...) -> value."""
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in observer.collect()
        for sample in family.samples
    }


def window(observer: Observer, version: int = 0) -> tuple[float, float, float]:
    found = samples(observer)
    readings, ink, confidence = (found[name, str(version)] for name in (READINGS, INK_SUM, CONFIDENCE_SUM))
    return readings, ink, confidence


def batch_of(confidences: list[float], ink: list[float], verdicts: list[Verdict]) -> Batch:
    count = len(confidences)
    return Batch(
        predictions=np.zeros(count, np.int64),
        confidences=np.array(confidences, np.float32),
        probabilities=np.full((count, 10), 0.1, np.float32),
        not_a_digit=np.zeros(count, np.float32),
        verdicts=np.array([VERDICTS.index(verdict) for verdict in verdicts], np.uint8),
        ink=np.array(ink, np.float32),
    )


def test_requests_are_counted_by_route_and_class_of_status():
    observer = Observer()
    for status, seconds in ((200, 0.0007), (204, 0.0007), (404, 0.02)):
        observer.observe_request("/predict", status, seconds)
    found = samples(observer)
    assert found["mnist_request_duration_seconds_count", "/predict", "2xx"] == 2
    assert found["mnist_request_duration_seconds_sum", "/predict", "4xx"] == 0.02
    assert found["mnist_request_duration_seconds_bucket", "/predict", "2xx", "0.0005"] == 0
    assert found["mnist_request_duration_seconds_bucket", "/predict", "2xx", "0.001"] == 2


def test_readings_are_counted_by_verdict_and_version():
    observer = Observer()
    observer.observe_reading(Verdict.DIGIT, 0.997, 0.1, 0)
    observer.observe_reading(Verdict.DIGIT, 0.92, 0.2, 3)
    observer.observe_reading(Verdict.BLANK, 0.0, None, 3)
    found = samples(observer)
    assert found["mnist_readings_total", "digit", "0"] == found["mnist_readings_total", "digit", "3"] == 1
    assert found["mnist_readings_total", "blank", "3"] == 1
    # A blank is a reading, but has no confidence and no ink that would say something.
    assert found["mnist_reading_confidence_count", "3"] == 1
    assert found["mnist_reading_confidence_bucket", "0", "0.995"] == 0
    assert found["mnist_reading_confidence_bucket", "0", "0.999"] == 1
    assert window(observer, 3) == (1, 0.2, 0.92)


def test_a_reading_without_ink_is_left_out_of_the_window_alone():
    observer = Observer()
    observer.observe_reading(Verdict.DIGIT, 0.9, None, 0)
    assert samples(observer)["mnist_reading_confidence_count", "0"] == 1
    assert window(observer) == (0, 0, 0)


def test_the_window_holds_the_last_readings_alone():
    observer = Observer()
    for _ in range(RECENT + 10):
        observer.observe_reading(Verdict.DIGIT, 0.5, 0.9, 0)
    for _ in range(RECENT):
        observer.observe_reading(Verdict.DIGIT, 0.75, 0.1, 0)
    assert window(observer) == (RECENT, pytest.approx(0.1 * RECENT), pytest.approx(0.75 * RECENT))


def test_rounding_errors_do_not_add_up_in_the_window():
    observer = Observer()
    rng = np.random.default_rng(0)
    for value in rng.random(20 * RECENT) * 1e6:
        observer.observe_reading(Verdict.DIGIT, value, value, 0)
    for _ in range(RECENT):
        observer.observe_reading(Verdict.DIGIT, 0.0, 0.0, 0)
    assert window(observer) == pytest.approx((RECENT, 0, 0), abs=1e-6)


def test_a_batch_counts_as_its_readings_do():
    rng = np.random.default_rng(0)
    count = RECENT + 500
    confidences = np.concatenate([rng.random(count - len(CONFIDENCES)), CONFIDENCES]).astype(np.float32).tolist()
    ink = rng.random(count).astype(np.float32).tolist()
    verdicts = [VERDICTS[code] for code in rng.integers(0, len(VERDICTS), count)]
    one_by_one, at_once = Observer(), Observer()
    for verdict, confidence, share in zip(verdicts, confidences, ink, strict=True):
        one_by_one.observe_reading(verdict, confidence, share, 0)
    at_once.observe_batch(batch_of(confidences, ink, verdicts), 0)
    expected = samples(one_by_one)
    assert {key: pytest.approx(value, rel=1e-9) for key, value in samples(at_once).items()} == expected


def test_an_empty_batch_counts_nothing():
    observer = Observer()
    observer.observe_batch(batch_of([], [], []), 0)
    assert window(observer) == (0, 0, 0)


def test_nothing_is_lost_between_threads():
    observer = Observer()

    def work() -> None:
        for _ in range(2000):
            observer.observe_request("/predict", 200, 0.001)
            observer.observe_reading(Verdict.DIGIT, 0.5, 0.25, 0)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = samples(observer)
    assert found["mnist_request_duration_seconds_count", "/predict", "2xx"] == 8000
    assert found["mnist_readings_total", "digit", "0"] == 8000
    assert window(observer) == (RECENT, 0.25 * RECENT, 0.5 * RECENT)


def test_an_observation_takes_microseconds():
    observer = Observer()
    best_s = float("inf")
    for _ in range(20):
        started = time.process_time()
        for _ in range(100):
            observer.observe_request("/predict", 200, 0.001)
            observer.observe_reading(Verdict.DIGIT, 0.998, 0.13, 0)
        best_s = min(best_s, (time.process_time() - started) / 100)
    assert best_s < 50e-6  # 4 on two Xeon cores


def test_without_a_directory_one_process_counts_for_itself():
    assert "PROMETHEUS_MULTIPROC_DIR" not in os.environ
    assert not Observer().is_shared


WORKERS = """
import multiprocessing, os, sys
from mnist_classifier.core.records import Verdict
from mnist_classifier.web.server.server import forget_process, shared_metrics

def work(number):
    from mnist_classifier.web.services.observer import Observer
    observer = Observer()
    assert observer.is_shared
    for _ in range(number):
        observer.observe_request("/predict", 200, 0.001)
        observer.observe_reading(Verdict.DIGIT, 0.5, 0.25, 0)
    observer.collect()

def total(observer, name):
    return sum(s.value for f in observer.collect() for s in f.samples if s.name == name)

def figures(observer):
    names = "request_duration_seconds_count", "readings_total", "recent_readings", "recent_summed_ink"
    return [total(observer, "mnist_" + name) for name in names]

if __name__ == "__main__":
    context = multiprocessing.get_context("spawn")
    with shared_metrics():
        from mnist_classifier.web.services.observer import Observer
        folder = os.environ["PROMETHEUS_MULTIPROC_DIR"]
        workers = [context.Process(target=work, args=(number,)) for number in (10, 30)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
            assert worker.exitcode == 0
        own = Observer()
        own.observe_reading(Verdict.DIGIT, 0.5, 0.25, 0)
        print(*figures(own))
        forget_process(workers[1].pid)
        print(*figures(own))
    print(os.path.exists(folder), "PROMETHEUS_MULTIPROC_DIR" in os.environ)
"""


def test_processes_count_together(tmp_path):
    script = tmp_path / "workers.py"
    script.write_text(WORKERS, "utf-8")
    result = subprocess.run([sys.executable, script], capture_output=True, encoding="utf-8", timeout=60)
    assert result.stderr == ""
    together, after_one_ended, ended = result.stdout.splitlines()
    assert together == "40.0 41.0 41.0 10.25"
    # What a worker counted stays; its window goes with it.
    assert after_one_ended == "40.0 41.0 11.0 2.75"
    assert ended == "False False"
