from __future__ import annotations

import pytest

from mnist_classifier.evaluation.robustness import measures
from mnist_classifier.evaluation.robustness.pages.kinds import KINDS


@pytest.fixture
def few_kinds_of_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """The suite measures three kinds of pages, so that it takes seconds."""
    monkeypatch.setattr(measures, "KINDS", {kind: KINDS[kind] for kind in ("table", "dates_slashes", "struck")})
