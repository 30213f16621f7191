from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from mnist_classifier.cli.main import main
from mnist_classifier.core.database import Store
from mnist_classifier.core.errors import MnistError
from mnist_classifier.core.settings import PRETRAINED_DIR, Settings
from mnist_classifier.data.mnist import PUBLISHED_SPLITS, TRAIN, find
from mnist_classifier.registry.aliases import PRODUCTION
from mnist_classifier.registry.manifest import ONNX_FILE, read_manifest
from mnist_classifier.registry.versions import Registry
from tests.versions import BOX_ACCURACY, BOX_CORRECT, robustness_of_the_box, save


@pytest.fixture
def registry(settings: Settings, monkeypatch: pytest.MonkeyPatch, store: Store) -> Registry:
    """An installation with two versions: 1 as good as the box, 2 worse."""
    monkeypatch.setenv("MNIST_HOME", str(settings.home))
    registry = Registry(settings.models_dir, store)
    save(registry, name="good", validation=BOX_CORRECT)
    save(registry, name="quick", validation=4951)
    return registry


def run(*arguments: str, said: str = "") -> Result:
    return CliRunner().invoke(main, ["models", *arguments], input=said)


def mnist(*arguments: str) -> str:
    result = run(*arguments)
    assert result.exit_code == 0, result.output
    return result.output


def refused(*arguments: str) -> str:
    result = run(*arguments)
    assert result.exit_code == 1, result.output
    assert "Traceback" not in result.output
    return result.output


def test_plain_models_lists_them(registry: Registry):
    assert mnist() == mnist("list")
    assert [line.split()[0] for line in mnist().splitlines()] == ["2", "1", "*"]


@pytest.mark.parametrize(
    ("name", "url", "words"),
    [
        ("MNIST_DATABASE_URL", "nonsense", "MNIST_DATABASE_URL should look like"),
        ("MNIST_MODELS_URL", "s4://bucket", "MNIST_MODELS_URL cannot be used: Protocol not known: s4"),
        ("MNIST_MODELS_URL", "/missing/models", "there is no folder /missing/models"),
    ],
)
def test_plain_models_tells_a_wrong_url_on_one_line(
    registry: Registry, monkeypatch: pytest.MonkeyPatch, name: str, url: str, words: str
):
    pytest.importorskip("fsspec")
    monkeypatch.setenv(name, url)
    result = run()
    assert not isinstance(result.exception, MnistError)
    assert words in result.output


def test_a_version_that_cannot_be_read_is_listed_with_its_reason(registry: Registry):
    (registry.models_dir / "99999999999999999999").mkdir()
    (registry.folder(2) / ONNX_FILE).write_bytes(b"short")
    *listed, impossible, damaged = mnist().splitlines()
    assert [line.split()[0] for line in listed] == ["2", "1", "*"]
    assert impossible.startswith("! 99999999999999999999  cannot be read: versions are numbered from 1")
    assert re.match(r"!    2  cannot be read: .*model.onnx has 5 bytes; the manifest says 409879", damaged)


def test_promote_roll_back_and_the_history_of_both(registry: Registry):
    assert "there is no earlier version to roll back to" in refused("rollback")
    mnist("promote", "1", "--reason", "a try")
    assert mnist().splitlines()[1].startswith("*    1  good")
    assert "version 0 is in production again" in mnist("rollback")
    assert "there is no earlier version to roll back to" in refused("rollback")
    newest, oldest = mnist("history").splitlines()
    assert re.search(r"production 1 -> 0 +command line +rolled back from version 1", newest)
    assert re.search(r"production 0 -> 1 +command line +a try", oldest)
    assert "no model version 9" in refused("promote", "9")


def test_a_less_accurate_version_needs_yes_where_nobody_can_be_asked(registry: Registry):
    mnist("promote", "1")
    message = refused("promote", "2")
    assert "version 2 is less accurate than version 1, which is in production: validation accuracy 99.02%" in message
    assert f"instead of {BOX_ACCURACY}; confirm to use it anyway with --yes" in message
    assert registry.aliases.production() == 1
    mnist("promote", "2", "--yes")
    mnist("promote", "1")
    assert "confirm to use it anyway with --yes" in refused("rollback")
    assert "version 2 is in production again" in mnist("rollback", "--yes")


@pytest.mark.skipif(os.name == "nt", reason="needs a pseudo-terminal")
@pytest.mark.parametrize(("answer", "serves"), [("n", 1), ("", 1), ("y", 2)])
def test_a_less_accurate_version_is_asked_about_in_a_terminal(registry: Registry, answer: str, serves: int):
    registry.aliases.move(PRODUCTION, 1)
    keyboard, terminal = os.openpty()
    try:
        os.write(keyboard, f"{answer}\n".encode())
        command = [sys.executable, "-m", "mnist_classifier", "models", "promote", "2"]
        asked = subprocess.run(command, stdin=terminal, capture_output=True, encoding="utf-8", timeout=60)
    finally:
        os.close(keyboard)
        os.close(terminal)
    assert "validation accuracy 99.02% instead of" in asked.stdout
    assert "Promote it anyway? [y/N]" in asked.stdout
    assert (asked.returncode, registry.aliases.production()) == (0 if serves == 2 else 1, serves)


def test_show_prints_the_promotion_check(registry: Registry):
    shown = mnist("show", "2")
    assert "version        2 (quick)" in shown
    assert f"promotion      fails the check: validation 99.02% (the model in the box: {BOX_ACCURACY}" in shown
    assert "fails the check: validation" in mnist("show", "1")  # nobody has measured it on real writing
    registry.record_robustness(registry.get(1), robustness_of_the_box())
    assert "passes the check: validation" in mnist("show", "1")
    assert "promotion" not in mnist("show", "0")
    assert json.loads(mnist("show", "2", "--json"))["name"] == "quick"


def test_compare_puts_figures_side_by_side(registry: Registry):
    compared = mnist("compare", "0", "2")
    assert re.search(rf"^correct +{BOX_CORRECT:,} +4,951$", compared, re.MULTILINE)
    assert "2 fails the check: validation 99.02%" in compared


@pytest.mark.mnist
def test_compare_lists_the_images_that_are_read_differently(registry: Registry, mnist_dirs: list[Path]):
    folder = str(find(mnist_dirs, TRAIN))
    assert "0 test images read differently" in mnist(
        "compare", "0", "1", "--split", "test", "--images", "--data-dir", folder
    )


def test_rename_note_and_delete(registry: Registry):
    mnist("rename", "1", "the steady one")
    mnist("note", "1", "trained on a Sunday")
    assert "the steady one" in mnist()
    assert "trained on a Sunday" in mnist("show", "1")
    assert run("delete", "2", said="n\n").exit_code == 1
    assert "deleted" in mnist("delete", "2", "--yes")
    assert "no model version 2" in refused("show", "2")
    mnist("promote", "1")
    assert "version 1 is production" in refused("delete", "1", "--yes")
    assert "part of the program" in refused("delete", "0", "--yes")


def test_export_and_import(registry: Registry, tmp_path: Path):
    file = tmp_path / "out.zip"
    mnist("export", "1", str(file))
    assert zipfile.is_zipfile(file)
    assert "as version 3; to promote it, run `mnist models promote 3`" in mnist(
        "import", str(file), "--data-dir", str(tmp_path)
    )
    assert registry.aliases.production() == 0
    (tmp_path / "evil.zip").write_bytes(b"no zip")
    assert "no zip archive" in refused("import", str(tmp_path / "evil.zip"))
    assert "No such file" in refused("export", "1", str(tmp_path / "nowhere" / "x.zip"))


@pytest.fixture
def box(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the model in the box, in the place of it."""
    folder = tmp_path / "box"
    shutil.copytree(PRETRAINED_DIR, folder)
    defaults = Registry.__init__.__kwdefaults__
    monkeypatch.setattr(Registry.__init__, "__kwdefaults__", {**defaults, "box_dir": folder})
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.usefixtures("registry")
def test_measuring_the_box_without_mnist_says_so_and_changes_nothing(box: Path, tmp_path: Path):
    assert "No MNIST train files" in refused("box", "0", "--measure", "--data-dir", str(tmp_path))
    assert contents(box) == contents(PRETRAINED_DIR)


@pytest.mark.mnist
@pytest.mark.slow
@pytest.mark.usefixtures("registry")
def test_measuring_the_box_again_gives_the_figures_it_carries(box: Path, mnist_dirs: list[Path]):
    (folder,) = {find(mnist_dirs, split) for split in PUBLISHED_SPLITS}
    mnist("box", "0", "--measure", "--data-dir", str(folder))
    found, expected = read_manifest(box)["metrics"], read_manifest(PRETRAINED_DIR)["metrics"]
    for split in expected:
        assert found[split]["correct"] == expected[split]["correct"]
        for figures in ("ink", "confidence"):
            assert found[split][figures] == pytest.approx(expected[split][figures], abs=2e-5)
