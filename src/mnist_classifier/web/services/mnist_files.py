"""The MNIST files: whether they are present, and their download."""

from __future__ import annotations

import logging
import threading
from typing import Any

from mnist_classifier.core.errors import MnistError
from mnist_classifier.core.settings import Settings
from mnist_classifier.data import mnist
from mnist_classifier.web.wire.paths import hide_paths

log = logging.getLogger(__name__)


# Values that `status` returns.
DOWNLOADING: dict[str, Any] = {"status": "downloading", "fraction": None, "message": "downloading MNIST"}
READY: dict[str, Any] = {"status": "ready", "fraction": 1.0, "message": "the MNIST files are present"}
MISSING: dict[str, Any] = {"status": "missing", "fraction": None, "message": "the MNIST files are missing"}


class MnistFiles:
    """The state of the MNIST files, and their download in the background."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        # Status of a download that is running or has failed.
        self._download: dict[str, Any] | None = None

    def status(self) -> dict[str, Any]:
        """Whether the files are present, and the progress of a download."""
        download = self._download
        if download is not None and download["status"] == "downloading":
            return download
        return READY if mnist.is_available(self._settings.data_dirs()) else download or MISSING

    def start_download(self) -> None:
        """Download missing files in the background, unless a download is running."""
        with self._lock:
            if self._download is not None and self._download["status"] == "downloading":
                return
            self._download = DOWNLOADING
            threading.Thread(target=self._fetch, name="mnist-download", daemon=True).start()

    def _fetch(self) -> None:
        def progress(done_bytes: int, total_bytes: int) -> None:
            self._download = {**DOWNLOADING, "fraction": done_bytes / total_bytes if total_bytes else None}

        failure = None
        try:
            mnist.ensure(self._settings.data_dirs(), self._settings.download_to, progress=progress)
        except MnistError as error:
            log.error("could not download MNIST: %s", error.message)
            failure = error.message
        except Exception as error:
            log.exception("could not download MNIST")
            reason = error.strerror if isinstance(error, OSError) else "the server log has the reason"
            failure = f"could not save the MNIST files: {reason}"
        if failure is None:
            self._download = None
        else:
            message = hide_paths(failure, self._settings)
            self._download = {"status": "failed", "fraction": None, "message": message}
