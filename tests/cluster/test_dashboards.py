"""The dashboard and the alerts, asked of a real Prometheus that scrapes a real server."""

from __future__ import annotations

import contextlib
import http.client
import json
import math
import re
import subprocess
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.checkout import ROOT
from tests.cluster import tools
from tests.processes import free_port, wait_for_port
from tests.web.routes.test_predict import png
from tests.web.server.test_server import serving, status_of

pytestmark = pytest.mark.cluster

DASHBOARD = json.loads((ROOT / "deploy" / "grafana" / "mnist-classifier.json").read_text("utf-8"))
ALERTS = ROOT / "deploy" / "prometheus" / "alerts.yaml"
HOW = "apt-get install prometheus"
JOB = "mnist-classifier"
TARGETS = [(panel["title"], target["expr"]) for panel in DASHBOARD["panels"] for target in panel.get("targets", [])]
# Words of PromQL that look like names of metrics: functions have a bracket behind them.
WORDS = {"by", "or", "and", "on", "unless", "offset"}
# Everything since the server started.
WINDOW = "5m"
Ask = Callable[[str], list[Any]]


@contextlib.contextmanager
def prometheus(folder: Path, target: str) -> Iterator[str]:
    """A Prometheus that scrapes this server every second and evaluates our rules; its address."""
    configuration = {
        "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(ALERTS)],
        "scrape_configs": [{"job_name": JOB, "static_configs": [{"targets": [target]}]}],
    }
    (folder / "prometheus.yml").write_text(json.dumps(configuration), "utf-8")  # JSON is YAML
    port = free_port()
    command = [
        tools.program("prometheus", HOW),
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'series'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--log.level=error",
    ]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        try:
            wait_for_port(port, process)
            address = f"127.0.0.1:{port}"
            while status_of(address, "/-/ready") != 200:
                time.sleep(0.05)
            yield address
        finally:
            process.kill()


def fetch(address: str, path: str, **parameters: str) -> Any:
    """The data of a reply of Prometheus' API; what it refuses is an error."""
    url = f"http://{address}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
    with urllib.request.urlopen(url, timeout=20) as reply:
        return json.load(reply)["data"]


def filled_in(expression: str) -> str:
    """A query without Grafana's variables."""
    query = expression.replace("$__rate_interval", WINDOW).replace("$job", JOB)
    assert "$" not in query, expression
    return query


def send_traffic(address: str) -> None:
    """Readings of several verdicts, pages, a wrong picture and an unknown path."""
    blank = png(np.zeros((280, 280), np.uint8))
    noise = png(np.random.default_rng(0).integers(0, 256, (280, 280), np.uint8))
    connection = http.client.HTTPConnection(address, timeout=30)
    for path, body in (("/predict", png()), ("/predict", blank), ("/predict", noise), ("/predict", b"no picture")):
        connection.request("POST", path, body, {"Content-Type": "image/png"})
        connection.getresponse().read()
    for path in ("/", "/model-status", "/nowhere"):
        connection.request("GET", path)
        connection.getresponse().read()
    connection.close()


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """The addresses of a server with some traffic, and of a Prometheus that has seen all of it."""
    folder = tmp_path_factory.mktemp("measured")
    with serving(folder / "home") as (_, server), prometheus(folder, server) as address:
        deadline = time.monotonic() + 60
        # A rate needs series that were there before, so traffic goes on until the last one has a rate.
        last = f'rate(mnist_request_duration_seconds_count{{route="none", status="4xx"}}[{WINDOW}]) > 0'
        last += f" and on () last_over_time(mnist:drift_ink[{WINDOW}])"
        while not fetch(address, "query", query=last)["result"]:
            send_traffic(server)
            assert time.monotonic() < deadline, fetch(address, "targets")["activeTargets"]
            time.sleep(0.2)
        yield server, address


@pytest.fixture
def ask(measured: tuple[str, str]) -> Ask:
    """Evaluates a query and returns its series."""
    return lambda query: list(fetch(measured[1], "query", query=query)["result"])


def test_every_query_of_the_dashboard_gives_figures(ask: Ask) -> None:
    deadline = time.monotonic() + 30  # on a busy machine a scrape may fail, and the series end until the next one
    empty = TARGETS
    while empty and time.monotonic() < deadline:
        empty = [(title, expression) for title, expression in empty if not has_figures(ask(filled_in(expression)))]
    assert not empty
    assert len(TARGETS) >= 20


def has_figures(result: list[Any]) -> bool:
    """Whether any series of a result is a finite number."""
    return any(math.isfinite(float(series["value"][1])) for series in result)


def names_of(query: str) -> set[str]:
    """The metrics that a query names."""
    bare = re.sub(r"\"[^\"]*\"|\{[^}]*\}|\[[^\]]*\]|\b(?:by|on) \([^)]*\)", "", query)
    return set(re.findall(r"\b[a-z_][a-z0-9_:]*\b(?!\s*\()", bare)) - WORDS


def test_no_query_names_an_unknown_metric(measured: tuple[str, str]) -> None:
    known = set(fetch(measured[1], "label/__name__/values"))
    for title, expression in TARGETS:
        assert names_of(filled_in(expression)), title
        assert names_of(filled_in(expression)) <= known, title
    assert names_of('sum by (le) (rate(mnist_typo{a="b"}[5m])) or vector(0)') == {"mnist_typo"}


def test_the_rules_name_known_metrics_and_record_drift(measured: tuple[str, str], ask: Ask) -> None:
    known = set(fetch(measured[1], "label/__name__/values"))
    rules = fetch(measured[1], "rules")["groups"][0]["rules"]
    recorded = {rule["name"] for rule in rules if rule["type"] == "recording"}
    for rule in rules:
        assert rule["health"] != "err", rule
        assert names_of(re.sub(r"\s(1h|1w|5m)\b", "", rule["query"])) <= known | recorded, rule["name"]
    assert {series["metric"]["version"] for series in ask("last_over_time(mnist:drift_ink[5m])")} == {"0"}


def test_the_panels_of_the_dashboard_do_not_overlap() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        columns = range(place["x"], place["x"] + place["w"])
        cells = {(x, place["y"] + row) for x in columns for row in range(place["h"])}
        assert not cells & taken, panel["title"]
        assert columns.stop <= 24
        taken |= cells
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])


def test_the_panels_ask_the_data_source_that_the_reader_chooses() -> None:
    (source, job) = DASHBOARD["templating"]["list"]
    assert (source["type"], source["name"]) == ("datasource", "datasource")
    assert job["definition"] == "label_values(mnist_model_info, job)"
    for panel in DASHBOARD["panels"]:
        assert all(target["datasource"]["uid"] == "${datasource}" for target in panel.get("targets", []))
        assert panel["type"] == "row" or panel["description"], panel["title"]


def test_the_alerts_ring_when_they_should() -> None:
    tests = ALERTS.with_name("alerts_test.yaml")
    checked = subprocess.run(
        [tools.program("promtool", HOW), "test", "rules", tests.name],
        cwd=tests.parent, capture_output=True, encoding="utf-8", check=False,
    )  # fmt: skip
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_every_alert_has_a_test() -> None:
    alerts = set(re.findall(r"- alert: (\w+)", ALERTS.read_text("utf-8")))
    text = ALERTS.with_name("alerts_test.yaml").read_text("utf-8")
    tested = set(re.findall(r"alertname: (\w+)\n\s+exp_alerts", text))
    assert tested == alerts
