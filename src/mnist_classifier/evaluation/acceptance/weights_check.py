"""Check the structure of the weights in an imported model version."""

from __future__ import annotations

import math
import struct

from mnist_classifier.core.errors import ModelCorrupt
from mnist_classifier.registry.manifest_types import Tensor, parse

# Bytes of a number by its type.  Source: github.com/huggingface/safetensors.
ITEM_BYTES = {"BOOL": 1, "U8": 1, "I8": 1, "F16": 2, "BF16": 2, "I16": 2, "F32": 4, "I32": 4, "F64": 8, "I64": 8}
LONGEST_HEADER = 1_000_000


def check_weights(data: bytes) -> None:
    """Check that a safetensors file has a JSON header and tensors that fill the rest exactly.  Raises ModelCorrupt."""
    _require(len(data) > 8, "is too short")
    (length,) = struct.unpack_from("<Q", data)
    _require(length <= min(len(data) - 8, LONGEST_HEADER), "has a header of the wrong length")
    tensors = parse(data[8 : 8 + length], dict[str, Tensor], "the header of weights.safetensors")
    tensors.pop("__metadata__", None)
    position = 0
    for tensor in sorted(tensors.values(), key=lambda tensor: tensor["data_offsets"]):
        _require(len(tensor["data_offsets"]) == 2, "has a tensor without offsets")
        start, end = tensor["data_offsets"]
        _require(start == position and end >= start, "has gaps or overlaps")
        expected = math.prod(tensor["shape"]) * ITEM_BYTES.get(tensor["dtype"], 0)
        _require(end - start == expected, "has a tensor whose shape and type do not match its size")
        position = end
    _require(position == len(data) - 8 - length, "is truncated or too long")


def _require(good: bool, what: str) -> None:
    if not good:
        raise ModelCorrupt(f"weights.safetensors {what}")
