"""A save and a promotion with the power cut before each of their operations in turn; prints what was left.

    python -m tests.power_cut FOLDER

A process of its own, which forks: the child's life ends at the chosen
operation, and what it wrote without flushing is cut in half, as a disk may
leave it.  Used by test_faults.py; POSIX only.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from mnist_classifier.core.database import Store
from mnist_classifier.core.errors import MnistError
from mnist_classifier.registry.aliases import PRODUCTION
from mnist_classifier.registry.manifest import verify
from mnist_classifier.registry.versions import Registry
from tests.versions import MANIFEST

OPERATIONS = ("os.rename", "os.mkdir", "os.remove", "os.rmdir")
WRITING = os.O_WRONLY | os.O_RDWR


class Power:
    """Counts operations; at the last one that it has power for, the process ends."""

    def __init__(self, folder: Path, operations: int) -> None:
        self.folder = folder
        self.left = operations
        self.flushed = {path.stat().st_ino for path in folder.rglob("*")}
        self.fsync = os.fsync
        sys.addaudithook(self.note)
        os.fsync = self.flush  # type: ignore[assignment]
        sa.event.listen(sa.Engine, "commit", lambda connection: self.spend("commit"))

    def note(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event in OPERATIONS or (event == "open" and isinstance(arguments[2], int) and arguments[2] & WRITING):
            self.spend(event)

    def flush(self, descriptor: int) -> None:
        self.spend("fsync")
        self.fsync(descriptor)
        self.flushed.add(os.fstat(descriptor).st_ino)

    def spend(self, operation: str) -> None:
        if self.left == 0:
            self.left = -1
            for path in self.folder.rglob("*"):
                if path.is_file() and path.stat().st_ino not in self.flushed:
                    os.truncate(path, path.stat().st_size // 2)
            os.write(1, f"{operation}\n".encode())
            os._exit(9)
        self.left -= 1


def write_files(folder: Path) -> None:
    for name in MANIFEST["files"]:
        (folder / name).write_bytes(name.encode() * 100)


def open_registry(home: Path) -> Registry:
    return Registry(home / "models", Store(f"sqlite:///{home / 'mnist.db'}"))


def cut(home: Path, operations: int) -> bool:
    """Whether the power failed before the work was done."""
    child = os.fork()
    if child == 0:
        registry = open_registry(home)
        Power(home / "models", operations)
        registry.save(MANIFEST, write_files)
        registry.aliases.move(PRODUCTION, 2)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status) == 9


def look(home: Path) -> dict[str, Any]:
    """What the next start finds."""
    registry = open_registry(home)
    registry.adopt()
    listed = [version.version for version in registry.versions() if version.version != 0]
    return {
        "listed": listed,
        "on_disk": registry.folders.numbers(),
        "whole": all(is_whole(registry.folder(number)) for number in {*listed, *registry.folders.numbers()}),
        "production": registry.aliases.production(),
        "history": registry.aliases.history(limit=1)[0].version,
    }


def is_whole(folder: Path) -> bool:
    try:
        verify(folder)
    except MnistError:
        return False
    return True


def main(folder: Path) -> None:
    template = folder / "template"
    registry = open_registry(template)
    registry.save(MANIFEST, write_files)
    registry.aliases.move(PRODUCTION, 1)
    for operations in range(1000):
        home = folder / str(operations)
        shutil.copytree(template, home)
        is_cut = cut(home, operations)
        print(json.dumps({"cut": is_cut, **look(home)}), flush=True)
        shutil.rmtree(home)
        if not is_cut:
            return


if __name__ == "__main__":
    main(Path(sys.argv[1]))
