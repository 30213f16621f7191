# ruff: noqa: E402
"""How inputs are divided, and how a part is read and committed; without Ray."""

from __future__ import annotations

import errno
import gzip
import importlib.util
import io
import json
import os
import shutil
import socket
import tarfile
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

if importlib.util.find_spec("ray") is None and os.environ.get("CI") != "true":
    pytest.skip("needs the extra `cluster`", allow_module_level=True)

import pyarrow as pa
import pyarrow.parquet as pq
from fsspec.exceptions import FSTimeoutError

from mnist_classifier.cli.main import main
from mnist_classifier.cluster import contents, parts
from mnist_classifier.cluster.job import Job, Model, Output, checked_inputs, opened_model
from mnist_classifier.cluster.part_reader import PartReader, Summary
from mnist_classifier.cluster.parts import parts_of
from mnist_classifier.cluster.ray_session import connected
from mnist_classifier.cluster.storage import Place, write_text
from mnist_classifier.core.errors import ClusterUnavailable, FolderTaken, InvalidInput
from mnist_classifier.core.settings import Settings
from mnist_classifier.core.version import __version__
from mnist_classifier.data import mnist
from mnist_classifier.recognition.bulk import DIGIT, FORM, NUMBER, Task
from mnist_classifier.recognition.imaging.decode import encode_png
from mnist_classifier.recognition.numbers.expected import ANYTHING, Field
from tests.cluster.ray_inputs import rows, write_array, write_parquet, write_pictures, write_tar

pytestmark = pytest.mark.cluster

Read = Callable[..., list[Summary]]
DIGITS = Task(DIGIT, ANYTHING, ())


@pytest.fixture(autouse=True)
def home(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MNIST_HOME", str(settings.home))


@pytest.fixture
def model(settings: Settings) -> Model:
    return opened_model(None, settings)


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


@pytest.fixture
def read(model: Model, out: Path) -> Read:
    """Reads every part of the inputs as the processes of Ray do, and returns their summaries."""

    def read_all(*inputs: Path | str, task: Task = DIGITS, output: str = "", **options: Any) -> Any:
        job = Job(checked_inputs([str(each) for each in inputs]), output or str(out), task, {}, 40_000_000, **options)
        reader = PartReader(job, model, __version__)
        return [reader.read(part) for each in job.inputs for part in parts_of(each)]

    return read_all


def predicted(*arguments: str) -> list[dict[str, Any]]:
    """The readings of the local engine."""
    result = CliRunner().invoke(main, ["predict", "--json", *arguments])
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


def essence(row: dict[str, Any]) -> dict[str, Any]:
    """What a reading says.  The local engine rounds to six decimals."""
    numbers = (row["confidence"], row["not_a_digit"], *row["probabilities"])
    warnings = [each if isinstance(each, str) else each["code"] for each in row["warnings"]]
    named = {"prediction": row["prediction"], "verdict": row["verdict"], "warnings": warnings}
    return {**named, "numbers": Rounded(numbers)}


class Rounded(tuple[float, ...]):
    """Numbers that are equal if they differ by rounding only."""

    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        return list(self) == pytest.approx(list(other), abs=1e-6)  # type: ignore[call-overload]


# --- the same readings as `mnist predict` -------------------------------------------------------------


def test_every_kind_of_input_gives_the_readings_of_the_local_engine(
    read: Read, out: Path, tmp_path: Path, digits: mnist.Images
) -> None:
    images = digits.images.copy()
    images[3] = 0  # blank
    images[5] = 0
    images[5, 4:24, 14] = 255  # very thin
    pictures = write_pictures(tmp_path / "pictures", images)
    array = write_array(tmp_path / "glyphs.npy", images)
    files = [write_tar(tmp_path / "a.tar", images), write_tar(tmp_path / "b.tar.gz", images)]
    read(pictures, *files, write_parquet(tmp_path / "c.parquet", images), array)

    found = rows(out)
    by_picture = {row["file"]: essence(row) for row in predicted(str(pictures))}
    by_glyph = [essence(row) for row in predicted(str(array))]
    names = sorted(by_picture, key=lambda name: Path(name).name)
    assert {row["source"]: essence(row) for row in found if row["source"] in by_picture} == by_picture
    for file in (*files, tmp_path / "c.parquet"):
        shard = sorted((row for row in found if row["source"] == str(file)), key=lambda row: row["index"])
        assert [essence(row) for row in shard] == [by_picture[name] for name in names], file
        assert [row["index"] for row in shard] == list(range(12))
    assert [essence(row) for row in found if row["source"] == str(array)] == by_glyph
    assert len(found) == 5 * 12
    assert {(row["model_version"], row["model_name"]) for row in found} == {(0, "pretrained")}
    assert [row["prediction"] for row in found if row["verdict"] == "blank"] == [None] * 5
    assert [row["warnings"] for row in found if row["source"] == str(array)][5] == ["very_thin"]


def test_numbers_and_forms_have_their_columns(read: Read, out: Path, tmp_path: Path, digits: mnist.Images) -> None:
    line = encode_png(np.hstack([np.pad(glyph, 12) for glyph in digits.images[1:3]]))
    picture = tmp_path / "17.png"
    picture.write_bytes(line)
    read(picture, task=Task(NUMBER, ANYTHING, ()))
    (number,) = rows(out)
    (local,) = predicted("--number", str(picture))
    shown = ("number", "verdict", "text")
    assert [number[name] for name in shown] == [local[name] for name in shown] == ["17", "number", "17"]

    fields = [Field("left", (0, 0, 52, 52)), Field("right", (52, 0, 52, 52))]
    read(picture, task=Task(FORM, ANYTHING, fields), output=str(tmp_path / "form"))
    assert [(row["field"], row["number"]) for row in rows(tmp_path / "form")] == [("left", "1"), ("right", "7")]


def test_the_column_of_pictures_may_have_any_name(read: Read, out: Path, tmp_path: Path, digits: mnist.Images) -> None:
    table = pa.table({"scan": [encode_png(digits.images[1]), None], "label": [1, 7]})
    pq.write_table(table, tmp_path / "a.parquet")
    read(tmp_path / "a.parquet", column="scan")
    assert [row["prediction"] for row in rows(out)] == [1]
    assert [(row["index"], row["code"]) for row in rows(out, "errors")] == [(1, "invalid_image")]

    read(tmp_path / "a.parquet", output=str(tmp_path / "other"))
    (error,) = rows(tmp_path / "other", "errors")
    assert "none of the columns image, bytes" in error["message"]
    assert "scan, label with --column" in error["message"]


# --- parts --------------------------------------------------------------------------------------------


def test_large_inputs_are_divided(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, digits: mnist.Images) -> None:
    for name in ("PICTURES_PER_PART", "ROWS_PER_PART", "GLYPHS_PER_PART"):
        monkeypatch.setattr(parts, name, 5)
    images = digits.images
    pictures = list(parts_of(str(write_pictures(tmp_path / "pictures", images))))
    assert [len(part.urls) for part in pictures] == [5, 5, 2]
    array = list(parts_of(str(write_array(tmp_path / "glyphs.npy", images))))
    assert [(part.first, part.stop) for part in array] == [(0, 5), (5, 10), (10, 12)]
    table = list(parts_of(str(write_parquet(tmp_path / "a.parquet", images, rows_per_group=3))))
    assert [(part.first, part.stop, part.first_row) for part in table] == [(0, 2, 0), (2, 4, 6)]


def test_divided_inputs_keep_their_order_and_numbers(
    monkeypatch: pytest.MonkeyPatch, read: Read, out: Path, tmp_path: Path, digits: mnist.Images
) -> None:
    monkeypatch.setattr(parts, "ROWS_PER_PART", 5)
    monkeypatch.setattr(parts, "GLYPHS_PER_PART", 5)
    read(write_array(tmp_path / "a.npy", digits.images), write_parquet(tmp_path / "b.parquet", digits.images))
    for name in ("a.npy", "b.parquet"):
        found = sorted((row for row in rows(out) if row["source"].endswith(name)), key=lambda row: row["index"])
        assert [row["index"] for row in found] == list(range(12))
        assert [row["prediction"] for row in found] == digits.labels.tolist()


def test_only_a_changed_part_is_read_again(read: Read, tmp_path: Path, digits: mnist.Images) -> None:
    first, second = (write_tar(tmp_path / name, digits.images[:2]) for name in ("a.tar", "b.tar"))
    assert [done.skipped for done in read(first, second)] == [False, False]
    assert [done.skipped for done in read(first, second)] == [True, True]
    write_tar(second, digits.images[:3])
    again = read(first, second)
    assert [done.skipped for done in again] == [True, False]


def test_parts_that_the_inputs_no_longer_give_are_deleted(
    read: Read, out: Path, tmp_path: Path, digits: mnist.Images
) -> None:
    shard = write_tar(tmp_path / "a.tar", digits.images[:2])
    read(shard)
    write_tar(shard, digits.images[:3])
    done = read(shard)
    assert Output.of(str(out)).remove_others({each.key for each in done}) == 1
    assert len(rows(out)) == 3


# --- damage -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cut", [0.5, "in a header", "before the end mark"])
@pytest.mark.parametrize("name", ["a.tar", "a.tar.gz"])
def test_a_truncated_tar_gives_what_is_before_the_damage_and_is_named(
    read: Read, out: Path, tmp_path: Path, digits: mnist.Images, name: str, cut: float | str
) -> None:
    shard = write_tar(tmp_path / name, digits.images)
    good = write_tar(tmp_path / "good.tar", digits.images[:1])
    data = shard.read_bytes()
    member = 1024  # a header and the picture, in blocks of 512 bytes
    length = {0.5: len(data) // 2, "in a header": 10 * member + 100, "before the end mark": 12 * 2 * member}[cut]
    if name.endswith("gz"):
        length = min(length, len(data) - 40)
    shard.write_bytes(data[:length])
    done = read(shard, good)
    assert [each.errors for each in done] == [1, 0]
    (error,) = rows(out, "errors")
    assert (error["source"], error["code"]) == (str(shard), "data_corrupt")
    assert f"{shard} is damaged or cut short" in error["message"]
    assert len(rows(out)) > 1
    assert [each.skipped for each in read(shard, good)] == [True, True]  # the same file would give the same


@pytest.mark.parametrize("name", ["a.tar", "a.tar.gz"])
def test_a_damaged_header_in_a_tar_is_no_end(
    read: Read, out: Path, tmp_path: Path, digits: mnist.Images, name: str
) -> None:
    data = bytearray(write_tar(tmp_path / "whole.tar", digits.images).read_bytes())
    data[5 * 2048 + 10] ^= 1  # each picture and its label take two headers and two blocks
    shard = tmp_path / name
    shard.write_bytes(gzip.compress(data) if name.endswith("gz") else data)
    (done,) = read(shard)
    assert (done.readings, done.errors) == (5, 1)
    (error,) = rows(out, "errors")
    assert error["message"] == f"{shard} is damaged or cut short: one of its headers is damaged (bad checksum)"


@pytest.mark.parametrize("name", ["a.tar", "a.tar.gz"])
def test_a_second_archive_in_the_same_file_is_named(
    read: Read, out: Path, tmp_path: Path, digits: mnist.Images, name: str
) -> None:
    shard = write_tar(tmp_path / name, digits.images)
    shard.write_bytes(shard.read_bytes() * 2)
    (done,) = read(shard)
    assert (done.readings, done.errors) == (12, 1)
    assert rows(out, "errors")[0]["message"].endswith("more data follows the mark at its end")


def test_a_flipped_bit_in_a_compressed_archive_is_named(read: Read, tmp_path: Path, digits: mnist.Images) -> None:
    shard = write_tar(tmp_path / "a.tar.gz", digits.images)
    data = bytearray(shard.read_bytes())
    data[-6] ^= 1  # in the checksum
    shard.write_bytes(data)
    (done,) = read(shard)
    assert (done.errors, done.needs_retry) == (1, False)


class Lost(Exception):
    """Such as those of aiohttp, which are no OSError."""


class Failing(io.RawIOBase):
    """A file whose storage fails after some bytes."""

    def __init__(self, path: str, good: int, error: Exception) -> None:
        self._file = open(path, "rb")  # noqa: SIM115
        self._good, self._error = good, error

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def readinto(self, buffer: Any) -> int:
        if self._file.tell() + len(buffer) > self._good:
            raise self._error
        return self._file.readinto(buffer)

    def close(self) -> None:
        self._file.close()
        super().close()


@pytest.mark.parametrize(
    "error", [OSError(errno.EIO, "Input/output error"), FSTimeoutError(), ConnectionResetError("lost"), Lost("lost")]
)
def test_a_storage_that_fails_in_the_middle_is_no_damage_and_is_read_again(
    monkeypatch: pytest.MonkeyPatch, model: Model, out: Path, tmp_path: Path, digits: mnist.Images, error: Exception
) -> None:
    many = np.concatenate([digits.images] * 40)
    files = [
        write_tar(tmp_path / "a.tar", many),
        write_tar(tmp_path / "b.tar.gz", many),
        write_parquet(tmp_path / "c.parquet", many),
        write_array(tmp_path / "d.npy", many),
        *write_pictures(tmp_path / "e", digits.images[1:2]).glob("more/*.png"),
    ]
    found = [part for file in files for part in parts_of(str(file))]
    reader = PartReader(Job(tuple(map(str, files)), str(out), DIGITS, {}, 40_000_000), model, __version__)
    with monkeypatch.context() as patch:
        patch.setattr(Place, "open", lambda self: Failing(self.path, os.path.getsize(self.path) // 2, error))
        lost = [reader.read(part) for part in found]
    assert [each.needs_retry or bool(each.problem) for each in lost] == [True] * 5
    assert {row["code"] for row in rows(out, "errors")} == {"storage_unreachable"}
    assert len(rows(out, "errors")) == 5
    again = [reader.read(part) for part in found]
    assert [(each.skipped, each.errors) for each in again] == [(False, 0)] * 5
    assert sum(each.readings for each in again) == 4 * len(many) + 1


def test_damaged_files_of_every_kind_are_named_and_the_rest_is_read(
    read: Read, out: Path, tmp_path: Path, digits: mnist.Images
) -> None:
    folder = write_pictures(tmp_path / "in", digits.images[:2])
    (folder / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nnothing")
    (folder / "a.parquet").write_bytes(b"PAR1 nothing PAR1")
    table = write_parquet(folder / "b.parquet", digits.images).read_bytes()
    (folder / "b.parquet").write_bytes(table[:200] + b"\xff" * 200 + table[400:])
    array = write_array(folder / "c.npy", digits.images).read_bytes()
    (folder / "c.npy").write_bytes(array[:-1000])
    (folder / "d.tar").write_bytes(b"nothing")
    read(folder)
    errors = {Path(row["source"]).name: row["code"] for row in rows(out, "errors")}
    assert {**errors, "broken.png": "invalid_image"} == errors
    assert {name for name, code in errors.items() if code == "data_corrupt"} >= {"a.parquet", "c.npy", "d.tar"}
    assert "b.parquet" in errors
    found = [Path(row["source"]).name for row in rows(out)]
    assert (found.count("c.npy"), found.count("00000.png"), found.count("00001.png")) == (10, 1, 1)


def test_a_file_that_cannot_be_opened_is_named_and_read_next_time(
    read: Read, out: Path, tmp_path: Path, digits: mnist.Images
) -> None:
    folder = write_pictures(tmp_path / "in", digits.images[:2])
    target = tmp_path / "a folder, which cannot be opened as a file"
    target.mkdir()
    (folder / "later.png").symlink_to(target)
    for _ in range(2):
        (done,) = read(folder)
        assert (done.skipped, done.readings, done.errors, done.needs_retry) == (False, 2, 1, True)
        assert done.first_error.endswith("later.png cannot be read: Is a directory")
    assert [row["code"] for row in rows(out, "errors")] == ["storage_unreachable"]

    target.rmdir()
    target.write_bytes(encode_png(digits.images[2]))
    (done,) = read(folder)
    Output.of(str(out)).remove_others({done.key})
    assert (done.readings, done.needs_retry, rows(out, "errors")) == (3, False, [])
    assert sorted(row["prediction"] for row in rows(out)) == [0, 1, 7]


def test_a_missing_input_is_a_problem_and_the_rest_is_read(
    read: Read, out: Path, tmp_path: Path, digits: mnist.Images
) -> None:
    (tmp_path / "empty").mkdir()
    shard = write_tar(tmp_path / "a.tar", digits.images[:1])
    done = read(tmp_path / "nowhere", tmp_path / "empty", str(tmp_path / "x*.png"), shard)
    assert [each.problem.removeprefix(f"{tmp_path}/") for each in done] == [
        "nowhere does not exist",
        "empty cannot be read: it holds no picture, tar, Parquet or glyph file",
        "x*.png cannot be read: no file matches this pattern",
        "",
    ]
    assert len(rows(out)) == 1


def test_files_and_folders_that_vanish_while_they_are_listed_are_named_and_the_rest_is_read(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, digits: mnist.Images
) -> None:
    monkeypatch.setattr(parts, "PICTURES_PER_PART", 1)
    folder = write_pictures(tmp_path / "in", digits.images[1:5])
    write_tar(folder / "z.tar", digits.images)
    write_pictures(folder / "gone", digits.images[:2])
    write_pictures(folder / "zoo", digits.images[:2])
    found = parts_of(str(folder))
    names = [Path(next(found).urls[0]).name]
    (folder / "00002.png").unlink()
    (folder / "z.tar").unlink()
    shutil.rmtree(folder / "gone")
    rest = list(found)
    names += [Path(part.urls[0]).name for part in rest if not part.problem]
    assert names == ["00001.png", "00000.png", "00003.png", "00001.png", "00000.png"]
    assert [part.problem for part in rest if part.problem] == [
        f"{folder}/{name} does not exist" for name in ("00002.png", "z.tar", "gone")
    ]


def test_a_pattern_matches_no_hidden_files(tmp_path: Path, digits: mnist.Images) -> None:
    folder = write_pictures(tmp_path / ".x" / "in", digits.images[1:3])
    (folder / "._00001.png").write_bytes(b"written by macOS")
    write_pictures(folder / ".trash", digits.images[:2])

    def found(pattern: str) -> list[str]:
        return [os.path.relpath(url, folder) for part in parts_of(f"{folder}/{pattern}") for url in part.urls]

    assert found("*.png") == ["00001.png"]
    assert found("**/*.png") == ["00001.png", "more/00000.png"]
    assert found(".trash/*.png") == [".trash/00001.png"]


def test_a_full_disk_stops_the_job_and_leaves_no_part(
    monkeypatch: pytest.MonkeyPatch, read: Read, tmp_path: Path, digits: mnist.Images
) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("needs /dev/full")
    shard = write_tar(tmp_path / "a.tar", digits.images[:1])
    (done,) = read(shard)
    monkeypatch.setattr(uuid, "uuid4", lambda: uuid.UUID(int=0))
    part = tmp_path / "full" / "readings" / f".part-{done.key}.parquet.{uuid.UUID(int=0).hex}.part"
    part.parent.mkdir(parents=True)
    part.symlink_to("/dev/full")
    (full,) = read(shard, output=str(tmp_path / "full"))
    assert full.is_fatal
    assert full.problem.startswith("the disk is full, so ")
    assert not list((tmp_path / "full" / "readings").iterdir())


def test_a_huge_member_of_an_archive_is_not_held_in_memory(
    monkeypatch: pytest.MonkeyPatch, read: Read, out: Path, tmp_path: Path, digits: mnist.Images
) -> None:
    monkeypatch.setattr(contents, "LARGEST_PICTURE_BYTES", 10_000)
    shard = tmp_path / "a.tar.gz"
    with tarfile.open(shard, "w:gz") as archive:
        for name, data in (("../../huge.png", bytes(5_000_000)), ("good.png", encode_png(digits.images[1]))):
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    read(shard)
    assert [(row["member"], row["code"]) for row in rows(out, "errors")] == [("../../huge.png", "image_too_large")]
    assert [(row["member"], row["prediction"]) for row in rows(out)] == [("good.png", 1)]


# --- jobs ---------------------------------------------------------------------------------------------


def test_another_job_is_refused_with_the_difference(model: Model, out: Path) -> None:
    task = Task(DIGIT, ANYTHING, ())
    job = Job(("/a",), str(out), task, {}, 40_000_000)
    output = Output.of(str(out))
    output.begin(job.description(model))
    output.begin(job.description(model))
    write_text(output.readings("0"), "the readings of a part")
    other = Model(7, {**model.manifest, "name": "better"}, model.onnx_bytes)
    for another, used, difference in (
        (Job(("/b",), str(out), task, {}, 40_000_000), model, '(inputs: ["/a"] there, ["/b"] now)'),
        (
            Job(("/a",), str(out), task, {"ambiguous_below": 0.5}, 40_000_000),
            model,
            "options.thresholds.ambiguous_below",
        ),
        (
            Job(("/a",), str(out), Task(NUMBER, ANYTHING, ()), {}, 40_000_000),
            model,
            'options.mode: "digit" there, "number" now',
        ),
        (job, other, "model.version: 0 there, 7 now"),
    ):
        with pytest.raises(FolderTaken, match="belongs to another job") as refused:
            output.begin(another.description(used))
        assert difference in refused.value.message


def test_a_job_that_read_nothing_does_not_keep_its_output_from_another(model: Model, out: Path) -> None:
    misspelt, right = (
        Job((each,), str(out), Task(DIGIT, ANYTHING, ()), {}, 40_000_000) for each in ("/sacns", "/scans")
    )
    output = Output.of(str(out))
    output.begin(misspelt.description(model))
    output.begin(right.description(model))
    write_text(output.errors("0"), "the errors of a part")
    with pytest.raises(FolderTaken, match=r'inputs: \["/scans"\] there, \["/sacns"\] now'):
        output.begin(misspelt.description(model))


def test_a_file_as_output_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("readings")
    with pytest.raises(InvalidInput, match="is a file"), Output.of(str(tmp_path / "a.csv")).locked():
        pass


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "localhost"])
def test_an_address_without_a_cluster_is_named_at_once(host: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with (
        pytest.raises(ClusterUnavailable, match="cannot be reached .*; check the address"),
        connected(f"{host}:{port}"),
    ):
        pass


def test_a_folder_with_other_files_is_refused(model: Model, out: Path) -> None:
    out.mkdir()
    (out / "thesis.txt").write_text("years of work")
    with pytest.raises(FolderTaken, match=r"holds other files \(thesis.txt\)"):
        Output.of(str(out)).begin({})


def test_a_machine_with_another_version_of_the_program_is_refused(model: Model, out: Path) -> None:
    job = Job(("/a",), str(out), Task(DIGIT, ANYTHING, ()), {}, 40_000_000)
    with pytest.raises(ClusterUnavailable, match=r"has version .* but version 9\.9 started the job"):
        PartReader(job, model, "9.9")


@pytest.mark.parametrize("name", ["-", "memory://a", "nosuchprotocol://a"])
def test_inputs_that_other_machines_cannot_see_are_refused(name: str) -> None:
    with pytest.raises(InvalidInput):
        checked_inputs([name])


def test_an_output_inside_an_input_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="--output lies in the input"):
        checked_inputs([str(tmp_path)], str(tmp_path / "out"))
    assert checked_inputs([str(tmp_path / "in")], str(tmp_path / "in-out")) == (str(tmp_path / "in"),)


@pytest.mark.parametrize("pattern", ["in/**/*.parquet", "in/*", "in/*/*/*.parquet", "in/out/*/*.parquet", "i?/out"])
def test_an_output_that_a_pattern_matches_is_refused(tmp_path: Path, pattern: str) -> None:
    with pytest.raises(InvalidInput, match="--output lies in the input") as refused:
        checked_inputs([f"{tmp_path}/{pattern}"], f"{tmp_path}/in/out")
    assert refused.value.field == "output"
    checked_inputs([f"{tmp_path}/in/*.tar", f"{tmp_path}/in/a/**/*.png"], f"{tmp_path}/in/out")


def test_two_commands_never_write_to_one_folder(out: Path) -> None:
    output = Output.of(str(out))
    with output.locked(), pytest.raises(FolderTaken, match="another command is writing to"), output.locked():
        pass
    with output.locked():
        output.begin({})


# --- places -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("url", ["webhdfs://host:9870/in/a", "s3://bucket/in/a", "http://127.0.0.1:1/in/a"])
def test_a_url_keeps_its_host(url: str) -> None:
    place = Place.of(url)
    assert place.url == url
    assert (place / "b.png").url == f"{url}/b.png"
    pattern = Place.of(f"{url}/*.png")
    match = pattern.at(pattern.path.replace("*", "b"))
    assert match.url == f"{url}/b.png"
    assert Place.of(match.url).path == match.path


def test_a_path_may_hold_any_character(read: Read, out: Path, tmp_path: Path, digits: mnist.Images) -> None:
    folder = tmp_path / "s3:" / "a::b"
    folder.mkdir(parents=True)
    names = ["c::d.png", "100%.png", "a#b?.png", "file:e.png"]
    for name in names:
        (folder / name).write_bytes(encode_png(digits.images[1]))
    read(folder)
    assert {row["source"] for row in rows(out)} == {str(folder / name) for name in names}
    assert rows(out, "errors") == []


@pytest.mark.parametrize("url", ["zip://*.png::x.zip", "simplecache::s3://bucket/a", "cached://a"])
def test_urls_that_lie_in_other_files_are_refused_at_once(url: str) -> None:
    with pytest.raises(InvalidInput, match="is not a place that every process can reach"):
        Place.of(url)
