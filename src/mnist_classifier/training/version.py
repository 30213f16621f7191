"""A finished training -> the manifest and the files of a model version."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
import torch

from mnist_classifier import __version__, dataset
from mnist_classifier.config import TrainConfig
from mnist_classifier.manifest import CARD_FILE, ONNX_FILE, WEIGHTS_FILE
from mnist_classifier.training.calibrate import fit_ambiguity_threshold, fit_temperature
from mnist_classifier.training.card import render_card
from mnist_classifier.training.device import choose_device, choose_precision
from mnist_classifier.training.evaluate import measure, predict_logits
from mnist_classifier.training.export import check_parity, save_onnx, save_weights
from mnist_classifier.training.loop import TrainingData, TrainingResult
from mnist_classifier.training.network import ARCHITECTURE, multiply_accumulates, parameter_count


@dataclass(frozen=True)
class FinishedTraining:
    """What is known when the last epoch is over."""

    config: TrainConfig
    data: TrainingData
    result: TrainingResult
    elapsed_s: float
    run_id: int

    def describe(self, test_images: npt.NDArray[np.uint8], test_labels: npt.NDArray[np.uint8]) -> dict[str, Any]:
        """Calibrate on validation, score the test images once, write all of it down."""
        network = self.result.network
        logits, labels = predict_logits(network, self.data.validation_images), self.data.validation_labels
        temperature = fit_temperature(logits, labels)
        onnx_parity = check_parity(network, self.data.validation_images)
        validation = measure(logits, labels, temperature=temperature)
        test = measure(
            predict_logits(network, torch.from_numpy(test_images.copy())),
            torch.from_numpy(test_labels.astype(np.int64)),
            temperature=temperature,
        )
        return {
            "name": f"{self.config.recipe}-{self.run_id}",
            "created_at": datetime.now(timezone.utc).isoformat(timespec="seconds"),
            "run_id": self.run_id,
            "architecture": {
                "class": ARCHITECTURE,
                "arguments": network.arguments,
                "parameters": parameter_count(network),
                "multiply_accumulates": multiply_accumulates(network),
            },
            "classes": list(range(10)),
            "temperature": temperature,
            "thresholds": {"ambiguous_below": fit_ambiguity_threshold(logits, temperature)},
            "onnx_parity": onnx_parity,
            "config": self.config.to_dict(),
            "defaults": TrainConfig().to_dict(),
            "seed": self.config.seed,
            "data": {
                "sha256": dataset.DATA_CHECKSUMS,
                "split_seed": dataset.SPLIT_SEED,
                "validation_images": len(labels),
            },
            "training": self._training(),
            "libraries": libraries(),
            "metrics": {"validation": validation.to_dict(), "test": test.to_dict()},
        }

    def _training(self) -> dict[str, Any]:
        device = choose_device(self.config.device)
        return {
            "images": len(self.data.limited(self.config.train_images).train_labels),
            "epochs": len(self.result.epochs),
            "best_epoch": self.result.best_epoch,
            "stopped_early": self.result.stopped_early,
            "cancelled": self.result.cancelled,
            "elapsed_s": round(self.elapsed_s, 1),
            "device": device.type,
            "precision": str(choose_precision(self.config.precision, device)).removeprefix("torch."),
        }

    def write_files(self, folder: Path, manifest: dict[str, Any]) -> None:
        """Fill the folder of the version, all but the manifest."""
        save_weights(self.result.network, folder / WEIGHTS_FILE)
        save_onnx(self.result.network, folder / ONNX_FILE)
        (folder / CARD_FILE).write_text(render_card(manifest), "utf-8")


def libraries() -> dict[str, str]:
    """Versions of what had a part in the result."""
    return {
        "mnist-classifier": __version__,
        "python": platform.python_version(),
        "torch": str(torch.__version__),
        "numpy": np.__version__,
        "onnx": onnx.__version__,
        "onnxruntime": onnxruntime.__version__,
    }
