"""Two hosts on this machine: network namespaces with addresses of their own, joined by a virtual cable.

    with two_hosts() as (first, second):
        with second.python("-m", "http.server", "8000") as process: ...
        first.run(sys.executable, "-c", ...)  # reaches http://10.203.x.2:8000

They need root (CAP_NET_ADMIN) and iproute2, so tests that use them are skipped elsewhere, but never with CI=true.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Host:
    """A network namespace and its address on the cable."""

    name: str
    address: str

    def command(self, *words: str) -> list[str]:
        """The command line that runs a command on this host."""
        return ["ip", "netns", "exec", self.name, *words]

    def run(self, *words: str, **options: Any) -> subprocess.CompletedProcess[str]:
        """Run a command on this host to its end."""
        return subprocess.run(self.command(*words), encoding="utf-8", capture_output=True, check=True, **options)

    @contextlib.contextmanager
    def python(self, *arguments: str, environment: Mapping[str, str] | None = None) -> Iterator[subprocess.Popen[str]]:
        """A Python process on this host, in a group of its own; all of the group is killed at the end."""
        command = self.command(sys.executable, *arguments)
        pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "encoding": "utf-8"}
        with subprocess.Popen(
            command, env={**os.environ, **(environment or {})}, start_new_session=True, **pipes
        ) as it:
            try:
                yield it
            finally:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(it.pid, 9)

    def cut_off(self) -> None:
        """Pull the cable: nothing reaches this host or leaves it any more."""
        self.run("ip", "link", "set", "cable", "down")

    def reconnect(self) -> None:
        """Plug the cable in again."""
        self.run("ip", "link", "set", "cable", "up")


def can_make_hosts() -> bool:
    """Whether this process may create network namespaces."""
    if os.name == "nt" or os.geteuid() != 0 or shutil.which("ip") is None:
        return False
    probe = f"mnist-probe-{os.getpid()}"
    made = subprocess.run(["ip", "netns", "add", probe], capture_output=True, check=False).returncode == 0
    if made:
        subprocess.run(["ip", "netns", "delete", probe], check=False)
    return made


@contextlib.contextmanager
def two_hosts() -> Iterator[tuple[Host, Host]]:
    """Two hosts that reach each other and nothing else."""
    number = os.getpid() % 250 + 1
    hosts = tuple(Host(f"mnist-{os.getpid()}-{end}", f"10.203.{number}.{end}") for end in (1, 2))
    try:
        for host in hosts:
            _ip("netns", "add", host.name)
        _ip("link", "add", "cable", "netns", hosts[0].name, "type", "veth", "peer", "cable", "netns", hosts[1].name)
        for host in hosts:
            for link, address in (("lo", None), ("cable", f"{host.address}/24")):
                if address:
                    _ip("-n", host.name, "address", "add", address, "dev", link)
                _ip("-n", host.name, "link", "set", link, "up")
        yield hosts[0], hosts[1]
    finally:
        for host in hosts:
            _end_processes(host)
            subprocess.run(["ip", "netns", "delete", host.name], capture_output=True, check=False)


def _end_processes(host: Host) -> None:
    """Kill what still runs on a host, because a namespace lives as long as its processes."""
    listed = subprocess.run(["ip", "netns", "pids", host.name], capture_output=True, encoding="utf-8", check=False)
    for process in listed.stdout.split():
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(process), 9)


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], capture_output=True, check=True)
