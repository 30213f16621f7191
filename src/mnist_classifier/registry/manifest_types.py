"""The types of a model version's JSON files.

`parse` checks a file against its type.  It drops fields that the type does not
have, so nothing unchecked reaches the database or a reply.
"""

from __future__ import annotations

import re
from datetime import datetime, timezone
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from mnist_classifier.core.checking import in_words
from mnist_classifier.core.decodable import decodable
from mnist_classifier.core.errors import ModelCorrupt
from mnist_classifier.core.records import LONGEST_NAME
from mnist_classifier.registry.metric_types import (
    Count,
    Metrics,
    Rows,
    Sha256,
    Share,
    Text,
    Version,
    require,
)

FORMAT = 1
PREPROCESSING_ID = "mnist-centred-2"
NEWER = "an older or newer mnist-classifier made this model"
POSSIBLE_YEARS = range(1970, 9999)

Seconds = Annotated[float, Meta(ge=0, le=1e9)]
Versions = Annotated[list[Version], Meta(max_length=1000)]
Texts = Annotated[dict[Text, Text], Meta(max_length=100)]
Setting = bool | Annotated[int, Meta(ge=-(2**53), le=2**53)] | Annotated[float, Meta(ge=-1e12, le=1e12)] | Text | None
Config = Annotated[dict[Text, Setting], Meta(max_length=200)]
# The arguments of a network; for an ensemble, a list with those of each member.
Arguments = Annotated[dict[Text, Setting | Annotated[list[Config], Meta(max_length=100)]], Meta(max_length=100)]


class Thresholds(Struct, forbid_unknown_fields=True):
    """The thresholds between the verdicts."""

    ambiguous_below: Share
    not_a_digit_above: Share | UnsetType = UNSET


class Architecture(Struct, rename={"kind": "class"}):
    """How to rebuild the network."""

    parameters: Count | UnsetType = UNSET
    kind: Text | UnsetType = UNSET
    arguments: Arguments | UnsetType = UNSET
    multiply_accumulates: Count | UnsetType = UNSET


class Teacher(Struct):
    """The version that taught a network."""

    name: Text
    architecture: Architecture
    command: Annotated[str, Meta(max_length=2000)]

    def __post_init__(self) -> None:
        """Check what the card shows."""
        require(self.architecture.multiply_accumulates is not UNSET, "must say how much the teacher computes")


class Corrections(Struct):
    """The corrections that a training has seen, each as number, hash of the glyph, label (10: not a digit).

    base: the version that the training started from.  used: those that it learned.  measured: those held out.
    """

    count: Count
    held_out: Count
    base: Version
    used: Annotated[list[tuple[Count, Sha256, Count]], Meta(max_length=100_000)]
    measured: Annotated[list[tuple[Count, Sha256, Count]], Meta(max_length=100_000)]


class Training(Struct):
    """Facts about the training: images, epochs, duration, device, teacher."""

    images: Count | UnsetType = UNSET
    epochs: Count | UnsetType = UNSET
    best_epoch: Count | UnsetType = UNSET
    stopped_early: bool | UnsetType = UNSET
    cancelled: bool | UnsetType = UNSET
    elapsed_s: Seconds | UnsetType = UNSET
    device: Text | UnsetType = UNSET
    precision: Text | UnsetType = UNSET
    members: Versions | UnsetType = UNSET
    seeds: Annotated[list[Count | None], Meta(max_length=1000)] | UnsetType = UNSET
    corrections: Corrections | UnsetType = UNSET
    # The teacher, its teacher, and so on.
    teachers: Annotated[list[Teacher], Meta(max_length=100)] | UnsetType = UNSET


class Data(Struct):
    """The training data."""

    sha256: Texts | UnsetType = UNSET
    split_seed: Count | UnsetType = UNSET
    validation_images: Count | UnsetType = UNSET


class Origin(Struct):
    """The version and the run that an archive was exported from."""

    version: Version | None | UnsetType = UNSET
    run_id: Count | None | UnsetType = UNSET


class File(Struct):
    """A file of a model version: its hash and size."""

    sha256: Sha256
    bytes: Annotated[int, Meta(ge=0, le=2**30)]


@decodable
class Manifest(Struct):
    """The file manifest.json, which describes a model version.  Older versions lack newer fields."""

    format: Count
    name: Annotated[str, Meta(min_length=1, max_length=LONGEST_NAME)]
    created_at: Annotated[str, Meta(max_length=50)]
    preprocessing: Text
    temperature: Annotated[float, Meta(ge=1e-3, le=1e3)]
    thresholds: Thresholds
    files: Annotated[dict[str, File], Meta(min_length=1, max_length=20)]
    version: Version | UnsetType = UNSET
    run_id: Count | None | UnsetType = UNSET
    imported_from: Origin | None | UnsetType = UNSET
    architecture: Architecture | UnsetType = UNSET
    classes: list[int] | UnsetType = UNSET
    # The limit of training/release/export.py.
    onnx_parity: Annotated[float, Meta(ge=0, le=1e-3)] | UnsetType = UNSET
    config: Config | UnsetType = UNSET
    defaults: Config | UnsetType = UNSET
    seed: Count | None | UnsetType = UNSET
    data: Data | UnsetType = UNSET
    training: Training | UnsetType = UNSET
    libraries: Texts | UnsetType = UNSET
    metrics: Metrics | UnsetType = UNSET

    def __post_init__(self) -> None:
        """Check the rules that types cannot express."""
        require(self.format == FORMAT, f"format must be {FORMAT}, not {self.format}; {NEWER}")
        require(
            self.preprocessing == PREPROCESSING_ID,
            f"preprocessing must be {PREPROCESSING_ID!r}, not {self.preprocessing!r}; {NEWER}",
        )
        require(self.name.isprintable() and self.name == self.name.strip(), "name must be one line of text")
        parse_date(self.created_at)
        require(self.classes in (UNSET, list(range(10))), "classes must be 0 to 9")
        recipe = self.config.get("recipe") if self.config is not UNSET else None
        require(recipe is None or isinstance(recipe, str), "config.recipe must be text")
        for name in self.files:
            require(re.fullmatch(r"[\w-][\w.-]{0,99}", name) is not None, f"lists a file outside its folder: {name!r}")


@decodable
class ImportedManifest(Manifest):
    """The manifest of an archive; it must have every figure that this program shows and compares."""

    def __post_init__(self) -> None:
        """Check that no field is missing and both splits were measured."""
        super().__post_init__()
        needed = {
            name: getattr(self, name) for name in ("architecture", "onnx_parity", "config", "training", "metrics")
        }
        needed |= {
            "architecture.parameters": getattr(self.architecture, "parameters", UNSET),
            "metrics.validation": getattr(self.metrics, "validation", UNSET),
            "metrics.test": getattr(self.metrics, "test", UNSET),
        }
        for name, value in needed.items():
            require(value is not UNSET, f"{name} is missing")


class Summary(Struct):
    """Main figures of the robustness table: goals reached and three results."""

    goals: Count
    goals_reached: Count
    pen_digits_mean: Share | None = None
    characters_auroc: Share | None = None
    corruptions_mean: Share | None = None

    def __post_init__(self) -> None:
        """Check the number of goals reached."""
        require(self.goals_reached <= self.goals, "goals_reached must be at most goals")


class MeasuredOn(Struct):
    """The model that a robustness table was measured on."""

    onnx_sha256: Sha256 | None
    preprocessing: Text
    temperature: float
    thresholds: Thresholds


@decodable
class Robustness(Struct):
    """The file robustness.json: the robustness table, and the model that it was measured on."""

    measured_on: MeasuredOn
    summary: Summary
    rows: Rows
    left_out: Texts
    measured_at: Text | UnsetType = UNSET
    program: Text | UnsetType = UNSET
    split: Text | UnsetType = UNSET
    limit: Count | None | UnsetType = UNSET
    elapsed_s: Seconds | UnsetType = UNSET


@decodable
class Tensor(Struct):
    """A tensor in the header of a safetensors file; the entry `__metadata__` has none of these fields."""

    dtype: Text = ""
    shape: Annotated[list[Count], Meta(max_length=8)] = []
    data_offsets: Annotated[list[Count], Meta(max_length=2)] = []


def parse(data: bytes, kind: Any, what: str) -> Any:
    """Check JSON against a `decodable` type; returns plain values, without fields that the type does not have.

    Raises ModelCorrupt; its message begins with `what`.
    """
    try:
        return msgspec.to_builtins(msgspec.json.decode(data, type=kind))
    except msgspec.ValidationError as error:
        raise ModelCorrupt(f"{what}: {' '.join(in_words(error)).strip()}") from error
    except (ValueError, RecursionError) as error:
        raise ModelCorrupt(f"{what} is not valid JSON: {error}") from error


def parse_date(text: str) -> datetime:
    """Parse an ISO 8601 date, by default in UTC, and convert it to UTC.

    Raises ValueError, also for years outside POSSIBLE_YEARS: at the ends of the
    calendar, a change of the time zone would overflow.
    """
    try:
        found = datetime.fromisoformat(text)
        found = found.replace(tzinfo=found.tzinfo or timezone.utc).astimezone(timezone.utc)
    except (ValueError, OverflowError):
        raise ValueError("created_at must be an ISO 8601 date") from None
    require(
        found.year in POSSIBLE_YEARS, f"created_at must lie in the years {POSSIBLE_YEARS[0]} to {POSSIBLE_YEARS[-1]}"
    )
    return found
