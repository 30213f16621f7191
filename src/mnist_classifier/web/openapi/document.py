"""Make the OpenAPI 3.1 document of a Flask application."""

from __future__ import annotations

import inspect
import re
import typing
from collections.abc import Iterator, Mapping
from typing import Any

from flask import Flask
from werkzeug.routing import Rule

from mnist_classifier.core import errors as known
from mnist_classifier.core.errors import MnistError
from mnist_classifier.core.version import __version__
from mnist_classifier.web.http import access, limits
from mnist_classifier.web.openapi.schemas import Schema, Schemas
from mnist_classifier.web.routes import errors
from mnist_classifier.web.wire.operation import HTML, JSON, Operation, operation_of

# Flask answers these itself.
IMPLIED_METHODS = frozenset({"HEAD", "OPTIONS"})
UNDESCRIBED_ENDPOINTS = frozenset({"static"})
# Blueprint -> tag and its description, in the order of the page.
TAGS = {
    "api": ("Reading", "Read digits and numbers, and check the server."),
    "batch_api": ("Reading", "Read digits and numbers, and check the server."),
    "health": ("Health", "Health checks and metrics."),
    "inference_api": ("Open Inference Protocol", "Version 2 of the protocol, for its clients."),
    "explore": ("Exploring", "See the errors of a model and their causes."),
    "runs": ("Trainings", "Start, watch and stop trainings."),
    "corrections": ("Corrections", "Store, review, export and delete images with the labels that people gave."),
    "personal": ("Personal models", "Learn how one person writes."),
    "proposals": ("Readings to label", "Label the readings of which the model is unsure."),
    "drift": ("Drift", "Compare the readings with the validation images."),
    "models": ("Models", "List, compare, promote, export and import versions."),
    "documents": ("Documents", "Documentation of the routes."),
    "pages": ("Pages", "HTML pages; they use the routes above."),
}
TOKEN = "token"


def make_document(app: Flask) -> dict[str, Any]:
    """Describe every route of the application.

    Raises LookupError if a route has no description.
    """
    return _Document(app).make()


def described_rules(app: Flask) -> Iterator[tuple[Rule, str]]:
    """Every rule with each of its methods, apart from those that Flask adds."""
    for rule in app.url_map.iter_rules():
        if rule.endpoint not in UNDESCRIBED_ENDPOINTS:
            for method in sorted((rule.methods or set()) - IMPLIED_METHODS):
                yield rule, method


class _Document:
    """Builds the document, and collects the schemas that its routes use."""

    def __init__(self, app: Flask) -> None:
        self.app = app
        self.schemas = Schemas()

    def make(self) -> dict[str, Any]:
        paths: dict[str, dict[str, Any]] = {}
        for rule, method in sorted(described_rules(self.app), key=self._sort_key):
            item = paths.setdefault(re.sub(r"<(?:[^:<>]+:)?(\w+)>", r"{\1}", rule.rule), {})
            item[method.lower()] = self._operation(rule, method)
        return {
            "openapi": "3.1.0",
            "info": {
                "title": "mnist-classifier",
                "version": __version__,
                "summary": "Reads handwritten digits and numbers, and trains and serves the networks that read them.",
                "license": {"name": "MIT", "identifier": "MIT"},
            },
            "servers": [{"url": "/"}],
            "tags": [{"name": name, "description": text} for name, text in dict(TAGS.values()).items()],
            "paths": paths,
            "components": {
                "schemas": dict(sorted(self.schemas.components.items())),
                "securitySchemes": {
                    TOKEN: {
                        "type": "http",
                        "scheme": "bearer",
                        "description": "the server's MNIST_TOKEN, if it has one",
                    }
                },
            },
        }

    def _sort_key(self, found: tuple[Rule, str]) -> tuple[int, int, str]:
        """Routes are sorted by tag, then as in the code."""
        rule, method = found
        tag = [*TAGS, ""].index(_blueprint(rule.endpoint))
        return tag, list(self.app.view_functions).index(rule.endpoint), method

    def _operation(self, rule: Rule, method: str) -> dict[str, Any]:
        view = self.app.view_functions[rule.endpoint]
        operation = operation_of(view)
        if operation is None:
            raise LookupError(
                f"{method} {rule.rule} is not described: "
                f"put @describe(...) of web/wire/operation.py above {rule.endpoint}"
            )
        summary, description = _texts(view)
        body: dict[str, Any] = {
            "operationId": f"{method.lower()}_{rule.endpoint.replace('.', '_')}",
            "tags": [TAGS[_blueprint(rule.endpoint)][0]],
            "summary": summary,
        }
        if description:
            body["description"] = description
        if parameters := [*self._in_path(rule, view), *_other_parameters(operation)]:
            body["parameters"] = parameters
        if operation.bodies:
            content = {media: self._media(kind) for media, kind in operation.bodies.items()}
            body["requestBody"] = {"required": operation.body_required, "content": content}
        failures: dict[int, dict[str, str]] = {}
        for status, code, words in _failures(operation, rule, method):
            failures.setdefault(status, {}).setdefault(code, words)
        successes = filter(None, (operation.status, operation.also_status))
        body["responses"] = {str(status): self._reply(operation, status) for status in sorted(successes)} | {
            str(status): self._errors(rule, failures[status]) for status in sorted(failures)
        }
        if access.needs_token(method, rule.endpoint):
            body["security"] = [{}, {TOKEN: []}]
        return body

    def _in_path(self, rule: Rule, view: Any) -> Iterator[dict[str, Any]]:
        hints = typing.get_type_hints(view, include_extras=True)
        for name in re.findall(r"<(?:[^:<>]+:)?(\w+)>", rule.rule):
            schema = self.schemas.of(hints[name])
            yield _parameter(name, "path", schema.pop("description", ""), schema)

    def _media(self, kind: Any) -> dict[str, Any]:
        """A body of a type, or of bytes if it is None."""
        return {} if kind is None else {"schema": self.schemas.of(kind)}

    def _reply(self, operation: Operation, status: int) -> dict[str, Any]:
        is_text = operation.reply is None and operation.media.startswith("text/")
        content = {operation.media: self._media(str if is_text else operation.reply)}
        content |= {media: self._media(None) for media in operation.also}
        return {"description": STATUS_WORDS[status], "content": content}

    def _errors(self, rule: Rule, codes: Mapping[str, str]) -> dict[str, Any]:
        if errors.speaks_inference_protocol(rule.rule):
            schema = self.schemas.of(errors.InferenceError)
        else:
            wanted = {"properties": {"error": {"properties": {"code": {"enum": sorted(codes)}}}}}
            schema = {"allOf": [self.schemas.of(errors.Error), wanted]}
        description = "\n".join(f"{code}: {words}" for code, words in codes.items())
        return {"description": description, "content": {JSON: {"schema": schema}}}


STATUS_WORDS = {200: "success", 201: "created", 202: "accepted"}


def _failures(operation: Operation, rule: Rule, method: str) -> Iterator[tuple[int, str, str]]:
    """Status, code and description of each error that a route can return."""
    for kind in (*operation.errors, *_common_errors(operation, rule, method)):
        yield errors.status_of(kind), kind.code, _words(kind)
    if "<" in rule.rule:
        yield 404, errors.HTTP_CODES[404], "not found"
    if operation.bodies:
        yield 413, errors.HTTP_CODES[413], "body larger than MNIST_MAX_BODY_BYTES"
    yield 429, limits.TOO_MANY, "more requests than MNIST_RATE_LIMIT allows"
    yield 500, "internal_error", "unexpected error; the server log has the details"


def _common_errors(operation: Operation, rule: Rule, method: str) -> Iterator[type[MnistError]]:
    if operation.bodies or operation.query:
        yield known.InvalidInput
    if access.needs_token(method, rule.endpoint):
        yield from (known.TokenMissing, known.TokenWrong)
    if access.needs_own_name(rule.endpoint):
        yield known.HostNotAllowed
    if access.needs_same_site(method, rule.endpoint):
        yield known.CrossSiteRequest
    if access.changes_something(method, rule.endpoint):
        yield known.StorageFull
    if operation.media != HTML:
        yield known.DatabaseBusy


def _other_parameters(operation: Operation) -> Iterator[dict[str, Any]]:
    for parameter in operation.query:
        yield _parameter(parameter.name, "query", parameter.help, parameter.schema)
    for name, text in operation.headers.items():
        yield _parameter(name, "header", text, {"type": "string"})


def _parameter(name: str, place: str, description: str, schema: Schema) -> dict[str, Any]:
    return {"name": name, "in": place, "required": place == "path", "description": description, "schema": schema}


def _texts(view: Any) -> tuple[str, str]:
    """Summary and description of a route, from its docstring; the replies describe what it raises."""
    first, _, rest = (inspect.getdoc(view) or "").partition("\n")
    paragraphs = [" ".join(part.split()) for part in rest.split("\n\n")]
    kept = [re.sub(r"\s*\bRaises [^.]*\.$", "", part) for part in paragraphs]
    return first.rstrip("."), "\n\n".join(filter(None, kept))


def _words(kind: type[MnistError]) -> str:
    line = (kind.__doc__ or "").strip().split("\n")[0].rstrip(".")
    return line[:1].lower() + line[1:]


def _blueprint(endpoint: str) -> str:
    return endpoint.rpartition(".")[0]
