"""A limit on the requests from one address, so that one client cannot take the server from the others.

Token buckets: `rate` requests a second on average, `burst` at once. Memory is
bounded: beyond `most_clients` addresses, the limiter forgets the one that has
been silent longest.
"""

from __future__ import annotations

import ipaddress
import math
import threading
import time
from collections import OrderedDict
from collections.abc import Iterable
from typing import TYPE_CHECKING

from mnist_classifier.core.settings import Settings, is_loopback
from mnist_classifier.web.http.refusal import refusal

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

# How many seconds' requests may arrive at once: enough for a few pages, each of which loads about forty files.
BURST_S = 4
MOST_CLIENTS = 10_000
# MNIST_RATE_LIMIT=-1 where others reach the server: enough for a class that draws behind one address (a stroke is a
# request or two), and well below what a process can answer.
DEFAULT_RATE = 200
TOO_MANY = "too_many_requests"


class RateLimiter:
    """A bucket for each address; safe in threads.  `take` costs about a microsecond."""

    def __init__(self, rate: float, burst: float, most_clients: int = MOST_CLIENTS) -> None:
        self._rate, self._burst, self._most = rate, burst, most_clients
        self._lock = threading.Lock()
        # Address -> the time at which its bucket is full again.
        self._full_at: OrderedDict[str, float] = OrderedDict()

    def take(self, address: str, now: float | None = None) -> float:
        """Count a request.  Returns 0.0, or the seconds to wait if the bucket is empty."""
        now = time.monotonic() if now is None else now
        with self._lock:
            full_at = max(self._full_at.get(address, now), now)
            wait_s = full_at - now - (self._burst - 1) / self._rate
            if wait_s > 1e-9:
                return wait_s
            self._full_at[address] = full_at + 1 / self._rate
            self._full_at.move_to_end(address)
            if len(self._full_at) > self._most:
                self._full_at.popitem(last=False)
            return 0.0

    def __len__(self) -> int:
        return len(self._full_at)


def client_of(address: str) -> str:
    """Who counts as one client: an IPv4 address, or an IPv6 network of 64 bits, since a client may own one."""
    if ":" not in address:
        return address
    network = ipaddress.IPv6Network((address.partition("%")[0], 64), strict=False)
    return str(ipaddress.IPv6Address(address).ipv4_mapped or network)


def limiter_of(settings: Settings) -> RateLimiter | None:
    """The limiter that the settings ask for; None for no limit."""
    rate = settings.rate_limit
    if rate < 0:
        rate = 0 if is_loopback(settings.host) else DEFAULT_RATE
    return RateLimiter(rate, max(1, rate * BURST_S)) if rate else None


class RateLimited:
    """WSGI middleware that refuses requests beyond the limit, before anything else runs."""

    def __init__(self, application: WSGIApplication, limiter: RateLimiter) -> None:
        self._application = application
        self._limiter = limiter

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Pass the request on, or refuse it."""
        wait_s = self._limiter.take(client_of(environ.get("REMOTE_ADDR") or ""))
        if not wait_s:
            return self._application(environ, start_response)
        seconds = max(1, math.ceil(wait_s))
        message = f"too many requests from your address; try again in {seconds} s"
        headers, body = refusal(TOO_MANY, message, ("Retry-After", str(seconds)))
        start_response("429 Too Many Requests", headers)
        return [body]
