"""Notice that a picture shows several digits although it is read as one.

Number mode decides, but it takes forty times as long as reading a digit.  So
only ink is read again that is refused and is wide or has a gap, and ink in two
high parts beside each other, which networks may take for one digit.
Rates: docs/experiments.md, "Several digits in a picture of one".
"""

from __future__ import annotations

import dataclasses

import numpy as np

from mnist_classifier.core.arrays import Bytes
from mnist_classifier.core.records import Caution, NumberReading, Verdict
from mnist_classifier.recognition.imaging.normalise import BOX_LEVEL, ink_box
from mnist_classifier.recognition.imaging.preprocess import Prepared

SEVERAL = Caution("several_digits", "the picture seems to show several digits; read it with mode number")
# Digits side by side are at least this many times as wide as high, unless an empty column separates them.
LEAST_WIDTH = 0.9
# Pairs of MNIST digits cover at most 0.67 of their box; noise covers more, and takes longest to read as a number.
MOST_COVERED = 0.8
# Number mode must be at least as sure as this.
LEAST_CONFIDENCE = 0.5
# Two parts are beside each other if both have at least this share of the height; hardly any digit is written so.
LEAST_HEIGHT = 0.6


def may_show_several(glyph: Bytes | None) -> bool:
    """Whether the ink of a (28, 28) uint8 glyph is wide, or has parts beside each other, but does not fill its box."""
    if glyph is None:
        return False
    ink = glyph >= BOX_LEVEL * 255
    if not ink.any():
        return False
    top, bottom, left, right = ink_box(ink)
    box = ink[top:bottom, left:right]
    is_wide = right - left >= LEAST_WIDTH * (bottom - top) or not box.any(axis=0).all()
    return bool(is_wide and box.mean() <= MOST_COVERED)


def stands_apart(glyph: Bytes | None) -> bool:
    """Whether an empty column of a (28, 28) uint8 glyph has high ink on both sides."""
    if glyph is None:
        return False
    ink = glyph >= BOX_LEVEL * 255
    inked = np.flatnonzero(ink.any(axis=0))
    gaps = np.flatnonzero(np.diff(inked) > 1)
    if not len(gaps):
        return False
    rows = ink.any(axis=1)
    least = LEAST_HEIGHT * np.ptp(np.flatnonzero(rows))
    return any(
        min(np.ptp(np.flatnonzero(part.any(axis=1))) for part in np.split(ink, [inked[gap] + 1], axis=1)) >= least
        for gap in gaps
    )


def shows_several(number: NumberReading) -> bool:
    """Whether a number has several digits, and none of them is in doubt."""
    verdicts = [digit.reading.verdict for digit in number.digits]
    return len(verdicts) > 1 and set(verdicts) == {Verdict.DIGIT} and number.confidence >= LEAST_CONFIDENCE


def lightened(prepared: Prepared) -> Prepared:
    """Drop the steps, and the picture unless it may have to be read as a number: pictures would fill the memory."""
    picture = prepared.picture if may_show_several(prepared.glyph) else None
    return dataclasses.replace(prepared, steps=(), picture=picture)
