"""A job: what is read, how, and with which model; and the folder or bucket that its readings go to.

OUT/_job.json                 the job; the folder accepts no other
OUT/readings/part-KEY.parquet the readings of one part
OUT/errors/part-KEY.parquet   its pictures that cannot be read, if there are any
OUT/errors/retry-KEY.parquet  the same, but some files could not be opened, so the part is read again next time
OUT/_SUCCESS                  totals; written when every part is complete
"""

from __future__ import annotations

import contextlib
import fnmatch
import glob
import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from mnist_classifier.cluster.parts import fixed_folder
from mnist_classifier.cluster.storage import Place, described, read_text, write_text
from mnist_classifier.core import files
from mnist_classifier.core.errors import FolderTaken, InvalidInput, StorageUnreachable
from mnist_classifier.core.settings import Settings
from mnist_classifier.core.version import __version__
from mnist_classifier.recognition.bulk import Task
from mnist_classifier.registry.manifest import ONNX_FILE, read_manifest, verified_bytes
from mnist_classifier.registry.versions import opened_registry

JOB_FILE, SUCCESS_FILE = "_job.json", "_SUCCESS"
READINGS, ERRORS = "readings", "errors"


@dataclass(frozen=True)
class Model:
    """A model version with its files, so that every machine reads with the same one."""

    version: int
    manifest: Mapping[str, Any]
    onnx_bytes: bytes

    @property
    def sha256(self) -> str:
        """The hash of the network."""
        return hashlib.sha256(self.onnx_bytes).hexdigest()

    def identity(self) -> dict[str, Any]:
        """Whatever decides its answers, and its name."""
        decisive = {name: self.manifest[name] for name in ("name", "preprocessing", "temperature", "thresholds")}
        return {"version": self.version, "sha256": self.sha256, **decisive}


def opened_model(version: int | None, settings: Settings) -> Model:
    """A model version of this installation, by default the one in production.  Raises ModelMissing, ModelCorrupt."""

    def load(folder: Path) -> tuple[Mapping[str, Any], bytes]:
        manifest = read_manifest(folder)
        return manifest, verified_bytes(folder, ONNX_FILE, manifest)

    with opened_registry(settings) as registry:
        number = registry.aliases.production() if version is None else version
        return Model(number, *registry.read(number, load))


@dataclass(frozen=True)
class Job:
    """What to read and how.

    inputs: absolute paths, URLs or patterns.  output: a folder or a URL.
    column: that of the pictures in Parquet files.  thresholds: override those of the model.
    """

    inputs: Sequence[str]
    output: str
    task: Task
    thresholds: Mapping[str, float]
    max_pixels: int
    column: str | None = None

    def description(self, model: Model) -> dict[str, Any]:
        """Everything that decides the readings."""
        options = {"mode": self.task.mode, "column": self.column, "max_image_pixels": self.max_pixels}
        known = {"expected": asdict(self.task.expected), "fields": [asdict(field) for field in self.task.fields]}
        return {
            "inputs": list(self.inputs),
            "options": {**options, **known, "thresholds": dict(self.thresholds)},
            "model": model.identity(),
            "program": __version__,
        }


@dataclass(frozen=True)
class Output:
    """The folder or bucket of a job."""

    place: Place

    @classmethod
    def of(cls, url: str) -> Output:
        """The output at a path or URL.  Raises InvalidInput, StorageUnreachable."""
        return cls(Place.of(url))

    def readings(self, key: str) -> Place:
        """The readings of a part."""
        return self.place / READINGS / f"part-{key}.parquet"

    def errors(self, key: str) -> Place:
        """The errors of a part."""
        return self.place / ERRORS / f"part-{key}.parquet"

    def retry(self, key: str) -> Place:
        """The errors of a part that must be read again."""
        return self.place / ERRORS / f"retry-{key}.parquet"

    def is_complete(self, key: str) -> bool:
        """Whether a part needs no more work."""
        return self.readings(key).exists() and not self.retry(key).exists()

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Keep a second command out of a folder; a bucket has no locks.

        Raises FolderTaken, InvalidInput, StorageUnreachable.
        """
        if not self.place.is_local:
            yield
            return
        folder = Path(self.place.path)
        if folder.is_file():
            raise InvalidInput(f"{folder} is a file; --engine ray writes into a folder", field="output")
        taken = FolderTaken(f"another command is writing to {folder}; wait until it ends")
        with contextlib.ExitStack() as stack:
            with files.disk_errors(f"{folder} cannot be written to", StorageUnreachable):
                folder.mkdir(parents=True, exist_ok=True)
                stack.enter_context(files.locked(folder / ".lock", taken))
            yield

    def begin(self, description: Mapping[str, Any]) -> None:
        """Record the job, or check that the output belongs to it.  Raises FolderTaken, StorageUnreachable."""
        wanted = json.loads(json.dumps(description))
        text = read_text(self.place / JOB_FILE)
        if text is None:
            if taken := self._others():
                raise FolderTaken(f"{self.place.url} holds other files ({taken}); choose an empty --output")
            write_text(self.place / JOB_FILE, json.dumps(wanted, indent=1) + "\n")
            return
        try:
            known = json.loads(text)
        except ValueError:
            raise FolderTaken(f"{self.place.url}/{JOB_FILE} is damaged; choose another --output") from None
        difference = _difference(known, wanted)
        if difference and self._has_parts():
            raise FolderTaken(
                f"{self.place.url} belongs to another job ({difference}); choose another --output, or delete this one"
            )
        if difference:  # a job that read nothing, such as one with a typing error in its input
            write_text(self.place / JOB_FILE, json.dumps(wanted, indent=1) + "\n")

    def _has_parts(self) -> bool:
        return any((self.place / folder).names() for folder in (READINGS, ERRORS))

    def _others(self) -> str:
        names = [name for name in self.place.names() if not name.startswith(".")]
        return ", ".join(sorted(names)[:3])

    def finish(self, totals: Mapping[str, Any]) -> None:
        """Record that every part is complete.  Raises StorageFull, StorageUnreachable."""
        write_text(self.place / SUCCESS_FILE, json.dumps(totals, indent=1) + "\n")

    def begin_again(self) -> None:
        """Withdraw that every part is complete."""
        (self.place / SUCCESS_FILE).remove()

    def rows(self) -> dict[str, int]:
        """The number of readings and of errors, from the ends of the files."""
        return {
            folder: sum(_rows(self.place / folder / name) for name in (self.place / folder).names())
            for folder in (READINGS, ERRORS)
        }

    def remove_others(self, keys: set[str]) -> int:
        """Delete parts that the inputs no longer give, and unfinished files; returns how many parts have readings."""
        kept = 0
        for folder in (READINGS, ERRORS):
            for name in (self.place / folder).names():
                key = name.rpartition("-")[2].partition(".")[0]
                if name.startswith(".") or key not in keys:
                    (self.place / folder / name).remove()
                else:
                    kept += folder == READINGS
        return kept


def _rows(place: Place) -> int:
    try:
        with place.open() as file:
            return int(pq.read_metadata(file).num_rows)
    except Exception as error:  # file systems have no common class of exceptions
        raise StorageUnreachable(f"{place.url} cannot be read: {described(error)}") from error


def _difference(known: Any, wanted: Any, name: str = "") -> str:
    """The first setting that differs, with both values; empty if none does."""
    if isinstance(known, dict) and isinstance(wanted, dict):
        found = (
            _difference(known.get(key), wanted.get(key), f"{name}.{key}".lstrip(".")) for key in {**known, **wanted}
        )
        return next(filter(None, found), "")
    return "" if known == wanted else f"{name}: {_short(known)} there, {_short(wanted)} now"


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 100 else f"{text[:100]}..."


def _takes(source: str, output: str) -> bool:
    """Whether an input holds an output folder, or a pattern matches it, a folder above it or a file in it."""
    if not glob.has_magic(source) or os.path.lexists(source):
        return f"{output}/".startswith(f"{source.rstrip('/')}/")
    if "**" in source:
        return f"{output}/".startswith(f"{fixed_folder(source)}/")
    wanted = source.split("/")
    written = [f"{output}/{folder}/part-0.parquet".split("/") for folder in (READINGS, ERRORS)]
    return any(len(each) >= len(wanted) and all(map(fnmatch.fnmatchcase, each, wanted)) for each in written)


def checked_inputs(inputs: Sequence[str], output: str = "") -> tuple[str, ...]:
    """The inputs as absolute paths or URLs, which mean the same on every machine.

    Raises InvalidInput for standard input, and if `output` lies in an input: its files would be read as well.
    """
    if "-" in inputs:
        raise InvalidInput("standard input (-) cannot be read on several machines; name files, folders or URLs")
    found = tuple(Place.of(each).url for each in inputs)
    for each in found:
        if output and _takes(each, output):
            raise InvalidInput(f"--output lies in the input {each}; choose a place outside of it", field="output")
    return found
