"""Personal models in the database: made from a writer's corrections, used for reading, forgotten.

    personal = PersonalModels(store, registry)
    personal.fit("Anna", version=3)
    recogniser = personal.recogniser("Anna", version=3)
    personal.forget("Anna")

A personal model belongs to one model version.  For another version it is made again from the corrections.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import sqlalchemy as sa

from mnist_classifier.core.arrays import Integers, Mask
from mnist_classifier.core.database import Store, now
from mnist_classifier.core.errors import InvalidInput, PersonalModelMissing
from mnist_classifier.core.tables import personal_models as table
from mnist_classifier.evaluation.explore.memo import Memo
from mnist_classifier.learning.correction_queries import CorrectionQueries, Examples, Filters
from mnist_classifier.learning.corrections import NOT_A_DIGIT, checked_writer
from mnist_classifier.learning.personal import (
    MOST_EXAMPLES,
    FeatureNetwork,
    Learner,
    PersonalModel,
    PersonalRecogniser,
    check_examples,
)
from mnist_classifier.recognition.recogniser import Recogniser
from mnist_classifier.registry.manifest import ONNX_FILE, read_manifest, verified_bytes
from mnist_classifier.registry.versions import Registry

# Each holds two networks of some MB.
RECOGNISERS_KEPT, PARTS = 8, 5
_FACTS = [column for column in table.c if column.name != "contents"]


@dataclass(frozen=True)
class PersonalModelFacts:
    """A personal model without its weights.

    corrections: the numbers of those that it learned from.  figures: of the examples, `right_before` and
    `right_after`, each example read by a model fitted to the others (five parts).
    """

    writer: str
    base_version: int
    created_at: datetime
    corrections: list[int]
    examples: int
    figures: dict[str, Any]


class PersonalModels:
    """The personal models of one database.  Thread-safe."""

    def __init__(self, store: Store, registry: Registry) -> None:
        self._store, self._registry = store, registry
        self._corrections = CorrectionQueries(store)
        self._recognisers: Memo[PersonalRecogniser] = Memo(RECOGNISERS_KEPT)

    def fit(self, writer: str, version: int) -> PersonalModelFacts:
        """Make a writer's model from the corrections, in place of an older one.

        Takes a second or two, and up to ten for a network with many features.

        Raises TooFewExamples, InvalidInput, VersionMissing, ModelMissing, ModelCorrupt.
        """
        writer = checked_writer(writer)
        if not writer:
            raise InvalidInput("a personal model needs the name of a writer", field="writer")
        examples = _latest(self._corrections.examples(Filters(writer=writer)))
        check_examples(len(examples.ids))
        recogniser, learner = self._registry.read(version, _open)
        model = learner.fit(examples.glyphs, examples.labels)
        row = {
            "writer": writer,
            "base_version": version,
            "created_at": now(),
            "corrections": examples.ids.tolist(),
            "examples": len(examples.ids),
            "figures": _figures(recogniser, learner, examples),
        }
        with self._store.writing(durably=True) as connection:
            connection.execute(table.delete().where(table.c.writer == writer))
            connection.execute(table.insert().values(**row, contents=model.to_bytes()))
        return self.get(writer)

    def get(self, writer: str) -> PersonalModelFacts:
        """One personal model.  Raises PersonalModelMissing, InvalidInput."""
        writer = checked_writer(writer)
        with self._store.reading() as connection:
            found = connection.execute(sa.select(*_FACTS).where(table.c.writer == writer)).mappings().one_or_none()
        if found is None:
            raise PersonalModelMissing(f"there is no personal model of {writer!r}; personalise it first")
        return PersonalModelFacts(**found)

    def all(self) -> list[PersonalModelFacts]:
        """All personal models, by name."""
        with self._store.reading() as connection:
            rows = connection.execute(sa.select(*_FACTS).order_by(table.c.writer)).mappings()
            return [PersonalModelFacts(**row) for row in rows]

    def forget(self, writer: str) -> None:
        """Delete a personal model; the corrections stay.  Raises PersonalModelMissing, InvalidInput."""
        with self._store.writing(durably=True) as connection:
            deleted = connection.execute(table.delete().where(table.c.writer == checked_writer(writer))).rowcount
        if not deleted:
            raise PersonalModelMissing(f"there is no personal model of {writer!r}")

    def recogniser(self, writer: str, version: int) -> PersonalRecogniser:
        """A recogniser that reads for a writer; fits the model again if it was made for another version.

        Raises PersonalModelMissing, and what `fit` raises.
        """
        facts = self.get(writer)
        if facts.base_version != version:
            facts = self.fit(writer, version)

        def open_recogniser() -> PersonalRecogniser:
            model = PersonalModel.from_bytes(self._contents(facts.writer))
            return self._registry.read(version, lambda folder: PersonalRecogniser(*_files(folder), model))

        return self._recognisers.get((facts.writer, version, facts.created_at), open_recogniser)

    def _contents(self, writer: str) -> bytes:
        with self._store.reading() as connection:
            contents = connection.scalar(sa.select(table.c.contents).where(table.c.writer == writer))
        if contents is None:
            raise PersonalModelMissing(f"the personal model of {writer!r} has just been deleted")
        return bytes(contents)


def _files(folder: Path) -> tuple[bytes, dict[str, Any]]:
    manifest = read_manifest(folder)
    return verified_bytes(folder, ONNX_FILE, manifest), manifest


def _open(folder: Path) -> tuple[Recogniser, Learner]:
    onnx_bytes, manifest = _files(folder)
    return Recogniser(onnx_bytes, manifest), Learner.of(FeatureNetwork(onnx_bytes))


def _latest(examples: Examples) -> Examples:
    """The latest examples, without glyphs to which the writer gave two labels."""
    labels: dict[str, set[int]] = defaultdict(set)
    for sha256, label in zip(examples.glyph_sha256, examples.labels.tolist(), strict=True):
        labels[sha256].add(label)
    kept = [row for row, sha256 in enumerate(examples.glyph_sha256) if len(labels[sha256]) == 1][-MOST_EXAMPLES:]
    rows = np.array(kept, np.int64)
    return Examples(
        ids=examples.ids[rows],
        labels=examples.labels[rows],
        glyphs=examples.glyphs[rows],
        writers=[examples.writers[row] for row in kept],
        glyph_sha256=[examples.glyph_sha256[row] for row in kept],
    )


def _figures(recogniser: Recogniser, learner: Learner, examples: Examples) -> dict[str, Any]:
    """How many examples are read right, before and after."""
    right_after = 0
    for part in range(PARTS):
        tested = np.arange(len(examples.ids)) % PARTS == part
        weights = learner.weights(examples.glyphs[~tested], examples.labels[~tested])
        logits, features = learner.network.look_many(examples.glyphs[tested])
        opinions = recogniser.as_opinions(logits + features @ weights)
        right_after += int(_right(recogniser, opinions, examples.labels[tested]).sum())
    before = _right(recogniser, recogniser.opinions(examples.glyphs), examples.labels)
    return {"right_before": int(before.sum()), "right_after": right_after}


def _right(recogniser: Recogniser, opinions: Any, labels: Integers) -> Mask:
    read = [recogniser.judge(opinion).prediction for opinion in opinions]
    found: Mask = np.array([NOT_A_DIGIT if digit is None else digit for digit in read]) == labels
    return found
