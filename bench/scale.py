"""What one machine measures, and what follows for 10, 100 and 1,000 times as much.

    python bench/scale.py [--reuse] [--quick] [--price 0.04]

Runs bench/predict.py, bench/reading_at_scale.py, bench/distributed.py and bench/servers.py, or takes their last results
with --reuse.  Then it measures what a server asks of PostgreSQL, and how much PostgreSQL can answer.  docs/scale.md
explains the model that extrapolates, and its assumptions (`Assumed`).  Needs the extra `cluster` and PostgreSQL.
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import asdict, dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from load import pictures
from measuring import RESULTS, ROOT, machine, process_tree, processor_s, write_result
from servers import own_database, server

SCRIPTS = ("predict", "reading_at_scale", "distributed", "servers")
TIMES = (1, 10, 100, 1000)
# One at a time: the figures are of a machine.
BASE_PICTURES, BASE_REQUESTS_PER_S = 1_000_000, 1000


@dataclass(frozen=True)
class Assumed:
    """What was not measured here.

    price: of a core for an hour.  network_gbit: of a machine of `machine_cores` cores.  puts_per_s: that a bucket
    takes under one prefix (Amazon's documented 3,500).  latency_us: of a message between two machines.
    busy: share of a resource that may be used before it counts as the bottleneck.
    """

    price: float = 0.04
    machine_cores: int = 16
    network_gbit: float = 10.0
    puts_per_s: float = 3500.0
    latency_us: float = 50.0
    busy: float = 0.7


def main() -> None:
    """Measure, extrapolate, print, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--reuse", action="store_true", help="take the last results of the other scripts")
    parser.add_argument("--quick", action="store_true", help="little input: only shows that it works")
    parser.add_argument("--price", type=float, default=Assumed.price, help="of a core for an hour")
    options = parser.parse_args()
    before = machine()
    if not options.reuse:
        for name in SCRIPTS:
            subprocess.run(
                [sys.executable, str(ROOT / "bench" / f"{name}.py"), *(["--quick"] if options.quick else [])],
                check=True,
            )
    measured = {name: _result(name) for name in SCRIPTS}
    measured["database"] = measure_database(seconds=5 if options.quick else 30)
    assumed = Assumed(price=options.price)
    tables = {
        "reading": reading(measured["reading_at_scale"], assumed),
        "serving": serving(measured["database"], assumed),
        "training": training(measured["distributed"], assumed),
    }
    result = {"machine": before, "assumed": asdict(assumed), "database": measured["database"], **tables}
    write_result("scale", result, table="\n\n".join(_shown(name, rows) for name, rows in tables.items()))


def _result(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((RESULTS / f"{name}.json").read_text("utf-8"))
    return found


# --- what a server asks of the database --------------------------------------------------------------


def measure_database(seconds: float) -> dict[str, float]:
    """Two servers over one PostgreSQL: their transactions at rest and at work, and what PostgreSQL can answer."""
    with ExitStack() as stack:
        url = stack.enter_context(own_database())
        home = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        variables = {"MNIST_DATABASE_URL": url, "MNIST_MODELS_URL": str(home / "store"), "MNIST_RATE_LIMIT": "100000"}
        (home / "store").mkdir()
        started = [server(home / str(index), variables) for index in range(2)]
        addresses = [stack.enter_context(each) for each in started]
        database = Database(url)
        stack.callback(database.close)
        at_rest = database.transactions_per_s(lambda: time.sleep(seconds))
        pid = started[0].pid
        used, requests = _processor_s(pid), 0

        def work() -> None:
            nonlocal requests
            requests = read_digits(addresses[0], seconds)

        at_work = database.transactions_per_s(work)
        cpu_ms = 1000 * (_processor_s(pid) - used) / requests
        connections = database.connections() / 2
        answered = database.capacity(seconds / 2)
    return {
        "transactions_per_server_s": round(at_rest / 2, 2),
        "transactions_at_work_s": round(at_work / 2, 2),
        "connections_per_server": round(connections, 1),
        "request_processor_ms": round(cpu_ms, 3),
        "requests": requests,
        "transactions_per_core_s": round(answered),
    }


def _processor_s(pid: int) -> float:
    return sum(map(processor_s, process_tree(pid)))


def read_digits(address: str, seconds: float) -> int:
    """Ask a server for readings of a canvas picture for so long; returns how many."""
    body = pictures.grey_png(pictures.test_images(1).images[0])
    count, until = 0, time.monotonic() + seconds
    with closing(HTTPConnection(address, timeout=30)) as connection:
        while time.monotonic() < until:
            connection.request("POST", "/predict", body, {"Content-Type": "image/png"})
            reply = connection.getresponse()
            reply.read()
            assert reply.status == 200, reply.status
            count += 1
    return count


class Database:
    """Asks PostgreSQL about itself."""

    def __init__(self, url: str) -> None:
        self._engine = sa.create_engine(url, isolation_level="AUTOCOMMIT", pool_size=8)
        self.close = self._engine.dispose

    def transactions_per_s(self, block: Callable[[], None]) -> float:
        """Transactions per second while the block runs, those of this class left out."""
        before, started = self._transactions(), time.monotonic()
        block()
        elapsed_s = time.monotonic() - started
        time.sleep(1.5)  # PostgreSQL counts a second late
        return (self._transactions() - before - 1) / elapsed_s

    def _transactions(self) -> int:
        query = "SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = current_database()"
        return int(self._scalar(query))

    def connections(self) -> int:
        """Connections of others to this database."""
        query = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid != pg_backend_pid()"
        return int(self._scalar(query))

    def capacity(self, seconds: float) -> float:
        """The query of a server that looks for promotions, per second of the processor of PostgreSQL."""
        pids: list[int] = []
        counts: list[int] = []

        def ask() -> None:
            with self._engine.connect() as connection:
                pids.append(int(connection.scalar(sa.text("SELECT pg_backend_pid()")) or 0))
                used, count, until = processor_s(pids[-1]), 0, time.monotonic() + seconds
                while time.monotonic() < until:
                    connection.execute(sa.text("SELECT name, version FROM aliases")).all()
                    count += 1
                counts.append(round(count / max(processor_s(pids[-1]) - used, 0.01)))

        threads = [threading.Thread(target=ask) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return sum(counts) / len(counts)

    def _scalar(self, query: str) -> Any:
        with self._engine.connect() as connection:
            return connection.scalar(sa.text(query))


# --- the model ----------------------------------------------------------------------------------------


def reading(measured: Mapping[str, Any], assumed: Assumed) -> list[dict[str, Any]]:
    """Read so many times a million pictures in the time that this machine takes for one million."""
    cores = measured["machine"]["cores"]
    per_core = measured["images_per_s_all_cores"] / cores
    seconds = BASE_PICTURES / (per_core * cores)
    parts_per_s_of_command = 1 / measured["command_s_per_part"]
    rows = []
    for times in TIMES:
        pictures_read = times * BASE_PICTURES
        rate = pictures_read / seconds
        needed = math.ceil(rate / per_core)
        parts_per_s = rate / measured["pictures_per_part"]
        limits = {
            "the command that hands out parts": parts_per_s / parts_per_s_of_command,
            "the network of a machine": per_core
            * assumed.machine_cores
            * (measured["input_bytes"] + measured["output_bytes"])
            * 8
            / (assumed.network_gbit * 1e9),
            "the bucket": parts_per_s / assumed.puts_per_s,
        }
        core_hours = needed * seconds / 3600
        rows.append(
            {
                "times": times,
                "pictures": pictures_read,
                "cores": needed,
                "minutes": round(seconds / 60, 1),
                "gb_read": round(pictures_read * measured["input_bytes"] / 1e9, 1),
                "gb_written": round(pictures_read * measured["output_bytes"] / 1e9, 1),
                "core_hours": round(core_hours, 1),
                "price": round(core_hours * assumed.price, 2),
                **_bottleneck(limits, assumed),
            }
        )
    return rows


def serving(measured: Mapping[str, float], assumed: Assumed) -> list[dict[str, Any]]:
    """Answer so many times a thousand readings a second."""
    rows = []
    for times in TIMES:
        requests = times * BASE_REQUESTS_PER_S
        servers = math.ceil(requests * measured["request_processor_ms"] / 1000 / assumed.busy)
        transactions_per_s = servers * measured["transactions_at_work_s"]
        limits = {
            "PostgreSQL's processor": transactions_per_s / measured["transactions_per_core_s"],
            # Each server reads the request counts of all others once a second; a row takes about a microsecond.
            "shared request counts": servers * servers * 1e-6,
            "PostgreSQL's 100 connections": servers * measured["connections_per_server"] / 100,
        }
        core_hours = servers * 24 * 30
        rows.append(
            {
                "times": times,
                "requests_per_s": requests,
                "server_processes": servers,
                "transactions_per_s": round(transactions_per_s),
                "connections": round(servers * measured["connections_per_server"]),
                "core_hours_a_month": core_hours,
                "price_a_month": round(core_hours * assumed.price),
                **_bottleneck(limits, assumed),
            }
        )
    return rows


def training(measured: Mapping[str, Any], assumed: Assumed) -> list[dict[str, Any]]:
    """Train one network in so many processes, each with a machine of its own.

    A step computes 1/N as long, and exchanges the gradient once around the ring (2 (N - 1) / N times its bytes, N - 1
    messages each way) and the statistics of each BatchNorm layer forward and backward.
    """
    alone = measured["processes"]["1"]
    exchanges = measured["processes"]["2"]["exchanges_a_step"]
    rows = []
    for size in (1, 2, 4, 8, 16, 64):
        ring_s = 2 * (size - 1) / size * alone["bytes_a_step"] * 8 / (assumed.network_gbit * 1e9)
        waits_s = (exchanges - 1) * 2 * math.ceil(math.log2(size)) * assumed.latency_us * 1e-6
        messages_s = 2 * (size - 1) * assumed.latency_us * 1e-6
        step_s = alone["step_ms"] / 1000 / size + (ring_s + waits_s + messages_s if size > 1 else 0)
        rows.append(
            {
                "processes": size,
                "ms_a_step": round(1000 * step_s, 2),
                "times_as_fast": round(alone["step_ms"] / 1000 / step_s, 1),
                "of_linear": round(alone["step_ms"] / 1000 / step_s / size, 2),
            }
        )
    return rows


def _bottleneck(limits: Mapping[str, float], assumed: Assumed) -> dict[str, Any]:
    """The resource that is used most, and how much of it; it is the bottleneck beyond `busy`."""
    name = max(limits, key=lambda each: limits[each])
    share = limits[name]
    return {"next_limit": name, "used": round(share, 2), "is_bottleneck": "yes" if share > assumed.busy else ""}


def _shown(name: str, rows: Sequence[Mapping[str, Any]]) -> str:
    """A table for docs/scale.md."""
    columns = list(rows[0])
    lines = [f"{name}:", "| " + " | ".join(columns) + " |", "|" + "---|" * len(columns)]
    lines += [
        "| " + " | ".join(f"{row[c]:,}" if not isinstance(row[c], str) else row[c] for c in columns) + " |"
        for row in rows
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
