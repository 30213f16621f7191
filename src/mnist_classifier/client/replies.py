"""What a server answers, as records: JSON -> readings, model versions and the state of things."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from mnist_classifier.core.records import Caution, DigitInNumber, NumberReading, NumberVerdict, Reading, Verdict


@dataclass(frozen=True)
class ModelSummary:
    """A model version as a server describes it.

    metrics: figures by the split they were measured on.  note, aliases and
    bytes are told by `models` alone.
    """

    version: int
    name: str
    created_at: datetime
    recipe: str | None
    parameters: int | None
    metrics: Mapping[str, Any]
    note: str = ""
    aliases: tuple[str, ...] = ()
    bytes: int | None = None


@dataclass(frozen=True)
class ModelStatus:
    """Which model answers, and how the training stands; docs/api.md lists what `training` and `last_run` hold.

    status: ready, training or no_model.
    """

    status: str
    model: ModelSummary | None
    training: Mapping[str, Any] | None
    last_run: Mapping[str, Any] | None


@dataclass(frozen=True)
class StartedRun:
    """A training that a server has started."""

    run_id: int
    status: str
    links: Mapping[str, str] = field(default_factory=dict)


def _known(kind: type[Any], body: Mapping[str, Any]) -> dict[str, Any]:
    """Those fields of a body that a record has; a newer server may send more."""
    names = {spec.name for spec in dataclasses.fields(kind)}
    return {name: value for name, value in body.items() if name in names}


def reading(body: Mapping[str, Any]) -> Reading:
    """A reading of one digit."""
    return Reading(
        prediction=body["prediction"],
        confidence=body["confidence"],
        probabilities=tuple(body["probabilities"]),
        verdict=Verdict(body["verdict"]),
        candidates=tuple(body["candidates"]),
        not_a_digit=body["not_a_digit"],
        warnings=tuple(Caution(**_known(Caution, warning)) for warning in body["warnings"]),
    )


def number(body: Mapping[str, Any]) -> NumberReading:
    """A reading of several."""
    digits = tuple(DigitInNumber(tuple(digit["box"]), reading(digit)) for digit in body["digits"])
    return NumberReading(body["number"], body["confidence"], NumberVerdict(body["verdict"]), digits)


def model_summary(body: Mapping[str, Any]) -> ModelSummary:
    """A version as /model-status and /api/models tell of it."""
    changed = {"created_at": datetime.fromisoformat(body["created_at"]), "aliases": tuple(body.get("aliases", ()))}
    return ModelSummary(**{**_known(ModelSummary, body), **changed})


def model_status(body: Mapping[str, Any]) -> ModelStatus:
    """The body of /model-status."""
    model = body["model"]
    return ModelStatus(body["status"], model and model_summary(model), body["training"], body["last_run"])


def started_run(body: Mapping[str, Any]) -> StartedRun:
    """The body of /retrain."""
    return StartedRun(**_known(StartedRun, body))
