"""Every command of docs/api.md and docs/developer.md is run at a real server, and the JSON below it compared."""

from __future__ import annotations

import gzip
import json
import os
import re
import shlex
import shutil
import struct
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mnist_classifier.core.database import Store
from mnist_classifier.core.records import EpochResult, RunStatus
from mnist_classifier.core.settings import Settings
from mnist_classifier.core.train_config import TrainConfig
from mnist_classifier.data import mnist
from mnist_classifier.evaluation.robustness.pages.writing import generated_writers
from mnist_classifier.learning.filled_sheets import fill
from mnist_classifier.recognition.imaging.decode import encode_png
from mnist_classifier.recognition.imaging.preprocess import make_glyph
from mnist_classifier.registry.aliases import CHALLENGER
from mnist_classifier.registry.versions import Registry
from mnist_classifier.runs.run_log import Runs
from tests.checkout import ROOT
from tests.processes import free_port
from tests.versions import save

# Document -> how many of its examples show a reply, at least.
PAGES = {"docs/api.md": 9, "docs/developer.md": 3}
ADDRESS = "http://127.0.0.1:5000"
START_TIMEOUT_S, CURL_TIMEOUT_S = 60, 120
# "..." where a value, or the rest of a list or object, is left out.
ANYTHING, MORE = "(anything)", "(more)"

pytestmark = [pytest.mark.mnist, pytest.mark.slow]


@dataclass(frozen=True)
class Example:
    """A block of commands, and the JSON that is shown below it, if there is any."""

    place: str
    commands: tuple[str, ...]
    shown: Any = None


def examples(page: str) -> list[Example]:
    """Those of a document, in their order: they may build on each other."""
    text = (ROOT / page).read_text("utf-8")
    found: list[Example] = []
    for block in re.finditer(r"^```(\w*)\n(.*?)^```$", text, re.DOTALL | re.MULTILINE):
        kind, content = block.groups()
        if kind == "bash":
            place = f"{page} line {text[: block.start()].count(chr(10)) + 2}"
            found.append(Example(place, tuple(content.splitlines())))
        elif kind == "json":
            assert found, "JSON is shown before there was a command"
            assert found[-1].shown is None, f"two replies are shown for {found[-1].place}"
            found[-1] = replace(found[-1], shown=_parse(content))
    return found


def _parse(text: str) -> Any:
    """JSON with `...` in it."""
    text = re.sub(r"\[\.\.\.\]|\{\.\.\.\}", f'"{ANYTHING}"', text)
    text = re.sub(r",\s*\.\.\.\s*\]", "]", text)
    text = re.sub(r",\s*\.\.\.\s*\}", f', "{MORE}": 0}}', text)
    text = re.sub(r"\{\s*\.\.\.\s*,", f'{{"{MORE}": 0,', text)
    return json.loads(text)


def differences(shown: Any, real: Any, place: str = "") -> Iterator[str]:
    """Where a reply has other keys or types than the one that is shown."""
    if shown == ANYTHING:
        return
    if isinstance(shown, dict) and isinstance(real, dict):
        keys = set(shown) - {MORE}
        if missing := keys - set(real):
            yield f"{place or '/'}: the reply has no {', '.join(sorted(missing))}"
        if MORE not in shown and (extra := set(real) - keys):
            yield f"{place or '/'}: the document does not show {', '.join(sorted(extra))}"
        for key in keys & set(real):
            yield from differences(shown[key], real[key], f"{place}/{key}")
    elif isinstance(shown, list) and isinstance(real, list):
        if shown and not real:
            yield f"{place}: the reply's list is empty"
        for index, (one, other) in enumerate(zip(shown, real, strict=False)):
            yield from differences(one, other, f"{place}/{index}")
    elif shown is not None and real is not None and not isinstance(real, _types(shown)):
        yield f"{place}: {shown!r} is shown, {real!r} is given"


def _types(value: Any) -> tuple[type, ...]:
    return (int, float) if isinstance(value, float) else (type(value),)


# --- the server ---------------------------------------------------------------------------------------


def furnish(home: Path) -> None:
    """What the examples speak of: versions 1 to 3, the last a challenger, and four trainings that have ended."""
    settings = Settings(home=home)
    store = Store(settings.resolved_database_url)
    registry, runs = Registry(settings.models_dir, store), Runs(store, settings.claims_dir)
    for number in (1, 2, 3):
        save(registry, name=f"lightning-{number}", config=TrainConfig(recipe="lightning").to_dict())
    registry.aliases.move(CHALLENGER, 3)
    for number in range(1, 5):
        run = runs.create(TrainConfig(recipe="lightning"))
        epoch = EpochResult(1, 1, 0.5, 0.8, 0.2, 0.95, 0.001, 9000.0, 6.0, 0.2)
        runs.add_event(run.id, "epoch", epoch.__dict__)
        runs.finish(run.id, RunStatus.SUCCEEDED, f"version {number}", min(number, 3))
    store.close()


def draw(folder: Path) -> None:
    """seven.png and house.png, a 7 and a 71; photo.jpg, a sheet of handwriting."""
    pixels = np.full((280, 280), 255, np.uint8)
    pixels[50:70, 80:190] = 0
    for row in range(70, 240):
        left = 170 - (row - 70) // 3
        pixels[row, left : left + 20] = 0
    (folder / "seven.png").write_bytes(encode_png(pixels))
    number = np.full((280, 480), 255, np.uint8)
    number[:, :280] = pixels
    number[50:240, 330:350] = 0
    (folder / "house.png").write_bytes(encode_png(number))
    filled = fill(generated_writers(3)[0], np.random.default_rng(1)).picture
    Image.fromarray(filled).save(folder / "photo.jpg", quality=90)
    glyph = make_glyph(pixels)
    assert glyph is not None
    (folder / "seven.glyph").write_bytes(glyph.tobytes())
    several = np.stack([glyph, glyph, np.zeros_like(glyph)])
    np.save(folder / "glyphs.npy", several)
    header = struct.pack(">4B3I", 0, 0, 8, 3, *several.shape)
    (folder / "glyphs-idx3-ubyte.gz").write_bytes(gzip.compress(header + several.tobytes()))


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory, mnist_dirs: list[Path]) -> Iterator[str]:
    """The address of a running, furnished server."""
    home = tmp_path_factory.mktemp("home")
    furnish(home)
    data = next(folder for folder in mnist_dirs if mnist.is_available([folder]))
    port = free_port()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MNIST_")}
    environment |= {"MNIST_HOME": str(home), "MNIST_DATA_DIR": str(data)}
    with (home / "output.txt").open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "app.py", "--port", str(port)], cwd=ROOT, env=environment, stdout=output, stderr=output
        )
    try:
        _wait(f"http://127.0.0.1:{port}", process, home / "output.txt")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(20)


def _wait(address: str, process: subprocess.Popen[bytes], output: Path) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            urllib.request.urlopen(f"{address}/healthz", timeout=5).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise AssertionError(f"the server did not answer:\n{output.read_text()}")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the commands are run; it has the pictures that they name."""
    if missing := [name for name in ("curl", "bash", "base64") if shutil.which(name) is None]:
        reason = f"needs {', '.join(missing)}"
        if os.environ.get("CI") == "true":
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)
    folder = tmp_path_factory.mktemp("examples")
    draw(folder)
    shutil.copytree(ROOT / "docs" / "examples", folder / "docs" / "examples")
    return folder


def run(command: str, address: str, folder: Path) -> tuple[int, str]:
    """Status and body of a command line that holds one curl; 200 and the output of one of ours."""
    assert command.startswith(("curl ", "mnist ")), f"{command!r} is neither curl nor mnist"
    command = command.replace(ADDRESS, address).replace("curl ", "curl -sS -w '\\n%{http_code}' ", 1)
    command = re.sub(r"^mnist (.*)", rf"{shlex.quote(sys.executable)} -m mnist_classifier \1 && echo 200", command)
    result = subprocess.run(
        ["bash", "-c", command], cwd=folder, capture_output=True, encoding="utf-8", timeout=CURL_TIMEOUT_S,
        env={**os.environ, "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"},
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    body, _, status = result.stdout.rstrip("\n").rpartition("\n")
    return int(status), body


@pytest.mark.parametrize("example", [each for page in PAGES for each in examples(page)], ids=lambda each: each.place)
def test_an_example_answers_as_the_document_shows(example: Example, address: str, folder: Path):
    fails = isinstance(example.shown, dict) and "error" in example.shown
    for command in example.commands:
        status, body = run(command, address, folder)
        assert fails == (status >= 400), f"{command}: {status} {body[:500]}"
        assert status < 500
        _stop_training(command, body, address)
    if example.shown is not None:
        assert list(differences(example.shown, json.loads(body))) == []


def _stop_training(command: str, body: str, address: str) -> None:
    """A training that an example has started is not what is tested here; it must not go on."""
    if "/retrain" in command or re.search(r"/api/runs\b.*-d", command):
        number = json.loads(body)["run_id"]
        request = urllib.request.Request(f"{address}/api/runs/{number}/cancel", method="POST")
        urllib.request.urlopen(request, timeout=20).close()


def test_the_document_has_examples():
    for page, least in PAGES.items():
        assert sum(example.shown is not None for example in examples(page)) >= least


def test_a_difference_is_found():
    shown = _parse('{"a": 1, "b": [{"c": "x", ...}, ...], "d": {...}, "e": 0.5}')
    assert list(differences(shown, {"a": 2, "b": [{"c": "y", "z": 0}], "d": None, "e": 1})) == []
    wrong = {"a": "2", "b": [], "d": 1, "f": 1}
    assert sorted(differences(shown, wrong)) == [
        "/: the document does not show f",
        "/: the reply has no e",
        "/a: 1 is shown, '2' is given",
        "/b: the reply's list is empty",
    ]
