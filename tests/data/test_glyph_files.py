from __future__ import annotations

import gzip
import struct
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from mnist_classifier.core.errors import DataCorrupt
from mnist_classifier.data.glyph_files import GLYPHS_AT_ONCE, blocks, is_glyph_file
from mnist_classifier.web.wire.glyphs import to_npy

GLYPHS = np.random.default_rng(0).integers(0, 256, (600, 28, 28)).astype(np.uint8)


def idx(glyphs: np.ndarray = GLYPHS) -> bytes:
    return struct.pack(">4I", 0x0803, len(glyphs), 28, 28) + glyphs.tobytes()


def write_npy(path: Path, array: np.ndarray) -> Path:
    with path.open("wb") as file:
        np.save(file, array)
    return path


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize("kind", ["idx", "npy"])
def test_a_file_comes_in_blocks_whatever_its_name(tmp_path: Path, kind: str, zipped: bool):
    path = tmp_path / "glyphs.of.mine"
    data = idx() if kind == "idx" else write_npy(path, GLYPHS).read_bytes()
    path.write_bytes(gzip.compress(data) if zipped else data)
    assert is_glyph_file(path)
    found = list(blocks(path))
    assert [len(block) for block in found] == [GLYPHS_AT_ONCE, GLYPHS_AT_ONCE, 600 - 2 * GLYPHS_AT_ONCE]
    assert np.array_equal(np.concatenate(found), GLYPHS)


@pytest.mark.parametrize("shape", [(3, 28, 28), (3, 784), (3, 28, 28, 1), (3, 1, 28, 28)])
def test_usual_shapes_of_arrays_are_taken(tmp_path: Path, shape: tuple[int, ...]):
    path = write_npy(tmp_path / "a.npy", GLYPHS[:3].reshape(shape))
    assert np.array_equal(np.concatenate(list(blocks(path))), GLYPHS[:3])


def test_one_glyph_and_none(tmp_path: Path):
    assert np.array_equal(list(blocks(write_npy(tmp_path / "one.npy", GLYPHS[0]))), [GLYPHS[:1]])
    assert list(blocks(write_npy(tmp_path / "none.npy", GLYPHS[:0]))) == []


def npy(array: np.ndarray) -> Callable[[Path], object]:
    return lambda path: write_npy(path, array)


def raw(data: bytes) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(data)


@pytest.mark.parametrize(
    ("write", "words"),
    [
        (npy(GLYPHS.astype(np.float32)), "float32"),
        (npy(GLYPHS.astype(np.int64)), "int64"),
        (npy(np.zeros((4, 20, 20), np.uint8)), r"\(4, 20, 20\)"),
        (npy(np.zeros((), np.uint8)), r"\(\)"),
        (npy(np.array([{}], dtype=object)), "object"),
        (raw(to_npy(np.asfortranarray(GLYPHS))[:-1]), "cut short: expected 600 glyphs, found 599"),
        (raw(idx()[:-1]), "cut short: expected 600 glyphs, found 599"),
        (raw(idx() + b"x"), "too long"),
        (raw(idx()[:10]), "too short"),
        (raw(struct.pack(">4I", 0x0803, 1, 20, 20) + bytes(400)), "28x28"),
        (raw(struct.pack(">2I", 0x0801, 3) + bytes(30)), "magic number"),
        (raw(gzip.compress(idx())[:-9]), "cut short"),
        (raw(gzip.compress(idx())[:200] + bytes(300)), "damaged|cut short"),
        (raw(b"\x93NUMPY\x01\x00\x10\x00garbage garbage "), "header"),
        (raw(b"\x93NUMPY\x09\x00"), "version|header"),
        (raw(b""), "too short"),
    ],
)
def test_the_error_says_what_is_wrong_with_a_file(tmp_path: Path, write: Callable[[Path], object], words: str):
    path = tmp_path / "file"
    write(path)
    with pytest.raises(DataCorrupt, match=words) as caught:
        list(blocks(path))
    assert str(path) in caught.value.message


def test_glyphs_before_the_damage_are_yielded(tmp_path: Path):
    path = tmp_path / "cut"
    path.write_bytes(idx()[: 16 + 300 * 784 + 5])
    found = []
    with pytest.raises(DataCorrupt):
        found.extend(blocks(path))
    assert np.array_equal(np.concatenate(found), GLYPHS[:300])


@pytest.mark.parametrize("data", [b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"BM", b"text"])
def test_other_files_are_not_files_of_glyphs(tmp_path: Path, data: bytes):
    path = tmp_path / "file"
    path.write_bytes(data)
    assert not is_glyph_file(path)
    assert not is_glyph_file(tmp_path)
    assert not is_glyph_file(tmp_path / "nothing")


@pytest.mark.parametrize("shape", [(3, 28, 28), (3, 784), (3, 28, 28, 1), (3, 1, 28, 28)])
def test_the_order_of_an_array_does_not_matter(tmp_path: Path, shape: tuple[int, ...]):
    path = write_npy(tmp_path / "a.npy", np.asfortranarray(GLYPHS[:3].reshape(shape)))
    assert b"'fortran_order': True" in path.read_bytes()
    assert np.array_equal(np.concatenate(list(blocks(path))), GLYPHS[:3])


def test_an_array_in_fortran_order_takes_no_more_memory_than_it_has(tmp_path: Path):
    header = to_npy(np.asfortranarray(GLYPHS)).replace(b"(600, 28, 28)", b"(999999,28,28)")
    path = tmp_path / "promises.npy"
    path.write_bytes(header)
    tracemalloc.start()
    with pytest.raises(DataCorrupt, match="cut short: expected 999999 glyphs, found 600"):
        list(blocks(path))
    assert tracemalloc.get_traced_memory()[1] < 10_000_000
    tracemalloc.stop()
    path.write_bytes(header.replace(b"(999999,", b"(9999999,"))
    with pytest.raises(DataCorrupt, match="Fortran"):
        list(blocks(path))


def test_a_long_header_is_not_read_to_its_end(tmp_path: Path):
    """A header of four gigabytes fits into a packed file of four megabytes."""
    path = tmp_path / "bomb.npy.gz"
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.write(b"\x93NUMPY\x02\x00\xff\xff\xff\xff" + bytes(50_000_000))
    tracemalloc.start()
    with pytest.raises(DataCorrupt, match="header"):
        list(blocks(path))
    assert tracemalloc.get_traced_memory()[1] < 1_000_000
    tracemalloc.stop()
