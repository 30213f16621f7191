"""Requests and replies of the Open Inference Protocol, version 2, over REST.

Bytes -> what is asked, readings -> bytes; nothing here knows Flask.
Source: kserve/open-inference-protocol, specification/protocol/inference_rest.md;
triton-inference-server/server, docs/protocol/extension_binary_data.md.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mnist_classifier.batches import PIXELS, Batch
from mnist_classifier.config import GLYPH_SIDE
from mnist_classifier.errors import InvalidInput
from mnist_classifier.web.glyphs import Glyphs, flatten

INPUT = "glyphs"
INPUTS = [{"name": INPUT, "datatype": "UINT8", "shape": [-1, GLYPH_SIDE, GLYPH_SIDE]}]
SHAPES = ([GLYPH_SIDE, GLYPH_SIDE], [PIXELS])  # of one glyph
OUTPUTS = [
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
# zlib's window sizes for what a client calls gzip and deflate.
ENCODINGS = {"gzip": 31, "deflate": 15}


@dataclass(frozen=True)
class Question:
    """What an inference request asks: (N, 28, 28) glyphs; each output by name, and whether it is wanted as bytes."""

    id: str | None
    glyphs: Glyphs
    outputs: Mapping[str, bool]


def unpack(data: bytes, encoding: str, limit: int) -> bytes:
    """Undo the Content-Encoding of a body; `limit` is in bytes once unpacked.  Raises InvalidInput."""
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
        raise InvalidInput(f"the body has more than {limit} bytes once unpacked; send fewer glyphs at once")
    if not unpacker.eof:
        raise InvalidInput(f"the body is cut short: its {encoding} data stops before the end")
    return unpacked


def parse_request(data: bytes, header_length: str | None) -> Question:
    """Read the body of an inference request.

    header_length: the Inference-Header-Content-Length, where it has one: so
    many bytes are JSON, and tensors follow.  Raises InvalidInput.
    """
    header, tensors = _split(data, header_length)
    request = _parse_object(header)
    request_id = request.get("id")
    if request_id is not None and not isinstance(request_id, str):
        raise InvalidInput("id must be a text")
    return Question(request_id, _glyphs(request.get("inputs"), tensors), _outputs(request))


def _split(data: bytes, header_length: str | None) -> tuple[bytes, bytes]:
    if header_length is None:
        return data, b""
    is_whole = header_length.isascii() and header_length.isdecimal() and len(header_length) < 18
    if not is_whole or int(header_length) > len(data):
        raise InvalidInput(
            f"Inference-Header-Content-Length must be a whole number up to {len(data)}, not {header_length[:40]!r}"
        )
    return data[: int(header_length)], data[int(header_length) :]


def _parse_object(data: bytes) -> dict[str, Any]:
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):  # UnicodeDecodeError is a ValueError
        message = (
            "the body is not valid JSON; with tensors as bytes, Inference-Header-Content-Length says where it ends"
        )
        raise InvalidInput(message) from None
    if not isinstance(value, dict):
        raise InvalidInput(f"the body must be a JSON object, not {type(value).__name__}")
    return value


def _glyphs(inputs: Any, tensors: bytes) -> Glyphs:
    if not isinstance(inputs, list) or len(inputs) != 1 or not isinstance(inputs[0], dict):
        raise InvalidInput(f"inputs must be a list of one tensor, {INPUT!r}")
    tensor = inputs[0]
    if tensor.get("name") != INPUT:
        raise InvalidInput(f"there is no input {_shown(tensor.get('name'))}; the only one is {INPUT!r}")
    if tensor.get("datatype") != "UINT8":
        raise InvalidInput(
            f"{INPUT} must be UINT8, ink 255 on 0, not {_shown(tensor.get('datatype'))}; multiply shares of 1 by 255"
        )
    count = _count(tensor.get("shape"))
    pixels = _pixels(tensor, tensors)
    if len(pixels) != count * PIXELS:
        raise InvalidInput(f"{INPUT} of shape {_shown(tensor['shape'])} do not have {len(pixels)} pixels")
    return np.frombuffer(pixels, np.uint8).reshape(-1, GLYPH_SIDE, GLYPH_SIDE)


def _count(shape: Any) -> int:
    is_whole = isinstance(shape, list) and all(type(side) is int for side in shape)
    if not is_whole or shape[1:] not in SHAPES or shape[0] < 0:
        raise InvalidInput(f"the shape of {INPUT} must be [N, 28, 28] or [N, 784], not {_shown(shape)}")
    return int(shape[0])


def _pixels(tensor: Mapping[str, Any], tensors: bytes) -> bytes:
    size = _parameters(tensor, INPUT).get("binary_data_size")
    if size is None:
        if "data" not in tensor:
            raise InvalidInput(f"{INPUT} has neither data nor the parameter binary_data_size")
        if tensors:
            raise InvalidInput(f"{len(tensors)} bytes follow the JSON, and no tensor has binary_data_size")
        return flatten(tensor["data"], depth=3)
    if "data" in tensor:
        raise InvalidInput(f"{INPUT} has both data and the parameter binary_data_size")
    if type(size) is not int or size != len(tensors):
        raise InvalidInput(f"binary_data_size is {_shown(size)}, and {len(tensors)} bytes follow the JSON")
    return tensors


def _outputs(request: Mapping[str, Any]) -> dict[str, bool]:
    by_default = _flag(_parameters(request, "the request"), "binary_data_output", False)
    wanted = request.get("outputs")
    if wanted is None or wanted == []:
        return dict.fromkeys(VALUES, by_default)
    if not isinstance(wanted, list) or not all(isinstance(output, dict) for output in wanted):
        raise InvalidInput("outputs must be a list of objects")
    outputs: dict[str, bool] = {}
    for output in wanted:
        name, parameters = output.get("name"), _parameters(output, "an output")
        if not isinstance(name, str) or name not in VALUES or name in outputs:
            raise InvalidInput(f"outputs can be {', '.join(VALUES)}, each once, not {_shown(name)}")
        if "classification" in parameters:
            raise InvalidInput("the classification extension is not here: take the output prediction")
        outputs[name] = _flag(parameters, "binary_data", by_default)
    return outputs


def _parameters(holder: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Parameters that the protocol does not name are let pass: they are other servers'."""
    parameters = holder.get("parameters", {})
    if not isinstance(parameters, dict):
        raise InvalidInput(f"the parameters of {name} must be an object")
    if any(key.startswith("shared_memory_") for key in parameters):
        raise InvalidInput("shared memory is not here: send the tensor in the body")
    return parameters


def _flag(parameters: Mapping[str, Any], name: str, default: bool) -> bool:
    value = parameters.get(name, default)
    if not isinstance(value, bool):
        raise InvalidInput(f"{name} must be true or false, not {_shown(value)}")
    return value


def _shown(value: Any) -> str:
    return repr(value)[:60]


def make_reply(model: str, version: int, question: Question, batch: Batch) -> tuple[bytes, int | None]:
    """The body of a reply, and how many of its bytes are JSON; None where all are."""
    described, tensors = [], []
    for output in OUTPUTS:
        name, datatype = str(output["name"]), str(output["datatype"])
        if name not in question.outputs:
            continue
        values = np.ascontiguousarray(VALUES[name](batch), LITTLE_ENDIAN[datatype])
        tensor: dict[str, Any] = {"name": name, "datatype": datatype, "shape": list(values.shape)}
        if question.outputs[name]:
            tensors.append(values.tobytes())
            tensor["parameters"] = {"binary_data_size": values.nbytes}
        else:
            tensor["data"] = values.ravel().tolist()
        described.append(tensor)
    reply: dict[str, Any] = {"model_name": model, "model_version": str(version)}
    if question.id is not None:
        reply["id"] = question.id
    header = json.dumps({**reply, "outputs": described}).encode()
    return b"".join([header, *tensors]), len(header) if tensors else None


def metadata(model: str, versions: Sequence[int]) -> dict[str, Any]:
    """What a model takes and gives."""
    return {
        "name": model,
        "versions": [str(version) for version in versions],
        "platform": "onnx_onnxv1",  # the protocol's name for ONNX
        "inputs": INPUTS,
        "outputs": OUTPUTS,
    }
