"""The named types of the OpenAPI document in TypeScript, for the JSDoc of the pages; `make types` writes them."""

from __future__ import annotations

import json
from typing import Any

from mnist_classifier.core.settings import PACKAGE_DIR
from mnist_classifier.web.openapi.schemas import REFERENCE
from tests.web.conformance import document

FILE = PACKAGE_DIR / "web" / "static" / "js" / "shared" / "api-types.d.ts"
SCALARS = {"integer": "number", "number": "number", "string": "string", "boolean": "boolean", "null": "null"}


def declarations() -> str:
    """The text of the file."""
    schemas = document()["components"]["schemas"]
    types = [
        f"/** {schema['description']} */\nexport type {name} = {type_of(schema)};\n" for name, schema in schemas.items()
    ]
    return "\n".join(["// The types of the HTTP API. `make types` writes this file; do not edit it.\n", *types])


def type_of(schema: dict[str, Any]) -> str:
    """A JSON Schema as a TypeScript type."""
    if "$ref" in schema:
        return str(schema["$ref"]).removeprefix(REFERENCE)
    if "enum" in schema:
        return " | ".join(json.dumps(value) for value in schema["enum"])
    if "anyOf" in schema:
        return " | ".join(type_of(each) for each in schema["anyOf"])
    if schema.get("type") == "array":
        return _array(schema)
    if schema.get("type") == "object":
        return _object(schema)
    return SCALARS.get(schema.get("type", ""), "any")


def _array(schema: dict[str, Any]) -> str:
    if "prefixItems" in schema:
        return f"[{', '.join(type_of(each) for each in schema['prefixItems'])}]"
    return f"Array<{type_of(schema.get('items', {}))}>"


def _object(schema: dict[str, Any]) -> str:
    if "additionalProperties" in schema and "properties" not in schema:
        return f"Record<string, {type_of(schema['additionalProperties'])}>"
    if "properties" not in schema:
        return "any"
    required = schema.get("required", ())
    keys = [
        f"  {name}{'' if name in required else '?'}: {type_of(each)};" for name, each in schema["properties"].items()
    ]
    return "\n".join(["{", *keys, "}"])


if __name__ == "__main__":
    FILE.write_text(declarations(), encoding="utf-8")
