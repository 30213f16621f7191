from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from mnist_classifier.core.records import EpochResult, Phase, RunStatus
from mnist_classifier.core.settings import Settings
from mnist_classifier.core.train_config import TrainConfig
from mnist_classifier.runs import claims
from mnist_classifier.web.app import create_app
from mnist_classifier.web.services.services import EXTENSION, Services
from mnist_classifier.web.services.streams import Streams
from tests.web.asserts import assert_error

EPOCH = EpochResult(1, 3, 0.5, 0.8, 0.2, 0.95, 0.001, 9000.0, 6.0, 0.2)


@pytest.fixture
def run_id(services: Services) -> int:
    """A run that is under way, with an epoch behind it."""
    run = services.runs.create(TrainConfig(epochs=3))
    services.runs.start(run.id, pid=1)
    services.runs.add_event(run.id, "step", {"epoch": 1, "step": 10, "steps": 100, "loss": 1.0})
    services.runs.add_event(run.id, "epoch", EPOCH.__dict__)
    return run.id


def messages(body: str) -> list[tuple[str, str, object]]:
    """Server-sent events: id, kind and data of each."""
    found = []
    for block in body.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
        if "data" in fields:
            found.append((fields.get("id", ""), fields["event"], json.loads(fields["data"])))
    return found


def test_the_stream_tells_everything_and_then_the_end(client: FlaskClient, services: Services, run_id: int):
    services.runs.finish(run_id, RunStatus.SUCCEEDED, "version 1")
    response = client.get(f"/api/runs/{run_id}/stream")
    assert response.mimetype == "text/event-stream"
    told = messages(response.text)
    assert [(number, kind) for number, kind, _ in told] == [
        ("1", "status"), ("2", "step"), ("3", "epoch"), ("4", "status"), ("", "end"),
    ]  # fmt: skip
    assert told[2][2]["data"]["validation_accuracy"] == 0.95
    assert told[-1][2]["status"] == "succeeded"


@pytest.mark.parametrize("how", ["header", "query"])
def test_a_stream_is_taken_up_where_it_broke_off(client: FlaskClient, services: Services, run_id: int, how: str):
    services.runs.finish(run_id, RunStatus.SUCCEEDED)
    if how == "header":
        response = client.get(f"/api/runs/{run_id}/stream", headers={"Last-Event-ID": "3"})
    else:
        response = client.get(f"/api/runs/{run_id}/stream?after=3")
    assert [kind for _, kind, _ in messages(response.text)] == ["status", "end"]


def test_a_stream_shows_what_another_process_writes(services: Services, run_id: int):
    lines = services.streams.follow(run_id, 3)
    assert next(lines).startswith(b"retry:")
    services.runs.add_event(run_id, "message", {"text": "hello"})
    assert b"hello" in next(lines)
    lines.close()


def test_streams_end_when_the_server_is_about_to(services: Services, run_id: int):
    assert len(list(Streams(services.runs, 1, is_stopping=lambda: True).follow(run_id, 3))) == 1
    services.streams.close()
    assert len(list(services.streams.follow(run_id, 3))) == 1


def test_places_for_streams_are_few_and_given_back(client: FlaskClient, services: Services, run_id: int):
    taken = [services.streams.follow(run_id, 0) for _ in range(8)]
    assert_error(client.get(f"/api/runs/{run_id}/stream"), 503, "too_many_streams")
    taken[0].close()
    taken[0].close()  # twice does no harm
    services.runs.finish(run_id, RunStatus.FAILED, "no")
    assert client.get(f"/api/runs/{run_id}/stream").status_code == 200
    for lines in taken:
        lines.close()


def test_a_run_whose_worker_is_gone_ends_its_streams(client: FlaskClient, services: Services, run_id: int):
    claims.hand_over(services.runs.get(run_id).claim)  # as the kernel does when a process ends
    assert client.get("/api/runs").get_json()["runs"][0]["status"] == "interrupted"
    told = messages(client.get(f"/api/runs/{run_id}/stream").text)
    assert told[-1][1:] == ("end", told[-1][2])
    assert "mnist runs resume" in told[-1][2]["message"]


def test_who_cannot_stream_may_ask_now_and_then(client: FlaskClient, run_id: int):
    body = client.get(f"/api/runs/{run_id}/events?after=1&limit=1").get_json()
    assert [event["kind"] for event in body["events"]] == ["step"]
    assert body["run"]["status"] == "running"
    assert_error(client.get(f"/api/runs/{run_id}/events?after=x"), 400, "invalid_input", "after")
    assert_error(client.get("/api/runs/99/events"), 404, "run_missing")
    assert_error(client.get("/api/runs/99/stream"), 404, "run_missing")


def test_the_log_is_downloaded_as_csv_and_json(client: FlaskClient, run_id: int):
    response = client.get(f"/api/runs/{run_id}/events.csv")
    assert f"run-{run_id}.csv" in response.headers["Content-Disposition"]
    rows = list(csv.DictReader(io.StringIO(response.text)))
    assert [row["event"] for row in rows] == ["step", "epoch"]
    assert rows[1]["validation_accuracy"] == "0.95"
    body = client.get(f"/api/runs/{run_id}/events.json").get_json()
    assert (body["config"]["epochs"], len(body["events"])) == (3, 3)


def test_no_cell_of_the_downloaded_csv_is_a_formula_and_numbers_stay_numbers(
    client: FlaskClient, services: Services, run_id: int
):
    services.runs.add_event(run_id, "step", {"note": "=1+1", "@name": "\t=1", "loss": -0.5, "gain": -3, "at": "+1"})
    text = client.get(f"/api/runs/{run_id}/events.csv").text
    last = list(csv.DictReader(io.StringIO(text)))[-1]
    assert (last["note"], last["'@name"], last["at"]) == ("'=1+1", "'\t=1", "'+1")
    assert (float(last["loss"]), int(last["gain"])) == (-0.5, -3)


def test_the_list_has_pages_and_is_searched(client: FlaskClient, services: Services):
    for number in range(5):
        run = services.runs.enqueue(TrainConfig.from_mapping({"recipe": "fast" if number % 2 else "classic"}))
        services.runs.finish(run.id, RunStatus.SUCCEEDED)
    first = client.get("/api/runs?limit=2&search=classic").get_json()
    assert [run["run_id"] for run in first["runs"]] == [5, 3]
    second = client.get(first["next"]).get_json()
    assert ([run["run_id"] for run in second["runs"]], second["next"]) == ([1], None)
    assert_error(client.get("/api/runs?limit=1000"), 400, "invalid_input", "limit")


def test_the_form_is_told_every_field_with_its_range(client: FlaskClient):
    body = client.get("/api/config").get_json()
    epochs = next(field for field in body["fields"] if field["name"] == "epochs")
    assert (epochs["default"], epochs["type"], epochs["low"]) == (15, "int", 1)
    assert {"classic", "lightning"} <= {recipe["name"] for recipe in body["recipes"]}


def test_a_training_waits_only_behind_another(client: FlaskClient, services: Services, run_id: int):
    services.runs.enqueue(TrainConfig())
    waiting = {run["run_id"]: run["waiting"] for run in client.get("/api/runs").get_json()["runs"]}
    assert waiting == {run_id: False, run_id + 1: True}
    services.runs.finish(run_id, RunStatus.SUCCEEDED)
    assert client.get("/model-status").get_json()["training"]["message"] == "waiting for another training"
    services.runs.claim_next(1)
    assert client.get(f"/api/runs/{run_id + 1}").get_json()["waiting"] is False
    assert client.get("/model-status").get_json()["training"]["message"] == "starting"


def test_the_status_names_the_phase_until_the_next_step(client: FlaskClient, services: Services, run_id: int):
    def message() -> str:
        text: str = client.get("/model-status").get_json()["training"]["message"]
        return text

    assert message() == "epoch 2 of 3"
    services.runs.add_event(run_id, "phase", {"text": Phase.MEASURING.value})
    assert message() == Phase.MEASURING
    services.runs.add_event(run_id, "epoch", {**EPOCH.__dict__, "epoch": 2})
    assert message() == "epoch 3 of 3"


def test_the_time_left_counts_epochs_and_not_the_start_of_the_process(client: FlaskClient, services: Services):
    run = services.runs.create(TrainConfig(epochs=4))
    services.runs.start(run.id, pid=1)
    step = {"epoch": 1, "step": 50, "steps": 100, "loss": 1.0, "accuracy": 0.5, "images": 9000, "images_per_s": 900.0}
    services.runs.add_event(run.id, "step", step)
    assert client.get("/model-status").get_json()["training"]["eta_s"] == 35.0
    services.runs.add_event(run.id, "epoch", {**EPOCH.__dict__, "elapsed_s": 12.0})
    assert client.get("/model-status").get_json()["training"]["eta_s"] == 36.0


def test_only_a_run_that_broke_off_is_resumed(client: FlaskClient, services: Services, run_id: int):
    assert_error(client.post(f"/api/runs/{run_id}/resume"), 409, "run_in_progress")
    services.runs.finish(run_id, RunStatus.SUCCEEDED)
    assert_error(client.post(f"/api/runs/{run_id}/resume"), 409, "run_finished")
    assert_error(client.post("/api/runs/99/resume"), 404, "run_missing")


def test_a_queued_run_is_refused_with_the_field_to_blame(client: FlaskClient):
    assert_error(client.post("/api/runs", json={"epochs": 0}), 400, "invalid_config", "epochs")


@pytest.fixture
def crowded(settings: Settings) -> Iterator[FlaskClient]:
    app = create_app(replace(settings, max_streams=0))
    yield app.test_client()
    app.extensions[EXTENSION].close()


def test_streams_can_be_switched_off(crowded: FlaskClient):
    run = crowded.application.extensions[EXTENSION].runs.enqueue(TrainConfig())
    assert_error(crowded.get(f"/api/runs/{run.id}/stream"), 503, "too_many_streams")


def test_a_request_opens_no_recipe_file(client: FlaskClient, services: Services, tmp_path: Path):
    path = tmp_path / "mine.json"
    path.write_text('{"base": "lightning", "values": {}}')
    for route in ("/retrain", "/api/runs"):
        for recipe in (str(path), "../mine.json", "mine.json", path.as_uri()):
            assert_error(client.post(route, json={"recipe": recipe}), 400, "invalid_config", "recipe")
    assert services.runs.recent() == []
