"""Measure how fast the server answers, what memory it holds, and how other servers do with the same network.

    python bench/serving.py [--repeats 3] [--seconds 5] [--peers all] [--peers-venv FOLDER]
    python bench/serving.py --quick

Linux, with the load generator wrk on the same machine.  Each round starts each
server, ours and the peers of bench/peers/serving, one after the other, checks
its answers, measures, and stops it; the medians of the rounds are reported.
Pictures are described in bench/load/pictures.py.  Every answer from status
400 on and every broken connection is counted, and ends up in the table.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from load.contestants import OURS, PEERS, Contestant, ask, install_peers, ours, serving, why_not
from load.pictures import as_idx, as_json, as_lists, as_npy, grey_png, rgba_png, test_images, write_bodies
from load.wrk import Load, Wrk, find
from measuring import RESULTS, load_average, machine, memory_mb, process_tree, write_result
from mnist_classifier.dataset import Images

# Bodies that take turns, so that no cache helps; images in one body of a batch.
DIFFERENT = 200
BATCH_IMAGES, BATCH_IMAGES_AS_LISTS = 10_000, 1_000
BATCH_ROUTE = "/api/predict/batch"
MANY = 16
# What a training is given to be in full swing.
TRAINING_TIMEOUT_S = 120

Figures = dict[str, float]


@dataclass(frozen=True)
class Row:
    """A row of the table: the measure, its unit and what is to be reached."""

    key: str
    label: str
    goal: str = ""
    digits: int = 2


ROWS = (
    Row("grey_1_p50_ms", "grey canvas, 1 connection: p50 (ms)", "<= 0.6"),
    Row("grey_1_p99_ms", "... p99 (ms)", "<= 2"),
    Row("rgba_1_p50_ms", "RGBA canvas, 1 connection: p50 (ms)", "<= 0.6"),
    Row("rgba_1_p99_ms", "... p99 (ms)", "<= 2"),
    Row("grey_16_per_s", "grey canvas, 16 connections: requests/s", ">= 4,000", 0),
    Row("grey_16_p50_ms", "... p50 (ms)"),
    Row("grey_16_p99_ms", "... p99 (ms)"),
    Row("rgba_16_per_s", "RGBA canvas, 16 connections: requests/s", ">= 4,000", 0),
    Row("rgba_16_p50_ms", "... p50 (ms)"),
    Row("rgba_16_p99_ms", "... p99 (ms)"),
    Row("glyph_16_per_s", "raw glyph, 784 bytes, 16 connections: requests/s", ">= 6,000", 0),
    Row("batch_npy_images_per_s", "batch of 10,000 as .npy: images/s", ">= 40,000", 0),
    Row("batch_idx_images_per_s", "batch of 10,000 as IDX: images/s", ">= 40,000", 0),
    Row("batch_lists_images_per_s", "batch of 1,000 as JSON lists: images/s", ">= 40,000", 0),
    Row("memory_mb", "memory of all processes, PSS (MB)", "", 0),
    Row("memory_largest_mb", "memory of the largest process (MB)", "<= 150", 0),
    Row("first_answer_s", "start to first answer (s)", "<= 1"),
    Row("training_1_p99_times", "p99 while a training runs / idle, 1 connection", "<= 3", 1),
    Row("training_16_p99_times", "p99 while a training runs / idle, 16 connections", "<= 3", 1),
    Row("right_grey", f"read right of {DIFFERENT}, grey", "", 0),
    Row("right_rgba", f"read right of {DIFFERENT}, RGBA", "", 0),
    Row("failures", "requests without a good answer", "0", 0),
)


@dataclass(frozen=True)
class Plan:
    """How long and how often."""

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
    """The options, those of `--quick` filled in."""
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
    """The pictures, and what is measured with them."""

    def __init__(self, images: Images, folder: Path, plan: Plan) -> None:
        self._plan = plan
        self._labels = [int(label) for label in images.labels]
        self._bodies = {
            "grey": [as_json(grey_png(image)) for image in images.images],
            "rgba": [as_json(rgba_png(image)) for image in images.images],
            "glyph": [image.tobytes() for image in images.images],
        }
        self._folders = {kind: write_bodies(folder / kind, bodies) for kind, bodies in self._bodies.items()}
        many = test_images(BATCH_IMAGES).images
        batches = {
            "npy": (as_npy(many), BATCH_IMAGES, "application/x-npy"),
            "idx": (as_idx(many), BATCH_IMAGES, "application/octet-stream"),
            "lists": (as_lists(many[:BATCH_IMAGES_AS_LISTS]), BATCH_IMAGES_AS_LISTS, "application/json"),
        }
        self._batches = {
            kind: (write_bodies(folder / f"batch_{kind}", [body]), count, content_type)
            for kind, (body, count, content_type) in batches.items()
        }

    def measure(
        self, contestants: list[Contestant], programs: Path | None, remarks: dict[str, str]
    ) -> dict[str, list[Figures]]:
        """All rounds of everybody; who fails to start is left out from then on, with a remark."""
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
                load = self._load(figures, Wrk(server.address, path, self._folders[kind]), connections)
                prefix = f"{kind}_{connections}"
                figures |= {f"{prefix}_p50_ms": load.p50_ms, f"{prefix}_p99_ms": load.p99_ms}
                figures[f"{prefix}_per_s"] = load.requests_per_s
        memory = [each for each in map(memory_mb, process_tree(server.pid)) if each is not None]
        figures |= {"memory_mb": sum(memory), "memory_largest_mb": max(memory, default=0)}
        if server.contestant.name == OURS:
            self._own(server, figures, remarks)
        return figures

    def _own(self, server: serving, figures: Figures, remarks: dict[str, str]) -> None:
        """What the peers have nothing to set beside."""
        raw = Wrk(server.address, "/predict", self._folders["glyph"], "application/octet-stream")
        if answers(server, "/predict", self._bodies["glyph"][0], "application/octet-stream", remarks):
            figures["glyph_16_per_s"] = self._load(figures, raw, MANY).requests_per_s
        for kind, (folder, count, content_type) in self._batches.items():
            if answers(server, BATCH_ROUTE, (folder / "1").read_bytes(), content_type, remarks):
                load = self._load(figures, Wrk(server.address, BATCH_ROUTE, folder, content_type), 2)
                figures[f"batch_{kind}_images_per_s"] = load.requests_per_s * count
        if self._plan.with_training:
            with training(server.address):
                for connections in (1, MANY):
                    load = self._load(figures, Wrk(server.address, "/predict", self._folders["grey"]), connections)
                    idle_ms = figures[f"grey_{connections}_p99_ms"]
                    figures[f"training_{connections}_p99_times"] = load.p99_ms / idle_ms

    def _load(self, figures: Figures, wrk: Wrk, connections: int) -> Load:
        load = wrk.run(connections, self._plan.seconds)
        figures["failures"] += load.failures
        return load

    def _right(self, server: serving, kind: str) -> int:
        """How many of the pictures are read right."""
        right = 0
        for body, label in zip(self._bodies[kind], self._labels, strict=True):
            status, reply = ask(server.address, server.contestant.path, body)
            if status != 200:
                raise SystemExit(f"{server.contestant.name} answers {status}: {reply[:500].decode(errors='replace')}")
            right += json.loads(reply)["prediction"] == label
        return right


def answers(server: serving, path: str, body: bytes, content_type: str, remarks: dict[str, str]) -> bool:
    """Whether a route takes such a body; a remark says why its row is missing where it does not."""
    status, reply = ask(server.address, path, body, content_type)
    if status != 200:
        remarks[f"{path} {content_type}"] = f"left out: {status} {reply[:200].decode(errors='replace').strip()}"
    return status == 200


@contextmanager
def training(address: str, **config: Any) -> Iterator[int]:
    """A training as POST /retrain starts it, in full swing; it is cancelled in the end.  Yields its number."""
    status, reply = ask(address, "/retrain", json.dumps({"recipe": "classic", **config}).encode())
    if status != 202:
        raise SystemExit(f"no training starts: {status} {reply.decode(errors='replace')}")
    run = f"/api/runs/{json.loads(reply)['run_id']}"
    try:
        wait_for(lambda: (model_status(address)["training"] or {}).get("train_loss") is not None, "training begins")
        yield json.loads(reply)["run_id"]
    finally:
        ask(address, f"{run}/cancel", b"{}")
        wait_for(lambda: model_status(address)["training"] is None, "training ends")


def model_status(address: str) -> dict[str, Any]:
    """GET /model-status."""
    found: dict[str, Any] = json.loads(ask(address, "/model-status", None)[1])
    return found


def wait_for(condition: Callable[[], bool], what: str) -> None:
    """Ask until it is so.  Raises SystemExit when it takes too long."""
    deadline = time.monotonic() + TRAINING_TIMEOUT_S
    while not condition():
        if time.monotonic() > deadline:
            raise SystemExit(f"waited {TRAINING_TIMEOUT_S} s in vain: {what}")
        time.sleep(0.2)


def median_of(rounds: list[Figures]) -> Figures:
    """The median of each measure; of failures the sum."""
    keys = dict.fromkeys(key for figures in rounds for key in figures)
    found = {key: statistics.median(figures[key] for figures in rounds if key in figures) for key in keys}
    return found | {"failures": sum(figures["failures"] for figures in rounds)}


def table(result: dict[str, Any]) -> str:
    """The medians in Markdown, ready for docs/serving.md."""
    medians: dict[str, Figures] = result["medians"]
    names = list(medians)
    lines = [
        f"{result['machine']['processor']}, {result['machine']['cores']} cores, medians of {result['repeats']} x "
        f"{result['seconds']:g} s, load average {result['machine']['load_before']} before, "
        f"{result['machine']['load_after']} after"
        + (" (quick: no figures to tell anybody)" if result["quick"] else ""),
        "",
        "| " + " | ".join(["measure", "goal", *names]) + " |",
        "|---|---|" + "---:|" * len(names),
    ]
    for row in ROWS:
        if any(row.key in medians[name] for name in names):
            cells = [f"{medians[name][row.key]:,.{row.digits}f}" if row.key in medians[name] else "" for name in names]
            lines.append("| " + " | ".join([row.label, row.goal, *cells]) + " |")
    for kind in ("grey", "rgba"):
        best = max((medians[name][f"{kind}_16_per_s"] for name in names if name != OURS), default=None)
        if best:
            times = medians[OURS][f"{kind}_16_per_s"] / best
            lines.append(
                f"| {kind}, 16 connections: times the best peer | >= 5 | {times:.1f} |" + " |" * (len(names) - 1)
            )
    lines += ["", *(f"- {name}: {note}" for name, note in result["settings"].items() if name in medians)]
    lines += [f"- {name}: {remark}" for name, remark in result["remarks"].items()]
    return "\n".join(lines)


def say(text: str) -> None:
    """Tell how far it is, beside the result."""
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
