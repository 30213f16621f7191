"""JSON is written alike, whichever way a reading was asked for."""

from __future__ import annotations

import io
import re

import numpy as np
from flask.testing import FlaskClient

from mnist_classifier.recognition.imaging.decode import encode_png
from mnist_classifier.web.services.services import Services


def numbers(text: str) -> list[str]:
    """The numbers as they are written, but for the time it took."""
    return re.findall(r"[-\d.e+]+(?=[,\]}])", text[: text.index('"elapsed_ms"')])


def test_a_reading_is_printed_alike_for_a_form_a_raw_body_and_a_json_body(client: FlaskClient):
    picture = np.zeros((280, 280), np.uint8)
    picture[40:240, 130:150] = 255
    data = encode_png(picture)
    raw = client.post("/predict", data=data, content_type="image/png").text
    replies = [
        client.post("/predict", data={"file": (io.BytesIO(data), "1.png")}).text,
        client.post("/predict?mode=digit", data=data, content_type="image/png").text,
        client.post("/predict?glyph=0", data=data, content_type="image/png").text,
    ]
    assert re.search(r"0\.0000\d|e-\d", raw), "no number is small enough to tell encoders apart"
    for reply in replies:
        assert numbers(reply) == numbers(raw)
        assert len(reply.partition('"elapsed_ms"')[0]) == len(raw.partition('"elapsed_ms"')[0])


def test_a_number_that_is_none_is_null_and_no_text_is_escaped(client: FlaskClient):
    app = client.application
    assert app.json.dumps({"loss": float("nan"), "name": "Zoë"}) == '{"loss":null,"name":"Zoë"}'
    assert app.json.loads('{"name":"Zo\\u00eb"}') == {"name": "Zoë"}


def test_the_log_of_a_training_is_written_by_the_same_encoder(client: FlaskClient, services: Services):
    from mnist_classifier.core.train_config import TrainConfig

    run = services.runs.create(TrainConfig())
    services.runs.add_event(run.id, "message", {"loss": 0.000018})
    assert "0.000018" in client.get(f"/api/runs/{run.id}/events.json").text
    assert "0.000018" in client.get(f"/api/runs/{run.id}/events").text
