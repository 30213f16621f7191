from __future__ import annotations

import logging
import threading
import time
from contextlib import closing
from datetime import datetime, timezone
from pathlib import Path

import numpy as np
import pytest

from mnist_classifier.core.database import Store
from mnist_classifier.core.errors import DatabaseBusy
from mnist_classifier.core.records import Verdict
from mnist_classifier.learning.reading_counts import ReadingCounts, Tally
from mnist_classifier.recognition.batch import VERDICTS, Batch
from mnist_classifier.web.services import reading_tally
from mnist_classifier.web.services.reading_tally import MOST_WAITING, ReadingTally
from tests.processes import wait_until

LONG_AGO = datetime(2020, 1, 1, tzinfo=timezone.utc)


@pytest.fixture
def counts(store: Store) -> ReadingCounts:
    return ReadingCounts(store)


def found(counts: ReadingCounts, version: int = 3) -> dict[Verdict, Tally]:
    """By verdict; the hours summed, because a test may run over the end of one."""
    sums: dict[Verdict, Tally] = {}
    for key, tally in counts.find(version, LONG_AGO).items():
        sums.setdefault(key.verdict, Tally()).add(tally)
    return sums


def test_readings_are_written_with_confidence_and_ink(counts: ReadingCounts):
    tally = ReadingTally(counts)
    tally.add(Verdict.DIGIT, 0.75, 0.125, 3)
    tally.add(Verdict.DIGIT, 0.9375, None, 3)
    tally.add(Verdict.BLANK, 0.0, None, 3)
    assert found(counts) == {}
    tally.flush()
    tally.flush()
    assert found(counts) == {Verdict.DIGIT: Tally(2, 1, 1.6875, 0.125, 1), Verdict.BLANK: Tally(1)}


def test_a_batch_counts_like_its_readings(counts: ReadingCounts):
    verdicts = [Verdict.DIGIT, Verdict.AMBIGUOUS, Verdict.DIGIT, Verdict.BLANK]
    batch = Batch(
        predictions=np.zeros(4, np.int64),
        confidences=np.array([0.5, 0.25, 1.0, 0.0], np.float32),
        probabilities=np.full((4, 10), 0.1, np.float32),
        not_a_digit=np.zeros(4, np.float32),
        verdicts=np.array([VERDICTS.index(verdict) for verdict in verdicts], np.uint8),
        ink=np.array([0.25, 0.125, 0.5, 0.0], np.float32),
    )
    tally = ReadingTally(counts)
    tally.add_batch(batch, 3)
    tally.flush()
    assert found(counts) == {
        Verdict.DIGIT: Tally(2, 1, 1.5, 0.75, 2),
        Verdict.AMBIGUOUS: Tally(1, 1, 0.25, 0.125, 1),
        Verdict.BLANK: Tally(1),
    }


def test_a_busy_database_delays_the_counts_and_loses_none(
    counts: ReadingCounts, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    monkeypatch.setattr(reading_tally, "INTERVAL_S", 0.01)
    add, failures = counts.add, iter(range(3))

    def busy_at_first(tallies: dict) -> None:
        for _ in failures:
            raise DatabaseBusy("somebody holds it")
        add(tallies)

    monkeypatch.setattr(counts, "add", busy_at_first)
    with caplog.at_level(logging.ERROR), closing(ReadingTally(counts)) as tally:
        tally.watch()
        for _ in range(50):
            tally.add(Verdict.DIGIT, 1.0, 0.25, 3)
            time.sleep(0.001)
        wait_until(lambda: found(counts).get(Verdict.DIGIT, Tally()).count == 50)
    assert caplog.text.count("somebody holds it") == 1


def test_the_end_of_a_process_writes_the_last_counts(counts: ReadingCounts):
    tally = ReadingTally(counts)
    tally.watch()
    tally.add(Verdict.DIGIT, 1.0, 0.25, 3)
    tally.close()
    assert found(counts)[Verdict.DIGIT].count == 1


def test_a_database_that_stays_away_does_not_fill_the_memory(counts: ReadingCounts, monkeypatch: pytest.MonkeyPatch):
    def fail(tallies: dict) -> None:
        raise DatabaseBusy("somebody holds it")

    monkeypatch.setattr(counts, "add", fail)
    tally = ReadingTally(counts)
    for version in range(MOST_WAITING + 50):
        tally.add(Verdict.DIGIT, 1.0, 0.25, version)
    with pytest.raises(DatabaseBusy):
        tally.flush()
    assert len(tally._tallies) == MOST_WAITING


def test_many_threads_lose_no_reading(counts: ReadingCounts):
    tally = ReadingTally(counts)

    def count_often() -> None:
        for _ in range(2000):
            tally.add(Verdict.DIGIT, 0.5, 0.25, 3)

    threads = [threading.Thread(target=count_often) for _ in range(4)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        tally.flush()
    tally.flush()
    assert found(counts) == {Verdict.DIGIT: Tally(8000, 8000, 4000.0, 2000.0, 8000)}


def test_a_locked_database_does_not_hold_up_a_reading(tmp_path: Path):
    store = Store(f"sqlite:///{tmp_path / 'mnist.db'}", patience_s=0.2)
    tally = ReadingTally(ReadingCounts(store))
    with store.writing():
        tally.add(Verdict.DIGIT, 1.0, 0.25, 3)
        flushing = threading.Thread(target=lambda: pytest.raises(DatabaseBusy, tally.flush))
        flushing.start()
        started = time.perf_counter()
        for _ in range(1000):
            tally.add(Verdict.DIGIT, 1.0, 0.25, 3)
        assert time.perf_counter() - started < 0.2
        flushing.join()
    tally.flush()
    assert found(ReadingCounts(store))[Verdict.DIGIT].count == 1001
    store.close()
