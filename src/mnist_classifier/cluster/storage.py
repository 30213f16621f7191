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
from fsspec.dircache import DirCache
from fsspec.implementations.local import LocalFileSystem

from mnist_classifier.core import files
from mnist_classifier.core.errors import InvalidInput, MnistError, StorageUnreachable

# An upload to these appears as a whole or not at all; elsewhere a file is renamed once it is complete.
OBJECT_STORES = frozenset({"s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "adl", "oci", "oss"})


# What only this process sees, or what lies in another file that the URL would have to name too.
WITHOUT_PLACE = frozenset(
    {"memory", "zip", "tar", "libarchive", "dir", "reference", "cached", "simplecache", "filecache", "blockcache"}
)


@dataclass(frozen=True)
class Place:
    """A file or folder in a file system of fsspec.

    path: as the file system wants it.  url: the absolute path if the place is local, else the URL, in the form in
    which the user wrote it, because file systems forget their hosts.
    """

    system: Any
    path: str
    url: str

    @classmethod
    def of(cls, url: str) -> Place:
        """The place that a path or a URL names.  Raises InvalidInput, StorageUnreachable."""
        protocol, is_url, _ = url.partition("://")
        if not is_url or protocol in LocalFileSystem.protocol:
            # Any character may occur in a path, even those that fsspec gives a meaning in a URL.
            path = LocalFileSystem._strip_protocol(url) if is_url else Path(os.path.abspath(url)).as_posix()
            return cls(LocalFileSystem(), path, path)
        if protocol in WITHOUT_PLACE or "::" in protocol:
            raise InvalidInput(f"{url} is not a place that every process can reach; name a folder or a bucket")
        try:
            kind: Any = fsspec.get_filesystem_class(protocol)
            system, path = kind(**kind._get_kwargs_from_urls(url)), kind._strip_protocol(url)
        except (ValueError, ImportError) as error:
            raise InvalidInput(f"{url} cannot be opened: {error}") from error
        except Exception as error:  # file systems have no common class of exceptions
            raise StorageUnreachable(f"{url} cannot be reached: {described(error)}") from error
        # Listings must be fresh, because other machines write here at the same time.
        if isinstance(system.dircache, DirCache):
            system.dircache.use_listings_cache = False
            system.dircache.clear()
        return cls(system, path, url if path.endswith("/") else url.rstrip("/"))

    @property
    def is_local(self) -> bool:
        """Whether this is a path of this machine, or of a folder that machines share."""
        return isinstance(self.system, LocalFileSystem)

    def __truediv__(self, name: str) -> Place:
        return Place(self.system, f"{self.path.rstrip('/')}/{name}", f"{self.url.rstrip('/')}/{name}")

    def at(self, path: str) -> Place:
        """Another path in this file system, such as a match of a pattern."""
        same = len(os.path.commonprefix([self.url[::-1], self.path[::-1]]))
        start = self.url[: len(self.url) - same]
        return Place(self.system, path, start + path[len(self.path) - same :])

    def open(self) -> BinaryIO:
        """Open the file for reading."""
        file: BinaryIO = open(self.path, "rb") if self.is_local else self.system.open(self.path, "rb")  # noqa: SIM115
        return file

    def exists(self) -> bool:
        """Whether there is a file.  Raises StorageUnreachable."""
        # Not `isfile`, which takes a lost connection for a missing file.
        with contextlib.suppress(FileNotFoundError), reachable(self, "cannot be reached"):
            return bool(self.system.info(self.path)["type"] == "file")
        return False

    def names(self) -> list[str]:
        """The names of the files in this folder; none if it does not exist.  Raises StorageUnreachable."""
        with contextlib.suppress(FileNotFoundError), reachable(self, "cannot be listed"):
            return [str(path).rpartition("/")[2] for path in self.system.ls(self.path, detail=False)]
        return []

    def remove(self) -> None:
        """Delete the file, if it exists.  Raises StorageUnreachable."""
        with contextlib.suppress(FileNotFoundError), reachable(self, "cannot be deleted"):
            self.system.rm_file(self.path)


@contextlib.contextmanager
def reachable(place: Place, outcome: str) -> Iterator[None]:
    """Turn every exception but FileNotFoundError into StorageUnreachable; file systems have no common class."""
    try:
        yield
    except (FileNotFoundError, MnistError):
        raise
    except Exception as error:
        raise StorageUnreachable(f"{place.url} {outcome}: {described(error)}") from error


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
    unfinished = place.at(f"{place.path}.{uuid.uuid4().hex}.part")
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
    with contextlib.suppress(FileNotFoundError), reachable(place, "cannot be read"), place.open() as file:
        return file.read().decode("utf-8", "replace")
    return None


def described(error: BaseException) -> str:
    """What went wrong, on one line."""
    if isinstance(error, MnistError):
        return error.message
    text = (getattr(error, "strerror", None) or str(error)).strip()
    return text.splitlines()[0][:300] if text else type(error).__name__
