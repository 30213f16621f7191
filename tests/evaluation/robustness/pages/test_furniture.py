from __future__ import annotations

import numpy as np
import pytest

from mnist_classifier.evaluation.robustness.pages import furniture
from mnist_classifier.evaluation.robustness.pages.sheet import Extent, Sheet
from mnist_classifier.evaluation.robustness.pages.writing import Writer, generated_writers

WRITERS = generated_writers(1)
FOUR = (np.array([[40.0, 0], [0, 600], [700, 600]]), np.array([[500.0, 300], [500, 1000]]))


def sheet_of(seed: int, writer: Writer | None = None) -> Sheet:
    rng = np.random.default_rng(seed)
    return Sheet(writer or WRITERS[seed], rng, height=60.0)


def test_the_strokes_of_a_digit_stay_together_in_a_table():
    sheet = sheet_of(1, Writer({"4": [FOUR]}))
    furniture.table(sheet, [["44", None], ["4", "444"]])
    strokes = [line for line, _ in sheet.drawn]
    assert len(strokes) == 2 * 6
    apart = [
        (second[0, 0] - first[0, 0]) / np.ptp(first[:, 1])
        for first, second in zip(strokes[::2], strokes[1::2], strict=True)
    ]
    assert np.ptp(apart) < 1e-6


@pytest.mark.parametrize("seed", range(10))
def test_numbers_in_a_table_lie_inside_their_cells(seed: int):
    sheet = sheet_of(seed)
    furniture.table(sheet, [["12", None, "7"], [None, "305", "44"]])
    cells = [extent for _, _, extent, number in sheet.cells if number]
    for line, _ in sheet.drawn:
        x, y = (line.min(axis=0) + line.max(axis=0)) / 2
        assert sum(cell.left < x < cell.right and cell.top < y < cell.bottom for cell in cells) == 1


@pytest.mark.parametrize("seed", range(10))
def test_boxes_of_a_form_do_not_overlap_and_hold_a_digit_each(seed: int):
    sheet = sheet_of(seed)
    furniture.boxes(sheet, "40715")
    sides = [line for line, _ in sheet.printed]
    boxes = [np.concatenate(sides[start : start + 4]) for start in range(0, len(sides), 4)]
    lefts, rights = ([reach(box[:, 0]) for box in boxes] for reach in (np.min, np.max))
    assert all(right <= left + 1e-6 for right, left in zip(rights, lefts[1:], strict=False))
    for line, _ in sheet.drawn:
        held = [left < line[:, 0].min() and line[:, 0].max() < right for left, right in zip(lefts, rights, strict=True)]
        assert held.count(True) == 1


@pytest.mark.parametrize("seed", range(10))
def test_touched_boxes_are_touched(seed: int):
    sheet = sheet_of(seed)
    furniture.boxes(sheet, "8", touched=True)
    ink, box = (np.concatenate([line for line, _ in lines]) for lines in (sheet.drawn, sheet.printed))
    reach_px = (sheet.pen_px + sheet.printed[0][1]) / 2
    gaps = np.concatenate([ink.min(axis=0) - box.min(axis=0), box.max(axis=0) - ink.max(axis=0)])
    assert gaps.min() < reach_px + 0.1 * sheet.height


@pytest.mark.parametrize("seed", range(10))
def test_joined_digits_share_ink(seed: int):
    sheet = sheet_of(seed)
    sheet.write_joined("3807", (0.1, 0.9))
    columns = (sheet.finish().trimmed().picture < 200).any(axis=0)
    inked = np.flatnonzero(columns)
    assert columns[inked[0] : inked[-1]].all()


def test_an_underline_that_touches_meets_the_digits_and_a_usual_one_does_not():
    for seed in range(10):
        under = Extent(0, -30, 200, 30)
        touching, apart = sheet_of(seed), sheet_of(seed)
        furniture.underline(touching, under, gap=(-0.08, 0.0))
        furniture.underline(apart, under, gap=(0.1, 0.25))
        assert touching.drawn[0][0][0, 1] <= under.bottom < apart.drawn[0][0][0, 1]
