"""Check an ONNX file before anything runs it: no external files, unknown operators or huge tensors.

This decodes the protocol buffer by hand: the `onnx` package is installed only
for training, and ONNX Runtime would already open the files that a model points
to.
"""

from __future__ import annotations

import math
import struct

from mnist_classifier.core.errors import ModelCorrupt
from mnist_classifier.evaluation.acceptance.onnx_shapes import ATTRIBUTES, Constant, Graph, Node, check_shapes
from mnist_classifier.evaluation.protobuf import fields, read_varint

# Field numbers by message.  Source: onnx/onnx.proto, stable since 2017.
MODEL_GRAPH, MODEL_OPSET, MODEL_TRAINING, MODEL_FUNCTIONS = 7, 8, 20, 25
OPSET_DOMAIN, OPSET_VERSION = 1, 2
GRAPH_NODE, GRAPH_TENSOR, GRAPH_SPARSE_TENSOR = 1, 5, 15
NODE_INPUT, NODE_OUTPUT, NODE_OPERATOR, NODE_ATTRIBUTE, NODE_DOMAIN = 1, 2, 4, 5, 7
ATTRIBUTE_NAME, ATTRIBUTE_INT, ATTRIBUTE_INTS, ATTRIBUTE_DOC, ATTRIBUTE_TYPE = 1, 3, 8, 13, 20
ATTRIBUTE_TENSORS = (5, 10)
ATTRIBUTE_GRAPHS_OR_SPARSE_TENSORS = (6, 11, 22, 23)
TENSOR_SHAPE, TENSOR_TYPE, TENSOR_NAME, TENSOR_BYTES = 1, 2, 8, 9
TENSOR_DOC, TENSOR_EXTERNAL_DATA, TENSOR_LOCATION = 12, 13, 14

OPSETS = range(13, 22)
# Bytes of an element by its type in TensorProto.DataType: float32, uint8, int64.
ITEM_BYTES = {1: 4, 2: 1, 7: 8}
INT64 = 7
# Longest list of whole numbers whose values are read; a shape or a list of axes is shorter.
LONGEST_LIST = 16


def check_onnx(data: bytes, batch: int = 1) -> None:
    """Raise ModelCorrupt for a network that this program could not have written, or that needs too much memory.

    batch: the largest number of glyphs at once.
    """
    try:
        graph = _read_model(memoryview(data))
    except (IndexError, UnicodeDecodeError) as error:
        raise ModelCorrupt("the ONNX file is truncated, or is no ONNX file") from error
    check_shapes(graph, batch)


def _read_model(model: memoryview) -> Graph:
    graphs, opsets = [], []
    for field, value in fields(model):
        if field == MODEL_GRAPH:
            graphs.append(_message(value))
        elif field == MODEL_OPSET:
            opsets.append(dict(fields(_message(value))))
        elif field in (MODEL_TRAINING, MODEL_FUNCTIONS):
            raise ModelCorrupt("the ONNX file defines its own functions")
    # Versions of the standard operators, whose domain is empty.
    versions = [
        opset.get(OPSET_VERSION) for opset in opsets if not bytes(_message(opset.get(OPSET_DOMAIN, memoryview(b""))))
    ]
    if len(opsets) != 1 or len(versions) != 1 or versions[0] not in OPSETS:
        raise ModelCorrupt(f"the ONNX file must use the standard operators of one set, {OPSETS[0]} to {OPSETS[-1]}")
    if len(graphs) != 1:
        raise ModelCorrupt("the ONNX file has no graph, or several")
    return _read_graph(graphs[0])


def _read_graph(graph: memoryview) -> Graph:
    nodes, constants = [], {}
    for field, value in fields(graph):
        if field == GRAPH_NODE:
            nodes.append(_read_node(_message(value)))
        elif field == GRAPH_TENSOR:
            name, constant = _read_tensor(_message(value))
            if name in constants:
                raise ModelCorrupt("the ONNX file has weights of the same name twice")
            constants[name] = constant
        elif field == GRAPH_SPARSE_TENSOR:
            raise ModelCorrupt("the ONNX file has sparse tensors, which this program never writes")
    return Graph(nodes, constants)


def _read_node(node: memoryview) -> Node:
    inputs, outputs, operators = [], [], []
    attributes: dict[str, tuple[int, ...]] = {}
    for field, value in fields(node):
        if field == NODE_INPUT:
            inputs.append(_text(value))
        elif field == NODE_OUTPUT:
            outputs.append(_text(value))
        elif field == NODE_OPERATOR:
            operators.append(_text(value))
            if operators[-1] not in ATTRIBUTES:
                raise ModelCorrupt(
                    f"the ONNX file uses the operator {operators[-1][:100]!r}, which this program never writes"
                )
        elif field == NODE_ATTRIBUTE:
            name, numbers = _read_attribute(_message(value))
            if name in attributes:
                raise ModelCorrupt("the ONNX file has an attribute twice")
            attributes[name] = numbers
        elif field == NODE_DOMAIN and bytes(_message(value)):
            raise ModelCorrupt("the ONNX file uses operators outside the standard set")
    if len(operators) != 1:
        raise ModelCorrupt("the ONNX file has a node without an operator, or with several")
    return Node(operators[0], tuple(inputs), tuple(outputs), attributes)


def _read_attribute(attribute: memoryview) -> tuple[str, tuple[int, ...]]:
    """The name and the whole numbers of an attribute; this program writes no other kind."""
    name, numbers = "", []
    for field, value in fields(attribute):
        if field == ATTRIBUTE_NAME:
            name = _text(value)
        elif field in (ATTRIBUTE_INT, ATTRIBUTE_INTS):
            numbers += _whole_numbers(value)
        elif field in ATTRIBUTE_TENSORS:
            _read_tensor(_message(value))
            raise ModelCorrupt("the ONNX file has weights inside an operator, which this program never writes")
        elif field in ATTRIBUTE_GRAPHS_OR_SPARSE_TENSORS:
            raise ModelCorrupt("the ONNX file has graphs or sparse tensors inside an operator")
        elif field not in (ATTRIBUTE_DOC, ATTRIBUTE_TYPE):
            raise ModelCorrupt(f"the ONNX file has an attribute {name[:100]!r} that is not a whole number")
    return name, tuple(numbers)


def _read_tensor(tensor: memoryview) -> tuple[str, Constant]:
    """The name and the shape of weights, whose number of bytes must match the shape."""
    name, kind, shape, raw = "", 0, [], memoryview(b"")
    for field, value in fields(tensor):
        if field == TENSOR_SHAPE:
            shape += _whole_numbers(value)
        elif field == TENSOR_TYPE:
            kind = _whole_numbers(value)[-1]
        elif field == TENSOR_NAME:
            name = _text(value)
        elif field == TENSOR_BYTES:
            raw = _message(value)
        elif field == TENSOR_EXTERNAL_DATA or (field == TENSOR_LOCATION and value != 0):
            raise ModelCorrupt("the ONNX file keeps its weights in another file")
        elif field not in (TENSOR_DOC, TENSOR_LOCATION):
            raise ModelCorrupt("the ONNX file has weights in a form that this program never writes")
    if len(shape) > 8 or min(shape, default=0) < 0 or math.prod(shape) * ITEM_BYTES.get(kind, 0) != len(raw):
        raise ModelCorrupt(f"the ONNX file has weights {name[:100]!r} whose size does not match their shape")
    is_list = kind == INT64 and len(shape) == 1 and shape[0] <= LONGEST_LIST
    return name, Constant(tuple(shape), struct.unpack(f"<{shape[0]}q", raw) if is_list else ())


def _text(value: int | memoryview) -> str:
    return str(_message(value), "utf-8")


def _whole_numbers(value: int | memoryview) -> list[int]:
    """One number, or several packed ones."""
    if isinstance(value, int):
        return [_signed(value)]
    numbers, position = [], 0
    while position < len(value):
        number, position = read_varint(value, position)
        numbers.append(_signed(number))
    return numbers


def _signed(number: int) -> int:
    """A varint as a signed 64-bit number (two's complement)."""
    number &= 2**64 - 1
    return number - 2**64 if number >= 2**63 else number


def _message(value: int | memoryview) -> memoryview:
    """The bytes of a field.  Raises IndexError if it is a number."""
    if isinstance(value, int):
        raise IndexError
    return value
