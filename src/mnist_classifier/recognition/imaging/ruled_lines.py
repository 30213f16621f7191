"""Ruled and squared paper: long straight thin lines are found and taken away.

Works on densities (see photograph.py): a line adds its own to the pen's, so that
taking away the line's profile leaves what crosses it.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mnist_classifier.core.arrays import Floats
from mnist_classifier.recognition.imaging.filters import open_columns

# Photographs of a page are turned by some degrees; 12 leaves a margin over the 10 that are promised.
MAX_TILT_DEGREES = 12.0
COARSE_DEGREES, FINE_DEGREES = 0.5, 0.125
# A line is there in so much of its way through the picture.  The bar of a 7 or
# the foot of a 2 would have to cross more than half of the picture.
MIN_SHARE = 0.55
# ... and in as much of this part of its way at one of its ends.
END_SHARE = 0.1
# Columns are looked at in strips; at 12 degrees a line rises by 1.7 px in one.
STRIP_PX = 8
MIN_SIDE_PX = 64
# What is left of the part of a profile under this is noise of the paper.
PROFILE_SKIRT = 0.15


def remove_lines(density: Floats, floor: float) -> Floats:
    """Take away the lines that run across and down the picture, turned by up to 12 degrees.

    density: (H, W), ink > 0 on 0.  floor: what is denser than its surroundings by less is no line.
    """
    if min(density.shape) < MIN_SIDE_PX:
        return density
    across = _remove_rows(density, floor)
    return _remove_rows(across.T, floor).T


def _remove_rows(density: Floats, floor: float) -> Floats:
    """Take away lines that run along the rows."""
    height, width = density.shape
    # Whatever is thicker than 1/24 of the picture is no printed line.
    thickest = max(7, min(height, width) // 24) | 1
    shares = _thin_shares(density - open_columns(density, thickest) > floor)
    slope = _steepness(shares)
    profile = _share_by_row(shares, slope)
    # Printed lines come from outside of the picture; a long stem does not.
    end = max(1, round(shares.shape[1] * END_SHARE))
    ends = [_share_by_row(shares, slope, strips) for strips in (slice(0, end), slice(-end, None))]
    profile[np.maximum(*ends) < MIN_SHARE] = 0
    if profile.max() < MIN_SHARE:
        return density
    cleaned = density.copy()
    rises = np.rint(slope * (np.arange(width) + 0.5 - width / 2)).astype(np.intp)
    while profile.max() >= MIN_SHARE:
        row = int(profile.argmax())
        profile[max(0, row - thickest) : row + thickest + 1] = 0
        _remove_line(cleaned, row + rises, thickest // 2 + 2)
    return cleaned


def _thin_shares(thin: npt.NDArray[np.bool_]) -> Floats:
    """(H, W) mask -> (H, W // STRIP_PX): how much of each strip's row, or of the rows beside it, is true."""
    height, width = thin.shape
    strips = width // STRIP_PX
    shares = thin[:, : strips * STRIP_PX].reshape(height, strips, STRIP_PX).mean(axis=2, dtype=np.float32)
    beside = np.pad(shares, ((1, 1), (0, 0)))
    return np.asarray(np.maximum(shares, np.maximum(beside[:-2], beside[2:])), np.float32)


def _share_by_row(shares: Floats, slope: float, part: slice = slice(None)) -> Floats:
    """For lines of this slope, named by their row in the middle column: how much of their way they are there.

    part: strips of that way that are looked at.
    """
    height, strips = shares.shape
    rises = np.rint(slope * ((np.arange(strips) + 0.5) - strips / 2) * STRIP_PX).astype(np.intp)[part]
    shares, strips = shares[:, part], len(rises)
    reach = int(np.abs(rises).max())
    # One strip after another, moved by its rise; outside the picture nothing is known.
    sums, known = np.zeros(height + 2 * reach, np.float32), np.zeros(height + 2 * reach, np.float32)
    for strip, rise in enumerate(rises.tolist()):
        sums[reach - rise : reach - rise + height] += shares[:, strip]
        known[reach - rise : reach - rise + height] += 1
    middle = slice(reach, reach + height)
    # Less than half of a way in the picture is too little to judge by.
    return np.asarray(sums[middle] / np.maximum(known[middle], strips / 2), np.float32)


def _steepness(shares: Floats) -> float:
    """The slope at which the rows' shares stand out most."""

    def sharpness(slope: float) -> float:
        return float((np.maximum(_share_by_row(shares, slope) - MIN_SHARE / 2, 0) ** 2).sum())

    coarse = np.arange(-MAX_TILT_DEGREES, MAX_TILT_DEGREES + COARSE_DEGREES / 2, COARSE_DEGREES)
    best = max(coarse.tolist(), key=lambda degrees: sharpness(np.tan(np.deg2rad(degrees))))
    fine = best + np.arange(-COARSE_DEGREES, COARSE_DEGREES + FINE_DEGREES / 2, FINE_DEGREES)
    return float(max(np.tan(np.deg2rad(fine)).tolist(), key=sharpness))


def _remove_line(density: Floats, centres: npt.NDArray[np.intp], half: int) -> None:
    """Take one line away, in place.  centres: its row in each column; half: of the band to look at, px."""
    height, width = density.shape
    rows = centres + np.arange(-half, half + 1)[:, None]
    inside = (rows >= 0) & (rows < height)
    columns = np.broadcast_to(np.arange(width), rows.shape)
    band = density[rows.clip(0, height - 1), columns]
    profile = _profile(band)
    printed = np.flatnonzero(profile)
    if len(printed) == 0:
        return
    cleaned = np.maximum(band - profile[:, None], 0)
    # A dark line hides how dense the pen was that crosses it: what is ink on both sides is ink between.
    first, last = int(printed[0]), int(printed[-1])
    bridge = np.minimum(band[max(0, first - 1)], band[min(len(band) - 1, last + 1)])
    cleaned[first : last + 1] = np.maximum(cleaned[first : last + 1], bridge)
    density[rows[inside], columns[inside]] = np.minimum(cleaned, band)[inside]


def _profile(band: Floats) -> Floats:
    """(B, W) densities along a line -> (B,) cross section of the line itself."""
    # 70 % of the columns have less: more than the mean, since a line that is
    # not printed evenly must go as well, and less than the pen that crosses it.
    section = np.quantile(band, 0.7, axis=1).astype(np.float32)
    section -= section.min()
    # Rows are whole pixels and the line is not: it may lie a pixel higher or lower.
    beside = np.pad(section, 1)
    section = np.maximum(section, np.maximum(beside[:-2], beside[2:]))
    return np.where(section < PROFILE_SKIRT * section.max(), np.float32(0), section)
