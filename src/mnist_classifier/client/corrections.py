"""The part of the client that sends and manages corrections."""

from __future__ import annotations

import base64
import operator
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

import msgspec

from mnist_classifier.client import replies
from mnist_classifier.client.connection import Connection
from mnist_classifier.client.replies import ImportedCorrections, ReadSheet, StoredCorrection
from mnist_classifier.core.records import Box
from mnist_classifier.recognition.imaging.sources import Picture, as_file

PATH = "/api/corrections"
# Corrections in one request.
PAGE = 200

Label = int | Literal["not_a_digit"]


class CorrectionMethods(Connection):
    """The methods of a client for corrections."""

    def correct(
        self,
        picture: Picture,
        label: Label,
        *,
        writer: str | None = None,
        box: Box | None = None,
        strokes: Sequence[Sequence[tuple[float, float]]] | None = None,
        version: int | None = None,
    ) -> StoredCorrection:
        """Say what a picture shows: a digit, or "not_a_digit".  The server stores the picture.

        writer: who wrote it.  box: of one digit in a picture of a number.  strokes: as for `number`.
        version: the model that read it.
        """
        body = {"label": _plain(label), "writer": writer, "box": box, "strokes": strokes, "version": version}
        sent = {name: value for name, value in body.items() if value is not None}
        sent["image"] = base64.b64encode(as_file(picture)).decode("ascii")
        return self._ask(replies.changed_correction, "POST", PATH, json=sent)

    def read_sheet(
        self,
        picture: Picture,
        *,
        writer: str | None = None,
        store: Literal["ready"] | Sequence[int] | None = None,
        labels: Mapping[int, Label] | None = None,
    ) -> ReadSheet:
        """Read a photograph or scan of the sheet for handwriting.

        store: the numbers of cells, or "ready" for all that are ready; by default nothing is stored.
        labels: by cell, those that differ from the sheet's.  Raises InvalidImage if the sheet is not found.
        """
        body = {"writer": writer, "store": store if store is None or isinstance(store, str) else list(store)}
        sent: dict[str, Any] = {name: value for name, value in body.items() if value is not None}
        sent["labels"] = [{"cell": cell, "label": _plain(label)} for cell, label in (labels or {}).items()]
        sent["image"] = base64.b64encode(as_file(picture)).decode("ascii")
        return self._ask(replies.converter(ReadSheet), "POST", f"{PATH}/sheet", json=sent)

    def corrections(
        self,
        *,
        label: Label | None = None,
        writer: str | None = None,
        source: str | None = None,
        contradictions: bool = False,
    ) -> Iterator[StoredCorrection]:
        """Yield the corrections, newest first.  contradictions: only those that contradict another one."""
        filters = {"label": label, "writer": writer, "source": source, "contradictions": int(contradictions)}
        after: int | None = None
        while True:
            page: dict[str, Any] = self._ask(dict, "GET", PATH, params={**filters, "after": after, "limit": PAGE})
            yield from msgspec.convert(page["corrections"], tuple[StoredCorrection, ...])
            after = page["next"]
            if after is None:
                return

    def edit_correction(
        self, number: int, *, label: Label | None = None, writer: str | None = None
    ) -> StoredCorrection:
        """Relabel a correction, or give it to another writer.  Raises CorrectionMissing."""
        given = ("label", None if label is None else _plain(label)), ("writer", writer)
        changes = {name: value for name, value in given if value is not None}
        return self._ask(replies.changed_correction, "PATCH", f"{PATH}/{number}", json=changes)

    def delete_correction(self, number: int) -> tuple[int, ...]:
        """Delete a correction; returns the model versions that learned from it.  Raises CorrectionMissing."""
        body: dict[str, Any] = self._ask(dict, "DELETE", f"{PATH}/{number}")
        return msgspec.convert(body["seen_by"], tuple[int, ...])

    def purge_corrections(self, writer: str | None = None) -> int:
        """Delete the corrections and the personal model of a writer, or everything of everybody, for good.

        Returns the number of deleted corrections.
        """
        body: dict[str, Any] = self._ask(dict, "DELETE", PATH, params={"writer": writer, "confirm": 1})
        return int(body["deleted"])

    def export_corrections(
        self, kind: Literal["idx", "png", "parquet"] = "idx", *, writer: str | None = None, label: Label | None = None
    ) -> bytes:
        """Get corrections as a zip file."""
        return self._fetch(f"{PATH}/export", params={"format": kind, "writer": writer, "label": label})

    def import_corrections(self, data: bytes, *, writer: str | None = None) -> ImportedCorrections:
        """Send a zip, tar or Parquet file of corrections.

        writer: the name for those that have none in the file.  Raises InvalidArchive; nothing is stored then.
        """
        make = replies.converter(ImportedCorrections)
        headers = {"Content-Type": "application/octet-stream"}
        return self._ask(make, "POST", f"{PATH}/import", params={"writer": writer}, data=data, headers=headers)


def _plain(label: Label) -> Label:
    """A label for JSON, which takes no integers of NumPy."""
    return label if isinstance(label, str) else operator.index(label)
