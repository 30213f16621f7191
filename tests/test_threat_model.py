"""Each line of docs/security.md names a test that exists."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def lines() -> list[list[str]]:
    """The rows of the table: threat, answer, test."""
    text = (ROOT / "docs" / "security.md").read_text("utf-8")
    rows = [row.strip("|").split(" | ") for row in text.splitlines() if row.startswith("| ")]
    return [[cell.strip() for cell in row] for row in rows[1:]]


@pytest.mark.parametrize("row", lines(), ids=lambda row: row[0][:50])
def test_a_threat_has_an_answer_and_a_test_that_exists(row: list[str]):
    threat, answer, test = row
    assert threat
    assert answer
    found = re.fullmatch(r"`(tests/[\w/]+\.py)::(test_\w+)`", test)
    assert found is not None, test
    path, name = found.groups()
    tree = ast.parse((ROOT / path).read_text("utf-8"))
    assert name in {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def test_there_are_threats():
    assert len(lines()) > 20
