from __future__ import annotations

import numpy as np
import pytest

from mnist_classifier.cli import output
from mnist_classifier.cli.block_lines import FORMATS, block_lines
from mnist_classifier.core.settings import PRETRAINED_DIR
from mnist_classifier.data import mnist
from mnist_classifier.recognition.batch import read_glyphs
from mnist_classifier.recognition.imaging.preprocess import prepared_glyph
from mnist_classifier.recognition.recogniser import Recogniser


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("name", ["many.npy", 'quote",comma.npy', "=1.npy", "\udcff\n.npy"])
def test_a_block_has_the_lines_of_its_glyphs(format: str, name: str, digits: mnist.Images):
    noise = np.random.default_rng(0).integers(0, 256, (100, 28, 28))
    noisy = (noise * np.linspace(0, 1, 100)[:, None, None]).astype(np.uint8)
    thin, thick = np.zeros((2, 28, 28), np.uint8)
    thin[3:25, 14], thick[4:24, 4:24] = 200, 255
    glyphs = np.concatenate([digits.images, noisy, [thin, thick], np.zeros((1, 28, 28), np.uint8)])
    recogniser = Recogniser.open(PRETRAINED_DIR)
    thresholds = {"ambiguous_below": 0.95}
    found = recogniser.read_many_prepared([prepared_glyph(glyph) for glyph in glyphs], thresholds)
    assert {warning.code for reading in found for warning in reading.warnings} == {"very_thin", "very_thick"}
    assert len({reading.verdict for reading in found}) == 4
    rows = [output.Row(name, reading, index) for index, reading in enumerate(found, 7)]
    expected = output.encoded(line for row in rows for line in output.lines(format, row))
    assert block_lines(format, name, 7, glyphs, read_glyphs(recogniser, glyphs, thresholds)) == expected
