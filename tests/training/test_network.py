from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from safetensors.torch import load_file

from mnist_classifier.core.errors import ModelCorrupt
from mnist_classifier.core.onnx_runtime import open_session
from mnist_classifier.core.train_config import TrainConfig
from mnist_classifier.training.network import MNISTClassifier, multiply_accumulates, parameter_count, predict_logits
from mnist_classifier.training.release import export


@pytest.fixture(params=[(1, 1), (2, 3)], ids=["shallow", "deep"])
def network(request: pytest.FixtureRequest) -> MNISTClassifier:
    """Random weights, and BatchNorm statistics as after training, signs of gamma mixed."""
    torch.manual_seed(0)
    layers1, layers2 = request.param
    network = MNISTClassifier(
        conv1_channels=5,
        conv2_channels=6,
        conv1_kernel=5,
        conv2_kernel=3,
        conv1_layers=layers1,
        conv2_layers=layers2,
        hidden_units=12,
    )
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm1d | torch.nn.BatchNorm2d):
            for values, low, high in [
                (module.weight.data, -1, 1),
                (module.bias.data, -1, 1),
                (module.running_mean, -1, 1),
                (module.running_var, 0.5, 2),
            ]:
                values.uniform_(low, high)
    return network.eval()


@pytest.fixture
def glyphs() -> torch.Tensor:
    return torch.randint(0, 256, (30, 28, 28), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))


def test_the_layers_are_the_documented_ones():
    network = MNISTClassifier.from_config(TrainConfig())
    for block in (network.block1, network.block2):
        assert {type(layer).__name__ for layer in block} == {"Conv2d", "BatchNorm2d", "ReLU", "MaxPool2d", "Dropout2d"}
    linear = [m for m in network.modules() if isinstance(m, torch.nn.Linear)]
    assert len(linear) == 2
    assert network(torch.zeros(2, 1, 28, 28)).shape == (2, 10)


def test_pooling_first_is_the_same_function_for_positive_gamma():
    torch.manual_seed(0)
    convolved = torch.randn(4, 3, 8, 8)
    norm, pool = torch.nn.BatchNorm2d(3).eval(), torch.nn.MaxPool2d(2)
    norm.weight.data.uniform_(0.1, 2)
    norm.running_mean.uniform_(-1, 1)
    assert torch.allclose(pool(norm(convolved).relu()), norm(pool(convolved)).relu(), atol=1e-6)


def test_size_and_work_are_counted():
    network = MNISTClassifier(conv1_channels=5, conv2_channels=6, conv1_kernel=5, conv2_kernel=3, hidden_units=12)
    assert parameter_count(network) == (25 * 5 + 10) + (9 * 5 * 6 + 12) + (6 * 49 * 12 + 24) + (12 * 10 + 10)
    assert multiply_accumulates(network) == 25 * 5 * 784 + 9 * 5 * 6 * 196 + 6 * 49 * 12 + 120


def test_size_and_work_of_deeper_blocks_are_counted():
    network = MNISTClassifier(
        conv1_channels=5, conv2_channels=6, conv1_kernel=3, conv2_kernel=3, conv1_layers=2, conv2_layers=2
    )
    first, second = 9 * 5 + 9 * 25, 9 * 30 + 9 * 36
    linear = 6 * 49 * 256 + 2560
    assert parameter_count(network) == first + second + linear + 2 * (5 + 5 + 6 + 6 + 256) + 10
    assert multiply_accumulates(network) == first * 784 + second * 196 + linear


def test_onnx_and_torch_agree_with_every_sign_of_gamma(network: MNISTClassifier, glyphs: torch.Tensor):
    assert export.check_parity(network, glyphs, predict_logits(network, glyphs)) < 1e-4


def test_batchnorm_becomes_part_of_the_convolution_unless_it_turns_the_maximum_around(
    network: MNISTClassifier, glyphs: torch.Tensor
):
    operators = [node.op_type for node in export.build_onnx(network).graph.node]
    assert operators.count("Mul") == 1 + 2  # the pixels, and the BatchNorm behind each pooling
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.weight.abs_()
    operators = [node.op_type for node in export.build_onnx(network).graph.node]
    assert operators.count("Mul") == 1
    assert export.check_parity(network, glyphs, predict_logits(network, glyphs)) < 1e-4


def test_an_export_that_differs_is_refused(
    network: MNISTClassifier, glyphs: torch.Tensor, monkeypatch: pytest.MonkeyPatch
):
    wrong = export.to_bytes(MNISTClassifier(conv1_channels=5, conv2_channels=6, hidden_units=12).eval())
    monkeypatch.setattr(export, "to_bytes", lambda network: wrong)
    with pytest.raises(ModelCorrupt, match="differs"):
        export.check_parity(network, glyphs, predict_logits(network, glyphs))


def test_the_export_is_the_same_to_the_byte_and_carries_no_paths(network: MNISTClassifier):
    data = export.to_bytes(network)
    assert data == export.to_bytes(network)
    assert str(Path(__file__).parents[2]).encode() not in data


@pytest.mark.parametrize("patch", [1, 2, 4])
def test_patches_are_exported_too(patch: int, glyphs: torch.Tensor):
    torch.manual_seed(0)
    network = MNISTClassifier(patch=patch, conv1_channels=4, conv2_channels=5, hidden_units=8).eval()
    assert export.check_parity(network, glyphs, predict_logits(network, glyphs)) < 1e-4
    assert network(torch.zeros(2, 1, 28, 28)).shape == (2, 10)
    assert network.patches(torch.zeros(0, 1, 28, 28)).shape == (0, patch**2, 28 // patch, 28 // patch)


def test_any_number_of_glyphs_goes_through(network: MNISTClassifier, glyphs: torch.Tensor):
    session = open_session(export.to_bytes(network))
    for count in (1, 7, 30):
        (logits,) = session.run(None, {"glyphs": glyphs[:count].numpy()})
        assert logits.shape == (count, 10)


def test_the_graph_asks_for_an_old_opset():
    model = export.build_onnx(MNISTClassifier().eval())
    assert model.opset_import[0].version <= 17
    onnx.checker.check_model(model, full_check=True)


def test_weights_come_back_from_safetensors(network: MNISTClassifier, glyphs: torch.Tensor, tmp_path: Path):
    export.save_weights(network, tmp_path / "weights.safetensors")
    restored = MNISTClassifier(**network.arguments)
    restored.load_state_dict(load_file(tmp_path / "weights.safetensors"))
    assert np.array_equal(predict_logits(restored, glyphs), predict_logits(network, glyphs))
