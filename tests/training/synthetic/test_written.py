from __future__ import annotations

import numpy as np
import pytest
import torch

from mnist_classifier.core.arrays import SIDE_PX
from mnist_classifier.training.synthetic import written
from mnist_classifier.training.synthetic.pen import ink_boxes


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_the_packed_strokes_hold_all_digits_and_other_characters():
    counts = np.bincount(written.load().labels, minlength=written.NO_DIGIT + 1)
    assert counts.min() > 300


def test_written_digits_are_glyphs_of_every_class():
    images, labels = written.written_digits(200, generator())
    assert images.shape == (200, SIDE_PX, SIDE_PX)
    assert set(labels.tolist()) == set(range(10))
    left, top, right, bottom = ink_boxes(images.float() / 255).unbind(1)
    longer = torch.maximum(right - left, bottom - top)
    assert longer.min() >= 17
    assert longer.max() <= 23


def test_a_seed_always_draws_the_same_characters():
    first, second = (written.written_characters(50, np.random.default_rng(3)) for _ in range(2))
    assert torch.equal(first, second)


def test_the_same_strokes_are_bent_in_different_ways(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(written, "DISTORTED", 1.0)
    strokes = written.load().traced(0)
    ways = {written._varied(strokes, np.random.default_rng(seed))[0].tobytes() for seed in range(20)}
    assert len(ways) == 20


def test_some_characters_stay_as_they_were_written():
    strokes = written.load().traced(0)
    rng = np.random.default_rng(0)
    same = [written._varied(strokes, rng) is strokes for _ in range(500)]
    assert np.mean(same) == pytest.approx(1 - written.DISTORTED, abs=0.06)
