from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from mnist_classifier.core.settings import PRETRAINED_DIR
from mnist_classifier.data import mnist
from mnist_classifier.evaluation.robustness import corruptions
from mnist_classifier.evaluation.robustness.corruptions import CORRUPTIONS
from mnist_classifier.recognition.imaging.normalise import centre_of_mass, ink_box
from mnist_classifier.recognition.recogniser import Recogniser

each = pytest.mark.parametrize("name", CORRUPTIONS)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def over_seeds(corrupt: Callable[..., np.ndarray], image: np.ndarray, count: int = 60) -> list[np.ndarray]:
    return [corrupt(image, rng(seed)) for seed in range(count)]


def test_there_are_fifteen_and_those_of_the_goals_are_among_them():
    wanted = (
        "shift scale rotation shear thick thin gaussian_blur motion_blur shot_noise impulse_noise "
        "low_contrast inversion stripes fog"
    )
    assert len(CORRUPTIONS) == 15
    assert set(wanted.split()) < set(CORRUPTIONS)


@each
def test_a_picture_is_changed_repeatably_and_its_source_left_alone(name: str, digits: mnist.Images):
    image = digits.images[0].copy()
    first, same, other = (CORRUPTIONS[name](image, rng(seed)) for seed in (1, 1, 2))
    assert first.dtype == np.uint8
    assert first.ndim == 2
    assert np.array_equal(first, same)
    assert not np.array_equal(first, other)
    changes = [np.abs(changed.astype(int) - image).max() for changed in over_seeds(CORRUPTIONS[name], image, 10)]
    assert np.median(changes) > 30
    assert np.array_equal(image, digits.images[0])


@each
def test_the_label_is_kept(name: str, digits: mnist.Images):
    """The digit is still there to be read: a plain network reads most of them."""
    recogniser = Recogniser.open(PRETRAINED_DIR)
    readings = recogniser.read_many(CORRUPTIONS[name](digits.images[i % 12], rng(i)) for i in range(60))
    right = [r.prediction == digits.labels[i % 12] for i, r in enumerate(readings)]
    assert np.mean(right) >= 0.6


@each
def test_a_digit_of_hardly_any_ink_does_not_vanish(name: str):
    image = np.zeros((28, 28), np.uint8)
    image[5:23, 14] = 255
    for corrupted in over_seeds(CORRUPTIONS[name], image, 10):
        assert int(corrupted.max()) - int(corrupted.min()) > 20


def test_shift_moves_the_centre_by_up_to_six_pixels(digits: mnist.Images):
    before = centre_of_mass(digits.images[1])
    moves = np.array([centre_of_mass(image) for image in over_seeds(corruptions.shift, digits.images[1])]) - before
    assert 4 < np.abs(moves).max() <= 6.1
    assert moves.min() < 0 < moves.max()


def test_scale_makes_smaller_and_larger(digits: mnist.Images):
    heights = [
        bottom - top for top, bottom, _, _ in (ink_box(i > 64) for i in over_seeds(corruptions.scale, digits.images[1]))
    ]
    assert min(heights) <= 12
    assert max(heights) >= 24


def test_rotation_turns_up_to_thirty_degrees_both_ways():
    image = np.zeros((28, 28), np.uint8)
    image[4:24, 13:15] = 255
    angles = []
    for turned in over_seeds(corruptions.rotation, image, 200):
        rows, columns = np.nonzero(turned > 128)
        angles.append(np.degrees(np.arctan(np.polyfit(rows, columns, 1)[0])))
    assert -31 < min(angles) < -25
    assert 25 < max(angles) < 31


def test_shear_slants_and_keeps_the_height(digits: mnist.Images):
    image = np.zeros((28, 28), np.uint8)
    image[4:24, 13:15] = 255
    for slanted in over_seeds(corruptions.shear, image):
        rows, columns = np.nonzero(slanted > 128)
        assert 0.25 < abs(np.polyfit(rows, columns, 1)[0]) < 0.65
        assert rows.max() - rows.min() >= 18


def test_thick_adds_ink_and_thin_takes_it(digits: mnist.Images):
    for image in digits.images:
        ink = image.sum(dtype=int)
        assert corruptions.thick(image, rng()).sum(dtype=int) > 1.4 * ink
        assert corruptions.thin(image, rng()).sum(dtype=int) < 0.75 * ink


def test_thin_breaks_no_stroke_however_fine():
    image = np.zeros((28, 28), np.uint8)
    image[4:24, 6:12] = image[12:14, 6:22] = 255  # a wide stroke and one of 2 px
    for thinned in over_seeds(corruptions.thin, image):
        assert thinned[12:14, 8:21].max(axis=0).min() > 30


def test_a_widened_stroke_is_wider_by_twice_the_radius():
    image = np.zeros((28, 28), np.uint8)
    image[6:22, 12:16] = 255
    widths = [i[14].sum() / 255 for i in over_seeds(corruptions.thick, image)]
    assert min(widths) > 4 + 2 * 1.2 - 0.6
    assert max(widths) < 4 + 2 * 1.6 + 0.6


def test_inversion_is_dark_on_light_and_low_contrast_has_little_of_it(digits: mnist.Images):
    for image in over_seeds(corruptions.inversion, digits.images[0], 20):
        assert image[0, 0] >= 200
        assert image.min() <= 55
    for image in over_seeds(corruptions.low_contrast, digits.images[0], 20):
        assert 0.15 * 255 < int(image.max()) - int(image.min()) < 0.45 * 255


def test_impulses_hit_as_many_pixels_as_is_said():
    grey = np.full((28, 28), 128, np.uint8)
    hit = [np.mean(image != 128) for image in over_seeds(corruptions.impulse_noise, grey, 200)]
    assert min(hit) > 0.02
    assert max(hit) < 0.14
    assert np.mean(hit) == pytest.approx(0.07, abs=0.01)
