# ruff: noqa: E402
"""Reading from and writing to a bucket: a real S3 server (moto's) on this machine."""

from __future__ import annotations

import importlib.util
import os
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

if importlib.util.find_spec("moto") is None and os.environ.get("CI") != "true":
    pytest.skip("needs moto[server]", allow_module_level=True)

import fsspec
import pyarrow.parquet as pq
from moto.server import ThreadedMotoServer

from mnist_classifier.cluster.job import Job, Model, Output, checked_inputs, opened_model
from mnist_classifier.cluster.part_reader import PartReader, Summary
from mnist_classifier.cluster.parts import parts_of
from mnist_classifier.cluster.storage import Place
from mnist_classifier.core.errors import StorageUnreachable
from mnist_classifier.core.settings import Settings
from mnist_classifier.core.version import __version__
from mnist_classifier.data import mnist
from mnist_classifier.recognition.bulk import DIGIT, Task
from mnist_classifier.recognition.numbers.expected import ANYTHING
from tests.cluster.ray_inputs import write_array, write_parquet, write_pictures, write_tar
from tests.mirror import dead_url

pytestmark = pytest.mark.cluster


@pytest.fixture(autouse=True)
def credentials(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    values = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_DEFAULT_REGION": "us-east-1"}
    for name, value in {**values, "AWS_MAX_ATTEMPTS": "1", "NO_PROXY": "127.0.0.1"}.items():
        monkeypatch.setenv(name, value)
    fsspec.get_filesystem_class("s3").clear_instance_cache()
    yield
    fsspec.get_filesystem_class("s3").clear_instance_cache()


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
    try:
        name = f"digits-{uuid.uuid4().hex}"  # moto's servers in one process share their buckets
        fsspec.filesystem("s3").mkdir(name)
        yield f"s3://{name}"
    finally:
        server.stop()


@pytest.fixture
def model(settings: Settings) -> Model:
    return opened_model(None, settings)


def read(model: Model, output: str, *inputs: str) -> list[Summary]:
    job = Job(checked_inputs(inputs), output, Task(DIGIT, ANYTHING, ()), {}, 40_000_000)
    Output.of(output).begin(job.description(model))
    reader = PartReader(job, model, __version__)
    return [reader.read(part) for each in job.inputs for part in parts_of(each)]


def rows(output: str, table: str = "readings") -> list[dict[str, Any]]:
    folder = Place.of(output) / table
    found = []
    for name in folder.names():
        with (folder / name).open() as file:
            found += pq.read_table(file).to_pylist()
    return found


def test_every_kind_of_input_is_read_from_a_bucket_and_readings_are_written_to_one(
    bucket: str, model: Model, tmp_path: Path, digits: mnist.Images
) -> None:
    write_pictures(tmp_path / "in" / "pictures", digits.images)
    write_tar(tmp_path / "in" / "a.tar", digits.images)
    write_parquet(tmp_path / "in" / "b.parquet", digits.images)
    write_array(tmp_path / "in" / "c.npy", digits.images)
    fsspec.filesystem("s3").put(str(tmp_path / "in"), f"{bucket}/", recursive=True)

    done = read(model, f"{bucket}/out", f"{bucket}/in")
    assert [each.problem for each in done] == [""] * 4
    found = rows(f"{bucket}/out")
    assert len(found) == 4 * 12
    by_file = {name: [r for r in found if r["source"] == f"{bucket}/in/{name}"] for name in ("a.tar", "c.npy")}
    assert [row["prediction"] for row in by_file["c.npy"]] == digits.labels.tolist()
    assert [row["prediction"] for row in by_file["a.tar"]] == digits.labels.tolist()
    assert {row["source"] for row in found if row["source"].endswith("00003.png")} == {
        f"{bucket}/in/pictures/more/00003.png"
    }
    assert all(each.skipped for each in read(model, f"{bucket}/out", f"{bucket}/in"))
    assert len(list(parts_of(f"{bucket}/in/*.tar"))) == 1


def test_a_bucket_that_cannot_be_reached_is_named(
    model: Model, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, digits: mnist.Images
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", dead_url())
    local = write_tar(tmp_path / "a.tar", digits.images)
    with pytest.raises(StorageUnreachable, match=r"s3://digits/out/_job.json cannot be read: .*[Cc]onnect"):
        read(model, "s3://digits/out", str(local))
    output = Output.of("s3://digits/out")
    for use in (output.begin_again, output.rows, lambda: output.remove_others(set()), lambda: output.is_complete("a")):
        with pytest.raises(StorageUnreachable, match=r"s3://digits/out/.*: .*[Cc]onnect"):
            use()
    lost, good = read(model, str(tmp_path / "out"), "s3://digits/a.tar", str(local))
    assert lost.problem.startswith("s3://digits/a.tar cannot be read: ")
    assert (good.problem, good.readings) == ("", 12)


def test_a_bucket_that_is_lost_while_reading_stops_the_job(
    bucket: str, model: Model, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, digits: mnist.Images
) -> None:
    local = write_tar(tmp_path / "a.tar", digits.images)
    job = Job(checked_inputs([str(local)]), f"{bucket}/out", Task(DIGIT, ANYTHING, ()), {}, 40_000_000)
    reader = PartReader(job, model, __version__)
    fsspec.filesystem("s3").rm(bucket, recursive=True)
    (lost,) = [reader.read(part) for part in parts_of(str(local))]
    assert lost.is_fatal
    assert lost.problem.startswith(f"{bucket}/out/readings/part-")
