"""Look into an ONNX file before anything runs it: no files outside, no strange operators.

Reads the protocol buffer itself, in the standard library: the `onnx` package
is there only where models are trained, and ONNX Runtime would already open
what the file points to.  Field numbers: onnx/onnx.proto, stable since 2017.
"""

from __future__ import annotations

from collections.abc import Iterator

from mnist_classifier.errors import ModelCorrupt

# What this program's own export writes (training/export.py).
OPERATORS = frozenset(
    {
        *("Add", "Cast", "Concat", "Conv", "Flatten", "Gemm", "LogSoftmax", "MaxPool", "Mul"),
        *("ReduceLogSumExp", "Relu", "Reshape", "Transpose", "Unsqueeze"),
    }
)
OPSETS = range(13, 22)

# Wire types of protocol buffers.
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


def check_onnx(data: bytes) -> None:
    """Refuse an ONNX file that this program would not have written.  Raises ModelCorrupt."""
    try:
        _check_model(memoryview(data))
    except (IndexError, UnicodeDecodeError) as error:
        raise ModelCorrupt("the ONNX file cannot be read: it is truncated, or no ONNX file") from error


def _check_model(model: memoryview) -> None:
    graphs, opsets = [], []
    for field, value in _fields(model):
        if field == 7:
            graphs.append(_message(value))
        elif field == 8:
            opsets.append(dict(_fields(_message(value))))
        elif field in (20, 25):
            raise ModelCorrupt("the ONNX file defines functions of its own")
    versions = [opset.get(2) for opset in opsets if not bytes(_message(opset.get(1, memoryview(b""))))]
    if len(opsets) != 1 or len(versions) != 1 or versions[0] not in OPSETS:
        raise ModelCorrupt(f"the ONNX file must use the standard operators of one set, {OPSETS[0]} to {OPSETS[-1]}")
    if len(graphs) != 1:
        raise ModelCorrupt("the ONNX file has no graph, or several")
    _check_graph(graphs[0])


def _check_graph(graph: memoryview) -> None:
    for field, value in _fields(graph):
        if field == 1:
            _check_node(_message(value))
        elif field == 5:
            _check_tensor(_message(value))
        elif field == 15:
            raise ModelCorrupt("the ONNX file has sparse tensors, which this program never writes")


def _check_node(node: memoryview) -> None:
    for field, value in _fields(node):
        if field == 4 and (name := str(_message(value), "utf-8")) not in OPERATORS:
            raise ModelCorrupt(f"the ONNX file uses the operator {name!r}, which this program never writes")
        if field == 7 and bytes(_message(value)):
            raise ModelCorrupt("the ONNX file uses operators outside the standard set")
        if field == 5:
            for part, inner in _fields(_message(value)):
                if part in (5, 10):
                    _check_tensor(_message(inner))
                elif part in (6, 11, 22, 23):
                    raise ModelCorrupt("the ONNX file has graphs or sparse tensors inside an operator")


def _check_tensor(tensor: memoryview) -> None:
    for field, value in _fields(tensor):
        if field == 13 or (field == 14 and value != 0):
            raise ModelCorrupt("the ONNX file keeps its weights in another file")


def _message(value: int | memoryview) -> memoryview:
    if isinstance(value, int):
        raise IndexError
    return value


def _fields(message: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Field number and value of each field; raises IndexError where the bytes end too soon."""
    position = 0
    while position < len(message):
        key, position = _varint(message, position)
        kind = key & 7
        if kind == _VARINT:
            value, position = _varint(message, position)
            yield key >> 3, value
            continue
        if kind == _BYTES:
            length, position = _varint(message, position)
        elif kind in (_FIXED32, _FIXED64):
            length = 4 if kind == _FIXED32 else 8
        else:
            raise IndexError
        if position + length > len(message):
            raise IndexError
        yield key >> 3, message[position : position + length]
        position += length


def _varint(message: memoryview, position: int) -> tuple[int, int]:
    value, shift = 0, 0
    while True:
        byte = message[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
        shift += 7
        if shift > 63:
            raise IndexError
