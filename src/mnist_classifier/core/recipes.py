"""The recipes: named sets of training settings, such as `classic` and `best`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

Value: TypeAlias = "bool | int | float | str"


@dataclass(frozen=True)
class Recipe:
    """A named preset: its purpose, and its differences from `classic`."""

    summary: str
    values: Mapping[str, Value]


# Common to all recipes but `classic`: smoothed labels, a rate that rises and falls linearly, no early stopping.
_BRISK: dict[str, Value] = {
    "patience": 0,
    "schedule": "triangle",
    "beta2": 0.99,
    "label_smoothing": 0.1,
    "erasing_probability": 0.0,
}
# Common to the two recipes that learn from a teacher: no smoothed labels, an average over many steps.
_TAUGHT: dict[str, Value] = {
    **_BRISK,
    "learning_rate": 0.006,
    "label_smoothing": 0.0,
    "ema_decay": 0.998,
    "hidden_units": 128,
    "conv1_kernel": 3,
    "conv1_layers": 2,
    "conv2_layers": 2,
    "conv_dropout": 0.0,
    "hidden_dropout": 0.1,
    "teacher_weight": 0.9,
}
# The network in the box, and the digits that it learns from.
_BOX: dict[str, Value] = {
    "plain_epochs": 0,
    "conv2_channels": 48,
    "augmentation_probability": 0.5,
    "rotation_degrees": 17.0,
    "translation": 0.05,
    "scale_low": 0.85,
    "elastic_px": 1.2,
    "slant_degrees": 17.0,
    "aspect": 0.15,
    "style_probability": 0.35,
    "width_probability": 0.35,
    "spoil_probability": 0.3,
    "template_share": 0.1,
    "pen_share": 0.1,
}
_PLAIN: dict[str, Value] = {"rotation_degrees": 0.0, "translation": 0.0, "scale_low": 1.0, "scale_high": 1.0}

RECIPES: dict[str, Recipe] = {
    "classic": Recipe("the usual way to train, for comparison; reads 99.5 % of the test images right", {}),
    "lightning": Recipe(
        "the quickest; reads 99.2 % of the test images right",
        {
            **_BRISK,
            **_PLAIN,
            "epochs": 1,
            "plain_epochs": 1,
            "train_images": 38_400,
            "batch_size": 256,
            "optimizer": "muon",
            "learning_rate": 0.036,
            "weight_decay": 0.0,
            "warmup_fraction": 0.1,
            "beta2": 0.95,
            "muon_momentum": 0.6,
            "ema_decay": 0.0,
            "conv1_kernel": 3,
            "conv2_channels": 32,
            "hidden_units": 128,
            "conv_dropout": 0.0,
            "hidden_dropout": 0.0,
        },
    ),
    "fast": Recipe(
        "nearly as quick as lightning; reads 99.5 % of the test images right",
        {
            **_BRISK,
            "epochs": 2,
            "plain_epochs": 1,
            "train_images": 43_200,
            "batch_size": 192,
            "optimizer": "muon",
            "learning_rate": 0.01,
            "beta1": 0.85,
            "ema_decay": 0.99,
            "patch": 1,
            "conv1_channels": 16,
            "conv2_channels": 48,
            "hidden_units": 128,
            "conv_dropout": 0.0,
            "hidden_dropout": 0.0,
            "rotation_degrees": 8.0,
            "translation": 0.04,
            "scale_low": 0.92,
            "scale_high": 1.08,
        },
    ),
    "standard": Recipe(
        "a larger network that trains longer; reads 99.6 % of the test images right",
        {
            **_BRISK,
            "epochs": 9,
            "plain_epochs": 2,
            "learning_rate": 0.006,
            "ema_decay": 0.998,
            "patch": 1,
            "conv2_channels": 64,
            "conv2_kernel": 5,
            "conv_dropout": 0.05,
            "translation": 0.04,
            "elastic_px": 1.0,
        },
    ),
    "best": Recipe(
        "the most accurate: 99.7 % of the test images right, if it learns from a teacher",
        {
            **_TAUGHT,
            "epochs": 15,
            "passes": 4,
            "plain_epochs": 1,
            "conv2_channels": 64,
            "translation": 0.09,
            "scale_low": 0.85,
            "scale_high": 1.15,
            "elastic_px": 1.1,
            "slant_degrees": 6.0,
            "cutout_probability": 0.5,
        },
    ),
    "handwriting": Recipe(
        "trained as the model in the box; also reads other pens and rejects what is no digit",
        {
            **_TAUGHT,
            **_BOX,
            "epochs": 60,
            "passes": 2,
            "batch_size": 256,
            "outlier_share": 0.3,
        },
    ),
    "corrections": Recipe(
        "teaches the model in production the corrections that people gave, and repeats what it knows",
        {
            **_TAUGHT,
            **_BOX,
            "epochs": 3,
            "train_images": 10_000,
            "batch_size": 128,
            "learning_rate": 0.001,
            "warmup_fraction": 0.1,
            "ema_decay": 0.99,
            "outlier_share": 0.25,
            "corrections_share": 0.08,
        },
    ),
}
