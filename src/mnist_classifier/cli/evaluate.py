"""`mnist evaluate`: measure a model on MNIST or with the robustness suite."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import click
import numpy as np
from tqdm import tqdm

from mnist_classifier.cli.command import Command, data_dir_option, opened_store
from mnist_classifier.cli.display import robustness_as_text
from mnist_classifier.core.metrics import measure_probabilities
from mnist_classifier.core.records import ModelVersion, Verdict
from mnist_classifier.core.settings import Settings
from mnist_classifier.data.splits import MEASURED_SPLITS, TEST, load_split
from mnist_classifier.evaluation import promotion
from mnist_classifier.evaluation.robustness.suite import QUICK_LIMIT, load_data, run_suite
from mnist_classifier.recognition.recogniser import Recogniser
from mnist_classifier.registry.aliases import CHALLENGER
from mnist_classifier.registry.versions import Registry

MNIST, ROBUST = "mnist", "robust"


@click.command(cls=Command)
@click.option("--model-version", type=int, help="Model version to evaluate.  [default: production]")
@click.option(
    "--suite",
    type=click.Choice([MNIST, ROBUST]),
    default=MNIST,
    help="Evaluate on MNIST only, or run the whole robustness suite.",
)
@click.option(
    "--split",
    type=click.Choice(MEASURED_SPLITS),
    default=TEST,
    help="MNIST images to use; use validation to choose between models.  [default: test]",
)
@click.option(
    "--pen-dir",
    type=click.Path(path_type=Path, resolve_path=True),
    help="Folder of the pen stroke data, for --suite robust.  [env: MNIST_PEN_DIR]",
)
@click.option("--quick", is_flag=True, help=f"Use at most {QUICK_LIMIT} pictures per row; the table is not saved.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text.")
@data_dir_option
def evaluate(
    model_version: int | None, suite: str, split: str, pen_dir: Path | None, quick: bool, as_json: bool,
    data_dir: Path | None,
) -> None:  # fmt: skip
    """Evaluate a model on the 10,000 MNIST test images.

    --suite robust also uses pen strokes, corrupted images and pictures
    without a digit, and saves the table with the model version.
    """
    settings = Settings.from_environment(data_dir=data_dir, pen_dir=pen_dir)
    with opened_store(settings) as store:
        registry = Registry.of(settings, store)
        number = registry.aliases.production() if model_version is None else model_version
        version, recogniser = registry.get(number), Recogniser.open(registry.folder(number))
        if suite == ROBUST:
            _evaluate_robustness(registry, version, recogniser, settings, split, quick, as_json)
            return
    if quick or pen_dir is not None:
        raise click.UsageError("--quick and --pen-dir need --suite robust")
    figures = _score(recogniser, settings, split)
    click.echo(json.dumps({"version": number, **figures}) if as_json else _as_text(version, figures))


def _score(recogniser: Recogniser, settings: Settings, split: str) -> dict[str, Any]:
    """Read the images one by one, as requests do; returns the metrics."""
    digits = load_split(settings.data_dirs(), split)
    started = time.perf_counter()
    readings = [recogniser.read(image) for image in digits.images]
    elapsed_s = time.perf_counter() - started
    # Counts the most likely digit even if the verdict is not_a_digit, as the model card does.
    found = measure_probabilities(np.array([r.probabilities for r in readings]), digits.labels)
    return {
        "split": split,
        **{name: getattr(found, name) for name in ("images", "correct", "accuracy", "nll", "ece")},
        "interval_95": found.interval,
        "ambiguous": sum(r.verdict is Verdict.AMBIGUOUS for r in readings),
        "refused": sum(r.prediction is None for r in readings),
        "ms_an_image": elapsed_s / found.images * 1000,
    }


def _as_text(version: ModelVersion, figures: dict[str, Any]) -> str:
    low, high = figures["interval_95"]
    return (
        f"version {version.version} ({version.name}), {figures['split']} images: "
        f"{figures['correct']} of {figures['images']} correct, "
        f"{figures['accuracy']:.2%} (95 % interval {low:.2%} to {high:.2%})\n"
        f"calibrated: negative log-likelihood {figures['nll']:.4f}, calibration error {figures['ece']:.2%}\n"
        f"{figures['ambiguous']} ambiguous, {figures['refused']} not a digit; "
        f"{figures['ms_an_image']:.3f} ms per image"
    )


def _evaluate_robustness(
    registry: Registry, version: ModelVersion, recogniser: Recogniser, settings: Settings, split: str, quick: bool,
    as_json: bool,
) -> None:  # fmt: skip
    """Print the robustness table, and save it if the suite ran completely."""
    data = load_data(settings, split)
    with tqdm(leave=False, disable=None, file=sys.stderr) as bar:

        def show(name: str, done: int, total: int) -> None:
            bar.total, bar.n = total, done
            bar.set_description(name)

        report = run_suite(recogniser, data, limit=QUICK_LIMIT if quick else None, progress=show)
    table = report.to_dict()
    click.echo(json.dumps(table, indent=1) if as_json else robustness_as_text(table))
    if not report.is_final:
        message = "not saved: only a full run on the test images is saved"
    elif registry.record_robustness(version, table):
        message = f"saved with version {version.version} ({version.name})"
        if registry.aliases.all().get(CHALLENGER) == version.version:
            # A version without a robustness table is not promoted after its training.
            decision = promotion.promote_unless_worse(registry, version.version, actor="evaluation")
            message += f"\n{decision.summary}\n{decision.details}"
    else:
        message = f"not saved: version {version.version} has the same table, or one with more rows"
    click.echo(message, err=True)
