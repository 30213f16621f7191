from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from mnist_classifier.core import reserve as module
from mnist_classifier.core.reserve import ROOM_BYTES, Reserve


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "mnist.db-reserve"


def set_free(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    monkeypatch.setattr(module.shutil, "disk_usage", lambda folder: SimpleNamespace(free=count))


def test_the_space_is_free_until_the_last_block_that_needs_it_ends(path: Path, monkeypatch: pytest.MonkeyPatch):
    reserve = Reserve(path)
    reserve.keep()
    set_free(monkeypatch, 0)
    with reserve.in_use():
        with reserve.in_use():
            assert not path.exists()
        assert not path.exists()
    assert path.stat().st_size == ROOM_BYTES


def test_it_stays_while_there_is_space(path: Path, monkeypatch: pytest.MonkeyPatch):
    reserve = Reserve(path)
    reserve.keep()
    set_free(monkeypatch, ROOM_BYTES)
    with reserve.in_use():
        assert path.exists()


def test_a_disk_without_the_space_gets_no_part_of_it(path: Path, monkeypatch: pytest.MonkeyPatch):
    def write_half(self: Path, contents: bytes) -> int:
        with self.open("wb") as file:
            file.write(contents[: ROOM_BYTES // 2])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", write_half)
    Reserve(path).keep()
    assert not path.exists()
