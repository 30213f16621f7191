"""Measure how long a server takes to list, filter and add corrections when it has many.

    python bench/corrections.py [--corrections 10000] [--requests 50]

The application answers in this process, through all of its layers but the network.  Each correction has the picture
of a canvas, as the home page sends it; 30 writers, every label, one contradiction in a hundred.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from flask.testing import FlaskClient

from measuring import RESULTS, machine, write_result
from mnist_classifier.core.settings import Settings
from mnist_classifier.learning.corrections import Corrections, NewCorrection
from mnist_classifier.learning.pictures import small_png
from mnist_classifier.web.app import create_app
from mnist_classifier.web.services.services import EXTENSION, Services

WRITERS, BATCH = 30, 1000
QUERIES = {
    "all": "",
    "a label": "label=7",
    "a writer": "writer=writer+3",
    "label and writer": "label=7&writer=writer+3",
    "a source": "source=page",
    "contradictions": "contradictions=1",
    "the last page": "after=150",
    "nothing found": "writer=nobody",
}


def main() -> None:
    """Fill the database, measure, print, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--corrections", type=int, default=10_000)
    parser.add_argument("--requests", type=int, default=50)
    parser.add_argument("--results", type=Path, default=RESULTS)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        result = measure(Path(home), options.corrections, options.requests)
    rows = [f"{'':18} {'median ms':>10} {'slowest ms':>10}"]
    rows += [f"{name:18} {row['median_ms']:10} {row['slowest_ms']:10}" for name, row in result["requests"].items()]
    write_result("corrections", result, table="\n".join(rows), folder=options.results)


def measure(home: Path, count: int, requests: int) -> dict[str, Any]:
    """The times of each kind of request."""
    facts = machine()
    app = create_app(Settings(home=home))
    services: Services = app.extensions[EXTENSION]
    started = time.perf_counter()
    fill(services.corrections, count)
    filled_s = time.perf_counter() - started
    client = app.test_client()
    times = {name: timed(partial(ask, client, query), requests) for name, query in QUERIES.items()}
    chance = np.random.default_rng(1)
    times["add one"] = timed(partial(add, client, chance), requests)
    services.close()
    megabytes = sum(path.stat().st_size for path in home.glob("mnist.db*")) / 1e6
    return {
        "machine": facts,
        "corrections": count,
        "filled_s": round(filled_s, 1),
        "database_mb": round(megabytes, 1),
        "requests": times,
    }


def fill(corrections: Corrections, count: int) -> None:
    """Store so many corrections; the first and last of each hundred have the same glyph and other labels."""
    chance = np.random.default_rng(0)
    pictures = [small_png(drawing(chance)) for _ in range(50)]
    first = np.zeros((28, 28), np.uint8)
    for begin in range(0, count, BATCH):
        batch = []
        for number in range(begin, min(count, begin + BATCH)):
            glyph = chance.integers(0, 256, (28, 28)).astype(np.uint8) if number % 100 != 99 else first
            first = glyph if number % 100 == 0 else first
            reading = {"prediction": 7, "confidence": 0.9, "verdict": "digit", "not_a_digit": 0.01}
            batch.append(
                NewCorrection(
                    glyph,
                    number % 11,
                    ("page", "api")[number % 2],
                    f"writer {number % WRITERS}",
                    pictures[number % 50],
                    reading=reading,
                    model_version=0,
                )
            )
        corrections.add_many(batch)


def drawing(chance: np.random.Generator) -> np.ndarray:
    """A canvas with a stroke of a soft pen."""
    canvas = np.zeros((280, 280), np.uint8)
    for place in np.cumsum(chance.integers(-4, 5, (400, 2)), axis=0) + 140:
        row, column = np.clip(place, 10, 260)
        canvas[row : row + 12, column : column + 12] = chance.integers(150, 256)
    return canvas


def ask(client: FlaskClient, query: str) -> None:
    """Get one page of a hundred."""
    assert client.get(f"/api/corrections?{query}").status_code == 200


def add(client: FlaskClient, chance: np.random.Generator) -> None:
    """Store one correction of a glyph."""
    pixels = chance.integers(0, 256, 784).tolist()
    assert client.post("/api/corrections", json={"glyph": pixels, "label": 7}).status_code == 201


def timed(request: Callable[[], None], times: int) -> dict[str, float]:
    """Median and slowest of so many requests, after one that is not counted."""
    request()
    found = []
    for _ in range(times):
        started = time.perf_counter()
        request()
        found.append((time.perf_counter() - started) * 1000)
    return {"median_ms": round(statistics.median(found), 1), "slowest_ms": round(max(found), 1)}


if __name__ == "__main__":
    main()
