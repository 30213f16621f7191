"""Gzip for pages, scripts and style sheets, which make up a first visit.

JSON stays uncompressed: a reading is short, and every millisecond counts.
"""

from __future__ import annotations

import gzip
from functools import lru_cache

from flask import Flask, Response, request

TYPES = ("text/html", "text/css", "text/javascript", "application/javascript", "image/svg+xml")
# A shorter reply fits into one packet anyway, headers included.
MIN_BYTES = 1_000


def register(app: Flask) -> None:
    """Compress the replies of an application."""
    app.after_request(compress)


def compress(response: Response) -> Response:
    """Compress a reply with gzip if it is large enough and the client accepts gzip."""
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
    response.set_data(_compressed(content))
    response.headers["Content-Encoding"] = "gzip"
    tag, _ = response.get_etag()
    if tag is not None:
        # Weak, because the content is the same, but not its bytes.
        response.set_etag(tag, weak=True)
    return response


@lru_cache(maxsize=256)
def _compressed(content: bytes) -> bytes:
    return gzip.compress(content, mtime=0)
