from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from mnist_classifier.core.records import NumberVerdict, Verdict
from mnist_classifier.core.settings import PRETRAINED_DIR
from mnist_classifier.data import mnist
from mnist_classifier.evaluation.robustness.photographs import photograph_number
from mnist_classifier.evaluation.robustness.strings import Points, compose, draw, write
from mnist_classifier.recognition.recogniser import Recogniser
from mnist_classifier.registry.manifest import ONNX_FILE, read_manifest


@pytest.fixture(scope="module")
def recogniser() -> Recogniser:
    return Recogniser.open(PRETRAINED_DIR)


def test_nothing_drawn_is_blank(recogniser: Recogniser):
    reading = recogniser.read(np.zeros((280, 280), np.uint8))
    assert (reading.verdict, reading.prediction, reading.confidence) == (Verdict.BLANK, None, 0.0)


@pytest.mark.mnist
def test_the_model_in_the_box_is_as_good_as_its_card_says(recogniser: Recogniser, mnist_dirs: list[Path]):
    test = mnist.load(mnist_dirs, mnist.TEST)
    right = int((recogniser.opinions(test.images)[:, :10].argmax(axis=1) == test.labels).sum())
    assert right == recogniser.manifest["metrics"]["test"]["correct"]
    assert right >= 9960


@pytest.mark.mnist
def test_temperature_scaling_and_thresholds_act(recogniser: Recogniser, mnist_dirs: list[Path]):
    test = mnist.load(mnist_dirs, mnist.TEST)
    readings = [recogniser.judge(p) for p in recogniser.opinions(test.images)]
    doubtful = [r for r in readings if r.verdict is Verdict.AMBIGUOUS]
    assert 0.001 < len(doubtful) / len(readings) < 0.02
    for reading in doubtful:
        assert reading.prediction == reading.candidates[0]
        assert reading.confidence * (1 - reading.not_a_digit) < recogniser.thresholds.ambiguous_below
        assert len(set(reading.candidates)) == len(reading.candidates) <= 2
    assert {len(reading.candidates) for reading in doubtful} == {1, 2}
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
        (SURE, 0.3, Verdict.AMBIGUOUS, 0, (0,)),
        (DOUBTFUL, 0.3, Verdict.AMBIGUOUS, 0, (0,)),
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
    reading = recogniser.judge(opinion, {"ambiguous_below": 0.8, "not_a_digit_above": 0.6})
    assert (reading.verdict, reading.prediction, reading.candidates) == (verdict, prediction, candidates)
    assert reading.probabilities == pytest.approx(probabilities)
    assert reading.not_a_digit == pytest.approx(outlier)


def test_many_at_once_and_one_by_one_agree(recogniser: Recogniser):
    glyphs = np.random.default_rng(1).integers(0, 256, (20, 28, 28)).astype(np.uint8)
    together = recogniser.opinions(glyphs)
    alone = np.concatenate([recogniser.opinions(g[None]) for g in glyphs])
    assert np.allclose(together, alone, atol=1e-5)


def test_a_higher_temperature_lowers_the_confidence():
    manifest = read_manifest(PRETRAINED_DIR)
    data = (PRETRAINED_DIR / ONNX_FILE).read_bytes()
    glyph = np.random.default_rng(2).integers(0, 256, (28, 28)).astype(np.uint8)
    cold, hot = (Recogniser(data, {**manifest, "temperature": t}).read_glyph(glyph) for t in (1.0, 5.0))
    assert hot.confidence < cold.confidence
    assert hot.prediction == cold.prediction


def test_threads_may_share_a_recogniser(recogniser: Recogniser):
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


def test_many_images_are_read_as_single_ones_are(recogniser: Recogniser):
    rng = np.random.default_rng(0)
    images = [np.zeros((50, 60), np.uint8), *rng.integers(0, 256, (4, 40, 40), dtype=np.uint8)]
    images[2][:] = 255
    several = recogniser.read_many(image for image in images)
    for together, image in zip(several, images, strict=True):
        alone = recogniser.read(image)
        assert (together.prediction, together.verdict) == (alone.prediction, alone.verdict)
        assert together.probabilities == pytest.approx(alone.probabilities, abs=1e-5)
    assert recogniser.read_many([]) == []


# A seven and a one, as strokes in a picture of 400 x 200 px.
def seven_and_one() -> tuple[list[Points], tuple[int, int]]:
    seven = np.array([(60, 50), (140, 48), (115, 100), (95, 160)], float)
    return [seven, np.array([(250, 45), (250, 160)], float)], (400, 200)


@pytest.mark.parametrize("with_strokes", [True, False])
def test_a_number_is_read_with_boxes_from_left_to_right(recogniser: Recogniser, with_strokes: bool):
    strokes, size = seven_and_one()
    reading = recogniser.read_number(draw(strokes, 14, size), strokes if with_strokes else None)
    assert (reading.number, reading.verdict) == ("71", NumberVerdict.NUMBER)
    assert [digit.reading.prediction for digit in reading.digits] == [7, 1]
    assert 0.9 < reading.confidence <= min(digit.reading.confidence for digit in reading.digits)
    for digit, expected in zip(reading.digits, [(53, 41, 94, 126), (243, 38, 14, 129)], strict=True):
        assert np.abs(np.subtract(digit.box, expected)).max() <= 3


def test_lines_are_read_from_top_to_bottom(recogniser: Recogniser):
    strokes, (width, height) = seven_and_one()
    twice = [*strokes, *(stroke + (20, height) for stroke in strokes)]
    reading = recogniser.read_number(draw(twice, 14, (width, 2 * height)))
    assert reading.number == "71\n71"


def test_a_picture_without_digits_is_not_a_number(recogniser: Recogniser):
    blank = recogniser.read_number(np.zeros((280, 700), np.uint8))
    assert (blank.number, blank.verdict, blank.digits) == (None, NumberVerdict.BLANK, ())
    noise = np.random.default_rng(0).integers(0, 256, (300, 900)).astype(np.uint8)
    assert recogniser.read_number(noise).verdict is not NumberVerdict.NUMBER


def test_strokes_of_another_picture_are_ignored(recogniser: Recogniser):
    strokes, size = seven_and_one()
    picture = draw(strokes, 14, size)
    elsewhere = [np.array([(300.0, 20.0), (20.0, 180.0)])]
    assert recogniser.read_number(picture, elsewhere) == recogniser.read_number(picture)
    outside = [np.array([(-9000.0, 20.0), (-8000.0, 180.0)])]
    assert recogniser.read_number(picture, outside) == recogniser.read_number(picture)


def test_boxes_grow_with_the_picture(recogniser: Recogniser):
    strokes, size = seven_and_one()
    reading = recogniser.read_number(draw(strokes, 14, size))
    assert reading.scaled(2).digits[0].box == tuple(2 * side for side in reading.digits[0].box)


def written(number: str, pen_px: float, seed: int) -> np.ndarray:
    """A number with digits of 150 px, separated by 60 px and the pen width."""
    rng, strokes, left = np.random.default_rng(seed), [], 60.0
    for digit in number:
        own = write(int(digit), rng)
        low, high = np.min(np.concatenate(own), axis=0), np.max(np.concatenate(own), axis=0)
        scale = 150 / (high[1] - low[1])
        strokes += [(stroke - low) * scale + (left, 60) for stroke in own]
        left += (high[0] - low[0]) * scale + 60 + pen_px
    return draw(strokes, pen_px, (round(left), 270))


@pytest.mark.slow
@pytest.mark.parametrize("pen_px", [1, 60])
def test_a_hairline_and_a_brush_write_numbers_too(recogniser: Recogniser, pen_px: float):
    numbers = [str(n) for n in np.random.default_rng(6).integers(1000, 10_000, 12)]
    read = [recogniser.read_number(written(number, pen_px, seed)).number for seed, number in enumerate(numbers)]
    assert sum(one == number for one, number in zip(read, numbers, strict=True)) >= 11


def composed(directories: list[Path], seed: int, count: int) -> Iterator[tuple[str, np.ndarray, np.random.Generator]]:
    """Numbers of 2 to 6 validation digits: text, ink, and a random generator for each."""
    train = mnist.load(directories, mnist.TRAIN)
    _, validation = mnist.split_train_validation(train.labels)
    for index in range(count):
        rng = np.random.default_rng((seed, index))
        chosen = rng.choice(validation, rng.integers(2, 7))
        yield "".join(map(str, train.labels[chosen])), compose(train.images[chosen], rng), rng


@pytest.mark.slow
@pytest.mark.mnist
def test_numbers_of_mnist_digits_are_read(recogniser: Recogniser, mnist_dirs: list[Path]):
    right = sum(recogniser.read_number(ink).number == number for number, ink, _ in composed(mnist_dirs, 7, 60))
    assert right >= 54


@pytest.mark.slow
@pytest.mark.mnist
def test_photographs_of_numbers_are_read_with_boxes_where_the_digits_stand(
    recogniser: Recogniser, mnist_dirs: list[Path]
):
    right = 0
    for number, ink, rng in composed(mnist_dirs, 8, 30):
        picture = photograph_number(ink, rng)
        reading = recogniser.read_number(picture)
        right += reading.number == number
        height, width = picture.shape[:2]
        for digit in reading.digits:
            left, top, across, down = digit.box
            assert 0 <= left <= left + across <= width
            assert 0 <= top <= top + down <= height
        if reading.number == number:
            wide = max(each.box[0] + each.box[2] for each in reading.digits) - reading.digits[0].box[0]
            assert 0.3 * width < wide < 0.95 * width
    assert right >= 25
