"""Trainings as the API returns them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal, TypedDict, cast

from msgspec import Meta

from mnist_classifier.core import records
from mnist_classifier.core.recipes import RECIPES
from mnist_classifier.core.records import EpochResult, RunStatus, Trial
from mnist_classifier.core.train_config import TrainConfig
from mnist_classifier.runs.recipe_times import Measurement
from mnist_classifier.web.wire.fields import Probability, RunNumber, Time

EPOCH_FIELDS = ("train_loss", "train_accuracy", "validation_loss", "validation_accuracy")


class Progress(TypedDict):
    """Progress of the running training; metrics are null until they are known."""

    run_id: RunNumber
    status: RunStatus
    epoch: int
    epochs: int
    train_loss: float | None
    train_accuracy: float | None
    validation_loss: float | None
    validation_accuracy: float | None
    fraction: Probability
    images_per_s: float | None
    eta_s: float | None
    message: str


class RunSummary(TypedDict):
    """Latest metrics of a training."""

    epoch: int
    validation_loss: float
    validation_accuracy: Probability


class Run(TypedDict):
    """State and result of a training."""

    run_id: RunNumber
    status: RunStatus
    waiting: Annotated[bool, Meta(description="in the queue behind another training; false once its process starts")]
    message: str
    model_version: int | None
    recipe: str | None
    seed: int | None
    planned_epochs: int | None
    summary: RunSummary | None
    trial: Annotated[Trial | None, Meta(description="null unless `mnist tune` started this training")]
    created_at: Time
    started_at: Time | None
    finished_at: Time | None


class Links(TypedDict):
    """Where to follow the training."""

    self: str
    status: str


class Started(TypedDict):
    """A new training."""

    run_id: RunNumber
    status: RunStatus
    links: Links


class RunPage(TypedDict):
    """One page of trainings, newest first."""

    runs: list[Run]
    next: Annotated[str | None, Meta(description="URL of the next page")]


class RunRecord(Run):
    """A training with its settings and the computer that it ran on."""

    config: dict[str, Any]
    environment: Annotated[
        dict[str, Any] | None,
        Meta(description="device, libraries, data checksums, commit; null if the server has a token and you sent none"),
    ]


class RunDetails(RunRecord):
    """One training with its settings and epochs."""

    epochs: list[EpochResult]


class RunEvent(TypedDict):
    """One line of a training's log."""

    id: Annotated[int, Meta(ge=1, description="event number, from 1 in each training")]
    kind: Literal["status", "phase", "step", "epoch", "evaluation", "batch", "message"]
    at: Time
    data: dict[str, Any]


class SentEvent(TypedDict, total=False):
    """One server-sent event of a training."""

    id: Annotated[str, Meta(description="send it as Last-Event-ID to continue from here")]
    event: Annotated[str, Meta(description="kind of event; `end` and `trouble` end the stream")]
    data: Annotated[str, Meta(description="a RunEvent as JSON; for `end` a Run; for `trouble` a message")]


class RunLog(TypedDict):
    """Part of the log of a training."""

    run: Run
    events: list[RunEvent]


class RunFile(RunRecord):
    """Everything about a training."""

    events: list[RunEvent]


class Setting(TypedDict):
    """One setting of a training: default, bounds, unit, choices."""

    name: str
    default: str | int | float
    type: Literal["str", "int", "float"]
    help: str
    low: float | None
    high: float | None
    unit: str
    choices: list[str]
    among: list[int]


class Recipe(TypedDict):
    """A recipe and its settings."""

    name: str
    summary: str
    values: dict[str, Any]


class TrainingOptions(TypedDict):
    """The settings of a training, and the recipes."""

    fields: list[Setting]
    recipes: list[Recipe]


class RecipeTimes(TypedDict):
    """How long the training of each recipe takes on this machine."""

    state: Annotated[Measurement, Meta(description="`busy`: measured after the training that is running")]
    seconds: Annotated[dict[str, float], Meta(description="by recipe; empty unless the state is `measured`")]


def run(value: records.Run) -> Run:
    """State and result of a training."""
    return {
        "run_id": value.id,
        "status": value.status,
        "waiting": value.status is RunStatus.QUEUED and value.claim is None,
        "message": value.message,
        "model_version": value.model_version,
        "recipe": value.config.get("recipe"),
        "seed": value.config.get("seed"),
        "planned_epochs": value.config.get("epochs"),
        "summary": cast("RunSummary | None", value.summary),
        "trial": value.trial,
        "created_at": value.created_at.isoformat(),
        "started_at": _iso(value.started_at),
        "finished_at": _iso(value.finished_at),
    }


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


def event(value: records.RunEvent) -> RunEvent:
    """One line of a training's log."""
    return cast(RunEvent, {"id": value.sequence, "kind": value.kind, "at": value.at.isoformat(), "data": value.data})


def training_options() -> TrainingOptions:
    """The settings as a form shows them, and what each recipe sets."""
    return {
        "fields": [
            cast(
                Setting,
                {"name": spec.name, "default": spec.default, "type": type(spec.default).__name__, **spec.metadata},
            )
            for spec in dataclasses.fields(TrainConfig)
        ],
        "recipes": [
            {"name": name, "summary": recipe.summary, "values": dict(recipe.values)} for name, recipe in RECIPES.items()
        ],
    }


def progress(
    active: records.Run,
    epoch: records.RunEvent | None,
    step: records.RunEvent | None,
    phase: records.RunEvent | None = None,
) -> Progress:
    """Progress of a running training, from its latest events of each kind."""
    latest = epoch.data if epoch else {}
    finished, planned = latest.get("epoch", 0), active.config["epochs"]
    metrics = {name: latest.get(name) for name in EPOCH_FIELDS}
    done, speed = float(finished), latest.get("images_per_s")
    # The step event belongs to the epoch that has not ended yet.
    if step and step.data["epoch"] > done:
        done += step.data["step"] / step.data["steps"]
        speed = step.data["images_per_s"]
        metrics |= {"train_loss": step.data["loss"], "train_accuracy": step.data["accuracy"]}
    fraction = min(1.0, done / planned)
    latest_event = max((event.sequence for event in (epoch, step) if event), default=0)
    current = phase.data["text"] if phase and phase.sequence > latest_event else ""
    return cast(
        Progress,
        {
            "run_id": active.id,
            "status": active.status,
            "epoch": finished,
            "epochs": planned,
            **metrics,
            "fraction": fraction,
            "images_per_s": speed,
            "eta_s": _time_left(latest, step, planned * (1 - fraction)),
            "message": current or _message(active, fraction, min(finished + 1, planned)),
        },
    )


def _time_left(epoch: Mapping[str, Any], step: records.RunEvent | None, epochs_left: float) -> float | None:
    """Seconds until the last epoch ends, at the speed of the epochs so far.  Loading PyTorch does not count."""
    if epoch:
        return round(epochs_left * float(epoch["elapsed_s"] / epoch["epoch"]), 1)
    if step and step.data.get("images") and step.data["images_per_s"]:
        return round(epochs_left * float(step.data["images"] / step.data["images_per_s"]), 1)
    return None


def _message(active: records.Run, fraction: float, epoch: int) -> str:
    if fraction == 0:
        return (
            "waiting for another training" if active.status is RunStatus.QUEUED and active.claim is None else "starting"
        )
    return "measuring and exporting" if fraction >= 1 else f"epoch {epoch} of {active.config['epochs']}"
