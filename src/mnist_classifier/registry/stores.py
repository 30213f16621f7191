"""Where the files of model versions are: in folders of this machine, or in a model store."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol

from mnist_classifier.registry.folders import VersionFolders
from mnist_classifier.registry.rows import VersionRows


class VersionStore(Protocol):
    """Where the files of versions are: in folders of this machine, or in a model store."""

    @property
    def models_dir(self) -> Path: ...  # noqa: D102
    def folder(self, number: int) -> Path: ...  # noqa: D102
    def numbers(self) -> list[int]: ...  # noqa: D102
    def strays(self) -> list[str]: ...  # noqa: D102
    def check(self, number: int, *, thorough: bool) -> None: ...  # noqa: D102
    def new_folder(self) -> AbstractContextManager[Path]: ...  # noqa: D102
    def add(self, manifest: dict[str, Any], write_files: Callable[[Path], None]) -> dict[str, Any]: ...  # noqa: D102
    def remove(self, number: int) -> None: ...  # noqa: D102
    def sweep(self, deleted: Mapping[int, bool]) -> None: ...  # noqa: D102
    def robustness(self, number: int) -> bytes | None: ...  # noqa: D102
    def write_robustness(self, number: int, table: bytes) -> None: ...  # noqa: D102


def version_store(models_dir: Path, url: str, rows: VersionRows) -> VersionStore:
    """The versions in a model store, with copies in `models_dir`; without a URL, those in `models_dir`."""
    if not url:
        return VersionFolders(models_dir, rows)
    from mnist_classifier.registry.remote import RemoteStore

    return RemoteStore(url, models_dir, rows)
