"""What is around a sheet: the light and the camera, a desk, a dark binding."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageFilter

from mnist_classifier.core.arrays import Bytes, Doubles
from mnist_classifier.core.records import Box
from mnist_classifier.evaluation.robustness.drawing import to_bytes

TILT_DEGREES = 3.0
BLUR_PX, NOISE, QUALITY = (0.4, 1.1), (1.0, 4.0), (60, 95)
BRIGHTNESS, FALL, DARKEST = (0.6, 0.95), (0.1, 0.4), 0.15
# A desk: size relative to the note, brightness; how the note is turned on it and how far the camera leans, in degrees;
# the camera's distance, relative to the longer side of the note.
DESK_WIDTH, DESK_HEIGHT, DARK_DESK, LIGHT_DESK = (1.5, 2.3), (1.6, 2.6), (10.0, 90.0), (205.0, 245.0)
TURN_DEGREES, LEAN_DEGREES, DISTANCE = 15.0, 20.0, (1.5, 3.0)
NOTE_SHARE = 0.85  # largest share of the desk's width or height
# A binding: width relative to the picture, brightness.
BINDING_WIDTH, BINDING = (0.03, 0.12), (10.0, 60.0)

# Of the last digit's width, how much is left at the edge; darker pixels are ink.
CUT, INK_BELOW = (0.35, 0.65), 128


@dataclass(frozen=True, eq=False)
class Scene:
    """A picture, and how it shows the sheet.

    picture: (H, W) or (H, W, 3) uint8.  place: the (3, 3) homography from the sheet to pixels of the picture.
    bleed: px at each edge that are only there to be cut off.
    """

    picture: Bytes
    place: Doubles
    bleed: int = 0

    def box(self, left: float, top: float, right: float, bottom: float) -> Box:
        """The bounding box in the picture of a rectangle on the sheet."""
        corners = np.array([[x, y, 1.0] for x in (left, right) for y in (top, bottom)]) @ self.place.T
        points = corners[:, :2] / corners[:, 2:]
        (x, y), (x_end, y_end) = np.floor(points.min(axis=0)), np.ceil(points.max(axis=0))
        return int(x), int(y), int(x_end - x), int(y_end - y)

    def trimmed(self) -> Scene:
        """The scene without its bleed."""
        height, width = self.picture.shape[:2]
        inner = self.picture[self.bleed : height - self.bleed, self.bleed : width - self.bleed]
        return Scene(np.ascontiguousarray(inner), shift(-self.bleed, -self.bleed) @ self.place)


def unchanged(scene: Scene, rng: np.random.Generator) -> Scene:
    """The sheet itself, as a drawing or a scan."""
    return scene.trimmed()


def cut_off(scene: Scene, rng: np.random.Generator) -> Scene:
    """The edge of the picture cuts through the last digit."""
    page = scene.trimmed()
    is_ink = page.picture < INK_BELOW
    columns = np.flatnonzero(is_ink.any(axis=0))
    gaps = columns[1:][np.diff(columns) > 1]
    first, last = (gaps[-1] if len(gaps) else columns[0]), columns[-1]
    end = round(first + (last - first) * rng.uniform(*CUT))
    return Scene(np.ascontiguousarray(page.picture[:, :end]), page.place)


def photographed(scene: Scene, rng: np.random.Generator) -> Scene:
    """Photograph a sheet from above: slightly tilted, in uneven light, with blur, noise and JPEG."""
    height, width = scene.picture.shape[:2]
    tilt = math.radians(rng.uniform(-TILT_DEGREES, TILT_DEGREES))
    turn = shift(width / 2, height / 2) @ rotation(tilt) @ shift(-width / 2, -height / 2)
    tilted = Scene(warped(scene.picture, turn, (width, height)), turn @ scene.place, scene.bleed).trimmed()
    return Scene(taken(lit(tilted.picture, rng), rng), tilted.place)


def on_desk(scene: Scene, rng: np.random.Generator, levels: tuple[float, float] = DARK_DESK) -> Scene:
    """Photograph a note on a desk, turned and in perspective.  levels: grey of the desk, 0 to 255."""
    note = scene.trimmed()
    height, width = note.picture.shape[:2]
    desk_width, desk_height = round(width * rng.uniform(*DESK_WIDTH)), round(height * rng.uniform(*DESK_HEIGHT))
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float64)
    seen = leaned(corners - (width / 2, height / 2), rng)
    extent = np.ptp(seen, axis=0)
    scale = min(NOTE_SHARE * desk_width / extent[0], NOTE_SHARE * desk_height / extent[1], 1.0)
    middle = np.array([desk_width, desk_height]) / 2 + rng.normal(0, 0.03, 2) * (desk_width, desk_height)
    onto = homography(corners, seen * scale + middle)
    channels = note.picture.shape[2:]
    desk = rng.uniform(*levels) + rng.normal(0, 5, (desk_height, desk_width, *([1] * len(channels))))
    mask = warped(np.full((height, width), 255, np.uint8), onto, (desk_width, desk_height), fill=0) / 255.0
    paper = warped(lit(note.picture, rng), onto, (desk_width, desk_height)).astype(np.float64)
    alpha = mask.reshape(*mask.shape, *([1] * len(channels)))
    return Scene(taken(to_bytes(alpha * paper + (1 - alpha) * desk), rng), onto @ note.place)


def leaned(points: Doubles, rng: np.random.Generator) -> Doubles:
    """Points (N, 2) around the origin as a camera sees them that is turned and leans."""
    turn, pitch, yaw = (math.radians(rng.uniform(-most, most)) for most in (TURN_DEGREES, LEAN_DEGREES, LEAN_DEGREES))
    turned = points @ rotation(turn)[:2, :2].T
    distance = rng.uniform(*DISTANCE) * float(np.ptp(turned, axis=0).max())
    depth = turned[:, 0] * math.sin(yaw) + turned[:, 1] * math.sin(pitch)
    flat = turned * (math.cos(yaw), math.cos(pitch))
    return np.asarray(flat * (distance / (distance + depth))[:, None])


def beside_binding(scene: Scene, rng: np.random.Generator) -> Scene:
    """Photograph a page with the dark binding, or the edge of the scanner, on one side."""
    page = scene.trimmed()
    height, width = page.picture.shape[:2]
    band_px = max(2, round(width * rng.uniform(*BINDING_WIDTH)))
    band = to_bytes(rng.uniform(*BINDING) + rng.normal(0, 4, (height, band_px, *page.picture.shape[2:])))
    is_left = rng.random() < 0.5
    picture = lit(page.picture, rng)
    joined = np.concatenate([band, picture] if is_left else [picture, band], axis=1)
    return Scene(taken(joined, rng), shift(band_px if is_left else 0, 0) @ page.place)


def lit(picture: Bytes, rng: np.random.Generator) -> Bytes:
    """The picture in light that falls off to one side; black is no longer quite black."""
    height, width = picture.shape[:2]
    y, x = np.mgrid[:height, :width].astype(np.float32) / max(height, width)
    angle = rng.uniform(0, 2 * math.pi)
    light = 1 + rng.uniform(*FALL) * (math.cos(angle) * x + math.sin(angle) * y)
    light *= rng.uniform(*BRIGHTNESS) / light.max()
    shown = DARKEST * 255 + (1 - DARKEST) * picture.astype(np.float32)
    return to_bytes(shown * light.reshape(height, width, *([1] * (picture.ndim - 2))))


def taken(picture: Bytes, rng: np.random.Generator) -> Bytes:
    """What a camera makes of a picture: blur, noise, JPEG."""
    blurred = Image.fromarray(picture).filter(ImageFilter.GaussianBlur(rng.uniform(*BLUR_PX)))
    levels = np.asarray(blurred, np.float32)
    noisy = to_bytes(levels + rng.uniform(*NOISE) * rng.standard_normal(levels.shape, np.float32))
    file = io.BytesIO()
    Image.fromarray(noisy).save(file, "JPEG", quality=int(rng.integers(*QUALITY)))
    return np.asarray(Image.open(file))


def warped(picture: Bytes, onto: Doubles, size: tuple[int, int], fill: int = 255) -> Bytes:
    """Move every pixel by a homography.  size: width and height of the result."""
    back = np.linalg.inv(onto)
    colour = fill if picture.ndim == 2 else (fill,) * 3
    image = Image.fromarray(picture).transform(
        size,
        Image.Transform.PERSPECTIVE,
        (back / back[2, 2]).ravel()[:8].tolist(),
        Image.Resampling.BICUBIC,
        fillcolor=colour,
    )
    return np.asarray(image)


def homography(corners: Doubles, seen: Doubles) -> Doubles:
    """The (3, 3) matrix that moves four points (4, 2) to four others."""
    rows: list[Sequence[float]] = []
    for (x, y), (u, v) in zip(corners, seen, strict=True):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
    solved = np.linalg.solve(np.array(rows, np.float64), seen.ravel())
    return np.append(solved, 1.0).reshape(3, 3)


def shift(x: float, y: float) -> Doubles:
    """The matrix of a move."""
    return np.array([[1.0, 0.0, x], [0.0, 1.0, y], [0.0, 0.0, 1.0]])


def rotation(radians: float) -> Doubles:
    """The matrix of a turn."""
    cos, sin = math.cos(radians), math.sin(radians)
    return np.array([[cos, -sin, 0.0], [sin, cos, 0.0], [0.0, 0.0, 1.0]])
