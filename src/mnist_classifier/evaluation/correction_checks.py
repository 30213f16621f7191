"""What the promotion check asks of a version that was trained on corrections.

Anybody who can reach the server may send corrections, so wrong labels must not get into production unseen:

1. At least FEWEST_HELD_OUT corrections were held out.  With fewer, chance decides, so a person must.
2. The new version reads at least as many of them right as the version that it started from.
3. At most SUSPICIOUS_SHARE of them are suspicious: the version before is sure that the label is wrong, and the new one
   contradicts it too, though it learned from the other corrections.
4. The same for each label, with SUSPICIOUS_OF_LABEL: a flood that calls all sevens ones has one wrong label alone.

A person whose ones look like sevens passes: the new version reads the held-out ones as the labels say.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

from mnist_classifier.core.metrics import CLASSES
from mnist_classifier.core.records import ModelVersion

FEWEST_HELD_OUT = 20
SUSPICIOUS_SHARE = 0.1
# Of one label; a single odd writer may have fewer than so many.
SUSPICIOUS_OF_LABEL, FEWEST_OF_LABEL = 0.2, 5
# How many suspicious corrections a message names.
MOST_NAMED = 10

ANOTHER_CHAMPION = "the held-out corrections were not compared with the version in production"
SUSPICIOUS = "too many of the held-out corrections have suspicious labels"
SUSPICIOUS_LABEL = "too many of the held-out corrections with the label “{}” are suspicious"


@dataclass(frozen=True)
class Verdict:
    """What the held-out corrections say.

    accuracy: of the version before and of the new one, and the lowest that passes; None if they do not count.
    """

    accuracy: tuple[float, float, float] | None
    remarks: list[str]
    obstacles: list[str]


def figures_of(challenger: ModelVersion, champion: ModelVersion) -> dict[str, Any] | None:
    """The figures of a version that started from this champion; None if it did not."""
    figures: dict[str, Any] | None = challenger.metrics.get("corrections")
    return figures if challenger.corrections.get("base") == champion.version else None


def judge(figures: dict[str, Any] | None, measured: Iterable[tuple[int, str, int]]) -> Verdict:
    """Judge the figures of `figures_of`.  measured: number, hash and label of each held-out correction."""
    if figures is None:
        return Verdict(None, [ANOTHER_CHAMPION], [ANOTHER_CHAMPION])
    count, remarks, obstacles = figures["images"], [], []
    suspicious = figures["suspicious"]
    if suspicious:
        named = ", ".join(map(str, suspicious[:MOST_NAMED])) + (" and others" if len(suspicious) > MOST_NAMED else "")
        remarks.append(f"look at correction{'s' * (len(suspicious) > 1)} {named}: both versions read something else")
    if len(suspicious) > SUSPICIOUS_SHARE * count:
        obstacles.append(SUSPICIOUS)
    obstacles += [SUSPICIOUS_LABEL.format(label) for label in _suspicious_labels(suspicious, measured)]
    if count < FEWEST_HELD_OUT:
        some = {0: "no correction was", 1: "only one correction was"}.get(count, f"only {count} corrections were")
        few = f"{some} held out, and it takes {FEWEST_HELD_OUT} to show whether the new version is better"
        return Verdict(None, [few, *remarks], [few, *obstacles])
    known = figures["before"]["accuracy"]
    return Verdict((known, figures["accuracy"], known), remarks, obstacles)


def _suspicious_labels(suspicious: Collection[int], measured: Iterable[tuple[int, str, int]]) -> list[str]:
    """The labels that too many suspicious corrections have."""
    labels = {number: label for number, _, label in measured}
    held_out, doubted = Counter(labels.values()), Counter(labels[number] for number in suspicious)
    return [
        str(label) if label < CLASSES else "not a digit"
        for label, count in sorted(doubted.items())
        if count >= FEWEST_OF_LABEL and count > SUSPICIOUS_OF_LABEL * held_out[label]
    ]
