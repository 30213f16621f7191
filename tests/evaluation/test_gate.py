from __future__ import annotations

import math
from pathlib import Path

import pytest

from mnist_classifier.core.database import Store
from mnist_classifier.core.errors import AliasMoved, LessAccurate, ModelCorrupt, NothingToRollBack, VersionMissing
from mnist_classifier.core.metrics import wilson_interval
from mnist_classifier.core.settings import Settings
from mnist_classifier.evaluation import gate
from mnist_classifier.registry.manifest import ONNX_FILE
from mnist_classifier.registry.versions import BOX, CHALLENGER, PRODUCTION, Registry
from tests import versions
from tests.versions import BOX_ACCURACY, BOX_CORRECT, MANIFEST, save


@pytest.fixture
def registry(settings: Settings, store: Store) -> Registry:
    return Registry(settings.models_dir, store)


@pytest.fixture
def plain_champion(registry: Registry) -> Registry:
    """Version 1, whose robustness was never measured, serves."""
    save(registry, validation=BOX_CORRECT)
    registry.promote(1)
    return registry


@pytest.mark.parametrize("correct", [4999, BOX_CORRECT, math.ceil(5000 * wilson_interval(BOX_CORRECT, 5000)[0])])
def test_what_is_not_worse_than_the_champion_goes_into_production(plain_champion: Registry, correct: int):
    save(plain_champion, validation=correct)
    decision = gate.admit(plain_champion, 2, actor="training 1")
    assert decision.promoted
    assert plain_champion.aliases() == {PRODUCTION: 2}
    assert "version 2 is in production: validation" in decision.message
    assert "robustness was not compared, because that of version 1 was not measured" in decision.message


def test_what_may_misread_real_writing_is_not_taken_on_trust(registry: Registry):
    save(registry, validation=4999)
    decision = gate.admit(registry, 1, actor="training 1")
    assert not decision.promoted
    assert registry.aliases() == {PRODUCTION: BOX, CHALLENGER: 1}
    assert "its robustness was not measured; run `mnist evaluate --suite robust --model-version 1`" in decision.message


def test_a_quick_recipe_is_told_plainly_why_it_waits(registry: Registry):
    save(registry, validation=4951)  # 99.02 %, as `lightning` reaches
    decision = gate.admit(registry, 1, actor="training 1")
    assert not decision.promoted
    assert registry.aliases() == {PRODUCTION: BOX, CHALLENGER: 1}
    assert decision.message.startswith(
        f"version 1 was not promoted: validation 99.02% (the model in the box: {BOX_ACCURACY}, "
        f"needed: {wilson_interval(BOX_CORRECT, 5000)[0]:.2%})"
    )
    assert "mnist models promote 1" in decision.message
    (move,) = registry.history()
    assert (move.alias, move.version, move.actor) == (CHALLENGER, 1, "training 1")
    assert "99.02%" in move.reason


def test_the_test_figure_chooses_nothing(plain_champion: Registry):
    save(plain_champion, validation=4999, test=5000)
    assert gate.admit(plain_champion, 2, actor="").promoted
    save(plain_champion, validation=4900, test=10_000)
    assert not gate.admit(plain_champion, 3, actor="").promoted


def test_robustness_decides_where_both_were_measured(registry: Registry):
    champion, fragile, sturdy = (save(registry, validation=4981) for _ in range(3))
    registry.promote(champion.version)
    registry.record_robustness(champion, versions.robustness(pen=0.98))
    registry.record_robustness(fragile, versions.robustness(pen=0.96))
    registry.record_robustness(sturdy, versions.robustness(pen=0.975))
    refused = gate.admit(registry, fragile.version, actor="")
    assert not refused.promoted
    assert "pen digits 96.00% (version 1: 98.00%, needed: 97.00%)" in refused.reason
    assert gate.admit(registry, sturdy.version, actor="").promoted


def test_what_was_never_measured_waits_for_a_person(registry: Registry):
    registry.save({**MANIFEST, "metrics": {}}, versions.write_files)
    assert not gate.admit(registry, 1, actor="").promoted


def test_without_any_champion_the_first_version_serves(registry: Registry, tmp_path: Path):
    registry.box_dir = tmp_path
    save(registry, validation=3000)
    assert gate.admit(registry, 1, actor="").promoted
    with pytest.raises(VersionMissing):
        gate.admit(registry, 9, actor="")


def test_a_challenger_that_is_promoted_is_no_challenger_any_more(registry: Registry):
    save(registry, validation=4900)
    gate.admit(registry, 1, actor="")
    gate.promote(registry, 1, actor="someone", reason="for the demonstration", is_confirmed=True)
    assert registry.aliases() == {PRODUCTION: 1}
    assert [(m.alias, m.version, m.previous, m.reason) for m in registry.history(alias=PRODUCTION)] == [
        (PRODUCTION, 1, BOX, "for the demonstration")
    ]


def test_a_network_that_loads_but_is_none_never_gets_into_production(registry: Registry):
    def write(folder: Path) -> None:
        (folder / ONNX_FILE).write_bytes(b"no network")

    registry.save(MANIFEST, write)
    with pytest.raises(ModelCorrupt, match="cannot be loaded"):
        gate.promote(registry, 1, actor="")
    assert registry.production() == BOX
    assert registry.history() == []


def test_one_byte_flipped_is_refused_with_the_reason(registry: Registry):
    for _ in range(2):
        save(registry)
    gate.promote(registry, 1, actor="")
    path = registry.folder(2) / ONNX_FILE
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(ModelCorrupt, match="is not the file that was saved: its SHA-256 is"):
        gate.promote(registry, 2, actor="")
    assert registry.production() == 1


def rolled_back(registry: Registry) -> list[int]:
    """What each rollback puts into production, until there is nothing to go back to."""
    found: list[int] = []
    while registry.before() is not None and len(found) < 20:
        found.append(gate.rollback(registry, actor="someone", is_confirmed=True))
    with pytest.raises(NothingToRollBack):
        gate.rollback(registry, actor="someone")
    return found


def test_rolling_back_only_goes_backwards_and_stops_at_the_bottom(registry: Registry):
    with pytest.raises(NothingToRollBack, match="the model in the box is in production, and there is no earlier"):
        gate.rollback(registry, actor="")
    for number in (1, 2, 3):
        save(registry)
        gate.promote(registry, number, actor="")
    assert gate.rollback(registry, actor="someone") == 2
    assert registry.history()[0].reason == "rolled back from version 3"
    assert rolled_back(registry) == [1, BOX]


def test_promoting_after_a_rollback_goes_on_from_there(registry: Registry):
    for _ in range(3):
        save(registry)
    for number in (1, 2):
        gate.promote(registry, number, actor="")
    gate.rollback(registry, actor="")
    gate.promote(registry, 3, actor="")
    assert rolled_back(registry) == [1, BOX]  # version 2 was rolled back from


def test_a_promotion_of_an_earlier_version_can_be_rolled_back_as_any_other(registry: Registry):
    for number in (1, 2):
        save(registry)
        gate.promote(registry, number, actor="")
    gate.promote(registry, 1, actor="")
    gate.promote(registry, BOX, actor="")
    assert rolled_back(registry) == [1, 2, 1, BOX]


def test_less_accurate_versions_go_into_production_only_when_confirmed(registry: Registry):
    save(registry, validation=BOX_CORRECT)
    save(registry, validation=4951)
    gate.promote(registry, 1, actor="")
    expected = f"version 2 is less accurate than version 1, .*: validation accuracy 99.02% instead of {BOX_ACCURACY}"
    with pytest.raises(LessAccurate, match=expected) as refused:
        gate.promote(registry, 2, actor="")
    assert refused.value.field == "confirm"
    assert registry.production() == 1
    gate.promote(registry, 2, actor="", is_confirmed=True)
    gate.promote(registry, 1, actor="")  # the better one needs no word
    with pytest.raises(LessAccurate, match=expected):
        gate.rollback(registry, actor="")
    assert registry.production() == 1
    assert gate.rollback(registry, actor="", is_confirmed=True) == 2


def test_a_second_click_does_not_undo_the_first(registry: Registry):
    save(registry)
    gate.promote(registry, 1, actor="")
    assert gate.rollback(registry, actor="", instead_of=1) == BOX
    with pytest.raises(AliasMoved, match="production is now version 0, not 1; reload and try again"):
        gate.rollback(registry, actor="", instead_of=1)
    assert registry.production() == BOX


def test_a_deleted_version_is_passed_over_by_a_rollback(registry: Registry):
    for number in (1, 2):
        save(registry)
        gate.promote(registry, number, actor="")
    registry.delete(1)
    assert registry.before() == BOX
    assert rolled_back(registry) == [BOX]


def test_a_champion_that_changes_meanwhile_is_compared_anew(registry: Registry, monkeypatch: pytest.MonkeyPatch):
    save(registry, validation=4981)
    registry.record_robustness(registry.get(1), versions.robustness_of_the_box())
    save(registry, validation=5000)
    judge = gate.judge

    def judge_while_another_wins(*arguments: object) -> gate.Judgement:
        monkeypatch.setattr(gate, "judge", judge)
        registry.promote(2)
        return judge(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(gate, "judge", judge_while_another_wins)
    decision = gate.admit(registry, 1, actor="")
    assert (decision.promoted, registry.production()) == (False, 2)
    assert "(version 2: 100.00%, needed: " in decision.reason
