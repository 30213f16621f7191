"""Export a model version as a zip file, and import one after checking it.

The archive is a plain zip of the version's files.  Import trusts nothing in
it: names, sizes, hashes, manifest, network and answers are checked first.  A
forger can compute hashes too, so they show damage, not origin.
"""

from __future__ import annotations

import io
import itertools
import os
import stat
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mnist_classifier.core.errors import InvalidArchive, MnistError, ModelCorrupt
from mnist_classifier.core.records import ModelVersion
from mnist_classifier.evaluation.acceptance import trial
from mnist_classifier.evaluation.acceptance.claimed_figures import ClaimedFigures, LoadSplit
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

LARGEST_ARCHIVE = 100 * MB
REQUIRED = frozenset({MANIFEST_FILE, ONNX_FILE, WEIGHTS_FILE})
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
# Bits of an entry's flags: encrypted, a patch, strongly encrypted.
ENCRYPTED = 1 | 1 << 5 | 1 << 6
# The start of each entry in the directory of a zip.
ENTRY = b"PK\1\2"
# A version has six files.  More are allowed, because compressed bytes may contain ENTRY by chance.
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
    if len(data) > LARGEST_ARCHIVE:
        raise InvalidArchive(f"the archive has {len(data) / MB:.0f} MB; the limit is {LARGEST_ARCHIVE / MB:.0f} MB")
    if data.count(ENTRY) > MOST_ENTRIES:
        raise InvalidArchive("the archive has more files than a model version")
    with _zip_errors_as_invalid(), zipfile.ZipFile(io.BytesIO(data)) as archive:
        _check_entries(archive.infolist())
        for entry in archive.infolist():
            _unpack_file(archive, entry, folder / entry.filename)


def _unpack_file(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, path: Path) -> None:
    """Write a file in chunks, because zipfile unpacks only as much as it is asked for."""
    with archive.open(entry) as packed, path.open("wb") as file:
        while chunk := packed.read(CHUNK):
            file.write(chunk)


@contextmanager
def _zip_errors_as_invalid() -> Iterator[None]:
    try:
        yield
    except (OSError, MnistError):
        raise
    except Exception as error:  # zipfile and zlib have no common class of errors
        raise InvalidArchive(f"this is no zip archive, or it is damaged: {error}") from error


def _check_entries(entries: list[zipfile.ZipInfo]) -> None:
    names = [entry.filename for entry in entries]
    for entry in entries:
        if entry.filename not in LARGEST_BYTES:
            raise InvalidArchive(f"the archive has a file that is not part of a model version: {entry.filename!r}")
        kind = stat.S_IFMT(entry.external_attr >> 16)
        if entry.is_dir() or kind not in (0, stat.S_IFREG):
            raise InvalidArchive(f"{entry.filename} is not a plain file in the archive")
        if entry.flag_bits & ENCRYPTED:
            raise InvalidArchive("the archive is encrypted")
        if entry.compress_type not in METHODS:
            raise InvalidArchive(f"{entry.filename} is compressed by a method other than deflate")
        if entry.file_size > LARGEST_BYTES[entry.filename]:
            limit = LARGEST_BYTES[entry.filename] / MB
            raise InvalidArchive(f"{entry.filename} unpacks to {entry.file_size / MB:.0f} MB; the limit is {limit:g}")
    if len(set(names)) < len(names):
        raise InvalidArchive("the archive has the same file twice")
    places = sorted((entry.header_offset, entry.header_offset + entry.compress_size) for entry in entries)
    if any(end > start for (_, end), (start, _) in itertools.pairwise(places)):
        raise InvalidArchive("the archive has files that overlap")
    if missing := sorted(REQUIRED - set(names)):
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
