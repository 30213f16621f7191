"""The route of drift: the readings compared with the validation images."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify

from mnist_classifier.core.errors import ModelCorrupt, ModelMissing
from mnist_classifier.web.services.services import services
from mnist_classifier.web.wire import drift as views
from mnist_classifier.web.wire.operation import describe
from mnist_classifier.web.wire.parameters import whole

blueprint = Blueprint("drift", __name__, url_prefix="/api/drift")

WEEK, YEAR = 168, 8760
HOURS = whole("hours", "how many hours back, the current one included", WEEK, 1, YEAR)


@blueprint.get("")
@describe(views.DriftReport, query=(HOURS,), errors=(ModelMissing, ModelCorrupt))
def get_drift() -> Response:
    """Compare the readings of the version in production with its validation images.

    Each server process writes its counts every ten seconds. They leave out readings with thresholds of the request,
    and pictures of several digits that were read as one.
    """
    hours = HOURS.read()
    version = services().model.current().version
    found = services().drift.look(version, hours)
    return jsonify(
        views.report(found.drift, found.periods, is_daily=found.is_daily, version=version.version, hours=hours)
    )
