"""Requests and replies of the Open Inference Protocol, version 2, over REST.

This module does not use Flask.
Source: kserve/open-inference-protocol, specification/protocol/inference_rest.md;
triton-inference-server/server, docs/protocol/extension_binary_data.md.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, TypedDict

import msgspec
import numpy as np
import numpy.typing as npt
from msgspec import UNSET, Meta, Raw, Struct, UnsetType

from mnist_classifier.core.arrays import PIXELS, SIDE_PX, Bytes
from mnist_classifier.core.errors import InvalidInput
from mnist_classifier.recognition.batch import Batch
from mnist_classifier.web.wire.bodies import parse
from mnist_classifier.web.wire.glyphs import parse_pixels

INPUT = "glyphs"
INPUTS: list[TensorKind] = [{"name": INPUT, "datatype": "UINT8", "shape": [-1, SIDE_PX, SIDE_PX]}]
SHAPES = ([SIDE_PX, SIDE_PX], [PIXELS])  # of one glyph
OUTPUTS: list[TensorKind] = [
    {"name": "probabilities", "datatype": "FP32", "shape": [-1, 10]},
    {"name": "not_a_digit", "datatype": "FP32", "shape": [-1]},
    {"name": "prediction", "datatype": "INT64", "shape": [-1]},
]
LITTLE_ENDIAN = {"FP32": "<f4", "INT64": "<i8"}
VALUES: Mapping[str, Callable[[Batch], npt.NDArray[Any]]] = {
    "probabilities": lambda batch: batch.probabilities,
    "not_a_digit": lambda batch: batch.not_a_digit,
    "prediction": lambda batch: batch.predictions,
}
# Content-Encoding -> the window bits that select its format in zlib.
ENCODINGS = {"gzip": 31, "deflate": 15}
# A tensor and three outputs with parameters are nine objects; the rest is for parameters of other servers.
MOST_OBJECTS = 100
# The reply repeats the id of the request.
LONGEST_ID = 1000  # characters


class TensorParameters(Struct, frozen=True):
    """Parameters of a tensor; those of other servers are ignored."""

    binary_data_size: Annotated[int, Meta(ge=0, description="bytes of the tensor after the JSON")] | None = None
    shared_memory_region: str | None = None


class InputTensor(Struct):
    """A tensor in a request; its data are in the JSON, or follow it as bytes."""

    name: str
    datatype: str
    shape: list[int]
    data: (
        Annotated[Raw, Meta(description="pixels, flat or nested", extra_json_schema={"type": "array"})] | UnsetType
    ) = UNSET
    parameters: TensorParameters = TensorParameters()


class OutputParameters(Struct, frozen=True):
    """Parameters of an output."""

    binary_data: bool | None = None
    classification: int | None = None


class WantedOutput(Struct):
    """An output that the client wants."""

    name: str
    parameters: OutputParameters = OutputParameters()


class RequestParameters(Struct, frozen=True):
    """Parameters of the whole request."""

    binary_data_output: bool = False


class InferenceRequest(Struct):
    """Glyphs to read."""

    inputs: Annotated[
        list[InputTensor],
        # A short example: no glyphs.
        Meta(examples=[[{"name": INPUT, "datatype": "UINT8", "shape": [0, PIXELS], "data": []}]]),
    ]
    id: Annotated[str, Meta(max_length=LONGEST_ID)] | None = None
    outputs: list[WantedOutput] | None = None
    parameters: RequestParameters = RequestParameters()


_reader = msgspec.json.Decoder(InferenceRequest)


class TensorKind(TypedDict):
    """An input or output tensor; -1 means any number of glyphs."""

    name: str
    datatype: str
    shape: list[int]


class InferenceModel(TypedDict):
    """Inputs and outputs of a model."""

    name: str
    versions: list[str]
    platform: str
    inputs: list[TensorKind]
    outputs: list[TensorKind]


class OutputTensor(Struct):
    """A tensor; its data are in the JSON, or follow it as bytes."""

    name: str
    datatype: str
    shape: list[Annotated[int, Meta(ge=0)]]
    data: list[float] | UnsetType = UNSET
    parameters: dict[str, int] | UnsetType = UNSET


class InferenceReply(Struct, kw_only=True):
    """Output of a model, with the id of the request if it had one."""

    model_name: str
    model_version: str
    id: str | UnsetType = UNSET
    outputs: list[OutputTensor]


@dataclass(frozen=True)
class Question:
    """A checked request: (N, 28, 28) glyphs, and the names of the wanted outputs with whether to send them as bytes."""

    id: str | None
    glyphs: Bytes
    outputs: Mapping[str, bool]


def unpack(data: bytes, encoding: str, limit: int) -> bytes:
    """Decompress a body to at most `limit` bytes.  Raises InvalidInput."""
    if encoding in ("", "identity"):
        return data
    if encoding not in ENCODINGS:
        raise InvalidInput(f"Content-Encoding must be {' or '.join(ENCODINGS)}, not {encoding[:40]!r}")
    unpacker = zlib.decompressobj(wbits=ENCODINGS[encoding])
    try:
        unpacked = unpacker.decompress(data, limit + 1)
    except zlib.error:
        raise InvalidInput(f"the body is not valid {encoding} data") from None
    if len(unpacked) > limit:
        raise InvalidInput(f"the body has more than {limit} bytes after decompression; send fewer glyphs at once")
    if not unpacker.eof:
        raise InvalidInput(f"the body is cut short: its {encoding} data stops before the end")
    return unpacked


def parse_request(data: bytes, header_length: str | None) -> Question:
    """Read the body of an inference request.

    header_length: the header Inference-Header-Content-Length, if the request
    has it: the number of bytes that are JSON; tensors follow.
    Raises InvalidInput.
    """
    header, tensors = _split(data, header_length)
    if not header:
        raise InvalidInput("the body is not valid JSON: it is empty")
    if header.count(b"{") > MOST_OBJECTS:
        raise InvalidInput(f"the request has more than {MOST_OBJECTS} JSON objects; it needs a tensor and its outputs")
    request = parse(header, _reader)
    return Question(request.id, _glyphs(request.inputs, tensors), _outputs(request))


def _split(data: bytes, header_length: str | None) -> tuple[bytes, bytes]:
    if header_length is None:
        return data, b""
    is_whole = header_length.isascii() and header_length.isdecimal() and len(header_length) < 18
    if not is_whole or int(header_length) > len(data):
        raise InvalidInput(
            f"Inference-Header-Content-Length must be a whole number up to {len(data)}, not {header_length[:40]!r}"
        )
    return data[: int(header_length)], data[int(header_length) :]


def _glyphs(inputs: Sequence[InputTensor], tensors: bytes) -> Bytes:
    if len(inputs) != 1:
        raise InvalidInput(f"inputs must be a list of one tensor, {INPUT!r}")
    tensor = inputs[0]
    if tensor.name != INPUT:
        raise InvalidInput(f"there is no input {_shown(tensor.name)}; the only one is {INPUT!r}")
    if tensor.datatype != "UINT8":
        raise InvalidInput(
            f"{INPUT} must be UINT8, ink 255 on 0, not {_shown(tensor.datatype)}; multiply shares of 1 by 255"
        )
    if tensor.shape[1:] not in SHAPES or tensor.shape[0] < 0:
        raise InvalidInput(f"the shape of {INPUT} must be [N, 28, 28] or [N, 784], not {_shown(tensor.shape[:8])}")
    pixels = _pixels(tensor, tensors)
    if len(pixels) != tensor.shape[0] * PIXELS:
        raise InvalidInput(f"{INPUT} of shape {_shown(tensor.shape[:8])} do not have {len(pixels)} pixels")
    return np.frombuffer(pixels, np.uint8).reshape(-1, SIDE_PX, SIDE_PX)


def _pixels(tensor: InputTensor, tensors: bytes) -> bytes:
    if tensor.parameters.shared_memory_region is not None:
        raise InvalidInput("shared memory is not supported; send the tensor in the body")
    size = tensor.parameters.binary_data_size
    if size is None:
        if tensor.data is UNSET:
            raise InvalidInput(f"{INPUT} has neither data nor the parameter binary_data_size")
        if tensors:
            raise InvalidInput(f"{len(tensors)} bytes follow the JSON, and no tensor has binary_data_size")
        return parse_pixels(bytes(tensor.data))
    if tensor.data is not UNSET:
        raise InvalidInput(f"{INPUT} has both data and the parameter binary_data_size")
    if size != len(tensors):
        raise InvalidInput(f"binary_data_size is {_shown(size)}, and {len(tensors)} bytes follow the JSON")
    return tensors


def _outputs(request: InferenceRequest) -> dict[str, bool]:
    by_default = request.parameters.binary_data_output
    if not request.outputs:
        return dict.fromkeys(VALUES, by_default)
    outputs: dict[str, bool] = {}
    for output in request.outputs:
        if output.name not in VALUES or output.name in outputs:
            raise InvalidInput(f"outputs can be {', '.join(VALUES)}, each once, not {_shown(output.name)}")
        if output.parameters.classification is not None:
            raise InvalidInput("the classification extension is not here: take the output prediction")
        asked = output.parameters.binary_data
        outputs[output.name] = by_default if asked is None else asked
    return outputs


def _shown(value: object) -> str:
    return repr(value)[:60]


def make_reply(model: str, version: int, question: Question, batch: Batch) -> tuple[bytes, int | None]:
    """The body of a reply, and how many of its bytes are JSON; None if all are."""
    outputs, tensors = [], []
    for kind in OUTPUTS:
        name, datatype = kind["name"], kind["datatype"]
        if name not in question.outputs:
            continue
        values = np.ascontiguousarray(VALUES[name](batch), LITTLE_ENDIAN[datatype])
        output = OutputTensor(name, datatype, list(values.shape))
        if question.outputs[name]:
            tensors.append(values.tobytes())
            output.parameters = {"binary_data_size": values.nbytes}
        else:
            output.data = values.ravel().tolist()
        outputs.append(output)
    request_id = UNSET if question.id is None else question.id
    reply = InferenceReply(model_name=model, model_version=str(version), id=request_id, outputs=outputs)
    header = msgspec.json.encode(reply)
    return b"".join([header, *tensors]), len(header) if tensors else None


def metadata(model: str, versions: Sequence[int]) -> InferenceModel:
    """Inputs and outputs of a model."""
    return {
        "name": model,
        "versions": [str(version) for version in versions],
        "platform": "onnx_onnxv1",  # the protocol's name for ONNX
        "inputs": INPUTS,
        "outputs": OUTPUTS,
    }
