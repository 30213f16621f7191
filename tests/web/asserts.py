"""What every reply of a kind has in common."""

from __future__ import annotations

from typing import Any

from werkzeug.test import TestResponse

KEYS = {
    *("prediction", "confidence", "probabilities", "verdict", "candidates", "not_a_digit"),
    *("warnings", "model", "elapsed_ms"),
}


def assert_error(response: TestResponse, status: int, code: str, field: str | None = None) -> str:
    """The design's error shape; returns the message."""
    assert response.status_code == status, response.text
    assert response.mimetype == "application/json"
    body = response.get_json()
    assert set(body) == {"error"}
    assert set(body["error"]) == {"code", "message", "field"}
    assert (body["error"]["code"], body["error"]["field"]) == (code, field)
    message: str = body["error"]["message"]
    assert message
    assert "Traceback" not in response.text
    return message


def assert_reading(response: TestResponse) -> dict[str, Any]:
    """A body of /predict; returns it."""
    assert response.status_code == 200, response.text
    body: dict[str, Any] = response.get_json()
    assert set(body) - {"glyph", "steps"} == KEYS
    assert len(body["probabilities"]) == 10
    assert abs(sum(body["probabilities"]) - 1) < 1e-4
    return body
