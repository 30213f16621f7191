from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner

import mnist_classifier.runs
from mnist_classifier.cli.main import main
from mnist_classifier.cli.train import CANCELLED
from mnist_classifier.core.errors import PortTaken
from mnist_classifier.core.recipes import RECIPES
from mnist_classifier.core.settings import PRETRAINED_DIR, Settings
from mnist_classifier.data.mnist import MIRRORS, TRAIN, find
from mnist_classifier.registry.manifest import read_manifest
from mnist_classifier.web.server.server import free_port
from tests.checkout import ROOT
from tests.mirror import dead_url
from tests.processes import free_port as unused_port
from tests.processes import python

QUICK = [
    "--epochs",
    "1",
    "--train-images",
    "1500",
    "--conv1-channels",
    "8",
    "--conv2-channels",
    "8",
    "--hidden-units",
    "32",
    "--threads",
    "1",
]


@pytest.fixture
def home(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MNIST_HOME", str(settings.home))
    return settings.home


@pytest.fixture
def with_mnist(home: Path, mnist_dirs: list[Path], monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MNIST_DATA_DIR", str(find(mnist_dirs, TRAIN)))
    return home


def mnist(*arguments: str) -> str:
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    return result.output


@pytest.mark.parametrize("arguments", [["--epochs", "0"], ["--learning-rate", "nan"], ["--conv1-kernel", "4"]])
def test_a_flag_out_of_range_is_one_clear_line(home: Path, arguments: list[str]):
    result = CliRunner().invoke(main, ["train", *arguments])
    assert result.exit_code == 1
    assert arguments[0].lstrip("-").replace("-", "_") in result.output
    assert "Traceback" not in result.output


@pytest.mark.mnist
@pytest.mark.slow
def test_train_list_promote_evaluate(with_mnist: Path):
    output = mnist("train", *QUICK)
    assert re.match(r"about \d+ s of training on this machine\n", output)
    assert "saved as version 1" in output
    assert re.search(
        r"\nDone\. [\d.]+ % of the test images right; the current model has [\d.]+ % and stays in use\.\n", output
    )
    assert "\nversion 1 was not promoted: validation" in output
    assert "`mnist models promote 1`" in output
    assert re.search(r"largest logit difference \d", output)
    assert "[challenger]" in mnist("models").splitlines()[0]
    mnist("models", "promote", "1", "--yes")
    assert mnist("models").startswith("*    1")
    printed = re.search(r"test accuracy +([\d.]+%)", output)
    assert printed is not None
    assert printed[1] in mnist("evaluate", "--model-version", "1")
    mnist("models", "rollback")
    assert re.search(r"^\* +0 ", mnist("models"), re.MULTILINE)
    assert "succeeded" in mnist("runs")


@pytest.mark.mnist
@pytest.mark.slow
def test_evaluate_tells_the_figures_of_the_manifest_without_pytorch(with_mnist: Path):
    code = (
        "import sys; from mnist_classifier.cli.main import main;"
        "main(['evaluate'], standalone_mode=False); print({'torch', 'onnx'} & set(sys.modules))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    test = read_manifest(PRETRAINED_DIR)["metrics"]["test"]
    low, high = test["interval_95"]
    assert f"{test['correct']} of 10000 correct" in result.stdout
    assert f"95 % interval {low:.2%} to {high:.2%}" in result.stdout
    assert f"likelihood {test['nll']:.4f}, calibration error {test['ece']:.2%}" in result.stdout
    assert result.stdout.endswith("set()\n")


@pytest.mark.mnist
@pytest.mark.slow
def test_several_seeds_of_a_recipe_file_are_summed_up_and_the_best_is_the_challenger(with_mnist: Path):
    recipe = with_mnist / "mine.json"
    recipe.write_text('{"base": "fast", "values": {"batch_size": 64, "epochs": 7}}')
    output = mnist("train", "--recipe", str(recipe), *QUICK, "--seeds", "2", "--seed", "5")
    assert "saved as version 2" in output
    assert re.search(r"test +accuracy over 2 seeds: [\d.]+% ± [\d.]+% \(95 % interval", output)
    best = re.search(r"version (\d) has the lowest validation loss", output)
    assert best is not None
    assert f"version {best[1]} was not promoted" in output
    assert re.search(rf"^  +{best[1]} .*\[challenger\]", mnist("models"), re.MULTILINE)
    assert re.search(r"^\* +0 ", mnist("models"), re.MULTILINE)
    manifests = [json.loads((with_mnist / "models" / n / "manifest.json").read_text()) for n in "12"]
    assert [manifest["seed"] for manifest in manifests] == [5, 6]
    config = manifests[0]["config"]
    assert (config["recipe"], config["optimizer"], config["batch_size"], config["epochs"]) == (
        "mine.json",
        "muon",
        64,
        1,
    )
    # Its command works without the file.
    command = (with_mnist / "models" / "1" / "MODEL_CARD.md").read_text()
    assert "--batch-size 64" in command
    assert "--recipe" not in command


@pytest.mark.mnist
@pytest.mark.slow
def test_an_ensemble_of_several_seeds_is_one_version(with_mnist: Path):
    output = mnist("train", *QUICK, "--ensemble", "2")
    assert "saved as version 3" in output
    assert "version 3 was not promoted" in output
    mnist("models", "promote", "3", "--yes", "--reason", "to see it")
    assert re.search(r"^\* +3  ensemble-of-2 ", mnist("models"), re.MULTILINE)
    manifest = json.loads((with_mnist / "models" / "3" / "manifest.json").read_text())
    assert (manifest["training"]["members"], manifest["training"]["seeds"]) == ([1, 2], [0, 1])
    assert "--ensemble 2 " in (with_mnist / "models" / "3" / "MODEL_CARD.md").read_text()
    right = manifest["metrics"]["test"]["correct"]
    assert f"{right} of 10000 correct" in mnist("evaluate")


@pytest.mark.parametrize("command", [["train"], ["runs", "resume", "1"]])
def test_without_pytorch_nothing_is_queued(home: Path, monkeypatch: pytest.MonkeyPatch, command: list[str]):
    monkeypatch.delattr(mnist_classifier.runs, "worker", raising=False)
    monkeypatch.setitem(sys.modules, "mnist_classifier.runs.worker", None)
    result = CliRunner().invoke(main, command)
    assert result.exit_code == 1
    assert 'pip install ".[train]"' in result.output
    assert mnist("runs") == ""


@pytest.mark.parametrize("name", RECIPES)
def test_recipes_are_listed(name: str):
    assert re.search(rf"^{name} ", mnist("train", "--list-recipes"), re.MULTILINE)


@pytest.mark.mnist
@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
def test_ctrl_c_keeps_the_best_weights_out_of_production(with_mnist: Path):
    with python(str(ROOT / "train_model.py"), *QUICK, "--epochs", "1000", "--patience", "0") as process:
        assert process.stdout is not None
        assert any("epoch" in line and "validation" in line for line in process.stdout)
        process.send_signal(signal.SIGINT)
        rest, _ = process.communicate(timeout=60)
    assert process.returncode == CANCELLED, rest
    assert "which is not in use" in rest
    assert re.search(r"^\* +0 ", mnist("models"), re.MULTILINE)


@pytest.mark.mnist
@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
def test_a_killed_training_is_resumed_and_ends_as_if_nothing_had_happened(
    with_mnist: Path, monkeypatch: pytest.MonkeyPatch
):
    command = [*QUICK, "--epochs", "3"]
    with python(str(ROOT / "train_model.py"), *command, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        assert any("epoch" in line for line in process.stdout)
        process.kill()
    assert "interrupted" in mnist("runs")
    assert "saved as version 1" in mnist("runs", "resume", "1")
    assert "saved as version 2" in mnist("train", *command)
    resumed, whole = (with_mnist / "models" / number / "model.onnx" for number in "12")
    assert resumed.read_bytes() == whole.read_bytes()
    assert not list((with_mnist / "checkpoints").iterdir())
    refused = CliRunner().invoke(main, ["runs", "resume", "1"])
    assert "succeeded" in refused.output


@pytest.mark.parametrize(("options", "addresses"), [([], 0), (["--verbose"], len(MIRRORS))])
def test_a_download_that_fails_is_one_line_and_the_addresses_are_for_those_who_ask(
    home: Path, options: list[str], addresses: int
):
    proxy = {"HTTPS_PROXY": dead_url(), "https_proxy": dead_url(), "NO_PROXY": "", "no_proxy": ""}
    result = subprocess.run(
        [sys.executable, "-m", "mnist_classifier", "data", *options],
        env=os.environ | proxy, capture_output=True, encoding="utf-8",
    )  # fmt: skip
    lines = result.stderr.splitlines()
    assert lines[-1].startswith("Error: train-images-idx3-ubyte.gz could not be downloaded: ")
    assert len(lines) == 1 + addresses
    assert result.stderr.count("INFO mnist_classifier.data.download: https://") == addresses


@pytest.mark.mnist
def test_data_says_where_it_is(with_mnist: Path):
    output = mnist("data")
    assert "train: 60,000 images" in output
    assert "test: 10,000 images" in output


@contextmanager
def running(*arguments: str) -> Iterator[str]:
    """The application in a process of its own; yields its address."""
    with python(str(ROOT / "app.py"), *arguments, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        said = ""
        for line in process.stdout:
            said += line
            if "ready" in line:
                break
        yield said
        process.send_signal(signal.SIGINT if os.name != "nt" else signal.SIGTERM)
        process.communicate(timeout=20)


def test_the_application_answers_at_the_address_that_it_prints(home: Path):
    before = os.times()
    port = unused_port()
    with running("--port", str(port)) as said:
        address = re.search(r"http://\S+/", said)
        assert address is not None
        assert address[0] == f"http://127.0.0.1:{port}/"
        with urllib.request.urlopen(address[0] + "model-status") as reply:
            assert json.load(reply)["status"] == "ready"
    spent = os.times()
    # A quarter on an idle core; processor time, because a busy machine takes longer by the clock.
    assert spent.children_user + spent.children_system - before.children_user - before.children_system < 10


def test_a_taken_port_gives_way_to_the_next_free_one_unless_it_was_asked_for():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert port < free_port("127.0.0.1", port, strict=False) <= port + 50
        with pytest.raises(PortTaken, match=f"127.0.0.1:{port}.*--port"):
            free_port("127.0.0.1", port, strict=True)


def test_an_address_of_another_machine_is_a_clear_error():
    with pytest.raises(PortTaken, match="cannot listen"):
        free_port("192.0.2.1", 5000, strict=True)


@pytest.mark.parametrize("chosen", [None, "3"])
def test_commands_that_prepare_pictures_keep_openblas_to_one_thread(chosen: str | None):
    """The variable works only before NumPy is imported."""
    environment = {name: value for name, value in os.environ.items() if name != "OPENBLAS_NUM_THREADS"}
    program = (
        "import os, sys; from mnist_classifier.cli.main import main\n"
        "before = 'numpy' in sys.modules; main.get_command(None, 'predict')\n"
        "print(before, 'numpy' in sys.modules, os.environ['OPENBLAS_NUM_THREADS'])"
    )
    found = subprocess.run(
        [sys.executable, "-c", program],
        env=environment | ({"OPENBLAS_NUM_THREADS": chosen} if chosen else {}),
        capture_output=True, check=True, text=True,
    )  # fmt: skip
    assert found.stdout.split() == ["False", "True", chosen or "1"]
