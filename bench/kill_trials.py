"""Kill a process that saves, promotes and deletes model versions, many times, and count the damage.

    python bench/kill_trials.py [--trials 1000] [--seed 0]

Each trial starts a child that repeatedly saves a copy of the model in the box, promotes it and deletes an old
version, and reports every finished step.  The child gets SIGKILL at a random moment.  Then every finished step must
be on disk, and nothing may be half done.  POSIX only.
"""

from __future__ import annotations

import argparse
import random
import shutil
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from measuring import RESULTS, machine, output_until_killed, write_result
from mnist_classifier.core.database import Store
from mnist_classifier.core.errors import MnistError
from mnist_classifier.core.settings import PRETRAINED_DIR
from mnist_classifier.evaluation import promotion
from mnist_classifier.evaluation.self_test import open_tested
from mnist_classifier.registry import folders
from mnist_classifier.registry.aliases import BOX, PRODUCTION
from mnist_classifier.registry.manifest import read_manifest, verify
from mnist_classifier.registry.versions import Registry

MANIFEST = read_manifest(PRETRAINED_DIR)
# Versions of the last rounds are kept, so that there is something to lose.
KEPT = 3
# About one and a half rounds on two cores of a Xeon, so that a kill can hit every moment of a round.
LONGEST_LIFE_S = 0.25

FAULTS = ("lost", "half_visible", "production_broken", "production_moved_back", "torn_history", "resurrected")


@dataclass
class Known:
    """The steps that children reported as finished, and those that they began."""

    saved: set[int] = field(default_factory=set)
    deleting: set[int] = field(default_factory=set)
    deleted: set[int] = field(default_factory=set)
    promoted: int = BOX
    promoting: int = BOX

    def hear(self, words: str) -> str:
        """Record the lines of one child; returns its last line."""
        last = "started"
        for line in words.splitlines():
            last, _, number = line.partition(" ")
            if last == "saved":
                self.saved.add(int(number))
            elif last in ("deleting", "deleted"):
                getattr(self, last).add(int(number))
            elif last in ("promoting", "promoted"):
                setattr(self, last, int(number))
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
        [f"{options.trials} kills, {result['seconds']} s, {result['versions_saved']} versions saved"]
        + [f"  killed after {name!r:12} {count:6}" for name, count in result["killed_after"].items()]
        + [f"  {name:22} {count:6}" for name, count in result["faults"].items()]
    )
    write_result("kill_trials", result, table=table, folder=options.results)
    raise SystemExit(any(result["faults"].values()))


def run_trials(home: Path, trials: int, chance: random.Random) -> dict[str, Any]:
    """Kill this many children; returns the results."""
    # No other process saves here, so unfinished versions can be swept at once.
    folders.ABANDONED_AFTER_S = -1
    known, moments, faults, lives = Known(), Counter[str](), Counter[str](), []
    facts, started = machine(), time.perf_counter()
    for _ in range(trials):
        life_s = chance.uniform(0, LONGEST_LIFE_S)
        lives.append(life_s)
        moments[known.hear(output_until_killed(partial(work, home), life_s))] += 1
        faults.update(look(home, known))
    store = Store(url_of(home))
    open_tested(Registry(home / "models", store).folder(known.promoted))
    store.close()
    return {
        "machine": facts,
        "trials": trials,
        "seconds": round(time.perf_counter() - started, 1),
        "life_s_median": round(statistics.median(lives), 3),
        "versions_saved": len(known.saved),
        "versions_deleted": len(known.deleted),
        "killed_after": dict(moments.most_common()),
        "faults": {name: faults[name] for name in FAULTS},
    }


def work(home: Path, say: Callable[[str], object]) -> None:
    """Save, promote and delete, forever."""
    store = Store(url_of(home))
    registry = Registry(home / "models", store)
    while True:
        number = registry.save(MANIFEST, write_files).version
        say(f"saved {number}")
        say(f"promoting {number}")
        promotion.promote(registry, number, actor="kill trial")
        say(f"promoted {number}")
        for old in [version.version for version in registry.versions() if version.version != BOX][KEPT:]:
            say(f"deleting {old}")
            registry.delete(old)
            say(f"deleted {old}")


def look(home: Path, known: Known) -> list[str]:
    """The faults after a kill: first as the disk is, then after the repair by the next start."""
    store = Store(url_of(home))
    registry = Registry(home / "models", store)
    found = ["half_visible" for number in registry.folders.numbers() if not is_whole(registry.folder(number))]
    registry.adopt()
    listed = {version.version for version in registry.versions()} - {BOX}
    found += ["half_visible" for number in listed if not is_whole(registry.folder(number))]
    found += ["half_visible" for path in registry.models_dir.glob(".*")]
    found += ["lost" for _ in known.saved - known.deleting - listed]
    found += ["resurrected" for _ in known.deleted & ({*listed, *registry.folders.numbers()})]
    production = registry.aliases.production()
    if production != BOX and (production not in listed or not is_whole(registry.folder(production))):
        found.append("production_broken")
    if production not in (known.promoted, known.promoting):
        found.append("production_moved_back")
    known.promoted = known.promoting = production
    moves = registry.aliases.history(alias=PRODUCTION, limit=1)
    if production != (moves[0].version if moves else BOX):
        found.append("torn_history")
    store.close()
    return found


def is_whole(folder: Path) -> bool:
    """Whether every file matches its manifest."""
    try:
        verify(folder)
    except MnistError:
        return False
    return True


def write_files(folder: Path) -> None:
    """Copy the files of the model in the box."""
    for name in MANIFEST["files"]:
        shutil.copyfile(PRETRAINED_DIR / name, folder / name)


def url_of(home: Path) -> str:
    """The database URL of a home."""
    return f"sqlite:///{home / 'mnist.db'}"


if __name__ == "__main__":
    main()
