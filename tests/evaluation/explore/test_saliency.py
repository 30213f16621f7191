from __future__ import annotations

import numpy as np
import pytest

from mnist_classifier.core.settings import PRETRAINED_DIR
from mnist_classifier.evaluation.explore import saliency
from mnist_classifier.recognition.recogniser import Recogniser
from tests.handwriting import glyphs


class InkIn:
    """A network that reads a 3 if there is ink in a box, with less confidence the more ink is elsewhere."""

    def __init__(self, rows: slice, columns: slice) -> None:
        self.box = (slice(None), rows, columns)

    def opinions(self, images: np.ndarray) -> np.ndarray:
        shares = images.astype(np.float64) / 255
        inside = shares[self.box].sum(axis=(1, 2))
        evidence = (2 * inside - shares.sum(axis=(1, 2))) / 8
        opinions = np.zeros((len(images), 11), np.float32)
        opinions[:, 3] = 1 / (1 + np.exp(-evidence))
        opinions[:, 4] = 1 - opinions[:, 3]
        return opinions


def test_decisive_ink_and_gaps_are_found():
    glyph = np.zeros((28, 28), np.uint8)
    glyph[4:24, 12:16] = 255
    found = saliency.explain(InkIn(slice(4, 14), slice(12, 16)), glyph)  # type: ignore[arg-type]
    assert found.digit == 3
    assert found.ink.shape == found.gaps.shape == (28, 28)
    assert found.ink[6:12, 13:15].min() > 0.5  # evidence for the digit
    assert found.ink[18:22, 13:15].max() < -0.5  # evidence against it
    assert found.ink[:, :8].max() == 0  # no ink to lose
    assert found.gaps[:, :8].min() > 0.5  # ink here would be evidence against it


def test_evidence_for_another_digit_can_be_requested():
    glyph = np.zeros((28, 28), np.uint8)
    glyph[4:24, 12:16] = 255
    network = InkIn(slice(4, 14), slice(12, 16))
    for_three, for_four = (saliency.explain(network, glyph, digit) for digit in (3, 4))  # type: ignore[arg-type]
    assert (for_three.digit, for_four.digit) == (3, 4)
    assert np.allclose(for_three.ink, -for_four.ink, atol=1e-3)


def test_evidence_of_a_certain_reading_is_finite():
    opinions = np.zeros((1, 11), np.float32)
    opinions[0, 7] = 1
    assert saliency.log_odds(opinions, 7)[0] == saliency.MOST_EVIDENCE
    assert saliency.log_odds(opinions, 2)[0] == -saliency.MOST_EVIDENCE


@pytest.mark.parametrize("fill", [0, 255])
def test_an_empty_or_full_glyph_can_be_explained(fill: int):
    found = saliency.explain(Recogniser.open(PRETRAINED_DIR), np.full((28, 28), fill, np.uint8))
    assert np.isfinite(found.ink).all()
    assert np.isfinite(found.gaps).all()


def test_the_model_in_the_box_looks_at_the_ink_of_a_one():
    one = glyphs(3).images[1]
    found = saliency.explain(Recogniser.open(PRETRAINED_DIR), one)
    assert found.digit == 1
    row, column = np.unravel_index(np.abs(found.ink).argmax(), found.ink.shape)
    assert one[max(0, row - 4) : row + 5, max(0, column - 4) : column + 5].max() > 128
