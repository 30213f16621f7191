"""Model versions, promotions and comparisons -> the JSON that the API speaks."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, cast

from mnist_classifier.core.records import ModelVersion, Promotion, rounded
from mnist_classifier.core.settings import Settings
from mnist_classifier.evaluation.comparison import Disagreement
from mnist_classifier.evaluation.promotion import PromotionCheck
from mnist_classifier.recognition.imaging.decode import encode_png, to_data_url
from mnist_classifier.registry.aliases import BOX
from mnist_classifier.web.wire import readings, types
from mnist_classifier.web.wire.paths import hide_paths

# What the list shows of the making of a version; the manifest has all of it.
MAKING = ("epochs", "best_epoch", "elapsed_s", "images", "device", "members")


def entry(
    version: ModelVersion, aliases: Mapping[str, int], robustness: Mapping[str, Any] | None = None
) -> types.ModelEntry:
    """A row of the list: figures, size, aliases, and what may be done with it."""
    named = sorted(name for name, number in aliases.items() if number == version.version)
    files = version.manifest["files"].values()
    return {
        **readings.model(version, robustness),
        "note": version.note,
        "aliases": named,
        "bytes": sum(file.get("bytes", 0) for file in files),
        "editable": version.version != BOX,
        "deletable": version.version != BOX and not named,
    }


def details(version: ModelVersion) -> types.ModelFacts:
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
        "training": cast(types.Making, {name: training[name] for name in MAKING if name in training}),
        "files": {name: cast(types.FileFacts, dict(facts)) for name, facts in manifest["files"].items()},
    }


def gate(check: PromotionCheck) -> types.Gate:
    """Result of the promotion check."""
    return cast(types.Gate, dataclasses.asdict(check))


def promotion(move: Promotion) -> types.Promotion:
    """One line of the history."""
    return {
        "id": move.id,
        "alias": move.alias,
        "version": move.version,
        "previous": move.previous,
        "at": move.at.isoformat(),
        "actor": move.actor,
        "reason": move.reason,
        "is_rollback": move.is_rollback,
    }


def set_aside(faults: Mapping[str, str], settings: Settings) -> list[types.SetAside]:
    """Versions that cannot be read, and why."""
    return [{"folder": folder, "reason": hide_paths(reason, settings)} for folder, reason in faults.items()]


def disagreement(found: Disagreement) -> types.Disagreement:
    """An image that two models read differently."""
    return {
        "index": found.index,
        "label": found.label,
        "predictions": list(found.digits),
        "confidences": [rounded(confidence) for confidence in found.confidences],
        "image": to_data_url(encode_png(found.image)),
    }
