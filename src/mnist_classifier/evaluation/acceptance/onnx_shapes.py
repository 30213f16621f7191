"""Compute the size of every tensor of a network before anything runs it.

A few bytes of ONNX can ask for gigabytes: twenty Concats in a row, or a Conv
with pads of 12,000.  This module infers the shape of each operator's output and
refuses tensors above the limits.  It knows only the operators that this program
writes (training/release/export.py).  Source: the ONNX operator documentation.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from mnist_classifier.core.errors import ModelCorrupt

Shape = tuple[int, ...]

# Most elements of one tensor for one glyph.  The settings allow 512 channels of 28 x 28, which are 401,408.
LARGEST_TENSOR = 600_000
# Most elements of all tensors together for one glyph.  An ensemble of ten such networks has 60 million.
LARGEST_SUM = 100_000_000
# Pixels under the largest kernel that the settings allow, 9 x 9.
LARGEST_KERNEL = 81
MOST_NODES = 10_000
# The network's input.
GLYPHS = "glyphs"
# TensorProto.FLOAT in onnx.proto.
FLOAT = 1
# The operators that this program writes, and their attributes.
ATTRIBUTES = {
    "Add": (),
    "Cast": ("to",),
    "Concat": ("axis",),
    "Conv": ("kernel_shape", "pads"),
    "Flatten": (),
    "Gemm": ("transB",),
    "LogSoftmax": ("axis",),
    "MaxPool": ("kernel_shape", "strides"),
    "Mul": (),
    "ReduceLogSumExp": ("axes", "keepdims"),
    "Relu": (),
    "Reshape": (),
    "Transpose": ("perm",),
    "Unsqueeze": (),
}


@dataclass(frozen=True)
class Constant:
    """Weights: their shape, and their values if they are a short list of whole numbers."""

    shape: Shape
    values: tuple[int, ...] = ()


@dataclass(frozen=True)
class Node:
    """An operator; each attribute is a list of whole numbers."""

    operator: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, tuple[int, ...]]


@dataclass(frozen=True)
class Graph:
    """A network: its nodes in order, and its weights by name."""

    nodes: Sequence[Node]
    constants: Mapping[str, Constant]


def check_shapes(graph: Graph, batch: int) -> None:
    """Raise ModelCorrupt if a tensor gets too large, for one glyph or for a batch."""
    if len(graph.nodes) > MOST_NODES:
        raise _refused(f"it has {len(graph.nodes)} operators; the limit is {MOST_NODES}")
    if GLYPHS in graph.constants:
        raise _refused(f"its weights are called {GLYPHS!r}")
    for glyphs in (1, batch):
        _infer_shapes(graph, glyphs)


def _infer_shapes(graph: Graph, glyphs: int) -> None:
    """Follow the shapes from the input, (glyphs, 28, 28), through all operators."""
    shapes: dict[str, Shape] = {GLYPHS: (glyphs, 28, 28)}
    total = 0
    for node in graph.nodes:
        _check_node(node, graph, shapes)
        try:
            shape = _RULES[node.operator](_Operands(node, graph, shapes))
        except (ValueError, IndexError) as error:
            raise _refused(f"the shapes at its {node.operator} do not fit: {error}") from error
        size = math.prod(shape)
        total += size
        if not 0 < size <= LARGEST_TENSOR * glyphs or total > LARGEST_SUM * glyphs:
            raise _refused(f"its {node.operator} makes a tensor of {'x'.join(map(str, shape))[:100]}")
        shapes[node.outputs[0]] = shape


def _check_node(node: Node, graph: Graph, shapes: Mapping[str, Shape]) -> None:
    if unknown := sorted(set(node.attributes) - set(ATTRIBUTES[node.operator])):
        raise _refused(f"its {node.operator} has the attribute {unknown[0]!r}, which this program never writes")
    if len(node.outputs) != 1 or node.outputs[0] in shapes or node.outputs[0] in graph.constants:
        raise _refused(f"its {node.operator} must have one output with a new name")
    for name in node.inputs:
        if name not in shapes and name not in graph.constants:
            raise _refused(f"its {node.operator} takes {name[:100]!r}, which no operator makes")
    # ONNX Runtime would run such a node while it loads the file.
    if not any(name in shapes for name in node.inputs):
        raise _refused(f"its {node.operator} does not depend on the glyphs")


@dataclass(frozen=True)
class _Operands:
    """The inputs and attributes of a node."""

    node: Node
    graph: Graph
    shapes: Mapping[str, Shape]

    def __len__(self) -> int:
        return len(self.node.inputs)

    def shape(self, index: int = 0) -> Shape:
        name = self.node.inputs[index]
        return self.shapes[name] if name in self.shapes else self.graph.constants[name].shape

    def values(self, index: int) -> tuple[int, ...]:
        constant = self.graph.constants.get(self.node.inputs[index])
        if constant is None or not constant.values:
            raise ValueError("a shape must be a short list of whole numbers")
        return constant.values

    def attribute(self, name: str, default: tuple[int, ...]) -> tuple[int, ...]:
        return self.node.attributes.get(name, default)

    def number(self, name: str, default: int) -> int:
        (value,) = self.attribute(name, (default,))
        return value


def _same(operands: _Operands) -> Shape:
    return operands.shape()


def _cast(operands: _Operands) -> Shape:
    _require(operands.number("to", 0) == FLOAT, "a cast must be to float")
    return operands.shape()


def _broadcast(operands: _Operands) -> Shape:
    first, second = (tuple(reversed(operands.shape(index))) for index in (0, 1))
    rank = max(len(first), len(second))
    pairs = zip(first + (1,) * (rank - len(first)), second + (1,) * (rank - len(second)), strict=True)
    return tuple(reversed([_broadcast_side(one, other) for one, other in pairs]))


def _broadcast_side(one: int, other: int) -> int:
    _require(one == other or 1 in (one, other), f"{one} and {other}")
    return max(one, other) if 0 not in (one, other) else 0


def _reshape(operands: _Operands) -> Shape:
    shape = operands.shape()
    wanted = [shape[axis] if side == 0 else side for axis, side in enumerate(operands.values(1))]
    _require(wanted.count(-1) <= 1 and min(wanted) >= -1, f"{wanted}")
    known = math.prod(side for side in wanted if side != -1)
    sides = tuple(math.prod(shape) // known if side == -1 else side for side in wanted)
    _require(math.prod(sides) == math.prod(shape), f"{shape} and {sides}")
    return sides


def _concat(operands: _Operands) -> Shape:
    shapes = [operands.shape(index) for index in range(len(operands))]
    axis = _axis(operands.number("axis", 0), len(shapes[0]))
    others = {shape[:axis] + shape[axis + 1 :] for shape in shapes}
    _require(len(others) == 1, "sides differ")
    return (*shapes[0][:axis], sum(shape[axis] for shape in shapes), *shapes[0][axis + 1 :])


def _conv(operands: _Operands) -> Shape:
    (batch, channels, *sides), (kernels, depth, *kernel) = operands.shape(0), operands.shape(1)
    _require(len(sides) == len(kernel) == 2 and channels == depth, f"{operands.shape(0)} and {operands.shape(1)}")
    _require(operands.attribute("kernel_shape", tuple(kernel)) == tuple(kernel), "kernel_shape")
    pads = operands.attribute("pads", (0, 0, 0, 0))
    _require(len(pads) == 4 and min(pads) >= 0, f"pads {pads}")
    height, width = (side + pads[i] + pads[i + 2] - kernel[i] + 1 for i, side in enumerate(sides))
    # ONNX Runtime may unroll the input: each output pixel then takes a copy of the pixels under the kernel.
    unrolled = channels * math.prod(kernel) * height * width
    _require(height > 0 and width > 0 and unrolled <= LARGEST_KERNEL * LARGEST_TENSOR, f"{height}x{width}")
    return (batch, kernels, height, width)


def _pool(operands: _Operands) -> Shape:
    batch, channels, *sides = operands.shape()
    kernel, strides = operands.attribute("kernel_shape", ()), operands.attribute("strides", (1, 1))
    _require(len(sides) == len(kernel) == len(strides) == 2 and min(*kernel, *strides) > 0, f"kernel {kernel}")
    height, width = ((side - kernel[i]) // strides[i] + 1 for i, side in enumerate(sides))
    _require(height > 0 and width > 0, f"{height}x{width}")
    return (batch, channels, height, width)


def _gemm(operands: _Operands) -> Shape:
    (rows, depth), (first, second) = operands.shape(0), operands.shape(1)
    if operands.number("transB", 0):
        first, second = second, first
    _require(depth == first, f"{depth} and {first}")
    return (rows, second)


def _flatten(operands: _Operands) -> Shape:
    batch, *sides = operands.shape()
    return (batch, math.prod(sides))


def _transpose(operands: _Operands) -> Shape:
    shape = operands.shape()
    order = operands.attribute("perm", tuple(reversed(range(len(shape)))))
    _require(sorted(order) == list(range(len(shape))), f"perm {order}")
    return tuple(shape[axis] for axis in order)


def _unsqueeze(operands: _Operands) -> Shape:
    shape, axes = operands.shape(), operands.values(1)
    added = {_axis(axis, len(shape) + len(axes)) for axis in axes}
    _require(len(added) == len(axes), f"axes {axes}")
    sides = iter(shape)
    return tuple(1 if axis in added else next(sides) for axis in range(len(shape) + len(axes)))


def _reduce(operands: _Operands) -> Shape:
    shape = operands.shape()
    # Since operator set 18 the axes are an input.
    axes = operands.values(1) if len(operands) > 1 else operands.attribute("axes", tuple(range(len(shape))))
    reduced = {_axis(axis, len(shape)) for axis in axes}
    if operands.number("keepdims", 1):
        return tuple(1 if axis in reduced else side for axis, side in enumerate(shape))
    return tuple(side for axis, side in enumerate(shape) if axis not in reduced)


_RULES: Mapping[str, Callable[[_Operands], Shape]] = {
    "Add": _broadcast,
    "Cast": _cast,
    "Concat": _concat,
    "Conv": _conv,
    "Flatten": _flatten,
    "Gemm": _gemm,
    "LogSoftmax": _same,
    "MaxPool": _pool,
    "Mul": _broadcast,
    "ReduceLogSumExp": _reduce,
    "Relu": _same,
    "Reshape": _reshape,
    "Transpose": _transpose,
    "Unsqueeze": _unsqueeze,
}


def _axis(axis: int, rank: int) -> int:
    """An axis counted from the front; negative ones count from the back."""
    _require(-rank <= axis < rank, f"axis {axis} of {rank}")
    return axis % rank


def _require(good: bool, what: str) -> None:
    if not good:
        raise ValueError(what[:200])


def _refused(why: str) -> ModelCorrupt:
    return ModelCorrupt(f"the network cannot be used: {why}")
