"""Which corrections a model version has seen, itself or through the version that it started from.

The manifest of a version lists them: `training.corrections`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
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


def corrections_of(version: ModelVersion) -> dict[str, Any]:
    """The part of the manifest that lists the corrections; empty if the version was not trained on any."""
    found: dict[str, Any] = (version.manifest.get("training") or {}).get("corrections") or {}
    return found


def seen_by(version: ModelVersion) -> set[int]:
    """The numbers of the corrections that this training learned from or was measured with."""
    facts = corrections_of(version)
    return {int(row[0]) for name in ("used", "measured") for row in facts.get(name, ())}


def versions_that_saw(versions: Iterable[ModelVersion], ids: Collection[int]) -> list[int]:
    """The versions that have seen one of these corrections, or started from one that has; oldest first."""
    found: list[int] = []
    for version in sorted(versions, key=lambda each: each.version):
        if seen_by(version) & set(ids) or corrections_of(version).get("base") in found:
            found.append(version.version)
    return found


def rebuild_without(registry: Registry, number: int, ids: Collection[int]) -> Rebuild:
    """How to train a version again without these corrections: the same seed, settings and other corrections.

    If the version that it started from has seen one of them, the training starts from the latest one that has not,
    and learns the corrections of all versions between.  Raises VersionMissing, InvalidInput.
    """
    version = registry.get(number)
    if not seen_by(version):
        raise InvalidInput(f"version {number} was not trained on corrections, so there is nothing to leave out")
    saw = versions_that_saw(registry.versions(), ids)
    if number not in saw:
        raise InvalidInput(f"version {number} has not seen {', '.join(f'correction {each}' for each in ids)}")
    wanted, base = seen_by(version), int(corrections_of(version)["base"])
    while base in saw:
        earlier = registry.get(base)
        wanted |= seen_by(earlier)
        base = int(corrections_of(earlier)["base"])
    return Rebuild(version.manifest["config"], base, tuple(sorted(wanted - set(ids))))
