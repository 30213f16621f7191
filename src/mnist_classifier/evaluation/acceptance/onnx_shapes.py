"""Compute the size of every tensor of a network before anything runs it.

A few bytes of ONNX can ask for gigabytes: twenty Concats in a row, or a Conv
with pads of 12,000.  This follows the shapes through the operators that this
program writes (training/release/export.py) and refuses tensors above the limits.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from mnist_classifier.core.errors import ModelCorrupt

Shape = tuple[int, ...]

# Largest number of elements of a tensor, for each glyph.  The settings allow 512 channels of 28 x 28.
LARGEST_TENSOR = 600_000
# The same for all tensors together.  An ensemble of ten such networks has 60 million.
LARGEST_SUM = 100_000_000
MOST_NODES = 10_000
GLYPHS = "glyphs"
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
        _follow(graph, glyphs)


def _follow(graph: Graph, glyphs: int) -> None:
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
    _fits(operands.number("to", 0) == FLOAT, "a cast must be to float")
    return operands.shape()


def _broadcast(operands: _Operands) -> Shape:
    first, second = (tuple(reversed(operands.shape(index))) for index in (0, 1))
    rank = max(len(first), len(second))
    pairs = zip(first + (1,) * (rank - len(first)), second + (1,) * (rank - len(second)), strict=True)
    return tuple(reversed([_joined(one, other) for one, other in pairs]))


def _joined(one: int, other: int) -> int:
    _fits(one == other or 1 in (one, other), f"{one} and {other}")
    return max(one, other) if 0 not in (one, other) else 0


def _reshape(operands: _Operands) -> Shape:
    shape = operands.shape()
    wanted = [shape[axis] if side == 0 else side for axis, side in enumerate(operands.values(1))]
    _fits(wanted.count(-1) <= 1 and min(wanted) >= -1, f"{wanted}")
    known = math.prod(side for side in wanted if side != -1)
    sides = tuple(math.prod(shape) // known if side == -1 else side for side in wanted)
    _fits(math.prod(sides) == math.prod(shape), f"{shape} and {sides}")
    return sides


def _concat(operands: _Operands) -> Shape:
    shapes = [operands.shape(index) for index in range(len(operands))]
    axis = _axis(operands.number("axis", 0), len(shapes[0]))
    others = {shape[:axis] + shape[axis + 1 :] for shape in shapes}
    _fits(len(others) == 1, "sides differ")
    return (*shapes[0][:axis], sum(shape[axis] for shape in shapes), *shapes[0][axis + 1 :])


def _conv(operands: _Operands) -> Shape:
    (batch, channels, *sides), (kernels, depth, *kernel) = operands.shape(0), operands.shape(1)
    _fits(len(sides) == len(kernel) == 2 and channels == depth, f"{operands.shape(0)} and {operands.shape(1)}")
    _fits(operands.attribute("kernel_shape", tuple(kernel)) == tuple(kernel), "kernel_shape")
    pads = operands.attribute("pads", (0, 0, 0, 0))
    _fits(len(pads) == 4 and min(pads) >= 0, f"pads {pads}")
    height, width = (side + pads[i] + pads[i + 2] - kernel[i] + 1 for i, side in enumerate(sides))
    # The unrolled input of a convolution may be larger than its result.
    unrolled = channels * math.prod(kernel) * height * width
    _fits(height > 0 and width > 0 and unrolled <= 81 * LARGEST_TENSOR, f"{height}x{width}")
    return (batch, kernels, height, width)


def _pool(operands: _Operands) -> Shape:
    batch, channels, *sides = operands.shape()
    kernel, strides = operands.attribute("kernel_shape", ()), operands.attribute("strides", (1, 1))
    _fits(len(sides) == len(kernel) == len(strides) == 2 and min(*kernel, *strides) > 0, f"kernel {kernel}")
    height, width = ((side - kernel[i]) // strides[i] + 1 for i, side in enumerate(sides))
    _fits(height > 0 and width > 0, f"{height}x{width}")
    return (batch, channels, height, width)


def _gemm(operands: _Operands) -> Shape:
    (rows, depth), (first, second) = operands.shape(0), operands.shape(1)
    if operands.number("transB", 0):
        first, second = second, first
    _fits(depth == first, f"{depth} and {first}")
    return (rows, second)


def _flatten(operands: _Operands) -> Shape:
    batch, *sides = operands.shape()
    return (batch, math.prod(sides))


def _transpose(operands: _Operands) -> Shape:
    shape = operands.shape()
    order = operands.attribute("perm", tuple(reversed(range(len(shape)))))
    _fits(sorted(order) == list(range(len(shape))), f"perm {order}")
    return tuple(shape[axis] for axis in order)


def _unsqueeze(operands: _Operands) -> Shape:
    shape, axes = operands.shape(), operands.values(1)
    added = {_axis(axis, len(shape) + len(axes)) for axis in axes}
    _fits(len(added) == len(axes), f"axes {axes}")
    sides = iter(shape)
    return tuple(1 if axis in added else next(sides) for axis in range(len(shape) + len(axes)))


def _reduce(operands: _Operands) -> Shape:
    shape = operands.shape()
    # Since operator set 18 the axes are an input.
    axes = operands.values(1) if len(operands) > 1 else operands.attribute("axes", tuple(range(len(shape))))
    gone = {_axis(axis, len(shape)) for axis in axes}
    if operands.number("keepdims", 1):
        return tuple(1 if axis in gone else side for axis, side in enumerate(shape))
    return tuple(side for axis, side in enumerate(shape) if axis not in gone)


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
    _fits(-rank <= axis < rank, f"axis {axis} of {rank}")
    return axis % rank


def _fits(good: bool, what: str) -> None:
    if not good:
        raise ValueError(what[:200])


def _refused(why: str) -> ModelCorrupt:
    return ModelCorrupt(f"the network cannot be used: {why}")
