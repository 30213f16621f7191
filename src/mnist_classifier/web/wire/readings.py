"""Records -> the JSON that the API speaks."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, cast

import numpy as np

from mnist_classifier.core.arrays import Bytes, Floats
from mnist_classifier.core.recipes import RECIPES
from mnist_classifier.core.records import Caution, ModelVersion, NumberReading, Reading, Run, RunEvent, rounded
from mnist_classifier.core.train_config import TrainConfig
from mnist_classifier.recognition.batch import REFUSED, VERDICTS, Batch
from mnist_classifier.recognition.imaging.decode import encode_png, to_data_url
from mnist_classifier.web.wire import types

EPOCH_FIELDS = ("train_loss", "train_accuracy", "validation_loss", "validation_accuracy")
METRIC_FIELDS = ("images", "correct", "accuracy", "nll", "ece")


def reading(value: Reading, version: ModelVersion) -> types.NamedReading:
    """The body of /predict, but for the time it took."""
    return {**_reading(value), "model": _name(version)}


def number(value: NumberReading, version: ModelVersion) -> types.NamedNumber:
    """The body of /predict for several digits, but for the time it took."""
    return {
        "number": value.number,
        "confidence": rounded(value.confidence),
        "verdict": value.verdict.value,
        "digits": [{"box": list(digit.box), **_reading(digit.reading)} for digit in value.digits],
        "model": _name(version),
    }


def _reading(value: Reading) -> types.DigitReading:
    return {
        "prediction": value.prediction,
        "confidence": rounded(value.confidence),
        "probabilities": [rounded(p) for p in value.probabilities],
        "verdict": value.verdict.value,
        "not_a_digit": rounded(value.not_a_digit),
        "candidates": list(value.candidates),
        "warnings": cautions(value.warnings),
    }


def cautions(found: Iterable[Caution]) -> list[types.Caution]:
    """A warning about the drawing."""
    return [{"code": each.code, "message": each.message} for each in found]


def glyph(value: Bytes | None) -> str | None:
    """What the network saw, as a picture; None where nothing was drawn."""
    return None if value is None else to_data_url(encode_png(value))


def batch(value: Batch, version: ModelVersion, *, with_probabilities: bool) -> dict[str, Any]:
    """The body of /api/predict/batch, but for the time it took: a list for each field of a reading."""
    body: dict[str, Any] = {
        "count": len(value),
        "predictions": [None if digit == REFUSED else digit for digit in value.predictions.tolist()],
        "confidences": _rounded_all(value.confidences),
        "verdicts": [VERDICTS[code].value for code in value.verdicts.tolist()],
        "not_a_digit": _rounded_all(value.not_a_digit),
    }
    if with_probabilities:
        body["probabilities"] = _rounded_all(value.probabilities)
    return {**body, "model": _name(version)}


def _name(version: ModelVersion) -> types.ModelName:
    return {"version": version.version, "name": version.name}


def _rounded_all(probabilities: Floats) -> list[Any]:
    rounded: list[Any] = np.minimum(np.round(probabilities.astype(np.float64), 6), 0.999999).tolist()
    return rounded


def model(version: ModelVersion, robustness: Mapping[str, Any] | None = None) -> types.Model:
    """A model version without the bulk of its manifest and of its robustness table."""
    manifest = version.manifest
    return {
        "version": version.version,
        "name": version.name,
        "created_at": version.created_at.isoformat(),
        "recipe": manifest.get("config", {}).get("recipe"),
        "parameters": manifest.get("architecture", {}).get("parameters"),
        "metrics": _metrics(version, robustness),
    }


def _metrics(version: ModelVersion, robustness: Mapping[str, Any] | None) -> types.Metrics:
    metrics = {
        split: {name: figures[name] for name in METRIC_FIELDS if name in figures}
        for split, figures in version.metrics.items()
    }
    if robustness is not None:
        metrics["robustness"] = robustness["summary"]
    return cast(types.Metrics, metrics)


def run(value: Run) -> types.Run:
    """A run's state and outcome."""
    return {
        "run_id": value.id,
        "status": value.status.value,
        "message": value.message,
        "model_version": value.model_version,
        "recipe": value.config.get("recipe"),
        "seed": value.config.get("seed"),
        "planned_epochs": value.config.get("epochs"),
        "summary": cast("types.RunSummary | None", value.summary),
        "created_at": value.created_at.isoformat(),
        "started_at": _iso(value.started_at),
        "finished_at": _iso(value.finished_at),
    }


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


def event(value: RunEvent) -> types.RunEvent:
    """One line of a run's log."""
    return {"id": value.sequence, "kind": value.kind, "at": value.at.isoformat(), "data": value.data}


def train_config() -> dict[str, Any]:
    """The fields of TrainConfig as a form shows them, and what each recipe sets."""
    return {
        "fields": [
            {"name": spec.name, "default": spec.default, "type": type(spec.default).__name__, **spec.metadata}
            for spec in dataclasses.fields(TrainConfig)
        ],
        "recipes": [
            {"name": name, "summary": recipe.summary, "values": dict(recipe.values)} for name, recipe in RECIPES.items()
        ],
    }


def training(active: Run, epoch: RunEvent | None, step: RunEvent | None) -> dict[str, Any]:
    """How an active run stands, from its latest events."""
    finished = epoch.data if epoch else {}
    body: dict[str, Any] = {
        "run_id": active.id,
        "status": active.status.value,
        "epoch": finished.get("epoch", 0),
        "epochs": active.config["epochs"],
        **{name: finished.get(name) for name in EPOCH_FIELDS},
    }
    done = float(body["epoch"])
    speed = finished.get("images_per_s")
    # The step event belongs to the epoch that has not ended yet.
    if step and step.data["epoch"] > done:
        done += step.data["step"] / step.data["steps"]
        speed = step.data["images_per_s"]
        body["train_loss"], body["train_accuracy"] = step.data["loss"], step.data["accuracy"]
    body["fraction"] = min(1.0, done / body["epochs"])
    body["images_per_s"] = speed
    body["eta_s"] = _time_left(active, step, body["fraction"])
    body["message"] = _message(active, body)
    return body


def _time_left(active: Run, step: RunEvent | None, fraction: float) -> float | None:
    """Seconds, if the rest goes as fast as what is done."""
    if active.started_at is None or step is None or fraction == 0:
        return None
    elapsed_s = (step.at - active.started_at).total_seconds()
    return round(elapsed_s / fraction * (1 - fraction), 1)


def _message(active: Run, body: dict[str, Any]) -> str:
    if body["fraction"] == 0:
        return "starting"
    if body["fraction"] >= 1:
        return "measuring and exporting"
    return f"epoch {min(body['epoch'] + 1, body['epochs'])} of {body['epochs']}"
