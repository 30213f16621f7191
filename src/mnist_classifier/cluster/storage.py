"""Files in folders and buckets, by path or by any URL that fsspec knows."""

from __future__ import annotations

import contextlib
import os
import tempfile
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import fsspec
from fsspec.implementations.local import LocalFileSystem

from mnist_classifier.core import files
from mnist_classifier.core.errors import InvalidInput, MnistError, StorageUnreachable

# An upload to these appears as a whole or not at all; elsewhere a file is renamed once it is complete.
OBJECT_STORES = frozenset({"s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "adl", "oci", "oss"})


@dataclass(frozen=True)
class Place:
    """A file or folder in a file system of fsspec."""

    system: Any
    path: str

    @classmethod
    def of(cls, url: str) -> Place:
        """The place that a path or a URL names.  Raises InvalidInput, StorageUnreachable."""
        if url.startswith("memory:"):
            raise InvalidInput(f"{url} exists in one process only; name a folder or a bucket")
        try:
            # Listings must be fresh, because other machines write here at the same time.
            system, path = fsspec.core.url_to_fs(url, use_listings_cache=False)
        except (ValueError, ImportError) as error:
            raise InvalidInput(f"{url} cannot be opened: {error}") from error
        except Exception as error:  # file systems have no common class of exceptions
            raise StorageUnreachable(f"{url} cannot be reached: {described(error)}") from error
        return cls(system, path)

    @property
    def is_local(self) -> bool:
        """Whether this is a path of this machine, or of a folder that machines share."""
        return isinstance(self.system, LocalFileSystem)

    @property
    def url(self) -> str:
        """The absolute path if it is local, else the URL."""
        return self.path if self.is_local else str(self.system.unstrip_protocol(self.path))

    def __truediv__(self, name: str) -> Place:
        return Place(self.system, f"{self.path.rstrip('/')}/{name}")

    def open(self) -> BinaryIO:
        """Open the file for reading."""
        file: BinaryIO = open(self.path, "rb") if self.is_local else self.system.open(self.path, "rb")  # noqa: SIM115
        return file

    def exists(self) -> bool:
        """Whether there is a file."""
        return os.path.isfile(self.path) if self.is_local else bool(self.system.isfile(self.path))

    def names(self) -> list[str]:
        """The names of the files in this folder; none if it does not exist."""
        with contextlib.suppress(FileNotFoundError):
            return [str(path).rpartition("/")[2] for path in self.system.ls(self.path, detail=False)]
        return []

    def remove(self) -> None:
        """Delete the file, if it exists."""
        with contextlib.suppress(FileNotFoundError):
            self.system.rm_file(self.path)


@contextlib.contextmanager
def replaced(place: Place) -> Iterator[Path]:
    """Yield a temporary path to write to; after the block, the file there replaces `place` at once.

    Raises StorageFull, StorageUnreachable.
    """
    outcome = f"{place.url} was not written"
    with files.disk_errors(outcome, StorageUnreachable):
        if place.is_local:
            Path(place.path).parent.mkdir(parents=True, exist_ok=True)
            with files.replaced(Path(place.path)) as part:
                yield part
            return
        with tempfile.TemporaryDirectory(prefix="mnist-") as folder:
            part = Path(folder, "part")
            yield part
            try:
                _upload(part, place)
            except OSError:
                raise
            except Exception as error:  # file systems have no common class of exceptions
                raise StorageUnreachable(f"{outcome}: {described(error)}") from error


def _upload(part: Path, place: Place) -> None:
    protocol = place.system.protocol
    if OBJECT_STORES & {protocol, *(protocol if isinstance(protocol, tuple) else ())}:
        place.system.put_file(str(part), place.path)
        return
    unfinished = Place(place.system, f"{place.path}.{uuid.uuid4().hex}.part")
    place.system.makedirs(place.path.rpartition("/")[0], exist_ok=True)
    try:
        place.system.put_file(str(part), unfinished.path)
        place.system.mv(unfinished.path, place.path)
    except BaseException:
        unfinished.remove()
        raise


def write_text(place: Place, text: str) -> None:
    """Write a small file at once.  Raises StorageFull, StorageUnreachable."""
    with replaced(place) as part:
        part.write_text(text, "utf-8")


def read_text(place: Place) -> str | None:
    """The contents of a small file; None if it does not exist.  Raises StorageUnreachable."""
    try:
        with place.open() as file:
            return file.read().decode("utf-8", "replace")
    except FileNotFoundError:
        return None
    except Exception as error:  # file systems have no common class of exceptions
        raise StorageUnreachable(f"{place.url} cannot be read: {described(error)}") from error


def described(error: BaseException) -> str:
    """What went wrong, on one line."""
    if isinstance(error, MnistError):
        return error.message
    text = (getattr(error, "strerror", None) or str(error)).strip()
    return text.splitlines()[0][:300] if text else type(error).__name__
