"""The JSON routes of training runs."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify, url_for

from mnist_classifier.config import TrainConfig
from mnist_classifier.web import views
from mnist_classifier.web.question import json_object
from mnist_classifier.web.services import services

blueprint = Blueprint("runs", __name__)

Reply = tuple[Response, int]


@blueprint.post("/retrain")
def retrain() -> Reply:
    """Start a training in a process of its own; the body may hold TrainConfig fields."""
    run = services().jobs.start(TrainConfig.from_mapping(json_object()))
    links = {"self": url_for("runs.get_run", run_id=run.id), "status": url_for("api.model_status")}
    return jsonify({"run_id": run.id, "status": run.status.value, "links": links}), 202


@blueprint.get("/api/runs/<int:run_id>")
def get_run(run_id: int) -> Response:
    """One run and its epochs."""
    room = services()
    run = room.runs.get(run_id)
    epochs = [event.data for event in room.runs.events(run_id) if event.kind == "epoch"]
    return jsonify({**views.run(run), "config": run.config, "epochs": epochs})


@blueprint.post("/api/runs/<int:run_id>/cancel")
def cancel_run(run_id: int) -> Reply:
    """Ask a run to stop; the best weights so far are kept."""
    return jsonify(views.run(services().runs.request_cancel(run_id))), 202
