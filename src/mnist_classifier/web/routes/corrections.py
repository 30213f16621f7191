"""The routes of corrections: images with the labels that people gave."""

from __future__ import annotations

import io
from typing import Any

import msgspec
from flask import Blueprint, Response, jsonify, request, send_file
from msgspec import UNSET
from msgspec.json import Decoder

from mnist_classifier.core.arrays import Bytes
from mnist_classifier.core.errors import (
    CorrectionMissing,
    ImageTooLarge,
    InvalidArchive,
    InvalidImage,
    InvalidInput,
    ModelCorrupt,
    ModelMissing,
    VersionMissing,
)
from mnist_classifier.learning import correction_files, corrections
from mnist_classifier.learning.correction_queries import Filters
from mnist_classifier.learning.lineage import versions_that_saw
from mnist_classifier.learning.pictures import glyph_and_image
from mnist_classifier.learning.writers import checked_writer
from mnist_classifier.recognition.imaging.decode import decode_base64
from mnist_classifier.recognition.imaging.preprocess import are_blank
from mnist_classifier.recognition.numbers.pen_strokes import parse_strokes
from mnist_classifier.web.services.services import chosen_model, services
from mnist_classifier.web.wire import corrections as views
from mnist_classifier.web.wire.bodies import parse
from mnist_classifier.web.wire.corrections import CorrectionNumber
from mnist_classifier.web.wire.glyphs import from_json
from mnist_classifier.web.wire.operation import describe
from mnist_classifier.web.wire.parameters import choice, flag, text, unchecked, whole
from mnist_classifier.web.wire.question import VERSION

blueprint = Blueprint("corrections", __name__, url_prefix="/api/corrections")

Reply = tuple[Response, int]

ANY = "any"
LONGEST_PAGE = 200
LABELS = "0 to 9, or not_a_digit"
LABEL = text("label", f"only this label: {LABELS}", "", "^([0-9]|not_a_digit)?$", expected=LABELS)
WRITER = unchecked("writer", "only this writer; empty: those without a name", {"maxLength": 100})
SOURCE = choice("source", "only this source", ANY, (ANY, *corrections.SOURCES))
CONTRADICTIONS = flag("contradictions", "1: only corrections that contradict another one")
AFTER = whole("after", "only corrections with lower numbers: `next` of the page before", None, 0, 999_999_999)
LIMIT = whole("limit", "largest number of corrections", 100, 1, LONGEST_PAGE)
FILTERS = (LABEL, WRITER, SOURCE, CONTRADICTIONS)
CONFIRM = flag("confirm", "1: yes, delete them for good")
FORMAT = choice("format", "format of the file", "idx", correction_files.FORMATS)

_new, _changes = Decoder(views.NewCorrection), Decoder(views.CorrectionChanges)


@blueprint.get("")
@describe(views.CorrectionPage, query=(*FILTERS, AFTER, LIMIT))
def list_corrections() -> Response:
    """List corrections, newest first, page by page, with the numbers of all of them."""
    store, filters, limit = services().corrections, _filters(), LIMIT.read()
    found = store.find(filters, after=AFTER.read(), limit=limit + 1)
    page = found[:limit]
    others = store.contradictions(page)
    totals = store.totals()
    return jsonify(
        {
            "corrections": [views.correction(each, others.get(each.id, ())) for each in page],
            "count": totals.count if filters == Filters() else store.count(filters),
            "next": page[-1].id if len(found) > limit else None,
            "totals": views.totals(totals),
            "days": services().settings.corrections_days,
        }
    )


@blueprint.post("")
@describe(
    views.ChangedCorrection,
    status=201,
    also_status=200,
    body=views.NewCorrection,
    errors=(InvalidImage, ImageTooLarge, ModelMissing, VersionMissing, ModelCorrupt),
)
def add_correction() -> Reply:
    """Store an image with the label that a person gives.

    The server prepares the image as `/predict` does. `box` selects one digit of a number. The same glyph with the same
    label from the same writer is stored once; the status is then 200. Another label for the same glyph is a
    contradiction.
    """
    body = parse(request.get_data(cache=False), _new)
    glyph, image, strokes = _drawn(body)
    if glyph is None or are_blank(glyph)[0]:
        raise InvalidImage("the image is blank, so there is nothing to learn from it", field="image")
    reading, version = _reading(body, glyph)
    added = services().corrections.add(
        corrections.NewCorrection(
            glyph=glyph,
            label=views.label_number(body.label),
            source="api" if body.source is UNSET else body.source,
            writer="" if body.writer is UNSET else body.writer,
            image=image,
            strokes=strokes,
            reading=reading,
            model_version=version,
        )
    )
    return jsonify(views.changed(added)), 200 if added.merged else 201


@blueprint.get("/<int:number>")
@describe(views.CorrectionDetails, errors=(CorrectionMissing,))
def get_correction(number: CorrectionNumber) -> Response:
    """Get one correction with its pen strokes."""
    store = services().corrections
    found = store.get(number)
    contradicts = store.contradictions([found]).get(number, ())
    return jsonify({**views.correction(found, contradicts), "strokes": store.strokes(number)})


@blueprint.get("/<int:number>/image")
@describe(media="image/png", errors=(CorrectionMissing,))
def get_image(number: CorrectionNumber) -> Response:
    """Get the picture of a correction, reduced to 280 pixels; the glyph if only that was sent."""
    store = services().corrections
    image = store.image(number)
    return Response(image or correction_files.glyph_png(store.get(number).glyph), mimetype="image/png")


@blueprint.patch("/<int:number>")
@describe(views.ChangedCorrection, body=views.CorrectionChanges, errors=(CorrectionMissing,))
def edit_correction(number: CorrectionNumber) -> Response:
    """Relabel a correction, or give it to another writer.

    If it becomes the same as another one, the two are merged, and the reply has the other one.
    """
    body = parse(request.get_data(cache=False), _changes)
    if body.label is UNSET and body.writer is UNSET:
        raise InvalidInput('nothing to change: send {"label": 7} or {"writer": "..."}')
    label = None if body.label is UNSET else views.label_number(body.label)
    writer = None if body.writer is UNSET else body.writer
    return jsonify(views.changed(services().corrections.edit(number, label=label, writer=writer)))


@blueprint.delete("/<int:number>")
@describe(views.DeletedCorrection, errors=(CorrectionMissing,))
def delete_correction(number: CorrectionNumber) -> Response:
    """Delete a correction. The reply names the model versions that have seen it."""
    services().corrections.delete(number)
    return jsonify({"deleted": number, "seen_by": versions_that_saw(services().registry, [number])})


@blueprint.delete("")
@describe(views.Purged, query=(WRITER, CONFIRM))
def purge_corrections() -> Response:
    """Delete all corrections, or those of one writer, with the personal models.

    Needs `confirm=1`. Without `writer`, readings that wait for a label are deleted too. The reply names the model
    versions that have seen one of them.
    """
    if not CONFIRM.read():
        raise InvalidInput("deleting them cannot be undone; send confirm=1 to delete them", field="confirm")
    # A misspelt `writer` must not delete what everybody gave.
    for name in request.args.keys() - {WRITER.name, CONFIRM.name}:
        raise InvalidInput(f"nothing was deleted, because there is no parameter {name[:40]!r}", field=name[:40])
    numbers = services().corrections.purge(_writer())
    return jsonify({"deleted": len(numbers), "seen_by": versions_that_saw(services().registry, numbers)})


@blueprint.get("/export")
@describe(media="application/zip", query=(FORMAT, *FILTERS), errors=(InvalidArchive,))
def export_corrections() -> Response:
    """Export corrections as a zip file: an IDX pair, folders of PNG by label, or Parquet."""
    kind = FORMAT.read()
    data = correction_files.export(services().corrections.examples(_filters()), kind)
    name = f"mnist-corrections-{kind}.zip"
    return send_file(io.BytesIO(data), mimetype="application/zip", as_attachment=True, download_name=name)


@blueprint.post("/import")
@describe(
    views.ImportedCorrections,
    status=201,
    query=(unchecked("writer", "name for corrections that have none in the file", {"maxLength": 100}),),
    body={"multipart/form-data": views.CorrectionFile, "application/zip": None, "application/octet-stream": None},
    errors=(InvalidArchive,),
)
def import_corrections() -> Reply:
    """Import a file of corrections. If any part of it is wrong, nothing is imported."""
    limit = services().settings.max_image_pixels
    found = correction_files.read(_sent_file(), writer=_writer() or "", max_pixels=limit)
    added = services().corrections.add_many(found)
    merged = sum(each.merged for each in added)
    contradictions = len({each.correction.id for each in added if each.contradicts})
    counts = {"count": len(added), "added": len(added) - merged, "merged": merged, "contradictions": contradictions}
    return jsonify(counts), 201


def _drawn(body: views.NewCorrection) -> tuple[Bytes | None, bytes | None, list[Any] | None]:
    """The glyph, the picture and the strokes of a body.  Raises InvalidImage, ImageTooLarge, InvalidInput."""
    has_image, has_glyph = body.image is not UNSET, body.glyph is not UNSET
    if has_image == has_glyph:
        raise InvalidImage('send either {"image": "<base64>"} or {"glyph": [784 numbers]}', field="image")
    points = [] if body.strokes is UNSET else parse_strokes(bytes(body.strokes))
    strokes = [stroke.tolist() for stroke in points] or None
    if body.glyph is not UNSET:
        if body.box is not UNSET:
            raise InvalidInput("box needs a picture; a glyph is one digit already", field="box")
        return _glyph(bytes(body.glyph)), None, strokes
    assert body.image is not UNSET
    box = None if body.box is UNSET else body.box
    limit = services().settings.max_image_pixels
    return *glyph_and_image(decode_base64(body.image), max_pixels=limit, box=box, strokes=points), strokes


def _glyph(data: bytes) -> Bytes:
    """The glyph of a body.  Raises InvalidInput."""
    try:
        glyph: Bytes = from_json(b"[" + data + b"]", "glyph")[0]
    except InvalidInput as error:
        raise InvalidInput(error.message.replace("glyph[0]", "glyph"), field="glyph") from None
    return glyph


def _reading(body: views.NewCorrection, glyph: Bytes) -> tuple[dict[str, Any], int]:
    """What a model read, and its version: as sent, or read again."""
    loaded = chosen_model(VERSION.default if body.version is UNSET else VERSION.check(str(body.version)))
    if body.reading is not UNSET:
        reading = msgspec.to_builtins(body.reading)
    else:
        reading = corrections.reading_facts(loaded.recogniser.read_glyph(glyph))
    return reading, loaded.version.version


def _filters() -> Filters:
    label, source = LABEL.read(), SOURCE.read()
    return Filters(
        label=views.label_number(label) if label else None,
        writer=_writer(),
        source=None if source == ANY else source,
        contradictions=CONTRADICTIONS.read(),
    )


def _writer() -> str | None:
    writer = WRITER.read()
    return None if writer is None else checked_writer(writer)


def _sent_file() -> bytes:
    if request.mimetype != "multipart/form-data":
        return request.get_data(cache=False)
    file = request.files.get("file")
    if file is None:
        raise InvalidArchive("the form has no file: send it as the field `file`")
    with file.stream as stream:
        return stream.read()
