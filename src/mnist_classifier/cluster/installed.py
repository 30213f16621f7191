"""Whether the extra `cluster` is installed; importing this module loads none of it."""

from __future__ import annotations

import importlib.util

from mnist_classifier.core.errors import ClusterUnavailable

NEEDED = ("ray", "pyarrow", "fsspec")


def check_installed() -> None:
    """Raise ClusterUnavailable if Ray or a package that reading at scale needs is missing."""
    if not all(importlib.util.find_spec(name) for name in NEEDED):
        raise ClusterUnavailable(
            '--engine ray needs Ray, which is not installed. In the checkout, run: pip install ".[cluster]"'
        )
