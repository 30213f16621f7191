from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from mnist_classifier.core.errors import DataMissing
from mnist_classifier.core.settings import PRETRAINED_DIR, Settings
from mnist_classifier.data import mnist, pen_digits
from mnist_classifier.evaluation.robustness.measures import MEASURES
from mnist_classifier.evaluation.robustness.suite import SuiteData, load_data, promotion_rows, run_suite
from mnist_classifier.recognition.recogniser import Recogniser

pytestmark = pytest.mark.usefixtures("few_kinds_of_pages")


@pytest.fixture(scope="module")
def recogniser() -> Recogniser:
    return Recogniser.open(PRETRAINED_DIR)


@pytest.fixture
def data(digits: mnist.Images, pen_dir: Path) -> SuiteData:
    return SuiteData("validation", digits, pen_digits.load([pen_dir]))


def test_two_models_read_the_same_pictures_as_each_would_alone(recogniser: Recogniser, data: SuiteData):
    assert data.pen is not None
    refuses_much = Recogniser.open(PRETRAINED_DIR)
    refuses_much.thresholds = dataclasses.replace(refuses_much.thresholds, not_a_digit_above=1e-7)
    both = promotion_rows((recogniser, refuses_much), data.digits, data.pen, 4)
    assert both == [promotion_rows((each,), data.digits, data.pen, 4)[0] for each in (recogniser, refuses_much)]
    assert both[0] != both[1]
    assert {"pen_digits.mean", "characters.auroc", "corruptions.mean"} <= {row["id"] for row in both[0]}


def test_the_whole_table_of_the_model_in_the_box_is_always_the_same(recogniser: Recogniser, data: SuiteData):
    told: list[tuple[str, int, int]] = []
    report = run_suite(recogniser, data, limit=2, progress=lambda *part: told.append(part))
    table = json.loads(json.dumps(report.to_dict()))

    ids = [row["id"] for row in table["rows"]]
    assert len(set(ids)) == len(ids)
    kinds = {
        "pen_digits",
        "characters",
        "non_digits",
        "mnist",
        "corruptions",
        "photographs",
        "crops",
        "strings",
        "pages",
    }
    assert {name.split(".")[0] for name in ids} == kinds
    for row in table["rows"]:
        low, high = row["interval_95"]
        assert 0 <= low <= row["measured"] <= high <= 1
        assert row["n"] > 0
        assert (row["goal"] is None) == (row["reached"] is None)
    assert table["left_out"] == {}
    assert table["summary"]["goals"] == sum(row["goal"] is not None for row in table["rows"])
    assert table["summary"]["goals_reached"] == sum(bool(row["reached"]) for row in table["rows"])
    assert (table["split"], table["limit"]) == ("validation", 2)

    names, done, totals = zip(*told, strict=True)
    assert done == tuple(range(len(names)))
    assert set(totals) == {len(names)}

    assert run_suite(recogniser, data, limit=2).rows == report.rows
    assert data.pen is not None
    compared = promotion_rows((recogniser,), data.digits, data.pen, 2)[0]
    assert compared[0] == next(row for row in table["rows"] if row["id"] == "pen_digits.mean")


def test_without_pen_sets_the_suite_says_what_it_left_out(recogniser: Recogniser, data: SuiteData):
    told: list[tuple[str, int, int]] = []
    without = dataclasses.replace(data, pen=None, pen_missing="nobody has them")
    report = run_suite(recogniser, without, limit=2, progress=lambda *part: told.append(part))
    needing = {name for name, measure in MEASURES.items() if measure.needs_pen}
    assert report.left_out == dict.fromkeys(needing, "nobody has them")
    assert not [row for row in report.rows if row.id.startswith(("pen_digits", "characters"))]
    assert report.to_dict()["summary"]["pen_digits_mean"] is None
    assert told[-1][1] + 1 == told[-1][2]


@pytest.mark.mnist
def test_the_suite_reads_only_writers_of_its_split(mnist_dirs: list[Path], settings: Settings, pen_dir: Path):
    settings = dataclasses.replace(settings, data_dir=mnist.find(mnist_dirs, mnist.TRAIN), pen_dir=pen_dir)
    sets = {split: load_data(settings, split).pen for split in ("validation", "test")}
    for split, pen in sets.items():
        assert pen is not None
        assert len(pen.digits) == 3
        assert {pen_digits.split_of(each.writer) for each in (*pen.digits, *pen.characters)} == {split}
    without = load_data(settings, "train")
    assert without.pen is None
    assert without.pen_missing == "the writers of the train split wrote no digits or no other characters"


def test_only_a_full_run_on_the_test_images_is_final(recogniser: Recogniser, data: SuiteData):
    report = run_suite(recogniser, data, limit=1)
    assert not report.is_final
    assert not dataclasses.replace(report, split="test").is_final
    assert not dataclasses.replace(report, limit=None).is_final
    assert dataclasses.replace(report, split="test", limit=None).is_final


@pytest.mark.mnist
def test_pen_sets_that_nobody_named_may_be_missing_but_not_those_that_were_named(
    mnist_dirs: list[Path], settings: Settings, pen_dir: Path, tmp_path: Path
):
    settings = dataclasses.replace(settings, data_dir=mnist.find(mnist_dirs, mnist.TEST))
    without = load_data(settings, "test")
    assert without.pen is None
    assert str(settings.pen_dirs()[0]) in without.pen_missing
    assert load_data(dataclasses.replace(settings, pen_dir=pen_dir), "test").pen is not None
    with pytest.raises(DataMissing, match="nowhere"):
        load_data(dataclasses.replace(settings, pen_dir=tmp_path / "nowhere"), "test")
