"""Readings to label as the API takes and returns them."""

from __future__ import annotations

from typing import Annotated, TypedDict, cast

import numpy as np
from msgspec import UNSET, Meta, Struct, UnsetType

from mnist_classifier.core.arrays import SIDE_PX
from mnist_classifier.core.records import LARGEST_ID
from mnist_classifier.learning import proposals as learning
from mnist_classifier.web.wire import readings
from mnist_classifier.web.wire.corrections import GivenReading, Label, Writer
from mnist_classifier.web.wire.fields import Picture, Time, VersionNumber

ProposalNumber = Annotated[int, Meta(ge=0, le=LARGEST_ID, description="number of the reading to label")]


class Proposal(TypedDict):
    """An uncertain reading that waits for a label."""

    id: ProposalNumber
    created_at: Time
    glyph: Picture
    reading: GivenReading
    model_version: VersionNumber


class Proposals(TypedDict):
    """The most informative readings, best first."""

    is_on: Annotated[bool, Meta(description="whether uncertain readings are stored: MNIST_PROPOSE=1")]
    count: Annotated[int, Meta(description="readings that wait")]
    most: Annotated[int, Meta(description="largest number that is kept")]
    days: Annotated[int, Meta(description="days until one is deleted; 0: never")]
    proposals: list[Proposal]


class GivenLabel(Struct):
    """What a reading shows, as a person says."""

    label: Annotated[Label, Meta(examples=[7])]
    writer: Writer | UnsetType = UNSET


class SkippedProposal(TypedDict):
    """A reading that was skipped."""

    deleted: ProposalNumber


def proposal(found: learning.Proposal) -> Proposal:
    """A reading with its glyph as a picture."""
    view = {
        "id": found.id,
        "created_at": found.created_at.isoformat(),
        "glyph": readings.picture(np.frombuffer(found.glyph, np.uint8).reshape(SIDE_PX, SIDE_PX)),
        "reading": given(found),
        "model_version": found.model_version,
    }
    return cast(Proposal, view)


def given(found: learning.Proposal) -> dict[str, object]:
    """The stored reading as a correction has it."""
    return {name: found.reading[name] for name in GivenReading.__struct_fields__}
