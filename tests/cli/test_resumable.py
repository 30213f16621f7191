from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import filelock
import numpy as np
import pytest
from click.testing import CliRunner, Result

from mnist_classifier.cli import reading
from mnist_classifier.cli.inputs import Part, stamp
from mnist_classifier.cli.main import main
from mnist_classifier.core.settings import PRETRAINED_DIR, Settings
from mnist_classifier.data import mnist
from mnist_classifier.recognition.bulk import Task
from mnist_classifier.recognition.imaging.decode import encode_png
from mnist_classifier.recognition.numbers.expected import ANYTHING
from tests.processes import python

PartReader = reading.PartReader


@pytest.fixture(autouse=True)
def pictures(settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, digits: mnist.Images) -> None:
    """Folders of pictures with a bad file, and a file of glyphs of several blocks."""
    monkeypatch.setenv("MNIST_HOME", str(settings.home))
    monkeypatch.setattr(reading, "MOST_AT_ONCE", 4)
    for folder in "ab":
        (tmp_path / folder).mkdir()
        for number, glyph in enumerate(digits.images):
            (tmp_path / folder / f"{number:02}.png").write_bytes(encode_png(glyph))
        (tmp_path / folder / "07.png").write_text("no picture")
    np.save(tmp_path / "glyphs.npy", np.concatenate([digits.images] * 60))
    monkeypatch.chdir(tmp_path)


def run(*arguments: str, status: int = 1) -> Result:
    """Status 1, because both folders have a bad file."""
    result = CliRunner().invoke(main, ["predict", "a", "glyphs.npy", "b", "--jobs", "1", *arguments])
    assert result.exit_code == status, result.output
    return result


Interrupt = Callable[[BaseException], None]


@pytest.fixture
def interrupted(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Result]]:
    """Runs the command, and breaks it off after some chunks."""

    def command(*arguments: str, after: int = 3, error: BaseException | None = None) -> Result:
        chunks = 0

        def read(self: PartReader, parts: list[object]) -> reading.Result:
            nonlocal chunks
            chunks += 1
            if chunks > after:
                raise error or KeyboardInterrupt
            return whole(self, parts)  # type: ignore[arg-type]

        whole = PartReader.read
        with monkeypatch.context() as patch:
            patch.setattr(PartReader, "read", read)
            return run(*arguments)

    return command


def files() -> list[str]:
    return sorted(path.name for path in Path().iterdir() if path.is_file() and path.suffix != ".npy")


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "txt"])
@pytest.mark.parametrize("after", [1, 3, 5, 6])
def test_an_interrupted_command_goes_on_and_gives_the_same_bytes(interrupted, suffix: str, after: int):
    whole = run("--output", f"whole.{suffix}", "--errors", "bad.txt")
    Path(f"out.{suffix}").write_text("before")
    broken = interrupted("--output", f"out.{suffix}", "--errors", "bad2.txt", after=after)
    assert f"out.{suffix} is not complete yet. So far: " in broken.stderr
    assert Path(f"out.{suffix}").read_text() == "before"
    result = run("--output", f"out.{suffix}", "--errors", "bad2.txt")
    assert "continuing after" in result.stderr
    assert result.stderr.endswith("Error: 2 files could not be read\n")
    assert Path(f"out.{suffix}").read_bytes() == Path(f"whole.{suffix}").read_bytes()
    assert Path("bad.txt").read_text().splitlines() == [os.path.join(folder, "07.png") for folder in "ab"]
    assert Path("bad2.txt").read_bytes() == Path("bad.txt").read_bytes()
    assert files() == ["bad.txt", "bad2.txt", f"out.{suffix}", f"whole.{suffix}"]
    assert whole.stderr.endswith("Error: 2 files could not be read\n")


def test_nothing_that_was_read_is_read_again(interrupted, monkeypatch: pytest.MonkeyPatch):
    interrupted("--output", "out.csv", after=5)
    read: list[str] = []
    whole = PartReader.read

    def noted(self: PartReader, parts: list[object]) -> reading.Result:
        read.extend(part.name for part in parts)  # type: ignore[attr-defined]
        return whole(self, parts)  # type: ignore[arg-type]

    monkeypatch.setattr(PartReader, "read", noted)
    run("--output", "out.csv")
    assert not [name for name in read if name.startswith("a")]


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (["--number"], "task"),
        (["--ambiguous-below", "0.9"], "threshold"),
        (["--format", "jsonl"], "format"),
        (["--errors", "bad.txt"], "list of bad files"),
    ],
)
def test_two_settings_are_never_mixed(interrupted, options: list[str], named: str):
    interrupted("--output", "out.csv")
    before = Path("out.csv.part").read_bytes()
    result = run("--output", "out.csv", *options)
    assert f"was written by a command with another {named}" in result.stderr
    assert "add --restart" in result.stderr
    assert Path("out.csv.part").read_bytes() == before
    run("--output", "out.csv")


def test_two_model_versions_are_never_mixed(interrupted, monkeypatch: pytest.MonkeyPatch):
    interrupted("--output", "out.csv")
    settings = PartReader.settings
    monkeypatch.setattr(PartReader, "settings", lambda self: {**settings(self), "model version": ("other", "1234")})
    told = run("--output", "out.csv").stderr
    assert "with another model version, named pretrained; " in told
    assert "--model-version" in told


def test_restart_reads_everything_again(interrupted):
    interrupted("--output", "out.csv", "--ambiguous-below", "1")
    assert "continuing" not in run("--output", "out.csv", "--restart").stderr
    run("--output", "whole.csv")
    assert Path("out.csv").read_bytes() == Path("whole.csv").read_bytes()
    assert files() == ["out.csv", "whole.csv"]


@pytest.mark.parametrize("change", ["a/00.png", "a/000.png", "glyphs.npy"])
def test_changed_files_are_noticed(interrupted, change: str):
    interrupted("--output", "out.csv", after=5)
    with Path(change).open("ab") as file:
        file.write(b" ")
    result = run("--output", "out.csv")
    assert "some were edited, renamed, added or removed" in result.stderr
    assert files() == ["out.csv.part", "out.csv.part.journal"]


def test_files_that_come_later_may_change(interrupted):
    interrupted("--output", "out.csv")
    Path("b/00.png").unlink()
    assert "continuing" in run("--output", "out.csv").stderr


def test_what_a_crash_left_after_the_last_checkpoint_is_dropped(interrupted):
    run("--output", "whole.csv")
    interrupted("--output", "out.csv")
    for file in ("out.csv.part", "out.csv.part.journal"):
        with Path(file).open("ab") as stream:
            stream.write(b'{"torn')
    run("--output", "out.csv")
    assert Path("out.csv").read_bytes() == Path("whole.csv").read_bytes()


def test_a_full_disk_loses_nothing(interrupted):
    run("--output", "whole.csv")
    full = OSError(errno.ENOSPC, "No space left on device")
    result = interrupted("--output", "out.csv", error=full)
    assert "the disk is full, so out.csv was not written" in result.stderr
    assert "continuing" in run("--output", "out.csv").stderr
    assert Path("out.csv").read_bytes() == Path("whole.csv").read_bytes()


def test_a_command_that_reads_nothing_leaves_nothing(interrupted):
    interrupted("--output", "out.csv", after=0)
    assert files() == []


@pytest.mark.parametrize("errors", ["nowhere/bad.txt", "a"])
def test_a_list_of_bad_files_that_cannot_be_written_leaves_nothing(errors: str):
    result = run("--output", "out.csv", "--errors", errors, status=2 if errors == "a" else 1)
    assert "Error: " in result.stderr
    assert files() == []


def test_an_output_that_another_command_is_writing_is_left_alone():
    with filelock.FileLock("out.csv.part.lock"):
        assert "another command is writing" in run("--output", "out.csv").stderr


@pytest.mark.parametrize(
    ("output", "errors"),
    [("out", "out.part"), ("out", "out.part.journal"), ("out", "out.part.lock"), ("bad.part", "bad")],
)
def test_no_file_has_the_name_of_an_unfinished_one(output: str, errors: str):
    assert "is a name for unfinished files" in run("--output", output, "--errors", errors).stderr
    assert files() == []


@pytest.mark.parametrize("error", [OSError(errno.ENOLCK, "No locks available"), NotImplementedError()])
def test_a_disk_without_locks_is_written_to(monkeypatch: pytest.MonkeyPatch, error: Exception):
    def refuse(lock: filelock.FileLock, **options: object) -> None:
        raise error

    monkeypatch.setattr(filelock.FileLock, "acquire", refuse)
    run("--output", "out.csv")
    assert files() == ["out.csv"]


def test_a_file_of_the_user_is_never_taken_for_a_part():
    Path("out.csv.part").write_text("mine")
    assert "nothing says which command wrote it" in run("--output", "out.csv", "--restart").stderr
    assert Path("out.csv.part").read_text() == "mine"


def test_a_crash_between_the_two_renamings_loses_nothing(interrupted, monkeypatch: pytest.MonkeyPatch):
    run("--output", "whole.csv", "--errors", "whole.txt")
    replace = os.replace

    def crash(source: Path, target: Path) -> None:
        if Path(target).name == "out.csv":
            raise KeyboardInterrupt
        replace(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", crash)
        run("--output", "out.csv", "--errors", "bad.txt")
    assert files() == ["bad.txt", "out.csv.part", "out.csv.part.journal", "whole.csv", "whole.txt"]
    assert "continuing after" in run("--output", "out.csv", "--errors", "bad.txt").stderr
    assert Path("out.csv").read_bytes() == Path("whole.csv").read_bytes()
    assert Path("bad.txt").read_bytes() == Path("whole.txt").read_bytes()
    assert files() == ["bad.txt", "out.csv", "whole.csv", "whole.txt"]


@pytest.mark.parametrize("lost", ["bad.txt.part", "out.csv.part"])
def test_a_part_that_lost_bytes_discards_nothing(interrupted, lost: str):
    interrupted("--output", "out.csv", "--errors", "bad.txt", after=5)
    before = {name: Path(name).read_bytes() for name in files()}
    Path(lost).write_bytes(b"") if lost.startswith("out") else Path(lost).unlink()
    assert f"{lost} is missing or incomplete" in run("--output", "out.csv", "--errors", "bad.txt").stderr
    Path(lost).write_bytes(before[lost])
    assert {name: Path(name).read_bytes() for name in files()} == before
    assert "continuing" in run("--output", "out.csv", "--errors", "bad.txt").stderr


def test_a_restart_deletes_the_parts_of_the_old_command_and_no_others(interrupted):
    interrupted("--output", "out.csv", "--errors", "old.txt", after=5)
    Path("new.txt.part").write_text("mine")
    before = files()
    assert "nothing says which command" in run("--output", "out.csv", "--errors", "new.txt", "--restart").stderr
    assert files() == before
    assert Path("new.txt.part").read_text() == "mine"
    Path("new.txt.part").unlink()
    run("--output", "out.csv", "--errors", "new.txt", "--restart")
    assert files() == ["new.txt", "out.csv"]


def test_two_commands_never_write_one_list_of_bad_files():
    with filelock.FileLock("bad.txt.part.lock"):
        assert "another command is writing" in run("--output", "out.csv", "--errors", "bad.txt").stderr


@pytest.mark.skipif(sys.platform != "linux", reason="names of other systems are text")
def test_a_list_of_bad_files_may_have_any_name(interrupted):
    name = os.fsdecode(b"b\xffd.txt")
    interrupted("--output", "out.csv", "--errors", name)
    assert "continuing" in run("--output", "out.csv", "--errors", name).stderr
    assert Path(name).read_text().count("\n") == 2


def test_a_file_with_many_errors_is_listed_and_counted_once(interrupted):
    Path("form.json").write_text('{"fields": [{"name": "a", "box": [100, 100, 50, 50]}]}')
    options = ("--fields", "form.json")
    whole = run("--output", "whole.csv", "--errors", "whole.txt", *options)
    assert whole.stderr.endswith("Error: 25 files could not be read\n")
    assert Path("whole.txt").read_text().splitlines().count("glyphs.npy") == 1
    interrupted("--output", "out.csv", "--errors", "bad.txt", *options, after=20)
    result = run("--output", "out.csv", "--errors", "bad.txt", *options)
    assert "continuing" in result.stderr
    assert result.stderr.endswith("Error: 25 files could not be read\n")
    assert Path("bad.txt").read_bytes() == Path("whole.txt").read_bytes()


def test_a_file_that_changes_while_it_is_read_is_noticed(monkeypatch: pytest.MonkeyPatch):
    whole = PartReader._read_items

    def changing(self: PartReader, parts: Iterable[Part]) -> reading.Result:
        some = list(parts)
        result = whole(self, some)
        for part in some:
            with Path(part.name).open("ab") as file:
                file.write(b" ")
        return result

    part = Part("a/00.png", 1)
    before = stamp(part)
    monkeypatch.setattr(PartReader, "_read_items", changing)
    work = reading.Work(PRETRAINED_DIR, Task("digit", ANYTHING, ()), {}, 10**6, None, "jsonl")
    assert work.open().read([part]).stamps == before != stamp(part)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
def test_a_command_that_is_killed_goes_on_and_leaves_no_process():
    names = ["a"] * 100
    program = (
        "from mnist_classifier.cli import main, reading, resumable\n"
        "if __name__ == '__main__':\n"
        "    reading.ALONE_S, reading.MOST_AT_ONCE, resumable.CHECKPOINT_S = 0.0, 4, 0.0\n"
        "    main.main()"
    )
    Path("program.py").write_text(program)
    command = ["program.py", "predict", *names, "--jobs", "2", "--output", "out.csv"]
    for number in (signal.SIGKILL, signal.SIGINT):
        with python(*command) as process:
            children = _children_once_it_writes(process)
            process.send_signal(number)
            assert process.wait(timeout=60) != 0
        for child in children:
            _wait_until_gone(child)
    result = subprocess.run([sys.executable, *command], capture_output=True, encoding="utf-8")
    assert "continuing after" in result.stderr
    assert "Traceback" not in result.stderr
    whole = CliRunner().invoke(main, ["predict", *names, "--jobs", "1", "--output", "whole.csv"])
    assert whole.exit_code == result.returncode == 1
    assert Path("out.csv").read_bytes() == Path("whole.csv").read_bytes()
    assert files() == ["out.csv", "program.py", "whole.csv"]


def _children_once_it_writes(process: subprocess.Popen[str]) -> list[int]:
    """The processes that it started, once it has written a checkpoint of what they read."""
    deadline = time.monotonic() + 60
    while True:
        assert process.poll() is None
        assert time.monotonic() < deadline
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        journal = Path("out.csv.part.journal")
        # The two processes, and the one that multiprocessing starts for itself.
        if len(children) == 3 and journal.exists() and journal.read_bytes().count(b"\n") > 3:
            return [int(child) for child in children]
        time.sleep(0.01)


def _wait_until_gone(process: int) -> None:
    deadline = time.monotonic() + 30
    while Path(f"/proc/{process}").exists():
        assert time.monotonic() < deadline, f"process {process} is still there"
        time.sleep(0.01)
