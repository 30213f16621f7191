from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

from mnist_classifier.core.errors import CheckpointCorrupt, InvalidConfig, TrainingDiverged
from mnist_classifier.core.metrics import Measurement, measure
from mnist_classifier.core.records import EpochResult
from mnist_classifier.core.train_config import TrainConfig
from mnist_classifier.training.data import FineTuning, TrainingData
from mnist_classifier.training.device import choose_device
from mnist_classifier.training.ensemble import Ensemble
from mnist_classifier.training.loop import Observer, StepProgress, train
from mnist_classifier.training.network import OUTLIER, MNISTClassifier, predict_logits
from mnist_classifier.training.objective import training_loss
from mnist_classifier.training.optimisation import schedule_factor
from mnist_classifier.training.workers import Workers, agreed_choice
from tests.training.conftest import made_up_digits


def test_training_learns_and_reports_every_epoch(tiny_config: TrainConfig, tiny_data: TrainingData):
    seen: list[EpochResult] = []
    result = train(replace(tiny_config, epochs=3), tiny_data, Observer(on_epoch=seen.append))
    assert [r.epoch for r in seen] == [1, 2, 3]
    assert seen == result.epochs
    assert seen[-1].validation_accuracy > 0.9
    assert seen[-1].train_loss < seen[0].train_loss
    assert all(r.images_per_s > 0 for r in seen)


def test_pictures_of_a_batch_are_shown_unless_people_drew_some_of_them(
    tiny_config: TrainConfig, tiny_data: TrainingData
):
    shown: list[int] = []
    observer = Observer(on_batch=lambda epoch, pixels, labels: shown.append(len(pixels)))
    config = replace(tiny_config, epochs=1)
    network = train(config, tiny_data, observer).network
    assert isinstance(network, MNISTClassifier)
    assert len(shown) == 1
    tuning = FineTuning(network, *made_up_digits(20, seed=2))
    train(replace(config, corrections_share=0.2), tiny_data, observer, tuning=tuning)
    assert len(shown) == 1


def test_the_network_that_comes_back_is_the_one_of_the_best_epoch(tiny_config: TrainConfig, tiny_data: TrainingData):
    result = train(tiny_config, tiny_data)
    best = result.epochs[result.best_epoch - 1]
    assert measured(result.network, tiny_data).nll == pytest.approx(best.validation_loss, abs=1e-6)
    assert best.validation_loss == min(r.validation_loss for r in result.epochs)


def measured(network: MNISTClassifier, data: TrainingData) -> Measurement:
    """Figures of the validation split."""
    return measure(predict_logits(network, data.validation_images).numpy(), data.validation_labels.numpy())


def weights(network: MNISTClassifier) -> torch.Tensor:
    return torch.cat([value.flatten().float() for value in network.state_dict().values()])


def test_a_seed_makes_cpu_training_repeatable(tiny_config: TrainConfig, tiny_data: TrainingData):
    first, second = (train(tiny_config, tiny_data) for _ in range(2))
    other = train(replace(tiny_config, seed=1), tiny_data)
    assert torch.equal(weights(first.network), weights(second.network))
    assert not torch.equal(weights(first.network), weights(other.network))


def test_patience_stops_a_training_that_no_longer_gets_better(tiny_config: TrainConfig, tiny_data: TrainingData):
    # So small a rate changes nothing that validation could see.
    stuck = replace(tiny_config, epochs=50, patience=2, learning_rate=1e-7, schedule="constant", ema_decay=0.0)
    result = train(stuck, tiny_data)
    assert result.stopped_early
    assert len(result.epochs) < 50
    assert len(result.epochs) == result.best_epoch + 2


def test_a_request_to_stop_keeps_the_best_weights_so_far(tiny_config: TrainConfig, tiny_data: TrainingData):
    finished: list[EpochResult] = []
    observer = Observer(on_epoch=finished.append, should_stop=lambda: len(finished) == 2)
    result = train(replace(tiny_config, epochs=50), tiny_data, observer)
    assert result.cancelled
    assert len(result.epochs) == 2
    lowest = min(r.validation_loss for r in finished)
    assert measured(result.network, tiny_data).nll == pytest.approx(lowest, abs=1e-6)


def test_ctrl_c_keeps_the_best_weights_so_far(tiny_config: TrainConfig, tiny_data: TrainingData):
    def press(result: EpochResult) -> None:
        raise KeyboardInterrupt

    result = train(tiny_config, tiny_data, Observer(on_epoch=press))
    assert result.cancelled
    assert result.best_epoch == 1


def test_a_stop_before_the_first_epoch_leaves_nothing_to_keep(tiny_config: TrainConfig, tiny_data: TrainingData):
    with pytest.raises(KeyboardInterrupt):
        train(tiny_config, tiny_data, Observer(should_stop=lambda: True))


def test_a_loss_that_is_no_number_stops_the_run_with_a_reason(tiny_config: TrainConfig, tiny_data: TrainingData):
    with pytest.raises(TrainingDiverged, match="learning rate"):
        train(
            replace(
                tiny_config,
                learning_rate=1.0,
                weight_decay=10.0,
                epochs=1000,
                schedule="constant",
                patience=0,
                ema_decay=0.0,
            ),
            poisoned(tiny_data),
        )


def poisoned(data: TrainingData) -> TrainingData:
    """Labels right, pixels infinite: what an overflow looks like."""
    return replace(data, train_images=torch.full(data.train_images.shape, float("inf")))


class Killed(Exception):
    """Stands for a process that ends at this very moment."""


@pytest.mark.parametrize(
    ("epoch", "step", "optimizer"), [(2, 0, "adamw"), (2, 10, "adamw"), (3, 0, "adamw"), (2, 10, "muon")]
)
def test_a_killed_training_goes_on_to_the_same_weights(
    tiny_config: TrainConfig, tiny_data: TrainingData, tmp_path: Path, epoch: int, step: int, optimizer: str
):
    config = replace(
        tiny_config, optimizer=optimizer, epochs=4, rotation_degrees=10.0, hidden_dropout=0.3, plain_epochs=1, passes=2
    )

    def kill_after_epoch(result: EpochResult) -> None:
        if step == 0 and result.epoch == epoch:
            raise Killed

    def kill_inside_epoch(progress: StepProgress) -> None:
        if (progress.epoch, progress.step) == (epoch, step):
            raise Killed

    path = tmp_path / "run.safetensors"
    with pytest.raises(Killed):
        train(config, tiny_data, Observer(on_step=kill_inside_epoch, on_epoch=kill_after_epoch), checkpoint=path)
    torch.rand(99)  # the new process has other random numbers behind it
    resumed = train(config, tiny_data, checkpoint=path)
    whole = train(config, tiny_data)
    assert torch.equal(weights(resumed.network), weights(whole.network))
    assert [r.validation_loss for r in resumed.epochs] == [r.validation_loss for r in whole.epochs]


def test_a_checkpoint_of_another_training_or_a_broken_one_is_refused(
    tiny_config: TrainConfig, tiny_data: TrainingData, tmp_path: Path
):
    path = tmp_path / "run.safetensors"
    train(tiny_config, tiny_data, checkpoint=path)
    with pytest.raises(CheckpointCorrupt, match="other settings"):
        train(replace(tiny_config, seed=5), tiny_data, checkpoint=path)
    for length in (1000, 0):
        path.write_bytes(path.read_bytes()[:length])
        with pytest.raises(CheckpointCorrupt, match="delete it"):
            train(tiny_config, tiny_data, checkpoint=path)


class Other(Workers):
    """A process that is not the first one, which chose `choice`."""

    def __init__(self, choice: bytes) -> None:
        self.choice = choice

    def share(self, content: bytes | None) -> bytes | None:
        return self.choice


def test_all_processes_take_the_device_and_precision_of_the_first(tiny_config: TrainConfig):
    config = replace(tiny_config, device="auto", precision="auto")
    for precision in (torch.float32, torch.bfloat16):
        choice = f"cpu {precision}".replace("torch.", "").encode()
        assert agreed_choice(config, Other(choice)) == (torch.device("cpu"), precision)
    missing = next(kind for kind in ("mps", "cuda") if not getattr(torch, kind).is_available())
    with pytest.raises(InvalidConfig, match=f"first process trains on {missing}, which this host lacks"):
        agreed_choice(config, Other(f"{missing} float32".encode()))


def test_a_teacher_that_is_trusted_alone_is_followed_against_the_labels(
    tiny_config: TrainConfig, tiny_data: TrainingData
):
    teacher = train(replace(tiny_config, epochs=3), tiny_data).network
    wrong = replace(tiny_data, train_labels=(tiny_data.train_labels + 1) % 10)
    config = replace(tiny_config, epochs=3, teacher=7, teacher_weight=1.0, seed=5)
    student = train(config, wrong, teacher=Ensemble([teacher, teacher])).network
    assert measured(student, tiny_data).accuracy > 0.9


def test_the_label_replaces_a_teacher_that_takes_an_outlier_for_a_digit():
    labels, logits = torch.tensor([3, OUTLIER, OUTLIER]), torch.randn(3, 11)
    taught = torch.zeros(3, 11)
    taught[0, 5] = taught[1, 0] = 1.0  # a three taken for a five, a face for a zero
    taught[2, [OUTLIER, 0]] = torch.tensor([0.6, 0.4])
    loss = training_loss(logits, labels, label_smoothing=0.0, taught=taught, weight=1.0)
    expected = taught.clone()
    expected[1] = F.one_hot(labels[1], 11)
    assert loss.item() == pytest.approx(F.cross_entropy(logits, expected).item())


def test_a_training_with_a_teacher_is_repeatable(tiny_config: TrainConfig, tiny_data: TrainingData):
    one, two = (train(replace(tiny_config, epochs=1, seed=seed), tiny_data).network for seed in (1, 2))
    config = replace(tiny_config, teacher=7)
    first, second = (train(config, tiny_data, teacher=Ensemble([one, two])) for _ in range(2))
    assert torch.equal(weights(first.network), weights(second.network))


def test_fewer_training_images_leave_validation_alone(tiny_config: TrainConfig, tiny_data: TrainingData):
    limited = tiny_data.limited(100)
    assert len(limited.train_labels) == 100
    assert limited.validation_images is tiny_data.validation_images
    assert tiny_data.limited(0) is tiny_data


def test_bfloat16_learns_too(tiny_config: TrainConfig, tiny_data: TrainingData):
    result = train(replace(tiny_config, precision="bfloat16", epochs=3), tiny_data)
    assert result.epochs[-1].validation_accuracy > 0.9


@pytest.mark.parametrize("schedule", ["one_cycle", "triangle", "cosine", "constant"])
def test_schedules_stay_between_zero_and_the_peak(schedule: str):
    config = TrainConfig(schedule=schedule)
    factors = [schedule_factor(i / 1000, config) for i in range(1001)]
    assert max(factors) == pytest.approx(1.0)
    assert all(0 <= factor <= 1 and math.isfinite(factor) for factor in factors)
    assert factors[-1] == pytest.approx(1.0 if schedule == "constant" else 0.0, abs=1e-4)


@pytest.mark.parametrize("schedule", ["one_cycle", "triangle"])
def test_the_rate_rises_then_falls_without_a_jump(schedule: str):
    config = TrainConfig(schedule=schedule, warmup_fraction=0.2)
    factors = [schedule_factor(i / 1000, config) for i in range(1001)]
    assert factors[:200] == sorted(factors[:200])
    assert factors[200:] == sorted(factors[200:], reverse=True)
    assert max(abs(a - b) for a, b in zip(factors, factors[1:], strict=False)) < 0.01


def test_a_device_that_is_not_there_is_a_clear_error():
    missing = "mps" if torch.cuda.is_available() else "cuda"  # no machine has both
    with pytest.raises(InvalidConfig, match=missing):
        choose_device(missing)
