from __future__ import annotations

import numpy as np

from mnist_classifier.recognition.numbers.line_image import LONGEST_PX, MARGIN_PX, draw_line
from mnist_classifier.recognition.numbers.line_reader import DIGIT_PX, FRAME_PX, HEIGHT_PX
from mnist_classifier.recognition.numbers.segmentation import Line, Piece


def bar(left: int, top: int = 0, height: int = 80, width: int = 16) -> Piece:
    return Piece(np.ones((height, width), np.float32), top, left, part=left, stroke_px=16)


def rows_of(pixels: np.ndarray) -> np.ndarray:
    return np.flatnonzero((pixels >= 128).any(axis=1))


def test_digits_of_any_size_become_as_tall_as_the_reader_expects():
    for height in (12, 40, 80, 300):
        pixels = draw_line(Line((bar(0, height=height, width=height // 4), bar(height, height=height)), height)).pixels
        rows = rows_of(pixels)
        assert pixels.shape[0] == HEIGHT_PX
        assert abs(len(rows) - DIGIT_PX) <= 1
        assert abs(rows.mean() - (HEIGHT_PX - 1) / 2) <= 1


def test_a_sloping_line_becomes_level():
    line = Line(tuple(bar(60 * place, top=9 * place) for place in range(6)), height=80)
    assert len(rows_of(draw_line(line).pixels)) <= DIGIT_PX + 2


def test_borders_lie_between_the_pieces():
    image = draw_line(Line((bar(0), bar(40), bar(80)), height=80))
    inked = (image.pixels >= 128).any(axis=0)
    for border in image.borders[1:-1].tolist():
        assert not inked[border * FRAME_PX]
    assert image.borders.tolist() == sorted(image.borders.tolist())
    assert image.borders[0] == 0
    assert image.borders[-1] == image.pixels.shape[1] // FRAME_PX


def test_wide_gaps_are_shortened():
    near, far = (draw_line(Line((bar(0), bar(gap)), height=80)).pixels.shape[1] for gap in (120, 4000))
    assert far <= near + 2 * FRAME_PX


def test_a_line_too_long_for_the_reader_is_not_drawn():
    height = 8
    scribble = bar(0, height=height, width=height * (LONGEST_PX // DIGIT_PX + 10))
    assert draw_line(Line((scribble,), height)) is None


def test_blank_margins_surround_the_writing():
    pixels = draw_line(Line((bar(0),), height=80)).pixels
    assert not pixels[:, :MARGIN_PX].any()
    assert not pixels[:, -MARGIN_PX:].any()
