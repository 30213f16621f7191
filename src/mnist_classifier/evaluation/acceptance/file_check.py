"""Whether the files of a model version from elsewhere have the shape that this program writes.

Only what they are made of is looked at here; hashes are the business of
`registry/manifest.py`, the network that of `onnx_check.py`.
"""

from __future__ import annotations

import math
import struct
from typing import Any

from mnist_classifier.core.errors import ModelCorrupt
from mnist_classifier.registry.manifest_types import ImportedManifest, Robustness, Tensor, parse

# Bytes of a number, by the names of the format.  Source: github.com/huggingface/safetensors.
ITEM_BYTES = {"BOOL": 1, "U8": 1, "I8": 1, "F16": 2, "BF16": 2, "I16": 2, "F32": 4, "I32": 4, "F64": 8, "I64": 8}
LONGEST_HEADER = 1_000_000


def check_manifest(data: bytes) -> dict[str, Any]:
    """Check the manifest of an archive.  Raises ModelCorrupt that names the part."""
    manifest: dict[str, Any] = parse(data, ImportedManifest, "manifest.json")
    return manifest


def check_robustness(data: bytes) -> dict[str, Any]:
    """Check a robustness table.  Raises ModelCorrupt."""
    table: dict[str, Any] = parse(data, Robustness, "robustness.json")
    return table


def check_weights(data: bytes) -> None:
    """Check a safetensors file: a JSON header, and tensors that fill the rest exactly.  Raises ModelCorrupt."""
    _require(len(data) > 8, "is too short")
    (length,) = struct.unpack_from("<Q", data)
    _require(length <= min(len(data) - 8, LONGEST_HEADER), "has no header of its length")
    tensors = parse(data[8 : 8 + length], dict[str, Tensor], "the header of weights.safetensors")
    tensors.pop("__metadata__", None)
    position = 0
    for tensor in sorted(tensors.values(), key=lambda tensor: tensor["data_offsets"]):
        _require(len(tensor["data_offsets"]) == 2, "has a tensor without its place")
        start, end = tensor["data_offsets"]
        _require(start == position and end >= start, "has gaps or overlaps")
        expected = math.prod(tensor["shape"]) * ITEM_BYTES.get(tensor["dtype"], 0)
        _require(end - start == expected, "has a tensor whose shape and type do not fill its place")
        position = end
    _require(position == len(data) - 8 - length, "is truncated, or has something behind it")


def _require(good: bool, what: str) -> None:
    if not good:
        raise ModelCorrupt(f"weights.safetensors {what}")
