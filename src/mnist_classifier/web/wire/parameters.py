"""Query parameters: one definition reads, checks and describes each."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Generic, TypeVar

import msgspec
from flask import request

from mnist_classifier.core.errors import InvalidInput

Default = TypeVar("Default")
Value = TypeVar("Value")

YES_OR_NO = {"1": True, "true": True, "0": False, "false": False}
_fraction = msgspec.json.Decoder(Annotated[float, msgspec.Meta(ge=0, le=1)])


@dataclass(frozen=True)
class Parameter(Generic[Value, Default]):
    """One query parameter.

    expected: its values in words, for error messages.  schema: the same as JSON Schema.
    parse: text -> value; raises ValueError.
    """

    name: str
    help: str
    default: Default
    expected: str
    schema: dict[str, Any]
    parse: Callable[[str], Value]

    def read(self, query: Mapping[str, str] | None = None) -> Value | Default:
        """The value in this request, or in the fields of a form.  Raises InvalidInput."""
        text = (request.args if query is None else query).get(self.name)
        return self.default if text is None else self.check(text)

    def check(self, text: str) -> Value:
        """The value of a text.  Raises InvalidInput."""
        try:
            return self.parse(text)
        except ValueError:
            raise InvalidInput(f"{self.name} must be {self.expected}, not {text[:40]!r}", field=self.name) from None


def whole(name: str, help: str, default: Default, low: int, high: int) -> Parameter[int, Default]:
    """A whole number within inclusive bounds."""

    def parse(text: str) -> int:
        if not (text.isascii() and text.isdecimal()) or len(text) > 10 or not low <= int(text) <= high:
            raise ValueError
        return int(text)

    schema = {"type": "integer", "minimum": low, "maximum": high}
    return Parameter(name, help, default, f"a whole number from {low} to {high}", _with(schema, default), parse)


def choice(name: str, help: str, default: str, allowed: Sequence[str]) -> Parameter[str, str]:
    """One of several words."""
    schema = _with({"type": "string", "enum": list(allowed)}, default)
    return Parameter(
        name, help, default, f"one of {', '.join(allowed)}", schema, _one_of({word: word for word in allowed})
    )


def flag(name: str, help: str) -> Parameter[bool, bool]:
    """1 or 0, true or false; false by default."""
    schema = _with({"type": "string", "enum": list(YES_OR_NO)}, "0")
    return Parameter(name, help, False, "1 or 0", schema, _one_of(YES_OR_NO))


def _one_of(values: Mapping[str, Value]) -> Callable[[str], Value]:
    def parse(text: str) -> Value:
        if text not in values:
            raise ValueError
        return values[text]

    return parse


def text(name: str, help: str, default: str = "", pattern: str = "", *, expected: str = "") -> Parameter[str, str]:
    """A text in which the pattern is found.  expected: what the error message asks for; by default `help`."""

    def parse(text: str) -> str:
        if re.search(pattern, text) is None:
            raise ValueError
        return text

    schema = {"type": "string", **({"pattern": pattern} if pattern else {})}
    return Parameter(name, help, default, expected or help, _with(schema, default), parse)


def unchecked(name: str, help: str, schema: Mapping[str, Any]) -> Parameter[str, None]:
    """A text that its reader checks; the schema only describes it."""
    return Parameter(name, help, None, help, {"type": "string", **schema}, str)


def fraction(name: str, help: str) -> Parameter[float, None]:
    """A number from 0 to 1; None by default."""
    schema = {"type": "number", "minimum": 0, "maximum": 1}
    return Parameter(name, help, None, "a number from 0 to 1", schema, _fraction.decode)


def _with(schema: dict[str, Any], default: object) -> dict[str, Any]:
    return schema if default in (None, "") else {**schema, "default": default}
