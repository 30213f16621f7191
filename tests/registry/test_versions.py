from __future__ import annotations

import errno
import json
import os
import shutil
import threading
import time
from datetime import datetime
from pathlib import Path

import pytest

from mnist_classifier.core.database import Store
from mnist_classifier.core.errors import (
    InvalidInput,
    ModelCorrupt,
    ModelError,
    ModelInUse,
    ModelMissing,
    StorageFull,
    VersionMissing,
)
from mnist_classifier.core.settings import PRETRAINED_DIR, Settings
from mnist_classifier.core.tables import model_versions
from mnist_classifier.recognition.recogniser import Recogniser
from mnist_classifier.registry.aliases import BOX, CHALLENGER, PRODUCTION
from mnist_classifier.registry.folders import VersionFolders, copy_to_box
from mnist_classifier.registry.manifest import MANIFEST_FILE, ONNX_FILE, ROBUSTNESS_FILE, read_manifest, verify
from mnist_classifier.registry.versions import Registry
from tests.versions import robustness

MANIFEST = read_manifest(PRETRAINED_DIR)


@pytest.fixture
def registry(settings: Settings, store: Store) -> Registry:
    return Registry(settings.models_dir, store)


def write_files(folder: Path) -> None:
    """The files of the model in the box."""
    for name in MANIFEST["files"]:
        shutil.copyfile(PRETRAINED_DIR / name, folder / name)


def test_without_versions_the_model_in_the_box_serves(registry: Registry):
    assert registry.aliases.production() == BOX
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
    registry.aliases.move(PRODUCTION, 1)
    assert registry.aliases.production() == 1
    registry.aliases.move(PRODUCTION, BOX)
    assert registry.aliases.production() == BOX


@pytest.mark.parametrize(
    ("damage", "error", "said"),
    [
        (lambda folder: (folder / ONNX_FILE).unlink(), ModelCorrupt, "cannot be read"),
        (lambda folder: (folder / ONNX_FILE).write_bytes(b""), ModelCorrupt, "SHA-256"),
        (lambda folder: (folder / MANIFEST_FILE).unlink(), ModelMissing, "is missing"),
        (lambda folder: (folder / MANIFEST_FILE).write_text("{"), ModelCorrupt, "is not valid JSON"),
        (lambda folder: (folder / MANIFEST_FILE).write_text("[]"), ModelCorrupt, "must be a JSON object, not a list"),
        (lambda folder: (folder / MANIFEST_FILE).write_text("{}"), ModelCorrupt, "format is missing"),
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
    edit(registry.folder(1), files={"../../secret": {"sha256": "0" * 64, "bytes": 1}})
    with pytest.raises(ModelCorrupt, match="outside its folder"):
        verify(registry.folder(1))


# --- names, deletion, history -------------------------------------------------------------------------


def test_a_name_and_a_note_change_and_the_files_do_not(registry: Registry):
    registry.save(MANIFEST, write_files)
    changed = registry.edit(1, name="  my first  ", note="trained on a Sunday")
    assert (changed.name, changed.note) == ("my first", "trained on a Sunday")
    assert registry.edit(1, note="") == registry.get(1)
    assert registry.get(1).name == "my first"
    assert verify(registry.folder(1))["name"] == MANIFEST["name"]
    for wrong in ({"name": " "}, {"name": "x" * 101}, {"name": "a\nb"}, {"note": "x" * 2001}):
        with pytest.raises(InvalidInput):
            registry.edit(1, **wrong)
    with pytest.raises(ModelInUse, match="model in the box"):
        registry.edit(BOX, name="mine")


def test_a_deleted_version_is_gone_and_its_number_with_it(registry: Registry):
    for _ in range(2):
        registry.save(MANIFEST, write_files)
    registry.delete(2)
    assert [v.version for v in registry.versions()] == [1, BOX]
    assert {path.name for path in registry.models_dir.iterdir()} == {"1"}
    with pytest.raises(VersionMissing):
        registry.get(2)
    with pytest.raises(VersionMissing):
        registry.delete(2)
    assert registry.save(MANIFEST, write_files).version == 3


def test_what_an_alias_names_and_the_model_in_the_box_are_never_deleted(registry: Registry):
    for _ in range(2):
        registry.save(MANIFEST, write_files)
    registry.aliases.move(PRODUCTION, 1)
    registry.aliases.move(CHALLENGER, 2)
    with pytest.raises(ModelInUse, match="version 1 is production"):
        registry.delete(1)
    with pytest.raises(ModelInUse, match="version 2 is challenger"):
        registry.delete(2)
    with pytest.raises(ModelInUse, match="part of the program"):
        registry.delete(BOX)
    assert [v.version for v in registry.versions()] == [2, 1, BOX]


def test_a_deletion_that_a_crash_broke_off_is_finished_and_not_undone(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
):
    registry.save(MANIFEST, write_files)
    with monkeypatch.context() as patched:
        patched.setattr(VersionFolders, "remove", lambda self, number: None)  # the power fails here
        registry.delete(1)
    assert [v.version for v in registry.versions()] == [BOX]
    assert registry.folder(1).is_dir()
    assert registry.adopt() == []
    assert list(registry.models_dir.iterdir()) == []
    assert [v.version for v in registry.versions()] == [BOX]


def test_what_a_killed_save_left_is_swept_once_nobody_can_be_at_it(registry: Registry):
    old, new = registry.models_dir / ".new-old", registry.models_dir / ".new-new"
    for folder in (old, new):
        folder.mkdir()
    os.utime(old, (0, 0))
    registry.adopt()
    assert list(registry.models_dir.iterdir()) == [new]


def test_a_server_starts_while_the_unfinished_folder_of_another_vanishes(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(Path, "glob", lambda folder, pattern: [folder / ".new-gone"])
    assert registry.adopt() == []


def test_every_move_of_an_alias_is_written_down(registry: Registry):
    for number in (1, 2):
        registry.save(MANIFEST, write_files)
        registry.aliases.move(PRODUCTION, number, actor="someone", reason=f"try {number}")
    registry.aliases.move(PRODUCTION, 2)  # it is there already: no move
    registry.aliases.move(PRODUCTION, BOX)
    moves = [(m.alias, m.previous, m.version, m.actor, m.reason) for m in registry.aliases.history()]
    assert moves == [
        ("production", 2, BOX, "", ""),
        ("production", 1, 2, "someone", "try 2"),
        ("production", BOX, 1, "someone", "try 1"),
    ]
    assert registry.aliases.previous() == 2


def test_five_hundred_versions_are_listed_at_once_and_one_is_found_by_one_query(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
):
    now = MANIFEST["created_at"]
    rows = [
        {"version": n, "name": f"v{n}", "created_at": datetime.fromisoformat(now), "manifest": {**MANIFEST}}
        for n in range(1, 501)
    ]
    with registry.store.writing() as connection:
        connection.execute(model_versions.insert(), rows)
    started = time.process_time()
    assert len(registry.versions()) == 501
    assert time.process_time() - started < 2  # 0.05 s
    monkeypatch.setattr(Registry, "versions", lambda self: pytest.fail("all rows were read"))
    assert registry.get(250).name == "v250"


# --- robustness ---------------------------------------------------------------------------------------

TABLE = robustness(pen=0.97)


def test_a_robustness_table_is_added_to_a_version_without_touching_it(registry: Registry):
    version = registry.save(MANIFEST, write_files)
    folder = registry.folder(1)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert registry.robustness(version) is None
    assert registry.record_robustness(version, TABLE)
    found = registry.robustness(version)
    assert found is not None
    assert found.items() >= TABLE.items()
    assert verify(folder) == version.manifest
    assert {path.name for path in folder.iterdir()} == {*before, ROBUSTNESS_FILE}
    assert all((folder / name).read_bytes() == data for name, data in before.items())


def test_a_table_gives_way_to_a_newer_one_but_not_to_less_or_the_same(registry: Registry):
    version = registry.save(MANIFEST, write_files)
    registry.record_robustness(version, TABLE)
    assert not registry.record_robustness(version, {**TABLE, "measured_at": "later"})
    assert not registry.record_robustness(version, {**TABLE, "rows": [], "left_out": {"pen digits": "no sets"}})
    assert registry.record_robustness(version, {**TABLE, "rows": []})
    assert (registry.robustness(version) or {})["rows"] == []


def test_a_table_of_another_model_or_a_damaged_one_is_not_shown(registry: Registry):
    first, second = (registry.save({**MANIFEST, "temperature": temperature}, write_files) for temperature in (1.0, 2.0))
    registry.record_robustness(first, TABLE)
    shutil.copyfile(registry.folder(1) / ROBUSTNESS_FILE, registry.folder(2) / ROBUSTNESS_FILE)
    assert registry.robustness(first) is not None
    assert registry.robustness(second) is None
    for damage in ("{", "[]", "{}"):
        (registry.folder(1) / ROBUSTNESS_FILE).write_text(damage)
        assert registry.robustness(first) is None
    assert registry.record_robustness(first, TABLE)


def test_a_table_that_cannot_be_written_leaves_the_old_one(registry: Registry, monkeypatch: pytest.MonkeyPatch):
    version = registry.save(MANIFEST, write_files)
    registry.record_robustness(version, TABLE)
    before = {path.name for path in registry.folder(1).iterdir()}

    def refuse(source: object, target: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr("os.replace", refuse)
    with pytest.raises(ModelError, match="was not stored in .*Permission denied"):
        registry.record_robustness(version, {**TABLE, "rows": []})
    assert (registry.robustness(version) or {})["rows"] == TABLE["rows"]
    assert {path.name for path in registry.folder(1).iterdir()} == before


def test_the_model_in_the_box_comes_with_its_table(registry: Registry, tmp_path: Path):
    version = registry.save(MANIFEST, write_files)
    registry.record_robustness(version, TABLE)
    registry.box_dir = tmp_path / "box"
    registry.box_dir.mkdir()
    (registry.box_dir / "old").write_text("of the model before")
    (registry.box_dir / "line_reader").mkdir()
    copy_to_box(registry.folder(1), registry.box_dir, registry.stored_robustness(1))
    box = registry.get(BOX)
    assert (registry.robustness(box) or {})["rows"] == TABLE["rows"]
    assert verify(registry.box_dir) == box.manifest
    assert ROBUSTNESS_FILE not in box.manifest["files"]
    assert {path.name for path in registry.box_dir.iterdir()} == {
        *box.manifest["files"],
        MANIFEST_FILE,
        ROBUSTNESS_FILE,
        "line_reader",  # the box keeps its line reader
    }


def edit(folder: Path, **changes: object) -> None:
    path = folder / MANIFEST_FILE
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))
