"""Write the folder of a trained line reader: model.onnx, weights.safetensors, MODEL_CARD.md and manifest.json."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from safetensors.torch import load_file, save_file

from mnist_classifier.core.onnx_runtime import RUNTIME_VERSION
from mnist_classifier.core.version import __version__
from mnist_classifier.recognition.numbers.line_reader import CLASSES
from mnist_classifier.registry.line_manifest import LINE_PREPROCESSING_ID
from mnist_classifier.registry.manifest import CARD_FILE, ONNX_FILE, WEIGHTS_FILE, write_manifest
from mnist_classifier.training.line_reader.batches import Batch
from mnist_classifier.training.line_reader.export import check_parity, to_bytes
from mnist_classifier.training.line_reader.loop import LineConfig
from mnist_classifier.training.line_reader.network import LineNetwork
from mnist_classifier.training.line_reader.scores import Scores

NAME = "line reader"
CARD = """\
# {name}

This model reads a line of handwritten digits and marks without cutting it into digits first.

Input: a line of 40 px, white ink on black, its digits 20 px high and in the middle. Output: for each frame of 2 px, the
log probabilities of a blank and of the {count} classes `{classes}`. `?` stands for any other character.

| | |
|---|---|
| architecture | {architecture}, {parameters:,} parameters, trained with the CTC loss |
| trained on | {lines:,} generated lines, none of them twice |
| command | `{command}` |
| created | {created_at} |
| libraries | {libraries} |

## Lines read exactly

| validation lines | lines | exact |
|---|---:|---:|
{rows}

The lines are hard on purpose. Of the lines of digits, {touching:.0%} have digits that touch, overlap or are
joined. Many lines are blurred, slanted, badly scaled or crossed by an erased rule. They show the strokes of 20 % of
the writers, none of whom wrote for the training. A line is read as the most probable label of each frame.

## Data

- MNIST's training images, without the 5,000 of the validation split.
- Stroke templates and marks drawn by rule: our own work.
- Pen strokes of 60 % of the writers of a part of UNIPEN train_r01_v07, The International Unipen Foundation (Guyon,
  Schomaker, Plamondon, Liberman and Janet 1994), CC BY 4.0, doi 10.5281/zenodo.1195803. The strokes were re-scaled and
  thinned out.

## Limitations

The model knows no letters and no printed digits. A line without digits can look like one. Have a person check every
reading that matters.
"""


def write_reader(folder: Path, network: LineNetwork, config: LineConfig, scores: Scores, lines: Batch) -> None:
    """Write all files of a line reader; `lines` are those that PyTorch and ONNX Runtime are compared on.

    Raises ModelCorrupt if they differ, before anything is written.
    """
    manifest = describe(network, config, scores, check_parity(network, lines))
    folder.mkdir(parents=True, exist_ok=True)
    (folder / ONNX_FILE).write_bytes(to_bytes(network))
    save_file({name: value.contiguous() for name, value in network.state_dict().items()}, folder / WEIGHTS_FILE)
    (folder / CARD_FILE).write_text(render_card(manifest), "utf-8")
    write_manifest(folder, manifest, LINE_PREPROCESSING_ID)


def load_network(folder: Path) -> LineNetwork:
    """The network of a line reader, in evaluation mode."""
    network = LineNetwork()
    network.load_state_dict(load_file(folder / WEIGHTS_FILE))
    return network.eval()


def describe(network: LineNetwork, config: LineConfig, scores: Scores, parity: float) -> dict[str, Any]:
    """The manifest, without what follows from the files."""
    parameters = sum(each.numel() for each in network.parameters())
    return {
        "name": NAME,
        "created_at": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "classes": CLASSES,
        "architecture": {"class": type(network).__name__, "parameters": parameters},
        "onnx_parity": parity,
        "config": asdict(config),
        "validation": {
            name: {"lines": share.lines, "exact": share.exact, "share": share.value}
            for name, share in scores.by_name().items()
        },
        "libraries": {
            "mnist-classifier": __version__,
            "torch": str(torch.__version__),
            "onnx": onnx.__version__,
            "onnxruntime": RUNTIME_VERSION,
            "numpy": np.__version__,
            "python": platform.python_version(),
        },
    }


def render_card(manifest: Mapping[str, Any]) -> str:
    """The text of MODEL_CARD.md."""
    validation, config = manifest["validation"], manifest["config"]
    titles = {"all": "all", "digits_only": "of digits alone", "touching": "of digits alone that touch"}
    return CARD.format(
        name=manifest["name"],
        count=len(manifest["classes"]),
        classes=manifest["classes"],
        architecture=manifest["architecture"]["class"],
        parameters=manifest["architecture"]["parameters"],
        lines=config["lines"],
        command=_command(config),
        created_at=manifest["created_at"],
        libraries=", ".join(f"{name} {version}" for name, version in manifest["libraries"].items()),
        rows="\n".join(
            f"| {title} | {validation[name]['lines']:,} | {validation[name]['share']:.2%} |"
            for name, title in titles.items()
        ),
        touching=validation["touching"]["lines"] / max(validation["digits_only"]["lines"], 1),
    )


def _command(config: Mapping[str, Any]) -> str:
    defaults = asdict(LineConfig())
    flags = [
        f"--{name.replace('_', '-')}" + ("" if value is True else f" {value}")
        for name, value in config.items()
        if value != defaults[name]
    ]
    return " ".join(["python -m mnist_classifier.training.line_reader", *flags, "OUT"])
