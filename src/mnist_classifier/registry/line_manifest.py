"""The manifest of the line reader, the network in the box that reads a line of digits and marks as a whole."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from mnist_classifier.core.decodable import decodable
from mnist_classifier.registry.manifest import read_manifest
from mnist_classifier.registry.manifest_types import FORMAT, Architecture, Config, File, Texts
from mnist_classifier.registry.metric_types import Count, Share, Text

# Lines are 40 px high, their digits 20 px.
LINE_PREPROCESSING_ID = "lines-40-20-1"


class LineShare(Struct):
    """How many validation lines of a kind were read exactly."""

    lines: Count
    exact: Count
    share: Share


class LineScores(Struct):
    """All validation lines, those of digits alone, and those of digits alone in which characters touch."""

    all: LineShare
    digits_only: LineShare
    touching: LineShare


@decodable
class LineManifest(Struct):
    """The file manifest.json of a line reader."""

    format: Literal[FORMAT]  # type: ignore[valid-type]
    name: Text
    created_at: Text
    preprocessing: Literal[LINE_PREPROCESSING_ID]  # type: ignore[valid-type]
    classes: Text
    architecture: Architecture
    onnx_parity: Annotated[float, Meta(ge=0, le=1e-3)]
    config: Config
    validation: LineScores
    libraries: Texts
    files: Annotated[dict[str, File], Meta(min_length=1, max_length=20)]


def read_line_manifest(folder: Path) -> dict[str, Any]:
    """Read and check the manifest of a line reader.  Raises ModelMissing, ModelCorrupt."""
    return read_manifest(folder, LineManifest)
