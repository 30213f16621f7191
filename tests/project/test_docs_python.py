"""The Python examples of the documents do what they say, with a real server and a real training."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from mnist_classifier import Client
from mnist_classifier.core.settings import Settings
from mnist_classifier.data import mnist
from mnist_classifier.recognition.imaging.decode import decode_image, encode_png
from mnist_classifier.recognition.imaging.preprocess import make_glyph
from tests.checkout import ROOT
from tests.e2e.application import Application
from tests.web.routes.test_predict import png

PAGE = ROOT / "docs" / "python.md"
ENGINEER = ROOT / "docs" / "engineer.md"
DECIMAL = re.compile(r"\d+\.\d+")
FIRST_EPOCH = re.compile(r"^epoch 1:.*\n", re.MULTILINE)
# Document -> how many of its examples print something, at least.
PRINTING = {"README.md": 2, "docs/python.md": 15, "docs/developer.md": 6}


def examples(page: Path) -> list[str]:
    return re.findall(r"```python\n(.*?)```", page.read_text("utf-8"), re.DOTALL)


def steps(example: str) -> Iterator[tuple[str, str]]:
    """Pieces of code, each with what the comment below it says that it prints."""
    code = expected = ""
    for line in example.splitlines():
        if line.startswith("# "):
            expected += line[2:] + "\n"
            continue
        if expected:
            yield code, expected
            code = expected = ""
        code += line + "\n"
    yield code, expected


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Application]:
    """It has no MNIST files, so the training that the page starts ends at once."""
    with Application(tmp_path / "server", tmp_path / "no-data") as running:
        yield running


@pytest.mark.parametrize("page", PRINTING)
@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="the page starts a training")
def test_every_example_prints_what_the_page_says(
    page: str, server: Application, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("MNIST_HOME", str(settings.home))
    monkeypatch.chdir(tmp_path)
    shutil.copytree(ROOT / "docs" / "examples", "docs/examples")
    seven = decode_image(png(), max_pixels=10**6)
    Path("seven.png").write_bytes(png())
    Path("house.png").write_bytes(encode_png(np.hstack([seven, seven])))
    np.save("glyphs.npy", np.stack([make_glyph(seven)] * 3))
    assert run_examples(ROOT / page, {"http://127.0.0.1:5000": server.url}, assert_equal) >= PRINTING[page]


def run_examples(page: Path, replaced: dict[str, str], compare: Callable[[str, str, str], None]) -> int:
    """Run the examples of a page in one namespace; returns how many outputs were compared."""
    names: dict[str, object] = {}
    printing = 0
    for example in examples(page):
        for code, expected in steps(example):
            for old, new in replaced.items():
                code = code.replace(old, new)
            with contextlib.redirect_stdout(io.StringIO()) as printed:
                exec(code, names)
            compare(printed.getvalue(), expected, code)
            printing += bool(expected)
    return printing


def assert_equal(printed: str, expected: str, code: str) -> None:
    assert printed == expected, code


def assert_close(printed: str, expected: str, code: str) -> None:
    """Equal, but for decimals: processors round differently, so figures may be three points off.

    The first epoch is excluded: its BatchNorm has seen too few batches to settle.
    """
    assert DECIMAL.sub("#", printed) == DECIMAL.sub("#", expected), code
    found, promised = (DECIMAL.findall(FIRST_EPOCH.sub("", text)) for text in (printed, expected))
    assert [float(number) for number in found] == pytest.approx([float(number) for number in promised], abs=3.0), code


@pytest.mark.slow
@pytest.mark.mnist
@pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="the page trains")
def test_every_example_for_engineers_prints_what_the_page_says(
    settings: Settings, mnist_dirs: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("MNIST_HOME", str(settings.home))
    monkeypatch.setenv("MNIST_DATA_DIR", str(mnist.find(mnist_dirs, mnist.TRAIN)))
    monkeypatch.chdir(tmp_path)
    write_pictures(mnist.load(mnist_dirs, mnist.TEST))
    assert run_examples(ENGINEER, {}, assert_close) == 5


def write_pictures(test: mnist.Images) -> None:
    """The pictures that the page names: easy test images, four times as large."""
    Path("digits").mkdir()
    for name, label in (("seven", 7), ("four", 4), ("digits/4-anna", 4), ("digits/7-ben", 7), ("digits/0-carl", 0)):
        glyph = test.images[np.flatnonzero(test.labels == label)[0]]
        Path(f"{name}.png").write_bytes(encode_png(np.kron(np.pad(glyph, 4), np.ones((4, 4), np.uint8))))


def test_the_table_of_the_client_has_its_arguments():
    code = Client.__init__.__code__
    arguments = code.co_varnames[1 : code.co_argcount + code.co_kwonlyargcount]
    table = re.findall(r"^\| `(\w+)` \| (\S+)", PAGE.read_text("utf-8"), re.MULTILINE)
    assert tuple(name for name, _ in table) == arguments
    defaults = {name: str(value).removesuffix(".0") for name, value in (Client.__init__.__kwdefaults__ or {}).items()}
    assert {name: default for name, default in table if name not in ("url", "token")} == {
        name: value for name, value in defaults.items() if name != "token"
    }
