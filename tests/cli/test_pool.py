from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from mnist_classifier.cli import pool as pools
from mnist_classifier.cli import reading
from mnist_classifier.cli.inputs import Inputs, Part, parts_of
from mnist_classifier.cli.pool import Pool
from mnist_classifier.cli.reading import Chunks, Result, Work, read_parts
from mnist_classifier.core.errors import MnistError
from mnist_classifier.core.settings import PRETRAINED_DIR
from mnist_classifier.data import mnist
from mnist_classifier.recognition.bulk import Task
from mnist_classifier.recognition.imaging.decode import encode_png
from mnist_classifier.recognition.numbers.expected import ANYTHING

pytestmark = pytest.mark.slow
WORK = Work(PRETRAINED_DIR, Task("digit", ANYTHING, ()), {}, 10**6, None, "jsonl")


@pytest.fixture
def pictures(tmp_path: Path, digits: mnist.Images) -> list[str]:
    """Pictures of digits, a blank, and a file that is no picture."""
    for number, glyph in enumerate(digits.images):
        (tmp_path / f"{number:02}.png").write_bytes(encode_png(glyph))
    (tmp_path / "blank.png").write_bytes(encode_png(np.zeros((30, 30), np.uint8)))
    (tmp_path / "broken.png").write_text("no picture")
    np.save(tmp_path / "glyphs.npy", np.concatenate([digits.images] * 30))
    return [str(tmp_path)] * 3


def alone(pictures: list[str]) -> Result:
    return joined(read_parts(parts_of(Inputs(pictures)), WORK.open(), jobs=1))


def joined(results: Iterator[Result]) -> Result:
    found = list(results)
    errors = [error for result in found for error in result.errors]
    return Result(b"".join(result.text for result in found), errors, found[-1].file_number)


def test_several_processes_give_the_output_of_one_and_take_few_chunks_at_once(pictures: list[str]):
    taken = given = 0
    chunks = Chunks(parts_of(Inputs(pictures)))

    def counted() -> Iterator[list[Part]]:
        nonlocal taken
        for chunk in chunks:
            taken += 1
            yield chunk

    def watched(results: Iterator[Result]) -> Iterator[Result]:
        nonlocal given
        for given, result in enumerate(results, 1):
            assert taken - given < pools.WAITING_CHUNKS * 2
            yield result

    with Pool(WORK, 2) as pool:
        shared = joined(watched(pool.read(counted(), lambda parts, elapsed_s: None)))
    assert shared == alone(pictures)
    assert shared.text.count(b"\n") == 3 * (12 + 1 + 360)
    assert len(shared.errors) == 3
    assert given == taken > 40


def test_what_a_killed_process_was_reading_is_read_again(pictures: list[str]):
    expected = alone(pictures)
    chunks = Chunks(parts_of(Inputs(pictures)))
    found: list[Result] = []
    with Pool(WORK, 2) as pool:
        for result in pool.read(iter(chunks), chunks.learn):
            if len(found) in (1, 3):
                os.kill(pool._workers[0].process.pid or 0, signal.SIGKILL)
            found.append(result)
    assert joined(iter(found)) == expected


@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
def test_a_picture_that_ends_every_process_is_a_bad_file_and_the_rest_is_read(pictures: list[str], tmp_path: Path):
    deadly = Part("deadly.png", 2, _Deadly())  # type: ignore[arg-type]
    others = [Part(str(tmp_path / f"{number:02}.png"), number) for number in range(8)]
    parts = [*others[:4], deadly, *others[4:]]
    with Pool(WORK, 1) as pool:
        found = joined(result for result in pool.read(iter([parts[:6], parts[6:]]), lambda parts, elapsed_s: None))
    (error,) = found.errors
    assert error == ("deadly.png", "3 processes died while reading it, the last one was killed by signal 9")
    names = [f"{number:02}.png" for number in range(8)]
    assert [line.split(b'"')[3].decode()[-6:] for line in found.text.splitlines()] == names


@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
def test_many_deadly_pictures_in_one_chunk_do_not_end_the_command(pictures: list[str], tmp_path: Path):
    deadly = [Part(f"deadly{number}.png", number, _Deadly()) for number in range(6)]  # type: ignore[arg-type]
    with Pool(WORK, 1) as pool:
        chunks = iter([deadly, [Part(str(tmp_path / "00.png"), 6)]])
        found = joined(result for result in pool.read(chunks, lambda parts, elapsed_s: None))
    assert [name for name, _ in found.errors] == [part.name for part in deadly]
    assert found.text.count(b"\n") == 1


class _Deadly:
    """Kills the process that unpickles it."""

    def __reduce__(self) -> tuple[object, ...]:
        return _kill_this_process, ()


def _kill_this_process() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def test_processes_that_keep_dying_end_the_command_with_a_reason(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(pools, "serve", _die)
    monkeypatch.setattr(pools, "MOST_DEATHS", 3)
    with (
        Pool(WORK, 1) as pool,
        pytest.raises(MnistError, match="3 reading processes died .* with exit code 7; .* smaller --jobs"),
    ):
        list(pool.read(iter([[Part("x.png", 1)]]), lambda parts, elapsed_s: None))


def _die(*_: object) -> None:
    os._exit(7)


def test_a_version_that_cannot_be_loaded_is_one_clear_error(tmp_path: Path):
    work = Work(tmp_path / "none", WORK.task, {}, 10**6, None, "jsonl")
    with Pool(work, 1) as pool, pytest.raises(MnistError, match="no model in"):
        list(pool.read(iter([[Part("x.png", 1)]]), lambda parts, elapsed_s: None))


def test_a_system_that_allows_no_more_processes_only_makes_it_slower(
    pictures: list[str], monkeypatch: pytest.MonkeyPatch
):
    def refuse(self: Pool) -> None:
        raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")

    expected = alone(pictures)
    monkeypatch.setattr(Pool, "_start", refuse)
    monkeypatch.setattr(reading, "ALONE_S", 0.0)
    assert joined(read_parts(parts_of(Inputs(pictures)), WORK.open(), jobs=8)) == expected


def test_short_work_starts_no_process(pictures: list[str], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(pools.Pool, "_start", lambda self: pytest.fail("a process was started"))
    results = list(read_parts(parts_of(Inputs([f"{pictures[0]}/00.png"])), WORK.open(), jobs=8))
    assert len(results) == 1


def test_glyphs_are_read_in_threads_and_a_few_blocks_at_once(pictures: list[str], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(pools.Pool, "_start", lambda self: pytest.fail("a process was started"))
    monkeypatch.setattr(reading, "ALONE_S", 0.0)
    taken = given = 0
    names: set[str] = set()
    reader = WORK.open()
    read = reader.read

    def noted(parts: Sequence[Part]) -> Result:
        names.add(threading.current_thread().name)
        return read(parts)

    def counted() -> Iterator[Part]:
        nonlocal taken
        for part in parts_of(Inputs([f"{pictures[0]}/glyphs.npy"] * 12)):
            taken += 1
            yield part

    monkeypatch.setattr(reader, "read", noted)
    results = []
    for given, result in enumerate(read_parts(counted(), reader, jobs=2), 1):
        assert taken - given < reading.WAITING_BLOCKS * 2
        results.append(result)
    assert joined(iter(results)) == alone([f"{pictures[0]}/glyphs.npy"] * 12)
    assert given == taken == 24
    assert names == {"glyphs_0", "glyphs_1"}


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc, which shows blocked signals")
def test_ctrl_c_never_reaches_a_process_even_while_the_first_one_starts():
    code = (
        "import multiprocessing, re, time\n"
        "from mnist_classifier.cli.pool import _ctrl_c_held_back\n"
        "with _ctrl_c_held_back():\n"
        "    process = multiprocessing.get_context('spawn').Process(target=time.sleep, args=(60,))\n"
        "    process.start()\n"
        "status = open(f'/proc/{process.pid}/status').read()\n"
        "process.kill()\n"
        "print(int(re.search(r'SigBlk:\\s*(\\w+)', status)[1], 16))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, encoding="utf-8", check=True)
    assert int(result.stdout) & 1 << signal.SIGINT - 1
