"""How the page Training arranges the settings: five that everybody needs, then groups with plain labels."""

from __future__ import annotations

from typing import TypedDict

from mnist_classifier.web.wire.runs import Recipe, Setting, training_options

# Who trains for the first time wants to see the end.  The command line starts with `classic`.
CHOSEN_AT_FIRST = "lightning"
# The label of each setting.
FIRST = {
    "recipe": "Recipe",
    "epochs": "Epochs",
    "train_images": "Training images",
    "batch_size": "Batch size",
    "learning_rate": "Learning rate",
}
GROUPS: dict[str, dict[str, str]] = {
    "When to stop": {"patience": "Patience", "plain_epochs": "Last epochs without augmentation"},
    "Changes to the images": {
        "augmentation_probability": "Share of images that are changed",
        "rotation_degrees": "Rotation",
        "translation": "Shift",
        "scale_low": "Smallest scale",
        "scale_high": "Largest scale",
        "slant_degrees": "Slant",
        "aspect": "Stretch",
        "elastic_px": "Elastic distortion",
        "erasing_probability": "Erased rectangles",
        "cutout_probability": "Grey squares",
        "cutout_px": "Largest grey square",
    },
    "Other pens and other people": {
        "style_probability": "Other ways to write a digit",
        "width_probability": "Other pens",
        "spoil_probability": "Spoilt images",
        "template_share": "Digits from templates",
        "pen_share": "Digits that people wrote with a pen",
        "outlier_share": "Pictures of no digit",
        "corrections_share": "Corrections",
    },
    "The network": {
        "patch": "Patch side",
        "conv1_channels": "First block: channels",
        "conv1_kernel": "First block: kernel side",
        "conv1_layers": "First block: convolutions",
        "conv2_channels": "Second block: channels",
        "conv2_kernel": "Second block: kernel side",
        "conv2_layers": "Second block: convolutions",
        "hidden_units": "Connected layer: units",
    },
    "Against learning by heart": {
        "conv_dropout": "Dropout after a block",
        "hidden_dropout": "Dropout before the last layer",
        "weight_decay": "Weight decay",
        "label_smoothing": "Label smoothing",
    },
    "How the weights change": {
        "optimizer": "Optimizer",
        "schedule": "Schedule of the learning rate",
        "warmup_fraction": "Share of the training with a rising rate",
        "beta1": "AdamW beta1",
        "beta2": "AdamW beta2",
        "muon_momentum": "Muon momentum",
        "ema_decay": "Moving average of the weights",
        "passes": "Passes over an augmented image",
    },
    "After the training": {"promote": "Use of the new version"},
    "A teacher": {"teacher": "Version that teaches", "teacher_weight": "Weight of the teacher"},
    "This machine": {"seed": "Seed", "device": "Device", "precision": "Number format", "threads": "Threads"},
}


class Field(Setting):
    """A setting with its label and its bounds in words."""

    label: str
    bounds: str


class Group(TypedDict):
    """Settings under one title."""

    title: str
    fields: list[Field]


class TrainingForm(TypedDict):
    """The form: the settings that are always visible, the groups, and the recipes."""

    first: list[Field]
    groups: list[Group]
    recipes: list[Recipe]
    chosen: Recipe


def training_form() -> TrainingForm:
    """The settings in the order of the form."""
    options = training_options()
    settings = {setting["name"]: setting for setting in options["fields"]}

    def fields(labels: dict[str, str]) -> list[Field]:
        return [{**settings[name], "label": label, "bounds": bounds(settings[name])} for name, label in labels.items()]

    groups: list[Group] = [{"title": title, "fields": fields(labels)} for title, labels in GROUPS.items()]
    recipes = options["recipes"]
    chosen = next(recipe for recipe in recipes if recipe["name"] == CHOSEN_AT_FIRST)
    return {"first": fields(FIRST), "groups": groups, "recipes": recipes, "chosen": chosen}


def bounds(setting: Setting) -> str:
    """The range of a setting, such as `0.0000001 to 1`; empty if it has none."""
    low, high = setting["low"], setting["high"]
    return "" if low is None or high is None else f"{_plain(low)} to {_plain(high)}"


def _plain(number: float) -> str:
    """A number without exponent and without zeros at its end."""
    return f"{number:,.7f}".rstrip("0").rstrip(".")
