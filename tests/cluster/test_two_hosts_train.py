"""One training on two hosts, each with a folder of its own."""

from __future__ import annotations

import os
import signal
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from mnist_classifier.core.database import Store
from mnist_classifier.core.records import RunStatus
from mnist_classifier.core.settings import Settings
from mnist_classifier.data import mnist
from mnist_classifier.runs.run_log import Runs
from tests.cluster.torchrun import environment, ranks, train_command
from tests.hosts import Host, can_make_hosts, two_hosts
from tests.runs.test_jobs import wait_until

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.mnist,
    pytest.mark.skipif(
        not can_make_hosts() and os.environ.get("CI") != "true", reason="needs root, to make network namespaces"
    ),
]
WAIT_S = 300


def arguments(host: Host, first: Host) -> list[str]:
    """The command of one host; both have the same, but for their own address."""
    return train_command(
        *("--nnodes=2", "--nproc-per-node=1", "--max-restarts=3", f"--local-addr={host.address}"),
        *("--rdzv-backend=c10d", "--rdzv-id=two-hosts", f"--rdzv-endpoint={first.address}:29400"),
        f"--rdzv-conf=is_host={host is first}",
        epochs=6,
        train_images=1500,
    )


def test_two_hosts_train_one_network_and_replace_a_killed_process(
    settings: Settings, mnist_dirs: list[Path], tmp_path: Path
):
    data = mnist.find(mnist_dirs, mnist.TRAIN)
    homes = [replace(settings, data_dir=data), Settings(home=tmp_path / "second", data_dir=data)]
    homes[1].home.mkdir()
    cable = {"GLOO_SOCKET_IFNAME": "cable"}
    with two_hosts() as (first, second), closing(Store(settings.resolved_database_url)) as store:
        runs = Runs(store, settings.claims_dir)
        with (
            first.python(*arguments(first, first), environment={**environment(homes[0]), **cable}) as leading,
            second.python(*arguments(second, first), environment={**environment(homes[1]), **cable}) as helping,
        ):
            wait_until(lambda: runs.last_event(1, "epoch") is not None)
            os.kill(ranks(homes[1])[1], signal.SIGKILL)
            outputs = [process.communicate(timeout=WAIT_S)[0] for process in (leading, helping)]
        assert (leading.returncode, helping.returncode) == (0, 0), "\n".join(outputs)
        (run,) = runs.recent()
        epochs = [event.data["epoch"] for event in runs.events(run.id, kinds=("epoch",))]
    assert run.status is RunStatus.SUCCEEDED
    assert run.environment is not None
    assert run.environment["processes"] == 2
    assert epochs == [1, 2, 3, 4, 5, 6]
    assert list(homes[1].home.iterdir()) == [], "only the host of the first process keeps anything"
