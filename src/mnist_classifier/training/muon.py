"""Muon: a matrix moves along the nearest matrix whose singular values are equal.

Source: Jordan et al. 2024, "Muon: An optimizer for hidden layers in neural
networks", and Liu et al. 2025, arXiv:2502.16982, for the length of a step.
PyTorch's own torch.optim.Muon takes matrices alone, no convolution kernels.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

# Of the polynomial that drives singular values towards 1 (Jordan et al. 2024).
COEFFICIENTS = (3.4445, -4.7750, 2.0315)


class Muon(Optimizer):
    """Moves matrices and convolution kernels, whose output is their first dimension.

    lr: the root mean square by which a step moves the values of a parameter.
    momentum: memory of the gradient, 0 to 1.  iterations: of the polynomial.
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
        memory = state["momentum"]
        memory.lerp_(gradient, 1 - group["momentum"])
        # As Nesterov looks ahead.
        ahead = gradient.lerp(memory, group["momentum"])
        direction = orthogonalised(ahead.reshape(len(ahead), -1), self.iterations)
        # Of R by C values with singular values of 1, the mean square is 1 / max(R, C).
        length = group["lr"] * max(direction.shape) ** 0.5
        parameter.mul_(1 - group["lr"] * group["weight_decay"])
        parameter.add_(direction.reshape(parameter.shape), alpha=-length)


def orthogonalised(matrix: Tensor, iterations: int) -> Tensor:
    """(R, C) -> the same with singular values of about 1; a matrix of zeros stays one.

    The polynomial is of X X^T alone, so only the first and the last product
    are as long as the longer side: a third of the time of the usual way.
    """
    a, b, c = COEFFICIENTS
    x = matrix if len(matrix) <= matrix.shape[1] else matrix.T
    square = x @ x.T
    # The trace is the sum of the squares of the singular values, so none exceeds 1 after this.
    size = square.trace().sqrt().clamp(min=1e-12)
    square = square / size.square()
    factor = torch.eye(len(x), dtype=x.dtype, device=x.device) / size
    for _ in range(iterations):
        change = torch.addmm(square, square, square, beta=b, alpha=c)
        change.diagonal().add_(a)
        factor = change @ factor
        square = change @ square @ change
    result = factor @ x
    return result if len(matrix) <= matrix.shape[1] else result.T
