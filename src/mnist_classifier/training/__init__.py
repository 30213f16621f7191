"""Train networks.  Only this package imports PyTorch.

from mnist_classifier.training import load_model, train_recipe
"""

from __future__ import annotations

import importlib
import os
from typing import TYPE_CHECKING

from mnist_classifier.core.errors import TrainingUnavailable
from mnist_classifier.training.memory import keep_freed_memory

if TYPE_CHECKING:
    from mnist_classifier.training.recipe import load_model as load_model
    from mnist_classifier.training.recipe import train_recipe as train_recipe
    from mnist_classifier.training.release.finished import FinishedTraining as FinishedTraining

# GNU OpenMP's threads spin while they wait, by default so long that one other busy process makes a training ten times
# slower (0.8 -> 10 s, two cores).  With this count it is 4 times slower, and 5 % slower alone.  It must be set before
# PyTorch is loaded.
os.environ.setdefault("GOMP_SPINCOUNT", "10000")
keep_freed_memory()

# Imported on first use, because PyTorch takes seconds to import.
_MODULES = {"FinishedTraining": "release.finished", "load_model": "recipe", "train_recipe": "recipe"}
__all__ = ["FinishedTraining", "load_model", "train_recipe"]  # noqa: F822


def __getattr__(name: str) -> object:
    """Import an exported name from its module.  Raises TrainingUnavailable without PyTorch."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)
    except ModuleNotFoundError as error:
        raise TrainingUnavailable.without(error.name) from error


def __dir__() -> list[str]:
    """All names, including those that are not imported yet."""
    return sorted({*globals(), *__all__})
