"""Requests to our server beside the load: trainings and the status."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from load.contestants import ask

# What a training is given to be in full swing, and to end when it is told to.
TRAINING_TIMEOUT_S = 120


@contextmanager
def training(address: str, **config: Any) -> Iterator[int]:
    """Start a training with POST /retrain and wait until it runs; yields its number, and cancels it at the end."""
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


def wait_for(condition: Callable[[], bool], what: str, timeout_s: float = TRAINING_TIMEOUT_S) -> None:
    """Poll until a condition holds.  Raises SystemExit if it takes too long."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            raise SystemExit(f"waited {timeout_s:g} s in vain: {what}")
        time.sleep(0.2)
