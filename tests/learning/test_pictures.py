from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from mnist_classifier.core.errors import InvalidImage, InvalidInput
from mnist_classifier.core.settings import PRETRAINED_DIR
from mnist_classifier.learning.pictures import LARGEST_BYTES, glyph_and_image, small_png
from mnist_classifier.recognition.imaging.decode import encode_png
from mnist_classifier.recognition.imaging.preprocess import make_glyph
from mnist_classifier.recognition.recogniser import Recogniser
from tests.handwriting import STROKES, draw

MAX_PIXELS = 40_000_000
ONE, SEVEN = (draw(STROKES[label], pen_px=18, rng=np.random.default_rng(1)) for label in (1, 7))


@pytest.fixture(scope="module")
def recogniser() -> Recogniser:
    return Recogniser.open(PRETRAINED_DIR)


def test_the_glyph_is_that_of_a_reading_and_the_picture_is_small():
    large = np.kron(SEVEN, np.ones((3, 3), np.uint8))
    glyph, image = glyph_and_image(encode_png(large), max_pixels=MAX_PIXELS)
    np.testing.assert_array_equal(glyph, make_glyph(large))
    assert max(Image.open(io.BytesIO(image)).size) <= 280


@pytest.mark.parametrize("factor", [1, 4])
def test_a_digit_of_a_number_gets_the_glyph_that_was_read(
    recogniser: Recogniser, monkeypatch: pytest.MonkeyPatch, factor: int
):
    """A box holds ink up to its border, and perhaps that of neighbours: cut out alone, it would be read otherwise."""
    seen: list[bytes] = []
    network = recogniser.opinions
    monkeypatch.setattr(
        recogniser, "opinions", lambda glyphs: seen.extend(glyph.tobytes() for glyph in glyphs) or network(glyphs)
    )
    picture = np.kron(np.hstack([SEVEN, ONE, SEVEN]), np.ones((factor, factor), np.uint8))
    read = recogniser.read_number(picture)
    assert read.number == "717"
    for digit in read.digits:
        glyph, image = glyph_and_image(encode_png(picture), max_pixels=MAX_PIXELS, box=digit.box)
        assert glyph is not None
        assert glyph.tobytes() in seen
        assert recogniser.read_glyph(glyph).prediction == digit.reading.prediction
        assert max(Image.open(io.BytesIO(image)).size) <= 280


def test_any_other_box_is_read_as_a_picture_of_one_digit():
    width = SEVEN.shape[1]
    picture = np.hstack([SEVEN, ONE])
    glyph, _ = glyph_and_image(encode_png(picture), max_pixels=MAX_PIXELS, box=(width, 0, width, len(picture)))
    np.testing.assert_array_equal(glyph, make_glyph(ONE))


@pytest.mark.parametrize(
    "box", [(5000, 0, 20, 20), (0, 0, 2, 2), (10, 10, 0, 50), (10, 10, -5, 50), (-100, -100, 50, 50)]
)
def test_a_box_outside_the_picture_is_refused(box: tuple[int, int, int, int]):
    with pytest.raises(InvalidInput) as refusal:
        glyph_and_image(encode_png(SEVEN), max_pixels=MAX_PIXELS, box=box)
    assert refusal.value.field == "box"


def test_a_blank_has_no_glyph_and_no_picture_is_refused():
    assert glyph_and_image(encode_png(np.zeros((50, 50), np.uint8)), max_pixels=MAX_PIXELS)[0] is None
    blank_box = (10, 10, 30, 30)
    assert glyph_and_image(encode_png(np.zeros((50, 50), np.uint8)), max_pixels=MAX_PIXELS, box=blank_box)[0] is None
    with pytest.raises(InvalidImage):
        glyph_and_image(b"no picture", max_pixels=MAX_PIXELS)


def test_a_picture_of_noise_fits_its_limit():
    noise = np.random.default_rng(0).integers(0, 256, (1000, 1000, 4)).astype(np.uint8)
    noise[::2] = np.roll(noise[1::2], 3, axis=0)
    data = small_png(noise[:280, :280])
    assert len(data) <= LARGEST_BYTES
    assert Image.open(io.BytesIO(data)).size == (140, 140)
