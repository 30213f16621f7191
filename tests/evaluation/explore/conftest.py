from __future__ import annotations

import pytest

from mnist_classifier.core.database import Store
from mnist_classifier.core.settings import Settings
from mnist_classifier.data import mnist
from mnist_classifier.evaluation.explore import Explorer
from mnist_classifier.registry.versions import Registry
from tests.handwriting import glyphs

IMAGES = 6000  # enough for a validation split


@pytest.fixture(scope="session")
def drawn() -> mnist.Images:
    """Twelve glyphs, repeated."""
    few = glyphs(12)
    rows = [row % 12 for row in range(IMAGES)]
    return mnist.Images(few.images[rows], few.labels[rows])


@pytest.fixture
def files(monkeypatch: pytest.MonkeyPatch, drawn: mnist.Images) -> list[str]:
    """Both MNIST files contain those glyphs; returns the files that were read, in order."""
    read = []

    def load(directories: object, split: str) -> mnist.Images:
        read.append(split)
        return drawn

    monkeypatch.setattr(mnist, "load", load)
    return read


@pytest.fixture
def explorer(settings: Settings, store: Store) -> Explorer:
    """Explores an empty installation: the model in the box, no MNIST files."""
    return Explorer(settings, Registry(settings.models_dir, store))
