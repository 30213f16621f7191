from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from mnist_classifier.core.database import Store
from mnist_classifier.core.errors import AliasMoved, LessAccurate, ModelCorrupt, NothingToRollBack, VersionMissing
from mnist_classifier.core.metrics import wilson_interval
from mnist_classifier.core.settings import Settings
from mnist_classifier.core.train_config import TrainConfig
from mnist_classifier.evaluation import promotion
from mnist_classifier.evaluation.robustness.report import Goal
from mnist_classifier.evaluation.robustness.rows import share
from mnist_classifier.registry.aliases import BOX, CHALLENGER, PRODUCTION
from mnist_classifier.registry.manifest import ONNX_FILE
from mnist_classifier.registry.versions import Registry
from tests import versions
from tests.versions import BOX_ACCURACY, BOX_CORRECT, MANIFEST, save


@pytest.fixture
def registry(settings: Settings, store: Store) -> Registry:
    return Registry(settings.models_dir, store)


@pytest.fixture
def plain_champion(registry: Registry) -> Registry:
    """Version 1, whose robustness was never measured, serves."""
    save(registry, validation=BOX_CORRECT)
    registry.aliases.move(PRODUCTION, 1)
    return registry


@pytest.mark.parametrize("correct", [4999, BOX_CORRECT, math.ceil(5000 * wilson_interval(BOX_CORRECT, 5000)[0])])
def test_what_is_not_worse_than_the_champion_goes_into_production(plain_champion: Registry, correct: int):
    save(plain_champion, validation=correct)
    decision = promotion.promote_unless_worse(plain_champion, 2, actor="training 1")
    assert decision.promoted
    assert plain_champion.aliases.all() == {PRODUCTION: 2}
    assert "version 2 is in production: validation" in decision.details
    assert "robustness was not compared, because that of version 1 was not measured" in decision.details
    assert decision.summary.endswith("Version 2 is now in use.")


def test_a_training_that_asks_for_it_never_moves_an_alias(plain_champion: Registry):
    save(plain_champion, validation=4999)
    decision = promotion.after_training(plain_champion, 2, TrainConfig(promote="never"), "training 1")
    assert decision.summary.endswith("Version 2 is saved and not in use, as its settings ask.")
    assert decision.details.startswith("version 2 was not promoted: its settings ask for that;")
    assert plain_champion.aliases.all() == {PRODUCTION: 1}
    assert promotion.after_training(plain_champion, 2, TrainConfig(), "training 1").promoted
    assert plain_champion.aliases.all() == {PRODUCTION: 2}


def test_what_may_misread_real_writing_is_not_taken_on_trust(registry: Registry):
    save(registry, validation=4999)
    decision = promotion.promote_unless_worse(registry, 1, actor="training 1")
    assert not decision.promoted
    assert registry.aliases.all() == {PRODUCTION: BOX, CHALLENGER: 1}
    assert "its robustness was not measured;" in decision.details
    assert decision.details.endswith("minutes: mnist evaluate --suite robust --model-version 1")
    assert "mnist evaluate" not in decision.reason  # which the history shows


def test_a_quick_recipe_is_told_plainly_why_it_waits(registry: Registry):
    save(registry, validation=4951)  # 99.02 %, as `lightning` reaches
    decision = promotion.promote_unless_worse(registry, 1, actor="training 1")
    assert not decision.promoted
    assert registry.aliases.all() == {PRODUCTION: BOX, CHALLENGER: 1}
    assert decision.details.startswith(
        f"version 1 was not promoted: validation 99.02% (the model in the box: {BOX_ACCURACY}, "
        f"needed: {wilson_interval(BOX_CORRECT, 5000)[0]:.2%})"
    )
    assert "mnist models promote 1" in decision.details
    (move,) = registry.aliases.history()
    assert (move.alias, move.version, move.actor) == (CHALLENGER, 1, "training 1")
    assert "99.02%" in move.reason


@pytest.mark.parametrize(
    ("test", "summary"),
    [
        (9911, "99.1 % of the test images right; the current model has 99.6 % and stays in use."),
        (9962, "99.62 % of the test images right; the current model has 99.63 % and stays in use, because {why}."),
        (9964, "99.64 % of the test images right; the current model has 99.63 % and stays in use, because {why}."),
    ],
)
def test_the_summary_tells_a_beginner_which_model_is_in_use_and_why(registry: Registry, test: int, summary: str):
    assert MANIFEST["metrics"]["test"]["correct"] == 9963
    save(registry, validation=4999, test=test)
    decision = promotion.promote_unless_worse(registry, 1, actor="training 1")
    assert decision.summary == summary.format(why="the new one was not tested on other handwriting")
    check = promotion.compare(registry, registry.get(BOX), registry.get(1))
    assert check.summary == decision.summary


def test_the_summary_of_two_versions_out_of_use_calls_neither_current(registry: Registry):
    first, second = save(registry, test=9911), save(registry, test=9952)
    summary = promotion.compare(registry, first, second).summary
    assert summary == "Version 2 reads 99.5 % of the test images right, version 1 99.1 %."


def test_the_summary_never_calls_an_error_perfect(plain_champion: Registry):
    save(plain_champion, validation=4999, test=9999)
    summary = promotion.promote_unless_worse(plain_champion, 2, actor="").summary
    assert summary == "99.9 % of the test images right; the model before had 99.6 %. Version 2 is now in use."


def test_the_test_figure_chooses_nothing(plain_champion: Registry):
    save(plain_champion, validation=4999, test=5000)
    assert promotion.promote_unless_worse(plain_champion, 2, actor="").promoted
    save(plain_champion, validation=4900, test=10_000)
    assert not promotion.promote_unless_worse(plain_champion, 3, actor="").promoted


def test_robustness_decides_where_both_were_measured(registry: Registry):
    champion, fragile, sturdy = (save(registry, validation=4981) for _ in range(3))
    registry.aliases.move(PRODUCTION, champion.version)
    registry.record_robustness(champion, versions.robustness(pen=0.98))
    registry.record_robustness(fragile, versions.robustness(pen=0.96))
    registry.record_robustness(sturdy, versions.robustness(pen=0.975))
    refused = promotion.promote_unless_worse(registry, fragile.version, actor="")
    assert not refused.promoted
    assert "pen digits 96.00% (version 1: 98.00%, needed: 97.00%)" in refused.reason
    assert promotion.promote_unless_worse(registry, sturdy.version, actor="").promoted


def test_a_version_measured_before_pages_is_compared_by_the_other_rows(registry: Registry):
    champion, challenger = (save(registry, validation=4981) for _ in range(2))
    registry.aliases.move(PRODUCTION, champion.version)
    older, newer = versions.robustness(pen=0.98), versions.robustness(pen=0.98)
    page = share("pages.all.right", "pages, right", np.array([True, False]), Goal(0.95))
    newer["rows"].append(page.to_dict())
    registry.record_robustness(champion, older)
    registry.record_robustness(challenger, newer)
    assert promotion.promote_unless_worse(registry, challenger.version, actor="").promoted
    assert promotion.compare(registry, challenger, champion).passed
    assert registry.record_robustness(champion, newer)
    assert registry.robustness(champion)["rows"][-1]["id"] == page.id


def test_what_was_never_measured_waits_for_a_person(registry: Registry):
    registry.save({**MANIFEST, "metrics": {}}, versions.write_files)
    assert not promotion.promote_unless_worse(registry, 1, actor="").promoted


def test_without_any_champion_the_first_version_serves(registry: Registry, tmp_path: Path):
    registry.box_dir = tmp_path
    save(registry, validation=3000)
    assert promotion.promote_unless_worse(registry, 1, actor="").promoted
    with pytest.raises(VersionMissing):
        promotion.promote_unless_worse(registry, 9, actor="")


def test_a_challenger_that_is_promoted_is_no_challenger_any_more(registry: Registry):
    save(registry, validation=4900)
    promotion.promote_unless_worse(registry, 1, actor="")
    promotion.promote(registry, 1, actor="someone", reason="for the demonstration", is_confirmed=True)
    assert registry.aliases.all() == {PRODUCTION: 1}
    assert [(m.alias, m.version, m.previous, m.reason) for m in registry.aliases.history(alias=PRODUCTION)] == [
        (PRODUCTION, 1, BOX, "for the demonstration")
    ]


def test_a_network_that_loads_but_is_none_never_gets_into_production(registry: Registry):
    def write(folder: Path) -> None:
        (folder / ONNX_FILE).write_bytes(b"no network")

    registry.save(MANIFEST, write)
    with pytest.raises(ModelCorrupt, match="cannot be loaded"):
        promotion.promote(registry, 1, actor="")
    assert registry.aliases.production() == BOX
    assert registry.aliases.history() == []


def test_one_byte_flipped_is_refused_with_the_reason(registry: Registry):
    for _ in range(2):
        save(registry)
    promotion.promote(registry, 1, actor="")
    path = registry.folder(2) / ONNX_FILE
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(ModelCorrupt, match="is not the file that was saved: its SHA-256 is"):
        promotion.promote(registry, 2, actor="")
    assert registry.aliases.production() == 1


def test_what_is_not_there_or_not_whole_is_never_promoted(registry: Registry):
    for _ in range(2):
        save(registry)
    promotion.promote(registry, 1, actor="")
    (registry.folder(2) / ONNX_FILE).write_bytes(b"altered")
    with pytest.raises(ModelCorrupt, match="SHA-256"):
        promotion.promote(registry, 2, actor="", is_confirmed=True)
    for is_confirmed in (False, True):
        with pytest.raises(VersionMissing, match="no model version 9"):
            promotion.promote(registry, 9, actor="", is_confirmed=is_confirmed)
    with pytest.raises(VersionMissing, match="no model version 9"):
        registry.aliases.move(CHALLENGER, 9)
    assert registry.aliases.all() == {PRODUCTION: 1}


def test_a_version_that_is_deleted_while_it_is_checked_is_not_promoted(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
):
    save(registry)
    monkeypatch.setattr(promotion, "open_tested", lambda folder: registry.delete(1))
    with pytest.raises(VersionMissing):
        promotion.promote(registry, 1, actor="")
    assert registry.aliases.production() == BOX


def rolled_back(registry: Registry) -> list[int]:
    """What each rollback puts into production, until there is nothing to go back to."""
    found: list[int] = []
    while registry.aliases.previous() is not None and len(found) < 20:
        found.append(promotion.roll_back(registry, actor="someone", is_confirmed=True))
    with pytest.raises(NothingToRollBack):
        promotion.roll_back(registry, actor="someone")
    return found


def test_rolling_back_only_goes_backwards_and_stops_at_the_bottom(registry: Registry):
    with pytest.raises(NothingToRollBack, match="the model in the box is in production, and there is no earlier"):
        promotion.roll_back(registry, actor="")
    for number in (1, 2, 3):
        save(registry)
        promotion.promote(registry, number, actor="")
    assert promotion.roll_back(registry, actor="someone") == 2
    assert registry.aliases.history()[0].reason == "rolled back from version 3"
    assert rolled_back(registry) == [1, BOX]


def test_promoting_after_a_rollback_goes_on_from_there(registry: Registry):
    for _ in range(3):
        save(registry)
    for number in (1, 2):
        promotion.promote(registry, number, actor="")
    promotion.roll_back(registry, actor="")
    promotion.promote(registry, 3, actor="")
    assert rolled_back(registry) == [1, BOX]  # version 2 was rolled back from


def test_a_promotion_of_an_earlier_version_can_be_rolled_back_as_any_other(registry: Registry):
    for number in (1, 2):
        save(registry)
        promotion.promote(registry, number, actor="")
    promotion.promote(registry, 1, actor="")
    promotion.promote(registry, BOX, actor="")
    assert rolled_back(registry) == [1, 2, 1, BOX]


def test_less_accurate_versions_go_into_production_only_when_confirmed(registry: Registry):
    save(registry, validation=BOX_CORRECT)
    save(registry, validation=4951)
    promotion.promote(registry, 1, actor="")
    expected = f"version 2 is less accurate than version 1, .*: validation accuracy 99.02% instead of {BOX_ACCURACY}"
    with pytest.raises(LessAccurate, match=expected) as refused:
        promotion.promote(registry, 2, actor="")
    assert refused.value.field == "confirm"
    assert registry.aliases.production() == 1
    promotion.promote(registry, 2, actor="", is_confirmed=True)
    promotion.promote(registry, 1, actor="")  # the better one needs no word
    with pytest.raises(LessAccurate, match=expected):
        promotion.roll_back(registry, actor="")
    assert registry.aliases.production() == 1
    assert promotion.roll_back(registry, actor="", is_confirmed=True) == 2


def test_a_second_click_does_not_undo_the_first(registry: Registry):
    save(registry)
    promotion.promote(registry, 1, actor="")
    assert promotion.roll_back(registry, actor="", instead_of=1) == BOX
    with pytest.raises(AliasMoved, match="production is now version 0, not 1; reload and try again"):
        promotion.roll_back(registry, actor="", instead_of=1)
    assert registry.aliases.production() == BOX


def test_a_deleted_version_is_passed_over_by_a_rollback(registry: Registry):
    for number in (1, 2):
        save(registry)
        promotion.promote(registry, number, actor="")
    registry.delete(1)
    assert registry.aliases.previous() == BOX
    assert rolled_back(registry) == [BOX]


def test_a_champion_that_changes_meanwhile_is_compared_anew(registry: Registry, monkeypatch: pytest.MonkeyPatch):
    save(registry, validation=4981)
    registry.record_robustness(registry.get(1), versions.robustness_of_the_box())
    save(registry, validation=5000)
    compare = promotion.compare

    def compare_while_another_wins(*arguments: object) -> promotion.PromotionCheck:
        monkeypatch.setattr(promotion, "compare", compare)
        registry.aliases.move(PRODUCTION, 2)
        return compare(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(promotion, "compare", compare_while_another_wins)
    decision = promotion.promote_unless_worse(registry, 1, actor="")
    assert (decision.promoted, registry.aliases.production()) == (False, 2)
    assert "(version 2: 100.00%, needed: " in decision.reason
