from __future__ import annotations

from typing import Any

import pytest

from mnist_classifier.core.database import Store
from mnist_classifier.core.errors import InvalidInput
from mnist_classifier.core.settings import Settings
from mnist_classifier.learning.lineage import rebuild_without, versions_that_saw
from mnist_classifier.registry.versions import Registry
from tests import versions
from tests.versions import MANIFEST


@pytest.fixture
def registry(settings: Settings, store: Store) -> Registry:
    """Version 1 learned from corrections 1 and 2; version 2 started from it and learned from 3; 3 saw none."""
    registry = Registry(settings.models_dir, store)
    versions.save(registry, training=trained_on(0, used=[1], measured=[2]))
    versions.save(registry, training=trained_on(1, used=[3], measured=[]))
    versions.save(registry)
    return registry


def trained_on(base: int, used: list[int], measured: list[int]) -> dict[str, Any]:
    def rows(ids: list[int]) -> list[list[object]]:
        return [[each, "0" * 64, 7] for each in ids]

    facts = {"count": len(used), "held_out": len(measured), "base": base}
    return {**MANIFEST["training"], "corrections": {**facts, "used": rows(used), "measured": rows(measured)}}


def test_a_version_has_seen_what_the_version_before_it_saw(registry: Registry):
    assert versions_that_saw(registry, [1]) == [1, 2]
    assert versions_that_saw(registry, [2]) == [1, 2]  # measuring is seeing
    assert versions_that_saw(registry, [3]) == [2]
    assert versions_that_saw(registry, [4]) == []


def test_a_version_is_rebuilt_from_one_that_has_not_seen_the_correction(registry: Registry):
    plan = rebuild_without(registry, 2, [3])
    assert (plan.base, plan.ids) == (1, ())
    plan = rebuild_without(registry, 2, [1])  # version 1 has seen it too
    assert (plan.base, plan.ids) == (0, (2, 3))
    assert plan.config == MANIFEST["config"]


def test_a_deleted_version_between_hides_nothing(registry: Registry):
    """Version 2 has what version 1 learned, also when version 1 is gone; it is trained again from the box."""
    registry.delete(1)
    assert versions_that_saw(registry, [1]) == [2]
    plan = rebuild_without(registry, 2, [3])
    assert (plan.base, plan.ids) == (0, (1, 2))


def test_a_version_whose_start_is_gone_is_not_trained_again_from_something_else(registry: Registry):
    versions.save(registry, training=trained_on(3, used=[5, 6], measured=[]))
    registry.delete(3)
    with pytest.raises(InvalidInput, match="version 3, from which it started, was deleted.*run `mnist retrain`"):
        rebuild_without(registry, 4, [5])


def test_the_numbers_of_an_imported_version_are_those_of_another_installation(registry: Registry):
    origin = {"version": 8, "run_id": None}
    imported = versions.save(registry, training=trained_on(0, used=[9], measured=[]), imported_from=origin)
    assert versions_that_saw(registry, [9]) == []
    with pytest.raises(InvalidInput, match="was not trained on corrections here"):
        rebuild_without(registry, imported.version, [9])


def test_only_what_was_seen_can_be_left_out(registry: Registry):
    with pytest.raises(InvalidInput, match="version 1 has not seen correction 3"):
        rebuild_without(registry, 1, [3])
    with pytest.raises(InvalidInput, match="version 3 was not trained on corrections"):
        rebuild_without(registry, 3, [1])
