from __future__ import annotations

import logging
from contextlib import closing

import numpy as np
import pytest

from mnist_classifier.core.database import Store
from mnist_classifier.core.errors import DatabaseBusy
from mnist_classifier.learning.corrections import Corrections, NewCorrection
from mnist_classifier.web.services import retention
from mnist_classifier.web.services.retention import Retention
from tests.processes import wait_until


@pytest.fixture
def corrections(store: Store) -> Corrections:
    """One correction of today, one of long ago."""
    corrections = Corrections(store)
    for level in (100, 200):
        corrections.add(NewCorrection(np.full((28, 28), level, np.uint8), 7, "api"))
    with store.writing() as connection:
        connection.exec_driver_sql("UPDATE corrections SET changed_at = '2020-01-01 00:00:00' WHERE id = 1")
    return corrections


def test_what_is_too_old_is_deleted_again_and_again(corrections: Corrections, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(retention, "DAY_S", 0.01)
    with closing(Retention(corrections, days=30)) as keeper:
        keeper.watch()
        wait_until(lambda: [each.id for each in corrections.find()] == [2])


def test_a_busy_database_does_not_end_it(
    corrections: Corrections, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    monkeypatch.setattr(retention, "DAY_S", 0.01)
    answers = iter([DatabaseBusy("somebody holds it")])
    expire = corrections.expire

    def busy_at_first(days: int) -> int:
        for answer in answers:
            raise answer
        return expire(days)

    monkeypatch.setattr(corrections, "expire", busy_at_first)
    with caplog.at_level(logging.ERROR), closing(Retention(corrections, days=30)) as keeper:
        keeper.watch()
        wait_until(lambda: corrections.count() == 1)
    assert "somebody holds it" in caplog.text


def test_zero_days_keep_everything(corrections: Corrections):
    Retention(corrections, days=0).expire()
    assert corrections.count() == 2
