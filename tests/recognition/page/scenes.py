"""Pictures of sheets on desks, and of pages without any, made at random.

Reflectance times light, in linear light; the picture is sRGB with blur and noise.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from mnist_classifier.core.arrays import Bytes, Doubles, Floats
from mnist_classifier.recognition.page.polygons import perspective
from tests.handwriting import STROKES

MOST_TILT, MOST_TURN = 20.0, 15.0  # degrees


@dataclass(frozen=True)
class Scene:
    """A picture (H, W) uint8; corners (4, 2) of the sheet, x and y in px, None if there is none; places of its ink."""

    picture: Bytes
    corners: Doubles | None
    ink: Doubles


def written(width: int, height: int, rng: np.random.Generator, paper: float) -> tuple[Floats, Doubles]:
    """Reflectances (H, W) of a sheet with a number, and points (N, 2) of its strokes."""
    digits = rng.choice(list(STROKES), int(rng.integers(1, 5)))
    side = min(0.5 * height, 0.8 * width / len(digits)) * rng.uniform(0.5, 0.9)
    left, top = 0.15 * width, rng.uniform(0.1, 0.85) * (height - side)
    image = Image.new("L", (width, height), 255)
    points = []
    for index, digit in enumerate(digits):
        for stroke in STROKES[int(digit)]:
            line = np.array(stroke) / 1000 * side * 0.8 + (left + index * side, top)
            ImageDraw.Draw(image).line(line.ravel().tolist(), 0, max(2, round(0.08 * side)), "curve")
            points.append(line)
    ink = np.asarray(image, np.float32) / 255
    return np.asarray(0.04 + (paper - 0.04) * ink, np.float32), np.concatenate(points)


def desk(kind: str, height: int, width: int, rng: np.random.Generator) -> Floats:
    """Reflectances (H, W) of a dark or light desk, of wood, or of a cloth."""
    level = {"dark": rng.uniform(0.02, 0.2), "light": rng.uniform(0.85, 0.95)}.get(kind, rng.uniform(0.06, 0.3))
    if kind == "wood":
        rows = np.cumsum(rng.normal(0, 0.25, height))
        grain = np.sin(rows[:, None] + 0.004 * np.arange(width) * rng.uniform(0.5, 3))
        return np.asarray(level * (1 + 0.25 * grain), np.float32)
    if kind == "cloth":
        spots = Image.fromarray(rng.normal(0, 1, (height // 5 + 1, width // 5 + 1)).astype(np.float32))
        return np.asarray(level * np.exp(0.3 * np.asarray(spots.resize((width, height)))), np.float32)
    return np.full((height, width), level, np.float32)


def seen(corners: Doubles, rng: np.random.Generator, tilt: float) -> Doubles:
    """Corners (4, 2) around 0 as a camera sees them: turned, and tilted by up to so many degrees."""
    turn, around, tilted = np.deg2rad([rng.uniform(-MOST_TURN, MOST_TURN), rng.uniform(0, 360), rng.uniform(0, tilt)])
    cos, sin = np.cos(turn), np.sin(turn)
    flat = corners @ np.array([[cos, sin], [-sin, cos]])
    axis = np.array([np.cos(around), np.sin(around)])
    across = flat @ axis
    distance = 2.5 * float(np.abs(corners).max())
    flat = flat + np.outer(across * (np.cos(tilted) - 1), axis)
    return np.asarray(flat * (distance / (distance + across * np.sin(tilted)))[:, None], np.float64)


def light(height: int, width: int, rng: np.random.Generator, shadow: str = "") -> Floats:
    """Light (H, W) with a gradient and perhaps a soft or hard shadow with a straight edge."""
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    angle = rng.uniform(0, 2 * np.pi)
    found = rng.uniform(0.5, 1) * (1 + rng.uniform(0, 0.3) * (np.cos(angle) * x + np.sin(angle) * y))
    if shadow:
        angle, offset = rng.uniform(0, 2 * np.pi), rng.uniform(-0.5, 0.5)
        softness = {"soft": 0.3, "hard": 0.01}[shadow]
        away = (np.cos(angle) * x + np.sin(angle) * y - offset) / softness
        found = found * (1 - rng.uniform(0.3, 0.65) * np.clip(away + 0.5, 0, 1))
    return np.asarray(found, np.float32)


def photographed(reflected: Floats, rng: np.random.Generator) -> Bytes:
    """The picture (H, W) uint8 of (H, W) linear light."""
    levels = Image.fromarray((np.clip(reflected, 0, 1) ** (1 / 2.2) * 255).astype(np.uint8))
    blurred = np.asarray(levels.filter(ImageFilter.GaussianBlur(rng.uniform(0.4, 1.2))), np.float32)
    return np.clip(blurred + rng.normal(0, rng.uniform(1, 5), blurred.shape), 0, 255).astype(np.uint8)


def sheet_on_desk(
    rng: np.random.Generator,
    kind: str = "dark",
    *,
    cut: bool = False,
    hand: bool = False,
    shadow: str = "",
    tilt: float = MOST_TILT,
) -> Scene:
    """A sheet on a desk; cut: it leaves the picture on one side; hand: something covers part of one side."""
    width, height = (int(rng.integers(350, 900)) for _ in range(2))
    half = np.array([width, height]) * rng.uniform(0.26, 0.36, 2)
    square = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * half
    middle = np.array([width, height]) / 2
    if cut:
        direction = np.array([(1, 0), (-1, 0), (0, 1), (0, -1)][int(rng.integers(4))])
        middle = middle + direction * (middle - half * 0.6)
    corners = seen(square, rng, tilt) + middle
    paper = rng.uniform(0.6, 0.9) if kind != "light" else rng.uniform(0.3, 0.5)
    size = (2 * half).astype(int)
    page, points = written(int(size[0]), int(size[1]), rng, paper)
    flat = np.array([[0, 0], [size[0], 0], size, [0, size[1]]], float)
    there, back = perspective(corners, flat), perspective(flat, corners)
    transform = Image.Transform.PERSPECTIVE
    laid = np.asarray(Image.fromarray(page).transform((width, height), transform, there, Image.Resampling.BILINEAR))
    whole = Image.new("L", tuple(size.tolist()), 255).transform((width, height), transform, there)
    scene = np.where(np.asarray(whole) > 0, laid, desk(kind, height, width, rng))
    if hand:
        scene = with_hand(scene, corners, rng)
    x, y = points.T
    depth = back[6] * x + back[7] * y + 1
    seen_points = np.stack([back[0] * x + back[1] * y + back[2], back[3] * x + back[4] * y + back[5]], 1)
    lit = scene * light(height, width, rng, shadow)
    return Scene(photographed(lit, rng), corners, seen_points / depth[:, None])


def with_hand(scene: Floats, corners: Doubles, rng: np.random.Generator) -> Floats:
    """The same scene with a thumb over one side of the sheet."""
    side = int(rng.integers(4))
    place = corners[side] + rng.uniform(0.3, 0.7) * (corners[(side + 1) % 4] - corners[side])
    outward = place - corners.mean(axis=0)
    image = Image.new("L", scene.shape[::-1])
    ends = [tuple(place + outward * share) for share in (-0.1, 3.0)]
    thick = round(0.12 * float(np.hypot(*(corners[2] - corners[0]))))
    ImageDraw.Draw(image).line(ends, 255, thick)
    return np.where(np.asarray(image) > 0, np.float32(rng.uniform(0.25, 0.45)), scene)


def page_with_edge(rng: np.random.Generator, sides: int, *, soft: bool = False) -> Scene:
    """A page with one dark edge or two opposite ones; soft: beside each is a shadow, as in a scanned book."""
    width, height = int(rng.integers(400, 900)), int(rng.integers(250, 700))
    page, points = written(width, height, rng, rng.uniform(0.6, 0.9))
    edge = round(rng.uniform(0.03, 0.1) * width)
    lit = page * light(height, width, rng)
    if soft:
        fade = np.clip((np.arange(width) - edge) / (0.12 * width), 0, 1) ** 0.7
        lit = lit * np.where(np.arange(width) < edge, 1, 0.15 + 0.85 * fade)
    level = np.float32(rng.uniform(0.002, 0.04))
    x0, x1 = edge, width
    lit[:, :edge] = level
    if sides == 2:
        lit[:, -edge:] = level
        x1 = width - edge
    if rng.random() < 0.5 and sides == 1:
        lit, points, x0, x1 = lit[:, ::-1], np.stack([width - points[:, 0], points[:, 1]], 1), 0, width - edge
    corners = np.array([[x0, 0], [x1, 0], [x1, height], [x0, height]], float)
    return Scene(photographed(lit, rng), corners, points)


def page_alone(rng: np.random.Generator, shadow: str = "") -> Scene:
    """A page that fills the picture."""
    width, height = (int(rng.integers(150, 900)) for _ in range(2))
    page, points = written(width, height, rng, rng.uniform(0.6, 0.9))
    return Scene(photographed(page * light(height, width, rng, shadow), rng), None, points)
