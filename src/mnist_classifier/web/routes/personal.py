"""The routes of personal models: what a writer's corrections add to the model in production."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify, request
from msgspec.json import Decoder

from mnist_classifier.core.errors import InvalidInput, ModelCorrupt, ModelMissing, PersonalModelMissing, TooFewExamples
from mnist_classifier.core.records import LONGEST_NAME
from mnist_classifier.learning.writers import checked_writer
from mnist_classifier.web.services.services import services
from mnist_classifier.web.wire import personal as views
from mnist_classifier.web.wire.bodies import parse
from mnist_classifier.web.wire.operation import describe
from mnist_classifier.web.wire.parameters import unchecked

blueprint = Blueprint("personal", __name__, url_prefix="/api/personal")

# In the query: a name may hold a slash, and the access log has paths.
WRITER = unchecked("writer", "name of the writer", {"minLength": 1, "maxLength": LONGEST_NAME})
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
    """Make a personal model from the corrections of a writer. It replaces an older one.

    Needs ten corrections or more. Takes a second or two.
    """
    writer = parse(request.get_data(cache=False), _question).writer
    version = services().model.current().version.version
    return jsonify(views.model(services().personal.fit(writer, version))), 201


@blueprint.delete("")
@describe(views.ForgottenModel, query=(WRITER,), errors=(InvalidInput, PersonalModelMissing))
def forget() -> Response:
    """Delete the personal model of `writer`. The corrections stay."""
    writer = checked_writer(WRITER.read() or "")
    if not writer:
        raise InvalidInput("name the writer whose personal model to delete: ?writer=", field="writer")
    services().personal.forget(writer)
    return jsonify({"forgotten": writer})
