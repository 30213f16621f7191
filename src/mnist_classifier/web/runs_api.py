"""The JSON routes of training runs, and the stream of what happens in them."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, Response, jsonify, request, url_for

from mnist_classifier.config import TrainConfig
from mnist_classifier.errors import InvalidInput
from mnist_classifier.records import Run, RunEvent
from mnist_classifier.web import views
from mnist_classifier.web.question import json_object
from mnist_classifier.web.services import services

blueprint = Blueprint("runs", __name__)

Reply = tuple[Response, int]

# Largest page of a list, and of a run's events.
MAX_RUNS_A_PAGE, MAX_EVENTS_A_PAGE = 200, 1000


@blueprint.post("/retrain")
def retrain() -> Reply:
    """Start a training in a process of its own; the body may hold TrainConfig fields."""
    run = services().jobs.start(TrainConfig.from_mapping(json_object()))
    links = {"self": url_for("runs.get_run", run_id=run.id), "status": url_for("api.model_status")}
    return jsonify({"run_id": run.id, "status": run.status.value, "links": links}), 202


@blueprint.get("/api/config")
def train_config() -> Response:
    """The settings of a training with their ranges, and the recipes."""
    return jsonify(views.train_config())


@blueprint.get("/api/runs")
def list_runs() -> Response:
    """The runs, newest first; `search` words, `limit`, `before` a run's number."""
    limit = _number("limit", 50, 1, MAX_RUNS_A_PAGE)
    before = _number("before", 0, 0, 2**31 - 1) or None
    room = services().runs
    room.mark_interrupted()
    found = room.recent(limit + 1, before=before, search=request.args.get("search", ""))
    query = urlencode({**request.args, "before": found[limit - 1].id}) if len(found) > limit else ""
    more = f"{request.path}?{query}" if query else None
    return jsonify({"runs": [views.run(run) for run in found[:limit]], "next": more})


@blueprint.post("/api/runs")
def submit_run() -> Reply:
    """Queue a training; it starts when a place is free."""
    run = services().jobs.submit(TrainConfig.from_mapping(json_object()))
    return jsonify(views.run(run)), 202


@blueprint.get("/api/runs/<int:run_id>")
def get_run(run_id: int) -> Response:
    """One run and its epochs."""
    room = services().runs
    room.mark_interrupted()
    run = room.get(run_id)
    epochs = [event.data for event in room.events(run_id, kinds=("epoch",))]
    return jsonify({**views.run(run), "config": run.config, "environment": _environment(run), "epochs": epochs})


@blueprint.post("/api/runs/<int:run_id>/cancel")
def cancel_run(run_id: int) -> Reply:
    """Ask a run to stop; the best weights so far are kept."""
    return jsonify(views.run(services().runs.request_cancel(run_id))), 202


@blueprint.post("/api/runs/<int:run_id>/resume")
def resume_run(run_id: int) -> Reply:
    """Queue a run that broke off; it goes on from its last whole epoch."""
    return jsonify(views.run(services().jobs.resume(run_id))), 202


@blueprint.get("/api/runs/<int:run_id>/events")
def list_events(run_id: int) -> Response:
    """The log of a run behind the event `after`, at most `limit` lines; for those who cannot keep a stream."""
    room = services().runs
    room.mark_interrupted()
    run = room.get(run_id)
    events = room.events(
        run_id, after=_number("after", 0, 0, 2**31 - 1), limit=_number("limit", MAX_EVENTS_A_PAGE, 1, MAX_EVENTS_A_PAGE)
    )
    return jsonify({"run": views.run(run), "events": [views.event(event) for event in events]})


@blueprint.get("/api/runs/<int:run_id>/events.json")
def download_json(run_id: int) -> Response:
    """The whole log, as a file of JSON."""
    room = services().runs
    run = room.get(run_id)
    log = [views.event(event) for event in room.events(run_id)]
    body = {**views.run(run), "config": run.config, "environment": _environment(run), "events": log}
    return _file(json.dumps(body, indent=1), "application/json", f"run-{run_id}.json")


@blueprint.get("/api/runs/<int:run_id>/events.csv")
def download_csv(run_id: int) -> Response:
    """Steps and epochs, one a line, as a file of CSV."""
    room = services().runs
    room.get(run_id)
    return _file(_as_csv(room.events(run_id, kinds=("step", "epoch"))), "text/csv", f"run-{run_id}.csv")


@blueprint.get("/api/runs/<int:run_id>/stream")
def stream(run_id: int) -> Response:
    """Server-sent events: the log from `Last-Event-ID` (or `?after=`) on, then each line as it is written.

    The last event is `end`.  Raises TooManyStreams when all places are taken.
    """
    services().runs.get(run_id)
    last = request.headers.get("Last-Event-ID", "")
    after = int(last) if last.isdecimal() and len(last) < 10 else _number("after", 0, 0, 2**31 - 1)
    is_gone = request.environ.get("waitress.client_disconnected", lambda: False)
    lines = services().streams.follow(run_id, after, is_gone)
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return Response(lines, mimetype="text/event-stream", headers=headers)


def _environment(run: Run) -> dict[str, Any] | None:
    """Libraries, machine and commit help those who look for holes: where a token is set, they are for its holders."""
    trusted = services().access.is_trusted(request.headers.get("Authorization", ""))
    return run.environment if trusted else None


def _number(name: str, default: int, low: int, high: int) -> int:
    """A whole number of the query.  Raises InvalidInput."""
    text = request.args.get(name, "")
    if not text:
        return default
    if not (text.isdecimal() and len(text) <= 10 and low <= int(text) <= high):
        raise InvalidInput(f"{name} must be a whole number from {low} to {high}", field=name)
    return int(text)


def _as_csv(events: Iterable[RunEvent]) -> str:
    rows: list[dict[str, Any]] = [{"event": event.kind, "at": event.at.isoformat(), **event.data} for event in events]
    columns = list(dict.fromkeys(name for row in rows for name in row)) or ["event", "at"]
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _file(text: str, mimetype: str, name: str) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(text, mimetype=mimetype, headers=headers)
