"""The Open Inference Protocol, version 2, over REST: `/v2`.

The only model is `mnist`.  Its versions are those of the registry; a request
without a version gets the one in production.
"""

from __future__ import annotations

from typing import Annotated, TypedDict

from flask import Blueprint, Response, jsonify, request
from msgspec import Meta
from msgspec.json import Decoder

from mnist_classifier.core.errors import InvalidInput, ModelCorrupt, ModelMissing, NotReady, VersionMissing
from mnist_classifier.core.version import __version__
from mnist_classifier.recognition.batch import read_glyphs
from mnist_classifier.registry.aliases import PRODUCTION
from mnist_classifier.web.routes import health
from mnist_classifier.web.services.services import chosen_model, services
from mnist_classifier.web.wire import tensors
from mnist_classifier.web.wire.bodies import RepositoryQuestion, parse
from mnist_classifier.web.wire.operation import describe

blueprint = Blueprint("inference_api", __name__, url_prefix="/v2")

SERVER, MODEL = "mnist-classifier", "mnist"
EXTENSIONS = ["binary_tensor_data"]
HEADER_LENGTH = "Inference-Header-Content-Length"
BINARY = "application/octet-stream"
HEADERS = {
    HEADER_LENGTH: "bytes of the body that are JSON, if tensors follow as bytes",
    "Content-Encoding": "gzip or deflate, if the body is compressed",
}
BODY = {"application/json": tensors.InferenceRequest, BINARY: None}
_repository_question = Decoder(RepositoryQuestion)
# Every route that needs a model can raise these.
MODEL_ERRORS = (VersionMissing, ModelMissing, ModelCorrupt, InvalidInput)

ModelName = Annotated[str, Meta(description="mnist, the one model here")]
VersionText = Annotated[str, Meta(description="number of a model version")]


class InferenceServer(TypedDict):
    """Name and version of the server."""

    name: str
    version: str
    extensions: list[str]


class Live(TypedDict):
    """The server is running."""

    live: bool


class Ready(TypedDict):
    """Whether the server is ready."""

    ready: bool


class ModelReady(TypedDict):
    """Whether a model is ready."""

    name: str
    ready: bool


class RepositoryEntry(TypedDict):
    """A version in the repository."""

    name: str
    version: str
    state: str
    reason: str


@blueprint.get("")
@describe(InferenceServer)
def server_metadata() -> Response:
    """Name and version of the server."""
    return jsonify({"name": SERVER, "version": __version__, "extensions": EXTENSIONS})


@blueprint.get("/health/live")
@describe(Live)
def live() -> Response:
    """The server is running."""
    return jsonify({"live": True})


@blueprint.get("/health/ready")
@describe(Ready, errors=(NotReady,))
def ready() -> Response:
    """Check that the server is ready, as `/readyz` does."""
    health.check_ready()
    return jsonify({"ready": True})


@blueprint.get("/models/<name>/versions/<version>", endpoint="version_metadata")
@blueprint.get("/models/<name>")
@describe(tensors.InferenceModel, errors=MODEL_ERRORS)
def model_metadata(name: ModelName, version: VersionText = PRODUCTION) -> Response:
    """Get inputs, outputs and versions of the model."""
    _find(name, version)
    return jsonify(tensors.metadata(MODEL, [each.version for each in services().registry.versions()]))


@blueprint.get("/models/<name>/versions/<version>/ready", endpoint="version_ready")
@blueprint.get("/models/<name>/ready")
@describe(ModelReady, errors=MODEL_ERRORS)
def model_ready(name: ModelName, version: VersionText = PRODUCTION) -> Response:
    """Load a version, or the one in production, and check that it is ready."""
    _find(name, version)
    chosen_model(version)
    return jsonify({"name": MODEL, "ready": True})


@blueprint.post("/models/<name>/versions/<version>/infer", endpoint="infer_version")
@blueprint.post("/models/<name>/infer")
@describe(tensors.InferenceReply, also=(BINARY,), headers=HEADERS, body=BODY, errors=MODEL_ERRORS)
def infer(name: ModelName, version: VersionText = PRODUCTION) -> Response:
    """Read glyphs with a version, or with the one in production."""
    _find(name, version)
    limit = services().settings.max_body_bytes
    body = tensors.unpack(request.get_data(cache=False), request.headers.get("Content-Encoding", "").lower(), limit)
    question = tensors.parse_request(body, request.headers.get(HEADER_LENGTH))
    loaded = chosen_model(version)
    batch = read_glyphs(loaded.recogniser, question.glyphs)
    services().observer.observe_batch(batch, loaded.version.version)
    reply, header_length = tensors.make_reply(MODEL, loaded.version.version, question, batch)
    if header_length is None:
        return Response(reply, content_type="application/json")
    return Response(reply, headers={HEADER_LENGTH: str(header_length)}, content_type=BINARY)


@blueprint.post("/repository/index")
@describe(list[RepositoryEntry], body=RepositoryQuestion, body_required=False)
def repository_index() -> Response:
    """List all versions; all are ready, so `ready` filters out none."""
    parse(request.get_data(cache=False), _repository_question)
    return jsonify(
        [
            {"name": MODEL, "version": str(version.version), "state": "READY", "reason": ""}
            for version in services().registry.versions()
        ]
    )


def _find(name: str, version: str) -> None:
    """Check that the model and the version exist.  Raises VersionMissing."""
    if name != MODEL:
        raise VersionMissing(f"there is no model {name[:40]!r}; the one here is called {MODEL!r}")
    if version == PRODUCTION:
        return
    if not (version.isascii() and version.isdecimal()) or len(version) > 9:
        raise VersionMissing(f"versions are whole numbers from 0, not {version[:40]!r}")
    services().registry.get(int(version))
