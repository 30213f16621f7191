"""Programs and packages that these tests need, and that a computer may lack."""

from __future__ import annotations

import os
import shutil
from types import ModuleType
from typing import NoReturn

import pytest


def program(name: str, how: str) -> str:
    """The path of a program; without it the test is skipped, or fails with CI=true.  how: how to install it."""
    return shutil.which(name) or missing(f"needs {name}: {how}")


def module(name: str) -> ModuleType:
    """A package of the development tools; without it the test is skipped, or fails with CI=true."""
    if os.environ.get("CI") == "true":
        return __import__(name)
    imported: ModuleType = pytest.importorskip(name, reason=f"needs {name}: make test-cluster installs it")
    return imported


def missing(reason: str) -> NoReturn:
    """Skip the test; fail it with CI=true."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)
