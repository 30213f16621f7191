"""Real processes that train one network over gloo, beside one process that trains it alone."""

from __future__ import annotations

from dataclasses import replace
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


def test_two_processes_have_the_loss_curve_of_one(alone: tuple[Task, Seen], tmp_path: Path):
    task, single = alone
    assert len(single.losses) == 4 * STEPS_PER_EPOCH > 100
    first, second = train_together(2, tmp_path, task)
    assert first == second
    assert first.losses == pytest.approx(single.losses, abs=1e-3)
    assert first.validation == pytest.approx(single.validation, abs=1e-3)
    assert first.best_epoch == single.best_epoch


def test_in_bfloat16_two_processes_have_nearly_the_loss_curve_of_one(alone: tuple[Task, Seen], tmp_path: Path):
    """PyTorch computes in bfloat16 on every processor, only more slowly without its instructions.

    Measured with AMX: the losses of single batches differ by up to 0.12 and by 0.014 on average, as much as between
    bfloat16 and float32.  Another seed: 0.13 on average, and 0.16 on the validation images.
    """
    task = with_settings(alone[0], precision="bfloat16")
    single = learn(task, Workers())
    first, second = train_together(2, tmp_path, task)
    assert first == second
    assert np.abs(np.subtract(first.losses, single.losses)).mean() < 0.04
    assert first.validation == pytest.approx(single.validation, abs=0.05)


def test_dropout_and_styles_do_not_depend_on_the_number_of_processes(alone: tuple[Task, Seen], tmp_path: Path):
    """Three processes, Muon, and a last batch of two images, so that one process has none."""
    task = with_settings(
        alone[0],
        **{"epochs": 1, "plain_epochs": 0, "optimizer": "muon", "conv_dropout": 0.2, "hidden_dropout": 0.3},
        **{"style_probability": 0.3, "width_probability": 0.3, "spoil_probability": 0.3},
    )
    task = replace(task, images=8 * 16 + 2)
    single = learn(task, Workers())
    seen = train_together(3, tmp_path, task)
    assert seen[0] == seen[1] == seen[2]
    # BatchNorm over two images and Muon's small singular values magnify rounding.
    assert seen[0].losses[:-1] == pytest.approx(single.losses[:-1], abs=1e-3)
    assert seen[0].losses[-1] == pytest.approx(single.losses[-1], rel=0.1)


def test_processes_agree_in_later_passes_too(alone: tuple[Task, Seen], tmp_path: Path):
    """A later pass mixes the images of each process, so only the first one has the loss curve of one process."""
    task = with_settings(alone[0], epochs=1, passes=2)
    single = learn(task, Workers())
    first, second = train_together(2, tmp_path, task)
    assert first == second
    assert len(first.losses) == 2 * STEPS_PER_EPOCH
    assert first.losses[:STEPS_PER_EPOCH] == pytest.approx(single.losses[:STEPS_PER_EPOCH], abs=1e-3)
    assert first.validation == pytest.approx(single.validation, abs=0.1)


def test_the_first_process_has_an_image_of_a_batch_with_fewer_images_than_processes(
    alone: tuple[Task, Seen], tmp_path: Path
):
    task = replace(with_settings(alone[0], epochs=1), images=2)
    assert [seen.shown for seen in train_together(3, tmp_path, task)] == [[1], [1], [0]]


def test_all_processes_stop_after_the_same_step_and_fewer_continue_the_same_curve(
    alone: tuple[Task, Seen], tmp_path: Path
):
    task, single = alone
    task = replace(task, checkpoint=str(tmp_path / "checkpoint"))
    stopping = replace(task, stop_rank=1, stop_step=2 * STEPS_PER_EPOCH + 5)
    first, second = train_together(2, tmp_path / "two", stopping)
    assert first == second
    assert first.cancelled
    assert len(first.losses) == stopping.stop_step
    rest = learn(task, Workers())
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
