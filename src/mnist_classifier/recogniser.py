"""Pixels -> Reading: ONNX Runtime, preprocessing and calibration together."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime

from mnist_classifier.errors import ModelCorrupt
from mnist_classifier.manifest import ONNX_FILE, read_manifest, verified_bytes
from mnist_classifier.preprocess import Prepared, prepare
from mnist_classifier.records import Reading, Verdict

BLANK = Reading(prediction=None, confidence=0.0, probabilities=(0.1,) * 10, verdict=Verdict.BLANK)

# Glyphs in one call to the network when many are read: larger ones leave the
# processor's cache.
BATCH = 256


class Recogniser:
    """Reads digits with one model version.  Safe to share between threads."""

    def __init__(self, onnx_bytes: bytes, manifest: Mapping[str, Any]) -> None:
        self.manifest = dict(manifest)
        self.temperature = float(manifest["temperature"])
        self.ambiguous_below = float(manifest["thresholds"]["ambiguous_below"])
        options = onnxruntime.SessionOptions()
        # One glyph is too little work to share; requests are what runs in parallel.
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(
            onnx_bytes, sess_options=options, providers=["CPUExecutionProvider"]
        )

    @classmethod
    def open(cls, folder: Path) -> Recogniser:
        """Load the model version in `folder`, its files checked against the manifest.

        Raises ModelMissing, ModelCorrupt.
        """
        manifest = read_manifest(folder)
        onnx_bytes = verified_bytes(folder, ONNX_FILE, manifest)
        try:
            return cls(onnx_bytes, manifest)
        except Exception as error:
            # ONNX Runtime's exceptions have no common class; whatever it says,
            # this file is no network that it can run.
            raise ModelCorrupt(f"{folder / ONNX_FILE} cannot be loaded: {error}") from error

    def read(self, pixels: npt.NDArray[np.uint8]) -> Reading:
        """Read one image, as decode gives it (see preprocess)."""
        return self.read_prepared(prepare(pixels))

    def read_prepared(self, prepared: Prepared) -> Reading:
        """Read an image that is made ready; the reading has its warnings."""
        if prepared.glyph is None:
            return BLANK
        return dataclasses.replace(self.read_glyph(prepared.glyph), warnings=prepared.warnings)

    def read_glyph(self, glyph: npt.NDArray[np.uint8]) -> Reading:
        """Read one (28, 28) uint8 glyph."""
        return self.judge(self.probabilities(glyph[None])[0])

    def probabilities(self, glyphs: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """(N, 28, 28) uint8 glyphs -> (N, 10) calibrated probabilities."""
        if len(glyphs) == 0:
            return np.empty((0, 10), np.float32)
        parts = [
            self._session.run(["logits"], {"glyphs": glyphs[start : start + BATCH]})[0]
            for start in range(0, len(glyphs), BATCH)
        ]
        scaled = np.concatenate(parts) / np.float32(self.temperature)
        odds = np.exp(scaled - scaled.max(axis=1, keepdims=True))
        probabilities: npt.NDArray[np.float32] = odds / odds.sum(axis=1, keepdims=True)
        return probabilities

    def judge(self, probabilities: npt.NDArray[np.float32]) -> Reading:
        """(10,) probabilities -> Reading, by the thresholds of the manifest."""
        order = np.argsort(probabilities)[::-1]
        confidence = float(probabilities[order[0]])
        ambiguous = confidence < self.ambiguous_below
        return Reading(
            prediction=int(order[0]),
            confidence=confidence,
            probabilities=tuple(float(p) for p in probabilities),
            verdict=Verdict.AMBIGUOUS if ambiguous else Verdict.DIGIT,
            candidates=(int(order[0]), int(order[1])) if ambiguous else (),
        )
