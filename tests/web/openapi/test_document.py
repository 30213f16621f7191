"""The OpenAPI document says what the code does, neither less nor more."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, TypedDict

import pytest
import schemathesis
from click.testing import CliRunner
from flask import Flask
from flask.testing import FlaskClient
from msgspec import Meta, Struct

from mnist_classifier.cli.main import main
from mnist_classifier.core.errors import MnistError
from mnist_classifier.core.train_config import TrainConfig
from mnist_classifier.recognition.imaging.decode import decode_base64
from mnist_classifier.registry.aliases import PRODUCTION
from mnist_classifier.web.app import add_routes
from mnist_classifier.web.openapi.document import described_rules, make_document
from mnist_classifier.web.openapi.schemas import Schemas
from mnist_classifier.web.routes.errors import status_of
from mnist_classifier.web.services.services import EXTENSION, Services
from mnist_classifier.web.wire.operation import describe
from tests.contract import contract_app
from tests.web.asserts import assert_error
from tests.web.conformance import ConformingClient, document, operations, path_of
from tests.web.openapi import typescript
from tests.web.routes.test_predict import SEVEN

METHODS = ("get", "post", "patch", "delete", "put")


def test_the_served_document_is_that_of_the_routes(client: FlaskClient):
    served = client.get("/openapi.json")
    assert served.get_json() == document()
    assert client.get("/openapi.json").data == served.data


def test_the_command_prints_the_same_document():
    result = CliRunner().invoke(main, ["openapi"])
    assert result.exit_code == 0
    assert json.loads(result.output) == document()


def test_the_document_is_valid_openapi():
    schemathesis.openapi.from_dict(document()).validate()


def test_every_route_and_method_is_described_and_nothing_else(app: Flask):
    routes = {(rule.rule.replace("<int:", "<"), method.lower()) for rule, method in described_rules(app)}
    described = {
        (path.replace("{", "<").replace("}", ">"), method)
        for path, item in document()["paths"].items()
        for method in item
        if method in METHODS
    }
    assert described == routes


def test_a_route_that_nobody_described_is_an_error_that_says_what_to_do():
    app = Flask("mnist_classifier.web")
    add_routes(app)
    app.add_url_rule("/new", "new", lambda: "", methods=["PUT"])
    with pytest.raises(LookupError, match=r"PUT /new .*@describe.* above new"):
        make_document(app)


@pytest.mark.parametrize("operation", operations().values(), ids=operations())
def test_every_route_has_words(operation: dict[str, Any]):
    assert len(operation["summary"]) > 5
    assert operation["tags"][0] in {tag["name"] for tag in document()["tags"]}
    for parameter in operation.get("parameters", ()):
        assert parameter["description"], parameter["name"]


def test_settings_of_a_training_are_described_by_their_dataclass():
    properties = document()["components"]["schemas"]["TrainConfig"]["properties"]
    assert list(properties) == [spec.name for spec in dataclasses.fields(TrainConfig)]
    assert properties["epochs"]["maximum"] == 1000
    assert properties["patch"]["enum"] == [1, 2, 4]
    assert properties["schedule"]["default"] == "one_cycle"


def test_every_code_of_an_error_stands_where_the_status_is():
    codes: dict[str, set[int]] = {}
    for operation in operations().values():
        for status, response in operation["responses"].items():
            schema = response["content"].get("application/json", {}).get("schema", {})
            for part in schema.get("allOf", ())[1:]:
                for code in part["properties"]["error"]["properties"]["code"]["enum"]:
                    codes.setdefault(code, set()).add(int(status))
    own = {"request_too_large": {413}, "internal_error": {500}, "not_found": {404}, "too_many_requests": {429}}
    known = {kind.code: {status_of(kind)} for kind in _kinds(MnistError)}
    assert {code: statuses for code, statuses in codes.items() if {**known, **own}[code] != statuses} == {}


def _kinds(root: type[MnistError]) -> list[type[MnistError]]:
    return [root, *(kind for child in root.__subclasses__() for kind in _kinds(child))]


def test_what_changes_something_asks_for_the_token():
    guarded = {name for name, operation in operations().items() if "security" in operation}
    assert "post_runs_retrain" in guarded
    assert "get_models_export_model" in guarded
    assert not {"post_api_predict", "get_api_model_status", "get_pages_home"} & guarded
    for name in guarded:
        assert {"401", "403"} <= set(operations()[name]["responses"])


# --- real replies -------------------------------------------------------------------------------------

# What each place in a path is filled with, for a success and for an error.
GOOD: dict[str, object] = {
    **{"run_id": 1, "version": 1, "first": 0, "second": 1, "index": 3, "split": "test", "name": "mnist"},
    "number": 1,
    "writer": "Anna",
}
BAD: dict[str, object] = {
    "run_id": 99,
    "version": 99,
    "first": 0,
    "second": 99,
    "index": 10_000,
    "split": "none",
    "name": "cats",
    "number": 99,
    "writer": "nobody",
}
INFERENCE = {"inputs": [{"name": "glyphs", "datatype": "UINT8", "shape": [1, 784], "data": [0] * 784}]}
BODIES: dict[str, dict[str, Any]] = {
    "post_api_predict": {"data": decode_base64(SEVEN), "content_type": "image/png"},
    "post_explore_explain": {"data": decode_base64(SEVEN), "content_type": "image/png"},
    "post_explore_activations": {"data": decode_base64(SEVEN), "content_type": "image/png"},
    "post_batch_api_predict_batch": {"json": {"glyphs": [[0] * 784], "version": 0}},
    "post_inference_api_infer": {"json": INFERENCE},
    "post_inference_api_infer_version": {"json": INFERENCE},
    "patch_models_edit_model": {"json": {"name": "steady"}},
    "post_corrections_add_correction": {"json": {"image": SEVEN, "label": 7}},
    "post_proposals_label_proposal": {"json": {"label": 7}},
    "patch_corrections_edit_correction": {"json": {"label": "not_a_digit"}},
}
BROKEN_BODY = {"data": b"[1", "content_type": "application/json"}
# Their success needs more than a request: each has tests of its own, with the same client.
ELSEWHERE = {
    "post_runs_retrain",  # a worker, and no other run
    "post_runs_resume_run",  # a run that broke off
    "post_models_import_model",  # an archive
    "post_corrections_import_corrections",  # an archive
    "post_corrections_read_sheet",  # a picture of a sheet
    "delete_corrections_purge_corrections",  # a confirmation
    "post_api_fetch_dataset",  # a mirror
    *("post_personal_personalise", "delete_personal_forget"),  # ten corrections
}
SUCCESSES = sorted(set(operations()) - ELSEWHERE)


@contextmanager
def furnished(home: Path) -> Iterator[FlaskClient]:
    """A client of an installation with versions, a run under way, and small MNIST files."""
    with pytest.MonkeyPatch.context() as patch:
        app = contract_app(home, patch)
        app.test_client_class = ConformingClient
        services: Services = app.extensions[EXTENSION]
        services.registry.aliases.move(PRODUCTION, 2)  # so that version 1 may be deleted
        yield app.test_client()
        services.close()


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlaskClient]:
    """A client for requests that change nothing."""
    with furnished(tmp_path_factory.mktemp("installation")) as client:
        yield client


def call(client: FlaskClient, name: str, places: dict[str, object], **body: Any) -> Any:
    """One request to an operation."""
    method, path = next(
        (method, path)
        for path, item in document()["paths"].items()
        for method, operation in item.items()
        if operation["operationId"] == name
    )
    return client.open(path_of(path, **places), method=method.upper(), **body)


def assert_succeeds(client: FlaskClient, name: str) -> None:
    with call(client, name, GOOD, **BODIES.get(name, {})) as response:  # the client compares it with the document
        assert response.status_code < 300, response.text


@pytest.mark.parametrize("name", [name for name in SUCCESSES if name.startswith("get_")])
def test_a_success_of_every_route_that_reads_is_as_described(reader: FlaskClient, name: str):
    assert_succeeds(reader, name)


@pytest.mark.parametrize("name", [name for name in SUCCESSES if not name.startswith("get_")])
def test_a_success_of_every_other_route_is_as_described(tmp_path: Path, name: str):
    with furnished(tmp_path) as client:
        assert_succeeds(client, name)


@pytest.mark.parametrize(
    "name",
    [name for name, operation in operations().items() if set(operation["responses"]) - {"429", "500", "503"} > {"200"}],
)
def test_an_error_of_every_route_is_as_described(reader: FlaskClient, name: str):
    operation = operations()[name]
    places = BAD if any(each["in"] == "path" for each in operation.get("parameters", ())) else {}
    if operation.get("requestBody"):
        response = call(reader, name, places or GOOD, **BROKEN_BODY)
    elif places:
        response = call(reader, name, places)
    elif any(each["in"] == "query" for each in operation.get("parameters", ())):
        wanted = next(each["name"] for each in operation["parameters"] if each["name"] != "search")
        response = call(reader, name, GOOD, query_string={wanted: "-1"})
    else:
        response = call(reader, name, GOOD, headers={"Sec-Fetch-Site": "cross-site"})
        if operation["operationId"].startswith("get_"):
            return  # nothing of such a request can be wrong
    assert 400 <= response.status_code < 500, response.text
    assert set(response.get_json()) == {"error"}


def test_a_number_that_no_database_takes_is_not_found(client: FlaskClient):
    for path in (f"/api/runs/{10**9}", f"/api/models/{10**30}", f"/api/runs/{2**63}/events"):
        assert_error(client.get(path), 404, "not_found")


# --- types --------------------------------------------------------------------------------------------


class Part(TypedDict, total=False):
    """A part.

    More words.
    """

    name: Annotated[str | None, Meta(description="its name")]


class Whole(Part):
    """The whole."""

    parts: Annotated[list[Part], Meta(min_length=1)]
    counts: dict[str, float] | None
    age: int


class Outer(Struct):
    """A Struct around it."""

    whole: Whole


def test_keys_keep_the_order_of_the_type_and_only_required_ones_are_required():
    schemas = Schemas()
    assert schemas.of(Whole) == {"$ref": "#/components/schemas/Whole"}
    assert schemas.of(list[Outer]) == {"type": "array", "items": {"$ref": "#/components/schemas/Outer"}}
    whole, part = schemas.components["Whole"], schemas.components["Part"]
    assert list(whole["properties"]) == ["name", "parts", "counts", "age"]
    assert (whole["required"], part["required"]) == (["parts", "counts", "age"], [])


def test_the_description_of_a_type_is_the_first_line_of_its_docstring():
    schemas = Schemas()
    schemas.of(Part)
    assert schemas.components["Part"]["description"] == "A part."


def test_a_union_of_two_objects_has_a_schema():
    schemas = Schemas()
    assert [each["$ref"].rpartition("/")[2] for each in schemas.of(Whole | Part)["anyOf"]] == ["Whole", "Part"]


def other_part() -> Any:
    class Part(TypedDict):
        size: int

    return Part


def test_two_types_of_one_name_are_an_error():
    schemas = Schemas()
    schemas.of(Part)

    with pytest.raises(TypeError, match="two types have the name Part"):
        schemas.of(other_part())


def test_a_type_without_a_schema_is_an_error():
    with pytest.raises(TypeError, match="schema"):
        Schemas().of(object)


def test_the_types_of_the_pages_are_those_of_the_document():
    assert typescript.FILE.read_text(encoding="utf-8") == typescript.declarations(), "out of date: run `make types`"


def test_describing_leaves_the_function_as_it_is():
    def view() -> str:
        return "x"

    assert describe()(view) is view
