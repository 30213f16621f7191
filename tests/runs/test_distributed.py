"""The run of a torchrun, without its processes."""

from __future__ import annotations

import pytest

from mnist_classifier.core.errors import RunInProgress
from mnist_classifier.core.records import RunStatus
from mnist_classifier.core.settings import Launch
from mnist_classifier.core.train_config import TrainConfig
from mnist_classifier.runs import claims, distributed, run_log
from mnist_classifier.runs.distributed import _run_of
from mnist_classifier.runs.progress import Report
from mnist_classifier.runs.run_log import Runs

CONFIG, LAUNCH = TrainConfig(), Launch(job="test", restarts=1)


def test_a_restarted_torchrun_waits_for_its_run_where_locks_cannot_be_checked(
    runs: Runs, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(run_log, "SILENT_AFTER_S", 0.3)
    run = runs.create(CONFIG, environment={"torchrun": "test"})
    runs.start(run.id, pid=1)
    claims.release(runs.claims_dir, run.claim)  # no lock, as on a network disk
    again = _run_of(Runs(runs.store, runs.claims_dir), CONFIG, LAUNCH, Report())
    assert (again.id, again.status) == (run.id, RunStatus.QUEUED)
    assert again.claim != run.claim


def test_a_torchrun_does_not_wait_for_a_process_that_is_known_to_live(runs: Runs, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(distributed.time, "sleep", lambda seconds: pytest.fail("waits"))
    run = runs.create(CONFIG, environment={"torchrun": "test"})
    with pytest.raises(RunInProgress, match=f"run {run.id} is still training"):
        _run_of(Runs(runs.store, runs.claims_dir), CONFIG, LAUNCH, Report())
