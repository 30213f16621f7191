from __future__ import annotations

import gzip
import io
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnist_classifier.core.errors import InvalidImage, InvalidInput
from mnist_classifier.data.glyph_files import is_glyphs
from mnist_classifier.recognition.imaging.decode import FORMATS, encode_png
from mnist_classifier.web.wire.glyphs import RAW_GLYPH, from_json, is_raw_glyph, raw_glyph, read_file, to_npy
from tests.data.test_mnist import idx

LIMIT = 10**6
GLYPHS = np.random.default_rng(0).integers(0, 256, (3, 28, 28), dtype=np.uint8)


def saved(array: np.ndarray, version: tuple[int, int] = (1, 0)) -> bytes:
    file = io.BytesIO()
    np.lib.format.write_array(file, array, version)
    return file.getvalue()


@pytest.mark.parametrize(
    "data",
    [
        saved(GLYPHS),
        saved(GLYPHS, (2, 0)),
        saved(np.asfortranarray(GLYPHS)),
        saved(GLYPHS.reshape(3, 784)),
        saved(np.asfortranarray(GLYPHS.reshape(3, 784))),
        to_npy(GLYPHS),
        idx(GLYPHS),
        gzip.compress(idx(GLYPHS)),
        gzip.compress(saved(np.asfortranarray(GLYPHS))),
        saved(GLYPHS.reshape(3, 28, 28, 1)),
        saved(GLYPHS.reshape(3, 1, 28, 28)),
    ],
)
def test_every_form_of_a_file_gives_the_same_glyphs(data: bytes):
    assert is_glyphs(data)
    glyphs = read_file(data, limit=LIMIT)
    assert glyphs.flags.c_contiguous
    assert np.array_equal(glyphs, GLYPHS)


@pytest.mark.parametrize("data", [saved(GLYPHS[:0]), saved(GLYPHS[:0].reshape(0, 784)), idx(GLYPHS[:0])])
def test_a_file_of_no_glyphs_has_none(data: bytes):
    assert read_file(data, limit=LIMIT).shape == (0, 28, 28)


HEADER = saved(GLYPHS)[:128]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (saved(GLYPHS.astype(np.float32)), "uint8"),
        (saved(GLYPHS.astype(np.int64)), "uint8"),
        (saved(GLYPHS.astype(bool)), "uint8"),
        (saved(np.array([b"7" * 784, b"7"])), "uint8"),
        (saved(GLYPHS.reshape(1, 3, 28, 28)), "shape"),
        (saved(GLYPHS.reshape(-1)), "shape"),
        (saved(np.uint8(7)), "shape"),
        (saved(GLYPHS)[:-1], "cut short: expected 3 glyphs, found 2"),
        (saved(GLYPHS) + b"x", "too long"),
        (saved(GLYPHS)[:40], "header"),
        (saved(GLYPHS)[:8], "header"),
        (b"\x93NUMPY", "header"),
        (HEADER.replace(b"(3, 28, 28)", b"(-3,28, 28)") + GLYPHS.tobytes(), "shape"),
        (HEADER.replace(b"(3, 28, 28)", b"(9**9,28,28"), "header"),
        (HEADER.replace(b"(3, 28, 28)", b"(1e9,28,28)"), "header"),
        (HEADER.replace(b"'|u1'", b"'|O' ") + GLYPHS.tobytes(), "object"),
        (HEADER.replace(b"'shape'", b"'shake'"), "header"),
        (b"\x93NUMPY\x01\x00\xff\xff" + b"[" * 70_000, "header"),
        (b"\x93NUMPY\x01\x00\x10\x27" + b"[" * 10_000, "header"),
        (b"\x93NUMPY\x01\x00\x10\x26" + b"-" * 9_743 + b"1", "header"),
        (b"\x93NUMPY\x02\x00\xff\xff\xff\xff", "header"),
        (idx(GLYPHS)[:-1], "cut short"),
        (idx(GLYPHS) + b"x", "too long"),
        (idx(GLYPHS.reshape(3, 784)), "magic number"),
        (idx(np.zeros((3, 29, 28), np.uint8)), "28x28"),
        (gzip.compress(idx(GLYPHS), mtime=0)[:-9], "cut short"),
        (gzip.compress(b"no IDX file", mtime=0), "too short"),
        (gzip.compress(idx(np.zeros((2000, 28, 28), np.uint8)), mtime=0), "1000000 bytes"),
        (b"\x1f\x8bno gzip, but long enough", "damaged"),
    ],
)
def test_a_bad_file_is_refused_in_words(data: bytes, words: str):
    with pytest.raises(InvalidInput, match=r".") as caught:
        read_file(data, limit=LIMIT, field="file")
    assert words in caught.value.message
    assert caught.value.field == "file"


@given(st.binary(max_size=200), st.integers(0, 3))
def test_a_damaged_file_raises_nothing_else(noise: bytes, place: int):
    for data in (HEADER[: place * 20] + noise, b"\x93NUMPY\x01\x00\x40\x00" + noise, idx(GLYPHS)[:place] + noise):
        if is_glyphs(data):
            try:
                glyphs = read_file(data, limit=LIMIT)
            except InvalidInput:
                continue
            assert glyphs.shape[1:] == (28, 28)


@pytest.mark.parametrize("lists", [GLYPHS.tolist(), GLYPHS.reshape(3, 784).tolist()])
def test_lists_give_the_same_glyphs(lists: list[object]):
    assert np.array_equal(from_json(json.dumps(lists).encode(), "glyphs"), GLYPHS)


def test_an_empty_list_has_no_glyphs():
    assert from_json(b"[]", "glyphs").shape == (0, 28, 28)


FLAT = GLYPHS[0].reshape(-1).tolist()


@pytest.mark.parametrize(
    ("value", "field", "words"),
    [
        ("text", "glyphs", "list"),
        ({"0": FLAT}, "glyphs", "list"),
        ([FLAT, FLAT[:-1]], "glyphs[1]", "783"),
        ([[]], "glyphs[0]", "0 numbers"),
        (FLAT, "glyphs[0]", "whole numbers"),
        ([[*FLAT[:-1], 256]], "glyphs[0]", "0 to 255"),
        ([[*FLAT[:-1], -1]], "glyphs[0]", "0 to 255"),
        ([[*FLAT[:-1], 0.5]], "glyphs[0]", "whole numbers"),
        ([[*FLAT[:-1], "1"]], "glyphs[0]", "whole numbers"),
        ([[*FLAT[:-1], None]], "glyphs[0]", "whole numbers"),
        ([[*FLAT[:-1], 10**40]], "glyphs[0]", "0 to 255"),
        (["x" * 784], "glyphs[0]", "whole numbers"),
        ([[[[1]]]], "glyphs[0]", "whole numbers"),
        ([[[1], 2]], "glyphs[0]", "whole numbers"),
    ],
)
def test_bad_lists_are_refused_in_words(value: object, field: str, words: str):
    with pytest.raises(InvalidInput) as caught:
        from_json(json.dumps(value).encode(), "glyphs")
    assert caught.value.field == field
    assert words in caught.value.message


def test_a_raw_glyph_is_never_mistaken_for_a_picture():
    glyph = np.zeros((28, 28), np.uint8)
    assert is_raw_glyph(RAW_GLYPH, b"anything")
    assert is_raw_glyph("application/octet-stream", glyph.tobytes())
    assert not is_raw_glyph("image/png", glyph.tobytes())
    assert not is_raw_glyph("application/octet-stream", glyph.tobytes() + b"\0")
    assert not is_raw_glyph("application/octet-stream", b"")
    starts = {"PNG": b"\x89PNG", "JPEG": b"\xff\xd8", "WEBP": b"RIFF", "GIF": b"GIF8", "BMP": b"BM"}
    assert set(starts) == set(FORMATS)
    for start in starts.values():
        assert not is_raw_glyph("application/octet-stream", start.ljust(784, b"\0"))
    assert encode_png(glyph)[:1] != b"\0"


def test_a_raw_glyph_has_784_bytes():
    assert np.array_equal(raw_glyph(GLYPHS[0].tobytes()), GLYPHS[0])
    for data in (b"", b"x" * 783, b"x" * 785):
        with pytest.raises(InvalidImage, match="784 bytes"):
            raw_glyph(data)
