"""`mnist predict` with --fields, and with what is known of a number."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mnist_classifier.cli import output
from mnist_classifier.core.records import Caution, Mark, MarkKind, NumberCandidate, NumberReading, NumberVerdict
from mnist_classifier.core.settings import Settings
from mnist_classifier.recognition.imaging.decode import encode_png
from mnist_classifier.recognition.numbers.expected import Field
from tests.cli.test_predict import drawn, run
from tests.e2e.application import Application

FORM = {
    "title": "two numbers, one below the other",
    "fields": [
        {"name": "count", "box": [0, 0, 200, 100], "length": 2},
        {"name": "page", "box": [0, 100, 200, 100], "pattern": "d", "allowed": "123"},
    ],
}


@pytest.fixture(autouse=True)
def home(settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("MNIST_HOME", str(settings.home))
    monkeypatch.chdir(tmp_path)
    return settings.home


@pytest.fixture
def scan(tmp_path: Path) -> str:
    """Two ones, and below them a single one."""
    page = np.zeros((200, 200), np.uint8)
    page[15:85, 40:49] = page[15:85, 120:129] = page[115:185, 90:99] = 255
    (tmp_path / "scan.png").write_bytes(encode_png(page))
    (tmp_path / "form.json").write_text(json.dumps(FORM))
    return "scan.png"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Application]:
    folder = tmp_path_factory.mktemp("application")
    with Application(folder, folder / "no-data") as running:
        yield running


@pytest.fixture(params=["here", "server"])
def at(request: pytest.FixtureRequest) -> list[str]:
    """The options that choose where pictures are read."""
    return ["--url", request.getfixturevalue("server").url] if request.param == "server" else []


def test_the_fields_of_a_form_are_one_line_of_json_for_each_picture(scan: str, at: list[str]):
    lines = run("--fields", "form.json", scan, scan, *at).stdout.splitlines()
    assert len(lines) == 2
    reading = json.loads(lines[0])
    assert (reading["file"], len(reading["fields"])) == ("scan.png", 2)
    assert [(each["name"], each["number"]) for each in reading["fields"]] == [("count", "11"), ("page", "1")]
    assert reading["fields"][1]["box"] == [0, 100, 200, 100]
    assert reading["fields"][1]["digits"][0]["box"] == [90, 115, 9, 70]
    assert set(reading["fields"][0]) == {"name", "box", *(each.name for each in dataclasses.fields(NumberReading))}


def test_a_table_and_csv_have_a_row_for_each_field(scan: str, at: list[str]):
    table = run("--fields", "form.json", "--format", "table", scan, *at).stdout.splitlines()
    assert [row.split()[0] for row in table] == ["NUMBER", "11", "1"]
    assert [row.split()[3] for row in table] == ["FIELD", "count", "page"]
    rows = list(csv.DictReader(io.StringIO(run("--fields", "form.json", "--format", "csv", scan, *at).stdout)))
    assert tuple(rows[0]) == output.FORM_COLUMNS
    assert [(row["file"], row["field"], row["number"]) for row in rows] == [
        ("scan.png", "count", "11"),
        ("scan.png", "page", "1"),
    ]


def test_a_picture_that_is_too_small_for_the_form_is_told_and_the_rest_goes_on(
    scan: str, at: list[str], tmp_path: Path
):
    (tmp_path / "small.png").write_bytes(drawn(46))
    result = run("--fields", "form.json", "small.png", scan, *at, status=1)
    assert "small.png: fields[1].box has 100x0 pixels inside the picture of 100x100" in result.stderr
    assert len(result.stdout.splitlines()) == 1


def test_a_form_that_an_editor_has_marked_as_utf_8_is_read(scan: str, tmp_path: Path):
    (tmp_path / "form.json").write_text(json.dumps(FORM), "utf-8-sig")
    assert len(run("--fields", "form.json", "--format", "csv", scan).stdout.splitlines()) == 3


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "not valid UTF-8 JSON"),
        ("[]", "the form must be a JSON object, not a list"),
        ("{}", "fields is missing"),
        ({"fields": []}, "fields must be a list of length at least 1"),
        ({"fields": [FORM["fields"][0], {"name": "x"}]}, "fields[1].box is missing"),
        ({"fields": [FORM["fields"][0], {"name": "x", "box": [1, 2, 3]}]}, "fields[1].box must be a list of length 4"),
        ({"fields": [FORM["fields"][0], FORM["fields"][0]]}, "fields[1].name is the same as that of fields[0]"),
        ({"fields": [{**FORM["fields"][0], "pattern": "dd"}]}, "fields[0].length and pattern are both given"),
        ({"fields": [{**FORM["fields"][1], "allowed": "x"}]}, "fields[0].allowed is 'x'"),
        ({"fields": [{**FORM["fields"][1], "lenght": 2}]}, "fields[0].lenght is unknown"),
    ],
)
def test_an_error_says_what_is_wrong_in_the_file(scan: str, tmp_path: Path, content: Any, said: str):
    (tmp_path / "form.json").write_text(content if isinstance(content, str) else json.dumps(content))
    error = run("--fields", "form.json", scan, status=2).stderr
    assert said in " ".join(error.split())
    assert "--fields" in error


@pytest.mark.parametrize(
    "options",
    [
        ["--length", "2"],
        ["--fields", "form.json", "--length", "2"],
        ["--fields", "nowhere.json"],
        ["--fields", "form.json", "--steps", "x"],
        ["--number", "--length", "0"],
        ["--number", "--pattern", "x"],
        ["--number", "--allowed", "x"],
        ["--number", "--length", "2", "--pattern", "dd"],
    ],
)
def test_wrong_calls_end_with_two(scan: str, options: list[str]):
    error = run(scan, *options, status=2).stderr
    assert options[-2] in error or "--length" in error


@pytest.mark.parametrize("options", [["--length", "2"], ["--pattern", "dd"], ["--allowed", "1"], ["--length", "7"]])
def test_what_is_known_of_a_number_is_used_here_and_at_a_server(
    server: Application, tmp_path: Path, options: list[str]
):
    (tmp_path / "11.png").write_bytes(drawn(40, 120, width=200))
    here, there = (json.loads(run("--number", "11.png", *options, *at).stdout) for at in ([], ["--url", server.url]))
    assert (here["number"], here["verdict"], here["warnings"]) == (
        there["number"],
        there["verdict"],
        there["warnings"],
    )


def test_a_table_shows_the_text_where_it_is_not_the_number():
    reading = NumberReading(
        "120724",
        0.7,
        NumberVerdict.AMBIGUOUS,
        text="12/07/24",
        marks=(Mark(MarkKind.SLASH, (1, 2, 3, 4), 0.9),),
        candidates=(NumberCandidate("120724", 0.7), NumberCandidate("170724", 0.2)),
        warnings=(Caution("cut_off", "the last digit is cut off"),),
    )
    (line,) = output.lines("table", output.Row("scan.png", reading))
    assert line.endswith("scan.png  (text: 12/07/24; 120724 or 170724; cut_off)")
    (row,) = output.lines("csv", output.Row("scan.png", reading))
    assert dict(zip(output.NUMBER_COLUMNS, row.split(","), strict=True))["text"] == "12/07/24"
    (plain,) = output.lines("table", output.Row("scan.png", dataclasses.replace(reading, text="120724")))
    assert "text" not in plain


def test_no_field_is_a_formula_or_moves_the_cursor():
    field = Field("=1+1\x1b[2J", (0, 0, 9, 9))
    row = output.Row("scan.png", output.FormReading([field], [NumberReading("1", 0.9, NumberVerdict.NUMBER)]))
    (cells,) = csv.reader(output.lines("csv", row))
    assert cells[2].startswith("'=")
    assert all(line.isprintable() for line in output.lines("table", row))
