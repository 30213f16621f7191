"""The wheel, installed into an environment of its own, works from any folder, without PyTorch and the checkout."""

from __future__ import annotations

import http.client
import json
import os
import re
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from mnist_classifier.recognition.imaging.decode import encode_png
from tests.checkout import ROOT
from tests.processes import free_port

pytestmark = pytest.mark.slow

# What a server without training does not have; here it is, so it is hidden.
NOT_INSTALLED = ("torch", "onnx", "safetensors")


@dataclass(frozen=True)
class Installation:
    """A virtual environment, and a folder that has nothing to do with the repository."""

    scripts: Path
    packages: Path
    elsewhere: Path

    @property
    def environment(self) -> dict[str, str]:
        """As somebody has it who never saw the checkout."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("MNIST_", "PYTHON", "COV"))}
        folders = {name: str(self.elsewhere) for name in ("HOME", "USERPROFILE", "LOCALAPPDATA", "APPDATA")}
        return {**kept, **folders, "XDG_DATA_HOME": str(self.elsewhere / "data"), "XDG_CACHE_HOME": str(self.elsewhere)}

    def run(self, *command: str) -> str:
        """What a command of the environment prints."""
        program = str(self.scripts / command[0])
        result = subprocess.run(
            [program, *command[1:]], cwd=self.elsewhere, env=self.environment, capture_output=True, encoding="utf-8"
        )
        assert result.returncode == 0, result.stdout + result.stderr
        return result.stdout


def run_here(*arguments: str) -> None:
    result = subprocess.run([sys.executable, *arguments], cwd=ROOT, capture_output=True, encoding="utf-8")
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """The wheel without its dependencies; those of this environment are lent, so that nothing is downloaded."""
    folder = tmp_path_factory.mktemp("wheel")
    run_here("-m", "hatchling", "build", "-t", "wheel", "-d", str(folder))
    (wheel,) = folder.glob("*.whl")
    venv.create(folder / "env", with_pip=False)
    paths = sysconfig.get_paths("venv", {"base": str(folder / "env"), "platbase": str(folder / "env")})
    python = next(Path(paths["scripts"]).glob("python*"))
    run_here("-m", "pip", "--python", str(python), "install", "--no-deps", "--no-index", "--quiet", str(wheel))
    packages = Path(paths["purelib"])
    here = sysconfig.get_paths()
    (packages / "lent.pth").write_text("\n".join(dict.fromkeys((here["purelib"], here["platlib"]))), encoding="utf-8")
    for name in NOT_INSTALLED:
        (packages / f"{name}.py").write_text(f"raise ModuleNotFoundError('No module named {name}', name='{name}')\n")
    elsewhere = folder / "elsewhere"
    elsewhere.mkdir()
    return Installation(Path(paths["scripts"]), packages, elsewhere)


@pytest.fixture(scope="module")
def seven(installed: Installation) -> Path:
    pixels = np.zeros((280, 280), np.uint8)
    pixels[50:70, 80:190] = 255
    for row in range(70, 240):
        left = 170 - (row - 70) // 3
        pixels[row, left : left + 20] = 255
    path = installed.elsewhere / "seven.png"
    path.write_bytes(encode_png(pixels))
    return path


@contextmanager
def serving(installed: Installation) -> Iterator[http.client.HTTPConnection]:
    port = free_port()
    process = subprocess.Popen(
        [str(installed.scripts / "mnist"), "serve", "--port", str(port)],
        cwd=installed.elsewhere,
        env=installed.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
    )
    assert process.stdout is not None
    try:
        said = ""
        while "ready" not in said:
            line = process.stdout.readline()
            assert line, said
            said += line
        with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=20)) as connection:
            yield connection
    finally:
        process.terminate()
        process.communicate(timeout=30)


def asked(connection: http.client.HTTPConnection, path: str) -> str:
    connection.request("GET", path)
    with connection.getresponse() as reply:
        assert reply.status == 200, path
        return reply.read().decode()


def test_the_package_is_the_wheels_and_not_the_checkouts(installed: Installation) -> None:
    found = installed.run("python", "-c", "import mnist_classifier; print(mnist_classifier.__file__)")
    assert Path(found.strip()).is_relative_to(installed.packages)


def test_the_command_reads_a_file(installed: Installation, seven: Path) -> None:
    assert re.search(r"\b7\b", installed.run("mnist", "predict", seven.name))
    assert json.loads(installed.run("mnist", "predict", "--json", seven.name))["prediction"] == 7


def test_nothing_of_the_training_is_imported(installed: Installation) -> None:
    code = (
        "import sys, mnist_classifier.cli.main, mnist_classifier.web.server.server, mnist_classifier.web;"
        f"print(sorted(set({NOT_INSTALLED!r}) & set(sys.modules)))"
    )
    assert installed.run("python", "-c", code).strip() == "[]"


def test_training_says_what_to_install(installed: Installation) -> None:
    result = subprocess.run(
        [str(installed.scripts / "mnist"), "train", "--epochs", "1"],
        cwd=installed.elsewhere, env=installed.environment, capture_output=True, encoding="utf-8",
    )  # fmt: skip
    assert result.returncode != 0
    assert "Traceback" not in result.stderr
    assert re.search(r"PyTorch|torch|MNIST", result.stderr)


def test_the_server_has_its_pages_styles_database_and_model(installed: Installation, seven: Path) -> None:
    with serving(installed) as connection:
        assert "<canvas" in asked(connection, "/")
        for page in (
            "/mnist",
            "/training",
            "/models",
            "/corrections",
            "/explore",
            "/lesson",
            "/collect/sheet",
            "/static/style.css",
            "/static/js/pad/home.js",
        ):
            assert asked(connection, page)
        assert json.loads(asked(connection, "/api/runs"))["runs"] == []  # migrations have run
        assert json.loads(asked(connection, "/api/test-images/random"))["is_sample"]
        connection.request("POST", "/predict", seven.read_bytes(), {"Content-Type": "image/png"})
        with connection.getresponse() as reply:
            assert json.loads(reply.read())["prediction"] == 7
    assert list((installed.elsewhere).rglob("mnist.db"))
    assert not list(installed.packages.rglob("mnist.db"))


def test_the_static_site_is_written(installed: Installation) -> None:
    installed.run("mnist", "export-web", "site")
    assert (installed.elsewhere / "site" / "index.html").is_file()
