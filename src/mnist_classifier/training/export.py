"""Write a network as ONNX and safetensors, and compare the two.

The graph is built node by node rather than traced: this one small network
needs a dozen nodes, and the result has no source paths in it, is the same to
the byte for the same weights, and takes uint8 glyphs as they come.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import TensorProto, helper, numpy_helper
from safetensors.torch import save_file
from torch import Tensor, nn

from mnist_classifier.config import GLYPH_SIDE
from mnist_classifier.errors import ModelCorrupt
from mnist_classifier.training.evaluate import predict_logits
from mnist_classifier.training.network import PIXEL_MEAN, PIXEL_STD, MNISTClassifier

OPSET = 17
IR_VERSION = 8

# float32 sums in another order; measured largest difference on 5,000 images
# is about 2e-5 with logits up to 30.
PARITY_TOLERANCE = 1e-3


class GraphBuilder:
    """Collects nodes and constants; each `add` returns the name of its output."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def constant(self, name: str, value: np.ndarray) -> str:
        """Store an array under `name`."""
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def add(self, operator: str, *inputs: str, output: str, **attributes: Any) -> str:
        """Append a node with one output."""
        self.nodes.append(helper.make_node(operator, list(inputs), [output], name=output, **attributes))
        return output


def build_onnx(network: MNISTClassifier) -> onnx.ModelProto:
    """Glyphs (N, 28, 28) uint8, ink = 255 -> logits (N, 10) float32."""
    graph = GraphBuilder()
    x = graph.add("Cast", "glyphs", output="ink", to=TensorProto.FLOAT)
    x = graph.add("Reshape", x, graph.constant("shape", np.array([-1, 1, 28, 28])), output="image")
    scale = np.array(1 / (255 * PIXEL_STD), np.float32)
    x = graph.add("Mul", x, graph.constant("pixel_scale", scale), output="scaled")
    offset = np.array(-PIXEL_MEAN / PIXEL_STD, np.float32)
    x = graph.add("Add", x, graph.constant("pixel_offset", offset), output="normalised")
    patch = network.arguments["patch"]
    if patch > 1:
        x = _add_patches(graph, x, patch)
    for name in ("block1", "block2"):
        x = _add_block(graph, x, name, getattr(network, name))
    x = graph.add("Transpose", x, output="pixelwise", perm=[0, 2, 3, 1])
    x = graph.add("Flatten", x, output="features")
    linear, norm = cast("nn.Linear", network.hidden[1]), cast("nn.BatchNorm1d", network.hidden[2])
    factor, shift = _batch_norm_as_affine(norm)
    x = _add_linear(graph, x, "hidden", linear.weight.detach() * factor[:, None], shift)
    x = graph.add("Relu", x, output="hidden_relu")
    _add_linear(graph, x, "logits", network.output.weight.detach(), network.output.bias.detach())
    batch = "images"
    inputs = [helper.make_tensor_value_info("glyphs", TensorProto.UINT8, [batch, 28, 28])]
    outputs = [helper.make_tensor_value_info("logits", TensorProto.FLOAT, [batch, 10])]
    proto = helper.make_graph(graph.nodes, "MNISTClassifier", inputs, outputs, graph.constants)
    model = helper.make_model(
        proto,
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="mnist-classifier",
    )
    onnx.checker.check_model(model, full_check=True)
    return model


def _add_patches(graph: GraphBuilder, x: str, patch: int) -> str:
    """PixelUnshuffle: (N, 1, S, S) -> (N, P*P, S/P, S/P)."""
    side = GLYPH_SIDE // patch
    split = graph.constant("split_shape", np.array([-1, side, patch, side, patch]))
    x = graph.add("Reshape", x, split, output="split")
    x = graph.add("Transpose", x, output="gathered", perm=[0, 2, 4, 1, 3])
    joined = graph.constant("patch_shape", np.array([-1, patch * patch, side, side]))
    return graph.add("Reshape", x, joined, output="patches")


def _add_block(graph: GraphBuilder, x: str, name: str, block: nn.Sequential) -> str:
    convolution, norm = cast("nn.Conv2d", block[0]), cast("nn.BatchNorm2d", block[2])
    weight = graph.constant(f"{name}_weight", convolution.weight.detach().numpy())
    side = convolution.weight.shape[-1]
    x = graph.add("Conv", x, weight, output=f"{name}_conv", kernel_shape=[side, side], pads=[side // 2] * 4)
    x = graph.add("MaxPool", x, output=f"{name}_pool", kernel_shape=[2, 2], strides=[2, 2])
    factor, shift = _batch_norm_as_affine(norm)
    scale = graph.constant(f"{name}_scale", factor[:, None, None].numpy())
    x = graph.add("Mul", x, scale, output=f"{name}_scaled")
    offset = graph.constant(f"{name}_offset", shift[:, None, None].numpy())
    x = graph.add("Add", x, offset, output=f"{name}_norm")
    return graph.add("Relu", x, output=f"{name}_relu")


def _add_linear(graph: GraphBuilder, x: str, name: str, weight: Tensor, bias: Tensor) -> str:
    constants = (
        graph.constant(f"{name}_weight", weight.numpy()),
        graph.constant(f"{name}_bias", bias.numpy()),
    )
    return graph.add("Gemm", x, *constants, output=name, transB=1)


def _batch_norm_as_affine(norm: nn.BatchNorm1d | nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    """BatchNorm in evaluation is x * factor + shift; returns both, (C,) float32."""
    mean, variance = norm.running_mean, norm.running_var
    assert mean is not None  # they are tracked unless one asks otherwise
    assert variance is not None
    factor = norm.weight.detach() / torch.sqrt(variance + norm.eps)
    return factor, norm.bias.detach() - mean * factor


def save_onnx(network: MNISTClassifier, path: Path) -> None:
    """Write the network's ONNX graph."""
    path.write_bytes(to_bytes(network))


def to_bytes(network: MNISTClassifier) -> bytes:
    """The network's ONNX file, the same for the same weights."""
    return bytes(build_onnx(network).SerializeToString(deterministic=True))


def save_weights(network: MNISTClassifier, path: Path) -> None:
    """Write the network's tensors as safetensors."""
    save_file({name: value.contiguous() for name, value in network.state_dict().items()}, path)


def check_parity(network: MNISTClassifier, images_u8: Tensor) -> float:
    """Largest difference between the logits of torch and of ONNX Runtime on real images.

    Raises ModelCorrupt when it exceeds PARITY_TOLERANCE or an answer differs.
    """
    expected = predict_logits(network, images_u8).numpy()
    session = onnxruntime.InferenceSession(to_bytes(network), providers=["CPUExecutionProvider"])
    (actual,) = session.run(["logits"], {"glyphs": images_u8.numpy()})
    difference = float(np.abs(expected - actual).max())
    if difference > PARITY_TOLERANCE or (expected.argmax(1) != actual.argmax(1)).any():
        raise ModelCorrupt(
            f"the ONNX export differs from the PyTorch network by {difference:.2g} in its logits; "
            "the model was not saved"
        )
    return difference
