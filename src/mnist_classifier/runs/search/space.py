"""The settings that a search varies, and between which values."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from mnist_classifier.core.errors import InvalidConfig
from mnist_classifier.core.recipes import Value
from mnist_classifier.core.train_config import TrainConfig, unknown_setting

FIELDS = {spec.name: spec for spec in dataclasses.fields(TrainConfig)}
# These do not change what a network learns, or a search sets them itself.
FIXED = ("recipe", "seed", "device", "precision", "threads")
NOT_VARIED = (*FIXED, "corrections_share")
# These change the validation images, so the losses could not be compared.
INCOMPARABLE = ("outlier_share",)
# A range is searched on a logarithmic scale if its ends differ by this factor.
LOGARITHMIC_FACTOR = 8.0
FORMS = "NAME=LOW..HIGH or NAME=a,b,c"
# Default ranges: the recipe's value times these factors.
FACTORS = {
    "learning_rate": (1 / 3, 3.0),
    "weight_decay": (1 / 4, 4.0),
    "rotation_degrees": (0.5, 1.5),
    "translation": (0.5, 1.5),
    "elastic_px": (0.5, 1.5),
    "slant_degrees": (0.5, 1.5),
    "aspect": (0.5, 1.5),
    "style_probability": (0.5, 1.5),
    "width_probability": (0.5, 1.5),
    "spoil_probability": (0.5, 1.5),
    "erasing_probability": (0.5, 1.5),
    "cutout_probability": (0.5, 1.5),
}
# Default ranges from nothing to twice the recipe's value, and at least to this.
FROM_NOTHING = {"label_smoothing": 0.1, "conv_dropout": 0.1, "hidden_dropout": 0.1}
# The momentum lies this much around the recipe's.
MOMENTUM_MARGIN, MOST_MOMENTUM = 0.2, 0.95
BETA2 = (0.95, 0.98, 0.99, 0.995, 0.999)
EMA_DECAYS = (0.98, 0.99, 0.995, 0.998, 0.999)


@dataclass(frozen=True)
class Axis:
    """One setting that varies: among `options`, or if there are none, from `low` to `high` inclusive."""

    name: str
    low: float = 0.0
    high: float = 0.0
    options: tuple[Value, ...] = ()

    @property
    def is_whole(self) -> bool:
        """Whether the setting is a whole number."""
        return isinstance(FIELDS[self.name].default, int)

    @property
    def is_logarithmic(self) -> bool:
        """Whether the range is searched on a logarithmic scale."""
        return self.low > 0 and self.high / self.low >= LOGARITHMIC_FACTOR

    def __str__(self) -> str:
        if self.options:
            return f"{self.name}={','.join(map(str, self.options))}"
        return f"{self.name}={self.low:g}..{self.high:g}"


def default_space(config: TrainConfig, fixed: Sequence[str] = ()) -> list[Axis]:
    """The settings to vary around a recipe, without those that the user has `fixed`.

    Epochs and the size of the network stay, so that a trial costs what the recipe costs.  Settings that the recipe
    does not use stay too: augmentation that is off, or moments of the other optimizer.
    """
    ranges = {name: _around(config, name, factors) for name, factors in FACTORS.items()}
    ranges |= {name: (0.0, _at_most_twice(config, name, least)) for name, least in FROM_NOTHING.items()}
    low, high = config.muon_momentum - MOMENTUM_MARGIN, config.muon_momentum + MOMENTUM_MARGIN
    ranges["muon_momentum"] = max(0.0, round(low, 3)), min(MOST_MOMENTUM, round(high, 3))
    axes = [Axis(name, *ends) for name, ends in ranges.items() if ends[1] > ends[0] and _is_used(config, name)]
    axes.append(_one_of(config, "beta2", BETA2))
    if config.ema_decay:
        axes.append(_one_of(config, "ema_decay", EMA_DECAYS))
    half, double = max(1, config.batch_size // 2), min(8192, config.batch_size * 2)
    axes.append(_one_of(config, "batch_size", (half, double)))
    return [axis for axis in axes if axis.name not in fixed]


def _is_used(config: TrainConfig, name: str) -> bool:
    if name == "muon_momentum":
        return config.optimizer == "muon"
    is_optimisation = name in ("learning_rate", "weight_decay", *FROM_NOTHING)
    return is_optimisation or config.plain_epochs < config.epochs


def _around(config: TrainConfig, name: str, factors: tuple[float, float]) -> tuple[float, float]:
    bounds, value = FIELDS[name].metadata, getattr(config, name)
    low, high = (float(f"{value * factor:.3g}") for factor in factors)
    return max(bounds["low"], low), min(bounds["high"], high)


def _at_most_twice(config: TrainConfig, name: str, least: float) -> float:
    return float(min(FIELDS[name].metadata["high"], max(least, 2 * getattr(config, name))))


def _one_of(config: TrainConfig, name: str, options: tuple[Value, ...]) -> Axis:
    return Axis(name, options=tuple(sorted({*options, getattr(config, name)})))


def parse_axis(text: str) -> Axis:
    """Read NAME=LOW..HIGH or NAME=a,b,c.  Raises InvalidConfig, which names the setting."""
    name, equals, values = text.partition("=")
    name = name.strip().replace("-", "_")
    if not equals:
        raise InvalidConfig(f"--vary takes {FORMS}, not {text!r:.80}")
    if name not in FIELDS:
        raise unknown_setting(name)
    if name in NOT_VARIED:
        raise InvalidConfig(f"{name} cannot vary in a search; leave it out of --vary", field=name)
    if name in INCOMPARABLE:
        raise InvalidConfig(
            f"{name} cannot vary, because it changes the validation images; set it for the whole search", field=name
        )
    low, dots, high = values.partition("..")
    parts = [low, high] if dots else values.split(",")
    found = [_value(name, part.strip()) for part in parts]
    for value in found:
        TrainConfig.from_mapping({name: value})  # raises if it is out of range
    if not dots:
        return Axis(name, options=tuple(dict.fromkeys(found)))
    facts = FIELDS[name].metadata
    if facts["choices"] or facts["among"]:
        raise InvalidConfig(f"{name} has no range; list its values, as in {name}=a,b,c", field=name)
    if not found[0] < found[1]:  # type: ignore[operator] # numbers of one type
        raise InvalidConfig(f"the range of {name} must begin with its lower end, not {values!r:.60}", field=name)
    return Axis(name, float(found[0]), float(found[1]))


def _value(name: str, text: str) -> Value:
    kind: Any = type(FIELDS[name].default)
    try:
        return cast(Value, kind(text))
    except ValueError:
        raise InvalidConfig(f"{text!r:.60} is not a value of {name}; --vary takes {FORMS}", field=name) from None


def starting_point(axes: Sequence[Axis], config: TrainConfig) -> dict[str, Any]:
    """The recipe's own values of the settings that vary."""
    return {axis.name: getattr(config, axis.name) for axis in axes}


def configurations(axes: Sequence[Axis]) -> Iterator[dict[str, Any]]:
    """All configurations of a space, if their number is finite."""
    choices = [axis.options or range(int(axis.low), int(axis.high) + 1) for axis in axes]
    if all(axis.options or axis.is_whole for axis in axes):
        for values in itertools.product(*choices):
            yield {axis.name: value for axis, value in zip(axes, values, strict=True)}


def is_within(axes: Sequence[Axis], values: Mapping[str, Any]) -> bool:
    """Whether a search could have proposed these values."""
    return all(
        values[axis.name] in axis.options if axis.options else axis.low <= values[axis.name] <= axis.high
        for axis in axes
    )
