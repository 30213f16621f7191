from __future__ import annotations

import math
import threading
from pathlib import Path

import numpy as np
import pytest

from mnist_classifier.core.records import Reading, Verdict
from mnist_classifier.core.settings import PRETRAINED_DIR
from mnist_classifier.data import mnist
from mnist_classifier.recognition import batch as batches
from mnist_classifier.recognition.batch import GLYPHS_PER_CALL, REFUSED, VERDICTS, read_glyphs
from mnist_classifier.recognition.recogniser import BLANK, Recogniser


@pytest.fixture(scope="module")
def recogniser() -> Recogniser:
    return Recogniser.open(PRETRAINED_DIR)


@pytest.fixture(scope="module")
def glyphs(digits: mnist.Images) -> np.ndarray:
    """Digits, noise of every strength, and blanks: more than one part."""
    noise = np.random.default_rng(0).integers(0, 256, (3 * GLYPHS_PER_CALL, 28, 28))
    strength = np.linspace(0, 1, len(noise))[:, None, None]
    return np.concatenate([digits.images, (noise * strength).astype(np.uint8), np.zeros((1, 28, 28), np.uint8)])


def one_by_one(recogniser: Recogniser, glyphs: np.ndarray, thresholds: dict[str, float]) -> list[Reading]:
    return [BLANK if glyph.max() < 40 else recogniser.read_glyph(glyph, thresholds) for glyph in glyphs]


@pytest.mark.parametrize("thresholds", [{}, {"ambiguous_below": 0.9}, {"not_a_digit_above": 0.01}])
def test_a_batch_has_the_same_results_as_single_glyphs(
    recogniser: Recogniser, glyphs: np.ndarray, thresholds: dict[str, float]
):
    batch = read_glyphs(recogniser, glyphs, thresholds)
    readings = one_by_one(recogniser, glyphs, thresholds)
    assert len(batch) == len(readings) == len(glyphs)
    assert [VERDICTS[code] for code in batch.verdicts] == [reading.verdict for reading in readings]
    assert batch.predictions.tolist() == [REFUSED if r.prediction is None else r.prediction for r in readings]
    assert np.allclose(batch.confidences, [reading.confidence for reading in readings], atol=1e-5)
    assert np.allclose(batch.probabilities, [reading.probabilities for reading in readings], atol=1e-5)
    assert np.allclose(batch.not_a_digit, [reading.not_a_digit for reading in readings], atol=1e-5)


def test_every_verdict_occurs_in_that_comparison(recogniser: Recogniser, glyphs: np.ndarray):
    seen = {VERDICTS[code] for code in read_glyphs(recogniser, glyphs, {"ambiguous_below": 0.9}).verdicts}
    assert seen == set(Verdict)


@pytest.mark.parametrize("cores", [1, 2, 64])
def test_the_number_of_cores_does_not_change_readings(
    recogniser: Recogniser, glyphs: np.ndarray, cores: int, monkeypatch: pytest.MonkeyPatch
):
    expected = read_glyphs(recogniser, glyphs)
    monkeypatch.setattr(batches, "usable_cores", lambda: cores)
    batch = read_glyphs(recogniser, glyphs)
    assert np.array_equal(batch.verdicts, expected.verdicts)
    assert np.allclose(batch.probabilities, expected.probabilities, atol=1e-6)


def test_large_batches_use_several_threads_and_small_ones_none(
    recogniser: Recogniser, glyphs: np.ndarray, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(batches, "usable_cores", lambda: 2)
    read, seen = recogniser.opinions, []
    monkeypatch.setattr(recogniser, "opinions", lambda part: (seen.append(threading.current_thread()), read(part))[1])
    read_glyphs(recogniser, glyphs[:GLYPHS_PER_CALL])
    assert set(seen) == {threading.main_thread()}
    seen.clear()
    read_glyphs(recogniser, glyphs)
    assert threading.main_thread() not in seen


def test_no_glyphs_give_no_readings(recogniser: Recogniser):
    batch = read_glyphs(recogniser, np.empty((0, 28, 28), np.uint8))
    assert (len(batch), batch.probabilities.shape, batch.ink.shape) == (0, (0, 10), (0,))


def test_mean_ink_is_a_share_of_full_white():
    glyphs = np.zeros((2, 28, 28), np.uint8)
    glyphs[1] = 255
    assert batches.mean_ink(glyphs).tolist() == [0.0, 1.0]


@pytest.mark.mnist
def test_the_accuracy_on_the_test_images_is_that_of_the_card(recogniser: Recogniser, mnist_dirs: list[Path]):
    test = mnist.load(mnist_dirs, mnist.TEST)
    batch = read_glyphs(recogniser, test.images)
    right = int((batch.probabilities.argmax(axis=1) == test.labels).sum())
    assert right == recogniser.manifest["metrics"]["test"]["correct"]


@pytest.mark.parametrize(("limit", "cores"), [("150000 100000", 2), ("50000 100000", 1), ("max 100000", math.inf)])
def test_the_limit_of_a_container_is_kept(tmp_path: Path, limit: str, cores: float):
    group = tmp_path / "sys/fs/cgroup/a"
    group.mkdir(parents=True)
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/self/cgroup").write_text("0::/a\n")
    (group / "cpu.max").write_text(f"{limit}\n")
    assert batches.container_cores(tmp_path) == cores
