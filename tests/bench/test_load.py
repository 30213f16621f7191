"""What the measurements of serving are made of: pictures, load, processes, the peers' model."""

from __future__ import annotations

import importlib
import io
import json
import os
import shutil
import subprocess
import sys
import zipfile
import zlib
from contextlib import closing
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mnist_classifier.core.database import Store
from mnist_classifier.core.errors import DataError, ImageTooLarge, MnistError, ModelCorrupt
from mnist_classifier.core.settings import PRETRAINED_DIR, Settings
from mnist_classifier.evaluation.acceptance.archive import import_version
from mnist_classifier.evaluation.acceptance.onnx_check import check_onnx
from mnist_classifier.recognition.imaging.decode import decode_base64, decode_image
from mnist_classifier.recognition.recogniser import Recogniser
from mnist_classifier.registry.manifest import ONNX_FILE, WEIGHTS_FILE
from mnist_classifier.registry.versions import Registry
from tests.checkout import ROOT

BENCH = ROOT / "bench"
on_linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Imports a module of bench/."""
    monkeypatch.syspath_prepend(str(BENCH))
    monkeypatch.syspath_prepend(str(BENCH / "peers" / "serving"))

    def get(name: str) -> ModuleType:
        return importlib.import_module(name)

    yield get
    for name in [name for name in sys.modules if name.split(".")[0] in ("load", "measuring", "model")]:
        monkeypatch.delitem(sys.modules, name)


@pytest.fixture
def seven() -> np.ndarray:
    """A seven as MNIST has it, more or less."""
    image = np.zeros((28, 28), np.uint8)
    image[4:7, 6:21] = 255
    for row in range(7, 24):
        image[row, 20 - (row - 4) // 2 : 23 - (row - 4) // 2] = 255
    return image


@pytest.mark.parametrize("kind", ["grey_png", "rgba_png"])
def test_canvas_is_read_as_the_digit_that_was_enlarged(load: Any, seven: np.ndarray, kind: str):
    pictures = load("load.pictures")
    png = getattr(pictures, kind)(seven)
    assert np.array_equal(decode_image(png, max_pixels=10**6), pictures.canvas(seven))
    with Image.open(io.BytesIO(png)) as image:
        assert (image.size, image.mode) == ((280, 280), "RGBA" if kind == "rgba_png" else "L")
    assert Recogniser.open(PRETRAINED_DIR).read(decode_image(png, max_pixels=10**6)).prediction == 7
    assert decode_base64(json.loads(pictures.as_json(png))["image"]) == png


def test_every_row_of_a_browsers_canvas_is_filtered_by_up(load: Any, seven: np.ndarray):
    png = load("load.pictures").rgba_png(seven)
    start = png.index(b"IDAT") + 4
    rows = np.frombuffer(zlib.decompressobj().decompress(png[start:]), np.uint8).reshape(280, 1 + 4 * 280)
    assert set(rows[:, 0]) == {2}


def test_the_peers_serve_the_model_in_the_box(load: Any, seven: np.ndarray):
    pytest.importorskip("torch")
    model, pictures = load("model"), load("load.pictures")
    pixels = (np.float32(seven) / 255 - model.MEAN) / model.STD
    judged = model.judge(model.load(), model.torch.from_numpy(pixels)[None, None])
    # Ours are calibrated: the same order, another temperature.
    ours = Recogniser.open(PRETRAINED_DIR)
    logits = np.log(np.array(judged["probabilities"])) / ours.temperature
    expected = np.exp(logits - logits.max())
    assert np.allclose(ours.opinions(seven[None])[0, :10], expected / expected.sum(), atol=1e-4)
    assert judged["prediction"] == 7
    image = json.loads(pictures.as_json(pictures.rgba_png(seven)))["image"]
    assert model.read(model.load(), image)["prediction"] == 7


def test_what_a_soak_calls_rubbish_is_rubbish(load: Any, seven: np.ndarray):
    bodies = load("load.nuisance").bad_bodies(seven)
    good = load("load.pictures").as_json(load("load.pictures").grey_png(seven))
    assert len(set(bodies)) == len(bodies)
    for body in bodies:
        try:
            asked = json.loads(body)
            pixels = decode_image(decode_base64(asked["image"]), max_pixels=40_000_000)
        except (ValueError, RecursionError, TypeError, AttributeError, KeyError, MnistError):
            continue
        # What has a picture after all asks for something that there is not.
        assert asked.keys() - {"image"}
        assert pixels.shape == decode_image(decode_base64(json.loads(good)["image"]), max_pixels=10**6).shape


@pytest.mark.slow
def test_hostile_requests_are_what_they_claim(load: Any, seven: np.ndarray):
    pytest.importorskip("onnx")
    garbage = load("load.garbage")
    requests = {each.name: each for each in garbage.hostile_requests(load("load.pictures").grey_png(seven))}
    assert max(len(each.body) for each in requests.values()) < 10_000_000  # what a server takes at most
    for kind in garbage.PICTURE_BOMBS:
        picture = json.loads(requests[f"{kind} of a billion pixels"].body)["image"]
        with pytest.raises(ImageTooLarge):
            decode_image(decode_base64(picture), max_pixels=40_000_000)
    for name in ("deflate", "LZMA", "bzip2"):
        with zipfile.ZipFile(io.BytesIO(requests[f"archive that lies about its size, {name}"].body)) as archive:
            weights = archive.getinfo(WEIGHTS_FILE)
            assert weights.file_size == 1000
    assert weights.compress_size > 0
    for name in ("Concat", "Conv"):
        with zipfile.ZipFile(io.BytesIO(requests[f"network that swells by {name}"].body)) as archive:
            network = archive.read(ONNX_FILE)
        with pytest.raises(ModelCorrupt, match=f"its {name} "):  # its operators are allowed ones
            check_onnx(network)
    assert len(json.loads(requests["a million points"].body)["strokes"][0]) == 1_000_000


def test_an_archive_for_a_soak_is_refused_for_nothing_but_what_is_wrong_with_it(load: Any, settings: Settings):
    pytest.importorskip("onnx")
    with closing(Store(settings.resolved_database_url)) as store:
        registry = Registry(settings.models_dir, store)
        assert import_version(registry, load("load.garbage").archive({}), lambda _: no_images()).version.version == 1


def no_images() -> Any:
    raise DataError("there are none")


@pytest.fixture
def calm() -> dict[str, Any]:
    """What a soak finds where nothing went wrong."""
    growth = {"seconds": 600.0, "warm_mb": 100.0, "peak_mb": 200.0, "growth_mb": 2.0, "slope_mb_per_minute": 0.5}
    return {
        "careful": {"statuses": {"200": 9}, "wrong": 0, "resent": 1, "versions": {"0": 5, "1": 4}},
        "good": {"refused": 0, "broken": 20},
        "bad": {"broken": 2, "statuses": {400: 3, 413: 1}},
        "hostile": {"a bomb": {"413": 4, "ConnectionResetError": 1}},
        "endless": {"head": {"431": 2}, "stream": {"503": 1, "nothing said": 2}},
        "events": {"/api/models/1/promote": {"status": 200}, "/api/models/rollback": {"status": 200}},
        "processes": {"1": growth},
        "descriptors": {"before": 70, "after": 71},
        "killed": 2,
        "replaced": 2,
        "tracebacks": [],
    }


def test_a_soak_where_nothing_went_wrong_is_green(load: Any, calm: dict[str, Any]):
    assert load("load.verdict").violations(calm) == []


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("careful.statuses", {"200": 9, "500": 1}),
        ("careful.wrong", 1),
        ("careful.resent", 3),
        ("careful.versions", {"0": 9}),
        ("good.refused", 1),
        ("good.broken", 33),
        ("bad.statuses", {200: 1}),
        ("bad.broken", 5),
        ("hostile.a bomb", {"500": 1}),
        ("hostile.a bomb", {"201": 1}),
        ("hostile.a bomb", {"TimeoutError": 3}),
        ("endless.head", {"500": 1}),
        ("events./api/models/rollback", {"status": 409}),
        ("processes.1.growth_mb", 31.0),
        ("processes.1.slope_mb_per_minute", 2.1),
        ("processes.1.peak_mb", 401.0),
        ("descriptors.after", 75),
        ("replaced", 3),
        ("tracebacks", ["ValueError: wrong"]),
    ],
)
def test_a_soak_where_something_went_wrong_is_not(load: Any, calm: dict[str, Any], path: str, value: Any):
    *parts, last = path.split(".")
    inner = calm
    for part in parts:
        inner = inner[part]
    inner[last] = value
    assert len(load("load.verdict").violations(calm)) == 1


@on_linux
def test_memory_is_that_of_a_process_and_its_children(load: Any):
    measuring = load("measuring")
    holds = "x = bytearray(b'a') * 30_000_000; print('ready', flush=True); input()"
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {holds!r}])"
    process = subprocess.Popen([sys.executable, "-c", parent], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    try:
        own, tree = measuring.memory_mb(process.pid), measuring.tree_memory_mb(process.pid)
        assert len(measuring.process_tree(process.pid)) == 2
        assert own < 30 < tree
        assert measuring.descriptors(process.pid) >= 3
        assert measuring.processor_s(os.getpid()) > 0  # the other may not have had its first hundredth of a second yet
    finally:
        process.communicate(b"\n", timeout=20)
    assert measuring.memory_mb(process.pid) is None
    assert measuring.descriptors(process.pid) is None


def test_missing_load_generator_is_named(load: Any, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(SystemExit, match="apt-get install wrk"):
        load("load.wrk").find()


@on_linux
@pytest.mark.skipif(shutil.which("wrk") is None, reason="needs wrk")
def test_load_counts_every_answer(load: Any, tmp_path: Path):
    contestants, pictures, wrk = load("load.contestants"), load("load.pictures"), load("load.wrk")
    server = (
        "import http.server, sys\n"
        "class Handler(http.server.BaseHTTPRequestHandler):\n"
        "    protocol_version = 'HTTP/1.1'\n"
        "    def do_POST(self):\n"
        "        body = self.rfile.read(int(self.headers['Content-Length']))\n"
        "        self.send_response(200 if body == b'good' else 400)\n"
        "        self.send_header('Content-Length', '0')\n"
        "        self.end_headers()\n"
        "http.server.ThreadingHTTPServer(('127.0.0.1', int(sys.argv[1])), Handler).serve_forever()\n"
    )
    contestant = contestants.Contestant("small", (sys.executable, "-c", server, "{port}"), "")
    bodies = pictures.write_bodies(tmp_path / "bodies", [b"good", b"bad", b"good"])
    with contestants.serving(contestant, None, b"good") as running:
        assert running.first_answer_s > 0
        found = wrk.Wrk(running.address, "/predict", bodies).start(2, 1, counts_statuses=True).wait()
    assert found.requests > 10
    assert found.broken == 0
    assert set(found.statuses) == {200, 400}
    assert found.refused == pytest.approx(found.requests / 3, abs=4)
    assert found.p99_ms >= found.p50_ms > 0


def test_the_table_says_who_was_measured_and_how(load: Any):
    figures = load("load.figures")
    rounds = [{"grey_16_per_s": 100.0 * times, "rgba_16_per_s": 50.0, "failures": times} for times in (1, 3, 2)]
    medians = figures.median_of(rounds)
    assert medians == {"grey_16_per_s": 200.0, "rgba_16_per_s": 50.0, "failures": 6}
    peer = {"grey_16_per_s": 20.0, "rgba_16_per_s": 25.0, "failures": 0}
    text = figures.table(
        {
            "machine": {"processor": "P", "cores": 2, "load_before": 0.1, "load_after": 1.0},
            "quick": False,
            "seconds": 5.0,
            "repeats": 3,
            "settings": {"mnist-classifier": "--workers 2", "flask": "threads"},
            "medians": {"mnist-classifier": medians, "flask": peer},
            "remarks": {"torchserve": "left out: it needs java"},
        }
    )
    assert "| measure | goal | mnist-classifier | flask |" in text
    assert "| grey, 16 connections: times the best peer | >= 5 | 10.0 |" in text
    assert "- torchserve: left out: it needs java" in text
