"""Hold the server under load, with everything that goes wrong at the same time, and see what it does to good requests.

    python bench/soak.py [--seconds 600] [--slow-clients 100]
    python bench/soak.py --quick

Linux, with wrk.  Sixteen connections send drawings as fast as they are
answered; two send bodies that must be refused, so that about one request in
ten is rubbish; others send what is no HTTP, or hang up; a hundred open a
connection and send a byte a second, or nothing.  Meanwhile a training runs
that POST /retrain started, another model version is put into production and
rolled back, and one careful client checks that its drawings are read right.

Exit status 1, and what was found, where a good request was not answered with
200 and the right digit, memory or descriptors grew, or rubbish was answered
with anything but 4xx.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np

from kill_trials import MANIFEST, url_of, write_files
from load.application import model_status, training, wait_for
from load.contestants import ask, ours, serving
from load.nuisance import Background, BrokenClients, SlowClients, bad_bodies
from load.pictures import as_json, grey_png, rgba_png, test_images, write_bodies
from load.watching import CarefulClient, Samples, open_descriptors
from load.wrk import Load, Wrk, find
from measuring import RESULTS, load_average, machine, process_tree, write_result
from mnist_classifier.registry import Registry
from mnist_classifier.store import Store

DIFFERENT = 200
GOOD_CONNECTIONS, BAD_CONNECTIONS = 16, 2
# A second network that was loaded and dropped leaves some MB in pieces, and Python's memory moves by some more when
# it is not growing; a leak of a kilobyte in each of a million requests would be a thousand.
MOST_GROWTH_MB, MOST_SLOPE_MB_PER_MINUTE = 30.0, 2.0
# Shorter runs say nothing about the slope.
LONG_ENOUGH_S = 300
MOST_DESCRIPTORS_LEFT = 4
# What is left when all have hung up is counted after so long at most.
SETTLING_S = 30


def main() -> None:
    """Soak, print, write JSON; exit status 1 where something was found."""
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
    parser.add_argument("--workers", type=int, default=2, help="processes that serve; 2")
    parser.add_argument("--quick", action="store_true", help="25 s: whether it works at all")
    parser.add_argument("--results", type=Path, default=RESULTS)
    options = parser.parse_args()
    options.seconds = options.seconds or (25 if options.quick else 600)
    if sys.platform != "linux":
        parser.error("this measurement needs Linux: it reads memory and descriptors from /proc")
    return options


def soak(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Everything at once; returns what to report."""
    images = test_images(DIFFERENT)
    bodies = [as_json(picture(image)) for image in images.images for picture in (grey_png, rgba_png)]
    labels = [int(label) for label in images.labels for _ in range(2)]
    with serving(ours(options.workers), None, bodies[0]) as server:
        add_version(server.home)
        # Those that are read wrong without any load say nothing about it.
        pictures = [
            (body, label) for body, label in zip(bodies, labels, strict=True) if prediction(server, body) == label
        ]
        pids = process_tree(server.pid)
        before = open_descriptors(pids)
        careful, samples = CarefulClient(server.address, pictures), Samples(pids)
        slow, broken = SlowClients(server.address, options.slow_clients), BrokenClients(server.address)
        good = Wrk(server.address, "/predict", write_bodies(folder / "good", bodies))
        bad = Wrk(server.address, "/predict", write_bodies(folder / "bad", bad_bodies(images.images[0])))
        loads = [
            good.start(GOOD_CONNECTIONS, options.seconds),
            bad.start(BAD_CONNECTIONS, options.seconds, counts_statuses=True),
        ]
        with background(careful, samples, slow, broken):
            events = happenings(server, options.seconds)
            good_load, bad_load = (load.wait() for load in loads)
        slow.close()
        left = settle(pids, before)
    result = {
        "seconds": options.seconds,
        "good": vars(good_load),
        "careful": {
            "statuses": dict(careful.statuses),
            "wrong": careful.wrong,
            "versions": dict(careful.versions),
            "p50_ms": round(statistics.median(careful.times_ms), 2),
            "p99_ms": round(float(np.quantile(careful.times_ms, 0.99)), 2),
        },
        "bad": vars(bad_load),
        "bad_share": round(bad_load.requests / (bad_load.requests + good_load.requests), 3),
        "broken": dict(broken.counts),
        "slow": {"clients": options.slow_clients, **slow.counts},
        "events": events,
        "processes": dict(zip(map(str, pids), samples.growth(), strict=True)),
        "memory": samples.memory_mb,
        "descriptors": {"before": before, "most": max(samples.descriptors), "after": left},
    }
    return result | {"violations": violations(result, good_load, bad_load)}


@contextmanager
def background(*actors: Any) -> Iterator[None]:
    """All of them take their turns meanwhile."""
    with ExitStack() as stack:
        for actor in actors:
            thread = Background(actor.turn)
            thread.start()
            stack.callback(thread.stop)
        yield


def happenings(server: serving, seconds: float) -> dict[str, Any]:
    """A training from a tenth of the time on, a promotion at 0.4 and a rollback at 0.6, as the page asks for them."""
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
        wait_until(0.4)
        post("/api/models/1/promote")
        wait_until(0.6)
        post("/api/models/rollback")
        wait_until(0.9)
        events["training"]["status"] = (model_status(server.address)["training"] or {"status": "ended"})["status"]
    return events


def add_version(home: Path) -> None:
    """Another version to promote: the network of the model in the box once more."""
    store = Store(url_of(home))
    Registry(home / "models", store).save(MANIFEST, write_files)
    store.close()


def prediction(server: serving, body: bytes) -> int | None:
    """What the server reads."""
    found: int | None = json.loads(ask(server.address, "/predict", body)[1])["prediction"]
    return found


def settle(pids: list[int], before: int) -> int:
    """Descriptors that are left when all clients have gone."""
    with suppress(SystemExit):
        wait_for(lambda: open_descriptors(pids) <= before + MOST_DESCRIPTORS_LEFT, "descriptors", SETTLING_S)
    return open_descriptors(pids)


def violations(result: dict[str, Any], good: Load, bad: Load) -> list[str]:
    """What must not have happened."""
    return [*wrong_answers(result, good, bad), *wrong_states(result)]


def wrong_answers(result: dict[str, Any], good: Load, bad: Load) -> Iterator[str]:
    """Of those, what clients noticed."""
    careful = result["careful"]
    if good.failures:
        yield f"{good.refused} good requests were refused, {good.broken} broke off"
    if set(careful["statuses"]) != {"200"} or careful["wrong"]:
        yield f"the careful client got {careful['statuses']}, {careful['wrong']} of them wrong"
    if bad.broken or not all(400 <= status < 500 for status in bad.statuses):
        yield f"rubbish was answered with {bad.statuses}; {bad.broken} connections broke"
    if not {"0", "1"} <= set(careful["versions"]):
        yield f"not both versions answered: {careful['versions']}"
    for path in ("/api/models/1/promote", "/api/models/rollback"):
        if result["events"][path]["status"] != 200:
            yield f"{path} failed: {result['events'][path]}"


def wrong_states(result: dict[str, Any]) -> Iterator[str]:
    """Of those, what the processes kept."""
    for pid, figures in result["processes"].items():
        if figures["growth_mb"] > MOST_GROWTH_MB:
            yield f"process {pid} grew by {figures['growth_mb']} MB"
        if result["seconds"] >= LONG_ENOUGH_S and figures["slope_mb_per_minute"] > MOST_SLOPE_MB_PER_MINUTE:
            yield f"process {pid} grows by {figures['slope_mb_per_minute']} MB a minute"
    counts = result["descriptors"]
    if counts["after"] > counts["before"] + MOST_DESCRIPTORS_LEFT:
        yield f"{counts['after'] - counts['before']} descriptors were left open"


def table(result: dict[str, Any]) -> str:
    """The result in Markdown."""
    good, careful, bad, counts = (result[key] for key in ("good", "careful", "bad", "descriptors"))
    quick = " (quick: no figures to tell anybody)" if result["quick"] else ""
    rows = {
        "good requests": f"{good['requests']:,}, {good['requests_per_s']:,.0f}/s",
        "... refused, broken off": f"{good['refused']}, {good['broken']}",
        "... p50, p99 (ms)": f"{good['p50_ms']:.1f}, {good['p99_ms']:.1f}",
        "careful client: statuses, wrong answers": f"{careful['statuses']}, {careful['wrong']}",
        "... its p50, p99 (ms)": f"{careful['p50_ms']:.1f}, {careful['p99_ms']:.1f}",
        "... answered by version": careful["versions"],
        "rubbish": f"{bad['requests']:,} ({result['bad_share']:.1%}): {bad['statuses']}",
        "no HTTP": result["broken"],
        "slow clients": result["slow"],
        "events": result["events"],
        "descriptors before, at most, after": f"{counts['before']}, {counts['most']}, {counts['after']}",
    }
    for pid, each in result["processes"].items():
        rows[f"process {pid}: MB warm, at the end, at most; MB a minute"] = (
            f"{each['warm_mb']}, {each['end_mb']}, {each['most_mb']}; {each['slope_mb_per_minute']:+}"
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


if __name__ == "__main__":
    main()
