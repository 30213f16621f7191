"""A thread-safe cache that computes each value once."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Value = TypeVar("Value")


class _Entry(Generic[Value]):
    """A value, and a lock that is held while it is computed."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.value: Value | None = None


class Memo(Generic[Value]):
    """Caches at most `limit` values and drops the least recently used one first.

    While one thread computes a value, others that need it wait, and other
    values stay available.  If the computation fails, that thread gets the
    error, and the next one tries again.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        self._entries: OrderedDict[Hashable, _Entry[Value]] = OrderedDict()

    def get(self, key: Hashable, make: Callable[[], Value]) -> Value:
        """Return the value of `key`, computed by `make` if it is not cached."""
        with self._lock:
            entry = self._entries.setdefault(key, _Entry())
            self._entries.move_to_end(key)
            while len(self._entries) > self._limit:
                self._entries.popitem(last=False)
        with entry.lock:
            if entry.value is None:
                entry.value = make()
            return entry.value

    def __len__(self) -> int:
        return len(self._entries)
