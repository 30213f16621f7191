"""What the two convolutional blocks of a network make of a glyph.

The ONNX file names logits as its only output.  To get at the values between,
further outputs are appended to its bytes: two protobuf messages of a kind, one
after the other, are one message with the fields of both (Source: protobuf's
encoding guide, "Last One Wins": embedded messages are merged, repeated fields
are concatenated).  So neither the package onnx nor another file is needed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mnist_classifier.core.errors import ModelCorrupt
from mnist_classifier.core.onnx_runtime import open_session

# Field numbers of onnx.proto (ModelProto.graph, GraphProto.node and .output, NodeProto.output, ValueInfoProto.name).
GRAPH, NODE, GRAPH_OUTPUT, NODE_OUTPUT, VALUE_NAME = 7, 1, 12, 2, 1
VARINT, FIXED64, DELIMITED, FIXED32 = 0, 1, 2, 5

# As training/release/export.py names the end of a block; of an ensemble the first member is shown.
BLOCK_END = re.compile(r"(?:member0_)?(block[12])_\d+_relu")


@dataclass(frozen=True, eq=False)
class Block:
    """maps: (C, H, W) float32, after ReLU, so never negative."""

    name: str
    maps: npt.NDArray[np.float32]


class FeatureMaps:
    """Runs a network up to the ends of its blocks.  Safe to share between threads."""

    def __init__(self, onnx_bytes: bytes) -> None:
        self._ends = block_ends(onnx_bytes)
        if not self._ends:
            raise ModelCorrupt("this network has no convolutional blocks to look into")
        self._session = open_session(with_outputs(onnx_bytes, list(self._ends.values())))

    def look(self, glyph: npt.NDArray[np.uint8]) -> list[Block]:
        """The blocks' outputs for one (28, 28) uint8 glyph, first block first."""
        found = self._session.run(list(self._ends.values()), {"glyphs": glyph[None]})
        return [Block(name, maps[0]) for name, maps in zip(self._ends, found, strict=True)]


def with_outputs(onnx_bytes: bytes, names: list[str]) -> bytes:
    """An ONNX file whose graph gives out these values too."""
    outputs = b"".join(_delimited(GRAPH_OUTPUT, _delimited(VALUE_NAME, name.encode())) for name in names)
    return onnx_bytes + _delimited(GRAPH, outputs)


def block_ends(onnx_bytes: bytes) -> dict[str, str]:
    """Block -> the name of its last value.  Raises ModelCorrupt."""
    ends = {}
    for name in _node_outputs(onnx_bytes):
        match = BLOCK_END.fullmatch(name)
        if match:
            ends[match[1]] = name  # the last ReLU of a deeper block stays
    return ends


def _node_outputs(onnx_bytes: bytes) -> Iterator[str]:
    for field, graph in _fields(memoryview(onnx_bytes)):
        if field != GRAPH:
            continue
        for inner, node in _fields(graph):
            if inner == NODE:
                yield from (bytes(value).decode() for part, value in _fields(node) if part == NODE_OUTPUT)


def _fields(message: memoryview) -> Iterator[tuple[int, memoryview]]:
    """The fields of a message that hold bytes: text, and messages in their turn."""
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        kind = tag & 7
        if kind == DELIMITED:
            length, at = _varint(message, at)
            if at + length > len(message):
                raise ModelCorrupt("the ONNX file ends in the middle of a field")
            yield tag >> 3, message[at : at + length]
            at += length
        elif kind == VARINT:
            _, at = _varint(message, at)
        elif kind in (FIXED32, FIXED64):
            at += 4 if kind == FIXED32 else 8
        else:
            raise ModelCorrupt(f"the ONNX file has a field of unknown kind {kind}")


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    """The number at a position, seven bits a byte, lowest first; and where it ends."""
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(message):
            break
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise ModelCorrupt("the ONNX file has a number without an end")


def _delimited(field: int, content: bytes) -> bytes:
    return _as_varint(field << 3 | DELIMITED) + _as_varint(len(content)) + content


def _as_varint(value: int) -> bytes:
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    found.append(value)
    return bytes(found)
