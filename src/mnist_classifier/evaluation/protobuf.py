"""The wire format of protocol buffers, as far as ONNX files need it.

Source: protobuf.dev/programming-guides/encoding.
"""

from __future__ import annotations

from collections.abc import Iterator

# Wire types.
VARINT, FIXED64, DELIMITED, FIXED32 = 0, 1, 2, 5


def fields(message: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Yield the number and value of each field.  Raises IndexError if the message is malformed or truncated."""
    position = 0
    while position < len(message):
        key, position = read_varint(message, position)
        kind = key & 7
        if kind == VARINT:
            value, position = read_varint(message, position)
            yield key >> 3, value
            continue
        if kind == DELIMITED:
            length, position = read_varint(message, position)
        elif kind in (FIXED32, FIXED64):
            length = 4 if kind == FIXED32 else 8
        else:
            raise IndexError
        if position + length > len(message):
            raise IndexError
        yield key >> 3, message[position : position + length]
        position += length


def messages(message: memoryview, wanted: int) -> Iterator[memoryview]:
    """Yield the contents of the fields with one number."""
    return (value for number, value in fields(message) if number == wanted and isinstance(value, memoryview))


def read_varint(message: memoryview, position: int) -> tuple[int, int]:
    """Read the number at a position, seven bits in each byte, and return it with the position after it."""
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


def delimited(number: int, content: bytes) -> bytes:
    """Encode a field with the given number and content."""
    return _varint(number << 3 | DELIMITED) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    found.append(value)
    return bytes(found)
