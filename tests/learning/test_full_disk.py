"""Corrections on a disk that is really full: a small one in memory."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

# Mount a disk of 24 MB that only this process and its children see.
MOUNTED = ("unshare", "--user", "--map-root-user", "--mount", "sh", "-c")
MOUNT = 'mount -t tmpfs -o size=24m tmpfs "$0" && exec "$@"'

SCRIPT = """
import json, sys
from pathlib import Path
import numpy as np
from mnist_classifier.core.database import Store
from mnist_classifier.core.errors import StorageFull
from mnist_classifier.learning.corrections import Corrections, NewCorrection

home, is_served = Path(sys.argv[1]), sys.argv[2] == "served"
random = np.random.default_rng(0)
new = [
    NewCorrection(random.integers(0, 256, (28, 28), np.uint8), 7, "class", "AB"[n % 2], random.bytes(2500))
    for n in range(1200)
]
store = Store(f"sqlite:///{home}/mnist.db")
store.keep_open()
Corrections(store).add_many(new)
store.close()
store = Store(f"sqlite:///{home}/mnist.db")
if is_served:
    store.keep_open()
    Corrections(store).get(1)
fill = open(home / "fill", "ab", buffering=0)
try:
    while True:
        fill.write(bytes(4096))
except OSError:
    pass
if not is_served:  # a command opens the database when the disk is full already
    store.close()
    store = Store(f"sqlite:///{home}/mnist.db")
corrections = Corrections(store)
try:
    corrections.add_many(new[:1] * 2000)
    corrections.add_many([NewCorrection(each.glyph, 3, "class", "C", random.bytes(20000)) for each in new])
    is_full = False
except StorageFull:
    is_full = True
corrections.delete(1)
relabelled = corrections.edit(3, label=1).correction.label
purged = [len(corrections.purge("A")), len(corrections.purge())]
left = corrections.count()
store.close()
print(json.dumps([is_full, relabelled, purged, left, (home / "mnist.db-reserve").exists()]))
"""


def can_mount(folder: Path) -> bool:
    return (
        shutil.which("unshare") is not None
        and not subprocess.run([*MOUNTED, MOUNT, str(folder), "true"], capture_output=True, check=False).returncode
    )


@pytest.mark.parametrize("kind", ["served", "command"])
def test_corrections_can_be_deleted_on_a_full_disk(tmp_path: Path, kind: str):
    if not can_mount(tmp_path):
        pytest.skip("this user may not mount a small disk")
    command = [*MOUNTED, MOUNT, str(tmp_path), sys.executable, "-c", SCRIPT, str(tmp_path), kind]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout) == [True, 1, [599, 600], 0, True]
