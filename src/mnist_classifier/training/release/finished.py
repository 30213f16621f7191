"""Turn a finished training into the manifest and the files of a model version."""

from __future__ import annotations

import json
import platform
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import torch

from mnist_classifier.core.errors import FolderTaken
from mnist_classifier.core.onnx_runtime import RUNTIME_VERSION
from mnist_classifier.core.recipes import RECIPES
from mnist_classifier.core.records import EpochResult, ModelVersion, Thresholds
from mnist_classifier.core.settings import Settings
from mnist_classifier.core.train_config import TrainConfig
from mnist_classifier.core.version import __version__
from mnist_classifier.data import mnist
from mnist_classifier.recognition.imaging.preprocess import mean_ink
from mnist_classifier.recognition.recogniser import Recogniser
from mnist_classifier.registry.manifest import (
    CARD_FILE,
    ONNX_FILE,
    REPORT_FILE,
    WEIGHTS_FILE,
    read_robustness,
    verify,
    write_manifest,
)
from mnist_classifier.registry.versions import Registry, opened_registry
from mnist_classifier.training.data import TrainingData
from mnist_classifier.training.device import choose_device, choose_precision
from mnist_classifier.training.ensemble import Network, describe_network, load_network
from mnist_classifier.training.loop import TrainingResult
from mnist_classifier.training.network import DIGITS, predict_logits
from mnist_classifier.training.release.calibrate import (
    fit_ambiguity_threshold,
    fit_outlier_threshold,
    fit_temperature,
    outlier_probabilities,
)
from mnist_classifier.training.release.card import command_line, render_card
from mnist_classifier.training.release.export import check_parity, save_weights, to_bytes
from mnist_classifier.training.release.report import Scored, build_report, metrics_of


@dataclass
class FinishedTraining:
    """A trained network and the course of its training.

    Call `measure` first; `train_recipe` has done so.  manifest["metrics"] has the metrics of both splits, and `epochs`
    the learning curve.
    """

    config: TrainConfig
    data: TrainingData
    network: Network  # on the CPU, in evaluation mode
    facts: dict[str, Any]  # of training_facts or ensemble_facts
    run_id: int | None
    epochs: Sequence[EpochResult] = ()
    manifest: dict[str, Any] = field(init=False, default_factory=dict)
    report: dict[str, Any] = field(init=False, default_factory=dict)

    @property
    def cancelled(self) -> bool:
        """Whether the training was cancelled."""
        return bool(self.facts["cancelled"])

    def measure(self, test: mnist.Images) -> None:
        """Calibrate on the validation split, score the test images once, and fill `manifest` and `report`."""
        network = self.network
        all_logits, labels = predict_logits(network, self.data.validation_images), self.data.validation_labels
        logits = all_logits[:, :DIGITS]
        temperature = fit_temperature(logits, labels)
        onnx_parity = check_parity(network, self.data.validation_images, all_logits)
        thresholds = Thresholds(
            ambiguous_below=fit_ambiguity_threshold(all_logits, temperature),
            not_a_digit_above=fit_outlier_threshold(all_logits, self.config.outlier_share),
        )
        validation = _scored(all_logits, self.data.validation_images.numpy(), labels.numpy())
        self.report = build_report(validation, score(network, test.images, test.labels), temperature, thresholds)
        self.manifest = {
            "name": self._name(),
            "created_at": datetime.now(timezone.utc).isoformat(timespec="seconds"),
            "run_id": self.run_id,
            "architecture": describe_network(network),
            "classes": list(range(10)),
            "temperature": temperature,
            "thresholds": asdict(thresholds),
            "onnx_parity": onnx_parity,
            "config": self.config.to_dict(),
            "defaults": _defaults(self.config.recipe),
            "seed": self.config.seed,
            "data": {
                "sha256": mnist.DATA_CHECKSUMS,
                "split_seed": mnist.SPLIT_SEED,
                "validation_images": len(labels),
            },
            "training": self.facts,
            "libraries": libraries(),
            "metrics": metrics_of(self.report),
        }

    def _name(self) -> str:
        members = self.facts.get("members")
        if members is not None:
            return f"ensemble-of-{len(members)}"
        recipe = self.config.recipe.removesuffix(".json")
        return f"{recipe}-{f'seed-{self.config.seed}' if self.run_id is None else self.run_id}"

    def recogniser(self) -> Recogniser:
        """The recogniser that the server would use for this network."""
        return Recogniser(to_bytes(self.network), self.manifest)

    def save(self, folder: str | Path) -> Path:
        """Write weights, ONNX graph, report, model card and manifest into a new folder; returns the folder.

        `Recogniser.open` and `load_model` can read it.  Raises FolderTaken if it exists.
        """
        folder = Path(folder)
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            raise FolderTaken(f"{folder} exists already; name a new folder") from None
        self._write_files(folder)
        write_manifest(folder, self.manifest)
        return folder

    def register(self, settings: Settings | None = None) -> ModelVersion:
        """Save the network as a new version of this installation, without promoting it.

        Raises StorageFull, DatabaseBusy.
        """
        with opened_registry(settings or Settings.from_environment()) as registry:
            return self.add_to(registry)

    def add_to(self, registry: Registry) -> ModelVersion:
        """Save the network as a new version in an open registry.  Raises the errors of Registry.save."""
        return registry.save(self.manifest, self._write_files)

    def _write_files(self, folder: Path) -> None:
        """Write all files of a version except the manifest."""
        save_weights(self.network, folder / WEIGHTS_FILE)
        (folder / ONNX_FILE).write_bytes(to_bytes(self.network))
        write_report(folder, self.manifest, self.report)


def _defaults(recipe: str) -> dict[str, Any]:
    """The settings that a command need not name if it names this recipe.

    A file may be gone, so then the command names no recipe and all settings that differ from `classic`.
    """
    if recipe not in RECIPES:
        return {**TrainConfig().to_dict(), "recipe": recipe}
    return {**TrainConfig.from_mapping({"recipe": recipe}).to_dict(), "recipe": "classic"}


def training_facts(config: TrainConfig, data: TrainingData, result: TrainingResult, elapsed_s: float) -> dict[str, Any]:
    """The course of one training, for the manifest."""
    return {
        "images": len(data.limited(config.train_images).train_labels),
        "epochs": len(result.epochs),
        "best_epoch": result.best_epoch,
        "stopped_early": result.stopped_early,
        "cancelled": result.cancelled,
        "elapsed_s": round(elapsed_s, 1),
        **hardware(config),
    }


def teacher_facts(folder: Path, network: Network) -> list[dict[str, Any]]:
    """Facts about a teacher, for the manifest of its student: its network and its command; then about its teachers."""
    manifest = verify(folder)
    training, config, defaults = (manifest.get(name) or {} for name in ("training", "config", "defaults"))
    known = {name: value for name, value in config.items() if name in defaults}  # an import may lack some
    teacher = {
        "name": manifest["name"],
        "architecture": describe_network(network),
        "command": command_line(known, defaults, members=len(training.get("members", ()))),
    }
    return [teacher, *training.get("teachers", ())]


def hardware(config: TrainConfig) -> dict[str, str]:
    """The device and precision of a training.  Raises InvalidConfig if the device does not exist."""
    device = choose_device(config.device)
    return {
        "device": device.type,
        "precision": str(choose_precision(config.precision, device)).removeprefix("torch."),
    }


def ensemble_facts(members: Sequence[ModelVersion]) -> dict[str, Any]:
    """The trainings of an ensemble's members, combined for its manifest."""
    trainings = [member.manifest["training"] for member in members]
    return {
        **trainings[0],
        "members": [member.version for member in members],
        "seeds": [member.manifest["seed"] for member in members],
        "epochs": max(training["epochs"] for training in trainings),
        "best_epoch": max(training["best_epoch"] for training in trainings),
        "elapsed_s": round(sum(training["elapsed_s"] for training in trainings), 1),
    }


def score(network: Network, images: npt.NDArray[np.uint8], labels: npt.NDArray[np.uint8]) -> Scored:
    """The logits of a network, before calibration, for (N, 28, 28) images."""
    return _scored(predict_logits(network, torch.from_numpy(images.copy())), images, labels)


def _scored(logits: torch.Tensor, images: npt.NDArray[np.uint8], labels: npt.NDArray[np.uint8]) -> Scored:
    return Scored(logits[:, :DIGITS].numpy(), labels, mean_ink(images), outlier_probabilities(logits).numpy())


def write_report(
    folder: Path, manifest: Mapping[str, Any], report: Mapping[str, Any], robustness: Mapping[str, Any] | None = None
) -> None:
    """Write the report for programs and the card for people."""
    (folder / REPORT_FILE).write_text(json.dumps(report, indent=1) + "\n", "utf-8")
    (folder / CARD_FILE).write_text(render_card(manifest, report, robustness), "utf-8")


def renew_report(folder: Path, data: TrainingData, test: mnist.Images) -> dict[str, Any]:
    """Measure the weights in `folder` again and rewrite report, card and manifest; returns the manifest.

    `mnist models box 0 --measure` does this for the model in the box after a change of the report.  Calibration and
    thresholds stay the same.  Raises ModelMissing, ModelCorrupt.
    """
    manifest = verify(folder)
    network = load_network(folder)
    validation = score(network, data.validation_images.numpy(), data.validation_labels.numpy())
    thresholds = Thresholds(**{"not_a_digit_above": 1.0, **manifest["thresholds"]})
    report = build_report(validation, score(network, test.images, test.labels), manifest["temperature"], thresholds)
    manifest["metrics"] = metrics_of(report)
    write_report(folder, manifest, report, read_robustness(folder, manifest))
    return write_manifest(folder, manifest)


def environment(config: TrainConfig) -> dict[str, Any]:
    """Device, libraries, data and code of a training.  Raises InvalidConfig if the device does not exist."""
    return {
        **hardware(config),
        "threads": config.threads or torch.get_num_threads(),
        "machine": f"{platform.system()} {platform.machine()}",
        "libraries": libraries(),
        "data_sha256": mnist.DATA_CHECKSUMS,
        "git_commit": git_commit(),
    }


def git_commit() -> str | None:
    """The current commit of the checkout with this package; None without a checkout."""
    command = ["git", "rev-parse", "HEAD"]
    try:
        result = subprocess.run(
            command, cwd=Path(__file__).parent, capture_output=True, encoding="utf-8", timeout=5, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return result.stdout.strip()


def libraries() -> dict[str, str]:
    """Versions of the libraries that influence the result."""
    return {
        "mnist-classifier": __version__,
        "python": platform.python_version(),
        "torch": str(torch.__version__),
        "numpy": np.__version__,
        "onnx": onnx.__version__,
        "onnxruntime": RUNTIME_VERSION,
    }
