from __future__ import annotations

import numpy as np
import pytest

from mnist_classifier.core.settings import PRETRAINED_DIR
from mnist_classifier.data import mnist_sample
from mnist_classifier.learning.variations import vary
from mnist_classifier.recognition.imaging.normalise import centre_of_mass, ink_box, stroke_widths
from mnist_classifier.recognition.recogniser import Recogniser


def test_variations_are_glyphs_of_the_same_digits_and_always_the_same():
    sample = mnist_sample.load()
    glyphs, labels = sample.images[::4], sample.labels[::4]
    varied = vary(glyphs, copies=4)
    assert (varied.shape, varied.dtype) == ((4 * len(glyphs), 28, 28), np.uint8)
    assert (varied == vary(glyphs, copies=4)).all()
    read = Recogniser.open(PRETRAINED_DIR).opinions(varied)[:, :10].argmax(axis=1)
    assert (read == np.repeat(labels, 4)).mean() >= 0.97
    boxes = [ink_box(glyph >= 26) for glyph in varied]
    sides = [max(bottom - top, right - left) for top, bottom, left, right in boxes]
    assert np.mean([18 <= side <= 22 for side in sides]) >= 0.98
    assert np.abs(np.array([centre_of_mass(glyph) for glyph in varied]) - 14).max() < 1.5
    assert (varied.max(axis=(1, 2)) == 255).all()


def test_the_copies_of_a_glyph_differ_in_slant_and_pen():
    upright = np.zeros((1, 28, 28), np.uint8)
    upright[0, 4:24, 13:16] = 255
    varied = vary(upright, copies=40)
    widths = stroke_widths(varied)
    assert widths.min() < 0.8 * stroke_widths(upright)[0]
    assert widths.max() > 1.2 * stroke_widths(upright)[0]
    rows, columns = np.mgrid[0:28, 0:28]
    leans = [np.average((rows - 13.5) * (columns - 13.5), weights=glyph) for glyph in varied]
    assert min(leans) < -3
    assert max(leans) > 3
    assert len({glyph.tobytes() for glyph in varied}) == 40


@pytest.mark.parametrize("level", [0, 1, 20])
def test_blank_and_pale_glyphs_have_variations_too(level: int):
    glyph = np.zeros((1, 28, 28), np.uint8)
    glyph[0, 10:20, 10:20] = level
    assert (vary(glyph, copies=3).max(axis=(1, 2)) == (255 if level else 0)).all()
