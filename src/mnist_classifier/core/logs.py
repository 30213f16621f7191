"""Logging as text or JSON; every line has the id of the request that it belongs to."""

from __future__ import annotations

import json
import logging
from contextvars import ContextVar
from datetime import datetime, timezone
from types import TracebackType
from typing import Any, TypeAlias

from mnist_classifier.core.settings import Settings

# The id of the request that this thread is answering, else empty.  web/http/request_log.py sets it.
REQUEST_ID: ContextVar[str] = ContextVar("request_id", default="")

PACKAGE = __name__.partition(".")[0]

# One encoder for all lines: json.dumps would create one for each, which takes 2 of 15 microseconds.
_encode = json.JSONEncoder(default=str).encode

ExceptionInfo: TypeAlias = "tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]"


class ConsoleFormatter(logging.Formatter):
    """Format a record as a line of text: time, level, logger, message and [request id].

    Control characters are escaped and tracebacks are indented, so text from a
    request cannot imitate a line of the log.
    """

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802
        """Format the line without the traceback."""
        line = super().formatMessage(record)
        if not line.isprintable():
            line = "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in line)
        request_id = REQUEST_ID.get()
        return f"{line} [{request_id}]" if request_id else line

    def formatException(self, ei: ExceptionInfo) -> str:  # noqa: N802
        """Indent the traceback."""
        return "\n".join(f"    {line}" for line in super().formatException(ei).splitlines())


class JsonFormatter(logging.Formatter):
    """Format a record as one line of JSON: time (UTC), level, logger, message, request_id, exception.

    Entries of `extra={"fields": {...}}` are added.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Format the line."""
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
    """Log to standard error at `log_level`, unless the calling program has already set up logging.

    Other libraries log only warnings and errors: at `debug`, Pillow alone would
    write several lines for every image.
    """
    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter() if settings.log_format == "json" else ConsoleFormatter())
    level = logging.getLevelName(settings.log_level.upper())
    logging.basicConfig(level=max(level, logging.WARNING), handlers=[handler])
    logging.getLogger(PACKAGE).setLevel(level)
