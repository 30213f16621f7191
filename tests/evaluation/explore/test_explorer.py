from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mnist_classifier.core.database import Store
from mnist_classifier.core.errors import DataMissing, ModelMissing
from mnist_classifier.core.settings import Settings
from mnist_classifier.data import mnist
from mnist_classifier.data.splits import TEST, VALIDATION
from mnist_classifier.evaluation.explore import Explorer, Show
from mnist_classifier.recognition.recogniser import Recogniser
from mnist_classifier.registry.aliases import BOX
from mnist_classifier.registry.versions import Registry
from tests.evaluation.explore.conftest import IMAGES


@pytest.fixture
def questions(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The number of glyphs in each call to the network."""
    sizes: list[int] = []
    opinions = Recogniser.opinions

    def counted(self: Recogniser, glyphs: np.ndarray) -> np.ndarray:
        sizes.append(len(glyphs))
        return opinions(self, glyphs)

    monkeypatch.setattr(Recogniser, "opinions", counted)
    return sizes


def test_a_split_is_read_and_answered_once(explorer: Explorer, files: list[str], questions: list[int]):
    assert explorer.answers(BOX, TEST) is explorer.answers(BOX, TEST)
    assert explorer.answers(BOX, VALIDATION) is explorer.answers(BOX, VALIDATION)
    assert files == [mnist.TEST, mnist.TRAIN]
    assert questions == [IMAGES, 5000]


def test_validation_images_are_never_among_the_neighbours(explorer: Explorer, files: list[str], drawn: mnist.Images):
    train, validation = mnist.split_train_validation(drawn.labels)
    assert explorer.part(VALIDATION).rows.tolist() == validation.tolist()
    found = explorer.explain(BOX, drawn.images[0]).neighbours
    assert found is not None
    assert len(found) == 8
    assert {each.row for each in found} <= set(train.tolist())
    assert {each.label for each in found} == {int(drawn.labels[0])}


def test_a_drawing_is_explained_without_the_mnist_files(explorer: Explorer, drawn: mnist.Images):
    with pytest.raises(DataMissing, match="mnist data"):
        explorer.answers(BOX, VALIDATION)
    explanation = explorer.explain(BOX, drawn.images[0])
    assert explanation.neighbours is None
    assert explanation.saliency.digit == drawn.labels[0]


def test_test_images_of_the_package_give_way_to_all_of_them(
    explorer: Explorer, monkeypatch: pytest.MonkeyPatch, drawn: mnist.Images
):
    assert explorer.answers(BOX, TEST).summary()["images"] == 200
    monkeypatch.setattr(mnist, "load", lambda directories, split: drawn)
    assert explorer.answers(BOX, TEST).summary()["images"] == IMAGES


def test_a_claim_about_all_test_images_is_not_checked_with_200_of_them(explorer: Explorer):
    with pytest.raises(DataMissing):
        explorer.part(TEST)


def test_an_unknown_version_is_missing(explorer: Explorer, files: list[str]):
    with pytest.raises(ModelMissing):
        explorer.answers(7, TEST)


@pytest.mark.mnist
def test_figures_are_those_of_the_manifest(settings: Settings, store: Store, mnist_dirs: list[Path]):
    registry = Registry(settings.models_dir, store)
    explorer = Explorer(Settings(home=settings.home, data_dir=mnist.find(mnist_dirs, mnist.TEST)), registry)
    for split in (TEST, VALIDATION):
        known = registry.get(BOX).metrics[split]
        summary = explorer.answers(BOX, split).summary()
        assert summary["images"] == known["images"]
        assert abs(summary["correct"] - known["correct"]) <= 1  # another machine may round a tie otherwise
    answers = explorer.answers(BOX, TEST)
    disputed = answers.part.rows[answers.part.disputed]
    assert disputed.tolist() == list(mnist.DISPUTED_TEST_LABELS)
    assert len(answers.select(Show.ERRORS)) == 10_000 - answers.summary()["correct"]
