"""Train on corrections: start from the version in production, and measure what the corrections changed.

A fifth of the corrections is held out (learning/held_out.py).  Both versions then read the held-out corrections and
the same pictures of the robustness suite, and the promotion check compares the figures.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from dataclasses import dataclass
from typing import Any

import numpy as np

from mnist_classifier.core.arrays import Doubles
from mnist_classifier.core.errors import CorrectionsChanged, InvalidConfig
from mnist_classifier.core.metrics import share_of
from mnist_classifier.core.records import ModelVersion
from mnist_classifier.core.settings import Settings
from mnist_classifier.core.train_config import TrainConfig
from mnist_classifier.data import pen_digits
from mnist_classifier.data.pen_digits import PenCharacter, PenSets
from mnist_classifier.data.splits import VALIDATION, load_split
from mnist_classifier.evaluation.promotion_checks import bases_of
from mnist_classifier.evaluation.robustness.suite import promotion_rows
from mnist_classifier.learning.correction_queries import CorrectionQueries, Examples, names_of
from mnist_classifier.learning.corrections import NOT_A_DIGIT
from mnist_classifier.learning.held_out import held_out
from mnist_classifier.recognition.recogniser import Recogniser
from mnist_classifier.registry.versions import Registry
from mnist_classifier.runs.corrections_check import ALL_HELD_OUT, NO_CORRECTIONS, NONE_AGREED, RECORD
from mnist_classifier.runs.run_log import Runs
from mnist_classifier.training.data import FineTuning
from mnist_classifier.training.ensemble import load_network
from mnist_classifier.training.network import MNISTClassifier
from mnist_classifier.training.release.finished import FinishedTraining
from mnist_classifier.training.synthetic.written import UNITS, Written
from mnist_classifier.training.synthetic.written import load as load_written

# A version lists the corrections that it has seen, which makes its manifest long.  The newest ones count.
MOST_CORRECTIONS = 10_000
# A reading with this confidence is sure.  Of the box's 1,054 readings of its validation writers' pen digits, 11 are
# sure and wrong, and 10 with 0.99: nearly all are zeros that it refuses.
SURE = 0.9
# Most pictures of each row of the robustness table that both versions read.
PICTURES = 300


@dataclass(frozen=True, eq=False)
class Course:
    """The version to start from, and the corrections to learn and to hold out."""

    base: int
    network: MNISTClassifier
    learned: Examples
    held_out: Examples
    registry: Registry

    @property
    def tuning(self) -> FineTuning:
        """What the training loop needs."""
        return FineTuning(self.network, self.learned.glyphs, self.learned.labels)

    def settings_of(self, config: TrainConfig) -> TrainConfig:
        """The settings, with those of the network that the training starts from."""
        arguments = dict(self.network.arguments)
        outliers = config.outlier_share if arguments.pop("classes") > NOT_A_DIGIT else 0.0
        return dataclasses.replace(config, **arguments, outlier_share=outliers)

    def add_to(self, finished: FinishedTraining, settings: Settings) -> None:
        """Measure both versions, and add the figures and the list of the corrections to the manifest."""
        before, after = self.registry.read(self.base, Recogniser.open), finished.recogniser()
        digits, pen = load_split(settings.data_dirs(), VALIDATION), pen_sets(settings)
        rows = promotion_rows((before, after), digits, pen, PICTURES)
        finished.manifest["training"]["corrections"] = {
            "count": len(self.learned.ids),
            "held_out": len(self.held_out.ids),
            "base": self.base,
            "used": self.learned.names(),
            "measured": self.held_out.names(),
        }
        finished.manifest["metrics"]["corrections"] = {
            **held_out_figures(self.base, self.held_out, before, after),
            "robustness": dict(zip(("before", "after"), rows, strict=True)),
        }

    def confirm(self, version: ModelVersion, runs: Runs, run_id: int) -> None:
        """Delete the new version if a correction was deleted or relabelled since the training began.

        Later deletions name the version.  Raises CorrectionsChanged.
        """
        try:
            self.check_unchanged(runs, run_id)
        except CorrectionsChanged:
            self.registry.delete(version.version)
            raise

    def check_unchanged(self, runs: Runs, run_id: int) -> None:
        """Raise CorrectionsChanged if a correction was deleted or relabelled since the training began."""
        known = [each for part in (self.learned, self.held_out) for each in part.names()]
        with runs.store.reading() as connection:
            found = names_of(connection, [number for number, _, _ in known])
        changed = [number for number, sha256, label in known if found.get(number, ())[:2] != (sha256, label)]
        if changed:
            raise CorrectionsChanged(
                f"{len(changed)} of the corrections, such as {min(changed)}, were deleted or relabelled during the "
                f"training, so nothing was saved; resume it to train without them: `mnist runs resume {run_id}`"
            )


def choose(runs: Runs, registry: Registry, run_id: int) -> tuple[Course, bool]:
    """The course of a run, and whether an earlier attempt of the run had the same one.

    The first attempt records the version and the numbers of the corrections, so that a later one learns the same.  If
    one of them was deleted or relabelled since, the run must begin again without a checkpoint.  A rebuild records them
    before the run starts.  Raises InvalidConfig if there is nothing to learn, VersionMissing, ModelCorrupt.
    """
    environment = runs.get(run_id).environment or {}
    record: dict[str, Any] = environment.get(RECORD) or {}
    base = int(record.get("base", registry.aliases.production()))
    network = registry.read(base, load_network)
    if not isinstance(network, MNISTClassifier):
        raise InvalidConfig(
            f"version {base} is an ensemble, which cannot learn from corrections; promote a single network first",
            field="recipe",
        )
    stored = CorrectionQueries(runs.store).examples(ids=record.get("ids"))
    found = stored.agreed()
    is_newest = np.arange(len(found.ids)) >= len(found.ids) - MOST_CORRECTIONS
    # A network without the eleventh class cannot learn "not a digit".
    found = found.chosen(is_newest & (found.labels < network.arguments["classes"]))
    apart = held_out(found.writers, found.glyph_sha256, _learned_by(registry, base))
    if apart.all():
        reason = ALL_HELD_OUT if len(found.ids) else NONE_AGREED if len(stored.ids) else NO_CORRECTIONS
        raise InvalidConfig(reason, field="recipe")
    digest = hashlib.sha256(json.dumps(found.names()).encode()).hexdigest()
    if record.get("digest") != digest:
        facts = {RECORD: {"base": base, "ids": found.ids.tolist(), "digest": digest}}
        runs.describe(run_id, {**environment, **facts})
    course = Course(base, network, found.chosen(~apart), found.chosen(apart), registry)
    return course, record.get("digest") == digest


def _learned_by(registry: Registry, number: int) -> set[str]:
    """Hashes of the drawings that a version has learned, itself or through the version that it started from."""
    version = registry.get(number)
    versions = (version, *bases_of(registry, version))
    return {sha256 for each in versions for _, sha256, _ in each.corrections.get("used", ())}


def held_out_figures(base: int, examples: Examples, before: Recogniser, after: Recogniser) -> dict[str, Any]:
    """How both versions read the held-out corrections, and which labels both of them contradict."""
    count = len(examples.ids)
    if not count:
        return {"images": 0, "correct": 0, "suspicious": []}
    old, new = (_probabilities(each, examples) for each in (before, after))
    contradicted = (old.argmax(axis=1) != examples.labels) & (new.argmax(axis=1) != examples.labels)
    suspicious = contradicted & (old.max(axis=1) >= SURE)
    right = [int((each.argmax(axis=1) == examples.labels).sum()) for each in (old, new)]
    return {
        **share_of(right[1], count),
        "before": {"version": base, **share_of(right[0], count)},
        "suspicious": examples.ids[suspicious].tolist(),
    }


def _probabilities(recogniser: Recogniser, examples: Examples) -> Doubles:
    """(N, 11) probabilities of the digits and of "not a digit"."""
    opinions = recogniser.opinions(examples.glyphs).astype(np.float64)
    # Those of the digits are given that there is one.
    opinions[:, :10] *= 1 - opinions[:, 10:]
    return opinions


def pen_sets(settings: Settings) -> PenSets:
    """Pen digits and characters to measure forgetting with: those of the validation writers, if their files are here.

    Otherwise the packed strokes of the training writers, which both versions know.
    """
    directories = settings.pen_dirs()
    if pen_digits.find(directories) is not None:
        found = pen_digits.load(directories).of_split(VALIDATION)
        if found.digits and found.non_digits:
            return found
    written = load_written()
    return PenSets(_characters(written, digits=True), _characters(written, digits=False))


def _characters(written: Written, *, digits: bool) -> tuple[PenCharacter, ...]:
    scale = 1000 / UNITS
    return tuple(
        PenCharacter(str(written.labels[row]), "", tuple(points * scale for points in written.traced(int(row))))
        for row in written.rows(digits=digits)
    )
