from __future__ import annotations

import numpy as np
import pytest

from mnist_classifier.core.arrays import Bytes, Floats, in_batches


@pytest.mark.parametrize("size", [1, 3, 7, 8])
def test_batches_change_no_answer_and_none_is_larger_than_asked_for(size: int):
    glyphs = np.arange(7 * 28 * 28).reshape(7, 28, 28).astype(np.uint8)
    seen: list[int] = []

    def network(part: Bytes) -> Floats:
        seen.append(len(part))
        return part.sum(axis=2, dtype=np.float32)[:, :10]

    assert np.array_equal(in_batches(network, glyphs, size), network(glyphs))
    seen.pop()
    assert max(seen) <= size
    assert sum(seen) == 7
