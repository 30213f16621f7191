"""What the promotion check asks of a version that was trained on corrections.

Anybody who can reach the server may send corrections, so wrong labels must not get into production unseen:

1. At least FEWEST_HELD_OUT corrections were held out.  With fewer, chance decides, so a person must.
2. The new version reads at least as many of them right as the version that it started from.
3. At most SUSPICIOUS_SHARE of them are suspicious: the version before surely reads another digit than the label says,
   and the new one still reads that digit, though it learned from the other corrections.

A person whose ones look like sevens passes: the new version reads the held-out ones as the labels say.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mnist_classifier.core.records import ModelVersion

FEWEST_HELD_OUT = 20
SUSPICIOUS_SHARE = 0.1
# How many suspicious corrections a message names.
MOST_NAMED = 10

ANOTHER_CHAMPION = "the held-out corrections were not compared with the version in production"
SUSPICIOUS = "too many of the held-out corrections have suspicious labels"


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
    corrections = (challenger.manifest.get("training") or {}).get("corrections") or {}
    figures: dict[str, Any] | None = challenger.metrics.get("corrections")
    return figures if corrections.get("base") == champion.version else None


def judge(figures: dict[str, Any] | None) -> Verdict:
    """Judge the figures of `figures_of`."""
    if figures is None:
        return Verdict(None, [ANOTHER_CHAMPION], [ANOTHER_CHAMPION])
    count, remarks, obstacles = figures["images"], [], []
    suspicious = figures["suspicious"]
    if suspicious:
        named = ", ".join(map(str, suspicious[:MOST_NAMED])) + (" and others" if len(suspicious) > MOST_NAMED else "")
        remarks.append(f"look at correction{'s' * (len(suspicious) > 1)} {named}: both versions read something else")
    if len(suspicious) > SUSPICIOUS_SHARE * count:
        obstacles.append(SUSPICIOUS)
    if count < FEWEST_HELD_OUT:
        some = {0: "no correction was", 1: "only one correction was"}.get(count, f"only {count} corrections were")
        few = f"{some} held out, and it takes {FEWEST_HELD_OUT} to show whether the new version is better"
        return Verdict(None, [few, *remarks], [few, *obstacles])
    known = figures["before"]["accuracy"]
    return Verdict((known, figures["accuracy"], known), remarks, obstacles)
