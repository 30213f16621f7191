"""The model card: a manifest, told to a person."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

TEMPLATE = """\
# {name}

Reads one handwritten digit: a 28x28 glyph (white ink on black, as MNIST is centred) -> ten probabilities.

| | |
|---|---|
| architecture | {architecture}, {parameters:,} parameters, {macs:,} multiply-accumulates an image |
| recipe | {recipe} |
| trained on | {train_images:,} of the 60,000 MNIST training images ({epochs} epochs, best was {best_epoch}) |
| made with | `{command}` |
| made at | {created_at} |
| on | {device}, {precision} |
| libraries | {libraries} |

## Figures

| split | images | right | accuracy (95 % interval) | NLL | ECE |
|---|---|---|---|---|---|
{rows}

The validation split is 5,000 of the training images; early stopping, the choice of the epoch, the temperature
({temperature:.4f}) and the threshold below which a reading is `ambiguous` ({ambiguous:.4f}) saw only that. The test
images were scored once, after all of it.

## Confusion on the test images

Rows are the true digits, columns the predictions.

{confusion}

## What it is not for

It knows MNIST's handwriting: other alphabets, printed digits and several digits at once are outside its training,
and it will often name a digit where there is none. Do not let it decide anything that matters without a person.
"""


def render_card(manifest: Mapping[str, Any]) -> str:
    """Write MODEL_CARD.md for a manifest."""
    architecture, training = manifest["architecture"], manifest["training"]
    return TEMPLATE.format(
        name=manifest["name"],
        architecture=architecture["class"],
        parameters=architecture["parameters"],
        macs=architecture["multiply_accumulates"],
        recipe=manifest["config"]["recipe"],
        train_images=training["images"],
        epochs=training["epochs"],
        best_epoch=training["best_epoch"],
        command=command_line(manifest["config"], manifest["defaults"]),
        created_at=manifest["created_at"],
        device=training["device"],
        precision=training["precision"],
        libraries=", ".join(f"{name} {version}" for name, version in manifest["libraries"].items()),
        rows="\n".join(_row(split, figures) for split, figures in manifest["metrics"].items()),
        temperature=manifest["temperature"],
        ambiguous=manifest["thresholds"]["ambiguous_below"],
        confusion=_confusion(manifest["metrics"]["test"]["confusion"]),
    )


def command_line(config: Mapping[str, Any], defaults: Mapping[str, Any]) -> str:
    """The command that trains with this config."""
    flags = [f"--{name.replace('_', '-')} {value}" for name, value in config.items() if value != defaults[name]]
    return " ".join(["python train_model.py", *flags])


def _row(split: str, figures: Mapping[str, Any]) -> str:
    low, high = figures["interval_95"]
    return (
        f"| {split} | {figures['images']:,} | {figures['correct']:,} "
        f"| {figures['accuracy']:.2%} ({low:.2%} to {high:.2%}) | {figures['nll']:.4f} | {figures['ece']:.2%} |"
    )


def _confusion(counts: list[list[int]]) -> str:
    head = "| | " + " | ".join(map(str, range(10))) + " |\n|---" + "|---:" * 10 + "|"
    rows = [f"| **{digit}** | " + " | ".join(map(str, row)) + " |" for digit, row in enumerate(counts)]
    return "\n".join([head, *rows])
