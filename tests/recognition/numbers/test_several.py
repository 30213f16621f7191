"""The warning that a picture shows several digits, although one was asked for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mnist_classifier.core.arrays import Bytes
from mnist_classifier.core.records import Verdict
from mnist_classifier.core.settings import PRETRAINED_DIR
from mnist_classifier.data.splits import VALIDATION, load_split
from mnist_classifier.evaluation.robustness.drawing import Points, draw
from mnist_classifier.evaluation.robustness.non_digits import two_digits
from mnist_classifier.evaluation.robustness.strings import draw as draw_line
from mnist_classifier.recognition.imaging.preprocess import prepare
from mnist_classifier.recognition.numbers.several import SEVERAL, lightened, may_show_several
from mnist_classifier.recognition.recogniser import Recogniser, needs_hint
from tests.recognition.test_recogniser import seven_and_one

# A dotted one, an open four, a five whose flag floats, a seven whose bar and stem do not meet.
APART = {
    1: ["50,24 50,100 / 50,0 51,2"],
    4: ["10,0 8,52 70,52 / 88,0 88,100"],
    5: ["26,34 18,54 60,46 86,66 74,94 40,100 6,90 / 44,4 98,0"],
    7: ["4,4 80,4 / 92,14 56,100"],
}


@pytest.fixture(scope="module")
def recogniser() -> Recogniser:
    return Recogniser.open(PRETRAINED_DIR)


def seventy_one() -> Bytes:
    strokes, size = seven_and_one()
    return 255 - draw_line(strokes, 14, size)


def strokes_of(template: str) -> list[Points]:
    from mnist_classifier.training.synthetic.handwriting import smooth
    from mnist_classifier.training.synthetic.templates import parse

    return [smooth(points) if is_smooth else points for is_smooth, points in parse(template)]


def test_two_digits_are_refused_with_the_advice_to_read_a_number(recogniser: Recogniser):
    reading = recogniser.read(seventy_one())

    assert (reading.verdict, reading.prediction) == (Verdict.NOT_A_DIGIT, None)
    assert reading.warnings == (SEVERAL,)


def test_many_pictures_are_warned_of_as_single_ones_are(recogniser: Recogniser):
    together = recogniser.read_many([seventy_one(), np.full((100, 100), 255, np.uint8), seventy_one()])

    assert [each.warnings for each in together] == [(SEVERAL,), (), (SEVERAL,)]


def test_ink_that_is_no_number_either_is_not_called_several_digits(recogniser: Recogniser):
    zigzag = np.array([(0, 0), (100, 600), (250, 0), (400, 600), (550, 0), (700, 600), (850, 0), (1000, 600)], float)
    reading = recogniser.read(draw([zigzag], pen_px=14, rng=np.random.default_rng(0)))

    assert reading.verdict is Verdict.NOT_A_DIGIT
    assert SEVERAL not in reading.warnings


def test_a_digit_that_stands_beside_another_is_in_doubt(recogniser: Recogniser):
    seven = np.array([(220, 250), (400, 240), (580, 250), (480, 500), (350, 820)], float)
    one = np.array([(800, 220), (800, 800)], float)
    prepared = prepare(draw([seven, one], pen_px=18, rng=np.random.default_rng(0)))
    assert (
        recogniser.first_reading(prepared, {"not_a_digit_above": 1.0, "ambiguous_below": 0.0}).verdict is Verdict.DIGIT
    )
    reading = recogniser.read_prepared(prepared, {"not_a_digit_above": 1.0, "ambiguous_below": 0.0})

    assert (reading.verdict, reading.warnings) == (Verdict.AMBIGUOUS, (SEVERAL,))
    assert reading.candidates[0] == reading.prediction


def test_a_sure_digit_in_one_piece_is_not_read_as_a_number_too(recogniser: Recogniser):
    prepared = prepare(
        draw([np.array([(100.0, 0.0), (700.0, 0.0), (300.0, 900.0)])], pen_px=18, rng=np.random.default_rng(2))
    )
    reading = recogniser.first_reading(prepared)

    assert reading.verdict is Verdict.DIGIT
    assert not needs_hint(reading, prepared)


def test_only_pictures_that_may_show_several_digits_stay_in_memory():
    narrow = draw([np.array([(50.0, 0.0), (50.0, 900.0)])], pen_px=18, rng=np.random.default_rng(1))

    assert lightened(prepare(narrow)).picture is None
    assert lightened(prepare(seventy_one())).picture is not None
    assert not may_show_several(np.zeros((28, 28), np.uint8))


def test_noise_is_not_read_as_a_number(recogniser: Recogniser):
    squares = np.random.default_rng(0).random((100, 100)) > 0.7
    prepared = prepare(np.kron(squares.astype(np.uint8) * 255, np.ones((10, 10), np.uint8)))

    assert not needs_hint(recogniser.first_reading(prepared), prepared)


@pytest.mark.parametrize("digit", range(10))
def test_one_digit_of_several_strokes_is_never_called_several(recogniser: Recogniser, digit: int):
    pytest.importorskip("torch")
    from mnist_classifier.training.synthetic.templates import read_templates

    detached = [way for way in read_templates("digits")[str(digit)] if " / " in way] + APART.get(digit, [])
    for number, way in enumerate(detached):
        for pen_px in (8, 18, 28):
            picture = draw(strokes_of(way), pen_px=pen_px, rng=np.random.default_rng((digit, number, pen_px)))
            assert SEVERAL not in recogniser.read(picture).warnings, way


@pytest.mark.mnist
def test_pairs_of_mnist_digits_are_noticed_and_single_ones_are_not(recogniser: Recogniser, mnist_dirs: list[Path]):
    images = load_split(mnist_dirs, VALIDATION).images
    pairs = [two_digits(images[i], images[-i], np.random.default_rng(i)) for i in range(1, 31)]

    assert sum(SEVERAL in reading.warnings for reading in recogniser.read_many(pairs)) >= 27
    # Larger, so that they are pictures and not glyphs.
    singles = [255 - np.kron(np.pad(image, 4), np.ones((5, 5), np.uint8)) for image in images[:300]]
    assert not any(SEVERAL in reading.warnings for reading in recogniser.read_many(singles))
