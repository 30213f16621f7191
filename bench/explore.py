"""Measure the response times of the requests of the exploration page.

    python bench/explore.py [--images N]

Starts the real server in its own process.  The first requests load the MNIST files and let the model read the
whole split.  Then N test images are explained one after another, and N pages of the list are requested.
"""

from __future__ import annotations

import argparse
import statistics
import time
from typing import Any

import requests

from measuring import machine, running_server, tree_memory_mb, write_result


def main() -> None:
    """Measure, print, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=100)
    count = parser.parse_args().images
    result: dict[str, Any] = {"machine": machine(), "images": count}
    server = running_server()
    with server as address, requests.Session() as session:

        def ask(path: str) -> float:
            started = time.perf_counter()
            reply = session.get(f"{address}api/explore/{path}")
            reply.raise_for_status()
            return (time.perf_counter() - started) * 1000

        ask("../../model-status")
        result["memory_before_mb"] = tree_memory_mb(server.pid)
        result["first_summary_ms"] = round(ask("summary"), 1)
        result["first_image_ms"] = round(ask("images/test/0"), 1)
        result["first_validation_summary_ms"] = round(ask("summary?split=validation"), 1)
        for name, paths in {
            "summary": ["summary"] * count,
            "page_of_images": [f"images?show=uncertain&offset={24 * page}" for page in range(count)],
            "image": [f"images/test/{index}" for index in range(count)],
        }.items():
            times_ms = sorted(ask(path) for path in paths)
            result[f"{name}_p50_ms"] = round(statistics.median(times_ms), 1)
            result[f"{name}_p95_ms"] = round(times_ms[int(0.95 * (count - 1))], 1)
        result["memory_after_mb"] = tree_memory_mb(server.pid)
    write_result("explore", result)


if __name__ == "__main__":
    main()
