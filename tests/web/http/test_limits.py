"""The limit of requests from one address."""

from __future__ import annotations

import threading
import time
from dataclasses import replace

import pytest

from mnist_classifier.core.settings import Settings
from mnist_classifier.web.app import create_app
from mnist_classifier.web.http.event_loop import TOOK_LONG
from mnist_classifier.web.http.limits import BURST_S, DEFAULT_RATE, RateLimited, RateLimiter, client_of, limiter_of
from mnist_classifier.web.services.services import EXTENSION
from tests.web.asserts import assert_error
from tests.web.conformance import ConformingClient


def test_a_burst_passes_and_then_the_rate():
    limiter = RateLimiter(rate=10, burst=5)
    assert [limiter.take("a", now=100.0) for _ in range(5)] == [0.0] * 5
    assert limiter.take("a", now=100.0) == pytest.approx(0.1)
    assert limiter.take("a", now=100.05) == pytest.approx(0.05)
    assert limiter.take("a", now=100.1) == 0.0
    assert limiter.take("a", now=100.1) > 0
    assert [limiter.take("a", now=200.0) for _ in range(6)][4:] == [0.0, pytest.approx(0.1)]


def test_who_keeps_asking_while_refused_is_not_punished():
    limiter = RateLimiter(rate=1, burst=1)
    assert limiter.take("a", now=0.0) == 0.0
    assert all(limiter.take("a", now=moment / 100) > 0 for moment in range(1, 100))
    assert limiter.take("a", now=1.0) == 0.0


def test_addresses_do_not_share_a_bucket():
    limiter = RateLimiter(rate=1, burst=1)
    assert limiter.take("a", now=0.0) == limiter.take("b", now=0.0) == 0.0
    assert limiter.take("a", now=0.0) > 0


def test_memory_is_bounded_and_the_silent_are_forgotten_first():
    limiter = RateLimiter(rate=1, burst=1, most_clients=100)
    for number in range(1000):
        limiter.take("busy", now=number * 10.0)
        limiter.take(str(number), now=number * 10.0)
    assert len(limiter) == 100
    assert limiter.take("busy", now=9990.0) > 0
    assert limiter.take("5", now=9990.0) == 0.0


def test_threads_do_not_get_more_than_there_is():
    limiter, passed = RateLimiter(rate=0.001, burst=50), []

    def ask() -> None:
        passed.extend(1 for _ in range(100) if limiter.take("a") == 0.0)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(passed) == 50


def test_a_request_is_counted_in_microseconds():
    limiter = RateLimiter(rate=100, burst=100)
    started = time.process_time()
    for _ in range(20_000):
        limiter.take(client_of("192.0.2.7"))
    assert (time.process_time() - started) / 20_000 < 50e-6  # some 1 us


@pytest.mark.parametrize(
    ("address", "client"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("::ffff:c000:207", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::6", "2001:db8:1:2::/64"),
        ("2001::db8:3:4:5:6:7", "2001:0:db8:3::/64"),
        ("2001:db8::6", "2001:db8::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::1", "::/64"),
        ("", ""),
    ],
)
def test_one_network_of_ipv6_is_one_client(address: str, client: str):
    assert client_of(address) == client


def test_loopback_is_not_limited_unless_it_is_said(settings: Settings):
    assert limiter_of(settings) is None
    assert limiter_of(replace(settings, host="0.0.0.0", rate_limit=0)) is None
    for changes, burst in (({"host": "0.0.0.0"}, DEFAULT_RATE * BURST_S), ({"rate_limit": 2}, 2 * BURST_S)):
        limiter = limiter_of(replace(settings, **changes))
        assert limiter is not None
        assert sum(limiter.take("a", now=0.0) == 0.0 for _ in range(1000)) == burst


def test_too_many_requests_are_refused_in_the_one_shape(settings: Settings):
    app = create_app(replace(settings, rate_limit=1))
    app.test_client_class = ConformingClient
    client = app.test_client()
    for _ in range(BURST_S):
        assert client.get("/healthz").status_code == 200
    response = client.get("/healthz")
    assert_error(response, 429, "too_many_requests")
    assert 1 <= int(response.headers["Retry-After"]) <= 2
    assert "default-src" in response.headers["Content-Security-Policy"]
    assert client.get("/healthz", environ_overrides={"REMOTE_ADDR": "192.0.2.1"}).status_code == 200
    app.extensions[EXTENSION].close()


def test_a_browser_that_asks_too_often_for_a_page_gets_a_page(settings: Settings):
    app = create_app(replace(settings, rate_limit=1))
    client = app.test_client()
    browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
    replies = [client.get("/training", headers={"Accept": browser}) for _ in range(BURST_S + 1)]
    assert (replies[-1].status_code, replies[-1].mimetype, replies[-1].headers["Vary"]) == (429, "text/html", "Accept")
    assert "<p>Too many requests from your address; try again in 1 s.</p>" in replies[-1].text
    assert_error(client.get("/training", headers={"Accept": "application/json"}), 429, "too_many_requests")
    app.extensions[EXTENSION].close()


def test_a_request_that_the_event_loop_tried_in_vain_is_limited_once():
    limited = RateLimited(lambda environ, start: [b"answered"], RateLimiter(rate=0.001, burst=1))
    first = {"REMOTE_ADDR": "203.0.113.1"}
    assert list(limited(first, lambda *_: print)) == [b"answered"]  # type: ignore[arg-type]
    assert list(limited({**first, TOOK_LONG: True}, lambda *_: print)) == [b"answered"]  # type: ignore[arg-type]
    assert list(limited(first, lambda *_: print)) != [b"answered"]  # type: ignore[arg-type]
