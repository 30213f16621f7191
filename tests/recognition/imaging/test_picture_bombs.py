"""Small files that claim or unpack to many pixels, in every accepted format: refused, or read within limits.

They are decoded in a process of their own, whose memory is that of these files alone.
"""

from __future__ import annotations

import io
import multiprocessing
import multiprocessing.connection
import struct
import sys
import time
import zlib
from collections.abc import Callable

import pytest
from bench.fuzzing.damage import PNG_MAGIC
from PIL import Image

from mnist_classifier.core.errors import MnistError
from mnist_classifier.recognition.imaging.crops import cut_file
from mnist_classifier.recognition.imaging.decode import FORMATS, decode_image

LIMIT = 40_000_000
SIDE = 6300  # 39.7 million pixels
# CPU time: at most 1.0 s on a Xeon with other load.
MOST_CPU_S = 3.0
# Memory for a file with a false size, and for 40 million pixels of 12 bytes each (measured: 458 MB).
LYING_MB, LARGE_MB = 60, 600

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="reads the memory of a process from /proc"),
]


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)  # type: ignore[arg-type]
    return buffer.getvalue()


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(width: int, height: int, *more: bytes, unpacked: int = 0, depth: int = 8, colour: int = 0) -> bytes:
    head = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    size = unpacked or height * (1 + width * depth // 8 * {0: 1, 6: 4}[colour])
    pixels = zlib.compress(bytes(size), 1)
    return PNG_MAGIC + chunk(b"IHDR", head) + b"".join(more) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def jpeg(first: tuple[int, int], *others: tuple[int, int]) -> bytes:
    """A JPEG with a false size in its frame headers; the data have 28 by 28 pixels."""
    small = saved(Image.new("L", (28, 28)), "JPEG")
    at = small.index(b"\xff\xc0")
    length = 2 + int.from_bytes(small[at + 2 : at + 4], "big")
    head = small[at : at + length]
    heads = [head[:5] + struct.pack(">HH", *size) + head[9:] for size in (first, *others)]
    return small[:at] + b"".join(heads) + small[at + length :]


def gif(screen: tuple[int, int], frame: tuple[int, int]) -> bytes:
    small = saved(Image.new("P", (28, 28)), "GIF")
    at = small.index(b",", 13 + 3 * 2 ** ((small[10] & 7) + 1))
    return small[:6] + struct.pack("<HH", *screen) + small[10 : at + 5] + struct.pack("<HH", *frame) + small[at + 9 :]


def bmp(width: int, height: int) -> bytes:
    small = saved(Image.new("L", (28, 28)), "BMP")
    return small[:18] + struct.pack("<ii", width, height) + small[26:]


def webp(side: int) -> bytes:
    """A plain colour, lossless, 34 bytes at any size; the sides have 14 bits each after the signature."""
    small = saved(Image.new("RGBA", (28, 28)), "WEBP", lossless=True)
    at = small.index(b"VP8L") + 9
    rest = int.from_bytes(small[at : at + 4], "little") >> 28 << 28
    return small[:at] + (rest | (side - 1) | (side - 1) << 14).to_bytes(4, "little") + small[at + 4 :]


def packed_text() -> bytes:
    return b"".join(chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(900_000), 9)) for _ in range(500))


LYING: dict[str, Callable[[], bytes]] = {
    "PNG of four thousand million by as many": lambda: png(28, 28).replace(b"\0\0\0\x1c" * 2, b"\x7f\xff\xff\xff" * 2),
    "PNG with a second header": lambda: png(28, 28, png(60000, 28)[8:33]),
    "PNG whose data unpack to 500 MB": lambda: png(28, 28, unpacked=500_000_000),
    "PNG with 450 MB of packed text": lambda: png(28, 28, packed_text()),
    "PNG with a profile of 100 MB": lambda: png(28, 28, chunk(b"iCCP", b"a\0\0" + zlib.compress(bytes(10**8), 9))),
    "JPEG of 65500 by 65500": lambda: jpeg((65500, 65500)),
    "JPEG, small then large": lambda: jpeg((28, 28), (65500, 65500)),
    "JPEG, large then small": lambda: jpeg((65500, 65500), (28, 28)),
    "GIF with a large frame": lambda: gif((28, 28), (65535, 65535)),
    "GIF with a large screen": lambda: gif((65535, 65535), (28, 28)),
    "BMP of 2,000 million by 8": lambda: bmp(2_000_000_000, 8),
    "BMP of a negative height": lambda: bmp(28, -(2**31)),
    "BMP of 40 million pixels without data": lambda: bmp(SIDE, SIDE),
    "WEBP of 16384 by 16384": lambda: webp(16384),
}  # fmt: skip

LARGE: dict[str, Callable[[], bytes]] = {
    "PNG grey": lambda: png(SIDE, SIDE),
    "PNG of 16 bits with alpha": lambda: png(SIDE, SIDE, depth=16, colour=6),
    "JPEG": lambda: saved(Image.new("CMYK", (SIDE, SIDE)), "JPEG", quality=1),
    "JPEG progressive": lambda: saved(Image.new("CMYK", (SIDE, SIDE)), "JPEG", quality=1, progressive=True),
    "WEBP lossless": lambda: webp(SIDE),
    "WEBP lossy": lambda: saved(Image.new("RGB", (16383, 2440)), "WEBP", quality=0, method=0),
    "GIF": lambda: saved(Image.new("P", (SIDE, SIDE)), "GIF"),
    "BMP of one bit": lambda: saved(Image.new("1", (8000, 4900)), "BMP"),
}


def whole(data: bytes) -> tuple[int, ...]:
    return decode_image(data, max_pixels=LIMIT).shape


def field(data: bytes) -> tuple[int, ...]:
    return cut_file(data, [(0, 0, 28, 28)], max_pixels=LIMIT)[0].pixels.shape


Decode = Callable[[bytes], tuple[int, ...]]


def decode_all(files: dict[str, bytes], decode: Decode, pipe: multiprocessing.connection.Connection) -> None:
    """The outcome of each file, its CPU time, and the largest growth of the process."""
    decode(png(28, 28))
    before = peak_mb()
    for name, data in files.items():
        started = time.process_time()
        try:
            outcome = str(decode(data))
        except MnistError as error:
            outcome = error.code
        pipe.send((name, outcome, time.process_time() - started, peak_mb() - before))
    pipe.close()


def peak_mb() -> float:
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000


@pytest.fixture(scope="module")
def lying() -> dict[str, bytes]:
    return made(LYING)


@pytest.fixture(scope="module")
def large() -> dict[str, bytes]:
    return made(LARGE)


def made(makers: dict[str, Callable[[], bytes]]) -> dict[str, bytes]:
    files = {name: make() for name, make in makers.items()}
    assert max(map(len, files.values())) < 10_000_000
    return files


def outcomes(files: dict[str, bytes], decode: Decode, most_mb: float) -> dict[str, str]:
    """Decode in a child process, and check its time and memory."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    child = context.Process(target=decode_all, args=(files, decode, theirs))
    child.start()
    theirs.close()
    try:
        with ours:
            told = [ours.recv() for _ in files]
    finally:
        child.join(timeout=30)
        child.close()
    for name, _, spent_s, grown_mb in told:
        assert (spent_s < MOST_CPU_S, grown_mb < most_mb) == (True, True), (name, spent_s, grown_mb)
    return {name: outcome for name, outcome, *_ in told}


@pytest.mark.parametrize("decode", [whole, field])
def test_a_picture_that_promises_much_costs_little(decode: Decode, lying: dict[str, bytes]):
    assert {name.split()[0].strip(",") for name in LYING} == set(FORMATS)
    found = outcomes(lying, decode, LYING_MB)
    read = {name: outcome for name, outcome in found.items() if outcome.startswith("(")}
    # The pixels are complete, and only what is needed is unpacked.  Pillow refuses such a profile.
    complete = ["PNG whose data unpack to 500 MB", *["PNG with a profile of 100 MB"] * (decode is whole)]
    assert read == dict.fromkeys(complete, "(28, 28)")
    assert set(found.values()) - set(read.values()) == {"invalid_image", "image_too_large"}


@pytest.mark.parametrize("decode", [whole, field])
def test_a_picture_of_forty_million_pixels_is_read_within_bounds(decode: Decode, large: dict[str, bytes]):
    assert {name.split()[0] for name in LARGE} == set(FORMATS)
    assert all(outcome.startswith("(") for outcome in outcomes(large, decode, LARGE_MB).values())
