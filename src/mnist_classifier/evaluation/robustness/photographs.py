"""MNIST digit, or a number of them -> photograph of it, written on paper.

    python bench/photographs.py --split validation --images 1000 [--numbers]

A page is made of reflectances (paper, printed lines, ink), lit (gradient,
vignette, soft and hard shadows), and taken by a camera (blur, noise, JPEG).
Inks and light multiply, as they do on paper; sums are made in linear light and
come out in sRGB's curve.  What varies is drawn from the generator alone.
"""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

from mnist_classifier.core.arrays import Bytes, Floats
from mnist_classifier.recognition.imaging.normalise import ink_box

GLYPH_BOX = 20
# Digits of a number differ in size and stand on an uneven line.
DIGIT_TO_LINE = 0.75
SIZE_PX, NUMBER_PX = 480, 640
# Of a crop: the margin at most, in parts of the digit, and how tall it is.
CROPPED_FROM_PX, MAX_CROP_MARGIN, CROP_HEIGHTS_PX = 320, 0.15, (28.0, 120.0)
MAX_TILT_DEGREES, MAX_NUMBER_TILT_DEGREES = 10.0, 4.0

# Linear reflectance of a full stroke, by channel (R, G, B), and how much of its
# darkness the grain of the paper takes away.
INKS: dict[str, tuple[tuple[float, float, float], float]] = {
    "blue": ((0.04, 0.07, 0.32), 0.1),
    "black": ((0.03, 0.03, 0.035), 0.1),
    "red": ((0.55, 0.05, 0.06), 0.1),
    "pencil": ((0.17, 0.17, 0.18), 0.45),
}
# Blue, grey, green, red and, as in forms, a dark grey.
LINE_INKS = ((0.40, 0.55, 0.80), (0.45, 0.45, 0.47), (0.55, 0.70, 0.58), (0.78, 0.45, 0.45), (0.25, 0.25, 0.27))
# Parts of all photographs; the rest is blank paper.
RULED, SQUARED = 0.3, 0.3
SOFT_SHADOW, HARD_SHADOW, MARGIN_LINE, SPECKS = 0.6, 0.4, 0.15, 0.3


@dataclass(frozen=True)
class Page:
    """Coordinates along (u) and across (v) the lines of a tilted page, in pixels, each (H, W)."""

    u: Floats
    v: Floats
    tilt: float  # radians
    digit_px: float  # the longer side of the digit
    centre: tuple[float, float]  # of the digit: x, y in the picture


def photograph(glyph_u8: Bytes, rng: np.random.Generator, *, size_px: int = SIZE_PX) -> Bytes:
    """Write a digit on paper and take a picture of it.

    glyph_u8: (28, 28) uint8, ink = 255; all 0 gives a blank page.  size_px: the longer side of the picture.
    Returns (H, W, 3) uint8 sRGB.  The digit is whole in the picture, 20 to 70 %
    of its shorter side; the page is turned by up to 10 degrees.
    """
    height, width = _shape(rng, size_px)
    return _picture(rng, _lay(rng, height, width), glyph_u8, GLYPH_BOX)


def photograph_crop(glyph_u8: Bytes, rng: np.random.Generator) -> Bytes:
    """A photograph of a digit, cut out along it, as forms and collections are: small, with little or no paper around.

    Returns (H, W, 3) uint8 sRGB, 28 to 120 px tall.
    """
    height, width = _shape(rng, CROPPED_FROM_PX)
    page = _lay(rng, height, width)
    inked = _strokes(glyph_u8, GLYPH_BOX, np.random.default_rng(0), page) > 0.5
    picture = Image.fromarray(_picture(rng, page, glyph_u8, GLYPH_BOX))
    top, bottom, left, right = ink_box(inked)
    margin = rng.uniform(0, MAX_CROP_MARGIN) * page.digit_px
    box = (
        max(0, round(left - margin)),
        max(0, round(top - margin)),
        min(width, round(right + margin)),
        min(height, round(bottom + margin)),
    )
    cut = picture.crop(box)
    tall = round(float(np.exp(rng.uniform(*np.log(CROP_HEIGHTS_PX)))))
    size = max(8, round(cut.width * tall / cut.height)), tall
    return np.asarray(cut.resize(size, Image.Resampling.LANCZOS) if tall < cut.height else cut)


def photograph_number(ink_u8: Bytes, rng: np.random.Generator, *, size_px: int = NUMBER_PX) -> Bytes:
    """Write a number on paper and take a picture of it.

    ink_u8: (H, W) uint8, ink = 255, as `strings` composes them.  size_px: the width of the picture.
    Returns (H, W, 3) uint8 sRGB.  The number is whole in the picture, 50 to
    85 % of its width or 70 % of its height; the page is turned by up to 4 degrees.
    """
    top, bottom, left, right = ink_box(ink_u8 > 0)
    tall, wide = bottom - top, right - left
    digit_side = max(1, round(DIGIT_TO_LINE * tall))
    width = size_px
    height = round(size_px * rng.uniform(0.4, 0.75))
    enlarged = min(width * rng.uniform(0.5, 0.85) / wide, height * 0.7 / tall)
    tilt = float(np.deg2rad(rng.uniform(-MAX_NUMBER_TILT_DEGREES, MAX_NUMBER_TILT_DEGREES)))
    reach_x, reach_y = (enlarged * (side + abs(tilt) * other) / 2 + 8 for side, other in ((wide, tall), (tall, wide)))
    centre = tuple(
        rng.uniform(min(reach, side / 2), max(side / 2, side - reach))
        for reach, side in ((reach_x, width), (reach_y, height))
    )
    page = _page(height, width, (float(centre[0]), float(centre[1])), tilt, digit_side * enlarged)
    return _picture(rng, page, ink_u8, digit_side)


def _picture(rng: np.random.Generator, page: Page, ink_u8: Bytes, digit_side: int) -> Bytes:
    height, width = page.u.shape
    reflectance = _paper(rng, height, width)
    reflectance *= _lines(rng, page)
    reflectance *= _ink(rng, _strokes(ink_u8, digit_side, rng, page))
    return _take(rng, reflectance * _light(rng, height, width))


def _shape(rng: np.random.Generator, size_px: int) -> tuple[int, int]:
    other = round(size_px * rng.uniform(0.7, 1.0))
    return (size_px, other) if rng.random() < 0.5 else (other, size_px)


def _lay(rng: np.random.Generator, height: int, width: int) -> Page:
    digit_px = min(height, width) * rng.uniform(0.2, 0.7)
    reach = 0.68 * digit_px  # half of the tilted box of a digit, and a margin
    centre = (rng.uniform(reach, max(reach, width - reach)), rng.uniform(reach, max(reach, height - reach)))
    tilt = np.deg2rad(rng.uniform(-MAX_TILT_DEGREES, MAX_TILT_DEGREES))
    return _page(height, width, centre, float(tilt), float(digit_px))


def _page(height: int, width: int, centre: tuple[float, float], tilt: float, digit_px: float) -> Page:
    y, x = np.mgrid[:height, :width].astype(np.float32)
    u = np.cos(tilt) * (x - centre[0]) + np.sin(tilt) * (y - centre[1])
    v = np.cos(tilt) * (y - centre[1]) - np.sin(tilt) * (x - centre[0])
    return Page(u.astype(np.float32), v.astype(np.float32), tilt, digit_px, centre)


def _noise(rng: np.random.Generator, height: int, width: int, grain_px: float) -> Floats:
    """Smooth noise of mean 0 and standard deviation about 1, blots of `grain_px`."""
    rows, columns = max(2, round(height / grain_px)), max(2, round(width / grain_px))
    coarse = Image.fromarray(rng.standard_normal((rows, columns)).astype(np.float32))
    return np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC))


def _paper(rng: np.random.Generator, height: int, width: int) -> Floats:
    """(H, W, 3): pulp, fibres lying across each other, a slight colour."""
    fibres = sum(
        np.asarray(
            Image.fromarray(rng.standard_normal((rows, columns)).astype(np.float32)).resize(
                (width, height), Image.Resampling.BICUBIC
            )
        )
        for rows, columns in ((height // 2, width // 14), (height // 14, width // 2))
    )
    pulp = _noise(rng, height, width, 2.5) + fibres + _noise(rng, height, width, 40)
    brightness = rng.uniform(0.62, 0.9) * (1 + rng.uniform(0.005, 0.02) * pulp)
    colour = 1 + rng.uniform(-0.08, 0.04) * np.array([-0.3, 0.1, 1.0])  # mostly cream, some bluish
    return np.asarray(brightness[..., None] * colour, np.float32)


def _lines(rng: np.random.Generator, page: Page) -> Floats:
    """(H, W, 3) transmission of what is printed: ruled, squared or nothing, and now and then a margin."""
    kind = rng.random()
    period = page.digit_px * rng.uniform(0.35, 1.25)
    half_width = max(0.5, page.digit_px * rng.uniform(0.006, 0.018))
    colour = np.array(LINE_INKS[rng.integers(len(LINE_INKS))], np.float32)
    covered = np.zeros_like(page.u)
    if kind < RULED + SQUARED:
        covered = np.maximum(covered, _rules(page.v, period, rng.uniform(0, period), half_width))
    if kind < SQUARED:
        covered = np.maximum(covered, _rules(page.u, period, rng.uniform(0, period), half_width))
    density = covered * rng.uniform(0.5, 1.0)
    transmission = 1 - density[..., None] * (1 - colour)
    if rng.random() < MARGIN_LINE:
        margin = _rules(page.u, 1e6, rng.choice([-1, 1]) * page.digit_px * rng.uniform(0.3, 0.8), half_width)
        transmission = transmission * (1 - margin[..., None] * (1 - np.array(LINE_INKS[3], np.float32)) * 0.8)
    return np.asarray(transmission, np.float32)


def _rules(across: Floats, period: float, offset: float, half_width: float) -> Floats:
    """Coverage by lines at offset + n * period, with anti-aliased edges."""
    distance = np.abs((across - offset + period / 2) % period - period / 2)
    return np.asarray(np.clip(half_width + 0.5 - distance, 0, 1), np.float32)


def _strokes(ink_u8: Bytes, digit_side: int, rng: np.random.Generator, page: Page) -> Floats:
    """(H, W) coverage by the ink, whose digits measure `digit_side`, with the edges of a pen rather than of a scan."""
    height, width = page.u.shape
    if not ink_u8.any():
        return np.zeros((height, width), np.float32)
    top, bottom, left, right = ink_box(ink_u8 > 0)
    middle = (top + bottom) / 2, (left + right) / 2
    # The slope of an edge is to be that of MNIST's own soft strokes, not of the resampling.
    zoom = max(1, round(8 * GLYPH_BOX / digit_side))
    size = ink_u8.shape[1] * zoom, ink_u8.shape[0] * zoom
    large = Image.fromarray(ink_u8.astype(np.float32) / 255).resize(size, Image.Resampling.BICUBIC)
    scale = digit_side / page.digit_px * zoom  # pixels of `large` a pixel of the picture
    cos, sin = np.cos(page.tilt) * scale, np.sin(page.tilt) * scale
    x, y = page.centre
    matrix = (
        *(cos, sin, middle[1] * zoom - cos * x - sin * y),
        *(-sin, cos, middle[0] * zoom + sin * x - cos * y),
    )
    placed = np.asarray(large.transform((width, height), Image.Transform.AFFINE, matrix, Image.Resampling.BILINEAR))
    # Where the pen's edge lies on the slope sets its width; a higher level would break MNIST's faint strokes.
    level, softness = rng.uniform(0.25, 0.55), rng.uniform(0.1, 0.25)
    return np.clip((placed - level) / softness + 0.5, 0, 1).astype(np.float32)


def _ink(rng: np.random.Generator, strokes: Floats) -> Floats:
    """(H, W, 3) transmission of the ink, uneven as pressure and grain make it; with specks on some pages."""
    height, width = strokes.shape
    colour, grain = INKS[str(rng.choice(list(INKS)))]
    pressure = 1 - 0.12 * np.abs(_noise(rng, height, width, 30)) - grain * np.abs(_noise(rng, height, width, 2)) * 0.6
    strength = rng.uniform(0.8, 1.0)
    covered = strokes * np.clip(pressure, 0.25, 1) * strength
    if rng.random() < SPECKS:
        covered = np.maximum(covered, _specks(rng, height, width))
    return np.asarray(1 - covered[..., None] * (1 - np.array(colour, np.float32)), np.float32)


def _specks(rng: np.random.Generator, height: int, width: int) -> Floats:
    """(H, W) coverage by a few dots of 1 to 3 px radius, anywhere."""
    covered = np.zeros((height, width), np.float32)
    y, x = np.mgrid[-4:5, -4:5]
    for _ in range(rng.integers(1, 7)):
        dot = np.clip(rng.uniform(1, 3) + 0.5 - np.hypot(y, x), 0, 1)
        top, left = rng.integers(0, height - 9), rng.integers(0, width - 9)
        covered[top : top + 9, left : left + 9] = np.maximum(covered[top : top + 9, left : left + 9], dot)
    return covered


def _light(rng: np.random.Generator, height: int, width: int) -> Floats:
    """(H, W, 3) illumination: exposure, gradient, vignette, shadows, colour of the lamp."""
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    angle = rng.uniform(0, 2 * np.pi)
    light = 1 + rng.uniform(0, 0.35) * (np.cos(angle) * x + np.sin(angle) * y)
    light *= 1 - rng.uniform(0, 0.25) * (x**2 + y**2) / 2
    if rng.random() < SOFT_SHADOW:
        light *= _shadow(rng, x, y, softness=rng.uniform(0.15, 0.6))
    if rng.random() < HARD_SHADOW:
        light *= _shadow(rng, x, y, softness=rng.uniform(0.01, 0.04))
    lamp = 1 + rng.uniform(-0.15, 0.15) * np.array([1.0, 0.0, -1.0])
    return np.asarray((rng.uniform(0.45, 1.05) * light)[..., None] * lamp, np.float32)


def _shadow(
    rng: np.random.Generator, x: npt.NDArray[np.float64], y: npt.NDArray[np.float64], *, softness: float
) -> npt.NDArray[np.float64]:
    """Transmission of one shadow: what lies beyond a line, or beyond a round head or hand.

    softness: width of the edge, in half sides of the picture.
    """
    angle, offset, depth = rng.uniform(0, 2 * np.pi), rng.uniform(-0.6, 0.6), rng.uniform(0.25, 0.6)
    if rng.random() < 0.5:
        distance = np.cos(angle) * x + np.sin(angle) * y - offset
    else:
        radius = rng.uniform(0.5, 1.2)
        away = radius + abs(offset)  # the edge runs through the picture, not far from its middle
        distance = radius - np.hypot(x - away * np.cos(angle), y - away * np.sin(angle))
    return 1 - depth * np.asarray(np.clip(distance / softness + 0.5, 0, 1))


def _take(rng: np.random.Generator, light: Floats) -> Bytes:
    """The camera: blur, shot and read-out noise, sRGB's curve, JPEG."""
    exposed = np.clip(light, 0, 1) ** (1 / 2.2) * 255
    blurred = Image.fromarray(np.rint(exposed).astype(np.uint8)).filter(ImageFilter.GaussianBlur(rng.uniform(0.4, 1.5)))
    levels = np.asarray(blurred, np.float32)
    sigma = rng.uniform(1.5, 6) * (0.6 + 0.4 * np.sqrt(levels / 255))
    noisy = levels + sigma * rng.standard_normal(levels.shape, np.float32)
    file = io.BytesIO()
    picture = Image.fromarray(np.clip(np.rint(noisy), 0, 255).astype(np.uint8))
    picture.save(file, "JPEG", quality=int(rng.integers(40, 93)))
    return np.asarray(Image.open(file))
