"""Choose a small corpus of inputs with a large coverage, saved in tests/corpus.

    python -m fuzzing.corpus --inputs 20000        # in bench/

Keeps an input if it reaches a line of this package or of Pillow's decoders, or an answer, that no smaller input
reaches.  The files are named by their hash.  tests/project/test_fuzz.py replays them.
"""

from __future__ import annotations

import argparse
import hashlib
import random
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

import PIL

from .damage import input_of
from .target import Pictures

TRACED = (str(Path(PIL.__file__).parent), str(Path(sys.modules["mnist_classifier"].__file__ or "").parent))
LARGEST_BYTES = 4000
MOST_BYTES = 250_000


def reached(look: Callable[[], str]) -> frozenset[tuple[str, object]]:
    """The lines that a call runs, as (file, line), and its result."""
    lines: set[tuple[str, object]] = set()

    def trace(frame: FrameType, event: str, argument: object) -> Any:
        name = frame.f_code.co_filename
        if not name.startswith(TRACED):
            return None
        if event == "line":
            lines.add((name, frame.f_lineno))
        return trace

    sys.settrace(trace)
    try:
        outcome = look()
    finally:
        sys.settrace(None)
    return frozenset({*lines, ("outcome", outcome)})


def choose(inputs: int, seed: int) -> list[bytes]:
    """The smallest inputs that reach a line or an answer that no other input reaches."""
    pictures, chance = Pictures(), random.Random(seed)
    found = {data for _ in range(inputs) if len(data := input_of(chance)) <= LARGEST_BYTES}
    chosen, seen, total = [], set[tuple[str, object]](), 0
    for data in sorted(found, key=lambda data: (len(data), data)):
        new = reached(partial(pictures.check, data)) | {
            # The same answer for another format counts as another answer.
            (data[:2].hex(), pictures.check(data)),
            ("number", pictures.check(data, as_number=True)),
        }
        if new - seen and total + len(data) <= MOST_BYTES:
            seen |= new
            total += len(data)
            chosen.append(data)
    return chosen


def main() -> None:
    """Choose and write the corpus."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--inputs", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path, default=Path(__file__).parents[2] / "tests" / "corpus")
    options = parser.parse_args()
    options.folder.mkdir(exist_ok=True)
    for data in choose(options.inputs, options.seed):
        (options.folder / f"{hashlib.sha256(data).hexdigest()[:12]}.bin").write_bytes(data)
    files = list(options.folder.glob("*.bin"))
    print(f"{len(files)} files, {sum(path.stat().st_size for path in files):,} bytes in {options.folder}")


if __name__ == "__main__":
    main()
