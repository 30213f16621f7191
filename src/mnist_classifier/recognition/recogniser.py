"""Read digits with one model version: preprocess a picture, run the network, calibrate, give a verdict."""

from __future__ import annotations

import dataclasses
import functools
import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from mnist_classifier.core.arrays import in_batches
from mnist_classifier.core.errors import ModelCorrupt
from mnist_classifier.core.onnx_runtime import open_session
from mnist_classifier.core.records import NumberReading, NumberVerdict, Reading, Thresholds, Verdict
from mnist_classifier.core.settings import Settings
from mnist_classifier.recognition.imaging.normalise import BOX_LEVEL
from mnist_classifier.recognition.imaging.preprocess import Prepared, prepare
from mnist_classifier.recognition.imaging.sources import MAX_PIXELS, Picture, as_crops, as_pixels
from mnist_classifier.recognition.numbers import grouping, segmentation
from mnist_classifier.recognition.numbers import pen_strokes as pen
from mnist_classifier.recognition.numbers.doubts import choose, with_doubts
from mnist_classifier.recognition.numbers.expected import ANYTHING, Expected, Field
from mnist_classifier.recognition.numbers.line_reader import LineReader
from mnist_classifier.recognition.numbers.looks import NUMBER_SIDE_PX, look
from mnist_classifier.recognition.numbers.reading import Reader, read_pages, with_cells
from mnist_classifier.recognition.numbers.several import (
    SEVERAL,
    lightened,
    may_show_several,
    shows_several,
    stands_apart,
)
from mnist_classifier.recognition.page.underlines import interpretations
from mnist_classifier.registry.manifest import ONNX_FILE, read_manifest, verified_bytes

BLANK = Reading(prediction=None, confidence=0.0, probabilities=(0.1,) * 10, verdict=Verdict.BLANK)

BLANK_NUMBER = NumberReading(number=None, confidence=0.0, verdict=NumberVerdict.BLANK)

# The default for `thresholds`: no override, so those of the model apply.
AS_FITTED: Mapping[str, float] = MappingProxyType({})

# The most glyphs in one call to the network: the data of larger calls does not fit into the processor's cache.
BATCH = 256


class Recogniser:
    """Reads digits with one model version.  Thread-safe."""

    # For a subclass: what it knows of each digit in a number besides the networks (numbers/reading.py).
    _evidence: Callable[[npt.NDArray[np.uint8]], npt.NDArray[np.float64]] | None = None

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
        from mnist_classifier.registry.versions import version_folder

        return cls.open(version_folder(version, settings or Settings.from_environment()))

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
        return self.with_hint(self.first_reading(prepared, thresholds), prepared, thresholds)

    def first_reading(self, prepared: Prepared, thresholds: Mapping[str, float] = AS_FITTED) -> Reading:
        """Read a preprocessed image as one digit; does not look for several."""
        if prepared.glyph is None:
            return BLANK
        reading = self.read_glyph(prepared.glyph, thresholds)
        return dataclasses.replace(reading, warnings=prepared.warnings) if prepared.warnings else reading

    def with_hint(self, reading: Reading, prepared: Prepared, thresholds: Mapping[str, float] = AS_FITTED) -> Reading:
        """Add the warning `several_digits` if a number explains the picture better.  A digit is ambiguous then."""
        if not needs_hint(reading, prepared):
            return reading
        assert prepared.picture is not None
        if not shows_several(self.read_number(prepared.picture, thresholds=thresholds)):
            return reading
        warnings = (*reading.warnings, SEVERAL)
        if reading.verdict is not Verdict.DIGIT:
            return dataclasses.replace(reading, warnings=warnings)
        shown = candidates(reading.probabilities, reading.not_a_digit)
        return dataclasses.replace(reading, verdict=Verdict.AMBIGUOUS, candidates=shown, warnings=warnings)

    def read_many(
        self, pictures: Iterable[Picture], thresholds: Mapping[str, float] = AS_FITTED, *, all_hints: bool = True
    ) -> list[Reading]:
        """Read many pictures as `read` does, but in large batches; accepts a generator.

        all_hints: without them, the warning `several_digits` may be missing where the verdict is not `digit`.
        """
        rest, readings = iter(pictures), list[Reading]()
        while batch := [lightened(prepare(as_pixels(each)[0])) for each in itertools.islice(rest, 4 * BATCH)]:
            readings += self.read_many_prepared(batch, thresholds, all_hints=all_hints)
        return readings

    def read_many_prepared(
        self, prepared: Sequence[Prepared], thresholds: Mapping[str, float] = AS_FITTED, *, all_hints: bool = True
    ) -> list[Reading]:
        """Read many preprocessed images; all_hints: as in `read_many`."""
        drawn = [each.glyph for each in prepared if each.glyph is not None]
        opinions = iter(self.opinions(np.stack(drawn)) if drawn else ())
        readings = [
            BLANK
            if each.glyph is None
            else dataclasses.replace(self.judge(next(opinions), thresholds), warnings=each.warnings)
            for each in prepared
        ]
        return [
            self.with_hint(reading, each, thresholds) if all_hints or reading.verdict is Verdict.DIGIT else reading
            for reading, each in zip(readings, prepared, strict=True)
        ]

    def read_glyph(self, glyph: npt.NDArray[np.uint8], thresholds: Mapping[str, float] = AS_FITTED) -> Reading:
        """Read one (28, 28) uint8 glyph."""
        return self.judge(self.opinions(glyph[None])[0], thresholds)

    def read_number(
        self,
        picture: Picture,
        strokes: Sequence[npt.NDArray[np.float64]] | None = None,
        thresholds: Mapping[str, float] = AS_FITTED,
        expected: Expected = ANYTHING,
    ) -> NumberReading:
        """Read several digits, line by line; bounding boxes are in px of the picture.

        expected: what is known of the number; a reading that does not fit is
        ambiguous, with the warning `unexpected`.
        strokes: pen strokes that help to separate digits, each (N, 2) points
        x, y in px of the picture; ignored if they do not fit the ink.  With
        strokes, digits are separated in both ways, and the more confident
        reading is returned.  Raises InvalidImage, ImageTooLarge.
        """
        pixels, scale = as_pixels(picture, side_px=NUMBER_SIDE_PX)
        seen = look(pixels)
        if seen is None:
            return BLANK_NUMBER
        inked, scale = seen.inked, scale * seen.scale
        reader = Reader(
            self.opinions, functools.partial(self.judge, thresholds=thresholds), self._line_reader, self._evidence
        )
        found = interpretations(inked.ink, inked.height)
        pages = [segmentation.find_lines(each, inked.cells) for each in found.inks if (each >= BOX_LEVEL).any()]
        if not pages:
            return BLANK_NUMBER
        best = choose(read_pages(pages, grouping.PIXEL_WEIGHTS, reader, expected), found.warnings)
        own_scale = scale * inked.scale
        drawn = [stroke / own_scale for stroke in strokes or () if inked.sheet is None]
        lines = pen.find_lines(inked.ink, drawn) if drawn else None
        if lines is not None:
            by_strokes = read_pages([lines], grouping.STROKE_WEIGHTS, reader, expected)[0]
            best = max(best, by_strokes, key=lambda reading: reading.confidence)
        best = with_cells(with_doubts(best, inked), inked.cells)
        return best.placed(lambda x, y: _rounded_down(inked.to_picture(x, y), seen.shape, scale))

    def read_fields(
        self, picture: Picture, fields: Sequence[Field], thresholds: Mapping[str, float] = AS_FITTED
    ) -> list[NumberReading]:
        """Read each field of a form; bounding boxes are in px of the whole picture.

        Raises InvalidImage, ImageTooLarge; InvalidInput with the field `fields[2].box` if that box cannot be used.
        """
        return list(self.each_field(picture, fields, thresholds))

    def each_field(
        self,
        picture: Picture,
        fields: Sequence[Field],
        thresholds: Mapping[str, float] = AS_FITTED,
        max_pixels: int = MAX_PIXELS,
    ) -> Iterator[NumberReading]:
        """Like `read_fields`, but yield each reading at once, so that the caller can stop."""
        crops = as_crops(picture, [field.box for field in fields], max_pixels=max_pixels)
        for field, crop in zip(fields, crops, strict=True):
            reading = self.read_number(crop.pixels, thresholds=thresholds, expected=field.expected)
            yield reading.placed(crop.in_picture)

    @functools.cached_property
    def _line_reader(self) -> LineReader:
        """The line reader in the box; loaded when the first number is read."""
        return LineReader.open()

    def opinions(self, glyphs: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Run the network on (N, 28, 28) uint8 glyphs; returns (N, 11) calibrated probabilities.

        The first ten are those of the digits 0 to 9, given that the glyph shows a
        digit, so they sum to 1.  The last is the probability that it shows none;
        it is 0 for a model without the class "not a digit".
        """
        if len(glyphs) == 0:
            return np.empty((0, 11), np.float32)
        return self.as_opinions(in_batches(self._logits, glyphs, BATCH))

    def as_opinions(self, logits: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Calibrate (N, 10 or 11) logits as in `opinions`."""
        opinions = np.zeros((len(logits), 11), np.float32)
        opinions[:, :10] = softmax(logits[:, :10] / np.float32(self.temperature))
        if logits.shape[1] > 10:
            opinions[:, 10] = softmax(logits)[:, 10]
        return opinions

    def _logits(self, glyphs: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """The network's outputs for one batch: (N, 28, 28) uint8 -> (N, 10 or 11)."""
        logits: npt.NDArray[np.float32] = self._session.run(["logits"], {"glyphs": glyphs})[0]
        return logits

    def judge(self, opinion: npt.NDArray[np.float32], thresholds: Mapping[str, float] = AS_FITTED) -> Reading:
        """Turn a row of `opinions` into a reading with a verdict; `thresholds` override those of the model."""
        applied = dataclasses.replace(self.thresholds, **thresholds) if thresholds else self.thresholds
        *probabilities, not_a_digit = opinion.tolist()
        best = max(range(10), key=probabilities.__getitem__)
        verdict = applied.verdict(probabilities[best], not_a_digit)
        return Reading(
            prediction=None if verdict is Verdict.NOT_A_DIGIT else best,
            confidence=probabilities[best],
            probabilities=tuple(probabilities),
            verdict=verdict,
            candidates=candidates(probabilities, not_a_digit) if verdict is Verdict.AMBIGUOUS else (),
            not_a_digit=not_a_digit,
        )


def needs_hint(reading: Reading, prepared: Prepared) -> bool:
    """Whether `Recogniser.with_hint` has to read the picture as a number, which takes some hundredths of a second."""
    if prepared.picture is None:
        return False
    if reading.verdict is Verdict.NOT_A_DIGIT:
        return may_show_several(prepared.glyph)
    return stands_apart(prepared.glyph)


def candidates(probabilities: Sequence[float], not_a_digit: float) -> tuple[int, ...]:
    """The two likeliest digits of an ambiguous glyph, or one if it is likelier to be no digit than the second."""
    best, second = sorted(range(10), key=probabilities.__getitem__, reverse=True)[:2]
    # The ten probabilities are conditional on the glyph being a digit.
    return (best, second) if probabilities[second] * (1 - not_a_digit) >= not_a_digit else (best,)


def _rounded_down(place: tuple[float, float], shape: tuple[int, ...], scale: float) -> tuple[int, int]:
    """A place x, y in a decoded picture of the shape (height, width), in whole px of the picture as it was sent."""
    x, y = (min(max(value, 0.0), float(side)) for value, side in zip(place, (shape[1], shape[0]), strict=True))
    return math.floor(x * scale), math.floor(y * scale)


def softmax(logits: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.float32]:
    """(N, C) logits -> (N, C) probabilities."""
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    odds /= odds.sum(axis=1, keepdims=True)
    probabilities: npt.NDArray[np.float32] = odds.astype(np.float32, copy=False)
    return probabilities
