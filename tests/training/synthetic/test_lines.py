from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mnist_classifier.data import pen_digits
from mnist_classifier.data.pen_digits import PenCharacter, PenSets, split_of
from mnist_classifier.data.splits import TEST, TRAIN, VALIDATION
from mnist_classifier.recognition.numbers.line_reader import CLASSES, FRAME_PX, HEIGHT_PX
from mnist_classifier.training.synthetic.line_characters import Hand, LineCharacters
from mnist_classifier.training.synthetic.line_joins import Placed, draw_join
from mnist_classifier.training.synthetic.line_noise import spoil
from mnist_classifier.training.synthetic.line_texts import random_text
from mnist_classifier.training.synthetic.lines import LineMaker
from mnist_classifier.training.synthetic.marks import BY_RULE, SIZES
from tests.handwriting import STROKES, glyphs


@pytest.fixture
def maker(pen_dir: Path) -> LineMaker:
    return LineMaker(LineCharacters.of_sets(pen_digits.load([pen_dir]), glyphs(30)))


def written_by(writers: list[str]) -> PenSets:
    strokes = tuple(np.array(stroke, np.float64) for stroke in STROKES[7])
    return PenSets(
        tuple(PenCharacter("7", writer, strokes) for writer in writers),
        tuple(PenCharacter("/", writer, strokes, lookalike=True) for writer in writers),
    )


def test_the_same_seed_writes_the_same_lines(maker: LineMaker):
    one, other = ([maker.line(rng) for _ in range(20)] for rng in map(np.random.default_rng, (5, 5)))
    for a, b in zip(one, other, strict=True):
        assert a.text == b.text
        assert np.array_equal(a.ink, b.ink)


def test_lines_have_ink_whole_frames_and_a_frame_for_every_label(maker: LineMaker):
    rng = np.random.default_rng(1)
    for _ in range(100):
        line = maker.line(rng, "0117/7)")
        assert line.ink.shape[0] == HEIGHT_PX
        assert line.ink.dtype == np.uint8
        assert line.ink.max() > 50
        # CTC needs a frame for each label and one between equal neighbours.
        assert line.ink.shape[1] % FRAME_PX == 0
        assert line.ink.shape[1] // FRAME_PX >= len(line.text) + 2


def test_texts_are_of_the_classes_and_all_classes_occur():
    rng = np.random.default_rng(2)
    texts = [random_text(rng) for _ in range(4000)]
    assert all(1 <= len(text) <= 10 for text in texts)
    assert set("".join(texts)) == set(CLASSES)
    assert 0.5 < sum(text.isdigit() for text in texts) / len(texts) < 0.8


def test_a_writer_is_in_one_split_and_three_in_five_train():
    writers = [f"writer {number}" for number in range(1000)]
    shares = {split: sum(split_of(writer) == split for writer in writers) for split in (TRAIN, VALIDATION, TEST)}
    assert sum(shares.values()) == 1000
    assert 560 < shares[TRAIN] < 640
    assert 160 < shares[VALIDATION] < 240


def test_training_lines_show_no_writing_of_validation_writers():
    writers = [f"writer {number}" for number in range(100)]
    characters = LineCharacters.of_sets(written_by(writers).of_split(TRAIN))
    assert characters.digits
    assert {split_of(writer) for writer in characters.digits} == {TRAIN}
    assert len(characters.marks["/"]) == sum(split_of(writer) == TRAIN for writer in writers)


def test_without_variation_writers_strokes_stay_as_they_are():
    characters = LineCharacters.of_sets(written_by(["a"]), varied=False)
    rng = np.random.default_rng(3)
    for _ in range(50):
        hand = characters.random_hand(rng)
        assert hand.source == "pen"
        assert np.array_equal(characters.strokes("7", hand, rng)[0], STROKES[7][0])


def test_a_digit_that_nobody_wrote_comes_from_a_template():
    characters = LineCharacters.of_sets(written_by(["a"]), varied=False)
    assert characters.strokes("4", Hand("pen", "a"), np.random.default_rng(4))


def test_look_alikes_of_digits_are_no_other_characters(pen_dir: Path):
    characters = LineCharacters.of_sets(pen_digits.load([pen_dir]))
    assert len(characters.marks["?"]) == 2  # X and x, but not O


def test_every_mark_has_a_size_and_marks_by_rule_have_strokes():
    rng = np.random.default_rng(5)
    assert set(SIZES) == set(CLASSES[10:])
    for make in BY_RULE.values():
        strokes = make(rng)
        assert all(points.shape[1] == 2 and np.isfinite(points).all() for points in strokes)


def test_a_join_connects_two_digits():
    ink = np.full((60, 6), 255, np.uint8)
    one, other = Placed(ink, left=10.0, top=30.0), Placed(ink, left=34.0, top=30.0)
    picture = np.zeros((120, 60), np.uint8)
    one.paste(picture)
    other.paste(picture)
    assert draw_join(picture, one, other, 60.0, 6.0, np.random.default_rng(6))
    assert (picture > 0).all(axis=1).sum() == 0
    assert (picture[:, 16:34] > 0).any(axis=0).all()


def test_digits_that_are_far_apart_are_not_joined():
    ink = np.full((60, 6), 255, np.uint8)
    picture = np.zeros((120, 200), np.uint8)
    far = Placed(ink, left=150.0, top=30.0)
    assert not draw_join(picture, Placed(ink, left=10.0, top=30.0), far, 60.0, 6.0, np.random.default_rng(7))
    assert not picture.any()


def test_spoiling_changes_some_lines_and_keeps_their_size():
    rng = np.random.default_rng(8)
    ink = np.zeros((HEIGHT_PX, 60), np.uint8)
    ink[10:30, 20:24] = 255
    spoilt = [spoil(ink, rng) for _ in range(100)]
    assert all(each.shape == ink.shape and each.dtype == np.uint8 for each in spoilt)
    assert 20 < sum(np.array_equal(each, ink) for each in spoilt) < 80
    assert ink.sum() == 20 * 4 * 255
