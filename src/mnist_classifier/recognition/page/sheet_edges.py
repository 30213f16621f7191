"""Measure whether the four sides of a possible sheet are edges of paper, and where exactly they are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mnist_classifier.core.arrays import Doubles, Floats, Indices, Mask
from mnist_classifier.recognition.imaging.photograph import BLACK_LEVEL
from mnist_classifier.recognition.page.polygons import area, filled, intersections, is_convex

# Places on each side that are measured.  Shares of the picture's longer side: how far off a side may be, and the width
# of the two bands that are compared.
PLACES, REACH, BAND = 40, 0.025, 0.025
# A side with fewer of its places in the picture is the picture's border.
LEAST_INSIDE, LEAST_MARGIN_PX = 0.3, 4
# A place is on an edge if the band inside is brighter by this logarithm.  A hand may cover some of the places.
LEAST_LOG, LEAST_PLACES = 0.12, 0.7
# The least median logarithm, by the number of sides in the picture.  Shadows of docs/evaluation.md have up to 0.8.
LEAST_CONTRAST = {1: 0.9, 2: 0.55, 3: 0.25, 4: 0.2}
# So much of the step lies within a few px if the edge is sharp.  Shadows are softer.
SHARP, SHARP_PX = 0.6, 3
# One edge, or two opposite ones, may be softer: the page of a book bends into a shadow.
SOFT_EDGE = 0.45
# A dark edge, alone or opposite of another, may have a soft shadow; it covers at most this share of the picture.
WIDEST_EDGE = 0.25
# The straight line of an edge passes so near to most of the places where the step is largest.
NEAR_PX = 2.5
# How far beyond its end a side is looked at, as a share of its length.
BEYOND = 0.15
# This share of what lies beyond one edge or two is dark.
DARK_OUTSIDE = 0.85
# Left out along each edge, as a share of the sheet's shorter side: the thickness of paper, a curled edge.
RIM = 0.01
# Corners of a sheet under a perspective of 20 degrees are at least and at most so wide: cosine of 45 degrees.
MOST_COSINE = 0.7
# Corners lie at most so far outside of the picture, in shares of its sides.
OUTSIDE = 0.35


@dataclass(frozen=True)
class Edge:
    """A side that is an edge of paper: its line, the median logarithm of the step, whether it is sharp, its weight."""

    start: Doubles
    end: Doubles
    contrast: float
    is_sharp: bool
    weight: float


def measure_edges(levels: Floats, corners: Doubles, *, is_lighter: bool) -> tuple[float, Doubles] | None:
    """Find the exact corners of a sheet; None if it is none.

    levels: (H, W) float32.  corners: (4, 2) x, y in its px, clockwise.  Returns how clear the edges are, and the
    (4, 2) corners of the part to read.
    """
    logs = np.log(levels + np.float32(BLACK_LEVEL))
    logs = logs if is_lighter else -logs
    starts, ends = corners.copy(), np.roll(corners, -1, axis=0)
    edges: list[Edge] = []
    are_edges = [False] * 4
    for index in range(4):
        places, share = _places_inside(starts[index], ends[index], levels.shape)
        if share < LEAST_INSIDE:
            size = [levels.shape[1], levels.shape[0]]
            starts[index], ends[index] = starts[index].clip(0, size), ends[index].clip(0, size)
            continue
        edge = _measure(logs, starts[index], ends[index], places)
        if edge is None:
            return None
        starts[index], ends[index] = edge.start, edge.end
        edges.append(edge)
        are_edges[index] = True
    if not edges or not _is_convincing(edges, are_edges, is_lighter=is_lighter):
        return None
    exact, around = (_moved(starts, ends, are_edges, px) for px in (_rim(starts, ends), -SHARP_PX))
    if exact is None or around is None or not _is_possible(exact, levels.shape, are_edges):
        return None
    if _goes_on(logs, around, are_edges):
        return None
    if len(edges) < 3 and not _is_dark_outside(logs, exact, around):
        return None
    return sum(edge.weight for edge in edges), exact


def _places_inside(start: Doubles, end: Doubles, shape: tuple[int, ...]) -> tuple[Doubles, float]:
    """Places (N, 2) on a side that lie within the picture, and the share that they are of all."""
    places = start + np.linspace(0.04, 0.96, PLACES)[:, None] * (end - start)
    size = np.array([shape[1], shape[0]])
    within = ((places >= LEAST_MARGIN_PX) & (places <= size - LEAST_MARGIN_PX)).all(axis=1)
    return places[within], float(within.mean())


def _measure(logs: Floats, start: Doubles, end: Doubles, places: Doubles) -> Edge | None:
    """Measure the step across one side; None if it is no edge."""
    reach, band = round(REACH * max(logs.shape)), round(BAND * max(logs.shape))
    length = float(np.hypot(*(end - start)))
    along = (end - start) / length
    inward = np.array([-along[1], along[0]])
    profiles = _profiles(logs, places, inward, reach + band)
    wide, narrow = _steps(profiles, reach, band), _steps(profiles, reach, min(band, SHARP_PX))
    both = wide + narrow
    distances = (places - start) @ along
    found = both.argmax(axis=1) - reach
    line = _fit(distances, found, np.take_along_axis(wide, (found + reach)[:, None], 1)[:, 0] >= LEAST_LOG)
    if line is None:
        return None
    near = np.rint(np.polyval(line, distances)).astype(int).clip(-reach, reach) + reach
    around = (near[:, None] + np.arange(-2, 3)).clip(0, 2 * reach)
    steps = np.take_along_axis(wide, around, 1).max(axis=1)
    if float((steps >= LEAST_LOG).mean()) < LEAST_PLACES:
        return None
    sharp = np.take_along_axis(narrow, around, 1).max(axis=1)
    contrast = float(np.median(steps))
    shift = np.polyval(line, [0.0, length])
    return Edge(
        start + shift[0] * inward,
        end + shift[1] * inward,
        contrast,
        float(np.median(sharp)) >= SHARP * contrast,
        length * len(places) / PLACES * min(contrast, 1.0) * float((steps >= LEAST_LOG).mean()),
    )


def _profiles(logs: Floats, places: Doubles, inward: Doubles, reach: int) -> Floats:
    """(N, 2 * reach + 1) levels across a side at (N, 2) places, from the outside to the inside."""
    points = places[:, None] + np.arange(-reach, reach + 1)[:, None] * inward
    height, width = logs.shape
    columns = np.floor(points[..., 0]).astype(int).clip(0, width - 1)
    rows = np.floor(points[..., 1]).astype(int).clip(0, height - 1)
    profiles: Floats = logs[rows, columns]
    return profiles


def _steps(profiles: Floats, reach: int, band: int) -> Floats:
    """(N, 2 * reach + 1) means of the band inside of each offset less those of the band outside."""
    sums = np.cumsum(np.pad(profiles, ((0, 0), (1, 0))), axis=1, dtype=np.float64)
    middle = profiles.shape[1] // 2 + np.arange(-reach, reach + 1)
    inside = sums[:, middle + 1 + band] - sums[:, middle + 1]
    outside = sums[:, middle] - sums[:, middle - band]
    return ((inside - outside) / band).astype(np.float32)


def _fit(distances: Doubles, offsets: Indices, are_edges: Mask) -> Doubles | None:
    """The line through most of the places that are edges, as `np.polyval` takes it; None if they lie on none.

    Source: Theil and Sen's estimator, the median of the slopes between all pairs.
    """
    if are_edges.mean() < LEAST_PLACES or len(distances) < 8:
        return None
    x, y = distances[are_edges], offsets[are_edges].astype(np.float64)
    first, second = np.triu_indices(len(x), 1)
    slope = float(np.median((y[second] - y[first]) / (x[second] - x[first])))
    line = np.array([slope, float(np.median(y - slope * x))])
    return line if float((np.abs(np.polyval(line, x) - y) <= NEAR_PX).mean()) >= LEAST_PLACES else None


def _is_convincing(edges: list[Edge], are_edges: list[bool], *, is_lighter: bool) -> bool:
    """Whether the edges are those of paper rather than of shadows."""
    count = len(edges)
    is_sharp, contrast = all(edge.is_sharp for edge in edges), min(edge.contrast for edge in edges)
    if not is_lighter:
        return count == 4 and is_sharp and contrast >= LEAST_CONTRAST[3]
    if count == 2 and are_edges[0] == are_edges[2]:
        return contrast >= SOFT_EDGE
    return contrast >= (SOFT_EDGE if count == 1 else LEAST_CONTRAST[count]) and (is_sharp or count == 1)


def _rim(starts: Doubles, ends: Doubles) -> float:
    return 2 + RIM * float(np.hypot(*(ends - starts).T).min())


def _moved(starts: Doubles, ends: Doubles, are_edges: list[bool], inward_px: float) -> Doubles | None:
    """The corners (4, 2) once the edges are moved inward; None if two sides are parallel."""
    along = (ends - starts) / np.hypot(*(ends - starts).T)[:, None]
    inward = np.stack([-along[:, 1], along[:, 0]], axis=1)
    shift = inward * np.where(are_edges, inward_px, 0.0)[:, None]
    return intersections(starts + shift, ends + shift)


def _goes_on(logs: Floats, corners: Doubles, are_edges: list[bool]) -> bool:
    """Whether the edges on both sides of a third go on beyond it: that one is the edge of a shadow on the sheet."""
    for index, is_edge in enumerate(are_edges):
        before, first, last, after = np.roll(corners, -index, axis=0)[[3, 0, 1, 2]]
        if is_edge and _is_edge_beyond(logs, before, first, -1) and _is_edge_beyond(logs, after, last, 1):
            return True
    return False


def _is_edge_beyond(logs: Floats, start: Doubles, end: Doubles, turn: int) -> bool:
    """Whether a side goes on as an edge beyond its end.  turn: 1 if the sheet is on its left, -1 on its right."""
    reach, band = round(REACH * max(logs.shape)), round(BAND * max(logs.shape))
    side = end - start
    places = end + np.linspace(0.04, BEYOND, PLACES // 2)[:, None] * side
    size = np.array([logs.shape[1], logs.shape[0]])
    places = places[((places >= LEAST_MARGIN_PX) & (places <= size - LEAST_MARGIN_PX)).all(axis=1)]
    if len(places) < PLACES // 8:
        return False
    inward = turn * np.array([side[1], -side[0]]) / float(np.hypot(*side))
    steps = _steps(_profiles(logs, places, inward, reach + band), reach, band).max(axis=1)
    return float((steps >= LEAST_LOG).mean()) >= LEAST_PLACES


def _is_dark_outside(logs: Floats, corners: Doubles, around: Doubles) -> bool:
    """Whether it is dark from the edges to the picture's border: on the other side of a stroke is paper again.

    corners, around: (4, 2), within and beyond the edges.
    """
    inside, outside = logs[filled(corners, logs.shape)], logs[~filled(around, logs.shape)]
    if not inside.size or not outside.size:
        return False
    page, (dark, brightest) = float(np.median(inside)), np.quantile(outside, (0.5, DARK_OUTSIDE)).tolist()
    return bool(page - dark >= LEAST_CONTRAST[1] and page - brightest >= LEAST_CONTRAST[1] / 2)


def _is_possible(corners: Doubles, shape: tuple[int, ...], are_edges: list[bool]) -> bool:
    """Whether a camera can see a rectangle like this."""
    if not is_convex(corners):
        return False
    sides = np.roll(corners, -1, axis=0) - corners
    sides /= np.hypot(*sides.T)[:, None]
    if float(np.abs((sides * np.roll(sides, 1, axis=0)).sum(axis=1)).max()) > MOST_COSINE:
        return False
    size = np.array([shape[1], shape[0]])
    if (corners < -OUTSIDE * size).any() or (corners > (1 + OUTSIDE) * size).any():
        return False
    return sum(are_edges) > 2 or area(corners.clip(0, size)) >= (1 - WIDEST_EDGE) * shape[0] * shape[1]
