"""Make photographs of MNIST digits, or numbers, written on paper.

    python bench/photographs.py --split validation --images 1000 [--numbers]

A page has reflectances (paper, printed lines, ink).  It is lit (gradient, vignette, shadows) and photographed
(blur, noise, JPEG).  Reflectances and light multiply in linear light; the picture is sRGB.
"""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageFilter

from mnist_classifier.core.arrays import Bytes, Doubles, Floats
from mnist_classifier.evaluation.robustness.drawing import enlarged, to_bytes
from mnist_classifier.recognition.imaging.normalise import BOX_SIDE, ink_box

# Height of a digit as a share of the number's height: digits differ in size and stand on an uneven line.
DIGIT_TO_LINE = 0.75
SIZE_PX, NUMBER_PX = 480, 640
# A crop: size of the photograph, largest margin as a share of the digit, range of heights.
CROPPED_FROM_PX, MAX_CROP_MARGIN, CROP_HEIGHTS_PX = 320, 0.15, (28.0, 120.0)
MAX_TILT_DEGREES, MAX_NUMBER_TILT_DEGREES = 10.0, 4.0

# Linear reflectance (R, G, B) of a full stroke, and the share of its darkness that the grain of the paper takes away.
INKS: dict[str, tuple[tuple[float, float, float], float]] = {
    "blue": ((0.04, 0.07, 0.32), 0.1),
    "black": ((0.03, 0.03, 0.035), 0.1),
    "red": ((0.55, 0.05, 0.06), 0.1),
    "pencil": ((0.17, 0.17, 0.18), 0.45),
}
# Blue, grey, green, red and, as on forms, dark grey.
LINE_INKS = ((0.40, 0.55, 0.80), (0.45, 0.45, 0.47), (0.55, 0.70, 0.58), (0.78, 0.45, 0.45), (0.25, 0.25, 0.27))
# Shares of all photographs.
RULED, SQUARED = 0.3, 0.3
SOFT_SHADOW, HARD_SHADOW, MARGIN_LINE, SPECKS = 0.6, 0.4, 0.15, 0.3


@dataclass(frozen=True)
class Page:
    """A tilted page: coordinates along (u) and across (v) its lines, in pixels, each (H, W)."""

    u: Floats
    v: Floats
    tilt: float  # radians
    digit_px: float  # longer side of the digit
    centre: tuple[float, float]  # of the digit: x, y in the picture


def photograph(glyph_u8: Bytes, rng: np.random.Generator, *, size_px: int = SIZE_PX) -> Bytes:
    """Write a digit on paper and photograph it.  Returns (H, W, 3) uint8 sRGB.

    glyph_u8: (28, 28) uint8, ink = 255; all 0 gives a blank page.  size_px: longer side of the picture.
    The whole digit is visible, 20 to 70 % of the shorter side, and turned by up to 10 degrees.
    """
    height, width = _shape(rng, size_px)
    return _picture(rng, _lay(rng, height, width), glyph_u8, BOX_SIDE)


def photograph_crop(glyph_u8: Bytes, rng: np.random.Generator) -> Bytes:
    """Photograph a digit and crop it tightly, like digits from forms.

    Returns (H, W, 3) uint8 sRGB, 28 to 120 px tall.
    """
    height, width = _shape(rng, CROPPED_FROM_PX)
    page = _lay(rng, height, width)
    inked = _strokes(glyph_u8, BOX_SIDE, np.random.default_rng(0), page) > 0.5
    picture = Image.fromarray(_picture(rng, page, glyph_u8, BOX_SIDE))
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
    """Write a number on paper and photograph it.  Returns (H, W, 3) uint8 sRGB.

    ink_u8: (H, W) uint8, ink = 255, from `strings`.  size_px: width of the picture.
    The whole number is visible, 50 to 85 % of the width or 70 % of the height, and turned by up to 4 degrees.
    """
    top, bottom, left, right = ink_box(ink_u8 > 0)
    tall, wide = bottom - top, right - left
    digit_side = max(1, round(DIGIT_TO_LINE * tall))
    width = size_px
    height = round(size_px * rng.uniform(0.4, 0.75))
    scale = min(width * rng.uniform(0.5, 0.85) / wide, height * 0.7 / tall)
    tilt = float(np.deg2rad(rng.uniform(-MAX_NUMBER_TILT_DEGREES, MAX_NUMBER_TILT_DEGREES)))
    reach_x, reach_y = (scale * (side + abs(tilt) * other) / 2 + 8 for side, other in ((wide, tall), (tall, wide)))
    centre = tuple(
        rng.uniform(min(reach, side / 2), max(side / 2, side - reach))
        for reach, side in ((reach_x, width), (reach_y, height))
    )
    page = _page(height, width, (float(centre[0]), float(centre[1])), tilt, digit_side * scale)
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
    """(H, W) smooth noise of mean 0 and a standard deviation of about 1, with spots of `grain_px`."""
    rows, columns = max(2, round(height / grain_px)), max(2, round(width / grain_px))
    return _soft_noise(rng, rows, columns, height, width)


def _soft_noise(rng: np.random.Generator, rows: int, columns: int, height: int, width: int) -> Floats:
    return enlarged(rng.standard_normal((rows, columns)).astype(np.float32), height, width)


def _paper(rng: np.random.Generator, height: int, width: int) -> Floats:
    """(H, W, 3) reflectance of paper: pulp, crossing fibres, a slight colour."""
    fibres = _soft_noise(rng, height // 2, width // 14, height, width)
    fibres = fibres + _soft_noise(rng, height // 14, width // 2, height, width)
    pulp = _noise(rng, height, width, 2.5) + fibres + _noise(rng, height, width, 40)
    brightness = rng.uniform(0.62, 0.9) * (1 + rng.uniform(0.005, 0.02) * pulp)
    colour = 1 + rng.uniform(-0.08, 0.04) * np.array([-0.3, 0.1, 1.0])  # mostly cream, sometimes bluish
    return np.asarray(brightness[..., None] * colour, np.float32)


def _lines(rng: np.random.Generator, page: Page) -> Floats:
    """(H, W, 3) transmission of the printed lines: ruled, squared or none, sometimes with a margin line."""
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
    """(H, W) coverage by lines at offset + n * period, anti-aliased."""
    distance = np.abs((across - offset + period / 2) % period - period / 2)
    return np.asarray(np.clip(half_width + 0.5 - distance, 0, 1), np.float32)


def _strokes(ink_u8: Bytes, digit_side: int, rng: np.random.Generator, page: Page) -> Floats:
    """(H, W) coverage by ink with the sharp edges of a pen; digits in `ink_u8` measure `digit_side` px."""
    height, width = page.u.shape
    if not ink_u8.any():
        return np.zeros((height, width), np.float32)
    top, bottom, left, right = ink_box(ink_u8 > 0)
    middle = (top + bottom) / 2, (left + right) / 2
    # The slope of an edge must come from MNIST's soft strokes, not from the resampling.
    zoom = max(1, round(8 * BOX_SIDE / digit_side))
    large = Image.fromarray(
        enlarged(ink_u8.astype(np.float32) / np.float32(255), *(side * zoom for side in ink_u8.shape))
    )
    scale = digit_side / page.digit_px * zoom  # pixels of `large` for one pixel of the picture
    cos, sin = np.cos(page.tilt) * scale, np.sin(page.tilt) * scale
    x, y = page.centre
    matrix = (
        *(cos, sin, middle[1] * zoom - cos * x - sin * y),
        *(-sin, cos, middle[0] * zoom + sin * x - cos * y),
    )
    placed = np.asarray(large.transform((width, height), Image.Transform.AFFINE, matrix, Image.Resampling.BILINEAR))
    # The level sets the width of the strokes; a higher level would break MNIST's faint strokes.
    level, softness = rng.uniform(0.25, 0.55), rng.uniform(0.1, 0.25)
    return np.clip((placed - level) / softness + 0.5, 0, 1).astype(np.float32)


def _ink(rng: np.random.Generator, strokes: Floats) -> Floats:
    """(H, W, 3) transmission of the ink, uneven from pressure and grain; some pages have specks."""
    height, width = strokes.shape
    colour, grain = INKS[str(rng.choice(list(INKS)))]
    pressure = 1 - 0.12 * np.abs(_noise(rng, height, width, 30)) - grain * np.abs(_noise(rng, height, width, 2)) * 0.6
    strength = rng.uniform(0.8, 1.0)
    covered = strokes * np.clip(pressure, 0.25, 1) * strength
    if rng.random() < SPECKS:
        covered = np.maximum(covered, _specks(rng, height, width))
    return np.asarray(1 - covered[..., None] * (1 - np.array(colour, np.float32)), np.float32)


def _specks(rng: np.random.Generator, height: int, width: int) -> Floats:
    """(H, W) coverage by a few dots with a radius of 1 to 3 px."""
    covered = np.zeros((height, width), np.float32)
    y, x = np.mgrid[-4:5, -4:5]
    for _ in range(rng.integers(1, 7)):
        dot = np.clip(rng.uniform(1, 3) + 0.5 - np.hypot(y, x), 0, 1)
        top, left = rng.integers(0, height - 9), rng.integers(0, width - 9)
        covered[top : top + 9, left : left + 9] = np.maximum(covered[top : top + 9, left : left + 9], dot)
    return covered


def _light(rng: np.random.Generator, height: int, width: int) -> Floats:
    """(H, W, 3) light: exposure, gradient, vignette, shadows, colour of the lamp."""
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


def _shadow(rng: np.random.Generator, x: Doubles, y: Doubles, *, softness: float) -> Doubles:
    """Transmission of one shadow with a straight edge, or a round one like that of a head.

    softness: width of the edge, in half sides of the picture.
    """
    angle, offset, depth = rng.uniform(0, 2 * np.pi), rng.uniform(-0.6, 0.6), rng.uniform(0.25, 0.6)
    if rng.random() < 0.5:
        distance = np.cos(angle) * x + np.sin(angle) * y - offset
    else:
        radius = rng.uniform(0.5, 1.2)
        away = radius + abs(offset)  # so the edge passes near the centre of the picture
        distance = radius - np.hypot(x - away * np.cos(angle), y - away * np.sin(angle))
    return 1 - depth * np.asarray(np.clip(distance / softness + 0.5, 0, 1))


def _take(rng: np.random.Generator, light: Floats) -> Bytes:
    """Photograph (H, W, 3) linear light: sRGB's curve, blur, shot and read-out noise, JPEG."""
    exposed = np.clip(light, 0, 1) ** (1 / 2.2) * 255
    blurred = Image.fromarray(to_bytes(exposed)).filter(ImageFilter.GaussianBlur(rng.uniform(0.4, 1.5)))
    levels = np.asarray(blurred, np.float32)
    sigma = rng.uniform(1.5, 6) * (0.6 + 0.4 * np.sqrt(levels / 255))
    noisy = levels + sigma * rng.standard_normal(levels.shape, np.float32)
    file = io.BytesIO()
    Image.fromarray(to_bytes(noisy)).save(file, "JPEG", quality=int(rng.integers(40, 93)))
    return np.asarray(Image.open(file))
