"""The JSON routes."""

from __future__ import annotations

import time
from typing import Any

from flask import Blueprint, Response, jsonify, request, url_for
from werkzeug.exceptions import BadRequest

from mnist_classifier.config import TrainConfig
from mnist_classifier.decode import decode_base64, decode_image, encode_png, to_data_url
from mnist_classifier.errors import InvalidImage, InvalidInput, MnistError
from mnist_classifier.preprocess import prepare
from mnist_classifier.web import views
from mnist_classifier.web.services import services

blueprint = Blueprint("api", __name__)

Reply = tuple[Response, int]


@blueprint.post("/predict")
def predict() -> Response:
    """Read the digit in one image; `?glyph=1` also shows what the network saw, `?steps=1` the way there."""
    started = time.perf_counter()
    pixels = decode_image(_image_bytes(), max_pixels=services().settings.max_image_pixels)
    loaded = services().model.current()
    prepared = prepare(pixels, keep_steps=_flag("steps"))
    body = views.reading(loaded.recogniser.read_prepared(prepared), loaded.version)
    body["elapsed_ms"] = round((time.perf_counter() - started) * 1000, 3)
    if _flag("glyph"):
        body["glyph"] = None if prepared.glyph is None else to_data_url(encode_png(prepared.glyph))
    if _flag("steps"):
        body["steps"] = [{"name": step.name, "image": to_data_url(encode_png(step.picture))} for step in prepared.steps]
    return jsonify(body)


@blueprint.get("/model-status")
def model_status() -> Response:
    """Which model answers, and how the training stands."""
    room = services()
    active = room.runs.active()
    if active is not None and room.runs.mark_interrupted():
        active = room.runs.active()
    try:
        version = room.model.current().version
    except MnistError:
        version = None
    last = next((run for run in room.runs.recent() if run.status.is_final), None)
    state = "training" if active else "ready" if version else "no_model"
    return jsonify(
        {
            "status": state,
            "model": version and views.model(version, room.registry.robustness(version)),
            "training": active
            and views.training(
                active, room.runs.last_event(active.id, "epoch"), room.runs.last_event(active.id, "step")
            ),
            "last_run": last and views.run(last),
        }
    )


@blueprint.post("/retrain")
def retrain() -> Reply:
    """Start a training in a process of its own; the body may hold TrainConfig fields."""
    run = services().jobs.start(TrainConfig.from_mapping(_json_object()))
    links = {"self": url_for("api.get_run", run_id=run.id), "status": url_for("api.model_status")}
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


@blueprint.get("/api/test-images/random")
def random_test_image() -> Response:
    """One of the 10,000 MNIST test images with its label."""
    return get_test_image(services().test_set.random_index())


@blueprint.get("/api/test-images/<int:index>")
def get_test_image(index: int) -> Response:
    """A test image by its number, 0 to 9999."""
    test = services().test_set.images()
    if index >= len(test.labels):
        raise InvalidInput(f"test images are numbered 0 to {len(test.labels) - 1}", field="index")
    image = to_data_url(encode_png(test.images[index]))
    return jsonify({"index": index, "label": int(test.labels[index]), "image": image})


@blueprint.get("/api/dataset")
def dataset_status() -> Response:
    """Whether the MNIST files are there."""
    return jsonify(services().test_set.status())


@blueprint.post("/api/dataset")
def fetch_dataset() -> Reply:
    """Download the MNIST files in the background."""
    services().test_set.start_download()
    return jsonify(services().test_set.status()), 202


@blueprint.get("/healthz")
def healthz() -> Response:
    """The process answers."""
    return jsonify({"status": "ok"})


def _image_bytes() -> bytes:
    """The image of a request: JSON base64, multipart `file`, or the raw body."""
    if request.mimetype == "multipart/form-data":
        file = request.files.get("file")
        if file is None:
            raise InvalidImage("the form has no file: send the image as the field `file`", field="file")
        content: bytes = file.read()
        return content
    if request.mimetype.startswith("image/") or request.mimetype == "application/octet-stream":
        raw: bytes = request.get_data(cache=False)
        return raw
    body = _json_object()
    mode = body.get("mode", "digit")
    if mode != "digit":
        raise InvalidInput(f"mode must be 'digit', not {mode!r}", field="mode")
    image = body.get("image")
    if not isinstance(image, str) or not image:
        raise InvalidImage('there is no image: send {"image": "<base64>"}', field="image")
    return decode_base64(image)


def _json_object() -> dict[str, Any]:
    """The JSON object of the body; an empty body is an empty object."""
    if not request.get_data():
        return {}
    try:
        body = request.get_json(force=True)
    except (BadRequest, RecursionError):
        raise InvalidInput("the body is not valid JSON") from None
    if not isinstance(body, dict):
        raise InvalidInput(f"the body must be a JSON object, not {type(body).__name__}")
    return body


def _flag(name: str) -> bool:
    return request.args.get(name, "") in ("1", "true")
