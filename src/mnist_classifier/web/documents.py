"""What the server says of its own routes: the OpenAPI document."""

from __future__ import annotations

import json
from typing import Any

from flask import Blueprint, Flask, Response, current_app

from mnist_classifier.web.openapi.document import make_document
from mnist_classifier.web.openapi.operation import describe

blueprint = Blueprint("documents", __name__)

# Made when it is first asked for; routes do not change afterwards.
EXTENSION = "openapi"


def document_text(app: Flask) -> str:
    """The OpenAPI document of an application as JSON."""
    return json.dumps(make_document(app), indent=1, ensure_ascii=False)


@blueprint.get("/openapi.json")
@describe(dict[str, Any])
def openapi() -> Response:
    """The OpenAPI 3.1 document of these routes."""
    extensions = current_app.extensions
    if EXTENSION not in extensions:
        extensions[EXTENSION] = document_text(current_app)
    return Response(extensions[EXTENSION], mimetype="application/json")
