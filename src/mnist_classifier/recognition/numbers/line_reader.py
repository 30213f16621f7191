"""Read a line of digits and marks as a whole, without cutting it into digits first.

    reader = LineReader.open()
    (log_probabilities,) = reader.read([line])                    # line (40, W) uint8, ink = 255
    scores = edge_scores(log_probabilities, starts, ends)         # of each single class in windows of frames

The network gives, for each frame of a line, the log probabilities of its labels:
label 0 is the blank of CTC, label i + 1 is CLASSES[i].
Source: Graves et al. 2006, Connectionist Temporal Classification.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mnist_classifier.core.arrays import Bytes, Doubles, Floats, Integers
from mnist_classifier.core.errors import ModelCorrupt
from mnist_classifier.core.onnx_runtime import open_session
from mnist_classifier.core.settings import PRETRAINED_DIR
from mnist_classifier.registry.line_manifest import read_line_manifest
from mnist_classifier.registry.manifest import ONNX_FILE, verified_bytes

# "?" stands for any other character.
CLASSES = "0123456789/()-=#,.:+%?"
LABELS = len(CLASSES) + 1
# Height of a line, and of the digits in it, px.
HEIGHT_PX, DIGIT_PX = 40, 20
# Columns of a line for one frame.
FRAME_PX = 2
FOLDER = PRETRAINED_DIR / "line_reader"
# Lines in one call to the network.
BATCH = 16
# Empty columns after every line.  A frame depends on 9 frames to its right, so the frames of a line are the same
# whatever lines it is read with.
PADDING_PX = 20


class LineReader:
    """Reads lines of digits and marks.  Thread-safe."""

    def __init__(self, onnx_bytes: bytes) -> None:
        self._session = open_session(onnx_bytes)
        inputs = [(node.name, node.type, node.shape[1:2]) for node in self._session.get_inputs()]
        outputs = [(node.name, node.type, node.shape[2:]) for node in self._session.get_outputs()]
        if inputs != [("lines", "tensor(uint8)", [HEIGHT_PX])] or outputs != [
            ("log_probabilities", "tensor(float)", [LABELS])
        ]:
            raise ModelCorrupt(
                f"the network takes {inputs} and gives {outputs}; it must take lines of {HEIGHT_PX} px "
                f"and give {LABELS} log probabilities for each frame"
            )

    @classmethod
    def open(cls, folder: Path = FOLDER) -> LineReader:
        """Load the line reader in `folder`, by default the one in the box, and check its files against the manifest.

        Raises ModelMissing, ModelCorrupt.
        """
        manifest = read_line_manifest(folder)
        if manifest["classes"] != CLASSES:
            raise ModelCorrupt(f"{folder} reads the classes {manifest['classes']!r}; this program expects {CLASSES!r}")
        onnx_bytes = verified_bytes(folder, ONNX_FILE, manifest)
        try:
            return cls(onnx_bytes)
        except Exception as error:
            # The exceptions of ONNX Runtime have no common base class.
            raise ModelCorrupt(f"{folder / ONNX_FILE} cannot be loaded: {error}") from error

    def read(self, lines: Sequence[Bytes]) -> list[Floats]:
        """The log probabilities of each line: (HEIGHT_PX, W) uint8, ink = 255 -> (frames(W), LABELS) float32."""
        results: list[Floats] = [np.empty((0, LABELS), np.float32)] * len(lines)
        # Lines that are about as wide as each other are read together, because all are padded to the widest.
        order = sorted(range(len(lines)), key=lambda index: lines[index].shape[1])
        for start in range(0, len(order), BATCH):
            chosen = order[start : start + BATCH]
            (opinions,) = self._session.run(
                ["log_probabilities"], {"lines": _padded([lines[index] for index in chosen])}
            )
            for index, opinion in zip(chosen, opinions, strict=True):
                results[index] = opinion[: frames(lines[index].shape[1])]
        return results


def frames(width_px: int) -> int:
    """How many frames a line of this width has."""
    return -(-width_px // FRAME_PX)


def _padded(lines: Sequence[Bytes]) -> Bytes:
    widest = max(line.shape[1] for line in lines)
    padded = np.zeros((len(lines), HEIGHT_PX, frames(widest + PADDING_PX) * FRAME_PX), np.uint8)
    for row, line in enumerate(lines):
        padded[row, :, : line.shape[1]] = line
    return padded


def edge_scores(log_probabilities: Floats, starts: Integers, ends: Integers) -> Doubles:
    """The log probability that windows of frames show exactly one character, or nothing.

    log_probabilities: (T, LABELS) of one line.  starts, ends: (N,), the
    windows [start, end) with 0 <= start <= end <= T.
    Returns (N, LABELS): column i for CLASSES[i] alone, the last column for nothing.  It is the sum over all paths of
    CTC: blanks, the label at least once, blanks.
    """
    # Windows with the same start share one pass over the frames.
    distinct, rows = np.unique(starts, return_inverse=True)
    lengths = ends - starts
    opinions = log_probabilities.astype(np.float64)
    scores = np.empty((len(starts), LABELS))
    nothing = np.zeros((len(distinct), 1))
    within = after = np.full((len(distinct), len(CLASSES)), -np.inf)
    longest = int(lengths.max(initial=0))
    for length in range(longest + 1):
        finished = np.flatnonzero(lengths == length)
        passes = rows[finished]
        scores[finished, :-1] = np.logaddexp(within[passes], after[passes])
        scores[finished, -1] = nothing[passes, 0]
        if length < longest:
            # Passes that reach the end of the line go on with its last frame; no window ends there.
            frame = opinions[np.minimum(distinct + length, len(opinions) - 1)]
            after = frame[:, :1] + np.logaddexp(after, within)
            within = frame[:, 1:] + np.logaddexp(within, nothing)
            nothing = nothing + frame[:, :1]
    return scores
