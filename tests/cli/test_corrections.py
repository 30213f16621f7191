from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from mnist_classifier.cli.main import main
from mnist_classifier.core.database import Store
from mnist_classifier.core.settings import Settings
from mnist_classifier.learning.corrections import NOT_A_DIGIT, Corrections, NewCorrection
from mnist_classifier.recognition.imaging.decode import encode_png
from mnist_classifier.registry.versions import Registry
from tests import versions
from tests.e2e.application import Application
from tests.handwriting import STROKES, draw, glyphs
from tests.learning.test_lineage import trained_on


@pytest.fixture
def corrections(settings: Settings, monkeypatch: pytest.MonkeyPatch, store: Store) -> Corrections:
    monkeypatch.setenv("MNIST_HOME", str(settings.home))
    return Corrections(store)


@pytest.fixture
def pictures(tmp_path: Path) -> list[str]:
    """A one and a seven."""
    paths = [tmp_path / "one.png", tmp_path / "seven.png"]
    for path, label in zip(paths, (1, 7), strict=True):
        path.write_bytes(encode_png(draw(STROKES[label], pen_px=18, rng=np.random.default_rng(3))))
    return list(map(str, paths))


def mnist(*arguments: str, said: str = "") -> str:
    result = CliRunner().invoke(main, arguments, input=said)
    assert result.exit_code == 0, result.output
    return result.output


def refused(*arguments: str) -> str:
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 1, result.output
    assert "Traceback" not in result.output
    return result.output


def test_a_picture_is_corrected_and_what_the_model_read_is_kept(corrections: Corrections, pictures: list[str]):
    assert mnist("correct", pictures[1], "7", "--writer", "Anna") == "correction 1: 7\n"
    stored = corrections.get(1)
    assert (stored.label, stored.writer, stored.source, stored.model_version) == (7, "Anna", "cli", 0)
    assert stored.reading is not None
    assert (stored.reading["prediction"], stored.reading["verdict"]) == (7, "digit")
    assert "already stored" in mnist("correct", pictures[1], "7", "--writer", "Anna")
    assert "contradicts 1" in mnist("correct", pictures[1], "not_a_digit")
    assert corrections.find()[0].label == NOT_A_DIGIT


def test_corrections_are_listed_relabelled_and_deleted(corrections: Corrections, pictures: list[str]):
    for picture, label in zip(pictures, ("1", "1"), strict=True):
        mnist("correct", picture, label)
    assert mnist("corrections") == mnist("corrections", "list")
    assert mnist("corrections", "relabel", "2", "7") == "correction 2 is now labelled 7\n"
    assert [line.split()[:2] for line in mnist("corrections", "list").splitlines()] == [
        ["2", "7"],
        ["1", "1"],
        ["2", "of"],
    ]
    assert mnist("corrections", "list", "--label", "7").splitlines()[-1] == "1 of 1 correction"
    assert mnist("corrections", "delete", "1", "2").count("deleted") == 2
    assert "there is no correction 1" in refused("corrections", "delete", "1")


def test_a_deletion_names_the_versions_that_have_seen_it_although_one_number_is_wrong(
    corrections: Corrections, store: Store
):
    ids = [corrections.add(NewCorrection(glyph, 7, "api")).correction.id for glyph in glyphs(3).images]
    versions.save(Registry.of(Settings.from_environment(), store), training=trained_on(0, ids, []))
    said = refused("corrections", "delete", "1", "9", "2")
    assert tuple(said.splitlines()[:3]) == (
        "correction 1 was deleted",
        "correction 2 was deleted",
        "model versions that have seen them: 1",
    )
    assert "to train one without them, run: mnist corrections rebuild 1 --without 1" in said
    assert "there is no correction 9" in said
    assert corrections.count() == 1
    assert mnist("corrections", "purge", "--yes").splitlines() == [
        "deleted 1 correction",
        "model versions that have seen it: 1",
        "to delete one that is not in use, run: mnist models delete 1",
    ]


def test_a_purge_asks_first(corrections: Corrections, pictures: list[str]):
    mnist("correct", pictures[0], "1", "--writer", "Anna")
    mnist("correct", pictures[1], "7")
    assert CliRunner().invoke(main, ["corrections", "purge"], input="n\n").exit_code == 1
    assert corrections.count() == 2
    assert "deleted 1 correction\n" in mnist("corrections", "purge", "--writer", "Anna", said="y\n")
    assert "deleted 1 correction\n" in mnist("corrections", "purge", "--yes")


@pytest.mark.parametrize("kind", ["idx", "png"])
def test_what_is_exported_can_be_imported(corrections: Corrections, pictures: list[str], tmp_path: Path, kind: str):
    mnist("correct", pictures[0], "1", "--writer", "Anna")
    mnist("correct", pictures[1], "7")
    file = str(tmp_path / "mine.zip")
    assert mnist("corrections", "export", file, "--format", kind) == f"exported 2 corrections to {file}\n"
    assert "0 new, 2 already stored" in mnist("corrections", "import", file)
    corrections.purge()
    assert "2 new, 0 already stored" in mnist("corrections", "import", file, "--writer", "Ben")
    assert corrections.totals().writers == {"Anna": 1, "Ben": 1}
    corrections.edit(corrections.find()[0].id, label=3)
    assert "contradict" in mnist("corrections", "import", file)


def test_what_cannot_be_used_is_said_on_one_line(corrections: Corrections, tmp_path: Path):
    blank, text = tmp_path / "blank.png", tmp_path / "notes.txt"
    blank.write_bytes(encode_png(np.zeros((50, 50), np.uint8)))
    text.write_bytes(b"no picture")
    assert "is blank" in refused("correct", str(blank), "7")
    assert "no picture" in refused("correct", str(text), "7")
    assert "damaged" in refused("corrections", "import", str(text))
    assert "No such file" in refused("corrections", "export", str(tmp_path / "nowhere" / "mine.zip"))
    assert corrections.count() == 0


@pytest.mark.parametrize("several", ["--seeds", "--ensemble"])
@pytest.mark.usefixtures("corrections")
def test_corrections_are_learned_by_one_training_at_a_time(several: str):
    """The second one would start from the first, if it was promoted; and an ensemble names no corrections."""
    result = CliRunner().invoke(main, ["train", "--recipe", "corrections", several, "2"])
    assert (result.exit_code, "leave out --seeds and --ensemble" in result.output) == (2, True), result.output


def test_a_picture_is_sent_to_a_server(tmp_path: Path, pictures: list[str]):
    with Application(tmp_path / "server", tmp_path / "no-data") as server:
        assert mnist("correct", pictures[1], "7", "--url", server.url) == "correction 1: 7\n"
        assert "contradicts 1" in mnist("correct", pictures[1], "not_a_digit", "--url", server.url)
