"""Decide which model version goes into production, and put it there.

A trained version is promoted automatically only if it passes the promotion
check: its validation accuracy must not lie below the 95 % interval of the
version in production (the champion).  If the champion's robustness was measured,
the same holds for robustness, because a network can be good on MNIST and still
misread what people write; a version without a robustness table then fails.
A version trained on corrections must pass `correction_checks` as well.
Test accuracy is never used.  A version that fails becomes `challenger`, and a
person decides.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mnist_classifier.core.errors import (
    AliasMoved,
    LessAccurate,
    ModelMissing,
    NothingToRollBack,
    StoreUnreachable,
)
from mnist_classifier.core.metrics import wilson_interval
from mnist_classifier.core.records import ModelVersion
from mnist_classifier.core.train_config import TrainConfig
from mnist_classifier.data.splits import VALIDATION
from mnist_classifier.evaluation import correction_checks
from mnist_classifier.evaluation import promotion_words as words
from mnist_classifier.evaluation.promotion_checks import (
    Check,
    bases_of,
    check,
    compare_robustness,
    in_words,
    name_of,
    robustness_checks,
)
from mnist_classifier.evaluation.self_test import open_tested
from mnist_classifier.registry.aliases import CHALLENGER, PRODUCTION, check_unmoved
from mnist_classifier.registry.manifest import verify
from mnist_classifier.registry.versions import Registry


@dataclass(frozen=True)
class PromotionCheck:
    """The result of a promotion check.

    summary: the result in a plain sentence.  reason: its metrics.
    left_out: which metrics could not be compared, and why.  advice: what to do about that; empty for nothing.
    """

    champion: int
    challenger: int
    passed: bool
    summary: str
    reason: str
    checks: tuple[Check, ...]
    left_out: tuple[str, ...]
    advice: str = ""


@dataclass(frozen=True)
class Decision:
    """Whether a version went into production.

    summary: how it reads the test images and what happened, in a plain sentence.  reason: the metrics.
    advice: what to do about metrics that are missing; empty for nothing.
    """

    version: int
    promoted: bool
    summary: str
    reason: str
    advice: str = ""

    @property
    def details(self) -> str:
        """What happened to the version, with the metrics and the commands; below the summary."""
        if self.promoted:
            return f"version {self.version} is in production: {self.reason}"
        return (
            f"version {self.version} was not promoted: {self.reason}; "
            f"to promote it anyway, use the Models page or `mnist models promote {self.version}`"
            + (f"\n{self.advice}" if self.advice else "")
        )


def compare(registry: Registry, champion: ModelVersion, challenger: ModelVersion) -> PromotionCheck:
    """Compare the stored figures of two versions; nothing is changed."""
    checks, left_out, obstacles, advice = [], [], [], ""
    old, new = (version.metrics.get("validation") for version in (champion, challenger))
    bases = list(bases_of(registry, champion))
    if old and new:
        known = [old, *(figures for each in bases if (figures := each.metrics.get("validation")))]
        lowest = (wilson_interval(each["correct"], each["images"])[0] for each in known)
        checks.append(check(VALIDATION, old["accuracy"], new["accuracy"], *lowest))
    else:
        left_out.append(words.UNKNOWN_VALIDATION)
        obstacles.append(words.UNKNOWN_VALIDATION)
    tuned = correction_checks.figures_of(challenger, champion)
    if tuned is not None:  # both have read the same pictures
        taught = [figures for each in (champion, *bases) if (figures := each.metrics.get("corrections"))]
        earlier = [figures["robustness"]["before"] for figures in taught]
        checks += robustness_checks(tuned["robustness"]["before"], tuned["robustness"]["after"], earlier)
    else:
        found, remarks, lacks = compare_robustness(registry, champion, challenger)
        checks += found
        left_out += remarks
        obstacles += lacks
        if words.ROBUSTNESS_UNKNOWN in lacks:
            advice = words.HOW_TO_MEASURE.format(challenger.version)
    if challenger.metrics.get("corrections"):
        verdict = correction_checks.judge(tuned, challenger.corrections.get("measured", ()))
        checks += [] if verdict.accuracy is None else [check(words.HELD_OUT, *verdict.accuracy)]
        left_out += verdict.remarks
        obstacles += verdict.obstacles
    failed = [each for each in checks if not each.passed]
    reason = "; ".join([*(in_words(each, champion.version) for each in failed or checks), *left_out])
    worse = [words.WORSE.get(each.measure, words.LESS_ROBUST) for each in failed]
    obstacles = worse + obstacles
    is_current = champion.version == registry.aliases.production()
    why = next(iter(obstacles), "")
    summary = words.outcome(champion, challenger, why) if is_current else words.beside(champion, challenger)
    summary = " ".join([summary, *words.corrections(challenger)])
    return PromotionCheck(
        champion.version, challenger.version, not obstacles, summary, reason, tuple(checks), tuple(left_out), advice
    )


def after_training(registry: Registry, version: int, config: TrainConfig, actor: str) -> Decision:
    """Promote a trained version if its settings allow that and it passes the check."""
    if config.promote == "never":
        return Decision(version, False, words.saved(registry.get(version)), "its settings ask for that")
    return promote_unless_worse(registry, version, actor=actor)


def promote_unless_worse(registry: Registry, version: int, *, actor: str) -> Decision:
    """Put a new version into production if it is not worse than the one there, else make it the challenger.

    If the model store does not answer, the version becomes the challenger: it was not compared.
    Raises VersionMissing, ModelCorrupt; no alias has moved then.
    """
    while True:
        try:
            return _decide(registry, version, actor)
        except StoreUnreachable as error:
            reason = f"it was not compared with the version in production, because {error.message}"
            registry.aliases.move(CHALLENGER, version, actor=actor, reason=reason)
            return Decision(version, False, f"The current model stays in use: {reason}.", reason)
        except AliasMoved:
            continue  # another training ended at the same moment: compare with its version


def _decide(registry: Registry, version: int, actor: str) -> Decision:
    production = registry.aliases.production()
    challenger = registry.get(version)
    if production == version:
        return Decision(version, True, words.promoted(challenger, None), "it was in production already")
    champion, advice = None, ""
    try:
        champion = registry.get(production)
        found = compare(registry, champion, challenger)
        passed, reason, summary, advice = found.passed, found.reason, found.summary, found.advice
    except ModelMissing:
        passed, reason, summary = True, "there was no other model", ""
    alias, instead_of = (PRODUCTION, production) if passed else (CHALLENGER, None)
    _move(registry, alias, version, actor=actor, reason=reason, instead_of=instead_of)
    if passed:
        summary = " ".join([words.promoted(challenger, champion), *words.corrections(challenger)])
    return Decision(version, passed, summary, reason, advice)


def promote(
    registry: Registry,
    version: int,
    *,
    actor: str,
    reason: str = "",
    instead_of: int | None = None,
    is_confirmed: bool = False,
    is_rollback: bool = False,
) -> None:
    """Put a version into production, once its files are verified and it has read an image.

    instead_of: the version that the caller expects in production.
    is_confirmed: the caller accepts a less accurate version.  Raises
    VersionMissing, ModelCorrupt, LessAccurate, AliasMoved; production has not moved then.
    """
    if not is_confirmed:
        champion = registry.aliases.production()
        check_unmoved(PRODUCTION, champion, instead_of)
        _check_accuracy(registry, version, champion)
        instead_of = champion
    _move(registry, PRODUCTION, version, actor=actor, reason=reason, instead_of=instead_of, is_rollback=is_rollback)


def roll_back(
    registry: Registry,
    *,
    actor: str,
    reason: str = "",
    instead_of: int | None = None,
    is_confirmed: bool = False,
) -> int:
    """Put the version that was in production before back there, and return it; repeat to go further back.

    instead_of: the version that the caller expects in production, so that a
    second click does not roll back twice.  Raises what `promote` raises, and NothingToRollBack.
    """
    current = registry.aliases.production()
    check_unmoved(PRODUCTION, current, instead_of)
    previous = registry.aliases.previous()
    if previous is None:
        message = f"{name_of(current)} is in production, and there is no earlier version to roll back to"
        raise NothingToRollBack(message)
    promote(
        registry,
        previous,
        actor=actor,
        reason=reason or f"rolled back from {name_of(current)}",
        instead_of=current,
        is_confirmed=is_confirmed,
        is_rollback=True,
    )
    return previous


def _move(registry: Registry, alias: str, version: int, **record: Any) -> None:
    """Check that a version's files are intact and that it reads an image, then point the alias at it."""
    registry.read(version, verify)
    registry.read(version, open_tested)
    registry.aliases.move(alias, version, **record)


def _check_accuracy(registry: Registry, version: int, champion: int) -> None:
    """Raise LessAccurate if both were measured and the champion reads more validation images right."""
    try:
        figures = [registry.get(number).metrics.get("validation", {}) for number in (version, champion)]
    except ModelMissing:
        return  # without a champion nothing is worse; if the version is missing, `_move` says so
    new, known = (each.get("accuracy") for each in figures)
    if new is not None and known is not None and new < known:
        raise LessAccurate(
            f"{name_of(version)} is less accurate than {name_of(champion)}, which is in production: "
            f"validation accuracy {new:.2%} instead of {known:.2%}; confirm to use it anyway",
            field="confirm",
        )
