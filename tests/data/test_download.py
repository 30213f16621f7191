from __future__ import annotations

import errno
import os
import re
import subprocess
import sys
import threading
import zlib
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import filelock
import numpy as np
import pytest

from mnist_classifier.core.errors import DataCorrupt, DownloadFailed, StorageFull
from mnist_classifier.data import download
from tests.mirror import Mirror, StartMirror, dead_url

BIG, SMALL = "big.bin", "small.bin"
FILES = {BIG: np.random.default_rng(0).bytes(300_000), SMALL: b"a few bytes"}
OTHER_FORM = {name: contents[::-1] for name, contents in FILES.items()}  # good too, as if compressed differently
LARGEST_BYTES = 400_000


def verify(path: Path, name: str) -> None:
    if path.read_bytes() not in (FILES[name], OTHER_FORM[name]):
        raise DataCorrupt(f"{path} is altered")


def fetch(target: Path, *mirrors: str, progress: download.Progress | None = None) -> None:
    download.fetch(
        target,
        dict.fromkeys(FILES, 1000),
        download.Source(mirrors, verify, LARGEST_BYTES),
        is_here=lambda name: (target / name).exists(),
        progress=progress,
    )


def assert_complete(target: Path, files: dict[str, bytes] = FILES) -> None:
    """The folder contains all files, and nothing else except the lock."""
    assert {path.name for path in target.iterdir()} - {".download.lock"} == set(files)
    assert {name: (target / name).read_bytes() for name in files} == files


def part_path(target: Path, mirror: Mirror) -> Path:
    """The part file of the big file from this mirror."""
    return target / f"{BIG}.{zlib.crc32(mirror.url.encode()):08x}.part"


def test_each_file_is_fetched_once(tmp_path: Path, start: StartMirror) -> None:
    mirror = start(Mirror(FILES))
    target = tmp_path / "new" / "folder"

    fetch(target, mirror.url)

    assert_complete(target)
    assert mirror.requests == [(BIG, None), (SMALL, None)]


def test_present_files_are_not_requested(tmp_path: Path, start: StartMirror) -> None:
    mirror = start(Mirror(FILES))
    (tmp_path / BIG).write_bytes(FILES[BIG])

    fetch(tmp_path, mirror.url)

    assert_complete(tmp_path)
    assert mirror.requests == [(SMALL, None)]


def test_progress_reaches_the_total(tmp_path: Path, start: StartMirror) -> None:
    calls: list[tuple[int, int]] = []

    fetch(tmp_path, start(Mirror(FILES)).url, progress=lambda done, total: calls.append((done, total)))

    total_bytes = sum(map(len, FILES.values()))
    assert calls[-1] == (total_bytes, total_bytes)
    assert all(0 < done <= total for done, total in calls)
    assert [done for done, _ in calls] == sorted(done for done, _ in calls)


# --- mirrors that fail --------------------------------------------------------------------------------

BAD_MIRRORS: dict[str, tuple[Callable[[], Mirror], str]] = {
    "not found": (lambda: Mirror(FILES, status=404), "answered 404 Not Found"),
    "forbidden": (lambda: Mirror(FILES, status=403), "answered 403 Forbidden"),
    "server error": (lambda: Mirror(FILES, status=500), "answered 500 Internal Server Error"),
    "other data": (lambda: Mirror({**FILES, BIG: FILES[SMALL]}), "sent a wrong file"),
    "cut, then cut at once": (lambda: Mirror(FILES, cut_after=[100_000, 0]), "broke the connection"),
    "too much": (
        lambda: Mirror(dict.fromkeys(FILES, bytes(LARGEST_BYTES + 1))),
        "sent a wrong file",
    ),
}


@pytest.mark.parametrize("make_bad", [make for make, _ in BAD_MIRRORS.values()], ids=BAD_MIRRORS)
def test_second_mirror_helps_when_the_first_fails(
    tmp_path: Path, start: StartMirror, make_bad: Callable[[], Mirror]
) -> None:
    good = start(Mirror(FILES))

    fetch(tmp_path, start(make_bad()).url, good.url)

    assert_complete(tmp_path)
    assert (BIG, None) in good.requests


@pytest.mark.parametrize(("make_bad", "reason"), BAD_MIRRORS.values(), ids=BAD_MIRRORS)
def test_failure_tells_each_mirrors_reason_in_a_line_and_the_addresses_in_the_log(
    tmp_path: Path, start: StartMirror, make_bad: Callable[[], Mirror], reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    bad, absent_url = start(make_bad()), dead_url()

    with caplog.at_level("INFO"), pytest.raises(DownloadFailed) as caught:
        fetch(tmp_path, bad.url, absent_url)

    message = caught.value.message
    assert message.startswith(f"{BIG} could not be downloaded: {urlsplit(bad.url).netloc} {reason}, ")
    assert f"{urlsplit(absent_url).netloc} could not be reached" in message
    assert f"try again to resume the download. Or put the files into {tmp_path} yourself." in message
    assert not re.search(r"://|\n", message)
    assert [line.split()[0] for line in caplog.messages] == [f"{bad.url}{BIG}", f"{absent_url}{BIG}"]
    assert not any((tmp_path / name).exists() for name in FILES)


def test_a_reason_shared_by_all_mirrors_appears_once(tmp_path: Path) -> None:
    with pytest.raises(DownloadFailed, match=r"downloaded: the mirrors could not be reached, or stopped answering\."):
        fetch(tmp_path, dead_url(), dead_url())


def test_silent_mirror_times_out(tmp_path: Path, start: StartMirror, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "_TIMEOUT_S", (0.1, 0.1))
    with pytest.raises(DownloadFailed, match="did not answer in time"):
        fetch(tmp_path, start(Mirror(FILES, delay_s=0.5)).url)


# --- resuming -----------------------------------------------------------------------------------------


def test_cut_connection_is_continued_where_it_broke(tmp_path: Path, start: StartMirror) -> None:
    mirror = start(Mirror(FILES, cut_after=[100_000, 50_000, 9_000]))

    fetch(tmp_path, mirror.url)

    assert_complete(tmp_path)
    ranges = [wanted for name, wanted in mirror.requests if name == BIG]
    starts_at = [int(wanted.removeprefix("bytes=").removesuffix("-")) for wanted in ranges if wanted]
    assert ranges[0] is None
    # A cut loses up to 8 KiB.
    assert 90_000 < starts_at[0] <= 100_000
    assert starts_at == sorted(set(starts_at))
    assert len(ranges) == 4


def test_interrupted_download_is_continued_by_the_next(tmp_path: Path, start: StartMirror) -> None:
    mirror = start(Mirror(FILES))

    class CancelledError(Exception):
        pass

    def cancel(done: int, total: int) -> None:
        if done > 100_000:
            raise CancelledError

    with pytest.raises(CancelledError):
        fetch(tmp_path, mirror.url, progress=cancel)
    (part,) = tmp_path.glob("*.part")
    size = part.stat().st_size
    assert 100_000 < size < len(FILES[BIG])
    assert not (tmp_path / BIG).exists()

    fetch(tmp_path, mirror.url)

    assert_complete(tmp_path)
    assert mirror.requests[1] == (BIG, f"bytes={size}-")


@pytest.mark.parametrize("odd", [{}, {"ignores_range": True}, {"shifts_range": 5}], ids=str)
def test_wrong_part_is_fetched_afresh(tmp_path: Path, start: StartMirror, odd: dict[str, int]) -> None:
    mirror = start(Mirror(FILES, **odd))  # type: ignore[arg-type]
    part_path(tmp_path, mirror).write_bytes(b"not what the mirror has")

    fetch(tmp_path, mirror.url)

    assert_complete(tmp_path)


def test_part_that_is_whole_already_is_used(tmp_path: Path, start: StartMirror) -> None:
    mirror = start(Mirror(FILES))
    part_path(tmp_path, mirror).write_bytes(FILES[BIG])

    fetch(tmp_path, mirror.url)

    assert_complete(tmp_path)
    assert [name for name, _ in mirror.requests].count(BIG) == 1


def test_one_mirror_never_continues_what_another_began(tmp_path: Path, start: StartMirror) -> None:
    first = start(Mirror(OTHER_FORM, cut_after=[100_000, 0]))
    second = start(Mirror(FILES))

    fetch(tmp_path, first.url, second.url)

    assert first.requests[1][1], "the first mirror had left a part"
    assert_complete(tmp_path, {BIG: FILES[BIG], SMALL: OTHER_FORM[SMALL]})
    assert second.requests == [(BIG, None)]


# --- the folder ---------------------------------------------------------------------------------------


def test_second_caller_waits_and_finds_all_there(tmp_path: Path, start: StartMirror) -> None:
    mirror = start(Mirror(FILES, delay_s=0.2))
    callers = [threading.Thread(target=fetch, args=(tmp_path, mirror.url)) for _ in range(2)]

    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join(timeout=60)

    assert_complete(tmp_path)
    assert len(mirror.requests) == len(FILES)


def test_waiting_for_another_process_times_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "_LOCK_TIMEOUT_S", 0.1)
    with (
        filelock.FileLock(tmp_path / ".download.lock"),
        pytest.raises(DownloadFailed, match="Another process has been downloading"),
    ):
        fetch(tmp_path, dead_url())


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full, a disk that is always full")
def test_a_full_disk_is_reported(tmp_path: Path, start: StartMirror) -> None:
    mirror = start(Mirror(FILES))
    part_path(tmp_path, mirror).symlink_to("/dev/full")

    with pytest.raises(
        StorageFull, match="disk is full, so the download of 1 MB to .* stopped; free some space"
    ) as caught:
        fetch(tmp_path, mirror.url)

    assert isinstance(caught.value.__cause__, OSError)
    assert caught.value.__cause__.errno == errno.ENOSPC
    assert not any((tmp_path / name).exists() for name in FILES)


def test_a_target_that_cannot_be_a_folder_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for target in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(DownloadFailed, match="stopped: .* Choose a folder"):
            fetch(target, dead_url())


def test_import_is_light() -> None:
    code = (
        "import sys, mnist_classifier.data.download;print(sorted({'requests', 'filelock', 'numpy'} & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
