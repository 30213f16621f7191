"""Export a model version as a zip file, and import one after checking it.

The archive is a plain zip of the version's files.  Import trusts nothing in
it: names, sizes, hashes, manifest, network and answers are checked first.  A
forger can compute hashes too, so they show damage, not origin.
"""

from __future__ import annotations

import io
import os
import threading
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mnist_classifier.core.errors import InvalidArchive, ModelCorrupt
from mnist_classifier.core.records import ModelVersion
from mnist_classifier.evaluation.acceptance import trial
from mnist_classifier.evaluation.acceptance.claimed_figures import ClaimedFigures, LoadSplit
from mnist_classifier.evaluation.acceptance.unpacking import check_entries, opened_zip
from mnist_classifier.registry.manifest import (
    LARGEST_BYTES,
    MANIFEST_FILE,
    MB,
    ONNX_FILE,
    ROBUSTNESS_FILE,
    WEIGHTS_FILE,
    parse_robustness,
    read_bounded,
    verified_bytes,
    verify,
)
from mnist_classifier.registry.manifest_types import ImportedManifest, parse
from mnist_classifier.registry.versions import Registry

REQUIRED = frozenset({MANIFEST_FILE, ONNX_FILE, WEIGHTS_FILE})
# A version has six files.  More are allowed, because they are counted before the archive is opened, which may err.
MOST_ENTRIES = 20
CHUNK = 64 * 1024
# Each import may use as much disk and memory as the limits allow, so only one runs at a time.
_turn = threading.Lock()


@dataclass(frozen=True)
class Imported:
    """An imported version; `remarks` says what could not be checked."""

    version: ModelVersion
    remarks: tuple[str, ...]


def export_version(registry: Registry, version: int) -> bytes:
    """Zip all files of a version.  Raises VersionMissing, ModelCorrupt."""
    registry.get(version)
    folder = registry.folder(version)
    manifest = registry.read(version, verify)
    files = {name: verified_bytes(folder, name, manifest) for name in LARGEST_BYTES if name in manifest["files"]}
    table = registry.stored_robustness(version)
    if table is not None and parse_robustness(table, manifest) is not None:
        files[ROBUSTNESS_FILE] = table
    files[MANIFEST_FILE] = read_bounded(folder / MANIFEST_FILE, LARGEST_BYTES[MANIFEST_FILE])
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            # ZipInfo has a fixed date, so the same version gives the same bytes.
            archive.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def archive_name(version: ModelVersion) -> str:
    """The file name of an export."""
    plain = "".join(
        letter if letter.isascii() and (letter.isalnum() or letter in "-_") else "-" for letter in version.name
    )
    return f"mnist-model-{version.version}-{plain}.zip"


def import_version(registry: Registry, data: bytes, load_split: LoadSplit) -> Imported:
    """Check an archive and save it as a new version; no alias moves.

    `load_split` returns the images of a split, to check the claimed figures with.
    Raises InvalidArchive, StorageFull.
    """
    with _turn, registry.folders.new_folder() as folder:
        unpack(data, folder)
        manifest, remarks = _check(folder, load_split)
        origin = {"version": manifest.get("version"), "run_id": manifest.get("run_id")}
        new = {**manifest, "run_id": None, "imported_from": origin}

        def move_files(target: Path) -> None:
            for path in folder.iterdir():
                if path.name != MANIFEST_FILE:
                    os.replace(path, target / path.name)

        return Imported(registry.save(new, move_files, keep_unrecorded=False), remarks)


def unpack(data: bytes, folder: Path) -> None:
    """Write the files of an archive, if each has a known name, is a plain file and is not too large.

    Raises InvalidArchive, and OSError if the disk fails.
    """
    with opened_zip(data, most_files=MOST_ENTRIES) as archive:
        _check_entries(archive.infolist())
        for entry in archive.infolist():
            _unpack_file(archive, entry, folder / entry.filename)


def _unpack_file(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, path: Path) -> None:
    """Write a file in chunks, because zipfile unpacks only as much as it is asked for."""
    with archive.open(entry) as packed, path.open("wb") as file:
        while chunk := packed.read(CHUNK):
            file.write(chunk)


def _check_entries(entries: list[zipfile.ZipInfo]) -> None:
    for entry in entries:
        if entry.filename not in LARGEST_BYTES:
            raise InvalidArchive(f"the archive has a file that is not part of a model version: {entry.filename!r}")
        if entry.file_size > LARGEST_BYTES[entry.filename]:
            limit = LARGEST_BYTES[entry.filename] / MB
            raise InvalidArchive(f"{entry.filename} unpacks to {entry.file_size / MB:.0f} MB; the limit is {limit:g}")
    check_entries(entries)
    if missing := sorted(REQUIRED - {entry.filename for entry in entries}):
        raise InvalidArchive(f"the archive lacks {', '.join(missing)}")


def _check(folder: Path, load_split: LoadSplit) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Check the unpacked files; returns the manifest and remarks.  Raises InvalidArchive."""
    try:
        data = read_bounded(folder / MANIFEST_FILE, LARGEST_BYTES[MANIFEST_FILE])
        manifest = parse(data, ImportedManifest, MANIFEST_FILE)
    except ModelCorrupt as error:
        raise InvalidArchive(error.message) from error
    claimed = ClaimedFigures(folder, manifest, load_split)
    claimed.compare(trial.run(folder, claimed.glyphs))
    return manifest, claimed.remarks
