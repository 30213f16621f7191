"""Coverage-guided fuzzing with atheris (libFuzzer), which keeps inputs that reach new lines of Python.

    pip install atheris==3.0.0        # Linux, Python 3.11 to 3.13
    python bench/fuzz.py --engine atheris --inputs 100000 --workers 1

bench/fuzz.py starts it with libFuzzer's options.  damage.py, which knows the formats, damages the inputs; libFuzzer
chooses and keeps them.
"""

from __future__ import annotations

import random
import sys
from typing import Any

import atheris

with atheris.instrument_imports(include=["mnist_classifier", "PIL"]):
    from fuzzing import damage
    from fuzzing.target import Pictures

# How often an input is read as a number, which takes five times as long.
NUMBERS_EVERY = 32


def main() -> None:
    """Fuzz until the limit in libFuzzer's options."""
    pictures, count = Pictures(), 0

    def look(data: bytes) -> None:
        nonlocal count
        count += 1
        pictures.check(data, as_number=count % NUMBERS_EVERY == 0)

    def change(data: bytes, longest: int, seed: int) -> bytes:
        changed = damage.damaged(random.Random(seed), data or damage.input_of(random.Random(seed)))
        return changed[:longest]

    options: dict[str, Any] = {"custom_mutator": change}
    atheris.Setup(sys.argv, look, **options)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
