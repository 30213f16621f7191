"""What goes wrong around a model store: files that vanish or are no files, stale copies, full disks, refusals."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from mnist_classifier.core.errors import ModelCorrupt, ModelError, StoreUnreachable
from mnist_classifier.core.records import LARGEST_ID
from mnist_classifier.registry import bucket
from mnist_classifier.registry.aliases import BOX, PRODUCTION
from mnist_classifier.registry.bucket import Bucket
from mnist_classifier.registry.manifest import MANIFEST_FILE, ONNX_FILE, verify
from mnist_classifier.registry.versions import Registry
from mnist_classifier.web.services import served_model
from mnist_classifier.web.services.served_model import ServedModel
from tests.cluster.s3 import S3
from tests.cluster.test_model_store import files_of, machine, put, shared, url
from tests.versions import save

__all__ = ["machine", "shared", "url"]

pytestmark = pytest.mark.cluster


def abandon(shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave an upload that was cut short, long ago."""
    monkeypatch.setattr("mnist_classifier.registry.remote.ABANDONED_AFTER_S", -1)
    (shared / "7").mkdir()
    for name in (ONNX_FILE, "weights.safetensors"):
        (shared / "7" / name).write_bytes(b"half")


def test_servers_that_both_remove_an_abandoned_upload_both_start(
    machine: Callable[..., Registry], shared: Path, monkeypatch: pytest.MonkeyPatch
):
    abandon(shared, monkeypatch)
    other, modified = machine("there", str(shared)), Bucket.modified

    def other_is_quicker(self: Bucket, path: str) -> datetime | None:
        with monkeypatch.context() as patch:
            patch.setattr(Bucket, "modified", modified)
            other.adopt()
        return modified(self, path)

    registry = machine("here", str(shared))
    monkeypatch.setattr(Bucket, "modified", other_is_quicker)
    assert registry.adopt() == []
    assert files_of(str(shared)) == {}
    save(registry)  # the store counts as reachable


def test_an_upload_that_vanishes_between_two_listings_is_gone(
    machine: Callable[..., Registry], shared: Path, monkeypatch: pytest.MonkeyPatch
):
    abandon(shared, monkeypatch)
    registry, used = machine("here", str(shared)), type(machine("here", str(shared)).folders)._used

    def and_then_it_is_gone(self: Any) -> set[int]:
        found: set[int] = used(self)
        for path in (shared / "7").iterdir():
            path.unlink()
        (shared / "7").rmdir()
        return found

    monkeypatch.setattr(type(registry.folders), "_used", and_then_it_is_gone)
    assert registry.adopt() == []


def test_a_save_reads_nothing_back_from_the_store(
    machine: Callable[..., Registry], url: str, monkeypatch: pytest.MonkeyPatch
):
    registry = machine("here", url)

    def unwanted(self: Bucket, path: str, largest_bytes: int) -> bytes:
        raise AssertionError(path)

    monkeypatch.setattr(Bucket, "read", unwanted)
    version = save(registry)
    assert registry.get(1) == version
    assert verify(registry.folder(1)) == version.manifest


def test_a_copy_that_another_database_left_in_the_cache_gives_way(machine: Callable[..., Registry], shared: Path):
    registry = machine("here", str(shared))
    stale = registry.models_dir / "1"
    stale.mkdir(parents=True)
    (stale / "of_another_database").write_bytes(b"")
    version = save(registry)
    assert verify(registry.folder(1)) == version.manifest


def test_a_server_starts_with_a_full_disk_of_the_cache(
    machine: Callable[..., Registry], shared: Path, monkeypatch: pytest.MonkeyPatch
):
    registry = machine("here", str(shared))
    with monkeypatch.context() as patch:
        patch.setattr(Registry, "_record", lambda self, version: version)
        save(registry)
    there = machine("there", str(shared))

    def full(self: Path, data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", full)
        assert there.adopt() == []
        assert "the disk is full" in there.set_aside()["1"]
    assert there.adopt() == [1]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="POSIX")
def test_a_pipe_in_a_shared_folder_blocks_nobody(machine: Callable[..., Registry], shared: Path):
    save(machine("here", str(shared)))
    (shared / "1" / ONNX_FILE).unlink()
    os.mkfifo(shared / "1" / ONNX_FILE)
    caught: list[BaseException] = []

    def fetch() -> None:
        try:
            machine("there", str(shared)).folder(1)
        except ModelCorrupt as error:
            caught.append(error)

    reader = Thread(target=fetch, daemon=True)
    reader.start()
    reader.join(30)
    assert "not a plain file" in str(caught[0])


def test_a_file_that_may_not_be_read_leaves_the_others_within_reach(
    machine: Callable[..., Registry], shared: Path, monkeypatch: pytest.MonkeyPatch
):
    here = machine("here", str(shared))
    save(here)
    save(here)
    there, read = machine("there", str(shared)), bucket.read_bounded

    def guarded(path: Path, largest_bytes: int) -> bytes:  # root may read everything
        if path.parent.name == "1":
            raise PermissionError(errno.EACCES, "Permission denied")
        return read(path, largest_bytes)

    monkeypatch.setattr(bucket, "read_bounded", guarded)
    with pytest.raises(StoreUnreachable, match="refuses access"):
        there.folder(1)
    verify(there.folder(2))


def test_a_driver_that_remembers_listings_shows_new_versions(
    machine: Callable[..., Registry], s3: S3, monkeypatch: pytest.MonkeyPatch
):
    # As the drivers of other clouds do; ours for S3 is told not to.
    monkeypatch.setitem(bucket.S3_OPTIONS, "use_listings_cache", True)
    address = f"s3://{s3.new_bucket()}/models"
    here, there = machine("here", address), machine("there", address)
    save(here)
    assert there.folders.numbers() == [1]
    save(here)
    assert there.folders.numbers() == [1, 2]


def test_a_version_saved_a_moment_ago_is_not_missing(machine: Callable[..., Registry], shared: Path):
    here, there = machine("here", str(shared)), machine("there", str(shared))
    save(here)
    assert there.set_aside() == {}
    save(here)
    assert there.set_aside() == {}


def test_after_the_largest_number_a_save_is_refused_clearly(machine: Callable[..., Registry], shared: Path):
    (shared / str(LARGEST_ID)).mkdir()
    (shared / str(LARGEST_ID) / MANIFEST_FILE).write_bytes(b"{}")
    with pytest.raises(ModelError, match=f"version {LARGEST_ID} is the last possible one"):
        save(machine("here", str(shared)))


@pytest.mark.parametrize("name", [ONNX_FILE, MANIFEST_FILE])
def test_a_message_about_the_store_names_no_temporary_file(machine: Callable[..., Registry], shared: Path, name: str):
    save(machine("here", str(shared)))
    put(str(shared), f"1/{name}", b"nonsense")
    there = machine("there", str(shared))
    with pytest.raises(ModelCorrupt) as caught:
        there.folder(1)
    assert f"version 1 is damaged in the model store: {name}" in caught.value.message
    assert str(there.models_dir) not in caught.value.message


def test_a_version_whose_files_were_restored_is_served(
    machine: Callable[..., Registry], shared: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(served_model, "CHECK_INTERVAL_S", 0)
    monkeypatch.setattr(served_model, "RETRY_S", 0)
    here = machine("here", str(shared))
    save(here)
    here.aliases.move(PRODUCTION, 1)
    good = files_of(str(shared))[f"1/{ONNX_FILE}"]
    put(str(shared), f"1/{ONNX_FILE}", b"nonsense")
    served = ServedModel(machine("there", str(shared)))
    for _ in range(2):
        assert served.current().version.version == BOX
    put(str(shared), f"1/{ONNX_FILE}", good)
    assert served.current().version.version == 1
    assert served.current()
    assert served.trouble == ""


def test_a_damaged_version_is_not_fetched_at_every_look(
    machine: Callable[..., Registry], shared: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(served_model, "CHECK_INTERVAL_S", 0)
    here = machine("here", str(shared))
    save(here)
    here.aliases.move(PRODUCTION, 1)
    put(str(shared), f"1/{ONNX_FILE}", b"nonsense")
    there = machine("there", str(shared))
    served, asked, read = ServedModel(there), [], Bucket.read

    def counted(self: Bucket, path: str, largest_bytes: int) -> bytes:
        asked.append(path)
        return read(self, path, largest_bytes)

    monkeypatch.setattr(Bucket, "read", counted)
    for _ in range(5):
        assert served.current().version.version == BOX
    assert asked.count(f"1/{MANIFEST_FILE}") == 1
