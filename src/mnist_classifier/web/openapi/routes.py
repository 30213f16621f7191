"""The routes /openapi.json and /docs: the OpenAPI document, and a page made from it."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Flask, Response, current_app, jsonify, render_template, request

from mnist_classifier.web.openapi import reference
from mnist_classifier.web.openapi.document import make_document
from mnist_classifier.web.wire.operation import HTML, describe

blueprint = Blueprint("documents", __name__)

EXTENSION = "openapi"


def document_of(app: Flask, root_path: str) -> dict[str, Any]:
    """The OpenAPI document of an application below `root_path`.

    The first request makes it; routes do not change afterwards.
    """
    if EXTENSION not in app.extensions:
        app.extensions[EXTENSION] = make_document(app)
    document: dict[str, Any] = app.extensions[EXTENSION]
    return {**document, "servers": [{"url": root_path or "/"}]}


@blueprint.get("/openapi.json")
@describe(dict[str, Any])
def openapi() -> Response:
    """The OpenAPI 3.1 document of these routes."""
    return jsonify(document_of(current_app, request.script_root))


@blueprint.get("/docs")
@describe(media=HTML)
def docs() -> str:
    """The documentation as a page, with an example of each route."""
    document = document_of(current_app, request.script_root)
    return render_template(
        "docs.html",
        document=document,
        entries=reference.entries(document, request.url_root.rstrip("/")),
        keys=reference.keys,
        in_words=reference.in_words,
        anchor=reference.anchor,
    )
