"""The rate limit that several server processes keep together."""

from __future__ import annotations

import logging
import time

import pytest
import sqlalchemy as sa

from mnist_classifier.core.database import Store
from mnist_classifier.core.errors import MnistError
from mnist_classifier.core.tables import request_counts
from mnist_classifier.web.http.limits import MOST_SHARED, RateLimiter
from mnist_classifier.web.services import shared_rates
from mnist_classifier.web.services.shared_rates import SILENT_S, SharedRates

RATE, BURST = 10, 40


class Servers:
    """Server processes over one database, and a clock of their own; they exchange their counts every second."""

    def __init__(self, store: Store, number: int) -> None:
        self.limiters = [RateLimiter(RATE, BURST) for _ in range(number)]
        self.rates = [SharedRates(store, limiter) for limiter in self.limiters]
        self.now = 1000.0
        self.exchange()

    def exchange(self) -> None:
        for each in self.rates:
            each.exchange(self.now)

    def admitted(self, seconds: int, requests_per_s: int, client: str = "a") -> int:
        """How many requests of a client pass that asks all servers in turn."""
        passed = 0
        for number in range(seconds * requests_per_s):
            passed += self.limiters[number % len(self.limiters)].take(client, self.now) == 0.0
            self.now += 1 / requests_per_s
            if (number + 1) % requests_per_s == 0:
                self.exchange()
        return passed


@pytest.mark.parametrize("number", [1, 2, 3, 8])
def test_a_client_of_many_servers_gets_the_rate_of_one(store: Store, number: int):
    servers = Servers(store, number)
    servers.admitted(10, 200)
    assert servers.admitted(40, 200) == pytest.approx(40 * RATE, rel=0.1)


def test_a_client_within_the_rate_is_never_refused_by_many_servers(store: Store):
    assert Servers(store, 3).admitted(30, RATE - 1) == 30 * (RATE - 1)


def test_an_overdraft_is_paid_back_and_forgotten(store: Store):
    servers = Servers(store, 4)
    assert servers.admitted(2, 400) <= 4 * (BURST + 2 * RATE)
    servers.now += 20
    servers.exchange()
    assert servers.admitted(1, BURST) == BURST


def test_other_clients_are_not_charged(store: Store):
    servers = Servers(store, 3)
    servers.admitted(5, 300)
    assert servers.admitted(1, RATE, client="b") == RATE


def test_the_requests_before_a_start_are_no_debt(store: Store):
    servers = Servers(store, 1)
    servers.admitted(5, 100)
    late = RateLimiter(RATE, BURST)
    SharedRates(store, late).exchange(servers.now)
    assert sum(late.take("a", servers.now) == 0.0 for _ in range(BURST)) == BURST


def test_without_the_database_each_counts_for_itself_and_nobody_is_locked_out_after_it(
    store: Store, monkeypatch: pytest.MonkeyPatch
):
    servers = Servers(store, 2)

    def fail(self: Store) -> None:
        raise MnistError("gone")

    with monkeypatch.context() as patch:
        patch.setattr(Store, "reading", fail)
        for _ in range(30):
            for limiter in servers.limiters:
                while limiter.take("a", servers.now) == 0.0:
                    pass
            servers.now += 1
            for each in servers.rates:
                with pytest.raises(MnistError):
                    each.exchange(servers.now)
    servers.exchange()
    assert servers.limiters[0].take("a", servers.now) <= 1 / RATE + 1e-6


def test_the_row_of_a_silent_process_is_removed(store: Store):
    servers = Servers(store, 2)
    servers.admitted(2, 100)
    for _ in range(3):
        servers.now += SILENT_S / 2 + 1
        servers.rates[0].exchange(servers.now)
    with store.reading() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(request_counts)) == 1


def test_a_closed_process_leaves_no_row_and_an_idle_one_writes_none(store: Store):
    limiter = RateLimiter(RATE, BURST)
    rates = SharedRates(store, limiter)
    for now in (0.0, 1.0):
        rates.exchange(now)
    assert count(store) == 0
    limiter.take("a", 1.0)
    rates.exchange(1.0)
    assert count(store) == 1
    rates.close()
    assert count(store) == 0


def count(store: Store) -> int:
    with store.reading() as connection:
        return connection.scalar(sa.select(sa.func.count()).select_from(request_counts)) or 0


def test_a_row_is_bounded_and_names_the_busiest():
    limiter = RateLimiter(RATE, BURST, most_clients=5000)
    for number in range(3000):
        limiter.take(str(number), 0.0)
    for _ in range(5):
        limiter.take("busy", 0.0)
    counts = limiter.counts(0.0)
    assert len(counts) == MOST_SHARED
    assert next(iter(counts.items())) == ("busy", 5)


def test_a_database_in_trouble_is_logged_once(
    store: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    monkeypatch.setattr(shared_rates, "INTERVAL_S", 0.01)
    calls = []

    def fail(self: SharedRates, now: float | None = None) -> None:
        calls.append(1)
        raise MnistError("gone")

    monkeypatch.setattr(SharedRates, "exchange", fail)
    rates = SharedRates(store, RateLimiter(RATE, BURST))
    with caplog.at_level(logging.ERROR):
        rates.watch()
        deadline = time.monotonic() + 20
        while len(calls) < 3:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        rates.close()
    assert sum("counts requests for itself" in record.message for record in caplog.records) == 1
