from __future__ import annotations

import numpy as np
import pytest

from mnist_classifier.recognition.imaging.ruled_lines import STRIP_PX, largest_share, remove_lines, share_by_row

SIDE = 300


def page(*, tilt_degrees: float, squared: bool, darkness: float = 0.3) -> tuple[np.ndarray, np.ndarray]:
    """Densities of a stroke across a lined page, and of the stroke alone."""
    y, x = np.mgrid[:SIDE, :SIDE].astype(np.float32)
    tilt = np.deg2rad(tilt_degrees)
    along, across = x * np.cos(tilt) + y * np.sin(tilt), y * np.cos(tilt) - x * np.sin(tilt)
    lines = np.clip(1.8 - np.abs((across + 500) % 60 - 30), 0, 1)
    if squared:
        lines = np.maximum(lines, np.clip(1.8 - np.abs((along + 500) % 60 - 30), 0, 1))
    stroke = (np.abs(x - 150 - (y - 150) * 0.4) < 7) & (y > 90) & (y < 210)
    alone = stroke.astype(np.float32)
    return (alone + darkness * lines).astype(np.float32), alone


@pytest.mark.parametrize("tilt_degrees", [-9.5, -3.2, 0.0, 5.7, 10.0])
@pytest.mark.parametrize("squared", [False, True])
def test_lines_are_removed_and_the_stroke_that_crosses_them_is_kept(tilt_degrees: float, squared: bool):
    written, alone = page(tilt_degrees=tilt_degrees, squared=squared)
    cleaned = remove_lines(written, 0.05)
    assert (written[alone == 0] > 0.15).mean() > 0.04
    assert (cleaned[alone == 0] > 0.15).mean() < 0.004
    assert (cleaned[alone == 1] > 0.6).mean() > 0.99


def test_lines_as_dark_as_the_pen_leave_no_gap_in_it():
    written, alone = page(tilt_degrees=2.0, squared=False, darkness=1.0)
    cleaned = remove_lines(np.minimum(written, 1), 0.05)
    assert (cleaned[alone == 0] > 0.4).mean() < 0.01
    assert (cleaned[alone == 1] > 0.5).mean() > 0.9


def test_the_bar_of_a_digit_is_not_removed_as_a_line():
    density = np.zeros((SIDE, SIDE), np.float32)
    density[80:86, 80:220] = 1
    density[80:220, 214:220] = 1
    assert np.array_equal(remove_lines(density, 0.05), density)


@pytest.mark.parametrize("strips", [8, 9, 74, 75])
def test_no_line_has_a_larger_share_than_the_bound_that_saves_the_search(strips: int):
    """A steep line in a low and wide picture is known in half of the strips, or less."""
    for degrees in (-12, -11.5, 0, 12):
        slope = float(np.tan(np.deg2rad(degrees)))
        for row in range(64):
            rows = row + np.rint(slope * (np.arange(strips) + 0.5 - strips / 2) * STRIP_PX).astype(int)
            inside = np.flatnonzero((rows >= 0) & (rows < 64))
            shares = np.zeros((64, strips), np.float32)
            shares[rows[inside], inside] = 0.56
            assert share_by_row(shares, slope).max() <= largest_share(shares) + 1e-6
