from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from tests import conftest
from tests.checkout import ROOT
from tests.processes import let_children_heed_ctrl_c


@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
def test_tests_that_run_in_the_background_start_children_that_heed_ctrl_c():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        let_children_heed_ctrl_c()
        os.kill(os.getpid(), signal.SIGINT)  # nothing happens here
        child = subprocess.run(
            [sys.executable, "-c", "import os, signal; os.kill(os.getpid(), signal.SIGINT); print('ignored it')"],
            capture_output=True, encoding="utf-8",
        )  # fmt: skip
    finally:
        signal.signal(signal.SIGINT, before)
    assert child.stdout == ""
    assert "KeyboardInterrupt" in child.stderr


def test_files_that_start_first_exist():
    assert [name for name in conftest.LONGEST_FILES if not (ROOT / "tests" / name).is_file()] == []
