"""The MNIST test images that the pages show, and their download."""

from __future__ import annotations

import logging
import random
import threading
from dataclasses import dataclass
from typing import Any

from mnist_classifier.core.errors import MnistError
from mnist_classifier.core.settings import Settings
from mnist_classifier.data import mnist
from mnist_classifier.web.wire.paths import hide_paths

log = logging.getLogger(__name__)


@dataclass
class Download:
    """Progress of a download in the background."""

    status: str = "downloading"
    done_bytes: int = 0
    total_bytes: int = 0
    message: str = ""


class TestSet:
    """The 10,000 test images, read at first use."""

    __test__ = False  # pytest: not a class of tests

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._images: mnist.Images | None = None
        self._download: Download | None = None

    def images(self) -> mnist.Images:
        """All test images.  Raises DataMissing, DataCorrupt."""
        with self._lock:
            if self._images is None:
                self._images = mnist.load(self._settings.data_dirs(), mnist.TEST)
            return self._images

    def random_index(self) -> int:
        """The number of a random test image."""
        return random.randrange(len(self.images().labels))

    def status(self) -> dict[str, Any]:
        """Whether the files are present, and the progress of a download."""
        download = self._download
        if download is not None and download.status == "downloading":
            fraction = download.done_bytes / download.total_bytes if download.total_bytes else None
            return {"status": "downloading", "fraction": fraction, "message": "downloading MNIST"}
        if mnist.is_available(self._settings.data_dirs()):
            return {"status": "ready", "fraction": 1.0, "message": "the MNIST files are present"}
        if download is not None:
            return {"status": "failed", "fraction": None, "message": download.message}
        return {"status": "missing", "fraction": None, "message": "the MNIST files are missing"}

    def start_download(self) -> None:
        """Download missing files in the background, unless a download is running."""
        with self._lock:
            if self._download is not None and self._download.status == "downloading":
                return
            self._download = Download()
            threading.Thread(target=self._fetch, args=(self._download,), name="mnist-download", daemon=True).start()

    def _fetch(self, download: Download) -> None:
        def progress(done_bytes: int, total_bytes: int) -> None:
            download.done_bytes, download.total_bytes = done_bytes, total_bytes

        try:
            mnist.ensure(self._settings.data_dirs(), self._settings.download_to, progress=progress)
            download.status = "ready"
        except MnistError as error:
            log.error("could not download MNIST: %s", error.message)
            self._fail(download, error.message)
        except Exception as error:
            log.exception("could not download MNIST")
            reason = error.strerror if isinstance(error, OSError) else "the server log has the reason"
            self._fail(download, f"could not save the MNIST files: {reason}")

    def _fail(self, download: Download, message: str) -> None:
        download.message = hide_paths(message, self._settings)
        download.status = "failed"
