"""How soon several servers answer with a promoted version, and whether a request is lost meanwhile.

    python bench/servers.py [--servers 1,2,4] [--promotions 10] [--database-url URL] [--models-url URL]
    python bench/servers.py --quick

Starts the servers over one database and one model store, by default a PostgreSQL of its own and a folder.  Each server
reads digits on two connections.  The delay counts from the reply to the promotion until the last server answers with
the new version.  Needs the extra `cluster` and PostgreSQL's programs.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

import numpy as np

from kill_trials import MANIFEST, write_files
from measuring import RESULTS, ROOT, data_environment, machine, write_result
from mnist_classifier.core.database import Store
from mnist_classifier.recognition.imaging.decode import encode_png
from mnist_classifier.registry.versions import Registry

CONNECTIONS = 2
# Servers that take longer do not follow.
TIMEOUT_S = 30.0
# A drawn 1.
GLYPH = np.zeros((28, 28), np.uint8)
GLYPH[4:24, 13:16] = 255
PICTURE = encode_png(GLYPH)


def main() -> None:
    """Measure each number of servers, print, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--servers", default="1,2,4", help="numbers of servers, separated by commas")
    parser.add_argument("--promotions", type=int, default=10)
    parser.add_argument("--database-url", help="default: a PostgreSQL that this script starts")
    parser.add_argument("--models-url", help="default: a temporary folder")
    parser.add_argument("--quick", action="store_true", help="two servers and two promotions: show that it works")
    parser.add_argument("--results", type=Path, default=RESULTS)
    options = parser.parse_args()
    numbers = [2] if options.quick else [int(number) for number in options.servers.split(",")]
    promotions = 2 if options.quick else options.promotions
    result: dict[str, Any] = {"machine": machine(), "promotions": promotions, "servers": {}}
    lines = [f"{'servers':>7} {'median s':>9} {'longest s':>9} {'readings':>9} {'lost':>5}"]
    for number in numbers:
        found = result["servers"][number] = measure(number, promotions, options.database_url, options.models_url)
        lines.append(
            f"{number:7} {found['median_s']:9.2f} {found['longest_s']:9.2f} {found['readings']:9} {found['lost']:5}"
        )
    write_result("servers", result, table="\n".join(lines), folder=options.results)
    raise SystemExit(any(found["lost"] for found in result["servers"].values()))


def measure(number: int, promotions: int, database_url: str | None, models_url: str | None) -> dict[str, Any]:
    """Promote versions while so many servers are under load."""
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        (home / "store").mkdir()
        variables = {
            "MNIST_DATABASE_URL": database_url or stack.enter_context(own_database()),
            "MNIST_MODELS_URL": models_url or str(home / "store"),
        }
        store = stack.enter_context(closing(Store(variables["MNIST_DATABASE_URL"])))
        registry = Registry(home / "cache", store, models_url=variables["MNIST_MODELS_URL"])
        addresses = [stack.enter_context(server(home / str(index), variables)) for index in range(number)]
        load = [stack.enter_context(Load(address)) for address in addresses for _ in range(CONNECTIONS)]
        delays = [promote(registry, addresses) for _ in range(promotions)]
        readings, lost = sum(each.readings for each in load), sum(each.lost for each in load)
    return {
        "median_s": round(statistics.median(delays), 3),
        "longest_s": round(max(delays), 3),
        "delays_s": [round(delay, 3) for delay in delays],
        "readings": readings,
        "lost": lost,
    }


@contextmanager
def own_database() -> Iterator[str]:
    """The URL of an empty database, in a PostgreSQL that ends with the block."""
    sys.path.insert(0, str(ROOT))
    from tests.cluster.postgresql import postgresql, program

    if program("initdb") is None:
        raise SystemExit("PostgreSQL is missing: apt-get install postgresql, or name a database with --database-url")
    with postgresql() as running:
        yield running.new_database()


class server:  # noqa: N801 - used as a context manager, like a function
    """`mnist serve` in its own process; yields its host and port."""

    def __init__(self, home: Path, variables: dict[str, str]) -> None:
        environment = {**os.environ, **data_environment(), **variables, "MNIST_HOME": str(home)}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "mnist_classifier", "serve"],
            env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip
        self.pid = self._process.pid

    def __enter__(self) -> str:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if "http://" in line:
                return line.split("http://")[1].split("/")[0]
        raise SystemExit("a server did not start")

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.communicate(timeout=30)


class Load:
    """Reads one digit after another on a connection of its own."""

    def __init__(self, address: str) -> None:
        self.readings = self.lost = 0
        self._address, self._is_over = address, threading.Event()
        self._thread = threading.Thread(target=self._read)

    def __enter__(self) -> Load:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._thread.join()

    def _read(self) -> None:
        connection = HTTPConnection(self._address, timeout=30)
        while not self._is_over.is_set():
            try:
                ask(connection, "POST", "/predict", PICTURE)
                self.readings += 1
            except (OSError, HTTPException, AssertionError):
                self.lost += 1
                connection.close()
        connection.close()


def promote(registry: Registry, addresses: list[str]) -> float:
    """Save and promote a version; returns the seconds until all servers answer with it."""
    version = registry.save(MANIFEST, write_files).version
    with ExitStack() as stack:
        connections = [stack.enter_context(closing(HTTPConnection(address, timeout=30))) for address in addresses]
        ask(connections[0], "POST", f"/api/models/{version}/promote", b'{"confirm": true}')
        started = time.perf_counter()
        while any(ask(each, "POST", "/predict", PICTURE)["model"]["version"] != version for each in connections):
            if time.perf_counter() - started > TIMEOUT_S:
                raise SystemExit(f"a server does not answer with version {version}")
            time.sleep(0.01)
        return time.perf_counter() - started


def ask(connection: HTTPConnection, method: str, path: str, body: bytes) -> dict[str, Any]:
    """The JSON of a reply, which must be a success."""
    kind = "image/png" if body is PICTURE else "application/json"
    connection.request(method, path, body, {"Content-Type": kind})
    reply = connection.getresponse()
    data = reply.read()
    assert reply.status == 200, data
    found: dict[str, Any] = json.loads(data)
    return found


if __name__ == "__main__":
    main()
