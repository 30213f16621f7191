"""What is looked at during a soak: the processes that serve, and the answers to one careful client."""

from __future__ import annotations

import json
import time
from collections import Counter
from dataclasses import dataclass, field

import numpy as np

from load.contestants import ask
from measuring import descriptors, memory_mb


@dataclass
class Samples:
    """Memory and descriptors of each process that serves, a row a second."""

    pids: list[int]
    at_s: list[float] = field(default_factory=list)
    memory_mb: list[list[float]] = field(default_factory=list)
    descriptors: list[int] = field(default_factory=list)
    started: float = field(default_factory=time.monotonic)

    def turn(self) -> None:
        """One row."""
        self.at_s.append(time.monotonic() - self.started)
        self.memory_mb.append([memory_mb(pid) or 0.0 for pid in self.pids])
        self.descriptors.append(open_descriptors(self.pids))
        time.sleep(1)

    def growth(self) -> list[dict[str, float]]:
        """For each process: medians of the second and the last quarter, the most, and the slope of the last quarter."""
        found = []
        rows, at_s = np.array(self.memory_mb), np.array(self.at_s)
        quarter = max(1, len(rows) // 4)
        for column in rows.T:
            early, late = np.median(column[quarter : 2 * quarter]), np.median(column[-quarter:])
            slope = np.polyfit(at_s[-quarter:], column[-quarter:], 1)[0] if quarter > 2 else 0.0
            found.append(
                {
                    "warm_mb": round(float(early), 1),
                    "end_mb": round(float(late), 1),
                    "most_mb": round(float(column.max()), 1),
                    "growth_mb": round(float(late - early), 1),
                    "slope_mb_per_minute": round(float(slope) * 60, 2),
                }
            )
        return found


class CarefulClient:
    """Sends drawings with a pause, and looks at every answer."""

    def __init__(self, address: str, pictures: list[tuple[bytes, int]]) -> None:
        self._address = address
        self._pictures = pictures
        self._turns = 0
        self.times_ms: list[float] = []
        self.statuses: Counter[str] = Counter()
        self.versions: Counter[str] = Counter()
        self.wrong = 0

    def turn(self) -> None:
        """One drawing."""
        body, label = self._pictures[self._turns % len(self._pictures)]
        self._turns += 1
        started = time.perf_counter()
        try:
            status, reply = ask(self._address, "/predict", body)
        except OSError as error:
            self.statuses[type(error).__name__] += 1
            return
        self.times_ms.append((time.perf_counter() - started) * 1000)
        self.statuses[str(status)] += 1
        if status == 200:
            answer = json.loads(reply)
            self.wrong += answer["prediction"] != label
            self.versions[str(answer["model"]["version"])] += 1
        time.sleep(0.05)


def open_descriptors(pids: list[int]) -> int:
    """Those of all processes together."""
    return sum(descriptors(pid) or 0 for pid in pids)
