"""Real processes that train one network over gloo, beside one process that trains it alone."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch

from mnist_classifier.core.errors import InvalidConfig, WorkerFailed
from mnist_classifier.core.settings import Launch
from mnist_classifier.core.train_config import TrainConfig
from mnist_classifier.training.distributed import Group
from mnist_classifier.training.workers import Workers
from tests.processes import free_port
from tests.training.together import Seen, Task, learn, train_together, variables

pytestmark = pytest.mark.slow

# Augmentation, weight averaging, and a last batch of 15 images that two processes cannot halve.
AUGMENTED = {"rotation_degrees": 10.0, "translation": 0.1, "elastic_px": 1.0, "erasing_probability": 0.2}
IMAGES = 26 * 16 + 15
STEPS_PER_EPOCH = 27


@pytest.fixture(scope="module")
def alone() -> tuple[Task, Seen]:
    """A training of 108 steps in one process."""
    config = TrainConfig.from_mapping(
        {
            **{"batch_size": 16, "learning_rate": 0.01, "ema_decay": 0.9, "precision": "float32", "device": "cpu"},
            **{"conv1_channels": 4, "conv2_channels": 8, "hidden_units": 32, "threads": 1},
            **{"epochs": 4, "patience": 0, "plain_epochs": 1, "conv_dropout": 0.0, "hidden_dropout": 0.0, **AUGMENTED},
        }
    )
    task = Task(config.to_dict(), IMAGES)
    return task, learn(task, Workers())


def with_settings(task: Task, **values: object) -> Task:
    return replace(task, config={**task.config, **values})


@dataclass(frozen=True)
class Done:
    """Tasks by name, and what each process saw of them."""

    tasks: dict[str, Task]
    seen: dict[str, list[Seen]]

    @classmethod
    def by(cls, size: int, folder: Path, tasks: dict[str, Task]) -> Done:
        return cls(tasks, dict(zip(tasks, train_together(size, folder, list(tasks.values())), strict=True)))


@pytest.fixture(scope="module")
def pair(alone: tuple[Task, Seen], tmp_path_factory: pytest.TempPathFactory) -> Done:
    """What two processes do, who load PyTorch once."""
    task, folder = alone[0], tmp_path_factory.mktemp("pair")
    stopping = replace(task, checkpoint=str(folder / "checkpoint"), stop_rank=1, stop_step=2 * STEPS_PER_EPOCH + 5)
    tasks = {
        "float32": task,
        "bfloat16": with_settings(task, precision="bfloat16"),
        "passes": with_settings(task, epochs=1, passes=2),
        "stopping": stopping,
    }
    return Done.by(2, folder, tasks)


@pytest.fixture(scope="module")
def three(alone: tuple[Task, Seen], tmp_path_factory: pytest.TempPathFactory) -> Done:
    """What three processes do."""
    styles = with_settings(
        alone[0],
        **{"epochs": 1, "plain_epochs": 0, "optimizer": "muon", "conv_dropout": 0.2, "hidden_dropout": 0.3},
        **{"style_probability": 0.3, "width_probability": 0.3, "spoil_probability": 0.3},
    )
    tasks = {
        "styles": replace(styles, images=8 * 16 + 2),
        "two images": replace(with_settings(alone[0], epochs=1), images=2),
    }
    return Done.by(3, tmp_path_factory.mktemp("three"), tasks)


def test_two_processes_have_the_loss_curve_of_one(alone: tuple[Task, Seen], pair: Done):
    _, single = alone
    assert len(single.losses) == 4 * STEPS_PER_EPOCH > 100
    first, second = pair.seen["float32"]
    assert first == second
    assert first.losses == pytest.approx(single.losses, abs=1e-3)
    assert first.validation == pytest.approx(single.validation, abs=1e-3)
    assert first.best_epoch == single.best_epoch


def test_in_bfloat16_two_processes_have_nearly_the_loss_curve_of_one(pair: Done):
    """PyTorch computes in bfloat16 on every processor, only more slowly without its instructions.

    Measured with AMX: the losses of single batches differ by up to 0.12 and by 0.014 on average, as much as between
    bfloat16 and float32.  Another seed: 0.13 on average, and 0.16 on the validation images.
    """
    single = learn(pair.tasks["bfloat16"], Workers())
    first, second = pair.seen["bfloat16"]
    assert first == second
    assert np.abs(np.subtract(first.losses, single.losses)).mean() < 0.04
    assert first.validation == pytest.approx(single.validation, abs=0.05)


def test_dropout_and_styles_do_not_depend_on_the_number_of_processes(three: Done):
    """Three processes, Muon, and a last batch of two images, so that one process has none."""
    single = learn(three.tasks["styles"], Workers())
    seen = three.seen["styles"]
    assert seen[0] == seen[1] == seen[2]
    # BatchNorm over two images and Muon's small singular values magnify rounding.
    assert seen[0].losses[:-1] == pytest.approx(single.losses[:-1], abs=1e-3)
    assert seen[0].losses[-1] == pytest.approx(single.losses[-1], rel=0.1)


def test_processes_agree_in_later_passes_too(pair: Done):
    """A later pass mixes the images of each process, so only the first one has the loss curve of one process."""
    single = learn(pair.tasks["passes"], Workers())
    first, second = pair.seen["passes"]
    assert first == second
    assert len(first.losses) == 2 * STEPS_PER_EPOCH
    assert first.losses[:STEPS_PER_EPOCH] == pytest.approx(single.losses[:STEPS_PER_EPOCH], abs=1e-3)
    assert first.validation == pytest.approx(single.validation, abs=0.1)


def test_the_first_process_has_an_image_of_a_batch_with_fewer_images_than_processes(three: Done):
    assert [seen.shown for seen in three.seen["two images"]] == [[1], [1], [0]]


def test_all_processes_stop_after_the_same_step_and_fewer_continue_the_same_curve(alone: tuple[Task, Seen], pair: Done):
    _, single = alone
    stopping = pair.tasks["stopping"]
    first, second = pair.seen["stopping"]
    assert first == second
    assert first.cancelled
    assert len(first.losses) == stopping.stop_step
    rest = learn(replace(stopping, stop_rank=None), Workers())
    assert rest.losses == pytest.approx(single.losses[2 * STEPS_PER_EPOCH :], abs=1e-3)
    assert rest.validation == pytest.approx(single.validation, abs=1e-3)


def test_processes_of_torchrun_share_the_cores_unless_told_otherwise(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("mnist_classifier.core.settings.usable_cores", lambda: 8)
    environment = variables(1, 2, 29500)
    assert Launch.from_environment({**environment, "OMP_NUM_THREADS": "1"}).threads == 4  # torchrun's choice
    assert Launch.from_environment({**environment, "OMP_NUM_THREADS": "3"}).threads == 0
    assert Launch.from_environment({}) == Launch()


def test_a_missing_gpu_or_network_interface_is_a_failure_of_this_process_and_is_named(monkeypatch: pytest.MonkeyPatch):
    environment = {**variables(0, 1, free_port()), "GLOO_SOCKET_IFNAME": "missing0"}
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    group = Group(replace(Launch.from_environment(), local_rank=2))
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    with pytest.raises(InvalidConfig, match="this host has 2 GPUs and more processes"):
        group.place(torch.device("cuda"))
    with pytest.raises(WorkerFailed, match="cannot connect to the others: .*missing0"):
        group.start()
