"""Model versions to test with: copies of the model in the box, with figures as a test wants them."""

from __future__ import annotations

import copy
import shutil
from pathlib import Path
from typing import Any

from mnist_classifier.core.metrics import share_of
from mnist_classifier.core.records import ModelVersion
from mnist_classifier.core.settings import PRETRAINED_DIR
from mnist_classifier.registry.manifest import read_manifest, read_robustness
from mnist_classifier.registry.versions import Registry

MANIFEST = read_manifest(PRETRAINED_DIR)
BOX_CORRECT: int = MANIFEST["metrics"]["validation"]["correct"]
BOX_ACCURACY = f"{BOX_CORRECT / 5000:.2%}"


def write_files(folder: Path) -> None:
    """The files of the model in the box."""
    for name in MANIFEST["files"]:
        shutil.copyfile(PRETRAINED_DIR / name, folder / name)


def scored(validation: int | None = None, test: int | None = None, **changes: Any) -> dict[str, Any]:
    """The box's manifest with so many validation (of 5,000) and test images (of 10,000) right."""
    manifest = copy.deepcopy({**MANIFEST, **changes})
    if validation is not None:
        manifest["metrics"]["validation"].update(share_of(validation, 5000))
    if test is not None:
        manifest["metrics"]["test"].update(share_of(test, 10_000))
    return manifest


def save(registry: Registry, **figures: Any) -> ModelVersion:
    """A new version with such figures."""
    return registry.save(scored(**figures), write_files)


def robustness(pen: float, auroc: float = 0.99, corruptions: float = 0.95) -> dict[str, Any]:
    """A robustness table; each interval reaches 0.01 to either side."""
    measured = {"pen_digits.mean": pen, "characters.auroc": auroc, "corruptions.mean": corruptions}
    rows = [
        {"id": name, "title": name, "n": 1000, "measured": value, "interval_95": [value - 0.01, min(1.0, value + 0.01)]}
        | {"goal": None, "reached": None}
        for name, value in measured.items()
    ]
    summary = {"goals_reached": 1, "goals": 3}
    summary |= {name.replace(".", "_"): value for name, value in measured.items()}  # type: ignore[misc]
    return {"rows": rows, "left_out": {}, "summary": summary}


def robustness_of_the_box() -> dict[str, Any]:
    """A table that is as good as that of the model in the box."""
    table = read_robustness(PRETRAINED_DIR, MANIFEST)
    assert table is not None
    summary = table["summary"]
    return robustness(summary["pen_digits_mean"], summary["characters_auroc"], summary["corruptions_mean"])
