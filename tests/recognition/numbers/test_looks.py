from __future__ import annotations

import time

import numpy as np
import pytest

from mnist_classifier.core.settings import PRETRAINED_DIR
from mnist_classifier.recognition.numbers.looks import NUMBER_SIDE_PX, look
from mnist_classifier.recognition.recogniser import Recogniser
from tests.recognition.page import drawings

HEIGHT_PX = 48
SIZE_PX = 2304, 1728
LINES = [f"{first}{second}1{first}" for first in (1, 4, 7) for second in (0, 2, 7)]


@pytest.fixture(scope="module")
def recogniser() -> Recogniser:
    return Recogniser.open(PRETRAINED_DIR)


def places() -> list[tuple[str, int, int]]:
    """The text of each line, and its left and upper edge."""
    return [(text, 300 + 40 * index, 160 + 160 * index) for index, text in enumerate(LINES)]


def page(*, is_photograph: bool) -> np.ndarray:
    """A page of 4 megapixels with small digits."""
    written = [stroke for text, x, y in places() for stroke in drawings.number(text, x, y, HEIGHT_PX)]
    drawn = drawings.paper(written, SIZE_PX)
    if not is_photograph:
        return drawn
    light = np.linspace(0.55, 0.9, SIZE_PX[0]) * np.linspace(1, 0.85, SIZE_PX[1])[:, None]
    noise = np.random.default_rng(3).normal(0, 3, drawn.shape)
    return (np.maximum(drawn, 50) * light + noise).clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize("is_photograph", [False, True], ids=["drawn", "photographed"])
def test_the_small_digits_of_a_large_page_are_read_with_boxes_where_they_stand(
    recogniser: Recogniser, is_photograph: bool
) -> None:
    reading = recogniser.read_number(page(is_photograph=is_photograph))
    assert (reading.number or "").split("\n") == LINES
    lefts = [x + place * 1.1 * HEIGHT_PX for text, x, _ in places() for place in range(len(text))]
    tops = [y for text, _, y in places() for _ in text]
    for digit, left, top in zip(reading.digits, lefts, tops, strict=True):
        x, y, width, height = digit.box
        assert left - 8 <= x < x + width <= left + HEIGHT_PX + 8
        assert abs(y - top) <= 8
        assert abs(height - HEIGHT_PX) <= 16


def test_a_page_of_small_digits_is_looked_at_again_at_more_pixels() -> None:
    seen = look(page(is_photograph=True))
    assert seen is not None
    assert seen.inked.height >= 24


def test_large_digits_need_no_second_look() -> None:
    drawn = drawings.paper(drawings.number("47", 300, 300, 900), SIZE_PX)
    seen = look(drawn)
    assert seen is not None
    assert max(seen.shape) == SIZE_PX[0] // 3


def test_noise_is_looked_at_again_in_seconds(recogniser: Recogniser) -> None:
    side_px = NUMBER_SIDE_PX
    noise = np.random.default_rng(1).normal(200, 60, (side_px, side_px)).clip(0, 255).astype(np.uint8)
    for left in (200, 400):
        noise[200:260, left : left + 12] = 0
    started = time.process_time()
    seen = look(noise)
    assert seen is not None
    assert max(seen.shape) > side_px // 3
    recogniser.read_number(noise)
    assert time.process_time() - started < 5
