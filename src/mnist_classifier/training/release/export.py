"""Export a network as ONNX and safetensors, and compare ONNX Runtime with PyTorch.

The graph is built node by node, not traced.  It takes uint8 glyphs, contains no paths of source files, and is the
same to the byte for the same weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from safetensors.torch import save_file
from torch import Tensor, nn

from mnist_classifier.core.arrays import SIDE_PX, in_batches
from mnist_classifier.core.errors import ModelCorrupt
from mnist_classifier.core.onnx_runtime import open_session
from mnist_classifier.training.ensemble import Ensemble, Network, members_of
from mnist_classifier.training.network import (
    EVALUATION_BATCH,
    PIXEL_MEAN,
    PIXEL_STD,
    MNISTClassifier,
)

OPSET = 17
IR_VERSION = 8

# Both sum float32 values, in different orders.  On 5,000 images the logits, up to 30, differ by at most 2e-5.
PARITY_TOLERANCE = 1e-3


class GraphBuilder:
    """The nodes and constants of a graph."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def constant(self, name: str, value: np.ndarray) -> str:
        """Store an array under `name`; returns the name."""
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def add(self, operator: str, *inputs: str, output: str, **attributes: Any) -> str:
        """Append a node with one output; returns the output's name."""
        self.nodes.append(helper.make_node(operator, list(inputs), [output], name=output, **attributes))
        return output


def build_onnx(network: Network) -> onnx.ModelProto:
    """Glyphs (N, 28, 28) uint8, ink = 255 -> logits (N, 10 or 11) float32."""
    graph = GraphBuilder()
    x = graph.add("Cast", "glyphs", output="ink", to=TensorProto.FLOAT)
    x = graph.add("Reshape", x, graph.constant("shape", np.array([-1, 1, 28, 28])), output="image")
    scale = np.array(1 / (255 * PIXEL_STD), np.float32)
    x = graph.add("Mul", x, graph.constant("pixel_scale", scale), output="scaled")
    offset = np.array(-PIXEL_MEAN / PIXEL_STD, np.float32)
    x = graph.add("Add", x, graph.constant("pixel_offset", offset), output="normalised")
    if isinstance(network, Ensemble):
        _add_ensemble(graph, x, network)
    else:
        _add_network(graph, x, "", network)
    inputs = [helper.make_tensor_value_info("glyphs", TensorProto.UINT8, ["images", 28, 28])]
    classes = members_of(network)[0].arguments["classes"]
    outputs = [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["images", classes])]
    return checked_model(graph, "MNISTClassifier", inputs, outputs)


def checked_model(
    graph: GraphBuilder, name: str, inputs: Sequence[onnx.ValueInfoProto], outputs: Sequence[onnx.ValueInfoProto]
) -> onnx.ModelProto:
    """A model of the nodes and constants of a graph."""
    proto = helper.make_graph(graph.nodes, name, inputs, outputs, graph.constants)
    model = helper.make_model(
        proto,
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="mnist-classifier",
    )
    onnx.checker.check_model(model, full_check=True)
    return model


def _add_ensemble(graph: GraphBuilder, x: str, ensemble: Ensemble) -> str:
    """The logarithm of the members' summed probabilities."""
    one_more = graph.constant("member_axis", np.array([1]))
    opinions = []
    for index, member in enumerate(ensemble.networks):
        prefix = f"member{index}_"
        logits = _add_network(graph, x, prefix, member)
        opinion = graph.add("LogSoftmax", logits, output=f"{prefix}opinion", axis=1)
        opinions.append(graph.add("Unsqueeze", opinion, one_more, output=f"{prefix}row"))
    together = graph.add("Concat", *opinions, output="opinions", axis=1)
    return graph.add("ReduceLogSumExp", together, output="logits", axes=[1], keepdims=0)


def _add_network(graph: GraphBuilder, x: str, prefix: str, network: MNISTClassifier) -> str:
    patch = network.arguments["patch"]
    if patch > 1:
        x = _add_patches(graph, x, prefix, patch)
    for name in ("block1", "block2"):
        x = add_layers(graph, x, f"{prefix}{name}", getattr(network, name))
    x = graph.add("Flatten", x, output=f"{prefix}features")
    linear, norm = cast("nn.Linear", network.hidden[1]), cast("nn.BatchNorm1d", network.hidden[2])
    factor, shift = _batch_norm_as_affine(norm)
    weight = _channel_by_channel(linear.weight.detach(), network.arguments["conv2_channels"])
    x = _add_linear(graph, x, f"{prefix}hidden", weight * factor[:, None], shift)
    x = graph.add("Relu", x, output=f"{prefix}hidden_relu")
    return _add_linear(graph, x, f"{prefix}logits", network.output.weight.detach(), network.output.bias.detach())


def _channel_by_channel(weight: Tensor, channels: int) -> Tensor:
    """Reorder (H, pixels * channels) weights for the values of each channel one after the other, as ONNX has them."""
    return weight.view(len(weight), -1, channels).transpose(1, 2).reshape(len(weight), -1)


def _add_patches(graph: GraphBuilder, x: str, prefix: str, patch: int) -> str:
    """PixelUnshuffle: (N, 1, S, S) -> (N, P*P, S/P, S/P)."""
    side = SIDE_PX // patch
    split = graph.constant(f"{prefix}split_shape", np.array([-1, side, patch, side, patch]))
    x = graph.add("Reshape", x, split, output=f"{prefix}split")
    x = graph.add("Transpose", x, output=f"{prefix}gathered", perm=[0, 2, 4, 1, 3])
    joined = graph.constant(f"{prefix}patch_shape", np.array([-1, patch * patch, side, side]))
    return graph.add("Reshape", x, joined, output=f"{prefix}patches")


def add_layers(graph: GraphBuilder, x: str, name: str, layers: nn.Sequential) -> str:
    """Convolutions, pooling, BatchNorm and ReLU; dropout is left out."""
    merged: list[nn.Module] = []
    for index, layer in enumerate(layers):
        label = f"{name}_{index}"
        if isinstance(layer, nn.Conv1d | nn.Conv2d):
            norm = _norm_to_merge(list(layers)[index + 1 :])
            merged += [] if norm is None else [norm]
            x = _add_convolution(graph, x, label, layer, norm)
        elif isinstance(layer, nn.MaxPool2d):
            size = layer.kernel_size if isinstance(layer.kernel_size, tuple) else (layer.kernel_size,) * 2
            x = graph.add("MaxPool", x, output=f"{label}_pool", kernel_shape=list(size), strides=list(size))
        elif isinstance(layer, nn.BatchNorm2d) and layer not in merged:
            x = _add_batch_norm(graph, x, label, layer)
        elif isinstance(layer, nn.ReLU):
            x = graph.add("Relu", x, output=f"{label}_relu")
    return x


def _norm_to_merge(following: Sequence[nn.Module]) -> nn.BatchNorm1d | nn.BatchNorm2d | None:
    """The BatchNorm behind a convolution, or behind its pooling, as part of the convolution.

    Only a factor that is not negative commutes with a maximum.
    """
    norm = following[1] if len(following) > 1 and isinstance(following[0], nn.MaxPool2d) else None
    if isinstance(norm, nn.BatchNorm2d):
        return norm if bool((norm.weight >= 0).all()) else None
    return following[0] if following and isinstance(following[0], nn.BatchNorm1d | nn.BatchNorm2d) else None


def _add_convolution(
    graph: GraphBuilder,
    x: str,
    label: str,
    layer: nn.Conv1d | nn.Conv2d,
    norm: nn.BatchNorm1d | nn.BatchNorm2d | None,
) -> str:
    weight, bias = layer.weight.detach(), None if layer.bias is None else layer.bias.detach()
    if norm is not None:
        factor, bias = _batch_norm_as_affine(norm)
        weight = weight * factor.view(-1, *[1] * (weight.ndim - 1))
    constants = [] if bias is None else [graph.constant(f"{label}_bias", bias.numpy())]
    kernel = graph.constant(f"{label}_weight", weight.numpy())
    return graph.add(
        "Conv",
        x,
        kernel,
        *constants,
        output=f"{label}_conv",
        kernel_shape=list(weight.shape[2:]),
        pads=[*map(int, layer.padding)] * 2,
    )


def _add_batch_norm(graph: GraphBuilder, x: str, label: str, norm: nn.BatchNorm2d) -> str:
    factor, shift = _batch_norm_as_affine(norm)
    x = graph.add("Mul", x, graph.constant(f"{label}_scale", factor[:, None, None].numpy()), output=f"{label}_scaled")
    offset = graph.constant(f"{label}_offset", shift[:, None, None].numpy())
    return graph.add("Add", x, offset, output=f"{label}_norm")


def _add_linear(graph: GraphBuilder, x: str, name: str, weight: Tensor, bias: Tensor) -> str:
    constants = (
        graph.constant(f"{name}_weight", weight.numpy()),
        graph.constant(f"{name}_bias", bias.numpy()),
    )
    return graph.add("Gemm", x, *constants, output=name, transB=1)


def _batch_norm_as_affine(norm: nn.BatchNorm1d | nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    """The factor and shift, each (C,) float32, that BatchNorm applies in evaluation mode."""
    mean, variance = norm.running_mean, norm.running_var
    assert mean is not None
    assert variance is not None
    factor = norm.weight.detach() / torch.sqrt(variance + norm.eps)
    return factor, norm.bias.detach() - mean * factor


def to_bytes(network: Network) -> bytes:
    """The ONNX file of a network, the same for the same weights."""
    return bytes(build_onnx(network).SerializeToString(deterministic=True))


def save_weights(network: Network, path: Path) -> None:
    """Write the weights of a network as safetensors."""
    save_file({name: value.contiguous() for name, value in network.state_dict().items()}, path)


def check_parity(network: Network, images_u8: Tensor, logits: Tensor) -> float:
    """Largest difference between the logits of PyTorch and of ONNX Runtime.

    images_u8: (N, 28, 28) real images.  logits: those of the network for them.
    Raises ModelCorrupt if the difference exceeds PARITY_TOLERANCE or a prediction differs.
    """
    expected = logits.numpy()
    session = open_session(to_bytes(network))
    actual = in_batches(lambda part: session.run(["logits"], {"glyphs": part})[0], images_u8.numpy(), EVALUATION_BATCH)
    difference = float(np.abs(expected - actual).max())
    if difference > PARITY_TOLERANCE or (expected.argmax(1) != actual.argmax(1)).any():
        raise ModelCorrupt(
            f"the ONNX export differs from the PyTorch network by {difference:.2g} in its logits; "
            "the model was not saved"
        )
    return difference
