"""The same glyphs as a folder of pictures, a tar archive, a Parquet file and an array; and the readings of a job."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from mnist_classifier.recognition.imaging.decode import encode_png


def write_pictures(folder: Path, glyphs: npt.NDArray[np.uint8]) -> Path:
    """PNG files, every third in a folder of its own."""
    for i, glyph in enumerate(glyphs):
        file = folder / ("more" if i % 3 == 0 else ".") / f"{i:05}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(encode_png(glyph))
    return folder


def write_tar(path: Path, glyphs: Iterable[npt.NDArray[np.uint8]]) -> Path:
    """An archive in WebDataset's form: each picture has a label beside it.  Compressed if the name ends with gz."""
    with tarfile.open(path, "w:gz" if path.name.endswith("gz") else "w") as archive:
        for i, glyph in enumerate(glyphs):
            for suffix, data in (("png", encode_png(glyph)), ("cls", b"7")):
                member = tarfile.TarInfo(f"{i:05}.{suffix}")
                member.size = len(data)
                archive.addfile(member, io.BytesIO(data))
    return path


def write_parquet(path: Path, glyphs: Iterable[npt.NDArray[np.uint8]], rows_per_group: int = 4) -> Path:
    """A table in Hugging Face's form: an `image` of bytes and path, and a label."""
    images = [{"bytes": encode_png(glyph), "path": f"{i}.png"} for i, glyph in enumerate(glyphs)]
    pq.write_table(pa.table({"label": [7] * len(images), "image": images}), path, row_group_size=rows_per_group)
    return path


def write_array(path: Path, glyphs: npt.NDArray[np.uint8]) -> Path:
    """A file of glyphs."""
    np.save(path, glyphs)
    return path


def rows(output: Path, table: str = "readings") -> list[dict[str, Any]]:
    """The rows of a job, sorted by their place."""
    found = [row for file in (output / table).glob("*.parquet") for row in pq.read_table(file).to_pylist()]
    return sorted(
        found, key=lambda row: (row["source"], row["member"] or "", -1 if row["index"] is None else row["index"])
    )
