"""Measure the accuracy and the time of the recipes.

    python bench/training.py [--recipes classic,...] [--seeds N] [any flag of train_model.py]

Runs `python train_model.py` for each recipe with seeds 0 to N-1, each in a new process with an empty MNIST_HOME.  The
command scores the test set once.  `training` is the time in the manifest, from tensors in memory to the last
validation.  `command` is the time of the whole command, including imports, export and test score.  Both are medians.
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

from measuring import ROOT, data_environment, load_average, machine, write_result
from mnist_classifier.core.metrics import spread
from mnist_classifier.core.recipes import RECIPES


def main() -> None:
    """Measure, print, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--recipes", default="classic", help="names, separated by commas, or `all`")
    parser.add_argument("--seeds", type=int, default=1)
    options, flags = parser.parse_known_args()
    names = list(RECIPES) if options.recipes == "all" else options.recipes.split(",")
    if unknown := set(names) - set(RECIPES):
        parser.error(f"recipe must be one of {', '.join(RECIPES)}, not {', '.join(sorted(unknown))}")
    result: dict[str, Any] = {"machine": machine(), "seeds": options.seeds, "flags": flags, "recipes": {}}
    for name in names:
        trials = [train(seed, ["--recipe", name, *flags]) for seed in range(options.seeds)]
        result["recipes"][name] = summary(trials)
    write_result("training", result, table=table(result))


def summary(trials: list[dict[str, Any]]) -> dict[str, Any]:
    """Means and medians over the seeds."""
    accuracies = [trial["test_accuracy"] for trial in trials]
    return {
        "test_accuracy_mean": statistics.mean(accuracies),
        "test_accuracy_sd": statistics.stdev(accuracies) if len(accuracies) > 1 else None,
        "training_s_median": statistics.median(trial["training_s"] for trial in trials),
        "command_s_median": statistics.median(trial["command_s"] for trial in trials),
        "trials": trials,
    }


def train(seed: int, flags: list[str]) -> dict[str, Any]:
    """Run the command once; returns its metrics and times."""
    with tempfile.TemporaryDirectory() as home:
        environment = os.environ | data_environment() | {"MNIST_HOME": home}
        load = load_average()
        started = time.perf_counter()
        command = [sys.executable, str(ROOT / "train_model.py"), "--seed", str(seed), *flags]
        subprocess.run(command, env=environment, check=True)
        elapsed_s = time.perf_counter() - started
        manifest = json.loads((Path(home) / "models" / "1" / "manifest.json").read_text("utf-8"))
    metrics = manifest["metrics"]
    return {
        "seed": seed,
        "validation_accuracy": metrics["validation"]["accuracy"],
        "validation_nll": metrics["validation"]["nll"],
        "test_accuracy": metrics["test"]["accuracy"],
        "test_nll": metrics["test"]["nll"],
        "training_s": manifest["training"]["elapsed_s"],
        "command_s": round(elapsed_s, 1),
        "load_before": load,
    }


def table(result: dict[str, Any]) -> str:
    """The figures, one recipe in each line."""
    lines = [f"{'':10}{'training':>10}{'command':>10}  test accuracy over {result['seeds']} seed(s)"]
    for name, figures in result["recipes"].items():
        accuracy = spread([trial["test_accuracy"] for trial in figures["trials"]])
        lines.append(
            f"{name:10}{figures['training_s_median']:>8.1f} s{figures['command_s_median']:>8.1f} s  {accuracy}"
        )
    loads = [trial["load_before"] for figures in result["recipes"].values() for trial in figures["trials"]]
    lines.append(f"{result['machine']['processor']}, {result['machine']['cores']} cores, load before a run {loads}")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
