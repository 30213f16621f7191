"""Freed memory is kept: tested by how often the system has to hand out a page."""

from __future__ import annotations

import os
import platform
import subprocess
import sys

import pytest

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries have other ways"),
]

FILL = """
import resource
import mnist_classifier.training
import torch
torch.set_num_threads(1)
def fill():
    for _ in range(10):
        torch.empty(2_000_000).fill_(1.0)  # 8 MB, 1,953 pages
fill()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
fill()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def page_faults(**variables: str) -> int:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MALLOC_")} | variables
    finished = subprocess.run(
        [sys.executable, "-c", FILL], env=environment, capture_output=True, text=True, check=True, timeout=60
    )
    return int(finished.stdout)


def test_pages_are_not_handed_out_for_every_block():
    # 19,530 for ten blocks otherwise.  Now and then a block finds another place in the heap once.
    assert page_faults() < 2 * 1_953 + 1_000


def test_a_persons_own_variables_are_left_alone():
    assert page_faults(MALLOC_MMAP_THRESHOLD_="131072") > 10_000
