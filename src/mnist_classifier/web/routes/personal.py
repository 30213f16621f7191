"""The routes of personal models: what a writer's corrections add to the model in production."""

from __future__ import annotations

from typing import Annotated

from flask import Blueprint, Response, jsonify, request
from msgspec import Meta
from msgspec.json import Decoder

from mnist_classifier.core.errors import InvalidInput, ModelCorrupt, ModelMissing, PersonalModelMissing, TooFewExamples
from mnist_classifier.core.records import LONGEST_NAME
from mnist_classifier.learning.corrections import checked_writer
from mnist_classifier.web.services.services import services
from mnist_classifier.web.wire import personal as views
from mnist_classifier.web.wire.bodies import parse
from mnist_classifier.web.wire.operation import describe

blueprint = Blueprint("personal", __name__, url_prefix="/api/personal")

Writer = Annotated[str, Meta(max_length=LONGEST_NAME, description="name of the writer")]
_question = Decoder(views.PersonalQuestion)


@blueprint.get("")
@describe(views.PersonalModelList)
def list_models() -> Response:
    """List the personal models."""
    return jsonify(views.models(services().personal.all()))


@blueprint.post("")
@describe(
    views.PersonalModel,
    status=201,
    body=views.PersonalQuestion,
    errors=(TooFewExamples, ModelMissing, ModelCorrupt),
)
def personalise() -> tuple[Response, int]:
    """Learn a writer's handwriting from the corrections with that name, in place of an older personal model.

    Needs ten corrections or more. Takes a second or two.
    """
    writer = parse(request.get_data(cache=False), _question).writer
    version = services().model.current().version.version
    return jsonify(views.model(services().personal.fit(writer, version))), 201


@blueprint.get("/<path:writer>")
@describe(views.PersonalModel, errors=(InvalidInput, PersonalModelMissing))
def get_model(writer: Writer) -> Response:
    """Get one personal model."""
    return jsonify(views.model(services().personal.get(writer)))


@blueprint.delete("/<path:writer>")
@describe(views.ForgottenModel, errors=(InvalidInput, PersonalModelMissing))
def forget(writer: Writer) -> Response:
    """Delete a personal model. The corrections stay."""
    services().personal.forget(writer)
    return jsonify({"forgotten": checked_writer(writer)})
