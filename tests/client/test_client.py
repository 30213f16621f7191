from __future__ import annotations

import base64
import contextlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mnist_classifier.client import connection
from mnist_classifier.client.client import Client
from mnist_classifier.core import errors
from mnist_classifier.core.records import Verdict
from mnist_classifier.core.settings import PRETRAINED_DIR
from mnist_classifier.evaluation.robustness.pages.writing import generated_writers
from mnist_classifier.learning.filled_sheets import fill
from mnist_classifier.recognition.imaging.decode import encode_png
from mnist_classifier.recognition.imaging.preprocess import make_glyph
from mnist_classifier.recognition.numbers.expected import Expected, Field
from mnist_classifier.recognition.recogniser import Recogniser
from tests.answering import answering
from tests.e2e.application import Application
from tests.handwriting import LETTER_X, draw
from tests.mirror import dead_url
from tests.web.routes.test_predict import decode_image, png

SEVEN = decode_image(png(), max_pixels=10**6)
TWO_SEVENS = np.hstack([SEVEN, SEVEN])


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Application]:
    """The real application in its own process, without MNIST files."""
    folder = tmp_path_factory.mktemp("application")
    with Application(folder, folder / "no-data") as running:
        yield running


@pytest.fixture
def client(server: Application) -> Iterator[Client]:
    with Client(server.url) as client:
        yield client


@pytest.fixture(scope="module")
def recogniser() -> Recogniser:
    return Recogniser.open(PRETRAINED_DIR)


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "BACKOFF_S", 0.001)
    monkeypatch.setattr(connection, "JITTER_S", 0.0)


# --- the real server --------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["path", "text", "bytes", "array", "image"])
def test_a_server_reads_as_the_recogniser_here(client: Client, recogniser: Recogniser, kind: str, tmp_path: Path):
    path = tmp_path / "seven.png"
    path.write_bytes(png())
    kinds = {"path": path, "text": str(path), "bytes": png(), "array": SEVEN, "image": Image.fromarray(SEVEN)}
    here, there = recogniser.read(kinds[kind]), client.predict(kinds[kind])
    assert (there.prediction, there.verdict) == (here.prediction, here.verdict) == (7, Verdict.DIGIT)
    assert np.allclose(there.probabilities, here.probabilities, atol=2e-6)
    assert type(there) is type(here)


def test_every_field_of_a_reading_arrives(client: Client, recogniser: Recogniser):
    cut = SEVEN[50:]
    here = recogniser.read(cut, {"ambiguous_below": 1.0})
    there = client.predict(cut, ambiguous_below=1.0)
    assert there.verdict is Verdict.AMBIGUOUS
    assert (there.candidates, there.warnings) == (here.candidates, here.warnings)
    assert {warning.code for warning in there.warnings} >= {"touches_edge"}
    assert client.predict(np.zeros((50, 50), np.uint8)).verdict is Verdict.BLANK


def test_a_number_has_its_boxes_in_the_picture_that_was_given(client: Client, recogniser: Recogniser):
    large = np.kron(TWO_SEVENS, np.ones((3, 3), np.uint8))  # 1680 px wide: reduced before it is read
    here, there = recogniser.read_number(encode_png(large)), client.number(large)
    assert there.number == here.number == "77"
    assert [digit.box for digit in there.digits] == [digit.box for digit in here.digits]
    left, right = (digit.box for digit in there.digits)
    assert right[0] - left[0] == pytest.approx(840, abs=6)


def test_strokes_are_sent_with_the_picture(client: Client, recogniser: Recogniser):
    strokes = [[(80, 60), (180, 60), (115, 240)], [(360, 60), (460, 60), (395, 240)]]
    reading = client.number(TWO_SEVENS, strokes=strokes, version=0)
    assert reading.number == "77"
    here = recogniser.read_number(TWO_SEVENS, [np.array(stroke, float) for stroke in strokes])
    assert [digit.box for digit in reading.digits] == [digit.box for digit in here.digits]


@pytest.mark.parametrize("known", [{"length": 2}, {"pattern": "dd"}, {"allowed": "17"}, {"length": 5}])
@pytest.mark.parametrize("strokes", [None, [[(80, 60), (180, 60), (115, 240)], [(360, 60), (460, 60), (395, 240)]]])
def test_what_is_known_of_a_number_is_sent(client: Client, recogniser: Recogniser, known: dict[str, Any], strokes: Any):
    points = None if strokes is None else [np.array(stroke, float) for stroke in strokes]
    here = recogniser.read_number(TWO_SEVENS, points, expected=Expected(**known))
    there = client.number(TWO_SEVENS, strokes=strokes, **known)
    assert (there.number, there.verdict, there.warnings) == (here.number, here.verdict, here.warnings)


def test_fields_are_read_as_by_the_recogniser_here(client: Client, recogniser: Recogniser):
    large = np.kron(TWO_SEVENS, np.ones((3, 3), np.uint8))
    fields = [
        Field("right", (840, 0, 840, 840), Expected(length=1)),
        Field("both", (0, 0, 1680, 840), Expected(pattern="dd", allowed="7")),
    ]
    here, there = recogniser.read_fields(large, fields), client.fields(large, fields)
    assert [reading.number for reading in there] == ["7", "77"]
    for one, other in zip(here, there, strict=True):
        assert (one.number, one.verdict) == (other.number, other.verdict)
        assert one.confidence == pytest.approx(other.confidence, abs=2e-6)
        assert [digit.box for digit in one.digits] == [digit.box for digit in other.digits]


def test_a_field_outside_the_picture_is_the_same_error_as_here(client: Client, recogniser: Recogniser):
    fields = [Field("in", (0, 0, 100, 100)), Field("out", (5000, 0, 100, 100))]
    with pytest.raises(errors.InvalidInput) as here:
        recogniser.read_fields(TWO_SEVENS, fields)
    with pytest.raises(errors.InvalidInput) as there:
        client.fields(TWO_SEVENS, fields)
    assert (here.value.field, here.value.message) == (there.value.field, there.value.message)
    assert there.value.field == "fields[1].box"


def test_many_pictures_are_read_in_order_and_requested_as_needed(client: Client):
    taken = []

    def pictures() -> Iterator[np.ndarray]:
        for number in range(60):
            taken.append(number)
            yield SEVEN if number % 3 else np.zeros((40, 40), np.uint8)

    readings = client.predict_many(pictures())
    assert next(readings).verdict is Verdict.BLANK
    assert len(taken) < 20
    assert [reading.prediction for reading in readings] == [7 if number % 3 else None for number in range(1, 60)]


def test_the_first_unreadable_picture_ends_predict_many(client: Client):
    readings = client.predict_many([SEVEN, b"no picture", SEVEN])
    assert next(readings).prediction == 7
    with pytest.raises(errors.InvalidImage):
        next(readings)


def test_status_and_models(client: Client):
    status = client.model_status()
    assert (status.status, status.training) == ("ready", None)
    assert status.model is not None
    assert (status.model.version, status.model.name) == (0, "pretrained")
    assert status.model.metrics["test"]["images"] == 10_000
    (box,) = client.models()
    assert "production" in box.aliases
    assert box.created_at == status.model.created_at
    assert box.created_at.tzinfo is not None


@pytest.mark.parametrize(
    ("ask", "kind", "field"),
    [
        (lambda client: client.predict(b"no picture"), errors.InvalidImage, "image"),
        (lambda client: client.predict(SEVEN, version=99), errors.VersionMissing, "version"),
        (lambda client: client.predict(SEVEN, ambiguous_below=2), errors.InvalidInput, "ambiguous_below"),
        (lambda client: client.number(SEVEN, length=0), errors.InvalidInput, "length"),
        (lambda client: client.fields(SEVEN, [Field("a", (0, 0, 0, 0))]), errors.InvalidInput, "fields[0].box[2]"),
        (lambda client: client.retrain(epochs=0), errors.InvalidConfig, "epochs"),
        (lambda client: client.retrain(speed=1), errors.InvalidConfig, "speed"),
    ],
)
def test_an_error_of_the_server_is_raised_as_its_class(
    client: Client, ask: Callable[[Client], Any], kind: type[errors.MnistError], field: str
):
    with pytest.raises(errors.MnistError) as caught:
        ask(client)
    assert type(caught.value) is kind
    assert caught.value.field == field
    assert caught.value.message


def test_an_error_without_a_class_keeps_its_code_and_status(server: Application):
    with Client(f"{server.url}/nowhere") as client, pytest.raises(errors.ServerError) as caught:
        client.predict(SEVEN)
    assert (caught.value.code, caught.value.status) == ("not_found", 404)
    assert errors.ServerError.code == "server_error"


# --- a server that misbehaves -----------------------------------------------------------------------


@dataclass
class Faulty:
    """Sends the given replies, one each, then a good body; records the requests."""

    body: dict[str, Any]
    answers: list[tuple[int, str, dict[str, str]]] = field(default_factory=list)
    delay_s: float = 0.0
    drops: int = 0
    requests: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    connections: int = 0
    url: str = ""


@pytest.fixture
def faulty() -> Iterator[Faulty]:
    told = Faulty(STATUS)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def setup(self) -> None:
            told.connections += 1
            super().setup()

        def answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            told.requests.append((self.command, self.path, dict(self.headers)))
            time.sleep(told.delay_s)
            if told.drops:
                told.drops -= 1
                self.close_connection = True
                return
            status, body, headers = told.answers.pop(0) if told.answers else (200, json.dumps(told.body), {})
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            with contextlib.suppress(OSError):  # the client has stopped waiting
                self.end_headers()
                self.wfile.write(body.encode())

        do_GET = do_POST = do_DELETE = answer  # noqa: N815

        def log_message(self, format: str, *args: object) -> None:
            pass

    with answering(ThreadingHTTPServer(("127.0.0.1", 0), Handler)) as told.url:
        yield told


STATUS = {"status": "no_model", "model": None, "training": None, "last_run": None}
BUSY = (503, '{"error": {"code": "database_busy", "message": "busy", "field": null}}', {})
GATEWAY = (502, "<html>Bad Gateway</html>", {})


@pytest.mark.parametrize("answers", [[BUSY], [GATEWAY, GATEWAY], [BUSY, GATEWAY, BUSY]])
def test_temporary_failures_are_retried(faulty: Faulty, answers: list[Any]):
    faulty.answers = list(answers)
    with Client(faulty.url) as client:
        assert client.model_status().status == "no_model"
    assert len(faulty.requests) == len(answers) + 1


def test_after_the_last_attempt_the_error_is_raised(faulty: Faulty):
    faulty.answers = [BUSY] * 9
    with Client(faulty.url, retries=2) as client, pytest.raises(errors.DatabaseBusy, match="busy"):
        client.model_status()
    assert len(faulty.requests) == 3


@pytest.mark.parametrize("change", [Client.retrain, lambda c: c.personalise("Anna"), lambda c: c.forget("Anna")])
def test_a_request_that_changes_something_is_sent_once(faulty: Faulty, change: Callable[[Client], Any]):
    faulty.answers = [BUSY]
    with Client(faulty.url) as client, pytest.raises(errors.DatabaseBusy):
        change(client)
    assert len(faulty.requests) == 1


@pytest.mark.parametrize("path", ["retrain", "predict"])
def test_a_connection_that_is_cut_is_an_error_and_not_repeated(faulty: Faulty, path: str):
    faulty.drops = 5
    with Client(faulty.url) as client, pytest.raises(errors.ServerUnreachable, match="cannot be reached"):
        client.retrain() if path == "retrain" else client.predict(SEVEN)
    assert len(faulty.requests) == 1


def test_a_late_reply_is_an_error_with_the_waiting_time(faulty: Faulty):
    faulty.delay_s = 0.5
    with Client(faulty.url, timeout_s=0.1) as client, pytest.raises(errors.ServerUnreachable, match=r"within 0\.1 s"):
        client.model_status()
    assert len(faulty.requests) == 1


def test_a_server_that_is_not_there_is_an_error_with_the_reason():
    with Client(dead_url().removesuffix("/files/")) as client, pytest.raises(errors.ServerUnreachable) as caught:
        client.model_status()
    assert "refused" in caught.value.message
    assert "is the server running there?" in caught.value.message


def test_a_server_that_comes_up_meanwhile_is_reached(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(connection, "BACKOFF_S", 0.2)
    url = dead_url().removesuffix("/files/")
    body = json.dumps(STATUS).encode()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # noqa: N802
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    def serve_later() -> None:
        time.sleep(0.15)
        with ThreadingHTTPServer(("127.0.0.1", int(url.rpartition(":")[2])), Handler) as server:
            server.timeout = 5
            server.handle_request()

    thread = threading.Thread(target=serve_later)
    thread.start()
    with Client(url) as client:
        assert client.model_status().status == "no_model"
    thread.join()


def test_connections_are_used_again(faulty: Faulty):
    with Client(faulty.url) as client:
        for _ in range(5):
            client.model_status()
    assert (len(faulty.requests), faulty.connections) == (5, 1)


def test_the_token_is_sent_and_no_netrc_takes_its_place(
    faulty: Faulty, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password other\n")
    monkeypatch.setenv("NETRC", str(netrc))
    with Client(faulty.url, token="secret") as client:
        client.model_status()
        assert "secret" not in repr(client)
    with Client(faulty.url) as client:
        client.model_status()
    first, second = (headers for _, _, headers in faulty.requests)
    assert first["Authorization"] == "Bearer secret"
    assert "Authorization" not in second


def test_a_redirect_is_not_followed_with_the_token(faulty: Faulty):
    faulty.answers = [(307, "", {"Location": "http://elsewhere.example/"})]
    with Client(faulty.url, token="secret") as client, pytest.raises(errors.ServerError, match=r"elsewhere\.example"):
        client.predict(SEVEN)
    assert len(faulty.requests) == 1


@pytest.mark.parametrize(
    "body",
    ["<html>It works!</html>", "[]", "null", '{"status": "ready"}', '{"status": "ready", "model": {"version": 1}}'],
)
def test_a_reply_of_another_program_is_reported(faulty: Faulty, body: str):
    faulty.answers = [(200, body, {})]
    with Client(faulty.url) as client, pytest.raises(errors.ServerError, match="mnist-classifier|another version"):
        client.model_status()


def test_unknown_fields_of_a_newer_server_are_ignored(faulty: Faulty):
    model = {"version": 3, "name": "n", "created_at": "2026-11-22T12:35:14+00:00", "recipe": None, "parameters": 1}
    faulty.body = {**STATUS, "model": {**model, "metrics": {}, "colour": "green"}, "weather": "fine"}
    with Client(faulty.url) as client:
        status = client.model_status()
    assert status.model is not None
    assert status.model.version == 3


def test_a_picture_is_sent_unchanged_with_options_in_the_query(faulty: Faulty):
    faulty.body = {
        **{"prediction": 7, "confidence": 0.9, "probabilities": [0.1] * 10, "verdict": "digit"},
        **{"candidates": [], "not_a_digit": 0.0, "warnings": []},
    }
    with Client(faulty.url) as client:
        client.predict(png(), version=3, not_a_digit_above=0.25)
        client.predict(png())
    (method, path, headers), (_, plain, plain_headers) = faulty.requests
    assert (plain, plain_headers["Content-Type"]) == ("/predict", "image/png")
    assert (method, path) == ("POST", "/predict?version=3&not_a_digit_above=0.25")
    assert int(headers["Content-Length"]) == len(png()) < len(base64.b64encode(png()))


@pytest.mark.parametrize("url", ["127.0.0.1:5000", "", "ftp://x", "http://", "localhost"])
def test_an_invalid_address_is_refused_at_once(url: str):
    with pytest.raises(errors.InvalidConfig, match="http://127"):
        Client(url)


def test_every_error_class_is_found_by_its_code():
    def tree(kind: type[errors.MnistError]) -> list[type[errors.MnistError]]:
        return [kind, *(sub for child in kind.__subclasses__() for sub in tree(child))]

    for kind in tree(errors.MnistError):
        if kind.__module__ == errors.__name__ and not issubclass(kind, errors.ServerError):
            found = errors.error_of_code(kind.code, "words", "field", 400)
            assert (type(found), found.message, found.field) == (kind, "words", "field")


def test_labels_of_an_array_are_sent_as_they_are(client: Client):
    """Who loops over a data set has NumPy's integers, which JSON does not take."""
    sent = client.correct(SEVEN, np.uint8(7))
    assert client.edit_correction(sent.id, label=np.int64(1)).label == 1
    with pytest.raises(errors.InvalidInput, match="label must be 0 to 9 or not_a_digit"):
        client.correct(SEVEN, 10)
    client.delete_correction(sent.id)


def test_corrections_are_sent_listed_changed_exported_and_deleted(client: Client):
    sent = client.correct(SEVEN, 7, writer="Anna", strokes=[[(1, 2), (3, 4)]])
    assert (sent.label, sent.writer, sent.source, sent.merged, sent.has_image) == (7, "Anna", "api", False, True)
    assert client.correct(SEVEN, 7, writer="Anna").merged
    other = client.correct(SEVEN, "not_a_digit")
    assert other.contradicts == (sent.id,)
    number = client.number(TWO_SEVENS)
    boxed = client.correct(TWO_SEVENS, 7, box=number.digits[1].box, version=0)
    assert [each.id for each in client.corrections()] == [boxed.id, other.id, sent.id]
    assert [each.id for each in client.corrections(writer="Anna", label=7, source="api")] == [sent.id]
    assert [each.id for each in client.corrections(contradictions=True)] == [other.id, sent.id]
    assert client.edit_correction(other.id, label=1, writer="Ben").label == 1
    archive = client.export_corrections("png", writer="Ben")
    client.delete_correction(other.id)
    with pytest.raises(errors.CorrectionMissing):
        client.edit_correction(other.id, label=1)
    imported = client.import_corrections(archive)
    assert (imported.count, imported.added, imported.merged, imported.contradictions) == (1, 1, 0, 1)
    assert client.purge_corrections("Anna") == 1
    assert client.purge_corrections() == 2
    with pytest.raises(errors.InvalidArchive):
        client.import_corrections(b"nonsense")
    with pytest.raises(errors.InvalidInput, match="format"):
        client.export_corrections("csv")  # type: ignore[arg-type]


def test_a_sheet_is_read_and_stored(client: Client):
    picture = fill(generated_writers(3)[0], np.random.default_rng(2), empty=frozenset({0})).picture
    found = client.read_sheet(picture)
    assert (found.cells[0].state, found.cells[17].label, found.stored) == ("empty", 7, 0)
    stored = client.read_sheet(picture, writer="Anna", store=[17, 18], labels={18: 3})
    assert (stored.stored, stored.merged, stored.contradictions) == (2, 0, 0)
    assert sorted((each.label, each.writer) for each in client.corrections()) == [(3, "Anna"), (7, "Anna")]
    assert client.read_sheet(picture, store="ready").stored >= 90
    with pytest.raises(errors.InvalidInput, match="empty"):
        client.read_sheet(picture, store=[0])
    with pytest.raises(errors.InvalidImage, match="all four corners"):
        client.read_sheet(SEVEN)


def test_all_pages_of_corrections_are_yielded(client: Client, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("mnist_classifier.client.corrections.PAGE", 4)
    client.purge_corrections()
    sent = [client.correct(SEVEN, label).id for label in range(10)]
    assert [each.id for each in client.corrections()] == sorted(sent, reverse=True)
    assert client.purge_corrections() == 10


# A slash and what a URL gives a meaning to are part of a name like other characters.
@pytest.mark.parametrize("writer", ["Anna", "A/B & Söhne?#%"])
def test_a_writer_is_learned_read_listed_and_forgotten(client: Client, writer: str):
    client.purge_corrections()
    rng = np.random.default_rng(0)
    crosses = [draw(LETTER_X, pen_px=18, rng=rng) for _ in range(13)]
    for cross in crosses[:9]:
        client.correct(cross, 4, writer=writer)
    with pytest.raises(errors.TooFewExamples, match="needs at least 10 corrections"):
        client.personalise(writer)
    sent = [client.correct(cross, 4, writer=writer).id for cross in crosses[9:12]]
    made = client.personalise(f" {writer} ")
    assert (made.writer, made.base_version, made.examples, made.corrections[-3:]) == (writer, 0, 12, tuple(sent))
    assert made.figures["right_before"] < made.figures["right_after"] <= 12
    assert client.personal_models() == (made,)
    cross, both = crosses[12], np.hstack([SEVEN, 255 - crosses[12]])
    field = Field("all", (0, 0, 560, 280), Expected(length=2))
    assert (client.predict(cross).prediction, client.predict(cross, personal=writer).prediction) == (None, 4)
    assert [each.prediction for each in client.predict_many([SEVEN, cross], personal=writer)] == [7, 4]
    assert (client.number(both).number, client.number(both, personal=writer).number) == ("7", "74")
    assert client.fields(both, [field], personal=writer)[0].number == "74"
    client.forget(writer)
    assert (client.personal_models(), len(list(client.corrections()))) == ((), 12)
    with pytest.raises(errors.PersonalModelMissing, match="there is no personal model"):
        client.predict(cross, personal=writer)
    with pytest.raises(errors.PersonalModelMissing):
        client.forget(writer)


def test_a_glyph_is_read_by_a_personal_model(client: Client):
    client.purge_corrections()
    rng = np.random.default_rng(0)
    for _ in range(12):
        client.correct(draw(LETTER_X, pen_px=18, rng=rng), 4, writer="Anna")
    client.personalise("Anna")
    glyph = make_glyph(draw(LETTER_X, pen_px=18, rng=rng))
    assert client.predict_glyph(glyph).prediction is None
    assert client.predict_glyph(glyph, personal="Anna").prediction == 4
    client.forget("Anna")
