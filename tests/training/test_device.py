"""Which precision a training takes by itself."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

CHOICE = """
import torch
from mnist_classifier.training.device import choose_precision
print(choose_precision("auto", torch.device("cpu")))
"""


@pytest.mark.slow
def test_precision_is_float32_where_onednn_may_not_compute_in_bfloat16():
    environment = os.environ | {"ONEDNN_MAX_CPU_ISA": "AVX2"}
    result = subprocess.run([sys.executable, "-c", CHOICE], env=environment, capture_output=True, text=True, check=True)
    assert result.stdout.split() == ["torch.float32"]
