"""Two real servers on one MNIST_HOME: they share its queue and its models."""

from __future__ import annotations

import http.client
import json
import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from mnist_classifier.core.database import Store
from mnist_classifier.core.records import RunStatus
from mnist_classifier.core.settings import Settings
from mnist_classifier.registry.aliases import PRODUCTION
from mnist_classifier.registry.versions import Registry
from mnist_classifier.runs.run_log import Runs
from tests import versions
from tests.runs.test_jobs import LONG, QUICK, wait_for, wait_for_epoch, wait_until, with_mnist
from tests.runs.test_liveness import no_worker_is_left, worker_of, workers
from tests.web.server.test_server import serving, serving_processes

__all__ = ["no_worker_is_left", "with_mnist"]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.mnist,
    pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="looks for processes in /proc"),
]

Servers = list[tuple[Any, str]]


@pytest.fixture
def servers(with_mnist: Settings) -> Iterator[Servers]:
    environment = {"MNIST_DATA_DIR": str(with_mnist.data_dir), "MNIST_MAX_RUNS": "1"}
    with serving(with_mnist.home, **environment) as first, serving(with_mnist.home, **environment) as second:
        yield [first, second]


def post(address: str, path: str, body: object) -> tuple[int, Any]:
    with closing(http.client.HTTPConnection(address, timeout=60)) as connection:
        connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
        with connection.getresponse() as reply:
            return reply.status, json.loads(reply.read())


def test_runs_and_promotions_at_two_servers_at_once_wait_for_each_other(
    servers: Servers, with_mnist: Settings, runs: Runs, store: Store
):
    registry = Registry(with_mnist.models_dir, store)
    for _ in servers:
        versions.save(registry)

    def promote(server: int) -> list[int]:
        path = f"/api/models/{server + 1}/promote"
        return [
            post(servers[server][1], path, {"reason": f"{server}.{turn}", "confirm": True})[0] for turn in range(10)
        ]

    def train(server: int) -> list[int]:
        return [post(servers[server][1], "/api/runs", QUICK.to_dict())[0] for _ in range(2 - server)]

    with ThreadPoolExecutor(4) as pool:
        promoting, training = pool.map(promote, range(2)), pool.map(train, range(2))
        assert [list(statuses) for statuses in promoting] == [[200] * 10] * 2
        assert list(training) == [[202, 202], [202]]
    ended = [wait_for(runs, number, RunStatus.SUCCEEDED) for number in (1, 2, 3)]
    times = sorted((run.started_at, run.finished_at) for run in ended)  # type: ignore[type-var]
    assert all(before[1] <= after[0] for before, after in zip(times, times[1:], strict=False)), times
    assert sorted(run.model_version or 0 for run in ended) == [3, 4, 5]
    moves = list(reversed(registry.aliases.history(alias=PRODUCTION)))
    assert [move.previous for move in moves] == [0, *(move.version for move in moves[:-1])]
    assert registry.aliases.production() == moves[-1].version
    for server in range(2):  # each in the order in which it was asked for
        turns = [move.reason for move in moves if move.reason.startswith(f"{server}.")]
        assert turns == sorted(turns)
        assert turns


def test_a_server_that_is_killed_leaves_its_training_and_its_queue_to_the_other_one(
    servers: Servers, with_mnist: Settings, runs: Runs
):
    first, address = servers[0]
    for config in (LONG, QUICK):
        assert post(address, "/api/runs", config.to_dict())[0] == 202
    wait_for_epoch(runs, 1)
    trainer = worker_of(with_mnist)
    for pid in [first.pid, *serving_processes(first.pid)]:
        os.kill(pid, signal.SIGKILL)
    epochs = len(runs.events(1, kinds=("epoch",)))
    wait_until(lambda: len(runs.events(1, kinds=("epoch",))) > epochs + 1)
    assert workers(with_mnist) == [trainer]
    os.kill(trainer, signal.SIGKILL)
    assert "is gone" in wait_for(runs, 1, RunStatus.INTERRUPTED).message
    wait_for(runs, 2, RunStatus.SUCCEEDED)
