"""The routes of readings to label: those of which the model is unsure."""

from __future__ import annotations

import numpy as np
from flask import Blueprint, Response, jsonify, request
from msgspec import UNSET
from msgspec.json import Decoder

from mnist_classifier.core.arrays import SIDE_PX, Bytes
from mnist_classifier.core.errors import ModelCorrupt, ModelMissing, ProposalMissing
from mnist_classifier.core.records import Reading
from mnist_classifier.learning.corrections import NewCorrection
from mnist_classifier.learning.proposals import MOST_KEPT
from mnist_classifier.web.services.services import services
from mnist_classifier.web.wire import corrections
from mnist_classifier.web.wire import proposals as views
from mnist_classifier.web.wire.bodies import parse
from mnist_classifier.web.wire.operation import describe
from mnist_classifier.web.wire.parameters import whole
from mnist_classifier.web.wire.proposals import ProposalNumber

blueprint = Blueprint("proposals", __name__, url_prefix="/api/proposals")

LIMIT = whole("limit", "largest number of readings", 20, 1, 100)

_label = Decoder(views.GivenLabel)


@blueprint.get("")
@describe(views.Proposals, query=(LIMIT,), errors=(ModelMissing, ModelCorrupt))
def list_proposals() -> Response:
    """List the uncertain readings whose labels teach the model most: uncertain, and different from each other.

    After a promotion, the new version reads them again first.
    """
    store, settings, loaded = services().proposals, services().settings, services().model.current()

    def read(glyphs: Bytes) -> list[Reading]:
        return [loaded.recogniser.judge(opinion) for opinion in loaded.recogniser.opinions(glyphs)]

    store.read_again(loaded.version.version, read)
    return jsonify(
        {
            "is_on": bool(settings.propose),
            "count": store.count(),
            "most": MOST_KEPT,
            "days": settings.corrections_days,
            "proposals": [views.proposal(each) for each in store.best(LIMIT.read())],
        }
    )


@blueprint.post("/<int:number>")
@describe(corrections.ChangedCorrection, status=201, also_status=200, body=views.GivenLabel, errors=(ProposalMissing,))
def label_proposal(number: ProposalNumber) -> tuple[Response, int]:
    """Label a reading. This makes a correction, and the reading no longer waits."""
    body = parse(request.get_data(cache=False), _label)
    found = services().proposals.get(number)
    added = services().corrections.add(
        NewCorrection(
            glyph=np.frombuffer(found.glyph, np.uint8).reshape(SIDE_PX, SIDE_PX),
            label=corrections.label_number(body.label),
            source="page",
            writer="" if body.writer is UNSET else body.writer,
            reading=views.given(found),
            model_version=found.model_version,
        )
    )
    return jsonify(corrections.changed(added)), 200 if added.merged else 201


@blueprint.delete("/<int:number>")
@describe(views.SkippedProposal, errors=(ProposalMissing,))
def skip_proposal(number: ProposalNumber) -> Response:
    """Skip a reading. This deletes it."""
    services().proposals.delete(number)
    return jsonify({"deleted": number})
