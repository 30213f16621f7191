"""The command `python -m mnist_classifier.training.line_reader`."""

from __future__ import annotations

from pathlib import Path

import click
import torch

from mnist_classifier.core.errors import MnistError
from mnist_classifier.core.settings import Settings
from mnist_classifier.training.line_reader.batches import Sources, from_other_process, validation_batches
from mnist_classifier.training.line_reader.loop import LineConfig, LineTrainer
from mnist_classifier.training.line_reader.release import write_reader

VALIDATION_LINES = 4096


@click.command()
@click.argument("out", type=click.Path(file_okay=False, path_type=Path))
@click.option("--lines", default=LineConfig.lines, show_default=True, help="Generated lines to learn from.")
@click.option("--learning-rate", default=LineConfig.learning_rate, show_default=True)
@click.option("--weight-decay", default=LineConfig.weight_decay, show_default=True)
@click.option("--seed", default=LineConfig.seed, show_default=True)
@click.option("--bf16", is_flag=True, help="Compute convolutions with bfloat16.")
@click.option("--threads", default=1, show_default=True, help="CPU threads; another process generates the lines.")
def main(out: Path, lines: int, learning_rate: float, weight_decay: float, seed: int, bf16: bool, threads: int) -> None:
    """Train the line reader and write it to the folder OUT.

    Run the same command again to continue a training that was interrupted.
    """
    torch.set_num_threads(threads)
    settings = Settings.from_environment()
    sources = Sources(settings.data_dirs(), settings.pen_dirs())
    config = LineConfig(lines, learning_rate, weight_decay, seed, bf16)
    checkpoint = out.with_name(f"{out.name}.checkpoint.safetensors")
    try:
        trainer = LineTrainer(config, checkpoint)
        validation = validation_batches(sources.validation_maker(), VALIDATION_LINES)
        # A training that goes on must not see the lines from before the interruption again.
        with from_other_process(sources, seed + trainer.step) as batches:
            network, scores = trainer.run(batches, validation, click.echo)
        write_reader(out, network, config, scores, validation[len(validation) // 2])
    except MnistError as error:
        raise click.ClickException(error.message) from None
    checkpoint.unlink(missing_ok=True)


if __name__ == "__main__":
    main()
