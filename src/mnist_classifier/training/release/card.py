"""The model card: the manifest and the report for people.  Needs no PyTorch."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mnist_classifier.data.splits import TEST, VALIDATION
from mnist_classifier.registry.manifest import CARD_FILE, REPORT_FILE, read_robustness, verify, write_manifest

# The splits of the table of metrics.
SPLITS = (VALIDATION, TEST)
# Most errors that a card lists.
WRONG_IMAGES = 100

TEMPLATE = """\
# {name}

This model reads one handwritten digit.

Input: a 28x28 glyph, white ink on black, centred as in MNIST. Output: ten probabilities.

| | |
|---|---|
| architecture | {architecture}, {parameters:,} parameters, {macs:,} multiply-accumulates per image |
| recipe | {recipe} |
| trained on | {train_images:,} of the 60,000 MNIST training images ({epochs} epochs, best: {best_epoch}) |
| command | `{command}` |
{teachers}{corrections}| created | {created_at} |
| hardware | {device}, {precision} |
| libraries | {libraries} |

## Metrics

| split | images | correct | accuracy (95 % interval) | NLL | ECE | uncalibrated NLL | uncalibrated ECE |
|---|---|---|---|---|---|---|---|
{rows}

The validation split is 5,000 of the training images. It alone decided early stopping, the best epoch, the temperature
({temperature:.4f}) and the threshold below which a reading is `ambiguous` ({ambiguous:.4f}). The test images were
scored once, at the end.

Without the {left_out} test images with a disputed label ({disputed_source}):
{undisputed}. Published results count all 10,000 images. Compare those with the table above.

## Robustness

{robustness}

## Test metrics by digit

| digit | images | precision | recall | F1 |
|---|---:|---:|---:|---:|
{digits}

## Confusion matrix of the test images

Rows are labels, columns are predictions.

{confusion}

## Errors on the test images

{wrong}

## Limitations

The model was not trained on other alphabets or printed digits. It can report a digit where there is none; the
robustness suite measures how often. Have a person check every decision that matters.
"""


# Of the numbers on pages, the card has all kinds together; docs/evaluation.md has each.
PAGE_ROWS = ("pages.all", "pages.worst")


def renew_card(folder: Path) -> dict[str, Any]:
    """Write the card of the model in the box again, with its robustness table; returns the manifest.

    Raises ModelMissing, ModelCorrupt.
    """
    manifest = verify(folder)
    report = json.loads((folder / REPORT_FILE).read_text("utf-8"))
    (folder / CARD_FILE).write_text(render_card(manifest, report, read_robustness(folder, manifest)), "utf-8")
    return write_manifest(folder, manifest)


def render_card(
    manifest: Mapping[str, Any], report: Mapping[str, Any], robustness: Mapping[str, Any] | None = None
) -> str:
    """The text of MODEL_CARD.md for a manifest, its report and its robustness table."""
    architecture, training = manifest["architecture"], manifest["training"]
    test, undisputed = report["test"], report["test"]["without_disputed_labels"]
    return TEMPLATE.format(
        name=manifest["name"],
        architecture=architecture["class"],
        parameters=architecture["parameters"],
        macs=architecture["multiply_accumulates"],
        recipe=manifest["config"]["recipe"],
        train_images=training["images"],
        epochs=training["epochs"],
        best_epoch=training["best_epoch"],
        command=command_line(manifest["config"], manifest["defaults"], members=len(training.get("members", ()))),
        teachers=_teachers(training),
        corrections=_corrections(training.get("corrections"), manifest["metrics"].get("corrections")),
        created_at=manifest["created_at"],
        device=training["device"],
        precision=training["precision"],
        libraries=", ".join(f"{name} {version}" for name, version in manifest["libraries"].items()),
        rows="\n".join(_row(split, figures) for split, figures in manifest["metrics"].items() if split in SPLITS),
        left_out=test["images"] - undisputed["images"],
        undisputed=f"{undisputed['correct']:,} of {undisputed['images']:,} correct, {_share(undisputed, 'accuracy')}",
        disputed_source=report["disputed_labels"]["source"],
        robustness=_robustness(robustness),
        digits="\n".join(map(_digit, test["per_class"])),
        temperature=manifest["temperature"],
        ambiguous=manifest["thresholds"]["ambiguous_below"],
        confusion=_confusion(manifest["metrics"]["test"]["confusion"]),
        wrong=_wrong(test["wrong"]),
    )


def command_line(config: Mapping[str, Any], defaults: Mapping[str, Any], *, members: int = 0) -> str:
    """The command that trains with these settings; members: size of an ensemble, 0 for a single network."""
    flags = [f"--ensemble {members}"] if members else []
    flags += [f"--{name.replace('_', '-')} {value}" for name, value in config.items() if value != defaults[name]]
    return " ".join(["python train_model.py", *flags])


def _teachers(training: Mapping[str, Any]) -> str:
    """A row of the table for the teacher, and one for each teacher of a teacher."""
    row = "| taught by | {}, {:,} multiply-accumulates per image: `{}` |\n"
    return "".join(
        row.format(teacher["name"], teacher["architecture"]["multiply_accumulates"], teacher["command"])
        for teacher in training.get("teachers", ())
    )


def _corrections(training: Mapping[str, Any] | None, figures: Mapping[str, Any] | None) -> str:
    """A row of the table for the corrections that the version has seen."""
    if training is None or figures is None:
        return ""
    started = "the model in the box" if training["base"] == 0 else f"version {training['base']}"
    row = f"| corrections | {training['count']:,} learned, starting from {started}; {training['held_out']:,} held out"
    if "before" not in figures:
        return f"{row} |\n"
    before = figures["before"]
    return (
        f"{row}: {figures['correct']:,} read right, {_share(figures, 'accuracy')}; "
        f"{before['correct']:,} before, {_share(before, 'accuracy')} |\n"
    )


def _row(split: str, figures: Mapping[str, Any]) -> str:
    raw = figures["uncalibrated"]
    return (
        f"| {split} | {figures['images']:,} | {figures['correct']:,} | {_share(figures, 'accuracy')} "
        f"| {figures['nll']:.4f} | {figures['ece']:.2%} | {raw['nll']:.4f} | {raw['ece']:.2%} |"
    )


def _share(figures: Mapping[str, Any], name: str) -> str:
    """A share with its 95 % interval."""
    low, high = figures["interval_95"]
    return f"{figures[name]:.2%} ({low:.2%} to {high:.2%})"


def _robustness(table: Mapping[str, Any] | None) -> str:
    if table is None:
        return "Not measured when this card was written. Run `mnist evaluate --suite robust` to write robustness.json."
    head = (
        f"Measured at {table['measured_at']}; {table['summary']['goals_reached']} of {table['summary']['goals']} goals "
        "reached. docs/evaluation.md explains each row.\n\n"
        "| measure | pictures | measured (95 % interval) | goal | reached |\n|---|---:|---|---|---|"
    )
    left_out = [f"\nLeft out: {name} ({reason})." for name, reason in table["left_out"].items()]
    rows = [row for row in table["rows"] if not row["id"].startswith("pages.") or row["id"].startswith(PAGE_ROWS)]
    return "\n".join([head, *map(_robustness_row, rows), *left_out])


def _robustness_row(row: Mapping[str, Any]) -> str:
    reached = {True: "yes", False: "no", None: ""}[row["reached"]]
    return f"| {row['title']} | {row['n']:,} | {_share(row, 'measured')} | {row['goal'] or ''} | {reached} |"


def _digit(figures: Mapping[str, Any]) -> str:
    shares = ("-" if figures[name] is None else f"{figures[name]:.2%}" for name in ("precision", "recall", "f1"))
    return f"| {figures['digit']} | {figures['images']:,} | {' | '.join(shares)} |"


def _confusion(counts: list[list[int]]) -> str:
    head = "| | " + " | ".join(map(str, range(10))) + " |\n|---" + "|---:" * 10 + "|"
    rows = [f"| **{digit}** | " + " | ".join(map(str, row)) + " |" for digit, row in enumerate(counts)]
    return "\n".join([head, *rows])


def _wrong(images: list[dict[str, Any]]) -> str:
    """The errors as a table, most confident first."""
    if not images:
        return "None."
    shown = sorted(images, key=lambda image: -image["confidence"])[:WRONG_IMAGES]
    disputed = sum(image["disputed"] for image in images)
    left_out = len(shown) < len(images)
    more = f"; the {len(shown)} most confident (report.json has all)" if left_out else ", most confident first"
    head = (
        f"{len(images):,}{more}. Image numbers start at 0. * marks a disputed label ({disputed} images).\n\n"
        "| image | label | prediction | confidence | second | its confidence |\n|---:|---|---|---:|---|---:|\n"
    )
    return head + "\n".join(
        f"| {image['index']}{'*' * image['disputed']} | {image['label']} | {image['prediction']} "
        f"| {image['confidence']:.2%} | {image['second']} | {image['second_confidence']:.2%} |"
        for image in shown
    )
