"""The result of a promotion check in one plain sentence.

The sentence leads with the test images, which everybody understands.  They never decide: the reasons below it are
those of the check.
"""

from __future__ import annotations

from mnist_classifier.core.records import ModelVersion
from mnist_classifier.data.splits import VALIDATION

# Why a champion stays, for a reader to whom the test figures alone would not say it.
FEWER_VALIDATION_IMAGES = "the new one reads fewer validation images right"
UNKNOWN_VALIDATION = "the validation accuracy of one of them is unknown"
ROBUSTNESS_UNKNOWN = "the new one was not tested on other handwriting"
LESS_ROBUST = "the new one is worse at other handwriting"
HOW_TO_MEASURE = (
    "To measure its robustness, type this in a terminal on the server; it takes some minutes: "
    "mnist evaluate --suite robust --model-version {}"
)
FEWER_CORRECTIONS = "the new one reads fewer held-out corrections right"
# The measure of the held-out corrections in a promotion check.
HELD_OUT = "held-out corrections"
WORSE = {VALIDATION: FEWER_VALIDATION_IMAGES, HELD_OUT: FEWER_CORRECTIONS}


def outcome(champion: ModelVersion, challenger: ModelVersion, obstacle: str) -> str:
    """How both versions read the test images, and whether the champion, which is in production, stays.

    obstacle: why it stays; empty if the challenger may take its place.
    """
    figures = _figures(champion, challenger)
    if figures is None:
        return f"The current model stays in use, because {obstacle}." if obstacle else "It passes the promotion check."
    new, known = figures
    compared = f"{new} of the test images right; the current model has {known}"
    if not obstacle:
        return f"{compared} and may be replaced."
    # A difference of a few images does not.
    explains_itself = round(_accuracy(challenger), 3) < round(_accuracy(champion), 3)
    return f"{compared} and stays in use" + ("." if explains_itself else f", because {obstacle}.")


def beside(first: ModelVersion, second: ModelVersion) -> str:
    """How two versions read the test images; neither need be in production."""
    figures = _figures(first, second)
    if figures is None:
        return "One of the versions was not measured on the test images."
    new, known = figures
    return f"Version {second.version} reads {new} of the test images right, version {first.version} {known}."


def promoted(challenger: ModelVersion, champion: ModelVersion | None) -> str:
    """How a version that is now in production reads the test images, and how the one before did."""
    now = f"Version {challenger.version} is now in use."
    figures = None if champion is None else _figures(champion, challenger)
    if figures is not None:
        return f"{figures[0]} of the test images right; the model before had {figures[1]}. {now}"
    own = _accuracy(challenger)
    return now if own < 0 else f"{_percent(own, 1)} of the test images right. {now}"


def corrections(version: ModelVersion) -> list[str]:
    """How a version that learned corrections reads the held-out ones: a sentence, or none."""
    figures = version.metrics.get("corrections")
    if figures is None:
        return []
    if "before" not in figures:
        return ["No correction was held out to measure the gain."]
    right = f"{figures['correct']:,} of {figures['images']:,} held-out corrections right"
    return [f"Version {version.version} reads {right}; the model before read {figures['before']['correct']:,}."]


def saved(version: ModelVersion) -> str:
    """How a version that was not to be promoted reads the test images."""
    saved = f"Version {version.version} is saved and not in use, as its settings ask."
    own = _accuracy(version)
    return saved if own < 0 else f"{_percent(own, 1)} of the test images right. {saved}"


def _figures(champion: ModelVersion, challenger: ModelVersion) -> tuple[str, str] | None:
    """The test accuracies of challenger and champion, with more digits if they look equal; None if one is unknown."""
    new, known = _accuracy(challenger), _accuracy(champion)
    if min(new, known) < 0:
        return None
    decimals = 1 if _percent(new, 1) != _percent(known, 1) else 2
    return _percent(new, decimals), _percent(known, decimals)


def _accuracy(version: ModelVersion) -> float:
    """The share of the test images that a version reads right, or -1 if that was not measured."""
    return float(version.metrics.get("test", {}).get("accuracy", -1.0))


def _percent(fraction: float, decimals: int) -> str:
    """A fraction in per cent; one below 1 never shows as 100 %."""
    most = 100.0 if fraction == 1 else 100 - 10**-decimals
    return f"{min(100 * fraction, most):.{decimals}f} %"
