"""What `import mnist_classifier` gives."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import mnist_classifier


def test_every_exported_name_is_there_and_no_other():
    for name in mnist_classifier.__all__:
        assert getattr(mnist_classifier, name) is not None
        assert name in dir(mnist_classifier)
    assert set(mnist_classifier.__all__) == set(mnist_classifier._MODULES)
    with pytest.raises(AttributeError, match="no attribute 'Recognizer'"):
        mnist_classifier.Recognizer  # noqa: B018


def test_importing_the_package_loads_nothing_of_it():
    code = (
        "import sys, mnist_classifier; print([name for name in sys.modules if name.startswith('mnist_classifier.')])\n"
        "from mnist_classifier import Reading; print('numpy' in sys.modules)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.splitlines() == ["[]", "False"]


def test_type_checkers_are_told_that_there_are_types(tmp_path: Path):
    assert (Path(mnist_classifier.__file__).parent / "py.typed").is_file()
    (tmp_path / "user.py").write_text(
        "from mnist_classifier import Client, Recogniser\n"
        "reveal_type(Recogniser.load().read('seven.png').prediction)\n"
        "reveal_type(Client('http://127.0.0.1:5000').number('house.png').number)\n"
    )
    root = Path(mnist_classifier.__file__).parents[2]
    # Nothing of other packages is asked, and to read NumPy's types takes most of the time.
    options = ["--cache-dir", str(tmp_path), "--strict", "--follow-imports=silent", "--no-site-packages"]
    result = subprocess.run(
        [sys.executable, "-m", "mypy", *options, "user.py"],
        cwd=tmp_path, env={**os.environ, "MYPYPATH": str(root / "src")}, capture_output=True, text=True,
    )  # fmt: skip
    assert "int | None" in result.stdout
    assert "str | None" in result.stdout
