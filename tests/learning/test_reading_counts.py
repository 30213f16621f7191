from __future__ import annotations

import subprocess
import sys
from datetime import datetime, timedelta, timezone

from mnist_classifier.core.database import Store, now
from mnist_classifier.core.records import Verdict
from mnist_classifier.core.settings import Settings
from mnist_classifier.learning.reading_counts import KEPT, Key, ReadingCounts, Tally
from tests.checkout import ROOT

HOUR = datetime(2026, 3, 2, 10, tzinfo=timezone.utc)
DIGIT, BLANK = Key(HOUR, 3, Verdict.DIGIT), Key(HOUR, 3, Verdict.BLANK)
# Adds one reading 40 times, in transactions of their own.
ADD_OFTEN = """
import sys
from datetime import datetime, timezone
from mnist_classifier.core.database import Store
from mnist_classifier.core.records import Verdict
from mnist_classifier.learning.reading_counts import Key, ReadingCounts, Tally
store = Store(sys.argv[1])
counts = ReadingCounts(store)
for _ in range(40):
    counts.add({Key(datetime(2026, 3, 2, 10, tzinfo=timezone.utc), 3, Verdict.DIGIT): Tally(1, 0, 0.5, 0.25, 1)})
store.close()
"""


def test_counts_of_an_hour_add_up(store: Store):
    counts = ReadingCounts(store)
    counts.add({DIGIT: Tally(10, 1, 9.5, 1.25, 10), BLANK: Tally(2)})
    counts.add({DIGIT: Tally(5, 0, 4.75, 0.0, 0)})
    assert counts.find(3, HOUR) == {BLANK: Tally(2), DIGIT: Tally(15, 1, 14.25, 1.25, 10)}


def test_only_the_wanted_version_and_time_are_found(store: Store):
    counts = ReadingCounts(store)
    later = DIGIT._replace(hour=HOUR + timedelta(hours=1))
    counts.add({DIGIT: Tally(1), later: Tally(2), DIGIT._replace(version=4): Tally(4)})
    assert counts.find(3, later.hour) == {later: Tally(2)}
    assert counts.find(5, HOUR) == {}


def test_what_two_processes_count_adds_up(settings: Settings, store: Store):
    command = [sys.executable, "-c", ADD_OFTEN, f"sqlite:///{settings.home / 'mnist.db'}"]
    processes = [subprocess.Popen(command, cwd=ROOT) for _ in range(2)]
    assert [process.wait(60) for process in processes] == [0, 0]
    assert ReadingCounts(store).find(3, HOUR) == {DIGIT: Tally(80, 0, 40.0, 20.0, 80)}


def test_counts_of_more_than_a_year_ago_are_forgotten(store: Store):
    counts = ReadingCounts(store)
    old, new = DIGIT._replace(hour=HOUR - 10 * KEPT), DIGIT._replace(hour=now().replace(minute=0, second=0))
    counts.add({old: Tally(1), new: Tally(1)})
    counts.forget()
    assert [key.hour.year for key in counts.find(3, old.hour)] == [new.hour.year]
