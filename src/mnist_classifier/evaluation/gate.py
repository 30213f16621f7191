"""Who may answer: the way of a model version into production.

A challenger goes into production by itself only where it is not worse than the
champion: on the validation split, and on the robustness suite where the
champion has been measured with it.  "Not worse" means within the champion's
95 % interval.  A challenger that has not been measured yet is not taken on
trust: a network that knows MNIST alone would pass on validation, and misread
what people really write.  The test figures choose nothing.  What is refused
becomes `challenger` and waits for a person.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mnist_classifier.core.errors import AliasMoved, LessAccurate, ModelCorrupt, ModelMissing, NothingToRollBack
from mnist_classifier.core.metrics import wilson_interval
from mnist_classifier.core.records import ModelVersion
from mnist_classifier.recognition.recogniser import Recogniser
from mnist_classifier.registry.versions import BOX, CHALLENGER, PRODUCTION, Registry

# Rows of the robustness table that are compared; in all of them more is better.
ROBUSTNESS_ROWS = {
    "pen_digits.mean": "pen digits",
    "characters.auroc": "characters told from digits (AUROC)",
    "corruptions.mean": "corrupted digits",
}


@dataclass(frozen=True)
class Check:
    """One metric of both versions, from 0 to 1, and the lowest value that passes."""

    measure: str
    champion: float
    challenger: float
    bound: float
    passed: bool


@dataclass(frozen=True)
class Judgement:
    """The result of a promotion check; `left_out` says which metrics could not be compared, and why."""

    champion: int
    challenger: int
    passed: bool
    reason: str
    checks: tuple[Check, ...]
    left_out: tuple[str, ...]


@dataclass(frozen=True)
class Decision:
    """What became of a version, and why."""

    version: int
    promoted: bool
    reason: str

    @property
    def message(self) -> str:
        """For the person who trained it."""
        if self.promoted:
            return f"version {self.version} is in production: {self.reason}"
        return (
            f"version {self.version} was not promoted: {self.reason}; "
            f"to promote it anyway, use the Models page or `mnist models promote {self.version}`"
        )


def judge(registry: Registry, champion: ModelVersion, challenger: ModelVersion) -> Judgement:
    """Compare two versions by what was measured of them; nothing is changed."""
    checks, left_out, is_complete = [], [], True
    figures = [version.metrics.get("validation") for version in (champion, challenger)]
    if figures[0] and figures[1]:
        checks.append(_validation(figures[0], figures[1]))
    else:
        left_out.append("the validation accuracy of one of them is unknown")
        is_complete = False
    known, new = (registry.robustness(version) for version in (champion, challenger))
    if known is not None and new is not None:
        checks += _robustness(known, new)
        left_out += [
            f"the robustness of {_called(version.version)} comes from its archive and was not measured here"
            for version in (champion, challenger)
            if version.manifest.get("imported_from")
        ]
    elif new is None and known is not None:
        measure = f"run `mnist evaluate --suite robust --model-version {challenger.version}`"
        left_out.append(f"its robustness was not measured; {measure}")
        is_complete = False
    else:
        left_out.append(f"robustness was not compared, because that of {_called(champion.version)} was not measured")
    missed = [check for check in checks if not check.passed]
    reason = "; ".join([*(_in_words(check, champion.version) for check in missed or checks), *left_out])
    is_passed = is_complete and not missed
    return Judgement(champion.version, challenger.version, is_passed, reason, tuple(checks), tuple(left_out))


def _validation(champion: Mapping[str, Any], challenger: Mapping[str, Any]) -> Check:
    low, _ = wilson_interval(champion["correct"], champion["images"])
    return _check("validation", champion["accuracy"], challenger["accuracy"], low)


def _robustness(champion: Mapping[str, Any], challenger: Mapping[str, Any]) -> list[Check]:
    own, other = ({row["id"]: row for row in table["rows"] if "id" in row} for table in (champion, challenger))
    return [
        _check(title, own[row]["measured"], other[row]["measured"], own[row]["interval_95"][0])
        for row, title in ROBUSTNESS_ROWS.items()
        if row in own and row in other
    ]


def _check(measure: str, champion: float, challenger: float, bound: float) -> Check:
    return Check(measure, champion, challenger, round(bound, 6), challenger >= bound)


def _in_words(check: Check, champion: int) -> str:
    needed = "" if check.passed else f", needed: {check.bound:.2%}"
    return f"{check.measure} {check.challenger:.2%} ({_called(champion)}: {check.champion:.2%}{needed})"


def _called(version: int) -> str:
    return "the model in the box" if version == BOX else f"version {version}"


def admit(registry: Registry, version: int, *, actor: str) -> Decision:
    """Put a new version into production if it is not worse than what is there, else make it the challenger.

    Raises VersionMissing, ModelCorrupt; no alias has moved then.
    """
    while True:
        try:
            return _admit(registry, version, actor)
        except AliasMoved:
            continue  # another training ended at the same moment: its version is the champion now


def _admit(registry: Registry, version: int, actor: str) -> Decision:
    champion = registry.production()
    if champion == version:
        return Decision(version, True, "it was in production already")
    try:
        judgement = judge(registry, registry.get(champion), registry.get(version))
    except ModelMissing:
        registry.get(version)  # the challenger must be there; a champion need not
        promote(registry, version, actor=actor, reason="there was no other model", is_confirmed=True)
        return Decision(version, True, "there was no other model")
    if judgement.passed:
        promote(registry, version, actor=actor, reason=judgement.reason, instead_of=champion, is_confirmed=True)
    else:
        promote(registry, version, alias=CHALLENGER, actor=actor, reason=judgement.reason)
    return Decision(version, judgement.passed, judgement.reason)


def promote(
    registry: Registry,
    version: int,
    *,
    alias: str = PRODUCTION,
    actor: str,
    reason: str = "",
    instead_of: int | None = None,
    is_confirmed: bool = False,
    is_rollback: bool = False,
) -> None:
    """Let an alias name a version that is whole, loads and answers.

    is_confirmed: the caller accepts a less accurate version in production.
    Raises VersionMissing, ModelCorrupt, LessAccurate, AliasMoved (when the
    alias does not name `instead_of` any more); no alias has moved then.
    """
    if alias == PRODUCTION and not is_confirmed:
        champion = registry.production()
        instead_of = champion if instead_of is None else instead_of
        if instead_of == champion:
            _check_accuracy(registry, version, champion)
    registry.promote(
        version,
        alias=alias,
        load=answers,
        actor=actor,
        reason=reason,
        instead_of=instead_of,
        is_rollback=is_rollback,
    )


def rollback(
    registry: Registry,
    *,
    actor: str,
    reason: str = "",
    instead_of: int | None = None,
    is_confirmed: bool = False,
) -> int:
    """Put the version back that was in production before; returns it.  Each time goes one promotion further back.

    instead_of: what the caller believes to be in production, so that a second
    click does not roll back twice.  is_confirmed: the caller accepts a less
    accurate version.  Raises NothingToRollBack, LessAccurate, AliasMoved,
    VersionMissing, ModelCorrupt; production has not moved then.
    """
    current = registry.production()
    if instead_of is None:
        instead_of = current
    elif instead_of != current:
        raise AliasMoved(f"{PRODUCTION} is now version {current}, not {instead_of}; reload and try again")
    previous = registry.before()
    if previous is None:
        raise NothingToRollBack(f"{_called(current)} is in production, and there is no earlier version to roll back to")
    promote(
        registry,
        previous,
        actor=actor,
        reason=reason or f"rolled back from {_called(current)}",
        instead_of=instead_of,
        is_confirmed=is_confirmed,
        is_rollback=True,
    )
    return previous


def _check_accuracy(registry: Registry, version: int, champion: int) -> None:
    """Raise LessAccurate where both were measured and the champion reads more validation images right."""
    try:
        figures = [registry.get(number).metrics.get("validation", {}) for number in (version, champion)]
    except ModelMissing:
        return  # without a champion nothing is worse; without the version, promoting says so
    new, known = (each.get("accuracy") for each in figures)
    if new is not None and known is not None and new < known:
        raise LessAccurate(
            f"{_called(version)} is less accurate than {_called(champion)}, which is in production: "
            f"validation accuracy {new:.2%} instead of {known:.2%}; confirm to use it anyway",
            field="confirm",
        )


def answers(folder: Path) -> Recogniser:
    """Load a version and ask it once.  Raises ModelMissing, ModelCorrupt."""
    return asked(Recogniser.open(folder), folder)


def asked(recogniser: Recogniser, folder: Path) -> Recogniser:
    """A recogniser that has answered once.  Raises ModelCorrupt."""
    glyph = np.zeros((1, 28, 28), np.uint8)
    glyph[0, 4:24, 13:15] = 255
    try:
        opinion = recogniser.opinions(glyph)
    except Exception as error:  # ONNX Runtime's exceptions have no common class
        raise ModelCorrupt(f"the network in {folder} loads, but fails on a test image: {error}") from error
    if opinion.shape != (1, 11) or not np.isfinite(opinion).all() or abs(float(opinion[0, :10].sum()) - 1) > 1e-3:
        raise ModelCorrupt(f"the network in {folder} loads, but does not return the probabilities of ten digits")
    return recogniser
