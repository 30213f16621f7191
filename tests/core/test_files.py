"""Files are written whole, and a full disk is said."""

from __future__ import annotations

import errno
from pathlib import Path

import filelock
import pytest

from mnist_classifier.core import files
from mnist_classifier.core.errors import ModelError, StorageFull


def test_a_file_is_replaced_as_a_whole(tmp_path: Path):
    path = tmp_path / "file"
    path.write_text("old")
    with files.replaced(path) as part:
        part.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("error", [OSError(errno.ENOLCK, "No locks available"), NotImplementedError()])
def test_a_disk_without_locks_is_no_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception):
    def refuse(lock: filelock.FileLock, **options: object) -> None:
        raise error

    monkeypatch.setattr(filelock.FileLock, "acquire", refuse)
    with files.locked(tmp_path / "lock", RuntimeError("taken")):
        pass


def test_a_lock_that_cannot_be_made_is_an_error(tmp_path: Path):
    (tmp_path / "lock").mkdir()
    with pytest.raises(OSError, match="lock"), files.locked(tmp_path / "lock", RuntimeError("taken")):
        pass


@pytest.mark.parametrize("error", [RuntimeError("broken"), KeyboardInterrupt()])
def test_a_failure_leaves_the_old_file_alone(tmp_path: Path, error: BaseException):
    path = tmp_path / "file"
    path.write_text("old")

    def fail(part: Path) -> None:
        part.write_text("half")
        raise error

    with pytest.raises(type(error)), files.replaced(path) as part:
        fail(part)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_contents_are_flushed_before_the_name_changes_and_the_folder_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    path, seen = tmp_path / "file", []
    monkeypatch.setattr(files, "flush", lambda part: seen.append((part.read_text(), path.exists())))
    monkeypatch.setattr(files, "flush_folder", lambda folder: seen.append((folder, path.exists())))
    with files.replaced(path) as part:
        part.write_text("new")
    assert seen == [("new", False), (tmp_path, True)]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_and_a_used_up_quota_are_said(number: int):
    with (
        pytest.raises(StorageFull, match=r"the disk is full, so nothing was saved; free some space and try again"),
        files.disk_errors("nothing was saved", ModelError),
    ):
        raise OSError(number, "No room")


def test_another_error_of_the_disk_gives_its_reason():
    with (
        pytest.raises(ModelError, match=r"^nothing was saved: Input/output error$"),
        files.disk_errors("nothing was saved", ModelError),
    ):
        raise OSError(errno.EIO, "Input/output error")
