from __future__ import annotations

import contextlib
import gzip
import json
import zlib
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnist_classifier.core.errors import InvalidInput
from mnist_classifier.recognition.batch import Batch
from mnist_classifier.web.wire.tensors import OUTPUTS, make_reply, parse_request, unpack

GLYPHS = np.random.default_rng(0).integers(0, 256, (2, 28, 28), dtype=np.uint8)
NAMES = [output["name"] for output in OUTPUTS]


def tensor(**changes: Any) -> dict[str, Any]:
    described = {"name": "glyphs", "datatype": "UINT8", "shape": [2, 28, 28], "data": GLYPHS.reshape(-1).tolist()}
    return {name: value for name, value in (described | changes).items() if value is not None}


def binary(size: Any = GLYPHS.size, **changes: Any) -> dict[str, Any]:
    return tensor(data=None, parameters={"binary_data_size": size}, **changes)


def body(inputs: Any, **more: Any) -> bytes:
    return json.dumps({"inputs": inputs, **more}).encode()


@pytest.mark.parametrize(
    "described",
    [
        tensor(),
        tensor(data=GLYPHS.tolist()),
        tensor(data=GLYPHS.reshape(2, 784).tolist()),
        tensor(shape=[2, 784]),
        tensor(parameters={}),
    ],
)
def test_numbers_may_be_flat_or_nested(described: dict[str, Any]):
    question = parse_request(body([described]), None)
    assert np.array_equal(question.glyphs, GLYPHS)
    assert question.outputs == dict.fromkeys(NAMES, False)
    assert question.id is None


@pytest.mark.parametrize("shape", [[2, 28, 28], [2, 784]])
def test_bytes_follow_the_json(shape: list[int]):
    header = body([binary(shape=shape)])
    question = parse_request(header + GLYPHS.tobytes(), str(len(header)))
    assert np.array_equal(question.glyphs, GLYPHS)


def test_no_glyphs_are_a_batch_too():
    assert parse_request(body([tensor(shape=[0, 28, 28], data=[])]), None).glyphs.shape == (0, 28, 28)
    header = body([binary(0, shape=[0, 28, 28])])
    assert parse_request(header, str(len(header))).glyphs.shape == (0, 28, 28)


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"outputs": [{"name": "prediction"}]}, {"prediction": False}),
        ({"outputs": []}, dict.fromkeys(NAMES, False)),
        ({"parameters": {"binary_data_output": True}}, dict.fromkeys(NAMES, True)),
        (
            {
                "parameters": {"binary_data_output": True, "timeout": 5},
                "outputs": [{"name": "not_a_digit"}, {"name": "prediction", "parameters": {"binary_data": False}}],
            },
            {"not_a_digit": True, "prediction": False},
        ),
        (
            {"outputs": [{"name": "probabilities", "parameters": {"binary_data": True}}]},
            {"probabilities": True},
        ),
    ],
)
def test_outputs_and_their_form_can_be_chosen(more: dict[str, Any], expected: dict[str, bool]):
    assert parse_request(body([tensor()], **more), None).outputs == expected


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "JSON"),
        (b"{", "JSON"),
        (b"\xff", "JSON"),
        (b"[" * 100_000, "JSON"),
        (b"[]", "object"),
        (body([tensor()], id=7), "id"),
        (body(None), "inputs"),
        (body([]), "inputs"),
        (body([tensor(), tensor()]), "one tensor"),
        (body([7]), "inputs"),
        (body([tensor(name="image")]), "'image'"),
        (body([tensor(datatype="FP32")]), "multiply shares of 1 by 255"),
        (body([tensor(datatype=None)]), "inputs[0].datatype is missing"),
        (body([tensor(shape=None)]), "shape"),
        (body([tensor(shape=[2, 28])]), "[2, 28]"),
        (body([tensor(shape=[28, 28])]), "[28, 28]"),
        (body([tensor(shape=[-1, 28, 28])]), "shape"),
        (body([tensor(shape=[True, 28, 28])]), "shape"),
        (body([tensor(shape=[2.0, 28, 28])]), "shape"),
        (body([tensor(shape=[3, 28, 28])]), "1568 pixels"),
        (body([tensor(shape=[10**30, 28, 28])]), "1568 pixels"),
        (body([tensor(data=None)]), "neither data nor"),
        (body([tensor(data="text")]), "whole numbers"),
        (body([tensor(data=[256] * 1568)]), "0 to 255"),
        (body([tensor(data=[0.5] * 1568)]), "whole numbers"),
        (body([tensor(parameters=7)]), "parameters"),
        (body([tensor(parameters={"shared_memory_region": "x"}, data=None)]), "shared memory"),
        (body([binary()]), "0 bytes follow"),
        (body([tensor(parameters={"binary_data_size": 1568})]), "both"),
        (body([tensor()], outputs=7), "outputs"),
        (body([tensor()], outputs=[7]), "outputs"),
        (body([tensor()], outputs=[{"name": "logits"}]), "'logits'"),
        (body([tensor()], outputs=[{"name": ["prediction"]}]), "outputs"),
        (body([tensor()], outputs=[{"name": "prediction"}] * 2), "once"),
        (body([tensor()], outputs=[{"name": "prediction", "parameters": {"classification": 3}}]), "classification"),
        (body([tensor()], outputs=[{"name": "prediction", "parameters": {"binary_data": 1}}]), "true or false"),
        (body([tensor()], parameters={"binary_data_output": "yes"}), "true or false"),
    ],
)
def test_a_bad_request_is_refused_in_words(data: bytes, words: str):
    with pytest.raises(InvalidInput) as caught:
        parse_request(data, None)
    assert words in caught.value.message
    assert len(caught.value.message) < 300


@pytest.mark.parametrize("length", ["", "-1", "x", "1e3", "99999", "9" * 5000, "٣"])
def test_a_bad_length_of_the_json_is_refused(length: str):
    with pytest.raises(InvalidInput, match="Inference-Header-Content-Length"):
        parse_request(body([tensor()]), length)


@pytest.mark.parametrize("size", [0, 1567, 1569, "1568", True, None, 10**30])
def test_bytes_that_do_not_fit_are_refused(size: Any):
    header = body([binary(size)])
    with pytest.raises(InvalidInput):
        parse_request(header + GLYPHS.tobytes(), str(len(header)))


def test_bytes_that_nothing_asks_for_are_refused():
    header = body([tensor()])
    with pytest.raises(InvalidInput, match="3 bytes follow"):
        parse_request(header + b"abc", str(len(header)))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
)


@given(st.dictionaries(st.sampled_from(["name", "datatype", "shape", "data", "parameters"]), JSON), JSON, JSON)
def test_whatever_json_says_it_is_parsed_or_refused(changes: dict[str, Any], outputs: Any, parameters: Any):
    data = body([{**tensor(), **changes}], outputs=outputs, parameters=parameters)
    try:
        question = parse_request(data, None)
    except InvalidInput:
        return
    assert question.glyphs.shape[1:] == (28, 28)
    assert set(question.outputs) <= set(NAMES)


@given(st.binary(max_size=100), st.none() | st.text(max_size=5))
def test_whatever_bytes_come_they_are_parsed_or_refused(data: bytes, length: str | None):
    with contextlib.suppress(InvalidInput):
        parse_request(data, length)


@pytest.mark.parametrize(("encoding", "pack"), [("gzip", gzip.compress), ("deflate", zlib.compress), ("", bytes)])
def test_packed_bodies_are_unpacked_within_the_limit(encoding: str, pack: Any):
    assert unpack(pack(b"x" * 1000), encoding, 1000) == b"x" * 1000
    if encoding:
        with pytest.raises(InvalidInput, match="1000 bytes"):
            unpack(pack(b"x" * 1001), encoding, 1000)
        with pytest.raises(InvalidInput, match="cut short"):
            unpack(pack(b"x" * 1000)[:-2], encoding, 1000)
        with pytest.raises(InvalidInput, match=encoding):
            unpack(b"no such data", encoding, 1000)


def test_an_unknown_packing_is_refused():
    with pytest.raises(InvalidInput, match="gzip or deflate"):
        unpack(b"", "br", 1000)


BATCH = Batch(
    predictions=np.array([7, -1]),
    confidences=np.array([0.9, 0.5], np.float32),
    probabilities=np.arange(20, dtype=np.float32).reshape(2, 10) / 20,
    not_a_digit=np.array([0.25, 0.75], np.float32),
    verdicts=np.array([0, 2], np.uint8),
    ink=np.array([0.1, 0.2], np.float32),
)


def test_a_reply_has_the_outputs_that_were_asked_for_as_numbers_or_bytes():
    more = {
        "id": "42",
        "outputs": [{"name": "prediction"}, {"name": "not_a_digit", "parameters": {"binary_data": True}}],
    }
    reply, header_length = make_reply("mnist", 3, parse_request(body([tensor()], **more), None), BATCH)
    assert header_length is not None
    assert json.loads(reply[:header_length]) == {
        "model_name": "mnist",
        "model_version": "3",
        "id": "42",
        "outputs": [
            {"name": "not_a_digit", "datatype": "FP32", "shape": [2], "parameters": {"binary_data_size": 8}},
            {"name": "prediction", "datatype": "INT64", "shape": [2], "data": [7, -1]},
        ],
    }
    assert np.frombuffer(reply[header_length:], "<f4").tolist() == [0.25, 0.75]


def test_a_reply_of_numbers_alone_is_all_json():
    reply, header_length = make_reply("mnist", 3, parse_request(body([tensor()]), None), BATCH)
    assert header_length is None
    parsed = json.loads(reply)
    assert "id" not in parsed
    assert [output["name"] for output in parsed["outputs"]] == NAMES
    assert np.allclose(parsed["outputs"][0]["data"], BATCH.probabilities.reshape(-1))
