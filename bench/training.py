"""Measure how accurate the default recipe is, and how long it takes.

    python bench/training.py [--seeds N] [any flag of train_model.py]

Runs `python train_model.py` with seeds 0 to N-1, each in a fresh process and
an empty MNIST_HOME, and prints mean and standard deviation.  The seconds are
those of the whole command, imports, export and the one test score included.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from measuring import ROOT, data_environment, machine, write_result


def main() -> None:
    """Measure, print, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=1)
    options, flags = parser.parse_known_args()
    trials = [train(seed, flags) for seed in range(options.seeds)]
    accuracies = [trial["test_accuracy"] for trial in trials]
    result = {
        "machine": machine(),
        "command": " ".join(["python train_model.py", *flags]),
        "seeds": options.seeds,
        "test_accuracy_mean": statistics.mean(accuracies),
        "test_accuracy_sd": statistics.stdev(accuracies) if len(accuracies) > 1 else None,
        "command_s_median": statistics.median(trial["command_s"] for trial in trials),
        "trials": trials,
    }
    write_result("training", result)


def train(seed: int, flags: list[str]) -> dict[str, Any]:
    """One run of the command; returns what its manifest says and how long it took."""
    with tempfile.TemporaryDirectory() as home:
        environment = os.environ | data_environment() | {"MNIST_HOME": home}
        started = time.perf_counter()
        command = [sys.executable, str(ROOT / "train_model.py"), "--seed", str(seed), *flags]
        subprocess.run(command, env=environment, check=True)
        elapsed_s = time.perf_counter() - started
        manifest = json.loads((Path(home) / "models" / "1" / "manifest.json").read_text("utf-8"))
    metrics = manifest["metrics"]
    return {
        "seed": seed,
        "validation_accuracy": metrics["validation"]["accuracy"],
        "test_accuracy": metrics["test"]["accuracy"],
        "test_nll": metrics["test"]["nll"],
        "training_s": manifest["training"]["elapsed_s"],
        "command_s": round(elapsed_s, 1),
    }


if __name__ == "__main__":
    main()
