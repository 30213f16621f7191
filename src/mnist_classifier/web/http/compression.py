"""Pages, scripts and style sheet go out packed; they are all of what a first visit loads.

JSON is not: a reading is short, and each millisecond of it counts.
"""

from __future__ import annotations

import gzip
from functools import lru_cache

from flask import Flask, Response, request

TYPES = ("text/html", "text/css", "text/javascript", "application/javascript", "image/svg+xml")
# Below this the headers are most of it.
MIN_BYTES = 1_000


def register(app: Flask) -> None:
    """Pack the replies of an application."""
    app.after_request(pack)


def pack(response: Response) -> Response:
    """Pack a reply with gzip where it is worth it and the client takes it."""
    if response.mimetype not in TYPES:
        return response
    response.vary.add("Accept-Encoding")
    wanted = request.accept_encodings["gzip"] > 0 and request.method == "GET"
    if not wanted or response.status_code != 200 or "Content-Encoding" in response.headers:
        return response
    response.direct_passthrough = False
    content = response.get_data()
    if len(content) < MIN_BYTES:
        return response
    response.set_data(_packed(content))
    response.headers["Content-Encoding"] = "gzip"
    tag, _ = response.get_etag()
    if tag is not None:
        # The same text, but not the same bytes.
        response.set_etag(tag, weak=True)
    return response


@lru_cache(maxsize=256)
def _packed(content: bytes) -> bytes:
    return gzip.compress(content, mtime=0)
