"""One file gives one answer: at the command line, over HTTP, and at the command line through a server."""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from flask import Flask
from flask.testing import FlaskClient
from PIL import Image
from werkzeug.serving import make_server

from mnist_classifier.cli.main import main
from mnist_classifier.client.client import Client
from mnist_classifier.core.settings import Settings
from mnist_classifier.data import mnist
from mnist_classifier.recognition.imaging.decode import encode_png
from mnist_classifier.recognition.recogniser import Recogniser
from mnist_classifier.web.wire.glyphs import to_npy
from tests.answering import answering
from tests.data.test_mnist import idx

BATCH = "/api/predict/batch?probabilities=1&warnings=1"
SHOWN = ("prediction", "confidence", "verdict", "not_a_digit", "probabilities", "warnings")


@pytest.fixture(autouse=True)
def home(settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MNIST_HOME", str(settings.home))
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def glyphs(digits: mnist.Images) -> np.ndarray:
    """Digits, a thin line, a thick one, faint ink, noise, a blank, and ink that is not centred."""
    odd = np.zeros((6, 28, 28), np.uint8)
    odd[0, 4:24, 14] = 200
    odd[1, 4:24, 8:20] = 255
    odd[2, 4:24, 12:15] = 39
    odd[3] = np.random.default_rng(0).integers(0, 256, (28, 28))
    odd[5, 0:9, 0:3] = 255
    return np.concatenate([digits.images[:6], odd])


@pytest.fixture
def url(app: Flask) -> Iterator[str]:
    with answering(make_server("127.0.0.1", 0, app, threaded=True)) as address:
        yield address


def at_the_shell(data: bytes, *options: str, name: str = "sent") -> Result:
    Path(name).write_bytes(data)
    return CliRunner().invoke(main, ["predict", "--json", *options, name])


def lines(result: Result) -> list[dict[str, Any]]:
    assert result.exit_code == 0, result.output
    return [{key: line[key] for key in SHOWN} for line in map(json.loads, result.stdout.splitlines())]


def over_http(client: FlaskClient, data: bytes) -> list[dict[str, Any]]:
    body = client.post(BATCH, data=data, content_type="application/octet-stream").get_json()
    columns = {"predictions": "prediction", "confidences": "confidence", "verdicts": "verdict"}
    return [
        {columns.get(name, name): body[name][index] for name in (*columns, *SHOWN) if name in body}
        for index in range(body["count"])
    ]


def close_to(expected: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The network adds up in another order when it reads several at once."""
    floats = ("confidence", "not_a_digit", "probabilities")
    return [
        {name: pytest.approx(value, abs=2e-6) if name in floats else value for name, value in each.items()}
        for each in expected
    ]


FORMS = {
    "idx": idx,
    "idx.gz": lambda glyphs: gzip.compress(idx(glyphs)),
    "npy": to_npy,
    "npy.gz": lambda glyphs: gzip.compress(to_npy(glyphs)),
    "flat": lambda glyphs: to_npy(glyphs.reshape(-1, 784)),
    "a channel behind": lambda glyphs: to_npy(glyphs.reshape(-1, 28, 28, 1)),
    "a channel in front": lambda glyphs: to_npy(glyphs.reshape(-1, 1, 28, 28)),
    "Fortran": lambda glyphs: to_npy(np.asfortranarray(glyphs)),
    "Fortran, flat": lambda glyphs: to_npy(np.asfortranarray(glyphs.reshape(-1, 784))),
    "Fortran.gz": lambda glyphs: gzip.compress(to_npy(np.asfortranarray(glyphs))),
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_a_file_of_glyphs_is_read_alike_everywhere(client: FlaskClient, glyphs: np.ndarray, form: str):
    data = FORMS[form](glyphs)
    expected = close_to(lines(at_the_shell(idx(glyphs))))
    assert {"very_thin", "very_thick"} <= {each["code"] for line in expected for each in line["warnings"]}
    assert {"digit", "blank"} <= {line["verdict"] for line in expected}
    assert lines(at_the_shell(data)) == expected
    assert lines(CliRunner().invoke(main, ["predict", "--json", "-"], input=data)) == expected
    assert over_http(client, data) == expected


def test_a_single_glyph_is_read_alike_everywhere(client: FlaskClient, glyphs: np.ndarray):
    for glyph in glyphs:
        expected = close_to(lines(at_the_shell(to_npy(glyph))))
        assert len(expected) == 1
        assert over_http(client, to_npy(glyph)) == expected
        alone = client.post("/predict", data=glyph.tobytes(), content_type="application/x-mnist-glyph").get_json()
        assert [{name: alone[name] for name in SHOWN}] == expected


def test_a_server_gives_the_command_line_what_it_would_read_itself(url: str, glyphs: np.ndarray):
    data = to_npy(glyphs)
    assert lines(at_the_shell(data, "--url", url)) == close_to(lines(at_the_shell(data)))


WHOLE = to_npy(np.zeros((3, 28, 28), np.uint8))
REFUSED = {
    "float": to_npy(np.zeros((3, 28, 28), np.float32)),
    "bool": to_npy(np.zeros((3, 28, 28), bool)),
    "two dimensions": to_npy(np.zeros((28, 784), np.uint8)[:, :28][:20]),
    "larger": to_npy(np.zeros((3, 32, 32), np.uint8)),
    "five dimensions": to_npy(np.zeros((1, 3, 28, 28, 1), np.uint8)),
    "a number": to_npy(np.uint8(7)),
    "cut short": WHOLE[:-1],
    "too long": WHOLE + b"x",
    "cut in the header": WHOLE[:60],
    "objects": WHOLE.replace(b"'|u1'", b"'|O' "),
    "version 3": WHOLE.replace(b"\x93NUMPY\x01", b"\x93NUMPY\x03"),
    "packed, cut short": gzip.compress(WHOLE, mtime=0)[:-9],
    "packed, damaged": gzip.compress(WHOLE, mtime=0)[:20] + b"damage",
    "packed text": gzip.compress(b"no glyphs", mtime=0),
    "idx of labels": b"\0\0\x08\x01\0\0\0\x01\x07",
    "idx cut short": idx(np.zeros((3, 28, 28), np.uint8))[:-1],
    "zeros": bytes(784),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_a_file_that_cannot_be_read_is_refused_in_the_same_words_everywhere(client: FlaskClient, kind: str):
    data = REFUSED[kind]
    result = at_the_shell(data)
    assert result.exit_code == 1
    reply = client.post(BATCH, data=data)
    assert reply.status_code == 400
    assert f"{reply.get_json()['error']['message']}\n".replace("the file", "sent") in result.stderr


def pictures() -> dict[str, bytes]:
    drawing = np.full((200, 160), 255, np.uint8)
    drawing[0:180, 70:74] = 0  # thin, and at the edge
    found = {"png": encode_png(drawing), "inverted": encode_png(255 - drawing), "blank": encode_png(drawing[190:])}
    for kind in ("JPEG", "WEBP", "GIF", "BMP"):
        buffer = io.BytesIO()
        Image.fromarray(drawing).save(buffer, kind)
        found[kind] = buffer.getvalue()
    large = np.kron(drawing, np.ones((7, 7), np.uint8))
    return {**found, "large": encode_png(large), "no picture": b"text", "cut short": encode_png(drawing)[:200]}


@pytest.mark.parametrize("kind", pictures())
def test_a_picture_is_read_or_refused_alike_everywhere(client: FlaskClient, url: str, kind: str):
    data = pictures()[kind]
    here, there = at_the_shell(data), at_the_shell(data, "--url", url)
    reply = client.post("/predict", data=data, content_type="image/png").get_json()
    if "error" in reply:
        assert here.stderr == there.stderr
        assert f"sent: {reply['error']['message']}\n" in here.stderr
        return
    expected = close_to([{name: reply[name] for name in SHOWN}])
    assert lines(here) == lines(there) == expected


def test_an_array_is_read_alike_here_and_at_a_server_however_large(url: str):
    large = np.full((1500, 1300), 255, np.uint8)
    large[150:1350, 600:690] = 0
    strokes = [[(645.0, 195.0), (645.0, 1305.0)]]
    recogniser = Recogniser.load()
    with Client(url) as asked:
        assert asked.predict(large).confidence == pytest.approx(recogniser.read(large).confidence, abs=2e-6)
        here, there = recogniser.read_number(large, [np.array(strokes[0])]), asked.number(large, strokes=strokes)
        assert [digit.box for digit in here.digits] == [digit.box for digit in there.digits]
        assert (here.number, here.verdict) == (there.number, there.verdict) == ("1", here.verdict)


def test_a_number_is_printed_alike_in_json_csv_and_over_http(client: FlaskClient, glyphs: np.ndarray):
    data = encode_png(np.kron(glyphs[1], np.ones((8, 8), np.uint8)))
    reply = client.post("/predict", data=data, content_type="image/png").text
    told = reply[reply.index("[") + 1 : reply.index("]")].split(",")
    assert any("e-" in number or number.startswith("0.0000") for number in told)
    line = at_the_shell(data).stdout
    assert line[line.index("[") + 1 : line.index("]")].split(",") == told
    Path("sent").write_bytes(data)
    table = CliRunner().invoke(main, ["predict", "--format", "csv", "sent"]).stdout
    (row,) = csv.DictReader(io.StringIO(table))
    assert [row[f"p{digit}"] for digit in range(10)] == told
