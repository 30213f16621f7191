from __future__ import annotations

import numpy as np
import pytest

from mnist_classifier.evaluation.robustness.strings import draw
from mnist_classifier.recognition.numbers import looks, segmentation


def picture(*strokes: list[tuple[float, float]], pen_px: float = 12, size: tuple[int, int] = (400, 200)) -> np.ndarray:
    return draw([np.array(stroke, float) for stroke in strokes], pen_px, size)


ONE = [(60.0, 40.0), (60.0, 160.0)]
SEVEN = [(120.0, 45.0), (200.0, 40.0), (150.0, 160.0)]
BAR = [(140.0, 100.0), (190.0, 98.0)]


def lines_of(pixels: np.ndarray) -> list[segmentation.Line]:
    inked = looks.read_ink(pixels)
    assert inked is not None
    return segmentation.find_lines(inked.ink)


def test_an_empty_picture_has_no_ink():
    assert looks.read_ink(np.full((50, 90), 200, np.uint8)) is None


def test_dark_and_light_ink_give_the_same_pieces():
    light = picture(ONE, SEVEN)
    boxes = [
        [(p.top, p.left, p.bottom, p.right) for p in lines_of(pixels)[0].pieces] for pixels in (light, 255 - light)
    ]
    assert boxes[0] == boxes[1]


def test_pieces_go_from_left_to_right():
    centres = [piece.centre for piece in lines_of(picture(SEVEN, ONE))[0].pieces]
    assert centres == sorted(centres)
    assert len({piece.part for piece in lines_of(picture(SEVEN, ONE))[0].pieces}) == 2


def test_the_separate_bar_of_a_5_is_not_a_line_of_its_own():
    body = [(100.0, 70.0), (95.0, 100.0), (140.0, 120.0), (95.0, 160.0)]
    flag = [(105.0, 50.0), (160.0, 48.0)]
    assert len(lines_of(picture(ONE, body, flag))) == 1
    assert len(lines_of(picture(body, flag))) == 1


def test_rows_of_digits_are_lines():
    below = [[(x, y + 200) for x, y in stroke] for stroke in (ONE, SEVEN)]
    lines = lines_of(picture(ONE, SEVEN, *below, size=(400, 400)))
    upper, lower = (min(piece.top for piece in line.pieces) for line in lines)
    assert lower > upper + lines[0].height


def oval(x: float, y: float, radius: float) -> list[tuple[float, float]]:
    return [(x + 30 * np.cos(angle), y + radius * np.sin(angle)) for angle in np.linspace(0, 6.3, 40)]


def test_digits_of_two_lines_that_overlap_are_cut_apart():
    # The first ovals share so much ink that a cut between them would cross too much.
    upper, lower = ([oval(70, y, 50), oval(170, y, 36), oval(260, y, 36)] for y in (70.0, 166.0))
    lines = lines_of(picture(*upper, *lower, size=(330, 240), pen_px=12))
    assert len(lines) == 2
    for line in lines:
        assert max(len(piece.ink) for piece in line.pieces) < 1.4 * line.height


def test_specks_are_not_pieces():
    pixels = picture(ONE, SEVEN)
    pixels[10:12, 300:302] = 255
    parts = {piece.part for piece in lines_of(pixels)[0].pieces}
    assert len(parts) == 2


def test_a_glyph_contains_only_the_ink_of_its_own_pieces():
    leaning = [(60.0, 160.0), (110.0, 40.0)]
    neighbour = [(100.0, 160.0), (150.0, 40.0)]
    (line,) = lines_of(picture(leaning, neighbour))
    candidates = segmentation.find_candidates(line)
    glyphs = segmentation.make_glyphs(line, candidates)
    alone = lines_of(picture(leaning))[0]
    expected = segmentation.make_glyphs(alone, segmentation.find_candidates(alone))[0]
    first = next(glyph for glyph, each in zip(glyphs, candidates, strict=True) if (each.start, each.end) == (0, 1))
    assert np.abs(first.astype(int) - expected).max() <= 2


def test_candidates_do_not_reach_over_gaps():
    (line,) = lines_of(picture(ONE, [(300.0, 40.0), (300.0, 160.0)]))
    assert [(each.start, each.end) for each in segmentation.find_candidates(line)] == [(0, 1), (1, 2)]


def test_noise_stays_within_the_limits():
    noise = np.random.default_rng(0).integers(0, 256, (400, 1000)).astype(np.uint8)
    lines = lines_of(noise)
    assert sum(len(segmentation.find_candidates(line)) for line in lines) <= segmentation.MAX_PIECES * (
        segmentation.MAX_PIECES_IN_DIGIT
    )


def test_a_number_cut_off_on_both_sides_is_a_drawing_and_a_line_across_is_not():
    cut_off = picture(SEVEN, [(300.0, 45.0), (380.0, 40.0), (330.0, 160.0)], pen_px=8)[:, 150:340]
    assert cut_off[:, 0].max() == cut_off[:, -1].max() == 255
    inked = looks.read_ink(cut_off)
    assert inked is not None
    assert inked.ink.mean() == pytest.approx(cut_off.mean() / 255, rel=0.01)
    assert inked.ink[:, 0].max() == inked.ink[:, -1].max() == 1
    ruled = picture(ONE, SEVEN)
    ruled[100:102] = 120
    (line,) = lines_of(ruled)
    assert len({piece.part for piece in line.pieces}) == 2


def test_ink_on_paper_is_measured_in_pixels_of_the_picture():
    paper = np.linspace(120, 200, 1000, dtype=np.float32) + np.random.default_rng(3).normal(0, 3, (500, 1000))
    number = np.kron(picture(ONE, SEVEN), np.ones((2, 2), np.uint8))[:500, :1000]
    height, width = number.shape
    photograph = np.where(number > 128, 40, paper[:height, :width]).astype(np.uint8)
    inked = looks.read_ink(photograph)
    assert inked is not None
    assert inked.scale == max(photograph.shape) / max(inked.ink.shape) > 1
    (line,) = segmentation.find_lines(inked.ink)
    lefts = [min(piece.left for piece in line.pieces if piece.part == part) for part in (1, 2)]
    pen_px = 12
    expected = [2 * (min(x for x, _ in stroke) - pen_px / 2) for stroke in (ONE, SEVEN)]
    assert [left * inked.scale for left in lefts] == pytest.approx(expected, abs=12)


def test_blank_paper_has_no_ink():
    rng = np.random.default_rng(4)
    paper = np.linspace(120, 200, 400) + rng.normal(0, 4, (300, 400))
    assert looks.read_ink(paper.astype(np.uint8)) is None
