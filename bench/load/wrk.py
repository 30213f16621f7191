"""The load generator wrk, with a script that sends many different bodies.

apt-get install wrk
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

# A request that takes longer counts as failed.
TIMEOUT_S = 10

# Arguments: path, content type, folder of the bodies, their number, and whether to count each status, which costs time.
SCRIPT = """
local requests, turn, threads = {}, 0, {}
statuses = ""
function setup(thread) table.insert(threads, thread) end
function init(arguments)
  local path, content_type, folder, count, counts = unpack(arguments)
  for number = 1, tonumber(count) do
    local file = assert(io.open(folder .. "/" .. number, "rb"))
    requests[number] = wrk.format("POST", path, {["Content-Type"] = content_type}, file:read("*a"))
    file:close()
  end
  if counts == "yes" then
    local seen = {}
    response = function(status)
      seen[status] = (seen[status] or 0) + 1
      local words = {}
      for each, times in pairs(seen) do table.insert(words, each .. "=" .. times) end
      statuses = table.concat(words, ",")
    end
  end
end
function request()
  turn = turn % #requests + 1
  return requests[turn]
end
function done(summary, latency)
  local e = summary.errors
  io.write(string.format("RESULT %d %d %.3f %.3f %d %d\\n", summary.requests, summary.duration,
    latency:percentile(50) / 1000, latency:percentile(99) / 1000,
    e.status, e.connect + e.read + e.write + e.timeout))
  for _, thread in ipairs(threads) do io.write("STATUSES " .. thread:get("statuses") .. "\\n") end
end
"""
RESULT = re.compile(r"RESULT (\d+) (\d+) ([\d.]+) ([\d.]+) (\d+) (\d+)")


@dataclass(frozen=True)
class Load:
    """The result of a run; `refused` counts statuses from 400 on, `broken` connections that failed or timed out."""

    requests: int
    requests_per_s: float
    p50_ms: float
    p99_ms: float
    refused: int
    broken: int
    statuses: dict[int, int]

    @property
    def failures(self) -> int:
        """How many requests failed."""
        return self.refused + self.broken


class Wrk:
    """A run of the load generator: `run`, or `start` and then `wait`."""

    def __init__(self, address: str, path: str, bodies: Path, content_type: str = "application/json") -> None:
        self._address = address
        self._arguments = [path, content_type, str(bodies), str(len(list(bodies.iterdir())))]

    def run(self, connections: int, seconds: float) -> Load:
        """Load a server for some seconds."""
        return self.start(connections, seconds).wait()

    def start(self, connections: int, seconds: float, *, counts_statuses: bool = False) -> Running:
        """Start a load in the background."""
        program = find()
        script = tempfile.NamedTemporaryFile("w", suffix=".lua")  # noqa: SIM115 - closed when the run is over
        script.write(SCRIPT)
        script.flush()
        command = [program, "-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s", f"--timeout={TIMEOUT_S}s"]
        command += ["-s", script.name, self._address, "--", *self._arguments, "yes" if counts_statuses else "no"]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        return Running(process, script)


class Running:
    """A run in progress."""

    def __init__(self, process: subprocess.Popen[str], script: tempfile._TemporaryFileWrapper[str]) -> None:
        self._process = process
        self._script = script

    def wait(self) -> Load:
        """Wait for the end; returns the result."""
        said, _ = self._process.communicate()
        self._script.close()
        found = RESULT.search(said)
        if found is None:
            raise SystemExit(f"wrk failed: {said.strip()}")
        requests, microseconds = int(found[1]), int(found[2])
        statuses: Counter[int] = Counter()
        for line in re.findall(r"STATUSES (\S+)", said):
            statuses.update({int(status): int(times) for status, times in re.findall(r"(\d+)=(\d+)", line)})
        return Load(
            requests=requests,
            requests_per_s=round(requests / microseconds * 1e6, 1),
            p50_ms=float(found[3]),
            p99_ms=float(found[4]),
            refused=int(found[5]),
            broken=int(found[6]),
            statuses=dict(sorted(statuses.items())),
        )


def find() -> str:
    """The path of wrk.  Raises SystemExit if it is not installed."""
    found = shutil.which("wrk")
    if found is None:
        raise SystemExit("the load generator wrk is not here; on Debian and Ubuntu: apt-get install wrk")
    return found
