"""The static site: what is exported, and that it reads as Python does."""

from __future__ import annotations

import json
import os
import re
import shutil
import struct
import subprocess
import sys
from pathlib import Path, PurePosixPath
from types import ModuleType

import numpy as np
import pytest
from click.testing import CliRunner

from mnist_classifier.cli.main import main
from mnist_classifier.core.arrays import Bytes
from mnist_classifier.core.errors import FolderTaken, ModelCorrupt, ModelMissing, NotForBrowsers
from mnist_classifier.core.recipes import RECIPES
from mnist_classifier.core.settings import PRETRAINED_DIR, Settings
from mnist_classifier.data import mnist
from mnist_classifier.evaluation.robustness.corruptions import motion_blur
from mnist_classifier.evaluation.robustness.drawing import draw
from mnist_classifier.evaluation.robustness.photographs import photograph_crop
from mnist_classifier.recognition.imaging.preprocess import make_glyph
from mnist_classifier.recognition.numbers.features import FEATURES
from mnist_classifier.recognition.recogniser import Recogniser
from mnist_classifier.registry.manifest import MANIFEST_FILE, WEIGHTS_FILE, read_manifest, write_manifest
from mnist_classifier.web.offline import export
from mnist_classifier.web.offline.export import CONTENTS_FILE, MODEL_FILE, WORKER_FILE, export_site
from mnist_classifier.web.offline.number_weights import PIXEL_WEIGHTS, STROKE_WEIGHTS
from mnist_classifier.web.offline.pack import pack, read_safetensors
from tests.checkout import ROOT
from tests.handwriting import STROKES

LARGEST_SITE_BYTES = 1_000_000


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("export") / "site"
    export_site(PRETRAINED_DIR, 0, folder)
    return folder


@pytest.fixture
def comparison(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """bench/offline.py; without node the test is skipped, under CI=true it fails."""
    if shutil.which("node") is None:
        if os.environ.get("CI") == "true":
            pytest.fail("needs node 18 or newer", pytrace=False)
        pytest.skip("needs node 18 or newer")
    monkeypatch.syspath_prepend(str(ROOT / "bench"))
    import offline

    return offline


def drawings(count: int) -> list[Bytes]:
    """Zeros, ones and sevens with pens from a hair's breadth to a brush."""
    pens = (18, 3, 28, 60, 10)
    labels = sorted(STROKES)
    return [
        draw(STROKES[labels[i % 3]], pen_px=pens[i % len(pens)], rng=np.random.default_rng(i)) for i in range(count)
    ]


def spoilt(pictures: list[Bytes]) -> list[Bytes]:
    """The same with specks, noise, a line from edge to edge, colour, and as thumbnails, one blurred to its edge."""
    rng = np.random.default_rng(5)
    specks, noisy, lined = (picture.copy() for picture in pictures[:3])
    specks[5:9, 5:9] = 0
    noisy -= rng.integers(0, 30, noisy.shape).astype(np.uint8)
    lined[100:103] = 90
    coloured = np.dstack([pictures[3], pictures[3], np.full_like(pictures[3], 255)])
    glyphs = [glyph for glyph in map(make_glyph, pictures[:12]) if glyph is not None]
    small = [pictures[0][::9, ::9], *(motion_blur(glyph, rng) for glyph in glyphs)]
    cropped = photograph_crop(glyphs[0], rng)
    ruled = np.minimum(noisy, pictures[6])
    # The fourth line is darker than the others: a stroke may run along it.
    for top, level in ((30, 170), (100, 170), (170, 170), (240, 90)):
        ruled[top : top + 3] = np.minimum(ruled[top : top + 3], level)
    faint = 255 - (255 - pictures[0]) // 16
    plain = [specks, noisy, lined, ruled, faint, coloured]
    tops = np.flatnonzero((pictures[4] < 128).any(axis=1))
    height, width = pictures[6].shape
    y, x = np.mgrid[:height, :width]
    paper = np.where(np.sin(x / 9 + 2 * np.sin(y / 25)) > 0.3, 130, 235)
    waves = np.rint(paper + (40.0 - paper) * (255.0 - pictures[6]) / 255).astype(np.uint8)
    filling = pictures[4][tops[0] : tops[-1] + 1]
    return [*plain, *small, cropped, filling, waves, 255 - pictures[1], np.full_like(noisy, 255)]


def assert_same(row: dict[str, float], pictures: int) -> None:
    assert row["pictures"] == pictures
    assert (row["glyphs_beyond_tolerance"], row["readings_not_equal"]) == (0, 0)
    assert row["largest_confidence_difference"] < 1e-3


def test_drawings_are_read_as_python_reads_them(site: Path, comparison: ModuleType) -> None:
    pictures = drawings(30)
    row = comparison.compare(Recogniser.open(PRETRAINED_DIR), site.parent, [*pictures, *spoilt(pictures)])
    assert_same(row, 54)


@pytest.mark.mnist
@pytest.mark.slow
def test_test_images_are_read_as_python_reads_them(site: Path, comparison: ModuleType, mnist_dirs: list[Path]) -> None:
    images = mnist.load(mnist_dirs, mnist.TEST).images[:300]
    enlarged = [image.repeat(10, 0).repeat(10, 1) for image in images[:100]]
    row = comparison.compare(Recogniser.open(PRETRAINED_DIR), site.parent, [*images, *enlarged])
    assert_same(row, 400)


@pytest.mark.slow
def test_strokes_of_real_pens_are_read_as_python_reads_them(site: Path, comparison: ModuleType) -> None:
    from mnist_classifier.data import pen_digits

    directories = Settings.from_environment().pen_dirs()
    if pen_digits.find(directories) is None:
        pytest.skip("needs the sets of pen strokes; MNIST_PEN_DIR names their folder")
    digits = pen_digits.load(directories).digits[::35][:200]
    row = comparison.compare(Recogniser.open(PRETRAINED_DIR), site.parent, comparison.drawings(digits, 18))
    assert_same(row, 200)


@pytest.fixture
def numbers(comparison: ModuleType) -> ModuleType:
    """bench/offline_numbers.py."""
    import offline_numbers

    return offline_numbers


def test_numbers_are_read_without_a_line_reader_and_never_wrong_and_sure(numbers: ModuleType) -> None:
    import strings as bench

    written = [bench.generate(rng) for rng in bench.generators(7, 10)]
    drawn = [numbers.Sample(each.number, each.picture, each.strokes) for each in written]
    pictures = [numbers.Sample(each.number, each.picture) for each in written[:4]]
    two_lines = np.pad(written[0].picture, ((0, 60), (0, 0)))
    page = np.vstack([two_lines, np.pad(written[0].picture, ((60, 0), (0, 0)))])
    others = [
        numbers.Sample(f"{written[0].number}\n{written[0].number}", page),
        numbers.Sample("", np.zeros((90, 200), np.uint8)),
    ]

    *read, (_, of_page, _), (blank, *_) = numbers.read_in_node([*drawn, *pictures, *others])

    counts = numbers.counts([*drawn, *pictures], [(verdict, number) for verdict, number, _ in read])
    assert (counts["right"] >= 13, counts["sure"] >= 10, counts["wrong_and_sure"]) == (True, True, 0)
    assert (of_page, blank) == (others[0].number, "blank")


def test_a_number_that_the_border_cuts_is_not_sure(numbers: ModuleType) -> None:
    picture = np.zeros((200, 300), np.uint8)
    picture[20:150, 60:76] = picture[20:200, 180:196] = 255
    ((verdict, _, _),) = numbers.read_in_node([numbers.Sample("11", picture)])
    assert verdict == "ambiguous"


def test_weights_of_numbers_cover_the_features_that_a_browser_has() -> None:
    used = (ROOT / "src/mnist_classifier/web/static/js/offline/numbers/features.js").read_text("utf-8")
    assert set(PIXEL_WEIGHTS) == set(STROKE_WEIGHTS) < set(FEATURES)
    assert {name for name in FEATURES if re.search(rf"\b{name}\b", used)} == set(PIXEL_WEIGHTS)


def save_random_version(folder: Path, arguments: dict[str, int]) -> Recogniser:
    """A version of a network with random weights, signs of BatchNorm's factors mixed."""
    torch = pytest.importorskip("torch")
    from mnist_classifier.training.network import MNISTClassifier
    from mnist_classifier.training.release import export

    torch.manual_seed(1)
    network = MNISTClassifier(**arguments).eval()
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm1d | torch.nn.BatchNorm2d):
            module.weight.data.uniform_(-1, 1)
            module.bias.data.uniform_(-1, 1)
            module.running_mean.uniform_(-1, 1)
            module.running_var.uniform_(0.5, 2)
    folder.mkdir()
    export.save_weights(network, folder / WEIGHTS_FILE)
    (folder / "model.onnx").write_bytes(export.to_bytes(network))
    thresholds = {"ambiguous_below": 0.2}
    architecture = {"class": "MNISTClassifier", "arguments": network.arguments}
    manifest = {"name": "random", "created_at": "2026-01-01T00:00:00+00:00", "temperature": 1.5}
    write_manifest(folder, {**manifest, "thresholds": thresholds, "architecture": architecture})
    return Recogniser.open(folder)


SHAPES = [
    *({name: value for name, value in recipe.values.items() if name.startswith(("conv", "patch", "hidden_u"))}
      for recipe in RECIPES.values()),
    {"conv1_channels": 5, "conv2_channels": 6, "conv1_kernel": 7, "conv2_kernel": 1, "conv1_layers": 3, "classes": 11},
    {"patch": 4, "conv1_channels": 4, "conv2_channels": 9, "conv1_kernel": 3, "hidden_units": 13},
]  # fmt: skip


@pytest.mark.parametrize("arguments", SHAPES, ids=[*RECIPES, "odd", "patches"])
def test_every_architecture_reads_the_same(tmp_path: Path, comparison: ModuleType, arguments: dict[str, int]) -> None:
    recogniser = save_random_version(tmp_path / "version", arguments)
    export_site(tmp_path / "version", 4, tmp_path / "site")
    assert_same(comparison.compare(recogniser, tmp_path, drawings(6)), 6)


def test_site_holds_what_its_pages_ask_for_and_is_small(site: Path) -> None:
    files = {path.relative_to(site).as_posix(): path for path in site.rglob("*") if path.is_file()}
    assert sum(path.stat().st_size for path in files.values()) <= LARGEST_SITE_BYTES
    page = files["index.html"].read_text("utf-8")
    for target in re.findall(r'(?:href|src)="([^"#]+)"', page):
        assert target == "./" or target in files
    for icon in json.loads(files["manifest.webmanifest"].read_text("utf-8"))["icons"]:
        assert icon["src"] in files
    head = re.search(r"const FILES = (\[.*\]);", files[WORKER_FILE].read_text("utf-8"))
    assert head is not None
    assert set(json.loads(head[1])) == {"./", *files} - {"index.html", WORKER_FILE, CONTENTS_FILE}


def test_every_question_to_the_server_has_an_answer_in_the_browser(site: Path) -> None:
    """js/offline/api.js stands in for js/shared/api.js, so it exports all that the other modules import from it."""
    answers = (site / "js/offline/api.js").read_text("utf-8")
    exported = set(re.findall(r"^export (?:async )?(?:function|class) (\w+)", answers, re.MULTILINE))
    asked = set()
    for path in (*site.glob("js/pad/*.js"), *site.glob("js/shared/*.js")):
        source = path.read_text("utf-8")
        for names in re.findall(r'^import \{([^}]*)\} from "[./]*(?:shared)?/api\.js"', source, re.MULTILINE):
            asked |= {name.strip() for name in names.split(",") if name.strip()}
        asked |= set(re.findall(r"\bapi\.(?!js\b)(\w+)", source))
    assert {"predictImage", "predictNumber", "ApiError"} <= asked <= exported


def test_comments_and_indentation_are_left_out_and_code_is_not() -> None:
    code = "const a = 1; // one\n\n  /** @type {any} */ (a).b();\n"
    comments = "// @ts-check\n/**\n * See ./c.js\n */\n  // last\n/* one */\n"
    assert export.shortened(comments + code) == code.replace("\n\n  ", "\n")
    template = "const c = `\n\n  * d */`;\n  e();\n"
    assert export.shortened(comments + template) == template


def test_every_way_to_import_a_module_is_followed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    scripts = {
        "a.js": 'import { b } from "./b.js";\nexport * from "../js/c.js";\n// see "./none.js"\n',
        "b.js": 'const d = await import("./d.js");\n',
        "c.js": 'new Worker(new URL("./e.js", import.meta.url));\nnew URL("../service-worker.js", here);\n',
        "d.js": 'import "./a.js";\n',
        "e.js": "",
        "f.js": "",
    }
    (tmp_path / "js").mkdir()
    for name, source in scripts.items():
        (tmp_path / "js" / name).write_text(source, "utf-8")
    monkeypatch.setattr(export, "STATIC_DIR", tmp_path)
    assert list(export.modules(PurePosixPath("js/a.js"))) == [f"js/{name}.js" for name in "abcde"]


def test_site_holds_no_python(site: Path) -> None:
    assert [path.name for path in site.rglob("*") if path.suffix in (".py", ".pyc") or path.name == "__pycache__"] == []


def test_python_that_has_been_compiled_does_not_stop_an_export(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shell = tmp_path / "offline"
    shutil.copytree(export.OFFLINE_DIR, shell)
    (shell / "__pycache__").mkdir(exist_ok=True)
    monkeypatch.setattr(export, "OFFLINE_DIR", shell)
    assert "index.html" in export_site(PRETRAINED_DIR, 0, tmp_path / "site")


def test_site_names_no_address_outside_itself(site: Path) -> None:
    for path in site.rglob("*"):
        if path.suffix in (".html", ".css", ".webmanifest"):
            text = path.read_text("utf-8")
            assert "http://" not in text, path
            assert "https://" not in text, path
            assert not re.search(r'(?:href|src)="/', text), path


def release(folder: Path) -> str:
    return (folder / WORKER_FILE).read_text("utf-8").partition("\n")[0]


def test_same_model_makes_the_same_site_and_another_a_new_release(tmp_path: Path, site: Path) -> None:
    export_site(PRETRAINED_DIR, 0, tmp_path / "same")
    assert release(tmp_path / "same") == release(site)
    export_site(PRETRAINED_DIR, 1, tmp_path / "other")
    assert release(tmp_path / "other") != release(site)


def test_export_replaces_an_export_and_nothing_else(tmp_path: Path) -> None:
    folder = tmp_path / "site"
    folder.mkdir()
    export_site(PRETRAINED_DIR, 0, folder)
    export_site(PRETRAINED_DIR, 0, folder)
    (folder / "CNAME").write_text("example.org")
    with pytest.raises(FolderTaken, match="CNAME"):
        export_site(PRETRAINED_DIR, 0, folder)
    assert (folder / "CNAME").read_text() == "example.org"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["site"]
    with pytest.raises(FolderTaken, match="is a file"):
        export_site(PRETRAINED_DIR, 0, folder / "CNAME")


def test_command_says_what_it_wrote(settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MNIST_HOME", str(settings.home))
    result = CliRunner().invoke(main, ["export-web", str(tmp_path / "new" / "site")])
    assert result.exit_code == 0, result.output
    assert "version 0" in result.output
    assert "http.server" in result.output
    assert (tmp_path / "new" / "site" / MODEL_FILE).is_file()
    refused = CliRunner().invoke(main, ["export-web", str(tmp_path)])
    assert (refused.exit_code, "has other files" in refused.output) == (1, True)
    missing = CliRunner().invoke(main, ["export-web", str(tmp_path / "x"), "--model-version", "9"])
    assert missing.exit_code == 1
    assert not (tmp_path / "x").exists()


def test_packed_model_has_the_format_that_it_documents() -> None:
    data = pack(PRETRAINED_DIR, 7)
    magic, length = struct.unpack_from("<4sI", data)
    header = json.loads(data[8 : 8 + length])
    manifest = read_manifest(PRETRAINED_DIR)
    assert (magic, length % 4) == (b"MNST", 0)
    assert header["model"]["version"] == 7
    assert header["temperature"] == manifest["temperature"]
    assert header["thresholds"].items() >= manifest["thresholds"].items()


def test_other_kinds_of_models_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelMissing):
        pack(tmp_path, 1)
    folder = tmp_path / "version"
    shutil.copytree(PRETRAINED_DIR, folder)
    manifest = read_manifest(folder)
    (folder / MANIFEST_FILE).write_text(json.dumps({**manifest, "architecture": {"class": "Ensemble"}}))
    with pytest.raises(NotForBrowsers, match="Ensemble.*choose another version"):
        pack(folder, 1)
    wrong = {**manifest["architecture"], "arguments": {**manifest["architecture"]["arguments"], "conv2_layers": 4}}
    (folder / MANIFEST_FILE).write_text(json.dumps({**manifest, "architecture": wrong}))
    with pytest.raises(ModelCorrupt, match="does not hold the network"):
        pack(folder, 1)
    wrong["arguments"]["patch"] = "two"
    (folder / MANIFEST_FILE).write_text(json.dumps({**manifest, "architecture": wrong}))
    with pytest.raises(ModelCorrupt, match="does not hold the network"):
        pack(folder, 1)


@pytest.mark.parametrize("data", [b"", b"\xff" * 20, struct.pack("<Q", 2) + b"[]", struct.pack("<Q", 8) + b'{"a": 1}'])
def test_damaged_weights_are_refused(data: bytes) -> None:
    with pytest.raises(ModelCorrupt, match="not a safetensors file"):
        read_safetensors(data)


def test_export_needs_no_torch(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from mnist_classifier.web.offline.export import export_site;"
        f"export_site(Path({str(PRETRAINED_DIR)!r}), 0, Path({str(tmp_path / 'site')!r}));"
        "print(sorted({'torch', 'onnx', 'onnxruntime', 'safetensors'} & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, encoding="utf-8", timeout=120)
    assert (result.stdout.strip(), result.stderr) == ("[]", "")
