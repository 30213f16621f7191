"""Text for the terminal: progress of trainings, model versions, robustness tables."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any

import click
from tqdm import tqdm

from mnist_classifier.core.records import EpochResult, ModelVersion
from mnist_classifier.core.settings import Settings
from mnist_classifier.core.train_config import TrainConfig
from mnist_classifier.evaluation.robustness.pages.table import is_of_one_kind, page_table
from mnist_classifier.registry.aliases import PRODUCTION

# Lines of a comparison that show how often digits are confused.
SHOWN_CHANGES = 10


class TrainingDisplay:
    """Shows a training: a progress bar, and a line for each epoch."""

    def __init__(self, config: TrainConfig) -> None:
        self.epochs = config.epochs
        self.bar: tqdm[Any] | None = None
        self.started_at = time.monotonic()

    def on_step(self, progress: Any) -> None:
        """Move the bar."""
        if self.bar is None:
            self.bar = tqdm(total=progress.steps * self.epochs, unit="step", leave=False, disable=None, file=sys.stderr)
        self.bar.n = (progress.epoch - 1) * progress.steps + progress.step
        self.bar.set_description(f"epoch {progress.epoch}/{self.epochs}", refresh=False)
        self.bar.set_postfix_str(
            f"loss {progress.loss:.4f}, accuracy {progress.accuracy:.2%}, {progress.images_per_s:,.0f} images/s"
        )

    def on_epoch(self, result: EpochResult) -> None:
        """Print a line for the epoch."""
        tqdm.write(epoch_line(result))

    def on_message(self, text: str) -> None:
        """Print a message."""
        self.close()
        click.echo(f"{text} ...")

    def on_download(self, done_bytes: int, total_bytes: int) -> None:
        """Show the download of MNIST."""
        if self.bar is None:
            self.bar = tqdm(total=total_bytes, unit="B", unit_scale=True, desc="downloading MNIST", leave=False)
        self.bar.total = total_bytes
        self.bar.update(done_bytes - self.bar.n)
        if done_bytes >= total_bytes:
            self.close()

    def close(self) -> None:
        """Remove the bar."""
        if self.bar is not None:
            self.bar.close()
            self.bar = None


def epoch_line(result: EpochResult) -> str:
    """The result of an epoch as one line."""
    return (
        f"epoch {result.epoch:2}/{result.epochs}  "
        f"loss {result.train_loss:.4f}  accuracy {result.train_accuracy:.2%}  "
        f"validation loss {result.validation_loss:.4f}  accuracy {result.validation_accuracy:.2%}  "
        f"{result.images_per_s:,.0f} images/s  {result.elapsed_s:.1f} s"
    )


def rough_duration(seconds: float) -> str:
    """A duration that is only estimated, with one or two digits."""
    if seconds < 90:
        return f"{max(1, round(seconds)) if seconds < 10 else 5 * round(seconds / 5)} s"
    minutes = seconds / 60
    if minutes < 90:
        return f"{round(minutes) if minutes < 10 else 5 * round(minutes / 5)} min"
    return f"{round(minutes / 60)} h"


def summary(version: ModelVersion, settings: Settings, message: str) -> str:
    """The result of a training as text.  message: which version is in use now, printed last."""
    place = "the model store" if settings.models_url else settings.models_dir / str(version.version)
    return (
        f"validation accuracy  {_score(version.metrics['validation'])}\n"
        f"test accuracy        {_score(version.metrics['test'])}\n"
        f"ONNX vs PyTorch      largest logit difference {version.manifest['onnx_parity']:.1e}\n"
        f"training took        {version.manifest['training']['elapsed_s']:.0f} s\n"
        f"saved as version {version.version} in {place}\n{message}"
    )


def model_line(version: ModelVersion, aliases: Mapping[str, int], robustness: Mapping[str, Any] | None) -> str:
    """A model version as one line; * marks production."""
    test, validation = version.metrics.get("test", {}), version.metrics.get("validation", {})
    named = "".join(
        f"  [{alias}]" for alias, number in aliases.items() if number == version.version and alias != PRODUCTION
    )
    note = f"  {version.note.splitlines()[0]}" if version.note else ""
    return (
        f"{'*' if aliases[PRODUCTION] == version.version else ' '} {version.version:4}  {version.name:20}  "
        f"{version.created_at:%Y-%m-%d %H:%M}  validation {validation.get('accuracy', 0):.2%}  "
        f"test {test.get('accuracy', 0):.2%}{robustness_summary(robustness)}{named}{note}"
    )


def model_as_text(version: ModelVersion, aliases: Mapping[str, int], robustness: Mapping[str, Any] | None) -> str:
    """A model version as several lines, each with a name and a value."""
    manifest = version.manifest
    named = [alias for alias, number in aliases.items() if number == version.version]
    lines = {
        "version": f"{version.version} ({version.name})" + (f", {' and '.join(named)}" if named else ""),
        "created": f"{version.created_at:%Y-%m-%d %H:%M} UTC",
        "recipe": f"{manifest.get('config', {}).get('recipe', '-')}, seed {manifest.get('seed', '-')}",
        "parameters": f"{manifest.get('architecture', {}).get('parameters', 0):,}",
        "validation": _score(version.metrics.get("validation")),
        "test": _score(version.metrics.get("test")),
        "robustness": robustness_summary(robustness).strip() or "not measured",
        "files": f"{sum(file.get('bytes', 0) for file in manifest['files'].values()) / 1e6:.1f} MB",
        "note": version.note or "-",
    }
    return "\n".join(f"{name:13}  {value}" for name, value in lines.items())


def _score(figures: Mapping[str, Any] | None) -> str:
    if not figures:
        return "not measured"
    low, high = figures["interval_95"]
    return f"{figures['accuracy']:.2%} of {figures['images']:,} images (95 % interval {low:.2%} to {high:.2%})"


def side_by_side(
    first: ModelVersion, second: ModelVersion, split: str, difference: Sequence[Sequence[int]] | None
) -> str:
    """Two model versions in columns, and the confusions whose number differs most.

    difference: confusion matrices by [label][prediction], second minus first.
    """
    lines = [f"{'version':13}  {first.version:>12}  {second.version:>12}"]
    for name in ("accuracy", "correct", "nll", "ece"):
        figures = [version.metrics.get(split, {}).get(name) for version in (first, second)]
        shown = ["-" if value is None else f"{value:,}" if name == "correct" else f"{value:.4f}" for value in figures]
        lines.append(f"{name:13}  {shown[0]:>12}  {shown[1]:>12}")
    changes = [
        (count, true, read)
        for true, row in enumerate(difference or [])
        for read, count in enumerate(row)
        if count and true != read
    ]
    lines += [
        f"{'more' if count > 0 else 'less'} often  {true} read as {read}: {count:+}"
        for count, true, read in sorted(changes, key=lambda change: -abs(change[0]))[:SHOWN_CHANGES]
    ]
    return "\n".join(lines)


def robustness_as_text(table: Mapping[str, Any]) -> str:
    """The robustness table as text: its rows, the measures that were skipped, and a summary."""
    lines = [_robustness_row(row) for row in table["rows"] if not is_of_one_kind(row["id"])]
    lines += [f"skipped: {name} ({reason})" for name, reason in table["left_out"].items()]
    summary = table["summary"]
    images = f"{table['split']} images" + (f", at most {table['limit']} per row" if table["limit"] else "")
    last = f"{summary['goals_reached']} of {summary['goals']} goals reached; MNIST {images}; {table['elapsed_s']:.0f} s"
    pages = page_table(table["rows"])
    kinds = ["", *("  ".join(part.ljust(22) for part in line).rstrip() for line in pages), ""] if pages else []
    return "\n".join([f"{'measure':48}  pictures  measured       95 % interval  goal", *lines, *kinds, last])


def _robustness_row(row: Mapping[str, Any]) -> str:
    low, high = row["interval_95"]
    reached = {True: "reached", False: "missed", None: ""}[row["reached"]]
    return (
        f"{row['title']:48}  {row['n']:8,}  {row['measured']:8.2%}  {low:7.2%} to {high:7.2%}  "
        f"{row['goal'] or '':10} {reached}"
    ).rstrip()


def robustness_summary(table: Mapping[str, Any] | None) -> str:
    """A robustness table's main figures, to append to a line: "  pen 98.70%  goals 9 of 12"; empty without a table."""
    if table is None:
        return ""
    summary = table["summary"]
    shares = {"pen": summary["pen_digits_mean"], "corrupted": summary["corruptions_mean"]}
    figures = "".join(f"  {name} {share:.2%}" for name, share in shares.items() if share is not None)
    return f"{figures}  goals {summary['goals_reached']} of {summary['goals']}"
