"""A model version as one file to carry away, and back in again after it was checked.

The archive is a plain zip of the version's files.  Nothing in it is believed:
names, sizes, hashes, manifest, network and answers are checked before a new
version is made of it.  Whoever made the archive could also have made the
hashes, so they show damage, not origin.
"""

from __future__ import annotations

import io
import stat
import tempfile
import time
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mnist_classifier.comparison import TEST, report_of
from mnist_classifier.dataset import Images
from mnist_classifier.errors import DataError, InvalidArchive, MnistError, ModelError
from mnist_classifier.gate import answers
from mnist_classifier.manifest import (
    CARD_FILE,
    MANIFEST_FILE,
    ONNX_FILE,
    REPORT_FILE,
    ROBUSTNESS_FILE,
    WEIGHTS_FILE,
    verify,
)
from mnist_classifier.onnx_check import check_onnx
from mnist_classifier.recogniser import Recogniser
from mnist_classifier.records import ModelVersion
from mnist_classifier.registry import Registry
from mnist_classifier.shape_check import check_manifest, check_robustness, check_weights

MB = 1_000_000
# Largest size of each file once unpacked.  A network of 4 million parameters, ten times the
# largest recipe's, has 16 MB.
LARGEST_BYTES = {
    MANIFEST_FILE: MB // 5,
    ONNX_FILE: 50 * MB,
    WEIGHTS_FILE: 50 * MB,
    REPORT_FILE: 5 * MB,
    CARD_FILE: MB,
    ROBUSTNESS_FILE: MB,
}
LARGEST_ARCHIVE = 100 * MB
REQUIRED = frozenset({MANIFEST_FILE, ONNX_FILE, WEIGHTS_FILE})
# Of the report's images so many others are read besides those that it says were read wrong.
SAMPLE = 500
# An answer on the edge may tip with another processor's rounding.
TIPPED = 2
# The slowest recipe reads a glyph in 0.5 ms; a network that takes this long is no use here.
SLOWEST_S = 2.0


@dataclass(frozen=True)
class Imported:
    """A version that came in; `remarks` says what could not be checked."""

    version: ModelVersion
    remarks: tuple[str, ...]


def export_version(registry: Registry, version: int) -> bytes:
    """A zip of all files of a version.  Raises VersionMissing, ModelCorrupt."""
    registry.get(version)
    folder = registry.folder(version)
    manifest = verify(folder)
    names = [MANIFEST_FILE, *(name for name in LARGEST_BYTES if name in manifest["files"])]
    if (folder / ROBUSTNESS_FILE).is_file():
        names.append(ROBUSTNESS_FILE)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            # A fixed date: the same version gives the same bytes.
            archive.writestr(zipfile.ZipInfo(name), (folder / name).read_bytes(), zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def archive_name(version: ModelVersion) -> str:
    """What to call the file of an export."""
    plain = "".join(
        letter if letter.isascii() and (letter.isalnum() or letter in "-_") else "-" for letter in version.name
    )
    return f"mnist-model-{version.version}-{plain}.zip"


def import_version(registry: Registry, data: bytes, load_split: Callable[[str], Images]) -> Imported:
    """Make a new version of an archive, once all of it has been checked; no alias moves.

    `load_split` gives the test images, for the answers that the report
    records.  Raises InvalidArchive, StorageFull.
    """
    files = unpack(data)
    with tempfile.TemporaryDirectory(prefix="mnist-import-") as name:
        folder = Path(name)
        for file, content in files.items():
            (folder / file).write_bytes(content)
        try:
            manifest, remarks = _check(folder, files, load_split)
        except ModelError as error:
            # What is wrong is wrong with what was sent; paths of this machine help nobody.
            raise InvalidArchive(error.message.replace(f"{folder}/", ""), field="file") from error
    origin = {"version": manifest.get("version"), "run_id": manifest.get("run_id")}
    new = {**manifest, "run_id": None, "imported_from": origin}

    def write_files(target: Path) -> None:
        for file, content in files.items():
            if file != MANIFEST_FILE:
                (target / file).write_bytes(content)

    return Imported(registry.save(new, write_files), remarks)


def unpack(data: bytes) -> dict[str, bytes]:
    """The files of an archive: known names, bounded sizes, plain files.  Raises InvalidArchive."""
    if len(data) > LARGEST_ARCHIVE:
        raise _refused(f"the archive has {len(data) / MB:.0f} MB; at most {LARGEST_ARCHIVE / MB:.0f} are taken")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = archive.infolist()
            _check_entries(entries)
            return {entry.filename: archive.read(entry) for entry in entries}
    except (zipfile.BadZipFile, NotImplementedError, OSError, EOFError, ValueError, RuntimeError) as error:
        # zlib.error is no OSError, but zipfile raises BadZipFile for a wrong checksum.
        raise _refused(f"this is no zip archive that can be read: {error}") from error
    except Exception as error:
        if isinstance(error, MnistError):
            raise
        raise _refused(f"the archive is damaged: {error}") from error


def _check_entries(entries: list[zipfile.ZipInfo]) -> None:
    names = [entry.filename for entry in entries]
    for entry in entries:
        if entry.filename not in LARGEST_BYTES:
            raise _refused(f"the archive has a file that is no part of a model version: {entry.filename!r}")
        kind = stat.S_IFMT(entry.external_attr >> 16)
        if entry.is_dir() or kind not in (0, stat.S_IFREG):
            raise _refused(f"{entry.filename} is no plain file in the archive")
        if entry.flag_bits & 1:
            raise _refused("the archive is encrypted")
        if entry.file_size > LARGEST_BYTES[entry.filename]:
            limit = LARGEST_BYTES[entry.filename] / MB
            raise _refused(f"{entry.filename} unpacks to {entry.file_size / MB:.0f} MB; at most {limit:g} are taken")
    if len(set(names)) < len(names):
        raise _refused("the archive has a file twice")
    if missing := sorted(REQUIRED - set(names)):
        raise _refused(f"the archive lacks {', '.join(missing)}")


def _check(
    folder: Path, files: Mapping[str, bytes], load_split: Callable[[str], Images]
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Everything but the zip itself; returns the manifest and remarks.  Raises ModelError."""
    check_manifest(files[MANIFEST_FILE])
    manifest = verify(folder)
    unlisted = set(files) - {MANIFEST_FILE, ROBUSTNESS_FILE} - set(manifest["files"])
    if unlisted:
        raise InvalidArchive(f"the manifest does not vouch for {', '.join(sorted(unlisted))}", field="file")
    check_weights(files[WEIGHTS_FILE])
    check_onnx(files[ONNX_FILE])
    if ROBUSTNESS_FILE in files:
        check_robustness(files[ROBUSTNESS_FILE])
    started = time.perf_counter()
    recogniser = answers(folder)
    recogniser.check_interface()
    if time.perf_counter() - started > SLOWEST_S:
        raise InvalidArchive("the network takes seconds for one image", field="file")
    return manifest, _check_answers(recogniser, report_of(folder), load_split)


def _check_answers(
    recogniser: Recogniser, report: dict[str, Any] | None, load_split: Callable[[str], Images]
) -> tuple[str, ...]:
    """Whether the network reads test images as its report records."""
    try:
        wrong = {entry["index"]: entry["prediction"] for entry in (report or {})["test"]["wrong"]}
    except (KeyError, TypeError):
        return ("its answers were not compared: it has no report that records them",)
    try:
        test = load_split(TEST)
    except DataError:
        return ("its answers were not compared with its report: the MNIST test images are not here",)
    rows = np.unique([*np.linspace(0, len(test.labels) - 1, SAMPLE, dtype=int), *_within(wrong, len(test.labels))])
    recorded = np.array([wrong.get(int(row), test.labels[row]) for row in rows])
    read = recogniser.opinions(test.images[rows])[:, :10].argmax(axis=1)
    if (differing := int((read != recorded).sum())) > TIPPED:
        raise InvalidArchive(
            f"the network reads {differing} of {len(rows)} test images otherwise than its report says", field="file"
        )
    return ()


def _within(wrong: Mapping[Any, Any], count: int) -> list[int]:
    return [row for row in wrong if isinstance(row, int) and 0 <= row < count]


def _refused(message: str) -> InvalidArchive:
    return InvalidArchive(message, field="file")
