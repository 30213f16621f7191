from __future__ import annotations

import json
import logging
import subprocess
import sys
from collections.abc import Iterator

import pytest

from mnist_classifier.core.logs import REQUEST_ID, ConsoleFormatter, JsonFormatter


@pytest.fixture(autouse=True)
def no_request() -> None:
    """Other tests may have left a reply open."""
    REQUEST_ID.set("")


@pytest.fixture
def request_id() -> Iterator[str]:
    REQUEST_ID.set("abc-123")
    yield "abc-123"
    REQUEST_ID.set("")


def record(message: str = "hello %s", *args: object, error: BaseException | None = None) -> logging.LogRecord:
    information = (type(error), error, error.__traceback__) if error else None
    return logging.LogRecord("mnist_classifier.x", logging.INFO, "", 0, message, args, information)


def raised(message: str) -> ValueError:
    try:
        raise ValueError(message)
    except ValueError as error:
        return error


def test_a_console_line_ends_with_the_request_it_belongs_to(request_id: str):
    line = ConsoleFormatter().format(record("hello %s", "you"))
    assert line.endswith(" INFO mnist_classifier.x: hello you [abc-123]")


def test_outside_of_requests_there_is_no_id():
    assert ConsoleFormatter().format(record("hello")).endswith("hello")
    assert "request_id" not in json.loads(JsonFormatter().format(record("hello")))


@pytest.mark.parametrize("trick", ["\n2026-01-01 ERROR forged", "\r", "\x1b[2J", "\x85", "\u2028"])
@pytest.mark.parametrize("formatter", [ConsoleFormatter(), JsonFormatter()], ids=["console", "json"])
def test_nothing_that_is_sent_can_start_a_line_or_steer_the_terminal(formatter: logging.Formatter, trick: str):
    line = formatter.format(record("GET %s", f"/x{trick}"))
    assert len(line.splitlines()) == 1
    assert line.isprintable()


def test_a_traceback_is_indented_or_a_field():
    failure = record("failed", error=raised("broken\n2026-01-01 ERROR forged"))
    first, *rest = ConsoleFormatter().format(failure).splitlines()
    assert first.endswith("failed")
    assert len(rest) > 3
    assert all(line.startswith("    ") for line in rest)
    failure.exc_text = None
    assert "ValueError: broken" in json.loads(JsonFormatter().format(failure))["exception"]


def test_a_json_line_has_the_fields_of_its_record(request_id: str):
    entry = record("hello %s", "you")
    entry.fields = {"status": 200, "path": "/é"}
    found = json.loads(JsonFormatter().format(entry))
    assert found.pop("time").endswith("+00:00")
    assert found == {
        **{"level": "info", "logger": "mnist_classifier.x", "message": "hello you", "request_id": request_id},
        **{"status": 200, "path": "/é"},
    }


@pytest.mark.parametrize(
    ("level", "own", "others"),
    [
        ("debug", ["debug", "info", "warning"], ["warning"]),
        ("info", ["info", "warning"], ["warning"]),
        ("error", [], []),
    ],
)
def test_the_level_is_for_this_program_and_other_libraries_are_heard_from_warnings_on(
    level: str, own: list[str], others: list[str]
):
    code = (
        "import logging, pathlib; from mnist_classifier.core import logs\n"
        "from mnist_classifier.core.settings import Settings\n"
        f"logs.configure(Settings(pathlib.Path('.'), log_format='json', log_level={level!r}))\n"
        "for name in ('mnist_classifier.web', 'PIL'):\n"
        "    for level in ('debug', 'info', 'warning'): getattr(logging.getLogger(name), level)(level)\n"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    lines = [json.loads(line) for line in result.stderr.splitlines()]
    assert [line["level"] for line in lines if line["logger"] == "mnist_classifier.web"] == own
    assert [line["level"] for line in lines if line["logger"] == "PIL"] == others
    assert result.stdout == ""
