from __future__ import annotations

import numpy as np
import pytest

from mnist_classifier.evaluation.explore import neighbours
from mnist_classifier.evaluation.explore.neighbours import Neighbours, blur_matrix
from mnist_classifier.evaluation.explore.splits import Part


@pytest.fixture
def part() -> Part:
    generator = np.random.default_rng(5)
    images = generator.integers(0, 256, (250, 28, 28)).astype(np.uint8)
    images[9] = 0
    return Part(images, (np.arange(250) % 10).astype(np.uint8), np.arange(250) + 1000, np.zeros(250, bool))


def test_neighbours_equal_those_of_a_direct_comparison_of_blurred_images(part: Part, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(neighbours, "CHUNK", 32)
    glyph = np.random.default_rng(6).integers(0, 256, (28, 28)).astype(np.uint8)
    blur = blur_matrix().astype(np.float64)

    def cosine(image: np.ndarray) -> float:
        a, b = ((blur @ each.astype(np.float64) @ blur).ravel() for each in (glyph, image))
        return float(a @ b / max(np.linalg.norm(a) * np.linalg.norm(b), 1e-9))

    expected = sorted(range(250), key=lambda index: -cosine(part.images[index]))[:5]
    found = Neighbours(part).nearest(glyph, 5)
    assert [each.row - 1000 for each in found] == expected
    assert [each.label for each in found] == [index % 10 for index in expected]
    assert [each.similarity for each in found] == pytest.approx([cosine(part.images[i]) for i in expected], abs=1e-4)


def test_an_image_is_its_own_nearest_neighbour(part: Part):
    (found,) = Neighbours(part).nearest(part.images[3], 1)
    assert found.row == 1003
    assert found.similarity == pytest.approx(1, abs=1e-4)


def test_an_empty_glyph_has_no_neighbours(part: Part):
    assert Neighbours(part).nearest(np.zeros((28, 28), np.uint8), 3) == []


def test_no_more_neighbours_than_images(part: Part):
    assert len(Neighbours(part).nearest(part.images[0], 1000)) == 250
