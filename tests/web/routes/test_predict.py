from __future__ import annotations

import base64
import io
from pathlib import Path

import numpy as np
import pytest
from flask import Flask
from flask.testing import FlaskClient
from PIL import Image
from werkzeug.test import create_environ

from mnist_classifier.core.settings import PRETRAINED_DIR
from mnist_classifier.data import mnist
from mnist_classifier.evaluation.robustness.strings import draw
from mnist_classifier.recognition.imaging.decode import decode_base64, decode_image, encode_png, to_data_url
from mnist_classifier.recognition.imaging.preprocess import make_glyph
from mnist_classifier.recognition.recogniser import Recogniser
from mnist_classifier.web.http.event_loop import IN_EVENT_LOOP, TakesLong
from mnist_classifier.web.routes import errors
from mnist_classifier.web.services.services import Services
from tests.recognition.test_recogniser import seven_and_one
from tests.web.asserts import assert_error, assert_reading


def png(pixels: np.ndarray | None = None) -> bytes:
    if pixels is None:
        pixels = np.zeros((280, 280), np.uint8)
        pixels[50:70, 80:190] = 255  # a 7: bar and stem
        for row in range(70, 240):
            left = 170 - (row - 70) // 3
            pixels[row, left : left + 20] = 255
    return encode_png(pixels)


SEVEN = base64.b64encode(png()).decode()


@pytest.mark.parametrize("prefix", ["", "data:image/png;base64,"])
def test_a_drawn_seven_is_read_as_seven(client: FlaskClient, prefix: str):
    body = assert_reading(client.post("/predict", json={"image": prefix + SEVEN}))
    assert (body["prediction"], body["verdict"]) == (7, "digit")
    assert body["confidence"] == max(body["probabilities"])
    assert body["model"] == {"version": 0, "name": "pretrained"}
    assert 0 < body["elapsed_ms"] < 5000


def test_no_reading_is_certain(client: FlaskClient):
    body = assert_reading(client.post("/predict", json={"image": SEVEN}))
    assert 0.99 < body["confidence"] < 1


def test_form_raw_body_and_json_give_the_same_answer(client: FlaskClient):
    replies = [
        client.post("/predict", json={"image": SEVEN}),
        client.post("/predict", data={"file": (io.BytesIO(png()), "seven.png")}),
        client.post("/predict", data=png(), content_type="image/png"),
        client.post("/predict", data=png(), content_type="application/octet-stream"),
        client.post("/predict", data=f'{{"image": "{SEVEN}"}}'),
    ]
    assert len({tuple(assert_reading(reply)["probabilities"]) for reply in replies}) == 1


def glyph_of_the_seven() -> np.ndarray:
    glyph = make_glyph(decode_image(png(), max_pixels=10**6))
    assert glyph is not None
    return glyph


@pytest.mark.parametrize("kind", ["application/x-mnist-glyph", "application/octet-stream"])
def test_a_glyph_as_784_bytes_is_read_as_the_picture_it_was_made_of(client: FlaskClient, kind: str):
    from_picture = assert_reading(client.post("/predict?glyph=1", data=png(), content_type="image/png"))
    from_bytes = assert_reading(client.post("/predict?glyph=1", data=glyph_of_the_seven().tobytes(), content_type=kind))
    del from_picture["elapsed_ms"], from_bytes["elapsed_ms"]
    assert from_bytes == from_picture


def test_a_glyph_takes_thresholds_and_version_but_no_mode(client: FlaskClient):
    def ask(query: str):
        data, kind = glyph_of_the_seven().tobytes(), "application/x-mnist-glyph"
        return client.post(f"/predict?{query}", data=data, content_type=kind)

    assert assert_reading(ask("ambiguous_below=1&version=0"))["verdict"] == "ambiguous"
    assert_error(ask("version=9"), 404, "version_missing", "version")
    assert_error(ask("mode=number"), 400, "invalid_input", "mode")


@pytest.mark.parametrize("length", [0, 1, 783, 785])
def test_a_glyph_of_another_length_is_refused_in_words(client: FlaskClient, length: int):
    reply = client.post("/predict", data=b"\0" * length, content_type="application/x-mnist-glyph")
    assert "784 bytes" in assert_error(reply, 400, "invalid_image", "image")


def test_an_empty_glyph_is_blank_and_a_thin_one_is_warned_of(client: FlaskClient):
    kind = "application/x-mnist-glyph"
    assert assert_reading(client.post("/predict", data=b"\0" * 784, content_type=kind))["verdict"] == "blank"
    thin = np.zeros((28, 28), np.uint8)
    thin[4:24, 14] = 200
    (warning,) = assert_reading(client.post("/predict", data=thin.tobytes(), content_type=kind))["warnings"]
    assert warning["code"] == "very_thin"


def test_the_glyph_that_was_read_can_be_asked_for(client: FlaskClient):
    assert "glyph" not in assert_reading(client.post("/predict", json={"image": SEVEN}))
    shown = assert_reading(client.post("/predict?glyph=1", json={"image": SEVEN}))["glyph"]
    expected = make_glyph(decode_image(png(), max_pixels=10**6))
    assert np.array_equal(decode_image(decode_base64(shown), max_pixels=10**6), expected)


def test_the_steps_to_the_glyph_can_be_asked_for(client: FlaskClient):
    assert "steps" not in assert_reading(client.post("/predict", json={"image": SEVEN}))
    body = assert_reading(client.post("/predict?steps=1&glyph=1", json={"image": SEVEN}))
    assert [step["name"] for step in body["steps"]] == ["grey", "ink", "glyph"]
    assert body["steps"][-1]["image"] == body["glyph"]
    first = decode_image(decode_base64(body["steps"][0]["image"]), max_pixels=10**6)
    assert np.array_equal(first, decode_image(png(), max_pixels=10**6))


def test_what_may_spoil_the_reading_is_said(client: FlaskClient):
    assert assert_reading(client.post("/predict", json={"image": SEVEN}))["warnings"] == []
    cut = png(decode_image(png(), max_pixels=10**6)[50:])
    (warning,) = assert_reading(client.post("/predict", data=cut, content_type="image/png"))["warnings"]
    assert warning["code"] == "touches_edge"
    assert "edge" in warning["message"]


def seventy_one() -> bytes:
    strokes, size = seven_and_one()
    return encode_png(255 - draw(strokes, 14, size))


def test_several_digits_are_refused_with_the_advice_to_read_a_number(client: FlaskClient):
    body = assert_reading(client.post("/predict", data=seventy_one(), content_type="image/png"))
    assert (body["verdict"], [warning["code"] for warning in body["warnings"]]) == ("not_a_digit", ["several_digits"])
    assert "number" in body["warnings"][0]["message"]


def test_the_event_loop_leaves_a_picture_of_several_digits_to_a_thread_and_counts_it_once(app: Flask):
    environ = create_environ("/predict", method="POST", data=seventy_one(), content_type="image/png")

    with pytest.raises(TakesLong):
        app.wsgi_app({**environ, IN_EVENT_LOOP: True}, lambda *_: None)  # type: ignore[arg-type]

    app.test_client().post("/predict", data=seventy_one(), content_type="image/png")
    metrics = app.test_client().get("/metrics").text
    counted = [
        line for line in metrics.splitlines() if line.startswith("mnist_readings_total") and "not_a_digit" in line
    ]
    assert [float(line.split()[-1]) for line in counted] == [1.0]


def test_the_event_loop_leaves_every_question_with_options_to_a_thread(app: Flask):
    question = {"image": to_data_url(seventy_one()), "mode": "number"}
    environ = create_environ("/predict", method="POST", json=question)
    with pytest.raises(TakesLong):
        app.wsgi_app({**environ, IN_EVENT_LOOP: True}, lambda *_: None)  # type: ignore[arg-type]
    assert app.test_client().post("/predict", json=question).get_json()["number"] == "71"


def test_a_blank_canvas_is_blank(client: FlaskClient):
    blank = to_data_url(png(np.zeros((280, 280), np.uint8)))
    body = assert_reading(client.post("/predict?glyph=1", json={"image": blank}))
    assert (body["verdict"], body["prediction"], body["glyph"]) == ("blank", None, None)


@pytest.mark.parametrize(
    ("json", "code", "field"),
    [
        ({}, "invalid_image", "image"),
        ({"image": None}, "invalid_image", "image"),
        ({"image": 7}, "invalid_image", "image"),
        ({"image": []}, "invalid_image", "image"),
        ({"image": ""}, "invalid_image", "image"),
        ({"image": "data:image/png;base64,"}, "invalid_image", "image"),
        ({"image": "!!not base64!!"}, "invalid_image", "image"),
        ({"image": base64.b64encode(b"no picture at all").decode()}, "invalid_image", "image"),
        ({"image": SEVEN[:200]}, "invalid_image", "image"),
        ({"image": SEVEN, "mode": "poem"}, "invalid_input", "mode"),
        ([], "invalid_input", None),
        ("text", "invalid_input", None),
    ],
)
def test_a_bad_body_is_refused_in_words(client: FlaskClient, json: object, code: str, field: str | None):
    assert_error(client.post("/predict", json=json), 400, code, field)


@pytest.mark.parametrize(
    "body", [b"", b"{", b"\xff\xfe", b'{"other": ' + b"[" * 100_000, b"nan", b"null", b"\x00" * 100]
)
def test_a_body_that_is_no_json_is_refused_in_words(client: FlaskClient, body: bytes):
    code, field = ("invalid_image", "image") if body == b"" else ("invalid_input", None)
    assert_error(client.post("/predict", data=body, content_type="application/json"), 400, code, field)


def test_a_form_without_a_file_and_an_empty_file_are_refused(client: FlaskClient):
    assert_error(client.post("/predict", data={"other": (io.BytesIO(b"x"), "x")}), 400, "invalid_image", "file")
    assert_error(client.post("/predict", data={"file": (io.BytesIO(b""), "x")}), 400, "invalid_image", "image")
    assert_error(client.post("/predict", data=b"", content_type="image/png"), 400, "invalid_image", "image")


def test_fifty_megabytes_are_refused(client: FlaskClient):
    for kind in ("application/json", "image/png"):
        assert_error(client.post("/predict", data=b"x" * 50_000_000, content_type=kind), 413, "request_too_large")


def test_a_decompression_bomb_is_refused(client: FlaskClient):
    bomb = encode_png(np.zeros((7000, 7000), np.uint8))
    assert len(bomb) < 1_000_000
    assert_error(client.post("/predict", data=bomb, content_type="image/png"), 413, "image_too_large", "image")


@pytest.mark.parametrize("size", [(1, 1), (10_000, 1), (1, 10_000)])
def test_pictures_too_small_for_a_digit_are_refused(client: FlaskClient, size: tuple[int, int]):
    data = png(np.full(size, 255, np.uint8))
    assert_error(client.post("/predict", data=data, content_type="image/png"), 400, "invalid_image", "image")


@pytest.mark.parametrize("size", [(8, 8), (10_000, 8), (8, 10_000)])
def test_extreme_shapes_are_read_without_a_hang(client: FlaskClient, size: tuple[int, int]):
    pixels = np.random.default_rng(0).integers(0, 256, size).astype(np.uint8)
    assert_reading(client.post("/predict", data=png(pixels), content_type="image/png"))


@pytest.mark.parametrize("mode", ["L", "RGB", "P", "1", "CMYK", "LA", "RGBA", "I;16"])
def test_every_kind_of_picture_of_a_seven_is_read_as_seven(client: FlaskClient, mode: str):
    grey = Image.open(io.BytesIO(png()))
    wide = Image.fromarray(np.asarray(grey).astype(np.uint16) * 257)
    image = wide if mode == "I;16" else grey.convert(mode)
    if mode in ("LA", "RGBA"):
        image.putalpha(grey)  # transparent where nothing is drawn
    buffer = io.BytesIO()
    image.save(buffer, "JPEG" if mode == "CMYK" else "PNG")
    body = assert_reading(client.post("/predict", data=buffer.getvalue(), content_type="image/png"))
    assert body["prediction"] == 7


def test_only_post_predicts(client: FlaskClient):
    response = client.get("/predict")
    assert_error(response, 405, "method_not_allowed")
    assert "POST" in response.headers["Allow"]


def test_an_unforeseen_failure_is_logged_and_answered_without_its_text(
    client: FlaskClient, services: Services, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    def explode(*args: object) -> None:
        raise ZeroDivisionError("the secret inside")

    monkeypatch.setattr(Recogniser, "opinions", explode)
    message = assert_error(client.post("/predict", json={"image": SEVEN}), 500, "internal_error")
    assert "secret" not in message
    assert "the secret inside" in caplog.text
    assert message.split()[-1] in caplog.text


def test_every_error_of_ours_has_a_status():
    from mnist_classifier.core.errors import MnistError

    def tree(kind: type[MnistError]) -> list[type[MnistError]]:
        return [kind, *(sub for child in kind.__subclasses__() for sub in tree(child))]

    kinds = [kind for kind in tree(MnistError) if kind.__module__.startswith("mnist_classifier")]
    assert len({kind.code for kind in kinds}) == len(kinds)
    for kind in kinds:
        status = errors.status_of(kind)
        assert 400 <= status < 600
        if kind in errors.STATUS:
            assert status == errors.STATUS[kind], f"{kind.__name__} stands behind one of its parents"


@pytest.mark.mnist
@pytest.mark.slow
def test_test_images_through_http_are_read_as_from_the_arrays(client: FlaskClient, mnist_dirs: list[Path]):
    test = mnist.load(mnist_dirs, mnist.TEST)
    images, labels = test.images[::5], test.labels[::5]
    recogniser = Recogniser.open(PRETRAINED_DIR)
    expected = [recogniser.judge(opinion).prediction for opinion in recogniser.opinions(images)]
    found = [
        client.post("/predict", data=encode_png(image), content_type="image/png").get_json()["prediction"]
        for image in images
    ]
    assert np.array_equal(found, expected)
    assert np.mean(np.array(found) == labels) >= 0.995


def test_thresholds_can_be_chosen_for_a_request_in_every_kind_of_body(client: FlaskClient):
    seven = png()
    body = {"image": SEVEN}
    strict = {"ambiguous_below": 1.0}
    replies = [
        client.post("/predict", json={**body, **strict}),
        client.post("/predict?ambiguous_below=1.0", data=seven, content_type="image/png"),
        client.post("/predict", data={"file": (io.BytesIO(seven), "7.png"), "ambiguous_below": "1.0"}),
    ]
    for reply in replies:
        assert (reply.get_json()["verdict"], reply.get_json()["prediction"]) == ("ambiguous", 7)
    assert client.post("/predict", json=body).get_json()["verdict"] == "digit"


@pytest.mark.parametrize("value", [-0.1, 1.5, "high", None, True, [0.5]])
def test_a_threshold_that_is_no_share_is_refused(client: FlaskClient, value: object):
    body = {"image": SEVEN, "not_a_digit_above": value}
    assert_error(client.post("/predict", json=body), 400, "invalid_input", field="not_a_digit_above")
