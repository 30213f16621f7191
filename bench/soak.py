"""Soak test: load the server, attack it and let things fail, and check that good requests still succeed.

    python bench/soak.py [--seconds 600] [--slow-clients 100]
    python bench/soak.py --quick

Needs Linux and wrk.  Sixteen connections send drawings as fast as possible.  Two send invalid bodies, about one
request in ten.  Others send invalid HTTP or hang up.  A hundred connections send one byte a second, or nothing.  Forty
request live streams and exports and never read.  One client sends hostile pictures, strokes and archives
(load/garbage.py), another sends without end (load/attackers.py).

Meanwhile a training runs, a model version is promoted and rolled back, a server process is killed three times, and one
careful client checks that its drawings are read right.

The exit status is 1, with the reasons, if load/verdict.py finds a fault.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from kill_trials import MANIFEST, url_of, write_files
from load.application import model_status, training, wait_for
from load.attackers import EndlessClient, HostileClient, Killer, SlowReaders
from load.contestants import ask, ours, serving
from load.garbage import Hostile, hostile_requests
from load.nuisance import Background, BrokenClients, SlowClients, bad_bodies
from load.pictures import as_json, grey_png, rgba_png, test_images, write_bodies
from load.verdict import BAD_CONNECTIONS, GOOD_CONNECTIONS, MOST_DESCRIPTORS_LEFT, violations
from load.watching import CarefulClient, Samples, open_descriptors, server_processes
from load.wrk import Wrk, find
from measuring import RESULTS, load_average, machine, write_result
from mnist_classifier.core.database import Store
from mnist_classifier.registry.versions import Registry

DIFFERENT = 200
# Longest wait until open descriptors are counted after all clients have gone.
SETTLING_S = 30


def main() -> None:
    """Soak, print, write JSON; the exit status is 1 if a fault was found."""
    options = parse()
    find()
    facts = machine()
    with tempfile.TemporaryDirectory() as folder:
        result = soak(Path(folder), options)
    result = {"machine": facts | {"load_after": load_average()}, "quick": options.quick, **result}
    name = "soak_quick" if options.quick else "soak"
    write_result(name, result, table=table(result), folder=options.results)
    raise SystemExit(bool(result["violations"]))


def parse() -> argparse.Namespace:
    """The options."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, help="how long; 600")
    parser.add_argument("--slow-clients", type=int, default=100)
    parser.add_argument("--workers", type=int, default=2, help="server processes, at least 2 since some are killed; 2")
    parser.add_argument("--quick", action="store_true", help="25 s: whether it works at all")
    parser.add_argument("--results", type=Path, default=RESULTS)
    options = parser.parse_args()
    options.seconds = options.seconds or (25 if options.quick else 600)
    if options.workers < 2:
        parser.error("--workers must be at least 2: server processes are killed meanwhile")
    if sys.platform != "linux":
        parser.error("this measurement needs Linux: it reads memory and descriptors from /proc")
    return options


def soak(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Run everything at once; returns the results."""
    images = test_images(DIFFERENT)
    bodies = [as_json(picture(image)) for image in images.images for picture in (grey_png, rgba_png)]
    labels = [int(label) for label in images.labels for _ in range(2)]
    attacks = list(hostile_requests(grey_png(images.images[0])))
    with serving(ours(options.workers), None, bodies[0]) as server:
        add_version(server.home)
        # Drawings that are read wrong without load are left out.
        pictures = [
            (body, label) for body, label in zip(bodies, labels, strict=True) if prediction(server, body) == label
        ]
        before = open_descriptors([server.pid, *server_processes(server.pid)])
        cast = Cast(server, pictures, attacks, options)
        good = Wrk(server.address, "/predict", write_bodies(folder / "good", bodies))
        bad = Wrk(server.address, "/predict", write_bodies(folder / "bad", bad_bodies(images.images[0])))
        loads = [
            good.start(GOOD_CONNECTIONS, options.seconds),
            bad.start(BAD_CONNECTIONS, options.seconds, counts_statuses=True),
        ]
        with background(*cast.actors):
            events = happenings(server, cast, options.seconds)
            good_load, bad_load = (load.wait() for load in loads)
        cast.close()
        left = settle(server.pid, before)
        log = (server.home / "log.txt").read_text(errors="replace")
    result = {
        "seconds": options.seconds,
        "good": vars(good_load),
        "bad": vars(bad_load),
        "bad_share": round(bad_load.requests / (bad_load.requests + good_load.requests), 3),
        "slow": {"clients": options.slow_clients, **cast.slow.counts},
        "events": events,
        "descriptors": {"before": before, "most": max(cast.samples.descriptors), "after": left},
        "replaced": log.count("; restarting it") + log.count("; replacing it"),
        "tracebacks": [part[:2000] for part in log.split("Traceback")[1:]],
        **cast.figures(),
    }
    return result | {"violations": violations(result)}


class Cast:
    """All clients beside the load generators."""

    def __init__(
        self, server: serving, pictures: list[tuple[bytes, int]], attacks: list[Hostile], options: argparse.Namespace
    ) -> None:
        self.careful, self.samples = CarefulClient(server.address, pictures), Samples(server.pid)
        self.slow, self.broken = SlowClients(server.address, options.slow_clients), BrokenClients(server.address)
        self.hostile, self.endless = HostileClient(server.address, attacks), EndlessClient(server.address)
        self.readers, self.killer = SlowReaders(server.address), Killer(server.pid, options.workers)
        self.actors = (
            *(self.careful, self.samples, self.slow, self.broken),
            *(self.hostile, self.endless, self.readers),
        )

    def close(self) -> None:
        """Close all connections that are held open."""
        self.slow.close()
        self.readers.close()

    def figures(self) -> dict[str, Any]:
        """The results of all clients."""
        careful = self.careful
        return {
            "careful": {
                "statuses": dict(careful.statuses),
                "wrong": careful.wrong,
                "resent": careful.resent,
                "versions": dict(careful.versions),
                "p50_ms": round(statistics.median(careful.times_ms), 2),
                "p99_ms": round(float(np.quantile(careful.times_ms, 0.99)), 2),
            },
            "broken": dict(self.broken.counts),
            "hostile": {name: dict(counts) for name, counts in self.hostile.statuses.items()},
            "hostile_slowest_s": {name: round(seconds, 2) for name, seconds in self.hostile.slowest_s.items()},
            "endless": {name: dict(counts) for name, counts in self.endless.outcomes.items()},
            "slow_readers": self.readers.opened,
            "killed": len(self.killer.killed),
            "processes": {str(pid): figures for pid, figures in self.samples.growth().items()},
            "memory": {str(pid): rows for pid, rows in self.samples.rows.items()},
        }


@contextmanager
def background(*actors: Any) -> Iterator[None]:
    """Run all clients in the background."""
    with ExitStack() as stack:
        for actor in actors:
            thread = Background(actor.turn)
            thread.start()
            stack.callback(thread.stop)
        yield


def happenings(server: serving, cast: Cast, seconds: float) -> dict[str, Any]:
    """Start a training after a tenth of the time, promote at 0.4, roll back at 0.6, and kill in between."""
    started = time.monotonic()
    events: dict[str, Any] = {}

    def wait_until(part: float) -> None:
        time.sleep(max(0.0, started + part * seconds - time.monotonic()))

    def post(path: str) -> None:
        status, reply = ask(server.address, path, b"{}")
        events[path] = {"status": status, "at_s": round(time.monotonic() - started, 1)}
        if status != 200:
            events[path]["reply"] = reply.decode(errors="replace")[:300]

    wait_until(0.1)
    with training(server.address) as run_id:
        events["training"] = {"run_id": run_id, "at_s": round(time.monotonic() - started, 1)}
        for part, step in (
            (0.3, cast.killer.kill_one),
            (0.4, partial(post, "/api/models/1/promote")),
            (0.5, cast.killer.kill_one),
            (0.6, partial(wait_for, lambda: cast.careful.versions["1"] > 0, "the promoted version answers")),
            (0.6, partial(post, "/api/models/rollback")),
            (0.7, cast.killer.kill_one),
        ):
            wait_until(part)
            step()
        wait_until(0.9)
        events["training"]["status"] = (model_status(server.address)["training"] or {"status": "ended"})["status"]
    return events


def add_version(home: Path) -> None:
    """Save a copy of the model in the box as another version to promote."""
    store = Store(url_of(home))
    Registry(home / "models", store).save(MANIFEST, write_files)
    store.close()


def prediction(server: serving, body: bytes) -> int | None:
    """The prediction of the server."""
    found: int | None = json.loads(ask(server.address, "/predict", body)[1])["prediction"]
    return found


def settle(watcher: int, before: int) -> int:
    """Open descriptors after all clients have gone."""

    def count() -> int:
        return open_descriptors([watcher, *server_processes(watcher)])

    with suppress(SystemExit):
        wait_for(lambda: count() <= before + MOST_DESCRIPTORS_LEFT, "descriptors", SETTLING_S)
    return count()


def table(result: dict[str, Any]) -> str:
    """The result in Markdown."""
    good, careful, bad, counts = (result[key] for key in ("good", "careful", "bad", "descriptors"))
    quick = " (quick: no figures to tell anybody)" if result["quick"] else ""
    rows = {
        "good requests": f"{good['requests']:,}, {good['requests_per_s']:,.0f}/s",
        "... refused, broken off": f"{good['refused']}, {good['broken']}",
        "... p50, p99 (ms)": f"{good['p50_ms']:.1f}, {good['p99_ms']:.1f}",
        "careful client: statuses, wrong answers, sent twice": (
            f"{careful['statuses']}, {careful['wrong']}, {careful['resent']}"
        ),
        "... its p50, p99 (ms)": f"{careful['p50_ms']:.1f}, {careful['p99_ms']:.1f}",
        "... answered by version": careful["versions"],
        "rubbish": f"{bad['requests']:,} ({result['bad_share']:.1%}): {bad['statuses']}",
        "no HTTP": result["broken"],
        "slow clients": result["slow"],
        "hostile bodies": _together(result["hostile"]),
        "... the slowest (s)": max(result["hostile_slowest_s"].items(), key=lambda each: each[1], default="none"),
        "endless connections": _together(result["endless"]),
        "readers that do not read": result["slow_readers"],
        "server processes killed, replaced": f"{result['killed']}, {result['replaced']}",
        "events": result["events"],
        "descriptors before, at most, after": f"{counts['before']}, {counts['most']}, {counts['after']}",
    }
    for pid, each in result["processes"].items():
        rows[f"process {pid}, {each['seconds']:.0f} s: MB warm, at the end, at most; MB a minute"] = (
            f"{each['warm_mb']}, {each['end_mb']}, {each['peak_mb']}; {each['slope_mb_per_minute']:+}"
        )
    lines = [
        f"{result['machine']['processor']}, {result['machine']['cores']} cores, {result['seconds']:g} s, "
        f"load average {result['machine']['load_before']} before, {result['machine']['load_after']} after{quick}",
        "",
        "| measure | |",
        "|---|---|",
        *(f"| {name} | {value} |" for name, value in rows.items()),
        "",
        *(f"VIOLATION: {each}" for each in result["violations"]),
    ]
    return "\n".join(lines).rstrip()


def _together(outcomes: dict[str, dict[str, int]]) -> dict[str, int]:
    """The outcomes of all attacks together."""
    return dict(sum(map(Counter, outcomes.values()), Counter()))


if __name__ == "__main__":
    main()
