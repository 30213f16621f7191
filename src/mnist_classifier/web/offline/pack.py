"""Turn weights.safetensors into model.bin, the compact file that a browser reads.

The file has eight bytes (the letters MNST, then the length of the header as
uint32), a JSON header, and the numbers, all little-endian.  The header lists the
layers in the order of the forward pass.  The offsets of their numbers are in
bytes from the end of the header.

    patches   squares of pixels become channels
    conv      kernels (outputs, kernel, kernel, inputs), edges padded with 0
    pool      the maximum of each 2x2
    affine    BatchNorm after a pool: scale and offset of each channel
    relu
    dense     (outputs, inputs) of the flattened pixels, channels last

Kernels are int16 with a float32 scale for each output.  That is half the size of
float32, and for large weights more precise than float16.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from mnist_classifier.core.arrays import Floats
from mnist_classifier.core.errors import ModelCorrupt, NotForBrowsers
from mnist_classifier.registry.manifest import WEIGHTS_FILE, read_manifest, verified_bytes
from mnist_classifier.registry.manifest_types import Tensor
from mnist_classifier.web.offline.number_weights import PIXEL_WEIGHTS, STROKE_WEIGHTS

Tensors = Mapping[str, Floats]

MAGIC = b"MNST"
LARGEST_INT16 = 32767
# Copied from training/network.py, which cannot be imported here, because it imports PyTorch.
PIXEL_MEAN, PIXEL_STD = 0.1307, 0.3081
BATCH_NORM_EPS = 1e-5


class Packer:
    """Collects the layers, and stores the numbers that they refer to by offset."""

    def __init__(self) -> None:
        self.layers: list[dict[str, Any]] = []
        self.numbers = bytearray()

    def add(self, op: str, **fields: Any) -> None:
        """Append a layer."""
        self.layers.append({"op": op, **fields})

    def floats(self, values: Floats) -> int:
        """Store float32; returns the offset."""
        return self._store(values.astype("<f4"))

    def matrix(self, rows: Floats, bias: Floats | None) -> dict[str, Any]:
        """Store (outputs, inputs) as int16 with a scale for each output."""
        scales = np.maximum(np.abs(rows).max(axis=1), np.finfo(np.float32).tiny) / LARGEST_INT16
        scales = scales.astype(np.float32)
        whole = np.clip(np.rint(rows / scales[:, None]), -LARGEST_INT16, LARGEST_INT16)
        return {
            "rows": len(rows),
            "columns": rows.shape[1],
            "weights": self._store(whole.astype("<i2")),
            "scales": self.floats(scales),
            "bias": None if bias is None else self.floats(bias),
        }

    def _store(self, values: npt.NDArray[Any]) -> int:
        self.numbers += bytes(-len(self.numbers) % 4)  # a typed array of the browser needs an aligned offset
        place = len(self.numbers)
        self.numbers += values.tobytes()
        return place


def pack(folder: Path, version: int) -> bytes:
    """The model.bin of the model version in `folder`.

    Raises ModelMissing, ModelCorrupt, and NotForBrowsers for a network that the format cannot hold.
    """
    manifest = read_manifest(folder)
    architecture = manifest.get("architecture", {})
    if architecture.get("class") != "MNISTClassifier":
        raise NotForBrowsers(
            f"version {version} is of class {architecture.get('class')!r}; a browser can run only a single network; "
            "choose another version"
        )
    tensors = read_safetensors(verified_bytes(folder, WEIGHTS_FILE, manifest))
    packer = Packer()
    try:
        _add_network(packer, architecture["arguments"], tensors)
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise ModelCorrupt(f"{folder / WEIGHTS_FILE} does not hold the network of its manifest: {error}") from error
    header = {**_describe(manifest, version), "layers": packer.layers}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 4)
    return MAGIC + struct.pack("<I", len(text)) + text + bytes(packer.numbers)


def _describe(manifest: Mapping[str, Any], version: int) -> dict[str, Any]:
    test = manifest.get("metrics", {}).get("test", {})
    model = {"version": version, "name": manifest["name"]}
    return {
        "model": {**model, "accuracy": test.get("accuracy"), "images": test.get("images")},
        "temperature": float(manifest["temperature"]),
        "thresholds": {"not_a_digit_above": 1.0, **manifest["thresholds"]},
        "pixel_scale": 1 / (255 * PIXEL_STD),
        "pixel_offset": -PIXEL_MEAN / PIXEL_STD,
        "grouping": {"pixels": PIXEL_WEIGHTS, "strokes": STROKE_WEIGHTS},
    }


def read_safetensors(data: bytes) -> dict[str, Floats]:
    """The float32 tensors of a safetensors file; only training needs the others.

    Raises ModelCorrupt.
    """
    # An export must not need the package safetensors, which only the extra `train` installs.
    try:
        (length,) = struct.unpack_from("<Q", data)
        header = msgspec.json.decode(data[8 : 8 + length], type=dict[str, Tensor])
        numbers = data[8 + length :]
        return {
            name: np.frombuffer(numbers[slice(*tensor.data_offsets)], "<f4").reshape(tensor.shape)
            for name, tensor in header.items()
            if tensor.dtype == "F32"
        }
    except (struct.error, ValueError, TypeError) as error:
        raise ModelCorrupt(f"{WEIGHTS_FILE} is not a safetensors file: {error}") from error


def _add_network(packer: Packer, arguments: Mapping[str, Any], tensors: Tensors) -> None:
    if arguments["patch"] > 1:
        packer.add("patches", patch=arguments["patch"])
    for name in ("block1", "block2"):
        _add_block(packer, name, arguments[name.replace("block", "conv") + "_layers"], tensors)
    factor, shift = _batch_norm(tensors, "hidden.2")
    packer.add("dense", matrix=packer.matrix(tensors["hidden.1.weight"] * factor[:, None], shift))
    packer.add("relu")
    packer.add("dense", matrix=packer.matrix(tensors["output.weight"], tensors["output.bias"]))


def _add_block(packer: Packer, name: str, layers: int, tensors: Tensors) -> None:
    """Add layers of convolution, BatchNorm and ReLU; the last layer has a pool before BatchNorm."""
    for layer in range(layers):
        is_last, first = layer == layers - 1, 3 * layer
        kernels = tensors[f"{name}.{first}.weight"].transpose(0, 2, 3, 1)
        factor, shift = _batch_norm(tensors, f"{name}.{first + 1 + is_last}")
        if not is_last:
            kernels = kernels * factor[:, None, None, None]
        rows = kernels.reshape(len(kernels), -1)
        packer.add("conv", kernel=kernels.shape[1], matrix=packer.matrix(rows, None if is_last else shift))
        if is_last:
            packer.add("pool")
            # A kernel cannot absorb the factor here: if it is negative, the pool would pick another pixel.
            packer.add("affine", count=len(factor), scale=packer.floats(factor), offset=packer.floats(shift))
        packer.add("relu")


def _batch_norm(tensors: Tensors, name: str) -> tuple[Floats, Floats]:
    """BatchNorm as a factor and a shift of each channel."""
    factor = tensors[f"{name}.weight"] / np.sqrt(tensors[f"{name}.running_var"] + np.float32(BATCH_NORM_EPS))
    return factor, tensors[f"{name}.bias"] - tensors[f"{name}.running_mean"] * factor
