"""Profile a training step, and compare its time with the limits of the machine.

    python bench/training_step.py [--recipes classic,...] [--steps N] [--threads N]

Computes two lower bounds of the time for each recipe.  Arithmetic: the multiply-accumulates of convolutions and linear
layers, forward and backward, at the measured speed of a large matrix product.  Memory: the bytes that every layer reads
and writes without caches, at the measured speed of a large copy.  The table also has the time of a step by kind of
operation (self time of torch.profiler).
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any

from measuring import machine, write_result
from mnist_classifier.core.settings import Settings
from mnist_classifier.core.train_config import TrainConfig

# Kinds of operations, and parts of their names in the profile.  The first match counts.
KINDS = (
    ("convolution", ("conv",)),
    ("linear", ("addmm", "aten::mm", "linear")),
    ("pooling", ("max_pool",)),
    ("activations", ("relu", "threshold", "clamp")),
    ("normalisation", ("batch_norm",)),
    ("resampling", ("grid_sampl", "affine_grid")),
    ("random numbers", ("rand", "uniform", "normal", "bernoulli", "dropout")),
    ("optimiser, averages", ("adam", "foreach", "lerp")),
    ("casts and copies", ("copy", "_to_copy", "contiguous", "clone", "index")),
)
STREAM_FLOATS = 32_000_000  # 128 MB, far more than the caches
MATRIX_SIDE = 2048


def main() -> None:
    """Measure, print, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--recipes", default="lightning,fast,standard,classic", help="names, separated by commas")
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--threads", type=int, default=0, help="0 leaves the choice to PyTorch")
    options = parser.parse_args()
    configs = {
        name: TrainConfig.from_mapping({"recipe": name, "threads": options.threads})
        for name in options.recipes.split(",")
    }
    speeds = measure_machine(options.threads)
    recipes = {name: measure(config, speeds, options.steps) for name, config in configs.items()}
    result = {"machine": machine(), **speeds, "steps": options.steps, "recipes": recipes}
    write_result("training_step", result, table=table(result))


def measure_machine(threads: int) -> dict[str, float]:
    """The multiply-accumulates and bytes per second of this machine."""
    import torch

    import mnist_classifier.training  # noqa: F401 - sets variables before torch is imported
    from mnist_classifier.training.device import choose_precision

    if threads:
        torch.set_num_threads(threads)
    dtype = choose_precision("auto", torch.device("cpu"))
    left, right = (torch.randn(MATRIX_SIDE, MATRIX_SIDE).to(dtype) for _ in range(2))
    source, target = torch.zeros(STREAM_FLOATS), torch.empty(STREAM_FLOATS)
    product_s = best_of(lambda: left @ right)
    copy_s = best_of(lambda: target.copy_(source))
    return {"macs_per_s": MATRIX_SIDE**3 / product_s, "bytes_per_s": 2 * 4 * STREAM_FLOATS / copy_s}


def best_of(function: Callable[[], object], repeats: int = 15) -> float:
    """Seconds of the fastest call."""
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        function()
        times.append(time.perf_counter() - started)
    return min(times)


def measure(config: TrainConfig, speeds: dict[str, float], steps: int) -> dict[str, Any]:
    """Measure one recipe: milliseconds per step, both bounds, and the kinds of operations."""
    import torch
    from torch.profiler import ProfilerActivity, profile

    from mnist_classifier.training.data import load_training_data
    from mnist_classifier.training.loop import Observer, Trainer
    from mnist_classifier.training.network import multiply_accumulates

    data = load_training_data(Settings.from_environment())
    trainer = Trainer(config, data, Observer(), None, None)
    plain = config.plain_epochs >= config.epochs
    batches = torch.split(torch.randperm(len(data.train_labels)), config.batch_size)

    def run(count: int) -> list[float]:
        times = []
        for rows in batches[:count]:
            started = time.perf_counter()
            trainer._step(trainer.batches.make(rows, plain))
            times.append(time.perf_counter() - started)
        return times

    trainer.network.train()
    run(10)  # compiles the kernels
    step_s = statistics.median(run(steps))
    with profile(activities=[ProfilerActivity.CPU]) as profiler:
        run(20)
    macs = 3 * multiply_accumulates(trainer.network) * config.batch_size
    moved = bytes_of_step(trainer.network, config.batch_size)
    return {
        "step_ms": 1000 * step_s,
        "images_per_s": config.batch_size / step_s,
        "arithmetic_floor_ms": 1000 * macs / speeds["macs_per_s"],
        "memory_floor_ms": 1000 * moved / speeds["bytes_per_s"],
        "share_percent": shares(profiler.key_averages()),
    }


def bytes_of_step(network: Any, batch_size: int) -> int:
    """The bytes that one step reads and writes if the values of every layer pass through memory once.

    Forward, a layer reads its input and writes its output.  Backward, it reads its input and the gradient of its
    output, and writes the gradient of its input.  A value has 2 bytes in bfloat16.  AdamW and weight averaging read
    and write 10 float32 for each weight.
    """
    import torch
    from torch import nn

    values = 0

    def count(module: nn.Module, inputs: tuple[torch.Tensor, ...], output: torch.Tensor) -> None:
        nonlocal values
        values += 3 * inputs[0].numel() + 2 * output.numel()

    layers = (nn.Conv2d, nn.MaxPool2d, nn.BatchNorm2d, nn.BatchNorm1d, nn.ReLU, nn.Linear)
    hooks = [m.register_forward_hook(count) for m in network.modules() if isinstance(m, layers)]
    with torch.no_grad():
        network(torch.zeros(batch_size, 1, 28, 28))
    for hook in hooks:
        hook.remove()
    parameters: int = sum(p.numel() for p in network.parameters())
    return 2 * values + 40 * parameters


def shares(rows: Any) -> dict[str, float]:
    """Percent of the profiled self time by kind of operation."""
    times: dict[str, float] = {}
    for row in rows:
        kind = next((name for name, words in KINDS if any(word in row.key.lower() for word in words)), "the rest")
        times[kind] = times.get(kind, 0.0) + row.self_cpu_time_total
    total = sum(times.values())
    return {kind: round(100 * spent / total, 1) for kind, spent in sorted(times.items(), key=lambda item: -item[1])}


def table(result: dict[str, Any]) -> str:
    """The figures, one recipe in each line, then its kinds of operations."""
    lines = [
        f"{result['macs_per_s'] / 1e9:.0f} G multiply-accumulates/s, {result['bytes_per_s'] / 1e9:.1f} GB/s; "
        f"{result['machine']['processor']}, load {result['machine']['load_before']}",
        f"{'':12}{'ms a step':>10}{'images/s':>10}{'arithmetic':>12}{'memory':>10}",
    ]
    for name, figures in result["recipes"].items():
        lines.append(
            f"{name:12}{figures['step_ms']:>10.1f}{figures['images_per_s']:>10,.0f}"
            f"{figures['arithmetic_floor_ms']:>12.2f}{figures['memory_floor_ms']:>10.2f}"
        )
        lines.append(f"{'':12}" + ", ".join(f"{kind} {share} %" for kind, share in figures["share_percent"].items()))
    return "\n".join(lines)


if __name__ == "__main__":
    main()
