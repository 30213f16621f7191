"""The promotion check of versions that learned corrections."""

from __future__ import annotations

from typing import Any

import pytest

from mnist_classifier.core.database import Store
from mnist_classifier.core.metrics import share_of, wilson_interval
from mnist_classifier.core.settings import Settings
from mnist_classifier.evaluation import promotion
from mnist_classifier.evaluation.correction_checks import FEWEST_HELD_OUT
from mnist_classifier.evaluation.promotion_checks import robustness_checks
from mnist_classifier.registry.aliases import BOX, CHALLENGER, PRODUCTION
from mnist_classifier.registry.versions import Registry
from tests import versions
from tests.versions import BOX_CORRECT, MANIFEST, robustness, scored


@pytest.fixture
def registry(settings: Settings, store: Store) -> Registry:
    return Registry(settings.models_dir, store)


def taught(
    registry: Registry, before: int, after: int, held_out: int = 50, *, suspicious: int = 0, step: int = 1,
    pen: float = 0.985, base: int = BOX, known_pen: float = 0.985, validation: int = BOX_CORRECT,
) -> promotion.Decision:  # fmt: skip
    """Save a version that learned corrections, and decide whether it goes into production."""
    # Ten of each label, in turn, so that neighbours differ.
    measured = [[100 + number, "0" * 64, number % 5] for number in range(held_out)]
    facts = {"count": 200, "held_out": held_out, "base": base, "used": [], "measured": measured}
    manifest = scored(validation, training={**MANIFEST["training"], "corrections": facts})
    manifest["metrics"]["corrections"] = {
        **share_of(after, held_out),
        "before": {"version": base, **share_of(before, held_out)},
        "suspicious": list(range(100, 100 + step * suspicious, step)),
        "robustness": {"before": robustness(known_pen)["rows"], "after": robustness(pen)["rows"]},
    }
    version = registry.save(manifest, versions.write_files)
    return promotion.promote_unless_worse(registry, version.version, actor="training 1")


def test_a_version_that_learned_goes_into_production_without_a_robustness_table(registry: Registry):
    decision = taught(registry, before=30, after=45)
    assert decision.promoted
    assert registry.aliases.all() == {PRODUCTION: 1}
    assert "held-out corrections 90.00% (the model in the box: 60.00%)" in decision.details
    assert decision.summary.endswith("Version 1 reads 45 of 50 held-out corrections right; the model before read 30.")


@pytest.mark.parametrize(
    ("figures", "reason"),
    [
        ({"before": 40, "after": 39}, "the new one reads fewer held-out corrections right"),
        ({"before": 30, "after": 45, "suspicious": 6}, "too many of the held-out corrections have suspicious labels"),
        (
            {"before": 90, "after": 95, "held_out": 100, "suspicious": 5, "step": 5},
            "too many of the held-out corrections with the label “0” are suspicious",
        ),
        ({"before": 30, "after": 45, "pen": 0.97}, "the new one is worse at other handwriting"),
        ({"before": 5, "after": 19, "held_out": FEWEST_HELD_OUT - 1}, "only 19 corrections were held out"),
    ],
)
def test_a_version_that_did_not_learn_or_forgot_waits_for_a_person(
    registry: Registry, figures: dict[str, Any], reason: str
):
    decision = taught(registry, **figures)
    assert not decision.promoted
    assert registry.aliases.all() == {PRODUCTION: BOX, CHALLENGER: 1}
    assert reason in decision.summary


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"validation": BOX_CORRECT - 8}, {"validation": BOX_CORRECT - 16}),
        ({"pen": 0.978}, {"known_pen": 0.978, "pen": 0.971}),
    ],
)
def test_many_trainings_together_may_lose_no_more_than_one(
    registry: Registry, first: dict[str, Any], second: dict[str, Any]
):
    """Each was compared with the one before alone, so that corrections, good or bad, could wear a model down."""
    assert taught(registry, before=30, after=45, **first).promoted
    refused = taught(registry, before=30, after=45, base=1, **second)
    assert not refused.promoted
    assert registry.aliases.all() == {PRODUCTION: 1, CHALLENGER: 2}
    registry.aliases.move(PRODUCTION, 2)  # a person may decide otherwise; then no version need be better than that
    assert taught(registry, before=30, after=45, base=2, **{**second, "known_pen": second.get("pen", 0.985)}).promoted


def test_a_version_is_also_compared_with_one_that_was_deleted(registry: Registry):
    for base in (BOX, 1):
        assert taught(registry, before=30, after=45, base=base, validation=BOX_CORRECT - 8).promoted
    registry.delete(1)
    assert not taught(registry, before=30, after=45, base=2, validation=BOX_CORRECT - 16).promoted


def test_the_base_of_an_imported_version_is_that_of_another_installation(registry: Registry):
    taught(registry, before=30, after=45)
    manifest = {**registry.get(1).manifest, "imported_from": {"version": 4, "run_id": 2}}
    imported = registry.save(manifest, versions.write_files)
    registry.aliases.move(PRODUCTION, BOX)
    check = promotion.compare(registry, registry.get(BOX), imported)
    assert not check.passed
    assert "the held-out corrections were not compared with the version in production" in check.reason


def test_suspicious_labels_are_named(registry: Registry):
    decision = taught(registry, before=30, after=45, suspicious=5)  # a tenth may be, and fewer than five of a label
    assert decision.promoted
    assert "look at corrections 100, 101, 102, 103, 104: both versions read something else" in decision.details


def test_corrections_do_not_count_against_another_champion(registry: Registry):
    versions.save(registry, validation=BOX_CORRECT)
    registry.aliases.move(PRODUCTION, 1)
    decision = taught(registry, before=30, after=45, base=BOX)
    assert not decision.promoted
    assert "were not compared with the version in production" in decision.summary


def test_a_taught_champion_is_as_robust_as_the_version_before_it(registry: Registry):
    assert taught(registry, before=30, after=45).promoted
    versions.save(registry, validation=BOX_CORRECT)
    decision = promotion.promote_unless_worse(registry, 2, actor="training 2")
    assert not decision.promoted  # the box was measured, so a version that was not may be worse
    assert "its robustness was not measured" in decision.details


@pytest.mark.parametrize(("measured", "passed"), [(0.99, True), (0.95, False)])
def test_a_champion_that_made_no_mistake_in_the_sample_may_make_one_in_another(measured: float, passed: bool):
    area = {"id": "characters.auroc", "measured": 1.0, "interval_95": [1.0, 1.0], "n": 150}
    (check,) = robustness_checks([area], [{**area, "measured": measured}])
    assert check.bound == pytest.approx(wilson_interval(150, 150)[0], abs=1e-6)
    assert check.passed is passed
