from __future__ import annotations

import base64
import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from mnist_classifier.core.errors import ImageTooLarge, InvalidImage
from mnist_classifier.recognition.imaging.decode import (
    decode_base64,
    decode_image,
    decode_with_scale,
    encode_png,
    to_data_url,
)

LIMIT = 1_000_000


def saved(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)  # type: ignore[arg-type]
    return buffer.getvalue()


def seven(mode: str = "L") -> Image.Image:
    """A white bar and stroke on black."""
    pixels = np.zeros((40, 30), np.uint8)
    pixels[5:9, 5:25] = 255
    pixels[9:35, 14:18] = 255
    return Image.fromarray(pixels).convert(mode)


@pytest.mark.parametrize("mode", ["L", "RGB", "P", "1"])
@pytest.mark.parametrize("kind", ["PNG", "BMP", "GIF"])
def test_every_mode_and_lossless_format_gives_the_same_luminance(mode: str, kind: str):
    pixels = decode_image(saved(seven(mode), kind), max_pixels=LIMIT)
    assert np.array_equal(pixels, np.asarray(seven()))


@pytest.mark.parametrize(("mode", "kind"), [("RGB", "JPEG"), ("CMYK", "JPEG"), ("L", "JPEG"), ("RGB", "WEBP")])
def test_lossy_formats_are_close(mode: str, kind: str):
    pixels = decode_image(saved(seven(mode), kind, quality=95), max_pixels=LIMIT).astype(int)
    assert np.abs(pixels - np.asarray(seven())).mean() < 6


def test_sixteen_bit_pictures_keep_their_upper_byte():
    wide = (np.asarray(seven()).astype(np.uint16) << 8) | 17
    assert np.array_equal(decode_image(saved(Image.fromarray(wide)), max_pixels=LIMIT), np.asarray(seven()))


@pytest.mark.parametrize("mode", ["LA", "RGBA"])
def test_transparency_is_kept(mode: str):
    image = seven(mode)
    image.putalpha(seven())
    pixels = decode_image(saved(image), max_pixels=LIMIT)
    assert pixels.shape == (40, 30, 2)
    assert np.array_equal(pixels[..., 1], np.asarray(seven()))


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P"])
def test_colour_is_kept_where_there_is_some(mode: str):
    image = Image.new("RGB", (40, 30), (10, 20, 200)).convert(mode)
    if mode == "RGBA":
        image.putalpha(128)
    pixels = decode_image(saved(image), max_pixels=LIMIT)
    assert pixels.shape == (30, 40, 4 if mode == "RGBA" else 3)
    assert np.abs(pixels[0, 0, :3].astype(int) - (10, 20, 200)).max() <= 40  # a palette has few colours


def test_a_palette_with_a_transparent_colour_has_alpha():
    pixels = decode_image(saved(seven("P"), transparency=0), max_pixels=LIMIT)
    assert pixels.ndim == 3
    assert set(np.unique(pixels[..., 1])) == {0, 255}


def test_a_photograph_stands_upright_as_its_exif_says():
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was rotated
    data = saved(seven().rotate(90, expand=True), "PNG", exif=exif)
    assert np.array_equal(decode_image(data, max_pixels=LIMIT), np.asarray(seven()))


def test_a_large_picture_is_averaged_down():
    big = Image.new("L", (3000, 2000), 200)
    for kind in ("PNG", "JPEG"):
        pixels = decode_image(saved(big, kind), max_pixels=10_000_000)
        assert max(pixels.shape) <= 1024
        assert abs(int(pixels.mean()) - 200) <= 1


def bomb(width: int, height: int) -> bytes:
    """A PNG whose header claims far more pixels than it contains."""

    def chunk(name: bytes, content: bytes) -> bytes:
        body = name + content
        return struct.pack(">I", len(content)) + body + struct.pack(">I", zlib.crc32(body))

    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 99)) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("side", [1001, 20_000, 65_000, 2**31 - 1])
def test_a_decompression_bomb_is_refused_before_it_is_unpacked(side: int):
    with pytest.raises(ImageTooLarge, match="1 million pixels"):
        decode_image(bomb(side, side), max_pixels=LIMIT)


def animated() -> bytes:
    frames = [seven("P"), seven("P").transpose(Image.Transpose.FLIP_LEFT_RIGHT)]
    return saved(frames[0], "GIF", save_all=True, append_images=frames[1:])


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "empty"),
        (b"not a picture", "no picture"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "no picture"),
        (saved(seven())[:60], "no picture"),
        (saved(seven())[:-30], "no picture"),
        (saved(seven(), "TIFF"), "no picture"),
        (saved(seven(), "PDF"), "no picture"),
        (saved(Image.new("L", (1, 1))), "too small"),
        (saved(Image.new("L", (10_000, 1))), "too small"),
        (animated(), "animated"),
    ],
    ids=["empty", "text", "svg", "header only", "truncated", "tiff", "pdf", "1x1", "10000x1", "animated"],
)
def test_what_is_no_still_picture_is_refused_in_words(data: bytes, said: str):
    with pytest.raises(InvalidImage, match=said):
        decode_image(data, max_pixels=LIMIT)


def test_base64_with_and_without_a_prefix_or_line_breaks():
    data = saved(seven())
    plain = base64.b64encode(data).decode()
    broken = "\r\n".join(plain[i : i + 60] for i in range(0, len(plain), 60))
    for text in (plain, broken, plain.rstrip("="), "data:image/png;base64," + plain):
        assert decode_base64(text) == data


@pytest.mark.parametrize(
    "text", ["", "data:", "data:image/png,abc", "data:image/png;base64,", "@@@@", "ä", "====", "a"]
)
def test_invalid_base64_is_refused(text: str):
    with pytest.raises(InvalidImage):
        decode_base64(text)


def test_png_and_data_url_round_trip():
    pixels = np.asarray(seven())
    assert np.array_equal(decode_image(decode_base64(to_data_url(encode_png(pixels))), max_pixels=LIMIT), pixels)


@pytest.mark.parametrize(("size", "scale"), [((300, 200), 1), ((2048, 600), 2), ((500, 3000), 3)])
@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_the_scale_maps_back_to_the_original_picture(size: tuple[int, int], scale: float, kind: str):
    pixels, found = decode_with_scale(saved(Image.new("L", size), kind), max_pixels=10 * LIMIT)
    assert found == pytest.approx(scale, rel=0.01)
    assert np.allclose(np.array(pixels.shape[::-1]) * found, size, atol=scale + 1)
