"""Turn exceptions into replies: one shape, one table of status codes."""

from __future__ import annotations

import logging
from typing import Annotated, TypedDict

from flask import Flask, Response, jsonify, render_template, request
from msgspec import Meta
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from mnist_classifier.core import errors
from mnist_classifier.core.errors import MnistError
from mnist_classifier.core.logs import REQUEST_ID
from mnist_classifier.web.http.refusal import HTML, wants_page
from mnist_classifier.web.services.services import services
from mnist_classifier.web.wire.paths import hide_paths

log = logging.getLogger(__name__)

# The first class that matches decides, so a class comes before its base class.
STATUS: dict[type[MnistError], int] = {
    errors.ImageTooLarge: 413,
    errors.TokenMissing: 401,
    errors.TokenWrong: 401,
    errors.NotAllowed: 403,
    errors.InvalidInput: 400,
    errors.DataMissing: 404,
    errors.DownloadFailed: 502,
    errors.DataError: 500,
    errors.VersionMissing: 404,
    errors.ModelMissing: 503,
    errors.ModelInUse: 409,
    errors.NotForBrowsers: 409,
    errors.AliasMoved: 409,
    errors.LessAccurate: 409,
    errors.NothingToRollBack: 409,
    errors.StoreUnreachable: 503,
    errors.ModelError: 500,
    errors.RunInProgress: 409,
    errors.RunFinished: 409,
    errors.TrainingUnavailable: 501,
    errors.SearchUnavailable: 501,
    errors.TrackerUnavailable: 501,
    errors.TrainingError: 500,
    errors.RunMissing: 404,
    errors.CorrectionMissing: 404,
    errors.PersonalModelMissing: 404,
    errors.TooFewExamples: 409,
    errors.ProposalMissing: 404,
    errors.NotReady: 503,
    errors.TooManyStreams: 503,
    errors.StorageFull: 507,
    errors.DatabaseBusy: 503,
    errors.DatabaseUnreachable: 503,
    errors.MnistError: 500,
}

# Every 401 needs this header (RFC 9110, section 15.5.2).
TOKEN_WANTED = ("WWW-Authenticate", 'Bearer realm="mnist-classifier"')

HTTP_MESSAGES = {
    404: "there is nothing at this address; it may be mistyped",
    413: "the request is too large; send a smaller image or file",
}
HTTP_CODES = {400: "invalid_input", 404: "not_found", 405: "method_not_allowed", 413: "request_too_large"}


class ErrorDetails(TypedDict):
    """Details of an error."""

    code: Annotated[str, Meta(description="stable code for programs")]
    message: Annotated[str, Meta(description="message for people")]
    field: Annotated[str | None, Meta(description="part of the request that caused the error")]


class Error(TypedDict):
    """An error, in the one shape that all routes use."""

    error: ErrorDetails


class InferenceError(TypedDict):
    """An error of the Open Inference Protocol."""

    error: str


def register(app: Flask) -> None:
    """Let the application answer every exception in the same shape."""
    app.register_error_handler(MnistError, _known)
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(Exception, _unknown)


def status_of(wanted: type[MnistError]) -> int:
    """The HTTP status of a class of errors."""
    return next(status for kind, status in STATUS.items() if issubclass(wanted, kind))


def speaks_inference_protocol(path: str) -> bool:
    """Whether a path belongs to the Open Inference Protocol, which has its own shape of errors."""
    return path == "/v2" or path.startswith("/v2/")


def _body(status: int, code: str, message: str, field: str | None = None) -> Response:
    if speaks_inference_protocol(request.path):
        return jsonify({"error": message})
    if wants_page(request.accept_mimetypes):
        reply = Response(render_template("error.html", status=status, code=code, message=message), mimetype=HTML)
    else:
        reply = jsonify({"error": {"code": code, "message": message, "field": field}})
    reply.vary.add("Accept")
    return reply


def _known(error: MnistError) -> tuple[Response, int, list[tuple[str, str]]]:
    status = status_of(type(error))
    if status >= 500:
        log.error("%s %s: %s", request.method, request.path, error.message)
    message = hide_paths(error.public, services().settings)
    return _body(status, error.code, message, error.field), status, [TOKEN_WANTED] if status == 401 else []


def _http(error: HTTPException) -> tuple[Response, int, list[tuple[str, str]]]:
    status = error.code or 500
    message = error.description or error.name
    headers = [item for item in error.get_headers() if item[0].lower() == "allow"]
    message = HTTP_MESSAGES.get(status, message)
    if isinstance(error, MethodNotAllowed):
        allowed = " or ".join(sorted(set(error.valid_methods or ()) - {"HEAD", "OPTIONS"}))
        message = f"this address does not take {request.method[:20]}; it takes {allowed}"
    return _body(status, HTTP_CODES.get(status, "http_error"), message), status, headers


def _unknown(error: Exception) -> tuple[Response, int]:
    """Answer an unexpected exception: the log gets the details, the reply the request id to find them."""
    request_id = REQUEST_ID.get()
    log.error("request %s: %s %s failed", request_id, request.method, request.path, exc_info=error)
    message = f"something went wrong here; the server's log has the details under request {request_id}"
    return _body(500, "internal_error", message), 500
