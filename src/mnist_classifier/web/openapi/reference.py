"""The OpenAPI document as people read it: what the page /docs shows."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from mnist_classifier.web.openapi.schemas import REFERENCE, Schema
from mnist_classifier.web.wire.operation import JSON

METHODS = ("get", "post", "patch", "delete")
FORM = "multipart/form-data"
# The example's file for a field that takes one, by the field's format.
FILES = {"image": "seven.png", "archive": "model.zip", "glyph-file": "glyphs.npy"}


@dataclass(frozen=True)
class Kind:
    """A type in words; `links` are the names of the types that it speaks of."""

    words: str
    links: tuple[str, ...] = ()


@dataclass(frozen=True)
class Field:
    """A parameter, or a key of an object."""

    name: str
    kind: Kind
    text: str
    required: bool
    place: str = ""
    default: str = ""


@dataclass(frozen=True)
class Failure:
    """A status with its codes, and what each says."""

    status: str
    codes: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Entry:
    """One operation."""

    id: str
    method: str
    path: str
    summary: str
    description: str
    fields: tuple[Field, ...]
    bodies: tuple[tuple[str, Kind], ...]
    status: str
    media: str
    reply: Kind
    failures: tuple[Failure, ...]
    guarded: bool
    example: str


@dataclass(frozen=True)
class Group:
    """The operations under one heading."""

    name: str
    text: str
    entries: tuple[Entry, ...]


@dataclass(frozen=True)
class Shape:
    """A named type: its keys, or its values if it is a choice."""

    name: str
    text: str
    fields: tuple[Field, ...]
    values: tuple[str, ...]


def groups(document: dict[str, Any], host: str) -> list[Group]:
    """The operations by heading; examples are addressed to `host`, such as http://127.0.0.1:5000."""
    entries = [
        (operation["tags"][0], _entry(document, host, method, path, operation))
        for path, item in document["paths"].items()
        for method, operation in sorted(item.items(), key=lambda each: METHODS.index(each[0]))
    ]
    return [
        Group(tag["name"], tag["description"], tuple(entry for name, entry in entries if name == tag["name"]))
        for tag in document["tags"]
    ]


def shapes(document: dict[str, Any]) -> list[Shape]:
    """The named types."""
    return [
        Shape(name, schema["description"], tuple(_keys(schema)), tuple(schema.get("enum", ())))
        for name, schema in document["components"]["schemas"].items()
    ]


def _entry(document: dict[str, Any], host: str, method: str, path: str, operation: dict[str, Any]) -> Entry:
    status, response = next(each for each in operation["responses"].items() if each[0] < "400")
    media, content = next(iter(response["content"].items()))
    bodies = operation.get("requestBody", {}).get("content", {})
    return Entry(
        id=operation["operationId"],
        method=method.upper(),
        path=path,
        summary=operation["summary"],
        description=operation.get("description", ""),
        fields=tuple(_parameter(each) for each in operation.get("parameters", ())),
        bodies=tuple((name, kind_of(each.get("schema", {}))) for name, each in bodies.items()),
        status=status,
        media=" or ".join(response["content"]),
        reply=kind_of(content.get("schema", {})),
        failures=tuple(
            Failure(name, tuple(_codes(each["description"])))
            for name, each in operation["responses"].items()
            if name >= "400"
        ),
        guarded="security" in operation,
        example=_example(document, host, method, path, operation),
    )


def _codes(description: str) -> Iterator[tuple[str, str]]:
    for part in description.split("; "):
        code, colon, text = part.partition(": ")
        yield (code, text) if colon else ("", code)


def _parameter(parameter: dict[str, Any]) -> Field:
    schema = parameter["schema"]
    return Field(
        parameter["name"],
        kind_of(schema),
        parameter["description"],
        parameter["required"],
        parameter["in"],
        _value(schema.get("default")),
    )


def _keys(schema: Schema) -> Iterator[Field]:
    for name, key in schema.get("properties", {}).items():
        required = name in schema.get("required", ())
        yield Field(name, kind_of(key), key.get("description", ""), required, default=_value(key.get("default")))


def _value(default: object) -> str:
    return "" if default in (None, "") or isinstance(default, dict) else str(default)


def kind_of(schema: Schema) -> Kind:
    """A schema in words."""
    if "$ref" in schema:
        name = schema["$ref"].removeprefix(REFERENCE)
        return Kind(name, (name,))
    if "anyOf" in schema:
        parts = [kind_of(each) for each in schema["anyOf"]]
        return Kind(" or ".join(part.words for part in parts), tuple(name for part in parts for name in part.links))
    if "enum" in schema:
        return Kind(", ".join(map(str, schema["enum"])))
    kinds = schema.get("type", "")
    names = [kinds] if isinstance(kinds, str) else kinds
    if names == ["array"]:
        items = schema.get("items") or next(iter(schema.get("prefixItems", ())), None)
        if items is None:
            return Kind(f"list{_length(schema)}")
        kind = kind_of(items)
        return Kind(f"list{_length(schema)} of {kind.words}", kind.links)
    if names == ["object"] and "additionalProperties" in schema:
        values = schema["additionalProperties"]
        return kind_of(values) if "$ref" in values else Kind("object")
    return Kind((" or ".join(names) or "bytes") + _bounds(schema))


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
