"""Download files from mirrors: verify them, resume after interruptions, in one process at a time.

    source = Source(mirrors=("https://example.org/files/",), verify=check, largest_bytes=20_000_000)
    fetch(folder, {"a.gz": 9_900_000}, source, is_here=lambda name: (folder / name).exists())

A file gets its name when it is complete and verified; until then it is NAME.<hash of the mirror>.part.
"""

from __future__ import annotations

import contextlib
import logging
import math
import os
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias
from urllib.parse import urlsplit

from mnist_classifier.core import files
from mnist_classifier.core.errors import DataCorrupt, DownloadFailed

if TYPE_CHECKING:
    import requests

log = logging.getLogger(__name__)

Progress: TypeAlias = Callable[[int, int], None]  # bytes done, bytes in total

_TIMEOUT_S = (10.0, 30.0)  # to connect, and to wait for more data
_LOCK_TIMEOUT_S = 900.0  # to wait for another process that downloads the same files
_ATTEMPTS = 10  # for a file from one mirror, as long as each attempt makes progress
_CHUNK_BYTES = 1 << 13  # a broken connection loses at most one chunk


@dataclass(frozen=True)
class Source:
    """Where files come from, and how to verify them.

    mirrors: address prefixes of the files, the best first.
    verify(path, name): raises DataCorrupt unless `path` contains the file `name`.
    largest_bytes: longer files are refused before they fill the disk.
    """

    mirrors: Sequence[str]
    verify: Callable[[Path, str], object]
    largest_bytes: int


def fetch(
    target: Path,
    sizes_bytes: Mapping[str, int],
    source: Source,
    *,
    is_here: Callable[[str], bool],
    progress: Progress | None = None,
    unwritable_advice: str = "Choose a folder that you may write to.",
) -> None:
    """Download missing files into the folder `target`, which is created if needed.

    sizes_bytes: estimated size of each file, until a mirror reports the exact one.
    is_here(name): whether a file is there already; called while no other process
    downloads.  An interrupted download is resumed.
    Raises DownloadFailed if no mirror has a good file, StorageFull.
    """
    import requests

    outcome = f"the download of {math.ceil(sum(sizes_bytes.values()) / 1e6)} MB to {target} stopped"
    disk_errors = files.disk_errors(outcome, lambda message: DownloadFailed(f"{message}. {unwritable_advice}"))
    with disk_errors, _exclusively(target):
        wanted = {name: size for name, size in sizes_bytes.items() if not is_here(name)}
        with requests.Session() as session:
            fetcher = _Fetcher(target, session, source, _total_progress(wanted, progress))
            for name in wanted:
                fetcher.fetch(name)


def _total_progress(sizes_bytes: Mapping[str, int], progress: Progress | None) -> Callable[[str, int, int], None]:
    """Make a callback (name, bytes done, size or 0) that reports the progress of all files together."""
    sizes, done = dict(sizes_bytes), dict.fromkeys(sizes_bytes, 0)

    def update(name: str, done_bytes: int, size_bytes: int) -> None:
        done[name] = done_bytes
        sizes[name] = max(size_bytes or sizes[name], done_bytes)
        if progress is not None:
            progress(sum(done.values()), sum(sizes.values()))

    return update


@dataclass(frozen=True)
class _Fetcher:
    """Downloads single files from the first mirror that has a good one."""

    target: Path
    session: requests.Session
    source: Source
    update: Callable[[str, int, int], None]

    def fetch(self, name: str) -> None:
        """Download a file, verify it and move it into the target folder."""
        failures = {}
        for mirror in self.source.mirrors:
            try:
                part = self._fetch_from(mirror, name)
            except DownloadFailed as failure:
                failures[mirror] = failure.message
                continue
            files.flush(part)
            os.replace(part, self.target / name)
            for leftover in self.target.glob(f"{name}.*.part"):  # from other mirrors
                leftover.unlink()
            return
        raise DownloadFailed(
            f"{name} could not be downloaded: {_why(failures)}. Check the network, and HTTPS_PROXY if you use a "
            f"proxy, then try again to resume the download. Or put the files into {self.target} yourself."
        )

    def _fetch_from(self, mirror: str, name: str) -> Path:
        """Download a file from one mirror, resuming while that makes progress; return the verified part file.

        Raises DownloadFailed with a short reason.
        """
        import requests

        # One part file for each mirror, because mirrors compress differently.
        part = self.target / f"{name}.{zlib.crc32(mirror.encode()):08x}.part"
        reason = detail = ""
        for _ in range(_ATTEMPTS):
            size_before = _size(part)
            try:
                self._stream(f"{mirror}{name}", part, name)
                self.source.verify(part, name)
                return part
            except DataCorrupt as error:
                part.unlink(missing_ok=True)
                reason, detail = "sent a wrong file", error.message
                if size_before == 0:
                    break  # the file arrived in one piece: another request would return the same
            except requests.RequestException as error:
                reason, detail = _describe(error), str(error)
                if _size(part) == size_before:
                    break
        log.info("%s%s %s: %s", mirror, name, reason, detail)
        raise DownloadFailed(reason)

    def _stream(self, url: str, part: Path, name: str) -> None:
        """Append the rest of the file at `url` to `part`.

        Raises requests.RequestException, and DataCorrupt if the reply cannot be the file.
        """
        done = _size(part)
        headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={done}-"} if done else {})
        with self.session.get(url, headers=headers, stream=True, timeout=_TIMEOUT_S) as response:
            if response.status_code == 416 and done:
                return  # nothing is left to send: the part is complete, or wrong, as `verify` will find
            response.raise_for_status()
            if response.status_code != 206:
                done = 0
            elif not response.headers.get("Content-Range", "").startswith(f"bytes {done}-"):
                raise DataCorrupt(f"it did not continue {part.name} at byte {done}")
            remaining = response.raw.length_remaining
            size = done + remaining if remaining else 0  # 0 is unknown
            with part.open("ab" if done else "wb") as file:
                for chunk in response.iter_content(_CHUNK_BYTES):
                    file.write(chunk)
                    done += len(chunk)
                    if done > self.source.largest_bytes:
                        raise DataCorrupt(f"it is larger than {self.source.largest_bytes} bytes")
                    self.update(name, done, size)


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _why(failures: Mapping[str, str]) -> str:
    """Say why each mirror failed, or say it once if the reason is the same."""
    reasons = set(failures.values())
    if len(reasons) == 1:
        return f"{'the mirror' if len(failures) == 1 else 'the mirrors'} {reasons.pop()}"
    return ", ".join(f"{urlsplit(mirror).netloc} {reason}" for mirror, reason in failures.items())


def _describe(error: requests.RequestException) -> str:
    """Describe why a request failed, to follow "the mirror"."""
    import requests

    if error.response is not None:
        return f"answered {error.response.status_code} {error.response.reason}"
    for kind, text in (
        (requests.exceptions.SSLError, "sent a certificate that cannot be verified"),
        (requests.exceptions.ProxyError, "could not be reached through the proxy"),
        (requests.Timeout, "did not answer in time"),
        (requests.exceptions.ChunkedEncodingError, "broke the connection"),
        (requests.ConnectionError, "could not be reached, or stopped answering"),
    ):
        if isinstance(error, kind):
            return text
    return "failed"


@contextlib.contextmanager
def _exclusively(target: Path) -> Iterator[None]:
    """Create the folder if needed, and lock it for one process."""
    import filelock

    target.mkdir(parents=True, exist_ok=True)
    try:
        with filelock.FileLock(target / ".download.lock", timeout=_LOCK_TIMEOUT_S):
            yield
    except filelock.Timeout:
        raise DownloadFailed(
            f"Another process has been downloading to {target} for {_LOCK_TIMEOUT_S / 60:.0f} minutes. "
            "Wait for it or stop it, then try again."
        ) from None
