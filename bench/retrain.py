"""What corrections do to a model: time, gain, what is forgotten, and whether wrong labels get into production.

    python bench/retrain.py [--cases honest,flipped] [--corrections 1000] [--seeds 3]

Each case fills an empty installation with corrections, runs `mnist retrain` in a process of its own, and reads the
new version.  The corrections are pen digits of the test writers.  The promotion check measures forgetting with the
validation writers, so that nobody is on both sides.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np

from measuring import RESULTS, data_environment, machine, write_result
from mnist_classifier.core.arrays import Bytes
from mnist_classifier.core.database import Store
from mnist_classifier.core.settings import PRETRAINED_DIR, Settings
from mnist_classifier.data import pen_digits
from mnist_classifier.data.splits import TEST
from mnist_classifier.evaluation.robustness.drawing import draw
from mnist_classifier.learning.corrections import Corrections, NewCorrection
from mnist_classifier.recognition.imaging.preprocess import make_glyph
from mnist_classifier.recognition.recogniser import Recogniser
from mnist_classifier.registry.aliases import PRODUCTION
from mnist_classifier.registry.versions import Registry

SEED = 23
WIDTHS_PX = (18, 10, 28)
Given = list[NewCorrection]


def glyph_of(picture: Bytes) -> Bytes:
    """The glyph of a drawing, which is not blank."""
    glyph = make_glyph(picture)
    assert glyph is not None
    return glyph


def written(count: int) -> Given:
    """So many pen digits of the test writers, each with a right label and the writer's name."""
    digits = pen_digits.load(Settings.from_environment().pen_dirs()).of_split(TEST).digits
    rows = [(width, row) for width in WIDTHS_PX for row in np.random.default_rng(SEED).permutation(len(digits))]
    found = []
    for width, row in rows[:count]:
        digit = digits[row]
        picture = draw(digit.strokes, pen_px=width, rng=np.random.default_rng((SEED, width, int(row))))
        found.append(NewCorrection(glyph_of(picture), int(digit.label), "api", digit.writer))
    return found


def misread(count: int) -> Given:
    """Only digits that the model in the box misreads, as people send them who correct what they see."""
    box = Recogniser.open(PRETRAINED_DIR)
    found = written(10**9)
    return [each for each in found if int(np.argmax(box.read_glyph(each.glyph).probabilities)) != each.label][:count]


def like_sevens(count: int) -> Given:
    """One person, whose ones have a long upstroke and look like sevens; the sevens have a bar."""
    rng = np.random.default_rng(SEED)
    found = [NewCorrection(each.glyph, each.label, "page") for each in written(count) if each.label not in (1, 7)]
    for index in range(count - len(found)):
        label = (1, 7)[index % 2]
        shake = rng.normal(0, 15, (6, 2))
        one = [np.array([[60, 330], [470, 0], [430, 1000]]) + shake[:3]]
        seven = [
            np.array([[0, 40], [600, 0], [250, 1000]]) + shake[:3],
            np.array([[130, 520], [560, 500]]) + shake[3:5],
        ]
        picture = draw(one if label == 1 else seven, pen_px=18, rng=rng)
        found.append(NewCorrection(glyph_of(picture), label, "page"))
    return found


def relabelled(
    given: Given, label_of: Callable[[NewCorrection, np.random.Generator], int], writer: str | None
) -> Given:
    """The same drawings with other labels.  writer: everything comes from this client; None keeps the names."""
    rng = np.random.default_rng(SEED)
    names = (each.writer if writer is None else writer for each in given)
    return [
        NewCorrection(each.glyph, label_of(each, rng), "api", name) for each, name in zip(given, names, strict=True)
    ]


def any_other(each: NewCorrection, rng: np.random.Generator) -> int:
    """A wrong label."""
    return int(each.label + rng.integers(1, 10)) % 10


def some_wrong(count: int) -> Given:
    """A fifth of the labels is wrong, at random."""
    return relabelled(
        written(count), lambda each, rng: any_other(each, rng) if rng.random() < 0.2 else each.label, None
    )


def flipped(count: int) -> Given:
    """Every seven is called a one."""
    return relabelled(written(count), lambda each, rng: 1 if each.label == 7 else each.label, None)


def one_client(count: int) -> Given:
    """One client sends half of the corrections, all with wrong labels; the others are honest."""
    found = written(count)
    return found[count // 2 :] + relabelled(found[: count // 2], any_other, "flood")


def only_client(count: int) -> Given:
    """One client alone calls every digit the next one, without a name."""
    return relabelled(written(count), lambda each, rng: (each.label + 1) % 10, "")


HONEST: dict[str, Callable[[int], Given]] = {"honest": written, "misread": misread, "like sevens": like_sevens}
POISON: dict[str, Callable[[int], Given]] = {
    "a fifth wrong": some_wrong,
    "flipped": flipped,
    "one client of many": one_client,
    "only client": only_client,
}


def measure(make: Callable[[int], Given], count: int, flags: list[str]) -> dict[str, Any]:
    """Train on the corrections of one case; returns the figures of the new version."""
    given = make(count)
    with tempfile.TemporaryDirectory() as home:
        environment = os.environ | data_environment() | {"MNIST_HOME": home}
        settings = Settings.from_environment(home=Path(home))
        with closing(Store(settings.resolved_database_url)) as store:
            Corrections(store).add_many(given)
        command = [sys.executable, "-m", "mnist_classifier", "train", "--recipe", "corrections", *flags]
        started, used = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
        output = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        elapsed_s, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
        if output.returncode:
            raise SystemExit(output.stderr or output.stdout)
        with closing(Store(settings.resolved_database_url)) as store:
            registry = Registry.of(settings, store)
            version = registry.get(1)
            is_promoted = registry.aliases.all().get(PRODUCTION) == 1
            reason = registry.aliases.history()[0].reason
    metrics = version.metrics
    corrections = metrics["corrections"]
    rows = zip(corrections["robustness"]["before"], corrections["robustness"]["after"], strict=True)
    return {
        "corrections": len(given),
        "learned": version.manifest["training"]["corrections"]["count"],
        "held_out": corrections["images"],
        "before": corrections.get("before", {}).get("correct"),
        "after": corrections["correct"],
        "suspicious": len(corrections["suspicious"]),
        "validation": metrics["validation"]["accuracy"],
        "test": metrics["test"]["accuracy"],
        "robustness": {old["id"]: [old["measured"], new["measured"]] for old, new in rows},
        "promoted": is_promoted,
        "reason": reason,
        "elapsed_s": round(elapsed_s, 1),
        "processor_s": round(after.ru_utime + after.ru_stime - used.ru_utime - used.ru_stime, 1),
    }


def as_row(name: str, found: dict[str, Any]) -> str:
    """A line of the table."""
    pen = found["robustness"]["pen_digits.mean"]
    return (
        f"{name:20} {found['corrections']:5} {found['held_out']:4} {found['before'] or 0:4} -> {found['after']:4} "
        f"{found['suspicious']:4} {found['validation']:8.2%} {found['test']:8.2%} {pen[0]:8.2%} -> {pen[1]:7.2%} "
        f"{'yes' if found['promoted'] else 'no':>4} {found['elapsed_s']:6.1f} {found['processor_s']:6.1f}"
    )


def main() -> None:
    """Measure the cases, print a table, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    cases = {**HONEST, **POISON}
    parser.add_argument("--cases", default=",".join(cases), help="names, separated by commas")
    parser.add_argument("--corrections", type=int, default=1000, help="corrections in each case")
    parser.add_argument("--seeds", type=int, default=1, help="trainings of each case")
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder of the JSON file")
    options, flags = parser.parse_known_args()
    print(
        f"{'case':20} {'given':>5} held  before/after susp  validat     test       pen digits      prom wall_s  cpu_s"
    )
    found: dict[str, list[dict[str, Any]]] = {}
    for name in options.cases.split(","):
        found[name] = []
        for seed in range(options.seeds):
            one = measure(cases[name], options.corrections, [*flags, "--seed", str(seed)])
            found[name].append(one)
            print(f"{as_row(name, one)}\n   {one['reason']}", flush=True)
    result = {"machine": machine(), "flags": flags, "cases": found}
    write_result("retrain", result, table=f"{len(found)} cases", folder=options.results)


if __name__ == "__main__":
    main()
