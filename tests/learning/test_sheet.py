from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image, ImageDraw

from mnist_classifier.core.arrays import Bytes
from mnist_classifier.core.errors import InvalidImage, InvalidInput
from mnist_classifier.core.settings import PRETRAINED_DIR
from mnist_classifier.evaluation.robustness.pages.writing import Writer, generated_writers
from mnist_classifier.learning.filled_sheets import PENS, VIEWS, fill, filled_sheet
from mnist_classifier.learning.sheet import SHEET_SIDE_PX, CellState, SheetCell, read_sheet, to_corrections
from mnist_classifier.learning.sheet_layout import CELLS, PAPERS, places
from mnist_classifier.learning.sheet_marks import find_marks, straighten_grid
from mnist_classifier.recognition.imaging.preprocess import make_glyph
from mnist_classifier.recognition.imaging.sources import as_pixels
from mnist_classifier.recognition.recogniser import Recogniser


@pytest.fixture(scope="module")
def recogniser() -> Recogniser:
    return Recogniser.open(PRETRAINED_DIR)


@pytest.fixture(scope="module")
def writer() -> Writer:
    return generated_writers(3)[0]


@pytest.fixture(scope="module")
def clean(writer: Writer) -> Bytes:
    """A scan with three empty cells."""
    return fill(writer, np.random.default_rng(1), empty=frozenset({0, 55, 99})).picture


def read(picture: Bytes, recogniser: Recogniser, **how: object) -> list[SheetCell]:
    return read_sheet(as_pixels(picture, side_px=SHEET_SIDE_PX)[0], recogniser, **how)  # type: ignore[arg-type]


def cells_in(cells: list[SheetCell], *states: CellState) -> set[int]:
    return {each.cell for each in cells if each.state in states}


@pytest.mark.parametrize("view", VIEWS)
def test_a_sheet_is_read_however_it_is_photographed(recogniser: Recogniser, writer: Writer, view: str):
    found = filled_sheet(writer, view, "ballpoint", np.random.default_rng(7))
    cells = read(found.picture, recogniser)
    assert [each.label for each in cells] == [cell % 10 for cell in range(CELLS)]
    assert cells_in(cells, CellState.EMPTY) == found.empty
    assert not cells_in(cells, CellState.SPOILT)
    right = [each for each in cells if each.reading is not None and each.reading.prediction == each.label]
    assert len(right) >= 90


@pytest.mark.parametrize(("pen", "paper"), list(zip(PENS, 2 * tuple(PAPERS), strict=True)))
def test_a_sheet_is_read_with_every_pen_on_both_papers(recogniser: Recogniser, writer: Writer, pen: str, paper: str):
    found = filled_sheet(writer, "photograph", pen, np.random.default_rng(8), paper=paper)
    cells = read(found.picture, recogniser)
    assert cells_in(cells, CellState.EMPTY) == found.empty
    assert len(cells_in(cells, CellState.READY)) >= 90


@pytest.mark.parametrize("turns", range(1, 4))
def test_a_turned_sheet_gives_the_same_labels(recogniser: Recogniser, clean: Bytes, turns: int):
    cells = read(np.ascontiguousarray(np.rot90(clean, turns)), recogniser)
    assert cells_in(cells, CellState.EMPTY) == {0, 55, 99}


def test_the_glyph_is_that_of_the_digit_without_the_box(recogniser: Recogniser, clean: Bytes):
    cells = read(clean, recogniser)
    ratios = []
    for place in list(places())[1:30]:
        found = cells[place.cell]
        left, top = round((18 + place.left) * 8) + 5, round((38 + place.top) * 8) + 5
        alone = make_glyph(clean[top : top + 17 * 8 - 9, left : left + 13 * 8 - 9])
        assert alone is not None
        assert found.glyph is not None
        # The centre of mass may round to a neighbouring pixel.
        moves = [np.roll(alone, (down, right), (0, 1)).astype(int) for down in (-1, 0, 1) for right in (-1, 0, 1)]
        assert min(np.abs(found.glyph - moved).mean() for moved in moves) < 12
        ratios.append(float(found.glyph.mean() / alone.mean()))
        assert found.picture is not None
        assert found.picture.shape == (114, 90)
    assert 0.85 < np.mean(ratios) < 1.15


def test_a_digit_that_the_model_reads_otherwise_must_be_confirmed(recogniser: Recogniser, writer: Writer):
    swapped = Writer({**writer.digits, "3": writer.digits["8"]})
    picture = fill(swapped, np.random.default_rng(2)).picture
    cells = read(picture, recogniser)
    threes = {3 + 10 * row for row in range(10)}
    assert cells_in(cells, CellState.CHECK) >= threes
    assert {cells[cell].reason for cell in threes} == {"the model reads 8"}
    assert not threes & set(to_corrections(cells, None, writer="", model_version=0))
    confirmed = read(picture, recogniser, labels={3: 8, 13: 3})
    assert (confirmed[3].state, confirmed[3].label) == (CellState.READY, 8)
    stored = to_corrections(confirmed, {3, 13, 23}, writer="Anna", model_version=0)
    assert {cell: (new.label, new.writer, new.source) for cell, new in stored.items()} == {
        3: (8, "Anna", "sheet"),
        13: (3, "Anna", "sheet"),
        23: (3, "Anna", "sheet"),
    }
    png = Image.open(io.BytesIO(stored[3].image or b""))
    assert png.size == (90, 114)


def scribbled(picture: Bytes, first: tuple[int, int], last: tuple[int, int], width: int) -> Bytes:
    image = Image.fromarray(picture)
    ImageDraw.Draw(image).line([*first, *last], fill=(20, 20, 20), width=width)
    return np.asarray(image)


def test_writing_across_boxes_and_scribbles_are_never_stored(recogniser: Recogniser, clean: Bytes):
    # Cell 11 is about x 320 to 424, y 596 to 732 px: 8 px a mm.
    across = read(scribbled(clean, (340, 640), (560, 700), 8), recogniser)
    assert {11, 12} <= cells_in(across, CellState.SPOILT)
    assert across[11].reason == "the writing runs into another box"
    crossed_out = clean
    for row in range(606, 724, 14):
        crossed_out = scribbled(crossed_out, (326, row), (418, row + 6), 9)
    blot = read(crossed_out, recogniser)
    assert (blot[11].state, blot[11].reason) == (CellState.SPOILT, "it is crossed out")
    for cells in (across, blot):
        assert 11 not in to_corrections(cells, None, writer="", model_version=0)
        with pytest.raises(InvalidInput, match="cell 11 is spoilt"):
            to_corrections(cells, {11}, writer="", model_version=0)


def test_a_blank_sheet_has_a_hundred_empty_cells(recogniser: Recogniser, writer: Writer):
    picture = VIEWS["photograph"](
        fill(writer, np.random.default_rng(4), empty=frozenset(range(CELLS))), np.random.default_rng(4)
    ).picture
    cells = read(picture, recogniser)
    assert cells_in(cells, CellState.EMPTY) == set(range(CELLS))
    with pytest.raises(InvalidInput, match="cell 5 is empty"):
        to_corrections(cells, {5}, writer="", model_version=0)


@pytest.mark.parametrize("side", range(4))
def test_a_sheet_with_a_cut_edge_is_refused_with_advice(recogniser: Recogniser, clean: Bytes, side: int):
    turned = np.rot90(clean, side)
    cut = np.rot90(turned[: int(len(turned) * 0.8)], -side)
    with pytest.raises(InvalidImage, match="all four corners"):
        read(np.ascontiguousarray(cut), recogniser)


def test_other_pictures_are_no_sheet(recogniser: Recogniser, clean: Bytes):
    noise = np.random.default_rng(1).integers(0, 256, (700, 500), dtype=np.uint8)
    for picture in (noise, np.full((64, 64), 255, np.uint8), np.zeros((900, 700, 3), np.uint8), clean[:, ::-1]):
        with pytest.raises(InvalidImage):
            read(np.ascontiguousarray(picture), recogniser)


def test_marks_alone_are_no_sheet(recogniser: Recogniser, clean: Bytes):
    white = clean.copy()
    white[440:2200, 220:1480] = 255
    with pytest.raises(InvalidImage, match="boxes"):
        read(white, recogniser)


def test_corner_marks_are_found_to_the_pixel(clean: Bytes):
    grey = clean[..., 0]
    expected = np.array([[18, 38], [192, 38], [192, 260], [18, 260]]) * 8.0
    assert np.abs(find_marks(grey) - expected).max() < 1.5
    assert straighten_grid(grey).shape == (1380, 1092)
