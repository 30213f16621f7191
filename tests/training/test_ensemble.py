from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from mnist_classifier.core.errors import ModelCorrupt
from mnist_classifier.registry.manifest import write_manifest
from mnist_classifier.training.ensemble import Ensemble, build_network, describe_network, load_network
from mnist_classifier.training.network import MNISTClassifier, predict_logits
from mnist_classifier.training.release import export


def member(seed: int, **arguments: int) -> MNISTClassifier:
    torch.manual_seed(seed)
    return MNISTClassifier(**{"conv1_channels": 3, "conv2_channels": 4, "hidden_units": 6, **arguments}).eval()


@pytest.fixture
def ensemble() -> Ensemble:
    """Members need not be built alike."""
    return Ensemble([member(1), member(2, patch=2), member(3, conv1_layers=2, conv2_kernel=3)]).eval()


@pytest.fixture
def glyphs() -> torch.Tensor:
    return torch.randint(0, 256, (20, 28, 28), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))


def test_the_probabilities_of_the_members_are_averaged(ensemble: Ensemble, glyphs: torch.Tensor):
    mean = torch.stack([predict_logits(m, glyphs).softmax(1) for m in ensemble.networks]).mean(0)
    assert torch.allclose(predict_logits(ensemble, glyphs).softmax(1), mean, atol=1e-6)


def test_onnx_and_torch_agree(ensemble: Ensemble, glyphs: torch.Tensor):
    assert export.check_parity(ensemble, glyphs, predict_logits(ensemble, glyphs)) < 1e-4


def test_size_and_work_are_the_sum_of_the_members(ensemble: Ensemble):
    parts = [describe_network(m) for m in ensemble.networks]
    whole = describe_network(ensemble)
    for figure in ("parameters", "multiply_accumulates"):
        assert whole[figure] == sum(part[figure] for part in parts)


@pytest.mark.parametrize("alone", [True, False])
def test_a_saved_network_is_loaded_as_it_was(ensemble: Ensemble, glyphs: torch.Tensor, tmp_path: Path, alone: bool):
    network = ensemble.networks[1] if alone else ensemble
    export.save_weights(network, tmp_path / "weights.safetensors")
    described = {"architecture": describe_network(network), "name": "x", "created_at": "2026-01-01"}
    write_manifest(tmp_path, {**described, "temperature": 1.0, "thresholds": {"ambiguous_below": 0.5}})
    assert np.array_equal(predict_logits(load_network(tmp_path), glyphs), predict_logits(network, glyphs))


@pytest.mark.parametrize(
    "architecture",
    [
        {"class": "Transformer", "arguments": {}},
        {"class": "MNISTClassifier", "arguments": {"colour": 3}},
        {"class": "Ensemble", "arguments": {}},
        {},
    ],
)
def test_what_cannot_be_built_is_refused(architecture: dict[str, object]):
    with pytest.raises(ModelCorrupt):
        build_network(architecture)
