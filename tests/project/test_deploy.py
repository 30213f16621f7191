"""The files of deploy/: images, systemd unit, nginx."""

from __future__ import annotations

import dataclasses
import http.client
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path, PurePosixPath

import pytest

from mnist_classifier.cli import main as cli
from mnist_classifier.cli import serve
from mnist_classifier.core.records import Run
from mnist_classifier.core.settings import Settings
from mnist_classifier.core.train_config import TrainConfig
from mnist_classifier.runs.run_log import Runs
from tests.checkout import ROOT
from tests.processes import free_port, wait_for_port
from tests.project.test_packaging import PROJECT, PYTHONS
from tests.web.routes.test_predict import png
from tests.web.server.test_server import serving

DEPLOY = ROOT / "deploy"
CONTAINERFILES = sorted(DEPLOY.glob("Containerfile*"))
UNIT = DEPLOY / "mnist-classifier.service"

Instruction = tuple[str, str]


# --- images ---------------------------------------------------------------------------------------------


def instructions(path: Path) -> list[Instruction]:
    """Name and arguments of each line of a Containerfile."""
    text = re.sub(r"^#.*\n", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE).replace("\\\n", " ")
    return [(line.split()[0], line.split(maxsplit=1)[1]) for line in text.splitlines() if line.strip()]


def last_stage(path: Path) -> list[Instruction]:
    """What the image itself is made by."""
    found = instructions(path)
    start = max(number for number, (name, _) in enumerate(found) if name == "FROM")
    return found[start:]


def sent_to_the_builder() -> set[str]:
    """The first parts of the paths that .dockerignore lets through."""
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert "*" in lines
    return {line[1:] for line in lines if line.startswith("!")}


both = pytest.mark.parametrize("path", CONTAINERFILES, ids=lambda path: path.name)


@both
def test_an_image_is_made_of_files_that_exist_and_are_sent(path: Path) -> None:
    copied = [arguments.split()[:-1] for name, arguments in instructions(path) if name == "COPY"]
    sources = {source for part in copied for source in part if not part[0].startswith("--from")}
    assert {"src", "pyproject.toml", "requirements.txt"} <= sources
    assert sources <= sent_to_the_builder()
    assert all((ROOT / source).exists() for source in sources)
    # Whatever the build of the wheel names must be there too.
    assert {"README.md", *PROJECT["license-files"]} <= sources


@both
def test_an_image_starts_from_an_exact_python_that_we_test(path: Path) -> None:
    assert {arguments.split()[0] for name, arguments in instructions(path) if name == "FROM"} == {"${BASE}"}
    name, _, base = dict(instructions(path)[:1])["ARG"].partition("=")
    assert name == "BASE"
    found = re.fullmatch(r"python:(3\.\d+)-slim-\w+", base)
    assert found, base
    assert found[1] in PYTHONS


@both
def test_an_image_runs_as_nobody_in_particular_and_writes_to_its_volume_alone(path: Path) -> None:
    stage = last_stage(path)
    environment = dict(pair.split("=", 1) for name, line in stage if name == "ENV" for pair in line.split())
    (user,) = [arguments for name, arguments in stage if name == "USER"]
    (volume,) = [arguments for name, arguments in stage if name == "VOLUME"]
    assert re.fullmatch(r"[1-9]\d+:[1-9]\d+", user), "orchestrators check a number only"
    assert environment["MNIST_HOME"] == environment["HOME"] == volume
    assert PurePosixPath(environment["XDG_CACHE_HOME"]).is_relative_to(volume)
    assert environment["PYTHONDONTWRITEBYTECODE"] == "1"
    known = {f"MNIST_{spec.name.upper()}" for spec in dataclasses.fields(Settings)}
    assert {name for name in environment if name.startswith("MNIST_")} <= known
    exposed = [arguments for name, arguments in stage if name == "EXPOSE"]
    assert exposed == [environment["MNIST_PORT"]]


@both
def test_an_image_starts_a_command_that_there_is_and_tells_its_health(path: Path) -> None:
    stage = dict(last_stage(path))
    assert json.loads(stage["ENTRYPOINT"]) == list(PROJECT["scripts"])
    (command,) = json.loads(stage["CMD"])
    assert command in cli.COMMANDS
    health = json.loads(stage["HEALTHCHECK"].partition("CMD ")[2])
    asked = health[-1].replace(":5000/", f":{free_port()}/")
    assert asked != health[-1]
    assert subprocess.run([sys.executable, "-c", asked], capture_output=True).returncode != 0


def test_the_documents_build_images_with_extras_that_there_are() -> None:
    texts = [path.read_text("utf-8") for path in (DEPLOY / "Containerfile", ROOT / "docs" / "deploy.md")]
    named = {extra for text in texts for extras in re.findall(r"EXTRAS=([\w,-]+)", text) for extra in extras.split(",")}
    assert named
    assert named <= PROJECT["optional-dependencies"].keys()


def test_the_pins_of_the_slim_image_are_those_of_the_application() -> None:
    text = (ROOT / "requirements.txt").read_text(encoding="utf-8")
    assert "'/^# training/,$d'" in (DEPLOY / "Containerfile").read_text(encoding="utf-8")
    serving_pins, training_pins = re.split(r"^# training.*$", text, flags=re.MULTILINE)
    pinned = set(re.findall(r"^([a-z0-9-]+)==", serving_pins, re.MULTILINE))
    assert {re.split(r"[<>=]", wanted)[0] for wanted in PROJECT["dependencies"]} <= pinned
    assert not {"torch", "onnx", "safetensors", "sympy"} & pinned
    assert "torch==" in training_pins


@pytest.mark.skipif(os.name == "nt", reason="a shell script")
def test_the_checks_of_a_commit_say_at_once_that_they_need_root() -> None:
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    start = script[: script.index("timed() {")].replace('"$(dirname "$0")/.."', "/")
    as_nobody = {"user": 65534, "group": 65534, "extra_groups": []} if os.geteuid() == 0 else {}
    done = subprocess.run(["bash", "-c", start], capture_output=True, encoding="utf-8", **as_nobody)  # type: ignore[call-overload]
    assert done.returncode == 1
    assert "needs root" in done.stderr


# --- systemd --------------------------------------------------------------------------------------------


def test_the_unit_names_settings_and_options_that_there_are() -> None:
    text = UNIT.read_text(encoding="utf-8")
    (command,) = re.findall(r"^ExecStart=\S+/mnist (.*)$", text, re.MULTILINE)
    assert command.split()[0] in cli.COMMANDS
    options = {option for parameter in serve.serve.params for option in parameter.opts}
    assert {word for word in command.split() if word.startswith("--")} <= options
    assert re.search(r"^StateDirectory=mnist-classifier$", text, re.MULTILINE)
    assert "MNIST_HOME=/var/lib/mnist-classifier" in text


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")
def test_systemd_takes_the_unit_and_finds_it_hardened(tmp_path: Path) -> None:
    text = UNIT.read_text(encoding="utf-8").replace("/opt/mnist-classifier/bin/mnist", "/bin/true")
    copy = tmp_path / UNIT.name
    copy.write_text(text, encoding="utf-8")
    checked = subprocess.run(["systemd-analyze", "verify", str(copy)], capture_output=True, encoding="utf-8")
    assert (checked.returncode, UNIT.name in checked.stderr) == (0, False), checked.stderr
    # 10 is no protection at all, 9.6 what a unit has that says nothing.
    rated = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--threshold=20", str(copy)],
        capture_output=True, encoding="utf-8",
    )  # fmt: skip
    assert rated.returncode == 0, rated.stdout[-500:]


# --- nginx ----------------------------------------------------------------------------------------------


@contextmanager
def nginx_before(address: str, folder: Path, path: str = "/") -> Iterator[str]:
    """deploy/nginx.conf in front of a server, which answers below `path`; its address."""
    port = free_port()
    site = (DEPLOY / "nginx.conf").read_text(encoding="utf-8")
    site = site.replace("127.0.0.1:5000", address).replace("listen 80", f"listen 127.0.0.1:{port}")
    site = site.replace("location / {", f"location {path} {{")
    temporary = "\n".join(
        f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    # As root its workers would be somebody else, who may not enter the test's folder.
    user = "user root;" if os.geteuid() == 0 else ""
    logs = f"pid {folder}/pid; error_log {folder}/error.log;"
    main = f"{user} {logs} events {{}} http {{ access_log off; {temporary}\n{site} }}"
    (folder / "nginx.conf").write_text(main, encoding="utf-8")
    process = subprocess.Popen(
        ["nginx", "-c", str(folder / "nginx.conf"), "-g", "daemon off;"],
        stderr=subprocess.PIPE,
        env={**os.environ, "PATH": f"{os.environ['PATH']}:/usr/sbin"},
    )
    try:
        wait_for_port(port, process)
        yield f"127.0.0.1:{port}"
    finally:
        process.terminate()
        process.communicate(timeout=10)


def ask(address: str, method: str, path: str, body: bytes = b"", **headers: str) -> tuple[int, bytes]:
    with closing(http.client.HTTPConnection(address, timeout=20)) as connection:
        connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
        with connection.getresponse() as reply:
            return reply.status, reply.read()


has_nginx = os.name != "nt" and shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin") is not None
needs_nginx = pytest.mark.skipif(not has_nginx and os.environ.get("CI") != "true", reason="needs nginx")


@pytest.fixture
def run(settings: Settings, runs: Runs) -> Run:
    """A run that this very process seems to train, in the installation of the server."""
    run = runs.create(TrainConfig())
    runs.start(run.id, pid=os.getpid())
    return run


@pytest.mark.slow
@needs_nginx
def test_behind_nginx_everything_goes_and_nothing_is_held_back(settings: Settings, run: Run, tmp_path: Path) -> None:
    with (
        serving(settings.home, MNIST_ALLOWED_HOSTS="digits.example.org") as (_, server),
        nginx_before(server, tmp_path) as address,
    ):
        status, body = ask(address, "POST", "/predict", png(), Content_Type="image/png")
        assert (status, json.loads(body)["prediction"]) == (200, 7)
        # What is too large ends at nginx, in the shape of the application's errors.
        status, body = ask(address, "POST", "/predict", bytes(10_000_001), Content_Type="image/png")
        assert (status, json.loads(body)["error"]["code"]) == (413, "request_too_large")
        # The largest that passes is read by the application, and refused by it.
        status, body = ask(address, "POST", "/predict", bytes(10_000_000), Content_Type="image/png")
        assert (status, json.loads(body)["error"]["code"]) == (400, "invalid_image")
        # A browser's own page may, a foreign one may not, whatever is forwarded.
        path, host = f"/api/runs/{run.id}/resume", "digits.example.org"
        assert ask(address, "POST", path, Host=host, Origin=f"https://{host}")[0] == 409
        assert (
            ask(address, "POST", path, Host=host, Origin="https://evil.example", X_Forwarded_Host="evil.example")[0]
            == 403
        )
        with closing(http.client.HTTPConnection(address, timeout=20)) as connection:
            connection.request("GET", f"/api/runs/{run.id}/stream")
            with connection.getresponse() as stream:  # a proxy that buffers would keep this back
                assert stream.readline().startswith(b"retry:")

    with nginx_before("127.0.0.1:9", tmp_path) as address:  # nobody is there
        status, body = ask(address, "GET", "/")
        assert (status, json.loads(body)["error"]["code"]) == (502, "unavailable")


@needs_nginx
def test_nginx_limits_the_requests_of_an_address_but_not_the_files_of_pages(tmp_path: Path) -> None:
    with nginx_before("127.0.0.1:9", tmp_path, "/digits/") as address:  # nobody is there: what passes gets 502
        files = [ask(address, "GET", f"/digits/static/js/{number}.js")[0] for number in range(300)]
        assert set(files) == {502}
        assert 429 in (ask(address, "GET", "/digits/api/runs")[0] for _ in range(5000))


@pytest.mark.slow
@needs_nginx
def test_behind_nginx_the_application_lives_under_a_path(
    settings: Settings, runs: Runs, run: Run, tmp_path: Path
) -> None:
    runs.enqueue(TrainConfig())
    with (
        serving(settings.home, MNIST_ROOT_PATH="/digits/", MNIST_CORS_ORIGINS="https://app.example") as (_, server),
        nginx_before(server, tmp_path, "/digits/") as address,
    ):
        for path in ("", "mnist", "training", "models", "explore", "docs", "static/style.css", "static/js/pad/pad.js"):
            assert ask(address, "GET", f"/digits/{path}")[0] == 200, path
        assert ask(address, "GET", "/models")[0] == 404  # that is not ours
        status, body = ask(address, "POST", "/digits/predict", png(), Content_Type="image/png")
        assert (status, json.loads(body)["prediction"]) == (200, 7)
        link = json.loads(ask(address, "GET", "/digits/api/runs?limit=1")[1])["next"]
        assert json.loads(ask(address, "GET", link)[1])["runs"][0]["run_id"] == run.id
        own = {"Origin": f"http://{address}"}
        assert ask(address, "POST", f"/digits/api/runs/{run.id}/resume", **own)[0] == 409
        with closing(http.client.HTTPConnection(address, timeout=20)) as connection:
            connection.request("GET", f"/digits/api/runs/{run.id}/stream")
            with connection.getresponse() as stream:
                assert stream.readline().startswith(b"retry:")
        with closing(http.client.HTTPConnection(address, timeout=20)) as connection:
            connection.request("GET", "/digits/api//runs")
            with connection.getresponse() as redirect:
                assert redirect.headers["Location"] in (None, "/digits/api/runs")  # nginx may merge slashes itself
            connection.request(
                "OPTIONS",
                "/digits/predict",
                headers={"Origin": "https://app.example", "Access-Control-Request-Method": "POST"},
            )
            with connection.getresponse() as allowed:
                assert allowed.headers["Access-Control-Allow-Origin"] == "https://app.example"
        assert ask(server, "GET", "/healthz")[0] == 200  # a probe past the proxy
