"""MNIST: find, download, read and split the four IDX files.

    mnist.ensure(settings.data_dirs())
    train = mnist.load(settings.data_dirs(), mnist.TRAIN)
    train_rows, validation_rows = mnist.split_train_validation(train.labels)

Files may be plain or packed with gzip.  Mirrors compress differently, so the
SHA-256 of the uncompressed contents identifies a file.
"""

from __future__ import annotations

import hashlib
import math
import os
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mnist_classifier.core.arrays import SIDE_PX, Bytes
from mnist_classifier.core.errors import DataCorrupt, DataMissing
from mnist_classifier.data.download import Progress as Progress  # callers use mnist.Progress
from mnist_classifier.data.download import Source, fetch
from mnist_classifier.data.packed_files import open_packed

# The two splits that MNIST publishes; splits.py divides the first one further.
TRAIN = "train"
TEST = "test"
PUBLISHED_SPLITS = (TRAIN, TEST)
SPLIT_SEED = 1998  # the year of the MNIST paper; another seed would change every validation result

# Public copies; the original site replies 403 or 404.
MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
)
# SHA-256 of the uncompressed contents.
DATA_CHECKSUMS = {
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}
# Rows of test images with disputed labels.
DISPUTED_TEST_LABELS = (947, 1621, 1901, 2130, 2462, 2597, 2654, 3520, 3558, 5937, 6651, 6783, 8527, 9679, 9729)
DISPUTED_SOURCE = "cleanlab/label-errors, mturk/mnist_mturk.json: fewer than three of five raters back the label"
_IMAGES = {TRAIN: "train-images-idx3-ubyte", TEST: "t10k-images-idx3-ubyte"}
_LABELS = {TRAIN: "train-labels-idx1-ubyte", TEST: "t10k-labels-idx1-ubyte"}

_LARGEST_CONTENTS = 16 + 60_000 * SIDE_PX * SIDE_PX  # bytes, the training images
_LARGEST_DOWNLOAD = 16_000_000  # bytes; the training images have 9.9 million
# Estimated bytes of each .gz, until a mirror reports the exact length.
_TYPICAL_DOWNLOAD = dict(zip(DATA_CHECKSUMS, (9_912_422, 28_881, 1_648_877, 4_542), strict=True))


@dataclass(frozen=True, eq=False)
class Images:
    """Images (N, 28, 28) uint8, ink = 255; labels (N,) uint8, 0 to 9."""

    images: Bytes
    labels: Bytes


def find(directories: Sequence[Path], split: str) -> Path | None:
    """Return the first directory that holds both files of the split, plain or .gz."""
    names = (_IMAGES[split], _LABELS[split])
    for directory in directories:
        if all(_locate(directory, name) for name in names):
            return directory
    return None


def is_available(directories: Sequence[Path]) -> bool:
    """Return whether each split is in one of the directories, without checking the contents."""
    return all(find(directories, split) for split in PUBLISHED_SPLITS)


def load(directories: Sequence[Path], split: str, *, checksums: Mapping[str, str] = DATA_CHECKSUMS) -> Images:
    """Read one split and verify its checksums.  Raises DataMissing, DataCorrupt."""
    directory = find(directories, split)
    if directory is None:
        raise DataMissing(
            f"No MNIST {split} files were found in {', '.join(map(str, directories))}. "
            "Run `mnist data` or press the button on the page to download them (12 MB), "
            "or set MNIST_DATA_DIR to the folder that holds them."
        )
    try:
        images = _read(directory, _IMAGES[split], checksums)[16:].reshape(-1, SIDE_PX, SIDE_PX)
        labels = _read(directory, _LABELS[split], checksums)[8:]
    except DataCorrupt as error:
        raise DataCorrupt(
            f"{error.message}. Delete this file and run `mnist data`, which downloads a good one."
        ) from None
    if len(images) != len(labels):
        raise DataCorrupt(f"{directory} holds {len(images)} {split} images but {len(labels)} labels.")
    return Images(images, labels)


def ensure(
    directories: Sequence[Path],
    download_to: Path | None = None,
    *,
    mirrors: Sequence[str] = MIRRORS,
    progress: Progress | None = None,
    checksums: Mapping[str, str] = DATA_CHECKSUMS,
) -> None:
    """Download the splits that no directory has, by default into the last directory.

    Good files that are already there stay, corrupt ones are replaced.  An
    interrupted download is resumed.  A second process waits for the first.
    progress: called with bytes done and bytes in total.
    Raises DownloadFailed if no mirror has a good file, StorageFull.
    """
    missing = [split for split in PUBLISHED_SPLITS if find(directories, split) is None]
    if not missing:
        return
    target = download_to or directories[-1]
    names = {f"{files[split]}.gz": files[split] for split in missing for files in (_IMAGES, _LABELS)}
    fetch(
        target,
        {packed: _TYPICAL_DOWNLOAD[name] for packed, name in names.items()},
        Source(mirrors, lambda path, packed: _contents(path, names[packed], checksums), _LARGEST_DOWNLOAD),
        is_here=lambda packed: _is_good(target, names[packed], checksums),
        progress=progress,
        unwritable_advice="Set MNIST_DATA_DIR to a folder that you may write to.",
    )


def split_train_validation(
    labels: Bytes, validation_size: int = 5000, seed: int = SPLIT_SEED
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Split the training images: sorted indices for training and for validation.

    Every class has its exact share of the validation images (largest
    remainder).  The same labels, size and seed always give the same split:
    NumPy guarantees the raw stream of PCG64, but not its distributions.
    """
    if not 0 <= validation_size <= len(labels):
        raise ValueError(f"validation_size must lie between 0 and {len(labels)}, not {validation_size}")
    order = np.argsort(np.random.PCG64(seed).random_raw(len(labels)), kind="stable")
    chosen = np.zeros(len(labels), dtype=bool)
    for digit, quota in enumerate(_quotas(np.bincount(labels), validation_size)):
        chosen[order[labels[order] == digit][:quota]] = True
    return np.flatnonzero(~chosen).astype(np.int64), np.flatnonzero(chosen).astype(np.int64)


def _quotas(counts: npt.NDArray[np.int64], size: int) -> npt.NDArray[np.int64]:
    """Divide `size` in proportion to `counts`, in whole numbers (largest remainder)."""
    quotas, remainders = np.divmod(counts * size, max(int(counts.sum()), 1))
    largest_first = np.argsort(-remainders, kind="stable")
    quotas[largest_first[: size - int(quotas.sum())]] += 1
    return quotas


def _locate(directory: Path, name: str) -> Path | None:
    """Return the file in either spelling; .gz first, because `ensure` replaces that one."""
    for spelling in (name, name.replace("-idx", ".idx")):
        for path in (directory / f"{spelling}.gz", directory / spelling):
            if os.path.isfile(path):  # False if the folder may not be read; Path.is_file would raise
                return path
    return None


def _read(directory: Path, name: str, checksums: Mapping[str, str]) -> Bytes:
    path = _locate(directory, name)
    if path is None:
        raise DataCorrupt(f"{directory / name} is missing")
    return np.frombuffer(_contents(path, name, checksums), dtype=np.uint8).copy()  # writable


def _is_good(directory: Path, name: str, checksums: Mapping[str, str]) -> bool:
    try:
        _read(directory, name, checksums)
    except DataCorrupt:
        return False
    return True


def _contents(path: Path, name: str, checksums: Mapping[str, str]) -> bytes:
    """Return the uncompressed contents of `path`, verified as those of `name`.  Raises DataCorrupt."""
    with open_packed(path, str(path)) as file:
        contents = file.read(_LARGEST_CONTENTS + 1)
    _check_structure(path, contents, dimensions=3 if "idx3" in name else 1)
    found, expected = hashlib.sha256(contents).hexdigest(), checksums[name]
    if found != expected:
        raise DataCorrupt(f"{path} is altered: expected SHA-256 {expected}, found {found}")
    return contents


def _check_structure(path: Path | str, contents: bytes, dimensions: int) -> None:
    """Check the length of the contents against the IDX header."""
    shape = parse_header(path, contents, dimensions)
    expected, found = math.prod(shape), len(contents) - 4 - 4 * dimensions
    if found != expected:
        problem = "is cut short" if found < expected else "is too long"
        raise DataCorrupt(
            f"{path} {problem}: expected {expected} bytes after the header, found {found}"
            + (" or more" if len(contents) > _LARGEST_CONTENTS else "")
        )


def parse_header(path: Path | str, contents: bytes, dimensions: int) -> list[int]:
    """Parse the header of an IDX file, 4 + 4 * dimensions bytes: [images, 28, 28] or [labels].

    Source: LeCun, the MNIST page (0x08 for bytes and the number of dimensions,
    then each dimension as a big-endian 32 bit integer).  Raises DataCorrupt.
    """
    header_bytes = 4 + 4 * dimensions
    if len(contents) < header_bytes:
        raise DataCorrupt(
            f"{path} is too short: expected a header of {header_bytes} bytes, found {len(contents)} bytes"
        )
    magic, *shape = struct.unpack(f">{1 + dimensions}I", contents[:header_bytes])
    if magic != 0x0800 | dimensions:
        raise DataCorrupt(
            f"{path} is not the right kind of file: expected the magic number 0x{0x0800 | dimensions:08x}, "
            f"found 0x{magic:08x}"
        )
    if shape[1:] not in ([], [SIDE_PX, SIDE_PX]):
        raise DataCorrupt(
            f"{path} holds images of the wrong size: expected {SIDE_PX}x{SIDE_PX}, found {shape[1]}x{shape[2]}"
        )
    return shape
