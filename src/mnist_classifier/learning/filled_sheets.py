"""Draw sheets for handwriting that somebody has filled in, and photograph them, to measure how they are read.

Source of the light and the camera: evaluation/robustness/pages/scene.py.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from mnist_classifier.core.arrays import Bytes, Floats
from mnist_classifier.evaluation.robustness.drawing import draw_line, smooth, to_bytes
from mnist_classifier.evaluation.robustness.pages.scene import (
    LIGHT_DESK,
    Scene,
    on_desk,
    photographed,
    unchanged,
)
from mnist_classifier.evaluation.robustness.pages.writing import Writer
from mnist_classifier.learning.sheet_layout import (
    A4,
    BOX_HEIGHT,
    BOX_WIDTH,
    CELLS,
    CORNERS,
    GRID_TOP,
    LINE,
    MARK,
    PAPERS,
    UP_MARK,
    WIDTH,
    Place,
    places,
)

PX_A_MM = 8.0
# Width of the pen in mm, and its colour.
PENS: dict[str, tuple[float, tuple[float, float, float]]] = {
    "ballpoint": (0.5, (40, 50, 130)),
    "fineliner": (0.4, (25, 25, 30)),
    "felt_tip": (1.2, (20, 20, 25)),
    "pencil": (0.6, (95, 95, 100)),
}
# Height of a digit as a share of the box; how far its middle is from that of the box, as a share of what is left.
HEIGHTS, OFF_CENTRE = (0.45, 0.85), 0.6
PRINTED, GREY = 30.0, 180.0
# Pixels of a page that lies on a desk, for each of a scan.
ON_DESK = 0.7


@dataclass(frozen=True, eq=False)
class FilledSheet:
    """A picture of a sheet, (H, W, 3) uint8, and its cells that are left empty."""

    picture: Bytes
    empty: frozenset[int]


def fill(
    writer: Writer,
    rng: np.random.Generator,
    pen: str = "ballpoint",
    *,
    paper: str = A4,
    empty: frozenset[int] = frozenset(),
    heights: tuple[float, float] = HEIGHTS,
) -> Scene:
    """A sheet in a writer's hand, as a clean picture."""
    size = [round(side * PX_A_MM) for side in PAPERS[paper]]
    page = Image.new("L", (size[0], size[1]), 255)
    _print(page, paper)
    ink = Image.new("L", (size[0] * 2, size[1] * 2))
    width_mm, colour = PENS[pen]
    for place in places():
        if place.cell in empty:
            continue
        for stroke in _written(writer, place, width_mm, heights, paper, rng):
            draw_line(ImageDraw.Draw(ink), smooth(stroke) * 2, width_mm * PX_A_MM * 2, 255)
    covered = np.asarray(ink.reduce(2), np.float32)[..., None] / np.float32(255)
    transmission = 1 - covered * (1 - np.array(colour, np.float32) / 255)
    picture = np.asarray(page, np.float32)[..., None] * transmission
    return Scene(to_bytes(picture), np.eye(3))


def _written(
    writer: Writer, place: Place, pen_mm: float, heights: tuple[float, float], paper: str, rng: np.random.Generator
) -> list[Any]:
    strokes = writer.digit(str(place.label), rng)
    points = np.concatenate(strokes)
    low, extent = points.min(axis=0), np.maximum(np.ptp(points, axis=0), 1e-6)
    room = np.array([BOX_WIDTH, BOX_HEIGHT]) - pen_mm
    scale = min(rng.uniform(*heights) * room[1] / extent[1], 0.92 * room[0] / extent[0], room[1] / extent.max())
    free = np.maximum(room - extent * scale, 0) / 2
    origin = np.array([(PAPERS[paper][0] - WIDTH) / 2 + place.left, GRID_TOP + place.top]) + pen_mm / 2
    corner = origin + free + rng.uniform(-OFF_CENTRE, OFF_CENTRE, 2) * free
    return [((stroke - low) * scale + corner) * PX_A_MM for stroke in strokes]


def _print(page: Image.Image, paper: str) -> None:
    pen = ImageDraw.Draw(page)
    origin = np.array([(PAPERS[paper][0] - WIDTH) / 2, GRID_TOP])
    for centre in (*CORNERS, UP_MARK):
        corners = [(np.array(centre) + sign * MARK / 2 + origin) * PX_A_MM for sign in (-1, 1)]
        pen.rectangle([*corners[0], *corners[1]], fill=round(PRINTED))
    for place in places():
        first = (np.array([place.left, place.top]) + origin) * PX_A_MM
        last = first + np.array([BOX_WIDTH, BOX_HEIGHT]) * PX_A_MM
        pen.rectangle([*first, *last], outline=round(GREY), width=round(LINE * PX_A_MM))
        if place.cell < 10:
            pen.text((first[0] + 40, first[1] - 80), str(place.label), fill=round(PRINTED), font_size=56)
    pen.line([*(origin + (96, -20)) * PX_A_MM, *(origin + (174, -20)) * PX_A_MM], fill=round(PRINTED), width=2)


def curled(scene: Scene, rng: np.random.Generator) -> Scene:
    """Paper that is not flat, photographed: the lines across bend by up to 2 mm."""
    height, width = scene.picture.shape[:2]
    bend, phase = rng.uniform(0.8, 2.0) * PX_A_MM, rng.uniform(0, math.pi)
    steps = np.linspace(0, width, 33)
    moved = bend * np.sin(math.pi * steps / width + phase)
    mesh = []
    for left, right, first, last in zip(steps[:-1], steps[1:], moved[:-1], moved[1:], strict=True):
        box = round(left), 0, round(right), height
        mesh.append((box, (left, first, left, height + first, right, height + last, right, last)))
    image = Image.fromarray(scene.picture)
    bent = image.transform(image.size, Image.Transform.MESH, mesh, Image.Resampling.BILINEAR, fillcolor=(255,) * 3)
    return on_dark_desk(Scene(np.asarray(bent), scene.place), rng)


def shaded(scene: Scene, rng: np.random.Generator) -> Scene:
    """Photograph with the hard shadow of an arm or a head on the sheet."""
    height, width = scene.picture.shape[:2]
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j].astype(np.float32)
    angle, offset, depth = rng.uniform(0, 2 * math.pi), rng.uniform(-0.5, 0.5), rng.uniform(0.3, 0.6)
    distance = math.cos(angle) * x + math.sin(angle) * y - offset
    light: Floats = 1 - depth * np.clip(distance / rng.uniform(0.01, 0.2) + 0.5, 0, 1)
    return photographed(Scene(to_bytes(scene.picture * light[..., None]), scene.place), rng)


def turned(scene: Scene, rng: np.random.Generator) -> Scene:
    """Photograph on a desk, by a quarter or half turn."""
    seen = on_dark_desk(scene, rng)
    return Scene(np.ascontiguousarray(np.rot90(seen.picture, int(rng.integers(1, 4)))), seen.place)


def on_dark_desk(scene: Scene, rng: np.random.Generator) -> Scene:
    """Photograph at an angle, on a dark desk."""
    return on_desk(_as_small_as_in_photographs(scene), rng)


def on_light_desk(scene: Scene, rng: np.random.Generator) -> Scene:
    """Photograph at an angle, on a desk that is hardly darker than paper."""
    return on_desk(_as_small_as_in_photographs(scene), rng, LIGHT_DESK)


def _as_small_as_in_photographs(scene: Scene) -> Scene:
    """A page that fills a part of a photograph has fewer pixels."""
    image = Image.fromarray(scene.picture)
    size = round(image.width * ON_DESK), round(image.height * ON_DESK)
    return Scene(np.asarray(image.resize(size, Image.Resampling.BOX)), np.diag([ON_DESK, ON_DESK, 1.0]) @ scene.place)


VIEWS: Mapping[str, Callable[[Scene, np.random.Generator], Scene]] = {
    "scan": unchanged,
    "photograph": photographed,
    "dark desk": on_dark_desk,
    "light desk": on_light_desk,
    "turned": turned,
    "shadow": shaded,
    "curled": curled,
}


def filled_sheet(
    writer: Writer, view: str, pen: str, rng: np.random.Generator, *, paper: str = A4, empties: int = 5
) -> FilledSheet:
    """A picture of a filled sheet as people send it, at most 3,000 px large."""
    empty = frozenset(rng.choice(CELLS, empties, replace=False).tolist())
    seen = VIEWS[view](fill(writer, rng, pen, paper=paper, empty=empty), rng)
    image = Image.fromarray(seen.picture)
    image.thumbnail((3000, 3000))
    return FilledSheet(np.asarray(image), empty)
