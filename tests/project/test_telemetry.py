"""No package that this program loads reports to anybody, or leaves files in the user's folders."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from mnist_classifier.data import mnist
from mnist_classifier.training import trackers
from tests.project.test_architecture import PACKAGE, SOURCES, dotted_names
from tests.web.routes.test_predict import png
from tests.web.server.test_server import serving, status_of

# ONNX Runtime and MLflow are silent where they see these.
SILENCERS = ("CI", "ORT_", "MLFLOW_", "DO_NOT_TRACK", "GITHUB_", "PYTEST_")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's empty folder, in an environment that silences nobody."""
    for name in list(os.environ):
        if name.startswith((*SILENCERS, "XDG_")):
            monkeypatch.delenv(name)
    folder = tmp_path / "user"
    folder.mkdir()
    for name in ("HOME", "USERPROFILE", "LOCALAPPDATA", "APPDATA"):
        monkeypatch.setenv(name, str(folder))
    monkeypatch.setenv("MNIST_HOME", str(tmp_path / "mnist"))
    return folder


@pytest.fixture
def seven(tmp_path: Path) -> Path:
    """A picture."""
    (tmp_path / "seven.png").write_bytes(png())
    return tmp_path / "seven.png"


def run(*arguments: str) -> str:
    """What Python prints."""
    return subprocess.run(
        [sys.executable, *arguments], capture_output=True, encoding="utf-8", timeout=300, check=True
    ).stdout


def files_in(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


@pytest.mark.skipif(sys.platform != "linux", reason="counts threads in /proc")
def test_reading_starts_no_thread_that_could_call_home(
    home: Path, seven: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "1")  # NumPy's own threads, which only compute
    code = (
        "import os; from mnist_classifier import Recogniser;"
        f"print(Recogniser.load().read({str(seven)!r}).prediction, len(os.listdir('/proc/self/task')))"
    )
    assert run("-c", code).split() == ["7", "1"]
    assert files_in(home) == []


def predict(tmp_path: Path) -> None:
    run("-m", "mnist_classifier", "predict", str(tmp_path / "seven.png"))


def serve(tmp_path: Path) -> None:
    with serving(tmp_path / "mnist") as (_, address):
        assert status_of(address, "/readyz") == 200


def export(tmp_path: Path) -> None:
    run("-m", "mnist_classifier", "export-web", str(tmp_path / "site"))


@pytest.mark.parametrize("use", [predict, serve, export])
def test_commands_leave_the_users_folder_empty(
    home: Path, seven: Path, tmp_path: Path, use: Callable[[Path], None]
) -> None:
    use(tmp_path)
    assert files_in(home) == []


@pytest.mark.mnist
@pytest.mark.slow
def test_training_leaves_the_users_folder_empty(
    mnist_dirs: list[Path], home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MNIST_DATA_DIR", str(mnist.find(mnist_dirs, mnist.TRAIN)))
    short = ("--train-images", "300", "--epochs", "1")
    small = ("--conv1-channels", "4", "--conv2-channels", "4", "--hidden-units", "8")
    run("-m", "mnist_classifier", "train", "--recipe", "lightning", *short, *small)
    assert files_in(home) == []


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_onnx_runtime_is_imported_in_one_place(path: Path) -> None:
    imported = {name.split(".")[0] for name in dotted_names(path)}
    assert ("onnxruntime" in imported) == (path == PACKAGE / "core" / "onnx_runtime.py")


def test_mlflow_is_told_to_be_silent_before_it_is_imported(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # MLflow is no dependency; this notes what it would see, and goes.
    (tmp_path / "mlflow.py").write_text("import os; raise SystemExit(os.environ['MLFLOW_DISABLE_TELEMETRY'])")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "false")
    with pytest.raises(SystemExit, match="true"):
        trackers.MLflow(tmp_path, None)  # type: ignore[arg-type]
