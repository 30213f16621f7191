"""Which readings of pages are right, in doubt, or wrong and sure."""

from __future__ import annotations

from dataclasses import dataclass

from mnist_classifier.core.records import NumberReading, NumberVerdict, Reading, Verdict
from mnist_classifier.evaluation.robustness.pages.sample import Sample
from mnist_classifier.recognition.recogniser import Recogniser


@dataclass(frozen=True)
class Score:
    """How a sample was read.

    right: the digits of every line or, for a number that was struck through or cut off, a doubt.
    in_doubt: right, but not sure.  sure_and_wrong: wrong without a doubt.
    text_right: digits and marks, None without marks.  cells_right: every cell of a table, None without a table.
    """

    right: bool
    in_doubt: bool
    sure_and_wrong: bool
    text_right: bool | None = None
    cells_right: bool | None = None


def read(recogniser: Recogniser, sample: Sample) -> Reading | NumberReading:
    """Read a sample in its mode."""
    return recogniser.read(sample.picture) if sample.mode == "digit" else recogniser.read_number(sample.picture)


def score(sample: Sample, reading: Reading | NumberReading) -> Score:
    """Compare a reading with the right answer."""
    is_sure = reading.verdict in (Verdict.DIGIT, NumberVerdict.NUMBER)
    if sample.doubt_is_right:
        doubted = not is_sure or any(warning.code == "struck_through" for warning in reading.warnings)
        return Score(doubted, False, not doubted)
    right = answer(reading) == sample.number
    text_right = cells_right = None
    if isinstance(reading, NumberReading):
        text_right = reading.text == sample.text if sample.marks else None
        cells_right = _cells_right(sample, reading) if sample.cells else None
    return Score(right, right and not is_sure, is_sure and not right, text_right, cells_right)


def answer(reading: Reading | NumberReading) -> str:
    """The digits that were read, with line breaks between the lines; empty for none."""
    if isinstance(reading, NumberReading):
        return reading.number or ""
    return "" if reading.prediction is None else str(reading.prediction)


def _cells_right(sample: Sample, reading: NumberReading) -> bool:
    """Whether every number is in its cell; the program need not list empty cells."""
    written = {(cell.row, cell.column): cell.number for cell in sample.cells if cell.number is not None}
    return written == {(cell.row, cell.column): cell.number for cell in reading.cells if cell.number is not None}
