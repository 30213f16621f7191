"""The MNIST test images that the page shows, and fetching them."""

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
    """How a fetch in the background stands."""

    status: str = "downloading"
    done_bytes: int = 0
    total_bytes: int = 0
    message: str = ""


class TestSet:
    """The 10,000 test images, read when they are first asked for."""

    __test__ = False  # pytest: not a class of tests

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._images: mnist.Images | None = None
        self._download: Download | None = None

    def images(self) -> mnist.Images:
        """All of them.  Raises DataMissing, DataCorrupt."""
        with self._lock:
            if self._images is None:
                self._images = mnist.load(self._settings.data_dirs(), mnist.TEST)
            return self._images

    def random_index(self) -> int:
        """The number of one test image."""
        return random.randrange(len(self.images().labels))

    def status(self) -> dict[str, Any]:
        """Whether the files are there, and how a download stands."""
        download = self._download
        if download is not None and download.status == "downloading":
            fraction = download.done_bytes / download.total_bytes if download.total_bytes else None
            return {"status": "downloading", "fraction": fraction, "message": "downloading MNIST"}
        if mnist.is_available(self._settings.data_dirs()):
            return {"status": "ready", "fraction": 1.0, "message": "MNIST is here"}
        if download is not None:
            return {"status": "failed", "fraction": None, "message": download.message}
        return {"status": "missing", "fraction": None, "message": "the MNIST files are missing"}

    def start_download(self) -> None:
        """Fetch what is missing in the background; does nothing while a fetch is under way."""
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
            log.error("the download of MNIST failed: %s", error.message)
            download.message = hide_paths(error.message, self._settings)
            download.status = "failed"
        except OSError as error:
            log.exception("the download of MNIST failed")
            download.message = f"the files could not be written: {error.strerror}"
            download.status = "failed"
        finally:
            if download.status == "downloading":  # an error that nobody thought of; the log has it
                download.message = "the download failed unexpectedly; the server log has the reason"
                download.status = "failed"
