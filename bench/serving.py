"""Measure the speed and memory of the server, and of other servers with the same network.

    python bench/serving.py [--repeats 3] [--seconds 5] [--peers all] [--peers-venv FOLDER]
    python bench/serving.py --quick

Needs Linux and the load generator wrk.  Each round starts our server and the peers of bench/peers/serving one after
another, checks their answers, measures and stops them.  The table has the medians of the rounds, and counts every
status of 400 or more and every broken connection.  bench/load/pictures.py describes the pictures.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from load.application import training
from load.contestants import OURS, PEERS, Contestant, ask, install_peers, ours, serving, why_not
from load.figures import DIFFERENT, Figures, median_of, table
from load.pictures import as_idx, as_json, as_lists, as_npy, grey_png, rgba_png, soft_png, test_images, write_bodies
from load.wrk import Load, Wrk, find
from measuring import RESULTS, load_average, machine, memory_mb, process_tree, processor_s, write_result
from mnist_classifier.data.mnist import Images

# Images in the body of a batch.
BATCH_IMAGES, BATCH_IMAGES_AS_LISTS = 10_000, 1_000
BATCH_ROUTE = "/api/predict/batch"
MANY = 16


@dataclass(frozen=True)
class Plan:
    """Length and number of the measurements."""

    seconds: float
    repeats: int
    with_training: bool


def main() -> None:
    """Measure, print, write JSON."""
    options = parse()
    find()
    peers = [peer for peer in PEERS if peer.name in options.peers]
    remarks = {peer.name: why_not(peer) for peer in peers if why_not(peer)}
    peers = [peer for peer in peers if peer.name not in remarks]
    programs = install_peers(options.peers_venv) if peers else None
    contestants = [ours(options.workers), *peers]
    plan = Plan(options.seconds, options.repeats, options.training)
    facts = machine()
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(test_images(DIFFERENT), Path(folder), plan)
        rounds = bench.measure(contestants, programs, remarks)
    medians = {name: median_of(figures) for name, figures in rounds.items() if figures}
    result = {
        "machine": facts | {"load_after": load_average()},
        "quick": options.quick,
        "seconds": plan.seconds,
        "repeats": plan.repeats,
        "settings": {each.name: each.note for each in contestants},
        "medians": medians,
        "rounds": rounds,
        "remarks": remarks,
    }
    name = "serving_quick" if options.quick else "serving"
    write_result(name, result, table=table(result), folder=options.results)


def parse() -> argparse.Namespace:
    """The options, with those of `--quick` filled in."""
    names = [peer.name for peer in PEERS]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, help="of each measurement; 5")
    parser.add_argument("--repeats", type=int, help="rounds; 3")
    parser.add_argument("--workers", type=int, default=2, help="processes of our server; 2")
    parser.add_argument("--peers", default="all", help=f"all, none, or some of {','.join(names)}")
    parser.add_argument("--peers-venv", type=Path, default=RESULTS / "peers-venv", help="their virtual environment")
    parser.add_argument("--no-training", dest="training", action="store_false", help="leave out what needs PyTorch")
    parser.add_argument("--quick", action="store_true", help="one round of a second each; no figures to tell anybody")
    parser.add_argument("--results", type=Path, default=RESULTS)
    options = parser.parse_args()
    options.seconds = options.seconds or (1 if options.quick else 5)
    options.repeats = options.repeats or (1 if options.quick else 3)
    options.peers = {"all": names, "none": []}.get(options.peers) or [
        n for n in options.peers.split(",") if n != "none"
    ]
    if unknown := set(options.peers) - set(names):
        parser.error(f"there are no peers {', '.join(sorted(unknown))}; there are {', '.join(names)}")
    if sys.platform != "linux":
        parser.error("this measurement needs Linux: it reads memory from /proc")
    return options


class Bench:
    """The pictures, and the measurements with them."""

    def __init__(self, images: Images, folder: Path, plan: Plan) -> None:
        self._plan = plan
        self._labels = [int(label) for label in images.labels]
        self._bodies = {
            "grey": [as_json(grey_png(image)) for image in images.images],
            "rgba": [as_json(rgba_png(image)) for image in images.images],
            "soft": [as_json(soft_png(image)) for image in images.images],
            "glyph": [image.tobytes() for image in images.images],
        }
        self._folders = {kind: write_bodies(folder / kind, bodies) for kind, bodies in self._bodies.items()}
        many = test_images(BATCH_IMAGES).images
        self._batches = {
            "npy": (as_npy(many), BATCH_IMAGES, "application/x-npy"),
            "idx": (as_idx(many), BATCH_IMAGES, "application/octet-stream"),
            "lists": (as_lists(many[:BATCH_IMAGES_AS_LISTS]), BATCH_IMAGES_AS_LISTS, "application/json"),
        }

    def measure(
        self, contestants: list[Contestant], programs: Path | None, remarks: dict[str, str]
    ) -> dict[str, list[Figures]]:
        """Run all rounds.  A server that fails to start is left out from then on, with a remark."""
        rounds: dict[str, list[Figures]] = {each.name: [] for each in contestants}
        for number in range(self._plan.repeats):
            for contestant in contestants:
                if contestant.name in remarks:
                    continue
                say(f"round {number + 1}, {contestant.name}, load average {load_average()}")
                try:
                    with serving(contestant, programs, self._bodies["grey"][0]) as server:
                        rounds[contestant.name].append(self._round(server, remarks))
                except SystemExit as error:
                    if contestant.name == OURS:
                        raise
                    remarks[contestant.name] = str(error).strip()
        return rounds

    def _round(self, server: serving, remarks: dict[str, str]) -> Figures:
        path = server.contestant.path
        figures: Figures = {"first_answer_s": server.first_answer_s, "failures": 0}
        for kind in ("grey", "rgba"):
            figures[f"right_{kind}"] = self._right(server, kind)
        for kind in ("grey", "rgba"):
            for connections in (1, MANY):
                used_s = total_processor_s(server)
                load = self._load(figures, Wrk(server.address, path, self._folders[kind]), connections)
                prefix = f"{kind}_{connections}"
                figures[f"{prefix}_processor_ms"] = (total_processor_s(server) - used_s) / load.requests * 1000
                figures |= {f"{prefix}_p50_ms": load.p50_ms, f"{prefix}_p99_ms": load.p99_ms}
                figures[f"{prefix}_per_s"] = load.requests_per_s
        soft = Wrk(server.address, path, self._folders["soft"])
        figures["soft_16_per_s"] = self._load(figures, soft, MANY).requests_per_s
        memory = [each for each in map(memory_mb, process_tree(server.pid)) if each is not None]
        figures |= {"memory_mb": sum(memory), "memory_largest_mb": max(memory, default=0)}
        if server.contestant.name == OURS:
            self._own(server, figures, remarks)
        return figures

    def _own(self, server: serving, figures: Figures, remarks: dict[str, str]) -> None:
        """Measure the routes that peers do not have."""
        raw = Wrk(server.address, "/predict", self._folders["glyph"], "application/octet-stream")
        if answers(server, "/predict", self._bodies["glyph"][0], "application/octet-stream", remarks):
            figures["glyph_16_per_s"] = self._load(figures, raw, MANY).requests_per_s
        for kind, (body, count, content_type) in self._batches.items():
            if answers(server, BATCH_ROUTE, body, content_type, remarks):
                done, seconds = self._batch(server, body, content_type)
                figures["failures"] += done[False]
                figures[f"batch_{kind}_images_per_s"] = done[True] * count / seconds
        if self._plan.with_training:
            with training(server.address):
                for connections in (1, MANY):
                    load = self._load(figures, Wrk(server.address, "/predict", self._folders["grey"]), connections)
                    idle_ms = figures[f"grey_{connections}_p99_ms"]
                    figures[f"training_{connections}_p99_times"] = load.p99_ms / idle_ms

    def _batch(self, server: serving, body: bytes, content_type: str) -> tuple[Counter[bool], float]:
        """Let two clients send batches; returns successes and failures, and the seconds until the last.

        wrk does not count a batch that is unfinished when the time is over.
        """
        started = time.perf_counter()

        def send() -> Counter[bool]:
            done = Counter[bool]()
            while time.perf_counter() - started < self._plan.seconds:
                done[ask(server.address, BATCH_ROUTE, body, content_type)[0] == 200] += 1
            return done

        with ThreadPoolExecutor(2) as clients:
            first, second = clients.submit(send), clients.submit(send)
            done = first.result() + second.result()
        return done, time.perf_counter() - started

    def _load(self, figures: Figures, wrk: Wrk, connections: int) -> Load:
        load = wrk.run(connections, self._plan.seconds)
        figures["failures"] += load.failures
        return load

    def _right(self, server: serving, kind: str) -> int:
        """How many pictures are read right."""
        right = 0
        for body, label in zip(self._bodies[kind], self._labels, strict=True):
            status, reply = ask(server.address, server.contestant.path, body)
            if status != 200:
                raise SystemExit(f"{server.contestant.name} answers {status}: {reply[:500].decode(errors='replace')}")
            right += json.loads(reply)["prediction"] == label
        return right


def total_processor_s(server: serving) -> float:
    """Processor time of a server and its children, which depends little on the load of the machine."""
    return sum(map(processor_s, process_tree(server.pid)))


def answers(server: serving, path: str, body: bytes, content_type: str, remarks: dict[str, str]) -> bool:
    """Whether a route accepts such a body.  If not, a remark explains the missing row."""
    status, reply = ask(server.address, path, body, content_type)
    if status != 200:
        remarks[f"{path} {content_type}"] = f"left out: {status} {reply[:200].decode(errors='replace').strip()}"
    return status == 200


def say(text: str) -> None:
    """Print progress to standard error."""
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
