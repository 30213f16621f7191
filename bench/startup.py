"""Measure how soon the application answers, and how much memory it holds.

    python bench/startup.py [--trials N]

Starts `python app.py` in an empty MNIST_HOME and waits for the first answer
of /predict.  Memory is the resident set of the process after 200 predictions.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from pathlib import Path

import numpy as np
import requests

from measuring import machine, running_server, write_result
from mnist_classifier.decode import encode_png


def main() -> None:
    """Measure, print, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=5)
    options = parser.parse_args()
    pixels = np.zeros((280, 280), np.uint8)
    pixels[40:240, 130:150] = 255
    seconds, memory_mb = [], []
    for _ in range(options.trials):
        started = time.perf_counter()
        server = running_server()
        with server as address, requests.Session() as session:
            post(session, address, encode_png(pixels))
            seconds.append(time.perf_counter() - started)
            for _ in range(200):
                post(session, address, encode_png(pixels))
            if sys.platform == "linux":
                memory_mb.append(resident_mb(server.pid))
    result = {
        "machine": machine(),
        "trials": options.trials,
        "first_answer_s_median": round(statistics.median(seconds), 2),
        "resident_mb_median": statistics.median(memory_mb) if memory_mb else None,
    }
    write_result("startup", result)


def post(session: requests.Session, address: str, png: bytes) -> None:
    """Ask for one reading."""
    session.post(address + "predict", data=png, headers={"Content-Type": "image/png"}).raise_for_status()


def resident_mb(pid: int) -> float:
    """Resident memory of a process (Linux)."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return round(pages * 4096 / 1e6, 1)


if __name__ == "__main__":
    main()
