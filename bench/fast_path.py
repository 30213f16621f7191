"""Measure what the fast path of /predict saves: processor time of a request with it, and through Flask.

    python bench/fast_path.py [--pairs 20] [--requests 100] [--results DIR]

Calls the WSGI application in this process with a drawing of 280x280 pixels as
JSON, as the page sends it.  `?steps=0` is the default, but no request of the fast
path: the same reply comes from Flask.  Both are measured in turn.
"""

from __future__ import annotations

import argparse
import io
import statistics
import tempfile
import time
from pathlib import Path

import msgspec
import numpy as np
from flask import Flask
from werkzeug.test import EnvironBuilder, run_wsgi_app

from measuring import RESULTS, machine, write_result
from mnist_classifier.core.settings import Settings
from mnist_classifier.recognition.imaging.decode import encode_png, to_data_url
from mnist_classifier.web.app import create_app
from mnist_classifier.web.services.services import EXTENSION

WARM_UP = 50  # requests


def main() -> None:
    """Measure, print, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=20)
    parser.add_argument("--requests", type=int, default=100, help="requests in each half of a pair")
    parser.add_argument("--results", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    where = machine()
    with tempfile.TemporaryDirectory() as home:
        app = create_app(Settings(home=Path(home), access_log="off"))
        try:
            pairs = measure(app, arguments.pairs, arguments.requests)
        finally:
            app.extensions[EXTENSION].close()
    ratios = statistics.quantiles([flask / fast for fast, flask in pairs], n=4)
    result = {
        "machine": where,
        "pairs": arguments.pairs,
        "requests": arguments.requests,
        "fast_us": round(statistics.median(fast for fast, _ in pairs)),
        "flask_us": round(statistics.median(flask for _, flask in pairs)),
        "ratio_quartiles": [round(ratio, 2) for ratio in ratios],
    }
    write_result("fast_path", result, folder=arguments.results)


def measure(app: Flask, pairs: int, requests: int) -> list[tuple[float, float]]:
    """Microseconds of a request, with the fast path and through Flask, in turn."""
    pixels = np.full((280, 280), 255, np.uint8)
    pixels[60:80, 90:190] = pixels[80:220, 130:150] = 0  # a T
    body = msgspec.json.encode({"image": to_data_url(encode_png(pixels))})
    for query in ("", "steps=0"):
        request_us(app, query, body, WARM_UP)
    return [(request_us(app, "", body, requests), request_us(app, "steps=0", body, requests)) for _ in range(pairs)]


def request_us(app: Flask, query: str, body: bytes, requests: int) -> float:
    """Mean processor time of a request, in microseconds."""
    environ = EnvironBuilder("/predict", query_string=query, method="POST", data=body, content_type="application/json")
    template = environ.get_environ()
    started = time.process_time()
    for _ in range(requests):
        _, status, _ = run_wsgi_app(app.wsgi_app, {**template, "wsgi.input": io.BytesIO(body)}, buffered=True)
        assert status == "200 OK", status
    return (time.process_time() - started) / requests * 1e6


if __name__ == "__main__":
    main()
