"""CPU time for PNG files of a canvas with kornia-rs and with Pillow: decoding alone, and the whole reading.

    python bench/png_decoders.py [--pictures 200] [--rounds 9]

Each round times both decoders one after the other, in alternating order.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Sequence
from statistics import median
from typing import Any

from load import pictures
from measuring import machine
from mnist_classifier.core.settings import PRETRAINED_DIR
from mnist_classifier.recognition.imaging import decode
from mnist_classifier.recognition.recogniser import Recogniser

KINDS = {"grey": pictures.grey_png, "rgba": pictures.rgba_png, "soft": pictures.soft_png}
# Without a plain kind of PNG, every file goes to Pillow.
DECODERS = {"kornia_rs": decode.PLAIN_PNG, "pillow": {}}


def main() -> None:
    """Print medians in microseconds of process time for each file, and the median ratio."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pictures", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args()
    images = pictures.test_images(options.pictures).images
    recogniser = Recogniser.open(PRETRAINED_DIR)
    tasks: dict[str, Callable[[bytes], Any]] = {
        "decode": lambda data: decode.decode_image(data, max_pixels=10**7),
        "read": recogniser.read,
    }
    found = {
        f"{kind} {name}": compare(task, [make(image) for image in images], options.rounds)
        for kind, make in KINDS.items()
        for name, task in tasks.items()
    }
    print(json.dumps({"machine": machine(), "pictures": options.pictures, "rounds": options.rounds, **found}, indent=2))


def compare(task: Callable[[bytes], Any], files: Sequence[bytes], rounds: int) -> dict[str, float]:
    """Time a task with both decoders."""
    times: dict[str, list[float]] = {name: [] for name in DECODERS}
    for number in range(rounds):
        for name in sorted(DECODERS, reverse=number % 2 == 1):
            decode.PLAIN_PNG = DECODERS[name]
            started = time.process_time()
            for data in files:
                task(data)
            times[name].append((time.process_time() - started) / len(files) * 1e6)
    ratio = median(pillow / quick for quick, pillow in zip(times["kornia_rs"], times["pillow"], strict=True))
    return {f"{name}_us": round(median(each), 1) for name, each in times.items()} | {"ratio": round(ratio, 3)}


if __name__ == "__main__":
    main()
