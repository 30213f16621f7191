"""The settings of a training, with their defaults, bounds, units and explanations.

The fields of `TrainConfig` define the command line flags, the web form and the range checks.  A test compares them
with the table in docs/training.md.
"""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mnist_classifier.core.errors import InvalidConfig
from mnist_classifier.core.recipes import RECIPES, Recipe, Value

# Kernel sides.  An odd kernel keeps the size of the image.
ODD = (1, 3, 5, 7, 9)


def setting(
    default: Value,
    help: str,
    *,
    low: float | None = None,
    high: float | None = None,
    unit: str = "",
    choices: tuple[str, ...] = (),
    among: tuple[int, ...] = (),
    secret: bool = False,
) -> Any:
    """Declare a field with its default, help, inclusive bounds, unit and choices.

    among: the only numbers allowed within the bounds.  secret: the repr leaves the value out.
    """
    metadata = {"help": help, "low": low, "high": high, "unit": unit, "choices": choices, "among": among}
    return field(default=default, metadata=metadata, repr=not secret)


@dataclass(frozen=True)
class TrainConfig:
    """All settings of one training.  The defaults are the recipe `classic`.

    `from_mapping` starts from the named recipe; the constructor does not.
    Raises InvalidConfig, which names the setting, if a value is not allowed.
    """

    recipe: str = setting("classic", "preset that supplies all values that you do not set", choices=tuple(RECIPES))
    epochs: int = setting(
        15,
        "number of epochs; each shows every training image once, or more often if passes is above 1",
        low=1,
        high=1000,
    )
    patience: int = setting(
        5, "stop after this many epochs without a lower validation loss; 0 never stops early", low=0, high=1000
    )
    batch_size: int = setting(128, "images per step", low=1, high=8192, unit="images")
    optimizer: str = setting(
        "adamw",
        "optimizer; with muon, AdamW still trains the output layer and BatchNorm",
        choices=("adamw", "muon"),
    )
    learning_rate: float = setting(0.001, "peak learning rate", low=1e-7, high=1.0)
    weight_decay: float = setting(0.05, "decoupled weight decay", low=0.0, high=10.0)
    schedule: str = setting(
        "one_cycle",
        "learning rate schedule",
        choices=("one_cycle", "triangle", "cosine", "constant"),
    )
    warmup_fraction: float = setting(
        0.2, "fraction of the training in which one_cycle and triangle raise the learning rate", low=0.0, high=0.9
    )
    beta1: float = setting(0.9, "AdamW beta1: decay of the mean gradient", low=0.0, high=0.9999)
    beta2: float = setting(0.999, "AdamW beta2: decay of the mean squared gradient", low=0.0, high=0.99999)
    muon_momentum: float = setting(0.8, "Muon momentum", low=0.0, high=0.9999)
    label_smoothing: float = setting(0.0, "label smoothing of the cross entropy", low=0.0, high=0.5)
    ema_decay: float = setting(
        0.995, "decay per step of the weights' moving average (EMA); 0 turns it off", low=0.0, high=0.99999
    )
    patch: int = setting(
        2,
        "patch side: each patch of pixels becomes channels before the first block",
        low=1,
        high=4,
        unit="px",
        among=(1, 2, 4),  # divisors of the glyph's 28 px
    )
    conv1_channels: int = setting(32, "channels in the first convolutional block", low=1, high=512)
    conv2_channels: int = setting(128, "channels in the second convolutional block", low=1, high=512)
    conv1_kernel: int = setting(5, "kernel side in the first block; odd", low=1, high=9, unit="px", among=ODD)
    conv2_kernel: int = setting(3, "kernel side in the second block; odd", low=1, high=9, unit="px", among=ODD)
    conv1_layers: int = setting(1, "convolutions in the first block", low=1, high=4)
    conv2_layers: int = setting(1, "convolutions in the second block", low=1, high=4)
    hidden_units: int = setting(256, "width of the first fully connected layer", low=1, high=4096)
    conv_dropout: float = setting(0.1, "dropout after each convolutional block", low=0.0, high=0.9)
    hidden_dropout: float = setting(0.3, "dropout before the last layer", low=0.0, high=0.9)
    rotation_degrees: float = setting(
        10.0, "largest random rotation, in either direction", low=0.0, high=180.0, unit="degrees"
    )
    translation: float = setting(0.1, "largest random shift, as a fraction of the image side", low=0.0, high=0.5)
    scale_low: float = setting(0.9, "smallest random scale", low=0.2, high=1.0)
    scale_high: float = setting(1.1, "largest random scale", low=1.0, high=3.0)
    elastic_px: float = setting(
        0.0, "elastic distortion: standard deviation of a pixel's displacement", low=0.0, high=10.0, unit="px"
    )
    slant_degrees: float = setting(0.0, "largest random slant, in either direction", low=0.0, high=45.0, unit="degrees")
    aspect: float = setting(
        0.0,
        "largest random stretch: logarithm of the factor by which the width grows and the height shrinks",
        low=0.0,
        high=1.0,
    )
    style_probability: float = setting(
        0.0,
        "probability of a slash through a zero, a hook or foot on a one, or a bar through a seven",
        low=0.0,
        high=1.0,
    )
    width_probability: float = setting(
        0.0, "probability of another pen: thinner, thicker or sharper", low=0.0, high=1.0
    )
    spoil_probability: float = setting(0.0, "probability of blur, noise, fog or a stripe", low=0.0, high=1.0)
    augmentation_probability: float = setting(1.0, "probability that an image is augmented at all", low=0.0, high=1.0)
    template_share: float = setting(
        0.0, "fraction of training digits that are drawn from stroke templates", low=0.0, high=0.5
    )
    pen_share: float = setting(
        0.0, "fraction of training digits that are drawn from strokes that people wrote with a pen", low=0.0, high=0.5
    )
    erasing_probability: float = setting(0.1, "probability that a rectangle of the image is erased", low=0.0, high=1.0)
    cutout_px: int = setting(
        12, "largest side of the grey square that cutout puts on an image", low=1, high=28, unit="px"
    )
    cutout_probability: float = setting(
        0.0, "probability that an image gets a grey square; its centre may be anywhere in the image", low=0.0, high=1.0
    )
    outlier_share: float = setting(
        0.0,
        "fraction of training images that show no digit, as an eleventh class; 0 trains on digits only",
        low=0.0,
        high=0.5,
    )
    corrections_share: float = setting(
        0.0,
        "fraction of training images that are corrections; above 0, the training starts from the weights in production",
        low=0.0,
        high=0.5,
    )
    passes: int = setting(
        1,
        "times that an epoch trains on each image; it is augmented and shown to the teacher only once",
        low=1,
        high=100,
    )
    plain_epochs: int = setting(3, "number of final epochs without augmentation", low=0, high=1000)
    teacher: int = setting(
        0,
        "model version whose probabilities the network learns, often an ensemble; 0 for none",
        low=0,
        high=2**31 - 1,
    )
    teacher_weight: float = setting(0.7, "weight of the teacher in the loss", low=0.0, high=1.0)
    train_images: int = setting(
        0, "use only this many of the 55,000 training images; 0 uses all", low=0, high=55000, unit="images"
    )
    seed: int = setting(0, "random seed", low=0, high=2**31 - 1)
    device: str = setting("auto", "device to train on", choices=("auto", "cpu", "cuda", "mps"))
    precision: str = setting(
        "auto",
        "number format of the convolutions; auto uses bfloat16 if the hardware supports it",
        choices=("auto", "float32", "bfloat16"),
    )
    threads: int = setting(0, "CPU threads; 0 lets PyTorch choose", low=0, high=256)
    promote: str = setting(
        "if_better",
        "whether the new version may go into production: if_better promotes it if it passes the promotion check, "
        "never only saves it",
        choices=("if_better", "never"),
    )

    def __post_init__(self) -> None:
        for spec in dataclasses.fields(self):
            if spec.name != "recipe":  # it may be the name of a file; `from_mapping` checks it
                check_setting(spec, getattr(self, spec.name))

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any], recipes: Mapping[str, Recipe] = RECIPES) -> TrainConfig:
        """Build from plain values (JSON, a form, flags).  They name a recipe of `recipes`, by default `classic`.

        Raises InvalidConfig for an unknown setting or recipe, and for a value that is not allowed.
        """
        known = {spec.name: spec for spec in dataclasses.fields(cls)}
        for name in values:
            if name not in known:
                raise unknown_setting(name)
        recipe = values.get("recipe", "classic")
        if recipe not in tuple(recipes):
            raise InvalidConfig(f"recipe must be one of {', '.join(recipes)}, not {recipe!r:.60}", field="recipe")
        merged = {**recipes[recipe].values, **values}
        typed: dict[str, Any] = {name: _coerce(known[name], value) for name, value in merged.items()}
        return cls(**typed)

    @classmethod
    def from_record(cls, values: Mapping[str, Any]) -> TrainConfig:
        """Build from the recorded settings of a run or version.

        The recipe does not count, because it may have changed since, or may have been a file that is gone.  Settings
        that the record lacks get their defaults; networks had no patches before there was a setting for them.
        """
        return cls.from_mapping({"patch": 1, **values}, {str(values.get("recipe", "classic")): Recipe("", {})})

    def to_dict(self) -> dict[str, Value]:
        """The settings as plain values, in the order of the fields."""
        return dataclasses.asdict(self)


def unknown_setting(name: object) -> InvalidConfig:
    """The error for an unknown setting.  It suggests the most similar name."""
    known = [spec.name for spec in dataclasses.fields(TrainConfig)]
    alike = difflib.get_close_matches(str(name)[:60], known, n=1, cutoff=0.8)
    advice = f"did you mean {alike[0]}?" if alike else f"known are {', '.join(known)}"
    return InvalidConfig(f"unknown setting {name!r:.80}; {advice}", field=str(name))


def _coerce(spec: dataclasses.Field[Any], value: Any) -> Value:
    """Convert a JSON value to the type of the field if nothing is lost.  Raises InvalidConfig."""
    wanted = type(spec.default)
    if wanted is float and isinstance(value, int) and not isinstance(value, bool):
        check_setting(spec, value)  # an integer of 400 digits does not fit into a float
        return float(value)
    if wanted is int and isinstance(value, float) and value.is_integer():
        return int(value)
    if type(value) is not wanted:
        raise InvalidConfig(
            f"{spec.name} must be of type {wanted.__name__}, not {type(value).__name__}", field=spec.name
        )
    return wanted(value)  # type: ignore[no-any-return]


def check_setting(spec: dataclasses.Field[Any], value: Any) -> None:
    """Raise InvalidConfig if a value is not among the choices or within the bounds of its field."""
    low, high = spec.metadata["low"], spec.metadata["high"]
    if low is not None and not low <= value <= high:  # also refuses NaN
        raise InvalidConfig(f"{spec.name} must lie between {low:g} and {high:g}, not {value!r:.60}", field=spec.name)
    allowed = spec.metadata["choices"] or spec.metadata["among"]
    if allowed and value not in allowed:
        raise InvalidConfig(
            f"{spec.name} must be one of {', '.join(map(str, allowed))}, not {value!r:.60}", field=spec.name
        )
