"""Translate msgspec's messages about invalid JSON into plain words."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
from msgspec import inspect

# A message quotes at most this much of the input.
SHOWN_CHARACTERS = 60

# msgspec's names of JSON types, in words.
KINDS = {
    "int": "a whole number",
    "float": "a number",
    "str": "text",
    "bool": "true or false",
    "array": "a list",
    "object": "a JSON object",
    "null": "null",
}
# The forms of msgspec's messages, such as "Expected `int`, got `str` - at `$.metrics.test.images`".
PROBLEM = re.compile(r"(?P<what>.*?)(?: - at (?:`key` in )?`\$\.?(?P<place>[^`]*)`)?", re.DOTALL)
WRONG_FIELD = re.compile(r"Object (?P<what>missing required|contains unknown) field `(?P<name>.*)`", re.DOTALL)
WRONG_VALUE = re.compile(r"Expected `(?P<kinds>[^`]+)`(?P<limit>[^,]*)(?:, got `(?P<found>[^`]+)`)?")
WRONG_CHOICE = re.compile(r"Invalid enum value (?P<found>.*)", re.DOTALL)
LIMITS = {
    " of length >= ": " of length at least ",
    " of length <= ": " of length at most ",
    " >= ": " of at least ",
    " <= ": " of at most ",
}


def in_words(failure: msgspec.ValidationError, kind: Any = None) -> tuple[str, str]:
    """Return where the JSON is wrong and why: ("metrics.test.images", "must be a whole number, not text").

    The place is empty if the whole document has the wrong type.  kind: the type of the document, to list choices from.
    """
    what, place = PROBLEM.fullmatch(str(failure)).group("what", "place")  # type: ignore[union-attr] # matches anything
    place = (place or "").replace("[...]", "")
    if wrong := WRONG_FIELD.fullmatch(what):
        name = _shortened(wrong["name"])
        words = "is missing" if wrong["what"].startswith("missing") else "is unknown"
        return f"{place}.{name}".removeprefix("."), words
    if kind is not None and (choices := _choices_at(place, kind)):
        if wrong := WRONG_CHOICE.fullmatch(what):
            return place, f"must be {choices}, not {_shortened(wrong['found'])}"
        if (wrong := WRONG_VALUE.fullmatch(what)) and wrong["kinds"] in ("int", "str", "int | str"):
            return place, f"must be {choices}{_not(wrong['found'])}"
    return place, _wrong_value(what)


def _choices_at(place: str, kind: Any) -> str:
    """The values that may stand at a place of a document, such as "0 to 9 or none"; "" unless some have a name."""
    types = list(_types(inspect.type_info(kind), re.findall(r"\w+", place)))
    if not any(isinstance(each, inspect.LiteralType | inspect.EnumType) for each in types):
        return ""
    *choices, last = (choice for each in types for choice in _choices(each))
    return f"{', '.join(choices)} or {last}" if choices else last


def _types(info: inspect.Type, names: Sequence[str]) -> Iterator[inspect.Type]:
    """The types at a place of a document.  names: of the fields that lead to the place, and indices."""
    match info:
        case inspect.Metadata():
            yield from _types(info.type, names)
        case inspect.UnionType():
            for each in info.types:
                yield from _types(each, names)
        case inspect.StructType() if names:
            for field in info.fields:
                if field.encode_name == names[0]:
                    yield from _types(field.type, names[1:])
        case inspect.ListType() if names:
            yield from _types(info.item_type, names[1:])
        case _ if not names:
            yield info


def _choices(info: inspect.Type) -> list[str]:
    """What a value may be, in words."""
    match info:
        case inspect.LiteralType():
            return list(map(str, info.values))
        case inspect.EnumType():
            return [str(each.value) for each in info.cls]
        case inspect.IntType(ge=int(), le=int()):
            return [f"{info.ge} to {info.le}"]
        case inspect.ListType():
            return ["a list"]
        case _:
            return []


def _wrong_value(what: str) -> str:
    wrong = WRONG_VALUE.fullmatch(what)
    if wrong is None:
        if "out of range" in what:
            return "is out of range"
        # msgspec's other messages begin with "Invalid"; the rest comes from a `__post_init__`, in plain words already.
        return f"cannot be used: {_shortened(what)}" if what.startswith("Invalid") else what
    kinds, limit = (KINDS.get(kind, kind) for kind in wrong["kinds"].split(" | ")), wrong["limit"]
    for theirs, ours in LIMITS.items():
        limit = limit.replace(theirs, ours)
    return f"must be {' or '.join(kinds)}{limit}{_not(wrong['found'])}"


def _not(kind: str | None) -> str:
    return "" if kind is None else f", not {KINDS.get(kind, kind)}"


def _shortened(text: str) -> str:
    return text if len(text) <= SHOWN_CHARACTERS else text[:SHOWN_CHARACTERS] + "..."
