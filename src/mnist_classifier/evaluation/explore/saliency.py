"""Which pixels of a glyph decided the answer: occlusion maps.

A small patch is erased, or filled with ink, and the network reads the glyph
again.  This needs no gradients, so it works for any ONNX graph.  Evidence is
in log-odds, because the probabilities of a confident reading hardly change.
Source: Zeiler & Fergus 2014.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mnist_classifier.core.arrays import SIDE_PX, Bytes, Floats
from mnist_classifier.recognition.recogniser import Recogniser

# Wider than MNIST's strokes (median 2.4 px), so that a patch can cut one.  Patches overlap by half: there are 169, and
# up to four cover a pixel.
PATCH_PX, STEP_PX = 4, 2
# A patch that changes its pixels by less than this on average is skipped.
LEAST_CHANGE = 8
# More evidence than this, in nats, is a rounding error of the network's output.
MOST_EVIDENCE = 40.0


@dataclass(frozen=True, eq=False)
class Saliency:
    """The evidence for `digit`, in nats of log-odds.

    ink: (28, 28), the evidence lost by erasing ink.  gaps: (28, 28), the
    evidence lost by adding ink.  Negative if the digit becomes likelier.
    """

    digit: int
    ink: Floats
    gaps: Floats


def explain(recogniser: Recogniser, glyph: Bytes, digit: int | None = None) -> Saliency:
    """Find the evidence for `digit`, by default the likeliest one, in a (28, 28) glyph."""
    masks = _patches()
    emptied = np.where(masks, np.uint8(0), glyph)
    filled = np.where(masks, np.uint8(255), glyph)
    asked = [_changed(glyph, each) for each in (emptied, filled)]
    # One call for all: the glyph itself, then the changed glyphs.
    glyphs = np.concatenate([glyph[None], emptied[asked[0]], filled[asked[1]]])
    opinions = recogniser.opinions(glyphs)
    if digit is None:
        digit = int(opinions[0, :10].argmax())
    evidence = log_odds(opinions, digit)
    lost = evidence[0] - evidence[1:]
    split = int(asked[0].sum())
    return Saliency(digit, _spread(masks, asked[0], lost[:split]), _spread(masks, asked[1], lost[split:]))


def log_odds(opinions: Floats, digit: int) -> Floats:
    """Log-odds of a digit against the nine others, in nats: (N, 11) opinions -> (N,)."""
    # Not 1 - p, which has no precision for p close to 1.
    others = np.delete(opinions[:, :10], digit, axis=1).sum(axis=1)
    tiny = np.finfo(np.float32).tiny
    odds = np.log(np.maximum(opinions[:, digit], tiny)) - np.log(np.maximum(others, tiny))
    bounded: Floats = np.clip(odds, -MOST_EVIDENCE, MOST_EVIDENCE).astype(np.float32)
    return bounded


def _patches() -> npt.NDArray[np.bool_]:
    """(169, 28, 28) masks, one patch each."""
    starts = range(0, SIDE_PX - PATCH_PX + 1, STEP_PX)
    masks = np.zeros((len(starts) ** 2, SIDE_PX, SIDE_PX), bool)
    for number, (top, left) in enumerate((top, left) for top in starts for left in starts):
        masks[number, top : top + PATCH_PX, left : left + PATCH_PX] = True
    return masks


def _changed(glyph: Bytes, altered: Bytes) -> npt.NDArray[np.bool_]:
    """(N,) whether each altered glyph differs enough to be read."""
    change = np.abs(altered.astype(np.int16) - glyph).sum(axis=(1, 2))
    differs: npt.NDArray[np.bool_] = change >= LEAST_CHANGE * PATCH_PX**2
    return differs


def _spread(masks: npt.NDArray[np.bool_], asked: npt.NDArray[np.bool_], lost: Floats) -> Floats:
    """Give each pixel the mean of the patches over it; skipped patches count as 0."""
    values = np.zeros(len(masks), np.float32)
    values[asked] = lost
    total = np.tensordot(values, masks.astype(np.float32), axes=1)
    mean: Floats = (total / masks.sum(axis=0)).astype(np.float32)
    return mean
