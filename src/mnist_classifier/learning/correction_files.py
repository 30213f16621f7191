"""Export and import corrections: a pair of IDX files, folders of PNG by label, or Parquet, in a zip file.

The archive has a manifest.json with the SHA-256 of each file and the writers'
names.  Files without one can be imported too: pictures are prepared like those
of a request then.  An import is all or nothing.
"""

from __future__ import annotations

import hashlib
import io
import struct
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

import msgspec
import numpy as np
from PIL import Image

from mnist_classifier.core.arrays import PIXELS, SIDE_PX, Bytes
from mnist_classifier.core.checking import in_words
from mnist_classifier.core.decodable import decodable
from mnist_classifier.core.errors import DataCorrupt, InvalidArchive, InvalidInput
from mnist_classifier.data.glyph_files import read as read_glyphs
from mnist_classifier.data.mnist import parse_header
from mnist_classifier.data.packed_files import open_packed
from mnist_classifier.evaluation.acceptance.unpacking import check_size, unpack
from mnist_classifier.learning import correction_parquet
from mnist_classifier.learning.correction_queries import Examples
from mnist_classifier.learning.corrections import (
    LABELS,
    NOT_A_DIGIT,
    NOT_A_DIGIT_NAME,
    NewCorrection,
)
from mnist_classifier.learning.pictures import glyph_and_image
from mnist_classifier.learning.writers import checked_writer
from mnist_classifier.recognition.imaging.decode import DECODER_FAILURES, encode_png, opened
from mnist_classifier.recognition.imaging.preprocess import are_blank

IDX, PNG, PARQUET = FORMATS = ("idx", "png", "parquet")
MANIFEST = "manifest.json"
IMAGES_FILE, LABELS_FILE = "corrections-images-idx3-ubyte", "corrections-labels-idx1-ubyte"
PARQUET_FILE, PARQUET_MAGIC = "corrections.parquet", b"PAR1"
MOST_IMPORTED = 20_000
# All pictures of an import together.
MOST_PIXELS = 200_000_000
FOLDERS = {**{str(label): label for label in LABELS}, NOT_A_DIGIT_NAME: NOT_A_DIGIT}


@decodable
class Manifest(msgspec.Struct):
    """What an export says of itself.  files: name -> SHA-256.  writers: of the corrections, in their order."""

    format: str
    files: dict[str, str]
    writers: list[str] = []


@dataclass(frozen=True)
class _Found:
    """A correction of a file.  name: what messages call it."""

    name: str
    glyph: Bytes
    label: int
    writer: str = ""
    image: bytes | None = None


def export(examples: Examples, kind: str) -> bytes:
    """Pack corrections into a zip file of one of FORMATS.  Raises InvalidInput if pyarrow is not installed."""
    if len(examples.ids) > MOST_IMPORTED:
        raise InvalidInput(f"a file holds at most {MOST_IMPORTED:,} corrections; filter them by label or writer")
    files = {IDX: _as_idx, PNG: _as_png, PARQUET: _as_parquet}[kind](examples)
    manifest = Manifest(
        format=kind,
        files={name: hashlib.sha256(data).hexdigest() for name, data in files.items()},
        writers=examples.writers,
    )
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in {**files, MANIFEST: msgspec.json.encode(manifest)}.items():
            # ZipInfo has a fixed date, so the same corrections give the same bytes.
            archive.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def read(data: bytes, *, writer: str = "", max_pixels: int) -> list[NewCorrection]:
    """Read the corrections of a zip, tar or Parquet file.

    writer: the name for those that have none in the file.  max_pixels: of one picture.  Raises InvalidArchive.
    """
    check_size(len(data))
    files = {PARQUET_FILE: data} if data.startswith(PARQUET_MAGIC) else unpack(data)
    manifest = _manifest(files)
    is_idx = any("idx3-ubyte" in name for name in files)
    is_parquet = any(name.endswith(".parquet") for name in files)
    if is_idx or is_parquet:
        found = list(_from_idx(files) if is_idx else _from_parquet(files))
    else:
        found = list(_from_png(files, max_pixels, is_export=manifest is not None))
    if not found:
        raise InvalidArchive(
            "the file holds no corrections: no IDX pair, no pictures in folders named 0 to 9, no Parquet"
        )
    writers = manifest.writers if manifest else []
    if writers and len(writers) != len(found):
        raise InvalidArchive(f"{MANIFEST} has {len(writers)} writers, but there are {len(found)} corrections")
    return [_new(each, (writers[number] if writers else each.writer) or writer) for number, each in enumerate(found)]


def glyph_png(glyph: bytes) -> bytes:
    """784 bytes as a PNG file."""
    return encode_png(np.frombuffer(glyph, np.uint8).reshape(SIDE_PX, SIDE_PX))


def _new(found: _Found, writer: str) -> NewCorrection:
    if found.label not in LABELS:
        raise InvalidArchive(
            f"{found.name} has the label {found.label}; it must be 0 to 9, or {NOT_A_DIGIT} for {NOT_A_DIGIT_NAME}"
        )
    if are_blank(found.glyph)[0]:
        raise InvalidArchive(f"{found.name} is blank")
    try:
        writer = checked_writer(writer)
    except InvalidInput as error:
        raise InvalidArchive(f"{found.name}: {error.message}") from None
    return NewCorrection(found.glyph, found.label, "import", writer, found.image)


def _manifest(files: dict[str, bytes]) -> Manifest | None:
    """Take the manifest out of the files, and compare their hashes; None if there is none."""
    data = files.pop(MANIFEST, None)
    if data is None:
        return None
    try:
        manifest = msgspec.json.decode(data, type=Manifest)
    except msgspec.ValidationError as error:
        raise InvalidArchive(f"{MANIFEST}: {' '.join(in_words(error)).strip()}") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise InvalidArchive(f"{MANIFEST} is not valid UTF-8 JSON") from None
    if missing := sorted(set(manifest.files) ^ set(files)):
        raise InvalidArchive(f"{missing[0][:100]} is in {MANIFEST} or in the archive, but not in both")
    for name, wanted in manifest.files.items():
        if hashlib.sha256(files[name]).hexdigest() != wanted:
            raise InvalidArchive(f"{name[:100]} is damaged: {MANIFEST} has another SHA-256")
    # The order of the manifest is that of the writers.
    for name in manifest.files:
        files[name] = files.pop(name)
    return manifest


# --- IDX ------------------------------------------------------------------------------------------------


def _as_idx(examples: Examples) -> dict[str, bytes]:
    count = len(examples.ids)
    return {
        IMAGES_FILE: struct.pack(">4I", 0x0803, count, SIDE_PX, SIDE_PX) + examples.glyphs.tobytes(),
        LABELS_FILE: struct.pack(">2I", 0x0801, count) + examples.labels.astype(np.uint8).tobytes(),
    }


def _from_idx(files: Mapping[str, bytes]) -> Iterator[_Found]:
    names = sorted(files, key=lambda name: "idx1" in name)
    if len(files) != 2 or "idx3-ubyte" not in names[0] or "idx1-ubyte" not in names[1]:
        raise InvalidArchive(
            "the archive must hold one file of images (idx3-ubyte), one of labels (idx1-ubyte), and nothing else"
        )
    try:
        glyphs = read_glyphs(files[names[0]], names[0], limit=MOST_IMPORTED * PIXELS)
        with open_packed(files[names[1]], names[1]) as file:
            labels = file.read(8 + MOST_IMPORTED + 1)
        (count,) = parse_header(names[1], labels, 1)
    except DataCorrupt as error:
        raise InvalidArchive(error.message) from None
    if count != len(labels) - 8 or count != len(glyphs):
        raise InvalidArchive(f"there are {len(glyphs)} images and {len(labels) - 8} labels, and a header says {count}")
    for number, (glyph, label) in enumerate(zip(glyphs, labels[8:], strict=True)):
        yield _Found(f"image {number}", glyph, label)


# --- folders of PNG -------------------------------------------------------------------------------------


def _as_png(examples: Examples) -> dict[str, bytes]:
    folders = {label: name for name, label in FOLDERS.items()}  # 10 is called not_a_digit
    rows = zip(examples.ids.tolist(), examples.labels.tolist(), examples.glyphs, strict=True)
    return {f"{folders[label]}/{number}.png": encode_png(glyph) for number, label, glyph in rows}


def _from_png(files: Mapping[str, bytes], max_pixels: int, *, is_export: bool) -> Iterator[_Found]:
    if len(files) > MOST_IMPORTED:
        raise InvalidArchive(f"at most {MOST_IMPORTED:,} corrections can be imported at once")
    pixels = 0
    for name, data in files.items():
        shown = name[:100]
        label = FOLDERS.get(PurePosixPath(name).parent.name)
        if label is None:
            raise InvalidArchive(f"{shown} is not in a folder named after its label: 0 to 9, or {NOT_A_DIGIT_NAME}")
        try:
            with opened(data, max_pixels) as picture:
                pixels += picture.width * picture.height
            if pixels > MOST_PIXELS:
                raise InvalidArchive(
                    f"the pictures have more than {MOST_PIXELS / 1e6:g} million pixels in all; import them in parts"
                )
            if is_export:
                yield _Found(shown, _exported_glyph(shown, data), label)
            else:
                glyph, image = glyph_and_image(data, max_pixels=max_pixels)
                yield _Found(
                    shown, np.zeros((SIDE_PX, SIDE_PX), np.uint8) if glyph is None else glyph, label, "", image
                )
        except InvalidArchive:
            raise
        except InvalidInput as error:
            raise InvalidArchive(f"{shown}: {error.message}") from None


def _exported_glyph(name: str, data: bytes) -> Bytes:
    """A glyph that `export` wrote; preparing it like a picture could change it."""
    try:
        pixels = np.array(Image.open(io.BytesIO(data), formats=("PNG",)))
    except DECODER_FAILURES:
        raise InvalidArchive(f"{name} is no PNG file that can be read") from None
    if pixels.shape != (SIDE_PX, SIDE_PX) or pixels.dtype != np.uint8:
        raise InvalidArchive(f"{name} is no grey picture of {SIDE_PX}x{SIDE_PX} pixels, as {MANIFEST} promises")
    return pixels


# --- Parquet --------------------------------------------------------------------------------------------


def _as_parquet(examples: Examples) -> dict[str, bytes]:
    return {PARQUET_FILE: correction_parquet.write(examples)}


def _from_parquet(files: Mapping[str, bytes]) -> Iterator[_Found]:
    if len(files) != 1:
        raise InvalidArchive("the archive must hold one Parquet file and nothing else")
    (data,) = files.values()
    for number, (glyph, label, writer) in enumerate(correction_parquet.read(data, MOST_IMPORTED)):
        yield _Found(f"row {number}", glyph, label, writer)
