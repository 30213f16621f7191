from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mnist_classifier.core.metrics import measure
from mnist_classifier.core.onnx_runtime import open_session
from mnist_classifier.core.records import Thresholds
from mnist_classifier.core.settings import PRETRAINED_DIR
from mnist_classifier.core.train_config import TrainConfig
from mnist_classifier.data import mnist
from mnist_classifier.recognition.imaging.preprocess import mean_ink
from mnist_classifier.recognition.recogniser import softmax
from mnist_classifier.registry.manifest import (
    CARD_FILE,
    ONNX_FILE,
    REPORT_FILE,
    read_manifest,
    read_robustness,
    robustness_file,
    verified_bytes,
    verify,
    write_manifest,
    write_robustness,
)
from mnist_classifier.training.data import TrainingData
from mnist_classifier.training.loop import train
from mnist_classifier.training.release.card import WRONG_IMAGES, render_card, renew_card
from mnist_classifier.training.release.finished import FinishedTraining, renew_report, training_facts
from mnist_classifier.training.release.report import Scored, build_report, metrics_of
from tests.training.conftest import made_up_digits


def scored(answers: list[tuple[int, int, int]], logit: float = 4.0) -> Scored:
    """One image each: (label, prediction, second candidate)."""
    logits = np.zeros((len(answers), 10), np.float32)
    for row, (_, prediction, second) in zip(logits, answers, strict=True):
        row[second], row[prediction] = logit - 1, logit
    ink = np.linspace(0.1, 0.3, len(answers))
    return Scored(logits, np.array([label for label, _, _ in answers], np.uint8), ink, np.zeros(len(answers)))


RIGHT = scored([(digit, digit, 9 - digit) for digit in range(10)])
THRESHOLDS = Thresholds(ambiguous_below=0.6, not_a_digit_above=0.5)
TWO_WRONG = scored([(0, 0, 1), (4, 9, 4), (2, 2, 1), (7, 1, 2)])


def test_wrong_images_are_listed_with_the_second_candidate_and_disputed_ones_marked():
    report = build_report(RIGHT, TWO_WRONG, 1.0, THRESHOLDS, disputed=(1, 2, 5000))
    first, second = report["test"]["wrong"]
    assert (first["index"], first["label"], first["prediction"], first["second"]) == (1, 4, 9, 4)
    assert (second["index"], second["label"], second["prediction"], second["second"]) == (3, 7, 1, 2)
    assert (first["disputed"], second["disputed"]) == (True, False)
    assert first["confidence"] / first["second_confidence"] == pytest.approx(np.e, rel=1e-4)


def test_leaving_out_disputed_labels_has_a_name_of_its_own_and_changes_no_other_figure():
    with_none, with_two = (build_report(RIGHT, TWO_WRONG, 1.0, THRESHOLDS, disputed=d)["test"] for d in ((), (1, 2)))
    assert with_two["without_disputed_labels"]["images"] == 2
    assert with_two["without_disputed_labels"]["correct"] == 1
    assert with_none["without_disputed_labels"]["accuracy"] == with_two["accuracy"] == 0.5
    assert with_none["per_class"] == with_two["per_class"]


def test_figures_before_and_after_calibration_stand_side_by_side():
    report = build_report(RIGHT, TWO_WRONG, 2.0, THRESHOLDS)
    for split, answers in (("validation", RIGHT), ("test", TWO_WRONG)):
        before, after = (measure(answers.logits, answers.labels, temperature=t) for t in (1.0, 2.0))
        assert report[split]["uncalibrated"] == {"nll": round(before.nll, 6), "ece": round(before.ece, 6)}
        assert (report[split]["nll"], report[split]["ece"]) == (round(after.nll, 6), round(after.ece, 6))
        assert before.nll != after.nll


def test_ink_and_confidence_are_told_as_mean_and_deviation_for_a_server_to_compare_with():
    figures = build_report(RIGHT, TWO_WRONG, 2.0, THRESHOLDS)["validation"]
    assert figures["ink"] == {"mean": 0.2, "sd": pytest.approx(0.063828, abs=1e-6)}
    best, second, rest = np.exp(4 / 2), np.exp(3 / 2), 8
    assert figures["confidence"] == {"mean": pytest.approx(best / (best + second + rest), abs=1e-6), "sd": 0.0}


def test_verdicts_and_low_confidences_are_counted_on_the_validation_images_alone():
    answers = [(digit, digit, 9 - digit) for digit in range(10)]
    sure, unsure = scored(answers, logit=20.0), scored(answers, logit=2.0)
    mixed = Scored(
        *(np.concatenate([getattr(sure, name), getattr(unsure, name)]) for name in ("logits", "labels", "ink")),
        not_a_digit=np.array([0.9] * 3 + [0.0] * 17),
    )
    report = build_report(mixed, TWO_WRONG, 1.0, Thresholds(ambiguous_below=0.6, not_a_digit_above=0.5))
    assert report["validation"]["verdicts"] == {"digit": 7, "ambiguous": 10, "not_a_digit": 3}
    assert report["validation"]["low_confidence"] == 20  # 0.73 and less
    assert "verdicts" not in report["test"]


def test_the_manifest_has_the_figures_but_not_the_long_lists():
    report = build_report(RIGHT, TWO_WRONG, 1.0, THRESHOLDS)
    metrics = metrics_of(report)
    assert set(metrics) == {"validation", "test"}
    for split, figures in metrics.items():
        assert set(figures) >= {"images", "correct", "accuracy", "interval_95", "nll", "ece", "confusion"}
        assert set(figures) >= {"ink", "confidence"}
        assert not {"per_class", "wrong"} & set(figures)
        assert figures.items() <= report[split].items()


# --- the files of a version ---------------------------------------------------------------------------


@pytest.fixture
def finished(tiny_config: TrainConfig, tiny_data: TrainingData) -> FinishedTraining:
    config = replace(tiny_config, epochs=1)
    result = train(config, tiny_data)
    facts = training_facts(config, tiny_data, result, elapsed_s=1.0)
    return FinishedTraining(config, tiny_data, result.network, facts, run_id=3)


@pytest.fixture
def test_set() -> mnist.Images:
    return mnist.Images(*made_up_digits(300, seed=2))


def save(finished: FinishedTraining, test_set: mnist.Images, folder: Path) -> dict[str, Any]:
    finished.measure(test_set)
    return read_manifest(finished.save(folder))


def test_every_version_has_a_report_that_its_manifest_vouches_for(
    finished: FinishedTraining, test_set: mnist.Images, tmp_path: Path
):
    manifest = save(finished, test_set, tmp_path / "version")
    report = json.loads((tmp_path / "version" / REPORT_FILE).read_text("utf-8"))
    assert REPORT_FILE in manifest["files"]
    assert metrics_of(report) == manifest["metrics"]
    assert report["temperature"] == manifest["temperature"]
    assert len(report["test"]["wrong"]) == 300 - manifest["metrics"]["test"]["correct"]
    assert all(test_set.labels[image["index"]] == image["label"] for image in report["test"]["wrong"])


def test_a_report_can_be_made_again_from_the_weights_alone(
    finished: FinishedTraining, test_set: mnist.Images, tmp_path: Path
):
    folder = tmp_path / "version"
    manifest = save(finished, test_set, folder)
    before = {name: (folder / name).read_bytes() for name in manifest["files"]}
    for name in (REPORT_FILE, CARD_FILE):
        (folder / name).unlink()
    write_manifest(folder, {**manifest, "metrics": {}})
    assert renew_report(folder, finished.data, test_set) == manifest
    assert verify(folder) == manifest
    assert {name: (folder / name).read_bytes() for name in manifest["files"]} == before


def card_of(wrong: int) -> str:
    """The card of the model in the box, had it read so many test images wrong."""
    manifest = verify(PRETRAINED_DIR)
    report = json.loads((PRETRAINED_DIR / REPORT_FILE).read_text("utf-8"))
    one = build_report(RIGHT, TWO_WRONG, 1.0, THRESHOLDS, disputed=(1,))["test"]["wrong"][0]
    report["test"]["wrong"] = [{**one, "index": index, "confidence": index / 1000} for index in range(wrong)]
    return render_card(manifest, report)


def test_the_card_shows_the_wrong_images_the_surest_first():
    card = card_of(2)
    assert "2, most confident first" in card
    assert card.index("| 1* | 4 | 9 |") < card.index("| 0* | 4 | 9 |")


def test_a_card_stays_short_when_much_is_wrong():
    card = card_of(WRONG_IMAGES + 50)
    assert card.count("* | 4 | 9 |") == WRONG_IMAGES
    assert f"{WRONG_IMAGES + 50}; the {WRONG_IMAGES} most confident (report.json has all)" in card


def test_a_card_without_mistakes_says_so():
    assert "## Errors on the test images\n\nNone.\n" in card_of(0)


TABLE = {
    "measured_at": "2026-11-22T15:00:00+00:00",
    "summary": {"goals": 2, "goals_reached": 1},
    "rows": [
        {"id": "a", "title": "pen digits", "n": 7917, "measured": 0.9671, "interval_95": [0.96, 0.97],
         "goal": ">= 99.00%", "reached": False},
        {"id": "b", "title": "MNIST accepted", "n": 10, "measured": 0.5, "interval_95": [0.2, 0.8], "goal": None,
         "reached": None},
    ],
    "left_out": {"strings": "not yet"},
}  # fmt: skip


def test_a_card_says_how_robustness_is_measured_until_it_was():
    assert "`mnist evaluate --suite robust`" in card_of(0)


def test_a_renewed_card_shows_the_robustness_table_and_the_manifest_vouches_for_it(tmp_path: Path):
    folder = tmp_path / "version"
    shutil.copytree(PRETRAINED_DIR, folder)
    before = verify(folder)
    write_robustness(folder, robustness_file(before, TABLE))
    manifest = renew_card(folder)
    assert verify(folder) == manifest
    assert {**manifest, "files": {}} == {**before, "files": {}}
    card = (folder / CARD_FILE).read_text("utf-8")
    assert "1 of 2 goals reached" in card
    assert "| pen digits | 7,917 | 96.71% (96.00% to 97.00%) | >= 99.00% | no |" in card
    assert "| MNIST accepted | 10 | 50.00% (20.00% to 80.00%) |  |  |" in card
    assert "Left out: strings (not yet)." in card


# --- the model in the box -----------------------------------------------------------------------------


def scored_by_onnx(images: np.ndarray, labels: np.ndarray) -> Scored:
    data = verified_bytes(PRETRAINED_DIR, ONNX_FILE, verify(PRETRAINED_DIR))
    session = open_session(data)
    logits = np.concatenate([session.run(["logits"], {"glyphs": part})[0] for part in np.split(images, 20)])
    return Scored(logits[:, :10], labels, mean_ink(images), softmax(logits)[:, 10])


def assert_same(found: Any, expected: Any, where: str) -> None:
    """Equal but for the last digits of numbers, which differ between processors."""
    if isinstance(expected, dict):
        assert found.keys() == expected.keys(), where
        for key, value in expected.items():
            assert_same(found[key], value, f"{where}.{key}")
    elif isinstance(expected, list):
        assert len(found) == len(expected), where
        for index, value in enumerate(expected):
            assert_same(found[index], value, f"{where}[{index}]")
    elif isinstance(expected, float):
        assert found == pytest.approx(expected, abs=2e-5), where
    else:
        assert found == expected, where


@pytest.mark.mnist
@pytest.mark.slow
def test_the_report_of_the_model_in_the_box_is_what_its_onnx_graph_does(mnist_dirs: list[Path]):
    test, training = mnist.load(mnist_dirs, mnist.TEST), mnist.load(mnist_dirs, mnist.TRAIN)
    _, rows = mnist.split_train_validation(training.labels)
    manifest = verify(PRETRAINED_DIR)
    computed = build_report(
        scored_by_onnx(training.images[rows], training.labels[rows]),
        scored_by_onnx(test.images, test.labels),
        manifest["temperature"],
        Thresholds(**manifest["thresholds"]),
    )
    report = json.loads((PRETRAINED_DIR / REPORT_FILE).read_text("utf-8"))
    assert_same(computed, report, "report")
    assert manifest["metrics"] == metrics_of(report)
    robustness = read_robustness(PRETRAINED_DIR, manifest)
    assert (PRETRAINED_DIR / CARD_FILE).read_text("utf-8") == render_card(manifest, report, robustness)


def test_the_model_in_the_box_carries_its_robustness():
    table = read_robustness(PRETRAINED_DIR, verify(PRETRAINED_DIR))
    assert table is not None
    assert (table["split"], table["limit"]) == ("test", None)
    accuracy = next(row for row in table["rows"] if row["id"] == "mnist.accuracy")
    # The table counts answers, the card the likeliest digits, refused or not.
    likeliest = verify(PRETRAINED_DIR)["metrics"]["test"]["accuracy"]
    assert likeliest - 0.002 < accuracy["measured"] <= likeliest
    assert table["left_out"] == {}


@pytest.mark.mnist
def test_the_disputed_labels_are_those_that_the_raters_were_shown(mnist_dirs: list[Path]):
    labels = mnist.load(mnist_dirs, mnist.TEST).labels
    # Source: "given_original_label" in cleanlab/label-errors, mturk/mnist_mturk.json.
    shown = [8, 0, 9, 4, 2, 5, 6, 6, 5, 5, 0, 1, 4, 6, 5]
    assert labels[list(mnist.DISPUTED_TEST_LABELS)].tolist() == shown
