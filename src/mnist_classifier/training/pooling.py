"""The first convolution as a matrix product, and with its pooling as one more and three maxima.

With one grey channel in, a library's convolution has next to nothing to
multiply, and its pooling goes through memory value by value.  Here the windows
under each 2x2 square of outputs become one row of a matrix; the product with
four shifted copies of the kernels gives the four values of the square as four
contiguous matrices, and maxima of those run at the speed of the cache.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor


def convolve(pixels: Tensor, kernels: Tensor) -> Tensor:
    """conv2d(pixels, kernels, padding="same") of one channel.

    pixels: (N, 1, S, S), to which no gradient flows; kernels: (C, 1, K, K), K odd.
    Returns (N, C, S, S) in channels_last.
    """
    pixels, kernels = _as_autocast(pixels, kernels)
    count, _, side, _ = pixels.shape
    outputs, kernel = len(kernels), kernels.shape[-1]
    with torch.no_grad():
        padded = F.pad(pixels[:, 0], (kernel // 2,) * 4)
        windows = padded.unfold(1, kernel, 1).unfold(2, kernel, 1).reshape(-1, kernel * kernel)
    with torch.autocast(pixels.device.type, enabled=False):
        convolved = windows @ kernels.flatten(1).T  # (N*S*S, C)
    return convolved.view(count, side, side, outputs).permute(0, 3, 1, 2)


def convolve_and_pool(pixels: Tensor, kernels: Tensor, patch: int = 1) -> Tensor:
    """max_pool2d(conv2d(pixel_unshuffle(pixels, patch), kernels, padding="same"), 2).

    pixels: (N, 1, S, S), to which no gradient flows; kernels: (C, patch * patch, K, K), K odd.
    Returns (N, C, S/patch/2, S/patch/2) in channels_last.  S/patch must be even.
    """
    pixels, kernels = _as_autocast(pixels, kernels)
    count, outputs, kernel = len(pixels), len(kernels), kernels.shape[-1]
    with torch.no_grad():
        windows = pooling_windows(pixels[:, 0], kernel, patch)
    with torch.autocast(pixels.device.type, enabled=False):
        squares = torch.stack([windows @ copy.T for copy in shifted_kernels(kernels, patch)])  # (4, N*H*W, C)
    pooled: Tensor = MaximumOfFour.apply(squares)  # type: ignore[no-untyped-call]
    side = pixels.shape[-1] // (2 * patch)
    return pooled.view(count, side, side, outputs).permute(0, 3, 1, 2)


def _as_autocast(pixels: Tensor, kernels: Tensor) -> tuple[Tensor, Tensor]:
    if not torch.is_autocast_enabled(pixels.device.type):
        return pixels, kernels
    dtype = torch.get_autocast_dtype(pixels.device.type)
    return pixels.to(dtype), kernels.to(dtype)


def pooling_windows(pixels: Tensor, kernel: int, patch: int) -> Tensor:
    """(N, S, S) -> (N*H*W, E*E): the pixels that each 2x2 square of outputs sees, row by row."""
    edge, border = (kernel + 1) * patch, kernel // 2 * patch
    padded = F.pad(pixels, (border, border, border, border))
    return padded.unfold(1, edge, 2 * patch).unfold(2, edge, 2 * patch).reshape(-1, edge * edge)


def shifted_kernels(kernels: Tensor, patch: int) -> list[Tensor]:
    """(C, P*P, K, K) -> four times (C, E*E): the kernels at the four places of a 2x2 square, in pixels."""
    outputs, _, kernel, _ = kernels.shape
    in_pixels = kernels.view(outputs, patch, patch, kernel, kernel).permute(0, 3, 1, 4, 2)
    in_pixels = in_pixels.reshape(outputs, kernel * patch, kernel * patch)
    return [
        F.pad(in_pixels, (right, patch - right, down, patch - down)).flatten(1)
        for down in (0, patch)
        for right in (0, patch)
    ]


class MaximumOfFour(torch.autograd.Function):
    """(4, M, C) -> (M, C), the maximum over the first axis; of equals, one has the gradient.

    The gradient is passed on by threshold_backward, which is vectorised in
    every precision; products with a mask are not.
    """

    @staticmethod
    def forward(context: Any, values: Tensor) -> Tensor:
        """Take the maxima of two pairs, then theirs."""
        pairs = torch.maximum(values[0::2], values[1::2])  # (2, M, C)
        context.save_for_backward(values, pairs)
        return torch.maximum(pairs[0], pairs[1])

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> Tensor:
        """Send each gradient where its maximum came from."""
        values, pairs = context.saved_tensors
        of_pairs, of_values = torch.empty_like(pairs), torch.empty_like(values)
        _share(gradient.contiguous(), pairs[0], pairs[1], of_pairs[0], of_pairs[1])
        for pair in (0, 1):
            first, second = 2 * pair, 2 * pair + 1
            _share(of_pairs[pair], values[first], values[second], of_values[first], of_values[second])
        return of_values


def _share(gradient: Tensor, first: Tensor, second: Tensor, to_first: Tensor, to_second: Tensor) -> None:
    """Write the gradient of maximum(first, second) into the last two; it is the second's where they are equal."""
    torch.ops.aten.threshold_backward(gradient, first - second, 0, grad_input=to_first)
    torch.sub(gradient, to_first, out=to_second)
