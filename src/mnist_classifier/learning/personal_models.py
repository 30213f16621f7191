"""Personal models in the database: made from a writer's corrections, used for reading, forgotten.

    personal = PersonalModels(store, registry)
    personal.fit("Anna", version=3)
    recogniser = personal.recogniser("Anna", version=3)
    personal.forget("Anna")

A personal model belongs to one model version, and to the corrections that it learned from.  For another version, or
once one of them was deleted or changed, it is made again from those that are left.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import sqlalchemy as sa

from mnist_classifier.core.arrays import Integers, Mask
from mnist_classifier.core.database import Store, now
from mnist_classifier.core.errors import InvalidInput, PersonalModelMissing, TooFewExamples
from mnist_classifier.core.tables import personal_models as table
from mnist_classifier.evaluation.explore.memo import Memo
from mnist_classifier.learning.correction_queries import CorrectionQueries, Examples, Filters, names_of
from mnist_classifier.learning.corrections import NOT_A_DIGIT, lock
from mnist_classifier.learning.personal import (
    MOST_EXAMPLES,
    FeatureNetwork,
    Learner,
    PersonalModel,
    PersonalRecogniser,
    check_examples,
)
from mnist_classifier.learning.writers import checked_writer
from mnist_classifier.recognition.recogniser import Recogniser
from mnist_classifier.registry.manifest import ONNX_FILE, read_manifest, verified_bytes
from mnist_classifier.registry.versions import Registry

# Each holds two networks of some MB.
RECOGNISERS_KEPT, PARTS = 8, 5
_FACTS = [
    *(column for column in table.c if column.name != "contents"),
    table.c.contents.is_(None).label("is_outdated"),
]


@dataclass(frozen=True)
class PersonalModelFacts:
    """A personal model without its weights.

    corrections: the numbers of those that it learned from.  figures: of these examples, `right_before` and
    `right_after`, each example read by a model fitted to the others (five parts).
    is_outdated: one of them was deleted or changed since; the weights are erased.
    """

    writer: str
    base_version: int
    created_at: datetime
    corrections: list[int]
    figures: dict[str, Any]
    is_outdated: bool = False

    def reads_for(self, version: int) -> bool:
        """Whether it can read with a version as it is."""
        return self.base_version == version and not self.is_outdated


class PersonalModels:
    """The personal models of one database.  Thread-safe."""

    def __init__(self, store: Store, registry: Registry) -> None:
        self._store, self._registry = store, registry
        self._corrections = CorrectionQueries(store)
        self._recognisers: Memo[PersonalRecogniser] = Memo(RECOGNISERS_KEPT)
        # A fit takes all of a core, so only one runs at a time.
        self._turn = threading.Lock()

    def fit(self, writer: str, version: int) -> PersonalModelFacts:
        """Make a writer's model from the corrections, in place of an older one.

        Takes a second or two, and up to ten for a network with many features.

        Raises TooFewExamples, InvalidInput, VersionMissing, ModelMissing, ModelCorrupt.
        """
        writer = checked_writer(writer)
        if not writer:
            raise InvalidInput("a personal model needs the name of a writer", field="writer")
        with self._turn:
            return self._fit(writer, version, is_new=True)

    def get(self, writer: str) -> PersonalModelFacts:
        """One personal model.  Raises PersonalModelMissing, InvalidInput."""
        writer = checked_writer(writer)
        with self._store.reading() as connection:
            found = connection.execute(sa.select(*_FACTS).where(table.c.writer == writer)).mappings().one_or_none()
        if found is None:
            raise PersonalModelMissing(
                f"there is no personal model for {writer!r}; make one on the page Corrections "
                "or with `mnist personalise`"
            )
        return PersonalModelFacts(**found)

    def all(self) -> list[PersonalModelFacts]:
        """All personal models, by name."""
        with self._store.reading() as connection:
            rows = connection.execute(sa.select(*_FACTS).order_by(table.c.writer)).mappings()
            return [PersonalModelFacts(**row) for row in rows]

    def forget(self, writer: str) -> None:
        """Delete a personal model; the corrections stay.  Raises PersonalModelMissing, InvalidInput."""
        with self._store.erasing() as connection:
            deleted = connection.execute(table.delete().where(table.c.writer == checked_writer(writer))).rowcount
        if not deleted:
            raise PersonalModelMissing(f"there is no personal model for {writer!r}")

    def recogniser(self, writer: str, version: int) -> PersonalRecogniser:
        """A recogniser that reads for a writer; makes the model again for another version, or if it is outdated.

        Raises PersonalModelMissing, and what `fit` raises.
        """
        facts = self.get(writer)
        if not facts.reads_for(version):
            facts = self._made_again(facts.writer, version)

        def open_recogniser() -> PersonalRecogniser:
            model = PersonalModel.from_bytes(self._contents(facts))
            return self._registry.read(version, lambda folder: PersonalRecogniser(*_files(folder), model))

        return self._recognisers.get((facts.writer, version, facts.created_at), open_recogniser)

    def _made_again(self, writer: str, version: int) -> PersonalModelFacts:
        with self._turn:
            facts = self.get(writer)
            if facts.reads_for(version):  # another request was quicker
                return facts
            try:
                return self._fit(writer, version, is_new=False)
            except TooFewExamples as error:
                reason = "corrections were deleted or changed" if facts.is_outdated else "there is a new version"
                raise TooFewExamples(
                    f"the personal model for {writer!r} has to be made again, because {reason}: {error.message}. "
                    "Correct more digits with this name, or forget the model"
                ) from None

    def _fit(self, writer: str, version: int, *, is_new: bool) -> PersonalModelFacts:
        """Fit and store a model; again if one of its examples is deleted or changed meanwhile.

        is_new: False does not bring a model back that was deleted meanwhile.
        """
        examples = self._examples(writer)
        recogniser, learner = self._registry.read(version, _open)
        while True:
            contents = learner.fit(examples.glyphs, examples.labels).to_bytes()
            facts = PersonalModelFacts(
                writer, version, now(), examples.ids.tolist(), _figures(recogniser, learner, examples)
            )
            with self._store.writing(durably=True) as connection:
                lock(connection)
                if names_of(connection, facts.corrections) == examples.by_number():
                    _store(connection, facts, contents, is_new=is_new)
                    return facts
            examples = self._examples(writer)

    def _examples(self, writer: str) -> Examples:
        found = self._corrections.examples(Filters(writer=writer)).agreed()
        check_examples(len(found.ids))
        return found.chosen(np.arange(len(found.ids)) >= len(found.ids) - MOST_EXAMPLES)

    def _contents(self, facts: PersonalModelFacts) -> bytes:
        with self._store.reading() as connection:
            chosen = table.c.writer == facts.writer, table.c.created_at == facts.created_at
            contents = connection.scalar(sa.select(table.c.contents).where(*chosen))
        if contents is None:
            raise PersonalModelMissing(f"the personal model for {facts.writer!r} has just changed; read again")
        return bytes(contents)


def _store(connection: sa.Connection, facts: PersonalModelFacts, contents: bytes, *, is_new: bool) -> None:
    """Store a model in place of the older one.  Raises PersonalModelMissing if there is none and it is not new."""
    values = {name: value for name, value in vars(facts).items() if name != "is_outdated"}
    known = connection.execute(table.update().where(table.c.writer == facts.writer).values(**values, contents=contents))
    if known.rowcount:
        return
    if not is_new:
        raise PersonalModelMissing(f"the personal model for {facts.writer!r} has just been deleted")
    connection.execute(table.insert().values(**values, contents=contents))


def _files(folder: Path) -> tuple[bytes, dict[str, Any]]:
    manifest = read_manifest(folder)
    return verified_bytes(folder, ONNX_FILE, manifest), manifest


def _open(folder: Path) -> tuple[Recogniser, Learner]:
    onnx_bytes, manifest = _files(folder)
    return Recogniser(onnx_bytes, manifest), Learner.of(FeatureNetwork(onnx_bytes))


def _figures(recogniser: Recogniser, learner: Learner, examples: Examples) -> dict[str, Any]:
    """How many examples are read right, before and after."""
    right_after = 0
    # In the order of the labels: a sheet has the digits in turn, so a part would hold out all examples of two digits.
    parts = np.empty(len(examples.ids), np.int64)
    parts[np.argsort(examples.labels, kind="stable")] = np.arange(len(parts)) % PARTS
    for part in range(PARTS):
        tested = parts == part
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
