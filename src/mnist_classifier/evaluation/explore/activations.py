"""Feature maps of the two convolutional blocks of a network.

The ONNX file has logits as its only output.  Further outputs are appended to
its bytes: two concatenated protobuf messages of a type are one message with the
fields of both (source: protobuf's encoding guide, "Last One Wins").  So
neither the onnx package nor another file is needed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mnist_classifier.core.errors import ModelCorrupt
from mnist_classifier.core.onnx_runtime import open_session
from mnist_classifier.evaluation.protobuf import delimited, messages

# Field numbers of onnx.proto (ModelProto.graph, GraphProto.node and .output, NodeProto.output, ValueInfoProto.name).
GRAPH, NODE, GRAPH_OUTPUT, NODE_OUTPUT, VALUE_NAME = 7, 1, 12, 2, 1

# The name that training/release/export.py gives to the end of a block; of an ensemble, the first member is shown.
BLOCK_END = re.compile(r"(?:member0_)?(block[12])_\d+_relu")


@dataclass(frozen=True, eq=False)
class Block:
    """The output of a block; maps: (C, H, W) float32, after ReLU, so never negative."""

    name: str
    maps: npt.NDArray[np.float32]


class FeatureMaps:
    """Runs a network up to the ends of its blocks.  Thread-safe."""

    def __init__(self, onnx_bytes: bytes) -> None:
        self._ends = block_ends(onnx_bytes)
        if not self._ends:
            raise ModelCorrupt("this network has no convolutional blocks to show")
        self._session = open_session(with_outputs(onnx_bytes, list(self._ends.values())))

    def look(self, glyph: npt.NDArray[np.uint8]) -> list[Block]:
        """Return the blocks' outputs for one (28, 28) uint8 glyph, first block first."""
        found = self._session.run(list(self._ends.values()), {"glyphs": glyph[None]})
        return [Block(name, maps[0]) for name, maps in zip(self._ends, found, strict=True)]


def with_outputs(onnx_bytes: bytes, names: list[str]) -> bytes:
    """Add these values to the outputs of an ONNX file."""
    outputs = b"".join(delimited(GRAPH_OUTPUT, delimited(VALUE_NAME, name.encode())) for name in names)
    return onnx_bytes + delimited(GRAPH, outputs)


def block_ends(onnx_bytes: bytes) -> dict[str, str]:
    """Map each block to the name of its last value.  Raises ModelCorrupt."""
    matches = [BLOCK_END.fullmatch(name) for name in value_names(onnx_bytes)]
    # The last ReLU of a deeper block replaces earlier ones.
    return {match[1]: match[0] for match in matches if match}


def value_names(onnx_bytes: bytes) -> list[str]:
    """The names of all values that the nodes of an ONNX file compute.  Raises ModelCorrupt."""
    try:
        return list(_node_outputs(onnx_bytes))
    except (IndexError, UnicodeDecodeError) as error:
        raise ModelCorrupt("the ONNX file is truncated, or is no ONNX file") from error


def _node_outputs(onnx_bytes: bytes) -> Iterator[str]:
    for graph in messages(memoryview(onnx_bytes), GRAPH):
        for node in messages(graph, NODE):
            yield from (str(name, "utf-8") for name in messages(node, NODE_OUTPUT))
