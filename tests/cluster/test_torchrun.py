"""Real trainings with torchrun: one run, whatever happens to its processes."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from click.testing import CliRunner

from mnist_classifier.cli.main import main
from mnist_classifier.core.database import Store
from mnist_classifier.core.recipe_files import write_recipe
from mnist_classifier.core.records import RunStatus
from mnist_classifier.core.settings import Launch, Settings
from mnist_classifier.core.train_config import TrainConfig
from mnist_classifier.registry.aliases import BOX
from mnist_classifier.registry.versions import Registry
from mnist_classifier.runs.distributed import train_together
from mnist_classifier.runs.progress import Report
from mnist_classifier.runs.run_log import Runs
from tests.cluster.torchrun import ranks, torchrun
from tests.runs.test_jobs import wait_until, with_mnist

__all__ = ["with_mnist"]

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.slow,
    pytest.mark.mnist,
    pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="looks for processes in /proc"),
]
WAIT_S = 120


def epochs_of(runs: Runs, run_id: int = 1) -> list[int]:
    return [event.data["epoch"] for event in runs.events(run_id, kinds=("epoch",))]


def wait_for_epoch(runs: Runs, epoch: int) -> None:
    wait_until(lambda: epoch <= max(epochs_of(runs), default=0))


def test_a_killed_first_process_is_replaced_and_finds_its_run_again(with_mnist: Settings, runs: Runs, store: Store):
    """tests/cluster/test_two_hosts_train.py kills another process."""
    with torchrun(with_mnist, "--max-restarts=3", epochs=4, train_images=1500) as process:
        wait_for_epoch(runs, 1)
        os.kill(ranks(with_mnist)[0], signal.SIGKILL)
        output, _ = process.communicate(timeout=WAIT_S)
    assert process.returncode == 0, output
    (run,) = runs.recent()
    assert run.status is RunStatus.SUCCEEDED
    assert run.environment is not None
    assert run.environment["processes"] == 2
    epochs = epochs_of(runs)
    assert epochs == sorted(epochs)
    assert set(epochs) == set(range(1, 5))
    assert len(epochs) == 4, "an epoch was repeated that a checkpoint has"
    assert [version.version for version in Registry(with_mnist.models_dir, store).versions()] == [1, BOX]
    assert [*with_mnist.claims_dir.iterdir(), *with_mnist.checkpoints_dir.iterdir()] == []


@pytest.mark.parametrize("way", ["ctrl-c", "command"])
def test_a_cancelled_training_ends_in_all_processes_and_keeps_its_best_weights(
    with_mnist: Settings, runs: Runs, way: str
):
    with torchrun(with_mnist, "--max-restarts=3", epochs=1000) as process:
        wait_for_epoch(runs, 2)
        if way == "ctrl-c":
            process.send_signal(signal.SIGINT)
        else:
            runs.request_cancel(1)
        output, _ = process.communicate(timeout=WAIT_S)
        assert ranks(with_mnist) == {}
    (run,) = runs.recent()
    assert run.status is RunStatus.CANCELLED, output
    assert run.model_version == 1, output
    assert process.returncode == 0 or way == "ctrl-c", output


# One process of a host that lacks the data.
WITHOUT_DATA = """
import os, sys
if os.environ["RANK"] == "1":
    os.environ["MNIST_DATA_DIR"] = os.environ["MNIST_HOME"]
from mnist_classifier.cli.main import main
main()
"""


def test_a_process_that_fails_ends_all_and_its_reason_is_in_the_run(with_mnist: Settings, runs: Runs, tmp_path: Path):
    script = tmp_path / "train.py"
    script.write_text(WITHOUT_DATA)
    with torchrun(with_mnist, program=str(script)) as process:
        output, _ = process.communicate(timeout=WAIT_S)
    assert process.returncode == 1, output
    (run,) = runs.recent()
    assert run.status is RunStatus.FAILED
    assert run.message.startswith("process 1 failed: ")
    assert "mirror" in run.message
    assert ranks(with_mnist) == {}


def test_a_recipe_file_of_the_first_process_counts_in_all_of_them(with_mnist: Settings, runs: Runs, tmp_path: Path):
    write_recipe(tmp_path / "mine.json", "fast", {"learning_rate": 0.012}, "")
    with torchrun(with_mnist, recipe=tmp_path / "mine.json", epochs=1) as process:
        output, _ = process.communicate(timeout=WAIT_S)
    assert process.returncode == 0, output
    assert [(run.status, run.config["recipe"]) for run in runs.recent()] == [(RunStatus.SUCCEEDED, "mine.json")]


def test_torchrun_refuses_several_seeds(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("mnist_classifier.cli.train.Launch.from_environment", lambda: Launch(job="test"))
    result = CliRunner().invoke(main, ["train", "--seeds", "2"])
    assert (result.exit_code, "leave out --seeds" in result.output) == (2, True)


def test_a_run_that_ended_is_not_repeated_when_torchrun_restarts(with_mnist: Settings, runs: Runs):
    config, heard = TrainConfig(), list[str]()
    run = runs.create(config, environment={"torchrun": "test"})
    runs.finish(run.id, RunStatus.CANCELLED, "enough", claim=run.claim)
    again = Launch(job="test", restarts=1)
    assert train_together(with_mnist, config, again, Report(on_message=heard.append)) is None
    assert heard == ["run 1 has ended (cancelled): enough"]
    assert [each.id for each in runs.recent()] == [run.id]
