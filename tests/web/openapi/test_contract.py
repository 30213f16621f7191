"""Whatever schemathesis makes of the OpenAPI document, the application answers as that says.

The rest of this file are requests that did not get such an answer once.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from flask.testing import FlaskClient

from mnist_classifier.core.errors import MnistError
from mnist_classifier.web.services.services import EXTENSION, Services
from tests.contract import contract_app, try_contract
from tests.versions import save
from tests.web.asserts import assert_error
from tests.web.conformance import document
from tests.web.routes.test_predict import SEVEN

DEFAULT_EXAMPLES = 12


@pytest.mark.slow
def test_no_request_gets_an_answer_that_the_document_does_not_promise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pytestconfig: pytest.Config
):
    examples = pytestconfig.getoption("--contract-examples")
    app = contract_app(tmp_path / "home", monkeypatch)
    outcome = try_contract(app, examples, stateful=examples > DEFAULT_EXAMPLES)
    app.extensions[EXTENSION].close()
    print(f"\n{outcome.requests} requests to {len(outcome.operations)} operations; not sent: {outcome.unsent}")
    assert outcome.violations == ()
    described = {f"{method.upper()} {path}" for path, item in document()["paths"].items() for method in item}
    assert described - outcome.operations <= {"GET /openapi.json"}  # which it has read to know the others
    assert outcome.requests > 1000


def test_a_broken_promise_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    app = contract_app(tmp_path / "home", monkeypatch)

    def broken() -> tuple[dict[str, str], int]:
        return {"status": "well"}, 200

    broken.__operation__ = app.view_functions["api.healthz"].__operation__  # type: ignore[attr-defined]
    app.view_functions["api.healthz"] = broken
    violations = try_contract(app, 1, only="/healthz").violations
    app.extensions[EXTENSION].close()
    assert any("healthz" in words and "ok" in words for words in violations)


@pytest.mark.parametrize("number", ["9" * 10, "9" * 400])
def test_a_number_that_no_database_takes_is_not_found_whatever_the_method(client: FlaskClient, number: str):
    for method in ("GET", "PATCH", "DELETE"):
        assert_error(client.open(f"/api/models/{number}", method=method), 404, "not_found")
    for path in (f"/api/runs/{number}/cancel", f"/api/models/{number}/promote"):
        assert_error(client.post(path), 404, "not_found")


@pytest.mark.parametrize(
    "query", ["version=", "version=latest", "version=-1", "mode=", "ambiguous_below=", "not_a_digit_above=NaN"]
)
def test_the_query_is_checked_where_the_body_goes_before_it_too(client: FlaskClient, query: str):
    body = {"image": SEVEN, "version": 0, "mode": "digit", "ambiguous_below": 0.1, "not_a_digit_above": 0.9}
    assert_error(client.post(f"/predict?{query}", json=body), 400, "invalid_input", query.partition("=")[0])


@pytest.mark.parametrize(
    "path", ["/predict?steps=maybe", "/api/runs?limit=", "/api/runs?limit=٣", "/api/models/promotions?limit=1e2"]
)
def test_parameters_are_checked_in_one_way(client: FlaskClient, path: str):
    method = "POST" if path.startswith("/predict") else "GET"
    response = client.open(path, method=method, json={"image": SEVEN} if method == "POST" else None)
    assert_error(response, 400, "invalid_input", path.partition("?")[2].partition("=")[0])


@pytest.mark.parametrize("name", ["label_smoothing", "epochs"])
def test_a_number_without_a_float_is_out_of_range(client: FlaskClient, name: str):
    body = f'{{"{name}": {"9" * 400}}}'
    assert_error(client.post("/retrain", data=body), 400, "invalid_config", name)


def test_what_a_database_may_not_store_is_refused(client: FlaskClient, services: Services):
    save(services.registry)
    assert_error(client.patch("/api/models/1", json={"note": "a\0b"}), 400, "invalid_input", "note")
    assert_error(client.post("/api/models/rollback", json={"from": 10**30}), 400, "invalid_input", "from")
    assert_error(client.get("/api/runs?search=%00"), 400, "invalid_input", "search")


def test_no_strokes_may_be_said_as_null(client: FlaskClient):
    assert client.post("/predict", json={"image": SEVEN, "strokes": None}).status_code == 200


def test_every_error_is_found_by_its_code():
    """Two classes of one code could not be told apart by a client."""
    kinds = [MnistError]
    for kind in kinds:
        kinds.extend(kind.__subclasses__())
    assert len({kind.code for kind in kinds}) == len(set(kinds))
