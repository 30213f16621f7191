"""The route that reads a sheet for handwriting, and stores what is written on it."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from flask import Response, jsonify, request
from msgspec import UNSET
from msgspec.json import Decoder

from mnist_classifier.core.errors import ImageTooLarge, InvalidImage, InvalidInput, ModelCorrupt, ModelMissing
from mnist_classifier.learning import sheet
from mnist_classifier.learning.writers import checked_writer
from mnist_classifier.recognition.imaging.decode import decode_base64, decode_with_scale
from mnist_classifier.registry.aliases import PRODUCTION
from mnist_classifier.web.routes.corrections import blueprint
from mnist_classifier.web.services.services import chosen_model, services
from mnist_classifier.web.wire import sheets as views
from mnist_classifier.web.wire.bodies import parse
from mnist_classifier.web.wire.operation import describe

_picture = Decoder(views.SheetPicture)
# Stands for the cells that are ready.
ALL_READY: Collection[int] = frozenset({-1})


@blueprint.post("/sheet")
@describe(
    views.ReadSheet,
    body={"application/json": views.SheetPicture, "multipart/form-data": views.SheetForm},
    errors=(InvalidImage, ImageTooLarge, ModelMissing, ModelCorrupt),
)
def read_sheet() -> Response:
    """Read a photograph or scan of the sheet that `/collect/sheet` prints.

    The reply shows each cell. Without `store`, nothing is stored. A cell that the model does not read as its label is
    stored only if a person confirms it: its number is in `store`, or its label in `labels`.
    """
    if request.mimetype == "multipart/form-data":
        return _reply(*_from_form())
    body = parse(request.get_data(cache=False), _picture)
    chosen = None if body.store is UNSET else ALL_READY if body.store == "ready" else set(body.store)
    return _reply(
        decode_base64(body.image), "" if body.writer is UNSET else body.writer, chosen, views.labels_of(body.labels)
    )


def _from_form() -> tuple[bytes, str, Collection[int] | None]:
    """The file, the writer and what to store.  Raises InvalidImage, InvalidInput."""
    file = request.files.get("file")
    if file is None:
        raise InvalidImage("the form has no file; send the picture in the field `file`", field="file")
    store = request.form.get("store")
    if store not in (None, "ready"):
        raise InvalidInput("store must be ready; send JSON to store single cells", field="store")
    with file.stream as stream:
        return stream.read(), request.form.get("writer", ""), None if store is None else ALL_READY


def _reply(
    data: bytes, writer: str, chosen: Collection[int] | None, labels: Mapping[int, int] = sheet.NO_LABELS
) -> Response:
    """Read the sheet, and store the chosen cells; None for a look without storing."""
    writer = checked_writer(writer)
    limit = services().settings.max_image_pixels
    pixels, _ = decode_with_scale(data, max_pixels=limit, side_px=sheet.SHEET_SIDE_PX)
    loaded = chosen_model(PRODUCTION)
    cells = sheet.read_sheet(pixels, loaded.recogniser, labels)
    if chosen is None:
        return jsonify(views.sheet(cells, {}))
    new = sheet.to_corrections(
        cells, None if chosen is ALL_READY else chosen, writer=writer, model_version=loaded.version.version
    )
    added = services().corrections.add_many(list(new.values()))
    return jsonify(views.sheet(cells, dict(zip(new, added, strict=True))))
