"""How many lines a network reads exactly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from mnist_classifier.core.arrays import Floats
from mnist_classifier.recognition.numbers.line_reader import CLASSES
from mnist_classifier.training.line_reader.batches import Batch
from mnist_classifier.training.line_reader.network import LineNetwork, predict_log_probabilities


@dataclass(frozen=True)
class Share:
    """How many lines of a kind were read exactly."""

    lines: int
    exact: int

    @property
    def value(self) -> float:
        """The share, from 0 to 1; 0 without lines."""
        return self.exact / max(self.lines, 1)

    def __str__(self) -> str:
        return f"{self.value:.2%} of {self.lines:,}"


@dataclass(frozen=True)
class Scores:
    """All lines, those of digits alone, and those of digits alone that touch."""

    all: Share
    digits_only: Share
    touching: Share

    def by_name(self) -> dict[str, Share]:
        """The shares by the names of their fields."""
        return {"all": self.all, "digits_only": self.digits_only, "touching": self.touching}

    def __str__(self) -> str:
        return f"exact {self.all}; digits only {self.digits_only}; touching digits {self.touching}"


def decode(log_probabilities: Floats) -> str:
    """The text of the most probable label of each frame of (T, LABELS): repeated labels and blanks fall away."""
    labels = log_probabilities.argmax(axis=1).tolist()
    return "".join(
        CLASSES[label - 1] for before, label in zip([0, *labels], labels, strict=False) if label not in (0, before)
    )


def score(network: LineNetwork, batches: Sequence[Batch]) -> Scores:
    """Read all lines greedily and count the exact ones."""
    rows: list[tuple[bool, bool, bool]] = []
    for batch in batches:
        opinions = predict_log_probabilities(network, torch.from_numpy(batch.lines)).numpy()
        for opinion, text, frames, touches in zip(opinions, batch.texts, batch.frames, batch.touches, strict=True):
            rows.append((decode(opinion[:frames]) == text, text.isdigit(), touches))
    return Scores(
        _share([exact for exact, _, _ in rows]),
        _share([exact for exact, is_number, _ in rows if is_number]),
        _share([exact for exact, is_number, touches in rows if is_number and touches]),
    )


def _share(exact: Sequence[bool]) -> Share:
    return Share(len(exact), sum(exact))
