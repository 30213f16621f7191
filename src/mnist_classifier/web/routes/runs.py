"""The routes of trainings, and the stream of their events."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from urllib.parse import urlencode

import msgspec
from flask import Blueprint, Response, jsonify, request, url_for

from mnist_classifier.core.errors import (
    InvalidConfig,
    RunFinished,
    RunInProgress,
    RunMissing,
    TooManyStreams,
    TrainingUnavailable,
)
from mnist_classifier.core.records import LARGEST_ID, Run, RunEvent
from mnist_classifier.web.services.services import services
from mnist_classifier.web.wire import runs as views
from mnist_classifier.web.wire.bodies import TrainSchema, train_settings
from mnist_classifier.web.wire.fields import RunNumber
from mnist_classifier.web.wire.operation import describe
from mnist_classifier.web.wire.parameters import text, whole
from mnist_classifier.web.wire.spreadsheet import csv_line

blueprint = Blueprint("runs", __name__)

Reply = tuple[Response, int]

# Largest pages of the list and of the events.
MAX_RUNS_A_PAGE, MAX_EVENTS_A_PAGE = 200, 1000

SEARCH = text("search", "words to find in number, recipe, status, message or search", pattern=r"^[^\0]*\Z")
LIMIT = whole("limit", "trainings per page", 50, 1, MAX_RUNS_A_PAGE)
BEFORE = whole("before", "only trainings with lower numbers; 0: all", 0, 0, LARGEST_ID)
AFTER = whole("after", "only events after this number", 0, 0, LARGEST_ID)
EVENTS_LIMIT = whole("limit", "largest number of events", MAX_EVENTS_A_PAGE, 1, MAX_EVENTS_A_PAGE)


@blueprint.post("/retrain")
@describe(
    views.Started,
    status=202,
    body=TrainSchema,
    body_required=False,
    errors=(InvalidConfig, RunInProgress, TrainingUnavailable),
)
def retrain() -> Reply:
    """Start a training with the settings in the body."""
    run = services().jobs.start(train_settings(request.get_data(cache=False)))
    links = {"self": url_for("runs.get_run", run_id=run.id), "status": url_for("api.model_status")}
    return jsonify({"run_id": run.id, "status": run.status.value, "links": links}), 202


@blueprint.get("/api/config")
@describe(views.TrainingOptions)
def train_config() -> Response:
    """List the training settings, their ranges, and the recipes."""
    return jsonify(views.training_options())


@blueprint.get("/api/recipes/times")
@describe(views.RecipeTimes)
def recipe_times() -> Response:
    """Estimate how long each recipe trains here; the first request starts the measurement, so ask again."""
    state, seconds = services().recipe_times.ask()
    return jsonify({"state": state.value, "seconds": seconds})


@blueprint.get("/api/runs")
@describe(views.RunPage, query=(SEARCH, LIMIT, BEFORE))
def list_runs() -> Response:
    """List the trainings, newest first."""
    limit, before = LIMIT.read(), BEFORE.read() or None
    runs = services().runs
    runs.mark_interrupted()
    found = runs.recent(limit + 1, before=before, search=SEARCH.read())
    query = urlencode({**request.args, "before": found[limit - 1].id}) if len(found) > limit else ""
    more = f"{request.script_root}{request.path}?{query}" if query else None
    return jsonify({"runs": [views.run(run) for run in found[:limit]], "next": more})


@blueprint.post("/api/runs")
@describe(views.Run, status=202, body=TrainSchema, body_required=False, errors=(InvalidConfig, TrainingUnavailable))
def submit_run() -> Reply:
    """Queue a training."""
    run = services().jobs.submit(train_settings(request.get_data(cache=False)))
    return jsonify(views.run(run)), 202


@blueprint.get("/api/runs/<int:run_id>")
@describe(views.RunDetails, errors=(RunMissing,))
def get_run(run_id: RunNumber) -> Response:
    """Get one training and its epochs."""
    runs = services().runs
    runs.mark_interrupted()
    run = runs.get(run_id)
    epochs = [event.data for event in runs.events(run_id, kinds=("epoch",))]
    return jsonify({**_record(run), "epochs": epochs})


@blueprint.post("/api/runs/<int:run_id>/cancel")
@describe(views.Run, status=202, errors=(RunMissing,))
def cancel_run(run_id: RunNumber) -> Reply:
    """Cancel a training and keep its best weights so far."""
    return jsonify(views.run(services().runs.request_cancel(run_id))), 202


@blueprint.post("/api/runs/<int:run_id>/resume")
@describe(views.Run, status=202, errors=(RunMissing, RunFinished, RunInProgress, TrainingUnavailable))
def resume_run(run_id: RunNumber) -> Reply:
    """Resume an interrupted training after its last complete epoch."""
    return jsonify(views.run(services().jobs.resume(run_id))), 202


@blueprint.get("/api/runs/<int:run_id>/events")
@describe(views.RunLog, query=(AFTER, EVENTS_LIMIT), errors=(RunMissing,))
def list_events(run_id: RunNumber) -> Response:
    """Get part of the log; poll this if you cannot use the stream."""
    runs = services().runs
    runs.mark_interrupted()
    run = runs.get(run_id)
    events = runs.events(run_id, after=AFTER.read(), limit=EVENTS_LIMIT.read())
    return jsonify({"run": views.run(run), "events": [views.event(event) for event in events]})


@blueprint.get("/api/runs/<int:run_id>/events.json")
@describe(views.RunFile, errors=(RunMissing,))
def download_json(run_id: RunNumber) -> Response:
    """Download the whole log as JSON."""
    runs = services().runs
    run = runs.get(run_id)
    body = {**_record(run), "events": [views.event(event) for event in runs.events(run_id)]}
    text = msgspec.json.format(msgspec.json.encode(body), indent=1)
    return _file(text, "application/json", f"run-{run_id}.json")


@blueprint.get("/api/runs/<int:run_id>/events.csv")
@describe(media="text/csv", errors=(RunMissing,))
def download_csv(run_id: RunNumber) -> Response:
    """Download steps and epochs as CSV."""
    runs = services().runs
    runs.get(run_id)
    return _file(_as_csv(runs.events(run_id, kinds=("step", "epoch"))), "text/csv", f"run-{run_id}.csv")


@blueprint.get("/api/runs/<int:run_id>/stream")
@describe(
    views.SentEvent,
    media="text/event-stream",
    query=(AFTER,),
    headers={"Last-Event-ID": "the last event that arrived; browsers send it; takes precedence over `after`"},
    errors=(RunMissing, TooManyStreams),
)
def stream(run_id: RunNumber) -> Response:
    """Stream the log as server-sent events, from `Last-Event-ID` or `?after=` on.

    The last event is `end`.  Raises TooManyStreams if all places are taken.
    """
    services().runs.get(run_id)
    last = request.headers.get("Last-Event-ID", "")
    after = int(last) if last.isascii() and last.isdecimal() and len(last) < 10 else AFTER.read()
    lines = services().streams.follow(run_id, after)
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return Response(lines, mimetype="text/event-stream", headers=headers)


def _record(run: Run) -> views.RunRecord:
    """A run with its settings; if a token is set, the environment, which helps attackers, is only for its holders."""
    trusted = services().access.is_trusted(request.headers.get("Authorization", ""))
    return {**views.run(run), "config": run.config, "environment": run.environment if trusted else None}


def _as_csv(events: Iterable[RunEvent]) -> str:
    rows: list[dict[str, Any]] = [{"event": event.kind, "at": event.at.isoformat(), **event.data} for event in events]
    columns = list(dict.fromkeys(name for row in rows for name in row)) or ["event", "at"]
    lines: list[list[Any]] = [columns, *([row.get(name) for name in columns] for row in rows)]
    return "".join(f"{csv_line(line)}\n" for line in lines)


def _file(text: str | bytes, mimetype: str, name: str) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(text, mimetype=mimetype, headers=headers)
