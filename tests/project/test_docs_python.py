"""The Python examples of the documents do what they say, at a server that really runs."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from mnist_classifier import Client
from mnist_classifier.core.settings import Settings
from mnist_classifier.recognition.imaging.decode import decode_image, encode_png
from mnist_classifier.recognition.imaging.preprocess import make_glyph
from tests.checkout import ROOT
from tests.e2e.application import Application
from tests.web.routes.test_predict import png

PAGE = ROOT / "docs" / "python.md"


# Document -> how many of its examples print something, at least.
PRINTING = {"README.md": 2, "docs/python.md": 15, "docs/developer.md": 6}


def examples(page: str) -> list[str]:
    return re.findall(r"```python\n(.*?)```", (ROOT / page).read_text("utf-8"), re.DOTALL)


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
    names: dict[str, object] = {}
    printing = 0
    for example in examples(page):
        for code, expected in steps(example):
            with contextlib.redirect_stdout(io.StringIO()) as printed:
                exec(code.replace("http://127.0.0.1:5000", server.url), names)
            assert printed.getvalue() == expected, code
            printing += bool(expected)
    assert printing >= PRINTING[page]


def test_the_table_of_the_client_has_its_arguments():
    code = Client.__init__.__code__
    arguments = code.co_varnames[1 : code.co_argcount + code.co_kwonlyargcount]
    table = re.findall(r"^\| `(\w+)` \| (\S+)", PAGE.read_text("utf-8"), re.MULTILINE)
    assert tuple(name for name, _ in table) == arguments
    defaults = {name: str(value).removesuffix(".0") for name, value in (Client.__init__.__kwdefaults__ or {}).items()}
    assert {name: default for name, default in table if name not in ("url", "token")} == {
        name: value for name, value in defaults.items() if name != "token"
    }
