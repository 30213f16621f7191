"""A test client that compares every reply with the OpenAPI document."""

from __future__ import annotations

import functools
import re
from typing import Any

import jsonschema_rs
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.exceptions import HTTPException
from werkzeug.test import TestResponse

from mnist_classifier.web.app import add_routes
from mnist_classifier.web.openapi.document import UNDESCRIBED_ENDPOINTS, make_document
from mnist_classifier.web.routes.errors import speaks_inference_protocol


@functools.cache
def document() -> dict[str, Any]:
    """The document of all routes."""
    app = Flask("mnist_classifier.web")
    add_routes(app)
    return make_document(app)


class ConformingClient(FlaskClient):
    """Fails a test whose reply is not as the document says: status, type of media, schema, no key too many."""

    def open(self, *args: Any, **kwargs: Any) -> TestResponse:  # type: ignore[override]
        response = super().open(*args, **kwargs)
        check(self.application, response)
        return response


def check(app: Flask, response: TestResponse) -> None:
    """Compare a reply with the document."""
    request = response.request
    method = "GET" if request.method == "HEAD" else request.method
    try:
        endpoint, _ = app.url_map.bind("localhost").match(request.path, method)
    except HTTPException as error:
        if error.code in (404, 405):  # not a route: any error will do
            assert response.status_code >= 400
            if _is_page_of_an_error(response):
                return
            shape = "InferenceError" if speaks_inference_protocol(request.path) else "Error"
            _validate({"$ref": f"#/components/schemas/{shape}"}, response)
        return
    if endpoint in UNDESCRIBED_ENDPOINTS or method == "OPTIONS":
        return
    if response.status_code == 304 and "If-None-Match" in request.headers:
        return  # HTTP itself describes it
    operation = operations()[f"{method.lower()}_{endpoint.replace('.', '_')}"]
    status = str(response.status_code)
    assert status in operation["responses"], f"{method} {request.path} answered {status}, which is not described"
    if _is_page_of_an_error(response):
        return
    contents = operation["responses"][status]["content"]
    assert response.mimetype in contents
    if response.mimetype == "application/json" and request.method != "HEAD":
        _validate(contents["application/json"]["schema"], response)


def _is_page_of_an_error(response: TestResponse) -> bool:
    """Browsers get one in place of JSON."""
    asked = response.request.headers.get("Accept", "")
    return response.status_code >= 400 and response.mimetype == "text/html" and "text/html" in asked


@functools.cache
def operations() -> dict[str, dict[str, Any]]:
    """Every operation by its operationId."""
    found = [operation for item in document()["paths"].values() for operation in item.values()]
    assert len({operation["operationId"] for operation in found}) == len(found)
    return {operation["operationId"]: operation for operation in found}


def _validate(schema: dict[str, Any], response: TestResponse) -> None:
    errors = [
        f"/{'/'.join(map(str, error.instance_path))}: {error.message[:300]}"
        for error in _validator(repr(schema)).iter_errors(response.get_json(force=True))
    ]
    assert not errors, f"{response.request.method} {response.request.path}: {errors}"


@functools.cache
def _validator(schema: str) -> Any:
    whole = {**eval(schema), "components": closed(document()["components"])}  # repr, because dicts cannot be cached
    return jsonschema_rs.Draft202012Validator(whole, validate_formats=True)


def closed(schema: Any) -> Any:
    """The same schema, but objects have no keys beyond those that are named."""
    if isinstance(schema, list):
        return [closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    inner = {name: closed(value) for name, value in schema.items()}
    return (
        {"additionalProperties": False, **inner} if schema.get("type") == "object" and "properties" in schema else inner
    )


def path_of(template: str, **values: object) -> str:
    """`/api/runs/{run_id}` with its places filled in."""
    return re.sub(r"\{(\w+)\}", lambda found: str(values[found[1]]), template)
