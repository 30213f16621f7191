"""Whether the files of a model version from elsewhere have the shape that this program writes.

Only what they are made of is looked at here; hashes are the business of
`manifest`, the network that of `onnx_check`.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from mnist_classifier.errors import ModelCorrupt
from mnist_classifier.manifest import FORMAT

LARGEST_PARITY = 1e-3  # as training/export.py allows
LONGEST_NAME = 100
SPLITS = ("validation", "test")


def check_manifest(data: bytes) -> dict[str, Any]:
    """Check a manifest.  Raises ModelCorrupt that names the part."""
    manifest = _json_object(data, "the manifest")
    _require(manifest.get("format") == FORMAT, "format", f"must be {FORMAT}")
    name = manifest.get("name")
    good_name = isinstance(name, str) and 1 <= len(name.strip()) <= LONGEST_NAME and name.isprintable()
    _require(good_name, "name", f"must be a line of 1 to {LONGEST_NAME} characters")
    _require(_is_date(manifest.get("created_at")), "created_at", "must be an ISO 8601 date")
    _require(manifest.get("classes", list(range(10))) == list(range(10)), "classes", "must be 0 to 9")
    _require(_is_number(manifest.get("temperature"), 1e-3, 1e3), "temperature", "must be a positive number")
    _check_thresholds(manifest.get("thresholds"))
    _require(_is_number(manifest.get("onnx_parity"), 0, LARGEST_PARITY), "onnx_parity", "must be at most 0.001")
    for part in ("architecture", "config", "training", "metrics", "files"):
        _require(isinstance(manifest.get(part), dict), part, "must be an object")
    _require(_is_count(manifest["architecture"].get("parameters")), "architecture", "must count its parameters")
    for file, facts in manifest["files"].items():
        listed = isinstance(facts, dict) and isinstance(facts.get("sha256"), str)
        _require(listed, "files", f"must have the SHA-256 of {file!r}")
    for split in SPLITS:
        _check_figures(split, manifest["metrics"].get(split))
    return manifest


def _check_thresholds(thresholds: Any) -> None:
    known = {"ambiguous_below", "not_a_digit_above"}
    good = (
        isinstance(thresholds, dict)
        and "ambiguous_below" in thresholds
        and set(thresholds) <= known
        and all(_is_number(value, 0, 1) for value in thresholds.values())
    )
    _require(good, "thresholds", "must be numbers from 0 to 1")


def _check_figures(split: str, figures: Any) -> None:
    _require(isinstance(figures, dict), f"metrics.{split}", "must be an object")
    images, correct = figures.get("images"), figures.get("correct")
    counted = _is_count(images) and _is_count(correct) and images > 0 and correct <= images
    _require(counted, f"metrics.{split}", "must count images and those that were read right")
    agrees = _is_number(figures.get("accuracy"), 0, 1) and abs(figures["accuracy"] - correct / images) < 1e-4
    _require(agrees, f"metrics.{split}", "has an accuracy that is not what it counts")
    interval = figures.get("interval_95")
    good = isinstance(interval, list) and len(interval) == 2 and all(_is_number(bound, 0, 1) for bound in interval)
    _require(good, f"metrics.{split}", "must have a 95 % interval")
    for name in ("nll", "ece"):
        _require(_is_number(figures.get(name, 0), 0, 1e6), f"metrics.{split}.{name}", "must be a number")
    matrix = figures.get("confusion")
    square = isinstance(matrix, list) and len(matrix) == 10 and all(_is_row(row) for row in matrix)
    _require(matrix is None or square, f"metrics.{split}", "must have a confusion matrix of 10 by 10 counts")


def check_robustness(data: bytes) -> dict[str, Any]:
    """Check a robustness table.  Raises ModelCorrupt."""
    table = _json_object(data, "the robustness table")
    summary, rows, left_out = table.get("summary"), table.get("rows"), table.get("left_out")
    good = isinstance(summary, dict) and isinstance(rows, list) and isinstance(left_out, dict)
    _require(good, "robustness.json", "must have summary, rows and left_out")
    counted = all(_is_count(table["summary"].get(name)) for name in ("goals", "goals_reached"))
    _require(counted, "robustness.json", "must count its goals")
    for name in ("pen_digits_mean", "characters_auroc", "corruptions_mean"):
        value = table["summary"].get(name)
        _require(value is None or _is_number(value, 0, 1), "robustness.json", f"has a wrong {name}")
    for row in table["rows"]:
        _require(isinstance(row, dict) and _is_row_of_robustness(row), "robustness.json", "has a row that is none")
    return table


def _is_row_of_robustness(row: Mapping[str, Any]) -> bool:
    interval = row.get("interval_95")
    return (
        isinstance(row.get("id"), str)
        and isinstance(row.get("title"), str)
        and _is_count(row.get("n"))
        and _is_number(row.get("measured"), 0, 1)
        and isinstance(interval, list)
        and len(interval) == 2
        and all(_is_number(bound, 0, 1) for bound in interval)
    )


def check_weights(data: bytes) -> None:
    """Check a safetensors file: a JSON header, and tensors that fill the rest exactly.  Raises ModelCorrupt.

    Source: the format's own description, github.com/huggingface/safetensors.
    """
    _require(len(data) > 8, "weights.safetensors", "is too short")
    (length,) = struct.unpack("<Q", data[:8])
    _require(length <= min(len(data) - 8, 10_000_000), "weights.safetensors", "has no header of its length")
    header = _json_object(data[8 : 8 + length], "the header of weights.safetensors")
    position = 0
    spans = [tensor.get("data_offsets") if isinstance(tensor, dict) else None for tensor in _tensors(header)]
    good = all(isinstance(span, list) and len(span) == 2 and all(map(_is_count, span)) for span in spans)
    _require(good, "weights.safetensors", "has a tensor without its place")
    for start, end in sorted(spans):  # type: ignore[type-var, misc]
        _require(start == position and end >= start, "weights.safetensors", "has gaps or overlaps")
        position = end
    _require(position == len(data) - 8 - length, "weights.safetensors", "is truncated, or has something behind it")


def _tensors(header: Mapping[str, Any]) -> list[Any]:
    return [value for name, value in header.items() if name != "__metadata__"]


def _json_object(data: bytes, what: str) -> dict[str, Any]:
    def refuse(constant: str) -> None:
        raise ValueError(f"{constant} is no number")

    try:
        value = json.loads(data.decode("utf-8"), parse_constant=refuse)
    except (ValueError, RecursionError) as error:
        raise ModelCorrupt(f"{what} is no JSON: {error}") from error
    if not isinstance(value, dict):
        raise ModelCorrupt(f"{what} is no JSON object")
    return value


def _require(good: bool, part: str, what: str) -> None:
    if not good:
        raise ModelCorrupt(f"{part} {what}")


def _is_date(value: Any) -> bool:
    try:
        datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return False
    return True


def _is_number(value: Any, low: float, high: float) -> bool:
    return (
        isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and low <= value <= high
    )


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_row(row: Any) -> bool:
    return isinstance(row, list) and len(row) == 10 and all(map(_is_count, row))
