"""The OpenAPI document for people: the parts of the page /docs."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from mnist_classifier.web.openapi.schemas import REFERENCE, Schema
from mnist_classifier.web.wire.operation import JSON

METHODS = ("get", "post", "patch", "delete")
FORM = "multipart/form-data"
# The example's file for a field that takes one, by the field's format.
FILES = {"image": "seven.png", "archive": "model.zip", "glyph-file": "glyphs.npy", "corrections": "corrections.zip"}


@dataclass(frozen=True)
class Entry:
    """A route with one method: its `operation` in the document, the status and body of a success, and an example."""

    method: str
    path: str
    operation: dict[str, Any]
    status: str
    content: dict[str, Any]
    example: str


def entries(document: dict[str, Any], host: str) -> dict[str, list[Entry]]:
    """The routes by tag; examples are addressed to `host`, such as http://127.0.0.1:5000."""
    found: dict[str, list[Entry]] = {tag["name"]: [] for tag in document["tags"]}
    for path, item in document["paths"].items():
        for method in sorted(item, key=METHODS.index):
            operation = item[method]
            status, response = next(each for each in operation["responses"].items() if each[0] < "400")
            example = _example(document, host, method, path, operation)
            entry = Entry(method.upper(), path, operation, status, response["content"], example)
            found[operation["tags"][0]].append(entry)
    return found


def keys(schema: Schema) -> list[dict[str, Any]]:
    """The keys of an object, described as the document describes parameters."""
    return [
        {"name": name, "schema": key, "description": key.get("description", ""), "required": name in schema["required"]}
        for name, key in schema.get("properties", {}).items()
    ]


def in_words(schema: Schema) -> str:
    """A schema in words."""
    if "$ref" in schema:
        return str(schema["$ref"]).removeprefix(REFERENCE)
    if "anyOf" in schema:
        return " or ".join(in_words(each) for each in schema["anyOf"])
    if "enum" in schema:
        return ", ".join(map(str, schema["enum"]))
    kind = schema.get("type", "bytes")
    if kind == "array":
        items = schema.get("items") or next(iter(schema.get("prefixItems", ())), None)
        return f"list{_length(schema)}" + (f" of {in_words(items)}" if items else "")
    if kind == "object" and "$ref" in schema.get("additionalProperties", ()):
        return in_words(schema["additionalProperties"])
    return f"{kind}{_bounds(schema)}"


def _length(schema: Schema) -> str:
    least, most = schema.get("minItems"), schema.get("maxItems")
    return f" ({most})" if least == most is not None else f" (up to {most})" if most is not None else ""


def _bounds(schema: Schema) -> str:
    low, high = schema.get("minimum"), schema.get("maximum")
    return "" if low is None or high is None else f", {low:g} to {high:g}" if high < 10**6 else ""


# --- examples -----------------------------------------------------------------------------------------


def _example(document: dict[str, Any], host: str, method: str, path: str, operation: dict[str, Any]) -> str:
    """A curl line."""
    for parameter in operation.get("parameters", ()):
        if parameter["in"] == "path":
            path = path.replace(f"{{{parameter['name']}}}", str(_sample(parameter["schema"])))
    words = ["curl"]
    if method not in ("get", "post"):
        words.append(f"-X {method.upper()}")
    words.append(f"{host}{path}")
    body = _example_body(document, operation.get("requestBody", {}).get("content", {}))
    if body:
        words.append(body)
    elif method == "post":
        words.insert(1, "-X POST")
    return " ".join(words)


def _example_body(document: dict[str, Any], content: dict[str, Any]) -> str:
    if FORM in content:
        form = _resolved(document, content[FORM]["schema"])
        return " ".join(f"-F {name}=@{FILES[form['properties'][name]['format']]}" for name in form["required"])
    if JSON not in content:
        return ""
    properties = _resolved(document, content[JSON]["schema"])["properties"]
    values = {name: schema["examples"][0] for name, schema in properties.items() if "examples" in schema}
    return f"-H 'Content-Type: application/json' -d '{json.dumps(values)}'"


def _resolved(document: dict[str, Any], schema: Schema) -> Schema:
    found: Schema = document["components"]["schemas"][schema["$ref"].removeprefix(REFERENCE)]
    return found


def _sample(schema: Schema) -> object:
    return schema["enum"][0] if "enum" in schema else schema.get("minimum", 0)


def anchor(name: str) -> str:
    """The id of a type on the page."""
    return "type-" + re.sub(r"(?<!^)(?=[A-Z])", "-", name).lower()
