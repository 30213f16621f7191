from __future__ import annotations

import logging
import time
from contextlib import closing
from pathlib import Path

import pytest

from mnist_classifier.core.database import Store
from mnist_classifier.core.errors import StorageFull
from mnist_classifier.core.records import Reading, Verdict
from mnist_classifier.learning.proposals import Proposals
from mnist_classifier.web.services import proposer as module
from mnist_classifier.web.services.proposer import MOST_WAITING, Proposer
from tests.handwriting import glyphs
from tests.processes import wait_until

GLYPHS = glyphs(20).images
UNSURE = Reading(1, 0.6, (0.0, 0.6, *[0.05] * 8), Verdict.AMBIGUOUS)
SURE = Reading(1, 1.0, (0.0, 1.0, *[0.0] * 8), Verdict.DIGIT)


@pytest.fixture
def proposals(store: Store) -> Proposals:
    return Proposals(store)


def test_uncertain_readings_are_kept_in_the_background(proposals: Proposals, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "PAUSE_S", 0.01)
    with closing(Proposer(proposals)) as proposer:
        proposer.watch()
        proposer.offer(UNSURE, GLYPHS[0], 0)
        proposer.offer(SURE, GLYPHS[1], 0)
        wait_until(lambda: proposals.count() == 1)
        proposer.offer(UNSURE, GLYPHS[2], 0)
    assert {each.glyph for each in proposals.best(10)} == {GLYPHS[number].tobytes() for number in (0, 2)}


def test_a_full_disk_costs_proposals_and_nothing_else(
    proposals: Proposals, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    monkeypatch.setattr(module, "PAUSE_S", 0.01)
    add, failures = proposals.add, iter(range(3))

    def full_at_first(candidates: list) -> None:
        for _ in failures:
            raise StorageFull("no space left")
        add(candidates)

    monkeypatch.setattr(proposals, "add", full_at_first)
    with caplog.at_level(logging.ERROR), closing(Proposer(proposals)) as proposer:
        proposer.watch()

        def offered() -> bool:
            proposer.offer(UNSURE, GLYPHS[0], 0)
            return proposals.count() == 1

        wait_until(offered)
    assert caplog.text.count("no space left") == 1


def test_a_locked_database_neither_delays_a_reading_nor_fills_the_memory(tmp_path: Path):
    store = Store(f"sqlite:///{tmp_path / 'mnist.db'}", patience_s=5)
    with store.writing():
        proposer = Proposer(Proposals(store))
        proposer.watch()
        started = time.perf_counter()
        for _ in range(50 * MOST_WAITING):
            proposer.offer(UNSURE, GLYPHS[0], 0)
        per_reading_s = (time.perf_counter() - started) / (50 * MOST_WAITING)
        assert per_reading_s < 100e-6
        assert proposer._waiting.qsize() <= MOST_WAITING
    proposer.close()
    assert Proposals(store).count() == 1
    store.close()
