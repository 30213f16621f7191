"""Export the line reader as ONNX, and compare ONNX Runtime with PyTorch."""

from __future__ import annotations

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper

from mnist_classifier.core.errors import ModelCorrupt
from mnist_classifier.core.onnx_runtime import open_session
from mnist_classifier.recognition.numbers.line_reader import HEIGHT_PX, LABELS
from mnist_classifier.training.line_reader.batches import Batch
from mnist_classifier.training.line_reader.network import LineNetwork, predict_log_probabilities
from mnist_classifier.training.release.export import PARITY_TOLERANCE, GraphBuilder, add_layers, checked_model


def build_onnx(network: LineNetwork) -> onnx.ModelProto:
    """Lines (N, HEIGHT_PX, W) uint8, ink = 255 -> log probabilities (N, W / FRAME_PX, LABELS) float32."""
    graph = GraphBuilder()
    x = graph.add("Cast", "lines", output="ink", to=TensorProto.FLOAT)
    x = graph.add("Mul", x, graph.constant("pixel_scale", np.array(1 / 255, np.float32)), output="scaled")
    x = graph.add("Unsqueeze", x, graph.constant("channel_axis", np.array([1])), output="picture")
    x = add_layers(graph, x, "picture", network.picture)
    x = graph.add("Squeeze", x, graph.constant("row_axis", np.array([2])), output="row")
    x = add_layers(graph, x, "frames", network.frames)
    x = graph.add("Transpose", x, output="scores", perm=[0, 2, 1])
    graph.add("LogSoftmax", x, output="log_probabilities", axis=2)
    inputs = [helper.make_tensor_value_info("lines", TensorProto.UINT8, ["lines", HEIGHT_PX, "width"])]
    outputs = [helper.make_tensor_value_info("log_probabilities", TensorProto.FLOAT, ["lines", "frames", LABELS])]
    return checked_model(graph, "LineReader", inputs, outputs)


def to_bytes(network: LineNetwork) -> bytes:
    """The ONNX file of a network, the same for the same weights."""
    return bytes(build_onnx(network).SerializeToString(deterministic=True))


def check_parity(network: LineNetwork, batch: Batch) -> float:
    """Largest difference between the log probabilities of PyTorch and of ONNX Runtime on real lines.

    Raises ModelCorrupt if it exceeds PARITY_TOLERANCE, or if the most probable label of a frame differs.
    """
    expected = predict_log_probabilities(network, torch.from_numpy(batch.lines)).numpy()
    (actual,) = open_session(to_bytes(network)).run(["log_probabilities"], {"lines": batch.lines})
    difference = float(np.abs(expected - actual).max())
    if difference > PARITY_TOLERANCE or (expected.argmax(axis=2) != actual.argmax(axis=2)).any():
        raise ModelCorrupt(
            f"the ONNX export differs from the PyTorch network by {difference:.2g} in its log probabilities; "
            "the line reader was not saved"
        )
    return difference
