"""Check before a run starts that there are corrections to learn from.  Needs no PyTorch."""

from __future__ import annotations

from mnist_classifier.core.database import Store
from mnist_classifier.core.errors import InvalidConfig
from mnist_classifier.core.train_config import TrainConfig
from mnist_classifier.learning.correction_queries import CorrectionQueries

# The record of a run's corrections, among the facts about its environment.
RECORD = "corrections"
NO_CORRECTIONS = (
    "there are no corrections to learn from; correct some readings on the page Draw or with `mnist correct`, "
    "then train again"
)
NONE_AGREED = (
    "none of the corrections can be learned: each drawing has two labels, or shows what this network has no class for; "
    "choose one label for each on the page Corrections, then train again"
)
ALL_HELD_OUT = "all corrections are held out to measure the gain, so none is left to learn; add more, then train again"


def check_corrections(store: Store, config: TrainConfig) -> None:
    """Raise InvalidConfig if a training wants corrections and none is stored."""
    if config.corrections_share and not CorrectionQueries(store).count():
        raise InvalidConfig(NO_CORRECTIONS, field="recipe")
