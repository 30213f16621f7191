from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from datetime import timedelta

import pytest
from flask.testing import FlaskClient

from mnist_classifier.core.database import Store, now
from mnist_classifier.core.records import Verdict
from mnist_classifier.core.settings import PRETRAINED_DIR, Settings
from mnist_classifier.learning.corrections import Corrections, NewCorrection
from mnist_classifier.learning.reading_counts import Key, ReadingCounts, Tally
from mnist_classifier.registry.manifest import read_manifest
from mnist_classifier.web.app import create_app
from mnist_classifier.web.services.services import EXTENSION, Services
from tests.handwriting import glyphs
from tests.learning.test_lineage import trained_on
from tests.web.asserts import assert_error
from tests.web.routes.test_predict import SEVEN

VALIDATION = read_manifest(PRETRAINED_DIR)["metrics"]["validation"]
INK = VALIDATION["ink"]["mean"]


def this_hour():
    return now().replace(minute=0, second=0, microsecond=0)


def count_week(store: Store, *, in_doubt: int, ink: float = INK, version: int = 0) -> None:
    """A hundred readings in each of twelve hours, `in_doubt` of each hundred in doubt."""
    ReadingCounts(store).add(
        {
            Key(this_hour() - timedelta(hours=hour), version, verdict): Tally(count, 0, 0.9 * count, ink * count, count)
            for hour in range(12)
            for verdict, count in ((Verdict.DIGIT, 100 - in_doubt), (Verdict.AMBIGUOUS, in_doubt))
        }
    )


def test_without_readings_nothing_is_said(client: FlaskClient):
    found = client.get("/api/drift").json
    assert (found["readings"], found["advice"], found["doubtful"], found["periods"]) == (0, "wait", None, [])
    assert "At least 100 are needed" in found["sentence"]


def test_readings_of_every_route_are_counted(client: FlaskClient, services: Services):
    blank = [[0] * 784]
    assert client.post("/predict", json={"image": SEVEN}).json["verdict"] == "digit"
    client.post("/predict", json={"image": SEVEN, "mode": "number"})
    client.post("/api/predict/batch", json={"glyphs": [*glyphs(1).images.reshape(1, 784).tolist(), *blank]})
    client.post("/predict?ambiguous_below=1", json={"image": SEVEN})
    client.post("/api/predict/batch?ambiguous_below=1", json={"glyphs": blank})
    services.tally.flush()
    found = client.get("/api/drift").json
    assert (found["readings"], found["verdicts"]["blank"]) == (3, 1)


@pytest.mark.parametrize(("in_doubt", "advice"), [(1, "nothing"), (9, "collect")])
def test_drift_is_told_with_figures_and_a_sentence(client: FlaskClient, services: Services, in_doubt: int, advice: str):
    count_week(services.store, in_doubt=in_doubt, ink=0.62 * INK)
    found = client.get("/api/drift").json
    assert (found["readings"], found["advice"], found["version"]) == (1200, advice, 0)
    assert found["doubtful"]["value"] == pytest.approx(in_doubt / 100)
    assert found["doubtful"]["reference"] == pytest.approx(
        (VALIDATION["verdicts"]["ambiguous"] + VALIDATION["verdicts"]["not_a_digit"]) / VALIDATION["images"]
    )
    assert found["sentence"].startswith(f"In the last week, {in_doubt} % of 1,200 digits were refused or ambiguous")
    assert "Strokes are thinner (ink 62 instead of 100)." in found["sentence"]


def test_waiting_corrections_make_retraining_worth_it(client: FlaskClient, services: Services):
    count_week(services.store, in_doubt=9)
    Corrections(services.store).add_many([NewCorrection(glyph, 7, "page") for glyph in glyphs(25).images])
    found = client.get("/api/drift").json
    assert (found["advice"], found["corrections"]) == ("retrain", 25)
    assert found["sentence"].endswith(
        "25 corrections are waiting: retrain with them. "
        "With fewer than about 100 in all, you decide whether to use the new version."
    )


def test_a_version_waits_only_for_corrections_that_it_has_not_seen(services: Services):
    """Those that were sent while it was trained were counted as learned."""
    corrections = Corrections(services.store)
    added = corrections.add_many([NewCorrection(glyph, 7, "page") for glyph in glyphs(25).images])
    ids = [each.correction.id for each in added]
    box = services.registry.get(0)
    assert services.drift.look(box, 168).drift.corrections == 25
    training = trained_on(0, used=ids[:15], measured=ids[15:20])
    learned = replace(box, created_at=now(), manifest={**box.manifest, "training": training})
    assert services.drift.look(learned, 168).drift.corrections == 5
    corrections.edit(ids[0], label=1)
    assert services.drift.look(learned, 168).drift.corrections == 6


def test_other_versions_and_older_readings_do_not_count(client: FlaskClient, services: Services):
    count_week(services.store, in_doubt=9, version=5)
    ReadingCounts(services.store).add({Key(this_hour() - timedelta(hours=30), 0, Verdict.DIGIT): Tally(500)})
    assert client.get("/api/drift?hours=24").json["readings"] == 0
    assert client.get("/api/drift?hours=48").json["readings"] == 500


def test_many_hours_are_shown_by_day(client: FlaskClient, services: Services):
    count_week(services.store, in_doubt=1)
    by_hour, by_day = (client.get(f"/api/drift?hours={hours}").json for hours in (24, 720))
    assert (by_hour["is_daily"], len(by_hour["periods"])) == (False, 12)
    assert by_day["is_daily"] is True
    assert len(by_day["periods"]) <= 2
    assert sum(each["readings"] for each in by_day["periods"]) == 1200


@pytest.mark.parametrize("hours", ["0", "8761", "x"])
def test_a_wrong_time_is_refused(client: FlaskClient, hours: str):
    assert_error(client.get(f"/api/drift?hours={hours}"), 400, "invalid_input", field="hours")


def test_an_older_version_is_compared_with_what_is_known_of_it(services: Services):
    count_week(services.store, in_doubt=9)
    box = services.registry.get(0)
    figures = {name: value for name, value in VALIDATION.items() if name not in ("verdicts", "low_confidence")}
    old = replace(box, manifest={**box.manifest, "metrics": {"validation": figures}})
    drift = services.drift.look(old, 168).drift  # the MNIST files are missing here
    assert (drift.advice.value, drift.doubtful and drift.doubtful.reference) == ("unknown", None)
    assert drift.ink is not None


@pytest.mark.slow
def test_an_older_version_is_measured_if_the_mnist_files_are_there(settings: Settings, mnist_dirs):
    app = create_app(replace(settings, data_dir=next(each for each in mnist_dirs if each.is_dir())))
    found: Services = app.extensions[EXTENSION]
    with closing(found):
        box = found.registry.get(0)
        old = replace(box, manifest={**box.manifest, "metrics": {}})
        measured, known = (found.drift._reference(version) for version in (old, box))
        assert measured.doubtful == known.doubtful
        assert measured.low_confidence == known.low_confidence
        assert measured.ink == pytest.approx(known.ink, abs=1e-5)
        assert measured.confidence == pytest.approx(known.confidence, abs=1e-4)
