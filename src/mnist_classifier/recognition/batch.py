"""Read many glyphs at once, on several cores; the results are arrays.

The results are exactly those of `Recogniser.read_glyph` for each glyph.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mnist_classifier.core.arrays import Bytes, Floats
from mnist_classifier.core.processors import usable_cores
from mnist_classifier.core.records import Verdict
from mnist_classifier.recognition.imaging.preprocess import are_blank, mean_ink
from mnist_classifier.recognition.recogniser import AS_FITTED, BLANK, Recogniser

REFUSED = -1  # the prediction if the verdict is `blank` or `not_a_digit`
# `Batch.verdicts` holds indices into this tuple.
VERDICTS = tuple(Verdict)
# Glyphs in one call to the network.  For 10,000 glyphs, 64 and 128 were fastest; 32 and 256 took 6 % longer (two
# cores, 333,083 parameters).
GLYPHS_PER_CALL = 128
# Two threads read 2.0 times as many glyphs as one.  The limit keeps a single request from occupying a large machine.
MOST_THREADS = 8


@dataclass(frozen=True, eq=False)
class Batch:
    """Readings of N glyphs, as arrays.

    predictions: (N,) int64, the likeliest digit, -1 if it is refused (blank
    or no digit).  confidences, not_a_digit: (N,) float32.  probabilities:
    (N, 10) float32.  verdicts: (N,) uint8, indices into VERDICTS.  ink: (N,)
    float32, the mean of a glyph's pixels, 0 to 1.
    """

    predictions: npt.NDArray[np.int64]
    confidences: Floats
    probabilities: Floats
    not_a_digit: Floats
    verdicts: npt.NDArray[np.uint8]
    ink: Floats

    def __len__(self) -> int:
        return len(self.predictions)


def read_glyphs(
    recogniser: Recogniser,
    glyphs: Bytes,
    thresholds: Mapping[str, float] = AS_FITTED,
    *,
    most_threads: int = MOST_THREADS,
) -> Batch:
    """Read (N, 28, 28) uint8 glyphs; `thresholds` override those of the model."""
    opinions = _opinions(recogniser, glyphs, most_threads)
    probabilities, not_a_digit = opinions[:, :10], opinions[:, 10]
    confidences = probabilities.max(axis=1)
    applied = dataclasses.replace(recogniser.thresholds, **thresholds)
    # float64 as in `Thresholds.verdict`: float32 would round the thresholds.
    no_digit = not_a_digit.astype(np.float64)
    likeliest = confidences.astype(np.float64) * (1 - no_digit)
    blank = are_blank(glyphs)
    # The first condition that holds decides.
    conditions = [blank, no_digit > applied.not_a_digit_above, likeliest < applied.ambiguous_below]
    codes = [VERDICTS.index(verdict) for verdict in (Verdict.BLANK, Verdict.NOT_A_DIGIT, Verdict.AMBIGUOUS)]
    verdicts = np.select(conditions, codes, VERDICTS.index(Verdict.DIGIT)).astype(np.uint8)
    probabilities[blank], confidences[blank], not_a_digit[blank] = BLANK.probabilities, BLANK.confidence, 0.0
    predictions = np.where(np.isin(verdicts, codes[:2]), REFUSED, probabilities.argmax(axis=1)).astype(
        np.int64, copy=False
    )
    return Batch(predictions, confidences, probabilities, not_a_digit, verdicts, mean_ink(glyphs))


def _opinions(recogniser: Recogniser, glyphs: Bytes, most_threads: int) -> Floats:
    """Call `Recogniser.opinions` on several threads, which run at once: ONNX Runtime releases Python's lock (GIL)."""
    parts = [glyphs[start : start + GLYPHS_PER_CALL] for start in range(0, len(glyphs), GLYPHS_PER_CALL)]
    threads = min(len(parts), usable_cores(), most_threads)
    if threads < 2:
        return recogniser.opinions(glyphs)
    # New threads for each request cost some tenths of a millisecond, but none is left idle.
    with ThreadPoolExecutor(threads, "batch") as pool:
        return np.concatenate(list(pool.map(recogniser.opinions, parts)))
