"""Count what personal models change, and summarise it: errors by writer, factors, and costs for everybody else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mnist_classifier.core.arrays import Indices


@dataclass
class Tally:
    """Counts of one number of examples, style and choice of the examples; an entry for each writer."""

    before: list[int] = field(default_factory=list)
    after: list[int] = field(default_factory=list)
    tested: list[int] = field(default_factory=list)
    sure: list[tuple[int, int]] = field(default_factory=list)
    mnist: list[float] = field(default_factory=list)
    others: list[float] = field(default_factory=list)
    others_sure: list[float] = field(default_factory=list)
    characters: list[float] = field(default_factory=list)
    fit_s: list[float] = field(default_factory=list)


def worst_quarter(shares: Sequence[float]) -> Indices:
    """The rows of the quarter with the largest shares, at least one."""
    return np.argsort(-np.array(shares), kind="stable")[: max(1, round(len(shares) / 4))]


def summary(tally: Tally) -> dict[str, Any]:
    """The errors of all writers, and of the quarter read worst."""
    before, after = np.array(tally.before), np.array(tally.after)
    sure = np.array(tally.sure).sum(axis=0).tolist()
    return {
        "writers": len(before),
        "worst_quarter": _errors(tally, worst_quarter((before / tally.tested).tolist())),
        "all_writers": _errors(tally, np.arange(len(before))),
        "writers_with_errors": int((before > 0).sum()),
        "writers_read_worse": int((after > before).sum()),
        "wrong_and_sure": {"before": sure[0], "after": sure[1]},
        "fit_s": round(float(np.median(tally.fit_s)), 3),
    }


def of_choices(styles: Sequence[Sequence[Tally]]) -> dict[str, Any]:
    """The errors of all styles and choices of examples, and the factor of each choice."""
    before, after = (
        np.array([[sum(getattr(tally, name)) for tally in tallies] for tallies in styles]).sum(axis=0)
        for name in ("before", "after")
    )
    return {
        "errors_before": int(before.sum()),
        "errors_after": int(after.sum()),
        "factor": _factor(before.sum(), after.sum()),
        "factors": [_factor(*each) for each in zip(before, after, strict=True)],
    }


def costs(tally: Tally) -> dict[str, Any]:
    """The points by which rates change for everybody else."""
    names = {
        "mnist_error_points": tally.mnist,
        "other_writers_error_points": tally.others,
        "other_writers_wrong_and_sure_points": tally.others_sure,
        "characters_accepted_points": tally.characters,
    }
    return {
        name: {"mean": round(100 * float(np.mean(points)), 4), "worst": round(100 * float(np.max(points)), 4)}
        for name, points in names.items()
    }


def _errors(tally: Tally, rows: Indices) -> dict[str, Any]:
    before, after, tested = (int(np.array(each)[rows].sum()) for each in (tally.before, tally.after, tally.tested))
    return {
        "writers": len(rows),
        "tested": tested,
        "errors_before": before,
        "errors_after": after,
        "factor": _factor(before, after),
    }


def _factor(before: int, after: int) -> float | None:
    return round(float(before / after), 2) if after else None


def table(result: dict[str, Any]) -> str:
    """The result as lines of text."""
    lines = [
        f"{result['model']}, {result['split']} writers, {result['mnist_images']} MNIST images, "
        f"{result['several_zeros_left_out']} pictures of several zeros left out"
    ]
    for count, figures in result["examples"].items():
        for name in ("worst_quarter", "all_writers"):
            part = figures[name]
            lines.append(
                f"{count:>3} examples  {name:13} {part['writers']:3} writers  {part['tested']:5} digits  "
                f"errors {part['errors_before']:3} -> {part['errors_after']:3}  factor {part['factor']}"
            )
        for name in ("as_written", "distorted"):
            part = figures[name]
            lines.append(
                f"              worst quarter, {name}: errors {part['errors_before']} -> {part['errors_after']}, "
                f"factor {part['factor']}, by choice of examples {part['factors']}"
            )
        sure = figures["wrong_and_sure"]
        lines.append(f"              wrong and sure {sure['before']} -> {sure['after']}, fit {figures['fit_s']} s")
        lines += [
            f"              {name}: mean {figures[name]['mean']:+.4f}, worst {figures[name]['worst']:+.4f}"
            for name in figures
            if name.endswith("_points")
        ]
    return "\n".join(lines)
