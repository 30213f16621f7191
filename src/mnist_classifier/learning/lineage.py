"""Which corrections a model version has seen, itself or through the version that it started from.

The manifest of a version lists them: `training.corrections`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from mnist_classifier.core.errors import InvalidInput
from mnist_classifier.core.records import ModelVersion
from mnist_classifier.registry.versions import Registry


@dataclass(frozen=True)
class Rebuild:
    """What to train again: the settings and the version of the first training, and the numbers of corrections."""

    config: Mapping[str, Any]
    base: int
    ids: tuple[int, ...]


def seen_by(version: ModelVersion) -> set[int]:
    """The numbers of the corrections that this training learned from or was measured with."""
    return {int(row[0]) for name in ("used", "measured") for row in version.corrections.get(name, ())}


def versions_that_saw(registry: Registry, ids: Collection[int]) -> list[int]:
    """The versions that have seen one of these corrections, or started from one that has; oldest first."""
    deleted = registry.rows.deleted()
    return [number for number in _saw(registry.rows.ever(), ids) if not deleted[number]]


def _saw(versions: Mapping[int, ModelVersion], ids: Collection[int]) -> list[int]:
    """As `versions_that_saw`, with deleted versions, from which others may have started."""
    wanted, found = set(ids), list[int]()
    for number, version in versions.items():
        if seen_by(version) & wanted or version.corrections.get("base") in found:
            found.append(number)
    return found


def rebuild_without(registry: Registry, number: int, ids: Collection[int]) -> Rebuild:
    """How to train a version again without these corrections: the same seed, settings and other corrections.

    If the version that it started from has seen one of them or was deleted, the training starts from the latest one
    before, and learns the corrections of all versions between.  Raises VersionMissing, InvalidInput.
    """
    version = registry.get(number)
    if not seen_by(version):
        raise InvalidInput(f"version {number} was not trained on corrections here, so there is nothing to leave out")
    ever, deleted = registry.rows.ever(), registry.rows.deleted()
    saw = _saw(ever, ids)
    if number not in saw:
        raise InvalidInput(f"version {number} has not seen {', '.join(f'correction {each}' for each in ids)}")
    wanted, base = seen_by(version), int(version.corrections["base"])
    while base in saw or deleted.get(base):
        earlier = ever[base]
        if not earlier.corrections:
            raise InvalidInput(
                f"version {number} cannot be trained again, because version {base}, from which it started, was "
                "deleted; promote another version, then run `mnist retrain`"
            )
        wanted |= seen_by(earlier)
        base = int(earlier.corrections["base"])
    return Rebuild(version.manifest["config"], base, tuple(sorted(wanted - set(ids))))
