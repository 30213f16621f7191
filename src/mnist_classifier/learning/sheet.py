"""Read the sheet for handwriting: a photograph or scan becomes 100 glyphs with their labels.

for cell in read_sheet(pixels, recogniser):
    print(cell.label, cell.state, cell.reading)
"""

from __future__ import annotations

import enum
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from mnist_classifier.core.arrays import Bytes
from mnist_classifier.core.errors import InvalidImage, InvalidInput
from mnist_classifier.core.records import Reading, Verdict
from mnist_classifier.learning.corrections import NewCorrection, reading_facts
from mnist_classifier.learning.pictures import small_png
from mnist_classifier.learning.sheet_ink import SheetInk
from mnist_classifier.learning.sheet_layout import places
from mnist_classifier.learning.sheet_marks import straighten_grid
from mnist_classifier.recognition.imaging.colour import composite, luminance
from mnist_classifier.recognition.recogniser import Recogniser

# Pictures are decoded at up to this side: each box has 100 px.
SHEET_SIDE_PX = 2048
# Around a box in its picture, mm.
AROUND_MM = 1.0
PAPER_LEVEL = 245.0

NO_LABELS: Mapping[int, int] = MappingProxyType({})


class CellState(str, enum.Enum):
    """What may become of a cell."""

    READY = "ready"  # can be stored
    CHECK = "check"  # a person must confirm the label first
    SPOILT = "spoilt"  # is never stored
    EMPTY = "empty"


@dataclass(frozen=True, eq=False)
class SheetCell:
    """A cell of the sheet.

    cell: from 0, in reading order.  reason: why it must be checked, or is spoilt.
    glyph: (28, 28) uint8; picture: (H, W) uint8 of the box.  None if it is empty.
    """

    cell: int
    label: int
    state: CellState
    reason: str = ""
    glyph: Bytes | None = None
    picture: Bytes | None = None
    reading: Reading | None = None


def read_sheet(pixels: Bytes, recogniser: Recogniser, labels: Mapping[int, int] = NO_LABELS) -> list[SheetCell]:
    """Read all cells of a sheet.

    pixels: as `decode_image` returns them, up to SHEET_SIDE_PX.  labels: by cell, those that a person has confirmed.
    Raises InvalidImage if the sheet is not found.
    """
    grid = straighten_grid(luminance(composite(pixels)))
    ink = SheetInk(grid)
    if not ink.has_boxes:
        raise InvalidImage(
            "the boxes of the sheet were not found: photograph the whole sheet from above, close and in focus",
            field="image",
        )
    written = list(ink.writing())
    glyphs = {cell: ink.glyph(writing) for cell, writing in enumerate(written) if writing is not None}
    opinions = recogniser.opinions(np.stack(list(glyphs.values()))) if glyphs else ()
    readings = {cell: recogniser.judge(opinion) for cell, opinion in zip(glyphs, opinions, strict=True)}
    cells = []
    for place, writing in zip(places(), written, strict=True):
        cell, label = place.cell, labels.get(place.cell, place.label)
        if writing is None:
            cells.append(SheetCell(cell, label, CellState.EMPTY))
            continue
        state, reason = _judged(readings[cell], label, writing.fault, is_confirmed=cell in labels)
        picture = _lightened(grid[ink.window(cell, AROUND_MM)])
        cells.append(SheetCell(cell, label, state, reason, glyphs[cell], picture, readings[cell]))
    return cells


def _lightened(picture: Bytes) -> Bytes:
    """The picture of a box, with its paper as white as in good light."""
    factor = np.float32(PAPER_LEVEL / max(float(np.quantile(picture, 0.75)), 1.0))
    return np.asarray(np.clip(picture * factor, 0, 255), np.uint8)


def _judged(reading: Reading, label: int, fault: str, *, is_confirmed: bool) -> tuple[CellState, str]:
    """Whether a cell can be stored.  If the model reads something else, it may be a slip of the pen."""
    if fault:
        return CellState.SPOILT, fault
    if is_confirmed or reading.prediction == label or label in reading.candidates:
        return CellState.READY, ""
    if reading.verdict is Verdict.NOT_A_DIGIT:
        return CellState.CHECK, "the model sees no digit here"
    return CellState.CHECK, f"the model reads {reading.prediction}"


def to_corrections(
    cells: Sequence[SheetCell], chosen: Collection[int] | None, *, writer: str, model_version: int | None
) -> dict[int, NewCorrection]:
    """The corrections of some cells, by cell, or of all that are ready.

    chosen: numbers of cells; a person has confirmed these.  Raises InvalidInput for one that is empty or spoilt.
    """
    if chosen is None:
        kept = [each for each in cells if each.state is CellState.READY]
    else:
        kept = [each for each in cells if each.cell in chosen]
        for each in kept:
            if each.state in (CellState.EMPTY, CellState.SPOILT):
                raise InvalidInput(f"cell {each.cell} is {each.state.value} and cannot be stored", field="store")
    return {each.cell: _correction(each, writer, model_version) for each in kept}


def _correction(cell: SheetCell, writer: str, model_version: int | None) -> NewCorrection:
    assert cell.glyph is not None
    assert cell.picture is not None
    assert cell.reading is not None
    image, reading = small_png(cell.picture), reading_facts(cell.reading)
    return NewCorrection(cell.glyph, cell.label, "sheet", writer, image, reading=reading, model_version=model_version)
