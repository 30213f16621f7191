"""Types that several threads may decode."""

from __future__ import annotations

from typing import Any, TypeVar

from msgspec import json

Kind = TypeVar("Kind", bound=Any)


def decodable(kind: Kind) -> Kind:
    """Let msgspec examine a type and all types in it, now.  Also a decorator of a class.

    msgspec (0.22) does so at the first use, and shows other threads what is not finished: if two threads are the
    first to decode a type, the process crashes.  An import happens in one thread.
    """
    json.Decoder(kind)
    return kind
