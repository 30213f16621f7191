"""Check that a model version loads and answers."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mnist_classifier.core.errors import ModelCorrupt
from mnist_classifier.recognition.recogniser import Recogniser


def open_tested(folder: Path) -> Recogniser:
    """Load a version and let it read one image.  Raises ModelMissing, ModelCorrupt."""
    recogniser = Recogniser.open(folder)
    glyph = np.zeros((1, 28, 28), np.uint8)
    glyph[0, 4:24, 13:15] = 255
    try:
        opinion = recogniser.opinions(glyph)
    except Exception as error:  # ONNX Runtime's exceptions have no common class
        raise ModelCorrupt(f"the network in {folder} loads, but fails on a test image: {error}") from error
    if opinion.shape != (1, 11) or not np.isfinite(opinion).all() or abs(float(opinion[0, :10].sum()) - 1) > 1e-3:
        raise ModelCorrupt(f"the network in {folder} loads, but does not return the probabilities of ten digits")
    return recogniser
