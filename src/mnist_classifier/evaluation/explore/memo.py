"""The few latest of some costly values, each made once however many ask for it."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Value = TypeVar("Value")


class _Entry(Generic[Value]):
    """A value and the lock that its first maker holds."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.value: Value | None = None


class Memo(Generic[Value]):
    """At most `limit` values; the one that was not asked for longest goes first.

    Whoever asks for a value that is being made waits for it; whoever asks for
    another does not.  A failure is raised to the one who met it and the next
    one tries anew.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        self._entries: OrderedDict[Hashable, _Entry[Value]] = OrderedDict()

    def get(self, key: Hashable, make: Callable[[], Value]) -> Value:
        """The value of `key`, made if it is not at hand."""
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
