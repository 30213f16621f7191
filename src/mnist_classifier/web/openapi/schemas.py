"""Types of requests and replies as JSON Schema (2020-12)."""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Iterator
from typing import Any

import msgspec

Schema = dict[str, Any]

REFERENCE = "#/components/schemas/"


class Schemas:
    """The schemas of one document; `components` collects those of named types."""

    def __init__(self) -> None:
        self.components: dict[str, Schema] = {}
        # Most of the hundreds of schemas of a document are that of an error.
        self._made: dict[Any, Schema] = {}

    def of(self, kind: Any) -> Schema:
        """The schema of a type.  Raises TypeError if msgspec has none for it, or if two types share a name."""
        if kind not in self._made:
            self._made[kind] = self._make(kind)
        return dict(self._made[kind])

    def _make(self, kind: Any) -> Schema:
        # msgspec does not decode a union of two objects, so it has no schema for one.
        if typing.get_origin(kind) in (typing.Union, types.UnionType):
            return {"anyOf": [self.of(each) for each in typing.get_args(kind)]}
        (schema,), components = msgspec.json.schema_components([kind], ref_template=REFERENCE + "{name}")
        for typed_dict in _typed_dicts(kind):
            _keep_order(components[typed_dict.__name__], list(typing.get_type_hints(typed_dict)))
        for name, component in components.items():
            component["description"] = component.get("description", "").split("\n")[0]
            if self.components.setdefault(name, component) != component:
                raise TypeError(f"two types have the name {name}; rename one, so that each has a schema")
        return schema


def _typed_dicts(kind: Any) -> Iterator[Any]:
    """Every TypedDict inside a type, and the type itself if it is one."""
    if typing.is_typeddict(kind):
        yield kind
    fields = typing.get_type_hints(kind, include_extras=True) if inspect.isclass(kind) else {}
    for part in (*typing.get_args(kind), *fields.values()):
        yield from _typed_dicts(part)


def _keep_order(schema: Schema, names: list[str]) -> None:
    """Put keys in the order of the type; msgspec sorts those of a TypedDict."""
    schema["properties"] = {name: schema["properties"][name] for name in names}
    schema["required"] = [name for name in names if name in schema["required"]]
