from __future__ import annotations

import gzip
import hashlib
import io
import json
import struct
import sys
import tarfile
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mnist_classifier.core.database import Store
from mnist_classifier.core.errors import InvalidArchive, InvalidInput
from mnist_classifier.data import mnist
from mnist_classifier.evaluation.acceptance import unpacking
from mnist_classifier.learning import correction_files
from mnist_classifier.learning.correction_files import FORMATS, IMAGES_FILE, LABELS_FILE, MANIFEST, export, read
from mnist_classifier.learning.corrections import NOT_A_DIGIT, Corrections, NewCorrection
from mnist_classifier.recognition.imaging.decode import encode_png
from mnist_classifier.recognition.imaging.preprocess import make_glyph
from tests.handwriting import STROKES, draw, glyphs

MAX_PIXELS = 40_000_000
LABELS, WRITERS = (7, NOT_A_DIGIT, 1), ("Anna", "", "Ben")


@pytest.fixture
def exported(store: Store) -> Callable[[str], bytes]:
    """Exports three corrections; the glyph of one is such as no picture gives."""
    images = glyphs(3).images
    images[1] = np.random.default_rng(0).integers(0, 256, (28, 28))
    corrections = Corrections(store)
    new = zip(images, LABELS, WRITERS, strict=True)
    corrections.add_many([NewCorrection(glyph, label, "api", writer) for glyph, label, writer in new])
    return lambda kind: export(corrections.examples(), kind)


def imported(data: bytes, **options: str) -> list[NewCorrection]:
    return read(data, max_pixels=MAX_PIXELS, **options)  # type: ignore[arg-type]


def zipped(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def tarred(files: dict[str, bytes], mode: str = "w") -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as archive:  # type: ignore[call-overload]
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return buffer.getvalue()


def unzipped(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def refusal(data: bytes) -> str:
    with pytest.raises(InvalidArchive) as refused:
        imported(data)
    assert refused.value.field == "file"
    return refused.value.message


@pytest.mark.parametrize("kind", FORMATS)
def test_what_is_exported_comes_back_to_the_pixel(exported: Callable[[str], bytes], store: Store, kind: str):
    found = imported(exported(kind))
    examples = Corrections(store).examples()
    assert [(each.label, each.writer) for each in found] == list(zip(LABELS, WRITERS, strict=True))
    np.testing.assert_array_equal(np.stack([each.glyph for each in found]), examples.glyphs)
    assert exported(kind) == exported(kind)


def test_a_pair_of_idx_files_is_what_other_programs_read(exported: Callable[[str], bytes], tmp_path: Path):
    files = unzipped(exported("idx"))
    images = files[IMAGES_FILE]
    assert mnist.parse_header("images", images[:16], 3) == [3, 28, 28]
    assert mnist.parse_header("labels", files[LABELS_FILE][:8], 1) == [3]
    assert list(files[LABELS_FILE][8:]) == list(LABELS)


def test_every_byte_of_an_export_is_protected_by_its_hash(exported: Callable[[str], bytes]):
    files = unzipped(exported("idx"))
    damaged = bytearray(files[IMAGES_FILE])
    damaged[500] ^= 1
    assert "SHA-256" in refusal(zipped({**files, IMAGES_FILE: bytes(damaged)}))
    assert "not in both" in refusal(zipped({**files, "more.png": b""}))
    assert "not in both" in refusal(zipped({name: files[name] for name in (IMAGES_FILE, MANIFEST)}))
    manifest = json.loads(files[MANIFEST])
    assert "writers" in refusal(zipped({**files, MANIFEST: json.dumps({**manifest, "writers": ["Anna"]}).encode()}))
    assert MANIFEST in refusal(zipped({**files, MANIFEST: b"{"}))
    assert "format is missing" in refusal(zipped({**files, MANIFEST: b"{}"}))
    assert refusal(zipped({**files, MANIFEST: b"1"})) == "manifest.json: must be a JSON object, not a whole number"


def pictures() -> dict[str, bytes]:
    drawn = {label: draw(STROKES[label], pen_px=18, rng=np.random.default_rng(2)) for label in (1, 7)}
    return {f"digits/{label}/a.png": encode_png(pixels) for label, pixels in drawn.items()}


@pytest.mark.parametrize("pack", [zipped, tarred, lambda files: tarred(files, "w:gz")])
def test_folders_of_ones_own_pictures_are_prepared_like_those_of_a_request(pack: Callable[[dict[str, bytes]], bytes]):
    hidden = {"__MACOSX/7/._a.png": b"x", "digits/.DS_Store": b"x", "digits/7/Thumbs.db": b"x", "desktop.ini": b"x"}
    found = imported(pack({**pictures(), **hidden}), writer=" Anna ")
    assert [(each.label, each.writer) for each in found] == [(1, "Anna"), (7, "Anna")]
    expected = make_glyph(draw(STROKES[1], pen_px=18, rng=np.random.default_rng(2)))
    np.testing.assert_array_equal(found[0].glyph, expected)
    assert found[0].image is not None


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_ones_own_idx_pair_is_read_without_a_manifest(pack: Callable[[bytes], bytes]):
    """Compressed as MNIST is published: the labels were called the wrong kind of file."""
    few = glyphs(2)
    images = struct.pack(">4I", 0x0803, 2, 28, 28) + few.images.tobytes()
    labels = struct.pack(">2I", 0x0801, 2) + few.labels.tobytes()
    found = imported(zipped({"t-images-idx3-ubyte.gz": pack(images), "t-labels-idx1-ubyte": pack(labels)}))
    assert [each.label for each in found] == few.labels.tolist()


IDX_IMAGE = struct.pack(">4I", 0x0803, 1, 28, 28) + bytes([200] * 784)
IDX_LABEL = struct.pack(">2I", 0x0801, 1) + b"\x07"


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({}, "no corrections"),
        ({"eight/a.png": b""}, "not in a folder named after its label"),
        ({"a.png": b""}, "not in a folder named after its label"),
        ({"7/a.png": b"no picture"}, "7/a.png"),
        ({"7/a.png": encode_png(np.zeros((40, 40), np.uint8))}, "7/a.png is blank"),
        ({"a-idx3-ubyte": IDX_IMAGE}, "one of labels"),
        ({"a-idx3-ubyte": IDX_IMAGE[:-1], "a-idx1-ubyte": IDX_LABEL}, "cut short"),
        ({"a-idx3-ubyte": IDX_IMAGE, "a-idx1-ubyte": IDX_LABEL + b"\x07"}, "2 labels"),
        ({"a-idx3-ubyte": IDX_IMAGE, "a-idx1-ubyte": IDX_LABEL[:-1] + b"\x0b"}, "the label 11"),
        ({"a-idx3-ubyte": IDX_IMAGE[:16] + bytes(784), "a-idx1-ubyte": IDX_LABEL}, "image 0 is blank"),
        ({"a-idx3-ubyte": b"", "a-idx1-ubyte": IDX_LABEL}, "too short"),
    ],
)
def test_a_wrong_file_is_refused_in_words(files: dict[str, bytes], words: str):
    assert words in refusal(zipped(files))


def test_what_is_no_archive_is_refused():
    for data in (b"", b"nonsense" * 100, b"PK\3\4" + bytes(50), b"PAR1" + bytes(50)):
        assert refusal(data)


def test_wrong_parquet_files_are_refused():
    def packed(**columns: list[object]) -> bytes:
        buffer = io.BytesIO()
        pq.write_table(pa.table(columns), buffer)
        return buffer.getvalue()

    good = bytes([200] * 784)
    assert [each.label for each in imported(packed(glyph=[good], label=[3]))] == [3]
    assert "no column label" in refusal(packed(glyph=[good]))
    assert "784 bytes" in refusal(packed(glyph=[good[1:]], label=[3]))
    assert "label must be integer, not string" in refusal(packed(glyph=[good], label=["3"]))
    assert "row 1: label must be a whole number" in refusal(packed(glyph=[good, good], label=[3, None]))
    assert "glyph must be binary" in refusal(packed(glyph=[[200] * 784], label=[3]))
    assert "row 1: glyph must be 784 bytes" in refusal(packed(glyph=[good, None], label=[3, 3]))
    assert "writer must be string" in refusal(packed(glyph=[good], label=[3], writer=[3]))
    assert "more than 784 bytes" in refusal(packed(glyph=[good + b"!"], label=[3]))
    assert "more than 400 bytes" in refusal(packed(glyph=[good], label=[3], writer=["x" * 401]))
    assert [each.writer for each in imported(packed(glyph=[good], label=[3], writer=[None]), writer="Ben")] == ["Ben"]
    assert [each.writer for each in imported(packed(glyph=[good], label=[3], writer=["Be\u200bn"]))] == ["Ben"]
    assert "row 0: writer has no visible character" in refusal(packed(glyph=[good], label=[3], writer=["\u200b"]))
    assert "the label 12" in refusal(packed(glyph=[good], label=[12]))
    assert "at most" in refusal(packed(glyph=[good] * 20_001, label=[3] * 20_001))


def test_a_value_that_a_parquet_file_repeats_is_not_unpacked_for_each_row():
    """Less than a kilobyte would become 4 GB."""
    for name, value in (("glyph", b"a" * 2_000_000), ("writer", "a" * 2_000_000)):
        repeated = pa.DictionaryArray.from_arrays(pa.array([0] * 2000, pa.int32()), pa.array([value]))
        columns = {"glyph": [bytes([200] * 784)] * 2000, "label": [3] * 2000, name: repeated}
        buffer = io.BytesIO()
        pq.write_table(pa.table(columns), buffer, compression="zstd")
        before = pa.default_memory_pool().max_memory()
        assert "has a value of more than" in refusal(buffer.getvalue())
        assert pa.default_memory_pool().max_memory() - before < 50_000_000


def test_without_pyarrow_parquet_is_refused_and_the_other_formats_work(
    exported: Callable[[str], bytes], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(InvalidInput, match="pip install pyarrow"):
        exported("parquet")
    with pytest.raises(InvalidInput, match="pip install pyarrow"):
        imported(b"PAR1 and more")
    assert len(imported(exported("png"))) == 3


def test_archives_have_limits(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(unpacking, "LARGEST_UNPACKED", 1_000_000)
    assert "unpacks to more than 1 MB" in refusal(zipped({"7/a.png": bytes(1_000_001)}))
    for mode in ("w", "w:gz"):
        assert "unpacks to more than 1 MB" in refusal(tarred({"7/a.png": bytes(1_000_001)}, mode))
    monkeypatch.setattr(unpacking, "MOST_FILES", 3)
    for pack in (zipped, tarred):
        assert "more than 3 files" in refusal(pack({f"7/{number}.png": b"" for number in range(4)}))
    monkeypatch.setattr(correction_files, "MOST_PIXELS", 100)
    assert "million pixels in all" in refusal(zipped(pictures()))
    monkeypatch.setattr(unpacking, "LARGEST_ARCHIVE", 10)
    assert "the limit" in refusal(zipped(pictures()))


def padded_header(size: int) -> bytes:
    """A tar file with a header of so many bytes, which tarfile would keep in memory."""
    entry = tarfile.TarInfo("7/a.png")
    entry.type, entry.size = tarfile.XHDTYPE, size
    return entry.tobuf() + bytes(size)


def hidden(size: int) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        entry = tarfile.TarInfo("7/.hidden")
        entry.size = size
        archive.addfile(entry, io.BytesIO(bytes(size)))
    return buffer.getvalue()


@pytest.mark.parametrize("make", [padded_header, hidden])
@pytest.mark.parametrize("compress", [gzip.compress, bytes])
def test_a_tar_file_is_unpacked_no_further_than_its_limit(
    monkeypatch: pytest.MonkeyPatch, make: Callable[[int], bytes], compress: Callable[[bytes], bytes]
):
    monkeypatch.setattr(unpacking, "LARGEST_UNPACKED", 1_000_000)
    monkeypatch.setattr(unpacking, "MOST_FILES", 3)
    data = compress(make(20_000_000))
    tracemalloc.start()
    assert "unpacks to more than 1 MB" in refusal(data)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 6_000_000


def test_overlapping_files_of_a_zip_are_refused():
    """Each of them could unpack to all of the archive."""
    data = bytearray(zipped({"7/a.png": b"a" * 50, "7/b.png": b"a" * 50}))
    second = data.index(b"PK\1\2", data.index(b"PK\1\2") + 1)
    data[second + 42 : second + 46] = struct.pack("<I", 0)  # where its contents begin
    assert "overlap" in refusal(bytes(data))


def test_archives_write_and_link_nowhere():
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        link = tarfile.TarInfo("7/a.png")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    assert "plain file" in refusal(buffer.getvalue())
    linked = zipfile.ZipInfo("7/a.png")
    linked.external_attr = 0o120777 << 16
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as zipping:
        zipping.writestr(linked, "/etc/passwd")
    assert "plain file" in refusal(buffer.getvalue())
    assert len(imported(zipped({f"../../{name}": data for name, data in pictures().items()}))) == 2
    assert not Path("../../digits").exists()


def test_a_manifest_without_writers_is_fine():
    data = encode_png(glyphs(1).images[0])
    manifest = {"format": "png", "files": {"7/1.png": hashlib.sha256(data).hexdigest()}}
    found = imported(zipped({"7/1.png": data, MANIFEST: json.dumps(manifest).encode()}), writer="Anna")
    assert [(each.label, each.writer) for each in found] == [(7, "Anna")]
