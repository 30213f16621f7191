"""The import law and the other promises of the layout (docs/decisions.md says why)."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.checkout import ROOT

PACKAGE = ROOT / "src" / "mnist_classifier"
SOURCES = sorted(PACKAGE.rglob("*.py"))

# Unpickling runs whatever code the file holds: model files are safetensors, ONNX and JSON.
PICKLES = ("pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal")
UNSAFE_TORCH = ("torch.load", "torch.save", "torch.jit", "torch.package")


def run_python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, encoding="utf-8", timeout=120)


def test_import_contracts_hold() -> None:
    result = run_python("from importlinter.cli import lint_imports_command as run; run()")
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize(
    "module",
    [
        "web.app",
        "web.server.server",
        "cli.main",
        "evaluation.explore",
        "runs.jobs",
        "recognition.recogniser",
        "registry.versions",
    ],
)
def test_server_never_holds_torch(module: str) -> None:
    result = run_python(
        f"import sys, mnist_classifier.{module};"
        "print(sorted({'torch', 'onnx', 'safetensors.torch'} & set(sys.modules)))"
    )
    assert (result.stdout.strip(), result.stderr) == ("[]", "")


def test_no_module_is_called_utils() -> None:
    assert not [path for path in SOURCES if path.stem in ("utils", "util", "helpers", "common", "misc")]


def dotted_names(path: Path) -> Iterator[str]:
    """Every module that a file imports and every `a.b` that it uses, written out."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module or ''}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Attribute):
            yield ast.unparse(node)
        elif isinstance(node, ast.keyword) and node.arg:
            yield f"{node.arg}={ast.unparse(node.value)}"


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_nothing_is_pickled(path: Path) -> None:
    names = set(dotted_names(path))
    assert not {name for name in names if name.split(".")[0] in PICKLES}
    assert not {name for name in names if name.startswith(UNSAFE_TORCH)}
    assert "allow_pickle=True" not in names
