"""The Open Inference Protocol, version 2, over REST: `/v2`.

The one model is called `mnist`; its versions are those of the registry, and
without one the version in production answers.
"""

from __future__ import annotations

from typing import Annotated, Any

from flask import Blueprint, Response, jsonify, request
from msgspec.json import Decoder

from mnist_classifier.core.errors import InvalidInput, ModelCorrupt, ModelMissing, NotReady, VersionMissing
from mnist_classifier.core.version import __version__
from mnist_classifier.recognition.batch import read_glyphs
from mnist_classifier.registry.aliases import PRODUCTION
from mnist_classifier.web.routes import health
from mnist_classifier.web.services.services import chosen_model, services
from mnist_classifier.web.wire import tensors, types
from mnist_classifier.web.wire.bodies import RepositoryQuestion, parse
from mnist_classifier.web.wire.operation import describe
from mnist_classifier.web.wire.schema import Doc

blueprint = Blueprint("inference_api", __name__, url_prefix="/v2")

SERVER, MODEL = "mnist-classifier", "mnist"
EXTENSIONS = ["binary_tensor_data"]
HEADER_LENGTH = "Inference-Header-Content-Length"
BINARY = "application/octet-stream"
HEADERS = {
    HEADER_LENGTH: "bytes of the body that are JSON, where tensors follow as bytes",
    "Content-Encoding": "gzip or deflate, where the body is packed",
}
BODY = {"application/json": tensors.InferenceRequest, BINARY: None}
_repository_question = Decoder(RepositoryQuestion)
# What looking for a model may end in.
FINDING = (VersionMissing, ModelMissing, ModelCorrupt, InvalidInput)

ModelName = Annotated[str, Doc("mnist, the one model here")]
VersionText = Annotated[str, Doc("number of a model version")]


@blueprint.get("")
@describe(types.InferenceServer)
def server_metadata() -> Response:
    """Name and version of the server."""
    return jsonify({"name": SERVER, "version": __version__, "extensions": EXTENSIONS})


@blueprint.get("/health/live")
@describe(types.Live)
def live() -> Response:
    """The server is running."""
    return jsonify({"live": True})


@blueprint.get("/health/ready")
@describe(types.Ready, errors=(NotReady,))
def ready() -> Response:
    """Check that the server is ready, as `/readyz` does."""
    health.check_ready()
    return jsonify({"ready": True})


@blueprint.get("/models/<name>")
@describe(types.InferenceModel, errors=FINDING)
def model_metadata(name: ModelName) -> Response:
    """Get inputs, outputs and versions of the model."""
    return _describe(name, PRODUCTION)


@blueprint.get("/models/<name>/versions/<version>")
@describe(types.InferenceModel, errors=FINDING)
def version_metadata(name: ModelName, version: VersionText) -> Response:
    """Get inputs and outputs of one version."""
    return _describe(name, version)


@blueprint.get("/models/<name>/ready")
@describe(types.ModelReady, errors=FINDING)
def model_ready(name: ModelName) -> Response:
    """Check that the model is ready."""
    return _tell_ready(name, PRODUCTION)


@blueprint.get("/models/<name>/versions/<version>/ready")
@describe(types.ModelReady, errors=FINDING)
def version_ready(name: ModelName, version: VersionText) -> Response:
    """Load one version and check that it is ready."""
    return _tell_ready(name, version)


@blueprint.post("/models/<name>/infer")
@describe(types.InferenceReply, also=(BINARY,), headers=HEADERS, body=BODY, errors=FINDING)
def infer(name: ModelName) -> Response:
    """Read glyphs with the version in production."""
    return _infer(name, PRODUCTION)


@blueprint.post("/models/<name>/versions/<version>/infer")
@describe(types.InferenceReply, also=(BINARY,), headers=HEADERS, body=BODY, errors=FINDING)
def infer_version(name: ModelName, version: VersionText) -> Response:
    """Read glyphs with one version."""
    return _infer(name, version)


@blueprint.post("/repository/index")
@describe(list[types.RepositoryEntry], body=RepositoryQuestion, body_required=False)
def repository_index() -> Response:
    """List all versions; all are ready, so `ready` filters out none."""
    parse(request.get_data(cache=False), _repository_question)
    return jsonify(
        [
            {"name": MODEL, "version": str(version.version), "state": "READY", "reason": ""}
            for version in services().registry.versions()
        ]
    )


def _describe(name: str, version: str) -> Response:
    _find(name, version)
    return jsonify(tensors.metadata(MODEL, [each.version for each in services().registry.versions()]))


def _tell_ready(name: str, version: str) -> Response:
    _find(name, version)
    chosen_model(version)
    return jsonify({"name": MODEL, "ready": True})


def _infer(name: str, version: str) -> Response:
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
    headers: dict[str, Any] = {HEADER_LENGTH: str(header_length)}
    return Response(reply, headers=headers, content_type=BINARY)


def _find(name: str, version: str) -> None:
    """Raises VersionMissing where there is no such model, or no such version of it."""
    if name != MODEL:
        raise VersionMissing(f"there is no model {name[:40]!r}; the one here is called {MODEL!r}")
    if version == PRODUCTION:
        return
    if not (version.isascii() and version.isdecimal()) or len(version) > 9:
        raise VersionMissing(f"versions are whole numbers from 0, not {version[:40]!r}")
    services().registry.get(int(version))
