"""The observations of a soak: the server processes, and the answers to one careful client."""

from __future__ import annotations

import http.client
import json
import re
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from load.contestants import ask
from measuring import descriptors, memory_mb

# The headers that Java's HttpClient and `curl --http2` send.
HTTP_2_OFFER = {"Connection": "Upgrade, HTTP2-Settings", "Upgrade": "h2c", "HTTP2-Settings": "AAMAAABkAAQAoAAAAAIAAAAA"}


@dataclass
class Samples:
    """The memory of each process and the descriptors of all, sampled every second.

    The samples of a replaced process are kept.
    """

    watcher: int
    rows: dict[int, list[tuple[float, float]]] = field(default_factory=dict)
    peaks_mb: dict[int, float] = field(default_factory=dict)
    descriptors: list[int] = field(default_factory=list)
    started: float = field(default_factory=time.monotonic)

    def turn(self) -> None:
        """Take one sample: seconds since the start, and MB of each process."""
        pids = [self.watcher, *server_processes(self.watcher)]
        for pid in pids:
            held_mb = memory_mb(pid)
            if held_mb is not None:
                self.rows.setdefault(pid, []).append((time.monotonic() - self.started, held_mb))
                self.peaks_mb[pid] = peak_mb_of(pid)
        self.descriptors.append(open_descriptors(pids))
        time.sleep(1)

    def growth(self) -> dict[int, dict[str, float]]:
        """For each process: medians of the second and the last quarter of its life, peak, slope of the last quarter."""
        return {pid: self._growth_of(pid) for pid in self.rows}

    def _growth_of(self, pid: int) -> dict[str, float]:
        at_s, held_mb = np.array(self.rows[pid]).T
        quarter = max(1, len(at_s) // 4)
        early, late = np.median(held_mb[: 2 * quarter][-quarter:]), np.median(held_mb[-quarter:])
        slope = np.polyfit(at_s[-quarter:], held_mb[-quarter:], 1)[0] if quarter > 2 else 0.0
        return {
            "seconds": round(float(at_s[-1] - at_s[0]), 1),
            "warm_mb": round(float(early), 1),
            "end_mb": round(float(late), 1),
            "peak_mb": self.peaks_mb[pid],
            "growth_mb": round(float(late - early), 1),
            "slope_mb_per_minute": round(float(slope) * 60, 2),
        }


class CarefulClient:
    """Sends drawings with pauses and checks every answer; every tenth request offers HTTP/2.

    A request whose connection breaks is sent again, because a server process may have been killed.
    """

    def __init__(self, address: str, pictures: list[tuple[bytes, int]]) -> None:
        self._address = address
        self._pictures = pictures
        self._turns = 0
        self.times_ms: list[float] = []
        self.statuses: Counter[str] = Counter()
        self.versions: Counter[str] = Counter()
        self.wrong = 0
        self.resent = 0

    def turn(self) -> None:
        """Send one drawing and check its answer."""
        body, label = self._pictures[self._turns % len(self._pictures)]
        self._turns += 1
        headers = HTTP_2_OFFER if self._turns % 10 == 0 else {}
        started = time.perf_counter()
        try:
            status, reply = self._ask(body, headers)
        except (OSError, http.client.HTTPException) as error:
            self.statuses[type(error).__name__] += 1
            return
        self.times_ms.append((time.perf_counter() - started) * 1000)
        self.statuses[str(status)] += 1
        if status == 200:
            answer = json.loads(reply)
            self.wrong += answer["prediction"] != label
            self.versions[str(answer["model"]["version"])] += 1
        time.sleep(0.05)

    def _ask(self, body: bytes, headers: dict[str, str]) -> tuple[int, bytes]:
        try:
            return ask(self._address, "/predict", body, more_headers=headers)
        except (OSError, http.client.HTTPException):
            self.resent += 1
            return ask(self._address, "/predict", body, more_headers=headers)


def server_processes(watcher: int) -> list[int]:
    """The processes that answer requests, oldest first."""
    found = []
    for pid in Path(f"/proc/{watcher}/task/{watcher}/children").read_text().split():
        with suppress(OSError):  # it may have ended since
            if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes():
                found.append(int(pid))
    return found


def peak_mb_of(pid: int) -> float:
    """The peak resident memory of a process (VmHWM); 0 if it has ended."""
    with suppress(OSError):
        found = re.search(r"^VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
        if found:
            return round(int(found[1]) * 1024 / 1e6, 1)
    return 0.0


def open_descriptors(pids: list[int]) -> int:
    """The open descriptors of all processes together."""
    return sum(descriptors(pid) or 0 for pid in pids)
