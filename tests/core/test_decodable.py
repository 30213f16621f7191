"""Several threads may be the first to decode a type."""

from __future__ import annotations

import subprocess
import sys

import pytest

# Threads take turns as often as they can, in the hope that one of them sees what another has not finished.
IN_THREADS = """
import gc, sys, threading
{imports}
sys.setswitchinterval(1e-6)
gc.set_threshold(20, 5, 5)
start, errors = threading.Barrier(16), []

def decode():
    start.wait()
    try:
        {decode}
    except Exception as error:
        errors.append(error)

threads = [threading.Thread(target=decode) for _ in range(16)]
for thread in threads: thread.start()
for thread in threads: thread.join()
assert not errors, errors
"""
FORM = "{'fields': [{'number': None, 'confidence': 1.0, 'verdict': 'blank', 'digits': []}]}"


@pytest.mark.parametrize(
    ("imports", "decode"),
    [
        (
            "from mnist_classifier.core.settings import PRETRAINED_DIR\n"
            "from mnist_classifier.registry.manifest import read_manifest",
            "read_manifest(PRETRAINED_DIR)",
        ),
        ("from mnist_classifier.client import replies", f"replies.fields({FORM})"),
    ],
    ids=["manifest", "reply"],
)
def test_threads_may_decode_a_type_first_at_the_same_time(imports: str, decode: str) -> None:
    """It ended the process: msgspec shows other threads a type that it has not examined to the end."""
    script = IN_THREADS.format(imports=imports, decode=decode)
    for _ in range(3):
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120, check=False)
        assert (done.returncode, done.stderr) == (0, "")
