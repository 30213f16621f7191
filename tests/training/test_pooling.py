from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from mnist_classifier.training.pooling import MaximumOfFour, convolve, convolve_and_pool

SHAPES = [(1, 5), (1, 3), (1, 1), (2, 5), (2, 3)]


def plainly(pixels: torch.Tensor, kernels: torch.Tensor, patch: int) -> torch.Tensor:
    convolved = F.conv2d(F.pixel_unshuffle(pixels, patch), kernels, padding=kernels.shape[-1] // 2)
    return F.max_pool2d(convolved, 2)


@pytest.mark.parametrize(("patch", "kernel"), SHAPES)
def test_it_is_convolution_then_pooling_and_so_is_its_gradient(patch: int, kernel: int):
    torch.manual_seed(0)
    pixels = torch.rand(3, 1, 28, 28, dtype=torch.float64)
    kernels = torch.randn(5, patch * patch, kernel, kernel, dtype=torch.float64, requires_grad=True)
    ours, expected = convolve_and_pool(pixels, kernels, patch), plainly(pixels, kernels, patch)
    assert torch.allclose(ours, expected)
    assert ours.is_contiguous(memory_format=torch.channels_last)
    upstream = torch.randn_like(expected)
    gradients = [torch.autograd.grad(result, kernels, upstream)[0] for result in (ours, expected)]
    assert torch.allclose(*gradients)


@pytest.mark.parametrize("kernel", [1, 3, 5])
def test_without_pooling_it_is_convolution(kernel: int):
    torch.manual_seed(0)
    pixels = torch.rand(3, 1, 9, 9, dtype=torch.float64)
    kernels = torch.randn(5, 1, kernel, kernel, dtype=torch.float64, requires_grad=True)
    ours, expected = convolve(pixels, kernels), F.conv2d(pixels, kernels, padding=kernel // 2)
    assert torch.allclose(ours, expected)
    assert ours.is_contiguous(memory_format=torch.channels_last)
    upstream = torch.randn_like(expected)
    gradients = [torch.autograd.grad(result, kernels, upstream)[0] for result in (ours, expected)]
    assert torch.allclose(*gradients)


def test_it_computes_in_the_precision_of_autocast():
    pixels, kernels = torch.rand(2, 1, 28, 28), torch.randn(4, 1, 5, 5)
    with torch.autocast("cpu", torch.bfloat16):
        pooled = convolve_and_pool(pixels, kernels)
    assert pooled.dtype == torch.bfloat16
    assert torch.allclose(pooled.float(), plainly(pixels, kernels, 1), atol=0.1)


def test_of_equal_values_exactly_one_has_the_gradient():
    values = torch.zeros(4, 3, 2, requires_grad=True)
    MaximumOfFour.apply(values).backward(torch.ones(3, 2))
    assert values.grad is not None
    assert torch.equal(values.grad.sum(0), torch.ones(3, 2))
    assert set(values.grad.unique().tolist()) == {0.0, 1.0}
