"""How long a training takes on this machine, from a short measurement of its parts."""

from __future__ import annotations

import dataclasses
import statistics
import time
from collections.abc import Callable
from functools import lru_cache

import torch
from torch import Generator, Tensor

from mnist_classifier.core.train_config import TrainConfig
from mnist_classifier.data.splits import SIZES, TRAIN, VALIDATION
from mnist_classifier.training.data import VALIDATION_OUTLIERS, TrainingData, drawn_beside, pool_factor
from mnist_classifier.training.loop import Observer, Trainer
from mnist_classifier.training.network import OUTLIER, predict_logits
from mnist_classifier.training.synthetic.handwriting import digit_pool
from mnist_classifier.training.synthetic.outliers import outlier_pool

# How many pictures are drawn to measure the time.  If they were fewer, each would take longer.
DRAWN = 256
# The largest batch that is measured.  In a larger one, an image takes about as long.
LARGEST_BATCH = 256
# Each part is measured for this long and at least this often.  Once is enough if it takes SLOW_S.
MEASURED_S, MEASURED_TIMES, SLOW_S = 0.2, 3, 2.0


@dataclasses.dataclass(frozen=True)
class Pace:
    """Seconds of the parts of a training: all passes over one image, a validation, and drawing the pictures."""

    augmented_image_s: float
    plain_image_s: float
    validation_s: float
    drawing_s: float = 0.0

    def training_s(self, config: TrainConfig) -> float:
        """Seconds of a training without early stopping."""
        plain = min(config.plain_epochs, config.epochs)
        images = epoch_images(config)
        epochs_s = (config.epochs - plain) * self.augmented_image_s + plain * self.plain_image_s
        return self.drawing_s + images * epochs_s + config.epochs * self.validation_s


def epoch_images(config: TrainConfig) -> int:
    """How many images an epoch has, with drawn ones and corrections, counting each once, whatever `passes` is."""
    digits, outliers = _drawn(config)
    images = (config.train_images or SIZES[TRAIN]) + digits + outliers
    return images + drawn_beside(images, config.corrections_share)  # at most; few corrections take less


def _drawn(config: TrainConfig) -> tuple[int, int]:
    """How many digits and outliers the program draws for an epoch."""
    digits = images = config.train_images or SIZES[TRAIN]
    for share in (config.template_share, config.pen_share):
        digits += drawn_beside(digits, share)
    return digits - images, drawn_beside(digits, config.outlier_share)


def training_s(config: TrainConfig) -> float:
    """Seconds that a training with these settings takes here, without its teacher; measures once in each process."""
    return _measured(dataclasses.replace(config, seed=0, teacher=0)).training_s(config)


@lru_cache(maxsize=64)
def _measured(config: TrainConfig) -> Pace:
    """Measure some steps of a training on pictures that are not from MNIST, which may be missing."""
    drawing_s, sample = _sample(config)
    trainer = Trainer(config, sample, Observer(), None, None)
    rows = torch.randint(len(sample.train_labels), (min(config.batch_size, LARGEST_BATCH),))

    def step(plain: bool) -> None:
        trainer.network.train()
        batch = trainer.batches.make(rows, plain)
        for _ in range(config.passes):
            loss, _, _ = trainer._step(batch)
        float(loss)  # waits for a GPU

    def validate() -> Tensor:
        images, network = sample.train_images, trainer.average.network
        return predict_logits(network, images, device=trainer.device, dtype=trainer.autocast_dtype)

    plain_s = median_s(lambda: step(True)) / len(rows) if config.plain_epochs else 0.0
    augmented_s = median_s(lambda: step(False)) / len(rows) if config.plain_epochs < config.epochs else 0.0
    validated = SIZES[VALIDATION] + (VALIDATION_OUTLIERS if config.outlier_share else 0)
    return Pace(augmented_s, plain_s, median_s(validate) / len(sample.train_labels) * validated, drawing_s)


def _sample(config: TrainConfig) -> tuple[float, TrainingData]:
    """How many seconds it takes to draw the pictures of this training, and some pictures to train on."""
    generator = Generator().manual_seed(0)
    labels = torch.arange(DRAWN) % 10
    images = torch.randint(256, (DRAWN, 28, 28), generator=generator, dtype=torch.uint8)
    draws = config.template_share, config.pen_share, config.outlier_share
    if not any((*draws, config.style_probability, config.width_probability)):
        return 0.0, TrainingData(images, labels, images, labels)
    images, labels = digit_pool(DRAWN, generator)
    outlier_pool(1, generator, images, labels)  # prepares the templates
    digits, outliers = _drawn(config)
    digits_s = elapsed_s(lambda: digit_pool(DRAWN, generator)) / DRAWN * digits
    started = time.perf_counter()
    others = outlier_pool(DRAWN, generator, images, labels)
    outliers_s = (time.perf_counter() - started) / DRAWN * outliers
    # The share of outliers is that of an epoch.
    others = others[: drawn_beside(DRAWN, config.outlier_share)]
    images, labels = torch.cat([images, others]), torch.cat([labels, torch.full((len(others),), OUTLIER)])
    return pool_factor(config.epochs) * (digits_s + outliers_s), TrainingData(images, labels, images, labels)


def median_s(work: Callable[[], object]) -> float:
    """Median seconds of some work.  The first time does not count, because kernels are compiled."""
    first_s = elapsed_s(work)
    if first_s > SLOW_S:
        return first_s
    times: list[float] = []
    while len(times) < MEASURED_TIMES or sum(times) < MEASURED_S:
        times.append(elapsed_s(work))
    return statistics.median(times)


def elapsed_s(work: Callable[[], object]) -> float:
    """Seconds that some work takes."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started
