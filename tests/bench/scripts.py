"""Runs a measurement as a person does."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.checkout import ROOT

# The longest takes a minute and a half on a quiet machine; a busy one may take ten times as long.
PATIENCE_S = 900


def run_script(script: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a script of bench/ and wait for its end; it must succeed."""
    result = subprocess.run(
        [sys.executable, str(script), *arguments], cwd=ROOT, capture_output=True, encoding="utf-8", timeout=PATIENCE_S
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result
