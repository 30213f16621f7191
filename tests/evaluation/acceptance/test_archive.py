from __future__ import annotations

import contextlib
import hashlib
import io
import json
import stat
import struct
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mnist_classifier.core.database import Store
from mnist_classifier.core.errors import DataMissing, InvalidArchive, ModelCorrupt
from mnist_classifier.core.metrics import share_of
from mnist_classifier.core.settings import PRETRAINED_DIR, Settings
from mnist_classifier.data import mnist
from mnist_classifier.data.mnist import Images
from mnist_classifier.data.splits import load_split
from mnist_classifier.evaluation.acceptance import archive
from mnist_classifier.evaluation.acceptance.onnx_check import check_onnx
from mnist_classifier.evaluation.promotion import compare
from mnist_classifier.registry.aliases import BOX
from mnist_classifier.registry.manifest import (
    MANIFEST_FILE,
    ONNX_FILE,
    REPORT_FILE,
    ROBUSTNESS_FILE,
    WEIGHTS_FILE,
    verify,
)
from mnist_classifier.registry.manifest_types import ImportedManifest, Robustness, parse
from mnist_classifier.registry.versions import Registry

Files = dict[str, bytes]


@pytest.fixture
def registry(settings: Settings, store: Store) -> Registry:
    return Registry(settings.models_dir, store)


def no_data(split: str) -> Images:
    raise DataMissing("not here")


def box_files() -> Files:
    names = [*json.loads((PRETRAINED_DIR / MANIFEST_FILE).read_text())["files"], MANIFEST_FILE]
    return {name: (PRETRAINED_DIR / name).read_bytes() for name in names}


def zipped(files: Files, method: int = zipfile.ZIP_STORED) -> bytes:
    """An archive of these files; networks hardly get smaller, so that to compress them only takes time."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as made:
        for name, data in files.items():
            made.writestr(name, data)
    return buffer.getvalue()


def with_manifest(files: Files, /, **changes: object) -> Files:
    manifest = {**json.loads(files[MANIFEST_FILE]), **changes}
    return {**files, MANIFEST_FILE: json.dumps(manifest).encode()}


def with_file(files: Files, name: str, data: bytes) -> Files:
    """The file replaced and its hash with it, as a forger would."""
    listed = json.loads(files[MANIFEST_FILE])["files"]
    listed[name] = {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
    return with_manifest({**files, name: data}, files=listed)


def claiming(files: Files, split: str, correct: int) -> Files:
    """A manifest that counts so many right."""
    metrics = json.loads(files[MANIFEST_FILE])["metrics"]
    metrics[split] |= share_of(correct, metrics[split]["images"])
    return with_manifest(files, metrics=metrics)


def test_what_was_exported_comes_in_again_as_a_new_version(registry: Registry):
    exported = archive.export_version(registry, BOX)
    assert exported == archive.export_version(registry, BOX)
    imported = archive.import_version(registry, exported, no_data)
    assert imported.version.version == 1
    assert "MNIST images are not here" in imported.remarks[0]
    manifest = verify(registry.folder(1))
    assert manifest["imported_from"] == {"version": 0, "run_id": None}
    assert registry.robustness(imported.version) is not None
    assert registry.aliases.production() == BOX
    with zipfile.ZipFile(io.BytesIO(archive.export_version(registry, 1))) as again:
        assert again.read(ONNX_FILE) == (PRETRAINED_DIR / ONNX_FILE).read_bytes()


def test_the_promotion_check_says_that_figures_came_with_an_archive(registry: Registry):
    imported = archive.import_version(registry, archive.export_version(registry, BOX), no_data).version
    check = compare(registry, registry.get(BOX), imported)
    assert "the robustness of version 1 comes from its archive and was not measured here" in check.reason


def test_every_field_of_the_box_is_known_to_the_types():
    for name, kind in ((MANIFEST_FILE, ImportedManifest), (ROBUSTNESS_FILE, Robustness)):
        data = (PRETRAINED_DIR / name).read_bytes()
        assert parse(data, kind, name) == json.loads(data)


def test_the_name_of_the_file_is_plain(registry: Registry):
    version = archive.import_version(registry, archive.export_version(registry, BOX), no_data).version
    renamed = registry.edit(version.version, name='a/b "c" é')
    assert archive.archive_name(renamed) == "mnist-model-1-a-b--c---.zip"


@pytest.mark.slow
@pytest.mark.mnist
def test_answers_are_held_against_the_report(registry: Registry, settings: Settings, mnist_dirs: list[Path]):
    here = replace(settings, data_dir=mnist.find(mnist_dirs, mnist.TRAIN))

    def load(split: str) -> Images:
        return load_split(here.data_dirs(), split)

    assert archive.import_version(registry, zipped(box_files()), load).remarks == ()
    with pytest.raises(InvalidArchive, match="4978 of 5000 validation images right; its manifest says 5000 of 5000"):
        archive.import_version(registry, zipped(claiming(box_files(), "validation", 5000)), load)
    with pytest.raises(InvalidArchive, match="count different numbers of test images"):
        archive.import_version(registry, zipped(claiming(box_files(), "test", 10_000)), load)
    report = json.loads(box_files()[REPORT_FILE])
    for entry in report["test"]["wrong"]:
        entry["prediction"] = entry["label"]
    forged = with_file(box_files(), REPORT_FILE, json.dumps(report).encode())
    with pytest.raises(InvalidArchive, match="differently than its report says"):
        archive.import_version(registry, zipped(forged), load)
    assert [v.version for v in registry.versions()] == [1, BOX]


def symlink(files: Files) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as made:
        for name, data in files.items():
            entry = zipfile.ZipInfo(name)
            entry.external_attr = ((stat.S_IFLNK if name == ONNX_FILE else stat.S_IFREG) | 0o644) << 16
            made.writestr(entry, data)
    return buffer.getvalue()


def twice(files: Files) -> bytes:
    buffer = io.BytesIO(zipped(files))
    with zipfile.ZipFile(buffer, "a") as made, pytest.warns(UserWarning, match="Duplicate"):
        made.writestr(MANIFEST_FILE, b"{}")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda files: b"", "no zip archive"),
        (lambda files: b"PK\x03\x04 no zip", "no zip archive"),
        (lambda files: zipped(files)[:-400_000], "no zip archive"),
        (lambda files: zipped({**files, "../evil.txt": b"x"}), "not part of a model version: '../evil.txt'"),
        (lambda files: zipped({**files, "/etc/passwd": b"x"}), "not part of a model version"),
        (lambda files: zipped({**files, "sub/model.onnx": b"x"}), "not part of a model version"),
        (lambda files: zipped({**files, "weights.pkl": b"x"}), "not part of a model version"),
        (lambda files: zipped({name: files[name] for name in files if name != WEIGHTS_FILE}), "lacks weights"),
        (lambda files: zipped({**files, REPORT_FILE: bytes(6_000_000)}), "unpacks to 6 MB"),
        (lambda files: zipped({**files, ROBUSTNESS_FILE: b"[]"}), "robustness.json: must be a JSON object, not a list"),
        (lambda files: zipped({**files, ONNX_FILE: files[ONNX_FILE][:-1] + b"\0"}), "not the file that was saved"),
        (symlink, "not a plain file"),
        (twice, "twice"),
        (lambda files: zipped({**files, MANIFEST_FILE: b"{"}), "manifest.json is not valid JSON"),
        (
            lambda files: zipped({**files, MANIFEST_FILE: b"[" * 100_000}),
            "manifest.json: must be a JSON object, not a list",
        ),
        (lambda files: zipped(with_manifest(files, format=2)), "format must be 1"),
        (lambda files: zipped(with_manifest(files, name="a\nb")), "name must be one line"),
        (lambda files: zipped(with_manifest(files, created_at="yesterday")), "created_at"),
        (lambda files: zipped(with_manifest(files, temperature=0)), "temperature"),
        (lambda files: zipped(with_manifest(files, thresholds={"ambiguous_below": 2})), "thresholds"),
        (lambda files: zipped(with_manifest(files, onnx_parity=0.5)), "onnx_parity"),
        (lambda files: zipped(with_manifest(files, metrics={})), "metrics.validation"),
        (lambda files: zipped(with_manifest(files, preprocessing="other")), "preprocessing"),
        (
            lambda files: zipped(with_manifest(files, files={"../x": {"sha256": "0" * 64, "bytes": 1}})),
            "outside its folder",
        ),
        (lambda files: zipped(with_file(files, ONNX_FILE, b"\x00\x01")), "ONNX file"),
        (lambda files: zipped(with_file(files, WEIGHTS_FILE, b"pickle")), "weights.safetensors"),
        (lambda files: zipped(with_file(files, WEIGHTS_FILE, files[WEIGHTS_FILE] + b"!")), "weights.safetensors"),
        (lambda files: zipped(with_file(files, WEIGHTS_FILE, struct.pack("<Q", 2) + b"{}!")), "weights.safetensors"),
    ],
)
def test_an_archive_that_is_not_right_is_refused_and_nothing_is_kept(
    registry: Registry, make: Callable[[Files], bytes], said: str
):
    with pytest.raises(InvalidArchive, match=said) as refused:
        archive.import_version(registry, make(box_files()), no_data)
    assert "/tmp" not in refused.value.message
    assert list(registry.models_dir.iterdir()) == []


def test_a_zip_bomb_is_refused_before_it_is_unpacked(registry: Registry, monkeypatch: pytest.MonkeyPatch):
    bomb = zipped({**box_files(), ONNX_FILE: bytes(60_000_000)}, zipfile.ZIP_DEFLATED)
    assert len(bomb) < 2_000_000
    monkeypatch.setattr(zipfile.ZipFile, "read", lambda *arguments: pytest.fail("it was unpacked"))
    with pytest.raises(InvalidArchive, match="unpacks to 60 MB"):
        archive.import_version(registry, bomb, no_data)


def onnx_model(**changes: object) -> bytes:
    """A network that this program would run, but for the changes."""
    onnx = pytest.importorskip("onnx")
    helper, kinds = onnx.helper, onnx.TensorProto
    operator = changes.get("operator", "Reshape")
    weights = onnx.numpy_helper.from_array(np.array([-1, 14]), "shape")
    if changes.get("external"):
        onnx.external_data_helper.set_external_data(weights, "../../etc/passwd")
        weights.data_location = kinds.EXTERNAL
        weights.ClearField("raw_data")
    node = helper.make_node(operator, ["glyphs", "shape"], ["logits"], domain=changes.get("domain", ""))
    if changes.get("subgraph"):
        node.attribute.append(helper.make_attribute("body", helper.make_graph([], "inner", [], [])))
    if changes.get("hidden"):
        node.attribute.append(helper.make_attribute("value", weights))
    graph = helper.make_graph(
        [node],
        "g",
        [helper.make_tensor_value_info("glyphs", kinds.UINT8, ["n", 28, 28])],
        [helper.make_tensor_value_info("logits", kinds.UINT8, ["n", 10])],
        [] if changes.get("hidden") else [weights],
    )
    opsets = [helper.make_opsetid("", changes.get("opset", 17))]
    data: bytes = helper.make_model(graph, opset_imports=opsets, ir_version=8).SerializeToString()
    return data


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"external": True}, "keeps its weights in another file"),
        ({"external": True, "hidden": True}, "keeps its weights in another file"),
        ({"operator": "Loop"}, "operator 'Loop'"),
        ({"domain": "com.example"}, "outside the standard set"),
        ({"subgraph": True}, "graphs or sparse tensors inside"),
        ({"opset": 3}, "standard operators of one set"),
    ],
)
def test_a_network_with_anything_strange_in_it_is_refused(changes: dict[str, object], said: str):
    check_onnx(onnx_model())
    check_onnx((PRETRAINED_DIR / ONNX_FILE).read_bytes())
    with pytest.raises(ModelCorrupt, match=said):
        check_onnx(onnx_model(**changes))


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"patch": 2, "classes": 11},
        # The widest that the settings allow; one layer of a kernel of 1 keeps the file small.
        {"conv1_channels": 512, "conv2_channels": 512, "conv1_kernel": 1, "conv2_kernel": 1, "hidden_units": 1},
    ],
)
def test_networks_of_this_program_fit_the_limits(arguments: dict[str, int]):
    pytest.importorskip("torch")
    from mnist_classifier.training.ensemble import Ensemble
    from mnist_classifier.training.network import MNISTClassifier
    from mnist_classifier.training.release.export import to_bytes

    network = MNISTClassifier(**arguments).eval()
    for each in (network, Ensemble([network] * 10)):
        check_onnx(to_bytes(each), batch=256)


def test_a_network_of_another_shape_is_refused(registry: Registry):
    with pytest.raises(InvalidArchive, match="does not answer|it must give|does not return the probabilities"):
        archive.import_version(registry, zipped(with_file(box_files(), ONNX_FILE, onnx_model())), no_data)


@pytest.mark.parametrize("seed", range(30))
def test_random_damage_is_an_error_of_ours_and_nothing_else(registry: Registry, seed: int):
    random = np.random.default_rng(seed)
    data = bytearray(zipped(box_files()))
    for position in random.integers(0, len(data), 20):
        data[position] ^= int(random.integers(1, 256))
    with pytest.raises(InvalidArchive):
        archive.import_version(registry, bytes(data), no_data)
    damaged = bytearray((PRETRAINED_DIR / ONNX_FILE).read_bytes())
    for position in random.integers(0, 3000, 5):
        damaged[position] ^= int(random.integers(1, 256))
    with contextlib.suppress(ModelCorrupt):  # some damage is within weights, where hashes find it
        check_onnx(bytes(damaged))
