"""Kill a process that stores corrections, many times, and count what is lost that was acknowledged.

    python bench/correction_kills.py [--trials 1000] [--seed 0]

Each trial starts a child that adds, relabels, merges and deletes corrections, and reports each change as soon as the
store has acknowledged it.  The child gets SIGKILL at a random moment.  Then every acknowledged change must be in the
database, and the change that was under way is there as a whole or not at all.  POSIX only.
"""

from __future__ import annotations

import argparse
import random
import sqlite3
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from measuring import RESULTS, machine, output_until_killed, write_result
from mnist_classifier.core.database import Store
from mnist_classifier.learning.correction_queries import Correction
from mnist_classifier.learning.corrections import Corrections, NewCorrection

# Several changes on two cores of a Xeon, so that a kill can hit every moment of one.
LONGEST_LIFE_S = 0.3
# Some corrections are deleted again, so that a trial takes the same time in the end as in the beginning.
KEPT = 50
# The newest ones are compared with all that was sent.
CHECKED = 10
PICTURE = bytes(range(256)) * 12
FAULTS = ("lost", "lost_deletion", "half", "damaged_file")


@dataclass
class Known:
    """What children reported: number -> label of what must be there, and what may be either way."""

    labels: dict[int, int] = field(default_factory=dict)
    gone: set[int] = field(default_factory=set)
    under_way: int | None = None
    changes: int = 0

    def hear(self, words: str) -> str:
        """Record the lines of one child; returns what it did last."""
        last, self.under_way = "started", None
        for line in words.splitlines():
            last, *numbers = line.split()
            number, label = (*map(int, numbers), 0, 0)[:2]
            if last == "changing":
                self.under_way = number
                continue
            self.under_way = None
            self.changes += 1
            if last == "deleted":
                self.labels.pop(number, None)
                self.gone.add(number)
            else:
                self.labels[number] = label
        return last


def main() -> None:
    """Run the trials, print, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--results", type=Path, default=RESULTS)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        result = run_trials(Path(home), options.trials, random.Random(options.seed))
    table = "\n".join(
        [f"{options.trials} kills, {result['seconds']} s, {result['acknowledged']} changes acknowledged"]
        + [f"  killed after {name!r:12} {count:6}" for name, count in result["killed_after"].items()]
        + [f"  {name:22} {count:6}" for name, count in result["faults"].items()]
    )
    write_result("correction_kills", result, table=table, folder=options.results)
    raise SystemExit(any(result["faults"].values()))


def run_trials(home: Path, trials: int, chance: random.Random) -> dict[str, Any]:
    """Kill this many children; returns the results."""
    known, moments, faults, lives = Known(), Counter[str](), Counter[str](), []
    facts, started = machine(), time.perf_counter()
    Store(url_of(home)).close()
    for _ in range(trials):
        life_s = chance.uniform(0, LONGEST_LIFE_S)
        lives.append(life_s)
        child = partial(work, home, np.random.default_rng(chance.randrange(2**32)))
        moments[known.hear(output_until_killed(child, life_s))] += 1
        faults.update(look(home, known))
    with closing(sqlite3.connect(home / "mnist.db")) as connection:
        faults["damaged_file"] += connection.execute("PRAGMA integrity_check").fetchone() != ("ok",)
    return {
        "machine": facts,
        "trials": trials,
        "seconds": round(time.perf_counter() - started, 1),
        "life_s_median": round(statistics.median(lives), 3),
        "acknowledged": known.changes,
        "killed_after": dict(moments.most_common()),
        "faults": {name: faults[name] for name in FAULTS},
    }


def work(home: Path, chance: np.random.Generator, say: Callable[[str], object]) -> None:
    """Add, merge, relabel and delete corrections, forever."""
    corrections = Corrections(Store(url_of(home)))
    while True:
        glyph = chance.integers(0, 256, (28, 28)).astype(np.uint8)
        new = NewCorrection(glyph, int(chance.integers(10)), "api", "Anna", PICTURE, strokes=[[[1.0, 2.0]]])
        added = corrections.add(new).correction
        say(f"added {added.id} {added.label}")
        corrections.add(new)
        label = (added.label + 1) % 10
        say(f"changing {added.id}")
        corrections.edit(added.id, label=label)
        say(f"relabelled {added.id} {label}")
        for old in corrections.find(limit=KEPT + 1)[KEPT:]:
            say(f"changing {old.id}")
            corrections.delete(old.id)
            say(f"deleted {old.id}")


def look(home: Path, known: Known) -> list[str]:
    """The faults after a kill.  A change that was under way may have happened or not."""
    corrections = Corrections(Store(url_of(home)))
    found = {each.id: each for each in corrections.find(limit=100_000)}
    faults = ["half" for each in list(found.values())[:CHECKED] if not is_whole(corrections, each)]
    faults += ["lost_deletion" for _ in known.gone & set(found)]
    for number, label in known.labels.items():
        if number != known.under_way and (number not in found or found[number].label != label):
            faults.append("lost")
    # From here on, what is in the database is what must stay there.
    known.labels = {number: each.label for number, each in found.items()}
    return faults


def is_whole(corrections: Corrections, found: Correction) -> bool:
    """Whether glyph, picture and strokes are complete."""
    has_all = corrections.image(found.id) == PICTURE and corrections.strokes(found.id) == [[[1.0, 2.0]]]
    return has_all and len(found.glyph) == 784


def url_of(home: Path) -> str:
    """The database URL of a home."""
    return f"sqlite:///{home / 'mnist.db'}"


if __name__ == "__main__":
    main()
