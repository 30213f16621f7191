"""Training from Python: what `mnist_classifier.training` exports."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import mnist_classifier.training
from mnist_classifier import Recogniser
from mnist_classifier.core.errors import FolderTaken, InvalidConfig, VersionMissing
from mnist_classifier.core.settings import Settings
from mnist_classifier.data import mnist
from mnist_classifier.registry.manifest import read_manifest
from mnist_classifier.registry.versions import opened_registry
from mnist_classifier.training import FinishedTraining, load_model, train_recipe
from mnist_classifier.training.network import as_pixels
from tests.training.conftest import TINY, made_up_digits

SETTINGS = {**TINY, "recipe": "lightning", "train_images": 4000}


@pytest.fixture
def with_mnist(settings: Settings, mnist_dirs: list[Path]) -> Settings:
    """An empty installation that finds the MNIST files."""
    return replace(settings, data_dir=mnist.find(mnist_dirs, mnist.TRAIN))


@pytest.fixture(scope="module")
def trained(mnist_dirs: list[Path], tmp_path_factory: pytest.TempPathFactory) -> FinishedTraining:
    """One small training for all tests."""
    home = tmp_path_factory.mktemp("home")
    return train_recipe(settings=Settings(home=home, data_dir=mnist.find(mnist_dirs, mnist.TRAIN)), **SETTINGS)


@pytest.mark.mnist
def test_a_recipe_is_trained_with_its_curve_and_figures(with_mnist: Settings):
    told = []
    trained = train_recipe(settings=with_mnist, on_epoch=told.append, **SETTINGS)
    assert [epoch.epoch for epoch in trained.epochs] == [1, 2]
    assert told == list(trained.epochs)
    assert trained.epochs[-1].validation_accuracy > 0.8
    assert trained.manifest["metrics"]["test"]["accuracy"] > 0.8
    assert trained.manifest["name"] == "lightning-seed-0"
    assert not trained.cancelled


@pytest.mark.mnist
def test_a_registered_training_is_a_version_that_does_not_serve_yet(trained: FinishedTraining, with_mnist: Settings):
    version = trained.register(with_mnist)
    with opened_registry(with_mnist) as registry:
        assert [known.version for known in registry.versions()] == [1, 0]
        assert registry.aliases.production() == 0
    images, _ = made_up_digits(20, 3)
    stored = Recogniser.load(version.version, with_mnist)
    assert stored.manifest["metrics"] == trained.manifest["metrics"]
    assert np.array_equal(stored.opinions(images), trained.recogniser().opinions(images))


@pytest.mark.mnist
def test_weights_come_back_from_a_version_and_from_a_folder(
    trained: FinishedTraining, with_mnist: Settings, tmp_path: Path
):
    pixels = as_pixels(torch.from_numpy(made_up_digits(20, 3)[0]))
    expected = trained.network(pixels)
    number = trained.register(with_mnist).version
    for source in (trained.save(tmp_path / "new" / "model"), str(tmp_path / "new" / "model")):
        assert torch.equal(load_model(source)(pixels), expected)
    assert torch.equal(load_model(number, settings=with_mnist)(pixels), expected)
    assert Recogniser.open(tmp_path / "new" / "model").manifest["name"] == "lightning-seed-0"


@pytest.mark.mnist
def test_a_folder_that_exists_is_not_overwritten(trained: FinishedTraining, tmp_path: Path):
    (tmp_path / "mine").write_text("precious")
    with pytest.raises(FolderTaken, match="exists already"):
        trained.save(tmp_path / "mine")
    assert (tmp_path / "mine").read_text() == "precious"


@pytest.mark.mnist
def test_the_teacher_of_a_recipe_is_a_version_of_the_installation(
    trained: FinishedTraining, with_mnist: Settings, tmp_path: Path
):
    teacher = trained.register(with_mnist).version
    taught = train_recipe(settings=with_mnist, **SETTINGS, teacher=teacher)
    assert taught.manifest["config"]["teacher"] == teacher
    # Its number means nothing on another machine.
    card = (taught.save(tmp_path / "taught") / "MODEL_CARD.md").read_text("utf-8")
    assert "| taught by | lightning-seed-0, " in card
    assert "`python train_model.py --recipe lightning --epochs 2 " in card
    assert taught.epochs[-1].train_loss != trained.epochs[-1].train_loss
    # What is read back names the teachers too, and so does the card of a version that this one teaches.
    known = read_manifest(tmp_path / "taught")["training"]
    assert known["teachers"] == taught.manifest["training"]["teachers"]
    student = train_recipe(
        settings=with_mnist, **{**SETTINGS, "epochs": 1}, teacher=taught.register(with_mnist).version
    )
    assert student.manifest["training"]["teachers"][1:] == known["teachers"]


def test_wrong_arguments_are_named(settings: Settings):
    with pytest.raises(InvalidConfig, match="unknown setting 'epoch'"):
        train_recipe("lightning", epoch=3, settings=settings)
    with pytest.raises(VersionMissing, match="no model version 7"):
        load_model(7, settings=settings)


def test_every_exported_name_is_there_and_no_other():
    assert set(mnist_classifier.training.__all__) == set(mnist_classifier.training._MODULES)
    for name in mnist_classifier.training.__all__:
        assert getattr(mnist_classifier.training, name) is not None
        assert name in dir(mnist_classifier.training)
    with pytest.raises(AttributeError, match="no attribute 'train_model'"):
        mnist_classifier.training.train_model  # noqa: B018


def test_pytorch_is_imported_on_first_use_and_missed_with_what_to_install():
    code = (
        "import sys, mnist_classifier.training; print('torch' in sys.modules)\n"
        "sys.modules['torch'] = None\n"
        "try:\n    from mnist_classifier.training import train_recipe\n"
        "except Exception as error:\n    print(type(error).__name__, error)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.splitlines()[0] == "False"
    assert "TrainingUnavailable training needs torch, which is not installed" in result.stdout
