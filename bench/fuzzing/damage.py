"""Ways to damage a picture file that a decoder does not notice at once.

Each takes a random source and bytes and returns bytes.  The same source makes the same damage, so a number is enough to
repeat an input.
"""

from __future__ import annotations

import random
import struct
import zlib
from collections.abc import Callable, Sequence

from .pictures import FORMATS, MODES, SCENES, SIZES, seed

Damage = Callable[[random.Random, bytes], bytes]

INTERESTING = (
    0,
    1,
    2,
    7,
    8,
    127,
    128,
    255,
    256,
    1023,
    1024,
    4096,
    32767,
    32768,
    65535,
    2**24,
    2**31 - 1,
    2**31,
    2**32 - 1,
)
PNG_MAGIC = b"\x89PNG\r\n\x1a\n"
JPEG_MARKERS = (0xC0, 0xC1, 0xC2, 0xC4, 0xC9, 0xD0, 0xD8, 0xD9, 0xDA, 0xDB, 0xDD, 0xE0, 0xE1, 0xE2, 0xEE, 0xFE)
EXIF_TURNED = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"
XMP_TURNED = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description tiff:Orientation="8"/></x:xmpmeta>'


def input_of(chance: random.Random, corpus: Sequence[bytes] = ()) -> bytes:
    """A picture, usually with one to four damages."""
    if corpus and chance.random() < 0.3:
        data = chance.choice(corpus)
    else:
        kind = chance.choice(FORMATS)
        data = seed(kind, chance.choice(MODES[kind]), chance.choice(SCENES), chance.choice(SIZES))
    for _ in range(chance.choice((0, 1, 1, 1, 2, 2, 3, 4))):
        data = damaged(chance, data)
    return data


def damaged(chance: random.Random, data: bytes) -> bytes:
    """Apply one damage for the format, or one for any file."""
    for start, change in BY_FORMAT.items():
        if data.startswith(start) and chance.random() < 0.75:
            try:
                return change(chance, data)
            except (struct.error, IndexError, ValueError, StopIteration, zlib.error):
                break  # it was damaged before, too much to be taken apart
    return chance.choice(ANYWHERE)(chance, data)


def flip_bits(chance: random.Random, data: bytes) -> bytes:
    """Flip some bits."""
    changed = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 8, 64))):
        if changed:
            changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
    return bytes(changed)


def truncate(chance: random.Random, data: bytes) -> bytes:
    """Keep only the beginning."""
    return data[: chance.randrange(len(data) + 1)]


def cut_out(chance: random.Random, data: bytes) -> bytes:
    """Leave out some bytes."""
    start = chance.randrange(len(data) + 1)
    return data[:start] + data[start + chance.choice((1, 2, 4, 16, 256)) :]


def repeat(chance: random.Random, data: bytes) -> bytes:
    """Repeat a part."""
    start = chance.randrange(len(data) + 1)
    part = data[start : start + chance.choice((1, 4, 32, 512))]
    return data[:start] + part * chance.choice((2, 3, 50)) + data[start:]


def write_number(chance: random.Random, data: bytes) -> bytes:
    """Write a boundary number in either byte order, usually near the beginning."""
    form = chance.choice(("<H", ">H", "<I", ">I", "B"))
    number = chance.choice(INTERESTING) & (2 ** (8 * struct.calcsize(form)) - 1)
    end = max(1, min(len(data), chance.choice((32, 64, 512, len(data) + 1))))
    at = chance.randrange(end)
    return data[:at] + struct.pack(form, number) + data[at + struct.calcsize(form) :]


def append(chance: random.Random, data: bytes) -> bytes:
    """Append some bytes."""
    return data + chance.randbytes(chance.choice((1, 12, 300)))


def splice(chance: random.Random, data: bytes) -> bytes:
    """Join the beginning of this file and the end of another."""
    kind = chance.choice(FORMATS)
    other = seed(kind, MODES[kind][0], chance.choice(SCENES), (40, 30))
    return data[: chance.randrange(len(data) + 1)] + other[chance.randrange(len(other)) :]


ANYWHERE: tuple[Damage, ...] = (
    flip_bits,
    flip_bits,
    truncate,
    cut_out,
    repeat,
    write_number,
    write_number,
    append,
    splice,
)


# --- PNG ------------------------------------------------------------------------------------------------

Chunk = tuple[bytes, bytes]  # name, content


def damage_png(chance: random.Random, data: bytes) -> bytes:
    """Change chunks, usually with correct checksums."""
    chunks = png_chunks(data)
    chance.choice((_drop, _double, _swap, _edit_header, _edit_header, _insert, _insert, _repack, _split, _spoil))(
        chance, chunks
    )
    return png_of(chunks, wrong_checksum=chance.randrange(len(chunks) or 1) if chance.random() < 0.1 else None)


def png_chunks(data: bytes) -> list[Chunk]:
    """The name and content of each chunk."""
    chunks, at = [], len(PNG_MAGIC)
    while at + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, at)
        chunks.append((data[at + 4 : at + 8], data[at + 8 : at + 8 + length]))
        at += 12 + length
    if not chunks:
        raise ValueError("no chunks")
    return chunks


def png_of(chunks: Sequence[Chunk], *, wrong_checksum: int | None = None) -> bytes:
    """A PNG file with these chunks."""
    parts = [PNG_MAGIC]
    for number, (name, content) in enumerate(chunks):
        checksum = zlib.crc32(name + content) ^ (number == wrong_checksum)
        parts.append(struct.pack(">I", len(content)) + name + content + struct.pack(">I", checksum))
    return b"".join(parts)


def _drop(chance: random.Random, chunks: list[Chunk]) -> None:
    del chunks[chance.randrange(len(chunks))]


def _double(chance: random.Random, chunks: list[Chunk]) -> None:
    at = chance.randrange(len(chunks))
    chunks[at:at] = [chunks[at]] * chance.choice((1, 2, 30))


def _swap(chance: random.Random, chunks: list[Chunk]) -> None:
    one, other = chance.randrange(len(chunks)), chance.randrange(len(chunks))
    chunks[one], chunks[other] = chunks[other], chunks[one]


def _edit_header(chance: random.Random, chunks: list[Chunk]) -> None:
    fields = list(struct.unpack(">IIBBBBB", chunks[0][1]))
    which = chance.randrange(7)
    fields[which] = chance.choice(INTERESTING if which < 2 else (0, 1, 2, 3, 4, 6, 8, 16, 255))
    chunks[0] = (chunks[0][0], struct.pack(">IIBBBBB", *fields))


def _insert(chance: random.Random, chunks: list[Chunk]) -> None:
    noise = chance.randbytes(chance.choice((0, 1, 2, 6, 8, 768)))
    made: tuple[Chunk, ...] = (
        (b"tRNS", noise),
        (b"tRNS", b"\0\0"),
        (b"PLTE", chance.randbytes(3 * chance.choice((0, 1, 16, 256, 257)))),
        (b"eXIf", EXIF_TURNED[6:]),
        (b"eXIf", noise),
        (b"acTL", struct.pack(">II", chance.choice((0, 1, 2, 2**31)), 0)),
        (b"fcTL", struct.pack(">IIIIIHHBB", 0, 20, 20, 0, 0, 1, 1, 0, 0)),
        (b"fdAT", noise),
        (b"gAMA", struct.pack(">I", chance.choice((0, 1, 45455, 2**31)))),
        (b"iCCP", b"k\0\0" + zlib.compress(bytes(chance.choice((10, 10_000, 300_000))))),
        (b"zTXt", b"k\0\0" + zlib.compress(bytes(chance.choice((10, 10_000, 300_000))))),
        (b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + XMP_TURNED),
        (b"tEXt", b"Raw profile type exif\0\nexif\n 30\n" + EXIF_TURNED.hex().encode() + b"\n"),
        (b"bKGD", noise),
        (b"sBIT", noise),
        (b"IHDR", chunks[0][1]),
        (b"IEND", b""),
        (chance.randbytes(4), noise),
    )
    chunks.insert(chance.randrange(len(chunks) + 1), chance.choice(made))


def _repack(chance: random.Random, chunks: list[Chunk]) -> None:
    """Change rows and compress them again: wrong filters, too few bytes, too many."""
    packed = b"".join(content for name, content in chunks if name == b"IDAT")
    rows = bytearray(zlib.decompress(packed))
    for _ in range(chance.choice((0, 1, 5))):
        rows[chance.randrange(len(rows))] = chance.choice((0, 1, 2, 3, 4, 5, 255))
    rows = rows[: chance.choice((len(rows), len(rows), len(rows) // 2, len(rows) - 1))]
    rows += bytes(chance.choice((0, 0, 1, 5000)))
    again = zlib.compress(bytes(rows), chance.choice((0, 1, 9)))
    first = next(number for number, (name, _) in enumerate(chunks) if name == b"IDAT")
    kept = [chunk for chunk in chunks if chunk[0] != b"IDAT"]
    kept.insert(first, (b"IDAT", again[: chance.choice((len(again), len(again), len(again) - 3))]))
    chunks[:] = kept


def _split(chance: random.Random, chunks: list[Chunk]) -> None:
    """Split one chunk into many."""
    at = chance.randrange(len(chunks))
    name, content = chunks[at]
    size = chance.choice((1, 2, 16))
    if len(content) <= 4000:
        chunks[at : at + 1] = [(name, content[i : i + size]) for i in range(0, len(content), size)]


def _spoil(chance: random.Random, chunks: list[Chunk]) -> None:
    at = chance.randrange(len(chunks))
    name, content = chunks[at]
    chunks[at] = name, chance.choice(ANYWHERE)(chance, content)


# --- the other formats ----------------------------------------------------------------------------------


def damage_jpeg(chance: random.Random, data: bytes) -> bytes:
    """Change segments."""
    segments, scan = jpeg_segments(data)
    at = chance.randrange(len(segments))
    marker, content = segments[at]
    action = chance.randrange(7)
    if action == 0:
        del segments[at]
    elif action == 1:
        segments[at:at] = [segments[at]] * chance.choice((1, 20))
    elif action == 2:
        segments[at] = chance.choice(JPEG_MARKERS), content
    elif action == 3:
        segments[at] = marker, chance.choice(ANYWHERE)(chance, content)
    elif action == 4:
        segments.insert(at, (0xE1, chance.choice((EXIF_TURNED, b"http://ns.adobe.com/xap/1.0/\0" + XMP_TURNED))))
    elif action == 5:
        frame = next(i for i, (name, _) in enumerate(segments) if name in (0xC0, 0xC2))
        size = struct.pack(">HH", chance.choice(INTERESTING) & 65535, chance.choice((1, 8, 64, 65535)))
        segments[frame] = segments[frame][0], segments[frame][1][:1] + size + segments[frame][1][5:]
    else:
        scan = chance.choice(ANYWHERE)(chance, scan)
    return jpeg_of(segments, scan)


def jpeg_segments(data: bytes) -> tuple[list[tuple[int, bytes]], bytes]:
    """The marker and content of each segment before the pixels, and the rest."""
    segments, at = [], 2
    while data[at] == 0xFF and data[at + 1] != 0xDA:
        (length,) = struct.unpack_from(">H", data, at + 2)
        segments.append((data[at + 1], data[at + 4 : at + 2 + length]))
        at += 2 + length
    if not segments:
        raise ValueError("no segments")
    return segments, data[at:]


def jpeg_of(segments: Sequence[tuple[int, bytes]], scan: bytes) -> bytes:
    """A JPEG file with these segments."""
    parts = [
        b"\xff" + bytes([marker]) + struct.pack(">H", (len(content) + 2) & 65535) + content
        for marker, content in segments
    ]
    return b"\xff\xd8" + b"".join(parts) + scan


def damage_gif(chance: random.Random, data: bytes) -> bytes:
    """Change sizes, insert blocks or add a picture."""
    head = 13 + (3 * 2 ** ((data[10] & 7) + 1) if data[10] & 128 else 0)
    size = struct.pack("<HH", chance.choice((0, 1, 8, 64, 65535)), chance.choice((0, 1, 8, 64, 65535)))
    block = chance.choice(
        (
            b"\x21\xf9\x04" + chance.randbytes(4) + b"\0",
            b"\x21\xfe\x03abc\0",
            b"\x21\xff\x0bNETSCAPE2.0\x03\x01\0\0\0",
            b"\x2c\0\0\0\0" + size + chance.randbytes(1) + b"\x02\x02\x4c\x01\0",
            b"\x21\x01" + bytes([chance.randrange(256)]) + b"x" * 20,
        )
    )
    action = chance.randrange(4)
    if action == 0:
        return data[:6] + size + data[10:]
    if action == 1:
        return data[:head] + block * chance.choice((1, 1, 40)) + data[head:]
    if action == 2:
        return data[:-1] + block + data[-1:]
    return data[:10] + chance.randbytes(3) + data[13:]


def damage_bmp(chance: random.Random, data: bytes) -> bytes:
    """Change a field of the header."""
    at, form = chance.choice(
        ((10, "<I"), (14, "<I"), (18, "<i"), (22, "<i"), (26, "<H"), (28, "<H"), (30, "<I"), (46, "<I"))
    )
    numbers = {
        26: (0, 1, 2),
        28: (0, 1, 2, 4, 8, 16, 24, 32, 64),
        30: (0, 1, 2, 3, 4, 6),
        14: (12, 16, 40, 52, 64, 108, 124),
    }
    number = chance.choice(numbers.get(at, (*(n for n in INTERESTING if n < 2**31), -1, -8, -64)))
    if form == "<I":
        number &= 2**32 - 1
    return data[:at] + struct.pack(form, number) + data[at + struct.calcsize(form) :]


def damage_webp(chance: random.Random, data: bytes) -> bytes:
    """Change chunks of the container."""
    chunks, at = [], 12
    while at + 8 <= len(data):
        (length,) = struct.unpack_from("<I", data, at + 4)
        chunks.append((data[at : at + 4], data[at + 8 : at + 8 + length]))
        at += 8 + length + length % 2
    extended = struct.pack("<I", chance.choice((0, 2, 16, 32, 255))) + chance.choice(
        (b"\x1b\0\0\x1b\0\0", chance.randbytes(6))
    )
    made = (
        (b"VP8X", extended),
        (b"EXIF", EXIF_TURNED),
        (b"ALPH", chance.randbytes(9)),
        (b"ANIM", bytes(6)),
        (b"XMP ", XMP_TURNED),
    )
    action = chance.randrange(5)
    if action == 0:
        chunks.insert(chance.randrange(len(chunks) + 1), chance.choice(made))
    elif action == 1:
        del chunks[chance.randrange(len(chunks))]
    elif action == 2:
        chunks[0:0] = [made[0], chance.choice(made)]
    else:
        number = chance.randrange(len(chunks))
        chunks[number] = chunks[number][0], chance.choice(ANYWHERE)(chance, chunks[number][1])
    body = b"".join(name + struct.pack("<I", len(part)) + part + b"\0" * (len(part) % 2) for name, part in chunks)
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body


BY_FORMAT: dict[bytes, Damage] = {
    PNG_MAGIC: damage_png,
    b"\xff\xd8": damage_jpeg,
    b"GIF8": damage_gif,
    b"BM": damage_bmp,
    b"RIFF": damage_webp,
}
