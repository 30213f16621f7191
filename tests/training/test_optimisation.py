"""Muon, and which optimiser moves what."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import pytest
import torch
from torch import nn

from mnist_classifier.core.train_config import TrainConfig
from mnist_classifier.training.eager import AdamW
from mnist_classifier.training.muon import Muon, orthogonalised
from mnist_classifier.training.network import MNISTClassifier
from mnist_classifier.training.optimisation import make_optimizers


@pytest.mark.parametrize("shape", [(8, 8), (5, 40), (40, 5), (1, 7)])
def test_singular_values_come_close_to_one(shape: tuple[int, int]):
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    values = torch.linalg.svdvals(orthogonalised(matrix, 7))
    assert values.min() > 0.6
    assert values.max() < 1.3


def test_singular_vectors_stay():
    matrix = torch.randn(6, 9, generator=torch.Generator().manual_seed(1))
    left, _, right = torch.linalg.svd(matrix, full_matrices=False)
    turned = left.T @ orthogonalised(matrix, 5) @ right.T
    assert (turned - turned.diag().diag()).abs().max() < 1e-4


def test_what_is_zero_stays_zero():
    assert not orthogonalised(torch.zeros(3, 4), 5).any()


def test_the_first_step_is_as_long_as_it_is_said():
    kernel = nn.Parameter(torch.zeros(4, 2, 3, 3))
    kernel.grad = torch.randn(kernel.shape, generator=torch.Generator().manual_seed(0))
    Muon([kernel], lr=0.1, momentum=0.9, weight_decay=0.0, iterations=7).step()
    assert float(kernel.detach().square().mean().sqrt()) == pytest.approx(0.1, rel=0.2)
    assert float((kernel.detach() * kernel.grad).sum()) < 0


def test_weights_decay_and_a_parameter_without_gradient_does_not_move():
    still, moved = nn.Parameter(torch.ones(2, 2)), nn.Parameter(torch.ones(2, 2))
    moved.grad = torch.zeros(2, 2)
    Muon([still, moved], lr=0.5, momentum=0.9, weight_decay=0.1).step()
    assert torch.equal(still, torch.ones(2, 2))
    assert torch.allclose(moved, torch.full((2, 2), 0.95))


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_every_weight_is_moved_once(optimizer: str, tiny_config: TrainConfig):
    config = replace(tiny_config, optimizer=optimizer)
    network = MNISTClassifier.from_config(config)
    owners = make_optimizers(network, config)
    held = [p for owner in owners for group in owner.param_groups for p in group["params"]]
    assert sorted(map(id, held)) == sorted(map(id, network.parameters()))
    orthogonal = {id(p) for owner in owners if isinstance(owner, Muon) for p in owner.param_groups[0]["params"]}
    names = {name for name, p in network.named_parameters() if id(p) in orthogonal}
    assert names == ({"block1.0.weight", "block2.0.weight", "hidden.1.weight"} if optimizer == "muon" else set())


def weights_after_steps(optimizer: type[torch.optim.Optimizer]) -> torch.Tensor:
    torch.manual_seed(0)
    layer = nn.Linear(5, 4)
    adamw = optimizer(layer.parameters(), lr=0.1, weight_decay=0.1, fused=True)  # type: ignore[call-arg]
    for _ in range(3):
        adamw.zero_grad()
        layer(torch.rand(8, 5)).square().sum().backward()
        adamw.step()
        adamw.load_state_dict(adamw.state_dict())
    return layer.weight.detach()


def test_adamw_computes_what_pytorchs_does():
    assert torch.equal(weights_after_steps(AdamW), weights_after_steps(torch.optim.AdamW))


TAKE_A_STEP = """
import sys, torch
from mnist_classifier.core.train_config import TrainConfig
from mnist_classifier.runs import worker
from mnist_classifier.training.checkpoint import optimizer_tensors, restore_optimizer
from mnist_classifier.training.network import MNISTClassifier
from mnist_classifier.training.optimisation import make_optimizers
network = MNISTClassifier()
adamw, muon = make_optimizers(network, TrainConfig(optimizer="muon"))
for optimizer in (adamw, muon):
    optimizer.zero_grad()
network(torch.rand(2, 1, 28, 28)).sum().backward()
for optimizer in (adamw, muon):
    optimizer.step()
    restore_optimizer(optimizer, optimizer_tensors(optimizer))
print([name for name in sys.modules if name in ("torch._dynamo", "sympy")])
"""


def test_a_training_never_imports_the_compiler_of_pytorch():
    done = subprocess.run([sys.executable, "-c", TAKE_A_STEP], capture_output=True, encoding="utf-8", timeout=120)
    assert (done.stdout, done.stderr) == ("[]\n", "")
