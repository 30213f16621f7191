"""The training images that are most similar to a glyph.

Similarity is the cosine between blurred images; the blur tolerates strokes
that are a pixel apart.  The blur is symmetric, so blurring the glyph twice
equals blurring both, and only the norms of 55,000 blurred images are stored.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from mnist_classifier.core.arrays import SIDE_PX, Bytes, Floats
from mnist_classifier.evaluation.explore.splits import Part

BLUR_PX = 1.0
# Images in one product: 3 MB as float32 fit into the processor's cache.  For 55,000 images, chunks of 1,000 took 33 ms
# and chunks of 5,000 took 121 ms (two vCPU with other load).
CHUNK = 1000


@dataclass(frozen=True, eq=False)
class Neighbour:
    """A training image; row: its number in the training file, similarity: 1 for the same image."""

    row: int
    label: int
    similarity: float
    image: Bytes


class Neighbours:
    """Finds the most similar images of a part.  Thread-safe."""

    def __init__(self, part: Part) -> None:
        self._part = part
        self._blur = blur_matrix()
        self._flat = part.images.reshape(len(part.images), -1)
        self._lengths = np.concatenate([self._blurred_lengths(chunk) for chunk in self._chunks()])

    def nearest(self, glyph: Bytes, count: int) -> list[Neighbour]:
        """Return the `count` most similar images, most similar first; none for an empty glyph."""
        once = self._blur @ glyph.astype(np.float32) @ self._blur
        length = float(np.linalg.norm(once))
        if length == 0:
            return []
        query = (self._blur @ once @ self._blur).ravel()
        products = np.concatenate([chunk @ query for chunk in self._chunks()])
        similarities = products / np.maximum(self._lengths * length, np.finfo(np.float32).tiny)
        count = min(count, len(similarities))
        best = np.argpartition(-similarities, count - 1)[:count]
        best = best[np.argsort(-similarities[best], kind="stable")]
        return [
            Neighbour(
                row=int(self._part.rows[index]),
                label=int(self._part.labels[index]),
                similarity=min(1.0, float(similarities[index])),
                image=self._part.images[index],
            )
            for index in best
        ]

    def _chunks(self) -> Iterator[Floats]:
        for start in range(0, len(self._flat), CHUNK):
            yield self._flat[start : start + CHUNK].astype(np.float32)

    def _blurred_lengths(self, chunk: Floats) -> Floats:
        blurred = self._blur @ chunk.reshape(-1, SIDE_PX, SIDE_PX) @ self._blur
        lengths: Floats = np.linalg.norm(blurred.reshape(len(chunk), -1), axis=1).astype(np.float32)
        return lengths


def blur_matrix(sigma_px: float = BLUR_PX) -> Floats:
    """Return a symmetric (28, 28) matrix: matrix @ image @ matrix is a Gaussian blur on black."""
    offsets = np.arange(SIDE_PX)[:, None] - np.arange(SIDE_PX)
    weights = np.exp(-0.5 * (offsets / sigma_px) ** 2)
    matrix: Floats = (weights / weights[SIDE_PX // 2].sum()).astype(np.float32)
    return matrix
