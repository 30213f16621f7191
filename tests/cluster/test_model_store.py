"""Model versions in a model store: a shared folder, and a bucket of a real S3 server."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import fsspec
import pytest

from mnist_classifier.core.database import Store
from mnist_classifier.core.errors import InvalidConfig, ModelCorrupt, StorageFull, StoreUnreachable
from mnist_classifier.core.records import RunStatus
from mnist_classifier.core.settings import Settings
from mnist_classifier.data import mnist
from mnist_classifier.evaluation import promotion
from mnist_classifier.evaluation.acceptance import archive
from mnist_classifier.recognition.recogniser import Recogniser
from mnist_classifier.registry.aliases import BOX, CHALLENGER, PRODUCTION
from mnist_classifier.registry.bucket import Bucket
from mnist_classifier.registry.manifest import MANIFEST_FILE, ONNX_FILE, ROBUSTNESS_FILE, verify
from mnist_classifier.registry.versions import Registry
from mnist_classifier.runs import worker
from mnist_classifier.runs.run_log import Runs
from mnist_classifier.web.services.served_model import ServedModel
from tests.cluster.s3 import S3
from tests.runs.test_jobs import LONG
from tests.versions import MANIFEST, robustness, save

pytestmark = pytest.mark.cluster


@pytest.fixture(params=["folder", "s3"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty model store."""
    if request.param == "s3":
        s3: S3 = request.getfixturevalue("s3")
        return f"s3://{s3.new_bucket()}/models"
    folder = tmp_path / "shared"
    folder.mkdir()
    return folder.as_uri()


@pytest.fixture
def shared(tmp_path: Path) -> Path:
    """An empty shared folder as model store."""
    folder = tmp_path / "shared"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture
def machine(store: Store, tmp_path: Path) -> Callable[..., Registry]:
    """Makes the registry of a machine with a cache of its own; all use the same database."""

    def make(name: str, url: str) -> Registry:
        return Registry(tmp_path / name, store, models_url=url)

    return make


def power_cut(registry: Registry, number: int) -> None:
    raise KeyboardInterrupt


def files_of(url: str) -> dict[str, bytes]:
    """Every file in the store."""
    system, root = fsspec.core.url_to_fs(url, use_listings_cache=False, skip_instance_cache=True)
    return {path[len(root) :].strip("/"): system.cat_file(path) for path in system.find(root)}


def put(url: str, path: str, data: bytes) -> None:
    system, root = fsspec.core.url_to_fs(url, use_listings_cache=False, skip_instance_cache=True)
    system.pipe_file(f"{root}/{path}", data)


def test_a_version_saved_on_one_machine_is_read_on_another(machine: Callable[..., Registry], url: str):
    here, there = machine("here", url), machine("there", url)
    version = save(here)
    assert version.version == 1
    assert set(files_of(url)) == {f"1/{name}" for name in (*MANIFEST["files"], MANIFEST_FILE)}
    assert there.get(1) == version
    assert verify(there.folder(1)) == version.manifest
    Recogniser.open(there.folder(1)).check_interface()
    assert there.set_aside() == {}


def test_machines_that_save_at_once_take_numbers_of_their_own(machine: Callable[..., Registry], url: str):
    machines = [machine(f"machine-{number}", url) for number in range(3)]
    with ThreadPoolExecutor(3) as pool:
        numbers = sorted(version.version for version in pool.map(save, machines * 2))
    assert numbers == [1, 2, 3, 4, 5, 6]
    assert all(verify(machines[0].folder(number))["version"] == number for number in numbers)


def test_a_deleted_version_leaves_the_store_and_every_cache(machine: Callable[..., Registry], url: str):
    here, there = machine("here", url), machine("there", url)
    save(here)
    there.folder(1)
    here.delete(1)
    assert files_of(url) == {}
    assert there.adopt() == []
    assert list(there.models_dir.iterdir()) == []
    assert save(there).version == 2


def test_a_robustness_table_is_seen_by_the_other_machines(machine: Callable[..., Registry], url: str):
    here, there = machine("here", url), machine("there", url)
    version = save(here)
    assert there.robustness(version) is None
    table = robustness(0.97)
    assert here.record_robustness(version, table)
    elsewhere = machine("elsewhere", url)
    assert (elsewhere.robustness(version) or {})["rows"] == table["rows"]
    exported = archive.export_version(elsewhere, 1)
    assert ROBUSTNESS_FILE.encode() in exported


def test_versions_of_a_lost_database_are_found_again(
    machine: Callable[..., Registry], shared: Path, tmp_path: Path, settings: Settings
):
    save(machine("here", str(shared)))
    with closing(Store(f"sqlite:///{tmp_path / 'new.db'}")) as empty:
        fresh = Registry(tmp_path / "fresh", empty, models_url=str(shared))
        assert fresh.adopt() == [1]
        assert [version.version for version in fresh.versions()] == [1, BOX]
        assert save(fresh).version == 2


def test_a_crash_while_saving_leaves_no_version_and_its_number_is_not_used_again(
    machine: Callable[..., Registry], url: str, monkeypatch: pytest.MonkeyPatch
):
    registry, write = machine("here", url), Bucket.write

    def fail(self: Bucket, path: str, data: bytes) -> None:
        if path.endswith(MANIFEST_FILE):
            raise KeyboardInterrupt
        write(self, path, data)

    with monkeypatch.context() as patch:
        patch.setattr(Bucket, "write", fail)
        with pytest.raises(KeyboardInterrupt):
            save(registry)
    other = machine("there", url)
    assert other.adopt() == []
    assert [version.version for version in other.versions()] == [BOX]
    assert other.set_aside() == {}
    assert save(other).version == 2
    monkeypatch.setattr("mnist_classifier.registry.remote.ABANDONED_AFTER_S", -1)
    other.adopt()
    assert {path.split("/")[0] for path in files_of(url)} == {"2"}


def test_a_version_that_a_crash_left_unrecorded_is_recorded_by_the_next_start(
    machine: Callable[..., Registry], shared: Path, monkeypatch: pytest.MonkeyPatch
):
    registry = machine("here", str(shared))
    with monkeypatch.context() as patch:
        patch.setattr(Registry, "_record", power_cut)
        with pytest.raises(KeyboardInterrupt):
            save(registry)
    other = machine("there", str(shared))
    assert other.adopt() == [1]
    assert other.get(1).name == MANIFEST["name"]
    assert verify(other.folder(1))["version"] == 1


@pytest.mark.parametrize("damage", [b"nonsense", b""])
def test_a_damaged_file_in_the_store_is_never_loaded(machine: Callable[..., Registry], shared: Path, damage: bytes):
    save(machine("here", str(shared)))
    good = files_of(str(shared))[f"1/{ONNX_FILE}"]
    put(str(shared), f"1/{ONNX_FILE}", damage or good[:-1] + bytes([good[-1] ^ 1]))
    there = machine("there", str(shared))
    with pytest.raises(ModelCorrupt, match=r"damaged|not in the model store"):
        there.folder(1)
    assert not (there.models_dir / "1").exists()
    put(str(shared), f"1/{ONNX_FILE}", good)
    verify(there.folder(1))


def test_a_version_that_was_swapped_in_the_store_is_refused(machine: Callable[..., Registry], shared: Path):
    here = machine("here", str(shared))
    save(here)
    manifest = json.loads(files_of(str(shared))[f"1/{MANIFEST_FILE}"])
    del manifest["files"]["report.json"]
    put(str(shared), f"1/{MANIFEST_FILE}", json.dumps(manifest).encode())
    with pytest.raises(ModelCorrupt, match="not the one that was recorded"):
        machine("there", str(shared)).folder(1)
    verify(here.folder(1))  # its copy is the one that was recorded


def test_a_version_without_its_manifest_is_set_aside(machine: Callable[..., Registry], shared: Path):
    here = machine("here", str(shared))
    save(here)
    system, root = fsspec.core.url_to_fs(str(shared), use_listings_cache=False, skip_instance_cache=True)
    system.rm_file(f"{root}/1/{MANIFEST_FILE}")
    assert "is missing" in machine("there", str(shared)).set_aside()["1"]


def test_a_damaged_copy_is_fetched_again(machine: Callable[..., Registry], shared: Path):
    registry = machine("here", str(shared))
    save(registry)
    (registry.models_dir / "1" / ONNX_FILE).write_bytes(b"bit rot")
    verify(registry.folder(1))


def test_processes_that_fetch_a_version_at_once_all_get_it(machine: Callable[..., Registry], shared: Path):
    save(machine("here", str(shared)))
    machines = [machine("there", str(shared)) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        assert len({str(folder) for folder in pool.map(lambda registry: registry.folder(1), machines)}) == 1
    assert [path.name for path in machines[0].models_dir.iterdir()] == ["1"]
    verify(machines[0].folder(1))


def test_a_full_disk_of_the_cache_is_said_and_the_previous_version_goes_on_answering(
    machine: Callable[..., Registry], shared: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("mnist_classifier.web.services.served_model.CHECK_INTERVAL_S", 0)
    save(machine("here", str(shared)))
    there = machine("there", str(shared))
    served = ServedModel(there)
    assert served.current().version.version == BOX
    there.aliases.move(PRODUCTION, 1)

    def full(self: Path, data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", full)
        with pytest.raises(StorageFull, match="not copied from the model store"):
            there.folder(1)
        assert served.current().version.version == BOX
        assert "disk is full" in served.trouble
        assert list(there.models_dir.iterdir()) == []
    assert served.current().version.version == 1
    assert served.current()
    assert served.trouble == ""


def test_a_server_that_loses_the_store_goes_on_and_follows_again_when_it_is_back(
    machine: Callable[..., Registry],
    shared: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
):
    monkeypatch.setattr("mnist_classifier.web.services.served_model.CHECK_INTERVAL_S", 0)
    here, there = machine("here", str(shared)), machine("there", str(shared))
    save(here)
    here.aliases.move(PRODUCTION, 1)
    served = ServedModel(there)
    assert served.current().version.version == 1
    save(here)
    away = shared.rename(shared.with_name("away"))
    here.aliases.move(PRODUCTION, 2)
    for _ in range(3):
        assert served.current().version.version == 1
    assert sum("model store cannot be reached" in record.message for record in caplog.records) == 1
    assert served.trouble == "could not load model version 2: " + StoreUnreachable("").public
    assert set(there.set_aside()) == {"store"}
    assert [version.version for version in there.versions()] == [2, 1, BOX]
    away.rename(shared)
    monkeypatch.setattr("mnist_classifier.registry.bucket.UNREACHABLE_FOR_S", 0)
    assert served.current().version.version == 2


def test_a_start_without_the_store_serves_the_copy_or_the_box(machine: Callable[..., Registry], shared: Path):
    here = machine("here", str(shared))
    save(here)
    here.aliases.move(PRODUCTION, 1)
    shared.rename(shared.with_name("away"))
    for name, expected in (("here", 1), ("new", BOX)):
        registry = machine(name, str(shared))
        assert registry.adopt() == []
        served = ServedModel(registry)
        assert served.current().version.version == expected
        assert bool(served.trouble) is (name == "new")


def test_without_the_store_lists_go_on_and_no_promotion_skips_the_robustness_check(
    machine: Callable[..., Registry], shared: Path
):
    registry = machine("here", str(shared))
    first, second = save(registry), save(registry)
    for version in (first, second):
        registry.record_robustness(version, robustness(0.97))
    shared.rename(shared.with_name("away"))
    assert registry.robustness(first) is None
    with pytest.raises(StoreUnreachable):
        promotion.compare(registry, first, second)


def test_a_version_whose_check_the_store_interrupts_is_the_challenger(machine: Callable[..., Registry], shared: Path):
    registry = machine("here", str(shared))
    save(registry)
    shared.rename(shared.with_name("away"))
    decision = promotion.promote_unless_worse(registry, 1, actor="training 1")
    assert not decision.promoted
    assert "not compared with the version in production, because the model store cannot be reached" in decision.details
    assert registry.aliases.all() == {PRODUCTION: BOX, CHALLENGER: 1}


@pytest.mark.mnist
@pytest.mark.slow
def test_a_cancelled_training_that_could_not_be_saved_is_resumed_and_saved(
    settings: Settings, runs: Runs, shared: Path, mnist_dirs: list[Path]
):
    here = replace(settings, data_dir=mnist.find(mnist_dirs, mnist.TRAIN), models_url=str(shared))
    run = runs.create(LONG)
    cancel_it = worker.Report(on_epoch=lambda result: cancel(runs, run.id))
    away = shared.rename(shared.with_name("away"))
    with pytest.raises(StoreUnreachable):
        worker.execute(here, run.id, str(run.claim), cancel_it)
    failed = runs.get(run.id)
    assert failed.status is RunStatus.FAILED
    assert "cancelled, but the best weights were not saved: the model store cannot be reached" in failed.message
    assert f"mnist runs resume {run.id}" in failed.message
    away.rename(shared)
    resumed = runs.reopen(run.id)
    worker.execute(here, run.id, str(resumed.claim), cancel_it)
    saved = runs.get(run.id)
    assert (saved.status, saved.model_version) == (RunStatus.CANCELLED, 1)


def cancel(runs: Runs, run_id: int) -> None:
    runs.request_cancel(run_id)


def test_a_save_without_the_store_fails_clearly(machine: Callable[..., Registry], shared: Path):
    registry = machine("here", str(shared))
    shared.rename(shared.with_name("away"))
    with pytest.raises(StoreUnreachable, match="no folder"):
        save(registry)
    assert list(registry.models_dir.iterdir()) == []


def test_a_bucket_that_refuses_connections_is_unreachable(
    machine: Callable[..., Registry], monkeypatch: pytest.MonkeyPatch, s3: S3
):
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9")
    registry = machine("here", "s3://nowhere/models")
    with pytest.raises(StoreUnreachable):
        save(registry)
    with pytest.raises(StoreUnreachable):
        registry.folders.numbers()


def test_a_bucket_that_is_not_there_is_no_empty_store(machine: Callable[..., Registry], s3: S3):
    with pytest.raises(StoreUnreachable, match="bucket does not exist"):
        save(machine("here", "s3://not-there/models"))


@pytest.mark.parametrize(("address", "said"), [("gs://bucket/models", "install gcsfs"), ("nonsense://x", "nonsense")])
def test_a_store_that_cannot_be_used_is_one_line(store: Store, tmp_path: Path, address: str, said: str):
    with pytest.raises(InvalidConfig, match=said) as caught:
        Registry(tmp_path, store, models_url=address)
    assert "\n" not in caught.value.message


def test_fsspec_is_not_imported_without_a_model_store(settings: Settings):
    program = (
        "import sys; from mnist_classifier.core.settings import Settings;"
        "from mnist_classifier.web.app import create_app; create_app(Settings.from_environment());"
        "print([name for name in ('fsspec', 's3fs', 'boto3', 'psycopg', 'ray') if name in sys.modules])"
    )
    environment = {**os.environ, "MNIST_HOME": str(settings.home)}
    found = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, encoding="utf-8", check=True
    )
    assert found.stdout.strip() == "[]"


def test_an_import_goes_into_the_store(machine: Callable[..., Registry], shared: Path):
    here, there = machine("here", str(shared)), machine("there", str(shared))
    save(here)
    imported = archive.import_version(there, archive.export_version(here, 1), unavailable)
    assert imported.version.version == 2
    assert verify(here.folder(2))["imported_from"]["version"] == 1


def unavailable(split: str) -> Any:
    from mnist_classifier.core.errors import DataMissing

    raise DataMissing(split)
