"""Measure how long training takes to reach 99.0 %, compared with PyTorch's MNIST example.

    python bench/time_to_accuracy.py [--recipes classic,...] [--trials N] [--quick]

The contestants are peers/pytorch_example.py and our recipes.  They take turns, each trial in a new process.  The clock
starts when the data is in memory and the imports are done; evaluation is timed separately.  The validation split
decides, at the end of an epoch, whether the target is reached.  The peer stops there; a recipe runs to its end.  The
test set is scored once, at the end of a trial.  Figures are medians over the trials, and a trial that never reaches the
target counts as infinitely long.  A ratio over 1 is in our favour.  A second table has each whole training in epochs of
the peer, by the clock and by processor time.  On a busy machine only processor time with one thread (OMP_NUM_THREADS=1)
is comparable, because threads that wait for each other spin.

--quick tests the script with one trial of one epoch each.
--run NAME runs one contestant in this process and prints one line of JSON.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

from measuring import RESULTS, load_average, machine, peak_mb, write_result
from mnist_classifier.core.errors import InvalidConfig
from mnist_classifier.core.train_config import TrainConfig

PEER = "pytorch_example"
# The figures of a contestant.  Lower costs are better.
COSTS = ("epoch_s", "to_target_s", "to_target_with_evaluation_s", "peak_mb")
FIGURES = (*COSTS, "epoch_processor_s", "training_s", "training_processor_s", "test_accuracy")


def main() -> None:
    """Measure, print, write JSON; with --run, be one contestant."""
    options = parse_options()
    if options.run:
        print(json.dumps(run_contestant(options)))
        return
    result: dict[str, Any] = {
        "machine": machine(),
        "command": " ".join(["python bench/time_to_accuracy.py", *sys.argv[1:]]),
        "target": options.target,
        "trials": options.trials,
        "train_images": options.train_images,
        "evaluation_images": options.evaluation_images,
        "quick": options.quick,
    }
    result["contestants"] = compare(options)
    name = "time_to_accuracy_quick" if options.quick else "time_to_accuracy"
    write_result(name, result, table=table(result), folder=options.results)


def parse_options() -> argparse.Namespace:
    """Parse and check the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--recipes", default="classic", help="names, separated by commas")
    parser.add_argument("--trials", type=int, default=3)
    parser.add_argument("--target", type=float, default=0.99, help="validation accuracy, a fraction")
    parser.add_argument("--max-epochs", type=int, default=14, help="where the peer gives up; 14 is its own number")
    parser.add_argument(
        "--train-images",
        type=int,
        default=0,
        help="use only the first so many; 0 uses as many as a recipe has, and all 55,000 for the peer",
    )
    parser.add_argument(
        "--evaluation-images", type=int, default=0, help="score only so many of each split; 0 scores all"
    )
    parser.add_argument("--quick", action="store_true", help="one trial, one epoch each")
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder for the JSON")
    parser.add_argument("--run", metavar="NAME", help=f"run {PEER} or a recipe in this process")
    parser.add_argument("--seed", type=int, default=0, help="with --run")
    options = parser.parse_args()
    options.recipes = options.recipes.split(",")
    options.trials = 1 if options.quick else options.trials
    options.max_epochs = 1 if options.quick else options.max_epochs
    if options.trials < 1 or options.max_epochs < 1:
        parser.error("--trials and --max-epochs must be at least 1")
    try:
        for name in [options.run] if options.run not in (None, PEER) else options.recipes:
            configure(name, options)
    except InvalidConfig as error:
        parser.error(error.message)
    return options


def configure(recipe: str, options: argparse.Namespace) -> TrainConfig:
    """The settings of a recipe, with the seed and the options for a short trial."""
    small = {"epochs": 1} if options.quick else {}
    if options.train_images:  # otherwise as many as the recipe has
        small["train_images"] = options.train_images
    return TrainConfig.from_mapping({"recipe": recipe, "seed": options.seed, **small})


def run_contestant(options: argparse.Namespace) -> dict[str, Any]:
    """Train one contestant in this process; returns its epochs, test accuracy and memory."""
    # Only children import torch, because the memory of a child includes that of its parent.
    if options.run == PEER:
        from peers import pytorch_example

        facts = pytorch_example.run(options)
    else:
        from peers import our_recipe

        facts = our_recipe.run(configure(options.run, options), options.evaluation_images)
    return {**facts, "peak_mb": peak_mb()}


def compare(options: argparse.Namespace) -> dict[str, Any]:
    """Let the contestants take turns; returns the figures, ratios to the peer and trials of each."""
    names = [PEER, *options.recipes]
    trials: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
    for seed in range(options.trials):
        # The order alternates, so that a machine that gets slower affects all of them.
        for name in names if seed % 2 == 0 else reversed(names):
            trials[name].append(run_child(name, seed, options))
    medians = {name: {figure: median(trials[name], figure) for figure in FIGURES} for name in names}
    return {
        name: {
            **medians[name],
            "reached_target": sum(trial["to_target_s"] is not None for trial in trials[name]),
            "times_better_than_peer": {key: ratio(medians[PEER][key], medians[name][key]) for key in COSTS},
            "peer_epochs": ratio(medians[name]["training_s"], medians[PEER]["epoch_s"]),
            "peer_epochs_by_processor": ratio(
                medians[name]["training_processor_s"], medians[PEER]["epoch_processor_s"]
            ),
            "trials": trials[name],
        }
        for name in names
    }


def run_child(name: str, seed: int, options: argparse.Namespace) -> dict[str, Any]:
    """Run one trial in a new process; returns its output and the figures computed from it."""
    command = [sys.executable, __file__, "--run", name, "--seed", str(seed), "--target", str(options.target)]
    command += ["--max-epochs", str(options.max_epochs), "--train-images", str(options.train_images)]
    command += ["--evaluation-images", str(options.evaluation_images)]
    command += ["--quick"] if options.quick else []
    before = load_average()
    printed = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
    facts: dict[str, Any] = json.loads(printed)
    return {**facts, **figures_of(facts, options.target), "load_before": before, "load_after": load_average()}


def figures_of(facts: dict[str, Any], target: float) -> dict[str, float | None]:
    """Seconds of an epoch, of the whole training, and until an epoch ends at the target (None if none does)."""
    epochs = facts["epochs"]
    hits = [index for index, epoch in enumerate(epochs) if epoch["validation_accuracy"] >= target]
    until = epochs[: hits[0] + 1] if hits else []
    train_s = facts["setup_s"] + sum(epoch["train_s"] for epoch in until)
    evaluation_s = sum(epoch["evaluation_s"] for epoch in until)
    return {
        "epoch_s": statistics.median(epoch["train_s"] for epoch in epochs),
        "epoch_processor_s": statistics.median(epoch["processor_s"] for epoch in epochs),
        "training_s": facts["setup_s"] + sum(epoch["train_s"] for epoch in epochs),
        "training_processor_s": sum(epoch["processor_s"] for epoch in epochs),
        "to_target_s": train_s if hits else None,
        "to_target_with_evaluation_s": train_s + evaluation_s if hits else None,
    }


def median(trials: list[dict[str, Any]], figure: str) -> float | None:
    """The median over the trials, with None for infinity."""
    middle = statistics.median(math.inf if trial[figure] is None else trial[figure] for trial in trials)
    return middle if math.isfinite(middle) else None


def ratio(cost: float | None, other: float | None) -> float | None:
    """One cost divided by another; None if one is unknown."""
    return round(cost / other, 3) if cost and other else None


def table(result: dict[str, Any]) -> str:
    """The medians and their ratios to the peer, one contestant in each line."""
    headings = ["s/epoch", f"s to {result['target']:.1%}", "with evaluation", "peak MB"]
    lines = [f"{'':18}" + "".join(f"{heading:>20}" for heading in headings) + f"{'reached':>10}{'test':>10}"]
    for name, entry in result["contestants"].items():
        cells = [cell(entry[key], entry["times_better_than_peer"][key]) for key in COSTS]
        reached = f"{entry['reached_target']} of {result['trials']}"
        lines.append(f"{name:18}" + "".join(cells) + f"{reached:>10}{entry['test_accuracy']:>10.2%}")
    lines.append(f"{'':18}{'s training':>20}{'epochs of the peer':>20}{'by processor':>20}")
    for name, entry in result["contestants"].items():
        epochs = f"{entry['peer_epochs']:>20}{entry['peer_epochs_by_processor']:>20}"
        lines.append(f"{name:18}{entry['training_s']:>20.2f}{epochs}")
    trials = [trial for entry in result["contestants"].values() for trial in entry["trials"]]
    machine_name = f"{result['machine']['processor']}, {result['machine']['cores']} cores"
    lines.append(f"medians of {result['trials']} trial(s) each; {machine_name}; {load_range(trials)}")
    return "\n".join(lines)


def load_range(trials: list[dict[str, Any]]) -> str:
    """The load of the machine.  Above its number of cores, the figures are invalid."""
    loads = [trial[key] for trial in trials for key in ("load_before", "load_after") if trial[key] is not None]
    return f"load {min(loads)} to {max(loads)}" if loads else "load unknown"


def cell(value: float | None, times: float | None) -> str:
    """A figure with its ratio to the peer in brackets."""
    shown = "-" if value is None else f"{value:.2f}"
    return f"{shown:>10}{'' if times is None else f'({times:.2f}x)':>10}"


if __name__ == "__main__":
    main()
