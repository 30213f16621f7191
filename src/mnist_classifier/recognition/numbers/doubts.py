"""Reasons to doubt the reading of a number: several readings, ink that is left out, warnings of the picture."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from mnist_classifier.core.records import Box, Caution, NumberReading, NumberVerdict
from mnist_classifier.recognition.imaging.components import find_components
from mnist_classifier.recognition.imaging.normalise import BOX_LEVEL
from mnist_classifier.recognition.numbers.looks import Inked
from mnist_classifier.recognition.page.cells import is_inside

# A reading with this confidence may be right though another one is more confident.  Of underlines that touch digits,
# a lower limit doubts more right numbers, a higher one leaves wrong ones sure.
LIKELY = 0.6
# Ink as tall as this, in heights of the digits, is a digit or a mark; this share of it lies in their boxes.
TALL_INK, LEAST_EXPLAINED = 0.5, 0.5
# An outline of up to so many heights may be a digit.
TALLEST_DIGIT = 2.0
UNEXPLAINED = Caution("unexplained_ink", "Some of the writing is neither a digit nor a known mark.")
# A picture with this warning may lack a part of the number.
INCOMPLETE = "cut_off"


def choose(readings: Sequence[NumberReading], warnings: tuple[Caution, ...]) -> NumberReading:
    """The most confident of several readings of one number; ambiguous if another number is likely too."""
    best = max(readings, key=lambda reading: reading.confidence)
    likely = {each.number for each in readings if each.number and each.confidence >= LIKELY}
    is_doubtful = bool(warnings) or len(likely) > 1
    if is_doubtful and best.verdict is NumberVerdict.NUMBER:
        best = dataclasses.replace(best, verdict=NumberVerdict.AMBIGUOUS)
    return dataclasses.replace(best, warnings=(*best.warnings, *warnings))


def with_doubts(reading: NumberReading, inked: Inked) -> NumberReading:
    """The reading with the warnings of the picture.

    It is ambiguous if a part of the number may be missing: the border cuts it off,
    or the reading leaves out ink as tall as a digit, or an outline that may be one.
    """
    boxes = [*(digit.box for digit in reading.digits), *(mark.box for mark in reading.marks)]
    warnings = [*reading.warnings, *inked.warnings]
    is_doubtful = any(warning.code == INCOMPLETE for warning in inked.warnings)
    if reading.verdict is NumberVerdict.NUMBER and _leaves_out(inked, boxes):
        is_doubtful = True
        warnings.append(UNEXPLAINED)
    verdict = reading.verdict
    if is_doubtful and verdict is NumberVerdict.NUMBER:
        verdict = NumberVerdict.AMBIGUOUS
    return dataclasses.replace(reading, verdict=verdict, warnings=tuple(dict.fromkeys(warnings)))


def _leaves_out(inked: Inked, boxes: Sequence[Box]) -> bool:
    least = TALL_INK * inked.height
    for x, y, width, height in inked.outlines:
        is_digit_sized = least <= height <= TALLEST_DIGIT * inked.height and width <= TALLEST_DIGIT * inked.height
        if is_digit_sized and not any(is_inside(box, (x, y, width, height)) for box in boxes):
            return True
    ink = np.where(inked.ink >= BOX_LEVEL, inked.ink, np.float32(0))
    explained = np.zeros(ink.shape, np.bool_)
    for x, y, width, height in boxes:
        explained[y : y + height, x : x + width] = True
    all_ink = find_components(ink > 0, ink)
    tall = np.flatnonzero(all_ink.boxes[:, 1] - all_ink.boxes[:, 0] >= least)
    for index in tall.tolist():
        top, bottom, left, right = all_ink.boxes[index].tolist()
        own = all_ink.labels[top:bottom, left:right] == index + 1
        if float((own & explained[top:bottom, left:right]).sum()) < LEAST_EXPLAINED * float(own.sum()):
            return True
    return False
