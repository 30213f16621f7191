"""Reads handwritten digits.

    from mnist_classifier import Client, Recogniser
    Recogniser.load().read("seven.png").prediction
    Client("http://127.0.0.1:5000").predict("seven.png").prediction

The package is laid out in levels; imports go strictly downward, and only
`mnist_classifier.training` imports PyTorch.  docs/decisions.md says why.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mnist_classifier.client.client import Client as Client
    from mnist_classifier.core.errors import MnistError as MnistError
    from mnist_classifier.core.records import DigitInNumber as DigitInNumber
    from mnist_classifier.core.records import NumberReading as NumberReading
    from mnist_classifier.core.records import NumberVerdict as NumberVerdict
    from mnist_classifier.core.records import Reading as Reading
    from mnist_classifier.core.records import Verdict as Verdict
    from mnist_classifier.core.version import __version__ as __version__
    from mnist_classifier.recognition.recogniser import Recogniser as Recogniser

# Loaded when they are first asked for: NumPy and ONNX Runtime take tenths of a second.
_HOMES = {
    "Client": "client.client",
    "DigitInNumber": "core.records",
    "MnistError": "core.errors",
    "NumberReading": "core.records",
    "NumberVerdict": "core.records",
    "Reading": "core.records",
    "Recogniser": "recognition.recogniser",
    "Verdict": "core.records",
    "__version__": "core.version",
}
__all__ = [  # noqa: F822
    "Client",
    "DigitInNumber",
    "MnistError",
    "NumberReading",
    "NumberVerdict",
    "Reading",
    "Recogniser",
    "Verdict",
    "__version__",
]


def __getattr__(name: str) -> object:
    """An exported name, from the module where it lives."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    """All names of this module, including those that are not loaded yet."""
    return sorted({*globals(), *__all__})
