"""A model store: a bucket or a shared folder that holds `<number>/<file>`, through fsspec."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from mnist_classifier.core import files
from mnist_classifier.core.errors import InvalidConfig, MnistError, ModelCorrupt, StorageFull, StoreUnreachable
from mnist_classifier.registry.manifest import read_bounded

# How long a listing is used again: a list of versions asks once for each of them.
LISTED_FOR_S = 2.0
# How long a store that failed counts as unreachable, so that not every request waits for it.
UNREACHABLE_FOR_S = 5.0
S3_OPTIONS = {
    "config_kwargs": {"connect_timeout": 2, "read_timeout": 10, "retries": {"total_max_attempts": 1}},
    "use_listings_cache": False,
    "skip_instance_cache": True,
}
S3_ATTEMPTS = 2
# What the driver says of each file, by its path in the store: `<number>/<file>`.
Listing = dict[str, dict[str, Any]]


class Bucket:
    """The files of a model store.  Thread-safe.

    Every method raises StoreUnreachable if the store does not answer or refuses access.
    """

    def __init__(self, url: str) -> None:
        self._fs, self._root = _open(url)
        self._is_disk = "file" in self._fs.protocol
        self._lock = threading.Lock()
        self._listing: Listing = {}
        self._listed_at, self._failed_at = float("-inf"), float("-inf")
        self._failure = ""

    def list(self, *, fresh: bool = False) -> Listing:
        """Every file of every version; without `fresh`, as it was some seconds ago."""
        with self._lock:
            if fresh or time.monotonic() - self._listed_at > LISTED_FOR_S:
                with self._asking():
                    found = self._find()
                relative = {path[len(self._root) + 1 :]: info for path, info in found.items()}
                self._listing = {path: info for path, info in relative.items() if path.count("/") == 1}
                self._listed_at = time.monotonic()
            return self._listing

    def read(self, path: str, largest_bytes: int) -> bytes:
        """The bytes of a file.  Raises FileNotFoundError, and ModelCorrupt if it has more than `largest_bytes`."""
        data: bytes | None = None
        with self._asking(), suppress(FileNotFoundError):
            data = self._read(path, largest_bytes)
        if data is None:
            self.list(fresh=True)  # perhaps the whole store is away
            raise FileNotFoundError(path)
        return data

    def _read(self, path: str, largest_bytes: int) -> bytes:
        if self._is_disk:
            try:
                return read_bounded(Path(self._root, path), largest_bytes)
            except OSError as error:
                if error.errno:
                    raise
                raise ModelCorrupt(f"{path} in the model store cannot be read: {error.strerror}") from error
        data: bytes = self._fs.cat_file(f"{self._root}/{path}", start=0, end=largest_bytes + 1)
        if len(data) > largest_bytes:
            raise ModelCorrupt(f"{path} in the model store has more than {largest_bytes} bytes")
        return data

    def write(self, path: str, data: bytes) -> None:
        """Write a file, or replace it atomically.  Raises StorageFull."""
        with self._asking():
            if self._is_disk:
                file = Path(self._root, path)
                file.parent.mkdir(exist_ok=True)
                with files.replaced(file) as part:
                    part.write_bytes(data)
            else:
                self._fs.pipe_file(f"{self._root}/{path}", data)
        self._listed_at = float("-inf")

    def remove(self, path: str) -> None:
        """Delete a file if it is there, and its folder once that is empty."""
        with self._asking(), suppress(FileNotFoundError):
            self._fs.rm_file(f"{self._root}/{path}")
            if self._is_disk:
                with suppress(OSError):
                    Path(self._root, path).parent.rmdir()
        self._listed_at = float("-inf")

    def modified(self, path: str) -> datetime | None:
        """When a file was written; None if it is gone."""
        found: datetime | None = None
        with self._asking(), suppress(FileNotFoundError):
            found = self._fs.modified(f"{self._root}/{path}")
        return found

    def _find(self) -> Listing:
        # For a shared folder that is not mounted, fsspec would find an empty store.
        if self._is_disk and not Path(self._root).is_dir():
            raise FileNotFoundError(f"there is no folder {self._root}")
        self._fs.invalidate_cache()  # most drivers remember listings
        found: Listing = self._fs.find(self._root, detail=True)
        return found

    @contextmanager
    def _asking(self) -> Iterator[None]:
        """Raise StoreUnreachable where the store does not answer, for a while without asking it again."""
        if time.monotonic() - self._failed_at < UNREACHABLE_FOR_S:
            raise StoreUnreachable(self._failure)
        try:
            yield
        except MnistError:
            raise
        except Exception as error:  # the drivers of fsspec have no common class of errors
            if files.is_disk_full(error):
                raise StorageFull("the model store is full; free some space and try again") from error
            if isinstance(error, PermissionError):  # an answer, perhaps about one file only
                raise StoreUnreachable(f"the model store refuses access: {error}") from error
            self._failure, self._failed_at = f"the model store cannot be reached: {error}", time.monotonic()
            raise StoreUnreachable(self._failure) from error


def _open(url: str) -> tuple[Any, str]:
    """The file system of a URL, and the path in it.  Raises InvalidConfig."""
    is_s3 = url.startswith(("s3:", "s3a:"))
    try:
        from fsspec.core import url_to_fs

        fs, root = url_to_fs(url, **(S3_OPTIONS if is_s3 else {}))
    except ImportError as error:
        # fsspec names the package of other kinds of URLs, such as gcsfs.
        is_in_extra = is_s3 or (error.name or "").partition(".")[0] == "fsspec"
        advice = '. In the checkout, run: pip install ".[servers]"' if is_in_extra else ""
        raise InvalidConfig(
            f"MNIST_MODELS_URL needs a driver that is not installed ({error.name or error}){advice}", field="models_url"
        ) from error
    except (ValueError, TypeError) as error:
        raise InvalidConfig(f"MNIST_MODELS_URL cannot be used: {error}", field="models_url") from error
    if is_s3:
        fs.retries = S3_ATTEMPTS
    return fs, root.rstrip("/")
