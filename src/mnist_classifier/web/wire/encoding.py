"""The one encoder of JSON: a number is printed alike whichever way it was asked for."""

from __future__ import annotations

from typing import Any

import msgspec
from flask import Response
from flask.json.provider import JSONProvider


class Json(JSONProvider):
    """JSON for Flask; what answers without Flask calls msgspec itself."""

    def dumps(self, obj: Any, **_: Any) -> str:
        """A value as text; NaN becomes null."""
        return msgspec.json.encode(obj).decode()

    def loads(self, s: str | bytes, **_: Any) -> Any:
        """Text as a value."""
        return msgspec.json.decode(s)

    def response(self, *args: Any, **kwargs: Any) -> Response:
        """A reply that holds the value."""
        return Response(msgspec.json.encode(self._prepare_response_obj(args, kwargs)), mimetype="application/json")
