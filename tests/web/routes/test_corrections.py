from __future__ import annotations

import base64
import io
from typing import Any

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest
from flask.testing import FlaskClient
from PIL import Image
from werkzeug.test import TestResponse

from mnist_classifier.core.database import Store
from mnist_classifier.core.settings import Settings
from mnist_classifier.learning.corrections import Corrections, NewCorrection
from mnist_classifier.recognition.imaging.decode import encode_png
from mnist_classifier.recognition.imaging.preprocess import make_glyph
from mnist_classifier.registry.versions import Registry
from mnist_classifier.web.services.services import Services
from tests import versions
from tests.handwriting import STROKES, draw
from tests.learning.test_lineage import trained_on
from tests.web.asserts import assert_error
from tests.web.conftest import MakeClient
from tests.web.routes.test_predict import SEVEN

TOKEN = "correct-horse-battery"
ONE, OTHER_SEVEN = (draw(STROKES[label], pen_px=18, rng=np.random.default_rng(5)) for label in (1, 7))


def base64_of(pixels: np.ndarray) -> str:
    return base64.b64encode(encode_png(pixels)).decode()


def sent(client: FlaskClient, label: object = 7, **fields: object) -> TestResponse:
    return client.post("/api/corrections", json={"image": SEVEN, "label": label, **fields})


def stored(client: FlaskClient, label: object = 7, **fields: object) -> dict[str, Any]:
    reply = sent(client, label, **fields)
    assert reply.status_code == 201, reply.json
    correction: dict[str, Any] = reply.json["correction"]
    return correction


def listed(client: FlaskClient, query: str = "") -> list[int]:
    return [each["id"] for each in client.get(f"/api/corrections?{query}").json["corrections"]]


def test_deleting_a_correction_names_the_versions_that_learned_it(
    client: FlaskClient, settings: Settings, store: Store
):
    learned, other = stored(client)["id"], stored(client, 1, image=base64_of(ONE))["id"]
    registry = Registry.of(settings, store)
    for base, used in ((0, learned), (0, other), (1, other)):
        facts = {"count": 1, "held_out": 0, "base": base, "used": [[used, "0" * 64, 7]], "measured": []}
        versions.save(registry, training={**versions.MANIFEST["training"], "corrections": facts})
    assert client.delete(f"/api/corrections/{learned}").json == {"deleted": learned, "seen_by": [1, 3]}


def test_a_label_is_stored_with_glyph_picture_strokes_and_reading(client: FlaskClient):
    strokes = [[[1.0, 2.0], [3.0, 4.5]]]
    reading = {"prediction": 1, "confidence": 0.5, "verdict": "ambiguous", "not_a_digit": 0.25}
    found = stored(client, writer=" Anna ", source="page", strokes=strokes, reading=reading, version=0)
    assert (found["label"], found["writer"], found["source"], found["times"]) == (7, "Anna", "page", 1)
    assert (found["reading"], found["model_version"], found["contradicts"]) == (reading, 0, [])
    details = client.get(f"/api/corrections/{found['id']}").json
    assert details == {**found, "strokes": strokes}
    image = client.get(f"/api/corrections/{found['id']}/image")
    assert (image.mimetype, Image.open(io.BytesIO(image.data)).size) == ("image/png", (280, 280))


def test_without_a_reading_the_server_says_what_it_reads(client: FlaskClient):
    found = stored(client, "not_a_digit")
    assert found["label"] == "not_a_digit"
    assert (found["reading"]["prediction"], found["reading"]["verdict"], found["model_version"]) == (7, "digit", 0)
    assert (found["source"], found["writer"]) == ("api", "")


def test_nothing_is_stored_by_reading(client: FlaskClient):
    client.post("/predict", json={"image": SEVEN})
    client.post("/predict", json={"image": SEVEN, "mode": "number"})
    assert listed(client) == []


def test_the_same_again_is_merged_and_answered_with_200(client: FlaskClient):
    first = stored(client)
    reply = sent(client)
    assert (reply.status_code, reply.json["merged"]) == (200, True)
    assert (reply.json["correction"]["id"], reply.json["correction"]["times"]) == (first["id"], 2)


def test_another_label_for_the_same_glyph_is_shown_as_a_contradiction(client: FlaskClient):
    first, reply = stored(client), sent(client, 1, writer="Anna")
    assert reply.json["contradicts"] == reply.json["correction"]["contradicts"] == [first["id"]]
    stored(client, 1, image=base64_of(ONE))
    page = client.get("/api/corrections?contradictions=1").json
    assert [each["contradicts"] for each in page["corrections"]] == [[first["id"]], [reply.json["correction"]["id"]]]
    assert (page["count"], page["totals"]["contradictions"], page["totals"]["count"]) == (2, 2, 3)


def test_one_digit_of_a_number_is_corrected_by_its_box(client: FlaskClient):
    number = {"image": base64_of(np.hstack([ONE, OTHER_SEVEN])), "mode": "number"}
    read = client.post("/predict", json=number).json
    assert read["number"] == "17"
    found = stored(client, 7, image=number["image"], box=read["digits"][1]["box"])
    assert found["reading"]["prediction"] == 7
    assert len({stored(client, 1, image=number["image"], box=read["digits"][0]["box"])["glyph"], found["glyph"]}) == 2


def test_a_glyph_is_stored_unchanged(client: FlaskClient, services: Services):
    glyph = make_glyph(ONE)
    assert glyph is not None
    found = client.post("/api/corrections", json={"glyph": glyph.ravel().tolist(), "label": 1}).json["correction"]
    assert services.corrections.get(found["id"]).glyph == glyph.tobytes()
    assert found["has_image"] is False
    image = client.get(f"/api/corrections/{found['id']}/image")
    np.testing.assert_array_equal(np.array(Image.open(io.BytesIO(image.data))), glyph)


def test_pages_filters_and_totals(client: FlaskClient):
    first = stored(client, writer="Anna", source="page")
    second = stored(client, 1, image=base64_of(ONE))
    third = stored(client, 7, image=base64_of(OTHER_SEVEN), writer="Anna")
    ids = [third["id"], second["id"], first["id"]]
    assert listed(client) == ids
    page = client.get("/api/corrections?limit=2").json
    assert page["next"] == second["id"]
    rest = client.get(f"/api/corrections?limit=2&after={page['next']}").json
    assert [each["id"] for each in page["corrections"] + rest["corrections"]] == ids
    assert rest["next"] is None
    assert listed(client, "label=7") == listed(client, "writer=Anna") == [third["id"], first["id"]]
    assert listed(client, "writer=") == listed(client, "label=1") == [second["id"]]
    assert listed(client, "source=page&writer=Anna&label=7") == [first["id"]]
    assert listed(client, "label=not_a_digit") == []
    refused = client.get("/api/corrections?label=11").json["error"]
    assert refused["message"] == "label must be 0 to 9, or not_a_digit, not '11'"
    assert page["totals"] == {
        "count": 3,
        "labels": {"1": 1, "7": 2},
        "writers": [{"name": "Anna", "count": 2}, {"name": "", "count": 1}],
        "sources": {"api": 2, "page": 1},
        "contradictions": 0,
    }


def test_undo_deletes_and_a_new_label_replaces_the_old_one(client: FlaskClient):
    path = f"/api/corrections/{stored(client)['id']}"
    changed = client.patch(path, json={"label": "not_a_digit", "writer": "Anna"}).json["correction"]
    assert (changed["label"], changed["writer"]) == ("not_a_digit", "Anna")
    assert client.delete(path).json == {"deleted": changed["id"], "seen_by": []}
    for method in ("GET", "PATCH", "DELETE"):
        assert_error(client.open(path, method=method, json={"label": 1}), 404, "correction_missing")
    assert_error(client.get(f"{path}/image"), 404, "correction_missing")


def test_a_purge_needs_to_be_confirmed(client: FlaskClient):
    stored(client, writer="Anna")
    stored(client, image=base64_of(OTHER_SEVEN))
    assert_error(client.delete("/api/corrections?writer=Anna"), 400, "invalid_input", "confirm")
    misspelt = client.delete("/api/corrections?wirter=Anna&confirm=1")
    assert_error(misspelt, 400, "invalid_input", "wirter")
    assert len(listed(client)) == 2
    assert client.delete("/api/corrections?writer=Anna&confirm=1").json == {"deleted": 1, "seen_by": []}
    assert client.delete("/api/corrections?confirm=1").json == {"deleted": 1, "seen_by": []}
    assert listed(client) == []


def test_versions_that_learned_what_was_deleted_are_named(client: FlaskClient, services: Services):
    first, second, third = (stored(client, label, writer="Anna")["id"] for label in (7, 1, 2))
    versions.save(services.registry, training=trained_on(0, used=[first, second], measured=[]))
    assert client.delete(f"/api/corrections/{first}").json["seen_by"] == [1]
    assert client.delete(f"/api/corrections/{third}").json["seen_by"] == []
    assert client.delete("/api/corrections?writer=Anna&confirm=1").json == {"deleted": 1, "seen_by": [1]}


@pytest.mark.parametrize(
    ("body", "code", "field"),
    [
        ({}, "invalid_input", "label"),
        ({"label": 7}, "invalid_image", "image"),
        ({"image": SEVEN, "glyph": [0] * 784, "label": 7}, "invalid_image", "image"),
        ({"image": SEVEN}, "invalid_input", "label"),
        ({"image": SEVEN, "label": 10}, "invalid_input", "label"),
        ({"image": SEVEN, "label": "seven"}, "invalid_input", "label"),
        ({"image": SEVEN, "label": 7.5}, "invalid_input", "label"),
        ({"image": SEVEN, "label": True}, "invalid_input", "label"),
        ({"image": SEVEN, "label": 7, "writer": "x" * 101}, "invalid_input", "writer"),
        ({"image": SEVEN, "label": 7, "writer": "a\0b"}, "invalid_input", "writer"),
        ({"image": SEVEN, "label": 7, "writer": "\u200b\u2060"}, "invalid_input", "writer"),
        ({"image": SEVEN, "label": 7, "source": "import!"}, "invalid_input", "source"),
        ({"image": SEVEN, "label": 7, "box": [0, 0, 1]}, "invalid_input", "box"),
        ({"image": SEVEN, "label": 7, "box": [5000, 0, 20, 20]}, "invalid_input", "box"),
        ({"image": SEVEN, "label": 7, "strokes": [[]]}, "invalid_input", "strokes"),
        ({"image": SEVEN, "label": 7, "version": "newest"}, "invalid_input", "version"),
        ({"image": SEVEN, "label": 7, "reading": {"prediction": 3}}, "invalid_input", "reading.confidence"),
        ({"image": "bm90IGEgcGljdHVyZQ==", "label": 7}, "invalid_image", "image"),
        ({"image": base64_of(np.zeros((50, 50), np.uint8)), "label": 7}, "invalid_image", "image"),
        ({"glyph": [0] * 784, "label": 7}, "invalid_image", "image"),
        ({"glyph": [1] * 783, "label": 7}, "invalid_input", "glyph"),
        ({"glyph": [256] * 784, "label": 7}, "invalid_input", "glyph"),
        ({"glyph": [9] * 784, "label": 7, "box": [0, 0, 9, 9]}, "invalid_input", "box"),
    ],
)
def test_what_is_wrong_is_refused_in_words_and_nothing_is_stored(
    client: FlaskClient, body: dict[str, object], code: str, field: str
):
    assert_error(client.post("/api/corrections", json=body), 400, code, field)
    assert listed(client) == []


def test_a_wrong_label_is_answered_with_the_labels(client: FlaskClient):
    """As text, as a form would send it, it was called an invalid enum value."""
    message = client.post("/api/corrections", json={"image": SEVEN, "label": "7"}).json["error"]["message"]
    assert message == "label must be 0 to 9 or not_a_digit, not '7'"


_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4) | st.just(SEVEN),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=6,
)
_fields = ("label", "image", "glyph", "writer", "source", "strokes", "box", "version", "reading")


@hypothesis.settings(max_examples=150, suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture])
@hypothesis.given(body=st.dictionaries(st.sampled_from(_fields), _values, max_size=5), label=st.sampled_from([3, None]))
def test_any_json_is_stored_or_refused_in_words(client: FlaskClient, body: dict[str, object], label: int | None):
    sent = {**body, "label": label, "image": SEVEN} if label is not None else body
    reply = client.post("/api/corrections", json=sent)
    assert reply.status_code in (200, 201, 400, 404), reply.text


def test_a_version_that_there_is_not_is_named(client: FlaskClient):
    assert_error(sent(client, version=99), 404, "version_missing", "version")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/corrections"),
        ("POST", "/api/corrections"),
        ("GET", "/api/corrections/1"),
        ("GET", "/api/corrections/1/image"),
        ("PATCH", "/api/corrections/1"),
        ("DELETE", "/api/corrections/1"),
        ("DELETE", "/api/corrections?confirm=1"),
        ("GET", "/api/corrections/export"),
        ("POST", "/api/corrections/import"),
    ],
)
def test_what_people_drew_is_neither_seen_nor_changed_without_the_token(
    make_client: MakeClient, method: str, path: str
):
    client = make_client(host="0.0.0.0", token=TOKEN)
    assert_error(client.open(path, method=method), 401, "token_missing")
    assert client.open(path, method=method, headers={"Authorization": f"Bearer {TOKEN}"}).status_code != 401


def test_what_people_drew_stays_in_no_cache(client: FlaskClient):
    """A browser kept pictures on its disk that were deleted here."""
    paths = ("", f"/{(number := stored(client)['id'])}", f"/{number}/image", "/export")
    for path in [*(f"/api/corrections{each}" for each in paths), "/api/personal", "/api/proposals"]:
        assert client.get(path).headers["Cache-Control"] == "no-store"
    assert "Cache-Control" not in client.post("/predict", json={"image": SEVEN}).headers


def test_a_flood_is_slowed_down(make_client: MakeClient):
    client = make_client(rate_limit=1)
    statuses = [sent(client).status_code for _ in range(8)]
    assert statuses[0] == 201
    assert statuses[-1] == 429


def test_retention_deletes_at_the_start(make_client: MakeClient, store: Store):
    Corrections(store).add(NewCorrection(np.full((28, 28), 200, np.uint8), 7, "api"))
    assert len(listed(make_client(corrections_days=1))) == 1
    with store.writing() as connection:
        connection.exec_driver_sql("UPDATE corrections SET changed_at = '2020-01-01 00:00:00'")
    assert len(listed(make_client())) == 1
    client = make_client(corrections_days=1)
    assert listed(client) == []
    assert client.get("/api/corrections").json["days"] == 1


@pytest.mark.parametrize("kind", ["idx", "png", "parquet"])
def test_what_is_exported_can_be_imported_again(client: FlaskClient, kind: str):
    stored(client, "not_a_digit", writer="Anna")
    stored(client, 1, image=base64_of(ONE))
    before = client.get("/api/corrections").json
    archive = client.get(f"/api/corrections/export?format={kind}")
    assert archive.mimetype == "application/zip"
    client.delete("/api/corrections?confirm=1")
    reply = client.post("/api/corrections/import", data=archive.data, content_type="application/zip")
    assert (reply.status_code, reply.json) == (201, {"count": 2, "added": 2, "merged": 0, "contradictions": 0})
    after = client.get("/api/corrections").json
    kept = [
        sorted((str(each["label"]), each["writer"], each["glyph_sha256"]) for each in page["corrections"])
        for page in (before, after)
    ]
    assert kept[0] == kept[1]
    form = {"file": (io.BytesIO(archive.data), "corrections.zip")}
    assert client.post("/api/corrections/import", data=form).json["merged"] == 2


def test_an_export_is_filtered(client: FlaskClient):
    stored(client, writer="Anna")
    stored(client, 1, image=base64_of(ONE))
    archive = client.get("/api/corrections/export?writer=Anna").data
    client.delete("/api/corrections?confirm=1")
    assert client.post("/api/corrections/import", data=archive, content_type="application/zip").json["count"] == 1


def test_a_file_that_is_wrong_imports_nothing(client: FlaskClient):
    for data in (b"", b"no archive", b"PK\3\4 nonsense", b"PAR1 nonsense"):
        reply = client.post("/api/corrections/import", data=data, content_type="application/octet-stream")
        assert_error(reply, 400, "invalid_archive", "file")
    assert_error(client.post("/api/corrections/import", data={"other": "x"}), 400, "invalid_archive", "file")
    assert listed(client) == []
