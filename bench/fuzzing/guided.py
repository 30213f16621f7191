"""Fuzzing that follows coverage, with atheris (libFuzzer): new lines of Python reached are worth keeping.

    pip install atheris==3.0.0        # Linux, Python 3.11 to 3.13
    python bench/fuzz.py --engine atheris --inputs 100000 --workers 1

Started by bench/fuzz.py with libFuzzer's own options; not a command of its own.
Damage is ours (damage.py), which knows the formats; libFuzzer chooses and keeps.
"""

from __future__ import annotations

import random
import sys
from typing import Any

import atheris

with atheris.instrument_imports(include=["mnist_classifier", "PIL"]):
    from fuzzing import damage
    from fuzzing.target import Pictures

# Asked for as a number so often: reading one takes five times as long.
NUMBERS_EVERY = 32


def main() -> None:
    """Fuzz until libFuzzer's options say enough."""
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
