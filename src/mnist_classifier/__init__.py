"""Read handwritten digits.

    from mnist_classifier import Client, Recogniser
    Recogniser.load().read("seven.png").prediction
    Client("http://127.0.0.1:5000").predict("seven.png").prediction

Its subpackages form levels: each imports only from lower ones.  CONTRIBUTING.md lists
them.  Only `mnist_classifier.training` imports PyTorch.
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
    from mnist_classifier.recognition.numbers.expected import Expected as Expected
    from mnist_classifier.recognition.numbers.expected import Field as Field
    from mnist_classifier.recognition.recogniser import Recogniser as Recogniser

# Imported on first use, because importing NumPy and ONNX Runtime takes tenths of a second.
_MODULES = {
    "Client": "client.client",
    "DigitInNumber": "core.records",
    "Expected": "recognition.numbers.expected",
    "Field": "recognition.numbers.expected",
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
    "Expected",
    "Field",
    "MnistError",
    "NumberReading",
    "NumberVerdict",
    "Reading",
    "Recogniser",
    "Verdict",
    "__version__",
]


def __getattr__(name: str) -> object:
    """Import an exported name from its module."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    """All names, including those that are not imported yet."""
    return sorted({*globals(), *__all__})
