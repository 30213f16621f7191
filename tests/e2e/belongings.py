"""What a home may hold when a visitor comes: model versions, trainings of earlier."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.versions import robustness_of_the_box, save

from mnist_classifier.core.database import Store
from mnist_classifier.core.records import RunStatus, Trial
from mnist_classifier.core.train_config import TrainConfig
from mnist_classifier.evaluation.promotion import promote_unless_worse
from mnist_classifier.registry.versions import Registry
from mnist_classifier.runs.run_log import Runs

# How a run that did not replace the champion ends.
OUTCOME = "Done. 98.5 % of the test images right; the current model has 99.6 % and stays in use."


@contextmanager
def opened(home: Path) -> Iterator[Store]:
    """The database of a home."""
    store = Store(f"sqlite:///{home / 'mnist.db'}")
    yield store
    store.close()


def add_versions(home: Path) -> None:
    """Two after the promotion check: 1 as good as the box, 2 worse."""
    with opened(home) as store:
        registry = Registry(home / "models", store)
        save(registry, name="classic-1", validation=4981)
        registry.record_robustness(registry.get(1), robustness_of_the_box())
        save(registry, name="lightning-2", validation=4951, test=9911)
        for version in (1, 2):
            promote_unless_worse(registry, version, actor=f"training {version}")


def add_runs(home: Path, count: int) -> None:
    """Trainings that are over; the accuracy rises to run `count` // 2 and falls again, run 1 has none."""
    with opened(home) as store:
        runs = Runs(store, home / "claims")
        for number in range(1, count + 1):
            run = runs.create(TrainConfig(recipe=("lightning", "fast", "standard")[number % 3], seed=number))
            runs.start(run.id, pid=1)
            for epoch in (1, 2, 3):
                runs.add_event(run.id, "epoch", epoch_figures(epoch))
            runs.add_event(run.id, "evaluation", {"epoch": 3, "split": "validation", "confusion": _confusion()})
            if number > 1:
                accuracy = 0.99 - abs(number - count // 2) / 1000
                runs.summarise(run.id, {"epoch": 3, "validation_accuracy": accuracy, "validation_loss": 0.05})
            runs.finish(run.id, RunStatus.SUCCEEDED, OUTCOME)


def add_trials(home: Path) -> None:
    """A search of two trials, the second of them stopped early."""
    with opened(home) as store:
        runs = Runs(store, home / "claims")
        for number, status in ((1, RunStatus.SUCCEEDED), (2, RunStatus.PRUNED)):
            values = {"learning_rate": 0.01 * number}
            trial = Trial(
                search="fast-1a2b3c", number=number, stage="search", values=values, losses=[0.0625 * number], loss=None
            )
            run = runs.create(TrainConfig(recipe="fast", **values), trial)
            runs.start(run.id, pid=1)
            runs.finish(run.id, status, "" if number == 1 else "stopped early: 1 of 1 other trials are better")


def epoch_figures(epoch: int) -> dict[str, float]:
    """What a training reports after one of its three epochs."""
    return {
        "epoch": epoch,
        "epochs": 3,
        "train_loss": 0.6 / epoch,
        "train_accuracy": 1 - 0.1 / epoch,
        "validation_loss": 0.5 / epoch,
        "validation_accuracy": 1 - 0.09 / epoch,
        "learning_rate": 0.01 / epoch,
        "images_per_s": 20_000.0,
        "elapsed_s": 2.0 * epoch,
        "validation_s": 0.1,
    }


def _confusion() -> list[list[int]]:
    return [[495 if label == read else (label + read) % 3 for read in range(10)] for label in range(10)]
