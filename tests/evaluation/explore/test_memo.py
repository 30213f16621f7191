from __future__ import annotations

import threading

import pytest

from mnist_classifier.evaluation.explore.memo import Memo


def test_a_value_is_computed_once_and_the_least_recently_used_is_dropped():
    made: list[str] = []
    memo: Memo[str] = Memo(limit=2)

    def get(key: str) -> str:
        def make() -> str:
            made.append(key)
            return key.upper()

        return memo.get(key, make)

    assert [get(key) for key in "abab"] == ["A", "B", "A", "B"]
    get("a")
    get("c")  # b is dropped
    assert len(memo) == 2
    get("a")
    assert made == ["a", "b", "c"]
    get("b")
    assert made == ["a", "b", "c", "b"]


def test_threads_wait_for_the_same_value_and_not_for_others():
    memo: Memo[int] = Memo(limit=4)
    started, go_on = threading.Event(), threading.Event()
    made: list[int] = []

    def slow() -> int:
        started.set()
        assert go_on.wait(60)
        made.append(1)
        return 1

    threads = [threading.Thread(target=lambda: memo.get("slow", slow)) for _ in range(4)]
    for thread in threads:
        thread.start()
    assert started.wait(60)
    assert memo.get("quick", lambda: 2) == 2
    go_on.set()
    for thread in threads:
        thread.join(60)
    assert made == [1]


def test_a_failure_is_raised_and_the_next_call_tries_again():
    memo: Memo[int] = Memo(limit=1)
    with pytest.raises(ZeroDivisionError):
        memo.get("x", lambda: 1 // 0)
    assert memo.get("x", lambda: 5) == 5
