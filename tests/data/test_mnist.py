from __future__ import annotations

import gzip
import hashlib
import json
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from mnist_classifier.core.errors import DataCorrupt, DataMissing, DownloadFailed
from mnist_classifier.data import mnist
from tests.mirror import Mirror, StartMirror, dead_url

TRAIN_IMAGES, TRAIN_LABELS, TEST_IMAGES, TEST_LABELS = mnist.DATA_CHECKSUMS


def idx(array: np.ndarray) -> bytes:
    """The IDX file of a uint8 array."""
    return struct.pack(f">{1 + array.ndim}I", 0x0800 | array.ndim, *array.shape) + array.tobytes()


def small_mnist() -> dict[str, bytes]:
    """The four files, uncompressed, with a few random images (which do not compress)."""
    rng = np.random.default_rng(0)
    files = {}
    for images, labels, count in ((TRAIN_IMAGES, TRAIN_LABELS, 400), (TEST_IMAGES, TEST_LABELS, 50)):
        files[images] = idx(rng.integers(0, 256, (count, 28, 28), dtype=np.uint8))
        files[labels] = idx(rng.integers(0, 10, count, dtype=np.uint8))
    return files


FILES = small_mnist()
CHECKSUMS = {name: hashlib.sha256(contents).hexdigest() for name, contents in FILES.items()}
ZIPPED = {f"{name}.gz": gzip.compress(contents, mtime=0) for name, contents in FILES.items()}


def write_zipped(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, contents in ZIPPED.items():
        (folder / name).write_bytes(contents)
    return folder


# --- finding and reading ------------------------------------------------------------------------------


@pytest.mark.parametrize("spelling", ["{}", "{}.gz"])
@pytest.mark.parametrize("separator", ["-idx", ".idx"])
def test_every_spelling_is_read(tmp_path: Path, spelling: str, separator: str) -> None:
    for name, contents in FILES.items():
        path = tmp_path / spelling.format(name.replace("-idx", separator))
        path.write_bytes(gzip.compress(contents) if path.suffix == ".gz" else contents)

    train = mnist.load([tmp_path], mnist.TRAIN, checksums=CHECKSUMS)

    assert train.images.shape == (400, 28, 28)
    assert train.labels.shape == (400,)
    assert train.images.dtype == train.labels.dtype == np.uint8
    assert idx(train.images) == FILES[TRAIN_IMAGES]
    assert idx(train.labels) == FILES[TRAIN_LABELS]
    assert train.images.flags.writeable  # PyTorch warns of tensors over read-only arrays
    assert train.labels.flags.writeable


def test_first_folder_with_both_files_wins(tmp_path: Path) -> None:
    half = tmp_path / "half"
    half.mkdir()
    (half / TRAIN_IMAGES).write_bytes(FILES[TRAIN_IMAGES])
    first, second = write_zipped(tmp_path / "first"), write_zipped(tmp_path / "second")
    directories = [tmp_path / "absent", half, first, second]

    assert mnist.find(directories, mnist.TRAIN) == first
    assert mnist.is_available(directories)
    assert not mnist.is_available([half])


def test_missing_data_names_the_folders_and_the_way_out(tmp_path: Path) -> None:
    directories = [tmp_path / "one", tmp_path / "two"]

    with pytest.raises(DataMissing) as caught:
        mnist.load(directories, mnist.TEST)

    for part in (*map(str, directories), "test", "mnist data", "MNIST_DATA_DIR"):
        assert part in caught.value.message
    assert "\n" not in caught.value.message


def flip_last_byte(contents: bytes) -> bytes:
    return contents[:-1] + bytes([contents[-1] ^ 1])


IMAGES, LABELS = FILES[TEST_IMAGES], FILES[TEST_LABELS]
HTML = b"<!DOCTYPE html><title>404</title>" * 9
CORRUPTIONS = {
    "cut gzip": (TEST_IMAGES + ".gz", gzip.compress(IMAGES)[:-2000], "cut short: the gzip data stops"),
    "html as gzip": (TEST_IMAGES + ".gz", HTML, "not the right kind of file: expected .* 0x00000803, found 0x3c21444f"),
    "flipped bit in gzip": (
        TEST_IMAGES + ".gz",
        gzip.compress(IMAGES)[:-5] + b"12345",
        "damaged: CRC check failed",
    ),
    "broken deflate": (TEST_IMAGES + ".gz", gzip.compress(IMAGES)[:10] + b"\xff" * 99, "damaged: Error -3"),
    "empty gzip": (TEST_IMAGES + ".gz", b"", "too short: expected a header of 16 bytes, found 0 bytes"),
    "cut header": (TEST_LABELS, LABELS[:7], "too short: expected a header of 8 bytes, found 7 bytes"),
    "html": (TEST_IMAGES, HTML, "not the right kind of file: expected .* 0x00000803, found 0x3c21444f"),
    "labels as images": (TEST_IMAGES, LABELS * 9, "expected the magic number 0x00000803, found 0x00000801"),
    "images as labels": (TEST_LABELS, IMAGES, "expected the magic number 0x00000801, found 0x00000803"),
    "32x32 images": (
        TEST_IMAGES,
        idx(np.zeros((9, 32, 32), np.uint8)),
        "wrong size: expected 28x28, found 32x32",
    ),
    "cut images": (TEST_IMAGES, IMAGES[:-1], "cut short: expected 39200 bytes after the header, found 39199"),
    "cut labels": (TEST_LABELS, LABELS[:-3], "cut short: expected 50 bytes after the header, found 47"),
    "extra bytes": (TEST_LABELS, LABELS + b"!", "too long: expected 50 bytes after the header, found 51"),
    "altered image": (TEST_IMAGES, flip_last_byte(IMAGES), "altered: expected SHA-256 [0-9a-f]{64}, found "),
    "altered label": (TEST_LABELS, flip_last_byte(LABELS), "altered: expected SHA-256 [0-9a-f]{64}, found "),
    "bomb": (
        TEST_LABELS + ".gz",
        gzip.compress(LABELS + bytes(50_000_000)),
        "too long: .* found 47040009 or more",
    ),
}


@pytest.mark.parametrize(("file", "contents", "expected"), CORRUPTIONS.values(), ids=CORRUPTIONS)
def test_corrupt_file_is_named_with_what_was_expected(
    tmp_path: Path, file: str, contents: bytes, expected: str
) -> None:
    write_zipped(tmp_path)
    (tmp_path / f"{file.removesuffix('.gz')}.gz").unlink()
    (tmp_path / file).write_bytes(contents)

    with pytest.raises(DataCorrupt, match=expected) as caught:
        mnist.load([tmp_path], mnist.TEST, checksums=CHECKSUMS)

    assert caught.value.message.startswith(str(tmp_path / file))
    assert "Delete this file and run `mnist data`" in caught.value.message


def test_images_and_labels_must_be_as_many(tmp_path: Path) -> None:
    labels = idx(np.zeros(3, np.uint8))
    write_zipped(tmp_path)
    (tmp_path / f"{TEST_LABELS}.gz").write_bytes(gzip.compress(labels))

    with pytest.raises(DataCorrupt, match="50 test images but 3 labels"):
        mnist.load([tmp_path], mnist.TEST, checksums=CHECKSUMS | {TEST_LABELS: hashlib.sha256(labels).hexdigest()})


def test_import_is_light() -> None:
    code = (
        "import sys, mnist_classifier.data.mnist;"
        "print(sorted({'requests', 'filelock', 'tqdm', 'torch', 'PIL'} & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


@pytest.mark.mnist
def test_real_files_are_complete(mnist_dirs: list[Path]) -> None:
    train, test = (mnist.load(mnist_dirs, split) for split in mnist.PUBLISHED_SPLITS)

    assert train.images.shape == (60_000, 28, 28)
    assert test.images.shape == (10_000, 28, 28)
    # Source: the counts of each digit in the published sets.
    assert np.bincount(train.labels).tolist() == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    assert np.bincount(test.labels).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]


# --- splitting ----------------------------------------------------------------------------------------


def fingerprint(*arrays: np.ndarray) -> str:
    return hashlib.sha256(b"".join(array.astype("<i8").tobytes() for array in arrays)).hexdigest()[:16]


def test_split_is_a_partition_with_exact_shares() -> None:
    labels = np.repeat(np.arange(10, dtype=np.uint8), [10, 20, 30, 40, 50, 60, 70, 80, 90, 150])

    train, validation = mnist.split_train_validation(labels, 60)

    assert train.dtype == validation.dtype == np.int64
    assert sorted([*train, *validation]) == list(range(600))
    assert (np.diff(train) > 0).all()
    assert (np.diff(validation) > 0).all()
    assert np.bincount(labels[validation]).tolist() == [1, 2, 3, 4, 5, 6, 7, 8, 9, 15]


def test_largest_remainders_get_the_odd_places() -> None:
    labels = np.repeat(np.arange(3, dtype=np.uint8), [50, 27, 23])  # shares of 10: 5.0, 2.7, 2.3
    _, validation = mnist.split_train_validation(labels, 10)
    assert np.bincount(labels[validation]).tolist() == [5, 3, 2]


def test_split_never_changes() -> None:
    labels = (np.arange(60_000) * 7 % 10).astype(np.uint8)
    train, validation = mnist.split_train_validation(labels)
    assert (len(train), len(validation)) == (55_000, 5_000)
    assert fingerprint(train, validation) == "b40abb033d4183c7"


@pytest.mark.mnist
def test_split_of_the_real_labels_never_changes(mnist_dirs: list[Path]) -> None:
    labels = mnist.load(mnist_dirs, mnist.TRAIN).labels
    train, validation = mnist.split_train_validation(labels)
    assert np.bincount(labels[validation]).tolist() == [494, 562, 496, 511, 487, 452, 493, 522, 487, 496]
    assert fingerprint(train, validation) == "68868e7a64453a1c"


def test_split_depends_on_the_seed_alone() -> None:
    labels = np.arange(1000, dtype=np.uint8) % 10
    one, again, other = (mnist.split_train_validation(labels, 100, seed)[1] for seed in (1, 1, 2))
    assert (one == again).all()
    assert not (one == other).all()


@pytest.mark.parametrize(("count", "size"), [(0, 0), (7, 0), (7, 7), (1, 1)])
def test_split_at_the_bounds(count: int, size: int) -> None:
    train, validation = mnist.split_train_validation(np.arange(count, dtype=np.uint8), size)
    assert (len(train), len(validation)) == (count - size, size)


@pytest.mark.parametrize("size", [-1, 11])
def test_split_refuses_impossible_sizes(size: int) -> None:
    with pytest.raises(ValueError, match="between 0 and 10"):
        mnist.split_train_validation(np.zeros(10, np.uint8), size)


# --- downloading --------------------------------------------------------------------------------------


def fetch(target: Path, *mirrors: str, progress: mnist.Progress | None = None) -> None:
    mnist.ensure([target], mirrors=mirrors, checksums=CHECKSUMS, progress=progress)


def assert_complete(target: Path) -> None:
    """The folder contains all four files, and nothing else except the lock."""
    assert {path.name for path in target.iterdir()} - {".download.lock"} == set(ZIPPED)
    for split in mnist.PUBLISHED_SPLITS:
        mnist.load([target], split, checksums=CHECKSUMS)


def test_download_fetches_each_file_once(tmp_path: Path, start: StartMirror) -> None:
    mirror = start(Mirror(ZIPPED))
    target = tmp_path / "new" / "folder"
    calls: list[tuple[int, int]] = []

    fetch(target, mirror.url, progress=lambda done, total: calls.append((done, total)))

    assert_complete(target)
    assert sorted(mirror.requests) == sorted((name, None) for name in ZIPPED)
    assert calls[-1] == (sum(map(len, ZIPPED.values())),) * 2


WRONG_FILES = {
    "html": (dict.fromkeys(ZIPPED, HTML), "is not the right kind of file"),
    "other data": ({**ZIPPED, f"{TRAIN_IMAGES}.gz": ZIPPED[f"{TEST_IMAGES}.gz"]}, "is altered"),
    "too much": (dict.fromkeys(ZIPPED, bytes(16_000_001)), "it is larger than 16000000 bytes"),
}


@pytest.mark.parametrize(("files", "reason"), WRONG_FILES.values(), ids=WRONG_FILES)
def test_wrong_files_are_refused_and_another_mirror_helps(
    tmp_path: Path, start: StartMirror, files: dict[str, bytes], reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    bad, good = start(Mirror(files)), start(Mirror(ZIPPED))

    with (
        caplog.at_level("INFO"),
        pytest.raises(DownloadFailed, match=f"{TRAIN_IMAGES}.gz could not be downloaded: the mirror sent a wrong file"),
    ):
        fetch(tmp_path, bad.url)
    assert reason in caplog.text
    assert not any((tmp_path / name).exists() for name in ZIPPED)
    fetch(tmp_path, bad.url, good.url)

    assert_complete(tmp_path)


def test_mirrors_may_compress_differently(tmp_path: Path, start: StartMirror) -> None:
    compressed_otherwise = {f"{name}.gz": gzip.compress(FILES[name], 1) for name in FILES}
    assert compressed_otherwise != ZIPPED
    first = start(Mirror(compressed_otherwise, cut_after=[100_000, 0]))
    second = start(Mirror(ZIPPED))

    fetch(tmp_path, first.url, second.url)

    assert_complete(tmp_path)
    assert second.requests == [(f"{TRAIN_IMAGES}.gz", None)]


@pytest.mark.parametrize(
    ("damaged", "contents", "fetched"),
    [
        (f"{TEST_IMAGES}.gz", HTML, [TEST_IMAGES, TEST_LABELS]),
        (TEST_IMAGES, b"not IDX", [TEST_IMAGES, TEST_LABELS]),
        (f"{TEST_IMAGES}.gz", ZIPPED[f"{TEST_IMAGES}.gz"], [TEST_LABELS]),
    ],
)
def test_with_a_missing_file_good_ones_stay_and_corrupt_ones_are_replaced(
    tmp_path: Path, start: StartMirror, damaged: str, contents: bytes, fetched: list[str]
) -> None:
    mirror = start(Mirror(ZIPPED))
    write_zipped(tmp_path)
    for name in (TEST_IMAGES, TEST_LABELS):
        (tmp_path / f"{name}.gz").unlink()
    (tmp_path / damaged).write_bytes(contents)

    fetch(tmp_path, mirror.url)

    assert mirror.requests == [(f"{name}.gz", None) for name in fetched]
    mnist.load([tmp_path], mnist.TEST, checksums=CHECKSUMS)


def test_two_processes_at_once_share_one_download(tmp_path: Path, start: StartMirror) -> None:
    mirror = start(Mirror(ZIPPED, delay_s=0.2))
    code = (
        "import json, sys; from pathlib import Path; from mnist_classifier.data import mnist;"
        "mnist.ensure([Path(sys.argv[1])], mirrors=[sys.argv[2]], checksums=json.loads(sys.argv[3]))"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "data"), mirror.url, json.dumps(CHECKSUMS)]

    processes = [subprocess.Popen(command) for _ in range(2)]

    assert [process.wait(timeout=60) for process in processes] == [0, 0]
    assert_complete(tmp_path / "data")
    assert len(mirror.requests) == len(ZIPPED)


def test_target_that_cannot_be_a_folder_names_the_way_out(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DownloadFailed, match="File exists. Set MNIST_DATA_DIR"):
        fetch(tmp_path / "file", dead_url())


def test_ensure_asks_no_mirror_when_all_is_there(tmp_path: Path) -> None:
    mnist.ensure([tmp_path / "absent", write_zipped(tmp_path)], mirrors=[dead_url()], checksums=CHECKSUMS)


def test_ensure_fetches_what_is_missing_into_the_last_folder(tmp_path: Path, start: StartMirror) -> None:
    mirror = start(Mirror(ZIPPED))
    here, cache = write_zipped(tmp_path / "here"), tmp_path / "cache"
    (here / f"{TEST_IMAGES}.gz").unlink()

    mnist.ensure([here, cache], mirrors=[mirror.url], checksums=CHECKSUMS)

    assert sorted(path.name for path in cache.glob("*.gz")) == [f"{TEST_IMAGES}.gz", f"{TEST_LABELS}.gz"]
    assert mnist.is_available([here, cache])
