"""The measurements can be run; what they find is not judged here."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.checkout import ROOT

SCRIPTS = [path for path in sorted((ROOT / "bench").glob("*.py")) if path.stem != "measuring"]
PEER = ROOT / "bench" / "peers" / "pytorch_example.py"


def run_script(script: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    result = subprocess.run(
        [sys.executable, str(script), *arguments], cwd=ROOT, capture_output=True, encoding="utf-8", timeout=300
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result


@pytest.mark.parametrize("script", [*SCRIPTS, PEER], ids=lambda path: path.stem)
def test_measurement_explains_itself(script: Path) -> None:
    assert "usage:" in run_script(script, "--help").stdout


@pytest.mark.slow
@pytest.mark.mnist
def test_quick_comparison_finds_the_figures_of_both(mnist_dirs: list[Path], tmp_path: Path) -> None:
    script = ROOT / "bench" / "time_to_accuracy.py"
    arguments = ("--quick", "--train-images", "2000", "--target", "0.2", "--results", str(tmp_path))
    printed = run_script(script, *arguments).stdout
    result = json.loads((tmp_path / "time_to_accuracy_quick.json").read_text("utf-8"))
    assert (result["quick"], result["trials"], result["train_images"]) == (True, 1, 2000)
    assert set(result["contestants"]) == {"pytorch_example", "classic"}
    for name, entry in result["contestants"].items():
        assert name in printed
        (trial,) = entry["trials"]
        (epoch,) = trial["epochs"]
        assert set(epoch) == {"train_s", "evaluation_s", "validation_accuracy"}
        assert entry["epoch_s"] == epoch["train_s"] > 0
        assert 0 < entry["test_accuracy"] < 1
        assert entry["times_better_than_peer"]["epoch_s"] > 0
        assert (entry["peak_mb"] is None) == (os.name == "nt")
        if entry["reached_target"]:
            assert entry["to_target_s"] == trial["setup_s"] + epoch["train_s"]
            assert entry["to_target_with_evaluation_s"] == entry["to_target_s"] + epoch["evaluation_s"]


@pytest.mark.parametrize("recipe", ["nonsense", "", "classic,nonsense"])
def test_unknown_recipe_is_refused_before_anything_runs(recipe: str) -> None:
    command = [sys.executable, str(ROOT / "bench" / "time_to_accuracy.py"), "--recipes", recipe]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, encoding="utf-8", timeout=60)
    assert result.returncode == 2
    assert "recipe must be one of" in result.stderr
