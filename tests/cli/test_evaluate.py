from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from mnist_classifier.cli import evaluate
from mnist_classifier.cli.main import main
from mnist_classifier.core.database import Store
from mnist_classifier.core.settings import PRETRAINED_DIR, Settings
from mnist_classifier.data import mnist
from mnist_classifier.evaluation.robustness import measures
from mnist_classifier.evaluation.robustness.report import Goal, RobustnessReport, Row
from mnist_classifier.registry.aliases import PRODUCTION
from mnist_classifier.registry.manifest import ROBUSTNESS_FILE, read_manifest
from mnist_classifier.registry.versions import Registry
from tests.registry.test_versions import write_files


@pytest.fixture
def home(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installation with one version that is like the model in the box, in production."""
    monkeypatch.setenv("MNIST_HOME", str(settings.home))
    monkeypatch.delenv("MNIST_PEN_DIR", raising=False)
    store = Store(settings.resolved_database_url)
    registry = Registry(settings.models_dir, store)
    registry.save(read_manifest(PRETRAINED_DIR), write_files)
    registry.aliases.move(PRODUCTION, 1)
    store.close()
    return settings.home


@pytest.fixture
def made_up_digits(home: Path, monkeypatch: pytest.MonkeyPatch, digits: mnist.Images) -> Path:
    """The same without need of MNIST, and fewer pictures."""
    monkeypatch.setattr("mnist_classifier.evaluation.robustness.measures.NON_DIGIT_PICTURES", 2)
    monkeypatch.setattr("mnist_classifier.evaluation.robustness.bench.NUMBERS", 10)
    monkeypatch.setattr("mnist_classifier.evaluation.robustness.measures.PAGES", 1)
    few_kinds = {kind: measures.KINDS[kind] for kind in ("table_photo", "dates_slashes")}
    monkeypatch.setattr("mnist_classifier.evaluation.robustness.measures.KINDS", few_kinds)
    few = mnist.Images(digits.images[:4], digits.labels[:4])
    monkeypatch.setattr("mnist_classifier.evaluation.robustness.suite.load_split", lambda settings, split: few)
    return home


def run(*arguments: str) -> tuple[str, str]:
    """Standard output and error of a command that succeeds."""
    result = CliRunner().invoke(main, ["evaluate", *arguments])
    assert result.exit_code == 0, result.output
    return result.stdout, result.stderr


@pytest.mark.slow
def test_the_table_is_printed_and_stored_and_shown_with_the_models(made_up_digits: Path, pen_dir: Path):
    out, said = run("--suite", "robust", "--pen-dir", str(pen_dir))
    for title in (
        "pen digits, pen 28 px",
        "MNIST, fog",
        "photographs of MNIST digits",
        "two digits accepted as digits",
        "numbers of pen digits",
        "pages, worst kind",
    ):
        assert title in out
    assert re.search(r"^kind +pictures +right +95 % interval +right but in doubt", out, re.MULTILINE)
    assert re.search(r"^table photo +1 +", out, re.MULTILINE)
    assert "saved with version 1" in said
    stored = json.loads((made_up_digits / "models" / "1" / ROBUSTNESS_FILE).read_text("utf-8"))
    assert stored["summary"]["pen_digits_mean"] > 0.9
    listed = CliRunner().invoke(main, ["models"]).stdout
    short = stored["summary"]
    assert f"goals {short['goals_reached']} of {short['goals']}" in listed.splitlines()[0]

    out, said = run("--suite", "robust")
    assert "skipped: pen digits (no pen strokes in" in out
    assert "not saved: version 1 has the same table, or one with more rows" in said


@pytest.mark.parametrize("flags", [["--quick"], pytest.param(["--split", "validation"], marks=pytest.mark.slow)])
def test_what_is_no_full_run_on_the_test_images_is_not_stored(
    made_up_digits: Path, monkeypatch: pytest.MonkeyPatch, flags: list[str]
):
    monkeypatch.setattr(evaluate, "QUICK_LIMIT", 2)
    out, said = run("--suite", "robust", "--json", *flags)
    table = json.loads(out)
    assert table["limit"] == (2 if "--quick" in flags else None)
    assert table["split"] == ("validation" if "--split" in flags else "test")
    assert "not saved: only a full run on the test images is saved" in said
    assert not (made_up_digits / "models" / "1" / ROBUSTNESS_FILE).exists()


def test_a_named_folder_without_pen_sets_and_a_damaged_set_are_one_clear_line(made_up_digits: Path, pen_dir: Path):
    command = ["evaluate", "--suite", "robust", "--pen-dir", str(pen_dir)]
    (pen_dir / "digits.jsonl.gz").write_bytes(b"\x1f\x8bno gzip")
    damaged = CliRunner().invoke(main, command)
    (pen_dir / "digits.jsonl.gz").unlink()
    missing = CliRunner().invoke(main, command)
    assert (damaged.exit_code, missing.exit_code) == (1, 1)
    assert re.match(r"Error: .*digits.jsonl.gz is cut short: .*; restore the file from a copy", damaged.output)
    assert re.match(r"Error: digits.jsonl.gz and characters.jsonl.gz are not in .*; set --pen-dir", missing.output)


def test_a_table_that_cannot_be_stored_is_printed_all_the_same(home: Path, monkeypatch: pytest.MonkeyPatch):
    row = Row("mnist.accuracy", "MNIST", 10, 0.9, (0.8, 1.0), Goal(0.95))
    monkeypatch.setattr(evaluate, "load_data", lambda settings, split: None)
    monkeypatch.setattr(evaluate, "run_suite", lambda *a, **k: RobustnessReport("test", None, (row,), {}, 1.0))

    def refuse(source: object, target: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("os.replace", refuse)
    result = CliRunner().invoke(main, ["evaluate", "--suite", "robust"])
    assert result.exit_code == 1
    assert "0 of 1 goals reached" in result.stdout
    assert "was not stored" in result.stderr


@pytest.mark.parametrize("flags", [["--quick"], ["--pen-dir", "."]])
def test_flags_of_the_suite_are_refused_without_it(home: Path, flags: list[str]):
    result = CliRunner().invoke(main, ["evaluate", *flags])
    assert result.exit_code == 2
    assert "--suite robust" in result.output


def test_figures_as_json(home: Path, monkeypatch: pytest.MonkeyPatch, digits: mnist.Images):
    monkeypatch.setattr(evaluate, "load_split", lambda directories, split: digits)
    figures = json.loads(run("--json", "--split", "validation")[0])
    assert (figures["version"], figures["split"], figures["images"]) == (1, "validation", 12)
    assert figures["accuracy"] == figures["correct"] / 12
