"""Model versions, promotions and comparisons as the API returns them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Annotated, Any, TypedDict, cast

from msgspec import Meta

from mnist_classifier.core.records import ModelVersion, Promotion, rounded
from mnist_classifier.core.settings import Settings
from mnist_classifier.evaluation import comparison
from mnist_classifier.evaluation.promotion import PromotionCheck
from mnist_classifier.registry.aliases import BOX
from mnist_classifier.registry.manifest_types import File, Origin, Summary, Thresholds, Training
from mnist_classifier.web.wire import readings
from mnist_classifier.web.wire.fields import (
    Digit,
    IsSample,
    Matrix,
    ModelName,
    Picture,
    Probability,
    Time,
    VersionNumber,
)
from mnist_classifier.web.wire.paths import hide_paths

# Fields of the manifest that replies show.
METRIC_FIELDS = ("images", "correct", "accuracy", "nll", "ece")
TRAINING_FIELDS = ("epochs", "best_epoch", "elapsed_s", "images", "device", "members")


class SplitMetrics(TypedDict, total=False):
    """Metrics on one split."""

    images: int
    correct: int
    accuracy: Probability
    nll: float
    ece: float


class Metrics(TypedDict, total=False):
    """Metrics by split."""

    validation: SplitMetrics
    test: SplitMetrics
    robustness: Summary


class Model(ModelName):
    """Summary of a model version."""

    created_at: Time
    recipe: str | None
    parameters: int | None
    metrics: Metrics


class ModelEntry(Model):
    """A model version in the list."""

    note: str
    aliases: list[str]
    bytes: int
    editable: bool
    deletable: bool


class SetAside(TypedDict):
    """A version that cannot be read."""

    folder: Annotated[str, Meta(description="folder name in models/")]
    reason: str


class ModelList(TypedDict):
    """All versions, newest first, the aliases, and versions that cannot be read."""

    aliases: dict[str, int]
    roll_back_to: Annotated[int | None, Meta(description="version that a rollback would promote")]
    models: list[ModelEntry]
    set_aside: list[SetAside]


class ModelFacts(TypedDict):
    """Details of one version."""

    run_id: int | None
    imported_from: Origin | None
    seed: int | None
    temperature: float
    thresholds: Thresholds
    config: dict[str, Any]
    training: Training
    files: dict[str, File]


class ModelDetails(ModelEntry, ModelFacts):
    """One version with its files, training and promotion check."""

    gate: Annotated[PromotionCheck | None, Meta(description="promotion check; null for the version in production")]


class Deleted(TypedDict):
    """A deleted version."""

    deleted: VersionNumber


class Promotions(TypedDict):
    """Promotions and rollbacks, newest first."""

    promotions: list[Promotion]


class Comparison(TypedDict):
    """Two versions side by side."""

    models: tuple[ModelEntry, ModelEntry]
    confusion_difference: Annotated[
        dict[str, Matrix | None], Meta(description="by split: images by [label][prediction], second minus first")
    ]
    gate: PromotionCheck


class Disagreement(TypedDict):
    """An image that two versions read differently."""

    index: int
    label: Digit
    predictions: tuple[Digit, Digit]
    confidences: tuple[Probability, Probability]
    image: Picture


class Disagreements(TypedDict):
    """Images that two versions read differently, most confident first."""

    split: str
    is_sample: IsSample
    count: int
    right: Annotated[tuple[int, int], Meta(description="number that each version reads correctly")]
    images: list[Disagreement]


class SelfLink(TypedDict):
    """Where to find the version."""

    self: str


class Imported(ModelEntry):
    """An imported version."""

    remarks: Annotated[tuple[str, ...], Meta(description="checks that were not possible")]
    links: SelfLink


def model(version: ModelVersion, robustness: Mapping[str, Any] | None) -> Model:
    """Summary of a version; `robustness` is its robustness.json, if it has one."""
    manifest = version.manifest
    metrics = {
        split: {name: figures[name] for name in METRIC_FIELDS if name in figures}
        for split, figures in version.metrics.items()
    }
    if robustness is not None:
        metrics["robustness"] = robustness["summary"]
    return {
        **readings.name(version),
        "created_at": version.created_at.isoformat(),
        "recipe": manifest.get("config", {}).get("recipe"),
        "parameters": manifest.get("architecture", {}).get("parameters"),
        "metrics": cast(Metrics, metrics),
    }


def entry(version: ModelVersion, aliases: Mapping[str, int], robustness: Mapping[str, Any] | None) -> ModelEntry:
    """A version in the list: metrics, size, aliases, and which changes are allowed."""
    named = sorted(name for name, number in aliases.items() if number == version.version)
    files = version.manifest["files"].values()
    return {
        **model(version, robustness),
        "note": version.note,
        "aliases": named,
        "bytes": sum(file.get("bytes", 0) for file in files),
        "editable": version.version != BOX,
        "deletable": version.version != BOX and not named,
    }


def facts(version: ModelVersion) -> ModelFacts:
    """Details of one version."""
    manifest = version.manifest
    training = manifest.get("training", {})
    return {
        "run_id": manifest.get("run_id"),
        "imported_from": manifest.get("imported_from"),
        "seed": manifest.get("seed"),
        "temperature": manifest["temperature"],
        "thresholds": manifest["thresholds"],
        "config": manifest.get("config", {}),
        "training": cast(Training, {name: training[name] for name in TRAINING_FIELDS if name in training}),
        "files": manifest["files"],
    }


def promotion(move: Promotion) -> dict[str, Any]:
    """A promotion or rollback; the time as in the other replies."""
    return {**dataclasses.asdict(move), "at": move.at.isoformat()}


def set_aside(faults: Mapping[str, str], settings: Settings) -> list[SetAside]:
    """Versions that cannot be read, and why."""
    return [{"folder": folder, "reason": hide_paths(reason, settings)} for folder, reason in faults.items()]


def disagreement(found: comparison.Disagreement) -> Disagreement:
    """An image that two versions read differently."""
    first, second = found.confidences
    return {
        "index": found.index,
        "label": found.label,
        "predictions": found.digits,
        "confidences": (rounded(first), rounded(second)),
        "image": readings.picture(found.image),
    }
