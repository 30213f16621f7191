"""The files in the folder of a model version, and the manifest that lists them."""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mnist_classifier.core import files
from mnist_classifier.core.errors import ModelCorrupt, ModelError, ModelMissing
from mnist_classifier.registry.manifest_types import FORMAT, PREPROCESSING_ID, Manifest, Robustness, parse

MANIFEST_FILE = "manifest.json"
ONNX_FILE = "model.onnx"
WEIGHTS_FILE = "weights.safetensors"
CARD_FILE = "MODEL_CARD.md"
REPORT_FILE = "report.json"
# The manifest does not list this file, because it is written later.  The file itself names the model it belongs to.
ROBUSTNESS_FILE = "robustness.json"

MB = 1_000_000
# Largest size of each file.  A network with 4 million parameters, ten times as many as any recipe has, takes 16 MB.
LARGEST_BYTES = {
    # Up to 10,000 corrections that a version has seen take 1.2 MB.
    MANIFEST_FILE: 2 * MB,
    ONNX_FILE: 50 * MB,
    WEIGHTS_FILE: 50 * MB,
    REPORT_FILE: 5 * MB,
    CARD_FILE: MB,
    ROBUSTNESS_FILE: MB,
}


def read_manifest(folder: Path, kind: type = Manifest) -> dict[str, Any]:
    """Read the manifest of a model version, or of another kind of model, and check it against its type.

    Raises ModelMissing, ModelCorrupt.
    """
    path = folder / MANIFEST_FILE
    try:
        data = read_bounded(path, LARGEST_BYTES[MANIFEST_FILE])
    except FileNotFoundError:
        raise ModelMissing(f"no model in {folder}: {MANIFEST_FILE} is missing") from None
    except OSError as error:
        raise ModelCorrupt(f"{path} cannot be read: {error.strerror}") from error
    manifest: dict[str, Any] = parse(data, kind, str(path))
    return manifest


def read_bounded(path: Path, largest_bytes: int) -> bytes:
    """Read a regular file of at most `largest_bytes`.  Raises OSError."""
    # Without O_NONBLOCK, opening a pipe in place of the file would wait for ever.
    with open(path, "rb", opener=lambda name, flags: os.open(name, flags | getattr(os, "O_NONBLOCK", 0))) as file:
        facts = os.fstat(file.fileno())
        if not stat.S_ISREG(facts.st_mode):
            raise OSError(0, "it is not a plain file", str(path))
        data = file.read(largest_bytes + 1)
    if len(data) > largest_bytes:
        raise OSError(0, f"it has {facts.st_size} bytes; the limit is {largest_bytes}", str(path))
    return data


def verified_bytes(folder: Path, name: str, manifest: Mapping[str, Any]) -> bytes:
    """Read a file of a model version and check its SHA-256 against the manifest.

    Raises ModelCorrupt.
    """
    expected = manifest["files"].get(name)
    if expected is None:
        raise ModelCorrupt(f"{folder / MANIFEST_FILE} does not list {name}")
    try:
        data = read_bounded(folder / name, expected["bytes"])
    except OSError as error:
        raise ModelCorrupt(f"{folder / name} cannot be read: {error.strerror}") from error
    found = hashlib.sha256(data).hexdigest()
    if found != expected["sha256"]:
        raise ModelCorrupt(
            f"{folder / name} is not the file that was saved: its SHA-256 is {found}, the manifest says "
            f"{expected['sha256']}; delete this version, or restore it from a backup"
        )
    return data


def check_files(folder: Path) -> None:
    """Check the manifest, and that its files exist with the right sizes; `verify` also checks their hashes.

    Raises ModelMissing, ModelCorrupt.
    """
    for name, expected in read_manifest(folder)["files"].items():
        path = folder / name
        try:
            facts = path.stat()
        except OSError as error:
            raise ModelCorrupt(f"{path} cannot be read: {error.strerror}") from error
        if not stat.S_ISREG(facts.st_mode) or not os.access(path, os.R_OK):
            raise ModelCorrupt(f"{path} cannot be read")
        if facts.st_size != expected["bytes"]:
            raise ModelCorrupt(f"{path} has {facts.st_size} bytes; the manifest says {expected['bytes']}")


def verify(folder: Path) -> dict[str, Any]:
    """Check the hash of every file in the manifest; returns the manifest.

    Raises ModelMissing, ModelCorrupt.
    """
    manifest = read_manifest(folder)
    for name in manifest["files"]:
        verified_bytes(folder, name, manifest)
    return manifest


def write_manifest(folder: Path, manifest: Mapping[str, Any], preprocessing: str = PREPROCESSING_ID) -> dict[str, Any]:
    """Complete a manifest with the size and SHA-256 of each file in `folder`, and write it.

    Flushes every file and the folder to the disk.  Does not list the robustness table, nor other folders.
    """
    listed = {}
    for path in sorted(p for p in plain_files(folder) if p.name not in (MANIFEST_FILE, ROBUSTNESS_FILE)):
        data = path.read_bytes()
        listed[path.name] = {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
    complete = {**manifest, "format": FORMAT, "preprocessing": preprocessing, "files": listed}
    (folder / MANIFEST_FILE).write_text(json.dumps(complete, indent=1) + "\n", "utf-8")
    for path in plain_files(folder):
        files.flush(path)
    files.flush_folder(folder)
    return complete


def plain_files(folder: Path) -> list[Path]:
    """The files in a folder.  The box holds the folder of the line reader beside its own files."""
    return [path for path in folder.iterdir() if path.is_file()]


def robustness_file(manifest: Mapping[str, Any], table: Mapping[str, Any]) -> bytes:
    """The file with the robustness table of a model version; it says which model was measured."""
    return (json.dumps({"measured_on": _identity(manifest), **table}, indent=1) + "\n").encode()


def write_robustness(folder: Path, table: bytes) -> None:
    """Write the robustness table of a model version, or replace an older one, atomically.

    Raises StorageFull, and ModelError if the folder cannot be written to.
    """
    outcome = f"the robustness table was not stored in {folder}"
    with files.disk_errors(outcome, ModelError), files.replaced(folder / ROBUSTNESS_FILE) as part:
        part.write_bytes(table)


def read_stored_robustness(folder: Path) -> bytes | None:
    """The file with the robustness table, if there is one that can be read."""
    try:
        return read_bounded(folder / ROBUSTNESS_FILE, LARGEST_BYTES[ROBUSTNESS_FILE])
    except OSError:
        return None  # a model can be used without it


def read_robustness(folder: Path, manifest: Mapping[str, Any]) -> dict[str, Any] | None:
    """The robustness table of a model version; None if there is none, or it belongs to another model."""
    return parse_robustness(read_stored_robustness(folder), manifest)


def parse_robustness(data: bytes | None, manifest: Mapping[str, Any]) -> dict[str, Any] | None:
    """The robustness table in a file; None if it cannot be read, or belongs to another model."""
    try:
        table: dict[str, Any] = parse(data or b"", Robustness, ROBUSTNESS_FILE)
    except ModelCorrupt:
        return None
    return table if table["measured_on"] == _identity(manifest) else None


def _identity(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """The parts of a manifest that decide the answers of the model."""
    return {
        "onnx_sha256": manifest["files"].get(ONNX_FILE, {}).get("sha256"),
        **{name: manifest[name] for name in ("preprocessing", "temperature", "thresholds")},
    }
