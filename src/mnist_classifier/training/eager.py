"""Optimizers that do not import torch.compile.

The wrappers of PyTorch's optimizer methods import it only to keep them out of compiled code.  We compile nothing, and
the import costs each training process a second.  Without the wrappers the methods compute the same.
"""

from __future__ import annotations

from inspect import unwrap
from typing import Any

import torch
from torch import optim


class Optimizer(optim.Optimizer):
    """Base class of our own optimizers."""

    add_param_group: Any = unwrap(optim.Optimizer.add_param_group)
    zero_grad: Any = unwrap(optim.Optimizer.zero_grad)
    state_dict: Any = unwrap(optim.Optimizer.state_dict)
    load_state_dict: Any = unwrap(optim.Optimizer.load_state_dict)


class AdamW(Optimizer, optim.AdamW):
    """PyTorch's AdamW."""

    step: Any = torch.no_grad()(unwrap(optim.AdamW.step))
