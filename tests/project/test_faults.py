"""Power cuts, full disks, kills: whatever happens, there is a whole version or none, and production is valid."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from mnist_classifier.core import files
from mnist_classifier.core.database import Store
from mnist_classifier.core.errors import StorageFull
from mnist_classifier.core.settings import Settings
from mnist_classifier.registry import folders
from mnist_classifier.registry.aliases import BOX, PRODUCTION
from mnist_classifier.registry.versions import Registry
from tests import versions
from tests.checkout import ROOT

posix_only = pytest.mark.skipif(os.name == "nt", reason="forks and kills")


@posix_only
def test_power_that_fails_before_any_operation_of_a_save_leaves_a_whole_version_or_none(tmp_path: Path):
    result = subprocess.run(
        [sys.executable, "-m", "tests.power_cut", str(tmp_path)], cwd=ROOT, capture_output=True, text=True, timeout=300
    )
    assert result.returncode == 0, result.stderr
    lines = result.stdout.splitlines()
    left = [json.loads(line) for line in lines if line.startswith("{")]
    cut_at = [line for line in lines if not line.startswith("{")]
    assert {"open", "fsync", "os.rename", "os.mkdir", "commit"} <= set(cut_at)
    assert len(left) > 15
    assert [state["cut"] for state in left] == [True] * (len(left) - 1) + [False]
    for state in left:
        assert state["whole"], state
        assert state["listed"] in ([1], [2, 1])
        assert state["listed"] == sorted(state["on_disk"], reverse=True)
        assert state["production"] in state["listed"]
        assert state["history"] == state["production"]
    assert {state["production"] for state in left} == {1, 2}


def killed(script: str, folder: Path) -> dict[str, Any]:
    """What a measurement of bench/ finds that kills a process 15 times."""
    result = subprocess.run(
        [sys.executable, str(ROOT / "bench" / f"{script}.py"), "--trials", "15", "--results", str(folder)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    found: dict[str, Any] = json.loads((folder / f"{script}.json").read_text())
    assert (found["trials"], set(found["faults"].values())) == (15, {0})
    return found


@posix_only
def test_a_process_killed_while_it_saves_promotes_and_deletes_loses_nothing(tmp_path: Path):
    killed("kill_trials", tmp_path)


@posix_only
def test_a_process_killed_while_it_stores_corrections_loses_nothing(tmp_path: Path):
    assert killed("correction_kills", tmp_path)["acknowledged"] > 0


@pytest.mark.parametrize("where", ["flush", "flush_folder"])
def test_a_disk_that_fills_up_while_a_version_is_written_is_said_and_nothing_is_kept(
    settings: Settings, store: Store, monkeypatch: pytest.MonkeyPatch, where: str
):
    registry = Registry(settings.models_dir, store)
    versions.save(registry)
    registry.aliases.move(PRODUCTION, 1)

    def fail(path: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(files, where, fail)
    with pytest.raises(StorageFull, match="free some space"):
        versions.save(registry)
    assert [version.version for version in registry.versions()] == [1, BOX]
    assert {path.name for path in settings.models_dir.iterdir()} == {"1"}
    assert registry.aliases.production() == 1


def test_a_disk_that_is_full_when_a_version_is_recorded_leaves_it_to_the_next_start(
    settings: Settings, store: Store, monkeypatch: pytest.MonkeyPatch
):
    registry = Registry(settings.models_dir, store)
    with monkeypatch.context() as patched:
        patched.setattr(
            Registry, "_record", lambda self, number: (_ for _ in ()).throw(StorageFull("the disk is full"))
        )
        with pytest.raises(StorageFull):
            versions.save(registry)
    assert [version.version for version in registry.versions()] == [BOX]
    assert registry.adopt() == [1]


@pytest.mark.parametrize("jump_s", [0.0, 3601.0, -3601.0])
def test_a_folder_that_another_process_saves_into_is_not_swept_though_the_clock_is_set(
    settings: Settings, store: Store, monkeypatch: pytest.MonkeyPatch, jump_s: float
):
    registry, clock = Registry(settings.models_dir, store), time.time
    monkeypatch.setattr(folders.time, "time", lambda: clock() + jump_s)

    def write(folder: Path) -> None:
        Registry(settings.models_dir, store).adopt()  # another server starts
        versions.write_files(folder)

    assert registry.save(versions.MANIFEST, write).version == 1
