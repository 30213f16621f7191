"""Personal models as the API takes and returns them."""

from __future__ import annotations

from typing import Annotated, TypedDict

from msgspec import Meta, Struct

from mnist_classifier.core.records import LONGEST_NAME
from mnist_classifier.learning.personal import FEWEST_EXAMPLES
from mnist_classifier.learning.personal_models import PersonalModelFacts
from mnist_classifier.web.wire.fields import Time, VersionNumber

WriterName = Annotated[
    str, Meta(min_length=1, max_length=LONGEST_NAME, description="name of the writer", examples=["Anna"])
]


class PersonalQuestion(Struct):
    """Whose corrections to learn from."""

    writer: WriterName


class PersonalFigures(TypedDict):
    """How the examples are read.

    Each is read by a model fitted to the others, so that the figures hold for what the writer writes next.
    """

    right_before: int
    right_after: int


class PersonalModel(TypedDict):
    """A personal model."""

    writer: str
    base_version: VersionNumber
    created_at: Time
    examples: int
    corrections: Annotated[list[int], Meta(description="numbers of the corrections that it learned from")]
    figures: PersonalFigures
    is_outdated: Annotated[
        bool, Meta(description="a correction was deleted or changed, so the model is made again when it reads next")
    ]


class PersonalModelList(TypedDict):
    """All personal models, by name."""

    models: list[PersonalModel]
    fewest_examples: Annotated[int, Meta(description="corrections that a personal model needs")]


class ForgottenModel(TypedDict):
    """The writer whose personal model was deleted."""

    forgotten: str


def model(facts: PersonalModelFacts) -> PersonalModel:
    """A personal model without its weights."""
    return {
        "writer": facts.writer,
        "base_version": facts.base_version,
        "created_at": facts.created_at.isoformat(),
        "examples": len(facts.corrections),
        "corrections": facts.corrections,
        "figures": {
            "right_before": facts.figures["right_before"],
            "right_after": facts.figures["right_after"],
        },
        "is_outdated": facts.is_outdated,
    }


def models(found: list[PersonalModelFacts]) -> PersonalModelList:
    """All personal models."""
    return {"models": [model(each) for each in found], "fewest_examples": FEWEST_EXAMPLES}
