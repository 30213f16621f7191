"""The measurements can be run; what they find is not judged here."""

from __future__ import annotations

import argparse
import json
import math
import os
import re
import runpy
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mnist_classifier.core.train_config import TrainConfig
from mnist_classifier.data import mnist
from mnist_classifier.data.pen_digits import split_of
from mnist_classifier.data.splits import TEST
from mnist_classifier.evaluation.robustness.pages.source import make
from mnist_classifier.evaluation.robustness.pages.writing import generated_writers
from tests.bench.scripts import run_script
from tests.checkout import ROOT
from tests.handwriting import LETTER_X, STROKES, Strokes, write_lines

SCRIPTS = [path for path in sorted((ROOT / "bench").glob("*.py")) if path.stem != "measuring"]
FUZZ = ROOT / "bench" / "fuzz.py"
MISREADINGS = ROOT / "bench" / "misreadings.py"
NUMBERS_ON_PAGES = ROOT / "bench" / "numbers_on_pages.py"
FLOWS = ROOT / "bench" / "flows.py"
COMPARISON = ROOT / "bench" / "time_to_accuracy.py"
PEER = ROOT / "bench" / "peers" / "pytorch_example.py"


# Runs several scripts one after another: most of what each needs is to import PyTorch.
RUN_EACH = """
import contextlib, io, json, os, runpy, sys
ended = []
for script, *arguments in json.loads(sys.argv[1]):
    sys.argv, sys.path[0], code = [script, *arguments], os.path.dirname(script), 0
    with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(io.StringIO()) as err:
        try:
            runpy.run_path(script, run_name="__main__")
        except SystemExit as end:
            code = end.code
    ended.append([code, out.getvalue(), err.getvalue()])
print(json.dumps(ended))
"""
WRONG_RECIPES = ("nonsense", "", "classic,nonsense")


@pytest.fixture(scope="module")
def ended() -> dict[tuple[str, ...], tuple[int, str, str]]:
    """Exit status, output and errors of commands that end before they measure anything."""
    commands = [(str(script), "--help") for script in (*SCRIPTS, PEER)]
    commands += [(str(COMPARISON), "--recipes", recipe) for recipe in WRONG_RECIPES]
    result = subprocess.run(
        [sys.executable, "-c", RUN_EACH, json.dumps(commands)],
        cwd=ROOT, capture_output=True, encoding="utf-8", timeout=300,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    return dict(zip(commands, map(tuple, json.loads(result.stdout)), strict=True))


@pytest.mark.parametrize("script", [*SCRIPTS, PEER], ids=lambda path: path.stem)
def test_a_measurement_explains_itself(ended: dict[tuple[str, ...], tuple[int, str, str]], script: Path) -> None:
    code, said, _ = ended[str(script), "--help"]
    assert (code, "usage:" in said) == (0, True)


@pytest.mark.parametrize("recipe", WRONG_RECIPES)
def test_an_unknown_recipe_is_refused_before_anything_runs(
    ended: dict[tuple[str, ...], tuple[int, str, str]], recipe: str
) -> None:
    code, said, complaint = ended[str(COMPARISON), "--recipes", recipe]
    assert (code, said) == (2, "")
    assert "recipe must be one of" in complaint


def test_recipes_are_compared_with_their_own_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(COMPARISON.parent))
    configure = runpy.run_path(str(COMPARISON))["configure"]
    options = argparse.Namespace(quick=False, seed=0, train_images=0)
    assert configure("lightning", options) == TrainConfig.from_mapping({"recipe": "lightning"})


@pytest.mark.slow
@pytest.mark.mnist
def test_quick_comparison_finds_the_figures_of_both(mnist_dirs: list[Path], tmp_path: Path) -> None:
    arguments = ["--quick", "--recipes", "lightning", "--train-images", "1000", "--target", "0.2"]
    arguments += ["--evaluation-images", "1000"]
    printed = run_script(COMPARISON, *arguments, "--results", str(tmp_path)).stdout
    result = json.loads((tmp_path / "time_to_accuracy_quick.json").read_text("utf-8"))
    assert [result[name] for name in ("quick", "trials", "train_images", "evaluation_images")] == [True, 1, 1000, 1000]
    assert set(result["contestants"]) == {"pytorch_example", "lightning"}
    for name, entry in result["contestants"].items():
        assert name in printed
        (trial,) = entry["trials"]
        (epoch,) = trial["epochs"]
        assert set(epoch) == {"train_s", "processor_s", "evaluation_s", "validation_accuracy"}
        assert entry["epoch_s"] == epoch["train_s"] > 0
        peer_s = result["contestants"]["pytorch_example"]["epoch_s"]
        assert entry["peer_epochs"] == pytest.approx(entry["training_s"] / peer_s, abs=0.001)
        assert entry["peer_epochs_by_processor"] > 0
        assert 0 < entry["test_accuracy"] < 1
        assert entry["times_better_than_peer"]["epoch_s"] > 0
        assert (entry["peak_mb"] is None) == (os.name == "nt")
        if entry["reached_target"]:
            assert entry["to_target_s"] == trial["setup_s"] + epoch["train_s"]
            assert entry["to_target_with_evaluation_s"] == entry["to_target_s"] + epoch["evaluation_s"]


@pytest.mark.slow
@pytest.mark.mnist
def test_somebody_new_gets_through_every_flow(mnist_dirs: list[Path], tmp_path: Path) -> None:
    printed = run_script(FLOWS, "--repeats", "1", "--pace", "0", "--results", str(tmp_path)).stdout
    flows = json.loads((tmp_path / "flows.json").read_text("utf-8"))["flows"]
    assert set(flows) == {"digit", "training", "model", "photo", "mistake"}
    assert all(row["title"] in printed and len(row["s"]) == 1 for row in flows.values())


def test_pictures_of_a_folder_are_scored_and_those_misread_are_saved(tmp_path: Path) -> None:
    for name in ("plain_0.png", "plain_1.png", "struck_0.png"):
        sample = make("plain", 0, generated_writers(1), seed=1)
        Image.fromarray(sample.picture).save(tmp_path / name)
    right = f"plain_0.png\tnumber\t{sample.number}\n"
    wrong = f"plain_1.png\tnumber\t{sample.number}|9\nstruck_0.png\tnumber\t{sample.number}\n"
    (tmp_path / "labels.tsv").write_text(f"file\tmode\tright\n{right}{wrong}", "utf-8")

    arguments = ("--folder", tmp_path, "--save", tmp_path / "wrong", "--results", tmp_path, "--timed", "0")
    printed = run_script(NUMBERS_ON_PAGES, *map(str, arguments)).stdout
    assert re.search(r"^all +3 +33.3%", printed, re.MULTILINE)
    rows = {row["id"]: row for row in json.loads((tmp_path / "numbers_on_pages.json").read_text("utf-8"))["rows"]}
    assert (rows["pages.plain.right"]["measured"], rows["pages.struck.sure_and_wrong"]["measured"]) == (0.5, 1.0)
    assert sorted(path.name for path in (tmp_path / "wrong").iterdir()) == [
        f"plain_0001_{sample.number}-9_read_{sample.number}.png",
        f"struck_0002_{sample.number}_read_{sample.number}.png",
    ]


@pytest.mark.slow
def test_every_known_misreading_is_drawn_with_three_pens_and_saved_if_it_is_misread(tmp_path: Path) -> None:
    arguments = ("--variants", "3", "--save", tmp_path / "wrong", "--results", tmp_path)
    printed = run_script(MISREADINGS, *map(str, arguments)).stdout
    rows = json.loads((tmp_path / "misreadings.json").read_text("utf-8"))["rows"]
    assert {row["pictures"] for row in rows} == {9}
    assert [row["kind"] for row in rows][-3:] == ["fills the picture", "on pale waves", "on dark waves"]
    assert {int(row["kind"][0]) for row in rows[:-3]} == {1, 2, 3, 4, 5, 7, 9}
    assert all(row["kind"] in printed for row in rows)
    not_right = sum(round((1 - row["right"]) * row["pictures"]) for row in rows)
    assert len(list((tmp_path / "wrong").iterdir())) == not_right


@pytest.mark.slow
def test_large_pages_are_timed_and_every_kind_has_a_row(pen_dir: Path, tmp_path: Path) -> None:
    arguments = (
        "--kinds",
        "table,desk",
        "--pictures",
        "1",
        "--timed",
        "1",
        "--pen-dir",
        pen_dir,
        "--results",
        tmp_path,
    )
    printed = run_script(NUMBERS_ON_PAGES, *map(str, arguments)).stdout
    assert all(re.search(rf"^{kind} +1 +", printed, re.MULTILINE) for kind in ("table", "desk"))
    assert len(re.findall(r"page of 20 numbers, .* ms per megapixel on one core", printed)) == 4
    pages = json.loads((tmp_path / "numbers_on_pages.json").read_text("utf-8"))["pages"]
    assert all(3.0 < page["megapixels"] < 4.1 and page["ms_a_megapixel_p50"] > 0 for page in pages)


@pytest.mark.slow
def test_fuzzing_tells_of_every_input(tmp_path: Path) -> None:
    run_script(FUZZ, "--inputs", "300", "--workers", "2", "--results", str(tmp_path))
    told = json.loads((tmp_path / "fuzz.json").read_text("utf-8"))
    assert sum(told["outcomes"].values()) == told["inputs"] == 300
    assert len(told["memory_mb"]) == 2
    assert told["bugs"] == {}
    assert "bytes" in run_script(FUZZ, "--replay", str(told["slowest_input"])).stdout


@pytest.mark.mnist
def write_test_writers(
    folder: Path, writers: list[tuple[Strokes, int]], digits: int, zeros: Sequence[Strokes] = ()
) -> None:
    """Write pen sets: each writer, new to the models, writes one digit so often, and the first writes a letter.

    zeros: by one writer more.
    """
    names = [f"w{i}" for i in range(200) if split_of(f"w{i}") == TEST]
    rng = np.random.default_rng(0)
    rows = []
    for name, (strokes, label) in zip(names, writers, strict=False):
        for _ in range(digits):
            shaken = [(np.array(each) + rng.normal(0, 30, (len(each), 2))).tolist() for each in strokes]
            rows.append({"writer": name, "label": label, "strokes": shaken})
    rows += [{"writer": names[len(writers)], "label": 0, "strokes": strokes} for strokes in zeros]
    write_lines(folder / "digits.jsonl.gz", rows)
    sign = [[[0, 0], [500, 1000]], [[500, 1000], [1000, 0]], [[200, 500], [800, 500]]]
    write_lines(folder / "characters.jsonl.gz", [{"writer": names[0], "label": "A", "strokes": sign}])


def test_personal_models_of_writers_are_measured(
    mnist_dirs: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One of the writers writes fours as crosses; another writes several zeros, which are labelled 0."""
    monkeypatch.setenv("MNIST_DATA_DIR", str(mnist.find(mnist_dirs, mnist.TRAIN)))
    monkeypatch.setenv("MNIST_PEN_DIR", str(tmp_path))
    # Two zeros apart and in one stroke, and one flat zero.
    ring = [[200 * math.cos(t / 5), 200 * math.sin(t / 5)] for t in range(33)]
    eight = [[400 * math.sin(t / 5), 200 * math.sin(t / 2.5)] for t in range(33)]
    zeros: list[Strokes] = [[ring, [[x + 450, y] for x, y in ring]], [eight], [[[2 * x, y] for x, y in ring]]]
    write_test_writers(tmp_path, [(LETTER_X, 4), (STROKES[7], 7)], 25, zeros)
    run_script(ROOT / "bench" / "personalise.py", "--limit", "200", "--results", str(tmp_path))
    result = json.loads((tmp_path / "personalise.json").read_text("utf-8"))
    assert (result["mnist_images"], list(result["examples"])) == (200, ["10"])
    figures = result["examples"]["10"]
    assert (figures["writers"], figures["worst_quarter"]["writers"], figures["writers_read_worse"]) == (2, 1, 0)
    worst = figures["worst_quarter"]
    assert (worst["tested"], worst["errors_before"]) == (45, 45)
    assert worst["errors_after"] < 10
    assert result["several_zeros_left_out"] == 2
    as_written, distorted = figures["as_written"], figures["distorted"]
    assert (as_written["errors_before"], distorted["errors_before"]) == (3 * 45, 3 * 5 * 45)
    assert (len(as_written["factors"]), distorted["errors_after"] < 3 * 5 * 10) == (3, True)


def test_requests_for_corrections_are_timed(tmp_path: Path) -> None:
    script = ROOT / "bench" / "corrections.py"
    printed = run_script(script, "--corrections", "250", "--requests", "2", "--results", str(tmp_path)).stdout
    found = json.loads((tmp_path / "corrections.json").read_text())
    assert found["corrections"] == 250
    assert {"all", "contradictions", "add one"} <= set(found["requests"])
    assert "contradictions" in printed


@pytest.mark.slow
def test_sheets_are_counted_by_view_and_pen(tmp_path: Path) -> None:
    script = ROOT / "bench" / "sheets.py"
    printed = run_script(script, "--sheets", "1", "--views", "scan", "--results", str(tmp_path)).stdout
    found = json.loads((tmp_path / "sheets.json").read_text())
    assert found["rows"]["scan"]["sheets"] == 4
    assert (found["rows"]["all"]["digits"], found["rows"]["all"]["empty"]) == (380, 20)
    assert re.search(r"^pen: pencil +1 ", printed, re.MULTILINE)


@pytest.mark.slow
@pytest.mark.mnist
def test_labels_of_proposed_readings_are_compared_with_random_ones(tmp_path: Path) -> None:
    script = ROOT / "bench" / "proposals.py"
    printed = run_script(script, "--trials", "1", "--labels", "5", "--results", str(tmp_path)).stdout
    found = json.loads((tmp_path / "proposals.json").read_text())
    assert set(found["errors"]) == {"nothing", "proposed, 5", "most uncertain, 5", "random, 5"}
    assert found["misread_and_labelled"]["proposed, 5"][0] <= 5
    assert "fewer errors than random" in printed


@pytest.mark.slow
@pytest.mark.mnist
def test_retraining_on_wrong_labels_is_measured(
    mnist_dirs: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_test_writers(tmp_path, [(STROKES[label], label) for label in (0, 1, 7)], 14)
    monkeypatch.setenv("MNIST_DATA_DIR", str(mnist.find(mnist_dirs, mnist.TRAIN)))
    monkeypatch.setenv("MNIST_PEN_DIR", str(tmp_path))
    script = ROOT / "bench" / "retrain.py"
    few = ("--corrections", "120", "--train-images", "2000", "--epochs", "1")
    printed = run_script(script, "--cases", "flipped", *few, "--results", str(tmp_path)).stdout
    (found,) = json.loads((tmp_path / "retrain.json").read_text())["cases"]["flipped"]
    assert found["corrections"] == found["learned"] + found["held_out"] == 120
    assert 0 < found["before"] < found["held_out"]  # the sevens are called ones
    assert set(found["robustness"]) == {"pen_digits.mean", "characters.auroc", "corruptions.mean"}
    assert not found["promoted"]
    assert found["reason"] in printed
