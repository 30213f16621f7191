"""Muon: an optimizer that changes a weight matrix equally strongly in all directions.

It replaces the gradient by the nearest matrix whose singular values are all equal.

Source: Jordan et al. 2024, "Muon: An optimizer for hidden layers in neural networks", and Liu et al. 2025,
arXiv:2502.16982, for the length of a step.  Why not torch.optim.Muon: docs/experiments.md, "PyTorch's Muon".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor

from mnist_classifier.training.eager import Optimizer

# Coefficients of the polynomial that moves singular values towards 1 (Jordan et al. 2024).
COEFFICIENTS = (3.4445, -4.7750, 2.0315)


class Muon(Optimizer):
    """Muon for matrices and convolution kernels whose first dimension is the output.

    lr: root mean square of the change of a parameter's values in one step.
    momentum: decay of the mean gradient, 0 to 1.  iterations: how often the polynomial is applied.
    """

    def __init__(
        self, params: Iterable[Tensor], *, lr: float, momentum: float, weight_decay: float, iterations: int = 3
    ) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})
        self.iterations = iterations

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """Move every parameter that has a gradient."""
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    self._move(parameter, parameter.grad, group)

    def _move(self, parameter: Tensor, gradient: Tensor, group: dict[str, Any]) -> None:
        state = self.state[parameter]
        if not state:
            state["momentum"] = torch.zeros_like(parameter)
        mean_gradient = state["momentum"]
        mean_gradient.lerp_(gradient, 1 - group["momentum"])
        # Nesterov momentum.
        ahead = gradient.lerp(mean_gradient, group["momentum"])
        direction = orthogonalised(ahead.reshape(len(ahead), -1), self.iterations)
        # The values of an R by C matrix with singular values of 1 have a mean square of 1 / max(R, C).
        length = group["lr"] * max(direction.shape) ** 0.5
        parameter.mul_(1 - group["lr"] * group["weight_decay"])
        parameter.add_(direction.reshape(parameter.shape), alpha=-length)


def orthogonalised(matrix: Tensor, iterations: int) -> Tensor:
    """(R, C) -> the same singular vectors with singular values of about 1; zeros stay zeros.

    The polynomial depends on X X^T alone, so the iterations work on matrices of the shorter side.  That takes a third
    of the usual time.
    """
    a, b, c = COEFFICIENTS
    x = matrix if len(matrix) <= matrix.shape[1] else matrix.T
    square = x @ x.T
    # The trace is the sum of the squared singular values, so none exceeds 1 after the division.
    size = square.trace().sqrt().clamp(min=1e-12)
    square = square / size.square()
    factor = torch.eye(len(x), dtype=x.dtype, device=x.device) / size
    for left in reversed(range(iterations)):
        change = torch.addmm(square, square, square, beta=b, alpha=c)
        change.diagonal().add_(a)  # a I + b S + c S^2
        factor = change @ factor
        if left:
            square = change @ square @ change
    result = factor @ x
    return result if len(matrix) <= matrix.shape[1] else result.T
