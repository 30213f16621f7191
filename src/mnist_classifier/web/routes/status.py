"""The routes that tell the state of the server: its model, its trainings, and whether it runs at all."""

from __future__ import annotations

from typing import Literal, TypedDict

from flask import Response, jsonify

from mnist_classifier.core.errors import MnistError
from mnist_classifier.core.records import Run
from mnist_classifier.web.routes.predict import blueprint
from mnist_classifier.web.services.services import services
from mnist_classifier.web.wire import models as model_views
from mnist_classifier.web.wire import runs as run_views
from mnist_classifier.web.wire.operation import describe


class State(TypedDict):
    """The model in production and the progress of training."""

    status: Literal["ready", "training", "no_model"]
    model: model_views.Model | None
    training: run_views.Progress | None
    last_run: run_views.Run | None


class Health(TypedDict):
    """The server is running."""

    status: Literal["ok"]


@blueprint.get("/model-status")
@describe(State)
def model_status() -> Response:
    """Get the model in production and the progress of training."""
    runs, registry = services().runs, services().registry
    active = runs.active()
    if active is not None and runs.mark_interrupted():
        active = runs.active()
    try:
        version = services().model.current().version
    except MnistError:
        version = None
    last = runs.last_finished()
    state: State = {
        "status": "training" if active else "ready" if version else "no_model",
        "model": model_views.model(version, registry.robustness(version)) if version else None,
        "training": _progress(active) if active else None,
        "last_run": run_views.run(last) if last else None,
    }
    return jsonify(state)


def _progress(active: Run) -> run_views.Progress:
    runs = services().runs
    return run_views.progress(active, *(runs.last_event(active.id, kind) for kind in ("epoch", "step", "phase")))


@blueprint.get("/healthz")
@describe(Health)
def healthz() -> Response:
    """The server is running."""
    return jsonify({"status": "ok"})
