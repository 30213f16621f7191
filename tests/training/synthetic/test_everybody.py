from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mnist_classifier.core.settings import PRETRAINED_DIR
from mnist_classifier.data.splits import TRAIN, load_split
from mnist_classifier.recognition.recogniser import Recogniser
from mnist_classifier.training.synthetic import everybody


def test_the_hard_glyphs_are_those_that_the_model_in_the_box_is_unsure_of():
    opinions = Recogniser.open(PRETRAINED_DIR).opinions(everybody.glyphs())
    hard, others, non_digits = np.split(opinions, [everybody.HARD_DIGITS, everybody.DIGITS])
    sureness = [np.quantile(each[:, :10].max(axis=1), 0.2) for each in (hard, others)]
    assert sureness[0] < 0.98 < 0.999 < sureness[1]
    assert len(non_digits) == everybody.NON_DIGITS
    assert 0.5 < np.median(non_digits[:, 10]) < 0.99


def test_each_kind_of_glyph_counts_a_third():
    parts = np.split(everybody.shares(), [everybody.HARD_DIGITS, everybody.DIGITS])
    assert [float(part.sum()) for part in parts] == pytest.approx([1 / 3] * 3, rel=1e-5)
    assert [len(part) for part in parts] == [everybody.HARD_DIGITS, everybody.OTHER_DIGITS, everybody.NON_DIGITS]


@pytest.mark.mnist
def test_the_digits_are_different_images_for_training(mnist_dirs: list[Path]):
    digits = {glyph.tobytes() for glyph in everybody.glyphs()[: everybody.DIGITS]}
    assert len(digits) == everybody.DIGITS
    assert digits <= {image.tobytes() for image in load_split(mnist_dirs, TRAIN).images}
