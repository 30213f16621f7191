from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from mnist_classifier.cli.main import main
from mnist_classifier.evaluation.robustness.pages.writing import Writer, generated_writers
from mnist_classifier.learning.filled_sheets import fill


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """`mnist` in an installation of its own, and in an empty folder."""
    monkeypatch.setenv("MNIST_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(main, list(arguments))

    return run


@pytest.fixture(scope="module")
def photo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sheet whose threes look like eights, with an empty box."""
    writer = generated_writers(3)[0]
    swapped = Writer({**writer.digits, "3": writer.digits["8"]})
    path = tmp_path_factory.mktemp("sheet") / "photo.png"
    Image.fromarray(fill(swapped, np.random.default_rng(2), empty=frozenset({5})).picture).save(path)
    return path


def test_the_sheet_is_written_in_the_size_of_the_paper(run, tmp_path: Path):
    assert "print it" in run("sheet").output
    assert run("sheet", "--output", "letter.svg", "--paper", "letter").exit_code == 0
    sizes = [ElementTree.parse(tmp_path / name).getroot().get("width") for name in ("sheet.svg", "letter.svg")]
    assert sizes == ["210mm", "215.9mm"]


def test_a_sheet_that_cannot_be_written_is_one_line(run):
    result = run("sheet", "--output", "no/such/folder.svg")
    assert (result.exit_code, "No such file" in result.output) == (1, True)


def test_a_photograph_is_stored_but_for_what_must_be_confirmed(run, photo: Path):
    shown = run("collect", str(photo), "--dry-run")
    assert "row 2, column 4 (3): the model reads 8" in shown.output
    assert "1 empty" in shown.output
    assert "0 of 0" in run("corrections").output
    stored = run("collect", str(photo), "--writer", "Anna")
    assert "digits by Anna" in stored.output, stored.output
    assert "Anna" in run("corrections", "list", "--writer", "Anna", "--limit", "1").output
    assert "0 of 0" in run("corrections", "list", "--label", "3").output
    assert "already stored" in run("collect", str(photo), "--writer", "Anna").output


def test_a_picture_without_a_sheet_is_one_line(run, tmp_path: Path):
    Image.new("L", (300, 400), 255).save(tmp_path / "blank.png")
    result = run("collect", "blank.png")
    assert (result.exit_code, "the sheet was not found" in result.output) == (1, True)
