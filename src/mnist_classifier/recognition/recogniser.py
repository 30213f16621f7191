"""Pixels -> Reading: ONNX Runtime, preprocessing and calibration together."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from mnist_classifier.core.arrays import in_batches
from mnist_classifier.core.errors import ModelCorrupt
from mnist_classifier.core.onnx_runtime import open_session
from mnist_classifier.core.records import DigitInNumber, NumberReading, NumberVerdict, Reading, Thresholds, Verdict
from mnist_classifier.core.settings import Settings
from mnist_classifier.recognition.imaging.preprocess import Prepared, prepare
from mnist_classifier.recognition.imaging.sources import Picture, as_pixels
from mnist_classifier.recognition.numbers import grouping, segmentation
from mnist_classifier.recognition.numbers import pen_strokes as pen
from mnist_classifier.registry.manifest import ONNX_FILE, read_manifest, verified_bytes

BLANK = Reading(prediction=None, confidence=0.0, probabilities=(0.1,) * 10, verdict=Verdict.BLANK)

BLANK_NUMBER = NumberReading(number=None, confidence=0.0, verdict=NumberVerdict.BLANK)
# Digits that were told apart with less certainty than this are flagged.  Of 800 numbers of validation digits these
# are 4 % of those that were told apart rightly, 39 % of the 18 others.
AMBIGUOUS_GROUPING = 0.95

# A request may bring thresholds of its own; this one leaves all to the model.
AS_FITTED: Mapping[str, float] = MappingProxyType({})

# Glyphs in one call to the network when many are read: larger ones leave the
# processor's cache.
BATCH = 256


class Recogniser:
    """Reads digits with one model version.  Safe to share between threads."""

    def __init__(self, onnx_bytes: bytes, manifest: Mapping[str, Any]) -> None:
        self.manifest = dict(manifest)
        self.temperature = float(manifest["temperature"])
        # A model that knows digits alone never refuses.
        self.thresholds = Thresholds(**{"not_a_digit_above": 1.0, **manifest["thresholds"]})
        self._session = open_session(onnx_bytes)

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

    @classmethod
    def load(cls, version: int | None = None, settings: Settings | None = None) -> Recogniser:
        """Load a model version of this installation (MNIST_HOME); by default the one in production.

        Where nothing was ever promoted that is 0, the model in the box.
        Raises ModelMissing, ModelCorrupt.
        """
        # Whoever opens a folder needs no database.
        from mnist_classifier.registry.versions import opened_registry

        with opened_registry(settings or Settings.from_environment()) as registry:
            return cls.open(registry.folder(registry.aliases.production() if version is None else version))

    def check_interface(self) -> None:
        """Refuse a network that does not map glyphs to logits as this program's do.  Raises ModelCorrupt."""
        inputs = [(node.name, node.type, node.shape[1:]) for node in self._session.get_inputs()]
        outputs = [(node.name, node.type, len(node.shape)) for node in self._session.get_outputs()]
        classes = self._session.get_outputs()[0].shape[-1]
        if inputs != [("glyphs", "tensor(uint8)", [28, 28])]:
            raise ModelCorrupt(f"the network takes {inputs}; it must take glyphs of 28 by 28 uint8 alone")
        if outputs != [("logits", "tensor(float)", 2)] or classes not in (10, 11):
            raise ModelCorrupt(f"the network gives {outputs}; it must give 10 or 11 logits alone")

    def read(self, picture: Picture, thresholds: Mapping[str, float] = AS_FITTED) -> Reading:
        """Read the digit in a picture: a path, the bytes of a file, uint8 pixels, or an image of Pillow.

        thresholds: fields of Thresholds that are to differ from the model's own.
        Raises InvalidImage, ImageTooLarge.
        """
        return self.read_prepared(prepare(as_pixels(picture)[0]), thresholds)

    def read_prepared(self, prepared: Prepared, thresholds: Mapping[str, float] = AS_FITTED) -> Reading:
        """Read an image that is made ready; the reading has its warnings."""
        if prepared.glyph is None:
            return BLANK
        reading = self.read_glyph(prepared.glyph, thresholds)
        return dataclasses.replace(reading, warnings=prepared.warnings) if prepared.warnings else reading

    def read_many(self, pictures: Iterable[Picture], thresholds: Mapping[str, float] = AS_FITTED) -> list[Reading]:
        """Read many pictures as `read` would, in large batches; they may be made while they are read."""
        return self.read_many_prepared([prepare(as_pixels(picture)[0]) for picture in pictures], thresholds)

    def read_many_prepared(
        self, prepared: Sequence[Prepared], thresholds: Mapping[str, float] = AS_FITTED
    ) -> list[Reading]:
        """Read many images that are made ready."""
        drawn = [each.glyph for each in prepared if each.glyph is not None]
        opinions = iter(self.opinions(np.stack(drawn)) if drawn else ())
        return [
            BLANK
            if each.glyph is None
            else dataclasses.replace(self.judge(next(opinions), thresholds), warnings=each.warnings)
            for each in prepared
        ]

    def read_glyph(self, glyph: npt.NDArray[np.uint8], thresholds: Mapping[str, float] = AS_FITTED) -> Reading:
        """Read one (28, 28) uint8 glyph."""
        return self.judge(self.opinions(glyph[None])[0], thresholds)

    def read_number(
        self,
        picture: Picture,
        strokes: Sequence[npt.NDArray[np.float64]] | None = None,
        thresholds: Mapping[str, float] = AS_FITTED,
    ) -> NumberReading:
        """Read several digits, line by line; their boxes are in px of the picture.

        strokes: (N, 2) points x, y in px of that picture, one array a stroke,
        for telling digits apart; strokes that do not fit the ink are left
        aside.  With strokes, digits are told apart in both ways, and the surer
        reading is given.  Raises InvalidImage, ImageTooLarge.
        """
        pixels, scale = as_pixels(picture)
        inked = segmentation.read_ink(pixels)
        if inked is None:
            return BLANK_NUMBER
        scale *= inked.scale
        readings = [self._read_lines(segmentation.find_lines(inked.ink), grouping.PIXEL_WEIGHTS, thresholds)]
        lines = pen.find_lines(inked.ink, [stroke / scale for stroke in strokes]) if strokes else None
        if lines is not None:
            readings.append(self._read_lines(lines, grouping.STROKE_WEIGHTS, thresholds))
        return max(readings, key=lambda reading: reading.confidence).scaled(scale)

    def _read_lines(
        self, lines: Sequence[segmentation.Line], weights: grouping.Weights, thresholds: Mapping[str, float]
    ) -> NumberReading:
        candidates = [segmentation.find_candidates(line) for line in lines]
        glyphs = [segmentation.make_glyphs(line, each) for line, each in zip(lines, candidates, strict=True)]
        # One call for all of them: a call costs as much as several glyphs.
        opinions = self.opinions(np.concatenate(glyphs))
        texts, digits, confidence = [], [], 1.0
        for line, each in zip(lines, candidates, strict=True):
            own, opinions = opinions[: len(each)], opinions[len(each) :]
            grouped = grouping.group(line, each, own, weights)
            found = [DigitInNumber(each[index].box, self.judge(own[index], thresholds)) for index in grouped.candidates]
            texts.append("".join(str(np.argmax(digit.reading.probabilities)) for digit in found))
            digits += found
            confidence *= grouped.probability
        return self._judge_number("\n".join(filter(None, texts)), digits, confidence)

    def _judge_number(self, text: str, digits: Sequence[DigitInNumber], grouped_right: float) -> NumberReading:
        """`grouped_right` is the probability that these are the digits that were written."""
        verdicts = [digit.reading.verdict for digit in digits]
        # One strange digit among others makes a number doubtful, not nothing.
        if 2 * verdicts.count(Verdict.NOT_A_DIGIT) >= len(verdicts):
            return NumberReading(None, 0.0, NumberVerdict.NOT_A_NUMBER, tuple(digits))
        doubtful = set(verdicts) != {Verdict.DIGIT} or grouped_right < AMBIGUOUS_GROUPING
        return NumberReading(
            number=text,
            confidence=grouped_right * math.prod(digit.reading.confidence for digit in digits),
            verdict=NumberVerdict.AMBIGUOUS if doubtful else NumberVerdict.NUMBER,
            digits=tuple(digits),
        )

    def opinions(self, glyphs: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """(N, 28, 28) uint8 glyphs -> (N, 11): ten calibrated probabilities, and that of being no digit.

        The ten are those of the digits if it is one, so they sum to 1 by
        themselves.  The last is 0 with a model that knows digits alone.
        """
        if len(glyphs) == 0:
            return np.empty((0, 11), np.float32)
        logits = in_batches(lambda part: self._session.run(["logits"], {"glyphs": part})[0], glyphs, BATCH)
        opinions = np.zeros((len(logits), 11), np.float32)
        opinions[:, :10] = softmax(logits[:, :10] / np.float32(self.temperature))
        if logits.shape[1] > 10:
            opinions[:, 10] = softmax(logits)[:, 10]
        return opinions

    def judge(self, opinion: npt.NDArray[np.float32], thresholds: Mapping[str, float] = AS_FITTED) -> Reading:
        """One row of `opinions` -> Reading; `thresholds` that are given go before those of the manifest."""
        applied = dataclasses.replace(self.thresholds, **thresholds) if thresholds else self.thresholds
        *probabilities, not_a_digit = opinion.tolist()
        second, best = sorted(range(10), key=probabilities.__getitem__)[-2:]
        verdict = applied.verdict(probabilities[best], not_a_digit)
        candidates: tuple[int, ...] = ()
        if verdict is Verdict.AMBIGUOUS:
            # The ten are those of the digits in case it is one.
            candidates = (best, second) if probabilities[second] * (1 - not_a_digit) >= not_a_digit else (best,)
        return Reading(
            prediction=None if verdict is Verdict.NOT_A_DIGIT else best,
            confidence=probabilities[best],
            probabilities=tuple(probabilities),
            verdict=verdict,
            candidates=candidates,
            not_a_digit=not_a_digit,
        )


def softmax(logits: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.float32]:
    """(N, C) logits -> (N, C) probabilities."""
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    odds /= odds.sum(axis=1, keepdims=True)
    probabilities: npt.NDArray[np.float32] = odds.astype(np.float32, copy=False)
    return probabilities
