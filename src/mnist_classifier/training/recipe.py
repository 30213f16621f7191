"""Training from Python: one call trains a recipe, another loads the network of a version.

    from mnist_classifier.training import train_recipe

    trained = train_recipe("lightning", seed=1)
    version = trained.register()

See docs/engineer.md.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mnist_classifier.core.recipe_files import config_of
from mnist_classifier.core.records import EpochResult
from mnist_classifier.core.settings import Settings
from mnist_classifier.core.train_config import TrainConfig
from mnist_classifier.data import mnist
from mnist_classifier.registry.versions import Registry, opened_registry
from mnist_classifier.training.data import FineTuning, TrainingData, load_training_data
from mnist_classifier.training.ensemble import Network, load_network
from mnist_classifier.training.loop import Observer, train
from mnist_classifier.training.release.finished import FinishedTraining, teacher_facts, training_facts
from mnist_classifier.training.workers import Workers


def train_recipe(
    recipe: str | Path = "classic",
    *,
    on_epoch: Callable[[EpochResult], None] | None = None,
    settings: Settings | None = None,
    **values: Any,
) -> FinishedTraining:
    """Train a recipe on MNIST, calibrate it on the validation split and score the test images once.

    recipe: a name, or the path of a recipe file.  on_epoch: called after each epoch.  settings: the installation to
    use, by default that of the environment (MNIST_HOME, MNIST_DATA_DIR).  values: any setting of docs/training.md,
    such as `seed=1` or `epochs=3`.

    Downloads MNIST if it is missing.  Only `save` and `register` of the result write files.  Ctrl-C ends the training
    and returns the best epoch so far, or raises KeyboardInterrupt before the end of the first epoch.
    Raises InvalidConfig, DataMissing, TrainingDiverged.
    """
    config = config_of({"recipe": recipe, **values})
    settings = settings or Settings.from_environment()
    mnist.ensure(settings.data_dirs(), settings.download_to)
    observer = Observer(on_epoch=on_epoch) if on_epoch else Observer()
    with opened_registry(settings) as registry:
        trained = fit(config, load_training_data(settings), registry, observer)
    trained.measure(mnist.load(settings.data_dirs(), mnist.TEST))
    return trained


def fit(
    config: TrainConfig,
    data: TrainingData,
    registry: Registry,
    observer: Observer | None = None,
    *,
    checkpoint: Path | None = None,
    run_id: int | None = None,
    workers: Workers | None = None,
    tuning: FineTuning | None = None,
) -> FinishedTraining:
    """Train with these settings and with their teacher, which is in `registry`; does not measure the result.

    observer, checkpoint, workers, tuning, errors: see `loop.train`.
    """
    started = time.perf_counter()
    teacher = load_network(registry.folder(config.teacher)) if config.teacher else None
    taught_by = {"teachers": teacher_facts(registry.folder(config.teacher), teacher)} if teacher else {}
    result = train(config, data, observer, checkpoint=checkpoint, teacher=teacher, workers=workers, tuning=tuning)
    facts = {**training_facts(config, data, result, time.perf_counter() - started), **taught_by}
    return FinishedTraining(config, data, result.network, facts, run_id, result.epochs)


def load_model(source: int | str | Path, *, settings: Settings | None = None) -> Network:
    """The PyTorch network of a model version, in evaluation mode, on the CPU.

    source: the number of a version in this installation, or a folder that `save` wrote.  The network maps
    (N, 1, 28, 28) float pixels, ink = 1.0, to (N, 10 or 11) logits.  Raises VersionMissing, ModelMissing, ModelCorrupt.
    """
    if not isinstance(source, int):
        return load_network(Path(source))
    with opened_registry(settings or Settings.from_environment()) as registry:
        return registry.read(source, load_network)
