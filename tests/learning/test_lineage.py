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
    assert versions_that_saw(registry.versions(), [1]) == [1, 2]
    assert versions_that_saw(registry.versions(), [2]) == [1, 2]  # measuring is seeing
    assert versions_that_saw(registry.versions(), [3]) == [2]
    assert versions_that_saw(registry.versions(), [4]) == []


def test_a_version_is_rebuilt_from_one_that_has_not_seen_the_correction(registry: Registry):
    plan = rebuild_without(registry, 2, [3])
    assert (plan.base, plan.ids) == (1, ())
    plan = rebuild_without(registry, 2, [1])  # version 1 has seen it too
    assert (plan.base, plan.ids) == (0, (2, 3))
    assert plan.config == MANIFEST["config"]


def test_only_what_was_seen_can_be_left_out(registry: Registry):
    with pytest.raises(InvalidInput, match="version 1 has not seen correction 3"):
        rebuild_without(registry, 1, [3])
    with pytest.raises(InvalidInput, match="version 3 was not trained on corrections"):
        rebuild_without(registry, 3, [1])
