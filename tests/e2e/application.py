"""The real application as a child process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import msgspec
from tests.checkout import ROOT
from tests.processes import free_port

from mnist_classifier.core.recipes import RECIPES
from mnist_classifier.core.settings import Settings
from mnist_classifier.runs import recipe_times

# Machines that are busy with a training or with other tests answer late.
PATIENCE_S = 60
STOP_TIMEOUT_S = 15
RECIPE_S = 60.0


class Application:
    """`python app.py` with folders of its own, from enter to exit."""

    def __init__(self, folder: Path, data_dir: Path, **environment: str) -> None:
        self.environment = environment
        self.folder = folder
        self.data_dir = data_dir
        self.url = f"http://127.0.0.1:{free_port()}"

    def __enter__(self) -> Application:
        home = self.folder / "home"
        home.mkdir(parents=True, exist_ok=True)
        _write_recipe_times(home)
        environment = {name: value for name, value in os.environ.items() if not name.startswith("MNIST_")}
        environment.update(
            MNIST_HOME=str(home),
            MNIST_DATA_DIR=str(self.data_dir),
            XDG_CACHE_HOME=str(self.folder / "cache"),
            **self.environment,
        )
        with (self.folder / "output.txt").open("w") as output:
            self._process = subprocess.Popen(
                [sys.executable, "app.py", "--port", self.url.rpartition(":")[2]],
                cwd=ROOT,
                env=environment,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        try:
            self._wait_until_ready()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._cancel_training()
        self.stop()

    def post(self, path: str, **body: object) -> None:
        """Ask it for something that changes something."""
        content = {"Content-Type": "application/json"}
        urllib.request.urlopen(
            urllib.request.Request(self.url + path, json.dumps(body).encode(), content), timeout=PATIENCE_S
        ).close()

    def stop(self) -> None:
        """End it; a second time does nothing."""
        self._process.terminate()
        try:
            self._process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise AssertionError(f"the application ignored SIGTERM for {STOP_TIMEOUT_S} s") from None

    def _cancel_training(self) -> None:
        """A training outlives the server: after a test that failed it must not go on."""
        try:
            with urllib.request.urlopen(f"{self.url}/model-status", timeout=5) as reply:
                training = json.load(reply)["training"]
            if training is not None:
                cancel = f"{self.url}/api/runs/{training['run_id']}/cancel"
                urllib.request.urlopen(urllib.request.Request(cancel, method="POST"), timeout=5).close()
        except urllib.error.URLError:
            pass  # it has been stopped already

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                with urllib.request.urlopen(f"{self.url}/model-status", timeout=5):
                    return
            except urllib.error.HTTPError as error:
                error.close()
            except OSError:
                pass
            time.sleep(0.1)
        output = (self.folder / "output.txt").read_text()
        raise AssertionError(f"the application did not answer on {self.url}:\n{output}")


def _write_recipe_times(home: Path) -> None:
    """Without these times, each application whose page of trainings is opened would train with every recipe."""
    times = {"measured": recipe_times._measured(), "seconds": dict.fromkeys(RECIPES, RECIPE_S)}
    recipe_times.times_path(Settings(home=home)).write_bytes(msgspec.json.encode(times))
