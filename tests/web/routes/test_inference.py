"""The Open Inference Protocol, asked by the official client of a server that really runs, and by hand."""

from __future__ import annotations

import importlib.util
import os
import shutil
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from mnist_classifier import __version__
from mnist_classifier.core.settings import PRETRAINED_DIR
from mnist_classifier.data import mnist
from mnist_classifier.registry.manifest import read_manifest
from mnist_classifier.web.services.services import Services
from tests.e2e.application import Application

MODEL = "/v2/models/mnist"


def question(glyphs: np.ndarray, **more: Any) -> dict[str, Any]:
    tensor = {"name": "glyphs", "datatype": "UINT8", "shape": list(glyphs.shape), "data": glyphs.reshape(-1).tolist()}
    return {"inputs": [tensor], **more}


def assert_protocol_error(response: TestResponse, status: int) -> str:
    """The protocol's own error shape; returns the message."""
    assert response.status_code == status, response.text
    body = response.get_json()
    assert set(body) == {"error"}
    assert isinstance(body["error"], str)
    assert "Traceback" not in response.text
    message: str = body["error"]
    return message


# --- by hand -------------------------------------------------------------------------------------------


def test_the_server_says_what_it_is_and_that_it_lives(client: FlaskClient):
    assert client.get("/v2").get_json() == {
        "name": "mnist-classifier", "version": __version__, "extensions": ["binary_tensor_data"],
    }  # fmt: skip
    assert client.get("/v2/health/live").get_json() == {"live": True}
    assert client.get("/v2/health/ready").get_json() == {"ready": True}


def test_the_model_says_what_it_takes_and_gives(client: FlaskClient):
    body = client.get(MODEL).get_json()
    assert (body["name"], body["versions"], body["platform"]) == ("mnist", ["0"], "onnx_onnxv1")
    assert body["inputs"] == [{"name": "glyphs", "datatype": "UINT8", "shape": [-1, 28, 28]}]
    assert client.get(MODEL + "/versions/0").get_json() == body
    assert client.get(MODEL + "/ready").get_json() == {"name": "mnist", "ready": True}
    assert client.get(MODEL + "/versions/0/ready").get_json() == {"name": "mnist", "ready": True}


def test_the_reply_is_what_the_metadata_says(client: FlaskClient, digits: mnist.Images):
    described = client.get(MODEL).get_json()["outputs"]
    outputs = client.post(MODEL + "/infer", json=question(digits.images)).get_json()["outputs"]
    for output, promised in zip(outputs, described, strict=True):
        assert (output["name"], output["datatype"]) == (promised["name"], promised["datatype"])
        assert output["shape"] == [len(digits.images), *promised["shape"][1:]]
        assert len(output["data"]) == np.prod(output["shape"])


def test_the_answer_is_that_of_the_batch_route(client: FlaskClient, digits: mnist.Images):
    blank = np.zeros((1, 28, 28), np.uint8)
    glyphs = np.concatenate([digits.images, blank])
    batch = client.post("/api/predict/batch?probabilities=1", json={"glyphs": glyphs.tolist()}).get_json()
    body = client.post(MODEL + "/infer", json=question(glyphs, id="a1")).get_json()
    assert (body["model_name"], body["model_version"], body["id"]) == ("mnist", "0", "a1")
    found = {output["name"]: output["data"] for output in body["outputs"]}
    assert found["prediction"] == [-1 if digit is None else digit for digit in batch["predictions"]]
    assert found["prediction"][-1] == -1
    assert np.allclose(np.reshape(found["probabilities"], (-1, 10)), batch["probabilities"], atol=2e-6)
    assert np.allclose(found["not_a_digit"], batch["not_a_digit"], atol=2e-6)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v2/models/cifar", 404),
        ("GET", "/v2/models/cifar/ready", 404),
        ("POST", "/v2/models/cifar/infer", 404),
        ("GET", MODEL + "/versions/7", 404),
        ("GET", MODEL + "/versions/7/ready", 404),
        ("POST", MODEL + "/versions/7/infer", 404),
        ("GET", MODEL + "/versions/newest", 404),
        ("GET", MODEL + "/versions/99999999999999999999", 404),
        ("GET", "/v2/nowhere", 404),
        ("GET", MODEL + "/infer", 405),
        ("POST", MODEL + "/infer", 400),
        ("POST", MODEL + "/versions/0/infer", 400),
    ],
)
def test_errors_have_the_shape_of_the_protocol(client: FlaskClient, method: str, path: str, status: int):
    assert assert_protocol_error(client.open(path, method=method, data=b"x"), status)


def test_too_large_a_request_and_a_fault_have_it_too(
    client: FlaskClient, services: Services, monkeypatch: pytest.MonkeyPatch
):
    assert "too large" in assert_protocol_error(client.post(MODEL + "/infer", data=b"x" * 10_000_001), 413)
    monkeypatch.setattr(type(services.registry), "versions", lambda self: 1 / 0)
    assert "division" not in assert_protocol_error(client.get(MODEL), 500)


def test_a_server_without_a_model_is_not_ready(client: FlaskClient, services: Services, tmp_path: Any):
    services.registry.box_dir = tmp_path
    assert "no model" in assert_protocol_error(client.get("/v2/health/ready"), 503)
    assert_protocol_error(client.get(MODEL + "/ready"), 503)
    glyph = np.zeros((1, 28, 28), np.uint8)
    assert_protocol_error(client.post(MODEL + "/infer", json=question(glyph)), 503)


def test_other_paths_keep_the_shape_of_the_api(client: FlaskClient):
    for path in ("/v22", "/nowhere"):
        assert set(client.get(path).get_json()["error"]) == {"code", "message", "field"}


def save_version(services: Services) -> int:
    manifest = read_manifest(PRETRAINED_DIR)

    def write(folder: Any) -> None:
        for name in manifest["files"]:
            shutil.copyfile(PRETRAINED_DIR / name, folder / name)

    return services.registry.save(manifest, write).version


def test_versions_are_those_of_the_registry_and_production_answers(
    client: FlaskClient, services: Services, digits: mnist.Images
):
    number = save_version(services)
    asked = question(digits.images[:1])
    assert client.get(MODEL).get_json()["versions"] == [str(number), "0"]
    assert client.post(MODEL + "/infer", json=asked).get_json()["model_version"] == "0"
    assert client.post(f"{MODEL}/versions/{number}/infer", json=asked).get_json()["model_version"] == str(number)
    index = client.post("/v2/repository/index").get_json()
    assert [(entry["name"], entry["version"], entry["state"]) for entry in index] == [
        ("mnist", str(number), "READY"), ("mnist", "0", "READY"),
    ]  # fmt: skip
    assert client.post("/v2/repository/index", json={"ready": True}).get_json() == index
    assert_protocol_error(client.post("/v2/repository/index", json={"ready": 7}), 400)


def test_programs_in_other_pages_may_ask(client: FlaskClient, digits: mnist.Images):
    headers = {"Sec-Fetch-Site": "cross-site"}
    assert client.post(MODEL + "/infer", json=question(digits.images[:1]), headers=headers).status_code == 200


# --- by the official client ----------------------------------------------------------------------------

needs_client = pytest.mark.skipif(
    importlib.util.find_spec("tritonclient") is None and os.environ.get("CI") != "true",
    reason='needs the client: pip install -e ".[dev]"',
)


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where `python app.py` answers."""
    folder = tmp_path_factory.mktemp("application")
    with Application(folder, data_dir=folder / "no-data") as running:
        yield running.url.removeprefix("http://")


@pytest.fixture
def triton(address: str) -> Iterator[Any]:
    import tritonclient.http

    client = tritonclient.http.InferenceServerClient(address)
    yield client
    client.close()


def tensor_of(glyphs: np.ndarray, *, binary: bool) -> Any:
    import tritonclient.http

    tensor = tritonclient.http.InferInput("glyphs", list(glyphs.shape), "UINT8")
    tensor.set_data_from_numpy(glyphs, binary_data=binary)
    return tensor


@needs_client
def test_the_official_client_finds_server_and_model(triton: Any):
    assert triton.is_server_live()
    assert triton.is_server_ready()
    assert triton.is_model_ready("mnist")
    assert triton.is_model_ready("mnist", "0")
    assert not triton.is_model_ready("mnist", "7")
    assert not triton.is_model_ready("cifar")
    assert triton.get_server_metadata()["name"] == "mnist-classifier"
    assert triton.get_model_metadata("mnist")["inputs"][0]["name"] == "glyphs"
    assert triton.get_model_repository_index()[0]["state"] == "READY"


@needs_client
@pytest.mark.parametrize("packing", [None, "gzip", "deflate"])
@pytest.mark.parametrize("binary", [True, False])
def test_the_official_client_reads_digits(triton: Any, digits: mnist.Images, binary: bool, packing: str | None):
    glyphs = np.concatenate([digits.images, np.zeros((1, 28, 28), np.uint8)])
    result = triton.infer(
        "mnist", [tensor_of(glyphs, binary=binary)], request_id="r7", request_compression_algorithm=packing
    )
    assert result.get_response()["id"] == "r7"
    assert result.get_response()["model_version"] == "0"
    probabilities, predictions = result.as_numpy("probabilities"), result.as_numpy("prediction")
    assert (probabilities.shape, probabilities.dtype) == ((len(glyphs), 10), np.float32)
    assert predictions.tolist() == [*probabilities[:-1].argmax(axis=1).tolist(), -1]
    assert result.as_numpy("not_a_digit").shape == (len(glyphs),)


@needs_client
@pytest.mark.parametrize("binary", [True, False])
def test_the_official_client_chooses_outputs(triton: Any, digits: mnist.Images, binary: bool):
    import tritonclient.http

    wanted = [
        tritonclient.http.InferRequestedOutput("prediction", binary_data=binary),
        tritonclient.http.InferRequestedOutput("probabilities", binary_data=not binary),
    ]
    result = triton.infer("mnist", [tensor_of(digits.images, binary=True)], model_version="0", outputs=wanted)
    assert result.as_numpy("not_a_digit") is None
    assert np.array_equal(result.as_numpy("prediction"), result.as_numpy("probabilities").argmax(axis=1))


@needs_client
def test_the_official_client_shows_our_words(triton: Any, digits: mnist.Images):
    import tritonclient.http
    from tritonclient.utils import InferenceServerException

    shares = tritonclient.http.InferInput("glyphs", [1, 28, 28], "FP32")
    shares.set_data_from_numpy(digits.images[:1].astype(np.float32) / 255)
    with pytest.raises(InferenceServerException, match="multiply shares of 1 by 255") as caught:
        triton.infer("mnist", [shares])
    assert caught.value.status() == "400"
    with pytest.raises(InferenceServerException, match="there is no model 'cifar'"):
        triton.infer("cifar", [tensor_of(digits.images, binary=True)])


@needs_client
def test_the_official_client_reads_in_parallel(triton: Any, digits: mnist.Images):
    waiting = [triton.async_infer("mnist", [tensor_of(digits.images, binary=True)]) for _ in range(8)]
    answers = [request.get_result().as_numpy("prediction").tolist() for request in waiting]
    assert answers == [answers[0]] * 8


@needs_client
@pytest.mark.mnist
def test_the_official_client_reads_the_test_images(triton: Any, mnist_dirs: Any):
    test = mnist.load(mnist_dirs, mnist.TEST)
    probabilities = triton.infer("mnist", [tensor_of(test.images, binary=True)]).as_numpy("probabilities")
    right = int((probabilities.argmax(axis=1) == test.labels).sum())
    assert right == read_manifest(PRETRAINED_DIR)["metrics"]["test"]["correct"]
