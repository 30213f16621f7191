"""Hold out a fifth of the corrections, which measures what the others taught.

The same corrections are held out every time: the hash of a name or of a glyph decides.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence

import numpy as np

from mnist_classifier.core.arrays import Mask

# One group of so many is held out.
PARTS = 5
# With fewer writers, chance would hold out nobody or nearly everything.
FEWEST_WRITERS = 5


def held_out(writers: Sequence[str], glyph_sha256: Sequence[str], learned: Collection[str] = ()) -> Mask:
    """(N,) true for the corrections that training may not see.

    learned: drawings that an earlier training has learned; they and what else their writers drew measure nothing.

    With at least FEWEST_WRITERS names, everything of a writer is on one side, so that the figures are those of people
    new to the model.  With fewer, and for corrections without a name, each drawing is on one side by itself.  A drawing
    that is held out under one name is held out under all.
    """
    names = {writer for writer in writers if writer}
    known = {writer for writer, sha256 in zip(writers, glyph_sha256, strict=True) if sha256 in learned}
    chosen = {name for name in names - known if len(names) >= FEWEST_WRITERS and _is_held_out(name)}
    by_writer = bool(chosen)  # if chance chose nobody, by drawing
    apart = {
        sha256
        for writer, sha256 in zip(writers, glyph_sha256, strict=True)
        if (writer in chosen if by_writer and writer else _is_held_out(sha256))
    }.difference(learned)
    return np.array([sha256 in apart for sha256 in glyph_sha256], bool)


def _is_held_out(group: str) -> bool:
    return int(hashlib.sha256(group.encode()).hexdigest(), 16) % PARTS == 0
