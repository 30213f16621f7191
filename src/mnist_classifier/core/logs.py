"""Logging as text or JSON, with the id of the request in every line."""

from __future__ import annotations

import json
import logging
from contextvars import ContextVar
from datetime import datetime, timezone
from types import TracebackType
from typing import Any, TypeAlias

from mnist_classifier.core.settings import Settings

# The id of the request that this thread answers, or empty.  web/http/request_log.py sets it.
REQUEST_ID: ContextVar[str] = ContextVar("request_id", default="")

PACKAGE = __name__.partition(".")[0]

# json.dumps would create an encoder for every line, which takes 2 of 15 microseconds.
_encode = json.JSONEncoder(default=str).encode

ExceptionInfo: TypeAlias = "tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]"


class ConsoleFormatter(logging.Formatter):
    """A line of text: time, level, logger, message and [request id].

    Control characters are escaped and tracebacks are indented, so nothing in a
    request can look like another line.
    """

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802
        """The line without the traceback."""
        line = super().formatMessage(record)
        if not line.isprintable():
            line = "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in line)
        request_id = REQUEST_ID.get()
        return f"{line} [{request_id}]" if request_id else line

    def formatException(self, ei: ExceptionInfo) -> str:  # noqa: N802
        """The traceback, indented."""
        return "\n".join(f"    {line}" for line in super().formatException(ei).splitlines())


class JsonFormatter(logging.Formatter):
    """A JSON object in each line: time (UTC), level, logger, message, request_id, exception and `fields`."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        at = datetime.fromtimestamp(record.created, timezone.utc)
        entry: dict[str, Any] = {
            "time": at.isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        request_id = REQUEST_ID.get()
        if request_id:
            entry["request_id"] = request_id
        entry.update(getattr(record, "fields", {}))
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return _encode(entry)


def configure(settings: Settings) -> None:
    """Log to standard error from `log_level` on, unless the host program has set up logging.

    Other libraries log from warnings on: at `debug`, Pillow alone would
    write several lines for every image.
    """
    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter() if settings.log_format == "json" else ConsoleFormatter())
    level = logging.getLevelName(settings.log_level.upper())
    logging.basicConfig(level=max(level, logging.WARNING), handlers=[handler])
    logging.getLogger(PACKAGE).setLevel(level)
