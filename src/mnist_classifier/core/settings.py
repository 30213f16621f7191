"""The settings of an installation: folders, server, database, logs.

Only this module reads the environment.
"""

from __future__ import annotations

import dataclasses
import ipaddress
import os
import platform
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import platformdirs

from mnist_classifier.core.errors import InvalidConfig
from mnist_classifier.core.processors import usable_cores
from mnist_classifier.core.train_config import check_setting, setting

if TYPE_CHECKING:
    import sqlalchemy as sa

APP_NAME = "mnist-classifier"
# Experiment trackers.
TRACKERS = ("tensorboard", "mlflow")
LOG_FORMATS = ("console", "json")
LOG_LEVELS = ("debug", "info", "warning", "error")
PACKAGE_DIR = Path(__file__).resolve().parent.parent
PRETRAINED_DIR = PACKAGE_DIR / "pretrained"

# 16 random letters and digits have 95 bits.
SHORTEST_TOKEN = 16
# Source: RFC 6750, section 2.1 (b64token).
_TOKEN = re.compile(rf"[A-Za-z0-9._~+/=-]{{{SHORTEST_TOKEN},}}")

# An origin as browsers write it: lower case, without path or user.  Source: RFC 6454, section 6.
_ORIGIN = re.compile(r"https?://(?:[a-z0-9_-]+(?:\.[a-z0-9_-]+)*|\[[0-9a-f:.]+\])(?::\d{1,5})?")
ANY_ORIGIN = "*"
# A path of one or more parts, such as /digits; no part may consist of dots alone.
_ROOT_PATH = re.compile(r"(?:/(?!\.+(?:/|$))[A-Za-z0-9._~-]+)+")


@dataclass(frozen=True)
class Settings:
    """The folders of this installation, and how it serves.

    `from_environment` reads MNIST_HOME, MNIST_HOST and so on: MNIST_ and the
    name of the field in capitals.
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
    models_url: str = setting(
        "", "model store that several servers share: a folder or an fsspec URL such as s3://bucket/models"
    )
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
    corrections_days: int = setting(
        0, "delete corrections after so many days; 0: keep them", low=0, high=36500, unit="days"
    )
    propose: int = setting(0, "1: store the glyphs of uncertain readings, so that people can label them", low=0, high=1)
    root_path: str = setting("", "URL path under which a proxy serves the application, such as /digits")

    def __post_init__(self) -> None:
        for spec in dataclasses.fields(self):
            if spec.metadata:
                check_setting(spec, getattr(self, spec.name))
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
        """Read the MNIST_* variables; `overrides` (flags) that are not None take precedence."""
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
    def models_cache_dir(self) -> Path:
        """Folder of the copies of versions in a model store."""
        return self.home / "cache"

    @property
    def logs_dir(self) -> Path:
        """Folder of the output of training processes."""
        return self.home / "logs"

    @property
    def checkpoints_dir(self) -> Path:
        """Folder of the checkpoints of unfinished trainings."""
        return self.home / "checkpoints"

    @property
    def claims_dir(self) -> Path:
        """Folder of the locks that training processes hold."""
        return self.home / "claims"

    @property
    def resolved_database_url(self) -> str | sa.URL:
        """The URL of the database, or the default."""
        import sqlalchemy as sa

        # URL.create escapes `?`, `#` and `%` in the name of the folder.
        return self.database_url or sa.URL.create("sqlite", database=(self.home / "mnist.db").as_posix())

    def to_environment(self) -> dict[str, str]:
        """The variables that give a child process these same settings."""
        values = {spec.name: getattr(self, spec.name) for spec in dataclasses.fields(self)}
        return {f"MNIST_{name.upper()}": str(value) for name, value in values.items() if value not in (None, "")}

    def data_dirs(self) -> list[Path]:
        """Folders that may hold the MNIST files, in the order of search; only `data_dir` if it is set."""
        if self.data_dir is not None:
            return [self.data_dir]
        return [self.home / "data" / "mnist", *_shared_dirs("mnist"), _cache_dir()]

    def pen_dirs(self) -> list[Path]:
        """Folders that may hold the pen strokes, in the order of search; only `pen_dir` if it is set."""
        return _shared_dirs("pen_digits") if self.pen_dir is None else [self.pen_dir]

    @property
    def download_to(self) -> Path:
        """Folder for downloads: `data_dir`, or the user's cache, which all checkouts share."""
        return self.data_dir or _cache_dir()


@dataclass(frozen=True)
class Launch:
    """How torchrun started this process; without torchrun, a single process.

    rank, local_rank: number of this process among all, and on this host.  job: names this torchrun, and stays the same
    when it restarts its processes.  restarts: how often it has done so.  threads: for each process; 0 to leave it.
    """

    rank: int = 0
    size: int = 1
    local_rank: int = 0
    job: str = ""
    restarts: int = 0
    threads: int = 0

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] | None = None) -> Launch:
        """Read the variables that torchrun sets.  Source: PyTorch, torchrun (Elastic Launch)."""
        environ = os.environ if environ is None else environ
        job = environ.get("TORCHELASTIC_RUN_ID")
        if job is None:
            return cls()
        local_size = int(environ["LOCAL_WORLD_SIZE"])
        # torchrun sets one thread unless the user has chosen, which leaves cores idle.
        is_preset = local_size > 1 and environ.get("OMP_NUM_THREADS") == "1"
        return cls(
            rank=int(environ["RANK"]),
            size=int(environ["WORLD_SIZE"]),
            local_rank=int(environ["LOCAL_RANK"]),
            # Without --rdzv-id every torchrun is called "none".  It is the parent of its processes.
            job=job if job != "none" else f"{platform.node()} {os.getppid()}",
            restarts=int(environ["TORCHELASTIC_RESTART_COUNT"]),
            threads=max(1, usable_cores() // local_size) if is_preset else 0,
        )


def _check_origin(origin: str) -> None:
    if not _ORIGIN.fullmatch(origin):
        raise InvalidConfig(
            "MNIST_CORS_ORIGINS must be * or lower-case origins without a path, such as https://app.example, "
            f"separated by commas, not {origin[:80]!r}",
            field="cors_origins",
        )


def is_loopback(host: str) -> bool:
    """Whether only programs on this computer can reach a server on this address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def import_path() -> str:
    """PYTHONPATH with this package first, so that child processes run the same code."""
    return os.pathsep.join(filter(None, [str(PACKAGE_DIR.parent), os.environ.get("PYTHONPATH", "")]))


def checkout() -> Path | None:
    """The checkout that this package runs from; None if it is installed."""
    root = PACKAGE_DIR.parent.parent
    return root if (root / "pyproject.toml").is_file() and (root / "models").is_dir() else None


def _shared_dirs(name: str) -> list[Path]:
    """The folder `shared/<name>` beside the checkout."""
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
    """The checkout, or the user's data folder."""
    return checkout() or Path(platformdirs.user_data_dir(APP_NAME))
