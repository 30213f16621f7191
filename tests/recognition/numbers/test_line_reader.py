from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mnist_classifier.core.arrays import SIDE_PX, Bytes, Doubles, Floats, Integers
from mnist_classifier.data import mnist
from mnist_classifier.data.splits import VALIDATION, load_split
from mnist_classifier.recognition.numbers.line_reader import (
    CLASSES,
    FOLDER,
    HEIGHT_PX,
    LABELS,
    LineReader,
    edge_scores,
    frames,
)
from mnist_classifier.registry.line_manifest import read_line_manifest
from mnist_classifier.registry.manifest import MANIFEST_FILE, verified_bytes


def log_probabilities(count: int, sharpness: float = 3.0) -> Floats:
    scores = np.random.default_rng(count).normal(0, sharpness, (count, LABELS))
    return (scores - np.logaddexp.reduce(scores, axis=1, keepdims=True)).astype(np.float32)


def by_hand(opinions: Doubles) -> list[float]:
    """The sum over every place where a label can begin and end, for each label; then the blanks alone."""
    blank, count = opinions[:, 0], len(opinions)
    paths = [
        [
            blank[:first].sum() + opinions[first : last + 1, label].sum() + blank[last + 1 :].sum()
            for first in range(count)
            for last in range(first, count)
        ]
        for label in range(1, LABELS)
    ]
    return [*(float(np.logaddexp.reduce(each, initial=-np.inf)) for each in paths), float(blank.sum())]


@pytest.mark.parametrize("sharpness", [1.0, 40.0])
def test_edge_scores_are_the_sum_over_all_paths_of_a_window(sharpness: float):
    opinions = log_probabilities(14, sharpness)
    windows = [(start, end) for start in range(15) for end in range(start, 15)]
    scores = edge_scores(opinions, *np.array(windows).T)
    assert scores.shape == (len(windows), len(CLASSES) + 1)
    expected = [by_hand(opinions[start:end].astype(np.float64)) for start, end in windows]
    np.testing.assert_allclose(scores, expected, rtol=1e-12)


def test_an_empty_window_shows_nothing_for_sure():
    scores = edge_scores(log_probabilities(3), np.array([0, 3]), np.array([0, 3]))
    assert (scores[:, -1] == 0).all()
    assert (scores[:, :-1] == -np.inf).all()


def test_an_empty_line_and_no_windows_are_allowed():
    nothing = np.zeros(0, np.int64)
    assert edge_scores(log_probabilities(4), nothing, nothing).shape == (0, LABELS)
    assert edge_scores(np.empty((0, LABELS), np.float32), np.array([0]), np.array([0]))[0, -1] == 0


def test_scores_of_long_unlikely_windows_stay_finite():
    opinions = np.full((600, LABELS), -30.0, np.float32)
    assert np.isfinite(edge_scores(opinions, np.array([0]), np.array([600]))).all()


def test_a_line_of_odd_width_has_a_frame_for_its_last_column():
    assert [frames(width) for width in (0, 1, 2, 3)] == [0, 1, 1, 2]


def side_by_side(images: mnist.Images, rows: Integers, overlap_px: int) -> Bytes:
    """MNIST digits in a line; their ink overlaps by so many columns, or leaves a gap if the number is negative."""
    cropped = [image[:, image.max(axis=0) > 0] for image in images.images[rows]]
    line = np.zeros((HEIGHT_PX, sum(each.shape[1] for each in cropped) + 20 * len(cropped)), np.uint8)
    top, left = (HEIGHT_PX - SIDE_PX) // 2, 6
    for each in cropped:
        part = line[top : top + SIDE_PX, left : left + each.shape[1]]
        np.maximum(part, each, out=part)
        left += each.shape[1] - overlap_px
    return line[:, : left + overlap_px + 6]


def text_of(log_probabilities: Floats) -> str:
    labels = log_probabilities.argmax(axis=1).tolist()
    return "".join(CLASSES[b - 1] for a, b in zip([0, *labels], labels, strict=False) if b not in (0, a))


@pytest.mark.mnist
@pytest.mark.parametrize(("overlap_px", "at_least"), [(-4, 0.9), (2, 0.85)])
def test_the_line_reader_in_the_box_reads_digits_that_stand_apart_or_overlap(
    mnist_dirs: list[Path], overlap_px: int, at_least: float
):
    images = load_split(mnist_dirs, VALIDATION)
    chosen = np.random.default_rng(1).integers(0, len(images.labels), (200, 4))
    lines = [side_by_side(images, rows, overlap_px) for rows in chosen]
    expected = ["".join(map(str, images.labels[rows])) for rows in chosen]
    found = [text_of(each) for each in LineReader.open().read(lines)]
    assert np.mean([one == other for one, other in zip(found, expected, strict=True)]) >= at_least


def test_the_files_of_the_box_are_those_of_the_manifest():
    manifest = read_line_manifest(FOLDER)
    assert set(manifest["files"]) == {path.name for path in FOLDER.iterdir()} - {MANIFEST_FILE}
    for name in manifest["files"]:
        assert verified_bytes(FOLDER, name, manifest)
