"""The figures of bench/serving.py: measures, medians and the table."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import Any

from load.contestants import OURS

# Number of different bodies, so that no cache helps.
DIFFERENT = 200

Figures = dict[str, float]


@dataclass(frozen=True)
class Row:
    """A row of the table: the measure, its unit and its goal."""

    key: str
    label: str
    goal: str = ""
    digits: int = 2


ROWS = (
    Row("grey_1_p50_ms", "grey canvas, 1 connection: p50 (ms)", "<= 0.6"),
    Row("grey_1_p99_ms", "... p99 (ms)", "<= 2"),
    Row("rgba_1_p50_ms", "RGBA canvas, 1 connection: p50 (ms)", "<= 0.6"),
    Row("rgba_1_p99_ms", "... p99 (ms)", "<= 2"),
    Row("grey_16_per_s", "grey canvas, 16 connections: requests/s", ">= 4,000", 0),
    Row("grey_16_p50_ms", "... p50 (ms)"),
    Row("grey_16_p99_ms", "... p99 (ms)"),
    Row("grey_16_processor_ms", "... processor time a request (ms)"),
    Row("rgba_16_per_s", "RGBA canvas, 16 connections: requests/s", ">= 4,000", 0),
    Row("rgba_16_p50_ms", "... p50 (ms)"),
    Row("rgba_16_p99_ms", "... p99 (ms)"),
    Row("rgba_16_processor_ms", "... processor time a request (ms)"),
    Row("soft_16_per_s", "enlarged scan, soft greys, 16 connections: requests/s", "", 0),
    Row("glyph_16_per_s", "raw glyph, 784 bytes, 16 connections: requests/s", ">= 6,000", 0),
    Row("batch_npy_images_per_s", "batch of 10,000 as .npy: images/s", ">= 40,000", 0),
    Row("batch_idx_images_per_s", "batch of 10,000 as IDX: images/s", ">= 40,000", 0),
    Row("batch_lists_images_per_s", "batch of 1,000 as JSON lists: images/s", ">= 40,000", 0),
    Row("memory_mb", "memory of all processes, PSS (MB)", "", 0),
    Row("memory_largest_mb", "memory of the largest process (MB)", "<= 150", 0),
    Row("first_answer_s", "start to first answer (s)", "<= 1"),
    Row("training_1_p99_times", "p99 while a training runs / idle, 1 connection", "<= 3", 1),
    Row("training_16_p99_times", "p99 while a training runs / idle, 16 connections", "<= 3", 1),
    Row("right_grey", f"read right of {DIFFERENT}, grey", "", 0),
    Row("right_rgba", f"read right of {DIFFERENT}, RGBA", "", 0),
    Row("failures", "requests without a good answer", "0", 0),
)


def median_of(rounds: list[Figures]) -> Figures:
    """The median of each measure, and the sum of failures."""
    keys = dict.fromkeys(key for figures in rounds for key in figures)
    found = {key: statistics.median(figures[key] for figures in rounds if key in figures) for key in keys}
    return found | {"failures": sum(figures["failures"] for figures in rounds)}


def table(result: dict[str, Any]) -> str:
    """The medians in Markdown, for docs/serving.md."""
    medians: dict[str, Figures] = result["medians"]
    names = list(medians)
    lines = [
        f"{result['machine']['processor']}, {result['machine']['cores']} cores, medians of {result['repeats']} x "
        f"{result['seconds']:g} s, load average {result['machine']['load_before']} before, "
        f"{result['machine']['load_after']} after"
        + (" (quick: no figures to tell anybody)" if result["quick"] else ""),
        "",
        "| " + " | ".join(["measure", "goal", *names]) + " |",
        "|---|---|" + "---:|" * len(names),
    ]
    for row in ROWS:
        if any(row.key in medians[name] for name in names):
            cells = [f"{medians[name][row.key]:,.{row.digits}f}" if row.key in medians[name] else "" for name in names]
            lines.append("| " + " | ".join([row.label, row.goal, *cells]) + " |")
    for kind in ("grey", "rgba"):
        best = max((medians[name][f"{kind}_16_per_s"] for name in names if name != OURS), default=None)
        if best:
            times = medians[OURS][f"{kind}_16_per_s"] / best
            lines.append(
                f"| {kind}, 16 connections: times the best peer | >= 5 | {times:.1f} |" + " |" * (len(names) - 1)
            )
    lines += ["", *(f"- {name}: {note}" for name, note in result["settings"].items() if name in medians)]
    lines += [f"- {name}: {remark}" for name, remark in result["remarks"].items()]
    return "\n".join(lines)
