"""Archives that were made to harm: what each takes of the server, and what the server says."""

from __future__ import annotations

import errno
import io
import json
import struct
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa

from mnist_classifier.core.database import Store
from mnist_classifier.core.errors import InvalidArchive, StorageFull
from mnist_classifier.core.settings import Settings
from mnist_classifier.evaluation.acceptance import archive, trial
from mnist_classifier.registry.aliases import BOX
from mnist_classifier.registry.manifest import ONNX_FILE, REPORT_FILE, WEIGHTS_FILE
from mnist_classifier.registry.versions import Registry
from tests.checkout import ROOT
from tests.evaluation.acceptance.test_archive import Files, box_files, no_data, with_file, zipped

MB = 1_000_000
# Bytes that a bomb unpacks to.
BOMB = 100 * MB
LARGEST_GROWTH_MB = 50


@pytest.fixture
def registry(settings: Settings, store: Store) -> Registry:
    return Registry(settings.models_dir, store)


def bomb(method: int) -> bytes:
    """A report of hundreds of megabytes; the directory says that it has a thousand bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as made:
        for name, data in {**box_files(), REPORT_FILE: bytes(BOMB)}.items():
            made.writestr(name, data)
    data = bytearray(buffer.getvalue())
    entry = data.index(REPORT_FILE.encode(), data.index(b"PK\1\2")) - 46
    struct.pack_into("<I", data, entry + 24, 1000)
    return bytes(data)


def many_entries() -> bytes:
    """A directory of a hundred thousand entries, which would each become an object."""
    data = zipped(box_files())
    start = data.index(b"PK\1\2")
    end = data.rindex(b"PK\5\6")
    entry = data[start : data.index(b"PK\1\2", start + 1)]
    directory = entry * (7 * MB // len(entry))
    tail = bytearray(data[end:])
    struct.pack_into("<II", tail, 12, len(directory), start)
    return data[:start] + directory + bytes(tail)


def network(nodes: Callable[[object], list[object]], weights: dict[str, np.ndarray]) -> Files:
    """The files of a version whose network was exchanged."""
    onnx = pytest.importorskip("onnx")
    helper, kinds = onnx.helper, onnx.TensorProto
    graph = helper.make_graph(
        nodes(helper),
        "g",
        [helper.make_tensor_value_info("glyphs", kinds.UINT8, ["n", 28, 28])],
        [helper.make_tensor_value_info("logits", kinds.FLOAT, ["n", 10])],
        [onnx.numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return with_file(box_files(), ONNX_FILE, model.SerializeToString())


def concatenated() -> bytes:
    """Twenty times Concat: a million times as large."""

    def nodes(helper: object) -> list[object]:
        make = helper.make_node  # type: ignore[attr-defined]
        chain = [make("Cast", ["glyphs"], ["x0"], to=1)]
        chain += [make("Concat", [f"x{step}"] * 2, [f"x{step + 1}"], axis=2) for step in range(20)]
        return [*chain, make("ReduceLogSumExp", ["x20"], ["logits"], axes=[1], keepdims=0)]

    return zipped(network(nodes, {}))


def concatenated_constants() -> bytes:
    """The same of weights, which ONNX Runtime would compute when it loads the file."""

    def nodes(helper: object) -> list[object]:
        make = helper.make_node  # type: ignore[attr-defined]
        chain = [make("Concat", [f"x{step}"] * 2, [f"x{step + 1}"], axis=0) for step in range(24)]
        return [*chain, make("Cast", ["glyphs"], ["logits"], to=1)]

    return zipped(network(nodes, {"x0": np.zeros((10, 10), np.float32)}))


def padded() -> bytes:
    """A Conv whose pads make an image of 24,000 pixels a side."""

    def nodes(helper: object) -> list[object]:
        make = helper.make_node  # type: ignore[attr-defined]
        return [
            make("Cast", ["glyphs"], ["x"], to=1),
            make("Reshape", ["x", "shape"], ["image"]),
            make("Conv", ["image", "kernel"], ["y"], kernel_shape=[1, 1], pads=[12_000] * 4),
            make("Flatten", ["y"], ["logits"]),
        ]

    shape = np.array([-1, 1, 28, 28])
    return zipped(network(nodes, {"shape": shape, "kernel": np.zeros((1, 1, 1, 1), np.float32)}))


def multiplied() -> bytes:
    """A product whose sides both grow with the batch: small for one glyph, 40 billion numbers for 256."""

    def nodes(helper: object) -> list[object]:
        make = helper.make_node  # type: ignore[attr-defined]
        return [
            make("Cast", ["glyphs"], ["x"], to=1),
            make("Reshape", ["x", "column"], ["one"]),
            make("Reshape", ["x", "row"], ["other"]),
            make("Mul", ["one", "other"], ["product"]),
            make("Flatten", ["product"], ["logits"]),
        ]

    return zipped(network(nodes, {"column": np.array([-1, 784, 1]), "row": np.array([1, 1, -1])}))


def lying_weights(header: dict[str, object], body: bytes = b"1234") -> bytes:
    text = json.dumps(header).encode()
    return zipped(with_file(box_files(), WEIGHTS_FILE, struct.pack("<Q", len(text)) + text + body))


def tensor(shape: list[int], start: int, end: int, dtype: str = "F32") -> dict[str, object]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [start, end]}


ATTACKS: dict[str, tuple[Callable[[], bytes], str]] = {
    "deflate": (lambda: bomb(zipfile.ZIP_DEFLATED), "no zip archive, or it is damaged: Bad CRC-32"),
    "bzip2": (lambda: bomb(zipfile.ZIP_BZIP2), "by a method other than deflate"),
    "lzma": (lambda: bomb(zipfile.ZIP_LZMA), "by a method other than deflate"),
    "entries": (many_entries, "more than 20 files"),
    "concat": (concatenated, "its Concat makes a tensor of 1x28x28672"),
    "constants": (concatenated_constants, "its Concat does not depend on the glyphs"),
    "pads": (padded, "the shapes at its Conv do not fit: 24028x24028"),
    "batch": (multiplied, "its Mul makes a tensor of 1x784x784"),
    "offsets": (lambda: lying_weights({"a": tensor([2], 0, 8)}), "is truncated"),
    "overlap": (lambda: lying_weights({"a": tensor([1], 0, 4), "b": tensor([1], 2, 6)}, b"123456"), "gaps or overlaps"),
    "shape": (lambda: lying_weights({"a": tensor([2**50] * 8, 0, 4)}), "do not match its size"),
    "dtype": (lambda: lying_weights({"a": tensor([1], 0, 4, "F64")}), "do not match its size"),
    "header": (
        lambda: zipped(with_file(box_files(), WEIGHTS_FILE, struct.pack("<Q", 2**63) + b"{}")),
        "has a header of the wrong length",
    ),
}


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads the peak of memory from /proc")
def test_no_archive_takes_much_memory_and_each_is_refused_in_words(tmp_path: Path):
    files = []
    for name, (make, _) in ATTACKS.items():
        files.append(tmp_path / f"{name}.zip")
        files[-1].write_bytes(make())
        assert files[-1].stat().st_size < 10 * MB  # what a server takes as a body
    command = [sys.executable, "-m", "tests.evaluation.acceptance.import_attack", str(tmp_path), *map(str, files)]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert ended.returncode == 0, ended.stderr
    for (name, (_, said)), line in zip(ATTACKS.items(), ended.stdout.splitlines(), strict=True):
        outcome = json.loads(line)
        print(name, outcome)
        assert outcome["message"].startswith("invalid_archive"), name
        assert said in outcome["message"], name
        assert outcome["grown_mb"] < LARGEST_GROWTH_MB, name
    assert {path.name for path in (tmp_path / "models").iterdir()} == {"1"}


@pytest.mark.slow
def test_a_network_that_needs_gigabytes_for_a_batch_is_refused_by_the_limit_of_its_process(registry: Registry):
    """No tensor is too large, but many must be kept at once: 0.55 GB each, for 256 glyphs."""

    def nodes(helper: object) -> list[object]:
        make = helper.make_node  # type: ignore[attr-defined]
        wide = [make("Cast", ["glyphs"], ["x"], to=1), make("Concat", ["x"] * 680, ["y0"], axis=1)]
        kept = [make("LogSoftmax", [f"y{step}"], [f"y{step + 1}"], axis=1) for step in range(4)]
        sums = [make("Add", ["y4" if step == 3 else f"z{step + 1}", f"y{step}"], [f"z{step}"]) for step in (3, 2, 1, 0)]
        narrow = make("Reshape", ["z0", "shape"], ["long"])
        return [*wide, *kept, *sums, narrow, make("Gemm", ["long", "weights"], ["logits"])]

    weights = np.zeros((680 * 784, 10), np.float32)
    data = zipped(network(nodes, {"shape": np.array([-1, 680 * 784]), "weights": weights}), zipfile.ZIP_DEFLATED)
    with pytest.raises(InvalidArchive, match="batch of images.*alloc|needs more than 1.5 GB"):
        archive.import_version(registry, data, no_data)
    assert list(registry.models_dir.iterdir()) == []


def test_a_check_that_takes_too_long_is_ended_and_leaves_no_process(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
):
    started: list[subprocess.Popen[bytes]] = []

    class Watched(subprocess.Popen):  # type: ignore[type-arg]
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            started.append(self)

    monkeypatch.setattr(subprocess, "Popen", Watched)
    monkeypatch.setattr(trial, "MOST_TIME_S", 0.01)
    with pytest.raises(InvalidArchive, match="needs more than 0.01 s"):
        archive.import_version(registry, zipped(box_files()), no_data)
    assert list(registry.models_dir.iterdir()) == []
    assert [process.returncode is not None for process in started] == [True]  # it was waited for


def test_the_process_that_checks_knows_no_setting_of_the_server(registry: Registry, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("MNIST_TOKEN", "a token that nobody may see")
    seen: list[dict[str, str]] = []
    start = subprocess.run

    def watched(*arguments: Any, **options: Any) -> Any:
        seen.append(options["env"])
        return start(*arguments, **options)

    monkeypatch.setattr(subprocess, "run", watched)
    archive.import_version(registry, zipped(box_files()), no_data)
    assert [name for name in seen[0] if name.startswith("MNIST_")] == []


@pytest.mark.parametrize(
    "where",
    [
        "mnist_classifier.evaluation.acceptance.archive._unpack_file",
        "os.replace",
    ],
)
def test_a_disk_that_fills_up_during_an_import_is_said_and_nothing_is_kept(
    registry: Registry, monkeypatch: pytest.MonkeyPatch, where: str
):
    def fail(*arguments: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(where, fail)
    with pytest.raises(StorageFull, match="free some space"):
        archive.import_version(registry, zipped(box_files()), no_data)
    assert list(registry.models_dir.iterdir()) == []


def test_a_database_that_is_full_during_an_import_is_said_and_nothing_is_kept(registry: Registry):
    def full(connection: Any, record: object) -> None:
        connection.execute("PRAGMA max_page_count = 1")  # SQLite takes it to mean: no page more than there are

    sa.event.listen(registry.store.engine, "connect", full)
    with pytest.raises(StorageFull, match="free some space"):
        archive.import_version(registry, zipped(box_files()), no_data)
    assert [version.version for version in registry.versions()] == [BOX]
    assert list(registry.models_dir.iterdir()) == []
