"""The robustness table: its rows with their goals, as stored in robustness.json."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from mnist_classifier.core.version import __version__

# The rows that `mnist models` and /model-status show as a summary.
SUMMARY_ROWS = ("pen_digits.mean", "characters.auroc", "corruptions.mean")


@dataclass(frozen=True)
class Goal:
    """The smallest share that is good enough or, with `at_most`, the largest."""

    bound: float
    at_most: bool = False

    def is_reached_by(self, measured: float) -> bool:
        """Whether a measured share reaches the goal, regardless of its interval."""
        return measured <= self.bound if self.at_most else measured >= self.bound

    def __str__(self) -> str:
        return f"{'<=' if self.at_most else '>='} {self.bound:.2%}"


@dataclass(frozen=True)
class Row:
    """One figure: a share between 0 and 1 over `n` pictures, with its 95 % interval."""

    id: str
    title: str
    n: int
    measured: float
    interval_95: tuple[float, float]
    goal: Goal | None = None

    @property
    def reached(self) -> bool | None:
        """Whether the goal is reached; None without a goal."""
        return None if self.goal is None else self.goal.is_reached_by(self.measured)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "id": self.id,
            "title": self.title,
            "n": self.n,
            "measured": round(self.measured, 6),
            "interval_95": [round(bound, 6) for bound in self.interval_95],
            "goal": None if self.goal is None else str(self.goal),
            "reached": self.reached,
        }


@dataclass(frozen=True)
class RobustnessReport:
    """The whole table.

    split: the MNIST images used, `test` or `validation`.  limit: most pictures
    for one row of the table, None for all.  left_out: reason for each measure
    that was left out.
    """

    split: str
    limit: int | None
    rows: tuple[Row, ...]
    left_out: dict[str, str]
    elapsed_s: float

    @property
    def is_final(self) -> bool:
        """Whether the table covers all test images, so that it may be stored with the model."""
        return self.split == "test" and self.limit is None

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "measured_at": datetime.now(timezone.utc).isoformat(timespec="seconds"),
            "program": __version__,
            "split": self.split,
            "limit": self.limit,
            "elapsed_s": round(self.elapsed_s, 1),
            "summary": summarise(self.rows),
            "rows": [row.to_dict() for row in self.rows],
            "left_out": self.left_out,
        }


def summarise(rows: Sequence[Row]) -> dict[str, Any]:
    """How many goals are reached, and the figures of SUMMARY_ROWS; null for a row that was left out."""
    measured = {row.id: round(row.measured, 6) for row in rows}
    verdicts = [row.reached for row in rows if row.goal is not None]
    return {
        "goals_reached": sum(map(bool, verdicts)),
        "goals": len(verdicts),
        **{name.replace(".", "_"): measured.get(name) for name in SUMMARY_ROWS},
    }
