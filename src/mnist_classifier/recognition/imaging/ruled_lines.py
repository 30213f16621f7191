"""Remove the long straight thin lines of ruled and squared paper.

Works on densities (see photograph.py): the densities of a line and of the pen
add up, so subtracting the profile of the line keeps the strokes that cross it.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mnist_classifier.core.arrays import Floats
from mnist_classifier.recognition.imaging.filters import open_columns

# The documentation promises 10 degrees; 12 leaves a margin.
MAX_TILT_DEGREES = 12.0
COARSE_DEGREES, FINE_DEGREES = 0.5, 0.125
# A line is visible along this share of its way through the picture; the bar of a 7 or the foot of a 2 rarely is.
MIN_SHARE = 0.55
# It is visible along the same share of this part of its way at one end.
END_SHARE = 0.1
# Columns are examined in strips of this width; at 12 degrees a line rises by 1.7 px in one.
STRIP_PX = 8
MIN_SIDE_PX = 64
# Values of a profile below this share of its maximum are noise.
PROFILE_SKIRT = 0.15
# If so many lines are found, a line is at most so much denser than their median; the rest is a stroke along it.
MIN_LINES_ALIKE, MOST_ABOVE_MEDIAN = 3, 1.3


def remove_lines(density: Floats, floor: float) -> Floats:
    """Remove horizontal and vertical lines, rotated by up to 12 degrees.

    density: (H, W), ink > 0 on 0.  floor: a line is denser than its surroundings by more than this.
    """
    if min(density.shape) < MIN_SIDE_PX:
        return density
    across = _remove_rows(density, floor)
    return _remove_rows(across.T, floor).T


def _remove_rows(density: Floats, floor: float) -> Floats:
    """Remove horizontal lines."""
    height, width = density.shape
    # A printed line is at most 1/24 of the picture thick.
    thickest = max(7, min(height, width) // 24) | 1
    shares = _thin_shares(density - open_columns(density, thickest) > floor)
    if largest_share(shares) < MIN_SHARE:
        return density
    slope = _find_slope(shares)
    profile = share_by_row(shares, slope)
    # Printed lines start outside the picture; a long stem does not.
    end = max(1, round(shares.shape[1] * END_SHARE))
    ends = [share_by_row(shares, slope, strips) for strips in (slice(0, end), slice(-end, None))]
    profile[np.maximum(*ends) < MIN_SHARE] = 0
    if profile.max() < MIN_SHARE:
        return density
    rises = np.rint(slope * (np.arange(width) + 0.5 - width / 2)).astype(np.intp)
    half, found = thickest // 2 + 2, []
    while profile.max() >= MIN_SHARE:
        row = int(profile.argmax())
        profile[max(0, row - thickest) : row + thickest + 1] = 0
        found.append(_Line(density, row + rises, half))
    # Lines of one page are printed alike: what is much denser is a stroke that runs along one of them.
    densest = MOST_ABOVE_MEDIAN * float(np.median([line.profile.max() for line in found]))
    cleaned = density.copy()
    for line in found:
        line.remove_from(cleaned, densest if len(found) >= MIN_LINES_ALIKE else np.inf)
    return cleaned


class _Line:
    """One line.  centres: its row in each column; half: of the band to look at, px."""

    def __init__(self, density: Floats, centres: npt.NDArray[np.intp], half: int) -> None:
        self.rows = centres + np.arange(-half, half + 1)[:, None]
        self.columns = np.broadcast_to(np.arange(density.shape[1]), self.rows.shape)
        self.profile = _profile(self.band(density))

    def band(self, density: Floats) -> Floats:
        """(B, W) densities along the line."""
        band: Floats = density[self.rows.clip(0, len(density) - 1), self.columns]
        return band

    def remove_from(self, density: Floats, densest: float) -> None:
        """Take the line away, in place, as if it were no denser than `densest`."""
        printed = np.flatnonzero(self.profile)
        if len(printed) == 0:
            return
        band = self.band(density)
        profile = self.profile * np.float32(min(1.0, densest / float(self.profile.max())))
        cleaned = np.maximum(band - profile[:, None], 0)
        # A dark line hides how dense the pen was that crosses it: what is ink on both sides is ink between.
        first, last = int(printed[0]), int(printed[-1])
        bridge = np.minimum(band[max(0, first - 1)], band[min(len(band) - 1, last + 1)])
        cleaned[first : last + 1] = np.maximum(cleaned[first : last + 1], bridge)
        inside = (self.rows >= 0) & (self.rows < len(density))
        density[self.rows[inside], self.columns[inside]] = np.minimum(cleaned, band)[inside]


def _thin_shares(thin: npt.NDArray[np.bool_]) -> Floats:
    """Divide a (H, W) mask into strips of STRIP_PX columns; returns the share of true pixels in each row of each strip.

    (H, W // STRIP_PX); a row counts as much as an adjacent row with a larger share.
    """
    height, width = thin.shape
    strips = width // STRIP_PX
    shares = thin[:, : strips * STRIP_PX].reshape(height, strips, STRIP_PX).mean(axis=2, dtype=np.float32)
    beside = np.pad(shares, ((1, 1), (0, 0)))
    # In memory, each strip lies in one piece, because share_by_row adds up strips.
    return np.asarray(np.maximum(shares, np.maximum(beside[:-2], beside[2:])), np.float32, order="F")


def largest_share(shares: Floats) -> float:
    """No line has a larger visible share than this, whatever its slope; it may be above 1."""
    strips = shares.shape[1]
    # Where k strips are known, the sum is divided by k or by half of all strips, whichever is more.
    return float(np.sort(shares.max(axis=0))[strips // 2 :].sum() / (strips / 2))


def share_by_row(shares: Floats, slope: float, part: slice = slice(None)) -> Floats:
    """(H,) the visible share of each line of this slope, by its row in the middle column; part: strips to examine."""
    height, strips = shares.shape
    rises = np.rint(slope * ((np.arange(strips) + 0.5) - strips / 2) * STRIP_PX).astype(np.intp)[part]
    reach = int(np.abs(rises).max())
    length, tops = height + 2 * reach, reach - rises
    # Add up the strips, each shifted by its rise; outside the picture the line is unknown.
    sums = np.zeros(length, np.float32)
    for strip, top in zip(shares.T[part], tops.tolist(), strict=True):
        sums[top : top + height] += strip
    known = np.cumsum(np.bincount(tops, minlength=length) - np.bincount(tops + height, minlength=length + 1)[:-1])
    middle = slice(reach, reach + height)
    # If less than half of its way is in the picture, the share is reduced.
    return np.asarray(sums[middle] / np.maximum(known[middle], len(rises) / 2), np.float32)


def _find_slope(shares: Floats) -> float:
    """Find the slope for which the rows' shares differ most."""

    def sharpness(slope: float) -> float:
        return float((np.maximum(share_by_row(shares, slope) - MIN_SHARE / 2, 0) ** 2).sum())

    coarse = np.arange(-MAX_TILT_DEGREES, MAX_TILT_DEGREES + COARSE_DEGREES / 2, COARSE_DEGREES)
    best = max(coarse.tolist(), key=lambda degrees: sharpness(np.tan(np.deg2rad(degrees))))
    fine = best + np.arange(-COARSE_DEGREES, COARSE_DEGREES + FINE_DEGREES / 2, FINE_DEGREES)
    return float(max(np.tan(np.deg2rad(fine)).tolist(), key=sharpness))


def _profile(band: Floats) -> Floats:
    """Find the cross section (B,) of a line from the (B, W) densities around it."""
    # The 70 % quantile: above the mean, to remove unevenly printed lines, and below the density of crossing strokes.
    section = np.quantile(band, 0.7, axis=1).astype(np.float32)
    section -= section.min()
    # Rows are whole pixels, so the line may be a pixel higher or lower.
    beside = np.pad(section, 1)
    section = np.maximum(section, np.maximum(beside[:-2], beside[2:]))
    return np.where(section < PROFILE_SKIRT * section.max(), np.float32(0), section)
