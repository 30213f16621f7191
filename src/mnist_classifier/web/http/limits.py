"""A limit on the requests from one address, so that one client cannot take the server from the others.

Token buckets: `rate` requests a second on average, `burst` at once. Memory is
bounded: beyond `most_clients` addresses, the limiter forgets the one that has
been silent longest.
"""

from __future__ import annotations

import heapq
import ipaddress
import math
import threading
import time
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mnist_classifier.core.settings import Settings, is_loopback
from mnist_classifier.web.http.event_loop import TOOK_LONG
from mnist_classifier.web.http.refusal import refusal

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

# How many seconds' requests may arrive at once: enough for a few pages, each of which loads about forty files.
BURST_S = 4
MOST_CLIENTS = 10_000
# MNIST_RATE_LIMIT=-1 where others reach the server: enough for a class that draws behind one address (a stroke is a
# request or two), and well below what a process can answer.
DEFAULT_RATE = 200
# Other server processes are told of at most so many clients, from this share of a burst on.
MOST_SHARED, SHARED_FROM = 1000, 0.01
# Other processes report every second; within it, each may admit what all of them together may.
MOST_DEBT_S = 2
TOO_MANY = "too_many_requests"


class RateLimiter:
    """A bucket for each address; safe in threads.  `take` costs about a microsecond."""

    def __init__(self, rate: float, burst: float, most_clients: int = MOST_CLIENTS) -> None:
        self._rate, self._burst, self._most = rate, burst, most_clients
        self._lock = threading.Lock()
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def take(self, address: str, now: float | None = None) -> float:
        """Count a request.  Returns 0.0, or the seconds to wait if the bucket is empty."""
        now = time.monotonic() if now is None else now
        with self._lock:
            bucket = self._buckets.get(address) or _Bucket(now)
            full_at = max(bucket.full_at, now)
            wait_s = full_at - now - (self._burst - 1) / self._rate
            if wait_s > 1e-9:
                return wait_s
            bucket.full_at = full_at + 1 / self._rate
            bucket.admitted += 1
            self._keep(address, bucket)
            return 0.0

    def counts(self, now: float) -> dict[str, int]:
        """Client -> requests admitted here since its bucket was last full, for the busiest; forgets full buckets."""
        with self._lock:
            for address in [address for address, bucket in self._buckets.items() if bucket.full_at <= now]:
                del self._buckets[address]
            found = {address: bucket.admitted for address, bucket in self._buckets.items() if bucket.admitted}
        least = self._burst * SHARED_FROM
        return dict(heapq.nlargest(MOST_SHARED, ((a, n) for a, n in found.items() if n >= least), key=lambda it: it[1]))

    def absorb(self, admitted: Mapping[str, int], servers: int, now: float) -> None:
        """Take the requests that other processes admitted from the buckets.

        servers: the number of processes; it bounds how far a bucket sinks below empty.
        """
        lowest = now + self._burst / self._rate + servers * MOST_DEBT_S
        with self._lock:
            for address, count in admitted.items():
                bucket = self._buckets.get(address) or _Bucket(now)
                bucket.full_at = min(max(bucket.full_at, now) + count / self._rate, lowest)
                self._keep(address, bucket)

    def _keep(self, address: str, bucket: _Bucket) -> None:
        self._buckets[address] = bucket
        self._buckets.move_to_end(address)
        if len(self._buckets) > self._most:
            self._buckets.popitem(last=False)

    def __len__(self) -> int:
        return len(self._buckets)


@dataclass(slots=True)
class _Bucket:
    """The time at which a bucket is full again, and the requests that were admitted since it was."""

    full_at: float
    admitted: int = 0


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
        is_known = TOOK_LONG in environ
        wait_s = 0.0 if is_known else self._limiter.take(client_of(environ.get("REMOTE_ADDR") or ""))
        if not wait_s:
            return self._application(environ, start_response)
        seconds = max(1, math.ceil(wait_s))
        message = f"too many requests from your address; try again in {seconds} s"
        accept = environ.get("HTTP_ACCEPT", "")
        headers, body = refusal(429, TOO_MANY, message, ("Retry-After", str(seconds)), accept)
        start_response("429 Too Many Requests", headers)
        return [body]
