"""Measure training in several processes: accuracy, speed, and the time of communication.

    python bench/distributed.py [--processes 1,2] [--recipe fast] [--seeds N] [--quick]

Starts torchrun on this machine for each number of processes and each seed, with an empty MNIST_HOME.  `images/s` is the
median over the epochs of all seeds.  `communication` is the share of a step's time in which a process waits for others
or exchanges values: median of 100 steps after 20, in process 0, from a second training that is not counted otherwise.
The processes share the cores, so the speed of 1 and of N processes compares the same hardware.
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
from contextlib import closing
from pathlib import Path
from typing import Any

from measuring import ROOT, data_environment, load_average, machine, write_result
from mnist_classifier.core.database import Store
from mnist_classifier.core.metrics import spread
from mnist_classifier.core.settings import Launch, Settings, import_path
from mnist_classifier.core.train_config import TrainConfig
from mnist_classifier.runs.run_log import Runs

WARM_UP_STEPS = 20
TIMED_STEPS = 100
QUICK_STEPS = 10


def main() -> None:
    """Measure, print, write JSON; or time steps, as one of the processes of torchrun."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--processes", default="1,2", help="numbers of processes, separated by commas")
    parser.add_argument("--recipe", default="fast")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="one seed and few images: only shows that it works")
    parser.add_argument("--time-steps", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    flags = ["--train-images", "2000"] if options.quick else []
    if options.time_steps:
        time_steps(options.time_steps, {"recipe": options.recipe}, QUICK_STEPS if options.quick else TIMED_STEPS)
        return
    result: dict[str, Any] = {"machine": machine(), "recipe": options.recipe, "flags": flags, "processes": {}}
    for size in map(int, options.processes.split(",")):
        trials = [train(size, options.recipe, seed, flags) for seed in range(1 if options.quick else options.seeds)]
        result["processes"][size] = {**summary(trials), **timed_steps(size, options.recipe, options.quick)}
    write_result("distributed", result, table=table(result))


def torchrun(size: int, home: str, *command: str) -> None:
    """Run a Python program in `size` processes."""
    environment = {**os.environ, **data_environment(), "MNIST_HOME": home, "PYTHONPATH": import_path()}
    launcher = [sys.executable, "-m", "torch.distributed.run", f"--nproc-per-node={size}"]
    if size == 1:
        # torchrun sets one thread for each process, but only for several.
        environment.pop("OMP_NUM_THREADS", None)
    subprocess.run([*launcher, *command], env=environment, check=True)


def train(size: int, recipe: str, seed: int, flags: list[str]) -> dict[str, Any]:
    """Train once; returns accuracy and speed."""
    with tempfile.TemporaryDirectory() as home:
        load, started = load_average(), time.perf_counter()
        torchrun(size, home, "-m", "mnist_classifier", "train", "--recipe", recipe, "--seed", str(seed), *flags)
        elapsed_s = time.perf_counter() - started
        manifest = json.loads((Path(home) / "models" / "1" / "manifest.json").read_text("utf-8"))
        with closing(Store(Settings(home=Path(home)).resolved_database_url)) as store:
            epochs = Runs(store, Path(home)).events(1, kinds=("epoch",))
    return {
        "seed": seed,
        "test_accuracy": manifest["metrics"]["test"]["accuracy"],
        "images_per_s": [epoch.data["images_per_s"] for epoch in epochs],
        "command_s": round(elapsed_s, 1),
        "load_before": load,
    }


def summary(trials: list[dict[str, Any]]) -> dict[str, Any]:
    """Mean accuracy and median speed over the seeds."""
    return {
        "test_accuracy_mean": statistics.mean(trial["test_accuracy"] for trial in trials),
        "images_per_s_median": statistics.median(speed for trial in trials for speed in trial["images_per_s"]),
        "trials": trials,
    }


def timed_steps(size: int, recipe: str, quick: bool) -> dict[str, Any]:
    """The median time of a step, and of the communication in it, in ms."""
    with tempfile.TemporaryDirectory() as home:
        out = Path(home) / "steps.json"
        command = [str(ROOT / "bench" / "distributed.py"), "--recipe", recipe, "--time-steps", str(out)]
        torchrun(size, home, *command, *(["--quick"] if quick else []))
        timed: dict[str, Any] = json.loads(out.read_text("utf-8"))
    return timed


def time_steps(out: Path, values: dict[str, Any], count: int) -> None:
    """Time `count` steps as one of the processes; the first one writes the result."""
    import torch.distributed

    from mnist_classifier.training.data import load_training_data
    from mnist_classifier.training.distributed import joined
    from mnist_classifier.training.loop import Observer, Trainer

    all_reduce, waited_s, exchanges = torch.distributed.all_reduce, 0.0, 0

    def timed(*arguments: Any) -> Any:
        nonlocal waited_s, exchanges
        exchanges += 1
        started = time.perf_counter()
        result = all_reduce(*arguments)
        waited_s += time.perf_counter() - started
        return result

    torch.distributed.all_reduce = timed  # type: ignore[assignment]
    config = TrainConfig.from_mapping(values)
    data = load_training_data(Settings.from_environment())
    steps: list[tuple[float, float]] = []
    with joined(Launch.from_environment()) as workers:
        workers.start()
        trainer = Trainer(config, data, Observer(), None, None, workers)
        trainer.network.train()
        for _ in range(WARM_UP_STEPS + count):
            rows = torch.randperm(len(data.train_labels), generator=trainer.generator)[: config.batch_size]
            waited_s, started = 0.0, time.perf_counter()
            trainer._step(trainer.batches.make(rows, False))
            steps.append((time.perf_counter() - started, waited_s))
        whole, waits = zip(*steps[WARM_UP_STEPS:], strict=True)
        if workers.rank == 0:
            figures = {"step_ms": 1000 * statistics.median(whole), "communication_ms": 1000 * statistics.median(waits)}
            figures["bytes_a_step"] = 4 * sum(p.numel() for p in trainer.network.parameters())
            figures["exchanges_a_step"] = exchanges / len(steps)
            out.write_text(json.dumps(figures))


def table(result: dict[str, Any]) -> str:
    """The figures, one number of processes in each line."""
    facts = result["machine"]
    lines = [
        f"recipe {result['recipe']}; {facts['processor']}, {facts['cores']} cores, load {facts['load_before']}",
        f"{'processes':>9}{'images/s':>10}{'ms a step':>11}{'communication':>15}  test accuracy",
    ]
    for size, figures in result["processes"].items():
        share = figures["communication_ms"] / figures["step_ms"]
        lines.append(
            f"{size:>9}{figures['images_per_s_median']:>10,.0f}{figures['step_ms']:>11.1f}"
            f"{figures['communication_ms']:>8.1f} ms {share:>3.0%}  "
            f"{spread([trial['test_accuracy'] for trial in figures['trials']])}"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
