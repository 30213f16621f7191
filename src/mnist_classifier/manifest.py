"""A model version's folder: its manifest, and files that match it."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mnist_classifier.errors import ModelCorrupt, ModelError, ModelMissing

MANIFEST_FILE = "manifest.json"
ONNX_FILE = "model.onnx"
WEIGHTS_FILE = "weights.safetensors"
CARD_FILE = "MODEL_CARD.md"
REPORT_FILE = "report.json"
# Measured when the version is whole already, so the manifest cannot vouch for
# it; it says itself which model it is of.
ROBUSTNESS_FILE = "robustness.json"

FORMAT = 1
PREPROCESSING_ID = "mnist-centred-2"
REQUIRED_KEYS = frozenset({"format", "name", "created_at", "files", "preprocessing", "temperature", "thresholds"})


def read_manifest(folder: Path) -> dict[str, Any]:
    """Read and check the manifest of a model version.

    Raises ModelMissing, ModelCorrupt.
    """
    path = folder / MANIFEST_FILE
    try:
        manifest = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise ModelMissing(f"no model in {folder}: {MANIFEST_FILE} is missing") from None
    except (OSError, ValueError) as error:
        raise ModelCorrupt(f"{path} cannot be read: {error}") from error
    if not isinstance(manifest, dict) or not manifest.keys() >= REQUIRED_KEYS:
        raise ModelCorrupt(f"{path} is no manifest of a model version")
    if manifest.get("preprocessing") != PREPROCESSING_ID:
        raise ModelCorrupt(
            f"{path} asks for preprocessing {manifest.get('preprocessing')!r}; this program has {PREPROCESSING_ID!r}"
        )
    return manifest


def verified_bytes(folder: Path, name: str, manifest: Mapping[str, Any]) -> bytes:
    """Read a file of a model version and compare it with its SHA-256.

    Raises ModelCorrupt.
    """
    path = folder / name
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ModelCorrupt(f"{path} cannot be read: {error}") from error
    found, expected = hashlib.sha256(data).hexdigest(), manifest["files"].get(name, {}).get("sha256")
    if found != expected:
        raise ModelCorrupt(
            f"{path} is not the file that was saved: its SHA-256 is {found}, the manifest says {expected}; "
            "delete this version or restore it from a copy"
        )
    return data


def verify(folder: Path) -> dict[str, Any]:
    """Check every file that the manifest in `folder` lists; returns the manifest.

    Raises ModelMissing, ModelCorrupt.
    """
    manifest = read_manifest(folder)
    for name in manifest["files"]:
        if Path(name).name != name:
            raise ModelCorrupt(f"{folder / MANIFEST_FILE} lists a file outside its folder: {name!r}")
        verified_bytes(folder, name, manifest)
    return manifest


def write_manifest(folder: Path, manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Complete a manifest with the size and SHA-256 of each file in `folder`, and write it.

    Every file and the folder itself are flushed to the disk.  The robustness
    table is not listed.
    """
    files = {}
    for path in sorted(p for p in folder.iterdir() if p.name not in (MANIFEST_FILE, ROBUSTNESS_FILE)):
        data = path.read_bytes()
        files[path.name] = {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
    complete = {**manifest, "format": FORMAT, "preprocessing": PREPROCESSING_ID, "files": files}
    (folder / MANIFEST_FILE).write_text(json.dumps(complete, indent=1) + "\n", "utf-8")
    for path in folder.iterdir():
        _flush(path)
    flush_folder(folder)
    return complete


def write_robustness(folder: Path, table: Mapping[str, Any]) -> None:
    """Put a robustness table beside a whole model version, in place of an older one, all of it or nothing.

    The table is stamped with what it was measured on.  Raises ModelMissing,
    ModelCorrupt, ModelError where the folder cannot be written to.
    """
    stamped = {"measured_on": _identity(read_manifest(folder)), **table}
    try:
        with tempfile.TemporaryDirectory(prefix=".new-", dir=folder) as name:
            new = Path(name) / ROBUSTNESS_FILE
            new.write_text(json.dumps(stamped, indent=1) + "\n", "utf-8")
            _flush(new)
            os.replace(new, folder / ROBUSTNESS_FILE)
        flush_folder(folder)
    except OSError as error:
        raise ModelError(f"the robustness table cannot be stored in {folder}: {error.strerror}") from error


def read_robustness(folder: Path, manifest: Mapping[str, Any]) -> dict[str, Any] | None:
    """The robustness table of a model version; None when there is none, or one of another model."""
    try:
        table = json.loads((folder / ROBUSTNESS_FILE).read_text("utf-8"))
    except (OSError, ValueError):
        return None  # a score is worth having, but not worth refusing a model for
    if not isinstance(table, dict) or table.get("measured_on") != _identity(manifest):
        return None
    return table


def _identity(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """What the answers of a model version follow from."""
    return {
        "onnx_sha256": manifest["files"].get(ONNX_FILE, {}).get("sha256"),
        **{name: manifest[name] for name in ("preprocessing", "temperature", "thresholds")},
    }


def _flush(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def flush_folder(folder: Path) -> None:
    """Make renames inside a folder durable; Windows neither needs nor allows it."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
