"""Choose where to train (CPU, CUDA or MPS) and in which precision."""

from __future__ import annotations

import torch

from mnist_classifier.core.errors import InvalidConfig


def choose_device(name: str) -> torch.device:
    """The device of this name; `auto` is the best one.  Raises InvalidConfig if it does not exist."""
    available = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name == "auto":
        name = next(device for device, present in available.items() if present)
    if not available[name]:
        raise InvalidConfig(f"PyTorch finds no {name} device; use auto or cpu", field="device")
    return torch.device(name)


def choose_precision(name: str, device: torch.device) -> torch.dtype:
    """The data type of this name; `auto` is bfloat16 if the hardware supports it, else float32."""
    if name != "auto":
        return torch.bfloat16 if name == "bfloat16" else torch.float32
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float32
    return torch.bfloat16 if device.type == "cpu" and _computes_in_bfloat16() else torch.float32


def _computes_in_bfloat16() -> bool:
    """Whether the processor has instructions for bfloat16, and oneDNN may use them (ONEDNN_MAX_CPU_ISA).

    Without them bfloat16 is 26 to 90 times slower than float32.
    """
    has_instructions: bool = torch.cpu.get_capabilities().get("avx512_bf16", False)
    return has_instructions and bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
