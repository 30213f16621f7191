from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pytest

from mnist_classifier.core.errors import DataCorrupt, DataMissing
from mnist_classifier.data import pen_digits
from mnist_classifier.data.pen_digits import CHARACTERS_FILE, DIGITS_FILE
from tests.handwriting import STROKES, write_lines

GOOD = {"label": 1, "writer": "a", "strokes": STROKES[1]}


def test_both_sets_are_read_with_labels_and_points(pen_dir: Path):
    sets = pen_digits.load([pen_dir])
    assert [digit.label for digit in sets.digits] == ["0", "1", "7"] * 2
    assert np.array_equal(sets.digits[2].strokes[0], STROKES[7][0])
    assert len(sets.characters) == 3
    assert [character.label for character in sets.non_digits] == ["X", "x"]


def test_every_writer_is_in_one_split_and_stays_there():
    assert {writer: pen_digits.split_of(writer) for writer in "afd"} == {"a": "test", "f": "validation", "d": "train"}
    places = [pen_digits.split_of(f"writer {i}") for i in range(1000)]
    assert 0.5 < places.count("train") / 1000 < 0.7
    assert 0.15 < places.count("validation") / 1000 < 0.25


def test_the_first_folder_with_both_files_is_used(pen_dir: Path, tmp_path: Path):
    half = tmp_path / "half"
    half.mkdir()
    write_lines(half / DIGITS_FILE, [GOOD])
    assert pen_digits.find([tmp_path / "none", half, pen_dir]) == pen_dir
    assert pen_digits.find([half]) is None


def test_the_error_for_missing_sets_names_the_folders_and_the_option(tmp_path: Path):
    with pytest.raises(DataMissing, match=r"none.*--pen-dir"):
        pen_digits.load([tmp_path / "none"])


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({**GOOD, "label": 10}, r"`int` <= 9 - at `\$.label`"),
        ({**GOOD, "label": "1"}, r"Expected `int`, got `str` - at `\$.label`"),
        ({**GOOD, "label": True}, r"Expected `int`, got `bool` - at `\$.label`"),
        ({"label": 1, "writer": "a"}, "required field `strokes`"),
        ({**GOOD, "strokes": []}, r"length >= 1 - at `\$.strokes`"),
        ({**GOOD, "strokes": "none"}, r"got `str` - at `\$.strokes`"),
        ({**GOOD, "strokes": [[]]}, r"length >= 1 - at `\$.strokes\[0\]`"),
        ({**GOOD, "strokes": [[[1, 2, 3]]]}, r"length 2 - at `\$.strokes"),
        ({**GOOD, "strokes": [[[1, 2], [3]]]}, r"length 2 - at `\$.strokes"),
        ({**GOOD, "strokes": [[[1, float("nan")]]]}, "malformed"),
        ({**GOOD, "strokes": [[["x", 1]]]}, r"got `str` - at `\$.strokes"),
        ([1], "Expected `object`, got `array`"),
    ],
)
def test_a_damaged_row_is_named_by_file_and_line(pen_dir: Path, row: object, said: str):
    write_lines(pen_dir / DIGITS_FILE, [GOOD, row])
    with pytest.raises(DataCorrupt, match=said) as caught:
        pen_digits.load([pen_dir])
    assert f"{DIGITS_FILE}, line 2:" in caught.value.message


def test_a_character_must_say_whether_it_is_a_lookalike(pen_dir: Path):
    write_lines(pen_dir / CHARACTERS_FILE, [{"label": "X", "writer": "a", "strokes": STROKES[1], "lookalike": "no"}])
    with pytest.raises(DataCorrupt, match=r"Expected `bool`, got `str` - at `\$.lookalike`"):
        pen_digits.load([pen_dir])


WHOLE = gzip.compress((json.dumps(GOOD) * 50).encode(), mtime=0)


@pytest.mark.parametrize(
    ("contents", "said"),
    [
        (WHOLE[: len(WHOLE) // 2], "is cut short"),
        (WHOLE[:-8] + bytes(8), "is damaged"),
        (b"{}", "line 1"),
        (b"", "is empty"),
        (gzip.compress(b"", mtime=0), "is empty"),
        (gzip.compress(b"{", mtime=0), "line 1"),
        (gzip.compress(b"\xff\xfe", mtime=0), "line 1"),
    ],
)
def test_a_damaged_file_is_named(pen_dir: Path, contents: bytes, said: str):
    (pen_dir / DIGITS_FILE).write_bytes(contents)
    with pytest.raises(DataCorrupt, match=said) as caught:
        pen_digits.load([pen_dir])
    assert str(pen_dir / DIGITS_FILE) in caught.value.message
    assert "restore the file from a copy" in caught.value.message


def test_a_file_that_unpacks_to_too_much_is_refused(pen_dir: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(pen_digits, "LARGEST_CONTENTS", 100)
    with pytest.raises(DataCorrupt, match="more than 100 bytes"):
        pen_digits.load([pen_dir])
