"""How many threads are in a function at the same time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

# Long enough for all threads of a test to arrive.
STAY_S = 0.05


class AtOnce:
    """A function that counts its callers; `most` of them were in it at once."""

    def __init__(self, original: Callable[..., Any]) -> None:
        self.most = 0
        self._original, self._inside, self._counting = original, 0, threading.Lock()

    def __call__(self, *arguments: Any) -> Any:
        with self._counting:
            self._inside += 1
            self.most = max(self.most, self._inside)
        time.sleep(STAY_S)
        result = self._original(*arguments)
        with self._counting:
            self._inside -= 1
        return result


def run_at_once(work: Callable[[], Any], threads: int = 4) -> None:
    """Call a function in several threads, and wait for all."""
    started = [threading.Thread(target=work) for _ in range(threads)]
    for thread in started:
        thread.start()
    for thread in started:
        thread.join()
