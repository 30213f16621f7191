"""The metrics that a promotion check compares."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from mnist_classifier.core.errors import VersionMissing
from mnist_classifier.core.metrics import wilson_interval
from mnist_classifier.core.records import ModelVersion
from mnist_classifier.evaluation import promotion_words as words
from mnist_classifier.registry.aliases import BOX
from mnist_classifier.registry.versions import Registry

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


def compare_robustness(
    registry: Registry, champion: ModelVersion, challenger: ModelVersion
) -> tuple[list[Check], list[str], list[str]]:
    """Compare the robustness tables; returns the checks, what could not be compared, and obstacles to a promotion."""
    known, measured = _rows(registry, champion), _rows(registry, challenger, is_own=True)
    if known is None:
        return [], [f"robustness was not compared, because that of {name_of(champion.version)} was not measured"], []
    if measured is None:
        return [], ["its robustness was not measured"], [words.ROBUSTNESS_UNKNOWN]
    imported = [
        f"the robustness of {name_of(version.version)} comes from its archive and was not measured here"
        for version in (champion, challenger)
        if version.manifest.get("imported_from")
    ]
    return robustness_checks(known, measured), imported, []


def _rows(registry: Registry, version: ModelVersion, *, is_own: bool = False) -> list[dict[str, Any]] | None:
    """The rows of a version's robustness table; None if it was not measured.

    A champion that learned corrections was as robust as the version that it started from, whose table counts then.
    """
    table = registry.robustness(version, strict=True)
    if table is not None:
        rows: list[dict[str, Any]] = table["rows"]
        return rows
    if is_own or not version.corrections:
        return None
    try:
        return _rows(registry, registry.get(version.corrections["base"]))
    except VersionMissing:
        return None


def _bound(row: dict[str, Any]) -> float:
    """The lower end of a row's interval.  That of an area of exactly 1 would be 1, so it gets the one of a share."""
    return float(min(row["interval_95"][0], wilson_interval(row["n"], row["n"])[0]))


def robustness_checks(
    champion: list[dict[str, Any]], challenger: list[dict[str, Any]], earlier: Sequence[list[dict[str, Any]]] = ()
) -> list[Check]:
    """Compare the rows of two tables.  earlier: those of the versions that the champion started from."""
    old, new, *others = ({row["id"]: row for row in rows} for rows in (champion, challenger, *earlier))
    return [
        check(title, old[row]["measured"], new[row]["measured"], *(_bound(rows[row]) for rows in (old, *others)))
        for row, title in ROBUSTNESS_ROWS.items()
        if all(row in rows for rows in (old, new, *others))
    ]


def bases_of(registry: Registry, version: ModelVersion) -> Iterator[ModelVersion]:
    """The version that a training on corrections started from, the one before that, and so on; also deleted ones."""
    while version.corrections:
        number = version.corrections["base"]
        try:
            version = registry.get(number)
        except VersionMissing:
            if number not in (ever := registry.rows.ever()):
                return
            version = ever[number]
        yield version


def check(measure: str, champion: float, challenger: float, *bounds: float) -> Check:
    """Compare a metric with the lowest value that passes.

    bounds: of the champion, and of the versions that it started from.  Each training may lose a little, but all of
    them together no more than one may.  What the champion reaches always passes.
    """
    bound = min(champion, max(bounds))
    return Check(measure, champion, challenger, round(bound, 6), challenger >= bound)


def in_words(check: Check, champion: int) -> str:
    """A metric of both versions, and what was needed if it failed."""
    needed = "" if check.passed else f", needed: {check.bound:.2%}"
    return f"{check.measure} {check.challenger:.2%} ({name_of(champion)}: {check.champion:.2%}{needed})"


def name_of(version: int) -> str:
    """How messages call a version."""
    return "the model in the box" if version == BOX else f"version {version}"
