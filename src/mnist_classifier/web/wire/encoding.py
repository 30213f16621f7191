"""Flask's JSON, encoded by msgspec, so that every route prints numbers alike."""

from __future__ import annotations

from typing import Any

import msgspec
from flask import Response
from flask.json.provider import JSONProvider


class Json(JSONProvider):
    """JSON for Flask."""

    def dumps(self, obj: Any, **_: Any) -> str:
        """A value as text; NaN becomes null."""
        return msgspec.json.encode(obj).decode()

    def loads(self, s: str | bytes, **_: Any) -> Any:
        """Text as a value."""
        return msgspec.json.decode(s)

    def response(self, *args: Any, **kwargs: Any) -> Response:
        """A reply with the value as its body."""
        return Response(msgspec.json.encode(self._prepare_response_obj(args, kwargs)), mimetype="application/json")
