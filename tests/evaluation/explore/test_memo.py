from __future__ import annotations

import threading

import pytest

from mnist_classifier.evaluation.explore.memo import Memo


def test_a_value_is_made_once_and_the_least_asked_for_goes_first():
    made: list[str] = []
    memo: Memo[str] = Memo(limit=2)

    def get(key: str) -> str:
        def make() -> str:
            made.append(key)
            return key.upper()

        return memo.get(key, make)

    assert [get(key) for key in "abab"] == ["A", "B", "A", "B"]
    get("a")
    get("c")  # b goes
    assert len(memo) == 2
    get("a")
    assert made == ["a", "b", "c"]
    get("b")
    assert made == ["a", "b", "c", "b"]


def test_many_who_ask_at_once_wait_for_one_maker_and_others_do_not_wait():
    memo: Memo[int] = Memo(limit=4)
    started, go_on = threading.Event(), threading.Event()
    made: list[int] = []

    def slow() -> int:
        started.set()
        assert go_on.wait(10)
        made.append(1)
        return 1

    threads = [threading.Thread(target=lambda: memo.get("slow", slow)) for _ in range(4)]
    for thread in threads:
        thread.start()
    assert started.wait(10)
    assert memo.get("quick", lambda: 2) == 2
    go_on.set()
    for thread in threads:
        thread.join(10)
    assert made == [1]


def test_a_failure_is_raised_and_the_next_one_tries_anew():
    memo: Memo[int] = Memo(limit=1)
    with pytest.raises(ZeroDivisionError):
        memo.get("x", lambda: 1 // 0)
    assert memo.get("x", lambda: 5) == 5
