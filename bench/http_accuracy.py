"""Check that the HTTP path reads MNIST exactly as the network reads the arrays.

    python bench/http_accuracy.py [--images N]

Starts the real server in its own process, posts every test image to /predict as a base64 PNG, as the page does,
and compares each answer with that of the network for the array.  Prints both accuracies and the latency.
"""

from __future__ import annotations

import argparse
import base64
import json
import statistics
import time
from typing import Any

import numpy as np
import requests

from measuring import machine, running_server, write_result
from mnist_classifier.core.settings import PRETRAINED_DIR, Settings
from mnist_classifier.data import mnist
from mnist_classifier.recognition.imaging.decode import encode_png
from mnist_classifier.recognition.recogniser import Recogniser


def main() -> None:
    """Measure, print, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=10_000)
    count = parser.parse_args().images
    test = mnist.load(Settings.from_environment().data_dirs(), mnist.TEST)
    images, labels = test.images[:count], test.labels[:count]
    recogniser = Recogniser.open(PRETRAINED_DIR)
    # A refused image has no prediction, here and through HTTP.
    expected = np.array([recogniser.judge(opinion).prediction for opinion in recogniser.opinions(images)])
    answers, times_ms = [], []
    with running_server() as address, requests.Session() as session:
        for image in images:
            body = json.dumps({"image": base64.b64encode(encode_png(image)).decode()})
            started = time.perf_counter()
            reply = session.post(address + "predict", data=body, headers={"Content-Type": "application/json"})
            times_ms.append((time.perf_counter() - started) * 1000)
            answers.append(reply.json()["prediction"])
    found = np.array(answers)
    result: dict[str, Any] = {
        "machine": machine(),
        "images": len(images),
        "right_from_arrays": int((expected == labels).sum()),
        "right_through_http": int((found == labels).sum()),
        "answers_that_differ": int((found != expected).sum()),
        "p50_ms": round(statistics.median(times_ms), 3),
        "p99_ms": round(float(np.quantile(times_ms, 0.99)), 3),
    }
    write_result("http_accuracy", result)


if __name__ == "__main__":
    main()
