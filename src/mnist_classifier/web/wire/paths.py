"""Hide folders of this computer in messages to strangers, who could learn user names from them."""

from __future__ import annotations

import functools
import os
import sys
import tempfile
from pathlib import Path

from mnist_classifier.core.settings import PACKAGE_DIR, Settings, checkout


def hide_paths(text: str, settings: Settings) -> str:
    """The text with each folder replaced by the variable that sets it, or by its purpose."""
    if os.sep not in text:
        return text
    for path, name in _names(settings):
        text = text.replace(path, name)
    return text


@functools.lru_cache(maxsize=8)
def _names(settings: Settings) -> list[tuple[str, str]]:
    """Folders and their names, the innermost folder first."""
    names: dict[Path, str] = {
        Path.home(): "~",
        Path(tempfile.gettempdir()): "(temporary folder)",
        Path(sys.prefix): "(Python)",
        PACKAGE_DIR: "(program)",
        settings.home: "MNIST_HOME",
    }
    if root := checkout():
        names[root.parent] = "(checkout)/.."
    if settings.data_dir is not None:
        names[settings.data_dir] = "MNIST_DATA_DIR"
    if settings.pen_dir is not None:
        names[settings.pen_dir] = "MNIST_PEN_DIR"
    named = [(str(path), name) for path, name in names.items() if len(path.parts) > 1]
    return sorted(named, key=lambda each: len(each[0]), reverse=True)
