from __future__ import annotations

import numpy as np
import pytest
import torch

from mnist_classifier.recognition.imaging.normalise import MNIST_LONGER_SIDES
from mnist_classifier.recognition.imaging.preprocess import make_glyph
from mnist_classifier.training.synthetic.pen import (
    as_glyphs,
    change_width,
    draw_segments,
    fit_like_preprocessing,
    ink_boxes,
)
from mnist_classifier.training.synthetic.styles import stroke_width


def cross(width_px: float, size: float = 8.0) -> torch.Tensor:
    """(1, 28, 28): a plus sign about the centre."""
    low, high = 14.5 - size, 14.5 + size
    segments = torch.tensor([[[low, 14.5, high, 14.5], [14.5, low, 14.5, high]]])
    return draw_segments(segments, torch.tensor([width_px]))


@pytest.mark.parametrize("width_px", [1.0, 2.0, 3.5])
def test_a_stroke_is_as_wide_as_its_pen(width_px: float):
    middle = draw_segments(torch.tensor([[[4.0, 14.3, 24.0, 14.3]]]), torch.tensor([width_px]))[0, :, 14]
    assert float(middle.sum()) == pytest.approx(width_px, abs=0.15)
    assert float(stroke_width(cross(width_px))) == pytest.approx(width_px, abs=0.8)


def test_a_missing_segment_draws_nothing():
    segments = torch.full((2, 3, 4), float("nan"))
    segments[0, 1] = torch.tensor([5.0, 5.0, 20.0, 20.0])
    drawn = draw_segments(segments, torch.tensor([2.0, 2.0]))
    assert drawn[0].max() == 1
    assert drawn[1].max() == 0


def test_fitting_does_what_preprocessing_does():
    picture = torch.zeros(60, 90)
    picture[20:50, 33:41] = 1.0
    picture[44:50, 33:60] = 1.0
    fitted = fit_like_preprocessing(picture[None])[0]
    expected = make_glyph((picture * 255).to(torch.uint8).numpy())
    assert expected is not None
    difference = np.abs(fitted.numpy() * 255 - expected)
    assert difference.mean() < 8  # of 255; most of it at the edges, which are resampled differently


@pytest.mark.parametrize("scale", [0.5, 1.0, 1.6])
def test_a_fitted_digit_has_mnists_size_and_place(scale: float):
    drawn = cross(2.0, size=8 * scale)
    fitted = fit_like_preprocessing(torch.nn.functional.pad(drawn, (9, 2, 0, 7)))
    left, top, right, bottom = ink_boxes(fitted)[0].tolist()
    assert max(right - left, bottom - top) in (*MNIST_LONGER_SIDES, 21)
    place = torch.arange(28.0)
    assert float((fitted[0].sum(0) @ place) / fitted.sum()) == pytest.approx(14, abs=0.3)
    assert float((fitted[0].sum(1) @ place) / fitted.sum()) == pytest.approx(14, abs=0.3)


def test_strokes_get_wider_and_thinner_by_what_was_asked():
    drawn = cross(3.0).repeat(3, 1, 1)
    changed = change_width(drawn, torch.tensor([-1.0, 0.0, 1.0]))
    assert torch.equal(changed[1], drawn[1])
    thin, same, thick = changed[:, :, 9].sum(dim=1).tolist()  # across the lying stroke
    assert thin == pytest.approx(same - 1, abs=0.35)
    assert thick == pytest.approx(same + 1, abs=0.35)


def test_nothing_drawn_stays_nothing():
    blank = torch.zeros(2, 28, 28)
    assert torch.equal(fit_like_preprocessing(blank), blank)


def test_no_pictures_make_no_glyphs():
    assert as_glyphs(torch.zeros(0, 60, 90)).shape == (0, 28, 28)
