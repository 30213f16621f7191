"""Read digits with one model version: preprocess a picture, run the network, calibrate, give a verdict."""

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
# A number is ambiguous if the probability of its segmentation is lower.  Of 800 numbers of validation digits, this
# flags 4 % of the right segmentations and 39 % of the 18 wrong ones.
AMBIGUOUS_GROUPING = 0.95

# The default for `thresholds`: no override, so those of the model apply.
AS_FITTED: Mapping[str, float] = MappingProxyType({})

# The most glyphs in one call to the network: the data of larger calls does not fit into the processor's cache.
BATCH = 256


class Recogniser:
    """Reads digits with one model version.  Thread-safe."""

    def __init__(self, onnx_bytes: bytes, manifest: Mapping[str, Any]) -> None:
        self.manifest = dict(manifest)
        self.temperature = float(manifest["temperature"])
        # A model without the eleventh class, "not a digit", never gives that verdict.
        self.thresholds = Thresholds(**{"not_a_digit_above": 1.0, **manifest["thresholds"]})
        self._session = open_session(onnx_bytes)

    @classmethod
    def open(cls, folder: Path) -> Recogniser:
        """Load the model version in `folder` and check its files against the manifest.

        Raises ModelMissing, ModelCorrupt.
        """
        manifest = read_manifest(folder)
        onnx_bytes = verified_bytes(folder, ONNX_FILE, manifest)
        try:
            return cls(onnx_bytes, manifest)
        except Exception as error:
            # The exceptions of ONNX Runtime have no common base class.
            raise ModelCorrupt(f"{folder / ONNX_FILE} cannot be loaded: {error}") from error

    @classmethod
    def load(cls, version: int | None = None, settings: Settings | None = None) -> Recogniser:
        """Load a model version of this installation (MNIST_HOME), by default the one in production.

        As long as no version was promoted, production is version 0, the model in the box.
        Raises ModelMissing, ModelCorrupt.
        """
        # Imported here, because `open` needs no database.
        from mnist_classifier.registry.versions import opened_registry

        with opened_registry(settings or Settings.from_environment()) as registry:
            return cls.open(registry.folder(registry.aliases.production() if version is None else version))

    def check_interface(self) -> None:
        """Check that the network maps glyphs to logits.  Raises ModelCorrupt."""
        inputs = [(node.name, node.type, node.shape[1:]) for node in self._session.get_inputs()]
        outputs = [(node.name, node.type, len(node.shape)) for node in self._session.get_outputs()]
        classes = self._session.get_outputs()[0].shape[-1]
        if inputs != [("glyphs", "tensor(uint8)", [28, 28])]:
            raise ModelCorrupt(f"the network takes {inputs}; it must take glyphs of 28 by 28 uint8 alone")
        if outputs != [("logits", "tensor(float)", 2)] or classes not in (10, 11):
            raise ModelCorrupt(f"the network gives {outputs}; it must give 10 or 11 logits alone")

    def read(self, picture: Picture, thresholds: Mapping[str, float] = AS_FITTED) -> Reading:
        """Read the digit in a picture: a path, the bytes of a file, uint8 pixels, or a Pillow image.

        thresholds: fields of Thresholds that override those of the model.
        Raises InvalidImage, ImageTooLarge.
        """
        return self.read_prepared(prepare(as_pixels(picture)[0]), thresholds)

    def read_prepared(self, prepared: Prepared, thresholds: Mapping[str, float] = AS_FITTED) -> Reading:
        """Read a preprocessed image; the reading includes its warnings."""
        if prepared.glyph is None:
            return BLANK
        reading = self.read_glyph(prepared.glyph, thresholds)
        return dataclasses.replace(reading, warnings=prepared.warnings) if prepared.warnings else reading

    def read_many(self, pictures: Iterable[Picture], thresholds: Mapping[str, float] = AS_FITTED) -> list[Reading]:
        """Read many pictures as `read` does, but in large batches; accepts a generator."""
        return self.read_many_prepared([prepare(as_pixels(picture)[0]) for picture in pictures], thresholds)

    def read_many_prepared(
        self, prepared: Sequence[Prepared], thresholds: Mapping[str, float] = AS_FITTED
    ) -> list[Reading]:
        """Read many preprocessed images."""
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
        """Read several digits, line by line; bounding boxes are in px of the picture.

        strokes: pen strokes that help to separate digits, each (N, 2) points
        x, y in px of the picture; ignored if they do not fit the ink.  With
        strokes, digits are separated in both ways, and the more confident
        reading is returned.  Raises InvalidImage, ImageTooLarge.
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
        """Read every candidate of each line, then choose the candidates that most likely are the digits."""
        candidates = [segmentation.find_candidates(line) for line in lines]
        glyphs = [segmentation.make_glyphs(line, boxes) for line, boxes in zip(lines, candidates, strict=True)]
        # One call for the candidates of all lines, because each call takes as long as several glyphs.
        opinions = self.opinions(np.concatenate(glyphs))
        line_ends = np.cumsum([len(part) for part in glyphs])
        texts, digits, confidence = [], [], 1.0
        for line, boxes, rows in zip(lines, candidates, np.split(opinions, line_ends[:-1]), strict=True):
            grouped = grouping.group(line, boxes, rows, weights)
            found = [
                DigitInNumber(boxes[index].box, self.judge(rows[index], thresholds)) for index in grouped.candidates
            ]
            texts.append("".join(str(np.argmax(digit.reading.probabilities)) for digit in found))
            digits += found
            confidence *= grouped.probability
        return _judge_number("\n".join(filter(None, texts)), digits, confidence)

    def opinions(self, glyphs: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Run the network on (N, 28, 28) uint8 glyphs; returns (N, 11) calibrated probabilities.

        The first ten are those of the digits 0 to 9, given that the glyph shows a
        digit, so they sum to 1.  The last is the probability that it shows none;
        it is 0 for a model without the class "not a digit".
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
        """Turn a row of `opinions` into a reading with a verdict; `thresholds` override those of the model."""
        applied = dataclasses.replace(self.thresholds, **thresholds) if thresholds else self.thresholds
        *probabilities, not_a_digit = opinion.tolist()
        second, best = sorted(range(10), key=probabilities.__getitem__)[-2:]
        verdict = applied.verdict(probabilities[best], not_a_digit)
        candidates: tuple[int, ...] = ()
        if verdict is Verdict.AMBIGUOUS:
            # The ten probabilities are conditional on the glyph being a digit.
            candidates = (best, second) if probabilities[second] * (1 - not_a_digit) >= not_a_digit else (best,)
        return Reading(
            prediction=None if verdict is Verdict.NOT_A_DIGIT else best,
            confidence=probabilities[best],
            probabilities=tuple(probabilities),
            verdict=verdict,
            candidates=candidates,
            not_a_digit=not_a_digit,
        )


def _judge_number(text: str, digits: Sequence[DigitInNumber], grouped_right: float) -> NumberReading:
    """Combine readings of digits; grouped_right: the probability that the digits are separated correctly."""
    verdicts = [digit.reading.verdict for digit in digits]
    # Some refused digits make a number ambiguous; if half are refused, it is no number.
    if 2 * verdicts.count(Verdict.NOT_A_DIGIT) >= len(verdicts):
        return NumberReading(None, 0.0, NumberVerdict.NOT_A_NUMBER, tuple(digits))
    doubtful = set(verdicts) != {Verdict.DIGIT} or grouped_right < AMBIGUOUS_GROUPING
    return NumberReading(
        number=text,
        confidence=grouped_right * math.prod(digit.reading.confidence for digit in digits),
        verdict=NumberVerdict.AMBIGUOUS if doubtful else NumberVerdict.NUMBER,
        digits=tuple(digits),
    )


def softmax(logits: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.float32]:
    """(N, C) logits -> (N, C) probabilities."""
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    odds /= odds.sum(axis=1, keepdims=True)
    probabilities: npt.NDArray[np.float32] = odds.astype(np.float32, copy=False)
    return probabilities
