"""The routes of model versions."""

from __future__ import annotations

import hashlib
import io
from typing import Any

from flask import Blueprint, Response, jsonify, request, send_file, url_for
from msgspec.json import Decoder

from mnist_classifier.core.errors import (
    AliasMoved,
    DataCorrupt,
    DataMissing,
    InvalidArchive,
    InvalidInput,
    LessAccurate,
    ModelCorrupt,
    ModelError,
    ModelInUse,
    NotForBrowsers,
    NothingToRollBack,
    TokenMissing,
    TokenWrong,
    VersionMissing,
)
from mnist_classifier.core.records import ModelVersion
from mnist_classifier.data.splits import MEASURED_SPLITS, VALIDATION
from mnist_classifier.evaluation import comparison, promotion
from mnist_classifier.evaluation.acceptance import archive
from mnist_classifier.registry.aliases import BOX
from mnist_classifier.web.offline.pack import pack
from mnist_classifier.web.services.services import services
from mnist_classifier.web.wire import models as views
from mnist_classifier.web.wire.bodies import Archive, ModelChanges, Move, parse
from mnist_classifier.web.wire.fields import VersionNumber
from mnist_classifier.web.wire.operation import describe
from mnist_classifier.web.wire.parameters import choice, whole

blueprint = Blueprint("models", __name__)

Reply = tuple[Response, int]

# The actor of promotions, in their history.
ACTOR = "web"
_changes, _mover = Decoder(ModelChanges), Decoder(Move)
LONGEST_HISTORY = 500
# A page of images is enough to see how two models differ.
MOST_IMAGES = 200

MOVES = whole("limit", "largest number of entries", 50, 1, LONGEST_HISTORY)
IMAGES = whole("limit", "largest number of images", 50, 1, MOST_IMAGES)
SPLIT = choice("split", "split of MNIST", VALIDATION, MEASURED_SPLITS)


@blueprint.get("/api/models")
@describe(views.ModelList)
def list_models() -> Response:
    """List all model versions, newest first, with aliases and unreadable versions."""
    registry = services().registry
    aliases = registry.aliases.all()
    models = [views.entry(version, aliases, registry.robustness(version)) for version in registry.versions()]
    set_aside = views.set_aside(registry.set_aside(), services().settings)
    previous = registry.aliases.previous()
    return jsonify({"aliases": aliases, "roll_back_to": previous, "models": models, "set_aside": set_aside})


@blueprint.get("/api/models/<int:version>")
@describe(views.ModelDetails, errors=(VersionMissing, ModelCorrupt))
def get_model(version: VersionNumber) -> Response:
    """Get one version with its files, training and promotion check."""
    registry = services().registry
    found, champion = registry.get(version), registry.aliases.production()
    check = None if champion == version else promotion.compare(registry, registry.get(champion), found)
    return jsonify({**_entry(found), **views.facts(found), "gate": check})


@blueprint.patch("/api/models/<int:version>")
@describe(views.ModelEntry, body=ModelChanges, errors=(VersionMissing, ModelInUse))
def edit_model(version: VersionNumber) -> Response:
    """Change the name or note of a version."""
    body = parse(request.get_data(cache=False), _changes)
    changes = _stored(name=body.name, note=body.note)
    if not changes:
        raise InvalidInput('nothing to change: send {"name": "..."} or {"note": "..."}')
    return jsonify(_entry(services().registry.edit(version, **changes)))


@blueprint.delete("/api/models/<int:version>")
@describe(views.Deleted, errors=(VersionMissing, ModelInUse))
def delete_model(version: VersionNumber) -> Response:
    """Delete a version that is neither production nor challenger."""
    services().registry.delete(version)
    return jsonify({"deleted": version})


@blueprint.post("/api/models/<int:version>/promote")
@describe(
    views.ModelEntry,
    body=Move,
    body_required=False,
    errors=(VersionMissing, ModelCorrupt, AliasMoved, LessAccurate),
)
def promote_model(version: VersionNumber) -> Response:
    """Promote a version to production; a less accurate one needs `confirm`."""
    registry = services().registry
    promotion.promote(registry, version, actor=ACTOR, **_move())
    return jsonify(_entry(registry.get(version)))


@blueprint.post("/api/models/rollback")
@describe(
    views.ModelEntry,
    body=Move,
    body_required=False,
    errors=(AliasMoved, LessAccurate, NothingToRollBack, VersionMissing, ModelCorrupt),
)
def roll_back() -> Response:
    """Roll production back by one promotion; a less accurate version needs `confirm`."""
    registry = services().registry
    version = promotion.roll_back(registry, actor=ACTOR, **_move())
    return jsonify(_entry(registry.get(version)))


@blueprint.get("/api/models/promotions")
@describe(views.Promotions, query=(MOVES,))
def list_promotions() -> Response:
    """List all promotions and rollbacks, newest first."""
    moves = services().registry.aliases.history(limit=MOVES.read())
    return jsonify({"promotions": [views.promotion(move) for move in moves]})


@blueprint.get("/api/models/<int:first>/compare/<int:second>")
@describe(views.Comparison, errors=(VersionMissing, ModelCorrupt))
def compare_models(first: VersionNumber, second: VersionNumber) -> Response:
    """Compare the metrics and confusion matrices of two versions."""
    registry = services().registry
    one, other = registry.get(first), registry.get(second)
    return jsonify(
        {
            "models": [_entry(one), _entry(other)],
            "confusion_difference": {
                split: comparison.confusion_difference(one, other, split) for split in MEASURED_SPLITS
            },
            "gate": promotion.compare(registry, one, other),
        }
    )


@blueprint.get("/api/models/<int:first>/disagreements/<int:second>")
@describe(
    views.Disagreements,
    query=(SPLIT, IMAGES),
    errors=(VersionMissing, ModelCorrupt, DataMissing, DataCorrupt),
)
def list_disagreements(first: VersionNumber, second: VersionNumber) -> Response:
    """List the images that two versions read differently, most confident first."""
    split = SPLIT.read()
    found = comparison.disagreements(services().explorer, first, second, split)
    shown = found[: IMAGES.read()]
    return jsonify(
        {
            "split": split,
            "count": len(found),
            "right": [sum(each.digits[side] == each.label for each in found) for side in (0, 1)],
            "images": [views.disagreement(each) for each in shown],
        }
    )


@blueprint.get("/api/models/<int:version>/export")
@describe(media="application/zip", errors=(VersionMissing, ModelCorrupt))
def export_model(version: VersionNumber) -> Response:
    """Export a version as a zip file."""
    registry = services().registry
    name = archive.archive_name(registry.get(version))
    data = io.BytesIO(archive.export_version(registry, version))
    return send_file(data, mimetype="application/zip", as_attachment=True, download_name=name)


@blueprint.get("/api/models/<int:version>/browser")
@describe(
    media="application/octet-stream",
    errors=(VersionMissing, ModelCorrupt, NotForBrowsers, TokenMissing, TokenWrong),
)
def get_browser_model(version: VersionNumber) -> Response:
    """Get a version as the file that the pages read with, in the browser.

    The model in the box is public. If the server has a token, the other versions need it.
    """
    if version != BOX:
        services().access.require_token()
    registry = services().registry
    registry.get(version)
    data = registry.read(version, lambda folder: pack(folder, version))
    reply = Response(data, mimetype="application/octet-stream")
    # Not `immutable`: a new release has another model in the box, and another MNIST_HOME another version 1.
    reply.cache_control.no_cache = True
    reply.set_etag(hashlib.sha256(data).hexdigest())
    reply.make_conditional(request)
    return reply


@blueprint.post("/api/models/import")
@describe(
    views.Imported,
    status=201,
    body={"multipart/form-data": Archive, "application/zip": None},
    errors=(InvalidArchive, ModelError),
)
def import_model() -> Reply:
    """Import a version from a zip file, after checking it; this does not promote it."""
    imported = archive.import_version(services().registry, _sent_file(), services().explorer.part)
    links = {"self": url_for("models.get_model", version=imported.version.version)}
    return jsonify({**_entry(imported.version), "remarks": imported.remarks, "links": links}), 201


def _sent_file() -> bytes:
    if request.mimetype != "multipart/form-data":
        return request.get_data(cache=False)
    file = request.files.get("file")
    if file is None:
        raise InvalidArchive("the form has no file: send the archive as the field `file`")
    with file.stream as stream:
        return stream.read()


def _entry(version: ModelVersion) -> views.ModelEntry:
    registry = services().registry
    return views.entry(version, registry.aliases.all(), registry.robustness(version))


def _move() -> dict[str, Any]:
    """The arguments of `promotion.promote` and `promotion.roll_back` that a body gives.  Raises InvalidInput."""
    body = parse(request.get_data(cache=False), _mover)
    reason = _stored(reason=body.reason).get("reason", "")
    return {"reason": reason, "instead_of": body.instead_of, "is_confirmed": body.confirm is True}


def _stored(**texts: str | None) -> dict[str, str]:
    """The texts that were sent, if a database can store them.  Raises InvalidInput."""
    found = {name: text for name, text in texts.items() if text is not None}
    for name, text in found.items():
        if "\0" in text:  # PostgreSQL cannot store NUL
            raise InvalidInput(f"{name} must be text without NUL characters", field=name)
    return found
