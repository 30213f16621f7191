"""Parameters of the query: one definition reads them, checks them and describes them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Generic, TypeVar

import msgspec
from flask import request

from mnist_classifier.core.errors import InvalidInput

Default = TypeVar("Default")

# Texts by name: `request.args`, or the fields of a form.
Query = Mapping[str, str]

YES_OR_NO = {"1": True, "true": True, "0": False, "false": False}
_fraction = msgspec.json.Decoder(Annotated[float, msgspec.Meta(ge=0, le=1)])


@dataclass(frozen=True)
class Whole(Generic[Default]):
    """A whole number within inclusive bounds."""

    name: str
    help: str
    default: Default
    low: int
    high: int

    def read(self, query: Query | None = None) -> int | Default:
        """What this request says.  Raises InvalidInput."""
        text = (request.args if query is None else query).get(self.name)
        if text is None:
            return self.default
        if not (text.isascii() and text.isdecimal()) or len(text) > 10 or not self.low <= int(text) <= self.high:
            raise InvalidInput(
                f"{self.name} must be a whole number from {self.low} to {self.high}, not {text[:40]!r}", field=self.name
            )
        return int(text)

    @property
    def schema(self) -> dict[str, Any]:
        """JSON Schema."""
        return _with_default({"type": "integer", "minimum": self.low, "maximum": self.high}, self.default)


@dataclass(frozen=True)
class Choice:
    """One of some words."""

    name: str
    help: str
    default: str
    allowed: Sequence[str]

    def read(self, query: Query | None = None) -> str:
        """What this request says.  Raises InvalidInput."""
        return self.check((request.args if query is None else query).get(self.name, self.default))

    def check(self, wanted: str) -> str:
        """The same for a word from elsewhere, such as the path.  Raises InvalidInput."""
        if wanted not in self.allowed:
            raise InvalidInput(
                f"{self.name} must be one of {', '.join(self.allowed)}, not {wanted[:40]!r}", field=self.name
            )
        return wanted

    @property
    def schema(self) -> dict[str, Any]:
        """JSON Schema."""
        return _with_default({"type": "string", "enum": list(self.allowed)}, self.default)


@dataclass(frozen=True)
class Flag:
    """1 or 0, true or false; false unless it is said."""

    name: str
    help: str

    def read(self, query: Query | None = None) -> bool:
        """What this request says.  Raises InvalidInput."""
        text = (request.args if query is None else query).get(self.name, "0")
        if text not in YES_OR_NO:
            raise InvalidInput(f"{self.name} must be 1 or 0, not {text[:40]!r}", field=self.name)
        return YES_OR_NO[text]

    @property
    def schema(self) -> dict[str, Any]:
        """JSON Schema."""
        return {"type": "string", "enum": list(YES_OR_NO), "default": "0"}


@dataclass(frozen=True)
class Text:
    """Any words, or those of a pattern."""

    name: str
    help: str
    default: str = ""
    pattern: str | None = None

    def read(self, query: Query | None = None) -> str:
        """What this request says.  Raises InvalidInput."""
        text = (request.args if query is None else query).get(self.name)
        if text is None:
            return self.default
        if self.pattern is not None and re.search(self.pattern, text) is None:
            raise InvalidInput(f"{self.name} must be {self.help}, not {text[:40]!r}", field=self.name)
        return text

    @property
    def schema(self) -> dict[str, Any]:
        """JSON Schema."""
        pattern = {} if self.pattern is None else {"pattern": self.pattern}
        return _with_default({"type": "string", **pattern}, self.default)


@dataclass(frozen=True)
class Fraction:
    """A number from 0 to 1, or nothing."""

    name: str
    help: str

    def read(self, query: Query | None = None) -> float | None:
        """What this request says.  Raises InvalidInput."""
        text = (request.args if query is None else query).get(self.name)
        if text is None:
            return None
        try:
            fraction: float = _fraction.decode(text)
        except (msgspec.DecodeError, UnicodeEncodeError):
            raise InvalidInput(f"{self.name} must be a number from 0 to 1", field=self.name) from None
        return fraction

    @property
    def schema(self) -> dict[str, Any]:
        """JSON Schema."""
        return {"type": "number", "minimum": 0, "maximum": 1}


Parameter = Whole[Any] | Choice | Flag | Text | Fraction


def _with_default(schema: dict[str, Any], default: object) -> dict[str, Any]:
    return schema if default in (None, "") else {**schema, "default": default}
