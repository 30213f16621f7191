"""Translate msgspec's messages about invalid JSON into plain words."""

from __future__ import annotations

import re

import msgspec

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
LIMITS = {
    " of length >= ": " of length at least ",
    " of length <= ": " of length at most ",
    " >= ": " of at least ",
    " <= ": " of at most ",
}


def in_words(failure: msgspec.ValidationError) -> tuple[str, str]:
    """Return where the JSON is wrong and why: ("metrics.test.images", "must be a whole number, not text").

    The place is empty if the whole document has the wrong type.
    """
    what, place = PROBLEM.fullmatch(str(failure)).group("what", "place")  # type: ignore[union-attr] # matches anything
    place = (place or "").replace("[...]", "")
    if wrong := WRONG_FIELD.fullmatch(what):
        name = _shortened(wrong["name"])
        words = "is missing" if wrong["what"].startswith("missing") else "is unknown"
        return f"{place}.{name}".removeprefix("."), words
    return place, _wrong_value(what)


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
    found = f", not {KINDS.get(wrong['found'], wrong['found'])}" if wrong["found"] else ""
    return f"must be {' or '.join(kinds)}{limit}{found}"


def _shortened(text: str) -> str:
    return text if len(text) <= SHOWN_CHARACTERS else text[:SHOWN_CHARACTERS] + "..."
