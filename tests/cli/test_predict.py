from __future__ import annotations

import contextlib
import csv
import io
import json
import os
import re
import stat
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from mnist_classifier.cli import output
from mnist_classifier.cli.main import main
from mnist_classifier.core.records import Reading, Verdict
from mnist_classifier.core.settings import PRETRAINED_DIR, Settings
from mnist_classifier.data import mnist
from mnist_classifier.evaluation.robustness.strings import draw
from mnist_classifier.recognition import bulk
from mnist_classifier.recognition.bulk import Item
from mnist_classifier.recognition.imaging.decode import encode_png
from mnist_classifier.recognition.numbers.expected import ANYTHING
from mnist_classifier.recognition.recogniser import Recogniser
from tests.e2e.application import Application
from tests.mirror import dead_url
from tests.recognition.test_recogniser import seven_and_one


@pytest.fixture(autouse=True)
def home(settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("MNIST_HOME", str(settings.home))
    monkeypatch.chdir(tmp_path)
    return settings.home


def run(*arguments: str, status: int = 0, stdin: bytes | None = None) -> Result:
    result = CliRunner().invoke(main, ["predict", *arguments], input=stdin)
    assert result.exit_code == status, result.output
    return result


def readings(*arguments: str, status: int = 0, stdin: bytes | None = None) -> list[dict[str, Any]]:
    return [json.loads(line) for line in run(*arguments, status=status, stdin=stdin).stdout.splitlines()]


def drawn(*lefts: int, width: int = 100) -> bytes:
    """Ones that begin there."""
    pixels = np.zeros((100, width), np.uint8)
    for left in lefts:
        pixels[15:85, left : left + 9] = 255
    return encode_png(pixels)


@pytest.fixture
def one(tmp_path: Path) -> str:
    (tmp_path / "one.png").write_bytes(drawn(46))
    return "one.png"


@pytest.fixture
def scans(tmp_path: Path) -> str:
    """Two ones, a blank and what is no picture."""
    (tmp_path / "scans" / "sub").mkdir(parents=True)
    for name in ("b.png", "sub/a.png"):
        (tmp_path / "scans" / name).write_bytes(drawn(46))
    (tmp_path / "scans" / "blank.png").write_bytes(drawn())
    (tmp_path / "scans" / "broken.png").write_text("no picture")
    return "scans"


def test_json_lines_have_the_whole_reading(one: str):
    (reading,) = readings(one)
    assert (reading["file"], reading["index"], reading["prediction"], reading["verdict"]) == (one, None, 1, "digit")
    assert len(reading["probabilities"]) == 10
    assert max(reading["probabilities"]) < 1
    assert readings("--json", one) == readings("--format", "jsonl", one) == [reading]


def test_several_digits_are_answered_with_the_option_that_reads_them(tmp_path: Path):
    strokes, size = seven_and_one()
    (tmp_path / "71.png").write_bytes(encode_png(255 - draw(strokes, 14, size)))

    (reading,) = readings("71.png")
    _, row = run("--format", "table", "71.png").stdout.splitlines()

    assert [warning["code"] for warning in reading["warnings"]] == ["several_digits"]
    assert row.endswith("71.png  (several digits: add --number)")
    assert readings("--number", "71.png")[0]["number"] == "71"


def test_a_folder_is_read_in_order_and_what_cannot_be_read_is_told(scans: str):
    result = run(scans, status=1)
    rows = [json.loads(line) for line in result.stdout.splitlines()]
    found = [(row["file"].replace(os.sep, "/"), row["prediction"]) for row in rows]
    assert found == [("scans/b.png", 1), ("scans/blank.png", None), ("scans/sub/a.png", 1)]
    assert re.search(r"broken\.png: this is no picture", result.stderr)
    assert result.stderr.endswith("Error: 1 file could not be read\n")


def test_every_kind_of_failure_is_a_line_and_the_rest_goes_on(one: str, tmp_path: Path):
    (tmp_path / "bad.npy").write_bytes(b"\x93NUMPY\x01\x00garbage")
    result = run("none.png", one, "*.tif", "bad.npy", str(tmp_path / "home"), one, status=1)
    assert len(result.stdout.splitlines()) == 2
    lines = result.stderr.splitlines()
    assert lines[0] == "none.png: cannot be opened: No such file or directory"
    assert lines[1] == "*.tif: no file matches this pattern"
    assert lines[2].startswith("bad.npy is damaged: its .npy header")
    assert "has no pictures" in lines[3]
    assert lines[4] == "Error: 4 files could not be read"


def test_a_table_is_for_people(scans: str):
    header, *rows = run("--format", "table", scans, "--ambiguous-below", "1", status=1).stdout.splitlines()
    assert header.split() == ["DIGIT", "SURE", "VERDICT", "FILE"]
    assert re.fullmatch(r" +1 +9\d\.\d\d% +ambiguous +scans.b\.png  \(1 or (\d|not a digit)\)", rows[0])
    assert re.fullmatch(r" +- +0\.00% +blank +scans.blank\.png", rows[1])


def test_csv_is_what_other_programs_read(scans: str):
    rows = list(csv.DictReader(io.StringIO(run("--format", "csv", scans, status=1).stdout)))
    assert [row["prediction"] for row in rows] == ["1", "", "1"]
    assert float(rows[0]["p1"]) == float(rows[0]["confidence"]) > 0.9
    assert tuple(rows[0]) == output.DIGIT_COLUMNS


@pytest.mark.parametrize("start", ["=cmd|' C calc'!A0", "+1", "-1", "@SUM(1)", "\uff1d1"])
def test_a_file_name_in_csv_is_no_formula(tmp_path: Path, start: str):
    (tmp_path / f"{start}.png").write_bytes(drawn(46))
    (row,) = csv.DictReader(io.StringIO(run("--format", "csv", "--", f"{start}.png").stdout))
    assert row["file"] == f"'{start}.png"
    assert row["prediction"] == "1"


def test_a_number_is_read_with_its_boxes(tmp_path: Path):
    (tmp_path / "11.png").write_bytes(drawn(40, 120, width=200))
    (reading,) = readings("--mode", "number", "11.png")
    assert (reading["number"], reading["verdict"]) == ("11", "number")
    assert [digit["box"] for digit in reading["digits"]] == [[40, 15, 9, 70], [120, 15, 9, 70]]
    assert readings("--number", "11.png") == [reading]
    assert run("--number", "--format", "table", "11.png").stdout.splitlines()[1].split()[0] == "11"
    (row,) = csv.DictReader(io.StringIO(run("--number", "--format", "csv", "11.png").stdout))
    assert (row["number"], row["digits"]) == ("11", "2")


def test_standard_input_is_a_picture_or_a_list(one: str, scans: str):
    assert [row["prediction"] for row in readings("-", stdin=drawn(46))] == [1]
    assert [row["file"] for row in readings("--files-from", "-", one, stdin=b"one.png\n\nscans/b.png\n")] == [
        "one.png", "one.png", "scans/b.png",
    ]  # fmt: skip
    run("-", "--files-from", "-", status=2)
    assert "empty" in run("-", status=1, stdin=b"").stderr


def test_a_list_may_be_a_file(one: str, tmp_path: Path):
    (tmp_path / "list.txt").write_text(f"{one}\n{one}\n")
    assert len(readings("--files-from", "list.txt")) == 2
    assert "could not read none.txt: No such file" in run("--files-from", "none.txt", status=1).stderr


def test_glyphs_are_read_as_they_are_and_counted(tmp_path: Path, digits: mnist.Images):
    glyphs = np.concatenate([digits.images, np.zeros((1, 28, 28), np.uint8)] * 30)
    np.save(tmp_path / "many.npy", glyphs)
    rows = readings("many.npy")
    assert [row["index"] for row in rows] == list(range(len(glyphs)))
    expected = Recogniser.open(PRETRAINED_DIR).opinions(digits.images)[:, :10].argmax(axis=1)
    refused = Verdict.NOT_A_DIGIT.value
    for row, digit in zip(rows, expected, strict=False):
        assert row["prediction"] == digit or row["verdict"] == refused
    assert {row["verdict"] for row in rows[12::13]} == {"blank"}
    assert run("many.npy", "--format", "table").stdout.splitlines()[2].endswith("many.npy[1]")


@pytest.mark.mnist
def test_the_test_images_are_read_from_their_own_file(mnist_dirs: list[Path]):
    folder = mnist.find(mnist_dirs, mnist.TEST)
    assert folder is not None
    (path,) = folder.glob("t10k-images*")
    test = mnist.load(mnist_dirs, mnist.TEST)
    rows = readings(str(path), "--jobs", "1")
    assert [row["index"] for row in rows] == list(range(10_000))
    right = sum(row["prediction"] == label for row, label in zip(rows, test.labels, strict=True))
    assert right >= 9930


def test_a_file_gets_its_format_from_its_name_and_appears_whole(scans: str, tmp_path: Path):
    run(scans, "--output", "out.csv", status=1)
    assert (tmp_path / "out.csv").read_text().count("\n") == 4
    run(scans, "--output", "out.json", status=1)
    assert json.loads((tmp_path / "out.json").read_text().splitlines()[0])["prediction"] == 1
    run(scans, "--output", "out.txt", "--format", "csv", status=1)
    assert (tmp_path / "out.txt").read_text().startswith("file,")
    assert not [path for path in tmp_path.iterdir() if path.name.endswith(".part")]


def test_what_stood_in_the_file_stays_until_all_has_been_read(
    one: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "out.csv").write_text("before")
    run(one, "--output", "out.csv", "--model-version", "9", status=1)

    def interrupt(*_: object) -> None:
        assert (tmp_path / "out.csv").read_text() == "before"
        raise KeyboardInterrupt

    monkeypatch.setattr(bulk, "prepare", interrupt)
    run(one, "--output", "out.csv", status=1)
    assert (tmp_path / "out.csv").read_text() == "before"
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_file()) == ["one.png", "out.csv"]


def test_bad_files_are_listed_so_that_they_can_be_read_again(scans: str, tmp_path: Path):
    run(scans, "none.png", "--errors", "bad.txt", status=1)
    assert (tmp_path / "bad.txt").read_text().splitlines() == [os.path.join("scans", "broken.png"), "none.png"]
    for name in ("scans/broken.png", "none.png"):
        (tmp_path / name).write_bytes(drawn(46))
    assert len(readings("--files-from", "bad.txt", "--errors", "bad.txt")) == 2
    assert (tmp_path / "bad.txt").read_text() == ""
    assert "nowhere/bad.txt was not written" in run(scans, "--errors", "nowhere/bad.txt", status=1).stderr


def test_a_file_that_cannot_be_written_is_one_clear_line(one: str, tmp_path: Path):
    assert "nowhere/out.csv was not written" in run(one, "--output", "nowhere/out.csv", status=1).stderr


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_a_full_disk_is_told_and_a_device_is_never_replaced(one: str):
    assert "the disk is full" in run(one, "--output", "/dev/full", status=1).stderr
    run(one, "--output", "/dev/null")
    assert not os.path.isfile("/dev/null")


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such names")
def test_the_list_of_bad_files_gives_the_same_names_back(tmp_path: Path):
    names = ["c\rd.png", "a\nb.png", "last.png"]
    for name in names:
        (tmp_path / name).write_text("no picture")
    told = run(*names, "-", "--errors", "bad.txt", status=1, stdin=b"no picture").stderr
    assert (tmp_path / "bad.txt").read_bytes() == b"c\rd.png\nlast.png\n"
    assert "b.png is not in the list of bad files, because its name has a line break" in told
    again = run("--files-from", "bad.txt", "--errors", "again.txt", status=1)
    assert again.stderr.endswith("Error: 2 files could not be read\n")
    assert (tmp_path / "again.txt").read_bytes() == (tmp_path / "bad.txt").read_bytes()


@pytest.mark.skipif(not os.path.exists("/dev/null"), reason="needs /dev/null")
def test_a_device_that_takes_the_list_of_bad_files_is_never_replaced(scans: str, tmp_path: Path):
    null = tmp_path / "null"  # the system's own must survive a fault
    try:
        os.mknod(null, 0o666 | stat.S_IFCHR, os.makedev(1, 3))
    except PermissionError:
        null = Path("/dev/null")
    run(scans, "--output", "out.csv", "--errors", str(null), status=1)
    assert null.is_char_device()
    assert (tmp_path / "out.csv").read_text().count("\n") > 1


def test_what_only_ray_reads_is_told(one: str, tmp_path: Path):
    (tmp_path / "x.tar").write_bytes(b"")
    told = run(one, "x.tar", "s3://bucket/a.png", status=1).stderr
    assert "x.tar: is an archive; add --engine ray" in told
    assert "s3://bucket/a.png: is a URL; add --engine ray" in told
    for option in ("--column", "--ray-address"):
        assert f"{option} needs --engine ray" in run(option, "a", one, status=2).stderr


def test_the_steps_are_written(one: str, tmp_path: Path):
    run("--steps", "new/steps", one, one)
    expected = [f"{n}-one-{step}.png" for n in (1, 2) for step in ("1-grey", "2-ink", "3-glyph")]
    assert sorted(path.name for path in (tmp_path / "new" / "steps").iterdir()) == expected
    run("--steps", "x", "--number", one, status=2)


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--format", "xml", "a"],
        ["--ambiguous-below", "2", "a"],
        ["--jobs", "0", "a"],
        ["--jobs", "2", "--url", "http://127.0.0.1:1", "a"],
        ["--restart", "a"],
        ["--output", "a.csv", "--errors", "./a.csv", "a"],
        ["--restart", "--output", "a.csv", "--url", "http://127.0.0.1:1", "a"],
    ],
)
def test_wrong_calls_end_with_two(arguments: list[str]):
    assert "Error" in run(*arguments, status=2).stderr


def test_an_unknown_version_is_one_clear_line(one: str):
    assert run("--model-version", "9", one, status=1).stderr.startswith("Error: no model in")


def test_results_keep_coming_and_pictures_do_not_pile_up(monkeypatch: pytest.MonkeyPatch):
    taken = 0

    def items() -> Iterator[Item]:
        nonlocal taken
        for _ in range(3 * bulk.BATCH):
            taken += 1
            yield Item("x", drawn(46))

    here = bulk.Reader(Recogniser.open(PRETRAINED_DIR), bulk.Task("digit", ANYTHING, ()), {}, 10**6, None)
    outcomes = here.digits(items())
    next(outcomes)
    assert taken <= bulk.BATCH
    monkeypatch.setattr(bulk, "BATCH_S", 0.0)
    list(zip(range(taken), outcomes, strict=False))  # what remains of the first batch, and one more
    assert taken <= bulk.BATCH + 1


def test_names_that_are_no_text_do_not_stop_anything(tmp_path: Path):
    reading = Reading(1, 1.0, (0.0, 1.0, *[0.0] * 8), Verdict.DIGIT)
    for name in ("tab\there", "new\nline", "\udcff", "\x1b[2J"):
        for format in output.FORMATS:
            (line,) = output.lines(format, output.Row(name, reading))
            assert len(line.splitlines()) == 1
            line.encode()
    (line,) = output.lines("jsonl", output.Row("\udcff", reading))
    assert json.loads(line)["file"] == "\udcff"


def test_a_reader_that_stops_early_ends_the_command_quietly(scans: str, tmp_path: Path):
    command = [sys.executable, "-m", "mnist_classifier", "predict", *["scans/b.png"] * 300]
    process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.readline()
    process.stdout.close()
    errors = process.stderr.read()
    process.stderr.close()
    assert process.wait(timeout=60) == 1
    assert errors == b""


@pytest.mark.skipif(os.name == "nt", reason="POSIX terminals")
@pytest.mark.parametrize("to_terminal", [False, True])
def test_a_bar_is_shown_unless_the_readings_go_to_the_same_terminal(one: str, tmp_path: Path, to_terminal: bool):
    import fcntl
    import pty
    import termios

    terminal, its_end = pty.openpty()
    fcntl.ioctl(its_end, termios.TIOCSWINSZ, struct.pack("4H", 24, 100, 0, 0))
    subprocess.run(
        [sys.executable, "-m", "mnist_classifier", "predict", *[one] * 30],
        cwd=tmp_path, stdout=its_end if to_terminal else subprocess.DEVNULL, stderr=its_end, check=True,
    )  # fmt: skip
    os.close(its_end)
    shown = b""
    with contextlib.suppress(OSError):  # Linux says so where others end the file
        while piece := os.read(terminal, 10_000):
            shown += piece
    os.close(terminal)
    assert (b"/30 [" in shown) is not to_terminal
    assert (b"DIGIT" in shown) is to_terminal


# --- at a server ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Application]:
    folder = tmp_path_factory.mktemp("application")
    with Application(folder, folder / "no-data", MNIST_MAX_BODY_BYTES="200000") as running:
        yield running


@pytest.mark.parametrize("options", [[], ["--number"], ["--ambiguous-below", "1"], ["--model-version", "0"]])
def test_a_server_gives_the_same_lines(server: Application, scans: str, options: list[str]):
    here, there = run(scans, *options, status=1), run(scans, *options, "--url", server.url, status=1)
    ours, theirs = ([json.loads(line) for line in each.stdout.splitlines()] for each in (here, there))
    assert len(ours) == len(theirs) == 3
    for one, other in zip(ours, theirs, strict=True):
        assert one["file"] == other["file"]
        assert one["verdict"] == other["verdict"]
        assert one["confidence"] == pytest.approx(other["confidence"], abs=2e-6)
    assert here.stderr == there.stderr


def test_a_picture_that_the_server_does_not_take_is_told_and_the_rest_goes_on(
    server: Application, one: str, tmp_path: Path
):
    (tmp_path / "large.png").write_bytes(encode_png(np.random.default_rng(0).integers(0, 256, (600, 600), np.uint8)))
    result = run("large.png", one, "--url", server.url, status=1)
    assert "large.png: the request is too large" in result.stderr
    assert len(result.stdout.splitlines()) == 1


@pytest.mark.parametrize("options", [["--model-version", "99"], []])
def test_what_would_fail_for_every_picture_ends_the_command(server: Application, scans: str, options: list[str]):
    url = server.url if options else dead_url().removesuffix("/files/")
    result = run(scans, scans, "--url", url, *options, status=1)
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1
    assert ("no model" if options else "cannot be reached") in result.stderr
