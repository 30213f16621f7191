from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest

from mnist_classifier.core.errors import DataMissing
from mnist_classifier.core.records import MARK_CHARACTERS, MarkKind
from mnist_classifier.data import pen_digits
from mnist_classifier.evaluation.robustness.pages import source
from mnist_classifier.evaluation.robustness.pages.kinds import KINDS
from mnist_classifier.evaluation.robustness.pages.source import make, samples
from mnist_classifier.evaluation.robustness.pages.writing import MARKS, Writer, generated_writers, writers_of

WRITERS = generated_writers(1)
MARKED = [name for name in KINDS if name.startswith(("brackets", "dates", "decimals", "signs"))]


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_is_made_alike_from_the_same_seed(kind: str):
    first, second = (make(kind, 3, WRITERS, seed=5) for _ in range(2))
    assert np.array_equal(first.picture, second.picture)
    assert (first.text, first.marks, first.cells) == (second.text, second.marks, second.cells)
    assert not np.array_equal(first.picture, make(kind, 3, WRITERS, seed=6).picture)


def test_two_pictures_of_a_kind_differ():
    pictures = [make("plain", index, WRITERS, seed=1).picture.tobytes() for index in range(20)]
    assert len(set(pictures)) == 20


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_has_digits_and_a_picture_of_a_usual_size(kind: str):
    sample = make(kind, 0, WRITERS, seed=1)
    assert sample.picture.dtype == np.uint8
    assert all(30 < side < 2500 for side in sample.picture.shape[:2])
    assert all(line.isdigit() for line in sample.lines)
    assert (sample.mode == "number") or len(sample.number) == 1
    assert sample.picture.min() < sample.picture.max()


@pytest.mark.parametrize("kind", MARKED)
def test_marks_are_in_the_text_but_not_in_the_digits(kind: str):
    for index in range(10):
        sample = make(kind, index, WRITERS, seed=1)
        marks = "".join(MARK_CHARACTERS[mark.kind] for mark in sample.marks)
        assert marks
        assert marks == "".join(character for character in sample.text if not character.isdigit())
        assert sample.number == "".join(character for character in sample.text if character.isdigit())


@pytest.mark.parametrize("kind", sorted(KINDS.keys() - set(MARKED)))
def test_without_marks_the_text_is_the_number(kind: str):
    sample = make(kind, 0, WRITERS, seed=1)
    assert not sample.marks
    assert sample.text == sample.number


@pytest.mark.parametrize("kind", ["dates_slashes", "dates_photo", "signs"])
def test_the_box_of_a_mark_is_on_its_ink(kind: str):
    for index in range(5):
        sample = make(kind, index, WRITERS, seed=1)
        for mark in sample.marks:
            x, y, width, height = mark.box
            inside = sample.picture[y : y + height, x : x + width]
            assert inside.min() < 0.6 * np.median(sample.picture)


@pytest.mark.parametrize("kind", ["table", "table_photo"])
def test_the_cells_of_a_table_hold_the_numbers_of_its_lines(kind: str):
    for index in range(5):
        sample = make(kind, index, WRITERS, seed=1)
        rows = [
            "".join(cell.number or "" for cell in row)
            for _, row in itertools.groupby(sample.cells, key=lambda cell: cell.row)
        ]
        assert tuple(rows) == sample.lines


def test_a_cell_has_ink_in_its_box_unless_it_is_empty():
    for index in range(10):
        sample = make("table", index, WRITERS, seed=1)
        for cell in sample.cells:
            x, y, width, height = cell.box
            inside = sample.picture[y + 8 : y + height - 8, x + 8 : x + width - 8]
            assert (inside.min() < 128) == (cell.number is not None)


def test_only_a_struck_or_cut_number_is_rightly_doubted():
    assert {name for name, kind in KINDS.items() if kind.doubt_is_right} == {"struck", "cut_off"}
    assert [make(name, 0, WRITERS, seed=1).doubt_is_right for name in ("struck", "plain")] == [True, False]


def test_two_splits_have_no_writer_in_common(pen_dir: Path):
    sets = pen_digits.load([pen_dir])
    (test,), (validation,) = writers_of(sets.of_split("test")), writers_of(sets.of_split("validation"))
    assert sorted(test.digits) == sorted(validation.digits) == ["0", "1", "7"]
    assert test.digits["7"][0] is not validation.digits["7"][0]
    assert writers_of(sets.of_split("train")) == ()


def test_writers_without_all_digits_are_left_out_if_others_have_them(pen_dir: Path):
    sets = pen_digits.load([pen_dir])
    strokes = sets.digits[0].strokes
    whole = tuple(pen_digits.PenCharacter(str(label), "o", strokes) for label in range(10))
    found = writers_of(pen_digits.PenSets((*sets.digits, *whole), sets.characters))
    assert [sorted(writer.digits) for writer in found] == [list("0123456789")]


def test_a_slash_that_could_be_a_one_is_left_out(pen_dir: Path):
    sets = pen_digits.load([pen_dir])
    upright, leaning = (pen_digits.PenCharacter("/", "a", (np.array([[lean, 0.0], [0, 1000]]),)) for lean in (100, 400))
    writer, _ = writers_of(pen_digits.PenSets(sets.digits, (upright, leaning)))
    assert writer.marks == {MarkKind.SLASH: [leaning.strokes]}


def test_samples_come_from_the_pen_data_that_the_settings_name(pen_dir: Path, monkeypatch: pytest.MonkeyPatch):
    source.writers_in.cache_clear()
    monkeypatch.setenv("MNIST_PEN_DIR", str(pen_dir))
    first = next(samples("plain", seed=1, split="validation"))
    assert set(first.number) <= set("017")
    with pytest.raises(DataMissing, match="train"):
        samples("plain", seed=1, split="train")
    source.writers_in.cache_clear()


def test_a_writer_without_marks_writes_generated_ones():
    writer = Writer(WRITERS[0].digits)
    rng = np.random.default_rng(0)
    for kind in MARKS:
        assert all(np.isfinite(stroke).all() for stroke in writer.mark(kind, rng))
