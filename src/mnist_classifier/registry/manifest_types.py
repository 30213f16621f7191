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
from mnist_classifier.core.errors import ModelCorrupt
from mnist_classifier.core.records import LARGEST_ID, LONGEST_NAME

FORMAT = 1
PREPROCESSING_ID = "mnist-centred-2"
NEWER = "an older or newer mnist-classifier made this model"
POSSIBLE_YEARS = range(1970, 9999)

# JavaScript represents whole numbers exactly up to 2**53.  The other limits exceed every real value by far: they only
# keep nonsense out of the database and the pages.
Share = Annotated[float, Meta(ge=0, le=1)]
Count = Annotated[int, Meta(ge=0, le=2**53)]
Version = Annotated[int, Meta(ge=0, le=LARGEST_ID)]
Loss = Annotated[float, Meta(ge=0, le=1e6)]
Seconds = Annotated[float, Meta(ge=0, le=1e9)]
Text = Annotated[str, Meta(max_length=200)]
Sha256 = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
Interval = Annotated[list[Share], Meta(min_length=2, max_length=2)]
Versions = Annotated[list[Version], Meta(max_length=1000)]
Texts = Annotated[dict[Text, Text], Meta(max_length=100)]
Setting = bool | Annotated[int, Meta(ge=-(2**53), le=2**53)] | Annotated[float, Meta(ge=-1e12, le=1e12)] | Text | None
Config = Annotated[dict[Text, Setting], Meta(max_length=200)]
# The arguments of a network; for an ensemble, a list with those of each member.
Arguments = Annotated[dict[Text, Setting | Annotated[list[Config], Meta(max_length=100)]], Meta(max_length=100)]
Confusion = Annotated[
    list[Annotated[list[Count], Meta(min_length=10, max_length=10)]], Meta(min_length=10, max_length=10)
]


class Losses(Struct):
    """Loss and calibration error before the temperature was fitted."""

    nll: Loss
    ece: Share


class Distribution(Struct):
    """Mean and standard deviation of ink or confidence over a split."""

    mean: Share
    sd: Share


class Score(Struct):
    """How many images of a split were read right."""

    images: Annotated[int, Meta(ge=1, le=10_000_000)]
    correct: Count
    accuracy: Share
    interval_95: Interval

    def __post_init__(self) -> None:
        """Check that the accuracy and its interval follow from the counts."""
        _require(self.correct <= self.images, "must not count more correct images than images")
        _require(abs(self.accuracy - self.correct / self.images) < 1e-4, "must have an accuracy of correct / images")
        low, high = self.interval_95
        _require(
            low <= self.accuracy + 1e-4 and self.accuracy <= high + 1e-4,
            "must have an interval that contains its accuracy",
        )


class Figures(Score):
    """All metrics of a split; older versions lack some of them."""

    nll: Loss | UnsetType = UNSET
    ece: Share | UnsetType = UNSET
    confusion: Confusion | None | UnsetType = UNSET
    uncalibrated: Losses | UnsetType = UNSET
    ink: Distribution | UnsetType = UNSET
    confidence: Distribution | UnsetType = UNSET
    without_disputed_labels: Score | UnsetType = UNSET


class Metrics(Struct):
    """Accuracy and other metrics of each split."""

    validation: Figures | UnsetType = UNSET
    test: Figures | UnsetType = UNSET


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
        _require(self.architecture.multiply_accumulates is not UNSET, "must say how much the teacher computes")


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
        _require(self.format == FORMAT, f"format must be {FORMAT}, not {self.format}; {NEWER}")
        _require(
            self.preprocessing == PREPROCESSING_ID,
            f"preprocessing must be {PREPROCESSING_ID!r}, not {self.preprocessing!r}; {NEWER}",
        )
        _require(self.name.isprintable() and self.name == self.name.strip(), "name must be one line of text")
        parse_date(self.created_at)
        _require(self.classes in (UNSET, list(range(10))), "classes must be 0 to 9")
        recipe = self.config.get("recipe") if self.config is not UNSET else None
        _require(recipe is None or isinstance(recipe, str), "config.recipe must be text")
        for name in self.files:
            _require(re.fullmatch(r"[\w-][\w.-]{0,99}", name) is not None, f"lists a file outside its folder: {name!r}")


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
            _require(value is not UNSET, f"{name} is missing")


class Row(Struct):
    """A row of the robustness table: a share of `n` pictures, its 95 % interval, and its goal if it has one."""

    id: Text
    title: Text
    n: Count
    measured: Share
    interval_95: Interval
    goal: Text | None = None
    reached: bool | None = None


class Summary(Struct):
    """Main figures of the robustness table: goals reached and three results."""

    goals: Count
    goals_reached: Count
    pen_digits_mean: Share | None = None
    characters_auroc: Share | None = None
    corruptions_mean: Share | None = None

    def __post_init__(self) -> None:
        """Check the number of goals reached."""
        _require(self.goals_reached <= self.goals, "goals_reached must be at most goals")


class MeasuredOn(Struct):
    """The model that a robustness table was measured on."""

    onnx_sha256: Sha256 | None
    preprocessing: Text
    temperature: float
    thresholds: Thresholds


class Robustness(Struct):
    """The file robustness.json: the robustness table, and the model that it was measured on."""

    measured_on: MeasuredOn
    summary: Summary
    rows: Annotated[list[Row], Meta(max_length=1000)]
    left_out: Texts
    measured_at: Text | UnsetType = UNSET
    program: Text | UnsetType = UNSET
    split: Text | UnsetType = UNSET
    limit: Count | None | UnsetType = UNSET
    elapsed_s: Seconds | UnsetType = UNSET


class Tensor(Struct):
    """A tensor in the header of a safetensors file; the entry `__metadata__` has none of these fields."""

    dtype: Text = ""
    shape: Annotated[list[Count], Meta(max_length=8)] = []
    data_offsets: Annotated[list[Count], Meta(max_length=2)] = []


def parse(data: bytes, kind: Any, what: str) -> Any:
    """Check JSON against a type; returns plain values, without fields that the type does not have.

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
    _require(
        found.year in POSSIBLE_YEARS, f"created_at must lie in the years {POSSIBLE_YEARS[0]} to {POSSIBLE_YEARS[-1]}"
    )
    return found


def _require(good: bool, message: str) -> None:
    if not good:
        raise ValueError(message)
