"""Personal models: what one person's examples add to a model version.

    model = Learner.of(FeatureNetwork(onnx_bytes)).fit(glyphs, labels)
    recogniser = PersonalRecogniser(onnx_bytes, manifest, model)

A personal model is a linear layer on the network's features whose outputs are added to the logits.  It starts at
zero, and is fitted to the person's examples, with varied copies, and to the network's own answers for glyphs of
everybody, most of which are hard to read.
docs/experiments.md compares it with other ways.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from mnist_classifier.core.arrays import Bytes, Doubles, Floats, Integers, in_batches
from mnist_classifier.core.errors import ModelCorrupt, TooFewExamples
from mnist_classifier.core.onnx_runtime import open_session
from mnist_classifier.evaluation.explore.activations import value_names, with_outputs
from mnist_classifier.learning.variations import vary
from mnist_classifier.recognition.recogniser import BATCH, Recogniser, softmax
from mnist_classifier.training.synthetic import everybody

FEWEST_EXAMPLES = 10
# More examples than the latest ones would slow the fit down and add little.
MOST_EXAMPLES = 500
# What training/release/export.py calls the input of the first linear layer; an ensemble has one for each member.
FEATURES = re.compile(r"(?:member\d+_)?features")
LARGEST_CONTENTS = 1_000_000  # bytes
# Of a digit in a number: a smaller probability counts as this one.
LEAST = np.float32(1e-6)

# Chosen on validation writers (docs/experiments.md, "A person's handwriting").
PULL, STEPS, STEP_SIZE, MOMENTUM = 0.001, 60, 1.5, 0.9
# Ways to fit, each gentler than the one before: varied copies of each example, and how much more the examples count
# than everybody's glyphs.
WAYS = ((8, 4.0), (0, 4.0), (0, 1.0))
# How many of everybody's hard digits a personal model may read otherwise; of the others, none.  The hard ones are the
# hardest of 55,000, so that 30 are some 0.05 %.  The last way's weights get weaker by a factor until that is so.
MOST_CHANGED, WEAKER = 30, np.float32(0.9)


@dataclass(frozen=True, eq=False)
class PersonalModel:
    """weights: (F, 10 or 11) float32; normalised features times these are added to the logits."""

    weights: Floats

    def to_bytes(self) -> bytes:
        """A .npz file without pickle.  Raises ModelCorrupt if it is too large for the database."""
        file = io.BytesIO()
        np.savez_compressed(file, weights=self.weights)
        if len(file.getbuffer()) > LARGEST_CONTENTS:
            raise ModelCorrupt("this network has too many features for personal models")
        return file.getvalue()

    @classmethod
    def from_bytes(cls, contents: bytes) -> PersonalModel:
        """Read such a file.  Raises ModelCorrupt."""
        try:
            with zipfile.ZipFile(io.BytesIO(contents)) as archive:
                if sum(each.file_size for each in archive.infolist()) > 4 * LARGEST_CONTENTS:
                    raise ModelCorrupt("the personal model is larger than any that was made here")
            with np.load(io.BytesIO(contents), allow_pickle=False) as arrays:
                weights = arrays["weights"]
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            raise ModelCorrupt(f"the personal model cannot be read: {error}") from None
        if weights.dtype != np.float32 or weights.ndim != 2 or not np.isfinite(weights).all():
            raise ModelCorrupt("the personal model is not a matrix of numbers")
        return cls(weights)


def _log_probabilities(logits: Floats) -> Doubles:
    """(N, C) logits -> (N, 10) log probabilities of the digits, at least log(LEAST)."""
    return np.log(np.maximum(softmax(logits)[:, :10], LEAST).astype(np.float64))


class FeatureNetwork:
    """A network that also gives the features before its first linear layer.  Thread-safe."""

    def __init__(self, onnx_bytes: bytes) -> None:
        self._names = [name for name in value_names(onnx_bytes) if FEATURES.fullmatch(name)]
        if not self._names:
            raise ModelCorrupt("this network was not trained here, so it cannot learn a person's handwriting")
        self._session = open_session(with_outputs(onnx_bytes, self._names))

    def look(self, glyphs: Bytes) -> tuple[Floats, Floats]:
        """(N, 28, 28) uint8 -> (N, 10 or 11) logits and (N, F) features of length 1."""
        logits, *parts = self._session.run(["logits", *self._names], {"glyphs": glyphs})
        features = np.concatenate(parts, axis=1)
        return logits, features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), np.float32(1e-6))

    def look_many(self, glyphs: Bytes) -> tuple[Floats, Floats]:
        """Like `look`, in batches."""
        both = in_batches(lambda part: np.concatenate(self.look(part), axis=1), glyphs, BATCH)
        classes = self.look(glyphs[:1])[0].shape[1]
        return both[:, :classes], both[:, classes:]


class PersonalRecogniser(Recogniser):
    """Reads as a model version does, with what a personal model adds.  Thread-safe."""

    def __init__(self, onnx_bytes: bytes, manifest: Mapping[str, Any], personal: PersonalModel) -> None:
        super().__init__(onnx_bytes, manifest)
        self._network, self._personal = FeatureNetwork(onnx_bytes), personal
        self._evidence = self._added_evidence
        logits, features = self._network.look(np.zeros((1, 28, 28), np.uint8))
        if personal.weights.shape != (features.shape[1], logits.shape[1]):
            raise ModelCorrupt("the personal model was made for another network")

    def _logits(self, glyphs: Bytes) -> Floats:
        logits, features = self._network.look(glyphs)
        added: Floats = logits + features @ self._personal.weights
        return added

    def _added_evidence(self, glyphs: Bytes) -> Doubles:
        """(N, 28, 28) uint8 -> (N, 10), by how much the personal model raises the log probability of each digit."""
        logits, features = self._network.look_many(glyphs)
        before, after = (_log_probabilities(each) for each in (logits, logits + features @ self._personal.weights))
        return after - before


@dataclass(frozen=True, eq=False)
class Learner:
    """Fits personal models to one network.

    logits, features: of the glyphs of everybody.
    """

    network: FeatureNetwork
    logits: Floats
    features: Floats

    @classmethod
    def of(cls, network: FeatureNetwork) -> Learner:
        """Prepare to fit, in a tenth of a second."""
        return cls(network, *network.look_many(everybody.glyphs()))

    def fit(self, glyphs: Bytes, labels: Integers) -> PersonalModel:
        """Fit to (N, 28, 28) uint8 glyphs with labels 0 to 10, 10 = not a digit.

        For a network without the class "not a digit", those examples are left out.  Raises TooFewExamples.
        """
        check_examples(int((labels < self.logits.shape[1]).sum()))
        return PersonalModel(self.weights(glyphs, labels))

    def weights(self, glyphs: Bytes, labels: Integers) -> Floats:
        """(F, 10 or 11) weights as in `fit`, for any number of examples."""
        kept = labels < self.logits.shape[1]
        if not kept.any():
            return np.zeros((self.features.shape[1], self.logits.shape[1]), np.float32)
        for copies, emphasis in WAYS:
            weights = self._minimise(*self._looked_at(glyphs[kept], labels[kept], copies), emphasis)
            if not self._harms(weights):
                return weights
        while self._harms(weights):
            weights = weights * WEAKER
        return weights

    def _looked_at(self, glyphs: Bytes, labels: Integers, copies: int) -> tuple[Floats, Floats, Integers]:
        """Logits, features and labels of the examples and of their varied copies, fewer if there are many examples."""
        copies = min(copies, MOST_EXAMPLES // len(glyphs) - 1)
        if copies > 0:
            glyphs = np.concatenate([glyphs, vary(glyphs, copies)])
            labels = np.concatenate([labels, np.repeat(labels, copies)])
        return *self.network.look_many(glyphs), labels

    def _minimise(self, logits: Floats, features: Floats, labels: Integers, emphasis: float) -> Floats:
        """Minimise `emphasis` times the examples' cross entropy, plus everybody's, plus PULL/2 times the squares."""
        inputs = np.concatenate([features, self.features])
        start = np.concatenate([logits, self.logits])
        targets = np.concatenate([np.eye(logits.shape[1], dtype=np.float32)[labels], softmax(self.logits)])
        share = np.concatenate([np.full(len(labels), emphasis / len(labels), np.float32), everybody.shares()])
        weights = np.zeros((inputs.shape[1], logits.shape[1]), np.float32)
        momentum = np.zeros_like(weights)
        for _ in range(STEPS):
            error = (softmax(start + inputs @ weights) - targets) * share[:, None]
            momentum = MOMENTUM * momentum + inputs.T @ error + PULL * weights
            weights -= STEP_SIZE * momentum
        return weights

    def _harms(self, weights: Floats) -> bool:
        """Whether too many of everybody's digits would be read otherwise with these weights."""
        logits, features = self.logits[: everybody.DIGITS], self.features[: everybody.DIGITS]
        changed = (logits + features @ weights).argmax(axis=1) != logits.argmax(axis=1)
        hard, others = np.split(changed, [everybody.HARD_DIGITS])
        return bool(others.any() or np.count_nonzero(hard) > MOST_CHANGED)


def check_examples(count: int) -> None:
    """Raises TooFewExamples."""
    if count < FEWEST_EXAMPLES:
        raise TooFewExamples(
            f"a personal model needs at least {FEWEST_EXAMPLES} corrections by its writer that do not contradict each "
            f"other; there are {count}"
        )
