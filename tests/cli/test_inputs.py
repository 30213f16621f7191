from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from mnist_classifier.cli.inputs import Inputs, items_of, parts_of


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in (
        *("b.png", "a.JPG", "notes.txt", ".hidden.png", "x.idx3-ubyte", "t10k-images-idx3-ubyte.gz", "m.npy"),
        *("sub/deep/c.webp", "sub/2.gif", "sub/1.bmp", ".git/d.png", "labels-idx1-ubyte"),
    ):
        path = tmp_path / "scans" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def names(*arguments: str, listed: tuple[str, ...] = ()) -> list[str]:
    return [found.name.replace(os.sep, "/") for found in Inputs(arguments, listed) if not found.problem]


def problems(*arguments: str) -> list[str]:
    return [f"{found.name}: {found.problem}" for found in Inputs(arguments) if found.problem]


def test_a_folder_is_walked_by_name_and_only_for_pictures_and_glyphs(folder: Path):
    assert names("scans") == [
        "scans/a.JPG", "scans/b.png", "scans/m.npy", "scans/t10k-images-idx3-ubyte.gz", "scans/x.idx3-ubyte",
        "scans/sub/1.bmp", "scans/sub/2.gif", "scans/sub/deep/c.webp",
    ]  # fmt: skip
    assert Inputs(["scans", "scans"]).count() == 16


def test_a_file_that_is_named_is_taken_whatever_it_is_called(folder: Path):
    assert names("scans/notes.txt", "scans/.hidden.png", "nowhere.png", "-") == [
        "scans/notes.txt", "scans/.hidden.png", "nowhere.png", "-",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("scans/*.png", ["scans/b.png"]),
        ("scans/[ab].*", ["scans/a.JPG", "scans/b.png"]),
        ("scans/**/*.webp", ["scans/sub/deep/c.webp"]),
        ("scans/su*", ["scans/sub/1.bmp", "scans/sub/2.gif", "scans/sub/deep/c.webp"]),
        ("scans/sub/**", ["scans/sub/1.bmp", "scans/sub/2.gif", "scans/sub/deep/c.webp"]),
    ],
)
def test_patterns_work_where_the_shell_leaves_them(folder: Path, pattern: str, expected: list[str]):
    assert names(pattern) == expected


def test_a_file_whose_name_looks_like_a_pattern_is_a_file(folder: Path):
    (folder / "a[1].png").touch()
    (folder / "a1.png").touch()
    assert names("a[1].png") == ["a[1].png"]
    assert names(listed=("a[1].png\n",)) == ["a[1].png"]


def test_a_list_has_files_and_folders_one_a_line(folder: Path):
    assert names("-", listed=("scans/b.png\r\n", "\n", "scans/sub/deep\n", "last one.png")) == [
        "-", "scans/b.png", "scans/sub/deep/c.webp", "last one.png",
    ]  # fmt: skip


def test_what_leads_to_nothing_is_a_problem(folder: Path):
    assert problems("*.tif", "empty", "scans") == [
        "*.tif: no file matches this pattern",
        "empty: the folder has no pictures (.png, .jpg, .jpeg, .webp, .gif, .bmp) and no glyphs "
        "(.npy, idx3-ubyte, .npy.gz, idx3-ubyte.gz)",
    ]


@pytest.mark.skipif(os.name == "nt" or (hasattr(os, "geteuid") and os.geteuid() == 0), reason="root may read all")
def test_a_folder_that_may_not_be_read_is_a_problem_and_the_rest_goes_on(folder: Path):
    (folder / "scans/sub").chmod(0)
    try:
        assert "scans/b.png" in names("scans")
        assert problems("scans") == ["scans/sub: cannot be opened: Permission denied"]
    finally:
        (folder / "scans/sub").chmod(0o755)


def test_the_glyphs_of_a_file_are_counted_from_its_header(folder: Path):
    np.save(folder / "many.npy", np.zeros((70, 28, 28), np.uint8))
    (folder / "broken.npy").write_bytes(b"\x93NUMPY and no more")
    (folder / "one.png").touch()
    assert Inputs(["many.npy", "one.png", "none.png", "-", "*.tif"]).count() == 74
    assert Inputs(["broken.npy"]).count() == 0


def test_a_file_of_glyphs_is_found_under_the_name_of_a_picture(folder: Path):
    with (folder / "many.png").open("wb") as file:
        np.save(file, np.zeros((300, 28, 28), np.uint8))
    (part,) = parts_of(Inputs(["many.png"]))
    assert [item.index for item in items_of(part)] == list(range(300))


@pytest.mark.skipif(os.name == "nt", reason="links need rights on Windows")
def test_links_that_lead_in_a_circle_end(folder: Path):
    (folder / "scans/sub/again").symlink_to(folder / "scans")
    assert len(list(Inputs(["scans"]))) == 8
