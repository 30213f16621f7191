"""The cores that a process may use."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from mnist_classifier.core.processors import container_cores


@pytest.mark.parametrize(("limit", "cores"), [("150000 100000", 2), ("50000 100000", 1), ("max 100000", math.inf)])
def test_the_limit_of_a_container_is_kept(tmp_path: Path, limit: str, cores: float):
    group = tmp_path / "sys/fs/cgroup/a"
    group.mkdir(parents=True)
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/self/cgroup").write_text("0::/a\n")
    (group / "cpu.max").write_text(f"{limit}\n")
    assert container_cores(tmp_path) == cores


@pytest.mark.parametrize("path", ["/a/b", "/outside/of/the/container"])
def test_the_limit_of_a_group_above_is_kept(tmp_path: Path, path: str):
    (tmp_path / "sys/fs/cgroup/a/b").mkdir(parents=True)
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/self/cgroup").write_text(f"0::{path}\n")
    (tmp_path / "sys/fs/cgroup/a/b/cpu.max").write_text("max 100000\n")
    (tmp_path / "sys/fs/cgroup/cpu.max").write_text("300000 100000\n")
    assert container_cores(tmp_path) == 3
