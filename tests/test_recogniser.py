from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest

from mnist_classifier import dataset
from mnist_classifier.config import PRETRAINED_DIR
from mnist_classifier.manifest import ONNX_FILE, read_manifest
from mnist_classifier.recogniser import Recogniser
from mnist_classifier.records import Thresholds, Verdict


@pytest.fixture(scope="module")
def recogniser() -> Recogniser:
    return Recogniser.open(PRETRAINED_DIR)


def test_nothing_drawn_is_blank(recogniser: Recogniser):
    reading = recogniser.read(np.zeros((280, 280), np.uint8))
    assert (reading.verdict, reading.prediction, reading.confidence) == (Verdict.BLANK, None, 0.0)


@pytest.mark.mnist
def test_the_model_in_the_box_is_as_good_as_its_card_says(recogniser: Recogniser, mnist_dirs: list[Path]):
    test = dataset.load(mnist_dirs, dataset.TEST)
    right = int((recogniser.opinions(test.images)[:, :10].argmax(axis=1) == test.labels).sum())
    assert right == recogniser.manifest["metrics"]["test"]["correct"]
    assert right >= 9960


@pytest.mark.mnist
def test_temperature_scaling_and_thresholds_act(recogniser: Recogniser, mnist_dirs: list[Path]):
    test = dataset.load(mnist_dirs, dataset.TEST)
    readings = [recogniser.judge(p) for p in recogniser.opinions(test.images)]
    doubtful = [r for r in readings if r.verdict is Verdict.AMBIGUOUS]
    assert 0.001 < len(doubtful) / len(readings) < 0.02
    for reading in doubtful:
        assert reading.prediction == reading.candidates[0]
        assert reading.confidence < recogniser.thresholds.ambiguous_below
        assert len(set(reading.candidates)) == 2
    assert all(r.candidates == () for r in readings if r.verdict is Verdict.DIGIT)


def test_probabilities_are_of_the_right_shape_and_sum_to_one(recogniser: Recogniser):
    glyphs = np.random.default_rng(0).integers(0, 256, (600, 28, 28)).astype(np.uint8)
    opinions = recogniser.opinions(glyphs)
    assert opinions.shape == (600, 11)
    assert np.allclose(opinions[:, :10].sum(axis=1), 1, atol=1e-5)
    assert ((opinions[:, 10] >= 0) & (opinions[:, 10] <= 1)).all()
    assert recogniser.opinions(glyphs[:0]).shape == (0, 11)


SURE, DOUBTFUL = [0.97, 0.02, *[0.00125] * 8], [0.5, 0.4, *[0.0125] * 8]


@pytest.mark.parametrize(
    ("probabilities", "outlier", "verdict", "prediction", "candidates"),
    [
        (SURE, 0.1, Verdict.DIGIT, 0, ()),
        (DOUBTFUL, 0.1, Verdict.AMBIGUOUS, 0, (0, 1)),
        (SURE, 0.7, Verdict.NOT_A_DIGIT, None, ()),
        (DOUBTFUL, 0.7, Verdict.NOT_A_DIGIT, None, ()),
    ],
)
def test_verdicts_follow_the_thresholds(
    recogniser: Recogniser,
    probabilities: list[float],
    outlier: float,
    verdict: Verdict,
    prediction: int | None,
    candidates: tuple[int, ...],
):
    opinion = np.array([*probabilities, outlier], np.float32)
    reading = recogniser.judge(opinion, Thresholds(ambiguous_below=0.8, not_a_digit_above=0.6))
    assert (reading.verdict, reading.prediction, reading.candidates) == (verdict, prediction, candidates)
    assert reading.probabilities == pytest.approx(probabilities)
    assert reading.not_a_digit == pytest.approx(outlier)


def test_many_at_once_and_one_by_one_agree(recogniser: Recogniser):
    glyphs = np.random.default_rng(1).integers(0, 256, (20, 28, 28)).astype(np.uint8)
    together = recogniser.opinions(glyphs)
    alone = np.concatenate([recogniser.opinions(g[None]) for g in glyphs])
    assert np.allclose(together, alone, atol=1e-5)


def test_a_higher_temperature_is_less_sure():
    manifest = read_manifest(PRETRAINED_DIR)
    data = (PRETRAINED_DIR / ONNX_FILE).read_bytes()
    glyph = np.random.default_rng(2).integers(0, 256, (28, 28)).astype(np.uint8)
    cold, hot = (Recogniser(data, {**manifest, "temperature": t}).read_glyph(glyph) for t in (1.0, 5.0))
    assert hot.confidence < cold.confidence
    assert hot.prediction == cold.prediction


def test_threads_may_share_one(recogniser: Recogniser):
    glyphs = np.random.default_rng(3).integers(0, 256, (50, 28, 28)).astype(np.uint8)
    expected = [recogniser.read_glyph(g) for g in glyphs]
    found: list[bool] = []
    threads = [
        threading.Thread(target=lambda: found.append([recogniser.read_glyph(g) for g in glyphs] == expected))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [True] * 4


def test_many_images_are_read_as_each_by_itself(recogniser: Recogniser):
    rng = np.random.default_rng(0)
    images = [np.zeros((50, 60), np.uint8), *rng.integers(0, 256, (4, 40, 40), dtype=np.uint8)]
    images[2][:] = 255
    several = recogniser.read_many(image for image in images)
    for together, image in zip(several, images, strict=True):
        alone = recogniser.read(image)
        assert (together.prediction, together.verdict) == (alone.prediction, alone.verdict)
        assert together.probabilities == pytest.approx(alone.probabilities, abs=1e-5)
    assert recogniser.read_many([]) == []
