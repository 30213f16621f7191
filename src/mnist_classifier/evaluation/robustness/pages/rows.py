"""The rows of pages: all kinds together, then each kind."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from mnist_classifier.core.arrays import Mask
from mnist_classifier.evaluation.robustness.pages.scoring import Score
from mnist_classifier.evaluation.robustness.pages.table import ALL, FIGURES, WORST
from mnist_classifier.evaluation.robustness.report import Goal, Row
from mnist_classifier.evaluation.robustness.rows import share

RIGHT_GOAL, WORST_GOAL, WRONG_GOAL = Goal(0.95), Goal(0.85), Goal(0.005, at_most=True)


def page_rows(scores: Mapping[str, Sequence[Score]]) -> list[Row]:
    """The rows of all kinds together, of the worst kind, and of each kind."""
    together = [each for kind in scores.values() for each in kind]
    goals = {"right": RIGHT_GOAL, "sure_and_wrong": WRONG_GOAL}
    rows = _rows(ALL, "pages", together, goals)
    worst = min(scores, key=lambda kind: sum(each.right for each in scores[kind]) / len(scores[kind]))
    rows.append(share(WORST, "pages, worst kind", _hits(scores[worst], "right"), WORST_GOAL))
    for kind, each in scores.items():
        rows += _rows(f"pages.{kind}", f"pages, {kind.replace('_', ' ')}", each, {})
    return rows


def _rows(id: str, title: str, scores: Sequence[Score], goals: Mapping[str, Goal]) -> list[Row]:
    counted = {figure: _hits(scores, figure) for figure in FIGURES}
    return [
        share(f"{id}.{figure}", f"{title}, {FIGURES[figure]}", hits, goals.get(figure))
        for figure, hits in counted.items()
        if hits.size
    ]


def _hits(scores: Iterable[Score], figure: str) -> Mask:
    """(N,) true where a figure counts; without the scores that do not have it."""
    values = [getattr(score, figure) for score in scores]
    return np.array([value for value in values if value is not None], bool)
