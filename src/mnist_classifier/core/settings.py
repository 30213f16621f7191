"""Settings: every default, bound, unit and explanation, once.

`TrainConfig` is what a training may be told; its fields make the command
line flags, the web form, the range checks and the table in docs/training.md.
`Settings` is what the installation may be told; the environment is read here
and nowhere else.
"""

from __future__ import annotations

import dataclasses
import ipaddress
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import platformdirs

from mnist_classifier.core.errors import InvalidConfig
from mnist_classifier.core.recipes import RECIPES, Value

if TYPE_CHECKING:
    import sqlalchemy as sa

# With an odd kernel the image keeps its size.
ODD = (1, 3, 5, 7, 9)

APP_NAME = "mnist-classifier"
# Other tools that can follow a training.
TRACKERS = ("tensorboard", "mlflow")
LOG_FORMATS = ("console", "json")
LOG_LEVELS = ("debug", "info", "warning", "error")
PACKAGE_DIR = Path(__file__).resolve().parent.parent
PRETRAINED_DIR = PACKAGE_DIR / "pretrained"

# 16 random letters and digits are 95 bits: nobody guesses them.
SHORTEST_TOKEN = 16
# Source: RFC 6750, section 2.1 (b64token).
_TOKEN = re.compile(rf"[A-Za-z0-9._~+/=-]{{{SHORTEST_TOKEN},}}")

# A site as a browser writes it: no path, no user, a name in small letters.  Source: RFC 6454, section 6.
_ORIGIN = re.compile(r"https?://(?:[a-z0-9_-]+(?:\.[a-z0-9_-]+)*|\[[0-9a-f:.]+\])(?::\d{1,5})?")
ANY_ORIGIN = "*"
# No part may be made of dots alone.
_ROOT_PATH = re.compile(r"(?:/(?!\.+(?:/|$))[A-Za-z0-9._~-]+)+")


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
    """Declare a field: default, help, inclusive bounds, unit, choices.

    among: the only numbers that are allowed within the bounds.  secret: the repr leaves it out.
    """
    metadata = {"help": help, "low": low, "high": high, "unit": unit, "choices": choices, "among": among}
    return field(default=default, metadata=metadata, repr=not secret)


@dataclass(frozen=True)
class TrainConfig:
    """One training, fully described.  The defaults are the recipe `classic`.

    `from_mapping` starts from the recipe that is named; the constructor does not.

    Raises InvalidConfig, naming the field, when a value is out of its range.
    """

    recipe: str = setting("classic", "preset that supplies all values that you do not set", choices=tuple(RECIPES))
    epochs: int = setting(15, "passes over the training images", low=1, high=1000)
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
        1,
        "patch side: each patch of pixels becomes channels before the first block",
        low=1,
        high=4,
        unit="px",
        among=(1, 2, 4),  # divisors of the glyph's 28 px
    )
    conv1_channels: int = setting(32, "channels in the first convolutional block", low=1, high=512)
    conv2_channels: int = setting(64, "channels in the second convolutional block", low=1, high=512)
    conv1_kernel: int = setting(5, "kernel side in the first block; odd", low=1, high=9, unit="px", among=ODD)
    conv2_kernel: int = setting(5, "kernel side in the second block; odd", low=1, high=9, unit="px", among=ODD)
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
    aspect: float = setting(0.0, "largest random stretch, as the logarithm of the aspect ratio", low=0.0, high=1.0)
    style_probability: float = setting(
        0.0, "probability of a slashed zero, a one with hook or foot, or a crossed seven", low=0.0, high=1.0
    )
    width_probability: float = setting(
        0.0, "probability of another pen: thinner, thicker or sharper", low=0.0, high=1.0
    )
    spoil_probability: float = setting(0.0, "probability of blur, noise, fog or a stripe", low=0.0, high=1.0)
    augmentation_probability: float = setting(1.0, "probability that an image is augmented at all", low=0.0, high=1.0)
    template_share: float = setting(
        0.0, "fraction of training digits that are drawn from stroke templates", low=0.0, high=0.5
    )
    erasing_probability: float = setting(0.1, "probability that a rectangle of the image is erased", low=0.0, high=1.0)
    outlier_share: float = setting(
        0.0,
        "fraction of training images that show no digit, as an eleventh class; 0 trains on digits only",
        low=0.0,
        high=0.5,
    )
    plain_epochs: int = setting(3, "number of last epochs without augmentation", low=0, high=1000)
    teacher: int = setting(
        0,
        "model version, such as an ensemble, to distil from; 0 for none",
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

    def __post_init__(self) -> None:
        for spec in dataclasses.fields(self):
            _check(spec, getattr(self, spec.name))

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> TrainConfig:
        """Build from plain values (JSON, a form, flags), on top of their recipe's.

        Unknown names are an error.
        """
        known = {spec.name: spec for spec in dataclasses.fields(cls)}
        for name in values:
            if name not in known:
                raise InvalidConfig(f"unknown setting {name!r}; known are {', '.join(known)}", field=str(name))
        recipe = values.get("recipe", "classic")
        preset = RECIPES[recipe].values if recipe in tuple(RECIPES) else {}  # an unknown one is refused below
        merged = {**preset, **values}
        typed: dict[str, Any] = {name: _coerce(known[name], value) for name, value in merged.items()}
        return cls(**typed)

    def to_dict(self) -> dict[str, Value]:
        """Plain values, in the order of the fields."""
        return dataclasses.asdict(self)


def _coerce(spec: dataclasses.Field[Any], value: Any) -> Value:
    """Turn a JSON value into the field's type where nothing is lost; say so where it would be."""
    wanted = type(spec.default)
    if wanted is float and isinstance(value, int) and not isinstance(value, bool):
        _check(spec, value)  # a number of 400 digits has no float
        return float(value)
    if wanted is int and isinstance(value, float) and value.is_integer():
        return int(value)
    if type(value) is not wanted:
        raise InvalidConfig(
            f"{spec.name} must be of type {wanted.__name__}, not {type(value).__name__}", field=spec.name
        )
    return wanted(value)  # type: ignore[no-any-return]


def _check(spec: dataclasses.Field[Any], value: Any) -> None:
    low, high, choices, among = (spec.metadata[name] for name in ("low", "high", "choices", "among"))
    if choices and value not in choices:
        raise InvalidConfig(f"{spec.name} must be one of {', '.join(choices)}, not {value!r:.60}", field=spec.name)
    if low is None:
        return
    if not low <= value <= high:  # which NaN does not
        raise InvalidConfig(f"{spec.name} must lie between {low:g} and {high:g}, not {value!r:.60}", field=spec.name)
    if among and value not in among:
        raise InvalidConfig(
            f"{spec.name} must be one of {', '.join(map(str, among))}, not {value!r:.60}", field=spec.name
        )


@dataclass(frozen=True)
class Settings:
    """Where this installation keeps its things and how it serves.

    `from_environment` applies MNIST_HOME, MNIST_HOST and so on: the name of
    the field in capitals after MNIST_.
    """

    home: Path
    data_dir: Path | None = None
    pen_dir: Path | None = None
    host: str = setting("127.0.0.1", "address to listen on")
    port: int = setting(5000, "port to listen on; if 5000 is taken, the next free one", low=1, high=65535)
    workers: int = setting(1, "server processes", low=1, high=256)
    server_threads: int = setting(16, "requests that a process serves in parallel", low=1, high=256)
    max_body_bytes: int = setting(10_000_000, "largest request body", low=1000, high=1_000_000_000, unit="bytes")
    body_timeout_s: int = setting(
        20, "time limit for a request body; large bodies get longer, at 50 kB per second", low=1, high=3600, unit="s"
    )
    max_image_pixels: int = setting(
        40_000_000, "largest image once unpacked", low=784, high=1_000_000_000, unit="pixels"
    )
    database_url: str = setting("", "SQLAlchemy URL of the database; empty means mnist.db in MNIST_HOME")
    max_runs: int = setting(1, "trainings that run in parallel; others wait", low=1, high=64)
    max_streams: int = setting(8, "parallel live event streams; each uses a thread", low=0, high=1000)
    log_format: str = setting("console", "log as text lines or as JSON objects", choices=LOG_FORMATS)
    log_level: str = setting("info", "lowest level to log", choices=LOG_LEVELS)
    access_log: str = setting("off", "log every request", choices=("off", "on"))
    log_to: str = setting("", "experiment tracker to log trainings to", choices=("", *TRACKERS))
    token: str = setting("", "token that requests need to change anything; empty: no token", secret=True)
    insecure: int = setting(0, "1: let other computers connect without a token", low=0, high=1)
    rate_limit: int = setting(
        -1,
        "requests per second and address, with bursts of four times as many; 0: no limit; -1: 200, none on loopback",
        low=-1,
        high=1_000_000,
    )
    allowed_hosts: str = setting("", "other host names of this server, separated by commas")
    cors_origins: str = setting(
        "", "sites whose pages may request readings, separated by commas, such as https://app.example; *: any site"
    )
    root_path: str = setting("", "URL path under which a proxy serves the application, such as /digits")

    def __post_init__(self) -> None:
        for spec in dataclasses.fields(self):
            if spec.metadata:
                _check(spec, getattr(self, spec.name))
        if self.token and not _TOKEN.fullmatch(self.token):
            raise InvalidConfig(
                f"the token must have at least {SHORTEST_TOKEN} letters, digits or -._~+/=; "
                "make one with: python -c 'import secrets; print(secrets.token_urlsafe())'",
                field="token",
            )
        for origin in self.allowed_origins - {ANY_ORIGIN}:
            _check_origin(origin)
        object.__setattr__(self, "root_path", self.root_path.rstrip("/"))
        if self.root_path and not _ROOT_PATH.fullmatch(self.root_path):
            raise InvalidConfig(
                f"MNIST_ROOT_PATH must be a path such as /digits, with only letters, digits and -._~, "
                f"not {self.root_path[:80]!r}",
                field="root_path",
            )

    @property
    def allowed_origins(self) -> frozenset[str]:
        """The origins of `cors_origins`."""
        return frozenset(origin.strip() for origin in self.cors_origins.split(",")) - {""}

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] | None = None, **overrides: Any) -> Settings:
        """Read MNIST_* variables; `overrides` that are not None (flags) win over them."""
        environ = os.environ if environ is None else environ
        values: dict[str, Any] = {"home": _default_home()}
        for spec in dataclasses.fields(cls):
            text = environ.get(f"MNIST_{spec.name.upper()}", "")
            if text:
                values[spec.name] = _parse(spec, text)
        values.update({name: value for name, value in overrides.items() if value is not None})
        return cls(**values)

    @property
    def models_dir(self) -> Path:
        """Folder of the model versions."""
        return self.home / "models"

    @property
    def logs_dir(self) -> Path:
        """Folder of what training processes print."""
        return self.home / "logs"

    @property
    def checkpoints_dir(self) -> Path:
        """Folder of the states of unfinished trainings."""
        return self.home / "checkpoints"

    @property
    def claims_dir(self) -> Path:
        """Folder of the locks that training processes hold."""
        return self.home / "claims"

    @property
    def resolved_database_url(self) -> str | sa.URL:
        """The database's URL, the default filled in."""
        import sqlalchemy as sa

        # In a string `?`, `#` and `%` of the folder would mean something else.
        return self.database_url or sa.URL.create("sqlite", database=(self.home / "mnist.db").as_posix())

    def to_environment(self) -> dict[str, str]:
        """The variables that give a child process these same settings."""
        values = {spec.name: getattr(self, spec.name) for spec in dataclasses.fields(self)}
        return {f"MNIST_{name.upper()}": str(value) for name, value in values.items() if value not in (None, "")}

    def data_dirs(self) -> list[Path]:
        """Folders that may hold the four IDX files, the first to look at first; one that was named is the only one."""
        if self.data_dir is not None:
            return [self.data_dir]
        return [self.home / "data" / "mnist", *_shared_dirs("mnist"), _cache_dir()]

    def pen_dirs(self) -> list[Path]:
        """Folders that may hold the sets of pen strokes; one that was named is the only one."""
        return _shared_dirs("pen_digits") if self.pen_dir is None else [self.pen_dir]

    @property
    def download_to(self) -> Path:
        """Where downloaded data goes: --data-dir, else the user's cache, shared by every checkout."""
        return self.data_dir or _cache_dir()


def _check_origin(origin: str) -> None:
    if not _ORIGIN.fullmatch(origin):
        raise InvalidConfig(
            "MNIST_CORS_ORIGINS must be * or lower-case origins without a path, such as https://app.example, "
            f"separated by commas, not {origin[:80]!r}",
            field="cors_origins",
        )


def is_loopback(host: str) -> bool:
    """Whether only programs of this computer reach a server that listens there."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def import_path() -> str:
    """PYTHONPATH with this package first, then what PYTHONPATH says: a child process runs the same code."""
    return os.pathsep.join(filter(None, [str(PACKAGE_DIR.parent), os.environ.get("PYTHONPATH", "")]))


def checkout() -> Path | None:
    """The checkout that this package runs from; None where it is installed."""
    root = PACKAGE_DIR.parent.parent
    return root if (root / "pyproject.toml").is_file() and (root / "models").is_dir() else None


def _shared_dirs(name: str) -> list[Path]:
    """The folder of that name that several checkouts share; it lies beside them, wherever MNIST_HOME is."""
    root = checkout()
    return [root.parent / "shared" / name] if root else []


def _cache_dir() -> Path:
    return Path(platformdirs.user_cache_dir(APP_NAME)) / "mnist"


def _parse(spec: dataclasses.Field[Any], text: str) -> Any:
    if spec.name in ("home", "data_dir", "pen_dir"):
        return Path(text).expanduser().resolve()
    if not isinstance(spec.default, int):
        return text
    try:
        return int(text)
    except ValueError:
        raise InvalidConfig(f"MNIST_{spec.name.upper()} must be a whole number, not {text!r}") from None


def _default_home() -> Path:
    """The checkout, else the user's data folder."""
    return checkout() or Path(platformdirs.user_data_dir(APP_NAME))
