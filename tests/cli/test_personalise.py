from __future__ import annotations

import pytest
from click.testing import CliRunner

from mnist_classifier.cli.main import main
from mnist_classifier.core.database import Store
from mnist_classifier.core.settings import Settings
from mnist_classifier.learning.corrections import Corrections, NewCorrection
from tests.handwriting import LETTER_X
from tests.learning.test_personal import drawn


def mnist(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(main, arguments)
    return result.exit_code, result.output.strip()


def test_a_writer_is_learned_listed_and_forgotten(settings: Settings, store: Store, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("MNIST_HOME", str(settings.home))
    assert mnist("personalise") == (0, "there are no personal models")
    code, said = mnist("personalise", "Anna")
    assert (code, "needs at least 10 corrections" in said) == (1, True)
    Corrections(store).add_many([NewCorrection(glyph, 4, "cli", "Anna") for glyph in drawn(LETTER_X, 10)])
    code, made = mnist("personalise", "Anna")
    assert (code, made.startswith("Anna: made from 10 corrections for version 0; reads ")) == (0, True), made
    assert mnist("personalise") == (0, made)
    assert mnist("personalise", "Anna", "--forget")[1].startswith("the personal model for Anna was deleted")
    assert mnist("personalise", "--forget")[0] == 2
    assert mnist("personalise", "Anna", "--forget")[0] == 1
    assert Corrections(store).count() == 10
