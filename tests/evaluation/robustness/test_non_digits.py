from __future__ import annotations

import numpy as np
import pytest

from mnist_classifier.data import mnist
from mnist_classifier.evaluation.robustness import non_digits
from mnist_classifier.evaluation.robustness.non_digits import NON_DIGITS, two_digits
from mnist_classifier.evaluation.robustness.shapes import FILLABLE, LETTERS, SHAPES
from mnist_classifier.recognition.imaging.background import find_ink

each = pytest.mark.parametrize("family", NON_DIGITS)


def made(family: str, count: int = 40) -> list[np.ndarray]:
    return [NON_DIGITS[family](np.random.default_rng(seed)) for seed in range(count)]


def pieces(picture: np.ndarray) -> int:
    """Connected pieces of ink."""
    ink = picture < 128
    count = 0
    while ink.any():
        count += 1
        todo = [tuple(np.argwhere(ink)[0])]
        while todo:
            row, column = todo.pop()
            if not ink[row, column]:
                continue
            ink[row, column] = False
            around = ((row + down, column + right) for down in (-1, 0, 1) for right in (-1, 0, 1))
            todo += [(r, c) for r, c in around if 0 <= r < ink.shape[0] and 0 <= c < ink.shape[1] and ink[r, c]]
    return count


def test_every_family_of_the_goals_is_there():
    assert set(NON_DIGITS) == {"scribbles", "blanks", "dots", "lines_across", "shapes", "letters"}


@each
def test_a_family_is_repeatable_and_varied(family: str):
    first, same = made(family, 20), made(family, 20)
    assert all(np.array_equal(a, b) for a, b in zip(first, same, strict=True))
    assert all((picture.shape, picture.dtype) == ((280, 280), np.uint8) for picture in first)
    assert len({picture.tobytes() for picture in first}) == 20


@pytest.mark.parametrize("family", sorted(set(NON_DIGITS) - {"blanks"}))
def test_there_is_ink_on_white_paper(family: str):
    for picture in made(family):
        assert picture.min() == 0
        assert 0.0002 < np.mean(picture < 128) < 0.5
        assert np.median(picture) == 255


def test_blanks_have_no_ink_that_a_person_would_see():
    pictures = made("blanks", 60)
    for picture in pictures:
        blurred = picture.reshape(28, 10, 28, 10).mean(axis=(1, 3))
        assert np.abs(np.diff(blurred, axis=0)).max() < 20
    assert 5 <= sum(picture.min() == picture.max() for picture in pictures) <= 30  # plain ones
    assert any(find_ink(picture) is not None for picture in pictures)  # some are noisy enough to be hard


def test_dots_are_one_to_six_round_pieces():
    counts = [pieces(picture) for picture in made("dots", 20)]
    assert min(counts) >= 1
    assert max(counts) <= 6
    assert len(set(counts)) > 2


def test_lines_go_from_edge_to_edge():
    for picture in made("lines_across"):
        rows, columns = np.nonzero(picture < 128)
        assert columns.max() - columns.min() > 0.6 * 280
        assert {int(columns.min()) == 0, int(columns.max()) == 279} & {True}
        assert len(rows)


def test_scribbles_have_many_turns():
    for make in (non_digits._tangle, non_digits._hatching, non_digits._loops):
        line = make(np.random.default_rng(0))
        steps = np.diff(line, axis=0)
        headings = np.unwrap(np.arctan2(steps[:, 1], steps[:, 0]))
        assert np.abs(np.diff(headings)).sum() > 4 * np.pi


@pytest.mark.parametrize("name", [*SHAPES, *LETTERS])
def test_every_template_is_a_drawing_in_the_unit_square(name: str):
    template = (SHAPES | LETTERS)[name]  # type: ignore[operator]
    points = np.concatenate([np.array(stroke) for stroke in template])
    assert all(len(stroke) >= 2 for stroke in template)
    assert points.min() >= -0.01
    assert points.max() <= 1.01
    assert np.ptp(points, axis=0).max() >= 0.6


def test_no_letter_is_one_that_can_be_read_as_a_digit():
    assert not set("BDGIJLOQSTYZabdgiloqstyzu") & set(LETTERS)


def test_filled_shapes_are_filled():
    pictures = made("shapes", 300)
    shares = sorted(np.mean(picture < 128) for picture in pictures)
    assert shares[-5] > 0.15
    assert set(SHAPES) > FILLABLE


def test_two_digits_are_both_there(digits: mnist.Images):
    for seed in range(30):
        picture = two_digits(digits.images[1], digits.images[4], np.random.default_rng(seed))
        assert picture.dtype == np.uint8
        assert np.median(picture) == 255
        assert pieces(picture) <= 2
    apart = [two_digits(digits.images[1], digits.images[4], np.random.default_rng(seed)) for seed in range(30)]
    assert sum(pieces(picture) == 2 for picture in apart) > 15
    assert len({picture.shape for picture in apart}) > 5
    ink = (digits.images[1].sum(dtype=int) + digits.images[4].sum(dtype=int)) * 16
    assert (255 - apart[0].astype(int)).sum() == pytest.approx(ink, rel=0.05)
