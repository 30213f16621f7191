"""BatchNorm and dropout for a batch whose images are spread over several processes."""

from __future__ import annotations

import math
from typing import Any, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm


class Sharing(Protocol):
    """What the layers need from the group of processes; see distributed.Group."""

    batch_size: int

    def add(self, values: Tensor) -> Tensor:
        """Replace values by their sums over all processes."""

    def part(self, values: Tensor) -> Tensor:
        """The shard of something that every process has for the whole batch."""


def share_layers(network: nn.Module, group: Sharing) -> None:
    """Let BatchNorm and dropout of a network work on the whole batch; its parameters and buffers stay the same."""
    for parent in list(network.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, _BatchNorm):
                setattr(parent, name, SharedBatchNorm(child, group))
            elif isinstance(child, nn.Dropout | nn.Dropout2d):
                setattr(parent, name, SharedDropout(child, group))


class SharedBatchNorm(nn.Module):
    """BatchNorm over the whole batch; parameters and buffers stay those of `original`.

    PyTorch's SyncBatchNorm refuses tensors on the CPU (ValueError in torch 2.13).
    """

    running_mean: Tensor
    running_var: Tensor
    num_batches_tracked: Tensor

    def __init__(self, original: _BatchNorm, group: Sharing) -> None:
        super().__init__()
        self.weight, self.bias = original.weight, original.bias
        for name, buffer in original.named_buffers():
            self.register_buffer(name, buffer)
        self.eps, self.momentum = original.eps, original.momentum or 0.0
        self.group = group

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, ...) of the shard -> the same shape."""
        mean, variance, count = self._statistics(x.detach())
        with torch.no_grad():
            self.num_batches_tracked.add_(1)
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(variance * (count / max(count - 1, 1)), self.momentum)
        normalised: Tensor = _Normalise.apply(  # type: ignore[no-untyped-call]
            x, self.weight, self.bias, mean, variance, count, self.eps, self.group
        )
        return normalised

    def _statistics(self, x: Tensor) -> tuple[Tensor, Tensor, int]:
        """Mean (C,), biased variance (C,) and number of values a channel, over the whole batch."""
        own = x.numel() // x.shape[1]
        sums = torch.zeros(2, x.shape[1], dtype=torch.float64, device=x.device)
        if own:
            # The running statistics are passed only to get float32 results for bfloat16 values.
            unused = torch.zeros_like(self.running_mean), torch.zeros_like(self.running_var)
            mean, variance = torch.batch_norm_update_stats(x, *unused, 0.0)
            sums = own * torch.stack([mean.double(), variance.double() + mean.double().square()])
        count = self.group.batch_size * math.prod(x.shape[2:])
        mean, square = self.group.add(sums) / count
        return mean.float(), (square - mean.square()).clamp(min=0).float(), count


class _Normalise(torch.autograd.Function):
    """Normalise by given statistics; the gradient takes into account that they depend on the whole batch."""

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        weight: Tensor,
        bias: Tensor,
        mean: Tensor,
        variance: Tensor,
        count: int,
        eps: float,
        group: Sharing,
    ) -> Tensor:
        ctx.save_for_backward(x, weight, mean, variance)
        ctx.count, ctx.eps, ctx.group = count, eps, group
        if not x.numel():
            return x.clone()
        return F.batch_norm(x, mean, variance, weight, bias, False, 0.0, eps)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Any:
        x, weight, mean, variance = ctx.saved_tensors
        of_x, of_weight, of_bias = gradient.clone(), torch.zeros_like(weight), torch.zeros_like(weight)
        if x.numel():
            of_x, of_weight, of_bias = torch.ops.aten.native_batch_norm_backward(
                gradient, x, weight, mean, variance, None, None, False, ctx.eps, [True, True, True]
            )
        # This is the gradient for constant statistics.  The correction is affine in x, so batch_norm computes it.
        sums = ctx.group.add(torch.stack([of_weight, of_bias]))
        slope, offset = sums * (weight * torch.rsqrt(variance + ctx.eps) / ctx.count)
        if x.numel():
            of_x = of_x - F.batch_norm(x, mean, variance, slope, offset, False, 0.0, ctx.eps)
        return of_x, of_weight, of_bias, None, None, None, None, None


class SharedDropout(nn.Module):
    """Dropout that draws for the whole batch, as one process would, and applies its shard."""

    def __init__(self, original: nn.Dropout | nn.Dropout2d, group: Sharing) -> None:
        super().__init__()
        self.probability = original.p
        self.whole_channels = isinstance(original, nn.Dropout2d)
        self.group = group

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, ...) of the shard -> the same shape."""
        if not self.probability:
            return x
        shape = (x.shape[1], 1, 1) if self.whole_channels else x.shape[1:]
        kept = x.new_empty(self.group.batch_size, *shape).bernoulli_(1 - self.probability)
        return x * self.group.part(kept.div_(1 - self.probability))
