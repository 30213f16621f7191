"""Python types -> JSON Schema (2020-12), for the handful of kinds that the API speaks.

Scalars, lists, fixed tuples, dicts, unions, literals, TypedDicts, Structs of
msgspec, and dataclasses whose fields were made by config.setting.
"""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Iterable
from typing import Any

import msgspec

Schema = dict[str, Any]

SCALARS: dict[Any, str] = {str: "string", bool: "boolean", int: "integer", float: "number", type(None): "null"}
REFERENCE = "#/components/schemas/"


@dataclasses.dataclass(frozen=True)
class Doc:
    """What a type alone does not say: `Annotated[float, Doc("a probability", low=0, high=1)]`.

    most: items of a list at most; shape: a JSON Schema format.
    """

    description: str = ""
    low: float | None = None
    high: float | None = None
    choices: tuple[Any, ...] = ()
    pattern: str | None = None
    shape: str | None = None
    most: int | None = None
    least: int | None = None
    example: Any = dataclasses.field(default=None, hash=False)

    def keywords(self) -> Schema:
        """The same as keywords of JSON Schema."""
        named = {
            "description": self.description or None,
            "minimum": self.low,
            "maximum": self.high,
            "enum": list(self.choices) or None,
            "pattern": self.pattern,
            "format": self.shape,
            "minItems": self.least,
            "maxItems": self.most,
            "examples": None if self.example is None else [self.example],
        }
        return {name: value for name, value in named.items() if value is not None}


class Schemas:
    """The schemas of a document; those that have a name are kept once, in `components`."""

    def __init__(self) -> None:
        self.components: dict[str, Schema] = {}

    def of(self, kind: Any) -> Schema:
        """The schema of a type.  Raises TypeError for one that the API does not speak."""
        if kind in SCALARS:
            return {"type": SCALARS[kind]}
        if kind is Any:
            return {}
        if _has_fields(kind):
            return self._named(kind)
        origin, arguments = typing.get_origin(kind), typing.get_args(kind)
        if origin is typing.Annotated:
            return self._annotated(self.of(arguments[0]), arguments[1:])
        if origin in (typing.Union, types.UnionType):
            return _any_of([self.of(each) for each in arguments])
        if origin is typing.Literal:
            return {"type": SCALARS[type(arguments[0])], "enum": list(arguments)}
        if origin is list:
            return {"type": "array", "items": self.of(arguments[0])}
        if origin is tuple:
            return self._tuple(arguments)
        if origin is dict:
            return {"type": "object", "additionalProperties": self.of(arguments[1])}
        raise TypeError(f"no schema for {kind!r}: describe it with the types that web/wire/schema.py knows")

    @staticmethod
    def _annotated(schema: Schema, remarks: Iterable[Any]) -> Schema:
        for remark in remarks:
            if isinstance(remark, Doc):
                schema = {**schema, **remark.keywords()}
        return schema

    def _tuple(self, arguments: tuple[Any, ...]) -> Schema:
        if len(set(arguments)) != 1:
            raise TypeError("tuples of one kind alone have a schema")
        items = self.of(arguments[0])
        return {"type": "array", "items": items, "minItems": len(arguments), "maxItems": len(arguments)}

    def _named(self, kind: Any) -> Schema:
        if isinstance(kind, msgspec.StructMeta):
            return self._struct(kind)
        name = kind.__name__
        if name not in self.components:
            self.components[name] = {}  # a type may hold itself
            self.components[name] = self._settings(kind) if dataclasses.is_dataclass(kind) else self._typed_dict(kind)
        return {"$ref": REFERENCE + name}

    def _struct(self, kind: msgspec.StructMeta) -> Schema:
        """The same types that bodies are checked by."""
        (schema,), components = msgspec.json.schema_components([kind], ref_template=REFERENCE + "{name}")
        self.components |= components
        return schema

    def _typed_dict(self, kind: Any) -> Schema:
        hints = typing.get_type_hints(kind, include_extras=True)
        schema: Schema = {"type": "object", "description": _first_line(kind)}
        schema["properties"] = {name: self.of(hint) for name, hint in hints.items()}
        if kind.__required_keys__:
            schema["required"] = [name for name in hints if name in kind.__required_keys__]
        return schema

    @staticmethod
    def _settings(kind: Any) -> Schema:
        """Fields that may each be left out; others are an error."""
        properties = {spec.name: _setting(spec) for spec in dataclasses.fields(kind)}
        return {
            "type": "object",
            "description": _first_line(kind),
            "properties": properties,
            "additionalProperties": False,
        }


def _has_fields(kind: Any) -> bool:
    return isinstance(kind, msgspec.StructMeta) or typing.is_typeddict(kind) or dataclasses.is_dataclass(kind)


def _setting(spec: dataclasses.Field[Any]) -> Schema:
    facts = spec.metadata
    unit = f", in {facts['unit']}" if facts["unit"] else ""
    remark = Doc(facts["help"] + unit, facts["low"], facts["high"], facts["choices"] or facts["among"])
    return {"type": SCALARS[type(spec.default)], **remark.keywords(), "default": spec.default}


def _any_of(schemas: list[Schema]) -> Schema:
    """A plain type or null is `["string", "null"]`, as people write it."""
    if all(set(schema) == {"type"} for schema in schemas):
        return {"type": [schema["type"] for schema in schemas]}
    return {"anyOf": schemas}


def _first_line(kind: Any) -> str:
    return (kind.__doc__ or "").strip().split("\n")[0]
