from __future__ import annotations

import errno
import json
import shutil
import threading
from pathlib import Path

import pytest

from mnist_classifier.config import PRETRAINED_DIR, Settings
from mnist_classifier.errors import ModelCorrupt, ModelMissing, StorageFull
from mnist_classifier.manifest import MANIFEST_FILE, ONNX_FILE, read_manifest, verify
from mnist_classifier.recogniser import Recogniser
from mnist_classifier.registry import BOX, Registry
from mnist_classifier.store import Store

MANIFEST = read_manifest(PRETRAINED_DIR)


@pytest.fixture
def registry(settings: Settings, store: Store) -> Registry:
    return Registry(settings.models_dir, store)


def write_files(folder: Path) -> None:
    """The files of the model in the box."""
    for name in MANIFEST["files"]:
        shutil.copyfile(PRETRAINED_DIR / name, folder / name)


def test_without_versions_the_model_in_the_box_serves(registry: Registry):
    assert registry.production() == BOX
    assert [v.version for v in registry.versions()] == [BOX]
    verify(registry.folder(BOX))


def test_versions_are_numbered_and_listed_newest_first(registry: Registry):
    first, second = (registry.save(MANIFEST, write_files) for _ in range(2))
    assert (first.version, second.version) == (1, 2)
    assert [v.version for v in registry.versions()] == [2, 1, BOX]
    assert registry.get(2) == second


def test_a_saved_version_is_whole_and_nothing_else_is_left(registry: Registry):
    version = registry.save(MANIFEST, write_files)
    manifest = verify(registry.folder(version.version))
    assert manifest["version"] == version.version
    assert {p.name for p in registry.models_dir.iterdir()} == {"1"}
    assert set(manifest["files"]) | {MANIFEST_FILE} == {p.name for p in registry.folder(1).iterdir()}


@pytest.mark.parametrize("error", [RuntimeError("broken"), KeyboardInterrupt()])
def test_a_failure_while_writing_leaves_no_version(registry: Registry, error: BaseException):
    def fail(folder: Path) -> None:
        (folder / ONNX_FILE).write_bytes(b"half")
        raise error

    with pytest.raises(type(error)):
        registry.save(MANIFEST, fail)
    assert list(registry.models_dir.iterdir()) == []
    assert [v.version for v in registry.versions()] == [BOX]


def test_a_full_disk_is_said_and_leaves_no_version(registry: Registry):
    def fill(folder: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(StorageFull, match="free some space"):
        registry.save(MANIFEST, fill)
    assert list(registry.models_dir.iterdir()) == []


def test_a_version_number_is_never_used_again(registry: Registry):
    registry.save(MANIFEST, write_files)
    shutil.rmtree(registry.folder(1))
    assert registry.save(MANIFEST, write_files).version == 2


def test_versions_saved_at_the_same_time_get_numbers_of_their_own(registry: Registry):
    numbers: list[int] = []
    threads = [
        threading.Thread(target=lambda: numbers.append(registry.save(MANIFEST, write_files).version)) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(numbers) == [1, 2, 3, 4]
    for number in numbers:
        assert verify(registry.folder(number))["version"] == number


def test_a_version_that_a_crash_left_unrecorded_is_adopted(registry: Registry, settings: Settings):
    registry.save(MANIFEST, write_files)
    for path in settings.home.glob("mnist.db*"):
        path.unlink()
    store = Store(settings.resolved_database_url)
    fresh = Registry(settings.models_dir, store)
    assert [v.version for v in fresh.versions()] == [BOX]
    (fresh.models_dir / "7").mkdir()  # a folder that is no version
    assert fresh.adopt() == [1]
    assert fresh.adopt() == []
    assert [v.version for v in fresh.versions()] == [1, BOX]
    store.close()


def test_promotion_moves_the_alias_and_zero_gives_it_back_to_the_box(registry: Registry):
    registry.save(MANIFEST, write_files)
    registry.promote(1)
    assert registry.production() == 1
    registry.promote(BOX)
    assert registry.production() == BOX


def test_what_is_not_there_or_not_whole_is_never_promoted(registry: Registry):
    registry.save(MANIFEST, write_files)
    registry.promote(1)
    registry.save(MANIFEST, write_files)
    (registry.folder(2) / ONNX_FILE).write_bytes(b"altered")
    with pytest.raises(ModelCorrupt, match="SHA-256"):
        registry.promote(2)
    with pytest.raises(ModelMissing, match="no model version 9"):
        registry.promote(9)
    assert registry.production() == 1


@pytest.mark.parametrize(
    ("damage", "error", "said"),
    [
        (lambda folder: (folder / ONNX_FILE).unlink(), ModelCorrupt, "cannot be read"),
        (lambda folder: (folder / ONNX_FILE).write_bytes(b""), ModelCorrupt, "SHA-256"),
        (lambda folder: (folder / MANIFEST_FILE).unlink(), ModelMissing, "is missing"),
        (lambda folder: (folder / MANIFEST_FILE).write_text("{"), ModelCorrupt, "cannot be read"),
        (lambda folder: (folder / MANIFEST_FILE).write_text("[]"), ModelCorrupt, "no manifest"),
        (lambda folder: (folder / MANIFEST_FILE).write_text("{}"), ModelCorrupt, "no manifest"),
        (lambda folder: edit(folder, preprocessing="other"), ModelCorrupt, "preprocessing"),
    ],
)
def test_a_damaged_version_is_never_loaded(registry: Registry, damage: object, error: type[Exception], said: str):
    registry.save(MANIFEST, write_files)
    damage(registry.folder(1))  # type: ignore[operator]
    with pytest.raises(error, match=said):
        Recogniser.open(registry.folder(1))


def test_a_file_with_a_right_hash_that_is_no_network_is_refused(registry: Registry):
    def write(folder: Path) -> None:
        (folder / ONNX_FILE).write_bytes(b"not a network")

    registry.save(MANIFEST, write)
    with pytest.raises(ModelCorrupt, match="cannot be loaded"):
        Recogniser.open(registry.folder(1))


def test_a_manifest_cannot_point_outside_its_folder(registry: Registry):
    registry.save(MANIFEST, write_files)
    edit(registry.folder(1), files={"../../secret": {"sha256": "0"}})
    with pytest.raises(ModelCorrupt, match="outside its folder"):
        verify(registry.folder(1))


def edit(folder: Path, **changes: object) -> None:
    path = folder / MANIFEST_FILE
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))
